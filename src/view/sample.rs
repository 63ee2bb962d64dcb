//! Believable screens for the contact sheet and the tests of the window: a shop in each of five languages, with
//! the longest names and largest amounts that a real one has, empty states, and things gone wrong.
//!
//! Money, dates and numbers go through the same formatter as on the floor. No person here exists.

use crate::app::format::Formatter;
use crate::app::intent::{Language, Role, View};
use crate::app::screen::{
    ArticleRow, ChannelKind, CustomerRow, FavouriteRow, FeedRow, HistoryRow, Line, LineRow,
    Message, MonthBar, ParkedRow, ReceiptLine, RecoveryScreen, RefusedRow, ScanOutcome, Screen,
    SellScreen, Severity, SlotRow, StaffChip, TaxRow,
};
use crate::app::viewfinder::{Hint, SaveState, TorchState};
use domain::money::{Currency, Money};
use domain::quantity::Unit;

pub mod count;
mod goods;
use goods::Goods;

/// A moment in March 2026, in milliseconds since 1970, for every date on the sheet.
const NOW_MS: i64 = 1_773_323_100_000;
const DAY_MS: i64 = 86_400_000;

/// All shipped languages, in the order of the sheet.
pub const LANGUAGES: [Language; 5] = [
    Language::English,
    Language::French,
    Language::German,
    Language::SimplifiedChinese,
    Language::TraditionalChinese,
];

/// A screen with a name for its file.
pub struct Sample {
    /// Kebab-case, unique.
    pub name: &'static str,
    /// What is shown.
    pub screen: Screen,
    /// Which question of the delivery view is asked.
    pub delivery_step: i32,
    /// What stands on the viewfinder.
    pub scene: Scene,
}

/// What stands on the viewfinder besides the picture.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// What would help.
    pub advice: Hint,
    /// The light.
    pub torch: TorchState,
    /// The diagnostics view is open; what became of a frame to be kept.
    pub diagnosis: Option<SaveState>,
    /// Nothing was read, neither on the viewfinder nor in the diagnostics view.
    pub is_unread: bool,
    /// The sheet over the basket.
    pub sheet: Sheet,
    /// A picture of a shelf came, for the count view.
    pub has_still: bool,
}

/// A sheet over the basket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sheet {
    /// None.
    #[default]
    None,
    /// What is done now and then, with the baskets put aside.
    More,
    /// The code of the first basket put aside.
    BasketCode,
}

/// Every view in `language`, in the order in which a day meets them.
pub fn samples(language: Language) -> Vec<Sample> {
    let shop = Shop::new(language);
    let mut samples = Vec::new();
    let mut add = |name: &'static str, screen: Screen| {
        samples.push(Sample { name, screen, delivery_step: 0, scene: Scene::default() });
    };
    add("enrol", shop.enrol(false));
    add("enrol-refused", shop.enrol(true));
    add("sign-in", shop.sign_in(None));
    add("sign-in-wrong", shop.sign_in(Some(2)));
    for (name, mut screen, code) in [
        ("enrol-other-code", shop.enrol(true), "no-enrolment-code"),
        ("sign-in-scan", shop.sign_in(None), "scan-before-sign-in"),
        ("sign-in-scan-customer", shop.sign_in(None), "scan-before-pin"),
    ] {
        screen.message = Some(message(Severity::Error, code, &[]));
        add(name, screen);
    }
    add("sell-empty", shop.sell_empty(Role::Cashier));
    add("sell", shop.sell(Role::Cashier, 3));
    add("sell-full", shop.sell_full());
    add("sell-unknown", shop.sell_unknown());
    add("sell-issue", shop.sell_issue());
    add("sell-case", shop.sell_case());
    add("sell-expired", shop.sell_expired());
    add("sell-no-camera", shop.sell_no_camera());
    add("articles", shop.articles(true));
    add("articles-none", shop.articles(false));
    add("customers", shop.customers());
    add("customer", shop.customer(false));
    add("customer-new", shop.customer(true));
    add("pay", shop.pay(false));
    add("pay-typed", shop.pay(true));
    add("receipt", shop.receipt(false));
    add("receipt-delivery", shop.receipt(true));
    add("delivery", shop.delivery(Role::Cashier, true));
    add("sync", shop.sync(false));
    add("sync-trouble", shop.sync(true));
    add("sync-clock", shop.sync_clock(Line::Online));
    add("sync-clock-offline", shop.sync_clock(Line::Offline));
    add("sync-enrol-again", shop.sync_enrol_again());
    add("recovery", shop.recovery(true));
    add("recovery-unknown", shop.recovery(false));
    add("settings", shop.settings());
    add("customer-role-empty", shop.sell_empty(Role::Customer));
    add("customer-role-sell", shop.sell(Role::Customer, 3));
    add("customer-role-delivery", shop.delivery(Role::Customer, true));
    add("customer-role-address", shop.delivery(Role::Customer, false));
    for (name, step) in [("customer-role-slot", 1), ("customer-role-confirm", 2)] {
        let screen = shop.delivery(Role::Customer, true);
        samples.push(Sample { name, screen, delivery_step: step, scene: Scene::default() });
    }
    samples.extend(scenes(&shop));
    for (name, sheet) in [("parked", Sheet::More), ("parked-code", Sheet::BasketCode)] {
        let scene = Scene { sheet, ..Scene::default() };
        samples.push(Sample { name, screen: shop.sell_parked(), delivery_step: 0, scene });
    }
    samples.extend(count::samples(&shop));
    samples
}

