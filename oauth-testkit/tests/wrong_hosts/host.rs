//! A host of the smallest kind: a socket, two users, a login form, a consent form; and the mistakes that hosts make.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use oauth_core::authorize::{
    Begun, BrowserSecret, Completed, ConsentToken, Decision, Handle, Page, Prompt, Redirect, Shown, SignedIn,
};
use oauth_core::keys::SealingKey;
use oauth_core::store::User;
use oauth_core::types::{Issuer, Scope, Timestamp};
use oauth_core::wire::{Method, Request};
use oauth_core::{AuthorizationServer, ClientSpec};
use oauth_store_memory::MemoryStore;
use oauth_testkit::{HostUser, InteractionHost, ManualClock, block_on};

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const REDIRECT_URI: &str = "https://app.example/callback";

/// What a host gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// A request that was decided is begun again, and decided as the form says.
    BeginsAgain,
    /// One browser secret for everybody.
    ConstantBrowser,
    /// The query decides as the form does.
    DecidesOnGet,
    /// A denial ends on a page of the host's.
    DenialIsNotTold,
    /// What the form brings as consent token is not looked at.
    FreshConsentToken,
    NoFramingHeaders,
    /// 307 after the decision.
    PassesTheFormOn,
    /// The session keeps its identifier at login.
    SessionStays,
    /// Who decides is read from the form.
    SubjectFromForm,
}

type Fields = HashMap<String, String>;

struct Host {
    fault: Fault,
    server: AuthorizationServer,
    sessions: Mutex<HashMap<String, String>>,
    /// The queries that interactions began with, for the host that begins again.
    begun: Mutex<HashMap<String, String>>,
    next: AtomicU32,
}

/// Starts a host on a free port.
pub(crate) fn start(fault: Fault) -> InteractionHost {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let store = MemoryStore::new();
    for subject in ["ann", "ben"] {
        let user = User { subject: subject.parse().unwrap(), active: true, scope: None, password: None };
        let _ = store.insert_user(user, [subject]).unwrap();
    }
    let sealing = SealingKey::new("test", [7; 32]).unwrap();
    let issuer = Issuer::url(&format!("http://{address}")).unwrap();
    let builder = AuthorizationServer::builder(issuer, store, sealing.into()).authorization_code();
    let server = block_on(builder.clock(Arc::new(ManualClock::at(NOW))).start()).unwrap();
    let app = ClientSpec::confidential("app").grants(["authorization_code"]).redirect_uris([REDIRECT_URI]);
    block_on(server.ensure_client(app.scope("cart.read cart.write").audience(["cart"]))).unwrap();
    let (sessions, begun) = (Mutex::default(), Mutex::default());
    let host = Arc::new(Host { fault, server, sessions, begun, next: AtomicU32::new(0) });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let host = Arc::clone(&host);
            thread::spawn(move || host.serve(stream));
        }
    });
    InteractionHost {
        client: "app".to_owned(),
        redirect_uri: REDIRECT_URI.to_owned(),
        scope: "cart.read cart.write".to_owned(),
        users: [HostUser::new("ann", "ann"), HostUser::new("ben", "ben")],
        ..InteractionHost::at(address)
    }
}

/// A request as this host reads it.
#[derive(Clone)]
struct Asked {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    cookies: Fields,
    form: Fields,
}

impl Asked {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut first = lines.first()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
        let headers: Vec<(String, String)> = lines[1..]
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let header = |name| headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.clone());
        let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut body).ok()?;
        let cookies = header("cookie").unwrap_or_default();
        let cookies = cookies.split("; ").filter_map(|pair| pair.split_once('='));
        let cookies = cookies.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let form = fields(&String::from_utf8(body).ok()?);
        Some(Self { method, path: path.to_owned(), query: query.to_owned(), headers, cookies, form })
    }

    fn request(&self) -> Request {
        let mut request = Request::new(Method::from_name(&self.method), &self.path);
        request.query = Some(self.query.clone());
        for (name, value) in &self.headers {
            request.headers.push(name, value.as_bytes());
        }
        request
    }
}

impl Host {
    fn serve(&self, mut stream: TcpStream) {
        let Some(mut asked) = Asked::read(&stream) else { return };
        let (status, headers, body) = match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", "/login") => self.sign_in(&asked),
            (_, "/login") => self.login_page(&fields(&asked.query).remove("next").unwrap_or_default()),
            (_, "/oauth/authorize") => self.begin(&asked),
            ("GET", "/consent") if self.fault == Fault::DecidesOnGet && asked.query.contains("decision=") => {
                asked.form = fields(&asked.query);
                asked.method = "POST".to_owned();
                self.decide(&asked)
            }
            ("POST", "/consent") => self.decide(&asked),
            _ => self.consent_page(&asked),
        };
        let mut answer = format!("HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            answer.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = if asked.method == "HEAD" { String::new() } else { body };
        let _ = stream.write_all(format!("{answer}\r\n{body}").as_bytes());
    }

