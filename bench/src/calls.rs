//! What the core adds to a store: redeeming a code and introspecting a token through the endpoints, beside the bare calls of
//! the same store on the same rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oauth_core::keys::{SealingKey, SealingKeys};
use oauth_core::store::{
    AccessTokenFormat, AccessTokenRecord, Binding, CodeRecord, Extra, FamilyRecord, GrantStore, IssueCode, Principal,
    RedeemCode, RedeemOutcome, RefreshState, Standing, Stores, User,
};
use oauth_core::time::{Clock as _, SystemClock};
use oauth_core::types::{
    Audience, ClientId, CodeChallenge, FamilyId, Issuer, KeyId, Lifetime, Scope, Subject, TokenDigest, TokenId,
};
use oauth_core::wire::{Body, Method, Request};
use oauth_core::{AuthorizationServer, ClientSpec, Endpoint};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::figures::{Failure, Ratios, median};

/// How long it takes.
pub(crate) struct Plan {
    rounds: usize,
    /// Codes that one caller redeems in a block, and that many callers do.
    codes: [u64; 2],
    /// How long tokens are introspected.
    block: Duration,
}

pub(crate) const FULL: Plan = Plan { rounds: 9, codes: [150, 3_200], block: Duration::from_millis(500) };
pub(crate) const SHORT: Plan = Plan { rounds: 1, codes: [20, 128], block: Duration::from_millis(100) };

const CALLERS: [u64; 2] = [1, 64];
const CLIENT: &str = "web";
const API: &str = "https://api.example";
const SCOPE: &str = "notes.read offline_access";
const URI: &str = "https://web.example/cb";
// RFC 7636 appendix B
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const DAY: Lifetime = Lifetime::of_seconds(86_400);
/// From one token that is introspected to the next: a prime, so that every one gets its turn.
const STRIDE: usize = 982_451_653;

/// Runs all rows on a store that is empty; there is no target to miss.
pub(crate) async fn rows<S, F>(plan: &Plan, store: S, insert_user: fn(S, User) -> F) -> Result<(), Failure>
where
    S: GrantStore + Clone + Into<Stores> + 'static,
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    // one for each code of a block, so that nobody has more families than a person has
    let user = |number| Ok(User { subject: subject(number)?, active: true, scope: None, password: None });
    let users: Vec<User> = (0..plan.codes[1]).map(user).collect::<Result<_, Failure>>()?;
    side_by_side(users, CALLERS[1], &store, insert_user).await?;
    let sides = Sides::start(store.clone().into(), Arc::new(store)).await?;
    println!("endpoint calls beside bare store calls, {} rounds, alternately", plan.rounds);
    println!("row                           ours/s   floor/s  ratio  [middle half, extremes]");
    let mut tokens = Vec::new();
    for (callers, codes) in CALLERS.into_iter().zip(plan.codes) {
        let mut rates = Rates::default();
        for round in 0..=plan.rounds {
            for ours in [round % 2 == 0, round % 2 != 0] {
                let issued = sides.issue(codes, plan.codes[1]).await?;
                let (rate, bodies) = if ours {
                    sides.redeem(issued, callers).await?
                } else {
                    sides.redeem_bare(issued, callers).await?
                };
                tokens.extend(bodies.iter().filter_map(|body| access_token(body)));
                rates.keep(round, ours, rate);
            }
        }
        rates.print("redemption", callers);
    }
    let tokens: Arc<[String]> = tokens.into();
    for callers in CALLERS {
        let mut rates = Rates::default();
        for round in 0..=plan.rounds {
            for ours in [round % 2 == 0, round % 2 != 0] {
                rates.keep(round, ours, sides.look(&tokens, callers, ours, plan.block).await?);
            }
        }
        rates.print("introspection", callers);
    }
    Ok(())
}

/// What both sides came to, round by round; the first round warms up.
#[derive(Default)]
struct Rates {
    ours: Vec<f64>,
    bare: Vec<f64>,
}

impl Rates {
    fn keep(&mut self, round: usize, ours: bool, rate: f64) {
        match (round, ours) {
            (0, _) => {}
            (_, true) => self.ours.push(rate),
            (_, false) => self.bare.push(rate),
        }
    }

    fn print(&self, what: &str, callers: u64) {
        let name = format!("{what}, {callers} caller{}", if callers == 1 { "" } else { "s" });
        let ratios = Ratios::of(&self.ours, &self.bare);
        println!("{name:26} {:8.0}  {:8.0}  {ratios}", median(&self.ours), median(&self.bare));
    }
}

/// A code that can be redeemed, and whose it is.
struct Issued {
    code: String,
    record: CodeRecord,
    number: u64,
}

/// What a block came to: how many a second, and what was answered.
type Block = Result<(f64, Vec<Vec<u8>>), Failure>;

struct Sides {
    server: AuthorizationServer,
    grants: Arc<dyn GrantStore>,
    /// The client's and the API's.
    authorization: [Arc<str>; 2],
    issued: AtomicU64,
}

