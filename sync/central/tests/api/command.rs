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
}

/// Runs it and returns what it says of why not.
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Commands that need a chain; `serve` would go on for ever if it were not refused.
const NEED_A_CHAIN: [&[&str]; 9] = [
    &["serve", "--listen", "127.0.0.1:0"],
    &["report"],
    &["check"],
    &["terminals"],
    &["quarantine"],
    &["compact"],
    &["restored"],
    &["enrol-code", "--store", "S001"],
    &["set-price", "--gtin", "9520000000011", "--price-minor", "205"],
];

#[test]
fn only_a_seed_makes_a_chain() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["missing", "bare", "empty"] {
        let data = dir.path().join(name);
        if name != "missing" {
            std::fs::create_dir(&data).unwrap();
        }
        if name == "empty" {
            std::fs::write(data.join("central.db"), "").unwrap();
        }
        for command in NEED_A_CHAIN {
            let told = refused(&[command, &["--data", data.to_str().unwrap()]].concat());
            assert!(told.contains("there is no chain") && told.contains("seed"), "{name}: {told}");
        }
        assert_eq!(data.exists(), name != "missing");
        assert!(!data.join("central.db-wal").exists());
        let seed = run(&["seed", "--data", data.to_str().unwrap()]);
        assert!(seed.status.success(), "{name}: {seed:?}");
        assert!(run(&["report", "--data", data.to_str().unwrap()]).status.success());
    }
}

/// As after a power cut: the file is empty, the log is there. What is in it may be nowhere else.
#[test]
fn an_empty_file_beside_its_log_is_refused_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let data = seeded(dir.path());
    let path = central::database_path(Path::new(&data));
    let log = path.with_file_name("central.db-wal");
    let (_keeps_the_log, at_that_moment) = {
        let open = rusqlite::Connection::open(&path).unwrap();
        // Who has read keeps others from emptying the log when they close.
        open.query_row("SELECT count(*) FROM meta", [], |row| row.get::<_, i64>(0)).unwrap();
        let price =
            run(&["set-price", "--data", &data, "--gtin", "9520000000011", "--price-minor", "205"]);
        assert!(price.status.success());
        (open, std::fs::read(&log).unwrap())
    };
    assert!(at_that_moment.len() > 4096);
    let after = dir.path().join("after");
    let (path, log) = (after.join("central.db"), after.join("central.db-wal"));
    std::fs::create_dir(&after).unwrap();
    for left in [Some(""), None] {
        std::fs::write(&log, &at_that_moment).unwrap();
        let _ = std::fs::remove_file(&path);
        if let Some(left) = left {
            std::fs::write(&path, left).unwrap();
        }
        for command in NEED_A_CHAIN.iter().chain(&[&["seed"] as &[&str]]) {
            let told =
                refused(&[command, &["--data", after.to_str().unwrap()] as &[&str]].concat());
            let is_clear = told.contains("Nothing was touched") && told.contains("OPERATIONS");
            assert!(is_clear, "{command:?}: {told}");
            assert_eq!(std::fs::read(&log).unwrap(), at_that_moment, "{command:?}");
            assert_eq!(std::fs::read(&path).ok(), left.map(Vec::from), "{command:?}");
        }
    }
}

