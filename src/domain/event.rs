//! Events: immutable business facts. What happened in the shop is never rejected (invariant 6).

use crate::id::{OrderId, ShiftId, StaffId, StoreId};
use crate::money::Money;
use crate::order::Order;
use crate::tender::Tender;
use uuid::Uuid;

/// One business fact, before it gets its place in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// This device was enrolled: the first event of the epoch.
    TerminalEnrolled {
        /// Store it belongs to.
        store: StoreId,
        /// Name of the terminal.
        name: String,
        /// Version of this software.
        software: String,
    },
    /// The terminal began a new life by itself: the first event of that epoch, in place of
    /// [`Event::TerminalEnrolled`].
    TerminalRenewed {
        /// The life that it follows.
        former_epoch: u32,
        /// Why.
        reason: RenewalReason,
        /// Number of the former life's last event that this device knows of; 0 when none.
        last_seq: u64,
        /// SHA-256 of that event's bytes; zeros when none.
        last_hash: [u8; 32],
        /// Numbers of the former life that were given out and are lost, first and last of each
        /// run, rising.
        missing: Vec<(u64, u64)>,
    },
    /// A person took charge of the terminal.
    ShiftOpened {
        /// Identity.
        shift: ShiftId,
        /// Who.
        staff: StaffId,
    },
    /// The person gave the terminal back.
    ShiftClosed {
        /// Which shift.
        shift: ShiftId,
        /// Orders placed in it.
        order_count: u64,
        /// Cash kept in it.
        cash: Money,
    },
    /// A basket was committed.
    OrderPlaced(Box<Order>),
    /// An order was paid in full.
    OrderPaid {
        /// Which order.
        order: OrderId,
        /// What was due: the order's total.
        due: Money,
        /// Cash rounding: tenders kept minus due.
        rounding: Money,
        /// What was taken.
        tenders: Vec<Tender>,
    },
}

/// Why a terminal begins a new life by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RenewalReason {
    /// Another device, or a copy of this one, has written another history under the same numbers.
    Forked,
    /// Central holds events that this journal lacks: it was restored from a backup.
    Restored,
    /// The database was damaged, and what could be read of it was taken over.
    Recovered,
}

impl RenewalReason {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Forked, Self::Restored, Self::Recovered];

    /// The stable name, in events and requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forked => "forked",
            Self::Restored => "restored",
            Self::Recovered => "recovered",
        }
    }
}

impl Event {
    /// The stable name, `subject.verb`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TerminalEnrolled { .. } => "terminal.enrolled",
            Self::TerminalRenewed { .. } => "terminal.renewed",
            Self::ShiftOpened { .. } => "shift.opened",
            Self::ShiftClosed { .. } => "shift.closed",
            Self::OrderPlaced(_) => "order.placed",
            Self::OrderPaid { .. } => "order.paid",
        }
    }

    /// The thing it is about; a refusal holds back later events of the same thing only (invariant 4).
    pub fn aggregate(&self) -> Option<Uuid> {
        match self {
            Self::TerminalEnrolled { .. } | Self::TerminalRenewed { .. } => None,
            Self::ShiftOpened { shift, .. } | Self::ShiftClosed { shift, .. } => Some(shift.uuid()),
            Self::OrderPlaced(order) => Some(order.id.uuid()),
            Self::OrderPaid { order, .. } => Some(order.uuid()),
        }
    }
}
