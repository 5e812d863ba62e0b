//! Users in browsers: a host's consent page, and a browser that keeps cookies.

use std::collections::BTreeMap;
use std::sync::Mutex;

use actix_web::http::header::COOKIE;
use actix_web::web::{self, Html, ServiceConfig};
use actix_web::{CustomizeResponder, HttpRequest, HttpResponse, Responder as _};
use oauth_core::authorize::{ConsentToken, Decision, SignedIn};
use oauth_core::jose::Alg;
use oauth_core::store::AccessTokenFormat;
use oauth_core::types::{Scope, Subject, Timestamp};
use oauth_core::{AuthorizationServer, Builder, ClientSpec, Endpoint};
use oauth_http_actix::{Authorize, DecisionForm, Interaction, PrivatePage, Routes, Shown, decide};

use super::host::ISSUER;
use super::{Answer, Ask, Backend, Directory, Host, Registered, START, form_encode};

pub(crate) const WEB: &str = "https://web.example/cb";
pub(crate) const SPA: &str = "https://spa.example/cb";
pub(crate) const NATIVE: &str = "http://127.0.0.1/cb";
/// The origin of `spa`.
pub(crate) const ORIGIN: &str = "https://spa.example";
pub(crate) const PEOPLE_SCOPE: &str = "offline_access openid orders.read orders.write";
// RFC 7636 appendix B
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The host's session: a cookie `user=<subject>@<milliseconds>`, which no real host would believe; `user=broken` is a
/// session store that is down.
async fn signed_in(http: HttpRequest) -> Result<Option<SignedIn>, actix_web::Error> {
    let cookies = http.headers().get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(user) = cookies.split("; ").find_map(|pair| pair.strip_prefix("user=")) else { return Ok(None) };
    let broken = || actix_web::error::ErrorInternalServerError("the session store is down");
    let (subject, millis) = user.split_once('@').ok_or_else(broken)?;
    let subject = Subject::parse(subject).map_err(|_| broken())?;
    let mut signed_in = SignedIn::new(subject, Timestamp::from_millis(millis.parse().map_err(|_| broken())?));
    signed_in.amr = vec!["pwd".to_owned()];
    Ok(Some(signed_in))
}

/// What `show` says, in a line that a test reads.
async fn look(interaction: Interaction, http: HttpRequest) -> PrivatePage {
    let page = |text: String| Html::new(text).respond_to(&http).map_into_boxed_body();
    PrivatePage(match interaction.show().await {
        Shown::Prompt(prompt) => page(format!(
            "prompt {} {} {} {}",
            prompt.consent.as_str(),
            prompt.client,
            prompt.redirect_host,
            prompt.scope().as_str()
        )),
        Shown::NeedLogin { reason, .. } => page(format!("login {reason:?}")),
        Shown::Answer(answer) => answer,
    })
}

/// A page with a policy of its own.
async fn styled(_: Interaction) -> PrivatePage<CustomizeResponder<Html>> {
    let policy = ("content-security-policy", "default-src 'self'; style-src 'self'");
    PrivatePage(Html::new("").customize().insert_header(policy).insert_header(("x-frame-options", "SAMEORIGIN")))
}

/// A page that nobody protected.
async fn careless(interaction: Interaction) -> Html {
    Html::new(format!("{:?}", interaction.show().await))
}

/// A page that takes every request for a decision, and the decision from the query.
async fn hasty(interaction: Interaction, choice: web::Query<BTreeMap<String, String>>) -> HttpResponse {
    let decision = match choice.get("allow") {
        Some(scopes) => Decision::Approve { scopes: Scope::parse(scopes).unwrap_or_else(|_| Scope::empty()) },
        None => Decision::Deny,
    };
    let consent = ConsentToken::presented(choice.get("consent").map_or("", String::as_str));
    interaction.complete(DecisionForm { consent, decision }).await
}

/// Mounts the endpoints, and the pages where there is an authorization endpoint.
pub(super) fn mount(server: &AuthorizationServer, routes: Routes, app: &mut ServiceConfig) {
    if server.endpoints().any(|(endpoint, _)| endpoint == Endpoint::Authorize) {
        routes.authorize(Authorize::new("/consent", signed_in)).preflight_origins([ORIGIN]).mount(app);
        app.service(web::resource("/consent").route(web::post().to(decide)).route(web::route().to(look)));
        app.route("/styled", web::get().to(styled)).route("/careless", web::get().to(careless));
        app.route("/hasty", web::route().to(hasty));
    } else {
        routes.mount(app);
    }
}

/// An authorization request, before it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Visit(pub(crate) Vec<(String, String)>);

