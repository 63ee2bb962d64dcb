//! Feeds: snapshots, pages, search, stock, history, and what is refused.

use super::*;
use domain::id::{ArticleId, OrderId};
use domain::time::CentralTime;
use std::time::Duration;
use sync::conformance::{self, Subject};
use sync::protocol::feed::{HistoryLineRow, HistoryRow, StockRow};
use sync::protocol::push::{Outcome, PushResult};

struct Conforming {
    shop: Shop,
    store: Option<Store>,
}

impl Subject for Conforming {
    fn store(&self) -> &dyn SyncStore {
        self.store.as_ref().unwrap()
    }
    /// Opening and closing shifts needs no configuration beyond a currency.
    fn append(&mut self) {
        let store = self.store.as_ref().unwrap();
        store.open_shift(staff(self.shop.ids.0), AT).unwrap();
        self.shop.ids.0 += 1;
        if store.store_config().unwrap().is_some() {
            store.close_shift(AT).unwrap();
        } else {
            self.shop.sell_unconfigured(store);
        }
    }
    fn reopen(&mut self) {
        self.store.take().unwrap().close();
        self.store = Some(self.shop.open());
    }
    fn damage(&mut self, seq: u64) -> bool {
        let store = self.store.as_ref().unwrap();
        damage(store, "bytes = bytes || ' '", seq);
        true
    }
}

/// Changes the row of an event of the current life, as a disk may.
pub(super) fn damage(store: &Store, change: &'static str, seq: u64) {
    store
        .write("damage", move |session| {
            let position = crate::life::Life::required(&session.connection)?.position(seq);
            let sql = format!("UPDATE journal SET {change} WHERE position = ?1");
            session.connection.execute(&sql, [position])?;
            Ok::<_, crate::StoreError>(())
        })
        .unwrap();
}

impl Shop {
    /// Any event at all, for a suite that never sends a configuration.
    fn sell_unconfigured(&mut self, store: &Store) {
        store
            .write("test_event", |session| {
                let (tx, _) = session.begin()?;
                tx.execute("UPDATE shift SET closed_at_ms = 0 WHERE closed_at_ms IS NULL", [])?;
                Ok::<_, crate::StoreError>(tx.commit()?)
            })
            .unwrap();
    }
}

#[test]
fn the_store_keeps_every_promise_of_the_port() {
    conformance::check(|| {
        let mut shop = Shop::new();
        let store = Some(shop.open());
        Box::new(Conforming { shop, store })
    });
}

fn names(store: &Store, query: &str) -> Vec<String> {
    store.search_articles(query, 10).unwrap().into_iter().map(|article| article.name).collect()
}

#[test]
fn articles_are_found_as_people_type() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let rows = [
        (1, "Bio Müsli Crunchy"),
        (2, "Milch 1l"),
        (3, "有机牛奶 1L"),
        (4, "Vollmilch Schokolade"),
        (5, "Weißbrot"),
        (6, "奶牛 Figur"),
    ];
    load_articles(&store, &rows);
    for (query, found) in [
        ("müsli", &["Bio Müsli Crunchy"][..]),
        ("musli", &["Bio Müsli Crunchy"]),
        ("MUESLI", &["Bio Müsli Crunchy"]),
        ("crun mue", &["Bio Müsli Crunchy"]),
        ("m", &["Bio Müsli Crunchy", "Milch 1l"]),
        ("牛奶", &["有机牛奶 1L"]),
        ("机牛奶", &["有机牛奶 1L"]),
        ("奶", &["有机牛奶 1L", "奶牛 Figur"]),
        ("牛奶 1l", &["有机牛奶 1L"]),
        ("weissb", &["Weißbrot"]),
        ("schokol", &["Vollmilch Schokolade"]),
        ("milch schoko", &[]),
        ("xyz", &[]),
    ] {
        assert_eq!(names(&store, query), found, "{query}");
    }
    assert_eq!(names(&store, "").len(), 6, "without a word the best sellers");
    let digits = gtin(4).display_digits();
    for query in [&digits[..], &digits[..12], &digits[digits.len() - 6..]] {
        assert!(names(&store, query).contains(&"Vollmilch Schokolade".to_owned()), "{query}");
    }
    assert_eq!(names(&store, &digits), ["Vollmilch Schokolade"]);
    let found = store.article_by_gtin(gtin(2)).unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.gtins.as_slice()), ("Milch 1l", &[gtin(2)][..]));
    assert_eq!(store.article(found.id).unwrap().unwrap(), found);
    assert_eq!(store.article_by_gtin(gtin(99)).unwrap(), None);
}

