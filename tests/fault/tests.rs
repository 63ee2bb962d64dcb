//! Tests of the disk itself: it must be what it says before anything else is tested on it.
//!
//! The controls matter most: a database that does not sync, and a disk that lies about it, must lose data here; a
//! disk on which nothing is ever lost would pass every test of the store.

#![allow(clippy::unwrap_used)]

use crate::{Content, Damage, Disk, Failure, Fault, Kind, Kinds, Lasts, Snapshot, Stop};
use proptest::prelude::*;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

const NAME: &str = "/shop.db";

fn try_open(disk: &Disk) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    Connection::open_with_flags_and_vfs(NAME, flags, disk.vfs())
}

fn open(disk: &Disk, pragmas: &str) -> Connection {
    let database = try_open(disk).unwrap();
    database.execute_batch(pragmas).unwrap();
    database
}

const WAL: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
const ROLLBACK: &str = "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA;";

fn sums(database: &Connection) -> rusqlite::Result<(i64, i64)> {
    let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    assert_eq!(check, "ok");
    let sql = "SELECT count(*), coalesce(sum(length(text)), 0) FROM t";
    database.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, Vec<u8>),
    Truncate(usize),
    Read(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let offset = prop_oneof![0usize..20_000, (0usize..5).prop_map(|page| page * 4096)];
    prop_oneof![
        4 => (offset.clone(), prop::collection::vec(any::<u8>(), 0..9_000))
            .prop_map(|(at, bytes)| Step::Write(at, bytes)),
        1 => offset.clone().prop_map(Step::Truncate),
        3 => (offset, 0usize..9_000).prop_map(|(at, len)| Step::Read(at, len)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    /// The same operations on a real file give the same bytes; a clone taken on the way keeps what it had.
    #[test]
    fn a_file_is_what_a_real_file_is(steps in prop::collection::vec(step(), 1..40)) {
        let mut real = tempfile::tempfile().unwrap();
        let mut content = Content::default();
        let middle = steps.len() / 2;
        let mut kept = None;
        for (at, step) in steps.iter().enumerate() {
            if at == middle {
                kept = Some((content.clone(), content.to_vec(), content.fingerprint()));
            }
            match step {
                Step::Write(offset, bytes) => {
                    real.seek(SeekFrom::Start(*offset as u64)).unwrap();
                    real.write_all(bytes).unwrap();
                    content.write(*offset, bytes);
                }
                Step::Truncate(len) => {
                    real.set_len(*len as u64).unwrap();
                    content.truncate(*len);
                }
                Step::Read(offset, len) => {
                    real.seek(SeekFrom::Start(*offset as u64)).unwrap();
                    let mut there = Vec::new();
                    Read::by_ref(&mut real).take(*len as u64).read_to_end(&mut there).unwrap();
                    let mut bytes = vec![7; *len];
                    prop_assert_eq!(content.read(*offset, &mut bytes), there.len());
                    prop_assert_eq!(&bytes[..there.len()], &there[..]);
                    prop_assert!(bytes[there.len()..].iter().all(|byte| *byte == 0));
                }
            }
            prop_assert_eq!(content.len() as u64, real.metadata().unwrap().len());
        }
        let mut all = Vec::new();
        real.rewind().unwrap();
        real.read_to_end(&mut all).unwrap();
        prop_assert_eq!(content.to_vec(), all.clone());
        prop_assert_eq!(content.fingerprint(), Content::of(&all).fingerprint());
        let (content, bytes, fingerprint) = kept.unwrap();
        prop_assert_eq!(content.fingerprint(), fingerprint);
        prop_assert_eq!(content.to_vec(), bytes);
    }

    /// The same statements, some undone, over two connections, give the same rows and the same number of pages as
    /// on the file system of the operating system.
    #[test]
    fn a_database_is_what_a_real_one_is(
        steps in prop::collection::vec((0u8..6, 1usize..3_000, any::<bool>()), 1..25),
        has_log in any::<bool>(),
    ) {
        let disk = Disk::new();
        let directory = tempfile::tempdir().unwrap();
        let pragmas = if has_log { WAL } else { ROLLBACK };
        let make = "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT) STRICT;";
        let real = || Connection::open(directory.path().join("shop.db")).unwrap();
        let (ours, theirs) = (open(&disk, pragmas), real());
        theirs.execute_batch(pragmas).unwrap();
        let (our_reader, their_reader) = (open(&disk, ""), real());
        for database in [&ours, &theirs] {
            database.execute_batch(make).unwrap();
        }
        for (kind, size, is_kept) in steps {
            let sql = match kind {
                0..=2 => format!("INSERT INTO t (text) VALUES (printf('%.{size}c', 'x'))"),
                3 => format!("DELETE FROM t WHERE id % 3 = {size} % 3"),
                4 => format!("UPDATE t SET text = printf('%.{size}c', 'y') WHERE id % 2 = 0"),
                _ if has_log => "PRAGMA wal_checkpoint(TRUNCATE)".to_owned(),
                _ => "VACUUM".to_owned(),
            };
            let sql = match kind {
                5 => sql,
                _ => format!("BEGIN; {sql}; {}", if is_kept { "COMMIT" } else { "ROLLBACK" }),
            };
            for database in [&ours, &theirs] {
                database.execute_batch(&sql).unwrap();
            }
            prop_assert_eq!(sums(&our_reader).unwrap(), sums(&their_reader).unwrap());
        }
        let pages = |database: &Connection| -> i64 {
            database.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap()
        };
        prop_assert_eq!(pages(&ours), pages(&theirs));
        let view = disk.view(NAME).unwrap();
        prop_assert_eq!(i64::from(view.pages), pages(&ours));
        drop((ours, our_reader));
        prop_assert_eq!(disk.names(), [NAME], "the log and the journal went with the last connection");
        let in_file = open(&disk, "");
        sums(&in_file).unwrap();
        prop_assert_eq!(disk.view(NAME).unwrap().fingerprint, view.fingerprint);
    }
}

/// A connection that makes the log and goes before it writes leaves a name that nobody has synced. The next one
/// finds the file, so it does not make it; what it commits must not depend on a name that may go with the power.
#[test]
fn a_log_that_was_found_has_its_name_synced_like_one_that_was_made() {
    let disk = Disk::new();
    let database = open(&disk, WAL);
    database.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)").unwrap();
    drop(database);
    assert_eq!(disk.names(), [NAME], "the log went with the last connection");
    let looks_only = open(&disk, "");
    let setting = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    looks_only.set_db_config(setting, true).unwrap();
    assert_eq!(sums(&looks_only).unwrap().0, 0);
    drop(looks_only);
    assert_eq!(disk.names().len(), 2, "the log is there, and was never synced");
    let database = open(&disk, "PRAGMA synchronous = FULL");
    database.execute_batch("INSERT INTO t (text) VALUES ('sold')").unwrap();
    let image = disk.snapshot().crash(&Damage::Everything);
    drop(database);
    disk.load(&image);
    assert_eq!(sums(&open(&disk, "")).unwrap().0, 1, "what was committed is there");
}

/// What a run of ten transactions did: the disk before each operation, and how many were committed by then.
fn ten_transactions(pragmas: &str, is_lying: bool) -> Vec<(Snapshot, i64)> {
    let disk = Disk::new();
    let database = open(&disk, pragmas);
    let make = "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT) STRICT;
                CREATE INDEX by_text ON t (text);";
    database.execute_batch(make).unwrap();
    if is_lying {
        disk.lie_about_syncs();
    }
    let mut moments = Vec::new();
    for number in 0..10 {
        disk.record(Kinds::CUTS);
        let sql = format!(
            "BEGIN;
             INSERT INTO t (text) VALUES (printf('%.1500c', 'a') || {number});
             INSERT INTO t (text) VALUES (printf('%.1500c', 'b') || {number});
             COMMIT"
        );
        database.execute_batch(&sql).unwrap();
        if number == 6 && pragmas == WAL {
            database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        }
        moments.extend(disk.recording().into_iter().map(|moment| (moment.disk, number)));
    }
    moments.push((disk.snapshot(), 10));
    moments
}

/// Cuts the power at each moment with some damage; counts distinct disks, and those that lost a transaction, hold
/// half of one, or cannot be read.
fn cut_everywhere(moments: &[(Snapshot, i64)], more: usize) -> (usize, usize) {
    let disk = Disk::new();
    let (mut seen, mut broken) = (BTreeSet::new(), 0);
    for (at, (snapshot, committed)) in moments.iter().enumerate() {
        for damage in Damage::patterns(snapshot.pending(), at as u64, more) {
            let image = snapshot.crash(&damage);
            if !seen.insert((image.fingerprint(), *committed)) {
                continue;
            }
            disk.load(&image);
            let found = try_open(&disk).and_then(|database| {
                let check: String =
                    database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
                let count = "SELECT count(*) FROM t";
                let rows: i64 = database.query_row(count, [], |row| row.get(0))?;
                Ok((check, rows))
            });
            let is_whole = found.is_ok_and(|(check, rows)| {
                // What runs may be found done, what is done must be.
                check == "ok" && (rows == committed * 2 || rows == committed * 2 + 2)
            });
            broken += usize::from(!is_whole);
        }
    }
    (seen.len(), broken)
}

#[test]
fn what_sqlite_has_synced_survives_every_cut() {
    for pragmas in [WAL, ROLLBACK] {
        let (cases, broken) = cut_everywhere(&ten_transactions(pragmas, false), 40);
        assert!(cases > 2_000, "{pragmas}: {cases}");
        assert_eq!(broken, 0, "{pragmas}: of {cases}");
    }
}

/// The control: without syncs, or on a disk that lies about them, the same cuts must be seen to lose.
#[test]
fn what_was_not_synced_is_lost() {
    let careless = "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF;";
    let lazy = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;";
    for (pragmas, is_lying) in [(careless, false), (lazy, false), (WAL, true), (ROLLBACK, true)] {
        // Nothing of it is ever durable, so there are very many patterns: a few moments are enough.
        let moments = ten_transactions(pragmas, is_lying);
        let few: Vec<_> = moments.into_iter().step_by(37).collect();
        let (cases, broken) = cut_everywhere(&few, 10);
        assert!(broken > 100, "{pragmas} lying: {is_lying}: {broken} of {cases}");
    }
}

#[test]
fn the_same_run_makes_the_same_disk() {
    let run = || -> Vec<(usize, Vec<String>)> {
        let moments = ten_transactions(ROLLBACK, false);
        let names = |snapshot: &Snapshot| {
            let image = snapshot.crash(&Damage::None);
            image.names().map(|name| format!("{name} {:?}", image.file(name))).collect()
        };
        moments.iter().map(|(snapshot, _)| (snapshot.pending(), names(snapshot))).collect()
    };
    assert_eq!(run(), run());
    let moments = ten_transactions(WAL, false);
    let (snapshot, _) = &moments[20];
    for seed in 0..200 {
        let damage = Damage::of_seed(seed, snapshot.pending());
        let image = || snapshot.crash(&damage).fingerprint();
        assert_eq!(image(), image(), "{damage:?}");
    }
}

#[test]
fn a_stop_ends_everything_until_the_crash() {
    let disk = Disk::new();
    let database = open(&disk, WAL);
    database.execute_batch("CREATE TABLE t (text TEXT)").unwrap();
    disk.stop_at(Stop { kinds: Kinds::SYNCS, number: 2 });
    database.execute_batch("INSERT INTO t VALUES ('a')").unwrap();
    assert!(!disk.is_off());
    database.execute_batch("INSERT INTO t VALUES ('b')").unwrap_err();
    assert!(disk.is_off());
    database.execute_batch("SELECT count(*) FROM t").unwrap_err();
    try_open(&disk).and_then(|database| sums(&database)).unwrap_err();
    disk.crash(&Damage::Everything);
    database.execute_batch("INSERT INTO t VALUES ('c')").unwrap_err();
    let again = open(&disk, "");
    assert_eq!(sums(&again).unwrap(), (1, 1));
    drop(database);
    again.execute_batch("INSERT INTO t VALUES ('dd')").unwrap();
    assert_eq!(sums(&again).unwrap(), (2, 3));
}

#[test]
fn a_snapshot_brings_back_what_was_pending() {
    let disk = Disk::new();
    let database = open(&disk, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    database.execute_batch("CREATE TABLE t (text TEXT); INSERT INTO t VALUES ('a')").unwrap();
    let snapshot = disk.snapshot();
    assert!(snapshot.pending() > 0);
    database.execute_batch("DELETE FROM t").unwrap();
    drop(database);
    disk.restore(&snapshot);
    let database = open(&disk, "");
    assert_eq!(sums(&database).unwrap(), (1, 1));
    disk.crash(&Damage::Everything);
    // What nobody synced is gone: without a sync the first log never became durable.
    assert!(sums(&open(&disk, "")).is_err());
}

#[test]
fn every_failure_can_be_made_and_healed() {
    for failure in Failure::ALL {
        let disk = Disk::new();
        let database = open(&disk, WAL);
        database.execute_batch("CREATE TABLE t (text TEXT); INSERT INTO t VALUES ('a')").unwrap();
        database.execute_batch("PRAGMA cache_size = 1").unwrap();
        let kinds = if failure == Failure::ReadOnly { Kinds::WRITES } else { Kinds::ANY };
        disk.inject(Fault::new(failure, 1, Lasts::UntilHealed).on(kinds));
        let sql = "INSERT INTO t VALUES ('b')";
        let again = try_open(&disk).and_then(|database| database.execute_batch(sql));
        let first = database.execute_batch(sql);
        let errors = [&again, &first]
            .map(|result| result.as_ref().err().and_then(rusqlite::Error::sqlite_error_code));
        let expected = match failure {
            Failure::Full => rusqlite::ErrorCode::DiskFull,
            Failure::Busy => rusqlite::ErrorCode::DatabaseBusy,
            _ => rusqlite::ErrorCode::SystemIoFailure,
        };
        assert!(errors.contains(&Some(expected)), "{failure:?}: {errors:?}");
        assert!(disk.hits() > 0 && disk.heal() > 0, "{failure:?}");
        database.execute_batch("INSERT INTO t VALUES ('c')").unwrap();
        assert_eq!(sums(&database).unwrap().0, 2, "{failure:?}");
    }
}

#[test]
fn a_fault_hits_the_operation_that_it_is_for() {
    let disk = Disk::new();
    let database = open(&disk, WAL);
    database.execute_batch("CREATE TABLE t (text TEXT)").unwrap();
    let fault = Fault::new(Failure::Io, 2, Lasts::Once).on(Kinds::SYNCS).of_files_ending("-wal");
    disk.inject(fault);
    let before = disk.count(Kinds::of(&[Kind::Sync]));
    database.execute_batch("INSERT INTO t VALUES ('a')").unwrap();
    database.execute_batch("INSERT INTO t VALUES ('b')").unwrap_err();
    database.execute_batch("INSERT INTO t VALUES ('c')").unwrap();
    assert_eq!((disk.count(Kinds::SYNCS) - before, disk.heal()), (3, 1));
    disk.crash(&Damage::Everything);
    assert_eq!(sums(&open(&disk, "")).unwrap(), (2, 2), "a failed sync lost only its own");
}

/// After a sync that failed, the next one does not write what it had forgotten, though it says that all is well.
#[test]
fn a_failed_sync_forgets() {
    for has_failed in [false, true] {
        let disk = Disk::new();
        let database = open(&disk, "PRAGMA journal_mode = OFF; PRAGMA synchronous = FULL;");
        database.execute_batch("CREATE TABLE t (text TEXT); INSERT INTO t VALUES ('a')").unwrap();
        disk.flush(Path::new(NAME)).unwrap();
        let fault = Fault::new(Failure::Io, 1, Lasts::Times(u64::from(has_failed)));
        disk.inject(fault.on(Kinds::SYNCS));
        let inserted = database.execute_batch("INSERT INTO t VALUES ('b')");
        assert_eq!((inserted.is_err(), disk.heal()), (has_failed, u64::from(has_failed)));
        let live = disk.read(Path::new(NAME)).unwrap().fingerprint();
        disk.flush(Path::new(NAME)).unwrap();
        let written = disk.snapshot().crash(&Damage::None);
        assert_eq!(written.file(NAME).unwrap().fingerprint(), live, "the card may have it");
        disk.crash(&Damage::Everything);
        let is_there = disk.read(Path::new(NAME)).unwrap().fingerprint() == live;
        assert_eq!(is_there, !has_failed);
    }
}

#[test]
fn files_without_sqlite_are_on_the_same_disk() {
    let disk = Disk::new();
    let (a, b) = (Path::new("/d/a"), Path::new("/d/b"));
    assert_eq!(disk.len(a).unwrap(), None);
    disk.tamper(a, |content| content.write(0, b"hello"));
    assert_eq!(disk.len(a).unwrap(), Some(5));
    disk.rename(a, b).unwrap();
    disk.crash(&Damage::Everything);
    assert_eq!(disk.names(), ["/d/a"], "a name is durable when its directory is flushed");
    disk.rename(a, b).unwrap();
    disk.flush(b).unwrap();
    disk.crash(&Damage::Everything);
    assert_eq!(disk.names(), ["/d/b"]);
    assert_eq!(disk.read(b).unwrap().to_vec(), b"hello");
    disk.remove(b).unwrap();
    assert_eq!(disk.remove(b).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    disk.inject(Fault::new(Failure::Full, 1, Lasts::Once).on(Kinds::SYNCS));
    disk.tamper(a, |_| {});
    assert_eq!(disk.flush(a).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
}

#[test]
fn a_slot_is_used_again_when_its_files_are_closed() {
    let disk = Disk::new();
    let database = open(&disk, WAL);
    database.execute_batch("CREATE TABLE t (text TEXT)").unwrap();
    drop(disk);
    database.execute_batch("INSERT INTO t VALUES ('a')").unwrap_err();
    drop(database);
    let mut taken = Vec::new();
    for _ in 0..50 {
        let disk = Disk::new();
        assert!(disk.names().is_empty() && disk.operations() == 0);
        taken.push(disk);
    }
    let names: BTreeSet<&str> = taken.iter().map(Disk::vfs).collect();
    assert_eq!(names.len(), taken.len());
}
