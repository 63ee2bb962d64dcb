//! What the runner needs of the terminal's storage, and what both sides call the terminal.
//!
//! `store` implements [`SyncStore`] on SQLite. Calls block until the change is on disk; the runner
//! makes them off the async threads. Expected outcomes are values; an error means the disk or the
//! database failed.

use crate::protocol::event::{EventHash, Place, SealedEvent};
use crate::protocol::feed::{ChangesPage, Feed};
use crate::protocol::push::PushResult;
use crate::protocol::snapshot::FeedSnapshot;
use domain::event::RenewalReason;
use domain::id::{StoreId, TerminalId};
use domain::time::DeviceTime;

/// Who this device is, since its enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalIdentity {
    /// Identity.
    pub id: TerminalId,
    /// Which life.
    pub epoch: u32,
    /// Short name such as `T03`.
    pub name: String,
    /// Store it belongs to.
    pub store: StoreId,
    /// Name of the store, until the config feed says more.
    pub store_name: String,
    /// Base address of central, without a slash at the end.
    pub central: String,
    /// Ed25519 seed of the device key, 32 bytes. Lives in the encrypted database.
    pub device_key: DeviceKey,
}

/// The secret half of the device key; does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceKey(pub [u8; 32]);

impl std::fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceKey(..)")
    }
}

/// One life: its events are numbered from 1 and signed for by one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LifeId {
    /// Which terminal.
    pub terminal: TerminalId,
    /// Which life of it.
    pub epoch: u32,
}

impl LifeId {
    /// The place of one of its events.
    pub const fn place(self, seq: u64) -> Place {
        Place { terminal: self.terminal, epoch: self.epoch, seq }
    }
}

impl TerminalIdentity {
    /// The life that this identity is of.
    pub const fn life(&self) -> LifeId {
        LifeId { terminal: self.id, epoch: self.epoch }
    }
}

impl Place {
    /// The life that it is in.
    pub const fn life(self) -> LifeId {
        LifeId { terminal: self.terminal, epoch: self.epoch }
    }
}

/// Whether central knows a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifeStanding {
    /// Central knows its key.
    Registered,
    /// Begun by this device; nothing of it is pushed before central knows its key.
    Unregistered {
        /// The life whose key vouches for it, of the same terminal.
        former_epoch: u32,
        /// Why it was begun.
        reason: RenewalReason,
    },
    /// Central will book no more of it by number: see [`SyncStore::close_life`].
    Closed,
}

/// A life that the database holds, and how much of it central lacks.
///
/// ```text
/// seq   1 … acked │ … numbered_until │ … strays_held │ … last
///       held      │ wait: outbox     │ held as       │ wait:
///                 │                  │ strays        │ strays
/// ```
/// `numbered_until` is unlimited for a life in order. Closing a life sets it to what is
/// acknowledged, recovering a journal to the number before the first hole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Who the device is in it, with its key.
    pub identity: TerminalIdentity,
    /// Whether central knows it.
    pub standing: LifeStanding,
    /// Number of the last event acknowledged; 0 when none.
    pub acked_seq: u64,
    /// Number of the last event; 0 when none.
    pub last_seq: u64,
    /// Events that wait in the [`SyncStore::outbox`].
    pub waiting: u64,
    /// Events that wait in [`SyncStore::strays`].
    pub strays: u64,
    /// The offset last noted ([`SyncStore::note_clock`]).
    pub clock_offset_ms: Option<i64>,
}

impl Life {
    /// Its id.
    pub const fn id(&self) -> LifeId {
        self.identity.life()
    }
}

/// One number of the journal that central lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutboxItem {
    /// An event whose bytes have their hash.
    Sealed(SealedEvent),
    /// One whose bytes do not have it any more. The numbers after it are not held up.
    Damaged {
        /// Its place.
        place: Place,
        /// The hash that its bytes had.
        hash: EventHash,
        /// The hash of the event before.
        prev: EventHash,
        /// What is stored now; may be empty.
        raw: Vec<u8>,
    },
}

impl OutboxItem {
    /// Its place.
    pub const fn place(&self) -> Place {
        match self {
            Self::Sealed(event) => event.place,
            Self::Damaged { place, .. } => *place,
        }
    }

    /// Its hash: what the next event names as its predecessor.
    pub const fn hash(&self) -> EventHash {
        match self {
            Self::Sealed(event) => event.hash,
            Self::Damaged { hash, .. } => *hash,
        }
    }

    /// The event, unless it is damaged.
    pub const fn sealed(&self) -> Option<&SealedEvent> {
        match self {
            Self::Sealed(event) => Some(event),
            Self::Damaged { .. } => None,
        }
    }

    /// The bytes that it adds to a request, about.
    pub fn size(&self) -> usize {
        match self {
            Self::Sealed(event) => event.bytes.len(),
            // Base64 makes four of three.
            Self::Damaged { raw, .. } => raw.len().div_ceil(3) * 4,
        }
    }
}

/// What became of a rewind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewound {
    /// Number and hash do not fit the journal of that life; nothing changed.
    Unfit,
    /// They fit, and no acknowledged event waits again.
    Nothing,
    /// Events that were acknowledged wait again.
    Again,
}

/// How far a feed is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FeedProgress {
    /// Cursor of the last page applied; `None` before the snapshot is complete.
    pub cursor: Option<String>,
    /// A snapshot that is being loaded: chunks applied, chunks in all.
    pub snapshot: Option<SnapshotProgress>,
    /// Rows held.
    pub rows: u64,
    /// When a page or chunk was last applied, by this device.
    pub moved_at: Option<DeviceTime>,
}

