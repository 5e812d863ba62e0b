//! The clauses. Each panics when the host breaks it.

use std::sync::Barrier;
use std::thread;

use super::{Answer, Browser, Form, InteractionHost, Outcome, browser};

/// Without this one the others would say nothing: a page that does nothing refuses everything.
pub fn a_user_who_signs_in_and_agrees_sends_a_code_to_the_client(host: &InteractionHost) {
    let mut browser = host.browser();
    let (_, form) = host.ask(&mut browser, &host.users[0], "st 1/&ü");
    assert!(form.is_post, "a decision is posted");
    let answer = browser.submit(&form, Some(&host.approve));
    assert!([302, 303].contains(&answer.status), "{answer:?}");
    let Outcome::Code { code, state, issuer } = host.outcome(&answer) else { panic!("no code: {answer:?}") };
    assert!(code.len() >= 22 && issuer.is_some(), "{answer:?}");
    assert_eq!(state.as_deref(), Some("st 1/&ü"));
}

/// RFC 6749 §4.1.2.1.
pub fn a_user_who_denies_sends_access_denied_to_the_client(host: &InteractionHost) {
    let mut browser = host.browser();
    let (_, form) = host.ask(&mut browser, &host.users[0], "1");
    let answer = browser.submit(&form, Some(&host.deny));
    assert_eq!(host.outcome(&answer), Outcome::Error("access_denied".to_owned()), "{answer:?}");
}

/// Whoever gets hold of a page's address and form, and is even the same user, decides nothing elsewhere.
pub fn another_browser_neither_sees_nor_decides(host: &InteractionHost) {
    let mut first = host.browser();
    let (page, form) = host.ask(&mut first, &host.users[0], "1");
    let mut other = host.browser();
    let stranger = other.open(&page.target);
    assert!(host.consent_form(&stranger).is_none(), "{stranger:?}");
    gives_no_code(host, &other.submit(&form, Some(&host.approve)));
    host.switch_to(&mut other, &host.users[0]);
    let same_user = other.open(&page.target);
    assert!(host.consent_form(&same_user).is_none(), "another browser sees the prompt: {same_user:?}");
    let (_, own) = host.ask(&mut other, &host.users[0], "2");
    for mixed in mixtures(host, &own, &form) {
        gives_no_code(host, &other.submit(&mixed, Some(&host.approve)));
    }
    gives_a_code(host, &first.submit(&form, Some(&host.approve)));
}

/// A family at one computer: what was shown to one is not decided by another, whoever's page sends it.
pub fn another_user_does_not_decide_what_was_shown_to_the_first(host: &InteractionHost) {
    let mut browser = host.browser();
    let (_, of_first) = host.ask(&mut browser, &host.users[0], "1");
    host.switch_to(&mut browser, &host.users[1]);
    let (_, of_second) = host.ask(&mut browser, &host.users[1], "2");
    for mixed in mixtures(host, &of_second, &of_first) {
        gives_no_code(host, &browser.submit(&mixed, Some(&host.approve)));
    }
    gives_a_code(host, &browser.submit(&of_second, Some(&host.approve)));
}

/// The page that lay open is worth nothing; loaded again, it asks whoever is there now.
pub fn a_user_switched_in_another_tab_is_asked_anew(host: &InteractionHost) {
    let mut browser = host.browser();
    let (page, old) = host.ask(&mut browser, &host.users[0], "1");
    host.switch_to(&mut browser, &host.users[1]);
    gives_no_code(host, &browser.submit(&old, Some(&host.approve)));
    gives_no_denial(host, &browser.submit(&old, Some(&host.deny)));
    let mut again = browser.open(&page.target);
    if again.forms().iter().any(Form::has_password) {
        again = host.sign_in(&mut browser, &again, &host.users[1]);
    }
    let new = host.consent_form(&again).unwrap_or_else(|| panic!("the second user is not asked: {again:?}"));
    assert_ne!(new.value(&host.consent_field), old.value(&host.consent_field));
    gives_a_code(host, &browser.submit(&new, Some(&host.approve)));
}

/// Absent, empty, changed, or anything.
pub fn without_the_consent_token_nothing_is_decided(host: &InteractionHost) {
    let mut browser = host.browser();
    let (_, form) = host.ask(&mut browser, &host.users[0], "1");
    let token = form.value(&host.consent_field).unwrap_or_default().to_owned();
    let mut missing = form.clone();
    missing.remove(&host.consent_field);
    let mut wrong = vec![missing];
    for text in ["", "x", &changed(&token), &token[1..], &format!("{token}{token}"), &"x".repeat(4_000), "\"><&é"] {
        let mut form = form.clone();
        form.set(&host.consent_field, text);
        wrong.push(form);
    }
    for form in wrong {
        gives_no_code(host, &browser.submit(&form, Some(&host.approve)));
        gives_no_denial(host, &browser.submit(&form, Some(&host.deny)));
    }
    gives_a_code(host, &browser.submit(&form, Some(&host.approve)));
}

