//! Holding and judging: an event is written down as it came, then a verdict is booked beside it.
//!
//! ```text
//! revoked terminal -> quarantined TERMINAL_REVOKED      no bytes -> quarantined DAMAGED_EVENT
//! an earlier event of the terminal about the same thing is held back -> parked, unless this brings what that waits for
//! else apply in a savepoint -> applied | quarantined
//! applied -> what was told too early about the same thing is judged again, then what waits behind that
//! ```
//! The bytes of an event never change here. What a person put in their place ([`crate::quarantine`]) is judged
//! instead of them, and stands beside them.

use crate::apply::{self, Verdict};
use crate::clock::business_time;
use crate::db::{blob, id};
use crate::error::CentralError;
use crate::life::Facts;
use crate::push::Sender;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use sync::protocol::event::{Envelope, EventHash};
use sync::protocol::push::{Outcome, PushResult, held_code};
use uuid::Uuid;

/// The event refers to a stored row that cannot be read.
const DAMAGED_ROW: &str = "DAMAGED_ROW";
/// The bytes are no event at all.
const NOT_AN_EVENT: &str = "NOT_AN_EVENT";

/// Whether a row `p` of the inbox has to wait: an earlier event of the same terminal about the same thing is held back.
/// Another terminal's is no reason to wait: between terminals there is no order that could be kept. Nor is a stray: it
/// has no place in the order. Nor is, for an order that is placed, its payment that came too early, with what is parked
/// behind that: both would wait for each other for ever. The same with a shift and its end.
macro_rules! waits {
    () => {
        "EXISTS (SELECT 1 FROM inbox q
                 WHERE q.aggregate = p.aggregate AND q.state IN ('quarantined', 'parked')
                 AND q.terminal = p.terminal AND q.is_stray = 0 AND q.id < p.id
                 AND CASE p.kind
                     WHEN 'order.placed' THEN q.state = 'quarantined' AND q.code IS NOT 'UNKNOWN_ORDER'
                     WHEN 'shift.opened' THEN q.state = 'quarantined' AND q.code IS NOT 'UNKNOWN_SHIFT'
                     ELSE TRUE END)"
    };
}

/// How events came here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Who sent them.
    pub sender: Sender,
    /// What is known of that life.
    pub facts: Facts,
    /// When.
    pub received_ms: i64,
    /// How far off the newest event's clock was.
    pub skew_ms: Option<i64>,
}

/// A row of the inbox before it is written.
pub(crate) struct NewRow<'a> {
    /// In whose journal, life and place it was written.
    pub place: (Uuid, u32, u64),
    /// Who handed it in, if it is a stray.
    pub stray_of: Option<Uuid>,
    /// Its hash, or the declared one.
    pub hash: EventHash,
    /// Its type.
    pub kind: &'a str,
    /// The device's clock.
    pub at_ms: i64,
    /// When it counts as having happened, and whether that is not the device's word.
    pub business: (i64, bool),
    /// When it came.
    pub received_ms: i64,
    /// What it is about.
    pub aggregate: Option<Uuid>,
    /// State and code.
    pub state: (&'a str, Option<&'a str>),
    /// Its bytes, or what the terminal has in their place.
    pub bytes: Result<&'a str, &'a [u8]>,
}

/// Writes it down. Returns its number.
pub(crate) fn insert(connection: &Connection, row: &NewRow<'_>) -> Result<i64, CentralError> {
    let sql = "INSERT INTO inbox (terminal, epoch, seq, is_stray, sent_by, hash, kind, at_ms,
               business_ms, is_clamped, received_ms, aggregate, state, code, bytes, raw)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    let (terminal, epoch, seq) = row.place;
    connection.prepare_cached(sql)?.execute(params![
        blob(terminal),
        epoch,
        i64::try_from(seq).unwrap_or(0),
        row.stray_of.is_some(),
        row.stray_of.map(blob),
        row.hash.0,
        row.kind,
        row.at_ms,
        row.business.0,
        row.business.1,
        row.received_ms,
        row.aggregate.map(blob),
        row.state.0,
        row.state.1,
        row.bytes.ok(),
        row.bytes.err()
    ])?;
    Ok(connection.last_insert_rowid())
}

