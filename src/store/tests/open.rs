//! Opening: locks, keys, versions, damage, full disks; and that nothing is ever deleted.

use super::*;
use crate::open::open_as;
use crate::schema::{Migration, SCHEMA, VERSION};
use crate::{CommitError, KeyError, StoreError};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};

fn files(shop: &Shop) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(shop.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn one_instance_a_directory() {
    let mut shop = Shop::new();
    let store = shop.open();
    assert!(matches!(shop.try_open(), Err(OpenError::Locked)));
    let clone = store.clone();
    store.close();
    assert!(matches!(clone.staff(), Err(StoreError::Closed)));
    assert!(matches!(clone.set_setting("a", "b"), Err(StoreError::Closed)));
    shop.open();
    shop.open();
}

#[test]
fn the_file_holds_nothing_in_clear_text() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load_articles(&store, &[(1, "Geheimkäse")]);
    let rows =
        [("customer", serde_json::to_string(&customer_row(1, "Annabella", "", "")).unwrap())];
    load(&store, Feed::Customers, "u", &rows);
    shop.sell_to(&store, &[(1, 1)], Some(customer(1)));
    for (file, when) in [("crossroads.db-wal", "open"), ("crossroads.db", "closed")] {
        if when == "closed" {
            store.clone().close();
        }
        let bytes = fs::read(shop.directory.path().join(file)).unwrap();
        assert!(bytes.len() > 10_000, "{file} holds the data");
        for secret in
            ["Geheimk", "geheimk", "Annabella", "annabella", "order.placed", "CREATE TABLE"]
        {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is readable in {file}");
        }
    }
    let mode = fs::metadata(shop.directory.path().join("crossroads.key")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
}

#[test]
fn a_missing_key_moves_nothing() {
    let mut shop = Shop::new();
    shop.open_for_business().close();
    let key = shop.directory.path().join("crossroads.key");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let before = files(&shop);
    assert!(matches!(shop.try_open(), Err(OpenError::KeyMissing)));
    assert_eq!(files(&shop), before, "no key was made, no file was moved");
    fs::write(&key, kept).unwrap();
    assert!(matches!(shop.try_open(), Err(OpenError::Key(KeyError::Exposed { .. }))));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(shop.open().terminal().unwrap(), Some(identity(0)));
}

#[test]
fn another_key_is_told_from_damage() {
    let mut shop = Shop::new();
    shop.open_for_business().close();
    let key = shop.directory.path().join("crossroads.key");
    let kept = fs::read(&key).unwrap();
    fs::write(&key, "0f".repeat(32)).unwrap();
    let before = files(&shop);
    assert!(matches!(shop.try_open(), Err(OpenError::WrongKey)));
    assert_eq!(files(&shop), before);
    fs::write(&key, kept).unwrap();
    shop.open();
}

/// Flips one byte in the middle of each page; damage is found at the next start or where it is read, never served.
#[test]
fn a_damaged_file_is_moved_aside_and_kept() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    for _ in 0..30 {
        shop.sell(&store, &[(1, 1), (2, 1)]);
    }
    store.close();
    let whole = fs::read(shop.path()).unwrap();
    let pages = whole.len() / 4096;
    let mut quarantined = 0;
    for page in (0..pages).step_by(3) {
        fs::write(shop.path(), &whole).unwrap();
        let file = fs::File::options().write(true).open(shop.path()).unwrap();
        let at = page * 4096 + 2000;
        file.write_all_at(&[whole[at] ^ 0x20], at as u64).unwrap();
        match shop.try_open() {
            Err(OpenError::Damaged { quarantined_to: Some(path), .. }) => {
                quarantined += 1;
                assert_eq!(fs::metadata(&path).unwrap().len(), whole.len() as u64);
                assert!(!shop.path().exists());
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                assert_eq!(name, format!("crossroads.db.damaged-{quarantined}"));
            }
            other => panic!("page {page}: {other:?}"),
        }
    }
    assert!(quarantined > 5);
    // Nothing new takes its place before it is recovered.
    let waits = shop.try_open().unwrap_err();
    assert!(matches!(waits, OpenError::Damaged { quarantined_to: Some(_), .. }), "{waits}");
    fs::write(shop.path(), &whole).unwrap();
    assert_eq!(shop.open().totals().unwrap().orders, 30);
}

