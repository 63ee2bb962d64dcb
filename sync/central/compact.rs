//! Compaction: deletions are told for as long as anybody may need to hear of them, and then forgotten.
//!
//! A tombstone goes when it is ninety days old and every terminal that was heard of in ninety days has read past it.
//! The feed's floor rises with it: a cursor below the floor is refused, and its terminal takes a snapshot, which has
//! no tombstones. A terminal that never read a feed has no rows to delete and keeps nothing back.
//!
//! How far terminals have read is noted in memory and booked now and then: a position that is booked too low only
//! keeps tombstones longer.

use crate::db::{blob, lock};
use crate::error::CentralError;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::sync::Mutex;
use uuid::Uuid;

/// For so long a deletion is told to everybody, and a silent terminal is waited for.
pub const KEPT_MS: i64 = 90 * 86_400_000;

/// What terminals were last heard of, and how far they have read.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    seen_ms: HashMap<Uuid, i64>,
    /// By terminal and feed: the position of the cursor that it asked with, which it has committed.
    pos: HashMap<(Uuid, i64), i64>,
}

impl Heard {
    pub(crate) fn is_empty(&self) -> bool {
        self.seen_ms.is_empty()
    }
}

/// The same, while it grows.
#[derive(Debug, Default)]
pub(crate) struct Passed(Mutex<Heard>);

impl Passed {
    /// A terminal asked for what comes after a position.
    pub(crate) fn note(&self, terminal: Uuid, feed: i64, pos: i64, now_ms: i64) {
        let mut heard = lock(&self.0);
        heard.seen_ms.insert(terminal, now_ms);
        heard.pos.insert((terminal, feed), pos);
    }

    /// A terminal was heard of.
    pub(crate) fn saw(&self, terminal: Uuid, now_ms: i64) {
        lock(&self.0).seen_ms.insert(terminal, now_ms);
    }

    /// All of it, to be booked.
    pub(crate) fn take(&self) -> Heard {
        std::mem::take(&mut lock(&self.0))
    }
}

/// Books what was heard.
pub(crate) fn book(connection: &Connection, heard: &Heard) -> Result<(), CentralError> {
    let sql = "UPDATE terminal SET seen_ms = max(seen_ms, ?2) WHERE id = ?1";
    for (terminal, seen_ms) in &heard.seen_ms {
        connection.prepare_cached(sql)?.execute(params![blob(*terminal), seen_ms])?;
    }
    // Lower than before is right too: a terminal may have been reset, or this database restored.
    let sql = "INSERT INTO feed_passed (terminal, feed, pos) VALUES (?1, ?2, ?3)
               ON CONFLICT (terminal, feed) DO UPDATE SET pos = excluded.pos";
    for ((terminal, feed), pos) in &heard.pos {
        connection.prepare_cached(sql)?.execute(params![blob(*terminal), feed, pos])?;
    }
    Ok(())
}

/// Forgets what can be forgotten of all feeds. The caller holds the write lock and commits. Returns how many
/// tombstones went.
pub(crate) fn compact(connection: &Connection, now_ms: i64) -> Result<u64, CentralError> {
    let before_ms = now_ms.saturating_sub(KEPT_MS);
    let sql = "SELECT DISTINCT feed, scope FROM feed_row WHERE row IS NULL AND gone_ms <= ?1";
    let mut statement = connection.prepare(sql)?;
    let scopes: Vec<(i64, i64)> = statement
        .query_map([before_ms], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut removed = 0;
    for (feed, scope) in scopes {
        removed += compact_one(connection, (feed, scope), before_ms)?;
    }
    Ok(removed)
}

/// One feed of one scope. Scope 0 is read by the terminals of all stores.
fn compact_one(
    connection: &Connection,
    (feed, scope): (i64, i64),
    before_ms: i64,
) -> Result<u64, CentralError> {
    // A life that was revoked cannot read; the terminal comes back with a new cursor.
    let sql = "SELECT min(p.pos) FROM feed_passed p
               JOIN terminal t ON t.id = p.terminal
               JOIN life l ON l.terminal = t.id AND l.epoch = t.epoch
               WHERE p.feed = ?1 AND (?2 = 0 OR t.store = ?2) AND t.seen_ms > ?3
               AND l.revoked_ms IS NULL";
    let slowest: Option<i64> =
        connection.query_row(sql, params![feed, scope, before_ms], |row| row.get(0))?;
    let slowest = slowest.unwrap_or(i64::MAX);
    let sql = "SELECT max(pos) FROM feed_row
               WHERE feed = ?1 AND scope = ?2 AND row IS NULL AND gone_ms <= ?3 AND pos <= ?4";
    let newest: Option<i64> = connection
        .query_row(sql, params![feed, scope, before_ms, slowest], |row| row.get(0))
        .optional()?
        .flatten();
    let Some(newest) = newest else { return Ok(0) };
    let sql = "DELETE FROM feed_row
               WHERE feed = ?1 AND scope = ?2 AND row IS NULL AND gone_ms <= ?3 AND pos <= ?4";
    let removed = connection.execute(sql, params![feed, scope, before_ms, newest])?;
    let sql = "INSERT INTO feed_floor (feed, scope, pos) VALUES (?1, ?2, ?3)
               ON CONFLICT (feed, scope) DO UPDATE SET pos = max(pos, excluded.pos)";
    connection.execute(sql, params![feed, scope, newest])?;
    // Their cursors would be refused.
    let sql = "DELETE FROM snapshot WHERE feed = ?1 AND scope = ?2 AND pos < ?3";
    connection.execute(sql, params![feed, scope, newest])?;
    Ok(removed as u64)
}
