//! What every storage must do for sync: one suite, run on each implementation of the port
//! [`SyncStore`].
//!
//! Each case gets a fresh, empty storage from `make` and panics with its name when a promise is
//! broken. The suite needs two things that the port does not have: to write events as a sale would,
//! and to close and open.
#![allow(clippy::unwrap_used)] // This module is a test that other crates run.

use crate::memory::sample;
use crate::ports::{LifeId, OutboxItem, Rewound, SyncStore};
use crate::protocol::event::{Envelope, EventHash, SealedEvent};
use crate::protocol::push::{Outcome, PushResult};
use domain::time::DeviceTime;

mod feeds;
mod lives;

/// A storage under test.
pub trait Subject {
    /// The storage.
    fn store(&self) -> &dyn SyncStore;
    /// Commits one event or more, as the shop's day does. The device is enrolled by then.
    fn append(&mut self);
    /// Closes the storage and opens it again. A storage that cannot do so does nothing.
    fn reopen(&mut self);
    /// Changes the stored bytes of an event of the current life behind the storage's back, as a
    /// failing disk does. Returns false if that cannot be done; the case passes then.
    fn damage(&mut self, _seq: u64) -> bool {
        false
    }
}

/// One promise.
pub type Case = fn(&mut dyn Subject);

/// All promises by name.
pub const CASES: [(&str, Case); 24] = [
    ("enrolment is the first event", enrolment_is_the_first_event),
    ("the outbox is in order, gapless and bounded", outbox_is_ordered_and_bounded),
    ("an acknowledgement empties the outbox, once", acknowledgement_empties_the_outbox),
    ("a foreign acknowledgement changes nothing", foreign_acknowledgement_changes_nothing),
    ("a rewind makes events wait again", rewind_makes_events_wait_again),
    ("what is held back can be told again and again", held_back_is_replaced),
    ("a fresh feed has nothing", feeds::fresh_feed_has_nothing),
    ("a snapshot goes on after a restart", feeds::snapshot_goes_on_after_a_restart),
    ("a snapshot removes what it does not have", feeds::snapshot_removes_what_it_lacks),
    ("an empty snapshot is complete at once", feeds::empty_snapshot_is_complete_at_once),
    ("damaged and stale chunks change nothing", feeds::bad_chunks_change_nothing),
    ("pages follow the cursor", feeds::pages_follow_the_cursor),
    ("damaged pages change nothing", feeds::damaged_pages_change_nothing),
    ("feeds do not wait for each other", feeds::feeds_are_independent),
    ("rows that do not add up are told", feeds::sums_are_compared),
    ("a renewal begins the next life and closes the one before", lives::renewal_closes),
    ("a recovered journal goes on by number", lives::recovery_goes_on),
    ("registering concerns one life", lives::registering_concerns_one_life),
    ("what a closed life still writes are strays", lives::closed_life_has_strays),
    ("strays are booked in order and can wait again", lives::strays_are_booked),
    ("books of lives are apart", lives::books_are_apart),
    ("a device can be enrolled again", lives::enrolment_again),
    ("events know the clock's fault", lives::clock_is_stamped),
    ("a damaged event does not hold up the others", lives::damage_is_told),
];

/// Runs all cases, each on a fresh storage.
///
/// # Panics
/// When a promise is broken; the case's name is printed before.
pub fn check(mut make: impl FnMut() -> Box<dyn Subject>) {
    for (name, case) in CASES {
        let mut subject = make();
        let run = std::panic::AssertUnwindSafe(|| case(subject.as_mut()));
        if let Err(cause) = std::panic::catch_unwind(run) {
            let text = cause
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| cause.downcast_ref::<&str>().copied());
            panic!("conformance, {name}: {}", text.unwrap_or("a panic without words"));
        }
    }
}

const AT: DeviceTime = DeviceTime(1_800_000_000_000);
const EPOCH: u32 = 1;

/// The life of the first enrolment.
fn life() -> LifeId {
    sample::identity(1).life()
}

fn enrol(subject: &mut dyn Subject) {
    subject.store().enrol(&sample::identity(1), "crossroads/test", AT).unwrap();
}

