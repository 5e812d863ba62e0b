//! The memory store with many live opaque tokens: how many bytes each takes, and how long storing one takes meanwhile.
//!
//! Each filling is a process of its own, so that its resident memory is that of nothing else.

use std::fs;
use std::process::Command;
use std::time::Instant;

use oauth_core::store::{
    AccessTokenRecord, Binding, Extra, FamilyRecord, GrantStore, InsertToken, Principal, StartFamily, StartOutcome,
};
use oauth_core::types::{Audience, ClientId, FamilyId, Lifetime, Scope, Subject, Timestamp, TokenDigest, TokenId};
use oauth_store_memory::MemoryStore;
use oauth_testkit::block_on;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::figures::{Failure, median};

/// How much it does.
pub(crate) struct Plan {
    rounds: usize,
    tokens: usize,
}

pub(crate) const FULL: Plan = Plan { rounds: 7, tokens: 1_000_000 };
pub(crate) const SHORT: Plan = Plan { rounds: 1, tokens: 50_000 };

const KINDS: [&str; 2] = ["client", "user"];
const MOST_BYTES: f64 = 300.0;
const MOST_P99_MS: f64 = 1.0;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const LATER: Timestamp = NOW.plus(Lifetime::of_seconds(86_400));
const SCOPE: &str = "read write profile";

/// Fills stores; whether all targets were reached.
pub(crate) fn run(plan: &Plan) -> Result<bool, Failure> {
    let Plan { rounds, tokens } = plan;
    println!("the memory store from empty to {tokens} live opaque tokens, {rounds} rounds in processes of their own");
    println!("token   bytes beyond digest and scope   storing one: p50 µs   p99 µs   p99.9 µs   longest ms");
    let mut all = true;
    for kind in KINDS {
        let filled = (0..*rounds).map(|_| fill_elsewhere(kind, *tokens)).collect::<Result<Vec<_>, _>>()?;
        let column = |number: usize| median(&filled.iter().map(|row| row[number]).collect::<Vec<_>>());
        let [bytes, p50, p99, p999, longest] = [0, 1, 2, 3, 4].map(column);
        let reached = bytes <= MOST_BYTES && p99 <= MOST_P99_MS * 1e3;
        all &= reached;
        println!(
            "{kind:6} {bytes:6.0}                          {p50:18.1}   {p99:6.1}   {p999:8.1}   {:10.1}   {} \
             (targets {MOST_BYTES} bytes, p99 {MOST_P99_MS} ms)",
            longest / 1e3,
            if reached { "ok" } else { "MISS" }
        );
    }
    Ok(all)
}

fn fill_elsewhere(kind: &str, tokens: usize) -> Result<[f64; 5], Failure> {
    let output = Command::new(std::env::current_exe()?).args(["memory-fill", kind, &tokens.to_string()]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    figures.try_into().map_err(|_| format!("filling failed: {text}").into())
}

/// Fills one store and prints its figures.
pub(crate) fn fill(kind: &str, count: &str) -> Result<bool, Failure> {
    let count: usize = count.parse()?;
    let store = MemoryStore::new();
    let holder = Holder::of(kind, &store)?;
    let random = SystemRandom::new();
    let mut spent = Vec::with_capacity(count);
    spent.resize(count, 0_f32);
    let before = resident()?;
    for spent in &mut spent {
        let token = holder.token(&random)?;
        let start = Instant::now();
        let stored = block_on(store.insert_access_token(token))?;
        *spent = start.elapsed().as_secs_f32() * 1e6;
        assert_eq!(stored, InsertToken::Inserted);
    }
    let bytes = (resident()? - before) / count as f64 - 32.0 - SCOPE.len() as f64;
    spent.sort_by(f32::total_cmp);
    let at = |share: f64| spent[((count - 1) as f64 * share) as usize];
    println!("{bytes} {} {} {} {}", at(0.5), at(0.99), at(0.999), at(1.0));
    Ok(true)
}

/// Whose tokens they are. As in a server, they share what comes from the client's registration.
struct Holder {
    principal: Principal,
    family: Option<FamilyId>,
    audience: Vec<Audience>,
}

impl Holder {
    fn of(kind: &str, store: &MemoryStore) -> Result<Self, Failure> {
        let client = ClientId::parse("billing")?;
        let audience = vec![Audience::parse("https://api.example")?];
        if kind == "client" {
            return Ok(Self { principal: Principal::Client { client }, family: None, audience });
        }
        let subject = Subject::parse("248289761001")?;
        let id = FamilyId::from_bytes([7; 16]);
        let family = FamilyRecord {
            id,
            client: client.clone(),
            subject: subject.clone(),
            scope: Scope::parse(SCOPE)?,
            resource: Vec::new(),
            binding: Binding::None,
            auth: None,
            code_digest: None,
            refresh: None,
            issued_at: NOW,
            seen_at: NOW,
            absolute_expires_at: LATER,
            revoked: None,
            extra: Extra::default(),
        };
        let start = StartFamily { family, access_token: None, live_limit: 1, claim: None };
        assert_eq!(block_on(store.start_family(start))?, StartOutcome::Started { ended: 0 });
        Ok(Self { principal: Principal::User { subject, client }, family: Some(id), audience })
    }

    fn token(&self, random: &SystemRandom) -> Result<AccessTokenRecord, Failure> {
        let mut digest = [0; 32];
        random.fill(&mut digest).map_err(|_| "no randomness")?;
        let own: String = digest.iter().take(11).map(|byte| format!("{byte:02x}")).collect();
        let id = match (self.family, &self.principal) {
            (Some(_), _) => format!("BwcHBwcHBwcHBwcHBwcHBw.{own}"),
            (None, _) => own,
        };
        Ok(AccessTokenRecord {
            digest: TokenDigest::from_bytes(digest),
            id: TokenId::parse(&id)?,
            family: self.family,
            principal: match &self.principal {
                Principal::User { subject, client } => {
                    // a request finds its user anew
                    Principal::User { subject: Subject::parse(subject.as_str())?, client: client.clone() }
                }
                own => own.clone(),
            },
            scope: Scope::parse(SCOPE)?,
            audience: self.audience.clone(),
            resource: Vec::new(),
            binding: Binding::None,
            auth: None,
            issued_at: NOW,
            expires_at: LATER,
            extra: Extra::default(),
        })
    }
}

/// Resident memory of this process in bytes.
fn resident() -> Result<f64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    Ok(resident.ok_or("no VmRSS")?.parse::<f64>()? * 1024.0)
}
