//! What is not the journal: settings, baskets, guards of PINs, and the rows of central, so that the shop can go on
//! before central is reached.
//!
//! Only rows of the newest state are taken, and only those that are certain: an old price is worse than none, and a
//! basket that was sold must not come back.

use super::copy;
use super::layout::Record;
use super::source::Source;
use crate::catalogue::{unpack_gtins, unpack_packs};
use crate::error::StoreError;
use crate::feed;
use domain::article::Pack;
use domain::gtin::Gtin;
use rusqlite::{Connection, params};
use std::collections::BTreeSet;
use sync::protocol::feed::{ArticleRow, Feed, PackRow};
use uuid::Uuid;

/// Rows that are written together.
const BATCH: usize = 4_096;

/// Copies settings and guards of PINs.
pub(super) fn carry_settings(db: &Connection, source: &Source<'_>) -> Result<(), StoreError> {
    let mut result = Ok(());
    source.visit_current("setting", &mut |record| {
        if let (Some(key), Some(value)) = (record.text("key"), record.text("value"))
            && !key.starts_with(copy::PREFIX)
        {
            let sql = "INSERT OR IGNORE INTO setting (key, value) VALUES (?1, ?2)";
            keep_first(&mut result, db.execute(sql, [key, value]));
        }
    });
    source.visit_current("staff_memory", &mut |record| {
        let staff = record.bytes::<16>("staff");
        let failures = record.count("failures").and_then(|count| u32::try_from(count).ok());
        let locked = record.integer("locked_until_ms");
        if let (Some(staff), Some(failures), Some(locked)) = (staff, failures, locked) {
            let sql = "INSERT OR IGNORE INTO staff_memory (staff, failures, locked_until_ms) \
                       VALUES (?1, ?2, ?3)";
            keep_first(&mut result, db.execute(sql, params![staff, failures, locked]));
        }
    });
    result
}

/// A basket that was in work or put aside.
pub(super) struct FoundBasket {
    id: [u8; 16],
    /// `None`: it was in work.
    parked_at_ms: Option<i64>,
    body: String,
    lines: Vec<Uuid>,
}

/// Baskets in work and put aside.
pub(super) fn find_baskets(source: &Source<'_>) -> Vec<FoundBasket> {
    let mut baskets: Vec<FoundBasket> = Vec::new();
    let mut take = |record: Record<'_>, is_parked: bool| {
        let parked_at_ms = record.integer("parked_at_ms");
        let (Some(id), Some(body)) = (record.bytes("basket"), record.text("body")) else { return };
        let is_new = baskets.iter().all(|known| known.id != id);
        if is_new && is_parked == parked_at_ms.is_some() {
            let lines = lines_of(body);
            baskets.push(FoundBasket { id, parked_at_ms, body: body.to_owned(), lines });
        }
    };
    source.visit_current("draft", &mut |record| take(record, false));
    source.visit_current("parked", &mut |record| take(record, true));
    baskets
}

fn lines_of(body: &str) -> Vec<Uuid> {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let lines = body["lines"].as_array().map_or(&[][..], Vec::as_slice).iter();
    lines.filter_map(|line| line["id"].as_str()?.parse().ok()).collect()
}

/// The lines of all baskets.
pub(super) fn lines_in(baskets: &[FoundBasket]) -> BTreeSet<Uuid> {
    baskets.iter().flat_map(|basket| basket.lines.iter().copied()).collect()
}

/// Writes the baskets of which no line was sold.
pub(super) fn carry_baskets(
    db: &Connection,
    baskets: &[FoundBasket],
    unsold: &BTreeSet<Uuid>,
) -> Result<(), StoreError> {
    for basket in baskets.iter().filter(|basket| basket.lines.iter().all(|it| unsold.contains(it)))
    {
        match basket.parked_at_ms {
            None => db.execute(
                "INSERT OR IGNORE INTO draft (one, basket, body) VALUES (1, ?1, ?2)",
                params![basket.id, basket.body],
            )?,
            Some(at_ms) => db.execute(
                "INSERT OR IGNORE INTO parked (basket, parked_at_ms, body) VALUES (?1, ?2, ?3)",
                params![basket.id, at_ms, basket.body],
            )?,
        };
    }
    Ok(())
}

/// Copies baskets that could not be read back, as they are.
pub(super) fn carry_unreadable(db: &Connection, source: &Source<'_>) -> Result<(), StoreError> {
    let mut result = Ok(());
    source.visit_current("unreadable_basket", &mut |record| {
        if let (Some(basket), Some(body)) = (record.blob("basket"), record.text("body")) {
            let sql =
                "INSERT INTO unreadable_basket (basket, parked_at_ms, body) VALUES (?1, ?2, ?3)";
            let parked_at_ms = record.integer("parked_at_ms");
            keep_first(&mut result, db.execute(sql, params![basket, parked_at_ms, body]));
        }
    });
    result
}

