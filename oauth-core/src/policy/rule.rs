//! The rules that decide, by name: what stands in traces, audit events and documentation.

use std::fmt;

use crate::error::Refusal;

/// A rule of the core by its id, with what it asks.
macro_rules! rules {
    ($($name:ident $id:literal $asks:literal)*) => {
        /// A rule of the core. Ids are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = concat!("`", $id, "`: ", $asks, ".")] $name,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable id, such as `scope.client`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)*
                }
            }

            /// What the rule asks, as half a sentence.
            #[must_use]
            pub const fn asks(self) -> &'static str {
                match self {
                    $(Self::$name => $asks,)*
                }
            }
        }
    };
}

rules! {
    Request "request" "the request is well-formed"
    RequestTransport "request.transport" "nobody on the way can read the request"
    RequestThrottle "request.throttle" "not too many failures came before"

    ClientKnown "client.known" "there is such a client"
    ClientSecret "client.secret" "the client has shown a secret that is its own and has not ended"
    ClientMethod "client.method" "the client authenticates by a registered method"
    ClientActive "client.active" "the client is active"
    ClientNetwork "client.network" "the address is in a network of the client"
    ClientFormat "client.format" "the client may send this format"
    ClientConfidential "client.confidential" "the client can keep a secret"

    GrantServer "grant.server" "this server has the grant"
    GrantClient "grant.client" "the client is registered for the grant"
    GrantProposal "grant.proposal" "the host's grant proposes something"
    GrantStanding "grant.standing" "the permission was not taken back"
    GrantClaim "grant.claim" "what may be spent once was not spent before"

    UserSignIn "user.sign_in" "the user's name and password are right and heard"
    UserKnown "user.known" "there is such a user"
    UserActive "user.active" "the user is active"
    UserIsNoClient "user.is_no_client" "the subject is not the id of a client"
    UserListed "user.listed" "the client may act for the user"

    RedirectUri "redirect_uri" "the answer goes where the client registered"
    Interaction "interaction" "the decision belongs to this browser, this user and what was shown, and is the first"
    Login "login" "the user signed in as the client wants it"
    Consent "consent" "the user allows it"

    CodeKnown "code.known" "there is such a code"
    CodeOwner "code.owner" "the code belongs to this client and key"
    CodeRedirectUri "code.redirect_uri" "the redirect URI is that of the authorization request"
    CodePkce "code.pkce" "who redeems the code is who asked for it"
    CodeReplay "code.replay" "the code was not redeemed before"
    CodeLive "code.live" "the code is not older than a minute"

    RefreshKnown "refresh.known" "the refresh token is one of ours"
    RefreshOwner "refresh.owner" "the refresh token belongs to this client and key"
    RefreshLive "refresh.live" "the family is not revoked and not past its absolute end"
    RefreshIdle "refresh.idle" "the family was used in time"
    RefreshReplay "refresh.replay" "the refresh token was not spent before, or the window for a lost answer is open"
    RefreshRetry "refresh.retry" "a lost answer can be given again"
    RefreshWider "refresh.wider" "no more scope is asked for than is held"
    RefreshOffline "refresh.offline" "a refresh token goes with it: grant, client and scope say so"

    ResourceClient "resource.client" "server and client know the resource"
    ResourceAgree "resource.agree" "the resources want one format of token"
    ResourceHeld "resource.held" "no other resource is asked for than was granted"

    ScopeClient "scope.client" "the most that the client may have"
    ScopeGrant "scope.grant" "the most that the host's grant gives"
    ScopeUser "scope.user" "the most that clients may have in the user's name"
    ScopeResource "scope.resource" "the most that the resources know"
    ScopeWhole "scope.whole" "what must not be cut silently is whole"
    ScopeEmpty "scope.empty" "some scope is left"

    LifetimeServer "lifetime.server" "the server's bound for this format"
    LifetimeResource "lifetime.resource" "the resource's bound"
    LifetimeProposal "lifetime.proposal" "the bound that the host's grant proposed"
    LifetimeImpersonation "lifetime.impersonation" "the bound for acting in a user's name"
    LifetimeFamily "lifetime.family" "the absolute end of the family"

    IdTokenOffered "id_token.offered" "an id token goes with it: server, grant and scope say so"
    IdTokenHint "id_token.hint" "the hint is an id token of this user and client"

    AccessToken "access_token" "the access token is good and covers this"
}

/// The name of a rule: of the core, or `host.` and the [`id`](super::Policy::id) of a host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleId {
    /// One of the core's.
    Core(Rule),
    /// One of the host's.
    Host(&'static str),
}

impl From<Rule> for RuleId {
    fn from(rule: Rule) -> Self {
        Self::Core(rule)
    }
}

impl RuleId {
    /// What the rule asks, as half a sentence.
    #[must_use]
    pub const fn asks(self) -> &'static str {
        match self {
            Self::Core(rule) => rule.asks(),
            Self::Host(_) => "a rule of the host",
        }
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Core(rule) => f.write_str(rule.as_str()),
            Self::Host(id) => write!(f, "host.{id}"),
        }
    }
}

