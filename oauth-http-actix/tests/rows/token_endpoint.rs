//! T and W: what is granted, and how the answer looks.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use oauth_core::audit::What;
use oauth_core::store::{AccessTokenFormat, AuthMethod, Deregister, Principal};
use oauth_core::token::{FactsRequest, HookError, HostFacts, RESERVED_CLAIMS, TokenAdditions, TokenHook};
use oauth_core::types::{ClientId, Scope, Subject};
use oauth_core::{ClientSpec, RequestContext, ValidatedGrant};
use oauth_testkit::block_on;
use serde_json::Value;

use crate::support::{Answer, Ask, Backend, Host, PASSWORD, Registered, SCOPE, TRUST, TestKey, Way, phone};
use crate::{GRANT, on_every_store};

on_every_store!(
    t01_errors_of_the_grant_type_are_precise_and_come_after_authentication,
    t03_the_success_answer_has_its_exact_shape,
    t05_every_refresh_asks_for_user_and_client_anew,
    t06_hooks_cannot_overwrite_protocol_claims,
    w01_client_credentials_are_for_confidential_clients_without_refresh_token,
    w02_a_client_cannot_pass_for_a_user,
);

fn t01_errors_of_the_grant_type_are_precise_and_come_after_authentication<B: Backend>() {
    let host = Host::<B>::start();
    let grantless = host.client("grantless", |spec| spec.grants([] as [&str; 0]));
    host.token("").is(400, "invalid_request");
    host.token("scope=profile").is(400, "invalid_request");
    for unknown in ["x", "password", "Refresh_Token", "authorization_code", "urn:x:y", "client_credentials2"] {
        host.token(&format!("grant_type={unknown}")).is(400, "unsupported_grant_type");
    }
    host.token_as(&grantless, GRANT).is(400, "unauthorized_client");
    // every server knows how to refresh; this client was not registered for it, whatever it sends
    for form in ["grant_type=refresh_token", "grant_type=refresh_token&refresh_token=x"] {
        host.token(form).is(400, "unauthorized_client");
    }
    for form in ["", "scope=profile", "grant_type=x", GRANT, "grant_type=client_credentials&scope=%22"] {
        host.send(&Ask::token().basic("app", "wrong").form(form)).is(401, "invalid_client");
    }

    let host = Host::<B>::people(|builder| builder);
    host.client("grantless", |spec| spec.grants([] as [&str; 0]).legacy_json_bodies());
    host.register(ClientSpec::public("nothing").legacy_json_bodies().scope("orders.read").audience(["orders"]));
    for way in Way::ALL {
        let phone = ("client_id", "phone");
        let send = |parameters: &[(&str, &str)]| host.send(&way.ask(parameters));
        send(&[phone]).is(400, "invalid_request");
        send(&[phone, ("grant_type", "")]).is(400, "invalid_request");
        for unknown in ["x", "Password", "Refresh_Token", "authorization_code", "urn:x:y"] {
            send(&[phone, ("grant_type", unknown)]).is(400, "unsupported_grant_type");
        }
        for known in ["password", "refresh_token", TRUST, "client_credentials"] {
            let nothing = [("client_id", "nothing"), ("grant_type", known)];
            send(&nothing).is(400, "unauthorized_client");
            // only then are the grant's own parameters looked at
            if known != "client_credentials" {
                send(&[phone, ("grant_type", known)]).is(400, "invalid_request");
            }
        }
        // and all of it comes after authentication
        for grant_type in ["", "x", "password", "refresh_token", TRUST, "client_credentials"] {
            let wrong = [("client_id", "app"), ("client_secret", "wrong"), ("grant_type", grant_type)];
            send(&wrong).is(401, "invalid_client");
            send(&[("client_id", "nobody"), ("grant_type", grant_type)]).is(401, "invalid_client");
        }
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

    let host = Host::<B>::people(|builder| builder);
    host.add_person("bob", Some(PASSWORD), true, &["bob"]);
    let signed_in = host.sign_in(Way::Form, "bob", PASSWORD);
    let refreshed = host.refresh(Way::Form, &signed_in.refresh_token());
    let narrow = host.refresh_with(Way::Form, &refreshed.refresh_token(), &[("scope", "orders.read")]);
    let members = |answer: &Answer| answer.json().as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let whole = ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"];
    assert_eq!(
        (members(&signed_in), members(&refreshed)),
        (whole.map(str::to_owned).into(), whole.map(str::to_owned).into())
    );
    assert_eq!(members(&narrow), ["access_token", "expires_in", "refresh_token", "scope", "token_type"]);
    let in_json = host.sign_in(Way::Json, "bob", PASSWORD);
    for answer in [&signed_in, &refreshed, &narrow, &in_json, &host.refresh(Way::Json, &in_json.refresh_token())] {
        let member = |name| answer.member(name).unwrap();
        assert_eq!((member("token_type"), member("expires_in")), ("Bearer".into(), 600.into()));
        assert!(!answer.scope().is_empty() && !answer.text().contains("null"));
        let tokens = [answer.token(), answer.refresh_token()];
        assert!(tokens.iter().all(|token| !token.is_empty()));
        for (_, value) in &answer.headers {
            assert!(!tokens.iter().any(|token| value.contains(token)), "{answer:?}");
        }
    }
    // a refresh token comes with `offline_access` and an id token with `openid`, and not else
    let plain = host.begin_as("phone", "orders.read");
    assert_eq!(members(&plain), ["access_token", "expires_in", "scope", "token_type"]);
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

    let host = Host::<B>::people(|builder| builder.token_hook(Arc::new(Greedy)));
    host.add_person("bob", Some(PASSWORD), true, &["bob"]);
    for way in Way::BOTH {
        let signed_in = host.sign_in(way, "bob", PASSWORD);
        let refreshed = host.refresh(way, &signed_in.refresh_token());
        for answer in [signed_in, refreshed] {
            assert!(!answer.text().contains("stolen"), "{answer:?}");
            let (_, claims) = TestKey::read(&answer.token());
            assert!(!claims.to_string().contains("stolen") && claims["department"] == "sales", "{claims}");
            assert_eq!((&claims["sub"], &claims["client_id"]), (&"bob".into(), &"phone".into()));
            // an id token holds what the core says and nothing of the host's
            let (_, claims) = TestKey::read(&answer.id_token());
            let names: Vec<&String> = claims.as_object().unwrap().keys().collect();
            assert_eq!(names, ["aud", "auth_time", "exp", "iat", "iss", "sub"]);
        }
    }
}

fn t05_every_refresh_asks_for_user_and_client_anew<B: Backend>() {
    let host = Host::<B>::people(|builder| builder.password_strikes(2, Duration::from_secs(900)));
    host.add_person("bob", Some(PASSWORD), true, &["bob"]);
    let bob: Subject = "bob".parse().unwrap();
    let phone_id: ClientId = "phone".parse().unwrap();
    for way in Way::BOTH {
        let token = host.sign_in(way, "bob", PASSWORD).refresh_token();
        // a user who is off: refused, and nothing is spent
        host.backend.set_active(&bob, false);
        host.refresh(way, &token).is(400, "invalid_grant");
        host.backend.set_active(&bob, true);
        let token = host.refresh(way, &token).refresh_token();
        // one who is locked because somebody guesses is not signed out by that
        (0..3).for_each(|_| host.sign_in(way, "bob", "wrong").is(400, "invalid_grant"));
        host.sign_in(way, "bob", PASSWORD).is(400, "invalid_grant");
        let token = host.refresh(way, &token).refresh_token();
        host.clock.advance(Duration::from_secs(900));
        // a client whose record is off, or gone
        let the_phone = Registered { id: "phone".to_owned(), secret: String::new() };
        host.administer(&the_phone, |client| client.active = false);
        host.refresh(way, &token).is(401, "invalid_client");
        host.administer(&the_phone, |client| client.active = true);
        let token = host.refresh(way, &token).refresh_token();
        assert_eq!(block_on(host.backend.deregister(&phone_id)).unwrap(), Deregister::Removed);
        host.refresh(way, &token).is(401, "invalid_client");
        host.register(phone("phone"));
        let token = host.refresh(way, &token).refresh_token();
        // a client that may not refresh any more
        host.register(phone("phone").grants([TRUST]));
        host.refresh(way, &token).is(400, "unauthorized_client");
        host.register(phone("phone"));
        let token = host.refresh(way, &token).refresh_token();
        // switched off through the server, all that it holds ends for good
        block_on(host.server.set_client_active(&phone_id, false)).unwrap();
        host.refresh(way, &token).is(401, "invalid_client");
        block_on(host.server.set_client_active(&phone_id, true)).unwrap();
        host.refresh(way, &token).is(400, "invalid_grant");
        host.clock.advance(Duration::from_secs(1));
        // and so it is with all that a user holds
        let begun = host.sign_in(way, "bob", PASSWORD);
        block_on(host.server.revoke_subject(&bob)).unwrap();
        host.refresh(way, &begun.refresh_token()).is(400, "invalid_grant");
        assert!(!host.is_live(&begun));
        host.clock.advance(Duration::from_secs(1));
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

    let host = Host::<B>::people(|builder| builder);
    let the_phone = Registered { id: "phone".to_owned(), secret: String::new() };
    for careless in [false, true] {
        if careless {
            host.administer(&the_phone, |client| {
                client.grants = oauth_core::store::GrantTypes::of(["client_credentials", "refresh_token"]);
            });
        }
        for way in Way::ALL {
            let ask = way.ask(&[("grant_type", "client_credentials"), ("client_id", "phone")]);
            host.send(&ask).is(400, "unauthorized_client");
        }
    }
    // `offline_access` and `openid` are about users: a client in its own name gets neither token
    let spec = ClientSpec::confidential("worker").grants(["client_credentials", "refresh_token"]).scope(SCOPE);
    let worker = host.register(spec.audience(["orders"]).legacy_json_bodies());
    for way in Way::ALL {
        for scope in [SCOPE, "offline_access", "openid offline_access", ""] {
            let answer = host.send(&Host::<B>::by_body(way, &worker, &[("scope", scope)]));
            assert!(answer.status == 400 || answer.member("refresh_token").is_none(), "{answer:?}");
            assert!(answer.status == 400 || answer.member("id_token").is_none(), "{answer:?}");
        }
    }
}

fn w02_a_client_cannot_pass_for_a_user<B: Backend>() {
    let host = Host::<B>::start();
    let mut alice = None;
    for format in [None, Some(AccessTokenFormat::Opaque)] {
        let id = if format.is_some() { "bob" } else { "alice" };
        // the client comes first: under a user's subject none is registered
        let client = host.client(id, |spec| match &format {
            Some(format) => spec.access_token(format.clone()),
            None => spec,
        });
        let user = host.user(id);
        alice.get_or_insert(user);
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
    let alice = alice.unwrap();
    let taken = ClientSpec::confidential("carol").scope("orders.read").audience(["orders"]);
    assert!(block_on(host.server.ensure_client(taken)).unwrap_err().to_string().contains("subject of a user"));
    for client in ["alice", "app"] {
        assert!(block_on(host.server.issue(&alice, &client.parse().unwrap(), &scope)).is_err());
    }

    let host = Host::<B>::people(|builder| builder);
    host.add_person("bob", Some(PASSWORD), true, &["bob"]);
    // a client that is called as a user is, whom a registry of the host's own made later
    let namesake = host.client("dora", ClientSpec::legacy_json_bodies);
    host.add_person("dora", Some(PASSWORD), true, &["dora"]);
    for way in Way::ALL {
        let token = host.send(&Host::<B>::by_body(way, &namesake, &[])).token();
        host.send(&Ask::new("GET", "/me").bearer(&token)).is(403, "insufficient_scope");
        assert_eq!(host.guarded(&token).text(), "client dora");
        // from then on that user gets nothing, by any grant: nobody could tell the two apart
        let ask = way.ask(&[("grant_type", TRUST), ("client_id", "phone"), ("user", "dora"), ("scope", SCOPE)]);
        host.send(&ask).is(400, "invalid_grant");
        let signed_in = host.sign_in(way, "bob", PASSWORD);
        assert_eq!(host.send(&Ask::new("GET", "/me").bearer(&signed_in.token())).text(), "bob");
        let refreshed = host.refresh(way, &signed_in.refresh_token());
        assert_eq!(host.send(&Ask::new("GET", "/me").bearer(&refreshed.token())).text(), "bob");
        // an id token is no access token, and neither is a refresh token
        for other in [refreshed.id_token(), refreshed.refresh_token()] {
            host.guarded(&other).is(401, "invalid_token");
        }
    }
}
