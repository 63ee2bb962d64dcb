//! The store as `sync` sees it: [`SyncStore`] on SQLite.

use crate::error::StoreError;
use crate::feed::{self, FeedState, Slice};
use crate::outbox::{self, End};
use crate::{Store, life, standing};
use domain::event::RenewalReason;
use domain::time::DeviceTime;
use std::sync::Arc;
use sync::ports::{
    Applied, DeviceKey, FeedProgress, Life, LifeId, OutboxItem, Rewound, StorageError, SyncStore,
    TerminalIdentity,
};
use sync::protocol::event::EventHash;
use sync::protocol::feed::{ChangesPage, Feed};
use sync::protocol::push::PushResult;
use sync::protocol::snapshot::FeedSnapshot;
use sync::snapshot;

impl SyncStore for Store {
    fn identity(&self) -> Result<Option<TerminalIdentity>, StorageError> {
        Ok(self.terminal()?)
    }

    fn lives(&self) -> Result<Vec<Life>, StorageError> {
        Ok(self.read(standing::lives)?)
    }

    fn enrol(
        &self,
        identity: &TerminalIdentity,
        software: &str,
        at: DeviceTime,
    ) -> Result<(), StorageError> {
        let (identity, software) = (identity.clone(), software.to_owned());
        Ok(self.write("enrol", move |session| standing::enrol(session, &identity, &software, at))?)
    }

    fn renew(
        &self,
        former: LifeId,
        reason: RenewalReason,
        device_key: &DeviceKey,
        at: DeviceTime,
    ) -> Result<bool, StorageError> {
        let device_key = device_key.clone();
        // Selling goes on in the new life, so it may be written where sales may.
        Ok(self.write_for_sale("renew", move |session| {
            standing::renew(session, former, reason, &device_key, at)
        })?)
    }

    fn book_registered(&self, life: LifeId) -> Result<(), StorageError> {
        Ok(self.write("book_registered", move |session| standing::book_registered(session, life))?)
    }

    fn close_life(&self, life: LifeId) -> Result<(), StorageError> {
        Ok(self.write("close_life", move |session| standing::close(session, life))?)
    }

    fn outbox(
        &self,
        life: LifeId,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<OutboxItem>, StorageError> {
        let (items, end) = self.read(|db| standing::outbox(db, life, count_max, bytes_max))?;
        if matches!(end, End::Gap(_)) && items.is_empty() {
            self.write("note_gap", move |session| standing::note_gap(session, life))?;
        }
        Ok(items)
    }

    fn acknowledge(
        &self,
        life: LifeId,
        seq: u64,
        hash: EventHash,
        results: &[PushResult],
        at: DeviceTime,
    ) -> Result<bool, StorageError> {
        let results = results.to_vec();
        Ok(self.write("acknowledge", move |session| {
            standing::acknowledge(session, life, seq, hash, &results, at)
        })?)
    }

    fn rewind(&self, life: LifeId, seq: u64, hash: EventHash) -> Result<Rewound, StorageError> {
        Ok(self.write("rewind", move |session| standing::rewind(session, life, seq, hash))?)
    }

    fn set_held_back(&self, life: LifeId, held_back: &[PushResult]) -> Result<(), StorageError> {
        let held_back = held_back.to_vec();
        Ok(self.write("set_held_back", move |session| {
            standing::set_held_back(session, life, &held_back)
        })?)
    }

    fn strays(
        &self,
        life: LifeId,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<OutboxItem>, StorageError> {
        Ok(self.read(|db| match life::Life::by_id(db, life)? {
            Some(life) => outbox::strays(db, &life, count_max, bytes_max),
            None => Ok(Vec::new()),
        })?)
    }

    fn book_strays(&self, life: LifeId, seq: u64) -> Result<(), StorageError> {
        Ok(self.write("book_strays", move |session| standing::book_strays(session, life, seq))?)
    }

    fn rewind_strays(&self) -> Result<(), StorageError> {
        Ok(self.write("rewind_strays", standing::rewind_strays)?)
    }

    fn note_clock(&self, offset_ms: i64) -> Result<(), StorageError> {
        Ok(self.write("note_clock", move |session| standing::note_clock(session, offset_ms))?)
    }

    fn feed_progress(&self, feed: Feed) -> Result<FeedProgress, StorageError> {
        Ok(self.read(|db| FeedState::load(db, feed)?.progress())?)
    }

    fn begin_snapshot(&self, plan: &FeedSnapshot) -> Result<(), StorageError> {
        let plan = plan.clone();
        Ok(self.write("begin_snapshot", move |session| feed::begin_snapshot(session, &plan))?)
    }

    fn apply_chunk(
        &self,
        feed: Feed,
        sha256: &str,
        bytes: &[u8],
        at: DeviceTime,
    ) -> Result<Applied, StorageError> {
        if !self.read(|db| feed::is_expected(db, feed, sha256))? {
            return Ok(Applied::Stale);
        }
        if self.is_disk_low() {
            return Ok(Applied::DiskLow);
        }
        let text = snapshot::verify(bytes, sha256).and_then(|()| snapshot::inflate(bytes));
        let chunk = match text {
            Ok(text) => feed::check_chunk(feed, sha256, text),
            Err(error) => {
                tracing::warn!(%error, feed = feed.name(), "a chunk makes no sense");
                None
            }
        };
        let Some(chunk) = chunk.map(Arc::new) else { return Ok(Applied::Damaged) };
        let mut first = 0;
        loop {
            let chunk = Arc::clone(&chunk);
            let slice = self
                .write("apply_chunk", move |session| feed::apply_chunk(session, &chunk, first, at));
            match slice {
                Ok(Slice::End(applied)) => return Ok(applied),
                Ok(Slice::More(next)) => first = next,
                Err(error) if StoreError::is_disk_full(&error) => return Ok(Applied::DiskLow),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn apply_page(
        &self,
        feed: Feed,
        after: &str,
        page: &ChangesPage,
        at: DeviceTime,
    ) -> Result<Applied, StorageError> {
        // An empty page only moves a cursor; it may pass on any disk.
        if !page.changes.is_empty() && self.is_disk_low() {
            return Ok(Applied::DiskLow);
        }
        let Some(page) = feed::check_page(feed, after, page) else {
            tracing::warn!(feed = feed.name(), "a page makes no sense");
            return Ok(Applied::Damaged);
        };
        match self.write("apply_page", move |session| feed::apply_page(session, &page, at)) {
            Ok(applied) => Ok(applied),
            Err(error) if StoreError::is_disk_full(&error) => Ok(Applied::DiskLow),
            Err(error) => Err(error.into()),
        }
    }

    fn reset_feed(&self, feed: Feed) -> Result<(), StorageError> {
        Ok(self.write("reset_feed", move |session| feed::reset(&session.connection, feed))?)
    }
}

impl Store {
    /// Feeds stop while sales go on. The reserve is taken up again as soon as there is room.
    fn is_disk_low(&self) -> bool {
        match self.0.disk.space() {
            Ok(space) if space.is_low() => true,
            Ok(_) => {
                if let Err(error) = self.0.reserve.keep() {
                    tracing::warn!(%error, "no room could be reserved for sales");
                }
                false
            }
            // A gauge that fails is no reason to stop; SQLite will say when the disk is full.
            Err(error) => {
                tracing::warn!(%error, "the room on the disk is unknown");
                false
            }
        }
    }
}
