//! Lives: enrolled again, renewed, closed; what waits of each, what stock and history make of it, and what a chain
//! over several lives must be.

use super::chain::tampering;
use super::*;
use crate::journal::verify;
use domain::event::RenewalReason;
use domain::id::ArticleId;
use sync::protocol::event::Envelope;
use sync::protocol::feed::StockRow;

const KEY: DeviceKey = DeviceKey([0x5e; 32]);

fn renew(store: &Store, reason: RenewalReason) {
    let current = store.terminal().unwrap().unwrap().life();
    assert!(store.renew(current, reason, &KEY, AT).unwrap());
}

#[test]
fn an_enrolment_takes_nothing_from_the_one_before() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let sold = shop.sell(&store, &[(1, 1)]).order;
    store.enrol(&identity(0), "again", AT).unwrap();
    assert_eq!(store.sync_status().unwrap().last_seq, 4, "the same enrolment is done");
    store.enrol(&identity(1), "crossroads", AT).unwrap();
    assert_eq!(store.feed_progress(Feed::Config).unwrap().cursor, None);
    let status = store.sync_status().unwrap();
    // The shift of the life before was closed in it.
    assert_eq!((status.last_seq, status.waiting, status.acknowledged), (1, 6, 0));
    assert_eq!(status.oldest_waiting_at, Some(AT));
    assert_eq!(store.current_shift().unwrap(), None);
    let next = shop.sell(&store, &[(1, 1)]).order;
    assert_eq!(next.number, "S012-T03-1-000001", "a life counts its receipts anew");
    assert!(!store.order(sold.id).unwrap().unwrap().is_acknowledged);
    acknowledge_life(&store, life(0));
    let old = store.order(sold.id).unwrap().unwrap();
    assert_eq!((old.order, old.seq, old.is_acknowledged), (sold, 3, true));
    assert!(!store.order(next.id).unwrap().unwrap().is_acknowledged);
    assert_eq!(store.sync_status().unwrap().waiting, 4);
    let report = store.verify_journal().unwrap();
    assert_eq!((report.fault, report.events), (None, 9));
    store.close();
    shop.open();
}

#[test]
fn a_shift_that_was_never_configured_does_not_stop_an_enrolment() {
    let mut shop = Shop::new();
    let store = shop.open();
    store.enrol(&identity(0), "test", AT).unwrap();
    store.open_shift(staff(1), AT).unwrap();
    store.enrol(&identity(1), "test", AT).unwrap();
    assert_eq!(store.current_shift().unwrap(), None);
    assert_eq!(store.verify_journal().unwrap().fault, None);
}

#[test]
fn a_renewal_does_not_disturb_the_till() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let shift = store.open_shift(staff(1), AT).unwrap();
    let first = shop.sell(&store, &[(1, 1)]).order;
    let basket = shop.basket(&[(2, 1)], Some(customer(1)));
    store.save_draft(&basket).unwrap();
    renew(&store, RenewalReason::Forked);
    assert_eq!(store.current_shift().unwrap(), Some(shift));
    assert_eq!(store.draft().unwrap().as_ref(), Some(&basket));
    // The person taps "pay" on what was on the screen before.
    let order = shop.new_order(basket, shift.id, AT);
    let committed = store.commit_order(order.clone()).unwrap();
    assert_eq!(committed.order.number, "S012-T03-1-000001");
    assert_eq!(store.commit_order(order).unwrap(), committed, "and again");
    assert_eq!(store.order_by_number(&first.number).unwrap().unwrap().order, first);
    store.close_shift(AT).unwrap();
    let last = waiting(&store).pop().unwrap();
    let envelope = Envelope::parse(&last.sealed().unwrap().bytes).unwrap();
    let domain::event::Event::ShiftClosed { order_count, .. } = envelope.event().unwrap() else {
        panic!("{}", envelope.kind)
    };
    assert_eq!(order_count, 2, "orders of both lives");
    let history = store.history(customer(1), 0, 9).unwrap();
    assert_eq!(history.iter().filter(|row| row.is_unsent).count(), 1);
    assert_eq!(store.verify_journal().unwrap().fault, None);
    store.close();
    let store = shop.open();
    assert_eq!(store.totals().unwrap().orders, 2);
}

