//! Two nodes that meet in the middle of their statements, in each order: what the essay of the crate says of them.
//!
//! The tests run side by side, and advisory locks are the database's and not a schema's: each test that takes one has
//! users of its own, so that none takes another's waiting for its own.

mod common;

use std::thread;

use common::{
    LATER, NOW, Stranger, approval, begin, begin_request, digest, family_id, fresh_schema, issue, named, open,
    redemption, refresh_digest, rotation, stored, wait_for_waiters, waiters,
};
use oauth_core::store::{
    Claim, Cutoff, CutoffKey, DecideOutcome, FamilyRecord, GrantStore, RedeemOutcome, Refreshed, RevokeFamily,
    RevokedWhy, Rotate, Standing, StartFamily, StartOutcome,
};
use oauth_store_postgres::{Database, PostgresStore, Schema, Settings};
use oauth_testkit::{PostgresServer, block_on};

/// Runs each so that all were under way before any could change a row of the table, in the order of the list; then
/// `meanwhile`, which ends before they go on.
fn under_way<A: Send, const N: usize>(
    server: &PostgresServer,
    (name, schema, table): (&str, &Schema, &str),
    operations: [Box<dyn FnOnce() -> A + Send + '_>; N],
    meanwhile: impl FnOnce(),
) -> [A; N] {
    let (holder, eye) = (Stranger::connect(server), Stranger::connect(server));
    holder.ask(&format!("BEGIN; SELECT tenant FROM {}.{table} FOR UPDATE", schema.as_str()));
    thread::scope(|scope| {
        let mut waiting = 0;
        let running = operations.map(|operation| {
            let running = scope.spawn(operation);
            waiting += 1;
            wait_for_waiters(&eye, name, waiting);
            running
        });
        meanwhile();
        holder.ask("COMMIT");
        running.map(|running| running.join().unwrap())
    })
}

/// Two nodes on one schema.
fn two_nodes(server: &PostgresServer, name: &str, schema: &Schema) -> [PostgresStore; 2] {
    [0, 1].map(|_| open(named(server, name, schema)))
}

fn rotate_to(owner: u64) -> Rotate {
    rotation(1, refresh_digest(1, 0), refresh_digest(owner, 1), owner)
}

#[test]
fn a_rotation_and_a_revocation_of_two_nodes_leave_nothing_that_lives() {
    let Some(server) = PostgresServer::shared() else { return };
    for rotates_first in [true, false] {
        let (schema, name) = (fresh_schema(), format!("revoke-{rotates_first}"));
        let [one, other] = two_nodes(server, &name, &schema);
        begin(&one, 1);
        let mut both: [Box<dyn FnOnce() -> bool + Send + '_>; 2] = [
            Box::new(|| block_on(one.rotate(rotate_to(2))).unwrap() == Refreshed::Done),
            Box::new(|| {
                let revoked = block_on(other.revoke_family(&family_id(1), RevokedWhy::Host, NOW)).unwrap();
                revoked == RevokeFamily::Revoked
            }),
        ];
        if !rotates_first {
            both.reverse();
        }
        let mut answers = under_way(server, (&name, &schema, "family"), both, || {});
        if !rotates_first {
            answers.reverse();
        }
        assert_eq!(answers, [rotates_first, true], "the rotation, the revocation");
        assert!(stored(&one, 1).revoked.is_some());
        let token = block_on(one.find_access_token(&digest(2))).unwrap();
        assert_eq!(token.map(|found| found.standing), rotates_first.then_some(Standing::Revoked));
    }
}

#[test]
fn of_two_nodes_that_rotate_one_token_one_wins_and_the_other_stores_nothing() {
    let Some(server) = PostgresServer::shared() else { return };
    let (schema, name) = (fresh_schema(), "rotate");
    let [one, other] = two_nodes(server, name, &schema);
    begin(&one, 1);
    let answers = under_way(
        server,
        (name, &schema, "family"),
        [
            Box::new(|| block_on(one.rotate(rotate_to(2))).unwrap()),
            Box::new(|| block_on(other.rotate(rotate_to(3))).unwrap()),
        ],
        || {},
    );
    assert_eq!(answers, [Refreshed::Done, Refreshed::Moved]);
    assert_eq!(stored(&one, 1).refresh.unwrap().current_digest, refresh_digest(2, 1));
    assert_eq!(block_on(one.find_access_token(&digest(3))).unwrap(), None);
}

/// The first start waits in the middle of its statement, for a claim that somebody else is making; without a lock the
/// second would begin and end meanwhile, and neither would see the other's family.
#[test]
fn of_two_nodes_that_start_at_once_neither_overlooks_the_others_family() {
    let Some(server) = PostgresServer::shared() else { return };
    let (schema, name) = (fresh_schema(), "starts");
    let nodes = [0, 1].map(|_| open(named(server, name, &schema)));
    let (holder, eye) = (Stranger::connect(server), Stranger::connect(server));
    let claim = Claim { digest: digest(1), expires_at: LATER };
    let digits: String = claim.digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    holder.ask(&format!("BEGIN; INSERT INTO {}.claim VALUES ('default', '\\x{digits}', 0)", schema.as_str()));
    let of_alice = |number| {
        let family = FamilyRecord { subject: "alice".parse().unwrap(), ..common::family(number) };
        StartFamily { family, live_limit: 1, ..common::start(number) }
    };
    let answers = thread::scope(|scope| {
        let first = StartFamily { claim: Some(claim), ..of_alice(1) };
        let first = scope.spawn(|| block_on(nodes[0].start_family(first)).unwrap());
        wait_for_waiters(&eye, name, 1);
        let second = scope.spawn(|| block_on(nodes[1].start_family(of_alice(2))).unwrap());
        while !second.is_finished() && waiters(&eye, name) < 2 {
            thread::yield_now();
        }
        holder.ask("ROLLBACK");
        [first.join().unwrap(), second.join().unwrap()]
    });
    assert_eq!(answers, [StartOutcome::Started { ended: 0 }, StartOutcome::Started { ended: 1 }]);
    assert_eq!([stored(&nodes[0], 1).revoked.is_some(), stored(&nodes[0], 2).revoked.is_some()], [true, false]);
}

/// With one lock they stand in line; if the mark on the code were not judged by itself, the second would have its way
/// where the lock is another: with another subject, which a caller must not name, but who would find out?
#[test]
fn of_two_nodes_that_redeem_one_code_one_wins_and_the_other_stores_nothing() {
    let Some(server) = PostgresServer::shared() else { return };
    for lock in ["one", "two"] {
        let (schema, name) = (fresh_schema(), format!("redeem-{lock}"));
        let [one, other] = two_nodes(server, &name, &schema);
        issue(&one, 11);
        let mut second = redemption(11, 3);
        if lock == "two" {
            second.family.subject = "somebody".parse().unwrap();
        }
        let answers = under_way(
            server,
            (&name, &schema, "code"),
            [
                Box::new(|| block_on(one.redeem_code(redemption(11, 2))).unwrap()),
                Box::new(|| block_on(other.redeem_code(second)).unwrap()),
            ],
            || {},
        );
        assert_eq!(answers, [RedeemOutcome::Redeemed { ended: 0 }, RedeemOutcome::Moved], "{lock}");
        let code = block_on(one.find_code(&digest(11))).unwrap().unwrap().code;
        assert_eq!(code.redeemed.map(|redeemed| redeemed.family), Some(family_id(2)));
        assert_eq!(block_on(one.find_family(&family_id(3))).unwrap(), None);
        assert_eq!(block_on(one.find_access_token(&digest(3))).unwrap(), None);
    }
}

#[test]
fn of_two_nodes_that_decide_one_request_one_wins_and_the_other_is_told_so() {
    let Some(server) = PostgresServer::shared() else { return };
    let (schema, name) = (fresh_schema(), "decide");
    let [one, other] = two_nodes(server, name, &schema);
    begin_request(&one, 1);
    let answers = under_way(
        server,
        (name, &schema, "authorization_request"),
        [
            Box::new(|| block_on(one.decide_request(approval(1, 2))).unwrap()),
            Box::new(|| block_on(other.decide_request(approval(1, 3))).unwrap()),
        ],
        || {},
    );
    assert_eq!(answers, [DecideOutcome::Decided, DecideOutcome::AlreadyDecided]);
    let found = block_on(one.find_request(&digest(1), Some(&common::family(3).subject))).unwrap().unwrap();
    assert_eq!(found.request.subject, Some(common::family(2).subject));
    assert_eq!(found.consent, None, "nothing of the one who came late is remembered");
    assert_eq!(block_on(one.find_code(&digest(3))).unwrap(), None);
}

/// Neither can see the cutoff. What they give is as if they had come first: there, and dead.
#[test]
fn a_cutoff_that_is_written_while_others_wait_ends_what_they_give() {
    let Some(server) = PostgresServer::shared() else { return };
    let keys: [fn(&FamilyRecord) -> CutoffKey; 4] = [
        |family| CutoffKey::Client(family.client.clone()),
        |_| CutoffKey::Everything,
        |family| CutoffKey::Grant { subject: family.subject.clone(), client: family.client.clone() },
        |family| CutoffKey::Subject(family.subject.clone()),
    ];
    for (number, key) in keys.into_iter().enumerate() {
        let (schema, name) = (fresh_schema(), format!("cut-{number}"));
        let [one, other] = two_nodes(server, &name, &schema);
        let cutoff = Cutoff { key: key(&common::family(31)), at: NOW };
        issue(&one, 31);
        let cut = || block_on(other.cut_off(cutoff.clone())).unwrap();
        let redeem = || block_on(one.redeem_code(redemption(31, 2))).unwrap();
        let [redeemed] = under_way(server, (&name, &schema, "code"), [Box::new(redeem)], cut);
        assert_eq!(redeemed, RedeemOutcome::Redeemed { ended: 0 });
        let standing = |found: Option<Standing>| assert_eq!(found, Some(Standing::Revoked), "{cutoff:?}");
        standing(block_on(one.find_code(&digest(31))).unwrap().map(|found| found.standing));
        standing(block_on(one.find_by_handle(&2_u64.to_be_bytes())).unwrap().map(|found| found.standing));
        standing(block_on(one.find_access_token(&digest(2))).unwrap().map(|found| found.standing));

        let schema = fresh_schema();
        let [one, other] = two_nodes(server, &name, &schema);
        begin_request(&one, 5);
        let cut = || block_on(other.cut_off(cutoff.clone())).unwrap();
        let decide = || block_on(one.decide_request(approval(5, 31))).unwrap();
        let [decided] = under_way(server, (&name, &schema, "authorization_request"), [Box::new(decide)], cut);
        assert_eq!(decided, DecideOutcome::Decided);
        standing(block_on(one.find_code(&digest(31))).unwrap().map(|found| found.standing));
        assert_eq!(block_on(one.find_consent(&common::consent(31).key)).unwrap(), None, "{cutoff:?}");
    }
}

/// What a user and a client hold is counted by one at a time, whichever way it begins.
#[test]
fn a_redemption_and_a_start_do_not_overlook_each_others_family() {
    let Some(server) = PostgresServer::shared() else { return };
    let (schema, name) = (fresh_schema(), "redeem-start");
    let [one, other] = two_nodes(server, name, &schema);
    let (holder, eye) = (Stranger::connect(server), Stranger::connect(server));
    issue(&one, 41);
    holder.ask(&format!("BEGIN; SELECT tenant FROM {}.code FOR UPDATE", schema.as_str()));
    let answers = thread::scope(|scope| {
        let redeemed = scope.spawn(|| block_on(one.redeem_code(redemption(41, 2))).unwrap());
        wait_for_waiters(&eye, name, 1);
        let family = FamilyRecord { subject: common::family(41).subject, ..common::family(3) };
        let start = StartFamily { family, live_limit: 1, ..common::start(3) };
        let started = scope.spawn(|| block_on(other.start_family(start)).unwrap());
        while !started.is_finished() && waiters(&eye, name) < 2 {
            thread::yield_now();
        }
        holder.ask("COMMIT");
        (redeemed.join().unwrap(), started.join().unwrap())
    });
    assert_eq!(answers, (RedeemOutcome::Redeemed { ended: 0 }, StartOutcome::Started { ended: 1 }));
    assert_eq!([2, 3].map(|number| stored(&one, number).revoked.is_some()), [true, false]);
}
