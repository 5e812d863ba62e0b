//! What is lawful and unwise: settings and registrations that an operator should know of.

use std::fmt;

use super::{AuthorizationServer, ClientExtra, Inner};
use crate::dialect::BodyMedia;
use crate::error::Fault;
use crate::store::{AccessTokenFormat, Client, GrantTypes, RefreshPolicy, SecretHash, TokenProfile};
use crate::types::{ClientId, IssuerKind};

/// How many clients are read at a time.
const PAGE: u32 = 100;
/// Tokens that live longer than this are worth a word: an hour.
const LONG: u32 = 3_600;

/// Retry windows of public clients that are longer than this are worth a word: a minute.
const LONG_WINDOW: u16 = 60;

/// Something that is allowed and better changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// A stable name, such as `password_grant`.
    pub id: &'static str,
    /// The client that it is about; `None` for a setting of the server.
    pub client: Option<ClientId>,
    /// The reason.
    pub reason: &'static str,
    /// Where it is written, such as `RFC 9700 section 2.4`.
    pub reference: &'static str,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(client) = &self.client {
            write!(f, "client `{client}`: ")?;
        }
        write!(f, "{} ({}, {})", self.reason, self.id, self.reference)
    }
}

/// One rule that spoke: its name, its reason, where it is written.
type Spoken = (&'static str, &'static str, &'static str);

impl AuthorizationServer {
    /// Lists settings and registrations that are lawful but unwise, each with its reason. For start-up and review; it
    /// changes nothing and refuses nothing. Clients are looked at when they come from a store with a registry.
    ///
    /// # Errors
    /// [`Fault::Store`] when the clients cannot be read.
    pub async fn lint(&self) -> Result<Vec<Advice>, Fault> {
        let server = &*self.inner;
        let of = |client: Option<&ClientId>, (id, reason, reference): Spoken| Advice {
            id,
            client: client.cloned(),
            reason,
            reference,
        };
        let mut advice: Vec<Advice> = settings(server).into_iter().map(|spoken| of(None, spoken)).collect();
        let Some(registry) = &server.stores.registry else { return Ok(advice) };
        let mut after = None;
        loop {
            let page = registry.page(after.as_ref(), PAGE).await?;
            for client in &page {
                advice.extend(registration(client).into_iter().map(|spoken| of(Some(&client.id), spoken)));
            }
            match page.last() {
                Some(last) => after = Some(last.id.clone()),
                None => return Ok(advice),
            }
        }
    }
}

/// What the server's own settings give cause for.
fn settings(server: &Inner) -> Vec<Spoken> {
    let settings = &server.grant_settings;
    let mut spoken = Vec::new();
    let mut when = |holds: bool, rule: Spoken| spoken.extend(holds.then_some(rule));
    when(
        settings.password,
        (
            "password_grant",
            "clients see users' passwords; move them to the authorization code flow",
            "RFC 9700 section 2.4",
        ),
    );
    when(
        settings.static_for_public,
        (
            "static_refresh_of_public_clients",
            "a stolen refresh token of a public client is used unnoticed",
            "RFC 9700 section 4.14.2",
        ),
    );
    when(
        server.chosen_secrets,
        (
            "chosen_secrets",
            "secrets that people choose can be guessed, and each failure costs an Argon2id; let the server generate them",
            "RFC 6819 section 5.1.4.2.2",
        ),
    );
    when(
        server.token_mounts.iter().any(|mount| mount.dialects.iter().any(|spoken| spoken.media() == BodyMedia::Json)),
        ("json_bodies", "token requests are read as JSON, which no OAuth client library sends", "RFC 6749 section 3.2"),
    );
    when(server.transport.plain_http, ("plain_http", "credentials and tokens travel in clear", "RFC 9700 section 2.6"));
    when(
        server.keys.is_unsealed(),
        (
            "unsealed_keys",
            "whoever reads a backup of the key store signs tokens in this server's name",
            "RFC 6819 section 5.1.4.1.3",
        ),
    );
    when(
        server.issuer.kind() == IssuerKind::LegacyName,
        (
            "legacy_issuer",
            "the issuer is a bare name, so nobody can tell from a token whose keys verify it",
            "RFC 8725 section 3.8",
        ),
    );
    let formats = settings.resources.iter().filter_map(|resource| resource.format.as_ref());
    when(formats.chain([&settings.format]).any(is_legacy), LEGACY_PROFILE);
    when(matches!(settings.format, AccessTokenFormat::Opaque) && settings.lifetime.seconds() > LONG, LONG_TOKENS);
    spoken
}

const LEGACY_PROFILE: Spoken = (
    "legacy_profile",
    "access tokens leave out what tells them from other JWTs; a reader may take one kind for another",
    "RFC 8725 section 3.11",
);
const LONG_TOKENS: Spoken =
    ("long_tokens", "access tokens live for more than an hour; a stolen one does too", "RFC 6819 section 5.1.5.3");

/// What a registration gives cause for.
fn registration(client: &Client) -> Vec<Spoken> {
    let mut spoken = Vec::new();
    let mut when = |holds: bool, rule: Spoken| spoken.extend(holds.then_some(rule));
    let confidential = client.is_confidential();
    let names_itself = |audience: &crate::types::Audience| audience.as_str() == client.id.as_str();
    when(
        client.grants.contains(GrantTypes::PASSWORD),
        ("password_grant", "it sees users' passwords; move it to the authorization code flow", "RFC 9700 section 2.4"),
    );
    when(
        client.json_bodies,
        ("json_bodies", "it may send JSON, which no OAuth client library does", "RFC 6749 section 3.2"),
    );
    when(
        !confidential && client.refresh.policy == RefreshPolicy::Static,
        (
            "static_refresh_of_public_clients",
            "a refresh token that is stolen from it is used unnoticed",
            "RFC 9700 section 4.14.2",
        ),
    );
    when(
        !confidential
            && matches!(client.refresh.policy, RefreshPolicy::Rotate { window_seconds } if window_seconds > LONG_WINDOW),
        (
            "long_retry_window",
            "a refresh token that is stolen from it is as good as its successor for more than a minute",
            "RFC 9700 section 4.14.2",
        ),
    );
    when(
        !client.acts_for.is_empty(),
        ("acts_for", "it gets tokens in users' names without the users", "RFC 8693 section 5"),
    );
    // what does not parse is a fault of every request that reads it, and none of the registration
    let extra = ClientExtra::of(client).unwrap_or_default();
    when(
        extra.sees_everything(),
        ("introspects_everything", "it is told about every token that it gets hold of", "RFC 7662 section 4"),
    );
    when(
        confidential && extra.code_without_pkce(),
        (
            "code_without_pkce",
            "a code that is stolen on the way, or slipped into another browser, is redeemed; have it send S256",
            "RFC 9700 section 2.1.1",
        ),
    );
    when(
        client.redirect_uris.iter().any(|uri| uri.starts_with("http://localhost")),
        (
            "localhost_redirect",
            "whoever decides what `localhost` is gets its codes; use `http://127.0.0.1/…`",
            "RFC 8252 section 8.3",
        ),
    );
    when(client.access_token.format.as_ref().is_some_and(is_legacy), LEGACY_PROFILE);
    when(client.access_token.lifetime.is_some_and(|lifetime| lifetime.seconds() > LONG), LONG_TOKENS);
    when(
        client.audience.iter().any(names_itself),
        (
            "audience_is_client",
            "its tokens name itself as their audience, so every API that believes the issuer takes them",
            "RFC 9700 section 2.3",
        ),
    );
    when(
        client.secrets.iter().any(|secret| matches!(secret.hash, SecretHash::Chosen(_))),
        ("chosen_secrets", "a person chose its secret; rotate it to a generated one", "RFC 6819 section 5.1.4.2.2"),
    );
    when(
        confidential && client.secrets.iter().any(|secret| secret.expires_at.is_none()),
        ("secret_without_end", "its secret has no end; rotate it from time to time", "RFC 6819 section 5.2.3.6"),
    );
    spoken
}

fn is_legacy(format: &AccessTokenFormat) -> bool {
    matches!(format, AccessTokenFormat::Jwt { profile: TokenProfile::Legacy { .. }, .. })
}
