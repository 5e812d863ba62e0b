//! `embed`: an application whose own pages stand between the calls. Its pages keep the contract of the test kit, for a
//! client whose users are asked each time and for one whose answers are remembered.

use std::process::Command;

use oauth_testkit::interaction::{Browser, Form, Outcome};
use oauth_testkit::{HostUser, InteractionHost};
use oauth2::basic::{BasicClient, BasicRequestTokenError};
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, IntrospectionUrl, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, RevocationUrl,
    Scope, TokenIntrospectionResponse as _, TokenResponse as _, TokenUrl,
};

use crate::support::{Answer, Directory, Running, sh};

const BINARY: &str = env!("CARGO_BIN_EXE_embed");
// RFC 7636 appendix B, as the contract asks
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

mod asked_each_time {
    fn host() -> oauth_testkit::InteractionHost {
        super::host("notes-cli", "http://127.0.0.1/callback")
    }
    oauth_testkit::interaction_contract!(host);
}

mod remembered {
    fn host() -> oauth_testkit::InteractionHost {
        super::host("paper", "https://paper.example/callback")
    }
    oauth_testkit::interaction_contract!(host);
}

fn host(client: &str, redirect_uri: &str) -> InteractionHost {
    let name = std::thread::current().name().unwrap_or_default().replace("::", "-");
    let directory = Directory::new(&name);
    let running = Running::start(BINARY, &directory, "127.0.0.1:0", &[]);
    InteractionHost {
        client: client.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        scope: "notes.read notes.write offline_access".to_owned(),
        users: [HostUser::new("ann", "correct horse battery"), HostUser::new("ben", "staple of the evening")],
        ..InteractionHost::at(running.address.parse().unwrap()).keeping((running, directory))
    }
}

/// A running example, and browsers for it.
struct World {
    host: InteractionHost,
}

impl World {
    fn of(client: &str, redirect_uri: &str) -> Self {
        Self { host: host(client, redirect_uri) }
    }

    fn cli() -> Self {
        Self::of("notes-cli", "http://127.0.0.1/callback")
    }

    fn code(&self, browser: &mut Browser, form: &Form) -> String {
        match self.host.outcome(&browser.submit(form, Some(&self.host.approve))) {
            Outcome::Code { code, .. } => code,
            other => panic!("{other:?}"),
        }
    }

    fn redeem(&self, code: &str) -> Answer {
        let (client, uri) = (&self.host.client, &self.host.redirect_uri);
        let form = format!(
            "grant_type=authorization_code&client_id={client}&redirect_uri={uri}&code={code}&code_verifier={VERIFIER}"
        );
        self.curl("/oauth/token", &["-d", &form])
    }

    fn refresh(&self, token: &str) -> Answer {
        let form = format!("grant_type=refresh_token&client_id={}&refresh_token={token}", self.host.client);
        self.curl("/oauth/token", &["-d", &form])
    }

    fn api(&self, token: &str, more: &[&str]) -> Answer {
        self.curl("/api/notes", &[&["-H", &format!("Authorization: Bearer {token}")], more].concat())
    }

    fn curl(&self, path: &str, arguments: &[&str]) -> Answer {
        let url = format!("http://{}{path}", self.host.address);
        let output = Command::new("curl").args(["-sS", "-i", "-H", "Expect:"]).args(arguments).arg(url).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Answer::read(&String::from_utf8(output.stdout).unwrap())
    }
}

