//! What every storage must do for sync: one suite, run on each implementation of the port
//! [`SyncStore`].
//!
//! Each case gets a fresh, empty storage from `make` and panics with its name when a promise is
//! broken. The suite needs two things that the port does not have: to write events as a sale would,
//! and to close and open.
#![allow(clippy::unwrap_used)] // This module is a test that other crates run.

use crate::digest::{RowDigest, TableDigest};
use crate::memory::sample;
use crate::ports::{Applied, LifeId, OutboxItem, Rewound, SyncStore};
use crate::protocol::event::{Envelope, EventHash, SealedEvent};
use crate::protocol::feed::{Change, ChangesPage, Checkpoint, Feed, Included};
use crate::protocol::push::{Outcome, PushResult};
use crate::protocol::snapshot::{FeedSnapshot, SnapshotLine};
use crate::snapshot::{PackedChunk, pack};
use domain::time::DeviceTime;

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
    ("a fresh feed has nothing", fresh_feed_has_nothing),
    ("a snapshot goes on after a restart", snapshot_goes_on_after_a_restart),
    ("a snapshot removes what it does not have", snapshot_removes_what_it_lacks),
    ("an empty snapshot is complete at once", empty_snapshot_is_complete_at_once),
    ("damaged and stale chunks change nothing", bad_chunks_change_nothing),
    ("pages follow the cursor", pages_follow_the_cursor),
    ("damaged pages change nothing", damaged_pages_change_nothing),
    ("feeds do not wait for each other", feeds_are_independent),
    ("rows that do not add up are told", sums_are_compared),
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

fn fresh_feed_has_nothing(subject: &mut dyn Subject) {
    enrol(subject);
    for feed in Feed::ALL {
        let progress = subject.store().feed_progress(feed).unwrap();
        assert_eq!((progress.cursor, progress.snapshot, progress.rows), (None, None, 0));
        assert_eq!(apply(subject, feed, "1.0", &page(Vec::new(), "1.1")), Applied::Stale);
        let chunk = chunk(feed, 0..2);
        assert_eq!(apply_chunk(subject, feed, &chunk), Applied::Stale);
        subject.store().reset_feed(feed).unwrap();
    }
}

fn chunk(feed: Feed, rows: std::ops::Range<u64>) -> PackedChunk {
    let lines: Vec<_> = rows.map(|n| sample::line(feed, n, 1)).collect();
    pack(&lines).unwrap()
}

fn plan(feed: Feed, cursor: &str, chunks: &[PackedChunk]) -> FeedSnapshot {
    let chunks: Vec<_> = chunks.iter().map(|chunk| chunk.info.clone()).collect();
    let rows = chunks.iter().map(|chunk| chunk.rows).sum();
    FeedSnapshot { feed, cursor: cursor.into(), rows, chunks, checkpoint: None }
}

fn page(changes: Vec<Change>, next: &str) -> ChangesPage {
    let next = next.into();
    let included = vec![Included { epoch: EPOCH, seq: 0 }];
    ChangesPage { changes, next, more: false, included, checkpoint: None, server_time_ms: AT.0 }
}

fn apply(subject: &dyn Subject, feed: Feed, after: &str, page: &ChangesPage) -> Applied {
    subject.store().apply_page(feed, after, page, AT).unwrap()
}

fn apply_chunk(subject: &dyn Subject, feed: Feed, chunk: &PackedChunk) -> Applied {
    subject.store().apply_chunk(feed, &chunk.info.sha256, &chunk.bytes, AT).unwrap()
}

/// Cursor, chunks applied, rows held.
fn stand(subject: &dyn Subject, feed: Feed) -> (Option<String>, Option<usize>, u64) {
    let progress = subject.store().feed_progress(feed).unwrap();
    (progress.cursor, progress.snapshot.map(|snapshot| snapshot.chunks_applied), progress.rows)
}

