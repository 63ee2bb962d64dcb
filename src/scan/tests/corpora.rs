//! Holds what is read in photographs: a floor for each set, and no number where there is none.
//!
//! The photographs lie beside the project; where they do not, this says so and passes. The floors are
//! what was read when they were last raised; `./dev bench scan` prints the whole table.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod corpus;

use corpus::{Outcome, Tally};
use scan::MonotonicClock;

/// Set, hits at least, wrong reads at most.
const FLOORS: &[(&str, u32, u32)] = &[];

#[test]
fn photographs_are_read_and_nothing_is_invented() {
    let Some(root) = corpus::root() else {
        println!("SKIPPED: no photographs at ../shared/corpora/barcodes");
        return;
    };
    let clock = MonotonicClock::start();
    let (mut faults, mut sets_seen) = (Vec::new(), 0);
    for set in corpus::sets(&root) {
        let floor = FLOORS.iter().find(|floor| floor.0 == set.name);
        let (hits_min, wrong_max) = match floor {
            Some(floor) => (floor.1, floor.2),
            None if set.is_negative() => (0, 0),
            None => continue,
        };
        sets_seen += 1;
        let mut tally = Tally::default();
        for picture in set.pictures() {
            let (ms, outcome) = picture.judge(&clock);
            if let Outcome::Wrong(texts) = &outcome {
                println!("{}: read {texts:?}", picture.name());
            }
            tally.add(ms, &outcome);
        }
        assert!(tally.images > 0, "{} is empty", set.name);
        if tally.hits < hits_min || tally.wrong > wrong_max {
            faults.push(format!(
                "{}: {} hits (at least {hits_min}), {} wrong (at most {wrong_max})",
                set.name, tally.hits, tally.wrong
            ));
        }
    }
    assert!(sets_seen >= FLOORS.len() + 4, "sets are missing: {sets_seen}");
    assert!(faults.is_empty(), "{faults:#?}");
}
