//! The chain: whoever changes, drops, adds or swaps events is found, and damaged events are never sent.

use super::*;
use crate::connection::{Purpose, connect};
use crate::journal::verify;
use rusqlite::{Connection, params};

/// A shop with a day's events, and a connection that can do what no part of the program does.
pub(super) fn tampering(sales: u32) -> (Shop, Connection) {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    for number in 0..sales {
        shop.sell(&store, &[(number, 1)]);
    }
    store.close();
    let connection = connect(&SystemFiles, &shop.path(), &shop.key(), Purpose::Write).unwrap();
    (shop, connection)
}

/// Runs SQL in a transaction that is rolled back, and says where the chain breaks meanwhile.
fn fault_after(connection: &Connection, sql: &str) -> Option<u64> {
    connection.execute_batch("BEGIN").unwrap();
    connection.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let report = verify(connection).unwrap();
    connection.execute_batch("ROLLBACK").unwrap();
    report.fault.map(|fault| fault.seq)
}

/// One line, one case: what is done to the journal, and at which event it is found.
#[test]
fn tampering_is_found_where_it_was_done() {
    let (_shop, connection) = tampering(5);
    let count: i64 =
        connection.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 12);
    let report = verify(&connection).unwrap();
    assert_eq!((report.events, report.fault), (12, None));
    for (sql, seq) in [
        ("UPDATE journal SET bytes = replace(bytes, '\"CHF\"', '\"EUR\"') WHERE position = 3", 3),
        ("UPDATE journal SET bytes = bytes || ' ' WHERE position = 4", 4),
        ("UPDATE journal SET hash = zeroblob(32) WHERE position = 5", 5),
        ("UPDATE journal SET prev = zeroblob(32) WHERE position = 5", 5),
        ("UPDATE journal SET prev = zeroblob(31) WHERE position = 5", 5),
        ("UPDATE journal SET at_ms = at_ms + 1 WHERE position = 6", 6),
        ("UPDATE journal SET kind = 'order.paid' WHERE position = 3", 3),
        ("UPDATE journal SET aggregate = zeroblob(16) WHERE position = 3", 3),
        ("DELETE FROM journal WHERE position = 1", 1),
        ("DELETE FROM journal WHERE position = 7", 7),
        ("DELETE FROM journal WHERE position = 12", 12),
        ("DELETE FROM journal", 1),
        (
            "INSERT INTO journal SELECT 13, kind, aggregate, at_ms, prev, hash, bytes FROM journal WHERE position = 12",
            13,
        ),
        ("UPDATE journal SET position = 100 WHERE position = 12", 12),
        (
            "UPDATE journal SET position = 100 WHERE position = 5;
          UPDATE journal SET position = 5 WHERE position = 6;
          UPDATE journal SET position = 6 WHERE position = 100",
            5,
        ),
        ("UPDATE life SET last_seq = 11", 11),
        ("UPDATE life SET last_seq = 13", 13),
        ("UPDATE life SET last_hash = zeroblob(32)", 12),
        ("UPDATE life SET terminal = zeroblob(16)", 1),
        ("UPDATE life SET epoch = 1", 1),
    ] {
        let found = fault_after(&connection, sql);
        assert_eq!(found, Some(seq), "{sql}");
    }
    assert_eq!(verify(&connection).unwrap().fault, None);
}

/// A forger who also makes the hashes right is stopped by the predecessor that the next event names.
#[test]
fn a_forged_event_with_right_hashes_is_found() {
    let (_shop, connection) = tampering(3);
    let bytes: String = connection
        .query_row("SELECT bytes FROM journal WHERE position = 3", [], |row| row.get(0))
        .unwrap();
    let forged = bytes.replace("\"total_minor\":", "\"total_minor\":1");
    let hash = sync::protocol::event::EventHash::of(forged.as_bytes());
    connection
        .execute(
            "UPDATE journal SET bytes = ?1, hash = ?2 WHERE position = 3",
            params![forged, hash.0],
        )
        .unwrap();
    assert_eq!(verify(&connection).unwrap().fault.unwrap().seq, 4);
}

#[test]
fn a_broken_chain_is_found_at_the_start() {
    let (mut shop, connection) = tampering(3);
    connection.execute("DELETE FROM journal WHERE position = 5", []).unwrap();
    drop(connection);
    let error = shop.try_open().unwrap_err();
    let OpenError::Damaged { quarantined_to: Some(path), detail } = error else {
        panic!("{error:?}")
    };
    assert!(path.exists() && detail.contains("event 5"), "{detail}");
}