impl Refusal {
    /// The rule that refused. One match, so that no refusal is without a rule.
    #[must_use]
    pub const fn rule(self) -> RuleId {
        let rule = match self {
            Self::PolicyDenied { rule, .. } | Self::PolicyLogin { rule } | Self::PolicyScope { rule } => {
                return RuleId::Host(rule);
            }
            Self::AuthorizationMalformed
            | Self::AuthorizationRepeated
            | Self::BodyBroken
            | Self::BodyTimedOut
            | Self::BodyTooLarge
            | Self::ClientIdMismatch
            | Self::ClientIdMissing
            | Self::ContentCoding
            | Self::FormMalformed
            | Self::GrantTypeMissing
            | Self::JsonMalformed
            | Self::MediaType
            | Self::MethodNotAllowed
            | Self::ParameterCharacters
            | Self::ParameterMissing
            | Self::ParameterRepeated
            | Self::ParameterTooLong
            | Self::ParameterType
            | Self::ResourceMalformed
            | Self::ScopeMalformed
            | Self::SeveralMechanisms
            | Self::TooManyParameters
            | Self::Challenge
            | Self::MaxAge
            | Self::Prefetch
            | Self::PromptUnusable
            | Self::RequestObject
            | Self::RequestUri
            | Self::ResponseMode
            | Self::ResponseType
            | Self::ResponseTypeMissing
            | Self::StateUnusable
            | Self::VerifierMalformed => Rule::Request,
            Self::RedirectUriMissing | Self::RedirectUriUnknown => Rule::RedirectUri,
            Self::ConsentTokenWrong
            | Self::DecisionNotPosted
            | Self::DecisionUnreadable
            | Self::InteractionDecided
            | Self::InteractionExpired
            | Self::InteractionForeign
            | Self::InteractionUnknown
            | Self::ScopeNotShown => Rule::Interaction,
            Self::LoginRequired => Rule::Login,
            Self::AccessDenied | Self::ConsentRequired => Rule::Consent,
            Self::CodeUnknown => Rule::CodeKnown,
            Self::CodeForeign => Rule::CodeOwner,
            Self::CodeRedirectUri => Rule::CodeRedirectUri,
            Self::VerifierMissing | Self::VerifierUnasked | Self::VerifierWrong => Rule::CodePkce,
            Self::CodeReplayed => Rule::CodeReplay,
            Self::CodeExpired => Rule::CodeLive,
            Self::ClearTransport => Rule::RequestTransport,
            Self::TooManyFailures { .. } | Self::TooManyInteractions => Rule::RequestThrottle,
            Self::ClientUnknown => Rule::ClientKnown,
            Self::ClientSecretExpired | Self::ClientSecretWrong => Rule::ClientSecret,
            Self::AuthorizationScheme | Self::ClientMethod => Rule::ClientMethod,
            Self::ClientInactive => Rule::ClientActive,
            Self::ClientNetwork => Rule::ClientNetwork,
            Self::ClientFormat => Rule::ClientFormat,
            Self::ClientNotConfidential | Self::ClientPublic => Rule::ClientConfidential,
            Self::GrantTypeUnsupported => Rule::GrantServer,
            Self::GrantNotAllowed => Rule::GrantClient,
            Self::ProposalInvalid | Self::ProposalMalformed => Rule::GrantProposal,
            Self::GrantWithdrawn => Rule::GrantStanding,
            Self::GrantClaimed => Rule::GrantClaim,
            Self::LoginUnknown | Self::PasswordLocked | Self::PasswordWrong => Rule::UserSignIn,
            Self::SubjectUnknown => Rule::UserKnown,
            Self::SubjectInactive => Rule::UserActive,
            Self::SubjectIsClient => Rule::UserIsNoClient,
            Self::SubjectNotListed => Rule::UserListed,
            Self::RefreshUnknown => Rule::RefreshKnown,
            Self::RefreshForeign => Rule::RefreshOwner,
            Self::RefreshExpired | Self::RefreshRevoked => Rule::RefreshLive,
            Self::RefreshIdle => Rule::RefreshIdle,
            Self::RefreshReplayed => Rule::RefreshReplay,
            Self::RefreshRetryUnavailable | Self::TooManyRetries { .. } => Rule::RefreshRetry,
            Self::ScopeNotHeld => Rule::RefreshWider,
            Self::ResourceNotAllowed => Rule::ResourceClient,
            Self::ResourcesDisagree => Rule::ResourceAgree,
            Self::ResourceNotHeld => Rule::ResourceHeld,
            Self::ScopeNotAllowed => Rule::ScopeWhole,
            Self::ScopeEmpty => Rule::ScopeEmpty,
            Self::HintUnusable | Self::IdTokenHint => Rule::IdTokenHint,
            Self::TokenBound
            | Self::TokenClearTransport
            | Self::TokenExpired
            | Self::TokenForeign
            | Self::TokenMalformed
            | Self::TokenMissing
            | Self::TokenNotForUs
            | Self::TokenNotOurs
            | Self::TokenNotRevocable
            | Self::TokenRepeated
            | Self::TokenRevoked
            | Self::TokenScope
            | Self::TokenSignInRequired
            | Self::TokenSubject
            | Self::TokenUserRequired => Rule::AccessToken,
        };
        RuleId::Core(rule)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_dotted_words() {
        let ids: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.as_str()).collect();
        assert_eq!(ids.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            assert!(rule.as_str().bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b'.')), "{rule:?}");
            assert_eq!(RuleId::from(*rule).to_string(), rule.as_str());
            assert_eq!(RuleId::from(*rule).asks(), rule.asks());
            assert!(!rule.asks().is_empty() && !rule.as_str().starts_with("host."), "{rule:?}");
        }
        assert_eq!(RuleId::Host("office_hours").to_string(), "host.office_hours");
        assert_eq!(RuleId::Host("office_hours").asks(), "a rule of the host");
    }
}
