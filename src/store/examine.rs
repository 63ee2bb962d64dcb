//! Looking at a database without opening it for business: no lock, no repair, nothing moved. A terminal that is running
//! on it goes on undisturbed.

use crate::connection::{Purpose, connect};
use crate::error::{OpenError, StoreError};
use crate::journal::{self, ChainReport};
use crate::key::{DatabaseKey, KeyStore};
use crate::life::Life;
use crate::recover::{self, beside};
use crate::schema::VERSION;
use crate::{StoreOptions, open, status};
use rusqlite::Connection;
use std::cmp::Ordering;
use sync::ports::{LifeId, TerminalIdentity};
use sync::protocol::event::EventHash;

/// How often what looks like a loss is looked at.
const LOOKS: usize = 3;

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its life.
    pub life: LifeId,
    /// Its number.
    pub seq: u64,
    /// The stored hash.
    pub hash: EventHash,
    /// The bytes, as they were written.
    pub bytes: String,
}

/// Reads the whole journal and checks the chain.
pub fn verify(options: &StoreOptions, keys: &dyn KeyStore) -> Result<ChainReport, OpenError> {
    looking(options, keys, journal::verify)
}

/// Visits every event of the journal, oldest first, until `visit` says stop. Rows that cannot even be read are left
/// out: [`verify`] tells of them.
pub fn export(
    options: &StoreOptions,
    keys: &dyn KeyStore,
    visit: &mut dyn FnMut(StoredEvent) -> bool,
) -> Result<(), OpenError> {
    looking(options, keys, |db| {
        let lives = Life::all(db)?;
        let mut statement =
            db.prepare("SELECT position, hash, bytes FROM journal ORDER BY position")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let position: i64 = row.get(0)?;
            let life = lives.iter().rev().find(|life| life.base_position < position);
            let (Some(life), Ok(hash), Ok(bytes)) = (life, row.get(1), row.get(2)) else {
                continue;
            };
            let seq = life.seq(position);
            if !visit(StoredEvent { life: life.id(), seq, hash: EventHash(hash), bytes }) {
                break;
            }
        }
        Ok(())
    })
}

/// What a look at the whole database tells.
#[derive(Clone, Debug)]
pub struct Examination {
    /// Pages and rows that are damaged, in the words of SQLite.
    pub faults: Vec<String>,
    /// How the journal is.
    pub chain: ChainReport,
    /// Who this device is; `None` before it is enrolled.
    pub terminal: Option<TerminalIdentity>,
}

/// Looks at everything, and changes nothing.
pub fn examine(options: &StoreOptions, keys: &dyn KeyStore) -> Result<Examination, OpenError> {
    looking(options, keys, |db| {
        let mut faults = status::check_trees(db)?;
        // A page whose newer copy lies in the log may be half written in the file: only at rest do seals count.
        if !has_log(options)? {
            faults.extend(status::check_seals(db)?);
        }
        let terminal = Life::current(db)?.map(|life| life.identity);
        Ok(Examination { faults, chain: journal::verify(db)?, terminal })
    })
}

fn has_log(options: &StoreOptions) -> Result<bool, StoreError> {
    let log = beside(&options.directory.join(open::DATABASE), "-wal");
    let bytes = options.files.len(&log).map_err(StoreError::Io)?;
    Ok(bytes.is_some_and(|bytes| bytes > 0))
}

/// Reads in one transaction, so that a terminal at work changes nothing meanwhile.
fn looking<T>(
    options: &StoreOptions,
    keys: &dyn KeyStore,
    look: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, OpenError> {
    let path = options.directory.join(open::DATABASE);
    let files = options.files.as_ref();
    let is_damaged = |detail| OpenError::Damaged { quarantined_to: None, detail };
    // Before anything connects: SQLite deletes the log of a database that is empty.
    if let Some(detail) = open::orphaned_log(files, &path)? {
        return Err(is_damaged(detail));
    }
    if !recover::is_there(files, &path)? {
        let due = recover::due(files, &path)?.into_iter().next();
        return Err(match due {
            Some(aside) => is_damaged(format!("{} waits to be recovered", aside.display())),
            None => OpenError::Missing(options.directory.clone()),
        });
    }
    let key = keys.existing_key().map_err(OpenError::Key)?.ok_or(OpenError::KeyMissing)?;
    if let Some(detail) = lasting_hidden_commits(options, &key) {
        return Err(is_damaged(detail));
    }
    let failed = |source: rusqlite::Error| damaged(StoreError::from(source));
    let mut db = connect(files, &path, &key, Purpose::Read)
        .map_err(|source| open::first_failure(&path, &key, source))?;
    let found: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    match found.cmp(&VERSION) {
        // Made, and cut off before anything was in it.
        Ordering::Less if found == 0 => return Err(OpenError::Missing(options.directory.clone())),
        Ordering::Less => return Err(OpenError::Older { found, current: VERSION }),
        Ordering::Greater => return Err(OpenError::Newer { found, supported: VERSION }),
        Ordering::Equal => {}
    }
    let tx = db.transaction().map_err(failed)?;
    look(&tx).map_err(damaged)
}

/// Commits behind a damaged part of the log. A terminal at work may write a frame while it is read, so what is found
/// counts only when it is found each time.
fn lasting_hidden_commits(options: &StoreOptions, key: &DatabaseKey) -> Option<String> {
    let path = options.directory.join(open::DATABASE);
    let look = || recover::hidden_commits(options.files.as_ref(), &path, key);
    (1..LOOKS).try_fold(look()?, |_, _| look())
}

fn damaged(error: StoreError) -> OpenError {
    match error {
        // What SQLite cannot make sense of is damage; that it cannot open the file or must wait is not.
        StoreError::Sqlite(source) | StoreError::Busy(source) => {
            OpenError::Sqlite { during: "looking at it", source }
        }
        StoreError::Damaged(cause) => {
            OpenError::Damaged { quarantined_to: None, detail: cause.to_string() }
        }
        other => OpenError::Damaged { quarantined_to: None, detail: other.to_string() },
    }
}
