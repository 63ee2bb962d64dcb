//! Holds what is read in photographs: a floor for each set, and no number where there is none.
//!
//! The photographs lie beside the project; where they do not, this says so and passes. The floors
//! are what was read when they were last raised; `./dev bench scan` prints the whole table.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

#[path = "../../../benches/support/alter.rs"]
mod alter;
mod corpus;

use corpus::{Outcome, Tally};
use scan::{Clock, Decoder, Options};

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A clock that stands: no picture runs into the deadline of two seconds, so that a machine under
/// load reads the same ones.
struct Patient;

impl Clock for Patient {
    fn now_ms(&self) -> u64 {
        0
    }
}

/// Set, hits at least, wrong reads at most. One or two below what is read, so that a better way may
/// lose a picture where it gains several.
const FLOORS: &[(&str, u32, u32)] = &[
    ("zxing-cpp/code128-1", 6, 0),
    ("zxing-cpp/code128-2", 13, 0),
    ("zxing-cpp/code128-3", 2, 0),
    ("zxing-cpp/databarltd-1", 2, 0),
    ("zxing-cpp/datamatrix-1", 27, 0),
    ("zxing-cpp/datamatrix-2", 13, 0),
    ("zxing-cpp/datamatrix-3", 24, 0),
    ("zxing-cpp/datamatrix-4", 20, 0),
    ("zxing-cpp/itf-1", 11, 0),
    ("zxing-cpp/itf-2", 6, 0),
    ("zxing-cpp/qrcode-1", 8, 0),
    ("zxing-cpp/qrcode-2", 52, 0),
    ("zxing-cpp/qrcode-3", 18, 0),
    ("zxing-cpp/qrcode-4", 22, 0),
    ("zxing-cpp/qrcode-5", 16, 0),
    ("zxing-cpp/rss14-1", 12, 0),
    ("zxing-cpp/rssexpanded-1", 36, 0),
    ("zxing-cpp/rss14-2", 5, 0),
    ("zxing-cpp/rssexpanded-3", 116, 0),
    ("zxing-cpp/rssexpandedstacked-1", 61, 0),
    ("zxing/ean13-1", 33, 0),
    ("zxing/ean13-2", 26, 0),
    ("zxing/ean13-3", 54, 0),
    ("zxing/ean13-4", 16, 0),
    ("zxing/ean13-5", 8, 0),
    ("zxing/ean8-1", 7, 0),
    ("zxing/inverted", 1, 0),
    ("zxing/upca-1", 18, 0),
    ("zxing/upca-2", 46, 0),
    ("zxing/upca-3", 11, 0),
    ("zxing/upca-4", 17, 0),
    ("zxing/upca-5", 33, 0),
    ("zxing/upca-6", 13, 0),
    ("zxing/upce-1", 3, 0),
    ("zxing/upce-2", 40, 0),
    ("zxing/upce-3", 6, 0),
];

#[test]
fn photographs_are_read_and_nothing_is_invented() {
    let Some(root) = corpus::root() else {
        println!("SKIPPED: no photographs at ../shared/corpora/barcodes");
        return;
    };
    let sets: Vec<corpus::Set> = corpus::sets(&root)
        .into_iter()
        .filter(|set| set.is_negative() || FLOORS.iter().any(|floor| floor.0 == set.name))
        .collect();
    assert!(sets.len() >= FLOORS.len() + 4, "sets are missing: {}", sets.len());
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(set) = sets.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(fault) = fault_of(set) {
                faults.lock().unwrap().push(fault);
            }
        }
    };
    on_all_cores(&work);
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{faults:#?}");
}

fn on_all_cores(work: &(dyn Fn() + Sync)) {
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).min(8) {
            scope.spawn(work);
        }
    });
}

