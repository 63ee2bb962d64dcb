//! The flows as a person meets them: intents in, screens out, on a real store in a folder of its own, with a
//! clock that is moved by hand and a central that is never there.
#![allow(clippy::unwrap_used)]

mod count;
mod park;
mod scanned;

use super::count_print::CountJob;
use super::intent::{DeliveryField, Intent, Language, Role, View};
use super::park::SlipJob;
use super::ports::{CameraPort, LineStatus, Parts, PinVerifier, PrinterPort, SyncPort};
use super::receipt::PrintJob;
use super::screen::{ScanOutcome, Screen, Severity};
use super::terminal::{Input, Terminal};
use domain::code::{Code, Symbology};
use domain::gtin::check_digit;
use domain::id::{IdSource, StoreId, TerminalId};
use domain::time::{Clock, DeviceTime};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use store::{FileKeyStore, Store, StoreOptions};
use sync::ports::{Applied, DeviceKey, SyncStore, TerminalIdentity};
use sync::protocol::event::EventHash;
use sync::protocol::feed::Feed;
use sync::protocol::snapshot::{ChunkInfo, FeedSnapshot};
use uuid::Uuid;

/// 2026-11-21T12:00:00Z, a Saturday.
const NOON: i64 = 1_795_262_400_000;

/// The wall clock, and how far it is from the time that really passed.
struct HandClock(AtomicI64, AtomicI64);
impl HandClock {
    /// The wall clock jumps; no time passes.
    fn jump(&self, ms: i64) {
        self.pass(ms);
        self.1.fetch_add(ms, Ordering::Relaxed);
    }
    fn pass(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}
impl Clock for HandClock {
    fn now(&self) -> DeviceTime {
        DeviceTime(self.0.load(Ordering::Relaxed))
    }
    fn monotonic_ms(&self) -> u64 {
        (self.0.load(Ordering::Relaxed) - self.1.load(Ordering::Relaxed) - NOON) as u64
    }
}

/// Identities that never repeat, also not after a restart.
struct Ids(u128);
impl IdSource for Ids {
    fn next_uuid(&mut self) -> Uuid {
        self.0 += 1;
        Uuid::from_u128(self.0)
    }
}

/// What it says of the line is set by hand.
struct NoCentral(Arc<Mutex<LineStatus>>);
impl SyncPort for NoCentral {
    fn nudge(&self) {}
    fn cut(&self, _is_cut: bool) {}
    fn status(&self) -> LineStatus {
        self.0.lock().unwrap().clone()
    }
    fn start(&self, _identity: &TerminalIdentity) {}
    fn enrol(&self, _central: &str, _code: &str) {}
}

/// The verifier is the PIN itself: how Argon2 works is not what is tested here.
struct PlainPins;
impl PinVerifier for PlainPins {
    fn verify(&self, pin: &str, verifier: &str) -> bool {
        pin == verifier
    }
}

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<PrintJob>>>, Arc<Mutex<Vec<SlipJob>>>, Arc<Mutex<Vec<CountJob>>>);
impl PrinterPort for Paper {
    fn is_configured(&self) -> bool {
        true
    }
    fn print(&self, receipt: PrintJob) {
        self.0.lock().unwrap().push(receipt);
    }
    fn print_slip(&self, slip: SlipJob) {
        self.1.lock().unwrap().push(slip);
    }
    fn print_count(&self, count: CountJob) {
        self.2.lock().unwrap().push(count);
    }
}

