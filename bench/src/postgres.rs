//! The PostgreSQL store beside the bare engine: rotations beside a bare `UPDATE … RETURNING` of the same row by a pool of
//! the same size, and lookups among many tokens beside lookups among few. Then the core's endpoints beside the store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use oauth_core::store::{GrantStore, Refreshed, Rotate, Salt, Standing};
use oauth_core::types::{FamilyId, Timestamp, TokenDigest};
use oauth_store_postgres::deadpool_postgres::tokio_postgres::NoTls;
use oauth_store_postgres::deadpool_postgres::{Manager, Pool, Runtime};
use oauth_store_postgres::{Database, PostgresStore, Settings, migrate};
use oauth_testkit::PostgresServer;
use tokio::runtime::{Builder, Handle};

use crate::calls;
use crate::figures::{Failure, Ratios, median, verdict};

/// How long it takes.
pub(crate) struct Plan {
    rounds: usize,
    block: Duration,
    families: u64,
    few: u64,
    many: u64,
    calls: calls::Plan,
}

pub(crate) const FULL: Plan = Plan {
    rounds: 9,
    block: Duration::from_secs(2),
    families: 20_000,
    few: 10_000,
    many: 1_000_000,
    calls: calls::FULL,
};
pub(crate) const SHORT: Plan = Plan {
    rounds: 3,
    block: Duration::from_millis(100),
    families: 1_000,
    few: 1_000,
    many: 10_000,
    calls: calls::SHORT,
};

const CONNECTIONS: usize = 16;
const ROTATIONS: Option<f64> = Some(0.6);
/// As many lookups in the time: the time is at most 1.5 times as long.
const LOOKUPS: Option<f64> = Some(1.0 / 1.5);

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const LATER: Timestamp = Timestamp::from_seconds(1_900_000_000);

/// Runs all rows; whether all targets were reached.
pub(crate) fn run(plan: &Plan) -> Result<bool, Failure> {
    let server = PostgresServer::start().ok_or("PostgreSQL is not installed")?;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(plan, &server))
}

async fn measure(plan: &Plan, server: &PostgresServer) -> Result<bool, Failure> {
    // a million tokens fit, as they would on a server that is set up for them; by default 128 MB are kept
    ask(&pool(server)?, "ALTER SYSTEM SET shared_buffers = '1GB'").await?;
    server.stop();
    server.restart();
    let pool = pool(server)?;
    println!("PostgreSQL beside itself, {} rounds of {:?} each, alternately", plan.rounds, plan.block);
    println!("row                        ours/s   floor/s  ratio  [middle half, extremes]");
    let sides = [Side::Ours(open(server, "ours").await?), Side::Bare(pool.clone())];
    migrate(settings(server, "bare")?, Handle::current()).await?;
    for schema in ["ours", "bare"] {
        ask(&pool, &families(schema, plan.families)).await?;
    }
    let [mut ours, mut bare] = sides.map(|side| Callers::of(side, plan.families));
    let mut all = true;
    for (name, fsync, target) in [("rotations, durable", "on", ROTATIONS), ("rotations, fsync=off", "off", None)] {
        ask(&pool, &format!("ALTER SYSTEM SET fsync = {fsync}")).await?;
        ask(&pool, "SELECT pg_reload_conf()").await?;
        all &= row(plan, name, target, async |ours_turn| {
            if ours_turn { ours.rotate(plan.block).await } else { bare.rotate(plan.block).await }
        })
        .await?;
    }
    let stores = [("many", plan.many), ("few", plan.few)];
    let mut lookups = Vec::new();
    for (schema, tokens) in stores {
        let store = open(server, schema).await?;
        for statement in filled(schema, tokens) {
            ask(&pool, &statement).await?;
        }
        lookups.push((store, tokens));
    }
    let name = format!("lookups, {} : {}", plan.many, plan.few);
    all &= row(plan, &name, LOOKUPS, async |many_turn| {
        let (store, tokens) = lookups.get(usize::from(!many_turn)).ok_or("two stores")?;
        look_up(store, *tokens, plan.block).await
    })
    .await?;
    ask(&pool, "ALTER SYSTEM SET fsync = on").await?;
    ask(&pool, "SELECT pg_reload_conf()").await?;
    println!("durable:");
    calls::rows(&plan.calls, open(server, "calls").await?, |store, user| async move {
        store.insert_user(user, &[]).await.map(|_| ()).map_err(|why| why.to_string())
    })
    .await?;
    Ok(all)
}