#[test]
fn hostile_queries_find_nothing_and_break_nothing() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load_articles(&store, &[(1, "Milch")]);
    load(&store, Feed::Customers, "u", &[("customer", customer_json(1, "Anna Meier", "", ""))]);
    let long = "a".repeat(10_000);
    let words = "ab ".repeat(4_000);
    let chinese = "牛".repeat(10_000);
    let digits = "9".repeat(10_000);
    for query in [
        "\"",
        "*",
        "AND",
        "OR",
        "NOT",
        "NEAR(",
        "a AND",
        "^a",
        "a:b",
        "{a b}:c",
        "-a",
        "(",
        ")",
        "'",
        "\\",
        "\0",
        "a\0b",
        "%",
        "_",
        "--",
        ";",
        "\u{202e}",
        "👩‍👩‍👧",
        "ﷺ",
        "İ",
        "ß",
        "\u{301}",
        "999999999999999999999",
        "00000000000000",
        "+",
        "+4",
        "@",
        "e@",
        "0",
        &long,
        &words,
        &chinese,
        &digits,
    ] {
        store.search_articles(query, 10).unwrap();
        store.search_customers(query, 10).unwrap();
        store.search_articles(query, 0).unwrap();
        store.search_articles(query, usize::MAX).unwrap();
        store.search_customers(query, usize::MAX).unwrap();
    }
    assert_eq!(names(&store, "milch"), ["Milch"]);
}

fn customer_json(number: u128, name: &str, phone: &str, email: &str) -> String {
    serde_json::to_string(&customer_row(number, name, phone, email)).unwrap()
}

#[test]
fn customers_are_found_by_name_phone_email_and_card() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let rows = [
        (
            "customer",
            customer_json(1, "Anna Müller", "+41 79 123 45 67", "anna.mueller@example.org"),
        ),
        ("customer", customer_json(2, "王小明", "+86 138 0000 4567", "ming@example.org")),
        ("customer", customer_json(3, "Jean-Luc Blanc", "079 999 88 77", "")),
    ];
    load(&store, Feed::Customers, "u1", &rows);
    let found = |query: &str| -> Vec<u128> {
        let customers = store.search_customers(query, 10).unwrap();
        customers.iter().map(|found| found.id.uuid().as_u128() - 0xc057_0000).collect()
    };
    for (query, expected) in [
        ("Anna", &[1][..]),
        ("muel an", &[1]),
        ("MULLER", &[1]),
        ("小明", &[2]),
        ("王", &[2]),
        ("luc bla", &[3]),
        ("+41 79 123 45 67", &[1]),
        ("0041791234567", &[1]),
        ("079 123 45 67", &[1]),
        ("079 123", &[1]),
        ("079", &[1, 3]),
        ("+41 79 999 88 77", &[3]),
        ("+352 79 123", &[]),
        ("45 67", &[2, 1]),
        ("1234567", &[1]),
        ("anna.mueller@example.org", &[1]),
        ("ANNA.MUELLER@", &[1]),
        ("ming", &[2]),
        ("example", &[]),
        ("2950000003", &[3]),
        ("", &[]),
    ] {
        assert_eq!(found(query), expected, "{query}");
    }
    assert_eq!(store.customer_by_card(" 2950000001 ").unwrap(), Some(customer(1)));
    assert_eq!(store.customer_by_card("1").unwrap(), None);
    assert_eq!(store.customer(customer(2)).unwrap().unwrap().name, "王小明");

    let renamed = put("customer", customer_json(1, "Anna Keller", "", "anna@example.org"));
    let changes = page(vec![renamed, del("customer", customer(3).uuid())], "u2");
    assert_eq!(store.apply_page(Feed::Customers, "u1", &changes, AT).unwrap(), Applied::Committed);
    let found = |query: &str| store.search_customers(query, 10).unwrap().len();
    assert_eq!((found("müller"), found("keller"), found("079 123"), found("blanc")), (0, 1, 0, 0));
    assert_eq!(store.customer_by_card("2950000003").unwrap(), None);
    assert_eq!(store.check_database().unwrap(), Vec::<String>::new());
}

