//! What happened, for operators: every grant, refusal, fault and change of keys, without a single secret.

mod json_lines;
mod losses;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

pub use self::json_lines::JsonLines;
pub use self::losses::Losses;
use crate::context::CorrelationId;
use crate::error::Refusal;
use crate::policy::RuleId;
use crate::store::{KeyState, RevokedWhy};
use crate::types::{ClientId, FamilyId, KeyId, KeyedHash, Scope, Subject, Timestamp, TokenId};

/// Receives events, after the commit that they tell of.
///
/// Called on the request's own thread: it must not block. Queue the event and write it elsewhere; count and log what
/// a full queue loses.
pub trait AuditSink: fmt::Debug + Send + Sync {
    /// Takes one event.
    ///
    /// # Errors
    /// [`AuditLost`] when the event will not be written, because the queue is full or writing fails. The server goes on
    /// without it, or answers 503 where it was built with [`Audit::Required`].
    fn record(&self, event: &Event) -> Result<(), AuditLost>;

    /// Whether an event would be taken now: asked with [`Audit::Required`] before a request spends anything, so that a
    /// full queue refuses it with nothing changed. Default: yes.
    ///
    /// # Errors
    /// [`AuditLost`] when it would not.
    fn ready(&self) -> Result<(), AuditLost> {
        Ok(())
    }
}

/// An event that will not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an audit event was lost")]
pub struct AuditLost;

/// What a lost audit event means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Audit {
    /// The sink counts and logs it; the request is answered all the same. The default.
    #[default]
    BestEffort,
    /// A request is answered 503 with nothing changed while the sink takes no events; one whose event is lost all the
    /// same is answered 503 after its commit, and shows no token.
    Required,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, by the request's one reading of the clock.
    pub at: Timestamp,
    /// In which request.
    pub correlation_id: CorrelationId,
    /// From which address.
    pub peer: Option<IpAddr>,
    /// Which client: authenticated, or only named when `what` is a refusal.
    pub client: Option<ClientId>,
    /// In whose name.
    pub subject: Option<Subject>,
    /// The login name that was tried, when no user has it: only as a keyed hash, because people type passwords there.
    pub login: Option<LoginHash>,
    /// The scope that was asked for, where the request said one and `what` does not.
    pub scope: Option<Scope>,
    /// What.
    pub what: What,
}

/// Whom an event is about, as far as it is known when it is told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Who {
    pub(crate) client: Option<ClientId>,
    pub(crate) subject: Option<Subject>,
    pub(crate) login: Option<LoginHash>,
    pub(crate) scope: Option<Scope>,
}

/// A login name as the trail keeps it: two attempts with one name can be told to be alike, and no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginHash {
    /// The server's key that it was made with.
    pub key: KeyId,
    /// The hash.
    pub hash: KeyedHash,
}

