//! The stores that every row runs on.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth_core::store::{
    ClientRegistry, ClientStore, FoundFamily, GrantStore, KeyMaterial, KeyStore, SecretHash, User, UserStore,
};
use oauth_core::types::{Subject, TokenDigest};
use oauth_store_memory::MemoryStore;
use oauth_store_sqlite::SqliteStore;
use oauth_testkit::block_on;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// A directory of its own for each test, gone at its end.
pub(crate) struct Directory {
    path: PathBuf,
    is_ours: bool,
}

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("oauth-http-actix-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self { path, is_ours: true }
    }

    /// That of the process that started this one, which stays.
    pub(crate) const fn of_another_process(path: PathBuf) -> Self {
        Self { path, is_ours: false }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

pub(crate) trait Backend:
    ClientStore + ClientRegistry + UserStore + KeyStore + GrantStore + Clone + 'static
{
    /// Whether a commit costs a disk write, so that a test makes fewer.
    const IS_DURABLE: bool;

    fn open(directory: &Directory) -> Self;

    /// The same rows through a handle of their own, where the store has such.
    fn open_again(&self, directory: &Directory) -> Self;

    fn add_user(&self, user: User, logins: &[&str]);

    fn set_active(&self, subject: &Subject, active: bool);

    /// The count of every account, where the store can be read past its interface.
    fn strikes(&self, directory: &Directory) -> Option<Vec<i64>>;

    /// Everything that somebody who stole the store would hold; `tokens` helps a store that cannot list its tokens.
    fn dump(&self, directory: &Directory, issuer: &str, tokens: &[String]) -> Vec<u8>;
}

impl Backend for MemoryStore {
    const IS_DURABLE: bool = false;

    fn open(_: &Directory) -> Self {
        Self::new()
    }

    fn open_again(&self, _: &Directory) -> Self {
        self.clone()
    }

    fn add_user(&self, user: User, logins: &[&str]) {
        let _ = self.insert_user(user, logins.iter().copied()).unwrap();
    }

    fn set_active(&self, subject: &Subject, active: bool) {
        assert!(self.set_user_active(subject, active).unwrap());
    }

    fn strikes(&self, _: &Directory) -> Option<Vec<i64>> {
        None
    }

    fn dump(&self, _: &Directory, issuer: &str, tokens: &[String]) -> Vec<u8> {
        let mut dump = Vec::new();
        for client in block_on(self.page(None, 1_000)).unwrap() {
            dump.extend(format!("{client:?}").into_bytes());
            for secret in &client.secrets {
                match &secret.hash {
                    SecretHash::Generated(digest) => dump.extend(digest.as_bytes()),
                    SecretHash::Chosen(hash) => dump.extend(hash.as_phc().as_bytes()),
                }
            }
        }
        for key in block_on(self.load(issuer)).unwrap() {
            dump.extend(format!("{key:?}").into_bytes());
            if let KeyMaterial::Sealed(bytes) = &key.material {
                dump.extend(bytes);
            }
        }
        for token in tokens {
            let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
            let digest = TokenDigest::from_bytes(digest.as_ref().try_into().unwrap());
            if let Some(found) = block_on(self.find_access_token(&digest)).unwrap() {
                dump.extend(format!("{:?}", found.token).into_bytes());
                dump.extend(found.token.digest.as_bytes());
                dump.extend(found.token.extra.as_bytes());
            }
            if let Some(found) = block_on(self.find_code(&digest)).unwrap() {
                dump.extend(format!("{found:?}").into_bytes());
                dump.extend(found.code.digest.as_bytes());
                dump.extend(found.code.extra.as_bytes());
            }
            if let Some(found) = block_on(self.find_request(&digest, None)).unwrap() {
                let request = found.request;
                dump.extend(format!("{request:?}").into_bytes());
                dump.extend(request.handle.as_bytes());
                dump.extend(request.browser.iter().flat_map(|digest| digest.as_bytes()));
                dump.extend(request.request.as_bytes());
            }
            let handle = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| bytes.get(..8)?.try_into().ok());
            let found = handle.and_then(|handle: [u8; 8]| block_on(self.find_by_handle(&handle)).unwrap());
            if let Some(FoundFamily { family, .. }) = found {
                dump.extend(format!("{family:?}").into_bytes());
                dump.extend(family.extra.as_bytes());
                let state = family.refresh.expect("it was found by its handle");
                dump.extend(state.current_digest.as_bytes());
                dump.extend(state.previous_digest.iter().flat_map(|digest| digest.as_bytes()));
                dump.extend(state.salt.iter().flat_map(|salt| salt.bytes));
            }
            if let Some(user) = block_on(self.find_by_login(token)).unwrap() {
                dump.extend(format!("{user:?}").into_bytes());
            }
        }
        dump
    }
}

impl Backend for SqliteStore {
    const IS_DURABLE: bool = true;

    fn open(directory: &Directory) -> Self {
        Self::open(directory.path().join("oauth.db")).unwrap()
    }

    fn open_again(&self, directory: &Directory) -> Self {
        <Self as Backend>::open(directory)
    }

    fn add_user(&self, user: User, logins: &[&str]) {
        let _ = block_on(self.insert_user(user, logins)).unwrap();
    }

    fn set_active(&self, subject: &Subject, active: bool) {
        assert!(block_on(self.set_user_active(subject, active)).unwrap());
    }

    fn strikes(&self, directory: &Directory) -> Option<Vec<i64>> {
        let file = Connection::open(directory.path().join("oauth.db")).unwrap();
        let mut rows = file.prepare("SELECT strikes FROM strike ORDER BY strikes").unwrap();
        let counts = rows.query_map([], |row| row.get(0)).unwrap();
        Some(counts.map(Result::unwrap).collect())
    }

    /// The files as they lie there, with what was overwritten and not collected yet, and every cell of every table.
    fn dump(&self, directory: &Directory, _: &str, _: &[String]) -> Vec<u8> {
        let files = std::fs::read_dir(directory.path()).unwrap();
        let mut dump: Vec<u8> = files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        let file = Connection::open(directory.path().join("oauth.db")).unwrap();
        let mut tables = file.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
        let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert!(tables.len() > 5, "{tables:?}");
        for table in tables {
            let mut rows = file.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = rows.column_count();
            let mut rows = rows.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                for column in 0..columns {
                    if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = row.get_ref(column).unwrap() {
                        dump.extend(bytes);
                    }
                    dump.push(b'\n');
                }
            }
        }
        dump
    }
}
