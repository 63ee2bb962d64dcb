//! What is held back, as people read it: which receipt, how much, when, at which terminal.
//!
//! An entry of the inbox has numbers and hashes; who stands at the counter has a slip of paper. What is on the slip is
//! read from the event's own bytes, or from the order that it is about. Never who bought, nor what.

use crate::db::{blob, id, id_opt, unsigned};
use crate::error::CentralError;
use rusqlite::{Connection, OptionalExtension, params};
use sync::protocol::event::{Envelope, EventHash};
use uuid::Uuid;

/// The most entries of one listing.
pub const LIST_MAX: u32 = 1000;

/// One held event.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Held {
    /// Number by which it is retried, amended, dismissed or reopened.
    pub id: u64,
    /// Terminal in whose journal it was written.
    pub terminal: Uuid,
    /// Its store and name, such as `S001-T02`; absent if central does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminal_name: Option<String>,
    /// Epoch.
    pub epoch: u32,
    /// Number in its journal; 0 if a stray does not say.
    pub seq: u64,
    /// Type; empty if the event cannot be read.
    pub kind: String,
    /// `quarantined`, `parked` (it waits behind a quarantined one of the same thing) or `dismissed`.
    pub state: String,
    /// Why, when quarantined; why it was, when dismissed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The thing it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<Uuid>,
    /// Number on the receipt of the order that it is about, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// Total of the placed order, or what was due of the paid one, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_minor: Option<i64>,
    /// Currency of the total.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// When it counts as having happened, milliseconds since 1970 UTC.
    pub business_ms: i64,
    /// When central got it, milliseconds since 1970 UTC.
    pub received_ms: i64,
    /// The terminal that handed it in, if it came as a stray.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stray_of: Option<Uuid>,
    /// SHA-256 of its bytes, or what the terminal declared it to be.
    pub hash: String,
}

/// Which entries are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Which {
    /// Only those held for this reason.
    pub code: Option<String>,
    /// Only those that this terminal wrote.
    pub terminal: Option<Uuid>,
}

/// What a body of an order's event says of money, whatever else is in it.
#[derive(serde::Deserialize)]
struct Slip {
    number: Option<String>,
    total_minor: Option<i64>,
    due_minor: Option<i64>,
    currency: Option<String>,
}

fn slip(bytes: &str) -> Option<Slip> {
    serde_json::from_str(Envelope::parse(bytes).ok()?.body.get()).ok()
}

/// Quarantined and parked events, oldest first.
pub fn list(connection: &Connection, after: i64, limit: u32) -> Result<Vec<Held>, CentralError> {
    let of = "INDEXED BY inbox_held WHERE i.state IN ('quarantined', 'parked')";
    read(connection, of, after, limit)
}

/// Events that a person decided not to count, oldest first.
pub fn dismissed(
    connection: &Connection,
    after: i64,
    limit: u32,
) -> Result<Vec<Held>, CentralError> {
    read(connection, "INDEXED BY inbox_dismissed WHERE i.state = 'dismissed'", after, limit)
}

fn read(
    connection: &Connection,
    of: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<Held>, CentralError> {
    let sql = format!(
        "SELECT i.id, i.terminal, i.epoch, i.seq, i.kind, i.state, i.code, i.aggregate,
                i.business_ms, i.received_ms, i.sent_by, i.hash, i.bytes,
                (SELECT s.code || '-' || t.name FROM terminal t JOIN store s ON s.no = t.store
                 WHERE t.id = i.terminal)
         FROM inbox i {of} AND i.id > ?1 ORDER BY i.id LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![after, limit.min(LIST_MAX)], |row| {
        let bytes: Option<String> = row.get(12)?;
        let slip = bytes.as_deref().and_then(slip);
        let total_minor = slip.as_ref().and_then(|slip| slip.total_minor.or(slip.due_minor));
        Ok(Held {
            id: unsigned(row, 0)?,
            terminal: id(row, 1)?,
            terminal_name: row.get(13)?,
            epoch: row.get(2)?,
            seq: unsigned(row, 3)?,
            kind: row.get(4)?,
            state: row.get(5)?,
            code: row.get(6)?,
            aggregate: id_opt(row, 7)?,
            currency: slip
                .as_ref()
                .and_then(|slip| slip.currency.clone())
                .filter(|_| total_minor.is_some()),
            total_minor,
            receipt: slip.and_then(|slip| slip.number),
            business_ms: row.get(8)?,
            received_ms: row.get(9)?,
            stray_of: id_opt(row, 10)?,
            hash: EventHash(row.get(11)?).to_string(),
        })
    })?;
    let mut all: Vec<Held> = rows.collect::<Result<_, _>>()?;
    for held in all.iter_mut().filter(|held| held.receipt.is_none()) {
        let Some(aggregate) = held.aggregate else { continue };
        held.receipt = receipt_of(connection, aggregate)?;
    }
    Ok(all)
}

/// The number of an order that counts, or of one that is held back itself.
fn receipt_of(connection: &Connection, order: Uuid) -> Result<Option<String>, CentralError> {
    let sql = "SELECT number FROM orders WHERE id = ?1";
    let found: Option<String> =
        connection.prepare_cached(sql)?.query_row([blob(order)], |row| row.get(0)).optional()?;
    if found.is_some() {
        return Ok(found);
    }
    let sql = "SELECT bytes FROM inbox INDEXED BY inbox_held
               WHERE aggregate = ?1 AND state IN ('quarantined', 'parked')
               AND kind = 'order.placed' AND bytes IS NOT NULL ORDER BY id LIMIT 1";
    let bytes: Option<String> =
        connection.prepare_cached(sql)?.query_row([blob(order)], |row| row.get(0)).optional()?;
    Ok(bytes.as_deref().and_then(slip).and_then(|slip| slip.number))
}

/// Numbers of the quarantined entries that are meant, in the order in which their journals have them.
pub fn quarantined(connection: &Connection, which: &Which) -> Result<Vec<i64>, CentralError> {
    let sql = "SELECT id FROM inbox INDEXED BY inbox_held
               WHERE state IN ('quarantined', 'parked') AND state = 'quarantined'
               AND (?1 IS NULL OR code = ?1) AND (?2 IS NULL OR terminal = ?2)
               ORDER BY terminal, epoch, seq, id";
    let mut statement = connection.prepare_cached(sql)?;
    let values = params![which.code, which.terminal.map(blob)];
    let rows = statement.query_map(values, |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Held events that say that an order was paid which does not count: money was taken for it.
pub fn payments_of(connection: &Connection, order: Uuid) -> Result<Vec<u64>, CentralError> {
    let sql = "SELECT id FROM inbox INDEXED BY inbox_held
               WHERE aggregate = ?1 AND state IN ('quarantined', 'parked') AND kind = 'order.paid'
               AND NOT EXISTS (SELECT 1 FROM orders WHERE id = ?1) ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([blob(order)], |row| unsigned(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