#[test]
fn a_later_snapshot_replaces_rows_and_forgets_the_rest() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load_articles(&store, &[(1, "Milch"), (2, "Brot"), (3, "Käse")]);
    let first = chunk(&[("article", article_json(3, "Alpkäse", 3))]);
    let second = chunk(&[("article", article_json(4, "Honig", 1))]);
    store.begin_snapshot(&plan(Feed::Catalogue, "k2", &[&first, &second])).unwrap();
    assert_eq!(store.feed_progress(Feed::Catalogue).unwrap().cursor, None);
    assert_eq!(apply(&store, Feed::Catalogue, &second), Applied::Stale, "not this one yet");
    assert_eq!(apply(&store, Feed::Catalogue, &first), Applied::Committed);
    assert_eq!(names(&store, "milch"), ["Milch"], "old rows sell until the snapshot is complete");
    let store = {
        store.close();
        shop.open()
    };
    let progress = store.feed_progress(Feed::Catalogue).unwrap();
    assert_eq!(progress.snapshot.unwrap().chunks_applied, 1);
    assert_eq!(apply(&store, Feed::Catalogue, &first), Applied::Stale);
    assert_eq!(apply(&store, Feed::Catalogue, &second), Applied::Committed);
    let progress = store.feed_progress(Feed::Catalogue).unwrap();
    assert_eq!((progress.cursor.as_deref(), progress.rows), (Some("k2"), 2));
    assert_eq!(names(&store, ""), ["Honig", "Alpkäse"]);
    assert_eq!(names(&store, "milch"), Vec::<String>::new());
    assert_eq!(store.article_by_gtin(gtin(1)).unwrap(), None);
    assert_eq!(store.check_database().unwrap(), Vec::<String>::new());
}

#[test]
fn pages_change_names_numbers_ranks_and_delete() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load_articles(&store, &[(1, "Milch"), (2, "Brot"), (3, "Käse"), (4, "Butter")]);
    let mut renumbered = article_row(2, "Ruchbrot", 2);
    renumbered.gtins = vec![gtin(22).to_gtin14()];
    let changes = vec![
        put("article", serde_json::to_string(&renumbered).unwrap()),
        put("article", article_json(4, "Butter", 1_000)),
        put("article", article_json(5, "Neu", 1)),
        put("article", article_json(5, "Neuer", 1)),
        del("article", Uuid::from_u128(0xa271_0000 + 3)),
        del("article", Uuid::from_u128(0xdead)),
        put("hologram", "{\"a\":1}".into()),
    ];
    let applied = store.apply_page(Feed::Catalogue, "k1", &page(changes, "k2"), AT).unwrap();
    assert_eq!(applied, Applied::Committed);
    assert_eq!(names(&store, ""), ["Milch", "Neuer", "Ruchbrot", "Butter"]);
    assert_eq!(store.article_by_gtin(gtin(2)).unwrap(), None);
    assert_eq!(store.article_by_gtin(gtin(22)).unwrap().unwrap().name, "Ruchbrot");
    assert_eq!(store.article_by_gtin(gtin(4)).unwrap().unwrap().name, "Butter");
    for (query, count) in [("brot", 0), ("ruch", 1), ("käse", 0), ("neu", 1), ("butter", 1)] {
        assert_eq!(names(&store, query).len(), count, "{query}");
    }
    assert_eq!(store.feed_progress(Feed::Catalogue).unwrap().rows, 4);
    let again = store.apply_page(Feed::Catalogue, "k1", &page(vec![], "k3"), AT).unwrap();
    assert_eq!(again, Applied::Stale);
    assert_eq!(store.check_database().unwrap(), Vec::<String>::new());
}

#[test]
fn ties_in_rank_and_wild_ranks_are_all_kept() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let rank = |number: u32| [0, 1, 7, u32::MAX][number as usize % 4];
    let rows: Vec<(&str, String)> =
        (0..40).map(|n| ("article", article_json(n, &format!("Ware {n}"), rank(n)))).collect();
    load(&store, Feed::Catalogue, "k1", &rows);
    assert_eq!(store.search_articles("ware", 100).unwrap().len(), 40);
    for number in 0..40 {
        assert!(store.article_by_gtin(gtin(number)).unwrap().is_some());
    }
    assert_eq!(store.check_database().unwrap(), Vec::<String>::new());
}