/// The viewfinder in trouble, and the view that tells why.
fn scenes(shop: &Shop) -> Vec<Sample> {
    let unread = |advice: Hint, torch: TorchState| Scene {
        advice,
        torch,
        is_unread: true,
        ..Scene::default()
    };
    let diagnosis = |save: SaveState, is_unread: bool| Scene {
        diagnosis: Some(save),
        is_unread,
        advice: if is_unread { Hint::Glare } else { Hint::None },
        ..Scene::default()
    };
    let file = "/var/lib/crossroads/frames/frame-20260312-140500-123.png".to_owned();
    let folder = "/var/lib/crossroads/frames".to_owned();
    [
        ("scan-dark", unread(Hint::TooDark, TorchState::Off)),
        ("scan-dark-no-light", unread(Hint::TooDark, TorchState::None)),
        ("scan-still", unread(Hint::HoldStill, TorchState::On)),
        ("scan-closer", unread(Hint::MoveCloser, TorchState::None)),
        ("scan-glare", unread(Hint::Glare, TorchState::Off)),
        ("scan-light-refused", unread(Hint::None, TorchState::Refused)),
        ("diagnostics", diagnosis(SaveState::None, false)),
        ("diagnostics-saved", diagnosis(SaveState::Saved(file), false)),
        ("diagnostics-unread", diagnosis(SaveState::None, true)),
        ("diagnostics-full", diagnosis(SaveState::DiskFull(folder), true)),
    ]
    .into_iter()
    .map(|(name, scene)| {
        let mut screen = shop.sell(Role::Cashier, 3);
        if scene.is_unread {
            screen.sell.outcome = ScanOutcome::None;
            screen.sell.lines[0].is_fresh = false;
        }
        Sample { name, screen, delivery_step: 0, scene }
    })
    .collect()
}

/// One message in front of a filled basket, to look at its sentence.
pub fn with_message(
    language: Language,
    severity: Severity,
    code: &str,
    arguments: &[&str],
) -> Screen {
    let mut screen = Shop::new(language).sell(Role::Cashier, 2);
    screen.message = Some(message(severity, code, arguments));
    screen
}

fn message(severity: Severity, code: &str, arguments: &[&str]) -> Message {
    let arguments = arguments.iter().map(|text| (*text).to_owned()).collect();
    Message { severity, code: code.to_owned(), arguments }
}

/// An identity whose text reads like one.
fn id(number: u32) -> String {
    format!("0195a000-0000-7000-8000-{number:012x}")
}

struct Shop {
    language: Language,
    format: Formatter,
    currency: Currency,
    goods: Goods,
}

