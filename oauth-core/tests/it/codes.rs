//! Codes: redeemed once, by who asked, as they asked; a code that comes again ends what the first one gave.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use oauth_core::ClientSpec;
use oauth_core::Refusal;
use oauth_core::store::{RevokedWhy, StoreErrorKind};
use oauth_core::types::{ClientId, Subject};
use oauth_testkit::{Method as Call, Times, block_on};

use crate::browser::{SPA, VERIFIER, WEB, alice, encode, people_in_browsers, spa, web};
use crate::world::{Answer, World, basic, form};

fn plain() -> World {
    people_in_browsers(|builder| builder)
}

fn with_verifier(uri: &str) -> String {
    format!("&code_verifier={VERIFIER}&redirect_uri={}", encode(uri))
}

fn set_alice_active(world: &World, active: bool) {
    assert!(world.memory.set_user_active(&Subject::parse("alice").unwrap(), active).unwrap());
}

/// Refuses all of it, and then redeems the code all the same.
fn keeps(world: &World, code: &str, refused: impl IntoIterator<Item = (Answer, u16, &'static str)>) {
    for (answer, status, error) in refused {
        assert_eq!(answer.error(), (status, error), "{}", answer.body);
    }
    assert_eq!(world.redeem(code).status, 200);
}

#[test]
fn a_code_that_is_not_known_is_invalid_and_a_missing_one_is_no_request() {
    let world = plain();
    assert_eq!(world.redeem("c0de").error(), (400, "invalid_grant"));
    let missing = world.post(basic("web", &world.secret, "grant_type=authorization_code"));
    assert_eq!(missing.error(), (400, "invalid_request"));
}

#[test]
fn a_code_serves_only_its_client() {
    let world = plain();
    let code = world.code(&web(), &alice());
    let other = world.redeem_spa(&code);
    let wrong_secret = world.post(basic("web", "wrong", &format!("grant_type=authorization_code&code={code}")));
    keeps(&world, &code, [(other, 400, "invalid_grant"), (wrong_secret, 401, "invalid_client")]);
    assert!(world.trail.refusals().contains(&Refusal::CodeForeign));
}

#[test]
fn a_code_lives_for_a_minute() {
    let world = plain();
    let (late, timely) = (world.code(&web(), &alice()), world.code(&web().with("prompt", "consent"), &alice()));
    world.clock.advance(Duration::from_millis(59_999));
    assert_eq!(world.redeem(&timely).status, 200);
    world.clock.advance(Duration::from_millis(1));
    assert!(world.redeem(&late).is_invalid_grant());
    world.clock.turn_back(crate::world::START);
    assert!(world.redeem(&late).is_invalid_grant(), "also when the clock was set back");
}

#[test]
fn a_second_valid_use_ends_what_the_first_gave_however_late() {
    for later in [1, 61, 86_400] {
        let world = plain();
        let code = world.code(&web().with("scope", "offline_access notes.read"), &alice());
        let first = world.redeem(&code);
        let refresh = first.refresh_token();
        let family = world.family_of(&first).id;
        world.advance(later);
        assert!(world.redeem(&code).is_invalid_grant(), "after {later} s");
        assert_eq!(world.ended(family), Some(RevokedWhy::Replay));
        let body = format!("grant_type=refresh_token&refresh_token={refresh}");
        assert!(world.post(basic("web", &world.secret, &body)).is_invalid_grant());
        assert!(world.verify(first.access_token()).is_err());
    }
}

#[test]
fn a_replay_by_who_did_not_ask_ends_nothing() {
    let world = plain();
    let code = world.code(&spa(), &alice());
    let first = world.redeem_spa(&code);
    let wrong = "A".repeat(43);
    for more in [
        format!("&client_id=spa&code_verifier={wrong}&redirect_uri={}", encode(SPA)),
        "&client_id=spa".to_owned(),
        format!("&client_id=spa&code_verifier={VERIFIER}&redirect_uri={}", encode(WEB)),
        format!("&client_id=native&code_verifier={VERIFIER}"),
    ] {
        assert!(world.post(form(&format!("grant_type=authorization_code&code={code}{more}"))).is_invalid_grant());
    }
    assert_eq!(world.redeem_web(&code, &with_verifier(SPA)).error(), (400, "invalid_grant"));
    assert!(world.verify(first.access_token()).is_ok());
}

#[test]
fn the_redirect_uri_is_that_of_the_request_or_left_out_beside_pkce() {
    let world = plain();
    let code = world.code(&web(), &alice());
    let others = ["https://web.example/cb/", "https://WEB.example/cb", "https://web.example/other"];
    let refused = others.map(|uri| (world.redeem_web(&code, &with_verifier(uri)), 400, "invalid_grant"));
    keeps(&world, &code, refused);
    let code = world.code(&web().with("prompt", "consent"), &alice());
    assert_eq!(world.redeem_web(&code, &format!("&code_verifier={VERIFIER}")).status, 200);
}

#[test]
fn pkce_is_all_or_nothing() {
    let world = plain();
    let code = world.code(&web(), &alice());
    let with = |verifier: &str| world.redeem_web(&code, &format!("&code_verifier={verifier}"));
    let challenge = crate::browser::CHALLENGE;
    let refused = [
        (world.redeem_web(&code, ""), 400, "invalid_grant"),
        (with(&"A".repeat(43)), 400, "invalid_grant"),
        (with(challenge), 400, "invalid_grant"),
        (with(&"A".repeat(42)), 400, "invalid_request"),
        (with(&"A".repeat(129)), 400, "invalid_request"),
        (with(&format!("{}%3D", "A".repeat(43))), 400, "invalid_request"),
        (with(&format!("{}%00", "A".repeat(43))), 400, "invalid_request"),
        (with(&format!("{}%2B", "A".repeat(43))), 400, "invalid_request"),
    ];
    keeps(&world, &code, refused);
    // registered to do without
    let old = ClientSpec::confidential("old")
        .grants(["authorization_code"])
        .scope("notes.read")
        .audience(["orders"])
        .redirect_uris(["https://old.example/cb"])
        .legacy_code_without_pkce();
    let secret = block_on(world.server.ensure_client(old)).unwrap().secret.unwrap();
    let visit = crate::browser::Visit::of("old", "https://old.example/cb").with("scope", "notes.read");
    let without = visit.clone().without("code_challenge").without("code_challenge_method");
    let code = world.code(&without, &alice());
    let redeem = |more: &str| {
        world.post(basic("old", secret.expose(), &format!("grant_type=authorization_code&code={code}{more}")))
    };
    let uri = format!("&redirect_uri={}", encode("https://old.example/cb"));
    assert_eq!(redeem("").error(), (400, "invalid_grant"), "without PKCE the redirect URI is needed");
    assert_eq!(redeem(&format!("{uri}&code_verifier={VERIFIER}")).error(), (400, "invalid_request"));
    assert_eq!(redeem(&uri).status, 200);
    // who sends a challenge is held to it
    let code = world.code(&visit.with("prompt", "consent"), &alice());
    let body = format!("grant_type=authorization_code&code={code}{uri}");
    assert_eq!(world.post(basic("old", secret.expose(), &body)).error(), (400, "invalid_grant"));
}

#[test]
fn of_many_racers_one_wins_and_what_it_gave_ends_with_the_others() {
    for racers in [2, 16, 64] {
        let world = Arc::new(plain());
        let code = world.code(&web().with("scope", "offline_access notes.read"), &alice());
        let answers: Vec<Answer> = thread::scope(|scope| {
            let threads: Vec<_> = (0..racers).map(|_| scope.spawn(|| world.redeem(&code))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1);
        assert!(answers.iter().all(|answer| answer.status == 200 || answer.is_invalid_grant()));
        let token = answers.iter().find(|answer| answer.status == 200).unwrap().access_token();
        assert!(world.verify(token).is_err(), "whoever else had the code may be the thief");
    }
}

#[test]
fn what_client_or_user_lost_since_is_not_granted_and_a_user_who_is_off_gets_nothing() {
    let world = plain();
    let code = world.code(&web(), &alice());
    let narrowed = ClientSpec::confidential("web")
        .name("Notes <on> the web")
        .grants(["authorization_code", "refresh_token"])
        .scope("openid notes.read")
        .audience(["orders"])
        .redirect_uris([WEB]);
    block_on(world.server.ensure_client(narrowed)).unwrap();
    assert_eq!(world.redeem(&code).body["scope"], "notes.read");
    let code = world.code(&web().with("scope", "notes.read").with("prompt", "consent"), &alice());
    set_alice_active(&world, false);
    assert!(world.redeem(&code).is_invalid_grant());
    set_alice_active(&world, true);
    assert_eq!(world.redeem(&code).status, 200, "nothing was spent");
}

#[test]
fn revocation_ends_codes_that_are_under_way() {
    type Revoke = fn(&World);
    let revocations: [Revoke; 3] = [
        |world| block_on(world.server.revoke_subject(&Subject::parse("alice").unwrap())).unwrap(),
        |world| block_on(world.server.revoke_client(&ClientId::parse("web").unwrap())).unwrap(),
        |world| block_on(world.server.revoke_everything()).unwrap(),
    ];
    for revoke in revocations {
        let world = plain();
        let code = world.code(&web(), &alice());
        revoke(&world);
        assert!(world.redeem(&code).is_invalid_grant());
    }
}

#[test]
fn a_restore_brings_no_code_and_no_interaction_back() {
    let world = plain();
    let code = world.code(&web(), &alice());
    let tab = world.tab(&spa(), Some(&alice()));
    let at = world.later(1);
    let _ = block_on(world.server.after_restore(at)).unwrap();
    assert!(world.redeem(&code).is_invalid_grant());
    let oauth_core::authorize::Shown::Page(page) = world.look(&tab, Some(&alice())) else { panic!() };
    assert_eq!(page.reason, Some(Refusal::InteractionExpired));
    world.tab(&web(), Some(&alice()));
}

#[test]
fn a_broken_store_burns_no_code() {
    let world = plain();
    let code = world.code(&web(), &alice());
    for call in [Call::Find, Call::FindCode, Call::FindBySubject, Call::RedeemCode] {
        world.store.fail(call, StoreErrorKind::Unavailable, Times::Nth(1));
        assert_eq!(world.redeem(&code).error(), (503, "temporarily_unavailable"), "{call}");
    }
    assert_eq!(world.redeem(&code).status, 200);
}

#[test]
fn resources_of_a_code_can_be_taken_one_by_one() {
    let (notes, mail) = ("https://notes.example", "https://mail.example");
    let world =
        people_in_browsers(|builder| builder.resource(notes, Default::default()).resource(mail, Default::default()));
    let spec = ClientSpec::confidential("both")
        .grants(["authorization_code", "refresh_token"])
        .scope("notes.read offline_access")
        .audience(["orders"])
        .resources([notes, mail])
        .redirect_uris([WEB]);
    let secret = block_on(world.server.ensure_client(spec)).unwrap().secret.unwrap();
    let visit = crate::browser::Visit::of("both", WEB).with("scope", "notes.read offline_access");
    let code = world.code(&visit.with("resource", mail).and("resource", notes), &alice());
    let ask = |body: &str| world.post(basic("both", secret.expose(), body));
    let redeem = |more: &str| ask(&format!("grant_type=authorization_code&code={code}{}{more}", with_verifier(WEB)));
    assert_eq!(redeem("&resource=https://other.example").error(), (400, "invalid_target"));
    let first = redeem(&format!("&resource={}", encode(notes)));
    assert_eq!(first.status, 200, "{}", first.body);
    let refresh = first.refresh_token();
    let second = ask(&format!("grant_type=refresh_token&refresh_token={refresh}&resource={}", encode(mail)));
    assert_eq!(second.status, 200, "{}", second.body);
}
