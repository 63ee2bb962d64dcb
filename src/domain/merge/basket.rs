//! A basket that several devices edit at once (web, app, till): no line is lost, one checkout counts.
//!
//! Every change of a line is a fact (`+2 of this article on this line`), so quantities are PN-counters; taking a line
//! out names the changes that were seen, so adding wins (both Shapiro et al. 2011). Together: a line shows the sum of
//! the changes that nobody took out, never less than nothing. Prices are never merged: whoever shows the basket
//! computes them (invariant 8).
//!
//! A checkout should hold a lease with a fencing token (see [`super::claim`]). One without it is a fact all the same:
//! both orders exist, and all but one are flagged for a person. What was added behind the back of a checkout is not in
//! the order that was paid; it opens a follow-up basket.

use super::profile::Register;
use super::{EventId, Facts, Join, Stamp, sum};
use crate::id::{ArticleId, LineId, OrderId};
use std::collections::{BTreeMap, BTreeSet};

/// One change of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Which line.
    pub line: LineId,
    /// The article of the line.
    pub article: ArticleId,
    /// More or less, in the article's unit.
    pub delta: i64,
}

/// What a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// The article.
    pub article: ArticleId,
    /// Units, more than zero.
    pub quantity: i64,
}

/// A checkout as it happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Checkout {
    /// The order that came of it.
    pub order: OrderId,
    /// Fencing token of the lease it held; `None`: it held none (offline).
    pub token: Option<u64>,
    /// The changes that the order contains.
    pub seen: BTreeSet<EventId>,
}

/// A basket that several devices edit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedBasket {
    changes: Facts<EventId, Change>,
    taken_out: BTreeSet<EventId>,
    note: Facts<(), Register<String>>,
    coupons: BTreeSet<String>,
    coupons_gone: BTreeSet<String>,
    checkouts: Facts<EventId, Checkout>,
}

impl SharedBasket {
    /// Takes in a change of a line.
    pub fn change(&mut self, id: EventId, change: Change) {
        self.changes.insert(id, change);
    }

    /// The changes seen here that are neither taken out nor ordered: what a checkout names.
    pub fn open_changes(&self) -> BTreeSet<EventId> {
        self.open().map(|(id, _)| id).collect()
    }

    /// What taking a line out must name.
    pub fn seen(&self, line: LineId) -> BTreeSet<EventId> {
        self.open().filter(|(_, change)| change.line == line).map(|(id, _)| id).collect()
    }

    /// Takes out the changes named; a change made meanwhile elsewhere stays.
    pub fn take_out(&mut self, seen: &BTreeSet<EventId>) {
        self.taken_out.extend(seen);
    }

    /// Writes the note; the latest holds.
    pub fn write_note(&mut self, text: &str, stamp: Stamp) {
        self.note.insert((), Register { stamp, value: text.into() });
    }

    /// The note; empty when there is none.
    pub fn note(&self) -> &str {
        self.note.get(&()).map_or("", |note| note.value.as_str())
    }

    /// Adds a coupon.
    pub fn add_coupon(&mut self, code: &str) {
        self.coupons.insert(code.into());
    }

    /// Takes a coupon off for good: it must not come back by itself and be redeemed twice (a 2P-set).
    pub fn remove_coupon(&mut self, code: &str) {
        self.coupons_gone.insert(code.into());
    }

    /// The coupons that count.
    pub fn coupons(&self) -> impl Iterator<Item = &str> {
        self.coupons.difference(&self.coupons_gone).map(String::as_str)
    }

    /// Takes in a checkout, with or without a lease.
    pub fn check_out(&mut self, id: EventId, checkout: Checkout) {
        self.checkouts.insert(id, checkout);
    }

    /// What is still to be ordered: before a checkout the basket, after it the follow-up. Lines by identity.
    pub fn lines(&self) -> BTreeMap<LineId, Shown> {
        let mut changes: BTreeMap<LineId, Vec<Change>> = BTreeMap::new();
        for (_, change) in self.open() {
            changes.entry(change.line).or_default().push(*change);
        }
        let shown = |of_line: &Vec<Change>| {
            // Only a fork can give a line two articles; the greater one is shown on every replica.
            let article = of_line.iter().map(|change| change.article).max()?;
            let quantity = sum(of_line.iter().map(|change| change.delta));
            (quantity > 0).then_some(Shown { article, quantity })
        };
        changes.iter().filter_map(|(line, of_line)| Some((*line, shown(of_line)?))).collect()
    }

    /// The checkout that counts: the one with the newest lease; without leases the one of the smallest identity.
    pub fn valid_checkout(&self) -> Option<(EventId, &Checkout)> {
        let rank = |id: &EventId, checkout: &Checkout| (checkout.token, std::cmp::Reverse(*id));
        let best = self.checkouts.iter().max_by_key(|(id, checkout)| rank(id, checkout));
        best.map(|(id, checkout)| (*id, checkout))
    }

    /// All other checkouts: `basket_double_checkout`, for a person to look at. None is dropped.
    pub fn double_checkouts(&self) -> impl Iterator<Item = (EventId, &Checkout)> {
        let valid = self.valid_checkout().map(|(id, _)| id);
        self.checkouts
            .iter()
            .map(|(id, checkout)| (*id, checkout))
            .filter(move |(id, _)| Some(*id) != valid)
    }

    fn open(&self) -> impl Iterator<Item = (EventId, &Change)> {
        let ordered: BTreeSet<EventId> =
            self.checkouts.iter().flat_map(|(_, checkout)| checkout.seen.iter().copied()).collect();
        let is_open = move |id: &EventId| !self.taken_out.contains(id) && !ordered.contains(id);
        self.changes.iter().map(|(id, change)| (*id, change)).filter(move |(id, _)| is_open(id))
    }
}

impl Join for SharedBasket {
    fn join(&mut self, other: &Self) {
        self.changes.join(&other.changes);
        self.taken_out.extend(&other.taken_out);
        self.note.join(&other.note);
        self.coupons.extend(other.coupons.iter().cloned());
        self.coupons_gone.extend(other.coupons_gone.iter().cloned());
        self.checkouts.join(&other.checkouts);
    }
}

#[cfg(test)]
#[path = "tests/basket.rs"]
mod tests;
