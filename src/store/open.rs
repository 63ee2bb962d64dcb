//! Opening the database: lock, key, version, health; and what is done when one of them is not right.
//!
//! ```text
//! lock file taken?  -> Locked         database there, key gone? -> KeyMissing      another key's? -> WrongKey
//! version too new?  -> Newer          pages or chain broken?    -> moved aside, Damaged
//! moved aside, not recovered yet?  -> Damaged: nothing new takes its place
//! ```
//! Nothing is ever deleted here: a damaged database may hold the only copy of orders.

use crate::StoreOptions;
use crate::connection::{Door, Purpose, connect, keep_log};
use crate::disk::Reserve;
use crate::error::{OpenError, StoreError};
use crate::files::DatabaseFiles;
use crate::head;
use crate::journal;
use crate::key::{DatabaseKey, KeyStore, sync_parent};
use crate::reader::Readers;
use crate::recover::{self, beside};
use crate::schema::{self, Migration};
use fs4::{FileExt, TryLockError};
use rusqlite::Connection;
use rusqlite::ffi::SQLITE_IOERR_READ;
use std::ffi::c_int;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) const DATABASE: &str = "crossroads.db";
const LOCK: &str = "crossroads.lock";
const FINGERPRINT: &str = "crossroads.db.key-fingerprint";

/// Up to this size every page is checked at each start; above, only the pages of small tables and the last
/// events are, and `doctor` checks the rest: a million articles must not delay the first sale by seconds.
const QUICK_CHECK_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A page of the file; [`connect`] sets it.
const PAGE_BYTES: u64 = 4096;
/// What a log begins with before its first frame (sqlite.org/fileformat2.html#walformat).
const LOG_HEADER_BYTES: u64 = 32;
/// Events whose chain is checked at each start.
const TAIL_EVENTS: u64 = 200;

/// What an open database consists of, before its threads start.
pub(crate) struct Opened {
    pub lock: File,
    pub connection: Connection,
    pub door: Door,
    pub readers: Readers,
    pub reserve: Reserve,
}

/// Opens with the released schema.
pub(crate) fn open(options: &StoreOptions, keys: &dyn KeyStore) -> Result<Opened, OpenError> {
    open_as(options, keys, schema::SCHEMA, schema::MIGRATIONS, schema::VERSION)
}

/// Opens with a given schema and migrations, so that tests can have a future.
pub(crate) fn open_as(
    options: &StoreOptions,
    keys: &dyn KeyStore,
    schema_sql: &str,
    migrations: &[Migration],
    version: u32,
) -> Result<Opened, OpenError> {
    let directory = &options.directory;
    make_directory(directory)?;
    let lock = take_lock(directory)?;
    let path = directory.join(DATABASE);
    let files = options.files.as_ref();
    if let Some(aside) = recover::finish_move(files, &path)? {
        let detail = "moving it aside was interrupted".into();
        return Err(OpenError::Damaged { quarantined_to: Some(aside), detail });
    }
    if let Some(detail) = orphaned_log(files, &path)? {
        // So that it can be told later that both were moved.
        files.create(&path).map_err(OpenError::io("create", &path))?;
        return Err(quarantine(files, &path, detail));
    }
    if let Some(aside) = recover::due(files, &path)?.into_iter().next() {
        let detail = "it was moved aside and waits to be recovered".into();
        return Err(OpenError::Damaged { quarantined_to: Some(aside), detail });
    }
    let key = find_key(files, &path, keys)?;
    if let Some(detail) = recover::hidden_commits(files, &path, &key) {
        return Err(quarantine(files, &path, detail));
    }
    make_log_durable(files, &path)?;
    let prepare = || -> Result<Connection, OpenError> {
        let mut connection = connect(files, &path, &key, Purpose::Write)
            .map_err(|source| first_failure(&path, &key, source))?;
        let keep = |connection: &Connection, is_kept| {
            keep_log(connection, is_kept).map_err(|source| OpenError::Sqlite {
                during: "setting what becomes of the log",
                source,
            })
        };
        keep(&connection, true)?;
        schema::bring_up(&mut connection, files, &path, schema_sql, migrations, version)?;
        check_health(&connection, files, &path)?;
        if let Some(detail) = head::lost_end(&connection, files, &path)
            .map_err(|source| read_failure("comparing it with its note", source))?
        {
            return Err(OpenError::Damaged { quarantined_to: None, detail });
        }
        keep(&connection, false)?;
        Ok(connection)
    };
    let prepared = prepare().or_else(|failure| {
        does_disk_answer(files, &path, failure)?;
        prepare()
    });
    let connection = match prepared {
        Ok(connection) => connection,
        Err(OpenError::Damaged { detail, .. }) => return Err(quarantine(files, &path, detail)),
        Err(other) => return Err(other),
    };
    recover::remember_salt(files, &path);
    if let Err(error) = recover::keep_copies(&connection) {
        tracing::warn!(%error, "the copy of the identity could not be kept");
    }
    let door = Door { files: Arc::clone(&options.files), path, key };
    let readers = Readers::open(door.clone(), options.writing.readers())
        .map_err(|source| OpenError::Sqlite { during: "opening the readers", source })?;
    let reserve = Reserve::new(directory);
    if options.disk.space().is_ok_and(|space| !space.is_low())
        && let Err(error) = reserve.keep()
    {
        tracing::warn!(%error, "no room could be reserved for sales");
    }
    Ok(Opened { lock, connection, door, readers, reserve })
}

