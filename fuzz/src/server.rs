//! One server for the life of the process. Keys and client secrets are fixed, so that a seed in the corpus can name a
//! key and authenticate.

use std::sync::OnceLock;

use oauth_core::jose::Alg;
use oauth_core::keys::{ImportedKey, SealingKey, SealingKeys};
use oauth_core::store::{AccessTokenFormat, AuthMethod, ClientRegistry as _, SecretHash, UpdateClient};
use oauth_core::types::{Issuer, KeyId, SecretDigest};
use oauth_core::{AuthorizationServer, ClientSpec};
use oauth_store_memory::MemoryStore;
use oauth_testkit::block_on;

pub(crate) const ISSUER: &str = "https://auth.example";
pub(crate) const AUDIENCE: &str = "https://api.example";
/// The secret of every client; the clients are `jwt` and `opaque`, after the tokens they get.
const SECRET: &str = "fuzz-secret";

const KEYS: [(Alg, &str, &str); 3] = [
    (Alg::RS256, "rsa", include_str!("../../oauth-core/tests/fixtures/rsa-2048.pkcs8.pem")),
    (Alg::ES256, "p256", include_str!("../../oauth-core/tests/fixtures/p256.pkcs8.pem")),
    (Alg::EdDSA, "ed25519", include_str!("../../oauth-core/tests/fixtures/ed25519.pkcs8.pem")),
];

pub(crate) fn server() -> &'static AuthorizationServer {
    static SERVER: OnceLock<AuthorizationServer> = OnceLock::new();
    SERVER.get_or_init(|| block_on(start()))
}

async fn start() -> AuthorizationServer {
    let issuer = Issuer::url(ISSUER).expect("a lawful issuer");
    let sealing = SealingKeys::new(SealingKey::new("fuzz", [1; 32]).expect("a lawful name"));
    let store = MemoryStore::new();
    // every input fails from the same address
    let mut builder = AuthorizationServer::builder(issuer, &store, sealing).failures_per_minute(u32::MAX);
    for (alg, kid, pem) in KEYS {
        let key = ImportedKey::from_pem(pem, Some(alg)).expect("a fixture");
        builder = builder.import_key(key, Some(KeyId::parse(kid).expect("a lawful name")));
    }
    let server = builder.start().await.expect("a server");
    for (id, format) in [("jwt", None), ("opaque", Some(AccessTokenFormat::Opaque))] {
        let mut spec = ClientSpec::confidential(id)
            .auth_methods(&[AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost])
            .scope("orders:read orders:write")
            .audience([AUDIENCE]);
        if let Some(format) = format {
            spec = spec.access_token(format);
        }
        let made = server.ensure_client(spec).await.expect("a client");
        let mut client = made.client.as_ref().clone();
        let digest = ring::digest::digest(&ring::digest::SHA256, SECRET.as_bytes());
        let digest = digest.as_ref().try_into().expect("SHA-256 has 32 bytes");
        client.secrets[0].hash = SecretHash::Generated(SecretDigest::from_bytes(digest));
        let updated = store.update(client, made.client.version).await.expect("a store in memory");
        assert_eq!(updated, UpdateClient::Updated);
    }
    server
}
