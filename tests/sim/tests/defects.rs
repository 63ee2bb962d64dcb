//! The checks can fail: every defect that is made on purpose is found within few seeds, by the invariant that it
//! breaks.

#![allow(clippy::unwrap_used)]

use simulator::{Breakage, Invariant, Profile, Scratch, Settings, run, shrink};

/// Seeds within which a defect must be found.
const SEEDS: u64 = 150;

/// One line, one case: the defect, and the invariants by which it may show.
const CASES: &[(Breakage, &[Invariant])] = &[
    (Breakage::DiskForgetsSync, &[Invariant::ExactlyOnce, Invariant::Chain, Invariant::Gapless]),
    (Breakage::AckUnchecked, &[Invariant::ExactlyOnce, Invariant::Liveness]),
    (Breakage::AckTooFar, &[Invariant::ExactlyOnce, Invariant::Liveness]),
    (Breakage::StrayLost, &[Invariant::ExactlyOnce]),
    (Breakage::PageCutShort, &[Invariant::Replicas]),
    (Breakage::CentralForgets, &[Invariant::ExactlyOnce, Invariant::Liveness]),
    (Breakage::CentralDoubles, &[Invariant::Stock, Invariant::Replicas]),
    (Breakage::CentralMiscounts, &[Invariant::Money]),
    (Breakage::CentralSkipsRow, &[Invariant::Replicas]),
    (Breakage::TimerLost, &[Invariant::NoSilentStop]),
    (Breakage::OverlayForgotten, &[Invariant::OwnWrites]),
    (Breakage::CardNumber, &[Invariant::NoSecrets]),
    (Breakage::NumberSkipped, &[Invariant::Gapless]),
    (Breakage::RecoveryInvents, &[Invariant::ExactlyOnce]),
    (Breakage::RecoveryForgets, &[Invariant::ExactlyOnce]),
];

#[test]
fn every_defect_is_found_by_the_invariant_that_it_breaks() {
    assert_eq!(CASES.len(), Breakage::ALL.len(), "every defect has its line");
    let scratch = Scratch::new();
    for (breakage, invariants) in CASES {
        let broken = |seed| {
            let settings = Settings::new(seed, Profile::Storm);
            Settings { breakage: Some(*breakage), ..settings }
        };
        let found = (0..SEEDS).find_map(|seed| run(&broken(seed), &scratch).err());
        let Some(failure) = found else { panic!("{breakage} is not found in {SEEDS} seeds") };
        let violation = &failure.violation;
        assert!(invariants.contains(&violation.invariant), "{breakage} shows as {violation}");
    }
}

#[test]
fn a_failure_becomes_smaller_and_still_fails() {
    let scratch = Scratch::new();
    let settings = Settings::new(0, Profile::Storm);
    let failure = (0..SEEDS)
        .find_map(|seed| {
            let breakage = Some(Breakage::CardNumber);
            run(&Settings { seed, breakage, ..settings.clone() }, &scratch).err()
        })
        .unwrap();
    let smallest = shrink(&failure, &scratch);
    assert_eq!(smallest.violation.invariant, failure.violation.invariant);
    assert!(smallest.acts <= failure.acts);
    assert!(smallest.settings.classes.missing().count() > 10, "one sale needs no faults");
    assert!(!smallest.lines.is_empty(), "the trace is kept");
    let again = run(&smallest.settings, &scratch).unwrap_err();
    assert_eq!(again.violation, smallest.violation, "the command that is printed does the same");
}