/// One line, one case: what is done to a journal of two lives, and where it is found.
#[test]
fn tampering_with_lives_is_found() {
    let (mut shop, connection) = tampering(2);
    drop(connection);
    let store = shop.open();
    renew(&store, RenewalReason::Forked);
    shop.sell(&store, &[(1, 1)]);
    store.close();
    let connection = crate::connection::connect(
        &SystemFiles,
        &shop.path(),
        &shop.key(),
        crate::connection::Purpose::Write,
    )
    .unwrap();
    let report = verify(&connection).unwrap();
    assert_eq!((report.events, report.missing, report.fault), (9, 0, None));
    for (sql, epoch, seq) in [
        ("UPDATE life SET last_seq = 5 WHERE epoch = 0", 0, 5),
        ("UPDATE life SET last_hash = zeroblob(32) WHERE epoch = 0", 0, 6),
        ("UPDATE life SET base_position = 7 WHERE epoch = 1", 1, 0),
        ("UPDATE life SET former_epoch = 7 WHERE epoch = 1", 1, 1),
        ("UPDATE life SET reason = 'restored' WHERE epoch = 1", 1, 1),
        (
            "UPDATE life SET former_epoch = NULL, reason = NULL, standing = 'closed' WHERE epoch = 1",
            1,
            1,
        ),
        ("UPDATE life SET former_epoch = 5, reason = 'forked' WHERE epoch = 0", 0, 1),
        // The whole tail of the former life, with its head: the renewal says where it ended.
        (
            "DELETE FROM journal WHERE position BETWEEN 5 AND 6;
             UPDATE life SET last_seq = 4, last_hash = (SELECT hash FROM journal WHERE position = 4)
             WHERE epoch = 0;
             UPDATE journal SET position = position - 2 WHERE position > 6;
             UPDATE life SET base_position = 4 WHERE epoch = 1",
            1,
            1,
        ),
        ("DELETE FROM journal WHERE position = 7", 1, 1),
        ("DELETE FROM journal WHERE position = 9", 1, 3),
    ] {
        connection.execute_batch("BEGIN").unwrap();
        connection.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let fault = verify(&connection).unwrap().fault.unwrap_or_else(|| panic!("{sql}"));
        connection.execute_batch("ROLLBACK").unwrap();
        assert_eq!((fault.life, fault.seq), (Some(life(epoch)), seq), "{sql}");
    }
    // Holes that are noted are not damage; what is behind them is checked all the same.
    let lose = "BEGIN; DELETE FROM journal WHERE position IN (3, 4);
                INSERT INTO hole SELECT number, 3, 4 FROM life WHERE epoch = 0;";
    connection.execute_batch(lose).unwrap();
    let report = verify(&connection).unwrap();
    assert_eq!((report.events, report.missing, report.fault), (7, 2, None));
    connection.execute_batch("UPDATE journal SET bytes = bytes || ' ' WHERE position = 6").unwrap();
    assert_eq!(verify(&connection).unwrap().fault.unwrap().seq, 6);
    connection.execute_batch("ROLLBACK").unwrap();
    // A life of which only strays were found has no place in the journal, and no beginning.
    let empty = "BEGIN; INSERT INTO life (number, terminal, epoch, name, store, store_name, central, device_key, \
                 standing, former_epoch, reason, base_position, last_hash, last_at_ms, acked_hash) \
                 SELECT 0, terminal, 9, name, store, store_name, central, device_key, 'closed', 8, 'recovered', 0, \
                 zeroblob(32), 0, zeroblob(32) FROM life WHERE epoch = 0;";
    connection.execute_batch(empty).unwrap();
    assert_eq!(verify(&connection).unwrap().fault, None);
    connection.execute_batch("ROLLBACK").unwrap();
    check_tails(&connection);
    let mut seen = Vec::new();
    crate::journal::visit(&connection, 1, &mut |seq, _, _| {
        seen.push(seq);
        true
    })
    .unwrap();
    assert_eq!(seen, [2, 3], "the current life has its own numbers");
}

