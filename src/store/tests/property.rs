//! Properties: thousands of mutations of the journal, and stock and history under any order of events.

use super::chain::tampering;
use super::feeds::past_order;
use super::*;
use crate::journal::verify;
use domain::id::ArticleId;
use proptest::prelude::*;
use rusqlite::{Connection, params};
use sync::ports::Rewound;
use sync::protocol::feed::StockRow;

/// One thing done to a journal of `count` events.
#[derive(Clone, Debug)]
enum Mutation {
    FlipBytes { at: usize, byte: usize, bit: u8 },
    FlipHash { at: usize, byte: usize, bit: u8 },
    FlipPrev { at: usize, byte: usize, bit: u8 },
    Delete { at: usize },
    Insert { at: usize, from: usize },
    Swap { a: usize, b: usize },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let (at, byte) = (any::<usize>(), any::<usize>());
    prop_oneof![
        4 => (at, byte, 0u8..8).prop_map(|(at, byte, bit)| Mutation::FlipBytes { at, byte, bit }),
        1 => (at, byte, 0u8..8).prop_map(|(at, byte, bit)| Mutation::FlipHash { at, byte, bit }),
        1 => (at, byte, 0u8..8).prop_map(|(at, byte, bit)| Mutation::FlipPrev { at, byte, bit }),
        1 => at.prop_map(|at| Mutation::Delete { at }),
        1 => (at, any::<usize>()).prop_map(|(at, from)| Mutation::Insert { at, from }),
        1 => (at, any::<usize>()).prop_map(|(a, b)| Mutation::Swap { a, b }),
    ]
}

fn flip(connection: &Connection, column: &str, position: i64, byte: usize, bit: u8) {
    let sql = format!("SELECT CAST({column} AS BLOB) FROM journal WHERE position = ?1");
    let mut bytes: Vec<u8> = connection.query_row(&sql, [position], |row| row.get(0)).unwrap();
    let byte = byte % bytes.len();
    bytes[byte] ^= 1 << bit;
    // Bytes that are no UTF-8 any more are stored all the same: that is what damage looks like.
    let cast = if column == "bytes" { "CAST(?2 AS TEXT)" } else { "?2" };
    let sql = format!("UPDATE journal SET {column} = {cast} WHERE position = ?1");
    connection.execute(&sql, params![position, bytes]).unwrap();
}

/// Does it; returns the first event at which it must be found, `None` if nothing was changed.
fn mutate(connection: &Connection, mutation: &Mutation, count: usize) -> Option<u64> {
    let position = |at: usize| (at % count) as i64 + 1;
    let seq = |at: usize| (at % count) as u64 + 1;
    match *mutation {
        Mutation::FlipBytes { at, byte, bit } => {
            flip(connection, "bytes", position(at), byte, bit);
            Some(seq(at))
        }
        Mutation::FlipHash { at, byte, bit } => {
            flip(connection, "hash", position(at), byte, bit);
            Some(seq(at))
        }
        Mutation::FlipPrev { at, byte, bit } => {
            flip(connection, "prev", position(at), byte, bit);
            Some(seq(at))
        }
        Mutation::Delete { at } => {
            let sql = "DELETE FROM journal WHERE position = ?1";
            connection.execute(sql, [position(at)]).unwrap();
            Some(seq(at))
        }
        Mutation::Insert { at, from } => {
            // A copy of an event is put in, all after it move up by one.
            let at = at % (count + 1);
            for moved in (at..count).rev() {
                let sql = "UPDATE journal SET position = position + 1 WHERE position = ?1";
                connection.execute(sql, [position(moved)]).unwrap();
            }
            let from = from % count;
            let from = if from >= at { from + 2 } else { from + 1 };
            let sql = "INSERT INTO journal SELECT ?1, kind, aggregate, at_ms, prev, hash, bytes \
                       FROM journal WHERE position = ?2";
            connection.execute(sql, params![at as i64 + 1, from as i64]).unwrap();
            // The copy of an event before itself is found at the second of the two.
            let is_same = from as i64 == at as i64 + 2;
            Some(at as u64 + 1 + u64::from(is_same))
        }
        Mutation::Swap { a, b } => {
            let (a, b) = (position(a), position(b));
            if a == b {
                return None;
            }
            for (from, to) in [(a, -1), (b, a), (-1, b)] {
                let sql = "UPDATE journal SET position = ?2 WHERE position = ?1";
                connection.execute(sql, [from, to]).unwrap();
            }
            Some(a.min(b) as u64)
        }
    }
}

/// Thousands of them, each on the same sound journal, each rolled back.
#[test]
fn every_mutation_of_the_journal_is_found() {
    let (_shop, connection) = tampering(8);
    let count: usize =
        connection.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).unwrap();
    let config = ProptestConfig { cases: 5_000, failure_persistence: None, ..Default::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&mutation(), |mutation| {
            connection.execute_batch("BEGIN").unwrap();
            let expected = mutate(&connection, &mutation, count);
            let found = verify(&connection).unwrap().fault.map(|fault| fault.seq);
            connection.execute_batch("ROLLBACK").unwrap();
            prop_assert_eq!(found, expected);
            Ok(())
        })
        .unwrap();
    assert_eq!(verify(&connection).unwrap().fault, None);
}

/// What may happen, in any order.
#[derive(Clone, Debug)]
enum Step {
    Sell { pieces: i64 },
    Push,
    CentralApplies,
    CentralReceives { pieces: i64 },
    Pull { is_split: bool },
    Snapshot,
    Rewind,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1i64..5).prop_map(|pieces| Step::Sell { pieces }),
        4 => Just(Step::Push),
        4 => Just(Step::CentralApplies),
        2 => (1i64..9).prop_map(|pieces| Step::CentralReceives { pieces }),
        6 => any::<bool>().prop_map(|is_split| Step::Pull { is_split }),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Rewind),
        1 => Just(Step::Reopen),
    ]
}

