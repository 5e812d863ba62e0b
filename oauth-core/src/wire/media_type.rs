//! What a body is declared to be (RFC 9110 §8.3): one media type of ours, in UTF-8.

use super::Headers;

/// Whether the body is declared to be a form.
pub(crate) fn is_form(headers: &Headers) -> bool {
    declares(headers, "application/x-www-form-urlencoded")
}

/// Whether the body is declared to be JSON: no `+json` and no older name of it.
pub(crate) fn is_json(headers: &Headers) -> bool {
    declares(headers, "application/json")
}

/// Whether there is one declaration, of this media type, with no parameter but at most one charset, which is UTF-8.
fn declares(headers: &Headers, media_type: &str) -> bool {
    let Ok(Some(value)) = headers.one("content-type") else { return false };
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let mut parts = value.split(';').map(|part| part.trim_matches([' ', '\t']));
    if !parts.next().is_some_and(|declared| declared.eq_ignore_ascii_case(media_type)) {
        return false;
    }
    let mut parameters = parts.filter(|parameter| !parameter.is_empty());
    parameters.next().is_none_or(is_utf8_charset) && parameters.next().is_none()
}

fn is_utf8_charset(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let unquoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    name.eq_ignore_ascii_case("charset") && unquoted.eq_ignore_ascii_case("utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(values: &[&[u8]]) -> Headers {
        let mut headers = Headers::default();
        for value in values {
            headers.push("Content-Type", value);
        }
        headers
    }

    #[test]
    fn p07_one_media_type_in_utf_8_is_taken_however_it_is_spelt() {
        for rest in ["", ";charset=utf-8", "; charset=\"UTF-8\"", " ;\tCharset=Utf-8 ", ";", "; ;", ";charset=utf-8;"] {
            let json = declared(&[format!("application/json{rest}").as_bytes()]);
            assert!(is_json(&json) && !is_form(&json), "{rest}");
            let form = declared(&[format!("Application/X-WWW-Form-Urlencoded{rest}").as_bytes()]);
            assert!(is_form(&form) && !is_json(&form), "{rest}");
        }
        assert!(is_json(&declared(&[b"APPLICATION/JSON"])));
    }

    #[test]
    fn p06_p07_everything_else_is_not() {
        for value in [
            "",
            ";",
            "json",
            "text/json",
            "application/json5",
            "application/problem+json",
            "application/x-json",
            "application/jsonp",
            "application/json, application/json",
            "application/json;charset=iso-8859-1",
            "application/json;charset=utf-16",
            "application/json;charset=utf8",
            "application/json;charset=",
            "application/json;charset",
            "application/json;charset=\"utf-8",
            "application/json;charset=utf-8\"",
            "application/json;charset=\"\"utf-8\"\"",
            "application/json;charset='utf-8'",
            "application/json;charset =utf-8",
            "application/json;charset= utf-8",
            "application/json;charset=utf-8;charset=utf-8",
            "application/json;charset=utf-8;charset=utf-16",
            "application/json;version=1",
            "application/json;charset=utf-8;version=1",
            "application/json charset=utf-8",
        ] {
            assert!(!is_json(&declared(&[value.as_bytes()])), "{value}");
        }
        assert!(!is_json(&declared(&[])));
        assert!(!is_json(&declared(&[b"application/json", b"application/json"])), "declared once");
        assert!(!is_json(&declared(&[b"application/json;charset=utf-8\xff"])));
    }
}
