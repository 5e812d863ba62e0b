//! Notes, an application with users, sessions and pages of its own, that has gained an authorization server:
//! `cargo run --bin embed`.
//!
//! What it gained is marked, and counted in the README; everything else is as it was. Settings: see the crate's
//! documentation, and `NOTES`, the application's own file (default `notes.db`).

mod accounts;
mod database;
mod notes;
mod pages;
mod session;

// oauth:begin
mod allow;
mod server;
// oauth:end

use std::env;
use std::path::PathBuf;

use actix_web::{App, HttpServer, middleware, web};
use oauth_examples::{Failure, Host, log_to_stderr, stop_signal};

use crate::accounts::Accounts;
use crate::database::Database;
use crate::notes::Notes;

const USERS: [(&str, &str, &str); 2] =
    [("ann", "Ann Archer", "correct horse battery"), ("ben", "Ben Baker", "staple of the evening")];

#[actix_web::main]
async fn main() -> Result<(), Failure> {
    log_to_stderr();
    let host = Host::from_env("embed")?;
    let file = PathBuf::from(env::var("NOTES").unwrap_or_else(|_| "notes.db".to_owned()));
    let database = Database::open(&file)?;
    let accounts = Accounts(database.clone());
    for (login, name, password) in USERS {
        accounts.add(login, name, password).map_err(|why| why.to_string())?;
        println!("`{login}` signs in with the password `{password}`.");
    }
    let notes = web::Data::new(Notes { database, secure: host.issuer().as_str().starts_with("https:") });

    // oauth:begin
    let store = host.open_store()?;
    let oauth = server::start(&host, &store, accounts).await?;
    let mounted = oauth.clone();
    // oauth:end

    let app = move || {
        App::new()
            .wrap(middleware::from_fn(session::every_page))
            .app_data(notes.clone())
            // oauth:begin
            .configure(|app| server::mount(&mounted, app))
            // oauth:end
            .configure(notes::routes)
    };
    host.tell(&store, &[("Open in a browser:", "{url}/")]);
    let http = HttpServer::new(app).workers(host.workers()).listen(host.listener()?)?;
    host.run(http.shutdown_signal(stop_signal(&oauth.0)?).run()).await
}
