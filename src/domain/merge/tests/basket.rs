//! Shared basket: no line is lost, adding wins, one checkout counts, what came late is in the follow-up.
#![allow(clippy::unwrap_used)]

use super::super::tests::{assert_converges, deliveries, event, joined, stamp};
use super::*;
use proptest::prelude::*;
use uuid::Uuid;

fn line(number: u8) -> LineId {
    LineId::from_uuid(Uuid::from_u128(number.into()))
}

fn change(number: u8, delta: i64) -> Change {
    let article = ArticleId::from_uuid(Uuid::from_u128(100 + u128::from(number)));
    Change { line: line(number), article, delta }
}

fn checkout(order: u8, token: Option<u64>, seen: BTreeSet<EventId>) -> Checkout {
    Checkout { order: OrderId::from_uuid(Uuid::from_u128(order.into())), token, seen }
}

fn quantities(basket: &SharedBasket) -> Vec<i64> {
    basket.lines().values().map(|shown| shown.quantity).collect()
}

/// One line, one case: the changes of a line, and what it shows.
#[test]
fn a_line_shows_the_sum_and_never_less_than_nothing() {
    for (deltas, shown) in [
        (&[2][..], vec![2]),
        (&[2, 3], vec![5]),
        (&[2, -1], vec![1]),
        (&[2, -2], vec![]),
        (&[1, -1, -1], vec![]),
        (&[1, -2, 2], vec![1]),
        (&[i64::MAX, 1], vec![i64::MAX]),
        (&[], vec![]),
    ] {
        let mut basket = SharedBasket::default();
        for (seq, delta) in deltas.iter().enumerate() {
            basket.change(event(1, seq as u64), change(1, *delta));
        }
        assert_eq!(quantities(&basket), shown, "{deltas:?}");
    }
}

#[test]
fn more_of_a_line_wins_over_taking_it_out_elsewhere() {
    let mut web = SharedBasket::default();
    web.change(event(1, 1), change(1, 2));
    web.change(event(1, 2), change(2, 1));
    let mut till = web.clone();
    web.take_out(&web.seen(line(1)));
    assert_eq!(quantities(&web), [1]);
    till.change(event(2, 1), change(1, 3));
    let both = joined(&web, &till);
    assert_eq!(both.lines()[&line(1)], Shown { article: change(1, 0).article, quantity: 3 });
    assert_eq!(both.seen(line(1)), BTreeSet::from([event(2, 1)]));
    assert_eq!(both.seen(line(9)), BTreeSet::new());
}

#[test]
fn the_latest_note_holds_and_a_coupon_taken_off_stays_off() {
    let mut basket = SharedBasket::default();
    assert_eq!(basket.note(), "");
    basket.write_note("ring twice", stamp(2, 1, 1));
    basket.write_note("older", stamp(1, 2, 1));
    assert_eq!(basket.note(), "ring twice");
    basket.add_coupon("A");
    basket.add_coupon("B");
    basket.remove_coupon("A");
    basket.add_coupon("A");
    assert_eq!(basket.coupons().collect::<Vec<_>>(), ["B"]);
}

#[test]
fn what_comes_behind_a_checkout_opens_a_follow_up() {
    let mut till = SharedBasket::default();
    till.change(event(1, 1), change(1, 2));
    let mut web = till.clone();
    till.check_out(event(1, 2), checkout(1, Some(1), till.open_changes()));
    assert_eq!(quantities(&till), Vec::<i64>::new());
    // The web had not heard of it: one more of the same, and a new line.
    web.change(event(2, 1), change(1, 1));
    web.change(event(2, 2), change(2, 5));
    web.take_out(&BTreeSet::from([event(1, 1)]));
    let both = joined(&till, &web);
    assert_eq!(quantities(&both), [1, 5]);
    assert_eq!(both.open_changes(), BTreeSet::from([event(2, 1), event(2, 2)]));
    assert_eq!(both.double_checkouts().count(), 0);
}

/// One line, one case: the tokens of checkouts 1, 2, 3; which of them counts. All others are flagged.
#[test]
fn one_checkout_counts() {
    for (tokens, valid) in [
        (&[None][..], 1),
        (&[None, None], 1),
        (&[None, Some(1)], 2),
        (&[Some(1), Some(2), None], 2),
        (&[Some(2), Some(1)], 1),
        (&[Some(2), Some(2)], 1),
    ] {
        let mut basket = SharedBasket::default();
        assert_eq!(basket.valid_checkout(), None);
        for (index, token) in tokens.iter().enumerate() {
            let number = index as u8 + 1;
            basket.check_out(event(number, 1), checkout(number, *token, BTreeSet::new()));
        }
        assert_eq!(basket.valid_checkout().unwrap().0, event(valid, 1), "{tokens:?}");
        let flagged: Vec<EventId> = basket.double_checkouts().map(|(id, _)| id).collect();
        assert_eq!(flagged.len(), tokens.len() - 1);
        assert!(!flagged.contains(&event(valid, 1)));
    }
}

