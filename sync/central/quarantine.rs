//! Quarantine: events that are held but do not count yet, and what a person can do about them (invariant 10).
//!
//! ```text
//! retry    judge it again as it is          amend    judge a person's correction in its place
//! dismiss  decide that it will not count    each: those that wait behind it get their turn
//! reopen   take a dismissal back
//! ```
//! Nothing here changes an event's bytes: a correction stands beside them with who, when and why.

use crate::apply::{Verdict, aggregate};
use crate::db::{id, id_opt, unsigned};
use crate::error::CentralError;
use crate::held;
pub use crate::held::{Held, LIST_MAX, dismissed, list};
use crate::judge;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::value::RawValue;
use sync::protocol::event::{Envelope, EventHash};
use sync::protocol::push::held_code;
use uuid::Uuid;

/// The longest name of a person, and the longest reason, in characters.
pub const WORDS_MAX: usize = 500;

/// What became of an entry, and of those behind it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Released {
    /// Events that are applied now, with those that waited behind.
    pub applied: u64,
    /// State of the entry now.
    pub state: String,
    /// Why it is quarantined still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Only of a dismissed order that counts nowhere: held events that say that it was paid. Money was taken for it;
    /// look before leaving it so, and reopen it if that was a mistake.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<u64>,
}

/// A person's correction of an event.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
pub struct Amendment {
    /// Who corrects.
    #[schema(min_length = 1, max_length = 500)]
    pub by: String,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    pub why: String,
    /// Type of the event, such as `order.paid`; as it was if absent.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Version of the body; as it was if absent, 1 if that cannot be read.
    #[serde(default)]
    pub v: Option<u16>,
    /// The body that counts from now on.
    #[schema(value_type = Object)]
    pub body: Box<RawValue>,
}

/// What a quarantined event is about, if that is known; `None` if no such event is quarantined.
fn quarantined(
    connection: &Connection,
    inbox_id: i64,
) -> Result<Option<Option<Uuid>>, CentralError> {
    let sql = "SELECT aggregate FROM inbox WHERE id = ?1 AND state = 'quarantined'";
    let found = connection.query_row(sql, [inbox_id], |row| id_opt(row, 0));
    Ok(found.optional()?)
}

fn released(
    connection: &Connection,
    inbox_id: i64,
    applied: u64,
) -> Result<Option<Released>, CentralError> {
    let sql = "SELECT state, code FROM inbox WHERE id = ?1";
    Ok(Some(connection.query_row(sql, [inbox_id], |row| {
        let state: String = row.get(0)?;
        let code = if state == "quarantined" { row.get(1)? } else { None };
        Ok(Released { applied, state, code, payments: Vec::new() })
    })?))
}

/// Tries a quarantined event again, and those that wait for it; if it waits for one of those, that one comes first.
/// `None` if no such event is quarantined.
pub fn retry(connection: &Connection, inbox_id: i64) -> Result<Option<Released>, CentralError> {
    let Some(aggregate) = quarantined(connection, inbox_id)? else { return Ok(None) };
    let applied = judged_anew(connection, inbox_id, aggregate.as_slice())?;
    released(connection, inbox_id, applied)
}

/// Judges an event again, then what is held about the same things and need not be any more. Returns how much counts.
fn judged_anew(
    connection: &Connection,
    inbox_id: i64,
    aggregates: &[Uuid],
) -> Result<u64, CentralError> {
    let mut applied = u64::from(judge::rejudge(connection, inbox_id)? == Verdict::Applied);
    for aggregate in aggregates {
        applied += judge::settle(connection, *aggregate)?;
    }
    Ok(applied)
}