fn snapshot_goes_on_after_a_restart(subject: &mut dyn Subject) {
    enrol(subject);
    for feed in Feed::ALL {
        let chunks = [chunk(feed, 0..3), chunk(feed, 3..6), chunk(feed, 6..7)];
        let plan = plan(feed, "7.7", &chunks);
        subject.store().begin_snapshot(&plan).unwrap();
        assert_eq!(stand(subject, feed), (None, Some(0), 0));
        assert_eq!(apply_chunk(subject, feed, &chunks[0]), Applied::Committed);
        // Rows are there at once, so that selling starts before the rest is in.
        assert_eq!(stand(subject, feed), (None, Some(1), 3));
        subject.reopen();
        let progress = subject.store().feed_progress(feed).unwrap();
        let snapshot = progress.snapshot.unwrap();
        assert_eq!((snapshot.rows_applied, &snapshot.plan), (3, &plan));
        assert_eq!(progress.moved_at, Some(AT));
        subject.store().begin_snapshot(&plan).unwrap();
        assert_eq!(stand(subject, feed), (None, Some(1), 3), "the same plan goes on");
        assert_eq!(apply_chunk(subject, feed, &chunks[1]), Applied::Committed);
        assert_eq!(apply_chunk(subject, feed, &chunks[2]), Applied::Committed);
        assert_eq!(stand(subject, feed), (Some("7.7".into()), None, 7), "{feed:?}");
        assert_eq!(apply_chunk(subject, feed, &chunks[2]), Applied::Stale, "it is over");
    }
    subject.reopen();
    for feed in Feed::ALL {
        assert_eq!(stand(subject, feed), (Some("7.7".into()), None, 7));
    }
}

fn snapshot_removes_what_it_lacks(subject: &mut dyn Subject) {
    enrol(subject);
    let feed = Feed::Customers;
    load(subject, feed, "1.1", &[chunk(feed, 0..5)]);
    subject.store().reset_feed(feed).unwrap();
    assert_eq!(stand(subject, feed), (None, None, 5), "rows stay until the next snapshot");
    let chunks = [chunk(feed, 3..6), chunk(feed, 6..8)];
    let second = plan(feed, "2.1", &chunks);
    subject.store().begin_snapshot(&second).unwrap();
    assert_eq!(apply_chunk(subject, feed, &chunks[0]), Applied::Committed);
    assert_eq!(stand(subject, feed), (None, Some(1), 6), "old and new rows");
    // Another plan takes over in the middle of it.
    let others = [chunk(feed, 1..3), chunk(feed, 7..8)];
    load(subject, feed, "3.1", &others);
    assert_eq!(stand(subject, feed), (Some("3.1".into()), None, 3));
    // A reset in the middle of a snapshot forgets the snapshot.
    subject.store().begin_snapshot(&second).unwrap();
    subject.store().reset_feed(feed).unwrap();
    let (cursor, begun, _) = stand(subject, feed);
    assert_eq!((cursor, begun), (None, None));
    load(subject, feed, "2.1", &chunks);
    assert_eq!(stand(subject, feed), (Some("2.1".into()), None, 5));
}

fn load(subject: &dyn Subject, feed: Feed, cursor: &str, chunks: &[PackedChunk]) {
    subject.store().begin_snapshot(&plan(feed, cursor, chunks)).unwrap();
    for chunk in chunks {
        assert_eq!(apply_chunk(subject, feed, chunk), Applied::Committed);
    }
}

fn empty_snapshot_is_complete_at_once(subject: &mut dyn Subject) {
    enrol(subject);
    let feed = Feed::Catalogue;
    load(subject, feed, "1.0", &[chunk(feed, 0..2)]);
    subject.store().reset_feed(feed).unwrap();
    subject.store().begin_snapshot(&plan(feed, "2.0", &[])).unwrap();
    assert_eq!(stand(subject, feed), (Some("2.0".into()), None, 0));
    // A chunk of no rows is odd, but sound.
    subject.store().reset_feed(feed).unwrap();
    load(subject, feed, "3.0", &[chunk(feed, 0..0), chunk(feed, 0..1)]);
    assert_eq!(stand(subject, feed), (Some("3.0".into()), None, 1));
}

