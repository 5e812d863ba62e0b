//! A lawful no: every reason, what the client reads of it, and what the operator does.

use crate::wire::ErrorCode;

/// Why a request was lawfully refused: specific, named, for log and audit. The client learns only
/// [`Refusal::code`] and a fixed sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it; `code` and `id` are the table")]
pub enum Refusal {
    AuthorizationMalformed,
    AuthorizationRepeated,
    AuthorizationScheme,
    BodyBroken,
    BodyTimedOut,
    BodyTooLarge,
    ClearTransport,
    ClientFormat,
    ClientIdMismatch,
    ClientIdMissing,
    ClientInactive,
    ClientMethod,
    ClientNetwork,
    ClientNotConfidential,
    ClientPublic,
    ClientSecretExpired,
    ClientSecretWrong,
    ClientUnknown,
    ContentCoding,
    FormMalformed,
    GrantClaimed,
    GrantNotAllowed,
    GrantTypeMissing,
    GrantTypeUnsupported,
    GrantWithdrawn,
    IdTokenHint,
    LoginUnknown,
    JsonMalformed,
    MediaType,
    MethodNotAllowed,
    ParameterCharacters,
    ParameterMissing,
    ParameterRepeated,
    ParameterTooLong,
    PasswordLocked,
    PasswordWrong,
    PolicyDenied {
        /// The [`id`](crate::policy::Policy::id) of the host's rule.
        rule: &'static str,
        /// What the rule says of it, for the operator.
        reason: &'static str,
    },
    PolicyLogin {
        /// The [`id`](crate::policy::Policy::id) of the host's rule that wants a stronger login.
        rule: &'static str,
    },
    PolicyScope {
        /// The [`id`](crate::policy::Policy::id) of the host's rule that took scope away.
        rule: &'static str,
    },
    ProposalInvalid,
    ProposalMalformed,
    RefreshExpired,
    RefreshForeign,
    RefreshIdle,
    RefreshReplayed,
    RefreshRetryUnavailable,
    RefreshRevoked,
    RefreshUnknown,
    ParameterType,
    ResourceMalformed,
    ResourceNotAllowed,
    ResourceNotHeld,
    ResourcesDisagree,
    ScopeEmpty,
    ScopeMalformed,
    ScopeNotAllowed,
    ScopeNotHeld,
    SeveralMechanisms,
    SubjectInactive,
    SubjectIsClient,
    SubjectNotListed,
    SubjectUnknown,
    TokenBound,
    TokenClearTransport,
    TokenExpired,
    TokenForeign,
    TokenMalformed,
    TokenMissing,
    TokenNotForUs,
    TokenNotOurs,
    TokenNotRevocable,
    TokenRepeated,
    TokenRevoked,
    TokenScope,
    TokenSignInRequired,
    TokenSubject,
    TokenUserRequired,
    TooManyFailures {
        /// Seconds until the next try may be answered.
        retry_after: u32,
    },
    TooManyParameters,
    TooManyRetries {
        /// Seconds until the next try may be answered.
        retry_after: u32,
    },
    AccessDenied,
    Challenge,
    CodeExpired,
    CodeForeign,
    CodeRedirectUri,
    CodeReplayed,
    CodeUnknown,
    ConsentRequired,
    ConsentTokenWrong,
    DecisionNotPosted,
    DecisionUnreadable,
    HintUnusable,
    InteractionDecided,
    InteractionExpired,
    InteractionForeign,
    InteractionUnknown,
    LoginRequired,
    MaxAge,
    Prefetch,
    PromptUnusable,
    RedirectUriMissing,
    RedirectUriUnknown,
    RequestObject,
    RequestUri,
    ResponseMode,
    ResponseType,
    ResponseTypeMissing,
    ScopeNotShown,
    StateUnusable,
    TooManyInteractions,
    VerifierMalformed,
    VerifierMissing,
    VerifierUnasked,
    VerifierWrong,
}