/// One line, one case: what the disk does to event 5 of 8, and what is sent for it. The chain goes on in each case.
#[test]
fn damage_does_not_stop_the_queue() {
    let zeros = "zeroblob(32)";
    for (change, is_sound) in [
        ("bytes = bytes || ' '".to_owned(), false),
        ("bytes = CAST(x'ff00fe' AS TEXT)".to_owned(), false),
        ("bytes = ''".to_owned(), false),
        ("bytes = replace(bytes, '\"CHF\"', '\"EUR\"')".to_owned(), false),
        // Forged so that bytes and hash agree: the event after it knows better.
        ("bytes = '{}', hash = x'44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'".into(), false),
        // The bytes are right, whatever stands beside them.
        (format!("hash = {zeros}"), true),
        (format!("prev = {zeros}, kind = 'x', at_ms = 0, aggregate = NULL"), true),
    ] {
        let mut shop = Shop::new();
        let store = shop.open_for_business();
        for number in 0..3 {
            shop.sell(&store, &[(number, 1)]);
        }
        let before = waiting(&store);
        feeds::damage(&store, Box::leak(change.clone().into_boxed_str()), 5);
        let after = waiting(&store);
        assert_eq!(after.len(), before.len(), "{change}");
        for (sound, item) in before.iter().zip(&after) {
            assert_eq!((sound.place(), sound.hash()), (item.place(), item.hash()), "{change}");
            assert_eq!(item.sealed().is_some(), is_sound || item.place().seq != 5, "{change}");
        }
        let OutboxItem::Damaged { prev, .. } = &after[4] else { continue };
        assert_eq!(*prev, before[3].hash());
        // It can be acknowledged as such, also the last one of a batch.
        let id = life(0);
        let five = store.outbox(id, 5, usize::MAX).unwrap().pop().unwrap();
        assert_eq!(five, after[4]);
        assert!(store.acknowledge(id, 5, five.hash(), &[], AT).unwrap());
        assert_eq!(waiting(&store), after[5..]);
        acknowledge_all(&store);
    }
}

/// Rows that are gone: one can be bridged, since the next one names its hash; a run of them cannot.
#[test]
fn a_missing_event_does_not_stop_the_queue() {
    let delete = |store: &Store, condition: &'static str| {
        store
            .write("lose", move |session| {
                let sql = format!("DELETE FROM journal WHERE {condition}");
                session.connection.execute(&sql, [])?;
                Ok::<_, crate::StoreError>(())
            })
            .unwrap();
    };
    let shop_with_sales = || {
        let mut shop = Shop::new();
        let store = shop.open_for_business();
        for number in 0..3 {
            shop.sell(&store, &[(number, 1)]);
        }
        let events = waiting(&store);
        assert_eq!(events.len(), 8);
        (shop, store, events)
    };
    let places = |items: &[OutboxItem]| items.iter().map(|i| i.place().seq).collect::<Vec<_>>();
    for condition in ["position = 1", "position = 5", "position = 8", "position IN (3, 5)"] {
        let (_shop, store, events) = shop_with_sales();
        delete(&store, condition);
        let items = waiting(&store);
        assert_eq!(places(&items), [1, 2, 3, 4, 5, 6, 7, 8], "{condition}");
        let hashes = |items: &[OutboxItem]| items.iter().map(OutboxItem::hash).collect::<Vec<_>>();
        assert_eq!(hashes(&items), hashes(&events), "{condition}");
        acknowledge_all(&store);
        assert_eq!(store.sync_status().unwrap().waiting, 0);
    }
    for (condition, numbered, strays) in [
        ("position IN (4, 5)", &[1, 2, 3][..], &[6, 7, 8][..]),
        ("position < 4", &[], &[4, 5, 6, 7, 8]),
        ("position > 5", &[1, 2, 3, 4, 5], &[]),
        ("position IN (2, 3, 5, 6)", &[1], &[4, 7, 8]),
    ] {
        let (mut shop, store, events) = shop_with_sales();
        delete(&store, condition);
        assert_eq!(places(&waiting(&store)), numbered, "{condition}");
        acknowledge_all(&store);
        let now = store.lives().unwrap().pop().unwrap();
        assert_eq!((now.waiting, now.strays), (0, strays.len() as u64), "{condition}");
        let items = store.strays(life(0), 500, usize::MAX).unwrap();
        assert_eq!(places(&items), strays, "{condition}");
        for item in &items {
            assert_eq!(*item, events[item.place().seq as usize - 1], "{condition}");
        }
        // What is sold now goes the same way, until the terminal begins a new life.
        shop.sell(&store, &[(9, 1)]);
        let more = store.strays(life(0), 500, usize::MAX).unwrap();
        assert_eq!(more.len(), strays.len() + 2);
        store.book_strays(life(0), more.last().unwrap().place().seq).unwrap();
        assert_eq!(store.sync_status().unwrap().waiting, 0, "{condition}");
    }
}
