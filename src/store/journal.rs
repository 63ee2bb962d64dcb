//! The journal: append-only, gapless, each event naming the hash of the one before (invariants 2 and 3).
//!
//! ```text
//! position   1            2             3                       bytes are hashed as they are stored:
//!            hash 0 <---- prev hash 1 <--- prev hash 2          hash = SHA-256(bytes), bytes contain prev
//! ```
//! Whoever changes, drops, adds or swaps a row must change every hash after it, and the head that central has
//! acknowledged. Nothing here ever updates or deletes a row.

use crate::error::StoreError;
use crate::life::Life;
use domain::event::Event;
use domain::time::DeviceTime;
use rusqlite::{Connection, OptionalExtension, params};
use std::ops::RangeInclusive;
use sync::ports::LifeId;
use sync::protocol::event::{Envelope, EventHash, Stamp, seal};

/// Where an event came to stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Appended {
    pub seq: u64,
    pub position: i64,
}

/// Seals an event at the end of the journal and moves `life`'s head; the caller saves the head in the same
/// transaction. The order of events is their `seq`; for their times see [`Life::time_of`].
pub(crate) fn append(
    db: &Connection,
    life: &mut Life,
    at: DeviceTime,
    event: &Event,
) -> Result<Appended, StoreError> {
    let stamp = life.stamp(at);
    let seq = life.last_seq + 1;
    let sealed = seal(life.place(seq), life.last_hash, stamp, event);
    let position = life.position(seq);
    db.prepare_cached(
        "INSERT INTO journal (position, kind, aggregate, at_ms, prev, hash, bytes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        position,
        event.name(),
        event.aggregate().as_ref().map(uuid::Uuid::as_bytes),
        stamp.at_ms,
        life.last_hash.0,
        sealed.hash.0,
        sealed.bytes,
    ])?;
    (life.last_seq, life.last_hash) = (seq, sealed.hash);
    life.last_at = DeviceTime(stamp.at_ms);
    life.last_hlc = stamp.hlc.unwrap_or(life.last_hlc);
    Ok(Appended { seq, position })
}

/// One row as stored.
#[derive(Clone, Debug)]
pub(crate) struct JournalRow {
    pub position: i64,
    pub kind: String,
    pub aggregate: Option<[u8; 16]>,
    pub at_ms: i64,
    pub prev: EventHash,
    pub hash: EventHash,
    pub bytes: String,
}

const COLUMNS: &str = "position, kind, aggregate, at_ms, prev, hash, bytes";

/// A row whose columns cannot even be read is told apart from a database that cannot.
enum Stored {
    Row(JournalRow),
    Unreadable,
}

fn read_row(row: &rusqlite::Row<'_>) -> Result<Stored, rusqlite::Error> {
    let position = row.get(0)?;
    let read = || -> Result<JournalRow, rusqlite::Error> {
        Ok(JournalRow {
            position,
            kind: row.get(1)?,
            aggregate: row.get(2)?,
            at_ms: row.get(3)?,
            prev: EventHash(row.get(4)?),
            hash: EventHash(row.get(5)?),
            bytes: row.get(6)?,
        })
    };
    Ok(read().map_or(Stored::Unreadable, Stored::Row))
}

/// A fault in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainFault {
    /// In which life.
    pub life: Option<LifeId>,
    /// Number of the event in it.
    pub seq: u64,
    /// What is wrong, for the log.
    pub what: String,
}

/// What [`crate::Store::verify_journal`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// Events read, over all lives.
    pub events: u64,
    /// Numbers that are known to be missing: holes that recovery has noted.
    pub missing: u64,
    /// Hash of the last sound one.
    pub last_hash: EventHash,
    /// The first fault; `None` if the chain is whole.
    pub fault: Option<ChainFault>,
}

/// Checks one row against its place and the row before.
fn fault_of(row: &JournalRow, life: &Life, seq: u64, prev: EventHash) -> Option<&'static str> {
    if EventHash::of(row.bytes.as_bytes()) != row.hash {
        return Some("the bytes do not have the stored hash");
    }
    if row.prev != prev {
        return Some("it does not name the event before");
    }
    let Ok(envelope) = Envelope::parse(&row.bytes) else {
        return Some("the bytes are not an event");
    };
    if !envelope.prev_hash().is_ok_and(|named| named == prev) {
        return Some("its bytes do not name the event before");
    }
    if envelope.place() != life.place(seq) {
        return Some("its bytes name another place");
    }
    if envelope.kind != row.kind || envelope.at_ms != row.at_ms {
        return Some("its columns differ from its bytes");
    }
    let aggregate = envelope.event().ok().map(|event| event.aggregate());
    if aggregate.is_some_and(|named| named.map(uuid::Uuid::into_bytes) != row.aggregate) {
        return Some("its columns differ from its bytes");
    }
    None
}