impl Visit {
    pub(crate) fn of(client: &str, uri: &str) -> Self {
        Self(Vec::new())
            .with("response_type", "code")
            .with("client_id", client)
            .with("redirect_uri", uri)
            .with("scope", "orders.read orders.write")
            .with("state", "a state")
            .with("code_challenge", CHALLENGE)
            .with("code_challenge_method", "S256")
    }

    pub(crate) fn web() -> Self {
        Self::of("web", WEB)
    }

    pub(crate) fn spa() -> Self {
        Self::of("spa", SPA)
    }

    pub(crate) fn native() -> Self {
        Self::of("native", NATIVE)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.retain(|(held, _)| held != name);
        self.and(name, value)
    }

    /// A second value of the same name.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(held, _)| held != name);
        self
    }

    pub(crate) fn query(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={}", form_encode(value))).collect::<Vec<_>>().join("&")
    }

    pub(crate) fn get(&self) -> Ask {
        Ask::new("GET", &format!("/oauth/authorize?{}", self.query()))
    }

    pub(crate) fn post(&self) -> Ask {
        Ask::new("POST", "/oauth/authorize").form(self.query())
    }
}

/// What a page shows to the user, as [`look`] writes it.
#[derive(Debug, Clone)]
pub(crate) struct Shows {
    pub(crate) consent: String,
    pub(crate) client: String,
    pub(crate) scope: String,
}

impl Shows {
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        let text = answer.text();
        let words: Vec<&str> = text.splitn(5, ' ').collect();
        let ["prompt", consent, client, _, scope] = words[..] else { panic!("no prompt: {answer:?}") };
        Self { consent: consent.to_owned(), client: client.to_owned(), scope: scope.to_owned() }
    }
}

/// A browser of one user, with a jar.
pub(crate) struct Browser<'a, B: Backend> {
    host: &'a Host<B>,
    jar: Mutex<BTreeMap<String, String>>,
}

impl<'a, B: Backend> Browser<'a, B> {
    /// Nobody is signed in yet.
    pub(crate) fn new(host: &'a Host<B>) -> Self {
        Self { host, jar: Mutex::default() }
    }

    /// Somebody signed in at the start of the test.
    pub(crate) fn of(host: &'a Host<B>, user: &str) -> Self {
        let browser = Self::new(host);
        browser.sign_in(user, START);
        browser
    }

