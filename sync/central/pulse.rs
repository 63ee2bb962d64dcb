//! Whether central can write, found out by writing: a disk that is full or was set read-only lets itself be read and
//! locked, so nothing less says it.
//!
//! ```text
//! nothing was refused     a few bytes in a row of their own, at most every few seconds; between, the last answer
//! a write was refused     not well until as much as a whole batch finds room, tried at most as often
//! ```
//! The second needs more room than the first on purpose: where a few bytes still fit into the log, a sale may not, and
//! health must not swing with every push. Whoever asks, and however often, costs the disk no more than this.

use crate::Central;
use crate::db::{lock, set_meta};
use crate::error::CentralError;
use std::sync::Mutex;

/// How often a write is tried, at most.
const EVERY_MS: i64 = 5_000;
/// Room that must be there after a write was refused: the largest batch of events, and as much for what it changes.
const ROOM_BYTES: usize = 2 * 1024 * 1024;
/// Key in `meta` of what is written.
const PULSE_KEY: &str = "pulse";

/// When writing was tried, by the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Mutex<Tried>);

#[derive(Clone, Copy, Debug, Default)]
struct Tried {
    a_little_ms: Option<i64>,
    room_ms: Option<i64>,
}

impl Central {
    /// Whether writing works, as of a few seconds ago at most. Blocks.
    ///
    /// # Errors
    /// It does not work, and why, if that was found out just now.
    pub(crate) fn can_write(&self) -> Result<bool, CentralError> {
        let now_ms = self.rim().monotonic_ms();
        let is_recent =
            |tried: Option<i64>| tried.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < EVERY_MS);
        let was_refused = self.database().writer().was_refused();
        // Held while writing: who asks at the same moment gets this answer, and does not write as well.
        let mut tried = lock(&self.pulse().0);
        if is_recent(if was_refused { tried.room_ms } else { tried.a_little_ms }) {
            return Ok(!was_refused);
        }
        // A value that is there already would not be written.
        let beat = now_ms.to_string();
        tried.a_little_ms = Some(now_ms);
        if was_refused {
            tried.room_ms = Some(now_ms);
            let room = "x".repeat(ROOM_BYTES);
            self.database().writer().run(move |c| set_meta(c, PULSE_KEY, &room))?;
            self.database().writer().run(move |c| set_meta(c, PULSE_KEY, &beat))?;
            self.database().writer().forget_refusal();
            return Ok(true);
        }
        self.database().writer().run(move |c| set_meta(c, PULSE_KEY, &beat))?;
        Ok(true)
    }
}
