//! Our server as a host would run it: the adapter's routes, the memory store, nothing switched off. No subscriber listens
//! to the audit trail.

use actix_web::{App, HttpServer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oauth_core::jose::Alg;
use oauth_core::keys::{SealingKey, SealingKeys};
use oauth_core::store::{AccessTokenFormat, TokenProfile};
use oauth_core::types::Issuer;
use oauth_core::{AuthorizationServer, ClientSpec};
use oauth_http_actix::routes;
use oauth_store_memory::MemoryStore;

use crate::figures::Failure;
use crate::keys::imported;
use crate::load::announce;

/// Serves until the process is ended. `token` is `opaque` or the name of an algorithm.
pub(crate) fn run(token: &str) -> Result<bool, Failure> {
    actix_web::rt::System::new().block_on(async {
        let sealing = SealingKeys::new(SealingKey::new("bench", [7; 32])?);
        let builder = AuthorizationServer::builder(Issuer::url("http://127.0.0.1")?, MemoryStore::new(), sealing);
        let builder = match Alg::ALL.into_iter().find(|alg| alg.as_str() == token) {
            Some(alg) => builder
                .import_key(imported(alg)?, None)
                .access_token(AccessTokenFormat::Jwt { alg, profile: TokenProfile::Rfc9068 }),
            None => builder.access_token(AccessTokenFormat::Opaque),
        };
        let server = builder.start().await?;
        let spec =
            ClientSpec::confidential("billing").scope("orders:read orders:write").audience(["https://api.example"]);
        let secret = server.ensure_client(spec).await?.secret.ok_or("a new client has a secret")?;
        let authorization = format!("Basic {}", STANDARD.encode(format!("billing:{}", secret.expose())));
        let http = HttpServer::new(move || App::new().configure(routes(&server))).workers(1).bind("127.0.0.1:0")?;
        announce(http.addrs()[0], &authorization);
        http.run().await?;
        Ok(true)
    })
}
