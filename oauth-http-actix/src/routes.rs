//! Mounts the endpoints, and runs each request where nobody can cancel it.

use std::time::Duration;

use actix_web::rt;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use oauth_core::{AuthorizationServer, Endpoint};

use crate::{body, maintenance, request, response};

/// Mounts the server's endpoints and keeps it maintained, with the defaults of [`Routes`]: pass it to
/// [`App::configure`](actix_web::App::configure).
///
/// On the `App`, not in a scope: the paths are absolute, and RFC 8414's well-known path lies at the origin's root.
pub fn routes(server: &AuthorizationServer) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let routes = Routes::new(server);
    move |app| routes.mount(app)
}

/// [`routes`] with settings.
///
/// ```
/// # use std::time::Duration;
/// # use actix_web::App;
/// # use oauth_http_actix::Routes;
/// # fn app(server: oauth_core::AuthorizationServer) {
/// let app = App::new().configure(|app| Routes::new(&server).body_deadline(Duration::from_secs(3)).mount(app));
/// # drop(app);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Routes {
    server: AuthorizationServer,
    body_deadline: Duration,
    maintain_every: Duration,
}

impl Routes {
    /// A node keeps keys in memory this long, so that it is maintained at least as often.
    const LONGEST_PAUSE: Duration = Duration::from_secs(60);
    const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

    /// The defaults: 10 seconds for a body, a round of maintenance every 30 seconds.
    #[must_use]
    pub fn new(server: &AuthorizationServer) -> Self {
        Self { server: server.clone(), body_deadline: Duration::from_secs(10), maintain_every: Duration::from_secs(30) }
    }

    /// How long a request's whole body may take to arrive; afterwards the answer is 408. Default 10 seconds.
    #[must_use]
    pub const fn body_deadline(mut self, deadline: Duration) -> Self {
        self.body_deadline = deadline;
        self
    }

    /// How long to pause between two rounds of maintenance. Default 30 seconds; kept within 1 second and 1 minute, which
    /// is how fast every node has to learn of a revoked key.
    #[must_use]
    pub fn maintain_every(mut self, pause: Duration) -> Self {
        self.maintain_every = pause.clamp(Self::SHORTEST_PAUSE, Self::LONGEST_PAUSE);
        self
    }

    /// Mounts exactly [`AuthorizationServer::endpoints`], for every method: the server itself says 405. The maintenance
    /// loop starts with the first application of a server and runs once, however many workers there are.
    pub fn mount(self, app: &mut ServiceConfig) {
        maintenance::start(&self.server, self.maintain_every);
        for (endpoint, path) in self.server.endpoints() {
            let (server, deadline) = (self.server.clone(), self.body_deadline);
            let handler = move |http: HttpRequest, payload: web::Payload| {
                answer(server.clone(), endpoint, http, payload, deadline)
            };
            app.route(path, web::route().to(handler));
        }
    }
}

async fn answer(
    server: AuthorizationServer,
    endpoint: Endpoint,
    http: HttpRequest,
    mut payload: web::Payload,
    deadline: Duration,
) -> HttpResponse {
    let body = body::read(&http, &mut payload, deadline).await;
    let request = request::read(&http, body);
    // actix drops a handler whose client went away; a task of its own goes on
    let task = rt::spawn(async move { server.handle(endpoint, &request).await });
    match task.await {
        Ok(answer) => response::send(answer),
        Err(error) => {
            tracing::error!(target: "oauth::http", %error, "answering a request panicked or was cut off");
            response::server_error()
        }
    }
}
