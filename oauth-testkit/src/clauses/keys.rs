//! Keys: an id is used once, one key of a use is active, and a change of several keys is one fact.

use std::slice;

use oauth_core::jose::Alg;
use oauth_core::store::{InsertKey, KeyMaterial, KeyRecord, KeyState, KeyTransition, KeyUse, Transition};
use proptest::option;
use proptest::sample::select;

use super::{RACERS, done, for_all, fresh, hostile_ids, one_winner, race};
use crate::samples::{ISSUER, after, key, kid, step, times};
use crate::{Fixture, TenantStore, strategies};

fn insert(store: &TenantStore, key: &KeyRecord) {
    assert_eq!(done(store.keys.insert(key.clone())), InsertKey::Inserted, "{:?}", key.kid);
}

fn states(store: &TenantStore) -> Vec<(String, KeyState)> {
    done(store.keys.load(ISSUER)).into_iter().map(|key| (key.kid.as_str().to_owned(), key.state)).collect()
}

/// What was stored is loaded, member by member; so is what a transition made of it.
pub fn a_key_comes_back_as_it_was_given(f: &Fixture) {
    let change = (select(&KeyState::ALL[..]), strategies::key_times(), option::of(strategies::key_material()));
    for_all((strategies::key(), change), |(key, (next, times, material))| {
        let key = KeyRecord { issuer: format!("{}{}", key.issuer, fresh()), ..key };
        insert(&f.store, &key);
        assert_eq!(done(f.store.keys.load(&key.issuer)), slice::from_ref(&key));
        let step = KeyTransition { kid: key.kid.clone(), expected: key.state, next, times, material: material.clone() };
        assert_eq!(done(f.store.keys.transition(&key.issuer, &[step])), Transition::Applied);
        let material = material.unwrap_or(key.material);
        assert_eq!(done(f.store.keys.load(&key.issuer)), [KeyRecord { state: next, times, material, ..key }]);
    });
}

/// Keys are loaded in the order of their announcement, then of their ids.
pub fn keys_load_oldest_announcement_first(f: &Fixture) {
    for (id, announced_at) in [("d", 5), ("b", 7), ("a", 7), ("c", -7), ("B", 7)] {
        insert(&f.store, &KeyRecord { times: times(after(announced_at)), ..key(id, KeyState::Announced) });
    }
    let order: Vec<String> = states(&f.store).into_iter().map(|(id, _)| id).collect();
    assert_eq!(order, ["c", "d", "B", "a", "b"]);
}

/// A key id is used once for each issuer, whatever became of the key.
pub fn a_key_id_is_used_once_per_issuer(f: &Fixture) {
    for state in KeyState::ALL {
        let first = key(state.as_str(), state);
        insert(&f.store, &first);
        let second = KeyRecord { usage: KeyUse::Derive, state: KeyState::Announced, public_jwk: None, ..first.clone() };
        assert_eq!(done(f.store.keys.insert(second)), InsertKey::Taken, "{state:?}");
        assert!(done(f.store.keys.load(ISSUER)).contains(&first));
        let elsewhere = KeyRecord { issuer: "https://other.example".to_owned(), ..first };
        insert(&f.store, &elsewhere);
    }
    assert_eq!(states(&f.store).len(), KeyState::ALL.len());
}

/// A second active key of one use is refused, by insertion and by transition; other uses and issuers do not count.
pub fn one_key_of_each_use_is_active(f: &Fixture) {
    insert(&f.store, &key("first", KeyState::Active));
    assert_eq!(done(f.store.keys.insert(key("second", KeyState::Active))), InsertKey::AlreadyActive);
    insert(&f.store, &key("second", KeyState::Announced)); // the refused id was not spent
    for usage in [KeyUse::Derive, KeyUse::Sign(Alg::ES256), KeyUse::Sign(Alg::PS256), KeyUse::Sign(Alg::RS256)] {
        insert(&f.store, &KeyRecord { usage, ..key(usage.as_str(), KeyState::Active) });
    }
    insert(&f.store, &KeyRecord { issuer: "https://other.example".to_owned(), ..key("first", KeyState::Active) });
    let before = done(f.store.keys.load(ISSUER));
    let promote = step("second", KeyState::Announced, KeyState::Active);
    assert_eq!(done(f.store.keys.transition(ISSUER, slice::from_ref(&promote))), Transition::Moved);
    assert_eq!(done(f.store.keys.load(ISSUER)), before);
    let demote = step("first", KeyState::Active, KeyState::Retired);
    assert_eq!(done(f.store.keys.transition(ISSUER, &[demote])), Transition::Applied);
    assert_eq!(done(f.store.keys.transition(ISSUER, &[promote])), Transition::Applied);
}

