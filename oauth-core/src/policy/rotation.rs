//! What a presented refresh token is worth (RFC 9700 §4.14.2): table 2 of the protocol as pure functions.

use super::{Rule, permission};
use crate::error::Refusal;
use crate::store::{Binding, Client, FamilyRecord, RefreshPolicy, RefreshState, Standing};
use crate::types::{ClientId, Lifetime, Timestamp};

/// The most retries that one generation answers.
pub(crate) const MAX_RETRIES: u32 = 64;
/// From this many generations in a row that saw a retry on, each is told to the operator.
pub(crate) const NOTABLE_STREAK: u32 = 3;
/// The window of a client that rotates, unless its registration says otherwise.
const USUAL_WINDOW: u16 = 30;

/// How the presented token stands to its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presented {
    /// It is the one that may be used next.
    Current,
    /// Its successor is the current one and was not used yet.
    Predecessor,
    /// We issued it, and its successor was used.
    Older,
    /// Its tag is not ours.
    Forged,
}

/// Everything that the judgement depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) presented: Presented,
    pub(crate) client: &'a ClientId,
    pub(crate) binding: Binding,
    pub(crate) family: &'a FamilyRecord,
    pub(crate) refresh: &'a RefreshState,
    pub(crate) standing: Standing,
    pub(crate) policy: RefreshPolicy,
    /// The request's reading of the clock, not before the family's last one: what the window is judged by.
    pub(crate) now: Timestamp,
    /// The same, not before the mark that the server's clock left: what the ends are judged by.
    pub(crate) at_mark: Timestamp,
}

/// What happens if every later check passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// A successor takes its place (row 6).
    Rotate,
    /// The successor that was made is given again (row 8).
    Retry,
    /// It stays (row 14).
    Keep,
}

/// A lawful no, and what it does to the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) why: Refusal,
    pub(crate) ends_family: bool,
}

const fn denied(why: Refusal) -> Denied {
    Denied { why, ends_family: false }
}

/// The rules that [`judge`] asks, in its order.
pub(crate) const RULES: [Rule; 5] =
    [Rule::RefreshKnown, Rule::RefreshOwner, Rule::RefreshLive, Rule::RefreshIdle, Rule::RefreshReplay];

/// Rows 1 to 4, 12 and 13, and which of 6, 8 and 14 is open: judged after client and key are proved, before scope,
/// resource and user.
pub(crate) fn judge(facts: Facts<'_>) -> Result<Allowed, Denied> {
    let Facts { presented, family, refresh, now, at_mark, .. } = facts;
    if presented == Presented::Forged {
        return Err(denied(Refusal::RefreshUnknown));
    }
    if family.client != *facts.client || family.binding != facts.binding {
        return Err(denied(Refusal::RefreshForeign));
    }
    if facts.standing == Standing::Revoked || family.revoked.is_some() {
        return Err(denied(Refusal::RefreshRevoked));
    }
    if at_mark >= family.absolute_expires_at {
        return Err(denied(Refusal::RefreshExpired));
    }
    match presented {
        Presented::Current if at_mark >= refresh.idle_expires_at => {
            Err(Denied { why: Refusal::RefreshIdle, ends_family: true })
        }
        Presented::Current => Ok(match facts.policy {
            RefreshPolicy::Rotate { .. } => Allowed::Rotate,
            RefreshPolicy::Static => Allowed::Keep,
        }),
        Presented::Predecessor if window_is_open(facts.policy, refresh, now) => Ok(Allowed::Retry),
        Presented::Predecessor | Presented::Older | Presented::Forged => {
            Err(Denied { why: Refusal::RefreshReplayed, ends_family: true })
        }
    }
}

/// Rows 9 and 10: whether what passed every other check is still answered, and can be.
///
/// # Errors
/// [`Refusal::TooManyRetries`]; [`Refusal::RefreshRetryUnavailable`] when the family key or the salt is gone.
pub(crate) fn admit(allowed: Allowed, refresh: &RefreshState, has_key: bool) -> Result<(), Refusal> {
    match allowed {
        Allowed::Retry if refresh.retries >= MAX_RETRIES => Err(Refusal::TooManyRetries { retry_after: 60 }),
        Allowed::Retry if !has_key || refresh.salt.is_none() => Err(Refusal::RefreshRetryUnavailable),
        Allowed::Rotate if !has_key => Err(Refusal::RefreshRetryUnavailable),
        Allowed::Rotate | Allowed::Retry | Allowed::Keep => Ok(()),
    }
}

/// The streak after a retry, when it is long enough to be told.
pub(crate) fn notable_streak(refresh: &RefreshState) -> Option<u32> {
    let streak = refresh.retry_streak.saturating_add(u32::from(refresh.retries == 0));
    (refresh.retries == 0 && streak >= NOTABLE_STREAK).then_some(streak)
}

/// A client's policy as it holds on this server: a static token of a public client needs the server's word too.
pub(crate) fn effective(client: &Client, static_for_public: bool) -> RefreshPolicy {
    match client.refresh.policy {
        RefreshPolicy::Static if !permission::refresh_token_stays(client, static_for_public) => {
            RefreshPolicy::Rotate { window_seconds: USUAL_WINDOW }
        }
        policy => policy,
    }
}

/// How long an answer can be asked for again; a static policy that follows a rotating one leaves the usual window.
pub(crate) fn window(policy: RefreshPolicy) -> Option<Lifetime> {
    let seconds = match policy {
        RefreshPolicy::Rotate { window_seconds } => window_seconds,
        RefreshPolicy::Static => USUAL_WINDOW,
    };
    (seconds > 0).then(|| Lifetime::of_seconds(u32::from(seconds)))
}

/// When the family ends if it is not used again: never past its absolute end.
pub(crate) fn idle_end(now: Timestamp, idle: Lifetime, absolute_end: Timestamp) -> Timestamp {
    now.plus(idle).min(absolute_end)
}

fn window_is_open(policy: RefreshPolicy, refresh: &RefreshState, now: Timestamp) -> bool {
    window(policy).is_some_and(|window| now.millis_since(refresh.rotated_at) <= window.millis())
}
