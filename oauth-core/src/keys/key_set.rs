//! The keys of one moment, ready to sign and to verify: what a node keeps in memory between two looks at the store.

use std::sync::Arc;

use super::local::LocalKey;
use super::schedule;
use super::signer::Signer;
use super::{KeyError, KeySettings};
use crate::error::Fault;
use crate::jose::{Alg, PublicKey, base64url, jws};
use crate::store::{KeyMaterial, KeyRecord, KeyState, KeyUse, LegacyTyp, TokenProfile};
use crate::types::{KeyId, Timestamp};

/// Every listed key of one issuer at one moment.
pub(crate) struct KeySet {
    verifying: Vec<(KeyId, PublicKey)>,
    signing: Vec<SigningKey>,
    jwks: Vec<u8>,
    etag: String,
    loaded_at: Timestamp,
}

/// The active key of one algorithm.
pub(crate) struct SigningKey {
    alg: Alg,
    signer: AnySigner,
    /// The base64url header for each `typ` that a profile can ask for: computed once per key, not per token.
    headers: Vec<(Option<&'static str>, String)>,
}

enum AnySigner {
    Local(Box<LocalKey>),
    External(Arc<dyn Signer>),
}

impl KeySet {
    /// Opens and parses the records.
    ///
    /// # Errors
    /// [`KeyError`] when an active key cannot be unsealed, parsed or reached, or a listed key's public half is broken.
    pub(crate) fn open(records: &[KeyRecord], settings: &KeySettings, now: Timestamp) -> Result<Self, KeyError> {
        let mut set =
            Self { verifying: Vec::new(), signing: Vec::new(), jwks: Vec::new(), etag: String::new(), loaded_at: now };
        let mut listed = Vec::new();
        for record in records.iter().filter(|record| schedule::is_listed(record, now)) {
            let KeyUse::Sign(alg) = record.usage else { continue };
            let public = public_half(record)?;
            listed.push(public.to_jwk_json(&record.kid));
            set.verifying.push((record.kid.clone(), public));
            if record.state == KeyState::Active {
                set.signing.push(SigningKey::open(record, alg, settings)?);
            }
        }
        set.jwks = format!("{{\"keys\":[{}]}}", listed.join(",")).into_bytes();
        set.etag = format!("\"{}\"", base64url(ring::digest::digest(&ring::digest::SHA256, &set.jwks).as_ref()));
        Ok(set)
    }

    /// When the store was read for it.
    pub(crate) const fn loaded_at(&self) -> Timestamp {
        self.loaded_at
    }

    /// The key that signs with this algorithm.
    ///
    /// # Errors
    /// [`Fault::NoKey`] when none is active.
    pub(crate) fn signer(&self, alg: Alg) -> Result<&SigningKey, Fault> {
        self.signing.iter().find(|key| key.alg == alg).ok_or(Fault::NoKey(alg))
    }

    /// The listed key with this id.
    pub(crate) fn find(&self, kid: &str) -> Option<&PublicKey> {
        self.verifying.iter().find(|(held, _)| held.as_str() == kid).map(|(_, key)| key)
    }

    /// The JWK set (RFC 7517 §5): public halves of every listed key.
    pub(crate) fn jwks(&self) -> &[u8] {
        &self.jwks
    }

    /// A strong validator of [`Self::jwks`] (RFC 9110 §8.8.3).
    pub(crate) fn etag(&self) -> &str {
        &self.etag
    }
}

impl SigningKey {
    fn open(record: &KeyRecord, alg: Alg, settings: &KeySettings) -> Result<Self, KeyError> {
        let signer = match &record.material {
            KeyMaterial::Sealed(sealed) => {
                let der = settings.unseal(sealed, &record.kid)?;
                let key = LocalKey::from_der(alg, &der).map_err(|why| KeyError::broken(record, why))?;
                if key.public().to_jwk_json(&record.kid) != public_half(record)?.to_jwk_json(&record.kid) {
                    return Err(KeyError::broken(record, "the private half does not belong to the public half"));
                }
                AnySigner::Local(Box::new(key))
            }
            KeyMaterial::External(name) => match settings.external(name) {
                Some(signer) => AnySigner::External(signer),
                None => return Err(KeyError::NoSigner { kid: record.kid.clone(), name: name.clone() }),
            },
        };
        let profiles = [
            TokenProfile::Rfc9068,
            TokenProfile::Legacy { typ: Some(LegacyTyp::Jwt), omit: Vec::new() },
            TokenProfile::Legacy { typ: None, omit: Vec::new() },
        ];
        let headers =
            profiles.iter().map(|profile| (profile.typ(), jws::encode_header(alg, &record.kid, profile.typ())));
        Ok(Self { alg, signer, headers: headers.collect() })
    }

    /// Signs a payload: the finished compact JWS (RFC 7515 §7.1).
    ///
    /// # Errors
    /// [`Fault::Signing`].
    pub(crate) async fn sign(&self, typ: Option<&'static str>, payload: &[u8]) -> Result<String, Fault> {
        let header = self.headers.iter().find(|(held, _)| *held == typ).map(|(_, header)| header);
        let header = header.ok_or_else(|| Fault::Signing("no header for this typ".into()))?;
        let input = jws::signing_input(header, payload);
        match &self.signer {
            AnySigner::Local(key) => key.sign_compact(input).map_err(|error| Fault::Signing(error.to_string())),
            AnySigner::External(signer) => {
                let signature =
                    signer.sign(input.as_bytes()).await.map_err(|error| Fault::Signing(error.to_string()))?;
                Ok(format!("{input}.{}", base64url(&signature)))
            }
        }
    }
}

fn public_half(record: &KeyRecord) -> Result<PublicKey, KeyError> {
    let text = record.public_jwk.as_deref().ok_or_else(|| KeyError::broken(record, "it has no public half"))?;
    PublicKey::parse_jwk(text).map_err(|why| KeyError::broken(record, why))
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.verifying.iter().map(|(kid, _)| kid)).finish()
    }
}
