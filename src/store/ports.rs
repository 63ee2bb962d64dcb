//! The store as `sync` sees it: [`SyncStore`] on SQLite.

use crate::error::StoreError;
use crate::feed::{self, FeedState, Slice};
use crate::journal::{self, append, hash_at};
use crate::life::Life;
use crate::writer::Session;
use crate::{Store, shift};
use domain::event::Event;
use domain::time::DeviceTime;
use rusqlite::{Connection, params};
use std::sync::Arc;
use sync::ports::{Applied, FeedProgress, StorageError, SyncStore, TerminalIdentity};
use sync::protocol::event::{EventHash, SealedEvent};
use sync::protocol::feed::{ChangesPage, Feed};
use sync::protocol::push::{Outcome, PushResult};
use sync::protocol::snapshot::FeedSnapshot;
use sync::snapshot;

impl SyncStore for Store {
    fn identity(&self) -> Result<Option<TerminalIdentity>, StorageError> {
        Ok(self.terminal()?)
    }

    fn enrol(
        &self,
        identity: &TerminalIdentity,
        software: &str,
        at: DeviceTime,
    ) -> Result<(), StorageError> {
        let (identity, software) = (identity.clone(), software.to_owned());
        Ok(self.write("enrol", move |session| enrol(session, &identity, &software, at))?)
    }

    fn outbox(&self, count_max: usize, bytes_max: usize) -> Result<Vec<SealedEvent>, StorageError> {
        Ok(self.read(|db| journal::outbox(db, count_max, bytes_max))?)
    }

    fn acknowledge(
        &self,
        epoch: u32,
        seq: u64,
        hash: EventHash,
        results: &[PushResult],
        at: DeviceTime,
    ) -> Result<bool, StorageError> {
        let results = results.to_vec();
        Ok(self.write("acknowledge", move |session| {
            acknowledge(session, epoch, seq, hash, &results, at)
        })?)
    }

    fn rewind(&self, epoch: u32, seq: u64, hash: EventHash) -> Result<bool, StorageError> {
        Ok(self.write("rewind", move |session| rewind(session, epoch, seq, hash))?)
    }

    fn set_held_back(&self, epoch: u32, held_back: &[PushResult]) -> Result<(), StorageError> {
        let held_back = held_back.to_vec();
        Ok(self.write("set_held_back", move |session| set_held_back(session, epoch, &held_back))?)
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

fn enrol(
    session: &mut Session,
    identity: &TerminalIdentity,
    software: &str,
    at: DeviceTime,
) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    let mut base_position = 0;
    let mut at = at;
    if let Some(mut former) = Life::current(&tx)? {
        let same = former.identity.id == identity.id && former.identity.epoch == identity.epoch;
        if same {
            // The answer of a first try was lost: it is done.
            return Ok(());
        }
        if let Some(open) = shift::current(&tx)? {
            shift::close_in(&tx, &mut former, open, at)?;
            former.save_head(&tx)?;
        }
        if former.acked_seq < former.last_seq {
            return Err(StoreError::EventsWaiting(former.last_seq - former.acked_seq));
        }
        base_position = former.position(former.last_seq);
        at = former.time_of(at);
        // Another central or store speaks of other rows.
        for feed in Feed::ALL {
            feed::reset(&tx, feed)?;
        }
    }
    Life::insert(&tx, identity, base_position, at)?;
    let mut life = Life::required(&tx)?;
    let event = Event::TerminalEnrolled {
        store: identity.store,
        name: identity.name.clone(),
        software: software.to_owned(),
    };
    append(&tx, &mut life, at, &event)?;
    life.save_head(&tx)?;
    Ok(tx.commit()?)
}

/// The current life, if it is the epoch named and holds this hash at this number.
fn fitting_life(
    db: &Connection,
    epoch: u32,
    seq: u64,
    hash: EventHash,
) -> Result<Option<Life>, StoreError> {
    let Some(life) = Life::current(db)? else { return Ok(None) };
    let fits = life.identity.epoch == epoch && hash_at(db, &life, seq)? == Some(hash);
    Ok(fits.then_some(life))
}

fn acknowledge(
    session: &mut Session,
    epoch: u32,
    seq: u64,
    hash: EventHash,
    results: &[PushResult],
    at: DeviceTime,
) -> Result<bool, StoreError> {
    let (tx, _) = session.begin()?;
    let Some(life) = fitting_life(&tx, epoch, seq, hash)? else { return Ok(false) };
    tx.prepare_cached(
        "UPDATE life SET acked_seq = max(acked_seq, ?2), acked_at_ms = ?3 WHERE number = ?1",
    )?
    .execute(params![life.number, seq, at.0])?;
    for result in results {
        match result.outcome {
            Outcome::Quarantined | Outcome::Parked => hold_back(&tx, &life, result)?,
            Outcome::Applied => {
                tx.prepare_cached("DELETE FROM held_back WHERE position = ?1")?
                    .execute([life.position(result.seq)])?;
            }
            // Held since an earlier push, whose result is known or will be told by the watermark.
            Outcome::Duplicate => {}
        }
    }
    tx.commit()?;
    Ok(true)
}

/// Remembers that an event could not be applied; a number that was never given is not believed.
fn hold_back(db: &Connection, life: &Life, result: &PushResult) -> Result<(), StoreError> {
    let outcome = match result.outcome {
        Outcome::Quarantined => "quarantined",
        Outcome::Parked => "parked",
        Outcome::Applied | Outcome::Duplicate => return Ok(()),
    };
    if result.seq == 0 || result.seq > life.last_seq {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT OR REPLACE INTO held_back (position, outcome, code) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![life.position(result.seq), outcome, result.code])?;
    Ok(())
}

fn rewind(
    session: &mut Session,
    epoch: u32,
    seq: u64,
    hash: EventHash,
) -> Result<bool, StoreError> {
    let (tx, _) = session.begin()?;
    let Some(life) = fitting_life(&tx, epoch, seq, hash)? else { return Ok(false) };
    tx.prepare_cached("UPDATE life SET acked_seq = min(acked_seq, ?2) WHERE number = ?1")?
        .execute(params![life.number, seq])?;
    tx.commit()?;
    Ok(true)
}

fn set_held_back(
    session: &mut Session,
    epoch: u32,
    held_back: &[PushResult],
) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    let Some(life) = Life::current(&tx)?.filter(|life| life.identity.epoch == epoch) else {
        return Ok(());
    };
    tx.prepare_cached("DELETE FROM held_back WHERE position > ?1")?
        .execute([life.base_position])?;
    for result in held_back {
        hold_back(&tx, &life, result)?;
    }
    Ok(tx.commit()?)
}
