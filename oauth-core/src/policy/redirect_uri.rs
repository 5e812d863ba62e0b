//! Where an answer may be sent: byte for byte as registered, but for the port of a loopback address (RFC 9700 §2.1,
//! RFC 8252 §7.3).

use crate::store::Client;

/// The hosts whose port may differ. `localhost` is not among them: it is a name, and who resolves it decides where the
/// answer goes (RFC 8252 §8.3).
const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

/// A redirect URI that is the client's: made here only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidRedirectUri(String);

impl ValidRedirectUri {
    /// The URI of a request, if one of the client's registered ones matches it.
    #[must_use]
    pub fn of(client: &Client, presented: &str) -> Option<Self> {
        client.redirect_uris.iter().any(|registered| matches(registered, presented)).then(|| Self(presented.to_owned()))
    }

    /// The text, as it was presented.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What people may be told of it: the host, or the scheme of a native app.
    #[must_use]
    pub fn host(&self) -> &str {
        let (scheme, rest) = self.0.split_once(':').unwrap_or((&self.0, ""));
        let host = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?']).next());
        host.filter(|host| !host.is_empty() && scheme.starts_with("http")).unwrap_or(scheme)
    }
}

/// Whether the presented URI is the registered one: the same bytes, or the same but for the port where both are http
/// at the same loopback address. A URI with a fragment never is (RFC 6749 §3.1.2).
#[must_use]
pub fn matches(registered: &str, presented: &str) -> bool {
    if registered.contains('#') {
        return false;
    }
    registered == presented
        || match (split_loopback(registered), split_loopback(presented)) {
            (Some(registered), Some(presented)) => registered == presented,
            _ => false,
        }
}

/// Whether scripts of this origin (Fetch §3.1) are the client's own: it is scheme, host and port of one of its registered
/// http or https URIs, written as browsers write it. The port of a loopback address plays no part.
#[must_use]
pub fn is_origin_of(client: &Client, origin: &str) -> bool {
    let origin_of = |uri: &str| -> Option<String> {
        let (scheme, rest) = uri.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let default_port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return None,
        };
        let authority = authority.strip_suffix(default_port).unwrap_or(authority);
        let is_plain = !authority.is_empty() && !authority.contains('@');
        is_plain.then(|| format!("{scheme}://{}", authority.to_ascii_lowercase()))
    };
    client.redirect_uris.iter().filter_map(|uri| origin_of(uri)).any(|own| matches(&own, origin))
}

/// Whether only the owner of the host name gets what is sent there: https, and no loopback address.
#[must_use]
pub fn is_exact_https(uri: &str) -> bool {
    let Some(after) = uri.strip_prefix("https://") else { return false };
    let host = after.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let name = host.split(':').next().unwrap_or_default();
    let loopback = name.starts_with("127.") || name.eq_ignore_ascii_case("localhost") || host.starts_with("[::1]");
    !host.is_empty() && !loopback
}

