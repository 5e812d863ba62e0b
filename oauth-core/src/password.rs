//! Argon2id on threads of our own: bounded memory, bounded queue, never on a request's worker.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use futures_channel::oneshot;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::store::PasswordHash;
use crate::types::constant_time_eq;

/// Hashes that may wait while every thread is busy; one more is answered `temporarily_unavailable`.
const QUEUE: usize = 64;
/// The most memory that a stored hash may ask for, in KiB: 256 MiB.
const MAX_MEMORY: u32 = 256 * 1024;
/// The most passes and lanes that a stored hash may ask for.
const MAX_PASSES: u32 = 10;
const MAX_LANES: u32 = 8;
/// What is hashed against when there is nothing to compare with.
const NOBODY: [u8; 16] = [0; 16];

/// A user's password as it is hashed: in NFKC, so that one password is one whatever keyboard composed it (NIST SP
/// 800-63B §3.1.1.2), and whole.
pub(crate) struct PasswordText(Zeroizing<String>);

impl PasswordText {
    pub(crate) fn of(password: &str) -> Self {
        Self(Zeroizing::new(password.nfkc().collect()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// Whether a hash is of another strength than new ones are.
pub(crate) fn is_outdated(hash: &PasswordHash) -> bool {
    let strength = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    Kept::parse(hash).is_ok_and(|kept| strength(&kept.params) != strength(&Params::DEFAULT))
}

type Job = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

/// Room for one hash, held until it is computed. Whoever writes something before the hash takes it first, so that a
/// full queue leaves nothing behind.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Threads that compute Argon2id (19 MiB, t=2, p=1 for new hashes). They start at the first use.
pub(crate) struct HashingPool {
    threads: usize,
    queue: OnceLock<SyncSender<Job>>,
    /// Hashes that are computed or wait for it.
    taken: Arc<AtomicUsize>,
    computed: Arc<AtomicU64>,
}

impl HashingPool {
    /// A pool of this many threads, each with a memory block that it reuses.
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads: threads.max(1), queue: OnceLock::new(), taken: Arc::default(), computed: Arc::default() }
    }

    /// Takes room for one hash.
    ///
    /// # Errors
    /// [`Fault::HashingBusy`] when every thread is busy and the queue is full.
    pub(crate) fn place(&self) -> Result<Place, Fault> {
        let most = self.threads + QUEUE;
        let free = |taken: usize| (taken < most).then_some(taken + 1);
        match self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, free) {
            Ok(_) => Ok(Place(Arc::clone(&self.taken))),
            Err(_) => Err(Fault::HashingBusy),
        }
    }

    /// How many hashes were computed.
    pub(crate) fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// The place of the hash that the password has, for exactly one Argon2id: the first hash's salt and parameters
    /// are used and every hash with the same ones is compared. Without hashes one is computed all the same.
    pub(crate) async fn verify_any(&self, password: &str, hashes: Vec<PasswordHash>) -> Result<Option<usize>, Fault> {
        self.verify_at(self.place()?, password, hashes).await
    }

    /// As [`verify_any`](Self::verify_any), in the room that was taken for it.
    pub(crate) async fn verify_at(
        &self,
        place: Place,
        password: &str,
        hashes: Vec<PasswordHash>,
    ) -> Result<Option<usize>, Fault> {
        let kept: Vec<Kept> = hashes.iter().map(Kept::parse).collect::<Result<_, _>>()?;
        let (argon, salt) = match kept.first() {
            Some(first) => (first.params.clone(), first.salt.clone()),
            None => (Params::DEFAULT, NOBODY.to_vec()),
        };
        let computed = self.compute(place, password, argon.clone(), salt.clone()).await?;
        let mut matched = None;
        for (at, one) in kept.iter().enumerate() {
            let same_work = one.params == argon && one.salt == salt;
            let equal = constant_time_eq(&one.output, &computed);
            if same_work && equal {
                matched = Some(at);
            }
        }
        Ok(matched)
    }

    /// Hashes a password with a fresh salt, or with salt and parameters of another hash.
    pub(crate) async fn hash(
        &self,
        password: &str,
        like: Option<PasswordHash>,
        fresh_salt: [u8; 16],
    ) -> Result<PasswordHash, Fault> {
        let (params, salt) = match like {
            Some(hash) => Kept::parse(&hash).map(|kept| (kept.params, kept.salt))?,
            None => (Params::DEFAULT, fresh_salt.to_vec()),
        };
        let output = self.compute(self.place()?, password, params.clone(), salt.clone()).await?;
        let text = phc::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: phc::ParamsString::try_from(&params).map_err(|_| Fault::Hash)?,
            salt: Some(phc::Salt::new(&salt).map_err(|_| Fault::Hash)?),
            hash: Some(phc::Output::new(output.as_slice()).map_err(|_| Fault::Hash)?),
        };
        Ok(PasswordHash::from_phc(&text.to_string()))
    }

