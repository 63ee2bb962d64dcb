//! A set in which adding wins: who takes a thing out takes out what he has seen of it, no more.
//!
//! Source: the observed-remove set of Shapiro et al. 2011 (specification 15 of INRIA report 7506). Each addition is a
//! fact of its own; a removal names the additions it has seen. An addition that the remover had not seen stays.
//! Tombstones are kept: a late second delivery of an addition must not bring it back.

use super::{EventId, Facts, Join};
use std::collections::BTreeSet;

/// A set of `T` in which adding wins over a removal that has not seen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddWins<T: Ord> {
    added: Facts<EventId, T>,
    removed: BTreeSet<EventId>,
}

impl<T: Ord> Default for AddWins<T> {
    fn default() -> Self {
        Self { added: Facts::default(), removed: BTreeSet::new() }
    }
}

impl<T: Ord + Clone> AddWins<T> {
    /// Adds `value`; the addition is the fact `id`.
    pub fn add(&mut self, id: EventId, value: T) {
        self.added.insert(id, value);
    }

    /// What a removal of `value` must name: all additions of it that are seen here.
    pub fn seen(&self, value: &T) -> BTreeSet<EventId> {
        self.live().filter(|(_, live)| *live == value).map(|(id, _)| id).collect()
    }

    /// Takes out the additions named, also those that arrive later.
    pub fn remove(&mut self, seen: &BTreeSet<EventId>) {
        self.removed.extend(seen);
    }

    /// Additions that nobody took out, by identity.
    pub fn live(&self) -> impl Iterator<Item = (EventId, &T)> {
        self.added.iter().filter(|(id, _)| !self.removed.contains(id)).map(|(id, v)| (*id, v))
    }

    /// What is in the set, sorted, each once.
    pub fn values(&self) -> BTreeSet<&T> {
        self.live().map(|(_, value)| value).collect()
    }

    /// Whether `value` is in the set.
    pub fn contains(&self, value: &T) -> bool {
        self.live().any(|(_, live)| live == value)
    }
}

impl<T: Ord + Clone> Join for AddWins<T> {
    fn join(&mut self, other: &Self) {
        self.added.join(&other.added);
        self.removed.extend(&other.removed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{assert_converges, deliveries, event, joined};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn adding_wins_over_a_removal_that_has_not_seen_it() {
        let mut till = AddWins::default();
        till.add(event(1, 1), "phone");
        let mut web = till.clone();
        let seen = web.seen(&"phone");
        assert_eq!(seen, BTreeSet::from([event(1, 1)]));
        web.remove(&seen);
        assert!(!web.contains(&"phone") && web.seen(&"phone").is_empty());
        till.add(event(1, 2), "phone");
        assert!(joined(&till, &web).contains(&"phone"));
        // Seen, it goes; and a second delivery of the first addition does not bring it back.
        let mut both = joined(&till, &web);
        both.remove(&both.seen(&"phone"));
        both.add(event(1, 1), "phone");
        assert!(both.values().is_empty());
        assert!(!joined(&both, &till).contains(&"phone"));
    }

    #[derive(Clone, Debug)]
    enum Op {
        Add(EventId, u8),
        Remove(BTreeSet<EventId>),
    }

    fn apply(set: &mut AddWins<u8>, op: &Op) {
        match op {
            Op::Add(id, value) => set.add(*id, *value),
            Op::Remove(seen) => set.remove(seen),
        }
    }

    fn op() -> impl Strategy<Value = Op> {
        let id = || (0u8..3, 1u64..5).prop_map(|(terminal, seq)| event(terminal, seq));
        prop_oneof![
            // The value follows from the identity: a fact is never given twice with other contents.
            id().prop_map(|id| Op::Add(id, (id.seq % 3) as u8)),
            proptest::collection::btree_set(id(), 0..3).prop_map(Op::Remove),
        ]
    }

    proptest! {
        #[test]
        fn sets_converge_and_what_was_not_removed_is_there(
            (history, deliveries) in deliveries(proptest::collection::vec(op(), 0..20)),
        ) {
            let set = assert_converges(&history, &deliveries, apply);
            let gone: BTreeSet<EventId> = history.iter().flat_map(|op| match op {
                Op::Remove(seen) => seen.clone(),
                Op::Add(..) => BTreeSet::new(),
            }).collect();
            for op in &history {
                if let Op::Add(id, value) = op {
                    prop_assert_eq!(set.seen(value).contains(id), !gone.contains(id));
                    prop_assert!(gone.contains(id) || set.contains(value));
                }
            }
        }
    }
}