/// One line: the two sides take turns at going first.
async fn row(
    plan: &Plan,
    name: &str,
    target: Option<f64>,
    mut side: impl AsyncFnMut(bool) -> Result<f64, Failure>,
) -> Result<bool, Failure> {
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for warm_up in [true, false] {
        side(warm_up).await?;
    }
    for round in 0..plan.rounds {
        for turn in [round % 2 == 0, round % 2 != 0] {
            let rate = side(turn).await?;
            if turn { ours.push(rate) } else { floor.push(rate) }
        }
    }
    let ratios = Ratios::of(&ours, &floor);
    let reached = ratios.reach(target);
    println!("{name:24} {:8.0}  {:8.0}  {ratios}  {}", median(&ours), median(&floor), verdict(reached, target));
    Ok(reached)
}

fn settings(server: &PostgresServer, schema: &str) -> Result<Settings, Failure> {
    Ok(Settings::parse(&server.url())?.schema(schema.parse()?).connections(CONNECTIONS))
}

async fn open(server: &PostgresServer, schema: &str) -> Result<PostgresStore, Failure> {
    let database = Database::connect(settings(server, schema)?, Handle::current()).await?;
    Ok(database.tenant("default".parse()?))
}

fn pool(server: &PostgresServer) -> Result<Pool, Failure> {
    let manager = Manager::new(server.url().parse()?, NoTls);
    Ok(Pool::builder(manager).max_size(CONNECTIONS).runtime(Runtime::Tokio1).build()?)
}

async fn ask(pool: &Pool, sql: &str) -> Result<(), Failure> {
    Ok(pool.get().await?.batch_execute(sql).await?)
}

/// Families of the first generation, as a server leaves them after some rotations.
fn families(schema: &str, count: u64) -> String {
    format!(
        "INSERT INTO {schema}.family
         SELECT 'default', int8send(n) || int8send(n), 'client-' || n % 50, 'user-' || n % 1000,
             '[\"offline_access\",\"orders.read\"]', '[]', NULL, NULL, NULL, NULL, NULL, NULL, int8send(n), 'derive-1', 0,
             int8send(n) || int8send(0) || int8send(0) || int8send(0), sha256(int8send(n)), sha256(int8send(n)), {now}, {now}, 0,
             0, {later}, {now} + n, {now}, {later}, NULL, NULL, ''
         FROM generate_series(0, {count} - 1) AS n; ANALYZE {schema}.family",
        now = NOW.millis(),
        later = LATER.millis()
    )
}

/// Tokens, ten of each family.
fn filled(schema: &str, tokens: u64) -> [String; 3] {
    let access_tokens = format!(
        "INSERT INTO {schema}.access_token
         SELECT 'default', sha256(int8send(n)), 'token-' || n, int8send(n / 10) || int8send(n / 10), 'client-' || n / 10 % 50,
             'user-' || n / 10 % 1000, '[\"orders.read\"]', '[\"orders\"]', '[]', NULL, NULL, NULL, NULL, NULL,
             {now} + n / 10, {later} + n, FALSE, ''
         FROM generate_series(0, {tokens} - 1) AS n",
        now = NOW.millis(),
        later = LATER.millis()
    );
    [families(schema, tokens.div_ceil(10)), access_tokens, format!("VACUUM ANALYZE {schema}.access_token")]
}

/// Who rotates.
enum Side {
    Ours(PostgresStore),
    Bare(Pool),
}

const BARE: &str = "
    UPDATE bare.family SET generation = generation + 1, previous_digest = current_digest, current_digest = $3, salt = $4,
        salt_expires_at = $5, rotated_at = $6, retries = 0, idle_expires_at = $7, seen_at = $6
    WHERE tenant = 'default' AND id = $1 AND current_digest = $2 RETURNING generation";