/// How often the shutter was pressed.
#[derive(Clone, Default)]
struct Shutter(Arc<AtomicI64>);
impl CameraPort for Shutter {
    fn take_picture(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Shop {
    terminal: Terminal,
    clock: Arc<HandClock>,
    paper: Paper,
    line: Arc<Mutex<LineStatus>>,
    shutter: Shutter,
}

/// CLDR keeps amounts together with no-break spaces; here they are plain ones, to be read.
fn plain(text: &str) -> String {
    text.replace('\u{a0}', " ")
}

fn gtin(number: u32) -> String {
    let body = format!("952{number:09}");
    format!("{body}{}", check_digit(&body).unwrap())
}

fn rows(feed: Feed) -> Vec<(&'static str, Uuid, Value)> {
    let id = Uuid::from_u128;
    let store = json!({
        "id": id(1), "code": "S001", "name": "Bern", "address": "Marktgasse 1", "country": "CH",
        "currency": "CHF", "time_zone": "Europe/Zurich", "prices_include_tax": true,
        "smallest_coin_minor": 5, "notes_minor": [1000, 2000, 5000, 10000],
        "tax_groups": [{"key": "food", "rates": [{"name": "MWST", "rate_ppm": 26000}]}],
        "slots": [{"weekday": 1, "start_minute": 600, "end_minute": 720, "fee_minor": 590,
                   "cutoff_minutes": 60}],
        "delivery_tax_group": "food",
    });
    let staff = |n: u128, number: &str, role: &str, pin: &str| {
        json!({"id": id(n), "number": number, "name": format!("Staff {number}"), "role": role,
               "pin_verifier": pin, "pin_length": 4})
    };
    let article = |n: u32, name: &str, unit: &str, price: i64| {
        let tax_group = if n == 3 { "unheard-of" } else { "food" };
        json!({"id": id(100 + u128::from(n)), "gtins": [format!("0{}", gtin(n))], "name": name,
               "unit": unit, "price_minor": price, "currency": "CHF", "tax_group": tax_group,
               "price_version": 1, "rank": n})
    };
    let customer = json!({
        "id": id(50), "name": "Marie Blanc", "phones": ["+41 79 555 01 23"],
        "emails": ["marie@example.org"], "cards": ["2952000000000"], "since_ms": 0,
        "addresses": [{"name": "Marie Blanc", "street": "Marktgasse 1", "postal_code": "3011",
                       "city": "Bern", "country": "CH"}],
    });
    match feed {
        Feed::Config => vec![
            ("store", id(1), store),
            ("staff", id(11), staff(11, "101", "cashier", "1234")),
            ("staff", id(12), staff(12, "102", "associate", "2345")),
        ],
        Feed::Catalogue => vec![
            ("article", id(101), article(1, "Milk", "piece", 193)),
            ("article", id(102), article(2, "Gruyère", "g", 2690)),
            ("article", id(103), article(3, "Mystery", "piece", 100)),
        ],
        Feed::Customers => vec![("customer", id(50), customer)],
        Feed::Stock | Feed::History => vec![],
    }
}

/// Lays a feed's rows into the store, as the first sync does.
fn load(store: &Store, feed: Feed) {
    load_rows(store, feed, &rows(feed));
}

fn load_rows(store: &Store, feed: Feed, rows: &[(&'static str, Uuid, Value)]) {
    let lines: String = rows
        .iter()
        .map(|(table, key, row)| json!({"table": table, "key": key, "row": row}).to_string() + "\n")
        .collect();
    let bytes = zstd::encode_all(lines.as_bytes(), 1).unwrap();
    let sha256 = EventHash::of(&bytes).to_string();
    let count = rows.len() as u64;
    let chunk = ChunkInfo { sha256: sha256.clone(), bytes: bytes.len() as u64, rows: count };
    let cursor = "c".to_owned();
    store
        .begin_snapshot(&FeedSnapshot {
            feed,
            cursor,
            rows: count,
            chunks: vec![chunk],
            checkpoint: None,
        })
        .unwrap();
    let applied = store.apply_chunk(feed, &sha256, &bytes, DeviceTime(NOON)).unwrap();
    assert_eq!(applied, Applied::Committed);
}

impl Shop {
    /// A shop whose terminal is enrolled and has its feeds.
    fn open(directory: &Path) -> Self {
        let mut shop = Self::start(directory, 1 << 64);
        if shop.terminal.identity().is_none() {
            shop.enrol(0);
            for feed in Feed::ALL {
                load(shop.terminal.store(), feed);
            }
        }
        shop.terminal.handle(Input::Tick);
        shop
    }

    fn start(directory: &Path, first_id: u128) -> Self {
        let options = StoreOptions::in_directory(directory);
        let keys = FileKeyStore::in_directory(directory);
        let store = Store::open(&options, &keys, Box::new(Ids(first_id << 1))).unwrap();
        let (clock, paper) =
            (Arc::new(HandClock(AtomicI64::new(NOON), AtomicI64::new(0))), Paper::default());
        let line = Arc::default();
        let shutter = Shutter::default();
        let parts = Parts {
            store,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ids: Box::new(Ids(first_id)),
            sync: Box::new(NoCentral(Arc::clone(&line))),
            pins: Box::new(PlainPins),
            printer: Box::new(paper.clone()),
            camera: Box::new(shutter.clone()),
            software: "test".into(),
        };
        Self { terminal: Terminal::new(parts).unwrap(), clock, paper, line, shutter }
    }

    /// Central has accepted this device.
    fn enrol(&mut self, epoch: u32) {
        let identity = TerminalIdentity {
            id: TerminalId::from_uuid(Uuid::from_u128(9)),
            epoch,
            name: "T01".into(),
            store: StoreId::from_uuid(Uuid::from_u128(1)),
            store_name: "Bern".into(),
            central: "http://127.0.0.1:9".into(),
            device_key: DeviceKey([7; 32]),
        };
        let confirmation = "123456".into();
        let enrolment = super::ports::Enrolment { identity, confirmation };
        self.terminal.handle(Input::Enrolled(Ok(enrolment)));
    }

    fn signed_in(directory: &Path) -> Self {
        let mut shop = Self::open(directory);
        shop.pin("1234");
        assert_eq!(shop.screen().view, View::Sell);
        shop
    }

    fn pin(&mut self, pin: &str) {
        for digit in pin.bytes() {
            self.tap(Intent::PinDigit(digit - b'0'));
        }
    }

    fn tap(&mut self, intent: Intent) -> Screen {
        self.terminal.handle(Input::Intent(intent));
        self.terminal.screen()
    }

    fn scan(&mut self, number: u32) -> Screen {
        self.tap(Intent::Scanned(Code::new(Symbology::Ean13, gtin(number))))
    }

    fn screen(&self) -> Screen {
        self.terminal.screen()
    }

    fn said(&self) -> String {
        self.screen().message.map(|message| message.code).unwrap_or_default()
    }
}

#[test]
fn cash_is_two_taps_and_rounds_to_coins_that_exist() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.scan(1);
    let pay = shop.tap(Intent::Pay).pay;
    assert_eq!([plain(&pay.due), plain(&pay.due_rounded)], ["CHF 1.93", "CHF 1.95"]);
    let quick: Vec<String> = pay.quick.iter().map(|offer| plain(offer)).collect();
    assert_eq!(quick, ["CHF 1.95", "CHF 10.00", "CHF 20.00", "CHF 50.00"]);
    let receipt = shop.tap(Intent::CashQuick(1));
    assert_eq!(receipt.view, View::Receipt);
    let receipt = receipt.receipt;
    assert_eq!(receipt.number, "S001-T01-0-000001");
    assert_eq!([plain(&receipt.change), receipt.rounding], ["CHF 8.05", "0.02"]);
    assert!(!receipt.code_rows.is_empty());
    let printed = shop.paper.0.lock().unwrap();
    assert!(printed.len() == 1 && printed[0].opens_drawer);
}

const YEAR: i64 = 31_556_952_000;

/// What the clock problem is called, and whether the strip tells of it.
fn clock_of(shop: &Shop) -> (Option<String>, bool) {
    let clock = shop.screen().sync.clock.map(|m| format!("{} {}", m.code, m.arguments.join(" ")));
    (clock, shop.screen().status.is_clock_wrong)
}

/// Sells one milk and tells the receipt's time.
fn receipt_time(shop: &mut Shop) -> String {
    shop.scan(1);
    shop.tap(Intent::Pay);
    plain(&shop.tap(Intent::CashQuick(0)).receipt.time)
}

/// Noon as a receipt in Bern says it.
const NOON_SAID: &str = "21 Nov 2026, 13:00";

#[test]
fn a_clock_of_another_decade_is_told_and_receipts_carry_centrals_time() {
    for (years, said) in [(75, "clock-wrong 75 years"), (-56, "clock-wrong 56 years")] {
        let directory = tempfile::tempdir().unwrap();
        let mut shop = Shop::signed_in(directory.path());
        shop.clock.jump(years * YEAR);
        shop.line.lock().unwrap().clock_offset_ms = Some(-years * YEAR);
        shop.line.lock().unwrap().line = super::screen::Line::Online;
        // As the engine tells the store of its estimate.
        shop.terminal.store().note_clock(-years * YEAR).unwrap();
        shop.terminal.handle(Input::Tick);
        assert_eq!(shop.said(), "clock-wrong");
        assert_eq!(shop.screen().status.clock, "13:00");
        let sync = shop.tap(Intent::Open(View::Sync)).sync;
        assert_eq!(sync.problem, sync.clock, "nothing else is wrong");
        assert_eq!(clock_of(&shop), (Some(said.to_owned()), true));
        shop.tap(Intent::Open(View::Sell));
        shop.tap(Intent::Scanned(Code::new(Symbology::Ean13, "2952000000000")));
        assert_eq!(receipt_time(&mut shop), NOON_SAID);
        assert_eq!(plain(&shop.paper.0.lock().unwrap()[0].receipt.time), NOON_SAID);
        let order = shop.terminal.store().last_order().unwrap().unwrap();
        let device_ms = NOON + years * YEAR;
        assert_eq!(order.order.placed_at, DeviceTime(device_ms), "the journal is honest");
        assert_eq!(order.clock_offset_ms, Some(-years * YEAR));
        // The purchase stands in the customer's history where it belongs.
        let marie = domain::id::CustomerId::from_uuid(Uuid::from_u128(50));
        let past = shop.terminal.store().history(marie, 0, 1).unwrap();
        assert_eq!(past[0].order.at.0, NOON);
        // The clock was set meanwhile; the receipt says what it said.
        shop.tap(Intent::NewSale);
        shop.clock.jump(-years * YEAR);
        shop.line.lock().unwrap().clock_offset_ms = Some(0);
        shop.terminal.handle(Input::Tick);
        let text = domain::code::receipt_text(&order.order.number);
        let again = shop.tap(Intent::Scanned(Code::new(Symbology::QrCode, text)));
        assert_eq!((again.view, plain(&again.receipt.time).as_str()), (View::Receipt, NOON_SAID));
        assert!(!again.status.is_clock_wrong);
    }
}

/// The store remembers the difference while there is no line; a date that this does not explain is called absurd.
#[test]
fn a_wrong_clock_is_told_without_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.terminal.store().note_clock(56 * YEAR).unwrap();
    shop.clock.jump(-56 * YEAR);
    let unreachable = ("central-unreachable".to_owned(), "unreachable".to_owned());
    shop.line.lock().unwrap().problem = Some(unreachable);
    shop.terminal.handle(Input::Tick);
    let sync = shop.tap(Intent::Open(View::Sync)).sync;
    assert_eq!(sync.problem.unwrap().code, "central-unreachable");
    assert_eq!(clock_of(&shop).0.unwrap(), "clock-wrong 56 years");
    // The clock was set before central could answer: what is remembered is out of date.
    shop.clock.jump(56 * YEAR);
    shop.terminal.handle(Input::Tick);
    assert_eq!(clock_of(&shop), (None, false));
    // The battery is empty, and the difference of before does not explain it.
    shop.terminal.store().note_clock(40).unwrap();
    shop.clock.jump(-NOON);
    shop.terminal.handle(Input::Tick);
    assert_eq!(plain(&clock_of(&shop).0.unwrap()), "clock-absurd 1 Jan 1970");
    shop.tap(Intent::Open(View::Sell));
    assert_eq!(receipt_time(&mut shop), "1 Jan 1970, 01:00", "nothing better is known");
}

/// Two minutes are nobody's business; once is enough, and a customer is not told.
#[test]
fn a_wrong_clock_is_told_once_to_staff() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    let tick = |shop: &mut Shop, offset_ms: i64| {
        shop.line.lock().unwrap().clock_offset_ms = Some(offset_ms);
        shop.terminal.handle(Input::Tick);
        shop.said()
    };
    assert_eq!(tick(&mut shop, 120_000), "");
    assert_eq!(tick(&mut shop, 121_000), "clock-wrong");
    shop.tap(Intent::DismissMessage);
    assert_eq!(tick(&mut shop, 121_000), "", "once");
    assert_eq!(tick(&mut shop, 0), "");
    shop.tap(Intent::SetRole(Role::Customer));
    assert_eq!(tick(&mut shop, 121_000), "");
    assert!(shop.screen().status.is_clock_wrong);
}

#[test]
fn typed_cash_must_cover_and_is_never_a_float() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.scan(1);
    shop.tap(Intent::Pay);
    for digit in [1, 0] {
        shop.tap(Intent::CashDigit(digit));
    }
    let short = shop.tap(Intent::TakeCash);
    assert_eq!((short.view, shop.said().as_str()), (View::Pay, "cash-not-enough"));
    assert_eq!(plain(&short.pay.open), "CHF 1.85");
    for _ in 0..30 {
        shop.tap(Intent::CashDoubleZero);
    }
    assert!(shop.screen().pay.is_covered, "endless zeros stop at the largest amount");
    shop.tap(Intent::CancelPay);
    assert_eq!(shop.screen().sell.lines.len(), 1, "nothing was taken");
}

