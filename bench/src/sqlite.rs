//! The SQLite store beside SQLite alone, on files with the same rows, indexes and settings: rotations of refresh tokens,
//! and lookups of opaque tokens among few and among many. Then the core's endpoints beside the store.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use oauth_core::store::{
    Binding, Extra, FamilyRecord, GrantStore as _, RefreshState, Refreshed, Rotate, Salt, StartFamily, StartOutcome,
};
use oauth_core::types::{ClientId, FamilyId, KeyId, Lifetime, Scope, Subject, Timestamp, TokenDigest};
use oauth_store_sqlite::{SqliteStore, migrate};
use ring::rand::{SecureRandom as _, SystemRandom};
use rusqlite::{Connection, named_params, params};

use crate::calls;
use crate::figures::{Failure, Ratios, median, verdict};

/// How long it takes.
pub(crate) struct Plan {
    rounds: usize,
    block: Duration,
    families: u64,
    few: usize,
    many: usize,
    calls: calls::Plan,
}

pub(crate) const FULL: Plan = Plan {
    rounds: 11,
    block: Duration::from_millis(1500),
    families: 20_000,
    few: 10_000,
    many: 1_000_000,
    calls: calls::FULL,
};
pub(crate) const SHORT: Plan = Plan {
    rounds: 1,
    block: Duration::from_millis(200),
    families: 1_000,
    few: 1_000,
    many: 20_000,
    calls: calls::SHORT,
};

const CALLERS: u64 = 64;
/// From one token that is looked up to the next: a prime, so that every one gets its turn.
const STRIDE: usize = 982_451_653;
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const LATER: Timestamp = NOW.plus(Lifetime::of_seconds(86_400));

/// Runs everything; whether all targets were reached.
pub(crate) fn run(plan: &Plan) -> Result<bool, Failure> {
    let folder = Folder::new()?;
    let rotations = rotations(plan, &folder)?;
    let lookups = lookups(plan, &folder)?;
    println!("SQLite, synchronous=FULL:");
    let store = SqliteStore::open(folder.0.join("calls.db"))?;
    actix_web::rt::System::new().block_on(calls::rows(&plan.calls, store, |store, user| async move {
        store.insert_user(user, &[]).await.map(|_| ()).map_err(|why| why.to_string())
    }))?;
    Ok(rotations && lookups)
}

fn rotations(plan: &Plan, folder: &Folder) -> Result<bool, Failure> {
    let Plan { rounds, block, families, .. } = plan;
    println!(
        "SQLite, synchronous=FULL: rotations among {families} families, {rounds} rounds of {block:?}, alternately"
    );
    let file = folder.0.join("ours.db");
    let store = SqliteStore::open(&file)?;
    let shelf = Shelf::fill(&store, *families)?;
    actix_web::rt::System::new().block_on(store.close());
    let copy = |name| -> Result<PathBuf, Failure> {
        let copy = folder.0.join(name);
        fs::copy(&file, &copy)?;
        Ok(copy)
    };
    let grouped = Bare::open(&copy("grouped.db")?, *families)?;
    let single = Bare::open(&copy("single.db")?, *families)?;
    let store = SqliteStore::open(&file)?;
    let sides: [&dyn Fn() -> Result<f64, Failure>; 3] =
        [&|| shelf.rotate(&store, *block), &|| grouped.rotate(32, *block), &|| single.rotate(1, *block)];
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..=*rounds {
        for turn in 0..sides.len() {
            let side = (round + turn) % sides.len(); // whoever goes first may find the other's heat: take turns
            let rate = sides[side]()?;
            if round > 0 {
                rates[side].push(rate); // the first round warms up
            }
        }
    }
    actix_web::rt::System::new().block_on(store.close());
    let [ours, grouped, single] = &rates;
    println!("{CALLERS} callers: {:.0}/s", median(ours));
    let mut all = true;
    for (name, bare, target) in
        [("bare guarded UPDATEs, 32 to a commit", grouped, 0.6), ("bare guarded UPDATEs, one to a commit", single, 2.0)]
    {
        let ratios = Ratios::of(ours, bare);
        let reached = ratios.reach(Some(target));
        all &= reached;
        println!("{name}: {:.0}/s  ratio {ratios}  {}", median(bare), verdict(reached, Some(target)));
    }
    Ok(all)
}

