//! Users are found by subject and by login; a hash is replaced by whoever saw the old one.

use oauth_core::store::{Rehash, User};
use oauth_core::types::Subject;

use super::{RACERS, done, for_all, fresh, hostile_texts, one_winner, race};
use crate::samples::{phc, subject, user};
use crate::{Fixture, strategies};

/// What was added is found, by its subject and by every name that signs it in.
pub fn a_user_comes_back_as_it_was_added(f: &Fixture) {
    for_all(strategies::user(), |user| {
        let number = fresh();
        let subject = Subject::parse(&format!("{}{number}", user.subject)).expect("within the greatest length");
        let user = User { subject, ..user };
        let logins = [format!("login-{number}"), format!("o'neil-{number}@example.com")];
        (f.store.add_user)(user.clone(), &[&logins[0], &logins[1]]);
        assert_eq!(done(f.store.users.find_by_subject(&user.subject)).as_ref(), Some(&user));
        for login in &logins {
            assert_eq!(done(f.store.users.find_by_login(login)).as_ref(), Some(&user), "{login}");
        }
    });
}

/// A login is a value, not a pattern and not a piece of a statement.
pub fn a_login_is_not_a_pattern(f: &Fixture) {
    (f.store.add_user)(user(subject("alice")), &["alice@example.com"]);
    (f.store.add_user)(user(subject("bob")), &["bob@example.com"]);
    for login in ["", "%", "_", "*", "alice%", "%@example.com", "alice@example.co_", "' OR '1'='1", "alice", "alice@"] {
        assert_eq!(done(f.store.users.find_by_login(login)), None, "{login:?}");
    }
}

/// No subject reaches the row of another, whatever it is written with.
pub fn subjects_match_byte_for_byte(f: &Fixture) {
    let subjects = hostile_texts();
    for (number, text) in subjects.iter().enumerate() {
        assert_eq!(done(f.store.users.find_by_subject(&subject(text))), None, "{text:?} before it is added");
        (f.store.add_user)(user(subject(text)), &[&format!("login-{number}")]);
    }
    for (number, text) in subjects.iter().enumerate() {
        let new = phc(&format!("$argon2id$new-{number}"));
        assert_eq!(done(f.store.users.rehash(&subject(text), &phc("$argon2id$old"), new)), Rehash::Stored, "{text:?}");
    }
    for (number, text) in subjects.iter().enumerate() {
        let found = done(f.store.users.find_by_subject(&subject(text))).expect("added");
        assert_eq!(found.subject, subject(text));
        assert_eq!(found.password, Some(phc(&format!("$argon2id$new-{number}"))), "{text:?}");
    }
}

/// A hash is replaced only by whoever saw the one that is stored.
pub fn a_rehash_needs_the_old_hash(f: &Fixture) {
    let (alice, old, new) = (subject("alice"), phc("$argon2id$old"), phc("$argon2id$new"));
    assert_eq!(done(f.store.users.rehash(&alice, &old, new.clone())), Rehash::Moved, "there is no such user");
    (f.store.add_user)(user(alice.clone()), &["alice"]);
    (f.store.add_user)(User { password: None, ..user(subject("bob")) }, &["bob"]);
    assert_eq!(done(f.store.users.rehash(&subject("bob"), &old, new.clone())), Rehash::Moved, "bob has no password");
    assert_eq!(done(f.store.users.rehash(&alice, &phc("$ARGON2ID$OLD"), new.clone())), Rehash::Moved);
    assert_eq!(done(f.store.users.rehash(&alice, &old, new.clone())), Rehash::Stored);
    assert_eq!(done(f.store.users.rehash(&alice, &old, phc("$argon2id$late"))), Rehash::Moved);
    let expected = User { password: Some(new), ..user(alice.clone()) };
    assert_eq!(done(f.store.users.find_by_subject(&alice)), Some(expected));
    assert_eq!(done(f.store.users.find_by_login("bob")).and_then(|bob| bob.password), None);
}

/// Of many callers who saw one hash, one replaces it.
pub fn of_many_rehashes_one_wins(f: &Fixture) {
    let alice = subject("alice");
    (f.store.add_user)(user(alice.clone()), &["alice"]);
    let new = |racer| phc(&format!("$argon2id$racer-{racer}"));
    let answers = race(RACERS, |racer| done(f.store.users.rehash(&alice, &phc("$argon2id$old"), new(racer))));
    let winner = one_winner(&answers, &Rehash::Stored, &Rehash::Moved);
    assert_eq!(done(f.store.users.find_by_subject(&alice)).and_then(|user| user.password), Some(new(winner)));
}
