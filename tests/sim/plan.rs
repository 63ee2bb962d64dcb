//! What happens from outside in a run, drawn from its seed before it begins: who sells when, what fails when.
//!
//! ```text
//! |== session ==|      night, weekend, winter       |= session =|  ...  |=| heal ------------>
//!   sales, faults   (devices off, central's time goes on)                 until all is at rest
//! ```
//! A plan is a list, so that a failing run is made smaller by leaving things out of it. Devices are off between
//! sessions: the days that pass there cost nothing, and what they break (tokens, clocks, tombstones) is met at the
//! next opening.

use crate::class::{Class, Classes};
use crate::clock;
use crate::network::{Spell, Weather};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// One thing that happens from outside. `draw` is dice for details that depend on the world of that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Somebody switches a device on.
    On(usize),
    /// Somebody closes the program, or just pulls the plug (`true`).
    Off(usize, bool),
    /// The cashier sells something.
    Sell(usize, u64),
    /// The cashier ends the shift.
    EndShift(usize),
    /// The power goes after so many writes and syncs from now, and comes back after a while.
    PowerCut { device: usize, after_writes: u32, off_ms: u64, draw: u64 },
    /// The program is closed and started.
    Restart(usize),
    /// The disk fails `count` times after so many operations.
    FailDisk { device: usize, after: u32, count: u32 },
    /// The disk is full for a while.
    FillDisk { device: usize, for_ms: u64 },
    /// Somebody sets the clock.
    SetClock(usize, i64),
    /// The clock runs wrong.
    Drift(usize, i64),
    /// Bad weather.
    Weather { device: Option<usize>, spell: Spell, for_ms: u64 },
    /// Somebody cuts the line on purpose, or restores it.
    Cut(usize, bool),
    /// The disk is copied to a new device, which is switched on after a while.
    Clone { device: usize, draw: u64 },
    /// A copy of the disk is made.
    Backup(usize),
    /// The disk is replaced by the copy.
    Restore(usize),
    /// A copy of central's database is made.
    CentralBackup,
    /// Central's database is replaced by the copy; `true` if the person says so to central.
    CentralRestore(bool),
    /// Central is started again.
    CentralRestart,
    /// Central is of another version for a while.
    CentralVersion { is_newer: bool, for_ms: u64 },
    /// A terminal is taken out of service.
    Revoke(usize),
    /// A person looks at a device, and enrols it again if it is refused.
    Attend(usize, u64),
    /// A person looks at central's quarantine.
    Review(u64),
    /// Something changes at central.
    Publish(u64),
    /// Central forgets what it need not keep: old tombstones, expired snapshots.
    Compact,
    /// Pages of the device's database are damaged; it is recovered.
    Damage(usize, u64),
}

/// An act with its time, and the class with which it is switched off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When, milliseconds of the simulation.
    pub at_ms: u64,
    /// `None` for the business itself.
    pub class: Option<Class>,
    /// What.
    pub act: Act,
}

/// What kind of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Profile {
    /// Everything that can go wrong.
    #[default]
    Storm,
    /// Only the line goes wrong, but badly: partitions of all kinds, more and longer.
    Partition,
}

/// A run from outside.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Devices at the beginning.
    pub devices: usize,
    /// Of them, those that are not enrolled yet.
    pub strangers: usize,
    /// The line.
    pub weather: Weather,
    /// In the order of time.
    pub acts: Vec<Planned>,
    /// The storm ends.
    pub heal_ms: u64,
}

/// Devices of a run, each as likely as the others: small worlds find most, and many of them fit in a night.
const DEVICES: [usize; 24] =
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 4, 5, 6];

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// For so long central keeps a tombstone at least.
const TOMBSTONE_MS: u64 = central::compact::KEPT_MS.unsigned_abs();

/// A time in which the shop is open.
#[derive(Clone, Copy)]
struct Session {
    start_ms: u64,
    end_ms: u64,
}

struct Draft<'a> {
    rng: &'a mut StdRng,
    acts: Vec<Planned>,
    sessions: Vec<Session>,
}

