//! Mounts the endpoints, and runs each request where nobody can cancel it.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::rt;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use oauth_core::wire::Body;
use oauth_core::{AuthorizationServer, Endpoint};

use crate::authorize::{Authorize, Mounted};
use crate::cors::{self, Scripts};
use crate::misconfigured::Misconfigured;
use crate::{body, maintenance, request, response};

/// Mounts the server's endpoints and keeps it maintained, with the defaults of [`Routes`]: pass it to
/// [`App::configure`](actix_web::App::configure). A server with the authorization code grant needs
/// [`Routes::authorize`] instead.
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
    authorize: Option<Authorize>,
    preflight_origins: Vec<String>,
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
        Self {
            server: server.clone(),
            authorize: None,
            preflight_origins: Vec::new(),
            body_deadline: Duration::from_secs(10),
            maintain_every: Duration::from_secs(30),
        }
    }

    /// The host's part in the authorization endpoint. A server with the
    /// [authorization code grant](oauth_core::Builder::authorization_code) needs it, and no other server takes it: an
    /// application where one is without the other does not start, and says so in the log. One application has one; of
    /// several, the one that is mounted last serves the host's pages.
    #[must_use]
    pub fn authorize(mut self, authorize: Authorize) -> Self {
        self.authorize = Some(authorize);
        self
    }

    /// The origins, such as `https://app.example`, whose scripts may send the token and revocation endpoints what browsers
    /// ask about first: JSON bodies, an `Authorization` field. Default: none, which is enough for a public client that
    /// sends forms. An entry that is no origin stops the application at its start.
    ///
    /// Who may *read* needs no list: what a public client is answered, once it has shown who it is, is readable for the
    /// origins of its own redirect URIs (at a loopback address, on any port); the JWK set and metadata for everybody. The
    /// authorization endpoint is for navigation and never for scripts.
    #[must_use]
    pub fn preflight_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.preflight_origins = origins.into_iter().map(Into::into).collect();
        self
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
    ///
    /// The host's handlers reach the server as [`web::Data`]`<AuthorizationServer>`; of several, the one mounted last.
    pub fn mount(self, app: &mut ServiceConfig) {
        if let Some(mistake) = self.mistake() {
            app.service(Misconfigured::because(mistake));
            return;
        }
        maintenance::start(&self.server, self.maintain_every);
        let preflight_origins: Arc<[String]> = self.preflight_origins.into();
        let authorize = self.authorize.map(|host| Mounted::new(&self.server, host, self.body_deadline));
        for (endpoint, path) in self.server.endpoints() {
            let (server, deadline) = (self.server.clone(), self.body_deadline);
            let scripts = Scripts::of(endpoint, &preflight_origins);
            let route = match (endpoint, authorize.clone()) {
                (Endpoint::Authorize, Some(mounted)) => web::route()
                    .to(move |http: HttpRequest, payload: web::Payload| mounted.clone().begin(http, payload)),
                _ => web::route().to(move |http: HttpRequest, payload: web::Payload| {
                    answer(server.clone(), endpoint, scripts.clone(), http, payload, deadline)
                }),
            };
            app.route(path, route);
        }
        app.app_data(web::Data::new(self.server));
        if let Some(mounted) = authorize {
            app.app_data(mounted);
        }
    }

    fn mistake(&self) -> Option<String> {
        let has_endpoint = self.server.endpoints().any(|(endpoint, _)| endpoint == Endpoint::Authorize);
        match &self.authorize {
            None if has_endpoint => Some(
                "the server has the authorization code grant, and nobody said where users sign in: mount it with \
                 `Routes::new(&server).authorize(Authorize::new(page, signed_in))`"
                    .to_owned(),
            ),
            Some(_) if !has_endpoint => Some(
                "`Authorize` is given to a server without the authorization code grant: switch it on with \
                 `.authorization_code()` on its builder"
                    .to_owned(),
            ),
            Some(authorize) => authorize.mistake().or_else(|| cors::mistake(&self.preflight_origins)),
            None => cors::mistake(&self.preflight_origins),
        }
    }
}

async fn answer(
    server: AuthorizationServer,
    endpoint: Endpoint,
    scripts: Scripts,
    http: HttpRequest,
    mut payload: web::Payload,
    deadline: Duration,
) -> HttpResponse {
    if let Some(answer) = scripts.preflight(&http) {
        return answer;
    }
    let is_head = http.method() == Method::HEAD;
    let body = body::read(&http, &mut payload, deadline).await;
    let unread = (!matches!(body, Body::Whole(_))).then_some(payload);
    let request = request::read(&http, body);
    // actix drops a handler whose client went away; a task of its own goes on
    let task = rt::spawn(async move { server.handle(endpoint, &request).await });
    let mut answer = match task.await {
        Ok(answer) => response::send(answer, is_head, unread),
        Err(error) => {
            tracing::error!(target: "oauth::http", %error, "answering a request panicked or was cut off");
            response::server_error()
        }
    };
    scripts.mark(&mut answer);
    answer
}