/// What an event is about; a defect of ours must not stop it from being held.
pub(crate) fn aggregate(envelope: &Envelope) -> Option<Uuid> {
    // A panic comes again when it is judged, and is booked there.
    catch_unwind(|| apply::aggregate(envelope)).unwrap_or(None)
}

/// Holds an event for ever, then judges it.
pub(crate) fn hold(
    connection: &Connection,
    arrival: &mut Arrival,
    envelope: &Envelope,
    (bytes, hash): (&str, EventHash),
) -> Result<PushResult, CentralError> {
    let sender = arrival.sender;
    let aggregate = aggregate(envelope);
    let time = business_time(envelope.stamp(), arrival.received_ms, arrival.facts.enrolled_ms);
    arrival.skew_ms = time.skew_ms;
    if let Some(result) = adopt_stray(connection, arrival, (envelope.seq, aggregate), hash)? {
        return Ok(result);
    }
    let inbox_id = insert(
        connection,
        &NewRow {
            place: (sender.terminal, sender.epoch, envelope.seq),
            stray_of: None,
            hash,
            kind: &envelope.kind,
            at_ms: envelope.at_ms,
            business: (time.at_ms, time.skew_ms.is_some()),
            received_ms: arrival.received_ms,
            aggregate,
            state: ("parked", None),
            bytes: Ok(bytes),
        },
    )?;
    let (business_ms, is_clamped) = (time.at_ms, time.skew_ms.is_some());
    let source = apply::Source { inbox_id, sender, business_ms, is_clamped };
    let apply = || apply::apply(connection, source, envelope);
    let judge = || verdict_of(connection, inbox_id, apply);
    let (outcome, code) = first_verdict(connection, arrival, (inbox_id, aggregate), judge)?;
    Ok(PushResult { seq: envelope.seq, outcome, code })
}