/// What a start looks at: the last events, the one that they follow, and the head.
fn check_tails(connection: &rusqlite::Connection) {
    let without = |seq: u64| format!("DELETE FROM journal WHERE position = {};", 6 + seq);
    let spoilt = |seq: u64| format!("UPDATE journal SET bytes = 'x' WHERE position = {};", 6 + seq);
    let hole = |seq: u64| {
        format!("INSERT INTO hole SELECT number, {seq}, {seq} FROM life WHERE epoch = 1;")
    };
    // What is done to the three events -> how many of the last are looked at, found, missing, at fault.
    for (sql, count, events, missing, fault) in [
        (String::new(), 1, 1, 0, None),
        (String::new(), 2, 2, 0, None),
        (String::new(), 50, 3, 0, None),
        (without(2), 1, 0, 0, Some(2)),
        (without(2) + &hole(2), 1, 1, 0, None),
        (without(2) + &hole(2), 2, 1, 1, None),
        (without(2) + &hole(2), 3, 2, 1, None),
        (without(1), 1, 1, 0, None),
        (without(1), 2, 0, 0, Some(1)),
        (without(1) + &hole(1), 3, 2, 1, None),
        (without(3), 1, 0, 0, Some(3)),
        // The head says how far it went, and the hole that nothing is there.
        (without(3) + &hole(3), 1, 0, 1, None),
        (without(2) + &without(3) + &hole(2) + &hole(3), 3, 1, 2, None),
        (spoilt(2), 3, 1, 0, Some(2)),
        // Noted as missing: what is left of it is not judged, but what follows is.
        (spoilt(2) + &hole(2), 3, 2, 1, None),
        (spoilt(2) + &hole(2) + &spoilt(3), 3, 1, 1, Some(3)),
        (spoilt(3) + &hole(3), 1, 0, 1, None),
    ] {
        connection.execute_batch(&format!("BEGIN; {sql}")).unwrap();
        let report = crate::journal::verify_tail(connection, count).unwrap();
        connection.execute_batch("ROLLBACK").unwrap();
        let found = (report.events, report.missing, report.fault.map(|fault| fault.seq));
        assert_eq!(found, (events, missing, fault), "{sql} {count}");
    }
}

#[test]
fn strays_beside_the_journal_go_with_those_of_their_number() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    shop.sell(&store, &[(1, 1)]);
    acknowledge_all(&store);
    let beside = |seq: u64, bytes: &'static str| {
        store
            .write("salvage", move |session| {
                let hash = sync::protocol::event::EventHash::of(bytes.as_bytes());
                session.connection.execute(
                    "INSERT INTO stray (hash, life, seq, bytes) VALUES (?1, 1, ?2, ?3)",
                    rusqlite::params![hash.0, seq, bytes],
                )?;
                Ok::<_, crate::StoreError>(())
            })
            .unwrap();
    };
    beside(2, "another second");
    beside(6, "another sixth");
    renew(&store, RenewalReason::Recovered);
    let seqs = |count| {
        let items = store.strays(life(0), count, usize::MAX).unwrap();
        items.iter().map(|item| item.place().seq).collect::<Vec<_>>()
    };
    assert_eq!(store.lives().unwrap()[0].strays, 2);
    assert_eq!(seqs(1), [2]);
    store.book_strays(life(0), 2).unwrap();
    store.close_life(life(0)).unwrap();
    assert_eq!(seqs(500), [6], "what was acknowledged is no stray");
    store.book_strays(life(0), 6).unwrap();
    assert_eq!(store.sync_status().unwrap().waiting, 1, "the renewal itself");
    store.rewind_strays().unwrap();
    assert_eq!(seqs(500), [2, 6]);
}

