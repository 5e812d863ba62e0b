//! The node's view of its issuer's keys, and the steps that change them in the store.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::key_set::KeySet;
use super::local::LocalKey;
use super::schedule::{self, Due};
use super::{DeriveKey, ImportedKey, KeyError, KeyNaming, KeySettings, ProvidedKey};
use crate::jose::{Alg, PublicKey, base64url};
use crate::store::{
    InsertKey, KeyMaterial, KeyRecord, KeyState, KeyStore, KeyTimes, KeyTransition, KeyUse, StoreError, Transition,
};
use crate::types::{KeyId, Lifetime, Timestamp};

/// How old a node's view of the keys may get: a revoked key is gone from every node after this.
pub(crate) const CACHE_AGE: Lifetime = Lifetime::of_seconds(60);
/// How long a failed reading keeps others from trying again.
const BREATH: Lifetime = Lifetime::SECOND;
/// How often a step that another node raced is tried again.
const TRIES: usize = 4;

/// A key that came into a state, for the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyChange {
    pub(crate) kid: KeyId,
    pub(crate) state: KeyState,
}

/// The keys of one issuer.
#[derive(Debug)]
pub(crate) struct Keyring {
    settings: KeySettings,
    store: Arc<dyn KeyStore>,
    current: RwLock<Held>,
    /// Numbers the readings in the order in which they began.
    readings: AtomicU64,
    failed_at: AtomicI64,
}

/// The last reading that counts.
#[derive(Debug)]
struct Held {
    set: Arc<KeySet>,
    reading: u64,
    /// When it was read; the distant past when a change is known that it does not show.
    read_at: Timestamp,
}

impl Keyring {
    /// Loads the keys and makes or takes in what is missing, so that every algorithm can sign.
    pub(crate) async fn open(
        settings: KeySettings,
        store: Arc<dyn KeyStore>,
        now: Timestamp,
    ) -> Result<(Self, Vec<KeyChange>), KeyError> {
        for provided in &settings.provided {
            if let ProvidedKey::External(signer) = provided {
                probe(signer.as_ref()).await?;
            }
        }
        let held = Held { set: Arc::new(KeySet::open(&[], &settings, now)?), reading: 0, read_at: LONG_AGO };
        let ring = Self {
            settings,
            store,
            current: RwLock::new(held),
            readings: AtomicU64::new(0),
            failed_at: AtomicI64::new(LONG_AGO.millis()),
        };
        let mut changes = ring.take_in(now).await?;
        let (more, done) = ring.maintain(now).await;
        changes.extend(more);
        done.map(|()| (ring, changes))
    }

    /// Whether this server made the key, and can make another one in its place.
    pub(crate) fn can_replace(&self, record: &KeyRecord) -> bool {
        let brought_along = self.settings.provided.iter().any(|provided| match provided {
            ProvidedKey::Imported { key, .. } => {
                LocalKey::from_der(key.alg(), key.der()).is_ok_and(|local| holds(record, local.public()))
            }
            ProvidedKey::External(_) => false,
        });
        !brought_along && !matches!(record.material, KeyMaterial::External(_)) && self.settings.can_make(record.usage)
    }

    /// The algorithms that this server signs with.
    pub(crate) fn algorithms(&self) -> &[Alg] {
        &self.settings.algorithms
    }

    /// Whether private halves lie in the store in clear.
    pub(crate) const fn is_unsealed(&self) -> bool {
        matches!(self.settings.sealing, super::Sealing::Unsealed)
    }