/// Copies the counted list. Lines without their head belong to nobody, so they come only with it.
pub(super) fn carry_count(db: &Connection, source: &Source<'_>) -> Result<(), StoreError> {
    let mut result = Ok(());
    let mut has_head = false;
    source.visit_current("stock_count", &mut |record| {
        let (at_ms, staff) = (record.integer("begun_at_ms"), record.bytes::<16>("staff"));
        if let (Some(at_ms), Some(staff), Some(name)) = (at_ms, staff, record.text("name")) {
            has_head = true;
            let sql = "INSERT OR IGNORE INTO stock_count (one, begun_at_ms, staff, name) \
                       VALUES (1, ?1, ?2, ?3)";
            keep_first(&mut result, db.execute(sql, params![at_ms, staff, name]));
        }
    });
    if !has_head {
        return result;
    }
    source.visit_current("stock_count_line", &mut |record| {
        let (line, article) = (record.bytes::<16>("line"), record.bytes::<16>("article"));
        let (unit, name) = (record.text("unit"), record.text("name"));
        let [place, amount, packs] = ["place", "amount", "packs"].map(|it| record.integer(it));
        if let (Some(line), Some(article), Some(unit), Some(name)) = (line, article, unit, name) {
            let sql = "INSERT OR IGNORE INTO stock_count_line \
                       (line, place, article, unit, amount, packs, gtin, name, stock_unit) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
            let gtin = record.integer("gtin");
            let stock_unit = record.text("stock_unit");
            let row = params![line, place, article, unit, amount, packs, gtin, name, stock_unit];
            keep_first(&mut result, db.execute(sql, row));
        }
    });
    result
}

fn keep_first(result: &mut Result<(), StoreError>, done: Result<usize, rusqlite::Error>) {
    if let Err(error) = done
        && result.is_ok()
    {
        *result = Err(error.into());
    }
}

/// Copies store, staff, articles, customers and stock. The feeds have no cursors: they are loaded anew, and replace
/// all of it.
pub(super) fn carry_base(db: &mut Connection, source: &Source<'_>) -> Result<(), StoreError> {
    for (table, name) in [("base_store", "store"), ("base_staff", "staff")] {
        let spare = |record: Record<'_>| {
            (record.text("name") == Some(name)).then(|| plain(record)).flatten()
        };
        carry_feed(db, source, Feed::Config, ("spare_config", name), &spare)?;
        carry_feed(db, source, Feed::Config, (table, name), &plain)?;
    }
    carry_feed(db, source, Feed::Catalogue, ("base_article", "article"), &article)?;
    carry_stock(db, source)?;
    carry_feed(db, source, Feed::Customers, ("base_customer", "customer"), &plain)
}

/// A row of central: its key and its JSON.
type WireRow = (Uuid, String);

fn plain(record: Record<'_>) -> Option<WireRow> {
    Some((record.uuid("id")?, record.text("row")?.to_owned()))
}

fn article(record: Record<'_>) -> Option<WireRow> {
    let gtins = unpack_gtins(record.blob("gtins")?)?;
    let packs = unpack_packs(record.blob("gtins")?)?;
    let pack = |pack: Pack| PackRow { gtin: pack.gtin.to_gtin14(), pieces: pack.pieces.into() };
    let row = ArticleRow {
        id: record.uuid("id")?,
        gtins: gtins.into_iter().map(|gtin: Gtin| format!("{:014}", gtin.number())).collect(),
        packs: packs.into_iter().map(pack).collect(),
        name: record.text("name")?.to_owned(),
        detail: record.text("detail")?.to_owned(),
        category: record.text("category")?.to_owned(),
        unit: record.text("unit")?.to_owned(),
        price_minor: record.integer("price_minor")?,
        currency: record.text("currency")?.to_owned(),
        tax_group: record.text("tax_group")?.to_owned(),
        price_version: record.count("price_version")?,
        rank: u32::try_from(record.integer("placed_rank")?).ok()?,
    };
    Some((row.id, serde_json::to_string(&row).ok()?))
}

fn carry_feed(
    db: &mut Connection,
    source: &Source<'_>,
    feed: Feed,
    (table, name): (&'static str, &str),
    read: &dyn Fn(Record<'_>) -> Option<WireRow>,
) -> Result<(), StoreError> {
    let mut batch: Vec<WireRow> = Vec::new();
    let mut result = Ok(());
    let mut write = |batch: &mut Vec<WireRow>| {
        if result.is_ok() {
            result = (|| {
                let tx = db.transaction()?;
                feed::carry_over(&tx, feed, name, batch.drain(..))?;
                Ok(tx.commit()?)
            })();
        }
    };
    source.visit_current(table, &mut |record| {
        batch.extend(read(record));
        if batch.len() >= BATCH {
            write(&mut batch);
        }
    });
    write(&mut batch);
    result
}

/// Stock is visible by stages; what was visible is visible at once.
fn carry_stock(db: &mut Connection, source: &Source<'_>) -> Result<(), StoreError> {
    let mut visible = 0;
    source.visit_current("feed", &mut |record| {
        if record.text("name") == Some(Feed::Stock.name()) {
            visible = record.integer("visible_stage").unwrap_or(0);
        }
    });
    let tx = db.transaction()?;
    let mut result = Ok(());
    source.visit_current("base_stock", &mut |record| {
        let is_visible = record.integer("stage").is_some_and(|stage| stage <= visible);
        let on_hand = record.integer(if is_visible { "on_hand" } else { "before" });
        if let (Some(article), Some(on_hand)) = (record.bytes::<16>("article"), on_hand) {
            let sql = "INSERT OR IGNORE INTO base_stock (article, on_hand, stage, generation) \
                       VALUES (?1, ?2, 0, 0)";
            keep_first(&mut result, tx.execute(sql, params![article, on_hand]));
        }
    });
    result?;
    tx.execute(
        "UPDATE feed SET rows = (SELECT count(*) FROM base_stock) WHERE name = ?1",
        [Feed::Stock.name()],
    )?;
    Ok(tx.commit()?)
}
