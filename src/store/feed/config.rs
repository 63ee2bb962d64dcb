//! Store and staff of the config feed: kept as the JSON that came.

use crate::error::StoreError;
use rusqlite::{Connection, params};
use serde_json::value::RawValue;
use uuid::Uuid;

/// Puts a row into one of the two tables; returns by how many the rows changed.
pub(super) fn put(
    db: &Connection,
    table: &'static str,
    id: Uuid,
    json: &RawValue,
    generation: i64,
) -> Result<i64, StoreError> {
    let change = -delete(db, table, id)?;
    db.prepare_cached(&format!("INSERT INTO {table} (id, row, generation) VALUES (?1, ?2, ?3)"))?
        .execute(params![id.as_bytes(), json.get(), generation])?;
    Ok(1 - change)
}

/// Deletes a row; returns by how many the rows changed.
pub(super) fn delete(db: &Connection, table: &'static str, id: Uuid) -> Result<i64, StoreError> {
    let deleted = db
        .prepare_cached(&format!("DELETE FROM {table} WHERE id = ?1"))?
        .execute([id.as_bytes()])?;
    Ok(-(deleted as i64))
}

/// Deletes what a snapshot did not renew; returns by how many the rows changed.
pub(super) fn sweep(db: &Connection, generation: i64) -> Result<i64, StoreError> {
    let mut change = 0;
    for table in ["base_store", "base_staff"] {
        let sql = format!("DELETE FROM {table} WHERE generation <> ?1");
        change -= db.prepare_cached(&sql)?.execute([generation])? as i64;
    }
    Ok(change)
}