    /// The keys as last read; in an outage of the store they are what there is.
    pub(crate) fn snapshot(&self) -> Arc<KeySet> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).set)
    }

    /// The keys, read again when the last reading is older than [`CACHE_AGE`].
    ///
    /// # Errors
    /// [`KeyError`] when they are too old and cannot be read: a key may have been revoked since.
    pub(crate) async fn fresh(&self, now: Timestamp) -> Result<Arc<KeySet>, KeyError> {
        {
            let held = self.current.read().unwrap_or_else(PoisonError::into_inner);
            if now.millis_since(held.read_at) < CACHE_AGE.millis() {
                return Ok(Arc::clone(&held.set));
            }
        }
        let failed_at = Timestamp::from_millis(self.failed_at.load(Ordering::Relaxed));
        if now.millis_since(failed_at) < BREATH.millis() {
            return Err(StoreError::unavailable("the keys could not be read a moment ago").into());
        }
        self.reload(now).await
    }

    /// The family key with this id, read again when this node does not know it: another node may have made it a moment
    /// ago. `None` when it is gone for good.
    ///
    /// # Errors
    /// [`KeyError`] when that cannot be known, or the key is there and cannot be opened here.
    pub(crate) async fn family_key(&self, kid: &KeyId, now: Timestamp) -> Result<Option<Arc<DeriveKey>>, KeyError> {
        if let Some(key) = self.fresh(now).await?.family_key(kid)? {
            return Ok(Some(key));
        }
        self.reload(now).await?.family_key(kid)
    }

    /// The family key that new families are born with.
    ///
    /// # Errors
    /// [`KeyError`] when there is none.
    pub(crate) async fn newest_family_key(&self, now: Timestamp) -> Result<Arc<DeriveKey>, KeyError> {
        self.fresh(now).await?.newest_family_key().ok_or(KeyError::NoFamilyKey)
    }

    /// Reads the keys again. A reading that began before another one ended never replaces it.
    pub(crate) async fn reload(&self, now: Timestamp) -> Result<Arc<KeySet>, KeyError> {
        let reading = self.readings.fetch_add(1, Ordering::SeqCst) + 1;
        let set = match self.records().await.and_then(|records| KeySet::open(&records, &self.settings, now)) {
            Ok(set) => Arc::new(set),
            Err(error) => {
                self.failed_at.store(now.millis(), Ordering::Relaxed);
                return Err(error);
            }
        };
        let mut held = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if reading > held.reading {
            *held = Held { set, reading, read_at: now };
        }
        Ok(Arc::clone(&held.set))
    }

    /// Reads the keys again after a change that is committed. Where that fails the change stands all the same: what
    /// this node holds counts as too old, so that nothing is signed or believed by it before the next reading.
    async fn reload_after_change(&self, now: Timestamp) {
        if let Err(error) = self.reload(now).await {
            tracing::error!(target: "oauth", %error, "keys were changed, but cannot be read again yet");
            let reading = self.readings.fetch_add(1, Ordering::SeqCst) + 1;
            let mut held = self.current.write().unwrap_or_else(PoisonError::into_inner);
            held.reading = reading;
            held.read_at = LONG_AGO;
        }
    }

    /// One round: announces, promotes, seals anew and destroys what is due, then reads the keys again. What fails does
    /// not keep the rest from its turn; the first failure is told beside what was changed.
    pub(crate) async fn maintain(&self, now: Timestamp) -> (Vec<KeyChange>, Result<(), KeyError>) {
        let mut changes = Vec::new();
        let mut done = Ok(());
        for usage in self.settings.uses() {
            done = done.and(self.advance(usage, now, &mut changes).await);
        }
        done = done.and(self.tidy(now).await);
        done = done.and(self.reload(now).await.map(|_| ()));
        (changes, done)
    }

    /// What is due for one use: at most make or promote, then announce the next.
    async fn advance(&self, usage: KeyUse, now: Timestamp, changes: &mut Vec<KeyChange>) -> Result<(), KeyError> {
        for _ in 0..TRIES {
            let records = self.records().await?;
            match schedule::due(of(&records, usage), now, self.settings.rules) {
                None => return Ok(()),
                // the next key of this kind comes from outside, whenever somebody brings it
                Some(Due::Announce) if !self.settings.can_make(usage) => return Ok(()),
                Some(Due::MakeActive) => changes.extend(self.make(usage, KeyState::Active, now).await?),
                Some(Due::Announce) => changes.extend(self.make(usage, KeyState::Announced, now).await?),
                Some(Due::Promote { next, from }) => changes.extend(self.promote(&records, &next, from, now).await?),
            }
        }
        Ok(())
    }

    /// Every key, in every state.
    pub(crate) async fn records(&self) -> Result<Vec<KeyRecord>, KeyError> {
        Ok(self.store.load(self.settings.issuer.as_str()).await?)
    }

    /// Publishes a successor now.
    pub(crate) async fn announce(&self, alg: Alg, now: Timestamp) -> Result<Vec<KeyChange>, KeyError> {
        let changes = self.make(KeyUse::Sign(alg), KeyState::Announced, now).await?;
        self.reload_after_change(now).await;
        Ok(changes)
    }

    /// Lets an announced key sign now; the one that signed until now retires.
    pub(crate) async fn activate(&self, kid: &KeyId, now: Timestamp) -> Result<Vec<KeyChange>, KeyError> {
        let records = self.records().await?;
        let next = find(&records, kid)?;
        if next.state != KeyState::Announced {
            return Err(KeyError::WrongState { kid: kid.clone(), state: next.state });
        }
        let from = of(&records, next.usage).find(|key| key.state == KeyState::Active).map(|key| key.kid.clone());
        let changes = self.promote(&records, kid, from, now).await?;
        self.reload_after_change(now).await;
        if changes.is_empty() { Err(KeyError::Moved) } else { Ok(changes) }
    }

    /// Takes a key back: it leaves the key set and signs no more, and a successor signs at once, in one commit.
    pub(crate) async fn revoke(&self, kid: &KeyId, now: Timestamp) -> Result<Vec<KeyChange>, KeyError> {
        let mut changes = Vec::new();
        for _ in 0..TRIES {
            let records = self.records().await?;
            let key = find(&records, kid)?;
            if key.state == KeyState::Revoked {
                self.reload_after_change(now).await;
                return Ok(changes);
            }
            let mut revoked = step(key, KeyState::Revoked, schedule::revoked(key.times, now));
            revoked.material = matches!(key.material, KeyMaterial::Sealed(_)).then_some(KeyMaterial::Destroyed);
            let mut steps = vec![revoked];
            if key.state == KeyState::Active {
                let announced = of(&records, key.usage).filter(|other| other.state == KeyState::Announced);
                match (announced.min_by_key(|other| other.times.announced_at), key.usage) {
                    (Some(next), _) => {
                        steps.push(step(next, KeyState::Active, schedule::activated(next.times, now)));
                    }
                    (None, usage) if self.settings.can_make(usage) => {
                        changes.extend(self.make(usage, KeyState::Announced, now).await?);
                        continue;
                    }
                    (None, _) => {}
                }
            }
            if let Transition::Applied = self.store.transition(self.settings.issuer.as_str(), &steps).await? {
                changes.extend(steps.into_iter().map(|step| KeyChange { kid: step.kid, state: step.next }));
                self.reload_after_change(now).await;
                return Ok(changes);
            }
        }
        Err(KeyError::Moved)
    }

    /// Takes a key in; it is announced, unless no key signs with its algorithm yet.
    pub(crate) async fn import(
        &self,
        key: &ImportedKey,
        kid: Option<&KeyId>,
        now: Timestamp,
    ) -> Result<Vec<KeyChange>, KeyError> {
        let changes = self.insert_imported(key, kid, now).await?;
        self.reload_after_change(now).await;
        Ok(changes)
    }

    /// Records every provided key that is not recorded yet.
    async fn take_in(&self, now: Timestamp) -> Result<Vec<KeyChange>, KeyError> {
        let mut changes = Vec::new();
        for provided in &self.settings.provided {
            changes.extend(match provided {
                ProvidedKey::Imported { key, kid } => self.insert_imported(key, kid.as_ref(), now).await?,
                ProvidedKey::External(signer) => {
                    let public = PublicKey::parse_jwk(&signer.public_jwk())
                        .map_err(|why| KeyError::Signer { name: signer.name().to_owned(), why: why.to_string() })?;
                    let records = self.records().await?;
                    let material = KeyMaterial::External(signer.name().to_owned());
                    if records.iter().any(|record| record.material == material) {
                        continue;
                    }
                    self.insert_first_or_announced(None, &public, now, |_| Ok(material.clone())).await?
                }
            });
        }
        Ok(changes)
    }

    async fn insert_imported(
        &self,
        key: &ImportedKey,
        kid: Option<&KeyId>,
        now: Timestamp,
    ) -> Result<Vec<KeyChange>, KeyError> {
        let local = LocalKey::from_der(key.alg(), key.der()).map_err(|why| KeyError::Import(why.to_string()))?;
        for record in self.records().await? {
            if !holds(&record, local.public()) {
                continue;
            }
            return match record.state {
                KeyState::Announced | KeyState::Active => Ok(Vec::new()),
                state => Err(KeyError::WrongState { kid: record.kid, state }),
            };
        }
        self.insert_first_or_announced(kid, local.public(), now, |kid| {
            Ok(KeyMaterial::Sealed(self.settings.seal(key.der(), kid)?))
        })
        .await
    }

    /// Inserts a key as active when none of its use is, as announced otherwise.
    async fn insert_first_or_announced(
        &self,
        kid: Option<&KeyId>,
        public: &PublicKey,
        now: Timestamp,
        material: impl Fn(&KeyId) -> Result<KeyMaterial, KeyError>,
    ) -> Result<Vec<KeyChange>, KeyError> {
        match self.insert(kid, public, KeyState::Active, now, &material).await? {
            Some(change) => Ok(vec![change]),
            None => Ok(self.insert(kid, public, KeyState::Announced, now, &material).await?.into_iter().collect()),
        }
    }

    /// Makes a key and inserts it; nothing when another node was first.
    async fn make(&self, usage: KeyUse, state: KeyState, now: Timestamp) -> Result<Vec<KeyChange>, KeyError> {
        let alg = match usage {
            KeyUse::Derive => return self.make_derive_key(state, now).await,
            KeyUse::Sign(alg) => alg,
        };
        if self.settings.has_external(usage) {
            return Err(KeyError::NoSuccessor(alg));
        }
        let der = super::generate::generate(alg, self.settings.rsa_size, self.settings.entropy.as_ref())?;
        let local = LocalKey::from_der(alg, &der).map_err(|why| KeyError::Import(why.to_string()))?;
        let sealed = |kid: &KeyId| Ok(KeyMaterial::Sealed(self.settings.seal(&der, kid)?));
        Ok(self.insert(None, local.public(), state, now, &sealed).await?.into_iter().collect())
    }

    /// Makes a family key under a random id: it is never published, so no naming rule holds for it.
    async fn make_derive_key(&self, state: KeyState, now: Timestamp) -> Result<Vec<KeyChange>, KeyError> {
        let entropy = self.settings.entropy.as_ref();
        let mut name = [0; 12];
        entropy.fill(&mut name).map_err(super::GenerateError::from)?;
        let kid =
            KeyId::parse(&format!("derive-{}", base64url(&name))).map_err(|why| KeyError::Generate(why.to_string()))?;
        let bytes = super::generate::generate_derive_key(entropy).map_err(super::GenerateError::from)?;
        let times = KeyTimes { announced_at: now, active_at: None, retired_at: None, listed_until: None };
        let record = KeyRecord {
            kid: kid.clone(),
            issuer: self.settings.issuer.as_str().to_owned(),
            usage: KeyUse::Derive,
            state,
            public_jwk: None,
            material: KeyMaterial::Sealed(self.settings.seal(bytes.as_ref(), &kid)?),
            times: if state == KeyState::Active { schedule::activated(times, now) } else { times },
        };
        match self.store.insert(record).await? {
            InsertKey::Inserted => Ok(vec![KeyChange { kid, state }]),
            InsertKey::AlreadyActive => Ok(Vec::new()),
            InsertKey::Taken => Err(KeyError::Taken(kid)),
        }
    }

    /// Inserts a key under the given id, or under the first free one that the naming rule gives.
    async fn insert(
        &self,
        kid: Option<&KeyId>,
        public: &PublicKey,
        state: KeyState,
        now: Timestamp,
        material: &impl Fn(&KeyId) -> Result<KeyMaterial, KeyError>,
    ) -> Result<Option<KeyChange>, KeyError> {
        let named = kid.is_some();
        for attempt in 1..=100 {
            let kid = match kid {
                Some(kid) => kid.clone(),
                None => self.settings.naming.name(public, now, attempt)?,
            };
            let times = KeyTimes { announced_at: now, active_at: None, retired_at: None, listed_until: None };
            let record = KeyRecord {
                kid: kid.clone(),
                issuer: self.settings.issuer.as_str().to_owned(),
                usage: KeyUse::Sign(public.alg()),
                state,
                public_jwk: Some(public.to_jwk_json(&kid)),
                material: material(&kid)?,
                times: if state == KeyState::Active { schedule::activated(times, now) } else { times },
            };
            match self.store.insert(record).await? {
                InsertKey::Inserted => return Ok(Some(KeyChange { kid, state })),
                InsertKey::AlreadyActive => return Ok(None),
                // another node may have been first with the very same key
                InsertKey::Taken if self.records().await?.iter().any(|record| holds(record, public)) => {
                    return Ok(None);
                }
                InsertKey::Taken if !named && self.settings.naming == KeyNaming::Date => {}
                InsertKey::Taken => return Err(KeyError::Taken(kid)),
            }
        }
        Err(KeyError::Moved)
    }

    async fn promote(
        &self,
        records: &[KeyRecord],
        next: &KeyId,
        from: Option<KeyId>,
        now: Timestamp,
    ) -> Result<Vec<KeyChange>, KeyError> {
        let next = find(records, next)?;
        let mut steps = vec![step(next, KeyState::Active, schedule::activated(next.times, now))];
        if let Some(from) = from {
            let from = find(records, &from)?;
            steps.push(step(from, KeyState::Retired, schedule::retired(from, now, self.settings.rules)));
        }
        Ok(match self.store.transition(self.settings.issuer.as_str(), &steps).await? {
            Transition::Applied => {
                steps.into_iter().map(|step| KeyChange { kid: step.kid, state: step.next }).collect()
            }
            Transition::Moved => Vec::new(),
        })
    }

    /// Destroys private halves that will never sign again, and seals anew what an older sealing key sealed.
    async fn tidy(&self, now: Timestamp) -> Result<(), KeyError> {
        for record in self.records().await? {
            let KeyMaterial::Sealed(sealed) = &record.material else { continue };
            let material = if !schedule::is_listed(&record, now) {
                KeyMaterial::Destroyed
            } else if self.settings.is_sealed_by_first(sealed) {
                continue;
            } else {
                match self.settings.unseal(sealed, &record.kid) {
                    Ok(der) => KeyMaterial::Sealed(self.settings.seal(&der, &record.kid)?),
                    // another node may seal with a key that this one does not have yet
                    Err(_) if record.state != KeyState::Active => continue,
                    Err(error) => return Err(error),
                }
            };
            let step = KeyTransition { material: Some(material), ..step(&record, record.state, record.times) };
            // another node may have been first
            let _moved_or_applied = self.store.transition(self.settings.issuer.as_str(), &[step]).await?;
        }
        Ok(())
    }
}

