//! What the engine asks of the terminal's storage, and the one function that does it.
//!
//! The runner and the simulation both execute effects through [`perform`], so that they cannot
//! differ.

use crate::ports::{
    Applied, DeviceKey, FeedProgress, Life, LifeId, OutboxItem, Rewound, StorageError, SyncStore,
};
use crate::protocol::event::EventHash;
use crate::protocol::feed::{ChangesPage, Feed};
use crate::protocol::push::PushResult;
use crate::protocol::snapshot::FeedSnapshot;
use domain::event::RenewalReason;
use domain::time::DeviceTime;

/// One piece of work for the storage.
#[derive(Clone, Debug)]
pub enum StoreWork {
    /// Who are we, and who were we?
    Lives,
    /// Begin the next life.
    Renew {
        /// The life that ends.
        former: LifeId,
        /// Why.
        reason: RenewalReason,
        /// The key of the new one.
        device_key: DeviceKey,
        /// When.
        at: DeviceTime,
    },
    /// Central knows this life now.
    BookRegistered(LifeId),
    /// Central books no more of this life by number: all of it goes as strays.
    CloseLife(LifeId),
    /// What waits to be sent?
    Outbox {
        /// Of which life.
        life: LifeId,
        /// At most so many events.
        count_max: usize,
        /// Of about so many bytes.
        bytes_max: usize,
    },
    /// Book what a push achieved.
    Acknowledge {
        /// Of which life.
        life: LifeId,
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
        /// Of which life.
        life: LifeId,
        /// Highest number held by central; 0 when none.
        seq: u64,
        /// Its hash.
        hash: EventHash,
        /// What central holds back.
        held_back: Vec<PushResult>,
        /// When the answer came.
        at: DeviceTime,
    },
    /// What waits that cannot be booked by number?
    Strays {
        /// Of which life.
        life: LifeId,
        /// At most so many events.
        count_max: usize,
        /// Of about so many bytes.
        bytes_max: usize,
    },
    /// Book that strays are held.
    BookStrays {
        /// Of which life.
        life: LifeId,
        /// Up to this number.
        seq: u64,
    },
    /// Strays wait again.
    RewindStrays,
    /// Remember how wrong the clock is.
    NoteClock {
        /// Central's clock minus ours, milliseconds.
        offset_ms: i64,
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
            Self::Lives => "lives",
            Self::Renew { .. } => "renew",
            Self::BookRegistered(_) => "registered",
            Self::CloseLife(_) => "close",
            Self::Outbox { .. } => "outbox",
            Self::Acknowledge { .. } => "acknowledge",
            Self::Reconcile { .. } => "reconcile",
            Self::Strays { .. } => "strays",
            Self::BookStrays { .. } => "book-strays",
            Self::RewindStrays => "rewind-strays",
            Self::NoteClock { .. } => "clock",
            Self::Progress(_) => "progress",
            Self::BeginSnapshot(_) => "begin",
            Self::ApplyChunk { .. } => "chunk",
            Self::ApplyPage { .. } => "page",
            Self::ResetFeed(_) => "reset",
        }
    }
}

/// How a watermark and a journal compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// They fit; our books follow it now.
    Fits {
        /// Acknowledged events wait again: central was restored from a backup.
        is_rewound: bool,
    },
    /// Central holds more than the journal has: the journal was restored from a backup.
    Ahead,
    /// Central holds another history.
    Differs,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum StoreDone {
    /// To [`StoreWork::Lives`], oldest first, the last one current; empty before enrolment. Also to
    /// work that changes lives: how they are after it.
    Lives(Vec<Life>),
    /// To [`StoreWork::Outbox`] and [`StoreWork::Strays`].
    Outbox(Vec<OutboxItem>),
    /// To [`StoreWork::Acknowledge`]: whether number and hash fit our journal.
    Fits(bool),
    /// To [`StoreWork::Reconcile`].
    Compared(Comparison),
    /// To [`StoreWork::BookStrays`], [`StoreWork::RewindStrays`] and [`StoreWork::NoteClock`].
    Booked,
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
        StoreWork::Lives => StoreDone::Lives(store.lives()?),
        StoreWork::Renew { former, reason, device_key, at } => {
            if reason != RenewalReason::Recovered {
                doubt_all(store, former)?;
            }
            store.renew(former, reason, &device_key, at)?;
            StoreDone::Lives(store.lives()?)
        }
        StoreWork::BookRegistered(life) => {
            store.book_registered(life)?;
            StoreDone::Lives(store.lives()?)
        }
        StoreWork::CloseLife(life) => {
            doubt_all(store, life)?;
            store.close_life(life)?;
            StoreDone::Lives(store.lives()?)
        }
        StoreWork::Outbox { life, count_max, bytes_max } => {
            StoreDone::Outbox(store.outbox(life, count_max, bytes_max)?)
        }
        StoreWork::Acknowledge { life, seq, hash, results, at } => {
            StoreDone::Fits(store.acknowledge(life, seq, hash, &results, at)?)
        }
        StoreWork::Reconcile { life, seq, hash, held_back, at } => {
            StoreDone::Compared(reconcile(store, life, (seq, hash), &held_back, at)?)
        }
        StoreWork::Strays { life, count_max, bytes_max } => {
            StoreDone::Outbox(store.strays(life, count_max, bytes_max)?)
        }
        StoreWork::BookStrays { life, seq } => {
            store.book_strays(life, seq)?;
            StoreDone::Booked
        }
        StoreWork::RewindStrays => {
            store.rewind_strays()?;
            StoreDone::Booked
        }
        StoreWork::NoteClock { offset_ms } => {
            store.note_clock(offset_ms)?;
            StoreDone::Booked
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

/// Nothing of this life counts as acknowledged any more. Where histories have parted nobody knows how
/// far they were one (central may have been restored and gone on with another device), so all of it
/// goes as strays; what central holds already adds nothing there.
fn doubt_all(store: &dyn SyncStore, life: LifeId) -> Result<(), StorageError> {
    store.rewind(life, 0, EventHash::GENESIS).map(|_| ())
}

/// First forwards (an answer to a push was lost), then backwards (central was restored from a
/// backup). At most one of them changes anything; both compare the hash.
fn reconcile(
    store: &dyn SyncStore,
    life: LifeId,
    (seq, hash): (u64, EventHash),
    held_back: &[PushResult],
    at: DeviceTime,
) -> Result<Comparison, StorageError> {
    if seq > 0 && !store.acknowledge(life, seq, hash, &[], at)? {
        let ours = store.lives()?.into_iter().find(|known| known.id() == life);
        let is_ahead = ours.is_some_and(|ours| ours.last_seq < seq);
        return Ok(if is_ahead { Comparison::Ahead } else { Comparison::Differs });
    }
    let is_rewound = match store.rewind(life, seq, hash)? {
        Rewound::Unfit => return Ok(Comparison::Differs),
        Rewound::Nothing => false,
        Rewound::Again => true,
    };
    store.set_held_back(life, held_back)?;
    Ok(Comparison::Fits { is_rewound })
}