/// Same browser, same user, two requests: each token decides its own.
pub fn a_consent_token_of_another_tab_decides_nothing_here(host: &InteractionHost) {
    let mut browser = host.browser();
    let (_, first) = host.ask(&mut browser, &host.users[0], "1");
    let (_, second) = host.ask(&mut browser, &host.users[0], "2");
    let mut mixed = mixtures(host, &first, &second);
    // everything of the second tab is the second tab
    assert_eq!(mixed.pop().map(|form| form.sent()), Some(second.sent()));
    assert!(!mixed.is_empty(), "nothing but the token tells two tabs apart");
    for mixed in mixed {
        gives_no_code(host, &browser.submit(&mixed, Some(&host.approve)));
    }
    gives_a_code(host, &browser.submit(&second, Some(&host.approve)));
    gives_a_code(host, &browser.submit(&first, Some(&host.approve)));
}

/// The same form again, with either button.
pub fn a_decision_counts_once(host: &InteractionHost) {
    let mut browser = host.browser();
    let (_, form) = host.ask(&mut browser, &host.users[0], "1");
    gives_a_code(host, &browser.submit(&form, Some(&host.approve)));
    gives_no_code(host, &browser.submit(&form, Some(&host.approve)));
    gives_no_denial(host, &browser.submit(&form, Some(&host.deny)));
}

/// An impatient second click, or one page in two tabs.
pub fn of_two_tabs_that_submit_at_once_one_gets_a_code(host: &InteractionHost) {
    let mut browser = host.browser();
    let (page, form) = host.ask(&mut browser, &host.users[0], "1");
    let again = browser.open(&page.target);
    let again = host.consent_form(&again).unwrap_or_else(|| panic!("the page is not shown twice: {again:?}"));
    let start = Barrier::new(4);
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let tabs = [&form, &again, &form, &again].map(|form| {
            let (mut tab, start) = (browser.clone(), &start);
            scope.spawn(move || {
                start.wait();
                let answer = tab.submit(form, Some(&host.approve));
                assert!(answer.status < 500, "{answer:?}");
                host.outcome(&answer)
            })
        });
        tabs.into_iter().map(|tab| tab.join().expect("an answer")).collect()
    });
    let codes = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Code { .. })).count();
    assert_eq!(codes, 1, "{outcomes:?}");
}

/// The denial was told to the client, and stays.
pub fn approving_after_a_denial_gives_no_code(host: &InteractionHost) {
    let mut browser = host.browser();
    let (page, form) = host.ask(&mut browser, &host.users[0], "1");
    let again = browser.open(&page.target);
    let again = host.consent_form(&again).unwrap_or_else(|| panic!("the page is not shown twice: {again:?}"));
    let denied = browser.submit(&form, Some(&host.deny));
    assert_eq!(host.outcome(&denied), Outcome::Error("access_denied".to_owned()), "{denied:?}");
    for form in [&again, &form] {
        gives_no_code(host, &browser.submit(form, Some(&host.approve)));
    }
}

/// What was decided is said, not asked again.
pub fn the_back_button_leads_to_no_second_decision(host: &InteractionHost) {
    for (button, user) in [&host.approve, &host.deny].into_iter().zip(&host.users) {
        let mut browser = host.browser();
        let (page, form) = host.ask(&mut browser, user, "1");
        browser.submit(&form, Some(button));
        let back = browser.open(&page.target);
        assert!(host.consent_form(&back).is_none(), "asked again: {back:?}");
        assert!(!back.forms().iter().any(Form::has_password), "a login page that leads nowhere: {back:?}");
        gives_no_code(host, &back);
    }
}

/// RFC 9110 §9.2.1: looking decides nothing, be it by the user, a link checker or a browser that guesses.
pub fn neither_get_nor_head_decides(host: &InteractionHost) {
    let mut browser = host.browser();
    let (page, form) = host.ask(&mut browser, &host.users[0], "1");
    let pairs: Vec<_> = form.sent().into_iter().chain([host.approve.clone()]).collect();
    let separator = if form.action.contains('?') { '&' } else { '?' };
    let with_query = format!("{}{separator}{}", form.action, browser::encode(&pairs));
    for method in ["GET", "HEAD"] {
        gives_no_code(host, &browser.send(method, &with_query, &[], ""));
    }
    gives_a_code(host, &browser.submit(&form, Some(&host.approve)));
    // remembered or not: who only looks gets no code
    for target in [&host.authorization_request("2"), &page.target] {
        gives_no_code(host, &browser.send("HEAD", target, &[], ""));
        for purpose in ["sec-purpose", "purpose"] {
            gives_no_code(host, &browser.send("GET", target, &[(purpose, "prefetch")], ""));
        }
    }
}

