//! Clients are stored whole, found by their exact id, and changed by one caller at a time.

use std::collections::BTreeSet;

use oauth_core::store::{Client, Deregister, Register, UpdateClient};
use oauth_core::types::ClientId;

use super::{RACERS, done, for_all, hostile_ids, one_winner, race};
use crate::samples::{after, client, client_id};
use crate::{Fixture, TenantStore, strategies};

fn find(store: &TenantStore, id: &ClientId) -> Option<Client> {
    done(store.clients.find(id)).map(|client| (*client).clone())
}

fn register(store: &TenantStore, client: &Client) {
    assert_eq!(done(store.registry.register(client.clone())), Register::Registered, "{:?}", client.id);
}

/// What was registered is found, member by member; so is what replaced it.
pub fn a_client_comes_back_as_it_was_given(f: &Fixture) {
    for_all((strategies::client(), strategies::client()), |(client, next)| {
        let _ = done(f.store.registry.deregister(&client.id)); // of an earlier case
        register(&f.store, &client);
        assert_eq!(find(&f.store, &client.id).as_ref(), Some(&client));
        let next = Client { id: client.id.clone(), ..next };
        assert_eq!(done(f.store.registry.update(next.clone(), client.version)), UpdateClient::Updated);
        assert_eq!(find(&f.store, &client.id).as_ref(), Some(&next));
        let page = done(f.store.registry.page(None, u32::MAX));
        assert_eq!(page.iter().find(|listed| listed.id == next.id).map(|listed| &**listed), Some(&next));
    });
}

/// An id is taken once; who comes later changes nothing.
pub fn a_client_id_is_registered_once(f: &Fixture) {
    let first = client("app");
    register(&f.store, &first);
    let second = Client { name: "another".to_owned(), version: 9, ..first.clone() };
    assert_eq!(done(f.store.registry.register(second)), Register::Taken);
    assert_eq!(find(&f.store, &first.id), Some(first));
}

/// An update counts only against the version that its caller saw.
pub fn an_update_needs_the_expected_version(f: &Fixture) {
    let first = client("app");
    let second = Client { name: "second".to_owned(), version: 2, updated_at: after(1), ..first.clone() };
    let third = Client { name: "third".to_owned(), version: 3, updated_at: after(2), ..first.clone() };
    assert_eq!(done(f.store.registry.update(second.clone(), 1)), UpdateClient::Unknown);
    assert_eq!(find(&f.store, &first.id), None);
    register(&f.store, &first);
    for stale in [0, 2, u64::MAX / 2] {
        assert_eq!(done(f.store.registry.update(second.clone(), stale)), UpdateClient::Stale);
        assert_eq!(find(&f.store, &first.id).as_ref(), Some(&first));
    }
    assert_eq!(done(f.store.registry.update(second.clone(), 1)), UpdateClient::Updated);
    assert_eq!(done(f.store.registry.update(third, 1)), UpdateClient::Stale);
    assert_eq!(find(&f.store, &first.id), Some(second));
}

/// Pages list every client once, in byte order of the ids.
pub fn pages_list_every_client_once_in_byte_order(f: &Fixture) {
    let ids: BTreeSet<ClientId> = hostile_ids().iter().map(|id| client_id(id)).collect();
    for id in &ids {
        register(&f.store, &client(id.as_str()));
    }
    for limit in [1, 7, u32::MAX] {
        let mut listed: Vec<ClientId> = Vec::new();
        loop {
            let page = done(f.store.registry.page(listed.last(), limit));
            assert!(page.len() as u64 <= u64::from(limit));
            if page.is_empty() {
                break;
            }
            listed.extend(page.iter().map(|client| client.id.clone()));
        }
        assert_eq!(listed, ids.iter().cloned().collect::<Vec<_>>(), "in pages of {limit}");
    }
    // The place to go on from need not be a client (any more).
    let page = done(f.store.registry.page(Some(&client_id("a!")), 1));
    assert_eq!(page.first().map(|client| client.id.as_str()), Some("a%"));
    assert_eq!(done(f.store.registry.page(None, 0)).len(), 0);
}

/// A client that was removed is gone, and its id is free.
pub fn a_deregistered_client_is_gone(f: &Fixture) {
    let app = client("app");
    assert_eq!(done(f.store.registry.deregister(&app.id)), Deregister::Unknown);
    register(&f.store, &app);
    assert_eq!(done(f.store.registry.deregister(&app.id)), Deregister::Removed);
    assert_eq!(find(&f.store, &app.id), None);
    assert_eq!(done(f.store.registry.page(None, 9)).len(), 0);
    assert_eq!(done(f.store.registry.deregister(&app.id)), Deregister::Unknown);
    register(&f.store, &app);
}

/// No client id reaches the row of another, whatever it is written with.
pub fn client_ids_match_byte_for_byte(f: &Fixture) {
    let mut ids = hostile_ids();
    ids.extend(["x".repeat(1024), "x".repeat(1023), format!("{}X", "x".repeat(1023))]);
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(find(&f.store, &client_id(id)), None, "{id:?} before it is registered");
        register(&f.store, &Client { version: number as u64, ..client(id) });
    }
    for (number, id) in ids.iter().enumerate() {
        let mut stored = find(&f.store, &client_id(id)).expect("registered");
        assert_eq!((stored.id.as_str(), stored.version), (id.as_str(), number as u64));
        stored.version += 1000;
        assert_eq!(done(f.store.registry.update(stored, number as u64)), UpdateClient::Updated);
    }
    for (number, id) in ids.iter().enumerate() {
        let stored = find(&f.store, &client_id(id)).expect("other removals do not reach it");
        assert_eq!((stored.id.as_str(), stored.version), (id.as_str(), number as u64 + 1000));
        assert_eq!(done(f.store.registry.deregister(&stored.id)), Deregister::Removed);
    }
}

/// Of many callers who register one id at once, one succeeds, and its record is the one that is found.
pub fn of_many_registrations_of_one_client_id_one_wins(f: &Fixture) {
    let candidate = |racer| Client { name: format!("racer {racer}"), ..client("app") };
    let answers = race(RACERS, |racer| done(f.store.registry.register(candidate(racer))));
    let winner = one_winner(&answers, &Register::Registered, &Register::Taken);
    assert_eq!(find(&f.store, &client_id("app")), Some(candidate(winner)));
}

/// Of many callers who saw one version, one replaces it, and no update is lost.
pub fn of_many_updates_of_one_version_one_wins(f: &Fixture) {
    register(&f.store, &client("app"));
    let candidate = |racer| Client { name: format!("racer {racer}"), version: 2, ..client("app") };
    let answers = race(RACERS, |racer| done(f.store.registry.update(candidate(racer), 1)));
    let winner = one_winner(&answers, &UpdateClient::Updated, &UpdateClient::Stale);
    assert_eq!(find(&f.store, &client_id("app")), Some(candidate(winner)));
}
