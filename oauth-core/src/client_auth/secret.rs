//! Client secrets: generated ones by SHA-256, chosen ones by Argon2id.

use crate::error::Fault;
use crate::password::HashingPool;
use crate::store::{ClientSecretRecord, PasswordHash, SecretHash};
use crate::types::SecretDigest;

/// The place of the generated secret that the presented one is. Every secret is compared, whatever matched before.
pub(crate) fn match_generated(presented: &str, secrets: &[ClientSecretRecord]) -> Option<usize> {
    let digest = SecretDigest::of(presented.as_bytes());
    let mut matched = None;
    for (at, secret) in secrets.iter().enumerate() {
        if matches!(&secret.hash, SecretHash::Generated(kept) if *kept == digest) {
            matched = Some(at);
        }
    }
    matched
}

/// The place of the chosen secret that the presented one is, for exactly one Argon2id: a client's chosen secrets
/// share one salt (see [`hash_chosen`]), so that one hash is compared with all.
pub(crate) async fn match_chosen(
    pool: &HashingPool,
    presented: &str,
    secrets: &[ClientSecretRecord],
) -> Result<Option<usize>, Fault> {
    let chosen: Vec<(usize, &PasswordHash)> = secrets
        .iter()
        .enumerate()
        .filter_map(|(at, secret)| match &secret.hash {
            SecretHash::Chosen(hash) => Some((at, hash)),
            SecretHash::Generated(_) => None,
        })
        .collect();
    let hashes = chosen.iter().map(|(_, hash)| (*hash).clone()).collect();
    let matched = pool.verify_any(presented, hashes).await?;
    Ok(matched.and_then(|place| chosen.get(place)).map(|(at, _)| *at))
}

/// Hashes a secret that a person chose, with the salt of the client's other chosen secrets if it has any.
pub(crate) async fn hash_chosen(
    pool: &HashingPool,
    secret: &str,
    others: &[ClientSecretRecord],
    fresh_salt: [u8; 16],
) -> Result<PasswordHash, Fault> {
    let like = others.iter().find_map(|other| match &other.hash {
        SecretHash::Chosen(hash) => Some(hash.clone()),
        SecretHash::Generated(_) => None,
    });
    pool.hash(secret, like, fresh_salt).await
}
