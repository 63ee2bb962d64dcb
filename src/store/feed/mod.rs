//! Feeds: rows of central, with the cursor they stand for in the same transaction (invariant 5).
//!
//! ```text
//! begin_snapshot(plan)  generation + 1, cursor gone
//! chunk, chunk, ...     rows are put at once and can be sold; each carries the generation
//! last chunk            rows of older generations go, cursor = plan.cursor
//! page(after = cursor)  puts and deletes, cursor = page.next
//! ```
//! A chunk is checked whole before its first row is written. It is normally one transaction; when somebody waits
//! to write (a sale), the rows so far are committed and the rest follows. That is sound because putting a row twice
//! is putting it once, and because the chunk counts as applied only with its last row.

mod article;
mod config;
mod customer;
mod order;
mod row;
mod stock;
mod sum;
mod text_index;

use crate::config::from_json;
use crate::error::StoreError;
use crate::stock::include;
use crate::writer::Session;
use domain::time::DeviceTime;
use row::{ParsedRow, Row, Table};
use rusqlite::{Connection, params};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use sum::{Before, Sums};
use sync::ports::{Applied, FeedProgress, SnapshotProgress};
use sync::protocol::feed::{Change, ChangesPage, Checkpoint, Feed, Op};
use sync::protocol::snapshot::FeedSnapshot;
use uuid::Uuid;

/// Rows after which a chunk looks whether somebody waits.
const ROWS_BETWEEN_LOOKS: usize = 256;
/// Rows that a chunk writes at least before it gives way, so that it gets on among many sales.
const ROWS_BEFORE_YIELD: usize = 1_024;

/// How far a feed is: one row.
#[derive(Clone, Debug)]
pub(crate) struct FeedState {
    pub feed: Feed,
    pub cursor: Option<String>,
    pub plan: Option<String>,
    pub chunks_applied: usize,
    pub rows_applied: u64,
    pub rows: i64,
    pub generation: i64,
    pub is_sweep_due: bool,
    pub visible_stage: i64,
    pub moved_at: Option<DeviceTime>,
}

impl FeedState {
    pub fn load(db: &Connection, feed: Feed) -> Result<Self, StoreError> {
        let mut statement = db.prepare_cached(
            "SELECT cursor, plan, chunks_applied, rows_applied, rows, generation, is_sweep_due, \
             visible_stage, moved_at_ms FROM feed WHERE name = ?1",
        )?;
        Ok(statement.query_row([feed.name()], |row| {
            Ok(Self {
                feed,
                cursor: row.get(0)?,
                plan: row.get(1)?,
                chunks_applied: row.get(2)?,
                rows_applied: row.get(3)?,
                rows: row.get(4)?,
                generation: row.get(5)?,
                is_sweep_due: row.get(6)?,
                visible_stage: row.get(7)?,
                moved_at: row.get::<_, Option<i64>>(8)?.map(DeviceTime),
            })
        })?)
    }

    fn save(&self, db: &Connection) -> Result<(), StoreError> {
        db.prepare_cached(
            "UPDATE feed SET cursor = ?2, plan = ?3, chunks_applied = ?4, rows_applied = ?5, rows = ?6, \
             generation = ?7, is_sweep_due = ?8, visible_stage = ?9, moved_at_ms = ?10 WHERE name = ?1",
        )?
        .execute(params![
            self.feed.name(),
            self.cursor,
            self.plan,
            self.chunks_applied,
            self.rows_applied,
            self.rows,
            self.generation,
            self.is_sweep_due,
            self.visible_stage,
            self.moved_at.map(|at| at.0),
        ])?;
        Ok(())
    }

    fn plan(&self) -> Result<Option<FeedSnapshot>, StoreError> {
        self.plan.as_deref().map(from_json).transpose()
    }

    pub fn progress(&self) -> Result<FeedProgress, StoreError> {
        let snapshot = self.plan()?.map(|plan| SnapshotProgress {
            plan,
            chunks_applied: self.chunks_applied,
            rows_applied: self.rows_applied,
        });
        Ok(FeedProgress {
            cursor: self.cursor.clone(),
            snapshot,
            rows: u64::try_from(self.rows).unwrap_or(0),
            moved_at: self.moved_at,
        })
    }
}

/// Writes rows of one feed within a transaction; what is better written in order is collected until [`Self::end`].
struct Applier<'db> {
    db: &'db Connection,
    state: FeedState,
    sums: Sums,
    articles: article::Pending,
    customers: customer::Pending,
}

