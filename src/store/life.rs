//! Who this device is, and the head of its journal: one row a life, the current one read and written with every
//! event.

use crate::error::StoreError;
use domain::event::RenewalReason;
use domain::hlc::Hlc;
use domain::id::{StoreId, TerminalId};
use domain::time::DeviceTime;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sync::ports::{DeviceKey, LifeId, LifeStanding, TerminalIdentity};
use sync::protocol::event::{EventHash, Place, Stamp};
use uuid::Uuid;

/// How far a clock may be set back without the times of events going back, milliseconds: what a clock corrects
/// by itself stays hidden, but one that stood in another year must not stamp every later sale with that year.
pub const CLOCK_BACK_MS_MAX: i64 = 5 * 60 * 1_000;

/// One life: an enrolment, or a renewal.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub number: i64,
    pub identity: TerminalIdentity,
    pub standing: LifeStanding,
    /// Set in a renewed life: the epoch before, and why.
    pub renewal: Option<(u32, RenewalReason)>,
    /// Journal position of seq 0.
    pub base_position: i64,
    pub last_seq: u64,
    pub last_hash: EventHash,
    pub last_at: DeviceTime,
    pub last_hlc: Hlc,
    pub clock_offset_ms: Option<i64>,
    pub receipt_counter: u64,
    pub acked_seq: u64,
    pub acked_hash: EventHash,
    /// Events behind it go as strays; `None`: all go by number.
    pub numbered_seq: Option<u64>,
    /// Of the strays, central holds those up to here.
    pub strayed_seq: u64,
}

const COLUMNS: &str = "number, terminal, epoch, name, store, store_name, central, device_key, standing, \
                       former_epoch, reason, base_position, last_seq, last_hash, last_at_ms, last_hlc, \
                       clock_offset_ms, receipt_counter, acked_seq, acked_hash, numbered_seq, strayed_seq";

impl Life {
    /// A life that is about to begin after `former`: nothing has happened in it. The clock goes on, whoever the
    /// device is.
    pub fn new(identity: TerminalIdentity, former: Option<&Self>, at: DeviceTime) -> Self {
        Self {
            number: former.map_or(1, |former| former.number + 1),
            identity,
            standing: LifeStanding::Registered,
            renewal: None,
            base_position: former.map_or(0, |former| former.position(former.last_seq)),
            last_seq: 0,
            last_hash: EventHash::GENESIS,
            last_at: former.map_or(at, |former| former.time_of(at)),
            last_hlc: former.map_or(Hlc::ZERO, |former| former.last_hlc),
            clock_offset_ms: former.and_then(|former| former.clock_offset_ms),
            receipt_counter: 0,
            acked_seq: 0,
            acked_hash: EventHash::GENESIS,
            numbered_seq: None,
            strayed_seq: 0,
        }
    }

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

