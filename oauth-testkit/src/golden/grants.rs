//! Golden families, opaque tokens, tombstones, cutoffs, claims, strikes, and the mark of the clock.

use oauth_core::store::{
    AccessTokenRecord, Binding, Claim, Cutoff, CutoffKey, Extra, FamilyRecord, GrantStore, InsertToken, Principal,
    RefreshState, RevokeFamily, RevokeToken, RevokedWhy, Salt, Standing, StandingQuery, StartFamily, StartOutcome,
    Strike,
};
use oauth_core::types::{
    Audience, ClientId, FamilyId, KeyId, KeyedHash, Lifetime, Subject, Timestamp, TokenDigest, TokenId,
};

use super::{
    at, barely_signed_in, bytes, client_id, digest, every, extra, resources, scope, signed_in, subject,
    widest_client_id, widest_scope, widest_subject,
};
use crate::{TenantStore, block_on};

pub(super) fn write(store: &TenantStore, other: &TenantStore) {
    let grants = &*store.grants;
    for (family, _) in families() {
        start(grants, FamilyRecord { revoked: None, ..family }, None);
    }
    for (token, _) in tokens() {
        assert_eq!(block_on(grants.insert_access_token(token)).expect("the store works"), InsertToken::Inserted);
    }
    block_on(grants.revoke_token(RevokeToken::Opaque { digest: digest(REVOKED) })).expect("the store works");
    block_on(grants.revoke_token(RevokeToken::Jwt { id: widest_token_id(), expires_at: at(600_000) }))
        .expect("the store works");
    for (FamilyRecord { id, revoked, .. }, _) in families() {
        if let Some((at, why)) = revoked {
            let done = block_on(grants.revoke_family(&id, why, at)).expect("the store works");
            assert_eq!(done, RevokeFamily::Revoked);
        }
    }
    for key in [
        CutoffKey::Client(widest_client_id()),
        CutoffKey::Client(client_id("cut off")),
        CutoffKey::Subject(widest_subject()),
        CutoffKey::Subject(subject("cut off")),
    ] {
        block_on(grants.cut_off(Cutoff { key, at: CUT })).expect("the store works");
    }
    block_on(grants.cut_off(Cutoff { key: CutoffKey::Everything, at: LONG_AGO })).expect("the store works");
    start(grants, family(CLAIMING), Some(claim()));
    for _ in 0..STRIKES {
        block_on(grants.add_strike(strike())).expect("the store works");
    }
    block_on(grants.raise_clock_mark(at(77))).expect("the store works");
    // The other tenant has a family of the same id, and lost everything.
    start(&*other.grants, family(PLAIN), None);
    block_on(other.grants.cut_off(Cutoff { key: CutoffKey::Everything, at: at(1) })).expect("the store works");
}

pub(super) fn check(store: &TenantStore, other: &TenantStore) {
    let grants = &*store.grants;
    for (family, expected) in families().into_iter().chain([(family(CLAIMING), Standing::Live)]) {
        assert_eq!(block_on(grants.find_family(&family.id)).expect("the store works").as_ref(), Some(&family));
        if let Some(refresh) = &family.refresh {
            let found = block_on(grants.find_by_handle(&refresh.handle)).expect("the store works");
            let found = found.expect("a family by its handle");
            assert_eq!((&found.family, found.standing), (&family, expected));
        }
        let jwt = jwt(Some(family.id), Some(&family.client), Some(&family.subject), family.issued_at);
        assert_eq!(block_on(grants.standing(&jwt)).expect("the store works"), expected, "{:?}", family.id);
    }
    for (token, standing) in tokens() {
        let found = block_on(grants.find_access_token(&token.digest)).expect("the store works").expect("a token");
        assert_eq!((&found.token, found.standing), (&token, standing));
    }
    check_cutoffs(grants);
    let tombstone = StandingQuery { id: Some(widest_token_id()), ..jwt(None, None, None, at(0)) };
    assert_eq!(block_on(grants.standing(&tombstone)).expect("the store works"), Standing::Revoked);
    let again =
        StartFamily { family: family(CLAIMING + 1), access_token: None, live_limit: u32::MAX, claim: Some(claim()) };
    assert_eq!(block_on(grants.start_family(again)).expect("the store works"), StartOutcome::Claimed);
    assert_eq!(block_on(grants.add_strike(strike())).expect("the store works"), STRIKES + 1);
    let mark = block_on(grants.raise_clock_mark(Timestamp::from_millis(i64::MIN))).expect("the store works");
    assert_eq!(mark, at(77));
    let found = block_on(other.grants.find_family(&family_id(PLAIN))).expect("the store works");
    assert_eq!(found, Some(family(PLAIN)), "in the other tenant");
    let plain = jwt(Some(family_id(PLAIN)), None, None, at(0));
    assert_eq!(block_on(other.grants.standing(&plain)).expect("the store works"), Standing::Revoked);
}

