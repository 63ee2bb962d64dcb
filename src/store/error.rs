//! Errors of the store: few kinds, each with something that a person or the program can do about it.
//!
//! No variant carries data of customers: SQL is bound, and the text of SQLite names tables and codes only.

use crate::key::KeyError;
use rusqlite::ErrorCode;
use std::io;
use std::path::PathBuf;

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another instance runs on the same directory.
    #[error("another instance of Crossroads is already running with this data")]
    Locked,
    /// A newer version of the program has written it; nothing was changed.
    #[error("the database is of version {found}, this program understands up to {supported}")]
    Newer {
        /// Version found.
        found: u32,
        /// Newest version that this build understands.
        supported: u32,
    },
    /// There is none, and whoever asked makes none.
    #[error("there is no database in `{}`", .0.display())]
    Missing(PathBuf),
    /// An older version of the program has written it; whoever asked changes nothing.
    #[error("the database is of version {found}, older than {current}")]
    Older {
        /// Version found.
        found: u32,
        /// The one that this build writes.
        current: u32,
    },
    /// It is damaged. It was moved aside, never deleted: it may hold orders that central has not got.
    #[error("the database is damaged: {detail}")]
    Damaged {
        /// Where it lies now; `None` if it could not be moved.
        quarantined_to: Option<PathBuf>,
        /// What was found.
        detail: String,
    },
    /// There is a database, but its key is gone. Nothing was created or moved.
    #[error("the database is there, but its key is missing; restore the key file")]
    KeyMissing,
    /// The key is not the one that the database was made with. Nothing was moved.
    #[error("the key does not open this database")]
    WrongKey,
    /// The key could not be read or made.
    #[error("the key of the database cannot be used")]
    Key(#[source] KeyError),
    /// What was found in a damaged database could not be written into a new one. Nothing was changed.
    #[error("the damaged database could not be recovered")]
    Unrecovered(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No room for the database.
    #[error("the disk is full")]
    DiskFull(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The operating system refused a file.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// SQLite failed in another way.
    #[error("the database cannot be opened ({during})")]
    Sqlite {
        /// What was being done.
        during: &'static str,
        /// Why it failed.
        #[source]
        source: rusqlite::Error,
    },
}

impl OpenError {
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull => Self::DiskFull(Box::new(source)),
            _ => Self::Io { action, path, source },
        }
    }
}

/// Why an operation on the open database failed. Unless said otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No room left.
    #[error("the disk is full")]
    DiskFull(#[source] rusqlite::Error),
    /// A page or a row does not hold what was written.
    #[error("the database is damaged")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A lock was not released in time; trying again makes sense.
    #[error("the database is busy")]
    Busy(#[source] rusqlite::Error),
    /// Events need a terminal identity first.
    #[error("this device is not enrolled")]
    NotEnrolled,
    /// Central has not yet said which store this is.
    #[error("the store is not configured yet")]
    NotConfigured,
    /// There is a basket in work that has lines.
    #[error("another basket is in work")]
    DraftInTheWay,
    /// The database holds this life of this terminal already, with another key.
    #[error("this life of the terminal exists already, with another key")]
    LifeTaken,
    /// The store was closed.
    #[error("the database was closed")]
    Closed,
    /// SQLite failed in another way.
    #[error("a database operation failed")]
    Sqlite(#[source] rusqlite::Error),
    /// The operating system refused a file.
    #[error("a file could not be used")]
    Io(#[source] io::Error),
}

/// Something that was written cannot be read back.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub String);

impl StoreError {
    /// No room left: the person must make room, selling goes on from the reserve.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::DiskFull(_))
    }

    /// The connection may be of no use any more. After a read that ended early SQLCipher gives zeros for every page,
    /// for ever, which looks like damage: only another connection can tell whether it is.
    pub(crate) fn spoils_connection(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Sqlite(_))
    }

    /// What was written cannot be understood any more.
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(Box::new(Unreadable(what.into())))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let Some(sqlite) = error.sqlite_error() else {
            return match error {
                // A column of the wrong type or range: the row is not what was written.
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..) => Self::Damaged(Box::new(error)),
                _ => Self::Sqlite(error),
            };
        };
        match (sqlite.code, sqlite.extended_code) {
            (ErrorCode::DiskFull, _) => Self::DiskFull(error),
            // The shared-memory file of the write-ahead log could not grow.
            (_, rusqlite::ffi::SQLITE_IOERR_SHMSIZE) => Self::DiskFull(error),
            (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => {
                Self::Damaged(Box::new(error))
            }
            // SQLITE_PROTOCOL: the locks of the log were taken away time and again.
            (
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed,
                _,
            ) => Self::Busy(error),
            _ => Self::Sqlite(error),
        }
    }
}

impl From<StoreError> for sync::ports::StorageError {
    fn from(error: StoreError) -> Self {
        Self(Box::new(error))
    }
}

/// Why an order was not committed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The basket has no lines.
    #[error("the basket is empty")]
    Empty,
    /// The shift named is not the one that is open.
    #[error("the shift is not open")]
    NoShift,
    /// Amounts do not fit together: a fault of the program, caught before it is on a receipt.
    #[error("the amounts of the order do not agree: {0}")]
    Amounts(&'static str),
    /// The storage failed.
    #[error("the order could not be written")]
    Store(#[source] StoreError),
}

impl CommitError {
    /// No room left, even after the reserve was released.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_disk_full())
    }
}
impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
impl From<rusqlite::Error> for CommitError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}
