//! When a key is announced, promoted and forgotten: a pure function of the records and the time.

use crate::store::{KeyRecord, KeyState, KeyTimes, KeyUse};
use crate::types::{KeyId, Lifetime, Timestamp};

/// How long keys stay in their states.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyRules {
    /// From announcement to the first signature.
    pub(crate) announce: Lifetime,
    /// From the first signature to the last.
    pub(crate) sign: Lifetime,
    /// From the last signature to leaving the key set: the longest JWT, the caches, and five minutes.
    pub(crate) linger: Lifetime,
    /// From the last family that was born with a family key to the end of the oldest one.
    pub(crate) families: Lifetime,
}

impl KeyRules {
    /// How long a key is of use after it retired.
    const fn after(self, usage: KeyUse) -> Lifetime {
        match usage {
            KeyUse::Derive => self.families,
            KeyUse::Sign(_) => self.linger,
        }
    }
}

/// What is due for the keys of one use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    /// A key that signs at once, because there is none.
    MakeActive,
    /// A successor to publish.
    Announce,
    /// The successor signs from now on.
    Promote { next: KeyId, from: Option<KeyId> },
}

/// What is due now. Follows the records, never the start of a process.
pub(crate) fn due<'a>(
    keys: impl Iterator<Item = &'a KeyRecord> + Clone,
    now: Timestamp,
    rules: KeyRules,
) -> Option<Due> {
    let active = keys.clone().find(|key| key.state == KeyState::Active);
    let next = keys.filter(|key| key.state == KeyState::Announced).min_by_key(|key| key.times.announced_at);
    let (active, since) = match (active, next) {
        (Some(active), _) => (active, active.times.active_at.unwrap_or(active.times.announced_at)),
        (None, Some(next)) => return Some(Due::Promote { next: next.kid.clone(), from: None }),
        (None, None) => return Some(Due::MakeActive),
    };
    let ends = since.plus(rules.sign);
    match next {
        None if now >= ends.minus(rules.announce) => Some(Due::Announce),
        Some(next) if now >= ends && now >= next.times.announced_at.plus(rules.announce) => {
            Some(Due::Promote { next: next.kid.clone(), from: Some(active.kid.clone()) })
        }
        _ => None,
    }
}

/// A key's times after it begins to sign.
pub(crate) const fn activated(times: KeyTimes, now: Timestamp) -> KeyTimes {
    KeyTimes { active_at: Some(now), ..times }
}

/// A key's times after a younger one took its place.
pub(crate) fn retired(key: &KeyRecord, now: Timestamp, rules: KeyRules) -> KeyTimes {
    KeyTimes { retired_at: Some(now), listed_until: Some(now.plus(rules.after(key.usage))), ..key.times }
}

/// A key's times after it was taken back.
pub(crate) const fn revoked(times: KeyTimes, now: Timestamp) -> KeyTimes {
    KeyTimes { retired_at: Some(now), listed_until: Some(now), ..times }
}

/// Whether the key set shows the key, and tokens signed by it are believed; for a key that derives, whether families
/// still name it.
pub(crate) fn is_listed(key: &KeyRecord, now: Timestamp) -> bool {
    match key.state {
        KeyState::Announced | KeyState::Active => true,
        KeyState::Retired => key.times.listed_until.is_some_and(|end| now < end),
        KeyState::Revoked => false,
    }
}

/// Whether a key that the key set does not show any more is still believed of id tokens that come back as hints: for as
/// long as a family could live that began with one.
pub(crate) fn is_kept_for_hints(key: &KeyRecord, now: Timestamp, rules: KeyRules) -> bool {
    let retired_at = key.times.retired_at.filter(|_| key.state == KeyState::Retired);
    retired_at.is_some_and(|at| now < at.plus(rules.families))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::jose::Alg;
    use crate::store::KeyMaterial;

    const DAY: u32 = 86_400;
    const RULES: KeyRules = KeyRules {
        announce: Lifetime::of_seconds(14 * DAY),
        sign: Lifetime::of_seconds(90 * DAY),
        linger: Lifetime::of_seconds(3_960),
        families: Lifetime::of_seconds(366 * DAY),
    };

    fn key(n: usize, state: KeyState, now: Timestamp) -> KeyRecord {
        let times = KeyTimes { announced_at: now, active_at: None, retired_at: None, listed_until: None };
        KeyRecord {
            kid: KeyId::parse(&format!("k{n}")).unwrap(),
            issuer: "https://as.example".into(),
            usage: KeyUse::Sign(Alg::ES256),
            state,
            public_jwk: None,
            material: KeyMaterial::External("x".into()),
            times: if state == KeyState::Active { activated(times, now) } else { times },
        }
    }

    /// Applies what is due until nothing is, as a node that looks at this moment would.
    fn settle(keys: &mut Vec<KeyRecord>, now: Timestamp) {
        while let Some(step) = due(keys.iter(), now, RULES) {
            match step {
                Due::MakeActive => keys.push(key(keys.len(), KeyState::Active, now)),
                Due::Announce => keys.push(key(keys.len(), KeyState::Announced, now)),
                Due::Promote { next, from } => {
                    for key in keys.iter_mut() {
                        if Some(&key.kid) == from.as_ref() {
                            (key.state, key.times) = (KeyState::Retired, retired(key, now, RULES));
                        }
                        if key.kid == next {
                            (key.state, key.times) = (KeyState::Active, activated(key.times, now));
                        }
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_key_set_cached_before_a_key_signs_knows_it_and_forgets_none_too_early(
            hours in prop::collection::vec(1u32..24 * 40, 1..60),
        ) {
            let mut keys: Vec<KeyRecord> = Vec::new();
            let mut now = Timestamp::from_seconds(1_800_000_000);
            for step in hours {
                settle(&mut keys, now);
                prop_assert_eq!(keys.iter().filter(|key| key.state == KeyState::Active).count(), 1);
                for key in keys.iter().skip(1) {
                    if let Some(signs) = key.times.active_at {
                        prop_assert!(signs >= key.times.announced_at.plus(RULES.announce));
                    }
                }
                for key in &keys {
                    if let Some(stopped) = key.times.retired_at {
                        prop_assert_eq!(is_listed(key, now), now < stopped.plus(RULES.linger));
                    } else {
                        prop_assert!(is_listed(key, now));
                    }
                }
                now = now.plus(Lifetime::of_seconds(step * 3600));
            }
        }
    }

    #[test]
    fn a_successor_is_announced_fourteen_days_ahead_and_signs_after_ninety() {
        let start = Timestamp::from_seconds(0);
        let mut keys = Vec::new();
        settle(&mut keys, start);
        let at = |days: u32| start.plus(Lifetime::of_seconds(days * DAY));
        settle(&mut keys, at(75));
        assert_eq!(keys.len(), 1);
        settle(&mut keys, at(76));
        assert_eq!(keys.iter().map(|key| key.state).collect::<Vec<_>>(), [KeyState::Active, KeyState::Announced]);
        settle(&mut keys, at(89));
        assert_eq!(keys[0].state, KeyState::Active);
        settle(&mut keys, at(90));
        assert_eq!(keys.iter().map(|key| key.state).collect::<Vec<_>>(), [KeyState::Retired, KeyState::Active]);
    }
}
