//! I8: what a device shows is what central publishes for it, row by row, read through what the screens use.

use crate::ledger::Sale;
use crate::violation::{Check, Invariant};
use crate::world::World;
use central::CentralError;
use central::feed::{EVERYBODY, scope_of};
use domain::gtin::Gtin;
use domain::id::{ArticleId, CustomerId};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use store::Store;
use sync::ports::SyncStore;
use sync::protocol::feed::{
    ArticleRow, CustomerRow, Feed, HistoryRow, StaffRow, StockRow, StoreRow,
};
use uuid::Uuid;

fn rows<R: serde::de::DeserializeOwned>(
    connection: &Connection,
    (table, scope): (&str, i64),
) -> Result<BTreeMap<Uuid, R>, CentralError> {
    let sql = "SELECT key, row FROM feed_row WHERE tbl = ?1 AND scope = ?2 AND row IS NOT NULL";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(rusqlite::params![table, scope], |row| {
        Ok((Uuid::from_bytes(row.get(0)?), row.get::<_, String>(1)?))
    })?;
    let mut read = BTreeMap::new();
    for row in rows {
        let (key, json) = row?;
        let row = serde_json::from_str(&json).map_err(|_| CentralError::DamagedRow("row"))?;
        read.insert(key, row);
    }
    Ok(read)
}

fn head(connection: &Connection, (feed, scope): (i64, i64)) -> Result<i64, CentralError> {
    let sql = "SELECT coalesce(max(pos), 0) FROM feed_row WHERE feed = ?1 AND scope = ?2";
    Ok(connection.query_row(sql, [feed, scope], |row| row.get(0))?)
}

fn deleted_articles(connection: &Connection) -> Result<Vec<Uuid>, CentralError> {
    let sql = "SELECT key FROM feed_row WHERE tbl = 'article' AND row IS NULL";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| row.get(0).map(Uuid::from_bytes))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What differs first, in words.
type Difference = Option<String>;

