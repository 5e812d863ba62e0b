//! A disk that fills up or fails, at every write of what a store does: the answer is an outage, nothing is half done,
//! nothing is burnt, and all is well again without a restart once the disk is. Each test is this binary again, in a
//! process that the faults are preloaded into.
#![cfg(target_os = "linux")]

mod common;
#[path = "common/disk.rs"]
mod failing;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use common::refresh::{begin, refresh_digest, refreshable, rotation, state};
use common::{Directory, LATER, NOW, digest, family, family_id, start, token};
use failing::{Disk, EIO, ENOSPC, FOR_EVER, faults};
use oauth_core::store::{
    AccessTokenFormat, Claim, CodeRecord, FamilyRecord, GrantStore, IssueCode, RedeemCode, RedeemOutcome, Refreshed,
    Register, Retry, Rotate, StartFamily, StartOutcome, StoreError, StoreErrorKind, User,
};
use oauth_store_sqlite::{OpenError, SqliteStore};
use oauth_testkit::{RefreshingServer, block_on};
use serde_json::Value;

/// Runs a test of this binary in a process with the faults; there it gets the disk.
fn with_faults(test: &str, body: impl FnOnce(&Disk)) {
    if let Some(disk) = Disk::of_this_process() {
        disk.work();
        return body(&disk);
    }
    let directory = Directory::new();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1", "--nocapture"])
        .envs(faults(directory.path()))
        .output()
        .unwrap();
    let said = [child.stdout, child.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(child.status.success() && said[0].contains("1 passed"), "{}\n{}", said[0], said[1]);
}

/// How the disk fails: full for good, or with one error.
const FAILURES: [(u32, i32); 2] = [(FOR_EVER, ENOSPC), (1, EIO)];

/// One thing that a store does for each number.
trait Step {
    fn prepare(&self, store: &SqliteStore, number: u64);
    /// Whether it was done.
    fn act(&self, store: &SqliteStore, number: u64) -> Result<bool, StoreError>;
    /// Whether all of it is there; panics when only a part is.
    fn has_happened(&self, store: &SqliteStore, number: u64) -> bool;
    /// What is lawful once it has happened.
    fn goes_on(&self, store: &SqliteStore, number: u64);
}

/// Makes the disk fail at every write of a step, one after the other, on one open store.
fn fail_at_every_write(disk: &Disk, step: &impl Step) {
    let directory = Directory::new();
    let store = SqliteStore::open(directory.file()).unwrap();
    let mut numbers = 0..;
    for (count, what) in FAILURES {
        let mut failed = 0;
        for nth in 1.. {
            let number = numbers.next().unwrap();
            step.prepare(&store, number);
            disk.fail(nth, count, what);
            let answer = step.act(&store, number);
            let hits = disk.hits();
            let read = block_on(store.find_family(&family_id(number)));
            disk.work();
            assert!(read.is_ok(), "reads do not need the disk: {read:?}");
            let happened = step.has_happened(&store, number);
            match answer {
                Ok(done) => assert!(done && happened, "write {nth}, errno {what}"),
                Err(error) => {
                    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "write {nth}, errno {what}: {error}");
                    failed += 1;
                }
            }
            if !happened {
                assert!(step.act(&store, number).unwrap(), "write {nth}, errno {what}: it is burnt");
                assert!(step.has_happened(&store, number));
            }
            step.goes_on(&store, number);
            if hits == 0 {
                break;
            }
        }
        assert!(failed >= 5, "only {failed} writes failed with errno {what}");
    }
    block_on(store.close());
    assert_eq!(
        common::stranger(&directory.file()).query_row("PRAGMA integrity_check", [], |row| row.get(0)),
        Ok("ok".to_owned())
    );
}

struct Rotation;

impl Step for Rotation {
    fn prepare(&self, store: &SqliteStore, number: u64) {
        begin(store, number);
    }

    fn act(&self, store: &SqliteStore, number: u64) -> Result<bool, StoreError> {
        let rotate = rotation(number, &refreshable(number).refresh.unwrap(), refresh_digest(number, 1), number);
        block_on(store.rotate(rotate)).map(|answer| answer == Refreshed::Done)
    }

    fn has_happened(&self, store: &SqliteStore, number: u64) -> bool {
        let happened = state(store, number).generation == 1;
        let token = block_on(store.find_access_token(&digest(number))).unwrap();
        assert_eq!(token.is_some(), happened, "a rotation and its access token");
        happened
    }

