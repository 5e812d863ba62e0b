//! T and W: what is granted, and how the answer looks.

use std::sync::Arc;

use async_trait::async_trait;
use oauth_core::audit::What;
use oauth_core::store::{AccessTokenFormat, AuthMethod, Principal};
use oauth_core::token::{FactsRequest, HookError, HostFacts, RESERVED_CLAIMS, TokenAdditions, TokenHook};
use oauth_core::types::Scope;
use oauth_core::{RequestContext, ValidatedGrant};
use oauth_testkit::block_on;
use serde_json::Value;

use crate::support::{Ask, Backend, Host, TestKey};
use crate::{GRANT, on_both_stores};

on_both_stores!(
    t01_errors_of_the_grant_type_are_precise_and_come_after_authentication,
    t03_the_success_answer_has_its_exact_shape,
    t06_hooks_cannot_overwrite_protocol_claims,
    w01_client_credentials_are_for_confidential_clients_without_refresh_token,
    w02_a_client_cannot_pass_for_a_user,
);

fn t01_errors_of_the_grant_type_are_precise_and_come_after_authentication<B: Backend>() {
    let host = Host::<B>::start();
    let grantless = host.client("grantless", |spec| spec.grants([] as [&str; 0]));
    host.token("").is(400, "invalid_request");
    host.token("scope=profile").is(400, "invalid_request");
    for unknown in ["x", "password", "refresh_token", "authorization_code", "urn:x:y", "client_credentials2"] {
        host.token(&format!("grant_type={unknown}")).is(400, "unsupported_grant_type");
    }
    host.token_as(&grantless, GRANT).is(400, "unauthorized_client");
    for form in ["", "scope=profile", "grant_type=x", GRANT, "grant_type=client_credentials&scope=%22"] {
        host.send(&Ask::token().basic("app", "wrong").form(form)).is(401, "invalid_client");
    }
}

fn t03_the_success_answer_has_its_exact_shape<B: Backend>() {
    let host = Host::<B>::start();
    let opaque = host.client("opaque", |spec| spec.access_token(AccessTokenFormat::Opaque));
    for client in [&host.app, &opaque] {
        for form in [GRANT.to_owned(), format!("{GRANT}&scope=profile"), format!("{GRANT}&scope=profile+unknown")] {
            let answer = host.token_as(client, &form);
            let json = answer.json();
            let members: Vec<&String> = json.as_object().unwrap().keys().collect();
            assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
            assert_eq!((&json["token_type"], &json["expires_in"]), (&"Bearer".into(), &600.into()));
            assert!(json["scope"].as_str().is_some_and(|scope| !scope.is_empty()));
            assert!(json.as_object().unwrap().values().all(|value| !value.is_null()));
            let token = answer.token();
            assert!(answer.headers.iter().all(|(_, value)| !value.contains(&token)));
            assert_eq!(answer.header("location"), None);
        }
    }
}

/// Wants to be everything.
#[derive(Debug)]
struct Greedy;

#[async_trait]
impl TokenHook for Greedy {
    async fn facts(&self, _: &RequestContext, _: &FactsRequest<'_>) -> Result<HostFacts, HookError> {
        Ok(HostFacts::new())
    }

    async fn additions(
        &self,
        _: &RequestContext,
        _: &ValidatedGrant,
        _: &HostFacts,
        additions: &mut TokenAdditions,
    ) -> Result<(), HookError> {
        for claim in RESERVED_CLAIMS {
            additions.claim(claim, "stolen");
        }
        for member in ["access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token", "error"] {
            additions.member(member, "stolen");
        }
        additions.claim("department", "sales");
        additions.member("department", "sales");
        additions.claim("nothing", Value::Null);
        Ok(())
    }
}

fn t06_hooks_cannot_overwrite_protocol_claims<B: Backend>() {
    let host = Host::<B>::with(|builder| builder.token_hook(Arc::new(Greedy)));
    let opaque = host.client("opaque", |spec| spec.access_token(AccessTokenFormat::Opaque));
    for client in [&host.app, &opaque] {
        host.forget();
        let answer = host.token_as(client, GRANT);
        assert!(!answer.text().contains("stolen"), "{answer:?}");
        assert_eq!(answer.json()["department"], "sales");
        let token = answer.token();
        if token.contains('.') {
            let (_, claims) = TestKey::read(&token);
            assert!(!claims.to_string().contains("stolen"), "{claims}");
            assert_eq!((&claims["department"], claims.get("nothing")), (&"sales".into(), None));
        }
        let access = block_on(host.verifier().verify(&token)).unwrap();
        assert_eq!(access.claim("department"), Some(&"sales".into()));
        assert!(RESERVED_CLAIMS.iter().all(|claim| access.claim(claim).is_none()));
        assert!(matches!(access.principal(), Some(Principal::Client { client: id }) if id.as_str() == client.id));
        let told = |event: &oauth_core::audit::Event| matches!(event.what, What::ClaimIgnored { .. });
        assert_eq!(host.events().iter().filter(|event| told(event)).count(), RESERVED_CLAIMS.len() + 7);
    }
}

fn w01_client_credentials_are_for_confidential_clients_without_refresh_token<B: Backend>() {
    let host = Host::<B>::start();
    let public = host.client("public", |spec| spec.auth_methods(&[AuthMethod::None]).grants([] as [&str; 0]));
    let ask = Ask::token().form(format!("{GRANT}&client_id=public"));
    host.send(&ask).is(400, "unauthorized_client");
    // not even when a careless administrator allows it
    host.administer(&public, |client| client.grants = oauth_core::store::GrantTypes::of(["client_credentials"]));
    host.send(&ask).is(400, "unauthorized_client");
    let answer = host.token(&format!("{GRANT}&scope=profile"));
    assert!(answer.json().get("refresh_token").is_none());
    assert_eq!(host.issued(), 1);
}

fn w02_a_client_cannot_pass_for_a_user<B: Backend>() {
    let host = Host::<B>::start();
    let alice = host.user("alice");
    for format in [None, Some(AccessTokenFormat::Opaque)] {
        let id = if format.is_some() { "bob" } else { "alice" };
        host.user("bob");
        let client = host.client(id, |spec| match &format {
            Some(format) => spec.access_token(format.clone()),
            None => spec,
        });
        let token = host.good_token(&client);
        let answer = host.send(&Ask::new("GET", "/me").bearer(&token));
        answer.is(403, "insufficient_scope");
        assert_eq!(host.guarded(&token).text(), format!("client {id}"));
    }
    let scope: Scope = "orders.read".parse().unwrap();
    let carol = host.user("carol");
    let issued = block_on(host.server.issue(&carol, &"app".parse().unwrap(), &scope)).unwrap();
    let token = issued.access_token.expose();
    assert_eq!(host.send(&Ask::new("GET", "/me").bearer(token)).text(), "carol");
    assert_eq!(host.guarded(token).text(), "user carol through app");
    // a user whose name is a client's gets no token through any client: a reader could not tell them apart
    for client in ["alice", "app"] {
        assert!(block_on(host.server.issue(&alice, &client.parse().unwrap(), &scope)).is_err());
    }
}
