//! The form of a consent page, as an argument of the handler that it is posted to.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::InternalError;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use oauth_core::Refusal;
use oauth_core::authorize::{ConsentToken, Decision};
use oauth_core::types::Scope;
use oauth_core::wire::Body;

use crate::authorize::Mounted;
use crate::interaction::unmounted;
use crate::{body, response};

/// What the user decided, for [`Interaction::complete`](crate::Interaction::complete): a form with the fields
///
/// | field | is |
/// |---|---|
/// | `consent` | what [`Prompt::consent`](oauth_core::authorize::Prompt) was, in a hidden field |
/// | `decision` | `approve` or `deny`: two buttons |
/// | `scope` | the name of a scope that the user allows, as often as there are any: boxes to tick, all of them ticked at first |
///
/// Any other body gets the error page with 403, and so does one that is not complete within the
/// [deadline](crate::Routes::body_deadline); nothing is decided then. It takes the whole body, so nothing else that does
/// can be an argument beside it. A host whose form looks different makes this value itself.
#[derive(Debug, Clone)]
pub struct DecisionForm {
    /// Proves what was shown to whom; not checked yet.
    pub consent: ConsentToken,
    /// What was decided.
    pub decision: Decision,
}

impl DecisionForm {
    fn parse(body: &[u8]) -> Option<Self> {
        let web::Query(fields) =
            web::Query::<Vec<(String, String)>>::from_query(std::str::from_utf8(body).ok()?).ok()?;
        let all = |wanted| fields.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let one = |name| {
            let mut values = all(name);
            values.next().filter(|_| values.next().is_none())
        };
        let decision = match one("decision")? {
            "approve" => Decision::Approve { scopes: Scope::parse(&all("scope").collect::<Vec<_>>().join(" ")).ok()? },
            "deny" => Decision::Deny,
            _ => return None,
        };
        Some(Self { consent: ConsentToken::presented(one("consent")?), decision })
    }
}

impl FromRequest for DecisionForm {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(http: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (http, payload) = (http.clone(), web::Payload::from_request(http, payload));
        Box::pin(async move {
            let Some(mounted) = http.app_data::<Mounted>() else { return Err(unmounted()) };
            let mut payload = payload.await?;
            let body = body::read(&http, &mut payload, mounted.deadline).await;
            let form = match &body {
                Body::Whole(bytes) if http.content_type() == "application/x-www-form-urlencoded" => Self::parse(bytes),
                _ => None,
            };
            form.ok_or_else(|| {
                let refusal = Refusal::DecisionUnreadable;
                let page = mounted.refuse(&http, refusal);
                let is_unread = !matches!(body, Body::Whole(_));
                let page = if is_unread { response::holding(page, payload) } else { page };
                InternalError::from_response(refusal, page).into()
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_and_buttons_are_a_decision() {
        let approved = |text: &str| match DecisionForm::parse(text.as_bytes()).map(|form| form.decision) {
            Some(Decision::Approve { scopes }) => Some(scopes.as_str().to_owned()),
            _ => None,
        };
        assert_eq!(approved("consent=x&scope=b&scope=a&decision=approve").as_deref(), Some("a b"));
        assert_eq!(approved("decision=approve&other=y&consent=x").as_deref(), Some(""), "which is a denial");
        let denied = DecisionForm::parse(b"consent=x&scope=a&decision=deny").unwrap();
        assert_eq!((denied.decision, denied.consent.as_str()), (Decision::Deny, "x"));
    }

    #[test]
    fn everything_else_is_none() {
        for text in [
            "",
            "consent=x",
            "decision=deny",
            "consent=x&decision=",
            "consent=x&decision=Approve",
            "consent=x&decision=approve&decision=deny",
            "consent=x&decision=deny&decision=deny",
            "consent=x&consent=y&decision=deny",
            "consent=x&decision=approve&scope=a\"b",
            "consent=x&decision=approve&scope=a%22b",
        ] {
            assert!(DecisionForm::parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
