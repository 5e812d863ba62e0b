//! What a presented code is worth (RFC 6749 §4.1.3): steps 9 and 10 of table 1 as one pure function.

use super::pkce::Challenge;
use super::{Rule, Trace};
use crate::error::Refusal;
use crate::store::{Binding, Client, CodeRecord, FoundCode, Standing};
use crate::types::{FamilyId, Timestamp};

/// Who presents it, with what, and when.
pub(crate) struct Presented<'a> {
    pub(crate) client: &'a Client,
    pub(crate) binding: Binding,
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) verifier: Option<&'a str>,
    pub(crate) now: Timestamp,
}

/// What a code is good for, before anything else is asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It can be redeemed.
    Good,
    /// It was redeemed before, and comes from whoever may redeem it: what it gave ends.
    Replayed(FamilyId),
}

/// The code belongs to this client and key; redirect URI; PKCE; redeemed before; expired; taken back. A replay counts
/// only from whoever proves to be the one who asked: anybody else's changes nothing.
///
/// # Errors
/// A [`Refusal`]; nothing changes.
pub(crate) fn judge(found: &FoundCode, presented: &Presented<'_>, trace: &mut Trace) -> Result<Judged, Refusal> {
    let Presented { client, binding, redirect_uri, verifier, now } = presented;
    let code = &found.code;
    let is_owner = code.client == client.id && code.binding == *binding;
    trace.judge(Rule::CodeOwner, is_owner.then_some(()).ok_or(Refusal::CodeForeign))?;
    trace.judge(Rule::CodeRedirectUri, repeats_redirect_uri(code, *redirect_uri))?;
    trace.judge(Rule::CodePkce, proves_challenge(code, *verifier))?;
    if let Some(redeemed) = code.redeemed {
        return Ok(Judged::Replayed(redeemed.family));
    }
    trace.judge(Rule::CodeLive, (*now < code.expires_at).then_some(()).ok_or(Refusal::CodeExpired))?;
    let stands = found.standing == Standing::Live;
    trace.judge(Rule::GrantStanding, stands.then_some(()).ok_or(Refusal::GrantWithdrawn))?;
    Ok(Judged::Good)
}

/// The same bytes as in the authorization request; left out only where PKCE proves as much (OAuth 2.1 §10.2).
fn repeats_redirect_uri(code: &CodeRecord, sent: Option<&str>) -> Result<(), Refusal> {
    let same = sent.map_or(code.challenge.is_some(), |sent| sent == code.redirect_uri);
    if same { Ok(()) } else { Err(Refusal::CodeRedirectUri) }
}

/// All or nothing: a challenge needs its verifier, and a verifier its challenge (RFC 9700 §4.8.2).
fn proves_challenge(code: &CodeRecord, sent: Option<&str>) -> Result<(), Refusal> {
    match (&code.challenge, sent) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Refusal::VerifierUnasked),
        (Some(_), None) => Err(Refusal::VerifierMissing),
        (Some(challenge), Some(sent)) if Challenge::from_bytes(*challenge.as_bytes()).is_met_by(sent) => Ok(()),
        (Some(_), Some(_)) => Err(Refusal::VerifierWrong),
    }
}