/// The life that follows [`life`].
fn next_life() -> LifeId {
    LifeId { epoch: EPOCH + 1, ..life() }
}

/// Enrols and writes at least `count` events; returns all that wait.
fn with_events(subject: &mut dyn Subject, count: usize) -> Vec<SealedEvent> {
    enrol(subject);
    for _ in 0..count {
        if waiting(subject).len() >= count {
            break;
        }
        subject.append();
    }
    let events = waiting(subject);
    assert!(events.len() >= count, "`append` writes at least one event");
    events
}

fn waiting(subject: &dyn Subject) -> Vec<SealedEvent> {
    waiting_of(subject, life())
}

fn waiting_of(subject: &dyn Subject, life: LifeId) -> Vec<SealedEvent> {
    sealed(subject.store().outbox(life, usize::MAX, usize::MAX).unwrap())
}

/// The events, none of which may be damaged.
fn sealed(items: Vec<OutboxItem>) -> Vec<SealedEvent> {
    items.into_iter().map(|item| item.sealed().expect("no damage was done").clone()).collect()
}

fn seqs(events: &[SealedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.place.seq).collect()
}

fn enrolment_is_the_first_event(subject: &mut dyn Subject) {
    assert_eq!(subject.store().identity().unwrap(), None);
    assert!(waiting(subject).is_empty());
    enrol(subject);
    subject.reopen();
    assert_eq!(subject.store().identity().unwrap(), Some(sample::identity(1)));
    let events = waiting(subject);
    assert_eq!(seqs(&events), [1]);
    let envelope = Envelope::parse(&events[0].bytes).unwrap();
    assert_eq!(envelope.kind, "terminal.enrolled");
    assert_eq!(envelope.prev_hash().unwrap(), EventHash::GENESIS);
}

fn outbox_is_ordered_and_bounded(subject: &mut dyn Subject) {
    let events = with_events(subject, 6);
    let mut prev = EventHash::GENESIS;
    for (event, seq) in events.iter().zip(1..) {
        assert_eq!((event.place.epoch, event.place.seq), (EPOCH, seq));
        assert_eq!(event.place.terminal, sample::identity(1).id);
        assert_eq!(event.hash, EventHash::of(event.bytes.as_bytes()));
        let envelope = Envelope::parse(&event.bytes).unwrap();
        assert_eq!(envelope.place(), event.place);
        assert_eq!(envelope.prev_hash().unwrap(), prev);
        prev = event.hash;
    }
    let store = subject.store();
    assert_eq!(sealed(store.outbox(life(), 3, usize::MAX).unwrap()), events[..3]);
    // One event always goes, or else a large one would stop the queue.
    assert_eq!(sealed(store.outbox(life(), 500, 1).unwrap()), events[..1]);
    let two = events[0].bytes.len() + events[1].bytes.len();
    let some = store.outbox(life(), 500, two).unwrap().len();
    assert!((1..=3).contains(&some), "`bytes_max` of two events brought {some}");
    assert_eq!(waiting(subject), events, "looking changes nothing");
}

fn results(events: &[SealedEvent], outcome: Outcome) -> Vec<PushResult> {
    let result = |event: &SealedEvent| PushResult {
        seq: event.place.seq,
        outcome,
        code: (outcome == Outcome::Quarantined).then(|| "UNKNOWN_TYPE".into()),
    };
    events.iter().map(result).collect()
}

fn acknowledgement_empties_the_outbox(subject: &mut dyn Subject) {
    let events = with_events(subject, 4);
    let ack = |subject: &dyn Subject, at: usize, outcome| {
        let results = results(&events[..=at], outcome);
        let (seq, hash) = (events[at].place.seq, events[at].hash);
        subject.store().acknowledge(life(), seq, hash, &results, AT).unwrap()
    };
    assert!(ack(subject, 1, Outcome::Applied));
    assert_eq!(seqs(&waiting(subject)), seqs(&events[2..]));
    // The same again, and an older one that comes late: true, and nothing goes back.
    assert!(ack(subject, 1, Outcome::Duplicate));
    assert!(ack(subject, 0, Outcome::Duplicate));
    assert_eq!(seqs(&waiting(subject)), seqs(&events[2..]));
    // Refused by business rules is acknowledged all the same.
    assert!(ack(subject, events.len() - 1, Outcome::Quarantined));
    assert!(waiting(subject).is_empty());
    subject.reopen();
    assert!(waiting(subject).is_empty());
    subject.append();
    let next = waiting(subject);
    assert_eq!(next[0].place.seq, events.len() as u64 + 1, "numbers have no holes");
}