fn bad_chunks_change_nothing(subject: &mut dyn Subject) {
    enrol(subject);
    let feed = Feed::Catalogue;
    let foreign = SnapshotLine {
        row: serde_json::value::to_raw_value(&["no", "article"]).unwrap(),
        ..sample::line(feed, 9, 1)
    };
    let chunks = [chunk(feed, 0..3), chunk(feed, 3..5), pack(&[foreign]).unwrap()];
    subject.store().begin_snapshot(&plan(feed, "1.5", &chunks)).unwrap();
    assert_eq!(apply_chunk(subject, feed, &chunks[1]), Applied::Stale, "not its turn");
    let sha256 = &chunks[0].info.sha256;
    let mut flipped = chunks[0].bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let cut = &chunks[0].bytes[..chunks[0].bytes.len() / 2];
    for bytes in [flipped.as_slice(), cut, b"<html>", b"", &chunks[1].bytes] {
        let applied = subject.store().apply_chunk(feed, sha256, bytes, AT).unwrap();
        assert_eq!(applied, Applied::Damaged);
    }
    assert_eq!(stand(subject, feed), (None, Some(0), 0));
    assert_eq!(apply_chunk(subject, feed, &chunks[0]), Applied::Committed);
    assert_eq!(apply_chunk(subject, feed, &chunks[0]), Applied::Stale, "twice");
    assert_eq!(apply_chunk(subject, feed, &chunks[1]), Applied::Committed);
    // The hash is right, the content is not: a fault of central's.
    assert_eq!(apply_chunk(subject, feed, &chunks[2]), Applied::Damaged);
    assert_eq!(stand(subject, feed), (None, Some(2), 5));
}

fn pages_follow_the_cursor(subject: &mut dyn Subject) {
    enrol(subject);
    for feed in Feed::ALL {
        load(subject, feed, "1.0", &[chunk(feed, 0..3)]);
        let changes = vec![
            sample::put(feed, 1, 7, 1),
            sample::put(feed, 2, 0, 2),
            sample::del(feed, 3, 1),
            // Deleting what is not there, and putting twice in one page.
            sample::del(feed, 4, 99),
            sample::put(feed, 5, 7, 2),
        ];
        let first = page(changes, "1.5");
        assert_eq!(apply(subject, feed, "0.9", &first), Applied::Stale);
        assert_eq!(apply(subject, feed, "1.0", &first), Applied::Committed);
        assert_eq!(stand(subject, feed), (Some("1.5".into()), None, 3), "{feed:?}");
        assert_eq!(apply(subject, feed, "1.0", &first), Applied::Stale, "a page twice");
        let empty = page(Vec::new(), "1.6");
        assert_eq!(apply(subject, feed, "1.5", &empty), Applied::Committed);
        // The cursor need not move: central may only tell which of our events it includes.
        let included = vec![Included { epoch: EPOCH, seq: 1 }];
        let still = ChangesPage { included, ..page(Vec::new(), "1.6") };
        assert_eq!(apply(subject, feed, "1.6", &still), Applied::Committed);
        subject.reopen();
        assert_eq!(stand(subject, feed), (Some("1.6".into()), None, 3));
    }
}

fn damaged_pages_change_nothing(subject: &mut dyn Subject) {
    enrol(subject);
    let feed = Feed::Catalogue;
    load(subject, feed, "1.0", &[chunk(feed, 0..2)]);
    let mut rowless = sample::put(feed, 2, 5, 1);
    rowless.row = None;
    let mut strange = sample::put(feed, 2, 5, 1);
    strange.row = Some(serde_json::value::to_raw_value("text").unwrap());
    for bad in [rowless, strange] {
        let page = page(vec![sample::put(feed, 1, 4, 1), bad], "1.2");
        assert_eq!(apply(subject, feed, "1.0", &page), Applied::Damaged);
        assert_eq!(stand(subject, feed), (Some("1.0".into()), None, 2), "all or nothing");
    }
}

