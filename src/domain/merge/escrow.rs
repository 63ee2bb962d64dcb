//! Rights to spend from a shared limit: points, store credit, gift cards, what may still be returned of a line.
//!
//! ```text
//!  central   credits ─ charged grants ─ spent without a right = available      grants only what is available
//!               │ grant 20                    ▲ given back: 5 of 20 spent
//!               ▼                             │
//!  device    purse: 20 ── pay 5, offline ── 15 left ── (expired: stays charged until the device tells)
//!            floor: what it may take on trust when it holds no right, a sum that is small and its own
//! ```
//! Sources: O'Neil, *The Escrow Transactional Method* (1986); Balegas et al., *Extending Eventually Consistent Cloud
//! Databases for Enforcing Numeric Invariants* (2015, the bounded counter): a replica spends offline what it was
//! granted, and no coordination is needed while its rights last. Safety goes before liveness: a grant is charged from
//! the moment it is given until its holder says what it spent, or a person declares the holder lost.
//!
//! Invariant: what is spent is never more than what was credited plus the sum of all devices' floors. With floors of
//! zero the balance is never negative, in any schedule.
//!
//! | account of | credit | spend |
//! | --- | --- | --- |
//! | points, store credit | earned, paid in | redeemed |
//! | gift card | activation, top-up, once central has it | redeemed; floor 0 |
//! | an order line's units (or amount) | sold | returned |

use super::{EventId, Facts, Join, sum_unsigned};
use crate::id::TerminalId;
use std::collections::{BTreeMap, BTreeSet};

/// One life of a device: rights belong to a life, so that a clone or a restored backup inherits none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder {
    /// Which device.
    pub terminal: TerminalId,
    /// Which life.
    pub epoch: u32,
}

/// A right to spend, given by central.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Who may spend.
    pub holder: Holder,
    /// How much, in units of the account.
    pub amount: u64,
    /// The holder must not spend from then on, milliseconds since 1970. Central goes on charging it.
    pub expires_ms: i64,
}

/// What one payment took, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spend {
    /// Units by grant.
    pub from_grants: BTreeMap<EventId, u64>,
    /// Units taken without a right.
    pub from_floor: u64,
}

impl Spend {
    /// All units.
    pub fn total(&self) -> u64 {
        sum_unsigned(self.from_grants.values().copied().chain([self.from_floor]))
    }
}

/// More is wanted than may be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} are wanted and {available} may be had")]
pub struct NotCovered {
    /// Units asked for.
    pub wanted: u64,
    /// Units that may be had.
    pub available: u64,
}

/// The account as central keeps it: facts, and the one decision that must be taken in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    credits: Facts<EventId, u64>,
    grants: Facts<EventId, Grant>,
    spends: Facts<EventId, Spend>,
    /// Units spent of a grant when it was closed. The greatest is kept: two closings (a device that was declared lost
    /// and came back) must not free what was spent.
    closed: Facts<EventId, u64>,
}

impl Account {
    /// Takes in a credit: points earned, a card topped up, goods sold.
    pub fn credit(&mut self, id: EventId, amount: u64) {
        self.credits.insert(id, amount);
    }

    /// Gives a right if it is covered. Only where all grants of the account are given, one after the other. Asking
    /// again under the same `id` is answered with the same grant.
    pub fn grant(&mut self, id: EventId, wanted: Grant) -> Result<Grant, NotCovered> {
        if let Some(given) = self.grants.get(&id) {
            return Ok(*given);
        }
        let available = self.available();
        if wanted.amount > available {
            return Err(NotCovered { wanted: wanted.amount, available });
        }
        self.grants.insert(id, wanted);
        Ok(wanted)
    }

    /// Takes in what a device spent. It is a fact; it is never refused, whatever the balance.
    pub fn spend(&mut self, id: EventId, spend: Spend) {
        self.spends.insert(id, spend);
    }

    /// Takes in that `spent` units of a grant were spent and the rest is free again: the holder gave it back, or a
    /// person declared the holder lost (and says what they believe was spent).
    pub fn close(&mut self, grant: EventId, spent: u64) {
        self.closed.insert(grant, spent);
    }

    /// Units credited.
    pub fn credited(&self) -> u64 {
        sum_unsigned(self.credits.iter().map(|(_, amount)| *amount))
    }

    /// Units spent, as far as is known.
    pub fn spent(&self) -> u64 {
        sum_unsigned(self.spends.iter().map(|(_, spend)| spend.total()))
    }

    /// Units that may be granted now.
    pub fn available(&self) -> u64 {
        self.credited().saturating_sub(self.charged())
    }

    /// Units spent or spendable beyond what was credited. Never more than the sum of all floors, unless a device
    /// broke its word (see [`Self::overspent`]).
    pub fn overdraft(&self) -> u64 {
        self.charged().saturating_sub(self.credited())
    }

    /// Grants of which more was spent than they allow, or that were never given: a cloned device, or a broken one.
    pub fn overspent(&self) -> BTreeSet<EventId> {
        let allowed = |grant: &EventId| self.grants.get(grant).map_or(0, |grant| grant.amount);
        self.spent_by_grant()
            .into_iter()
            .filter(|(id, spent)| *spent > allowed(id))
            .map(|(id, _)| id)
            .collect()
    }

    /// Spends without a right that are covered now: the devices that took them may use their floors anew.
    pub fn covered(&self) -> BTreeSet<EventId> {
        if self.overdraft() > 0 {
            return BTreeSet::new();
        }
        self.spends.iter().filter(|(_, spend)| spend.from_floor > 0).map(|(id, _)| *id).collect()
    }

