//! Sync, measured end to end: two processes, HTTP on loopback, an encrypted database on disk.
//!
//! ```text
//! first sync    10 k, 100 k, 1 M articles: rows/s, memory, time until the first article can be sold
//! yardstick     the same catalogue replicated by PouchDB from a PouchDB server, same machine, same run
//! news          a price changed at central until the terminal shows it
//! drain         10,000 orders taken offline until central holds them all, and a price that changes meanwhile
//! ```
//! `./dev bench sync` runs it in release (`-- --quick` with small numbers, `-- --no-pouchdb` without the yardstick,
//! which needs Node.js). Chains are kept under `target/bench/` and used again.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

#[path = "support/mod.rs"]
mod support;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::{Drive, FirstSync, Server, bench_folder, central, chain, first_sync, machine};

/// An article that every chain has.
const GTIN: &str = "9520000000011";

fn fresh(name: &str) -> PathBuf {
    let data = bench_folder().join(name);
    let _ = std::fs::remove_dir_all(&data);
    data
}

fn rate(sync: &FirstSync) -> f64 {
    sync.rows as f64 / sync.seconds
}

/// First sync of one size; the terminal is thrown away.
fn measure_first_sync(articles: u32) -> FirstSync {
    let chain = chain(articles);
    let server = Server::start(&chain);
    let mut drive = Drive::start(&fresh("sync-terminal"));
    // Central builds its snapshots once and keeps them; the first terminal of a shop must not be measured for all.
    std::thread::sleep(Duration::from_secs(2));
    let sync = first_sync(&server, &chain, &mut drive);
    let (idle, peak) = sync.rss_mib;
    println!(
        "first sync, {articles:>9} articles  {:>9} rows  {:>6.2} s  {:>7.0} rows/s  first article sold after {:.2} s  \
         peak RSS {peak:.0} MiB, {:.0} above idle (aim 64)",
        sync.rows,
        sync.seconds,
        rate(&sync),
        sync.first_sale_seconds,
        peak - idle,
    );
    sync
}

/// The rows of the catalogue as central publishes them, one JSON object a line.
fn write_catalogue(chain: &Path, to: &Path) -> u64 {
    let path = chain.join("central.db");
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut rows =
        db.prepare("SELECT row FROM feed_row WHERE feed = 2 AND row IS NOT NULL").unwrap();
    let mut file = BufWriter::new(File::create(to).unwrap());
    let mut count = 0;
    for row in rows.query_map([], |row| row.get::<_, String>(0)).unwrap() {
        writeln!(file, "{}", row.unwrap()).unwrap();
        count += 1;
    }
    file.flush().unwrap();
    count
}

/// Installs PouchDB below `target/`, where nothing of it is committed. The scripts of its packages are not run: what
/// is needed of LevelDB comes built.
fn install_pouchdb() -> Result<PathBuf, String> {
    let folder = bench_folder().join("pouchdb");
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pouchdb");
    for file in ["package.json", "replicate.mjs"] {
        std::fs::copy(source.join(file), folder.join(file)).map_err(|error| error.to_string())?;
    }
    if !folder.join("node_modules/pouchdb-server").exists() {
        let arguments = ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"];
        let status = Command::new("npm").args(arguments).current_dir(&folder).status();
        match status {
            Ok(status) if status.success() => {}
            Ok(_) => return Err("npm could not install PouchDB".into()),
            Err(error) => return Err(format!("npm is not here: {error}")),
        }
    }
    Ok(folder)
}

/// The yardstick; says what it could not do instead of leaving a figure out in silence.
fn measure_pouchdb(articles: u32, ours: &FirstSync) {
    let folder = match install_pouchdb() {
        Ok(folder) => folder,
        Err(why) => return println!("PouchDB was NOT measured: {why}"),
    };
    let rows = folder.join("rows.jsonl");
    write_catalogue(&chain(articles), &rows);
    let output = Command::new("node")
        .args(["replicate.mjs", "rows.jsonl", "work"])
        .current_dir(&folder)
        .output()
        .expect("npm is here, so node is");
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return println!("PouchDB was NOT measured: {why}");
    }
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    println!(
        "PouchDB,    {articles:>9} articles  {:>9} rows  {:>6.2} s  {:>7} rows/s  peak RSS {} MiB  \
         -> ours is {:.1} times as fast (aim 20)",
        said["rows"],
        said["seconds"].as_f64().unwrap(),
        said["rows_per_second"],
        said["peak_rss_mib"],
        rate(ours) / said["rows_per_second"].as_f64().unwrap(),
    );
}

