//! Reads the forms of a page, as far as a browser without scripts would send them. For tests only: it believes that the
//! page is well-formed.

/// A form, with what it would send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// Where it goes, as written; empty for the page's own address.
    pub action: String,
    /// Whether it is posted.
    pub is_post: bool,
    fields: Vec<Field>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Field {
    name: String,
    kind: String,
    value: String,
    /// Whether it is sent: boxes that are ticked, and all that is no box.
    is_sent: bool,
}

impl Form {
    /// The first value under a name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }

    /// Writes into every field of this name.
    pub fn set(&mut self, name: &str, value: &str) {
        for field in self.fields.iter_mut().filter(|field| field.name == name) {
            value.clone_into(&mut field.value);
        }
    }

    /// Takes a field away.
    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|field| field.name != name);
    }

    /// The pairs that are sent.
    #[must_use]
    pub fn sent(&self) -> Vec<(String, String)> {
        let sent = self.fields.iter().filter(|field| field.is_sent && !field.name.is_empty());
        sent.map(|field| (field.name.clone(), field.value.clone())).collect()
    }

    pub(super) fn has_password(&self) -> bool {
        self.fields.iter().any(|field| field.kind == "password")
    }

    pub(super) fn fill_in(&mut self, login: &str, password: &str) {
        let is_name = |field: &&mut Field| ["text", "email", "tel"].contains(&field.kind.as_str());
        if let Some(field) = self.fields.iter_mut().find(is_name) {
            login.clone_into(&mut field.value);
        }
        for field in self.fields.iter_mut().filter(|field| field.kind == "password") {
            password.clone_into(&mut field.value);
        }
    }

    /// The names of hidden fields.
    pub(super) fn hidden(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(|field| field.kind == "hidden").map(|field| field.name.as_str())
    }
}

/// The forms of a page, in order.
pub(super) fn forms(html: &str) -> Vec<Form> {
    let mut forms = Vec::new();
    let mut open: Option<Form> = None;
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let (name, attributes, after) = tag(rest);
        rest = after;
        match name.as_str() {
            "script" | "style" | "title" => {
                rest = rest.split_once(&format!("</{name}")).map_or("", |(_, after)| after);
            }
            "form" => {
                let is_post =
                    attribute(&attributes, "method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
                let action = attribute(&attributes, "action").unwrap_or_default().to_owned();
                open = Some(Form { action, is_post, fields: Vec::new() });
            }
            "/form" => forms.extend(open.take()),
            "input" => {
                if let Some(form) = &mut open {
                    form.fields.push(input(&attributes));
                }
            }
            "textarea" => {
                let (text, after) = rest.split_once("</textarea").unwrap_or((rest, ""));
                rest = after;
                if let Some(form) = &mut open {
                    let name = attribute(&attributes, "name").unwrap_or_default().to_owned();
                    form.fields.push(Field { name, kind: "textarea".to_owned(), value: decode(text), is_sent: true });
                }
            }
            _ => {}
        }
    }
    forms
}

fn input(attributes: &[(String, String)]) -> Field {
    let kind = attribute(attributes, "type").unwrap_or("text").to_ascii_lowercase();
    let is_box = kind == "checkbox" || kind == "radio";
    let is_button = ["submit", "button", "image", "reset", "file"].contains(&kind.as_str());
    Field {
        name: attribute(attributes, "name").unwrap_or_default().to_owned(),
        value: attribute(attributes, "value").unwrap_or(if is_box { "on" } else { "" }).to_owned(),
        is_sent: !is_button && (!is_box || attribute(attributes, "checked").is_some()),
        kind,
    }
}

fn attribute<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
}

/// The tag that begins here: its name, its attributes, and what follows it.
fn tag(text: &str) -> (String, Vec<(String, String)>, &str) {
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(text.len());
    let name = text[..end].trim_end_matches('/').to_ascii_lowercase();
    let mut rest = &text[end..];
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return (name, attributes, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (name, attributes, after);
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace() || "=>/".contains(c)).unwrap_or(rest.len());
        // a stray `=` names an attribute too
        let end = end.max(rest.chars().next().map_or(0, char::len_utf8));
        let attribute = rest[..end].to_ascii_lowercase();
        rest = rest[end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            (value, rest) = match after.chars().next().filter(|quote| "\"'".contains(*quote)) {
                Some(quote) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
                None => {
                    after.split_at(after.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(after.len()))
                }
            };
        }
        attributes.push((attribute, decode(value)));
    }
}

/// Character references, as far as templates write them.
fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let reference = rest.split_once(';').and_then(|(name, after)| Some((character(&name[1..])?, after)));
        match reference {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "apos" => Some('\''),
        "gt" => Some('>'),
        "lt" => Some('<'),
        "nbsp" => Some('\u{a0}'),
        "quot" => Some('"'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_holds_what_a_browser_would_send() {
        let page = r#"<!doctype html><!-- <form> --><title><form></title><script>"<form>"</script>
            <form method=post action="/go?a=1&amp;b=2">
              <input type="hidden" name="token" value="&#60;x&#x3E; &quot;&unknown;&"/>
              <input name=login autofocus required><INPUT TYPE='password' NAME='password'>
              <label><input type="checkbox" name="scope" value="a" checked> a</label>
              <input type="checkbox" name="scope" value="b"><textarea name="text">two &amp; three</textarea>
              <input type="submit" name="go" value="Go"><button name="decision" value="deny">No</button>
            </form><form><input name="q"></form>"#;
        let forms = forms(page);
        assert_eq!(forms.len(), 2);
        let mut form = forms[0].clone();
        assert!(form.is_post && form.has_password() && !forms[1].is_post);
        assert_eq!(form.action, "/go?a=1&b=2");
        form.fill_in("ann", "secret");
        let pairs = [
            ("token", "<x> \"&unknown;&"),
            ("login", "ann"),
            ("password", "secret"),
            ("scope", "a"),
            ("text", "two & three"),
        ];
        assert_eq!(form.sent(), pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_not_well_formed_ends() {
        for page in
            ["<", "<form", "<form a", "<form a=", "<form a='", "<input =>", "<!--", "<textarea>", "<a <b <c", "&#;"]
        {
            let _ = forms(page);
            let _ = decode(page);
        }
    }
}
