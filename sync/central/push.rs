//! Taking in events: first hold, then judge (invariants 2 and 4).
//!
//! ```text
//! for each item, in order:
//!   seq <= acked   same hash -> duplicate        other hash -> FORKED_HISTORY
//!                  true bytes of a placeholder -> put in its place, judged
//!   seq >  acked+1 -> GAP                        prev != acked hash -> BROKEN_CHAIN
//!   raw bytes -> inbox, for ever                 (crate::judge)
//!   watermark moves
//! ```
//! A refusal in the middle of a batch keeps what came before it: the prefix is valid and stays.

use crate::db::{blob, unsigned};
use crate::error::CentralError;
use crate::judge::{self, Arrival};
use crate::life;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, OptionalExtension, params};
use sync::protocol::event::{Envelope, EventHash};
use sync::protocol::feed::{INCLUDED_MAX, Included};
use sync::protocol::push::{DamagedEvent, Outcome, PushItem, PushRequest, PushResult};
use uuid::Uuid;

/// Who pushes, as the database knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Terminal.
    pub terminal: Uuid,
    /// The life whose key was proved.
    pub epoch: u32,
    /// Its store.
    pub store_no: i64,
}

/// Why events were not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The batch is of another life than the token.
    OtherEpoch {
        /// The token's.
        expected: u32,
    },
    /// A hole before this event.
    Gap {
        /// The number that should come.
        expected: u64,
    },
    /// Another event has this number already.
    Forked {
        /// Which.
        seq: u64,
    },
    /// The bytes are no envelope, or do not follow the event before.
    BrokenChain {
        /// Which.
        seq: u64,
    },
    /// The bytes name another place than the batch does.
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