impl ChainReport {
    const fn new() -> Self {
        Self { events: 0, missing: 0, last_hash: EventHash::GENESIS, fault: None }
    }

    fn blame(&mut self, life: Option<&Life>, seq: u64, what: &str) {
        self.fault = Some(ChainFault { life: life.map(Life::id), seq, what: what.into() });
    }
}

/// Reads the whole journal and compares every row with its hash, its predecessor and the head, and every life with
/// the one that it follows.
pub(crate) fn verify(db: &Connection) -> Result<ChainReport, StoreError> {
    let mut report = ChainReport::new();
    let mut position = 0;
    let mut former: Option<Life> = None;
    for life in Life::all(db)? {
        if life.base_position != position {
            let what = "the journal does not continue where the life before ended";
            report.blame(Some(&life), 0, what);
            return Ok(report);
        }
        // A life of which only strays were found has no place in the journal.
        if life.last_seq > 0 {
            verify_range(db, &life, 1, EventHash::GENESIS, &mut report)?;
        }
        if report.fault.is_none()
            && let Some(what) = fault_of_beginning(db, &life, former.as_ref())?
        {
            report.blame(Some(&life), 1, what);
        }
        if report.fault.is_some() {
            return Ok(report);
        }
        position = life.position(life.last_seq);
        former = Some(life);
    }
    let stray: Option<i64> = db
        .query_row("SELECT position FROM journal WHERE position > ?1 LIMIT 1", [position], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(stray) = stray {
        let seq = former.as_ref().map_or(stray.unsigned_abs(), |life| life.seq(stray));
        report.blame(former.as_ref(), seq, "there is an event behind the head");
    }
    Ok(report)
}

/// A life begins with its enrolment, or with a renewal that names the life before and where it ended.
fn fault_of_beginning(
    db: &Connection,
    life: &Life,
    former: Option<&Life>,
) -> Result<Option<&'static str>, StoreError> {
    if is_missing(&holes(db, life)?, 1) || life.last_seq == 0 {
        return Ok(None);
    }
    let event = match event_at(db, life.position(1)) {
        Ok(event) => event,
        // Of a later version: its bytes are sound, and that is all that can be said.
        Err(StoreError::Damaged(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(match (event, life.renewal, former) {
        (Event::TerminalEnrolled { .. }, None, _) => None,
        (
            Event::TerminalRenewed { former_epoch, reason, last_seq, last_hash, .. },
            Some(renewal),
            Some(former),
        ) => {
            let follows = (former_epoch, reason) == renewal
                && former.id() == LifeId { epoch: former_epoch, ..life.id() }
                && (last_seq, EventHash(last_hash)) == (former.last_seq, former.last_hash);
            (!follows).then_some("it does not follow the life before")
        }
        _ => Some("a life does not begin with this event"),
    })
}

/// Checks the last `count` events of the current life and the head: cheap enough for every start.
pub(crate) fn verify_tail(db: &Connection, count: u64) -> Result<ChainReport, StoreError> {
    let mut report = ChainReport::new();
    if let Some(life) = Life::current(db)? {
        let first = life.last_seq.saturating_sub(count) + 1;
        match hash_at(db, &life, first - 1)? {
            Some(prev) => verify_range(db, &life, first, prev, &mut report)?,
            None if is_missing(&holes(db, &life)?, first - 1) => {
                verify_range(db, &life, first, EventHash::GENESIS, &mut report)?;
            }
            None => report.blame(Some(&life), first - 1, "it is missing"),
        }
    }
    Ok(report)
}

/// The runs of numbers that a life is known to lack, rising.
pub(crate) fn holes(db: &Connection, life: &Life) -> Result<Vec<RangeInclusive<u64>>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT first_seq, last_seq FROM hole WHERE life = ?1 ORDER BY first_seq",
    )?;
    let runs = statement.query_map([life.number], |row| Ok(row.get(0)?..=row.get(1)?))?;
    Ok(runs.collect::<Result<_, _>>()?)
}

fn is_missing(holes: &[RangeInclusive<u64>], seq: u64) -> bool {
    holes.iter().any(|hole| hole.contains(&seq))
}

fn verify_range(
    db: &Connection,
    life: &Life,
    first: u64,
    prev: EventHash,
    report: &mut ChainReport,
) -> Result<(), StoreError> {
    let holes = holes(db, life)?;
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM journal WHERE position BETWEEN ?1 AND ?2 ORDER BY position"
    ))?;
    let mut rows =
        statement.query([life.position(first), life.position(life.last_seq.max(first))])?;
    // What the next event must name; nobody knows behind a hole.
    let mut prev = (!is_missing(&holes, first - 1)).then_some(prev);
    let mut seq = first;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        while life.position(seq) < position && is_missing(&holes, seq) {
            (seq, prev) = (seq + 1, None);
            report.missing += 1;
        }
        // What stands in a hole is what damage has left of an event: bytes, but no sound ones.
        if position == life.position(seq) && is_missing(&holes, seq) {
            (seq, prev) = (seq + 1, None);
            report.missing += 1;
            continue;
        }
        let fault = match read_row(row)? {
            Stored::Unreadable => Some("its columns have the wrong types"),
            Stored::Row(row) if row.position != life.position(seq) => Some("it is missing"),
            Stored::Row(_) if seq > life.last_seq => Some("there is an event behind the head"),
            Stored::Row(row) => {
                let fault = fault_of(&row, life, seq, prev.unwrap_or(row.prev));
                prev = Some(row.hash);
                fault
            }
        };
        if let Some(what) = fault {
            report.blame(Some(life), seq, what);
            return Ok(());
        }
        report.events += 1;
        report.last_hash = prev.unwrap_or(report.last_hash);
        seq += 1;
    }
    while seq <= life.last_seq && is_missing(&holes, seq) {
        (seq, prev) = (seq + 1, None);
        report.missing += 1;
    }
    if seq <= life.last_seq {
        report.blame(Some(life), seq, "it is missing");
    } else if prev.is_some_and(|prev| prev != life.last_hash) {
        report.blame(Some(life), life.last_seq, "the head names another hash");
    }
    Ok(())
}

