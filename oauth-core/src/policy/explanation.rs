//! Why a request is granted or refused, for the operator: as text and as JSON, without a secret.

use std::fmt;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::trace::{Effect, Step};
use crate::error::Refusal;
use crate::grant::ValidatedGrant;
use crate::types::{Audience, ClientId, Lifetime, ResourceUri, Scope, Subject, Timestamp};

/// The right to ask [`explain`](crate::AuthorizationServer::explain): a host makes one where it has made sure that an
/// operator asks, and nothing else does. Whoever may explain may try out clients, users and addresses without leaving a
/// trace, so never make one for a request that came over the wire from anybody else.
#[derive(Debug)]
pub struct OperatorCapability(());

impl OperatorCapability {
    /// The host's word that an operator asks.
    #[must_use]
    pub const fn granted_by_the_host() -> Self {
        Self(())
    }
}

/// What the rules decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The request is granted, this much of it.
    Granted(Granted),
    /// It is refused.
    Refused(Refusal),
}

/// How much was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted {
    /// What the token allows.
    pub scope: Scope,
    /// What was asked for and not granted.
    pub dropped: Scope,
    /// For whom it is.
    pub audience: Vec<Audience>,
    /// The resources that were settled on; empty for the client's audience.
    pub resource: Vec<ResourceUri>,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// Whether a refresh token goes with it.
    pub refresh_token: bool,
    /// Whether an id token goes with it.
    pub id_token: bool,
    /// Whether the client acts in the user's name without the user (RFC 8693 §4.1).
    pub impersonation: bool,
}

impl From<&ValidatedGrant> for Granted {
    fn from(grant: &ValidatedGrant) -> Self {
        Self {
            scope: grant.scope.scope().clone(),
            dropped: grant.scope.dropped().clone(),
            audience: grant.audience.clone(),
            resource: grant.resource.clone(),
            lifetime: grant.lifetime,
            refresh_token: grant.offline,
            id_token: grant.identity,
            impersonation: grant.impersonation,
        }
    }
}

/// A verdict and how it came about. Holds no secret: what a request proves itself with is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The client that was named.
    pub client: ClientId,
    /// The `grant_type`, as far as it is one that this server has.
    pub grant: Option<String>,
    /// The user, as far as one was found.
    pub subject: Option<Subject>,
    /// The address that was supposed.
    pub peer: Option<IpAddr>,
    /// The time that was supposed.
    pub at: Timestamp,
    /// What was decided.
    pub verdict: Verdict,
    /// Which rules looked, in their order, and what each did.
    pub trace: Vec<Step>,
}

impl Explanation {
    /// The explanation as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut object = Map::new();
        object.insert("client".into(), self.client.as_str().into());
        if let Some(grant) = &self.grant {
            object.insert("grant".into(), grant.as_str().into());
        }
        if let Some(subject) = &self.subject {
            object.insert("subject".into(), subject.as_str().into());
        }
        if let Some(peer) = self.peer {
            object.insert("peer".into(), peer.to_string().into());
        }
        object.insert("at".into(), self.at.millis().into());
        object.insert("verdict".into(), self.verdict.to_value());
        object.insert("trace".into(), self.trace.iter().map(Step::to_value).collect());
        Value::Object(object).to_string()
    }
}

impl Verdict {
    fn to_value(&self) -> Value {
        match self {
            Self::Refused(refusal) => refused(*refusal),
            Self::Granted(granted) => json!({
                "granted": true,
                "scope": granted.scope.as_str(),
                "dropped": granted.dropped.as_str(),
                "audience": granted.audience.iter().map(Audience::as_str).collect::<Vec<_>>(),
                "resource": granted.resource.iter().map(ResourceUri::as_str).collect::<Vec<_>>(),
                "lifetime": granted.lifetime.seconds(),
                "refresh_token": granted.refresh_token,
                "id_token": granted.id_token,
                "impersonation": granted.impersonation,
            }),
        }
    }
}

