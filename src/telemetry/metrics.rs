//! Figures for Prometheus. Every name that is given out is a constant of this file, and every label has few values: no
//! address, user, tenant or text of a client is ever one.
//!
//! Until an [`Exporter`] is installed, counting costs next to nothing and is forgotten.

use std::time::Duration;

use metrics::{Unit, counter, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Requests by method, route and status, in seconds until the answer began (OpenTelemetry's name).
const REQUESTS: &str = "http_server_request_duration_seconds";
const OPERATIONS: &str = "guestlist_graphql_operations_total";
const ERRORS: &str = "guestlist_graphql_errors_total";
const SUBSCRIPTIONS: &str = "guestlist_graphql_subscriptions";
const EVENTS: &str = "guestlist_events_total";
const MAILS: &str = "guestlist_mail_total";
const QUEUE: &str = "guestlist_mail_queue_depth";
const OLDEST: &str = "guestlist_mail_oldest_queued_seconds";
const HELD: &str = "guestlist_mail_held";
const WEBHOOKS: &str = "guestlist_webhook_total";
const HASHES: &str = "guestlist_password_hash_seconds";
const LIMITED: &str = "guestlist_rate_limited_total";
const JOB_SUCCESS: &str = "guestlist_job_last_success_timestamp_seconds";
const JOB_FAILURES: &str = "guestlist_job_failures_total";
const DATABASE_BYTES: &str = "guestlist_sqlite_bytes";
const BUILD: &str = "guestlist_build_info";

enum Kind {
    Counter,
    Gauge(Unit),
    Histogram,
}

/// Every figure of ours: name, kind and what it says.
const FIGURES: &[(&str, Kind, &str)] = &[
    (REQUESTS, Kind::Histogram, "Seconds until the answer of a request began."),
    (OPERATIONS, Kind::Counter, "Operations executed; outcome is ok or the code of the first error."),
    (ERRORS, Kind::Counter, "Errors at the top of a GraphQL answer, refused documents among them."),
    (SUBSCRIPTIONS, Kind::Gauge(Unit::Count), "Subscriptions that are open."),
    (EVENTS, Kind::Counter, "Committed events of the audit log that this process sealed."),
    (MAILS, Kind::Counter, "Attempts to send a mail and how they ended."),
    (QUEUE, Kind::Gauge(Unit::Count), "Mails that wait for an attempt."),
    (OLDEST, Kind::Gauge(Unit::Seconds), "Age of the mail that has waited longest."),
    (HELD, Kind::Gauge(Unit::Count), "1 while all mail is held back."),
    (WEBHOOKS, Kind::Counter, "Attempts to post an event to an endpoint and how they ended."),
    (HASHES, Kind::Histogram, "Seconds that a password hash took once it had begun."),
    (LIMITED, Kind::Counter, "Attempts that a limit refused."),
    (JOB_SUCCESS, Kind::Gauge(Unit::Seconds), "When a task last went well, in seconds since 1970."),
    (JOB_FAILURES, Kind::Counter, "Runs of a task that failed."),
    (DATABASE_BYTES, Kind::Gauge(Unit::Bytes), "Size of the SQLite file and of its write-ahead log."),
    (BUILD, Kind::Gauge(Unit::Count), "1, with the version as a label."),
];

/// Bounds of the buckets, in seconds.
const REQUEST_BUCKETS: [f64; 12] = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const HASH_BUCKETS: [f64; 8] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0];

/// Names of every figure, for the documentation.
pub fn names() -> impl Iterator<Item = &'static str> {
    FIGURES.iter().map(|(name, ..)| *name)
}

/// What gives out the figures of this process.
#[derive(Clone)]
pub struct Exporter {
    handle: PrometheusHandle,
    process: metrics_process::Collector,
}

impl std::fmt::Debug for Exporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

impl Exporter {
    /// Begins to count, for the whole process.
    ///
    /// # Errors
    /// When something counts already.
    pub fn install() -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(REQUESTS.to_owned()), &REQUEST_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full(HASHES.to_owned()), &HASH_BUCKETS)?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)?;
        for (name, kind, said) in FIGURES {
            match kind {
                Kind::Counter => metrics::describe_counter!(*name, *said),
                Kind::Gauge(unit) => metrics::describe_gauge!(*name, *unit, *said),
                Kind::Histogram => metrics::describe_histogram!(*name, Unit::Seconds, *said),
            }
        }
        gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1);
        let process = metrics_process::Collector::default();
        process.describe();
        Ok(Self { handle, process })
    }

    /// The figures in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.process.collect();
        self.handle.render()
    }

    /// Puts what was measured into its buckets, so that it takes no room until somebody asks; to be called every few seconds.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// A request was answered.
pub fn request(method: &'static str, route: &'static str, status: u16, took: Duration) {
    histogram!(
        REQUESTS,
        "http_request_method" => method, "http_route" => route, "http_response_status_code" => status.to_string()
    )
    .record(took.as_secs_f64());
}

/// An operation was executed: its kind, its first root field, and `ok` or a code of the schema.
pub fn operation(kind: &'static str, field: String, outcome: &'static str) {
    counter!(OPERATIONS, "type" => kind, "operation" => field, "outcome" => outcome).increment(1);
}

/// An error stands at the top of an answer.
pub fn error(code: impl Into<metrics::SharedString>) {
    counter!(ERRORS, "code" => code.into()).increment(1);
}

/// A subscription that is open for as long as this lives.
#[derive(Debug)]
pub struct Open(());

impl Open {
    /// Counts it.
    #[must_use]
    pub fn subscription() -> Self {
        gauge!(SUBSCRIPTIONS).increment(1);
        Self(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        gauge!(SUBSCRIPTIONS).decrement(1);
    }
}

/// An event was committed and sealed.
pub fn event(kind: String) {
    counter!(EVENTS, "kind" => kind).increment(1);
}

/// An attempt to send a mail ended.
pub fn mail(template: String, outcome: String) {
    counter!(MAILS, "template" => template, "outcome" => outcome).increment(1);
}

/// What waits to be sent: how many mails, for how long the oldest, and whether all of it is held back.
pub fn mail_queue(depth: u64, oldest: Duration, held: bool) {
    gauge!(QUEUE).set(depth as f64);
    gauge!(OLDEST).set(oldest.as_secs_f64());
    gauge!(HELD).set(if held { 1 } else { 0 });
}

/// An attempt to post an event to an endpoint ended.
pub fn webhook(outcome: String) {
    counter!(WEBHOOKS, "outcome" => outcome).increment(1);
}

/// A password was hashed.
pub fn hash(took: Duration) {
    histogram!(HASHES).record(took.as_secs_f64());
}

/// A limit refused attempts.
pub fn limited(bucket: &'static str, attempts: u64) {
    counter!(LIMITED, "bucket" => bucket).increment(attempts);
}

/// A task ran.
pub fn job(name: &'static str, succeeded_at: Option<chrono::DateTime<chrono::Utc>>) {
    match succeeded_at {
        Some(at) => gauge!(JOB_SUCCESS, "task" => name).set(at.timestamp_millis() as f64 / 1_000.0),
        None => counter!(JOB_FAILURES, "task" => name).increment(1),
    }
}

/// Sizes of a SQLite database's files.
pub fn sqlite(file: &'static str, bytes: u64) {
    gauge!(DATABASE_BYTES, "file" => file).set(bytes as f64);
}
