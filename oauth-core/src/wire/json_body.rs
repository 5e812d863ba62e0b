//! JSON bodies, for the dialects that take them: one object, whose members are checked as a form's parameters are.

use serde_json::Value;

use super::params::{MAX_PARAMETERS, MAX_VALUE, Params};
use crate::error::Refusal;
use crate::jose::json::{self, InvalidJson, Limits};

/// Parses a whole body. `parameter` tells of which parameter a member's name is a spelling; a member that it does not
/// know (`None`) is ignored, within the limits.
///
/// A parameter is a string; `null` and `""` mean that it is omitted. One that is there twice is refused, by one spelling
/// or by two, also when both say the same or nothing, and `resource` too, which forms may repeat: an array of strings
/// would be its only lawful form here, and no dialect needs it.
///
/// # Errors
/// [`Refusal::BodyTooLarge`] past 64 KiB. [`Refusal::JsonMalformed`] for all that is not one strict object of depth 8 and
/// 256 values at most. [`Refusal::ParameterRepeated`], also for members repeated inside unknown ones.
/// [`Refusal::TooManyParameters`], [`Refusal::ParameterTooLong`] and [`Refusal::ParameterCharacters`] by the limits of
/// forms; the last also for a NUL in any string of the text. [`Refusal::ParameterType`].
pub(crate) fn parse(body: &[u8], parameter: &dyn Fn(&str) -> Option<String>) -> Result<Params<'static>, Refusal> {
    let members = json::object(body, Limits::BODY).map_err(refusal)?;
    if members.len() > MAX_PARAMETERS {
        return Err(Refusal::TooManyParameters);
    }
    let mut params = Params::with_capacity(members.len());
    for (member, value) in members {
        judge_text(&member)?;
        judge_texts(&value)?;
        let Some(name) = parameter(&member) else { continue };
        let value = match value {
            Value::String(text) => text,
            Value::Null => String::new(),
            Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                return Err(Refusal::ParameterType);
            }
        };
        if params.holds(&name) {
            return Err(Refusal::ParameterRepeated);
        }
        params.add(name.into(), value.into())?;
    }
    Ok(params)
}

const fn refusal(error: InvalidJson) -> Refusal {
    match error {
        InvalidJson::NotUtf8 | InvalidJson::Shape | InvalidJson::Syntax | InvalidJson::Type => Refusal::JsonMalformed,
        InvalidJson::Repeated => Refusal::ParameterRepeated,
        InvalidJson::TooLong => Refusal::BodyTooLarge,
    }
}

/// Judges every string in a value, names included. Its depth is bounded by the parser.
fn judge_texts(value: &Value) -> Result<(), Refusal> {
    match value {
        Value::String(text) => judge_text(text),
        Value::Array(elements) => elements.iter().try_for_each(judge_texts),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            judge_text(name)?;
            judge_texts(value)
        }),
        Value::Bool(_) | Value::Null | Value::Number(_) => Ok(()),
    }
}

fn judge_text(text: &str) -> Result<(), Refusal> {
    if text.len() > MAX_VALUE {
        return Err(Refusal::ParameterTooLong);
    }
    if text.contains('\0') { Err(Refusal::ParameterCharacters) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