#[test]
fn what_is_weighed_is_priced_by_weight_and_undone_in_one_tap() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    let line = shop.scan(2).sell.lines[0].clone();
    assert_eq!((line.quantity.as_str(), line.total.as_str()), ("1 kg", "26.90"));
    let id = line.id.parse().unwrap();
    let line = shop.tap(Intent::SetQuantity(id, 356)).sell.lines[0].clone();
    assert_eq!((line.quantity.as_str(), line.total.as_str()), ("0.356 kg", "9.58"));
    shop.tap(Intent::SetQuantity(id, 0));
    assert_eq!(shop.said(), "quantity-invalid");
    assert_eq!(shop.tap(Intent::Undo).sell.lines[0].quantity, "1 kg");
    assert!(shop.tap(Intent::Undo).sell.lines.is_empty());
}

#[test]
fn an_unknown_code_is_said_and_a_card_is_not_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    let screen = shop.scan(77);
    assert_eq!((shop.said().as_str(), screen.sell.outcome), ("unknown-code", ScanOutcome::Unknown));
    let screen = shop.tap(Intent::Scanned(Code::new(Symbology::Ean13, "2952000000000")));
    assert_eq!(screen.sell.customer, "Marie Blanc");
    let found = shop.tap(Intent::CustomerQuery("079 555".into())).customers;
    assert_eq!(found.rows[0].detail, "Bern · +41 79 *** ** 23 · m***@example.org");
}

