//! Feeds: what central publishes, read by cursor: `GET
//! /v1/feeds/{feed}/changes?after=&limit=&wait=`.
//!
//! A cursor is opaque to the terminal and committed in the same transaction as the rows it stands
//! for (invariant 5).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::str::FromStr;
use uuid::Uuid;

/// The feeds, in the order of their priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Feed {
    /// Store, staff, taxes: tables `store` and `staff`.
    Config,
    /// Articles with their prices, top sellers first: table `article`.
    Catalogue,
    /// Stock of the terminal's store: table `stock`.
    Stock,
    /// Customers: table `customer`.
    Customers,
    /// Orders of customers on all channels: table `order`.
    History,
}

impl Feed {
    /// All feeds, most urgent first.
    pub const ALL: [Self; 5] =
        [Self::Config, Self::Catalogue, Self::Stock, Self::Customers, Self::History];

    /// The name in addresses, SQL and on the screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Catalogue => "catalogue",
            Self::Stock => "stock",
            Self::Customers => "customers",
            Self::History => "history",
        }
    }
}
impl FromStr for Feed {
    type Err = UnknownFeed;
    fn from_str(name: &str) -> Result<Self, UnknownFeed> {
        Self::ALL.into_iter().find(|feed| feed.name() == name).ok_or(UnknownFeed)
    }
}

/// No such feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such feed")]
pub struct UnknownFeed;

/// The most changes of one page.
pub const PAGE_MAX: u32 = 2000;
/// The longest wait of a long poll, in seconds.
pub const WAIT_MAX_S: u32 = 25;

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Op {
    /// It is now so.
    Put,
    /// It is gone.
    Del,
}

/// One change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Change {
    /// Position in the feed, rising.
    pub pos: u64,
    /// Table: `store`, `staff`, `article`, `stock`, `customer`, `order`.
    pub table: String,
    /// Key within the table.
    pub key: String,
    /// Put or delete.
    pub op: Op,
    /// The row when put: one of the `…Row` types of this module, by table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub row: Option<Box<RawValue>>,
}

/// The most lives of which a page says what it includes.
pub const INCLUDED_MAX: usize = 8;

/// How much of one life's journal the rows of a feed include.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Included {
    /// Which life of the asking terminal.
    pub epoch: u32,
    /// Events up to this number.
    pub seq: u64,
}

/// What the rows of a feed add up to, so that a terminal sees when its own are not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Checkpoint {
    /// One entry a table, also for those without rows. A terminal compares those it knows.
    pub tables: Vec<TableSum>,
}

/// What the rows of one table add up to. See [`crate::digest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TableSum {
    /// Which table.
    pub table: String,
    /// Live rows in the asking terminal's scope.
    pub rows: u64,
    /// Sum of their digests modulo 2^128, 32 hexadecimal digits in lower case.
    pub digest: String,
}

/// A page of changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangesPage {
    /// In the order of their positions.
    pub changes: Vec<Change>,
    /// Cursor after this page.
    pub next: String,
    /// More changes exist already.
    pub more: bool,
    /// With `more == false`: the rows as of `next` include the asking terminal's own events up to
    /// these numbers, or central has decided that they never will (quarantined, parked): an entry
    /// for every life of the terminal of which central holds something, the newest
    /// [`INCLUDED_MAX`], newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub included: Vec<Included>,
    /// With `more == false`: what the tables of the feed add up to as of `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// Central's clock, milliseconds since 1970 UTC.
    pub server_time_ms: i64,
}

/// One tax.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaxRateRow {
    /// Name on the receipt.
    pub name: String,
    /// Parts per million.
    pub rate_ppm: u32,
}

/// One tax group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaxGroupRow {
    /// Key.
    pub key: String,
    /// Rates.
    pub rates: Vec<TaxRateRow>,
}

/// One weekly delivery slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SlotRow {
    /// 1 is Monday.
    pub weekday: u8,
    /// Minutes after local midnight.
    pub start_minute: u16,
    /// Minutes after local midnight.
    pub end_minute: u16,
    /// Fee.
    pub fee_minor: i64,
    /// Orders until so many minutes before.
    pub cutoff_minutes: u32,
}

/// How a label with a price, weight or count in its number is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LabelLayoutRow {
    /// 8, 12 or 13 characters: digits, `I` item, `P` price, `W` weight, `N` count, `V` their check
    /// digit, `X` anything, `C` check digit.
    pub pattern: String,
    /// Decimals of the price, or of the weight in kilograms.
    pub decimals: u8,
}

