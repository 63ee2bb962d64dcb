//! What must hold: at every step, and at the end.

use super::world::{CALM_MS, Till, World};
use crate::ports::{LifeId, SyncStore};
use crate::protocol::event::{Envelope, EventHash};
use crate::protocol::feed::Feed;
use crate::status::Line;
use std::collections::BTreeSet;

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

    /// Invariants 2 and 3: what central holds of a life by number is what a till has written there.
    fn check_prefix(&self, till: &Till) {
        let terminal = till.identity.id.uuid();
        let epoch = self.central.epoch(terminal).unwrap_or_default();
        let (held, newest) = self.central.newest(terminal, epoch);
        let Some(newest) = newest else { return };
        let hash = EventHash::of(newest.as_bytes()).0;
        assert!(self.written.contains(&hash), "{}: events out of nothing", till.identity.name);
        // The newest is compared at every step, all of them at the end.
        let life = LifeId { epoch, ..till.identity.life() };
        let own = till.store.event_at(life, held as u64);
        let place = Envelope::parse(newest).map(|envelope| envelope.place());
        assert_eq!(place.ok(), Some(life.place(held as u64)));
        assert!(own.is_none_or(|own| own.place == life.place(held as u64)));
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

    /// Every event of the journal is held, by number or as a stray, and none twice by number.
    fn has_all_events(&self, till: &Till) -> bool {
        let numbered = self.central.events(till.identity.id.uuid());
        let held: BTreeSet<_> = numbered.iter().cloned().collect();
        assert_eq!(held.len(), numbered.len(), "{}: an event twice", till.identity.name);
        let strays: BTreeSet<_> = self.central.strays().into_iter().collect();
        let is_held = |bytes: &String| held.contains(bytes) || strays.contains(bytes);
        till.store.journal().iter().all(|event| is_held(&event.bytes))
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
