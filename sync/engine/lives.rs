//! The lives lane: who this device is and was, and the storage's side of every change of that.
//!
//! ```text
//! Registered ──another history at central──> Closed, and the next life Unregistered
//!     ^                                                             │
//!     └──────────── central notes its key (register lane) <─────────┤
//!                   EPOCH_TAKEN, or nobody can vouch for it: Closed <┘
//! ```
//! Other lanes wish; this one does, one wish after the other, and again until it is done. While a
//! wish is open nothing that depends on lives is sent. A wish is harmless when it comes twice.

use super::Turn;
use super::lane::{Lane, Pace};
use super::work::{StoreDone, StoreWork};
use crate::ports::{DeviceKey, Life, LifeId, LifeStanding};
use crate::status::SyncProblem;
use domain::event::RenewalReason;
use std::collections::VecDeque;

/// Lives in order are looked at so often even without a reason: they may change behind our back
/// (the person enrols again).
const RECHECK_MS: u64 = 60_000;
/// Without an identity, or with something open, so often.
const RECHECK_SOON_MS: u64 = 30_000;
/// More open wishes than lives that a device can have mean that something spins.
const WISHES_MAX: usize = 64;

/// A change of lives that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Begin the next life after this one.
    Renew { former: LifeId, reason: RenewalReason },
    /// Central knows this life.
    Registered(LifeId),
    /// Central books no more of this life by number.
    Close(LifeId),
}

/// Knows the lives, and changes them.
#[derive(Clone, Debug, Default)]
pub struct LivesLane {
    pub lane: Lane,
    lives: Vec<Life>,
    wishes: VecDeque<Wish>,
    is_known: bool,
    due_ms: u64,
}

impl LivesLane {
    /// All lives, oldest first.
    pub fn all(&self) -> &[Life] {
        &self.lives
    }

    /// The life that this device is in now.
    pub fn current(&self) -> Option<&Life> {
        self.lives.last()
    }

    /// One life.
    pub fn get(&self, life: LifeId) -> Option<&Life> {
        self.lives.iter().find(|known| known.id() == life)
    }

    /// A change is under way: what depends on lives waits.
    pub fn is_changing(&self) -> bool {
        !self.wishes.is_empty()
    }

    /// Wants a change. The same wish twice is one.
    pub fn wish(&mut self, wish: Wish) {
        if !self.wishes.contains(&wish) && self.wishes.len() < WISHES_MAX {
            self.wishes.push_back(wish);
        }
    }

    /// Nothing of a life waits to go by number, as the storage has just said.
    pub fn note_pushed(&mut self, life: LifeId) {
        if let Some(known) = self.lives.iter_mut().find(|known| known.id() == life) {
            known.waiting = 0;
        }
        self.due_ms = 0;
    }

    /// No strays of a life wait, as the storage has just said.
    pub fn note_no_strays(&mut self, life: LifeId) {
        if let Some(known) = self.lives.iter_mut().find(|known| known.id() == life) {
            known.strays = 0;
        }
    }

    /// Lives may have changed: look.
    pub fn look(&mut self) {
        self.due_ms = 0;
    }

    /// When to look without a reason.
    pub fn alarm_ms(&self) -> u64 {
        self.due_ms
    }

    /// Starts what can start.
    pub fn pump(&mut self, turn: &mut Turn<'_>) {
        if !self.lane.is_free(turn.now) {
            return;
        }
        let work = match self.wishes.front() {
            Some(Wish::Renew { former, reason }) => {
                let mut seed = [0u8; 32];
                turn.rng.fill_bytes(&mut seed);
                let (former, reason, at) = (*former, *reason, turn.now.wall);
                StoreWork::Renew { former, reason, device_key: DeviceKey(seed), at }
            }
            Some(Wish::Registered(life)) => StoreWork::BookRegistered(*life),
            Some(Wish::Close(life)) => StoreWork::CloseLife(*life),
            None if turn.now.monotonic_ms >= self.due_ms => StoreWork::Lives,
            None => return,
        };
        // A reason to look that comes meanwhile makes us look once more.
        self.due_ms = u64::MAX;
        self.lane.store(turn, work);
    }