#[derive(Clone, Debug)]
enum Op {
    Change(EventId, Change),
    TakeOut(BTreeSet<EventId>),
    Note(String, Stamp),
    Coupon(bool, String),
    CheckOut(EventId, Checkout),
}

fn apply(basket: &mut SharedBasket, op: &Op) {
    match op {
        Op::Change(id, change) => basket.change(*id, *change),
        Op::TakeOut(seen) => basket.take_out(seen),
        Op::Note(text, stamp) => basket.write_note(text, *stamp),
        Op::Coupon(true, code) => basket.add_coupon(code),
        Op::Coupon(false, code) => basket.remove_coupon(code),
        Op::CheckOut(id, checkout) => basket.check_out(*id, checkout.clone()),
    }
}

/// What a person does on one of three devices.
#[derive(Clone, Copy, Debug)]
enum Act {
    Change(u8, i64),
    TakeOut(u8),
    Note,
    Coupon(bool, u8),
    CheckOut(bool),
    HearFrom(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0u8..4, -3i64..6).prop_map(|(line, delta)| Act::Change(line, delta)),
        2 => (0u8..4).prop_map(Act::TakeOut),
        1 => Just(Act::Note),
        1 => (any::<bool>(), 0u8..2).prop_map(|(is_added, code)| Act::Coupon(is_added, code)),
        1 => any::<bool>().prop_map(Act::CheckOut),
        2 => (0usize..3).prop_map(Act::HearFrom),
    ]
}

/// Plays acts on three devices that hear of each other now and then; the facts that came of it.
fn play(acts: &[(usize, Act)]) -> Vec<Op> {
    let mut devices: [SharedBasket; 3] = Default::default();
    let mut ops = Vec::new();
    for (index, (device, act)) in acts.iter().enumerate() {
        let (basket, seq) = (&devices[*device], index as u64);
        let id = event(*device as u8, seq);
        let op = match *act {
            Act::Change(line, delta) => Op::Change(id, change(line, delta)),
            Act::TakeOut(number) => Op::TakeOut(basket.seen(line(number))),
            Act::Note => Op::Note(format!("note {index}"), stamp(5, *device as u8, seq)),
            Act::Coupon(is_added, code) => Op::Coupon(is_added, code.to_string()),
            Act::CheckOut(has_lease) => {
                let token = has_lease.then_some(seq);
                Op::CheckOut(id, checkout(index as u8, token, basket.open_changes()))
            }
            Act::HearFrom(other) => {
                let heard = devices[other].clone();
                devices[*device].join(&heard);
                continue;
            }
        };
        apply(&mut devices[*device], &op);
        ops.push(op);
    }
    ops
}

proptest! {
    #[test]
    fn baskets_converge_and_no_line_is_lost((history, deliveries) in deliveries(
        proptest::collection::vec((0usize..3, act()), 0..30).prop_map(|acts| play(&acts)),
    )) {
        let basket = assert_converges(&history, &deliveries, apply);
        let mut gone: BTreeSet<EventId> = BTreeSet::new();
        let mut checkouts = 0;
        for op in &history {
            match op {
                Op::TakeOut(seen) => gone.extend(seen),
                Op::CheckOut(_, checkout) => {
                    gone.extend(&checkout.seen);
                    checkouts += 1;
                }
                _ => {}
            }
        }
        // Every change is taken out, or ordered, or still counts on its line.
        let mut expected: BTreeMap<LineId, i64> = BTreeMap::new();
        for op in &history {
            if let Op::Change(id, change) = op && !gone.contains(id) {
                *expected.entry(change.line).or_default() += change.delta;
            }
        }
        expected.retain(|_, quantity| *quantity > 0);
        let shown: BTreeMap<LineId, i64> =
            basket.lines().into_iter().map(|(line, shown)| (line, shown.quantity)).collect();
        prop_assert_eq!(shown, expected);
        // At most one checkout is not flagged, and none is dropped.
        let valid = usize::from(basket.valid_checkout().is_some());
        prop_assert_eq!(valid + basket.double_checkouts().count(), checkouts);
        prop_assert_eq!(valid, checkouts.min(1));
    }
}
