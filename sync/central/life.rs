//! The lives of terminals: every (terminal, epoch) that central ever learned of, with its key.
//!
//! ```text
//! enrolled ──> current ──renewed by its own key, or enrolled again──> replaced
//!                 └───────────── a person ─────────────> revoked
//! ```
//! A life is never forgotten and its key never changes: whoever proves it may push what that life wrote, for ever.
//! What else it may do is its standing.

use crate::db::blob;
use crate::error::CentralError;
use rusqlite::{Connection, OptionalExtension, params};
use sync::protocol::auth::Standing;
use uuid::Uuid;

/// A life as authentication sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownLife {
    /// Which.
    pub epoch: u32,
    /// The terminal's newest life.
    pub current_epoch: u32,
    /// The terminal's store.
    pub store_no: i64,
    /// What signs for it.
    pub public_key: [u8; 32],
    /// What it may do.
    pub standing: Standing,
}

/// What was found under a terminal and an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The life.
    Life(KnownLife),
    /// The terminal is known, the epoch is not.
    UnknownEpoch,
    /// Neither is.
    UnknownTerminal,
}

/// Looks a life up; without an epoch the current one.
pub fn find(
    connection: &Connection,
    terminal: Uuid,
    epoch: Option<u32>,
) -> Result<Lookup, CentralError> {
    let sql = "SELECT t.epoch, t.store, l.epoch, l.public_key, l.revoked_ms IS NOT NULL
               FROM terminal t
               LEFT JOIN life l ON l.terminal = t.id AND l.epoch = coalesce(?2, t.epoch)
               WHERE t.id = ?1";
    let found = connection.prepare_cached(sql)?.query_row(params![blob(terminal), epoch], |row| {
        let Some(epoch) = row.get::<_, Option<u32>>(2)? else { return Ok(Lookup::UnknownEpoch) };
        let current_epoch = row.get(0)?;
        let standing = match (row.get(4)?, epoch == current_epoch) {
            (true, _) => Standing::Revoked,
            (false, true) => Standing::Current,
            (false, false) => Standing::Replaced,
        };
        let (store_no, public_key) = (row.get(1)?, row.get(3)?);
        Ok(Lookup::Life(KnownLife { epoch, current_epoch, store_no, public_key, standing }))
    });
    Ok(found.optional()?.unwrap_or(Lookup::UnknownTerminal))
}

/// A life that begins.
#[derive(Clone, Copy, Debug)]
pub struct NewLife<'a> {
    /// Of which terminal.
    pub terminal: Uuid,
    /// Which.
    pub epoch: u32,
    /// Its key.
    pub public_key: [u8; 32],
    /// `enrolled`, or why the terminal began it by itself.
    pub begun: &'a str,
    /// Its software.
    pub software: &'a str,
}

/// Notes a life and makes it the terminal's current one.
pub(crate) fn begin(
    connection: &Connection,
    life: &NewLife<'_>,
    (enrolled_ms, revoked_ms): (i64, Option<i64>),
    now_ms: i64,
) -> Result<(), CentralError> {
    let sql = "INSERT INTO life (terminal, epoch, public_key, begun, begun_ms, enrolled_ms,
               software, revoked_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    connection.execute(
        sql,
        params![
            blob(life.terminal),
            life.epoch,
            life.public_key,
            life.begun,
            now_ms,
            enrolled_ms,
            life.software,
            revoked_ms
        ],
    )?;
    let sql = "UPDATE terminal SET epoch = ?2, seen_ms = max(seen_ms, ?3) WHERE id = ?1";
    connection.execute(sql, params![blob(life.terminal), life.epoch, now_ms])?;
    Ok(())
}

/// Registers a life that a terminal began by itself. False if the epoch belongs to another device. The same request
/// again is answered the same: the answer may have been lost.
pub fn renew(
    connection: &Connection,
    former_epoch: u32,
    life: &NewLife<'_>,
    now_ms: i64,
) -> Result<bool, CentralError> {
    let current = match find(connection, life.terminal, None)? {
        Lookup::Life(current) => current,
        Lookup::UnknownEpoch | Lookup::UnknownTerminal => return Ok(false),
    };
    if former_epoch.checked_add(1) != Some(life.epoch) {
        return Ok(false);
    }
    if current.epoch == life.epoch {
        return Ok(current.public_key == life.public_key);
    }
    if current.epoch != former_epoch {
        return Ok(false);
    }
    let sql = "SELECT enrolled_ms, revoked_ms FROM life WHERE terminal = ?1 AND epoch = ?2";
    let former = connection.query_row(sql, params![blob(life.terminal), former_epoch], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    begin(connection, life, former, now_ms)?;
    Ok(true)
}

/// What judging needs to know of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// When the device was enrolled.
    pub enrolled_ms: i64,
    /// A person took it out of service.
    pub is_revoked: bool,
}

/// Of a life; of one that central knows only by its events, nothing is held against them.
pub(crate) fn facts(
    connection: &Connection,
    terminal: Uuid,
    epoch: u32,
) -> Result<Facts, CentralError> {
    let sql = "SELECT enrolled_ms, revoked_ms IS NOT NULL FROM life
               WHERE terminal = ?1 AND epoch = ?2";
    let found = connection.prepare_cached(sql)?.query_row(params![blob(terminal), epoch], |row| {
        Ok(Facts { enrolled_ms: row.get(0)?, is_revoked: row.get(1)? })
    });
    Ok(found.optional()?.unwrap_or(Facts { enrolled_ms: i64::MIN, is_revoked: false }))
}

/// Books how far off a life's clock was in its newest event; `None` if that can be believed.
pub(crate) fn book_skew(
    connection: &Connection,
    (terminal, epoch): (Uuid, u32),
    skew_ms: Option<i64>,
) -> Result<(), CentralError> {
    let sql = "UPDATE life SET skew_ms = ?3
               WHERE terminal = ?1 AND epoch = ?2 AND skew_ms IS NOT ?3";
    connection.prepare_cached(sql)?.execute(params![blob(terminal), epoch, skew_ms])?;
    Ok(())
}

/// Takes a terminal out of service, with all lives that it had so far. Returns whether it is known.
pub fn revoke(connection: &Connection, terminal: Uuid, now_ms: i64) -> Result<bool, CentralError> {
    let sql = "UPDATE life SET revoked_ms = coalesce(revoked_ms, ?2) WHERE terminal = ?1";
    Ok(connection.execute(sql, params![blob(terminal), now_ms])? > 0)
}

/// Takes a revocation back: all lives of the terminal may do again what they could. Returns whether it is known.
pub fn reinstate(connection: &Connection, terminal: Uuid) -> Result<bool, CentralError> {
    let sql = "UPDATE life SET revoked_ms = NULL WHERE terminal = ?1";
    Ok(connection.execute(sql, [blob(terminal)])? > 0)
}