/// Table `store` of feed `config`: exactly one row, the terminal's own store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoreRow {
    /// Identity.
    pub id: Uuid,
    /// Short code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Address, one line.
    pub address: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// ISO 4217.
    pub currency: String,
    /// IANA time zone.
    pub time_zone: String,
    /// Shelf prices contain taxes.
    pub prices_include_tax: bool,
    /// Smallest coin.
    pub smallest_coin_minor: i64,
    /// Notes in use.
    pub notes_minor: Vec<i64>,
    /// Tax groups.
    pub tax_groups: Vec<TaxGroupRow>,
    /// Delivery slots.
    pub slots: Vec<SlotRow>,
    /// Tax group of the delivery fee.
    pub delivery_tax_group: String,
    /// How the retailer's own labels are read; a terminal leaves out those it does not understand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub label_layouts: Vec<LabelLayoutRow>,
    /// Keys of the chain's own codes, 64 hexadecimal digits each: the first seals, each proves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code_keys: Vec<String>,
}

/// Table `staff` of feed `config`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StaffRow {
    /// Identity.
    pub id: Uuid,
    /// Staff number.
    pub number: String,
    /// Name.
    pub name: String,
    /// `associate`, `cashier` or `manager`.
    pub role: String,
    /// Argon2id verifier, PHC string.
    pub pin_verifier: String,
    /// Digits of the PIN.
    pub pin_length: u8,
}

/// A number under which several pieces of an article are scanned at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PackRow {
    /// GTIN, fourteen digits; one of the article's.
    pub gtin: String,
    /// Pieces, 2 to 9,999.
    pub pieces: u64,
}

/// Table `article` of feed `catalogue`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArticleRow {
    /// Identity.
    pub id: Uuid,
    /// GTINs, fourteen digits each, the printed one first.
    pub gtins: Vec<String>,
    /// Those of them that stand for several pieces: cases, multipacks. Only of what is sold by the piece.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packs: Vec<PackRow>,
    /// Name.
    pub name: String,
    /// Size, brand or variety.
    #[serde(default)]
    pub detail: String,
    /// Category path, ` / ` between levels.
    #[serde(default)]
    pub category: String,
    /// `piece`, `g`, `ml`, `mm`.
    pub unit: String,
    /// Price of a piece, kg, l or m.
    pub price_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// Tax group.
    pub tax_group: String,
    /// Version of the price list.
    pub price_version: u64,
    /// Place among the best sellers; 1 sells most. Orders search results.
    pub rank: u32,
}

/// Table `stock` of feed `stock`; the key is the article's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StockRow {
    /// Article.
    pub article: Uuid,
    /// On hand in this store, in the article's unit.
    pub on_hand: i64,
}

/// An address of a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AddressRow {
    /// Recipient.
    pub name: String,
    /// Street and number.
    pub street: String,
    /// Postal code.
    pub postal_code: String,
    /// Town.
    pub city: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// Table `customer` of feed `customers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CustomerRow {
    /// Identity.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// Phones.
    #[serde(default)]
    pub phones: Vec<String>,
    /// E-mail addresses.
    #[serde(default)]
    pub emails: Vec<String>,
    /// Card numbers as scanned.
    #[serde(default)]
    pub cards: Vec<String>,
    /// Addresses.
    #[serde(default)]
    pub addresses: Vec<AddressRow>,
    /// First seen, milliseconds since 1970 UTC.
    pub since_ms: i64,
}

/// One line of [`HistoryRow`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryLineRow {
    /// Article, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub article: Option<Uuid>,
    /// Name then.
    pub name: String,
    /// Count of `unit`; negative when returned.
    pub quantity: i64,
    /// Unit.
    pub unit: String,
    /// Paid for the line.
    pub total_minor: i64,
}

/// Table `order` of feed `history`; the key is the order's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryRow {
    /// Order.
    pub id: Uuid,
    /// Customer.
    pub customer: Uuid,
    /// `store`, `web` or `phone`.
    pub channel: String,
    /// Store's name; empty for web and phone.
    pub place: String,
    /// Number.
    pub number: String,
    /// Milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// ISO 4217.
    pub currency: String,
    /// Lines.
    pub lines: Vec<HistoryLineRow>,
    /// Total.
    pub total_minor: i64,
}
