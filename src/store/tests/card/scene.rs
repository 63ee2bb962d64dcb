//! The canonical transactions: everything that a store writes, each on a shop that has some business behind it.

use super::*;
use crate::CommitError;
use domain::event::RenewalReason;
use domain::id::{BasketId, StoreId};
use domain::order::{Address, Delivery};
use domain::staff::PinAttempts;
use domain::time::{CentralTime, Slot};
use fault::{Damage, Image};
use rusqlite::Connection;
use sync::protocol::feed::StockRow;
use sync::protocol::push::{Outcome, PushResult};

/// Why a call did not do what it was asked.
pub(crate) type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// What a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// All that was asked; it is on disk.
    Yes,
    /// Nothing, and it said so without an error: the disk is full.
    Refused,
    /// Nothing: it was done before.
    Before,
}

type Action = Box<dyn Fn(&mut Till) -> Result<Done, Trouble>>;

/// One thing asked of the store.
pub(crate) struct Call {
    pub name: &'static str,
    action: Action,
    /// The basket that is an order afterwards.
    pub sells: Option<BasketId>,
}

impl Call {
    fn new(
        name: &'static str,
        action: impl Fn(&mut Till) -> Result<Done, Trouble> + 'static,
    ) -> Self {
        Self { name, action: Box::new(action), sells: None }
    }

    /// A call that answers nothing but an error.
    fn on_store<E: Into<Trouble>>(
        name: &'static str,
        action: impl Fn(&Store) -> Result<(), E> + 'static,
    ) -> Self {
        Self::new(name, move |till| {
            action(till.store()).map_err(Into::into)?;
            Ok(Done::Yes)
        })
    }

    /// A call that says what became of rows.
    fn on_feed<E: Into<Trouble>>(
        name: &'static str,
        action: impl Fn(&Store) -> Result<Applied, E> + 'static,
    ) -> Self {
        Self::new(name, move |till| match action(till.store()).map_err(Into::into)? {
            Applied::Committed => Ok(Done::Yes),
            Applied::DiskLow => Ok(Done::Refused),
            Applied::Stale => Ok(Done::Before),
            other => panic!("{name}: {other:?}"),
        })
    }

    fn sale(name: &'static str, order: NewOrder) -> Self {
        let basket = order.basket.id;
        let sell = move |store: &Store| {
            let committed = store.commit_order(order.clone())?;
            assert_eq!(committed.order.total, order.priced.total);
            Ok::<_, CommitError>(())
        };
        Self { sells: Some(basket), ..Self::on_store(name, sell) }
    }

    pub fn open() -> Self {
        Self::new("open", |till| {
            till.open()?;
            Ok(Done::Yes)
        })
    }

    pub fn close() -> Self {
        Self::new("close", |till| {
            till.close();
            Ok(Done::Yes)
        })
    }

    /// Whatever work there is: see [`any_work`].
    pub fn work() -> Self {
        Self::new("work", |till| any_work(till).map(|_| Done::Yes))
    }

    /// Copies the log back while the store is in use.
    fn checkpoint() -> Self {
        Self::on_store("checkpoint", |store| {
            store.write("checkpoint", |session| {
                let sql = "PRAGMA wal_checkpoint(PASSIVE)";
                session.connection.query_row(sql, [], |_| Ok(()))?;
                Ok::<_, crate::StoreError>(())
            })
        })
    }

    pub fn run(&self, till: &mut Till) -> Result<Done, Trouble> {
        (self.action)(till)
    }
}

/// A disk, and what is done on it.
pub(crate) struct Scene {
    pub name: &'static str,
    pub image: Image,
    pub calls: Vec<Call>,
    /// Baskets that are orders before the first call.
    pub sold: Vec<BasketId>,
}

