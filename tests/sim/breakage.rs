//! Defects on purpose: proof that the checks can fail.
//!
//! Each is a small wrapper of the simulation around the real thing, as a bug in it would look. A test requires
//! that every one of them is caught within a few seeds; a check that none of them can fail is not a check.

use domain::event::RenewalReason;
use domain::time::DeviceTime;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use sync::ports::{
    Applied, DeviceKey, FeedProgress, Life, LifeId, OutboxItem, Rewound, StorageError, SyncStore,
    TerminalIdentity,
};
use sync::protocol::event::EventHash;
use sync::protocol::feed::{ChangesPage, Feed};
use sync::protocol::push::PushResult;
use sync::protocol::snapshot::FeedSnapshot;

macro_rules! breakages {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// A defect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Breakage { $($(#[doc = $doc])* $name,)* }

        impl Breakage {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it is, in words.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*),)* }
            }
        }
    };
}

breakages! {
    /// The disk says that it has synced, and has not.
    DiskForgetsSync = "disk-forgets-sync",
    /// The storage books an acknowledgement without comparing the hash.
    AckUnchecked = "ack-unchecked",
    /// The storage books one event more than was acknowledged.
    AckTooFar = "ack-too-far",
    /// The storage loses a stray: booked, never sent.
    StrayLost = "stray-lost",
    /// The storage leaves out the last change of a page and moves the cursor all the same.
    PageCutShort = "page-cut-short",
    /// Central says yes to a push and forgets it.
    CentralForgets = "central-forgets",
    /// Central applies an event again when it comes again.
    CentralDoubles = "central-doubles",
    /// Central books an order's total wrong by one.
    CentralMiscounts = "central-miscounts",
    /// Central leaves out a row of a page of changes.
    CentralSkipsRow = "central-skips-row",
    /// The engine is not woken when it asked to be.
    TimerLost = "timer-lost",
    /// A sale books no stock: the screen shows what was there before.
    OverlayForgotten = "overlay-forgotten",
    /// The cashier's program writes a card number into a line.
    CardNumber = "card-number",
    /// Central notes an event under the number after its own.
    NumberSkipped = "number-skipped",
    /// The recovery of a damaged database makes up an event.
    RecoveryInvents = "recovery-invents",
    /// The recovery of a damaged database loses what waits, and does not say so.
    RecoveryForgets = "recovery-forgets",
}

impl fmt::Display for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No such defect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no defect `{0}`")]
pub struct UnknownBreakage(pub String);

impl FromStr for Breakage {
    type Err = UnknownBreakage;
    fn from_str(text: &str) -> Result<Self, UnknownBreakage> {
        let found = Self::ALL.iter().find(|breakage| breakage.name() == text);
        found.copied().ok_or_else(|| UnknownBreakage(text.into()))
    }
}

/// A storage with a defect. Without one it only passes on.
pub struct Broken<'a> {
    /// The real one.
    pub store: &'a dyn SyncStore,
    /// What is wrong with it.
    pub breakage: Option<Breakage>,
    /// Counts the occasions, so that a defect does not strike every time.
    pub occasions: Arc<AtomicU64>,
}

impl Broken<'_> {
    /// Every third time.
    fn strikes(&self, breakage: Breakage) -> bool {
        self.breakage == Some(breakage)
            && self.occasions.fetch_add(1, Ordering::Relaxed).is_multiple_of(3)
    }
}

