//! Snapshots: a feed as immutable files, built once and shared by every terminal that starts.
//!
//! A build reads the feed in one read transaction, most wanted rows first, and writes chunks as it goes, so that a
//! million articles never stand in memory. The first chunk is small: selling starts with it. A snapshot is used
//! again while the feed has moved little since; its cursor covers the rest.

use crate::chunk::ChunkStore;
use crate::db::unsigned;
use crate::error::CentralError;
use crate::feed::{self, cursor, feed_number};
use rusqlite::{Connection, OptionalExtension, params};
use std::io::Write;
use std::path::Path;
use sync::protocol::feed::{Checkpoint, Feed};
use sync::protocol::snapshot::{CHUNK_BYTES_MAX, CHUNK_UNPACKED_MAX, ChunkInfo, FeedSnapshot};
use uuid::Uuid;

/// A chunk is closed when it has grown to so many compressed bytes.
const CHUNK_BYTES_AIM: usize = 480 * 1024;
/// A chunk is closed before it unpacks to more than this.
const CHUNK_UNPACKED_AIM: usize = 12 * 1024 * 1024;
/// Rows of the first chunk.
const FIRST_ROWS_MAX: u64 = 2_000;
/// Level 3 packs at some 200 MB/s; higher levels win little on rows that hardly repeat.
const ZSTD_LEVEL: i32 = 3;
/// Chunks can be fetched for so long after a manifest named them.
pub const LIFETIME_MS: i64 = 72 * 3_600_000;
/// A snapshot is built anew when more than this part of its rows changed since, and at least [`STALE_MIN`].
const STALE_PART: u64 = 10;
/// Changes that a terminal reads in two pages are no reason to build.
const STALE_MIN: u64 = 4_000;

/// A snapshot as the database knows it.
pub struct Built {
    /// Its row.
    pub id: i64,
    /// Position that it includes.
    pub pos: i64,
    /// Rows.
    pub rows: u64,
}

/// The newest snapshot of a feed that is still good to start from: little changed since, and its files are there.
pub fn usable(
    connection: &Connection,
    store: &ChunkStore,
    (feed, scope): (Feed, i64),
    now_ms: i64,
) -> Result<Option<Built>, CentralError> {
    // Of two of the same position the later one was built because the earlier one's files were no good.
    // Below the floor its cursor would be refused.
    let sql = "SELECT id, pos, rows FROM snapshot
               WHERE feed = ?1 AND scope = ?2 AND expires_ms > ?3 AND pos >= ?4
               ORDER BY pos DESC, id DESC LIMIT 1";
    let floor = feed::floor(connection, feed, scope)?;
    let values = params![feed_number(feed), scope, now_ms, floor];
    let built = connection.query_row(sql, values, |row| {
        Ok(Built { id: row.get(0)?, pos: row.get(1)?, rows: unsigned(row, 2)? })
    });
    let Some(built) = built.optional()? else { return Ok(None) };
    let limit = (built.rows / STALE_PART).max(STALE_MIN);
    let sql = "SELECT count(*) FROM (SELECT 1 FROM feed_row
               WHERE feed = ?1 AND scope = ?2 AND pos > ?3 LIMIT ?4)";
    let values = params![feed_number(feed), scope, built.pos, limit as i64 + 1];
    let moved = connection.query_row(sql, values, |row| unsigned(row, 0))?;
    Ok((moved <= limit && has_chunks(connection, store, built.id)?).then_some(built))
}

/// Whether every chunk of a snapshot is there.
fn has_chunks(connection: &Connection, store: &ChunkStore, id: i64) -> Result<bool, CentralError> {
    let sql = "SELECT sha256, bytes FROM snapshot_chunk WHERE snapshot = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        let (sha256, bytes): (String, u64) = (row.get(0)?, unsigned(row, 1)?);
        if !store.has(&sha256, bytes) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a snapshot names a chunk.
pub fn is_named(connection: &Connection, sha256: &str) -> Result<bool, CentralError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM snapshot_chunk WHERE sha256 = ?1)";
    Ok(connection.query_row(sql, [sha256], |row| row.get(0))?)
}

