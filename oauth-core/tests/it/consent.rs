//! What a user allowed: when it is remembered, what it covers, and how it is taken back.

use oauth_core::Fault;
use oauth_core::authorize::{AllowedClient, Begun, Shown};
use oauth_core::store::StoreErrorKind;
use oauth_core::types::{ClientId, Subject};
use oauth_core::wire::Method;
use oauth_testkit::{Method as Call, Times, block_on};

use crate::browser::{NATIVE, Visit, alice, members, page, people_in_browsers, spa, web, who};
use crate::world::World;

fn plain() -> World {
    people_in_browsers(|builder| builder)
}

#[test]
fn consent_is_remembered_for_who_can_be_told_from_another() {
    let world = plain();
    for (visit, remembered) in [(web(), true), (spa(), true), (Visit::of("native", NATIVE), false)] {
        world.code(&visit, &alice());
        let again = world.visit(&visit, Some(&alice()));
        assert_eq!(matches!(again, Begun::Redirect(_)), remembered, "{}", visit.query());
        if remembered {
            let asked = world.visit(&visit.clone().with("prompt", "consent"), Some(&alice()));
            assert!(matches!(asked, Begun::Interaction { .. }));
            let offline = visit.clone().with("scope", "notes.read offline_access");
            world.code(&offline, &alice());
            let again = world.visit(&offline, Some(&alice()));
            assert!(matches!(again, Begun::Interaction { .. }), "going on alone is asked for each time");
        }
    }
}

#[test]
fn what_is_remembered_grows_and_covers_who_signs_in_later() {
    let world = plain();
    world.code(&web().with("scope", "notes.read"), &alice());
    world.code(&web().with("scope", "openid"), &alice());
    let both = web().with("scope", "notes.read openid");
    let tab = world.tab(&both, None);
    let mut head = page();
    head.method = Method::Head;
    let looked = block_on(world.server.show(&head, &tab.handle, &tab.browser, Some(&alice())));
    assert!(matches!(looked, Shown::Prompt(_)), "HEAD decides nothing");
    let Shown::Redirect(redirect) = world.look(&tab, Some(&alice())) else { panic!() };
    assert!(members(&redirect).contains_key("code"));
    assert_eq!(world.store.count(Call::DecideRequest), 3);
    let year = 365 * 24 * 3_600;
    world.advance(year);
    let now = oauth_core::time::Clock::now(&world.clock);
    assert!(matches!(world.visit(&both, Some(&who("alice", now))), Begun::Interaction { .. }), "for a year");
}

#[test]
fn withdrawal_ends_consent_codes_and_tokens_at_once() {
    let world = plain();
    let (alice_, web_) = (Subject::parse("alice").unwrap(), ClientId::parse("web").unwrap());
    let offline = web().with("scope", "notes.read offline_access");
    let tokens = world.redeem(&world.code(&offline, &alice()));
    let kept = world.redeem_spa(&world.code(&spa(), &alice()));
    let open = world.code(&offline, &alice());
    let listed = block_on(world.server.grants_of(&alice_, None, 10)).unwrap();
    let clients: Vec<_> = listed.iter().map(|of| (of.client().as_str(), of.grants.families.len())).collect();
    assert_eq!(clients, [("spa", 1), ("web", 1)]);
    let shown = |of: &AllowedClient| of.scopes.iter().map(|scope| scope.label().to_owned()).collect::<Vec<_>>();
    let labels = ["Read your notes", "offline_access"].map(str::to_owned).to_vec();
    assert_eq!((listed[1].client_name.as_str(), shown(&listed[1])), ("Notes <on> the web", labels));
    world.advance(1);
    block_on(world.server.withdraw(&alice_, &web_)).unwrap();
    assert!(world.verify(tokens.access_token()).is_err());
    assert!(world.redeem(&open).is_invalid_grant());
    assert!(world.verify(kept.access_token()).is_ok(), "the other client keeps what it has");
    let listed = block_on(world.server.grants_of(&alice_, None, 10)).unwrap();
    assert_eq!(listed.len(), 1);
    world.advance(1);
    assert!(matches!(world.visit(&web().with("scope", "notes.read"), Some(&alice())), Begun::Interaction { .. }));
    assert_eq!(world.redeem(&world.code(&offline, &alice())).status, 200, "and may be allowed again");
}

#[test]
fn a_registration_that_cannot_be_read_hides_nothing_and_an_outage_is_told() {
    let world = plain();
    world.code(&web().with("scope", "notes.read"), &alice());
    let alice = Subject::parse("alice").unwrap();
    world.store.fail(Call::Find, StoreErrorKind::Corrupt, Times::Always);
    let listed = block_on(world.server.grants_of(&alice, None, 10)).unwrap();
    assert_eq!((listed.len(), listed[0].client_name.as_str()), (1, "web"), "by its id");
    world.store.forget();
    world.store.fail(Call::Find, StoreErrorKind::Unavailable, Times::Always);
    let told = block_on(world.server.grants_of(&alice, None, 10));
    assert!(matches!(told, Err(Fault::Store(error)) if error.kind() == StoreErrorKind::Unavailable));
}
