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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixtures::{NOW, confidential, family, public, refresh_state};
    use crate::store::{RefreshRule, RevokedWhy};

    const WINDOW: RefreshPolicy = RefreshPolicy::Rotate { window_seconds: 30 };

    fn after(seconds: u32) -> Timestamp {
        NOW.plus(Lifetime::of_seconds(seconds))
    }

    /// Judges with one thing changed.
    fn judged(presented: Presented, change: impl FnOnce(&mut Facts<'_>)) -> Result<Allowed, Denied> {
        let (client, family, refresh) = (public(), family(), refresh_state());
        let mut facts = Facts {
            presented,
            client: &client.id,
            binding: Binding::None,
            family: &family,
            refresh: &refresh,
            standing: Standing::Live,
            policy: WINDOW,
            now: NOW,
            at_mark: NOW,
        };
        change(&mut facts);
        judge(facts)
    }

    const ALL: [Presented; 4] = [Presented::Current, Presented::Predecessor, Presented::Older, Presented::Forged];

    #[test]
    fn the_current_one_rotates_or_stays() {
        assert_eq!(judged(Presented::Current, |_| {}), Ok(Allowed::Rotate));
        assert_eq!(judged(Presented::Current, |facts| facts.policy = RefreshPolicy::Static), Ok(Allowed::Keep));
    }

    #[test]
    fn what_is_not_ours_or_not_the_client_s_changes_nothing() {
        assert_eq!(judged(Presented::Forged, |_| {}), Err(denied(Refusal::RefreshUnknown)));
        let other = ClientId::parse("other").unwrap();
        for presented in &ALL[..3] {
            let foreign = Err(denied(Refusal::RefreshForeign));
            assert_eq!(judge_for(&other, *presented), foreign);
            assert_eq!(judged(*presented, |facts| facts.binding = Binding::Jkt([1; 32])), foreign);
        }
    }

    fn judge_for(client: &ClientId, presented: Presented) -> Result<Allowed, Denied> {
        let (family, refresh) = (family(), refresh_state());
        judge(Facts {
            presented,
            client,
            binding: Binding::None,
            family: &family,
            refresh: &refresh,
            standing: Standing::Live,
            policy: WINDOW,
            now: NOW,
            at_mark: NOW,
        })
    }

    #[test]
    fn a_family_that_is_over_is_over_for_every_token_of_it() {
        for presented in &ALL[..3] {
            let revoked = Err(denied(Refusal::RefreshRevoked));
            assert_eq!(judged(*presented, |facts| facts.standing = Standing::Revoked), revoked);
            let ended = FamilyRecord { revoked: Some((NOW, RevokedWhy::Host)), ..family() };
            assert_eq!(judged_family(*presented, &ended, NOW), revoked);
            let expired = Err(denied(Refusal::RefreshExpired));
            assert_eq!(judged_family(*presented, &family(), after(7_200)), expired);
        }
        assert_eq!(judged_family(Presented::Current, &family(), after(99)), Ok(Allowed::Rotate));
    }

    fn judged_family(presented: Presented, family: &FamilyRecord, at_mark: Timestamp) -> Result<Allowed, Denied> {
        let (client, refresh) = (public(), refresh_state());
        judge(Facts {
            presented,
            client: &client.id,
            binding: Binding::None,
            family,
            refresh: &refresh,
            standing: Standing::Live,
            policy: WINDOW,
            now: NOW,
            at_mark,
        })
    }

    #[test]
    fn the_idle_end_ends_the_family_and_counts_for_the_current_one_only() {
        let idle = Err(Denied { why: Refusal::RefreshIdle, ends_family: true });
        assert_eq!(judged(Presented::Current, |facts| facts.at_mark = after(100)), idle);
        assert_eq!(judged(Presented::Predecessor, |facts| facts.at_mark = after(100)), Ok(Allowed::Retry));
    }

    #[test]
    fn a_spent_one_is_a_retry_inside_the_window_and_a_theft_outside() {
        let theft = Err(Denied { why: Refusal::RefreshReplayed, ends_family: true });
        assert_eq!(judged(Presented::Predecessor, |facts| facts.now = after(30)), Ok(Allowed::Retry));
        let late = Timestamp::from_millis(after(30).millis() + 1);
        assert_eq!(judged(Presented::Predecessor, |facts| facts.now = late), theft);
        let closed = RefreshPolicy::Rotate { window_seconds: 0 };
        assert_eq!(judged(Presented::Predecessor, |facts| facts.policy = closed), theft);
        assert_eq!(judged(Presented::Predecessor, |facts| facts.policy = RefreshPolicy::Static), Ok(Allowed::Retry));
        assert_eq!(judged(Presented::Older, |_| {}), theft);
    }

    #[test]
    fn a_retry_is_answered_64_times_and_only_while_it_can_be_derived() {
        let state = |retries, salt: bool| RefreshState {
            retries,
            salt: refresh_state().salt.filter(|_| salt),
            ..refresh_state()
        };
        assert_eq!(admit(Allowed::Retry, &state(63, true), true), Ok(()));
        assert_eq!(admit(Allowed::Retry, &state(64, true), true), Err(Refusal::TooManyRetries { retry_after: 60 }));
        let gone = Err(Refusal::RefreshRetryUnavailable);
        assert_eq!(admit(Allowed::Retry, &state(0, false), true), gone);
        assert_eq!(admit(Allowed::Retry, &state(0, true), false), gone);
        assert_eq!(admit(Allowed::Rotate, &state(64, false), true), Ok(()));
        assert_eq!(admit(Allowed::Rotate, &state(0, true), false), gone);
        assert_eq!(admit(Allowed::Keep, &state(64, false), false), Ok(()));
    }

    #[test]
    fn a_streak_is_told_from_the_third_generation_on_at_its_first_retry() {
        let state = |retries, retry_streak| RefreshState { retries, retry_streak, ..refresh_state() };
        assert_eq!(notable_streak(&state(0, 1)), None);
        assert_eq!(notable_streak(&state(0, 2)), Some(3));
        assert_eq!(notable_streak(&state(0, 7)), Some(8));
        assert_eq!(notable_streak(&state(1, 7)), None);
        assert_eq!(notable_streak(&state(0, u32::MAX)), Some(u32::MAX));
    }

    #[test]
    fn a_static_policy_holds_where_it_may() {
        let stays = RefreshRule { policy: RefreshPolicy::Static, ..RefreshRule::default() };
        let with = |client: Client| Client { refresh: stays.clone(), ..client };
        assert_eq!(effective(&with(confidential()), false), RefreshPolicy::Static);
        assert_eq!(effective(&with(public()), true), RefreshPolicy::Static);
        assert_eq!(effective(&with(public()), false), WINDOW);
        let short = RefreshPolicy::Rotate { window_seconds: 5 };
        let rotates = RefreshRule { policy: short, ..RefreshRule::default() };
        assert_eq!(effective(&Client { refresh: rotates, ..public() }, true), short);
    }

    #[test]
    fn windows_and_idle_ends() {
        assert_eq!(window(WINDOW), Some(Lifetime::of_seconds(30)));
        assert_eq!(window(RefreshPolicy::Static), Some(Lifetime::of_seconds(30)));
        assert_eq!(window(RefreshPolicy::Rotate { window_seconds: 0 }), None);
        assert_eq!(window(RefreshPolicy::Rotate { window_seconds: 1 }), Some(Lifetime::SECOND));
        assert_eq!(idle_end(NOW, Lifetime::of_seconds(9), after(10)), after(9));
        assert_eq!(idle_end(NOW, Lifetime::of_seconds(11), after(10)), after(10));
    }
}