#[test]
fn the_customer_sees_no_money_drawer_and_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.tap(Intent::SetRole(Role::Customer));
    for intent in [
        Intent::Pay,
        Intent::Cash(100_000),
        Intent::CustomerQuery("m".into()),
        Intent::Open(View::Customers),
        Intent::SignOut,
        Intent::CutLine(true),
    ] {
        shop.tap(intent.clone());
        assert_eq!(shop.said(), "not-allowed-in-role", "{intent:?}");
        shop.tap(Intent::DismissMessage);
    }
    shop.tap(Intent::SetRole(Role::Cashier));
    assert_eq!(shop.screen().view, View::SignIn);
    shop.pin("9999");
    assert_eq!(shop.screen().role, Role::Customer, "a wrong PIN opens nothing");
    shop.pin("1234");
    assert_eq!((shop.screen().role, shop.screen().view), (Role::Cashier, View::Sell));
}

#[test]
fn a_delivery_asks_for_what_is_missing_and_has_its_fee_in_the_total() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.tap(Intent::SetRole(Role::Customer));
    shop.scan(1);
    let delivery = shop.tap(Intent::Deliver).delivery;
    assert_eq!((delivery.missing.as_str(), delivery.slots.len()), ("name", 1));
    for (field, text) in [
        (DeliveryField::Name, "Marie"),
        (DeliveryField::Street, "Marktgasse 1"),
        (DeliveryField::PostalCode, "3011"),
        (DeliveryField::City, "Bern"),
    ] {
        shop.tap(Intent::DeliveryField(field, text.into()));
    }
    shop.tap(Intent::ConfirmDelivery);
    assert_eq!(shop.said(), "delivery-incomplete");
    let delivery = shop.tap(Intent::ChooseSlot(0)).delivery;
    assert_eq!([plain(&delivery.fee), plain(&delivery.total)], ["CHF 5.90", "CHF 7.83"]);
    let screen = shop.tap(Intent::ConfirmDelivery);
    assert_eq!(screen.view, View::Receipt);
    assert!(screen.receipt.is_due_on_delivery && screen.receipt.cash_given.is_empty());
    assert!(shop.paper.0.lock().unwrap().iter().all(|job| !job.opens_drawer));
}

