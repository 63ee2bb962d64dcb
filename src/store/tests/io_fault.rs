//! Disks that refuse: input/output errors, no room, a file system that went read-only, locks that are taken and reads
//! that end early, at every operation of every canonical transaction, once and until somebody mends it.
//!
//! What is asked each time: the call succeeds or says that it did not; nothing is half done; what was promised is
//! there; a sound database is never taken for a damaged one because the disk did not answer; and when the disk
//! answers again the store works, after it was opened again at the latest. Every second time the power goes before
//! that, since a sync that failed may have forgotten what it should have written.
//!
//! `IO_FAULTS=all cargo test -p crossroads-store io_fault` makes every failure at every operation; without it each
//! write and each sync meets one of the failures, the next one another, and of the rest some do.

use super::card::Till;
use super::card::inspect::inspect;
use super::card::scene::{Call, Done, Scene, Trouble, any_work, scenes};
use crate::{CommitError, OpenError, StoreError};
use domain::id::BasketId;
use fault::{Damage, Failure, Fault, Kind, Kinds, Lasts};
use rusqlite::ErrorCode;
use std::collections::BTreeMap;

/// What is hit, how many operations are left out between two that are, and how they fail.
type Group = (Kinds, u64, &'static [(Failure, Lasts)]);

/// Each group is walked on its own.
const GROUPS: [Group; 3] = [
    (
        Kinds::CUTS,
        1,
        &[
            (Failure::Io, Lasts::Once),
            (Failure::Full, Lasts::UntilHealed),
            (Failure::ReadOnly, Lasts::UntilHealed),
            (Failure::Full, Lasts::Once),
            (Failure::Io, Lasts::UntilHealed),
            (Failure::ReadOnly, Lasts::Once),
        ],
    ),
    (
        Kinds::of(&[Kind::Lock, Kind::ShmLock, Kind::ShmMap]),
        3,
        &[
            (Failure::Busy, Lasts::Once),
            (Failure::Busy, Lasts::UntilHealed),
            (Failure::Io, Lasts::Once),
            (Failure::Io, Lasts::UntilHealed),
            (Failure::Full, Lasts::UntilHealed),
        ],
    ),
    (
        Kinds::READS,
        5,
        &[
            (Failure::Io, Lasts::Once),
            (Failure::Short, Lasts::Once),
            (Failure::Io, Lasts::UntilHealed),
        ],
    ),
];

/// What the disk answers, as an error names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Full,
    Busy,
    Disk,
    Damaged,
    Other,
}

/// Walks down an error to what it says of the disk.
fn named(trouble: &(dyn std::error::Error + 'static)) -> Named {
    let mut next = Some(trouble);
    while let Some(error) = next {
        let store = match error.downcast_ref::<CommitError>() {
            Some(CommitError::Store(store)) => Some(store),
            _ => error.downcast_ref::<StoreError>(),
        };
        match store {
            Some(StoreError::DiskFull(_)) => return Named::Full,
            Some(StoreError::Busy(_)) => return Named::Busy,
            Some(StoreError::Damaged(_)) => return Named::Damaged,
            _ => {}
        }
        match error.downcast_ref::<OpenError>() {
            Some(OpenError::DiskFull(_)) => return Named::Full,
            Some(OpenError::Damaged { .. }) => return Named::Damaged,
            // Not opened, not moved; SQLCipher says "not a database" of a page that could not be read.
            Some(OpenError::Sqlite { source, .. })
                if source.sqlite_error_code() == Some(ErrorCode::NotADatabase) =>
            {
                return Named::Disk;
            }
            _ => {}
        }
        if let Some(sqlite) = error.downcast_ref::<rusqlite::Error>() {
            return match sqlite.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => Named::Full,
                Some(
                    ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::FileLockingProtocolFailed,
                ) => Named::Busy,
                Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {
                    Named::Disk
                }
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Named::Damaged,
                _ => Named::Other,
            };
        }
        if error.downcast_ref::<std::io::Error>().is_some() {
            return Named::Disk;
        }
        next = error.source();
    }
    Named::Other
}

/// Whether an error may be told for a failure. What a short read leaves is zeros: that is damage, to anybody.
fn may_say(failure: Failure, said: Named) -> bool {
    match failure {
        Failure::Full => matches!(said, Named::Full | Named::Disk),
        Failure::Busy => matches!(said, Named::Busy),
        Failure::Io | Failure::ReadOnly => matches!(said, Named::Disk),
        Failure::Short => matches!(said, Named::Disk | Named::Damaged),
    }
}

struct Bench {
    till: Till,
    cases: usize,
    /// How often the call succeeded all the same, and how often the store had to be opened again.
    shrugged: usize,
    reopened: usize,
    told: BTreeMap<(String, Named), usize>,
    failures: Vec<String>,
}

const FAILURES_MAX: usize = 5;

