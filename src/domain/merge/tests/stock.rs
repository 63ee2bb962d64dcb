//! Stock: moves are conserved, counts rebase and erase no later sale, promises never exceed what is free.
#![allow(clippy::unwrap_used)]

use super::super::tests::{assert_converges, deliveries, event};
use super::*;
use proptest::prelude::*;

fn cut(position: u64, terminal: u8, own_seq: u64) -> Cut {
    Cut { position, terminal: event(terminal, 0).terminal, epoch: 0, own_seq }
}

fn moved(position: impl Into<Option<u64>>, delta: i64) -> Move {
    Move { position: position.into(), delta }
}

/// One line, one case: a move as (terminal, seq, position, delta); whether a count that had seen central's numbers up
/// to 10 and its own facts (terminal 1) up to 5 has seen it.
#[test]
fn a_cut_covers_what_was_known() {
    for (terminal, seq, position, is_seen) in [
        (2, 1, Some(10), true),
        (2, 1, Some(11), false),
        (2, 1, None, false),
        (1, 5, None, true),
        (1, 5, Some(99), true),
        (1, 6, None, false),
        (1, 6, Some(10), true),
        (2, 5, None, false),
    ] {
        let covered = cut(10, 1, 5).covers(&event(terminal, seq), &moved(position, -1));
        assert_eq!(covered, is_seen, "terminal {terminal}, seq {seq}, position {position:?}");
    }
    let next_life = EventId { epoch: 1, ..event(1, 5) };
    assert!(!cut(10, 1, 5).covers(&next_life, &moved(None, -1)));
}

#[test]
fn a_count_starts_anew_and_erases_no_later_sale() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.on_hand(), 0);
    ledger.book_move(event(9, 1), moved(1, 100));
    ledger.book_move(event(1, 1), moved(2, -1));
    assert_eq!(ledger.on_hand(), 99);
    // Terminal 1 counts 90, knowing all; terminal 2 sold three, offline, and tells later.
    ledger.book_count(event(1, 2), Count { position: Some(3), quantity: 90, cut: cut(2, 1, 1) });
    assert_eq!(ledger.on_hand(), 90);
    ledger.book_move(event(2, 1), moved(4, -3));
    assert_eq!(ledger.on_hand(), 87);
    // A late copy of the count, and of a sale in its cut, changes nothing.
    ledger.book_count(event(1, 2), Count { position: Some(3), quantity: 90, cut: cut(2, 1, 1) });
    ledger.book_move(event(1, 1), moved(2, -1));
    assert_eq!(ledger.on_hand(), 87);
}

#[test]
fn of_two_counts_the_later_by_central_holds_and_both_are_kept() {
    let mut ledger = Ledger::default();
    let count = |position, quantity| Count { position, quantity, cut: cut(0, 1, 0) };
    ledger.book_count(event(2, 1), count(Some(8), 80));
    ledger.book_count(event(1, 1), count(Some(9), 90));
    assert_eq!(ledger.latest_count(), Some(&count(Some(9), 90)));
    // One that central does not know yet is newer than all that it knows.
    ledger.book_count(event(1, 2), count(None, 7));
    assert_eq!(ledger.on_hand(), 7);
    ledger.book_count(event(1, 2), count(Some(3), 7));
    assert_eq!(ledger.on_hand(), 90);
    assert_eq!(ledger.counts.len(), 3);
}

#[test]
fn an_order_takes_the_sum_of_its_lines_by_article() {
    use crate::id::{LineId, OrderId, ShiftId, StaffId, StoreId};
    use crate::money::{Currency, Money};
    use crate::order::{Fulfilment, OrderLine};
    use crate::quantity::Quantity;
    use crate::time::DeviceTime;
    use uuid::Uuid;
    let id = Uuid::from_u128;
    let line = |number: u128, article: u128, amount: i64, fulfilment| OrderLine {
        id: LineId::from_uuid(id(number)),
        article: ArticleId::from_uuid(id(article)),
        gtin: None,
        name: String::new(),
        quantity: Quantity::pieces(amount),
        unit_price: Money::new(1, Currency::CHF),
        total: Money::new(1, Currency::CHF),
        tax_group: String::new(),
        price_version: 1,
        fulfilment,
    };
    let lines = vec![
        line(1, 7, 2, Fulfilment::Carry),
        line(2, 8, 5, Fulfilment::Pickup),
        line(3, 7, 1, Fulfilment::Deliver),
        line(4, 9, -4, Fulfilment::Carry),
        line(5, 10, i64::MAX, Fulfilment::Carry),
        line(6, 10, 9, Fulfilment::Carry),
    ];
    let order = Order {
        id: OrderId::from_uuid(id(1)),
        number: String::new(),
        store: StoreId::from_uuid(id(1)),
        shift: ShiftId::from_uuid(id(1)),
        staff: StaffId::from_uuid(id(1)),
        customer: None,
        placed_at: DeviceTime(0),
        lines,
        delivery: None,
        taxes: vec![],
        total: Money::new(1, Currency::CHF),
    };
    let taken = [(7, -3), (8, -5), (9, 4), (10, i64::MIN)];
    let taken = taken.map(|(article, delta)| (ArticleId::from_uuid(id(article)), delta));
    assert_eq!(taken_by(&order), BTreeMap::from(taken));
    assert_eq!((after_move(5, -7), after_move(i64::MIN, -1)), (-2, i64::MIN));
}