impl Sides {
    async fn start(stores: Stores, grants: Arc<dyn GrantStore>) -> Result<Self, Failure> {
        let sealing = SealingKeys::new(SealingKey::new("bench", [7; 32])?);
        let builder = AuthorizationServer::builder(Issuer::url("https://auth.example")?, stores, sealing)
            .access_token(AccessTokenFormat::Opaque)
            .access_token_lifetime(Duration::from_secs(86_400))
            .authorization_code();
        let server = builder.start().await?;
        let web = ClientSpec::confidential(CLIENT).grants(["authorization_code", "refresh_token"]);
        let web = web.scope(SCOPE).audience([API]).redirect_uris([URI]);
        let api = ClientSpec::resource_server("api", [API]).scope("notes.read");
        let authorization = [basic(&server, CLIENT, web).await?, basic(&server, "api", api).await?];
        Ok(Self { server, grants, authorization, issued: AtomicU64::new(0) })
    }

    /// So many codes, each for the next of the users.
    async fn issue(&self, count: u64, users: u64) -> Result<Vec<Issued>, Failure> {
        let first = self.issued.fetch_add(count, Ordering::Relaxed);
        let codes = (first..first + count).map(|number| code(number, users)).collect::<Result<Vec<_>, _>>()?;
        let records = codes.iter().map(|issued| issued.record.clone()).collect();
        side_by_side(records, CALLERS[1], &self.grants, |grants, record| async move {
            match grants.issue_code(record).await.map_err(|why| why.to_string())? {
                IssueCode::Issued => Ok(()),
                IssueCode::CutOff => Err("a code was cut off".to_owned()),
            }
        })
        .await?;
        Ok(codes)
    }

    /// By the token endpoint.
    async fn redeem(&self, codes: Vec<Issued>, callers: u64) -> Block {
        let context = (self.server.clone(), Arc::clone(&self.authorization[0]));
        let (start, count) = (Instant::now(), codes.len());
        let bodies = side_by_side(codes, callers, &context, |(server, authorization), issued| async move {
            let body = format!(
                "grant_type=authorization_code&code={}&code_verifier={VERIFIER}&redirect_uri=https%3A%2F%2Fweb.example%2Fcb",
                issued.code
            );
            let response = server.handle(Endpoint::Token, &form("/oauth/token", &authorization, body)).await;
            if response.status == 200 { Ok(response.body) } else { Err(format!("{response:?}")) }
        });
        let bodies = bodies.await?;
        Ok((per_second(count, start), bodies))
    }

    /// By the store: found, then redeemed.
    async fn redeem_bare(&self, codes: Vec<Issued>, callers: u64) -> Block {
        let (start, count) = (Instant::now(), codes.len());
        let done = side_by_side(codes, callers, &self.grants, |grants, issued| async move {
            let found = grants.find_code(&issued.record.digest).await.map_err(|why| why.to_string())?;
            let found = found.ok_or("a code is gone")?;
            let redeem = redemption(&found.code, issued.number).map_err(|why| why.to_string())?;
            match grants.redeem_code(redeem).await.map_err(|why| why.to_string())? {
                RedeemOutcome::Redeemed { .. } => Ok(()),
                RedeemOutcome::Moved => Err("a code was not redeemed".to_owned()),
            }
        });
        done.await?;
        Ok((per_second(count, start), Vec::new()))
    }

