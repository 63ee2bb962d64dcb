//! Which time people are shown, and whether somebody must set the clock of this device.
//!
//! ```text
//! device's clock + (central's - device's)  ->  strip, receipts, sync view    where they differ by more than 2 min
//! device's clock                           ->  journal, together with the difference; nothing here changes it
//! ```
//! A device whose battery is empty wakes up in 1970, and sells all the same. Its receipts carry central's time as long
//! as the difference is known: from the answers of this run, or else as the store remembers it. An offset that would
//! turn a possible time into an impossible one is out of date (somebody has set the clock since) and is not believed.
//! The clock of the device itself is never touched.

use super::intent::{Role, View};
use super::screen::Message;
use super::terminal::Terminal;
use domain::time::DeviceTime;

/// Up to here a clock is right enough for receipts, in milliseconds: two minutes.
pub const SKEW_MAX_MS: i64 = 2 * 60 * 1_000;
/// 2026-01-01: this program was written later, so no clock before it is right. Raised with a release.
pub const WRITTEN_MS: i64 = 1_767_225_600_000;
/// Nobody runs a program that is ten years old, in milliseconds.
const USED_MS_MAX: i64 = 3_652 * DAY_MS;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Whether no clock that is right can say this: before the program was written, or more than ten years after.
pub const fn is_absurd(at_ms: i64) -> bool {
    at_ms < WRITTEN_MS || at_ms - WRITTEN_MS > USED_MS_MAX
}

/// Central's time of what the device's clock called `at_ms`; `at_ms` itself where the difference is small, unknown or
/// cannot be believed.
pub const fn corrected_ms(at_ms: i64, offset_ms: Option<i64>) -> i64 {
    let Some(offset_ms) = offset_ms else { return at_ms };
    if offset_ms.saturating_abs() <= SKEW_MAX_MS {
        return at_ms;
    }
    let corrected = at_ms.saturating_add(offset_ms);
    if is_absurd(corrected) && !is_absurd(at_ms) { at_ms } else { corrected }
}

/// What is wrong with a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockFault {
    /// It differs from central's by so many milliseconds, and receipts are corrected by that.
    Wrong(i64),
    /// It says what cannot be, and nothing is known to correct it by: receipts carry what it says.
    Absurd,
}

/// The fault of a clock that says `now_ms`. `live_ms` is the offset by the answers of this run, `remembered_ms` that
/// of earlier ones.
pub const fn fault(
    now_ms: i64,
    live_ms: Option<i64>,
    remembered_ms: Option<i64>,
) -> Option<ClockFault> {
    let offset_ms = if live_ms.is_some() { live_ms } else { remembered_ms };
    let shown = corrected_ms(now_ms, offset_ms);
    if live_ms.is_none() && is_absurd(shown) {
        return Some(ClockFault::Absurd);
    }
    if shown == now_ms {
        return None;
    }
    Some(ClockFault::Wrong(shown.saturating_sub(now_ms).saturating_abs()))
}

/// A span as a person says it: a whole number, and the unit that its sentence names (`minutes`, `hours`, `days`,
/// `years`).
fn span(ms: i64) -> (i64, &'static str) {
    let rounded = |unit_ms: i64| ms.saturating_add(unit_ms / 2) / unit_ms;
    // A mean Gregorian year.
    const YEAR_MS: i64 = 31_556_952_000;
    match ms {
        ms if ms < 2 * HOUR_MS => (rounded(MINUTE_MS), "minutes"),
        ms if ms < 2 * DAY_MS => (rounded(HOUR_MS), "hours"),
        ms if ms < 2 * YEAR_MS => (rounded(DAY_MS), "days"),
        _ => (rounded(YEAR_MS), "years"),
    }
}

impl Terminal {
    /// Central's clock minus this device's: by the answers of this run, else as remembered.
    pub(super) fn clock_offset_ms(&self) -> Option<i64> {
        self.line.clock_offset_ms.or(self.remembered_offset_ms)
    }

    /// The time to show for a moment of this device's clock, by the difference that is known now.
    pub(super) fn shown_ms(&self, at: DeviceTime) -> i64 {
        corrected_ms(at.0, self.clock_offset_ms())
    }

    pub(super) fn clock_fault(&self) -> Option<ClockFault> {
        fault(self.now().0, self.line.clock_offset_ms, self.remembered_offset_ms)
    }