/// RFC 9700 §4.16 and §4.2.4, for every page on which somebody could be tricked into a click.
pub fn no_page_can_be_framed_or_leaks_its_address(host: &InteractionHost) {
    let mut browser = host.browser();
    keeps_to_itself("the login page", &browser.open(&host.authorization_request("1")));
    let (page, form) = host.ask(&mut browser, &host.users[0], "2");
    keeps_to_itself("the consent page", &page);
    keeps_to_itself("the login page of the host", &browser.open(&host.login_page));
    let mut wrong = form.clone();
    wrong.set(&host.consent_field, "x");
    keeps_to_itself("a refused decision", &browser.submit(&wrong, Some(&host.approve)));
    keeps_to_itself("the page in another browser", &host.browser().open(&page.target));
    browser.submit(&form, Some(&host.approve));
    keeps_to_itself("the page of what was decided", &browser.open(&page.target));
    keeps_to_itself("a second decision", &browser.submit(&form, Some(&host.approve)));
    let unknown = host.authorization_request("3").replace("client_id=", "client_id=no-");
    keeps_to_itself("an unknown client's page", &browser.open(&unknown));
}

/// Session fixation (NIST SP 800-63B §7.1): the cookies from before the login are worth nothing after it.
pub fn whoever_knew_the_session_before_the_login_is_not_signed_in_by_it(host: &InteractionHost) {
    let mut browser = host.browser();
    let page = browser.open(&host.authorization_request("1"));
    let mut thief: Browser = browser.clone();
    let prompt = host.sign_in(&mut browser, &page, &host.users[0]);
    assert!(host.consent_form(&prompt).is_some(), "{prompt:?}");
    let seen = thief.open(&prompt.target);
    assert!(host.consent_form(&seen).is_none(), "the session of before the login is signed in: {seen:?}");
    // nor is an earlier user's session, once another has signed in over it
    let mut earlier = browser.clone();
    host.switch_to(&mut browser, &host.users[1]);
    let seen = earlier.open(&prompt.target);
    assert!(host.consent_form(&seen).is_none(), "the session of before the switch is signed in: {seen:?}");
}

/// Every form that has the foreign consent token and anything of either form beside it; the last is the foreign form
/// whole. Hosts have hidden fields of their own, so that the token alone would be refused for the wrong reason.
fn mixtures(host: &InteractionHost, own: &Form, foreign: &Form) -> Vec<Form> {
    let mut names: Vec<&str> = own.hidden().filter(|name| own.value(name) != foreign.value(name)).collect();
    names.retain(|name| *name != host.consent_field && foreign.value(name).is_some());
    let actions = [&own.action, &foreign.action];
    let actions = if actions[0] == actions[1] { &actions[..1] } else { &actions[..] };
    let mut mixed = Vec::new();
    for action in actions {
        for mask in 0..1_u32 << names.len() {
            let mut form = own.clone();
            form.action.clone_from(action);
            form.set(&host.consent_field, foreign.value(&host.consent_field).unwrap_or_default());
            for (_, name) in names.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0) {
                form.set(name, foreign.value(name).unwrap_or_default());
            }
            mixed.push(form);
        }
    }
    mixed
}

/// The same length and alphabet, another value.
fn changed(token: &str) -> String {
    let at = token.len() / 2;
    let other = if token[at..].starts_with('A') { 'B' } else { 'A' };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

#[track_caller]
fn gives_a_code(host: &InteractionHost, answer: &Answer) {
    assert!(matches!(host.outcome(answer), Outcome::Code { .. }), "no code: {answer:?}");
}

/// No code, and no fault of ours either.
#[track_caller]
fn gives_no_code(host: &InteractionHost, answer: &Answer) {
    let outcome = host.outcome(answer);
    assert!(!matches!(outcome, Outcome::Code { .. }), "a code: {answer:?}");
    assert!(answer.status < 500, "a fault: {answer:?}");
}

#[track_caller]
fn gives_no_denial(host: &InteractionHost, answer: &Answer) {
    assert_eq!(host.outcome(answer), Outcome::Nothing, "{answer:?}");
    assert!(answer.status < 500, "a fault: {answer:?}");
}

#[track_caller]
fn keeps_to_itself(what: &str, answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("frame-ancestors 'none'"), "{what} can be framed: {answer:?}");
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        let held = answer.header(name).unwrap_or_default();
        assert!(held.eq_ignore_ascii_case(value), "{what} needs `{name}: {value}`: {answer:?}");
    }
}