#[test]
fn senseless_rows_change_nothing() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load_articles(&store, &[(1, "Milch")]);
    let spoil = |from: &str, to: &str| article_json(2, "Brot", 2).replace(from, to);
    for broken in [
        "{}".to_owned(),
        "[]".to_owned(),
        spoil("CHF", "XXX"),
        spoil("piece", "pound"),
        spoil(&gtin(2).to_gtin14(), "12345678901234"),
        spoil("\"rank\":2", "\"rank\":-1"),
        spoil("\"price_version\":1", "\"price_version\":18446744073709551615"),
    ] {
        let rows = [("article", article_json(3, "Käse", 3)), ("article", broken.clone())];
        let bad = chunk(&rows);
        store.begin_snapshot(&plan(Feed::Catalogue, "k9", &[&bad])).unwrap();
        assert_eq!(apply(&store, Feed::Catalogue, &bad), Applied::Damaged, "{broken}");
        store.reset_feed(Feed::Catalogue).unwrap();
        assert_eq!(names(&store, ""), ["Milch"]);
    }
    let good = chunk(&[("article", spoil("\"rank\"", "\"later\":{\"x\":[1]},\"rank\""))]);
    store.begin_snapshot(&plan(Feed::Catalogue, "k9", &[&good])).unwrap();
    let sha256 = &good.info.sha256;
    let flipped: Vec<u8> = good.bytes.iter().map(|byte| byte ^ 1).collect();
    let damaged = store.apply_chunk(Feed::Catalogue, sha256, &flipped, AT).unwrap();
    assert_eq!(damaged, Applied::Damaged);
    assert_eq!(apply(&store, Feed::Catalogue, &good), Applied::Committed);
    assert_eq!(names(&store, ""), ["Brot"], "unknown fields are ignored");
}

#[test]
fn a_low_disk_stops_feeds_and_not_sales() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load_articles(&store, &[(1, "Milch")]);
    shop.disk.0.store(100_000_000, Ordering::Relaxed);
    let more = page(vec![put("article", article_json(2, "Brot", 2))], "k2");
    assert_eq!(store.apply_page(Feed::Catalogue, "k1", &more, AT).unwrap(), Applied::DiskLow);
    let bread = chunk(&[("article", article_json(2, "Brot", 2))]);
    store.begin_snapshot(&plan(Feed::Catalogue, "k3", &[&bread])).unwrap();
    assert_eq!(apply(&store, Feed::Catalogue, &bread), Applied::DiskLow);
    assert_eq!(names(&store, ""), ["Milch"]);
    shop.sell(&store, &[(1, 1)]);
    shop.disk.0.store(PLENTY, Ordering::Relaxed);
    assert_eq!(apply(&store, Feed::Catalogue, &bread), Applied::Committed);
}

fn stock_row(number: u32, on_hand: i64) -> String {
    serde_json::to_string(&StockRow { article: article_row(number, "", 1).id, on_hand }).unwrap()
}

fn stock(store: &Store, number: u32) -> Option<i64> {
    store.stock(ArticleId::from_uuid(article_row(number, "", 1).id)).unwrap()
}

#[test]
fn own_sales_count_until_central_counts_them() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    assert_eq!(stock(&store, 1), None);
    load(&store, Feed::Stock, "s1", &[("stock", stock_row(1, 10)), ("stock", stock_row(2, 5))]);
    let empty = ChangesPage { included: included(1), ..page(vec![], "s2") };
    assert_eq!(store.apply_page(Feed::Stock, "s1", &empty, AT).unwrap(), Applied::Committed);
    assert_eq!(stock(&store, 1), Some(10));
    let first = shop.sell(&store, &[(1, 3)]).last_seq;
    shop.sell(&store, &[(1, 1), (2, 7)]);
    assert_eq!((stock(&store, 1), stock(&store, 2)), (Some(6), Some(-2)));
    acknowledge_all(&store);
    assert_eq!(stock(&store, 1), Some(6), "acknowledged is not yet included");
    // Half of the news: nothing is visible until central says what it includes.
    let half = ChangesPage { more: true, ..page(vec![put("stock", stock_row(1, 7))], "s3") };
    store.apply_page(Feed::Stock, "s2", &half, AT).unwrap();
    assert_eq!(stock(&store, 1), Some(6));
    let whole = ChangesPage { included: included(first), ..page(vec![], "s4") };
    store.apply_page(Feed::Stock, "s3", &whole, AT).unwrap();
    assert_eq!((stock(&store, 1), stock(&store, 2)), (Some(6), Some(-2)));
    let gone = vec![del("stock", article_row(2, "", 1).id), put("stock", stock_row(1, 6))];
    let last = ChangesPage { included: included(first + 2), ..page(gone, "s5") };
    store.apply_page(Feed::Stock, "s4", &last, AT).unwrap();
    assert_eq!((stock(&store, 1), stock(&store, 2)), (Some(6), None));
    assert_eq!(store.feed_progress(Feed::Stock).unwrap().rows, 1);
}

