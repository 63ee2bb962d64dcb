//! `./dev bench scan --synthetic`: drawn labels by difficulty, clips by the time until they ring, and empty frames.
//!
//! Everything comes from seeds (`tests/labels`), so a miss can be looked at and a change be compared. Two numbers must
//! be 0: wrong numbers in stills and clips, and any number in frames without a code. The bars stand beside the figures;
//! the exit status says whether all are met.
//!
//! Arguments: `--seeds N` pictures of each class and kind (12), `--clips N` (24), `--empty N` frames (10000), 0 leaves
//! a part out; `--class NAME` only that class; `--verbose` names each miss; `--pictures FOLDER` writes contact sheets
//! and measures nothing.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench reports on the standard output, measures time and may fail"
)]

#[path = "support/sheet.rs"]
mod sheet;

use labels::{Accepted, Class, Clip, Empty, FRAME_MS, Kind, Picture, Stream};
use scan::{Decoder, Frame, Options, Settings};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Kinds of codes that are counted together.
const GROUPS: [(&str, &[Kind]); 4] = [
    ("EAN-13", &[Kind::Ean13]),
    ("UPC-A, EAN-8, UPC-E", &[Kind::UpcA, Kind::Ean8, Kind::UpcE]),
    ("Code 128, ITF-14", &[Kind::Code128, Kind::Itf14]),
    ("QR, Data Matrix", &[Kind::Qr, Kind::DataMatrix]),
];
/// Of the EAN-13 of the barred classes so many must be read: nine of twelve.
const HITS_MIN: f64 = 0.75;
/// The longest look at one still.
const STILL_MS_MAX: u128 = 2000;
/// How slow the machine is, and the bars for median and p90 in milliseconds.
const SPEEDS: [(f64, f64, f64); 2] = [(1.0, 60.0, 150.0), (4.0, 160.0, 350.0)];

struct Arguments {
    seeds: u64,
    clips: u64,
    empty: u64,
    class: Option<String>,
    is_verbose: bool,
    pictures: Option<String>,
}

