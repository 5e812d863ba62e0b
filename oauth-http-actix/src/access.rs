//! The guard of a route, as an argument of its handler.

use std::fmt::Display;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use oauth_core::Refusal;
use oauth_core::token::VerifiedAccess;
use oauth_core::types::Subject;

use crate::form_token::FormCheck;
use crate::{Challenge, Denied, Guard, RequiredScopes, bearer};

/// A request's access token, verified: a handler that takes one runs only for tokens that allow every scope of `S`.
///
/// It reads as the [`VerifiedAccess`] that it holds. All others are answered as RFC 6750 §3 says, in JSON:
///
/// | request | answer |
/// |---|---|
/// | no token, or another scheme | 401, a challenge without `error` |
/// | token not good | 401 `invalid_token` |
/// | scope too small, or a user is required | 403 `insufficient_scope` |
/// | token sent twice, or in clear from afar | 400 `invalid_request` |
/// | not to be known now | 503 |
///
/// A token in query or form is never taken; beside one in the header it is a second one. Let this be the first argument
/// of a handler that reads a form, so that it sees the form too. Without a [`Guard`] among the application data every
/// request is a 500.
pub struct Access<S = ()> {
    verified: VerifiedAccess,
    challenge: Challenge,
    scopes: PhantomData<S>,
}

impl<S> Access<S> {
    /// The user that the token speaks for; a client's own token has none, whatever its id looks like.
    ///
    /// # Errors
    /// 403 for a client's own token.
    pub fn require_user(&self) -> Result<&Subject, Denied> {
        self.verified.require_user().map_err(|refusal| Denied::refused(&self.challenge, refusal, &[]))
    }

    /// The host's own key of that user, such as an `i64` or a UUID ([`Subject::key`]).
    ///
    /// # Errors
    /// 403 for a client's own token, 401 `invalid_token` for a user who has no such key.
    pub fn require_user_key<K: FromStr + Display>(&self) -> Result<K, Denied> {
        let key = self.require_user()?.key();
        key.ok_or_else(|| Denied::refused(&self.challenge, Refusal::TokenSubject, &[]))
    }

    /// The user that the token speaks for, who signed in for it: not a client that acts in the user's name.
    ///
    /// # Errors
    /// 403 for a client's own token, and for one with which a client acts in a user's name.
    pub fn require_signed_in(&self) -> Result<&Subject, Denied> {
        self.verified.require_signed_in().map_err(|refusal| Denied::refused(&self.challenge, refusal, &[]))
    }

    /// Whether the token allows these scopes too, for what only the handler can decide.
    ///
    /// # Errors
    /// 403 that names the scopes.
    pub fn require_scopes(&self, scopes: &[&str]) -> Result<(), Denied> {
        let required = self.verified.require_scopes(scopes.iter().copied());
        required.map_err(|refusal| Denied::refused(&self.challenge, refusal, scopes))
    }
}

impl<S> Deref for Access<S> {
    type Target = VerifiedAccess;

    fn deref(&self) -> &VerifiedAccess {
        &self.verified
    }
}

impl<S> std::fmt::Debug for Access<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Access").field(&self.verified).finish()
    }
}

impl<S: RequiredScopes> FromRequest for Access<S> {
    type Error = Denied;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Denied>>>>;

    fn from_request(http: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let form = FormCheck::take(http, payload);
        let http = http.clone();
        Box::pin(async move {
            let admitted = admit(&http).await;
            match (admitted, form) {
                (Ok(access), Some(form)) => match form.hand_on().await {
                    Ok(()) => Ok(access),
                    Err(refusal) => Err(Denied::refused(&access.challenge, refusal, &[])),
                },
                (Err(denied), Some(form)) => {
                    form.hand_on_unread();
                    Err(denied)
                }
                (admitted, None) => admitted,
            }
        })
    }
}

async fn admit<S: RequiredScopes>(http: &HttpRequest) -> Result<Access<S>, Denied> {
    let Some(guard) = http.app_data::<Guard>() else { return Err(Denied::unguarded()) };
    let refused = |refusal| Denied::refused(guard.challenge(), refusal, S::SCOPES);
    let token = bearer::token(http).map_err(refused)?.ok_or(Refusal::TokenMissing).map_err(refused)?;
    guard.require_private(http).map_err(refused)?;
    let verified = guard.verify(token).await.map_err(|error| Denied::of(guard.challenge(), error))?;
    verified.require_scopes(S::SCOPES.iter().copied()).map_err(refused)?;
    Ok(Access { verified, challenge: guard.challenge().clone(), scopes: PhantomData })
}
