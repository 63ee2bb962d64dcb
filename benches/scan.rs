//! `./dev bench scan`: how many codes are read in photographs, set by set, how many wrongly, how
//! fast.
//!
//! Goes through the same [`scan::still::decode_file`] as `crossroads scan`. The photographs lie
//! beside the project and are not part of it; where they are not, this prints so and ends well. Two
//! kinds of sets: those with a truth beside each picture, and those that must yield no number at
//! all.
//!
//! Arguments: names of sets (parts of them) to look at only those; `--verbose` lists each miss.

#![allow(clippy::print_stdout, reason = "a bench reports on the standard output")]

#[path = "../src/scan/tests/corpus/mod.rs"]
mod corpus;

use corpus::{Outcome, Set, Tally};
use scan::MonotonicClock;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_verbose = arguments.iter().any(|argument| argument == "--verbose");
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with("--")).collect();
    let Some(root) = corpus::root() else {
        println!("no photographs at ../shared/corpora/barcodes: nothing to measure");
        return;
    };
    let clock = MonotonicClock::start();
    println!(
        "{:<32} {:>6} {:>5} {:>6} {:>5} {:>9} {:>7}",
        "set", "images", "hits", "hit %", "wrong", "median ms", "p95 ms"
    );
    let mut totals: Vec<(&str, Tally)> = ["EAN/UPC", "Code 128, ITF, DataBar", "2D", "no code"]
        .map(|name| (name, Tally::default()))
        .into();
    let mut wrong = Vec::new();
    for set in corpus::sets(&root) {
        if !wanted.is_empty() && !wanted.iter().any(|part| set.name.contains(part.as_str())) {
            continue;
        }
        let mut tally = Tally::default();
        for picture in set.pictures() {
            let outcome = picture.judge(&clock);
            if is_verbose || matches!(outcome.1, Outcome::Wrong(_)) {
                wrong.push(format!("{}: {:?}", picture.name(), outcome.1));
            }
            tally.add(outcome.0, &outcome.1);
        }
        row(&set.name, &mut tally);
        if let Some(total) = group(&set).and_then(|name| totals.iter_mut().find(|t| t.0 == name)) {
            total.1.merge(&tally);
        }
    }
    for (name, tally) in &mut totals {
        row(name, tally);
    }
    println!("\nfalse reads and, with --verbose, all others:");
    wrong.iter().for_each(|line| println!("  {line}"));
}

fn group(set: &Set) -> Option<&'static str> {
    let kind = set.name.rsplit('/').next()?;
    let starts = |names: &[&str]| names.iter().any(|name| kind.starts_with(name));
    if set.is_negative() {
        Some("no code")
    } else if starts(&["ean", "upc"]) && !set.name.contains("extension") {
        Some("EAN/UPC")
    } else if starts(&["code128", "itf", "rss", "databar"]) {
        Some("Code 128, ITF, DataBar")
    } else if starts(&["qrcode", "datamatrix", "inverted"]) {
        Some("2D")
    } else {
        None
    }
}

fn row(name: &str, tally: &mut Tally) {
    if tally.images == 0 {
        return;
    }
    let (median_ms, p95_ms) = (tally.percentile_ms(50), tally.percentile_ms(95));
    println!(
        "{name:<32} {:>6} {:>5} {:>6.1} {:>5} {median_ms:>9} {p95_ms:>7}",
        tally.images,
        tally.hits,
        100.0 * f64::from(tally.hits) / f64::from(tally.images),
        tally.wrong,
    );
}
