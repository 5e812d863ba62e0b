//! A disk that fails when it is told: `disk/faults.c`, preloaded into a child process. On Linux only, where the store
//! meets the same code of SQLite as elsewhere.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

const CONTROL: &str = "OAUTH_TEST_FAULTS";

/// No space left on the device; an I/O error. The numbers are Linux's.
pub(crate) const ENOSPC: i32 = 28;
pub(crate) const EIO: i32 = 5;
/// Death by SIGKILL.
pub(crate) const DEATH: i32 = -1;
/// How many fail when the disk does not work again by itself.
pub(crate) const FOR_EVER: u32 = 1_000_000;

/// Compiles the faults into a directory, by the compiler that SQLite was built with; what to set in the environment of
/// a process that shall have them.
pub(crate) fn faults(directory: &Path) -> Vec<(String, String)> {
    let library = directory.join("faults.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disk/faults.c");
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let compiled =
        Command::new(compiler).args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).args([&library, &source]).status();
    assert!(compiled.unwrap().success(), "the faults do not compile");
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    vec![("LD_PRELOAD".to_owned(), text(library)), (CONTROL.to_owned(), text(directory.join("control")))]
}

/// What is to fail in a process that has this environment, written down before it starts.
pub(crate) fn plan(environment: &[(String, String)], first: u32, count: u32, what: i32) {
    let (_, control) = environment.iter().find(|(name, _)| name == CONTROL).unwrap();
    write(Path::new(control), first, count, what);
}

/// The disk of this process.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// `None` in a process without the faults.
    pub(crate) fn of_this_process() -> Option<Self> {
        env::var_os(CONTROL).map(|control| Self(control.into()))
    }

    /// From the n-th write on, from 1, so many fail.
    pub(crate) fn fail(&self, first: u32, count: u32, what: i32) {
        let _ = fs::remove_file(self.hits_file());
        write(&self.0, first, count, what);
    }

    pub(crate) fn work(&self) {
        write(&self.0, 0, 0, 0);
    }

    /// How many writes failed since the last order to.
    pub(crate) fn hits(&self) -> u64 {
        fs::metadata(self.hits_file()).map_or(0, |hits| hits.len())
    }

    fn hits_file(&self) -> PathBuf {
        self.0.with_extension("hits")
    }
}

fn write(control: &Path, first: u32, count: u32, what: i32) {
    static GENERATION: AtomicU32 = AtomicU32::new(1);
    let generation = GENERATION.fetch_add(1, Ordering::Relaxed);
    // renamed, so that nobody reads half of it
    let new = control.with_extension("new");
    fs::write(&new, format!("{generation} {first} {count} {what}")).unwrap();
    fs::rename(&new, control).unwrap();
}
