//! Scope as a set (RFC 6749 §3.3).

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// A set of scope tokens, kept as its canonical text: sorted by bytes, unique, one space between.
///
/// Equality of sets is equality of texts; cloning copies a pointer. The empty set is lawful (a client with no
/// default scope has one), but it is never a grant.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Scope(Arc<str>);

/// Scope text outside `scope-token *( SP scope-token )` with `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("scope must be tokens of printable ASCII without quote or backslash, one space between (RFC 6749 section 3.3)")]
pub struct InvalidScope;

impl Scope {
    /// The empty set.
    #[must_use]
    pub fn empty() -> Self {
        static EMPTY: LazyLock<Scope> = LazyLock::new(|| Scope(Arc::from("")));
        EMPTY.clone()
    }

    /// Parses scope text; repeated tokens count once, order does not matter, `""` is the empty set.
    ///
    /// # Errors
    /// [`InvalidScope`] on leading, trailing or double spaces and on bytes outside the set.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        if text.is_empty() {
            return Ok(Self::empty());
        }
        let mut canonical = true;
        let mut previous = "";
        for token in text.split(' ') {
            if token.is_empty() || !token.bytes().all(is_scope_byte) {
                return Err(InvalidScope);
            }
            canonical &= previous < token;
            previous = token;
        }
        if canonical {
            return Ok(Self(Arc::from(text)));
        }
        let mut tokens: Vec<&str> = text.split(' ').collect();
        tokens.sort_unstable();
        tokens.dedup();
        Ok(Self(tokens.join(" ").into()))
    }

    /// The canonical text, as it goes on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the set holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens in byte order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|token| !token.is_empty())
    }

    /// Whether the set holds this token; case matters.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|held| held == token)
    }

    /// Whether every token of this set is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.difference(other).is_empty()
    }

    /// The tokens that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.merge(other, |found| found)
    }

    /// The tokens of this set that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.merge(other, |found| !found)
    }

    /// The tokens that are in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if other.is_empty() || self == other {
            return self.clone();
        }
        if self.is_empty() {
            return other.clone();
        }
        let mut tokens: Vec<&str> = self.iter().chain(other.iter()).collect();
        tokens.sort_unstable();
        tokens.dedup();
        Self(tokens.join(" ").into())
    }

    /// Walks both sorted sets once and keeps the tokens of `self` for which `keep(is in other)` holds.
    fn merge(&self, other: &Self, keep: fn(bool) -> bool) -> Self {
        if self == other {
            return if keep(true) { self.clone() } else { Self::empty() };
        }
        let mut kept = String::with_capacity(self.0.len());
        let mut theirs = other.iter().peekable();
        for token in self.iter() {
            while theirs.next_if(|held| held.cmp(&token) == Ordering::Less).is_some() {}
            if keep(theirs.peek() == Some(&token)) {
                if !kept.is_empty() {
                    kept.push(' ');
                }
                kept.push_str(token);
            }
        }
        match kept.len() {
            0 => Self::empty(),
            whole if whole == self.0.len() => self.clone(),
            _ => Self(kept.into()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({:?})", &*self.0)
    }
}

impl std::str::FromStr for Scope {
    type Err = InvalidScope;
    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        Self::parse(text)
    }
}

const fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn tokens() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[!#-\\[\\]-~]{1,3}|[ab]{1,2}", 0..12)
    }

    fn model(tokens: &[String]) -> BTreeSet<&str> {
        tokens.iter().map(String::as_str).collect()
    }

    fn scope(tokens: &[String]) -> Scope {
        Scope::parse(&tokens.join(" ")).unwrap()
    }

    proptest! {
        #[test]
        fn agrees_with_a_set_of_strings(a in tokens(), b in tokens()) {
            let (x, y) = (scope(&a), scope(&b));
            let (m, n) = (model(&a), model(&b));
            prop_assert_eq!(x.iter().collect::<BTreeSet<_>>(), m.clone());
            let (both, rest) = (x.intersection(&y), x.difference(&y));
            prop_assert_eq!(both.iter().collect::<BTreeSet<_>>(), &m & &n);
            prop_assert_eq!(rest.iter().collect::<BTreeSet<_>>(), &m - &n);
            let either = x.union(&y);
            prop_assert_eq!(either.iter().collect::<BTreeSet<_>>(), &m | &n);
            prop_assert_eq!(x.is_subset(&y), m.is_subset(&n));
            prop_assert_eq!(x == y, m == n);
        }

        #[test]
        fn parse_and_display_are_inverse(a in tokens()) {
            let x = scope(&a);
            prop_assert_eq!(Scope::parse(x.as_str()).unwrap(), x);
        }

        #[test]
        fn intersection_is_commutative_associative_idempotent(a in tokens(), b in tokens(), c in tokens()) {
            let (a, b, c) = (scope(&a), scope(&b), scope(&c));
            prop_assert_eq!(a.intersection(&b), b.intersection(&a));
            prop_assert_eq!(a.intersection(&b).intersection(&c), a.intersection(&b.intersection(&c)));
            prop_assert_eq!(a.intersection(&a), a);
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = Scope::parse(&text);
        }
    }

    #[test]
    fn refuses_what_the_grammar_refuses() {
        for bad in [" a", "a ", "a  b", "a\tb", "a\"b", "a\\b", "é", "a\u{7f}", " "] {
            assert_eq!(Scope::parse(bad), Err(InvalidScope), "{bad:?}");
        }
    }
}
