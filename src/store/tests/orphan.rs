//! Databases that lost a part of which nothing inside tells. A file that is gone or empty while its log is not: SQLite
//! would delete the log without a word, and with it every sale since the last checkpoint. A log that lost its end, or
//! an older copy put back: receipt numbers would be given twice. Looking changes nothing, and starting recovers.

use super::recover::{all_waiting, hashes};
use super::*;
use crate::connection::{Purpose, connect};
use crate::examine;
use std::collections::BTreeMap;
use std::fs;
use sync::protocol::event::EventHash;

const ORDERS: usize = 6;

/// All files as a power cut at this moment would leave them.
fn files_of(shop: &Shop) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(shop.directory.path()).unwrap().flatten();
    let files = entries.map(|entry| {
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap_or_default())
    });
    // The index of the log is made anew by whoever comes first.
    files.filter(|(name, _)| !name.ends_with("-shm")).collect()
}

/// A shop that sold, was cut off, and whose files then were treated by `harm`. Returns what waited to be sent.
fn harmed(harm: impl FnOnce(&Shop)) -> (Shop, std::collections::BTreeSet<EventHash>) {
    let mut shop = Shop::new();
    let store = shop.day(ORDERS - 1, 2);
    // A sale is the last that was written.
    shop.sell(&store, &[(1, 1)]);
    let waiting = hashes(&all_waiting(&store));
    let files = files_of(&shop);
    store.close();
    for (name, bytes) in &files {
        fs::write(shop.directory.path().join(name), bytes).unwrap();
    }
    let log = shop.directory.path().join("crossroads.db-wal");
    assert!(fs::metadata(log).unwrap().len() > 100_000, "the sales are in the log");
    harm(&shop);
    (shop, waiting)
}

fn verify(shop: &Shop) -> Result<crate::ChainReport, OpenError> {
    examine::verify(&shop.options(), &shop.keys())
}

#[test]
fn sales_in_the_log_of_an_emptied_or_lost_file_are_recovered() {
    let empty = |shop: &Shop| fs::write(shop.path(), "").unwrap();
    let short = |shop: &Shop| fs::write(shop.path(), [0; 4095]).unwrap();
    let gone = |shop: &Shop| fs::remove_file(shop.path()).unwrap();
    for harm in [&empty as &dyn Fn(&Shop), &short, &gone] {
        let (mut shop, waiting) = harmed(harm);
        let before = files_of(&shop);
        for _ in 0..2 {
            let looked = verify(&shop).unwrap_err();
            assert!(matches!(looked, OpenError::Damaged { quarantined_to: None, .. }), "{looked}");
            examine::examine(&shop.options(), &shop.keys()).unwrap_err();
            let mut none = |_| panic!("there is nothing to be exported");
            examine::export(&shop.options(), &shop.keys(), &mut none).unwrap_err();
        }
        assert_eq!(files_of(&shop), before, "looking changes nothing");
        let (store, recovered) = shop.start();
        let recovered = recovered.unwrap();
        assert_eq!((recovered.orders, recovered.missing), (ORDERS as u64, 0));
        assert!(hashes(&all_waiting(&store)).is_superset(&waiting));
        assert!(recovered.is_enrolled);
        store.close();
        let log = before.get("crossroads.db-wal").unwrap();
        let aside = shop.directory.path().join("crossroads.db.damaged-1-wal");
        assert_eq!(&fs::read(aside).unwrap(), log, "and it is kept");
        let (_, again) = shop.start();
        assert_eq!(again, None);
    }
}

/// Cut off while it was moved aside: the log has gone ahead, the empty file is still there.
#[test]
fn an_empty_file_whose_log_went_aside_alone_is_no_new_database() {
    let (mut shop, waiting) = harmed(|shop| {
        fs::write(shop.path(), "").unwrap();
        let aside = shop.directory.path().join("crossroads.db.damaged-1-wal");
        fs::rename(shop.directory.path().join("crossroads.db-wal"), aside).unwrap();
    });
    assert!(matches!(shop.try_open(), Err(OpenError::Damaged { .. })));
    let looked = verify(&shop).unwrap_err();
    assert!(looked.to_string().contains("waits to be recovered"), "{looked}");
    let (store, recovered) = shop.start();
    assert_eq!(recovered.unwrap().orders, ORDERS as u64);
    assert!(hashes(&all_waiting(&store)).is_superset(&waiting));
}

