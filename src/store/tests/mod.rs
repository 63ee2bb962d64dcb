//! Tests of the store as a whole: each opens real, encrypted files in a directory of its own.

#![allow(clippy::unwrap_used)]

mod card;
mod chain;
mod count;
mod crash;
mod feeds;
mod io_fault;
mod lives;
mod mutation;
mod open;
mod orphan;
mod power_cut;
mod property;
mod recover;
mod released;
mod selling;
mod spoilt;
mod unsynced;

use crate::{
    CommittedOrder, DatabaseKey, DiskGauge, DiskSpace, FileKeyStore, KeyStore, NewOrder, OpenError,
    Payment, Store, StoreOptions, SystemFiles, Writing,
};
use domain::article::{Article, Pack};
use domain::basket::Basket;
use domain::gtin::Gtin;
use domain::id::{CustomerId, IdSource, ShiftId, StaffId, StoreId, TenderId, TerminalId};
use domain::money::{Currency, Money};
use domain::order::Fulfilment;
use domain::tender::{Tender, TenderKind};
use domain::time::DeviceTime;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use sync::ports::{Applied, DeviceKey, LifeId, OutboxItem, SyncStore, TerminalIdentity};
use sync::protocol::feed::{
    ArticleRow, Change, ChangesPage, CustomerRow, Feed, Included, Op, PackRow, StaffRow, StoreRow,
    TaxGroupRow, TaxRateRow,
};
use sync::protocol::snapshot::{FeedSnapshot, SnapshotLine};
use sync::snapshot::{PackedChunk, pack};
use uuid::Uuid;

/// Identities that count up, from a start of its own for each use.
pub(crate) struct Counter(pub u128);
impl IdSource for Counter {
    fn next_uuid(&mut self) -> Uuid {
        self.0 += 1;
        Uuid::from_u128(self.0)
    }
}

/// A disk whose room the test sets.
pub(crate) struct FakeDisk(pub AtomicU64);
impl DiskGauge for FakeDisk {
    fn space(&self) -> std::io::Result<DiskSpace> {
        let free_bytes = self.0.load(Ordering::Relaxed);
        Ok(DiskSpace { free_bytes, total_bytes: 64 * 1024 * 1024 * 1024 })
    }
}
pub(crate) const PLENTY: u64 = 32 * 1024 * 1024 * 1024;

/// A directory with a store in it, and all that is needed to open it again.
pub(crate) struct Shop {
    pub directory: tempfile::TempDir,
    pub disk: Arc<FakeDisk>,
    pub ids: Counter,
}

pub(crate) const AT: DeviceTime = DeviceTime(1_800_000_000_000);
pub(crate) const TERMINAL: u128 = 0x7e;
pub(crate) const STORE: u128 = 0x50;

pub(crate) fn id<T>(number: u128, from: impl Fn(Uuid) -> T) -> T {
    from(Uuid::from_u128(number))
}
pub(crate) fn staff(number: u128) -> StaffId {
    StaffId::from_uuid(Uuid::from_u128(0x57af_0000 + number))
}
pub(crate) fn customer(number: u128) -> CustomerId {
    CustomerId::from_uuid(Uuid::from_u128(0xc057_0000 + number))
}

pub(crate) fn identity(epoch: u32) -> TerminalIdentity {
    TerminalIdentity {
        id: id(TERMINAL, TerminalId::from_uuid),
        epoch,
        name: "T03".into(),
        store: id(STORE, StoreId::from_uuid),
        store_name: "Bern".into(),
        central: "http://localhost:1".into(),
        device_key: DeviceKey([9; 32]),
    }
}

/// A life of the terminal of [`identity`].
pub(crate) fn life(epoch: u32) -> LifeId {
    identity(epoch).life()
}

impl Shop {
    pub fn new() -> Self {
        let disk = Arc::new(FakeDisk(AtomicU64::new(PLENTY)));
        Self { directory: tempfile::tempdir().unwrap(), disk, ids: Counter(0xaaaa_0000_0000) }
    }

    pub fn options(&self) -> StoreOptions {
        let disk: Arc<dyn DiskGauge> = Arc::clone(&self.disk) as _;
        StoreOptions {
            directory: self.directory.path().to_owned(),
            disk,
            files: Arc::new(SystemFiles),
            writing: Writing::Thread,
        }
    }

    pub fn keys(&self) -> FileKeyStore {
        FileKeyStore::in_directory(self.directory.path())
    }

    pub fn key(&self) -> DatabaseKey {
        self.keys().database_key().unwrap()
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("crossroads.db")
    }

    pub fn try_open(&mut self) -> Result<Store, OpenError> {
        // Each run of the program mints identities that no run before has minted.
        self.ids.0 += 0x1_0000_0000;
        Store::open(&self.options(), &self.keys(), Box::new(Counter(self.ids.0 + 0x8000_0000)))
    }

    pub fn open(&mut self) -> Store {
        self.try_open().unwrap()
    }