impl Arguments {
    fn new() -> Self {
        let given: Vec<String> = std::env::args().skip(1).collect();
        let after = |name: &str| {
            let at = given.iter().position(|argument| argument == name)?;
            given.get(at + 1).cloned()
        };
        let number = |name: &str, usual: u64| {
            after(name).map_or(usual, |value| value.parse().expect("a number follows"))
        };
        Self {
            seeds: number("--seeds", 12),
            clips: number("--clips", 24),
            empty: number("--empty", 10_000),
            class: after("--class"),
            is_verbose: given.iter().any(|argument| argument == "--verbose"),
            pictures: after("--pictures"),
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::new();
    if let Some(folder) = &arguments.pictures {
        sheet::write(Path::new(folder));
        return ExitCode::SUCCESS;
    }
    let mut is_good = true;
    if arguments.seeds > 0 {
        is_good &= stills(&arguments);
    }
    if arguments.clips > 0 {
        is_good &= clips(&arguments);
    }
    if arguments.empty > 0 {
        is_good &= empty(&arguments);
    }
    println!("\n{}", if is_good { "all bars are met" } else { "NOT all bars are met" });
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What became of some pictures.
#[derive(Default)]
struct Tally {
    pictures: u64,
    hits: u64,
    wrong: u64,
    ms: Vec<f64>,
}

/// The value below which `percent` of them lie.
fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values
        .get((values.len() * percent / 100).min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0.0)
}

fn stills(arguments: &Arguments) -> bool {
    println!(
        "stills: hits of pictures, and * where 9 of 12 are asked (wrong numbers: 0 are asked)"
    );
    print!("{:<18}", "class");
    GROUPS.iter().for_each(|(name, _)| print!("{name:>21}"));
    println!("{:>7}{:>11}{:>8}", "wrong", "median ms", "p95 ms");
    let mut is_good = true;
    let mut notes = Vec::new();
    for class in Class::ALL {
        if arguments.class.as_ref().is_some_and(|name| !class.name().contains(name.as_str())) {
            continue;
        }
        print!("{:<18}", class.name());
        let (mut wrong, mut ms) = (0, Vec::new());
        for (group, (_, kinds)) in GROUPS.iter().enumerate() {
            let tally = group_of(class, kinds, arguments, &mut notes);
            let is_barred = group == 0 && Class::BARRED.contains(&class);
            if is_barred && (tally.hits as f64) < HITS_MIN * tally.pictures as f64 {
                is_good = false;
            }
            let star = if is_barred { "*" } else { "" };
            print!("{:>21}", format!("{} of {}{star}", tally.hits, tally.pictures));
            wrong += tally.wrong;
            ms.extend(tally.ms);
        }
        is_good &= wrong == 0;
        println!("{wrong:>7}{:>11.0}{:>8.0}", percentile(&mut ms, 50), percentile(&mut ms, 95));
    }
    notes.iter().for_each(|note| println!("  {note}"));
    is_good
}

fn group_of(class: Class, kinds: &[Kind], arguments: &Arguments, notes: &mut Vec<String>) -> Tally {
    let mut tally = Tally::default();
    for seed in 0..arguments.seeds {
        let kind = kinds[seed as usize % kinds.len()];
        let picture = Picture::of(class, kind, seed);
        let frame = picture.frame();
        let begin = Instant::now();
        let is_late = || begin.elapsed().as_millis() >= STILL_MS_MAX;
        let reads = Decoder::new(Options::default()).study(frame.view().unwrap(), &is_late);
        tally.ms.push(begin.elapsed().as_secs_f64() * 1000.0);
        tally.pictures += 1;
        let is_right =
            |read: &&scan::confirm::Read| picture.symbol.is_read_as(read.symbology, &read.text);
        let hits = reads.iter().filter(is_right).count();
        tally.hits += u64::from(hits > 0);
        tally.wrong += (reads.len() - hits) as u64;
        let place = format!("{} {kind:?} seed {seed}", class.name());
        for read in reads.iter().filter(|read| !is_right(read)) {
            let (symbology, text) = (read.symbology, &read.text);
            notes.push(format!(
                "WRONG {place}: {symbology:?} {text:?}, not {:?}",
                picture.symbol.text
            ));
        }
        if hits == 0 && arguments.is_verbose {
            notes.push(format!("missed {place}"));
        }
    }
    tally
}

fn clips(arguments: &Arguments) -> bool {
    println!(
        "\nclips: {} of {FRAME_MS} ms a frame, from the first readable frame to the accepted code",
        arguments.clips
    );
    println!(
        "{:>10}{:>7}{:>7}{:>11}{:>8}{:>8}{:>14}{:>15}",
        "CPU", "read", "wrong", "median ms", "p90 ms", "max ms", "longest look", "asked"
    );
    let begin = Instant::now();
    let stopwatch = || begin.elapsed().as_secs_f64() * 1000.0;
    let mut runs: Vec<Run> = SPEEDS.iter().map(|_| Run::default()).collect();
    let mut notes = Vec::new();
    for seed in 0..arguments.clips {
        let clip = Clip::of(seed);
        let frames: Vec<Frame> = (0..clip.frames()).map(|index| clip.frame(index)).collect();
        let readable = (0..clip.frames()).find(|index| clip.moment(*index).is_readable);
        let readable_ms = (readable.unwrap_or(0) as u64 + 1) * FRAME_MS;
        for ((slowness, ..), run) in SPEEDS.iter().zip(&mut runs) {
            let settings = Settings::default();
            let stopwatch: &dyn Fn() -> f64 = &stopwatch;
            let stream = Stream { settings, frame_ms: FRAME_MS, slowness: *slowness, stopwatch };
            let (accepted, longest_ms) = stream.play(frames.len(), |index| &frames[index]);
            run.longest_ms = run.longest_ms.max(longest_ms);
            let name = format!("clip {seed} ({:?}), CPU 1/{slowness}", clip.symbol.kind);
            run.add(&clip, &accepted, readable_ms, &name, &mut notes);
        }
    }
    let mut is_good = true;
    for ((slowness, median_max, p90_max), run) in SPEEDS.iter().zip(&mut runs) {
        // What is never read takes for ever.
        let missed = arguments.clips as usize - run.ms.len();
        let read = run.ms.len();
        run.ms.extend(std::iter::repeat_n(f64::INFINITY, missed));
        let (median, p90) = (percentile(&mut run.ms, 50), percentile(&mut run.ms, 90));
        is_good &= run.wrong == 0 && median <= *median_max && p90 <= *p90_max;
        println!(
            "{:>10}{read:>7}{:>7}{median:>11.0}{p90:>8.0}{:>8.0}{:>14.1}{:>15}",
            format!("1/{slowness}"),
            run.wrong,
            percentile(&mut run.ms, 100),
            run.longest_ms,
            format!("{median_max} / {p90_max}"),
        );
    }
    let is_told = |note: &&String| arguments.is_verbose || note.starts_with("WRONG");
    notes.iter().filter(is_told).for_each(|note| println!("  {note}"));
    is_good
}

/// All clips at one speed.
#[derive(Default)]
struct Run {
    ms: Vec<f64>,
    wrong: usize,
    longest_ms: f64,
}

impl Run {
    fn add(
        &mut self,
        clip: &Clip,
        accepted: &[Accepted],
        readable_ms: u64,
        name: &str,
        notes: &mut Vec<String>,
    ) {
        let is_right =
            |rung: &&Accepted| clip.symbol.is_read_as(rung.code.symbology, &rung.code.text);
        let first = accepted.iter().find(is_right);
        if let Some(rung) = first {
            // What is read before the rule says so is read at once.
            let ms = (rung.at_ms - readable_ms as f64).max(0.0);
            self.ms.push(ms);
            notes.push(format!("{name}: readable at {readable_ms} ms, rung {ms:.0} ms later"));
        } else {
            notes.push(format!("{name}: never read"));
        }
        for rung in accepted.iter().filter(|rung| !is_right(rung)) {
            self.wrong += 1;
            let (code, truth) = (&rung.code, &clip.symbol.text);
            let frame = rung.frame;
            notes.push(format!("WRONG {name}, frame {frame}: {code:?}, not {truth:?}"));
        }
    }
}

fn empty(arguments: &Arguments) -> bool {
    let (mut ms, mut notes, mut count) = (Vec::new(), Vec::new(), 0);
    let scenes = arguments.empty.div_ceil(Empty::FRAMES as u64);
    for seed in 0..scenes {
        let empty = Empty::of(seed);
        // A fresh reader for each scene: each starts with all its strategies before it.
        let mut decoder = Decoder::new(Options::default());
        for index in 0..Empty::FRAMES {
            let frame = empty.frame(index);
            let begin = Instant::now();
            let is_late = || begin.elapsed().as_millis() >= 100;
            let reads = decoder.look(frame.view().unwrap(), 1 + index as u64 * 66, &is_late);
            ms.push(begin.elapsed().as_secs_f64() * 1000.0);
            count += reads.len();
            for read in reads {
                let (symbology, text) = (read.symbology, read.text);
                notes.push(format!("{:?} scene {seed}: {symbology:?} {text:?}", empty.ground));
            }
        }
    }
    println!(
        "\nframes without a code: {} of {scenes} scenes, {count} numbers (0 are asked); a look takes \
         median {:.1} ms, p95 {:.1} ms, at most {:.1} ms",
        scenes as usize * Empty::FRAMES,
        percentile(&mut ms, 50),
        percentile(&mut ms, 95),
        percentile(&mut ms, 100),
    );
    notes.iter().take(40).for_each(|note| println!("  {note}"));
    count == 0
}