    /// The same browser, whose requests reach another node.
    pub(crate) fn at<'b>(&self, node: &'b Host<B>) -> Browser<'b, B> {
        Browser { host: node, jar: Mutex::new(self.jar.lock().unwrap().clone()) }
    }

    pub(crate) fn sign_in(&self, user: &str, at: Timestamp) {
        self.jar.lock().unwrap().insert("user".to_owned(), format!("{user}@{}", at.millis()));
    }

    pub(crate) fn sign_out(&self) {
        self.jar.lock().unwrap().remove("user");
    }

    pub(crate) fn set_cookie(&self, name: &str, value: &str) {
        self.jar.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    /// The cookies of interactions that are not decided, in the order of their names.
    pub(crate) fn cookies(&self) -> Vec<(String, String)> {
        let jar = self.jar.lock().unwrap();
        let open = jar.iter().filter(|(name, value)| *name != "user" && *value != "done");
        open.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// As this browser sends it.
    pub(crate) fn dress(&self, ask: Ask) -> Ask {
        let pairs: Vec<String> =
            self.jar.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { ask } else { ask.header("cookie", pairs.join("; ")) }
    }

    #[track_caller]
    pub(crate) fn send(&self, ask: Ask) -> Answer {
        let answer = self.host.send(&self.dress(ask));
        let location = answer.all("location").first().copied().unwrap_or_default();
        if let Some((_, code)) = location.split_once("?code=") {
            self.host.remember(code.split('&').next().unwrap_or_default());
        }
        for cookie in answer.all("set-cookie") {
            let (pair, attributes) = cookie.split_once("; ").expect("attributes");
            assert!(attributes.ends_with("; HttpOnly; SameSite=Lax; Secure") && attributes.starts_with("Path=/; "));
            let (name, value) = pair.split_once('=').expect("a value");
            assert!(name.starts_with("__Host-"), "{cookie}");
            let mut jar = self.jar.lock().unwrap();
            if attributes.contains("Max-Age=0;") {
                jar.remove(name);
            } else {
                assert!(attributes.contains("Max-Age=1800;"), "{cookie}");
                if value != "done" {
                    self.host.remember(value);
                }
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Answer {
        self.send(Ask::new("GET", target))
    }

    /// Visits the authorization endpoint and comes to the host's page; its address.
    #[track_caller]
    pub(crate) fn begin(&self, visit: &Visit) -> String {
        let answer = self.send(visit.get());
        assert_eq!(answer.status, 303, "{answer:?}");
        let page = answer.header("location").expect("a place").to_owned();
        assert!(page.starts_with("/consent?interaction="), "{answer:?}");
        page
    }

    #[track_caller]
    pub(crate) fn look(&self, page: &str) -> Shows {
        Shows::of(&self.get(page))
    }

    pub(crate) fn allowing(page: &str, shows: &Shows, scope: &str) -> Ask {
        let form = format!("consent={}&decision=approve&scope={}", form_encode(&shows.consent), form_encode(scope));
        Ask::new("POST", page).form(form)
    }

    #[track_caller]
    pub(crate) fn allow(&self, page: &str, shows: &Shows, scope: &str) -> Answer {
        self.send(Self::allowing(page, shows, scope))
    }

    #[track_caller]
    pub(crate) fn deny(&self, page: &str, shows: &Shows) -> Answer {
        self.send(Ask::new("POST", page).form(format!("consent={}&decision=deny", form_encode(&shows.consent))))
    }

    /// The answer to a visit, with everything allowed that is shown.
    #[track_caller]
    pub(crate) fn answer(&self, visit: &Visit) -> Answer {
        let page = self.begin(visit);
        let shows = self.look(&page);
        self.allow(&page, &shows, &shows.scope)
    }

    #[track_caller]
    pub(crate) fn code(&self, visit: &Visit) -> String {
        let (_, uri) = visit.0.iter().find(|(name, _)| name == "redirect_uri").expect("a redirect URI");
        self.answer(visit).code(uri)
    }
}

fn switched_on(builder: Builder) -> Builder {
    builder.authorization_code().id_tokens(Alg::ES256).access_token(AccessTokenFormat::Opaque)
}

impl<B: Backend> Host<B> {
    /// A server with `alice` and `bob`, and their clients: `web` keeps a secret (and is what [`Host::app`] is here), `spa`
    /// runs in the browser, `native` on the user's device.
    pub(crate) fn browsers(configure: impl FnOnce(Builder) -> Builder) -> Self {
        let mut host = Self::with(|builder| configure(switched_on(builder)));
        host.app = host.register(user_client(ClientSpec::confidential("web"), WEB));
        host.register(user_client(ClientSpec::public("spa"), SPA));
        host.register(user_client(ClientSpec::public("native"), NATIVE));
        host.user("alice");
        host.user("bob");
        host
    }

    /// The same server in another process, over the rows that [`Self::browsers`] began in this directory.
    pub(crate) fn browsers_in(directory: Directory) -> Self {
        Self::in_directory(ISSUER, directory, switched_on)
    }

    /// A second server over the same rows, opened anew where the store can be.
    pub(crate) fn browsers_beside(&self) -> Self {
        let mut beside = self.beside_on(self.backend.open_again(&self.directory), switched_on);
        beside.app = self.app.clone();
        beside
    }

    /// A code's redemption by `web`, with everything that belongs to it.
    pub(crate) fn redeeming(&self, code: &str) -> Ask {
        self.redeeming_as(&self.app, code, &format!("&code_verifier={VERIFIER}&redirect_uri={}", form_encode(WEB)))
    }

    pub(crate) fn redeeming_as(&self, client: &Registered, code: &str, more: &str) -> Ask {
        let form = format!("grant_type=authorization_code&code={}{more}", form_encode(code));
        Ask::token().basic(&client.id, &client.secret).form(form)
    }

    #[track_caller]
    pub(crate) fn redeem(&self, code: &str) -> Answer {
        self.send(&self.redeeming(code))
    }

    /// A code's redemption by a public client.
    pub(crate) fn redeeming_public(&self, client: &str, uri: &str, code: &str) -> Ask {
        let uri = form_encode(uri);
        Ask::token().form(format!(
            "grant_type=authorization_code&client_id={client}&code={code}&code_verifier={VERIFIER}&redirect_uri={uri}"
        ))
    }

    #[track_caller]
    pub(crate) fn redeem_public(&self, client: &str, uri: &str, code: &str) -> Answer {
        self.send(&self.redeeming_public(client, uri, code))
    }
}

pub(crate) fn user_client(spec: ClientSpec, uri: &str) -> ClientSpec {
    spec.grants(["authorization_code", "refresh_token"]).scope(PEOPLE_SCOPE).audience(["orders"]).redirect_uris([uri])
}
