//! Which scripts of other origins may send a request and read a document (Fetch §3.2). Nobody's cookies are ever asked
//! for. Who may read what a client was answered is for the core to say: it knows the client.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use actix_web::{HttpRequest, HttpResponse};
use oauth_core::Endpoint;

/// Whom an endpoint is open to beside the pages of its own origin.
#[derive(Debug, Clone)]
pub(crate) enum Scripts {
    /// Everybody: it is a public document.
    Public,
    /// Clients; browsers ask first for the origins that the operator lists.
    OfClients(Arc<[String]>),
    /// Nobody.
    None,
}

impl Scripts {
    pub(crate) fn of(endpoint: Endpoint, preflight_origins: &Arc<[String]>) -> Self {
        match endpoint {
            Endpoint::Jwks | Endpoint::Metadata => Self::Public,
            Endpoint::Token | Endpoint::Revoke => Self::OfClients(Arc::clone(preflight_origins)),
            _ => Self::None,
        }
    }

    /// The answer to a browser that asks whether a script may send its request; `None` when it may not, or when the
    /// request is another.
    pub(crate) fn preflight(&self, http: &HttpRequest) -> Option<HttpResponse> {
        let Self::OfClients(listed) = self else { return None };
        let asks_to_post = http.headers().get(ACCESS_CONTROL_REQUEST_METHOD).is_some_and(|method| method == "POST");
        if http.method() != Method::OPTIONS || !asks_to_post {
            return None;
        }
        let mut origins = http.headers().get_all(ORIGIN);
        let (origin, None) = (origins.next()?, origins.next()) else { return None };
        listed.iter().any(|held| held.as_bytes() == origin.as_bytes()).then(|| {
            HttpResponse::NoContent()
                .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()))
                .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "POST"))
                .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"))
                .insert_header((ACCESS_CONTROL_MAX_AGE, "600"))
                .insert_header((VARY, "Origin"))
                .finish()
        })
    }

    /// Says of a document that everybody may read it.
    pub(crate) fn mark(&self, answer: &mut HttpResponse) {
        if let Self::Public = self {
            answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
    }
}

/// What is wrong with a list of origins.
pub(crate) fn mistake(origins: &[String]) -> Option<String> {
    let wrong = origins.iter().find(|origin| !is_origin(origin))?;
    Some(format!(
        "`{wrong}` in `preflight_origins` is no origin that can be trusted: write `https://app.example`, with the port if it \
         has one, in lower case and without a slash at the end; http is for loopback only"
    ))
}

/// A tuple origin as browsers write it (Fetch §3.1); never `null` and never a pattern.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b':' | b'[' | b']');
    let is_scheme = scheme.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'));
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    let loopback = matches!(host, "127.0.0.1" | "[::1]" | "localhost");
    !scheme.is_empty()
        && is_scheme
        && !host.is_empty()
        && authority.bytes().all(plain)
        && (scheme != "http" || loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for origin in [
            "https://app.example",
            "https://app.example:8443",
            "http://localhost:5173",
            "http://127.0.0.1",
            "http://[::1]:80",
            "https://[2001:db8::1]",
            "capacitor://localhost",
        ] {
            assert!(is_origin(origin), "{origin}");
        }
        for other in [
            "*",
            "null",
            "",
            "https://",
            "https://*.example",
            "https://app.example/",
            "https://app.example/x",
            "https://App.example",
            "HTTPS://app.example",
            "https://user@app.example",
            "app.example",
            "http://app.example",
            "https://app.example https://b.example",
            "https://app.example\r\n",
        ] {
            assert!(!is_origin(other), "{other}");
        }
    }
}
