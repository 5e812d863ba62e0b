//! Where a user allows an app something, sees what was allowed, and takes it back.

// oauth:begin
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form};
use askama::Template;
use oauth_core::AuthorizationServer;
use oauth_core::authorize::{AllowedClient, Prompt, SignedIn};
use oauth_core::types::{Subject, Timestamp};
use oauth_http_actix::{Completed, DecisionForm, Interaction, PrivatePage, Shown};

use crate::accounts::Person;
use crate::pages::{Frame, LoginPage, Problem, message, page, see};
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
    Ok(Some(SignedIn::new(subject(person)?, Timestamp::from_millis(visitor.signed_in_at))))
}

fn subject(person: &Person) -> Result<Subject, Problem> {
    Ok(person.id.to_string().parse()?)
}

/// Signs in or asks.
pub(crate) async fn ask(interaction: Interaction, visitor: Visitor) -> PrivatePage {
    let (frame, next) = (Frame::of(&visitor), interaction.path_and_query());
    PrivatePage(match interaction.show().await {
        Shown::NeedLogin { login_hint, .. } => {
            page(StatusCode::OK, &LoginPage { frame, next, login: login_hint.unwrap_or_default(), wrong: false })
        }
        Shown::Prompt(prompt) => page(StatusCode::OK, &AllowPage { frame, prompt: *prompt }),
        Shown::Answer(answer) => answer,
    })
}

/// Takes the answer.
pub(crate) async fn decide(interaction: Interaction, form: DecisionForm) -> PrivatePage {
    PrivatePage(match interaction.complete(form).await {
        Completed::AlreadyDecided => message(StatusCode::CONFLICT, "Answered already", "In another tab, or just now."),
        Completed::NeedLogin { .. } => see(&interaction.path_and_query()),
        Completed::Answer(answer) => answer,
    })
}

#[derive(Template)]
#[template(path = "connections.html")]
struct ConnectionsPage {
    frame: Frame,
    allowed: Vec<AllowedClient>,
}

/// What the user allows at present.
pub(crate) async fn connections(visitor: Visitor, oauth: Data<AuthorizationServer>) -> Result<PrivatePage, Problem> {
    let allowed = oauth.grants_of(&subject(visitor.person()?)?, None, 100).await?;
    Ok(PrivatePage(page(StatusCode::OK, &ConnectionsPage { frame: Frame::of(&visitor), allowed })))
}

#[derive(serde::Deserialize)]
pub(crate) struct Withdrawal {
    csrf: String,
    client: String,
}

/// Takes all of it back from one client.
pub(crate) async fn withdraw(
    visitor: Visitor,
    form: Form<Withdrawal>,
    oauth: Data<AuthorizationServer>,
) -> Result<HttpResponse, Problem> {
    visitor.prove(&form.csrf)?;
    let client = form.client.parse().map_err(|_| Problem::OldForm)?;
    oauth.withdraw(&subject(visitor.person()?)?, &client).await?;
    Ok(see("/connections"))
}
// oauth:end