    /// Takes the lives. Returns the life that was current before, if another one is now.
    pub fn stored(&mut self, turn: &mut Turn<'_>, is_wish: bool, done: StoreDone) -> Change {
        let StoreDone::Lives(lives) = done else {
            self.due_ms = 0;
            self.lane.fail(turn, SyncProblem::StorageFailed, Pace::Soon);
            return Change::Nothing;
        };
        self.lane.succeed();
        if is_wish {
            self.wishes.pop_front();
        }
        let before = self.current().map(Life::id);
        let is_first = !std::mem::replace(&mut self.is_known, true);
        self.lives = lives;
        let pause_ms = if self.is_in_order() { RECHECK_MS } else { RECHECK_SOON_MS };
        let next_ms = turn.now.monotonic_ms.saturating_add(pause_ms);
        if self.due_ms == u64::MAX {
            self.due_ms = next_ms;
        }
        match self.current().map(Life::id) {
            current if current == before => Change::Nothing,
            _ if is_first || before.is_none() => Change::Learnt,
            _ => Change::Another,
        }
    }

    fn is_in_order(&self) -> bool {
        let Some((current, former)) = self.lives.split_last() else { return false };
        let is_done = |life: &Life| life.waiting == 0 && life.strays == 0;
        current.standing == LifeStanding::Registered
            && current.strays == 0
            && former.iter().all(is_done)
    }
}

/// What a look at the lives has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The same life is current.
    Nothing,
    /// We know who we are now.
    Learnt,
    /// Another life is current: renewed or enrolled again.
    Another,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::sample;
    use crate::ports::TerminalIdentity;

    fn life(epoch: u32, standing: LifeStanding, waiting: u64, strays: u64) -> Life {
        Life {
            identity: TerminalIdentity { epoch, ..sample::identity(1) },
            standing,
            acked_seq: 1,
            last_seq: 9,
            waiting,
            strays,
            clock_offset_ms: None,
        }
    }

    fn lane(lives: Vec<Life>) -> LivesLane {
        LivesLane { lives, ..LivesLane::default() }
    }

    #[test]
    fn the_same_wish_twice_is_one_and_wishes_do_not_pile_up() {
        let id = |epoch| life(epoch, LifeStanding::Registered, 0, 0).id();
        let mut lane = LivesLane::default();
        assert!(!lane.is_changing());
        lane.wish(Wish::Close(id(1)));
        assert!(lane.is_changing());
        lane.wish(Wish::Close(id(1)));
        assert_eq!(lane.wishes.len(), 1);
        (0..100).for_each(|epoch| lane.wish(Wish::Close(id(epoch))));
        assert_eq!(lane.wishes.len(), WISHES_MAX);
    }

    /// Lives -> whether it is enough to look once a minute.
    #[test]
    fn lives_are_in_order_when_nothing_waits_but_what_is_about_to_go() {
        let (closed, registered) = (LifeStanding::Closed, LifeStanding::Registered);
        for (lives, is_in_order) in [
            (vec![], false),
            (vec![life(1, registered, 0, 0)], true),
            (vec![life(1, registered, 3, 0)], true),
            (vec![life(1, registered, 0, 1)], false),
            (vec![life(1, closed, 0, 0)], false),
            (vec![life(1, closed, 0, 0), life(2, registered, 0, 0)], true),
            (vec![life(1, closed, 1, 0), life(2, registered, 0, 0)], false),
            (vec![life(1, closed, 0, 1), life(2, registered, 0, 0)], false),
            (vec![life(1, closed, 0, 0), life(2, registered, 0, 1)], false),
        ] {
            assert_eq!(lane(lives.clone()).is_in_order(), is_in_order, "{lives:?}");
        }
    }

    #[test]
    fn what_the_storage_says_of_one_life_is_noted_of_that_one() {
        let lives = || {
            let of = |epoch| life(epoch, LifeStanding::Closed, 5, 7);
            vec![of(1), of(2), of(3)]
        };
        let numbers = |lane: &LivesLane| -> Vec<(u64, u64)> {
            lane.all().iter().map(|life| (life.waiting, life.strays)).collect()
        };
        let mut without_strays = lane(lives());
        without_strays.note_no_strays(lives()[1].id());
        assert_eq!(numbers(&without_strays), [(5, 7), (5, 0), (5, 7)]);
        let mut pushed = lane(lives());
        pushed.due_ms = 9;
        pushed.note_pushed(lives()[1].id());
        assert_eq!(numbers(&pushed), [(5, 7), (0, 7), (5, 7)]);
        assert_eq!(pushed.alarm_ms(), 0, "and they are looked at");
        assert_eq!(pushed.get(lives()[2].id()).map(Life::id), Some(lives()[2].id()));
        assert_eq!(pushed.current().map(Life::id), Some(lives()[2].id()));
    }
}
