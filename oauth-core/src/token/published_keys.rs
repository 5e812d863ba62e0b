//! The published keys of an issuer elsewhere: held, and fetched again when they may be out of date.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use futures_channel::oneshot;

use crate::error::Fault;
use crate::jose::JwkSet;
use crate::types::{Lifetime, Timestamp};

/// How often keys may be fetched.
const FETCH_EVERY: Lifetime = Lifetime::of_seconds(60);
/// How old a key set may get before it is fetched again: a revoked key is believed no longer than this.
const MAX_AGE: Lifetime = Lifetime::of_seconds(600);

/// Fetches the issuer's JWK set as text. There is no HTTP client in this house: bring yours, with a deadline.
pub type FetchJwks = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<String, FetchError>> + Send>> + Send + Sync>;

/// What a fetch failed with; for the operator only.
pub type FetchError = Box<dyn std::error::Error + Send + Sync>;

/// The key set as last fetched.
pub(crate) struct PublishedKeys {
    set: RwLock<Arc<JwkSet>>,
    fetch: Option<FetchJwks>,
    fetches: Mutex<Fetches>,
}

struct Fetches {
    /// When the held set was made or fetched.
    held_since: Timestamp,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
    /// Who waits for the fetch that is under way.
    under_way: Option<Vec<oneshot::Sender<()>>>,
}

/// What a caller does about a key set that may be out of date.
enum Turn {
    Fetch,
    Wait(oneshot::Receiver<()>),
    Leave,
}

impl PublishedKeys {
    pub(crate) fn new(set: JwkSet, fetch: Option<FetchJwks>, now: Timestamp) -> Self {
        let fetches = Fetches { held_since: now, fetched_at: None, tried_at: None, under_way: None };
        Self { set: RwLock::new(Arc::new(set)), fetch, fetches: Mutex::new(fetches) }
    }

    /// The keys among which this one should be.
    ///
    /// # Errors
    /// [`Fault::Fetch`] when the key is unknown and nothing newer could be fetched: then nobody knows whether the
    /// token is good.
    pub(crate) async fn with(&self, kid: &str, now: Timestamp) -> Result<Arc<JwkSet>, Fault> {
        let held = self.held();
        let Some(fetch) = &self.fetch else { return Ok(held) };
        let known = held.find(kid).is_some();
        let aged = now.millis_since(self.fetches().held_since) >= MAX_AGE.millis();
        if known && !aged {
            return Ok(held);
        }
        match self.turn(now) {
            Turn::Fetch => {
                let fetched = self.fetch(fetch, now).await;
                if let (Err(error), false) = (fetched, known) {
                    return Err(error);
                }
            }
            Turn::Wait(done) if !known => drop(done.await),
            Turn::Wait(_) | Turn::Leave => {}
        }
        let held = self.held();
        let fetched_at = self.fetches().fetched_at;
        let recent = fetched_at.is_some_and(|at| now.millis_since(at) < FETCH_EVERY.millis());
        if known || recent || held.find(kid).is_some() {
            return Ok(held);
        }
        Err(Fault::Fetch("the issuer's keys could not be fetched a moment ago".into()))
    }

    fn turn(&self, now: Timestamp) -> Turn {
        let mut fetches = self.fetches();
        if let Some(waiting) = &mut fetches.under_way {
            let (sender, receiver) = oneshot::channel();
            waiting.push(sender);
            return Turn::Wait(receiver);
        }
        if fetches.tried_at.is_some_and(|tried| now.millis_since(tried) < FETCH_EVERY.millis()) {
            return Turn::Leave;
        }
        fetches.tried_at = Some(now);
        fetches.under_way = Some(Vec::new());
        Turn::Fetch
    }

    async fn fetch(&self, fetch: &FetchJwks, now: Timestamp) -> Result<(), Fault> {
        let _under_way = UnderWay(self);
        let text = fetch().await.map_err(Fault::Fetch)?;
        let newer = JwkSet::parse(&text).map_err(|error| Fault::Fetch(error.into()))?;
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(newer);
        let mut fetches = self.fetches();
        (fetches.held_since, fetches.fetched_at) = (now, Some(now));
        Ok(())
    }

    fn held(&self) -> Arc<JwkSet> {
        Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn fetches(&self) -> MutexGuard<'_, Fetches> {
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch under way; whoever waits for it goes on when it ends, also when it was dropped.
struct UnderWay<'a>(&'a PublishedKeys);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetches().under_way = None;
    }
}
