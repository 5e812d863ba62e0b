//! A sealing key in a file beside the database: made on first start, readable by its owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::generate::generate_derive_key;
use super::sealing::{InvalidSealingKey, SealingKey};
use crate::random::Entropy;

/// More than `id:base64` with the longest id needs.
const MAX_FILE: usize = 256;

impl SealingKey {
    /// Reads the key from a file, or makes both when there is no file.
    ///
    /// The file holds `id:base64` in one line. It is made whole and with mode 0600, and is on disk when this returns;
    /// of several processes that start at once, one makes it and all read the same key. Back it up apart from the
    /// database: without it the keys in the database are lost.
    ///
    /// # Errors
    /// [`InvalidSealingKey`]: `OpenToOthers` when anybody but the owner may open the file, `File` when the operating
    /// system refuses, and what [`parse`](Self::parse) says of a damaged file. A file that exists is never replaced.
    pub fn load_or_create(path: impl AsRef<Path>, entropy: &dyn Entropy) -> Result<Self, InvalidSealingKey> {
        let path = path.as_ref();
        if let Some(key) = load(path)? {
            return Ok(key);
        }
        let key = generate(entropy)?;
        create(path, &key).map_err(|source| file_error(path, source))?;
        // Whoever came first, what lies there now is the key.
        load(path)?.ok_or_else(|| file_error(path, ErrorKind::NotFound.into()))
    }
}

fn generate(entropy: &dyn Entropy) -> Result<SealingKey, InvalidSealingKey> {
    let mut name = [0; 9];
    entropy.fill(&mut name)?;
    SealingKey::new(&format!("file-{}", URL_SAFE_NO_PAD.encode(name)), *generate_derive_key(entropy)?)
}

fn load(path: &Path) -> Result<Option<SealingKey>, InvalidSealingKey> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(file_error(path, source)),
    };
    if is_open_to_others(&file).map_err(|source| file_error(path, source))? {
        return Err(InvalidSealingKey::OpenToOthers { path: path.display().to_string() });
    }
    // With the room at hand no half-read copy is left behind in memory.
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE));
    file.take(MAX_FILE as u64).read_to_string(&mut text).map_err(|source| file_error(path, source))?;
    SealingKey::parse(text.trim_end()).map(Some)
}

/// Writes the key to a file of its own and gives that its name only when it is whole and on disk: no reader ever sees
/// half a key. Linking, unlike renaming, never replaces a file that somebody else made meanwhile.
fn create(path: &Path, key: &SealingKey) -> io::Result<()> {
    let draft = draft_path(path, key.id());
    let linked = write_draft(&draft, key).and_then(|()| match fs::hard_link(&draft, path) {
        Err(why) if why.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    // A draft that stays is a nuisance, not a fault: it is as private as the key.
    let _ = fs::remove_file(&draft);
    linked.and_then(|()| sync_directory(path))
}

fn draft_path(path: &Path, id: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{id}.new"));
    PathBuf::from(name)
}

fn write_draft(path: &Path, key: &SealingKey) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(key.to_line().as_bytes())?;
    file.sync_all()
}

/// Makes the new name last over a power cut.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

/// Other systems keep the rights of a file in lists that the directory hands down; we do not judge them.
#[cfg(not(unix))]
fn is_open_to_others(_: &File) -> io::Result<bool> {
    Ok(false)
}

fn file_error(path: &Path, source: io::Error) -> InvalidSealingKey {
    InvalidSealingKey::File { path: path.display().to_string(), source }
}
