//! Authorization requests, codes and consent.

use oauth_core::store::{
    AuthorizationRequestRecord, CodeRecord, ConsentKey, ConsentRecord, FrozenRequest, RequestOrigin, RequestState,
};
use oauth_core::types::{CodeChallenge, ResourceUri};
use proptest::array::uniform32;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{authentication, binding, client_id, extra, resource, scope, subject, text, timestamp, token_digest};

/// Whole authorization requests that can still be decided.
pub fn request() -> impl Strategy<Value = AuthorizationRequestRecord> {
    let about = (token_digest(), select(&RequestOrigin::ALL[..]), client_id(), text(), frozen_request());
    let state = select(vec![RequestState::Pushed, RequestState::Begun]);
    let rest = (option::of(token_digest()), state, binding(), resources(), extra());
    (about, rest, timestamp(), timestamp()).prop_map(|(about, rest, begun_at, expires_at)| {
        let (handle, origin, client, redirect_uri, request) = about;
        let (browser, state, binding, resource, extra) = rest;
        AuthorizationRequestRecord {
            handle,
            origin,
            client,
            redirect_uri,
            request,
            browser,
            subject: None,
            state,
            binding,
            auth: None,
            resource,
            begun_at,
            expires_at,
            extra,
        }
    })
}

/// The parameters of a request: nothing, anything, and as much as fits.
pub fn frozen_request() -> impl Strategy<Value = FrozenRequest> {
    prop_oneof![
        1 => Just(Vec::new()),
        8 => vec(any::<u8>(), 1..200),
        1 => any::<u8>().prop_map(|byte| vec![byte; FrozenRequest::MAX_LEN]),
    ]
    .prop_map(|bytes| FrozenRequest::from_bytes(bytes).expect("not too large"))
}

/// Whole codes that were not redeemed.
pub fn code() -> impl Strategy<Value = CodeRecord> {
    let about = (token_digest(), client_id(), subject(), scope(), text());
    let asked = (option::of(uniform32(any::<u8>())), option::of(text()), vec(resource(), 0..3), binding());
    let rest = (option::of(authentication()), timestamp(), timestamp(), extra());
    (about, asked, rest).prop_map(|(about, asked, (auth, issued_at, expires_at, extra))| {
        let (digest, client, subject, scope, redirect_uri) = about;
        let (challenge, nonce, resource, binding) = asked;
        CodeRecord {
            digest,
            client,
            subject,
            scope,
            redirect_uri,
            challenge: challenge.map(CodeChallenge::from_bytes),
            nonce,
            resource,
            binding,
            auth,
            issued_at,
            expires_at,
            redeemed: None,
            extra,
        }
    })
}

/// Whole consents.
pub fn consent() -> impl Strategy<Value = ConsentRecord> {
    let key = (subject(), client_id(), text(), resources());
    (key, scope(), timestamp(), timestamp(), extra()).prop_map(|(key, scope, granted_at, expires_at, extra)| {
        let (subject, client, redirect_uri, resource) = key;
        let key = ConsentKey { subject, client, redirect_uri, resource };
        ConsentRecord { key, scope, granted_at, expires_at, extra }
    })
}

/// Sorted, each once.
fn resources() -> impl Strategy<Value = Vec<ResourceUri>> {
    vec(resource(), 0..3).prop_map(|resources| {
        let mut resources = resources;
        resources.sort();
        resources.dedup();
        resources
    })
}
