//! Seeding: a chain that does not exist, the same for the same numbers, from a handful of articles to millions.
//!
//! Everything is made in batches, each a transaction that also books how far the seed is. A seed that was stopped
//! goes on where it was when it is asked for with the same numbers; with other numbers it refuses, because half of
//! one chain and half of another would be neither.

mod article;
mod customer;
mod dice;
mod history;
mod store;
mod vocabulary;

use crate::Central;
use crate::db::{blob, meta, set_meta};
use crate::error::CentralError;
use crate::feed::{self, EVERYBODY, Put};
use crate::price;
use crate::task::{Ended, Watch};
pub use article::ARTICLES_MAX;
use dice::{Dice, Kind};
use history::Buyer;
use rusqlite::{Connection, params};
use std::sync::Arc;
pub use store::{STAFF, STORES_MAX, pin_verifier};
use sync::protocol::feed::{Feed, StockRow, StoreRow};

/// Rows of one transaction.
const BATCH: u64 = 2_000;
/// A store keeps the best sellers; the rest of the catalogue can be ordered.
const STOCKED_MAX: u64 = 20_000;
/// The last order is before 2026-11-01, unless the plan says otherwise: a seed must not depend on the day.
pub const UNTIL_MS: i64 = 1_793_491_200_000;

const PLAN_KEY: &str = "seed_plan";
const PROGRESS_KEY: &str = "seed_progress";

/// What to make.
#[derive(Clone, Debug)]
pub struct Plan {
    articles: u64,
    customers: u64,
    orders: u64,
    stores: u64,
    seed: u64,
    until_ms: i64,
    stores_made: Arc<[StoreRow]>,
}

impl Plan {
    /// A plan; numbers out of bounds are taken to the nearest possible ones. There is always one customer, and
    /// she always has her orders.
    pub fn new(
        (articles, customers, orders): (u64, u64, u64),
        stores: u64,
        seed: u64,
        until_ms: i64,
    ) -> Self {
        let stores = stores.clamp(1, STORES_MAX);
        Self {
            articles: articles.clamp(1, ARTICLES_MAX),
            customers: customers.max(1),
            orders: orders.max(history::MARIES_ORDERS),
            stores,
            seed,
            until_ms,
            stores_made: (1..=stores).map(|number| store::store(seed, number)).collect(),
        }
    }

    /// One line that tells plans apart.
    fn text(&self) -> String {
        let Self { articles, customers, orders, stores, seed, until_ms, .. } = self;
        format!("1 {articles} {customers} {orders} {stores} {seed} {until_ms}")
    }
}

/// How a seed ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seeded {
    /// The chain is there, now or since before.
    Whole,
    /// Stopped between two batches; the same call goes on.
    Stopped,
    /// The directory holds something else.
    Occupied,
}

/// The parts of the work, in order; progress is booked as part and next number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Stores,
    Articles,
    Stock,
    Customers,
    Orders,
    Done,
}

const PARTS: [Part; 6] =
    [Part::Stores, Part::Articles, Part::Stock, Part::Customers, Part::Orders, Part::Done];

/// Makes the chain of a plan, and the snapshots that terminals will start from.
pub fn run(central: &Central, plan: &Plan, watch: &mut dyn Watch) -> Result<Seeded, CentralError> {
    let text = plan.text();
    let begun = central.database().writer().run(move |c| begin(c, &text))?;
    let Some((mut part, mut next)) = begun else { return Ok(Seeded::Occupied) };
    let ends: Arc<[u64]> =
        if part <= Part::Orders { history::ends(plan).into() } else { Arc::new([]) };
    while part != Part::Done {
        let (name, total) = match part {
            Part::Stores => ("stores", plan.stores),
            Part::Articles => ("articles", plan.articles),
            Part::Stock => ("stock", plan.stores * plan.articles.min(STOCKED_MAX)),
            Part::Customers => ("customers", plan.customers),
            Part::Orders | Part::Done => ("customers' orders", plan.customers),
        };
        watch.begin(name, total);
        while next < total {
            let end = batch_end(plan, part, next, total, &ends);
            let (plan, ends) = (plan.clone(), Arc::clone(&ends));
            central.database().writer().run(move |connection| {
                write_batch(connection, &plan, part, next..end, &ends)?;
                book(connection, part, end)
            })?;
            next = end;
            if !watch.done(next) {
                return Ok(Seeded::Stopped);
            }
        }
        (part, next) = (PARTS[part as usize + 1], 0);
        central.database().writer().run(move |connection| book(connection, part, 0))?;
    }
    match prepare(central, plan.stores, watch)? {
        Ended::Done => Ok(Seeded::Whole),
        Ended::Stopped => Ok(Seeded::Stopped),
    }
}

/// Whether no seed was begun, or all of it is done.
pub fn is_whole(central: &Central) -> Result<bool, CentralError> {
    central.database().read(|connection| {
        let is_begun = meta(connection, PLAN_KEY)?.is_some();
        let part = meta(connection, PROGRESS_KEY)?;
        let part = part.as_deref().and_then(|text| text.split_once(' ')?.0.parse().ok());
        Ok(!is_begun || part == Some(Part::Done as usize))
    })
}