/// Events of types that central did not know when they came, oldest first.
pub fn of_unknown_type(connection: &Connection) -> Result<Vec<i64>, CentralError> {
    let sql = "SELECT id FROM inbox INDEXED BY inbox_held
               WHERE state IN ('quarantined', 'parked') AND code = ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([held_code::UNKNOWN_TYPE], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A person decided that an event will not count; those behind it get their turn. The bytes stay.
pub fn dismiss(
    connection: &Connection,
    inbox_id: i64,
    (by, why): (&str, &str),
    now_ms: i64,
) -> Result<Option<Released>, CentralError> {
    let Some(aggregate) = quarantined(connection, inbox_id)? else { return Ok(None) };
    connection.execute("UPDATE inbox SET state = 'dismissed' WHERE id = ?1", [inbox_id])?;
    note(connection, inbox_id, ("dismissed", by, why), None, now_ms)?;
    let applied = match aggregate {
        Some(aggregate) => judge::settle(connection, aggregate)?,
        None => 0,
    };
    let payments = match aggregate {
        Some(order) if is_placed(connection, inbox_id)? => held::payments_of(connection, order)?,
        _ => Vec::new(),
    };
    let released = released(connection, inbox_id, applied)?;
    Ok(released.map(|released| Released { payments, ..released }))
}

fn is_placed(connection: &Connection, inbox_id: i64) -> Result<bool, CentralError> {
    let sql = "SELECT kind = 'order.placed' FROM inbox WHERE id = ?1";
    Ok(connection.query_row(sql, [inbox_id], |row| row.get(0))?)
}

/// A person takes a dismissal back: the event waits again, as it did before, and what was decided stays on record.
/// What was applied since stays applied. `None` if no such event is dismissed.
pub fn reopen(
    connection: &Connection,
    inbox_id: i64,
    (by, why): (&str, &str),
    now_ms: i64,
) -> Result<Option<Released>, CentralError> {
    let sql = "UPDATE inbox SET state = 'quarantined' WHERE id = ?1 AND state = 'dismissed'";
    if connection.execute(sql, [inbox_id])? == 0 {
        return Ok(None);
    }
    note(connection, inbox_id, ("reopened", by, why), None, now_ms)?;
    released(connection, inbox_id, 0)
}

/// Who did what to an entry, and why.
fn note(
    connection: &Connection,
    inbox_id: i64,
    (kind, by, why): (&str, &str, &str),
    bytes: Option<&str>,
    now_ms: i64,
) -> Result<(), CentralError> {
    let sql = "INSERT INTO act (inbox, at_ms, kind, by_whom, why, bytes)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.execute(sql, params![inbox_id, now_ms, kind, by, why, bytes])?;
    Ok(())
}

/// The bytes that are to count in place of the event's own: its place, its time and its forerunner stay.
fn amended(
    connection: &Connection,
    inbox_id: i64,
    amendment: &Amendment,
) -> Result<String, CentralError> {
    let sql = "SELECT terminal, epoch, seq, at_ms, kind, bytes FROM inbox WHERE id = ?1";
    let (place, at_ms, kind, bytes) = connection.query_row(sql, [inbox_id], |row| {
        let place = (id(row, 0)?, row.get::<_, u32>(1)?, unsigned(row, 2)?);
        let bytes: Option<String> = row.get(5)?;
        Ok((place, row.get::<_, i64>(3)?, row.get::<_, String>(4)?, bytes))
    })?;
    let own = bytes.as_deref().and_then(|bytes| Envelope::parse(bytes).ok());
    let prev = own.as_ref().map_or(EventHash::GENESIS.to_string(), |own| own.prev.clone());
    let version = amendment.v.or(own.as_ref().map(|own| own.v)).unwrap_or(1);
    let kind = amendment.kind.as_deref().unwrap_or(&kind);
    #[derive(serde::Serialize)]
    struct Out<'a> {
        terminal: Uuid,
        epoch: u32,
        seq: u64,
        prev: String,
        at_ms: i64,
        #[serde(rename = "type")]
        kind: &'a str,
        v: u16,
        body: &'a RawValue,
    }
    let (terminal, epoch, seq) = place;
    let body = amendment.body.as_ref();
    let out = Out { terminal, epoch, seq, prev, at_ms, kind, v: version, body };
    serde_json::to_string(&out).map_err(CentralError::Json)
}

/// A person corrects a quarantined event: what they wrote is judged in its place. If it is refused nothing changes,
/// and the answer says why. The caller runs this in a savepoint of its own and has checked the words.
pub fn amend(
    connection: &Connection,
    inbox_id: i64,
    amendment: &Amendment,
    now_ms: i64,
) -> Result<Option<Released>, CentralError> {
    let Some(former) = quarantined(connection, inbox_id)? else { return Ok(None) };
    let bytes = amended(connection, inbox_id, amendment)?;
    connection.execute_batch("SAVEPOINT amendment")?;
    let what = ("amended", amendment.by.as_str(), amendment.why.as_str());
    note(connection, inbox_id, what, Some(&bytes), now_ms)?;
    let corrected = Envelope::parse(&bytes).ok().and_then(|envelope| aggregate(&envelope));
    let about: Vec<Uuid> =
        former.into_iter().chain(corrected.filter(|of| Some(*of) != former)).collect();
    let applied = judged_anew(connection, inbox_id, &about)?;
    let amended = released(connection, inbox_id, applied)?;
    if amended.as_ref().is_some_and(|released| released.state == "applied") {
        connection.execute_batch("RELEASE amendment")?;
        return Ok(amended);
    }
    // What was freed by it goes back too: nothing has changed but what the caller knows of the correction.
    connection.execute_batch("ROLLBACK TO amendment; RELEASE amendment")?;
    Ok(amended.map(|refused| Released { applied: 0, ..refused }))
}