    fn spent_by_grant(&self) -> BTreeMap<EventId, u64> {
        let mut spent: BTreeMap<EventId, u64> = BTreeMap::new();
        for (grant, units) in self.spends.iter().flat_map(|(_, spend)| &spend.from_grants) {
            let so_far = spent.entry(*grant).or_default();
            *so_far = so_far.saturating_add(*units);
        }
        spent
    }

    /// Spent without a right, and for each grant the greater of what it allows (while it is open) and what was spent.
    fn charged(&self) -> u64 {
        let mut charged = self.spent_by_grant();
        for (id, grant) in self.grants.iter() {
            let held = self.closed.get(id).copied().unwrap_or(grant.amount);
            let charge = charged.entry(*id).or_default();
            *charge = held.max(*charge);
        }
        let from_floors = self.spends.iter().map(|(_, spend)| spend.from_floor);
        sum_unsigned(charged.into_values().chain(from_floors))
    }
}

impl Join for Account {
    fn join(&mut self, other: &Self) {
        self.credits.join(&other.credits);
        self.grants.join(&other.grants);
        self.spends.join(&other.spends);
        self.closed.join(&other.closed);
    }
}

/// A right as its holder keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    grant: Grant,
    spent: u64,
}

/// The rights that one life of a device holds on one account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purse {
    holder: Holder,
    held: BTreeMap<EventId, Held>,
    /// Grants given back; a late second copy of central's answer must not bring one back.
    given_back: BTreeSet<EventId>,
}

impl Purse {
    /// An empty purse.
    pub const fn new(holder: Holder) -> Self {
        Self { holder, held: BTreeMap::new(), given_back: BTreeSet::new() }
    }

    /// Takes in a grant of central. One of another holder, one that is known, and one that was given back change
    /// nothing.
    pub fn receive(&mut self, id: EventId, grant: Grant) {
        if grant.holder == self.holder && !self.given_back.contains(&id) {
            self.held.entry(id).or_insert(Held { grant, spent: 0 });
        }
    }

    /// Units that the rights still allow at `now_ms`.
    pub fn rights(&self, now_ms: i64) -> u64 {
        sum_unsigned(self.open(now_ms).map(|(_, rest)| rest))
    }

    /// Spends `amount`: from the rights that end first, the rest from `floor_room` (see [`Floor::room`]). Nothing is
    /// spent when it is refused. What is returned is committed as a fact in the same transaction as the purse.
    pub fn pay(&mut self, amount: u64, floor_room: u64, now_ms: i64) -> Result<Spend, NotCovered> {
        let available = self.rights(now_ms).saturating_add(floor_room);
        if amount > available {
            return Err(NotCovered { wanted: amount, available });
        }
        let mut open: Vec<(EventId, u64)> = self.open(now_ms).collect();
        open.sort_by_key(|(id, _)| (self.held.get(id).map(|held| held.grant.expires_ms), *id));
        let mut spend = Spend { from_grants: BTreeMap::new(), from_floor: amount };
        for (id, rest) in open {
            let taken = rest.min(spend.from_floor);
            if taken == 0 {
                continue;
            }
            spend.from_floor -= taken;
            spend.from_grants.insert(id, taken);
            if let Some(held) = self.held.get_mut(&id) {
                held.spent += taken;
            }
        }
        Ok(spend)
    }

    /// Gives a right back: what was spent of it, for [`Account::close`]. From now on it cannot be spent. `None` when
    /// it is not held.
    pub fn give_back(&mut self, id: EventId) -> Option<u64> {
        let held = self.held.remove(&id)?;
        self.given_back.insert(id);
        Some(held.spent)
    }

    fn open(&self, now_ms: i64) -> impl Iterator<Item = (EventId, u64)> {
        let is_open = move |held: &Held| now_ms < held.grant.expires_ms;
        let rest = |held: &Held| held.grant.amount.saturating_sub(held.spent);
        self.held
            .iter()
            .filter(move |(_, held)| is_open(held))
            .map(move |(id, held)| (*id, rest(held)))
    }
}

/// What one device may take without a right, over all accounts `A`, until central says that it is covered.
///
/// There is no daily reset: room that came back while an account is overdrawn would let the overdraft grow for as
/// long as the device keeps selling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Floor<A: Ord> {
    /// Most units of one account.
    pub per_account: u64,
    /// Most units of all accounts together.
    pub per_device: u64,
    used: BTreeMap<EventId, (A, u64)>,
}

impl<A: Ord + Clone> Floor<A> {
    /// Nothing used. Zero means: never without a right.
    pub const fn new(per_account: u64, per_device: u64) -> Self {
        Self { per_account, per_device, used: BTreeMap::new() }
    }

    /// Units of that account that may still be taken without a right.
    pub fn room(&self, account: &A) -> u64 {
        let of_account =
            self.used.values().filter(|(of, _)| of == account).map(|(_, units)| *units);
        let of_device = self.used.values().map(|(_, units)| *units);
        let left = self.per_account.saturating_sub(sum_unsigned(of_account));
        left.min(self.per_device.saturating_sub(sum_unsigned(of_device)))
    }

    /// Books what a payment took; `id` is the payment's fact.
    pub fn take(&mut self, id: EventId, account: A, spend: &Spend) {
        if spend.from_floor > 0 {
            self.used.insert(id, (account, spend.from_floor));
        }
    }

    /// Central covers these payments ([`Account::covered`]).
    pub fn release(&mut self, covered: &BTreeSet<EventId>) {
        self.used.retain(|id, _| !covered.contains(id));
    }
}

#[cfg(test)]
#[path = "tests/escrow.rs"]
mod tests;
