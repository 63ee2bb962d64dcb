//! What must hold: at every step, and at the end.

use super::world::{CALM_MS, Till, World};
use crate::ports::SyncStore;
use crate::protocol::feed::Feed;
use crate::status::Line;

impl World {
    /// Invariants that hold whatever happens.
    pub(super) fn check_safety(&self) {
        for till in &self.tills {
            self.check_prefix(till);
            // Invariant 10: something will happen by itself, unless a person has cut the line.
            let has_next = !till.open.is_empty() || till.timer_ms.is_some();
            assert!(has_next || till.status.is_cut, "{} stands still", till.identity.name);
            if let Some(at_ms) = till.timer_ms {
                assert!(at_ms >= self.now_ms || till.status.is_cut, "a timer was forgotten");
            }
        }
    }

    /// Invariants 2 and 3: central holds a prefix of the journal: each event once, in order, to the
    /// letter.
    fn check_prefix(&self, till: &Till) {
        let id = till.identity.life();
        let (held, newest) = self.central.newest(id.terminal.uuid(), id.epoch);
        // The newest is compared at every step, all of them at the end.
        let own = till.store.event_at(id, held as u64);
        assert!(held == 0 || own.is_some(), "{}: events out of nothing", till.identity.name);
        assert_eq!(newest.map(str::to_owned), own.map(|event| event.bytes));
    }

    /// Whether everything has reached its place.
    pub(super) fn is_at_rest(&self) -> bool {
        self.tills.iter().all(|till| {
            till.store.outbox_len() == 0
                && till.status.line == Line::Online
                && till.status.problem.is_none()
                && !till.status.is_busy
                && till.status.percent == 100
                && self.has_all_events(till)
                && Feed::ALL.iter().all(|feed| self.is_feed_equal(till, *feed))
        })
    }

    fn has_all_events(&self, till: &Till) -> bool {
        let journal = till.store.journal();
        let held = self.central.events(till.identity.id.uuid());
        journal.iter().map(|event| &event.bytes).eq(held.iter())
    }

    fn is_feed_equal(&self, till: &Till, feed: Feed) -> bool {
        let cursor = till.store.feed_progress(feed).ok().and_then(|progress| progress.cursor);
        let is_at_head = cursor.is_some_and(|cursor| !self.central.has_news(feed, &cursor));
        is_at_head && till.store.rows(feed) == self.central.rows(feed)
    }

    /// What must be true when everything has been well for long enough.
    pub(super) fn check_liveness(&self) {
        let minutes = CALM_MS / 60_000;
        for till in &self.tills {
            let name = &till.identity.name;
            let waiting = till.store.outbox_len();
            assert_eq!(waiting, 0, "{name} has an outbox after {minutes} calm minutes");
            assert!(self.has_all_events(till), "{name}: central lacks or doubles events");
            for feed in Feed::ALL {
                assert!(self.is_feed_equal(till, feed), "{name}: feed {feed:?} differs");
            }
            assert_eq!(till.status.problem, None, "{name} has a problem left");
            assert_eq!(till.status.line, Line::Online, "{name}");
            assert_eq!(till.status.percent, 100, "{name}");
            assert!(!till.status.is_busy, "{name} is busy for ever");
        }
        assert!(self.is_healed, "the run ends in calm weather");
    }
}
