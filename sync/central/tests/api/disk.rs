//! Central's disk refuses (it is full, or fails) at every operation of its work: the call that met it says so, the
//! terminal's next try is taken, and the books are those of a run without trouble (invariants 1 and 2).
//!
//! `IO_FAULTS=all cargo test -p crossroads-central disk` tries every way to fail at every operation, and not one way
//! after the other.

use crate::power::{Office, Plan, begin, books};
use central::check;
use central::task::Unwatched;
use fault::{Failure, Fault, Image, Lasts};
use sync::call::Fault as CallFault;
use sync::protocol::problem::Retry;

/// How a disk fails, and for how long.
const WAYS: [(Failure, Lasts); 5] = [
    (Failure::Full, Lasts::UntilHealed),
    (Failure::Io, Lasts::Once),
    (Failure::Full, Lasts::Once),
    (Failure::Io, Lasts::UntilHealed),
    (Failure::ReadOnly, Lasts::UntilHealed),
];
/// Tries of one step after the disk is well again; a terminal tries for ever.
const TRIES_MAX: usize = 3;

struct Bench {
    office: Office,
    plan: Plan,
    image: Image,
    expected: String,
    cases: usize,
    refused: usize,
    shrugged: usize,
}

impl Bench {
    /// One fault in the whole work. False if there are not so many operations.
    fn case(&mut self, failure: Failure, first: u64, lasts: Lasts) -> bool {
        let case = format!("{failure:?} at {first}, {lasts:?}");
        self.office.served = None;
        self.office.disk.load(&self.image);
        self.office.open_well(self.plan.terminal);
        self.office.disk.inject(Fault::new(failure, first, lasts));
        let (mut hits, mut was_refused) = (0, false);
        for step in self.plan.steps.clone() {
            let Err(undone) = self.office.try_to(&self.plan, &step) else { continue };
            was_refused = true;
            if let Some(fault) = &undone.answer {
                assert!(is_worth_another_try(fault), "{case}: the terminal gives up: {fault:?}");
            }
            // Somebody makes room, or the cable is put back. Whether central goes on by itself or a person starts it
            // again, nothing may be lost.
            hits += self.office.disk.heal();
            let mut tries = 0;
            while let Err(still) = self.office.try_to(&self.plan, &step) {
                tries += 1;
                assert!(
                    tries < TRIES_MAX,
                    "{case}: not even now: {}, after {}",
                    still.what,
                    undone.what
                );
                self.office.served = None;
            }
        }
        hits += self.office.disk.heal();
        if hits == 0 {
            return false;
        }
        self.cases += 1;
        self.refused += usize::from(was_refused);
        self.shrugged += usize::from(!was_refused);
        let checked = self.office.read(|c| Ok(check::look(c, &mut Unwatched)));
        assert!(checked.is_well(), "{case}: {checked:?}");
        assert_eq!(self.office.read(books), self.expected, "{case}: other books");
        true
    }
}

/// Whether a terminal asks again by itself.
fn is_worth_another_try(fault: &CallFault) -> bool {
    match fault {
        CallFault::Problem { problem, .. } => {
            problem.retry == Retry::Later && (500..600).contains(&problem.status)
        }
        _ => false,
    }
}

#[test]
fn a_disk_that_refuses_central_costs_nothing_but_the_call() {
    let is_whole = std::env::var("IO_FAULTS").is_ok_and(|text| text == "all");
    let mut office = Office::new();
    let (image, plan) = begin(&mut office);
    office.disk.load(&image);
    office.open_well(plan.terminal);
    for step in &plan.steps {
        office.take(&plan, step);
    }
    let expected = office.read(books);
    let (cases, refused, shrugged) = (0, 0, 0);
    let mut bench = Bench { office, plan, image, expected, cases, refused, shrugged };
    for (at, (failure, lasts)) in WAYS.into_iter().enumerate() {
        let stride = if is_whole { 1 } else { WAYS.len() as u64 };
        let mut first = if is_whole { 1 } else { at as u64 + 1 };
        while bench.case(failure, first, lasts) {
            first += stride;
        }
    }
    println!(
        "disk faults of central: {} cases, {} told to who asked, {} without anybody noticing",
        bench.cases, bench.refused, bench.shrugged
    );
    assert!(bench.refused > 50 && bench.shrugged > 0);
}
