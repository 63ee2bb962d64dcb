//! At rest: nothing waits anywhere, and both sides hold the same, counted in every way that is known here.

use crate::ledger::Sale;
use crate::violation::{Check, Invariant};
use crate::world::World;
use central::CentralError;
use domain::id::{OrderId, ShiftId};
use rusqlite::Connection;
use std::collections::BTreeMap;
use sync::ports::SyncStore;
use sync::protocol::event::EventHash;
use sync::status::Line;
use uuid::Uuid;

/// An order as central has booked it.
struct Booked {
    id: OrderId,
    total_minor: i64,
    kept_minor: Option<i64>,
    shift: Option<ShiftId>,
}

fn booked(connection: &Connection) -> Result<Vec<Booked>, CentralError> {
    let sql = "SELECT id, total_minor, shift,
                      (SELECT sum(given_minor - change_minor) FROM tender WHERE order_no = no)
               FROM orders WHERE event IS NOT NULL";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        let shift: Option<[u8; 16]> = row.get(2)?;
        Ok(Booked {
            id: OrderId::from_uuid(Uuid::from_bytes(row.get(0)?)),
            total_minor: row.get(1)?,
            shift: shift.map(|id| ShiftId::from_uuid(Uuid::from_bytes(id))),
            kept_minor: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Sold by store and article, as central has booked it.
fn sold(connection: &Connection) -> Result<BTreeMap<(i64, Uuid), i64>, CentralError> {
    let sql = "SELECT o.store, l.article, sum(l.quantity) FROM order_line l
               JOIN orders o ON o.no = l.order_no
               WHERE o.event IS NOT NULL AND o.store IS NOT NULL AND l.article IS NOT NULL
               GROUP BY o.store, l.article";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement
        .query_map([], |row| Ok(((row.get(0)?, Uuid::from_bytes(row.get(1)?)), row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// On hand by store and article, as central publishes it.
fn on_hand(connection: &Connection) -> Result<BTreeMap<(i64, Uuid), i64>, CentralError> {
    let sql = "SELECT scope, key, json_extract(row, '$.on_hand') FROM feed_row
               WHERE tbl = 'stock' AND row IS NOT NULL";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement
        .query_map([], |row| Ok(((row.get(0)?, Uuid::from_bytes(row.get(1)?)), row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How often central holds each event, and whether it has the event's bytes.
type Held = BTreeMap<EventHash, (u32, bool)>;

fn hashes(connection: &Connection) -> Result<Held, CentralError> {
    let sql = "SELECT hash, count(*), max(bytes IS NOT NULL) FROM inbox GROUP BY hash";
    let mut statement = connection.prepare_cached(sql)?;
    let rows =
        statement.query_map([], |row| Ok((EventHash(row.get(0)?), (row.get(1)?, row.get(2)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn held_back(connection: &Connection) -> Result<u64, CentralError> {
    let sql = "SELECT count(*) FROM inbox WHERE state IN ('quarantined', 'parked')";
    Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))? as u64)
}

/// What central makes of a request is its own affair; that it fails is not.
fn read<T>(world: &World, read: impl FnOnce(&Connection) -> Result<T, CentralError>) -> Check<T> {
    world.central.read(read).or_else(|what| Invariant::NoPanic.broken(what))
}

impl World {
    /// Whether nothing waits any more: cheap questions first.
    pub(crate) fn is_at_rest(&mut self) -> Check<bool> {
        if self.now_ms < self.doubt_until_ms {
            return Ok(false);
        }
        for device in &self.devices {
            if self.why_restless(device.number).is_some() {
                return Ok(false);
            }
        }
        if read(self, held_back)? > 0 {
            return Ok(false);
        }
        for number in 0..self.devices.len() {
            if !self.has_caught_up(number)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Why a device is not at rest, in words.
    fn why_restless(&self, number: usize) -> Option<String> {
        let device = &self.devices[number];
        let Some(running) = device.running.as_ref() else { return Some("is off".into()) };
        if device.pending.is_some() {
            return Some("has a sale that was not made".into());
        }
        if device.damaged.is_some() {
            return Some("has a damaged database whose events were not handed over".into());
        }
        let status = &running.status;
        if status.line != Line::Online || status.problem.is_some() || status.percent != 100 {
            let problem = status.problem.map_or("none", |problem| problem.code());
            let (line, percent) = (status.line.name(), status.percent);
            return Some(format!("is {line}, at {percent} %, problem {problem}"));
        }
        let Ok(lives) = running.store.lives() else { return Some("cannot tell its lives".into()) };
        let waiting = lives.iter().find(|life| life.waiting > 0 || life.strays > 0);
        waiting.map(|life| {
            let (epoch, standing) = (life.identity.epoch, life.standing);
            let (waiting, strays) = (life.waiting, life.strays);
            format!("epoch {epoch} ({standing:?}): {waiting} events and {strays} strays wait")
        })
    }

    /// What is not at rest after all the time that was given.
    pub(crate) fn unrest(&mut self) -> String {
        let mut words = Vec::new();
        for number in 0..self.devices.len() {
            match self.why_restless(number) {
                Some(why) => words.push(format!("device {number} {why}")),
                None if !matches!(self.has_caught_up(number), Ok(true)) => {
                    words.push(format!("device {number} has not read all feeds"));
                }
                None => {}
            }
        }
        if let Ok(held) = read(self, held_back)
            && held > 0
        {
            words.push(format!("{held} events are held back at central"));
        }
        format!("not at rest after three calm hours: {}", words.join("; "))
    }

    /// Everything is compared.
    pub(crate) fn check_end(&mut self) -> Check {
        self.check_central_now()?;
        self.check_each_event_once()?;
        self.check_orders()?;
        self.check_stock()?;
        for number in 0..self.devices.len() {
            self.check_journal(number)?;
            self.check_history(number)?;
            self.check_replica(number)?;
        }
        Ok(())
    }

    fn check_each_event_once(&mut self) -> Check {
        let held = read(self, hashes)?;
        if let Some((hash, (times, _))) = held.iter().find(|(_, (times, _))| *times != 1) {
            let what = format!("central holds an event {times} times ({hash})");
            return Invariant::ExactlyOnce.broken(what);
        }
        for (hash, fact) in &mut self.ledger.facts {
            // A placeholder came in its place, and the true bytes never did.
            fact.is_damaged = held.get(hash).is_some_and(|(_, has_bytes)| !has_bytes);
        }
        for (hash, fact) in &self.ledger.facts {
            if self.ledger.is_owed(hash) && !held.contains_key(hash) {
                let (device, place) = (fact.device, fact.place);
                let what = format!(
                    "central lacks event {} of epoch {} of device {device}",
                    place.seq, place.epoch
                );
                return Invariant::ExactlyOnce.broken(what);
            }
        }
        Ok(())
    }

    fn check_orders(&mut self) -> Check {
        let booked = read(self, booked)?;
        let mut by_shift: BTreeMap<ShiftId, (i64, i64)> = BTreeMap::new();
        let mut seen: BTreeMap<OrderId, &Booked> = BTreeMap::new();
        for order in &booked {
            let Some(sale) = self.ledger.sales.get(&order.id) else {
                return Invariant::ExactlyOnce
                    .broken("central has booked an order that nobody made");
            };
            self.check_order(order, sale)?;
            Invariant::ExactlyOnce.require(seen.insert(order.id, order).is_none(), || {
                "central has booked an order twice".into()
            })?;
            if let Some(shift) = order.shift {
                let sums = by_shift.entry(shift).or_default();
                sums.0 += order.total_minor;
                sums.1 += order.kept_minor.unwrap_or(0);
            }
        }
        let mut owed: BTreeMap<ShiftId, (i64, i64)> = BTreeMap::new();
        for (id, sale) in &self.ledger.sales {
            let is_owed = self.ledger.is_sale_owed(sale);
            Invariant::ExactlyOnce.require(!is_owed || seen.contains_key(id), || {
                format!("an order of device {} is not booked at central", sale.device)
            })?;
            if seen.contains_key(id) {
                let sums = owed.entry(sale.shift).or_default();
                sums.0 += sale.total_minor;
                let is_paid = sale.paid.is_some_and(|paid| self.ledger.is_owed(&paid));
                sums.1 += sale.kept_minor.filter(|_| is_paid).unwrap_or(0);
            }
        }
        Invariant::Money.require(by_shift == owed, || {
            "shifts do not add up to the same at central and on the devices".into()
        })
    }

    fn check_order(&self, order: &Booked, sale: &Sale) -> Check {
        let (device, total) = (sale.device, sale.total_minor);
        Invariant::Money.require(order.total_minor == total, || {
            format!("device {device} sold for {total}, central has booked {}", order.total_minor)
        })?;
        let is_paid = sale.paid.is_some_and(|paid| self.ledger.is_owed(&paid));
        let kept = sale.kept_minor.filter(|_| is_paid);
        Invariant::Money.require(order.kept_minor == kept || !is_paid, || {
            format!("device {device} kept {kept:?}, central has booked {:?}", order.kept_minor)
        })
    }

    /// I5: what central publishes is what people booked, less what terminals sold.
    fn check_stock(&mut self) -> Check {
        let sold = read(self, sold)?;
        let on_hand = read(self, on_hand)?;
        let base = &self.central.seen.base_stock;
        let mut keys: Vec<_> = sold.keys().chain(on_hand.keys()).chain(base.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let of = |map: &BTreeMap<(i64, Uuid), i64>| map.get(key).copied().unwrap_or(0);
            let (published, expected) = (of(&on_hand), of(base) - of(&sold));
            Invariant::Stock.require(published == expected, || {
                format!("store {}: {published} on hand, {expected} by the books", key.0)
            })?;
        }
        Ok(())
    }
}
