//! Order state: the order of arrival does not matter, contradictions are shown until a person decides.
#![allow(clippy::unwrap_used)]

use super::super::tests::{assert_converges, deliveries, event, joined, stamp};
use super::*;
use proptest::prelude::*;
use uuid::Uuid;

fn line(number: u8) -> LineId {
    LineId::from_uuid(Uuid::from_u128(number.into()))
}

fn placed() -> Report {
    Report::Placed(BTreeSet::from([line(1), line(2)]))
}

/// One line, one case: reports of an order with lines 1 and 2, in the order of arrival; its stage; whether paid.
#[test]
fn the_stage_is_what_was_reported() {
    use Report::{Cancelled, Fulfilled, Paid};
    for (reports, stage, is_paid) in [
        (vec![], Stage::Unknown, false),
        (vec![Paid], Stage::Unknown, true),
        (vec![Fulfilled(line(1))], Stage::Unknown, false),
        (vec![placed()], Stage::Placed, false),
        (vec![Paid, placed()], Stage::Placed, true),
        (vec![Fulfilled(line(1)), placed()], Stage::PartlyFulfilled, false),
        (vec![placed(), Fulfilled(line(9))], Stage::PartlyFulfilled, false),
        (vec![placed(), Fulfilled(line(2)), Fulfilled(line(1))], Stage::Fulfilled, false),
        (vec![placed(), Cancelled], Stage::Cancelled, false),
        (vec![Cancelled], Stage::Cancelled, false),
        (vec![placed(), Cancelled, Fulfilled(line(1))], Stage::Conflict, false),
        (vec![Fulfilled(line(1)), Paid, Cancelled, placed()], Stage::Conflict, true),
    ] {
        let mut order = OrderState::default();
        for (seq, report) in reports.iter().enumerate() {
            order.report(event(1, seq as u64), report.clone());
        }
        assert_eq!((order.stage(), order.is_paid()), (stage, is_paid), "{reports:?}");
    }
}

#[test]
fn a_person_decides_and_a_later_report_reopens_the_question() {
    let mut order = OrderState::default();
    order.report(event(1, 1), placed());
    order.report(event(1, 2), Report::Cancelled);
    order.report(event(2, 1), Report::Fulfilled(line(1)));
    let about = order.disputed();
    assert_eq!(about, BTreeSet::from([event(1, 2), event(2, 1)]));
    let decided =
        |ms, verdict| Report::Decided { stamp: stamp(ms, 3, 1), about: about.clone(), verdict };
    let (mut one, mut other) = (order.clone(), order.clone());
    one.report(event(3, 1), decided(5, Verdict::Fulfilled));
    assert_eq!(one.stage(), Stage::PartlyFulfilled);
    other.report(event(4, 1), decided(6, Verdict::Cancelled));
    assert_eq!(other.stage(), Stage::Cancelled);
    let mut both = joined(&one, &other);
    assert_eq!(both.stage(), Stage::Cancelled);
    both.report(event(2, 2), Report::Fulfilled(line(2)));
    assert_eq!(both.stage(), Stage::Conflict);
    assert_eq!(both.fulfilled(), BTreeSet::from([line(1), line(2)]));
}

fn report() -> impl Strategy<Value = Report> {
    prop_oneof![
        Just(placed()),
        Just(Report::Paid),
        (1u8..3).prop_map(|number| Report::Fulfilled(line(number))),
        Just(Report::Cancelled),
        (0i64..5, 0u8..20, any::<bool>()).prop_map(|(ms, count, goes_out)| Report::Decided {
            stamp: stamp(ms, 9, count.into()),
            about: (0..count).map(|seq| event(1, seq.into())).collect(),
            verdict: if goes_out { Verdict::Fulfilled } else { Verdict::Cancelled },
        }),
    ]
}

proptest! {
    #[test]
    fn states_converge_and_no_contradiction_is_hidden((history, deliveries) in deliveries(
        proptest::collection::vec(report(), 0..12).prop_map(|reports| {
            let numbered = reports.into_iter().enumerate();
            numbered.map(|(seq, report)| (event(1, seq as u64), report)).collect::<Vec<_>>()
        }),
    )) {
        let order = assert_converges(&history, &deliveries, |order: &mut OrderState, (id, report)| {
            order.report(*id, report.clone());
        });
        let is_cancelled = history.iter().any(|(_, report)| *report == Report::Cancelled);
        let is_handed_over = !order.fulfilled().is_empty();
        let is_decided = history.iter().any(|(_, report)| {
            matches!(report, Report::Decided { about, .. } if about.is_superset(&order.disputed()))
        });
        let is_conflict = is_cancelled && is_handed_over && !is_decided;
        prop_assert_eq!(order.stage() == Stage::Conflict, is_conflict);
        prop_assert_eq!(order.is_paid(), history.iter().any(|(_, report)| *report == Report::Paid));
        prop_assert!(is_cancelled || !matches!(order.stage(), Stage::Cancelled));
    }
}
