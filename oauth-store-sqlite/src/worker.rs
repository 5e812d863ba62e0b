//! A thread whose end can be awaited without blocking an executor.

use std::io;
use std::thread::JoinHandle;

use futures_channel::oneshot;

#[derive(Debug)]
pub(crate) struct Worker {
    thread: JoinHandle<()>,
    ended: oneshot::Receiver<()>,
}

impl Worker {
    pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (alive, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _alive = alive;
            work();
        })?;
        Ok(Self { thread, ended })
    }

    /// Waits until the work is over and what it owned was dropped, by panic too.
    pub(crate) async fn end(self) {
        // Nothing is ever sent: the wait ends when the thread lets go of the other half, as its last act.
        let _ = self.ended.await;
        let _ = self.thread.join();
    }
}