/// A log that was not copied back may hold commits whose sync failed: whoever reads it sees them, the disk will never
/// have them, and a power cut would take back what a person has seen since, or leave old pages over new ones. So it
/// is written anew before anything is read from it.
fn make_log_durable(files: &dyn DatabaseFiles, path: &Path) -> Result<(), OpenError> {
    let log = beside(path, "-wal");
    let bytes = files.len(&log).map_err(OpenError::io("examine", &log))?;
    if bytes.is_none_or(|bytes| bytes == 0) {
        return Ok(());
    }
    files.rewrite(&log).map_err(OpenError::io("write", &log))
}

/// A log whose database is gone or has not even its first page: SQLite takes such a database for a new one and deletes
/// the log, with every sale that is only there. Asked before anything connects; `None` if there is nothing of the kind.
pub(crate) fn orphaned_log(
    files: &dyn DatabaseFiles,
    path: &Path,
) -> Result<Option<String>, OpenError> {
    let len = |path: &Path| files.len(path).map_err(OpenError::io("examine", path));
    let bytes = len(path)?.unwrap_or(0);
    if bytes >= PAGE_BYTES || len(&beside(path, "-wal"))?.unwrap_or(0) <= LOG_HEADER_BYTES {
        return Ok(None);
    }
    Ok(Some(format!("only its log is left: the file itself has {bytes} bytes")))
}

/// What looks like damage counts only when it is found a second time, by another connection, on a disk that reads:
/// one read that failed would else move a sound database aside. Other failures, and those of the disk, are errors.
fn does_disk_answer(
    files: &dyn DatabaseFiles,
    path: &Path,
    failure: OpenError,
) -> Result<(), OpenError> {
    let OpenError::Damaged { detail, .. } = failure else { return Err(failure) };
    tracing::warn!(detail, "the database looks damaged; looking again");
    for path in [path, &beside(path, "-wal")] {
        files.read_through(path).map_err(OpenError::io("read", path))?;
    }
    Ok(())
}

fn make_directory(directory: &Path) -> Result<(), OpenError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(OpenError::io("create the directory", directory))
}

/// One instance a directory. The lock goes with the process, however it ends.
pub(crate) fn take_lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join(LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(OpenError::io("open the lock file", &path))?;
    match FileExt::try_lock(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked),
        Err(TryLockError::Error(source)) => Err(OpenError::io("lock", &path)(source)),
    }
}

/// The key of an existing database must exist; that of a new one is made, and its fingerprint kept beside the
/// database, so that a wrong key can be told from a damaged first page.
fn find_key(
    files: &dyn DatabaseFiles,
    path: &Path,
    keys: &dyn KeyStore,
) -> Result<DatabaseKey, OpenError> {
    // SQLite makes the file before it writes the first page: an empty one holds nothing. A disk that does not
    // answer is no disk without a database: the fingerprint of the right key must not be overwritten then.
    let bytes = files.len(path).map_err(OpenError::io("examine", path))?;
    let is_there = bytes.is_some_and(|bytes| bytes > 0);
    let existing = keys.existing_key().map_err(OpenError::Key)?;
    let key = match (existing, is_there) {
        (Some(key), _) => key,
        (None, true) => return Err(OpenError::KeyMissing),
        (None, false) => keys.create_key().map_err(OpenError::Key)?,
    };
    if !is_there {
        write_fingerprint(path, &key)?;
    }
    Ok(key)
}

fn fingerprint_path(path: &Path) -> PathBuf {
    path.with_file_name(FINGERPRINT)
}

fn write_fingerprint(path: &Path, key: &DatabaseKey) -> Result<(), OpenError> {
    let path = fingerprint_path(path);
    let write = || -> io::Result<()> {
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path)?;
        file.write_all(key.fingerprint().as_bytes())?;
        file.sync_all()?;
        sync_parent(&path)
    };
    write().map_err(OpenError::io("write", &path))
}

