//! Opens a database of its own with sqlx and ours beside it, in one process, and reads ours through sqlx too.

use std::error::Error;

use oauth_core::store::GrantStore;
use oauth_core::types::Timestamp;
use oauth_store_sqlite::SqliteStore;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("sqlx-host-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let [ours, theirs] = ["oauth.db", "host.db"].map(|name| directory.join(name));

    let host = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&theirs).create_if_missing(true)).await?;
    sqlx::query("CREATE TABLE note (text)").execute(&host).await?;
    sqlx::query("INSERT INTO note VALUES ('the host works')").execute(&host).await?;

    let store = SqliteStore::open(&ours)?;
    let mark = store.raise_clock_mark(Timestamp::from_millis(7)).await?;

    let guest = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&ours)).await?;
    let seen: i64 = sqlx::query_scalar("SELECT at FROM clock_mark").fetch_one(&guest).await?;
    assert_eq!(seen, mark.millis(), "sqlx sees what the store acknowledged");
    let text: String = sqlx::query_scalar("SELECT text FROM note").fetch_one(&host).await?;
    println!("{text}, the store works, and one SQLite serves both");

    guest.close().await;
    store.close().await;
    host.close().await;
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}