    /// Opens, enrols and configures.
    pub fn open_for_business(&mut self) -> Store {
        let store = self.open();
        store.enrol(&identity(0), "crossroads 0.1.0", AT).unwrap();
        load(&store, Feed::Config, "c1", &[("store", store_row()), ("staff", staff_row(1))]);
        store
    }

    /// A basket with that many pieces of each article.
    pub fn basket(&mut self, lines: &[(u32, i64)], customer: Option<CustomerId>) -> Basket {
        let mut basket = Basket::new(Currency::CHF, &mut self.ids);
        for (number, pieces) in lines {
            let article = article(*number);
            basket.add(&article, None, Fulfilment::Carry, &mut self.ids).unwrap();
            let line = basket.lines.last().unwrap().id;
            basket.set_quantity(line, *pieces).unwrap();
        }
        basket.customer = customer;
        basket
    }

    /// An order of a basket, paid in cash with nothing to give back.
    pub fn new_order(&mut self, basket: Basket, shift: ShiftId, at: DeviceTime) -> NewOrder {
        let table = crate::config::store_from(serde_json::from_str(&store_row()).unwrap());
        let priced = domain::pricing::price(&basket, None, &table.unwrap().taxes).unwrap();
        let tender = Tender {
            id: TenderId::mint(&mut self.ids),
            kind: TenderKind::Cash,
            given: priced.total,
            change: Money::zero(Currency::CHF),
        };
        let payment = Payment {
            due: priced.total,
            rounding: Money::zero(Currency::CHF),
            tenders: vec![tender],
        };
        NewOrder {
            basket,
            priced,
            delivery: None,
            payment: Some(payment),
            shift,
            staff: staff(1),
            store: id(STORE, StoreId::from_uuid),
            placed_at: at,
        }
    }

    /// Sells that many pieces of each article, in the open shift or a new one.
    pub fn sell(&mut self, store: &Store, lines: &[(u32, i64)]) -> CommittedOrder {
        self.sell_to(store, lines, None)
    }

    pub fn sell_to(
        &mut self,
        store: &Store,
        lines: &[(u32, i64)],
        customer: Option<CustomerId>,
    ) -> CommittedOrder {
        let shift = store.open_shift(staff(1), AT).unwrap().id;
        let basket = self.basket(lines, customer);
        let order = self.new_order(basket, shift, AT);
        store.commit_order(order).unwrap()
    }
}

pub(crate) fn store_row() -> String {
    serde_json::to_string(&StoreRow {
        id: Uuid::from_u128(STORE),
        code: "S012".into(),
        name: "Bern Marktgasse".into(),
        address: "Marktgasse 1, 3011 Bern".into(),
        country: "CH".into(),
        currency: "CHF".into(),
        time_zone: "Europe/Zurich".into(),
        prices_include_tax: true,
        smallest_coin_minor: 5,
        notes_minor: vec![1000, 2000],
        tax_groups: vec![TaxGroupRow {
            key: "food".into(),
            rates: vec![TaxRateRow { name: "MWST".into(), rate_ppm: 26_000 }],
        }],
        slots: vec![],
        delivery_tax_group: "food".into(),
        label_layouts: vec![],
        code_keys: vec![],
    })
    .unwrap()
}

pub(crate) fn staff_row(number: u128) -> String {
    serde_json::to_string(&StaffRow {
        id: staff(number).uuid(),
        number: format!("{number:03}"),
        name: format!("Person {number}"),
        role: "cashier".into(),
        pin_verifier: "$argon2id$".into(),
        pin_length: 4,
    })
    .unwrap()
}

pub(crate) fn gtin(number: u32) -> Gtin {
    let body = format!("952{number:09}");
    let check = domain::gtin::check_digit(&body).unwrap();
    Gtin::parse(&format!("{body}{check}")).unwrap()
}

/// The third article comes in cases, too.
fn case_of(number: u32) -> Option<Gtin> {
    let body = format!("1{:012}", gtin(number).number() / 10);
    let check = domain::gtin::check_digit(&body)?;
    Gtin::parse(&format!("{body}{check}")).ok().filter(|_| number == 3)
}

pub(crate) fn article_row(number: u32, name: &str, rank: u32) -> ArticleRow {
    let packs: Vec<String> = case_of(number).iter().map(|case| case.to_gtin14()).collect();
    ArticleRow {
        id: Uuid::from_u128(0xa271_0000 + u128::from(number)),
        gtins: [vec![gtin(number).to_gtin14()], packs.clone()].concat(),
        packs: packs.into_iter().map(|gtin| PackRow { gtin, pieces: 12 }).collect(),
        name: name.into(),
        detail: String::new(),
        category: "Food".into(),
        unit: "piece".into(),
        price_minor: 100 + i64::from(number),
        currency: "CHF".into(),
        tax_group: "food".into(),
        price_version: 1,
        rank,
    }
}

