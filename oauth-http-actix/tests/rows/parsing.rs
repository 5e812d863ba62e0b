//! P: how a form is read.

use oauth_core::{AuthorizationServer, ScopeMode};

use crate::support::{Ask, Backend, Connection, Host};
use crate::{GRANT, on_every_store};

on_every_store!(
    p01_a_parameter_appears_at_most_once,
    p02_nothing_is_taken_from_the_url,
    p03_unknown_parameters_are_ignored,
    p04_an_empty_value_counts_as_omitted,
    p05_names_and_values_are_case_sensitive_and_the_scheme_is_not,
    p06_only_forms_are_read,
    p07_utf8_only,
    p08_invalid_utf8_is_refused,
    p09_control_bytes_are_refused_before_the_store,
    p10_malformed_escapes_are_refused,
    p11_the_body_is_bounded_before_it_is_read,
    p12_parameters_are_bounded_in_length_and_number,
    p13_no_content_coding,
    p14_only_the_ampersand_separates,
    p15_truncated_and_padded_bodies_fail_closed,
    p16_scope_follows_its_grammar,
    p17_scope_is_a_set_and_what_is_not_allowed_is_refused,
);

/// Every parameter that the token endpoint knows or will know, with a value that it takes.
const KNOWN: [(&str, &str); 10] = [
    ("client_assertion", "x"),
    ("client_assertion_type", "x"),
    ("client_id", "app"),
    ("client_secret", "x"),
    ("code", "x"),
    ("code_verifier", "x"),
    ("grant_type", "client_credentials"),
    ("redirect_uri", "https://app.example/"),
    ("refresh_token", "x"),
    ("scope", "orders.read"),
];

fn p01_a_parameter_appears_at_most_once<B: Backend>() {
    let host = Host::<B>::start();
    for (name, value) in KNOWN.into_iter().chain([("username", "x"), ("password", "x"), ("token", "x")]) {
        for doubled in [
            format!("{name}={value}&{name}={value}"),
            format!("{name}=&{name}={value}"),
            format!("{name}={value}&{name}="),
            format!("{name}={value}&%{:02x}{}={value}", name.as_bytes()[0], &name[1..]),
        ] {
            let rest = if name == "grant_type" { "" } else { GRANT };
            host.token(&format!("{rest}&{doubled}")).is(400, "invalid_request");
        }
    }
    assert_eq!(host.calls(), [], "refused before the store");
    // RFC 8707 §2 lets `resource` repeat: this one is refused for what it names, not for being there twice
    host.token(&format!("{GRANT}&resource=https://a.example&resource=https://a.example")).is(400, "invalid_target");
    assert_eq!(host.token(GRANT).status, 200);
}

fn p02_nothing_is_taken_from_the_url<B: Backend>() {
    let host = Host::<B>::start();
    let query = format!("{GRANT}&client_id=app&client_secret={}&code=x", host.app.secret);
    let target = format!("/oauth/token?{query}");
    host.send(&Ask::new("POST", &target).form("")).is(400, "invalid_request");
    host.send(&Ask::new("POST", &target).basic("app", &host.app.secret).form("")).is(400, "invalid_request");
    // nor does it complete or override the body
    let ask = Ask::new("POST", "/oauth/token?scope=orders.write&client_secret=wrong&grant_type=x");
    let answer = host.send(&ask.basic("app", &host.app.secret).form(format!("{GRANT}&scope=profile")));
    assert_eq!(answer.scope(), "profile");
}

fn p03_unknown_parameters_are_ignored<B: Backend>() {
    let host = Host::<B>::start();
    for extra in ["foo=bar", "foo=a&foo=b", "__proto__=1", "constructor=x&%00=y", "foo"] {
        assert_eq!(host.token(&format!("{GRANT}&{extra}")).status, 200, "{extra}");
    }
}

fn p04_an_empty_value_counts_as_omitted<B: Backend>() {
    let host = Host::<B>::start();
    host.token("grant_type=").is(400, "invalid_request");
    host.token("grant_type").is(400, "invalid_request");
    assert_eq!(host.token(&format!("{GRANT}&scope=")).scope(), "orders.read orders.write profile");
    assert_eq!(host.token(&format!("{GRANT}&resource=&client_id=&client_secret=")).status, 200);
    host.send(&Ask::token().form(format!("{GRANT}&client_id=app&client_secret="))).is(401, "invalid_client");
    host.send(&Ask::token().form(format!("{GRANT}&client_id=&client_secret=x"))).is(400, "invalid_request");
}

