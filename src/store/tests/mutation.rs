//! Tampering: thousands of changes to the journal and to the heads of lives, each of which must be found, at the
//! event where it was done.
//!
//! What cannot be found here, and is not tried: a journal that is cut off at its end *and* whose head is set back to
//! fit, and a last event that is written anew with a head that fits. Both are whole journals of another history; it
//! is central that knows the difference, by the hash that it has acknowledged.
//!
//! `MUTATIONS=1000000 cargo test -p crossroads-store mutation` makes so many (default 10,000).

use super::*;
use crate::StoreError;
use crate::connection::{Purpose, connect};
use crate::journal::verify;
use domain::event::RenewalReason;
use fault::Dice;
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet};
use sync::protocol::event::EventHash;

/// Mutations in a run of `cargo test`.
const MUTATIONS: usize = 10_000;

/// A journal of three lives, with all kinds of events, and a connection that can do what no part of the program does.
fn journal(sales: u32) -> (Shop, Connection) {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let sell = |shop: &mut Shop, store: &Store, count: u32| {
        for number in 0..count {
            shop.sell(store, &[(number + 1, 1)]);
        }
    };
    sell(&mut shop, &store, sales);
    acknowledge_all(&store);
    store.close_shift(AT).unwrap();
    sell(&mut shop, &store, sales);
    store.renew(life(0), RenewalReason::Forked, &DeviceKey([1; 32]), AT).unwrap();
    sell(&mut shop, &store, sales);
    store.enrol(&identity(5), "crossroads", AT).unwrap();
    load(&store, Feed::Config, "c9", &[("store", store_row()), ("staff", staff_row(1))]);
    sell(&mut shop, &store, sales);
    store.close();
    let connection = connect(&SystemFiles, &shop.path(), &shop.key(), Purpose::Write).unwrap();
    (shop, connection)
}

/// Where the journal of a connection can be changed.
struct Shape {
    /// Events.
    count: u64,
    /// Lives: base position and last number.
    lives: Vec<(i64, u64)>,
}

impl Shape {
    fn of(connection: &Connection) -> Self {
        let sql = "SELECT base_position, last_seq FROM life ORDER BY number";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let lives: Vec<(i64, u64)> = rows.map(Result::unwrap).collect();
        Self { count: lives.iter().map(|life| life.1).sum(), lives }
    }

    /// The number that the event at a position has in its life.
    fn seq(&self, position: i64) -> u64 {
        let life = self.lives.iter().rfind(|life| life.0 < position).expect("positions begin at 1");
        (position - life.0) as u64
    }

    fn any(&self, dice: &mut Dice) -> i64 {
        dice.below(self.count) as i64 + 1
    }
}

const COLUMNS: [&str; 6] = ["kind", "aggregate", "at_ms", "prev", "hash", "bytes"];

/// Changes one byte of a column: another bit, another value, one more, or one less.
fn change_bytes(connection: &Connection, dice: &mut Dice, column: &str, position: i64) {
    if column == "at_ms" {
        // The table is strict: a number stays a number.
        let bit = 1 << dice.below(40);
        let sql = "UPDATE journal SET at_ms = (at_ms | ?2) - (at_ms & ?2) WHERE position = ?1";
        run(connection, sql, &[position, bit]);
        return;
    }
    let sql = format!("SELECT CAST({column} AS BLOB) FROM journal WHERE position = ?1");
    let bytes: Option<Vec<u8>> = connection.query_row(&sql, [position], |row| row.get(0)).unwrap();
    let mut bytes = bytes.unwrap_or_default();
    let at = dice.below(bytes.len() as u64) as usize;
    match dice.below(4) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
        1 if !bytes.is_empty() => bytes[at] = bytes[at].wrapping_add(1 + dice.below(255) as u8),
        2 if !bytes.is_empty() => drop(bytes.remove(at)),
        _ => bytes.insert(at, dice.below(256) as u8),
    }
    // Bytes that are no UTF-8 any more are stored all the same: that is what damage looks like.
    let value = if matches!(column, "bytes" | "kind") { "CAST(?2 AS TEXT)" } else { "?2" };
    let sql = format!("UPDATE journal SET {column} = {value} WHERE position = ?1");
    connection.execute(&sql, params![position, bytes]).unwrap();
}

fn run(connection: &Connection, sql: &str, values: &[i64]) -> usize {
    connection.execute(sql, rusqlite::params_from_iter(values)).unwrap()
}

