//! Purchase history of a customer: central's rows, and own orders that central's do not have yet, never twice.

use crate::error::StoreError;
use crate::life::{Life, uuid_at};
use crate::order::OwnOrder;
use crate::shift::money_at;
use crate::{config, config::from_json};
use domain::customer::{PastLine, PastOrder};
use domain::id::{ArticleId, CustomerId, OrderId, StoreId};
use domain::money::{Currency, Money};
use domain::order::{Channel, Order};
use domain::quantity::Quantity;
use domain::time::CentralTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use rusqlite::{Connection, Row, params};
use std::collections::{BTreeMap, HashMap};
use sync::protocol::feed::HistoryLineRow;
use uuid::Uuid;

/// One order of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryOrder {
    /// The order.
    pub order: PastOrder,
    /// Taken here, and central does not hold it yet.
    pub is_unsent: bool,
    /// Taken at this terminal.
    pub is_own: bool,
}

/// What a customer buys again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Favourite {
    /// The article.
    pub article: ArticleId,
    /// Its name when last bought.
    pub name: String,
    /// In how many orders.
    pub times: u32,
    /// When last.
    pub last_at: CentralTime,
}

/// A history in figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistorySummary {
    /// All orders.
    pub order_count: u32,
    /// The newest.
    pub last_at: Option<CentralTime>,
    /// Spent in the last year, one amount a currency.
    pub spent_year: Vec<Money>,
    /// Spent by calendar month (year, month, amount) in the currency of the newest order: the last twelve, oldest
    /// first, months without orders as zero. Empty without orders.
    pub months: Vec<(i16, i8, Money)>,
    /// Bought most often, at least twice; at most `FAVOURITES_MAX`.
    pub favourites: Vec<Favourite>,
}

/// Favourites shown.
pub const FAVOURITES_MAX: usize = 6;
/// Orders that favourites are taken from, newest first; habits older than that are none.
const FAVOURITE_ORDERS_MAX: usize = 500;
const PAGE_MAX: usize = 500;

/// A line as it is stored: article, name, quantity, unit, total.
type StoredLine = (Option<Uuid>, String, i64, String, i64);

/// The stored form of a row's lines.
pub(crate) fn lines_to_json(lines: &[HistoryLineRow]) -> String {
    let stored: Vec<(Option<Uuid>, &str, i64, &str, i64)> = lines
        .iter()
        .map(|line| {
            (line.article, line.name.as_str(), line.quantity, line.unit.as_str(), line.total_minor)
        })
        .collect();
    serde_json::to_string(&stored).expect("plain values always serialise")
}

fn lines_from_json(json: &str, currency: Currency) -> Result<Vec<PastLine>, StoreError> {
    let stored: Vec<StoredLine> = from_json(json)?;
    let line = |(article, name, quantity, unit, total_minor): StoredLine| -> Option<PastLine> {
        Some(PastLine {
            article: article.map(ArticleId::from_uuid),
            name,
            quantity: Quantity::new(quantity, unit.parse().ok()?),
            total: Money::new(total_minor, currency),
        })
    };
    let lines: Option<Vec<PastLine>> = stored.into_iter().map(line).collect();
    lines.ok_or_else(|| StoreError::damaged("the unit of a past line"))
}

/// Both sources in one order of time. An own order hides behind central's row of the same identity.
const MERGED: &str = "
    SELECT base.at_ms AS at_ms, base.id AS id, base.rowid AS base_row, own.position, own.paid_position,
           base.currency AS currency, base.total_minor AS total_minor
    FROM base_order AS base LEFT JOIN own_order AS own ON own.id = base.id
    WHERE base.customer = ?1
    UNION ALL
    SELECT own.placed_at_ms, own.id, NULL, own.position, own.paid_position, own.currency, own.total_minor
    FROM own_order AS own
    WHERE own.customer = ?1 AND NOT EXISTS (SELECT 1 FROM base_order AS base WHERE base.id = own.id)";

struct Merged {
    base_row: Option<i64>,
    own: Option<OwnOrder>,
}

fn merged_from(row: &Row<'_>) -> Result<Merged, rusqlite::Error> {
    let position: Option<i64> = row.get(3)?;
    let paid_position = row.get(4)?;
    let own = position.map(|position| OwnOrder { position, paid_position });
    Ok(Merged { base_row: row.get(2)?, own })
}

