//! What lies where a database should be, looked at before SQLite opens anything.
//!
//! SQLite takes a file without a page for a new database and deletes the log beside it, without a word. After a power
//! cut that log may be the only place where acknowledged events are. So a file that is gone while its log is not is
//! refused and nothing is touched; and a new database is made whole under another name before it gets its own, so that
//! one without tables was never a database of ours.

use super::{configure_any, migrate};
use crate::error::CentralError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A log of this length or less has its header and no frame: nothing is in it.
const LOG_HEADER_BYTES: u64 = 32;
/// The smallest page that SQLite knows.
const PAGE_BYTES_MIN: u64 = 512;

/// What is to be done with the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It must be there.
    Use,
    /// It is made if there is none.
    Create,
}

/// The log of a database.
pub(crate) fn log_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// The length of a file; 0 if there is none.
fn length(path: &Path) -> Result<u64, CentralError> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(CentralError::file("look at", path)(error)),
    }
}

/// The length of a page as the file says (<https://sqlite.org/fileformat.html>, 1.3.2), or the least.
fn page_bytes(path: &Path) -> Result<u64, CentralError> {
    let mut head = Vec::new();
    let mut file = File::open(path).map_err(CentralError::file("open", path))?.take(18);
    file.read_to_end(&mut head).map_err(CentralError::file("read", path))?;
    let is_header = head.len() == 18 && head.starts_with(b"SQLite format 3\0");
    Ok(match is_header.then(|| u16::from_be_bytes([head[16], head[17]])) {
        Some(1) => 65_536,
        Some(bytes) => u64::from(bytes).max(PAGE_BYTES_MIN),
        None => PAGE_BYTES_MIN,
    })
}