/// What an [`Event`] tells.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum What {
    /// A hook wanted to set a claim or answer member that belongs to the protocol; it was ignored.
    ClaimIgnored {
        /// Which one.
        claim: String,
    },
    /// A client was made active or inactive.
    ClientActive {
        /// Which.
        active: bool,
    },
    /// A client was registered or its registration was changed.
    ClientRegistered {
        /// Its version afterwards.
        version: u64,
    },
    /// At the start the clock stood more than five minutes behind what this or another node had read.
    ClockBehind {
        /// What had been read.
        mark: Timestamp,
    },
    /// The clock is more than 24 hours ahead of what it was a round ago; nothing is written or purged by it until it ran on for an
    /// hour.
    ClockJumped {
        /// What it was.
        from: Timestamp,
    },
    /// A code was issued: a user allowed a client something in a browser.
    CodeIssued {
        /// What was allowed.
        scope: Scope,
        /// Whether the user was asked; `false` for remembered consent.
        asked: bool,
        /// What was asked for and not allowed: by a rule, or by the user.
        dropped: Scope,
        /// The rules that took scope away, [`Rule::Consent`](crate::policy::Rule::Consent) where the user did; empty
        /// when everything was allowed that was asked for.
        narrowed_by: Vec<RuleId>,
    },
    /// Everything that was issued until now to the event's client, to its subject, or (without either) at all, was
    /// taken back.
    CutOff,
    /// A family of tokens began.
    FamilyStarted {
        /// Its name.
        family: FamilyId,
        /// How many older ones ended to make room.
        ended: u32,
    },
    /// A family of tokens was ended.
    FamilyRevoked {
        /// Its name.
        family: FamilyId,
        /// Why.
        why: RevokedWhy,
    },
    /// We failed.
    Faulted {
        /// [`Fault::id`](crate::Fault::id).
        fault: &'static str,
        /// What the failing part said.
        detail: String,
    },
    /// A key came into a state.
    KeyChanged {
        /// Which key.
        kid: KeyId,
        /// The state.
        state: KeyState,
    },
    /// More tokens were given for a refresh token.
    Refreshed {
        /// Of which family.
        family: FamilyId,
        /// Whether a lost answer was asked for again.
        is_retry: bool,
    },
    /// A request was lawfully refused.
    Refused(Refusal),
    /// A client gave back a token that is not its own or is of no use any more; nothing changed, and the client was not
    /// told so (RFC 7009 §2.2).
    RevocationIgnored {
        /// Why.
        why: Refusal,
    },
    /// For several generations in a row the answer had to be asked for again: the client's connection is bad, or two
    /// hold its refresh token.
    RetryStreak {
        /// Of which family.
        family: FamilyId,
        /// How many.
        streak: u32,
    },
    /// A client was given a new secret.
    SecretAdded {
        /// The name of the secret among the client's own.
        secret: KeyId,
        /// When the secrets before it end; `None` when there were none.
        others_end: Option<Timestamp>,
    },
    /// An access token was issued.
    TokenIssued {
        /// By which grant.
        grant: Cow<'static, str>,
        /// The token's `jti`.
        token: TokenId,
        /// What it allows.
        scope: Scope,
        /// What was asked for and not granted.
        dropped: Scope,
        /// The rules that took something away; empty when everything was granted that was asked for.
        narrowed_by: Vec<RuleId>,
        /// When it ends.
        expires_at: Timestamp,
    },
    /// One access token was taken back.
    TokenRevoked {
        /// The token's `jti`.
        token: TokenId,
    },
}

impl What {
    /// A stable name, such as `token.issued`.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        match self {
            Self::ClaimIgnored { .. } => "claim.ignored",
            Self::ClientActive { .. } => "client.active",
            Self::ClientRegistered { .. } => "client.registered",
            Self::ClockBehind { .. } => "clock.behind",
            Self::ClockJumped { .. } => "clock.jumped",
            Self::CodeIssued { .. } => "code.issued",
            Self::CutOff => "cutoff",
            Self::FamilyStarted { .. } => "family.started",
            Self::FamilyRevoked { .. } => "family.revoked",
            Self::Faulted { .. } => "fault",
            Self::KeyChanged { .. } => "key.changed",
            Self::Refreshed { .. } => "refreshed",
            Self::Refused(_) => "refused",
            Self::RetryStreak { .. } => "refresh.retry_streak",
            Self::RevocationIgnored { .. } => "revocation.ignored",
            Self::SecretAdded { .. } => "client.secret_added",
            Self::TokenIssued { .. } => "token.issued",
            Self::TokenRevoked { .. } => "token.revoked",
        }
    }

    fn members(&self) -> Value {
        match self {
            Self::ClaimIgnored { claim } => json!({ "claim": claim }),
            Self::ClientActive { active } => json!({ "active": active }),
            Self::ClientRegistered { version } => json!({ "version": version }),
            Self::ClockBehind { mark } => json!({ "mark": mark.millis() }),
            Self::ClockJumped { from } => json!({ "from": from.millis() }),
            Self::CodeIssued { scope, asked, dropped, narrowed_by } => {
                let members = json!({ "scope": scope.as_str(), "asked": asked, "dropped": dropped.as_str() });
                with(members, "narrowed_by", rules(narrowed_by))
            }
            Self::CutOff => json!({}),
            Self::TokenRevoked { token } => json!({ "token": token.as_str() }),
            Self::FamilyStarted { family, ended } => json!({ "family": family.to_string(), "ended": ended }),
            Self::FamilyRevoked { family, why } => json!({ "family": family.to_string(), "why": why.as_str() }),
            Self::Faulted { fault, detail } => json!({ "fault": fault, "detail": detail }),
            Self::KeyChanged { kid, state } => json!({ "kid": kid.as_str(), "state": state.as_str() }),
            Self::Refreshed { family, is_retry } => json!({ "family": family.to_string(), "is_retry": is_retry }),
            Self::RetryStreak { family, streak } => json!({ "family": family.to_string(), "streak": streak }),
            Self::RevocationIgnored { why } => json!({ "reason": why.id() }),
            Self::SecretAdded { secret, others_end } => {
                json!({ "secret": secret.as_str(), "others_end": others_end.map(Timestamp::millis) })
            }
            Self::Refused(refusal) => refused(*refusal),
            Self::TokenIssued { grant, token, scope, dropped, narrowed_by, expires_at } => {
                let members = json!({
                    "grant": grant,
                    "token": token.as_str(),
                    "scope": scope.as_str(),
                    "dropped": dropped.as_str(),
                    "expires_at": expires_at.millis(),
                });
                with(members, "narrowed_by", rules(narrowed_by))
            }
        }
    }
}

