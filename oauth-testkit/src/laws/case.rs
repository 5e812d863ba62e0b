//! Cases: a client, a user, a server's settings, rules and a request, awkward on purpose and small when shrunk.

use std::net::IpAddr;

use oauth_core::types::{Scope, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// When cases are judged unless they say otherwise.
pub(super) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Tokens that differ by as little as tokens can, and those that mean something.
const TOKENS: [&str; 12] = [
    "offline_access",
    "openid",
    "read",
    "write",
    "reads",
    "Read",
    "rea",
    "read:all",
    "read.all",
    "!",
    "~",
    "Offline_access",
];

/// Tokens of the host's own, which its rule is about.
pub(super) type Words = &'static [&'static str];

/// Scopes: subsets of tokens that nearly look alike, seldom any tokens at all, seldom very many.
pub(super) fn scope(words: Words) -> impl Strategy<Value = Scope> + use<> {
    let known: Vec<&'static str> = TOKENS.iter().chain(words).copied().collect();
    prop_oneof![
        12 => subsequence(known.clone(), 0..=6).prop_map(|tokens| tokens.join(" ")),
        2 => Just(known.join(" ")),
        1 => vec(r"[!#-\[\]-~]{1,6}", 0..4).prop_map(|tokens| tokens.join(" ")),
        1 => (100..300_usize).prop_map(|many| (0..many).map(|n| format!("t{n:x}")).collect::<Vec<_>>().join(" ")),
    ]
    .prop_map(|text| Scope::parse(&text).expect("a scope"))
}

/// Scopes that often hold everything, so that other bounds have their turn.
fn roomy(words: Words) -> impl Strategy<Value = Scope> {
    let all: Vec<&str> = TOKENS.iter().chain(words).copied().collect();
    prop_oneof![1 => scope(words), 2 => Just(Scope::parse(&all.join(" ")).expect("a scope"))]
}

/// Points in time for which arithmetic is easy to get wrong.
pub(super) fn any_time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        4 => Just(START),
        1 => any::<i64>().prop_map(Timestamp::from_millis),
        1 => select(vec![i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX]).prop_map(Timestamp::from_millis),
    ]
}

/// By which grant a request asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// `client_credentials`.
    Client,
    /// `password`.
    Password,
    /// `authorization_code`.
    Code,
    /// A grant of the host's own, which gives tokens in a user's name.
    Extension,
}

/// A client.
#[derive(Debug, Clone)]
pub struct ClientCase {
    /// Whether it has no secret.
    pub public: bool,
    /// Whether it is active.
    pub active: bool,
    /// Whether it is registered for the grant that it asks by.
    pub has_grant: bool,
    /// Whether it is registered for refresh tokens.
    pub refreshes: bool,
    /// The most that it may have.
    pub scope: Scope,
    /// What it gets when it asks for nothing, as far as `scope` has it.
    pub default: Scope,
    /// How long its tokens live, in seconds.
    pub lifetime: Option<u32>,
    /// Whether it may ask for the resource.
    pub resource: bool,
    /// Whether it may act for the user.
    pub acts_for: bool,
    /// From where it may come.
    pub network: Option<Network>,
}

/// Networks of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// 203.0.113.0/24.
    Office,
    /// 2001:db8::/32.
    Branch,
}

/// A user.
#[derive(Debug, Clone)]
pub struct UserCase {
    /// Whether there is such a user.
    pub known: bool,
    /// Whether the user is active.
    pub active: bool,
    /// The most that clients may have in the user's name.
    pub scope: Option<Scope>,
}

/// Settings of a server.
#[derive(Debug, Clone)]
pub struct ServerCase {
    /// Whether the grant is on, where it can be off.
    pub has_grant: bool,
    /// Whether too much is refused instead of narrowed.
    pub strict: bool,
    /// Whether tokens are opaque; otherwise JWT.
    pub opaque: bool,
    /// How long tokens live unless the client says otherwise, in seconds.
    pub lifetime: u32,
    /// Whether there are id tokens.
    pub id_tokens: bool,
    /// What the resource knows.
    pub resource_scope: Option<Scope>,
    /// How long tokens for the resource live at most, in seconds.
    pub resource_lifetime: Option<u32>,
    /// The most that the extension grant gives.
    pub grant_scope: Scope,
    /// Whether the extension grant gives refresh and id tokens.
    pub grant_lasts: bool,
}

/// A request.
#[derive(Debug, Clone)]
pub struct RequestCase {
    /// By which grant.
    pub grant: Grant,
    /// The scope that it names.
    pub scope: Option<Scope>,
    /// Whether it names the resource.
    pub resource: bool,
    /// From where.
    pub peer: Option<IpAddr>,
    /// How long the extension grant proposes, in seconds.
    pub proposed: Option<u32>,
    /// How much the extension grant proposes.
    pub proposed_scope: Option<Scope>,
    /// How it came by its code, where it asks by one.
    pub consent: Option<Consent>,
}

