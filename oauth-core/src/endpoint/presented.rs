//! Which token of ours somebody asks about or gives back, if it is one.

use crate::error::{Error, Fault, Refusal};
use crate::jose::jws::CompactJws;
use crate::keys::KeySet;
use crate::policy::rotation::Presented;
use crate::server::Inner;
use crate::store::{
    FamilyRecord, FoundAccessToken, FoundFamily, LegacyTyp, RefreshState, Standing, StoreError, TokenProfile,
};
use crate::token::VerifiedAccess;
use crate::token::refresh_token::PresentedRefresh;
use crate::types::{Timestamp, TokenDigest};

/// A token that we issued, whatever became of it.
#[expect(clippy::large_enum_variant, reason = "there is one of it in a request, and it goes nowhere")]
pub(super) enum Found {
    Access { access: VerifiedAccess, standing: Standing },
    Refresh(FoundRefresh),
}

/// A refresh token, with its family as it is.
pub(super) struct FoundRefresh {
    pub(super) family: FamilyRecord,
    pub(super) state: RefreshState,
    pub(super) standing: Standing,
    /// How the token stands to its family; never [`Presented::Forged`].
    pub(super) presented: Presented,
}

/// How far to look for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    /// Where it lies by its looks: one read of grants for everything that may be a token of ours, whether it is one or
    /// not, so that no answer tells by its cost what another one hides. A refresh token whose family key was made by
    /// another node less than a minute ago is missed.
    Once,
    /// There, and if it is not there also among the families.
    Everywhere,
}

/// Finds it. A JWT is proved before anything is read; a refresh token is told from an opaque access token by its tag. What
/// is neither costs no read. `token_type_hint` is not needed for any of this.
///
/// # Errors
/// [`Error::Refused`] when it is no token of ours, [`Error::Fault`] when that cannot be known.
pub(super) async fn find(server: &Inner, token: &str, search: Search, now: Timestamp) -> Result<Found, Error> {
    let keys = server.keys.fresh(now).await.map_err(Fault::from)?;
    // a compact JWS has dots, all our other tokens have none
    if token.contains('.') {
        let access = read_jwt(server, token, &keys, now)?;
        let standing = server.stores.grants.standing(&access.standing_query()).await?;
        return Ok(Found::Access { access, standing });
    }
    let refresh = server.refresh_settings.read(token);
    if let Some(presented) = &refresh
        && keys.family_keys().any(|key| server.refresh_settings.is_ours(key, presented))
    {
        return find_refresh(server, presented, now).await;
    }
    if !may_be_opaque(token) {
        return Err(Refusal::TokenMalformed.into());
    }
    match server.stores.grants.find_access_token(&TokenDigest::of(token.as_bytes())).await? {
        Some(FoundAccessToken { token, standing }) => {
            Ok(Found::Access { access: VerifiedAccess::from_record(token)?, standing })
        }
        None => match &refresh {
            // a tag of a key that is gone, or that cannot be used here, proves nothing
            Some(presented) if search == Search::Everywhere || keys.lacks_family_keys() => {
                find_refresh(server, presented, now).await
            }
            _ => Err(Refusal::TokenNotOurs.into()),
        },
    }
}

/// What a JWT of ours says: signed by a key that is listed, and no id token.
fn read_jwt(server: &Inner, token: &str, keys: &KeySet, now: Timestamp) -> Result<VerifiedAccess, Error> {
    let malformed = Refusal::TokenMalformed;
    let jws = CompactJws::parse(token).map_err(|_| malformed)?;
    let profile = TokenProfile::of_typ(jws.typ()).ok_or(malformed)?;
    let like_id_token = matches!(profile, TokenProfile::Legacy { typ: Some(LegacyTyp::Jwt), .. });
    if like_id_token && server.grant_settings.id_tokens.is_some() {
        return Err(malformed.into());
    }
    let key = keys.find(jws.kid().ok_or(malformed)?).ok_or(Refusal::TokenNotOurs)?;
    let payload = jws.verify(key).map_err(|_| Refusal::TokenNotOurs)?;
    Ok(VerifiedAccess::from_payload(payload, server.issuer.as_str(), &profile, now)?)
}

async fn find_refresh(server: &Inner, presented: &PresentedRefresh<'_>, now: Timestamp) -> Result<Found, Error> {
    let found = server.stores.grants.find_by_handle(presented.handle()).await?;
    let FoundFamily { family, standing } = found.ok_or(Refusal::RefreshUnknown)?;
    let state = family.refresh.clone().ok_or_else(|| StoreError::corrupt("a family lost its refresh state"))?;
    let presented = if presented.digest() == state.current_digest {
        Presented::Current
    } else if state.previous_digest == Some(presented.digest()) {
        Presented::Predecessor
    } else {
        let key = server.keys.family_key(&state.key_id, now).await.map_err(Fault::from)?;
        match key {
            Some(key) if server.refresh_settings.is_ours(&key, presented) => Presented::Older,
            _ => return Err(Refusal::RefreshUnknown.into()),
        }
    };
    Ok(Found::Refresh(FoundRefresh { family, state, standing, presented }))
}

/// Whether a text can be an opaque access token: 43 characters of base64url behind a prefix of at most 32 of the same.
fn may_be_opaque(token: &str) -> bool {
    (43..=75).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}
