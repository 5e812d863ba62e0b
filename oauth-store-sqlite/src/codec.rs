//! The forms in which values that several tables share are kept, and their way back through the same parsers as input.

use std::fmt::Display;
use std::time::Duration;

use oauth_core::store::{AuthenticationContext, Binding, Extra};
use oauth_core::types::{Lifetime, Scope, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Failure;
use crate::sql::Cells;

/// Text of a type that parses itself.
pub(crate) fn parsed<T, E: Display>(
    column: &'static str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Failure> {
    parse(text).map_err(|why| Failure::row(column, why))
}

/// The name of an enum's variant.
pub(crate) fn named<T>(
    column: &'static str,
    text: &str,
    from_name: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Failure> {
    from_name(text).ok_or_else(|| Failure::row(column, "unknown name"))
}

pub(crate) fn to_json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|why| Failure::row("(written)", why))
}

pub(crate) fn from_json<T: DeserializeOwned>(column: &'static str, text: &str) -> Result<T, Failure> {
    // The parser's own words may repeat what stands in the cell.
    serde_json::from_str(text)
        .map_err(|why| Failure::row(column, format_args!("JSON {:?} error at byte {}", why.classify(), why.column())))
}

/// A list as a JSON array of texts.
pub(crate) fn list<'a>(items: impl IntoIterator<Item = &'a str>) -> Result<String, Failure> {
    to_json(&items.into_iter().collect::<Vec<_>>())
}

/// The list of a JSON array, each element parsed.
pub(crate) fn parsed_list<T, E: Display>(
    column: &'static str,
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, Failure> {
    from_json::<Vec<String>>(column, text)?.iter().map(|item| parsed(column, item, &parse)).collect()
}

pub(crate) fn scope(scope: &Scope) -> Result<String, Failure> {
    list(scope.iter())
}

pub(crate) fn parsed_scope(column: &'static str, text: &str) -> Result<Scope, Failure> {
    let tokens: Vec<String> = from_json(column, text)?;
    let scope = parsed(column, &tokens.join(" "), Scope::parse)?;
    // One element is one token: `["a b"]`, `[""]` and `["a","a"]` are nothing that we wrote.
    if scope.iter().count() == tokens.len() { Ok(scope) } else { Err(Failure::row(column, "not a set of tokens")) }
}

/// The 64 bits of an unsigned number in SQLite's signed one.
pub(crate) const fn unsigned(number: u64) -> i64 {
    number.cast_signed()
}

pub(crate) fn small<T: TryFrom<i64, Error: Display>>(column: &'static str, number: i64) -> Result<T, Failure> {
    T::try_from(number).map_err(|why| Failure::row(column, why))
}

pub(crate) fn lifetime(column: &'static str, seconds: i64) -> Result<Lifetime, Failure> {
    let span = Duration::from_secs(small(column, seconds)?);
    Lifetime::try_from(span).map_err(|why| Failure::row(column, why))
}

pub(crate) fn extra(bytes: Vec<u8>) -> Result<Extra, Failure> {
    Extra::from_bytes(bytes).map_err(|why| Failure::row("extra", why))
}

/// Kind and thumbprint.
pub(crate) const fn binding(binding: &Binding) -> (Option<&'static str>, Option<&[u8; 32]>) {
    match binding {
        Binding::None => (None, None),
        Binding::Jkt(thumbprint) => (Some("jkt"), Some(thumbprint)),
        Binding::X5t(thumbprint) => (Some("x5t"), Some(thumbprint)),
    }
}

/// When, how as a JSON array, and to which class a user signed in.
pub(crate) type AuthCells<'a> = (Option<i64>, Option<String>, Option<&'a str>);

pub(crate) fn auth(auth: Option<&AuthenticationContext>) -> Result<AuthCells<'_>, Failure> {
    let Some(AuthenticationContext { auth_time, amr, acr }) = auth else { return Ok((None, None, None)) };
    Ok((Some(auth_time.millis()), Some(list(amr.iter().map(String::as_str))?), acr.as_deref()))
}

impl Cells<'_, '_> {
    pub(crate) fn text<T, E: Display>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Failure> {
        parsed(column, &self.take::<String>()?, parse)
    }

    pub(crate) fn optional_text<T, E: Display>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Failure> {
        self.take::<Option<String>>()?.map(|text| parsed(column, &text, parse)).transpose()
    }

    pub(crate) fn name<T>(
        &mut self,
        column: &'static str,
        from_name: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Failure> {
        named(column, &self.take::<String>()?, from_name)
    }

    pub(crate) fn list<T, E: Display>(
        &mut self,
        column: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, Failure> {
        parsed_list(column, &self.take::<String>()?, parse)
    }

    pub(crate) fn texts(&mut self, column: &'static str) -> Result<Vec<String>, Failure> {
        from_json(column, &self.take::<String>()?)
    }

    pub(crate) fn scope(&mut self, column: &'static str) -> Result<Scope, Failure> {
        parsed_scope(column, &self.take::<String>()?)
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, Failure> {
        self.take().map(Timestamp::from_millis)
    }

    pub(crate) fn optional_time(&mut self) -> Result<Option<Timestamp>, Failure> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_millis))
    }

    pub(crate) fn optional_lifetime(&mut self, column: &'static str) -> Result<Option<Lifetime>, Failure> {
        self.take::<Option<i64>>()?.map(|seconds| lifetime(column, seconds)).transpose()
    }

    pub(crate) fn binding(&mut self) -> Result<Binding, Failure> {
        let kind: Option<String> = self.take()?;
        let thumbprint: Option<[u8; 32]> = self.take()?;
        match (kind.as_deref(), thumbprint) {
            (None, None) => Ok(Binding::None),
            (Some("jkt"), Some(thumbprint)) => Ok(Binding::Jkt(thumbprint)),
            (Some("x5t"), Some(thumbprint)) => Ok(Binding::X5t(thumbprint)),
            _ => Err(Failure::row("binding_kind", "unknown binding")),
        }
    }

    pub(crate) fn auth(&mut self) -> Result<Option<AuthenticationContext>, Failure> {
        let auth_time = self.optional_time()?;
        let amr: Option<String> = self.take()?;
        let acr = self.take()?;
        match (auth_time, amr) {
            (None, None) => Ok(None),
            (Some(auth_time), Some(amr)) => {
                Ok(Some(AuthenticationContext { auth_time, amr: from_json("auth_amr", &amr)?, acr }))
            }
            _ => Err(Failure::row("auth_amr", "half an authentication")),
        }
    }

    pub(crate) fn extra(&mut self) -> Result<Extra, Failure> {
        extra(self.take()?)
    }
}
