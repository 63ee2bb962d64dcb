//! Quarantine: events that are held but do not count yet, for a person to look at (invariant 10).

use crate::db::{id, unsigned};
use crate::error::CentralError;
use rusqlite::{Connection, params};
use uuid::Uuid;

/// The most entries of one listing.
pub const LIST_MAX: u32 = 1000;

/// One held event.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Held {
    /// Number by which it is retried or dismissed.
    pub id: u64,
    /// Terminal.
    pub terminal: Uuid,
    /// Epoch.
    pub epoch: u32,
    /// Number in its journal.
    pub seq: u64,
    /// Type.
    pub kind: String,
    /// `quarantined` or `parked` (it waits behind a quarantined one of the same thing).
    pub state: String,
    /// Why, when quarantined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The thing it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<Uuid>,
    /// When central got it, milliseconds since 1970 UTC.
    pub received_ms: i64,
}

/// What is held back, oldest first.
pub fn list(connection: &Connection, after: i64, limit: u32) -> Result<Vec<Held>, CentralError> {
    let sql = "SELECT id, terminal, epoch, seq, kind, state, code, aggregate, received_ms
               FROM inbox INDEXED BY inbox_held
               WHERE state IN ('quarantined', 'parked') AND id > ?1 ORDER BY id LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![after, limit.min(LIST_MAX)], |row| {
        Ok(Held {
            id: unsigned(row, 0)?,
            terminal: id(row, 1)?,
            epoch: row.get(2)?,
            seq: unsigned(row, 3)?,
            kind: row.get(4)?,
            state: row.get(5)?,
            code: row.get(6)?,
            aggregate: crate::db::id_opt(row, 7)?,
            received_ms: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
