//! Many seeds, on all cores: no invariant broken, nothing stuck, nothing divergent.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use simulator::{Profile, Scratch, Settings, Tally, Template, run, shrink};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Seeds of everything that can go wrong.
const STORM: u64 = 5_000;
/// Runs in which only the line goes wrong.
const PARTITION: u64 = 1_000;

/// Runs all settings on all cores; panics with the smallest form of the first failure.
fn run_all(count: u64, settings: impl Fn(u64) -> Settings + Sync) -> Tally {
    Template::shared();
    let next = AtomicU64::new(0);
    let (sum, failed) = (Mutex::new(Tally::default()), Mutex::new(None));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                let scratch = Scratch::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count || failed.lock().unwrap().is_some() {
                        return;
                    }
                    match run(&settings(number), &scratch) {
                        Ok(run) => sum.lock().unwrap().merge(&run.tally),
                        Err(failure) => {
                            let smallest = shrink(&failure, &scratch);
                            *failed.lock().unwrap() = Some((*failure, smallest));
                        }
                    }
                }
            });
        }
    });
    if let Some((failure, smallest)) = failed.into_inner().unwrap() {
        let lines = smallest.lines.join("\n  ");
        panic!(
            "{}\n  replay: ./dev sim {} --trace\n  smallest: ./dev sim {} --trace: {}\n  {lines}",
            failure.violation, failure.settings, smallest.settings, smallest.violation
        );
    }
    sum.into_inner().unwrap()
}

/// The storms are real: what is injected happens, in these numbers at least among so many seeds.
fn assert_storms(tally: &Tally, least: &[(&str, u64)]) {
    for (name, count) in least {
        assert!(tally.of(name) >= *count, "{name}: only {} in all runs", tally.of(name));
    }
}

#[test]
fn five_thousand_storms_lose_nothing_and_come_to_rest() {
    let tally = run_all(STORM, |seed| Settings::new(seed, Profile::Storm));
    for (name, count) in tally.iter() {
        println!("{name:<45} {count:>10}");
    }
    assert_storms(
        &tally,
        &[
            ("sale: made", 20_000),
            ("power: cut with unsynced writes", 500),
            ("request: doubled", 1_000),
            ("answer: lost", 1_000),
            ("life: renewed", 200),
            ("device: cloned", 100),
            ("device: restored to an older state", 100),
            ("central: restored from a backup", 100),
            ("central: stray held", 50),
            ("refused: cursor compacted", 50),
        ],
    );
}

#[test]
fn a_thousand_partitions_end_neither_stuck_nor_divergent() {
    let tally = run_all(PARTITION, |seed| Settings::new(seed, Profile::Partition));
    assert_storms(&tally, &[("spell: no line", 500), ("spell: answers lost", 500)]);
}

/// Seeds that once broke an invariant, in the file `seeds`: the options of a replay, one run a line.
#[test]
fn what_once_failed_does_not_fail_again() {
    let scratch = Scratch::new();
    for line in include_str!("../seeds").lines() {
        let words = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = words.split_whitespace().collect();
        let (profile, seed) = match words[..] {
            [] => continue,
            ["storm", seed] => (Profile::Storm, seed),
            ["partition", seed] => (Profile::Partition, seed),
            _ => panic!("a line is `storm 17` or `partition 17`: {line}"),
        };
        if let Err(failure) = run(&Settings::new(seed.parse().unwrap(), profile), &scratch) {
            panic!(
                "{line}: {}\n  replay: ./dev sim {} --trace",
                failure.violation, failure.settings
            );
        }
    }
}

#[test]
fn a_seed_replays_bit_for_bit() {
    let scratches = [Scratch::new(), Scratch::new()];
    for profile in [Profile::Storm, Profile::Partition] {
        for seed in 0..40 {
            let [one, two] = [0, 1].map(|n| {
                let settings = Settings { is_traced: true, ..Settings::new(seed, profile) };
                run(&settings, &scratches[n]).map_err(|failure| failure.violation)
            });
            assert_eq!(one, two, "seed {seed}");
        }
    }
}