impl Bench {
    fn fail(&mut self, case: &str, what: &str) {
        self.failures.push(format!("{case}: {what}"));
        assert!(self.failures.len() < FAILURES_MAX, "{:#?}", self.failures);
    }

    /// Runs calls until one fails; what was promised so far, and which failed with what.
    fn run_until_trouble(
        &mut self,
        calls: &[Call],
        sold: &mut Vec<BasketId>,
    ) -> Option<(usize, Option<Trouble>)> {
        for (at, call) in calls.iter().enumerate() {
            match call.run(&mut self.till) {
                Ok(Done::Yes) => sold.extend(call.sells),
                Ok(Done::Before) => {}
                Ok(Done::Refused) => return Some((at, None)),
                Err(trouble) => return Some((at, Some(trouble))),
            }
        }
        None
    }

    /// One fault in a scene. False if there are not so many operations.
    fn case(&mut self, scene: &Scene, skipped: usize, fault: Fault) -> bool {
        let case = format!("{}: {:?} {} {:?}", scene.name, fault.failure, fault.first, fault.lasts);
        let (failure, first) = (fault.failure, fault.first);
        let (before, calls) = scene.calls.split_at(skipped);
        self.till.wake_on(&scene.image);
        let mut sold = scene.sold.clone();
        assert!(self.run_until_trouble(before, &mut sold).is_none(), "{case}");
        self.till.disk.inject(fault);
        let trouble = self.run_until_trouble(calls, &mut sold);
        if self.till.disk.heal() == 0 {
            assert!(trouble.is_none(), "{case}: {trouble:?} without a fault");
            self.till.close();
            return false;
        }
        self.cases += 1;
        let mut rest: &[Call] = &[];
        match trouble {
            None => self.shrugged += 1,
            Some((at, trouble)) => {
                let said = match &trouble {
                    Some(trouble) => named(trouble.as_ref()),
                    None => Named::Full,
                };
                *self.told.entry((format!("{failure:?}"), said)).or_default() += 1;
                if !may_say(failure, said) {
                    let call = calls[at].name;
                    self.fail(&case, &format!("{call} said {said:?}: {trouble:?}"));
                }
                rest = &calls[at..];
            }
        }
        if first % 2 == 0 {
            self.till.disk.crash(&Damage::Everything);
            self.till.store = None;
        } else if self.till.store.is_some() && self.run_until_trouble(rest, &mut sold).is_some() {
            // It may have to be opened again, but no more than that.
            self.reopened += 1;
        }
        self.look_again(&case, &mut sold);
        true
    }

    /// The disk answers again: everything promised is there, and the store works.
    fn look_again(&mut self, case: &str, sold: &mut Vec<BasketId>) {
        self.till.close();
        if self.till.disk.names().iter().any(|name| name.contains(".damaged-")) {
            return self.fail(case, "a sound database was moved aside");
        }
        if let Err(error) = self.till.open() {
            return self.fail(case, &format!("does not open: {error:?}"));
        }
        match any_work(&mut self.till) {
            Ok(basket) => sold.extend(basket),
            Err(error) => return self.fail(case, &format!("does not work: {error:?}")),
        }
        let faults = inspect(self.till.store(), sold);
        if !faults.is_empty() {
            self.fail(case, &faults.join("; "));
        }
        self.till.close();
    }
}

/// Every second scene, so that two cores share them.
#[allow(clippy::print_stderr)] // How much was tested belongs to the answer.
fn refuse_in_scenes(part: usize) {
    let is_whole = std::env::var("IO_FAULTS").is_ok_and(|text| text == "all");
    let till = Till::new();
    let (told, failures) = (BTreeMap::new(), Vec::new());
    let mut bench = Bench { till, cases: 0, shrugged: 0, reopened: 0, told, failures };
    let scenes = scenes(&mut bench.till);
    for (at, scene) in scenes.iter().enumerate().skip(part).step_by(2) {
        // Opening is the same in most: the first scenes have it new, of an old version, and in use.
        let skipped = usize::from(at > 3);
        for (kinds, stride, failures) in GROUPS {
            let stride = if is_whole { 1 } else { stride * failures.len() as u64 };
            for (at, (failure, lasts)) in failures.iter().enumerate() {
                let mut first = if is_whole { 1 } else { at as u64 + 1 };
                while bench.case(scene, skipped, Fault::new(*failure, first, *lasts).on(kinds)) {
                    first += stride;
                }
            }
        }
    }
    let Bench { cases, shrugged, reopened, told, failures, .. } = bench;
    assert!(failures.is_empty(), "{failures:#?}");
    eprintln!(
        "refusals: {cases} cases, {shrugged} made no difference, {reopened} had to open again; {told:?}"
    );
    assert!(cases > 500, "{cases}");
}

#[test]
fn a_disk_that_refuses_costs_nothing_but_the_call() {
    refuse_in_scenes(0);
}

#[test]
fn a_disk_that_refuses_costs_nothing_but_the_call_elsewhere() {
    refuse_in_scenes(1);
}
