//! The state of an order: what was reported of it, read as a lattice; contradictions are kept, not decided.
//!
//! An order is a set of facts (placed, paid, line handed over, cancelled), a grow-only set (Shapiro et al. 2011), and
//! its state is read from the set. So it does not matter whether the payment arrives before the order. When one person
//! cancels what another hands over, both happened: the state says so and a person decides, by a fact that names what
//! they decided upon. A fact that comes later reopens the question.

use super::{EventId, Facts, Join, Stamp};
use crate::id::LineId;
use std::collections::BTreeSet;

/// Something that was reported of an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Report {
    /// It was placed, with these lines.
    Placed(BTreeSet<LineId>),
    /// It was paid in full.
    Paid,
    /// A line reached the customer.
    Fulfilled(LineId),
    /// It was called off.
    Cancelled,
    /// A person decided between cancellations and fulfilments.
    Decided {
        /// When; the latest decision that knew everything holds.
        stamp: Stamp,
        /// The reports decided upon.
        about: BTreeSet<EventId>,
        /// What stands.
        verdict: Verdict,
    },
}

/// What a person decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The goods went out: it is fulfilled as far as it was reported.
    Fulfilled,
    /// It is called off; what went out comes back as a return.
    Cancelled,
}

/// How far an order is. Later stages include the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Something is known of it, but not what was ordered.
    Unknown,
    /// Placed.
    Placed,
    /// Some lines reached the customer.
    PartlyFulfilled,
    /// All lines reached the customer.
    Fulfilled,
    /// Called off.
    Cancelled,
    /// Called off and handed over: a person must look at it.
    Conflict,
}

/// All that was reported of one order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderState {
    reports: Facts<EventId, Report>,
}

impl OrderState {
    /// Takes in a report.
    pub fn report(&mut self, id: EventId, report: Report) {
        self.reports.insert(id, report);
    }

    /// Whether it was paid; apart from the stage, since a pickup may be paid before or after.
    pub fn is_paid(&self) -> bool {
        self.reports.iter().any(|(_, report)| *report == Report::Paid)
    }

    /// How far it is.
    pub fn stage(&self) -> Stage {
        let disputed = self.disputed();
        let is_cancelled = self.cancellations().next().is_some();
        if !is_cancelled {
            return self.fulfilment();
        }
        if self.fulfilled().is_empty() {
            return Stage::Cancelled;
        }
        match self.verdict(&disputed) {
            Some(Verdict::Fulfilled) => self.fulfilment(),
            Some(Verdict::Cancelled) => Stage::Cancelled,
            None => Stage::Conflict,
        }
    }

    /// What a decision must name: all cancellations and fulfilments.
    pub fn disputed(&self) -> BTreeSet<EventId> {
        let is_side = |report: &Report| matches!(report, Report::Cancelled | Report::Fulfilled(_));
        self.reports.iter().filter(|(_, report)| is_side(report)).map(|(id, _)| *id).collect()
    }

    /// Lines that reached the customer.
    pub fn fulfilled(&self) -> BTreeSet<LineId> {
        let line = |report: &Report| match report {
            Report::Fulfilled(line) => Some(*line),
            _ => None,
        };
        self.reports.iter().filter_map(|(_, report)| line(report)).collect()
    }

    fn cancellations(&self) -> impl Iterator<Item = EventId> {
        self.reports.iter().filter(|(_, report)| **report == Report::Cancelled).map(|(id, _)| *id)
    }

    fn verdict(&self, disputed: &BTreeSet<EventId>) -> Option<Verdict> {
        let decision = |report: &Report| match report {
            Report::Decided { stamp, about, verdict } if about.is_superset(disputed) => {
                Some((*stamp, *verdict))
            }
            _ => None,
        };
        let decisions = self.reports.iter().filter_map(|(_, report)| decision(report));
        decisions.max().map(|(_, verdict)| verdict)
    }

    fn fulfilment(&self) -> Stage {
        let mut ordered: Option<BTreeSet<LineId>> = None;
        for (_, report) in self.reports.iter() {
            if let Report::Placed(lines) = report {
                ordered.get_or_insert_default().extend(lines);
            }
        }
        let fulfilled = self.fulfilled();
        match ordered {
            None => Stage::Unknown,
            Some(_) if fulfilled.is_empty() => Stage::Placed,
            Some(lines) if lines.is_subset(&fulfilled) => Stage::Fulfilled,
            Some(_) => Stage::PartlyFulfilled,
        }
    }
}

impl Join for OrderState {
    fn join(&mut self, other: &Self) {
        self.reports.join(&other.reports);
    }
}

#[cfg(test)]
#[path = "tests/order_state.rs"]
mod tests;
