//! What a terminal knows of the store it stands in: configuration that central sends.

use crate::code::{CodeKey, VariableMeasureTemplate};
use crate::id::StoreId;
use crate::money::Currency;
use crate::pricing::TaxTable;

/// One weekly delivery slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotRule {
    /// 1 is Monday, 7 is Sunday (ISO 8601).
    pub weekday: u8,
    /// Minutes after local midnight at which it starts.
    pub start_minute: u16,
    /// Minutes after local midnight at which it ends.
    pub end_minute: u16,
    /// Fee in minor units of the store's currency.
    pub fee_minor: i64,
    /// Orders are taken until so many minutes before it starts.
    pub cutoff_minutes: u32,
}

/// Configuration of one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// Identity.
    pub id: StoreId,
    /// Short code in receipt numbers, such as `S012`.
    pub code: String,
    /// Name over the door.
    pub name: String,
    /// Address on the receipt, one line.
    pub address: String,
    /// Country, ISO 3166-1 alpha-2.
    pub country: String,
    /// Currency of all prices.
    pub currency: Currency,
    /// IANA time zone, such as `Europe/Zurich`.
    pub time_zone: String,
    /// Smallest coin in minor units.
    pub smallest_coin_minor: i64,
    /// Notes in use, in minor units.
    pub notes_minor: Vec<i64>,
    /// Taxes.
    pub taxes: TaxTable,
    /// Delivery slots of a week.
    pub slots: Vec<SlotRule>,
    /// Tax group of the delivery fee.
    pub delivery_tax_group: String,
    /// Layouts of the retailer's own labels (price, weight, count), the first that fits reads.
    pub label_layouts: Vec<VariableMeasureTemplate>,
    /// Keys of the chain's own codes: the first seals, each proves. None: codes are not sealed.
    pub code_keys: Vec<CodeKey>,
}