fn refused(refusal: Refusal) -> Value {
    let mut object = json!({
        "granted": false,
        "rule": refusal.rule().to_string(),
        "reason": refusal.id(),
        "error": refusal.code().as_str(),
        "status": refusal.status(),
    });
    if let (Some(because), Value::Object(members)) = (refusal.because(), &mut object) {
        members.insert("because".into(), because.into());
    }
    object
}

impl Step {
    fn to_value(&self) -> Value {
        let mut object = json!({ "rule": self.rule.to_string(), "effect": self.effect.word() });
        let detail: Option<(&str, Value)> = match &self.effect {
            Effect::Asked(scope) | Effect::Removed(scope) => Some(("scope", scope.as_str().into())),
            Effect::Begun(lifetime) | Effect::Shortened(lifetime) => Some(("lifetime", lifetime.seconds().into())),
            Effect::Refused(refusal) => Some(("reason", refusal.id().into())),
            Effect::Passed | Effect::Withheld => None,
        };
        if let (Some((name, value)), Value::Object(members)) = (detail, &mut object) {
            members.insert(name.into(), value);
        }
        object
    }
}

impl Effect {
    const fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Asked(_) => "asked",
            Self::Removed(_) => "removed",
            Self::Begun(_) => "begun",
            Self::Shortened(_) => "shortened",
            Self::Withheld => "withheld",
            Self::Refused(_) => "refused",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => {
                write!(f, "refused by {}: {}", refusal.rule(), refusal.id())?;
                if let Some(because) = refusal.because() {
                    write!(f, " ({because})")?;
                }
                write!(f, "; the client reads {} `{}`", refusal.status(), refusal.code().as_str())
            }
            Self::Granted(granted) => {
                write!(f, "granted `{}` for {}", granted.scope, granted.lifetime)?;
                if !granted.dropped.is_empty() {
                    write!(f, ", without `{}`", granted.dropped)?;
                }
                let with = [(granted.refresh_token, "a refresh token"), (granted.id_token, "an id token")];
                for (_, what) in with.into_iter().filter(|(given, _)| *given) {
                    write!(f, ", with {what}")?;
                }
                if granted.impersonation { f.write_str(", acting for the user") } else { Ok(()) }
            }
        }
    }
}