/// A snapshot that is being loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotProgress {
    /// What was promised.
    pub plan: FeedSnapshot,
    /// How many of its chunks are on disk, in order.
    pub chunks_applied: usize,
    /// Rows of them.
    pub rows_applied: u64,
}

/// The storage failed. The text is for the log; it holds no personal data.
#[derive(Debug, thiserror::Error)]
#[error("the terminal's storage failed")]
pub struct StorageError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What became of a page or chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Rows and cursor are on disk.
    Committed,
    /// The same, but a table does not add up to central's checkpoint. The storage has logged both
    /// digests ([`crate::digest::differences`]).
    Diverged,
    /// It is not what was expected (another cursor or chunk came first); nothing changed.
    Stale,
    /// Bytes or rows make no sense; nothing changed.
    Damaged,
    /// The disk is nearly full: feeds stop, sales go on. Nothing changed.
    DiskLow,
}

/// The terminal's storage as the sync runner sees it.
pub trait SyncStore: Send + Sync {
    /// Who this device is now; `None` before enrolment.
    fn identity(&self) -> Result<Option<TerminalIdentity>, StorageError> {
        Ok(self.lives()?.pop().map(|life| life.identity))
    }

    /// Every life that the database holds, oldest first; the last one is current.
    fn lives(&self) -> Result<Vec<Life>, StorageError>;

    /// Makes this device a terminal, in a registered life with `terminal.enrolled` as its first
    /// event. The same identity once more changes nothing; another one makes the life before a
    /// former one, whose events go on to wait, and forgets the feeds' cursors. The same terminal
    /// and epoch with another key is an error.
    fn enrol(
        &self,
        identity: &TerminalIdentity,
        software: &str,
        at: DeviceTime,
    ) -> Result<(), StorageError>;

    /// Begins the next life of the same terminal (`epoch + 1`, unregistered) with
    /// `terminal.renewed` as its first event, and makes it current. The life before is closed
    /// ([`Self::close_life`]) unless the reason is [`RenewalReason::Recovered`]. Does nothing and
    /// returns false if `former` is not current any more.
    fn renew(
        &self,
        former: LifeId,
        reason: RenewalReason,
        device_key: &DeviceKey,
        at: DeviceTime,
    ) -> Result<bool, StorageError>;

    /// Central knows the life now: an unregistered one becomes registered. Others do not change.
    fn book_registered(&self, life: LifeId) -> Result<(), StorageError>;

    /// Central will book no more of this life by number: what is not acknowledged is a stray from
    /// now on, and so is what is still appended if it is current. Once more after a rewind: what
    /// waits again becomes strays too, and all strays of the life wait again.
    fn close_life(&self, life: LifeId) -> Result<(), StorageError>;

    /// Events of a life that central has not acknowledged and that can be booked by number, in
    /// order, at most `count_max` and about `bytes_max`, but at least one if there is one.
    fn outbox(
        &self,
        life: LifeId,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<OutboxItem>, StorageError>;

    /// Books an acknowledgement. Returns false if number and hash do not fit the journal of that
    /// life (a fork); nothing changes then.
    fn acknowledge(
        &self,
        life: LifeId,
        seq: u64,
        hash: EventHash,
        results: &[PushResult],
        at: DeviceTime,
    ) -> Result<bool, StorageError>;

    /// Central holds less than it acknowledged (it was restored from a backup): events after `seq`
    /// wait again.
    fn rewind(&self, life: LifeId, seq: u64, hash: EventHash) -> Result<Rewound, StorageError>;

    /// Which events of a life central holds back now; replaces what was known before of that life.
    fn set_held_back(&self, life: LifeId, held_back: &[PushResult]) -> Result<(), StorageError>;

    /// Events of a life that central does not hold and that cannot be booked by number, as
    /// [`Self::outbox`].
    fn strays(
        &self,
        life: LifeId,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<OutboxItem>, StorageError>;

    /// Central holds the strays of a life up to this number.
    fn book_strays(&self, life: LifeId, seq: u64) -> Result<(), StorageError>;

    /// Central may have lost strays that it held (it was restored from a backup): those of all
    /// lives wait again.
    fn rewind_strays(&self) -> Result<(), StorageError>;

    /// Central's clock minus this device's, milliseconds: stamped into events from now on.
    fn note_clock(&self, offset_ms: i64) -> Result<(), StorageError>;

    /// How far a feed is.
    fn feed_progress(&self, feed: Feed) -> Result<FeedProgress, StorageError>;

    /// Begins (or goes on with, if it is the same) loading a snapshot of a feed.
    fn begin_snapshot(&self, plan: &FeedSnapshot) -> Result<(), StorageError>;

    /// Verifies and applies the next chunk; the last one also sets the cursor and removes rows that
    /// the snapshot does not have. One transaction. After the last one tables are compared with the
    /// plan's checkpoint, if it has one.
    fn apply_chunk(
        &self,
        feed: Feed,
        sha256: &str,
        bytes: &[u8],
        at: DeviceTime,
    ) -> Result<Applied, StorageError>;

    /// Applies a page read after cursor `after`, with its cursor. One transaction. When the page
    /// says that there is no more, tables are compared with its checkpoint, if it has one.
    fn apply_page(
        &self,
        feed: Feed,
        after: &str,
        page: &ChangesPage,
        at: DeviceTime,
    ) -> Result<Applied, StorageError>;

    /// Forgets a feed's cursor, so that it starts from a snapshot again; its rows stay until then.
    fn reset_feed(&self, feed: Feed) -> Result<(), StorageError>;
}