    fn goes_on(&self, store: &SqliteStore, number: u64) {
        let current = refresh_digest(number, 1);
        let retry = Retry { family: family_id(number), current, limit: 1, now: NOW, access_token: None };
        assert_eq!(block_on(store.retry(retry)).unwrap(), Refreshed::Done, "the answer can be asked for again");
    }
}

struct Start;

impl Step for Start {
    fn prepare(&self, _: &SqliteStore, _: u64) {}

    fn act(&self, store: &SqliteStore, number: u64) -> Result<bool, StoreError> {
        let claim = Some(Claim { digest: digest(number), expires_at: LATER });
        let started = block_on(store.start_family(StartFamily { claim, ..start(number) }))?;
        Ok(started == StartOutcome::Started { ended: 0 })
    }

    fn has_happened(&self, store: &SqliteStore, number: u64) -> bool {
        let happened = block_on(store.find_family(&family_id(number))).unwrap().is_some();
        let token = block_on(store.find_access_token(&digest(number))).unwrap();
        assert_eq!(token.is_some(), happened, "a family and its access token");
        happened
    }

    fn goes_on(&self, store: &SqliteStore, number: u64) {
        let claim = Some(Claim { digest: digest(number), expires_at: LATER });
        let again = StartFamily { claim, ..start(number + (1 << 32)) };
        assert_eq!(block_on(store.start_family(again)).unwrap(), StartOutcome::Claimed, "the claim is spent");
    }
}

struct Redemption;

fn code(number: u64) -> CodeRecord {
    let FamilyRecord { client, subject, scope, .. } = family(number);
    CodeRecord {
        digest: digest(number),
        client,
        subject,
        scope,
        redirect_uri: "https://app.example/callback".to_owned(),
        challenge: None,
        nonce: None,
        resource: Vec::new(),
        binding: Default::default(),
        auth: None,
        issued_at: NOW,
        expires_at: LATER,
        redeemed: None,
        extra: Default::default(),
    }
}

fn redeem(store: &SqliteStore, code: u64, number: u64) -> Result<bool, StoreError> {
    let family = FamilyRecord { subject: family(code).subject, code_digest: Some(digest(code)), ..family(number) };
    let access_token = Some(token(number, Some(number)));
    let redeem = RedeemCode { code: digest(code), now: NOW, family, access_token, live_limit: u32::MAX };
    block_on(store.redeem_code(redeem)).map(|answer| answer == RedeemOutcome::Redeemed { ended: 0 })
}

impl Step for Redemption {
    fn prepare(&self, store: &SqliteStore, number: u64) {
        assert_eq!(block_on(store.issue_code(code(number))).unwrap(), IssueCode::Issued);
    }

    fn act(&self, store: &SqliteStore, number: u64) -> Result<bool, StoreError> {
        redeem(store, number, number)
    }

    fn has_happened(&self, store: &SqliteStore, number: u64) -> bool {
        let happened = block_on(store.find_code(&digest(number))).unwrap().unwrap().code.redeemed.is_some();
        let family = block_on(store.find_family(&family_id(number))).unwrap();
        let token = block_on(store.find_access_token(&digest(number))).unwrap();
        assert_eq!([family.is_some(), token.is_some()], [happened; 2], "the mark, the family and its access token");
        happened
    }

    fn goes_on(&self, store: &SqliteStore, number: u64) {
        assert!(!redeem(store, number, number + (1 << 32)).unwrap(), "the code is spent");
    }
}

#[test]
fn a_redemption_survives_a_failure_of_each_of_its_writes() {
    with_faults("a_redemption_survives_a_failure_of_each_of_its_writes", |disk| fail_at_every_write(disk, &Redemption));
}

#[test]
fn a_rotation_survives_a_failure_of_each_of_its_writes() {
    with_faults("a_rotation_survives_a_failure_of_each_of_its_writes", |disk| fail_at_every_write(disk, &Rotation));
}

#[test]
fn a_start_survives_a_failure_of_each_of_its_writes() {
    with_faults("a_start_survives_a_failure_of_each_of_its_writes", |disk| fail_at_every_write(disk, &Start));
}

/// What a store does that takes one fact for two.
struct RotationInTwoSteps;

impl Step for RotationInTwoSteps {
    fn prepare(&self, store: &SqliteStore, number: u64) {
        Rotation.prepare(store, number);
    }

    fn act(&self, store: &SqliteStore, number: u64) -> Result<bool, StoreError> {
        let rotate = rotation(number, &refreshable(number).refresh.unwrap(), refresh_digest(number, 1), number);
        let token = token(number, Some(number));
        let rotated = block_on(store.rotate(Rotate { access_token: None, ..rotate }))?;
        let _ = block_on(store.insert_access_token(token))?;
        Ok(rotated == Refreshed::Done)
    }

