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

#[test]
fn a_damaged_event_is_never_sent() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    for number in 0..3 {
        shop.sell(&store, &[(number, 1)]);
    }
    store
        .write("tamper", |session| {
            let sql = "UPDATE journal SET bytes = bytes || ' ' WHERE position = 5";
            session.connection.execute(sql, [])?;
            Ok::<_, crate::StoreError>(())
        })
        .unwrap();
    let sound = store.outbox(100, 1 << 20).unwrap();
    let seqs: Vec<u64> = sound.iter().map(|event| event.place.seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4], "what stands before it is sent");
    let last = sound.last().unwrap();
    assert!(store.acknowledge(0, last.place.seq, last.hash, &[], AT).unwrap());
    let error = store.outbox(100, 1 << 20).unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "the database is damaged");
    let cause = source.source().unwrap().to_string();
    assert!(cause.contains("event 5"), "{cause}");
}