fn refused(refusal: Refusal) -> Value {
    let rule = refusal.rule().to_string();
    let members = json!({ "reason": refusal.id(), "rule": rule, "error": refusal.code().as_str() });
    with(members, "because", refusal.because().map(Value::from))
}

/// The rules by their ids, when there are any.
fn rules(narrowed_by: &[RuleId]) -> Option<Value> {
    (!narrowed_by.is_empty()).then(|| narrowed_by.iter().map(|rule| Value::from(rule.to_string())).collect())
}

/// The members and one more, when there is one.
fn with(mut members: Value, name: &str, value: Option<Value>) -> Value {
    if let (Value::Object(members), Some(value)) = (&mut members, value) {
        members.insert(name.to_owned(), value);
    }
    members
}

impl Event {
    /// The event as one JSON object: `at` (milliseconds), `event`, `request`, then what is known of peer, client and
    /// subject, then the members of its kind.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut object = Map::new();
        object.insert("at".into(), self.at.millis().into());
        object.insert("event".into(), self.what.id().into());
        object.insert("request".into(), self.correlation_id.to_string().into());
        if let Some(peer) = self.peer {
            object.insert("peer".into(), peer.to_string().into());
        }
        if let Some(client) = &self.client {
            object.insert("client".into(), client.as_str().into());
        }
        if let Some(subject) = &self.subject {
            object.insert("subject".into(), subject.as_str().into());
        }
        if let Some(LoginHash { key, hash }) = &self.login {
            object.insert("login_key".into(), key.as_str().into());
            object.insert("login_hash".into(), crate::jose::base64url(hash.as_bytes()).into());
        }
        if let Some(scope) = &self.scope {
            object.insert("scope".into(), scope.as_str().into());
        }
        if let Value::Object(members) = self.what.members() {
            object.extend(members);
        }
        Value::Object(object).to_string()
    }
}

/// The default sink: one `tracing` event per audit event, target `oauth::audit`, the JSON in the field `audit`.
///
/// Faults are errors, refusals and oddities warnings, the rest is information.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingSink;

impl AuditSink for TracingSink {
    fn record(&self, event: &Event) -> Result<(), AuditLost> {
        match &event.what {
            What::Faulted { .. } | What::ClockBehind { .. } | What::ClockJumped { .. } => {
                tracing::error!(target: "oauth::audit", audit = %event.to_json());
            }
            What::Refused(_) | What::ClaimIgnored { .. } | What::RetryStreak { .. } => {
                tracing::warn!(target: "oauth::audit", audit = %event.to_json());
            }
            _ => tracing::info!(target: "oauth::audit", audit = %event.to_json()),
        }
        Ok(())
    }
}
