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

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;
    use crate::random::SystemEntropy;

    /// A directory of its own, gone at the end of the test.
    struct Directory(PathBuf);

    impl Directory {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("oauth-core-{test}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn entries(&self) -> usize {
            fs::read_dir(&self.0).unwrap().count()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn load_or_create(path: &Path) -> Result<SealingKey, InvalidSealingKey> {
        SealingKey::load_or_create(path, &SystemEntropy::default())
    }

    #[test]
    fn the_first_start_makes_the_key_and_every_later_one_reads_it() {
        let directory = Directory::new("first");
        let path = directory.0.join("sealing.key");
        let first = load_or_create(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(load_or_create(&path).unwrap().to_line(), first.to_line());
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(bytes, first.to_line().as_bytes());
        assert_eq!(directory.entries(), 1, "no draft stays");
    }

    #[test]
    fn all_who_start_at_once_agree_on_one_key() {
        let directory = Directory::new("race");
        for round in 0..20 {
            let path = directory.0.join(round.to_string());
            let barrier = Barrier::new(8);
            let lines: Vec<_> = thread::scope(|scope| {
                let start = || {
                    barrier.wait();
                    load_or_create(&path).unwrap().to_line()
                };
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(lines.iter().all(|line| *line == lines[0]), "round {round}");
        }
        assert_eq!(directory.entries(), 20);
    }

    #[test]
    fn a_damaged_file_is_refused_and_kept() {
        let directory = Directory::new("damaged");
        let path = directory.0.join("sealing.key");
        load_or_create(&path).unwrap();
        for damaged in ["", "a:", "a:AQEB\n", &"x".repeat(1000), "a:\u{0}"] {
            fs::write(&path, damaged).unwrap();
            assert!(load_or_create(&path).is_err(), "{damaged}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error_that_names_the_file() {
        let text = load_or_create(Path::new("/nonexistent/sealing.key")).unwrap_err().to_string();
        assert!(text.contains("`/nonexistent/sealing.key`"), "{text}");
    }

    #[test]
    #[cfg(unix)]
    fn the_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = Directory::new("mode");
        let path = directory.0.join("sealing.key");
        load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        for mode in [0o604, 0o640, 0o602, 0o610, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let text = load_or_create(&path).unwrap_err().to_string();
            assert!(text.contains(&format!("`chmod 600 {}`", path.display())), "{text}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(load_or_create(&path).is_ok());
    }
}
