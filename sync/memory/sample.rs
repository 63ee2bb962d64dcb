//! Valid rows, events and clocks for tests; the same number always makes the same row.

use crate::ports::{DeviceKey, TerminalIdentity};
use crate::protocol::feed::{
    ArticleRow, Change, CustomerRow, Feed, HistoryLineRow, HistoryRow, Op, StaffRow, StockRow,
};
use crate::protocol::snapshot::SnapshotLine;
use domain::event::Event;
use domain::id::{ShiftId, StaffId, StoreId, TerminalId};
use domain::time::{Clock, DeviceTime};
use serde_json::value::RawValue;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// A row of a feed: table, key, JSON.
pub type Row = (String, String, Box<RawValue>);

/// The row number `n` of `feed`, in its `version`: another version has other content.
pub fn row(feed: Feed, n: u64, version: u64) -> Row {
    let id = Uuid::from_u128(u128::from(n) + 1);
    let (table, json) = match feed {
        Feed::Config => ("staff", json(&staff(id, n, version))),
        Feed::Catalogue => ("article", json(&article(id, n, version))),
        Feed::Stock => ("stock", json(&StockRow { article: id, on_hand: version as i64 })),
        Feed::Customers => ("customer", json(&customer(id, n, version))),
        Feed::History => ("order", json(&history(id, n, version))),
    };
    (table.into(), id.to_string(), json)
}

fn json(row: &impl serde::Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(row).expect("wire types are JSON")
}

fn staff(id: Uuid, n: u64, version: u64) -> StaffRow {
    StaffRow {
        id,
        number: format!("{n}"),
        name: format!("Person {n}.{version}"),
        role: "cashier".into(),
        pin_verifier: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg".into(),
        pin_length: 4,
    }
}

fn article(id: Uuid, n: u64, version: u64) -> ArticleRow {
    ArticleRow {
        id,
        gtins: vec![gtin(n)],
        packs: vec![],
        name: format!("Article {n}"),
        detail: "500 g".into(),
        category: "Food / Dry".into(),
        unit: "piece".into(),
        price_minor: 100 + version as i64,
        currency: "CHF".into(),
        tax_group: "reduced".into(),
        price_version: version,
        rank: n as u32 + 1,
    }
}

/// A GTIN-14 under GS1's demonstration prefix 952 with its check digit.
fn gtin(n: u64) -> String {
    let body = format!("0952{:09}", n % 1_000_000_000);
    let weigh = |(index, digit): (usize, u8)| u32::from(digit - b'0') * [3, 1][index % 2];
    let sum: u32 = body.bytes().enumerate().map(weigh).sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

fn customer(id: Uuid, n: u64, version: u64) -> CustomerRow {
    CustomerRow {
        id,
        name: format!("Customer {n}.{version}"),
        phones: vec![format!("+4179{n:07}")],
        emails: Vec::new(),
        cards: vec![format!("C{n:08}")],
        addresses: Vec::new(),
        since_ms: 1_700_000_000_000,
    }
}

fn history(id: Uuid, n: u64, version: u64) -> HistoryRow {
    let line = HistoryLineRow {
        article: None,
        name: format!("Article {n}"),
        quantity: 1,
        unit: "piece".into(),
        total_minor: version as i64,
    };
    HistoryRow {
        id,
        customer: Uuid::from_u128(7),
        channel: "web".into(),
        place: String::new(),
        number: format!("W{n}"),
        at_ms: 1_700_000_000_000,
        currency: "CHF".into(),
        lines: vec![line],
        total_minor: version as i64,
    }
}

/// The row as a line of a chunk.
pub fn line(feed: Feed, n: u64, version: u64) -> SnapshotLine {
    let (table, key, row) = row(feed, n, version);
    SnapshotLine { table, key, row }
}

/// The row as a change at `pos`.
pub fn put(feed: Feed, pos: u64, n: u64, version: u64) -> Change {
    let (table, key, row) = row(feed, n, version);
    Change { pos, table, key, op: Op::Put, row: Some(row) }
}

/// The deletion of the row at `pos`.
pub fn del(feed: Feed, pos: u64, n: u64) -> Change {
    let (table, key, _) = row(feed, n, 0);
    Change { pos, table, key, op: Op::Del, row: None }
}

/// A terminal's identity; the number makes id and key.
pub fn identity(n: u8) -> TerminalIdentity {
    TerminalIdentity {
        id: TerminalId::from_uuid(Uuid::from_u128(0x7e00 + u128::from(n))),
        epoch: 1,
        name: format!("T{n:02}"),
        store: StoreId::from_uuid(Uuid::from_u128(0x5000)),
        store_name: "Old Mill".into(),
        central: "memory:".into(),
        device_key: DeviceKey([n; 32]),
    }
}

/// A small event; the number tells it from others.
pub fn event(n: u64) -> Event {
    let shift = ShiftId::from_uuid(Uuid::from_u128(0x5111_0000 + u128::from(n)));
    Event::ShiftOpened { shift, staff: StaffId::from_uuid(Uuid::from_u128(3)) }
}

/// A clock that tests set.
#[derive(Debug, Default)]
pub struct TestClock(AtomicU64);

impl TestClock {
    /// Both clocks move on.
    pub fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> DeviceTime {
        DeviceTime(1_800_000_000_000 + self.0.load(Ordering::SeqCst) as i64)
    }
    fn monotonic_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
