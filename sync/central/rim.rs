//! The rim: where central gets time and randomness from. Everything else receives them through [`Rim`], so that
//! tests can set the clock and a replay gets the same ids.

use crate::error::CentralError;
use rand::TryRng;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Clock and randomness.
pub trait Rim: Send + Sync {
    /// Milliseconds since 1970 UTC.
    fn now_ms(&self) -> i64;
    /// Milliseconds since some fixed moment; never goes back. Lifetimes of tokens and nonces are counted in it.
    fn monotonic_ms(&self) -> i64;
    /// Fills with unpredictable bytes.
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), CentralError>;

    /// A new identity (UUID version 7, RFC 9562).
    fn new_id(&self) -> Result<Uuid, CentralError> {
        let mut random = [0; 10];
        self.fill_random(&mut random)?;
        Ok(id_at(self.now_ms(), &random))
    }
}

/// The UUID of version 7 with that time and those random bits.
pub fn id_at(at_ms: i64, random: &[u8; 10]) -> Uuid {
    let at_ms = u64::try_from(at_ms).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(at_ms, random).into_uuid()
}

/// The clock and random source of the machine.
pub struct SystemRim {
    started: Instant,
}

impl SystemRim {
    /// Starts the monotonic clock.
    #[allow(clippy::disallowed_methods, reason = "this is the rim")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}
impl Default for SystemRim {
    fn default() -> Self {
        Self::new()
    }
}
impl Rim for SystemRim {
    #[allow(clippy::disallowed_methods, reason = "this is the rim")]
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
    fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), CentralError> {
        rand::rngs::SysRng.try_fill_bytes(bytes).map_err(|_| CentralError::Random)
    }
}