/// The families of our side and the generation that each has come to.
struct Shelf {
    generations: Rc<[Cell<u64>]>,
}

impl Shelf {
    fn fill(store: &SqliteStore, families: u64) -> Result<Self, Failure> {
        let starts = (0..CALLERS).map(|caller| {
            let store = store.clone();
            async move {
                for number in (caller..families).step_by(64) {
                    let start =
                        StartFamily { family: family(number)?, access_token: None, live_limit: 100, claim: None };
                    assert_eq!(store.start_family(start).await?, StartOutcome::Started { ended: 0 });
                }
                Ok(())
            }
        });
        together(starts)?;
        Ok(Self { generations: (0..families).map(|_| Cell::new(0)).collect() })
    }

    /// Rotations per second by all callers, each waiting for its own.
    fn rotate(&self, store: &SqliteStore, block: Duration) -> Result<f64, Failure> {
        let families = self.generations.len() as u64;
        let done = Rc::new(Cell::new(0_u32));
        let start = Instant::now();
        let callers = (0..CALLERS).map(|caller| {
            let (store, generations, done) = (store.clone(), Rc::clone(&self.generations), Rc::clone(&done));
            async move {
                for number in (caller..families).step_by(64).cycle() {
                    if start.elapsed() >= block {
                        break;
                    }
                    let generation = &generations[usize::try_from(number)?];
                    let rotated = store.rotate(rotation(number, generation.get())).await?;
                    assert_eq!(rotated, Refreshed::Done);
                    generation.set(generation.get() + 1);
                    done.set(done.get() + 1);
                }
                Ok(())
            }
        });
        together(callers)?;
        Ok(f64::from(done.get()) / start.elapsed().as_secs_f64())
    }
}

/// Runs futures side by side on this thread, as the tasks of one worker of a server.
fn together<F>(futures: impl Iterator<Item = F>) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>> + 'static,
{
    actix_web::rt::System::new().block_on(async {
        let tasks: Vec<_> = futures.map(actix_web::rt::spawn).collect();
        for task in tasks {
            task.await??;
        }
        Ok(())
    })
}

/// SQLite alone: one connection, one thread, one prepared statement.
struct Bare {
    connection: Connection,
    generations: Box<[Cell<u64>]>,
    next: Cell<usize>,
}

/// What a rotation changes and what guards it, without the cutoffs.
const GUARDED: &str = "
    UPDATE family SET generation = generation + 1, previous_digest = current_digest, current_digest = :successor,
        salt = :salt, salt_expires_at = :salt_expires_at, rotated_at = :now, retries = 0,
        idle_expires_at = :idle_expires_at, seen_at = max(seen_at, :now)
    WHERE tenant = 'default' AND id = :family AND current_digest = :current AND revoked_at IS NULL
        AND absolute_expires_at > :now";

impl Bare {
    fn open(file: &Path, families: u64) -> Result<Self, Failure> {
        let connection = Connection::open(file)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        Ok(Self { connection, generations: (0..families).map(|_| Cell::new(0)).collect(), next: Cell::new(0) })
    }

