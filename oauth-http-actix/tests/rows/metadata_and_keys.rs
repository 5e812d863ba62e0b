//! M: what the server says of itself, and its keys.

use std::collections::BTreeSet;
use std::time::Duration;

use oauth_core::jose::Alg;
use oauth_core::keys::{ImportedKey, KeyNaming};
use oauth_core::store::StoreErrorKind;
use oauth_testkit::{Method, Times, block_on};
use serde_json::{Value, json};

use crate::support::{Ask, Backend, Host, ISSUER};
use crate::{GRANT, on_every_store};

on_every_store!(
    m01_metadata_is_true_and_self_consistent,
    m01_metadata_grows_by_what_is_mounted,
    m02_the_key_set_holds_public_halves_only,
    a_length_beside_head_or_304_is_that_of_get,
    m04_no_crate_that_leaks_rsa_keys_is_linked,
    m05_a_revoked_key_is_gone_from_every_node,
);

fn m01_metadata_is_true_and_self_consistent<B: Backend>() {
    for (issuer, prefix) in [
        ("https://as.example", ""),
        ("https://as.example/tenant/a", "/tenant/a"),
        ("https://as.example/tenant/a/", "/tenant/a"),
        ("http://127.0.0.1:1", ""),
    ] {
        let host = Host::<B>::at(issuer, |builder| builder);
        let path = format!("/.well-known/oauth-authorization-server{prefix}");
        let answer = host.get(&path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let metadata = answer.json();
        assert_eq!(metadata["issuer"], issuer);
        let origin = issuer.strip_suffix('/').unwrap_or(issuer).strip_suffix(prefix).unwrap();
        assert_eq!(metadata["token_endpoint"], format!("{origin}{prefix}/oauth/token"));
        assert_eq!(metadata["jwks_uri"], format!("{origin}{prefix}/oauth/jwks"));
        every_url_answers_and_no_endpoint_is_unadvertised(&host, &metadata, origin);
        if prefix.is_empty() {
            advertised_things_work_and_no_others(&host, &metadata);
        }
    }
}

fn every_url_answers_and_no_endpoint_is_unadvertised<B: Backend>(host: &Host<B>, metadata: &Value, origin: &str) {
    let urls: BTreeSet<&str> = metadata.as_object().unwrap().values().filter_map(Value::as_str).collect();
    for url in urls.iter().filter(|url| **url != metadata["issuer"]) {
        let target = url.strip_prefix(origin).unwrap();
        assert_ne!(host.get(target).status, 404, "{url}");
    }
    // the issuer stands for the metadata itself
    assert_eq!(urls.len(), host.server.endpoints().count(), "{metadata}");
}

fn m01_metadata_grows_by_what_is_mounted<B: Backend>() {
    let members = |host: &Host<B>| -> (Value, BTreeSet<String>) {
        let metadata = host.get("/.well-known/oauth-authorization-server").json();
        let names = metadata.as_object().unwrap().keys().cloned().collect();
        (metadata, names)
    };
    let (_, without) = members(&Host::<B>::at(ISSUER, |builder| builder));
    let host = Host::<B>::browsers(|builder| builder);
    let (metadata, with) = members(&host);
    every_url_answers_and_no_endpoint_is_unadvertised(&host, &metadata, ISSUER);
    assert_eq!(without.difference(&with).count(), 0);
    let added: Vec<&str> = with.difference(&without).map(String::as_str).collect();
    let expected = [
        "authorization_endpoint",
        "authorization_response_iss_parameter_supported",
        "code_challenge_methods_supported",
        "response_modes_supported",
    ];
    assert_eq!(added, expected);
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
    assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&json!("authorization_code")));
}

