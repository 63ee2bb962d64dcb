//! Feeds: the current row of each key, with a position that rises with every change.
//!
//! Positions are given by the one writer while it holds the write lock, so they become visible in their order and
//! a reader that stands at position p has seen everything up to p. A cursor is `<feed epoch>.<position>`; the
//! epoch is made with the database, so a cursor of another database is told from one of this, and made anew when
//! the database was restored from a backup.

use crate::db::{blob, id, meta, unsigned};
use crate::error::CentralError;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use sync::digest::{RowDigest, TableDigest};
use sync::protocol::feed::{Change, Checkpoint, Feed, Op};
use uuid::Uuid;

/// Rows for everybody.
pub const EVERYBODY: i64 = 0;

/// Key in `meta` of the feed epoch.
pub const EPOCH_KEY: &str = "feed_epoch";

/// The number under which a feed is stored: its place in the protocol's list, from 1. Never reordered.
pub const fn feed_number(feed: Feed) -> i64 {
    match feed {
        Feed::Config => 1,
        Feed::Catalogue => 2,
        Feed::Stock => 3,
        Feed::Customers => 4,
        Feed::History => 5,
    }
}

/// Whose rows a terminal of store `store_no` reads in a feed.
pub const fn scope_of(feed: Feed, store_no: i64) -> i64 {
    match feed {
        Feed::Config | Feed::Stock => store_no,
        Feed::Catalogue | Feed::Customers | Feed::History => EVERYBODY,
    }
}

/// One row to publish.
pub struct Put<'a> {
    /// Feed.
    pub feed: Feed,
    /// `store.no` or [`EVERYBODY`].
    pub scope: i64,
    /// Table on the wire.
    pub table: &'a str,
    /// Key on the wire.
    pub key: Uuid,
    /// Place in snapshots; smaller comes first.
    pub rank: i64,
}

/// The tables of a feed, for [`checkpoint`]: those without rows are told too.
const fn tables_of(feed: Feed) -> &'static [&'static str] {
    match feed {
        Feed::Config => &["store", "staff"],
        Feed::Catalogue => &["article"],
        Feed::Stock => &["stock"],
        Feed::Customers => &["customer"],
        Feed::History => &["order"],
    }
}

/// Publishes a row in place of the key's former one.
pub fn put<R: Serialize>(
    connection: &Connection,
    at: &Put<'_>,
    row: &R,
) -> Result<(), CentralError> {
    let json = serde_json::to_string(row).map_err(CentralError::Json)?;
    write(connection, at, Ok(&json))
}

/// Writes a row, or the moment since which it is gone.
fn write(
    connection: &Connection,
    at: &Put<'_>,
    json: Result<&str, i64>,
) -> Result<(), CentralError> {
    let (feed, key) = (feed_number(at.feed), blob(at.key));
    let mut sum = (TableDigest::default(), TableDigest::default());
    let text = at.key.to_string();
    let sql = "SELECT tbl, row FROM feed_row
               WHERE feed = ?1 AND scope = ?2 AND key = ?3 AND row IS NOT NULL";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![feed, at.scope, key])?;
    let mut former_table = None;
    if let Some(former) = rows.next()? {
        let table = former.get_ref(0)?.as_str().map_err(|_| CentralError::DamagedRow("feed"))?;
        let row = former.get_ref(1)?.as_str().map_err(|_| CentralError::DamagedRow("feed"))?;
        sum.0.add(RowDigest::of(table, &text, row));
        former_table = (table != at.table).then(|| table.to_owned());
    }
    drop(rows);
    if let Ok(json) = json {
        sum.1.add(RowDigest::of(at.table, &text, json));
    }
    let sql = "INSERT OR REPLACE INTO feed_row (feed, scope, tbl, key, rank, row, gone_ms)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let values = params![feed, at.scope, at.table, key, at.rank, json.ok(), json.err()];
    connection.prepare_cached(sql)?.execute(values)?;
    if let Some(table) = former_table {
        // A key that changed its table: the sums of both move.
        book_sum(connection, (at.feed, at.scope, &table), sum.0, TableDigest::default())?;
        sum.0 = TableDigest::default();
    }
    book_sum(connection, (at.feed, at.scope, at.table), sum.0, sum.1)
}