    fn has_happened(&self, store: &SqliteStore, number: u64) -> bool {
        Rotation.has_happened(store, number)
    }

    fn goes_on(&self, _: &SqliteStore, _: u64) {}
}

/// The fault is planted here; that the writer swallows no error was seen by planting that into the writer.
#[test]
fn a_rotation_in_two_steps_is_caught_by_a_failing_write() {
    with_faults("a_rotation_in_two_steps_is_caught_by_a_failing_write", |disk| {
        let caught = catch_unwind(AssertUnwindSafe(|| fail_at_every_write(disk, &RotationInTwoSteps)));
        let why = caught.unwrap_err();
        let why = why.downcast_ref::<String>().unwrap();
        assert!(why.contains("a rotation and its access token"), "{why}");
    });
}

/// Closing folds the log into the file.
#[test]
fn what_was_acknowledged_survives_a_failure_of_each_write_of_closing() {
    with_faults("what_was_acknowledged_survives_a_failure_of_each_write_of_closing", |disk| {
        let directory = Directory::new();
        for (count, what) in FAILURES {
            for nth in 1.. {
                let store = SqliteStore::open(directory.file()).unwrap();
                let number = u64::from(nth) + (u64::from(count) << 32);
                begin(&store, number);
                disk.fail(nth, count, what);
                block_on(store.close());
                let hits = disk.hits();
                disk.work();
                let store = SqliteStore::open(directory.file()).unwrap();
                assert_eq!(state(&store, number).generation, 0, "write {nth}, errno {what}");
                block_on(store.close());
                if hits == 0 {
                    assert!(nth > 5, "closing makes more than {nth} writes");
                    break;
                }
            }
        }
    });
}

#[test]
fn a_file_that_could_not_be_made_is_made_by_the_next_who_opens_it() {
    with_faults("a_file_that_could_not_be_made_is_made_by_the_next_who_opens_it", |disk| {
        for (count, what) in FAILURES {
            for nth in 1.. {
                let directory = Directory::new();
                disk.fail(nth, count, what);
                let opened = SqliteStore::open(directory.file());
                let hits = disk.hits();
                disk.work();
                match opened {
                    Ok(store) => block_on(store.close()),
                    Err(error) => assert!(matches!(error, OpenError::Unavailable { .. }), "write {nth}: {error}"),
                }
                begin(&SqliteStore::open(directory.file()).unwrap(), 1);
                if hits == 0 {
                    assert!(nth > 5, "making a file takes more than {nth} writes");
                    break;
                }
            }
        }
    });
}

fn body(response: &oauth_core::wire::Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

/// As its clients see it: 503 with `Retry-After`, and the same refresh token is good once the disk is.
#[test]
fn a_server_answers_503_while_its_disk_fails_and_burns_no_refresh_token() {
    with_faults("a_server_answers_503_while_its_disk_fails_and_burns_no_refresh_token", |disk| {
        let directory = Directory::new();
        let store = SqliteStore::open(directory.file()).unwrap();
        let alice = User { subject: "alice".parse().unwrap(), active: true, scope: None, password: None };
        assert_eq!(block_on(store.insert_user(alice, &["alice"])).unwrap(), Register::Registered);
        let server = RefreshingServer::start(RefreshingServer::builder(&store, AccessTokenFormat::Opaque));
        let mut token = body(&server.begin())["refresh_token"].as_str().unwrap().to_owned();
        for (count, what) in FAILURES {
            for nth in 1.. {
                disk.fail(nth, count, what);
                let mut answer = server.refresh(&token);
                let hits = disk.hits();
                disk.work();
                if answer.status != 200 {
                    assert_eq!(
                        (answer.status, &body(&answer)["error"]),
                        (503, &Value::from("temporarily_unavailable"))
                    );
                    assert!(answer.headers.iter().any(|(name, _)| *name == "retry-after"), "{answer:?}");
                    assert!(body(&answer).get("access_token").is_none());
                    answer = server.refresh(&token);
                }
                assert_eq!(answer.status, 200, "write {nth}, errno {what}: {}", body(&answer));
                token = body(&answer)["refresh_token"].as_str().unwrap().to_owned();
                if hits == 0 {
                    assert!(nth > 5, "a refresh makes more than {nth} writes");
                    break;
                }
            }
        }
    });
}
