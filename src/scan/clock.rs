//! The one place of this crate that may read a clock, behind a trait so that tests can hold it
//! still.
//!
//! Deciding code takes milliseconds as numbers; only threads and decode deadlines ask a [`Clock`].

use std::time::Instant;

/// A clock that never goes backwards.
pub trait Clock: Send + Sync {
    /// Milliseconds since some fixed moment.
    fn now_ms(&self) -> u64;

    /// The same in microseconds, for what is measured and decides nothing.
    fn now_us(&self) -> u64 {
        self.now_ms().saturating_mul(1000)
    }
}

/// The clock of the machine, counted from its own making.
pub struct MonotonicClock(Instant);

impl MonotonicClock {
    /// A clock that starts at zero now.
    #[allow(clippy::disallowed_methods, reason = "the rim: everything else takes a `Clock`")]
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for MonotonicClock {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