fn stock_page(on_hand: i64, included: Vec<Included>, next: &str) -> ChangesPage {
    let row = StockRow { article: article_row(1, "", 1).id, on_hand };
    let row = put("stock", serde_json::to_string(&row).unwrap());
    ChangesPage { included, ..page(vec![row], next) }
}

fn stock(store: &Store) -> i64 {
    store.stock(ArticleId::from_uuid(article_row(1, "", 1).id)).unwrap().unwrap()
}

fn turn(store: &Store, on_hand: i64, included: Vec<Included>, at: DeviceTime) {
    let cursor = store.feed_progress(Feed::Stock).unwrap().cursor.unwrap();
    let page = stock_page(on_hand, included, &format!("{cursor}+"));
    assert_eq!(store.apply_page(Feed::Stock, &cursor, &page, at).unwrap(), Applied::Committed);
}

fn told(lives: &[(u32, u64)]) -> Vec<Included> {
    lives.iter().map(|(epoch, seq)| Included { epoch: *epoch, seq: *seq }).collect()
}

#[test]
fn a_forked_tail_counts_until_a_week_after_central_has_it() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load(&store, Feed::Stock, "s", &[]);
    turn(&store, 100, told(&[(0, 1)]), AT);
    shop.sell(&store, &[(1, 3)]);
    acknowledge_all(&store);
    turn(&store, 97, told(&[(0, 4)]), AT);
    shop.sell(&store, &[(1, 5)]);
    // Another device has sold 20 pieces under the numbers of our second sale.
    turn(&store, 77, told(&[(0, 9)]), AT);
    renew(&store, RenewalReason::Forked);
    assert_eq!(stock(&store), 72, "our second sale is not in central's rows");
    shop.sell(&store, &[(1, 1)]);
    turn(&store, 77, told(&[(0, 9)]), AT);
    assert_eq!(stock(&store), 71);
    let last = store.strays(life(0), 500, usize::MAX).unwrap().pop().unwrap();
    store.book_strays(life(0), last.place().seq).unwrap();
    store.book_registered(life(1)).unwrap();
    acknowledge_all(&store);
    turn(&store, 76, told(&[(1, 9), (0, 9)]), AT);
    assert_eq!(stock(&store), 71, "in quarantine, and still gone from the shelf");
    let week = crate::stock::STRAY_COUNTED_MS;
    turn(&store, 76, told(&[(1, 9), (0, 9)]), DeviceTime(AT.0 + week));
    assert_eq!(stock(&store), 71);
    turn(&store, 71, told(&[(1, 9), (0, 9)]), DeviceTime(AT.0 + week + 1));
    assert_eq!(stock(&store), 71, "by now somebody has applied it");
    store.rewind_strays().unwrap();
    turn(&store, 76, told(&[(1, 9), (0, 9)]), DeviceTime(AT.0 + week + 2));
    assert_eq!(stock(&store), 71, "a central that has lost it does not know of it either");
}

/// The week of strays began by a clock that was fifty years ahead (found by the simulation): once it is right again,
/// the week is a week from then, not one in fifty years.
#[test]
fn a_clock_set_back_by_years_does_not_make_the_week_of_strays_last_for_years() {
    const YEARS_MS: i64 = 50 * 365 * 24 * 60 * 60 * 1_000;
    let week = crate::stock::STRAY_COUNTED_MS;
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load(&store, Feed::Stock, "s", &[]);
    turn(&store, 100, told(&[(0, 1)]), AT);
    acknowledge_all(&store);
    shop.sell(&store, &[(1, 5)]);
    renew(&store, RenewalReason::Forked);
    let last = store.strays(life(0), 500, usize::MAX).unwrap().pop().unwrap();
    store.book_strays(life(0), last.place().seq).unwrap();
    store.book_registered(life(1)).unwrap();
    acknowledge_all(&store);
    let rows = || told(&[(1, 9), (0, 1)]);
    let ahead = DeviceTime(AT.0 + YEARS_MS);
    for at in [ahead, DeviceTime(ahead.0 + week), AT, DeviceTime(AT.0 + week)] {
        turn(&store, 100, rows(), at);
        assert_eq!(stock(&store), 95, "in quarantine, and still gone from the shelf: {at:?}");
    }
    turn(&store, 95, rows(), DeviceTime(AT.0 + week + 1));
    assert_eq!(stock(&store), 95, "by now somebody has applied it");
    turn(&store, 100, rows(), DeviceTime(AT.0 + week + 2));
    assert_eq!(stock(&store), 100, "or has dismissed it");
}

