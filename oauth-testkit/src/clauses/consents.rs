//! Remembered consent, the cutoff that withdraws a grant, and the list of all that a user allows.

use oauth_core::store::{
    AuthorizationRequestRecord, ClientGrants, CodeRecord, ConsentKey, ConsentRecord, CutoffKey, DecideOutcome,
    DecideRequest, Extra, FamilyRecord, FoundRequest, ListGrants, RevokeFamily, RevokedWhy, Standing, StandingQuery,
    StartOutcome,
};
use oauth_core::types::{ClientId, ResourceUri, Subject, Timestamp};

use super::codes::issue;
use super::requests::{begins, decide};
use super::{done, for_all, fresh, hostile_ids, hostile_texts};
use crate::samples::{
    BEGIN, CONSENT_END, FAMILY_END, after, approve, client_id, code, code_digest, consent, cutoff, deny, family,
    family_id, handle, jwt, refreshable, request, request_handle, start, subject,
};
use crate::{Fixture, TenantStore, strategies};

/// Has a consent remembered, by a request and a code of its own.
pub(super) fn remember(store: &TenantStore, consent: ConsentRecord) {
    let number = fresh();
    let ConsentKey { subject, client, redirect_uri, resource } = consent.key.clone();
    let (begun_at, expires_at) = (consent.granted_at.min(Timestamp::from_millis(i64::MAX - 1)), Timestamp::MAX);
    begins(
        store,
        AuthorizationRequestRecord {
            client: client.clone(),
            redirect_uri: redirect_uri.clone(),
            resource: resource.clone(),
            begun_at,
            expires_at,
            ..request(number)
        },
    );
    let issued_at = consent.granted_at;
    let code = CodeRecord { subject, client, redirect_uri, resource, issued_at, expires_at, ..code(number) };
    let decision = DecideRequest { now: begun_at, ..approve(number, code, Some(consent)) };
    assert_eq!(decide(store, decision), DecideOutcome::Decided);
}

fn find(store: &TenantStore, key: &ConsentKey) -> Option<ConsentRecord> {
    done(store.grants.find_consent(key))
}

fn resource(text: &str) -> ResourceUri {
    ResourceUri::parse(text).expect("a lawful resource")
}

/// What was remembered is found, member by member: by its key, and with a request of the same use.
pub fn a_consent_comes_back_as_it_was_given(f: &Fixture) {
    for_all(strategies::consent(), |consent| {
        // A subject of its own: the key is all that tells consents apart.
        let mut consent = consent;
        consent.key.subject = subject(&format!("user-{}", fresh()));
        assert_eq!(find(&f.store, &consent.key), None);
        remember(&f.store, consent.clone());
        assert_eq!(find(&f.store, &consent.key).as_ref(), Some(&consent));
        let number = fresh();
        let ConsentKey { subject, client, redirect_uri, resource } = consent.key.clone();
        let visit = AuthorizationRequestRecord { client, redirect_uri, resource, ..request(number) };
        begins(&f.store, visit.clone());
        let found = done(f.store.grants.find_request(&request_handle(number), Some(&subject)));
        let expected = FoundRequest { request: visit, standing: Standing::Live, consent: Some(consent) };
        assert_eq!(found, Some(expected));
        assert_eq!(done(f.store.grants.find_request(&request_handle(number), None)).and_then(|f| f.consent), None);
    });
}

/// A consent is remembered for exactly one use: another subject, client, redirect URI or list of resources, however
/// alike, has none.
pub fn a_consent_is_remembered_for_one_use_only(f: &Fixture) {
    let of = |user: &str, client: &str, redirect_uri: &str, resources: &[&str]| ConsentKey {
        subject: subject(user),
        client: client_id(client),
        redirect_uri: redirect_uri.to_owned(),
        resource: resources.iter().map(|text| resource(text)).collect(),
    };
    let mut keys = Vec::new();
    keys.extend(hostile_texts().iter().map(|text| of(text, "app", "uri", &[])));
    keys.extend(hostile_ids().iter().map(|text| of("alice", text, "uri", &[])));
    keys.extend(hostile_texts().iter().map(|text| of("alice", "app", text, &[])));
    // Where one member ends and the next begins.
    keys.extend([of("ab", "c", "uri", &[]), of("a", "bc", "uri", &[]), of("abc", "app", "", &[])]);
    let (one, two) = ("https://a.example/", "https://b.example/");
    for list in
        [&[one][..], &[two], &[one, two], &["https://a.example/,https://b.example/"], &["https://a.example/%20"]]
    {
        keys.push(of("alice", "app", "resources", list));
    }
    keys.push(of("alice", "app", "resources", &[]));
    for key in &keys {
        assert_eq!(find(&f.store, key), None, "{key:?} before it is remembered");
        let own = ConsentRecord { key: key.clone(), ..consent() };
        remember(&f.store, own.clone());
        assert_eq!(find(&f.store, key), Some(own));
    }
}

