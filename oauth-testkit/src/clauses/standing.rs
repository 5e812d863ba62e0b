//! What was taken back stays taken back: JWTs, by their family, their tombstone and the cutoffs.

use oauth_core::store::{
    AccessTokenRecord, Cutoff, CutoffKey, Principal, RevokeToken, RevokedWhy, Standing, StandingQuery,
};
use oauth_core::types::Timestamp;

use super::{done, fresh, hostile_ids, hostile_texts, standing_of};
use crate::samples::{
    BEGIN, TOKEN_END, after, client_id, cutoff, family, family_id, jwt, jwt_of, start, subject, token, token_id,
};
use crate::{Fixture, TenantStore};

fn standing(store: &TenantStore, query: &StandingQuery) -> Standing {
    done(store.grants.standing(query))
}

fn revoke(store: &TenantStore, id: &str) {
    done(store.grants.revoke_token(RevokeToken::Jwt { id: token_id(id), expires_at: TOKEN_END }));
}

/// A JWT stands while its family does; a family that is not known is revoked.
pub fn a_jwt_stands_while_its_family_does(f: &Fixture) {
    assert_eq!(standing(&f.store, &jwt_of(&family(1))), Standing::Revoked, "the family is not known");
    let _ = done(f.store.grants.start_family(start(family(1))));
    let _ = done(f.store.grants.start_family(start(family(2))));
    assert_eq!(standing(&f.store, &jwt_of(&family(1))), Standing::Live);
    let _ = done(f.store.grants.revoke_family(&family_id(1), RevokedWhy::Host, after(1)));
    for issued_at in [BEGIN, after(1), after(2)] {
        assert_eq!(standing(&f.store, &StandingQuery { issued_at, ..jwt_of(&family(1)) }), Standing::Revoked);
    }
    assert_eq!(standing(&f.store, &jwt_of(&family(2))), Standing::Live);
    done(f.store.grants.cut_off(cutoff(CutoffKey::Client(client_id("app")), after(50))));
    let late = StandingQuery { issued_at: after(99), ..jwt_of(&family(2)) };
    assert_eq!(standing(&f.store, &late), Standing::Revoked, "its family began before the cutoff");
}

/// A tombstone takes back the one JWT that it names, for good; tokens without `jti` have none.
pub fn a_tombstone_takes_back_one_jwt(f: &Fixture) {
    let named = |id: Option<&str>| StandingQuery { id: id.map(token_id), ..jwt("app", None, BEGIN) };
    let ids: Vec<String> = hostile_ids().into_iter().filter(|id| id.len() <= 128 && !id.contains(' ')).collect();
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(standing(&f.store, &named(Some(id))), Standing::Live, "{id:?}");
        revoke(&f.store, id);
        revoke(&f.store, id);
        for (other, id) in ids.iter().enumerate() {
            let expected = if other <= number { Standing::Revoked } else { Standing::Live };
            assert_eq!(standing(&f.store, &named(Some(id))), expected, "{id:?}");
        }
    }
    assert_eq!(standing(&f.store, &named(None)), Standing::Live);
    let _ = done(f.store.grants.start_family(start(family(1))));
    let of_family = StandingQuery { id: Some(token_id("a")), ..jwt_of(&family(1)) };
    assert_eq!(standing(&f.store, &of_family), Standing::Revoked, "also when the token has a family");
}

/// What was issued at or before a cutoff is dead, a millisecond later it lives; for JWTs and opaque tokens alike.
pub fn a_cutoff_ends_what_was_issued_at_or_before_it(f: &Fixture) {
    let boundary = [(BEGIN, Standing::Revoked), (after(10), Standing::Revoked), (after(11), Standing::Live)];
    let subjects = [None, Some("alice"), Some("bob"), Some("app")];
    let mut tokens = Vec::new();
    for (query, _) in combinations(&subjects, &boundary) {
        let number = fresh();
        let client = query.client.clone().unwrap();
        let principal = match query.subject.clone() {
            Some(subject) => Principal::User { subject, client },
            None => Principal::Client { client },
        };
        let record = AccessTokenRecord { principal, issued_at: query.issued_at, ..token(number) };
        let _ = done(f.store.grants.insert_access_token(record));
        tokens.push((number, query));
    }
    let covers = |key: &CutoffKey, query: &StandingQuery| match key {
        CutoffKey::Client(client) => query.client.as_ref() == Some(client),
        CutoffKey::Everything => true,
        CutoffKey::Grant { subject, client } => {
            query.subject.as_ref() == Some(subject) && query.client.as_ref() == Some(client)
        }
        CutoffKey::Subject(subject) => query.subject.as_ref() == Some(subject),
    };
    let mut cut = Vec::new();
    let grant = CutoffKey::Grant { subject: subject("bob"), client: client_id("other") };
    let (alice, app) = (CutoffKey::Subject(subject("alice")), CutoffKey::Client(client_id("app")));
    for key in [grant, alice, app, CutoffKey::Everything] {
        done(f.store.grants.cut_off(cutoff(key.clone(), after(10))));
        cut.push(key);
        for (number, query) in &tokens {
            let covered = cut.iter().any(|key| covers(key, query)) && query.issued_at <= after(10);
            let expected = if covered { Standing::Revoked } else { Standing::Live };
            assert_eq!(standing(&f.store, query), expected, "JWT {query:?} after {cut:?}");
            assert_eq!(standing_of(&f.store, *number), expected, "opaque {query:?} after {cut:?}");
        }
    }
}

