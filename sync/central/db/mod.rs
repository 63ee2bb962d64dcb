//! The database: one file, WAL, one writer thread, pooled readers; or, for simulations, one connection without threads.
//!
//! Writes are jobs for the writer thread, which runs what is waiting in one transaction, each in a savepoint of
//! its own (group commit): one fsync serves all of them, and one job's failure undoes only that job. An answer is
//! delivered after the commit, never before (invariant 1).

mod place;
mod writer;

use crate::error::CentralError;
pub use place::Purpose;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;
pub use writer::Writer;

/// One step of the schema.
struct Step {
    sql: &'static str,
    /// What SQL cannot compute.
    finish: fn(&Connection) -> Result<(), CentralError>,
}

/// Each step of the schema; the index plus one is the `user_version` after it.
const MIGRATIONS: [Step; 3] = [
    Step { sql: include_str!("../sql/001_create.sql"), finish: |_| Ok(()) },
    Step { sql: include_str!("../sql/002_lives.sql"), finish: crate::feed::sum_up },
    Step { sql: include_str!("../sql/003_reopen.sql"), finish: |_| Ok(()) },
];
/// Another process (a seed, an import, a command) may hold the write lock for a batch.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// Prepared statements that the writer keeps; all of a push and of a judgement have room.
const STATEMENTS_MAX: usize = 128;
/// How long a checkpoint waits for those who read or write.
const CHECKPOINT_PATIENCE: Duration = Duration::from_secs(5);
/// Idle readers kept open.
const READERS_MAX: usize = 8;

/// One connection for everything.
pub(crate) type Single = Arc<Mutex<Connection>>;

/// The open database.
pub struct Database {
    /// Before the writer, so that they are closed before it: the last one that closes empties the log into the file,
    /// and who only reads cannot.
    readers: Readers,
    writer: Writer,
}

enum Readers {
    /// Idle ones of a file.
    Pool { path: PathBuf, idle: Mutex<Vec<Connection>> },
    /// The writer's own connection.
    Single(Single),
}

/// A panic with the lock undid its transaction; what it leaves is whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets what every connection needs. In one place, with reasons.
fn configure(connection: &Connection) -> Result<(), CentralError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // WAL: readers never wait for the writer. FULL: an acknowledged event survives a power cut (invariant 1).
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    configure_any(connection)
}

/// What a connection needs wherever its pages lie.
pub(crate) fn configure_any(connection: &Connection) -> Result<(), CentralError> {
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -32 * 1024)?;
    plan_once(connection)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(())
}

/// Query plans do not depend on values: else SQLite looks at what is bound to a `LIMIT`, and prepares the statement
/// again each time it is used.
fn plan_once(connection: &Connection) -> Result<(), CentralError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Opens a connection for writing; the schema is brought up to date.
pub fn open_for_writing(path: &Path) -> Result<Connection, CentralError> {
    let mut connection = Connection::open(path)?;
    configure(&connection)?;
    migrate(&mut connection)?;
    Ok(connection)
}

/// Brings the schema up to date.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), CentralError> {
    let known = MIGRATIONS.len() as u32;
    // The lock is taken first: two processes may open a fresh database at the same moment.
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(CentralError::NewerDatabase { found, known });
    }
    for step in &MIGRATIONS[found as usize..] {
        transaction.execute_batch(step.sql)?;
        (step.finish)(&transaction)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}

fn open_for_reading(path: &Path) -> Result<Connection, CentralError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    plan_once(&connection)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// A connection that reads a database as it is: nothing is brought up to date, nothing is written.
pub(crate) fn open_as_it_is(path: &Path) -> Result<Connection, CentralError> {
    place::prepare(path, Purpose::Use)?;
    open_for_reading(path)
}

impl Database {
    /// Opens the database, or makes it if that is the purpose, and starts the writer thread. What is no database
    /// any more is refused before anything is opened.
    pub fn open(path: &Path, purpose: Purpose) -> Result<Self, CentralError> {
        place::prepare(path, purpose)?;
        let writer = Writer::start(open_for_writing(path)?);
        let readers = Readers::Pool { path: path.into(), idle: Mutex::new(Vec::new()) };
        Ok(Self { readers, writer })
    }

    /// One connection that reads and writes, without threads. The caller has brought its schema up to date.
    pub(crate) fn single(connection: Single) -> Self {
        let writer = Writer::single(Arc::clone(&connection));
        Self { readers: Readers::Single(connection), writer }
    }

    /// The writer.
    pub const fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Whether something that was read or written since it was opened met a damaged page.
    pub fn is_damaged(&self) -> bool {
        self.writer.has_met_damage()
    }

    /// Writes the log into the file and empties it, so that the file alone is the whole database. False if somebody
    /// read or wrote all the time: then the log keeps what it has, and nothing is lost.
    pub fn checkpoint(&self) -> Result<bool, CentralError> {
        let Readers::Pool { path, .. } = &self.readers else { return Ok(true) };
        let connection = Connection::open(path)?;
        connection.busy_timeout(CHECKPOINT_PATIENCE)?;
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        Ok(connection.query_row(sql, [], |row| Ok(row.get::<_, i64>(0)? == 0))?)
    }