    fn signed_in(&self, asked: &Asked) -> Option<SignedIn> {
        let subject = self.sessions.lock().unwrap().get(asked.cookies.get("session")?)?.clone();
        Some(SignedIn::new(subject.parse().unwrap(), NOW))
    }

    fn secret(&self, asked: &Asked, handle: &Handle) -> Option<BrowserSecret> {
        match self.fault {
            Fault::ConstantBrowser => Some(constant()),
            _ => BrowserSecret::parse(asked.cookies.get(&format!("b-{}", handle.fingerprint()))?),
        }
    }

    fn begin(&self, asked: &Asked) -> Reply {
        let browser = (self.fault == Fault::ConstantBrowser).then(constant);
        match block_on(self.server.begin(&asked.request(), self.signed_in(asked).as_ref(), browser)) {
            Begun::Interaction { handle, browser } => {
                self.begun.lock().unwrap().insert(handle.expose().to_owned(), asked.query.clone());
                let cookie = format!("b-{}={}; Path=/; HttpOnly", handle.fingerprint(), browser.expose());
                let (status, mut headers, body) = see(&format!("/consent?interaction={}", handle.expose()));
                headers.push(("Set-Cookie", cookie));
                (status, headers, body)
            }
            Begun::Redirect(redirect) => self.leave(&redirect),
            Begun::Page(page) => self.refuse(&page),
        }
    }

    fn login_page(&self, next: &str) -> Reply {
        let cookie = format!("session=s{}; Path=/", self.next.fetch_add(1, Ordering::Relaxed));
        let (status, mut headers, body) = self.page(format!(
            "<form method=post action=/login><input type=hidden name=next value=\"{next}\"><input name=login>\
             <input type=password name=password></form>"
        ));
        // a session before the login, for the host that keeps it
        if self.fault == Fault::SessionStays {
            headers.push(("Set-Cookie", cookie));
        }
        (status, headers, body)
    }

    fn sign_in(&self, asked: &Asked) -> Reply {
        let field = |name: &str| asked.form.get(name).cloned().unwrap_or_default();
        if field("login") != field("password") {
            return self.login_page(&field("next"));
        }
        let old = asked.cookies.get("session").cloned();
        let mut sessions = self.sessions.lock().unwrap();
        let id = match old.clone().filter(|_| self.fault == Fault::SessionStays) {
            Some(id) => id,
            None => format!("n{}", self.next.fetch_add(1, Ordering::Relaxed)),
        };
        old.map(|old| sessions.remove(&old));
        sessions.insert(id.clone(), field("login"));
        let next = field("next");
        let (status, mut headers, body) = see(if next.is_empty() { "/home" } else { &next });
        headers.push(("Set-Cookie", format!("session={id}; Path=/; HttpOnly")));
        (status, headers, body)
    }

    fn consent_page(&self, asked: &Asked) -> Reply {
        let here = format!("/consent?{}", asked.query);
        if asked.path != "/consent" {
            return self.page("home".to_owned());
        }
        let Some(handle) = handle(asked) else { return self.page("which?".to_owned()) };
        let Some(browser) = self.secret(asked, &handle) else { return self.page("another browser".to_owned()) };
        let signed_in = self.signed_in(asked);
        match block_on(self.server.show(&asked.request(), &handle, &browser, signed_in.as_ref())) {
            Shown::NeedLogin { .. } => self.login_page(&here),
            Shown::Prompt(prompt) => self.page(form_of(&here, &prompt)),
            Shown::Redirect(redirect) => self.leave(&redirect),
            Shown::Page(_) if self.fault == Fault::BeginsAgain => self.begin_again(asked, &handle),
            Shown::Page(page) => self.refuse(&page),
        }
    }