/// The verdict, whom it is about, then one line for each step of the trace.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.verdict)?;
        write!(f, "client `{}`", self.client)?;
        if let Some(grant) = &self.grant {
            write!(f, ", grant `{grant}`")?;
        }
        if let Some(subject) = &self.subject {
            write!(f, ", user `{subject}`")?;
        }
        if let Some(peer) = self.peer {
            write!(f, ", from {peer}")?;
        }
        for Step { rule, effect } in &self.trace {
            write!(f, "\n  {:<24} {:<9} ", rule.to_string(), effect.word())?;
            match effect {
                Effect::Passed => f.write_str(rule.asks())?,
                Effect::Asked(scope) => write!(f, "`{scope}`")?,
                Effect::Removed(scope) => write!(f, "`{scope}`: {}", rule.asks())?,
                Effect::Begun(lifetime) => write!(f, "{lifetime} unless a rule says less")?,
                Effect::Shortened(lifetime) => write!(f, "to {lifetime}: {}", rule.asks())?,
                Effect::Withheld => write!(f, "not so: {}", rule.asks())?,
                Effect::Refused(refusal) => {
                    write!(f, "{}: not so: {}", refusal.id(), refusal.because().unwrap_or(rule.asks()))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::fixtures::{NOW, scope};
    use crate::policy::{Rule, RuleId};

    fn explained(verdict: Verdict, trace: Vec<Step>) -> Explanation {
        Explanation {
            client: "orders-app".parse().unwrap(),
            grant: Some("password".into()),
            subject: Some("alice".parse().unwrap()),
            peer: Some("203.0.113.9".parse().unwrap()),
            at: NOW,
            verdict,
            trace,
        }
    }

    fn step(rule: impl Into<RuleId>, effect: Effect) -> Step {
        Step { rule: rule.into(), effect }
    }

    fn granted() -> Granted {
        Granted {
            scope: scope("read"),
            dropped: scope("write"),
            audience: vec![Audience::parse("api").unwrap()],
            resource: vec![ResourceUri::parse("urn:api:1").unwrap()],
            lifetime: Lifetime::of_seconds(60),
            refresh_token: true,
            id_token: true,
            impersonation: true,
        }
    }

    #[test]
    fn a_grant_is_told_as_text_and_as_json() {
        let trace = vec![
            step(Rule::ClientKnown, Effect::Passed),
            step(Rule::Request, Effect::Asked(scope("read write"))),
            step(Rule::ScopeClient, Effect::Removed(scope("write"))),
            step(Rule::LifetimeServer, Effect::Begun(Lifetime::of_seconds(600))),
            step(RuleId::Host("night"), Effect::Shortened(Lifetime::of_seconds(60))),
            step(Rule::RefreshOffline, Effect::Withheld),
        ];
        let explained = explained(Verdict::Granted(granted()), trace);
        let text = "\
granted `read` for 60 s, without `write`, with a refresh token, with an id token, acting for the user
client `orders-app`, grant `password`, user `alice`, from 203.0.113.9
  client.known             passed    there is such a client
  request                  asked     `read write`
  scope.client             removed   `write`: the most that the client may have
  lifetime.server          begun     600 s unless a rule says less
  host.night               shortened to 60 s: a rule of the host
  refresh.offline          withheld  not so: a refresh token goes with it: grant, client and scope say so";
        assert_eq!(explained.to_string(), text);
        let json = r#"{"at":1800000000000,"client":"orders-app","grant":"password","peer":"203.0.113.9","subject":"alice","trace":[{"effect":"passed","rule":"client.known"},{"effect":"asked","rule":"request","scope":"read write"},{"effect":"removed","rule":"scope.client","scope":"write"},{"effect":"begun","lifetime":600,"rule":"lifetime.server"},{"effect":"shortened","lifetime":60,"rule":"host.night"},{"effect":"withheld","rule":"refresh.offline"}],"verdict":{"audience":["api"],"dropped":"write","granted":true,"id_token":true,"impersonation":true,"lifetime":60,"refresh_token":true,"resource":["urn:api:1"],"scope":"read"}}"#;
        assert_eq!(explained.to_json(), json);
    }

    #[test]
    fn a_plain_grant_is_one_short_sentence() {
        let plain = Granted {
            dropped: Scope::empty(),
            refresh_token: false,
            id_token: false,
            impersonation: false,
            ..granted()
        };
        assert_eq!(Verdict::Granted(plain).to_string(), "granted `read` for 60 s");
    }

    #[test]
    fn a_refusal_names_its_rule_and_what_the_client_reads() {
        let denied = Refusal::PolicyDenied { rule: "night", reason: "closed" };
        let explained = explained(Verdict::Refused(denied), vec![step(denied.rule(), Effect::Refused(denied))]);
        let text = "\
refused by host.night: policy.denied (closed); the client reads 400 `unauthorized_client`
client `orders-app`, grant `password`, user `alice`, from 203.0.113.9
  host.night               refused   policy.denied: not so: closed";
        assert_eq!(explained.to_string(), text);
        let json = r#""verdict":{"because":"closed","error":"unauthorized_client","granted":false,"reason":"policy.denied","rule":"host.night","status":400}}"#;
        assert!(explained.to_json().ends_with(json), "{}", explained.to_json());
        assert!(
            explained
                .to_json()
                .contains(r#""trace":[{"effect":"refused","reason":"policy.denied","rule":"host.night"}]"#)
        );
        let bare = Verdict::Refused(Refusal::ScopeEmpty).to_string();
        assert_eq!(bare, "refused by scope.empty: scope.empty; the client reads 400 `invalid_scope`");
    }
}
