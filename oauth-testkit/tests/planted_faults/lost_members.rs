//! A store that loses any one member of a record is caught by that record's round trip.

use oauth_core::store::{
    AccessTokenFormat, AccessTokenRecord, AuthMethods, AuthorizationRequestRecord, Binding, Client, CodeRecord,
    ConsentRecord, Extra, FamilyRecord, FrozenRequest, GrantTypes, KeyMaterial, KeyRecord, KeyState, KeyUse, LegacyTyp,
    OptionalClaim, Principal, RefreshPolicy, RefreshState, RequestOrigin, RequestState, TokenProfile, User,
};
use oauth_core::types::{ClientId, KeyId, Scope, Subject, Timestamp, TokenId};
use oauth_testkit::{Fixture, clauses};

use crate::faulty::Losses;
use crate::{catches, forgetful};

/// A member, and how the store loses it.
type Loss<T> = (&'static str, fn(&mut T));

const ZERO: Timestamp = Timestamp::from_millis(0);

/// Whether a round trip catches the loss, in a few tries: some members are seldom anything but empty.
fn is_caught(round_trip: fn(&Fixture), fixture: &Fixture) -> bool {
    (0..6).any(|_| catches(round_trip, fixture))
}

/// Changes what a legacy profile consists of, if the client has one.
fn legacy(client: &mut Client, change: fn(&mut Option<LegacyTyp>, &mut Vec<OptionalClaim>)) {
    if let Some(AccessTokenFormat::Jwt { profile: TokenProfile::Legacy { typ, omit }, .. }) =
        &mut client.access_token.format
    {
        change(typ, omit);
    }
}

/// Without a loss the same wrapper keeps the contract: it is the loss that is caught.
mod without_loss {
    fn sound() -> oauth_testkit::Fixture {
        crate::forgetful(crate::Losses::NONE)
    }

    oauth_testkit::store_contract!(sound);
}

#[test]
fn of_a_client() {
    let losses: [Loss<Client>; 27] = [
        ("name", |c| c.name.clear()),
        ("version", |c| c.version = 0),
        ("active", |c| c.active = true),
        ("auth_methods", |c| c.auth_methods = AuthMethods::default()),
        ("secrets", |c| c.secrets.clear()),
        ("order of secrets", |c| c.secrets.sort_by(|a, b| a.id.cmp(&b.id))),
        ("expiry of secrets", |c| c.secrets.iter_mut().for_each(|secret| secret.expires_at = None)),
        ("grants", |c| c.grants = GrantTypes::default()),
        ("default_scope", |c| c.default_scope = Scope::empty()),
        ("scope", |c| c.scope = Scope::empty()),
        ("redirect_uris", |c| c.redirect_uris.clear()),
        ("empty redirect_uris", |c| c.redirect_uris.retain(|uri| !uri.is_empty())),
        ("resources", |c| c.resources.clear()),
        ("audience", |c| c.audience.truncate(1)),
        ("access_token.format", |c| c.access_token.format = None),
        ("access_token.format.profile.typ", |c| legacy(c, |typ, _| *typ = None)),
        ("access_token.format.profile.omit", |c| legacy(c, |_, omit| omit.clear())),
        ("access_token.lifetime", |c| c.access_token.lifetime = None),
        ("refresh.policy", |c| c.refresh.policy = RefreshPolicy::Static),
        ("refresh.idle and absolute", |c| (c.refresh.idle, c.refresh.absolute) = (c.refresh.absolute, c.refresh.idle)),
        ("networks", |c| c.networks = c.networks.take().filter(|networks| !networks.is_empty())),
        ("acts_for", |c| c.acts_for.clear()),
        ("order of acts_for", |c| c.acts_for.sort_by(|a, b| a.as_str().cmp(b.as_str()))),
        ("json_bodies", |c| c.json_bodies = false),
        ("created_at", |c| c.created_at = c.updated_at),
        ("updated_at", |c| c.updated_at = Timestamp::from_seconds(c.updated_at.seconds())),
        ("extra", |c| c.extra = Extra::default()),
    ];
    for (member, client) in losses {
        let fixture = forgetful(Losses { client, ..Losses::NONE });
        assert!(is_caught(clauses::a_client_comes_back_as_it_was_given, &fixture), "{member}");
    }
}

#[test]
fn of_a_user() {
    let losses: [Loss<User>; 4] = [
        ("active", |u| u.active = true),
        ("scope", |u| u.scope = None),
        ("an empty scope", |u| u.scope = u.scope.take().filter(|scope| !scope.is_empty())),
        ("password", |u| u.password = None),
    ];
    for (member, user) in losses {
        let fixture = forgetful(Losses { user, ..Losses::NONE });
        assert!(is_caught(clauses::a_user_comes_back_as_it_was_added, &fixture), "{member}");
    }
}

#[test]
fn of_a_key() {
    let losses: [Loss<KeyRecord>; 9] = [
        ("kid", |k| k.kid = KeyId::parse("k").unwrap()),
        ("usage", |k| k.usage = KeyUse::Derive),
        ("state", |k| k.state = KeyState::Announced),
        ("public_jwk", |k| k.public_jwk = None),
        ("material", |k| k.material = KeyMaterial::Sealed(Vec::new())),
        ("announced_at", |k| k.times.announced_at = ZERO),
        ("active_at", |k| k.times.active_at = None),
        ("retired_at", |k| k.times.retired_at = None),
        ("listed_until", |k| k.times.listed_until = None),
    ];
    for (member, key) in losses {
        let fixture = forgetful(Losses { key, ..Losses::NONE });
        assert!(is_caught(clauses::a_key_comes_back_as_it_was_given, &fixture), "{member}");
    }
}

#[test]
fn of_a_request() {
    let losses: [Loss<AuthorizationRequestRecord>; 11] = [
        ("origin", |r| r.origin = RequestOrigin::Plain),
        ("client", |r| r.client = ClientId::parse("c").unwrap()),
        ("redirect_uri", |r| r.redirect_uri.clear()),
        ("request", |r| {
            r.request = FrozenRequest::from_bytes(r.request.as_bytes().iter().copied().take(255).collect()).unwrap();
        }),
        ("browser", |r| r.browser = None),
        ("state", |r| r.state = RequestState::Begun),
        ("binding", |r| r.binding = Binding::None),
        ("resource", |r| r.resource.truncate(1)),
        ("begun_at", |r| r.begun_at = r.expires_at),
        ("expires_at", |r| r.expires_at = Timestamp::MAX),
        ("extra", |r| r.extra = Extra::default()),
    ];
    for (member, request) in losses {
        let fixture = forgetful(Losses { request, ..Losses::NONE });
        assert!(is_caught(clauses::a_request_comes_back_as_it_was_given, &fixture), "{member}");
    }
}

#[test]
fn of_a_code() {
    let losses: [Loss<CodeRecord>; 12] = [
        ("client", |c| c.client = ClientId::parse("c").unwrap()),
        ("subject", |c| c.subject = Subject::parse("s").unwrap()),
        ("scope", |c| c.scope = Scope::empty()),
        ("redirect_uri", |c| c.redirect_uri.clear()),
        ("challenge", |c| c.challenge = None),
        ("nonce", |c| c.nonce = None),
        ("resource", |c| c.resource.truncate(1)),
        ("binding", |c| c.binding = Binding::None),
        ("auth", |c| c.auth = None),
        ("issued_at", |c| c.issued_at = Timestamp::from_seconds(c.issued_at.seconds())),
        ("expires_at", |c| c.expires_at = Timestamp::MAX),
        ("extra", |c| c.extra = Extra::default()),
    ];
    for (member, code) in losses {
        let fixture = forgetful(Losses { code, ..Losses::NONE });
        assert!(is_caught(clauses::a_code_comes_back_as_it_was_given, &fixture), "{member}");
    }
}

#[test]
fn of_a_consent() {
    let losses: [Loss<ConsentRecord>; 6] = [
        ("key.redirect_uri", |c| c.key.redirect_uri.clear()),
        ("key.resource", |c| c.key.resource.truncate(1)),
        ("scope", |c| c.scope = Scope::empty()),
        ("granted_at", |c| c.granted_at = ZERO),
        ("expires_at", |c| c.expires_at = Timestamp::MAX),
        ("extra", |c| c.extra = Extra::default()),
    ];
    for (member, consent) in losses {
        let fixture = forgetful(Losses { consent, ..Losses::NONE });
        assert!(is_caught(clauses::a_consent_comes_back_as_it_was_given, &fixture), "{member}");
    }
}

#[test]
fn of_a_family() {
    let losses: [Loss<FamilyRecord>; 22] = [
        ("scope", |f| f.scope = Scope::empty()),
        ("resource", |f| f.resource.truncate(1)),
        ("binding", |f| f.binding = Binding::None),
        ("auth", |f| f.auth = None),
        ("auth.amr", |f| f.auth.iter_mut().for_each(|auth| auth.amr.truncate(1))),
        ("auth.acr", |f| f.auth.iter_mut().for_each(|auth| auth.acr = None)),
        ("code_digest", |f| f.code_digest = None),
        ("refresh", |f| f.refresh = None),
        ("refresh.generation", |f| f.refresh.iter_mut().for_each(|state| state.generation = 0)),
        ("refresh.previous_digest", |f| f.refresh.iter_mut().for_each(|state| state.previous_digest = None)),
        ("refresh.salt", |f| f.refresh.iter_mut().for_each(|state| state.salt = None)),
        ("the end of refresh.salt", |f| {
            if let Some(RefreshState { salt: Some(salt), .. }) = &mut f.refresh {
                salt.expires_at = ZERO;
            }
        }),
        ("refresh.key_id", |f| f.refresh.iter_mut().for_each(|state| state.key_id = KeyId::parse("k").unwrap())),
        ("refresh.rotated_at", |f| f.refresh.iter_mut().for_each(|state| state.rotated_at = ZERO)),
        ("refresh.retries", |f| f.refresh.iter_mut().for_each(|state| state.retries = state.retry_streak)),
        ("refresh.retry_streak", |f| f.refresh.iter_mut().for_each(|state| state.retry_streak = 0)),
        ("refresh.idle_expires_at", |f| f.refresh.iter_mut().for_each(|state| state.idle_expires_at = ZERO)),
        ("issued_at", |f| f.issued_at = f.seen_at),
        ("seen_at", |f| f.seen_at = f.issued_at),
        ("absolute_expires_at", |f| f.absolute_expires_at = Timestamp::MAX),
        ("revoked", |f| f.revoked = None),
        ("extra", |f| f.extra = Extra::default()),
    ];
    for (member, family) in losses {
        let fixture = forgetful(Losses { family, ..Losses::NONE });
        assert!(is_caught(clauses::a_family_comes_back_as_it_was_given, &fixture), "{member}");
    }
}

#[test]
fn of_an_access_token() {
    let losses: [Loss<AccessTokenRecord>; 11] = [
        ("id", |t| t.id = TokenId::parse("t").unwrap()),
        ("family", |t| t.family = None),
        ("principal", |t| t.principal = Principal::Client { client: t.principal.client().clone() }),
        ("scope", |t| t.scope = Scope::empty()),
        ("audience", |t| t.audience.clear()),
        ("resource", |t| t.resource.clear()),
        ("binding", |t| t.binding = Binding::None),
        ("auth", |t| t.auth = None),
        ("issued_at", |t| t.issued_at = Timestamp::from_seconds(t.issued_at.seconds())),
        ("expires_at", |t| t.expires_at = Timestamp::from_seconds(t.expires_at.seconds())),
        ("extra", |t| t.extra = Extra::from_bytes(t.extra.as_bytes().iter().copied().take(255).collect()).unwrap()),
    ];
    for (member, token) in losses {
        let fixture = forgetful(Losses { token, ..Losses::NONE });
        assert!(is_caught(clauses::an_access_token_comes_back_as_it_was_given, &fixture), "{member}");
    }
}