#[test]
fn an_app_that_was_allowed_reads_and_writes_this_users_notes_and_no_others() {
    let world = World::cli();
    let (ann, ben) = (&world.host.users[0], &world.host.users[1]);
    let mut browser = world.host.browser();
    world.host.switch_to(&mut browser, ann);
    let page = browser.open("/notes");
    let mut form = page.forms().into_iter().find(|form| form.action == "/notes").unwrap();
    form.set("text", "<script>buy milk</script>");
    let page = browser.submit(&form, None);
    assert!(page.body.contains("buy milk") && !page.body.contains("<script>"), "{page:?}");

    let (_, form) = world.host.ask(&mut browser, ann, "1");
    let tokens = world.redeem(&world.code(&mut browser, &form));
    let access = tokens.text("access_token");
    let note = world.api(&access, &["-d", "a red bicycle"]);
    assert_eq!(note.status, 201, "{note:?}");
    let notes = world.api(&access, &[]);
    assert!(notes.body.contains("buy milk") && notes.body.contains("a red bicycle"), "{notes:?}");

    let mut other = world.host.browser();
    let (_, form) = world.host.ask(&mut other, ben, "2");
    let of_ben = world.redeem(&world.code(&mut other, &form)).text("access_token");
    assert_eq!(world.api(&of_ben, &[]).body, "[]");
    assert_eq!(world.api("x", &[]).status, 401);
}

/// The `oauth2` crate as a native app: somebody else's idea of the protocol.
#[test]
fn the_oauth2_crate_brings_a_user_with_pkce_over_a_loopback_redirect() {
    let mut world = World::cli();
    world.host.redirect_uri = "http://127.0.0.1:51004/callback".to_owned();
    let (client, http) = (stranger(&world), |request| over_http(&world, &request));
    let mut browser = world.host.browser();
    let (code, verifier) = allowed(&world, &client, &mut browser);
    let tokens = client.exchange_code(code).set_pkce_verifier(verifier).request(&http).unwrap();
    let refreshed = client.exchange_refresh_token(tokens.refresh_token().unwrap()).request(&http).unwrap();
    assert_ne!(refreshed.refresh_token().unwrap().secret(), tokens.refresh_token().unwrap().secret());
    assert_eq!(world.api(refreshed.access_token().secret(), &[]).status, 200);

    let (code, _) = allowed(&world, &client, &mut browser);
    let (_, other) = PkceCodeChallenge::new_random_sha256();
    let refused = client.exchange_code(code).set_pkce_verifier(other).request(&http);
    assert_eq!(error_of(refused), "invalid_grant");

    // without a secret it learns nothing of its own tokens, and ends them
    let introspection = client.introspect(refreshed.access_token()).request(&http);
    assert_eq!(error_of(introspection), "invalid_client");
    assert_eq!(world.api(refreshed.access_token().secret(), &[]).status, 200);
    client.revoke_token(refreshed.refresh_token().unwrap().into()).unwrap().request(&http).unwrap();
    assert_eq!(world.api(refreshed.access_token().secret(), &[]).status, 401);
    let refused = client.exchange_refresh_token(refreshed.refresh_token().unwrap()).request(&http);
    assert_eq!(error_of(refused), "invalid_grant");
}

#[test]
fn the_oauth2_crate_with_a_secret_introspects_and_revokes() {
    let world = World::of("paper", "https://paper.example/callback");
    let (running, _) = world.host.keep.downcast_ref::<(Running, Directory)>().unwrap();
    let secret = running.printed.iter().find_map(|line| Some(line.split_once("shown this once: ")?.1)).unwrap();
    let client = stranger(&world).set_client_secret(ClientSecret::new(secret.to_owned()));
    let http = |request| over_http(&world, &request);
    let (code, verifier) = allowed(&world, &client, &mut world.host.browser());
    let tokens = client.exchange_code(code).set_pkce_verifier(verifier).request(&http).unwrap();
    let introspected = || client.introspect(tokens.access_token()).request(&http).unwrap();
    let held = introspected();
    assert!(held.active(), "{held:?}");
    assert_eq!(held.scopes().unwrap(), tokens.scopes().unwrap());
    assert_eq!(held.client_id().unwrap().as_str(), "paper");
    assert_eq!(world.api(tokens.access_token().secret(), &[]).status, 200);

    client.revoke_token(tokens.refresh_token().unwrap().into()).unwrap().request(&http).unwrap();
    let ended = introspected();
    assert!(!ended.active() && ended.client_id().is_none(), "{ended:?}");
    assert_eq!(world.api(tokens.access_token().secret(), &[]).status, 401);
    let refused = client.exchange_refresh_token(tokens.refresh_token().unwrap()).request(&http);
    assert_eq!(error_of(refused), "invalid_grant");
}

