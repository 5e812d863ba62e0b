//! The cookies that tie interactions to a browser: one for each interaction, readable by this server only.

use actix_web::HttpRequest;
use actix_web::http::header::{COOKIE, HeaderValue};
use oauth_core::AuthorizationServer;
use oauth_core::authorize::{BrowserSecret, Handle};

/// As long as an interaction lives, in seconds.
const MAX_AGE: u32 = 1_800;
/// What the cookie of an interaction holds when it was answered; no secret, and so no browser's.
const DONE: &str = "done";
/// The most cookies that one browser keeps; whoever opens more tabs loses the oldest interaction. Without a limit a page
/// that sends its visitors here again and again would fill their request heads.
const MOST: usize = 16;

/// How the cookies of a server are named and guarded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookies {
    /// Over http on loopback browsers take neither `Secure` nor the `__Host-` prefix.
    secure: bool,
}

impl Cookies {
    pub(crate) fn of(server: &AuthorizationServer) -> Self {
        Self { secure: server.issuer().as_str().starts_with("https://") }
    }

    /// Sets the cookie of an interaction, and takes others away when there are too many.
    pub(crate) fn set(self, http: &HttpRequest, handle: &Handle, browser: &BrowserSecret) -> Vec<HeaderValue> {
        let mut held: Vec<(&str, &str)> = pairs(http).filter(|(name, _)| self.is_ours(name)).collect();
        let too_many = (held.len() + 1).saturating_sub(MOST);
        // what is done goes first, then the oldest, which a browser sends first (RFC 6265 §5.4)
        held.sort_by_key(|(_, value)| *value != DONE);
        let gone = held.iter().take(too_many);
        let mut headers: Vec<_> = gone.filter_map(|(name, _)| self.header(name, "", 0)).collect();
        headers.extend(self.header(&self.name(handle), browser.expose(), MAX_AGE));
        headers
    }

    /// Puts [`DONE`] in the place of the secret once the browser was sent back to the client, so that whoever comes back
    /// reads that.
    /// Also, Chromium brings a `no-store` page back with its buttons unless a cookie changed meanwhile.
    pub(crate) fn done(self, handle: &Handle) -> Option<HeaderValue> {
        self.header(&self.name(handle), DONE, MAX_AGE)
    }

    /// The secret that this browser holds of an interaction.
    pub(crate) fn find(self, http: &HttpRequest, handle: &Handle) -> Option<BrowserSecret> {
        self.value(http, handle).and_then(BrowserSecret::parse)
    }

    /// Whether this browser has decided an interaction.
    pub(crate) fn is_done(self, http: &HttpRequest, handle: &Handle) -> bool {
        self.value(http, handle) == Some(DONE)
    }

    /// Two cookies of one name are none.
    fn value<'a>(self, http: &'a HttpRequest, handle: &Handle) -> Option<&'a str> {
        let name = self.name(handle);
        let mut values = pairs(http).filter(|(held, _)| *held == name).map(|(_, value)| value);
        values.next().filter(|_| values.next().is_none())
    }

    const fn prefix(self) -> &'static str {
        if self.secure { "__Host-oauth-" } else { "oauth-" }
    }

    fn name(self, handle: &Handle) -> String {
        format!("{}{}", self.prefix(), handle.fingerprint())
    }

    fn is_ours(self, name: &str) -> bool {
        let hex = |rest: &str| rest.len() == 16 && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        name.strip_prefix(self.prefix()).is_some_and(hex)
    }

    fn header(self, name: &str, value: &str, max_age: u32) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// The cookies of a request, in order.
fn pairs(http: &HttpRequest) -> impl Iterator<Item = (&str, &str)> {
    let headers = http.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
    headers.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn handle(letter: &str) -> Handle {
        Handle::parse(&letter.repeat(43)).unwrap()
    }

    #[test]
    fn a_cookie_names_its_interaction_and_hides_the_handle() {
        let (handle, browser) = (handle("A"), BrowserSecret::parse(&"E".repeat(43)).unwrap());
        let cookies = Cookies { secure: true };
        let [set] = &cookies.set(&TestRequest::get().to_http_request(), &handle, &browser)[..] else { panic!() };
        let text = set.to_str().unwrap();
        let (pair, attributes) = text.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; Max-Age=1800; HttpOnly; SameSite=Lax; Secure");
        assert!(pair.starts_with("__Host-oauth-") && !pair.contains("AAAA"), "{pair}");
        assert!(!format!("{set:?}").contains("EEEE"), "a log does not show it");
        let back = TestRequest::get().insert_header(("cookie", format!("a=b; {pair}; c"))).to_http_request();
        assert_eq!(cookies.find(&back, &handle).unwrap().expose(), browser.expose());
        let twice = TestRequest::get().insert_header(("cookie", format!("{pair}; {pair}"))).to_http_request();
        assert!(cookies.find(&twice, &handle).is_none());
        let done = cookies.done(&handle).unwrap();
        let (done, _) = done.to_str().unwrap().split_once("; ").unwrap();
        let after = TestRequest::get().insert_header(("cookie", done)).to_http_request();
        assert!(cookies.is_done(&after, &handle) && cookies.find(&after, &handle).is_none());
        assert!(!cookies.is_done(&back, &handle));
        let plain = Cookies { secure: false };
        assert!(plain.find(&back, &handle).is_none());
        let [set] = &plain.set(&TestRequest::get().to_http_request(), &handle, &browser)[..] else { panic!() };
        assert!(!set.to_str().unwrap().contains("Secure"));
    }

    #[test]
    fn a_browser_keeps_no_more_than_sixteen() {
        let cookies = Cookies { secure: true };
        let held: Vec<String> = (0..20).map(|number| format!("__Host-oauth-{number:016x}=x")).collect();
        let http = TestRequest::get().insert_header(("cookie", held.join("; "))).to_http_request();
        let set = cookies.set(&http, &handle("A"), &BrowserSecret::parse(&"E".repeat(43)).unwrap());
        let gone: Vec<_> =
            set.iter().map(|value| value.to_str().unwrap()).filter(|text| text.contains("=0;")).collect();
        assert_eq!((set.len(), gone.len()), (6, 5));
        assert!(gone[0].starts_with("__Host-oauth-0000000000000000=;") && gone[4].contains("0000000000000004"));
        // an open one outlasts those that are done, however old it is
        let value = |number| if number == 0 { "x" } else { "done" };
        let held: Vec<String> = (0..16).map(|number| format!("__Host-oauth-{number:016x}={}", value(number))).collect();
        let http = TestRequest::get().insert_header(("cookie", held.join("; "))).to_http_request();
        let set = cookies.set(&http, &handle("A"), &BrowserSecret::parse(&"E".repeat(43)).unwrap());
        assert!(set.len() == 2 && set[0].to_str().unwrap().starts_with("__Host-oauth-0000000000000001=;"));
    }
}