    /// The life of that id, current or former.
    pub fn by_id(db: &Connection, id: LifeId) -> Result<Option<Self>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM life WHERE terminal = ?1 AND epoch = ?2");
        let mut statement = db.prepare_cached(&sql)?;
        let terminal = id.terminal.uuid();
        let life = statement.query_row(params![terminal.as_bytes(), id.epoch], Self::from_row);
        Ok(life.optional()?)
    }

    /// The life in which the event at a journal position was written.
    pub fn of_position(db: &Connection, position: i64) -> Result<Self, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM life WHERE base_position < ?1 ORDER BY number DESC LIMIT 1"
        );
        let life = db.prepare_cached(&sql)?.query_row([position], Self::from_row).optional()?;
        life.ok_or_else(|| StoreError::damaged("an event is in no life"))
    }

    /// Every life, oldest first.
    pub fn all(db: &Connection) -> Result<Vec<Self>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM life ORDER BY number");
        let mut statement = db.prepare_cached(&sql)?;
        let lives = statement.query_map([], Self::from_row)?;
        Ok(lives.collect::<Result<_, _>>()?)
    }

    fn from_row(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        let former_epoch: Option<u32> = row.get(9)?;
        let reason: Option<String> = row.get(10)?;
        let reason = reason.map(|name| reason_at(&name, 10)).transpose()?;
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
            standing: standing_at(&row.get::<_, String>(8)?, former_epoch.zip(reason), 8)?,
            renewal: former_epoch.zip(reason),
            base_position: row.get(11)?,
            last_seq: row.get(12)?,
            last_hash: EventHash(row.get(13)?),
            last_at: DeviceTime(row.get(14)?),
            last_hlc: Hlc::from_packed(row.get::<_, i64>(15)?.cast_unsigned()),
            clock_offset_ms: row.get(16)?,
            receipt_counter: row.get(17)?,
            acked_seq: row.get(18)?,
            acked_hash: EventHash(row.get(19)?),
            numbered_seq: row.get(20)?,
            strayed_seq: row.get(21)?,
        })
    }

    /// Adds the life after all others.
    pub fn insert(&self, db: &Connection) -> Result<(), StoreError> {
        let (former_epoch, reason) = self.renewal.unzip();
        let identity = &self.identity;
        db.prepare_cached(&format!(
            "INSERT INTO life ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, \
             ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)"
        ))?
        .execute(params![
            self.number,
            identity.id.uuid().as_bytes(),
            identity.epoch,
            identity.name,
            identity.store.uuid().as_bytes(),
            identity.store_name,
            identity.central,
            identity.device_key.0,
            standing_name(self.standing),
            former_epoch,
            reason.map(RenewalReason::name),
            self.base_position,
            self.last_seq,
            self.last_hash.0,
            self.last_at.0,
            self.last_hlc.packed().cast_signed(),
            self.clock_offset_ms,
            self.receipt_counter,
            self.acked_seq,
            self.acked_hash.0,
            self.numbered_seq,
            self.strayed_seq,
        ])?;
        crate::recover::keep_copy(db, self)
    }

    /// Writes the head back, in the transaction of the events it speaks of.
    pub fn save_head(&self, db: &Connection) -> Result<(), StoreError> {
        db.prepare_cached(
            "UPDATE life SET last_seq = ?2, last_hash = ?3, last_at_ms = ?4, receipt_counter = ?5, last_hlc = ?6 \
             WHERE number = ?1",
        )?
        .execute(params![
            self.number,
            self.last_seq,
            self.last_hash.0,
            self.last_at.0,
            self.receipt_counter,
            self.last_hlc.packed().cast_signed(),
        ])?;
        Ok(())
    }

    /// Writes back what central holds, and what it will not take by number.
    pub fn save_held(&self, db: &Connection) -> Result<(), StoreError> {
        db.prepare_cached(
            "UPDATE life SET standing = ?2, acked_seq = ?3, acked_hash = ?4, numbered_seq = ?5, strayed_seq = ?6 \
             WHERE number = ?1",
        )?
        .execute(params![
            self.number,
            standing_name(self.standing),
            self.acked_seq,
            self.acked_hash.0,
            self.numbered_seq,
            self.strayed_seq,
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

    /// The stamp of the next event, when the clock says `at`.
    pub fn stamp(&self, at: DeviceTime) -> Stamp {
        let known = Stamp { at_ms: self.time_of(at).0, offset_ms: self.clock_offset_ms, hlc: None };
        Stamp { hlc: Some(self.last_hlc.tick(known.physical_ms())), ..known }
    }

    /// Its id.
    pub const fn id(&self) -> LifeId {
        self.identity.life()
    }

    /// The place of one of its events.
    pub fn place(&self, seq: u64) -> Place {
        self.id().place(seq)
    }

    /// The journal position of one of its events.
    pub fn position(&self, seq: u64) -> i64 {
        self.base_position.saturating_add_unsigned(seq)
    }

    /// The number of the event at a journal position of this life.
    pub fn seq(&self, position: i64) -> u64 {
        u64::try_from(position.saturating_sub(self.base_position)).unwrap_or(0)
    }

    /// The last number that can be booked as such.
    pub fn numbered_until(&self) -> u64 {
        self.numbered_seq.map_or(self.last_seq, |until| until.min(self.last_seq))
    }

    /// Events that wait to be acknowledged by their number.
    pub fn waiting(&self) -> u64 {
        self.numbered_until().saturating_sub(self.acked_seq)
    }

    /// The number behind which strays wait; `None` if there are none.
    pub fn strays_after(&self) -> Option<u64> {
        let after = self.numbered_seq?.max(self.acked_seq).max(self.strayed_seq);
        (after < self.last_seq).then_some(after)
    }

    /// Whether central holds an event, by its number or as a stray.
    pub fn is_held(&self, seq: u64) -> bool {
        let is_stray = self.numbered_seq.is_some_and(|until| seq > until);
        seq <= self.acked_seq || (is_stray && seq <= self.strayed_seq)
    }
}

const fn standing_name(standing: LifeStanding) -> &'static str {
    match standing {
        LifeStanding::Registered => "registered",
        LifeStanding::Unregistered { .. } => "unregistered",
        LifeStanding::Closed => "closed",
    }
}

fn standing_at(
    name: &str,
    renewal: Option<(u32, RenewalReason)>,
    column: usize,
) -> Result<LifeStanding, rusqlite::Error> {
    match (name, renewal) {
        ("registered", _) => Ok(LifeStanding::Registered),
        ("unregistered", Some((former_epoch, reason))) => {
            Ok(LifeStanding::Unregistered { former_epoch, reason })
        }
        ("closed", _) => Ok(LifeStanding::Closed),
        _ => Err(unreadable(column, "the standing of a life")),
    }
}

fn reason_at(name: &str, column: usize) -> Result<RenewalReason, rusqlite::Error> {
    let known = RenewalReason::ALL.into_iter().find(|reason| reason.name() == name);
    known.ok_or_else(|| unreadable(column, "the reason of a renewal"))
}

fn unreadable(column: usize, what: &str) -> rusqlite::Error {
    let cause = crate::error::Unreadable(what.to_owned());
    let kind = rusqlite::types::Type::Text;
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(cause))
}

/// A UUID from a BLOB(16) column.
pub(crate) fn uuid_at(row: &Row<'_>, column: usize) -> Result<Uuid, rusqlite::Error> {
    Ok(Uuid::from_bytes(row.get(column)?))
}
