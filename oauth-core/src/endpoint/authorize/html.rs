//! The two pages that the core writes itself: an error, and a form that posts an answer to the client. Everything that
//! was not written here is escaped; no page can be framed, and none loads or sends anything but what it is for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::context::CorrelationId;
use crate::wire::Response;

const SUBMIT: &str = "document.forms[0].submit()";

/// The error page.
pub(super) fn page(status: u16, message: &str, request: CorrelationId) -> Response {
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Sign-in stopped</title></head>\
         <body><main><h1>This sign-in cannot go on</h1><p>{}</p><p>Reference: {request}</p></main></body></html>",
        escape(message)
    );
    html(status, body, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'".to_owned())
}

/// A page that posts the members to the URI, at once where scripts run and by a button where not.
pub(super) fn form_post(uri: &str, members: &[(&'static str, Zeroizing<String>)]) -> Response {
    let mut fields = String::new();
    for (name, value) in members {
        let value = Zeroizing::new(escape(value));
        fields.push_str(&format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", value.as_str()));
    }
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Going back to the application</title>\
         </head><body><form method=\"post\" action=\"{}\">{fields}<noscript><button type=\"submit\">Continue</button>\
         </noscript></form><script>{SUBMIT}</script></body></html>",
        escape(uri)
    );
    let hash = STANDARD.encode(digest(&SHA256, SUBMIT.as_bytes()).as_ref());
    // no form-action: browsers apply it to the redirects of the receiver too, whose places nobody here knows
    let policy = format!("default-src 'none'; base-uri 'none'; frame-ancestors 'none'; script-src 'sha256-{hash}'");
    html(200, body, policy)
}

fn html(status: u16, body: String, policy: String) -> Response {
    Response { status, headers: Vec::with_capacity(8), body: body.into_bytes() }
        .header("content-type", "text/html; charset=utf-8")
        .header("content-security-policy", policy)
        .header("x-frame-options", "DENY")
        .header("x-content-type-options", "nosniff")
        .header("referrer-policy", "no-referrer")
        .no_store()
}

/// For text and for quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Appends text as a form value (RFC 6749 App. B), a space as `%20`, which every reader of queries understands.
pub(super) fn encode_query(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::form;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_to_itself(text in any::<String>().prop_filter("4 KiB", |text| text.len() < 4096)) {
            let mut encoded = String::new();
            encode_query(&text, &mut encoded);
            prop_assert_eq!(form::decode(encoded.as_bytes()).unwrap(), text);
        }

        #[test]
        fn nothing_that_was_escaped_leaves_text_or_attribute(text in any::<String>()) {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        }
    }
}