impl Side {
    async fn rotate(&self, family: u64, generation: u64) -> Result<(), String> {
        let id: [u8; 16] = joined([family; 2]);
        let [current, successor]: [[u8; 32]; 2] = [0, 1].map(|step| joined([family, generation + step, 0, 0]));
        let now = Timestamp::from_millis(NOW.millis() + i64::try_from(generation).unwrap_or(0));
        let refused = || format!("family {family} was not rotated");
        match self {
            Self::Ours(store) => {
                let rotate = Rotate {
                    family: FamilyId::from_bytes(id),
                    current: TokenDigest::from_bytes(current),
                    successor: TokenDigest::from_bytes(successor),
                    salt: Salt { bytes: successor, expires_at: now },
                    idle_expires_at: LATER,
                    now,
                    access_token: None,
                };
                match store.rotate(rotate).await.map_err(|why| why.to_string())? {
                    Refreshed::Done => Ok(()),
                    Refreshed::Moved => Err(refused()),
                }
            }
            Self::Bare(pool) => {
                let client = pool.get().await.map_err(|why| why.to_string())?;
                let statement = client.prepare_cached(BARE).await.map_err(|why| why.to_string())?;
                let [now, later] = [now, LATER].map(Timestamp::millis);
                let row = client
                    .query_opt(
                        &statement,
                        &[&&id[..], &&current[..], &&successor[..], &&successor[..], &now, &now, &later],
                    )
                    .await;
                row.map_err(|why| why.to_string())?.map(drop).ok_or_else(refused)
            }
        }
    }
}

fn joined<const N: usize, const BYTES: usize>(numbers: [u64; N]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (place, number) in bytes.chunks_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    bytes
}

/// One caller for each connection, each with families of its own and their generations.
struct Callers {
    side: Arc<Side>,
    generations: Vec<Vec<u64>>,
}

impl Callers {
    fn of(side: Side, families: u64) -> Self {
        let each = usize::try_from(families).unwrap_or(usize::MAX) / CONNECTIONS;
        Self { side: Arc::new(side), generations: vec![vec![0; each]; CONNECTIONS] }
    }

    /// All callers for so long; rotations per second.
    async fn rotate(&mut self, block: Duration) -> Result<f64, Failure> {
        let start = Instant::now();
        let callers = (0_u64..).zip(std::mem::take(&mut self.generations)).map(|(first, mut generations)| {
            let side = Arc::clone(&self.side);
            tokio::spawn(async move {
                let mut rotations = 0_u32;
                'block: loop {
                    for (family, generation) in (first..).step_by(CONNECTIONS).zip(&mut generations) {
                        if start.elapsed() >= block {
                            break 'block;
                        }
                        side.rotate(family, *generation).await?;
                        *generation += 1;
                        rotations += 1;
                    }
                }
                Ok::<_, String>((generations, rotations))
            })
        });
        let callers: Vec<_> = callers.collect();
        let mut rotations = 0;
        for caller in callers {
            let (generations, more) = caller.await??;
            self.generations.push(generations);
            rotations += more;
        }
        Ok(f64::from(rotations) / start.elapsed().as_secs_f64())
    }
}

/// One caller, one token after the other, in an order that jumps; lookups per second.
async fn look_up(store: &PostgresStore, tokens: u64, block: Duration) -> Result<f64, Failure> {
    let (start, mut lookups) = (Instant::now(), 0_u32);
    while start.elapsed() < block {
        let number = u64::from(lookups).wrapping_mul(0x9e37_79b9_7f4a_7c15) % tokens;
        let digest = ring::digest::digest(&ring::digest::SHA256, &number.to_be_bytes());
        let found = store.find_access_token(&TokenDigest::from_bytes(digest.as_ref().try_into()?)).await?;
        if found.is_none_or(|found| found.standing != Standing::Live) {
            return Err(format!("token {number} does not live").into());
        }
        lookups += 1;
    }
    Ok(f64::from(lookups) / start.elapsed().as_secs_f64())
}