/// Central's watermark covers what it holds but has not applied: such sales count here until it has.
#[test]
fn sales_that_central_holds_back_do_not_put_goods_on_the_shelf_again() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load(&store, Feed::Stock, "s0", &[("stock", stock_row(1, 10))]);
    let first = ChangesPage { included: included(1), ..page(vec![], "s1") };
    store.apply_page(Feed::Stock, "s0", &first, AT).unwrap();
    let result = |seq, outcome| PushResult { seq, outcome, code: None };
    let last = shop.sell(&store, &[(1, 3)]).last_seq;
    let placed = last - 1;
    shop.sell(&store, &[(1, 1)]);
    let events = waiting(&store);
    let head = events.last().unwrap();
    let held = [result(placed, Outcome::Quarantined), result(last, Outcome::Parked)];
    assert!(store.acknowledge(life(0), head.place().seq, head.hash(), &held, AT).unwrap());
    assert_eq!(stock(&store, 1), Some(6), "not yet included, and counted once");
    // Central has applied the second sale only, and says that it holds all.
    let page_of = |on_hand, next: &str| ChangesPage {
        included: included(head.place().seq),
        ..page(vec![put("stock", stock_row(1, on_hand))], next)
    };
    store.apply_page(Feed::Stock, "s1", &page_of(9, "s2"), AT).unwrap();
    assert_eq!(stock(&store, 1), Some(6), "sold goods do not reappear");
    // A person has released it: central applies it and no longer holds it back.
    store.apply_page(Feed::Stock, "s2", &page_of(6, "s3"), AT).unwrap();
    assert!(stock(&store, 1) <= Some(6), "never more than there is");
    store.set_held_back(life(0), &[]).unwrap();
    assert_eq!(stock(&store, 1), Some(6));
    // What an earlier enrolment left held back is nobody's news any more.
    store.set_held_back(life(0), &held).unwrap();
    store.close_shift(AT).unwrap();
    acknowledge_all(&store);
    store.enrol(&identity(1), "crossroads", AT).unwrap();
    let told = vec![Included { epoch: 1, seq: 1 }, Included { epoch: 0, seq: 9 }];
    let own = ChangesPage { included: told, ..page(vec![], "s5") };
    load(&store, Feed::Stock, "s4", &[("stock", stock_row(1, 20))]);
    store.apply_page(Feed::Stock, "s4", &own, AT).unwrap();
    assert_eq!(stock(&store, 1), Some(20));
}

pub(super) fn past_order(order: u128, who: u128, at_ms: i64, minor: i64, currency: &str) -> String {
    serde_json::to_string(&HistoryRow {
        id: Uuid::from_u128(order),
        customer: customer(who).uuid(),
        channel: "web".into(),
        place: String::new(),
        number: format!("W-{order}"),
        at_ms,
        currency: currency.into(),
        lines: vec![HistoryLineRow {
            article: Some(article_row(1, "", 1).id),
            name: "Milch".into(),
            quantity: 2,
            unit: "piece".into(),
            total_minor: minor,
        }],
        total_minor: minor,
    })
    .unwrap()
}

