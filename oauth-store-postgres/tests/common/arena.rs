//! A schema that several processes open.

use std::thread;
use std::time::Duration;

use oauth_testkit::{Arena, PostgresServer, block_on};

use crate::common::{Stranger, fresh_schema, runtime};
use crate::{Database, PostgresStore, Schema, Settings};

/// In the one server of this process.
pub(crate) struct OneSchema {
    server: &'static PostgresServer,
    schema: Schema,
}

impl Arena for OneSchema {
    type Store = PostgresStore;

    fn create() -> Option<Self> {
        Some(Self { server: PostgresServer::shared()?, schema: fresh_schema() })
    }

    /// Its connections bear the schema's name.
    fn place(&self) -> String {
        let schema = self.schema.as_str();
        format!("{schema} {} application_name={schema}", self.server.url())
    }

    fn open(place: &str) -> PostgresStore {
        let (schema, url) = place.split_once(' ').unwrap();
        let settings = Settings::parse(url).unwrap().schema(Schema::parse(schema).unwrap()).connections(8);
        block_on(Database::connect(settings, runtime())).unwrap().tenant("default".parse().unwrap())
    }

    /// A statement that a dead client had sent still runs to its end.
    fn settle(&self) {
        let eye = Stranger::connect(self.server);
        let connected = format!("SELECT 1 FROM pg_stat_activity WHERE application_name = '{}'", self.schema.as_str());
        while !eye.ask(&connected).is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn has_server(&self) -> bool {
        true
    }

    fn crash_server(&self) {
        self.server.crash();
    }

    fn restart_server(&self) {
        self.server.restart();
    }
}
