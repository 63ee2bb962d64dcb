//! `./dev bench scan`: how many codes are read in photographs, set by set, how many wrongly, how
//! fast, beside zxing-cpp and rxing on the same grey pixels; and what a frame without a code costs.
//!
//! The photographs lie beside the project and are not part of it; where they are not, this prints
//! so and ends well. Two kinds of sets: those with a truth beside each picture, and those that must
//! yield no number at all. Reading goes through [`scan::Decoder::study`], as `crossroads scan` does;
//! unpacking files is not counted, for nobody.
//!
//! Arguments: names of sets (parts of them) to look at only those; `--ours` leaves the others out;
//! `--verbose` lists each miss; `--markdown` writes the table into docs/SCANNING.md; `--altered` looks at the same
//! photographs turned, leaning, smaller, among other things, blurred, dimmed, packed and cut instead
//! (`support/alter.rs`), `--altered=38` only as the alterations say whose names have that in them; with `--keep=FOLDER`
//! those that were not read are kept there. `--stream` shows each picture to ours for a second as a camera would, and
//! takes the time of the slowest frame. `--together` puts twelve photographs into each picture, four into a frame
//! of a stream; `--copies` puts twelve of one into each, to be counted (`support/together.rs`).

#![allow(clippy::print_stdout, reason = "a bench reports on the standard output")]

#[path = "support/alter.rs"]
mod alter;
#[path = "../src/scan/tests/corpus/mod.rs"]
mod corpus;
#[path = "support/empty_frame.rs"]
mod empty_frame;
#[path = "support/engine.rs"]
mod engine;
#[path = "support/together.rs"]
mod together;

use corpus::{Outcome, Set, Tally};
use engine::{Engine, Ours, OursInAStream, Rxing, ZxingCpp};
use scan::Frame;
use std::fmt::Write;
use std::path::Path;

/// One line of the table: a set or a group, with a tally for each engine.
type Row = (String, Vec<Tally>);

const GROUPS: [&str; 5] = ["EAN/UPC", "Code 128, ITF, DataBar", "QR", "Data Matrix", "no code"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with("--")).collect();
    let Some(root) = corpus::root() else {
        println!("no photographs at ../shared/corpora/barcodes: nothing to measure");
        return;
    };
    let ours: Box<dyn Engine> = match has("--stream") {
        true => Box::new(OursInAStream::default()),
        false => Box::new(Ours::default()),
    };
    let mut engines = vec![ours];
    if !has("--ours") {
        match ZxingCpp::start() {
            Ok(engine) => engines.push(Box::new(engine)),
            Err(reason) => println!("zxing-cpp is left out: {reason}\n"),
        }
        engines.push(Box::new(Rxing));
    }
    let is_wanted = |set: &Set| wanted.is_empty() || wanted.iter().any(|w| set.name.contains(*w));
    let sets: Vec<Set> = corpus::sets(&root).into_iter().filter(is_wanted).collect();
    let altered = arguments.iter().find_map(|argument| argument.strip_prefix("--altered"));
    if let Some(part) = altered {
        let part = part.trim_start_matches('=');
        let keep = arguments.iter().find_map(|argument| argument.strip_prefix("--keep="));
        let manner = Altered { part, is_verbose: has("--verbose"), keep: keep.map(Path::new) };
        return look_at_altered(&sets, &mut engines, manner);
    }
    if has("--copies") {
        return count_copies(&sets, &mut engines, has("--verbose"));
    }
    if has("--together") {
        let keep = arguments.iter().find_map(|argument| argument.strip_prefix("--keep="));
        let grid = if has("--stream") { together::FRAME } else { together::STILL };
        return look_together(&sets, &mut engines, grid, (has("--verbose"), keep.map(Path::new)));
    }
    let mut groups: Vec<Row> =
        GROUPS.map(|name| (name.to_owned(), tallies(engines.len()))).into_iter().collect();
    let mut notes = Vec::new();
    let mut add_ons = (0, vec![0; engines.len()]);
    let mut table = Table::new(&engines);
    println!("{}", table.head());
    for set in &sets {
        let row = (
            set.name.clone(),
            look_at(set, &mut engines, has("--verbose"), &mut notes, &mut add_ons),
        );
        if let Some(group) = group(set).and_then(|name| groups.iter_mut().find(|g| g.0 == name)) {
            group.1.iter_mut().zip(&row.1).for_each(|(sum, tally)| sum.merge(tally));
        }
        table.add(row);
    }
    groups.into_iter().for_each(|row| table.add(row));
    println!("\nfalse reads of ours and, with --verbose, all others:");
    notes.iter().for_each(|line| println!("  {line}"));
    let read =
        engines.iter().zip(&add_ons.1).map(|(engine, read)| format!("{} {read}", engine.name()));
    println!("\nadd-ons read, of {}: {}", add_ons.0, read.collect::<Vec<String>>().join(", "));
    let latency = empty_frame::report(&root);
    println!("\n{latency}");
    if has("--markdown") && has("--stream") {
        println!("the table of the document is of stills: not written");
    } else if has("--markdown") {
        table.write_into_document(&latency);
    }
}