    /// Rotations per second, this many to a commit.
    fn rotate(&self, group: u32, block: Duration) -> Result<f64, Failure> {
        let mut update = self.connection.prepare(GUARDED)?;
        let mut begin = self.connection.prepare("BEGIN IMMEDIATE")?;
        let mut commit = self.connection.prepare("COMMIT")?;
        let start = Instant::now();
        let mut done = 0_u32;
        while start.elapsed() < block {
            begin.execute([])?;
            for _ in 0..group {
                let number = self.next.replace((self.next.get() + 1) % self.generations.len());
                let generation = &self.generations[number];
                let Rotate { family, current, successor, salt, idle_expires_at, now, access_token: _ } =
                    rotation(number as u64, generation.get());
                let changed = update.execute(named_params! {
                    ":family": family.as_bytes(),
                    ":current": current.as_bytes(),
                    ":successor": successor.as_bytes(),
                    ":salt": salt.bytes,
                    ":salt_expires_at": salt.expires_at.millis(),
                    ":idle_expires_at": idle_expires_at.millis(),
                    ":now": now.millis(),
                })?;
                assert_eq!(changed, 1);
                generation.set(generation.get() + 1);
            }
            commit.execute([])?;
            done += group;
        }
        Ok(f64::from(done) / start.elapsed().as_secs_f64())
    }
}

fn family(number: u64) -> Result<FamilyRecord, Failure> {
    let refresh = RefreshState {
        handle: scattered(number, 1)[..8].try_into()?,
        key_id: KeyId::parse("derive-2026-11-22")?,
        generation: 0,
        current_digest: refresh_digest(number, 0),
        previous_digest: Some(refresh_digest(number, u64::MAX)), // so that rows keep their size
        salt: Some(salt(number, 0)),
        rotated_at: NOW,
        retries: 0,
        retry_streak: 0,
        idle_expires_at: LATER,
    };
    Ok(FamilyRecord {
        id: family_id(number),
        client: ClientId::parse("billing")?,
        subject: Subject::parse(&format!("subject-{number}"))?,
        scope: Scope::parse("read write profile offline_access")?,
        resource: Vec::new(),
        binding: Binding::None,
        auth: None,
        code_digest: None,
        refresh: Some(refresh),
        issued_at: NOW,
        seen_at: NOW,
        absolute_expires_at: LATER,
        revoked: None,
        extra: Extra::default(),
    })
}

fn rotation(number: u64, generation: u64) -> Rotate {
    Rotate {
        family: family_id(number),
        current: refresh_digest(number, generation),
        successor: refresh_digest(number, generation + 1),
        salt: salt(number, generation + 1),
        idle_expires_at: LATER,
        now: NOW,
        access_token: None,
    }
}

fn family_id(number: u64) -> FamilyId {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&scattered(number, 0)[..16]);
    FamilyId::from_bytes(bytes)
}

fn refresh_digest(number: u64, generation: u64) -> TokenDigest {
    let mut bytes = scattered(number, 2);
    bytes[..8].copy_from_slice(&generation.to_le_bytes());
    TokenDigest::from_bytes(bytes)
}

fn salt(number: u64, generation: u64) -> Salt {
    let expires_at = Timestamp::from_millis(NOW.millis() + i64::try_from(generation % 1_000_000).unwrap_or(0));
    Salt { bytes: scattered(number ^ generation, 3), expires_at }
}

/// Bytes without any order, the same for the same numbers.
fn scattered(number: u64, kind: u64) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, &[number.to_le_bytes(), kind.to_le_bytes()].concat());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn lookups(plan: &Plan, folder: &Folder) -> Result<bool, Failure> {
    let Plan { rounds, block, few, many, .. } = plan;
    println!(
        "SQLite: lookups of opaque tokens among {few} and among {many}, {rounds} rounds of {block:?}, alternately"
    );
    let few = Tokens::fill(&folder.0.join("few.db"), *few)?;
    let many = Tokens::fill(&folder.0.join("many.db"), *many)?;
    let ways: [(&str, Option<f64>, Way); 3] = [
        ("one caller", Some(1.0 / 1.5), |tokens, block| tokens.look_up(1, block)),
        ("64 callers", None, |tokens, block| tokens.look_up(CALLERS, block)),
        ("SQLite alone", None, Tokens::look_up_bare),
    ];
    let mut all = true;
    for (name, target, way) in ways {
        let (mut among_few, mut among_many) = (Vec::new(), Vec::new());
        for round in 0..=*rounds {
            let rates = if round % 2 == 0 {
                let few = way(&few, *block)?;
                (few, way(&many, *block)?)
            } else {
                let many = way(&many, *block)?;
                (way(&few, *block)?, many)
            };
            if round > 0 {
                among_few.push(rates.0);
                among_many.push(rates.1);
            }
        }
        let ratios = Ratios::of(&among_many, &among_few);
        let reached = ratios.reach(target);
        all &= reached;
        println!(
            "{name}: {:.0}/s among few, {:.0}/s among many  ratio {ratios}  {}",
            median(&among_few),
            median(&among_many),
            verdict(reached, target)
        );
    }
    Ok(all)
}