#[test]
fn promises_end_once_and_are_answered_the_same_twice() {
    let mut promises = Reservations::default();
    assert_eq!(promises.available(-5), 0);
    assert_eq!(promises.reserve(event(1, 1), 3, 5), Ok(3));
    assert_eq!(promises.reserve(event(1, 1), 3, 0), Ok(3));
    let refused = promises.reserve(event(1, 2), 3, 5);
    assert_eq!(refused, Err(NotAvailable { wanted: 3, available: 2 }));
    assert_eq!(promises.reserve(event(1, 2), 2, 5), Ok(2));
    // Goods in hand were sold: two promises cannot be kept.
    assert_eq!((promises.reserved(), promises.available(3), promises.shortfall(3)), (5, 0, 2));
    assert_eq!((promises.shortfall(5), promises.shortfall(-9)), (0, 5));
    promises.end(event(1, 1), event(1, 3));
    promises.end(event(1, 1), event(1, 3));
    assert_eq!((promises.reserved(), promises.available(5)), (2, 3));
}

#[derive(Clone, Debug)]
enum Op {
    Moved(EventId, Move),
    Counted(EventId, Count),
}

fn apply(ledger: &mut Ledger, op: &Op) {
    match op {
        Op::Moved(id, moved) => ledger.book_move(*id, *moved),
        Op::Counted(id, count) => ledger.book_count(*id, *count),
    }
}

/// Facts of three devices, numbered as central would; each also as its own device knows it, without number.
fn history() -> impl Strategy<Value = Vec<Op>> {
    let fact = (0u8..3, any::<bool>(), -50i64..50, 0u64..12, any::<bool>());
    proptest::collection::vec(fact, 0..14).prop_map(|facts| {
        let mut ops = Vec::new();
        for (index, (terminal, is_count, amount, seen, is_known_before)) in
            facts.into_iter().enumerate()
        {
            let (id, position) = (event(terminal, index as u64), Some(index as u64 + 1));
            let positions = if is_known_before { vec![None, position] } else { vec![position] };
            for position in positions {
                ops.push(if is_count {
                    let cut = cut(seen.min(index as u64), terminal, index as u64);
                    Op::Counted(id, Count { position, quantity: amount.abs(), cut })
                } else {
                    Op::Moved(id, Move { position, delta: amount })
                });
            }
        }
        ops
    })
}

proptest! {
    /// Conservation: whatever the order of arrival, what is on hand is the latest count and every move that it had
    /// not seen, each exactly once.
    #[test]
    fn moves_are_conserved((history, deliveries) in deliveries(history())) {
        let ledger = assert_converges(&history, &deliveries, apply);
        let numbered = |op: &&Op| match op {
            Op::Moved(_, moved) => moved.position.is_some(),
            Op::Counted(_, count) => count.position.is_some(),
        };
        let facts: Vec<&Op> = history.iter().filter(numbered).collect();
        let latest = facts.iter().rev().find_map(|op| match op {
            Op::Counted(_, count) => Some(count),
            Op::Moved(..) => None,
        });
        let moves = facts.iter().filter_map(|op| match op {
            Op::Moved(id, moved) if latest.is_none_or(|c| !c.cut.covers(id, moved)) => Some(moved.delta),
            _ => None,
        });
        prop_assert_eq!(ledger.on_hand(), latest.map_or(0, |c| c.quantity) + moves.sum::<i64>());
    }

    /// A sale that is made after the last count changes what is on hand by exactly itself.
    #[test]
    fn no_count_erases_a_later_sale(history in history(), units in 1i64..50) {
        let mut ledger = Ledger::default();
        history.iter().for_each(|op| apply(&mut ledger, op));
        let before = ledger.on_hand();
        for position in [None, Some(1000)] {
            ledger.book_move(event(1, 1000), moved(position, -units));
            prop_assert_eq!(ledger.on_hand(), before - units);
        }
    }

    /// At the moment of each promise all promises are covered.
    #[test]
    fn reserved_is_never_more_than_available(
        ops in proptest::collection::vec((0u64..9, 0u64..9, any::<bool>()), 0..30), on_hand in -3i64..20,
    ) {
        let mut promises = Reservations::default();
        for (id, units, is_end) in ops {
            if is_end {
                promises.end(event(1, id), event(2, id));
            } else {
                let free = promises.available(on_hand);
                let is_known = promises.held.contains(&event(1, id));
                prop_assert_eq!(promises.reserve(event(1, id), units, on_hand).is_ok(), is_known || units <= free);
            }
            prop_assert!(promises.reserved() <= u64::try_from(on_hand).unwrap_or(0));
            prop_assert_eq!(promises.shortfall(on_hand), 0);
        }
    }
}
