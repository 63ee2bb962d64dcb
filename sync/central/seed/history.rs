//! What the customers of the demo chain bought: the habits of households, over two years and all channels.
//!
//! A household has favourites and buys them again and again; goods of the season are bought in their months;
//! people keep to a weekday and a channel, and change it now and then.

use super::article::{article, months};
use super::customer::MARIE;
use super::dice::{Dice, Kind};
use super::{Plan, store};
use crate::apply::put_history;
use crate::db::blob;
use crate::error::CentralError;
use domain::money::{Currency, Money};
use domain::order::{Channel, Fulfilment};
use domain::pricing::{TaxTable, line_total, tax_all};
use domain::quantity::{Quantity, Unit};
use rusqlite::{Connection, params};
use sync::protocol::feed::{ArticleRow, CustomerRow, HistoryLineRow, HistoryRow};
use sync::protocol::order::TaxBody;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
/// How far back the orders go.
const SPAN_MS: i64 = 730 * DAY_MS;
/// Orders that Marie always has.
pub const MARIES_ORDERS: u64 = 14;
/// Her channels, in turn.
const MARIES_CHANNELS: [Channel; 7] = [
    Channel::Store,
    Channel::Store,
    Channel::Web,
    Channel::Store,
    Channel::Phone,
    Channel::Web,
    Channel::Store,
];
const EVERY_DAY: [u64; 12] = [1, 1, 1, 2, 2, 2, 3, 4, 5, 6, 8, 10];

/// How many orders each customer has: `ends[n]` is the number of orders of customers 0 to n.
pub fn ends(plan: &Plan) -> Vec<u64> {
    let weight = |number: u64| {
        let mut dice = Dice::of(plan.seed, Kind::Orders, number);
        // A fifth never came back; the rest from now and then to every other day.
        if number == MARIE || dice.chance(20) { 0 } else { *dice.pick(&EVERY_DAY) * 5 }
    };
    let weights: Vec<u64> = (0..plan.customers).map(weight).collect();
    let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    let shared = u128::from(plan.orders.saturating_sub(MARIES_ORDERS));
    let mut sum = 0u128;
    let end = |weight: &u64| {
        sum += u128::from(*weight);
        let share = (sum * shared).checked_div(total).unwrap_or(0);
        MARIES_ORDERS + share as u64
    };
    weights.iter().map(end).collect()
}

/// A customer with their place in the plan.
pub struct Buyer<'a> {
    /// As published.
    pub row: &'a CustomerRow,
    /// Number, from 0.
    pub number: u64,
    /// Household.
    pub household: u64,
    /// Number of their first order.
    pub first_order: u64,
    /// Orders.
    pub count: u64,
}

struct Habits {
    favourites: Vec<u64>,
    store: u64,
    weekday: i64,
    lines_mean: u64,
}

fn habits(plan: &Plan, household: u64) -> Habits {
    let mut dice = Dice::of(plan.seed, Kind::Household, household | 1 << 40);
    let count = dice.between(8, 30);
    let favourites = (0..count).map(|_| 1 + dice.popular(plan.articles)).collect();
    let store = if household == 0 { 1 } else { 1 + dice.below(plan.stores) };
    Habits { favourites, store, weekday: dice.between(0, 6), lines_mean: 2 + dice.below(7) }
}

/// Chances of web and phone in percent; the rest is bought in the store.
fn channel_mix(dice: &mut Dice) -> (u64, u64) {
    match dice.below(100) {
        0..=59 => (8, 3),
        60..=84 => (65, 5),
        85..=93 => (5, 55),
        _ => (30, 20),
    }
}

fn month_of(at_ms: i64) -> u8 {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.to_zoned(jiff::tz::TimeZone::UTC).month() as u8
}

struct Draft {
    at_ms: i64,
    channel: Channel,
    lines: Vec<(ArticleRow, Quantity)>,
}

fn quantity(dice: &mut Dice, unit: Unit) -> Quantity {
    let amount = match unit {
        Unit::Piece => *dice.pick(&[1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4, 6]),
        Unit::Millimetre => dice.between(5, 50) * 100,
        Unit::Gram | Unit::Millilitre => dice.between(120, 1400),
    };
    Quantity::new(amount, unit)
}

fn moment(dice: &mut Dice, plan: &Plan, habits: &Habits, channel: Channel, k: u64, n: u64) -> i64 {
    let slot = SPAN_MS / n.max(1) as i64;
    let start = plan.until_ms - SPAN_MS + slot * k as i64;
    let day = (start + dice.between(0, slot - 1)).div_euclid(DAY_MS);
    // 1970-01-01 was a Thursday; six in ten orders fall on the household's day.
    let shift = (habits.weekday - (day + 3).rem_euclid(7)).rem_euclid(7);
    let day =
        if dice.chance(60) && (day + shift) * DAY_MS < plan.until_ms { day + shift } else { day };
    let (from, to) = match channel {
        Channel::Store => (7, 18),
        Channel::Web => (17, 22),
        Channel::Phone => (7, 11),
    };
    let time = dice.between(from, to) * HOUR_MS + dice.between(0, HOUR_MS - 1);
    (day * DAY_MS + time).min(plan.until_ms - 1)
}