pub(crate) fn page(
    db: &Connection,
    customer: CustomerId,
    offset: usize,
    limit: usize,
) -> Result<Vec<HistoryOrder>, StoreError> {
    let sql = format!("{MERGED} ORDER BY at_ms DESC, id DESC LIMIT ?2 OFFSET ?3");
    let here = config::store_config(db)?.map(|store| (store.id, store.name));
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows =
        statement.query(params![customer.uuid().as_bytes(), limit.min(PAGE_MAX), offset])?;
    let mut orders = Vec::new();
    while let Some(row) = rows.next()? {
        orders.push(read(db, merged_from(row)?, here.as_ref())?);
    }
    Ok(orders)
}

fn read(
    db: &Connection,
    merged: Merged,
    here: Option<&(StoreId, String)>,
) -> Result<HistoryOrder, StoreError> {
    let is_own = merged.own.is_some();
    let is_unsent = match merged.own {
        Some(own) => !own.is_held(db)?,
        None => false,
    };
    let order = match (merged.base_row, merged.own) {
        (Some(base_row), _) => read_base(db, base_row)?,
        (None, Some(own)) => {
            let stored = own.read(db)?;
            let order = stored.order;
            let place = match here {
                Some((store, name)) if *store == order.store => name.clone(),
                // Taken when this device stood elsewhere.
                _ => Life::of_position(db, own.position)?.identity.store_name,
            };
            past_from(order, stored.clock_offset_ms, place)
        }
        (None, None) => return Err(StoreError::damaged("a history row of nowhere")),
    };
    Ok(HistoryOrder { order, is_unsent, is_own })
}

fn read_base(db: &Connection, base_row: i64) -> Result<PastOrder, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, customer, at_ms, channel, place, number, currency, total_minor, lines \
         FROM base_order WHERE rowid = ?1",
    )?;
    let mut rows = statement.query([base_row])?;
    let row = rows.next()?.ok_or_else(|| StoreError::damaged("the index of past orders"))?;
    let total = money_at(row, 7, 6)?;
    let (channel, lines): (String, String) = (row.get(3)?, row.get(8)?);
    Ok(PastOrder {
        id: OrderId::from_uuid(uuid_at(row, 0)?),
        customer: CustomerId::from_uuid(uuid_at(row, 1)?),
        channel: Channel::from_name(&channel)
            .ok_or_else(|| StoreError::damaged("the channel of a past order"))?,
        place: row.get(4)?,
        number: row.get(5)?,
        at: CentralTime(row.get(2)?),
        lines: lines_from_json(&lines, total.currency())?,
        total,
    })
}

/// An own order as it will look in the history. Its time is central's as far as the device knew: the best there is
/// until central says.
fn past_from(order: Order, clock_offset_ms: Option<i64>, place: String) -> PastOrder {
    let at_ms = order.placed_at.0.saturating_add(clock_offset_ms.unwrap_or(0));
    let line = |line: domain::order::OrderLine| PastLine {
        article: Some(line.article),
        name: line.name,
        quantity: line.quantity,
        total: line.total,
    };
    PastOrder {
        id: order.id,
        customer: order.customer.unwrap_or(CustomerId::from_uuid(Uuid::nil())),
        channel: Channel::Store,
        place,
        number: order.number,
        at: CentralTime(at_ms),
        lines: order.lines.into_iter().map(line).collect(),
        total: order.total,
    }
}

/// The times that a summary is cut at.
struct Calendar {
    zone: TimeZone,
    year_ago_ms: i64,
    first_month: (i16, i8),
    months: Vec<(i16, i8)>,
}

impl Calendar {
    /// A zone that is unknown is shown in UTC: months differ by hours, not by sense.
    fn new(now: CentralTime, time_zone: &str) -> Self {
        let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
        let now = Timestamp::from_millisecond(now.0).unwrap_or(Timestamp::UNIX_EPOCH);
        let now = now.to_zoned(zone.clone());
        let year_ago = now.checked_sub(1.year()).unwrap_or_else(|_| now.clone());
        let months: Vec<(i16, i8)> =
            (0..12).rev().map(|back| month_before((now.year(), now.month()), back)).collect();
        let year_ago_ms = year_ago.timestamp().as_millisecond();
        Self { zone, year_ago_ms, first_month: months[0], months }
    }

    fn month_of(&self, at: CentralTime) -> Option<(i16, i8)> {
        let at: Zoned = Timestamp::from_millisecond(at.0).ok()?.to_zoned(self.zone.clone());
        Some((at.year(), at.month()))
    }
}