/// Steps are judged together: one call demotes and promotes in any order, and one step that cannot be taken stops all.
pub fn a_transition_happens_whole_or_not_at_all(f: &Fixture) {
    insert(&f.store, &key("old", KeyState::Active));
    insert(&f.store, &key("new", KeyState::Announced));
    let before = done(f.store.keys.load(ISSUER));
    let demote = step("old", KeyState::Active, KeyState::Retired);
    let promote = step("new", KeyState::Announced, KeyState::Active);
    let impossible = [
        step("new", KeyState::Retired, KeyState::Active),
        step("unknown", KeyState::Announced, KeyState::Active),
        step("NEW", KeyState::Announced, KeyState::Active),
    ];
    for last in impossible {
        let last = KeyTransition { material: Some(KeyMaterial::External("changed".to_owned())), ..last };
        for steps in [[demote.clone(), last.clone()], [last, demote.clone()]] {
            assert_eq!(done(f.store.keys.transition(ISSUER, &steps)), Transition::Moved, "{steps:?}");
            assert_eq!(done(f.store.keys.load(ISSUER)), before, "nothing changes: {steps:?}");
        }
    }
    assert_eq!(done(f.store.keys.transition("https://other.example", slice::from_ref(&demote))), Transition::Moved);
    // The successor first: between its steps two keys would be active.
    assert_eq!(done(f.store.keys.transition(ISSUER, &[promote, demote])), Transition::Applied);
    assert_eq!(states(&f.store), [("new".to_owned(), KeyState::Active), ("old".to_owned(), KeyState::Retired)]);
}

/// No issuer and no key id reaches the rows of another, whatever it is written with.
pub fn issuers_and_key_ids_match_byte_for_byte(f: &Fixture) {
    let texts = hostile_ids();
    for text in &texts {
        assert_eq!(done(f.store.keys.load(text)), [], "{text:?} before it is stored");
        insert(&f.store, &KeyRecord { issuer: text.clone(), ..key("k", KeyState::Active) });
    }
    for text in &texts {
        let loaded = done(f.store.keys.load(text));
        assert_eq!(loaded, [KeyRecord { issuer: text.clone(), ..key("k", KeyState::Active) }]);
        let retire = step("k", KeyState::Active, KeyState::Retired);
        assert_eq!(done(f.store.keys.transition(text, &[retire])), Transition::Applied, "{text:?}");
    }
    let lawful = |text: &&String| oauth_core::types::KeyId::parse(text).is_ok();
    let ids: Vec<&String> = texts.iter().filter(lawful).collect();
    for id in &ids {
        insert(&f.store, &key(id, KeyState::Announced));
    }
    for id in &ids {
        let retire = step(id, KeyState::Announced, KeyState::Retired);
        assert_eq!(done(f.store.keys.transition(ISSUER, &[retire])), Transition::Applied, "{id:?}");
    }
}

/// Of many nodes that store a first active key, one succeeds.
pub fn of_many_active_keys_one_is_inserted(f: &Fixture) {
    let answers = race(RACERS, |racer| done(f.store.keys.insert(key(&format!("key-{racer}"), KeyState::Active))));
    let winner = one_winner(&answers, &InsertKey::Inserted, &InsertKey::AlreadyActive);
    assert_eq!(states(&f.store), [(format!("key-{winner}"), KeyState::Active)]);
}

/// Of many nodes that promote a successor, each its own, one succeeds, and one key is active afterwards.
pub fn of_many_transitions_of_one_key_one_applies(f: &Fixture) {
    insert(&f.store, &key("old", KeyState::Active));
    for racer in 0..RACERS {
        insert(&f.store, &key(&format!("new-{racer}"), KeyState::Announced));
    }
    let answers = race(RACERS, |racer| {
        let demote = step("old", KeyState::Active, KeyState::Retired);
        let promote = step(&format!("new-{racer}"), KeyState::Announced, KeyState::Active);
        done(f.store.keys.transition(ISSUER, &[demote, promote]))
    });
    let winner = one_winner(&answers, &Transition::Applied, &Transition::Moved);
    let active: Vec<_> =
        done(f.store.keys.load(ISSUER)).into_iter().filter(|key| key.state == KeyState::Active).collect();
    assert_eq!(active.len(), 1);
    assert_eq!(active[0].kid, kid(&format!("new-{winner}")));
}