fn tallies(count: usize) -> Vec<Tally> {
    std::iter::repeat_with(Tally::default).take(count).collect()
}

fn look_at(
    set: &Set,
    engines: &mut [Box<dyn Engine>],
    is_verbose: bool,
    notes: &mut Vec<String>,
    (shown, read): &mut (u32, Vec<u32>),
) -> Vec<Tally> {
    let mut tallies = tallies(engines.len());
    for picture in set.pictures() {
        let frame = picture.frame();
        *shown += u32::from(picture.add_on().is_some());
        for (index, engine) in engines.iter_mut().enumerate() {
            let reading = engine.read(&frame);
            let outcome = picture.outcome(&reading.found);
            let is_add_on_read = picture.is_add_on_read(&reading.found);
            read[index] += u32::from(is_add_on_read == Some(true));
            if index == 0 && (is_verbose || is_add_on_read == Some(false)) {
                let seen = reading.found.iter().filter_map(|code| code.add_on.as_ref());
                for digits in seen {
                    notes.push(format!("{}: add-on {digits}", picture.name()));
                }
                if is_add_on_read == Some(false) {
                    notes.push(format!("{}: its add-on is not read", picture.name()));
                }
            }
            if index == 0 && (is_verbose || matches!(outcome, Outcome::Wrong(_))) {
                let ms = reading.micros / 1000;
                notes.push(format!("{}: {ms} ms, {outcome:?}", picture.name()));
            }
            tallies[index].add(reading.micros, &outcome);
        }
    }
    tallies
}

/// What of the altered photographs is looked at, and what becomes of it.
struct Altered<'a> {
    /// A part of the names of the alterations.
    part: &'a str,
    is_verbose: bool,
    /// Where what ours did not read is kept.
    keep: Option<&'a Path>,
}

fn keep_picture(frame: &Frame, folder: &Path, name: &str) {
    let path = folder.join(name.replace('/', "-")).with_extension("pgm");
    let mut bytes = format!("P5\n{} {}\n255\n", frame.width, frame.height).into_bytes();
    bytes.extend(&frame.luma);
    if let Err(error) = std::fs::write(&path, bytes) {
        println!("{} cannot be written: {error}", path.display());
    }
}

/// Prints a line for each alteration: what the readers make of all photographs altered that way. Where a part was cut
/// away, only wrong numbers count.
fn look_at_altered(sets: &[Set], engines: &mut [Box<dyn Engine>], manner: Altered<'_>) {
    let Altered { part, is_verbose, keep } = manner;
    let names: Vec<String> = engines.iter().map(|engine| engine.name()).collect();
    println!("hits and wrong numbers of: {}", names.join(" | "));
    for alteration in alter::ALL.iter().filter(|alteration| alteration.name.contains(part)) {
        let mut tallies = tallies(engines.len());
        for picture in sets.iter().flat_map(Set::pictures) {
            let frame = picture.frame();
            let Some(luma) = frame.view() else { continue };
            let altered = (alteration.apply)(&luma);
            for (index, engine) in engines.iter_mut().enumerate() {
                let reading = engine.read(&altered);
                let outcome = picture.outcome(&reading.found);
                if index == 0 && (is_verbose || matches!(outcome, Outcome::Wrong(_))) {
                    println!("  {}, {}: {outcome:?}", picture.name(), alteration.name);
                }
                if let Some(folder) = keep.filter(|_| index == 0 && outcome != Outcome::Hit) {
                    keep_picture(&altered, folder, &picture.name());
                }
                tallies[index].add(reading.micros, &outcome);
            }
        }
        let counts = tallies.iter_mut().map(|tally| {
            let (ms, wrong) = (tally.percentile(50) / 1000, tally.wrong);
            let hits = if alteration.is_whole { tally.hits.to_string() } else { "-".into() };
            format!("{hits:>5} {wrong:>3} {ms:>4} ms")
        });
        let counts: Vec<String> = counts.collect();
        let images = tallies.first().map_or(0, |tally| tally.images);
        println!("{:<20} {images:>6} | {}", alteration.name, counts.join(" | "));
    }
}

/// All photographs that show a code, each with the index of its group.
fn grouped(sets: &[Set]) -> Vec<(usize, corpus::Picture)> {
    let place = |set: &Set| GROUPS.iter().position(|name| Some(*name) == group(set));
    sets.iter()
        .filter(|set| !set.is_negative())
        .filter_map(|set| Some((place(set)?, set)))
        .flat_map(|(group, set)| set.pictures().into_iter().map(move |picture| (group, picture)))
        .collect()
}

/// Prints a line for each group: how many equal packs were shown, and how many each engine counted and invented.
fn count_copies(sets: &[Set], engines: &mut [Box<dyn Engine>], is_verbose: bool) {
    let counts = together::count_copies(&grouped(sets), GROUPS.len(), engines, is_verbose);
    let names: Vec<String> = engines.iter().map(|engine| engine.name()).collect();
    println!("equal packs, twelve in a picture; counted, too many, by: {}", names.join(" | "));
    for (name, count) in GROUPS.iter().zip(&counts).filter(|(_, count)| count.shown > 0) {
        let cells = count.counted.iter().zip(&count.over);
        let cells: Vec<String> = cells.map(|(read, over)| format!("{read:>5} {over:>4}")).collect();
        println!("{name:<24} {:>5} | {}", count.shown, cells.join(" | "));
    }
}

