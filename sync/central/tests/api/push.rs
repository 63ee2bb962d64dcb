//! Push: held first, judged then; nothing blocks the queue but transport, authentication or corruption.

use crate::world::{Terminal, World};
use central::{feed, report};
use domain::event::Event;
use domain::money::{Currency, Money};
use serde_json::{Value, json};
use sync::protocol::event::{SealedEvent, Stamp};
use sync::protocol::feed::{Feed, HistoryRow, StockRow};

fn outcomes(answer: &Value) -> Vec<(u64, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let results = answer["results"].as_array().unwrap();
    let one = |r: &Value| (r["seq"].as_u64().unwrap(), text(&r["outcome"]), text(&r["code"]));
    results.iter().map(one).collect()
}

fn refusal(answer: &(u16, Value)) -> (u16, &str, &str) {
    let detail = answer.1["detail"].as_str().unwrap_or_default();
    (answer.0, answer.1["code"].as_str().unwrap_or_default(), detail)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_counts_once_however_often_it_is_sent() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let (milk, cheese) = (world.article(1).await, world.article(8).await);
    let marie = world.marie().await;
    let stock = move |id| world_stock(id);
    let before = world.look(stock(milk.id)).await;
    let order = till.order(&[(&milk, 3), (&cheese, 345)], Some(marie));
    let events = [till.placed(&order), till.paid(&order)];
    for round in 0..3 {
        let (status, answer) = world.push(&till, &events).await;
        assert_eq!(status, 200, "{answer}");
        let expected = if round == 0 { "applied" } else { "duplicate" };
        let got = outcomes(&answer);
        assert!(got.iter().all(|result| result.1 == expected), "{got:?}");
        assert_eq!(answer["acked_seq"], 2);
        assert_eq!(answer["acked_hash"], till.head.1.to_string());
    }
    assert_eq!(world.count("SELECT count(*) FROM orders WHERE event IS NOT NULL").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM tender").await, 1);
    assert_eq!(world.look(stock(milk.id)).await, before - 3);
    assert_eq!(world.count("SELECT count(*) FROM orders WHERE flags <> ''").await, 0);
    let (_, page) = world.get(&till, "/v1/feeds/history/changes?limit=2000").await;
    let mine = order.id.to_string();
    let rows = page["changes"].as_array().unwrap();
    let row = rows.iter().find(|change| change["key"] == mine.as_str()).unwrap();
    assert_eq!(row["row"]["customer"], marie.to_string());
    assert_eq!(row["row"]["total_minor"], order.total.minor());
    assert_eq!(row["row"]["place"], "Crossroads Bern");
    assert_eq!(page["included"], json!([{"epoch": 0, "seq": 2}]));
    let report = world.look(report::read).await;
    let sum = &report.grand_totals["CHF"];
    assert_eq!((sum.orders, sum.paid_orders, sum.total_minor), (1, 1, order.total.minor()));
    assert_eq!(report.tenders[0].kept_minor, sum.tendered_minor);
}

type Look = Box<dyn FnOnce(&rusqlite::Connection) -> Result<i64, central::CentralError> + Send>;

fn world_stock(article: uuid::Uuid) -> Look {
    Box::new(move |c| {
        let row = feed::get::<StockRow>(c, Feed::Stock, 1, article)?;
        Ok(row.map_or(0, |(row, _)| row.on_hand))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_the_journal_is_refused_and_the_prefix_stays() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let events: Vec<SealedEvent> = (0..4).map(|_| till.shift_opened().1).collect();
    let bytes = |range: std::ops::Range<usize>| -> Vec<String> {
        events[range].iter().map(|event| event.bytes.clone()).collect()
    };
    let send = async |from: u64, events: &[String]| {
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        world.push_raw(&till, 0, from, &events).await
    };
    // Nothing before the first.
    assert_eq!(refusal(&send(2, &bytes(1..2)).await), (409, "GAP", "expected 1"));
    assert_eq!(refusal(&send(0, &bytes(0..1)).await), (409, "GAP", "expected 1"));
    assert_eq!(refusal(&send(i64::MAX as u64, &bytes(0..1)).await), (409, "GAP", "expected 1"));
    assert_eq!(send(u64::MAX, &bytes(0..1)).await.0, 422);
    assert_eq!(send(1, &bytes(0..2)).await.0, 200);
    // Another event with a number that is taken.
    let other = bytes(0..1)[0].replace("1800000000000", "1800000000001");
    let forked = send(1, &[other]).await;
    assert_eq!(refusal(&forked), (409, "FORKED_HISTORY", "seq 1"));
    // An event that does not follow, in the middle of a batch: what came before it is held.
    let mut batch = bytes(2..4);
    batch[1] = batch[1].replace(&events[2].hash.to_string(), &events[0].hash.to_string());
    assert_eq!(refusal(&send(3, &batch).await), (409, "BROKEN_CHAIN", "seq 4"));
    assert_eq!(refusal(&send(4, &["<html>".into()]).await), (409, "BROKEN_CHAIN", "seq 4"));
    // Numbers inside and outside disagree.
    assert_eq!(refusal(&send(4, &bytes(1..2)).await).1, "BROKEN_CHAIN");
    // Another life.
    let newer = world.push_raw(&till, 1, 4, &[&events[3].bytes]).await;
    assert_eq!(refusal(&newer), (422, "INVALID_REQUEST", "epoch 0"));
    let path = format!("/v1/terminals/{}/watermark", till.id);
    let (_, mark) = world.get(&till, &path).await;
    assert_eq!((&mark["acked_seq"], &mark["epoch"]), (&json!(3), &json!(0)));
    assert_eq!(mark["acked_hash"], events[2].hash.to_string());
    assert_eq!(send(4, &bytes(3..4)).await.0, 200);
    // Nothing to send is an answer too.
    assert_eq!(send(5, &[]).await.1["acked_seq"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_holds_back_its_own_thing_only() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let (first, second) = (till.order(&[(&milk, 1)], None), till.order(&[(&milk, 2)], None));
    // A later version's event about the first order comes before its payment.
    let unknown = till.seal_raw("order.sung", &json!({"order": first.id.uuid(), "song": "do"}));
    let events = vec![
        unknown,
        till.placed(&first),
        till.paid(&first),
        till.placed(&second),
        till.paid(&second),
        till.seal_raw("weather.seen", &json!({"sun": true})),
        till.seal_raw("order.paid", &json!({"order": second.id.uuid()})),
    ];
    let (status, answer) = world.push(&till, &events).await;
    assert_eq!((status, &answer["acked_seq"]), (200, &json!(7)), "{answer}");
    let got = outcomes(&answer);
    let expected = [
        (1, "quarantined", "UNKNOWN_TYPE"),
        (2, "parked", ""),
        (3, "parked", ""),
        (4, "applied", ""),
        (5, "applied", ""),
        (6, "quarantined", "UNKNOWN_TYPE"),
        (7, "quarantined", "INVALID_BODY"),
    ];
    let got: Vec<_> = got.iter().map(|(s, o, c)| (*s, o.as_str(), c.as_str())).collect();
    assert_eq!(got, expected);
    let (_, mark) = world.get(&till, &format!("/v1/terminals/{}/watermark", till.id)).await;
    assert_eq!(mark["held_back"].as_array().unwrap().len(), 5);

    // Nobody but the administrator sees or touches them.
    assert_eq!(world.get(&till, "/v1/quarantine").await.0, 401);
    let (_, list) = world.admin("GET", "/v1/quarantine").await;
    let list = list["events"].as_array().unwrap().clone();
    assert_eq!(list.len(), 5);
    let id = |position: usize| list[position]["id"].as_u64().unwrap();
    // It is still unknown; a parked one cannot be taken out of turn.
    let retry = |id: u64| format!("/v1/quarantine/{id}/retry");
    let still = json!({"applied": 0, "state": "quarantined", "code": "UNKNOWN_TYPE"});
    assert_eq!(world.admin("POST", &retry(id(0))).await, (200, still));
    assert_eq!(world.admin("POST", &retry(id(1))).await.0, 404);
    assert_eq!(world.admin("POST", &retry(999_999)).await.0, 404);
    // Dismissed, it gives way: order and payment count now.
    let path = format!("/v1/quarantine/{}/dismiss", id(0));
    let why = json!({"by": "Anna", "why": "a song"});
    assert_eq!(world.admin("POST", &path).await.0, 415, "nobody dismisses without a word");
    let dismissed = world.decide("POST", &path, Some(why)).await;
    assert_eq!(dismissed, (200, json!({"applied": 2, "state": "dismissed"})));
    assert_eq!(world.count("SELECT count(*) FROM orders WHERE paid_ms IS NOT NULL").await, 2);
    assert_eq!(world.count("SELECT count(*) FROM inbox").await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_too_early_counts_later() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let order = till.order(&[(&milk, 1)], None);
    // The payment is there before its order: another terminal's line was slower.
    let mut other = world.terminal(2).await;
    let early =
        [other.paid(&order), other.seal_raw("order.sung", &json!({"order": order.id.uuid()}))];
    let (_, answer) = world.push(&other, &early).await;
    assert_eq!(outcomes(&answer)[0].2, "UNKNOWN_ORDER");
    assert_eq!(outcomes(&answer)[1].1, "parked");
    let placed = till.placed(&order);
    let (_, answer) = world.push(&till, &[placed]).await;
    assert_eq!(outcomes(&answer)[0].1, "applied", "between terminals there is no order");
    // Nobody had to do anything: the payment counts, and only what nobody understands is held back.
    assert_eq!(world.count("SELECT count(*) FROM orders WHERE paid_ms IS NOT NULL").await, 1);
    let (_, mark) = world.get(&other, &format!("/v1/terminals/{}/watermark", other.id)).await;
    let held = &mark["held_back"];
    assert_eq!((held.as_array().unwrap().len(), &held[0]["code"]), (1, &json!("UNKNOWN_TYPE")));

    // A retry that succeeds: the store learns of a shift that was closed before it was opened.
    let shift = domain::id::ShiftId::from_uuid(till.mint());
    let cash = Money::new(0, Currency::CHF);
    let closed = till.seal(&Event::ShiftClosed { shift, order_count: 0, cash });
    let (_, answer) = world.push(&till, &[closed]).await;
    assert_eq!(outcomes(&answer)[0].2, "UNKNOWN_SHIFT");
    let id = world.count("SELECT max(id) FROM inbox").await;
    world
        .change(move |c| {
            let sql = "INSERT INTO shift (id, terminal, staff, opened_ms) VALUES (?1, ?1, ?1, 1)";
            c.execute(sql, [shift.uuid().as_bytes().to_vec()])?;
            Ok(())
        })
        .await;
    let retried = world.admin("POST", &format!("/v1/quarantine/{id}/retry")).await;
    assert_eq!(retried, (200, json!({"applied": 1, "state": "applied"})));
}

/// One line, one case: how a payment is wrong, what becomes of it.
#[tokio::test(flavor = "multi_thread")]
async fn payments_must_add_up() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    type Spoil = fn(&mut Value);
    let cases: [(&str, &str, Spoil); 7] = [
        ("kept too little", "INVALID_PAYMENT", |b| b["tenders"][0]["change_minor"] = json!(1001)),
        ("no tender", "INVALID_PAYMENT", |b| b["tenders"] = json!([])),
        ("another due", "INVALID_PAYMENT", |b| b["due_minor"] = json!(1)),
        ("another currency", "INVALID_PAYMENT", |b| b["currency"] = json!("EUR")),
        ("negative", "INVALID_PAYMENT", |b| b["tenders"][0]["given_minor"] = json!(-5)),
        ("overflow", "INVALID_PAYMENT", |b| b["rounding_minor"] = json!(i64::MAX)),
        ("unknown means", "INVALID_BODY", |b| b["tenders"][0]["kind"] = json!("shells")),
    ];
    for (name, code, spoil) in cases {
        let order = till.order(&[(&milk, 1)], None);
        let placed = till.placed(&order);
        let head = till.head;
        let right: Value = serde_json::from_str(&till.paid(&order).bytes).unwrap();
        till.head = head;
        let mut body = right["body"].clone();
        spoil(&mut body);
        let wrong = till.seal_raw("order.paid", &body);
        let (status, answer) = world.push(&till, &[placed, wrong]).await;
        assert_eq!(status, 200, "{name}");
        assert_eq!(outcomes(&answer)[1].2, code, "{name}");
    }
    // Paying twice is refused, and the first payment stays.
    let order = till.order(&[(&milk, 1)], None);
    let events = [till.placed(&order), till.paid(&order), till.paid(&order)];
    let (_, answer) = world.push(&till, &events).await;
    assert_eq!(outcomes(&answer)[2].2, "ALREADY_PAID");
    assert_eq!(world.count("SELECT count(*) FROM tender").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_are_flagged_not_refused() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let mut stranger = milk.clone();
    stranger.id = till.mint();
    let mut dearer = milk.clone();
    dearer.price_minor += 5;
    let mut untaxed = milk.clone();
    untaxed.tax_group = "food".into();
    let nobody = till.mint();
    let mut sold = Vec::new();
    for (row, customer, spoil) in [
        (&milk, Some(nobody), 0),
        (&stranger, None, 0),
        (&dearer, None, 0),
        (&milk, None, 7),
        (&untaxed, None, 0),
    ] {
        let mut order = till.order(&[(row, 1)], customer);
        order.total = Money::new(order.total.minor() + spoil, Currency::CHF);
        sold.push(till.placed(&order));
    }
    let mut elsewhere = till.order(&[(&milk, 1)], None);
    elsewhere.store = domain::id::StoreId::from_uuid(till.mint());
    elsewhere.lines[0].tax_group = "luxury".into();
    sold.push(till.placed(&elsewhere));
    let (_, answer) = world.push(&till, &sold).await;
    assert!(outcomes(&answer).iter().all(|result| result.1 == "applied"), "{answer}");
    let flags = world
        .look(|c| {
            let mut query =
                c.prepare("SELECT flags FROM orders WHERE event IS NOT NULL ORDER BY no")?;
            let flags = query.query_map([], |row| row.get::<_, String>(0))?;
            Ok(flags.collect::<Result<Vec<_>, _>>()?)
        })
        .await;
    let expected = [
        "UNKNOWN_CUSTOMER",
        "UNKNOWN_ARTICLE",
        "PRICE_DIFFERS",
        "PRICE_DIFFERS",
        "",
        "OTHER_STORE,UNKNOWN_TAX_GROUP",
    ];
    assert_eq!(flags, expected);
    let report = world.look(report::read).await;
    assert_eq!(report.flags["PRICE_DIFFERS"], 2);
    assert_eq!(report.terminals[0].flagged, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_not_used_twice_and_quantities_must_be_sellable() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let order = till.order(&[(&milk, 1)], None);
    let (shift, opened) = till.shift_opened();
    let again = till.seal(&Event::ShiftOpened {
        shift,
        staff: domain::id::StaffId::from_uuid(uuid::Uuid::nil()),
    });
    let events = [opened, again, till.placed(&order), till.placed(&order)];
    let (_, answer) = world.push(&till, &events).await;
    let codes: Vec<_> = outcomes(&answer).into_iter().map(|result| result.2).collect();
    assert_eq!(codes, ["", "SHIFT_ID_REUSED", "", "ORDER_ID_REUSED"]);
    let mut nothing = till.order(&[(&milk, 1)], None);
    nothing.lines[0].quantity.amount = 0;
    let mut empty = till.order(&[(&milk, 1)], None);
    empty.lines.clear();
    let events = [till.placed(&nothing), till.placed(&empty)];
    let (_, answer) = world.push(&till, &events).await;
    assert!(outcomes(&answer).iter().all(|result| result.2 == "INVALID_QUANTITY"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shifts_are_compared_with_what_was_counted() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    for declared in [1, 2] {
        let (shift, opened) = till.shift_opened();
        let mut order = till.order(&[(&milk, 2)], None);
        order.shift = shift;
        let placed = till.placed(&order);
        let paid = till.paid(&order);
        let cash = domain::tender::cash_due(order.total, 5).unwrap().amount;
        let closed = till.seal(&Event::ShiftClosed { shift, order_count: declared, cash });
        let (_, answer) = world.push(&till, &[opened, placed, paid, closed]).await;
        assert!(outcomes(&answer).iter().all(|result| result.1 == "applied"), "{answer}");
    }
    let report = world.look(report::read).await;
    let agrees: Vec<_> = report.shifts.iter().map(|shift| shift.agrees).collect();
    assert_eq!(agrees, [Some(true), Some(false)]);
    assert!(report::in_words(&report).contains("DIFFERS"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let mut world = World::new().await;
    let mut till: Terminal = world.terminal(1).await;
    let events = [till.shift_opened().1, till.shift_opened().1];
    assert_eq!(world.push(&till, &events).await.0, 200);
    world.stop().await;
    let rim = std::sync::Arc::clone(&world.rim);
    let path = world.dir.path().to_path_buf();
    world.central = tokio::task::spawn_blocking(move || central::Central::open_with(&path, rim))
        .await
        .unwrap()
        .unwrap();
    world.serve(central::Fault::None).await;
    // Tokens are in memory only: the terminal signs again.
    assert_eq!(world.push(&till, &events).await.0, 401);
    till.token = world.token(&till).await.1["token"].as_str().unwrap().into();
    let (status, answer) = world.push(&till, &events).await;
    assert_eq!((status, outcomes(&answer)[0].1.as_str()), (200, "duplicate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_refers_to_a_damaged_row_does_not_stop_the_queue() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let (milk, cheese) = (world.article(1).await, world.article(8).await);
    let key = *milk.id.as_bytes();
    let damage = "UPDATE feed_row SET row = '{' WHERE feed = 3 AND scope = 1 AND key = ?1";
    world.change(move |c| Ok(c.execute(damage, [key])?)).await;
    let (first, second) = (till.order(&[(&milk, 1)], None), till.order(&[(&cheese, 100)], None));
    let events = [till.placed(&first), till.placed(&second)];
    let (status, answer) = world.push(&till, &events).await;
    assert_eq!((status, &answer["acked_seq"]), (200, &json!(2)), "{answer}");
    let got = outcomes(&answer);
    assert_eq!(got[0], (1, "quarantined".into(), "DAMAGED_ROW".into()));
    assert_eq!(got[1].1, "applied");
    assert_eq!(world.count("SELECT count(*) FROM orders WHERE event IS NOT NULL").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_clock_says_is_believed_within_bounds_and_flagged_beyond() {
    const DAY: i64 = 86_400_000;
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let (milk, marie) = (world.article(1).await, world.marie().await);
    let now = central::Rim::now_ms(world.rim.as_ref());
    // One line, one case: how far the device is ahead, the offset that it knows, business time from now, skew.
    for (ahead, offset, expected, skew) in [
        (-60_000, None, -60_000, None),
        (60_000, None, 60_000, None),
        (9_000_000_000, None, 0, Some(9_000_000_000_i64)),
        (9_000_000_000, Some(-9_000_000_000), 0, None),
        (-2 * DAY, None, 0, Some(-2 * DAY)),
        (-2 * DAY, Some(2 * DAY), 0, None),
    ] {
        let mut order = till.order(&[(&milk, 1)], Some(marie));
        order.placed_at = domain::time::DeviceTime(now + ahead);
        let stamp = Stamp { at_ms: now + ahead, offset_ms: offset, hlc: None };
        let event = till.seal_at(stamp, &Event::OrderPlaced(Box::new(order.clone())));
        assert_eq!(world.push(&till, &[event]).await.0, 200);
        let id = order.id.uuid();
        let row = move |c: &_| feed::get::<HistoryRow>(c, Feed::History, feed::EVERYBODY, id);
        let (row, rank) = world.look(row).await.unwrap();
        assert_eq!((row.at_ms, rank), (now + expected, -(now + expected)), "{ahead}");
        let (placed, business, flags): (i64, i64, String) = world
            .look(move |c| {
                let sql = "SELECT placed_ms, business_ms, flags FROM orders WHERE id = ?1";
                Ok(c.query_row(sql, [id.as_bytes()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?)
            })
            .await;
        assert_eq!(placed, now + ahead, "the order keeps what the device said");
        assert_eq!(business, now + expected);
        assert_eq!(flags, if skew.is_some() { "CLOCK_CLAMPED" } else { "" });
        let (_, terminals) = world.admin("GET", "/v1/terminals").await;
        assert_eq!(terminals["terminals"][0]["skew_ms"].as_i64(), skew);
    }
    let report = world.look(report::read).await;
    assert_eq!(report.flags["CLOCK_CLAMPED"], 2);
}
