//! Connections that a disk has spoilt: after one page whose seal did not fit, since the read of it ended early,
//! SQLCipher refuses every page, for ever. The store takes another connection, and the terminal goes on selling
//! without being started again.

use super::card::{Card, Till};
use super::*;
use crate::connection::{Purpose, connect};
use crate::{CommitError, StoreError};
use fault::{Failure, Fault, Kinds, Lasts};

/// A till with a catalogue that has sold something, and an order that waits to be sold.
fn open_till() -> (Till, Store, NewOrder) {
    let mut till = Till::new();
    till.open().unwrap();
    let store = till.store().clone();
    store.enrol(&identity(0), "crossroads 0.1.0", AT).unwrap();
    load(&store, Feed::Config, "c1", &[("store", store_row()), ("staff", staff_row(1))]);
    load_articles(&store, &[(1, "Milch"), (2, "Brot")]);
    till.shop.sell(&store, &[(1, 1)]);
    let shift = store.open_shift(staff(1), AT).unwrap().id;
    let basket = till.shop.basket(&[(2, 3)], None);
    let order = till.shop.new_order(basket, shift, AT);
    (till, store, order)
}

/// The writer has to read pages again.
fn forget_pages_of_writer(store: &Store) {
    let shrink = |session: &mut crate::writer::Session| {
        Ok::<_, StoreError>(session.connection.execute_batch("PRAGMA shrink_memory")?)
    };
    store.write("shrink", shrink).unwrap();
}

fn forget_pages_of_reader(store: &Store) {
    store.read(|db| Ok(db.execute_batch("PRAGMA shrink_memory")?)).unwrap();
}

fn fail_reads(till: &Till, failure: Failure, lasts: Lasts) {
    till.disk.inject(Fault::new(failure, 1, lasts).on(Kinds::READS));
}

/// Why all of this: if it ceases to be true, [`StoreError::spoils_connection`] may ask for less.
#[test]
fn one_read_that_ended_early_spoils_a_connection_for_ever() {
    let (mut till, ..) = open_till();
    till.close();
    let (path, key) = (till.shop.path(), till.shop.key());
    let files = Card(till.disk.clone());
    let connection = connect(&files, &path, &key, Purpose::Write).unwrap();
    let count = || -> Result<i64, rusqlite::Error> {
        connection.query_row("SELECT count(*) FROM base_article", [], |row| row.get(0))
    };
    connection.execute_batch("PRAGMA shrink_memory").unwrap();
    fail_reads(&till, Failure::Short, Lasts::Once);
    count().unwrap_err();
    assert_eq!(till.disk.heal(), 1);
    for _ in 0..3 {
        count().unwrap_err();
    }
    let other = connect(&files, &path, &key, Purpose::Read).unwrap();
    let found: i64 =
        other.query_row("SELECT count(*) FROM base_article", [], |row| row.get(0)).unwrap();
    assert_eq!(found, 2, "the disk was sound all the time");
}

#[test]
fn a_sale_that_the_disk_refused_is_made_when_it_is_tapped_again() {
    for failure in [Failure::Io, Failure::Short] {
        let (till, store, order) = open_till();
        forget_pages_of_writer(&store);
        fail_reads(&till, failure, Lasts::Once);
        let refused = store.commit_order(order.clone()).unwrap_err();
        let CommitError::Store(error) = &refused else { panic!("{refused:?}") };
        assert!(error.spoils_connection(), "{failure:?}: {refused:?}");
        assert_eq!(till.disk.heal(), 1);
        let sold = store.commit_order(order.clone()).unwrap();
        let again = store.commit_order(order).unwrap();
        assert_eq!((again.order.id, again.order.number), (sold.order.id, sold.order.number));
        let report = store.verify_journal().unwrap();
        assert_eq!((report.fault, report.missing), (None, 0));
        // Enrolled, a shift, two orders placed and paid; the refused try has left nothing.
        assert_eq!(report.events, 6);
    }
}

#[test]
fn a_question_that_the_disk_refused_is_answered_the_next_time() {
    for failure in [Failure::Io, Failure::Short] {
        let (till, store, _) = open_till();
        forget_pages_of_reader(&store);
        fail_reads(&till, failure, Lasts::Once);
        store.article_by_gtin(gtin(2)).unwrap_err();
        assert_eq!(till.disk.heal(), 1);
        assert_eq!(store.article_by_gtin(gtin(2)).unwrap().unwrap().name, "Brot");
    }
}

/// While the disk refuses there is no other connection to be had either: the next call that fails tries again.
#[test]
fn a_disk_that_refuses_for_a_while_costs_one_more_tap_at_most() {
    for failure in [Failure::Io, Failure::Short] {
        let (till, store, order) = open_till();
        forget_pages_of_writer(&store);
        forget_pages_of_reader(&store);
        fail_reads(&till, failure, Lasts::UntilHealed);
        for _ in 0..3 {
            store.commit_order(order.clone()).unwrap_err();
            store.article_by_gtin(gtin(1)).unwrap_err();
        }
        assert!(till.disk.heal() >= 3);
        let is_sold = (1..=2).any(|_| store.commit_order(order.clone()).is_ok());
        assert!(is_sold, "{failure:?}: the writer stays spoilt on a sound disk");
        let is_found = (1..=2).any(|_| store.article_by_gtin(gtin(1)).is_ok());
        assert!(is_found, "{failure:?}: the reader stays spoilt on a sound disk");
        let report = store.verify_journal().unwrap();
        assert_eq!((report.fault, report.events), (None, 6));
    }
}
