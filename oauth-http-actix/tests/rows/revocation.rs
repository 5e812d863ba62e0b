//! U: revocation (RFC 7009).

use std::time::Duration;

use oauth_core::Refusal;
use oauth_core::audit::What;
use oauth_core::store::{RevokedWhy, StoreErrorKind};
use oauth_testkit::{Method as Call, Times, block_on};

use super::introspection::formats;
use crate::on_every_store;
use crate::support::{Answer, Ask, Backend, Host, Way, phone};

on_every_store!(
    u01_revocation_authenticates_and_public_clients_revoke_their_own,
    u02_an_unknown_token_and_another_clients_look_the_same,
    u03_a_revoked_refresh_token_takes_its_access_tokens_with_it_on_every_node,
    u04_a_store_failure_is_never_success,
);

fn is_done(answer: &Answer) -> bool {
    (answer.status, answer.body.len(), answer.header("content-length")) == (200, 0, Some("0"))
}

fn u01_revocation_authenticates_and_public_clients_revoke_their_own<B: Backend>() {
    for format in formats() {
        let host = Host::<B>::people(|builder| builder.access_token(format.clone()));
        let begun = host.begin();
        let alone = host.good_token(&host.app);
        let to = || Ask::new("POST", "/oauth/revoke");
        for ask in [
            to().basic("app", "wrong").form(format!("token={alone}")),
            to().form(format!("client_id=app&client_secret=wrong&token={alone}")),
            to().form(format!("client_id=app&token={alone}")),
            to().basic("nobody", "x").form(format!("token={alone}")),
        ] {
            host.send(&ask).is(401, "invalid_client");
        }
        host.send(&to().form(format!("token={alone}"))).is(400, "invalid_request");
        assert_eq!(host.guarded(&alone).status, 200, "keeps");
        assert!(is_done(&host.send(&to().basic("app", &host.app.secret).form(format!("token={alone}")))));
        host.guarded(&alone).is(401, "invalid_token");
        // a public client, with any token of its own
        let again = host.refresh(Way::Form, &begun.refresh_token());
        assert!(host.is_live(&begun) && host.is_live(&again));
        for token in [again.token(), begun.refresh_token(), again.refresh_token()] {
            assert!(is_done(&host.revoke(&token)));
            assert!(!host.is_live(&begun) && !host.is_live(&again));
            host.refresh(Way::Json, &again.refresh_token()).is(400, "invalid_grant");
        }
    }
}

fn u02_an_unknown_token_and_another_clients_look_the_same<B: Backend>() {
    for format in formats() {
        let host = Host::<B>::people(|builder| builder.access_token(format.clone()));
        host.register(phone("other"));
        let begun = host.begin();
        let next = host.refresh(Way::Form, &begun.refresh_token());
        let alone = host.good_token(&host.app);
        let unknown = host.send(&Host::<B>::revoking("other", "unknown")).comparable();
        for (token, why) in [
            (begun.token(), Refusal::TokenForeign),
            (begun.refresh_token(), Refusal::RefreshForeign),
            (next.refresh_token(), Refusal::RefreshForeign),
            (alone.clone(), Refusal::TokenForeign),
            ("unknown".to_owned(), Refusal::TokenMalformed),
            ("iufhfWPkY_LOP8haywhRijU7KfntoXW3_uAoyBnFlts".to_owned(), Refusal::RefreshUnknown),
        ] {
            host.forget();
            let answer = host.send(&Host::<B>::revoking("other", &token));
            assert!(is_done(&answer));
            assert_eq!(answer.comparable(), unknown);
            let events = host.events();
            assert_eq!(events.iter().map(|event| &event.what).collect::<Vec<_>>(), [&What::RevocationIgnored { why }]);
            assert_eq!(events[0].client.as_ref().unwrap().as_str(), "other");
        }
        assert!(host.is_live(&begun) && host.is_live(&next), "the other client's tokens still work");
        assert_eq!(host.guarded(&alone).status, 200);
        assert_eq!(host.refresh(Way::Form, &next.refresh_token()).status, 200);
    }
}

fn u03_a_revoked_refresh_token_takes_its_access_tokens_with_it_on_every_node<B: Backend>() {
    for format in formats() {
        let here = Host::<B>::people(|builder| builder.access_token(format.clone()));
        let there = here.people_beside(|builder| builder.access_token(format.clone()));
        let begun = here.begin();
        let next = here.refresh(Way::Form, &begun.refresh_token());
        let family = here.family_of(&begun).id;
        let api = here.orders_api();
        for token in [begun.token(), next.token()] {
            assert!(there.is_active(&api, &token));
        }
        assert!(is_done(&here.revoke(&next.refresh_token())));
        assert_eq!(here.family(family).revoked.map(|(_, why)| why), Some(RevokedWhy::Client));
        // at once, the clock did not move
        for token in [begun.token(), next.token()] {
            assert!(!there.is_active(&api, &token) && !here.is_active(&api, &token));
            there.guarded(&token).is(401, "invalid_token");
        }
        there.refresh(Way::Form, &next.refresh_token()).is(400, "invalid_grant");
        // and for good
        there.clock.advance(Duration::from_secs(30));
        assert!(!there.is_active(&api, &next.token()));
    }
}

fn u04_a_store_failure_is_never_success<B: Backend>() {
    for format in formats() {
        let host = Host::<B>::people(|builder| builder.access_token(format.clone()));
        let begun = host.begin();
        for token in [begun.token(), begun.refresh_token()] {
            for number in 1..=3 {
                host.forget();
                host.probe.fail_at(number, StoreErrorKind::Unavailable);
                let answer = host.revoke(&token);
                answer.is(503, "temporarily_unavailable");
                assert!(answer.header("retry-after").is_some());
                assert_eq!(host.calls().len(), number, "{format:?}");
            }
            assert!(host.is_live(&begun), "keeps");
        }
        let alone = host.good_token(&host.app);
        let ask = Ask::new("POST", "/oauth/revoke").basic("app", &host.app.secret).form(format!("token={alone}"));
        host.probe.fail(Call::RevokeToken, StoreErrorKind::Unavailable, Times::Nth(1));
        host.send(&ask).is(503, "temporarily_unavailable");
        assert!(is_done(&host.send(&ask)));
        host.guarded(&alone).is(401, "invalid_token");
        assert!(is_done(&host.revoke(&begun.refresh_token())));
        assert!(!host.is_live(&begun));
    }
    let host = Host::<B>::people(|builder| builder);
    let begun = host.begin();
    block_on(host.server.shutdown());
    host.revoke(&begun.refresh_token()).is(503, "temporarily_unavailable");
}