fn combinations(
    subjects: &[Option<&str>],
    times: &[(Timestamp, Standing)],
) -> impl Iterator<Item = (StandingQuery, Standing)> {
    let mut all = Vec::new();
    for client in ["app", "other", "alice"] {
        for user in subjects {
            for (issued_at, standing) in times {
                all.push((jwt(client, *user, *issued_at), *standing));
            }
        }
    }
    all.into_iter()
}

/// A tombstone is kept until the `exp` of its JWT, however far that is.
pub fn a_tombstone_is_kept_however_far_the_exp(f: &Fixture) {
    let years = |years: i64| Timestamp::from_seconds(years * 31_557_600);
    let tombstones = [("2100", years(130)), ("2200", years(230)), ("9999", years(8029)), ("ever", Timestamp::MAX)];
    for (id, expires_at) in tombstones {
        done(f.store.grants.revoke_token(RevokeToken::Jwt { id: token_id(id), expires_at }));
    }
    for before in [years(130), years(8029), Timestamp::MAX] {
        assert!(!done(f.store.grants.purge_expired(before, 1000)).more);
        for (id, expires_at) in tombstones {
            let query = StandingQuery { id: Some(token_id(id)), ..jwt("app", None, BEGIN) };
            let expected = if expires_at < before { Standing::Live } else { Standing::Revoked };
            assert_eq!(standing(&f.store, &query), expected, "{id:?} after a purge before {before:?}");
        }
    }
}

/// A later cutoff replaces an earlier one, never the other way round.
pub fn a_cutoff_only_moves_forward(f: &Fixture) {
    let grant = CutoffKey::Grant { subject: subject("alice"), client: client_id("app") };
    let (alice, app) = (CutoffKey::Subject(subject("alice")), CutoffKey::Client(client_id("app")));
    for (key, dead) in [grant, alice, app, CutoffKey::Everything].into_iter().zip([50, 100, 200, 300]) {
        for at in [dead - 20, dead, dead - 10, i64::MIN] {
            let at = if at == i64::MIN { Timestamp::from_millis(at) } else { after(at) };
            done(f.store.grants.cut_off(cutoff(key.clone(), at)));
        }
        assert_eq!(standing(&f.store, &jwt("app", Some("alice"), after(dead))), Standing::Revoked, "{key:?}");
        assert_eq!(standing(&f.store, &jwt("app", Some("alice"), after(dead + 1))), Standing::Live, "{key:?}");
    }
}

/// No cutoff reaches another subject or client, whatever they are written with.
pub fn cutoffs_match_byte_for_byte(f: &Fixture) {
    cuts_one_at_a_time(
        f,
        &hostile_texts(),
        |text| CutoffKey::Subject(subject(text)),
        |text| jwt("nobody", Some(text), BEGIN),
    );
    cuts_one_at_a_time(f, &hostile_ids(), |text| CutoffKey::Client(client_id(text)), |text| jwt(text, None, BEGIN));
}

fn cuts_one_at_a_time(f: &Fixture, texts: &[String], key: fn(&str) -> CutoffKey, query: fn(&str) -> StandingQuery) {
    for (number, text) in texts.iter().enumerate() {
        done(f.store.grants.cut_off(Cutoff { key: key(text), at: after(1) }));
        for (other, text) in texts.iter().enumerate() {
            let expected = if other <= number { Standing::Revoked } else { Standing::Live };
            assert_eq!(standing(&f.store, &query(text)), expected, "{text:?}");
        }
    }
}
