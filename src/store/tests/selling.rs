//! Selling: orders, shifts, drafts, and what is projected from them.

use super::*;
use crate::{CLOCK_BACK_MS_MAX, CommitError, StoreError};
use domain::event::Event;
use domain::id::{BasketId, OrderId};
use domain::staff::PinAttempts;
use sync::protocol::event::Envelope;

#[test]
fn a_sale_is_on_disk_with_everything_that_belongs_to_it() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load_articles(&store, &[(1, "Milch"), (2, "Brot")]);
    let shift = store.open_shift(staff(1), AT).unwrap();
    let basket = shop.basket(&[(1, 2), (2, 1)], Some(customer(1)));
    store.save_draft(&basket).unwrap();
    assert_eq!(store.draft().unwrap().as_ref(), Some(&basket));
    let order = shop.new_order(basket.clone(), shift.id, AT);
    let committed = store.commit_order(order.clone()).unwrap();
    assert_eq!(committed.order.number, "S012-T03-0-000001");
    assert_eq!(committed.order.total, order.priced.total);
    assert_eq!(store.draft().unwrap(), None, "what was sold is no longer in work");
    store.close();

    let store = shop.open();
    let stored = store.order(committed.order.id).unwrap().unwrap();
    assert_eq!(stored.order, committed.order);
    assert_eq!(stored.payment, order.payment);
    assert_eq!((stored.seq, committed.last_seq, stored.is_acknowledged), (3, 4, false));
    assert_eq!(store.last_order().unwrap().unwrap(), stored);
    assert_eq!(store.order_of_basket(basket.id).unwrap().unwrap(), stored);
    assert_eq!(store.order(id(1, OrderId::from_uuid)).unwrap(), None);
    let totals = store.totals().unwrap();
    assert_eq!((totals.orders, totals.paid_orders), (1, 1));
    assert_eq!(totals.total_by_currency, [committed.order.total]);
    assert_eq!(totals.tendered_by_currency, [committed.order.total]);
    acknowledge_all(&store);
    assert!(store.order(committed.order.id).unwrap().unwrap().is_acknowledged);
    assert_eq!(store.check_database().unwrap(), Vec::<String>::new());
}

#[test]
fn the_same_basket_is_never_sold_twice() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let shift = store.open_shift(staff(1), AT).unwrap();
    let basket = shop.basket(&[(1, 1)], None);
    let order = shop.new_order(basket.clone(), shift.id, AT);
    let first = store.commit_order(order.clone()).unwrap();
    shop.sell(&store, &[(2, 1)]);
    store.save_draft(&basket).unwrap();
    let again = store.commit_order(order).unwrap();
    assert_eq!(again, first);
    assert_eq!(store.draft().unwrap(), None);
    assert_eq!(store.totals().unwrap().orders, 2);
}

#[test]
fn numbers_have_no_holes_and_time_does_not_go_back() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let shift = store.open_shift(staff(1), AT).unwrap();
    let mut last = AT;
    for (count, offset) in [0, 5_000, -60_000, 6_000].into_iter().enumerate() {
        let basket = shop.basket(&[(1, 1)], None);
        let at = DeviceTime(AT.0 + offset);
        let order = store.commit_order(shop.new_order(basket, shift.id, at)).unwrap().order;
        assert_eq!(order.number, format!("S012-T03-0-{:06}", count + 1));
        assert!(order.placed_at >= last);
        last = order.placed_at;
    }
    // A failed order takes no number.
    let empty = shop.basket(&[], None);
    let order = shop.new_order(empty, shift.id, AT);
    assert!(matches!(store.commit_order(order), Err(CommitError::Empty)));
    assert_eq!(shop.sell(&store, &[(1, 1)]).order.number, "S012-T03-0-000005");
    let status = store.sync_status().unwrap();
    assert_eq!((status.waiting, status.last_seq), (12, 12));
    assert_eq!(status.oldest_waiting_at, Some(AT));
}