#[test]
fn a_file_of_something_else_is_moved_aside() {
    let mut shop = Shop::new();
    shop.open().close();
    fs::write(shop.path(), "not a database at all".repeat(1000)).unwrap();
    let error = shop.try_open().unwrap_err();
    assert!(matches!(error, OpenError::Damaged { quarantined_to: Some(_), .. }), "{error}");
}

#[test]
fn an_empty_file_is_what_a_crash_before_the_first_page_leaves() {
    let mut shop = Shop::new();
    fs::write(shop.path(), "").unwrap();
    shop.open();
}

#[test]
fn a_newer_database_is_left_alone() {
    let mut shop = Shop::new();
    shop.open_for_business().close();
    let connection = crate::connection::connect(
        &SystemFiles,
        &shop.path(),
        &shop.key(),
        crate::connection::Purpose::Write,
    )
    .unwrap();
    connection.pragma_update(None, "user_version", VERSION + 1).unwrap();
    drop(connection);
    let before = files(&shop);
    let error = shop.try_open().unwrap_err();
    let expected = (VERSION + 1, VERSION);
    assert!(
        matches!(error, OpenError::Newer { found, supported } if (found, supported) == expected)
    );
    // Who closes before the database is known to be sound does not copy its log back: an empty one may stay.
    let is_log = |name: &String| name.ends_with("-wal") || name.ends_with("-shm");
    let after: Vec<String> = files(&shop).into_iter().filter(|name| !is_log(name)).collect();
    assert_eq!(after, before);
}

const FUTURE: &[Migration] = &[
    Migration { to: VERSION + 1, sql: "CREATE TABLE later (x INTEGER) STRICT;" },
    Migration {
        to: VERSION + 2,
        sql: "INSERT INTO later VALUES (1); ALTER TABLE later ADD y TEXT;",
    },
];

#[test]
fn migrations_run_once_in_order_after_a_backup() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    shop.sell(&store, &[(1, 1)]);
    store.close();
    let opened = open_as(&shop.options(), &shop.keys(), SCHEMA, FUTURE, VERSION + 2).unwrap();
    let later: i64 = opened
        .connection
        .query_row("SELECT count(y IS NULL) FROM later", [], |row| row.get(0))
        .unwrap();
    assert_eq!(later, 1);
    drop(opened);
    let backup =
        shop.directory.path().join(format!("crossroads.db.before-migration-from-v{VERSION}"));
    let key = shop.key();
    let old =
        crate::connection::connect(&SystemFiles, &backup, &key, crate::connection::Purpose::Read)
            .unwrap();
    let version: u32 = old.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, VERSION, "the backup is encrypted with the same key, of the old version");
    let orders: i64 =
        old.query_row("SELECT count(*) FROM own_order", [], |row| row.get(0)).unwrap();
    assert_eq!(orders, 1);
    open_as(&shop.options(), &shop.keys(), SCHEMA, FUTURE, VERSION + 2).unwrap();
    assert!(matches!(shop.try_open(), Err(OpenError::Newer { .. })));
}

