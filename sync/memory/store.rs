//! A terminal's storage in memory: the port [`SyncStore`] in its simplest form.

use super::life::{LifeState, bounded};
use crate::digest::{RowDigest, TableDigest, differences};
use crate::ports::{
    Applied, DeviceKey, FeedProgress, Life, LifeId, LifeStanding, OutboxItem, Rewound,
    SnapshotProgress, StorageError, SyncStore, TerminalIdentity,
};
use crate::protocol::event::{EventHash, SealedEvent, Stamp, seal};
use crate::protocol::feed::{
    ArticleRow, ChangesPage, Checkpoint, CustomerRow, Feed, HistoryRow, Included, Op, StaffRow,
    StockRow, StoreRow,
};
use crate::protocol::push::PushResult;
use crate::protocol::snapshot::{FeedSnapshot, SnapshotLine};
use crate::snapshot::{unpack, verify};
use domain::event::{Event, RenewalReason};
use domain::hlc::Hlc;
use domain::time::DeviceTime;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

/// The tables that this version knows; others are kept, but not compared.
const TABLES: [&str; 6] = ["store", "staff", "article", "stock", "customer", "order"];

/// Table and key of a row.
type Key = (String, String);

/// A row's JSON and its digest.
type Row = (String, RowDigest);

#[derive(Clone, Debug, Default)]
struct FeedState {
    rows: BTreeMap<Key, Row>,
    cursor: Option<String>,
    snapshot: Option<SnapshotProgress>,
    /// Rows that the snapshot under way has brought.
    fresh: BTreeSet<Key>,
    moved_at: Option<DeviceTime>,
    included: Vec<Included>,
}

#[derive(Clone, Debug, Default)]
struct State {
    lives: Vec<LifeState>,
    hlc: Hlc,
    clock_offset_ms: Option<i64>,
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

    /// What a backup of the disk holds, or a cloned device.
    pub fn copy(&self) -> Self {
        Self(Mutex::new(self.state().clone()))
    }

    /// Appends an event to the journal of the current life and returns its number. Needs an
    /// identity.
    pub fn append(&self, event: &Event, at: DeviceTime) -> u64 {
        self.state().append(event, at)
    }

    /// The journals of all lives, oldest first.
    pub fn journal(&self) -> Vec<SealedEvent> {
        self.state().lives.iter().flat_map(|life| life.journal.iter().cloned()).collect()
    }

    /// The event at a number of a life.
    pub fn event_at(&self, life: LifeId, seq: u64) -> Option<SealedEvent> {
        self.state().life(life)?.event(seq).cloned()
    }

    /// How many events of all lives central lacks.
    pub fn outbox_len(&self) -> usize {
        let state = self.state();
        let lacks = |life: &LifeState| life.waiting().count() + life.strays().count();
        state.lives.iter().map(lacks).sum()
    }

    /// What central holds back of the current life, as last told.
    pub fn held_back(&self) -> Vec<PushResult> {
        self.state().lives.last().map(|life| life.held_back.clone()).unwrap_or_default()
    }

    /// The rows of a feed.
    pub fn rows(&self, feed: Feed) -> BTreeMap<(String, String), String> {
        let state = self.state();
        let rows = state.feeds.get(&feed).into_iter().flat_map(|state| &state.rows);
        rows.map(|(key, (json, _))| (key.clone(), json.clone())).collect()
    }

    /// What the last page of a feed said that it includes.
    pub fn included(&self, feed: Feed) -> Vec<Included> {
        self.state().feeds.get(&feed).map(|state| state.included.clone()).unwrap_or_default()
    }

    /// Loses a row behind the feed's back, as a fault of ours would.
    pub fn lose_row(&self, feed: Feed) {
        if let Some(state) = self.state().feeds.get_mut(&feed) {
            state.rows.pop_first();
        }
    }

    /// The disk changes the bytes of an event of the current life.
    pub fn damage(&self, seq: u64) {
        if let Some(life) = self.state().lives.last_mut() {
            life.damaged.insert(seq, b"{\"terminal\":".to_vec());
        }
    }

