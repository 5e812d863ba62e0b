//! Golden authorization requests, codes and consent; and cutoffs of one grant.

use oauth_core::store::{
    AuthorizationRequestRecord, BeginOutcome, BeginRequest, Binding, ClientGrants, CodeRecord, ConsentKey,
    ConsentRecord, Cutoff, CutoffKey, DecideOutcome, DecideRequest, Extra, FamilyRecord, FrozenRequest, GrantStore,
    IssueCode, ListGrants, RedeemCode, RedeemOutcome, Redeemed, RequestDecision, RequestOrigin, RequestState, Standing,
};
use oauth_core::types::{ClientId, CodeChallenge, FamilyId, Scope, Subject, Timestamp, TokenDigest};

use super::{
    at, barely_signed_in, bytes, client_id, digest, extra, grants, resources, scope, signed_in, subject, text,
    widest_client_id, widest_scope, widest_subject,
};
use crate::{TenantStore, block_on};

pub(super) fn write(store: &TenantStore) {
    let grants = &*store.grants;
    for (request, _) in requests() {
        let AuthorizationRequestRecord { origin, handle, subject, auth, state, .. } = request.clone();
        let open = if origin == RequestOrigin::Pushed { RequestState::Pushed } else { RequestState::Begun };
        let begun = AuthorizationRequestRecord {
            state: if state.is_open() { state } else { open },
            subject: None,
            auth: None,
            ..request
        };
        let begin = BeginRequest { request: begun, client_limit: u32::MAX, tenant_limit: u32::MAX };
        assert_eq!(block_on(grants.begin_request(begin)).expect("the store works"), BeginOutcome::Begun);
        let decision = match state {
            RequestState::Approved => {
                let (code, consent) = (full_code(), full_consent());
                RequestDecision::Approved { code: Box::new(code), consent: Some(Box::new(consent)) }
            }
            RequestState::Denied => RequestDecision::Denied,
            RequestState::Pushed | RequestState::Begun => continue,
        };
        let subject = subject.expect("whoever decided has a name");
        let decide = DecideRequest { handle, subject, auth, now: at(2), decision };
        assert_eq!(block_on(grants.decide_request(decide)).expect("the store works"), DecideOutcome::Decided);
    }
    for code in [plain_code(), CodeRecord { redeemed: None, ..redeemed_code() }, withdrawn_code()] {
        assert_eq!(block_on(grants.issue_code(code)).expect("the store works"), IssueCode::Issued);
    }
    let family = redeemed_family();
    let redeem =
        RedeemCode { code: redeemed_code().digest, now: at(9), family, access_token: None, live_limit: u32::MAX };
    let done = block_on(grants.redeem_code(redeem)).expect("the store works");
    assert_eq!(done, RedeemOutcome::Redeemed { ended: 0 });
    for (handle, consent) in (60..).zip([plain_consent(), withdrawn_consent()]) {
        remember(grants, handle, consent);
    }
    let key = CutoffKey::Grant { subject: widest_subject(), client: client_id("withdrawn") };
    block_on(grants.cut_off(Cutoff { key, at: at(0) })).expect("the store works");
}

pub(super) fn check(store: &TenantStore) {
    let grants = &*store.grants;
    for (request, standing) in requests() {
        let found = block_on(grants.find_request(&request.handle, None)).expect("the store works").expect("a request");
        assert_eq!((&found.request, found.standing, &found.consent), (&request, standing, &None));
    }
    let found = block_on(grants.find_request(&digest(APPROVED), Some(&widest_subject()))).expect("the store works");
    assert_eq!(found.and_then(|found| found.consent), Some(full_consent()), "beside its request");
    for (code, standing) in [
        (full_code(), Standing::Live),
        (plain_code(), Standing::Live),
        (redeemed_code(), Standing::Live),
        (withdrawn_code(), Standing::Revoked),
    ] {
        let found = block_on(grants.find_code(&code.digest)).expect("the store works").expect("a code");
        assert_eq!((&found.code, found.standing), (&code, standing));
    }
    let found = block_on(grants.find_family(&redeemed_family().id)).expect("the store works");
    assert_eq!(found, Some(redeemed_family()));
    for consent in [full_consent(), plain_consent()] {
        assert_eq!(block_on(grants.find_consent(&consent.key)).expect("the store works"), Some(consent));
    }
    assert_eq!(block_on(grants.find_consent(&withdrawn_consent().key)).expect("the store works"), None);
    let list = ListGrants { subject: widest_subject(), now: at(9), after: None, limit: u32::MAX };
    let expected = ClientGrants {
        client: widest_client_id(),
        families: grants::families()
            .into_iter()
            .map(|(family, _)| family)
            .filter(|family| family.subject == widest_subject())
            .collect(),
        consents: vec![full_consent()],
    };
    assert_eq!(block_on(grants.list_grants(&list)).expect("the store works"), [expected]);
}

/// The request that was approved.
const APPROVED: u8 = 43;

