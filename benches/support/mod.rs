//! What the benches of whole programs share: starting central and a driven terminal, and filling a chain.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    dead_code,
    reason = "benches; each uses a part of it"
)]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A program built beside the bench.
pub fn program(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_crossroads")).with_file_name(name)
}

/// Runs a command of central to its end and returns what it printed.
pub fn central(arguments: &[&str]) -> String {
    let output = Command::new(program("crossroads-central"))
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .expect("crossroads-central is built beside crossroads: cargo build --release --bins");
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A drive session that answers line by line.
pub struct Drive {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Drive {
    pub fn start(data: &Path) -> Self {
        let mut child = Command::new(program("crossroads"))
            .args(["drive", "--data", data.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    pub fn ask(&mut self, command: Value) -> Value {
        writeln!(self.child.stdin.as_mut().unwrap(), "{command}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["ok"], json!(true), "{command} -> {answer}");
        answer
    }

    pub fn peak_rss_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Drive {
    /// The end of its input ends the session.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A central that serves a chain on a free port until it is dropped.
pub struct Server {
    child: Child,
    /// Its base address.
    pub address: String,
}

impl Server {
    /// Serves the chain in `data`.
    pub fn start(data: &Path) -> Self {
        let mut child = Command::new(program("crossroads-central"))
            .args(["serve", "--data", data.to_str().unwrap()])
            .args(["--listen", "127.0.0.1:0", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where benches keep what takes long to make.
pub fn bench_folder() -> PathBuf {
    program("crossroads").parent().unwrap().parent().unwrap().join("bench")
}

/// The folder of a chain with so many articles and a tenth of customers and orders; made once.
pub fn chain(articles: u32) -> PathBuf {
    let chain = bench_folder().join(format!("chain-{articles}"));
    if !chain.join("seeded").exists() {
        let _ = std::fs::remove_dir_all(&chain);
        println!("making a chain of {articles} articles (once) …");
        let (count, tenth) = (articles.to_string(), (articles / 10).to_string());
        let size = ["--articles", &count, "--customers", &tenth, "--orders", &tenth];
        central(&[&["seed", "--data", chain.to_str().unwrap(), "--seed", "1"], &size[..]].concat());
        std::fs::write(chain.join("seeded"), "").unwrap();
    }
    chain
}

/// A one-time code for a new terminal of the chain's first store.
pub fn enrol_code(chain: &Path) -> Value {
    let path = chain.to_str().unwrap();
    let answer = central(&["enrol-code", "--data", path, "--store", "S001", "--json"]);
    serde_json::from_str::<Value>(answer.trim()).unwrap()["code"].clone()
}

/// What a first sync took.
pub struct FirstSync {
    /// Rows of all feeds.
    pub rows: u64,
    /// From the moment that the code was entered, seconds.
    pub seconds: f64,
    /// Until the first article was in the basket, seconds.
    pub first_sale_seconds: f64,
    /// Peak memory before and after, MiB.
    pub rss_mib: (f64, f64),
}

/// First sync of a fresh terminal in `drive`; signed in at the end.
pub fn first_sync(server: &Server, chain: &Path, drive: &mut Drive) -> FirstSync {
    let idle_mib = drive.peak_rss_mib();
    let code = enrol_code(chain);
    let start = Instant::now();
    drive.ask(json!({"do": "enrol", "central": server.address, "code": code}));
    drive.ask(json!({"do": "wait", "until": "articles", "timeout_ms": 120_000}));
    drive.ask(json!({"do": "sign-in", "pin": "1234"}));
    drive.ask(json!({"do": "scan", "text": "9520000000011"}));
    let first_sale_seconds = start.elapsed().as_secs_f64();
    drive.ask(json!({"do": "wait", "until": "first-sync", "timeout_ms": 1_800_000}));
    let seconds = start.elapsed().as_secs_f64();
    let feeds = drive.ask(json!({"do": "open", "view": "sync"}))["data"]["feeds"].clone();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let rows = |feed: &Value| digits(feed["rows"].as_str().unwrap()).parse::<u64>().unwrap();
    let rows = feeds.as_array().unwrap().iter().map(rows).sum();
    drive.ask(json!({"do": "back"}));
    FirstSync { rows, seconds, first_sale_seconds, rss_mib: (idle_mib, drive.peak_rss_mib()) }
}

/// The processor, for a line above the figures.
pub fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{}, {cores} cores", name.map_or("unknown processor", |(_, name)| name))
}
