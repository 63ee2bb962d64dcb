//! Store and staff of the config feed: kept as the JSON that came.

use super::sum::{Before, digest_at};
use crate::error::StoreError;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::value::RawValue;
use sync::digest::RowDigest;
use uuid::Uuid;

/// Puts a row into one of the two tables.
pub(super) fn put(
    db: &Connection,
    table: &'static str,
    (id, json): (Uuid, &RawValue),
    digest: RowDigest,
    generation: i64,
) -> Result<Before, StoreError> {
    let before = delete(db, table, id)?;
    let sql = format!("INSERT INTO {table} (id, row, generation, digest) VALUES (?1, ?2, ?3, ?4)");
    db.prepare_cached(&sql)?.execute(params![
        id.as_bytes(),
        json.get(),
        generation,
        digest.to_bytes()
    ])?;
    Ok(before)
}

/// Deletes a row.
pub(super) fn delete(db: &Connection, table: &'static str, id: Uuid) -> Result<Before, StoreError> {
    let sql = format!("DELETE FROM {table} WHERE id = ?1 RETURNING digest");
    let mut statement = db.prepare_cached(&sql)?;
    let gone = statement.query_row([id.as_bytes()], |row| digest_at(row, 0)).optional()?;
    Ok(gone.map_or(Before::Absent, Before::Present))
}

/// Deletes what a snapshot did not renew.
pub(super) fn sweep(
    db: &Connection,
    table: &'static str,
    generation: i64,
) -> Result<Vec<Before>, StoreError> {
    let sql = format!("DELETE FROM {table} WHERE generation <> ?1 RETURNING digest");
    let mut statement = db.prepare_cached(&sql)?;
    let gone = statement.query_map([generation], |row| digest_at(row, 0).map(Before::Present))?;
    Ok(gone.collect::<Result<_, _>>()?)
}