/// Drops the snapshots that name a chunk which cannot be served; the next manifest builds anew. Returns how many.
pub fn drop_naming(connection: &Connection, sha256: &str) -> Result<usize, CentralError> {
    let sql = "DELETE FROM snapshot
               WHERE id IN (SELECT snapshot FROM snapshot_chunk WHERE sha256 = ?1)";
    Ok(connection.execute(sql, [sha256])?)
}

/// Drops all snapshots. Their files stay until they are swept.
pub fn drop_all(connection: &Connection) -> Result<usize, CentralError> {
    Ok(connection.execute("DELETE FROM snapshot", [])?)
}

/// The manifest of a snapshot.
pub fn describe(
    connection: &Connection,
    feed: Feed,
    built: &Built,
) -> Result<FeedSnapshot, CentralError> {
    let sql = "SELECT sha256, bytes, rows FROM snapshot_chunk WHERE snapshot = ?1 ORDER BY no";
    let mut statement = connection.prepare_cached(sql)?;
    let chunks = statement.query_map([built.id], |row| {
        Ok(ChunkInfo { sha256: row.get(0)?, bytes: unsigned(row, 1)?, rows: unsigned(row, 2)? })
    })?;
    let cursor = cursor(&feed::epoch(connection)?, built.pos);
    let chunks = chunks.collect::<Result<_, _>>()?;
    let sql = "SELECT checkpoint FROM snapshot WHERE id = ?1";
    let text: String = connection.prepare_cached(sql)?.query_row([built.id], |row| row.get(0))?;
    let checkpoint = serde_json::from_str(&text).ok();
    Ok(FeedSnapshot { feed, cursor, rows: built.rows, chunks, checkpoint })
}

/// What a build wrote to disk, to be booked by [`book`].
pub struct Chunks {
    pos: i64,
    rows: u64,
    infos: Vec<ChunkInfo>,
    checkpoint: Checkpoint,
}

impl Chunks {
    /// Rows in all of them.
    pub const fn rows(&self) -> u64 {
        self.rows
    }
}

struct Packer<'a> {
    store: &'a ChunkStore,
    encoder: zstd::Encoder<'static, Vec<u8>>,
    unpacked: usize,
    rows: u64,
    infos: Vec<ChunkInfo>,
}

fn encoder() -> Result<zstd::Encoder<'static, Vec<u8>>, CentralError> {
    zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)
        .map_err(CentralError::file("prepare", Path::new("a chunk")))
}

