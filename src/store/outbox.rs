//! What central lacks of a life: events that go by their number, and strays that cannot.
//!
//! ```text
//! seq   1 … acked │ … numbered │ … strayed │ … last          bytes      1 ← 2 ← ✗ ← 4
//!       held      │ outbox     │ held as   │ wait as          declared   h1  h2  h3  h4
//!                 │            │ strays    │ strays                           ╰ as 4 names it
//! ```
//! The queue never stops for a damaged event. What hash its bytes had is told by the event after it (or by the head of
//! the journal), so a placeholder with that hash takes its place, and the chain that central checks goes on. The same
//! is true of one that is missing. Only a run of two or more missing ones cannot be bridged: it is noted as a hole, and
//! what stands behind it goes as strays.

use crate::error::StoreError;
use crate::journal::holes;
use crate::life::Life;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;
use sync::ports::OutboxItem;
use sync::protocol::event::{Envelope, EventHash, SealedEvent};

/// A row as it is, whatever the disk did to it.
struct Raw {
    prev: Option<EventHash>,
    hash: Option<EventHash>,
    bytes: Vec<u8>,
    /// Hash of the bytes, and the predecessor that they name: if they are the event of their place.
    sound: Option<(EventHash, EventHash)>,
}

fn hash_in(value: ValueRef<'_>) -> Option<EventHash> {
    value.as_blob().ok()?.try_into().ok().map(EventHash)
}

fn bytes_in(value: ValueRef<'_>) -> Vec<u8> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Vec::new(),
    }
}

const COLUMNS: &str = "position, prev, hash, bytes";

impl Raw {
    /// Reads a row of a life; also tells its number.
    fn read(row: &Row<'_>, life: &Life) -> Result<(u64, Self), rusqlite::Error> {
        let seq = life.seq(row.get(0)?);
        let (prev, hash) = (hash_in(row.get_ref(1)?), hash_in(row.get_ref(2)?));
        let bytes = bytes_in(row.get_ref(3)?);
        let sound = || {
            let envelope = Envelope::parse(std::str::from_utf8(&bytes).ok()?).ok()?;
            let is_here = envelope.place() == life.place(seq);
            is_here.then_some((EventHash::of(&bytes), envelope.prev_hash().ok()?))
        };
        let sound = sound();
        Ok((seq, Self { prev, hash, bytes, sound }))
    }

    /// The hash of the event before, as this one names it.
    fn names(&self) -> Option<EventHash> {
        match self.sound {
            Some((own, prev)) if Some(own) == self.hash || self.prev == Some(prev) => Some(prev),
            _ => self.prev,
        }
    }

    /// The hash that its bytes had when they were written. `named` is how the event after it calls it.
    fn declared(&self, named: Option<EventHash>) -> EventHash {
        let own = self.sound.map(|(own, _)| own);
        named.or(self.hash).or(own).unwrap_or(EventHash::GENESIS)
    }

    /// What is sent for it.
    fn into_item(
        self,
        life: &Life,
        seq: u64,
        prev: Option<EventHash>,
        named: Option<EventHash>,
    ) -> OutboxItem {
        let hash = self.declared(named);
        let place = life.place(seq);
        match (self.sound, String::from_utf8(self.bytes)) {
            (Some((own, names)), Ok(bytes)) if own == hash && prev.is_none_or(|p| p == names) => {
                OutboxItem::Sealed(SealedEvent { place, bytes, hash })
            }
            (_, bytes) => OutboxItem::Damaged {
                place,
                hash,
                prev: prev.or(self.prev).unwrap_or(EventHash::GENESIS),
                raw: bytes.map_or_else(std::string::FromUtf8Error::into_bytes, String::into_bytes),
            },
        }
    }
}

/// How a list ended.
pub(crate) enum End {
    /// There is no more, or the list is full.
    Sound,
    /// From this number on at least two are missing: see [`note_hole`].
    Gap(u64),
}

/// The events of a life that wait to be booked by number, in order, at most `count_max` and about `bytes_max`, but at
/// least one.
pub(crate) fn waiting(
    db: &Connection,
    life: &Life,
    count_max: usize,
    bytes_max: usize,
) -> Result<(Vec<OutboxItem>, End), StoreError> {
    let (first, until) = (life.acked_seq + 1, life.numbered_until());
    let (mut items, mut size) = (Vec::new(), 0);
    if first > until || count_max == 0 {
        return Ok((items, End::Sound));
    }
    let count = u64::try_from(count_max).unwrap_or(u64::MAX);
    let last = until.min(first.saturating_add(count - 1));
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM journal WHERE position BETWEEN ?1 AND ?2 ORDER BY position"
    ))?;
    // One more than is sent: it says what the last one is called.
    let behind = life.position(last.saturating_add(1).min(life.last_seq));
    let mut rows = statement.query([life.position(first), behind])?;
    let mut next = rows.next()?.map(|row| Raw::read(row, life)).transpose()?;
    let mut prev = life.acked_hash;
    for seq in first..=last {
        let here = next.take_if(|(at, _)| *at == seq).map(|(_, raw)| raw);
        if next.is_none() {
            next = rows.next()?.map(|row| Raw::read(row, life)).transpose()?;
        }
        let named = match &next {
            _ if seq == life.last_seq => Some(life.last_hash),
            Some((at, raw)) if *at == seq + 1 => raw.names(),
            _ => None,
        };
        let item = match (here, named) {
            (Some(raw), named) => raw.into_item(life, seq, Some(prev), named),
            (None, Some(hash)) => {
                let place = life.place(seq);
                OutboxItem::Damaged { place, hash, prev, raw: Vec::new() }
            }
            (None, None) => return Ok((items, End::Gap(seq))),
        };
        size += item.size();
        if !items.is_empty() && size > bytes_max {
            break;
        }
        prev = item.hash();
        items.push(item);
    }
    Ok((items, End::Sound))
}

