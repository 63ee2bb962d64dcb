//! Runs every target with its corpus and with inputs made from it, within seconds. A failure names the input's file
//! and how to keep it.

use dice::Dice;
use fuzz::mutate::input;
use fuzz::{TARGETS, Target};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

/// The inputs that are kept, by name; each target has some.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = folder(target);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the corpus is readable").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{}: no inputs", folder.display());
    paths.iter().map(|path| fs::read(path).expect("the corpus is readable")).collect()
}

/// Runs one input; the file in which it was put if it breaks a promise.
fn broken(target: &Target, bytes: &[u8]) -> Option<PathBuf> {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).is_ok() {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let name = format!("fuzz-{}-{:016x}", target.name, hasher.finish());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).expect("the folder for the tests' files can be written");
    Some(path)
}

fn replay(target: &Target) {
    let corpus = corpus(target);
    let mut failures: Vec<PathBuf> =
        corpus.iter().filter_map(|bytes| broken(target, bytes)).collect();
    for seed in 0..target.replays {
        let bytes = input(&corpus, target.words, &mut Dice::new(seed.into()));
        failures.extend(broken(target, &bytes));
        if failures.len() >= 3 {
            break;
        }
    }
    assert!(
        failures.is_empty(),
        "{} breaks its promises on {failures:?}; mend it, and keep the smallest input in {}",
        target.name,
        folder(target).display(),
    );
}

macro_rules! replays {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                replay(fuzz::target(stringify!($name)).expect("a target of this name"));
            }
        )*

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($name)),*];
            let all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(replayed.as_slice(), all);
        }
    };
}

replays! {
    event message chunk text code wedge image frame store key central import http salvage
}
