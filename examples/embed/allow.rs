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
    here: String,
}

#[derive(Template)]
#[template(path = "connections.html")]
struct ConnectionsPage {
    frame: Frame,
    connections: Vec<(ClientId, Scope)>,
}

/// Mounts the two pages.
pub(crate) fn routes(app: &mut web::ServiceConfig) {
    app.route("/allow", web::get().to(ask))
        .route("/allow", web::post().to(decide))
        .route("/connections", web::get().to(connections))
        .route("/connections", web::post().to(withdraw));
}

/// Who is signed in, as the session says and nobody else.
pub(crate) async fn signed_in(visitor: Visitor) -> Result<Option<SignedIn>, Problem> {
    let Some(person) = &visitor.person else { return Ok(None) };
    let mut signed_in = SignedIn::new(person.subject().map_err(Problem::broken)?, visitor.signed_in_at());
    signed_in.amr = vec!["pwd".to_owned()];
    Ok(Some(signed_in))
}

async fn ask(interaction: Interaction, visitor: Visitor) -> Result<PrivatePage, Problem> {
    let (frame, here) = (Frame::of(&visitor), interaction.path_and_query());
    Ok(PrivatePage(match interaction.show(signed_in(visitor).await?.as_ref()).await {
        Shown::NeedLogin { login_hint, .. } => {
            let login = login_hint.unwrap_or_default();
            page(StatusCode::OK, &LoginPage { frame, next: here, login, wrong: false })
        }
        Shown::Prompt(prompt) => page(StatusCode::OK, &AllowPage { frame, prompt: *prompt, here }),
        Shown::Answer(answer) => answer,
    }))
}

async fn decide(
    interaction: Interaction,
    visitor: Visitor,
    form: web::Form<Vec<(String, String)>>,
) -> Result<PrivatePage, Problem> {
    let values = |name| {
        let fields = form.iter().filter(|(field, _)| field == name);
        fields.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ")
    };
    let decision = match values("decision").as_str() {
        "approve" => Decision::Approve { scopes: Scope::parse(&values("scope")).unwrap_or_else(|_| Scope::empty()) },
        "deny" => Decision::Deny,
        _ => return Err(Problem::OldForm),
    };
    let here = interaction.path_and_query();
    let Some(signed_in) = signed_in(visitor).await? else { return Ok(PrivatePage(see(&here))) };
    Ok(PrivatePage(match interaction.complete(&values("consent"), &signed_in, decision).await {
        Completed::AlreadyDecided => {
            message(StatusCode::CONFLICT, "Answered already", "You gave your answer in another tab, or a moment ago.")
        }
        Completed::NeedLogin { .. } => see(&here),
        Completed::Answer(answer) => answer,
    }))
}

async fn connections(visitor: Visitor, oauth: web::Data<AuthorizationServer>) -> Result<PrivatePage, Problem> {
    let subject = visitor.person()?.subject().map_err(Problem::broken)?;
    let grants = oauth.grants_of(&subject, None, 100).await.map_err(Problem::broken)?;
    let connections = grants.into_iter().map(|grants| {
        let scopes = grants.families.iter().map(|family| &family.scope);
        let scopes = scopes.chain(grants.consents.iter().map(|consent| &consent.scope));
        (grants.client, scopes.fold(Scope::empty(), |all, scope| all.union(scope)))
    });
    let connections = connections.collect();
    Ok(PrivatePage(page(StatusCode::OK, &ConnectionsPage { frame: Frame::of(&visitor), connections })))
}

#[derive(serde::Deserialize)]
struct Withdrawal {
    csrf: String,
    client: String,
}

async fn withdraw(
    visitor: Visitor,
    form: web::Form<Withdrawal>,
    oauth: web::Data<AuthorizationServer>,
) -> Result<HttpResponse, Problem> {
    visitor.prove(&form.csrf)?;
    let subject = visitor.person()?.subject().map_err(Problem::broken)?;
    let client = ClientId::parse(&form.client).map_err(|_| Problem::OldForm)?;
    oauth.withdraw(&subject, &client).await.map_err(Problem::broken)?;
    Ok(see("/connections"))
}

impl Visitor {
    fn signed_in_at(&self) -> Timestamp {
        Timestamp::from_millis(self.signed_in_at)
    }
}
// oauth:end