/// A visit to the authorization endpoint, and what the user said there.
#[derive(Debug, Clone)]
pub struct Consent {
    /// The scope that the visit named.
    pub scope: Option<Scope>,
    /// Whether it named the resource.
    pub resource: bool,
    /// How much of what was shown the user allowed; `None` is all of it.
    pub allowed: Option<Scope>,
    /// Whether client, user and server had everything then, and lost since what they have not now.
    pub before: bool,
}

/// A rule of a host, as data. Each takes away the same from everybody, or from those whose request it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleCase {
    /// Denies whoever asks for this token.
    Deny(String),
    /// Leaves this scope.
    Only(Scope),
    /// Takes this scope away.
    Without(Scope),
    /// Lets tokens live for this many seconds at most.
    AtMost(u32),
    /// Wants a login by password, within these seconds.
    Login(u32),
}

/// One request and everything that it is decided by.
#[derive(Debug, Clone)]
pub struct Case {
    /// Who asks.
    pub client: ClientCase,
    /// For whom.
    pub user: UserCase,
    /// Whom.
    pub server: ServerCase,
    /// What.
    pub request: RequestCase,
    /// By which rules of the host besides.
    pub rules: Vec<RuleCase>,
    /// When: only [`explain`](super::Judge::explain) goes by it.
    pub at: Timestamp,
}

impl Case {
    /// Whole cases; most of them can be granted.
    pub(super) fn any(words: Words) -> impl Strategy<Value = Self> {
        (client(words), user(words), server(words), request(words), rules(words))
            .prop_map(|(client, user, server, request, rules)| Self { client, user, server, request, rules, at: START })
    }

    /// A request that is granted whole, by the smallest of everything.
    #[must_use]
    pub fn of(grant: Grant) -> Self {
        let scope = Scope::parse("read").expect("a scope");
        let consent = Consent { scope: None, resource: false, allowed: None, before: true };
        Self {
            client: ClientCase {
                public: false,
                active: true,
                has_grant: true,
                refreshes: false,
                scope: scope.clone(),
                default: scope.clone(),
                lifetime: None,
                resource: false,
                acts_for: true,
                network: None,
            },
            user: UserCase { known: true, active: true, scope: None },
            server: ServerCase {
                has_grant: true,
                strict: false,
                opaque: false,
                lifetime: 600,
                id_tokens: false,
                resource_scope: None,
                resource_lifetime: None,
                grant_scope: scope,
                grant_lasts: false,
            },
            request: RequestCase {
                grant,
                scope: None,
                resource: false,
                peer: None,
                proposed: None,
                proposed_scope: None,
                consent: (grant == Grant::Code).then_some(consent),
            },
            rules: Vec::new(),
            at: START,
        }
    }

    /// What the request asks for: what it names, or else what its code holds, or the default. What a code holds that
    /// the same rules allowed is not told from here: it is within this.
    pub(super) fn asked(&self) -> Scope {
        let default = || self.client.default.intersection(&self.client.scope);
        match (&self.request.scope, self.request.grant) {
            (Some(scope), _) if !scope.is_empty() => scope.clone(),
            (_, Grant::Client | Grant::Password) => default(),
            (_, Grant::Code) => self.allowed(),
            (_, Grant::Extension) => {
                let proposed = self.request.proposed_scope.clone().unwrap_or_else(default);
                proposed.intersection(&self.gives()).intersection(&self.client.scope)
            }
        }
    }

    /// Whether [`asked`](Self::asked) is all that is asked for, and not only the most that it can be.
    pub(super) fn is_asked_for_whole(&self) -> bool {
        let names_scope = self.request.scope.as_ref().is_some_and(|scope| !scope.is_empty());
        names_scope || self.consent().is_none_or(|consent| consent.before)
    }

    /// What a code was asked for by, if it is one that is presented.
    pub(super) fn consent(&self) -> Option<&Consent> {
        self.request.consent.as_ref().filter(|_| self.request.grant == Grant::Code)
    }

    /// What the user was asked for: what the visit named, or the default; less what was out of the question there.
    pub(super) fn visited(&self) -> Scope {
        let Some(consent) = self.consent() else { return Scope::empty() };
        let named = consent.scope.clone().filter(|scope| !scope.is_empty());
        let named = named.unwrap_or_else(|| self.client.default.intersection(&self.client.scope));
        match (&self.server.resource_scope, consent.before) {
            (_, true) => named,
            (Some(known), _) if consent.resource => named.intersection(&self.client.scope).intersection(known),
            _ => named.intersection(&self.client.scope),
        }
    }

