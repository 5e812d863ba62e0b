//! What can be wrong with settings and registrations alike, and how it is gathered.

use ipnet::IpNet;

use super::configured::{ConfigErrors, FAMILY_BOUND};
use crate::jose::Alg;
use crate::policy::network;
use crate::store::{AccessTokenFormat, LegacyTyp, OptionalClaim, TokenProfile};
use crate::types::Lifetime;

/// Parses CIDR text.
pub(crate) fn parse_networks(texts: &[String], mistakes: &mut Mistakes) -> Vec<IpNet> {
    let parsed = texts.iter().map(|text| network::parse(text));
    parsed.filter_map(|network| mistakes.keep(network.map(Some), || None)).collect()
}

/// Whether the server can mint this format and the profile only leaves out what may be left out.
pub(crate) fn check_format(
    format: &AccessTokenFormat,
    algorithms: &[Alg],
    id_tokens: Option<Alg>,
    mistakes: &mut Mistakes,
) {
    let AccessTokenFormat::Jwt { alg, profile } = format else { return };
    if !algorithms.contains(alg) {
        mistakes.say(format!(
            "this server does not sign with {alg}; add it with `.algorithm(Alg::{alg:?})` on the builder"
        ));
    }
    if id_tokens.is_some() && matches!(profile, TokenProfile::Legacy { typ: Some(LegacyTyp::Jwt), .. }) {
        mistakes.say(
            "access tokens of `typ: JWT` beside id tokens, which are `typ: JWT` too, would pass for them; use the \
             profile Rfc9068, or Legacy without `typ`"
                .into(),
        );
    }
    if let TokenProfile::Legacy { omit, .. } = profile {
        let keeps_sub = !omit.contains(&OptionalClaim::Sub);
        if omit.contains(&OptionalClaim::ClientId) && keeps_sub {
            mistakes.say("a legacy profile that leaves out `client_id` must leave out `sub` of clients too, or a reader takes a client for a user".into());
        }
    }
}

/// Whether families live for a lawful time. An idle time shorter than the retry window only makes the window shorter.
pub(crate) fn check_family_lifetimes(idle: Lifetime, absolute: Lifetime, whose: &str, mistakes: &mut Mistakes) {
    if absolute > FAMILY_BOUND {
        mistakes.say(format!("{whose} would live {absolute}; the most is {FAMILY_BOUND}"));
    }
    if idle > absolute {
        mistakes.say(format!("{whose} may lie idle for {idle}, but live {absolute} only; make the idle time shorter"));
    }
}

/// Gathers mistakes, so that all of them are told at once.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(pub(crate) Vec<String>);

impl Mistakes {
    pub(crate) fn say(&mut self, mistake: String) {
        self.0.push(mistake);
    }

    /// The value, or a stand-in and a mistake.
    pub(crate) fn keep<T, E: std::fmt::Display>(&mut self, value: Result<T, E>, otherwise: impl FnOnce() -> T) -> T {
        value.unwrap_or_else(|why| {
            self.say(why.to_string());
            otherwise()
        })
    }

    pub(crate) fn into_errors(self, prefix: &str) -> ConfigErrors {
        ConfigErrors(self.0.into_iter().map(|mistake| format!("{prefix}{mistake}")).collect())
    }
}
