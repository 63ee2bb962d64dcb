//! What must be true of a store whenever it can be opened, whatever happened before.
//!
//! The projections are made a second time, from nothing but the bytes of the journal, by code that shares nothing
//! with the store but the decoder, and compared.

use crate::Store;
use domain::event::Event;
use domain::id::BasketId;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::{BTreeMap, BTreeSet};
use sync::ports::{LifeStanding, SyncStore};
use sync::protocol::event::Envelope;
use uuid::Uuid;

/// Everything that is wrong; empty if nothing is.
pub(crate) fn inspect(store: &Store, sold: &[BasketId]) -> Vec<String> {
    let mut faults = Vec::new();
    match store.verify_journal() {
        Ok(report) => faults.extend(report.fault.map(|fault| format!("journal: {fault:?}"))),
        Err(error) => faults.push(format!("journal: {error:?}")),
    }
    match store.check_database() {
        Ok(found) => faults.extend(found),
        Err(error) => faults.push(format!("check: {error:?}")),
    }
    let inside = store.read(|db| {
        let mut faults = Vec::new();
        compare_projections(db, &mut faults);
        compare_feeds(db, &mut faults);
        for basket in sold {
            let sql = "SELECT count(*) FROM own_order WHERE basket = ?1";
            let id = basket.uuid().into_bytes();
            let count: i64 = db.query_row(sql, [id], |row| row.get(0))?;
            if count != 1 {
                faults.push(format!("a paid order is there {count} times"));
            }
        }
        Ok(faults)
    });
    match inside {
        Ok(found) => faults.extend(found),
        Err(error) => faults.push(format!("reading: {error:?}")),
    }
    compare_outbox(store, &mut faults);
    faults
}

/// Rows of a query, each as the debug text of its values.
fn rows(db: &Connection, sql: &str) -> BTreeSet<Vec<String>> {
    let mut statement = db.prepare(sql).unwrap();
    let count = statement.column_count();
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Vec<String>> {
        (0..count).map(|column| Ok(text(&row.get::<_, Value>(column)?))).collect()
    };
    statement.query_map([], read).unwrap().map(Result::unwrap).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Blob(bytes) => match Uuid::from_slice(bytes) {
            Ok(id) => id.to_string(),
            Err(_) => format!("{bytes:02x?}"),
        },
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

/// What the journal says, folded.
#[derive(Default)]
struct Fold {
    orders: BTreeMap<Uuid, Vec<String>>,
    lines: BTreeSet<Vec<String>>,
    tenders: BTreeSet<Vec<String>>,
    stock: BTreeMap<(Uuid, i64), i64>,
    shifts: BTreeMap<Uuid, (String, bool)>,
    /// Numbers on receipts, by epoch.
    numbers: BTreeMap<u32, Vec<String>>,
    order_positions: BTreeMap<Uuid, i64>,
}

fn fold(db: &Connection) -> Fold {
    let mut fold = Fold::default();
    let mut statement =
        db.prepare("SELECT position, bytes FROM journal ORDER BY position").unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let position: i64 = row.get(0).unwrap();
        let bytes: String = row.get(1).unwrap();
        let envelope = Envelope::parse(&bytes).unwrap();
        fold.add(position, envelope.place().epoch, envelope.event().unwrap());
    }
    fold
}

