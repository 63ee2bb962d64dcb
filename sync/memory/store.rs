//! A terminal's storage in memory: the port [`SyncStore`] in its simplest form.

use crate::ports::{
    Applied, FeedProgress, SnapshotProgress, StorageError, SyncStore, TerminalIdentity,
};
use crate::protocol::event::{EventHash, Place, SealedEvent, seal};
use crate::protocol::feed::{
    ArticleRow, ChangesPage, CustomerRow, Feed, HistoryRow, Op, StaffRow, StockRow, StoreRow,
};
use crate::protocol::push::PushResult;
use crate::protocol::snapshot::{FeedSnapshot, SnapshotLine};
use crate::snapshot::{unpack, verify};
use domain::event::Event;
use domain::time::DeviceTime;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

/// Table and key of a row.
type Key = (String, String);

#[derive(Debug, Default)]
struct FeedState {
    rows: BTreeMap<Key, String>,
    cursor: Option<String>,
    snapshot: Option<SnapshotProgress>,
    /// Rows that the snapshot under way has brought.
    fresh: BTreeSet<Key>,
    moved_at: Option<DeviceTime>,
}

#[derive(Debug, Default)]
struct State {
    identity: Option<TerminalIdentity>,
    /// In the order of their making; all epochs.
    journal: Vec<SealedEvent>,
    /// Epoch to highest acknowledged number.
    acked: BTreeMap<u32, u64>,
    held_back: Vec<PushResult>,
    feeds: BTreeMap<Feed, FeedState>,
    is_disk_low: bool,
    is_failing: bool,
}

/// Storage in memory. Share it in an `Arc` to keep it over a simulated restart.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of the lock panics")
    }

    /// Appends an event to the journal of the current epoch and returns its number. Needs an
    /// identity.
    pub fn append(&self, event: &Event, at: DeviceTime) -> u64 {
        self.state().append(event, at)
    }

    /// The whole journal.
    pub fn journal(&self) -> Vec<SealedEvent> {
        self.state().journal.clone()
    }

    /// The event at a place of the journal, counted from 1.
    pub fn event_at(&self, place: usize) -> Option<SealedEvent> {
        self.state().journal.get(place.checked_sub(1)?).cloned()
    }

    /// How many events wait to be acknowledged.
    pub fn outbox_len(&self) -> usize {
        let state = self.state();
        state.journal.iter().filter(|event| !state.is_acked(event.place)).count()
    }

    /// What central holds back, as last told.
    pub fn held_back(&self) -> Vec<PushResult> {
        self.state().held_back.clone()
    }

    /// The rows of a feed.
    pub fn rows(&self, feed: Feed) -> BTreeMap<(String, String), String> {
        self.state().feeds.get(&feed).map(|state| state.rows.clone()).unwrap_or_default()
    }

    /// Makes every call of the port fail, as a disk that is gone does, or work again.
    pub fn set_failing(&self, is_failing: bool) {
        self.state().is_failing = is_failing;
    }

    /// The state, for a call of the port.
    fn working(&self) -> Result<MutexGuard<'_, State>, StorageError> {
        let state = self.state();
        match state.is_failing {
            true => Err(StorageError("the disk is gone".into())),
            false => Ok(state),
        }
    }

    /// Pretends that the disk is nearly full, or no longer.
    pub fn set_disk_low(&self, is_low: bool) {
        self.state().is_disk_low = is_low;
    }
}

impl State {
    fn is_acked(&self, place: Place) -> bool {
        self.acked.get(&place.epoch).is_some_and(|acked| place.seq <= *acked)
    }

    fn append(&mut self, event: &Event, at: DeviceTime) -> u64 {
        let identity = self.identity.as_ref().expect("an event needs a terminal");
        let (terminal, epoch) = (identity.id, identity.epoch);
        let last = self.journal.iter().rev().find(|event| event.place.epoch == epoch);
        let seq = last.map_or(1, |event| event.place.seq + 1);
        let prev = last.map_or(EventHash::GENESIS, |event| event.hash);
        self.journal.push(seal(Place { terminal, epoch, seq }, prev, at.0, event));
        seq
    }