type Stranger = BasicClient<EndpointSet, EndpointNotSet, EndpointSet, EndpointSet, EndpointSet>;

fn stranger(world: &World) -> Stranger {
    let url = |path: &str| format!("http://{}{path}", world.host.address);
    BasicClient::new(ClientId::new(world.host.client.clone()))
        .set_auth_uri(AuthUrl::new(url("/oauth/authorize")).unwrap())
        .set_token_uri(TokenUrl::new(url("/oauth/token")).unwrap())
        .set_introspection_url(IntrospectionUrl::new(url("/oauth/introspect")).unwrap())
        // the crate sends it to https only (RFC 7009 §2); `over_http` looks at the path alone
        .set_revocation_url(RevocationUrl::new("https://localhost/oauth/revoke".to_owned()).unwrap())
        .set_redirect_uri(RedirectUrl::new(world.host.redirect_uri.clone()).unwrap())
}

fn over_http(world: &World, request: &HttpRequest) -> Result<HttpResponse, std::fmt::Error> {
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let body = std::str::from_utf8(request.body()).unwrap();
    let (method, path) = (request.method().as_str(), request.uri().path());
    let answer = world.host.browser().send(method, path, &headers.collect::<Vec<_>>(), body);
    let mut response = HttpResponse::new(answer.body.clone().into_bytes());
    *response.status_mut() = answer.status.try_into().unwrap();
    if let Some(media) = answer.header("content-type") {
        response.headers_mut().insert("content-type", media.parse().unwrap());
    }
    Ok(response)
}

/// What the first user allows.
fn allowed(world: &World, client: &Stranger, browser: &mut Browser) -> (AuthorizationCode, PkceCodeVerifier) {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let scopes = ["notes.read", "offline_access"].map(|scope| Scope::new(scope.to_owned()));
    let request = client.authorize_url(CsrfToken::new_random).add_scopes(scopes).set_pkce_challenge(challenge);
    let (url, sent) = request.url();
    let mut page = browser.open(&format!("{}?{}", url.path(), url.query().unwrap()));
    if world.host.consent_form(&page).is_none() {
        page = world.host.sign_in(browser, &page, &world.host.users[0]);
    }
    let form = world.host.consent_form(&page).unwrap();
    let answer = browser.submit(&form, Some(&world.host.approve));
    let Outcome::Code { code, state, .. } = world.host.outcome(&answer) else { panic!("{answer:?}") };
    assert_eq!(state.as_deref(), Some(sent.secret().as_str()));
    (AuthorizationCode::new(code), verifier)
}

