//! Steps 8 to 14 for a user's name and password: the strike is written before the hash is computed, and every no costs
//! the same.

use super::{Ask, Decided, Shown};
use crate::audit::{LoginHash, Who};
use crate::error::{Error, Fault};
use crate::grant::Asked;
use crate::grant::password::{self, Attempt, PasswordRequest};
use crate::password::PasswordText;
use crate::policy::{Rule, Trace};
use crate::server::{Given, Inner};
use crate::store::{GrantTypes, Principal, Rehash, Strike, User};
use crate::token::FactsRequest;
use crate::types::{FamilyId, KeyedHash, Timestamp};

pub(super) async fn give(ask: &Ask<'_>, request: PasswordRequest, who: &mut Who) -> Result<(Given, Shown), Error> {
    let user = sign_in(ask.server, &request, ask.now, who).await?;
    let family = ask.server.new_family(ask.now)?;
    let Decided { grant, facts } = decide(ask, request.asked, user, family, &mut Trace::off()).await?;
    let additions = ask.server.additions(ask.context, &grant, &facts).await?;
    let given = ask.server.give_family(&grant, &additions, None, ask.context, ask.now).await?;
    Ok((given, Shown::of(grant, additions)))
}

/// Steps 8 to 12 for a user who signed in.
pub(super) async fn decide(
    ask: &Ask<'_>,
    asked: Asked,
    user: User,
    family: FamilyId,
    trace: &mut Trace,
) -> Result<Decided, Error> {
    let (server, client) = (ask.server, ask.client.who());
    server.refuse_client_as_subject(&user.subject, &client.id).await?;
    trace.passed(Rule::UserIsNoClient);
    let principal = Principal::User { subject: user.subject.clone(), client: client.id.clone() };
    let wanted = FactsRequest {
        grant: GrantTypes::PASSWORD,
        client,
        principal: &principal,
        scope: asked.scope.as_ref(),
        resource: &asked.resource,
    };
    let facts = server.facts(ask.context, &wanted).await?;
    let grant = password::decide(asked, ask.client, &user, family, &ask.around(&facts), trace)?;
    Ok(Decided { grant, facts })
}

/// The user as if the password were right and the account not locked: what
/// [`explain`](crate::AuthorizationServer::explain) supposes, because to find out would cost a strike and a hash.
pub(super) async fn suppose_sign_in(
    server: &Inner,
    request: &PasswordRequest,
    who: &mut Who,
    trace: &mut Trace,
) -> Result<User, Error> {
    let found = server.stores.users.find_by_login(&request.username).await?;
    who.subject = found.as_ref().map(|user| user.subject.clone());
    let user = password::sign_in(found, Attempt { strikes: 0, limit: server.strikes.limit, matches: true })?;
    trace.passed(Rule::UserActive);
    Ok(user)
}

/// The user, when name and password are right: one look-up, one strike, one hash, whatever is wrong.
async fn sign_in(server: &Inner, request: &PasswordRequest, now: Timestamp, who: &mut Who) -> Result<User, Error> {
    let found = server.stores.users.find_by_login(&request.username).await?;
    let key = server.keys.newest_family_key(now).await.map_err(Fault::from)?;
    let tenant = server.stores.tenant.as_str().as_bytes();
    let hash = |label, name: &str| key.derive_with_subkey(label, &[tenant, name.as_bytes()]);
    let account = match &found {
        Some(user) => {
            who.subject = Some(user.subject.clone());
            KeyedHash::from_bytes(hash("account/1", user.subject.as_str()))
        }
        None => {
            let hash = hash("login/1", &request.username);
            who.login = Some(LoginHash { key: key.kid().clone(), hash: KeyedHash::from_bytes(hash) });
            stranger(&hash)
        }
    };
    // before the strike: who finds no room was not heard, and must not be counted as a guess
    let place = server.hashing.place()?;
    let rule = server.strikes;
    let strike = Strike { account, now, window: rule.window };
    let strikes = server.stores.grants.add_strike(strike).await?;
    let password = PasswordText::of(&request.password);
    let held = found.as_ref().and_then(|user| user.password.clone());
    let matches =
        server.hashing.verify_at(place, password.expose(), held.clone().into_iter().collect()).await?.is_some();
    let user = password::sign_in(found, Attempt { strikes, limit: rule.limit, matches })?;
    server.stores.grants.clear_strikes(&account).await?;
    if let Some(held) = held.filter(crate::password::is_outdated) {
        renew(server, &user, &password, held).await;
    }
    Ok(user)
}

/// The account of names that nobody has: 4,096 of them, so that strangers write no more rows than that. What is
/// counted there locks nobody out.
const fn stranger(hash: &[u8; 32]) -> KeyedHash {
    let mut bucket = [0; 32];
    bucket[0] = hash[0];
    bucket[1] = hash[1] & 0x0f;
    KeyedHash::from_bytes(bucket)
}

/// Hashes a right password anew when its hash is of an older strength. The sign-in stands whatever comes of it.
async fn renew(server: &Inner, user: &User, password: &PasswordText, old: crate::store::PasswordHash) {
    let mut salt = [0; 16];
    let renewed = async {
        server.entropy.fill(&mut salt)?;
        let new = server.hashing.hash(password.expose(), None, salt).await?;
        Ok::<_, Fault>(server.stores.users.rehash(&user.subject, &old, new).await?)
    };
    match renewed.await {
        Ok(Rehash::Stored | Rehash::Moved) => {}
        Err(error) => tracing::warn!(target: "oauth", %error, "a password hash could not be renewed"),
    }
}
