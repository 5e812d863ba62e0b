//! Two tenants of one data set never see, change or block each other's rows.

use oauth_core::store::{
    BeginOutcome, BeginRequest, Client, CodeRecord, ConsentRecord, CutoffKey, DecideOutcome, Deregister, FamilyRecord,
    FoundRequest, InsertKey, InsertToken, KeyState, ListGrants, Purged, RedeemOutcome, Refreshed, Register, Rehash,
    RevokeFamily, RevokeToken, RevokedWhy, Standing, StandingQuery, StartFamily, StartOutcome, Transition,
    UpdateClient, User,
};
use oauth_core::types::Timestamp;

use super::codes::issue;
use super::consents::remember;
use super::requests::{begins, decide};
use super::{done, found, standing_of};
use crate::samples::{
    BEGIN, FAMILY_END, ISSUER, TOKEN_END, account, after, approve, begin, claim, client, client_id, code, code_digest,
    consent, cutoff, deny, digest, extend, family, family_id, handle, jwt, jwt_of, key, phc, redeem, refreshable,
    request, request_handle, retry, rotate, start, step, strike, subject, token, token_id, token_of, user,
};
use crate::{Fixture, TenantStore};

/// Fills one tenant with a row of each kind.
fn fill(store: &TenantStore) {
    assert_eq!(done(store.registry.register(client("app"))), Register::Registered);
    (store.add_user)(user(subject("alice")), &["alice"]);
    assert_eq!(done(store.keys.insert(key("k", KeyState::Active))), InsertKey::Inserted);
    assert_eq!(done(store.grants.start_family(start(family(1)))), StartOutcome::Started { ended: 0 });
    assert_eq!(done(store.grants.insert_access_token(token(1))), InsertToken::Inserted);
    assert_eq!(done(store.grants.insert_access_token(token_of(&family(1), 2))), InsertToken::Inserted);
}

/// Whether a tenant that was filled is as it was.
fn is_untouched(store: &TenantStore) {
    assert_eq!(done(store.clients.find(&client_id("app"))).as_deref(), Some(&client("app")));
    assert_eq!(done(store.users.find_by_subject(&subject("alice"))), Some(user(subject("alice"))));
    assert_eq!(done(store.keys.load(ISSUER)), [key("k", KeyState::Active)]);
    assert_eq!(done(store.grants.find_family(&family_id(1))), Some(family(1)));
    assert_eq!(done(store.grants.standing(&jwt_of(&family(1)))), Standing::Live);
    for number in [1, 2] {
        assert_eq!(standing_of(store, number), Standing::Live, "token {number}");
    }
}

/// Nothing that one tenant stored is found by another.
pub fn tenants_do_not_see_each_other(f: &Fixture) {
    fill(&f.store);
    let o = &f.other;
    assert_eq!(done(o.clients.find(&client_id("app"))), None);
    assert_eq!(done(o.registry.page(None, 9)), []);
    assert_eq!(done(o.users.find_by_login("alice")), None);
    assert_eq!(done(o.users.find_by_subject(&subject("alice"))), None);
    assert_eq!(done(o.keys.load(ISSUER)), []);
    assert_eq!(done(o.grants.find_family(&family_id(1))), None);
    assert_eq!(found(o, 1), None);
    assert_eq!(done(o.grants.standing(&jwt_of(&family(1)))), Standing::Revoked, "a family that is not known");
    let mark = done(o.grants.raise_clock_mark(Timestamp::from_millis(i64::MIN)));
    assert_eq!(done(f.store.grants.raise_clock_mark(after(5))), after(5));
    assert_eq!(done(o.grants.raise_clock_mark(Timestamp::from_millis(i64::MIN))), mark);
}