#[test]
fn history_has_every_order_once() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let day = 86_400_000;
    let rows = [
        ("order", past_order(1, 1, AT.0 - 40 * day, 500, "CHF")),
        ("order", past_order(2, 1, AT.0 - 400 * day, 700, "CHF")),
        ("order", past_order(3, 1, AT.0 - 3 * day, 900, "EUR")),
        ("order", past_order(4, 2, AT.0, 100, "CHF")),
    ];
    load(&store, Feed::History, "h1", &rows);
    let own = shop.sell_to(&store, &[(1, 1)], Some(customer(1))).order;
    let history = store.history(customer(1), 0, 10).unwrap();
    let view: Vec<(bool, bool)> = history.iter().map(|row| (row.is_own, row.is_unsent)).collect();
    assert_eq!(view, [(true, true), (false, false), (false, false), (false, false)]);
    assert_eq!(history[0].order.number, own.number);
    assert_eq!(history[0].order.place, "Bern Marktgasse");
    acknowledge_all(&store);
    assert!(!store.history(customer(1), 0, 1).unwrap()[0].is_unsent);
    // Central's row of the same order takes its place.
    let mut same: HistoryRow =
        serde_json::from_str(&past_order(0, 1, AT.0 + 1, own.total.minor(), "CHF")).unwrap();
    same.id = own.id.uuid();
    same.number = own.number.clone();
    let changes = page(vec![put("order", serde_json::to_string(&same).unwrap())], "h2");
    store.apply_page(Feed::History, "h1", &changes, AT).unwrap();
    let history = store.history(customer(1), 0, 10).unwrap();
    assert_eq!(history.len(), 4);
    assert_eq!((history[0].order.at.0, history[0].is_own), (AT.0 + 1, true));
    let ids: Vec<OrderId> = (0..5)
        .flat_map(|at| store.history(customer(1), at, 1).unwrap())
        .map(|row| row.order.id)
        .collect();
    assert_eq!(ids, history.iter().map(|row| row.order.id).collect::<Vec<_>>(), "pages join");

    let now = CentralTime(AT.0 + 1_000);
    let summary = store.history_summary(customer(1), now, "Europe/Zurich").unwrap();
    assert_eq!((summary.order_count, summary.last_at), (4, Some(CentralTime(AT.0 + 1))));
    let chf = own.total.minor() + 500;
    let year = [Money::new(chf, Currency::CHF), Money::new(900, Currency::EUR)];
    assert_eq!(summary.spent_year, year);
    assert_eq!(summary.months.len(), 12);
    let months: i64 = summary.months.iter().map(|(_, _, sum)| sum.minor()).sum();
    assert_eq!(months, chf);
    assert_eq!(summary.months[11].0, 2027, "January 2027 is the month of the last order");
    let favourite = &summary.favourites[0];
    assert_eq!((favourite.times, favourite.name.as_str()), (4, "Milch"));
    let nobody = store.history_summary(customer(9), now, "Nowhere/At all").unwrap();
    assert_eq!((nobody.order_count, nobody.months.len(), nobody.last_at), (0, 0, None));
}

#[test]
fn what_central_refuses_is_shown_by_its_receipt_number() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    let sold = shop.sell(&store, &[(1, 1)]);
    let result =
        |seq, outcome, code: Option<&str>| PushResult { seq, outcome, code: code.map(Into::into) };
    let events = waiting(&store);
    let last = events.last().unwrap();
    let results = [
        result(sold.last_seq - 1, Outcome::Quarantined, Some("UNKNOWN_ARTICLE")),
        result(sold.last_seq, Outcome::Parked, None),
        result(sold.last_seq + 7, Outcome::Quarantined, Some("NEVER_SENT")),
    ];
    assert!(store.acknowledge(life(0), last.place().seq, last.hash(), &results, AT).unwrap());
    let refused = store.sync_status().unwrap().refused;
    let view: Vec<(&str, &str)> =
        refused.iter().map(|row| (row.title.as_str(), row.code.as_str())).collect();
    let number = sold.order.number.as_str();
    assert_eq!(view, [(number, "UNKNOWN_ARTICLE"), (number, "PARKED")]);
    store.set_held_back(life(0), &results[1..2]).unwrap();
    assert_eq!(store.sync_status().unwrap().refused.len(), 1);
    store.set_held_back(life(7), &[]).unwrap();
    assert_eq!(store.sync_status().unwrap().refused.len(), 1, "another epoch's news is no news");
    store.set_held_back(life(0), &[]).unwrap();
    let status = store.sync_status().unwrap();
    assert!(status.refused.is_empty());
    assert_eq!((status.waiting, status.acknowledged), (0, sold.last_seq));
}

/// While a large chunk is written, sales and searches go on.
#[test]
fn a_large_chunk_lets_others_in() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    store.open_shift(staff(1), AT).unwrap();
    let rows: Vec<(&str, String)> = (0..12_000)
        .map(|n| ("article", article_json(n, &format!("Ware {n} Sorte {}", n % 97), n)))
        .collect();
    let large = chunk(&rows);
    store.begin_snapshot(&plan(Feed::Catalogue, "k1", &[&large])).unwrap();
    let loading = {
        let store = store.clone();
        std::thread::spawn(move || apply(&store, Feed::Catalogue, &large))
    };
    let mut sold_while_loading = 0;
    while !loading.is_finished() {
        shop.sell(&store, &[(1, 1)]);
        store.search_articles("ware", 10).unwrap();
        sold_while_loading += 1;
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(loading.join().unwrap(), Applied::Committed);
    assert!(sold_while_loading >= 3, "only {sold_while_loading} sales got in");
    assert_eq!(store.feed_progress(Feed::Catalogue).unwrap().rows, 12_000);
    assert_eq!(store.totals().unwrap().orders, sold_while_loading);
    assert_eq!(store.verify_journal().unwrap().fault, None);
}