#[test]
fn after_a_power_cut_the_paid_receipt_is_shown_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.scan(1);
    shop.tap(Intent::Pay);
    shop.tap(Intent::CashQuick(0));
    drop(shop);
    let mut shop = Shop::start(directory.path(), 1 << 65);
    shop.pin("1234");
    assert_eq!(
        (shop.screen().view, shop.said().as_str()),
        (View::Receipt, "receipt-after-restart")
    );
    assert!(shop.tap(Intent::NewSale).sell.lines.is_empty(), "it is not in the basket as well");
    drop(shop);
    let mut shop = Shop::start(directory.path(), 1 << 66);
    shop.pin("1234");
    assert_eq!(shop.screen().view, View::Sell);
}

#[test]
fn good_news_passes_and_bad_news_stays() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.scan(77);
    shop.clock.pass(60_000);
    shop.terminal.handle(Input::Tick);
    assert_eq!(shop.screen().message.unwrap().severity, Severity::Error);
    shop.scan(1);
    assert_eq!(shop.screen().message, None, "the next good scan takes it away");
    shop.tap(Intent::Park);
    assert_eq!(shop.said(), "basket-parked");
    shop.clock.pass(6000);
    shop.terminal.handle(Input::Tick);
    assert_eq!(shop.screen().message, None);
}

