//! How much scope is granted (RFC 6749 §3.3).

use super::{Rule, Trace};
use crate::error::Refusal;
use crate::types::Scope;

/// Scope that policy granted: made here only, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedScope {
    granted: Scope,
    dropped: Scope,
}

impl GrantedScope {
    /// What was granted.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.granted
    }

    /// What was asked for and not granted.
    #[must_use]
    pub const fn dropped(&self) -> &Scope {
        &self.dropped
    }

    /// The part of it that a further rule leaves.
    ///
    /// # Errors
    /// As [`settle`].
    pub(crate) fn keep(self, left: Scope, excess: Excess) -> Result<Self, Refusal> {
        let dropped = self.dropped.union(&self.granted.difference(&left));
        settle(left, dropped, excess)
    }
}

/// What an over-wide request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScopeMode {
    /// The part that is allowed; the answer's `scope` says which. The default.
    #[default]
    Narrow,
    /// `invalid_scope`.
    Refuse,
}

/// What becomes of scope that was asked for and is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    /// It is dropped, and the answer says so; `openid` is refused.
    Narrow,
    /// It is refused.
    Refuse,
    /// It is dropped, `openid` too: a refresh that names no scope did not ask for it just now.
    Forget,
}

impl Excess {
    /// What a first request gets.
    pub(crate) const fn of(mode: ScopeMode) -> Self {
        match mode {
            ScopeMode::Narrow => Self::Narrow,
            ScopeMode::Refuse => Self::Refuse,
        }
    }

    /// What a refresh gets: what it asks for by name is never narrowed silently.
    pub(crate) const fn of_refresh(requested: Option<&Scope>) -> Self {
        match requested {
            Some(_) => Self::Refuse,
            None => Self::Forget,
        }
    }
}

/// Everything that bounds a grant's scope; `None` sets no bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScopeBounds<'a> {
    /// The most that the client may have.
    pub(crate) client: &'a Scope,
    /// The most that the host's grant gives.
    pub(crate) grant: Option<&'a Scope>,
    /// The most that clients may have in this user's name.
    pub(crate) user: Option<&'a Scope>,
    /// The most that the requested resources know.
    pub(crate) resource: Option<&'a Scope>,
}

/// asked ∩ client ∩ grant ∩ user ∩ resource.
///
/// # Errors
/// As [`settle`].
pub(crate) fn grant(
    asked: &Scope,
    bounds: ScopeBounds<'_>,
    excess: Excess,
    trace: &mut Trace,
) -> Result<GrantedScope, Refusal> {
    trace.asked(asked);
    let bounds = [
        (Rule::ScopeClient, Some(bounds.client)),
        (Rule::ScopeGrant, bounds.grant),
        (Rule::ScopeUser, bounds.user),
        (Rule::ScopeResource, bounds.resource),
    ];
    let mut granted = asked.clone();
    for (rule, bound) in bounds {
        if let Some(bound) = bound {
            let left = granted.intersection(bound);
            trace.scope(rule, &granted, &left);
            granted = left;
        }
    }
    let dropped = asked.difference(&granted);
    settle(granted, dropped, excess)
}

/// A refresh asks for no more than the family holds.
///
/// # Errors
/// [`Refusal::ScopeNotHeld`].
pub(crate) fn held(requested: Option<&Scope>, held: &Scope) -> Result<(), Refusal> {
    if requested.is_none_or(|scope| scope.is_subset(held)) { Ok(()) } else { Err(Refusal::ScopeNotHeld) }
}