/// Where to go on; `None` if the directory holds something else.
fn begin(connection: &Connection, text: &str) -> Result<Option<(Part, u64)>, CentralError> {
    match meta(connection, PLAN_KEY)? {
        None => {
            let stores: i64 =
                connection.query_row("SELECT count(*) FROM store", [], |row| row.get(0))?;
            if stores > 0 {
                return Ok(None);
            }
            set_meta(connection, PLAN_KEY, text)?;
            Ok(Some((Part::Stores, 0)))
        }
        Some(found) if found == text => {
            let progress = meta(connection, PROGRESS_KEY)?.unwrap_or_else(|| "0 0".into());
            let damaged = || CentralError::DamagedRow("seed progress");
            let (part, next) = progress.split_once(' ').ok_or_else(damaged)?;
            let part: usize = part.parse().map_err(|_| damaged())?;
            let next = next.parse().map_err(|_| damaged())?;
            Ok(Some((*PARTS.get(part).ok_or_else(damaged)?, next)))
        }
        Some(_) => Ok(None),
    }
}

fn book(connection: &Connection, part: Part, next: u64) -> Result<(), CentralError> {
    set_meta(connection, PROGRESS_KEY, &format!("{} {next}", part as usize))
}

/// Orders come by customer: a batch ends with the customer whose orders fill it.
fn batch_end(plan: &Plan, part: Part, next: u64, total: u64, ends: &[u64]) -> u64 {
    if part != Part::Orders {
        return (next + BATCH).min(total);
    }
    let done = if next == 0 { 0 } else { ends[next as usize - 1] };
    let filled = ends.partition_point(|end| *end < done + BATCH) as u64;
    (filled + 1).clamp(next + 1, plan.customers)
}

fn write_batch(
    connection: &Connection,
    plan: &Plan,
    part: Part,
    numbers: std::ops::Range<u64>,
    ends: &[u64],
) -> Result<(), CentralError> {
    let table = history::taxes(plan.seed);
    let staff = if part == Part::Stores { store::staff(plan.seed)? } else { Vec::new() };
    if part == Part::Articles && numbers.start == 0 {
        // The whole catalogue is the first price list.
        price::next_version(connection)?;
    }
    for number in numbers {
        match part {
            Part::Stores => write_store(connection, plan, number as usize, &staff)?,
            Part::Articles => {
                price::put_article(connection, &article::article(plan.seed, number + 1))?;
            }
            Part::Stock => write_stock(connection, plan, number)?,
            Part::Customers => {
                let row = customer::customer(plan.seed, number).row;
                // In snapshots, who came last comes first; Marie before all.
                let rank = if number == customer::MARIE { i64::MIN } else { -row.since_ms };
                crate::customer::put(connection, &row, rank)?;
            }
            Part::Orders => {
                let customer = customer::customer(plan.seed, number);
                let first_order = if number == 0 { 0 } else { ends[number as usize - 1] };
                let buyer = Buyer {
                    row: &customer.row,
                    number,
                    household: customer.household,
                    first_order,
                    count: ends[number as usize] - first_order,
                };
                history::write(connection, plan, &table, &buyer)?;
            }
            Part::Done => {}
        }
    }
    Ok(())
}

fn write_store(
    connection: &Connection,
    plan: &Plan,
    index: usize,
    staff: &[sync::protocol::feed::StaffRow],
) -> Result<(), CentralError> {
    let row = &plan.stores_made[index];
    let no = index as i64 + 1;
    connection.execute(
        "INSERT INTO store (no, id, code, name) VALUES (?1, ?2, ?3, ?4)",
        params![no, blob(row.id), row.code, row.name],
    )?;
    let at = |table, key| Put { feed: Feed::Config, scope: no, table, key, rank: 0 };
    feed::put(connection, &at("store", row.id), row)?;
    for person in staff {
        feed::put(connection, &at("staff", person.id), person)?;
    }
    Ok(())
}

fn write_stock(connection: &Connection, plan: &Plan, number: u64) -> Result<(), CentralError> {
    let stocked = plan.articles.min(STOCKED_MAX);
    let (store, article_number) = (number / stocked, number % stocked + 1);
    let mut dice = Dice::of(plan.seed, Kind::Stock, store << 32 | article_number);
    let article = article::article(plan.seed, article_number);
    let on_hand = match article.unit.as_str() {
        "piece" if article_number <= 24 => dice.between(40, 120),
        "piece" => dice.between(0, 60),
        _ => dice.between(2_000, 40_000),
    };
    let at = Put {
        feed: Feed::Stock,
        scope: store as i64 + 1,
        table: "stock",
        key: article.id,
        rank: article_number as i64,
    };
    feed::put(connection, &at, &StockRow { article: article.id, on_hand })
}

/// Builds the snapshots of all feeds.
fn prepare(central: &Central, stores: u64, watch: &mut dyn Watch) -> Result<Ended, CentralError> {
    for feed in Feed::ALL {
        let scopes: Vec<i64> = match feed::scope_of(feed, 1) {
            EVERYBODY => vec![EVERYBODY],
            _ => (1..=stores as i64).collect(),
        };
        let rows = central.database().read(|c| feed::count(c, feed, scopes[0]))?;
        watch.begin(&format!("snapshot of {}", feed.name()), rows);
        for scope in scopes {
            if central.snapshot(feed, scope, |done| watch.done(done))?.is_none() {
                return Ok(Ended::Stopped);
            }
        }
        watch.done(rows);
    }
    Ok(Ended::Done)
}