/// Without its key nobody can read the log; a new key must not take the place of the one that a backup has.
#[test]
fn a_log_whose_key_is_gone_keeps_its_place() {
    let (mut shop, waiting) = harmed(|shop| fs::remove_file(shop.path()).unwrap());
    let key = shop.directory.path().join(FileKeyStore::FILE_NAME);
    let away = key.with_extension("away");
    fs::rename(&key, &away).unwrap();
    let fingerprint = shop.directory.path().join("crossroads.db.key-fingerprint");
    let known = fs::read(&fingerprint).unwrap();
    for _ in 0..2 {
        assert!(matches!(shop.try_open(), Err(OpenError::Damaged { .. })));
        let refused = crate::recover(&shop.options(), &shop.keys(), &DeviceKey([7; 32]), AT);
        assert!(matches!(refused, Err(OpenError::KeyMissing)), "{refused:?}");
        assert!(!key.exists());
        assert_eq!(fs::read(&fingerprint).unwrap(), known);
    }
    fs::rename(&away, &key).unwrap();
    let (store, recovered) = shop.start();
    assert_eq!(recovered.unwrap().orders, ORDERS as u64);
    assert!(hashes(&all_waiting(&store)).is_superset(&waiting));
}

#[test]
fn a_database_that_is_gone_with_its_log_is_told() {
    let (mut shop, _) = harmed(|shop| {
        fs::remove_file(shop.path()).unwrap();
        fs::remove_file(shop.directory.path().join("crossroads.db-wal")).unwrap();
    });
    let looked = verify(&shop).unwrap_err();
    assert!(matches!(looked, OpenError::Missing(_)), "{looked}");
    let (store, recovered) = shop.start();
    let recovered = recovered.unwrap();
    assert_eq!((recovered.orders, recovered.has_open_end), (0, true));
    assert!(!recovered.is_enrolled && !recovered.is_acknowledged);
    assert_eq!(store.recovery().unwrap(), Some(recovered), "the person sees it");
    store.close();
    assert_eq!(shop.start().1, None);
}

/// The log is gone, cut between commits or within one, or an older copy is in place: all are whole in themselves.
#[test]
fn a_lost_end_is_told_and_no_receipt_number_is_given_twice() {
    let cut = |shop: &Shop, bytes: u64| {
        let log = shop.directory.path().join("crossroads.db-wal");
        let log = fs::File::options().write(true).open(log).unwrap();
        log.set_len(log.metadata().unwrap().len() - bytes).unwrap();
    };
    let gone =
        |shop: &Shop| fs::write(shop.directory.path().join("crossroads.db-wal"), "").unwrap();
    let within = |shop: &Shop| cut(shop, 6000);
    let more = |shop: &Shop| cut(shop, 50 * 4120);
    for (harm, is_enrolled) in [(&gone as &dyn Fn(&Shop), false), (&within, true), (&more, true)] {
        let (mut shop, waiting) = harmed(harm);
        let (store, recovered) = shop.start();
        let Some(recovered) = recovered else { panic!("the end is missing, and nobody says so") };
        let found = hashes(&all_waiting(&store));
        let lost = waiting.difference(&found).count() as u64;
        assert!(lost > 0 && recovered.has_open_end, "{recovered:?}");
        assert_eq!(recovered.is_enrolled, is_enrolled);
        if is_enrolled {
            // The acknowledgement of some is lost with the end.
            assert!(recovered.missing >= lost, "it is known how many");
            let next = shop.sell(&store, &[(1, 1)]);
            assert!(next.order.number.contains("-1-"), "a new epoch: {}", next.order.number);
        }
        store.close();
        assert_eq!(shop.start().1, None, "told once");
    }
}