fn p05_names_and_values_are_case_sensitive_and_the_scheme_is_not<B: Backend>() {
    let host = Host::<B>::start();
    host.token("Grant_Type=client_credentials").is(400, "invalid_request");
    host.token("grant_type=Client_Credentials").is(400, "unsupported_grant_type");
    host.token(&format!("{GRANT}&scope=Orders.Read")).is(400, "invalid_scope");
    let ask = Ask::token().basic("app", &host.app.secret).form(GRANT);
    let basic = String::from_utf8(ask.headers[0].1.clone()).unwrap();
    for scheme in ["bAsIc", "BASIC", "basic"] {
        let ask = Ask::token().header("aUtHoRiZaTiOn", basic.replace("Basic", scheme)).form(GRANT);
        assert_eq!(host.send(&ask).status, 200, "{scheme}");
    }
    host.send(&Ask::token().basic("APP", &host.app.secret).form(GRANT)).is(401, "invalid_client");
}

fn p06_only_forms_are_read<B: Backend>() {
    let host = Host::<B>::start();
    let ask = || Ask::token().basic("app", &host.app.secret).body(GRANT);
    for media in [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/x-www-form-urlencoded-foo",
        "application/x-www-form-urlencoded, text/plain",
        "application/x-www-form-urlencoded; boundary=x",
        "x-www-form-urlencoded",
        "*/*",
        "",
    ] {
        host.send(&ask().header("content-type", media)).is(400, "invalid_request");
    }
    host.send(&ask()).is(400, "invalid_request");
    let form = "application/x-www-form-urlencoded";
    host.send(&ask().header("content-type", form).header("content-type", form)).is(400, "invalid_request");
    host.send(&ask().header("content-type", form).header("content-type", "text/plain")).is(400, "invalid_request");
    assert_eq!(host.calls(), []);
    assert_eq!(host.send(&ask().header("content-type", "Application/X-WWW-Form-URLEncoded")).status, 200);
}

fn p07_utf8_only<B: Backend>() {
    let host = Host::<B>::start();
    let with = |parameters: &str| {
        let media = format!("application/x-www-form-urlencoded{parameters}");
        host.send(&Ask::token().basic("app", &host.app.secret).header("content-type", media).body(GRANT))
    };
    for good in [";charset=utf-8", ";charset=\"UTF-8\"", "; Charset=Utf-8", " ; charset=utf-8"] {
        assert_eq!(with(good).status, 200, "{good}");
    }
    for bad in [
        ";charset=iso-8859-1",
        ";charset=utf-16",
        ";charset=utf-7",
        ";charset=junk",
        ";charset=",
        ";charset=utf-8;charset=utf-16",
        ";charset=\"utf-8",
    ] {
        assert_eq!(with(bad).error(), (400, "invalid_request".to_owned()), "{bad}");
    }
}

fn p08_invalid_utf8_is_refused<B: Backend>() {
    let host = Host::<B>::start();
    for bad in ["%ff", "%c0%af", "%ed%a0%80", "%f8%88%80%80%80", "%e2%82"] {
        for form in [format!("{GRANT}&scope={bad}"), format!("{GRANT}&{bad}=x"), format!("{GRANT}&client_id={bad}")] {
            host.token(&form).is(400, "invalid_request");
        }
    }
    for raw in [&b"&scope=\xff"[..], b"&\xff=x", b"&foo=\xc3("] {
        let body = [GRANT.as_bytes(), raw].concat();
        host.send(&Ask::token().basic("app", &host.app.secret).form(body)).is(400, "invalid_request");
    }
    // in the credentials too: two byte strings never become one secret
    host.send(&Ask::token().basic_raw(b"app:\xff").form(GRANT)).is(400, "invalid_request");
    host.send(&Ask::token().basic_raw("app:%ff").form(GRANT)).is(400, "invalid_request");
    assert_eq!(host.calls(), []);
}