    /// The database was damaged and recovered: events `lost` of the current life are gone,
    /// and the terminal begins its next life.
    pub fn recover(&self, lost: std::ops::Range<u64>, device_key: &DeviceKey, at: DeviceTime) {
        let mut state = self.state();
        let Some(life) = state.lives.last_mut() else { return };
        life.journal.retain(|event| !lost.contains(&event.place.seq));
        // The head was lost with the rest: what is left decides.
        let last = life.journal.last();
        life.last_seq = last.map_or(0, |event| event.place.seq);
        life.last_hash = last.map_or(EventHash::GENESIS, |event| event.hash);
        if !lost.is_empty() {
            life.numbered_until = life.numbered_until.min(lost.start.saturating_sub(1));
        }
        let former = life.identity.life();
        state.renew(former, RenewalReason::Recovered, device_key, at);
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
    fn life(&self, life: LifeId) -> Option<&LifeState> {
        self.lives.iter().find(|known| known.identity.life() == life)
    }

    fn life_mut(&mut self, life: LifeId) -> Option<&mut LifeState> {
        self.lives.iter_mut().find(|known| known.identity.life() == life)
    }

    fn append(&mut self, event: &Event, at: DeviceTime) -> u64 {
        let mut stamp = Stamp { at_ms: at.0, offset_ms: self.clock_offset_ms, hlc: None };
        self.hlc = self.hlc.tick(stamp.physical_ms());
        stamp.hlc = Some(self.hlc);
        let life = self.lives.last_mut().expect("an event needs a terminal");
        let seq = life.last_seq + 1;
        let sealed = seal(life.identity.life().place(seq), life.last_hash, stamp, event);
        life.last_seq = seq;
        life.last_hash = sealed.hash;
        life.journal.push(sealed);
        seq
    }

    fn renew(
        &mut self,
        former: LifeId,
        reason: RenewalReason,
        device_key: &DeviceKey,
        at: DeviceTime,
    ) -> bool {
        let Some(life) = self.lives.last_mut().filter(|life| life.identity.life() == former) else {
            return false;
        };
        if reason != RenewalReason::Recovered {
            life.close();
        }
        let epoch = life.identity.epoch + 1;
        let identity =
            TerminalIdentity { epoch, device_key: device_key.clone(), ..life.identity.clone() };
        let event = Event::TerminalRenewed {
            former_epoch: former.epoch,
            reason,
            last_seq: life.last_seq,
            last_hash: life.last_hash.0,
            missing: life.missing(),
        };
        let standing = LifeStanding::Unregistered { former_epoch: former.epoch, reason };
        self.lives.push(LifeState::new(identity, standing));
        self.append(&event, at);
        true
    }
}

impl FeedState {
    fn reset(&mut self) {
        self.cursor = None;
        self.snapshot = None;
        self.fresh.clear();
    }

    /// Sets the cursor after the last chunk; the plan's checkpoint may not fit.
    fn finish_if_last(&mut self) -> Applied {
        let is_last =
            |begun: &mut SnapshotProgress| begun.chunks_applied >= begun.plan.chunks.len();
        let Some(done) = self.snapshot.take_if(is_last) else { return Applied::Committed };
        let fresh = std::mem::take(&mut self.fresh);
        self.rows.retain(|key, _| fresh.contains(key));
        self.cursor = Some(done.plan.cursor);
        self.compare(done.plan.checkpoint.as_ref())
    }

    fn compare(&self, checkpoint: Option<&Checkpoint>) -> Applied {
        let sum = |table: &str| {
            if !TABLES.contains(&table) {
                return None;
            }
            let mut sum = TableDigest::default();
            let of_table = self.rows.iter().filter(|((name, _), _)| name == table);
            of_table.for_each(|(_, (_, digest))| sum.add(*digest));
            Some(sum)
        };
        match checkpoint.map(|checkpoint| differences(checkpoint, sum)) {
            Some(found) if !found.is_empty() => Applied::Diverged,
            _ => Applied::Committed,
        }
    }

    fn put(&mut self, key: Key, json: &str) {
        let digest = RowDigest::of(&key.0, &key.1, json);
        self.rows.insert(key, (json.to_owned(), digest));
    }

