//! Consent and erasure: a withdrawal wins, and what was erased stays erased.
//!
//! Not by recency: a consent that was given on one device while it was withdrawn on another is no consent. So a
//! consent holds only if it has *seen* every withdrawal of that purpose (a remove-wins set, the mirror image of
//! [`super::set::AddWins`]; Shapiro et al. 2011), and only with evidence (GDPR article 7: the controller must be able
//! to demonstrate it, and withdrawing is as easy as giving). No clock takes part.
//!
//! Erasure (GDPR article 17) is the top of the lattice: whatever is joined to an erased record, it is erased. A device
//! that was offline for a year and sends its old copy resurrects nothing.

use super::profile::{Aliases, Profile};
use super::{EventId, Facts, Join};
use crate::id::CustomerId;
use std::collections::{BTreeMap, BTreeSet};

/// A consent as it was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Given {
    purpose: String,
    evidence: String,
    seen: BTreeSet<EventId>,
}

/// What a person has allowed and forbidden, by purpose (`marketing.email`, …).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consents {
    given: Facts<EventId, Given>,
    withdrawn: Facts<EventId, String>,
}

/// A consent without evidence is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("consent needs evidence: a signature, a confirmed message, a recording")]
pub struct NoEvidence;

impl Consents {
    /// What a new consent must name: the withdrawals of the purpose seen here.
    pub fn seen(&self, purpose: &str) -> BTreeSet<EventId> {
        self.withdrawals(purpose).collect()
    }

    /// Takes in a consent. `evidence` points to the proof (never the proof itself), `seen` is [`Self::seen`] of the
    /// device on which it was given.
    pub fn give(
        &mut self,
        id: EventId,
        purpose: &str,
        evidence: &str,
        seen: BTreeSet<EventId>,
    ) -> Result<(), NoEvidence> {
        if evidence.trim().is_empty() {
            return Err(NoEvidence);
        }
        let given = Given { purpose: purpose.into(), evidence: evidence.into(), seen };
        self.given.insert(id, given);
        Ok(())
    }

    /// Takes in a withdrawal. Nobody has to prove anything for it.
    pub fn withdraw(&mut self, id: EventId, purpose: &str) {
        self.withdrawn.insert(id, purpose.into());
    }

    /// The evidence under which the purpose is allowed now; `None`: it is not allowed.
    pub fn evidence(&self, purpose: &str) -> Option<&str> {
        let holds = |given: &&Given| {
            given.purpose == purpose && self.withdrawals(purpose).all(|id| given.seen.contains(&id))
        };
        self.given.iter().map(|(_, given)| given).rfind(holds).map(|given| given.evidence.as_str())
    }

    fn withdrawals<'a>(&'a self, purpose: &'a str) -> impl Iterator<Item = EventId> + 'a {
        self.withdrawn.iter().filter(move |(_, of)| *of == purpose).map(|(id, _)| *id)
    }
}

impl Join for Consents {
    fn join(&mut self, other: &Self) {
        self.given.join(&other.given);
        self.withdrawn.join(&other.withdrawn);
    }
}

/// One record of a customer, or what is left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A living record.
    Known {
        /// Fields, phones, addresses.
        profile: Box<Profile>,
        /// What is allowed.
        consents: Consents,
    },
    /// Erased, by these facts. Nothing of the person is left, and nothing can be added.
    Erased(BTreeSet<EventId>),
}

impl Default for Record {
    fn default() -> Self {
        Self::Known { profile: Box::default(), consents: Consents::default() }
    }
}

impl Record {
    /// Erases the record; the erasure is the fact `id`.
    pub fn erase(&mut self, id: EventId) {
        self.join(&Self::Erased(BTreeSet::from([id])));
    }

    /// Profile and consents, to be written to; `None` when erased.
    pub fn known_mut(&mut self) -> Option<(&mut Profile, &mut Consents)> {
        match self {
            Self::Known { profile, consents } => Some((profile, consents)),
            Self::Erased(_) => None,
        }
    }

    /// Whether it was erased.
    pub const fn is_erased(&self) -> bool {
        matches!(self, Self::Erased(_))
    }
}

impl Join for Record {
    fn join(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Erased(by), Self::Erased(others)) => by.extend(others),
            (Self::Erased(_), Self::Known { .. }) => {}
            (Self::Known { .. }, Self::Erased(_)) => *self = other.clone(),
            (
                Self::Known { profile, consents },
                Self::Known { profile: other_profile, consents: other_consents },
            ) => {
                profile.join(other_profile);
                consents.join(other_consents);
            }
        }
    }
}

/// All records, and which of them are the same person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    records: BTreeMap<CustomerId, Record>,
    /// Which records are the same person.
    pub aliases: Aliases,
}

impl People {
    /// The record of that identity, to be written to.
    pub fn record_mut(&mut self, customer: CustomerId) -> &mut Record {
        self.records.entry(customer).or_default()
    }

    /// The person as one: all its records joined, at the moment of reading. `None` when nothing is known, and when
    /// any of the records was erased: the wish was the person's, not the record's.
    pub fn read(&self, customer: CustomerId) -> Option<Record> {
        let same = self.aliases.same_person(customer);
        let mut records = same.iter().filter_map(|id| self.records.get(id));
        let mut person = records.next()?.clone();
        records.for_each(|record| person.join(record));
        Some(person).filter(|person| !person.is_erased())
    }
}

impl Join for People {
    fn join(&mut self, other: &Self) {
        for (customer, record) in &other.records {
            self.records.entry(*customer).or_default().join(record);
        }
        self.aliases.join(&other.aliases);
    }
}

#[cfg(test)]
#[path = "tests/consent.rs"]
mod tests;