impl Shop {
    fn new(language: Language) -> Self {
        let goods = goods::of(language);
        Self {
            language,
            format: Formatter::new(language, goods.country, "Europe/Zurich"),
            currency: goods.currency.parse().unwrap_or(Currency::EUR),
            goods,
        }
    }

    /// Prices in the tables are in hundredths of a franc-like unit; `scale` makes them local.
    fn of(&self, minor: i64) -> Money {
        Money::new(minor * self.goods.price_factor, self.currency)
    }

    fn money(&self, minor: i64) -> String {
        self.format.money(self.of(minor))
    }

    fn base(&self, view: View) -> Screen {
        let mut screen = Screen {
            view,
            role: Role::Cashier,
            language: self.language,
            sound: false,
            keyboard: true,
            ..Screen::default()
        };
        screen.status.store = self.goods.store.to_owned();
        screen.status.terminal = "T03".to_owned();
        screen.status.person = self.goods.staff[0].to_owned();
        screen.status.line = Line::Online;
        screen.status.first_sync_percent = 100;
        screen.status.clock = self.format.time(NOW_MS);
        screen.status.camera = "camera".to_owned();
        screen.sell = self.basket(3);
        screen
    }

    fn enrol(&self, is_refused: bool) -> Screen {
        let mut screen = self.base(View::Enrol);
        screen.status.store.clear();
        screen.status.terminal.clear();
        screen.status.person.clear();
        screen.status.line = Line::Unknown;
        screen.enrol.central = "https://central.demo.example".to_owned();
        if is_refused {
            screen.enrol.code = "7KQ4-M2XP".to_owned();
            screen.message = Some(message(Severity::Error, "enrol-refused", &[]));
        } else {
            screen.enrol.confirmation = "481 592".to_owned();
            screen.enrol.code = "7KQ4-M2XP".to_owned();
            screen.enrol.is_busy = true;
        }
        screen
    }

    fn sign_in(&self, attempts_left: Option<u32>) -> Screen {
        let mut screen = self.base(View::SignIn);
        screen.status.person.clear();
        screen.sign_in.staff = (self.goods.staff.iter().enumerate())
            .map(|(position, name)| StaffChip {
                id: id(position as u32),
                number: (101 + position).to_string(),
                name: (*name).to_owned(),
                initials: self.goods.staff_initials[position].to_owned(),
                is_chosen: position == 0,
            })
            .collect();
        screen.sign_in.pin_expected = 4;
        screen.sign_in.pin_length = if attempts_left.is_some() { 0 } else { 2 };
        screen.sign_in.attempts_left = attempts_left;
        screen
    }

    fn line(&self, position: usize) -> (LineRow, i64) {
        let article = &self.goods.articles[position % self.goods.articles.len()];
        let quantity = [1, 2, 1, 345, 1, 12, 1][position % 7];
        let is_weighed = quantity == 345;
        let total = if is_weighed { article.price * 345 / 1_000 } else { article.price * quantity };
        let unit = if is_weighed { Unit::Gram } else { Unit::Piece };
        let row = LineRow {
            id: id(position as u32),
            name: article.name.to_owned(),
            code: format!("95200{:08}", 31_007 * (position + 1)),
            quantity: if is_weighed { "0.345 kg".to_owned() } else { quantity.to_string() },
            quantity_value: quantity,
            is_countable: !is_weighed,
            unit_price: self.format.unit_price(self.of(article.price), unit),
            total: self.format.amount(self.of(total)),
            is_fresh: false,
        };
        (row, total)
    }

    fn basket(&self, count: usize) -> SellScreen {
        let (lines, totals): (Vec<_>, Vec<_>) = (0..count).map(|at| self.line(at)).unzip();
        let total: i64 = totals.iter().sum();
        SellScreen {
            item_count: lines
                .iter()
                .map(|line| if line.is_countable { line.quantity_value as u32 } else { 1 })
                .sum(),
            lines,
            total: self.money(total),
            total_amount: self.format.amount(self.of(total)),
            currency: self.format.currency(self.currency),
            taxes: vec![self.tax(total)],
            can_undo: count > 0,
            ..SellScreen::default()
        }
    }