/// A clock that once stood in another year does not stamp what comes after.
#[test]
fn a_clock_that_was_set_back_far_is_believed() {
    const YEARS_MS: i64 = 73 * 365 * 86_400_000;
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let far = DeviceTime(AT.0 + YEARS_MS);
    let shift = store.open_shift(staff(1), far).unwrap();
    assert_eq!(shift.opened_at, far);
    let mut sell = |at: i64| {
        let basket = shop.basket(&[(1, 1)], None);
        let order = shop.new_order(basket, shift.id, DeviceTime(at));
        store.commit_order(order).unwrap().order.placed_at.0
    };
    let back = CLOCK_BACK_MS_MAX;
    assert_eq!(sell(far.0 - back), far.0, "a small correction does not show");
    assert_eq!(sell(far.0 - back - 1), far.0 - back - 1, "a large one does");
    assert_eq!(sell(AT.0), AT.0);
    assert_eq!(sell(AT.0 - 1), AT.0, "and from there time does not go back again");
    store.close_shift(AT).unwrap();
    acknowledge_all(&store);
    // Nor does a new enrolment carry a wrong year over.
    let soon = store.open_shift(staff(1), far).unwrap();
    assert_eq!(soon.opened_at, far);
    store.close_shift(far).unwrap();
    acknowledge_all(&store);
    store.enrol(&identity(1), "crossroads", AT).unwrap();
    assert_eq!(store.open_shift(staff(1), AT).unwrap().opened_at, AT);
    assert_eq!(store.sync_status().unwrap().oldest_waiting_at, Some(AT));
    assert_eq!(store.verify_journal().unwrap().fault, None, "the order of events is their number");
}

#[test]
fn an_order_is_found_by_the_number_on_its_receipt() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let sold: Vec<_> = (1..=3).map(|n| shop.sell(&store, &[(n, 1)]).order).collect();
    for order in &sold {
        let stored = store.order_by_number(&order.number).unwrap().unwrap();
        assert_eq!(&stored.order, order);
        assert!(stored.payment.is_some());
    }
    for stranger in ["", "S012-T03-0-000004", "s012-t03-0-000001", "S012-T03-0-00000%"] {
        assert_eq!(store.order_by_number(stranger).unwrap(), None, "{stranger}");
    }
    let plan: String = store
        .read(|db| {
            let sql = "EXPLAIN QUERY PLAN SELECT position, paid_position FROM own_order \
                       WHERE number = 'x' ORDER BY position DESC LIMIT 1";
            Ok(db.query_row(sql, [], |row| row.get("detail"))?)
        })
        .unwrap();
    assert!(plan.contains("own_order_by_number"), "{plan}");
}

#[test]
fn amounts_that_do_not_agree_get_no_receipt() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let shift = store.open_shift(staff(1), AT).unwrap();
    type Spoil = fn(&mut NewOrder);
    let chf = |minor| Money::new(minor, Currency::CHF);
    assert_eq!(chf(1), Money::new(1, Currency::CHF));
    let spoilers: [Spoil; 6] = [
        |order| order.priced.line_totals.clear(),
        |order| order.priced.line_totals[0] = Money::new(1, Currency::CHF),
        |order| order.payment.as_mut().unwrap().due = Money::new(1, Currency::CHF),
        |order| order.payment.as_mut().unwrap().tenders.clear(),
        |order| order.payment.as_mut().unwrap().rounding = Money::new(1, Currency::CHF),
        |order| order.payment.as_mut().unwrap().tenders[0].given = Money::new(101, Currency::EUR),
    ];
    for spoil in spoilers {
        let basket = shop.basket(&[(1, 1)], None);
        let mut order = shop.new_order(basket, shift.id, AT);
        spoil(&mut order);
        assert!(matches!(store.commit_order(order), Err(CommitError::Amounts(_))));
    }
    let basket = shop.basket(&[(1, 1)], None);
    let stranger = id(77, ShiftId::from_uuid);
    let order = shop.new_order(basket, stranger, AT);
    assert!(matches!(store.commit_order(order), Err(CommitError::NoShift)));
    assert_eq!(store.totals().unwrap().orders, 0);
    assert_eq!(store.sync_status().unwrap().last_seq, 2);
}

#[test]
fn an_order_due_on_delivery_has_no_payment() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let shift = store.open_shift(staff(1), AT).unwrap();
    let basket = shop.basket(&[(1, 1)], Some(customer(1)));
    let mut order = shop.new_order(basket, shift.id, AT);
    order.payment = None;
    let committed = store.commit_order(order).unwrap();
    let stored = store.order(committed.order.id).unwrap().unwrap();
    assert_eq!(stored.payment, None);
    assert_eq!(committed.last_seq, stored.seq);
    assert_eq!(store.totals().unwrap().paid_orders, 0);
}

