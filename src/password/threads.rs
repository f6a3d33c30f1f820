//! The threads that hash. They are no others' threads, and they yield to them: whoever waits for a hash waits a little longer,
//! and nobody else waits for hashes.
//!
//! A scheduler lets what it has begun run on for some milliseconds, however little it thinks of it. So there are two kinds of
//! threads. The patient ones hash when nothing else wants the processor, and stop at once for whatever does. Where that is
//! all the time they would never come to an end; the steady ones have a share even then. A hash that the patient ones have
//! not made in time is made by a steady one, and for a while all are.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

/// How much less the system thinks of a hash than of a request (`nice`).
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
/// How many times as long as the quickest a hash may take on a patient thread: with less than a thirtieth of a processor it would
/// not get as much as its `nice` gives a steady one.
const SLOWEST: u32 = 32;
/// How long a patient thread is waited for at least, however quick the quickest was.
const LEAST: Duration = Duration::from_millis(100);
/// How long nobody asks the patient ones once they were too slow.
const BUSY: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// A number of threads of each kind. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Threads {
    patient: Group,
    steady: Group,
    /// What the quickest hash took, in microseconds.
    quickest: AtomicU64,
    /// Until when the processor is taken to be busy.
    busy: Mutex<Option<Instant>>,
    least: Duration,
}

/// Threads of one kind with one queue.
#[derive(Debug)]
struct Group(Mutex<Sender<Job>>);

#[derive(Clone, Copy)]
enum Kind {
    Patient,
    Steady,
}

impl Threads {
    /// Starts so many of each kind. Once those of a kind have had nothing to do for so long, they do what `idle` says.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        count: usize,
        rest: Duration,
        idle: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let idle: Arc<dyn Fn() + Send + Sync> = Arc::new(idle);
        Ok(Self {
            patient: Group::start(Kind::Patient, count, rest, &idle)?,
            steady: Group::start(Kind::Steady, count, rest, &idle)?,
            quickest: AtomicU64::new(u64::MAX),
            busy: Mutex::default(),
            least: LEAST,
        })
    }

    /// Runs something on one of them, and says what it gave and how long that took; `None` where it panicked. It may be begun
    /// twice, on a thread of either kind, and only one of the answers counts.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Fn() -> T + Send + Sync + 'static,
    ) -> Option<(T, Duration)> {
        let work = Arc::new(work);
        let done = match self.patience() {
            None => self.steady.ask(&work).await,
            Some(patience) => match tokio::time::timeout(patience, self.patient.ask(&work)).await {
                Ok(done) => done,
                Err(_) => {
                    *self.busy() = Some(Instant::now() + BUSY);
                    self.steady.ask(&work).await
                }
            },
        };
        let (value, took) = done.ok()?;
        self.quickest.fetch_min(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        Some((value, took))
    }

    /// How long to wait for a patient thread; `None` where none is to be asked: while the processor is busy, and as long as
    /// nobody knows what a hash takes.
    fn patience(&self) -> Option<Duration> {
        let quickest = self.quickest.load(Ordering::Relaxed);
        if quickest == u64::MAX || self.busy().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        Some(Duration::from_micros(quickest).saturating_mul(SLOWEST).max(self.least))
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    fn start(
        kind: Kind,
        count: usize,
        rest: Duration,
        idle: &Arc<dyn Fn() + Send + Sync>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..count {
            let (receiver, idle) = (Arc::clone(&receiver), Arc::clone(idle));
            let thread = std::thread::Builder::new().name(format!("hash-{kind}-{number}"));
            thread.spawn(move || {
                kind.lower();
                work(&receiver, rest, &*idle);
            })?;
        }
        Ok(Self(Mutex::new(sender)))
    }

    /// What comes of it, and how long it took; an error where it panicked. What nobody waits for any more is not begun.
    fn ask<T: Send + 'static>(
        &self,
        work: &Arc<impl Fn() -> T + Send + Sync + 'static>,
    ) -> oneshot::Receiver<(T, Duration)> {
        let (done, doing) = oneshot::channel();
        let work = Arc::clone(work);
        let job = Box::new(move || {
            if done.is_closed() {
                return;
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "measures what a hash costs; decides nothing that is kept"
            )]
            let begun = std::time::Instant::now();
            let value = work();
            let _ = done.send((value, begun.elapsed()));
        });
        // Where there is no thread left the job is dropped, and its answer never comes.
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).send(job);
        doing
    }
}

impl Kind {
    /// Gives up the thread's place among those that want the processor.
    fn lower(self) {
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::nice(NICE) {
            tracing::debug!(%error, "hashes have the share of requests");
        }
        // Other C libraries do not let a thread say so (musl), and other systems have no such thing.
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        if matches!(self, Self::Patient) && scheduler::set_self_policy(scheduler::Policy::Idle, 0).is_err() {
            tracing::debug!("hashes stop for requests after some milliseconds, not at once");
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Patient => "patient",
            Self::Steady => "steady",
        })
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
    loop {
        let Some(job) = next(receiver, rest, idle) else { return };
        // A job that panics answers nobody, and the thread lives on.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Threads;

    /// Something to do that says on what thread it was done.
    fn name() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    async fn runs_on(threads: &Threads) -> String {
        let (name, _) = threads.run(name).await.unwrap();
        name.trim_start_matches("hash-").split('-').next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn after_a_while_without_a_job_they_say_that_they_are_idle_and_still_take_one() {
        let (said, idle) = channel();
        let say = move || {
            let _ = said.send(());
        };
        let threads = Threads::start(2, Duration::from_millis(1), say).unwrap();
        for n in 0..3 {
            idle.recv_timeout(Duration::from_secs(20)).unwrap();
            assert_eq!(threads.run(move || n).await.unwrap().0, n);
        }
    }

    #[tokio::test]
    async fn a_hash_that_is_not_made_in_time_is_made_by_a_steady_thread_and_so_are_all_for_a_while() {
        let mut threads = Threads::start(1, Duration::from_secs(60), || ()).unwrap();
        assert_eq!(runs_on(&threads).await, "steady", "nobody knows yet what one takes");

        // The patient thread gets no processor: it waits until this is over.
        let (over, held) = channel::<()>();
        let held = Mutex::new(held);
        let stuck = threads.patient.ask(&Arc::new(move || held.lock().unwrap().recv().is_err()));
        threads.least = Duration::from_millis(1);
        assert!(threads.patience().is_some());
        assert_eq!(runs_on(&threads).await, "steady", "it was not made in time");
        assert!(threads.patience().is_none(), "the processor is taken to be busy");

        drop(over);
        assert!(stuck.await.unwrap().0);
        *threads.busy() = Some(Instant::now());
        threads.least = Duration::from_secs(60);
        assert_eq!(runs_on(&threads).await, "patient", "it may be free again");
    }

    #[tokio::test]
    async fn one_that_panics_answers_nobody_and_its_thread_lives_on() {
        let threads = Threads::start(1, Duration::from_secs(60), || ()).unwrap();
        for _ in 0..3 {
            assert!(threads.run(|| -> () { panic!("on purpose") }).await.is_none());
            assert!(threads.run(|| ()).await.is_some());
        }
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[tokio::test]
    async fn t10_the_patient_ones_hash_when_nothing_else_wants_the_processor() {
        let threads = Threads::start(1, Duration::from_secs(60), || ()).unwrap();
        let idles = || Arc::new(|| matches!(scheduler::get_self_policy(), Ok(scheduler::Policy::Idle)));
        assert!(threads.patient.ask(&idles()).await.unwrap().0);
        assert!(!threads.steady.ask(&idles()).await.unwrap().0);
    }
}