impl Plan {
    /// Draws the plan of a seed.
    pub fn draw(profile: Profile, rng: &mut StdRng) -> Self {
        let devices = DEVICES[rng.random_range(0..DEVICES.len())];
        let strangers = usize::from(rng.random_range(0..6) == 0).min(devices);
        let sessions = draw_sessions(profile, rng);
        let heal_ms = sessions.last().map_or(0, |last| last.end_ms + 30_000);
        let weather = Weather::draw(rng);
        let mut draft = Draft { rng, acts: Vec::new(), sessions };
        draft.business(devices);
        draft.lines(profile, devices);
        if profile == Profile::Storm {
            for device in 0..devices {
                draft.device(device);
            }
            draft.central(devices);
        }
        let mut acts = draft.acts;
        acts.sort_by_key(|planned| planned.at_ms);
        Self { devices, strangers, weather, acts, heal_ms }
    }

    /// Leaves out what belongs to missing classes, and what comes after the first `steps` acts.
    pub fn reduce(&mut self, classes: Classes, steps: usize) {
        self.acts.retain(|planned| planned.class.is_none_or(|class| classes.has(class)));
        // Switching on is no part of a story: it only makes the rest possible.
        let mut kept = 0;
        self.acts.retain(|planned| {
            let is_frame = matches!(planned.act, Act::On(_));
            kept += usize::from(!is_frame);
            is_frame || kept <= steps
        });
    }

    /// Acts that count when a plan is cut short.
    pub fn length(&self) -> usize {
        self.acts.iter().filter(|planned| !matches!(planned.act, Act::On(_))).count()
    }
}

fn draw_sessions(profile: Profile, rng: &mut StdRng) -> Vec<Session> {
    let count = [1, 1, 1, 1, 2, 2, 2, 3][rng.random_range(0..8)];
    let mut sessions = Vec::new();
    let mut start_ms = 0;
    for _ in 0..count {
        let minutes = match profile {
            Profile::Storm => [0, 0, 0, 0, 1, 3][rng.random_range(0..6)],
            Profile::Partition => [0, 0, 1, 2][rng.random_range(0..4)],
        };
        let end_ms = start_ms + minutes * MINUTE_MS + rng.random_range(MINUTE_MS / 3..MINUTE_MS);
        sessions.push(Session { start_ms, end_ms });
        let pause_ms = match rng.random_range(0..20) {
            0..=3 => rng.random_range(MINUTE_MS..30 * MINUTE_MS),
            4..=12 => rng.random_range(HOUR_MS..16 * HOUR_MS),
            13..=17 => rng.random_range(DAY_MS..4 * DAY_MS),
            18 => rng.random_range(20 * DAY_MS..60 * DAY_MS),
            _ => rng.random_range(91 * DAY_MS..200 * DAY_MS),
        };
        start_ms = end_ms + pause_ms;
    }
    sessions
}