    fn tax(&self, total: i64) -> TaxRow {
        TaxRow {
            name: format!("{} {}", self.goods.tax, self.format.percent(26_000)),
            base: self.money(total * 1_000 / 1_026),
            amount: self.format.amount(self.of(total - total * 1_000 / 1_026)),
            is_included: true,
        }
    }

    fn sell_empty(&self, role: Role) -> Screen {
        let mut screen = self.base(View::Sell);
        screen.role = role;
        screen.sell = self.basket(0);
        screen.sell.taxes.clear();
        screen
    }

    fn sell(&self, role: Role, count: usize) -> Screen {
        let mut screen = self.base(View::Sell);
        screen.role = role;
        screen.sell = self.basket(count);
        screen.sell.lines[0].is_fresh = true;
        screen.sell.outcome = ScanOutcome::Added;
        screen.sell.outcome_serial = 1;
        screen
    }

    fn sell_full(&self) -> Screen {
        let mut screen = self.base(View::Sell);
        screen.role = Role::Associate;
        screen.sell = self.basket(14);
        screen.sell.customer = self.goods.customers[0].to_owned();
        screen.sell.customer_id = id(900);
        screen.sell.total = self.money(1_234_560);
        screen.sell.total_amount = self.format.amount(self.of(1_234_560));
        screen.sell.taxes.push(self.tax(99_000));
        screen.sell.parked = vec![ParkedRow {
            id: id(800),
            title: self.goods.customers[1].to_owned(),
            line_count: 7,
            total: self.money(18_430),
            time: self.format.time(NOW_MS - 1_800_000),
            code: String::new(),
        }];
        screen.status.line = Line::Offline;
        screen.status.offline_minutes = 3;
        screen.status.waiting = 4;
        screen
    }

    /// Baskets put aside, with the longest names and amounts; the list is longer than a handheld shows.
    fn sell_parked(&self) -> Screen {
        let mut screen = self.sell(Role::Cashier, 2);
        let row = |at: usize| ParkedRow {
            id: id(810 + at as u32),
            title: self.goods.articles[at].name.to_owned(),
            line_count: [7, 1, 23][at % 3],
            total: self.money([18_430, 195, 1_234_560][at % 3]),
            time: self.format.time(NOW_MS - 1_800_000 * at as i64),
            code: format!("XR2:K:0195A00000007000800000000000{at:04}:ABCDEFGHIJKLMNOP"),
        };
        screen.sell.parked = (0..4).map(row).collect();
        screen
    }

    fn sell_unknown(&self) -> Screen {
        let mut screen = self.sell(Role::Cashier, 4);
        screen.sell.lines[0].is_fresh = false;
        screen.sell.outcome = ScanOutcome::Unknown;
        screen.sell.last_code = "4006381333931".to_owned();
        screen.message = Some(message(Severity::Warning, "unknown-code", &["4006381333931"]));
        screen
    }

    /// A periodical with its add-on, of a title that has no room.
    fn sell_issue(&self) -> Screen {
        const TITLE: &str = "Neue Zürcher Zeitung am Sonntag mit Beilage für Literatur";
        let mut screen = self.sell(Role::Cashier, 4);
        screen.sell.lines[0].name = TITLE.to_owned();
        screen.sell.last_code = "9771422998008".to_owned();
        screen.message = Some(message(Severity::Information, "issue-added", &[TITLE, "06"]));
        screen
    }

    /// A case of what is sold by the piece, with a name that has no room.
    fn sell_case(&self) -> Screen {
        let mut screen = self.sell(Role::Cashier, 4);
        screen.sell.lines[0].is_fresh = false;
        screen.sell.outcome = ScanOutcome::Refused;
        let name = self.goods.articles.iter().map(|article| article.name);
        let longest = name.max_by_key(|name| name.chars().count()).unwrap_or_default();
        screen.message = Some(message(Severity::Error, "case-of-pieces", &[longest]));
        screen
    }

