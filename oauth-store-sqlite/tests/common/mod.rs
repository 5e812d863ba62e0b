//! What the test binaries of this crate share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

mod directory;
pub mod processes;
pub mod refresh;

use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use oauth_core::store::{
    AccessTokenRecord, AccessTokenRule, AuthMethods, Client, FamilyRecord, GrantTypes, Principal, RefreshRule,
    StartFamily,
};
use oauth_core::types::{Audience, FamilyId, Scope, Timestamp, TokenDigest};
use rusqlite::Connection;

pub use self::directory::Directory;

pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
pub const LATER: Timestamp = Timestamp::from_seconds(1_900_000_000);

/// A connection of somebody else to the same file.
pub fn stranger(file: &Path) -> Connection {
    Connection::open(file).unwrap()
}

/// Polls once, which enqueues an operation; its answer when that is there already.
pub fn poll_once<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Option<F::Output> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

pub fn family_id(number: u64) -> FamilyId {
    let mut bytes = [7; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    FamilyId::from_bytes(bytes)
}

pub fn digest(number: u64) -> TokenDigest {
    let mut bytes = [9; 32];
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    TokenDigest::from_bytes(bytes)
}

/// A family of `alice` and its first token, both by one number.
pub fn start(number: u64) -> StartFamily {
    let access_token = Some(token(number, Some(number)));
    StartFamily { family: family(number), access_token, live_limit: u32::MAX, claim: None }
}

pub fn family(number: u64) -> FamilyRecord {
    FamilyRecord {
        id: family_id(number),
        client: "app".parse().unwrap(),
        subject: format!("alice-{number}").parse().unwrap(),
        scope: "read write".parse().unwrap(),
        resource: Vec::new(),
        binding: Default::default(),
        auth: None,
        code_digest: None,
        refresh: None,
        issued_at: NOW,
        seen_at: NOW,
        absolute_expires_at: LATER,
        revoked: None,
        extra: Default::default(),
    }
}

pub fn token(number: u64, family: Option<u64>) -> AccessTokenRecord {
    AccessTokenRecord {
        digest: digest(number),
        id: format!("t{number}").parse().unwrap(),
        family: family.map(family_id),
        principal: Principal::Client { client: "app".parse().unwrap() },
        scope: "read".parse().unwrap(),
        audience: vec![Audience::parse("api").unwrap()],
        resource: Vec::new(),
        binding: Default::default(),
        auth: None,
        issued_at: NOW,
        expires_at: LATER,
        extra: Default::default(),
    }
}

pub fn client(id: &str) -> Client {
    Client {
        id: id.parse().unwrap(),
        name: id.to_owned(),
        version: 1,
        active: true,
        auth_methods: AuthMethods::default(),
        secrets: Vec::new(),
        grants: GrantTypes::default(),
        default_scope: Scope::empty(),
        scope: Scope::empty(),
        redirect_uris: Vec::new(),
        resources: Vec::new(),
        audience: Vec::new(),
        access_token: AccessTokenRule { format: None, lifetime: None },
        refresh: RefreshRule::default(),
        networks: None,
        acts_for: Vec::new(),
        json_bodies: false,
        created_at: NOW,
        updated_at: NOW,
        extra: Default::default(),
    }
}