fn error_of<T: std::fmt::Debug>(answer: Result<T, BasicRequestTokenError<std::fmt::Error>>) -> String {
    match answer {
        Err(RequestTokenError::ServerResponse(response)) => response.error().to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_unticked_is_not_allowed_and_what_was_not_shown_cannot_be() {
    let world = World::cli();
    let mut browser = world.host.browser();
    let (_, form) = world.host.ask(&mut browser, &world.host.users[0], "1");
    let mut more = form.clone();
    more.set("scope", "openid admin");
    assert_eq!(world.host.outcome(&browser.submit(&more, Some(&world.host.approve))), Outcome::Nothing);
    let mut odd = form.clone();
    odd.set("scope", "\"");
    assert_eq!(browser.submit(&odd, Some(&world.host.approve)).status, 403);
    let mut one = form;
    one.set("scope", "notes.read");
    let tokens = world.redeem(&world.code(&mut browser, &one));
    assert_eq!(tokens.text("scope"), "notes.read");
    assert!(tokens.value().get("refresh_token").is_none(), "offline_access was not allowed");
    let access = tokens.text("access_token");
    assert_eq!(world.api(&access, &[]).status, 200);
    assert_eq!(world.api(&access, &["-d", "no"]).status, 403);
}

#[test]
fn nothing_ticked_is_a_denial() {
    let world = World::cli();
    let mut browser = world.host.browser();
    let (_, mut form) = world.host.ask(&mut browser, &world.host.users[0], "1");
    form.remove("scope");
    let answer = browser.submit(&form, Some(&world.host.approve));
    assert_eq!(world.host.outcome(&answer), Outcome::Error("access_denied".to_owned()));
}

#[test]
fn what_was_allowed_is_remembered_seen_and_withdrawn() {
    let mut world = World::of("paper", "https://paper.example/callback");
    // offline_access is asked for each time
    world.host.scope = "notes.read notes.write".to_owned();
    let mut browser = world.host.browser();
    let (_, form) = world.host.ask(&mut browser, &world.host.users[0], "1");
    world.code(&mut browser, &form);
    let again = browser.open(&world.host.authorization_request("2"));
    assert!(matches!(world.host.outcome(&again), Outcome::Code { .. }), "{again:?}");

    let page = browser.open("/connections");
    assert!(page.body.contains("Paper &#38; Post") && page.body.contains("Read your notes"), "{page:?}");
    let form = page.forms().into_iter().find(|form| form.action == "/connections").unwrap();
    let mut forged = form.clone();
    forged.set("csrf", "x");
    assert_eq!(browser.submit(&forged, None).status, 403);
    let page = browser.submit(&form, None);
    assert!(page.body.contains("No app can reach your notes"), "{page:?}");
    let asked = browser.open(&world.host.authorization_request("3"));
    assert!(world.host.consent_form(&asked).is_some(), "{asked:?}");
}

#[test]
fn a_withdrawal_ends_refresh_tokens_at_once() {
    let world = World::cli();
    let mut browser = world.host.browser();
    let (_, form) = world.host.ask(&mut browser, &world.host.users[0], "1");
    let tokens = world.redeem(&world.code(&mut browser, &form));
    let refreshed = world.refresh(&tokens.text("refresh_token"));
    let access = refreshed.text("access_token");
    assert_eq!(world.api(&access, &[]).status, 200);
    let page = browser.open("/connections");
    let form = page.forms().into_iter().find(|form| form.action == "/connections").unwrap();
    browser.submit(&form, None);
    assert_eq!(world.refresh(&refreshed.text("refresh_token")).refused(), (400, "invalid_grant".to_owned()));
    assert_eq!(world.api(&access, &[]).status, 401);
}

#[test]
fn the_login_page_sends_nobody_away() {
    let world = World::cli();
    for next in
        ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)"]
    {
        let mut browser = world.host.browser();
        let page = browser.open("/login");
        let mut form = page.forms().remove(0);
        form.set("next", next);
        form.set("login", "ann");
        form.set("password", "correct horse battery");
        let after = browser.submit(&form, None);
        assert_eq!((after.status, after.target.as_str()), (200, "/notes"), "{next:?}");
    }
}

#[test]
fn forms_of_another_session_change_nothing() {
    let world = World::cli();
    let (mut browser, mut other) = (world.host.browser(), world.host.browser());
    let mut form = other.open("/login").forms().remove(0);
    form.set("login", "ann");
    form.set("password", "correct horse battery");
    browser.open("/login");
    assert_eq!(browser.submit(&form, None).status, 403);
    form.set("csrf", "");
    assert_eq!(browser.submit(&form, None).status, 403);
    assert_eq!(browser.open("/notes").target, "/login", "nobody is signed in");
}

/// What the README says of the size of it is what its command prints, and nothing of the rest knows of OAuth.
#[test]
fn the_lines_that_it_gained_are_counted_and_marked() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, part) = readme.split_once("## `embed`").unwrap();
    let (_, block) = part.split_once("```sh\n").unwrap();
    let (command, rest) = block.split_once("```\n```text\n").unwrap();
    let (said, _) = rest.split_once("```").unwrap();
    assert_eq!(sh(&format!("cd '{root}'\n{command}")), said);
    let unmarked = sh(&format!(
        "cd '{root}/examples/embed'; for x in *.rs templates/*.html; do \
         sed '/oauth:begin/,/oauth:end/d' $x | grep -nE '(oauth_(core|http))|/(allow|connections)' | sed \"s|^|$x |\"; done"
    ));
    assert_eq!(unmarked, "");
}
