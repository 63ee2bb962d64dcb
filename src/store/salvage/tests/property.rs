//! Random databases, random damage: every row on undamaged pages is found, none is invented.

use super::{connect, files, open, scanned, selected, walked, with_rowid};
use crate::{Origin, Row, Storage, Value};
use proptest::prelude::*;
use rusqlite::Connection;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, u16),
    Update(u16, u16),
    Delete(u16),
    Checkpoint,
    RollBack(u16),
}

#[derive(Clone, Debug)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Zero(prop::sample::Index, u16),
    Truncate(prop::sample::Index),
    Noise(prop::sample::Index, u16, u64),
    LogFlip(prop::sample::Index, u8),
    LogTruncate(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<u16>(), 0..9_000u16).prop_map(|(key, size)| Step::Insert(key, size)),
        2 => (any::<u16>(), 0..9_000u16).prop_map(|(key, size)| Step::Update(key, size)),
        1 => any::<u16>().prop_map(Step::Delete),
        1 => Just(Step::Checkpoint),
        1 => (0..2_000u16).prop_map(Step::RollBack),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (index(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        2 => (index(), 1..9_000u16).prop_map(|(at, length)| Damage::Zero(at, length)),
        1 => index().prop_map(Damage::Truncate),
        2 => (index(), 1..6_000u16, any::<u64>()).prop_map(|(at, n, seed)| Damage::Noise(at, n, seed)),
        3 => (index(), 0..8u8).prop_map(|(at, bit)| Damage::LogFlip(at, bit)),
        1 => index().prop_map(Damage::LogTruncate),
    ]
}

const TABLES: [(&str, Storage, usize); 2] = [("t", Storage::Rowid, 3), ("k", Storage::Key, 2)];

/// Every row that was ever committed, by table.
#[derive(Default)]
struct Truth {
    committed: [BTreeSet<String>; 2],
}

impl Truth {
    fn note(&mut self, db: &Connection) {
        for (position, (table, ..)) in TABLES.iter().enumerate() {
            let rows = selected(db, &format!("SELECT * FROM {table}"));
            self.committed[position].extend(rows.iter().map(|row| format!("{row:?}")));
        }
    }
}

fn run(db: &Connection, steps: &[Step]) -> Truth {
    db.execute_batch(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB);
         CREATE TABLE k (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;",
    )
    .unwrap();
    let mut truth = Truth::default();
    let text = |size: u16| "Grüezi ".chars().cycle().take(size.into()).collect::<String>();
    for step in steps {
        match *step {
            Step::Insert(key, size) | Step::Update(key, size) => {
                let verb = if matches!(step, Step::Insert(..)) { "REPLACE" } else { "UPDATE" };
                let (t, k) = if verb == "REPLACE" {
                    ("REPLACE INTO t VALUES (?1, ?2, ?3)", "REPLACE INTO k VALUES (?1, ?2)")
                } else {
                    (
                        "UPDATE t SET a = ?2, b = ?3 WHERE id >= ?1 % 50",
                        "UPDATE k SET value = ?2 WHERE key >= ?1",
                    )
                };
                let key = key % 300;
                db.execute(t, (key, text(size), vec![size as u8; usize::from(size / 3)])).unwrap();
                let name = format!("{}{key}", "k".repeat(usize::from(size % 400)));
                if verb == "REPLACE" {
                    db.execute(k, (name, text(size / 2))).unwrap();
                } else {
                    db.execute(k, ("kkkk5", text(size / 2))).unwrap();
                }
            }
            Step::Delete(key) => {
                db.execute("DELETE FROM t WHERE id % 7 = ?1 % 7", [key]).unwrap();
                db.execute("DELETE FROM k WHERE length(key) % 7 = ?1 % 7", [key]).unwrap();
            }
            Step::Checkpoint => db.execute_batch("PRAGMA wal_checkpoint(RESTART)").unwrap(),
            Step::RollBack(size) => {
                db.execute_batch("BEGIN").unwrap();
                for key in 0..40 {
                    db.execute("INSERT INTO t VALUES (?1 + 10000, ?2, NULL)", (key, text(size)))
                        .unwrap();
                }
                db.execute_batch("ROLLBACK").unwrap();
            }
        }
        truth.note(db);
    }
    truth
}

/// Applies damage; returns the pages of the file and the ranges of the log that were not touched.
fn spoil(file: &mut Vec<u8>, log: &mut Vec<u8>, damages: &[Damage]) -> bool {
    let mut is_log_hit = false;
    for damage in damages {
        match damage {
            Damage::Flip(at, bit) if !file.is_empty() => {
                let at = at.index(file.len());
                file[at] ^= 1 << bit;
            }
            Damage::Zero(at, length) if !file.is_empty() => {
                let start = at.index(file.len());
                let end = (start + usize::from(*length)).min(file.len());
                file[start..end].fill(0);
            }
            Damage::Noise(at, length, seed) if !file.is_empty() => {
                let start = at.index(file.len());
                let end = (start + usize::from(*length)).min(file.len());
                let mut state = *seed | 1;
                for byte in &mut file[start..end] {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    *byte = (state >> 56) as u8;
                }
            }
            Damage::Truncate(at) if !file.is_empty() => file.truncate(at.index(file.len())),
            Damage::LogFlip(at, bit) if !log.is_empty() => {
                let at = at.index(log.len());
                log[at] ^= 1 << bit;
                is_log_hit = true;
            }
            Damage::LogTruncate(at) if !log.is_empty() => {
                log.truncate(at.index(log.len()));
                is_log_hit = true;
            }
            _ => {}
        }
    }
    is_log_hit
}

