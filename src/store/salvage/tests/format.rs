//! The format as SQLCipher writes it: nothing here is our own idea of it.

use super::{connect, connect_with, files, open, scanned, selected, walked, with_rowid};
use crate::{Format, Mac, RawKey, Salvage, Storage, Value};

const SCHEMA: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB, c) STRICT;
    CREATE TABLE k (key TEXT PRIMARY KEY, value TEXT) STRICT, WITHOUT ROWID;";

/// Defaults are of the whole process; the key is said again so that they count.
const BEFORE_THE_KEY: &str = "PRAGMA cipher_default_hmac_algorithm = HMAC_SHA256;";

fn make(pragmas: &str) -> (tempfile::TempDir, rusqlite::Connection) {
    let directory = tempfile::tempdir().unwrap();
    let db = connect_with(&directory.path().join("test.db"), pragmas);
    db.execute_batch(&SCHEMA.replace("c) STRICT", "c)")).unwrap();
    for number in 0..400i64 {
        let sizes = [0, 1, 40, 900, 3_999, 4_013, 4_020, 9_000, 30_000];
        let size = sizes[usize::try_from(number).unwrap() % sizes.len()];
        let text: String = "Zürich".chars().cycle().take(size / 2).collect();
        let numbers = [0, 1, -1, 127, -128, 40_000, -9_000_000, 1 << 40, i64::MIN, i64::MAX];
        let c: rusqlite::types::Value = match number % 3 {
            0 => numbers[usize::try_from(number).unwrap() % numbers.len()].into(),
            1 => (number as f64 / 7.0).into(),
            _ => rusqlite::types::Value::Null,
        };
        let blob = vec![u8::try_from(number % 251).unwrap(); size / 2];
        db.execute("INSERT INTO t VALUES (?1, ?2, ?3, ?4)", (number * 3 - 50, &text, &blob, c))
            .unwrap();
        let key = format!("{}{number}", "key".repeat(size % 700));
        db.execute("INSERT INTO k VALUES (?1, ?2)", (key, &text)).unwrap();
    }
    (directory, db)
}

#[test]
fn a_whole_database_reads_as_sqlite_reads_it() {
    // Said after the key the shorter code leaves bytes of each page unused, said before it does
    // not.
    for (pragmas, mac) in [
        ("PRAGMA cipher_hmac_algorithm = HMAC_SHA256;", Mac::Sha256),
        ("", Mac::Sha512),
        (BEFORE_THE_KEY, Mac::Sha256),
    ] {
        let (directory, db) = make(pragmas);
        let path = directory.path().join("test.db");
        let in_log = files(&path);
        db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let in_file = files(&path);
        assert!(in_log.1.len() > in_log.0.len() && in_file.1.is_empty());
        for (file, log) in [&in_log, &in_file].map(|(file, log)| (file, log)) {
            let salvage = open(file, log);
            assert_eq!(salvage.format(), Format { page_bytes: 4096, mac });
            let found = salvage.found();
            assert_eq!((found.whole, found.is_proven), (found.pages, true));
            assert_eq!((found.log.damaged, found.log.hidden_commits), (0, 0));
            for (table, sql) in
                [("t", "SELECT * FROM t ORDER BY id"), ("k", "SELECT * FROM k ORDER BY key")]
            {
                let (rows, is_complete) = walked(&salvage, table);
                let mut rows: Vec<_> = rows.iter().map(with_rowid).collect();
                if table == "k" {
                    rows.sort_by(|one, other| one[0].as_text().cmp(&other[0].as_text()));
                }
                assert!(is_complete, "{table}");
                assert!(rows == selected(&db, sql), "{table} differs");
            }
        }
    }
}

#[test]
fn without_the_schema_rows_are_found_by_their_shape() {
    let (directory, db) = make("PRAGMA cipher_hmac_algorithm = HMAC_SHA256;");
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let (mut file, log) = files(&directory.path().join("test.db"));
    file[16..4096].fill(0);
    let salvage = open(&file, &log);
    assert_eq!(salvage.tables(), []);
    assert_eq!(salvage.walk("t", &mut |_| panic!("nobody knows where it is")), None);
    let rows = scanned(&salvage, Storage::Rowid, 4);
    let mut current: Vec<_> = rows.iter().map(with_rowid).collect();
    current.sort_by_key(|row| row[0].as_integer());
    assert!(current == selected(&db, "SELECT * FROM t ORDER BY id"));
    // Inner pages of a WITHOUT ROWID tree hold rows too.
    let rows = scanned(&salvage, Storage::Key, 2);
    assert_eq!(rows.len(), 400);
}

#[test]
fn the_salt_is_found_again_or_its_loss_is_said() {
    let (directory, db) = make("PRAGMA cipher_hmac_algorithm = HMAC_SHA256;");
    let with_log = files(&directory.path().join("test.db"));
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let (mut file, log) = files(&directory.path().join("test.db"));
    let salt: [u8; 16] = file[..16].try_into().unwrap();

    file[7] ^= 0x18;
    assert!(open(&file, &log).found().is_proven, "one byte is found by trying");
    file[..16].fill(0);
    let key = RawKey::new(super::KEY);
    let remembered = Salvage::open(&key, &file, &log, Some(salt));
    assert!(remembered.found().is_proven);
    assert!(walked(&remembered, "t").1 && walked(&remembered, "k").1, "the salt alone is no loss");

    let mut headless = with_log.0.clone();
    headless.get_mut(..16).unwrap().fill(0);
    assert!(open(&headless, &with_log.1).found().is_proven, "page 1 in the log has it");

    let blind = open(&file, &log);
    assert!(!blind.found().is_proven);
    let (rows, is_complete) = walked(&blind, "t");
    assert!(!is_complete && rows.len() == 400 && rows.iter().all(|row| !row.is_certain));
}

#[test]
fn a_wrong_key_finds_nothing_that_is_certain() {
    let (directory, db) = make("");
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let (file, log) = files(&directory.path().join("test.db"));
    let salvage = Salvage::open(&RawKey::new([1; 32]), &file, &log, None);
    assert!(!salvage.found().is_proven);
    let mut all = scanned(&salvage, Storage::Rowid, 4);
    all.extend(scanned(&salvage, Storage::Key, 2));
    assert!(all.iter().all(|row| !row.is_certain));
}

#[test]
fn columns_added_later_are_missing_in_old_rows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let db = connect(&path);
    db.execute_batch(
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (7, 'old');
         ALTER TABLE t ADD COLUMN c; INSERT INTO t VALUES (8, 'new', x'00');",
    )
    .unwrap();
    let (file, log) = files(&path);
    let (rows, _) = walked(&open(&file, &log), "t");
    let rows: Vec<_> = rows.iter().map(with_rowid).collect();
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(rows[0], [Value::Integer(7), text("old")]);
    assert_eq!(rows[1], [Value::Integer(8), text("new"), Value::Blob(vec![0])]);
}