impl Draft<'_> {
    fn at(&mut self, at_ms: u64, class: Option<Class>, act: Act) {
        self.acts.push(Planned { at_ms, class, act });
    }

    /// Some time in some session.
    fn sometime(&mut self) -> u64 {
        let session = self.sessions[self.rng.random_range(0..self.sessions.len())];
        self.rng.random_range(session.start_ms..session.end_ms)
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn business(&mut self, devices: usize) {
        for session in self.sessions.clone() {
            for device in 0..devices {
                let on_ms = session.start_ms + self.rng.random_range(0..8_000);
                // Now and then a device stays in its drawer for a day.
                if session.start_ms > 0 && self.chance(10) {
                    continue;
                }
                self.at(on_ms, None, Act::On(device));
                let is_plug_pulled = self.chance(30);
                self.at(session.end_ms, None, Act::Off(device, is_plug_pulled));
                for _ in 0..self.rng.random_range(0..=5) {
                    let at_ms = self.rng.random_range(on_ms..session.end_ms);
                    let draw = self.rng.next_u64();
                    self.at(at_ms, None, Act::Sell(device, draw));
                }
                if self.chance(25) {
                    let at_ms = self.rng.random_range(on_ms..session.end_ms);
                    self.at(at_ms, None, Act::EndShift(device));
                }
            }
        }
    }

    fn lines(&mut self, profile: Profile, devices: usize) {
        let spells = match profile {
            Profile::Storm => self.rng.random_range(0..4),
            Profile::Partition => self.rng.random_range(3..10),
        };
        for _ in 0..spells {
            let at_ms = self.sometime();
            let for_ms = match self.rng.random_range(0..3) {
                0 => self.rng.random_range(1_000..30_000),
                1 => self.rng.random_range(30_000..5 * MINUTE_MS),
                _ => self.rng.random_range(HOUR_MS..2 * DAY_MS),
            };
            let is_only_one = self.chance(60);
            let device = is_only_one.then(|| self.rng.random_range(0..devices));
            let spell = self.spell(profile);
            self.at(at_ms, None, Act::Weather { device, spell, for_ms });
        }
        if self.chance(if profile == Profile::Partition { 50 } else { 15 }) {
            let device = self.rng.random_range(0..devices);
            let (cut_ms, back_ms) = (self.sometime(), self.sometime());
            self.at(cut_ms, Some(Class::Cut), Act::Cut(device, true));
            self.at(back_ms.max(cut_ms), Some(Class::Cut), Act::Cut(device, false));
        }
        // There is always something to fetch while the line is bad.
        for _ in 0..self.rng.random_range(0..6) {
            let (at_ms, draw) = (self.sometime(), self.rng.next_u64());
            self.at(at_ms, Some(Class::Publish), Act::Publish(draw));
        }
    }

    fn spell(&mut self, profile: Profile) -> Spell {
        let sort = match profile {
            Profile::Storm => self.rng.random_range(0..8),
            Profile::Partition => self.rng.random_range(0..4),
        };
        match sort {
            0 => Spell::NoRequests,
            1 => Spell::NoAnswers,
            2 | 3 => Spell::NoLine,
            4 => Spell::Portal,
            5 => {
                let status = [500, 502, 503, 504][self.rng.random_range(0..4)];
                let has_pause = self.chance(50);
                let retry_after_s = has_pause.then(|| self.rng.random_range(1..300));
                Spell::Down { status, retry_after_s }
            }
            6 => Spell::Down { status: 429, retry_after_s: Some(self.rng.random_range(1..120)) },
            _ => Spell::Slow(self.rng.random_range(5_000..90_000)),
        }
    }

    /// What happens to one device.
    fn device(&mut self, device: usize) {
        if self.chance(40) {
            let offset = clock::offset_from(self.rng.next_u64());
            self.at(0, Some(Class::Skew), Act::SetClock(device, offset));
        }
        if self.chance(20) {
            let (at_ms, offset) = (self.sometime(), clock::offset_from(self.rng.next_u64()));
            self.at(at_ms, Some(Class::ClockJump), Act::SetClock(device, offset));
        }
        if self.chance(15) {
            let ppm = self.rng.random_range(-200_000..200_000);
            self.at(0, Some(Class::Drift), Act::Drift(device, ppm));
        }
        while self.chance(35) {
            let at_ms = self.sometime();
            let act = Act::PowerCut {
                device,
                after_writes: self.rng.random_range(0..60),
                off_ms: self.rng.random_range(500..60_000),
                draw: self.rng.next_u64(),
            };
            self.at(at_ms, Some(Class::PowerCut), act);
        }
        if self.chance(25) {
            let at_ms = self.sometime();
            self.at(at_ms, Some(Class::Restart), Act::Restart(device));
        }
        while self.chance(15) {
            let at_ms = self.sometime();
            let (after, count) = (self.rng.random_range(0..80), self.rng.random_range(1..6));
            self.at(at_ms, Some(Class::DiskError), Act::FailDisk { device, after, count });
        }
        if self.chance(8) {
            let (at_ms, for_ms) = (self.sometime(), self.rng.random_range(1_000..90_000));
            self.at(at_ms, Some(Class::DiskFull), Act::FillDisk { device, for_ms });
        }
        if self.chance(6) {
            let (at_ms, draw) = (self.sometime(), self.rng.next_u64());
            self.at(at_ms, Some(Class::Clone), Act::Clone { device, draw });
        }
        if self.chance(8) {
            let (one, two) = (self.sometime(), self.sometime());
            self.at(one.min(two), Some(Class::Restore), Act::Backup(device));
            self.at(one.max(two), Some(Class::Restore), Act::Restore(device));
        }
        if self.chance(4) {
            let at_ms = self.sometime();
            self.at(at_ms, Some(Class::Revoke), Act::Revoke(device));
        }
        if self.chance(25) {
            let (at_ms, draw) = (self.sometime(), self.rng.next_u64());
            self.at(at_ms, None, Act::Attend(device, draw));
        }
        if self.chance(8) {
            let (at_ms, draw) = (self.sometime(), self.rng.next_u64());
            self.at(at_ms, Some(Class::Damage), Act::Damage(device, draw));
        }
    }

    /// What happens to central.
    fn central(&mut self, devices: usize) {
        for _ in 0..self.rng.random_range(0..10) {
            let (at_ms, draw) = (self.sometime(), self.rng.next_u64());
            self.at(at_ms, Some(Class::Publish), Act::Publish(draw));
        }
        if self.chance(30) {
            let at_ms = self.sometime();
            self.at(at_ms, Some(Class::Compact), Act::Compact);
        }
        if self.chance(20) {
            let at_ms = self.sometime();
            self.at(at_ms, Some(Class::CentralRestart), Act::CentralRestart);
        }
        if self.chance(12) {
            let (one, two) = (self.sometime(), self.sometime());
            let is_told = self.chance(50);
            self.at(one.min(two), Some(Class::CentralRestore), Act::CentralBackup);
            self.at(one.max(two), Some(Class::CentralRestore), Act::CentralRestore(is_told));
        }
        if self.chance(15) {
            let at_ms = self.sometime();
            let (is_newer, for_ms) = (self.chance(50), self.rng.random_range(10_000..DAY_MS));
            self.at(at_ms, Some(Class::Version), Act::CentralVersion { is_newer, for_ms });
        }
        if self.chance(20) {
            let (at_ms, draw) = (self.sometime(), self.rng.next_u64());
            self.at(at_ms, None, Act::Review(draw));
        }
        // Central compacts every day: after months in a drawer a cursor may be behind what was forgotten.
        let sessions = self.sessions.clone();
        for (before, after) in sessions.iter().zip(sessions.iter().skip(1)) {
            if after.start_ms - before.end_ms > TOMBSTONE_MS {
                let at_ms = self.rng.random_range(after.start_ms..after.end_ms);
                let at_ms = if self.chance(50) { after.start_ms } else { at_ms };
                self.at(at_ms, Some(Class::Compact), Act::Compact);
            }
        }
        debug_assert!(devices > 0, "a world without devices is calm");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_seed_draws_the_same_plan_and_others_differ() {
        let plan = |seed| Plan::draw(Profile::Storm, &mut StdRng::seed_from_u64(seed));
        assert_eq!(plan(7).acts, plan(7).acts);
        assert_ne!(plan(7).acts, plan(8).acts);
    }

    #[test]
    fn plans_are_in_order_and_become_shorter() {
        for seed in 0..200 {
            let mut plan = Plan::draw(Profile::Storm, &mut StdRng::seed_from_u64(seed));
            assert!(plan.acts.is_sorted_by_key(|planned| planned.at_ms));
            assert!(plan.acts.iter().all(|planned| planned.at_ms <= plan.heal_ms));
            let half = plan.length() / 2;
            plan.reduce(Classes::ALL.without(Class::PowerCut), half);
            assert!(plan.length() <= half);
            assert!(plan.acts.iter().all(|planned| planned.class != Some(Class::PowerCut)));
        }
    }

    #[test]
    fn every_sort_of_act_is_drawn() {
        let mut seen: Vec<std::mem::Discriminant<Act>> = Vec::new();
        for seed in 0..1_000 {
            let plan = Plan::draw(Profile::Storm, &mut StdRng::seed_from_u64(seed));
            for planned in plan.acts {
                let sort = std::mem::discriminant(&planned.act);
                if !seen.contains(&sort) {
                    seen.push(sort);
                }
            }
        }
        assert_eq!(seen.len(), 25, "a new act needs its place in `draw`");
    }
}
