//! What the runner needs of the terminal's storage, and what both sides call the terminal.
//!
//! `store` implements [`SyncStore`] on SQLite. Calls block until the change is on disk; the runner
//! makes them off the async threads. Expected outcomes are values; an error means the disk or the
//! database failed.

use crate::protocol::event::{EventHash, SealedEvent};
use crate::protocol::feed::{ChangesPage, Feed};
use crate::protocol::push::PushResult;
use crate::protocol::snapshot::FeedSnapshot;
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
    /// It is not what was expected (another cursor or chunk came first); nothing changed.
    Stale,
    /// Bytes or rows make no sense; nothing changed.
    Damaged,
    /// The disk is nearly full: feeds stop, sales go on. Nothing changed.
    DiskLow,
}

/// The terminal's storage as the sync runner sees it.
pub trait SyncStore: Send + Sync {
    /// Who this device is; `None` before enrolment.
    fn identity(&self) -> Result<Option<TerminalIdentity>, StorageError>;

    /// Makes this device a terminal and writes `terminal.enrolled` as its first event.
    fn enrol(
        &self,
        identity: &TerminalIdentity,
        software: &str,
        at: DeviceTime,
    ) -> Result<(), StorageError>;

    /// Events that central has not acknowledged, in order, at most `count_max` and about
    /// `bytes_max`.
    fn outbox(&self, count_max: usize, bytes_max: usize) -> Result<Vec<SealedEvent>, StorageError>;

    /// Books an acknowledgement. Returns false if number and hash do not fit this journal (a fork).
    fn acknowledge(
        &self,
        epoch: u32,
        seq: u64,
        hash: EventHash,
        results: &[PushResult],
        at: DeviceTime,
    ) -> Result<bool, StorageError>;

    /// Central holds less than it acknowledged (it was restored from a backup): events after `seq`
    /// wait again. Returns false if the hash does not fit.
    fn rewind(&self, epoch: u32, seq: u64, hash: EventHash) -> Result<bool, StorageError>;

    /// Which of our events central holds back now; replaces what was known before.
    fn set_held_back(&self, epoch: u32, held_back: &[PushResult]) -> Result<(), StorageError>;

    /// How far a feed is.
    fn feed_progress(&self, feed: Feed) -> Result<FeedProgress, StorageError>;

    /// Begins (or goes on with, if it is the same) loading a snapshot of a feed.
    fn begin_snapshot(&self, plan: &FeedSnapshot) -> Result<(), StorageError>;

    /// Verifies and applies the next chunk; the last one also sets the cursor and removes rows that
    /// the snapshot does not have. One transaction.
    fn apply_chunk(
        &self,
        feed: Feed,
        sha256: &str,
        bytes: &[u8],
        at: DeviceTime,
    ) -> Result<Applied, StorageError>;

    /// Applies a page read after cursor `after`, with its cursor. One transaction.
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
