//! Whether a user who is signed in must sign in again (OpenID Connect Core §3.1.2.1).

use super::Login;
use crate::types::{Lifetime, Subject, Timestamp};

/// How far a host's clock may be ahead of ours.
const AHEAD: Lifetime = Lifetime::of_seconds(5);

/// Why a user has to sign in before anything is asked.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LoginReason {
    /// Nobody is signed in.
    NobodySignedIn,
    /// The client wants a fresh sign-in (`prompt=login`).
    Prompt,
    /// The last sign-in is longer ago than the client accepts (`max_age`).
    TooLongAgo,
    /// The client wants the user to choose an account (`prompt=select_account`).
    SelectAccount,
    /// The client expects somebody else (`id_token_hint`).
    OtherUser,
    /// The account is unknown or switched off.
    NotActive,
    /// The host says that the user signed in at a time that has not come.
    NotYet,
    /// A rule of the host wants a fresher or stronger sign-in. The same sign-in once more may not do: offer what is
    /// wanted, or say that this user cannot go on.
    Stronger {
        /// The [`id`](crate::policy::Policy::id) of the first rule, in the order of ids, that the sign-in does not meet.
        rule: &'static str,
        /// What meets every rule of the host: how fresh ([`Login::span`]), and by which methods ([`Login::methods`]).
        wanted: Login,
    },
}

/// What a request wants of the sign-in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) login: bool,
    pub(crate) select_account: bool,
    /// Seconds.
    pub(crate) max_age: Option<u32>,
    pub(crate) hinted: Option<&'a Subject>,
    pub(crate) begun_at: Timestamp,
}

/// Whether the sign-in of this user at this time will do; active is known apart.
///
/// `max_age` is counted back from the beginning of the request, so that a sign-in for this request is always young
/// enough, also with `max_age=0`.
///
/// # Errors
/// The [`LoginReason`] for signing in again.
pub(crate) fn judge(
    wanted: Wanted<'_>,
    subject: &Subject,
    auth_time: Timestamp,
    now: Timestamp,
) -> Result<(), LoginReason> {
    if auth_time > now.plus(AHEAD) {
        return Err(LoginReason::NotYet);
    }
    if wanted.hinted.is_some_and(|hinted| hinted != subject) {
        return Err(LoginReason::OtherUser);
    }
    let before = auth_time < wanted.begun_at;
    if wanted.login && before {
        return Err(LoginReason::Prompt);
    }
    if wanted.select_account && before {
        return Err(LoginReason::SelectAccount);
    }
    match wanted.max_age {
        Some(seconds) if wanted.begun_at.millis_since(auth_time) > i64::from(seconds) * 1_000 => {
            Err(LoginReason::TooLongAgo)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGUN: Timestamp = Timestamp::from_seconds(1_000);

    fn wanted() -> Wanted<'static> {
        Wanted { login: false, select_account: false, max_age: None, hinted: None, begun_at: BEGUN }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    #[test]
    fn a_sign_in_before_the_request_will_do_unless_the_client_wants_a_fresh_one() {
        let alice = Subject::parse("alice").unwrap();
        let judge = |wanted, auth_time, now| judge(wanted, &alice, auth_time, now);
        let login = Wanted { login: true, ..wanted() };
        let select = Wanted { select_account: true, ..wanted() };
        let aged = |seconds| Wanted { max_age: Some(seconds), ..wanted() };
        for (wanted, auth_time, now, expected) in [
            (wanted(), at(-1), at(0), Ok(())),
            (login, at(-1), at(9), Err(LoginReason::Prompt)),
            (login, at(0), at(9), Ok(())),
            (select, at(-1), at(9), Err(LoginReason::SelectAccount)),
            (select, at(3), at(9), Ok(())),
            (aged(0), at(-1), at(0), Err(LoginReason::TooLongAgo)),
            (aged(0), at(0), at(600_000), Ok(())),
            (aged(60), at(-60_000), at(0), Ok(())),
            (aged(60), at(-60_001), at(0), Err(LoginReason::TooLongAgo)),
            (aged(60), at(-60_000), at(600_000), Ok(())),
            (aged(u32::MAX), Timestamp::from_millis(i64::MIN), at(0), Err(LoginReason::TooLongAgo)),
            (wanted(), at(5_000), at(0), Ok(())),
            (wanted(), at(5_001), at(0), Err(LoginReason::NotYet)),
            (wanted(), Timestamp::MAX, at(0), Err(LoginReason::NotYet)),
        ] {
            assert_eq!(judge(wanted, auth_time, now), expected, "{wanted:?} {auth_time:?} {now:?}");
        }
        let bob = Subject::parse("bob").unwrap();
        let hinted = Wanted { hinted: Some(&bob), ..super::tests::wanted() };
        assert_eq!(judge(hinted, at(0), at(0)), Err(LoginReason::OtherUser));
        assert_eq!(super::judge(hinted, &bob, at(0), at(0)), Ok(()));
    }
}
