//! The demo script, step by step, with what a person would check at each.

use crate::ledger::{assert_gapless, held_back_at, orders_at};
use crate::process::{Central, Terminal};
use serde_json::{Value, json};

/// GTIN-13 of a demo article: GS1's demo prefix 952, the number, the check digit.
pub fn demo_gtin(number: u32) -> String {
    let body = format!("952{number:09}");
    format!("{body}{}", domain::gtin::check_digit(&body).unwrap())
}

/// Scans a demo article.
pub fn scan(number: u32) -> Value {
    json!({"do": "scan", "text": demo_gtin(number), "symbology": "EAN-13"})
}

#[test]
fn the_main_job_end_to_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut central = Central::start(directory.path(), 500, 60, 400);
    let data = directory.path().join("terminal");
    let mut terminal = Terminal::start(&data);

    terminal.enrol(&central);
    let signed_in = terminal.sign_in();
    assert_eq!(signed_in["view"], "sell");

    // Scan: a new line, the same again, an unknown code, undo.
    assert_eq!(terminal.done(scan(1))["data"]["outcome"], "added");
    assert_eq!(terminal.done(scan(1))["data"]["outcome"], "again");
    let unknown = terminal.ask(json!({"do": "scan", "text": "4006381333931"}));
    assert_eq!(
        (&unknown["ok"], &unknown["message"]["code"]),
        (&json!(false), &json!("unknown-code"))
    );
    terminal.done(scan(2));
    let basket = terminal.done(json!({"do": "undo"}));
    assert_eq!(basket["data"]["lines"].as_array().unwrap().len(), 1);
    assert_eq!(basket["data"]["lines"][0]["quantity"], "2");

    // The customer by name, phone, e-mail and card, with her history over all channels.
    for query in ["marie bla", "079 555 01 23", "marie.blanc@", "Blanc Marie"] {
        let found = terminal.done(json!({"do": "find-customer", "query": query}));
        assert_eq!(found["data"]["rows"][0]["name"], "Marie Blanc", "{query}");
    }
    let page = terminal.done(json!({"do": "customer"}));
    let channels: std::collections::BTreeSet<&str> = page["data"]["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["channel"].as_str().unwrap())
        .collect();
    assert_eq!(channels.into_iter().collect::<Vec<_>>(), ["phone", "store", "web"]);
    let card = page["data"]["card"].as_str().unwrap().to_owned();
    let orders_before = page["data"]["order_count"].as_u64().unwrap();
    terminal.done(json!({"do": "attach"}));
    terminal.done(json!({"do": "detach"}));
    let by_card = terminal.done(json!({"do": "scan", "text": card}));
    assert_eq!(by_card["data"]["customer"], "Marie Blanc");

    // Cash, change, receipt.
    let due = terminal.done(json!({"do": "pay"}));
    assert_eq!(due["view"], "pay");
    let short = terminal.ask(json!({"do": "cash", "minor": 5}));
    assert_eq!(short["message"]["code"], "cash-not-enough");
    let receipt = terminal.done(json!({"do": "cash", "minor": 10_000}));
    assert_eq!(receipt["view"], "receipt");
    let first_number = receipt["data"]["number"].as_str().unwrap().to_owned();
    assert!(receipt["data"]["change"].as_str().unwrap().contains("CHF"));
    terminal.done(json!({"do": "new-sale"}));
    terminal.done(json!({"do": "wait", "until": "outbox-empty"}));

    // Without central: sell, look her up again (her new purchase is there, once), deliver to her home.
    central.kill();
    terminal.done(scan(3));
    terminal.done(json!({"do": "pay"}));
    terminal.done(json!({"do": "cash"}));
    terminal.done(json!({"do": "new-sale"}));
    terminal.done(json!({"do": "find-customer", "query": "marie blanc"}));
    let page = terminal.done(json!({"do": "customer"}));
    assert_eq!(page["data"]["order_count"].as_u64().unwrap(), orders_before + 1);
    let seen = page["data"]["history"].as_array().unwrap().iter();
    let first_lines = seen.filter(|row| row["number"] == first_number.as_str());
    assert_eq!(first_lines.count(), 1, "her purchase of today is shown once");

    terminal.done(json!({"do": "role", "role": "customer"}));
    terminal.done(scan(4));
    terminal.done(scan(5));
    terminal.done(json!({"do": "scan", "text": card}));
    let refused = terminal.ask(json!({"do": "find-customer", "query": "a"}));
    assert_eq!(refused["message"]["code"], "not-allowed-in-role");
    terminal.done(json!({"do": "deliver"}));
    let incomplete = terminal.ask(json!({"do": "confirm"}));
    assert_eq!(incomplete["message"]["arguments"][0], "slot");
    terminal.done(json!({"do": "slot", "position": 0}));
    let placed = terminal.done(json!({"do": "confirm"}));
    assert_eq!(
        (&placed["view"], &placed["data"]["is_due_on_delivery"]),
        (&json!("receipt"), &json!(true))
    );
    terminal.done(json!({"do": "new-sale"}));
    terminal.ask(json!({"do": "role", "role": "cashier"}));
    terminal.sign_in();

    let offline = terminal.done(json!({"do": "status"}));
    assert!(offline["data"]["status"]["waiting"].as_u64().unwrap() >= 3);

    // The line returns: everything is at central exactly once, and nothing waits.
    central.serve(&[]);
    terminal.done(json!({"do": "sync"}));
    terminal.done(json!({"do": "wait", "until": "outbox-empty", "timeout_ms": 60_000}));
    let totals = terminal.done(json!({"do": "status"}))["data"]["totals"].clone();
    terminal.quit();
    assert_eq!((&totals["orders"], &totals["paid_orders"]), (&json!(3), &json!(2)));
    let held = orders_at(&central);
    assert_eq!(held.len(), 3);
    assert!(held.contains_key(&first_number));
    assert_eq!(held_back_at(&central), 0);
    assert_gapless(held.keys().cloned());
    let sum: i64 = held.values().map(|order| order.total_minor).sum();
    let expected = domain::Money::new(sum, domain::Currency::CHF).to_string();
    assert_eq!(totals["total"], json!([expected]));
    let report = central.report();
    let row = report["terminals"].as_array().unwrap().iter().find(|row| row["terminal"] == "T01");
    let row = row.expect("the report lists the terminal");
    assert_eq!((&row["orders"], &row["paid_orders"]), (&json!(3), &json!(2)), "{row}");
    assert_eq!(row["total_minor"].as_i64().unwrap(), sum);
}

#[test]
fn parked_baskets_and_drafts_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let central = Central::start(directory.path(), 100, 5, 10);
    let data = directory.path().join("terminal");
    let mut terminal = Terminal::start(&data);
    terminal.enrol(&central);
    terminal.sign_in();
    terminal.done(scan(1));
    terminal.done(json!({"do": "park"}));
    terminal.done(scan(2));
    terminal.done(json!({"do": "quantity", "line": 0, "value": 7}));
    crate::process::kill_dash_nine(terminal.process_id());
    terminal.reap();

    let mut terminal = Terminal::start(&data);
    let resumed = terminal.sign_in();
    assert_eq!(resumed["data"]["lines"][0]["quantity"], "7");
    assert_eq!(resumed["data"]["parked"].as_array().unwrap().len(), 1);
    let taken_up = terminal.done(json!({"do": "resume"}));
    assert_eq!(taken_up["data"]["lines"][0]["quantity"], "1");
    assert_eq!(taken_up["data"]["parked"].as_array().unwrap().len(), 1, "the other is put aside");
    terminal.quit();
}