#[test]
fn before_enrolment_and_configuration_nothing_is_sold() {
    let mut shop = Shop::new();
    let store = shop.open();
    assert!(matches!(store.open_shift(staff(1), AT), Err(StoreError::NotEnrolled)));
    assert_eq!(store.terminal().unwrap(), None);
    assert_eq!(store.store_config().unwrap(), None);
    store.enrol(&identity(0), "test", AT).unwrap();
    assert_eq!(store.terminal().unwrap(), Some(identity(0)));
    let shift = store.open_shift(staff(1), AT).unwrap();
    let basket = shop.basket(&[(1, 1)], None);
    let order = shop.new_order(basket, shift.id, AT);
    let refused = store.commit_order(order);
    assert!(matches!(refused, Err(CommitError::Store(StoreError::NotConfigured))));
}

fn events_of(store: &Store) -> Vec<Event> {
    let mut events = Vec::new();
    store
        .read_journal(0, &mut |_, bytes, _| {
            events.push(Envelope::parse(bytes).unwrap().event().unwrap());
            true
        })
        .unwrap();
    events
}

#[test]
fn shifts_close_with_their_counts() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let first = store.open_shift(staff(1), AT).unwrap();
    assert_eq!(store.open_shift(staff(1), AT).unwrap(), first, "the same person goes on");
    let a = shop.sell(&store, &[(1, 1)]).order.total;
    let b = shop.sell(&store, &[(2, 2)]).order.total;
    let second = store.open_shift(staff(2), AT).unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!(store.current_shift().unwrap(), Some(second));
    store.close_shift(AT).unwrap();
    store.close_shift(AT).unwrap();
    assert_eq!(store.current_shift().unwrap(), None);
    let closed: Vec<Event> = events_of(&store)
        .into_iter()
        .filter(|event| matches!(event, Event::ShiftClosed { .. }))
        .collect();
    let cash = a.checked_add(b).unwrap();
    let zero = Money::zero(Currency::CHF);
    assert_eq!(
        closed,
        [
            Event::ShiftClosed { shift: first.id, order_count: 2, cash },
            Event::ShiftClosed { shift: second.id, order_count: 0, cash: zero },
        ]
    );
}

#[test]
fn baskets_are_put_aside_and_taken_back() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let (a, b) = (shop.basket(&[(1, 1)], None), shop.basket(&[(2, 1)], Some(customer(1))));
    store.save_draft(&a).unwrap();
    store.park(&a, AT).unwrap();
    assert_eq!(store.draft().unwrap(), None);
    store.save_draft(&b).unwrap();
    assert!(matches!(store.resume(a.id), Err(StoreError::DraftInTheWay)));
    assert_eq!(store.parked().unwrap().len(), 1);
    store.park(&b, DeviceTime(AT.0 + 1)).unwrap();
    let parked: Vec<BasketId> = store.parked().unwrap().iter().map(|row| row.basket.id).collect();
    assert_eq!(parked, [a.id, b.id]);
    assert_eq!(store.resume(b.id).unwrap(), Some(b.clone()));
    assert_eq!(store.draft().unwrap(), Some(b.clone()));
    assert_eq!(store.resume(b.id).unwrap(), None);
    store.clear_draft().unwrap();
    assert_eq!(store.draft().unwrap(), None);
    let empty = shop.basket(&[], None);
    store.save_draft(&empty).unwrap();
    assert_eq!(store.resume(a.id).unwrap(), Some(a), "an empty basket is not in the way");
}

fn spoil(store: &Store, sql: &'static str) {
    store
        .write("spoil", move |session| Ok::<_, StoreError>(session.connection.execute_batch(sql)?))
        .unwrap();
}