/// Changes the price at central, and waits until the terminal shows it. Returns how long that took, from before the
/// command at central was started: so it is an upper bound.
fn time_news(chain: &Path, drive: &mut Drive, price_minor: u32) -> Duration {
    let wanted = format!("{}.{:02}", price_minor / 100, price_minor % 100);
    let (path, price) = (chain.to_str().unwrap(), price_minor.to_string());
    let start = Instant::now();
    central(&["set-price", "--data", path, "--gtin", GTIN, "--price-minor", &price]);
    loop {
        let found = drive.ask(json!({"do": "find-article", "query": GTIN}));
        if found["data"].to_string().contains(&wanted) {
            return start.elapsed();
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{wanted} never came: {found}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn measure_news(chain: &Path, drive: &mut Drive, count: u32) {
    drive.ask(json!({"do": "open", "view": "articles"}));
    let mut times: Vec<_> =
        (0..count).map(|number| time_news(chain, drive, 10_001 + number)).collect();
    times.sort();
    let ms = |rank: usize| times[rank.min(times.len() - 1)].as_secs_f64() * 1000.0;
    println!(
        "a price set at central until the terminal shows it: p50 {:.0} ms (aim 250), p95 {:.0} ms (aim 1000), of {count}, \
         with the start of the command",
        ms(times.len() / 2),
        ms(times.len() * 95 / 100),
    );
    drive.ask(json!({"do": "back"}));
}

fn measure_drain(chain: &Path, drive: &mut Drive, orders: u32) {
    drive.ask(json!({"do": "cut", "on": true}));
    let selling = Instant::now();
    for _ in 0..orders {
        drive.ask(json!({"do": "scan", "text": GTIN}));
        drive.ask(json!({"do": "pay"}));
        drive.ask(json!({"do": "cash"}));
        drive.ask(json!({"do": "new-sale"}));
    }
    let sold = selling.elapsed();
    let start = Instant::now();
    drive.ask(json!({"do": "cut", "on": false}));
    drive.ask(json!({"do": "open", "view": "articles"}));
    let news = time_news(chain, drive, 20_003);
    let busy = drive.ask(json!({"do": "status"}));
    drive.ask(json!({"do": "wait", "until": "outbox-empty", "timeout_ms": 600_000}));
    let took = start.elapsed().as_secs_f64();
    let answer = central(&["report", "--data", chain.to_str().unwrap(), "--json"]);
    assert!(!answer.is_empty());
    println!(
        "{orders} orders taken offline ({:.1} s by script) are all at central after {took:.1} s (aim 60 for 10,000): \
         {:.0} events/s; a price that changed meanwhile was on the screen after {:.0} ms{}",
        sold.as_secs_f64(),
        f64::from(orders) * 2.0 / took,
        news.as_secs_f64() * 1000.0,
        if busy["data"]["outbox"] == json!(0) { " (after the drain)" } else { "" },
    );
}

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let (sizes, yardstick, orders): (&[u32], u32, u32) = match has("--quick") {
        true => (&[1_000, 10_000], 10_000, 500),
        false => (&[10_000, 100_000, 1_000_000], 100_000, 10_000),
    };
    println!("{}", machine());
    std::fs::create_dir_all(bench_folder()).unwrap();
    let mut measured = Vec::new();
    for articles in sizes {
        measured.push((*articles, measure_first_sync(*articles)));
        if *articles == yardstick && !has("--no-pouchdb") {
            measure_pouchdb(yardstick, &measured[measured.len() - 1].1);
        }
    }
    let (first, last) = (&measured[0], &measured[measured.len() - 1]);
    println!(
        "rows/s at {} articles are {:.2} of those at {} (aim at least 0.85)",
        last.0,
        rate(&last.1) / rate(&first.1),
        first.0
    );
    // A copy: what follows changes it.
    let (original, chain) = (chain(sizes[0]), fresh("sync-chain"));
    assert!(Command::new("cp").arg("-a").args([&original, &chain]).status().unwrap().success());
    let server = Server::start(&chain);
    let mut drive = Drive::start(&fresh("sync-terminal"));
    first_sync(&server, &chain, &mut drive);
    drive.ask(json!({"do": "clear"}));
    measure_news(&chain, &mut drive, if has("--quick") { 10 } else { 100 });
    measure_drain(&chain, &mut drive, orders);
}
