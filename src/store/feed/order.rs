//! Past orders of the history feed.

use super::row::ParsedOrder;
use super::sum::{Before, digest_at};
use crate::error::StoreError;
use rusqlite::{Connection, OptionalExtension, params};
use sync::digest::RowDigest;
use uuid::Uuid;

/// Puts a past order.
pub(super) fn put(
    db: &Connection,
    order: &ParsedOrder,
    digest: RowDigest,
    generation: i64,
) -> Result<Before, StoreError> {
    let row = &order.row;
    let known = db
        .prepare_cached("SELECT digest FROM base_order WHERE id = ?1")?
        .query_row([row.id.as_bytes()], |row| digest_at(row, 0))
        .optional()?;
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
        digest.to_bytes(),
    ];
    if let Some(before) = known {
        db.prepare_cached(
            "UPDATE base_order SET customer = ?2, at_ms = ?3, channel = ?4, place = ?5, number = ?6, \
             currency = ?7, total_minor = ?8, lines = ?9, generation = ?10, digest = ?11 WHERE id = ?1",
        )?
        .execute(parameters)?;
        return Ok(Before::Present(before));
    }
    db.prepare_cached(
        "INSERT INTO base_order (id, customer, at_ms, channel, place, number, currency, total_minor, lines, \
         generation, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(parameters)?;
    Ok(Before::Absent)
}

/// Deletes a past order.
pub(super) fn delete(db: &Connection, id: Uuid) -> Result<Before, StoreError> {
    let mut statement =
        db.prepare_cached("DELETE FROM base_order WHERE id = ?1 RETURNING digest")?;
    let gone = statement.query_row([id.as_bytes()], |row| digest_at(row, 0)).optional()?;
    Ok(gone.map_or(Before::Absent, Before::Present))
}

/// Deletes what a snapshot did not renew.
pub(super) fn sweep(db: &Connection, generation: i64) -> Result<Vec<Before>, StoreError> {
    let mut statement =
        db.prepare_cached("DELETE FROM base_order WHERE generation <> ?1 RETURNING digest")?;
    let gone = statement.query_map([generation], |row| digest_at(row, 0).map(Before::Present))?;
    Ok(gone.collect::<Result<_, _>>()?)
}
