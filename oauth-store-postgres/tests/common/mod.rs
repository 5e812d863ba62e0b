//! What the test binaries of this crate share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use oauth_core::store::{
    AccessTokenRecord, AuthorizationRequestRecord, BeginOutcome, BeginRequest, CodeRecord, ConsentKey, ConsentRecord,
    DecideRequest, FamilyRecord, GrantStore, IssueCode, Principal, RedeemCode, RefreshState, RequestDecision,
    RequestOrigin, RequestState, Rotate, Salt, StartFamily, StartOutcome,
};
use oauth_core::types::{Audience, FamilyId, Timestamp, TokenDigest};
use oauth_testkit::{PostgresServer, block_on};
use tokio::runtime::{Handle, Runtime};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::{Database, PostgresStore, Schema, Settings};

pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
pub const LATER: Timestamp = Timestamp::from_seconds(1_900_000_000);

const REDIRECT_URI: &str = "https://app.example/callback";

/// Where connections live; not where the tests run.
pub fn runtime() -> Handle {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
        .handle()
        .clone()
}

/// Settings by which the connections can be told apart.
pub fn named(server: &PostgresServer, name: &str, schema: &Schema) -> Settings {
    Settings::parse(&format!("{} application_name={name}", server.url())).unwrap().schema(schema.clone())
}

/// A schema that nobody else in this process has.
pub fn fresh_schema() -> Schema {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    Schema::parse(&format!("oauth_{}", NEXT.fetch_add(1, Ordering::Relaxed))).unwrap()
}

/// Settings for a schema of its own.
pub fn settings(server: &PostgresServer) -> Settings {
    Settings::parse(&server.url()).unwrap().schema(fresh_schema())
}

pub fn open(settings: Settings) -> PostgresStore {
    block_on(Database::connect(settings, runtime())).unwrap().tenant("default".parse().unwrap())
}

/// Somebody else's connection to the same server.
pub struct Stranger(tokio_postgres::Client);

impl Stranger {
    pub fn connect(server: &PostgresServer) -> Self {
        let url = server.url();
        let client = on_runtime(async move {
            let (client, driver) = tokio_postgres::connect(&url, NoTls).await.unwrap();
            tokio::spawn(driver);
            client
        });
        Self(client)
    }

    /// Runs statements; the first cell of every row that they answer.
    pub fn ask(&self, sql: &str) -> Vec<String> {
        let answers = block_on(self.0.simple_query(sql)).unwrap();
        let first = |answer: &SimpleQueryMessage| match answer {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        };
        answers.iter().filter_map(first).collect()
    }

    /// Runs statements that may fail.
    pub fn attempt(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        block_on(self.0.batch_execute(sql))
    }
}

/// How many connections of that name wait for a lock.
pub fn waiters(eye: &Stranger, name: &str) -> usize {
    let waiting = "wait_event_type = 'Lock'";
    eye.ask(&format!("SELECT pid FROM pg_stat_activity WHERE application_name = '{name}' AND {waiting}")).len()
}

pub fn wait_for_waiters(eye: &Stranger, name: &str, count: usize) {
    while waiters(eye, name) < count {
        thread::yield_now();
    }
}

pub fn on_runtime<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    block_on(runtime().spawn(work)).unwrap()
}

