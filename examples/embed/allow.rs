//! Where a user allows an app something, sees what was allowed, and takes it back.

// oauth:begin
use actix_web::web::{Data, Form};
use askama::Template;
use oauth_core::AuthorizationServer;
use oauth_core::authorize::{AllowedClient, Prompt, SignedIn};
use oauth_core::types::{ClientId, Timestamp};
use oauth_http_actix::{Interaction, PrivatePage, Shown};

use crate::pages::{Frame, LoginPage, Problem, page, see};
use crate::session::Visitor;

type Server = Data<AuthorizationServer>;

/// Who is signed in, as the session says and nobody else.
pub(crate) async fn signed_in(visitor: Visitor) -> Result<Option<SignedIn>, Problem> {
    Ok(visitor.person.map(|person| SignedIn::new(person.id.into(), Timestamp::from_millis(visitor.signed_in_at))))
}

#[derive(Template)]
#[template(path = "allow.html")]
struct AllowPage {
    frame: Frame,
    prompt: Prompt,
}

/// Signs in or asks.
pub(crate) async fn ask(interaction: Interaction, visitor: Visitor) -> PrivatePage {
    let (frame, next) = (Frame::of(&visitor), interaction.path_and_query());
    PrivatePage(match interaction.show().await {
        Shown::NeedLogin { login_hint, .. } => page(&LoginPage::new(frame, next, login_hint.unwrap_or_default())),
        Shown::Prompt(prompt) => page(&AllowPage { frame, prompt: *prompt }),
        Shown::Answer(answer) => answer,
    })
}

#[derive(Template)]
#[template(path = "connections.html")]
struct ConnectionsPage {
    frame: Frame,
    allowed: Vec<AllowedClient>,
}

/// What the user allows at present.
pub(crate) async fn connections(visitor: Visitor, server: Server) -> Result<PrivatePage, Problem> {
    let allowed = server.grants_of(&visitor.person()?.id.into(), None, 100).await?;
    Ok(PrivatePage(page(&ConnectionsPage { frame: Frame::of(&visitor), allowed })))
}

#[derive(serde::Deserialize)]
pub(crate) struct Withdrawal {
    csrf: String,
    client: ClientId,
}

/// Takes all of it back from one client.
pub(crate) async fn withdraw(visitor: Visitor, form: Form<Withdrawal>, server: Server) -> Result<PrivatePage, Problem> {
    visitor.prove(&form.csrf)?;
    server.withdraw(&visitor.person()?.id.into(), &form.client).await?;
    Ok(PrivatePage(see("/connections")))
}
// oauth:end
