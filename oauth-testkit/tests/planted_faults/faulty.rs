//! A memory store with one fault. What it gets wrong about clients, users and keys stands here, about grants in
//! `grants`, `refresh` and `claims_and_strikes`.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Barrier, Mutex};

use async_trait::async_trait;
use oauth_core::store::{
    AccessTokenRecord, AuthorizationRequestRecord, Client, ClientRegistry, ClientStore, CodeRecord, ConsentRecord,
    CutoffKey, Deregister, FamilyRecord, InsertKey, KeyRecord, KeyState, KeyStore, KeyTransition, PasswordHash,
    Register, Rehash, RevokedWhy, Salt, StoreError, Transition, UpdateClient, User, UserStore,
};
use oauth_core::types::{ClientId, FamilyId, KeyedHash, Subject, Timestamp, TokenDigest};
use oauth_store_memory::MemoryStore;
use oauth_testkit::clauses::{RACERS, STARTERS, STRIKERS};

use crate::refresh::Spoils;

macro_rules! faults {
    ($($(#[$about:meta])* $fault:ident)*) => {
        /// What the store gets wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Fault {
            $($(#[$about])* $fault,)*
        }

        impl Fault {
            pub(crate) const ALL: &[Self] = &[$(Self::$fault),*];
        }
    };
}

faults! {
    AccountsByTheirFirstHalf
    BeginOverwrites
    CaseIgnored
    ClaimIgnored
    ClaimStaysAfterFailure
    ClaimsOfEveryTenant
    ClaimsStay
    ClearForgetsNothing
    ClearingKeepsTheWindow
    ClockMarkFalls
    CloseIsIgnored
    CloseReachesOtherTenants
    CodesStay
    ConsentsOfEveryUse
    ConsentsStay
    ConsumedIsRevoked
    CutoffExcludesItsTime
    CutoffKindsMixed
    CutoffMovesBack
    DecidedTwice
    DecisionForgetsWho
    DecisionIgnoresCutoff
    DecisionIgnoresEnd
    DecisionMarksFirst
    DeregisterOnlySaysSo
    FamilyOutlivesItsEnd
    FindIgnoresFamily
    FirstConsentStays
    FirstTokenForgotten
    /// None but the [`Losses`].
    Forgetful
    FoundByHandleIsLive
    GrantCutoffTakesAll
    HandleByPrefix
    HandleTakenTwice
    HandlesOfEveryTenant
    InsertIgnoresFamily
    IssueIgnoresCutoff
    KeyIdTakenTwice
    KeysInOrderOfTheirIds
    LimitIgnored
    LimitWithoutReason
    LimitsCountDecided
    LimitsCountExpired
    LimitsPassByOne
    ListForgetsOrder
    ListShowsTheDead
    LoginIsPattern
    LooksBeforeItInserts
    LooksBeforeItMakesRoom
    LooksBeforeItRedeems
    LooksBeforeItRefreshes
    LooksBeforeItStarts
    LooksBeforeItWrites
    OpaqueTokensStayLive
    PageBeginsWithAfter
    PurgeForgetsEndedFamilies
    PurgeForgetsRedeemed
    PurgeForgetsWaitingStrikes
    PurgeIgnoresLimit
    PurgeTooWide
    PurgedFamilyIsShown
    RedeemBurnsFirst
    RedeemIgnoresCutoff
    RedeemIgnoresEnd
    RedeemIgnoresFamily
    RedeemIgnoresLimit
    RedeemedTwice
    RefreshForgetsToken
    RefreshIgnoresCurrent
    RefreshIgnoresCutoff
    RefreshIgnoresEnd
    RefreshIgnoresRevocation
    RefreshStoresTokenAfter
    RefreshStoresTokenFirst
    RegisterOverwrites
    RehashIgnoresOld
    RequestStandingIsLive
    RequestsStay
    RetryExcludesSiblings
    RetryIgnoresLimit
    RetryPassesLimit
    RotationLeavesARow
    SaltGoesByItsFirstEnd
    SaltsStay
    SecondActiveKey
    SecondReasonWins
    /// None but the [`Spoils`].
    Spoiling
    StartInTwoSteps
    StartsFamilyBeforeClaim
    StartsFamilyBeforeToken
    StrikesEndAtTen
    StrikesLost
    StrikesOfEveryTenant
    StrikesStay
    StrikesWaitForOthers
    TakenCodeIsFine
    TakenDigestIsFine
    TokenTakesItsFamily
    TombstoneEndsIn2106
    TransitionStepByStep
    UnknownFamilyIsLive
    UpdateIgnoresVersion
    WindowEndsLate
    WindowGoesByItsFirstEnd
    WindowIsOfTheLastLength
    WindowSlides
}

/// What happens to records on their way into the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Losses {
    pub(crate) client: fn(&mut Client),
    pub(crate) code: fn(&mut CodeRecord),
    pub(crate) consent: fn(&mut ConsentRecord),
    pub(crate) family: fn(&mut FamilyRecord),
    pub(crate) key: fn(&mut KeyRecord),
    pub(crate) request: fn(&mut AuthorizationRequestRecord),
    pub(crate) token: fn(&mut AccessTokenRecord),
    pub(crate) user: fn(&mut User),
}

impl Losses {
    pub(crate) const NONE: Self = Self {
        client: |_| {},
        code: |_| {},
        consent: |_| {},
        family: |_| {},
        key: |_| {},
        request: |_| {},
        token: |_| {},
        user: |_| {},
    };
}

#[derive(Debug)]
pub(crate) struct Faulty {
    pub(crate) inner: MemoryStore,
    pub(crate) fault: Fault,
    pub(crate) losses: Losses,
    /// Where all racers meet between the look and the write of [`Fault::LooksBeforeItWrites`].
    pub(crate) looked: Barrier,
    /// Where all who strike meet between the look and the write of [`Fault::StrikesLost`].
    pub(crate) struck: Barrier,
    /// Where all of the few who start meet between the look and the write of [`Fault::LooksBeforeItMakesRoom`].
    pub(crate) few: Barrier,
    pub(crate) spoils: Spoils,
    /// Families as they are shown after they were used.
    pub(crate) spoiled: Mutex<HashMap<FamilyId, FamilyRecord>>,
    pub(crate) handles: Mutex<Vec<[u8; 8]>>,
    /// The first salt of each family.
    pub(crate) salts: Mutex<HashMap<FamilyId, Salt>>,
    pub(crate) claims: Mutex<HashSet<TokenDigest>>,
    /// Strikes and the end of the window, for those who do not leave them to the store behind.
    pub(crate) windows: Mutex<HashMap<KeyedHash, (u32, Timestamp)>>,
    pub(crate) first_ends: Mutex<HashMap<KeyedHash, Timestamp>>,
    pub(crate) purged_before: Mutex<Timestamp>,
    pub(crate) reasons: Mutex<HashMap<FamilyId, (Timestamp, RevokedWhy)>>,
    pub(crate) cutoffs: Mutex<HashMap<CutoffKey, Timestamp>>,
    pub(crate) purged: Mutex<bool>,
    /// Requests that are shown otherwise than they are kept.
    pub(crate) requests: Mutex<HashMap<TokenDigest, AuthorizationRequestRecord>>,
    pub(crate) codes: Mutex<HashMap<TokenDigest, CodeRecord>>,
    /// The clients of requests that were begun, for limits that count too many.
    pub(crate) begun: Mutex<Vec<ClientId>>,
    pub(crate) consents: Mutex<Vec<ConsentRecord>>,
}

impl Faulty {
    pub(crate) fn new(inner: MemoryStore, fault: Fault) -> Self {
        Self {
            inner,
            fault,
            losses: Losses::NONE,
            looked: Barrier::new(RACERS),
            struck: Barrier::new(STRIKERS),
            few: Barrier::new(STARTERS),
            spoils: Spoils::NONE,
            spoiled: Mutex::default(),
            handles: Mutex::default(),
            salts: Mutex::default(),
            claims: Mutex::default(),
            windows: Mutex::default(),
            first_ends: Mutex::default(),
            purged_before: Mutex::new(Timestamp::from_millis(i64::MIN)),
            reasons: Mutex::default(),
            cutoffs: Mutex::default(),
            purged: Mutex::default(),
            requests: Mutex::default(),
            codes: Mutex::default(),
            begun: Mutex::default(),
            consents: Mutex::default(),
        }
    }

    pub(crate) fn forgetful(inner: MemoryStore, losses: Losses) -> Self {
        Self { losses, ..Self::new(inner, Fault::Forgetful) }
    }

    pub(crate) fn spoiling(inner: MemoryStore, spoils: Spoils) -> Self {
        Self { spoils, ..Self::new(inner, Fault::Spoiling) }
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    pub(crate) fn client_id(&self, id: &ClientId) -> ClientId {
        if self.has(Fault::CaseIgnored) { ClientId::parse(&id.as_str().to_lowercase()).unwrap() } else { id.clone() }
    }

    pub(crate) fn subject(&self, subject: &Subject) -> Subject {
        if self.has(Fault::CaseIgnored) {
            Subject::parse(&subject.as_str().to_lowercase()).unwrap()
        } else {
            subject.clone()
        }
    }

    fn issuer(&self, issuer: &str) -> String {
        if self.has(Fault::CaseIgnored) { issuer.to_lowercase() } else { issuer.to_owned() }
    }
}

#[async_trait]
impl ClientStore for Faulty {
    async fn find(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.inner.find(&self.client_id(id)).await
    }
}

#[async_trait]
impl ClientRegistry for Faulty {
    async fn register(&self, mut client: Client) -> Result<Register, StoreError> {
        (self.losses.client)(&mut client);
        if self.has(Fault::LooksBeforeItWrites) && client.name.starts_with("racer") {
            let is_free = self.inner.find(&client.id).await?.is_none();
            self.looked.wait();
            let _ = self.inner.register(client).await?;
            return Ok(if is_free { Register::Registered } else { Register::Taken });
        }
        if self.has(Fault::RegisterOverwrites) {
            let _ = self.inner.deregister(&client.id).await?;
        }
        self.inner.register(client).await
    }

    async fn update(&self, client: Client, expected: u64) -> Result<UpdateClient, StoreError> {
        let stored = self.inner.find(&client.id).await?.map(|stored| stored.version);
        if self.has(Fault::LooksBeforeItWrites) {
            self.looked.wait();
            let _ = self.inner.update(client, expected).await?;
            return Ok(if stored == Some(expected) { UpdateClient::Updated } else { UpdateClient::Stale });
        }
        let expected = if self.has(Fault::UpdateIgnoresVersion) { stored.unwrap_or(expected) } else { expected };
        self.inner.update(client, expected).await
    }

    async fn page(&self, after: Option<&ClientId>, limit: u32) -> Result<Vec<Arc<Client>>, StoreError> {
        let mut page = self.inner.page(after, limit).await?;
        if let Some(after) = after.filter(|_| self.has(Fault::PageBeginsWithAfter) && page.len() > 1) {
            page.insert(0, self.inner.find(after).await?.unwrap());
            page.pop();
        }
        Ok(page)
    }

    async fn deregister(&self, id: &ClientId) -> Result<Deregister, StoreError> {
        if self.has(Fault::DeregisterOnlySaysSo) {
            let found = self.inner.find(id).await?;
            return Ok(if found.is_some() { Deregister::Removed } else { Deregister::Unknown });
        }
        self.inner.deregister(id).await
    }
}

#[async_trait]
impl UserStore for Faulty {
    async fn find_by_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        if self.has(Fault::LoginIsPattern) {
            return self.inner.find_by_login(&login.replace('%', "@example.com")).await;
        }
        self.inner.find_by_login(login).await
    }

    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<User>, StoreError> {
        self.inner.find_by_subject(&self.subject(subject)).await
    }

    async fn rehash(&self, subject: &Subject, old: &PasswordHash, new: PasswordHash) -> Result<Rehash, StoreError> {
        let stored = self.inner.find_by_subject(subject).await?.and_then(|user| user.password);
        if self.has(Fault::LooksBeforeItWrites) {
            self.looked.wait();
            let _ = self.inner.rehash(subject, old, new).await?;
            return Ok(if stored.as_ref() == Some(old) { Rehash::Stored } else { Rehash::Moved });
        }
        let old = if self.has(Fault::RehashIgnoresOld) { stored.as_ref().unwrap_or(old) } else { old };
        self.inner.rehash(subject, old, new).await
    }
}

#[async_trait]
impl KeyStore for Faulty {
    async fn load(&self, issuer: &str) -> Result<Vec<KeyRecord>, StoreError> {
        let mut keys = self.inner.load(&self.issuer(issuer)).await?;
        if self.has(Fault::KeysInOrderOfTheirIds) {
            keys.sort_by(|a, b| a.kid.cmp(&b.kid));
        }
        Ok(keys)
    }

    async fn insert(&self, mut key: KeyRecord) -> Result<InsertKey, StoreError> {
        (self.losses.key)(&mut key);
        if self.has(Fault::LooksBeforeItWrites) && key.state == KeyState::Active && key.kid.as_str() != "old" {
            let active = self.inner.load(&key.issuer).await?.iter().any(|other| other.state == KeyState::Active);
            self.looked.wait();
            let _ = self.inner.insert(key).await?;
            return Ok(if active { InsertKey::AlreadyActive } else { InsertKey::Inserted });
        }
        Ok(match self.inner.insert(key).await? {
            InsertKey::Taken if self.has(Fault::KeyIdTakenTwice) => InsertKey::Inserted,
            InsertKey::AlreadyActive if self.has(Fault::SecondActiveKey) => InsertKey::Inserted,
            answer => answer,
        })
    }

    async fn transition(&self, issuer: &str, steps: &[KeyTransition]) -> Result<Transition, StoreError> {
        if self.has(Fault::LooksBeforeItWrites) {
            let keys = self.inner.load(issuer).await?;
            let is_expected =
                |step: &KeyTransition| keys.iter().any(|key| key.kid == step.kid && key.state == step.expected);
            let all_expected = steps.iter().all(is_expected);
            self.looked.wait();
            let _ = self.inner.transition(issuer, steps).await?;
            return Ok(if all_expected { Transition::Applied } else { Transition::Moved });
        }
        if self.has(Fault::TransitionStepByStep) {
            for step in steps {
                if self.inner.transition(issuer, std::slice::from_ref(step)).await? == Transition::Moved {
                    return Ok(Transition::Moved);
                }
            }
            return Ok(Transition::Applied);
        }
        self.inner.transition(issuer, steps).await
    }
}