/// Notes a run of missing events, and that what stands behind it cannot go by number.
pub(crate) fn note_hole(db: &Connection, life: &mut Life, first: u64) -> Result<(), StoreError> {
    let behind: Option<i64> = db
        .prepare_cached("SELECT min(position) FROM journal WHERE position BETWEEN ?1 AND ?2")?
        .query_row([life.position(first), life.position(life.last_seq)], |row| row.get(0))?;
    let last = behind.map_or(life.last_seq, |position| life.seq(position) - 1);
    db.prepare_cached(
        "INSERT OR REPLACE INTO hole (life, first_seq, last_seq) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![life.number, first, last])?;
    life.numbered_seq = Some(first - 1);
    // What is missing is no stray.
    life.strayed_seq = life.strayed_seq.max(last);
    tracing::error!(
        epoch = life.identity.epoch,
        first,
        last,
        "events are missing from the journal; those behind them go to central as strays"
    );
    life.save_held(db)
}

/// The strays of a life that wait, by their numbers, at most `count_max` and about `bytes_max`, but at least one.
/// Those of one number stay together, since they are booked by it.
pub(crate) fn strays(
    db: &Connection,
    life: &Life,
    count_max: usize,
    bytes_max: usize,
) -> Result<Vec<OutboxItem>, StoreError> {
    let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
    let mut found: BTreeMap<u64, Vec<OutboxItem>> = BTreeMap::new();
    if let Some(after) = life.strays_after() {
        let mut statement = db.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM journal WHERE position BETWEEN ?1 AND ?2 ORDER BY position LIMIT ?3"
        ))?;
        let range = (life.position(after + 1), life.position(life.last_seq));
        // One more than is sent: it says what the last one is called.
        let rows = statement
            .query_map(params![range.0, range.1, limit.saturating_add(1)], |row| {
                Raw::read(row, life)
            })?;
        let mut rows = rows.peekable();
        while let Some(row) = rows.next() {
            let (seq, raw) = row?;
            let named = match rows.peek() {
                _ if seq == life.last_seq => Some(life.last_hash),
                Some(Ok((next, raw))) if *next == seq + 1 => raw.names(),
                _ => None,
            };
            found.entry(seq).or_default().push(raw.into_item(life, seq, None, named));
        }
    }
    let mut statement = db.prepare_cached(
        "SELECT seq, hash, bytes FROM stray WHERE life = ?1 AND NOT is_booked ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = statement.query(params![life.number, limit])?;
    while let Some(row) = rows.next()? {
        let (seq, hash) = (row.get(0)?, EventHash(row.get(1)?));
        let event = SealedEvent { place: life.place(seq), bytes: row.get(2)?, hash };
        found.entry(seq).or_default().push(OutboxItem::Sealed(event));
    }
    let (mut items, mut size) = (Vec::new(), 0);
    for (_, mut group) in found {
        size += group.iter().map(OutboxItem::size).sum::<usize>();
        let is_full = items.len() + group.len() > count_max || size > bytes_max;
        if !items.is_empty() && is_full {
            break;
        }
        items.append(&mut group);
    }
    Ok(items)
}

/// How many strays of a life wait.
pub(crate) fn stray_count(db: &Connection, life: &Life) -> Result<u64, StoreError> {
    let in_journal: u64 = match life.strays_after() {
        None => 0,
        Some(after) => db
            .prepare_cached("SELECT count(*) FROM journal WHERE position BETWEEN ?1 AND ?2")?
            .query_row([life.position(after + 1), life.position(life.last_seq)], |row| {
                row.get(0)
            })?,
    };
    let beside: u64 = db
        .prepare_cached("SELECT count(*) FROM stray WHERE life = ?1 AND NOT is_booked")?
        .query_row([life.number], |row| row.get(0))?;
    Ok(in_journal + beside)
}

/// The hash that is declared for a number of a life; `None` if nobody can tell it any more. Of seq 0 it is the genesis
/// hash.
pub(crate) fn declared_hash(
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
    if seq == life.acked_seq {
        return Ok(Some(life.acked_hash));
    }
    let sql = format!("SELECT {COLUMNS} FROM journal WHERE position = ?1");
    let mut statement = db.prepare_cached(&sql)?;
    let mut read = |seq: u64| -> Result<Option<Raw>, StoreError> {
        let raw = statement.query_row([life.position(seq)], |row| Raw::read(row, life));
        Ok(raw.optional()?.map(|(_, raw)| raw))
    };
    let named = match seq == life.last_seq {
        true => Some(life.last_hash),
        false => read(seq + 1)?.and_then(|next| next.names()),
    };
    match read(seq)? {
        Some(raw) => Ok(Some(raw.declared(named))),
        None => Ok(named),
    }
}

/// What a renewed life says to be missing of the one before.
pub(crate) fn missing(db: &Connection, life: &Life) -> Result<Vec<(u64, u64)>, StoreError> {
    Ok(holes(db, life)?.into_iter().map(|hole| (*hole.start(), *hole.end())).collect())
}