type Way = fn(&Tokens, Duration) -> Result<f64, Failure>;

/// A file of opaque tokens.
struct Tokens {
    store: SqliteStore,
    bare: Connection,
    digests: Rc<[TokenDigest]>,
}

impl Tokens {
    /// Filled by SQLite alone, in the order in which random digests come.
    fn fill(file: &Path, count: usize) -> Result<Self, Failure> {
        migrate(file)?;
        let mut connection = Connection::open(file)?;
        connection.execute_batch("PRAGMA cache_size = -400000")?;
        let random = SystemRandom::new();
        let mut digests = Vec::with_capacity(count);
        let transaction = connection.transaction()?;
        let mut insert = transaction.prepare(
            r#"INSERT INTO access_token (tenant, digest, id, client, subject, scope, audience, resource, issued_at,
                                         expires_at, extra)
               VALUES ('default', ?1, ?2, 'billing', ?3, '["profile","read","write"]', '["https://api.example"]', '[]',
                       ?4, ?5, x'')"#,
        )?;
        for number in 0..count {
            let mut digest = [0; 32];
            random.fill(&mut digest).map_err(|_| "no randomness")?;
            let subject = format!("subject-{number}");
            insert.execute(params![
                digest,
                format!("token-of-22-bytes-{number}"),
                subject,
                NOW.millis(),
                LATER.millis()
            ])?;
            digests.push(TokenDigest::from_bytes(digest));
        }
        drop(insert);
        transaction.commit()?;
        drop(connection);
        Ok(Self { store: SqliteStore::open(file)?, bare: Connection::open(file)?, digests: digests.into() })
    }

    /// Lookups per second by SQLite alone: one connection, one thread, one prepared statement.
    fn look_up_bare(&self, block: Duration) -> Result<f64, Failure> {
        let mut select = self.bare.prepare(
            "SELECT digest, id, family, client, subject, scope, audience, resource, issued_at, expires_at, extra
             FROM access_token WHERE tenant = 'default' AND digest = ?1",
        )?;
        let (mut done, mut place) = (0_u32, 0);
        let start = Instant::now();
        while start.elapsed() < block {
            place = (place + STRIDE) % self.digests.len();
            let id: String = select.query_row([self.digests[place].as_bytes()], |row| row.get(1))?;
            assert!(!id.is_empty());
            done += 1;
        }
        Ok(f64::from(done) / start.elapsed().as_secs_f64())
    }

    /// Lookups per second by this many callers, of any token each.
    fn look_up(&self, callers: u64, block: Duration) -> Result<f64, Failure> {
        let done = Rc::new(Cell::new(0_u32));
        let start = Instant::now();
        let callers = (0..callers).map(|caller| {
            let (store, digests, done) = (self.store.clone(), Rc::clone(&self.digests), Rc::clone(&done));
            async move {
                let mut place = usize::try_from(caller)? * 7919;
                while start.elapsed() < block {
                    place = (place + STRIDE) % digests.len();
                    let found = store.find_access_token(&digests[place]).await?;
                    assert!(found.is_some());
                    done.set(done.get() + 1);
                }
                Ok(())
            }
        });
        together(callers)?;
        Ok(f64::from(done.get()) / start.elapsed().as_secs_f64())
    }
}

/// A folder that goes with its files.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("oauth-bench-{}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