/// An event that continues its chain now, and was handed in as a stray before (by a clone, or before central was
/// restored): the stray takes the number, so that it is held once and counts once. What a person has decided stands.
/// It goes to the end of the inbox, because the order of rows is the order of numbers.
fn adopt_stray(
    connection: &Connection,
    arrival: &Arrival,
    (seq, aggregate): (u64, Option<Uuid>),
    hash: EventHash,
) -> Result<Option<PushResult>, CentralError> {
    let sql = "SELECT id, state FROM inbox WHERE hash = ?1 AND is_stray = 1 AND bytes IS NOT NULL";
    let found: Option<(i64, String)> = connection
        .prepare_cached(sql)?
        .query_row([hash.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((stray_id, state)) = found else { return Ok(None) };
    let sql = "UPDATE inbox SET id = (SELECT max(id) + 1 FROM inbox), is_stray = 0, sent_by = NULL
               WHERE id = ?1 RETURNING id";
    let inbox_id: i64 = connection.query_row(sql, [stray_id], |row| row.get(0))?;
    let moved = params![inbox_id, stray_id];
    connection.execute("UPDATE act SET inbox = ?1 WHERE inbox = ?2", moved)?;
    connection.execute("UPDATE orders SET event = ?1 WHERE event = ?2", moved)?;
    let (outcome, code) = match state.as_str() {
        "applied" => (Outcome::Applied, None),
        "dismissed" => (Outcome::Duplicate, None),
        _ => {
            connection.execute("UPDATE inbox SET state = 'parked' WHERE id = ?1", [inbox_id])?;
            let judge = || rejudge(connection, inbox_id);
            first_verdict(connection, arrival, (inbox_id, aggregate), judge)?
        }
    };
    Ok(Some(PushResult { seq, outcome, code }))
}

/// Holds the place of an event whose bytes the terminal itself does not have any more.
pub(crate) fn hold_damaged(
    connection: &Connection,
    arrival: &Arrival,
    (seq, hash): (u64, EventHash),
    raw: &[u8],
) -> Result<PushResult, CentralError> {
    let (sender, code) = (arrival.sender, held_code::DAMAGED_EVENT);
    insert(
        connection,
        &NewRow {
            place: (sender.terminal, sender.epoch, seq),
            stray_of: None,
            hash,
            kind: "",
            at_ms: arrival.received_ms,
            business: (arrival.received_ms, false),
            received_ms: arrival.received_ms,
            aggregate: None,
            state: ("quarantined", Some(code)),
            bytes: Err(raw),
        },
    )?;
    Ok(PushResult { seq, outcome: Outcome::Quarantined, code: Some(code.into()) })
}

/// The true bytes of a placeholder have come: they take its place and are judged, unless a person has decided
/// meanwhile. The caller has compared the hash.
pub(crate) fn mend(
    connection: &Connection,
    arrival: &Arrival,
    inbox_id: i64,
    bytes: &str,
) -> Result<(Outcome, Option<String>), CentralError> {
    let envelope = Envelope::parse(bytes).ok();
    let aggregate = envelope.as_ref().and_then(aggregate);
    if let Some(envelope) = &envelope {
        let time = business_time(envelope.stamp(), arrival.received_ms, arrival.facts.enrolled_ms);
        let sql = "UPDATE inbox SET kind = ?2, at_ms = ?3, business_ms = ?4, is_clamped = ?5,
                   aggregate = ?6 WHERE id = ?1";
        let is_clamped = time.skew_ms.is_some();
        let aggregate = aggregate.map(blob);
        let (kind, at_ms) = (&envelope.kind, envelope.at_ms);
        connection
            .execute(sql, params![inbox_id, kind, at_ms, time.at_ms, is_clamped, aggregate])?;
    }
    connection.execute("UPDATE inbox SET bytes = ?2 WHERE id = ?1", params![inbox_id, bytes])?;
    let sql = "INSERT INTO act (inbox, at_ms, kind, by_whom, why)
               VALUES (?1, ?2, 'mended', '', 'the true bytes came')";
    connection.execute(sql, params![inbox_id, arrival.received_ms])?;
    let sql = "SELECT state = 'quarantined' AND code = ?2 FROM inbox WHERE id = ?1";
    let values = params![inbox_id, held_code::DAMAGED_EVENT];
    let is_open: bool = connection.query_row(sql, values, |row| row.get(0))?;
    if !is_open {
        return Ok((Outcome::Duplicate, None));
    }
    // It does not wait for itself.
    connection.execute("UPDATE inbox SET state = 'parked' WHERE id = ?1", [inbox_id])?;
    first_verdict(connection, arrival, (inbox_id, aggregate), || rejudge(connection, inbox_id))
}

/// Judges a row that was just written, or says why it has to wait.
fn first_verdict(
    connection: &Connection,
    arrival: &Arrival,
    (inbox_id, aggregate): (i64, Option<Uuid>),
    judge: impl FnOnce() -> Result<Verdict, CentralError>,
) -> Result<(Outcome, Option<String>), CentralError> {
    let sql = concat!("SELECT ", waits!(), " FROM inbox p WHERE p.id = ?1");
    let waits: bool = connection.prepare_cached(sql)?.query_row([inbox_id], |row| row.get(0))?;
    if waits {
        return Ok((Outcome::Parked, None));
    }
    if arrival.facts.is_revoked {
        let code = held_code::TERMINAL_REVOKED;
        book(connection, inbox_id, "quarantined", Some(code))?;
        return Ok((Outcome::Quarantined, Some(code.into())));
    }
    Ok(match judge()? {
        Verdict::Applied => {
            if let Some(aggregate) = aggregate {
                settle(connection, aggregate)?;
            }
            (Outcome::Applied, None)
        }
        Verdict::Refused(code) => (Outcome::Quarantined, Some(code.into())),
    })
}

/// Judges what is held about one thing and need not be held any more, in the order of the inbox, which is that of the
/// numbers: what was told too early, once the thing is there, whoever told it; what was parked, once nothing that it
/// waits for is left. Called whenever something about it was applied, or is no longer in the way. Returns how much
/// counts now.
pub(crate) fn settle(connection: &Connection, aggregate: Uuid) -> Result<u64, CentralError> {
    let sql = concat!(
        "SELECT p.id, p.state = 'quarantined' FROM inbox p
         WHERE p.aggregate = ?1 AND p.state IN ('quarantined', 'parked')
         AND CASE p.state WHEN 'parked' THEN NOT ",
        waits!(),
        "    ELSE p.code = 'UNKNOWN_ORDER' AND EXISTS (SELECT 1 FROM orders WHERE id = ?1)
              OR p.code = 'UNKNOWN_SHIFT' AND EXISTS (SELECT 1 FROM shift WHERE id = ?1) END
         ORDER BY p.id LIMIT 1"
    );
    let mut statement = connection.prepare_cached(sql)?;
    let mut applied = 0;
    // Bound: each turn leaves one parked event less, or one less that was too early; the set makes sure of the second.
    let mut was_too_early = BTreeSet::new();
    loop {
        let due = statement.query_row([blob(aggregate)], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?))
        });
        let Some((inbox_id, is_too_early)) = due.optional()? else { return Ok(applied) };
        if is_too_early && !was_too_early.insert(inbox_id) {
            return Ok(applied);
        }
        if rejudge(connection, inbox_id)? == Verdict::Applied {
            applied += 1;
        }
    }
}