fn p09_control_bytes_are_refused_before_the_store<B: Backend>() {
    let host = Host::<B>::start();
    for byte in ["%00", "%01", "%7f", "%0a", "%1f"] {
        for (name, value) in KNOWN.into_iter().chain([("resource", "https://a"), ("username", "x"), ("password", "x")])
        {
            let rest = if name == "grant_type" { "" } else { GRANT };
            let answer = host.token(&format!("{rest}&{name}={value}{byte}"));
            let is_scope = name == "scope";
            answer.is(400, if is_scope { "invalid_scope" } else { "invalid_request" });
            // the scope is judged after the client, by its own grammar
            assert!(is_scope || host.calls().is_empty(), "{name}");
            host.forget();
        }
        host.send(&Ask::token().basic_raw(format!("app{byte}:x")).form(GRANT)).is(400, "invalid_request");
        host.send(&Ask::token().basic_raw(format!("app:x{byte}")).form(GRANT)).is(400, "invalid_request");
    }
}

fn p10_malformed_escapes_are_refused<B: Backend>() {
    let host = Host::<B>::start();
    for bad in ["%", "%2", "%zz", "%u0041", "%-1", "%+1"] {
        host.token(&format!("{GRANT}&scope=profile{bad}")).is(400, "invalid_request");
        host.token(&format!("{GRANT}&{bad}=x")).is(400, "invalid_request");
    }
    // `+` is a space, `%2B` is a plus
    let plus = host.client("plus", |spec| spec.scope("a b a+b"));
    assert_eq!(host.token_as(&plus, &format!("{GRANT}&scope=a+b")).scope(), "a b");
    assert_eq!(host.token_as(&plus, &format!("{GRANT}&scope=a%20b")).scope(), "a b");
    assert_eq!(host.token_as(&plus, &format!("{GRANT}&scope=a%2Bb")).scope(), "a+b");
}

fn p11_the_body_is_bounded_before_it_is_read<B: Backend>() {
    let host = Host::<B>::start();
    let limit = AuthorizationServer::BODY_LIMIT;
    let ask = Ask::token().basic("app", &host.app.secret).form("");
    let padded = |length: usize| format!("{GRANT}&x={}", "y".repeat(length - GRANT.len() - 3));
    // at the limit the body is read, and refused only for the length of its parameter
    host.send(&ask.clone().body(padded(limit))).is(400, "invalid_request");
    let over = host.send(&ask.clone().body(padded(limit + 1)));
    over.is(413, "invalid_request");
    // a declared length is refused although not a byte of the body is sent
    let mut connection = Connection::to(host.address);
    let declared = connection.send(&ask.head("Content-Length: 10737418240\r\n")).answer();
    declared.is(413, "invalid_request");
    declared.check(true);
    assert!(connection.read_to_end().is_empty(), "and hangs up");
    // without a declared length: the server stops listening soon after the limit, and answers
    let mut connection = Connection::to(host.address);
    connection.send(&ask.head("Transfer-Encoding: chunked\r\n"));
    let chunk = [b"1000\r\n".as_slice(), &[b'y'; 0x1000], b"\r\n"].concat();
    for _ in 0..=limit / 0x1000 {
        connection.send(&chunk);
    }
    let chunked = connection.send(b"0\r\n\r\n").answer();
    chunked.is(413, "invalid_request");
    chunked.check(true);
    assert!(connection.read_to_end().is_empty(), "and hangs up");
    assert_eq!(host.calls(), []);
    // a body without end: actix throws away what comes for a second, so that the answer can be read, and hangs up
    let mut connection = Connection::to(host.address);
    connection.send(&ask.head("Transfer-Encoding: chunked\r\n"));
    let most = 1 << 34;
    assert!(connection.send_until_refused(&chunk, most) < most, "an endless body is read on and on");
}

fn p12_parameters_are_bounded_in_length_and_number<B: Backend>() {
    let host = Host::<B>::start();
    for body in [
        format!("{GRANT}&scope={}", "a".repeat(4_097)),
        format!("{GRANT}&foo={}", "a".repeat(4_097)),
        format!("{GRANT}&{}=x", "a".repeat(4_097)),
        format!("{GRANT}{}", "&a=".repeat(10_000)),
        "&".repeat(65),
        format!("{GRANT}{}", "&".repeat(60_000)),
    ] {
        host.token(&body).is(400, "invalid_request");
    }
    // above the limit of the body it is refused before it is parsed
    host.token(&"&".repeat(100_000)).is(413, "invalid_request");
    assert_eq!((host.calls(), host.server.password_hashes()), (Vec::new(), 0));
    assert_eq!(host.token(&format!("{GRANT}&foo={}", "a".repeat(4_096))).status, 200);
}

