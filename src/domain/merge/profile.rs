//! A customer's profile: the latest write of each field wins, phones and addresses are sets, duplicates are joined.
//!
//! Sources: last-writer-wins register and observed-remove set, Shapiro et al. 2011; time by the hybrid clock of
//! Kulkarni et al. 2014. Two writers of different fields do not disturb each other; of the same field the later
//! [`Stamp`] wins. A clock in 2099 does not: its stamp was clamped where it was received ([`Stamp::hlc`]).
//!
//! Two records of one person are joined by a fact that says so (an alias), never by copying one into the other: what
//! was joined by mistake can be parted again, and nothing is counted twice.

use super::set::AddWins;
use super::{EventId, Facts, Join, Stamp};
use crate::id::CustomerId;
use crate::order::Address;
use std::collections::{BTreeMap, BTreeSet};

/// A value of which the latest write holds. An empty one is how a field is cleared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Register<T: Ord> {
    /// When and by whom it was written. First: the greater register is the later one.
    pub stamp: Stamp,
    /// What.
    pub value: T,
}

/// What is known of one record of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    fields: Facts<String, Register<String>>,
    /// Phone numbers, E.164 where known.
    pub phones: AddWins<String>,
    /// E-mail addresses.
    pub emails: AddWins<String>,
    /// Card numbers of the customer programme.
    pub cards: AddWins<String>,
    /// Postal addresses.
    pub addresses: AddWins<Address>,
}

impl Profile {
    /// Writes a field (`name`, `language`, …); an older write than the one known changes nothing.
    pub fn write(&mut self, field: &str, value: &str, stamp: Stamp) {
        self.fields.insert(field.into(), Register { stamp, value: value.into() });
    }

    /// The field's latest value; `None` when it was never written or was cleared.
    pub fn field(&self, field: &str) -> Option<&str> {
        let register = self.fields.get(&field.to_owned())?;
        Some(register.value.as_str()).filter(|value| !value.is_empty())
    }

    /// When the field was last written.
    pub fn written(&self, field: &str) -> Option<Stamp> {
        self.fields.get(&field.to_owned()).map(|register| register.stamp)
    }
}

impl Join for Profile {
    fn join(&mut self, other: &Self) {
        self.fields.join(&other.fields);
        self.phones.join(&other.phones);
        self.emails.join(&other.emails);
        self.cards.join(&other.cards);
        self.addresses.join(&other.addresses);
    }
}

/// Which records are the same person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    pairs: AddWins<(CustomerId, CustomerId)>,
}

/// A pair has one spelling.
fn pair(one: CustomerId, other: CustomerId) -> (CustomerId, CustomerId) {
    (one.min(other), one.max(other))
}

impl Aliases {
    /// States that two records are one person; the statement is the fact `id`.
    pub fn unite(&mut self, id: EventId, one: CustomerId, other: CustomerId) {
        self.pairs.add(id, pair(one, other));
    }

    /// What a parting of two records must name: the statements seen here that unite just these two.
    pub fn seen(&self, one: CustomerId, other: CustomerId) -> BTreeSet<EventId> {
        self.pairs.seen(&pair(one, other))
    }

    /// Takes statements back.
    pub fn part(&mut self, seen: &BTreeSet<EventId>) {
        self.pairs.remove(seen);
    }

    /// All records of the person, this one included, sorted. The first leads: it gives the person its identity, and
    /// being the smallest it is the same on every replica.
    pub fn same_person(&self, customer: CustomerId) -> BTreeSet<CustomerId> {
        let mut leaders = Leaders::default();
        for (one, other) in self.pairs.values() {
            leaders.unite(*one, *other);
        }
        let leader = leaders.find(customer);
        let known: Vec<CustomerId> = leaders.0.keys().copied().collect();
        let same = known.into_iter().filter(|record| leaders.find(*record) == leader);
        same.chain([customer]).collect()
    }
}

impl Join for Aliases {
    fn join(&mut self, other: &Self) {
        self.pairs.join(&other.pairs);
    }
}

/// Union-find with path halving; the smaller identity leads.
#[derive(Default)]
struct Leaders(BTreeMap<CustomerId, CustomerId>);

impl Leaders {
    fn find(&mut self, mut record: CustomerId) -> CustomerId {
        while let Some(&above) = self.0.get(&record).filter(|above| **above != record) {
            let next = self.0.get(&above).copied().unwrap_or(above);
            self.0.insert(record, next);
            record = next;
        }
        record
    }

    fn unite(&mut self, one: CustomerId, other: CustomerId) {
        let (one, other) = (self.find(one), self.find(other));
        self.0.insert(one.max(other), one.min(other));
        self.0.entry(one.min(other)).or_insert(one.min(other));
    }
}

#[cfg(test)]
#[path = "tests/profile.rs"]
mod tests;
