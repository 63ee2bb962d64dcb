//! What events do to rows, as `docs/PROTOCOL.md` says it: whoever writes another central writes these tests first.
//!
//! The events are the golden files that the document shows, so that the example of a row is what becomes of the example
//! of an event.

use crate::world::World;
use central::feed;
use serde_json::{Value, json};
use std::path::Path;
use sync::protocol::feed::{Feed, HistoryRow, StockRow};
use uuid::Uuid;

fn golden(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/golden");
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn id(value: &Value) -> Uuid {
    value.as_str().unwrap().parse().unwrap()
}

async fn on_hand(world: &World, article: Uuid) -> Option<i64> {
    let row = move |c: &_| feed::get::<StockRow>(c, Feed::Stock, 1, article);
    world.look(row).await.map(|(row, _)| row.on_hand)
}

async fn history(world: &World, order: Uuid) -> Option<Value> {
    let row = move |c: &_| feed::get::<HistoryRow>(c, Feed::History, feed::EVERYBODY, order);
    world.look(row).await.map(|(row, _)| serde_json::to_value(row).unwrap())
}

/// The example of `order.placed` becomes the example of table `order`, and takes from a stock that nobody knew; its
/// payment and its repetition change nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_document_become_each_other() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let (placed, paid) = (golden("order_placed_body"), golden("order_paid_body"));
    let (order, article) = (id(&placed["order"]), id(&placed["lines"][0]["article"]));
    assert_eq!(on_hand(&world, article).await, None, "the catalogue does not have it");
    let events = [till.seal_raw("order.placed", &placed), till.seal_raw("order.paid", &paid)];
    let (_, answer) = world.push(&till, &events[..1]).await;
    assert_eq!(answer["results"][0]["outcome"], "applied", "{answer}");
    let mut expected = golden("row_order");
    // The store and the clock of the example are not those of this test.
    let row = history(&world, order).await.unwrap();
    expected["place"] = json!("Crossroads Bern");
    expected["at_ms"] = row["at_ms"].clone();
    assert_eq!(row, expected);
    assert_eq!(on_hand(&world, article).await, Some(-2));
    for _ in 0..2 {
        assert_eq!(world.push(&till, &events).await.0, 200);
        assert_eq!(history(&world, order).await.unwrap(), expected);
        assert_eq!(on_hand(&world, article).await, Some(-2));
    }
}

/// Every line counts, however it reaches the customer, in the terminal's own store, whatever store the order names; an
/// order of nobody is in no history, and one that is refused changes no row.
#[tokio::test(flavor = "multi_thread")]
async fn every_line_takes_from_the_stock_of_the_terminals_store() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let article = world.article(1).await.id;
    let before = on_hand(&world, article).await.unwrap();
    let mut placed = golden("order_placed_body");
    placed.as_object_mut().unwrap().remove("customer");
    placed["store"] = json!(Uuid::from_u128(77));
    let line = placed["lines"][0].clone();
    let lines = ["carry", "pickup", "deliver"].iter().zip([1, 20, 300]).map(|(way, quantity)| {
        let mut line = line.clone();
        line["id"] = json!(Uuid::from_u128(quantity));
        line["article"] = json!(article);
        (line["fulfilment"], line["quantity"]) = (json!(way), json!(quantity));
        line
    });
    placed["lines"] = lines.collect();
    let mut refused = placed.clone();
    (refused["order"], refused["lines"][1]["quantity"]) = (json!(Uuid::from_u128(78)), json!(-1));
    let events = [
        till.seal_raw("order.placed", &placed),
        till.seal_raw("order.placed", &placed),
        till.seal_raw("order.placed", &refused),
    ];
    let (_, answer) = world.push(&till, &events).await;
    let codes: Vec<&Value> = (0..3).map(|at| &answer["results"][at]["code"]).collect();
    assert_eq!(codes, [&Value::Null, &json!("ORDER_ID_REUSED"), &json!("INVALID_QUANTITY")]);
    assert_eq!(on_hand(&world, article).await, Some(before - 321));
    assert_eq!(history(&world, id(&placed["order"])).await, None);
}