#[test]
fn an_older_copy_put_back_begins_the_next_life() {
    let mut shop = Shop::new();
    let store = shop.day(3, 3);
    store.close();
    let copy = fs::read(shop.path()).unwrap();
    let store = shop.open();
    shop.sell(&store, &[(1, 1)]);
    let last = shop.sell(&store, &[(1, 1)]).order.number;
    store.close();
    fs::write(shop.path(), copy).unwrap();
    let (store, recovered) = shop.start();
    let recovered = recovered.unwrap();
    assert_eq!((recovered.orders, recovered.missing, recovered.has_open_end), (3, 4, true));
    let next = shop.sell(&store, &[(1, 1)]).order.number;
    assert_ne!(next, last);
    store.close();

    // The same from a life before the last: its epochs are not used again either.
    let copy = fs::read(shop.directory.path().join("crossroads.db.damaged-1")).unwrap();
    fs::write(shop.path(), copy).unwrap();
    let (store, recovered) = shop.start();
    assert!(recovered.unwrap().needs_enrolment, "the key of the last life is not in it");
    assert_eq!(store.terminal().unwrap().unwrap().epoch, 2);
}

/// The note is a help, never a hindrance.
#[test]
fn a_torn_or_foreign_note_is_no_note() {
    let mut shop = Shop::new();
    let store = shop.day(2, 1);
    store.close();
    let note = shop.directory.path().join("crossroads.db.head");
    let whole = fs::read_to_string(&note).unwrap();
    for text in ["", "nonsense", &whole[..50], &"9".repeat(200)] {
        fs::write(&note, text).unwrap();
        let store = shop.open();
        assert_eq!(store.totals().unwrap().orders, 2);
        store.close();
        assert_eq!(fs::read_to_string(&note).unwrap().get(..whole.len()), Some(&*whole));
    }
}

/// What the next start would find is found by looking, too.
#[test]
fn looking_finds_commits_behind_a_damaged_part_of_the_log() {
    let (mut shop, waiting) = harmed(|shop| {
        let log = shop.directory.path().join("crossroads.db-wal");
        let mut bytes = fs::read(&log).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 3 * 4120].fill(0x5a);
        fs::write(&log, bytes).unwrap();
    });
    let before = files_of(&shop);
    let looked = verify(&shop).unwrap_err();
    assert!(looked.to_string().contains("behind a damaged part"), "{looked}");
    assert_eq!(files_of(&shop), before);
    let (store, recovered) = shop.start();
    assert!(recovered.is_some());
    let found = hashes(&all_waiting(&store));
    assert!(found.intersection(&waiting).count() > 0);
}

#[test]
fn who_looks_is_told_what_is_the_matter() {
    let mut shop = Shop::new();
    assert!(matches!(verify(&shop), Err(OpenError::Missing(_))), "there is nothing yet");
    assert!(files_of(&shop).is_empty(), "and nothing is made");
    shop.open_for_business().close();
    let right = fs::read(shop.directory.path().join(FileKeyStore::FILE_NAME)).unwrap();
    let connection = connect(&SystemFiles, &shop.path(), &shop.key(), Purpose::Write).unwrap();
    connection.pragma_update(None, "user_version", crate::schema::VERSION - 1).unwrap();
    drop(connection);
    assert!(matches!(verify(&shop), Err(OpenError::Older { .. })));
    let key = shop.directory.path().join(FileKeyStore::FILE_NAME);
    fs::remove_file(&key).unwrap();
    assert!(matches!(verify(&shop), Err(OpenError::KeyMissing)));
    shop.keys().create_key().unwrap();
    assert!(matches!(verify(&shop), Err(OpenError::WrongKey)));
    fs::write(&key, right).unwrap();
    assert!(matches!(verify(&shop), Err(OpenError::Older { .. })));
}

/// The terminal at work goes on, and its writing is not taken for damage.
#[test]
fn a_terminal_at_work_can_be_looked_at() {
    let mut shop = Shop::new();
    let store = shop.day(2, 1);
    for _ in 0..20 {
        shop.sell(&store, &[(1, 1)]);
        let found = examine::examine(&shop.options(), &shop.keys()).unwrap();
        assert_eq!((found.faults, found.chain.fault), (Vec::<String>::new(), None));
        assert_eq!(found.terminal, store.terminal().unwrap());
    }
    assert_eq!(store.totals().unwrap().orders, 22);
}
