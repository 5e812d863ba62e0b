//! The keys of one moment, ready to sign and to verify: what a node keeps in memory between two looks at the store.

use std::sync::Arc;

use super::local::LocalKey;
use super::schedule;
use super::signer::Signer;
use super::{DeriveKey, KeyError, KeySettings};
use crate::error::Fault;
use crate::jose::{Alg, PublicKey, base64url, jws};
use crate::store::{KeyMaterial, KeyRecord, KeyState, KeyUse, LegacyTyp, TokenProfile};
use crate::types::{KeyId, Timestamp};

/// Every key of one issuer that is of use at one moment.
pub(crate) struct KeySet {
    verifying: Vec<(KeyId, PublicKey)>,
    /// Keys that signed once and are not listed any more: believed of id tokens that come back as hints, and of
    /// nothing else.
    unlisted: Vec<(KeyId, PublicKey)>,
    signing: Vec<SigningKey>,
    deriving: Vec<FamilyKey>,
    jwks: Vec<u8>,
    etag: String,
}

/// The active key of one algorithm.
pub(crate) struct SigningKey {
    alg: Alg,
    signer: AnySigner,
    /// The base64url header for each `typ` that a profile can ask for: computed once per key, not per token.
    headers: Vec<(Option<&'static str>, String)>,
}

/// A key that families may name; one that cannot be opened here is known all the same, because it is not gone.
struct FamilyKey {
    kid: KeyId,
    is_active: bool,
    opened: Result<Arc<DeriveKey>, String>,
}

enum AnySigner {
    Local(Box<LocalKey>),
    External(Arc<dyn Signer>),
}

impl KeySet {
    /// Opens and parses the records. Only keys of the server's own algorithms and family keys are opened; a record beside
    /// the active ones that is broken is left out and logged, so that it stops nothing else.
    ///
    /// # Errors
    /// [`KeyError`] when the active family key, or an active key of the server's algorithms, cannot be unsealed, parsed
    /// or reached.
    pub(crate) fn open(records: &[KeyRecord], settings: &KeySettings, now: Timestamp) -> Result<Self, KeyError> {
        let mut set = Self {
            verifying: Vec::new(),
            unlisted: Vec::new(),
            signing: Vec::new(),
            deriving: Vec::new(),
            jwks: Vec::new(),
            etag: String::new(),
        };
        let mut listed = Vec::new();
        for record in records {
            let alg = match record.usage {
                KeyUse::Sign(alg) => alg,
                KeyUse::Derive if schedule::is_listed(record, now) => {
                    set.deriving.push(FamilyKey::open(record, settings)?);
                    continue;
                }
                KeyUse::Derive => continue,
            };
            if !schedule::is_listed(record, now) {
                if schedule::is_kept_for_hints(record, now, settings.rules)
                    && let Ok(public) = public_half(record)
                {
                    set.unlisted.push((record.kid.clone(), public));
                }
                continue;
            }
            let signs = record.state == KeyState::Active && settings.algorithms.contains(&alg);
            let public = match public_half(record) {
                Ok(public) => public,
                Err(error) if signs => return Err(error),
                Err(error) => {
                    tracing::error!(target: "oauth", %error, "a key is left out");
                    continue;
                }
            };
            listed.push(public.to_jwk_json(&record.kid));
            set.verifying.push((record.kid.clone(), public));
            if signs {
                set.signing.push(SigningKey::open(record, alg, settings)?);
            }
        }
        set.jwks = format!("{{\"keys\":[{}]}}", listed.join(",")).into_bytes();
        set.etag = format!("\"{}\"", base64url(ring::digest::digest(&ring::digest::SHA256, &set.jwks).as_ref()));
        Ok(set)
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

    /// The key with this id that signed id tokens once, listed or not.
    pub(crate) fn find_for_hint(&self, kid: &str) -> Option<&PublicKey> {
        self.find(kid).or_else(|| self.unlisted.iter().find(|(held, _)| held.as_str() == kid).map(|(_, key)| key))
    }

    /// The family key with this id; `None` when this set does not know it.
    ///
    /// # Errors
    /// [`KeyError`] when it is there and cannot be opened here.
    pub(crate) fn family_key(&self, kid: &KeyId) -> Result<Option<Arc<DeriveKey>>, KeyError> {
        match self.deriving.iter().find(|key| key.kid == *kid) {
            None => Ok(None),
            Some(FamilyKey { opened: Ok(key), .. }) => Ok(Some(Arc::clone(key))),
            Some(FamilyKey { opened: Err(why), .. }) => Err(KeyError::Sealed { kid: kid.clone(), why: why.clone() }),
        }
    }

    /// Every family key that can be used here.
    pub(crate) fn family_keys(&self) -> impl Iterator<Item = &DeriveKey> {
        self.deriving.iter().filter_map(|key| key.opened.as_deref().ok())
    }

    /// Whether a family key is known and cannot be used here.
    pub(crate) fn lacks_family_keys(&self) -> bool {
        self.deriving.iter().any(|key| key.opened.is_err())
    }

    /// The family key that new families are born with.
    pub(crate) fn newest_family_key(&self) -> Option<Arc<DeriveKey>> {
        self.deriving.iter().find(|key| key.is_active).and_then(|key| key.opened.as_ref().ok()).map(Arc::clone)
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
            KeyMaterial::Destroyed => return Err(KeyError::broken(record, "its private half was destroyed")),
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

impl FamilyKey {
    fn open(record: &KeyRecord, settings: &KeySettings) -> Result<Self, KeyError> {
        let bytes = match &record.material {
            KeyMaterial::Sealed(sealed) => settings.unseal(sealed, &record.kid),
            KeyMaterial::External(_) | KeyMaterial::Destroyed => {
                Err(KeyError::broken(record, "its bytes are not in the record"))
            }
        };
        let key = bytes.and_then(|bytes| {
            let key = DeriveKey::from_bytes(record.kid.clone(), &bytes).map(Arc::new);
            key.ok_or_else(|| KeyError::broken(record, "it is not 256 bits long"))
        });
        let is_active = record.state == KeyState::Active;
        let opened = match key {
            Ok(key) => Ok(key),
            Err(error) if is_active => return Err(error),
            Err(error) => {
                tracing::error!(target: "oauth", %error, "a family key cannot be used");
                Err(error.to_string())
            }
        };
        Ok(Self { kid: record.kid.clone(), is_active, opened })
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
