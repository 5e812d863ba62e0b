//! What is off until it is said: by the server and by the client where both have a word, else by whoever has one.

mod asked;

use std::sync::Arc;

use oauth_core::jose::Alg;
use oauth_core::policy::Verdict;
use oauth_core::{Builder, ClientSpec, ExtensionSettings};
use proptest::prelude::*;
use proptest::sample::subsequence;

pub(super) use self::asked::Served;
use self::asked::{
    API, APP, AUDITOR, CHOSEN, CLERK, CODES, DESK, LOCALHOST, OWN, SPA, TRUST, URI, acting_for_a_user, chosen_secret,
    code, code_without_pkce, extension_grant, id_token, introspection, json_body, json_too, legacy_profile,
    localhost_redirect, own_audience, password, plain_http, resource, static_refresh, with_legacy_profile,
};
use super::case::{Case, Grant};
use super::jar::{AUDIENCE, Proposes, RESOURCE, USER};
use super::{Judge, Trial};

type ServerWord = fn(Builder) -> Builder;
type ClientWord = fn(ClientSpec) -> ClientSpec;
type Had = fn(&Served) -> bool;

/// One thing that is off until it is said.
#[derive(Debug, Clone, Copy)]
struct OptIn {
    name: &'static str,
    /// The server's word and its name, for several may hang on one; `None` when it has none.
    server: Option<(&'static str, ServerWord)>,
    /// Who asks.
    by: &'static str,
    /// That client's word, if it has one.
    client: Option<ClientWord>,
    /// Asks for it: whether it was had.
    had: Had,
}

/// Every opt-in that a request can ask for. `unsealed_keys` is not among them, because no request does; refresh tokens
/// have a law of their own.
const OPT_INS: &[OptIn] = &[
    both("password_grant", |it| it.danger().password_grant(), APP, |it| it.legacy_password_grant(), password),
    both("json_bodies", |it| it.token_mounts(json_too()), DESK, |it| it.legacy_json_bodies(), json_body),
    both("static_refresh", static_for_public, APP, |it| it.legacy_static_refresh(), static_refresh),
    both("chosen_secrets", |it| it.with_chosen_client_secrets(), CLERK, |it| it.chosen_secret(CHOSEN), chosen_secret),
    both("extension_grant", own_grant, APP, |it| it.grants([TRUST, "refresh_token", OWN]), extension_grant),
    both("resource", |it| it.resource(RESOURCE, Default::default()), DESK, |it| it.resources([RESOURCE]), resource),
    both("id_tokens", |it| it.id_tokens(Alg::ES256), APP, |it| it.scope("offline_access openid read"), id_token),
    both(CODES, |it| it.authorization_code(), SPA, |it| it.grants([CODES]).redirect_uris([URI]), code),
    with_codes("code_without_pkce", DESK, |it| it.legacy_code_without_pkce(), code_without_pkce),
    with_codes("localhost_redirect", DESK, |it| it.localhost_redirect_uri(LOCALHOST), localhost_redirect),
    of_client("acts_for", DESK, |it| it.acts_for([USER]), acting_for_a_user),
    of_client("introspects", API, |it| it.introspects([AUDIENCE]), introspection),
    of_client("introspects_everything", AUDITOR, |it| it.danger_introspects_everything(), introspection),
    of_client("audience_is_client", DESK, |it| it.legacy_audience_is_client_id(), own_audience),
    of_client("legacy_profile", APP, with_legacy_profile, legacy_profile),
    of_server("plain_http", |it| it.danger().plain_http(), DESK, plain_http),
];

const fn both(name: &'static str, server: ServerWord, by: &'static str, client: ClientWord, had: Had) -> OptIn {
    OptIn { name, server: Some((name, server)), by, client: Some(client), had }
}

const fn with_codes(name: &'static str, by: &'static str, client: ClientWord, had: Had) -> OptIn {
    OptIn { name, server: Some((CODES, Builder::authorization_code)), by, client: Some(client), had }
}

const fn of_client(name: &'static str, by: &'static str, client: ClientWord, had: Had) -> OptIn {
    OptIn { name, server: None, by, client: Some(client), had }
}

const fn of_server(name: &'static str, server: ServerWord, by: &'static str, had: Had) -> OptIn {
    OptIn { name, server: Some((name, server)), by, client: None, had }
}

fn static_for_public(it: Builder) -> Builder {
    it.danger().legacy_static_refresh_of_public_clients()
}

fn own_grant(builder: Builder) -> Builder {
    let settings = ExtensionSettings { scope: "read".to_owned(), ..ExtensionSettings::default() };
    builder.extension_grant(Arc::new(Proposes { name: OWN, lifetime: None, scope: None }), settings)
}

/// Who said what, and what is asked for: opt-ins by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What the client asks for.
    pub asked: &'static str,
    /// What the server says.
    pub by_server: Vec<&'static str>,
    /// What the client says.
    pub by_client: Vec<&'static str>,
    /// Whether the client was registered while the server said everything; otherwise it is registered now.
    pub registered_before: bool,
}

impl Said {
    /// The words about this opt-in, each said or not, and some about others.
    fn any(opt_in: &OptIn) -> impl Strategy<Value = Self> + use<> {
        let OptIn { name, by, .. } = *opt_in;
        let others = |of: fn(&OptIn, &'static str) -> bool| -> Vec<&'static str> {
            OPT_INS.iter().filter(|other| other.name != name && of(other, by)).map(|other| other.name).collect()
        };
        let of_server = others(|other, _| other.server.is_some());
        let of_client = others(|other, by| other.by == by && other.client.is_some());
        let few = |names: Vec<&'static str>| {
            let most = names.len().min(3);
            subsequence(names, 0..=most)
        };
        (any::<(bool, bool)>(), few(of_server), few(of_client), prop::bool::weighted(0.75)).prop_map(
            move |((server, client), of_server, of_client, registered_before)| Self {
                asked: name,
                by_server: server.then_some(name).into_iter().chain(of_server).collect(),
                by_client: client.then_some(name).into_iter().chain(of_client).collect(),
                registered_before,
            },
        )
    }

