//! What a host's rule can say: less, never more.

use crate::store::AuthenticationContext;
use crate::types::{Lifetime, Scope, Timestamp};

/// What a rule takes away from a request. There is no way to say "more", so nothing can be widened.
///
/// Restrictions form a meet-semilattice: [`meet`](Self::meet) is commutative, associative and idempotent, and
/// [`none`](Self::none) is its neutral element. So the order of rules cannot matter, nor can saying a thing twice.
///
/// ```
/// use oauth_core::policy::Restriction;
/// use oauth_core::types::Lifetime;
///
/// let short = Restriction::none().at_most(Lifetime::of_seconds(60));
/// let read = Restriction::none().only(&"orders.read".parse().unwrap());
/// assert_eq!(short.clone().meet(read.clone()), read.clone().meet(short));
/// assert_eq!(read.clone().meet(read.clone()), read);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
pub struct Restriction {
    denied: Option<&'static str>,
    only: Option<Scope>,
    without: Option<Scope>,
    at_most: Option<Lifetime>,
    login: Login,
}

impl Restriction {
    /// Takes nothing away.
    pub const fn none() -> Self {
        Self { denied: None, only: None, without: None, at_most: None, login: Login::any() }
    }

    /// Refuses the request: 400 `unauthorized_client` at the token endpoint. The reason is for the operator only; it is
    /// a text of the program, so that nothing that a request said gets into a log through it. Of several reasons the
    /// first in the order of their bytes stands.
    pub fn deny(self, reason: &'static str) -> Self {
        Self { denied: Some(least(self.denied, reason)), ..self }
    }

    /// Leaves this scope at most.
    pub fn only(self, scope: &Scope) -> Self {
        let only = self.only.map_or_else(|| scope.clone(), |held| held.intersection(scope));
        Self { only: Some(only), ..self }
    }

    /// Takes this scope away.
    pub fn without(self, scope: &Scope) -> Self {
        let without = self.without.map_or_else(|| scope.clone(), |held| held.union(scope));
        Self { without: Some(without).filter(|scope| !scope.is_empty()), ..self }
    }

    /// Lets the token live for this long at most.
    pub fn at_most(self, lifetime: Lifetime) -> Self {
        let at_most = self.at_most.map_or(lifetime, |held| held.min(lifetime));
        Self { at_most: Some(at_most), ..self }
    }

    /// Wants a login that is at least this fresh and strong. The token endpoint cannot ask for one: there it is 400
    /// `unauthorized_client` unless the login is already so. Where nobody signed in, no login is.
    pub fn login_at_least(self, login: Login) -> Self {
        Self { login: self.login.meet(login), ..self }
    }

    /// Both restrictions: whatever either takes away is gone.
    pub fn meet(self, other: Self) -> Self {
        let mut met = self.login_at_least(other.login);
        if let Some(reason) = other.denied {
            met = met.deny(reason);
        }
        if let Some(scope) = &other.only {
            met = met.only(scope);
        }
        if let Some(scope) = &other.without {
            met = met.without(scope);
        }
        if let Some(lifetime) = other.at_most {
            met = met.at_most(lifetime);
        }
        met
    }

    /// Why the request is refused, if it is.
    #[must_use]
    pub const fn denied(&self) -> Option<&'static str> {
        self.denied
    }

    /// The login that is wanted.
    pub const fn login(&self) -> &Login {
        &self.login
    }

    /// What is left of a scope.
    #[must_use]
    pub fn scope_of(&self, scope: &Scope) -> Scope {
        let only = self.only.as_ref().map_or_else(|| scope.clone(), |only| scope.intersection(only));
        self.without.as_ref().map_or_else(|| only.clone(), |without| only.difference(without))
    }

    /// What is left of a lifetime.
    #[must_use]
    pub fn lifetime_of(&self, lifetime: Lifetime) -> Lifetime {
        self.at_most.map_or(lifetime, |most| most.min(lifetime))
    }
}

/// How fresh and strong a login must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[must_use]
pub struct Login {
    within: Option<Lifetime>,
    /// In the order of their bytes, each once.
    by: Vec<&'static str>,
}

impl Login {
    /// Any login, or none.
    pub const fn any() -> Self {
        Self { within: None, by: Vec::new() }
    }

    /// No longer ago than this.
    pub fn within(self, span: Lifetime) -> Self {
        Self { within: Some(self.within.map_or(span, |held| held.min(span))), ..self }
    }

    /// By this method too, as `amr` names it (RFC 8176).
    pub fn by(mut self, method: &'static str) -> Self {
        if let Err(place) = self.by.binary_search(&method) {
            self.by.insert(place, method);
        }
        self
    }

    /// How long ago at most; `None` for any time.
    #[must_use]
    pub const fn span(&self) -> Option<Lifetime> {
        self.within
    }

    /// By which methods, in the order of their bytes; all of them are wanted.
    #[must_use]
    pub fn methods(&self) -> &[&'static str] {
        &self.by
    }

    /// Both demands.
    pub fn meet(self, other: Self) -> Self {
        let met = other.by.into_iter().fold(self, Self::by);
        other.within.into_iter().fold(met, Self::within)
    }

