//! Reading rows: JSON into something that is known to make sense, before anything is written.
//!
//! Unknown tables and fields are skipped (a later central may send them); a known table whose row lacks a field or
//! names an impossible value makes the whole chunk or page senseless.

use crate::catalogue::pack_gtins;
use crate::config::store_from;
use crate::history::lines_to_json;
use domain::article::Pack;
use domain::gtin::Gtin;
use domain::money::Currency;
use domain::order::Channel;
use domain::quantity::Unit;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use sync::digest::RowDigest;
use sync::protocol::feed::{
    ArticleRow, CustomerRow, Feed, HistoryRow, PackRow, StaffRow, StockRow, StoreRow,
};
use uuid::Uuid;

/// A known table of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Store,
    Staff,
    Article,
    Stock,
    Customer,
    Order,
}

impl Table {
    /// The table of that name, if the feed has it.
    pub fn of(feed: Feed, name: &str) -> Option<Self> {
        match (feed, name) {
            (Feed::Config, "store") => Some(Self::Store),
            (Feed::Config, "staff") => Some(Self::Staff),
            (Feed::Catalogue, "article") => Some(Self::Article),
            (Feed::Stock, "stock") => Some(Self::Stock),
            (Feed::Customers, "customer") => Some(Self::Customer),
            (Feed::History, "order") => Some(Self::Order),
            _ => None,
        }
    }

    /// The tables of a feed.
    pub const fn all_of(feed: Feed) -> &'static [Self] {
        match feed {
            Feed::Config => &[Self::Store, Self::Staff],
            Feed::Catalogue => &[Self::Article],
            Feed::Stock => &[Self::Stock],
            Feed::Customers => &[Self::Customer],
            Feed::History => &[Self::Order],
        }
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Staff => "staff",
            Self::Article => "article",
            Self::Stock => "stock",
            Self::Customer => "customer",
            Self::Order => "order",
        }
    }
}

/// An article ready to be written.
#[derive(Debug)]
pub(super) struct ParsedArticle {
    pub row: ArticleRow,
    pub gtins: Vec<Gtin>,
    pub packed_gtins: Vec<u8>,
}

/// A past order ready to be written.
#[derive(Debug)]
pub(super) struct ParsedOrder {
    pub row: HistoryRow,
    pub lines: String,
}

/// A row that makes sense, and what it looked like.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub table: Table,
    key: Cow<'a, str>,
    json: &'a RawValue,
    pub parsed: ParsedRow<'a>,
}

impl Row<'_> {
    /// Its digest: of the text as it came, whatever of it is stored.
    pub fn digest(&self) -> RowDigest {
        RowDigest::of(self.table.name(), &self.key, self.json.get())
    }
}

/// What a row says.
#[derive(Debug)]
pub(super) enum ParsedRow<'a> {
    Store { id: Uuid, json: &'a RawValue },
    Staff { id: Uuid, json: &'a RawValue },
    Article(ParsedArticle),
    Stock(StockRow),
    Customer { row: CustomerRow, json: &'a RawValue },
    Order(ParsedOrder),
}

/// The row makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Senseless;

fn read<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Result<T, Senseless> {
    serde_json::from_str(json.get()).map_err(|_| Senseless)
}

/// A line of a chunk, read in place: a copy of each would cost more than the database does.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    table: Cow<'a, str>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    row: &'a RawValue,
}

/// Reads a line of a chunk; `None` if this version does not know its table.
pub(super) fn parse_line(feed: Feed, line: &[u8]) -> Result<Option<Row<'_>>, Senseless> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|_| Senseless)?;
    let Some(table) = Table::of(feed, &line.table) else { return Ok(None) };
    parse(table, line.key, line.row).map(Some)
}

/// Reads a row of a known table.
pub(super) fn parse<'a>(
    table: Table,
    key: Cow<'a, str>,
    json: &'a RawValue,
) -> Result<Row<'a>, Senseless> {
    let parsed = match table {
        Table::Store => {
            let row: StoreRow = read(json)?;
            let id = row.id;
            store_from(row).ok_or(Senseless)?;
            ParsedRow::Store { id, json }
        }
        Table::Staff => ParsedRow::Staff { id: read::<StaffRow>(json)?.id, json },
        Table::Article => ParsedRow::Article(parse_article(read(json)?)?),
        Table::Stock => ParsedRow::Stock(read(json)?),
        Table::Customer => ParsedRow::Customer { row: read(json)?, json },
        Table::Order => ParsedRow::Order(parse_order(read(json)?)?),
    };
    Ok(Row { table, key, json, parsed })
}

fn parse_article(row: ArticleRow) -> Result<ParsedArticle, Senseless> {
    row.currency.parse::<Currency>().map_err(|_| Senseless)?;
    row.unit.parse::<Unit>().map_err(|_| Senseless)?;
    // The database counts in signed 64 bits.
    i64::try_from(row.price_version).map_err(|_| Senseless)?;
    let gtins: Result<Vec<Gtin>, _> = row.gtins.iter().map(|gtin| Gtin::parse(gtin)).collect();
    let gtins = gtins.map_err(|_| Senseless)?;
    let packs: Option<Vec<Pack>> = row.packs.iter().map(pack_from).collect();
    let packed_gtins = pack_gtins(&gtins, &packs.ok_or(Senseless)?);
    Ok(ParsedArticle { row, gtins, packed_gtins })
}

/// Nothing where no case holds so many. A number that is none of the article's is never scanned, and is let be.
fn pack_from(row: &PackRow) -> Option<Pack> {
    Pack::new(Gtin::parse(&row.gtin).ok()?, row.pieces)
}

fn parse_order(row: HistoryRow) -> Result<ParsedOrder, Senseless> {
    row.currency.parse::<Currency>().map_err(|_| Senseless)?;
    Channel::from_name(&row.channel).ok_or(Senseless)?;
    if row.lines.iter().any(|line| line.unit.parse::<Unit>().is_err()) {
        return Err(Senseless);
    }
    let lines = lines_to_json(&row.lines);
    Ok(ParsedOrder { row, lines })
}