impl SyncStore for Broken<'_> {
    fn lives(&self) -> Result<Vec<Life>, StorageError> {
        self.store.lives()
    }

    fn enrol(
        &self,
        identity: &TerminalIdentity,
        software: &str,
        at: DeviceTime,
    ) -> Result<(), StorageError> {
        self.store.enrol(identity, software, at)
    }

    fn renew(
        &self,
        former: LifeId,
        reason: RenewalReason,
        device_key: &DeviceKey,
        at: DeviceTime,
    ) -> Result<bool, StorageError> {
        self.store.renew(former, reason, device_key, at)
    }

    fn book_registered(&self, life: LifeId) -> Result<(), StorageError> {
        self.store.book_registered(life)
    }

    fn close_life(&self, life: LifeId) -> Result<(), StorageError> {
        self.store.close_life(life)
    }

    fn outbox(
        &self,
        life: LifeId,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<OutboxItem>, StorageError> {
        self.store.outbox(life, count_max, bytes_max)
    }

    fn acknowledge(
        &self,
        life: LifeId,
        seq: u64,
        hash: EventHash,
        results: &[PushResult],
        at: DeviceTime,
    ) -> Result<bool, StorageError> {
        let own = |seq: u64| -> Result<Option<EventHash>, StorageError> {
            let items = self.store.outbox(life, 1_000, usize::MAX)?;
            Ok(items.iter().find(|item| item.place().seq == seq).map(OutboxItem::hash))
        };
        if self.breakage == Some(Breakage::AckUnchecked)
            && let Some(hash) = own(seq)?
        {
            return self.store.acknowledge(life, seq, hash, results, at);
        }
        if self.strikes(Breakage::AckTooFar)
            && let Some(next) = own(seq + 1)?
        {
            return self.store.acknowledge(life, seq + 1, next, results, at);
        }
        self.store.acknowledge(life, seq, hash, results, at)
    }

    fn rewind(&self, life: LifeId, seq: u64, hash: EventHash) -> Result<Rewound, StorageError> {
        if matches!(self.breakage, Some(Breakage::AckTooFar | Breakage::AckUnchecked)) {
            // Or else the next watermark would heal it.
            return Ok(Rewound::Nothing);
        }
        self.store.rewind(life, seq, hash)
    }

    fn set_held_back(&self, life: LifeId, held_back: &[PushResult]) -> Result<(), StorageError> {
        self.store.set_held_back(life, held_back)
    }

    fn strays(
        &self,
        life: LifeId,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<OutboxItem>, StorageError> {
        let strays = self.store.strays(life, count_max, bytes_max)?;
        if self.breakage == Some(Breakage::StrayLost)
            && let Some(last) = strays.last()
        {
            self.store.book_strays(life, last.place().seq)?;
            return Ok(Vec::new());
        }
        Ok(strays)
    }

    fn book_strays(&self, life: LifeId, seq: u64) -> Result<(), StorageError> {
        self.store.book_strays(life, seq)
    }

    fn rewind_strays(&self) -> Result<(), StorageError> {
        self.store.rewind_strays()
    }

    fn note_clock(&self, offset_ms: i64) -> Result<(), StorageError> {
        self.store.note_clock(offset_ms)
    }

    fn feed_progress(&self, feed: Feed) -> Result<FeedProgress, StorageError> {
        self.store.feed_progress(feed)
    }

    fn begin_snapshot(&self, plan: &FeedSnapshot) -> Result<(), StorageError> {
        self.store.begin_snapshot(plan)
    }

    fn apply_chunk(
        &self,
        feed: Feed,
        sha256: &str,
        bytes: &[u8],
        at: DeviceTime,
    ) -> Result<Applied, StorageError> {
        self.store.apply_chunk(feed, sha256, bytes, at)
    }

    fn apply_page(
        &self,
        feed: Feed,
        after: &str,
        page: &ChangesPage,
        at: DeviceTime,
    ) -> Result<Applied, StorageError> {
        if !page.changes.is_empty() && self.strikes(Breakage::PageCutShort) {
            // A storage with this defect would not find it by its own digest either.
            let mut short = page.clone();
            short.changes.pop();
            short.checkpoint = None;
            return self.store.apply_page(feed, after, &short, at);
        }
        self.store.apply_page(feed, after, page, at)
    }

    fn reset_feed(&self, feed: Feed) -> Result<(), StorageError> {
        self.store.reset_feed(feed)
    }
}

/// The command line lists the names, in its help and to whoever gives another one.
impl clap::ValueEnum for Breakage {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let words = self.words().trim().trim_end_matches('.');
        Some(clap::builder::PossibleValue::new(self.name()).help(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for breakage in Breakage::ALL {
            assert_eq!(breakage.name().parse(), Ok(*breakage));
        }
        assert!("nothing".parse::<Breakage>().is_err());
    }
}