#[test]
fn taking_up_a_parked_basket_puts_the_other_aside() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.scan(1);
    let parked = shop.tap(Intent::Park).sell.parked;
    shop.scan(2);
    let screen = shop.tap(Intent::Resume(parked[0].id.parse().unwrap()));
    assert_eq!(screen.sell.lines[0].name, "Milk");
    assert_eq!(screen.sell.parked[0].title, "Gruyère");
}

#[test]
fn a_language_changes_every_amount_at_once_and_is_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.scan(1);
    assert_eq!(plain(&shop.tap(Intent::SetLanguage(Language::French)).sell.total), "1,93 CHF");
    drop(shop);
    let shop = Shop::start(directory.path(), 1 << 65);
    assert_eq!(shop.screen().language, Language::French);
}

#[test]
fn an_article_without_taxes_is_refused_and_the_basket_stays_sellable() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.scan(1);
    let screen = shop.scan(3);
    assert_eq!((shop.said().as_str(), screen.sell.lines.len()), ("article-untaxed", 1));
    assert_eq!(shop.tap(Intent::Pay).view, View::Pay);
}

#[test]
fn a_guessed_card_number_opens_no_address() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.tap(Intent::SetRole(Role::Customer));
    let typed = shop.tap(Intent::Typed("2952000000000".into()));
    assert_eq!((typed.sell.customer.as_str(), shop.said().as_str()), ("", "unknown-code"));
    let shown = shop.tap(Intent::Scanned(Code::new(Symbology::Ean13, "2952000000000")));
    assert_eq!(shown.sell.customer, "Marie Blanc");
}

#[test]
fn nothing_of_the_last_person_is_left_for_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.tap(Intent::AttachCustomer(domain::id::CustomerId::from_uuid(Uuid::from_u128(50))));
    shop.tap(Intent::ClearBasket);
    shop.scan(77);
    let handed_over = shop.tap(Intent::SetRole(Role::Customer));
    assert_eq!((handed_over.sell.can_undo, handed_over.message), (false, None));
    assert_eq!(shop.tap(Intent::Undo).sell.customer, "");
    assert!(shop.tap(Intent::Open(View::Receipt)).view == View::Sell);
}

#[test]
fn a_receipt_that_is_looked_up_opens_no_drawer_and_names_who_sold() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.scan(1);
    shop.tap(Intent::Pay);
    let code = shop.tap(Intent::CashQuick(0)).receipt.code_text;
    drop(shop);
    let mut shop = Shop::start(directory.path(), 1 << 65);
    shop.tap(Intent::SignIn { staff: Some("102".into()), pin: "2345".into() });
    assert_eq!(shop.screen().receipt.served_by, "Staff 101");
    assert!(shop.paper.0.lock().unwrap().is_empty(), "no paper by itself");
    shop.tap(Intent::PrintReceipt);
    assert!(!shop.paper.0.lock().unwrap()[0].opens_drawer);
    shop.tap(Intent::NewSale);
    let again = shop.tap(Intent::Scanned(Code::new(Symbology::QrCode, code)));
    assert_eq!((again.view, again.receipt.number.as_str()), (View::Receipt, "S001-T01-0-000001"));
}