/// How much of each life of a terminal is held, newest first; what is held back will never be in the rows unless a
/// person decides so.
pub fn included(connection: &Connection, terminal: Uuid) -> Result<Vec<Included>, CentralError> {
    let sql = "SELECT epoch, acked_seq FROM watermark
               WHERE terminal = ?1 ORDER BY epoch DESC LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![blob(terminal), INCLUDED_MAX as i64], |row| {
        Ok(Included { epoch: row.get(0)?, seq: unsigned(row, 1)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Events of one life of a terminal that are held back now.
pub fn held_back(
    connection: &Connection,
    terminal: Uuid,
    epoch: u32,
) -> Result<Vec<PushResult>, CentralError> {
    let sql = "SELECT seq, state, code FROM inbox
               WHERE terminal = ?1 AND epoch = ?2 AND state IN ('quarantined', 'parked')
               AND is_stray = 0 ORDER BY seq LIMIT 1000";
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
    let (terminal, epoch) = (sender.terminal, sender.epoch);
    let (acked_seq, acked_hash) = watermark(connection, terminal, epoch)?;
    let mut taken = Taken { acked_seq, acked_hash, results: Vec::new(), refusal: None };
    if batch.epoch != epoch {
        taken.refusal = Some(Refusal::OtherEpoch { expected: epoch });
        return Ok(taken);
    }
    let facts = life::facts(connection, terminal, epoch)?;
    let mut arrival = Arrival { sender, facts, received_ms: now_ms, skew_ms: None };
    for (offset, item) in batch.events.iter().enumerate() {
        let seq = batch.from_seq.saturating_add(offset as u64);
        match take_one(connection, &mut arrival, (seq, item), &taken)? {
            Ok((result, hash)) => {
                if seq > taken.acked_seq {
                    (taken.acked_seq, taken.acked_hash) = (seq, hash);
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
        let (seq, hash) = (taken.acked_seq as i64, taken.acked_hash.0);
        connection.prepare_cached(sql)?.execute(params![blob(terminal), epoch, seq, hash])?;
        life::book_skew(connection, (terminal, epoch), arrival.skew_ms)?;
    }
    let sql = "UPDATE terminal SET seen_ms = max(seen_ms, ?2) WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![blob(terminal), now_ms])?;
    Ok(taken)
}

/// The hash that an item stands for in the chain; `None` if it does not say one.
fn hash_of(item: &PushItem) -> Option<EventHash> {
    match item {
        PushItem::Sealed(bytes) => Some(EventHash::of(bytes.as_bytes())),
        PushItem::Damaged { damaged } => damaged.hash.parse().ok(),
    }
}

/// One item: its result and its hash, or why it is not taken.
fn take_one(
    connection: &Connection,
    arrival: &mut Arrival,
    (seq, item): (u64, &PushItem),
    taken: &Taken,
) -> Result<Result<(PushResult, EventHash), Refusal>, CentralError> {
    // SQLite keeps 63 bits; nobody ever gets there.
    if seq == 0 || seq > taken.acked_seq.saturating_add(1) || i64::try_from(seq).is_err() {
        return Ok(Err(Refusal::Gap { expected: taken.acked_seq + 1 }));
    }
    let Some(hash) = hash_of(item) else { return Ok(Err(Refusal::BrokenChain { seq })) };
    if seq <= taken.acked_seq {
        let result = known(connection, arrival, (seq, item), hash)?;
        return Ok(result.map(|result| (result, hash)));
    }
    let checked = match item {
        PushItem::Sealed(bytes) => follows(arrival.sender, seq, bytes, taken.acked_hash),
        PushItem::Damaged { damaged } => damaged_follows(seq, damaged, taken.acked_hash),
    };
    let result = match (checked, item) {
        (Err(refusal), _) => return Ok(Err(refusal)),
        (Ok(Some(envelope)), PushItem::Sealed(bytes)) => {
            judge::hold(connection, arrival, &envelope, (bytes, hash))?
        }
        (Ok(_), PushItem::Damaged { damaged }) => {
            // Base64 that does not read leaves nothing to look at; the place is held all the same.
            let raw = STANDARD.decode(&damaged.raw).unwrap_or_default();
            judge::hold_damaged(connection, arrival, (seq, hash), &raw)?
        }
        (Ok(None), PushItem::Sealed(_)) => return Ok(Err(Refusal::BrokenChain { seq })),
    };
    Ok(Ok((result, hash)))
}

/// A number that is held already.
fn known(
    connection: &Connection,
    arrival: &Arrival,
    (seq, item): (u64, &PushItem),
    hash: EventHash,
) -> Result<Result<PushResult, Refusal>, CentralError> {
    let sender = arrival.sender;
    let sql = "SELECT id, hash, bytes IS NULL FROM inbox
               WHERE terminal = ?1 AND epoch = ?2 AND seq = ?3 AND is_stray = 0";
    let place = params![blob(sender.terminal), sender.epoch, seq as i64];
    let (inbox_id, held, is_damaged): (i64, [u8; 32], bool) = connection
        .prepare_cached(sql)?
        .query_row(place, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if held != hash.0 {
        return Ok(Err(Refusal::Forked { seq }));
    }
    Ok(Ok(match item {
        PushItem::Sealed(bytes) if is_damaged => {
            let (outcome, code) = judge::mend(connection, arrival, inbox_id, bytes)?;
            PushResult { seq, outcome, code }
        }
        _ => PushResult { seq, outcome: Outcome::Duplicate, code: None },
    }))
}

/// The envelope of bytes that continue the chain at `seq`.
fn follows(
    sender: Sender,
    seq: u64,
    bytes: &str,
    acked_hash: EventHash,
) -> Result<Option<Envelope>, Refusal> {
    let Ok(envelope) = Envelope::parse(bytes) else { return Err(Refusal::BrokenChain { seq }) };
    let place = (envelope.terminal, envelope.epoch, envelope.seq);
    if place != (sender.terminal, sender.epoch, seq) {
        return Err(Refusal::Contradiction { seq });
    }
    match envelope.prev_hash() {
        Ok(prev) if prev == acked_hash => Ok(Some(envelope)),
        _ => Err(Refusal::BrokenChain { seq }),
    }
}

fn damaged_follows(
    seq: u64,
    damaged: &DamagedEvent,
    acked_hash: EventHash,
) -> Result<Option<Envelope>, Refusal> {
    if damaged.seq != seq {
        return Err(Refusal::Contradiction { seq });
    }
    match damaged.prev.parse::<EventHash>() {
        Ok(prev) if prev == acked_hash => Ok(None),
        _ => Err(Refusal::BrokenChain { seq }),
    }
}