/// What the live rows of a table add up to.
fn sum(
    connection: &Connection,
    (feed, scope, table): (Feed, i64, &str),
) -> Result<TableDigest, CentralError> {
    let sql = "SELECT rows, digest FROM feed_sum WHERE feed = ?1 AND scope = ?2 AND tbl = ?3";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![feed_number(feed), scope, table], |row| {
            let sum = RowDigest::from_bytes(row.get(1)?).0;
            Ok(TableDigest { rows: unsigned(row, 0)?, sum })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Takes `gone` from the sum of a table and adds `come`.
fn book_sum(
    connection: &Connection,
    of: (Feed, i64, &str),
    gone: TableDigest,
    come: TableDigest,
) -> Result<(), CentralError> {
    let mut now = sum(connection, of)?;
    now.rows = now.rows.wrapping_sub(gone.rows).wrapping_add(come.rows);
    now.sum = now.sum.wrapping_sub(gone.sum).wrapping_add(come.sum);
    let sql = "INSERT INTO feed_sum (feed, scope, tbl, rows, digest) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (feed, scope, tbl) DO UPDATE
               SET rows = excluded.rows, digest = excluded.digest";
    let digest = RowDigest(now.sum).to_bytes();
    let values = params![feed_number(of.0), of.1, of.2, now.rows as i64, digest];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Adds all rows up anew: for a database that did not keep sums.
pub(crate) fn sum_up(connection: &Connection) -> Result<(), CentralError> {
    let mut sums: BTreeMap<(i64, i64, String), TableDigest> = BTreeMap::new();
    let sql = "SELECT feed, scope, tbl, key, row FROM feed_row WHERE row IS NOT NULL";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let table: String = row.get(2)?;
        let json = row.get_ref(4)?.as_str().map_err(|_| CentralError::DamagedRow("feed"))?;
        let digest = RowDigest::of(&table, &id(row, 3)?.to_string(), json);
        sums.entry((row.get(0)?, row.get(1)?, table)).or_default().add(digest);
    }
    connection.execute("DELETE FROM feed_sum", [])?;
    let sql = "INSERT INTO feed_sum (feed, scope, tbl, rows, digest) VALUES (?1, ?2, ?3, ?4, ?5)";
    for ((feed, scope, table), sum) in sums {
        let digest = RowDigest(sum.sum).to_bytes();
        connection.execute(sql, params![feed, scope, table, sum.rows as i64, digest])?;
    }
    Ok(())
}

/// What the tables of a feed add up to now.
pub fn checkpoint(
    connection: &Connection,
    feed: Feed,
    scope: i64,
) -> Result<Checkpoint, CentralError> {
    let mut tables = Vec::new();
    for table in tables_of(feed) {
        tables.push(sum(connection, (feed, scope, table))?.to_wire(table));
    }
    Ok(Checkpoint { tables })
}

/// Publishes that a key is gone; nothing happens if it is not there. Returns whether it was.
pub fn delete(
    connection: &Connection,
    feed: Feed,
    scope: i64,
    key: Uuid,
    now_ms: i64,
) -> Result<bool, CentralError> {
    let sql = "SELECT tbl FROM feed_row
               WHERE feed = ?1 AND scope = ?2 AND key = ?3 AND row IS NOT NULL";
    let found: Option<String> = connection
        .prepare_cached(sql)?
        .query_row(params![feed_number(feed), scope, blob(key)], |row| row.get(0))
        .optional()?;
    let Some(table) = found else { return Ok(false) };
    write(connection, &Put { feed, scope, table: &table, key, rank: 0 }, Err(now_ms))?;
    Ok(true)
}

/// The current row of a key and its rank.
pub fn get<R: serde::de::DeserializeOwned>(
    connection: &Connection,
    feed: Feed,
    scope: i64,
    key: Uuid,
) -> Result<Option<(R, i64)>, CentralError> {
    let sql = "SELECT row, rank FROM feed_row
               WHERE feed = ?1 AND scope = ?2 AND key = ?3 AND row IS NOT NULL";
    let found: Option<(String, i64)> = connection
        .prepare_cached(sql)?
        .query_row(params![feed_number(feed), scope, blob(key)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((json, rank)) = found else { return Ok(None) };
    let row = serde_json::from_str(&json).map_err(|_| CentralError::DamagedRow(feed.name()))?;
    Ok(Some((row, rank)))
}

/// Rows of a feed that are not tombstones.
pub fn count(connection: &Connection, feed: Feed, scope: i64) -> Result<u64, CentralError> {
    let sql = "SELECT count(*) FROM feed_row WHERE feed = ?1 AND scope = ?2 AND row IS NOT NULL";
    Ok(connection.query_row(sql, params![feed_number(feed), scope], |row| unsigned(row, 0))?)
}

/// The feed epoch of this database.
pub fn epoch(connection: &Connection) -> Result<String, CentralError> {
    meta(connection, EPOCH_KEY)?.ok_or(CentralError::DamagedRow("feed epoch"))
}

/// The newest position given so far, in any feed.
pub fn newest(connection: &Connection) -> Result<i64, CentralError> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'feed_row'";
    Ok(connection.query_row(sql, [], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// The cursor of a position.
pub fn cursor(epoch: &str, pos: i64) -> String {
    format!("{epoch}.{pos}")
}

/// What a cursor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// A position.
    At(i64),
    /// Nothing here: it is of another database, or of an older feed epoch.
    Foreign,
    /// A position of this epoch that was not given out yet: the database was restored from a backup.
    Future,
    /// Deletions after it were forgotten since.
    Compacted,
}

/// The position up to which tombstones of a feed were removed.
pub fn floor(connection: &Connection, feed: Feed, scope: i64) -> Result<i64, CentralError> {
    let sql = "SELECT pos FROM feed_floor WHERE feed = ?1 AND scope = ?2";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![feed_number(feed), scope], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(0))
}

/// What a cursor of a feed stands for. No cursor is the beginning.
pub fn position(
    connection: &Connection,
    epoch: &str,
    (feed, scope): (Feed, i64),
    after: &str,
) -> Result<Stand, CentralError> {
    let stand = stand(connection, epoch, after)?;
    Ok(match stand {
        Stand::At(pos) if pos < floor(connection, feed, scope)? => Stand::Compacted,
        other => other,
    })
}

fn stand(connection: &Connection, epoch: &str, after: &str) -> Result<Stand, CentralError> {
    if after.is_empty() {
        return Ok(Stand::At(0));
    }
    let pos = after
        .split_once('.')
        .filter(|(of, _)| *of == epoch)
        .and_then(|(_, pos)| pos.parse::<i64>().ok())
        .filter(|pos| *pos >= 0);
    Ok(match pos {
        Some(pos) if pos <= newest(connection)? => Stand::At(pos),
        Some(_) => Stand::Future,
        None => Stand::Foreign,
    })
}

/// Changes after a position.
pub struct Page {
    /// In the order of their positions.
    pub changes: Vec<Change>,
    /// Position after this page.
    pub next: i64,
    /// More exist already.
    pub more: bool,
}

/// Reads at most `limit` changes after `pos`, and no more than about `bytes_max` of rows.
pub fn page(
    connection: &Connection,
    (feed, scope): (Feed, i64),
    pos: i64,
    limit: u32,
    bytes_max: usize,
) -> Result<Page, CentralError> {
    let sql = "SELECT pos, tbl, key, row FROM feed_row
               WHERE feed = ?1 AND scope = ?2 AND pos > ?3 ORDER BY pos LIMIT ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![feed_number(feed), scope, pos, i64::from(limit) + 1])?;
    let mut page = Page { changes: Vec::new(), next: pos, more: false };
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        if page.changes.len() >= limit as usize || (bytes > bytes_max && !page.changes.is_empty()) {
            page.more = true;
            break;
        }
        let json: Option<String> = row.get(3)?;
        bytes += json.as_ref().map_or(0, String::len);
        let json = json.map(RawValue::from_string).transpose();
        let json = json.map_err(|_| CentralError::DamagedRow(feed.name()))?;
        page.next = row.get(0)?;
        page.changes.push(Change {
            pos: unsigned(row, 0)?,
            table: row.get(1)?,
            key: id(row, 2)?.to_string(),
            op: if json.is_some() { Op::Put } else { Op::Del },
            row: json,
        });
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::db::{open_for_writing, set_meta};

    fn at(key: u128) -> Put<'static> {
        let key = Uuid::from_u128(key);
        Put { feed: Feed::Catalogue, scope: EVERYBODY, table: "article", key, rank: 1 }
    }

    fn connection(dir: &tempfile::TempDir) -> Connection {
        let connection = open_for_writing(&dir.path().join("central.db")).unwrap();
        set_meta(&connection, EPOCH_KEY, "e1").unwrap();
        connection
    }

    #[test]
    fn a_replaced_newest_row_gets_a_new_position() {
        let dir = tempfile::tempdir().unwrap();
        let connection = connection(&dir);
        for value in 1..=3 {
            put(&connection, &at(7), &value).unwrap();
            let page = page(&connection, (Feed::Catalogue, 0), value - 1, 10, 1 << 20).unwrap();
            assert_eq!((page.changes.len(), page.next, page.more), (1, value, false));
        }
    }

    #[test]
    fn pages_end_where_the_limit_or_the_bytes_say_and_a_delete_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let connection = connection(&dir);
        (1..=5).for_each(|key| put(&connection, &at(key), &"x".repeat(100)).unwrap());
        let read = |pos, limit, bytes| {
            let page = page(&connection, (Feed::Catalogue, 0), pos, limit, bytes).unwrap();
            (page.changes.len(), page.next, page.more)
        };
        assert_eq!(read(0, 2, 1 << 20), (2, 2, true));
        assert_eq!(read(2, 3, 1 << 20), (3, 5, false));
        assert_eq!(read(0, 5, 150), (2, 2, true));
        assert!(delete(&connection, Feed::Catalogue, 0, Uuid::from_u128(2), 1).unwrap());
        assert!(!delete(&connection, Feed::Catalogue, 0, Uuid::from_u128(2), 1).unwrap());
        let last = page(&connection, (Feed::Catalogue, 0), 5, 10, 1 << 20).unwrap();
        assert_eq!((last.changes[0].op, last.changes[0].row.is_none()), (Op::Del, true));
        assert_eq!(count(&connection, Feed::Catalogue, 0).unwrap(), 4);
    }

    /// Rows come, change and go: the sums kept are those of the rows that are left.
    #[test]
    fn sums_follow_the_rows() {
        let dir = tempfile::tempdir().unwrap();
        let connection = connection(&dir);
        let kept = || checkpoint(&connection, Feed::Catalogue, 0).unwrap();
        assert_eq!((kept().tables.len(), kept().tables[0].rows), (1, 0));
        for round in 0..40u128 {
            let key = round * 7 % 11;
            match round % 3 {
                0 => drop(delete(&connection, Feed::Catalogue, 0, Uuid::from_u128(key), 5)),
                // A key may also change its table.
                1 if round % 2 == 0 => {
                    put(&connection, &Put { table: "other", ..at(key) }, &1).unwrap()
                }
                _ => put(&connection, &at(key), &round.to_string()).unwrap(),
            }
            let incremental = kept();
            sum_up(&connection).unwrap();
            assert_eq!(incremental, kept(), "round {round}");
            let rows = "SELECT count(*) FROM feed_row WHERE tbl = 'article' AND row IS NOT NULL";
            let rows: i64 = connection.query_row(rows, [], |row| row.get(0)).unwrap();
            assert_eq!(kept().tables[0].rows, rows as u64);
        }
    }

    /// One line, one case: cursor, position it stands for when five rows were written.
    #[test]
    fn foreign_and_future_cursors_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let connection = connection(&dir);
        (1..=5).for_each(|key| put(&connection, &at(key), &key).unwrap());
        for (text, expected) in [
            ("", Stand::At(0)),
            ("e1.0", Stand::At(0)),
            ("e1.5", Stand::At(5)),
            ("e1.6", Stand::Future),
            ("e2.6", Stand::Foreign),
            ("e2.3", Stand::Foreign),
            ("e1.-1", Stand::Foreign),
            ("e1", Stand::Foreign),
            ("<html>", Stand::Foreign),
        ] {
            assert_eq!(
                position(&connection, "e1", (Feed::Catalogue, 0), text).unwrap(),
                expected,
                "{text}"
            );
        }
    }
}