    /// The longest of what a scan may be answered with.
    fn sell_expired(&self) -> Screen {
        let mut screen = self.sell(Role::Cashier, 4);
        screen.sell.outcome = ScanOutcome::TakeOut;
        let yesterday = self.format.date(NOW_MS - DAY_MS);
        screen.message = Some(message(Severity::Error, "expired-same-pack", &[&yesterday]));
        screen
    }

    fn sell_no_camera(&self) -> Screen {
        let mut screen = self.base(View::Sell);
        screen.status.camera = "lost".to_owned();
        screen.status.refused = 2;
        screen.sell = self.basket(2);
        screen.sell.customer = self.goods.customers[1].to_owned();
        screen.sell.customer_id = id(901);
        screen
    }

    fn articles(&self, has_hits: bool) -> Screen {
        let mut screen = self.base(View::Articles);
        screen.articles.query = self.goods.article_query.to_owned();
        if has_hits {
            screen.articles.rows = (self.goods.articles.iter().enumerate())
                .map(|(position, article)| ArticleRow {
                    id: id(position as u32),
                    name: article.name.to_owned(),
                    detail: article.detail.to_owned(),
                    price: self.money(article.price),
                    stock: [Some(24), Some(3), Some(0), None, Some(118)][position % 5],
                })
                .collect();
            screen.articles.has_more = true;
        } else {
            screen.articles.query = "xyzzy".to_owned();
        }
        screen
    }

    fn customers(&self) -> Screen {
        let mut screen = self.base(View::Customers);
        screen.customers.query = self.goods.customer_query.to_owned();
        screen.customers.rows = (self.goods.customers.iter().enumerate())
            .map(|(position, name)| CustomerRow {
                id: id(900 + position as u32),
                name: (*name).to_owned(),
                detail: format!(
                    "{} · {}",
                    self.goods.cities[position % 3],
                    self.goods.phones[position % 3]
                ),
                card: if position % 2 == 0 { "95200471100".to_owned() } else { String::new() },
            })
            .collect();
        screen
    }

    fn customer(&self, is_new: bool) -> Screen {
        let mut screen = self.base(View::Customer);
        screen.role = Role::Associate;
        let customer = &mut screen.customer;
        customer.id = id(900);
        customer.name = self.goods.customers[usize::from(is_new)].to_owned();
        customer.initials = self.goods.customer_initials[usize::from(is_new)].to_owned();
        customer.phone = self.goods.phones[0].to_owned();
        customer.city = self.goods.cities[0].to_owned();
        customer.since = self.format.month(if is_new { 2026 } else { 2019 }, 3);
        customer.spent_year = self.money(if is_new { 0 } else { 241_860 });
        if is_new {
            return screen;
        }
        customer.is_attached = true;
        customer.email = "a•••••@demo.example".to_owned();
        customer.card = "9520 0471 1008".to_owned();
        customer.last_visit = self.format.date(NOW_MS - 3 * DAY_MS);
        customer.order_count = 148;
        customer.as_of = self.format.date_time(NOW_MS - 600_000);
        customer.has_more = true;
        customer.favourites = (self.goods.articles.iter().enumerate().take(3))
            .map(|(position, article)| FavouriteRow {
                article_id: id(position as u32),
                name: article.name.to_owned(),
                times: 41 - 12 * position as u32,
                last: self.format.date(NOW_MS - (3 + 9 * position as i64) * DAY_MS),
                price: self.money(article.price),
            })
            .collect();
        let heights = [420, 510, 380, 260, 700, 640, 540, 610, 1_000, 450, 580, 330];
        customer.months = (heights.iter().enumerate())
            .map(|(position, &permille)| MonthBar {
                label: ((position + 3) % 12 + 1).to_string(),
                permille,
                amount: self.money(i64::from(permille) * 36),
            })
            .collect();
        customer.history = (0..7).map(|position| self.history(position)).collect();
        screen
    }

