//! How long a person waits after switching on: first sync of a large catalogue, time until the first sale is
//! possible, and start to the first painted frame with 1,000,000 articles, with the peak of memory.
//!
//! `./dev bench start` runs it in release (`-- --quick` with 100,000 articles). What it builds is kept under
//! `target/bench/` and used again, since a million articles take a while to make. The page cache is warm; the
//! process is new each time.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn program(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_crossroads")).with_file_name(name)
}

fn central(arguments: &[&str]) -> String {
    let output = Command::new(program("crossroads-central"))
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .expect("crossroads-central is built beside crossroads: cargo build --release --bins");
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A drive session that answers line by line.
struct Drive {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Drive {
    fn start(data: &Path) -> Self {
        let mut child = Command::new(program("crossroads"))
            .args(["drive", "--data", data.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    fn ask(&mut self, command: Value) -> Value {
        writeln!(self.child.stdin.as_mut().unwrap(), "{command}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["ok"], json!(true), "{command} -> {answer}");
        answer
    }

    fn peak_rss_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

/// First sync of a fresh terminal; leaves its database in `data`.
fn first_sync(chain: &Path, data: &Path) {
    let chain = chain.to_str().unwrap();
    let mut server = Command::new(program("crossroads-central"))
        .args(["serve", "--data", chain, "--listen", "127.0.0.1:0", "--print-address"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let answer = central(&["enrol-code", "--data", chain, "--store", "S001", "--json"]);
    let code = serde_json::from_str::<Value>(answer.trim()).unwrap()["code"].clone();
    let mut drive = Drive::start(data);
    let idle_mib = drive.peak_rss_mib();
    let start = Instant::now();
    drive.ask(json!({"do": "enrol", "central": address.trim(), "code": code}));
    drive.ask(json!({"do": "wait", "until": "articles", "timeout_ms": 120_000}));
    drive.ask(json!({"do": "sign-in", "pin": "1234"}));
    drive.ask(json!({"do": "scan", "text": "9520000000011"}));
    let first_sale = start.elapsed();
    drive.ask(json!({"do": "wait", "until": "first-sync", "timeout_ms": 1_800_000}));
    let whole = start.elapsed();
    let feeds = drive.ask(json!({"do": "open", "view": "sync"}))["data"]["feeds"].clone();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let rows: u64 = feeds
        .as_array()
        .unwrap()
        .iter()
        .map(|feed| digits(feed["rows"].as_str().unwrap()).parse::<u64>().unwrap())
        .sum();
    println!(
        "first article in the basket   {:>9.2} s after enrolment began",
        first_sale.as_secs_f64()
    );
    println!(
        "first sync of {rows} rows  {:>9.1} s   {:.0} rows/s   peak RSS {:.0} MiB ({idle_mib:.0} before)",
        whole.as_secs_f64(),
        rows as f64 / whole.as_secs_f64(),
        drive.peak_rss_mib(),
    );
    let _ = server.kill();
    let _ = server.wait();
    drive.ask(json!({"do": "sign-out"}));
    drop(drive.child.stdin.take());
    let _ = drive.child.wait();
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{}, {cores} cores", name.map_or("unknown processor", |(_, name)| name))
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let articles: u32 = if quick { 100_000 } else { 1_000_000 };
    println!("{}; {articles} articles, {} customers", machine(), articles / 10);
    let root = program("crossroads").parent().unwrap().parent().unwrap().join("bench");
    let (chain, data) = (root.join(format!("chain-{articles}")), root.join("terminal"));
    if !chain.join("seeded").exists() {
        let _ = std::fs::remove_dir_all(&chain);
        println!("making a chain (once) …");
        let (count, customers) = (articles.to_string(), (articles / 10).to_string());
        let path = chain.to_str().unwrap();
        let all = [
            "seed",
            "--data",
            path,
            "--articles",
            &count,
            "--customers",
            &customers,
            "--orders",
            &customers,
            "--seed",
            "1",
        ];
        central(&all);
        std::fs::write(chain.join("seeded"), "").unwrap();
    }
    let _ = std::fs::remove_dir_all(&data);
    std::fs::create_dir_all(&root).unwrap();
    first_sync(&chain, &data);

    let mut times: Vec<Duration> = Vec::new();
    let mut peak_kib = 0;
    for _ in 0..15 {
        let start = Instant::now();
        let output = Command::new(program("crossroads"))
            .args(["run", "--probe-start", "--data", data.to_str().unwrap()])
            .output()
            .unwrap();
        times.push(start.elapsed());
        let line: Value = serde_json::from_slice(&output.stdout).expect("the probe answers");
        assert_eq!(line["view"], "sign-in");
        peak_kib = peak_kib.max(line["peak_rss_kib"].as_u64().unwrap());
    }
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "start to the first painted frame (720x1280): median {:.0} ms, max {:.0} ms (aim 500); peak RSS {} MiB (aim 100)",
        ms(times[times.len() / 2]),
        ms(times[times.len() - 1]),
        peak_kib / 1024,
    );
}
