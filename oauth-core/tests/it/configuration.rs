//! A configuration mistake stops `build()` with a sentence that tells the mistake and the mend.

use std::time::Duration;

use oauth_core::jose::Alg;
use oauth_core::store::{AccessTokenFormat, AuthMethod, OptionalClaim, TokenProfile};
use oauth_core::types::Issuer;
use oauth_core::{Builder, ClientSpec, Endpoints, ResourceSettings};
use oauth_testkit::block_on;

use crate::world::{Parts, World};

fn mistakes(configure: impl FnOnce(Builder) -> Builder) -> Vec<String> {
    match configure(Parts::new().builder()).build() {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(str::to_owned).collect(),
    }
}

#[test]
fn each_mistake_is_told_with_its_mend() {
    let day = Duration::from_secs(24 * 3600);
    let cases: [(Vec<String>, &str); 22] = [
        (mistakes(|b| b.access_token_lifetime(Duration::ZERO)), "1 to 4294967295 whole seconds"),
        (mistakes(|b| b.access_token_lifetime(2 * Duration::from_secs(3600))), "may live 3600 s at most"),
        (mistakes(|b| b.access_token(AccessTokenFormat::Opaque).access_token_lifetime(2 * day)), "86400 s"),
        (mistakes(|b| b.key_periods(Duration::from_secs(60), day)), "at least 660 s"),
        (mistakes(|b| b.key_periods(2 * day, day)), "let them sign for longer"),
        (mistakes(|b| b.jwks_max_age(2 * day)), "lower `.jwks_max_age`"),
        (mistakes(|b| b.opaque_prefix("a.b")), "at most 32 of"),
        (mistakes(|b| b.tls_terminated_by(["10.0.0.1/8"])), "write `10.0.0.0/8`"),
        (mistakes(|b| b.tls_terminated_by(["proxy"])), "write it like `203.0.113.0/24`"),
        (mistakes(|b| b.resource("orders", ResourceSettings::default())), "absolute URI without fragment"),
        (mistakes(|b| b.endpoints(Endpoints::new().token("token"))), "begin it with `/`"),
        (mistakes(|b| b.endpoints(Endpoints::new().token("/x").jwks("/x"))), "give each its own path"),
        (mistakes(|b| b.access_token_lifetime(Duration::from_millis(1500))), "the lifetime of access tokens:"),
        (mistakes(|b| b.jwks_max_age(Duration::ZERO)), "the JWKS max-age:"),
        (mistakes(|b| b.tls_terminated_by(["0.0.0.0/0"])), "declares the whole internet a proxy"),
        (mistakes(|b| b.tls_terminated_by(["::ffff:203.0.113.0/120"])), "write it as IPv4"),
        (mistakes(|b| b.client_address_header("x forwarded:")), "name a field that holds plain addresses"),
        (mistakes(|b| b.endpoints(Endpoints::new().jwks("/a/../b"))), "begin it with `/`"),
        (mistakes(|b| b.endpoints(Endpoints::new().jwks("/a%zz"))), "begin it with `/`"),
        (
            mistakes(|b| {
                b.resource("https://a", ResourceSettings { scope: Some(String::new()), ..Default::default() })
            }),
            "knows no scope",
        ),
        (mistakes(|b| b.hashing_threads(0)), "1 to 64 threads"),
        (mistakes(|b| b.family_limit(0)), "use 1 or more"),
    ];
    for (found, sentence) in cases {
        assert_eq!(found.len(), 1, "{sentence}: {found:?}");
        assert!(found[0].contains(sentence), "{sentence}: {found:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let found = mistakes(|b| b.family_limit(0).opaque_prefix("é").hashing_threads(65));
    assert_eq!(found.len(), 3, "{found:?}");
    let spec = ClientSpec::confidential("").audience(["a\n"]).networks(Vec::<String>::new()).grants(["password"]);
    let why = block_on(World::new(|b| b).server.ensure_client(spec)).unwrap_err().to_string();
    assert!(why.starts_with("the configuration has 5 mistakes:"), "{why}");
}

#[test]
fn plain_http_needs_danger() {
    let build = |text: &str| Parts::new().builder_for(Issuer::url(text).unwrap()).build().map(|_| ());
    assert!(build("http://127.0.0.1:8080").is_ok());
    let why = build("http://as.example").unwrap_err().to_string();
    assert!(why.contains("`.danger().plain_http()`"), "{why}");
    let dangerous = Parts::new().builder_for(Issuer::url("http://as.example").unwrap()).danger().plain_http();
    assert!(dangerous.build().is_ok());
}

#[cfg(not(feature = "rsa-keygen"))]
#[test]
fn rs256_without_a_key_names_the_feature() {
    let found = mistakes(|b| b.algorithm(Alg::RS256));
    assert!(found[0].contains("`rsa-keygen`") && found[0].contains("`.import_key(…)`"), "{found:?}");
}

#[test]
fn a_client_spec_says_what_is_wrong_with_it() {
    let world = World::new(|builder| builder);
    let legacy = AccessTokenFormat::Jwt {
        alg: Alg::ES256,
        profile: TokenProfile::Legacy { typ: None, omit: vec![OptionalClaim::ClientId] },
    };
    let good = || ClientSpec::confidential("c").scope("a").audience(["x"]);
    let rs256 = AccessTokenFormat::Jwt { alg: Alg::RS256, profile: TokenProfile::Rfc9068 };
    let cases = [
        (ClientSpec::confidential("c").audience(["x"]), "it has no scope"),
        (ClientSpec::confidential("c").scope("a"), "it has no audience"),
        (good().default_scope("b"), "its default scope holds `b`"),
        (good().grants(["implicit"]), "this server has no grant `implicit`"),
        (good().auth_methods(&[]), "name at least one"),
        (good().auth_methods(&[AuthMethod::None, AuthMethod::ClientSecretPost]), "excludes all others"),
        (ClientSpec::public("c").scope("a").audience(["x"]).grants(["client_credentials"]), "make it confidential"),
        (good().resources(["https://api.example"]), "declare it with `.resource(…)`"),
        (good().networks(["0.0.0.1/0"]), "host bits"),
        (good().access_token(rs256), "add it with `.algorithm(Alg::RS256)`"),
        (good().access_token(legacy), "must leave out `sub`"),
        (good().chosen_secret("x"), "`.with_chosen_client_secrets()`"),
    ];
    for (spec, sentence) in cases {
        let why = block_on(world.server.ensure_client(spec)).unwrap_err().to_string();
        assert!(why.contains(sentence), "{sentence}: {why}");
    }
    assert!(block_on(world.server.ensure_client(good())).is_ok());
}
