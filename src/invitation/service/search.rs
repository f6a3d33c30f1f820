//! Lists of invitations whose address holds a text, without reading every address of a tenant.
//!
//! What may hold it is looked for first: in the blocks that can, and behind them. What is found goes through the same statement as any other
//! list. Where so much is found that reading everything in the order of the list comes to a page as soon, that is what is done.

use chrono::DateTime;
use sea_orm::ConnectionTrait;

use crate::clock::Instant;
use crate::error::Result;
use crate::id::{InvitationId, TenantId};
use crate::invitation::model::search::{self, Candidates};
use crate::invitation::model::{self, Columns, Listed, SortBy, Where};
use crate::page::{Cursor, Page, SortKey};

/// Invitations that are looked at, one page or all of them, before everything is read in order.
const MOST: usize = 1_000;
/// Blocks that one statement reads.
const BLOCKS: usize = 32;
/// Blocks that are read at once where no more can hold a text.
const FEW: usize = 16;
/// Blocks that are read where all that can hold a text are to be looked through.
const BLOCKS_MOST: usize = 512;

/// What a list shows, and how.
#[derive(Clone, Copy)]
pub(super) struct Sought<'a> {
    pub(super) tenant: TenantId,
    pub(super) conditions: &'a Where,
    pub(super) order: (SortBy, bool),
    pub(super) page: &'a Page,
    pub(super) now: Instant,
    pub(super) columns: Columns,
}

impl Sought<'_> {
    /// One page and one row more, in the order of reading, and how many rows there are in all pages where that is asked for.
    pub(super) async fn read(self, db: &impl ConnectionTrait, total: bool) -> Result<(Vec<Listed>, u64)> {
        let text = self.conditions.email_contains.as_deref().unwrap_or_default();
        let walking = !total && self.order.0 == SortBy::CreatedAt;
        let made = if walking { self.made() } else { self.conditions.created };
        let most = if walking { self.first() } else { MOST + 1 };
        let how = (self.latest_first(), most);
        let Some(candidates) = search::candidates(db, self.tenant, text, made, how).await? else {
            return self.read_in_order(db, total).await;
        };
        let search = Search { sought: self, text, candidates, walking };
        let all = if walking { None } else { search.all(db).await? };
        if let Some(ids) = all {
            return search.read_among(db, ids, total).await;
        }
        let walked = if self.order.0 == SortBy::CreatedAt { search.walk(db).await? } else { None };
        match walked {
            Some(rows) => Ok((rows, self.count(db, self.conditions, total).await?)),
            None => self.read_in_order(db, total).await,
        }
    }

    /// As [`Sought::read`], looking at everything in the order of the list.
    pub(super) async fn read_in_order(
        self,
        db: &impl ConnectionTrait,
        total: bool,
    ) -> Result<(Vec<Listed>, u64)> {
        let total = self.count(db, self.conditions, total).await?;
        Ok((self.rows(db, self.conditions).await?, total))
    }

    /// How many rows there are in all pages; 0 when nobody asked.
    async fn count(&self, db: &impl ConnectionTrait, conditions: &Where, asked: bool) -> Result<u64> {
        if !asked {
            return Ok(0);
        }
        Ok(model::count(db, self.tenant, conditions, self.now).await?)
    }

    async fn rows(&self, db: &impl ConnectionTrait, conditions: &Where) -> Result<Vec<Listed>> {
        Ok(model::list(db, self.tenant, conditions, self.order, self.page, self.now, self.columns).await?)
    }

    /// Rows that fill a page, and the one more.
    fn wanted(&self) -> usize {
        usize::try_from(self.page.size).unwrap_or(usize::MAX).saturating_add(1)
    }

    /// As many invitations behind the blocks as are read at first; few numbers, since each is a statement of its own.
    fn first(&self) -> usize {
        self.wanted().next_multiple_of(64)
    }

    /// Whether what was made last is read first.
    fn latest_first(&self) -> bool {
        self.order.1 != self.page.backward
    }

    /// From when on and up to when invitations of the page were made, as far as its conditions and cursors say.
    fn made(&self) -> (Option<Instant>, Option<Instant>) {
        let (mut from, mut to) = self.conditions.created;
        if self.order.0 == SortBy::CreatedAt {
            let (after, before) = (time(self.page.after.as_ref()), time(self.page.before.as_ref()));
            let (earliest, latest) = if self.order.1 { (before, after) } else { (after, before) };
            from = from.max(earliest);
            to = to.into_iter().chain(latest).min();
        }
        (from, to)
    }
}

