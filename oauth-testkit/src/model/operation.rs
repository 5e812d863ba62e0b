//! One call of a store in numbers so small that histories collide, shrink and can be read.

use std::fmt;

use oauth_core::store::{KeyState, RevokedWhy};

/// Seconds after the history's beginning.
pub(crate) type Second = u8;

/// What is done to a store, or asked of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    Begin(Begin),
    Decide { visit: u8, now: Second, approval: Option<Approval> },
    IssueCode { code: u8, ends: Second },
    Redeem(Redeem),
    Start(Start),
    Rotate { family: u8, token: u8, now: Second, access: Option<Access> },
    Retry { family: u8, token: u8, limit: u32, now: Second, access: Option<Access> },
    Extend { family: u8, token: u8, now: Second, access: Option<Access> },
    RevokeFamily { family: u8, why: RevokedWhy, at: Second },
    InsertToken { access: Access, holder: Holder, issued: Second },
    RevokeOpaque { access: u8 },
    RevokeJwt { jwt: u8 },
    CutOff { whose: Whose, at: Second },
    AddStrike { account: u8, now: Second, window: u8 },
    ClearStrikes { account: u8 },
    Purge { before: Second, batch: u32 },
    RaiseMark { at: Second },
    Register { client: u8, version: u8 },
    Update { client: u8, expected: u8 },
    Deregister { client: u8 },
    Rehash { user: u8, old: u8, new: u8 },
    InsertKey { key: u8, state: KeyState },
    Transition(Vec<Step>),
    FindRequest { visit: u8, user: Option<u8> },
    FindCode { code: u8 },
    FindConsent { code: u8 },
    ListGrants { user: u8, now: Second, after: Option<u8>, limit: u32 },
    FindFamily { family: u8 },
    FindByHandle { family: u8 },
    FindToken { access: u8 },
    Standing { jwt: u8, holder: Holder, issued: Second },
    ReadMark,
    FindClient { client: u8 },
    Page { after: u8, limit: u32 },
    FindUser { user: u8 },
    Login { user: u8 },
    LoadKeys,
}

/// A request that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begin {
    pub(crate) visit: u8,
    pub(crate) begun: Second,
    pub(crate) ends: Second,
    pub(crate) client_limit: u32,
    pub(crate) tenant_limit: u32,
}

/// What is allowed: a code, and a consent to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Approval {
    pub(crate) code_ends: Second,
    pub(crate) consent_ends: Option<Second>,
}

/// A code that is redeemed for a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redeem {
    pub(crate) code: u8,
    pub(crate) family: u8,
    pub(crate) ends: Second,
    pub(crate) now: Second,
    pub(crate) limit: u32,
    pub(crate) access: Option<Access>,
}

/// A family that starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) family: u8,
    pub(crate) issued: Second,
    pub(crate) ends: Second,
    /// Whether it has refresh tokens.
    pub(crate) refresh: bool,
    pub(crate) limit: u32,
    pub(crate) access: Option<Access>,
    /// A claim, and until when it is remembered.
    pub(crate) claim: Option<(u8, Second)>,
}

/// An opaque access token that is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) number: u8,
    pub(crate) ends: Second,
}

/// Who holds a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    Client(u8),
    Family(u8),
    User(u8, u8),
}

/// Whose grants a cutoff ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Client(u8),
    Everything,
    Grant(u8, u8),
    Subject(u8),
}

/// One step of a transition of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) key: u8,
    pub(crate) expected: KeyState,
    pub(crate) next: KeyState,
}

const SUBJECTS: [&str; 3] = ["alice", "bob", "carol"];
const CLIENTS: [&str; 2] = ["app", "web"];

/// The subject with this number.
pub(crate) fn subject_name(number: u8) -> &'static str {
    SUBJECTS[usize::from(number) % SUBJECTS.len()]
}

/// The client with this number.
pub(crate) fn client_name(number: u8) -> &'static str {
    CLIENTS[usize::from(number) % CLIENTS.len()]
}

/// The `exp` of a JWT is its own: whoever takes it back says the same.
pub(crate) const fn jwt_end(jwt: u8) -> Second {
    10 * jwt
}

