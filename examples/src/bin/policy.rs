//! Why a request is granted or refused, asked of a copy of a database: nothing is served, and the file is not written.
//!
//! ```sh
//! cargo run --bin policy -- quickstart.db client=reports grant_type=client_credentials scope=orders.read
//! ```
//!
//! `client`, `from` (an address) and `at` (seconds since 1970) say who asks, from where and when; every other pair is a
//! parameter of the token request. `--json` prints JSON. `ISSUER` is that of the server whose file it is.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oauth_core::AuthorizationServer;
use oauth_core::policy::{Facts, OperatorCapability, Policy, Restriction};
use oauth_core::time::{Clock as _, SystemClock};
use oauth_core::types::{ClientId, Issuer, Lifetime, Timestamp};
use oauth_examples::{Failure, Store};

const USAGE: &str = "usage: policy FILE client=ID grant_type=… [scope=…] [from=ADDRESS] [at=SECONDS] [--json]";

/// Who is not on this machine gets tokens for a minute.
#[derive(Debug)]
struct ShortFromOutside;

impl Policy for ShortFromOutside {
    fn id(&self) -> &'static str {
        "short_from_outside"
    }

    fn restrict(&self, facts: &Facts<'_>) -> Restriction {
        let inside = facts.peer.is_some_and(|peer| peer.is_loopback());
        if inside { Restriction::none() } else { Restriction::none().at_most(Lifetime::of_seconds(60)) }
    }
}

#[actix_web::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, rest) = arguments.split_first().ok_or(USAGE)?;
    let question = Question::read(rest)?;
    let copy = Copy::of(Path::new(file))?;
    let store = Store::open(&format!("sqlite:{}", copy.file.display()))?;
    let issuer = std::env::var("ISSUER").unwrap_or_else(|_| "http://127.0.0.1:8080".to_owned());
    let builder = AuthorizationServer::builder(Issuer::url(&issuer)?, store.stores(), store.sealing_keys()?);
    // the rules and grants of the server whose file it is
    let server = builder.policy(Arc::new(ShortFromOutside)).start().await?;

    // whoever can start this program can read the file
    let operator = OperatorCapability::granted_by_the_host();
    let Question { client, parameters, from, at, json } = &question;
    let parameters: Vec<(&str, &str)> =
        parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let explanation = server.explain(&operator, client, &parameters, *from, *at).await?;
    if *json {
        println!("{}", explanation.to_json())
    } else {
        println!("{explanation}")
    }
    server.shutdown().await;
    Ok(())
}

/// What is asked on the command line.
struct Question {
    client: ClientId,
    parameters: Vec<(String, String)>,
    from: Option<IpAddr>,
    at: Timestamp,
    json: bool,
}

impl Question {
    fn read(arguments: &[String]) -> Result<Self, Failure> {
        let (mut client, mut from, mut at) = (None, Some(IpAddr::from([127, 0, 0, 1])), SystemClock.now());
        let (mut parameters, mut json) = (Vec::new(), false);
        for argument in arguments {
            match argument.split_once('=') {
                None if argument == "--json" => json = true,
                None => return Err(format!("`{argument}` is no NAME=VALUE; {USAGE}").into()),
                Some(("client", id)) => client = Some(id.parse()?),
                Some(("from", address)) => {
                    from = Some(address.parse().map_err(|_| format!("`{address}` is no address"))?);
                }
                Some(("at", seconds)) => {
                    at = Timestamp::from_seconds(seconds.parse().map_err(|_| format!("`{seconds}` is no number"))?);
                }
                Some((name, value)) => parameters.push((name.to_owned(), value.to_owned())),
            }
        }
        Ok(Self { client: client.ok_or(USAGE)?, parameters, from, at, json })
    }
}

/// A copy of the file, its log and its sealing key, in a directory that only we can read; gone with this value.
struct Copy {
    folder: PathBuf,
    file: PathBuf,
}

impl Copy {
    fn of(original: &Path) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("oauth-policy-{}", std::process::id()));
        private(&folder)?;
        let copy = Self { file: folder.join("copy.db"), folder };
        std::fs::copy(original, &copy.file).map_err(|why| format!("cannot copy `{}`: {why}", original.display()))?;
        for suffix in ["-wal", ".sealing-key"] {
            let beside = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
            if beside(original).exists() {
                std::fs::copy(beside(original), beside(&copy.file))?;
            }
        }
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[cfg(unix)]
fn private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn private(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir(folder)
}
