//! Scope text (RFC 6749 §3.3) and the algebra of sets; the first line is one set, the rest another.

use oauth_core::types::Scope;

/// Parses both and checks the laws that narrowing rests on.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (left, right) = text.split_once('\n').unwrap_or((text, ""));
    let (Some(left), Some(right)) = (parse(left), parse(right)) else { return };
    let both = left.intersection(&right);
    let rest = left.difference(&right);
    assert!(both.is_subset(&left) && both.is_subset(&right) && rest.is_subset(&left));
    assert_eq!(both, right.intersection(&left));
    assert!(rest.intersection(&right).is_empty());
    assert_eq!(both.iter().count() + rest.iter().count(), left.iter().count());
    assert_eq!(left.is_subset(&right), left.iter().all(|token| right.contains(token)));
}

/// A set whose text is canonical, or nothing.
fn parse(text: &str) -> Option<Scope> {
    let scope = Scope::parse(text).ok()?;
    assert_eq!(Scope::parse(scope.as_str()).as_ref(), Ok(&scope));
    assert!(scope.iter().zip(scope.iter().skip(1)).all(|(one, next)| one < next));
    assert!(text.split(' ').filter(|token| !token.is_empty()).all(|token| scope.contains(token)));
    Some(scope)
}