pub(crate) fn article_json(number: u32, name: &str, rank: u32) -> String {
    serde_json::to_string(&article_row(number, name, rank)).unwrap()
}

pub(crate) fn article(number: u32) -> Article {
    let row = article_row(number, &format!("Article {number}"), number);
    Article {
        id: domain::id::ArticleId::from_uuid(row.id),
        gtins: [vec![gtin(number)], Vec::from_iter(case_of(number))].concat(),
        packs: case_of(number).and_then(|case| Pack::new(case, 12)).into_iter().collect(),
        name: row.name,
        detail: row.detail,
        category: row.category,
        price: domain::article::UnitPrice {
            amount: Money::new(row.price_minor, Currency::CHF),
            unit: domain::quantity::Unit::Piece,
        },
        tax_group: row.tax_group,
        price_version: row.price_version,
    }
}

pub(crate) fn customer_row(number: u128, name: &str, phone: &str, email: &str) -> CustomerRow {
    CustomerRow {
        id: customer(number).uuid(),
        name: name.into(),
        phones: [phone].iter().filter(|text| !text.is_empty()).map(|t| (*t).into()).collect(),
        emails: [email].iter().filter(|text| !text.is_empty()).map(|t| (*t).into()).collect(),
        cards: vec![format!("29500{number:05}")],
        addresses: vec![],
        since_ms: 0,
    }
}

pub(crate) fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

pub(crate) fn chunk(rows: &[(&str, String)]) -> PackedChunk {
    let line = |(table, json): &(&str, String)| SnapshotLine {
        table: (*table).into(),
        key: key_of(table, json),
        row: raw(json),
    };
    pack(&rows.iter().map(line).collect::<Vec<_>>()).unwrap()
}

pub(crate) fn plan(feed: Feed, cursor: &str, chunks: &[&PackedChunk]) -> FeedSnapshot {
    FeedSnapshot {
        feed,
        cursor: cursor.into(),
        rows: chunks.iter().map(|chunk| chunk.info.rows).sum(),
        chunks: chunks.iter().map(|chunk| chunk.info.clone()).collect(),
        checkpoint: None,
    }
}

pub(crate) fn apply(store: &Store, feed: Feed, chunk: &PackedChunk) -> Applied {
    store.apply_chunk(feed, &chunk.info.sha256, &chunk.bytes, AT).unwrap()
}

/// Loads a feed by a snapshot of one chunk.
pub(crate) fn load(store: &Store, feed: Feed, cursor: &str, rows: &[(&str, String)]) {
    let chunk = chunk(rows);
    store.begin_snapshot(&plan(feed, cursor, &[&chunk])).unwrap();
    assert_eq!(apply(store, feed, &chunk), Applied::Committed);
}

pub(crate) fn load_articles(store: &Store, articles: &[(u32, &str)]) {
    let rows: Vec<(&str, String)> = articles
        .iter()
        .enumerate()
        .map(|(at, (number, name))| ("article", article_json(*number, name, at as u32 + 1)))
        .collect();
    load(store, Feed::Catalogue, "k1", &rows);
}

/// The key of a row, as central gives it; any at all for a row that makes no sense.
pub(crate) fn key_of(table: &str, json: &str) -> String {
    let field = if table == "stock" { "article" } else { "id" };
    let row: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    row.get(field).and_then(|id| id.as_str()).unwrap_or("key").to_owned()
}

pub(crate) fn put(table: &str, json: String) -> Change {
    let key = key_of(table, &json);
    Change { pos: 1, table: table.into(), key, op: Op::Put, row: Some(raw(&json)) }
}

pub(crate) fn del(table: &str, id: Uuid) -> Change {
    Change { pos: 1, table: table.into(), key: id.to_string(), op: Op::Del, row: None }
}

pub(crate) fn page(changes: Vec<Change>, next: &str) -> ChangesPage {
    let (included, checkpoint) = (Vec::new(), None);
    ChangesPage { changes, next: next.into(), more: false, included, checkpoint, server_time_ms: 0 }
}

/// The only entry of a page that says what it includes of epoch 0.
pub(crate) fn included(seq: u64) -> Vec<Included> {
    vec![Included { epoch: 0, seq }]
}

/// What waits of the current life.
pub(crate) fn waiting(store: &Store) -> Vec<OutboxItem> {
    let life = store.terminal().unwrap().unwrap().life();
    store.outbox(life, 500, 1 << 20).unwrap()
}

/// Acknowledges everything that waits of the current life.
pub(crate) fn acknowledge_all(store: &Store) {
    let life = store.terminal().unwrap().unwrap().life();
    acknowledge_life(store, life);
}

/// Acknowledges everything that waits of a life.
pub(crate) fn acknowledge_life(store: &Store, life: LifeId) {
    while let Some(last) = store.outbox(life, 500, 1 << 20).unwrap().last() {
        assert!(store.acknowledge(life, last.place().seq, last.hash(), &[], AT).unwrap());
    }
}
