//! Clients: the table `client`.

use std::sync::Arc;

use async_trait::async_trait;
use ipnet::IpNet;
use oauth_core::store::{
    AccessTokenFormat, AccessTokenRule, AuthMethod, AuthMethods, Client, ClientRegistry, ClientSecretRecord,
    ClientStore, Deregister, GrantTypes, RefreshPolicy, RefreshRule, Register, StoreError, UpdateClient,
};
use oauth_core::types::{Audience, ClientId, Lifetime, ResourceUri, Subject};
use rusqlite::{Connection, named_params, params};

use crate::SqliteStore;
use crate::codec::{list, named, scope, small, to_json, unsigned};
use crate::error::Failure;
use crate::sql::{Cells, all, change, finds, first};

/// The columns of a record, in the order in which [`read`] takes them.
macro_rules! columns {
    () => {
        "id, name, version, active, auth_methods, secrets, grants, default_scope, scope, redirect_uris, resources, \
         audience, token_format, token_lifetime, refresh_window, refresh_idle, refresh_absolute, networks, acts_for, \
         json_bodies, created_at, updated_at, extra"
    };
}

macro_rules! values {
    () => {
        ":id, :name, :version, :active, :auth_methods, :secrets, :grants, :default_scope, :scope, :redirect_uris, \
         :resources, :audience, :token_format, :token_lifetime, :refresh_window, :refresh_idle, :refresh_absolute, \
         :networks, :acts_for, :json_bodies, :created_at, :updated_at, :extra"
    };
}

