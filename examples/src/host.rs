//! Where an example listens, and what stands in front of it.

use std::env;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};

use actix_web::dev::Server;
use oauth_core::types::Issuer;
use oauth_core::{Builder, EnsuredClient};

use crate::{Failure, Store};

/// An example's surroundings: its socket is bound, nobody is answered yet.
#[derive(Debug)]
pub struct Host {
    listener: TcpListener,
    address: SocketAddr,
    issuer: Issuer,
    proxies: Vec<String>,
    insecure_http: bool,
    database_url: String,
    workers: usize,
}

impl Host {
    /// Reads the environment and binds the socket; `name` names the database file.
    ///
    /// # Errors
    /// A sentence that says the mend.
    pub fn from_env(name: &str) -> Result<Self, Failure> {
        let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
        let insecure_http = env::args().any(|argument| argument == "--insecure-http");
        let proxies: Vec<String> = match env::var("TRUSTED_PROXIES") {
            Ok(list) => list.split(',').map(|network| network.trim().to_owned()).collect(),
            Err(_) => Vec::new(),
        };
        let wanted = bind.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
        let wanted = wanted.ok_or_else(|| format!("BIND is `{bind}`; write it like `127.0.0.1:8080`"))?;
        if !wanted.ip().is_loopback() && proxies.is_empty() && !insecure_http {
            return Err(format!(
                "others can reach `{bind}` and would send their secrets in clear: set TRUSTED_PROXIES to the networks \
                 of the proxies that end TLS (and ISSUER to the public https URL), bind a loopback address, or say \
                 --insecure-http"
            )
            .into());
        }
        let listener = TcpListener::bind(wanted)
            .map_err(|why| format!("cannot listen on `{bind}`: {why}; set BIND to another"))?;
        let address = listener.local_addr()?;
        let issuer = env::var("ISSUER").unwrap_or_else(|_| format!("http://{address}"));
        let workers = env::var("WORKERS").unwrap_or_else(|_| "2".to_owned());
        Ok(Self {
            listener,
            address,
            issuer: Issuer::url(&issuer).map_err(|why| format!("ISSUER is `{issuer}`: {why}"))?,
            proxies,
            insecure_http,
            database_url: crate::store::url_of(name),
            workers: workers.parse().ok().filter(|count| *count > 0).ok_or("WORKERS must be a number from 1 up")?,
        })
    }

    /// The socket's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The server's name.
    #[must_use]
    pub fn issuer(&self) -> Issuer {
        self.issuer.clone()
    }

    /// How many threads answer requests.
    #[must_use]
    pub const fn workers(&self) -> usize {
        self.workers
    }

    /// The bound socket.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn listener(&self) -> Result<TcpListener, Failure> {
        Ok(self.listener.try_clone()?)
    }

    /// Opens the store that `DATABASE_URL` names.
    ///
    /// # Errors
    /// A sentence that says the mend.
    pub fn open_store(&self) -> Result<Store, Failure> {
        Store::open(&self.database_url)
    }

    /// Tells the server what stands in front of it.
    #[must_use]
    pub fn in_front_of(&self, builder: Builder) -> Builder {
        let builder = builder.tls_terminated_by(self.proxies.clone());
        if self.insecure_http { builder.danger().plain_http() } else { builder }
    }

    /// Prints what to try: pairs of a sentence and a command to paste, with `{url}` for where this server listens.
    pub fn tell(&self, store: &Store, commands: &[(&str, &str)]) {
        for (sentence, command) in commands {
            println!("{sentence}");
            for line in command.replace("{url}", &self.url()).lines() {
                println!("  {line}");
            }
        }
        if let Some(command) = store.command_to_forget() {
            println!("\nTo start afresh, stop and run: {command}");
        }
    }

    /// Says where it listens, and runs the application until it is stopped.
    ///
    /// # Errors
    /// What the HTTP server failed with.
    pub async fn run(&self, http: Server) -> Result<(), Failure> {
        println!("listening on {}", self.url());
        Ok(http.await?)
    }
}

/// Prints a client's secret, if this start made it.
pub fn tell_secret(ensured: &EnsuredClient) {
    if let Some(secret) = &ensured.secret {
        let id = &ensured.client.id;
        println!("The client `{id}` is registered. Its secret is shown this once: {}\n", secret.expose());
    }
}