impl Refusal {
    /// The code that the client sees, and the sentence beside it. One match, so that no reason is without an answer.
    const fn answer(self) -> (ErrorCode, &'static str) {
        use ErrorCode as C;
        match self {
            Self::AuthorizationMalformed => (C::InvalidRequest, "the Authorization header is malformed"),
            Self::AuthorizationRepeated | Self::SeveralMechanisms => {
                (C::InvalidRequest, "use exactly one client authentication method")
            }
            Self::BodyBroken => (C::InvalidRequest, "the request body is incomplete"),
            Self::BodyTimedOut => (C::InvalidRequest, "the request body did not arrive in time"),
            Self::BodyTooLarge => (C::InvalidRequest, "the request body is too large"),
            Self::ClearTransport | Self::TokenClearTransport => (C::InvalidRequest, "use TLS"),
            Self::ClientIdMismatch => (C::InvalidRequest, "client_id differs from the authenticated client"),
            Self::ClientIdMissing => (C::InvalidRequest, "client authentication is missing"),
            Self::AuthorizationScheme
            | Self::ClientInactive
            | Self::ClientMethod
            | Self::ClientNetwork
            | Self::ClientPublic
            | Self::ClientSecretExpired
            | Self::ClientSecretWrong
            | Self::ClientUnknown => (C::InvalidClient, "client authentication failed"),
            Self::ClientFormat => (C::UnauthorizedClient, "this client may not use this request format"),
            Self::ClientNotConfidential | Self::GrantNotAllowed => {
                (C::UnauthorizedClient, "this client may not use this grant type")
            }
            Self::ContentCoding => (C::InvalidRequest, "send the body without content coding"),
            Self::FormMalformed => (C::InvalidRequest, "the form is malformed"),
            Self::GrantTypeMissing => (C::InvalidRequest, "grant_type is missing"),
            Self::GrantTypeUnsupported => (C::UnsupportedGrantType, "this grant type is not supported"),
            Self::GrantClaimed
            | Self::CodeExpired
            | Self::CodeForeign
            | Self::CodeRedirectUri
            | Self::CodeReplayed
            | Self::CodeUnknown
            | Self::VerifierMissing
            | Self::VerifierWrong
            | Self::GrantWithdrawn
            | Self::IdTokenHint
            | Self::LoginUnknown
            | Self::PasswordLocked
            | Self::PasswordWrong
            | Self::ProposalInvalid
            | Self::RefreshExpired
            | Self::RefreshForeign
            | Self::RefreshIdle
            | Self::RefreshReplayed
            | Self::RefreshRetryUnavailable
            | Self::RefreshRevoked
            | Self::RefreshUnknown
            | Self::SubjectInactive
            | Self::SubjectIsClient
            | Self::SubjectNotListed
            | Self::SubjectUnknown => (C::InvalidGrant, "the grant is not valid"),
            Self::JsonMalformed => (C::InvalidRequest, "the JSON is malformed"),
            Self::MediaType => (C::InvalidRequest, "this media type is not read here"),
            Self::MethodNotAllowed => (C::InvalidRequest, "use another method"),
            Self::ParameterCharacters => (C::InvalidRequest, "a parameter holds characters that it must not hold"),
            Self::ParameterMissing => (C::InvalidRequest, "a required parameter is missing"),
            Self::ParameterRepeated => (C::InvalidRequest, "a parameter is repeated"),
            Self::ParameterTooLong => (C::InvalidRequest, "a parameter is too long"),
            Self::ParameterType => (C::InvalidRequest, "a parameter is not a string"),
            Self::PolicyDenied { .. } | Self::PolicyLogin { .. } => {
                (C::UnauthorizedClient, "this client may not have this now")
            }
            Self::ProposalMalformed => (C::InvalidRequest, "the parameters of the grant are malformed"),
            Self::ResourceMalformed => (C::InvalidTarget, "resource must be an absolute URI without fragment"),
            Self::ResourceNotAllowed | Self::ResourceNotHeld | Self::ResourcesDisagree => {
                (C::InvalidTarget, "this client may not use this resource")
            }
            Self::PolicyScope { .. } | Self::ScopeEmpty | Self::ScopeNotAllowed | Self::ScopeNotHeld => {
                (C::InvalidScope, "the requested scope cannot be granted")
            }
            Self::ScopeMalformed => (C::InvalidScope, "scope is malformed"),
            Self::TokenBound
            | Self::TokenExpired
            | Self::TokenForeign
            | Self::TokenMalformed
            | Self::TokenNotForUs
            | Self::TokenNotOurs
            | Self::TokenRevoked
            | Self::TokenSubject => (C::InvalidToken, "the access token is not valid"),
            Self::TokenMissing => (C::InvalidToken, "an access token is needed"),
            Self::TokenNotRevocable => (C::UnsupportedTokenType, "this token cannot be revoked alone"),
            Self::TokenRepeated => (C::InvalidRequest, "send the access token once, in the Authorization header"),
            Self::TokenScope => (C::InsufficientScope, "the access token does not cover this"),
            Self::TokenSignInRequired => (C::InsufficientScope, "an access token of a user who signed in is needed"),
            Self::TokenUserRequired => (C::InsufficientScope, "a user's access token is needed"),
            Self::TooManyFailures { .. } => (C::TemporarilyUnavailable, "too many failed requests"),
            Self::TooManyRetries { .. } => (C::TemporarilyUnavailable, "this token was asked for too often"),
            Self::TooManyParameters => (C::InvalidRequest, "too many parameters"),
            Self::AccessDenied => (C::AccessDenied, "the user refused"),
            Self::Challenge => (C::InvalidRequest, "PKCE with S256 is required"),
            Self::ConsentRequired => (C::ConsentRequired, "the user has to be asked"),
            Self::ConsentTokenWrong => (C::InvalidRequest, "the decision is not about what was shown"),
            Self::DecisionNotPosted => (C::InvalidRequest, "a decision has to be posted"),
            Self::DecisionUnreadable => (C::InvalidRequest, "the form holds no decision"),
            Self::HintUnusable => (C::InvalidRequest, "id_token_hint is not one of ours for this client"),
            Self::InteractionDecided => (C::InvalidRequest, "this was decided before"),
            Self::InteractionExpired => (C::InvalidRequest, "this took too long"),
            Self::InteractionForeign => (C::InvalidRequest, "this was begun in another browser"),
            Self::InteractionUnknown => (C::InvalidRequest, "nothing was begun here"),
            Self::LoginRequired => (C::LoginRequired, "the user has to sign in"),
            Self::MaxAge => (C::InvalidRequest, "max_age must be a number of seconds"),
            Self::Prefetch => (C::InvalidRequest, "this is not answered ahead of time"),
            Self::PromptUnusable => (C::InvalidRequest, "prompt holds an unknown value, or none beside another"),
            Self::RedirectUriMissing => (C::InvalidRequest, "redirect_uri is missing"),
            Self::RedirectUriUnknown => (C::InvalidRequest, "redirect_uri is not registered for this client"),
            Self::RequestObject => (C::RequestNotSupported, "request objects are not read here"),
            Self::RequestUri => (C::RequestUriNotSupported, "request_uri is not read here"),
            Self::ResponseMode => (C::InvalidRequest, "this response_mode is not supported"),
            Self::ResponseType => (C::UnsupportedResponseType, "this response_type is not supported"),
            Self::ResponseTypeMissing => (C::InvalidRequest, "response_type is missing"),
            Self::ScopeNotShown => (C::InvalidRequest, "more was approved than was shown"),
            Self::StateUnusable => (C::InvalidRequest, "state is too long or holds control characters"),
            Self::TooManyInteractions => (C::TemporarilyUnavailable, "too many sign-ins are under way"),
            Self::VerifierMalformed => (C::InvalidRequest, "code_verifier must have 43 to 128 unreserved characters"),
            Self::VerifierUnasked => (C::InvalidRequest, "code_verifier was sent for a code without a challenge"),
        }
    }