/// The address and what follows the port, when the URI is http at a loopback address.
fn split_loopback(uri: &str) -> Option<(&'static str, &str)> {
    let (host, after) = LOOPBACK.iter().find_map(|host| Some((*host, uri.strip_prefix(host)?)))?;
    let rest = match after.strip_prefix(':') {
        None => after,
        Some(after) => {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            let (port, rest) = after.split_at_checked(digits)?;
            port.parse::<u16>().ok().filter(|port| *port > 0)?;
            rest
        }
    };
    // what follows is a path or a query: anything else would make it another host
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixtures;

    #[test]
    fn bytes_decide() {
        let registered = "https://app.example/cb";
        assert!(matches(registered, registered));
        for other in [
            "https://app.example/cb/",
            "https://app.example/CB",
            "https://app.example/cb?x=1",
            "https://app.example/cb/../x",
            "https://app.example/cb%2f..",
            "HTTPS://app.example/cb",
            "https://app.example:443/cb",
            "https://app.example./cb",
            "https://good@app.example/cb",
            "https://app.example\\@evil/cb",
            "//app.example/cb",
            "https://app.example/cb#",
            "https://app.example/cb#f",
            "https://app.example/cb\t",
            "",
        ] {
            assert!(!matches(registered, other), "{other}");
        }
        assert!(!matches("https://app.example/#f", "https://app.example/#f"));
    }

    #[test]
    fn only_the_port_of_a_loopback_address_may_differ() {
        for (registered, presented, same) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", true),
            ("http://127.0.0.1:8080/cb", "http://127.0.0.1/cb", true),
            ("http://127.0.0.1:8080/cb", "http://127.0.0.1:65535/cb", true),
            ("http://127.0.0.1", "http://127.0.0.1:1", true),
            ("http://127.0.0.1?a", "http://127.0.0.1:1?a", true),
            ("http://[::1]/cb", "http://[::1]:51004/cb", true),
            ("http://[::1]/cb", "http://127.0.0.1/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/other", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb?x=1", false),
            ("http://127.0.0.1/cb", "https://127.0.0.1:51004/cb", false),
            ("http://127.0.0.1/cb", "http://127.1:51004/cb", false),
            ("http://127.0.0.1/cb", "http://0x7f.1:51004/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1@evil/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1@evil/cb", false),
            ("http://127.0.0.1/cb", "http://[::ffff:127.0.0.1]:1/cb", false),
            ("http://127.0.0.1/cb", "http://user@127.0.0.1:1/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:+80/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:８/cb", false),
            ("http://127.0.0.1/#f", "http://127.0.0.1:1/#f", false),
            ("http://localhost/cb", "http://localhost:51004/cb", false),
            ("http://192.0.2.1/cb", "http://192.0.2.1:51004/cb", false),
        ] {
            assert_eq!(matches(registered, presented), same, "{registered} {presented}");
        }
    }

    #[test]
    fn a_valid_uri_is_what_was_presented_and_names_its_host_or_scheme() {
        let mut client = fixtures::public();
        for (uri, host) in [
            ("https://app.example/cb", "app.example"),
            ("https://app.example:8443/cb", "app.example:8443"),
            ("https://app.example?x", "app.example"),
            ("http://127.0.0.1/cb", "127.0.0.1"),
            ("com.example.app:/cb", "com.example.app"),
            ("com.example.app://host/cb", "com.example.app"),
            ("https:///cb", "https"),
        ] {
            client.redirect_uris = vec!["https://first.example/".to_owned(), uri.to_owned()];
            let valid = ValidRedirectUri::of(&client, uri).unwrap();
            assert_eq!((valid.as_str(), valid.host()), (uri, host));
            assert_eq!(ValidRedirectUri::of(&client, "https://other.example/cb"), None);
        }
        let valid = ValidRedirectUri::of(&client, "https://first.example/").unwrap();
        assert_eq!(valid.as_str(), "https://first.example/");
    }

    #[test]
    fn an_origin_is_the_clients_when_a_redirect_uri_lies_there() {
        let mut client = fixtures::public();
        let own = |client: &Client, origin: &str| is_origin_of(client, origin);
        for (registered, origin, is_own) in [
            ("https://app.example/cb", "https://app.example", true),
            ("https://app.example", "https://app.example", true),
            ("https://app.example?x", "https://app.example", true),
            ("https://App.Example:443/cb", "https://app.example", true),
            ("https://app.example:8443/cb", "https://app.example:8443", true),
            ("https://[2001:db8::1]/cb", "https://[2001:db8::1]", true),
            ("http://localhost:5173/cb", "http://localhost:5173", true),
            ("http://127.0.0.1/cb", "http://127.0.0.1:5173", true),
            ("http://127.0.0.1:80/cb", "http://127.0.0.1", true),
            ("https://app.example/cb", "http://app.example", false),
            ("https://app.example/cb", "https://app.example:8443", false),
            ("https://app.example/cb", "https://app.example/", false),
            ("https://app.example/cb", "https://app.example/cb", false),
            ("https://app.example/cb", "https://App.example", false),
            ("https://app.example/cb", "https://app.example.evil", false),
            ("https://app.example/cb", "https://app.exampl", false),
            ("https://app.example/cb", "null", false),
            ("https://app.example/cb", "*", false),
            ("https://app.example/cb", "", false),
            ("https://evil@app.example/cb", "https://app.example", false),
            ("https:///cb", "https://", false),
            ("http://localhost:5173/cb", "http://localhost:5174", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:5173/cb", false),
            ("http://127.0.0.1/cb", "https://127.0.0.1:5173", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil:5173", false),
            ("com.example.app:/cb", "com.example.app", false),
            ("com.example.app://cb", "com.example.app://cb", false),
        ] {
            client.redirect_uris = vec!["https://first.example/".to_owned(), registered.to_owned()];
            assert_eq!(own(&client, origin), is_own, "{registered} {origin}");
        }
        client.redirect_uris.clear();
        assert!(!own(&client, "https://app.example"));
    }

    #[test]
    fn exact_https_is_a_host_that_somebody_owns() {
        for (uri, exact) in [
            ("https://app.example/cb", true),
            ("https://app.example:8443", true),
            ("https://app.example?x", true),
            ("http://app.example/cb", false),
            ("https://127.0.0.1/cb", false),
            ("https://127.8.0.1:1/cb", false),
            ("https://[::1]:1/cb", false),
            ("https://LOCALHOST:1/cb", false),
            ("https://user@localhost/cb", false),
            ("https:///cb", false),
            ("com.example.app:/cb", false),
        ] {
            assert_eq!(is_exact_https(uri), exact, "{uri}");
        }
    }
}
