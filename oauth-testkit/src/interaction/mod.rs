//! What a host's login and consent pages have to keep, asked over HTTP as browsers would.

mod browser;
pub mod clauses;
mod html;

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;

pub use self::browser::{Answer, Browser, Outcome};
pub use self::html::Form;

/// Runs every clause of the contract of a host's pages, each as a test of its own name.
///
/// The argument is a function that starts the host and makes an [`InteractionHost`] of it; it is called once for each
/// clause, because clauses leave decisions behind. Put the call into a module of its own when the test file holds other
/// tests.
///
/// ```no_run
/// use oauth_testkit::{HostUser, InteractionHost, interaction_contract};
///
/// fn shop() -> InteractionHost {
///     # let (address, process) = ("127.0.0.1:8080".parse().unwrap(), ());
///     // start it on a free port, with a client and two users
///     InteractionHost {
///         client: "shop-app".into(),
///         redirect_uri: "https://app.example/callback".into(),
///         scope: "cart.read cart.write".into(),
///         users: [HostUser::new("ann", "ann's password"), HostUser::new("ben", "ben's password")],
///         ..InteractionHost::at(address).keeping(process)
///     }
/// }
///
/// interaction_contract!(shop);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! interaction_contract {
    ($host:path) => {
        $crate::interaction_contract! { @tests $host;
            a_user_who_signs_in_and_agrees_sends_a_code_to_the_client
            a_user_who_denies_sends_access_denied_to_the_client
            another_browser_neither_sees_nor_decides
            another_user_does_not_decide_what_was_shown_to_the_first
            a_user_switched_in_another_tab_is_asked_anew
            without_the_consent_token_nothing_is_decided
            a_consent_token_of_another_tab_decides_nothing_here
            a_decision_counts_once
            of_two_tabs_that_submit_at_once_one_gets_a_code
            approving_after_a_denial_gives_no_code
            the_back_button_leads_to_no_second_decision
            neither_get_nor_head_decides
            no_page_can_be_framed_or_leaks_its_address
            whoever_knew_the_session_before_the_login_is_not_signed_in_by_it
        }
    };
    (@tests $host:path; $($clause:ident)*) => {
        $(
            #[test]
            fn $clause() {
                $crate::interaction::clauses::$clause(&$host());
            }
        )*
    };
}

/// A host that runs, with everything that the contract has to know of its pages.
pub struct InteractionHost {
    /// Where it listens, in clear.
    pub address: SocketAddr,
    /// The path of the authorization endpoint. Default `/oauth/authorize`.
    pub authorize: String,
    /// A client whose users are asked.
    pub client: String,
    /// Where its answers go: not to the host.
    pub redirect_uri: String,
    /// What it asks for.
    pub scope: String,
    /// Two users who may allow that, and have allowed nothing yet.
    pub users: [HostUser; 2],
    /// The page with the login form, shown to whoever is signed in too: the form that has a password field, whose first
    /// other field to fill in is the name. Default `/login`.
    pub login_page: String,
    /// The field of the consent form that carries the consent token. Default `consent`.
    pub consent_field: String,
    /// What the button that allows adds to the form. Default `decision=approve`.
    pub approve: (String, String),
    /// What the button that denies adds to the form. Default `decision=deny`.
    pub deny: (String, String),
    /// Kept until the clause has ended, such as the process.
    pub keep: Box<dyn Any + Send + Sync>,
}

/// A user of the host.
#[derive(Clone)]
pub struct HostUser {
    login: String,
    password: String,
}

impl HostUser {
    /// Who signs in so.
    pub fn new(login: impl Into<String>, password: impl Into<String>) -> Self {
        Self { login: login.into(), password: password.into() }
    }
}

impl fmt::Debug for HostUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostUser").field("login", &self.login).finish_non_exhaustive()
    }
}

impl InteractionHost {
    /// A host at this address, with the defaults; client, redirect URI, scope and users are still to be said.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self {
            address,
            authorize: "/oauth/authorize".to_owned(),
            client: String::new(),
            redirect_uri: String::new(),
            scope: String::new(),
            users: [HostUser::new("", ""), HostUser::new("", "")],
            login_page: "/login".to_owned(),
            consent_field: "consent".to_owned(),
            approve: pair("decision", "approve"),
            deny: pair("decision", "deny"),
            keep: Box::new(()),
        }
    }

    /// Keeps a value until the clause has ended.
    #[must_use]
    pub fn keeping(mut self, value: impl Any + Send + Sync) -> Self {
        self.keep = Box::new(value);
        self
    }

    /// A browser that has never been here.
    #[must_use]
    pub fn browser(&self) -> Browser {
        Browser::new(self.address)
    }

    /// An authorization request (RFC 6749 §4.1.1) with a challenge (RFC 7636 appendix B) and this state.
    #[must_use]
    pub fn authorization_request(&self, state: &str) -> String {
        let fields = [
            ("response_type", "code"),
            ("client_id", &self.client),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &self.scope),
            ("state", state),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        format!("{}?{}", self.authorize, browser::encode(&fields))
    }

    /// Signs a user in on the login form of this page; where the browser ends up.
    ///
    /// # Panics
    /// Without a login form.
    pub fn sign_in(&self, browser: &mut Browser, page: &Answer, user: &HostUser) -> Answer {
        let form = page.forms().into_iter().find(Form::has_password);
        let mut form = form.unwrap_or_else(|| panic!("no login form on {page:?}"));
        form.fill_in(&user.login, &user.password);
        browser.submit(&form, None)
    }

    /// Signs a user in on the login page, whoever was signed in before.
    pub fn switch_to(&self, browser: &mut Browser, user: &HostUser) {
        let page = browser.open(&self.login_page);
        let after = self.sign_in(browser, &page, user);
        assert!(!after.forms().iter().any(Form::has_password), "{user:?} is not signed in: {after:?}");
    }

    /// Asks for a code; the consent form's page, with whoever is signed in, or this user once signed in.
    ///
    /// # Panics
    /// When there is no consent form in the end.
    pub fn ask(&self, browser: &mut Browser, user: &HostUser, state: &str) -> (Answer, Form) {
        let mut page = browser.open(&self.authorization_request(state));
        if page.forms().iter().any(Form::has_password) {
            page = self.sign_in(browser, &page, user);
        }
        let form = self.consent_form(&page).unwrap_or_else(|| panic!("no consent form for {user:?}: {page:?}"));
        (page, form)
    }

    /// The form with the consent token, if this page has one.
    #[must_use]
    pub fn consent_form(&self, page: &Answer) -> Option<Form> {
        page.forms().into_iter().find(|form| form.value(&self.consent_field).is_some())
    }

    /// What the client is told by this answer.
    #[must_use]
    pub fn outcome(&self, answer: &Answer) -> Outcome {
        answer.outcome(&self.redirect_uri)
    }
}

impl fmt::Debug for InteractionHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InteractionHost").field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_macro_lists_every_clause_once() {
        let clauses = include_str!("clauses.rs").lines();
        let clauses: Vec<&str> = clauses.filter_map(|line| line.strip_prefix("pub fn ")?.split('(').next()).collect();
        for clause in &clauses {
            let listed = include_str!("mod.rs").lines().filter(|line| line.trim() == *clause);
            assert_eq!(listed.count(), 1, "{clause}");
        }
        assert_eq!(clauses.len(), 14);
    }
}