    /// Who has a word and did not say it.
    fn silent(&self) -> Option<&'static str> {
        let opt_in = self.opt_in();
        let said_by_server = |word| self.server_words().any(|(said, _)| said == word);
        if opt_in.server.is_some_and(|(word, _)| !said_by_server(word)) {
            Some("the server did not say it")
        } else if opt_in.client.is_some() && !self.by_client.contains(&opt_in.name) {
            Some("the client did not say it")
        } else {
            None
        }
    }

    fn opt_in(&self) -> &'static OptIn {
        named(self.asked)
    }

    /// Each word that the server says, once.
    fn server_words(&self) -> impl Iterator<Item = (&'static str, ServerWord)> {
        once(self.by_server.iter().map(|name| named(name)))
    }

    fn client_words(&self) -> impl Iterator<Item = ClientWord> {
        self.by_client.iter().filter_map(|name| named(name).client)
    }
}

fn named(name: &str) -> &'static OptIn {
    OPT_INS.iter().find(|opt_in| opt_in.name == name).expect("an opt-in of the table")
}

fn once<'a>(opt_ins: impl Iterator<Item = &'a OptIn>) -> impl Iterator<Item = (&'static str, ServerWord)> {
    let mut words: Vec<(&'static str, ServerWord)> = opt_ins.filter_map(|opt_in| opt_in.server).collect();
    words.sort_by_key(|(name, _)| *name);
    words.dedup_by_key(|(name, _)| *name);
    words.into_iter()
}

/// What server and client must both switch on is not had when either does not, whoever registered the client and
/// whatever else is on; likewise the client, the user, the resource and the address that a token needs.
///
/// # Panics
/// With the smallest case that breaks it.
pub fn an_opt_in_needs_both_sides(judge: &dyn Judge, trial: &Trial) {
    const LAW: &str = "an_opt_in_needs_both_sides";
    for opt_in in OPT_INS {
        trial.run(LAW, 8, Said::any(opt_in), |said| {
            let Some(why) = said.silent() else { return Ok(()) };
            prop_assert!(!judge.has(&said), "`{}` was had although {why}", said.asked);
            Ok(())
        });
    }
    trial.run(LAW, 1, Case::any(judge.words()), |case| {
        let (client, server, request) = (&case.client, &case.server, &case.request);
        let optional = request.grant != Grant::Client;
        let off = [
            ("the server has not the grant", optional && !server.has_grant),
            ("the client has not the grant", !client.has_grant),
            ("the client is inactive", !client.active),
            ("a public client in its own name", client.public && request.grant == Grant::Client),
            ("the user is not there", optional && !(case.user.known && case.user.active)),
            ("the user is not listed", request.grant == Grant::Extension && !client.public && !client.acts_for),
            ("the client has not the resource", case.is_for_resource() && !client.resource),
        ];
        if let Some((why, _)) = off.into_iter().find(|(_, off)| *off) {
            let verdict = judge.explain(&case).verdict;
            prop_assert!(matches!(verdict, Verdict::Refused(_)), "granted although {why}");
        }
        Ok(())
    });
}

#[cfg(test)]
mod tests {
    use super::super::Jar;
    use super::*;

    #[test]
    fn what_all_say_is_had_whatever_else_is_on() {
        for opt_in in OPT_INS {
            Trial::repeatable(8).run("had", 1, Said::any(opt_in), |mut said| {
                for words in [&mut said.by_server, &mut said.by_client] {
                    words.retain(|word| *word != opt_in.name);
                    words.push(opt_in.name);
                }
                said.registered_before = true;
                prop_assert_eq!(said.silent(), None);
                prop_assert!(Jar::of_the_core().has(&said), "{said:?}");
                Ok(())
            });
        }
    }

    #[test]
    fn what_all_say_can_be_registered() {
        for OptIn { name, .. } in OPT_INS {
            // what `desk` is registered for besides needs codes
            let said =
                Said { asked: name, by_server: vec![name, CODES], by_client: vec![name], registered_before: false };
            assert!(Jar::of_the_core().has(&said), "{said:?}");
        }
    }

    #[test]
    fn every_word_that_names_its_danger_is_in_the_table() {
        let table = include_str!("opt_ins.rs");
        let spec = include_str!("../../../oauth-core/src/server/client_spec.rs");
        let builder = include_str!("../../../oauth-core/src/server/builder.rs");
        let (_, danger) = builder.split_once("impl Danger {").expect("the dangers of a server");
        let words = |source: &str| -> Vec<String> {
            let names = source.lines().filter_map(|line| {
                let line = line.trim().strip_prefix("pub ")?;
                line.strip_prefix("const ").unwrap_or(line).strip_prefix("fn ")?.split(['(', '<']).next()
            });
            names.map(str::to_owned).collect()
        };
        let spec = words(spec).into_iter().filter(|word| word.starts_with("legacy_") || word.starts_with("danger_"));
        let all: Vec<String> = words(danger).into_iter().chain(spec).collect();
        assert!(all.len() >= 10, "{all:?}");
        for word in all.iter().filter(|word| *word != "unsealed_keys") {
            assert!(table.contains(&format!("it.{word}()")) || table.contains(&format!("danger().{word}()")), "{word}");
        }
    }
}
