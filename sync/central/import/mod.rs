//! Importing catalogues and customers of a chain that exists.
//!
//! Good records are written in batches, each a transaction; each broken one is told with its line and its reason
//! and hides nothing else. A record that is known (by GTIN, by external id) is updated; columns that a file lacks
//! leave what is there. Importing the same file again changes nothing that was not changed in between.

mod row;
mod table;

use crate::Central;
use crate::db::{blob, id};
use crate::error::CentralError;
use crate::feed::{self, EVERYBODY};
use crate::price;
use crate::task::Watch;
use domain::Unit;
use domain::article::Pack;
use domain::gtin::Gtin;
use row::{ArticleRecord, CustomerRecord};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashSet;
use std::io::Read;
use sync::protocol::feed::{ArticleRow, CustomerRow, Feed, PackRow, StoreRow};
pub use table::{Form, Mapping};
use uuid::Uuid;

/// Records of one transaction.
const BATCH: usize = 2_000;
/// Rank of an article that nobody ranked: behind all that are.
const UNRANKED: u32 = u32::MAX;

/// What is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Articles.
    Articles,
    /// Customers.
    Customers,
}

impl What {
    /// The columns that are understood.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Articles => &row::ARTICLE_COLUMNS,
            Self::Customers => &row::CUSTOMER_COLUMNS,
        }
    }
}

/// A record that was not imported.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Refused {
    /// Line in the file, from 1.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Imported {
    /// New rows.
    pub added: u64,
    /// Rows that are now otherwise.
    pub changed: u64,
    /// Rows that were so already.
    pub unchanged: u64,
    /// Records refused.
    pub refused: u64,
    /// Work was stopped; what was committed stays.
    pub is_stopped: bool,
}

/// What became of one record.
enum Fate {
    Added,
    Changed,
    Unchanged,
}

enum Checked {
    Article(ArticleRecord),
    Customer(Box<CustomerRecord>),
}

/// Imports a file. `refuse` hears of every record that is not imported.
pub fn run(
    central: &Central,
    what: What,
    (file, form): (impl Read, Form),
    mapping: &Mapping,
    watch: &mut dyn Watch,
    refuse: &mut dyn FnMut(&Refused),
) -> Result<Imported, CentralError> {
    let mut imported = Imported::default();
    let failed = CentralError::file("read", std::path::Path::new("the file"));
    let mut records = table::records(file, form, mapping).map_err(failed)?;
    let mut batch: Vec<(u64, Checked)> = Vec::new();
    let mut seen = 0;
    let mut price_version = None;
    watch.begin(if what == What::Articles { "articles" } else { "customers" }, 0);
    loop {
        let record = records.next();
        let is_end = record.is_none();
        if let Some(record) = record {
            seen += 1;
            let checked = record.fields.and_then(|fields| match what {
                What::Articles => row::article(&fields).map(Checked::Article),
                What::Customers => {
                    row::customer(&fields).map(|row| Checked::Customer(Box::new(row)))
                }
            });
            match checked {
                Ok(checked) => batch.push((record.line, checked)),
                Err(reason) => {
                    imported.refused += 1;
                    refuse(&Refused { line: record.line, reason });
                }
            }
        }
        if batch.len() >= BATCH || (is_end && !batch.is_empty()) {
            let written = write(central, std::mem::take(&mut batch), price_version)?;
            price_version = written.price_version;
            imported.added += written.imported.added;
            imported.changed += written.imported.changed;
            imported.unchanged += written.imported.unchanged;
            imported.refused += written.refused.len() as u64;
            written.refused.iter().for_each(&mut *refuse);
        }
        if is_end {
            return Ok(imported);
        }
        if seen % BATCH as u64 == 0 && !watch.done(seen) {
            imported.is_stopped = true;
            return Ok(imported);
        }
    }
}

struct Written {
    imported: Imported,
    refused: Vec<Refused>,
    price_version: Option<u64>,
}

