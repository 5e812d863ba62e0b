//! Finds the access token of a request (RFC 6750 §2): in the `Authorization` header, and nowhere else.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use oauth_core::Refusal;

/// The token that the header presents; `None` when there is no Bearer header.
///
/// # Errors
/// [`Refusal::TokenRepeated`] when a token comes twice, in two headers or in header and query;
/// [`Refusal::TokenMalformed`] when it is no text.
pub(crate) fn token(http: &HttpRequest) -> Result<Option<&str>, Refusal> {
    let mut headers = http.headers().get_all(AUTHORIZATION);
    let (first, second) = (headers.next(), headers.next());
    if second.is_some() {
        return Err(Refusal::TokenRepeated);
    }
    let Some(token) = first.and_then(|value| credentials(value.as_bytes())) else { return Ok(None) };
    if names_access_token(http.uri().query().unwrap_or_default().as_bytes()) {
        return Err(Refusal::TokenRepeated);
    }
    std::str::from_utf8(token).map(Some).map_err(|_| Refusal::TokenMalformed)
}

/// What stands after `Bearer`; the scheme ignores case, and one space or more may follow (RFC 9110 §11.1, §11.4).
fn credentials(value: &[u8]) -> Option<&[u8]> {
    let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    let (scheme, token) = value.split_at(end);
    scheme.eq_ignore_ascii_case(b"bearer").then(|| token.trim_ascii_start())
}

/// Whether a query or form has a parameter `access_token`, however its name is escaped.
pub(crate) fn names_access_token(form: &[u8]) -> bool {
    form.split(|byte| *byte == b'&').any(|pair| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        unescaped(name).eq(b"access_token".iter().copied())
    })
}

/// The bytes behind percent escapes; broken escapes stand for themselves.
fn unescaped(mut rest: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let (byte, after) = rest.split_first()?;
        if let (b'%', [high, low, after @ ..]) = (byte, after)
            && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
        {
            rest = after;
            return u8::try_from(high << 4 | low).ok();
        }
        rest = after;
        Some(*byte)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_ignores_case_and_must_be_whole() {
        assert_eq!(credentials(b"bEaReR   x y"), Some(&b"x y"[..]));
        assert_eq!(credentials(b"Bearer"), Some(&b""[..]));
        for other in [&b"Bearerx y"[..], b"Basic x", b"", b" Bearer x", b"Bearer\tx"] {
            assert_eq!(credentials(other), None, "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn access_token_is_found_under_every_spelling_of_its_name() {
        for query in ["access_token=x", "a=1&access_token", "%61ccess%5Ftoken=x", "a&&access_token=&b"] {
            assert!(names_access_token(query.as_bytes()), "{query}");
        }
        for query in ["", "a=access_token", "access_token2=x", "Access_Token=x", "access_token%", "%2561ccess_token=x"]
        {
            assert!(!names_access_token(query.as_bytes()), "{query}");
        }
    }
}