/// Exchanges whole rows, or one column of them. `None` if they are the same.
fn exchange(
    connection: &Connection,
    dice: &mut Dice,
    shape: &Shape,
) -> Option<(&'static str, i64)> {
    let (a, b) = (shape.any(dice), shape.any(dice));
    let first = a.min(b);
    if dice.chance(50) {
        for (from, to) in [(a, -1), (b, a), (-1, b)] {
            run(connection, "UPDATE journal SET position = ?2 WHERE position = ?1", &[from, to]);
        }
        return (a != b).then_some(("rows exchanged", first));
    }
    let column = COLUMNS[dice.below(6) as usize];
    let same = format!(
        "SELECT (SELECT {column} FROM journal WHERE position = ?1) IS \
         (SELECT {column} FROM journal WHERE position = ?2)"
    );
    let is_same: bool = connection.query_row(&same, [a, b], |row| row.get(0)).unwrap();
    let sql = format!(
        "UPDATE journal SET {column} = (SELECT {column} FROM journal other WHERE other.position = ?1 + ?2 \
         - journal.position) WHERE position IN (?1, ?2)"
    );
    run(connection, &sql, &[a, b]);
    (!is_same).then_some(("columns exchanged", first))
}

/// Moves all events from a position on by one, and puts a copy of another in the gap.
fn insert(connection: &Connection, dice: &mut Dice, shape: &Shape) -> (&'static str, Option<i64>) {
    let at = shape.any(dice);
    let from = shape.any(dice);
    run(connection, "UPDATE journal SET position = -position - 1 WHERE position >= ?1", &[at]);
    run(connection, "UPDATE journal SET position = -position WHERE position < 0", &[]);
    let from = from + i64::from(from >= at);
    let sql = "INSERT INTO journal SELECT ?1, kind, aggregate, at_ms, prev, hash, bytes \
               FROM journal WHERE position = ?2";
    run(connection, sql, &[at, from]);
    // A copy of an event in front of itself is found at the second of the two.
    ("a copy inserted", (from != at + 1).then_some(at))
}

/// An event with other bytes and the hash that fits them: the next event names another.
fn forge(connection: &Connection, dice: &mut Dice, shape: &Shape) -> Option<(&'static str, i64)> {
    let position = shape.any(dice);
    let is_last = shape.lives.iter().any(|life| life.0 + life.1 as i64 == position);
    let sql = "SELECT bytes FROM journal WHERE position = ?1";
    let bytes: String = connection.query_row(sql, [position], |row| row.get(0)).unwrap();
    let forged = bytes.replacen("_minor\":", "_minor\":1", 1);
    let forged = if forged == bytes { format!("{bytes} ") } else { forged };
    let hash = EventHash::of(forged.as_bytes());
    let sql = "UPDATE journal SET bytes = ?2, hash = ?3 WHERE position = ?1";
    connection.execute(sql, params![position, forged, hash.0]).unwrap();
    // The last of a life: the head has another hash.
    Some(("forged", if is_last { position } else { position + 1 }))
}

/// Changes what a life says of its journal.
fn change_life(connection: &Connection, dice: &mut Dice, shape: &Shape) -> &'static str {
    let life = dice.below(shape.lives.len() as u64) as i64 + 1;
    let by = 1 + dice.below(3) as i64;
    let (name, sql) = match dice.below(8) {
        0 => ("last_seq", "UPDATE life SET last_seq = last_seq + ?2 WHERE number = ?1"),
        1 => ("last_seq", "UPDATE life SET last_seq = last_seq - ?2 WHERE number = ?1"),
        2 => ("last_hash", "UPDATE life SET last_hash = randomblob(31 + ?2 % 2) WHERE number = ?1"),
        3 => (
            "base_position",
            "UPDATE life SET base_position = base_position + ?2 WHERE number = ?1",
        ),
        4 => (
            "base_position",
            "UPDATE life SET base_position = base_position - ?2 WHERE number = ?1",
        ),
        5 => ("epoch", "UPDATE life SET epoch = epoch + 10 + ?2 WHERE number = ?1"),
        6 => ("terminal", "UPDATE life SET terminal = randomblob(15 + ?2 % 2) WHERE number = ?1"),
        _ => ("life deleted", "DELETE FROM life WHERE number = ?1 AND ?2 > 0"),
    };
    assert_eq!(run(connection, sql, &[life, by]), 1, "{sql}");
    name
}