/// The stored hash of an event of a life; of seq 0 it is the genesis hash.
fn hash_at(db: &Connection, life: &Life, seq: u64) -> Result<Option<EventHash>, StoreError> {
    if seq == 0 {
        return Ok(Some(EventHash::GENESIS));
    }
    let mut statement = db.prepare_cached("SELECT hash FROM journal WHERE position = ?1")?;
    let hash = statement.query_row([life.position(seq)], |row| row.get(0)).optional()?;
    Ok(hash.map(EventHash))
}

/// The event at a position, read from its verbatim bytes.
pub(crate) fn event_at(db: &Connection, position: i64) -> Result<Event, StoreError> {
    Ok(stamped_at(db, position)?.0)
}

/// An event, and when it happened as far as the device knew.
pub(crate) fn stamped_at(db: &Connection, position: i64) -> Result<(Event, Stamp), StoreError> {
    let mut statement = db.prepare_cached("SELECT bytes FROM journal WHERE position = ?1")?;
    let bytes: String =
        statement.query_row([position], |row| row.get(0)).map_err(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => {
                StoreError::damaged(format!("the journal has no event at {position}"))
            }
            other => other.into(),
        })?;
    Envelope::parse(&bytes)
        .and_then(|envelope| Ok((envelope.event()?, envelope.stamp())))
        .map_err(|error| StoreError::Damaged(Box::new(error)))
}

/// Visits the events of the current life after `after_seq`, in order, until `visit` says stop.
pub(crate) fn visit(
    db: &Connection,
    after_seq: u64,
    visit: &mut dyn FnMut(u64, &str, EventHash) -> bool,
) -> Result<(), StoreError> {
    let Some(life) = Life::current(db)? else { return Ok(()) };
    let mut statement = db.prepare_cached(
        "SELECT position, bytes, hash FROM journal WHERE position > ?1 ORDER BY position",
    )?;
    let mut rows = statement.query([life.position(after_seq)])?;
    while let Some(row) = rows.next()? {
        let seq = u64::try_from(row.get::<_, i64>(0)? - life.base_position).unwrap_or(0);
        let bytes: String = row.get(1)?;
        if !visit(seq, &bytes, EventHash(row.get(2)?)) {
            break;
        }
    }
    Ok(())
}