/// Prepares and lists them; the directory of `till` holds the key of all.
pub(crate) fn scenes(till: &mut Till) -> Vec<Scene> {
    type Script = fn(&mut Till) -> Vec<Call>;
    let in_business: [(&str, Script); 14] = [
        ("shift", shift),
        ("sale", sale),
        ("sale-of-many-lines", long_sale),
        ("delivery", delivery),
        ("baskets", baskets),
        ("count", count),
        ("acknowledge", acknowledge),
        ("held-back", held_back),
        ("snapshot", snapshot),
        ("pages", pages),
        ("reset-feed", reset_feed),
        ("lives", lives),
        ("checkpoint", checkpoint),
        ("memory", memory),
    ];
    let mut scenes = vec![first_start(till), enrol(till), migration(till)];
    for (name, script) in in_business {
        let sold = business(till);
        let mut calls = script(till);
        till.close();
        let image = till.disk.snapshot().crash(&Damage::Everything);
        calls.insert(0, Call::open());
        calls.push(Call::close());
        scenes.push(Scene { name, image, calls, sold });
    }
    scenes
}

/// A shop that has sold, pushed and loaded; leaves it open, with an open shift.
fn business(till: &mut Till) -> Vec<BasketId> {
    till.wake_on(&Image::default());
    till.open().unwrap();
    let store = till.store().clone();
    store.enrol(&identity(0), "crossroads 0.1.0", AT).unwrap();
    load(&store, Feed::Config, "c1", &[("store", store_row()), ("staff", staff_row(1))]);
    let articles: Vec<(u32, &str)> =
        (1..=40).map(|number| (number, "Ware aus dem Regal")).collect();
    load_articles(&store, &articles);
    let stock: Vec<(&str, String)> = (1..=20).map(|number| ("stock", stock_json(number))).collect();
    load(&store, Feed::Stock, "s1", &stock);
    let customers = (1..=5u128).map(|number| {
        let row = customer_row(number, "Anna Muster", "+41790000000", "");
        ("customer", serde_json::to_string(&row).unwrap())
    });
    load(&store, Feed::Customers, "u1", &customers.collect::<Vec<_>>());
    load(&store, Feed::History, "h1", &[]);
    let mut sold = Vec::new();
    for number in 1..=4 {
        let shift = store.open_shift(staff(1), AT).unwrap().id;
        let basket = till.shop.basket(&[(number, 1), (number + 1, 2)], Some(customer(1)));
        sold.push(basket.id);
        let order = till.shop.new_order(basket, shift, AT);
        store.commit_order(order).unwrap();
        if number == 2 {
            acknowledge_all(&store);
        }
    }
    sold
}

fn stock_json(number: u32) -> String {
    let article = article_row(number, "", 1).id;
    serde_json::to_string(&StockRow { article, on_hand: 100 }).unwrap()
}

/// An order in the open shift.
fn order(till: &mut Till, lines: &[(u32, i64)]) -> NewOrder {
    let shift = till.store().current_shift().unwrap().expect("a shift is open").id;
    let basket = till.shop.basket(lines, Some(customer(2)));
    till.shop.new_order(basket, shift, DeviceTime(AT.0 + 60_000))
}

/// Sells something if the shop is in business, else writes a setting: work for a till that has just recovered. Does
/// the same on the same disk.
pub(crate) fn any_work(till: &mut Till) -> Result<Option<BasketId>, Trouble> {
    let store = till.store().clone();
    if store.store_config()?.is_none() {
        store.set_setting("work", &till.next_id.to_string())?;
        return Ok(None);
    }
    let at = DeviceTime(AT.0 + 120_000);
    let shift = store.open_shift(staff(1), at)?.id;
    till.shop.ids.0 += 0x1_0000_0000;
    let basket = till.shop.basket(&[(7, 1)], None);
    let sold = basket.id;
    store.commit_order(till.shop.new_order(basket, shift, at))?;
    Ok(Some(sold))
}

fn first_start(till: &mut Till) -> Scene {
    let _ = till.shop.key();
    let calls = vec![Call::open(), Call::close(), Call::open(), Call::close()];
    Scene { name: "first-start", image: Image::default(), calls, sold: Vec::new() }
}

fn enrol(till: &mut Till) -> Scene {
    till.wake_on(&Image::default());
    till.open().unwrap();
    till.close();
    let image = till.disk.snapshot().crash(&Damage::Everything);
    let config = chunk(&[("store", store_row()), ("staff", staff_row(1))]);
    let planned = plan(Feed::Config, "c1", &[&config]);
    let calls = vec![
        Call::open(),
        Call::on_store("enrol", |store| store.enrol(&identity(0), "crossroads 0.1.0", AT)),
        Call::on_store("begin_snapshot", move |store| store.begin_snapshot(&planned)),
        Call::on_feed("apply_chunk", move |store| {
            store.apply_chunk(Feed::Config, &config.info.sha256, &config.bytes, AT)
        }),
        Call::on_store("open_shift", |store| store.open_shift(staff(1), AT).map(|_| ())),
        Call::close(),
    ];
    Scene { name: "enrol", image, calls, sold: Vec::new() }
}