/// Does one thing; what it was, and the position at which it must be found, if that is certain. `None` if nothing
/// has changed.
fn mutate(
    connection: &Connection,
    dice: &mut Dice,
    shape: &Shape,
) -> Option<(&'static str, Option<i64>)> {
    let position = shape.any(dice);
    match dice.below(16) {
        0..=6 => {
            // Most of a row are its bytes, so most flips are there.
            let column = if dice.chance(50) { "bytes" } else { COLUMNS[dice.below(6) as usize] };
            change_bytes(connection, dice, column, position);
            Some((column, Some(position)))
        }
        7 => {
            let column = COLUMNS[dice.below(6) as usize];
            let values = ["zeroblob(0)", "''", "0", "-1", "'x'", "9e99", "zeroblob(40)"];
            let value = values[dice.below(7) as usize];
            // The table is strict: what does not fit its type is refused before anybody could find it.
            let sql = format!("UPDATE journal SET {column} = {value} WHERE position = ?1");
            connection.execute(&sql, [position]).ok()?;
            Some(("a value", Some(position)))
        }
        8 => {
            run(connection, "DELETE FROM journal WHERE position = ?1", &[position]);
            Some(("deleted", Some(position)))
        }
        9 => {
            let last = position + dice.below(6) as i64;
            let sql = "DELETE FROM journal WHERE position BETWEEN ?1 AND ?2";
            run(connection, sql, &[position, last]);
            Some(("some deleted", Some(position)))
        }
        10 => {
            run(connection, "DELETE FROM journal WHERE position >= ?1", &[position]);
            Some(("cut off", Some(position)))
        }
        11 => Some(insert(connection, dice, shape)),
        12 => {
            let sql = "INSERT INTO journal SELECT ?2, kind, aggregate, at_ms, prev, hash, bytes \
                       FROM journal WHERE position = ?1";
            let behind = shape.count as i64 + 1 + dice.below(3) as i64;
            run(connection, sql, &[position, behind]);
            Some(("a copy behind the head", None))
        }
        13 => exchange(connection, dice, shape).map(|(what, at)| (what, Some(at))),
        14 => forge(connection, dice, shape).map(|(what, at)| (what, Some(at))),
        _ => Some((change_life(connection, dice, shape), None)),
    }
}

#[test]
#[allow(clippy::print_stderr)] // How much was tested belongs to the answer.
fn every_tampering_is_found() {
    let goal = std::env::var("MUTATIONS").ok().and_then(|text| text.parse().ok());
    let goal: usize = goal.unwrap_or(MUTATIONS);
    let (_shop, connection) = journal(2);
    let shape = Shape::of(&connection);
    assert_eq!(shape.lives.len(), 3);
    assert_eq!(verify(&connection).unwrap().fault, None);
    let mut dice = Dice::new(0x7a3d);
    let (mut done, mut kinds) = (0, BTreeMap::<&str, usize>::new());
    while done < goal {
        let seed = dice.roll();
        connection.execute_batch("BEGIN").unwrap();
        let mutation = mutate(&connection, &mut Dice::new(seed), &shape);
        let report = verify(&connection);
        connection.execute_batch("ROLLBACK").unwrap();
        let Some((what, position)) = mutation else {
            assert_eq!(report.unwrap().fault, None, "seed {seed}: nothing was changed");
            continue;
        };
        done += 1;
        *kinds.entry(what).or_default() += 1;
        // A life whose columns cannot be read is an error, and told as damage.
        let Ok(report) = report else {
            assert!(matches!(report, Err(StoreError::Damaged(_))), "seed {seed}: {what}");
            continue;
        };
        let Some(fault) = report.fault else { panic!("seed {seed}: {what} was not found") };
        if let Some(position) = position {
            assert_eq!(fault.seq, shape.seq(position), "seed {seed}: {what}: {fault:?}");
        }
    }
    assert_eq!(verify(&connection).unwrap().fault, None);
    eprintln!("mutations: {done}, all found: {kinds:?}");
    assert!(kinds.len() > 15 && kinds.values().all(|count| *count > goal / 1_000), "{kinds:?}");
}

/// Journals in whose queue rows are damaged.
const QUEUES: usize = 500;
/// Requests after which a queue is stuck; a sound one is empty after a few.
const ROUNDS_MAX: usize = 200;

