//! The claims of a JWT access token (RFC 9068 §2.2): written once, read strictly.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::jose::json;
use crate::store::{Binding, LegacyTyp, OptionalClaim, TokenProfile};
use crate::types::{Audience, Timestamp};

/// The claims in the order in which they are written.
#[derive(Serialize)]
pub(crate) struct AccessTokenClaims<'a> {
    pub(crate) iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub: Option<&'a str>,
    #[serde(serialize_with = "one_or_many")]
    pub(crate) aud: &'a [Audience],
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jti: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cnf: Option<Confirmation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) act: Option<Actor<'a>>,
    #[serde(flatten)]
    pub(crate) additions: &'a Map<String, Value>,
}

/// `act` (RFC 8693 §4.1): who acts in the subject's name.
#[derive(Serialize)]
pub(crate) struct Actor<'a> {
    pub(crate) sub: &'a str,
}

/// `cnf` (RFC 7800 §3.1): the key that the bearer must prove.
#[derive(Serialize)]
pub(crate) struct Confirmation {
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<String>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    x5t: Option<String>,
}

impl Confirmation {
    pub(crate) fn of(binding: Binding) -> Option<Self> {
        let text = |thumbprint: [u8; 32]| Some(crate::jose::base64url(&thumbprint));
        match binding {
            Binding::None => None,
            Binding::Jkt(thumbprint) => Some(Self { jkt: text(thumbprint), x5t: None }),
            Binding::X5t(thumbprint) => Some(Self { jkt: None, x5t: text(thumbprint) }),
        }
    }

    /// As the members of `cnf`.
    pub(crate) fn to_members(&self) -> Map<String, Value> {
        let members = [("jkt", &self.jkt), ("x5t#S256", &self.x5t)];
        let held = members.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?.into())));
        held.collect()
    }
}

/// `aud` is a string when there is one, an array when there are several (RFC 7519 §4.1.3).
pub(crate) fn one_or_many<S: Serializer>(audience: &&[Audience], serializer: S) -> Result<S::Ok, S::Error> {
    match audience {
        [one] => serializer.serialize_str(one.as_str()),
        many => serializer.collect_seq(many.iter().map(Audience::as_str)),
    }
}

impl TokenProfile {
    /// The header's `typ`.
    pub(crate) const fn typ(&self) -> Option<&'static str> {
        match self {
            Self::Rfc9068 => Some("at+jwt"),
            Self::Legacy { typ: Some(LegacyTyp::Jwt), .. } => Some("JWT"),
            Self::Legacy { typ: None, .. } => None,
        }
    }

    /// Whether a header with this `typ` is of this profile.
    pub(crate) fn is_typ(&self, typ: Option<&str>) -> bool {
        match (self.typ(), typ) {
            // RFC 9068 §4: "at+jwt" or "application/at+jwt"; media types ignore case
            (Some(wanted), Some(typ)) => {
                typ.eq_ignore_ascii_case(wanted)
                    || typ.strip_prefix("application/").is_some_and(|typ| typ.eq_ignore_ascii_case(wanted))
            }
            (wanted, typ) => wanted == typ,
        }
    }

    /// The widest profile that a header with this `typ` may belong to.
    pub(crate) fn of_typ(typ: Option<&str>) -> Option<Self> {
        let legacy = |typ| Self::Legacy { typ, omit: OptionalClaim::ALL.to_vec() };
        [Self::Rfc9068, legacy(Some(LegacyTyp::Jwt)), legacy(None)].into_iter().find(|profile| profile.is_typ(typ))
    }

    pub(crate) fn has(&self, claim: OptionalClaim) -> bool {
        match self {
            Self::Rfc9068 => true,
            Self::Legacy { omit, .. } => !omit.contains(&claim),
        }
    }
}

/// A NumericDate that is exactly an integer; anything else is a malformed token, never an absent claim.
pub(crate) fn numeric_date(claims: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    json::integer(claims, name).ok().flatten().map(Timestamp::from_seconds)
}
