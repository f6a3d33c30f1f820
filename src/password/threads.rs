//! The threads that hash. They are no others' threads, and they yield to them: whoever waits for a hash waits a little longer,
//! and nobody else waits for hashes.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// How much less the system thinks of a hash than of a request (`nice`).
#[cfg(target_os = "linux")]
const YIELDING: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// A number of threads with one queue. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Threads(Mutex<Sender<Job>>);

impl Threads {
    /// Starts them. Once they have had nothing to do for so long, they do what `idle` says.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        count: usize,
        rest: Duration,
        idle: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        let idle: Arc<dyn Fn() + Send + Sync> = Arc::new(idle);
        for number in 0..count {
            let (receiver, idle) = (Arc::clone(&receiver), Arc::clone(&idle));
            let thread = std::thread::Builder::new().name(format!("hash-{number}"));
            thread.spawn(move || work(&receiver, rest, &*idle))?;
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

/// The next job; `None` when there will be none.
fn next(receiver: &Mutex<Receiver<Job>>, rest: Duration, idle: &dyn Fn()) -> Option<Job> {
    // One waits for a job, the others for their turn to wait.
    let jobs = receiver.lock().unwrap_or_else(PoisonError::into_inner);
    match jobs.recv_timeout(rest) {
        Ok(job) => return Some(job),
        Err(RecvTimeoutError::Disconnected) => return None,
        Err(RecvTimeoutError::Timeout) => idle(),
    }
    jobs.recv().ok()
}

fn work(receiver: &Mutex<Receiver<Job>>, rest: Duration, idle: &dyn Fn()) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(YIELDING) {
        tracing::debug!(%error, "hashes do not yield to requests");
    }
    loop {
        let Some(job) = next(receiver, rest, idle) else { return };
        // A job that panics answers nobody, and the thread lives on.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::Threads;

    #[tokio::test]
    async fn after_a_while_without_a_job_they_say_that_they_are_idle_and_still_take_one() {
        let (said, idle) = channel();
        let say = move || {
            let _ = said.send(());
        };
        let threads = Threads::start(2, Duration::from_millis(1), say).unwrap();
        for n in 0..3 {
            idle.recv_timeout(Duration::from_secs(20)).unwrap();
            assert_eq!(threads.run(move || n).await, Some(n));
        }
    }
}
