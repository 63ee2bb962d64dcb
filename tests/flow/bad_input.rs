//! What goes wrong in shops: central that fails or is not central, wrong PINs, damaged databases, a second
//! instance. Each has a message that tells a person what to do, and nothing is lost.

use crate::process::{Central, Terminal, terminal_program};
use crate::script::{demo_gtin, scan};
use serde_json::json;
use std::process::Command;

fn terminal_with(central: &Central, data: &std::path::Path) -> Terminal {
    let mut terminal = Terminal::start(data);
    terminal.enrol(central);
    terminal.sign_in();
    terminal
}

#[test]
fn selling_goes_on_while_central_answers_errors_or_html() {
    let directory = tempfile::tempdir().unwrap();
    let mut central = Central::start(directory.path(), 100, 5, 10);
    let mut terminal = terminal_with(&central, &directory.path().join("terminal"));
    for (fault, code) in [("http500", "central-error"), ("html", "central-garbage")] {
        central.kill();
        central.serve(&["--fault", fault]);
        terminal.done(scan(1));
        terminal.done(json!({"do": "pay"}));
        terminal.done(json!({"do": "cash"}));
        let sync = until_problem(&mut terminal, code);
        assert!(sync["data"]["waiting"].as_u64().unwrap() > 0);
        terminal.done(json!({"do": "back"}));
        terminal.done(json!({"do": "new-sale"}));
    }
    central.kill();
    central.serve(&[]);
    terminal.done(json!({"do": "sync"}));
    terminal.done(json!({"do": "wait", "until": "outbox-empty", "timeout_ms": 60_000}));
    terminal.quit();
}

/// Every scan is answered: what it was, and what to do.
#[test]
fn a_scan_at_the_wrong_moment_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let central = Central::start(directory.path(), 100, 5, 10);
    let mut terminal = Terminal::start(&directory.path().join("terminal"));
    let refused = |terminal: &mut Terminal, text: &str, code: &str| {
        let answer = terminal.ask(json!({"do": "scan", "text": text}));
        assert_eq!((&answer["ok"], &answer["message"]["code"]), (&json!(false), &json!(code)));
    };
    refused(&mut terminal, "XR1:E:junk", "no-enrolment-code");
    terminal.enrol(&central);
    refused(&mut terminal, &demo_gtin(1), "scan-before-sign-in");
    terminal.sign_in();
    // Refused with a warning: it is no fault of the till, and nothing was added all the same.
    refused(&mut terminal, "https://win.example/holiday", "code-advertisement");
    let as_sent = json!({"do": "scan", "text": format!("]E0{}", demo_gtin(1))});
    assert_eq!(terminal.done(as_sent)["data"]["outcome"], "added");
    terminal.quit();
}

