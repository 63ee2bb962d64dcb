//! Taking in events: first hold, then judge (invariants 2 and 4).
//!
//! ```text
//! for each event, in order:
//!   seq <= acked   same hash -> duplicate        other hash -> FORKED_HISTORY
//!   seq >  acked+1 -> GAP                        prev != acked hash -> BROKEN_CHAIN
//!   raw bytes -> inbox, for ever
//!   this terminal's events about the same thing are held back -> parked
//!   else apply in a savepoint -> applied | quarantined
//!   watermark moves
//! ```
//! A refusal in the middle of a batch keeps what came before it: the prefix is valid and stays.

use crate::apply::{self, Verdict};
use crate::db::{blob, id, unsigned};
use crate::error::CentralError;
use rusqlite::{Connection, OptionalExtension, params};
use std::panic::{AssertUnwindSafe, catch_unwind};
use sync::protocol::event::{Envelope, EventHash};
use sync::protocol::push::{Outcome, PushItem, PushRequest, PushResult};
use uuid::Uuid;

/// The event refers to a stored row that cannot be read.
const DAMAGED_ROW: &str = "DAMAGED_ROW";

/// Who pushes, as the database knows it.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// Terminal.
    pub terminal: Uuid,
    /// Its current epoch.
    pub epoch: u32,
    /// Its store.
    pub store_no: i64,
}

/// Why events were not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The epoch is not the terminal's current one.
    OldEpoch {
        /// The current one.
        current: u32,
    },
    /// A hole before this event.
    Gap {
        /// The number that should come.
        expected: u64,
    },
    /// Another event has this number already, or the event is of another terminal.
    Forked {
        /// Which.
        seq: u64,
    },
    /// The bytes are no envelope, or do not follow the event before.
    BrokenChain {
        /// Which.
        seq: u64,
    },
    /// The batch contradicts itself.
    Contradiction {
        /// Which.
        seq: u64,
    },
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Watermark after it.
    pub acked_seq: u64,
    /// Its hash.
    pub acked_hash: EventHash,
    /// One result for each event taken.
    pub results: Vec<PushResult>,
    /// Why the rest was not.
    pub refusal: Option<Refusal>,
}

/// The watermark of one life of a terminal.
pub fn watermark(
    connection: &Connection,
    terminal: Uuid,
    epoch: u32,
) -> Result<(u64, EventHash), CentralError> {
    let sql = "SELECT acked_seq, acked_hash FROM watermark WHERE terminal = ?1 AND epoch = ?2";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![blob(terminal), epoch], |row| {
            Ok((unsigned(row, 0)?, EventHash(row.get(1)?)))
        })
        .optional()?;
    Ok(found.unwrap_or((0, EventHash::GENESIS)))
}

