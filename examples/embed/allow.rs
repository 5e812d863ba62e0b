//! The page on which a user allows another application something, and the one on which that is withdrawn.

// oauth:begin
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use oauth_core::AuthorizationServer;
use oauth_core::authorize::{Decision, Prompt, SignedIn};
use oauth_core::types::{ClientId, Scope, Timestamp};
use oauth_http_actix::{Completed, Interaction, PrivatePage, Shown};

use crate::pages::{Frame, LoginPage, Problem, message, page, see};
use crate::server::{name_of, text_of};
use crate::session::Visitor;

#[derive(Template)]
#[template(path = "allow.html")]
struct AllowPage {
    frame: Frame,
    prompt: Prompt,
}

/// Who is signed in, as the session says and nobody else.
pub(crate) async fn signed_in(visitor: Visitor) -> Result<Option<SignedIn>, Problem> {
    let Some(person) = &visitor.person else { return Ok(None) };
    Ok(Some(SignedIn::new(person.id.to_string().parse()?, Timestamp::from_millis(visitor.signed_in_at))))
}

/// Signs in or asks.
pub(crate) async fn ask(interaction: Interaction, visitor: Visitor) -> Result<PrivatePage, Problem> {
    let (frame, next) = (Frame::of(&visitor), interaction.path_and_query());
    Ok(PrivatePage(match interaction.show(signed_in(visitor).await?.as_ref()).await {
        Shown::NeedLogin { login_hint, .. } => {
            page(StatusCode::OK, &LoginPage { frame, next, login: login_hint.unwrap_or_default(), wrong: false })
        }
        Shown::Prompt(prompt) => page(StatusCode::OK, &AllowPage { frame, prompt: *prompt }),
        Shown::Answer(answer) => answer,
    }))
}

/// Takes the answer: a box for each scope, a button for yes and one for no.
pub(crate) async fn decide(
    interaction: Interaction,
    visitor: Visitor,
    form: web::Form<Vec<(String, String)>>,
) -> Result<PrivatePage, Problem> {
    let all = |name| form.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str());
    let decision = match all("decision").next() {
        Some("approve") => {
            let scopes = Scope::parse(&all("scope").collect::<Vec<_>>().join(" "));
            Decision::Approve { scopes: scopes.map_err(|_| Problem::OldForm)? }
        }
        Some("deny") => Decision::Deny,
        _ => return Err(Problem::OldForm),
    };
    let again = see(&interaction.path_and_query());
    let Some(signed_in) = signed_in(visitor).await? else { return Ok(PrivatePage(again)) };
    let consent = all("consent").next().unwrap_or_default();
    Ok(PrivatePage(match interaction.complete(consent, &signed_in, decision).await {
        Completed::AlreadyDecided => message(StatusCode::CONFLICT, "Answered already", "In another tab, or just now."),
        Completed::NeedLogin { .. } => again,
        Completed::Answer(answer) => answer,
    }))
}

#[derive(Template)]
#[template(path = "connections.html")]
struct ConnectionsPage {
    frame: Frame,
    connections: Vec<(ClientId, Scope)>,
}

/// What the user allows at present.
pub(crate) async fn connections(
    visitor: Visitor,
    oauth: web::Data<AuthorizationServer>,
) -> Result<PrivatePage, Problem> {
    let mut connections = Vec::new();
    for grants in oauth.grants_of(&visitor.person()?.id.to_string().parse()?, None, 100).await? {
        let families = grants.families.iter().map(|family| &family.scope);
        let scopes = families.chain(grants.consents.iter().map(|consent| &consent.scope));
        connections.push((grants.client, scopes.fold(Scope::empty(), |all, scope| all.union(scope))));
    }
    Ok(PrivatePage(page(StatusCode::OK, &ConnectionsPage { frame: Frame::of(&visitor), connections })))
}

#[derive(serde::Deserialize)]
pub(crate) struct Withdrawal {
    csrf: String,
    client: String,
}

/// Takes all of it back from one client.
pub(crate) async fn withdraw(
    visitor: Visitor,
    form: web::Form<Withdrawal>,
    oauth: web::Data<AuthorizationServer>,
) -> Result<HttpResponse, Problem> {
    visitor.prove(&form.csrf)?;
    let client = form.client.parse().map_err(|_| Problem::OldForm)?;
    oauth.withdraw(&visitor.person()?.id.to_string().parse()?, &client).await?;
    Ok(see("/connections"))
}
// oauth:end
