//! Strays: events that no number can book, held for ever and for a person to judge.
//!
//! A forked tail, what lies behind a hole of a recovered journal, a life that was refused: it happened in the shop.
//! Each is held once, told apart by the hash of its bytes. One that the inbox holds under its number is held already;
//! one whose number has only a placeholder is what the placeholder waits for.

use crate::clock::business_time;
use crate::db::blob;
use crate::error::CentralError;
use crate::judge::{self, Arrival, NewRow};
use crate::life;
use crate::push::Sender;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, OptionalExtension, params};
use sync::protocol::event::{Envelope, EventHash};
use sync::protocol::push::{PushItem, held_code};
use sync::protocol::strays::StraysRequest;
use uuid::Uuid;

/// Holds strays. The caller holds the write lock and commits. Returns how many were not held before.
pub fn take_in(
    connection: &Connection,
    sender: Sender,
    request: &StraysRequest,
    now_ms: i64,
) -> Result<u64, CentralError> {
    let mut fresh = 0;
    for item in &request.events {
        let was_fresh = match item {
            PushItem::Sealed(bytes) => sealed(connection, sender, request, bytes, now_ms)?,
            PushItem::Damaged { damaged } => {
                let raw = STANDARD.decode(&damaged.raw).unwrap_or_default();
                // Without a hash that reads it is known by what is left of it.
                let hash = damaged.hash.parse().unwrap_or_else(|_| EventHash::of(&raw));
                let place = (request.terminal, request.epoch, damaged.seq);
                damaged_one(connection, sender, (place, hash), &raw, now_ms)?
            }
        };
        fresh += u64::from(was_fresh);
    }
    let sql = "UPDATE terminal SET seen_ms = max(seen_ms, ?2) WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![blob(sender.terminal), now_ms])?;
    Ok(fresh)
}

/// What the inbox holds under a number, and whether it is only a placeholder.
fn booked(
    connection: &Connection,
    (terminal, epoch, seq): (Uuid, u32, u64),
    hash: EventHash,
) -> Result<Option<(i64, bool)>, CentralError> {
    let Ok(seq) = i64::try_from(seq) else { return Ok(None) };
    let sql = "SELECT id, bytes IS NULL FROM inbox
               WHERE terminal = ?1 AND epoch = ?2 AND seq = ?3 AND is_stray = 0 AND hash = ?4";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![blob(terminal), epoch, seq, hash.0], |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
    Ok(found.optional()?)
}

/// The stray of that hash, and whether it is only a placeholder.
fn held(connection: &Connection, hash: EventHash) -> Result<Option<(i64, bool)>, CentralError> {
    let sql = "SELECT id, bytes IS NULL FROM inbox WHERE hash = ?1 AND is_stray = 1";
    let found =
        connection.prepare_cached(sql)?.query_row([hash.0], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(found.optional()?)
}

fn sealed(
    connection: &Connection,
    sender: Sender,
    request: &StraysRequest,
    bytes: &str,
    now_ms: i64,
) -> Result<bool, CentralError> {
    let hash = EventHash::of(bytes.as_bytes());
    let envelope = Envelope::parse(bytes).ok();
    let place = match &envelope {
        Some(envelope) => (envelope.terminal, envelope.epoch, envelope.seq),
        None => (request.terminal, request.epoch, 0),
    };
    let facts = life::facts(connection, place.0, place.1)?;
    if let Some((inbox_id, is_placeholder)) = booked(connection, place, hash)? {
        if is_placeholder {
            let sender = Sender { terminal: place.0, epoch: place.1, ..sender };
            let arrival = Arrival { sender, facts, received_ms: now_ms, skew_ms: None };
            judge::mend(connection, &arrival, inbox_id, bytes)?;
        }
        return Ok(false);
    }
    let (kind, at_ms, aggregate, business) = match &envelope {
        Some(envelope) => {
            let time = business_time(envelope.stamp(), now_ms, facts.enrolled_ms);
            let business = (time.at_ms, time.skew_ms.is_some());
            (envelope.kind.as_str(), envelope.at_ms, judge::aggregate(envelope), business)
        }
        None => ("", now_ms, None, (now_ms, false)),
    };
    if let Some((inbox_id, is_placeholder)) = held(connection, hash)? {
        if is_placeholder {
            let sql = "UPDATE inbox SET bytes = ?2, kind = ?3, at_ms = ?4, business_ms = ?5,
                       is_clamped = ?6, aggregate = ?7, code = iif(code = ?8, ?9, code)
                       WHERE id = ?1";
            let codes = (held_code::DAMAGED_EVENT, held_code::STRAY);
            let aggregate = aggregate.map(blob);
            connection.execute(
                sql,
                params![
                    inbox_id, bytes, kind, at_ms, business.0, business.1, aggregate, codes.0,
                    codes.1
                ],
            )?;
        }
        return Ok(false);
    }
    let row = NewRow {
        place,
        stray_of: Some(sender.terminal),
        hash,
        kind,
        at_ms,
        business,
        received_ms: now_ms,
        aggregate,
        state: ("quarantined", Some(held_code::STRAY)),
        bytes: Ok(bytes),
    };
    judge::insert(connection, &row)?;
    Ok(true)
}

fn damaged_one(
    connection: &Connection,
    sender: Sender,
    (place, hash): ((Uuid, u32, u64), EventHash),
    raw: &[u8],
    now_ms: i64,
) -> Result<bool, CentralError> {
    if booked(connection, place, hash)?.is_some() || held(connection, hash)?.is_some() {
        return Ok(false);
    }
    let row = NewRow {
        place,
        stray_of: Some(sender.terminal),
        hash,
        kind: "",
        at_ms: now_ms,
        business: (now_ms, false),
        received_ms: now_ms,
        aggregate: None,
        state: ("quarantined", Some(held_code::DAMAGED_EVENT)),
        bytes: Err(raw),
    };
    judge::insert(connection, &row)?;
    Ok(true)
}
