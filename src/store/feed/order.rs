//! Past orders of the history feed.

use super::row::ParsedOrder;
use crate::error::StoreError;
use rusqlite::{Connection, params};
use uuid::Uuid;

/// Puts a past order; returns by how many the rows changed.
pub(super) fn put(
    db: &Connection,
    order: &ParsedOrder,
    generation: i64,
) -> Result<i64, StoreError> {
    let row = &order.row;
    let parameters = params![
        row.id.as_bytes(),
        row.customer.as_bytes(),
        row.at_ms,
        row.channel,
        row.place,
        row.number,
        row.currency,
        row.total_minor,
        order.lines,
        generation,
    ];
    let updated = db
        .prepare_cached(
            "UPDATE base_order SET customer = ?2, at_ms = ?3, channel = ?4, place = ?5, number = ?6, \
             currency = ?7, total_minor = ?8, lines = ?9, generation = ?10 WHERE id = ?1",
        )?
        .execute(parameters)?;
    if updated > 0 {
        return Ok(0);
    }
    db.prepare_cached(
        "INSERT INTO base_order (id, customer, at_ms, channel, place, number, currency, total_minor, lines, \
         generation) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(parameters)?;
    Ok(1)
}

/// Deletes a past order; returns by how many the rows changed.
pub(super) fn delete(db: &Connection, id: Uuid) -> Result<i64, StoreError> {
    let deleted =
        db.prepare_cached("DELETE FROM base_order WHERE id = ?1")?.execute([id.as_bytes()])?;
    Ok(-(deleted as i64))
}

/// Deletes what a snapshot did not renew; returns by how many the rows changed.
pub(super) fn sweep(db: &Connection, generation: i64) -> Result<i64, StoreError> {
    let deleted = db
        .prepare_cached("DELETE FROM base_order WHERE generation <> ?1")?
        .execute([generation])?;
    Ok(-(deleted as i64))
}