/// What is left of a code is no other code: a line through half an EAN-13 that leaves its bars, a symbol that would go
/// on beyond the picture, a check digit that says what is under a reflection. Each was read once.
#[test]
fn photographs_that_are_cut_through_yield_no_other_number() {
    let Some(root) = corpus::root() else {
        println!("SKIPPED: no photographs at ../shared/corpora/barcodes");
        return;
    };
    let sets = corpus::sets(&root);
    let wanted = ["zxing/ean13-1", "zxing/ean13-4"];
    let pictures: Vec<corpus::Picture> = sets
        .iter()
        .filter(|set| wanted.contains(&set.name.as_str()))
        .flat_map(corpus::Set::pictures)
        .collect();
    let wanted = ["left 75 %", "middle 45 %", "turned by 17, cut"];
    let is_wanted = |cut: &&alter::Alteration| !cut.is_whole && wanted.contains(&cut.name);
    let cuts: Vec<&alter::Alteration> = alter::ALL.iter().filter(is_wanted).collect();
    assert!(pictures.len() > 50 && cuts.len() == 3, "{} {}", pictures.len(), cuts.len());
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        let mut decoder = Decoder::new(Options::default());
        while let Some(picture) = pictures.get(next.fetch_add(1, Ordering::Relaxed)) {
            let frame = picture.frame();
            for cut in &cuts {
                let altered = (cut.apply)(&frame.view().unwrap());
                let reads = decoder.study(altered.view().unwrap(), &|| false);
                let found: Vec<corpus::Found> = reads.into_iter().map(Into::into).collect();
                if let Outcome::Wrong(texts) = picture.outcome(&found) {
                    let fault = format!("{}, {}: {texts:?}", picture.name(), cut.name);
                    faults.lock().unwrap().push(fault);
                }
            }
        }
    };
    on_all_cores(&work);
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// What stands beside a number is read, and in no other picture is anything: see [`corpus::Picture::outcome`].
#[test]
fn add_ons_in_photographs_are_read() {
    /// Of 44 pictures that show one: what is read.
    const READ_MIN: usize = 32;
    let Some(root) = corpus::root() else {
        println!("SKIPPED: no photographs at ../shared/corpora/barcodes");
        return;
    };
    let has_add_on = |picture: &corpus::Picture| picture.add_on().is_some();
    let sets = corpus::sets(&root);
    let pictures: Vec<corpus::Picture> =
        sets.iter().flat_map(corpus::Set::pictures).filter(has_add_on).collect();
    let (next, read) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let faults = Mutex::new(Vec::new());
    let work = || {
        let mut decoder = Decoder::new(Options::default());
        while let Some(picture) = pictures.get(next.fetch_add(1, Ordering::Relaxed)) {
            let reads = decoder.study(picture.frame().view().unwrap(), &|| false);
            let found: Vec<corpus::Found> = reads.into_iter().map(Into::into).collect();
            if let Outcome::Wrong(texts) = picture.outcome(&found) {
                faults.lock().unwrap().push(format!("{}: {texts:?}", picture.name()));
            }
            let is_read = picture.is_add_on_read(&found) == Some(true);
            read.fetch_add(usize::from(is_read), Ordering::Relaxed);
        }
    };
    on_all_cores(&work);
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{faults:#?}");
    let read = read.into_inner();
    assert!(pictures.len() == 44 && read >= READ_MIN, "{read} of {}", pictures.len());
}

fn fault_of(set: &corpus::Set) -> Option<String> {
    let floor = FLOORS.iter().find(|floor| floor.0 == set.name);
    let (hits_min, wrong_max) = floor.map_or((0, 0), |floor| (floor.1, floor.2));
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    for picture in set.pictures() {
        let (ms, outcome) = picture.judge(&Patient);
        if let Outcome::Wrong(texts) = &outcome {
            wrong.push(format!("{}: {texts:?}", picture.name()));
        }
        tally.add(ms, &outcome);
    }
    let is_fine = tally.images > 0 && tally.hits >= hits_min && tally.wrong <= wrong_max;
    (!is_fine).then(|| {
        let Tally { images, hits, .. } = tally;
        format!("{}: {hits} of {images} read, {hits_min} wanted; wrong: {wrong:?}", set.name)
    })
}