/// Nothing that one tenant does changes a row of another.
pub fn tenants_do_not_change_each_other(f: &Fixture) {
    fill(&f.store);
    let o = &f.other;
    let renamed = Client { name: "stolen".to_owned(), ..client("app") };
    assert_eq!(done(o.registry.update(renamed, 1)), UpdateClient::Unknown);
    assert_eq!(done(o.registry.deregister(&client_id("app"))), Deregister::Unknown);
    assert_eq!(done(o.users.rehash(&subject("alice"), &phc("$argon2id$old"), phc("$argon2id$new"))), Rehash::Moved);
    let retire = step("k", KeyState::Active, KeyState::Revoked);
    assert_eq!(done(o.keys.transition(ISSUER, &[retire])), Transition::Moved);
    assert_eq!(done(o.grants.revoke_family(&family_id(1), RevokedWhy::Host, BEGIN)), RevokeFamily::Unknown);
    assert_eq!(done(o.grants.insert_access_token(token_of(&family(1), 9))), InsertToken::NotLive);
    assert_eq!(found(&f.store, 9), None);
    done(o.grants.revoke_token(RevokeToken::Opaque { digest: digest(1) }));
    let id = token_id("jwt");
    done(o.grants.revoke_token(RevokeToken::Jwt { id: id.clone(), expires_at: TOKEN_END }));
    let named = StandingQuery { id: Some(id), ..jwt("app", None, BEGIN) };
    assert_eq!(done(f.store.grants.standing(&named)), Standing::Live);
    for key in [CutoffKey::Everything, CutoffKey::Client(client_id("app")), CutoffKey::Subject(subject("alice"))] {
        done(o.grants.cut_off(cutoff(key, after(1000))));
    }
    assert_eq!(done(o.grants.purge_expired(after(0), 1000)), Purged { rows: 0, more: false });
    is_untouched(&f.store);
    let purged = done(o.grants.purge_expired(Timestamp::MAX, 1000));
    assert_eq!(purged, Purged { rows: 1, more: false }, "its own tombstone");
    is_untouched(&f.store);
}

/// What is unique is unique within a tenant: another may use the same ids, and each keeps its own.
pub fn tenants_share_no_names(f: &Fixture) {
    fill(&f.store);
    fill(&f.other);
    let renamed = Client { name: "renamed".to_owned(), version: 2, ..client("app") };
    assert_eq!(done(f.other.registry.update(renamed.clone(), 1)), UpdateClient::Updated);
    assert_eq!(done(f.other.users.rehash(&subject("alice"), &phc("$argon2id$old"), phc("new"))), Rehash::Stored);
    let retire = step("k", KeyState::Active, KeyState::Retired);
    assert_eq!(done(f.other.keys.transition(ISSUER, &[retire])), Transition::Applied);
    assert_eq!(done(f.other.grants.revoke_family(&family_id(1), RevokedWhy::Host, BEGIN)), RevokeFamily::Revoked);
    done(f.other.grants.revoke_token(RevokeToken::Opaque { digest: digest(1) }));
    is_untouched(&f.store);
    assert_eq!(done(f.other.clients.find(&client_id("app"))).as_deref(), Some(&renamed));
    let expected = User { password: Some(phc("new")), ..user(subject("alice")) };
    assert_eq!(done(f.other.users.find_by_login("alice")), Some(expected));
    assert_eq!(done(f.other.keys.load(ISSUER)), [key("k", KeyState::Retired)]);
    for number in [1, 2] {
        assert_eq!(standing_of(&f.other, number), Standing::Revoked);
    }
}

/// What finds a family, what counts against an account and what may be used once is each tenant's own.
pub fn tenants_share_no_handles_strikes_or_claims(f: &Fixture) {
    let (mine, theirs) = (&f.store.grants, &f.other.grants);
    let claiming = |number| StartFamily { claim: Some(claim(1, TOKEN_END)), ..start(refreshable(number)) };
    let started = StartOutcome::Started { ended: 0 };
    assert_eq!(done(mine.start_family(claiming(1))), started);
    assert_eq!(done(theirs.find_by_handle(&handle(1))), None);
    assert_eq!(done(theirs.rotate(rotate(1, 0, after(1)))), Refreshed::Moved);
    assert_eq!(done(theirs.retry(retry(1, 0, 64, after(1)))), Refreshed::Moved);
    assert_eq!(done(theirs.extend(extend(1, 0, after(1)))), Refreshed::Moved);
    assert_eq!(done(mine.find_family(&family_id(1))), Some(refreshable(1)));
    // The same id, handle and claim there as here, and each its own family.
    let namesake = StartFamily { family: FamilyRecord { subject: subject("bob"), ..refreshable(1) }, ..claiming(1) };
    assert_eq!(done(theirs.start_family(namesake)), started);
    assert_eq!(done(theirs.rotate(rotate(1, 0, after(1)))), Refreshed::Done);
    let found = |store: &TenantStore| done(store.grants.find_by_handle(&handle(1))).map(|found| found.family);
    assert_eq!(found(&f.store), Some(refreshable(1)));
    assert_eq!(found(&f.other).map(|family| family.subject), Some(subject("bob")));
    for store in [mine, theirs] {
        assert_eq!(done(store.start_family(claiming(2))), StartOutcome::Claimed, "each made its own");
    }
    for count in 1..=3 {
        assert_eq!(done(mine.add_strike(strike(account(1), BEGIN))), count);
    }
    assert_eq!(done(theirs.add_strike(strike(account(1), BEGIN))), 1);
    done(theirs.clear_strikes(&account(1)));
    assert_eq!(done(mine.add_strike(strike(account(1), BEGIN))), 4);
    let late = Timestamp::from_millis(TOKEN_END.millis() + 1);
    assert_eq!(done(theirs.purge_expired(late, 1000)), Purged { rows: 2, more: false }, "their salt and their claim");
    assert_eq!(done(mine.start_family(claiming(2))), StartOutcome::Claimed);
    assert_eq!(done(mine.add_strike(strike(account(1), BEGIN))), 5);
    // One claim, which there expires earlier than here.
    let until = |expires_at| StartFamily { claim: Some(claim(3, expires_at)), ..start(refreshable(3)) };
    assert_eq!(done(theirs.start_family(until(TOKEN_END))), started);
    assert_eq!(done(mine.start_family(until(FAMILY_END))), started);
    assert_eq!(done(mine.purge_expired(late, 1000)), Purged { rows: 2, more: false }, "my claim 1 and my strikes");
    let again = StartFamily { family: refreshable(4), ..until(FAMILY_END) };
    assert_eq!(done(mine.start_family(again)), StartOutcome::Claimed);
}

