//! Who may see what of a token (RFC 7662 §4): its own client all of it, a resource server what is its concern.

use crate::types::{Audience, ClientId, Scope};

/// An access token, as far as it matters who may see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    /// Who got it; `None` when a legacy profile leaves that out.
    pub(crate) client: Option<&'a ClientId>,
    pub(crate) audience: &'a [Audience],
    pub(crate) scope: &'a Scope,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) id: &'a ClientId,
    /// The scope that it is registered with.
    pub(crate) scope: &'a Scope,
    pub(crate) sees_everything: bool,
}

/// The scope that the caller is shown of an access token; `None` when the token is none of its business.
pub(crate) fn visible_scope(
    caller: Caller<'_>,
    token: Shown<'_>,
    speaks_for: impl Fn(&Audience) -> bool,
) -> Option<Scope> {
    if caller.sees_everything || token.client == Some(caller.id) {
        Some(token.scope.clone())
    } else if token.audience.iter().any(speaks_for) {
        Some(token.scope.intersection(caller.scope))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn audiences() -> impl Strategy<Value = Vec<Audience>> {
        prop::collection::vec("[a-d]", 0..4)
            .prop_map(|names| names.iter().map(|name| Audience::parse(name).unwrap()).collect())
    }

    fn scope() -> impl Strategy<Value = Scope> {
        prop::collection::vec("[p-t]", 0..5).prop_map(|names| Scope::parse(&names.join(" ")).unwrap())
    }

    fn client() -> impl Strategy<Value = ClientId> {
        "[x-z]".prop_map(|name| ClientId::parse(&name).unwrap())
    }

    proptest! {
        #[test]
        fn a_resource_server_sees_no_scope_but_its_own_and_no_token_but_for_it(
            id in client(), owner in prop::option::of(client()), audience in audiences(), granted in scope(),
            registered in scope(), identifiers in audiences(),
        ) {
            let caller = Caller { id: &id, scope: &registered, sees_everything: false };
            let token = Shown { client: owner.as_ref(), audience: &audience, scope: &granted };
            let seen = visible_scope(caller, token, |one| identifiers.contains(one));
            if owner.as_ref() == Some(&id) {
                prop_assert_eq!(seen, Some(granted));
            } else if audience.iter().any(|one| identifiers.contains(one)) {
                let seen = seen.unwrap();
                prop_assert!(seen.is_subset(&granted) && seen.is_subset(&registered));
                prop_assert_eq!(seen, granted.intersection(&registered));
            } else {
                prop_assert_eq!(seen, None);
            }
        }

        #[test]
        fn a_name_less_never_shows_more(
            id in client(), owner in prop::option::of(client()), audience in audiences(), granted in scope(),
            registered in scope(), identifiers in audiences(), everything in any::<bool>(),
        ) {
            let caller = Caller { id: &id, scope: &registered, sees_everything: everything };
            let token = Shown { client: owner.as_ref(), audience: &audience, scope: &granted };
            let whole = visible_scope(caller, token, |one| identifiers.contains(one));
            for left_out in 0..identifiers.len() {
                let mut fewer = identifiers.clone();
                fewer.remove(left_out);
                if let Some(less) = visible_scope(caller, token, |one| fewer.contains(one)) {
                    prop_assert!(whole.as_ref().is_some_and(|whole| less.is_subset(whole)));
                }
            }
        }
    }
}