impl<'db> Applier<'db> {
    fn new(db: &'db Connection, state: FeedState) -> Result<Self, StoreError> {
        let (articles, customers) = (article::Pending::default(), customer::Pending::default());
        Ok(Self { db, sums: Sums::load(db, state.feed)?, state, articles, customers })
    }

    fn put(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        let (db, generation, digest) = (self.db, self.state.generation, row.digest());
        let before = match &row.parsed {
            ParsedRow::Store { id, json } => {
                config::put(db, "base_store", (*id, json), digest, generation)?
            }
            ParsedRow::Staff { id, json } => {
                config::put(db, "base_staff", (*id, json), digest, generation)?
            }
            ParsedRow::Article(article) => self.articles.put(db, article, digest, generation)?,
            ParsedRow::Stock(stock) => stock::put(db, stock, digest, &self.state)?,
            ParsedRow::Customer { row, json } => {
                self.customers.put(db, (row, json), digest, generation)?
            }
            ParsedRow::Order(order) => order::put(db, order, digest, generation)?,
        };
        self.state.rows += i64::from(before == Before::Absent);
        self.sums.replace(row.table, before, Some(digest));
        Ok(())
    }

    fn delete(&mut self, table: Table, id: Uuid) -> Result<(), StoreError> {
        let db = self.db;
        let before = match table {
            Table::Store => config::delete(db, "base_store", id)?,
            Table::Staff => config::delete(db, "base_staff", id)?,
            Table::Article => self.articles.delete(db, id)?,
            Table::Stock => stock::delete(db, id, &self.state)?,
            Table::Customer => self.customers.delete(db, id)?,
            Table::Order => order::delete(db, id)?,
        };
        self.forget(table, &[before]);
        Ok(())
    }

    fn forget(&mut self, table: Table, gone: &[Before]) {
        for before in gone.iter().filter(|before| **before != Before::Absent) {
            self.state.rows -= 1;
            self.sums.replace(table, *before, None);
        }
    }

    fn end(&mut self) -> Result<(), StoreError> {
        self.articles.flush(self.db)?;
        self.customers.flush(self.db)?;
        self.sums.save(self.db)
    }

    /// The snapshot is complete: what it did not renew goes, changes are read from its cursor.
    fn complete_snapshot(&mut self, plan: FeedSnapshot) -> Result<Applied, StoreError> {
        if self.state.is_sweep_due {
            let (db, generation) = (self.db, self.state.generation);
            for table in Table::all_of(self.state.feed) {
                let gone = match table {
                    Table::Store => config::sweep(db, "base_store", generation)?,
                    Table::Staff => config::sweep(db, "base_staff", generation)?,
                    Table::Article => self.articles.sweep(db, generation)?,
                    Table::Stock => stock::sweep(db, &self.state)?,
                    Table::Customer => self.customers.sweep(db, generation)?,
                    Table::Order => order::sweep(db, generation)?,
                };
                self.forget(*table, &gone);
            }
        }
        self.sums.set_whole();
        self.state.is_sweep_due = false;
        self.state.plan = None;
        self.state.cursor = Some(plan.cursor);
        Ok(self.compare(plan.checkpoint.as_ref()))
    }

    /// Compares what is there with what central says of the same moment. Rows that differ are an incident and not
    /// a failure: they are better than none until the feed was loaded anew.
    fn compare(&self, checkpoint: Option<&Checkpoint>) -> Applied {
        let feed = self.state.feed.name();
        let found = checkpoint.map(|checkpoint| self.sums.differences(checkpoint));
        match found.as_deref() {
            None | Some([]) => Applied::Committed,
            Some(found) => {
                for difference in found {
                    tracing::error!(feed, %difference, "a table is not what central says it is");
                }
                Applied::Diverged
            }
        }
    }
}

/// Begins a snapshot, or goes on with it if it is the same.
pub(crate) fn begin_snapshot(session: &mut Session, plan: &FeedSnapshot) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    let mut state = FeedState::load(&tx, plan.feed)?;
    if state.plan()?.as_ref() == Some(plan) {
        return Ok(());
    }
    state.generation += 1;
    state.is_sweep_due = state.is_sweep_due || state.rows > 0;
    state.cursor = None;
    state.plan = Some(serde_json::to_string(plan).expect("plain fields always serialise"));
    (state.chunks_applied, state.rows_applied) = (0, 0);
    let mut applier = Applier::new(&tx, state)?;
    if plan.chunks.is_empty() {
        // Should rows be missing, the first page says so.
        applier.complete_snapshot(plan.clone())?;
        applier.end()?;
    }
    applier.state.save(&tx)?;
    Ok(tx.commit()?)
}