/// What is left, if it may be given.
///
/// # Errors
/// [`Refusal::ScopeNotAllowed`] when something was dropped that must not be ([`Excess`]); [`Refusal::ScopeEmpty`] when
/// nothing is left.
fn settle(granted: Scope, dropped: Scope, excess: Excess) -> Result<GrantedScope, Refusal> {
    let cut = match excess {
        Excess::Narrow => dropped.contains("openid"),
        Excess::Refuse => !dropped.is_empty(),
        Excess::Forget => false,
    };
    if cut {
        return Err(Refusal::ScopeNotAllowed);
    }
    if granted.is_empty() {
        return Err(Refusal::ScopeEmpty);
    }
    Ok(GrantedScope { granted, dropped })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope() -> impl Strategy<Value = Scope> {
        prop::collection::vec("[a-e]|openid|[!#-\\[\\]-~]{1,4}", 0..8)
            .prop_map(|tokens| Scope::parse(&tokens.join(" ")).unwrap())
    }

    fn excess() -> impl Strategy<Value = Excess> {
        prop_oneof![Just(Excess::Narrow), Just(Excess::Refuse), Just(Excess::Forget)]
    }

    fn judge(asked: &Scope, bounds: ScopeBounds<'_>, excess: Excess) -> Result<GrantedScope, Refusal> {
        grant(asked, bounds, excess, &mut Trace::off())
    }

    proptest! {
        #[test]
        fn granted_is_what_every_bound_allows_and_no_more(
            asked in scope(), client in scope(), user in prop::option::of(scope()),
            resource in prop::option::of(scope()), own in prop::option::of(scope()), excess in excess(),
        ) {
            let bounds = ScopeBounds {
                client: &client, grant: own.as_ref(), user: user.as_ref(), resource: resource.as_ref(),
            };
            let all = [Some(&client), own.as_ref(), user.as_ref(), resource.as_ref()];
            let allowed = |token: &&str| all.iter().flatten().all(|bound| bound.contains(token));
            let expected: Vec<&str> = asked.iter().filter(allowed).collect();
            let lost: Vec<&str> = asked.iter().filter(|token| !allowed(token)).collect();
            match judge(&asked, bounds, excess) {
                Ok(given) => {
                    prop_assert_eq!(given.scope().iter().collect::<Vec<_>>(), expected);
                    prop_assert_eq!(given.dropped().iter().collect::<Vec<_>>(), lost.clone());
                    prop_assert!(!given.scope().is_empty());
                    prop_assert!(excess != Excess::Refuse || lost.is_empty());
                    prop_assert!(excess != Excess::Narrow || !lost.contains(&"openid"));
                }
                Err(Refusal::ScopeEmpty) => prop_assert!(expected.is_empty()),
                Err(why) => {
                    prop_assert_eq!(why, Refusal::ScopeNotAllowed);
                    prop_assert!(excess != Excess::Forget);
                    prop_assert!(lost.contains(&"openid") || (excess == Excess::Refuse && !lost.is_empty()));
                }
            }
        }

        #[test]
        fn taking_a_permission_away_never_grants_more(
            asked in scope(), client in scope(), less in scope(), excess in excess(),
        ) {
            let given = |client: &Scope| {
                let bounds = ScopeBounds { client, grant: None, user: None, resource: None };
                judge(&asked, bounds, excess).map_or_else(|_| Scope::empty(), |given| given.scope().clone())
            };
            prop_assert!(given(&client.difference(&less)).is_subset(&given(&client)));
        }

        #[test]
        fn a_further_rule_is_one_more_bound(asked in scope(), client in scope(), rule in scope(), excess in excess()) {
            let bounds = |grant| ScopeBounds { client: &client, grant, user: None, resource: None };
            let at_once = judge(&asked, bounds(Some(&rule)), excess);
            let one_by_one = judge(&asked, bounds(None), excess)
                .and_then(|given| { let left = given.scope().intersection(&rule); given.keep(left, excess) });
            prop_assert_eq!(at_once.ok(), one_by_one.ok());
        }
    }

    #[test]
    fn a_refresh_that_names_its_scope_gets_all_of_it_or_nothing() {
        let scope = |text| Scope::parse(text).unwrap();
        let (held, client) = (scope("a b openid"), scope("a"));
        let bounds = ScopeBounds { client: &client, grant: None, user: None, resource: None };
        let named = Excess::of_refresh(Some(&held));
        assert_eq!(judge(&held, bounds, named), Err(Refusal::ScopeNotAllowed));
        let given = judge(&held, bounds, Excess::of_refresh(None)).unwrap();
        assert_eq!((given.scope().as_str(), given.dropped().as_str()), ("a", "b openid"));
        assert_eq!(judge(&held, bounds, Excess::of(ScopeMode::Narrow)), Err(Refusal::ScopeNotAllowed));
        assert_eq!(judge(&scope("a b"), bounds, Excess::of(ScopeMode::Refuse)), Err(Refusal::ScopeNotAllowed));
        assert_eq!(judge(&scope("b"), bounds, Excess::of(ScopeMode::Narrow)), Err(Refusal::ScopeEmpty));
    }
}