pub fn family_id(number: u64) -> FamilyId {
    let mut bytes = [7; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    FamilyId::from_bytes(bytes)
}

pub fn digest(number: u64) -> TokenDigest {
    let mut bytes = [9; 32];
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    TokenDigest::from_bytes(bytes)
}

/// A refresh token: the one that this owner makes current in this generation.
pub fn refresh_digest(owner: u64, generation: u64) -> TokenDigest {
    let mut bytes = [3; 32];
    bytes[..8].copy_from_slice(&owner.to_be_bytes());
    bytes[8..16].copy_from_slice(&generation.to_be_bytes());
    TokenDigest::from_bytes(bytes)
}

pub fn family(number: u64) -> FamilyRecord {
    let refresh = RefreshState {
        handle: number.to_be_bytes(),
        key_id: "derive".parse().unwrap(),
        generation: 0,
        current_digest: refresh_digest(number, 0),
        previous_digest: None,
        salt: None,
        rotated_at: NOW,
        retries: 0,
        retry_streak: 0,
        idle_expires_at: LATER,
    };
    FamilyRecord {
        id: family_id(number),
        client: "app".parse().unwrap(),
        subject: format!("alice-{number}").parse().unwrap(),
        scope: "read write".parse().unwrap(),
        resource: Vec::new(),
        binding: Default::default(),
        auth: None,
        code_digest: None,
        refresh: Some(refresh),
        issued_at: NOW,
        seen_at: NOW,
        absolute_expires_at: LATER,
        revoked: None,
        extra: Default::default(),
    }
}

pub fn start(number: u64) -> StartFamily {
    StartFamily { family: family(number), access_token: None, live_limit: u32::MAX, claim: None }
}

pub fn begin(store: &PostgresStore, number: u64) {
    assert_eq!(block_on(store.start_family(start(number))).unwrap(), StartOutcome::Started { ended: 0 });
}

/// From this generation to the next one's token of that owner, with an access token of that number.
pub fn rotation(number: u64, current: TokenDigest, successor: TokenDigest, access_token: u64) -> Rotate {
    Rotate {
        family: family_id(number),
        current,
        successor,
        salt: Salt { bytes: [5; 32], expires_at: LATER },
        idle_expires_at: LATER,
        now: NOW,
        access_token: Some(token(access_token, Some(number))),
    }
}

pub fn token(number: u64, family: Option<u64>) -> AccessTokenRecord {
    AccessTokenRecord {
        digest: digest(number),
        id: format!("t{number}").parse().unwrap(),
        family: family.map(family_id),
        principal: Principal::Client { client: "app".parse().unwrap() },
        scope: "read".parse().unwrap(),
        audience: vec![Audience::parse("api").unwrap()],
        resource: Vec::new(),
        binding: Default::default(),
        auth: None,
        issued_at: NOW,
        expires_at: LATER,
        extra: Default::default(),
    }
}

/// The request of that number, open.
pub fn request(number: u64) -> AuthorizationRequestRecord {
    AuthorizationRequestRecord {
        handle: digest(number),
        origin: RequestOrigin::Plain,
        client: "app".parse().unwrap(),
        redirect_uri: REDIRECT_URI.to_owned(),
        request: Default::default(),
        browser: None,
        subject: None,
        state: RequestState::Begun,
        binding: Default::default(),
        auth: None,
        resource: Vec::new(),
        begun_at: NOW,
        expires_at: LATER,
        extra: Default::default(),
    }
}

pub fn begin_request(store: &PostgresStore, number: u64) {
    let begin = BeginRequest { request: request(number), client_limit: u32::MAX, tenant_limit: u32::MAX };
    assert_eq!(block_on(store.begin_request(begin)).unwrap(), BeginOutcome::Begun);
}

/// The subject of that number allows the request of that number, for a code of its own, and wants to be remembered.
pub fn approval(request: u64, number: u64) -> DecideRequest {
    let (code, consent) = (code(number), consent(number));
    let decision = RequestDecision::Approved { code: Box::new(code), consent: Some(Box::new(consent)) };
    DecideRequest { handle: digest(request), subject: family(number).subject, auth: None, now: NOW, decision }
}

/// A code of the subject of that number.
pub fn code(number: u64) -> CodeRecord {
    CodeRecord {
        digest: digest(number),
        client: "app".parse().unwrap(),
        subject: family(number).subject,
        scope: "read write".parse().unwrap(),
        redirect_uri: REDIRECT_URI.to_owned(),
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

pub fn consent(number: u64) -> ConsentRecord {
    ConsentRecord {
        key: ConsentKey {
            subject: family(number).subject,
            client: "app".parse().unwrap(),
            redirect_uri: REDIRECT_URI.to_owned(),
            resource: Vec::new(),
        },
        scope: "read write".parse().unwrap(),
        granted_at: NOW,
        expires_at: LATER,
        extra: Default::default(),
    }
}

pub fn issue(store: &PostgresStore, number: u64) {
    assert_eq!(block_on(store.issue_code(code(number))).unwrap(), IssueCode::Issued);
}

/// Of the code of that number into the family of that number, with an access token of that number.
pub fn redemption(code: u64, family_number: u64) -> RedeemCode {
    RedeemCode {
        code: digest(code),
        now: NOW,
        family: FamilyRecord {
            subject: family(code).subject,
            code_digest: Some(digest(code)),
            ..family(family_number)
        },
        access_token: Some(token(family_number, Some(family_number))),
        live_limit: u32::MAX,
    }
}

pub fn stored(store: &PostgresStore, number: u64) -> FamilyRecord {
    block_on(store.find_family(&family_id(number))).unwrap().unwrap()
}
