//! What must hold: after every step, and when all is at rest.
//!
//! ```text
//! after every step    I10: something will happen by itself      answers: no failure of central, no card number
//! after a push        I1, I2, I3: what came into the inbox follows, is known, and came once
//! after a sale        I7: order, stock and history show it       I2: numbers of receipts
//! after a start       I1, I3: what was confirmed is there, the chain holds
//! after a recovery    I1: nothing is invented, and what is lost is said
//! at rest             I1, I4, I5, I8: both sides are compared, row by row
//! ```
//! | invariant | checked | where |
//! | --- | --- | --- |
//! | I1 exactly once | every push, start, recovery; all events and orders at rest | `central`, `journal`, `rest`, `world::damage` |
//! | I2 gapless | every event booked or held; numbers of receipts with them | `ledger`, `journal`, `central` |
//! | I3 chain | every event booked or held; the whole journal at a start and at rest | `ledger`, `journal`, `central` |
//! | I4 money | orders and shifts at rest | `rest` |
//! | I5 stock | every article of every store at rest | `rest` |
//! | I6 bounded rights | **not here**: no event of the product grants or uses a right yet (points, credit, gift cards, returns), so no run could break it; the rules are property-tested in `domain::merge` | |
//! | I7 own writes | after every sale; histories at rest | `world::till`, `journal` |
//! | I8 replicas | every row of every device at rest | `replica` |
//! | I9 no secrets | the bytes of every event on a device and at central | `secret` |
//! | I10 no silent stop | after every step; the end must be reached in time | here, `world` |

mod central;
mod journal;
mod replica;
mod rest;
mod secret;

pub(crate) use secret::secret;

use crate::violation::{Check, Invariant};
use crate::world::World;
use ::sync::call::{Fault, Reply};

impl World {
    /// After every step: cheap.
    pub(crate) fn check_step(&mut self) -> Check {
        for device in &self.devices {
            let Some(running) = &device.running else { continue };
            let number = device.number;
            // Somebody who has cut the line on purpose waits for nothing.
            let goes_on = !running.open.is_empty() || running.timer_ms.is_some();
            Invariant::NoSilentStop.require(goes_on || running.status.is_cut, || {
                format!("device {number} stands still")
            })?;
            let is_late = running.timer_ms.is_some_and(|at_ms| at_ms < self.now_ms);
            Invariant::NoSilentStop
                .require(!is_late, || format!("device {number} was not woken"))?;
        }
        Ok(())
    }

    /// No answer says that central failed: faults are the network's.
    pub(crate) fn check_answer(&mut self, result: &Result<Reply, Fault>) -> Check {
        match result {
            Err(Fault::Problem { problem, .. }) if problem.status >= 500 => {
                let detail = problem.detail.clone().unwrap_or_default();
                let what = format!("central failed: {} {detail}", problem.code);
                Invariant::NoPanic.broken(what)
            }
            _ => Ok(()),
        }
    }
}
