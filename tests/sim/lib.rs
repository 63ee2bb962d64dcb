//! The seeded simulation of terminals, network, disks, clocks and central.
//!
//! ```text
//! seed -> Plan (who sells when, what fails when) -> World: real engine, real store on a fault disk, real central,
//!         in one thread, by virtual time          -> checks of the invariants after every step
//!                                                 -> faults end, people put in order -> everything equal, nothing waits
//! ```
//! One seed is one run, bit for bit. A run that breaks an invariant is made smaller by leaving out classes of faults
//! and the end of the plan; what remains is printed with the command that replays it. That the checks can fail is
//! tested with defects on purpose ([`Breakage`]).
//!
//! Run it with `./dev sim --seeds 10000`; `./dev sim --seed 17 --trace` replays one.

mod bench;
mod breakage;
mod central_side;
mod check;
mod class;
mod clock;
mod device;
mod disk;
mod ledger;
mod network;
mod plan;
mod shrink;
mod tally;
mod template;
mod violation;
mod world;

pub use breakage::{Breakage, UnknownBreakage};
pub use class::{Class, Classes, UnknownClass};
pub use plan::Profile;
pub use shrink::shrink;
pub use tally::Tally;
pub use template::{Scratch, Template};
pub use violation::{Invariant, Violation};
pub use world::Run;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use world::World;

/// What decides a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Everything is drawn from it.
    pub seed: u64,
    /// What kind of run.
    pub profile: Profile,
    /// What may go wrong.
    pub classes: Classes,
    /// Acts of the plan; the rest is left out.
    pub steps: usize,
    /// A defect on purpose.
    pub breakage: Option<Breakage>,
    /// Whether lines of the trace are kept.
    pub is_traced: bool,
}

impl Settings {
    /// All faults, the whole plan, no defect.
    pub const fn new(seed: u64, profile: Profile) -> Self {
        let (classes, steps, breakage) = (Classes::ALL, usize::MAX, None);
        Self { seed, profile, classes, steps, breakage, is_traced: false }
    }
}

/// The options of the command that does the same again.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--seed {}", self.seed)?;
        if self.profile == Profile::Partition {
            f.write_str(" --partition")?;
        }
        let missing: Vec<&str> = self.classes.missing().map(Class::name).collect();
        if !missing.is_empty() {
            write!(f, " --without {}", missing.join(","))?;
        }
        if self.steps != usize::MAX {
            write!(f, " --steps {}", self.steps)?;
        }
        if let Some(breakage) = self.breakage {
            write!(f, " --break {breakage}")?;
        }
        Ok(())
    }
}

/// A run that broke an invariant.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What does the same again.
    pub settings: Settings,
    /// What was broken.
    pub violation: Violation,
    /// Acts of the plan in this run.
    pub acts: usize,
    /// The trace, if it was kept.
    pub lines: Vec<String>,
}

/// One run. The same settings do the same for ever, on any machine.
///
/// # Errors
/// The invariant that was broken.
pub fn run(settings: &Settings, scratch: &Scratch) -> Result<Run, Box<Failure>> {
    // The template is no part of the run, and must not be half made by one that fails.
    Template::shared();
    let mut world = None;
    let mut acts = 0;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let (made, length) = World::new(settings, scratch.clone())?;
        acts = length;
        world.insert(made).run()
    }));
    let outcome = outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Invariant::NoPanic.broken(text.unwrap_or_else(|| "a panic".into()))
    });
    match outcome {
        Ok(run) => Ok(Run { acts, ..run }),
        Err(violation) => {
            let lines = world.map(|world| world.lines).unwrap_or_default();
            Err(Box::new(Failure { settings: settings.clone(), violation, acts, lines }))
        }
    }
}
