//! Selling: orders, shifts, drafts, and what is projected from them.

use super::*;
use crate::{CommitError, StoreError};
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
    for (count, offset) in [0, 5_000, -86_400_000, 6_000].into_iter().enumerate() {
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
