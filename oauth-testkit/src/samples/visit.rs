//! Visits to the authorization endpoint: requests, decisions, codes, consent.

use oauth_core::store::{
    AuthenticationContext, AuthorizationRequestRecord, BeginRequest, Binding, CodeRecord, ConsentKey, ConsentRecord,
    DecideRequest, Extra, FamilyRecord, FrozenRequest, RedeemCode, RequestDecision, RequestOrigin, RequestState,
};
use oauth_core::types::{CodeChallenge, Lifetime, Timestamp, TokenDigest};

use super::{BEGIN, FAMILY_END, client_id, digest, refreshable, scope, subject};

/// When requests expire.
pub(crate) const REQUEST_END: Timestamp = BEGIN.plus(Lifetime::of_seconds(1_800));
/// When codes expire.
pub(crate) const CODE_END: Timestamp = BEGIN.plus(Lifetime::of_seconds(60));
/// When remembered consent expires.
pub(crate) const CONSENT_END: Timestamp = BEGIN.plus(Lifetime::of_seconds(31_536_000));

pub(crate) const REDIRECT_URI: &str = "https://app.example/callback";

/// The handle of the request with this number.
pub(crate) fn request_handle(number: u64) -> TokenDigest {
    marked(0x4a, number)
}

/// The digest of the code with this number.
pub(crate) fn code_digest(number: u64) -> TokenDigest {
    marked(0xc0, number)
}

fn marked(mark: u8, number: u64) -> TokenDigest {
    let mut bytes = *digest(number).as_bytes();
    bytes[31] = mark;
    TokenDigest::from_bytes(bytes)
}

/// A request of the client `app` that waits for its user, from [`BEGIN`] to [`REQUEST_END`].
pub(crate) fn request(number: u64) -> AuthorizationRequestRecord {
    AuthorizationRequestRecord {
        handle: request_handle(number),
        origin: RequestOrigin::Plain,
        client: client_id("app"),
        redirect_uri: REDIRECT_URI.to_owned(),
        request: FrozenRequest::from_bytes(number.to_be_bytes().to_vec()).expect("not too large"),
        browser: Some(marked(0xb0, number)),
        subject: None,
        state: RequestState::Begun,
        binding: Binding::None,
        auth: None,
        resource: Vec::new(),
        begun_at: BEGIN,
        expires_at: REQUEST_END,
        extra: Extra::default(),
    }
}

/// A beginning without limits.
pub(crate) fn begin(request: AuthorizationRequestRecord) -> BeginRequest {
    BeginRequest { request, client_limit: u32::MAX, tenant_limit: u32::MAX }
}

/// How `alice` had signed in.
pub(crate) fn signed_in() -> AuthenticationContext {
    AuthenticationContext { auth_time: BEGIN, amr: vec!["pwd".to_owned()], acr: None }
}

/// A code of `alice` for the client `app`, from [`BEGIN`] to [`CODE_END`].
pub(crate) fn code(number: u64) -> CodeRecord {
    CodeRecord {
        digest: code_digest(number),
        client: client_id("app"),
        subject: subject("alice"),
        scope: scope("read"),
        redirect_uri: REDIRECT_URI.to_owned(),
        challenge: Some(CodeChallenge::from_bytes([0xcc; 32])),
        nonce: None,
        resource: Vec::new(),
        binding: Binding::None,
        auth: Some(signed_in()),
        issued_at: BEGIN,
        expires_at: CODE_END,
        redeemed: None,
        extra: Extra::default(),
    }
}

/// What `alice` allows the client `app`, from [`BEGIN`] to [`CONSENT_END`].
pub(crate) fn consent() -> ConsentRecord {
    ConsentRecord {
        key: ConsentKey {
            subject: subject("alice"),
            client: client_id("app"),
            redirect_uri: REDIRECT_URI.to_owned(),
            resource: Vec::new(),
        },
        scope: scope("read"),
        granted_at: BEGIN,
        expires_at: CONSENT_END,
        extra: Extra::default(),
    }
}

/// The approval of the request with this number, for this code.
pub(crate) fn approve(number: u64, code: CodeRecord, consent: Option<ConsentRecord>) -> DecideRequest {
    DecideRequest {
        handle: request_handle(number),
        subject: code.subject.clone(),
        auth: code.auth.clone(),
        now: code.issued_at,
        decision: RequestDecision::Approved { code: Box::new(code), consent: consent.map(Box::new) },
    }
}

/// The refusal of the request with this number by `alice`.
pub(crate) fn deny(number: u64, now: Timestamp) -> DecideRequest {
    DecideRequest {
        handle: request_handle(number),
        subject: subject("alice"),
        auth: Some(signed_in()),
        now,
        decision: RequestDecision::Denied,
    }
}

/// The family with this number as it comes from this code.
pub(crate) fn family_from(code: &CodeRecord, number: u64) -> FamilyRecord {
    FamilyRecord {
        client: code.client.clone(),
        subject: code.subject.clone(),
        auth: code.auth.clone(),
        code_digest: Some(code.digest),
        issued_at: code.issued_at,
        absolute_expires_at: FAMILY_END,
        ..refreshable(number)
    }
}

/// The redemption of this code for the family with this number, without access token and without limit.
pub(crate) fn redeem(code: &CodeRecord, number: u64, now: Timestamp) -> RedeemCode {
    RedeemCode {
        code: code.digest,
        now,
        family: FamilyRecord { seen_at: now, ..family_from(code, number) },
        access_token: None,
        live_limit: u32::MAX,
    }
}
