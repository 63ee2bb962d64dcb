//! People: who enrols devices, who looks after those that are refused, who works through the quarantine, and who
//! puts everything in order when the faults end.

use super::office::done;
use super::{Happening, LOOK_MS, World};
use crate::central_side::Version;
use crate::violation::{Check, Invariant};
use central::quarantine;
use domain::id::StoreId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use sync::engine::Input;
use sync::enrol::known_life;
use sync::ports::{DeviceKey, SyncStore};
use sync::protocol::auth::KnownLife;
use sync::status::SyncProblem;

/// What the devices say they run.
const SOFTWARE: &str = "crossroads/sim";
/// A code lives so long.
const CODE_MS: i64 = 15 * 60_000;
/// Looks until what cannot be judged is put aside: by then everything had its chance to arrive.
const LOOKS_BEFORE_DISMISSAL: u64 = 4;

/// The answer of a future that never waits: everything in this process answers at once.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("central in this process does not wait"),
    }
}

impl World {
    /// A person looks at a device: makes it a terminal if it is none, enrols it again if central refuses it.
    pub(super) fn attend(&mut self, number: usize, draw: u64) -> Check {
        let device = &self.devices[number];
        let Some(running) = device.running.as_ref() else { return Ok(()) };
        let is_refused = running
            .status
            .problem
            .is_some_and(|problem| problem.is_refusal() && problem != SyncProblem::UpgradeNeeded);
        if device.is_enrolled && !is_refused {
            return self.hand_over(number);
        }
        if device.is_enrolled {
            self.tally.note("terminal: enrolled again");
        }
        self.enrol(number, draw)
    }

    /// Enrols a device over a line that works; now and then the answer gets lost and the person does it again.
    pub(crate) fn enrol(&mut self, number: usize, draw: u64) -> Check {
        let mut rng = StdRng::seed_from_u64(draw);
        let device = &self.devices[number];
        let Some(running) = device.running.as_ref() else { return Ok(()) };
        let store = running.store.clone();
        let lives = match store.lives() {
            Ok(lives) => lives,
            Err(error) => return self.enrol_failed(number, &error.0.to_string()),
        };
        let known: Vec<KnownLife> = lives.iter().map(|life| known_life(&life.identity)).collect();
        let name = lives.last().map(|life| life.identity.name.clone());
        // A twin gets a place of its own, or the two would take it from each other for ever.
        let name = name.filter(|_| !device.is_twin);
        let at = device.clock.at(self.now_ms);
        let tries = if rng.random_range(0..4) == 0 { 2 } else { 1 };
        let mut enrolled = None;
        for _ in 0..tries {
            let host = self.central.host();
            let code = host.enrol_code(device.store_no, name.as_deref(), CODE_MS);
            let code = done(code.map_err(|error| error.to_string()))?;
            let asked = sync::enrol::enrol(host, &code, SOFTWARE, &known, DeviceKey(rng.random()));
            enrolled = at_once(asked).ok();
        }
        self.check_central_now()?;
        let Some(enrolled) = enrolled else {
            return Invariant::NoSilentStop.broken(format!("device {number} cannot be enrolled"));
        };
        let identity = enrolled.identity;
        self.note(|| format!("{number} becomes {} epoch {}", identity.name, identity.epoch));
        match store.enrol(&identity, SOFTWARE, at) {
            Ok(()) => {
                self.devices[number].is_enrolled = true;
                if self.has_lost_power(number) {
                    return Ok(());
                }
                self.observe(number)?;
                self.hand_over(number)?;
                self.input(number, Input::Nudge)
            }
            Err(error) => self.enrol_failed(number, &error.0.to_string()),
        }
    }

    fn enrol_failed(&mut self, number: usize, cause: &str) -> Check {
        if self.has_lost_power(number) {
            return Ok(());
        }
        self.excuse(number, "enrolling", cause)
    }

    /// Works through the quarantine: everything again, or one event; what is still refused is dismissed in the end.
    pub(super) fn review(&mut self, draw: Option<u64>, dismisses: bool) -> Check {
        let held = done(self.central.read(|c| quarantine::list(c, 0, 1_000)))?;
        let waiting: Vec<i64> = held
            .iter()
            .filter(|held| held.state == "quarantined")
            .map(|held| held.id as i64)
            .collect();
        let chosen = match draw {
            Some(_) if waiting.is_empty() => return Ok(()),
            Some(draw) => vec![waiting[(draw % waiting.len() as u64) as usize]],
            None => waiting,
        };
        let now_ms = self.central_ms();
        for id in chosen {
            self.tally.note("quarantine: retried");
            let retried = done(self.central.write(move |c| quarantine::retry(c, id)))?;
            if dismisses && retried.is_some_and(|released| released.applied == 0) {
                let why = ("simulated", "refused to the last");
                done(self.central.write(move |c| quarantine::dismiss(c, id, why, now_ms)))?;
                self.tally.note("quarantine: dismissed");
            }
        }
        self.wake_polls()
    }

    /// The faults end, and people put in order what only people can.
    pub(super) fn heal(&mut self) -> Check {
        self.is_healed = true;
        self.network.calm();
        self.central.set_version(Version::Same);
        for number in 0..self.devices.len() {
            let hits = self.devices[number].disk.repair();
            self.tally.add("disk: operations refused", hits);
            if self.devices[number].disk.is_off() {
                self.has_lost_power(number);
            }
            self.switch_on(number, true)?;
            self.input(number, Input::Cut(false))?;
        }
        self.after(LOOK_MS, Happening::Look);
        Ok(())
    }

    /// Somebody walks round.
    pub(super) fn look(&mut self) -> Check {
        self.looks += 1;
        for number in 0..self.devices.len() {
            self.switch_on(number, true)?;
            self.attend(number, self.looks.wrapping_mul(0x9E37_79B9) ^ number as u64)?;
            if self.devices[number].pending.is_some() {
                self.sell(number, self.looks)?;
            }
            // The button "try now".
            self.input(number, Input::Nudge)?;
        }
        let has_arrived = self.looks > LOOKS_BEFORE_DISMISSAL && self.now_ms >= self.doubt_until_ms;
        self.review(None, has_arrived)?;
        self.after(LOOK_MS, Happening::Look);
        Ok(())
    }

    /// The number of a store at central.
    pub(crate) fn store_no(&self, store: StoreId) -> Check<Option<i64>> {
        use rusqlite::OptionalExtension;
        let sql = "SELECT no FROM store WHERE id = ?1";
        let id = store.uuid();
        done(
            self.central
                .read(|c| Ok(c.query_row(sql, [id.as_bytes()], |row| row.get(0)).optional()?)),
        )
    }
}
