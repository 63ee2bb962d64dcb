//! What a text field sent and has not seen come back.
//!
//! Typing is faster than the round through the view-models: while the screen for "mü" is on its way the person
//! already typed "müs". Setting the field from that screen would eat the "s". So a value that the field itself
//! sent is an echo and is not written back; anything else is the application's own wish and is.

use std::cell::RefCell;
use std::collections::VecDeque;

/// More unanswered edits than this mean that screens were skipped; the oldest are forgotten.
const SENT_MAX: usize = 64;

/// The edits of one field that no screen has answered yet.
#[derive(Default)]
pub struct Echo {
    sent: RefCell<VecDeque<String>>,
    shown: RefCell<String>,
}

impl Echo {
    /// The person changed the field to `text`.
    pub fn sent(&self, text: &str) {
        let mut sent = self.sent.borrow_mut();
        sent.push_back(text.to_owned());
        if sent.len() > SENT_MAX {
            sent.pop_front();
        }
    }

    /// A screen says `text`; whether the field must be set to it.
    pub fn must_show(&self, text: &str) -> bool {
        if *self.shown.borrow() == text {
            return false;
        }
        self.shown.replace(text.to_owned());
        let mut sent = self.sent.borrow_mut();
        match sent.iter().position(|edit| edit == text) {
            Some(position) => {
                sent.drain(..=position);
                false
            }
            None => {
                sent.clear();
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_never_written_back() {
        let echo = Echo::default();
        echo.sent("m");
        echo.sent("mü");
        assert!(!echo.must_show("m"), "the answer to the first letter comes late");
        echo.sent("müs");
        assert!(!echo.must_show("müs"), "a skipped screen does not confuse it");
    }

    #[test]
    fn the_applications_own_wish_is_written() {
        let echo = Echo::default();
        echo.sent("müsli");
        assert!(!echo.must_show("müsli"));
        assert!(echo.must_show(""), "the view was opened afresh");
        assert!(!echo.must_show(""), "the same screen again is no news");
        assert!(echo.must_show("9521234567890"), "a scan fills the field");
    }
}