/// When a code is issued, its own time as well, because the family that it gives is as old.
pub(crate) const fn code_issued(code: u8) -> Second {
    match code {
        1 => 0,
        2 => 3,
        3 => 2,
        _ => 10,
    }
}

/// Who a family, a request and its code belong to, subject and client: 1 and 2 share both, 3 the subject only, 4 the
/// client only.
pub(crate) const fn owner(number: u8) -> (u8, u8) {
    match number {
        1 | 2 => (0, 0),
        3 => (0, 1),
        _ => (1, 0),
    }
}

impl Operation {
    /// Whether it only reads.
    pub(crate) const fn is_read(&self) -> bool {
        matches!(
            self,
            Self::FindRequest { .. }
                | Self::FindCode { .. }
                | Self::FindConsent { .. }
                | Self::ListGrants { .. }
                | Self::FindFamily { .. }
                | Self::FindByHandle { .. }
                | Self::FindToken { .. }
                | Self::Standing { .. }
                | Self::ReadMark
                | Self::FindClient { .. }
                | Self::Page { .. }
                | Self::FindUser { .. }
                | Self::Login { .. }
                | Self::LoadKeys
        )
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin(begin) => write!(f, "{begin}"),
            Self::Decide { visit, now, approval } => {
                let user = subject_name(owner(*visit).0);
                match approval {
                    None => write!(f, "decide_request(request {visit}, {user} denies, now {now} s)"),
                    Some(Approval { code_ends, consent_ends }) => {
                        let issued = code_issued(*visit);
                        write!(f, "decide_request(request {visit}, {user} approves, now {now} s, ")?;
                        write!(f, "code {visit} issued {issued} s until {code_ends} s")?;
                        match consent_ends {
                            Some(ends) => write!(f, ", consent until {ends} s)"),
                            None => f.write_str(")"),
                        }
                    }
                }
            }
            Self::IssueCode { code, ends } => {
                let (subject, client) = owner(*code);
                write!(f, "issue_code(code {code} of {}", subject_name(subject))?;
                write!(f, " for {}, issued {} s until {ends} s)", client_name(client), code_issued(*code))
            }
            Self::Redeem(redeem) => write!(f, "{redeem}"),
            Self::Start(start) => write!(f, "{start}"),
            Self::Rotate { family, token, now, access } => {
                write!(f, "rotate(family {family}, current token {token} → {}, now {now} s{})", token + 1, with(access))
            }
            Self::Retry { family, token, limit, now, access } => {
                write!(f, "retry(family {family}, current token {token}, limit {limit}, now {now} s{})", with(access))
            }
            Self::Extend { family, token, now, access } => {
                write!(f, "extend(family {family}, current token {token}, now {now} s{})", with(access))
            }
            Self::RevokeFamily { family, why, at } => {
                write!(f, "revoke_family(family {family}, {}, at {at} s)", why.as_str())
            }
            Self::InsertToken { access, holder, issued } => {
                write!(f, "insert_access_token({access}, of {holder}, issued {issued} s)")
            }
            Self::RevokeOpaque { access } => write!(f, "revoke_token(access token {access})"),
            Self::RevokeJwt { jwt } => write!(f, "revoke_token(JWT {jwt}, until {} s)", jwt_end(*jwt)),
            Self::CutOff { whose, at } => write!(f, "cut_off({whose}, at {at} s)"),
            Self::AddStrike { account, now, window } => {
                write!(f, "add_strike(account {account}, now {now} s, window {window} s)")
            }
            Self::ClearStrikes { account } => write!(f, "clear_strikes(account {account})"),
            Self::Purge { before, batch } => {
                write!(f, "purge_expired(before {before} s, {batch} at a time, until nothing waits)")
            }
            Self::RaiseMark { at } => write!(f, "raise_clock_mark({at} s)"),
            Self::Register { client, version } => write!(f, "register(client {client}, version {version})"),
            Self::Update { client, expected } => write!(f, "update(client {client}, expected version {expected})"),
            Self::Deregister { client } => write!(f, "deregister(client {client})"),
            Self::Rehash { user, old, new } => {
                write!(f, "rehash({}, hash {old} → {new})", subject_name(*user))
            }
            Self::InsertKey { key, state } => write!(f, "insert(key {key}, {})", state.as_str()),
            Self::Transition(steps) => {
                f.write_str("transition(")?;
                for (number, Step { key, expected, next }) in steps.iter().enumerate() {
                    let comma = if number == 0 { "" } else { ", " };
                    write!(f, "{comma}key {key} {} → {}", expected.as_str(), next.as_str())?;
                }
                f.write_str(")")
            }
            Self::FindRequest { visit, user: None } => write!(f, "find_request(request {visit})"),
            Self::FindRequest { visit, user: Some(user) } => {
                write!(f, "find_request(request {visit}, for {})", subject_name(*user))
            }
            Self::FindCode { code } => write!(f, "find_code(code {code})"),
            Self::FindConsent { code } => {
                let (subject, client) = owner(*code);
                write!(f, "find_consent({} to {})", subject_name(subject), client_name(client))
            }
            Self::ListGrants { user, now, after, limit } => {
                write!(f, "list_grants({}, now {now} s", subject_name(*user))?;
                if let Some(after) = after {
                    write!(f, ", after {}", client_name(*after))?;
                }
                write!(f, ", limit {limit})")
            }
            Self::FindFamily { family } => write!(f, "find_family(family {family})"),
            Self::FindByHandle { family } => write!(f, "find_by_handle(of family {family})"),
            Self::FindToken { access } => write!(f, "find_access_token(access token {access})"),
            Self::Standing { jwt, holder, issued } => {
                write!(f, "standing(JWT {jwt}, of {holder}, issued {issued} s)")
            }
            Self::ReadMark => f.write_str("raise_clock_mark(to read it)"),
            Self::FindClient { client } => write!(f, "find(client {client})"),
            Self::Page { after, limit } => write!(f, "page(after client {after}, limit {limit})"),
            Self::FindUser { user } => write!(f, "find_by_subject({})", subject_name(*user)),
            Self::Login { user } => write!(f, "find_by_login({})", subject_name(*user)),
            Self::LoadKeys => f.write_str("load(the issuer's keys)"),
        }
    }
}