/// A later consent for the same use replaces the earlier one whole, also when it is narrower; a refusal leaves it.
pub fn a_later_consent_replaces_the_earlier_one(f: &Fixture) {
    let first = ConsentRecord { scope: "read write".parse().expect("a scope"), ..consent() };
    remember(&f.store, first.clone());
    begins(&f.store, request(1));
    assert_eq!(decide(&f.store, deny(1, after(1))), DecideOutcome::Decided);
    begins(&f.store, request(2));
    assert_eq!(decide(&f.store, approve(2, code(2), None)), DecideOutcome::Decided);
    assert_eq!(find(&f.store, &first.key), Some(first.clone()), "a decision without consent leaves it");
    let extra = Extra::from_bytes(vec![7]).expect("not too large");
    let second = ConsentRecord { granted_at: after(9), expires_at: after(10), extra, ..consent() };
    remember(&f.store, second.clone());
    assert_eq!(find(&f.store, &first.key), Some(second.clone()));
    done(f.store.grants.cut_off(cutoff(CutoffKey::Subject(subject("alice")), after(8))));
    assert_eq!(find(&f.store, &first.key), Some(second), "it is as old as the last one");
    done(f.store.grants.cut_off(cutoff(CutoffKey::Subject(subject("alice")), after(9))));
    assert_eq!(find(&f.store, &first.key), None);
    let third = ConsentRecord { granted_at: after(10), expires_at: CONSENT_END, ..first };
    remember(&f.store, third.clone());
    assert_eq!(find(&f.store, &third.key), Some(third), "given anew after its withdrawal");
}

/// One cutoff withdraws the consent, the codes and the families of its subject, its client or the two together, as far
/// as they were given at or before it, and nothing else.
pub fn a_cutoff_withdraws_consent_codes_and_families(f: &Fixture) {
    let pairs = [("alice", "app"), ("alice", "web"), ("bob", "app"), ("bob", "web"), ("app", "alice")];
    let mut grants: Vec<(&str, &str, Timestamp, u64)> = Vec::new();
    for (user, client) in pairs {
        for at in [after(10), after(11)] {
            let (number, subject, client_id) = (fresh(), subject(user), client_id(client));
            let key = ConsentKey {
                subject: subject.clone(),
                client: client_id.clone(),
                redirect_uri: number.to_string(),
                resource: Vec::new(),
            };
            remember(&f.store, ConsentRecord { key, granted_at: at, ..consent() });
            let (of_code, of_family) = ((subject.clone(), client_id.clone()), (subject, client_id));
            issue(&f.store, &CodeRecord { subject: of_code.0, client: of_code.1, issued_at: at, ..code(number) });
            let family =
                FamilyRecord { subject: of_family.0, client: of_family.1, issued_at: at, ..refreshable(number) };
            assert_eq!(done(f.store.grants.start_family(start(family))), StartOutcome::Started { ended: 0 });
            grants.push((user, client, at, number));
        }
    }
    let mut cut: Vec<CutoffKey> = Vec::new();
    for key in [
        CutoffKey::Grant { subject: subject("bob"), client: client_id("web") },
        CutoffKey::Subject(subject("alice")),
        CutoffKey::Client(client_id("app")),
        CutoffKey::Everything,
    ] {
        done(f.store.grants.cut_off(cutoff(key.clone(), after(10))));
        cut.push(key);
        for &(user, client, at, number) in &grants {
            let covers = |key: &CutoffKey| match key {
                CutoffKey::Client(key) => key.as_str() == client,
                CutoffKey::Everything => true,
                CutoffKey::Grant { subject, client: key } => subject.as_str() == user && key.as_str() == client,
                CutoffKey::Subject(key) => key.as_str() == user,
            };
            let stands = !(at == after(10) && cut.iter().any(covers));
            let standing = if stands { Standing::Live } else { Standing::Revoked };
            let about = format!("{user} with {client} at {at:?} after {cut:?}");
            let key = ConsentKey {
                subject: subject(user),
                client: client_id(client),
                redirect_uri: number.to_string(),
                resource: Vec::new(),
            };
            assert_eq!(find(&f.store, &key).is_some(), stands, "consent of {about}");
            let code = done(f.store.grants.find_code(&code_digest(number))).expect("stored");
            assert_eq!(code.standing, standing, "code of {about}");
            let family = done(f.store.grants.find_by_handle(&handle(number))).expect("stored");
            assert_eq!(family.standing, standing, "family of {about}");
            let listed = list_all(&f.store, user, after(20), 9);
            let of_client = listed.iter().find(|listed| listed.client.as_str() == client);
            let is_listed = of_client.is_some_and(|c| c.families.iter().any(|one| one.id == family_id(number)));
            assert_eq!(is_listed, stands, "the list of {about}");
        }
    }
}

