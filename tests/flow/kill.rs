//! `kill -9` at random moments of the whole script, at least two hundred times: no confirmed order is lost, none
//! is there twice, and numbers have no hole.
//!
//! The seed is printed; `CROSSROADS_KILL_SEED=n` and `CROSSROADS_KILLS=n` replay and prolong. A kill leaves the
//! page cache alive, so this proves the program's order of things, not the disk's: power cuts are simulated
//! elsewhere.

use crate::ledger::{assert_gapless, held_back_at, orders_at};
use crate::process::{Central, Gone, Terminal, kill_dash_nine};
use crate::script::scan;
use dice::Dice;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What the terminal confirmed on its standard output: receipt number and view of it.
type Confirmed = BTreeMap<String, Value>;

/// One life of a terminal: it works until it is killed or has done its part.
fn live(
    terminal: &mut Terminal,
    central: &Central,
    dice: &mut Dice,
    confirmed: &mut Confirmed,
) -> Result<(), Gone> {
    let status = terminal.try_ask(&json!({"do": "screen"}))?;
    if status["view"] == "enrol" {
        let code = central.enrolment_code();
        terminal.try_ask(&json!({"do": "enrol", "central": central.address, "code": code}))?;
        terminal.try_ask(&json!({"do": "wait", "until": "config", "timeout_ms": 20_000}))?;
        terminal.try_ask(&json!({"do": "wait", "until": "articles", "timeout_ms": 20_000}))?;
    }
    let view = terminal.try_ask(&json!({"do": "sign-in", "pin": "1234"}))?;
    note(&view, confirmed);
    for _ in 0..3 {
        terminal.try_ask(&json!({"do": "new-sale"}))?;
        let cut = dice.below(4) == 0;
        terminal.try_ask(&json!({"do": "cut", "on": cut}))?;
        for _ in 0..=dice.below(3) {
            terminal.try_ask(&scan(1 + dice.below(20) as u32))?;
        }
        if dice.below(4) == 0 {
            deliver(terminal, confirmed)?;
        } else {
            terminal.try_ask(&json!({"do": "pay"}))?;
            let paid = terminal.try_ask(&json!({"do": "cash", "minor": 100_000}))?;
            note(&paid, confirmed);
        }
        if dice.below(2) == 0 {
            terminal.try_ask(&json!({"do": "sync"}))?;
        }
    }
    Ok(())
}

fn deliver(terminal: &mut Terminal, confirmed: &mut Confirmed) -> Result<(), Gone> {
    terminal.try_ask(&json!({"do": "deliver"}))?;
    for (field, text) in [
        ("name", "Marie Blanc"),
        ("street", "Marktgasse 1"),
        ("postal-code", "3011"),
        ("city", "Bern"),
    ] {
        terminal.try_ask(&json!({"do": "field", "field": field, "text": text}))?;
    }
    terminal.try_ask(&json!({"do": "slot", "position": 0}))?;
    let placed = terminal.try_ask(&json!({"do": "confirm"}))?;
    note(&placed, confirmed);
    Ok(())
}

/// Remembers a receipt that was shown: from now on it must never be lost.
fn note(answer: &Value, confirmed: &mut Confirmed) {
    if answer["ok"] == true && answer["view"] == "receipt" {
        let number = answer["data"]["number"].as_str().unwrap().to_owned();
        confirmed.insert(number, answer["data"]["total"].clone());
    }
}

fn kill_once(
    data: &Path,
    central: &Central,
    dice: &mut Dice,
    longest_ms: u64,
    confirmed: &mut Confirmed,
) {
    let mut terminal = Terminal::start(data);
    let process = terminal.process_id();
    let delay = Duration::from_micros(dice.below(longest_ms * 1000));
    let killer = std::thread::spawn(move || {
        std::thread::sleep(delay);
        kill_dash_nine(process);
    });
    let _ = live(&mut terminal, central, dice, confirmed);
    killer.join().unwrap();
    terminal.reap();
}

#[test]
fn kill_dash_nine_loses_no_sale_and_doubles_none() {
    let seed = from_environment("CROSSROADS_KILL_SEED", 20_261_121);
    let kills = from_environment("CROSSROADS_KILLS", 200);
    println!("CROSSROADS_KILL_SEED={seed} CROSSROADS_KILLS={kills}");
    let mut dice = Dice::new(seed);
    let directory = tempfile::tempdir().unwrap();
    let central = Central::start(directory.path(), 200, 20, 50);
    let data = directory.path().join("terminal");
    let mut confirmed = Confirmed::new();

    // Enrolment and first sync are part of the script: some lives begin with an empty folder. A life that ended
    // before anything was sold may be started over; a later one never is.
    for round in 0..kills {
        let is_young = round < 30 && confirmed.is_empty();
        if is_young && round % 3 == 2 {
            let _ = std::fs::remove_dir_all(&data);
        }
        kill_once(&data, &central, &mut dice, if is_young { 1500 } else { 700 }, &mut confirmed);
    }
    println!("{kills} kills, {} receipts were shown", confirmed.len());
    assert!(confirmed.len() as u64 > kills / 10, "too few sales to prove anything");

    let mut terminal = Terminal::start(&data);
    let signed_in = terminal.sign_in();
    note(&signed_in, &mut confirmed);
    terminal.done(json!({"do": "cut", "on": false}));
    terminal.done(json!({"do": "sync"}));
    terminal.done(json!({"do": "wait", "until": "outbox-empty", "timeout_ms": 120_000}));
    let totals = terminal.done(json!({"do": "status"}))["data"]["totals"].clone();
    terminal.quit();

    let held = orders_at(&central);
    for number in confirmed.keys() {
        assert!(held.contains_key(number), "{number} was confirmed and is not at central");
    }
    assert_eq!(held_back_at(&central), 0);
    assert_gapless(held.keys().cloned());
    assert_eq!(totals["orders"].as_u64().unwrap() as usize, held.len());
    let sum: i64 = held.values().map(|order| order.total_minor).sum();
    let expected = domain::Money::new(sum, domain::Currency::CHF).to_string();
    assert_eq!(totals["total"], json!([expected]), "both sides count the same money");
    for (number, order) in &held {
        let is_paid = order.tendered_minor != 0;
        let kept = order.total_minor + order.rounding_minor;
        assert!(!is_paid || order.tendered_minor == kept, "{number}: {order:?}");
    }
}
