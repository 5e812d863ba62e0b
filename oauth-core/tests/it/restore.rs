//! After a backup was put back nothing that was spent or taken back works again.

use oauth_core::jose::Alg;
use oauth_core::keys::ImportedKey;
use oauth_core::store::KeyState;
use oauth_core::types::{KeyId, Lifetime};
use oauth_testkit::block_on;

use crate::people::plain;
use crate::world::{START, World, jwt};

#[test]
fn everything_from_before_the_restore_is_dead_and_everything_after_it_lives() {
    let world = plain();
    let before = world.begin();
    world.advance(60);
    let _ = block_on(world.server.after_restore(START.plus(Lifetime::of_seconds(60)))).unwrap();
    assert!(world.verify(before.access_token()).is_err());
    assert_eq!(world.refresh(&before.refresh_token()).error(), (400, "invalid_grant"));
    let after = world.begin();
    assert!(world.verify(after.access_token()).is_ok());
    assert_eq!(world.refresh(&after.refresh_token()).status, 200);
}

#[test]
fn a_time_that_has_not_come_counts_as_now() {
    let world = plain();
    let _ = block_on(world.server.after_restore(START.plus(Lifetime::of_seconds(1_000)))).unwrap();
    assert!(world.verify(world.begin().access_token()).is_ok());
}

#[test]
fn keys_that_the_server_made_are_replaced() {
    let world = World::new(|builder| builder);
    let old = world.token("grant_type=client_credentials");
    let listed = |world: &World| block_on(world.server.keys().list()).unwrap();
    let made: Vec<_> = listed(&world).into_iter().map(|key| key.kid).collect();
    let restored = block_on(world.server.after_restore(START)).unwrap();
    assert_eq!((restored.revoked.len(), restored.kept.len()), (made.len(), 0));
    for key in listed(&world) {
        assert_eq!(key.state == KeyState::Revoked, made.contains(&key.kid), "{key:?}");
    }
    assert!(world.verify(old.access_token()).is_err());
    let new = world.token("grant_type=client_credentials");
    assert!(world.verify(new.access_token()).is_ok());
}

#[test]
fn a_key_that_the_host_brought_along_is_kept_and_named() {
    let pem = include_str!("../fixtures/rsa-2048.pkcs1.pem");
    let ours = KeyId::parse("our-rsa").unwrap();
    let key = ImportedKey::from_pem(pem, None).unwrap();
    let world = World::new(|builder| builder.access_token(jwt(Alg::RS256)).import_key(key, Some(ours.clone())));
    let restored = block_on(world.server.after_restore(START)).unwrap();
    assert_eq!(restored.kept, [ours]);
    assert_eq!(restored.revoked.len(), 1, "the family key is ours to replace");
}
