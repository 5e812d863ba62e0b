//! What the laws of policy stand on: scopes are sets, and restrictions a meet-semilattice. Said of the operations that
//! are handed in, so that wrong ones can be.

use std::collections::BTreeSet;

use oauth_core::policy::Restriction;
use oauth_core::types::{Lifetime, Scope};
use oauth_testkit::laws::Trial;
use proptest::prelude::*;

use super::planted::told;

fn scope() -> impl Strategy<Value = Scope> {
    prop::sample::subsequence(vec!["a", "A", "aa", "b", "offline_access", "~"], 0..=6)
        .prop_map(|tokens| Scope::parse(&tokens.join(" ")).unwrap())
}

/// What a rule says, as data: it shrinks to something readable.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    denies: Option<&'static str>,
    only: Option<Scope>,
    without: Option<Scope>,
    at_most: Option<u32>,
}

impl Said {
    const NOTHING: Self = Self { denies: None, only: None, without: None, at_most: None };

    fn any() -> impl Strategy<Value = Self> {
        let denies = prop::option::weighted(0.1, prop::sample::select(vec!["early", "late"]));
        let masks = (prop::option::of(scope()), prop::option::of(scope()));
        (denies, masks, prop::option::of(1..4_u32)).prop_map(|(denies, (only, without), at_most)| Self {
            denies,
            only,
            without,
            at_most,
        })
    }

    fn made(&self) -> Restriction {
        let made = self.denies.into_iter().fold(Restriction::none(), Restriction::deny);
        let made = self.only.iter().fold(made, Restriction::only);
        let made = self.without.iter().fold(made, Restriction::without);
        self.at_most.map(Lifetime::of_seconds).into_iter().fold(made, Restriction::at_most)
    }
}

type Intersect = fn(&Scope, &Scope) -> Scope;

fn intersection_law(intersect: Intersect, trial: &Trial) {
    let set = |scope: &Scope| scope.iter().map(str::to_owned).collect::<BTreeSet<_>>();
    trial.run("intersection", 1, (scope(), scope(), scope()), |(one, other, third)| {
        let both = intersect(&one, &other);
        prop_assert_eq!(set(&both), &set(&one) & &set(&other), "what both hold");
        prop_assert_eq!(&both, &intersect(&other, &one), "commutative");
        prop_assert_eq!(intersect(&both, &third), intersect(&one, &intersect(&other, &third)), "associative");
        prop_assert_eq!(intersect(&one, &one), one, "idempotent");
        Ok(())
    });
}

type Meet = fn(Restriction, Restriction) -> Restriction;

/// What is left of everything and of an hour: by this alone are restrictions told apart that do not deny.
fn left(said: &Restriction) -> (Option<&'static str>, Scope, u32) {
    let all = Scope::parse("a A aa b offline_access ~").unwrap();
    (said.denied(), said.scope_of(&all), said.lifetime_of(Lifetime::of_seconds(3_600)).seconds())
}

fn meet_law(meet: Meet, trial: &Trial) {
    trial.run("meet", 1, (Said::any(), Said::any(), Said::any()), |(one, other, third)| {
        let (a, b, c) = (|| one.made(), || other.made(), || third.made());
        let (denied, scope, seconds) = left(&meet(a(), b()));
        for (_, alone, lives) in [left(&a()), left(&b())] {
            prop_assert!(scope.is_subset(&alone), "`{scope}` is more than `{alone}`");
            prop_assert!(seconds <= lives, "{seconds} s is longer than {lives} s");
        }
        prop_assert_eq!(denied, [one.denies, other.denies].into_iter().flatten().min(), "denied");
        prop_assert_eq!(left(&meet(a(), b())), left(&meet(b(), a())), "commutative");
        prop_assert_eq!(left(&meet(meet(a(), b()), c())), left(&meet(a(), meet(b(), c()))), "associative");
        prop_assert_eq!(left(&meet(a(), a())), left(&a()), "idempotent");
        prop_assert_eq!(left(&meet(a(), Restriction::none())), left(&a()), "nothing is neutral");
        Ok(())
    });
}

fn kept() -> Trial {
    Trial::in_file(file!()).times(8)
}

#[test]
fn intersection_is_commutative_associative_and_idempotent() {
    intersection_law(Scope::intersection, &kept());
}

#[test]
fn restrictions_are_a_semilattice() {
    meet_law(Restriction::meet, &kept());
}

const UNION: Intersect = Scope::union;

/// The later mask in place of both.
const LAST_MASK: Meet = |one, other| {
    let all = Scope::parse("a A aa b offline_access ~").unwrap();
    let mask = if other.scope_of(&all) == all { one.scope_of(&all) } else { other.scope_of(&all) };
    // all but the masks are met
    let bare = |said: &Restriction| {
        let made = said.denied().into_iter().fold(Restriction::none(), Restriction::deny);
        made.at_most(said.lifetime_of(Lifetime::of_seconds(u32::MAX)))
    };
    bare(&one).meet(bare(&other)).only(&mask)
};

/// The later bound on the lifetime in place of the shorter.
const LAST_LIFETIME: Meet = |one, other| {
    let longest = Lifetime::of_seconds(u32::MAX);
    let lives =
        if other.lifetime_of(longest) == longest { one.lifetime_of(longest) } else { other.lifetime_of(longest) };
    let bare = |said: &Restriction| {
        let all = Scope::parse("a A aa b offline_access ~").unwrap();
        said.denied().into_iter().fold(Restriction::none(), Restriction::deny).only(&said.scope_of(&all))
    };
    bare(&one).meet(bare(&other)).at_most(lives)
};

#[test]
fn a_union_in_place_of_an_intersection_is_caught() {
    let why = told(|| intersection_law(UNION, &Trial::repeatable(512)));
    assert!(why.contains("what both hold"), "{why}");
}

#[test]
fn a_combination_that_takes_the_last_mask_is_caught() {
    let why = told(|| meet_law(LAST_MASK, &Trial::repeatable(512)));
    assert!(why.contains("commutative"), "{why}");
}

#[test]
fn a_lifetime_that_goes_by_the_order_is_caught() {
    let why = told(|| meet_law(LAST_LIFETIME, &Trial::repeatable(512)));
    assert!(why.contains("is longer than"), "{why}");
}

fn words(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

#[test]
fn regression_union() {
    let kept = || Trial::on((words("~"), words(""), words("")));
    intersection_law(Scope::intersection, &kept());
    told(|| intersection_law(UNION, &kept()));
}

#[test]
fn regression_last_mask() {
    let only = |scope: &str| Said { only: Some(words(scope)), ..Said::NOTHING };
    let kept = || Trial::on((only(""), only("~"), Said::NOTHING));
    meet_law(Restriction::meet, &kept());
    told(|| meet_law(LAST_MASK, &kept()));
}

#[test]
fn regression_last_lifetime() {
    let at_most = |seconds| Said { at_most: Some(seconds), ..Said::NOTHING };
    let kept = || Trial::on((at_most(1), at_most(2), Said::NOTHING));
    meet_law(Restriction::meet, &kept());
    told(|| meet_law(LAST_LIFETIME, &kept()));
}
