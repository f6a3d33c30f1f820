//! Looking for events that were changed, put in or taken out behind the service's back.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::key::same;
use super::seal::{REFUSED, chain_of};
use crate::app::App;
use crate::error::Result;
use crate::event::model::{self, chain};
use crate::id::{EventId, TypedId as _};

/// Events that are read at a time.
const BATCH: u64 = 1_000;

/// Where a chain ends, or ended when it was logged: written as `CHAIN:POSITION:SEAL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    chain: Uuid,
    position: i64,
    seal: String,
}

impl From<&chain::Model> for Head {
    fn from(row: &chain::Model) -> Self {
        Self { chain: row.chain, position: row.position, seal: row.seal.clone() }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.chain, self.position, self.seal)
    }
}

impl FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().unwrap_or_default();
        let (chain, position, seal) = (part().parse(), part().parse(), part().to_owned());
        match (chain, position) {
            (Ok(chain), Ok(position)) if !seal.is_empty() => Ok(Self { chain, position, seal }),
            _ => Err(format!("{text} is no head: write CHAIN:POSITION:SEAL, as it was logged")),
        }
    }
}

/// Something that is not as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The event says something else than it did.
    Edited(EventId),
    /// The event was not written by this service, or was moved.
    Inserted(EventId),
    /// Events between these places of a chain are gone.
    Deleted(Uuid, i64, i64),
    /// The chain does not hold what it held when its head was logged or written.
    Cut(Head),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited(id) => write!(f, "edited    {}", id.global()),
            Self::Inserted(id) => write!(f, "inserted  {}", id.global()),
            Self::Deleted(chain, from, to) if from == to => write!(f, "deleted   {chain}:{from}"),
            Self::Deleted(chain, from, to) => write!(f, "deleted   {chain}:{from} to {to}"),
            Self::Cut(head) => write!(f, "cut       {head} is not in its chain"),
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Events that were looked at.
    pub events: u64,
    /// Events among them that are not sealed yet.
    pub unsealed: u64,
    /// Where each chain ends.
    pub heads: Vec<Head>,
    /// What is not as it was recorded.
    pub findings: Vec<Finding>,
}

/// An event at its place.
struct Link {
    id: EventId,
    mac: String,
    seal: String,
}

/// Reads every event and follows every chain; `expected` are heads that were logged earlier.
///
/// # Errors
/// Whatever the database says.
pub async fn verify(app: &App, expected: &[Head]) -> Result<Report> {
    let db = app.db.reader();
    let mut report = Report::default();
    // Read before the events, so that what is sealed meanwhile is no finding.
    let heads: Vec<Head> = chain::all(db).await?.iter().map(Head::from).collect();
    let mut chains: HashMap<Uuid, BTreeMap<i64, Link>> = HashMap::new();
    let mut after = None;
    loop {
        let rows = model::all_after(db, after, BATCH).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        for row in rows {
            report.events += 1;
            let signed = app.event_key.is_signed(&row);
            let chain = chain_of(&row);
            match (row.position, row.seal, row.mac) {
                (None, None, Some(_)) if signed => report.unsealed += 1,
                (Some(position), Some(seal), Some(mac)) if position > 0 && seal != REFUSED => {
                    if !signed {
                        report.findings.push(Finding::Edited(row.id));
                    }
                    let link = Link { id: row.id, mac, seal };
                    if let Some(other) = chains.entry(chain).or_default().insert(position, link) {
                        report.findings.push(Finding::Inserted(other.id));
                    }
                }
                _ => report.findings.push(Finding::Inserted(row.id)),
            }
        }
    }
    for (chain, links) in &chains {
        follow(app, *chain, links, &mut report.findings);
    }
    for head in heads.iter().chain(expected) {
        let held = chains.get(&head.chain).and_then(|links| links.get(&head.position));
        let whole = held.is_some_and(|link| same(&link.seal, &head.seal));
        let found = Finding::Cut(head.clone());
        if !whole && !report.findings.contains(&found) {
            report.findings.push(found);
        }
    }
    report.heads = heads;
    Ok(report)
}

fn follow(app: &App, chain: Uuid, links: &BTreeMap<i64, Link>, findings: &mut Vec<Finding>) {
    let (mut next, mut before) = (1, String::new());
    for (&position, link) in links {
        if position > next {
            findings.push(Finding::Deleted(chain, next, position - 1));
        } else if !same(&app.event_key.seal(chain, position, &before, &link.mac), &link.seal) {
            let edited = Finding::Edited(link.id);
            if !findings.contains(&edited) {
                findings.push(Finding::Inserted(link.id));
            }
        }
        // The chain goes on from what stands here, so that each wound is reported once.
        (next, before) = (position + 1, link.seal.clone());
    }
}