    fn decide(&self, asked: &Asked) -> Reply {
        let Some(handle) = handle(asked) else { return self.page("which?".to_owned()) };
        let Some(browser) = self.secret(asked, &handle) else { return self.page("another browser".to_owned()) };
        let Some(mut signed_in) = self.signed_in(asked) else { return self.page("who?".to_owned()) };
        if self.fault == Fault::SubjectFromForm {
            signed_in.subject = asked.form["user"].parse().unwrap();
        }
        let mut consent = ConsentToken::presented(asked.form.get("consent").map_or("", String::as_str));
        if self.fault == Fault::FreshConsentToken {
            let shown = block_on(self.server.show(&asked.request(), &handle, &browser, Some(&signed_in)));
            if let Shown::Prompt(prompt) = shown {
                consent = prompt.consent;
            }
        }
        let decision = match asked.form.get("decision").map(String::as_str) {
            Some("approve") => Decision::Approve { scopes: Scope::parse("cart.read cart.write").unwrap() },
            _ => Decision::Deny,
        };
        let mut request = asked.request();
        request.method = Method::Post;
        let completed = block_on(self.server.complete(&request, &handle, &browser, &consent, &signed_in, &decision));
        match completed {
            Completed::Redirect(_) if self.fault == Fault::DenialIsNotTold && decision == Decision::Deny => {
                self.page("denied".to_owned())
            }
            Completed::Redirect(redirect) => self.leave(&redirect),
            Completed::AlreadyDecided(_) if self.fault == Fault::BeginsAgain => self.complete_again(asked, &signed_in),
            Completed::AlreadyDecided(_) => self.page("decided".to_owned()),
            Completed::NeedLogin { .. } => see(&format!("/consent?{}", asked.query)),
            Completed::Page(page) => self.refuse(&page),
        }
    }

    fn begin_again(&self, asked: &Asked, handle: &Handle) -> Reply {
        let Some(query) = self.begun.lock().unwrap().get(handle.expose()).cloned() else { return see("/home") };
        let again = Asked { query, path: "/oauth/authorize".to_owned(), method: "GET".to_owned(), ..asked.clone() };
        self.begin(&again)
    }

    fn complete_again(&self, asked: &Asked, signed_in: &SignedIn) -> Reply {
        let handle = handle(asked).unwrap();
        let Some(query) = self.begun.lock().unwrap().get(handle.expose()).cloned() else { return see("/home") };
        let again = Asked { query, path: "/oauth/authorize".to_owned(), method: "GET".to_owned(), ..asked.clone() };
        // consent is remembered, so that this gives a code at once; else it is asked for and given
        match block_on(self.server.begin(&again.request(), Some(signed_in), None)) {
            Begun::Redirect(redirect) => self.leave(&redirect),
            Begun::Page(page) => self.refuse(&page),
            Begun::Interaction { handle, browser } => {
                let shown = block_on(self.server.show(&again.request(), &handle, &browser, Some(signed_in)));
                let Shown::Prompt(prompt) = shown else { return see("/home") };
                let (decision, consent) = (Decision::Approve { scopes: prompt.scope() }, prompt.consent);
                let mut request = asked.request();
                request.method = Method::Post;
                let completed =
                    block_on(self.server.complete(&request, &handle, &browser, &consent, signed_in, &decision));
                match completed {
                    Completed::Redirect(redirect) => self.leave(&redirect),
                    _ => see("/home"),
                }
            }
        }
    }

    fn leave(&self, redirect: &Redirect) -> Reply {
        let response = redirect.response();
        let status = if self.fault == Fault::PassesTheFormOn { 307 } else { response.status };
        let headers = response.headers.into_iter().map(|(name, value)| (name, value.into_owned())).collect();
        (status, headers, String::new())
    }

    fn refuse(&self, page: &Page) -> Reply {
        let (_, headers, body) = self.page(page.message.to_owned());
        (page.status, headers, body)
    }

    fn page(&self, body: String) -> Reply {
        let mut headers = vec![("Content-Type", "text/html".to_owned())];
        if self.fault != Fault::NoFramingHeaders {
            for (name, value) in [
                ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
                ("X-Frame-Options", "DENY"),
                ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "no-referrer"),
                ("Cache-Control", "no-store"),
            ] {
                headers.push((name, value.to_owned()));
            }
        }
        (200, headers, body)
    }
}

type Reply = (u16, Vec<(&'static str, String)>, String);

fn form_of(here: &str, prompt: &Prompt) -> String {
    format!(
        "<form method=post action=\"{here}\"><input type=hidden name=user value={}>\
         <input type=hidden name=consent value={}><button name=decision value=approve>Yes</button></form>",
        prompt.subject,
        prompt.consent.as_str()
    )
}

fn see(path: &str) -> Reply {
    (303, vec![("Location", path.to_owned())], String::new())
}

fn constant() -> BrowserSecret {
    BrowserSecret::from_host_session(b"one secret for everybody").unwrap()
}

fn handle(asked: &Asked) -> Option<Handle> {
    Handle::parse(fields(&asked.query).get("interaction")?)
}

fn fields(text: &str) -> Fields {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), decode(value))).collect()
}

fn decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => u8::from_str_radix(&bytes.by_ref().take(2).map(char::from).collect::<String>(), 16).unwrap(),
            byte => byte,
        });
    }
    String::from_utf8(out).unwrap()
}
