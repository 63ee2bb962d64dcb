//! Shifts: who is responsible for the terminal. At most one is open.

use crate::config;
use crate::error::StoreError;
use crate::journal::append;
use crate::life::{Life, uuid_at};
use crate::writer::Session;
use domain::event::Event;
use domain::id::{ShiftId, StaffId};
use domain::money::{Currency, Money};
use domain::time::DeviceTime;
use rusqlite::{Connection, OptionalExtension, params};

/// The shift that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenShift {
    /// Identity.
    pub id: ShiftId,
    /// Whose.
    pub staff: StaffId,
    /// Since when.
    pub opened_at: DeviceTime,
}

pub(crate) fn current(db: &Connection) -> Result<Option<OpenShift>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT id, staff, opened_at_ms FROM shift WHERE closed_at_ms IS NULL")?;
    let shift = statement.query_row([], |row| {
        Ok(OpenShift {
            id: ShiftId::from_uuid(uuid_at(row, 0)?),
            staff: StaffId::from_uuid(uuid_at(row, 1)?),
            opened_at: DeviceTime(row.get(2)?),
        })
    });
    Ok(shift.optional()?)
}

pub(crate) fn open(
    session: &mut Session,
    staff: StaffId,
    at: DeviceTime,
) -> Result<OpenShift, StoreError> {
    let (tx, ids) = session.begin()?;
    let mut life = Life::required(&tx)?;
    if let Some(open) = current(&tx)? {
        if open.staff == staff {
            return Ok(open);
        }
        close_in(&tx, &mut life, open, at)?;
    }
    let shift = ShiftId::mint(ids);
    let event = Event::ShiftOpened { shift, staff };
    let position = append(&tx, &mut life, at, &event)?.position;
    tx.prepare_cached(
        "INSERT INTO shift (id, staff, opened_at_ms, opened_position) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        shift.uuid().as_bytes(),
        staff.uuid().as_bytes(),
        life.last_at.0,
        position
    ])?;
    tx.prepare_cached(
        "INSERT INTO staff_memory (staff, last_position) VALUES (?1, ?2) \
         ON CONFLICT (staff) DO UPDATE SET last_position = ?2",
    )?
    .execute(params![staff.uuid().as_bytes(), position])?;
    life.save_head(&tx)?;
    let opened = OpenShift { id: shift, staff, opened_at: life.last_at };
    tx.commit()?;
    Ok(opened)
}

pub(crate) fn close(session: &mut Session, at: DeviceTime) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    let Some(open) = current(&tx)? else { return Ok(()) };
    let mut life = Life::required(&tx)?;
    close_in(&tx, &mut life, open, at)?;
    life.save_head(&tx)?;
    Ok(tx.commit()?)
}

/// Closes a shift within a transaction; the caller saves the head.
pub(crate) fn close_in(
    db: &Connection,
    life: &mut Life,
    open: OpenShift,
    at: DeviceTime,
) -> Result<(), StoreError> {
    let id = open.id.uuid();
    // Only one shift is open at a time, so its orders are the end of the journal since it was opened.
    let since: i64 = db
        .prepare_cached("SELECT opened_position FROM shift WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| row.get(0))?;
    let order_count: u64 = db
        .prepare_cached("SELECT count(*) FROM own_order WHERE position > ?1 AND shift = ?2")?
        .query_row(params![since, id.as_bytes()], |row| row.get(0))?;
    let cash = cash_since(db, since, id.as_bytes())?;
    append(db, life, at, &Event::ShiftClosed { shift: open.id, order_count, cash })?;
    db.prepare_cached("UPDATE shift SET closed_at_ms = ?2 WHERE id = ?1")?
        .execute(params![id.as_bytes(), life.last_at.0])?;
    Ok(())
}

/// Ends a shift because the device is about to be enrolled anew. Without a configuration nothing was sold and there is
/// no currency to count: the shift ends without an event then, as an enrolment ends it anyway.
pub(crate) fn end_in(
    db: &Connection,
    life: &mut Life,
    open: OpenShift,
    at: DeviceTime,
) -> Result<(), StoreError> {
    match close_in(db, life, open, at) {
        Err(StoreError::NotConfigured) => {
            db.prepare_cached("UPDATE shift SET closed_at_ms = ?2 WHERE id = ?1")?
                .execute(params![open.id.uuid().as_bytes(), life.time_of(at).0])?;
            Ok(())
        }
        other => other,
    }
}

/// Cash kept in a shift, in the store's currency (a shift without orders has none in it). A database that was
/// recovered may lack the store's row until central sends it again: then the last order tells the currency.
fn cash_since(db: &Connection, since: i64, shift: &[u8; 16]) -> Result<Money, StoreError> {
    let configured = match config::store_config(db)? {
        Some(store) => Some(store.currency),
        None => currency_of_last_order(db)?,
    };
    let mut statement = db.prepare_cached(
        "SELECT tender.currency, sum(given_minor - change_minor) FROM own_tender AS tender \
         JOIN own_order USING (position) WHERE position > ?1 AND shift = ?2 AND kind = 'cash' \
         GROUP BY tender.currency",
    )?;
    let mut rows = statement.query(params![since, shift])?;
    let mut sums: Vec<Money> = Vec::new();
    while let Some(row) = rows.next()? {
        sums.push(money_at(row, 1, 0)?);
    }
    let own = sums.iter().find(|sum| Some(sum.currency()) == configured).or(sums.first());
    match (own, configured) {
        (Some(sum), _) => Ok(*sum),
        (None, Some(currency)) => Ok(Money::zero(currency)),
        (None, None) => Err(StoreError::NotConfigured),
    }
}

fn currency_of_last_order(db: &Connection) -> Result<Option<Currency>, StoreError> {
    let code: Option<String> = db
        .prepare_cached("SELECT currency FROM own_order ORDER BY position DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let parse =
        |code: String| code.parse().map_err(|_| StoreError::damaged("a currency that is none"));
    code.map(parse).transpose()
}

/// An amount and its currency from two columns.
pub(crate) fn money_at(
    row: &rusqlite::Row<'_>,
    minor: usize,
    currency: usize,
) -> Result<Money, StoreError> {
    let code: String = row.get(currency)?;
    let currency: Currency =
        code.parse().map_err(|_| StoreError::damaged("a currency that is none"))?;
    Ok(Money::new(row.get(minor)?, currency))
}
