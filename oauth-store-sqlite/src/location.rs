//! From what the host wrote to a file of ours.

use std::fs::{Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::OpenError;

/// The file that a `sqlite:` URL or a plain path names.
///
/// # Errors
/// [`OpenError::Location`].
pub(crate) fn parse(given: &Path) -> Result<PathBuf, OpenError> {
    // A path that is not UTF-8 cannot be a URL.
    let Some(text) = given.to_str() else { return Ok(given.to_owned()) };
    let refuse = |reason| Err(OpenError::Location { text: text.to_owned(), reason });
    let path = match text.strip_prefix("sqlite:") {
        Some(rest) => {
            if rest.contains(['?', '#', '%']) {
                return refuse("a `sqlite:` URL is just `sqlite:PATH`, without parameters or escapes");
            }
            rest.strip_prefix("//").unwrap_or(rest)
        }
        None if has_scheme(text) => {
            return refuse("only `sqlite:PATH` and plain paths are known; write `./` before it");
        }
        None => text,
    };
    match path {
        "" => refuse("it is empty"),
        ":memory:" => refuse("for a store in memory use `oauth-store-memory`"),
        _ if path.contains('\0') => refuse("it holds a NUL"),
        _ => Ok(PathBuf::from(path)),
    }
}

/// Whether the text begins like a URL; one letter and a colon is a Windows drive.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else { return false };
    scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'))
}

/// Makes the file, if it is not there, so that only its owner can read it, and answers its canonical path.
///
/// SQLite gives `-wal` and `-shm` the mode of the main file. An existing file is never opened here: closing it again
/// would drop every POSIX lock that this process holds on it, also those of a live database.
pub(crate) fn create(path: &Path) -> Result<PathBuf, OpenError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(source) => return Err(OpenError::Io { path: path.to_owned(), source }),
    }
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let canonical = path.canonicalize().map_err(io)?;
    refuse_second_name(&canonical, &canonical.metadata().map_err(io)?)?;
    Ok(canonical)
}

/// SQLite names the log after the file: under two names one file would have two logs, and be corrupted.
#[cfg_attr(not(unix), expect(unused_variables, reason = "names are counted on unix only"))]
fn refuse_second_name(path: &Path, file: &Metadata) -> Result<(), OpenError> {
    #[cfg(unix)]
    if file.is_file() && std::os::unix::fs::MetadataExt::nlink(file) != 1 {
        let reason = "it has a second name (a hard link), and each name would have a log of its own; remove the other \
                      name, or use a copy of the file";
        return Err(OpenError::Location { text: path.display().to_string(), reason });
    }
    Ok(())
}

/// A file under its canonical path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    path: PathBuf,
    #[cfg(unix)]
    device_and_inode: (u64, u64),
}

impl Place {
    /// The file that lies there now. While it is held open nobody else gets its numbers.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        #[cfg(unix)]
        let device_and_inode = {
            use std::os::unix::fs::MetadataExt;
            let file = path.metadata()?;
            (file.dev(), file.ino())
        };
        Ok(Self {
            path: path.to_owned(),
            #[cfg(unix)]
            device_and_inode,
        })
    }

    /// Whether the same file lies there still; elsewhere than on unix nobody can tell, nor replace an open file.
    pub(crate) fn is_unchanged(&self) -> bool {
        Self::of(&self.path).is_ok_and(|now| now == *self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_plain_paths_name_files() {
        for (given, path) in [
            ("sqlite:a.db", "a.db"),
            ("sqlite:/v/a.db", "/v/a.db"),
            ("sqlite://a.db", "a.db"),
            ("sqlite:///v/a.db", "/v/a.db"),
            ("a.db", "a.db"),
            ("/v/50%?.db", "/v/50%?.db"),
            ("./x:y.db", "./x:y.db"),
            ("C:\\a.db", "C:\\a.db"),
        ] {
            assert_eq!(parse(Path::new(given)).unwrap(), Path::new(path), "{given}");
        }
    }

    #[test]
    fn everything_else_is_refused_in_words() {
        for (given, word) in [
            ("", "empty"),
            ("sqlite:", "empty"),
            ("sqlite://", "empty"),
            (":memory:", "oauth-store-memory"),
            ("sqlite::memory:", "oauth-store-memory"),
            ("sqlite://:memory:", "oauth-store-memory"),
            ("sqlite:a.db?mode=ro", "parameters"),
            ("sqlite:a%20b.db", "escapes"),
            ("postgres://h/d", "sqlite:PATH"),
            ("file:a.db", "sqlite:PATH"),
            ("SQLITE:a.db", "sqlite:PATH"),
            ("a\0b", "NUL"),
        ] {
            let error = parse(Path::new(given)).unwrap_err().to_string();
            assert!(error.contains(word), "{given:?}: {error}");
        }
    }
}