/// A chunk whose lines were all understood. The rows are read again when they are written: keeping them read would
/// take several times the memory of the text.
pub(crate) struct CheckedChunk {
    feed: Feed,
    sha256: String,
    text: Vec<u8>,
    /// Where each row of a known table stands in the text.
    lines: Vec<Range<usize>>,
    /// Identities of the articles, to be looked up ahead.
    articles: Vec<Uuid>,
}

/// Reads every line of a chunk; `None` if one makes no sense.
pub(crate) fn check_chunk(feed: Feed, sha256: &str, text: Vec<u8>) -> Option<CheckedChunk> {
    let (mut lines, mut articles) = (Vec::new(), Vec::new());
    let mut start = 0;
    for line in text.split(|byte| *byte == b'\n') {
        let range = start..start + line.len();
        start = range.end + 1;
        if line.is_empty() {
            continue;
        }
        match row::parse_line(feed, line) {
            Ok(Some(row)) => {
                if let ParsedRow::Article(article) = &row.parsed {
                    articles.push(article.row.id);
                }
                lines.push(range);
            }
            // A table of a later version.
            Ok(None) => {}
            Err(row::Senseless) => return None,
        }
    }
    Some(CheckedChunk { feed, sha256: sha256.to_owned(), text, lines, articles })
}

impl CheckedChunk {
    fn row(&self, at: usize) -> Result<Row<'_>, StoreError> {
        match row::parse_line(self.feed, &self.text[self.lines[at].clone()]) {
            Ok(Some(row)) => Ok(row),
            _ => Err(StoreError::damaged("a row was understood once and not again")),
        }
    }
}

/// How a slice of a chunk ended.
pub(crate) enum Slice {
    /// The chunk is done, or was not expected.
    End(Applied),
    /// Somebody waits: go on with this row.
    More(usize),
}

/// Whether a chunk is the next one that the feed's plan expects; tells how many rows it brings and what follows.
fn expected(state: &FeedState, sha256: &str) -> Result<Option<(FeedSnapshot, u64)>, StoreError> {
    let Some(plan) = state.plan()? else { return Ok(None) };
    let rows = match plan.chunks.get(state.chunks_applied) {
        Some(chunk) if chunk.sha256 == sha256 => chunk.rows,
        _ => return Ok(None),
    };
    Ok(Some((plan, rows)))
}

/// Whether a chunk would be applied now, before the work of unpacking it.
pub(crate) fn is_expected(db: &Connection, feed: Feed, sha256: &str) -> Result<bool, StoreError> {
    Ok(expected(&FeedState::load(db, feed)?, sha256)?.is_some())
}

/// Applies a chunk from row `first` on, in one transaction.
pub(crate) fn apply_chunk(
    session: &mut Session,
    chunk: &Arc<CheckedChunk>,
    first: usize,
    at: DeviceTime,
) -> Result<Slice, StoreError> {
    let queue = session.queue();
    let (tx, _) = session.begin()?;
    let state = FeedState::load(&tx, chunk.feed)?;
    let Some((plan, rows_promised)) = expected(&state, &chunk.sha256)? else {
        return Ok(Slice::End(Applied::Stale));
    };
    let mut applier = Applier::new(&tx, state)?;
    if let Some(rest) = chunk.articles.get(first..) {
        applier.articles.look_ahead(&tx, rest)?;
    }
    let mut next = first;
    let mut is_waited_for = false;
    while next < chunk.lines.len() && !is_waited_for {
        applier.put(&chunk.row(next)?)?;
        next += 1;
        let done = next - first;
        is_waited_for = done >= ROWS_BEFORE_YIELD
            && done.is_multiple_of(ROWS_BETWEEN_LOOKS)
            && queue.load(Ordering::Relaxed) > 0;
    }
    let is_done = next == chunk.lines.len();
    let mut applied = Applied::Committed;
    if is_done {
        applier.state.chunks_applied += 1;
        applier.state.rows_applied += rows_promised;
        if applier.state.chunks_applied == plan.chunks.len() {
            applied = applier.complete_snapshot(plan)?;
        }
    }
    applier.end()?;
    applier.state.moved_at = Some(at);
    applier.state.save(&tx)?;
    tx.commit()?;
    Ok(if is_done { Slice::End(applied) } else { Slice::More(next) })
}