    /// Whether number and hash are in the journal; number 0 stands for nothing.
    fn fits(&self, epoch: u32, seq: u64, hash: EventHash) -> bool {
        if seq == 0 {
            return hash == EventHash::GENESIS;
        }
        let found = self.journal.iter().find(|e| e.place.epoch == epoch && e.place.seq == seq);
        found.is_some_and(|event| event.hash == hash)
    }
}

impl FeedState {
    fn finish_if_last(&mut self) {
        let Some(snapshot) = &self.snapshot else { return };
        if snapshot.chunks_applied < snapshot.plan.chunks.len() {
            return;
        }
        let fresh = std::mem::take(&mut self.fresh);
        self.rows.retain(|key, _| fresh.contains(key));
        self.cursor = self.snapshot.take().map(|snapshot| snapshot.plan.cursor);
    }

    fn apply_lines(&mut self, lines: Vec<SnapshotLine>) {
        for line in lines {
            let key = (line.table, line.key);
            self.fresh.insert(key.clone());
            self.rows.insert(key, line.row.get().to_owned());
        }
    }
}

/// Whether a row is what its table says; a storage may not swallow what it cannot read.
fn is_row_sound(table: &str, json: &str) -> bool {
    fn reads<T: serde::de::DeserializeOwned>(json: &str) -> bool {
        serde_json::from_str::<T>(json).is_ok()
    }
    match table {
        "store" => reads::<StoreRow>(json),
        "staff" => reads::<StaffRow>(json),
        "article" => reads::<ArticleRow>(json),
        "stock" => reads::<StockRow>(json),
        "customer" => reads::<CustomerRow>(json),
        "order" => reads::<HistoryRow>(json),
        // A newer central may have tables of which we know nothing.
        _ => true,
    }
}

impl SyncStore for MemoryStore {
    fn identity(&self) -> Result<Option<TerminalIdentity>, StorageError> {
        Ok(self.working()?.identity.clone())
    }

    fn enrol(
        &self,
        identity: &TerminalIdentity,
        software: &str,
        at: DeviceTime,
    ) -> Result<(), StorageError> {
        let mut state = self.working()?;
        state.identity = Some(identity.clone());
        let (name, software) = (identity.name.clone(), software.to_owned());
        state.append(&Event::TerminalEnrolled { store: identity.store, name, software }, at);
        Ok(())
    }

    fn outbox(&self, count_max: usize, bytes_max: usize) -> Result<Vec<SealedEvent>, StorageError> {
        let state = self.working()?;
        let mut bytes = 0;
        let mut events: Vec<SealedEvent> = Vec::new();
        for event in state.journal.iter().filter(|event| !state.is_acked(event.place)) {
            bytes += event.bytes.len();
            // One event always goes, or else a large one would stop the queue.
            if events.len() >= count_max || (!events.is_empty() && bytes > bytes_max) {
                break;
            }
            events.push(event.clone());
        }
        Ok(events)
    }

    fn acknowledge(
        &self,
        epoch: u32,
        seq: u64,
        hash: EventHash,
        _results: &[PushResult],
        _at: DeviceTime,
    ) -> Result<bool, StorageError> {
        let mut state = self.working()?;
        if !state.fits(epoch, seq, hash) {
            return Ok(false);
        }
        let acked = state.acked.entry(epoch).or_insert(0);
        *acked = (*acked).max(seq);
        Ok(true)
    }

    fn rewind(&self, epoch: u32, seq: u64, hash: EventHash) -> Result<bool, StorageError> {
        let mut state = self.working()?;
        if !state.fits(epoch, seq, hash) {
            return Ok(false);
        }
        let acked = state.acked.entry(epoch).or_insert(0);
        *acked = (*acked).min(seq);
        Ok(true)
    }

