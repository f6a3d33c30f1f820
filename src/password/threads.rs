//! The threads that hash. They are no others' threads, and they yield to them: whoever waits for a hash waits a little longer,
//! and nobody else waits for hashes.
//!
//! A scheduler lets what it has begun run on for some milliseconds, however little it thinks of it. So there are two kinds of
//! threads. The patient ones hash when nothing else wants the processor, and stop at once for whatever does. Where that is
//! all the time they would never come to an end; the steady ones have a share even then. A hash that a patient one has
//! not made in time is made by a steady one, as all are for a while; then one is tried by both kinds.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::kind::{Kind, PATIENT, processor_time};

/// How many times as long as it needs a hash may take on a patient thread: with less than a thirtieth of a processor it would
/// not get as much as its `nice` gives a steady one.
const SLOWEST: u32 = 32;
/// How long a patient thread is waited for at least, however little a hash needs.
const LEAST: Duration = Duration::from_millis(100);
/// How long it is waited for at the most, however much a hash needs.
const MOST: Duration = Duration::from_secs(2);
/// How long nobody asks the patient ones once they were too slow.
const BUSY: Duration = Duration::from_secs(10);

type Job<C> = Box<dyn FnOnce(&C) + Send>;
type Idle<C> = fn(&C);

/// A number of threads of each kind, each kind with something of its own. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Threads<C> {
    patient: Group<C>,
    steady: Group<C>,
    /// Microseconds of processor that the latest hash needed; 0 before the first.
    needed: AtomicU64,
    processor: Arc<Mutex<Processor>>,
    least: Duration,
}

/// What the processor is taken to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Processor {
    /// Patient threads get to hash.
    Free,
    /// They do not, until so late.
    Busy(Instant),
    /// Somebody tries whether they do.
    Tried,
    /// They are not patient.
    NoMatter,
}

/// Threads of one kind with one queue.
#[derive(Debug)]
struct Group<C>(Mutex<Sender<Job<C>>>);

/// What came of a hash.
#[derive(Debug)]
pub(super) struct Made<T> {
    pub(super) value: T,
    /// From beginning to end.
    pub(super) took: Duration,
    /// Of the processor.
    needed: Duration,
}

/// Whom a hash is asked of.
enum Ask {
    Patient(Duration),
    Steady,
    Both(Duration),
}

impl<C: Default + Send + Sync + 'static> Threads<C> {
    /// Starts so many of each kind. Once those of a kind have had nothing to do for so long, they do what `idle` says with what is
    /// their kind's own.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(count: usize, rest: Duration, idle: Idle<C>) -> std::io::Result<Arc<Self>> {
        let first = if PATIENT { Processor::Free } else { Processor::NoMatter };
        let processor = Arc::new(Mutex::new(first));
        let patient = if PATIENT { count } else { 0 };
        Ok(Arc::new(Self {
            patient: Group::start(Kind::Patient, patient, (rest, idle), &processor)?,
            steady: Group::start(Kind::Steady, count, (rest, idle), &processor)?,
            needed: AtomicU64::new(0),
            processor,
            least: LEAST,
        }))
    }

    /// Runs something on one of them with what is its kind's own; `None` where it panicked. It may be begun twice, on a thread of
    /// either kind, and only one of the answers counts.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Fn(&C) -> T + Send + Sync + 'static,
    ) -> Option<Made<T>> {
        let work = Arc::new(work);
        let made = match self.whom() {
            Ask::Steady => self.steady.ask(&work).await,
            Ask::Patient(patience) => match tokio::time::timeout(patience, self.patient.ask(&work)).await {
                Ok(made) => made,
                Err(_) => {
                    self.found(Processor::Busy(Instant::now() + BUSY));
                    self.steady.ask(&work).await
                }
            },
            Ask::Both(patience) => {
                let (threads, trying) = (Arc::clone(self), self.patient.ask(&work));
                tokio::spawn(async move {
                    let made = tokio::time::timeout(patience, trying).await;
                    let busy = Processor::Busy(Instant::now() + BUSY);
                    threads.found(if made.is_ok() { Processor::Free } else { busy });
                });
                self.steady.ask(&work).await
            }
        };
        let made = made.ok()?;
        let micros = u64::try_from(made.needed.as_micros()).unwrap_or(u64::MAX);
        self.needed.store(micros.max(1), Ordering::Relaxed);
        Some(made)
    }

    fn whom(&self) -> Ask {
        let needed = self.needed.load(Ordering::Relaxed);
        let patience = Duration::from_micros(needed).saturating_mul(SLOWEST).min(MOST).max(self.least);
        let mut processor = lock(&self.processor);
        match *processor {
            // Nobody knows yet how long to wait.
            Processor::Free if needed == 0 => Ask::Steady,
            Processor::Free => Ask::Patient(patience),
            Processor::Busy(until) if Instant::now() >= until => {
                *processor = Processor::Tried;
                Ask::Both(patience)
            }
            Processor::Busy(_) | Processor::Tried | Processor::NoMatter => Ask::Steady,
        }
    }

    fn found(&self, found: Processor) {
        let mut processor = lock(&self.processor);
        if *processor != Processor::NoMatter {
            *processor = found;
        }
    }
}

