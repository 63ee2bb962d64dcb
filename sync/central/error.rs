//! What can fail in central that is nobody's business decision: disk, database, damaged rows.
//!
//! Refusals (a gap, a used code, a foreign cursor) are values of the functions that find them, never errors.
//! Nothing here carries personal data.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A failure of central itself.
#[derive(Debug, thiserror::Error)]
pub enum CentralError {
    /// SQLite refused or failed.
    #[error("the database failed")]
    Database(#[from] rusqlite::Error),
    /// The transaction that many writes shared could not be begun or committed.
    #[error("the transaction could not be committed")]
    Commit(#[source] Arc<rusqlite::Error>),
    /// A file or folder could not be used.
    #[error("cannot {operation} {}", path.display())]
    File {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// There is no database.
    #[error("there is no chain in {}: `crossroads-central seed` makes one", path.display())]
    NoChain {
        /// Where it should be.
        path: PathBuf,
    },
    /// The database is gone and its log is not: what is in the log may be nowhere else.
    #[error(
        "{} has {bytes} bytes and no chain in it, but its log ({}-wal) holds {log_bytes} bytes of changes. Nothing \
         was touched. Copy both aside before anything else, then restore a backup: docs/OPERATIONS.md, \
         \"The database is gone\"",
        path.display(),
        path.display()
    )]
    Lost {
        /// Where it should be.
        path: PathBuf,
        /// What is there.
        bytes: u64,
        /// What is in the log.
        log_bytes: u64,
    },
    /// The database was written by a newer version of this program.
    #[error("the database has schema {found}, this program knows {known}: use the newer program")]
    NewerDatabase {
        /// Version found.
        found: u32,
        /// Newest version known here.
        known: u32,
    },
    /// A row that central itself wrote is not readable.
    #[error("a stored {0} row is damaged")]
    DamagedRow(&'static str),
    /// JSON that central itself makes could not be made.
    #[error("a row cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    /// The writer thread is gone: central is shutting down.
    #[error("central is shutting down")]
    Stopped,
    /// A defect in this program: a write panicked. What it had written is rolled back.
    #[error("a write ended in a panic")]
    Panicked,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

impl CentralError {
    /// Shorthand for [`Self::File`].
    pub fn file(
        operation: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::File { operation, path, source }
    }

    /// Whether SQLite refused a row because of a constraint: the data's fault, not the disk's.
    pub fn is_constraint(&self) -> bool {
        matches!(self, Self::Database(error)
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation))
    }

    /// Whether SQLite found the file itself damaged.
    pub fn is_damaged_file(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        matches!(self.sqlite_code(), Some(DatabaseCorrupt | NotADatabase))
    }

    /// Whether the disk refused: it is full, fails, or may only be read.
    pub fn is_refusal_of_disk(&self) -> bool {
        use rusqlite::ErrorCode::{CannotOpen, DiskFull, ReadOnly, SystemIoFailure};
        let refusals = [DiskFull, SystemIoFailure, ReadOnly, CannotOpen];
        self.sqlite_code().is_some_and(|code| refusals.contains(&code))
    }

    /// Whether that was for want of room.
    pub fn is_full_disk(&self) -> bool {
        self.sqlite_code() == Some(rusqlite::ErrorCode::DiskFull)
    }

    fn sqlite_code(&self) -> Option<rusqlite::ErrorCode> {
        match self {
            Self::Database(error) => error.sqlite_error_code(),
            Self::Commit(error) => error.sqlite_error_code(),
            _ => None,
        }
    }

    /// Whether a stored value is not what it should be: it concerns what refers to it, not the whole database.
    pub fn is_damaged_value(&self) -> bool {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType,
        };
        matches!(
            self,
            Self::DamagedRow(_)
                | Self::Database(
                    FromSqlConversionFailure(..)
                        | IntegralValueOutOfRange(..)
                        | InvalidColumnType(..)
                )
        )
    }
}