fn month_before((year, month): (i16, i8), back: i16) -> (i16, i8) {
    let index = i32::from(year) * 12 + i32::from(month) - 1 - i32::from(back);
    ((index.div_euclid(12)) as i16, (index.rem_euclid(12) + 1) as i8)
}

pub(crate) fn summary(
    db: &Connection,
    customer: CustomerId,
    now: CentralTime,
    time_zone: &str,
) -> Result<HistorySummary, StoreError> {
    let calendar = Calendar::new(now, time_zone);
    let sql = format!("{MERGED} ORDER BY at_ms DESC, id DESC");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([customer.uuid().as_bytes()])?;
    let mut summary = HistorySummary {
        order_count: 0,
        last_at: None,
        spent_year: Vec::new(),
        months: Vec::new(),
        favourites: Vec::new(),
    };
    let mut by_month: BTreeMap<(i16, i8), Money> = BTreeMap::new();
    let mut favourites: HashMap<ArticleId, Favourite> = HashMap::new();
    let overflow = |_| StoreError::damaged("the sum of a history does not fit");
    while let Some(row) = rows.next()? {
        let at = CentralTime(row.get(0)?);
        let total = money_at(row, 6, 5)?;
        if summary.last_at.is_none() {
            summary.last_at = Some(at);
            let zero = Money::zero(total.currency());
            by_month.extend(calendar.months.iter().map(|month| (*month, zero)));
        }
        if (summary.order_count as usize) < FAVOURITE_ORDERS_MAX {
            count_favourites(db, &merged_from(row)?, at, &mut favourites)?;
        }
        summary.order_count += 1;
        if at.0 > calendar.year_ago_ms {
            add_by_currency(&mut summary.spent_year, total).map_err(overflow)?;
        }
        if let Some(month) = calendar.month_of(at).filter(|month| *month >= calendar.first_month)
            && let Some(sum) = by_month.get_mut(&month)
            && sum.currency() == total.currency()
        {
            *sum = sum.checked_add(total).map_err(overflow)?;
        }
    }
    summary.months = by_month.into_iter().map(|((year, month), sum)| (year, month, sum)).collect();
    let mut often: Vec<Favourite> =
        favourites.into_values().filter(|favourite| favourite.times > 1).collect();
    often.sort_by_key(|favourite| {
        (std::cmp::Reverse((favourite.times, favourite.last_at)), favourite.article)
    });
    often.truncate(FAVOURITES_MAX);
    summary.favourites = often;
    Ok(summary)
}

pub(crate) fn add_by_currency(
    sums: &mut Vec<Money>,
    amount: Money,
) -> Result<(), domain::money::MoneyError> {
    match sums.iter_mut().find(|sum| sum.currency() == amount.currency()) {
        Some(sum) => *sum = sum.checked_add(amount)?,
        None => sums.push(amount),
    }
    Ok(())
}

/// Counts an order's articles; orders come newest first, so the first name and time seen are the last ones.
fn count_favourites(
    db: &Connection,
    merged: &Merged,
    at: CentralTime,
    favourites: &mut HashMap<ArticleId, Favourite>,
) -> Result<(), StoreError> {
    let mut bought: BTreeMap<ArticleId, String> = BTreeMap::new();
    match (merged.base_row, merged.own) {
        (Some(base_row), _) => {
            let mut statement =
                db.prepare_cached("SELECT lines FROM base_order WHERE rowid = ?1")?;
            let json: String = statement.query_row([base_row], |row| row.get(0))?;
            let stored: Vec<StoredLine> = from_json(&json)?;
            for (article, name, quantity, ..) in stored {
                if let Some(article) = article.filter(|_| quantity > 0) {
                    bought.insert(ArticleId::from_uuid(article), name);
                }
            }
        }
        (None, Some(own)) => {
            for line in own.read(db)?.order.lines {
                bought.insert(line.article, line.name);
            }
        }
        (None, None) => {}
    }
    for (article, name) in bought {
        favourites
            .entry(article)
            .and_modify(|favourite| favourite.times += 1)
            .or_insert(Favourite { article, name, times: 1, last_at: at });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_months_back_cross_the_new_year() {
        assert_eq!(month_before((2026, 3), 0), (2026, 3));
        assert_eq!(month_before((2026, 3), 3), (2025, 12));
        assert_eq!(month_before((2026, 1), 11), (2025, 2));
    }
}
