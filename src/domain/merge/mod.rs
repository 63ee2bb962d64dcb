//! Merge rules: what becomes of facts that several devices wrote without knowing of each other.
//!
//! **Facts are merged, decisions are coordinated** (invariant 6). What has happened in the shop is an immutable
//! fact: sets of facts are united, and what people see is computed from the set by a pure function. So the order in
//! which facts arrive, and how often, cannot matter. What spends a shared limit needs a right obtained beforehand
//! ([`escrow`], [`claim`]); those rights are handed out in one place, and what was done with them is a fact again.
//!
//! ```text
//!                 join = union of facts                         read = pure function of the set
//!   replica A  ──┐                                           ┌── on hand, profile, basket, balance, …
//!                ├─► commutative, associative, idempotent ───┤
//!   replica B  ──┘   (a join-semilattice)                    └── and what a person should look at
//! ```
//! States that only grow and are joined so converge whatever the network does: Shapiro, Preguiça, Baquero, Zawirski,
//! *Conflict-free Replicated Data Types* (2011). One module holds one rule; each names its source.

pub mod basket;
pub mod claim;
pub mod consent;
pub mod escrow;
pub mod order_state;
pub mod profile;
pub mod set;
pub mod stock;

use crate::hlc::Hlc;
use crate::id::TerminalId;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Identity of a fact: its place in the journal of the device that wrote it; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// Which device.
    pub terminal: TerminalId,
    /// Which life of the device.
    pub epoch: u32,
    /// Number within that life.
    pub seq: u64,
}

/// When and by whom something was written; what is compared by recency is compared by this. Total: two facts never
/// have the same stamp, and a device's own later fact is later even when a clamp gave both the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Hybrid time, clamped by whoever received the fact first.
    pub hlc: Hlc,
    /// The fact.
    pub event: EventId,
}

/// A state that is joined with another of its kind: the least state that knows all that both know.
///
/// Invariant: `join` is commutative, associative and idempotent.
pub trait Join {
    /// Takes in all that `other` knows.
    fn join(&mut self, other: &Self);
}

/// What [`Facts::insert`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// Nothing under that identity.
    New,
    /// The same fact.
    Known,
    /// Another fact under the same identity: somebody's journal forked. The greater one stays, on every replica.
    Contradiction,
}

/// Facts by identity: a set that only grows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Facts<K: Ord, V: Ord>(BTreeMap<K, V>);

