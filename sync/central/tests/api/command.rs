//! The program itself: what scripts rely on.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crossroads-central")).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn seeded(dir: &Path) -> String {
    let data = dir.join("data").to_str().unwrap().to_owned();
    let output = run(&[
        "seed",
        "--data",
        &data,
        "--articles",
        "30",
        "--customers",
        "3",
        "--orders",
        "20",
        "--demo",
    ]);
    assert!(output.status.success(), "{output:?}");
    for pin in ["1234", "2345", "3456"] {
        assert!(text(&output).contains(pin));
    }
    data
}

#[test]
fn codes_reports_and_prices() {
    let dir = tempfile::tempdir().unwrap();
    let data = seeded(dir.path());
    let code = run(&["enrol-code", "--data", &data, "--store", "S001"]);
    let last = text(&code).lines().last().unwrap().to_owned();
    assert_eq!(last.len(), 11, "the code alone is the last line: {last}");
    assert!(text(&code).lines().next().unwrap().starts_with("XR1:E:http"));
    let json = run(&["enrol-code", "--data", &data, "--store", "S001", "--json"]);
    let answer: Value = serde_json::from_str(&text(&json)).unwrap();
    assert_eq!(answer["store"], "S001");
    assert!(!run(&["enrol-code", "--data", &data, "--store", "S999"]).status.success());
    let report: Value =
        serde_json::from_str(&text(&run(&["report", "--data", &data, "--json"]))).unwrap();
    assert_eq!(report["held_back"]["quarantined"], 0);
    assert!(report["channels"].as_array().unwrap().iter().all(|row| row["source"] == "history"));
    let price =
        run(&["set-price", "--data", &data, "--gtin", "9520000000011", "--price-minor", "205"]);
    assert!(text(&price).contains("Bio Vollmilch: 2.05 CHF (price list 2)"), "{price:?}");
    let wrong =
        run(&["set-price", "--data", &data, "--gtin", "9520000000012", "--price-minor", "1"]);
    assert_eq!(wrong.status.code(), Some(1));
    let document: Value = serde_json::from_str(&text(&run(&["openapi"]))).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    // A mistyped directory does not become a chain.
    let missing = dir.path().join("elsewhere");
    let output = run(&["report", "--data", missing.to_str().unwrap()]);
    assert!(!output.status.success() && !missing.exists());
}

#[test]
fn restored_makes_a_new_feed_epoch_and_drops_snapshots() {
    let dir = tempfile::tempdir().unwrap();
    let data = seeded(dir.path());
    let path = central::database_path(Path::new(&data));
    let look = |sql: &str| -> String {
        let database = rusqlite::Connection::open(&path).unwrap();
        database.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let epoch = || look("SELECT value FROM meta WHERE key = 'feed_epoch'");
    let before = epoch();
    let book = "INSERT INTO snapshot (feed, scope, pos, rows, built_ms, expires_ms)
                VALUES (2, 0, 1, 1, 0, 9)";
    rusqlite::Connection::open(&path).unwrap().execute(book, []).unwrap();
    let dropped = look("SELECT count(*) || ' snapshots dropped' FROM snapshot");
    let output = run(&["restored", "--data", &data]);
    assert!(output.status.success(), "{output:?}");
    assert_ne!(before, epoch());
    for told in [&epoch(), &dropped] {
        assert!(text(&output).contains(told), "{told}: {output:?}");
    }
    assert_eq!(look("SELECT count(*) || '' FROM snapshot"), "0");
    // A mistyped directory is told.
    let missing = dir.path().join("elsewhere");
    assert!(!run(&["restored", "--data", missing.to_str().unwrap()]).status.success());
}

#[test]
fn import_tells_by_its_status_how_it_went() {
    let dir = tempfile::tempdir().unwrap();
    let data = seeded(dir.path());
    let import = |name: &str, content: &str, more: &[&str]| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        let path = path.to_str().unwrap().to_owned();
        run(&[&["import", "--data", &data, "articles", &path], more].concat())
    };
    let report = dir.path().join("report.jsonl");
    let more = ["--map", "name=titel,gtin=ean", "--set", "price=1.00", "--report"];
    let more = [more.as_slice(), &[report.to_str().unwrap()]].concat();
    let good = import("good.csv", "ean;titel\n9529000000014;Größe\n", &more);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let mixed = import("mixed.csv", "ean;titel\n9529000000014;Größe\n123;kaputt\n", &more);
    assert_eq!(mixed.status.code(), Some(2), "{mixed:?}");
    assert!(String::from_utf8_lossy(&mixed.stderr).contains("line 3: `123`"), "{mixed:?}");
    let told = std::fs::read_to_string(&report).unwrap();
    let told: Value = serde_json::from_str(told.trim()).unwrap();
    assert_eq!(told["line"], 3);
    let bad = import("bad.csv", "ean;titel\n123;kaputt\n", &more);
    assert_eq!(bad.status.code(), Some(1));
    assert_eq!(import("table.xlsx", "", &[]).status.code(), Some(1));
    let unknown = import("good.csv", "ean;titel\n", &["--map", "nmae=titel"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no column `nmae`"), "{unknown:?}");
}

/// A running server that ends with the test.
struct Server(Child);
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_says_where_it_listens_and_ends_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let data = seeded(dir.path());
    let child = Command::new(env!("CARGO_BIN_EXE_crossroads-central"))
        .args(["serve", "--data", &data, "--listen", "127.0.0.1:0", "--print-address"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut server = Server(child);
    let mut line = String::new();
    BufReader::new(server.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").unwrap().to_owned();
    assert!(std::net::TcpStream::connect(&address).is_ok());
    // One central serves a directory; the commands work beside it.
    let other = run(&["serve", "--data", &data, "--listen", "127.0.0.1:0"]);
    assert!(!other.status.success(), "{other:?}");
    assert!(String::from_utf8_lossy(&other.stderr).contains("another central"), "{other:?}");
    let none = run(&["quarantine", "--data", &data]);
    assert_eq!(String::from_utf8_lossy(&none.stderr).trim(), "none");
    let server_url = format!("http://{address}");
    let token = run(&["dev-token", "--data", &data, "--server", &server_url, "--env"]);
    let told = text(&token);
    let told: Vec<_> = told.lines().map(|line| line.split_once('=').unwrap()).collect();
    assert_eq!((told[0].0, told[1].0), ("TERMINAL_ID", "TERMINAL_TOKEN"), "{token:?}");
    let terminals = run(&["terminals", "--data", &data, "--json"]);
    assert!(text(&terminals).contains(told[0].1), "{terminals:?}");
    assert!(run(&["compact", "--data", &data]).status.success());
    assert!(run(&["enrol-code", "--data", &data, "--store", "S002"]).status.success());
    let id = server.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let started = Instant::now();
    loop {
        if let Some(status) = server.0.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(15), "it must end");
        std::thread::sleep(Duration::from_millis(50));
    }
}