impl Fold {
    fn add(&mut self, position: i64, epoch: u32, event: Event) {
        let at = position.to_string();
        match event {
            Event::TerminalEnrolled { .. } | Event::TerminalRenewed { .. } => {}
            Event::ShiftOpened { shift, staff } => {
                self.shifts.insert(shift.uuid(), (staff.uuid().to_string(), true));
            }
            Event::ShiftClosed { shift, order_count, .. } => {
                self.shifts.get_mut(&shift.uuid()).unwrap().1 = false;
                let of_shift = |row: &&Vec<String>| row[3] == shift.uuid().to_string();
                assert_eq!(self.orders.values().filter(of_shift).count() as u64, order_count);
            }
            Event::OrderPlaced(order) => {
                let id = order.id.uuid();
                self.numbers.entry(epoch).or_default().push(order.number.clone());
                self.order_positions.insert(id, position);
                let total = order.total.minor().to_string();
                let shift = order.shift.uuid().to_string();
                let row = [&at, &id.to_string(), &order.number, &shift, &total, "Null"];
                self.orders.insert(id, row.map(str::to_owned).to_vec());
                for (ordinal, line) in order.lines.iter().enumerate() {
                    let article = line.article.uuid();
                    self.lines.insert(vec![
                        at.clone(),
                        ordinal.to_string(),
                        article.to_string(),
                        line.quantity.amount.to_string(),
                        line.total.minor().to_string(),
                    ]);
                    *self.stock.entry((article, position)).or_default() -= line.quantity.amount;
                }
            }
            Event::OrderPaid { order, tenders, .. } => {
                self.orders.get_mut(&order.uuid()).unwrap()[5] = at;
                let placed = self.order_positions[&order.uuid()].to_string();
                for (ordinal, tender) in tenders.iter().enumerate() {
                    self.tenders.insert(vec![
                        placed.clone(),
                        ordinal.to_string(),
                        tender.given.minor().to_string(),
                        tender.change.minor().to_string(),
                    ]);
                }
            }
        }
    }
}

fn compare_projections(db: &Connection, faults: &mut Vec<String>) {
    let fold = fold(db);
    let stock = fold.stock.iter().map(|((article, position), delta)| {
        vec![article.to_string(), position.to_string(), delta.to_string()]
    });
    let shifts = fold.shifts.iter().map(|(shift, (staff, is_open))| {
        vec![shift.to_string(), staff.clone(), i32::from(*is_open).to_string()]
    });
    let projections: [(&str, BTreeSet<Vec<String>>); 5] = [
        (
            "SELECT position, id, number, shift, total_minor, paid_position FROM own_order",
            fold.orders.values().cloned().collect(),
        ),
        (
            "SELECT position, ordinal, article, quantity, total_minor FROM own_line",
            fold.lines.clone(),
        ),
        (
            "SELECT position, ordinal, given_minor, change_minor FROM own_tender",
            fold.tenders.clone(),
        ),
        ("SELECT article, position, delta FROM own_stock", stock.collect()),
        ("SELECT id, staff, closed_at_ms IS NULL FROM shift", shifts.collect()),
    ];
    for (sql, folded) in projections {
        let stored = rows(db, sql);
        if stored != folded {
            let more: Vec<_> = stored.symmetric_difference(&folded).take(3).collect();
            faults.push(format!("differs from the journal: {sql}: {more:?}"));
        }
    }
    for row in rows(db, "SELECT epoch, receipt_counter FROM life") {
        let (epoch, counter): (u32, usize) = (row[0].parse().unwrap(), row[1].parse().unwrap());
        let numbers = fold.numbers.get(&epoch).cloned().unwrap_or_default();
        let is_gapless = numbers
            .iter()
            .enumerate()
            .all(|(at, number)| number.ends_with(&format!("-{epoch}-{:06}", at + 1)));
        if !is_gapless || numbers.len() != counter {
            faults.push(format!("epoch {epoch}: counter {counter}, receipts {numbers:?}"));
        }
    }
    for sql in [
        "SELECT 'a basket is sold and in work' FROM draft JOIN own_order USING (basket)",
        "SELECT 'a basket is sold and put aside' FROM parked JOIN own_order USING (basket)",
        "SELECT 'a basket is in work and put aside' FROM parked JOIN draft USING (basket)",
    ] {
        faults.extend(rows(db, sql).into_iter().flatten());
    }
}

