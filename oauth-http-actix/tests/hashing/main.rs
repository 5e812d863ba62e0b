//! W6: hashing cannot be turned against us. A process of its own, because it counts threads.

#[path = "../support/mod.rs"]
mod support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use oauth_core::store::{PasswordHash, User};
use oauth_testkit::Method as Call;

use crate::support::{Answer, Backend, Connection, Host, PASSWORD, Way};

on_every_store!(w06_more_sign_ins_than_permits_are_told_to_wait_and_cost_nothing);

/// One at a time: the threads of all would be counted together.
static ALONE: Mutex<()> = Mutex::new(());
const PERMITS: usize = 2;
/// How many wrong passwords of an account are heard.
const LIMIT: u32 = 3;
/// How many jobs wait while every thread is busy.
const QUEUE: usize = 64;

/// The hashing threads of this process; each holds one block of 19 MiB.
#[cfg(target_os = "linux")]
fn hashing_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.trim_end() == "oauth-argon2").count()
}

#[cfg(not(target_os = "linux"))]
fn hashing_threads() -> usize {
    PERMITS
}

fn w06_more_sign_ins_than_permits_are_told_to_wait_and_cost_nothing<B: Backend>() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    while cfg!(target_os = "linux") && hashing_threads() > 0 {
        std::thread::yield_now();
    }
    let window = Duration::from_secs(900);
    let host = Host::<B>::people(|builder| {
        builder.hashing_threads(PERMITS).password_strikes(LIMIT, window).failures_per_minute(10_000)
    });
    host.add_person("bob", Some(PASSWORD), true, &["bob"]);
    // an imported hash of the greatest strength that is taken, so that both threads are busy while the others come
    let slow = "$argon2id$v=19$m=131072,t=10,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let password = Some(PasswordHash::from_phc(slow));
    host.backend.add_user(User { subject: "slow".parse().unwrap(), active: true, scope: None, password }, &["slow"]);
    let hashed = host.server.password_hashes();
    host.forget();

    let send = |login: &str, password: &str, number: usize| {
        let ask = Host::<B>::signing_in(Way::ALL[number % 3], login, password);
        let answer = Connection::to(host.address).send(&ask.bytes()).answer();
        host.check(&ask, &answer);
        answer
    };
    let (strangers, told) = (QUEUE + 56, AtomicUsize::new(0));
    let (mut answers, owners) = std::thread::scope(|scope| {
        let (send, told, host) = (&send, &told, &host);
        let mut asked: Vec<_> = (0..PERMITS).map(|at| scope.spawn(move || send("slow", "wrong", at))).collect();
        // the strike is written just before the hash
        while host.probe.count(Call::AddStrike) < PERMITS {
            std::thread::yield_now();
        }
        asked.extend((0..strangers).map(|at| {
            scope.spawn(move || {
                let answer = send(&format!("stranger-{at}"), "wrong", at);
                told.fetch_add(usize::from(answer.status == 503), Ordering::SeqCst);
                answer
            })
        }));
        // an owner who comes while there is no room, and tries on and on
        while told.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        let owners: Vec<Answer> = (0..2 * LIMIT as usize).map(|at| send("bob", PASSWORD, at)).collect();
        (asked.into_iter().map(|one| one.join().unwrap()).collect::<Vec<Answer>>(), owners)
    });
    let count = |answers: &[Answer], status| answers.iter().filter(|answer| answer.status == status).count();
    let (refused, busy) = (count(&answers, 400), count(&answers, 503));
    assert_eq!(refused + busy, PERMITS + strangers, "nothing but these");
    assert!(busy > 0 && refused >= PERMITS + QUEUE, "more came than could wait, and who could was heard");
    // an owner is told to wait or let in, never that the password is wrong
    let given = count(&owners, 200);
    assert_eq!(given + count(&owners, 503), owners.len());
    assert!(given < owners.len(), "the owner met a full queue");
    answers.extend(owners);
    for answer in answers.iter().filter(|answer| answer.status == 503) {
        answer.is(503, "temporarily_unavailable");
        assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
        assert!(answer.member("access_token").is_none());
    }
    // who was told to wait cost no hash, got nothing and counts as no guess; memory is a block for each permit
    assert_eq!(host.server.password_hashes() - hashed, (given + refused) as u64);
    assert_eq!(host.probe.count(Call::AddStrike), given + refused);
    assert_eq!((host.issued(), hashing_threads()), (given, PERMITS));
    assert_eq!(host.sign_in(Way::Json, "bob", PASSWORD).status, 200, "a full queue locks nobody out");
}
