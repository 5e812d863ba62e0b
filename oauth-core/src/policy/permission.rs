//! Who may use what: client and user as they are registered, grants and habits as server and client both allow them.

use crate::error::Refusal;
use crate::store::{AuthenticationContext, Client, GrantTypes, RefreshPolicy, User};
use crate::types::Scope;

/// The scope that asks for a refresh token (OpenID Connect Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";
/// The scope that asks for an id token (OpenID Connect Core §3.1.2.1).
pub const OPENID: &str = "openid";

/// The client is active.
///
/// # Errors
/// [`Refusal::ClientInactive`].
pub(crate) const fn client_is_active(client: &Client) -> Result<(), Refusal> {
    if client.active { Ok(()) } else { Err(Refusal::ClientInactive) }
}

/// The server has the grant.
///
/// # Errors
/// [`Refusal::GrantTypeUnsupported`].
pub(crate) fn server_has_grant<'a>(grant_type: &str, mut known: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
    if known.any(|known| known == grant_type) { Ok(()) } else { Err(Refusal::GrantTypeUnsupported) }
}

/// The client is registered for the grant.
///
/// # Errors
/// [`Refusal::GrantNotAllowed`].
pub(crate) fn client_has_grant(client: &Client, grant_type: &str) -> Result<(), Refusal> {
    if client.grants.contains(grant_type) { Ok(()) } else { Err(Refusal::GrantNotAllowed) }
}

/// The client may send a body of this format.
///
/// # Errors
/// [`Refusal::ClientFormat`].
pub(crate) const fn client_may_send(client: &Client, is_json: bool) -> Result<(), Refusal> {
    if is_json && !client.json_bodies { Err(Refusal::ClientFormat) } else { Ok(()) }
}

/// The client can keep a secret: RFC 6749 §4.4, "MUST only be used by confidential clients".
///
/// # Errors
/// [`Refusal::ClientNotConfidential`].
pub(crate) const fn client_is_confidential(client: &Client) -> Result<(), Refusal> {
    if client.is_confidential() { Ok(()) } else { Err(Refusal::ClientNotConfidential) }
}

/// The user is there.
///
/// # Errors
/// [`Refusal::SubjectUnknown`].
pub(crate) fn user_is_known(user: Option<User>) -> Result<User, Refusal> {
    user.ok_or(Refusal::SubjectUnknown)
}

/// The user is active.
///
/// # Errors
/// [`Refusal::SubjectInactive`].
pub(crate) const fn user_is_active(user: &User) -> Result<(), Refusal> {
    if user.active { Ok(()) } else { Err(Refusal::SubjectInactive) }
}

/// A confidential client acts for listed users only: nothing shows that the user knows of it. Whom a public client gets
/// tokens for is the word of the host's grant alone.
///
/// # Errors
/// [`Refusal::SubjectNotListed`].
pub(crate) fn client_acts_for(client: &Client, user: &User) -> Result<(), Refusal> {
    let listed = !client.is_confidential() || client.acts_for.contains(&user.subject);
    if listed { Ok(()) } else { Err(Refusal::SubjectNotListed) }
}

/// A token in the name of a user whose subject is the client's own id would look like that client's own (RFC 9700 §4.15).
///
/// # Errors
/// [`Refusal::SubjectIsClient`].
pub(crate) fn user_is_not_the_client(user: &User, client: &Client) -> Result<(), Refusal> {
    if user.subject.as_str() == client.id.as_str() { Err(Refusal::SubjectIsClient) } else { Ok(()) }
}

/// The user signed in for it, or the client is public: one that became confidential since would act in the user's name
/// without the bounds of that.
///
/// # Errors
/// [`Refusal::SubjectNotListed`].
pub(crate) fn signed_in_or_public(auth: Option<&AuthenticationContext>, client: &Client) -> Result<(), Refusal> {
    if auth.is_some() || !client.is_confidential() { Ok(()) } else { Err(Refusal::SubjectNotListed) }
}

/// Client and user still allow to go on without the user.
///
/// # Errors
/// [`Refusal::GrantWithdrawn`].
pub(crate) fn may_go_on_offline(client: &Client, user: &User) -> Result<(), Refusal> {
    let allows = |scope: &Scope| scope.contains(OFFLINE_ACCESS);
    if allows(&client.scope) && user.scope.as_ref().is_none_or(allows) { Ok(()) } else { Err(Refusal::GrantWithdrawn) }
}

/// Whether a refresh token goes with a grant: the grant gives them, the client may use them, the scope asks for one.
#[must_use]
pub fn gives_refresh_token(grant_gives: bool, client: &Client, granted: &Scope) -> bool {
    grant_gives && client.grants.contains(GrantTypes::REFRESH_TOKEN) && granted.contains(OFFLINE_ACCESS)
}

/// Whether an id token goes with a grant: the grant gives them, the server signs them, the scope asks for one.
#[must_use]
pub fn gives_id_token(grant_gives: bool, server_signs: bool, granted: &Scope) -> bool {
    grant_gives && server_signs && granted.contains(OPENID)
}