impl Packer<'_> {
    fn add(&mut self, line: &[u8]) -> Result<(), CentralError> {
        if self.unpacked + line.len() > CHUNK_UNPACKED_MAX {
            self.close()?;
        }
        let failed = CentralError::file("compress", Path::new("a chunk"));
        self.encoder.write_all(line).map_err(failed)?;
        self.unpacked += line.len();
        self.rows += 1;
        let is_first_full = self.infos.is_empty() && self.rows >= FIRST_ROWS_MAX;
        let is_full =
            self.encoder.get_ref().len() >= CHUNK_BYTES_AIM || self.unpacked >= CHUNK_UNPACKED_AIM;
        if is_first_full || is_full { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> Result<(), CentralError> {
        if self.rows == 0 {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.encoder, encoder()?);
        let packed = full.finish().map_err(CentralError::file("compress", Path::new("a chunk")))?;
        debug_assert!(packed.len() <= CHUNK_BYTES_MAX, "the aim leaves room");
        let bytes = packed.len() as u64;
        let sha256 = self.store.put(packed)?;
        self.infos.push(ChunkInfo { sha256, bytes, rows: self.rows });
        (self.unpacked, self.rows) = (0, 0);
        Ok(())
    }
}

/// Writes the chunks of a feed as it is now. `progress` hears of every thousand rows and may stop the build by
/// returning false; then nothing is booked and the files are swept later. The caller's connection stands still in
/// one transaction.
pub fn build(
    connection: &Connection,
    store: &ChunkStore,
    (feed, scope): (Feed, i64),
    mut progress: impl FnMut(u64) -> bool,
) -> Result<Option<Chunks>, CentralError> {
    store.prepare()?;
    let pos = feed::newest(connection)?;
    let checkpoint = feed::checkpoint(connection, feed, scope)?;
    let mut packer = Packer { store, encoder: encoder()?, unpacked: 0, rows: 0, infos: Vec::new() };
    let mut rows_done = 0;
    {
        let sql = "SELECT tbl, key, row FROM feed_row
                   WHERE feed = ?1 AND scope = ?2 AND row IS NOT NULL ORDER BY rank";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query(params![feed_number(feed), scope])?;
        let mut line = Vec::new();
        while let Some(row) = rows.next()? {
            let key = Uuid::from_bytes(row.get::<_, [u8; 16]>(1)?);
            let (table, json) = (row.get_ref(0)?.as_str(), row.get_ref(2)?.as_str());
            let (Ok(table), Ok(json)) = (table, json) else {
                return Err(CentralError::DamagedRow(feed.name()));
            };
            line.clear();
            // The same as serialising a `SnapshotLine`; the row is JSON already, on one line.
            line.extend_from_slice(
                format!("{{\"table\":\"{table}\",\"key\":\"{key}\",\"row\":").as_bytes(),
            );
            line.extend_from_slice(json.as_bytes());
            line.extend_from_slice(b"}\n");
            packer.add(&line)?;
            rows_done += 1;
            if rows_done % 1000 == 0 && !progress(rows_done) {
                return Ok(None);
            }
        }
    }
    packer.close()?;
    Ok(Some(Chunks { pos, rows: rows_done, infos: packer.infos, checkpoint }))
}

/// Books a build, so that manifests name it.
pub fn book(
    connection: &Connection,
    (feed, scope): (Feed, i64),
    chunks: &Chunks,
    now_ms: i64,
) -> Result<Built, CentralError> {
    let sql = "INSERT INTO snapshot (feed, scope, pos, rows, built_ms, expires_ms, checkpoint)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let checkpoint = serde_json::to_string(&chunks.checkpoint).map_err(CentralError::Json)?;
    connection.execute(
        sql,
        params![
            feed_number(feed),
            scope,
            chunks.pos,
            chunks.rows as i64,
            now_ms,
            now_ms.saturating_add(2 * LIFETIME_MS),
            checkpoint
        ],
    )?;
    let id = connection.last_insert_rowid();
    let sql = "INSERT INTO snapshot_chunk (snapshot, no, sha256, bytes, rows)
               VALUES (?1, ?2, ?3, ?4, ?5)";
    for (no, info) in chunks.infos.iter().enumerate() {
        let values = params![id, no as i64, info.sha256, info.bytes as i64, info.rows as i64];
        connection.execute(sql, values)?;
    }
    Ok(Built { id, pos: chunks.pos, rows: chunks.rows })
}

/// Keeps a snapshot for another [`LIFETIME_MS`]: a manifest is about to name it. False if it was dropped meanwhile.
pub fn keep(connection: &Connection, built: &Built, now_ms: i64) -> Result<bool, CentralError> {
    let sql = "UPDATE snapshot SET expires_ms = max(expires_ms, ?2) WHERE id = ?1";
    let values = params![built.id, now_ms.saturating_add(LIFETIME_MS)];
    Ok(connection.execute(sql, values)? == 1)
}

/// Forgets expired snapshots; returns the names of all chunks that are still promised.
pub fn forget_expired(
    connection: &Connection,
    now_ms: i64,
) -> Result<std::collections::HashSet<String>, CentralError> {
    connection.execute("DELETE FROM snapshot WHERE expires_ms <= ?1", [now_ms])?;
    let mut statement = connection.prepare("SELECT DISTINCT sha256 FROM snapshot_chunk")?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}