/// A released version from which more than one step leads to this one, and its dump.
const FORMER: (u32, &str) = (2, include_str!("../../sql/released/v2.sql"));

/// The database of an older version comes up while events wait.
fn migration(till: &mut Till) -> Scene {
    till.wake_on(&Image::default());
    assert!(FORMER.0 + 1 < crate::schema::VERSION, "the power can go between two steps");
    let (version, dump) = FORMER;
    let files = Card(till.disk.clone());
    let purpose = crate::connection::Purpose::Write;
    let connection: Connection =
        crate::connection::connect(&files, &till.shop.path(), &till.shop.key(), purpose).unwrap();
    connection.execute_batch(dump).unwrap();
    connection.pragma_update(None, "user_version", version).unwrap();
    drop(connection);
    let image = till.disk.snapshot().crash(&Damage::Everything);
    till.open().unwrap();
    let db = till.store();
    let sold = db.read(|db| {
        let mut baskets = db.prepare("SELECT basket FROM own_order")?;
        let rows = baskets.query_map([], |row| crate::life::uuid_at(row, 0))?;
        Ok(rows.map(|id| BasketId::from_uuid(id.unwrap())).collect::<Vec<_>>())
    });
    let sold = sold.unwrap();
    assert!(!sold.is_empty() && db.sync_status().unwrap().waiting > 0, "events wait");
    till.close();
    Scene { name: "migration", image, calls: vec![Call::open(), Call::close()], sold }
}

fn shift(_: &mut Till) -> Vec<Call> {
    vec![
        Call::on_store("close_shift", |store| store.close_shift(AT)),
        Call::on_store("open_shift", |store| store.open_shift(staff(1), AT).map(|_| ())),
        // Another person's: closes the one before in the same transaction.
        Call::on_store("open_shift", |store| store.open_shift(staff(2), AT).map(|_| ())),
    ]
}

fn sale(till: &mut Till) -> Vec<Call> {
    let first = order(till, &[(1, 1)]);
    let second = order(till, &[(2, 3), (3, 1)]);
    vec![
        Call::sale("sale", first.clone()),
        Call::sale("the same again", first),
        Call::sale("sale", second),
    ]
}

/// Many lines, two tenders, and change.
fn long_sale(till: &mut Till) -> Vec<Call> {
    let lines: Vec<(u32, i64)> =
        (1..=30).map(|number| (number, i64::from(number % 4 + 1))).collect();
    let mut order = order(till, &lines);
    let payment = order.payment.as_mut().unwrap();
    let first = Money::new(1_000, Currency::CHF);
    let rest = payment.due.checked_sub(first).unwrap();
    let change = Money::new(500, Currency::CHF);
    let tender = |given, change, ids: &mut Counter| Tender {
        id: TenderId::mint(ids),
        kind: TenderKind::Cash,
        given,
        change,
    };
    payment.tenders = vec![
        tender(first, Money::zero(Currency::CHF), &mut till.shop.ids),
        tender(rest.checked_add(change).unwrap(), change, &mut till.shop.ids),
    ];
    vec![Call::sale("sale", order)]
}

fn delivery(till: &mut Till) -> Vec<Call> {
    let mut order = order(till, &[(4, 2), (5, 1)]);
    let delivery = Delivery {
        address: Address {
            name: "Anna Muster".into(),
            street: "Gasse 1".into(),
            postal_code: "3011".into(),
            city: "Bern".into(),
            country: "CH".into(),
        },
        phone: String::new(),
        note: String::new(),
        slot: Slot { start: CentralTime(AT.0), end: CentralTime(AT.0 + 7_200_000) },
        fee: Money::new(900, Currency::CHF),
        fee_tax_group: "food".into(),
    };
    order.basket.lines.iter_mut().for_each(|line| line.fulfilment = Fulfilment::Deliver);
    let table = crate::config::store_from(serde_json::from_str(&store_row()).unwrap()).unwrap();
    order.priced = domain::pricing::price(&order.basket, Some(&delivery), &table.taxes).unwrap();
    order.delivery = Some(delivery);
    order.payment = None;
    order.store = id(STORE, StoreId::from_uuid);
    vec![Call::sale("delivery", order)]
}