impl World {
    /// Whether the device has read every feed to its end.
    pub(crate) fn has_caught_up(&mut self, number: usize) -> Check<bool> {
        let Some(running) = self.devices[number].running.as_ref() else { return Ok(false) };
        let Ok(Some(identity)) = running.store.identity() else { return Ok(false) };
        let Some(store_no) = self.store_no(identity.store)? else { return Ok(false) };
        let Some(running) = self.devices[number].running.as_ref() else { return Ok(false) };
        for feed in Feed::ALL {
            let Ok(progress) = running.store.feed_progress(feed) else { return Ok(false) };
            let Some(cursor) = progress.cursor else { return Ok(false) };
            let at = (central::feed::feed_number(feed), scope_of(feed, store_no));
            let read = |c: &Connection| Ok((head(c, at)?, central::feed::epoch(c)?));
            let (head, epoch) =
                self.central.read(read).or_else(|what| Invariant::NoPanic.broken(what))?;
            let Some((of, pos)) = cursor.split_once('.') else { return Ok(false) };
            if of != epoch || pos.parse::<i64>().is_ok_and(|pos| pos < head) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Compares everything that the screens of a device can show.
    pub(crate) fn check_replica(&mut self, number: usize) -> Check {
        let Some(running) = self.devices[number].running.as_ref() else { return Ok(()) };
        let store = running.store.clone();
        let Ok(Some(identity)) = store.identity() else { return Ok(()) };
        let Some(store_no) = self.store_no(identity.store)? else { return Ok(()) };
        let is_unbooked = |sale: &Sale| !self.ledger.is_sale_owed(sale);
        let unbooked = self.ledger.sales.iter().filter(|(_, sale)| is_unbooked(sale));
        let unbooked: BTreeSet<Uuid> = unbooked.map(|(id, _)| id.uuid()).collect();
        let compare = |c: &Connection| -> Result<Difference, CentralError> {
            let differences = [
                differing_config(c, &store, store_no)?,
                differing_articles(c, &store)?,
                differing_stock(c, &store, store_no)?,
                differing_customers(c, &store)?,
                differing_history(c, &store, &unbooked)?,
            ];
            Ok(differences.into_iter().flatten().next())
        };
        let difference = self.central.read(compare);
        match difference.or_else(|what| Invariant::NoPanic.broken(what))? {
            None => Ok(()),
            Some(what) => {
                Invariant::Replicas.broken(format!("device {number}: {what} differ from central's"))
            }
        }
    }
}

fn differing_config(
    connection: &Connection,
    store: &Store,
    store_no: i64,
) -> Result<Difference, CentralError> {
    let stores: BTreeMap<Uuid, StoreRow> = rows(connection, ("store", store_no))?;
    let ours = store.store_config().ok().flatten();
    let is_same = stores.len() == 1
        && stores.values().all(|row| {
            ours.as_ref().is_some_and(|ours| ours.id.uuid() == row.id && ours.name == row.name)
        });
    if !is_same {
        return Ok(Some("the store's settings".into()));
    }
    let staff: BTreeMap<Uuid, StaffRow> = rows(connection, ("staff", store_no))?;
    let theirs: BTreeSet<_> = staff.values().map(|row| (row.id, row.name.clone())).collect();
    let ours = store.staff().unwrap_or_default();
    let ours: BTreeSet<_> = ours.iter().map(|p| (p.id.uuid(), p.name.clone())).collect();
    Ok((ours != theirs).then(|| "the staff".into()))
}

fn differing_articles(connection: &Connection, store: &Store) -> Result<Difference, CentralError> {
    let articles: BTreeMap<Uuid, ArticleRow> = rows(connection, ("article", EVERYBODY))?;
    for (id, row) in &articles {
        let ours = store.article(ArticleId::from_uuid(*id)).ok().flatten();
        let is_same = ours.is_some_and(|ours| {
            ours.name == row.name
                && ours.price.amount.minor() == row.price_minor
                && ours.price_version == row.price_version
                && ours.tax_group == row.tax_group
        });
        if !is_same {
            return Ok(Some("articles".into()));
        }
        let gtin = row.gtins.first().and_then(|digits| Gtin::parse(digits).ok());
        let scanned = gtin.and_then(|gtin| store.article_by_gtin(gtin).ok().flatten());
        if gtin.is_some() && scanned.is_none_or(|found| found.id.uuid() != *id) {
            return Ok(Some("scanned numbers".into()));
        }
    }
    for id in deleted_articles(connection)? {
        if store.article(ArticleId::from_uuid(id)).ok().flatten().is_some() {
            return Ok(Some("deleted articles".into()));
        }
    }
    let found = store.search_articles("", 1_000).map_or(0, |found| found.len());
    Ok((found != articles.len()).then(|| "the articles in a search".into()))
}

fn differing_stock(
    connection: &Connection,
    store: &Store,
    store_no: i64,
) -> Result<Difference, CentralError> {
    let stock: BTreeMap<Uuid, StockRow> = rows(connection, ("stock", store_no))?;
    for (id, row) in &stock {
        let ours = store.stock(ArticleId::from_uuid(*id)).ok().flatten();
        if ours != Some(row.on_hand) {
            let theirs = row.on_hand;
            return Ok(Some(format!("amounts on hand ({ours:?}, central {theirs})")));
        }
    }
    Ok(None)
}

fn differing_customers(connection: &Connection, store: &Store) -> Result<Difference, CentralError> {
    let customers: BTreeMap<Uuid, CustomerRow> = rows(connection, ("customer", EVERYBODY))?;
    let is_same = customers.iter().all(|(id, row)| {
        let ours = store.customer(CustomerId::from_uuid(*id)).ok().flatten();
        ours.is_some_and(|ours| ours.name == row.name)
    });
    Ok((!is_same).then(|| "customers".into()))
}

/// `unbooked`: orders that central will never book; who made them sees them all the same.
fn differing_history(
    connection: &Connection,
    store: &Store,
    unbooked: &BTreeSet<Uuid>,
) -> Result<Difference, CentralError> {
    let orders: BTreeMap<Uuid, HistoryRow> = rows(connection, ("order", EVERYBODY))?;
    let mut theirs: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
    for (id, row) in &orders {
        theirs.entry(row.customer).or_default().insert(*id);
    }
    for (customer, orders) in &theirs {
        let page = store.history(CustomerId::from_uuid(*customer), 0, 1_000);
        let page = page.unwrap_or_default();
        let ours: BTreeSet<Uuid> = page.iter().map(|shown| shown.order.id.uuid()).collect();
        let is_same = ours.is_superset(orders)
            && ours.difference(orders).all(|id| unbooked.contains(id))
            && page.len() == ours.len();
        if !is_same {
            return Ok(Some("histories".into()));
        }
    }
    Ok(None)
}
