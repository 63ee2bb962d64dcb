//! The projections of a journal that was recovered: what is asked about orders and shifts, made again from the events.

use crate::error::StoreError;
use crate::order;
use domain::event::Event;
use domain::id::{BasketId, OrderId, ShiftId, StaffId};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;
use sync::protocol::event::Envelope;
use uuid::Uuid;

/// Projects every event of the journal, in order. `watched` are lines of baskets: those that were sold are taken out
/// of it. Returns the orders found.
pub(crate) fn fold(db: &Connection, watched: &mut BTreeSet<Uuid>) -> Result<u64, StoreError> {
    let mut orders = 0;
    let mut statement = db.prepare("SELECT position, bytes FROM journal ORDER BY position")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (position, bytes): (i64, String) = (row.get(0)?, row.get(1)?);
        let Ok(envelope) = Envelope::parse(&bytes) else { continue };
        // An event of a later version is kept and sent; what it means nobody here knows.
        let Ok(event) = envelope.event() else { continue };
        match event {
            Event::OrderPlaced(order) => {
                orders += 1;
                for line in &order.lines {
                    watched.remove(&line.id.uuid());
                }
                if position_of(db, order.id)?.is_none() {
                    // Which basket it was is not in the event; its own identity is as unique.
                    let basket = BasketId::from_uuid(order.id.uuid());
                    order::project(db, basket, &order, (position, envelope.stamp()))?;
                }
            }
            Event::OrderPaid { order, tenders, .. } => {
                if let Some((placed, None)) = position_of(db, order)? {
                    order::project_payment(db, &tenders, placed, position)?;
                }
            }
            Event::ShiftOpened { shift, staff } => {
                open_shift(db, (shift, staff), envelope.at_ms, position)?;
            }
            Event::ShiftClosed { shift, .. } => close_shift(db, shift, envelope.at_ms)?,
            Event::TerminalEnrolled { .. } => end_shifts(db, envelope.at_ms)?,
            Event::TerminalRenewed { .. } => {}
        }
    }
    Ok(orders)
}

/// Where an order was placed, and where it was paid.
fn position_of(db: &Connection, order: OrderId) -> Result<Option<(i64, Option<i64>)>, StoreError> {
    let found = db
        .prepare_cached("SELECT position, paid_position FROM own_order WHERE id = ?1")?
        .query_row([order.uuid().as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(found.optional()?)
}

fn open_shift(
    db: &Connection,
    (shift, staff): (ShiftId, StaffId),
    at_ms: i64,
    position: i64,
) -> Result<(), StoreError> {
    // The event that closed the one before may be among those that are missing.
    end_shifts(db, at_ms)?;
    db.prepare_cached(
        "INSERT OR IGNORE INTO shift (id, staff, opened_at_ms, opened_position) \
         VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![shift.uuid().as_bytes(), staff.uuid().as_bytes(), at_ms, position])?;
    db.prepare_cached(
        "INSERT INTO staff_memory (staff, last_position) VALUES (?1, ?2) \
         ON CONFLICT (staff) DO UPDATE SET last_position = ?2",
    )?
    .execute(params![staff.uuid().as_bytes(), position])?;
    Ok(())
}

fn close_shift(db: &Connection, shift: ShiftId, at_ms: i64) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE shift SET closed_at_ms = ?2 WHERE id = ?1")?
        .execute(params![shift.uuid().as_bytes(), at_ms])?;
    Ok(())
}

fn end_shifts(db: &Connection, at_ms: i64) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE shift SET closed_at_ms = ?1 WHERE closed_at_ms IS NULL")?
        .execute([at_ms])?;
    Ok(())
}
