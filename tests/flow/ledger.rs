//! What central holds, read from its database by the test itself, so that no report can hide a double.

use crate::process::Central;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;

/// One order at central.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Minor units.
    pub total_minor: i64,
    /// Kept in the drawer for it (given minus change); 0 when not paid.
    pub tendered_minor: i64,
    /// Cash rounding told by the terminal.
    pub rounding_minor: i64,
}

/// All orders of terminals by receipt number; panics when a number is there twice.
pub fn orders_at(central: &Central) -> BTreeMap<String, Held> {
    let path = central.data.join("central.db");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut query = database
        .prepare(
            "SELECT o.number, o.total_minor, coalesce(o.rounding_minor, 0),
                    coalesce((SELECT sum(given_minor - change_minor) FROM tender t
                              WHERE t.order_no = o.no), 0)
             FROM orders o WHERE o.event IS NOT NULL",
        )
        .unwrap();
    let mut held = BTreeMap::new();
    let rows = query
        .query_map([], |row| {
            let order = Held {
                total_minor: row.get(1)?,
                rounding_minor: row.get(2)?,
                tendered_minor: row.get(3)?,
            };
            Ok((row.get::<_, String>(0)?, order))
        })
        .unwrap();
    for row in rows {
        let (number, order) = row.unwrap();
        let twice = held.insert(number.clone(), order);
        assert_eq!(twice, None, "order {number} is at central twice");
    }
    held
}

/// Events of terminals that central could not apply.
pub fn held_back_at(central: &Central) -> i64 {
    let path = central.data.join("central.db");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    database
        .query_row("SELECT count(*) FROM inbox WHERE state <> 'applied'", [], |row| row.get(0))
        .unwrap()
}

/// Receipt numbers of one epoch must count 1, 2, 3 … without a hole (invariant 3).
pub fn assert_gapless(numbers: impl IntoIterator<Item = String>) {
    let mut by_epoch: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for number in numbers {
        let (prefix, counter) = number.rsplit_once('-').unwrap();
        by_epoch.entry(prefix.to_owned()).or_default().push(counter.parse().unwrap());
    }
    for (prefix, mut counters) in by_epoch {
        counters.sort_unstable();
        let expected: Vec<u64> = (1..=counters.len() as u64).collect();
        assert_eq!(counters, expected, "receipt numbers of {prefix} have a hole or a double");
    }
}
