//! `TokenHook`: adds claims and members, and cannot touch the protocol's own (row T6).

use std::sync::Arc;

use async_trait::async_trait;
use oauth_core::audit::What;
use oauth_core::jose::Alg;
use oauth_core::store::{AccessTokenFormat, Client, Principal};
use oauth_core::token::{HookError, HostFacts, RESERVED_CLAIMS, TokenAdditions, TokenHook};
use oauth_core::wire::HostExtension;
use oauth_core::{RequestContext, ValidatedGrant};
use serde_json::json;

use crate::world::{World, basic, jwt, peek};

/// Adds the region that the host attached to the request, and tries every reserved claim.
#[derive(Debug)]
struct Region;

#[async_trait]
impl TokenHook for Region {
    async fn facts(&self, context: &RequestContext, _: &Client, _: &Principal) -> Result<HostFacts, HookError> {
        let region = context.host.as_ref().and_then(|host| host.downcast::<&str>()).ok_or("no region")?;
        Ok(HostFacts::from_iter([("region".to_owned(), json!(region))]))
    }

    async fn additions(
        &self,
        _: &RequestContext,
        grant: &ValidatedGrant,
        facts: &HostFacts,
        additions: &mut TokenAdditions,
    ) -> Result<(), HookError> {
        assert_eq!(grant.grant(), "client_credentials");
        for claim in RESERVED_CLAIMS {
            additions.claim(claim, "stolen");
        }
        for member in ["access_token", "scope", "expires_in", "token_type", "error"] {
            additions.member(member, "stolen");
        }
        additions.claim("region", facts["region"].clone());
        additions.claim("nothing", json!(null));
        additions.member("region", facts["region"].clone());
        Ok(())
    }
}

#[test]
fn a_hook_adds_its_own_and_overwrites_nothing() {
    for format in [jwt(Alg::ES256), AccessTokenFormat::Opaque] {
        let world = World::new(|builder| builder.access_token(format).token_hook(Arc::new(Region)));
        let mut request = basic("orders-worker", &world.secret, "grant_type=client_credentials");
        request.host = Some(HostExtension::new("eu"));
        let answer = world.post(request);
        assert_eq!(answer.body["region"], "eu");
        assert!(!answer.body.to_string().contains("stolen"));
        let access = world.verify(answer.access_token()).unwrap();
        assert_eq!(access.claim("region"), Some(&json!("eu")));
        assert_eq!(access.claim("nothing"), None);
        if answer.access_token().contains('.') {
            assert!(!peek(answer.access_token()).1.to_string().contains("stolen"));
        }
        let ignored = world.trail.take().into_iter().filter(|event| matches!(event.what, What::ClaimIgnored { .. }));
        assert_eq!(ignored.count(), RESERVED_CLAIMS.len() + 5);
    }
}

#[test]
fn a_hook_that_fails_is_our_fault_and_nothing_is_issued() {
    let world = World::new(|builder| builder.access_token(AccessTokenFormat::Opaque).token_hook(Arc::new(Region)));
    let answer = world.token("grant_type=client_credentials");
    assert_eq!(answer.error(), (503, "temporarily_unavailable"));
    assert!(!answer.body.to_string().contains("region"));
    assert_eq!(world.store.count(oauth_testkit::Method::InsertAccessToken), 0);
}