/// Prints a line for each group: how many of its codes are read alone by the first engine, and among others by each.
fn look_together(
    sets: &[Set],
    engines: &mut [Box<dyn Engine>],
    grid: (usize, usize),
    kept: (bool, Option<&Path>),
) {
    let pictures = grouped(sets);
    let mut report = together::look(&pictures, GROUPS.len(), engines, grid, kept);
    let names: Vec<String> = engines.iter().map(|engine| engine.name()).collect();
    println!("photographs, read alone by ours; read among others by: {}", names.join(" | "));
    for (name, count) in GROUPS.iter().zip(&report.counts).filter(|(_, count)| count.shown > 0) {
        let read: Vec<String> = count.together.iter().map(|read| format!("{read:>5}")).collect();
        println!("{name:<24} {:>5} {:>5} | {}", count.shown, count.alone, read.join(" | "));
    }
    for ((name, wrong), times) in names.iter().zip(&report.wrong).zip(&mut report.micros) {
        times.sort_unstable();
        let middle = times.get(times.len() / 2).map_or(0, |micros| micros / 1000);
        let longest = times.last().map_or(0, |micros| micros / 1000);
        println!("{name}: {wrong} wrong, {middle} ms in the middle, {longest} ms at most");
    }
}

fn group(set: &Set) -> Option<&'static str> {
    let kind = set.name.rsplit('/').next()?;
    let starts = |names: &[&str]| names.iter().any(|name| kind.starts_with(name));
    if set.is_negative() {
        Some("no code")
    } else if starts(&["ean", "upc"]) && !set.name.contains("extension") {
        Some("EAN/UPC")
    } else if starts(&["code128", "itf", "rss14", "rssexpanded", "databarltd"]) {
        Some("Code 128, ITF, DataBar")
    } else if starts(&["qrcode"]) {
        Some("QR")
    } else if starts(&["datamatrix"]) {
        Some("Data Matrix")
    } else {
        None
    }
}

/// Prints rows as they come and keeps them for the document.
struct Table {
    names: Vec<String>,
    markdown: String,
}

impl Table {
    fn new(engines: &[Box<dyn Engine>]) -> Self {
        let names: Vec<String> = engines.iter().map(|engine| engine.name()).collect();
        let mut markdown = "| set | pictures |".to_owned();
        for name in &names {
            let _ = write!(markdown, " {name}: hit % | wrong | median ms | p95 ms |");
        }
        markdown += "\n| --- | ---: |";
        names.iter().for_each(|_| markdown += " ---: | ---: | ---: | ---: |");
        Self { names, markdown: markdown + "\n" }
    }

    fn head(&self) -> String {
        let mut head = format!("{:<32} {:>8}", "set", "pictures");
        for name in &self.names {
            let _ = write!(
                head,
                " | {name:<15.15}{:>5} {:>5} {:>7} {:>7}",
                "hit", "wrong", "med", "p95"
            );
        }
        head
    }

    fn add(&mut self, (name, mut tallies): Row) {
        let images = tallies.first().map_or(0, |tally| tally.images);
        if images == 0 {
            return;
        }
        let mut line = format!("{name:<32} {images:>8}");
        let _ = write!(self.markdown, "| {name} | {images} |");
        for tally in &mut tallies {
            let share = 100.0 * f64::from(tally.hits) / f64::from(images);
            let ms = |micros: u64| micros as f64 / 1000.0;
            let (median, p95) = (ms(tally.percentile(50)), ms(tally.percentile(95)));
            let (hits, wrong) = (tally.hits, tally.wrong);
            let _ = write!(line, " | {share:>14.1}%{hits:>5} {wrong:>5} {median:>7.1} {p95:>7.1}");
            let _ = write!(self.markdown, " {share:.1} | {wrong} | {median:.1} | {p95:.1} |");
        }
        println!("{line}");
        self.markdown.push('\n');
    }

    /// Puts the table between its two marks in docs/SCANNING.md.
    fn write_into_document(&self, latency: &str) {
        const MARKS: (&str, &str) = ("<!-- table: begin -->\n", "<!-- table: end -->");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/SCANNING.md");
        let Ok(text) = std::fs::read_to_string(&path) else {
            return println!("docs/SCANNING.md is not there: no table written");
        };
        let parts = text.split_once(MARKS.0).zip(text.split_once(MARKS.1));
        let Some(((before, _), (_, after))) = parts else {
            return println!("docs/SCANNING.md has lost the marks of its table");
        };
        let Self { markdown, .. } = self;
        let text = format!("{before}{}{markdown}\n{latency}\n{}{after}", MARKS.0, MARKS.1);
        match std::fs::write(&path, text) {
            Ok(()) => println!("docs/SCANNING.md has the table"),
            Err(error) => println!("docs/SCANNING.md cannot be written: {error}"),
        }
    }
}