/// Sends all that waits of a life by number, then what waits as strays; the hashes of all bytes that were sent.
fn drain(store: &Store, life: LifeId, seed: u64) -> BTreeSet<EventHash> {
    let mut sent = BTreeSet::new();
    let mut take = |items: &[OutboxItem]| {
        for item in items {
            match item {
                OutboxItem::Sealed(event) => {
                    assert_eq!(EventHash::of(event.bytes.as_bytes()), event.hash, "seed {seed}");
                    sent.insert(event.hash);
                }
                // Its own bytes may be whole, in a row that is not.
                OutboxItem::Damaged { raw, .. } => {
                    sent.insert(EventHash::of(raw));
                }
            }
        }
    };
    for round in 0.. {
        assert!(round < ROUNDS_MAX, "seed {seed}: the queue of {life:?} is stuck");
        let items = store.outbox(life, 3, 1 << 20).unwrap();
        take(&items);
        if let Some(last) = items.last() {
            let (seq, hash) = (last.place().seq, last.hash());
            assert!(store.acknowledge(life, seq, hash, &[], AT).unwrap(), "seed {seed}: {seq}");
            continue;
        }
        // A gap that was met is noted; what stands behind it goes as strays from now on.
        let strays = store.strays(life, 3, 1 << 20).unwrap();
        take(&strays);
        let Some(last) = strays.last() else { break };
        store.book_strays(life, last.place().seq).unwrap();
    }
    sent
}

/// Whatever was done to rows of the journal: every queue runs empty, each event that goes is what its hash says, and
/// every event that nobody touched goes.
#[test]
fn no_damage_of_rows_stops_the_queue() {
    let mut till = card::Till::new();
    till.open().unwrap();
    let store = till.store().clone();
    store.enrol(&identity(0), "crossroads", AT).unwrap();
    load(&store, Feed::Config, "c1", &[("store", store_row()), ("staff", staff_row(1))]);
    for number in 1..=4 {
        till.shop.sell(&store, &[(number, 1)]);
        if number == 1 {
            acknowledge_all(&store);
        }
    }
    store.renew(life(0), RenewalReason::Recovered, &DeviceKey([1; 32]), AT).unwrap();
    store.book_registered(life(1)).unwrap();
    till.shop.sell(&store, &[(5, 1)]);
    drop(store);
    till.close();
    let image = till.disk.snapshot().crash(&fault::Damage::Everything);
    let mut dice = Dice::new(0x9e11);
    let (mut done, rows) = (0, "SELECT position, hash, bytes FROM journal ORDER BY position");
    while done < QUEUES {
        let seed = dice.roll();
        till.wake_on(&image);
        till.open().unwrap();
        let store = till.store();
        let read =
            move |db: &Connection| -> Result<BTreeMap<i64, (EventHash, String)>, StoreError> {
                let mut statement = db.prepare(rows)?;
                let row = |row: &rusqlite::Row<'_>| {
                    let bytes = String::from_utf8_lossy(row.get_ref(2)?.as_bytes()?).into_owned();
                    let hash =
                        row.get_ref(1)?.as_blob()?.first_chunk().copied().unwrap_or_default();
                    Ok((row.get(0)?, (EventHash(hash), bytes)))
                };
                Ok(statement.query_map([], row)?.collect::<Result<_, _>>()?)
            };
        let before = store.read(read).unwrap();
        let acked = store.lives().unwrap()[0].acked_seq as i64;
        let is_row = store
            .write("tamper", move |session| {
                let shape = Shape::of(&session.connection);
                let done = mutate(&session.connection, &mut Dice::new(seed), &shape);
                let heads = ["last_seq", "last_hash", "base_position", "epoch", "terminal"];
                let is_head = |what| heads.contains(&what) || what == "life deleted";
                Ok::<_, StoreError>(done.is_some_and(|(what, _)| !is_head(what)))
            })
            .unwrap();
        if !is_row {
            continue;
        }
        done += 1;
        let after = store.read(read).unwrap();
        let mut sent = drain(store, life(0), seed);
        sent.extend(drain(store, life(1), seed));
        for (position, (hash, bytes)) in before.iter().filter(|row| *row.0 > acked) {
            let is_untouched = after.get(position) == Some(&(*hash, bytes.clone()));
            assert!(!is_untouched || sent.contains(hash), "seed {seed}: {position} not sent");
        }
    }
}

/// Journals that nobody touched are whole, however long, and in every life.
#[test]
fn nothing_is_found_where_nothing_was_done() {
    for sales in 0..12 {
        let (mut shop, connection) = journal(sales);
        let report = verify(&connection).unwrap();
        assert_eq!(report.fault, None, "{sales} sales");
        drop(connection);
        let store = shop.open();
        assert_eq!(store.verify_journal().unwrap(), report);
    }
}
