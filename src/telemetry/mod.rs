//! Logs: to standard error, pretty for people and JSON for machines. Figures for Prometheus are in `metrics`, spans for a collector
//! in `traces`.

pub mod metrics;
pub mod traces;

use std::io::IsTerminal as _;

use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

use crate::config::LogFormat;

/// Installs the subscriber. A filter that cannot be read falls back to `info`.
pub fn init(filter: &str, format: LogFormat, exporter: Option<&traces::Exporter>) {
    // Spans of statements are for traces; whoever wants them in the log names where they come from.
    let quiet = if filter.contains(traces::STATEMENTS) { "" } else { ",sea_orm::database=warn" };
    let filter = EnvFilter::try_new(format!("{filter}{quiet}"));
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(format!("info{quiet}")));
    let terminal = std::io::stderr().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none();
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colour);
    let pretty = match format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    let lines = if pretty {
        lines.with_target(false).boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(false).boxed()
    };
    // A second call, as tests make, leaves the first subscriber in place.
    let _ = match exporter {
        // One filter for everything lets whatever is not logged cost nothing.
        None => Registry::default().with(lines).with(filter).try_init(),
        Some(exporter) => {
            Registry::default().with(lines.with_filter(filter)).with(exporter.layer()).try_init()
        }
    };
}