/// The version of the schema. Reads only, and leaves the log where it is.
fn schema_version(path: &Path) -> Result<u32, CentralError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(super::BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Looks before anything is opened: refuses what SQLite would take for a new database and is none, makes one where
/// that is asked for. Afterwards there is a database with tables.
pub(super) fn prepare(path: &Path, purpose: Purpose) -> Result<(), CentralError> {
    let (bytes, log_bytes) = (length(path)?, length(&log_path(path))?);
    let is_short = bytes < PAGE_BYTES_MIN || bytes < page_bytes(path)?;
    let has_log = log_bytes > LOG_HEADER_BYTES;
    let lost = || CentralError::Lost { path: path.into(), bytes, log_bytes };
    match (is_short, purpose) {
        (true, _) if has_log => Err(lost()),
        (true, Purpose::Use) => Err(CentralError::NoChain { path: path.into() }),
        (true, Purpose::Create) => create(path),
        (false, _) => match (schema_version(path)?, purpose) {
            (0, _) if has_log => Err(lost()),
            (0, Purpose::Use) => Err(CentralError::NoChain { path: path.into() }),
            _ => Ok(()),
        },
    }
}

/// Makes a database with all tables and nothing in them. It gets its name when it is whole and on disk; if another
/// process was faster, its database is as good. An empty file of that name is left for the caller to fill.
fn create(path: &Path) -> Result<(), CentralError> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(format!(".new-{}-{}", number.0, number.1));
    let fresh = PathBuf::from(fresh);
    let _remove = Remove(&fresh);
    {
        let mut connection = Connection::open(&fresh)?;
        connection.pragma_update(None, "synchronous", "full")?;
        configure_any(&connection)?;
        migrate(&mut connection)?;
        // Last, so that nothing but this is ever in a log of that name; whoever opens it finds it so.
        connection.pragma_update(None, "journal_mode", "wal")?;
    }
    match fs::hard_link(&fresh, path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        // A file system without links: then two that seed at once are not told apart.
        Err(_) => fs::rename(&fresh, path).map_err(CentralError::file("create", path))?,
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(CentralError::file("write", folder))
}

/// Removes a name when it is left.
struct Remove<'a>(&'a Path);
impl Drop for Remove<'_> {
    fn drop(&mut self) {
        // Gone already if it was renamed.
        let _ = fs::remove_file(self.0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::db::{Database, meta, set_meta};

    /// A database whose rows are in the log alone, as a power cut leaves it.
    fn with_log(dir: &Path) -> PathBuf {
        let (made, path) = (dir.join("made.db"), dir.join("central.db"));
        let database = Database::open(&made, Purpose::Create).unwrap();
        database.writer().run(|c| set_meta(c, "a", &"x".repeat(100_000))).unwrap();
        fs::copy(&made, &path).unwrap();
        fs::copy(log_path(&made), log_path(&path)).unwrap();
        assert!(length(&log_path(&path)).unwrap() > 100_000);
        path
    }

    fn seen(path: &Path) -> (Option<Vec<u8>>, Vec<u8>) {
        (fs::read(path).ok(), fs::read(log_path(path)).unwrap())
    }

    /// One line, one case: what is left of the file while its log is whole.
    #[test]
    fn a_file_that_is_gone_while_its_log_is_not_is_refused_and_nothing_is_touched() {
        for left in [None, Some(0), Some(1), Some(511), Some(512), Some(4095)] {
            for purpose in [Purpose::Use, Purpose::Create] {
                let dir = tempfile::tempdir().unwrap();
                let path = with_log(dir.path());
                match left {
                    None => fs::remove_file(&path).unwrap(),
                    Some(bytes) => {
                        File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap()
                    }
                }
                let before = seen(&path);
                let refused = Database::open(&path, purpose);
                assert!(matches!(refused, Err(CentralError::Lost { .. })), "{left:?} {purpose:?}");
                assert_eq!(seen(&path), before, "{left:?} {purpose:?}");
            }
        }
    }

    #[test]
    fn a_log_that_does_not_fit_a_database_without_tables_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = with_log(dir.path());
        fs::remove_file(&path).unwrap();
        Connection::open(dir.path().join("bare.db"))
            .unwrap()
            .execute_batch("PRAGMA journal_mode = wal")
            .unwrap();
        fs::copy(dir.path().join("bare.db"), &path).unwrap();
        // The head of the log is what says that its frames are of this database.
        let mut log = fs::read(log_path(&path)).unwrap();
        log[..32].fill(0);
        fs::write(log_path(&path), log).unwrap();
        let before = seen(&path);
        for purpose in [Purpose::Use, Purpose::Create] {
            let refused = Database::open(&path, purpose);
            assert!(matches!(refused, Err(CentralError::Lost { .. })), "{purpose:?}");
            assert_eq!(seen(&path), before, "{purpose:?}");
        }
    }

    #[test]
    fn a_log_that_fits_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = with_log(dir.path());
        let database = Database::open(&path, Purpose::Use).unwrap();
        assert_eq!(database.read(|c| meta(c, "a")).unwrap().unwrap().len(), 100_000);
    }

    #[test]
    fn only_who_is_to_make_a_database_makes_one() {
        for is_empty_file in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("central.db");
            if is_empty_file {
                fs::write(&path, "").unwrap();
            }
            let names = || fs::read_dir(dir.path()).unwrap().count();
            let before = names();
            let refused = Database::open(&path, Purpose::Use);
            assert!(matches!(refused, Err(CentralError::NoChain { .. })));
            assert_eq!((length(&path).unwrap(), names()), (0, before));
            drop(Database::open(&path, Purpose::Create).unwrap());
            assert_eq!(names(), 1, "nothing is left beside it");
            drop(Database::open(&path, Purpose::Use).unwrap());
        }
    }

    #[test]
    fn two_that_make_a_database_at_once_get_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("central.db");
        let open = |key: usize| {
            let database = Database::open(&path, Purpose::Create).unwrap();
            database.writer().run(move |c| set_meta(c, &key.to_string(), "here")).unwrap();
        };
        std::thread::scope(|scope| (0..4).for_each(|key| drop(scope.spawn(move || open(key)))));
        let database = Database::open(&path, Purpose::Use).unwrap();
        let sql = "SELECT count(*) FROM meta WHERE value = 'here'";
        let count = |c: &Connection| Ok(c.query_row(sql, [], |row| row.get::<_, i64>(0))?);
        assert_eq!(database.read(count).unwrap(), 4);
    }
}
