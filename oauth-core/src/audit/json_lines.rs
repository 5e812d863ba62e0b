//! The trail as text: one JSON object in each line, of a file or of anything else that can be written to.

mod lines;
mod queue;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use self::lines::Lines;
use self::queue::Queue;
use super::{AuditLost, AuditSink, Event};

/// Writes [`Event::to_json`] and a line feed for each event, on a thread of its own.
///
/// Recording takes a copy into a queue and never waits. The thread writes what has gathered, and flushes when the queue runs
/// empty. Nothing is written twice or cut off, however little is written at once.
///
/// *A full queue* loses the event: it is counted, and the log (target `oauth`) told once a minute how many.
/// *While writing fails* (a full disk), every event is lost and makes the thread try again; what was accepted before waits, and
/// is written as soon as writing works.
///
/// This is a log and not a ledger: what was written is with the operating system, not yet on the disk.
///
/// ```no_run
/// use std::sync::Arc;
/// use oauth_core::audit::JsonLines;
///
/// let trail = Arc::new(JsonLines::append("audit.jsonl")?);
/// // AuthorizationServer::builder(…).audit(trail.clone()) … and when the server has been shut down:
/// trail.close();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct JsonLines {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl JsonLines {
    /// How many events may wait for a file: 8,192, usually in some megabytes, at the very most in some 40.
    pub const QUEUE: usize = 8192;

    /// Writes to a file, behind what it holds; makes it, for the owner only (mode 0600), if it is not there.
    ///
    /// One process writes to one file. When another program moves the file away, its new name goes on being written;
    /// programs that rotate logs must copy and truncate it instead.
    ///
    /// # Errors
    /// What the operating system says when the file cannot be opened or the thread not be started.
    pub fn append(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::to(open(path.as_ref())?, Self::QUEUE)
    }

    /// Writes to anything, with room for so many waiting events (0 is taken as 1). The writer needs no buffer of its own;
    /// what it took counts as written. It is dropped at the end.
    ///
    /// # Errors
    /// What the operating system says when the thread cannot be started.
    pub fn to(writer: impl Write + Send + 'static, queue: usize) -> io::Result<Self> {
        let queue = Arc::new(Queue::of(queue));
        let serving = Arc::clone(&queue);
        let serve = move || serve(Lines::to(writer), &serving);
        let thread = std::thread::Builder::new().name("oauth-audit".to_owned()).spawn(serve)?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    /// How many events were lost so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.queue.losses.total()
    }

    /// Takes no more events, and blocks until all that were accepted are written, or the last attempt to write them
    /// failed: then they are lost. Dropping does the same. Repeating it is harmless.
    ///
    /// Call it when the server has been shut down.
    pub fn close(&self) {
        self.queue.close();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // A writer that panicked has lost what the queue counts.
            let _ = thread.join();
        }
    }
}

impl AuditSink for JsonLines {
    fn record(&self, event: &Event) -> Result<(), AuditLost> {
        self.queue.push(event.clone()).map_err(|why| {
            self.queue.losses.count(1, &why, event.at);
            AuditLost
        })
    }

    fn ready(&self) -> Result<(), AuditLost> {
        if self.queue.ready() { Ok(()) } else { Err(AuditLost) }
    }
}

impl Drop for JsonLines {
    fn drop(&mut self) {
        self.close();
    }
}

/// Writes until the queue is closed and empty, or until writing fails when it is closed.
fn serve(mut lines: Lines<impl Write>, queue: &Queue) {
    let _counts_the_rest = queue.served();
    loop {
        let batch = queue.take();
        let Some(at) = batch.back().map(|event| event.at) else { return };
        batch.iter().for_each(|event| lines.push(&event.to_json()));
        while let Err(error) = lines.write(queue.is_empty()) {
            if !queue.wait_to_try_again(lines.unwritten(), &error) {
                return;
            }
        }
        queue.written();
        queue.losses.remind(at);
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    if file.metadata()?.is_file() && !ends_a_line(path)? {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// Whether the file is empty or ends with a line feed: a process that was killed may have left half a line.
fn ends_a_line(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests;
