//! The counted list: local state like the basket in work, and no event. A row a line, so that a scan writes one row
//! and never the whole list.
//!
//! A row that cannot be read back is left where it is and told of in the log, without what it says; it never stops the
//! program.

use crate::error::StoreError;
use crate::stock;
use crate::writer::Session;
use domain::count::{CountChange, CountLine};
use domain::gtin::Gtin;
use domain::id::{ArticleId, LineId, StaffId};
use domain::quantity::{Quantity, Unit};
use domain::time::DeviceTime;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::HashMap;
use uuid::Uuid;

/// Who began a counted list, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountHead {
    /// When the first goods were counted.
    pub begun_at: DeviceTime,
    /// Who did.
    pub staff: StaffId,
    /// Their name then: the person may have left by the time that the list is looked at.
    pub name: String,
}

/// A counted list as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCount {
    /// Who began it.
    pub head: CountHead,
    /// Its lines, oldest first.
    pub lines: Vec<CountLine>,
}

pub(crate) fn current(db: &Connection) -> Result<Option<KeptCount>, StoreError> {
    let head = db
        .prepare_cached("SELECT begun_at_ms, staff, name FROM stock_count")?
        .query_row([], |row| {
            let staff = StaffId::from_uuid(Uuid::from_bytes(row.get(1)?));
            Ok(CountHead { begun_at: DeviceTime(row.get(0)?), staff, name: row.get(2)? })
        })
        .optional()?;
    let Some(head) = head else { return Ok(None) };
    let mut statement = db.prepare_cached(
        "SELECT line, place, article, unit, amount, packs, gtin, name, stock_unit \
         FROM stock_count_line ORDER BY place",
    )?;
    let mut rows = statement.query([])?;
    let (mut lines, mut unreadable) = (Vec::new(), 0_u32);
    while let Some(row) = rows.next()? {
        match line_of(row) {
            Some(line) => lines.push(line),
            None => unreadable += 1,
        }
    }
    if unreadable > 0 {
        tracing::error!(unreadable, "lines of the counted list cannot be read back");
    }
    Ok(Some(KeptCount { head, lines }))
}

/// `None` if the row cannot be read back, for whatever reason.
fn line_of(row: &Row<'_>) -> Option<CountLine> {
    let unit: Unit = row.get::<_, String>(3).ok()?.parse().ok()?;
    let gtin: Option<u64> = row.get(6).ok()?;
    Some(CountLine {
        id: LineId::from_uuid(Uuid::from_bytes(row.get(0).ok()?)),
        place: row.get(1).ok()?,
        article: ArticleId::from_uuid(Uuid::from_bytes(row.get(2).ok()?)),
        quantity: Quantity::new(row.get(4).ok()?, unit),
        packs: row.get(5).ok()?,
        gtin: gtin.map(Gtin::from_number).transpose().ok()?,
        name: row.get(7).ok()?,
        stock_unit: row.get::<_, String>(8).ok()?.parse().ok()?,
    })
}

/// Writes the lines that changed, and who began the list if nobody had, in one transaction.
pub(crate) fn save(
    session: &mut Session,
    head: &CountHead,
    changes: &[CountChange],
) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    tx.prepare_cached(
        "INSERT OR IGNORE INTO stock_count (one, begun_at_ms, staff, name) VALUES (1, ?1, ?2, ?3)",
    )?
    .execute(params![head.begun_at.0, head.staff.uuid().as_bytes(), head.name])?;
    {
        let mut remove = tx.prepare_cached("DELETE FROM stock_count_line WHERE line = ?1")?;
        let mut put = tx.prepare_cached(
            "INSERT OR REPLACE INTO stock_count_line \
             (line, place, article, unit, amount, packs, gtin, name, stock_unit) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        for change in changes {
            let Some(line) = &change.after else {
                remove.execute([change.line.uuid().as_bytes()])?;
                continue;
            };
            put.execute(params![
                line.id.uuid().as_bytes(),
                line.place,
                line.article.uuid().as_bytes(),
                line.quantity.unit.name(),
                line.quantity.amount,
                line.packs,
                line.gtin.map(Gtin::number),
                line.name,
                line.stock_unit.name(),
            ])?;
        }
    }
    Ok(tx.commit()?)
}

/// Drops the list, with what of it could not be read.
pub(crate) fn clear(session: &mut Session) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    tx.execute_batch("DELETE FROM stock_count_line; DELETE FROM stock_count;")?;
    Ok(tx.commit()?)
}

/// Stock of many articles as of one moment; those of which central said nothing are not in it.
pub(crate) fn stock_of(
    db: &Connection,
    articles: &[ArticleId],
) -> Result<HashMap<ArticleId, i64>, StoreError> {
    let mut known = HashMap::with_capacity(articles.len());
    for article in articles {
        if let Some(on_hand) = stock::on_hand(db, *article)? {
            known.insert(*article, on_hand);
        }
    }
    Ok(known)
}