impl<C: Default + Send + Sync + 'static> Group<C> {
    fn start(
        kind: Kind,
        count: usize,
        (rest, idle): (Duration, Idle<C>),
        processor: &Arc<Mutex<Processor>>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = channel::<Job<C>>();
        let (receiver, own) = (Arc::new(Mutex::new(receiver)), Arc::new(C::default()));
        for number in 0..count {
            let (receiver, own, processor) = (Arc::clone(&receiver), Arc::clone(&own), Arc::clone(processor));
            let thread = std::thread::Builder::new().name(format!("hash-{kind}-{number}"));
            thread.spawn(move || {
                if !kind.lower() && kind == Kind::Patient {
                    *lock(&processor) = Processor::NoMatter;
                }
                work(&receiver, rest, idle, &own);
            })?;
        }
        Ok(Self(Mutex::new(sender)))
    }

    /// What comes of it; an error where it panicked. What nobody waits for any more is not begun.
    fn ask<T: Send + 'static>(
        &self,
        work: &Arc<impl Fn(&C) -> T + Send + Sync + 'static>,
    ) -> oneshot::Receiver<Made<T>> {
        let (done, doing) = oneshot::channel();
        let work = Arc::clone(work);
        let job = Box::new(move |own: &C| {
            if done.is_closed() {
                return;
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "measures what a hash costs; decides nothing that is kept"
            )]
            let begun = std::time::Instant::now();
            let before = processor_time();
            let value = work(own);
            let needed = processor_time().saturating_sub(before);
            let _ = done.send(Made { value, took: begun.elapsed(), needed });
        });
        // Where there is no thread left the job is dropped, and its answer never comes.
        let _ = lock(&self.0).send(job);
        doing
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next job; `None` when there will be none.
fn next<C>(receiver: &Mutex<Receiver<Job<C>>>, rest: Duration, idle: &dyn Fn()) -> Option<Job<C>> {
    // One waits for a job, the others for their turn to wait.
    let jobs = lock(receiver);
    loop {
        match jobs.recv_timeout(rest) {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Disconnected) => return None,
            // Another may have finished since the last time.
            Err(RecvTimeoutError::Timeout) => idle(),
        }
    }
}