    /// The most that a code can hold.
    pub(super) fn allowed(&self) -> Scope {
        let allowed = self.consent().and_then(|consent| consent.allowed.as_ref());
        allowed.map_or_else(|| self.visited(), |allowed| self.visited().intersection(allowed))
    }

    /// Whether the token is for the resource: what a code is for is said at the visit.
    pub(super) fn is_for_resource(&self) -> bool {
        self.consent().map_or(self.request.resource, |consent| consent.resource)
    }

    /// What the extension grant gives.
    fn gives(&self) -> Scope {
        let lasts = self.server.grant_lasts && self.client.public;
        let never = Scope::parse(if lasts { "" } else { "offline_access openid" }).expect("a scope");
        let gives = self.server.grant_scope.difference(&never);
        self.request.proposed_scope.as_ref().map_or(gives.clone(), |proposed| gives.intersection(proposed))
    }

    /// Everything that bounds the scope.
    pub(super) fn bounds(&self) -> Vec<Scope> {
        let speaks_for_user = self.request.grant != Grant::Client;
        let mut bounds = vec![self.asked(), self.client.scope.clone()];
        bounds.extend(self.user.scope.clone().filter(|_| speaks_for_user));
        bounds.extend(self.server.resource_scope.clone().filter(|_| self.is_for_resource()));
        bounds.extend((self.request.grant == Grant::Extension).then(|| self.gives()));
        bounds.extend((self.request.grant == Grant::Code).then(|| self.allowed()));
        bounds
    }
}

fn lifetime() -> impl Strategy<Value = u32> {
    prop_oneof![Just(1), Just(599), Just(600), Just(601), Just(3_600)]
}

fn client(words: Words) -> impl Strategy<Value = ClientCase> {
    let is = (prop::bool::weighted(0.3), prop::bool::weighted(0.98), prop::bool::weighted(0.95), any::<bool>());
    let network = option::weighted(0.1, select(vec![Network::Office, Network::Branch]));
    let more = (option::of(lifetime()), prop::bool::weighted(0.8), prop::bool::weighted(0.9), network);
    (is, roomy(words), roomy(words), more).prop_map(|((public, active, has_grant, refreshes), scope, default, more)| {
        let (lifetime, resource, acts_for, network) = more;
        ClientCase { public, active, has_grant, refreshes, scope, default, lifetime, resource, acts_for, network }
    })
}

fn user(words: Words) -> impl Strategy<Value = UserCase> {
    (prop::bool::weighted(0.98), prop::bool::weighted(0.98), option::weighted(0.3, scope(words)))
        .prop_map(|(known, active, scope)| UserCase { known, active, scope })
}

fn server(words: Words) -> impl Strategy<Value = ServerCase> {
    let is = (prop::bool::weighted(0.95), prop::bool::weighted(0.1), any::<bool>(), any::<bool>(), any::<bool>());
    let resource = (option::of(scope(words)), option::of(lifetime()));
    (is, lifetime(), resource, roomy(words)).prop_map(|(is, lifetime, resource, grant_scope)| {
        let (has_grant, strict, opaque, id_tokens, grant_lasts) = is;
        let (resource_scope, resource_lifetime) = resource;
        ServerCase {
            has_grant,
            strict,
            opaque,
            lifetime,
            id_tokens,
            resource_scope,
            resource_lifetime,
            grant_scope,
            grant_lasts,
        }
    })
}

fn request(words: Words) -> impl Strategy<Value = RequestCase> {
    let grant = prop_oneof![
        2 => Just(Grant::Client),
        1 => Just(Grant::Password),
        2 => Just(Grant::Extension),
        2 => Just(Grant::Code),
    ];
    let peers = ["203.0.113.9", "::ffff:203.0.113.9", "2001:db8::9", "198.51.100.1"];
    let peer = option::weighted(0.9, select(peers.map(|text| text.parse::<IpAddr>().expect("an address")).to_vec()));
    let proposed = (option::weighted(0.3, lifetime()), option::weighted(0.2, scope(words)));
    let asked = (option::weighted(0.8, scope(words)), prop::bool::weighted(0.2));
    (grant, asked, peer, proposed, consent(words)).prop_map(|(grant, asked, peer, proposed, consent)| {
        let ((mut scope, resource), (proposed, proposed_scope)) = (asked, proposed);
        let consent = (grant == Grant::Code).then_some(consent);
        if let Some(consent) = &consent
            && !consent.names_too_much
        {
            // few of all scopes are held by a code
            let held = consent.visit.allowed.iter().chain(&consent.visit.scope);
            scope = scope.map(|scope| held.fold(scope, |scope, held| scope.intersection(held)));
        }
        let resource =
            resource && consent.as_ref().is_none_or(|consent| consent.visit.resource || consent.names_too_much);
        let consent = consent.map(|consent| consent.visit);
        RequestCase { grant, scope, resource, peer, proposed, proposed_scope, consent }
    })
}