fn page(store: &TenantStore, user: &str, now: Timestamp, after: Option<ClientId>, limit: u32) -> Vec<ClientGrants> {
    done(store.grants.list_grants(&ListGrants { subject: subject(user), now, after, limit }))
}

/// Every page of this size, one after the other.
fn list_all(store: &TenantStore, user: &str, now: Timestamp, limit: u32) -> Vec<ClientGrants> {
    let mut listed: Vec<ClientGrants> = Vec::new();
    loop {
        let page = page(store, user, now, listed.last().map(|last| last.client.clone()), limit);
        assert!(page.len() as u64 <= u64::from(limit), "a page of {} of at most {limit}", page.len());
        if page.is_empty() {
            return listed;
        }
        listed.extend(page);
    }
}

/// Pages list every client of a user once, in byte order of the ids, each with all of its families, oldest first, and
/// all of its consents.
pub fn a_list_of_grants_comes_in_pages(f: &Fixture) {
    let mut ids: Vec<ClientId> = hostile_ids().iter().map(|id| client_id(id)).collect();
    ids.sort();
    assert_eq!(list_all(&f.store, "alice", after(5), 9), []);
    for (place, id) in ids.iter().enumerate() {
        let consents = if place % 3 == 0 { 2 } else { place % 2 };
        for number in 0..consents {
            let mut consent = consent();
            (consent.key.client, consent.key.redirect_uri) = (id.clone(), format!("https://{number}.example"));
            remember(&f.store, consent);
        }
        let families = if place % 3 == 0 { 3 } else { 1 - place % 2 };
        for number in 0..families {
            // Later numbers are older, and two are of one age.
            let issued_at = after([2, 1, 1][number]);
            let family = FamilyRecord { client: id.clone(), issued_at, ..family((place * 8 + number) as u64) };
            let _ = done(f.store.grants.start_family(start(family)));
        }
    }
    for limit in [1, 7, u32::MAX] {
        let listed = list_all(&f.store, "alice", after(5), limit);
        assert_eq!(listed.iter().map(|c| c.client.clone()).collect::<Vec<_>>(), ids, "in pages of {limit}");
        for (place, of_client) in listed.iter().enumerate() {
            let order: Vec<_> = of_client.families.iter().map(|family| family.id).collect();
            let number = (place * 8) as u64;
            let expected: Vec<_> = match (place % 3, place % 2) {
                (0, _) => [1, 2, 0].map(|of| family_id(number + of)).into(),
                (_, 0) => vec![family_id(number)],
                _ => Vec::new(),
            };
            assert_eq!(order, expected, "{:?}", of_client.client);
            let consents = if place % 3 == 0 { 2 } else { place % 2 };
            assert_eq!(of_client.consents.len(), consents, "{:?}", of_client.client);
            for consent in &of_client.consents {
                assert_eq!(find(&f.store, &consent.key).as_ref(), Some(consent), "whole");
            }
            for family in &of_client.families {
                assert_eq!(done(f.store.grants.find_family(&family.id)).as_ref(), Some(family), "whole");
            }
        }
    }
    // The place to go on from need not be a client.
    let rest = page(&f.store, "alice", after(5), Some(client_id("a!")), 1);
    assert_eq!(rest.first().map(|of_client| of_client.client.as_str()), Some("a%"));
    assert_eq!(page(&f.store, "alice", after(5), None, 0), []);
    for other in ["bob", "Alice", "alice ", "a%", "app"] {
        assert_eq!(list_all(&f.store, other, after(5), 9), [], "{other:?}");
    }
}