    /// What is to be said about the clock; `None` when it is right.
    pub(super) fn clock_message(&self) -> Option<Message> {
        Some(match self.clock_fault()? {
            ClockFault::Wrong(by_ms) => {
                let (count, unit) = span(by_ms);
                Message::warning("clock-wrong", &[&count.to_string(), unit])
            }
            ClockFault::Absurd => {
                Message::warning("clock-absurd", &[&self.formatter.date(self.now().0)])
            }
        })
    }

    /// Tells whoever is at the till once, when the clock becomes wrong or they begin; never a customer, and never in
    /// place of what is being said.
    pub(super) fn watch_clock(&mut self) {
        let Some(message) = self.clock_message() else {
            self.is_clock_told = false;
            return;
        };
        let is_staff = self.person.is_some() && self.role != Role::Customer;
        let may_hear = is_staff || self.view == View::Enrol;
        if may_hear && !self.is_clock_told && self.message.is_none() {
            self.is_clock_told = true;
            self.say(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T12:00:00Z.
    const NOON: i64 = 1_795_262_400_000;
    const YEAR: i64 = 31_556_952_000;

    /// One line, one case: the device's clock, the offset, the time shown.
    #[test]
    fn times_are_corrected_by_what_can_be_believed() {
        for (at, offset, shown) in [
            (NOON, None, NOON),
            (NOON, Some(0), NOON),
            (NOON, Some(SKEW_MAX_MS), NOON),
            (NOON, Some(-SKEW_MAX_MS), NOON),
            (NOON, Some(SKEW_MAX_MS + 1), NOON + SKEW_MAX_MS + 1),
            (NOON + 75 * YEAR, Some(-75 * YEAR), NOON),
            (NOON - 56 * YEAR, Some(56 * YEAR), NOON),
            // Somebody has set the clock since the offset was learnt.
            (NOON, Some(-75 * YEAR), NOON),
            (NOON, Some(56 * YEAR), NOON),
            // Both cannot be: central is the judge.
            (0, Some(YEAR), YEAR),
            (i64::MAX, Some(i64::MAX), i64::MAX),
            (i64::MIN, Some(i64::MIN), i64::MIN),
        ] {
            assert_eq!(corrected_ms(at, offset), shown, "{at} {offset:?}");
        }
    }

    /// One line, one case: the device's clock, offset of this run, offset of an earlier one, fault.
    #[test]
    fn a_wrong_clock_has_a_fault() {
        let far = 75 * YEAR;
        for (now, live, remembered, expected) in [
            (NOON, None, None, None),
            (NOON, Some(SKEW_MAX_MS), None, None),
            (NOON, Some(3 * MINUTE_MS), None, Some(ClockFault::Wrong(3 * MINUTE_MS))),
            (NOON, Some(-3 * MINUTE_MS), None, Some(ClockFault::Wrong(3 * MINUTE_MS))),
            (NOON + far, Some(-far), None, Some(ClockFault::Wrong(far))),
            (NOON + far, None, Some(-far), Some(ClockFault::Wrong(far))),
            (NOON + far, None, None, Some(ClockFault::Absurd)),
            (0, None, None, Some(ClockFault::Absurd)),
            // What is remembered is of before the battery was empty.
            (0, None, Some(40), Some(ClockFault::Absurd)),
            // What this run has learnt goes before what is remembered.
            (NOON, Some(0), Some(-far), None),
            (NOON, None, Some(-far), None),
            // Central agrees: then so be it.
            (NOON + far, Some(0), None, None),
            (WRITTEN_MS, None, None, None),
            (WRITTEN_MS - 1, None, None, Some(ClockFault::Absurd)),
            (WRITTEN_MS + USED_MS_MAX, None, None, None),
            (WRITTEN_MS + USED_MS_MAX + 1, None, None, Some(ClockFault::Absurd)),
            (i64::MIN, None, Some(i64::MIN), Some(ClockFault::Absurd)),
        ] {
            assert_eq!(fault(now, live, remembered), expected, "{now} {live:?} {remembered:?}");
        }
    }

    #[test]
    fn spans_are_said_in_the_unit_of_their_size() {
        for (ms, said) in [
            (SKEW_MAX_MS + 1, (2, "minutes")),
            (119 * MINUTE_MS, (119, "minutes")),
            (2 * HOUR_MS, (2, "hours")),
            (47 * HOUR_MS, (47, "hours")),
            (2 * DAY_MS, (2, "days")),
            (400 * DAY_MS, (400, "days")),
            (75 * YEAR + 3 * DAY_MS, (75, "years")),
            (i64::MAX, (292_277_024, "years")),
        ] {
            assert_eq!(span(ms), said, "{ms}");
        }
    }
}
