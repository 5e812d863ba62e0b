//! The loop that an application starts with its routes.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, rt, test};
use oauth_core::AuthorizationServer;
use oauth_core::keys::SealingKey;
use oauth_core::store::Stores;
use oauth_core::types::{Issuer, Tenant};
use oauth_http_actix::{Routes, routes};
use oauth_store_memory::MemoryStore;
use oauth_testkit::{Method, Probe};

async fn server() -> (AuthorizationServer, Arc<Probe<MemoryStore>>) {
    let probe = Arc::new(Probe::new(MemoryStore::new()));
    let stores = Stores::all(Tenant::default_tenant(), Arc::clone(&probe));
    let issuer = Issuer::url("https://as.example").unwrap();
    let sealing_key = SealingKey::new("test", [7; 32]).unwrap();
    let server = AuthorizationServer::builder(issuer, stores, sealing_key.into()).start().await.unwrap();
    (server, probe)
}

#[actix_web::test]
async fn a_server_is_maintained_once_however_often_it_is_mounted() {
    let (server, probe) = server().await;
    for _ in 0..3 {
        let _app = test::init_service(App::new().configure(routes(&server))).await;
    }
    while probe.count(Method::PurgeExpired) == 0 {
        rt::task::yield_now().await;
    }
    for _ in 0..100 {
        rt::task::yield_now().await;
    }
    assert_eq!(probe.count(Method::PurgeExpired), 1);
    assert!(server.maintenance_lease().is_none(), "the loop holds the lease");
}

#[actix_web::test]
async fn the_loop_goes_on_after_a_round_that_failed() {
    let (server, probe) = server().await;
    probe.fail(Method::PurgeExpired, oauth_core::store::StoreErrorKind::Unavailable, oauth_testkit::Times::Nth(1));
    let app = App::new().configure(|app| Routes::new(&server).maintain_every(Duration::ZERO).mount(app));
    let _app = test::init_service(app).await;
    // the pause is at least a second
    rt::time::timeout(Duration::from_secs(10), async {
        while probe.count(Method::PurgeExpired) < 2 {
            rt::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
}

#[::core::prelude::v1::test]
fn the_lease_comes_back_when_the_runtime_ends() {
    let server = rt::System::new().block_on(async {
        let (server, probe) = server().await;
        let _app = test::init_service(App::new().configure(routes(&server))).await;
        while probe.count(Method::PurgeExpired) == 0 {
            rt::task::yield_now().await;
        }
        server
    });
    assert!(server.maintenance_lease().is_some());
    // outside a runtime there is nobody to run it, and nothing breaks
    let _app = App::new().configure(routes(&server));
    assert!(server.maintenance_lease().is_some());
}
