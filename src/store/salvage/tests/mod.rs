//! Real databases, made by SQLCipher itself, then damaged.
#![allow(clippy::unwrap_used)]

mod format;
mod log;
mod property;

use crate::{RawKey, Row, Salvage, Storage, Value};
use rusqlite::Connection;
use std::path::Path;

pub(super) const KEY: [u8; 32] = [0x42; 32];

/// Defaults of SQLCipher are of the whole process.
static KEYING: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Opens a database as the terminal does.
pub(super) fn connect(path: &Path) -> Connection {
    connect_with(path, "PRAGMA cipher_hmac_algorithm = HMAC_SHA256;")
}

pub(super) fn connect_with(path: &Path, pragmas: &str) -> Connection {
    let connection = Connection::open(path).unwrap();
    let hex: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    // What is a default counts for the next key that is said; it is put back so that tests do not
    // meet.
    let (before, after) = if pragmas.contains("default") { (pragmas, "") } else { ("", pragmas) };
    let default = "PRAGMA cipher_default_hmac_algorithm = HMAC_SHA512;";
    let _guard = KEYING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    connection
        .execute_batch(&format!("{before} PRAGMA key = \"x'{hex}'\"; {default} {after}"))
        .unwrap();
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    connection.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF").unwrap();
    connection
}

/// The bytes of file and log as they are now.
pub(super) fn files(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let log = path.with_extension("db-wal");
    (std::fs::read(path).unwrap_or_default(), std::fs::read(log).unwrap_or_default())
}

#[allow(clippy::ptr_arg, reason = "a slice is no `dyn Bytes`")]
pub(super) fn open<'a>(file: &'a Vec<u8>, log: &'a Vec<u8>) -> Salvage<'a> {
    Salvage::open(&RawKey::new(KEY), file, log, None)
}

pub(super) fn walked(salvage: &Salvage<'_>, table: &str) -> (Vec<Row>, bool) {
    let mut rows = Vec::new();
    let walked = salvage.walk(table, &mut |row| rows.push(row));
    (rows, walked.is_some_and(|walked| walked.is_complete))
}

pub(super) fn scanned(salvage: &Salvage<'_>, storage: Storage, columns: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    salvage.scan(storage, columns, &mut |row| rows.push(row));
    rows
}

/// A whole table as SQLite reads it, with the rowid first.
pub(super) fn selected(db: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut statement = db.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        (0..columns)
            .map(|column| {
                Ok(match row.get(column)? {
                    rusqlite::types::Value::Null => Value::Null,
                    rusqlite::types::Value::Integer(number) => Value::Integer(number),
                    rusqlite::types::Value::Real(number) => Value::Real(number),
                    rusqlite::types::Value::Text(text) => Value::Text(text),
                    rusqlite::types::Value::Blob(bytes) => Value::Blob(bytes),
                })
            })
            .collect::<Result<Vec<_>, rusqlite::Error>>()
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// A row with its rowid in the first column, where that column stands for it.
pub(super) fn with_rowid(row: &Row) -> Vec<Value> {
    let mut values = row.values.clone();
    if let (Some(rowid), Some(first @ Value::Null)) = (row.rowid, values.first_mut()) {
        *first = Value::Integer(rowid);
    }
    values
}
