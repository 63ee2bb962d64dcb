//! The log: power cuts look harmless, damage does not, and what SQLite sees is what we see.

use super::{KEY, connect, files, open, scanned, selected, walked};
use crate::{Format, RawKey, Standing, Storage, Value, wal};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

const FRAME: usize = 24 + 4096;

fn make(directory: &Path) -> (PathBuf, Connection) {
    let path = directory.join("test.db");
    let db = connect(&path);
    db.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)").unwrap();
    (path, db)
}

fn sell(db: &Connection, count: i64) {
    for _ in 0..count {
        db.execute("INSERT INTO t (a) VALUES (hex(randomblob(300)))", []).unwrap();
    }
}

#[allow(clippy::ptr_arg, reason = "a slice is no `dyn Bytes`")]
fn health(file: &Vec<u8>, log: &Vec<u8>) -> wal::Health {
    let salt = file.first_chunk().copied();
    wal::examine(file, log, &RawKey::new(KEY), salt.as_ref(), Format::KNOWN[0])
}

/// Rows that SQLite finds in these bytes; `None` if it refuses.
fn seen_by_sqlite(file: &[u8], log: &[u8]) -> Option<Vec<Vec<Value>>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    std::fs::write(&path, file).unwrap();
    std::fs::write(path.with_extension("db-wal"), log).unwrap();
    let db = Connection::open(&path).unwrap();
    let hex: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    db.execute_batch(&format!(
        "PRAGMA key = \"x'{hex}'\"; PRAGMA cipher_hmac_algorithm = HMAC_SHA256;"
    ))
    .unwrap();
    let is_there = db.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).is_ok();
    is_there.then(|| selected(&db, "SELECT * FROM t ORDER BY id"))
}

#[test]
fn a_cut_at_any_frame_is_seen_as_sqlite_sees_it_and_is_no_damage() {
    let directory = tempfile::tempdir().unwrap();
    let (path, db) = make(directory.path());
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    sell(&db, 30);
    let (file, log) = files(&path);
    let mut end = 32;
    while end < log.len() {
        for torn in [0, 24, 100, FRAME - 1] {
            let mut cut = log[..end].to_vec();
            cut.extend_from_slice(&log[end..(end + torn).min(log.len())]);
            let health = health(&file, &cut);
            assert!(!health.is_losing_commits, "{health:?}");
            let expected = seen_by_sqlite(&file, &cut).unwrap();
            let rows: Vec<_> = walked(&open(&file, &cut), "t").0;
            assert_eq!(rows.iter().map(super::with_rowid).collect::<Vec<_>>(), expected);
        }
        end += FRAME;
    }
}

#[test]
fn a_torn_last_transaction_is_no_damage_whatever_came_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let (path, db) = make(directory.path());
    sell(&db, 5);
    let before = files(&path).1.len();
    // One transaction of many frames: any subset of them may be what the disk kept.
    db.execute_batch(
        "BEGIN; WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 200)
         INSERT INTO t (a) SELECT hex(randomblob(300)) FROM n; COMMIT",
    )
    .unwrap();
    let (file, log) = files(&path);
    let frames = (log.len() - before) / FRAME;
    assert!(frames > 20);
    for lost in 0..frames {
        let mut torn = log.clone();
        torn[before + lost * FRAME..][..FRAME].fill(0);
        assert!(!health(&file, &torn).is_losing_commits, "frame {lost} of {frames}");
    }
}

#[test]
fn a_damaged_frame_before_later_commits_is_told_and_its_rows_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let (path, db) = make(directory.path());
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    sell(&db, 30);
    let (file, log) = files(&path);
    let truth = selected(&db, "SELECT * FROM t ORDER BY id");
    assert_eq!(health(&file, &log).hidden_commits, 0);
    let frames = (log.len() - 32) / FRAME;
    for frame in 0..frames - 6 {
        // Its page number, its salt, its checksum, its page.
        for offset in [1, 9, 17, 300] {
            let mut bad = log.clone();
            bad[32 + frame * FRAME + offset] ^= 0x40;
            let health = health(&file, &bad);
            assert!(health.is_losing_commits, "frame {frame} at {offset}: {health:?}");
            let seen = seen_by_sqlite(&file, &bad).map_or(0, |rows| rows.len());
            assert!(seen < truth.len(), "SQLite drops rows without a word");
            let salvage = open(&file, &bad);
            let rows = walked(&salvage, "t").0;
            let rows: Vec<_> = rows.iter().map(super::with_rowid).collect();
            // The last version of each page is behind the damage, or it is not and the row before
            // is what is left.
            assert!(rows.len() >= seen && rows.iter().all(|row| truth.contains(row)));
            assert!(rows.len() >= truth.len() - 7, "{} of {}", rows.len(), truth.len());
        }
    }
    let mut headless = log.clone();
    headless[5] ^= 1;
    assert!(health(&file, &headless).is_losing_commits);
    assert_eq!(walked(&open(&file, &headless), "t").0.len(), truth.len());
}

#[test]
fn a_log_that_begins_anew_and_loses_its_header_is_no_damage() {
    let directory = tempfile::tempdir().unwrap();
    let (path, db) = make(directory.path());
    sell(&db, 20);
    db.execute_batch("PRAGMA wal_checkpoint(FULL)").unwrap();
    let (file, mut log) = files(&path);
    assert!(log.len() > FRAME);
    log[..32].fill(0x55);
    let health = health(&file, &log);
    assert!(!health.is_losing_commits, "every page is in the file: {health:?}");
}

#[test]
fn what_was_never_committed_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let (path, db) = make(directory.path());
    sell(&db, 3);
    db.execute_batch(
        "PRAGMA cache_size = 5; BEGIN;
         WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 400)
         INSERT INTO t (a) SELECT 'never' || hex(randomblob(300)) FROM n;",
    )
    .unwrap();
    let (file, log) = files(&path);
    let salvage = open(&file, &log);
    let never = scanned(&salvage, Storage::Rowid, 2);
    let never: Vec<_> =
        never.iter().filter(|row| row.values[1].as_text().unwrap().starts_with("never")).collect();
    assert!(!never.is_empty(), "the cache was too small for it");
    assert!(never.iter().all(|row| row.standing == Standing::Unconfirmed));
    assert_eq!(walked(&salvage, "t").0.len(), 3);
}