    /// Whether nothing is demanded.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self == Self::any()
    }

    /// Whether a login meets the demand; a login in the future does not. Where nobody signed in, only
    /// [`any`](Self::any) is met.
    #[must_use]
    pub fn is_met_by(&self, auth: Option<&AuthenticationContext>, now: Timestamp) -> bool {
        let Some(auth) = auth else { return self.is_any() };
        let fresh =
            self.within.is_none_or(|span| auth.auth_time <= now && now.millis_since(auth.auth_time) <= span.millis());
        fresh && self.by.iter().all(|method| auth.amr.iter().any(|used| used == method))
    }
}

fn least(held: Option<&'static str>, reason: &'static str) -> &'static str {
    held.map_or(reason, |held| held.min(reason))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope() -> impl Strategy<Value = Scope> {
        prop::collection::vec("[a-d]", 0..4).prop_map(|tokens| Scope::parse(&tokens.join(" ")).unwrap())
    }

    fn lifetime() -> impl Strategy<Value = Lifetime> {
        prop_oneof![1..5_u32, Just(u32::MAX)].prop_map(Lifetime::of_seconds)
    }

    fn login() -> impl Strategy<Value = Login> {
        let methods = prop::sample::subsequence(vec!["hwk", "otp", "pwd"], 0..=3);
        (prop::option::of(lifetime()), methods).prop_map(|(within, by)| {
            let login = by.into_iter().rev().fold(Login::any(), Login::by);
            within.into_iter().fold(login, Login::within)
        })
    }

    fn restriction() -> impl Strategy<Value = Restriction> {
        let denied = prop::option::weighted(0.2, prop::sample::select(vec!["a", "b"]));
        let scopes = (prop::option::of(scope()), prop::option::of(scope()));
        (denied, scopes, prop::option::of(lifetime()), login()).prop_map(|(denied, (only, without), at_most, login)| {
            let mut made = Restriction::none().login_at_least(login);
            made = denied.into_iter().fold(made, Restriction::deny);
            made = only.iter().fold(made, Restriction::only);
            made = without.iter().fold(made, Restriction::without);
            at_most.into_iter().fold(made, Restriction::at_most)
        })
    }

    proptest! {
        #[test]
        fn meet_is_commutative_associative_idempotent_and_none_is_neutral(
            a in restriction(), b in restriction(), c in restriction(),
        ) {
            let meet = |a: &Restriction, b: &Restriction| a.clone().meet(b.clone());
            prop_assert_eq!(meet(&a, &b), meet(&b, &a));
            prop_assert_eq!(meet(&meet(&a, &b), &c), meet(&a, &meet(&b, &c)));
            prop_assert_eq!(meet(&a, &a), a.clone());
            prop_assert_eq!(meet(&a, &Restriction::none()), a.clone());
            prop_assert_eq!(meet(&Restriction::none(), &a), a);
        }

        #[test]
        fn a_meet_takes_away_what_either_takes_away(
            a in restriction(), b in restriction(), asked in scope(), span in lifetime(),
        ) {
            let both = a.clone().meet(b.clone());
            prop_assert_eq!(both.scope_of(&asked), b.scope_of(&a.scope_of(&asked)));
            prop_assert!(both.scope_of(&asked).is_subset(&asked));
            prop_assert_eq!(both.lifetime_of(span), b.lifetime_of(a.lifetime_of(span)));
            prop_assert!(both.lifetime_of(span) <= span);
            prop_assert_eq!(both.denied().is_some(), a.denied().is_some() || b.denied().is_some());
        }

        #[test]
        fn a_login_that_meets_both_demands_meets_each(
            a in login(), b in login(), ago in 0..6_i64, amr in prop::sample::subsequence(vec!["hwk", "otp", "pwd"], 0..=3),
        ) {
            let amr: Vec<String> = amr.into_iter().map(str::to_owned).collect();
            let auth = AuthenticationContext { auth_time: Timestamp::from_seconds(100 - ago), amr, acr: None };
            let now = Timestamp::from_seconds(100);
            let met = |login: &Login| login.is_met_by(Some(&auth), now);
            prop_assert_eq!(met(&a.clone().meet(b.clone())), met(&a) && met(&b));
            prop_assert_eq!(a.is_met_by(None, now), a.is_any());
        }
    }

    #[test]
    fn a_login_is_fresh_up_to_the_last_millisecond_and_never_in_the_future() {
        let wanted = Login::any().within(Lifetime::of_seconds(10)).by("otp");
        let auth = |millis| AuthenticationContext {
            auth_time: Timestamp::from_millis(millis),
            amr: vec!["pwd".into(), "otp".into()],
            acr: None,
        };
        let now = Timestamp::from_seconds(100);
        for (millis, met) in [(90_000, true), (89_999, false), (100_000, true), (100_001, false)] {
            assert_eq!(wanted.is_met_by(Some(&auth(millis)), now), met, "{millis}");
        }
        assert_eq!((wanted.span(), wanted.methods()), (Some(Lifetime::of_seconds(10)), &["otp"][..]));
        assert_eq!((Login::any().span(), Login::any().methods()), (None, &[][..]));
        assert!(!wanted.clone().by("hwk").is_met_by(Some(&auth(95_000)), now));
        assert!(Login::any().is_any() && !wanted.is_any());
    }

    #[test]
    fn of_several_reasons_the_first_by_bytes_stands() {
        let denied = Restriction::none().deny("night").deny("abroad").deny("night");
        assert_eq!(denied.denied(), Some("abroad"));
    }
}
