//! Central, measured: taking in sales, and the pages and snapshots that terminals read.
//!
//! The baseline is what the disk can do: one 4 KiB write with fdatasync. A batch of sales is one transaction, so
//! its time divided by the baseline tells how many syncs' worth of work it is. Terminals that push at the same time
//! share transactions (group commit): that is measured through the whole of central but the sockets.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs, reason = "a bench")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use central::in_process::InProcess;
use central::push::{self, Sender};
use central::seed::{self, Plan, UNTIL_MS};
use central::task::Unwatched;
use central::{Central, feed, snapshot};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use domain::article::UnitPrice;
use domain::event::Event;
use domain::id::{ArticleId, LineId, OrderId, ShiftId, StaffId, StoreId, TenderId, TerminalId};
use domain::money::{Currency, Money};
use domain::order::{Fulfilment, Order, OrderLine};
use domain::quantity::{Quantity, Unit};
use domain::tender::{Tender, TenderKind};
use domain::time::DeviceTime;
use ed25519_dalek::{Signer, SigningKey};
use std::fs::File;
use std::io::{Seek, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};
use sync::call::{Reply, Request, Token};
use sync::protocol::auth::{EnrolRequest, NonceRequest, TokenRequest, token_message};
use sync::protocol::event::{EventHash, Place, Stamp, seal};
use sync::protocol::feed::Feed;
use sync::protocol::push::{PushItem, PushRequest};
use uuid::Uuid;

const ARTICLES: u64 = 20_000;
const LINES: u128 = 5;
/// Sales of one batch; each is two events.
const SALES: u64 = 100;
/// Terminals that push at the same time.
const TERMINALS: u64 = 32;
/// Pushes of each in one round.
const PUSHES: u64 = 10;

fn central(dir: &std::path::Path) -> Arc<Central> {
    let central = Central::open(dir).unwrap();
    let plan = Plan::new((ARTICLES, 100, 100), 1, 7, UNTIL_MS);
    seed::run(&central, &plan, &mut Unwatched).unwrap();
    central
}

/// A terminal that is enrolled by the protocol, with its token.
fn enrolled(central: &InProcess) -> (Sender, Token) {
    let code = central.enrol_code(1, None, 60_000).unwrap();
    let mut seed = [0; 32];
    central.central().rim().fill_random(&mut seed).unwrap();
    let key = SigningKey::from_bytes(&seed);
    let public_key = STANDARD.encode(key.verifying_key().as_bytes());
    let request = EnrolRequest { code, public_key, software: "bench".into(), known: Vec::new() };
    let Ok(Reply::Enrolled(enrolled)) = central.ask(None, &Request::Enrol(request)) else {
        panic!("it must enrol");
    };
    let terminal_id = enrolled.terminal_id;
    let ask = Request::Nonce(NonceRequest { terminal_id });
    let Ok(Reply::Nonce(nonce)) = central.ask(None, &ask) else { panic!("it must give a nonce") };
    let signature = key.sign(&token_message(terminal_id, &nonce.nonce)).to_bytes();
    let (nonce, signature) = (nonce.nonce, STANDARD.encode(signature));
    let request = TokenRequest { terminal_id, nonce, signature, epoch: None };
    let Ok(Reply::Token(token)) = central.ask(None, &Request::Token(request)) else {
        panic!("it must give a token");
    };
    (Sender { terminal: terminal_id, epoch: 0, store_no: 1 }, Token(token.token))
}

fn journal(central: &Central, sender: Sender) -> Journal {
    let articles = central.database().read(|c| {
        let mut query = c.prepare("SELECT article FROM gtin ORDER BY number LIMIT 1000")?;
        let rows = query.query_map([], |row| row.get::<_, [u8; 16]>(0))?;
        Ok(rows.map(|row| Uuid::from_bytes(row.unwrap())).collect::<Vec<_>>())
    });
    Journal {
        terminal: TerminalId::from_uuid(sender.terminal),
        head: (0, EventHash::GENESIS),
        ids: u128::from(sender.terminal.as_u64_pair().1) << 64,
        articles: articles.unwrap(),
    }
}

/// A terminal's journal: sales of five articles.
struct Journal {
    terminal: TerminalId,
    head: (u64, EventHash),
    ids: u128,
    articles: Vec<Uuid>,
}