/// A visit, and whether the request that follows may ask for what its code does not hold.
#[derive(Debug)]
struct Visited {
    visit: Consent,
    names_too_much: bool,
}

fn consent(words: Words) -> impl Strategy<Value = Visited> {
    let allowed = option::weighted(0.4, scope(words));
    let is = (prop::bool::weighted(0.3), prop::bool::weighted(0.6), prop::bool::weighted(0.2));
    (option::weighted(0.8, scope(words)), allowed, is).prop_map(
        |(scope, allowed, (resource, before, names_too_much))| Visited {
            visit: Consent { scope, resource, allowed, before },
            names_too_much,
        },
    )
}

/// A rule that takes little away, most of the time.
pub(super) fn rule(words: Words) -> impl Strategy<Value = RuleCase> {
    prop_oneof![
        1 => select(TOKENS.iter().chain(words).copied().collect::<Vec<_>>()).prop_map(|token| RuleCase::Deny(token.to_owned())),
        2 => scope(words).prop_map(RuleCase::Only),
        3 => scope(words).prop_map(RuleCase::Without),
        3 => lifetime().prop_map(RuleCase::AtMost),
        1 => select(vec![1, 60]).prop_map(RuleCase::Login),
    ]
}

fn rules(words: Words) -> impl Strategy<Value = Vec<RuleCase>> {
    prop_oneof![2 => Just(Vec::new()), 1 => vec(rule(words), 1..4)]
}

/// A grant that gives a refresh token, and refreshes one after the other.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The first request: a user who is there, what a refresh token needs, and a public client where the host's grant
    /// gives it.
    pub case: Case,
    /// What follows.
    pub turns: Vec<Turn>,
}

/// One refresh.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Seconds since the one before.
    pub wait: u32,
    /// The scope that it names.
    pub scope: Option<Scope>,
    /// Whether it names the resource.
    pub resource: bool,
    /// What the client's registration was changed to before it.
    pub registered: Option<Scope>,
}

/// Makes a case lasting: what a refresh token needs is there. With a visit it is a case of a code.
fn lasting(mut case: Case, visit: Option<Consent>) -> Case {
    let offline = Scope::parse("offline_access").expect("a scope");
    let with = |scope: &Scope| scope.union(&offline);
    let (client, user, server, request) = (&mut case.client, &mut case.user, &mut case.server, &mut case.request);
    (client.active, client.has_grant, client.refreshes) = (true, true, true);
    (client.network, client.scope, client.resource) = (None, with(&client.scope), true);
    (user.known, user.active, user.scope) = (true, true, user.scope.as_ref().map(with));
    (server.has_grant, server.grant_lasts, server.strict) = (true, true, false);
    server.resource_scope = server.resource_scope.as_ref().map(with);
    server.grant_scope = with(&server.grant_scope);
    request.scope = request.scope.as_ref().map(with);
    request.consent = visit;
    if let Some(visit) = &mut request.consent {
        request.grant = Grant::Code;
        visit.scope = visit.scope.as_ref().map(with).or_else(|| Some(offline.clone()));
        visit.allowed = visit.allowed.as_ref().map(with);
        // more than a code holds is refused, and a chain that does not begin says nothing
        let held = visit.allowed.iter().chain(&visit.scope);
        request.scope = request.scope.take().map(|scope| held.fold(scope, |scope, held| scope.intersection(held)));
        request.resource &= visit.resource;
    } else {
        (request.grant, client.public) = (Grant::Extension, true);
        request.scope = request.scope.take().or_else(|| Some(offline.clone()));
        request.proposed_scope = request.proposed_scope.as_ref().map(with);
    }
    // what an id token would be refused for says nothing of refresh tokens
    server.id_tokens = true;
    case
}

impl Chain {
    /// Chains of up to sixteen refreshes.
    pub(super) fn any(words: Words) -> impl Strategy<Value = Self> {
        let wait = prop_oneof![
            2 => Just(0_u32),
            2 => Just(31),
            2 => Just(3_600),
            1 => Just(13 * 86_400),
            1 => Just(80 * 86_400)
        ];
        let turn = (wait, option::weighted(0.3, scope(words)), any::<bool>(), option::weighted(0.2, scope(words)))
            .prop_map(|(wait, scope, resource, registered)| Turn { wait, scope, resource, registered });
        let visit = option::of(consent(words).prop_map(|visited| visited.visit));
        let case = (Case::any(words), visit).prop_map(|(case, visit)| lasting(case, visit));
        (case, vec(turn, 0..=16)).prop_map(|(case, turns)| Self { case, turns })
    }
}