pub(crate) const FIND: &str = concat!("SELECT ", columns!(), " FROM client WHERE tenant = ?1 AND id = ?2");
pub(crate) const EXISTS: &str = "SELECT 1 FROM client WHERE tenant = ?1 AND id = ?2";
/// `BINARY` is the collation of every column, so ids are in byte order.
pub(crate) const PAGE: &str =
    concat!("SELECT ", columns!(), " FROM client WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
pub(crate) const REGISTER: &str =
    concat!("INSERT INTO client (tenant, ", columns!(), ") VALUES (:tenant, ", values!(), ") ON CONFLICT DO NOTHING");
pub(crate) const UPDATE: &str = concat!(
    "UPDATE client SET (",
    columns!(),
    ") = (",
    values!(),
    ") WHERE tenant = :tenant AND id = :id AND version = :expected"
);
pub(crate) const DEREGISTER: &str = "DELETE FROM client WHERE tenant = ?1 AND id = ?2";

#[async_trait]
impl ClientStore for SqliteStore {
    async fn find(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        let id = id.clone();
        self.read(move |connection, tenant| first(connection, FIND, params![tenant, id.as_str()], read)).await
    }
}

#[async_trait]
impl ClientRegistry for SqliteStore {
    async fn register(&self, client: Client) -> Result<Register, StoreError> {
        self.write(move |connection, tenant| {
            let added = write(connection, tenant, &client, None)?;
            Ok(if added { Register::Registered } else { Register::Taken })
        })
        .await
    }

    async fn update(&self, client: Client, expected: u64) -> Result<UpdateClient, StoreError> {
        self.write(move |connection, tenant| {
            if write(connection, tenant, &client, Some(expected))? {
                return Ok(UpdateClient::Updated);
            }
            let known = finds(connection, EXISTS, params![tenant, client.id.as_str()])?;
            Ok(if known { UpdateClient::Stale } else { UpdateClient::Unknown })
        })
        .await
    }

    async fn page(&self, after: Option<&ClientId>, limit: u32) -> Result<Vec<Arc<Client>>, StoreError> {
        // No id is empty.
        let after = after.map_or_else(String::new, |id| id.as_str().to_owned());
        self.read(move |connection, tenant| all(connection, PAGE, params![tenant, after, limit], read)).await
    }

    async fn deregister(&self, id: &ClientId) -> Result<Deregister, StoreError> {
        let id = id.clone();
        self.write(move |connection, tenant| {
            let removed = change(connection, DEREGISTER, params![tenant, id.as_str()])?;
            Ok(if removed == 0 { Deregister::Unknown } else { Deregister::Removed })
        })
        .await
    }
}

/// Adds the record, or replaces the one whose version is `expected`; answers whether it did.
fn write(connection: &Connection, tenant: &str, client: &Client, expected: Option<u64>) -> Result<bool, Failure> {
    let Client {
        id,
        name,
        version,
        active,
        auth_methods,
        secrets,
        grants,
        default_scope,
        scope: max_scope,
        redirect_uris,
        resources,
        audience,
        access_token: AccessTokenRule { format, lifetime },
        refresh: RefreshRule { policy, idle, absolute },
        networks,
        acts_for,
        json_bodies,
        created_at,
        updated_at,
        extra,
    } = client;
    let window = match policy {
        RefreshPolicy::Rotate { window_seconds } => Some(*window_seconds),
        RefreshPolicy::Static => None,
    };
    let networks: Option<Vec<String>> =
        networks.as_ref().map(|networks| networks.iter().map(IpNet::to_string).collect());
    let mut statement = connection.prepare_cached(if expected.is_some() { UPDATE } else { REGISTER })?;
    let values = named_params! {
        ":tenant": tenant,
        ":id": id.as_str(),
        ":name": name,
        ":version": unsigned(*version),
        ":active": active,
        ":auth_methods": list(auth_methods.iter().map(AuthMethod::as_str))?,
        ":secrets": ClientSecretRecord::all_to_json(secrets),
        ":grants": list(grants.iter())?,
        ":default_scope": scope(default_scope)?,
        ":scope": scope(max_scope)?,
        ":redirect_uris": to_json(redirect_uris)?,
        ":resources": list(resources.iter().map(ResourceUri::as_str))?,
        ":audience": list(audience.iter().map(Audience::as_str))?,
        ":token_format": format.as_ref().map(AccessTokenFormat::to_json),
        ":token_lifetime": lifetime.map(Lifetime::seconds),
        ":refresh_window": window,
        ":refresh_idle": idle.map(Lifetime::seconds),
        ":refresh_absolute": absolute.map(Lifetime::seconds),
        ":networks": networks.as_ref().map(to_json).transpose()?,
        ":acts_for": list(acts_for.iter().map(Subject::as_str))?,
        ":json_bodies": json_bodies,
        ":created_at": created_at.millis(),
        ":updated_at": updated_at.millis(),
        ":extra": extra.as_bytes(),
    };
    let changed = match expected {
        None => statement.execute(values)?,
        Some(expected) => {
            statement.execute(&[values, named_params! { ":expected": unsigned(expected) }].concat()[..])?
        }
    };
    Ok(changed > 0)
}

fn read(cells: &mut Cells<'_, '_>) -> Result<Arc<Client>, Failure> {
    Ok(Arc::new(Client {
        id: cells.text("id", ClientId::parse)?,
        name: cells.take()?,
        version: cells.take::<i64>()?.cast_unsigned(),
        active: cells.take()?,
        auth_methods: auth_methods(&cells.texts("auth_methods")?)?,
        secrets: cells.text("secrets", ClientSecretRecord::all_from_json)?,
        grants: GrantTypes::of(cells.texts("grants")?),
        default_scope: cells.scope("default_scope")?,
        scope: cells.scope("scope")?,
        redirect_uris: cells.texts("redirect_uris")?,
        resources: cells.list("resources", ResourceUri::parse)?,
        audience: cells.list("audience", Audience::parse)?,
        access_token: AccessTokenRule {
            format: cells.optional_text("token_format", AccessTokenFormat::from_json)?,
            lifetime: cells.optional_lifetime("token_lifetime")?,
        },
        refresh: RefreshRule {
            policy: match cells.take::<Option<i64>>()? {
                Some(window) => RefreshPolicy::Rotate { window_seconds: small("refresh_window", window)? },
                None => RefreshPolicy::Static,
            },
            idle: cells.optional_lifetime("refresh_idle")?,
            absolute: cells.optional_lifetime("refresh_absolute")?,
        },
        networks: cells.take::<Option<String>>()?.map(|text| networks(&text)).transpose()?,
        acts_for: cells.list("acts_for", Subject::parse)?,
        json_bodies: cells.take()?,
        created_at: cells.time()?,
        updated_at: cells.time()?,
        extra: cells.extra()?,
    }))
}

fn auth_methods(names: &[String]) -> Result<AuthMethods, Failure> {
    let methods: Result<Vec<_>, _> =
        names.iter().map(|name| named("auth_methods", name, AuthMethod::from_name)).collect();
    Ok(AuthMethods::of(&methods?))
}

fn networks(text: &str) -> Result<Vec<IpNet>, Failure> {
    crate::codec::parsed_list("networks", text, str::parse)
}
