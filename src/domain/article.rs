//! Articles: what is sold, under which numbers, at what price.

use crate::gtin::Gtin;
use crate::id::ArticleId;
use crate::money::{Money, MoneyError, Rounding};
use crate::quantity::{Quantity, Unit};

/// The price of one trade unit: a piece, a kilogram, a litre, a metre.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitPrice {
    /// Amount for one trade unit.
    pub amount: Money,
    /// Unit in which quantities are counted.
    pub unit: Unit,
}

impl UnitPrice {
    /// The price of `quantity`, rounded commercially once.
    pub fn of(&self, quantity: Quantity) -> Result<Money, MoneyError> {
        self.amount.checked_ratio(quantity.amount, self.unit.per_trade_unit(), Rounding::HalfUp)
    }
}

/// A sellable thing as the catalogue says it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Article {
    /// Identity.
    pub id: ArticleId,
    /// Every GTIN under which it is scanned; the first is the one printed.
    pub gtins: Vec<Gtin>,
    /// Name on shelf and receipt.
    pub name: String,
    /// Size, brand or variety, for lists.
    pub detail: String,
    /// Category path, for browsing.
    pub category: String,
    /// Price today.
    pub price: UnitPrice,
    /// Key of its tax group.
    pub tax_group: String,
    /// Version of the price list that said so (invariant 8).
    pub price_version: u64,
}