impl<K: Ord, V: Ord> Default for Facts<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone, V: Ord + Clone> Facts<K, V> {
    /// Takes in a fact; a second time changes nothing.
    pub fn insert(&mut self, key: K, fact: V) -> Inserted {
        match self.0.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(fact);
                Inserted::New
            }
            Entry::Occupied(known) if *known.get() == fact => Inserted::Known,
            Entry::Occupied(mut known) => {
                let greater = fact.max(known.get().clone());
                known.insert(greater);
                Inserted::Contradiction
            }
        }
    }

    /// The fact of that identity.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    /// Whether there is a fact of that identity.
    pub fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// All facts, by identity.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.iter()
    }

    /// The fact of the greatest identity.
    pub fn last(&self) -> Option<(&K, &V)> {
        self.0.last_key_value()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Ord + Clone, V: Ord + Clone> Join for Facts<K, V> {
    fn join(&mut self, other: &Self) {
        for (key, fact) in &other.0 {
            self.insert(key.clone(), fact.clone());
        }
    }
}

/// A sum that holds at the ends instead of wrapping, exact in between whatever the order of its terms.
pub(crate) fn sum(amounts: impl IntoIterator<Item = i64>) -> i64 {
    let exact: i128 = amounts.into_iter().map(i128::from).sum();
    exact.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// As [`sum`], of amounts that are never negative.
pub(crate) fn sum_unsigned(amounts: impl IntoIterator<Item = u64>) -> u64 {
    amounts.into_iter().fold(0, u64::saturating_add)
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Debug;
    use uuid::Uuid;

    /// The `seq`th fact of a device.
    pub(crate) fn event(terminal: u8, seq: u64) -> EventId {
        let terminal = TerminalId::from_uuid(Uuid::from_u128(terminal.into()));
        EventId { terminal, epoch: 0, seq }
    }

    /// The stamp of the `seq`th fact of a device, at that millisecond.
    pub(crate) fn stamp(ms: i64, terminal: u8, seq: u64) -> Stamp {
        Stamp { hlc: Hlc::new(ms, 0), event: event(terminal, seq) }
    }

    pub(crate) fn joined<S: Join + Clone>(one: &S, other: &S) -> S {
        let mut both = one.clone();
        both.join(other);
        both
    }

    /// The laws of a join-semilattice.
    pub(crate) fn assert_laws<S: Join + Clone + PartialEq + Debug>(a: &S, b: &S, c: &S) {
        assert_eq!(joined(a, b), joined(b, a), "commutative");
        assert_eq!(joined(&joined(a, b), c), joined(a, &joined(b, c)), "associative");
        assert_eq!(joined(a, a), *a, "idempotent");
        assert_eq!(joined(&joined(a, b), b), joined(a, b), "nothing is new twice");
    }

    /// One history and a delivery of it in any order, with some facts twice and split over three replicas. Applies
    /// `history` in order, the deliveries in theirs, checks the laws on the replicas and that all agree, and
    /// returns the agreed state.
    pub(crate) fn assert_converges<S, Op>(
        history: &[Op],
        deliveries: &[(usize, Op)],
        apply: impl Fn(&mut S, &Op),
    ) -> S
    where
        S: Join + Clone + PartialEq + Debug + Default,
    {
        let mut in_order = S::default();
        history.iter().for_each(|op| apply(&mut in_order, op));
        let mut replicas = [S::default(), S::default(), S::default()];
        for (replica, op) in deliveries {
            apply(&mut replicas[replica % 3], op);
        }
        let [a, b, c] = &replicas;
        assert_laws(a, b, c);
        assert_eq!(joined(&joined(c, b), a), in_order, "another order, another state");
        in_order
    }

    /// A history's facts in any order, each on some replica, every one at least once and many twice.
    pub(crate) fn deliveries<Op: Clone + Debug + 'static>(
        history: impl Strategy<Value = Vec<Op>> + 'static,
    ) -> impl Strategy<Value = (Vec<Op>, Vec<(usize, Op)>)> {
        history.prop_flat_map(|history| {
            let twice: Vec<Op> = history.iter().chain(history.iter().step_by(2)).cloned().collect();
            let count = twice.len();
            (Just(history), Just(twice).prop_shuffle(), proptest::collection::vec(0usize..3, count))
                .prop_map(|(history, ops, replicas)| {
                    (history, replicas.into_iter().zip(ops).collect())
                })
        })
    }

    #[test]
    fn a_forked_identity_keeps_the_same_fact_everywhere() {
        let mut one: Facts<u8, u8> = Facts::default();
        assert_eq!(one.insert(1, 5), Inserted::New);
        assert_eq!(one.insert(1, 5), Inserted::Known);
        assert_eq!(one.insert(1, 4), Inserted::Contradiction);
        assert_eq!(one.get(&1), Some(&5));
        assert_eq!(one.insert(1, 6), Inserted::Contradiction);
        assert_eq!((one.get(&1), one.len(), one.is_empty()), (Some(&6), 1, false));
        assert!(one.contains(&1) && !one.contains(&2) && Facts::<u8, u8>::default().is_empty());
        one.insert(0, 9);
        assert_eq!(one.last(), Some((&1, &6)));
    }

    #[test]
    fn sums_hold_at_the_ends_and_forget_nothing_in_between() {
        assert_eq!(sum([i64::MAX, 5, -7]), i64::MAX - 2);
        assert_eq!(sum([i64::MAX, 1]), i64::MAX);
        assert_eq!(sum([i64::MIN, -1]), i64::MIN);
        assert_eq!(sum_unsigned([u64::MAX, 1]), u64::MAX);
        assert_eq!(sum_unsigned([1, 2]), 3);
    }

    #[test]
    fn a_stamp_is_decided_by_time_then_device_then_life_then_number() {
        assert!(stamp(2, 1, 1) > stamp(1, 9, 9));
        assert!(stamp(1, 2, 1) > stamp(1, 1, 9));
        assert!(stamp(1, 1, 2) > stamp(1, 1, 1));
        let next_life = EventId { epoch: 1, ..event(1, 1) };
        assert!(Stamp { hlc: Hlc::new(1, 0), event: next_life } > stamp(1, 1, 9));
    }

    proptest! {
        #[test]
        fn facts_converge(
            (history, deliveries) in deliveries(proptest::collection::vec((0u8..6, 0u8..4), 0..20)),
        ) {
            assert_converges(&history, &deliveries, |facts: &mut Facts<u8, u8>, op| {
                facts.insert(op.0, op.1);
            });
        }
    }
}
