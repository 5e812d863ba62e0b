//! Table 1 for grants that hold something to spend: of two things that are wrong the earlier step answers, and
//! without a 200 the refresh token or the ticket can still be spent.

use oauth_core::ClientSpec;
use oauth_core::store::StoreErrorKind;
use oauth_core::wire::{Body, Method, Request};
use oauth_testkit::{Method as Call, Times, block_on};

use crate::people::{TRUST, people};
use crate::world::{World, form};

/// What can be wrong, in the order in which it must be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Method,
    Media,
    Size,
    Syntax,
    Mechanisms,
    Client,
    Grant,
    Missing,
    ScopeSyntax,
    ResourceSyntax,
    Foreign,
    User,
    Target,
    Scope,
    Store,
}

const ALL: [(Wrong, u16, &str); 15] = [
    (Wrong::Method, 405, "invalid_request"),
    (Wrong::Media, 400, "invalid_request"),
    (Wrong::Size, 413, "invalid_request"),
    (Wrong::Syntax, 400, "invalid_request"),
    (Wrong::Mechanisms, 400, "invalid_request"),
    (Wrong::Client, 401, "invalid_client"),
    (Wrong::Grant, 400, "unsupported_grant_type"),
    (Wrong::Missing, 400, "invalid_request"),
    (Wrong::ScopeSyntax, 400, "invalid_scope"),
    (Wrong::ResourceSyntax, 400, "invalid_target"),
    (Wrong::Foreign, 400, "invalid_grant"),
    (Wrong::User, 400, "invalid_grant"),
    (Wrong::Target, 400, "invalid_target"),
    (Wrong::Scope, 400, "invalid_scope"),
    (Wrong::Store, 503, "temporarily_unavailable"),
];

/// What is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spent {
    RefreshToken,
    Ticket,
}

impl Spent {
    /// What cannot be wrong with this grant.
    fn lacks(self, wrong: Wrong) -> bool {
        // a ticket belongs to nobody until it is spent, and only the host's own code knows what it needs
        self == Self::Ticket && matches!(wrong, Wrong::Foreign | Wrong::Missing)
    }

    fn commit(self) -> Call {
        match self {
            Self::RefreshToken => Call::Rotate,
            Self::Ticket => Call::StartFamily,
        }
    }

    fn request(self, credential: &str, wrong: &[Wrong]) -> Request {
        let is = |one| wrong.contains(&one);
        let client = if is(Wrong::Client) { "nobody" } else { ["app", "other"][usize::from(is(Wrong::Foreign))] };
        let mut body = vec![format!("client_id={client}")];
        let grant = match self {
            _ if is(Wrong::Grant) => "urn:unknown",
            Self::RefreshToken => "refresh_token",
            Self::Ticket => TRUST,
        };
        body.push(format!("grant_type={grant}"));
        if !is(Wrong::Missing) {
            body.push(match self {
                Self::RefreshToken => format!("refresh_token={credential}"),
                Self::Ticket => format!("user=alice&ticket={credential}"),
            });
        }
        match (is(Wrong::ScopeSyntax), is(Wrong::Scope)) {
            (true, _) => body.push("scope=%22".into()),
            (false, true) => body.push("scope=admin".into()),
            (false, false) => body.push("scope=orders.read+offline_access".into()),
        }
        match (is(Wrong::ResourceSyntax), is(Wrong::Target)) {
            (true, _) => body.push("resource=not+a+uri".into()),
            (false, true) => body.push("resource=https://api.example/unknown".into()),
            (false, false) => {}
        }
        if is(Wrong::Syntax) {
            body.push("x=%zz".into());
        }
        if is(Wrong::Mechanisms) {
            body.push("client_secret=x&client_assertion=y".into());
        }
        let mut request = form(&body.join("&"));
        if is(Wrong::Method) {
            request.method = Method::Get;
        }
        if is(Wrong::Media) {
            request.headers.push("content-type", b"text/plain");
        }
        if is(Wrong::Size) {
            request.body = Body::TooLarge;
        }
        request
    }
}

fn set_user(world: &World, active: bool) {
    let _ = world.memory.set_user_active(&"alice".parse().unwrap(), active).unwrap();
}

#[test]
fn of_two_faults_the_earlier_step_answers_and_the_credential_keeps() {
    for spent in [Spent::RefreshToken, Spent::Ticket] {
        let world = people(|builder| builder.failures_per_minute(10_000), |spec| spec);
        block_on(world.server.ensure_client(crate::people::app("other"))).unwrap();
        for (at, (first, status, code)) in ALL.iter().enumerate() {
            for (second, ..) in &ALL[at..] {
                if spent.lacks(*first) || spent.lacks(*second) {
                    continue;
                }
                let credential = match spent {
                    Spent::RefreshToken => world.begin().refresh_token(),
                    Spent::Ticket => format!("{first:?}-{second:?}"),
                };
                world.store.forget();
                if [first, second].contains(&&Wrong::Store) {
                    world.store.fail(spent.commit(), StoreErrorKind::Unavailable, Times::Nth(1));
                }
                if [first, second].contains(&&Wrong::User) {
                    set_user(&world, false);
                }
                let answer = world.post(spent.request(&credential, &[*first, *second]));
                assert_eq!(answer.error(), (*status, *code), "{spent:?}: {first:?} before {second:?}");
                let committed = world.store.count(spent.commit());
                assert_eq!(committed, usize::from(*first == Wrong::Store), "{spent:?}: {first:?}");
                if *first < Wrong::Client {
                    assert_eq!(world.store.calls(), [], "{first:?} is found before any store is asked");
                }
                assert_eq!(world.store.count(Call::RevokeFamily), 0);
                set_user(&world, true);
                world.store.forget();
                let kept = world.post(spent.request(&credential, &[]));
                assert_eq!(kept.status, 200, "{spent:?}: {first:?} and {second:?} spent it: {}", kept.body);
            }
        }
    }
}

#[test]
fn the_grant_must_be_the_clients_own_before_its_parameters_are_looked_at() {
    let world = people(|builder| builder, |spec| spec);
    let spec = ClientSpec::public("none").scope("orders.read").audience(["orders"]);
    block_on(world.server.ensure_client(spec)).unwrap();
    for grant in ["refresh_token", TRUST] {
        let answer = world.post(form(&format!("grant_type={grant}&client_id=none&scope=%22")));
        assert_eq!(answer.error(), (400, "unauthorized_client"));
    }
}