fn foreign_acknowledgement_changes_nothing(subject: &mut dyn Subject) {
    let events = with_events(subject, 3);
    let store = subject.store();
    let foreign = EventHash::of(b"another history");
    assert!(!store.acknowledge(life(), 2, foreign, &[], AT).unwrap(), "another hash");
    let beyond = events.len() as u64 + 5;
    assert!(!store.acknowledge(life(), beyond, foreign, &[], AT).unwrap(), "beyond the end");
    assert!(!store.acknowledge(life(), u64::MAX, foreign, &[], AT).unwrap(), "absurd number");
    let hash = events[0].hash;
    assert!(!store.acknowledge(next_life(), 1, hash, &[], AT).unwrap(), "another epoch");
    assert_eq!(store.rewind(life(), 1, foreign).unwrap(), Rewound::Unfit, "a foreign watermark");
    assert_eq!(waiting(subject), events);
}

fn rewind_makes_events_wait_again(subject: &mut dyn Subject) {
    let events = with_events(subject, 5);
    let store = subject.store();
    let last = events.last().unwrap();
    assert!(store.acknowledge(life(), last.place.seq, last.hash, &[], AT).unwrap());
    let here = store.rewind(life(), last.place.seq, last.hash).unwrap();
    assert_eq!(here, Rewound::Nothing, "where we stand");
    assert!(waiting(subject).is_empty());
    let foreign = EventHash::of(b"x");
    assert_eq!(subject.store().rewind(life(), 2, foreign).unwrap(), Rewound::Unfit);
    assert!(waiting(subject).is_empty(), "a fork must not make events wait");
    assert_eq!(subject.store().rewind(life(), 2, events[1].hash).unwrap(), Rewound::Again);
    assert_eq!(waiting(subject), events[2..], "the same bytes as before");
    subject.reopen();
    assert_eq!(waiting(subject), events[2..]);
    let none = subject.store().rewind(life(), 0, events[0].hash).unwrap();
    assert_eq!(none, Rewound::Unfit, "0 has no event");
    let genesis = EventHash::GENESIS;
    assert_eq!(subject.store().rewind(life(), 0, genesis).unwrap(), Rewound::Again);
    assert_eq!(waiting(subject), events, "central has lost everything");
    assert!(subject.store().acknowledge(life(), last.place.seq, last.hash, &[], AT).unwrap());
    assert!(waiting(subject).is_empty());
}

fn held_back_is_replaced(subject: &mut dyn Subject) {
    let events = with_events(subject, 3);
    let last = events.last().unwrap();
    let quarantined = results(&events[1..2], Outcome::Quarantined);
    let store = subject.store();
    assert!(store.acknowledge(life(), last.place.seq, last.hash, &quarantined, AT).unwrap());
    store.set_held_back(life(), &quarantined).unwrap();
    store.set_held_back(life(), &quarantined).unwrap();
    store.set_held_back(life(), &[]).unwrap();
    // A number that we do not have must not make it fail.
    let strange = PushResult { seq: 9_999, outcome: Outcome::Parked, code: None };
    store.set_held_back(life(), &[strange]).unwrap();
    assert!(waiting(subject).is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;

    #[derive(Default)]
    struct InMemory(MemoryStore, u64);

    impl Subject for InMemory {
        fn store(&self) -> &dyn SyncStore {
            &self.0
        }
        fn append(&mut self) {
            self.1 += 1;
            self.0.append(&sample::event(self.1), AT);
        }
        fn reopen(&mut self) {}
        fn damage(&mut self, seq: u64) -> bool {
            self.0.damage(seq);
            true
        }
    }

    #[test]
    fn the_memory_store_conforms() {
        check(|| Box::new(InMemory::default()));
    }
}