fn p13_no_content_coding<B: Backend>() {
    let host = Host::<B>::start();
    // a gzip of a mebibyte of zeros, in a few bytes
    let bomb = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xed, 0xc1, 1, 1, 0, 0, 0, 0x80, 0x90, 0xfe, 0xaf, 0xee, 8, 0x0a];
    for coding in ["gzip", "br", "deflate", "zstd", "GZIP", "identity, gzip", "x"] {
        let ask = Ask::token().basic("app", &host.app.secret).header("content-encoding", coding);
        host.send(&ask.clone().form(bomb)).is(415, "invalid_request");
        host.send(&ask.form(GRANT)).is(415, "invalid_request");
    }
    assert_eq!(host.calls(), []);
    let ask = Ask::token().basic("app", &host.app.secret).header("content-encoding", "identity").form(GRANT);
    assert_eq!(host.send(&ask).status, 200);
}

fn p14_only_the_ampersand_separates<B: Backend>() {
    let host = Host::<B>::start();
    let all = "orders.read orders.write profile";
    for harmless in ["scope[]=profile", "scope[0]=profile", "=x", "&&&", "scope.x=profile", "a=1;scope=profile"] {
        assert_eq!(host.token(&format!("{GRANT}&{harmless}")).scope(), all, "{harmless}");
    }
    host.token("a=1;grant_type=client_credentials").is(400, "invalid_request");
    host.token(&format!("{GRANT}&scope=profile;b=2")).is(400, "invalid_scope");
}

fn p15_truncated_and_padded_bodies_fail_closed<B: Backend>() {
    let host = Host::<B>::start();
    let ask = Ask::token().basic("app", &host.app.secret).form(GRANT);
    let framed = |framing: &str, body: &str| {
        let mut connection = Connection::to(host.address);
        connection.send(&ask.head(framing)).send(body.as_bytes());
        connection
    };
    let longer = format!("Content-Length: {}\r\n", GRANT.len() + 1);
    // shorter than declared, and then silence: the deadline
    let mut silent = framed(&longer, GRANT);
    let answer = silent.answer();
    answer.is(408, "invalid_request");
    answer.check(true);
    assert!(silent.read_to_end().is_empty(), "and hangs up");
    // shorter than declared, and then the end
    for (framing, body) in [
        (longer.as_str(), GRANT.to_owned()),
        ("Transfer-Encoding: chunked\r\n", format!("{:x}\r\n{GRANT}\r\n", GRANT.len())),
        ("Transfer-Encoding: chunked\r\n", format!("ff\r\n{GRANT}")),
        // actix takes a chunk without a length for a broken connection
        ("Transfer-Encoding: chunked\r\n", format!("zz\r\n{GRANT}\r\n0\r\n\r\n")),
    ] {
        let rest = framed(framing, &body).finish_sending().read_to_end();
        let text = String::from_utf8_lossy(&rest);
        assert!(rest.is_empty() || text.starts_with("HTTP/1.1 400 ") || text.starts_with("HTTP/1.1 408 "), "{text}");
    }
    // longer than declared: only what was declared is the body
    let answer = framed("Content-Length: 20\r\n", GRANT).answer();
    answer.is(400, "unsupported_grant_type");
    assert_eq!(host.issued(), 0, "nothing was issued on the way");
    assert_eq!(host.token(GRANT).status, 200);
}

fn p16_scope_follows_its_grammar<B: Backend>() {
    let host = Host::<B>::start();
    for bad in ["%20profile", "profile%20", "profile%20%20orders.read", "a%09b", "%22", "a%5cb", "%c3%a9", "%7f", "%20"]
    {
        host.token(&format!("{GRANT}&scope={bad}")).is(400, "invalid_scope");
    }
}

fn p17_scope_is_a_set_and_what_is_not_allowed_is_refused<B: Backend>() {
    let host = Host::<B>::start();
    let granted = |scope: &str| host.token(&format!("{GRANT}&scope={scope}")).scope();
    assert_eq!(granted("profile+orders.read"), granted("orders.read+profile"));
    assert_eq!(granted("profile+profile"), "profile");
    assert_eq!(granted("profile+unknown"), "profile");
    host.token(&format!("{GRANT}&scope=unknown")).is(400, "invalid_scope");
    let strict = Host::<B>::with(|builder| builder.scope_mode(ScopeMode::Refuse));
    strict.token(&format!("{GRANT}&scope=profile+unknown")).is(400, "invalid_scope");
    assert_eq!(strict.token(&format!("{GRANT}&scope=profile")).scope(), "profile");
}
