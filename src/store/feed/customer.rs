//! Customers of the customers feed: the row, its keys, its words.

use super::sum::{Before, digest_at};
use super::text_index::TextIndex;
use crate::config::from_json;
use crate::customer::{index_keys, index_words};
use crate::error::StoreError;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::value::RawValue;
use sync::digest::RowDigest;
use sync::protocol::feed::CustomerRow;
use uuid::Uuid;

/// What is collected within a transaction, to be written in order.
#[derive(Debug)]
pub(super) struct Pending {
    text: TextIndex,
    keys: Vec<(String, i64)>,
}

impl Default for Pending {
    fn default() -> Self {
        Self { text: TextIndex::customers(), keys: Vec::new() }
    }
}

struct Known {
    number: i64,
    row: CustomerRow,
    json: String,
    digest: Option<RowDigest>,
}

fn known(db: &Connection, id: Uuid) -> Result<Option<Known>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT number, row, digest FROM base_customer WHERE id = ?1")?;
    let found: Option<(i64, String, Option<RowDigest>)> = statement
        .query_row([id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, digest_at(row, 2)?)))
        .optional()?;
    let Some((number, json, digest)) = found else { return Ok(None) };
    Ok(Some(Known { number, row: from_json(&json)?, json, digest }))
}

impl Pending {
    /// Puts a customer.
    pub fn put(
        &mut self,
        db: &Connection,
        (row, json): (&CustomerRow, &RawValue),
        digest: RowDigest,
        generation: i64,
    ) -> Result<Before, StoreError> {
        let Some(known) = known(db, row.id)? else {
            db.prepare_cached(
                "INSERT INTO base_customer (id, generation, row, digest) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                row.id.as_bytes(),
                generation,
                json.get(),
                digest.to_bytes()
            ])?;
            self.index(db.last_insert_rowid(), row);
            return Ok(Before::Absent);
        };
        if self.text.is_pending(known.number) {
            self.flush(db)?;
        }
        db.prepare_cached(
            "UPDATE base_customer SET generation = ?2, row = ?3, digest = ?4 WHERE number = ?1",
        )?
        .execute(params![known.number, generation, json.get(), digest.to_bytes()])?;
        if known.json != json.get() {
            self.unindex(db, &known)?;
            self.index(known.number, row);
        }
        Ok(Before::Present(known.digest))
    }

    /// Deletes a customer.
    pub fn delete(&mut self, db: &Connection, id: Uuid) -> Result<Before, StoreError> {
        let Some(known) = known(db, id)? else { return Ok(Before::Absent) };
        if self.text.is_pending(known.number) {
            self.flush(db)?;
        }
        self.unindex(db, &known)?;
        db.prepare_cached("DELETE FROM base_customer WHERE number = ?1")?
            .execute([known.number])?;
        // SQLite may give the number to the next customer: the old words must be gone by then.
        self.flush(db)?;
        Ok(Before::Present(known.digest))
    }

    fn index(&mut self, number: i64, row: &CustomerRow) {
        self.text.insert(number, index_words(row));
        self.keys.extend(index_keys(row).into_iter().map(|key| (key, number)));
    }

    fn unindex(&mut self, db: &Connection, known: &Known) -> Result<(), StoreError> {
        self.text.delete(known.number, index_words(&known.row));
        let mut statement =
            db.prepare_cached("DELETE FROM base_customer_key WHERE key = ?1 AND customer = ?2")?;
        for key in index_keys(&known.row) {
            statement.execute(params![key, known.number])?;
        }
        Ok(())
    }

    /// Deletes what a snapshot did not renew.
    pub fn sweep(&mut self, db: &Connection, generation: i64) -> Result<Vec<Before>, StoreError> {
        self.flush(db)?;
        let mut statement =
            db.prepare_cached("SELECT id FROM base_customer WHERE generation <> ?1")?;
        let stale = statement
            .query_map([generation], |row| row.get::<_, [u8; 16]>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        stale.into_iter().map(|id| self.delete(db, Uuid::from_bytes(id))).collect()
    }

    pub fn flush(&mut self, db: &Connection) -> Result<(), StoreError> {
        self.keys.sort();
        let mut statement = db.prepare_cached(
            "INSERT OR IGNORE INTO base_customer_key (key, customer) VALUES (?1, ?2)",
        )?;
        for (key, number) in self.keys.drain(..) {
            statement.execute(params![key, number])?;
        }
        self.text.flush(db)
    }
}