/// Bodies in `unreadable_basket`, as hexadecimal digits.
fn moved_aside(store: &Store) -> Vec<String> {
    store
        .read(|db| {
            let sql = "SELECT hex(CAST(body AS BLOB)) FROM unreadable_basket ORDER BY number";
            let mut statement = db.prepare(sql)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .unwrap()
}

#[test]
fn baskets_that_cannot_be_read_are_moved_aside_and_stop_nothing() {
    let bodies = [
        "'no json'",
        "'{}'",
        "CAST(x'ff00fe' AS TEXT)",
        "replace(body, 'CHF', 'francs')",
        "replace(body, 'carry', 'teleport')",
    ];
    for body in bodies {
        let mut shop = Shop::new();
        let store = shop.open_for_business();
        let (a, b, c) =
            (shop.basket(&[(1, 1)], None), shop.basket(&[(2, 1)], None), shop.basket(&[], None));
        store.park(&a, AT).unwrap();
        store.park(&b, AT).unwrap();
        store.save_draft(&c).unwrap();
        store.save_draft(&shop.basket(&[(3, 1)], None)).unwrap();
        let one = format!(
            "UPDATE parked SET body = {body} WHERE basket = (SELECT min(basket) FROM parked);"
        );
        let sql = format!("UPDATE draft SET body = {body}; {one}");
        spoil(&store, String::leak(sql));
        store.close();
        let store = shop.open();
        assert_eq!(store.draft().unwrap(), None, "{body}");
        let parked: Vec<BasketId> =
            store.parked().unwrap().iter().map(|row| row.basket.id).collect();
        assert_eq!(parked, [b.id], "the sound one is still there: {body}");
        let kept = moved_aside(&store);
        assert_eq!(kept.len(), 2, "{body}");
        if body.contains("ff00fe") {
            assert_eq!(kept, ["FF00FE", "FF00FE"], "bytes as they were");
        }
        // A second look finds nothing more to do, and the terminal works.
        assert_eq!((store.draft().unwrap(), store.parked().unwrap().len()), (None, 1));
        assert_eq!(moved_aside(&store), kept);
        assert_eq!(store.resume(a.id).unwrap(), None);
        assert_eq!(store.resume(b.id).unwrap(), Some(b.clone()));
        assert_eq!(store.draft().unwrap(), Some(b));
    }
}

#[test]
fn an_unreadable_basket_is_not_in_the_way_of_another() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let (a, b) = (shop.basket(&[(1, 1)], None), shop.basket(&[(2, 1)], None));
    store.park(&a, AT).unwrap();
    store.save_draft(&b).unwrap();
    spoil(&store, "UPDATE draft SET body = 'no json'");
    assert_eq!(store.resume(a.id).unwrap(), Some(a.clone()));
    assert_eq!(store.draft().unwrap(), Some(a.clone()));
    store.park(&a, AT).unwrap();
    spoil(&store, "UPDATE parked SET body = 'no json either'");
    assert_eq!(store.resume(a.id).unwrap(), None, "it cannot be taken back");
    assert_eq!(store.parked().unwrap(), []);
    assert_eq!(moved_aside(&store).len(), 2);
}

#[test]
fn people_and_settings_are_remembered() {
    let mut shop = Shop::new();
    let store = shop.open();
    store.enrol(&identity(0), "test", AT).unwrap();
    let rows = [("store", store_row()), ("staff", staff_row(1)), ("staff", staff_row(2))];
    load(&store, Feed::Config, "c1", &rows);
    let order = |store: &Store| -> Vec<StaffId> {
        store.staff().unwrap().iter().map(|person| person.id).collect()
    };
    assert_eq!(order(&store), [staff(1), staff(2)]);
    store.open_shift(staff(2), AT).unwrap();
    assert_eq!(order(&store), [staff(2), staff(1)]);
    let tried = PinAttempts { failures: 3, locked_until_ms: 99 };
    assert_eq!(store.pin_attempts(staff(1)).unwrap(), PinAttempts::default());
    store.set_pin_attempts(staff(1), tried).unwrap();
    store.set_setting("language", "fr").unwrap();
    store.set_setting("language", "de").unwrap();
    store.close();
    let store = shop.open();
    assert_eq!(store.pin_attempts(staff(1)).unwrap(), tried);
    assert_eq!(store.setting("language").unwrap().as_deref(), Some("de"));
    assert_eq!(store.setting("theme").unwrap(), None);
    assert_eq!(store.store_config().unwrap().unwrap().code, "S012");
}