/// Requests, codes and consent are each tenant's own: none is found, decided, redeemed, counted or withdrawn by another.
pub fn tenants_share_no_requests_codes_or_consents(f: &Fixture) {
    let (mine, theirs) = (&f.store, &f.other);
    begins(mine, request(1));
    issue(mine, &code(2));
    remember(mine, consent());
    let list = ListGrants { subject: subject("alice"), now: after(1), after: None, limit: 9 };
    assert_eq!(done(theirs.grants.find_request(&request_handle(1), Some(&subject("alice")))), None);
    assert_eq!(decide(theirs, deny(1, BEGIN)), DecideOutcome::NotLive);
    assert_eq!(decide(theirs, approve(1, code(1), None)), DecideOutcome::NotLive);
    assert_eq!(done(theirs.grants.find_code(&code_digest(2))), None);
    assert_eq!(done(theirs.grants.redeem_code(redeem(&code(2), 2, after(1)))), RedeemOutcome::Moved);
    assert_eq!(done(theirs.grants.find_consent(&consent().key)), None);
    assert_eq!(done(theirs.grants.list_grants(&list)), []);
    // What is unique is unique within a tenant; no limit counts another's.
    let alone = BeginRequest { client_limit: 1, tenant_limit: 1, ..begin(request(1)) };
    assert_eq!(done(theirs.grants.begin_request(alone)), BeginOutcome::Begun);
    let namesake = CodeRecord { subject: subject("bob"), ..code(2) };
    issue(theirs, &namesake);
    assert_eq!(done(theirs.grants.redeem_code(redeem(&namesake, 2, after(1)))), RedeemOutcome::Redeemed { ended: 0 });
    assert_eq!(decide(theirs, deny(1, BEGIN)), DecideOutcome::Decided);
    let narrower = ConsentRecord { scope: "other".parse().expect("a scope"), ..consent() };
    remember(theirs, narrower.clone());
    let visit = done(theirs.grants.find_request(&request_handle(1), Some(&subject("alice"))));
    assert_eq!(visit.and_then(|found| found.consent), Some(narrower));
    for key in [
        CutoffKey::Grant { subject: subject("alice"), client: client_id("app") },
        CutoffKey::Subject(subject("alice")),
        CutoffKey::Client(client_id("app")),
        CutoffKey::Everything,
    ] {
        done(theirs.grants.cut_off(cutoff(key, after(1000))));
    }
    while done(theirs.grants.purge_expired(Timestamp::MAX, 1000)).more {}
    let found = done(mine.grants.find_request(&request_handle(1), Some(&subject("alice"))));
    let expected = FoundRequest { request: request(1), standing: Standing::Live, consent: Some(consent()) };
    assert_eq!(found, Some(expected));
    assert_eq!(
        done(mine.grants.find_code(&code_digest(2))).map(|f| (f.code, f.standing)),
        Some((code(2), Standing::Live))
    );
    let listed = done(mine.grants.list_grants(&list));
    assert_eq!(
        listed.iter().map(|c| (c.families.len(), c.consents.clone())).collect::<Vec<_>>(),
        [(0, vec![consent()])]
    );
    assert_eq!(decide(mine, approve(1, code(1), None)), DecideOutcome::Decided);
    assert_eq!(done(mine.grants.redeem_code(redeem(&code(2), 2, after(1)))), RedeemOutcome::Redeemed { ended: 0 });
}