/// The sync view once it names `code`; a try that met the restart of central may name another problem first.
fn until_problem(terminal: &mut Terminal, code: &str) -> serde_json::Value {
    terminal.done(json!({"do": "open", "view": "sync"}));
    let mut sync = json!(null);
    for _ in 0..100 {
        sync = terminal.done(json!({"do": "sync"}));
        if sync["data"]["problem"]["code"] == code {
            return sync;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    panic!("the sync view does not name {code}: {sync}");
}

#[test]
fn enrolment_says_why_it_failed() {
    let directory = tempfile::tempdir().unwrap();
    let mut central = Central::start(directory.path(), 30, 2, 2);
    let mut terminal = Terminal::start(&directory.path().join("terminal"));
    let enrol = |terminal: &mut Terminal, address: &str, code: &str| {
        let answer = terminal.ask(json!({"do": "enrol", "central": address, "code": code}));
        assert_eq!(answer["ok"], json!(false));
        answer["message"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(enrol(&mut terminal, &central.address, "WRNG-CODE"), "enrol-refused");
    assert_eq!(enrol(&mut terminal, "ftp://central", "WRNG-CODE"), "enrol-incomplete");
    assert_eq!(enrol(&mut terminal, "http://127.0.0.1:9", "WRNG-CODE"), "enrol-unreachable");
    central.kill();
    central.serve(&["--fault", "html"]);
    assert_eq!(enrol(&mut terminal, &central.address, "WRNG-CODE"), "central-garbage");
    // Central takes the code, and its answer is lost: the same code is good for the same device.
    central.kill();
    central.serve(&["--fault", "drop-reply"]);
    let code = central.enrolment_code();
    assert_eq!(enrol(&mut terminal, &central.address, &code), "enrol-unreachable");
    central.kill();
    central.serve(&[]);
    terminal.done(json!({"do": "enrol", "central": central.address, "code": code}));
    terminal.done(json!({"do": "wait", "until": "first-sync", "timeout_ms": 60_000}));
    terminal.quit();
}

#[test]
fn guessing_a_pin_gets_slower_and_a_restart_does_not_help() {
    let directory = tempfile::tempdir().unwrap();
    let central = Central::start(directory.path(), 30, 2, 2);
    let data = directory.path().join("terminal");
    let mut terminal = Terminal::start(&data);
    terminal.enrol(&central);
    let wrong = json!({"do": "sign-in", "pin": "9999"});
    let first = terminal.ask(wrong.clone());
    assert_eq!(first["message"]["code"], "wrong-pin");
    assert_eq!(first["message"]["arguments"][0], "4");
    terminal.ask(wrong.clone());
    let locked = terminal.ask(wrong.clone());
    assert_eq!(locked["message"]["code"], "pin-locked");
    crate::process::kill_dash_nine(terminal.process_id());
    terminal.reap();
    let mut terminal = Terminal::start(&data);
    let after = terminal.ask(json!({"do": "screen"}));
    assert!(after["data"]["sign_in"]["attempts_left"].as_u64().unwrap() <= 3, "{after}");
    terminal.quit();
}

#[test]
fn a_second_instance_is_refused_politely() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("terminal");
    let mut first = Terminal::start(&data);
    first.done(json!({"do": "status"}));
    let second = Command::new(terminal_program())
        .args(["drive", "--data", data.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(!second.status.success());
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(text.contains("already"), "{text}");
    first.quit();
}

#[test]
fn a_damaged_database_is_kept_aside_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let central = Central::start(directory.path(), 50, 2, 2);
    let data = directory.path().join("terminal");
    let mut terminal = terminal_with(&central, &data);
    terminal.done(scan(1));
    terminal.quit();
    let path = data.join("crossroads.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[..middle].iter_mut().step_by(97).for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&path, &bytes).unwrap();
    let mut terminal = Terminal::start(&data);
    let screen = terminal.done(json!({"do": "screen"}));
    assert_eq!(
        (&screen["view"], &screen["data"]["recovery"]["is_open"]),
        (&json!("recovery"), &json!(true))
    );
    terminal.quit();
    let kept = std::fs::read_dir(&data)
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .any(|name| name.contains("damaged"));
    assert!(kept, "the damaged file is kept");
}

#[test]
fn doctor_tells_what_is_wrong_and_its_status_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let mut central = Central::start(directory.path(), 50, 2, 2);
    let data = directory.path().join("terminal");
    let doctor = |expect_ok: bool| {
        let output = Command::new(terminal_program())
            .args(["doctor", "--json", "--data", data.to_str().unwrap()])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.success(), expect_ok, "{text}");
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let mut terminal = terminal_with(&central, &data);
    terminal.done(scan(1));
    terminal.quit();
    let healthy = doctor(true);
    let check = |report: &serde_json::Value, name: &str| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap()["state"].clone()
    };
    for name in ["database", "journal", "clock", "disk", "central"] {
        assert_eq!(check(&healthy, name), "ok", "{name}: {healthy}");
    }
    central.kill();
    let ill = doctor(false);
    assert_eq!(check(&ill, "central"), "fault");
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("terminal");
    let mut terminal = Terminal::start(&data);
    terminal.done(json!({"do": "status"}));
    terminal.quit();
    let key = std::fs::read_to_string(data.join("crossroads.key")).unwrap();
    let database = rusqlite::Connection::open(data.join("crossroads.db")).unwrap();
    database
        .execute_batch(&format!(
            "PRAGMA key = \"x'{}'\"; PRAGMA cipher_page_size = 4096;
             PRAGMA cipher_hmac_algorithm = HMAC_SHA256; PRAGMA user_version = 9000;",
            key.trim()
        ))
        .unwrap();
    drop(database);
    let before = std::fs::read(data.join("crossroads.db")).unwrap();
    let output = Command::new(terminal_program())
        .args(["drive", "--data", data.to_str().unwrap()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(text.contains("9000") && text.contains("newer version"), "{text}");
    assert!(std::fs::read(data.join("crossroads.db")).unwrap() == before, "it was changed");
}

/// A disk that is really full: a small file system of its own, filled to the last byte from outside.
#[test]
fn a_full_disk_stops_no_sale_while_the_reserve_lasts_and_loses_none() {
    let directory = tempfile::tempdir().unwrap();
    let mount = directory.path().join("disk");
    std::fs::create_dir(&mount).unwrap();
    let probe = Command::new("unshare").args(["-rm", "true"]).status();
    if !probe.is_ok_and(|status| status.success()) {
        println!("skipped: this machine allows no mount namespace for a small disk");
        return;
    }
    let central = Central::start(directory.path(), 50, 2, 2);
    let mut terminal = Terminal::start_on_small_disk(&mount, 600);
    let inside = terminal.seen_from_outside(&mount);
    terminal.enrol(&central);
    terminal.sign_in();
    // The answer of the first step that was refused, or of the last.
    let sell = |terminal: &mut Terminal| {
        terminal.ask(json!({"do": "new-sale"}));
        let mut answer = terminal.ask(scan(1));
        for step in ["pay", "cash"] {
            if answer["ok"] == json!(true) {
                answer = terminal.ask(json!({"do": step}));
            }
        }
        answer
    };
    assert_eq!(sell(&mut terminal)["ok"], json!(true));

    fill(&inside.join("filler-1"));
    let mut sold = 1;
    for _ in 0..20 {
        if sell(&mut terminal)["view"] == "receipt" {
            sold += 1;
        }
    }
    assert!(sold > 10, "the reserve carries sales: {sold}");

    // The reserve itself is used up by somebody else: now a sale is refused, in words, and is not lost.
    fill(&inside.join("filler-2"));
    let mut refused = sell(&mut terminal);
    for _ in 0..2000 {
        if refused["ok"] == json!(false) {
            break;
        }
        sold += 1;
        refused = sell(&mut terminal);
    }
    assert_eq!(refused["message"]["code"], "disk-full", "{refused}");
    std::fs::remove_file(inside.join("filler-1")).unwrap();
    std::fs::remove_file(inside.join("filler-2")).unwrap();
    assert_eq!(sell(&mut terminal)["ok"], json!(true), "with room again, selling goes on");
    terminal.done(json!({"do": "new-sale"}));
    let totals = terminal.done(json!({"do": "status"}))["data"]["totals"].clone();
    assert!(totals["orders"].as_u64().unwrap() > sold, "{totals}");
    terminal.done(json!({"do": "sync"}));
    terminal.done(json!({"do": "wait", "until": "outbox-empty", "timeout_ms": 60_000}));
    let held = crate::ledger::orders_at(&central);
    assert_eq!(held.len() as u64, totals["orders"].as_u64().unwrap());
    crate::ledger::assert_gapless(held.keys().cloned());
    terminal.quit();
}

/// Writes zeros until the disk takes no more.
fn fill(path: &std::path::Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    let mut block = vec![0u8; 1 << 20];
    while !block.is_empty() {
        match file.write(&block) {
            Ok(written) if written > 0 => {}
            _ => block.truncate(block.len() / 2),
        }
    }
}