/// What was issued at the time of a cutoff is dead, a millisecond later it stands.
fn check_cutoffs(grants: &dyn GrantStore) {
    let (client, subject) = (widest_client_id(), widest_subject());
    for (client, subject, cut) in [(Some(&client), None, CUT), (None, Some(&subject), CUT), (None, None, LONG_AGO)] {
        for (issued_at, expected) in
            [(cut, Standing::Revoked), (Timestamp::from_millis(cut.millis() + 1), Standing::Live)]
        {
            let jwt = jwt(None, client, subject, issued_at);
            assert_eq!(block_on(grants.standing(&jwt)).expect("the store works"), expected, "{jwt:?}");
        }
    }
}

/// When all that is cut off was.
const CUT: Timestamp = at(-1_000);
/// When the whole tenant was.
const LONG_AGO: Timestamp = at(-1_000_000);
const STRIKES: u32 = 3;

/// The families by number.
const PLAIN: u8 = 1;
const FULL: u8 = 2;
const CLAIMING: u8 = 100;
/// The token that was taken back.
const REVOKED: u8 = 4;

fn start(grants: &dyn GrantStore, family: FamilyRecord, claim: Option<Claim>) {
    let start = StartFamily { family, access_token: None, live_limit: u32::MAX, claim };
    assert_eq!(block_on(grants.start_family(start)).expect("the store works"), StartOutcome::Started { ended: 0 });
}

fn family_id(number: u8) -> FamilyId {
    FamilyId::from_bytes(bytes(number))
}

/// With nothing that there need not be.
pub(super) fn family(number: u8) -> FamilyRecord {
    FamilyRecord {
        id: family_id(number),
        client: client_id("app"),
        subject: subject("alice"),
        scope: scope("read"),
        resource: Vec::new(),
        binding: Binding::None,
        auth: None,
        code_digest: None,
        refresh: None,
        issued_at: at(0),
        seen_at: at(0),
        absolute_expires_at: at(7_776_000_000),
        revoked: None,
        extra: Extra::default(),
    }
}

fn refresh(number: u8) -> RefreshState {
    RefreshState {
        handle: bytes(number),
        key_id: KeyId::parse("derive").expect("a lawful key id"),
        generation: 0,
        current_digest: digest(number),
        previous_digest: None,
        salt: None,
        rotated_at: at(0),
        retries: 0,
        retry_streak: 0,
        idle_expires_at: at(1_000),
    }
}

