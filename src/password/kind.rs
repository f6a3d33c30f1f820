//! What the system is told of a thread that hashes, and what it says of one.

use std::time::Duration;

/// How much less the system thinks of a hash than of a request (`nice`).
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
/// Whether a thread can say that it runs when nothing else does. Other C libraries do not let it (musl), and other systems have
/// no such thing.
pub(super) const PATIENT: bool = cfg!(all(target_os = "linux", target_env = "gnu"));

/// What a thread is to the scheduler.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Runs when nothing else does.
    Patient,
    /// Has a small share of a busy processor.
    Steady,
}

impl Kind {
    /// Gives up the thread's place among those that want the processor, and says whether it could.
    pub(super) fn lower(self) -> bool {
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::nice(NICE) {
            tracing::debug!(%error, "hashes have the share of requests");
        }
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        if self == Self::Patient && scheduler::set_self_policy(scheduler::Policy::Idle, 0).is_err() {
            tracing::debug!("hashes stop for requests after some milliseconds, not at once");
            return false;
        }
        true
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

/// What this thread has had of the processor, where that matters.
pub(super) fn processor_time() -> Duration {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(time).unwrap_or_default()
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    Duration::ZERO
}
