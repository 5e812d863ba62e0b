//! The loop that keeps a server's keys and rows up to date.

use std::time::Duration;

use actix_web::rt::time::sleep;
use oauth_core::{AuthorizationServer, Fault};
use tokio::runtime::Handle;

/// Starts the loop, unless another one holds the server's lease. It ends with the server's shutdown or with the
/// runtime that it runs on, and gives the lease back.
pub(crate) fn start(server: &AuthorizationServer, pause: Duration) {
    let Ok(runtime) = Handle::try_current() else {
        tracing::warn!(
            target: "oauth::http",
            "the application was configured outside a runtime, so nothing maintains the authorization server; \
             configure it inside the closure of `HttpServer::new`, or call `maintain()` every 30 seconds"
        );
        return;
    };
    let Some(lease) = server.maintenance_lease() else { return };
    let server = server.clone();
    runtime.spawn(async move {
        let _lease = lease;
        loop {
            match server.maintain().await {
                Ok(round) if round.purged.more => {}
                Err(Fault::ShuttingDown) => return,
                // what failed stands in the audit trail, and the next round tries again
                Ok(_) | Err(_) => sleep(pause).await,
            }
        }
    });
}