/// Every feed's own count, its sums, and its parts that are kept beside the rows.
fn compare_feeds(db: &Connection, faults: &mut Vec<String>) {
    let tables = [
        ("config", "store", "base_store", "TRUE"),
        ("config", "staff", "base_staff", "TRUE"),
        ("catalogue", "article", "base_article", "TRUE"),
        ("stock", "stock", "base_stock", "on_hand IS NOT NULL"),
        ("customers", "customer", "base_customer", "TRUE"),
        ("history", "order", "base_order", "TRUE"),
    ];
    let number = |sql: &str| -> i64 { db.query_row(sql, [], |row| row.get(0)).unwrap() };
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for (feed, name, table, is_live) in tables {
        let sql = format!("SELECT count(*) FROM {table} WHERE {is_live}");
        let count = number(&sql);
        *counts.entry(feed).or_default() += count;
        let sql = format!("SELECT digest FROM {table} WHERE digest IS NOT NULL AND {is_live}");
        let mut statement = db.prepare(&sql).unwrap();
        let digests = statement.query_map([], |row| row.get::<_, [u8; 16]>(0)).unwrap();
        let (mut sum, mut summed) = (0u128, 0);
        for digest in digests {
            sum = sum.wrapping_add(u128::from_be_bytes(digest.unwrap()));
            summed += 1;
        }
        let sql = "SELECT rows, sum, is_whole FROM base_digest WHERE name = ?1";
        let kept: (i64, [u8; 16], bool) =
            db.query_row(sql, [name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        if (kept.0, u128::from_be_bytes(kept.1)) != (summed, sum) || (kept.2 && summed != count) {
            faults.push(format!("{name}: {count} rows, {summed} in the sum, it says {kept:?}"));
        }
    }
    for (feed, count) in counts {
        let said = number(&format!("SELECT rows FROM feed WHERE name = '{feed}'"));
        if said != count {
            faults.push(format!("feed {feed} says {said} rows, there are {count}"));
        }
    }
    for (what, sql) in [
        (
            "articles without a place",
            "SELECT count(*) FROM base_article a LEFT JOIN base_article_id i ON i.id = a.id WHERE i.place IS NOT a.place",
        ),
        (
            "places without an article",
            "SELECT count(*) FROM base_article_id i LEFT JOIN base_article a USING (place) WHERE a.id IS NOT i.id",
        ),
        (
            "numbers without an article",
            "SELECT count(*) FROM base_gtin g LEFT JOIN base_article a ON a.place = g.article WHERE a.id IS NULL",
        ),
        (
            "keys without a customer",
            "SELECT count(*) FROM base_customer_key k LEFT JOIN base_customer c ON c.number = k.customer WHERE c.id IS NULL",
        ),
        (
            "rows of a snapshot that is over",
            "SELECT count(*) FROM feed f JOIN base_article a ON a.generation < f.generation WHERE f.name = 'catalogue' AND f.plan IS NULL AND f.cursor IS NOT NULL AND NOT f.is_sweep_due",
        ),
        (
            "a cursor beside a snapshot being loaded",
            "SELECT count(*) FROM feed WHERE cursor IS NOT NULL AND plan IS NOT NULL",
        ),
    ] {
        let count = number(sql);
        if count != 0 {
            faults.push(format!("{count} {what}"));
        }
    }
}

/// What waits is what is not acknowledged, event by event.
fn compare_outbox(store: &Store, faults: &mut Vec<String>) {
    let lives = match store.lives() {
        Ok(lives) => lives,
        Err(error) => return faults.push(format!("lives: {error:?}")),
    };
    for life in lives {
        let items = match store.outbox(life.id(), usize::MAX, usize::MAX) {
            Ok(items) => items,
            Err(error) => return faults.push(format!("outbox: {error:?}")),
        };
        let seqs: Vec<u64> = items.iter().map(|item| item.place().seq).collect();
        let is_closed = life.standing == LifeStanding::Closed;
        let expected: Vec<u64> = match is_closed {
            true => Vec::new(),
            false => (life.acked_seq + 1..=life.last_seq).collect(),
        };
        if seqs != expected || items.iter().any(|item| item.sealed().is_none()) {
            faults.push(format!("outbox of {:?}: {seqs:?} for {expected:?}", life.id()));
        }
        if is_closed && life.acked_seq + life.strays > life.last_seq {
            faults.push(format!("strays of {:?}: {}", life.id(), life.strays));
        }
    }
}