    async fn compute(
        &self,
        place: Place,
        password: &str,
        params: Params,
        salt: Vec<u8>,
    ) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let password = Zeroizing::new(password.to_owned());
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let computed = Arc::clone(&self.computed);
        let (answer, answered) = oneshot::channel();
        self.enqueue(Box::new(move |memory| {
            memory.resize(params.block_count(), Block::default());
            let mut output = Zeroizing::new(vec![0; length]);
            let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let done = argon.hash_password_into_with_memory(password.as_bytes(), &salt, &mut output, memory);
            computed.fetch_add(1, Ordering::Relaxed);
            drop(place);
            // whoever asked may be gone
            let _ = answer.send(done.map(|()| output).map_err(|_| Fault::Hash));
        }))?;
        answered.await.map_err(|_| Fault::HashingBusy)?
    }

    fn enqueue(&self, job: Job) -> Result<(), Fault> {
        let queue = self.queue.get_or_init(|| start(self.threads));
        queue.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Fault::HashingBusy,
        })
    }
}

impl fmt::Debug for HashingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashingPool").field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// Starts the threads; they end when the pool is dropped. Where none can be started, every job is refused.
fn start(threads: usize) -> SyncSender<Job> {
    // whoever has a place finds room here
    let (sender, receiver) = sync_channel::<Job>(threads + QUEUE);
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..threads {
        let receiver = Arc::clone(&receiver);
        let spawned = std::thread::Builder::new().name("oauth-argon2".into()).spawn(move || work(&receiver));
        if let Err(error) = spawned {
            tracing::error!(target: "oauth", %error, "a password hashing thread could not be started");
        }
    }
    sender
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    let mut memory = Vec::new();
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(job) => {
                job(&mut memory);
                // an imported hash may have needed more than the usual block
                memory.truncate(Params::DEFAULT.block_count());
                memory.shrink_to(Params::DEFAULT.block_count());
            }
            Err(_) => return,
        }
    }
}

/// A stored hash, taken apart.
struct Kept {
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Kept {
    fn parse(hash: &PasswordHash) -> Result<Self, Fault> {
        let parsed = phc::PasswordHash::new(hash.as_phc()).map_err(|_| Fault::Hash)?;
        let params = Params::try_from(&parsed).map_err(|_| Fault::Hash)?;
        let version = parsed.version.unwrap_or_else(|| Version::V0x13.into());
        if parsed.algorithm != Algorithm::Argon2id.ident()
            || version != u32::from(Version::V0x13)
            || params.m_cost() > MAX_MEMORY
            || params.t_cost() > MAX_PASSES
            || params.p_cost() > MAX_LANES
        {
            return Err(Fault::Hash);
        }
        match (parsed.salt, parsed.hash) {
            (Some(salt), Some(output)) => Ok(Self { params, salt: salt.to_vec(), output: output.as_bytes().to_vec() }),
            _ => Err(Fault::Hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Polls until done; the pool's threads make the progress.
    fn wait<F: Future>(future: F) -> F::Output {
        let mut future = Box::pin(future);
        loop {
            if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return done;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn one_hash_is_compared_with_all_that_share_its_salt() {
        let pool = HashingPool::new(1);
        let first = wait(pool.hash("one", None, [1; 16])).unwrap();
        let second = wait(pool.hash("two", Some(first.clone()), [2; 16])).unwrap();
        let foreign = wait(pool.hash("three", None, [3; 16])).unwrap();
        assert!(first.as_phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", first.as_phc());
        let before = pool.computed();
        let kept = vec![first, second, foreign];
        assert_eq!(wait(pool.verify_any("one", kept.clone())).unwrap(), Some(0));
        assert_eq!(wait(pool.verify_any("two", kept.clone())).unwrap(), Some(1));
        assert_eq!(wait(pool.verify_any("four", kept)).unwrap(), None);
        assert_eq!(wait(pool.verify_any("one", Vec::new())).unwrap(), None);
        assert_eq!(pool.computed() - before, 4, "one each, also where there is nothing to compare with");
    }

    #[test]
    fn a_hash_that_another_implementation_made_verifies() {
        // a test vector of the reference implementation: password, somesalt, t=2, 2^16 KiB, p=1
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let pool = HashingPool::new(1);
        let kept = vec![PasswordHash::from_phc(phc)];
        assert_eq!(wait(pool.verify_any("password", kept.clone())).unwrap(), Some(0));
        assert_eq!(wait(pool.verify_any("Password", kept)).unwrap(), None);
    }

    #[test]
    fn a_stored_hash_that_does_not_parse_is_our_fault() {
        let pool = HashingPool::new(1);
        for bad in ["", "plain", "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMa", "$2b$12$x"] {
            let answer = wait(pool.verify_any("x", vec![PasswordHash::from_phc(bad)]));
            assert!(matches!(answer, Err(Fault::Hash)), "{bad}");
        }
    }

    #[test]
    fn a_full_queue_refuses_and_keeps_what_it_took() {
        let pool = HashingPool::new(1);
        let mut asked: Vec<_> = (0..QUEUE + 8).map(|_| Box::pin(pool.verify_any("x", Vec::new()))).collect();
        let mut context = Context::from_waker(Waker::noop());
        let mut refused = 0;
        for one in &mut asked {
            let answer = one.as_mut().poll(&mut context);
            refused += usize::from(matches!(answer, Poll::Ready(Err(Fault::HashingBusy))));
        }
        assert!((1..=8).contains(&refused), "{refused} of {} were refused", QUEUE + 8);
        for one in asked.into_iter().take(QUEUE / 2) {
            assert!(matches!(wait(one), Ok(None)));
        }
        assert!(pool.place().is_ok(), "a hash that is computed gives its place back");
    }
}
