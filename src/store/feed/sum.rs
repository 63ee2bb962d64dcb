//! What the rows of each table of central add up to: kept as they come and go, in the transaction of the rows, and
//! compared where central says what it should be.
//!
//! A sum that differs is an incident, never a stop: the caller loads that feed anew, and the shop goes on with the
//! rows that are there meanwhile.

use super::row::Table;
use crate::error::StoreError;
use rusqlite::{Connection, Row, params};
use sync::digest::{Difference, RowDigest, TableDigest, differences};
use sync::protocol::feed::{Checkpoint, Feed};

/// What stood under the key of a row that was put or deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    Absent,
    /// A row; one that version 2 wrote has no digest and is not in the sum.
    Present(Option<RowDigest>),
}

/// A digest from a column.
pub(super) fn digest_at(
    row: &Row<'_>,
    column: usize,
) -> Result<Option<RowDigest>, rusqlite::Error> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(RowDigest::from_bytes))
}

/// The sum of one table.
#[derive(Clone, Copy, Debug)]
struct Sum {
    table: Table,
    digest: TableDigest,
    /// Every row is in it.
    is_whole: bool,
}

/// The sums of one feed's tables.
#[derive(Clone, Debug)]
pub(super) struct Sums(Vec<Sum>);

impl Sums {
    pub fn load(db: &Connection, feed: Feed) -> Result<Self, StoreError> {
        let mut statement =
            db.prepare_cached("SELECT rows, sum, is_whole FROM base_digest WHERE name = ?1")?;
        let mut sums = Vec::new();
        for table in Table::all_of(feed) {
            sums.push(statement.query_row([table.name()], |row| {
                let sum = u128::from_be_bytes(row.get(1)?);
                let digest = TableDigest { rows: row.get(0)?, sum };
                Ok(Sum { table: *table, digest, is_whole: row.get(2)? })
            })?);
        }
        Ok(Self(sums))
    }

    pub fn save(&self, db: &Connection) -> Result<(), StoreError> {
        let mut statement = db.prepare_cached(
            "UPDATE base_digest SET rows = ?2, sum = ?3, is_whole = ?4 WHERE name = ?1",
        )?;
        for sum in &self.0 {
            let bytes = sum.digest.sum.to_be_bytes();
            statement.execute(params![sum.table.name(), sum.digest.rows, bytes, sum.is_whole])?;
        }
        Ok(())
    }

    /// Books that a row took the place of what stood there before; without `after` it went.
    pub fn replace(&mut self, table: Table, before: Before, after: Option<RowDigest>) {
        let sum = self.0.iter_mut().find(|sum| sum.table == table);
        let sum = sum.expect("a feed is only given rows of its own tables");
        if let Before::Present(Some(gone)) = before {
            sum.digest.remove(gone);
        }
        if let Some(new) = after {
            sum.digest.add(new);
        }
    }

    /// A snapshot is complete: every row has come with it.
    pub fn set_whole(&mut self) {
        self.0.iter_mut().for_each(|sum| sum.is_whole = true);
    }

    /// Where they are not what central says; tables whose sum is not whole cannot be compared.
    pub fn differences(&self, checkpoint: &Checkpoint) -> Vec<Difference> {
        differences(checkpoint, |name| {
            let sum = self.0.iter().find(|sum| sum.table.name() == name)?;
            sum.is_whole.then_some(sum.digest)
        })
    }
}