fn count(_: &mut Till) -> Vec<Call> {
    let save = |numbers: &'static [u32]| {
        Call::on_store("save_count", move |store| {
            store.save_count(&count::count_head(), &count::counted(numbers))
        })
    };
    vec![save(&[1, 2]), save(&[1, 2, 3]), Call::on_store("clear_count", Store::clear_count)]
}

fn baskets(till: &mut Till) -> Vec<Call> {
    let basket = till.shop.basket(&[(1, 1), (2, 2)], None);
    let parked = basket.clone();
    let (again, back) = (basket.id, basket.clone());
    let next = till.shop.basket(&[(3, 1)], None);
    let mut sold = order(till, &[(1, 1)]);
    sold.basket = back;
    let table = crate::config::store_from(serde_json::from_str(&store_row()).unwrap()).unwrap();
    let repriced = domain::pricing::price(&sold.basket, None, &table.taxes).unwrap();
    let payment = sold.payment.as_mut().unwrap();
    (payment.due, payment.tenders[0].given) = (repriced.total, repriced.total);
    sold.priced = repriced;
    vec![
        Call::on_store("save_draft", move |store| store.save_draft(&basket)),
        Call::on_store("park", move |store| store.park(&parked, AT)),
        Call::on_store("save_draft", move |store| store.save_draft(&next)),
        Call::on_store("clear_draft", Store::clear_draft),
        Call::on_store("resume", move |store| {
            let basket = store.resume(again)?;
            assert!(basket.is_some() || store.draft()?.is_some(), "it is somewhere");
            Ok::<_, crate::StoreError>(())
        }),
        Call::sale("sale", sold),
    ]
}

/// The last event that waits, as central would name it.
fn last_waiting(store: &Store) -> Result<Option<(u64, sync::protocol::event::EventHash)>, Trouble> {
    let items = store.outbox(life(0), 500, 1 << 20)?;
    Ok(items.last().map(|item| (item.place().seq, item.hash())))
}

fn push_results() -> Vec<PushResult> {
    let result = |seq, outcome, code: Option<&str>| PushResult {
        seq,
        outcome,
        code: code.map(str::to_owned),
    };
    vec![
        result(7, Outcome::Quarantined, Some("UNKNOWN_TYPE")),
        result(8, Outcome::Parked, None),
        result(9, Outcome::Applied, None),
    ]
}

fn acknowledge(till: &mut Till) -> Vec<Call> {
    let (seq, hash) = last_waiting(till.store()).unwrap().unwrap();
    let (middle, middle_hash) = {
        let items = till.store().outbox(life(0), 2, 1 << 20).unwrap();
        (items[1].place().seq, items[1].hash())
    };
    let after = order(till, &[(9, 1)]);
    vec![
        Call::on_store("acknowledge", move |store| {
            store.acknowledge(life(0), middle, middle_hash, &push_results(), AT).map(|_| ())
        }),
        Call::sale("sale", after),
        Call::on_store("acknowledge", move |store| {
            store.acknowledge(life(0), seq, hash, &[], AT).map(|_| ())
        }),
    ]
}

fn held_back(till: &mut Till) -> Vec<Call> {
    let (seq, hash) = last_waiting(till.store()).unwrap().unwrap();
    till.store().acknowledge(life(0), seq, hash, &push_results(), AT).unwrap();
    let zero = sync::protocol::event::EventHash::GENESIS;
    vec![
        Call::on_store("set_held_back", |store| store.set_held_back(life(0), &push_results()[..1])),
        Call::on_store("rewind", move |store| store.rewind(life(0), 0, zero).map(|_| ())),
        Call::on_store("set_held_back", |store| store.set_held_back(life(0), &[])),
        Call::on_store("note_clock", |store| store.note_clock(-3_600_000)),
    ]
}

