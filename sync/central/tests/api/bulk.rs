//! What people do when thousands wait: all at once, in order, with the slip in hand, and back again.

use crate::world::{Terminal, World};
use central::bulk::Bulk;
use central::held::Which;
use central::task::{Unwatched, Watch};
use serde_json::{Value, json};
use std::sync::Arc;

/// Orders of a life that central lost: each placed, then paid.
const ORDERS: usize = 300;

/// Hands in as strays what a terminal wrote: payments first, as no journal has them.
async fn strays(world: &World, till: &mut Terminal, orders: usize) {
    let milk = world.article(1).await;
    let mut events = Vec::new();
    for _ in 0..orders {
        let order = till.order(&[(&milk, 2)], None);
        events.extend([till.placed(&order), till.paid(&order)]);
    }
    events.reverse();
    for some in events.chunks(100) {
        let bytes: Vec<&str> = some.iter().map(|event| event.bytes.as_str()).collect();
        assert_eq!(world.strays(till, (till.id, till.epoch), &bytes).await.0, 200);
    }
}

/// Lets so many batches pass, then stops.
struct StopAfter(u32);
impl Watch for StopAfter {
    fn begin(&mut self, _what: &str, _total: u64) {}
    fn done(&mut self, _count: u64) -> bool {
        self.0 -= 1;
        self.0 > 0
    }
}

async fn retry_all(world: &World, which: Which, mut watch: impl Watch + Send + 'static) -> Bulk {
    let central = Arc::clone(&world.central);
    let retry = move || central.retry_all(&which, &mut watch);
    tokio::task::spawn_blocking(retry).await.unwrap().unwrap()
}

async fn dismiss_all(world: &World, code: &str) -> Bulk {
    let central = Arc::clone(&world.central);
    let which = Which { code: Some(code.into()), ..Which::default() };
    let dismiss = move || central.dismiss_all(&which, ("Anna", "counted"), &mut Unwatched);
    tokio::task::spawn_blocking(dismiss).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn strays_by_the_thousand_are_retried_in_the_order_of_their_numbers() {
    let world = World::new().await;
    let (mut till, mut other) = (world.terminal(1).await, world.terminal(2).await);
    strays(&world, &mut till, ORDERS).await;
    strays(&world, &mut other, 2).await;
    let none = retry_all(&world, Which { code: Some("PANIC".into()), terminal: None }, Unwatched);
    assert_eq!(none.await.entries, 0);
    let of_other = Which { code: Some("STRAY".into()), terminal: Some(other.id) };
    let done = retry_all(&world, of_other, Unwatched).await;
    assert_eq!((done.entries, done.applied, done.quarantined.len()), (4, 4, 0));
    // Stopped between two batches: what is done stays done.
    let first = retry_all(&world, Which::default(), StopAfter(1)).await;
    assert!(first.is_stopped && first.applied == 200 && first.entries == ORDERS * 2, "{first:?}");
    let rest = retry_all(&world, Which::default(), Unwatched).await;
    assert_eq!((rest.applied as usize, rest.quarantined.len()), (ORDERS * 2 - 200, 0));
    let paid = "SELECT count(*) FROM orders WHERE paid_ms IS NOT NULL AND event IS NOT NULL";
    assert_eq!(world.count(paid).await as usize, ORDERS + 2);
    assert!(world.quarantine().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_counts_already_is_dismissed_at_once_and_a_paid_order_is_not() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    // Sold once and told twice, by two lives: the second telling is no news.
    let order = till.order(&[(&milk, 1)], None);
    let events = [till.placed(&order), till.paid(&order)];
    assert_eq!(world.push(&till, &events).await.0, 200);
    let mut clone = till.next_life(9);
    let again = [clone.placed(&order), clone.paid(&order)];
    // Sold by the clone alone, and something is wrong with it.
    let own = clone.order(&[(&milk, 3)], None);
    let own = [clone.placed(&own), clone.paid(&own)];
    let bytes: Vec<&str> = again.iter().chain(&own).map(|event| event.bytes.as_str()).collect();
    assert_eq!(world.strays(&till, (till.id, 1), &bytes).await.0, 200);
    let left = dismiss_all(&world, "STRAY").await;
    assert_eq!((left.entries, left.dismissed, left.paid.len()), (4, 2, 2), "{left:?}");
    let held = world.quarantine().await;
    let ids: Vec<u64> = held.iter().map(|held| held["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, left.paid, "the order that counts nowhere, and its payment");
    let listed = world.look(|c| central::held::dismissed(c, 0, 100)).await;
    assert_eq!((listed.len(), listed[0].receipt.as_ref()), (2, Some(&order.number)));
    assert_eq!(retry_all(&world, Which::default(), Unwatched).await.applied, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_says_what_stands_on_the_slip_and_a_dismissal_can_be_taken_back() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let order = till.order(&[(&milk, 2)], None);
    let (placed, paid) = (till.placed(&order), till.paid(&order));
    let bytes = [placed.bytes.as_str(), paid.bytes.as_str()];
    assert_eq!(world.strays(&till, (till.id, 0), &bytes).await.0, 200);
    let held = world.quarantine().await;
    for (entry, kind) in held.iter().zip(["order.placed", "order.paid"]) {
        let slip = (&entry["kind"], &entry["receipt"], &entry["total_minor"], &entry["currency"]);
        let total = json!(order.total.minor());
        assert_eq!(slip, (&json!(kind), &json!(order.number), &total, &json!("CHF")), "{entry}");
        assert_eq!(entry["terminal_name"], "S001-T01");
        assert_eq!(entry["business_ms"], json!(1_800_000_000_000_i64));
    }
    let act = async |entry: &Value, verb: &str, why: &str| {
        let path = format!("/v1/quarantine/{}/{verb}", entry["id"]);
        world.decide("POST", &path, Some(json!({"by": "Anna", "why": why}))).await
    };
    // The order is dismissed, and its payment is held: the answer warns.
    let (status, dismissed) = act(&held[0], "dismiss", "looked at the wrong slip").await;
    assert_eq!((status, &dismissed["payments"]), (200, &json!([held[1]["id"]])), "{dismissed}");
    assert_eq!(act(&held[0], "reopen", " ").await.0, 422);
    assert_eq!(act(&held[1], "reopen", "it is not dismissed").await.0, 404);
    let (status, reopened) = act(&held[0], "reopen", "it was paid").await;
    assert_eq!(
        (status, &reopened["state"], &reopened["code"]),
        (200, &json!("quarantined"), &json!("STRAY"))
    );
    assert_eq!(act(&held[0], "reopen", "again").await.0, 404);
    assert_eq!(world.quarantine().await, held, "as before");
    // Both decisions stay on record.
    let acts = world
        .look(|c| {
            let sql = "SELECT group_concat(kind || ': ' || why, '; ') FROM act ORDER BY id";
            Ok(c.query_row(sql, [], |row| row.get::<_, String>(0))?)
        })
        .await;
    assert_eq!(acts, "dismissed: looked at the wrong slip; reopened: it was paid");
    assert_eq!(retry_all(&world, Which::default(), Unwatched).await.applied, 2);
    // An order that counts has nobody's money to lose: no warning.
    let again = [till.placed(&order), till.paid(&order)];
    let bytes: Vec<&str> = again.iter().map(|event| event.bytes.as_str()).collect();
    assert_eq!(world.strays(&till, (till.id, 0), &bytes).await.0, 200);
    let (_, told) = act(&world.quarantine().await[0], "dismiss", "counted already").await;
    assert_eq!((&told["state"], told.get("payments")), (&json!("dismissed"), None));
}