    fn history(&self, position: usize) -> HistoryRow {
        let article = &self.goods.articles[(position + 2) % self.goods.articles.len()];
        let (channel, place) = match position {
            0..=2 => (ChannelKind::Store, self.goods.store),
            3..=4 => (ChannelKind::Web, ""),
            _ => (ChannelKind::Phone, ""),
        };
        HistoryRow {
            channel,
            date: self.format.date(NOW_MS - (3 + 4 * position as i64) * DAY_MS),
            is_first_of_order: matches!(position, 0 | 3 | 5),
            place: place.to_owned(),
            number: format!("T03-{:06}", 4_711 - position),
            order_total: self.money(4_820 + 977 * position as i64),
            name: article.name.to_owned(),
            article_id: if position == 4 { String::new() } else { id(position as u32) },
            quantity: "2".to_owned(),
            price: self.format.amount(self.of(article.price * 2)),
            is_unsent: position == 0,
        }
    }

    fn pay(&self, is_typed: bool) -> Screen {
        let mut screen = self.base(View::Pay);
        let pay = &mut screen.pay;
        pay.due = self.money(if is_typed { 123_418 } else { 4_788 });
        pay.due_rounded = self.money(if is_typed { 123_420 } else { 4_790 });
        let exact = pay.due_rounded.clone();
        let offered = if is_typed { [130_000, 150_000, 200_000] } else { [5_000, 6_000, 10_000] };
        pay.quick = std::iter::once(exact).chain(offered.map(|minor| self.money(minor))).collect();
        if is_typed {
            pay.given = self.money(150_000);
            pay.change = self.money(150_000 - 123_420);
            pay.is_covered = true;
        }
        screen
    }

    fn receipt(&self, is_delivery: bool) -> Screen {
        let mut screen = self.base(View::Receipt);
        let basket = self.basket(5);
        let receipt = &mut screen.receipt;
        receipt.number = "T03-004712".to_owned();
        receipt.store = self.goods.store.to_owned();
        receipt.store_address = self.goods.store_address.to_owned();
        receipt.time = self.format.date_time(NOW_MS);
        receipt.served_by = self.goods.staff[0].to_owned();
        receipt.lines = (basket.lines.iter())
            .map(|line| ReceiptLine {
                name: line.name.clone(),
                detail: format!("{} × {}", line.quantity, line.unit_price),
                total: line.total.clone(),
            })
            .collect();
        receipt.total = basket.total;
        receipt.taxes = basket.taxes;
        receipt.code_text = "XR1:R:T03-004712".to_owned();
        receipt.code_rows = qr_rows(&receipt.code_text);
        if is_delivery {
            receipt.is_due_on_delivery = true;
            let goods: i64 = (0..5).map(|at| self.line(at).1).sum();
            let fee = ReceiptLine { total: self.format.amount(self.of(690)), ..Default::default() };
            receipt.lines.push(fee);
            receipt.total = self.money(goods + 690);
            receipt.customer = self.goods.customers[0].to_owned();
            receipt.delivery = self.goods.address.iter().map(|part| (*part).to_owned()).collect();
            receipt.slot = format!("{}, {}", self.format.day(NOW_MS + DAY_MS), self.hours(0));
        } else {
            receipt.cash_given = self.money(10_000);
            receipt.change = self.money(1_765);
            receipt.rounding = self.money(2);
        }
        screen
    }

    fn hours(&self, position: i64) -> String {
        let start = NOW_MS - NOW_MS % 3_600_000 + position * 2 * 3_600_000;
        format!("{} – {}", self.format.time(start), self.format.time(start + 2 * 3_600_000))
    }

    fn delivery(&self, role: Role, has_address: bool) -> Screen {
        let mut screen = self.base(View::Delivery);
        screen.role = role;
        let delivery = &mut screen.delivery;
        delivery.address_chosen = -1;
        if has_address {
            delivery.addresses = vec![self.goods.address.join(", ")];
            delivery.address_chosen = 0;
        } else {
            delivery.name = self.goods.customers[0].to_owned();
            delivery.missing = "street".to_owned();
        }
        delivery.slots = (0..6)
            .map(|position| SlotRow {
                day: self.format.day(NOW_MS + (1 + position / 2) * DAY_MS),
                hours: self.hours(position % 2),
                fee: if position == 3 { String::new() } else { self.money(690) },
                is_chosen: position == 1 && has_address,
            })
            .collect();
        delivery.goods = self.money(4_820);
        delivery.fee = self.money(690);
        delivery.total = self.money(5_510);
        delivery.is_complete = has_address;
        screen
    }

