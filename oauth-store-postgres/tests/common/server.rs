//! What the servers of [`oauth_testkit::RefreshingServer`] need.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use oauth_core::jose::Alg;
use oauth_core::store::{AccessTokenFormat, Register, TokenProfile, User};
use oauth_testkit::block_on;

use crate::PostgresStore;

pub fn add_alice(store: &PostgresStore) {
    let user = User { subject: "alice".parse().unwrap(), active: true, scope: None, password: None };
    assert_eq!(block_on(store.insert_user(user, &["alice"])).unwrap(), Register::Registered);
}

pub fn jwt() -> AccessTokenFormat {
    AccessTokenFormat::Jwt { alg: Alg::ES256, profile: TokenProfile::Rfc9068 }
}