/// Whether a client's refresh tokens stay when they are used: as it is registered, and for a public client only where
/// the server says so too (RFC 9700 §4.14.2).
#[must_use]
pub fn refresh_token_stays(client: &Client, static_for_public: bool) -> bool {
    client.refresh.policy == RefreshPolicy::Static && (client.is_confidential() || static_for_public)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixtures::{confidential, public, scope, user};
    use crate::store::RefreshRule;

    #[test]
    fn each_rule_refuses_by_its_own_name_and_nothing_else() {
        let (client, app) = (confidential(), public());
        assert_eq!(client_is_active(&client), Ok(()));
        assert_eq!(client_is_active(&Client { active: false, ..client.clone() }), Err(Refusal::ClientInactive));
        assert_eq!(user_is_not_the_client(&user(), &client), Ok(()));
        let named_alike = User { subject: client.id.as_str().parse().unwrap(), ..user() };
        assert_eq!(user_is_not_the_client(&named_alike, &client), Err(Refusal::SubjectIsClient));
        let auth = crate::policy::fixtures::auth(1);
        for (auth, client, listed) in
            [(None, &client, false), (None, &app, true), (Some(&auth), &client, true), (Some(&auth), &app, true)]
        {
            assert_eq!(signed_in_or_public(auth, client).is_ok(), listed);
        }
        assert_eq!(signed_in_or_public(None, &client), Err(Refusal::SubjectNotListed));
        assert_eq!(server_has_grant("b", ["a", "b"].into_iter()), Ok(()));
        assert_eq!(server_has_grant("B", ["a", "b"].into_iter()), Err(Refusal::GrantTypeUnsupported));
        assert_eq!(client_has_grant(&client, "client_credentials"), Ok(()));
        assert_eq!(client_has_grant(&client, "password"), Err(Refusal::GrantNotAllowed));
        assert_eq!(client_is_confidential(&client), Ok(()));
        assert_eq!(client_is_confidential(&app), Err(Refusal::ClientNotConfidential));
        assert_eq!(user_is_known(Some(user())), Ok(user()));
        assert_eq!(user_is_known(None), Err(Refusal::SubjectUnknown));
        assert_eq!(user_is_active(&user()), Ok(()));
        assert_eq!(user_is_active(&User { active: false, ..user() }), Err(Refusal::SubjectInactive));
    }

    #[test]
    fn json_needs_the_client_s_word_and_a_form_does_not() {
        for (json_bodies, is_json, allowed) in
            [(false, false, true), (false, true, false), (true, false, true), (true, true, true)]
        {
            let client = Client { json_bodies, ..confidential() };
            assert_eq!(client_may_send(&client, is_json).is_ok(), allowed, "{json_bodies} {is_json}");
        }
    }

    #[test]
    fn a_confidential_client_acts_for_listed_users_only() {
        let listed = Client { acts_for: vec![user().subject], ..confidential() };
        assert_eq!(client_acts_for(&listed, &user()), Ok(()));
        assert_eq!(client_acts_for(&confidential(), &user()), Err(Refusal::SubjectNotListed));
        let other = User { subject: "bob".parse().unwrap(), ..user() };
        assert_eq!(client_acts_for(&listed, &other), Err(Refusal::SubjectNotListed));
        assert_eq!(client_acts_for(&public(), &user()), Ok(()));
    }

    #[test]
    fn going_on_offline_needs_client_and_user() {
        let client = public();
        let without = Client { scope: scope("read"), ..client.clone() };
        let bounded = |text| User { scope: Some(scope(text)), ..user() };
        assert_eq!(may_go_on_offline(&client, &user()), Ok(()));
        assert_eq!(may_go_on_offline(&client, &bounded("offline_access")), Ok(()));
        assert_eq!(may_go_on_offline(&client, &bounded("read")), Err(Refusal::GrantWithdrawn));
        assert_eq!(may_go_on_offline(&without, &user()), Err(Refusal::GrantWithdrawn));
    }

    #[test]
    fn refresh_and_id_tokens_need_everybody_s_word() {
        let without = public();
        let with = Client { grants: GrantTypes::of(["refresh_token"]), ..public() };
        let offline = scope("offline_access");
        for (gives, client, granted, given) in [
            (true, &with, &offline, true),
            (false, &with, &offline, false),
            (true, &without, &offline, false),
            (true, &with, &scope("read"), false),
        ] {
            assert_eq!(gives_refresh_token(gives, client, granted), given);
        }
        for (gives, signs, granted, given) in [
            (true, true, "openid", true),
            (false, true, "openid", false),
            (true, false, "openid", false),
            (true, true, "read", false),
        ] {
            assert_eq!(gives_id_token(gives, signs, &scope(granted)), given);
        }
    }

    #[test]
    fn a_static_refresh_token_of_a_public_client_needs_the_server_s_word() {
        let stays = RefreshRule { policy: RefreshPolicy::Static, ..RefreshRule::default() };
        for (client, server, given) in [(confidential(), false, true), (public(), false, false), (public(), true, true)]
        {
            assert_eq!(refresh_token_stays(&Client { refresh: stays.clone(), ..client.clone() }, server), given);
            assert!(!refresh_token_stays(&client, server), "who rotates rotates");
        }
    }
}