fn draft(dice: &mut Dice, plan: &Plan, habits: &Habits, at_ms: i64, channel: Channel) -> Draft {
    let month = month_of(at_ms);
    let wanted = 1 + dice.below(habits.lines_mean * if channel == Channel::Web { 3 } else { 2 });
    let mut numbers: Vec<u64> = Vec::new();
    for _ in 0..wanted * 2 {
        if numbers.len() as u64 == wanted {
            break;
        }
        let number = if dice.chance(70) {
            *dice.pick(&habits.favourites)
        } else {
            1 + dice.popular(plan.articles)
        };
        let season = months(plan.seed, number);
        let is_in_season = season.is_empty() || season.contains(&month) || dice.chance(5);
        if is_in_season && !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    if numbers.is_empty() {
        // Somebody who came for ice cream in winter takes milk along.
        numbers.push(1);
    }
    let lines = numbers.into_iter().map(|number| {
        let row = article(plan.seed, number);
        let unit = row.unit.parse().expect("the seed's articles have units");
        (row, quantity(dice, unit))
    });
    Draft { at_ms, channel, lines: lines.collect() }
}

/// Writes the orders of a customer.
pub fn write(
    connection: &Connection,
    plan: &Plan,
    table: &TaxTable,
    buyer: &Buyer<'_>,
) -> Result<(), CentralError> {
    let habits = habits(plan, buyer.household);
    let mut dice = Dice::of(plan.seed, Kind::Orders, buyer.number | 1 << 40);
    let (web, phone) = channel_mix(&mut dice);
    for k in 0..buyer.count {
        let throw = dice.below(100);
        let channel = match throw {
            _ if buyer.number == MARIE => MARIES_CHANNELS[k as usize % MARIES_CHANNELS.len()],
            _ if throw < web => Channel::Web,
            _ if throw < web + phone => Channel::Phone,
            _ => Channel::Store,
        };
        let at_ms = moment(&mut dice, plan, &habits, channel, k, buyer.count);
        let draft = draft(&mut dice, plan, &habits, at_ms, channel);
        let id = crate::rim::id_at(at_ms, &dice.id_bytes());
        let ordinal = buyer.first_order + k + 1;
        // Now and then people shop elsewhere.
        let store = if dice.chance(8) { 1 + dice.below(plan.stores) } else { habits.store };
        write_one(connection, plan, table, buyer, (id, ordinal, store), &draft)?;
    }
    Ok(())
}

fn write_one(
    connection: &Connection,
    plan: &Plan,
    table: &TaxTable,
    buyer: &Buyer<'_>,
    (id, ordinal, store): (uuid::Uuid, u64, u64),
    draft: &Draft,
) -> Result<(), CentralError> {
    let currency = Currency::CHF;
    let money = |minor| Money::new(minor, currency);
    let too_large = |_| CentralError::DamagedRow("seeded order");
    let mut totals = Vec::new();
    for (article, quantity) in &draft.lines {
        totals.push(line_total(money(article.price_minor), *quantity).map_err(too_large)?);
    }
    let groups = draft.lines.iter().map(|(article, _)| article.tax_group.as_str());
    let (taxes, _, total) = tax_all(groups.zip(&totals), table, money(0))
        .map_err(|_| CentralError::DamagedRow("seeded order"))?;
    let (number, place, store_no) = match draft.channel {
        Channel::Store => {
            let row = &plan.stores_made[(store - 1) as usize];
            (format!("{}-H-{ordinal:07}", row.code), row.name.clone(), Some(store as i64))
        }
        Channel::Web => (format!("W{ordinal:08}"), String::new(), None),
        Channel::Phone => (format!("P{ordinal:08}"), String::new(), None),
    };
    let taxes: Vec<TaxBody> = taxes
        .iter()
        .map(|tax| TaxBody {
            name: tax.rate.name.clone(),
            rate_ppm: tax.rate.rate_ppm,
            base_minor: tax.base.minor(),
            amount_minor: tax.amount.minor(),
        })
        .collect();
    let sql = "INSERT INTO orders (id, number, channel, store, customer, placed_ms, currency,
               total_minor, taxes, flags) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, '')";
    connection.prepare_cached(sql)?.execute(params![
        blob(id),
        number,
        draft.channel.name(),
        store_no,
        blob(buyer.row.id),
        draft.at_ms,
        currency.code(),
        total.minor(),
        serde_json::to_string(&taxes).map_err(CentralError::Json)?,
    ])?;
    write_lines(connection, connection.last_insert_rowid(), draft, &totals)?;
    let lines =
        draft.lines.iter().zip(&totals).map(|((article, quantity), total)| HistoryLineRow {
            article: Some(article.id),
            name: article.name.clone(),
            quantity: quantity.amount,
            unit: article.unit.clone(),
            total_minor: total.minor(),
        });
    let row = HistoryRow {
        id,
        customer: buyer.row.id,
        channel: draft.channel.name().into(),
        place,
        number,
        at_ms: draft.at_ms,
        currency: currency.code().into(),
        lines: lines.collect(),
        total_minor: total.minor(),
    };
    put_history(connection, &row)
}

fn write_lines(
    connection: &Connection,
    order_no: i64,
    draft: &Draft,
    totals: &[Money],
) -> Result<(), CentralError> {
    let sql = "INSERT INTO order_line (order_no, line_no, article, gtin, name, quantity, unit,
               unit_price_minor, total_minor, tax_group, price_version, fulfilment)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let fulfilment =
        if draft.channel == Channel::Store { Fulfilment::Carry } else { Fulfilment::Deliver };
    let mut statement = connection.prepare_cached(sql)?;
    for (line_no, ((article, quantity), total)) in draft.lines.iter().zip(totals).enumerate() {
        statement.execute(params![
            order_no,
            line_no as i64,
            blob(article.id),
            article.gtins[0].parse::<i64>().ok(),
            article.name,
            quantity.amount,
            article.unit,
            article.price_minor,
            total.minor(),
            article.tax_group,
            article.price_version as i64,
            fulfilment.name(),
        ])?;
    }
    Ok(())
}

/// The taxes of the demo chain, for pricing its history.
pub fn taxes(seed: u64) -> TaxTable {
    crate::apply::tax_table(&store::store(seed, 1))
}
