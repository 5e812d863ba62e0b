//! The laws of policy for the core's own rules, and faults that each law catches.

mod algebra;
mod network;
mod planted;
mod redirect_and_pkce;
mod regressions;

use oauth_testkit::laws::Jar;

fn core() -> Jar {
    Jar::of_the_core()
}

oauth_testkit::policy_laws!(core);
