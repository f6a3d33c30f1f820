//! The threads that hash. They are no others' threads, and they yield to them: whoever waits for a hash waits a little longer,
//! and nobody else waits for hashes.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// How much less the system thinks of a hash than of a request (`nice`).
#[cfg(target_os = "linux")]
const YIELDING: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// A number of threads with one queue. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Threads(Mutex<Sender<Job>>);

impl Threads {
    /// Starts them.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(count: usize) -> std::io::Result<Self> {
        let (sender, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..count {
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new().name(format!("hash-{number}")).spawn(move || work(&receiver))?;
        }
        Ok(Self(Mutex::new(sender)))
    }

    /// Runs something on one of them; `None` where it panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (done, doing) = oneshot::channel();
        let job = Box::new(move || {
            let _ = done.send(work());
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).send(job).ok()?;
        doing.await.ok()
    }
}

fn work(receiver: &Mutex<Receiver<Job>>) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(YIELDING) {
        tracing::debug!(%error, "hashes do not yield to requests");
    }
    loop {
        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A job that panics answers nobody, and the thread lives on.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(job));
    }
}
