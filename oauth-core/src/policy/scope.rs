//! How much scope is granted (RFC 6749 §3.3).

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

/// Everything that bounds a grant's scope.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScopeBounds<'a> {
    /// What the client gets when it asks for nothing.
    pub(crate) default: &'a Scope,
    /// The most that the client may have.
    pub(crate) client: &'a Scope,
    /// The most that clients may have in this user's name; `None` for no bound.
    pub(crate) user: Option<&'a Scope>,
    /// The most that the requested resources know; `None` for no bound.
    pub(crate) resource: Option<&'a Scope>,
}

/// requested ∩ client ∩ user ∩ resource; nothing requested is the client's default.
///
/// # Errors
/// [`Refusal::ScopeEmpty`] when nothing is left or nothing was asked for and there is no default;
/// [`Refusal::ScopeNotAllowed`] when `openid` was asked for and is not allowed, or anything in [`ScopeMode::Refuse`].
pub(crate) fn grant(
    requested: Option<&Scope>,
    bounds: ScopeBounds<'_>,
    mode: ScopeMode,
) -> Result<GrantedScope, Refusal> {
    let asked = requested.unwrap_or(bounds.default);
    let mut granted = asked.intersection(bounds.client);
    for bound in [bounds.user, bounds.resource].into_iter().flatten() {
        granted = granted.intersection(bound);
    }
    let dropped = asked.difference(&granted);
    if dropped.contains("openid") || (mode == ScopeMode::Refuse && !dropped.is_empty()) {
        return Err(Refusal::ScopeNotAllowed);
    }
    if granted.is_empty() {
        return Err(Refusal::ScopeEmpty);
    }
    Ok(GrantedScope { granted, dropped })
}

/// What a refresh grants: what was asked for, or all that is held (`bounds.default`), as far as it is still allowed.
/// What was asked for by name is never narrowed silently.
///
/// # Errors
/// [`Refusal::ScopeEmpty`] when nothing is left; [`Refusal::ScopeNotAllowed`] when something that was asked for is not
/// allowed any more.
pub(crate) fn regrant(requested: Option<&Scope>, bounds: ScopeBounds<'_>) -> Result<GrantedScope, Refusal> {
    match requested {
        Some(_) => grant(requested, bounds, ScopeMode::Refuse),
        None => {
            // `openid` that is not allowed any more goes like every other token: nobody asked for it just now
            let mut held = bounds.default.intersection(bounds.client);
            for bound in [bounds.user, bounds.resource].into_iter().flatten() {
                held = held.intersection(bound);
            }
            let dropped = bounds.default.difference(&held);
            if held.is_empty() { Err(Refusal::ScopeEmpty) } else { Ok(GrantedScope { granted: held, dropped }) }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope() -> impl Strategy<Value = Scope> {
        prop::collection::vec("[a-e]|openid|[!#-\\[\\]-~]{1,4}", 0..8)
            .prop_map(|tokens| Scope::parse(&tokens.join(" ")).unwrap())
    }

    fn mode() -> impl Strategy<Value = ScopeMode> {
        prop_oneof![Just(ScopeMode::Narrow), Just(ScopeMode::Refuse)]
    }

    proptest! {
        #[test]
        fn granted_is_a_subset_of_each(
            asked in prop::option::of(scope()), default in scope(), client in scope(),
            user in prop::option::of(scope()), resource in prop::option::of(scope()), mode in mode(),
        ) {
            let bounds = ScopeBounds {
                default: &default, client: &client, user: user.as_ref(), resource: resource.as_ref(),
            };
            let asked_for = asked.as_ref().unwrap_or(&default);
            match grant(asked.as_ref(), bounds, mode) {
                Ok(given) => {
                    let got = given.scope();
                    prop_assert!(!got.is_empty());
                    prop_assert!(got.is_subset(asked_for) && got.is_subset(&client));
                    prop_assert!(user.iter().chain(&resource).all(|bound| got.is_subset(bound)));
                    // nothing that every side allows is lost, and what was lost is said
                    let lost = asked_for.difference(got);
                    prop_assert_eq!(&lost, given.dropped());
                    let all = [Some(&client), user.as_ref(), resource.as_ref()];
                    prop_assert!(lost.iter().all(|token| all.iter().flatten().any(|bound| !bound.contains(token))));
                    prop_assert!(mode == ScopeMode::Narrow || lost.is_empty());
                }
                Err(why) => prop_assert!(matches!(why, Refusal::ScopeEmpty | Refusal::ScopeNotAllowed)),
            }
        }

        #[test]
        fn taking_a_permission_away_never_grants_more(
            asked in scope(), client in scope(), less in scope(), mode in mode(),
        ) {
            let none = Scope::empty();
            let given = |client: &Scope| {
                let bounds = ScopeBounds { default: &none, client, user: None, resource: None };
                grant(Some(&asked), bounds, mode).map_or_else(|_| Scope::empty(), |given| given.scope().clone())
            };
            prop_assert!(given(&client.difference(&less)).is_subset(&given(&client)));
        }
    }
}
