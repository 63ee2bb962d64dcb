//! Consent: a withdrawal wins over every consent that had not seen it; nothing comes back after erasure.
#![allow(clippy::unwrap_used)]

use super::super::tests::{assert_converges, assert_laws, deliveries, event, joined, stamp};
use super::*;
use proptest::prelude::*;
use uuid::Uuid;

fn customer(number: u8) -> CustomerId {
    CustomerId::from_uuid(Uuid::from_u128(number.into()))
}

#[test]
fn a_withdrawal_wins_over_a_consent_that_had_not_seen_it() {
    let mut till = Consents::default();
    till.give(event(1, 1), "email", "form 7", till.seen("email")).unwrap();
    assert_eq!((till.evidence("email"), till.evidence("sms")), (Some("form 7"), None));
    let (mut web, mut other) = (till.clone(), till.clone());
    web.withdraw(event(2, 1), "email");
    other.give(event(3, 1), "email", "form 8", other.seen("email")).unwrap();
    let both = joined(&web, &other);
    assert_eq!(both.evidence("email"), None);
    // Whoever has seen the withdrawal may consent anew; another purpose was never touched.
    let mut anew = both.clone();
    assert_eq!(anew.seen("email"), BTreeSet::from([event(2, 1)]));
    anew.give(event(1, 2), "email", "form 9", anew.seen("email")).unwrap();
    anew.withdraw(event(1, 3), "sms");
    assert_eq!(joined(&both, &anew).evidence("email"), Some("form 9"));
}

#[test]
fn without_evidence_there_is_no_consent() {
    let mut consents = Consents::default();
    for nothing in ["", "  \n"] {
        let given = consents.give(event(1, 1), "email", nothing, BTreeSet::new());
        assert_eq!(given, Err(NoEvidence));
    }
    assert_eq!(consents, Consents::default());
}

fn named(name: &str) -> Record {
    let mut record = Record::default();
    let (profile, consents) = record.known_mut().unwrap();
    profile.write("name", name, stamp(1, 1, 1));
    consents.give(event(1, 2), "email", "form 7", BTreeSet::new()).unwrap();
    record
}

#[test]
fn an_old_copy_does_not_resurrect_the_erased() {
    let old = named("Ada");
    let mut erased = old.clone();
    erased.erase(event(2, 1));
    assert!(erased.is_erased() && !old.is_erased() && erased.known_mut().is_none());
    let mut again = joined(&erased, &old);
    assert_eq!(again, joined(&old, &erased));
    assert_eq!(again, Record::Erased(BTreeSet::from([event(2, 1)])));
    again.erase(event(3, 1));
    assert_eq!(again, Record::Erased(BTreeSet::from([event(2, 1), event(3, 1)])));
    assert!(!format!("{again:?}").contains("Ada"));
}

#[test]
fn a_person_is_read_as_one_and_erased_as_one() {
    let [a, b, c] = [1, 2, 3].map(customer);
    let mut people = People::default();
    *people.record_mut(a) = named("Ada");
    people.record_mut(b).known_mut().unwrap().0.write("language", "de", stamp(2, 2, 1));
    people.aliases.unite(event(1, 3), a, b);
    for record in [a, b] {
        let mut person = people.read(record).unwrap();
        let (profile, consents) = person.known_mut().unwrap();
        assert_eq!((profile.field("name"), profile.field("language")), (Some("Ada"), Some("de")));
        assert_eq!(consents.evidence("email"), Some("form 7"));
    }
    assert_eq!(people.read(c), None);
    let before = people.clone();
    people.record_mut(b).erase(event(2, 2));
    let people = joined(&before, &people);
    assert_eq!((people.read(a), people.read(b)), (None, None));
}

#[derive(Clone, Debug)]
enum Op {
    Give(u8, EventId, BTreeSet<EventId>),
    Withdraw(u8, EventId),
    Name(u8, u8, u64),
    Erase(u8, EventId),
    Unite(u8, u8, EventId),
}

