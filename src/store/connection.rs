//! Connections: the one place where pragmas are set, each with its reason.
//!
//! | pragma | value | why |
//! | --- | --- | --- |
//! | `key` | `x'…'`, 32 bytes | a raw key: no stretching at each start; the salt is the file's first 16 bytes |
//! | `cipher_page_size` | 4096 | the page of the disk; said, so that a new default cannot lock old files out |
//! | `cipher_hmac_algorithm` | HMAC_SHA256 | small ARM cores have instructions for SHA-256, not for SHA-512 |
//! | `cipher_default_hmac_algorithm` | HMAC_SHA256 | `VACUUM INTO` makes its copy with the defaults of the process |
//! | `cipher_memory_security` | off | wiping every freed block costs a third of the speed; the key stays in memory anyway |
//! | `journal_mode` | WAL | readers go on while the writer writes |
//! | `synchronous` | FULL | a commit survives a pulled battery; NORMAL may lose it (invariant 1) |
//! | `wal_autocheckpoint` | by hook | the writer checkpoints after it has answered, not inside a sale |
//! | `journal_size_limit` | 16 MiB | the log shrinks back after a large feed |
//! | `foreign_keys` | on | a line without its order is a bug |
//! | `busy_timeout` | 5 s | only recovery after a crash and checkpoints ever hold a lock against us |
//! | `cache_size` | writer 20 MiB, reader 6 MiB | measured: the random indexes of a million articles, and memory to spare |
//! | `mmap_size` | 0 | encrypted pages cannot be mapped |
//! | `temp_store` | memory | nothing in clear text on disk |
//! | `trusted_schema` | off | a schema that was tampered with runs no functions |
//! | `cell_size_check` | on | damage is found where it is read |
//!
//! Query plans do not depend on values (`ENABLE_QPSG`): else SQLite looks at what is bound to a `LIMIT`, and prepares
//! the statement again each time it is used.

use crate::files::DatabaseFiles;
use crate::key::DatabaseKey;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The only one that writes.
    Write,
    /// One of the pool.
    Read,
}

/// Bytes of page cache, by purpose.
const WRITER_CACHE_KIB: u32 = 20 * 1024;
const READER_CACHE_KIB: u32 = 6 * 1024;
const BUSY_TIMEOUT_MS: u32 = 5_000;
/// Prepared statements kept by a connection.
const STATEMENTS_MAX: usize = 96;

/// Where the database is, for whoever needs another connection to it.
#[derive(Clone)]
pub(crate) struct Door {
    pub files: Arc<dyn DatabaseFiles>,
    pub path: PathBuf,
    pub key: DatabaseKey,
}

impl Door {
    /// Opens one more connection.
    pub fn connect(&self, purpose: Purpose) -> Result<Connection, rusqlite::Error> {
        connect(self.files.as_ref(), &self.path, &self.key, purpose)
    }
}

/// Opens a connection and sets every pragma. A wrong key shows as `NotADatabase`.
pub(crate) fn connect(
    files: &dyn DatabaseFiles,
    path: &Path,
    key: &DatabaseKey,
    purpose: Purpose,
) -> Result<Connection, rusqlite::Error> {
    let access = match purpose {
        Purpose::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Purpose::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match files.vfs() {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs)?,
        None => Connection::open_with_flags(path, flags)?,
    };
    keep_log(&connection, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    let cache_kib = match purpose {
        Purpose::Write => WRITER_CACHE_KIB,
        Purpose::Read => READER_CACHE_KIB,
    };
    connection.execute_batch(&format!(
        "PRAGMA cipher_log_level = NONE;
         PRAGMA cipher_default_hmac_algorithm = HMAC_SHA256;
         PRAGMA key = \"x'{}'\";
         PRAGMA cipher_page_size = 4096;
         PRAGMA cipher_hmac_algorithm = HMAC_SHA256;
         PRAGMA cipher_memory_security = OFF;
         PRAGMA busy_timeout = {BUSY_TIMEOUT_MS};
         PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -{cache_kib};
         PRAGMA mmap_size = 0;
         PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA synchronous = FULL;
         PRAGMA journal_size_limit = {};",
        key.to_hex(),
        16 * 1024 * 1024
    ))?;
    // The first read: this is where a wrong key or a damaged first page shows.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    if purpose == Purpose::Write {
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        assert_eq!(mode, "wal", "the write-ahead log is what makes commits durable and quick");
    }
    keep_log(&connection, false)?;
    Ok(connection)
}

/// Whether the log stays as it is when the connection is closed. While it is not known that the database is sound it
/// must: SQLite would copy back what it understands of a damaged log, and delete the rest.
pub(crate) fn keep_log(connection: &Connection, is_kept: bool) -> Result<(), rusqlite::Error> {
    let setting = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(setting, is_kept).map(|_| ())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::SystemFiles;

    /// A pragma that is misspelt is ignored by SQLite without a word; this asks each for its value.
    #[test]
    fn every_pragma_took_effect() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.db");
        let key = DatabaseKey::from_bytes([7; 32]);
        let connection = connect(&SystemFiles, &path, &key, Purpose::Write).unwrap();
        let value = |name: &str| -> String {
            connection
                .query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
                .map(|value: rusqlite::types::Value| match value {
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Text(text) => text,
                    other => panic!("{name}: {other:?}"),
                })
                .unwrap()
        };
        for (name, expected) in [
            ("cipher_page_size", "4096"),
            ("cipher_hmac_algorithm", "HMAC_SHA256"),
            ("cipher_memory_security", "0"),
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("foreign_keys", "1"),
            ("busy_timeout", "5000"),
            ("cache_size", "-20480"),
            ("temp_store", "2"),
            ("trusted_schema", "0"),
            ("cell_size_check", "1"),
            ("journal_size_limit", "16777216"),
        ] {
            assert_eq!(value(name), expected, "{name}");
        }
        let version = value("cipher_version");
        assert!(version.starts_with("4."), "SQLCipher is what is linked: {version}");
    }

    #[test]
    fn another_key_does_not_open_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.db");
        let connection =
            connect(&SystemFiles, &path, &DatabaseKey::from_bytes([7; 32]), Purpose::Write)
                .unwrap();
        connection.execute_batch("CREATE TABLE t (x)").unwrap();
        drop(connection);
        let error = connect(&SystemFiles, &path, &DatabaseKey::from_bytes([8; 32]), Purpose::Write)
            .unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::NotADatabase));
    }
}