/// One for each state, in both origins, with everything and with nothing; and one whose client lost everything.
pub(super) fn requests() -> Vec<(AuthorizationRequestRecord, Standing)> {
    let plain = |number, origin, state| AuthorizationRequestRecord {
        handle: digest(number),
        origin,
        client: client_id("app"),
        redirect_uri: String::new(),
        request: FrozenRequest::default(),
        browser: None,
        subject: None,
        state,
        binding: Binding::None,
        auth: None,
        resource: Vec::new(),
        begun_at: at(1),
        expires_at: at(1_800_000),
        extra: Extra::default(),
    };
    let full = |number, state| AuthorizationRequestRecord {
        client: widest_client_id(),
        redirect_uri: text(),
        request: FrozenRequest::from_bytes((0..=u8::MAX).rev().collect()).expect("it fits"),
        browser: Some(digest(50)),
        binding: Binding::Jkt(bytes(51)),
        resource: resources(),
        expires_at: Timestamp::from_millis(i64::MAX),
        extra: extra(),
        ..plain(number, RequestOrigin::Plain, state)
    };
    vec![
        (plain(41, RequestOrigin::Pushed, RequestState::Pushed), Standing::Live),
        (full(42, RequestState::Begun), Standing::Live),
        (
            AuthorizationRequestRecord {
                subject: Some(widest_subject()),
                auth: Some(signed_in()),
                ..full(APPROVED, RequestState::Approved)
            },
            Standing::Live,
        ),
        (
            AuthorizationRequestRecord {
                binding: Binding::X5t(bytes(52)),
                subject: Some(subject("alice")),
                auth: Some(barely_signed_in()),
                ..plain(44, RequestOrigin::Pushed, RequestState::Denied)
            },
            Standing::Live,
        ),
        (
            AuthorizationRequestRecord {
                client: client_id("cut off"),
                begun_at: at(-1_000),
                ..plain(45, RequestOrigin::Plain, RequestState::Begun)
            },
            Standing::Revoked,
        ),
    ]
}

fn plain_code() -> CodeRecord {
    code(digest(70), client_id("app"), subject("alice"))
}

fn full_code() -> CodeRecord {
    CodeRecord {
        scope: widest_scope(),
        redirect_uri: text(),
        challenge: Some(CodeChallenge::from_bytes(bytes(72))),
        nonce: Some(text()),
        resource: resources(),
        binding: Binding::Jkt(bytes(51)),
        auth: Some(signed_in()),
        expires_at: Timestamp::from_millis(i64::MAX),
        extra: extra(),
        ..code(digest(71), widest_client_id(), widest_subject())
    }
}

fn redeemed_code() -> CodeRecord {
    CodeRecord {
        binding: Binding::X5t(bytes(52)),
        auth: Some(barely_signed_in()),
        redeemed: Some(Redeemed { at: at(9), family: redeemed_family().id }),
        ..code(digest(73), client_id("app"), subject("alice"))
    }
}

fn redeemed_family() -> FamilyRecord {
    FamilyRecord { id: FamilyId::from_bytes(bytes(74)), code_digest: Some(digest(73)), ..grants::family(0) }
}

fn withdrawn_code() -> CodeRecord {
    code(digest(75), client_id("withdrawn"), widest_subject())
}

fn code(digest: TokenDigest, client: ClientId, subject: Subject) -> CodeRecord {
    CodeRecord {
        digest,
        client,
        subject,
        scope: Scope::empty(),
        redirect_uri: String::new(),
        challenge: None,
        nonce: None,
        resource: Vec::new(),
        binding: Binding::None,
        auth: None,
        issued_at: at(0),
        expires_at: at(60_000),
        redeemed: None,
        extra: Extra::default(),
    }
}

fn full_consent() -> ConsentRecord {
    ConsentRecord {
        key: ConsentKey {
            subject: widest_subject(),
            client: widest_client_id(),
            redirect_uri: text(),
            resource: resources(),
        },
        scope: widest_scope(),
        granted_at: at(0),
        expires_at: Timestamp::from_millis(i64::MAX),
        extra: extra(),
    }
}

fn plain_consent() -> ConsentRecord {
    consent(subject("alice"), client_id("app"))
}

fn withdrawn_consent() -> ConsentRecord {
    consent(widest_subject(), client_id("withdrawn"))
}

fn consent(subject: Subject, client: ClientId) -> ConsentRecord {
    ConsentRecord {
        key: ConsentKey { subject, client, redirect_uri: String::new(), resource: Vec::new() },
        scope: scope("read"),
        granted_at: at(0),
        expires_at: at(31_536_000_000),
        extra: Extra::default(),
    }
}

/// Only an approval remembers a consent; request and code of this one are of no more interest.
fn remember(grants: &dyn GrantStore, number: u8, consent: ConsentRecord) {
    let ConsentKey { subject, client, .. } = consent.key.clone();
    let request =
        AuthorizationRequestRecord { handle: digest(number), client: client.clone(), ..requests().remove(0).0 };
    let begin = BeginRequest { request, client_limit: u32::MAX, tenant_limit: u32::MAX };
    assert_eq!(block_on(grants.begin_request(begin)).expect("the store works"), BeginOutcome::Begun);
    let code = code(digest(number + 100), client, subject.clone());
    let decision = RequestDecision::Approved { code: Box::new(code), consent: Some(Box::new(consent)) };
    let decide = DecideRequest { handle: digest(number), subject, auth: None, now: at(2), decision };
    assert_eq!(block_on(grants.decide_request(decide)).expect("the store works"), DecideOutcome::Decided);
}
