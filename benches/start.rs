//! How long a person waits after switching on: first sync of a large catalogue, time until the first sale is
//! possible, and start to the first painted frame with 1,000,000 articles, with the peak of memory.
//!
//! `./dev bench start` runs it in release (`-- --quick` with 100,000 articles). What it builds is kept under
//! `target/bench/` and used again, since a million articles take a while to make. The page cache is warm; the
//! process is new each time.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

#[path = "support/mod.rs"]
mod support;

use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};
use support::{Drive, Server, bench_folder, chain, first_sync, machine, program};

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let articles: u32 = if quick { 100_000 } else { 1_000_000 };
    println!("{}; {articles} articles, {} customers", machine(), articles / 10);
    let (chain, data) = (chain(articles), bench_folder().join("terminal"));
    let _ = std::fs::remove_dir_all(&data);
    {
        let server = Server::start(&chain);
        let mut drive = Drive::start(&data);
        let sync = first_sync(&server, &chain, &mut drive);
        println!(
            "first article in the basket   {:>9.2} s after enrolment began",
            sync.first_sale_seconds
        );
        println!(
            "first sync of {} rows  {:>9.1} s   {:.0} rows/s   peak RSS {:.0} MiB ({:.0} before)",
            sync.rows,
            sync.seconds,
            sync.rows as f64 / sync.seconds,
            sync.rss_mib.1,
            sync.rss_mib.0,
        );
        drive.ask(json!({"do": "sign-out"}));
    }
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