/// Why the first page could not be read: SQLCipher cannot tell a wrong key from a broken page, the fingerprint can.
/// Without one the kinder guess is a wrong key: nothing is moved then.
pub(crate) fn first_failure(path: &Path, key: &DatabaseKey, source: rusqlite::Error) -> OpenError {
    let is_right_key =
        fs::read_to_string(fingerprint_path(path)).is_ok_and(|text| text == key.fingerprint());
    match read_failure("reading its first page", source) {
        OpenError::Damaged { .. } if !is_right_key => OpenError::WrongKey,
        failure => failure,
    }
}

/// What a failed read at the start means: damage is told from a disk that is full or refuses for now, since only
/// damage may move a database aside.
fn read_failure(during: &'static str, source: rusqlite::Error) -> OpenError {
    match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            OpenError::Damaged { quarantined_to: None, detail: format!("{during}: {source}") }
        }
        Some(rusqlite::ErrorCode::DiskFull) => OpenError::DiskFull(Box::new(source)),
        _ => OpenError::Sqlite { during, source },
    }
}

fn check_health(
    connection: &Connection,
    files: &dyn DatabaseFiles,
    path: &Path,
) -> Result<(), OpenError> {
    let damaged = |detail: String| OpenError::Damaged { quarantined_to: None, detail };
    let is_small = files.len(path).is_ok_and(|bytes| bytes.unwrap_or(0) <= QUICK_CHECK_BYTES_MAX);
    // The tables without which nothing works; all are small at any size of the shop.
    let checks: &[&str] = if is_small {
        &["PRAGMA quick_check(1)"]
    } else {
        &["PRAGMA quick_check(life)", "PRAGMA quick_check(feed)", "PRAGMA quick_check(shift)"]
    };
    for check in checks {
        let answer: String = connection
            .query_row(check, [], |row| row.get(0))
            .map_err(|source| read_failure("checking its pages", source))?;
        if is_read_error(&answer) {
            return Err(OpenError::Sqlite { during: "checking its pages", source: read_error() });
        }
        if answer != "ok" {
            return Err(damaged(answer));
        }
    }
    let report = match journal::verify_tail(connection, TAIL_EVENTS) {
        Ok(report) => report,
        Err(StoreError::Damaged(cause)) => {
            return Err(damaged(format!("the journal cannot be read: {cause}")));
        }
        Err(StoreError::Sqlite(source) | StoreError::Busy(source)) => {
            return Err(OpenError::Sqlite { during: "checking the journal", source });
        }
        Err(other) => return Err(OpenError::DiskFull(Box::new(other))),
    };
    match report.fault {
        Some(fault) => Err(damaged(format!("event {} of the journal: {}", fault.seq, fault.what))),
        None => Ok(()),
    }
}

/// Whether the check of pages met a disk that does not answer: it says that in words, as it does for damage.
pub(crate) fn is_read_error(answer: &str) -> bool {
    let code = answer.rsplit_once("error code=").map(|(_, code)| code.trim());
    // The low byte is the kind of the error, the rest says which.
    code.and_then(|code| code.parse::<c_int>().ok())
        .is_some_and(|code| code & 0xff == rusqlite::ffi::SQLITE_IOERR)
}

fn read_error() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(SQLITE_IOERR_READ), None)
}

/// Moves the database with its log aside under the next number. The connection is closed by now; the key
/// and its fingerprint stay, they fit the moved file and the next one.
fn quarantine(files: &dyn DatabaseFiles, path: &Path, detail: String) -> OpenError {
    let number = match recover::set_aside(files, path) {
        Ok(numbers) => numbers.last().map_or(1, |last| last + 1),
        Err(error) => {
            let detail = format!("{detail}; where to move it aside is unknown: {error}");
            return OpenError::Damaged { quarantined_to: None, detail };
        }
    };
    let aside = |suffix: &str| aside(path, number, suffix);
    // The log goes first: were it left beside a new database, it would be taken for its own.
    for suffix in ["-wal", "-shm", ""] {
        match files.rename(&beside(path, suffix), &aside(suffix)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && !suffix.is_empty() => {}
            Err(error) => {
                let detail = format!("{detail}; it could not be moved aside: {error}");
                return OpenError::Damaged { quarantined_to: None, detail };
            }
        }
    }
    if let Err(error) = files.flush(&aside("")) {
        tracing::warn!(%error, "the directory could not be flushed");
    }
    OpenError::Damaged { quarantined_to: Some(aside("")), detail }
}

/// The name of a database, or of a file of it, that was moved aside.
pub(crate) fn aside(path: &Path, number: u32, suffix: &str) -> PathBuf {
    beside(path, &format!(".damaged-{number}{suffix}"))
}