impl fmt::Display for Begin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { visit, begun, ends, client_limit, tenant_limit } = self;
        let client = client_name(owner(*visit).1);
        write!(f, "begin_request(request {visit} of {client}, begun {begun} s, until {ends} s")?;
        if *client_limit != u32::MAX {
            write!(f, ", at most {client_limit} of the client")?;
        }
        if *tenant_limit != u32::MAX {
            write!(f, ", at most {tenant_limit} in all")?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Redeem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, family, ends, now, limit, access } = self;
        write!(f, "redeem_code(code {code} for family {family} until {ends} s, now {now} s")?;
        if *limit != u32::MAX {
            write!(f, ", at most {limit} live")?;
        }
        write!(f, "{})", with(access))
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subject, client) = owner(self.family);
        let kind = if self.refresh { "with refresh token 0" } else { "without refresh tokens" };
        write!(
            f,
            "start_family(family {} of {} with {}, {kind}, issued {} s, ends {} s",
            self.family,
            subject_name(subject),
            client_name(client),
            self.issued,
            self.ends
        )?;
        if self.limit != u32::MAX {
            write!(f, ", at most {} live", self.limit)?;
        }
        if let Some((claim, ends)) = self.claim {
            write!(f, ", for claim {claim} until {ends} s")?;
        }
        write!(f, "{})", with(&self.access))
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "access token {} until {} s", self.number, self.ends)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(client) => write!(f, "{} itself", client_name(*client)),
            Self::Family(family) => write!(f, "family {family}"),
            Self::User(subject, client) => write!(f, "{} with {}", subject_name(*subject), client_name(*client)),
        }
    }
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(client) => write!(f, "client {}", client_name(*client)),
            Self::Everything => f.write_str("everything"),
            Self::Grant(subject, client) => {
                write!(f, "what {} allowed {}", subject_name(*subject), client_name(*client))
            }
            Self::Subject(subject) => write!(f, "subject {}", subject_name(*subject)),
        }
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn with(access: &Option<Access>) -> String {
    access.map_or_else(String::new, |access| format!(", with {access}"))
}