impl Journal {
    fn mint(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    fn seal(&mut self, event: &Event) -> String {
        let place = Place { terminal: self.terminal, epoch: 0, seq: self.head.0 + 1 };
        let sealed = seal(place, self.head.1, Stamp::bare(1_800_000_000_000), event);
        self.head = (place.seq, sealed.hash);
        sealed.bytes
    }

    fn batch(&mut self, sales: u64) -> PushRequest {
        let from_seq = self.head.0 + 1;
        let mut events = Vec::new();
        let money = |minor| Money::new(minor, Currency::CHF);
        let price = UnitPrice { amount: money(195), unit: Unit::Piece };
        for _ in 0..sales {
            let mut lines = Vec::new();
            for _ in 0..LINES {
                let article = self.articles[self.ids as usize % self.articles.len()];
                lines.push(OrderLine {
                    id: LineId::from_uuid(self.mint()),
                    article: ArticleId::from_uuid(article),
                    gtin: None,
                    name: "Bio Vollmilch".into(),
                    quantity: Quantity::pieces(1),
                    unit_price: price.amount,
                    total: price.of(Quantity::pieces(1)).unwrap(),
                    tax_group: "food".into(),
                    price_version: 0,
                    fulfilment: Fulfilment::Carry,
                });
            }
            let total = money(195 * LINES as i64);
            let order = Order {
                id: OrderId::from_uuid(self.mint()),
                number: String::from("S001-T01-0-000001"),
                store: StoreId::from_uuid(Uuid::nil()),
                shift: ShiftId::from_uuid(Uuid::nil()),
                staff: StaffId::from_uuid(Uuid::nil()),
                customer: None,
                placed_at: DeviceTime(1_800_000_000_000),
                lines,
                delivery: None,
                taxes: Vec::new(),
                total,
            };
            let tender = Tender {
                id: TenderId::from_uuid(self.mint()),
                kind: TenderKind::Cash,
                given: total,
                change: money(0),
            };
            let order_id = order.id;
            events.push(self.seal(&Event::OrderPlaced(Box::new(order))));
            let (due, rounding, tenders) = (total, money(0), vec![tender]);
            events.push(self.seal(&Event::OrderPaid { order: order_id, due, rounding, tenders }));
        }
        let events = events.into_iter().map(PushItem::Sealed).collect();
        PushRequest { epoch: 0, from_seq, events }
    }
}

fn take_in(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let central = central(dir.path());
    let (sender, _) = enrolled(&InProcess::on(Arc::clone(&central)));
    let mut journal = journal(&central, sender);
    let mut group = criterion.benchmark_group("central");
    let mut file = File::create(dir.path().join("baseline")).unwrap();
    group.bench_function("baseline: 4 KiB write and fdatasync", |bencher| {
        bencher.iter(|| {
            file.rewind().unwrap();
            file.write_all(&[7; 4096]).unwrap();
            file.sync_data().unwrap();
        });
    });
    group.throughput(Throughput::Elements(SALES));
    group.sample_size(20);
    group.bench_function("take in 100 paid sales of 5 lines, durable", |bencher| {
        let taken = |batch: PushRequest| {
            let take = move |c: &rusqlite::Connection| push::take_in(c, sender, &batch, 1);
            let taken = central.database().writer().run(take).unwrap();
            assert_eq!((taken.refusal, taken.results.len()), (None, 2 * SALES as usize));
        };
        bencher.iter_batched(|| journal.batch(SALES), taken, BatchSize::PerIteration);
    });
    group.finish();
}

/// Terminals that push one sale at a time, all at once: what is acknowledged is on disk.
fn together(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let central = central(dir.path());
    let port = InProcess::on(Arc::clone(&central));
    let mut terminals: Vec<_> = (0..TERMINALS)
        .map(|_| {
            let (sender, token) = enrolled(&port);
            (journal(&central, sender), sender.terminal, token)
        })
        .collect();
    let mut group = criterion.benchmark_group("central");
    group.throughput(Throughput::Elements(TERMINALS * PUSHES * 2));
    group.sample_size(10);
    group.bench_function("events of 32 terminals, a sale a push, durable", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                let work: Vec<_> = terminals
                    .iter_mut()
                    .map(|(journal, terminal, token)| {
                        let pushes: Vec<_> = (0..PUSHES).map(|_| journal.batch(1)).collect();
                        (pushes, *terminal, token.clone())
                    })
                    .collect();
                let started = Instant::now();
                std::thread::scope(|scope| {
                    for (pushes, terminal, token) in work {
                        let port = port.clone();
                        scope.spawn(move || {
                            for body in pushes {
                                let request = Request::Push { terminal, body };
                                let pushed = port.ask(Some(&token), &request);
                                assert!(matches!(pushed, Ok(Reply::Pushed(_))), "{pushed:?}");
                            }
                        });
                    }
                });
                took += started.elapsed();
            }
            took
        });
    });
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let central = central(dir.path());
    let mut group = criterion.benchmark_group("central");
    group.throughput(Throughput::Elements(2000));
    group.bench_function("page of 2000 articles", |bencher| {
        let at = (Feed::Catalogue, feed::EVERYBODY);
        let read = || central.database().read(|c| feed::page(c, at, 5_000, 2_000, usize::MAX));
        bencher.iter(|| assert_eq!(read().unwrap().changes.len(), 2_000));
    });
    group.throughput(Throughput::Elements(ARTICLES));
    group.sample_size(10);
    group.bench_function("snapshot of 20000 articles", |bencher| {
        let at = (Feed::Catalogue, feed::EVERYBODY);
        bencher.iter(|| {
            let build = |c: &_| snapshot::build(c, central.chunks(), at, |_| true);
            assert_eq!(central.database().read(build).unwrap().unwrap().rows(), ARTICLES);
        });
    });
    group.finish();
}

criterion_group!(benches, take_in, together, read);
criterion_main!(benches);
