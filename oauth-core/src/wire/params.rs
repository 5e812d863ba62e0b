//! The request parameters that the server knows: how long, of which characters, how often.

use std::borrow::Cow;

use crate::error::Refusal;
use crate::jose::jws;

/// The most parameters that a request may have.
pub(crate) const MAX_PARAMETERS: usize = 64;
/// The most bytes that a parameter's name or value may have, decoded, where [`max_value`] says nothing else.
pub(crate) const MAX_VALUE: usize = 4096;

/// Decoded parameters, checked against the table of known ones. Unknown ones are kept and ignored (RFC 6749 §3.2).
#[derive(Default)]
pub(crate) struct Params<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Params<'a> {
    pub(crate) fn with_capacity(n: usize) -> Self {
        Self { pairs: Vec::with_capacity(n) }
    }

    /// Adds a parameter; refuses what the table refuses.
    pub(crate) fn add(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) -> Result<(), Refusal> {
        if name.len() > MAX_VALUE || value.len() > max_value(&name) {
            return Err(Refusal::ParameterTooLong);
        }
        if let Some(rule) = Rule::of(&name) {
            if !rule.repeatable && self.holds(&name) {
                return Err(Refusal::ParameterRepeated);
            }
            if !value.chars().all(rule.allowed) {
                return Err(Refusal::ParameterCharacters);
            }
        }
        self.pairs.push((name, value));
        Ok(())
    }

    /// Whether the parameter was there, empty or not.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.pairs.iter().any(|(held, _)| held == name)
    }

    /// The value of a parameter; an empty value counts as omitted (RFC 6749 §3.2).
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The value of a parameter that the table does not know, such as one of an extension grant.
    ///
    /// # Errors
    /// [`Refusal::ParameterRepeated`], [`Refusal::ParameterCharacters`].
    pub(crate) fn single(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self.pairs.iter().filter(|(held, _)| held == name).map(|(_, value)| value.as_ref());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Refusal::ParameterRepeated),
            (Some(value), None) if !value.chars().all(is_text) => Err(Refusal::ParameterCharacters),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// Every value of a repeatable parameter, empty ones left out.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs
            .iter()
            .filter(move |(held, value)| held == name && !value.is_empty())
            .map(|(_, value)| value.as_ref())
    }
}

struct Rule {
    repeatable: bool,
    allowed: fn(char) -> bool,
}

impl Rule {
    /// The known parameters. Scope is judged by its own grammar later, with an error code of its own.
    fn of(name: &str) -> Option<Self> {
        let (repeatable, allowed): (bool, fn(char) -> bool) = match name {
            "client_assertion"
            | "client_assertion_type"
            | "client_id"
            | "client_secret"
            | "code"
            | "code_verifier"
            | "grant_type"
            | "id_token_hint"
            | "redirect_uri"
            | "refresh_token"
            | "token"
            | "token_type_hint" => (false, is_vschar),
            "password" | "username" => (false, is_text),
            "resource" => (true, is_vschar),
            "scope" => (false, |_| true),
            _ => return None,
        };
        Some(Self { repeatable, allowed })
    }
}

/// The most bytes that the value of a parameter may have: a token may be as long as the longest JWT that is read.
pub(crate) fn max_value(name: &str) -> usize {
    if name == "token" { jws::MAX_LEN } else { MAX_VALUE }
}

/// Whether the protocol itself knows a parameter of this name.
pub(crate) fn is_known(name: &str) -> bool {
    Rule::of(name).is_some()
}

/// VSCHAR of RFC 6749 App. A.
pub(crate) const fn is_vschar(c: char) -> bool {
    matches!(c, ' '..='~')
}

/// UNICODECHARNOCRLF of RFC 6749 App. A, without the C1 controls.
fn is_text(c: char) -> bool {
    c == '\t' || !c.is_control()
}
