//! Whether a redirect URI can be registered (RFC 6749 §3.1.2, RFC 8252, RFC 9700 §2.1).

use fluent_uri::Uri;

use super::{ClientSpec, RedirectWish};
use crate::server::mistakes::Mistakes;
use crate::store::GrantTypes;

/// The most redirect URIs of a client.
const MOST: usize = 32;
/// The longest, in bytes.
const MAX_LEN: usize = 1_024;
/// What the answer itself adds to the query.
const RESERVED: [&str; 6] = ["code", "error", "error_description", "iss", "response", "state"];

impl ClientSpec {
    pub(super) fn check_redirect_uris(&self, grants: &GrantTypes, mistakes: &mut Mistakes) -> Vec<String> {
        let wanted = grants.contains(GrantTypes::AUTHORIZATION_CODE);
        if wanted && self.redirect_uris.is_empty() {
            mistakes.say(
                "it may use `authorization_code` and has no redirect URI; name where its answers go with \
                 `.redirect_uris([\"https://…\"])`"
                    .into(),
            );
        }
        if !wanted && !self.redirect_uris.is_empty() {
            mistakes
                .say("it has redirect URIs and not the grant `authorization_code`; add the grant or drop them".into());
        }
        if self.redirect_uris.len() > MOST {
            mistakes.say(format!("it has more than {MOST} redirect URIs; register several clients"));
        }
        let mut uris = Vec::new();
        for RedirectWish { uri, localhost } in &self.redirect_uris {
            if let Err(why) = judge(uri, *localhost) {
                mistakes.say(format!("the redirect URI `{}` {why}", uri.escape_debug()));
            } else if uris.contains(uri) {
                mistakes.say(format!("the redirect URI `{uri}` is named twice; drop one"));
            } else {
                uris.push(uri.clone());
            }
        }
        uris
    }
}

fn judge(text: &str, localhost: bool) -> Result<(), &'static str> {
    if text.len() > MAX_LEN {
        return Err("has more than 1,024 bytes");
    }
    let uri = Uri::parse(text).map_err(|_| "is no absolute URI")?;
    if uri.has_fragment() {
        return Err("has a fragment (RFC 6749 section 3.1.2)");
    }
    let names =
        uri.query().map_or("", |query| query.as_str()).split('&').map(|pair| pair.split('=').next().unwrap_or(""));
    if names.into_iter().any(|name| RESERVED.contains(&name)) {
        return Err("holds a parameter that the answer itself adds");
    }
    let host = match uri.authority() {
        Some(authority) if authority.has_userinfo() => return Err("holds user information"),
        Some(authority) => authority.host(),
        None => "",
    };
    match uri.scheme().as_str() {
        "https" if host.is_empty() => Err("has no host"),
        "https" => Ok(()),
        "http" if matches!(host, "127.0.0.1" | "[::1]") => Ok(()),
        "http" if host == "localhost" && localhost => Ok(()),
        "http" if host == "localhost" => Err(
            "is at a name that others may resolve; use `http://127.0.0.1/…`, or `.localhost_redirect_uri` if you must",
        ),
        "http" => Err("is in clear; use https"),
        scheme if scheme.contains('.') && scheme.bytes().all(|byte| !byte.is_ascii_uppercase()) => Ok(()),
        _ => Err("has a scheme without a dot, which others may use as well (RFC 8252 section 7.1)"),
    }
}
