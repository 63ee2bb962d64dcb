//! One slot between two threads, in which the newest frame wins.
//!
//! A reader that is slow sees what is before the camera now, never what was there four frames ago.
//! Buffers travel back through the same slot, so that a running camera allocates nothing.

use crate::frame::Frame;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Default)]
struct Slot {
    frame: Option<Frame>,
    spare: Option<Frame>,
    dropped: u64,
    is_closed: bool,
}

/// What waiting for a frame ended in.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// The newest frame.
    Frame(Frame),
    /// Nothing came in time.
    Timeout,
    /// The other side is gone and nothing is left.
    Closed,
}

/// The slot.
#[derive(Default)]
pub struct Mailbox {
    slot: Mutex<Slot>,
    arrived: Condvar,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        // A slot is whole between any two statements, so a panic elsewhere does not spoil it.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a frame in; one that nobody took is dropped and counted. Returns a buffer to fill next.
    pub fn put(&self, frame: Frame) -> Frame {
        let mut slot = self.lock();
        let old = slot.frame.replace(frame);
        slot.dropped += u64::from(old.is_some());
        let spare = old.or_else(|| slot.spare.take()).unwrap_or_default();
        drop(slot);
        self.arrived.notify_one();
        spare
    }

    /// Takes the newest frame, waiting for it at most `patience`.
    pub fn take(&self, patience: Duration) -> Taken {
        let slot = self.lock();
        let is_waiting = |slot: &mut Slot| slot.frame.is_none() && !slot.is_closed;
        let (mut slot, _) = self
            .arrived
            .wait_timeout_while(slot, patience, is_waiting)
            .unwrap_or_else(PoisonError::into_inner);
        match slot.frame.take() {
            Some(frame) => Taken::Frame(frame),
            None if slot.is_closed => Taken::Closed,
            None => Taken::Timeout,
        }
    }

    /// Gives a buffer back for the next frame.
    pub fn give_back(&self, frame: Frame) {
        self.lock().spare = Some(frame);
    }

    /// Says that no frame will come any more.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_all();
    }

    /// Whether one side has closed it.
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Frames that were dropped because newer ones came.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;

    const AT_ONCE: Duration = Duration::ZERO;

    #[test]
    fn the_newest_frame_wins_and_old_ones_are_counted() {
        let mailbox = Mailbox::default();
        assert_eq!(mailbox.take(AT_ONCE), Taken::Timeout);
        for value in 1..=3 {
            mailbox.put(Frame::filled(4, 4, value));
        }
        let Taken::Frame(frame) = mailbox.take(AT_ONCE) else { panic!("a frame was put in") };
        assert_eq!(frame.luma[0], 3);
        assert_eq!(mailbox.dropped(), 2);
        mailbox.give_back(frame);
        assert_eq!(mailbox.put(Frame::filled(4, 4, 9)).luma[0], 3, "the buffer came back");
    }

    #[test]
    fn closing_wakes_who_waits_but_keeps_the_last_frame() {
        let mailbox = Arc::new(Mailbox::default());
        let other = mailbox.clone();
        let waiter = std::thread::spawn(move || other.take(Duration::from_secs(20)));
        mailbox.close();
        assert_eq!(waiter.join().unwrap(), Taken::Closed);
        let mailbox = Mailbox::default();
        mailbox.put(Frame::default());
        mailbox.close();
        assert_eq!(mailbox.take(AT_ONCE), Taken::Frame(Frame::default()));
        assert_eq!(mailbox.take(AT_ONCE), Taken::Closed);
    }
}
