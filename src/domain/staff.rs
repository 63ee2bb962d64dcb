//! People who sign in.

use crate::id::StaffId;

/// What a person may do at the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum StaffRole {
    /// Advises on the floor.
    Associate,
    /// Takes money.
    #[default]
    Cashier,
    /// May also undo locks.
    Manager,
}

impl StaffRole {
    /// The name in SQL and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Associate => "associate",
            Self::Cashier => "cashier",
            Self::Manager => "manager",
        }
    }
    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Associate, Self::Cashier, Self::Manager].into_iter().find(|role| role.name() == name)
    }
}

/// A person who signs in with a PIN.
#[derive(Clone, PartialEq, Eq)]
pub struct Staff {
    /// Identity.
    pub id: StaffId,
    /// Staff number, typed or shown on the chip.
    pub number: String,
    /// Name on chip and receipt.
    pub name: String,
    /// What they may do.
    pub role: StaffRole,
    /// Verifier of the PIN: an Argon2id string in PHC format; never the PIN.
    pub pin_verifier: String,
    /// Digits of the PIN.
    pub pin_length: u8,
}

impl std::fmt::Debug for Staff {
    /// Leaves the verifier out: logs are no place for it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staff")
            .field("id", &self.id)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// What guards the PIN of one person against guessing: failures are counted on disk before the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PinAttempts {
    /// Failures since the last success.
    pub failures: u32,
    /// Monotone wall time in milliseconds before which no try is accepted.
    pub locked_until_ms: i64,
}

impl PinAttempts {
    /// After so many failures the lock is long.
    pub const FAILURES_MAX: u32 = 5;
    /// The long lock, in milliseconds.
    pub const LOCK_MS: i64 = 5 * 60 * 1000;

    /// Milliseconds still to wait at `now_ms`; a clock that was set back does not lengthen the lock.
    pub fn wait_ms(&self, now_ms: i64) -> i64 {
        (self.locked_until_ms - now_ms).clamp(0, Self::LOCK_MS)
    }

    /// Tries left before the long lock.
    pub fn left(&self) -> u32 {
        Self::FAILURES_MAX - (self.failures % Self::FAILURES_MAX)
    }

    /// Books one more try as failed: a success takes it back. Waits 0, 1, 2, 4 seconds, then the long lock.
    pub fn after_failure(&self, now_ms: i64) -> Self {
        let failures = self.failures.saturating_add(1);
        let wait = match failures % Self::FAILURES_MAX {
            0 => Self::LOCK_MS,
            1 => 0,
            n => 1000 << (n - 2),
        };
        Self { failures, locked_until_ms: now_ms.saturating_add(wait) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_gets_slower_and_then_stops() {
        let mut attempts = PinAttempts::default();
        let mut waits = Vec::new();
        for _ in 0..6 {
            attempts = attempts.after_failure(1000);
            waits.push((attempts.wait_ms(1000), attempts.left()));
        }
        let lock = PinAttempts::LOCK_MS;
        assert_eq!(waits, [(0, 4), (1000, 3), (2000, 2), (4000, 1), (lock, 5), (0, 4)]);
        assert_eq!(attempts.after_failure(i64::MAX).wait_ms(0), lock);
    }
}
