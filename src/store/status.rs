//! How things stand: sync, totals, health of the file.

use crate::error::StoreError;
use crate::feed::FeedState;
use crate::history::add_by_currency;
use crate::life::Life;
use crate::outbox::stray_count;
use crate::shift::money_at;
use domain::event::Event;
use domain::money::Money;
use domain::time::DeviceTime;
use rusqlite::{Connection, OptionalExtension};
use sync::ports::FeedProgress;
use sync::protocol::event::Envelope;
use sync::protocol::feed::Feed;

/// Refused events shown at once; the rest is told by central's own list.
const REFUSED_MAX: usize = 100;
/// Faults listed by a check.
const FAULTS_MAX: usize = 100;

/// An event that central holds but could not apply: somebody must look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEvent {
    /// Its number.
    pub seq: u64,
    /// Order number, or the type of the event.
    pub title: String,
    /// Stable reason, such as `UNKNOWN_TYPE`; `PARKED` when it waits behind another one.
    pub code: String,
    /// When it happened.
    pub at: DeviceTime,
}

/// How far sync is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncStatus {
    /// Events that central does not hold: of every life that this device had, by number or as strays.
    pub waiting: u64,
    /// When the oldest of them happened.
    pub oldest_waiting_at: Option<DeviceTime>,
    /// Events of the current life that are acknowledged.
    pub acknowledged: u64,
    /// Number of the current life's last event.
    pub last_seq: u64,
    /// What central could not apply.
    pub refused: Vec<RefusedEvent>,
    /// Every feed, most urgent first.
    pub feeds: Vec<(Feed, FeedProgress)>,
}

/// Sums over all orders of this terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Orders placed.
    pub orders: u64,
    /// Of them paid.
    pub paid_orders: u64,
    /// What they came to.
    pub total_by_currency: Vec<Money>,
    /// What was kept of tenders.
    pub tendered_by_currency: Vec<Money>,
}

pub(crate) fn sync_status(db: &Connection) -> Result<SyncStatus, StoreError> {
    let lives = Life::all(db)?;
    let (last_seq, acknowledged) =
        lives.last().map_or((0, 0), |life| (life.last_seq, life.acked_seq));
    let (mut waiting, mut oldest) = (0, None);
    for life in &lives {
        waiting += life.waiting() + stray_count(db, life)?;
        oldest = oldest.or(oldest_waiting(db, life)?);
    }
    let refused = refused(db)?;
    let mut feeds = Vec::new();
    for feed in Feed::ALL {
        feeds.push((feed, FeedState::load(db, feed)?.progress()?));
    }
    Ok(SyncStatus { waiting, oldest_waiting_at: oldest, acknowledged, last_seq, refused, feeds })
}

/// When the first event of a life happened that central does not hold.
fn oldest_waiting(db: &Connection, life: &Life) -> Result<Option<DeviceTime>, StoreError> {
    let after = match life.waiting() {
        0 => life.strays_after(),
        _ => Some(life.acked_seq),
    };
    let Some(after) = after else { return Ok(None) };
    let at = db
        .prepare_cached(
            "SELECT at_ms FROM journal WHERE position BETWEEN ?1 AND ?2 ORDER BY position LIMIT 1",
        )?
        .query_row([life.position(after + 1), life.position(life.last_seq)], |row| row.get(0))
        .optional()?;
    Ok(at.map(DeviceTime))
}

/// What central holds back of the current life, and of former ones that still send: what becomes of a drained one's
/// is nobody's news any more.
fn refused(db: &Connection) -> Result<Vec<RefusedEvent>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT held_back.position - base_position, outcome, code, kind, at_ms, bytes, own_order.number \
         FROM life CROSS JOIN held_back ON held_back.position > base_position \
         AND held_back.position <= base_position + last_seq \
         JOIN journal USING (position) LEFT JOIN own_order ON own_order.id = journal.aggregate \
         WHERE life.number = (SELECT max(number) FROM life) \
         OR acked_seq < coalesce(numbered_seq, last_seq) ORDER BY held_back.position LIMIT ?1",
    )?;
    let mut rows = statement.query([REFUSED_MAX as i64])?;
    let mut refused = Vec::new();
    while let Some(row) = rows.next()? {
        let (outcome, code): (String, Option<String>) = (row.get(1)?, row.get(2)?);
        let number: Option<String> = row.get(6)?;
        let title = match number {
            Some(number) => number,
            None => title_of(&row.get::<_, String>(5)?, row.get(3)?),
        };
        refused.push(RefusedEvent {
            seq: row.get(0)?,
            title,
            code: code.unwrap_or_else(|| outcome.to_uppercase()),
            at: DeviceTime(row.get(4)?),
        });
    }
    Ok(refused)
}

/// The number of the order that an event placed, or the event's type.
fn title_of(bytes: &str, kind: String) -> String {
    match Envelope::parse(bytes).and_then(|envelope| envelope.event()) {
        Ok(Event::OrderPlaced(order)) => order.number,
        _ => kind,
    }
}

pub(crate) fn totals(db: &Connection) -> Result<Totals, StoreError> {
    let (orders, paid_orders) =
        db.query_row("SELECT count(*), count(paid_position) FROM own_order", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let sums = |sql: &str| -> Result<Vec<Money>, StoreError> {
        let mut statement = db.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut sums = Vec::new();
        while let Some(row) = rows.next()? {
            add_by_currency(&mut sums, money_at(row, 1, 0)?)
                .map_err(|_| StoreError::damaged("a sum does not fit"))?;
        }
        Ok(sums)
    };
    Ok(Totals {
        orders,
        paid_orders,
        total_by_currency: sums(
            "SELECT currency, sum(total_minor) FROM own_order GROUP BY currency ORDER BY currency",
        )?,
        tendered_by_currency: sums(
            "SELECT currency, sum(given_minor - change_minor) FROM own_tender GROUP BY currency \
             ORDER BY currency",
        )?,
    })
}

/// `integrity_check` walks trees and full-text indexes, as a reader sees them: newer pages come out of the log.
pub(crate) fn check_trees(db: &Connection) -> Result<Vec<String>, StoreError> {
    Ok(lines_of(db, "PRAGMA integrity_check").into_iter().filter(|line| line != "ok").collect())
}

/// `cipher_integrity_check` looks at the seal of every page in the file, also of those that no tree holds, and does
/// not know of the log.
pub(crate) fn check_seals(db: &Connection) -> Result<Vec<String>, StoreError> {
    Ok(lines_of(db, "PRAGMA cipher_integrity_check"))
}

/// What a check answers; that it failed is an answer too.
fn lines_of(db: &Connection, check: &str) -> Vec<String> {
    let answer = (|| -> Result<Vec<String>, rusqlite::Error> {
        let mut statement = db.prepare(check)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.take(FAULTS_MAX).collect()
    })();
    answer.unwrap_or_else(|error| vec![format!("{check} failed: {error}")])
}
