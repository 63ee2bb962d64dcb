//! Feeds: snapshots that go on after a restart, pages that follow the cursor, sums that are compared.

use super::*;
use crate::digest::{RowDigest, TableDigest};
use crate::ports::Applied;
use crate::protocol::feed::{Change, ChangesPage, Checkpoint, Feed, Included};
use crate::protocol::snapshot::{FeedSnapshot, SnapshotLine};
use crate::snapshot::{PackedChunk, pack};

pub(super) fn fresh_feed_has_nothing(subject: &mut dyn Subject) {
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

pub(super) fn chunk(feed: Feed, rows: std::ops::Range<u64>) -> PackedChunk {
    let lines: Vec<_> = rows.map(|n| sample::line(feed, n, 1)).collect();
    pack(&lines).unwrap()
}

pub(super) fn plan(feed: Feed, cursor: &str, chunks: &[PackedChunk]) -> FeedSnapshot {
    let chunks: Vec<_> = chunks.iter().map(|chunk| chunk.info.clone()).collect();
    let rows = chunks.iter().map(|chunk| chunk.rows).sum();
    FeedSnapshot { feed, cursor: cursor.into(), rows, chunks, checkpoint: None }
}

pub(super) fn page(changes: Vec<Change>, next: &str) -> ChangesPage {
    let next = next.into();
    let included = vec![Included { epoch: EPOCH, seq: 0 }];
    ChangesPage { changes, next, more: false, included, checkpoint: None, server_time_ms: AT.0 }
}

pub(super) fn apply(subject: &dyn Subject, feed: Feed, after: &str, page: &ChangesPage) -> Applied {
    subject.store().apply_page(feed, after, page, AT).unwrap()
}

pub(super) fn apply_chunk(subject: &dyn Subject, feed: Feed, chunk: &PackedChunk) -> Applied {
    subject.store().apply_chunk(feed, &chunk.info.sha256, &chunk.bytes, AT).unwrap()
}

/// Cursor, chunks applied, rows held.
pub(super) fn stand(subject: &dyn Subject, feed: Feed) -> (Option<String>, Option<usize>, u64) {
    let progress = subject.store().feed_progress(feed).unwrap();
    (progress.cursor, progress.snapshot.map(|snapshot| snapshot.chunks_applied), progress.rows)
}

pub(super) fn snapshot_goes_on_after_a_restart(subject: &mut dyn Subject) {
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

pub(super) fn snapshot_removes_what_it_lacks(subject: &mut dyn Subject) {
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

pub(super) fn load(subject: &dyn Subject, feed: Feed, cursor: &str, chunks: &[PackedChunk]) {
    subject.store().begin_snapshot(&plan(feed, cursor, chunks)).unwrap();
    for chunk in chunks {
        assert_eq!(apply_chunk(subject, feed, chunk), Applied::Committed);
    }
}

pub(super) fn empty_snapshot_is_complete_at_once(subject: &mut dyn Subject) {
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

pub(super) fn bad_chunks_change_nothing(subject: &mut dyn Subject) {
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

pub(super) fn pages_follow_the_cursor(subject: &mut dyn Subject) {
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

pub(super) fn damaged_pages_change_nothing(subject: &mut dyn Subject) {
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

pub(super) fn feeds_are_independent(subject: &mut dyn Subject) {
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
pub(super) fn checkpoint(feed: Feed, rows: &[(u64, u64)]) -> Checkpoint {
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

pub(super) fn sums_are_compared(subject: &mut dyn Subject) {
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
