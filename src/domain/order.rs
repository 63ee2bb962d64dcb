//! Orders: baskets that were committed. An order is a fact; nothing in it changes afterwards.

use crate::gtin::Gtin;
use crate::id::{ArticleId, CustomerId, LineId, OrderId, ShiftId, StaffId, StoreId};
use crate::money::Money;
use crate::quantity::Quantity;
use crate::tax::TaxAmount;
use crate::time::{DeviceTime, Slot};

/// How a line reaches the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Fulfilment {
    /// Taken along now.
    #[default]
    Carry,
    /// Picked up later in a store.
    Pickup,
    /// Brought to an address.
    Deliver,
}

impl Fulfilment {
    /// The name in SQL and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Carry => "carry",
            Self::Pickup => "pickup",
            Self::Deliver => "deliver",
        }
    }
    /// The fulfilment of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Carry, Self::Pickup, Self::Deliver].into_iter().find(|known| known.name() == name)
    }
}

/// Through which channel an order came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Channel {
    /// In a shop, at a terminal.
    #[default]
    Store,
    /// On the web shop or app.
    Web,
    /// By phone.
    Phone,
}

impl Channel {
    /// The name in SQL and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Web => "web",
            Self::Phone => "phone",
        }
    }
    /// The channel of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Store, Self::Web, Self::Phone].into_iter().find(|known| known.name() == name)
    }
}

/// Where a delivery goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Address {
    /// Who receives it.
    pub name: String,
    /// Street and number.
    pub street: String,
    /// Postal code.
    pub postal_code: String,
    /// Town.
    pub city: String,
    /// Country, ISO 3166-1 alpha-2.
    pub country: String,
}

/// What a delivery promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where.
    pub address: Address,
    /// Phone for the driver; may be empty.
    pub phone: String,
    /// Words for the driver; may be empty.
    pub note: String,
    /// When.
    pub slot: Slot,
    /// What it costs, with or without taxes as all prices of the store; zero when free.
    pub fee: Money,
    /// Tax group of the fee.
    pub fee_tax_group: String,
}

/// One line of an order, priced for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderLine {
    /// Identity, the same as in the basket.
    pub id: LineId,
    /// The article.
    pub article: ArticleId,
    /// The number scanned.
    pub gtin: Option<Gtin>,
    /// Name on the receipt.
    pub name: String,
    /// How much.
    pub quantity: Quantity,
    /// Price of one trade unit.
    pub unit_price: Money,
    /// Price of the line.
    pub total: Money,
    /// Key of the tax group.
    pub tax_group: String,
    /// Price list version (invariant 8).
    pub price_version: u64,
    /// How it reaches the customer.
    pub fulfilment: Fulfilment,
}

/// A basket that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Identity.
    pub id: OrderId,
    /// Receipt number: gapless per store, terminal and epoch (invariant 3).
    pub number: String,
    /// Store where it was taken.
    pub store: StoreId,
    /// Shift in which it was taken.
    pub shift: ShiftId,
    /// Who took it.
    pub staff: StaffId,
    /// Who bought, if known.
    pub customer: Option<CustomerId>,
    /// When it was placed.
    pub placed_at: DeviceTime,
    /// In the order they were scanned.
    pub lines: Vec<OrderLine>,
    /// Set when lines are delivered.
    pub delivery: Option<Delivery>,
    /// Each tax over the whole order.
    pub taxes: Vec<TaxAmount>,
    /// What is to be paid, taxes and fee included.
    pub total: Money,
}
