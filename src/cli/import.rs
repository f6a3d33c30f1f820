//! Inviting everybody in a file.

use std::io::{IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::json;

use super::admin::tenant_of;
use super::output::{say, say_json, talk};
use super::{Failure, Outcome, open};
use crate::actor::Actor;
use crate::config::Options;
use crate::id::TypedId as _;
use crate::invitation::service::{self as invitation, Outcome as RowOutcome, Row, RowResult};

/// Rows that one transaction invites; the bar moves on after each.
const BATCH: usize = 200;

/// A file of people, and what goes for all of them.
pub(super) struct List {
    pub(super) file: PathBuf,
    pub(super) tenant: String,
    pub(super) role: String,
    pub(super) note: Option<String>,
    pub(super) dry_run: bool,
}

/// A line of the file.
#[derive(Debug, Deserialize)]
struct Line {
    email: String,
    name: Option<String>,
    role: Option<String>,
    note: Option<String>,
    locale: Option<String>,
    metadata: Option<String>,
}

pub(super) async fn invite(options: &Options, list: &List, json: bool) -> Outcome {
    let rows = read(list)?;
    let app = open(options).await?;
    let tenant = tenant_of(&app, &list.tenant).await?;
    let operator = Actor::operator();
    let bar = progress(rows.len());
    let mut results: Vec<RowResult> = Vec::with_capacity(rows.len());
    // A dry run goes through in one piece, so that rows see what the rows before them would do.
    let batch = if list.dry_run { rows.len().max(1) } else { BATCH };
    for batch in rows.chunks(batch) {
        let done = invitation::invite_rows(&app, &operator, Some(tenant.id), batch, list.dry_run).await;
        let before = results.len();
        match done {
            Ok(done) => results.extend(done.into_iter().map(|r| RowResult { row: r.row + before, ..r })),
            Err(error) => {
                bar.abandon();
                show(&results, json);
                talk(format_args!("{before} of {} rows were looked at before it failed.", rows.len()));
                return Err(error.into());
            }
        }
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    show(&results, json);
    summarise(&results, list.dry_run)
}

fn read(list: &List) -> Result<Vec<Row>, Failure> {
    let bad = |message: String| Failure::new(Failure::USAGE, message);
    let shown = list.file.display();
    let source: Box<dyn Read> = if list.file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(&list.file).map_err(|e| bad(format!("cannot read {shown}: {e}")))?)
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(source);
    let headers = reader.headers().map_err(|e| bad(format!("{shown}: {e}")))?.clone();
    let known = ["email", "name", "role", "note", "locale", "metadata"];
    // Spreadsheets put a mark in front of the first name.
    let names: Vec<String> =
        headers.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_lowercase()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(bad(format!("{shown}: no column is called {unknown:?}; there are {}", known.join(", "))));
    }
    if !names.iter().any(|name| name == "email") {
        return Err(bad(format!("{shown}: the first line names the columns, and one of them is email")));
    }
    let names = csv::StringRecord::from(names);
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|e| bad(format!("{shown}: {e}")))?;
        let line: Line = record.deserialize(Some(&names)).map_err(|e| bad(format!("{shown}: {e}")))?;
        let metadata = line.metadata.filter(|text| !text.is_empty());
        let metadata = metadata.map(|text| serde_json::from_str(&text)).transpose();
        let metadata = metadata
            .map_err(|e| bad(format!("{shown}: the metadata of row {} is no JSON: {e}", index + 1)))?;
        rows.push(Row {
            email: line.email,
            name: line.name,
            role_key: line.role.filter(|role| !role.is_empty()).unwrap_or_else(|| list.role.clone()),
            note: line.note.filter(|note| !note.is_empty()).or_else(|| list.note.clone()),
            metadata,
            locale: line.locale,
        });
    }
    Ok(rows)
}

/// A bar on a terminal, nothing elsewhere.
fn progress(rows: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(rows as u64);
    match ProgressStyle::with_template("{bar:40} {pos}/{len} rows, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn name(outcome: RowOutcome) -> &'static str {
    match outcome {
        RowOutcome::WillInvite => "WILL_INVITE",
        RowOutcome::Invited => "INVITED",
        RowOutcome::AlreadyMember => "ALREADY_MEMBER",
        RowOutcome::Pending => "PENDING",
        RowOutcome::PendingWithOtherRole => "PENDING_WITH_OTHER_ROLE",
        RowOutcome::DuplicateInBatch => "DUPLICATE_IN_BATCH",
        RowOutcome::RoleNotAllowed => "ROLE_NOT_ALLOWED",
        RowOutcome::InvalidEmail => "INVALID_EMAIL",
        RowOutcome::InvalidRow => "INVALID_ROW",
        RowOutcome::OverQuota => "OVER_QUOTA",
    }
}

fn show(results: &[RowResult], json: bool) {
    if json {
        let rows: Vec<_> = results
            .iter()
            .map(|result| {
                json!({
                    "row": result.row + 1,
                    "email": result.email,
                    "outcome": name(result.outcome),
                    "message": result.message,
                    "invitationId": result.invitation.as_ref().map(|row| row.id.global()),
                })
            })
            .collect();
        say_json(&json!(rows));
        return;
    }
    for result in results {
        let message = result.message.as_deref().unwrap_or_default();
        let line =
            format!("{:>5}  {:<23}  {}  {message}", result.row + 1, name(result.outcome), result.email);
        say(line.trim_end());
    }
}

/// Counts what became of the rows; rows that somebody has to look at make it a failure.
fn summarise(results: &[RowResult], dry_run: bool) -> Outcome {
    let count = |wanted: &[RowOutcome]| results.iter().filter(|r| wanted.contains(&r.outcome)).count();
    let invited = count(&[RowOutcome::Invited, RowOutcome::WillInvite]);
    let stand = count(&[RowOutcome::AlreadyMember, RowOutcome::Pending, RowOutcome::DuplicateInBatch]);
    let refused = results.len() - invited - stand;
    let verb = if dry_run { "would be invited" } else { "are invited" };
    talk(format_args!("{invited} {verb}, {stand} stand already, {refused} need a look."));
    if refused == 0 {
        return Ok(());
    }
    Err(Failure::new(Failure::FAILED, format!("{refused} of {} rows need a look", results.len())))
}
