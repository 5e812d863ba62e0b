//! The memory store stays bounded while it works, and lets go of nothing that counts.

use oauth_core::store::{
    AccessTokenRecord, Binding, Extra, FamilyRecord, GrantStore, InsertToken, Principal, RevokeToken, Standing,
    StandingQuery, StartFamily, Stores,
};
use oauth_core::types::{ClientId, FamilyId, Lifetime, Scope, Subject, Tenant, Timestamp, TokenDigest, TokenId};
use oauth_store_memory::MemoryStore;
use oauth_testkit::block_on;

const SHARDS: u64 = 64;
/// How long what expired is kept for clocks that differ.
const GRACE: Lifetime = Lifetime::of_seconds(300);

fn digest(number: u64) -> TokenDigest {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    TokenDigest::from_bytes(bytes)
}

fn app() -> Principal {
    Principal::Client { client: ClientId::parse("app").unwrap() }
}

/// A token that lives one second.
fn token(number: u64, issued_at: Timestamp) -> AccessTokenRecord {
    AccessTokenRecord {
        digest: digest(number),
        id: TokenId::parse(&format!("token-{number}")).unwrap(),
        family: None,
        principal: app(),
        scope: Scope::empty(),
        audience: Vec::new(),
        resource: Vec::new(),
        binding: Binding::None,
        auth: None,
        issued_at,
        expires_at: issued_at.plus(Lifetime::SECOND),
        extra: Extra::default(),
    }
}

fn is_stored(store: &MemoryStore, number: u64) -> bool {
    block_on(store.find_access_token(&digest(number))).unwrap().is_some()
}

#[test]
fn storing_tokens_lets_expired_ones_go_and_no_others() {
    let store = MemoryStore::new();
    // 50 tokens in each shard at once: a backlog that no steady work leaves.
    let backlog = 50 * SHARDS;
    for number in 0..backlog {
        let stored = block_on(store.insert_access_token(token(number, Timestamp::from_seconds(1)))).unwrap();
        assert_eq!(stored, InsertToken::Inserted);
    }
    assert!((0..backlog).all(|number| is_stored(&store, number)));
    // One token each tenth of a second: about three thousand are kept at any time.
    let begin = Timestamp::from_seconds(1000);
    let issued_at =
        |number: u64| Timestamp::from_millis(begin.millis() + 100 * i64::try_from(number - backlog).unwrap());
    let end = backlog + 4000;
    for number in backlog..end {
        let _ = block_on(store.insert_access_token(token(number, issued_at(number)))).unwrap();
    }
    let last = issued_at(end - 1);
    let stored = (0..end).filter(|number| is_stored(&store, *number));
    let (kept, expired): (Vec<u64>, Vec<u64>) =
        stored.partition(|number| *number >= backlog && issued_at(*number).plus(Lifetime::SECOND).plus(GRACE) >= last);
    assert_eq!(kept.len(), 3011, "all that have not expired long ago");
    assert!(expired.len() as u64 <= SHARDS, "at most what expired since the last insertion: {}", expired.len());
}

#[test]
fn storing_tokens_lets_expired_tombstones_go() {
    let store = MemoryStore::new();
    let name = |number| TokenId::parse(&format!("jwt-{number}")).unwrap();
    for number in 0..500 {
        let expires_at = Timestamp::from_seconds(5);
        block_on(store.revoke_token(RevokeToken::Jwt { id: name(number), expires_at })).unwrap();
    }
    let kept = || {
        let is_kept = |number: &u64| {
            let id = Some(name(*number));
            let query = StandingQuery {
                id,
                family: None,
                client: Some(app().client().clone()),
                subject: None,
                issued_at: Timestamp::from_seconds(1),
            };
            block_on(store.standing(&query)).unwrap() == Standing::Revoked
        };
        (0..500).filter(is_kept).count()
    };
    let insert_around = |first: u64, issued_at| {
        for number in first..first + 20 * SHARDS {
            let _ = block_on(store.insert_access_token(token(number, issued_at))).unwrap();
        }
    };
    insert_around(0, Timestamp::from_seconds(5));
    assert_eq!(kept(), 500, "until their time");
    insert_around(1 << 20, Timestamp::from_seconds(5).plus(GRACE));
    assert_eq!(kept(), 500, "and for clocks that differ");
    insert_around(1 << 21, Timestamp::from_seconds(6).plus(GRACE));
    assert_eq!(kept(), 0);
}

