//! Issuers and resources: what is accepted is kept byte for byte, and no http issuer but a loopback one gets through.

use oauth_core::AuthorizationServer;
use oauth_core::keys::{SealingKey, SealingKeys};
use oauth_core::types::{Issuer, ResourceUri};
use oauth_store_memory::MemoryStore;

/// Parses the text as each.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(resource) = ResourceUri::parse(text) {
        assert_eq!(resource.as_str(), text);
        assert!(!text.contains('#') && text.contains(':') && text.len() <= ResourceUri::MAX_LEN);
    }
    if let Ok(issuer) = Issuer::legacy_name(text) {
        assert_eq!(issuer.as_str(), text);
    }
    if let Ok(issuer) = Issuer::url(text) {
        assert_eq!(issuer.as_str(), text);
        assert!(text.starts_with("https://") || text.starts_with("http://"), "{text}");
        let authority = text.split('/').nth(2).expect("what follows the two slashes");
        assert!(!text.contains(['#', '?']) && !authority.contains('@') && !authority.is_empty(), "{text}");
        let sealing = SealingKeys::new(SealingKey::new("fuzz", [1; 32]).expect("a lawful name"));
        let built = AuthorizationServer::builder(issuer, MemoryStore::new(), sealing).build();
        if let (Ok(_), Some(rest)) = (built, text.strip_prefix("http://")) {
            assert!(["127.", "[", "localhost"].iter().any(|start| rest.starts_with(start)), "{text}");
        }
    }
}
