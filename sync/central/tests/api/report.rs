//! The report leaves no money out: its sums are the same whichever way they are cut.

use crate::world::{Terminal, World};
use central::report::{self, Report};
use domain::money::{Currency, Money};
use serde_json::json;

/// Orders and their sum of all lines of terminals, of all channels, and as the grand total has them; then the tenders
/// kept in the first and in the last, and what the tenders themselves add up to.
fn sums(report: &Report) -> ([(u64, i64); 3], [i64; 3]) {
    let grand = &report.grand_totals["CHF"];
    let lines = report.terminals.iter().fold((0, 0), |sum, row| {
        assert!(row.orders == 0 || row.currency.as_deref() == Some("CHF"));
        (sum.0 + row.orders, sum.1 + row.total_minor)
    });
    let told = report.channels.iter().filter(|row| row.source == "terminals");
    let channels = told.fold((0, 0), |sum, row| (sum.0 + row.orders, sum.1 + row.total_minor));
    let tendered = report.terminals.iter().map(|row| row.tendered_minor).sum();
    let tenders = report.tenders.iter().filter(|row| row.source == "terminals");
    let kept = tenders.map(|row| row.kept_minor).sum();
    ([(grand.orders, grand.total_minor), lines, channels], [grand.tendered_minor, tendered, kept])
}

/// Hands in what another device wrote, and lets it count.
async fn retried(world: &World, by: &Terminal, writer: (uuid::Uuid, u32), events: &[&str]) {
    assert_eq!(world.strays(by, writer, events).await.0, 200);
    for entry in world.quarantine().await {
        world.admin("POST", &format!("/v1/quarantine/{}/retry", entry["id"])).await;
    }
    assert!(world.quarantine().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_is_in_exactly_one_line_also_of_a_terminal_that_is_not_known() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let idle = world.terminal(2).await;
    let milk = world.article(1).await;
    let total = milk.price_minor * 2;
    for _ in 0..2 {
        let order = till.order(&[(&milk, 2)], None);
        let events = [till.placed(&order), till.paid(&order)];
        assert_eq!(world.push(&till, &events).await.0, 200);
    }
    // The database was lost with the terminal's enrolment; another device hands in what it wrote.
    let mut lost = till.next_life(9);
    lost.id = uuid::Uuid::from_u128(77);
    let writer = (lost.id, lost.epoch);
    let (shift, opened) = lost.shift_opened();
    let mut written = vec![opened];
    for _ in 0..3 {
        let mut order = lost.order(&[(&milk, 2)], None);
        order.shift = shift;
        order.number = format!("S009-T07-1-{:06}", lost.head.0);
        written.extend([lost.placed(&order), lost.paid(&order)]);
    }
    let bytes: Vec<&str> = written.iter().map(|event| event.bytes.as_str()).collect();
    retried(&world, &till, writer, &bytes).await;

    let report = world.look(report::read).await;
    let (orders, tenders) = sums(&report);
    assert_eq!(orders, [(5, 5 * total); 3]);
    let cash = domain::tender::cash_due(Money::new(total, Currency::CHF), 5).unwrap();
    assert_eq!(tenders, [5 * cash.amount.minor(); 3]);
    let lines = report.terminals.iter().map(|row| (row.id, row.orders, row.events));
    let expected = [(till.id, 2, 4), (idle.id, 0, 0), (lost.id, 3, 7)];
    assert_eq!(lines.collect::<Vec<_>>(), expected);
    let words = report::in_words(&report);
    let of_lost = format!("terminal {} that is not known here (receipt S009-T07-1-", lost.id);
    assert!(words.contains(&of_lost), "{words}");
    assert!(words.contains("all terminals: 5 orders"), "{words}");
    let line = format!("shift of unknown on {}: 3 orders, open", lost.id);
    assert!(words.contains(&line), "{words}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["grand_totals"]["CHF"]["orders"], 5);
    let row = &json["terminals"][2];
    assert_eq!((&row["id"], row.get("terminal")), (&json!(lost.id), None));
}

/// A terminal takes money for an order of another channel: the tender stands beside the order that it is for.
#[tokio::test(flavor = "multi_thread")]
async fn tenders_for_orders_that_were_there_before_are_kept_apart() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let own = till.order(&[(&milk, 1)], None);
    let mut other = till.order(&[(&milk, 1)], None);
    let (id, total): ([u8; 16], i64) = world
        .look(|c| {
            let sql = "SELECT id, total_minor FROM orders WHERE event IS NULL
                       AND currency = 'CHF' AND total_minor > 0 LIMIT 1";
            Ok(c.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
        })
        .await;
    other.id = domain::id::OrderId::from_uuid(uuid::Uuid::from_bytes(id));
    other.total = Money::new(total, Currency::CHF);
    let events = [till.placed(&own), till.paid(&own), till.paid(&other)];
    let (_, answer) = world.push(&till, &events).await;
    assert_eq!(answer["results"][2]["outcome"], "applied");
    let report = world.look(report::read).await;
    let (orders, tenders) = sums(&report);
    assert!(orders.iter().all(|sum| *sum == orders[0]) && orders[0].0 == 1, "{orders:?}");
    assert!(tenders.iter().all(|sum| *sum == tenders[0]), "{tenders:?}");
    let sources: Vec<_> = report.tenders.iter().map(|row| row.source).collect();
    assert_eq!(sources, ["terminals", "history"]);
    assert!(report::in_words(&report).contains("tender cash (history): 1 times"));
}
