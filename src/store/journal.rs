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
use sync::protocol::event::{Envelope, EventHash, SealedEvent, seal};

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
    let at = life.time_of(at);
    let seq = life.last_seq + 1;
    let sealed = seal(life.place(seq), life.last_hash, at.0, event);
    let position = life.position(seq);
    db.prepare_cached(
        "INSERT INTO journal (position, kind, aggregate, at_ms, prev, hash, bytes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        position,
        event.name(),
        event.aggregate().as_ref().map(uuid::Uuid::as_bytes),
        at.0,
        life.last_hash.0,
        sealed.hash.0,
        sealed.bytes,
    ])?;
    (life.last_seq, life.last_hash, life.last_at) = (seq, sealed.hash, at);
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
    /// Number of the event in its epoch.
    pub seq: u64,
    /// What is wrong, for the log.
    pub what: String,
}

/// What [`crate::Store::verify_journal`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainReport {
    /// Events read, over all epochs.
    pub events: u64,
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

/// Reads the whole journal and compares every row with its hash, its predecessor and the head.
pub(crate) fn verify(db: &Connection) -> Result<ChainReport, StoreError> {
    let mut report = ChainReport { events: 0, last_hash: EventHash::GENESIS, fault: None };
    let mut position = 0;
    for life in Life::all(db)? {
        if life.base_position != position {
            let what = "the journal does not continue where the epoch before ended".into();
            report.fault = Some(ChainFault { seq: 0, what });
            return Ok(report);
        }
        verify_range(db, &life, 1, EventHash::GENESIS, &mut report)?;
        if report.fault.is_some() {
            return Ok(report);
        }
        position = life.position(life.last_seq);
    }
    let stray: Option<i64> = db
        .query_row("SELECT position FROM journal WHERE position > ?1 LIMIT 1", [position], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(stray) = stray {
        let what = "there is an event behind the head".into();
        report.fault = Some(ChainFault { seq: u64::try_from(stray).unwrap_or(0), what });
    }
    Ok(report)
}

/// Checks the last `count` events of the current life and the head: cheap enough for every start.
pub(crate) fn verify_tail(db: &Connection, count: u64) -> Result<ChainReport, StoreError> {
    let mut report = ChainReport { events: 0, last_hash: EventHash::GENESIS, fault: None };
    if let Some(life) = Life::current(db)? {
        let first = life.last_seq.saturating_sub(count) + 1;
        match hash_at(db, &life, first - 1)? {
            Some(prev) => verify_range(db, &life, first, prev, &mut report)?,
            None => {
                report.fault = Some(ChainFault { seq: first - 1, what: "it is missing".into() })
            }
        }
    }
    Ok(report)
}

fn verify_range(
    db: &Connection,
    life: &Life,
    first: u64,
    mut prev: EventHash,
    report: &mut ChainReport,
) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM journal WHERE position BETWEEN ?1 AND ?2 ORDER BY position"
    ))?;
    let mut rows =
        statement.query([life.position(first), life.position(life.last_seq.max(first))])?;
    let mut seq = first;
    while let Some(row) = rows.next()? {
        let fault = match read_row(row)? {
            Stored::Unreadable => Some("its columns have the wrong types"),
            Stored::Row(row) if row.position != life.position(seq) => Some("it is missing"),
            Stored::Row(_) if seq > life.last_seq => Some("there is an event behind the head"),
            Stored::Row(row) => {
                let fault = fault_of(&row, life, seq, prev);
                prev = row.hash;
                fault
            }
        };
        if let Some(what) = fault {
            report.fault = Some(ChainFault { seq, what: what.into() });
            return Ok(());
        }
        report.events += 1;
        report.last_hash = prev;
        seq += 1;
    }
    if seq <= life.last_seq {
        report.fault = Some(ChainFault { seq, what: "it is missing".into() });
    } else if prev != life.last_hash {
        let what = "the head names another hash".into();
        report.fault = Some(ChainFault { seq: life.last_seq, what });
    }
    Ok(())
}

/// The stored hash of an event of a life; of seq 0 it is the genesis hash.
pub(crate) fn hash_at(
    db: &Connection,
    life: &Life,
    seq: u64,
) -> Result<Option<EventHash>, StoreError> {
    if seq == 0 {
        return Ok(Some(EventHash::GENESIS));
    }
    if seq > life.last_seq {
        return Ok(None);
    }
    let mut statement = db.prepare_cached("SELECT hash FROM journal WHERE position = ?1")?;
    let hash = statement.query_row([life.position(seq)], |row| row.get(0)).optional()?;
    Ok(hash.map(EventHash))
}

/// The events that wait, in order, at most `count_max` and about `bytes_max`, but at least one. Each is checked
/// against its hash and predecessor; a damaged one is never sent: those before it are, then it is an error.
pub(crate) fn outbox(
    db: &Connection,
    count_max: usize,
    bytes_max: usize,
) -> Result<Vec<SealedEvent>, StoreError> {
    let Some(life) = Life::current(db)? else { return Ok(Vec::new()) };
    let first = life.acked_seq + 1;
    let (mut events, mut bytes) = (Vec::new(), 0);
    if first > life.last_seq || count_max == 0 {
        return Ok(events);
    }
    let mut prev = hash_at(db, &life, first - 1)?;
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM journal WHERE position BETWEEN ?1 AND ?2 ORDER BY position LIMIT ?3"
    ))?;
    let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
    let mut rows =
        statement.query(params![life.position(first), life.position(life.last_seq), limit])?;
    let mut seq = first;
    let mut fault = "it is missing";
    while let Some(row) = rows.next()? {
        let Stored::Row(row) = read_row(row)? else {
            fault = "its columns have the wrong types";
            break;
        };
        let found = match prev {
            Some(prev) if row.position == life.position(seq) => fault_of(&row, &life, seq, prev),
            _ => Some("the event before it is missing"),
        };
        if let Some(found) = found {
            fault = found;
            break;
        }
        bytes += row.bytes.len();
        if !events.is_empty() && bytes > bytes_max {
            return Ok(events);
        }
        prev = Some(row.hash);
        events.push(SealedEvent { place: life.place(seq), bytes: row.bytes, hash: row.hash });
        seq += 1;
    }
    if events.is_empty() {
        return Err(StoreError::damaged(format!("event {seq} of the journal: {fault}")));
    }
    Ok(events)
}

/// The event at a position, read from its verbatim bytes.
pub(crate) fn event_at(db: &Connection, position: i64) -> Result<Event, StoreError> {
    let mut statement = db.prepare_cached("SELECT bytes FROM journal WHERE position = ?1")?;
    let bytes: String =
        statement.query_row([position], |row| row.get(0)).map_err(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => {
                StoreError::damaged(format!("the journal has no event at {position}"))
            }
            other => other.into(),
        })?;
    Envelope::parse(&bytes)
        .and_then(|envelope| envelope.event())
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