    fn sync(&self, is_troubled: bool) -> Screen {
        let mut screen = self.base(View::Sync);
        let sync = &mut screen.sync;
        sync.central = "https://central.demo.example".to_owned();
        sync.last_contact = self.format.time(NOW_MS - 20_000);
        sync.acknowledged = self.format.count(48_213);
        let percents = if is_troubled { [100, 64, 12, 0, 0] } else { [100; 5] };
        let feeds = ["config", "catalogue", "customers", "history", "stock"];
        let rows = [12, 1_000_000, 98_412, 2_418_007, 640_118];
        sync.feeds = (0..feeds.len())
            .map(|at| FeedRow {
                feed: feeds[at].to_owned(),
                rows: self.format.count(rows[at]),
                percent: percents[at],
                as_of: self.format.time(NOW_MS - 20_000),
            })
            .collect();
        if is_troubled {
            sync.waiting = 23;
            sync.oldest_minutes = 47;
            sync.problem = Some(message(Severity::Warning, "not-central", &[]));
            sync.refused = vec![RefusedRow {
                title: "T03-004698".to_owned(),
                reason: "PRICE_DIFFERS".to_owned(),
                time: self.format.date_time(NOW_MS - DAY_MS),
            }];
            screen.status.line = Line::Troubled;
            screen.status.waiting = 23;
        }
        screen
    }

    /// The device woke up in 1970: the difference is known, or (without a line) nobody has told it.
    fn sync_clock(&self, line: Line) -> Screen {
        let mut screen = self.sync(false);
        screen.status.line = line;
        screen.status.is_clock_wrong = true;
        let clock = if line == Line::Online {
            message(Severity::Warning, "clock-wrong", &["56", "years"])
        } else {
            screen.status.offline_minutes = 12;
            screen.sync.problem = Some(message(Severity::Warning, "unreachable", &[]));
            message(Severity::Warning, "clock-absurd", &[&self.format.date(0)])
        };
        screen.sync.problem.get_or_insert_with(|| clock.clone());
        screen.sync.clock = Some(clock);
        screen
    }

    fn sync_enrol_again(&self) -> Screen {
        let mut screen = self.sync(true);
        screen.status.line = Line::Refused;
        screen.sync.refused.clear();
        screen.sync.problem = Some(message(Severity::Error, "enrol-again", &[]));
        screen.recovery = RecoveryScreen {
            needs_enrolment: true,
            may_enrol_again: true,
            ..self.recovery(true).recovery
        };
        screen
    }

    fn recovery(&self, is_enrolled: bool) -> Screen {
        let mut screen = self.base(View::Recovery);
        screen.recovery = RecoveryScreen {
            is_open: true,
            at: self.format.date_time(NOW_MS),
            orders: 1_204,
            waiting: 37,
            missing: if is_enrolled { 2 } else { 0 },
            has_open_end: false,
            articles: self.format.count(24_310),
            file: "/var/lib/crossroads/crossroads.db.damaged-1".to_owned(),
            is_enrolled,
            can_acknowledge: is_enrolled,
            needs_enrolment: false,
            may_enrol_again: false,
        };
        if !is_enrolled {
            screen.status.person.clear();
            screen.status.terminal.clear();
            screen.recovery.articles = self.format.count(0);
        }
        screen
    }

    fn settings(&self) -> Screen {
        self.base(View::Settings)
    }
}

/// The modules of a QR code, `#` dark, as the view-models send them.
fn qr_rows(text: &str) -> Vec<String> {
    let Ok(code) = qrcode::QrCode::new(text) else { return Vec::new() };
    let width = code.width();
    let colours = code.to_colors();
    let row =
        |modules: &[qrcode::Color]| modules.iter().map(|&module| module.select('#', ' ')).collect();
    colours.chunks(width).map(row).collect()
}