/// One with nothing, one with everything, those between, one for each reason to end; and those that a cutoff covers.
pub(super) fn families() -> Vec<(FamilyRecord, Standing)> {
    let live = |family| (family, Standing::Live);
    let revoked = |family| (family, Standing::Revoked);
    let ended = |number, why| FamilyRecord { revoked: Some((at(i64::from(number)), why)), ..family(number) };
    let full_refresh = RefreshState {
        handle: bytes(FULL),
        key_id: KeyId::parse(&every(['!'..='!', '#'..='[', ']'..='~'])).expect("a lawful key id"),
        generation: u64::try_from(i64::MAX).unwrap_or(u64::MAX),
        current_digest: digest(21),
        previous_digest: Some(digest(20)),
        salt: Some(Salt { bytes: bytes(22), expires_at: at(330_000) }),
        rotated_at: at(10),
        retries: u32::MAX,
        retry_streak: u32::MAX,
        idle_expires_at: Timestamp::from_millis(i64::MAX),
    };
    vec![
        live(family(PLAIN)),
        live(FamilyRecord {
            client: widest_client_id(),
            subject: widest_subject(),
            scope: widest_scope(),
            resource: resources(),
            binding: Binding::Jkt(bytes(23)),
            auth: Some(signed_in()),
            code_digest: Some(digest(24)),
            refresh: Some(full_refresh),
            issued_at: at(1),
            seen_at: Timestamp::from_millis(-1),
            absolute_expires_at: Timestamp::from_millis(i64::MAX),
            extra: extra(),
            ..family(FULL)
        }),
        live(FamilyRecord {
            binding: Binding::X5t(bytes(25)),
            auth: Some(barely_signed_in()),
            refresh: Some(refresh(3)),
            ..family(3)
        }),
        revoked(ended(4, RevokedWhy::Client)),
        revoked(ended(5, RevokedWhy::Expired)),
        revoked(ended(6, RevokedWhy::Host)),
        revoked(ended(7, RevokedWhy::Limit)),
        revoked(FamilyRecord { refresh: Some(refresh(8)), ..ended(8, RevokedWhy::Replay) }),
        revoked(FamilyRecord { client: client_id("cut off"), issued_at: CUT, refresh: Some(refresh(9)), ..family(9) }),
        revoked(FamilyRecord {
            subject: subject("cut off"),
            issued_at: at(-1_001),
            refresh: Some(refresh(10)),
            ..family(10)
        }),
    ]
}

fn tokens() -> Vec<(AccessTokenRecord, Standing)> {
    let of = |client: ClientId, subject: Subject| Principal::User { subject, client };
    let plain = |number: u8| AccessTokenRecord {
        digest: digest(number),
        id: TokenId::parse(&format!("token-{number}")).expect("a lawful token id"),
        family: None,
        principal: Principal::Client { client: client_id("app") },
        scope: scope(""),
        audience: Vec::new(),
        resource: Vec::new(),
        binding: Binding::None,
        auth: None,
        issued_at: at(2),
        expires_at: at(600_000),
        extra: Extra::default(),
    };
    let full = AccessTokenRecord {
        id: widest_token_id(),
        family: Some(family_id(FULL)),
        principal: of(widest_client_id(), widest_subject()),
        scope: widest_scope(),
        audience: ["https://api.example", "é漢🦀'\"\\"].map(|text| Audience::parse(text).expect("an audience")).into(),
        resource: resources(),
        binding: Binding::Jkt(bytes(23)),
        auth: Some(signed_in()),
        expires_at: Timestamp::from_millis(i64::MAX),
        extra: extra(),
        ..plain(2)
    };
    let between = AccessTokenRecord {
        family: Some(family_id(3)),
        principal: of(client_id("app"), subject("alice")),
        binding: Binding::X5t(bytes(25)),
        auth: Some(barely_signed_in()),
        ..plain(3)
    };
    let of_an_ended_family =
        AccessTokenRecord { family: Some(family_id(8)), principal: of(client_id("app"), subject("alice")), ..plain(5) };
    let cut_off = AccessTokenRecord { principal: of(client_id("app"), subject("cut off")), issued_at: CUT, ..plain(6) };
    vec![
        (plain(1), Standing::Live),
        (full, Standing::Live),
        (between, Standing::Live),
        (plain(REVOKED), Standing::Revoked),
        (of_an_ended_family, Standing::Revoked),
        (cut_off, Standing::Revoked),
    ]
}

fn jwt(
    family: Option<FamilyId>,
    client: Option<&ClientId>,
    subject: Option<&Subject>,
    issued_at: Timestamp,
) -> StandingQuery {
    StandingQuery { id: None, family, client: client.cloned(), subject: subject.cloned(), issued_at }
}

fn claim() -> Claim {
    Claim { digest: TokenDigest::from_bytes(bytes(30)), expires_at: at(3_600_000) }
}

fn strike() -> Strike {
    Strike { account: KeyedHash::from_bytes(bytes(31)), now: at(0), window: Lifetime::of_seconds(900) }
}

/// Every character that a token id can have.
fn widest_token_id() -> TokenId {
    TokenId::parse(&every(['!'..='~'])).expect("a lawful token id")
}