    /// Runs `work` on a reader, in one transaction: everything it reads is of the same moment. Blocks. `work` must
    /// not ask the database for another connection.
    pub fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, CentralError>,
    ) -> Result<T, CentralError> {
        self.writer.noting(self.read_unnoted(work))
    }

    fn read_unnoted<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, CentralError>,
    ) -> Result<T, CentralError> {
        let (path, idle) = match &self.readers {
            Readers::Single(connection) => {
                let connection = lock(connection);
                let transaction = connection.unchecked_transaction()?;
                return work(&transaction);
            }
            Readers::Pool { path, idle } => (path, idle),
        };
        let pooled = lock(idle).pop();
        let mut connection = match pooled {
            Some(connection) => connection,
            None => open_for_reading(path)?,
        };
        let transaction = connection.transaction()?;
        let result = work(&transaction);
        drop(transaction);
        let mut idle = lock(idle);
        if idle.len() < READERS_MAX {
            idle.push(connection);
        }
        result
    }

    /// A connection that sees other processes' commits; `None` when there can be no other process.
    pub(crate) fn onlooker(&self) -> Result<Option<Connection>, CentralError> {
        match &self.readers {
            Readers::Pool { path, .. } => open_for_reading(path).map(Some),
            Readers::Single(_) => Ok(None),
        }
    }
}

/// An identity as it is stored.
pub fn blob(id: Uuid) -> [u8; 16] {
    *id.as_bytes()
}

/// An identity read back from column `index`.
pub fn id(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Uuid> {
    row.get::<_, [u8; 16]>(index).map(Uuid::from_bytes)
}

/// An identity that may be absent.
pub fn id_opt(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Option<Uuid>> {
    Ok(row.get::<_, Option<[u8; 16]>>(index)?.map(Uuid::from_bytes))
}

/// A number that is never negative; SQLite keeps 63 bits.
pub fn unsigned(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, number))
}

/// Reads a single value.
pub fn meta(connection: &Connection, key: &str) -> Result<Option<String>, CentralError> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

/// Writes a single value.
pub fn set_meta(connection: &Connection, key: &str, value: &str) -> Result<(), CentralError> {
    let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2)
               ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute([key, value])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fresh(dir: &tempfile::TempDir) -> Database {
        Database::open(&dir.path().join("central.db"), Purpose::Create).unwrap()
    }

    #[test]
    fn who_closes_last_leaves_no_log() {
        let dir = tempfile::tempdir().unwrap();
        let database = fresh(&dir);
        database.writer().run(|c| set_meta(c, "a", "1")).unwrap();
        database.read(|c| meta(c, "a")).unwrap();
        let log = place::log_path(&dir.path().join("central.db"));
        assert!(log.metadata().unwrap().len() > 0);
        assert!(database.checkpoint().unwrap());
        assert_eq!(log.metadata().unwrap().len(), 0);
        database.writer().run(|c| set_meta(c, "b", "2")).unwrap();
        drop(database);
        assert!(!log.exists());
    }

    #[test]
    fn damage_that_was_met_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let damaged = || {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            Err::<(), _>(CentralError::Database(rusqlite::Error::SqliteFailure(code, None)))
        };
        let (read, written) = (fresh(&dir), fresh(&dir));
        assert!(read.read(|_| Err::<(), _>(CentralError::Stopped)).is_err());
        assert!(!read.is_damaged() && !written.is_damaged());
        assert!(read.read(|_| damaged()).is_err());
        assert!(written.writer().run(move |_| damaged()).is_err());
        assert!(read.is_damaged() && written.is_damaged());
    }

    #[test]
    fn a_newer_database_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("central.db");
        open_for_writing(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let refused = open_for_writing(&path);
        assert!(matches!(refused, Err(CentralError::NewerDatabase { found: 99, known: 3 })));
    }

    #[test]
    fn a_job_that_panics_undoes_only_itself_and_the_writer_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let database = fresh(&dir);
        let failed: Result<(), _> = database.writer().run(|c| {
            set_meta(c, "a", "1")?;
            panic!("on purpose");
        });
        assert!(matches!(failed, Err(CentralError::Panicked)), "{failed:?}");
        database.writer().run(|c| set_meta(c, "b", "2")).unwrap();
        let values = database.read(|c| Ok((meta(c, "a")?, meta(c, "b")?))).unwrap();
        assert_eq!(values, (None, Some("2".into())));
    }

    #[test]
    fn a_job_that_writes_nothing_wakes_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let database = fresh(&dir);
        database.writer().run(|c| set_meta(c, "a", "1")).unwrap();
        let mut commits = database.writer().commits();
        commits.mark_unchanged();
        database.writer().run(|c| meta(c, "a")).unwrap();
        assert!(!commits.has_changed().unwrap());
        database.writer().run(|c| set_meta(c, "a", "2")).unwrap();
        assert!(commits.has_changed().unwrap());
    }

    #[test]
    fn one_job_that_fails_undoes_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        let database = fresh(&dir);
        let wrote = database.writer().run(|c| set_meta(c, "a", "1"));
        let failed: Result<(), _> = database.writer().run(|c| {
            set_meta(c, "b", "2")?;
            Err(CentralError::DamagedRow("test"))
        });
        assert!(wrote.is_ok() && failed.is_err());
        let values = database.read(|c| Ok((meta(c, "a")?, meta(c, "b")?))).unwrap();
        assert_eq!(values, (Some("1".into()), None));
    }
}
