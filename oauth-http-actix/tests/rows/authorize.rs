//! Z: what the authorization endpoint answers to whom.

use crate::on_both_stores;
use crate::support::{Backend, Browser, Host, Visit};

on_both_stores!(a_user_signs_in_agrees_and_the_client_gets_tokens,);

fn a_user_signs_in_agrees_and_the_client_gets_tokens<B: Backend>() {
    let host = Host::<B>::browsers(|builder| builder);
    let browser = Browser::new(&host);
    let page = browser.begin(&Visit::web());
    assert_eq!(browser.cookies().len(), 1);
    assert_eq!(browser.get(&page).text(), "login NobodySignedIn");
    browser.sign_in("alice", crate::support::START);
    let shows = browser.look(&page);
    let answer = browser.allow(&page, &shows, "orders.read");
    let code = answer.code(crate::support::WEB);
    assert_eq!(browser.cookies().len(), 0, "the interaction is over");
    let tokens = host.redeem(&code);
    assert_eq!(tokens.scope(), "orders.read");
    assert_eq!(host.send(&crate::support::Ask::new("GET", "/me").bearer(&tokens.token())).text(), "alice");
}