/// A central that holds events, applies them when it likes, and publishes what it has applied.
#[derive(Default)]
struct Model {
    /// Every sale here: number of `order.placed`, of the last event, pieces, identity.
    sales: Vec<(u64, u64, i64, Uuid)>,
    held: u64,
    applied: u64,
    received: i64,
    cursor: u32,
}

impl Model {
    fn on_hand(&self) -> i64 {
        let sold = self.sales.iter().filter(|sale| sale.0 <= self.applied);
        100 + self.received - sold.map(|sale| sale.2).sum::<i64>()
    }
    fn stock_row(&self) -> String {
        let article = article_row(1, "", 1).id;
        serde_json::to_string(&StockRow { article, on_hand: self.on_hand() }).unwrap()
    }
    fn history(&self) -> Vec<(&'static str, String)> {
        let applied = self.sales.iter().filter(|sale| sale.0 <= self.applied);
        applied.map(|sale| ("order", past_order(sale.3.as_u128(), 1, AT.0, 1, "CHF"))).collect()
    }
    fn next(&mut self) -> (String, String) {
        self.cursor += 1;
        (format!("c{}", self.cursor - 1), format!("c{}", self.cursor))
    }
}

fn pull(store: &Store, model: &mut Model, is_split: bool) {
    let article = article_row(1, "", 1).id;
    let before = store.stock(ArticleId::from_uuid(article)).unwrap();
    let (mut after, next) = model.next();
    if is_split {
        // A page that is not the last: its rows may not show yet.
        let rows = page(vec![put("stock", model.stock_row())], &format!("{next}-half"));
        let half = ChangesPage { more: true, ..rows };
        assert_eq!(store.apply_page(Feed::Stock, &after, &half, AT).unwrap(), Applied::Committed);
        assert_eq!(store.stock(ArticleId::from_uuid(article)).unwrap(), before);
        after = format!("{next}-half");
    }
    let changes = if is_split { vec![] } else { vec![put("stock", model.stock_row())] };
    let last = ChangesPage { included: included(model.applied), ..page(changes, &next) };
    assert_eq!(store.apply_page(Feed::Stock, &after, &last, AT).unwrap(), Applied::Committed);
    let cursor = store.feed_progress(Feed::History).unwrap().cursor.unwrap();
    let orders = model.history().into_iter().map(|(table, json)| put(table, json)).collect();
    store.apply_page(Feed::History, &cursor, &page(orders, &next), AT).unwrap();
}

fn check(store: &Store, model: &Model, included_received: i64) {
    let article = ArticleId::from_uuid(article_row(1, "", 1).id);
    let sold: i64 = model.sales.iter().map(|sale| sale.2).sum();
    // Own sales count at once and once; what others did counts from the last pull on.
    assert_eq!(store.stock(article).unwrap(), Some(100 + included_received - sold));
    let history = store.history(customer(1), 0, 500).unwrap();
    let mut ids: Vec<Uuid> = history.iter().map(|row| row.order.id.uuid()).collect();
    ids.sort_unstable();
    let mut expected: Vec<Uuid> = model.sales.iter().map(|sale| sale.3).collect();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    let unsent = history.iter().filter(|row| row.is_unsent).count();
    let acked = store.sync_status().unwrap().acknowledged;
    assert_eq!(unsent, model.sales.iter().filter(|sale| sale.1 > acked).count());
}

fn run_steps(steps: &[Step]) {
    let mut shop = Shop::new();
    let mut store = shop.open_for_business();
    store.open_shift(staff(1), AT).unwrap();
    let mut model = Model::default();
    load(&store, Feed::Stock, "c0", &[("stock", model.stock_row())]);
    load(&store, Feed::History, "c0", &[]);
    pull(&store, &mut model, false);
    let mut included_received = 0;
    for step in steps {
        match step {
            Step::Sell { pieces } => {
                let sold = shop.sell_to(&store, &[(1, *pieces)], Some(customer(1)));
                let order = sold.order.id.uuid();
                model.sales.push((sold.last_seq - 1, sold.last_seq, *pieces, order));
            }
            Step::Push => {
                acknowledge_all(&store);
                model.held = store.sync_status().unwrap().last_seq;
            }
            Step::CentralApplies => model.applied = model.held,
            Step::CentralReceives { pieces } => model.received += pieces,
            Step::Pull { is_split } => {
                pull(&store, &mut model, *is_split);
                included_received = model.received;
            }
            Step::Snapshot => {
                let (_, next) = model.next();
                let rows = [("stock", model.stock_row())];
                load(&store, Feed::Stock, &next, &rows);
                load(&store, Feed::History, &next, &model.history());
                // The snapshot shows with the first complete page, which says what it includes.
                pull(&store, &mut model, false);
                included_received = model.received;
            }
            Step::Rewind => {
                let zero = sync::protocol::event::EventHash::GENESIS;
                assert_ne!(store.rewind(life(0), 0, zero).unwrap(), Rewound::Unfit);
            }
            Step::Reopen => {
                store.close();
                store = shop.open();
            }
        }
        check(&store, &model, included_received);
    }
    assert_eq!(store.verify_journal().unwrap().fault, None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]
    #[test]
    fn nothing_is_counted_twice_or_forgotten(steps in proptest::collection::vec(step(), 1..40)) {
        run_steps(&steps);
    }
}