#[test]
fn another_terminal_that_this_device_was_counts_until_acknowledged() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load(&store, Feed::Stock, "s", &[]);
    turn(&store, 100, told(&[(0, 1)]), AT);
    shop.sell(&store, &[(1, 3)]);
    let there = TerminalIdentity { id: id(0x7f, TerminalId::from_uuid), ..identity(4) };
    store.enrol(&there, "crossroads", AT).unwrap();
    load(&store, Feed::Stock, "t", &[]);
    turn(&store, 100, told(&[(4, 1)]), AT);
    assert_eq!(stock(&store), 97, "unsent, in the same store");
    acknowledge_life(&store, life(0));
    assert_eq!(stock(&store), 97);
    turn(&store, 97, told(&[(4, 1)]), AT);
    assert_eq!(stock(&store), 94, "too little for one page, never too much");
    turn(&store, 97, told(&[(4, 1)]), AT);
    assert_eq!(stock(&store), 97);
    // In another store nothing of it is on the shelves.
    shop.sell(&store, &[(1, 7)]);
    let elsewhere = TerminalIdentity {
        id: id(0x80, TerminalId::from_uuid),
        store: id(0x51, StoreId::from_uuid),
        ..identity(1)
    };
    store.enrol(&elsewhere, "crossroads", AT).unwrap();
    assert_eq!(stock(&store), 97);
}

#[test]
fn a_central_that_has_lost_a_life_does_not_include_it() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load(&store, Feed::Stock, "s", &[]);
    shop.sell(&store, &[(1, 3)]);
    acknowledge_all(&store);
    turn(&store, 97, told(&[(0, 4)]), AT);
    assert_eq!(stock(&store), 97);
    turn(&store, 100, told(&[]), AT);
    assert_eq!(stock(&store), 97);
    // Central tells of the newest eight only: of an older one it has what it had.
    let eight: Vec<(u32, u64)> = (1..9).map(|epoch| (epoch, 1)).collect();
    turn(&store, 97, told(&[(0, 4)]), AT);
    turn(&store, 97, told(&eight), AT);
    assert_eq!(stock(&store), 97);
}

#[test]
fn the_clock_goes_on_over_lives() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    store.note_clock(3_600_000).unwrap();
    store.open_shift(staff(1), AT).unwrap();
    renew(&store, RenewalReason::Forked);
    store.enrol(&identity(7), "crossroads", DeviceTime(AT.0 - 86_400_000)).unwrap();
    let mut last = domain::hlc::Hlc::ZERO;
    let mut stamps = Vec::new();
    for epoch in [0, 1, 7] {
        let mut items = store.outbox(life(epoch), 500, usize::MAX).unwrap();
        items.extend(store.strays(life(epoch), 500, usize::MAX).unwrap());
        for item in items {
            let envelope = Envelope::parse(&item.sealed().unwrap().bytes).unwrap();
            let hlc = envelope.hlc().unwrap();
            assert!(hlc > last, "{hlc:?} after {last:?}");
            last = hlc;
            stamps.push((envelope.at_ms, envelope.offset_ms, hlc.physical_ms()));
        }
    }
    assert_eq!(stamps[0], (AT.0, None, AT.0));
    assert_eq!(stamps[1], (AT.0, Some(3_600_000), AT.0 + 3_600_000));
    let back = stamps.last().unwrap();
    assert_eq!((back.0, back.2), (AT.0 - 86_400_000, AT.0 + 3_600_000), "the clock was set back");
}
