//! The keys by hand: what an operator can see and do besides `maintain()`.

use super::Inner;
use crate::jose::Alg;
use crate::keys::{ImportedKey, KeyError};
use crate::store::{KeyRecord, KeyState, KeyTimes, KeyUse};
use crate::time::Clock as _;
use crate::types::KeyId;

/// The keys of a server. Every change reaches this node at once and every other within 60 seconds.
#[derive(Clone, Copy)]
pub struct Keys<'a>(&'a Inner);

impl super::AuthorizationServer {
    /// The keys.
    #[must_use]
    pub fn keys(&self) -> Keys<'_> {
        Keys(&self.inner)
    }
}

/// One key, without its secret half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its id.
    pub kid: KeyId,
    /// What it is for.
    pub usage: KeyUse,
    /// Where it stands.
    pub state: KeyState,
    /// When it came there.
    pub times: KeyTimes,
}

impl Keys<'_> {
    /// Every key of this issuer, in every state, oldest first.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    pub async fn list(self) -> Result<Vec<KeyInfo>, KeyError> {
        let info = |KeyRecord { kid, usage, state, times, .. }| KeyInfo { kid, usage, state, times };
        Ok(self.0.keys.records().await?.into_iter().map(info).collect())
    }

    /// Makes a successor and publishes it; it signs when it is due or when [`activate`](Self::activate) says so.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn announce(self, alg: Alg) -> Result<(), KeyError> {
        let now = self.0.clock.now();
        self.0.audit_keys(self.0.keys.announce(alg, now).await?, now);
        Ok(())
    }

    /// Lets an announced key sign now and retires the one before it. Readers that cached the key set before the
    /// announcement refuse its tokens until they fetch again.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn activate(self, kid: &KeyId) -> Result<(), KeyError> {
        let now = self.0.clock.now();
        self.0.audit_keys(self.0.keys.activate(kid, now).await?, now);
        Ok(())
    }

    /// Takes in a key from PEM, under this id or one of the server's naming. It is announced, unless no key signs
    /// with its algorithm yet; a key that is there already is left as it is.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn import(self, key: &ImportedKey, kid: Option<&KeyId>) -> Result<(), KeyError> {
        let now = self.0.clock.now();
        self.0.audit_keys(self.0.keys.import(key, kid, now).await?, now);
        Ok(())
    }

    /// Takes a key back, for ever: it leaves the key set and signs no more, and a successor signs at once, in one
    /// commit. Tokens that it signed are dead at the guard and at introspection of every node within 60 seconds.
    ///
    /// # Errors
    /// [`KeyError`]; then the key is as it was.
    pub async fn revoke(self, kid: &KeyId) -> Result<(), KeyError> {
        let now = self.0.clock.now();
        self.0.audit_keys(self.0.keys.revoke(kid, now).await?, now);
        Ok(())
    }
}

impl std::fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}