fn book(
    connection: &Connection,
    inbox_id: i64,
    state: &str,
    code: Option<&str>,
) -> Result<(), CentralError> {
    connection
        .prepare_cached("UPDATE inbox SET state = ?2, code = ?3 WHERE id = ?1")?
        .execute(params![inbox_id, state, code])?;
    Ok(())
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
    book(connection, inbox_id, state, code)?;
    if let Some(code @ ("PANIC" | DAMAGED_ROW)) = code {
        tracing::error!(inbox_id, code, "an event could not be applied for a fault of central's");
    }
    Ok(verdict)
}

/// Judges a held event, whatever it is held for, and books the verdict.
pub(crate) fn rejudge(connection: &Connection, inbox_id: i64) -> Result<Verdict, CentralError> {
    let sql = "SELECT i.terminal, i.epoch,
                      coalesce(t.store, (SELECT store FROM terminal WHERE id = i.sent_by), 0),
                      i.business_ms, i.is_clamped, i.bytes,
                      (SELECT bytes FROM act WHERE inbox = i.id AND kind = 'amended'
                       ORDER BY id DESC LIMIT 1)
               FROM inbox i LEFT JOIN terminal t ON t.id = i.terminal WHERE i.id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let (source, bytes) = statement.query_row([inbox_id], |row| {
        let sender = Sender { terminal: id(row, 0)?, epoch: row.get(1)?, store_no: row.get(2)? };
        let (business_ms, is_clamped) = (row.get(3)?, row.get(4)?);
        let source = apply::Source { inbox_id, sender, business_ms, is_clamped };
        let amended: Option<String> = row.get(6)?;
        Ok((source, amended.or(row.get(5)?)))
    })?;
    let envelope = match bytes.as_deref().map(Envelope::parse) {
        Some(Ok(envelope)) => envelope,
        Some(Err(_)) => return verdict_of(connection, inbox_id, || refused(NOT_AN_EVENT)),
        None => return verdict_of(connection, inbox_id, || refused(held_code::DAMAGED_EVENT)),
    };
    verdict_of(connection, inbox_id, || apply::apply(connection, source, &envelope))
}

const fn refused(code: &'static str) -> Result<Verdict, CentralError> {
    Ok(Verdict::Refused(code))
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
        let row = NewRow {
            place: (Uuid::from_u128(1), 0, 1),
            stray_of: None,
            hash: EventHash::GENESIS,
            kind: "k",
            at_ms: 0,
            business: (0, false),
            received_ms: 0,
            aggregate: None,
            state: ("parked", None),
            bytes: Ok(""),
        };
        let inbox_id = insert(&connection, &row).unwrap();
        type Ending = fn() -> Result<Verdict, CentralError>;
        let cases: [(Ending, &str); 3] = [
            (|| panic!("on purpose"), "PANIC"),
            (|| Err(CentralError::DamagedRow("test")), "DAMAGED_ROW"),
            (|| Ok(Verdict::Refused("UNKNOWN_ORDER")), "UNKNOWN_ORDER"),
        ];
        for (ending, code) in cases {
            let attempt = || set_meta(&connection, "written", code).and_then(|()| ending());
            let verdict = verdict_of(&connection, inbox_id, attempt).unwrap();
            assert_eq!(verdict, Verdict::Refused(code));
            assert_eq!(meta(&connection, "written").unwrap(), None, "{code}");
            let sql = "SELECT state || ' ' || code FROM inbox";
            let booked: String = connection.query_row(sql, [], |row| row.get(0)).unwrap();
            assert_eq!(booked, format!("quarantined {code}"));
        }
        // Central's own failure is no verdict.
        assert!(verdict_of(&connection, inbox_id, || Err(CentralError::Stopped)).is_err());
    }
}