    fn apply_lines(&mut self, lines: Vec<SnapshotLine>) {
        for line in lines {
            let key = (line.table, line.key);
            self.fresh.insert(key.clone());
            self.put(key, line.row.get());
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
    fn lives(&self) -> Result<Vec<Life>, StorageError> {
        let state = self.working()?;
        let life = |life: &LifeState| Life {
            identity: life.identity.clone(),
            standing: life.standing,
            acked_seq: life.acked_seq,
            last_seq: life.last_seq,
            waiting: life.waiting().count() as u64,
            strays: life.strays().count() as u64,
            clock_offset_ms: state.clock_offset_ms,
        };
        Ok(state.lives.iter().map(life).collect())
    }

    fn enrol(
        &self,
        identity: &TerminalIdentity,
        software: &str,
        at: DeviceTime,
    ) -> Result<(), StorageError> {
        let mut state = self.working()?;
        if let Some(known) = state.life(identity.life()) {
            return match known.identity == *identity {
                true => Ok(()),
                false => Err(StorageError("the epoch was given out before".into())),
            };
        }
        for feed in state.feeds.values_mut() {
            feed.reset();
        }
        state.lives.push(LifeState::new(identity.clone(), LifeStanding::Registered));
        let (name, software) = (identity.name.clone(), software.to_owned());
        state.append(&Event::TerminalEnrolled { store: identity.store, name, software }, at);
        Ok(())
    }

    fn renew(
        &self,
        former: LifeId,
        reason: RenewalReason,
        device_key: &DeviceKey,
        at: DeviceTime,
    ) -> Result<bool, StorageError> {
        Ok(self.working()?.renew(former, reason, device_key, at))
    }

    fn book_registered(&self, life: LifeId) -> Result<(), StorageError> {
        if let Some(life) = self.working()?.life_mut(life)
            && matches!(life.standing, LifeStanding::Unregistered { .. })
        {
            life.standing = LifeStanding::Registered;
        }
        Ok(())
    }

    fn close_life(&self, life: LifeId) -> Result<(), StorageError> {
        if let Some(life) = self.working()?.life_mut(life) {
            life.close();
        }
        Ok(())
    }

    fn outbox(
        &self,
        life: LifeId,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<OutboxItem>, StorageError> {
        let state = self.working()?;
        let Some(life) = state.life(life) else { return Ok(Vec::new()) };
        Ok(bounded(life.waiting().map(|event| life.item(event)), count_max, bytes_max))
    }

    fn acknowledge(
        &self,
        life: LifeId,
        seq: u64,
        hash: EventHash,
        _results: &[PushResult],
        _at: DeviceTime,
    ) -> Result<bool, StorageError> {
        let mut state = self.working()?;
        let Some(life) = state.life_mut(life).filter(|life| life.fits(seq, hash)) else {
            return Ok(false);
        };
        life.acked_seq = life.acked_seq.max(seq);
        Ok(true)
    }

    fn rewind(&self, life: LifeId, seq: u64, hash: EventHash) -> Result<Rewound, StorageError> {
        let mut state = self.working()?;
        let Some(life) = state.life_mut(life).filter(|life| life.fits(seq, hash)) else {
            return Ok(Rewound::Unfit);
        };
        let is_back = seq < life.acked_seq;
        life.acked_seq = life.acked_seq.min(seq);
        Ok(if is_back { Rewound::Again } else { Rewound::Nothing })
    }

    fn set_held_back(&self, life: LifeId, held_back: &[PushResult]) -> Result<(), StorageError> {
        if let Some(life) = self.working()?.life_mut(life) {
            life.held_back = held_back.to_vec();
        }
        Ok(())
    }

    fn strays(
        &self,
        life: LifeId,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<OutboxItem>, StorageError> {
        let state = self.working()?;
        let Some(life) = state.life(life) else { return Ok(Vec::new()) };
        Ok(bounded(life.strays().map(|event| life.item(event)), count_max, bytes_max))
    }

    fn book_strays(&self, life: LifeId, seq: u64) -> Result<(), StorageError> {
        if let Some(life) = self.working()?.life_mut(life) {
            life.strays_held = life.strays_held.max(seq.min(life.last_seq));
        }
        Ok(())
    }

    fn rewind_strays(&self) -> Result<(), StorageError> {
        self.working()?.lives.iter_mut().for_each(|life| life.strays_held = 0);
        Ok(())
    }

    fn note_clock(&self, offset_ms: i64) -> Result<(), StorageError> {
        self.working()?.clock_offset_ms = Some(offset_ms);
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
        Ok(feed.finish_if_last())
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
                    feed.put(key, row.get());
                }
                _ => {
                    feed.rows.remove(&key);
                }
            }
        }
        feed.cursor = Some(page.next.clone());
        feed.moved_at = Some(at);
        if page.more {
            return Ok(Applied::Committed);
        }
        feed.included.clone_from(&page.included);
        Ok(feed.compare(page.checkpoint.as_ref()))
    }

    fn reset_feed(&self, feed: Feed) -> Result<(), StorageError> {
        let mut state = self.working()?;
        state.feeds.entry(feed).or_default().reset();
        Ok(())
    }
}
