//! Makes a failing run smaller: without classes of faults that it does not need, without the end of its plan.

use crate::class::Class;
use crate::{Failure, Scratch, Settings, run};

/// Runs that may be spent on one failure.
const TRIES_MAX: u32 = 120;

/// The smallest run that was found which breaks the same invariant, with its trace.
pub fn shrink(failure: &Failure, scratch: &Scratch) -> Failure {
    let mut search = Search { best: failure.clone(), tries: 0, scratch };
    search.cut_plan();
    search.leave_out_classes();
    search.cut_plan();
    let traced = Settings { is_traced: true, ..search.best.settings.clone() };
    match run(&traced, scratch) {
        Err(failure) => {
            let settings = Settings { is_traced: false, ..failure.settings.clone() };
            Failure { settings, ..*failure }
        }
        Ok(_) => search.best,
    }
}

struct Search<'a> {
    best: Failure,
    tries: u32,
    scratch: &'a Scratch,
}

impl Search<'_> {
    /// Takes a smaller run if it breaks the same invariant.
    fn attempt(&mut self, settings: Settings) -> bool {
        if self.tries >= TRIES_MAX {
            return false;
        }
        self.tries += 1;
        match run(&settings, self.scratch) {
            Err(failure) if failure.violation.invariant == self.best.violation.invariant => {
                self.best = *failure;
                true
            }
            _ => false,
        }
    }

    fn leave_out_classes(&mut self) {
        for class in Class::ALL {
            let settings = self.best.settings.clone();
            if settings.classes.has(*class) {
                let classes = settings.classes.without(*class);
                self.attempt(Settings { classes, ..settings });
            }
        }
    }

    /// Shorter by halves, then by quarters, then act by act.
    fn cut_plan(&mut self) {
        let mut part = 2;
        while part <= 1_024 {
            let length = self.best.acts.min(self.best.settings.steps);
            let less = (length / part).max(1);
            let steps = length.saturating_sub(less);
            if length == 0 || !self.attempt(Settings { steps, ..self.best.settings.clone() }) {
                if less == 1 {
                    return;
                }
                part *= 2;
            }
        }
    }
}