/// Whether the bytes of a page are as they were.
fn is_untouched(origin: &Origin, before: (&[u8], &[u8]), after: (&[u8], &[u8])) -> bool {
    let (bytes, start) = match origin.log_offset {
        Some(offset) => ((before.1, after.1), usize::try_from(offset).unwrap() - 24),
        None => ((before.0, after.0), (origin.page as usize - 1) * 4096),
    };
    let length = if origin.log_offset.is_some() { 24 + 4096 } else { 4096 };
    let range = start..start + length;
    bytes.1.get(range.clone()).is_some_and(|after| Some(after) == bytes.0.get(range))
}

fn check(steps: &[Step], damages: &[Damage], keeps_log: bool) -> Result<(), TestCaseError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let db = connect(&path);
    db.execute_batch("PRAGMA cache_size = 20").unwrap();
    let truth = run(&db, steps);
    if !keeps_log {
        db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    }
    let (file, log) = files(&path);
    let whole = open(&file, &log);
    let (mut bad_file, mut bad_log) = (file.clone(), log.clone());
    let is_log_hit = spoil(&mut bad_file, &mut bad_log, damages);
    let damaged = open(&bad_file, &bad_log);
    let is_proven = damaged.found().is_proven;
    for (position, (table, storage, columns)) in TABLES.into_iter().enumerate() {
        let found = scanned(&damaged, storage, columns);
        let (reached, is_complete) = walked(&damaged, table);
        let is_known =
            |row: &Row| truth.committed[position].contains(&format!("{:?}", with_rowid(row)));
        for row in reached
            .iter()
            .filter(|row| row.is_certain && row.standing != crate::Standing::Unconfirmed)
        {
            prop_assert!(is_known(row), "invented in {table}: {row:?}");
        }
        // The scan sees other trees of the same shape too, so only rows of the shape of these
        // tables are asked.
        for row in found
            .iter()
            .filter(|row| row.is_certain && row.standing != crate::Standing::Unconfirmed)
        {
            prop_assert!(is_known(row) || !is_of(table, row), "invented in {table}: {row:?}");
        }
        if is_complete && !is_log_hit {
            let rows: BTreeSet<String> =
                reached.iter().map(|row| format!("{:?}", with_rowid(row))).collect();
            let expected = selected(&db, &format!("SELECT * FROM {table}"));
            let expected: BTreeSet<String> =
                expected.iter().map(|row| format!("{row:?}")).collect();
            prop_assert_eq!(rows, expected);
        }
        if !is_proven {
            continue;
        }
        let values: BTreeSet<String> =
            found.iter().map(|row| format!("{:?}", with_rowid(row))).collect();
        let (before, after) = ((&file[..], &log[..]), (&bad_file[..], &bad_log[..]));
        for row in scanned(&whole, storage, columns) {
            let is_due = row.origin.len() == 1 || (row.is_certain && !is_log_hit);
            if is_due && row.origin.iter().all(|origin| is_untouched(origin, before, after)) {
                let row = format!("{:?}", with_rowid(&row));
                prop_assert!(values.contains(&row), "lost from {table}: {row}");
            }
        }
    }
    Ok(())
}

fn is_of(table: &str, row: &Row) -> bool {
    match table {
        "t" => matches!(row.values[1], Value::Text(_)) && !matches!(row.values[0], Value::Text(_)),
        _ => matches!(&row.values[..], [Value::Text(_), Value::Text(_)]),
    }
}

/// Few where all tests are run; `PROPTEST_CASES=2000` for a night.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn every_row_on_undamaged_pages_is_found_and_none_is_invented(
        steps in prop::collection::vec(step(), 1..60),
        damages in prop::collection::vec(damage(), 1..6),
        keeps_log in any::<bool>(),
    ) {
        check(&steps, &damages, keeps_log)?;
    }

    #[test]
    fn no_bytes_make_it_panic(
        file in prop::collection::vec(any::<u8>(), 0..9_000),
        log in prop::collection::vec(any::<u8>(), 0..9_000),
    ) {
        let salvage = open(&file, &log);
        walked(&salvage, "t");
        scanned(&salvage, Storage::Rowid, 3);
        prop_assert!(!salvage.found().is_proven);
    }

    /// A page that is authentic and yet nonsense, as an overflow page that looks like a leaf would
    /// be.
    #[test]
    fn no_page_makes_it_panic(mut page in prop::collection::vec(any::<u8>(), 4048), kind in 0..4usize) {
        page[0] = [0x0d, 0x05, 0x0a, 0x02][kind];
        if let Some(node) = crate::btree::node(2, &page) {
            for cell in node.cells {
                crate::record::record(&cell.local);
            }
        }
        crate::record::record(&page);
    }
}