fn work<C>(receiver: &Mutex<Receiver<Job<C>>>, rest: Duration, idle: Idle<C>, own: &C) {
    loop {
        let Some(job) = next(receiver, rest, &|| idle(own)) else { return };
        // A job that panics answers nobody, and the thread lives on.
        let _ = std::panic::catch_unwind(AssertUnwindSafe(|| job(own)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::Instant;

    use super::{Made, PATIENT, Processor, Threads, lock};

    const LONG: Duration = Duration::from_secs(600);

    /// Threads with nothing of their own, of which one of each kind hashes, once they have hashed.
    async fn threads() -> Threads<()> {
        let threads = Threads::start(1, LONG, |()| ()).unwrap();
        assert_eq!(runs_on(&threads).await, "steady", "nobody knows yet what one takes");
        Arc::into_inner(threads).unwrap()
    }

    async fn runs_on(threads: &Arc<Threads<()>>) -> String {
        let name = |(): &()| std::thread::current().name().unwrap_or_default().to_owned();
        let made = threads.run(name).await.unwrap();
        made.value.trim_start_matches("hash-").split('-').next().unwrap_or_default().to_owned()
    }

    /// Gives the patient thread no processor until what this returns is dropped.
    fn held(threads: &Threads<()>) -> (Sender<()>, oneshot::Receiver<Made<bool>>) {
        let (over, held) = channel::<()>();
        let held = Mutex::new(held);
        let stuck = threads.patient.ask(&Arc::new(move |(): &()| held.lock().unwrap().recv().is_err()));
        (over, stuck)
    }

    #[tokio::test]
    async fn after_a_while_without_a_job_they_say_that_they_are_idle_and_still_take_one() {
        #[derive(Default)]
        struct Said(Mutex<usize>, std::sync::Condvar);
        let idle = |said: &Said| {
            *said.0.lock().unwrap() += 1;
            said.1.notify_all();
        };
        let threads = Threads::start(2, Duration::from_millis(1), idle).unwrap();
        for _ in 0..3 {
            let often = threads.run(|said: &Said| {
                let before = *said.0.lock().unwrap();
                let more = said.1.wait_timeout_while(said.0.lock().unwrap(), LONG, |often| *often == before);
                *more.unwrap().0 > before
            });
            assert!(often.await.unwrap().value, "one hashes, the other is idle");
        }
    }

    #[tokio::test]
    async fn a_hash_that_is_not_made_in_time_is_made_by_a_steady_thread_and_so_are_all_for_a_while() {
        if !PATIENT {
            return;
        }
        let mut threads = threads().await;
        let held = held(&threads);
        threads.least = Duration::from_millis(1);
        let threads = Arc::new(threads);
        assert_eq!(*lock(&threads.processor), Processor::Free);
        assert_eq!(runs_on(&threads).await, "steady", "it was not made in time");
        assert!(matches!(*lock(&threads.processor), Processor::Busy(_)));
        assert_eq!(runs_on(&threads).await, "steady", "nobody waits in vain again");

        // While one is tried nobody waits for it, and nobody else tries.
        *lock(&threads.processor) = Processor::Busy(Instant::now());
        assert_eq!(runs_on(&threads).await, "steady");
        while *lock(&threads.processor) == Processor::Tried {
            assert_eq!(runs_on(&threads).await, "steady");
        }
        assert!(matches!(*lock(&threads.processor), Processor::Busy(_)), "it was too slow again");
        drop(held);
    }

    #[tokio::test]
    async fn once_a_patient_thread_is_quick_again_it_is_asked_again() {
        if !PATIENT {
            return;
        }
        let mut threads = threads().await;
        threads.least = LONG;
        let threads = Arc::new(threads);
        *lock(&threads.processor) = Processor::Busy(Instant::now());
        assert_eq!(runs_on(&threads).await, "steady");
        while *lock(&threads.processor) == Processor::Tried {
            // The patient thread needs the processor as well.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(*lock(&threads.processor), Processor::Free);
        assert_eq!(runs_on(&threads).await, "patient");
    }

    #[tokio::test]
    async fn where_threads_cannot_be_patient_only_steady_ones_are_asked() {
        let threads = Arc::new(threads().await);
        *lock(&threads.processor) = Processor::NoMatter;
        threads.found(Processor::Free);
        assert_eq!(runs_on(&threads).await, "steady");
    }

    #[tokio::test]
    async fn one_that_panics_answers_nobody_and_its_thread_lives_on() {
        let threads = Arc::new(threads().await);
        for _ in 0..3 {
            assert!(threads.run(|()| -> () { panic!("on purpose") }).await.is_none());
            assert!(threads.run(|()| ()).await.is_some());
        }
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[tokio::test]
    async fn t10_the_patient_ones_hash_when_nothing_else_wants_the_processor() {
        let threads = threads().await;
        let idles =
            || Arc::new(|(): &()| matches!(scheduler::get_self_policy(), Ok(scheduler::Policy::Idle)));
        assert!(threads.patient.ask(&idles()).await.unwrap().value);
        assert!(!threads.steady.ask(&idles()).await.unwrap().value);
    }
}