    /// Whether it may be the answer to somebody who guesses: what the throttle counts.
    pub(crate) const fn is_guess(self) -> bool {
        matches!(
            self,
            Self::ClientInactive
                | Self::ClientMethod
                | Self::ClientNetwork
                | Self::ClientPublic
                | Self::ClientSecretExpired
                | Self::ClientSecretWrong
                | Self::ClientUnknown
                | Self::LoginUnknown
                | Self::PasswordLocked
                | Self::PasswordWrong
                | Self::ProposalInvalid
                | Self::RefreshUnknown
        )
    }

    /// The error code that the client sees.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        self.answer().0
    }

    /// The `error_description` that the client sees: fixed, in the character set of RFC 6749 §5.2, without input.
    #[must_use]
    pub const fn description(self) -> &'static str {
        self.answer().1
    }

    /// What a host's rule says of its denial, for the operator.
    #[must_use]
    pub const fn because(self) -> Option<&'static str> {
        match self {
            Self::PolicyDenied { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// What a user is told on a page of the authorization endpoint: a plain sentence without input.
    #[must_use]
    pub const fn page(self) -> &'static str {
        match self {
            Self::ClientIdMissing | Self::ClientUnknown | Self::ClientInactive => {
                "The application that sent you here is not known."
            }
            Self::RedirectUriMissing | Self::RedirectUriUnknown => {
                "The application that sent you here gave an address that does not belong to it."
            }
            Self::InteractionExpired | Self::InteractionUnknown => {
                "This sign-in took too long. Go back to the application and start again."
            }
            Self::InteractionForeign => {
                "This sign-in was begun in another browser. Go back to the application and start again."
            }
            Self::InteractionDecided => "This sign-in is done. Go back to the application.",
            Self::ConsentTokenWrong | Self::DecisionNotPosted | Self::DecisionUnreadable | Self::ScopeNotShown => {
                "Your decision could not be read. Go back to the application and start again."
            }
            Self::TooManyInteractions => "Too many people are signing in just now. Please try again in a moment.",
            _ => "The application that sent you here made a request that cannot be answered.",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match (self, self.code()) {
            (Self::MethodNotAllowed, _) => 405,
            (Self::BodyTimedOut, _) => 408,
            (Self::BodyTooLarge, _) => 413,
            (Self::ContentCoding, _) => 415,
            (Self::TooManyFailures { .. } | Self::TooManyRetries { .. }, _) => 429,
            (Self::TooManyInteractions, _) => 503,
            (
                Self::ConsentTokenWrong
                | Self::DecisionNotPosted
                | Self::DecisionUnreadable
                | Self::InteractionDecided
                | Self::InteractionForeign
                | Self::Prefetch
                | Self::ScopeNotShown,
                _,
            ) => 403,
            (_, ErrorCode::InvalidClient | ErrorCode::InvalidToken) => 401,
            (_, ErrorCode::InsufficientScope) => 403,
            _ => 400,
        }
    }

    /// A stable name for logs, audit and documentation, such as `client.secret_wrong`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::AuthorizationMalformed => "authorization.malformed",
            Self::AuthorizationRepeated => "authorization.repeated",
            Self::AuthorizationScheme => "authorization.scheme",
            Self::BodyBroken => "body.broken",
            Self::BodyTimedOut => "body.timed_out",
            Self::BodyTooLarge => "body.too_large",
            Self::ClearTransport => "transport.clear",
            Self::ClientFormat => "client.format",
            Self::ClientIdMismatch => "client.id_mismatch",
            Self::ClientIdMissing => "client.id_missing",
            Self::ClientInactive => "client.inactive",
            Self::ClientMethod => "client.method",
            Self::ClientNetwork => "client.network",
            Self::ClientNotConfidential => "client.not_confidential",
            Self::ClientPublic => "client.public",
            Self::ClientSecretExpired => "client.secret_expired",
            Self::ClientSecretWrong => "client.secret_wrong",
            Self::ClientUnknown => "client.unknown",
            Self::ContentCoding => "body.content_coding",
            Self::FormMalformed => "form.malformed",
            Self::GrantClaimed => "grant.claimed",
            Self::GrantNotAllowed => "grant.not_allowed",
            Self::GrantTypeMissing => "grant_type.missing",
            Self::GrantTypeUnsupported => "grant_type.unsupported",
            Self::GrantWithdrawn => "grant.withdrawn",
            Self::IdTokenHint => "id_token.hint",
            Self::LoginUnknown => "login.unknown",
            Self::JsonMalformed => "json.malformed",
            Self::MediaType => "body.media_type",
            Self::MethodNotAllowed => "method.not_allowed",
            Self::ParameterCharacters => "parameter.characters",
            Self::ParameterMissing => "parameter.missing",
            Self::ParameterRepeated => "parameter.repeated",
            Self::ParameterTooLong => "parameter.too_long",
            Self::PasswordLocked => "password.locked",
            Self::PasswordWrong => "password.wrong",
            Self::PolicyDenied { .. } => "policy.denied",
            Self::PolicyLogin { .. } => "policy.login",
            Self::PolicyScope { .. } => "policy.scope",
            Self::ProposalInvalid => "proposal.invalid",
            Self::ProposalMalformed => "proposal.malformed",
            Self::RefreshExpired => "refresh.expired",
            Self::RefreshForeign => "refresh.foreign",
            Self::RefreshIdle => "refresh.idle",
            Self::RefreshReplayed => "refresh.replayed",
            Self::RefreshRetryUnavailable => "refresh.retry_unavailable",
            Self::RefreshRevoked => "refresh.revoked",
            Self::RefreshUnknown => "refresh.unknown",
            Self::ParameterType => "parameter.type",
            Self::ResourceMalformed => "resource.malformed",
            Self::ResourceNotAllowed => "resource.not_allowed",
            Self::ResourceNotHeld => "resource.not_held",
            Self::ResourcesDisagree => "resource.disagree",
            Self::ScopeEmpty => "scope.empty",
            Self::ScopeMalformed => "scope.malformed",
            Self::ScopeNotAllowed => "scope.not_allowed",
            Self::ScopeNotHeld => "scope.not_held",
            Self::SeveralMechanisms => "authorization.several_mechanisms",
            Self::SubjectInactive => "subject.inactive",
            Self::SubjectIsClient => "subject.is_client",
            Self::SubjectNotListed => "subject.not_listed",
            Self::SubjectUnknown => "subject.unknown",
            Self::TokenBound => "token.bound",
            Self::TokenClearTransport => "token.clear_transport",
            Self::TokenExpired => "token.expired",
            Self::TokenForeign => "token.foreign",
            Self::TokenMalformed => "token.malformed",
            Self::TokenMissing => "token.missing",
            Self::TokenNotForUs => "token.not_for_us",
            Self::TokenNotOurs => "token.not_ours",
            Self::TokenNotRevocable => "token.not_revocable",
            Self::TokenRepeated => "token.repeated",
            Self::TokenRevoked => "token.revoked",
            Self::TokenScope => "token.scope",
            Self::TokenSignInRequired => "token.sign_in_required",
            Self::TokenSubject => "token.subject",
            Self::TokenUserRequired => "token.user_required",
            Self::TooManyFailures { .. } => "throttle.failures",
            Self::TooManyParameters => "parameter.too_many",
            Self::TooManyRetries { .. } => "refresh.too_many_retries",
            Self::AccessDenied => "access.denied",
            Self::Challenge => "pkce.challenge",
            Self::CodeExpired => "code.expired",
            Self::CodeForeign => "code.foreign",
            Self::CodeRedirectUri => "code.redirect_uri",
            Self::CodeReplayed => "code.replayed",
            Self::CodeUnknown => "code.unknown",
            Self::ConsentRequired => "consent.required",
            Self::ConsentTokenWrong => "consent.token",
            Self::DecisionNotPosted => "consent.not_posted",
            Self::DecisionUnreadable => "consent.unreadable",
            Self::HintUnusable => "id_token.hint_unusable",
            Self::InteractionDecided => "interaction.decided",
            Self::InteractionExpired => "interaction.expired",
            Self::InteractionForeign => "interaction.foreign",
            Self::InteractionUnknown => "interaction.unknown",
            Self::LoginRequired => "login.required",
            Self::MaxAge => "max_age.malformed",
            Self::Prefetch => "method.prefetch",
            Self::PromptUnusable => "prompt.unusable",
            Self::RedirectUriMissing => "redirect_uri.missing",
            Self::RedirectUriUnknown => "redirect_uri.unknown",
            Self::RequestObject => "request.object",
            Self::RequestUri => "request.uri",
            Self::ResponseMode => "response_mode.unsupported",
            Self::ResponseType => "response_type.unsupported",
            Self::ResponseTypeMissing => "response_type.missing",
            Self::ScopeNotShown => "scope.not_shown",
            Self::StateUnusable => "state.unusable",
            Self::TooManyInteractions => "interaction.too_many",
            Self::VerifierMalformed => "pkce.verifier_malformed",
            Self::VerifierMissing => "pkce.verifier_missing",
            Self::VerifierUnasked => "pkce.verifier_unasked",
            Self::VerifierWrong => "pkce.verifier_wrong",
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests;