fn feeds_are_independent(subject: &mut dyn Subject) {
    enrol(subject);
    // Stock of articles and orders of customers that have not come yet.
    for feed in [Feed::History, Feed::Stock] {
        load(subject, feed, "1.0", &[chunk(feed, 0..3)]);
        let page = page(vec![sample::put(feed, 1, 50, 1)], "1.1");
        assert_eq!(apply(subject, feed, "1.0", &page), Applied::Committed);
    }
    subject.store().reset_feed(Feed::Stock).unwrap();
    assert_eq!(stand(subject, Feed::History), (Some("1.1".into()), None, 4));
    assert_eq!(stand(subject, Feed::Catalogue), (None, None, 0));
}

/// The checkpoint of a feed that holds these rows, each in its version.
fn checkpoint(feed: Feed, rows: &[(u64, u64)]) -> Checkpoint {
    let mut sum = TableDigest::default();
    for (n, version) in rows {
        let line = sample::line(feed, *n, *version);
        sum.add(RowDigest::of(&line.table, &line.key, line.row.get()));
    }
    let (table, _, _) = sample::row(feed, 0, 1);
    // Tables that this build does not know are not compared.
    let unknown = TableDigest { rows: 7, sum: 7 }.to_wire("from_the_future");
    Checkpoint { tables: vec![sum.to_wire(&table), unknown] }
}

fn sums_are_compared(subject: &mut dyn Subject) {
    enrol(subject);
    for feed in Feed::ALL {
        let chunks = [chunk(feed, 0..3), chunk(feed, 3..5)];
        let all: Vec<_> = (0..5).map(|n| (n, 1)).collect();
        let sum = |rows: &[(u64, u64)]| Some(checkpoint(feed, rows));
        let load = |subject: &dyn Subject, cursor: &str, sum: Option<Checkpoint>| {
            let plan = FeedSnapshot { checkpoint: sum, ..plan(feed, cursor, &chunks) };
            subject.store().begin_snapshot(&plan).unwrap();
            assert_eq!(apply_chunk(subject, feed, &chunks[0]), Applied::Committed);
            apply_chunk(subject, feed, &chunks[1])
        };
        assert_eq!(load(subject, "1.0", sum(&all[..4])), Applied::Diverged, "{feed:?}");
        assert_eq!(stand(subject, feed), (Some("1.0".into()), None, 5), "it is committed");
        subject.store().reset_feed(feed).unwrap();
        assert_eq!(load(subject, "2.0", sum(&all)), Applied::Committed, "{feed:?}");
        // New, changed, gone, changed twice, gone without having been there.
        let changes = vec![
            sample::put(feed, 1, 7, 1),
            sample::put(feed, 2, 0, 2),
            sample::del(feed, 3, 1),
            sample::put(feed, 4, 2, 3),
            sample::put(feed, 5, 2, 4),
            sample::del(feed, 6, 99),
        ];
        let now = [(0, 2), (2, 4), (3, 1), (4, 1), (7, 1)];
        let first = ChangesPage { checkpoint: sum(&now), ..page(changes, "2.6") };
        assert_eq!(apply(subject, feed, "2.0", &first), Applied::Committed, "{feed:?}");
        subject.reopen();
        let same = ChangesPage { checkpoint: sum(&now), ..page(Vec::new(), "2.7") };
        assert_eq!(apply(subject, feed, "2.6", &same), Applied::Committed, "{feed:?}");
        let more = ChangesPage { more: true, checkpoint: sum(&all), ..page(Vec::new(), "2.8") };
        assert_eq!(apply(subject, feed, "2.7", &more), Applied::Committed, "not yet to compare");
        let other = ChangesPage { checkpoint: sum(&all), ..page(Vec::new(), "2.9") };
        assert_eq!(apply(subject, feed, "2.8", &other), Applied::Diverged, "{feed:?}");
        assert_eq!(stand(subject, feed), (Some("2.9".into()), None, 5), "it is committed");
        let gone = now.iter().zip(10..).map(|((n, _), pos)| sample::del(feed, pos, *n)).collect();
        let none = ChangesPage { checkpoint: sum(&[]), ..page(gone, "3.0") };
        assert_eq!(apply(subject, feed, "2.9", &none), Applied::Committed, "{feed:?}");
    }
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
