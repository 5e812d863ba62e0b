//! A broken store never looks like a bad credential, and leaves nothing half-done.

use oauth_core::store::{AccessTokenFormat, StoreErrorKind};
use oauth_testkit::{Method, Times};

use crate::world::{World, basic};

const GRANT: &str = "grant_type=client_credentials";

#[test]
fn every_store_call_of_the_token_endpoint_fails_as_our_fault() {
    let kinds = [
        (StoreErrorKind::Unavailable, (503, "temporarily_unavailable")),
        (StoreErrorKind::Conflict, (503, "temporarily_unavailable")),
        (StoreErrorKind::Corrupt, (500, "server_error")),
    ];
    for method in [Method::Find, Method::InsertAccessToken] {
        for (kind, expected) in kinds {
            let world = World::new(|builder| builder.access_token(AccessTokenFormat::Opaque));
            world.store.fail(method, kind, Times::Always);
            let answer = world.token(GRANT);
            assert_eq!(answer.error(), expected, "{method:?} {kind:?}");
            let description = answer.body["error_description"].as_str().unwrap();
            assert!(description.starts_with("request ") && description.len() == 24, "{description}");
            let wrong = world.post(basic("orders-worker", "wrong", GRANT));
            assert_eq!(wrong.status, if method == Method::Find { expected.0 } else { 401 });
        }
    }
}

#[test]
fn a_lost_answer_of_the_commit_shows_no_token() {
    let world = World::new(|builder| builder.access_token(AccessTokenFormat::Opaque));
    world.store.lose_answer(Method::InsertAccessToken, Times::Nth(1));
    let answer = world.token(GRANT);
    assert_eq!(answer.error(), (503, "temporarily_unavailable"));
    assert!(answer.body.get("access_token").is_none());
    assert_eq!(world.token(GRANT).status, 200);
}