fn write(
    central: &Central,
    batch: Vec<(u64, Checked)>,
    price_version: Option<u64>,
) -> Result<Written, CentralError> {
    let now_ms = central.rim().now_ms();
    let mut fresh = Vec::with_capacity(batch.len());
    for _ in &batch {
        fresh.push(central.rim().new_id()?);
    }
    central.database().writer().run(move |connection| {
        // All of a file is one price list.
        let mut written =
            Written { imported: Imported::default(), refused: Vec::new(), price_version };
        let taxes = tax_groups(connection)?;
        for ((line, checked), fresh_id) in batch.into_iter().zip(fresh) {
            let fate = match checked {
                Checked::Article(record) => {
                    article(connection, record, fresh_id, &taxes, &mut written.price_version)?
                }
                Checked::Customer(record) => customer(connection, *record, fresh_id, now_ms)?,
            };
            match fate {
                Ok(Fate::Added) => written.imported.added += 1,
                Ok(Fate::Changed) => written.imported.changed += 1,
                Ok(Fate::Unchanged) => written.imported.unchanged += 1,
                Err(reason) => written.refused.push(Refused { line, reason }),
            }
        }
        Ok(written)
    })
}

/// The tax groups that at least one store knows. An article of another one could not be sold anywhere.
fn tax_groups(connection: &Connection) -> Result<HashSet<String>, CentralError> {
    let mut query = connection
        .prepare_cached("SELECT row FROM feed_row WHERE tbl = 'store' AND row IS NOT NULL")?;
    let rows = query.query_map([], |row| row.get::<_, String>(0))?;
    let mut groups = HashSet::new();
    for row in rows {
        if let Ok(store) = serde_json::from_str::<StoreRow>(&row?) {
            groups.extend(store.tax_groups.into_iter().map(|group| group.key));
        }
    }
    Ok(groups)
}

fn article(
    connection: &Connection,
    record: ArticleRecord,
    fresh_id: Uuid,
    taxes: &HashSet<String>,
    price_version: &mut Option<u64>,
) -> Result<Result<Fate, String>, CentralError> {
    let mut known: Option<ArticleRow> = None;
    // A case names no article: mistyped, it would make one of two.
    let is_pack = |gtin: &Gtin| record.packs.iter().any(|pack| pack.gtin == *gtin);
    for gtin in record.gtins.iter().filter(|gtin| !is_pack(gtin)) {
        let Some(article) = price::article_of(connection, *gtin)? else { continue };
        match &known {
            Some(row) if row.id != article => {
                return Ok(Err(format!("{gtin} and another number belong to different articles")));
            }
            Some(_) => {}
            None => {
                known = feed::get(connection, Feed::Catalogue, EVERYBODY, article)?.map(|r| r.0)
            }
        }
    }
    for pack in &record.packs {
        let owner = price::article_of(connection, pack.gtin)?;
        if owner.is_some() && owner != known.as_ref().map(|row| row.id) {
            return Ok(Err(format!("`packs` has {}: it belongs to another article", pack.gtin)));
        }
    }
    let row = match (&known, record.price_minor) {
        (None, None) => return Ok(Err("`price` is missing, and the article is new".into())),
        (None, Some(price_minor)) => new_article(record, price_minor, fresh_id),
        (Some(row), _) => updated_article(row, record),
    };
    if !row.packs.is_empty() && row.unit != Unit::Piece.name() {
        return Ok(Err(format!("`packs` of what is sold by `{}`: only pieces have any", row.unit)));
    }
    if !taxes.contains(&row.tax_group) {
        return Ok(Err(format!("no store has the tax group `{}`", row.tax_group.escape_debug())));
    }
    if known.as_ref() == Some(&row) {
        return Ok(Ok(Fate::Unchanged));
    }
    let is_priced_alike = known.as_ref().is_some_and(|known| {
        (known.price_minor, &known.currency, &known.unit, &known.tax_group)
            == (row.price_minor, &row.currency, &row.unit, &row.tax_group)
    });
    let mut row = row;
    if !is_priced_alike {
        row.price_version = match *price_version {
            Some(version) => version,
            None => *price_version.insert(price::next_version(connection)?),
        };
    }
    price::put_article(connection, &row)?;
    Ok(Ok(if known.is_some() { Fate::Changed } else { Fate::Added }))
}

fn pack_row(pack: &Pack) -> PackRow {
    PackRow { gtin: pack.gtin.to_gtin14(), pieces: pack.pieces.into() }
}