fn advertised_things_work_and_no_others<B: Backend>(host: &Host<B>, metadata: &Value) {
    let listed = |name: &str| -> Vec<String> {
        let list = metadata[name].as_array().unwrap_or_else(|| panic!("{name} is missing"));
        list.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    let grants = listed("grant_types_supported");
    for grant in ["client_credentials", "authorization_code", "refresh_token", "password", "implicit", "x"] {
        let works = host.token(&format!("grant_type={grant}")).status == 200;
        assert_eq!(works, grants.iter().any(|listed| listed == grant), "{grant}");
    }
    let methods = listed("token_endpoint_auth_methods_supported");
    let secret = &host.app.secret;
    for (method, ask) in [
        ("client_secret_basic", Ask::token().basic("app", secret).form(GRANT)),
        ("client_secret_post", Ask::token().form(format!("{GRANT}&client_id=app&client_secret={secret}"))),
        ("none", Ask::token().form(format!("{GRANT}&client_id=app"))),
        (
            "private_key_jwt",
            Ask::token().form(format!("{GRANT}&client_id=app&client_assertion_type=x&client_assertion=y")),
        ),
    ] {
        let works = host.send(&ask).status == 200;
        assert_eq!(works, methods.iter().any(|listed| listed == method), "{method}");
    }
    assert_eq!(listed("response_types_supported"), [] as [String; 0], "there is no authorization endpoint");
    assert_eq!(host.get("/oauth/authorize").status, 404);
}

fn m02_the_key_set_holds_public_halves_only<B: Backend>() {
    let rsa = include_str!("../../../oauth-core/tests/fixtures/rsa-2048.pkcs8.pem");
    let rsa = ImportedKey::from_pem(rsa, Some(Alg::RS256)).unwrap();
    let host =
        Host::<B>::with(|builder| builder.algorithm(Alg::EdDSA).import_key(rsa, None).key_naming(KeyNaming::Date));
    block_on(host.server.keys().announce(Alg::ES256)).unwrap();
    let answer = host.get("/oauth/jwks");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/jwk-set+json")));
    assert!(answer.header("cache-control").unwrap().contains("max-age="));
    let set = answer.json();
    let keys = set["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 4);
    let mut kids = BTreeSet::new();
    for key in keys {
        let members: BTreeSet<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        let secret = ["d", "p", "q", "dp", "dq", "qi", "k", "oth"];
        assert!(secret.iter().all(|member| !members.contains(member)), "{members:?}");
        assert_eq!(key["use"], "sig");
        assert!(["ES256", "EdDSA", "RS256"].contains(&key["alg"].as_str().unwrap()));
        assert!(kids.insert(key["kid"].as_str().unwrap().to_owned()), "a kid comes twice");
    }
    // served from memory when the store is away, long after it should have been read again
    host.probe.fail(Method::LoadKeys, StoreErrorKind::Unavailable, Times::Always);
    host.clock.advance(Duration::from_secs(3_600));
    assert_eq!(host.get("/oauth/jwks").body, answer.body);
}

fn a_length_beside_head_or_304_is_that_of_get<B: Backend>() {
    let host = Host::<B>::start();
    for path in ["/oauth/jwks", "/.well-known/oauth-authorization-server"] {
        let answer = host.get(path);
        let head = host.send(&Ask::new("HEAD", path));
        assert_eq!((head.status, head.body.len()), (200, 0));
        // RFC 9110 §8.6: or there is none
        assert!(head.header("content-length").is_none_or(|length| Some(length) == answer.header("content-length")));
    }
    let answer = host.get("/oauth/jwks");
    let ask = Ask::new("GET", "/oauth/jwks").header("if-none-match", answer.header("etag").unwrap());
    let unchanged = host.send(&ask);
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    assert!(unchanged.header("content-length").is_none_or(|length| Some(length) == answer.header("content-length")));
}

fn m04_no_crate_that_leaks_rsa_keys_is_linked<B: Backend>() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
    for banned in ["rsa", "openssl", "openssl-sys"] {
        assert!(!lock.contains(&format!("name = \"{banned}\"\n")), "{banned} is in Cargo.lock");
    }
    // and nothing here decrypts: a JWE has five parts, and five parts are refused
    let host = Host::<B>::start();
    host.guarded("a.b.c.d.e").is(401, "invalid_token");
}

fn m05_a_revoked_key_is_gone_from_every_node<B: Backend>() {
    let here = Host::<B>::start();
    let there = here.beside();
    let token = here.good_token(&here.app);
    let app = here.app.clone();
    assert_eq!((here.guarded(&token).status, there.guarded(&token).status), (200, 200));
    assert!(here.is_active(&app, &token) && there.is_active(&app, &token));
    let kid = here.get("/oauth/jwks").json()["keys"][0]["kid"].as_str().unwrap().to_owned();
    block_on(here.server.keys().revoke(&kid.parse().unwrap())).unwrap();
    let lists = |host: &Host<B>| host.get("/oauth/jwks").text().contains(&kid);
    here.guarded(&token).is(401, "invalid_token");
    assert!(!lists(&here) && !here.is_active(&app, &token), "gone here at once");
    here.clock.advance(Duration::from_secs(60));
    there.guarded(&token).is(401, "invalid_token");
    assert!(!lists(&there) && !there.is_active(&app, &token), "gone there within 60 seconds");
    // a successor signs, everywhere
    let successor = there.send(&Ask::token().basic("app", &here.app.secret).form(GRANT)).token();
    assert_eq!((here.guarded(&successor).status, there.guarded(&successor).status), (200, 200));
}