#[test]
fn a_check_reads_everything_and_finds_what_no_request_meets() {
    let dir = tempfile::tempdir().unwrap();
    let data = seeded(dir.path());
    let check = || {
        let output = run(&["check", "--data", &data, "--json"]);
        let told: Value = serde_json::from_str(&text(&output)).unwrap();
        (output.status.code(), told)
    };
    let (code, well) = check();
    assert_eq!((code, &well["findings"]), (Some(0), &serde_json::json!([])));
    assert!(well["rows"].as_u64().unwrap() > 60, "{well}");
    assert!(text(&run(&["check", "--data", &data])).contains("pages   well"));
    // Each of these is nothing to SQLite, and found by its part.
    let path = central::database_path(Path::new(&data));
    let change = |sql: &str| {
        let database = rusqlite::Connection::open(&path).unwrap();
        database.pragma_update(None, "foreign_keys", false).unwrap();
        assert!(database.execute(sql, []).unwrap() > 0, "{sql}");
    };
    for (part, there, back) in [
        (
            "feeds",
            "UPDATE feed_row SET row = replace(row, 'Bio', 'Oib') WHERE rank = 1 AND feed = 2",
            "UPDATE feed_row SET row = replace(row, 'Oib', 'Bio') WHERE rank = 1 AND feed = 2",
        ),
        (
            "orders",
            "INSERT INTO orders (id, event, number, channel, placed_ms, currency, total_minor, taxes,
             flags) VALUES (x'00', 77, 'n', 'store', 1, 'CHF', 5, '[]', '')",
            "DELETE FROM orders WHERE event = 77",
        ),
        (
            "events",
            "INSERT INTO watermark VALUES ((SELECT id FROM terminal UNION SELECT zeroblob(16)
             LIMIT 1), 0, 7, zeroblob(32))",
            "DELETE FROM watermark WHERE acked_seq = 7",
        ),
    ] {
        change(there);
        let (code, told) = check();
        let parts: Vec<_> = told["findings"].as_array().unwrap().iter().collect();
        assert!(code == Some(1) && parts.iter().any(|f| f["part"] == part), "{part}: {told}");
        change(back);
        assert_eq!(check().0, Some(0), "{part}");
    }
    // Pages of rows at the end, which no start of the server reads; and pages of the list of tables itself.
    let whole = std::fs::read(&path).unwrap();
    let pages = whole.len() / 4096;
    for (first, count) in [(pages - 8, 8), (pages / 2, 20)] {
        let mut bytes = whole.clone();
        bytes[first * 4096..(first + count) * 4096].fill(0x5a);
        std::fs::write(&path, &bytes).unwrap();
        let (code, told) = check();
        let found = &told["findings"][0]["part"];
        assert_eq!((code, found), (Some(1), &serde_json::json!("pages")), "{told}");
        let words = run(&["check", "--data", &data]);
        assert!(text(&words).contains("pages   NOT WELL"), "{words:?}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "it changes nothing");
    }
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

impl Server {
    /// Starts it with everything logged to `stderr`; returns it and where it listens.
    fn start(data: &str, stderr: Stdio) -> (Self, String) {
        let child = Command::new(env!("CARGO_BIN_EXE_crossroads-central"))
            .args(["serve", "--data", data, "--listen", "127.0.0.1:0", "--print-address"])
            .env("RUST_LOG", "trace")
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut server = Self(child);
        let mut line = String::new();
        BufReader::new(server.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().to_owned();
        (server, address)
    }

    /// Asks it to end, and waits until it has.
    fn stop(&mut self, signal: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let started = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                assert!(status.success());
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(15), "it must end");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_log_that_nobody_can_read_spoils_no_answer() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let data = seeded(dir.path());
    for stderr in [Stdio::from(full()), Stdio::from(std::io::pipe().unwrap().1)] {
        let (mut server, address) = Server::start(&data, stderr);
        // Enrols, proves its key, gets a token: each logs something.
        let url = format!("http://{address}");
        let token = run(&["dev-token", "--data", &data, "--server", &url]);
        assert!(token.status.success(), "{token:?}");
        server.stop("-TERM");
    }
    // A command whose answer is lost says so by its status.
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crossroads-central"));
        command.args(["report", "--data", &data]).stdout(full());
        command
    };
    let output = command().output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && !told.contains("panicked"), "{output:?}");
    assert_eq!(command().stderr(full()).status().unwrap().code(), Some(1));
}

/// Who copies `central.db` alone after a clean stop has all of it.
#[test]
fn a_clean_stop_leaves_everything_in_one_file() {
    for signal in ["-TERM", "-INT"] {
        let dir = tempfile::tempdir().unwrap();
        let data = seeded(dir.path());
        let (mut server, address) = Server::start(&data, Stdio::null());
        let url = format!("http://{address}");
        let token = run(&["dev-token", "--data", &data, "--server", &url, "--env"]);
        let told = text(&token);
        let terminal =
            told.lines().next().unwrap().strip_prefix("TERMINAL_ID=").unwrap().to_owned();
        let log = Path::new(&data).join("central.db-wal");
        assert!(log.metadata().unwrap().len() > 0);
        server.stop(signal);
        assert_eq!(log.metadata().map_or(0, |log| log.len()), 0, "{signal}");
        let copy = dir.path().join("copy");
        std::fs::create_dir(&copy).unwrap();
        std::fs::copy(central::database_path(Path::new(&data)), copy.join("central.db")).unwrap();
        let terminals = run(&["terminals", "--data", copy.to_str().unwrap()]);
        assert!(text(&terminals).contains(&terminal), "{signal}: {terminals:?}");
    }
}

#[test]
fn it_says_where_it_listens_and_ends_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let data = seeded(dir.path());
    let (mut server, address) = Server::start(&data, Stdio::null());
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
    server.stop("-TERM");
}