    /// Introspections or bare lookups per second, of any token each.
    async fn look(&self, tokens: &Arc<[String]>, callers: u64, ours: bool, block: Duration) -> Result<f64, Failure> {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for caller in 0..callers {
            let (server, grants) = (self.server.clone(), Arc::clone(&self.grants));
            let (tokens, authorization) = (Arc::clone(tokens), Arc::clone(&self.authorization[1]));
            tasks.spawn(async move {
                let (mut done, mut place) = (0_usize, usize::try_from(caller).unwrap_or(0) * 7919);
                while start.elapsed() < block {
                    place = (place + STRIDE) % tokens.len();
                    let Some(token) = tokens.get(place) else { return Err("no token".to_owned()) };
                    let is_good = if ours {
                        let request = form("/oauth/introspect", &authorization, format!("token={token}"));
                        let response = server.handle(Endpoint::Introspect, &request).await;
                        response.body.starts_with(br#"{"active":true"#)
                    } else {
                        let found = grants.find_access_token(&TokenDigest::from_bytes(sha256(token.as_bytes()))).await;
                        found.map_err(|why| why.to_string())?.is_some_and(|found| found.standing == Standing::Live)
                    };
                    if !is_good {
                        return Err("a token is not good".to_owned());
                    }
                    done += 1;
                }
                Ok(done)
            });
        }
        let mut done = 0;
        while let Some(task) = tasks.join_next().await {
            done += task??;
        }
        Ok(per_second(done, start))
    }
}

fn per_second(count: usize, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}

/// Does something with each, by this many callers, each of whom waits for its own.
async fn side_by_side<T, C, F, R>(
    all: Vec<T>,
    callers: u64,
    context: &C,
    call: impl Fn(C, T) -> F + Copy + Send + 'static,
) -> Result<Vec<R>, Failure>
where
    T: Send + 'static,
    C: Clone + Send + 'static,
    F: Future<Output = Result<R, String>> + Send + 'static,
    R: Send + 'static,
{
    let mut shares: Vec<Vec<T>> = (0..callers).map(|_| Vec::new()).collect();
    for (place, one) in all.into_iter().enumerate() {
        let share = place % shares.len();
        shares[share].push(one);
    }
    let mut tasks = JoinSet::new();
    for share in shares {
        let context = context.clone();
        tasks.spawn(async move {
            let mut done = Vec::with_capacity(share.len());
            for one in share {
                done.push(call(context.clone(), one).await?);
            }
            Ok::<_, String>(done)
        });
    }
    let mut done = Vec::new();
    while let Some(task) = tasks.join_next().await {
        done.extend(task??);
    }
    Ok(done)
}

async fn basic(server: &AuthorizationServer, id: &str, spec: ClientSpec) -> Result<Arc<str>, Failure> {
    let secret = server.ensure_client(spec).await?.secret.ok_or("a new client has a secret")?;
    Ok(format!("Basic {}", STANDARD.encode(format!("{id}:{}", secret.expose()))).into())
}

fn form(path: &str, authorization: &str, body: String) -> Request {
    let mut request = Request::new(Method::Post, path);
    request.headers.push("authorization", authorization.as_bytes());
    request.headers.push("content-type", b"application/x-www-form-urlencoded");
    request.body = Body::Whole(body.into_bytes());
    request
}

fn access_token(body: &[u8]) -> Option<String> {
    let members: Value = serde_json::from_slice(body).ok()?;
    members["access_token"].as_str().map(str::to_owned)
}

fn subject(number: u64) -> Result<Subject, Failure> {
    Ok(Subject::parse(&format!("subject-{number}"))?)
}

fn code(number: u64, users: u64) -> Result<Issued, Failure> {
    let code = URL_SAFE_NO_PAD.encode(scattered(number, 0));
    let now = SystemClock.now();
    let record = CodeRecord {
        digest: TokenDigest::from_bytes(sha256(code.as_bytes())),
        client: ClientId::parse(CLIENT)?,
        subject: subject(number % users)?,
        scope: Scope::parse(SCOPE)?,
        redirect_uri: URI.to_owned(),
        challenge: Some(CodeChallenge::from_bytes(sha256(VERIFIER.as_bytes()))),
        nonce: None,
        resource: Vec::new(),
        binding: Binding::None,
        auth: None,
        issued_at: now,
        expires_at: now.plus(DAY),
        redeemed: None,
        extra: Extra::default(),
    };
    Ok(Issued { code, record, number })
}

/// What the core writes for a code, with a family and tokens that nobody holds.
fn redemption(code: &CodeRecord, number: u64) -> Result<RedeemCode, Failure> {
    let (now, mut id) = (SystemClock.now(), [0; 16]);
    id.copy_from_slice(&scattered(number, 1)[..16]);
    let id = FamilyId::from_bytes(id);
    let refresh = RefreshState {
        handle: scattered(number, 2)[..8].try_into()?,
        key_id: KeyId::parse("derive-2026-11-22")?,
        generation: 0,
        current_digest: TokenDigest::from_bytes(scattered(number, 3)),
        previous_digest: None,
        salt: None,
        rotated_at: now,
        retries: 0,
        retry_streak: 0,
        idle_expires_at: now.plus(DAY),
    };
    let family = FamilyRecord {
        id,
        client: code.client.clone(),
        subject: code.subject.clone(),
        scope: code.scope.clone(),
        resource: Vec::new(),
        binding: Binding::None,
        auth: None,
        code_digest: Some(code.digest),
        refresh: Some(refresh),
        issued_at: code.issued_at,
        seen_at: now,
        absolute_expires_at: now.plus(DAY),
        revoked: None,
        extra: Extra::default(),
    };
    let access_token = AccessTokenRecord {
        digest: TokenDigest::from_bytes(scattered(number, 4)),
        id: TokenId::parse(&URL_SAFE_NO_PAD.encode(&scattered(number, 5)[..16]))?,
        family: Some(id),
        principal: Principal::User { subject: code.subject.clone(), client: code.client.clone() },
        scope: code.scope.clone(),
        audience: vec![Audience::parse(API)?],
        resource: Vec::new(),
        binding: Binding::None,
        auth: None,
        issued_at: now,
        expires_at: now.plus(DAY),
        extra: Extra::default(),
    };
    Ok(RedeemCode { code: code.digest, now, family, access_token: Some(access_token), live_limit: 100 })
}

/// Bytes without any order, the same for the same numbers.
fn scattered(number: u64, kind: u64) -> [u8; 32] {
    sha256(&[number.to_le_bytes(), kind.to_le_bytes()].concat())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