/// Events of one life of a terminal that are held back now.
pub fn held_back(
    connection: &Connection,
    terminal: Uuid,
    epoch: u32,
) -> Result<Vec<PushResult>, CentralError> {
    let sql = "SELECT seq, state, code FROM inbox
               WHERE terminal = ?1 AND epoch = ?2 AND state IN ('quarantined', 'parked')
               ORDER BY seq LIMIT 1000";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![blob(terminal), epoch], |row| {
        let state: String = row.get(1)?;
        let outcome = if state == "parked" { Outcome::Parked } else { Outcome::Quarantined };
        Ok(PushResult { seq: unsigned(row, 0)?, outcome, code: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes in a batch. The caller holds the write lock and commits.
pub fn take_in(
    connection: &Connection,
    sender: Sender,
    batch: &PushRequest,
    now_ms: i64,
) -> Result<Taken, CentralError> {
    let (acked_seq, acked_hash) = watermark(connection, sender.terminal, sender.epoch)?;
    let mut taken = Taken { acked_seq, acked_hash, results: Vec::new(), refusal: None };
    if batch.epoch != sender.epoch {
        taken.refusal = Some(Refusal::OldEpoch { current: sender.epoch });
        return Ok(taken);
    }
    for (offset, item) in batch.events.iter().enumerate() {
        let seq = batch.from_seq.saturating_add(offset as u64);
        let PushItem::Sealed(bytes) = item else {
            taken.refusal = Some(Refusal::BrokenChain { seq });
            break;
        };
        match take_one(connection, sender, (seq, bytes), &taken, now_ms)? {
            Ok(result) => {
                if result.outcome != Outcome::Duplicate {
                    taken.acked_seq = seq;
                    taken.acked_hash = EventHash::of(bytes.as_bytes());
                }
                taken.results.push(result);
            }
            Err(refusal) => {
                taken.refusal = Some(refusal);
                break;
            }
        }
    }
    if taken.acked_seq != acked_seq {
        let sql = "INSERT INTO watermark (terminal, epoch, acked_seq, acked_hash)
                   VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (terminal, epoch) DO UPDATE
                   SET acked_seq = excluded.acked_seq, acked_hash = excluded.acked_hash";
        connection.prepare_cached(sql)?.execute(params![
            blob(sender.terminal),
            sender.epoch,
            taken.acked_seq as i64,
            taken.acked_hash.0
        ])?;
    }
    let sql = "UPDATE terminal SET seen_ms = ?2 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![blob(sender.terminal), now_ms])?;
    Ok(taken)
}

fn take_one(
    connection: &Connection,
    sender: Sender,
    (seq, bytes): (u64, &str),
    taken: &Taken,
    now_ms: i64,
) -> Result<Result<PushResult, Refusal>, CentralError> {
    let hash = EventHash::of(bytes.as_bytes());
    if seq == 0 || seq > taken.acked_seq.saturating_add(1) {
        return Ok(Err(Refusal::Gap { expected: taken.acked_seq + 1 }));
    }
    if seq <= taken.acked_seq {
        let sql = "SELECT hash FROM inbox WHERE terminal = ?1 AND epoch = ?2 AND seq = ?3";
        let held: [u8; 32] = connection
            .prepare_cached(sql)?
            .query_row(params![blob(sender.terminal), sender.epoch, seq as i64], |row| {
                row.get(0)
            })?;
        let duplicate = PushResult { seq, outcome: Outcome::Duplicate, code: None };
        return Ok(if held == hash.0 { Ok(duplicate) } else { Err(Refusal::Forked { seq }) });
    }
    let Ok(envelope) = Envelope::parse(bytes) else {
        return Ok(Err(Refusal::BrokenChain { seq }));
    };
    if envelope.terminal != sender.terminal {
        return Ok(Err(Refusal::Forked { seq }));
    }
    if envelope.epoch != sender.epoch || envelope.seq != seq {
        return Ok(Err(Refusal::Contradiction { seq }));
    }
    if !matches!(envelope.prev_hash(), Ok(prev) if prev == taken.acked_hash) {
        return Ok(Err(Refusal::BrokenChain { seq }));
    }
    hold(connection, sender, &envelope, (bytes, hash), now_ms).map(Ok)
}

/// Holds an event for ever, then judges it.
fn hold(
    connection: &Connection,
    sender: Sender,
    envelope: &Envelope,
    (bytes, hash): (&str, EventHash),
    now_ms: i64,
) -> Result<PushResult, CentralError> {
    // A panic comes again when it is judged, and is booked there.
    let aggregate = catch_unwind(|| apply::aggregate(envelope)).unwrap_or(None);
    let parked = match aggregate {
        Some(aggregate) => is_held(connection, sender.terminal, aggregate)?,
        None => false,
    };
    let sql = "INSERT INTO inbox (terminal, epoch, seq, hash, kind, at_ms, received_ms,
               aggregate, state, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'parked', ?9)";
    connection.prepare_cached(sql)?.execute(params![
        blob(sender.terminal),
        sender.epoch,
        envelope.seq as i64,
        hash.0,
        envelope.kind,
        envelope.at_ms,
        now_ms,
        aggregate.map(blob),
        bytes
    ])?;
    let inbox_id = connection.last_insert_rowid();
    let seq = envelope.seq;
    if parked {
        return Ok(PushResult { seq, outcome: Outcome::Parked, code: None });
    }
    let source = apply::Source { inbox_id, sender };
    Ok(match judge(connection, source, envelope)? {
        Verdict::Applied => {
            if let Some(aggregate) = aggregate {
                revive(connection, aggregate)?;
            }
            PushResult { seq, outcome: Outcome::Applied, code: None }
        }
        Verdict::Refused(code) => {
            PushResult { seq, outcome: Outcome::Quarantined, code: Some(code.into()) }
        }
    })
}

/// Whether an earlier event of the same terminal about the same thing is held back. Another terminal's is no
/// reason to wait: between terminals there is no order that could be kept.
fn is_held(connection: &Connection, terminal: Uuid, aggregate: Uuid) -> Result<bool, CentralError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM inbox WHERE aggregate = ?1 AND terminal = ?2
               AND state IN ('quarantined', 'parked'))";
    let values = [blob(aggregate), blob(terminal)];
    Ok(connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
}

/// An event was applied: what other terminals told too early about the same thing may count now.
fn revive(connection: &Connection, aggregate: Uuid) -> Result<u64, CentralError> {
    let sql = "SELECT id FROM inbox WHERE aggregate = ?1 AND state = 'quarantined'
               AND code IN ('UNKNOWN_ORDER', 'UNKNOWN_SHIFT') ORDER BY id";
    let early: Vec<i64> = connection
        .prepare_cached(sql)?
        .query_map([blob(aggregate)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut applied = 0;
    for inbox_id in early {
        if rejudge(connection, inbox_id)? == Verdict::Applied {
            applied += 1 + release_parked(connection, inbox_id)?;
        }
    }
    Ok(applied)
}

/// Applies an event in a savepoint and books the verdict.
fn judge(
    connection: &Connection,
    source: apply::Source,
    envelope: &Envelope,
) -> Result<Verdict, CentralError> {
    verdict_of(connection, source.inbox_id, || apply::apply(connection, source, envelope))
}

/// What `attempt` came to, booked. Whatever is about this one event must not stop the queue (invariant 4): a
/// constraint that nobody thought of, a stored row that it refers to and that cannot be read, a defect of ours.
fn verdict_of(
    connection: &Connection,
    inbox_id: i64,
    attempt: impl FnOnce() -> Result<Verdict, CentralError>,
) -> Result<Verdict, CentralError> {
    connection.execute_batch("SAVEPOINT event")?;
    // What a panic leaves half changed is the database, and that is rolled back to the savepoint.
    let verdict = match catch_unwind(AssertUnwindSafe(attempt)) {
        Err(_) => Verdict::Refused("PANIC"),
        Ok(Err(error)) if error.is_constraint() => Verdict::Refused("CONSTRAINT"),
        Ok(Err(error)) if error.is_damaged_value() => Verdict::Refused(DAMAGED_ROW),
        Ok(other) => other?,
    };
    let (end, state, code) = match verdict {
        Verdict::Applied => ("RELEASE event", "applied", None),
        Verdict::Refused(code) => ("ROLLBACK TO event; RELEASE event", "quarantined", Some(code)),
    };
    connection.execute_batch(end)?;
    connection
        .prepare_cached("UPDATE inbox SET state = ?2, code = ?3 WHERE id = ?1")?
        .execute(params![inbox_id, state, code])?;
    if let Some(code @ ("PANIC" | DAMAGED_ROW)) = code {
        tracing::error!(inbox_id, code, "an event could not be applied for a fault of central's");
    }
    Ok(verdict)
}

/// Tries a quarantined event again, and if it is applied those that wait for it. Returns how many were applied;
/// `None` if no such event is quarantined.
pub fn retry(connection: &Connection, inbox_id: i64) -> Result<Option<u64>, CentralError> {
    let Some(aggregate) = quarantined(connection, inbox_id)? else { return Ok(None) };
    if rejudge(connection, inbox_id)? != Verdict::Applied {
        return Ok(Some(0));
    }
    let mut applied = 1 + release_parked(connection, inbox_id)?;
    if let Some(aggregate) = aggregate {
        applied += revive(connection, aggregate)?;
    }
    Ok(Some(applied))
}

/// A person decided that an event will not be applied; those behind it get their turn. The bytes stay.
pub fn dismiss(connection: &Connection, inbox_id: i64) -> Result<Option<u64>, CentralError> {
    let Some(aggregate) = quarantined(connection, inbox_id)? else { return Ok(None) };
    connection.execute("UPDATE inbox SET state = 'dismissed' WHERE id = ?1", [inbox_id])?;
    let mut applied = release_parked(connection, inbox_id)?;
    if let (Some(aggregate), true) = (aggregate, applied > 0) {
        applied += revive(connection, aggregate)?;
    }
    Ok(Some(applied))
}

/// What a quarantined event is about, if that is known; `None` if no such event is quarantined.
fn quarantined(
    connection: &Connection,
    inbox_id: i64,
) -> Result<Option<Option<Uuid>>, CentralError> {
    let sql = "SELECT aggregate FROM inbox WHERE id = ?1 AND state = 'quarantined'";
    let found = connection.query_row(sql, [inbox_id], |row| crate::db::id_opt(row, 0));
    Ok(found.optional()?)
}

/// Judges what the same terminal parked behind an event, oldest first, until one is refused.
fn release_parked(connection: &Connection, inbox_id: i64) -> Result<u64, CentralError> {
    let sql = "SELECT p.id FROM inbox q JOIN inbox p
               ON p.aggregate = q.aggregate AND p.terminal = q.terminal AND p.state = 'parked'
               WHERE q.id = ?1 ORDER BY p.id";
    let parked: Vec<i64> = connection
        .prepare_cached(sql)?
        .query_map([inbox_id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut applied = 0;
    for inbox_id in parked {
        if rejudge(connection, inbox_id)? != Verdict::Applied {
            break;
        }
        applied += 1;
    }
    Ok(applied)
}

fn rejudge(connection: &Connection, inbox_id: i64) -> Result<Verdict, CentralError> {
    let sql = "SELECT i.terminal, i.epoch, t.store, i.bytes
               FROM inbox i JOIN terminal t ON t.id = i.terminal WHERE i.id = ?1";
    let (source, bytes) = connection.query_row(sql, [inbox_id], |row| {
        let sender = Sender { terminal: id(row, 0)?, epoch: row.get(1)?, store_no: row.get(2)? };
        let source = apply::Source { inbox_id, sender };
        Ok((source, row.get::<_, String>(3)?))
    })?;
    let damaged = || Err(CentralError::DamagedRow("inbox"));
    match Envelope::parse(&bytes) {
        Ok(envelope) => judge(connection, source, &envelope),
        Err(_) => verdict_of(connection, inbox_id, damaged),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::db::{meta, open_for_writing, set_meta};

    /// One line, one case: how an attempt ends after it wrote, and the code that it is quarantined with.
    #[test]
    fn what_is_about_one_event_is_rolled_back_and_quarantined() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open_for_writing(&dir.path().join("central.db")).unwrap();
        let sql = "INSERT INTO inbox (id, terminal, epoch, seq, hash, kind, at_ms, received_ms,
                   state, bytes) VALUES (7, x'01', 0, 1, x'02', 'k', 0, 0, 'parked', '')";
        connection.execute(sql, []).unwrap();
        type Ending = fn() -> Result<Verdict, CentralError>;
        let cases: [(Ending, &str); 3] = [
            (|| panic!("on purpose"), "PANIC"),
            (|| Err(CentralError::DamagedRow("test")), "DAMAGED_ROW"),
            (|| Ok(Verdict::Refused("UNKNOWN_ORDER")), "UNKNOWN_ORDER"),
        ];
        for (ending, code) in cases {
            let attempt = || set_meta(&connection, "written", code).and_then(|()| ending());
            let verdict = verdict_of(&connection, 7, attempt).unwrap();
            assert_eq!(verdict, Verdict::Refused(code));
            assert_eq!(meta(&connection, "written").unwrap(), None, "{code}");
            let sql = "SELECT state || ' ' || code FROM inbox WHERE id = 7";
            let booked: String = connection.query_row(sql, [], |row| row.get(0)).unwrap();
            assert_eq!(booked, format!("quarantined {code}"));
        }
        // Central's own failure is no verdict.
        assert!(verdict_of(&connection, 7, || Err(CentralError::Stopped)).is_err());
    }
}
