//! The clock of a simulated device: wrong, drifting, set by somebody; only its monotonic part is to be trusted.

use domain::time::DeviceTime;

/// Central's clock at the simulation's beginning, milliseconds since 1970 UTC (15 January 2027).
pub const CENTRAL_START_MS: i64 = 1_800_000_000_000;

const YEAR_MS: i64 = 365 * 86_400_000;

/// How wrong a device's wall clock is.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeviceClock {
    offset_ms: i64,
    /// Parts per million that it runs too fast.
    drift_ppm: i64,
    /// Drift counts from here.
    since_ms: u64,
}

/// Bounds of a wrong clock, in years.
pub const SKEW_YEARS: (i64, i64) = (-10, 75);

impl DeviceClock {
    /// What the wall clock says.
    pub fn at(&self, now_ms: u64) -> DeviceTime {
        DeviceTime(CENTRAL_START_MS + now_ms as i64 + self.offset_ms + self.drifted_ms(now_ms))
    }

    fn drifted_ms(&self, now_ms: u64) -> i64 {
        (now_ms.saturating_sub(self.since_ms) as i64).saturating_mul(self.drift_ppm) / 1_000_000
    }

    /// Somebody sets it, so wrong.
    pub fn set(&mut self, now_ms: u64, offset_ms: i64) {
        (self.offset_ms, self.since_ms) = (offset_ms, now_ms);
    }

    /// From now on it runs so much too fast.
    pub fn drift(&mut self, now_ms: u64, ppm: i64) {
        self.offset_ms += self.drifted_ms(now_ms);
        (self.drift_ppm, self.since_ms) = (ppm, now_ms);
    }
}

/// A wrong offset from `draw`, a number out of 0..=u64::MAX: mostly seconds to days, sometimes years.
pub fn offset_from(draw: u64) -> i64 {
    let fraction = |low: i64, high: i64| low + (draw >> 8) as i64 % (high - low + 1);
    match draw % 8 {
        0..=2 => fraction(-5_000, 5_000),
        3..=4 => fraction(-3 * 86_400_000, 3 * 86_400_000),
        5 => fraction(SKEW_YEARS.0 * YEAR_MS, 0),
        _ => fraction(0, SKEW_YEARS.1 * YEAR_MS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drifting_clock_is_continuous_and_a_set_one_jumps() {
        let mut clock = DeviceClock::default();
        assert_eq!(clock.at(1_000), DeviceTime(CENTRAL_START_MS + 1_000));
        clock.drift(0, 100_000);
        assert_eq!(clock.at(10_000), DeviceTime(CENTRAL_START_MS + 11_000));
        clock.drift(10_000, 0);
        assert_eq!(clock.at(10_000), DeviceTime(CENTRAL_START_MS + 11_000));
        clock.set(10_000, -1);
        assert_eq!(clock.at(10_000), DeviceTime(CENTRAL_START_MS + 9_999));
    }

    #[test]
    fn offsets_stay_within_their_years() {
        for draw in (0..2_000_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)) {
            let offset = offset_from(draw);
            assert!((SKEW_YEARS.0 * YEAR_MS..=SKEW_YEARS.1 * YEAR_MS).contains(&offset));
        }
    }
}
