//! A history as it goes on a real server: a user, one public client, codes and what comes of them.

use std::sync::Arc;
use std::time::Duration;

use oauth_core::keys::SealingKey;
use oauth_core::store::{AccessTokenFormat, GrantTypes, TokenProfile, User};
use oauth_core::time::Clock as _;
use oauth_core::token::{TokenVerifier, VerifiedAccess};
use oauth_core::types::{ClientId, FamilyId, Issuer, Lifetime, Subject, Timestamp};
use oauth_core::{AuthorizationServer, Builder, ClientSpec, Endpoint, Error, Refusal};
use oauth_store_memory::MemoryStore;

use super::ask::{self, Answered, CHALLENGE, VERIFIER, Visit};
use super::case::START;
use super::history::{Came, Credential, End, History, Move, Seen};
use super::jar::{AUDIENCE, Jar, Trail, USER};
use crate::{ManualClock, SeededEntropy, block_on};

const CLIENT: &str = "app";
const URI: &str = "https://app.test/cb";
const SCOPE: &str = "offline_access read";

/// Everything that the user gave until now.
pub(super) struct Past {
    make: Box<dyn Fn() -> AuthorizationServer>,
    /// `None` for one that forgets: every request has a process of its own.
    server: Option<AuthorizationServer>,
    clock: ManualClock,
    /// The latest that the clock has shown.
    latest: Timestamp,
    trail: Arc<Trail>,
    codes: Vec<String>,
    /// Refresh tokens by family.
    families: Vec<(FamilyId, Vec<String>)>,
    accesses: Vec<(Credential, String, VerifiedAccess)>,
    place: usize,
    seen: Vec<Seen>,
}

impl Past {
    pub(super) fn of(jar: &Jar, history: &History) -> Vec<Seen> {
        let mut past = Self::begin(jar, history.opaque);
        for (place, step) in history.moves.iter().enumerate() {
            past.place = place;
            past.latest = past.latest.max(past.clock.now());
            past.go(*step);
        }
        past.seen
    }

    fn begin(jar: &Jar, opaque: bool) -> Self {
        let (store, clock, trail) = (MemoryStore::new(), ManualClock::at(START), Arc::<Trail>::default());
        // one for all processes, so that no two draw the same
        let entropy = Arc::new(SeededEntropy::new(17));
        let _ = store
            .insert_user(User { subject: user(), active: true, scope: None, password: None }, [USER])
            .expect("an empty store");
        let make = {
            let (jar, clock, trail) = (jar.clone(), clock.clone(), Arc::clone(&trail));
            move || {
                let sealing = SealingKey::new("laws", [7; 32]).expect("a key");
                let issuer = Issuer::url("https://laws.test").expect("an issuer");
                let mut builder = AuthorizationServer::builder(issuer, &store, sealing.into())
                    .clock(Arc::new(clock.clone()))
                    .entropy(Arc::clone(&entropy) as _)
                    .audit(Arc::clone(&trail) as _)
                    .authorization_code();
                if opaque {
                    builder = builder.access_token(AccessTokenFormat::Opaque);
                }
                block_on(jar.rules().fold(builder, Builder::policy).start()).expect("a server")
            }
        };
        let server = make();
        let grants = [GrantTypes::AUTHORIZATION_CODE, GrantTypes::REFRESH_TOKEN];
        let spec = ClientSpec::public(CLIENT).grants(grants).scope(SCOPE).audience([AUDIENCE]).redirect_uris([URI]);
        block_on(server.ensure_client(spec)).expect("a client");
        let server = (!jar.forgets()).then_some(server);
        let (codes, families, accesses, seen) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { make: Box::new(make), server, clock, latest: START, trail, codes, families, accesses, place: 0, seen }
    }

    fn server(&self) -> AuthorizationServer {
        self.server.clone().unwrap_or_else(|| (self.make)())
    }

    fn go(&mut self, step: Move) {
        match step {
            Move::Wait(seconds) => self.clock.advance(Duration::from_secs(u64::from(seconds))),
            Move::TurnBack(seconds) => self.clock.turn_back(self.clock.now().minus(Lifetime::of_seconds(seconds))),
            Move::Approve => self.approve(),
            Move::Redeem(back) => self.redeem(back),
            Move::Refresh(family, generation) => self.refresh(family, generation),
            Move::Use(back) => self.use_access(back),
            Move::End(end) => self.end(end),
            Move::ClientOn => block_on(self.server().set_client_active(&client(), true)).expect("no store fails"),
            Move::Maintain => {
                let _ = block_on(self.server().maintain()).expect("no store fails");
            }
            Move::Restart => {
                // what was taken back moved the clock of the one before by a little
                self.clock.turn_back(self.latest.plus(Lifetime::SECOND));
                self.server = self.server.is_some().then(|| (self.make)());
            }
        }
    }

    fn saw(&mut self, credential: Credential, came: Came) {
        self.seen.push(Seen { place: self.place, credential, came });
    }

