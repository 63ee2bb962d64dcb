//! Keys of a keyboard on the desk, told apart from a scanner that types.
//!
//! A scanner in keyboard mode types digits too, and they must never become a PIN or an amount. So a key waits a
//! moment: when another one follows as fast as only a scanner types, both are dropped; when none does, a person
//! typed it. Time is the window's own (timers), so a test moves it by hand.

use scan::wedge::GAP_MS_MAX;
use slint::{Timer, TimerMode};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// How long a key waits, in milliseconds: longer than the longest gap of a scanner, shorter than a person notices.
const HOLD_MS: u64 = 60;

/// A key that a view may want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypedKey {
    /// `0` to `9`, of either part of the keyboard.
    Digit(u8),
    /// Takes the last digit back.
    Erase,
    /// Return or Enter.
    Enter,
}

impl TypedKey {
    /// The key behind the text of a key event; `None` for all that no view wants.
    pub fn of(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [digit @ b'0'..=b'9'] => Some(Self::Digit(digit - b'0')),
            [0x08] => Some(Self::Erase),
            [b'\n' | b'\r'] => Some(Self::Enter),
            _ => None,
        }
    }
}

/// Holds keys back until it is known who typed them.
pub struct Typing {
    /// Runs for as long as the next key would be a scanner's.
    gap: Timer,
    hold: Timer,
    held: Rc<Held>,
}

struct Held {
    key: Cell<Option<TypedKey>>,
    typed: Box<dyn Fn(TypedKey)>,
}

impl Held {
    fn release(&self) {
        if let Some(key) = self.key.take() {
            (self.typed)(key);
        }
    }
}

impl Typing {
    /// Calls `typed` with each key that a person pressed, `HOLD_MS` later at most.
    pub fn new(typed: impl Fn(TypedKey) + 'static) -> Self {
        let held = Held { key: Cell::new(None), typed: Box::new(typed) };
        Self { gap: Timer::default(), hold: Timer::default(), held: Rc::new(held) }
    }

    /// Takes a key. Every key must come here, because any may belong to a burst; `wanted` names the ones that the
    /// view in front understands.
    pub fn press(&self, wanted: Option<TypedKey>) {
        let is_burst = self.gap.running();
        self.gap.start(TimerMode::SingleShot, Duration::from_millis(GAP_MS_MAX), || {});
        if is_burst {
            self.drop_held();
            return;
        }
        // The key before it was slower than any scanner.
        self.held.release();
        self.held.key.set(wanted);
        if wanted.is_some() {
            let held = Rc::clone(&self.held);
            self.hold.start(TimerMode::SingleShot, Duration::from_millis(HOLD_MS), move || {
                held.release();
            });
        }
    }

    /// A scan is complete: nothing of it was typed.
    pub fn drop_held(&self) {
        self.hold.stop();
        self.held.key.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_meaning() {
        assert_eq!(TypedKey::of("7"), Some(TypedKey::Digit(7)));
        assert_eq!(TypedKey::of("\u{8}"), Some(TypedKey::Erase));
        assert_eq!(TypedKey::of("\n"), Some(TypedKey::Enter));
        for other in ["", "a", "12", "\u{1b}", "٣"] {
            assert_eq!(TypedKey::of(other), None, "{other:?}");
        }
    }
}
