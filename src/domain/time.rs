//! Points in time. A terminal's clock can be wrong, so its readings have a type of their own and are never
//! compared with central's.

use std::fmt;

/// Milliseconds since 1970-01-01T00:00Z by this terminal's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DeviceTime(pub i64);

/// Milliseconds since 1970-01-01T00:00Z by central's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CentralTime(pub i64);

/// The clock of this device: a port. Wall time may jump, monotonic time may not.
pub trait Clock: Send + Sync {
    /// What the wall clock says.
    fn now(&self) -> DeviceTime;
    /// Milliseconds since some fixed moment of this run; never goes back.
    fn monotonic_ms(&self) -> u64;
}

/// A span from `start_ms` to `end_ms` (exclusive), as promised for a delivery, by central's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// First millisecond.
    pub start: CentralTime,
    /// First millisecond after.
    pub end: CentralTime,
}

/// RFC 3339 in UTC, for logs and files; the screen formats by locale.
fn write_utc(ms: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(timestamp) => write!(f, "{timestamp:.3}"),
        Err(_) => write!(f, "{ms} ms"),
    }
}
impl fmt::Display for DeviceTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_utc(self.0, f)
    }
}
impl fmt::Display for CentralTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_utc(self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_clocks_are_shown_not_panicked_on() {
        assert_eq!(DeviceTime(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(DeviceTime(i64::MAX).to_string(), format!("{} ms", i64::MAX));
        assert_eq!(CentralTime(i64::MIN).to_string(), format!("{} ms", i64::MIN));
    }
}