fn time(cursor: Option<&Cursor>) -> Option<Instant> {
    match cursor?.key {
        SortKey::Time(millis) => DateTime::from_timestamp_millis(millis),
        SortKey::Text(_) => None,
    }
}

/// A list, and where what it shows can be.
struct Search<'a> {
    sought: Sought<'a>,
    text: &'a str,
    candidates: Candidates,
    /// Whether what is behind the blocks was read for a page of it, rather than for all pages.
    walking: bool,
}

impl Search<'_> {
    /// One page of what was found, and how many of it there are in all pages where that is asked for.
    async fn read_among(
        &self,
        db: &impl ConnectionTrait,
        ids: Vec<InvitationId>,
        total: bool,
    ) -> Result<(Vec<Listed>, u64)> {
        if ids.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let conditions = self.among(ids);
        let total = self.sought.count(db, &conditions, total).await?;
        Ok((self.sought.rows(db, &conditions).await?, total))
    }

    fn among(&self, ids: Vec<InvitationId>) -> Where {
        Where { among: Some(ids), ..self.sought.conditions.clone() }
    }

    /// Every invitation whose address holds the text, and that was made when the list says; `None` where they are many.
    async fn all(&self, db: &impl ConnectionTrait) -> Result<Option<Vec<InvitationId>>> {
        if self.candidates.blocks.len() > BLOCKS_MOST {
            return Ok(None);
        }
        let mut ids = self.candidates.behind.clone();
        for blocks in self.candidates.blocks.chunks(BLOCKS) {
            if ids.len() > MOST {
                break;
            }
            let Some(found) = self.within(db, blocks).await? else { return Ok(None) };
            ids.extend(found.into_iter().flatten());
        }
        Ok((ids.len() <= MOST).then_some(ids))
    }

    /// The rows of a page in the order in which they were made, read from where it begins until it is full.
    async fn walk(&self, db: &impl ConnectionTrait) -> Result<Option<Vec<Listed>>> {
        let latest_first = self.sought.latest_first();
        let mut walk = Walk::over(self);
        if latest_first && !walk.take_behind(db).await? {
            return Ok(None);
        }
        let mut blocks = self.candidates.blocks.clone();
        if latest_first {
            blocks.reverse();
        }
        // A few of many fill the page, as a rule; a few in all are read at once.
        let (mut rest, mut most) = (blocks.as_slice(), if blocks.len() <= FEW { FEW } else { 2 });
        while !rest.is_empty() && !walk.is_full() {
            let (next, others) = rest.split_at(most.min(rest.len()));
            (rest, most) = (others, (most * 2).min(BLOCKS));
            let Some(found) = self.within(db, next).await? else { return Ok(None) };
            for mut ids in found {
                if latest_first {
                    ids.reverse();
                }
                if !walk.take(db, ids).await? {
                    return Ok(None);
                }
            }
        }
        if !latest_first && !walk.is_full() && !walk.take_behind(db).await? {
            return Ok(None);
        }
        walk.end(db).await
    }

    /// What the addresses behind all blocks hold of what was made in a time, so much of it at the most, in the order in which it was made as
    /// the list reads it.
    async fn behind(
        &self,
        db: &impl ConnectionTrait,
        made: (Option<Instant>, Option<Instant>),
        most: usize,
    ) -> Result<Vec<InvitationId>> {
        let how = (self.sought.latest_first(), u64::try_from(most).unwrap_or(u64::MAX));
        let edge = self.candidates.edge;
        Ok(search::behind(db, self.sought.tenant, edge, self.text, made, how).await?)
    }

    /// What the addresses of some blocks hold, block by block in the order in which their numbers stand here; `None` where one of them is
    /// gone, since they are being laid anew.
    async fn within(
        &self,
        db: &impl ConnectionTrait,
        numbers: &[i32],
    ) -> Result<Option<Vec<Vec<InvitationId>>>> {
        let blocks = search::numbered(db, self.sought.tenant, numbers).await?;
        if blocks.len() < numbers.len() {
            return Ok(None);
        }
        let mut found: Vec<_> = blocks.iter().map(|block| block.holding(self.text)).collect();
        if numbers.first() > numbers.last() {
            found.reverse();
        }
        Ok(Some(found))
    }
}

