//! Who this device is, and the head of its journal: one row, read and written with every event.

use crate::error::StoreError;
use domain::id::{StoreId, TerminalId};
use domain::time::DeviceTime;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sync::ports::{DeviceKey, TerminalIdentity};
use sync::protocol::event::{EventHash, Place};
use uuid::Uuid;

/// How far a clock may be set back without the times of events going back, milliseconds: what a clock corrects
/// by itself stays hidden, but one that stood in another year must not stamp every later sale with that year.
pub const CLOCK_BACK_MS_MAX: i64 = 5 * 60 * 1_000;

/// One enrolment.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub number: i64,
    pub identity: TerminalIdentity,
    /// Journal position of seq 0.
    pub base_position: i64,
    pub last_seq: u64,
    pub last_hash: EventHash,
    pub last_at: DeviceTime,
    pub acked_seq: u64,
    pub receipt_counter: u64,
}

const COLUMNS: &str = "number, terminal, epoch, name, store, store_name, central, device_key, base_position, \
                       last_seq, last_hash, last_at_ms, acked_seq, receipt_counter";

impl Life {
    /// The current life; `None` before enrolment.
    pub fn current(db: &Connection) -> Result<Option<Self>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM life ORDER BY number DESC LIMIT 1");
        let mut statement = db.prepare_cached(&sql)?;
        Ok(statement.query_row([], Self::from_row).optional()?)
    }

    /// The current life, where an event is about to be written.
    pub fn required(db: &Connection) -> Result<Self, StoreError> {
        Self::current(db)?.ok_or(StoreError::NotEnrolled)
    }

    /// Every life, oldest first.
    pub fn all(db: &Connection) -> Result<Vec<Self>, StoreError> {
        let mut statement = db.prepare(&format!("SELECT {COLUMNS} FROM life ORDER BY number"))?;
        let lives = statement.query_map([], Self::from_row)?;
        Ok(lives.collect::<Result<_, _>>()?)
    }

    fn from_row(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            number: row.get(0)?,
            identity: TerminalIdentity {
                id: TerminalId::from_uuid(uuid_at(row, 1)?),
                epoch: row.get(2)?,
                name: row.get(3)?,
                store: StoreId::from_uuid(uuid_at(row, 4)?),
                store_name: row.get(5)?,
                central: row.get(6)?,
                device_key: DeviceKey(row.get(7)?),
            },
            base_position: row.get(8)?,
            last_seq: row.get(9)?,
            last_hash: EventHash(row.get(10)?),
            last_at: DeviceTime(row.get(11)?),
            acked_seq: row.get(12)?,
            receipt_counter: row.get(13)?,
        })
    }

    /// Adds a life after all others.
    pub fn insert(
        db: &Connection,
        identity: &TerminalIdentity,
        base_position: i64,
        at: DeviceTime,
    ) -> Result<(), StoreError> {
        db.prepare_cached(
            "INSERT INTO life (terminal, epoch, name, store, store_name, central, device_key, base_position, \
             last_hash, last_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            identity.id.uuid().as_bytes(),
            identity.epoch,
            identity.name,
            identity.store.uuid().as_bytes(),
            identity.store_name,
            identity.central,
            identity.device_key.0,
            base_position,
            EventHash::GENESIS.0,
            at.0,
        ])?;
        Ok(())
    }

    /// Writes the head back, in the transaction of the events it speaks of.
    pub fn save_head(&self, db: &Connection) -> Result<(), StoreError> {
        db.prepare_cached(
            "UPDATE life SET last_seq = ?2, last_hash = ?3, last_at_ms = ?4, receipt_counter = ?5 \
             WHERE number = ?1",
        )?
        .execute(params![
            self.number,
            self.last_seq,
            self.last_hash.0,
            self.last_at.0,
            self.receipt_counter
        ])?;
        Ok(())
    }

    /// The time of an event that happens when the clock says `at`: that of the event before, if the clock is
    /// behind it by at most [`CLOCK_BACK_MS_MAX`], else `at`, even if that is earlier. Times are for people; the
    /// order of events is their `seq` and nothing else.
    pub fn time_of(&self, at: DeviceTime) -> DeviceTime {
        let behind_ms = self.last_at.0.saturating_sub(at.0);
        if (0..=CLOCK_BACK_MS_MAX).contains(&behind_ms) { self.last_at } else { at }
    }

    /// The place of one of its events.
    pub fn place(&self, seq: u64) -> Place {
        Place { terminal: self.identity.id, epoch: self.identity.epoch, seq }
    }

    /// The journal position of one of its events.
    pub fn position(&self, seq: u64) -> i64 {
        self.base_position.saturating_add_unsigned(seq)
    }

    /// The journal position of the last acknowledged event.
    pub fn acked_position(&self) -> i64 {
        self.position(self.acked_seq)
    }
}

/// A UUID from a BLOB(16) column.
pub(crate) fn uuid_at(row: &Row<'_>, column: usize) -> Result<Uuid, rusqlite::Error> {
    Ok(Uuid::from_bytes(row.get(column)?))
}
