//! The clock's mark rises; a closed store says so.

use oauth_core::store::{CutoffKey, InsertToken, KeyState, ListGrants, Register, RevokeToken, RevokedWhy};
use oauth_core::types::Timestamp;

use super::{RACERS, done, race, unavailable};
use crate::samples::{
    BEGIN, ISSUER, TOKEN_END, account, after, begin, client, client_id, code, code_digest, consent, cutoff, deny,
    digest, extend, family, family_id, handle, jwt_of, key, phc, redeem, request, request_handle, retry, rotate, start,
    step, strike, subject, token, token_id, token_of,
};
use crate::{Fixture, block_on};

/// The mark of the clock rises and never falls; reading it raises nothing.
pub fn the_clock_mark_only_rises(f: &Fixture) {
    let raise = |at| done(f.store.grants.raise_clock_mark(at));
    let read = || raise(Timestamp::from_millis(i64::MIN));
    for (at, mark) in [(after(5), 5), (after(3), 5), (BEGIN, 5), (after(9), 9), (after(9), 9)] {
        assert_eq!(raise(at), after(mark));
        assert_eq!(read(), after(mark));
    }
    let answers = race(RACERS, |racer| (racer, raise(after(100 + racer as i64))));
    for (racer, mark) in answers {
        assert!(mark >= after(100 + racer as i64), "racer {racer} saw {mark:?}");
    }
    assert_eq!(read(), after(100 + RACERS as i64 - 1));
}

/// Once closed, every method of every trait is unavailable, and closing again is harmless.
pub fn a_closed_store_is_unavailable(f: &Fixture) {
    let s = &f.store;
    let _ = done(s.registry.register(client("app")));
    let _ = done(s.grants.start_family(start(family(1))));
    block_on(s.grants.close());
    block_on(s.grants.close());
    unavailable(s.clients.find(&client_id("app")));
    unavailable(s.registry.register(client("new")));
    unavailable(s.registry.update(client("app"), 1));
    unavailable(s.registry.page(None, 1));
    unavailable(s.registry.deregister(&client_id("app")));
    unavailable(s.users.find_by_login("alice"));
    unavailable(s.users.find_by_subject(&subject("alice")));
    unavailable(s.users.rehash(&subject("alice"), &phc("old"), phc("new")));
    unavailable(s.keys.load(ISSUER));
    unavailable(s.keys.insert(key("k", KeyState::Announced)));
    unavailable(s.keys.transition(ISSUER, &[step("k", KeyState::Announced, KeyState::Active)]));
    unavailable(s.grants.begin_request(begin(request(1))));
    unavailable(s.grants.find_request(&request_handle(1), None));
    unavailable(s.grants.decide_request(deny(1, BEGIN)));
    unavailable(s.grants.issue_code(code(1)));
    unavailable(s.grants.find_code(&code_digest(1)));
    unavailable(s.grants.redeem_code(redeem(&code(1), 3, BEGIN)));
    unavailable(s.grants.find_consent(&consent().key));
    let list = ListGrants { subject: subject("alice"), now: BEGIN, after: None, limit: 1 };
    unavailable(s.grants.list_grants(&list));
    unavailable(s.grants.start_family(start(family(2))));
    unavailable(s.grants.find_family(&family_id(1)));
    unavailable(s.grants.find_by_handle(&handle(1)));
    unavailable(s.grants.rotate(rotate(1, 0, BEGIN)));
    unavailable(s.grants.retry(retry(1, 0, 64, BEGIN)));
    unavailable(s.grants.extend(extend(1, 0, BEGIN)));
    unavailable(s.grants.revoke_family(&family_id(1), RevokedWhy::Host, BEGIN));
    unavailable(s.grants.insert_access_token(token(1)));
    unavailable(s.grants.find_access_token(&digest(1)));
    unavailable(s.grants.standing(&jwt_of(&family(1))));
    unavailable(s.grants.revoke_token(RevokeToken::Opaque { digest: digest(1) }));
    unavailable(s.grants.revoke_token(RevokeToken::Jwt { id: token_id("jwt"), expires_at: TOKEN_END }));
    unavailable(s.grants.cut_off(cutoff(CutoffKey::Everything, BEGIN)));
    unavailable(s.grants.add_strike(strike(account(1), BEGIN)));
    unavailable(s.grants.clear_strikes(&account(1)));
    unavailable(s.grants.purge_expired(BEGIN, 1));
    unavailable(s.grants.raise_clock_mark(BEGIN));
}

/// Closing one tenant leaves the others of the same data set open.
pub fn closing_one_tenant_leaves_the_others_open(f: &Fixture) {
    let _ = done(f.other.grants.start_family(start(family(1))));
    block_on(f.store.grants.close());
    unavailable(f.store.grants.find_family(&family_id(1)));
    assert_eq!(done(f.other.grants.find_family(&family_id(1))), Some(family(1)));
    assert_eq!(done(f.other.grants.insert_access_token(token_of(&family(1), 1))), InsertToken::Inserted);
    assert_eq!(done(f.other.registry.register(client("app"))), Register::Registered);
    assert_eq!(done(f.other.keys.load(ISSUER)), []);
    assert_eq!(done(f.other.users.find_by_login("alice")), None);
}
