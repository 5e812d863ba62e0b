//! The threads and connections of one file, shared by every [`Database`](crate::Database) that names it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::location::Place;
use crate::reader::Readers;
use crate::writer::Writer;
use crate::{OpenError, connection, migrate};

/// The engines of this process by canonical path: one writer for each file.
static ENGINES: Mutex<BTreeMap<PathBuf, Weak<Engine>>> = Mutex::new(BTreeMap::new());

/// The fewest and the most reading threads; between them it is one for each core.
const READERS: std::ops::RangeInclusive<usize> = 2..=4;

#[derive(Debug)]
pub(crate) struct Engine {
    place: Place,
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
}

impl Engine {
    /// The running engine of this file, or a new one; also when a panic ended the threads of the one there was, or
    /// another file took the place of its own. `path` is canonical.
    pub(crate) fn of(path: &Path) -> Result<Arc<Self>, OpenError> {
        let place = Place::of(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        // A panic under the lock leaves a map that is still true.
        let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = engines.get(path).and_then(Weak::upgrade)
            && engine.is_alive()
            && engine.place == place
        {
            return Ok(engine);
        }
        let engine = Arc::new(Self::start(path, place)?);
        engines.retain(|_, engine| engine.strong_count() > 0);
        engines.insert(path.to_owned(), Arc::downgrade(&engine));
        Ok(engine)
    }

    fn start(path: &Path, place: Place) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        let writing = migrate::open_migrated(path)?;
        let count = std::thread::available_parallelism().map_or(*READERS.start(), usize::from);
        let reading: Result<_, _> =
            (0..count.clamp(*READERS.start(), *READERS.end())).map(|_| open_reader(path)).collect();
        let readers = Readers::start(reading?).map_err(io)?;
        let writer = Writer::start(writing, place.clone()).map_err(io)?;
        Ok(Self { place, writer, readers })
    }

    fn is_alive(&self) -> bool {
        self.writer.is_alive() && self.readers.is_alive()
    }

    /// Finishes what was accepted. The writer goes last: the last connection to close folds the WAL into the file.
    pub(crate) async fn end(self) {
        let Self { place: _, writer, readers } = self;
        readers.end().await;
        writer.end().await;
    }
}

fn open_reader(path: &Path) -> Result<rusqlite::Connection, OpenError> {
    let open = || {
        let connection = connection::open(path)?;
        connection::configure(&connection)?;
        connection::read_only(&connection)?;
        Ok(connection)
    };
    open().map_err(|error| OpenError::sqlite(path, error))
}