#[test]
fn purge_takes_some_of_every_kind() {
    let store = MemoryStore::new();
    let end = Timestamp::from_seconds(2);
    for number in 0..500 {
        let _ = block_on(store.insert_access_token(token(number, Timestamp::from_seconds(1)))).unwrap();
    }
    let id = TokenId::parse("jwt").unwrap();
    block_on(store.revoke_token(RevokeToken::Jwt { id: id.clone(), expires_at: end })).unwrap();
    let family = FamilyRecord {
        id: FamilyId::from_bytes([1; 16]),
        client: app().client().clone(),
        subject: Subject::parse("alice").unwrap(),
        scope: Scope::empty(),
        resource: Vec::new(),
        binding: Binding::None,
        auth: None,
        code_digest: None,
        refresh: None,
        issued_at: Timestamp::from_seconds(1),
        seen_at: Timestamp::from_seconds(1),
        absolute_expires_at: end,
        revoked: None,
        extra: Extra::default(),
    };
    let family_id = family.id;
    let _ =
        block_on(store.start_family(StartFamily { family, access_token: None, live_limit: 9, claim: None })).unwrap();
    let later = Timestamp::from_seconds(3);
    let purged = block_on(store.purge_expired(later, 9)).unwrap();
    assert!(purged.rows <= 9 && purged.more, "{purged:?}");
    assert_eq!(block_on(store.find_family(&family_id)).unwrap(), None);
    let query = StandingQuery { id: Some(id), family: None, client: None, subject: None, issued_at: later };
    assert_eq!(block_on(store.standing(&query)).unwrap(), Standing::Live, "the tombstone is gone");
    let rest = block_on(store.purge_expired(later, 1000)).unwrap();
    assert_eq!((purged.rows + rest.rows, rest.more), (502, false));
}

#[test]
fn handles_of_one_tenant_share_rows_and_convert_into_stores() {
    let store = MemoryStore::new();
    let _ = block_on(store.insert_access_token(token(1, Timestamp::from_seconds(1)))).unwrap();
    assert!(is_stored(&store.clone(), 1));
    let other = store.for_tenant(Tenant::parse("other").unwrap());
    assert!(!is_stored(&other, 1));
    assert!(is_stored(&other.for_tenant(Tenant::default_tenant()), 1));
    assert_eq!(other.tenant().as_str(), "other");
    block_on(store.close());
    assert!(block_on(store.find_access_token(&digest(1))).is_err());
    assert!(!is_stored(&other, 1), "another tenant stays open");
    let _ = (Stores::from(&other), Stores::from(other));
}

#[test]
fn users_are_added_once_and_switched_off() {
    use oauth_core::store::{Register, User, UserStore};

    let store = MemoryStore::new();
    let user = |text: &str| User { subject: Subject::parse(text).unwrap(), active: true, scope: None, password: None };
    assert_eq!(store.insert_user(user("alice"), ["alice", "alice@example.com"]).unwrap(), Register::Registered);
    assert_eq!(store.insert_user(user("alice"), ["new"]).unwrap(), Register::Taken);
    assert_eq!(store.insert_user(user("bob"), ["bob", "alice"]).unwrap(), Register::Taken);
    assert_eq!(block_on(store.find_by_login("bob")).unwrap(), None, "nothing changed");
    assert_eq!(block_on(store.find_by_login("new")).unwrap(), None, "nothing changed");
    assert!(store.set_user_active(&user("alice").subject, false).unwrap());
    assert!(!block_on(store.find_by_login("alice@example.com")).unwrap().unwrap().active);
    assert!(!store.set_user_active(&user("bob").subject, false).unwrap());
}
