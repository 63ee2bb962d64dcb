//! What people do about held events: list, retry, amend, dismiss; the original stays for ever.

use crate::world::World;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn an_amendment_counts_in_place_of_the_event_and_the_original_stays() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let order = till.order(&[(&milk, 1)], None);
    let head = till.head;
    let right: Value = serde_json::from_str(&till.placed(&order).bytes).unwrap();
    till.head = head;
    // A quantity that cannot be sold; the payment waits behind it.
    let mut body = right["body"].clone();
    body["lines"][0]["quantity"] = json!(0);
    let wrong = till.seal_raw("order.placed", &body);
    let paid = till.paid(&order);
    let (_, answer) = world.push(&till, &[wrong.clone(), paid]).await;
    assert_eq!(answer["results"][0]["code"], "INVALID_QUANTITY");
    assert_eq!(answer["results"][1]["outcome"], "parked");
    let held = world.quarantine().await;
    let id = held[0]["id"].as_u64().unwrap();
    assert_eq!(held[0]["hash"], wrong.hash.to_string());
    let path = format!("/v1/quarantine/{id}/amend");
    let amend = async |body: Value| world.decide("POST", &path, Some(body)).await;
    // Words must say something, and nobody but the administrator may.
    for (by, why) in [("", "x"), ("x", " "), ("x", &"x".repeat(501))] {
        let body = json!({"by": by, "why": why, "body": right["body"]});
        assert_eq!(amend(body).await.0, 422);
    }
    let correction = json!({"by": "Anna", "why": "scale failed", "body": right["body"]});
    let stranger = world.send("POST", &path, Some(&till.token), Some(correction.clone())).await;
    assert_eq!(stranger.0, 401);
    // A correction that is no better changes nothing.
    let worse = json!({"by": "Anna", "why": "try", "type": "order.sung", "body": {}});
    let refused = amend(worse).await;
    let expected = json!({"applied": 0, "state": "quarantined", "code": "UNKNOWN_TYPE"});
    assert_eq!(refused, (200, expected));
    assert_eq!(world.quarantine().await[0]["code"], "INVALID_QUANTITY");
    assert_eq!(world.count("SELECT count(*) FROM act").await, 0);
    let amended = amend(correction.clone()).await;
    assert_eq!(amended, (200, json!({"applied": 2, "state": "applied"})));
    assert_eq!(world.count("SELECT count(*) FROM orders WHERE paid_ms IS NOT NULL").await, 1);
    // Once; the event itself is what it was, and who, why and what are beside it.
    assert_eq!(amend(correction).await.0, 404);
    let seen = world
        .look(move |c| {
            let sql = "SELECT i.bytes, a.by_whom || ': ' || a.why, a.bytes, a.at_ms
                       FROM inbox i JOIN act a ON a.inbox = i.id";
            Ok(c.query_row(sql, [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?)
        })
        .await;
    let (bytes, words, correction, at_ms): (String, String, String, i64) = seen;
    assert_eq!(bytes, wrong.bytes);
    assert_eq!(words, "Anna: scale failed");
    let correction: Value = serde_json::from_str(&correction).unwrap();
    assert_eq!((&correction["body"], &correction["seq"]), (&right["body"], &json!(1)));
    assert_eq!(at_ms, central::Rim::now_ms(world.rim.as_ref()));
    let (_, again) = world.push(&till, &[wrong]).await;
    assert_eq!(again["results"][0]["outcome"], "duplicate");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_event_and_a_stray_can_be_written_anew_by_a_person() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let (shift, opened) = till.shift_opened();
    let path = format!("/v1/terminals/{}/events", till.id);
    let item = json!({"damaged": {"seq": 1, "hash": opened.hash.to_string(),
        "prev": "0".repeat(64), "raw": "not base64"}});
    let body = json!({"epoch": 0, "from_seq": 1, "events": [item]});
    assert_eq!(world.send("POST", &path, Some(&till.token), Some(body)).await.0, 200);
    assert_eq!(world.strays(&till, (till.id, 0), &["rubbish"]).await.0, 200);
    let staff = uuid::Uuid::from_u128(3);
    for (entry, shift) in world.quarantine().await.iter().zip([shift.uuid(), till.mint()]) {
        let body = json!({"by": "Anna", "why": "from the paper", "type": "shift.opened",
            "body": {"shift": shift, "staff": staff}});
        let path = format!("/v1/quarantine/{}/amend", entry["id"]);
        let (_, released) = world.decide("POST", &path, Some(body)).await;
        assert_eq!(released, json!({"applied": 1, "state": "applied"}));
    }
    assert_eq!(world.count("SELECT count(*) FROM shift").await, 2);
    // The true bytes come after all: they are kept, and the person's word stands.
    let (_, answer) = world.push(&till, &[opened]).await;
    assert_eq!(answer["results"][0]["outcome"], "duplicate");
    assert_eq!(world.count("SELECT count(*) FROM inbox WHERE bytes IS NULL").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM shift").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_version_before_did_not_know_is_judged_after_an_upgrade() {
    let mut world = World::new().await;
    let mut till = world.terminal(1).await;
    let events = [till.shift_opened().1, till.seal_raw("weather.seen", &json!({"sun": true}))];
    assert_eq!(world.push(&till, &events).await.0, 200);
    // As the version before left it.
    world.stop().await;
    world
        .change(|c| {
            c.execute("DELETE FROM shift", [])?;
            let sql = "UPDATE inbox SET state = 'quarantined', code = 'UNKNOWN_TYPE' WHERE seq = 1";
            c.execute(sql, [])?;
            Ok(c.execute("INSERT OR REPLACE INTO meta VALUES ('judged_by', 'older')", [])?)
        })
        .await;
    let retry = async || {
        let central = std::sync::Arc::clone(&world.central);
        let retry = move || central.retry_after_upgrade();
        tokio::task::spawn_blocking(retry).await.unwrap().unwrap()
    };
    assert_eq!(retry().await, 1);
    assert_eq!(world.count("SELECT count(*) FROM shift").await, 1);
    let unknown = "SELECT count(*) FROM inbox WHERE state = 'quarantined'";
    assert_eq!(world.count(unknown).await, 1, "what is unknown still");
    assert_eq!(retry().await, 0);
}

fn outcomes(answer: &(u16, Value)) -> Vec<String> {
    let results = answer.1["results"].as_array().cloned().unwrap_or_default();
    let one = |result: &Value| {
        let code = result["code"].as_str().unwrap_or_default();
        format!("{} {code}", result["outcome"].as_str().unwrap_or_default()).trim().to_owned()
    };
    results.iter().map(one).collect()
}

/// Numbers, states and codes of what is held back.
fn told(held: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one =
        |row: &Value| format!("{} {} {}", row["seq"], text(&row["state"]), text(&row["code"]));
    held.iter().map(|row| one(row).trim().to_owned()).collect()
}

const PAID: &str = "SELECT count(*) FROM orders WHERE paid_ms IS NOT NULL";

#[tokio::test(flavor = "multi_thread")]
async fn what_brings_the_order_does_not_wait_behind_its_payment() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    // A journal of two lives, or of another maker: the payment has the smaller number. In one push, and in two.
    for in_one in [true, false] {
        let order = till.order(&[(&milk, 1)], None);
        let song = json!({"order": order.id.uuid(), "song": "do"});
        let events = [till.paid(&order), till.seal_raw("order.sung", &song), till.placed(&order)];
        let mut got = Vec::new();
        for part in events.chunks(if in_one { 3 } else { 1 }) {
            got.extend(outcomes(&world.push(&till, part).await));
        }
        assert_eq!(got, ["quarantined UNKNOWN_ORDER", "parked", "applied"], "{in_one}");
        // Once it is there the payment counts, and what waited behind that has its turn.
        assert_eq!(world.count(PAID).await, if in_one { 1 } else { 2 });
    }
    assert_eq!(
        told(&world.quarantine().await),
        ["2 quarantined UNKNOWN_TYPE", "5 quarantined UNKNOWN_TYPE"]
    );
    // The parking rule is what it was: a second payment waits behind what nobody understands.
    let shift = domain::id::ShiftId::from_uuid(till.mint());
    let staff = domain::id::StaffId::from_uuid(uuid::Uuid::from_u128(3));
    let cash = domain::money::Money::new(0, domain::money::Currency::CHF);
    let closed = domain::event::Event::ShiftClosed { shift, order_count: 0, cash };
    let closed = till.seal(&closed);
    let opened = till.seal(&domain::event::Event::ShiftOpened { shift, staff });
    let got = outcomes(&world.push(&till, &[closed, opened]).await);
    assert_eq!(got, ["quarantined UNKNOWN_SHIFT", "applied"]);
    assert_eq!(world.count("SELECT count(*) FROM shift WHERE closed_ms IS NOT NULL").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_brings_the_order_waits_behind_everything_else() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let order = till.order(&[(&milk, 1)], None);
    let song = json!({"order": order.id.uuid(), "song": "do"});
    let events = [till.seal_raw("order.sung", &song), till.paid(&order), till.placed(&order)];
    let got = outcomes(&world.push(&till, &events).await);
    assert_eq!(got, ["quarantined UNKNOWN_TYPE", "parked", "parked"]);
    // The song gives way: the payment comes before its order, and both count all the same.
    let id = world.quarantine().await[0]["id"].as_u64().unwrap();
    let why = json!({"by": "Anna", "why": "a song"});
    let path = format!("/v1/quarantine/{id}/dismiss");
    let dismissed = world.decide("POST", &path, Some(why)).await;
    assert_eq!(dismissed, (200, json!({"applied": 2, "state": "dismissed"})));
    assert_eq!(world.count(PAID).await, 1);
}

/// As an older version left it: the order is parked behind its payment.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_parked_behind_its_payment_is_freed_by_a_retry() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let now = 5;
    let id = till.id;
    let mut orders = Vec::new();
    // What a terminal out of service pushes is held whatever it is, and the order waits behind its payment.
    assert!(world.change(move |c| central::life::revoke(c, id, now)).await);
    for _ in 0..2 {
        let order = till.order(&[(&milk, 1)], None);
        let events = [till.paid(&order), till.placed(&order)];
        let got = outcomes(&world.push(&till, &events).await);
        assert_eq!(got, ["quarantined TERMINAL_REVOKED", "parked"]);
        orders.push(order);
    }
    let entry = world.quarantine().await[0]["id"].as_u64().unwrap();
    let (_, released) = world.admin("POST", &format!("/v1/quarantine/{entry}/retry")).await;
    assert_eq!(released, json!({"applied": 2, "state": "applied"}));
    // The other one as the older version would have left it after a retry; and many at once.
    let sql = "UPDATE inbox SET code = 'UNKNOWN_ORDER' WHERE state = 'quarantined'";
    assert_eq!(world.change(move |c| Ok(c.execute(sql, [])?)).await, 1);
    let central = std::sync::Arc::clone(&world.central);
    let retry = move || {
        let which = central::held::Which::default();
        central.retry_all(&which, &mut central::task::Unwatched)
    };
    let bulk = tokio::task::spawn_blocking(retry).await.unwrap().unwrap();
    assert_eq!((bulk.entries, bulk.applied, bulk.quarantined.len()), (1, 2, 0));
    assert_eq!(world.count(PAID).await, 2);
    assert!(world.quarantine().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_can_be_amended_though_its_order_waits_behind_it() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let order = till.order(&[(&milk, 1)], None);
    let head = till.head;
    let right: Value = serde_json::from_str(&till.paid(&order).bytes).unwrap();
    till.head = head;
    let wrong = till.seal_raw("order.paid", &json!({"order": order.id.uuid()}));
    let placed = till.placed(&order);
    let got = outcomes(&world.push(&till, &[wrong, placed]).await);
    assert_eq!(got, ["quarantined INVALID_BODY", "parked"]);
    let id = world.quarantine().await[0]["id"].as_u64().unwrap();
    let path = format!("/v1/quarantine/{id}/amend");
    // A correction that is wrong itself changes nothing, and takes the order back with it.
    let mut worse = right["body"].clone();
    worse["due_minor"] = json!(1);
    let worse = json!({"by": "Anna", "why": "from the slip", "body": worse});
    let refused = world.decide("POST", &path, Some(worse)).await;
    let expected = json!({"applied": 0, "state": "quarantined", "code": "INVALID_PAYMENT"});
    assert_eq!(refused, (200, expected));
    assert_eq!(
        told(&world.quarantine().await),
        ["1 quarantined INVALID_BODY", "2 parked"],
        "nothing has changed"
    );
    let correction = json!({"by": "Anna", "why": "from the slip", "body": right["body"]});
    let amended = world.decide("POST", &path, Some(correction)).await;
    assert_eq!(amended, (200, json!({"applied": 2, "state": "applied"})));
    assert_eq!(world.count(PAID).await, 1);
}