/// A page that is being filled in the order in which invitations were made.
struct Walk<'a> {
    search: &'a Search<'a>,
    /// Rows that fill it.
    wanted: usize,
    rows: Vec<Listed>,
    /// What holds the text and has not been looked at.
    ids: Vec<InvitationId>,
    /// How many are looked at together at the least.
    least: usize,
    looked: usize,
}

impl<'a> Walk<'a> {
    fn over(search: &'a Search<'a>) -> Self {
        Self {
            search,
            wanted: search.sought.wanted(),
            rows: Vec::new(),
            ids: Vec::new(),
            least: 0,
            looked: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= self.wanted
    }

    /// Goes on with what follows; `false` where so much was looked at in vain that everything is to be read in order.
    async fn take(&mut self, db: &impl ConnectionTrait, ids: Vec<InvitationId>) -> Result<bool> {
        for id in ids {
            if self.is_full() {
                break;
            }
            self.ids.push(id);
            let enough = self.wanted.saturating_sub(self.rows.len()).max(self.least);
            if self.ids.len() >= enough && !self.look(db).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Goes on with what is behind all blocks, first with as much as fills a page by itself.
    async fn take_behind(&mut self, db: &impl ConnectionTrait) -> Result<bool> {
        let made = self.search.sought.made();
        let first = match self.search.walking {
            true => self.search.candidates.behind.clone(),
            false => self.search.behind(db, made, self.search.sought.first()).await?,
        };
        let (taken, last) = (first.len(), first.last().copied());
        if !self.take(db, first).await? {
            return Ok(false);
        }
        if taken < self.search.sought.first() || self.is_full() {
            return Ok(true);
        }
        // What was made meanwhile may stand before it, and belongs to whoever asks later.
        let mut ids = self.search.behind(db, made, MOST + 1).await?;
        let known = ids.iter().position(|id| Some(*id) == last);
        let Some(known) = known.filter(|_| ids.len() <= MOST) else { return Ok(false) };
        let rest = ids.split_off(known + 1);
        self.take(db, rest).await
    }

    /// Reads the rows of what holds the text, as far as the list shows them.
    async fn look(&mut self, db: &impl ConnectionTrait) -> Result<bool> {
        self.looked += self.ids.len();
        self.least = self.least.saturating_mul(2).max(self.wanted);
        if self.looked > MOST.max(self.wanted.saturating_mul(2)) {
            return Ok(false);
        }
        let conditions = self.search.among(std::mem::take(&mut self.ids));
        self.rows.extend(self.search.sought.rows(db, &conditions).await?);
        Ok(true)
    }

    async fn end(mut self, db: &impl ConnectionTrait) -> Result<Option<Vec<Listed>>> {
        if !self.is_full() && !self.ids.is_empty() && !self.look(db).await? {
            return Ok(None);
        }
        self.rows.truncate(self.wanted);
        Ok(Some(self.rows))
    }
}
