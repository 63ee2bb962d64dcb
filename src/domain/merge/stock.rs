//! Stock of one article in one store: what moved is added up, a count starts the sum anew.
//!
//! ```text
//!  on hand = quantity of the latest count + all moves that this count has not seen
//!            (without a count: all moves)
//! ```
//! Moves are facts with an identity: a sum over unique moves is a PN-counter (Shapiro et al. 2011). A count is a fact
//! too: "so much lay there, and this is what I knew of" (its [`Cut`]). It therefore never erases a sale that was made
//! after it, however late either arrives. A sale that was made *before* the count by a device that was offline is not
//! in the cut and is taken off once more: then too little is shown until the next count, never too much.
//!
//! Goods in hand may always be sold, so stock may fall below zero; a person is asked to count. What is promised to
//! someone elsewhere must be reserved first, in one place: see [`Reservations`].

use super::{EventId, Facts, Join, sum, sum_unsigned};
use crate::id::{ArticleId, TerminalId};
use crate::order::Order;
use std::collections::BTreeMap;

/// What an order takes from stock: one negative move an article, by article. Every line counts, however it reaches
/// the customer: what is promised is no longer there to be sold.
///
/// Terminal (overlay) and central (base) both book exactly this, so the sum of both is never off by a rule.
pub fn taken_by(order: &Order) -> BTreeMap<ArticleId, i64> {
    let mut taken = BTreeMap::new();
    for line in &order.lines {
        let so_far: &mut i64 = taken.entry(line.article).or_default();
        *so_far = so_far.saturating_sub(line.quantity.amount);
    }
    taken
}

/// Stock after a move. Below zero is a fact too; the ends of the number range hold.
pub const fn after_move(on_hand: i64, delta: i64) -> i64 {
    on_hand.saturating_add(delta)
}

/// One move: goods that came or went. An event that moves an article several times is one move of the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Move {
    /// Central's number for it; `None` until central has applied it. First, so that the numbered copy of a fact
    /// wins over the copy of a replica that does not know the number yet.
    pub position: Option<u64>,
    /// Units: − sale, + receipt, ± transfer, ± damage.
    pub delta: i64,
}

/// What a count had seen: all that central had numbered up to `position`, and the counting device's own facts up to
/// and with `own_seq` of its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    /// Central's number up to which the device had all moves.
    pub position: u64,
    /// The device that counted.
    pub terminal: TerminalId,
    /// Its life.
    pub epoch: u32,
    /// Its own last event.
    pub own_seq: u64,
}

impl Cut {
    /// Whether the person who counted had already taken this move into account.
    pub fn covers(&self, id: &EventId, moved: &Move) -> bool {
        let is_own = (id.terminal, id.epoch) == (self.terminal, self.epoch);
        moved.position.is_some_and(|position| position <= self.position)
            || (is_own && id.seq <= self.own_seq)
    }
}

/// A count: what lay there, by the person's own eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count {
    /// Central's number for it, by which the later of two counts is told; `None` until central has applied it.
    pub position: Option<u64>,
    /// Units counted.
    pub quantity: i64,
    /// What was known.
    pub cut: Cut,
}

/// All that is known of one article in one store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    moves: Facts<EventId, Move>,
    counts: Facts<EventId, Count>,
}

impl Ledger {
    /// Takes in a move.
    pub fn book_move(&mut self, id: EventId, moved: Move) {
        self.moves.insert(id, moved);
    }

    /// Takes in a count. Earlier counts stay for audit.
    pub fn book_count(&mut self, id: EventId, count: Count) {
        self.counts.insert(id, count);
    }

    /// The count that holds: the last in central's order; one that central does not know yet comes after all that
    /// it knows.
    pub fn latest_count(&self) -> Option<&Count> {
        let order = |id: &EventId, count: &Count| (count.position.unwrap_or(u64::MAX), *id);
        self.counts.iter().max_by_key(|(id, count)| order(id, count)).map(|(_, count)| count)
    }

    /// Units on hand; may be negative.
    pub fn on_hand(&self) -> i64 {
        let count = self.latest_count();
        let unseen = self
            .moves
            .iter()
            .filter(|&(id, moved)| count.is_none_or(|count| !count.cut.covers(id, moved)));
        sum(unseen.map(|(_, moved)| moved.delta).chain(count.map(|count| count.quantity)))
    }
}

impl Join for Ledger {
    fn join(&mut self, other: &Self) {
        self.moves.join(&other.moves);
        self.counts.join(&other.counts);
    }
}

/// A reservation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} are wanted and {available} are free")]
pub struct NotAvailable {
    /// Units asked for.
    pub wanted: u64,
    /// Units on hand that nobody else was promised.
    pub available: u64,
}

/// Promises on goods of one store: held in one place (central), so that two people are not promised the same thing.
/// A bounded counter whose bound is what is on hand (Balegas et al. 2015).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reservations {
    held: Facts<EventId, u64>,
    ended: Facts<EventId, EventId>,
}

impl Reservations {
    /// Units promised and neither handed over nor given up.
    pub fn reserved(&self) -> u64 {
        let open = self.held.iter().filter(|(id, _)| !self.ended.contains(id));
        sum_unsigned(open.map(|(_, units)| *units))
    }

    /// Units that may still be promised.
    pub fn available(&self, on_hand: i64) -> u64 {
        u64::try_from(on_hand).unwrap_or(0).saturating_sub(self.reserved())
    }

    /// Units promised that are no longer there, since goods in hand were sold meanwhile; a task for a person.
    pub fn shortfall(&self, on_hand: i64) -> u64 {
        self.reserved().saturating_sub(u64::try_from(on_hand).unwrap_or(0))
    }

    /// Promises `units` and tells how many are promised; the promise is the fact `id`, and asking again with the
    /// same `id` is answered the same.
    pub fn reserve(&mut self, id: EventId, units: u64, on_hand: i64) -> Result<u64, NotAvailable> {
        if let Some(promised) = self.held.get(&id) {
            return Ok(*promised);
        }
        let available = self.available(on_hand);
        if units > available {
            return Err(NotAvailable { wanted: units, available });
        }
        self.held.insert(id, units);
        Ok(units)
    }

    /// Ends a promise: handed over (the move is booked by itself) or given up. `by` is the fact that ended it.
    pub fn end(&mut self, id: EventId, by: EventId) {
        self.ended.insert(id, by);
    }
}

#[cfg(test)]
#[path = "tests/stock.rs"]
mod tests;
