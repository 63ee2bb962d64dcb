//! What the engine asks of the terminal's storage, and the one function that does it.
//!
//! The runner and the simulation both execute effects through [`perform`], so that they cannot
//! differ.

use crate::ports::{Applied, FeedProgress, StorageError, SyncStore, TerminalIdentity};
use crate::protocol::event::{EventHash, SealedEvent};
use crate::protocol::feed::{ChangesPage, Feed};
use crate::protocol::push::PushResult;
use crate::protocol::snapshot::FeedSnapshot;
use domain::time::DeviceTime;

/// One piece of work for the storage.
#[derive(Clone, Debug)]
pub enum StoreWork {
    /// Who are we?
    Identity,
    /// What waits to be sent?
    Outbox {
        /// At most so many events.
        count_max: usize,
        /// Of about so many bytes.
        bytes_max: usize,
    },
    /// Book what a push achieved.
    Acknowledge {
        /// Epoch of the events.
        epoch: u32,
        /// Highest number held by central.
        seq: u64,
        /// Its hash.
        hash: EventHash,
        /// What became of each.
        results: Vec<PushResult>,
        /// When the answer came.
        at: DeviceTime,
    },
    /// Bring our books in line with central's watermark, forwards or backwards.
    Reconcile {
        /// Epoch of the watermark.
        epoch: u32,
        /// Highest number held by central; 0 when none.
        seq: u64,
        /// Its hash.
        hash: EventHash,
        /// What central holds back.
        held_back: Vec<PushResult>,
        /// When the answer came.
        at: DeviceTime,
    },
    /// How far is a feed?
    Progress(Feed),
    /// Begin a snapshot, or go on with it.
    BeginSnapshot(FeedSnapshot),
    /// Apply a chunk.
    ApplyChunk {
        /// Of which feed.
        feed: Feed,
        /// Its address.
        sha256: String,
        /// Its bytes.
        bytes: Vec<u8>,
        /// When it came.
        at: DeviceTime,
    },
    /// Apply a page of changes.
    ApplyPage {
        /// Of which feed.
        feed: Feed,
        /// Read after which cursor.
        after: String,
        /// The page.
        page: Box<ChangesPage>,
        /// When it came.
        at: DeviceTime,
    },
    /// Start a feed from a snapshot again.
    ResetFeed(Feed),
}

impl StoreWork {
    /// Short name for logs and tests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Outbox { .. } => "outbox",
            Self::Acknowledge { .. } => "acknowledge",
            Self::Reconcile { .. } => "reconcile",
            Self::Progress(_) => "progress",
            Self::BeginSnapshot(_) => "begin",
            Self::ApplyChunk { .. } => "chunk",
            Self::ApplyPage { .. } => "page",
            Self::ResetFeed(_) => "reset",
        }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum StoreDone {
    /// To [`StoreWork::Identity`].
    Identity(Option<Box<TerminalIdentity>>),
    /// To [`StoreWork::Outbox`].
    Outbox(Vec<SealedEvent>),
    /// To [`StoreWork::Acknowledge`] and [`StoreWork::Reconcile`]: whether number and hash fit our
    /// journal.
    Fits(bool),
    /// To [`StoreWork::Progress`], [`StoreWork::BeginSnapshot`] and [`StoreWork::ResetFeed`].
    Progress(FeedProgress),
    /// To [`StoreWork::ApplyChunk`] and [`StoreWork::ApplyPage`].
    Applied(Applied),
    /// The storage failed; whoever performed the work has logged why.
    Failed,
}

/// Does a piece of work. Blocks until it is on disk.
///
/// # Errors
/// The storage's own.
pub fn perform(store: &dyn SyncStore, work: StoreWork) -> Result<StoreDone, StorageError> {
    Ok(match work {
        StoreWork::Identity => StoreDone::Identity(store.identity()?.map(Box::new)),
        StoreWork::Outbox { count_max, bytes_max } => {
            StoreDone::Outbox(store.outbox(count_max, bytes_max)?)
        }
        StoreWork::Acknowledge { epoch, seq, hash, results, at } => {
            StoreDone::Fits(store.acknowledge(epoch, seq, hash, &results, at)?)
        }
        StoreWork::Reconcile { epoch, seq, hash, held_back, at } => {
            StoreDone::Fits(reconcile(store, epoch, seq, hash, &held_back, at)?)
        }
        StoreWork::Progress(feed) => StoreDone::Progress(store.feed_progress(feed)?),
        StoreWork::BeginSnapshot(plan) => {
            store.begin_snapshot(&plan)?;
            StoreDone::Progress(store.feed_progress(plan.feed)?)
        }
        StoreWork::ApplyChunk { feed, sha256, bytes, at } => {
            StoreDone::Applied(store.apply_chunk(feed, &sha256, &bytes, at)?)
        }
        StoreWork::ApplyPage { feed, after, page, at } => {
            StoreDone::Applied(store.apply_page(feed, &after, &page, at)?)
        }
        StoreWork::ResetFeed(feed) => {
            store.reset_feed(feed)?;
            StoreDone::Progress(store.feed_progress(feed)?)
        }
    })
}

/// First forwards (an answer to a push was lost), then backwards (central was restored from a
/// backup). At most one of them changes anything; both compare the hash.
fn reconcile(
    store: &dyn SyncStore,
    epoch: u32,
    seq: u64,
    hash: EventHash,
    held_back: &[PushResult],
    at: DeviceTime,
) -> Result<bool, StorageError> {
    if seq > 0 && !store.acknowledge(epoch, seq, hash, &[], at)? {
        return Ok(false);
    }
    if !store.rewind(epoch, seq, hash)? {
        return Ok(false);
    }
    store.set_held_back(epoch, held_back)?;
    Ok(true)
}
