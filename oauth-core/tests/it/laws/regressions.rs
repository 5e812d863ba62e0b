//! The smallest cases that told of a planted fault, kept: the sound server passes each, and the fault is caught by it alone.

use oauth_core::types::Scope;
use oauth_testkit::laws::{
    self, Case, Chain, Consent, End, Grant, History, Judge, Less, Move, RuleCase, Said, Trial, Turn,
};

use super::core;
use super::planted::{Fault, Law, Wrong, told};

/// Tries one case of a law on the sound server, and on the one that it broke.
fn keeps<C: Clone + Send + Sync + 'static>(law: Law, fault: Fault, case: C) {
    let trial = Trial::on(case.clone());
    law(&core(), &trial);
    assert!(trial.has_met(), "no law tried it");
    let _ = told(|| law(&Wrong(fault) as &dyn Judge, &Trial::on(case)));
}

fn words(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

/// A code for what was asked, and whether it was had before the rest of the case.
fn code(scope: &str, allowed: &str, before: bool) -> Case {
    let mut case = Case::of(Grant::Code);
    case.client.scope = words(scope);
    case.request.consent =
        Some(Consent { scope: Some(words(scope)), resource: false, allowed: Some(words(allowed)), before });
    case
}

fn lasting(scope: &str) -> Case {
    let mut case = code(scope, scope, true);
    case.client.refreshes = true;
    case
}

#[test]
fn regression_the_user_s_bound() {
    let mut case = Case::of(Grant::Extension);
    (case.client.public, case.user.scope) = (true, Some(words("write")));
    case.client.scope = words("read write");
    case.server.grant_scope = words("read write");
    case.request.scope = Some(words("read write"));
    keeps(laws::granted_is_within_every_bound, Fault::UserBoundForgotten, case);
}

#[test]
fn regression_partial_consent() {
    let law = laws::granted_is_within_every_bound;
    for before in [true, false] {
        keeps(law, Fault::ConsentForgotten, code("read write", "read", before));
    }
    keeps(laws::explain_decides_what_the_endpoint_decides, Fault::ConsentForgotten, code("read write", "read", false));
}

#[test]
fn regression_union() {
    let mut case = Case::of(Grant::Client);
    (case.client.scope, case.request.scope) = (words("! read"), Some(words("!")));
    keeps(laws::granted_is_within_every_bound, Fault::UnionForIntersection, case);
}

#[test]
fn regression_nothing_left() {
    let mut case = Case::of(Grant::Client);
    case.request.scope = Some(words("read write"));
    let cases = (case, Less::ClientScope(words("read")));
    keeps(laws::taking_a_permission_away_never_grants_more, Fault::NothingLeftIsEverything, cases);
}

#[test]
fn regression_the_last_rule() {
    let case = |rules: [RuleCase; 1]| {
        let mut case = Case::of(Grant::Client);
        (case.client.scope, case.request.scope) = (words("read write"), Some(words("read write")));
        case.rules = rules.into();
        case
    };
    let law = laws::adding_a_rule_never_grants_more;
    let (read, write) = (RuleCase::Without(words("write")), RuleCase::Only(words("read write")));
    keeps(law, Fault::LastRuleWins, (case([read.clone()]), write.clone()));
    keeps(law, Fault::LastMaskWins, (case([read.clone()]), write.clone()));
    keeps(law, Fault::LastLifetimeWins, (case([RuleCase::AtMost(1)]), RuleCase::AtMost(599)));
    let turned = Case { rules: vec![read, write], ..case([RuleCase::AtMost(1)]) };
    keeps(laws::the_order_of_rules_does_not_matter, Fault::LastMaskWins, turned);
}

#[test]
fn regression_a_wider_registration() {
    let turn = Turn { wait: 0, scope: None, resource: false, registered: Some(words("read")) };
    let chain = Chain { case: lasting("offline_access"), turns: vec![turn] };
    keeps(laws::no_chain_of_refreshes_widens, Fault::RegistrationWidens, chain);
}

#[test]
fn regression_the_resource_s_lifetime() {
    let mut case = Case::of(Grant::Client);
    (case.client.resource, case.request.resource, case.server.resource_lifetime) = (true, true, Some(1));
    keeps(laws::no_token_outlives_a_bound, Fault::ResourceBoundForgotten, case);
}

#[test]
fn regression_a_family_that_was_ended() {
    let moves = vec![Move::Approve, Move::Redeem(0), Move::End(End::Family), Move::Use(0)];
    keeps(laws::what_is_over_stays_over, Fault::EndForgotten(End::Family), History { opaque: true, moves });
}

#[test]
fn regression_an_opt_in_of_one_side() {
    let said = |by_server, by_client| Said { asked: "password_grant", by_server, by_client, registered_before: true };
    let law = laws::an_opt_in_needs_both_sides;
    keeps(law, Fault::ServerWordForgotten, said(vec![], vec!["password_grant"]));
    keeps(law, Fault::ClientWordForgotten, said(vec!["password_grant"], vec![]));
    let mut case = Case::of(Grant::Extension);
    case.client.acts_for = false;
    keeps(law, Fault::ListForgotten, case);
}

#[test]
fn regression_a_refresh_token_for_the_scope_alone() {
    let mut case = lasting("offline_access");
    case.client.refreshes = false;
    let law = laws::a_refresh_token_iff_grant_client_and_scope_allow_it;
    keeps(law, Fault::ScopeAloneGivesRefresh, case.clone());
    keeps(laws::the_trace_replays_to_the_verdict, Fault::RefreshWithheldUnsaid, case);
}

#[test]
fn regression_a_trace_without_the_user() {
    let mut case = code("read write", "read write", true);
    case.user.scope = Some(words("read"));
    keeps(laws::the_trace_replays_to_the_verdict, Fault::TraceForgetsAUser, case);
}

#[test]
fn regression_an_address_outside() {
    let mut case = Case::of(Grant::Client);
    case.client.network = Some(laws::Network::Office);
    keeps(laws::explain_decides_what_the_endpoint_decides, Fault::NetworkForgotten, case);
}