    fn set_held_back(&self, _epoch: u32, held_back: &[PushResult]) -> Result<(), StorageError> {
        self.working()?.held_back = held_back.to_vec();
        Ok(())
    }

    fn feed_progress(&self, feed: Feed) -> Result<FeedProgress, StorageError> {
        let mut state = self.working()?;
        let feed = state.feeds.entry(feed).or_default();
        Ok(FeedProgress {
            cursor: feed.cursor.clone(),
            snapshot: feed.snapshot.clone(),
            rows: feed.rows.len() as u64,
            moved_at: feed.moved_at,
        })
    }

    fn begin_snapshot(&self, plan: &FeedSnapshot) -> Result<(), StorageError> {
        let mut state = self.working()?;
        let feed = state.feeds.entry(plan.feed).or_default();
        if feed.snapshot.as_ref().is_none_or(|begun| begun.plan != *plan) {
            feed.fresh.clear();
            feed.cursor = None;
            let plan = plan.clone();
            feed.snapshot = Some(SnapshotProgress { plan, chunks_applied: 0, rows_applied: 0 });
        }
        feed.finish_if_last();
        Ok(())
    }

    fn apply_chunk(
        &self,
        feed: Feed,
        sha256: &str,
        bytes: &[u8],
        at: DeviceTime,
    ) -> Result<Applied, StorageError> {
        let mut state = self.working()?;
        let is_disk_low = state.is_disk_low;
        let feed = state.feeds.entry(feed).or_default();
        let next = feed.snapshot.as_ref().and_then(|s| s.plan.chunks.get(s.chunks_applied));
        if next.is_none_or(|chunk| chunk.sha256 != sha256) {
            return Ok(Applied::Stale);
        }
        if is_disk_low {
            return Ok(Applied::DiskLow);
        }
        let lines = match verify(bytes, sha256).and_then(|()| unpack(bytes)) {
            Ok(lines) if lines.iter().all(|l| is_row_sound(&l.table, l.row.get())) => lines,
            _ => return Ok(Applied::Damaged),
        };
        if let Some(snapshot) = &mut feed.snapshot {
            snapshot.chunks_applied += 1;
            snapshot.rows_applied += lines.len() as u64;
        }
        feed.apply_lines(lines);
        feed.moved_at = Some(at);
        feed.finish_if_last();
        Ok(Applied::Committed)
    }

    fn apply_page(
        &self,
        feed: Feed,
        after: &str,
        page: &ChangesPage,
        at: DeviceTime,
    ) -> Result<Applied, StorageError> {
        let mut state = self.working()?;
        let is_disk_low = state.is_disk_low;
        let feed = state.feeds.entry(feed).or_default();
        if feed.cursor.as_deref() != Some(after) {
            return Ok(Applied::Stale);
        }
        if is_disk_low {
            return Ok(Applied::DiskLow);
        }
        let is_sound = |change: &crate::protocol::feed::Change| match (change.op, &change.row) {
            (Op::Put, Some(row)) => is_row_sound(&change.table, row.get()),
            (Op::Put, None) => false,
            (Op::Del, _) => true,
        };
        if !page.changes.iter().all(is_sound) {
            return Ok(Applied::Damaged);
        }
        for change in &page.changes {
            let key = (change.table.clone(), change.key.clone());
            match &change.row {
                Some(row) if change.op == Op::Put => {
                    feed.rows.insert(key, row.get().to_owned());
                }
                _ => {
                    feed.rows.remove(&key);
                }
            }
        }
        feed.cursor = Some(page.next.clone());
        feed.moved_at = Some(at);
        Ok(Applied::Committed)
    }

    fn reset_feed(&self, feed: Feed) -> Result<(), StorageError> {
        let mut state = self.working()?;
        let feed = state.feeds.entry(feed).or_default();
        feed.cursor = None;
        feed.snapshot = None;
        feed.fresh.clear();
        Ok(())
    }
}
