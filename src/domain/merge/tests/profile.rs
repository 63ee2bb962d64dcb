//! Profile: the later write wins, a clock in 2099 does not, joined records can be parted.
#![allow(clippy::unwrap_used)]

use super::super::tests::{assert_converges, deliveries, event, joined, stamp};
use super::*;
use crate::hlc::Hlc;
use proptest::prelude::*;
use uuid::Uuid;

fn customer(number: u8) -> CustomerId {
    CustomerId::from_uuid(Uuid::from_u128(number.into()))
}

/// One line, one case: two writes of one field as (milliseconds, terminal, seq), and which one holds.
#[test]
fn the_later_write_holds() {
    for (one, other, holds) in [
        ((1, 1, 1), (2, 1, 2), "other"),
        ((2, 1, 1), (1, 9, 9), "one"),
        ((1, 2, 1), (1, 1, 9), "one"),
        ((1, 1, 1), (1, 1, 2), "other"),
    ] {
        let mut profile = Profile::default();
        profile.write("name", "one", stamp(one.0, one.1, one.2));
        profile.write("name", "other", stamp(other.0, other.1, other.2));
        assert_eq!(profile.field("name"), Some(holds), "{one:?} {other:?}");
        let latest = stamp(one.0, one.1, one.2).max(stamp(other.0, other.1, other.2));
        assert_eq!(profile.written("name"), Some(latest));
    }
}

#[test]
fn fields_do_not_disturb_each_other_and_can_be_cleared() {
    let (mut till, mut web) = (Profile::default(), Profile::default());
    till.write("name", "Ada", stamp(1, 1, 1));
    web.write("language", "de", stamp(2, 2, 1));
    let both = joined(&till, &web);
    assert_eq!((both.field("name"), both.field("language")), (Some("Ada"), Some("de")));
    till.write("name", "", stamp(3, 1, 2));
    assert_eq!(joined(&both, &till).field("name"), None);
    assert_eq!((both.field("note"), both.written("note")), (None, None));
}

#[test]
fn a_clock_in_2099_does_not_win() {
    let year_2099_ms = 4_070_908_800_000;
    let received_ms = 1_800_000_000_000;
    let hlc = Hlc::ZERO.tick(year_2099_ms).clamped(received_ms, Hlc::AHEAD_MS_MAX);
    let mut profile = Profile::default();
    profile.write("name", "from 2099", Stamp { hlc, event: event(9, 1) });
    profile.write("name", "a minute later", stamp(received_ms + 60_000, 1, 1));
    assert_eq!(profile.field("name"), Some("a minute later"));
}

#[test]
fn records_are_joined_across_others_and_parted_again() {
    let [a, b, c, d] = [1, 2, 3, 4].map(customer);
    let mut aliases = Aliases::default();
    assert_eq!(aliases.same_person(b), BTreeSet::from([b]));
    aliases.unite(event(1, 1), c, b);
    aliases.unite(event(1, 2), a, c);
    for record in [a, b, c] {
        assert_eq!(aliases.same_person(record), BTreeSet::from([a, b, c]));
    }
    assert_eq!(aliases.same_person(d), BTreeSet::from([d]));
    let seen = aliases.seen(c, a);
    assert_eq!(seen, BTreeSet::from([event(1, 2)]));
    aliases.part(&seen);
    assert_eq!(aliases.same_person(a), BTreeSet::from([a]));
    assert_eq!(aliases.same_person(b), BTreeSet::from([b, c]));
}

#[derive(Clone, Debug)]
enum Op {
    Write(u8, u8, Stamp),
    Phone(EventId, u8),
    Email(EventId, u8),
    Card(EventId, u8),
    Address(EventId, u8),
    Forget(BTreeSet<EventId>),
}

fn apply(profile: &mut Profile, op: &Op) {
    match op {
        Op::Write(field, value, stamp) => {
            profile.write(&field.to_string(), &value.to_string(), *stamp);
        }
        Op::Phone(id, value) => profile.phones.add(*id, value.to_string()),
        Op::Email(id, value) => profile.emails.add(*id, value.to_string()),
        Op::Card(id, value) => profile.cards.add(*id, value.to_string()),
        Op::Address(id, value) => {
            profile.addresses.add(*id, Address { city: value.to_string(), ..Address::default() });
        }
        Op::Forget(seen) => {
            profile.phones.remove(seen);
            profile.emails.remove(seen);
            profile.cards.remove(seen);
            profile.addresses.remove(seen);
        }
    }
}

fn op() -> impl Strategy<Value = Op> {
    let id = || (0u8..3, 0u64..6).prop_map(|(terminal, seq)| event(terminal, seq));
    let value = |id: EventId| (id.seq % 4) as u8;
    prop_oneof![
        4 => (0u8..2, 0u8..9, -5i64..30, 0u8..3, 0u64..40)
            .prop_map(|(field, value, ms, terminal, seq)| Op::Write(field, value, stamp(ms, terminal, seq))),
        1 => id().prop_map(move |id| Op::Phone(id, value(id))),
        1 => id().prop_map(move |id| Op::Email(id, value(id))),
        1 => id().prop_map(move |id| Op::Card(id, value(id))),
        1 => id().prop_map(move |id| Op::Address(id, value(id))),
        1 => proptest::collection::btree_set(id(), 0..3).prop_map(Op::Forget),
    ]
}

proptest! {
    #[test]
    fn profiles_converge_on_the_latest_writes(
        (history, deliveries) in deliveries(proptest::collection::vec(op(), 0..24)),
    ) {
        let profile = assert_converges(&history, &deliveries, apply);
        for field in 0u8..2 {
            let latest = history.iter().filter_map(|op| match op {
                Op::Write(of, value, stamp) if *of == field => Some((*stamp, value.to_string())),
                _ => None,
            }).max();
            let value = profile.field(&field.to_string()).map(str::to_owned);
            prop_assert_eq!(value, latest.map(|(_, value)| value));
        }
    }

    /// The same groups as walking the pairs by hand, whatever the order in which they were stated.
    #[test]
    fn the_same_person_is_what_the_pairs_connect(
        (history, deliveries) in deliveries(proptest::collection::vec((0u8..8, 0u8..8), 0..10)),
    ) {
        let aliases = assert_converges(&history, &deliveries, |aliases: &mut Aliases, (one, other)| {
            aliases.unite(event(*one, u64::from(*other)), customer(*one), customer(*other));
        });
        for record in 0u8..8 {
            let mut group = BTreeSet::from([record]);
            while let Some(next) = history.iter().find_map(|&(one, other)| {
                let is_border = group.contains(&one) != group.contains(&other);
                is_border.then_some(if group.contains(&one) { other } else { one })
            }) {
                group.insert(next);
            }
            let group: BTreeSet<CustomerId> = group.into_iter().map(customer).collect();
            prop_assert_eq!(aliases.same_person(customer(record)), group);
        }
    }
}