#[test]
fn what_was_typed_for_a_delivery_survives_one_more_article() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.tap(Intent::SetRole(Role::Customer));
    shop.scan(1);
    shop.tap(Intent::Deliver);
    shop.tap(Intent::DeliveryField(DeliveryField::Street, "Marktgasse 1".into()));
    shop.tap(Intent::ChooseSlot(0));
    shop.scan(2);
    assert_eq!(shop.tap(Intent::Deliver).delivery.street, "Marktgasse 1");
    // Two weeks later the slot is no longer offered, and is not promised.
    shop.clock.pass(14 * 24 * 3_600_000);
    shop.tap(Intent::ConfirmDelivery);
    assert_eq!((shop.screen().view, shop.said().as_str()), (View::Delivery, "delivery-incomplete"));
}

#[test]
fn where_central_refuses_the_terminal_is_enrolled_again_and_nothing_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.scan(1);
    shop.tap(Intent::Pay);
    shop.tap(Intent::CashQuick(0));
    shop.tap(Intent::NewSale);
    let waiting = shop.screen().status.waiting;
    assert!(waiting > 0);
    // While central admits it nobody can enrol it away.
    assert_eq!(shop.tap(Intent::Open(View::Enrol)).view, View::Sell);
    let enrol = Intent::Enrol { central: "http://127.0.0.1:9".into(), code: "ABCD-1234".into() };
    assert!(!shop.tap(enrol.clone()).enrol.is_busy);

    shop.line.lock().unwrap().line = super::screen::Line::Refused;
    let sync = shop.tap(Intent::Open(View::Sync));
    assert!(sync.recovery.needs_enrolment && sync.recovery.may_enrol_again);
    let screen = shop.tap(Intent::Open(View::Enrol));
    assert_eq!((screen.view, screen.enrol.is_again), (View::Enrol, true));
    assert!(shop.tap(enrol).enrol.is_busy);
    *shop.line.lock().unwrap() = LineStatus::default();
    shop.enrol(3);
    let screen = shop.screen();
    assert_eq!((screen.view, screen.status.person.as_str()), (View::SignIn, ""));
    assert!(!screen.recovery.needs_enrolment);
    // What the former life has not sent goes on to wait, and the shop goes on in the new one.
    shop.pin("1234");
    assert!(shop.screen().status.waiting > waiting);
    let lives = shop.terminal.store().lives().unwrap();
    assert_eq!(lives.iter().map(|life| life.identity.epoch).collect::<Vec<_>>(), [0, 3]);
    assert!(lives[0].waiting > 0);
}

#[test]
fn a_customer_never_enrols_and_where_there_is_a_manager_only_he_does() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = Shop::signed_in(directory.path());
    shop.line.lock().unwrap().line = super::screen::Line::Refused;
    let manager = json!({"id": Uuid::from_u128(13), "number": "103", "name": "Boss",
        "role": "manager", "pin_verifier": "9999", "pin_length": 4});
    let row = serde_json::value::to_raw_value(&manager).unwrap();
    let key = Uuid::from_u128(13).to_string();
    let op = sync::protocol::feed::Op::Put;
    let change =
        sync::protocol::feed::Change { pos: 1, table: "staff".into(), key, op, row: Some(row) };
    let page = sync::protocol::feed::ChangesPage {
        changes: vec![change],
        next: "d".into(),
        more: false,
        included: vec![],
        checkpoint: None,
        server_time_ms: 0,
    };
    let at = DeviceTime(NOON);
    assert_eq!(
        shop.terminal.store().apply_page(Feed::Config, "c", &page, at).unwrap(),
        Applied::Committed
    );
    shop.terminal.handle(Input::SyncMoved);
    assert!(!shop.tap(Intent::Open(View::Sync)).recovery.may_enrol_again);
    assert_ne!(shop.tap(Intent::Open(View::Enrol)).view, View::Enrol);
    shop.tap(Intent::SetRole(Role::Customer));
    assert_ne!(shop.tap(Intent::Open(View::Enrol)).view, View::Enrol);
}