fn apply(people: &mut People, op: &Op) {
    let who = match op {
        Op::Give(who, ..) | Op::Withdraw(who, ..) | Op::Name(who, ..) => *who,
        Op::Erase(who, id) => return people.record_mut(customer(*who)).erase(*id),
        Op::Unite(one, other, id) => {
            return people.aliases.unite(*id, customer(*one), customer(*other));
        }
    };
    let Some((profile, consents)) = people.record_mut(customer(who)).known_mut() else { return };
    match op {
        Op::Give(_, id, seen) => consents.give(*id, "email", "form", seen.clone()).unwrap(),
        Op::Withdraw(_, id) => consents.withdraw(*id, "email"),
        Op::Name(_, name, seq) => profile.write("name", &name.to_string(), stamp(5, 1, *seq)),
        Op::Erase(..) | Op::Unite(..) => {}
    }
}

/// Facts of any device about few people, so that all of them meet.
fn op() -> impl Strategy<Value = Op> {
    let id = |kind: u64| {
        (0u8..3, 0u64..5).prop_map(move |(terminal, seq)| event(terminal, seq * 8 + kind))
    };
    prop_oneof![
        3 => (0u8..4, id(0)).prop_map(|(_, id)| {
            // What was seen follows from the identity: a fact is never given twice with other contents.
            let withdrawals = (0u8..3).flat_map(|t| (0u64..5).map(move |seq| event(t, seq * 8 + 1)));
            let seen = withdrawals.enumerate().filter(|(n, _)| !(id.seq * 7 + *n as u64).is_multiple_of(3));
            Op::Give((id.seq / 8 % 4) as u8, id, seen.map(|(_, id)| id).collect())
        }),
        2 => id(1).prop_map(|id| Op::Withdraw((id.seq / 8 % 4) as u8, id)),
        2 => (0u8..4, 0u8..9, 0u64..9).prop_map(|(who, name, seq)| Op::Name(who, name, seq)),
        1 => (0u8..4, id(3)).prop_map(|(who, id)| Op::Erase(who, id)),
        1 => id(4).prop_map(|id| Op::Unite((id.seq / 8 % 4) as u8, (id.seq / 8 % 3 + 1) as u8, id)),
    ]
}

proptest! {
    #[test]
    fn people_converge_and_nobody_is_resurrected(
        (history, deliveries) in deliveries(proptest::collection::vec(op(), 0..24)),
    ) {
        let people = assert_converges(&history, &deliveries, apply);
        for who in 0u8..4 {
            let same = people.aliases.same_person(customer(who));
            let is_erased = history.iter().any(|op| {
                matches!(op, Op::Erase(erased, _) if same.contains(&customer(*erased)))
            });
            let person = people.read(customer(who));
            prop_assert!(!(is_erased && person.is_some()));
            let Some(mut person) = person else { continue };
            let (_, consents) = person.known_mut().unwrap();
            // Allowed exactly if some consent has seen all withdrawals.
            let of_person = |who: u8| same.contains(&customer(who));
            let gone: BTreeSet<EventId> = history.iter().filter_map(|op| match op {
                Op::Withdraw(of, id) if of_person(*of) => Some(*id),
                _ => None,
            }).collect();
            let is_allowed = history.iter().any(|op| {
                matches!(op, Op::Give(of, _, seen) if of_person(*of) && gone.is_subset(seen))
            });
            prop_assert_eq!(consents.evidence("email").is_some(), is_allowed);
        }
    }

    #[test]
    fn erasure_is_the_top(name in 0u8..9, erasers in proptest::collection::btree_set(0u64..9, 1..3)) {
        let living = named(&name.to_string());
        let mut erased = Record::default();
        erasers.iter().for_each(|seq| erased.erase(event(1, *seq)));
        assert_laws(&living, &erased, &named("other"));
        prop_assert_eq!(joined(&living, &erased), erased);
    }
}