    fn approve(&mut self) {
        let visit = [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", URI),
            ("scope", SCOPE),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        // signed in long ago, wherever the clock stands
        let signed_in_at = START.minus(Lifetime::of_seconds(u32::MAX / 4));
        if let Some(code) = Visit::of(&visit, user(), signed_in_at).code(&self.server()) {
            self.saw(Credential::Code(self.codes.len()), Came::Issued);
            self.codes.push(code);
        }
    }

    fn redeem(&mut self, back: usize) {
        let Some(number) = place(self.codes.len(), back) else { return };
        let code = self.codes[number].clone();
        let asked = [("grant_type", GrantTypes::AUTHORIZATION_CODE), ("code", &code), ("code_verifier", VERIFIER)];
        let answered = self.ask(&asked);
        let came = self.judge(&answered);
        self.saw(Credential::Code(number), came);
        let family = answered.text("access_token").and_then(|access| self.family_of(&access));
        if let Some(family) = family {
            self.families.push((family, Vec::new()));
            self.keep(self.families.len() - 1, &answered);
        }
    }

    /// `None` for a token that is dead at birth, because a process began while the clock stood at a cutoff.
    fn family_of(&self, access: &str) -> Option<FamilyId> {
        block_on(self.verifier().verify(access)).ok()?.family()
    }

    fn refresh(&mut self, family: usize, generation: usize) {
        let Some(family) = place(self.families.len(), family) else { return };
        let Some(generation) = place(self.families[family].1.len(), generation) else { return };
        let token = self.families[family].1[generation].clone();
        let answered = self.ask(&[("grant_type", GrantTypes::REFRESH_TOKEN), ("refresh_token", &token)]);
        let came = self.judge(&answered);
        self.saw(Credential::Refresh { family, generation }, came);
        if answered.status == 200 {
            self.keep(family, &answered);
        }
    }

    fn use_access(&mut self, back: usize) {
        let Some(number) = place(self.accesses.len(), back) else { return };
        let (credential, token, _) = &self.accesses[number];
        let came = match block_on(self.verifier().verify(token)) {
            Ok(_) => Came::Good,
            Err(Error::Refused(Refusal::TokenExpired)) => Came::Expired,
            Err(Error::Refused(Refusal::TokenRevoked)) => Came::Ended,
            Err(_) => Came::Refused,
        };
        self.saw(*credential, came);
    }

    fn end(&self, end: End) {
        let server = self.server();
        let ended = match end {
            End::Token => match self.accesses.last() {
                Some((_, _, access)) => block_on(server.revoke_token(access)),
                None => Ok(()),
            },
            End::Family => match self.families.last() {
                Some((family, _)) => block_on(server.revoke_family(*family)).map_err(Error::from),
                None => Ok(()),
            },
            End::Consent => block_on(server.withdraw(&user(), &client())).map_err(Error::from),
            End::Subject => block_on(server.revoke_subject(&user())).map_err(Error::from),
            End::Client => block_on(server.revoke_client(&client())).map_err(Error::from),
            End::ClientOff => {
                block_on(server.set_client_active(&client(), false)).expect("no store fails");
                Ok(())
            }
            End::Everything => block_on(server.revoke_everything()).map_err(Error::from),
        };
        ended.expect("no store fails");
    }

    fn ask(&self, members: &[(&str, &str)]) -> Answered {
        self.trail.take();
        let members: Vec<_> = [("client_id", CLIENT)].into_iter().chain(members.iter().copied()).collect();
        Answered::by(&self.server(), Endpoint::Token, &ask::form("/oauth/token", &members))
    }

    /// What came of a code or refresh token, by the audit trail.
    fn judge(&self, answered: &Answered) -> Came {
        match self.trail.take() {
            _ if answered.status == 200 => Came::Good,
            Some(Refusal::CodeExpired | Refusal::RefreshExpired) => Came::Expired,
            Some(
                Refusal::CodeReplayed
                | Refusal::GrantWithdrawn
                | Refusal::RefreshIdle
                | Refusal::RefreshReplayed
                | Refusal::RefreshRevoked,
            ) => Came::Ended,
            _ => Came::Refused,
        }
    }

    /// Keeps the tokens of an answer.
    fn keep(&mut self, family: usize, answered: &Answered) {
        let access = answered.text("access_token").expect("an access token");
        if let Ok(verified) = block_on(self.verifier().verify(&access)) {
            let credential = Credential::Access { family, number: self.accesses.len() };
            self.accesses.push((credential, access, verified));
            self.saw(credential, Came::Issued);
        }
        let known = &mut self.families[family].1;
        if let Some(token) = answered.text("refresh_token").filter(|token| !known.contains(token)) {
            known.push(token);
            let generation = known.len() - 1;
            self.saw(Credential::Refresh { family, generation }, Came::Issued);
        }
    }

    fn verifier(&self) -> TokenVerifier {
        self.server().verifier(AUDIENCE.parse().expect("an audience"), TokenProfile::Rfc9068)
    }
}

/// The last of so many, or one so many before it.
const fn place(count: usize, back: usize) -> Option<usize> {
    match count.checked_sub(1) {
        Some(last) => Some(last.saturating_sub(back)),
        None => None,
    }
}

fn user() -> Subject {
    Subject::parse(USER).expect("a subject")
}

fn client() -> ClientId {
    ClientId::parse(CLIENT).expect("a client id")
}
