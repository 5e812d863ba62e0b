//! What cannot work is not started.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::dev::{
    AppService, HttpServiceFactory, ResourceDef, Service, ServiceRequest, ServiceResponse, fn_factory,
};

/// Mounted in place of what cannot work: `HttpServer::run` then ends with an error before anything is served. actix
/// lets nobody say why, so the reason goes to the log.
pub(crate) struct Misconfigured {
    why: String,
}

impl Misconfigured {
    pub(crate) fn because(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

impl HttpServiceFactory for Misconfigured {
    fn register(self, app: &mut AppService) {
        let fails = fn_factory(move || {
            tracing::error!(target: "oauth::http", "{}", self.why);
            ready(Err::<Never, ()>(()))
        });
        app.register_service(ResourceDef::prefix(""), None, fails, None);
    }
}

/// The service that never is.
enum Never {}

impl Service<ServiceRequest> for Never {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Ready<Result<ServiceResponse, Error>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match *self {}
    }

    fn call(&self, _: ServiceRequest) -> Self::Future {
        match *self {}
    }
}
