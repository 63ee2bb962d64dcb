//! Strays that continue their chain after all: each takes its number, is held once, and counts once.
//!
//! A clone hands in the tail of a fork and then the true device pushes it; or central was restored, took events as
//! strays, and gets them again by number.

use crate::world::{Terminal, World};
use serde_json::{Value, json};
use sync::protocol::event::SealedEvent;

fn outcomes(answer: &(u16, Value)) -> Vec<&str> {
    let results = answer.1["results"].as_array().map_or(&[][..], Vec::as_slice);
    results.iter().map(|result| result["outcome"].as_str().unwrap_or_default()).collect()
}

/// Hands in as strays what the terminal wrote itself.
async fn stray(world: &World, till: &Terminal, events: &[&SealedEvent]) {
    let bytes: Vec<&str> = events.iter().map(|event| event.bytes.as_str()).collect();
    assert_eq!(world.strays(till, (till.id, till.epoch), &bytes).await.0, 200);
}

async fn decide(world: &World, entry: &Value, verb: &str) -> Value {
    let path = format!("/v1/quarantine/{}/{verb}", entry["id"]);
    let body = (verb == "dismiss").then(|| json!({"by": "Anna", "why": "counted already"}));
    world.decide("POST", &path, body).await.1
}

/// Rows of the inbox, orders that count, and rows that name an inbox row which is not there.
async fn counts(world: &World) -> (i64, i64, i64) {
    let lost = "SELECT (SELECT count(*) FROM act WHERE inbox NOT IN (SELECT id FROM inbox))
                + (SELECT count(*) FROM orders WHERE event NOT IN (SELECT id FROM inbox))";
    (
        world.count("SELECT count(*) FROM inbox").await,
        world.count("SELECT count(*) FROM orders WHERE event IS NOT NULL").await,
        world.count(lost).await,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stray_that_continues_its_chain_takes_its_number() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let order = till.order(&[(&milk, 2)], None);
    let (placed, paid) = (till.placed(&order), till.paid(&order));
    stray(&world, &till, &[&paid, &placed]).await;
    assert_eq!((world.quarantine().await.len(), counts(&world).await), (2, (2, 0, 0)));
    let both = [placed.clone(), paid.clone()];
    assert_eq!(outcomes(&world.push(&till, &both).await), ["applied", "applied"]);
    assert!(world.quarantine().await.is_empty());
    assert_eq!(counts(&world).await, (2, 1, 0));
    // They stand where events with numbers stand: in the order of their numbers, handed in by nobody.
    let sql = "SELECT count(*) FROM inbox i WHERE is_stray = 0 AND sent_by IS NULL
               AND seq = (SELECT count(*) FROM inbox WHERE id <= i.id)";
    assert_eq!(world.count(sql).await, 2);
    // Again, by both ways: nothing new.
    assert_eq!(outcomes(&world.push(&till, &both).await), ["duplicate", "duplicate"]);
    stray(&world, &till, &[&placed, &paid]).await;
    assert_eq!((world.quarantine().await.len(), counts(&world).await), (0, (2, 1, 0)));
    assert_eq!(world.count("SELECT count(*) FROM orders WHERE paid_ms IS NOT NULL").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_has_decided_about_a_stray_stands() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let (one, two) = (till.order(&[(&milk, 1)], None), till.order(&[(&milk, 5)], None));
    let (first, second) = (till.placed(&one), till.placed(&two));
    let opened = till.shift_opened().1;
    stray(&world, &till, &[&first, &second]).await;
    let held = world.quarantine().await;
    assert_eq!(decide(&world, &held[0], "retry").await["state"], "applied");
    assert_eq!(decide(&world, &held[1], "dismiss").await["state"], "dismissed");
    assert_eq!(counts(&world).await, (2, 1, 0));
    let pushed = world.push(&till, &[first, second, opened]).await;
    // Counted once; not counted; and what comes behind is not kept waiting by either.
    assert_eq!(outcomes(&pushed), ["applied", "duplicate", "applied"]);
    assert_eq!((pushed.0, &pushed.1["acked_seq"]), (200, &json!(3)));
    assert!(world.quarantine().await.is_empty());
    assert_eq!(counts(&world).await, (3, 1, 0), "the order and the note follow their event");
    let sql = "SELECT count(*) FROM act JOIN inbox ON inbox.id = act.inbox
               WHERE inbox.seq = 2 AND inbox.state = 'dismissed' AND act.by_whom = 'Anna'";
    assert_eq!(world.count(sql).await, 1);
    let sql = "SELECT count(*) FROM orders JOIN inbox ON inbox.id = orders.event
               WHERE inbox.seq = 1 AND inbox.state = 'applied'";
    assert_eq!(world.count(sql).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stray_of_another_chain_stays_one() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let order = till.order(&[(&milk, 1)], None);
    let start = till.head;
    let forked = till.placed(&order);
    let behind = till.paid(&order);
    till.head = start;
    let opened = till.shift_opened().1;
    stray(&world, &till, &[&forked, &behind]).await;
    assert_eq!(outcomes(&world.push(&till, &[opened]).await), ["applied"]);
    // Its number is taken; the one behind it hangs on what is not here; and a number too far is a gap.
    for (from, event, status) in [(1, &forked, 409), (2, &behind, 409), (3, &behind, 409)] {
        let refused = world.push_raw(&till, 0, from, &[&event.bytes]).await;
        assert_eq!(refused.0, status, "{from}: {}", refused.1);
    }
    assert_eq!(world.quarantine().await.len(), 2);
    assert_eq!(counts(&world).await, (3, 0, 0));
    assert_eq!(world.count("SELECT count(*) FROM inbox WHERE is_stray").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_stray_waits_behind_what_is_held_back_before_it() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    // Nobody sells less than nothing: central refuses it.
    let mut order = till.order(&[(&milk, 1)], None);
    order.lines[0].quantity.amount = -1;
    let (placed, paid) = (till.placed(&order), till.paid(&order));
    stray(&world, &till, &[&paid]).await;
    let pushed = world.push(&till, &[placed, paid]).await;
    assert_eq!(outcomes(&pushed), ["quarantined", "parked"]);
    let states: Vec<String> = world
        .quarantine()
        .await
        .iter()
        .map(|entry| format!("{} {}", entry["seq"], entry["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, ["1 quarantined", "2 parked"]);
    assert_eq!(counts(&world).await, (2, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_device_handed_in_is_the_writers_own_when_it_comes() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let other = world.terminal_of(2, 2, None).await;
    let milk = world.article(1).await;
    let order = till.order(&[(&milk, 3)], None);
    let placed = till.placed(&order);
    assert_eq!(world.strays(&other, (till.id, 0), &[&placed.bytes]).await.0, 200);
    assert_eq!(world.quarantine().await[0]["stray_of"], json!(other.id));
    assert_eq!(outcomes(&world.push(&till, &[placed]).await), ["applied"]);
    assert_eq!(counts(&world).await, (1, 1, 0));
    assert_eq!(world.count("SELECT count(*) FROM inbox WHERE sent_by IS NOT NULL").await, 0);
    // It counts in the shop where it was written.
    let sql = "SELECT store FROM orders WHERE event IS NOT NULL";
    assert_eq!(world.count(sql).await, 1);
}
