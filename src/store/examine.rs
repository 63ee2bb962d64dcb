//! Looking at a database without opening it for business: no lock, no repair, nothing moved. A terminal that is running
//! on it goes on undisturbed.

use crate::connection::{Purpose, connect};
use crate::error::{OpenError, StoreError};
use crate::journal::{self, ChainReport};
use crate::key::KeyStore;
use crate::life::Life;
use crate::{StoreOptions, open};
use rusqlite::Connection;
use sync::ports::LifeId;
use sync::protocol::event::EventHash;

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

/// Reads in one transaction, so that a terminal at work changes nothing meanwhile.
fn looking<T>(
    options: &StoreOptions,
    keys: &dyn KeyStore,
    look: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, OpenError> {
    let key = keys.existing_key().map_err(OpenError::Key)?.ok_or(OpenError::KeyMissing)?;
    let path = options.directory.join(open::DATABASE);
    let failed = |source: rusqlite::Error| damaged(StoreError::from(source));
    let mut db = connect(options.files.as_ref(), &path, &key, Purpose::Read).map_err(failed)?;
    let found: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    if found != crate::schema::VERSION {
        return Err(OpenError::Newer { found, supported: crate::schema::VERSION });
    }
    let tx = db.transaction().map_err(failed)?;
    look(&tx).map_err(damaged)
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