fn new_article(record: ArticleRecord, price_minor: i64, id: Uuid) -> ArticleRow {
    ArticleRow {
        id,
        gtins: record.gtins.iter().map(|gtin| gtin.to_gtin14()).collect(),
        packs: record.packs.iter().map(pack_row).collect(),
        name: record.name,
        detail: record.detail.unwrap_or_default(),
        category: record.category.unwrap_or_default(),
        unit: record.unit.unwrap_or_default().name().into(),
        price_minor,
        currency: record.currency.unwrap_or(domain::Currency::CHF).code().into(),
        tax_group: record.tax_group.unwrap_or_else(|| "standard".into()),
        price_version: 0,
        rank: record.rank.unwrap_or(UNRANKED),
    }
}

fn updated_article(row: &ArticleRow, record: ArticleRecord) -> ArticleRow {
    let mut row = row.clone();
    for digits in record.gtins.iter().map(|gtin| gtin.to_gtin14()) {
        if !row.gtins.contains(&digits) {
            row.gtins.push(digits);
        }
    }
    for pack in record.packs.iter().map(pack_row) {
        row.packs.retain(|known| known.gtin != pack.gtin);
        row.packs.push(pack);
    }
    row.packs.sort_by(|one, other| one.gtin.cmp(&other.gtin));
    row.name = record.name;
    row.detail = record.detail.unwrap_or(row.detail);
    row.category = record.category.unwrap_or(row.category);
    row.unit = record.unit.map_or(row.unit, |unit| unit.name().into());
    row.price_minor = record.price_minor.unwrap_or(row.price_minor);
    row.currency = record.currency.map_or(row.currency, |currency| currency.code().into());
    row.tax_group = record.tax_group.unwrap_or(row.tax_group);
    row.rank = record.rank.unwrap_or(row.rank);
    row
}

fn merged(mut known: Vec<String>, told: Vec<String>) -> Vec<String> {
    for item in told {
        if !known.contains(&item) {
            known.push(item);
        }
    }
    known
}

fn customer(
    connection: &Connection,
    record: CustomerRecord,
    fresh_id: Uuid,
    now_ms: i64,
) -> Result<Result<Fate, String>, CentralError> {
    let sql = "SELECT id FROM external_ref WHERE kind = 'customer' AND ref = ?1";
    let known_id: Option<Uuid> = connection
        .prepare_cached(sql)?
        .query_row([&record.external_id], |row| id(row, 0))
        .optional()?;
    for card in &record.cards {
        let holder = crate::customer::holder_of(connection, card)?;
        if holder.is_some_and(|holder| Some(holder) != known_id) {
            // The number is personal and stays out of the report.
            return Ok(Err("`card` belongs to another customer".into()));
        }
    }
    let known = match known_id {
        Some(known_id) => {
            feed::get::<CustomerRow>(connection, Feed::Customers, EVERYBODY, known_id)?
        }
        None => None,
    };
    let (row, rank) = match &known {
        Some((row, rank)) => {
            let mut row = row.clone();
            row.name = record.name;
            row.phones = merged(row.phones, record.phones);
            row.emails = merged(row.emails, record.emails);
            row.cards = merged(row.cards, record.cards);
            if let Some(address) = record.address.filter(|told| !row.addresses.contains(told)) {
                row.addresses.insert(0, address);
            }
            (row, *rank)
        }
        None => {
            let row = CustomerRow {
                id: known_id.unwrap_or(fresh_id),
                name: record.name,
                phones: record.phones,
                emails: record.emails,
                cards: record.cards,
                addresses: record.address.into_iter().collect(),
                since_ms: now_ms,
            };
            (row, now_ms.saturating_neg())
        }
    };
    if known.as_ref().is_some_and(|(known, _)| *known == row) {
        return Ok(Ok(Fate::Unchanged));
    }
    let sql = "INSERT INTO external_ref (kind, ref, id) VALUES ('customer', ?1, ?2)
               ON CONFLICT (kind, ref) DO NOTHING";
    connection.prepare_cached(sql)?.execute(params![record.external_id, blob(row.id)])?;
    crate::customer::put(connection, &row, rank)?;
    Ok(Ok(if known.is_some() { Fate::Changed } else { Fate::Added }))
}