fn snapshot(_: &mut Till) -> Vec<Call> {
    let rows = |numbers: std::ops::Range<u32>| -> PackedChunk {
        let row = |number| ("article", article_json(number, "Neue Ware", number));
        chunk(&numbers.map(row).collect::<Vec<_>>())
    };
    let chunks = [rows(10..60), rows(60..90)];
    let planned = plan(Feed::Catalogue, "k2", &[&chunks[0], &chunks[1]]);
    let mut calls =
        vec![Call::on_store("begin_snapshot", move |store| store.begin_snapshot(&planned))];
    for chunk in chunks {
        calls.push(Call::on_feed("apply_chunk", move |store| {
            store.apply_chunk(Feed::Catalogue, &chunk.info.sha256, &chunk.bytes, AT)
        }));
    }
    calls
}

fn pages(till: &mut Till) -> Vec<Call> {
    let renamed = (1..=12).map(|n| put("article", article_json(n, "Anders genannt", n)));
    let gone = (30..=34).map(|n| del("article", article_row(n, "", 1).id));
    let catalogue = page(renamed.chain(gone).collect(), "k2");
    let stock: Vec<Change> = (1..=10).map(|n| put("stock", stock_json(n))).collect();
    let half = ChangesPage { more: true, ..page(stock, "s2") };
    let whole = ChangesPage {
        included: included(till.store().sync_status().unwrap().acknowledged),
        ..page(vec![put("stock", stock_json(40))], "s3")
    };
    let who = customer_row(9, "Beat Muster", "+41790000009", "");
    let customers = page(vec![put("customer", serde_json::to_string(&who).unwrap())], "u2");
    let past = page(vec![put("order", feeds::past_order(5, 1, AT.0, 100, "CHF"))], "h2");
    let apply = |feed: Feed, after: &'static str, page: ChangesPage| {
        Call::on_feed("apply_page", move |store| store.apply_page(feed, after, &page, AT))
    };
    vec![
        apply(Feed::Catalogue, "k1", catalogue),
        apply(Feed::Stock, "s1", half),
        apply(Feed::Stock, "s2", whole),
        apply(Feed::Customers, "u1", customers),
        apply(Feed::History, "h1", past),
    ]
}

fn reset_feed(_: &mut Till) -> Vec<Call> {
    vec![
        Call::on_store("reset_feed", |store| store.reset_feed(Feed::Catalogue)),
        Call::on_store("reset_feed", |store| store.reset_feed(Feed::Stock)),
    ]
}

fn lives(till: &mut Till) -> Vec<Call> {
    let key = |byte| DeviceKey([byte; 32]);
    let second = order(till, &[(6, 1)]);
    let seq = till.store().sync_status().unwrap().last_seq;
    let renew = |epoch, reason, byte| {
        Call::on_store("renew", move |store| {
            store.renew(life(epoch), reason, &key(byte), AT).map(|_| ())
        })
    };
    vec![
        renew(0, RenewalReason::Forked, 1),
        Call::sale("sale", second),
        Call::on_store("book_strays", move |store| store.book_strays(life(0), seq)),
        Call::on_store("book_registered", |store| store.book_registered(life(1))),
        renew(1, RenewalReason::Recovered, 2),
        Call::on_store("close_life", |store| store.close_life(life(1))),
        Call::on_store("rewind_strays", SyncStore::rewind_strays),
        Call::on_store("enrol", |store| store.enrol(&identity(7), "crossroads 0.1.0", AT)),
    ]
}

fn checkpoint(till: &mut Till) -> Vec<Call> {
    let orders: Vec<NewOrder> = (1..=4).map(|number| order(till, &[(number, 1)])).collect();
    let mut calls: Vec<Call> = orders.into_iter().map(|order| Call::sale("sale", order)).collect();
    // The log is copied back, begun anew over its old frames, and copied back again.
    calls.insert(2, Call::checkpoint());
    calls.insert(4, Call::checkpoint());
    calls
}

fn memory(_: &mut Till) -> Vec<Call> {
    let tried = PinAttempts { failures: 3, locked_until_ms: 0 };
    vec![
        Call::on_store("set_pin_attempts", move |store| store.set_pin_attempts(staff(1), tried)),
        Call::on_store("set_setting", |store| store.set_setting("printer", "kitchen")),
    ]
}