/// The list has what is live at its time: no family that was revoked, cut off or has expired, no consent that was
/// withdrawn or has expired, no code, and no client with nothing else.
pub fn a_list_of_grants_has_what_is_live_only(f: &Fixture) {
    let of = |number, client: &str| FamilyRecord { client: client_id(client), ..family(number) };
    let consent_of = |client: &str, expires_at| {
        let mut consent = ConsentRecord { expires_at, ..consent() };
        consent.key.client = client_id(client);
        consent
    };
    for family in [
        of(1, "live"),
        of(2, "live"),
        of(3, "revoked"),
        FamilyRecord { absolute_expires_at: after(50), ..of(4, "expired") },
        of(5, "cut"),
        of(6, "withdrawn"),
    ] {
        let _ = done(f.store.grants.start_family(start(family)));
    }
    for consent in [
        consent_of("live", after(100)),
        consent_of("expired", after(50)),
        consent_of("cut", CONSENT_END),
        consent_of("consent", CONSENT_END),
        consent_of("withdrawn", CONSENT_END),
    ] {
        remember(&f.store, consent);
    }
    issue(&f.store, &CodeRecord { client: client_id("code"), ..code(1) });
    for number in [2, 3] {
        let revoked = done(f.store.grants.revoke_family(&family_id(number), RevokedWhy::Client, after(1)));
        assert_eq!(revoked, RevokeFamily::Revoked);
    }
    done(f.store.grants.cut_off(cutoff(CutoffKey::Client(client_id("cut")), BEGIN)));
    let grant = CutoffKey::Grant { subject: subject("alice"), client: client_id("withdrawn") };
    done(f.store.grants.cut_off(cutoff(grant, BEGIN)));
    let listed = |now: Timestamp| -> Vec<(String, usize, usize)> {
        let all = list_all(&f.store, "alice", now, 2);
        all.iter().map(|c| (c.client.as_str().to_owned(), c.families.len(), c.consents.len())).collect()
    };
    let row = |client: &str, families, consents| (client.to_owned(), families, consents);
    let last = row("live", 1, 1);
    assert_eq!(listed(after(49)), [row("consent", 0, 1), row("expired", 1, 1), last.clone()]);
    assert_eq!(listed(after(50)), [row("consent", 0, 1), last]);
    assert_eq!(listed(after(100)), [row("consent", 0, 1), row("live", 1, 0)]);
    assert_eq!(listed(FAMILY_END), [row("consent", 0, 1)]);
    assert_eq!(listed(CONSENT_END), []);
    done(f.store.grants.cut_off(cutoff(CutoffKey::Subject(subject("alice")), BEGIN)));
    assert_eq!(listed(after(10)), [], "all that was hers");
}

/// No cutoff of a grant reaches another subject or client, whatever they are written with.
pub fn cutoffs_of_grants_match_byte_for_byte(f: &Fixture) {
    let mut pairs: Vec<(Subject, ClientId)> = Vec::new();
    pairs.extend(hostile_texts().iter().map(|text| (subject(text), client_id("app"))));
    pairs.extend(hostile_ids().iter().map(|text| (subject("alice"), client_id(text))));
    // Where the subject ends and the client begins.
    pairs.extend([("ab", "c"), ("a", "bc"), ("app", "alice")].map(|(s, c)| (subject(s), client_id(c))));
    let standing = |subject: Option<&Subject>, client: &ClientId| {
        let (client, subject) = (Some(client.clone()), subject.cloned());
        done(f.store.grants.standing(&StandingQuery { client, subject, ..jwt("app", None, BEGIN) }))
    };
    for (subject, client) in &pairs {
        assert_eq!(standing(Some(subject), client), Standing::Live, "{subject:?} with {client:?}, before its own");
        let key = CutoffKey::Grant { subject: subject.clone(), client: client.clone() };
        done(f.store.grants.cut_off(cutoff(key, after(1))));
        assert_eq!(standing(Some(subject), client), Standing::Revoked, "{subject:?} with {client:?}");
        assert_eq!(standing(None, client), Standing::Live, "what {client:?} holds itself");
    }
}
