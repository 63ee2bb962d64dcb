//! The line to central, and how wrong this device's clock is.
//!
//! Every answer tells central's time. The estimate is stamped into events, so the storage is told
//! when it has moved; sales do not wait for that.

use super::lane::{Lane, Pace};
use super::lives::LivesLane;
use super::work::{StoreDone, StoreWork};
use super::{Moment, Turn};
use crate::status::SyncProblem;
use domain::time::DeviceTime;

/// An answer that took longer tells nothing about the clock.
const CLOCK_SAMPLE_MS_MAX: u64 = 5_000;
/// A sample that differs more than this from the estimate replaces it: somebody set a clock.
const CLOCK_JUMP_MS: i64 = 2_000;
/// The storage is told of an estimate that has moved by more than this.
const CLOCK_NOTE_MS: i64 = 1_000;

/// What is known of the line.
#[derive(Clone, Debug, Default)]
pub struct Contact {
    /// The last call brought an answer of some kind. `None` before the first, and after a cut.
    pub is_up: Option<bool>,
    pub last_contact: Option<DeviceTime>,
    /// Central's clock minus ours.
    pub clock_offset_ms: Option<i64>,
}

impl Contact {
    /// Central's clock at the middle of the exchange, compared with ours, smoothed.
    pub fn sample_clock(&mut self, began: Moment, now: Moment, server_time_ms: i64) {
        let took_ms = now.monotonic_ms.saturating_sub(began.monotonic_ms);
        if took_ms > CLOCK_SAMPLE_MS_MAX {
            return;
        }
        let middle_ms = now.wall.0.saturating_sub(took_ms as i64 / 2);
        let sample = server_time_ms.saturating_sub(middle_ms);
        self.clock_offset_ms = Some(match self.clock_offset_ms {
            Some(old) if sample.saturating_sub(old).saturating_abs() <= CLOCK_JUMP_MS => {
                old + (sample - old) / 8
            }
            _ => sample,
        });
    }
}

/// Tells the storage of the offset.
#[derive(Clone, Debug, Default)]
pub struct ClockLane {
    pub lane: Lane,
    noted_ms: Option<i64>,
    noting_ms: Option<i64>,
}

impl ClockLane {
    /// What the storage knows.
    pub fn learn(&mut self, noted_ms: Option<i64>) {
        if self.lane.busy.is_none() {
            self.noted_ms = noted_ms;
        }
    }

    /// Starts what can start.
    pub fn pump(&mut self, turn: &mut Turn<'_>, estimate_ms: Option<i64>, lives: &LivesLane) {
        let Some(offset_ms) = estimate_ms else { return self.lane.is_done(turn.now) };
        let has_moved = self
            .noted_ms
            .is_none_or(|noted| offset_ms.saturating_sub(noted).saturating_abs() > CLOCK_NOTE_MS);
        if !has_moved {
            self.lane.is_done(turn.now);
        } else if lives.current().is_some() && self.lane.is_free(turn.now) {
            self.noting_ms = Some(offset_ms);
            self.lane.store(turn, StoreWork::NoteClock { offset_ms });
        }
    }

    /// Takes the result of work of the storage.
    pub fn stored(&mut self, turn: &mut Turn<'_>, done: &StoreDone) {
        match done {
            StoreDone::Booked => {
                self.lane.succeed();
                self.noted_ms = self.noting_ms.take();
            }
            _ => self.lane.fail(turn, SyncProblem::StorageFailed, Pace::Soon),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::lane::Busy;

    fn moment(monotonic_ms: u64, wall_ms: i64) -> Moment {
        Moment { monotonic_ms, wall: DeviceTime(wall_ms) }
    }

    /// One line, one case: estimate before, how long the exchange took, central's clock minus ours in its middle,
    /// estimate after.
    #[test]
    fn samples_are_smoothed_unless_somebody_set_a_clock() {
        let limit = CLOCK_SAMPLE_MS_MAX;
        for (before, took_ms, sample, after) in [
            (None, 0, 90_000, Some(90_000)),
            (None, 400, -90_000, Some(-90_000)),
            (Some(1_000), 40, 1_800, Some(1_100)),
            (Some(1_000), 40, 200, Some(900)),
            (Some(1_000), 40, 1_000 + CLOCK_JUMP_MS, Some(1_250)),
            (Some(1_000), 40, 1_001 + CLOCK_JUMP_MS, Some(3_001)),
            (Some(1_000), limit, 1_800, Some(1_100)),
            (Some(1_000), limit + 1, 1_800, Some(1_000)),
            (None, limit + 1, 1_800, None),
        ] {
            let mut contact = Contact { clock_offset_ms: before, ..Contact::default() };
            let (began, ended) = (moment(7_000, 0), moment(7_000 + took_ms, 500_000));
            let middle_ms = 500_000 - took_ms as i64 / 2;
            contact.sample_clock(began, ended, middle_ms + sample);
            assert_eq!(contact.clock_offset_ms, after, "{before:?} {took_ms} {sample}");
        }
    }

    /// What the storage says while it is being told is of before.
    #[test]
    fn what_the_storage_knows_is_learnt_unless_it_is_being_told() {
        let mut lane = ClockLane::default();
        lane.learn(Some(5));
        assert_eq!(lane.noted_ms, Some(5));
        let began = moment(0, 0);
        lane.lane.busy =
            Some(Busy { ticket: 1, began, is_call: false, is_waiting: false, token: None });
        lane.learn(Some(6));
        assert_eq!(lane.noted_ms, Some(5));
    }
}
