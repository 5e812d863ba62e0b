//! Every refusal has an id of its own, and an answer that can be sent.

use std::collections::BTreeSet;

use super::*;

/// Every refusal, by walking the ids that the exhaustive match of `id` gives.
const ALL: [Refusal; 114] = [
    Refusal::AuthorizationMalformed,
    Refusal::AuthorizationRepeated,
    Refusal::AuthorizationScheme,
    Refusal::BodyBroken,
    Refusal::BodyTimedOut,
    Refusal::BodyTooLarge,
    Refusal::ClearTransport,
    Refusal::ClientFormat,
    Refusal::ClientIdMismatch,
    Refusal::ClientIdMissing,
    Refusal::ClientInactive,
    Refusal::ClientMethod,
    Refusal::ClientNetwork,
    Refusal::ClientNotConfidential,
    Refusal::ClientPublic,
    Refusal::ClientSecretExpired,
    Refusal::ClientSecretWrong,
    Refusal::ClientUnknown,
    Refusal::ContentCoding,
    Refusal::FormMalformed,
    Refusal::GrantClaimed,
    Refusal::GrantNotAllowed,
    Refusal::GrantTypeMissing,
    Refusal::GrantTypeUnsupported,
    Refusal::AccessDenied,
    Refusal::Challenge,
    Refusal::CodeExpired,
    Refusal::CodeForeign,
    Refusal::CodeRedirectUri,
    Refusal::CodeReplayed,
    Refusal::CodeUnknown,
    Refusal::ConsentRequired,
    Refusal::ConsentTokenWrong,
    Refusal::DecisionNotPosted,
    Refusal::DecisionUnreadable,
    Refusal::HintUnusable,
    Refusal::InteractionDecided,
    Refusal::InteractionExpired,
    Refusal::InteractionForeign,
    Refusal::InteractionUnknown,
    Refusal::LoginRequired,
    Refusal::MaxAge,
    Refusal::Prefetch,
    Refusal::PromptUnusable,
    Refusal::RedirectUriMissing,
    Refusal::RedirectUriUnknown,
    Refusal::RequestObject,
    Refusal::RequestUri,
    Refusal::ResponseMode,
    Refusal::ResponseType,
    Refusal::ResponseTypeMissing,
    Refusal::ScopeNotShown,
    Refusal::StateUnusable,
    Refusal::TooManyInteractions,
    Refusal::VerifierMalformed,
    Refusal::VerifierMissing,
    Refusal::VerifierUnasked,
    Refusal::VerifierWrong,
    Refusal::GrantWithdrawn,
    Refusal::IdTokenHint,
    Refusal::LoginUnknown,
    Refusal::JsonMalformed,
    Refusal::MediaType,
    Refusal::MethodNotAllowed,
    Refusal::ParameterCharacters,
    Refusal::ParameterMissing,
    Refusal::ParameterRepeated,
    Refusal::ParameterTooLong,
    Refusal::PasswordLocked,
    Refusal::PasswordWrong,
    Refusal::PolicyDenied { rule: "night", reason: "closed" },
    Refusal::PolicyLogin { rule: "night" },
    Refusal::PolicyScope { rule: "night" },
    Refusal::ProposalInvalid,
    Refusal::ProposalMalformed,
    Refusal::RefreshExpired,
    Refusal::RefreshForeign,
    Refusal::RefreshIdle,
    Refusal::RefreshReplayed,
    Refusal::RefreshRetryUnavailable,
    Refusal::RefreshRevoked,
    Refusal::RefreshUnknown,
    Refusal::ParameterType,
    Refusal::ResourceMalformed,
    Refusal::ResourceNotAllowed,
    Refusal::ResourceNotHeld,
    Refusal::ResourcesDisagree,
    Refusal::ScopeEmpty,
    Refusal::ScopeMalformed,
    Refusal::ScopeNotAllowed,
    Refusal::ScopeNotHeld,
    Refusal::SeveralMechanisms,
    Refusal::SubjectInactive,
    Refusal::SubjectIsClient,
    Refusal::SubjectNotListed,
    Refusal::SubjectUnknown,
    Refusal::TokenBound,
    Refusal::TokenClearTransport,
    Refusal::TokenExpired,
    Refusal::TokenForeign,
    Refusal::TokenMalformed,
    Refusal::TokenMissing,
    Refusal::TokenNotForUs,
    Refusal::TokenNotOurs,
    Refusal::TokenNotRevocable,
    Refusal::TokenRepeated,
    Refusal::TokenRevoked,
    Refusal::TokenScope,
    Refusal::TokenSignInRequired,
    Refusal::TokenSubject,
    Refusal::TokenUserRequired,
    Refusal::TooManyFailures { retry_after: 1 },
    Refusal::TooManyParameters,
    Refusal::TooManyRetries { retry_after: 1 },
];

#[test]
fn ids_are_unique_and_answers_keep_to_their_character_set() {
    let ids: BTreeSet<_> = ALL.iter().map(|refusal| refusal.id()).collect();
    assert_eq!(ids.len(), ALL.len());
    for refusal in ALL {
        // RFC 6749 §5.2
        let lawful = |byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(refusal.description().bytes().all(lawful), "{refusal}");
        let status = refusal.status();
        assert!((400..500).contains(&status) || (refusal, status) == (Refusal::TooManyInteractions, 503), "{refusal}");
    }
}

#[test]
fn all_credential_failures_of_a_client_read_alike() {
    let class = [
        Refusal::AuthorizationScheme,
        Refusal::ClientInactive,
        Refusal::ClientMethod,
        Refusal::ClientNetwork,
        Refusal::ClientPublic,
        Refusal::ClientSecretExpired,
        Refusal::ClientSecretWrong,
        Refusal::ClientUnknown,
    ];
    for refusal in class {
        assert_eq!(refusal.answer(), Refusal::ClientUnknown.answer(), "{refusal}");
        assert_eq!(refusal.status(), 401);
    }
}