#[test]
fn a_migration_that_fails_leaves_the_version_before() {
    let mut shop = Shop::new();
    shop.open_for_business().close();
    let broken: &[Migration] =
        &[FUTURE[0], Migration { to: VERSION + 2, sql: "INSERT INTO later VALUES (1); NONSENSE;" }];
    let error = open_as(&shop.options(), &shop.keys(), SCHEMA, broken, VERSION + 2).err().unwrap();
    assert!(matches!(error, OpenError::Sqlite { during: "migrating", .. }), "{error:?}");
    let opened = open_as(&shop.options(), &shop.keys(), SCHEMA, FUTURE, VERSION + 2).unwrap();
    let rows: i64 =
        opened.connection.query_row("SELECT count(*) FROM later", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
}

fn limit_pages(store: &Store, spare: i64) {
    store
        .write("limit", move |session| {
            let connection: &Connection = &session.connection;
            let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            let limit = if spare < 0 { 1_000_000 } else { pages + spare };
            connection.query_row(&format!("PRAGMA max_page_count = {limit}"), [], |_| Ok(()))?;
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

#[test]
fn a_full_disk_is_said_so_and_changes_nothing() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let reserve = shop.directory.path().join("crossroads.reserve");
    assert!(reserve.exists());
    shop.sell(&store, &[(1, 1)]);
    limit_pages(&store, 0);
    let shift = store.current_shift().unwrap().unwrap().id;
    let mut sold = 1;
    let error = loop {
        let basket = shop.basket(&[(sold, 1), (sold + 1, 1), (sold + 2, 1)], None);
        let order = shop.new_order(basket.clone(), shift, AT);
        match store.commit_order(order) {
            Ok(_) => sold += 1,
            Err(error) => break error,
        }
    };
    assert!(error.is_disk_full(), "{error:?}");
    assert!(matches!(error, CommitError::Store(StoreError::DiskFull(_))));
    assert!(!reserve.exists(), "the reserve was given before giving up");
    let mut filler = 0;
    let error = loop {
        match store.set_setting(&format!("filler-{filler}"), &"x".repeat(3000)) {
            Ok(()) => filler += 1,
            Err(error) => break error,
        }
    };
    assert!(error.is_disk_full());
    assert_eq!(store.totals().unwrap().orders, u64::from(sold));
    assert_eq!(store.verify_journal().unwrap().fault, None);
    let big: Vec<(&str, String)> =
        (0..500).map(|n| ("article", article_json(n, "Ware", n))).collect();
    let big = chunk(&big);
    store.begin_snapshot(&plan(Feed::Catalogue, "k", &[&big])).unwrap();
    assert_eq!(apply(&store, Feed::Catalogue, &big), Applied::DiskLow);
    assert_eq!(store.search_articles("", 5).unwrap(), [], "nothing of the chunk is left");
    limit_pages(&store, -1);
    let next = shop.sell(&store, &[(1, 1)]).order.number;
    assert_eq!(next, format!("S012-T03-0-{:06}", sold + 1), "the refused sale took no number");
    assert_eq!(apply(&store, Feed::Catalogue, &big), Applied::Committed);
    assert!(reserve.exists(), "the reserve is taken up again");
}

/// The reserve is meant for 1,000 sales: so much do they take.
#[test]
fn a_thousand_sales_fit_in_the_reserve() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    store.open_shift(staff(1), AT).unwrap();
    let used = |shop: &Shop| -> u64 {
        ["crossroads.db", "crossroads.db-wal"]
            .iter()
            .map(|name| fs::metadata(shop.directory.path().join(name)).map_or(0, |f| f.len()))
            .sum()
    };
    let before = used(&shop);
    for number in 0..1_000 {
        let lines: Vec<(u32, i64)> = (0..5).map(|line| (number * 5 + line, 1)).collect();
        shop.sell_to(&store, &lines, Some(customer(u128::from(number))));
    }
    let growth = used(&shop) - before;
    assert!(growth < crate::RESERVE_BYTES, "1,000 sales took {growth} bytes");
}

#[test]
fn the_writer_survives_a_job_that_panics() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let lost = store.write("panics", |session| -> Result<(), StoreError> {
        let (tx, _) = session.begin()?;
        tx.execute("DELETE FROM journal", [])?;
        panic!("on purpose");
    });
    assert!(matches!(lost, Err(StoreError::Closed)));
    shop.sell(&store, &[(1, 1)]);
    assert_eq!(store.verify_journal().unwrap().fault, None);
}