/// A page whose rows were all understood.
pub(crate) struct CheckedPage {
    feed: Feed,
    after: String,
    page: ChangesPage,
}

/// Reads every change of a page; `None` if one makes no sense.
pub(crate) fn check_page(feed: Feed, after: &str, page: &ChangesPage) -> Option<CheckedPage> {
    for change in &page.changes {
        read_change(feed, change).ok()?;
    }
    Some(CheckedPage { feed, after: after.to_owned(), page: page.clone() })
}

enum Reading<'a> {
    Put(Box<Row<'a>>),
    Delete(Table, Uuid),
    /// A table of a later version.
    Skip,
}

fn read_change(feed: Feed, change: &Change) -> Result<Reading<'_>, row::Senseless> {
    let Some(table) = Table::of(feed, &change.table) else { return Ok(Reading::Skip) };
    match change.op {
        Op::Put => {
            let json = change.row.as_deref().ok_or(row::Senseless)?;
            let row = row::parse(table, Cow::Borrowed(&change.key), json)?;
            Ok(Reading::Put(Box::new(row)))
        }
        Op::Del => {
            let id = change.key.parse().map_err(|_| row::Senseless)?;
            Ok(Reading::Delete(table, id))
        }
    }
}

/// Applies a page with its cursor.
pub(crate) fn apply_page(
    session: &mut Session,
    checked: &CheckedPage,
    at: DeviceTime,
) -> Result<Applied, StoreError> {
    let page = &checked.page;
    let (tx, _) = session.begin()?;
    let state = FeedState::load(&tx, checked.feed)?;
    if state.plan.is_some() || state.cursor.as_deref() != Some(checked.after.as_str()) {
        return Ok(Applied::Stale);
    }
    let mut applier = Applier::new(&tx, state)?;
    for change in &page.changes {
        match read_change(checked.feed, change) {
            Ok(Reading::Put(row)) => applier.put(&row)?,
            Ok(Reading::Delete(table, id)) => applier.delete(table, id)?,
            Ok(Reading::Skip) => {}
            Err(row::Senseless) => {
                return Err(StoreError::damaged("a row was understood once and not again"));
            }
        }
    }
    applier.end()?;
    let mut applied = Applied::Committed;
    if !page.more {
        applied = applier.compare(page.checkpoint.as_ref());
        if checked.feed == Feed::Stock {
            applier.state.visible_stage += 1;
            include(&tx, &page.included, at)?;
        }
    }
    let state = &mut applier.state;
    state.cursor = Some(page.next.clone());
    state.moved_at = Some(at);
    state.save(&tx)?;
    tx.commit()?;
    Ok(applied)
}

/// Puts rows that were found in a damaged database, so that the shop goes on before central is reached; rows that
/// make no sense are left out. Without a cursor the feed is loaded anew, and replaces them all.
pub(crate) fn carry_over(
    db: &Connection,
    feed: Feed,
    table: &str,
    rows: impl Iterator<Item = (Uuid, String)>,
) -> Result<(), StoreError> {
    let Some(table) = Table::of(feed, table) else { return Ok(()) };
    let mut applier = Applier::new(db, FeedState::load(db, feed)?)?;
    for (key, json) in rows {
        let Ok(json) = serde_json::value::RawValue::from_string(json) else { continue };
        if let Ok(row) = row::parse(table, Cow::Owned(key.to_string()), &json) {
            applier.put(&row)?;
        }
    }
    applier.end()?;
    applier.state.save(db)
}

/// Forgets the cursor and the snapshot being loaded; rows stay until the next snapshot is complete.
pub(crate) fn reset(db: &Connection, feed: Feed) -> Result<(), StoreError> {
    let mut state = FeedState::load(db, feed)?;
    (state.cursor, state.plan) = (None, None);
    (state.chunks_applied, state.rows_applied) = (0, 0);
    // Half a snapshot may have been put: its rows are swept with the others.
    state.is_sweep_due = state.is_sweep_due || state.rows > 0;
    state.save(db)
}
