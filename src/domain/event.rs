//! Events: immutable business facts. What happened in the shop is never rejected (invariant 6).

use crate::id::{OrderId, ShiftId, StaffId, StoreId};
use crate::money::Money;
use crate::order::Order;
use crate::tender::Tender;
use uuid::Uuid;

/// One business fact, before it gets its place in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// This device was enrolled: the first event of every epoch.
    TerminalEnrolled {
        /// Store it belongs to.
        store: StoreId,
        /// Name of the terminal.
        name: String,
        /// Version of this software.
        software: String,
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

impl Event {
    /// The stable name, `subject.verb`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TerminalEnrolled { .. } => "terminal.enrolled",
            Self::ShiftOpened { .. } => "shift.opened",
            Self::ShiftClosed { .. } => "shift.closed",
            Self::OrderPlaced(_) => "order.placed",
            Self::OrderPaid { .. } => "order.paid",
        }
    }

    /// The thing it is about; a refusal holds back later events of the same thing only (invariant 4).
    pub fn aggregate(&self) -> Option<Uuid> {
        match self {
            Self::TerminalEnrolled { .. } => None,
            Self::ShiftOpened { shift, .. } | Self::ShiftClosed { shift, .. } => Some(shift.uuid()),
            Self::OrderPlaced(order) => Some(order.id.uuid()),
            Self::OrderPaid { order, .. } => Some(order.uuid()),
        }
    }
}