/// Before every reading.
const LONG_AGO: Timestamp = Timestamp::from_millis(i64::MIN);

fn of(records: &[KeyRecord], usage: KeyUse) -> impl Iterator<Item = &KeyRecord> + Clone {
    records.iter().filter(move |record| record.usage == usage)
}

/// Whether the record is of this very key.
fn holds(record: &KeyRecord, public: &PublicKey) -> bool {
    let held = record.public_jwk.as_deref().and_then(|text| PublicKey::parse_jwk(text).ok());
    held.is_some_and(|held| held.alg() == public.alg() && held.thumbprint() == public.thumbprint())
}

fn find<'a>(records: &'a [KeyRecord], kid: &KeyId) -> Result<&'a KeyRecord, KeyError> {
    records.iter().find(|record| record.kid == *kid).ok_or_else(|| KeyError::Unknown(kid.clone()))
}

fn step(key: &KeyRecord, next: KeyState, times: KeyTimes) -> KeyTransition {
    KeyTransition { kid: key.kid.clone(), expected: key.state, next, times, material: None }
}

/// Has an external signer sign something and checks it, so that a wrong key or signature form shows at start.
async fn probe(signer: &dyn super::Signer) -> Result<(), KeyError> {
    let wrong = |why: String| KeyError::Signer { name: signer.name().to_owned(), why };
    let public = PublicKey::parse_jwk(&signer.public_jwk()).map_err(|why| wrong(why.to_string()))?;
    if public.alg() != signer.alg() {
        return Err(wrong(format!("its public half is for {}, not {}", public.alg(), signer.alg())));
    }
    let signature = signer.sign(b"probe").await.map_err(|why| wrong(why.to_string()))?;
    if public.verify(b"probe", &signature) { Ok(()) } else { Err(wrong("its signature does not verify".into())) }
}
