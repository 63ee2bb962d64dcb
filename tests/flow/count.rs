//! Counting goods as a script does it: a list that outlives the process, whose it is, on paper.

use crate::codes::till_with_printer;
use crate::process::{Central, Terminal, kill_dash_nine};
use crate::script::{demo_gtin, scan};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Name and quantity of each line of the page.
fn lines(answer: &Value) -> Vec<(String, i64)> {
    let rows = answer["data"]["lines"].as_array().unwrap().iter();
    rows.map(|row| {
        (row["code"].as_str().unwrap().to_owned(), row["quantity_value"].as_i64().unwrap())
    })
    .collect()
}

/// What is on paper, once a part of a list is there.
fn printed(folder: &Path) -> String {
    for _ in 0..200 {
        let paper = std::fs::read_to_string(folder.join("receipt-000001.txt")).unwrap_or_default();
        if paper.contains("Pieces") {
            return paper;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no list was printed");
}

#[test]
fn goods_are_counted_by_a_script() {
    let directory = tempfile::tempdir().unwrap();
    let central = Central::start(directory.path(), 100, 5, 10);
    let paper = directory.path().join("paper");
    let data = directory.path().join("terminal");
    let printer = format!("simulated:{}", paper.display());
    let mut till = till_with_printer(&central, &data, &printer);
    till.done(json!({"do": "wait", "until": "first-sync"}));
    let empty = till.done(json!({"do": "open", "view": "count"}));
    assert_eq!((&empty["view"], &empty["data"]["article_count"]), (&json!("count"), &json!(0)));
    till.done(scan(1));
    till.done(scan(2));
    till.done(scan(1));
    let unknown = till.ask(json!({"do": "scan", "text": "4006381333931"}));
    assert_eq!(unknown["ok"], false);
    assert_eq!(
        (&unknown["view"], &unknown["message"]["code"]),
        (&json!("count"), &json!("count-unknown"))
    );
    let (first, second) = (demo_gtin(1), demo_gtin(2));
    let counted = till.done(json!({"do": "count-step", "line": 1, "by": 3}));
    assert_eq!(lines(&counted), [(first.clone(), 2), (second.clone(), 4)]);
    till.done(json!({"do": "count-quantity", "line": 1, "value": 40}));
    let undone = till.done(json!({"do": "count-undo"}));
    assert_eq!(lines(&undone), [(first.clone(), 2), (second.clone(), 4)]);
    let picture =
        till.done(json!({"do": "count-picture", "packs": [first, first, "4006381333931"]}));
    let told = &picture["data"]["picture"];
    assert_eq!((&told["counted"], &told["unknown"]), (&json!(2), &json!(1)), "{picture}");
    let undone = till.done(json!({"do": "count-undo"}));
    assert_eq!(lines(&undone)[0], (first.clone(), 2), "a picture is one step");
    let removed = till.done(json!({"do": "count-remove", "line": 0}));
    assert_eq!(lines(&removed), [(second.clone(), 4)]);
    till.done(json!({"do": "count-undo"}));

    let blind = till.done(json!({"do": "count-page", "page": 0}));
    assert_eq!(blind["data"]["lines"][0]["state"], "hidden");
    let compared = till.done(json!({"do": "count-compare", "on": true}));
    let row = &compared["data"]["lines"][0];
    assert_eq!((&compared["data"]["differs"], &row["state"]), (&json!(2), &json!("differs")));
    assert!(row["difference"].as_str().is_some_and(|it| it.starts_with(['+', '-'])), "{row}");
    till.done(json!({"do": "count-print"}));
    let list = printed(&paper);
    for words in ["Counted goods", &first, &second, "Stock", "stays on this device"] {
        assert!(list.contains(words), "{words:?} is missing in\n{list}");
    }
    // A list is on disk after each change, and no sale: the process is simply gone.
    kill_dash_nine(till.process_id());
    till.reap();

    let mut again = Terminal::start(&data);
    again.done(json!({"do": "sign-in", "staff": "102", "pin": "2345"}));
    let found = again.done(json!({"do": "open", "view": "count"}));
    assert_eq!(found["message"]["code"], "count-of-other", "{found}");
    assert_eq!(lines(&found), [(first, 2), (second, 4)]);
    again.done(json!({"do": "role", "role": "customer"}));
    let refused = again.ask(json!({"do": "open", "view": "count"}));
    assert_eq!(refused["message"]["code"], "not-allowed-in-role");
    again.ask(json!({"do": "role", "role": "associate"}));
    again.done(json!({"do": "sign-in", "staff": "102", "pin": "2345"}));
    again.done(json!({"do": "open", "view": "count"}));
    let emptied = again.done(json!({"do": "count-empty"}));
    assert_eq!(emptied["data"]["article_count"], 0);
    again.quit();
}
