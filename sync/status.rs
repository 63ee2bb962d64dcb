//! How synchronisation stands, for people: one line, at most one problem, and the progress of the
//! first sync.
//!
//! Every problem has a stable code; the words are the screen's. The outbox's length is not here:
//! `store` knows it.

use crate::protocol::feed::Feed;
use domain::time::DeviceTime;

/// The line to central.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Line {
    /// Nothing was tried yet.
    #[default]
    Unknown,
    /// Central answers.
    Online,
    /// Central cannot be reached, or the line is cut on purpose.
    Offline,
    /// Something answers, but not as it should. Tried again by itself.
    Troubled,
    /// Central refuses this terminal. A person must act; it is tried again all the same.
    Refused,
}

impl Line {
    /// Stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Troubled => "troubled",
            Self::Refused => "refused",
        }
    }
}

/// What is wrong. All of them are retried without a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncProblem {
    /// No connection to central.
    Unreachable,
    /// Central does not answer in time.
    TimedOut,
    /// Something else answers in central's place, such as the login page of a network.
    NotCentral,
    /// Central answers that it failed.
    CentralFailing,
    /// Central asks us to slow down.
    Throttled,
    /// Central's answer makes no sense to this version.
    UnexpectedAnswer,
    /// An answer is larger than allowed.
    AnswerTooLarge,
    /// Central does not accept our proof of identity.
    Unauthenticated,
    /// Central does not know this terminal.
    TerminalUnknown,
    /// The terminal was revoked.
    TerminalRevoked,
    /// Another device is this terminal now. Enrol this one again; what it sells goes up meanwhile.
    EpochOutdated,
    /// Central holds another history of this terminal: it was cloned or rolled back. The terminal
    /// goes on in a new life by itself.
    HistoryForked,
    /// The new life of this terminal was refused: another device is this terminal now. Enrol this
    /// one again; what it sells goes up as strays meanwhile.
    EnrolAgain,
    /// Central says that the hash chain of our events does not hold.
    ChainBroken,
    /// A single event is larger than central accepts.
    EventTooLarge,
    /// This software is too old for central's feeds. Sales still go up.
    UpgradeNeeded,
    /// Central is too old for what this terminal must do (renew itself, send strays). Tried again.
    CentralOutdated,
    /// A feed answers without moving on.
    FeedStuck(Feed),
    /// A feed's rows or chunks make no sense, or are missing at central.
    FeedDamaged(Feed),
    /// A feed's rows do not add up to what central has. It is loaded anew.
    FeedDiverged(Feed),
    /// The disk is nearly full: feeds rest, sales go on.
    DiskLow,
    /// The terminal's own storage failed.
    StorageFailed,
}

impl SyncProblem {
    /// All problems, for tables of words; feeds are represented by their first.
    pub const ALL: [Self; 22] = [
        Self::Unreachable,
        Self::TimedOut,
        Self::NotCentral,
        Self::CentralFailing,
        Self::Throttled,
        Self::UnexpectedAnswer,
        Self::AnswerTooLarge,
        Self::Unauthenticated,
        Self::TerminalUnknown,
        Self::TerminalRevoked,
        Self::EpochOutdated,
        Self::HistoryForked,
        Self::EnrolAgain,
        Self::ChainBroken,
        Self::EventTooLarge,
        Self::UpgradeNeeded,
        Self::CentralOutdated,
        Self::FeedStuck(Feed::Config),
        Self::FeedDamaged(Feed::Config),
        Self::FeedDiverged(Feed::Config),
        Self::DiskLow,
        Self::StorageFailed,
    ];

    /// The stable code: key of translations, logs and `drive`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed-out",
            Self::NotCentral => "not-central",
            Self::CentralFailing => "central-failing",
            Self::Throttled => "throttled",
            Self::UnexpectedAnswer => "unexpected-answer",
            Self::AnswerTooLarge => "answer-too-large",
            Self::Unauthenticated => "unauthenticated",
            Self::TerminalUnknown => "terminal-unknown",
            Self::TerminalRevoked => "terminal-revoked",
            Self::EpochOutdated => "epoch-outdated",
            Self::HistoryForked => "history-forked",
            Self::EnrolAgain => "enrol-again",
            Self::ChainBroken => "chain-broken",
            Self::EventTooLarge => "event-too-large",
            Self::UpgradeNeeded => "upgrade-required",
            Self::CentralOutdated => "central-outdated",
            Self::FeedStuck(_) => "feed-stuck",
            Self::FeedDamaged(_) => "feed-damaged",
            Self::FeedDiverged(_) => "feed-diverged",
            Self::DiskLow => "disk-low",
            Self::StorageFailed => "storage-failed",
        }
    }

    /// The feed concerned, if it is one feed's problem.
    pub const fn feed(self) -> Option<Feed> {
        match self {
            Self::FeedStuck(feed) | Self::FeedDamaged(feed) | Self::FeedDiverged(feed) => {
                Some(feed)
            }
            _ => None,
        }
    }

    /// Central refuses this terminal: a person must act. What it sells is kept, and goes up as far
    /// as central takes it.
    pub const fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::TerminalUnknown
                | Self::TerminalRevoked
                | Self::EpochOutdated
                | Self::EnrolAgain
                | Self::UpgradeNeeded
        )
    }

    /// Nobody answered.
    pub const fn is_silence(self) -> bool {
        matches!(self, Self::Unreachable | Self::TimedOut)
    }

    /// The fault lies with this device, not with the line.
    pub const fn is_local(self) -> bool {
        matches!(self, Self::DiskLow | Self::StorageFailed)
    }
}

/// How far one feed is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedStatus {
    /// Which.
    pub feed: Feed,
    /// Rows of the snapshot that are on disk; rows held, once complete.
    pub rows_done: u64,
    /// Rows of the snapshot; `None` until central has said it.
    pub rows_total: Option<u64>,
    /// The snapshot is in, and changes are followed.
    pub is_complete: bool,
    /// Rises with every page or chunk applied: read again what is on the screen.
    pub revision: u64,
}

/// How synchronisation stands.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SyncStatus {
    /// The line to central.
    pub line: Line,
    /// When central last answered, by this device's clock. Since the start of the program.
    pub last_contact: Option<DeviceTime>,
    /// Central's clock minus this device's, milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// What is wrong; the most serious, if several things are.
    pub problem: Option<SyncProblem>,
    /// Something is being sent, fetched or applied. Waiting for news is not busy.
    pub is_busy: bool,
    /// The line was cut on purpose ([`crate::runner::RunnerHandle::cut`]).
    pub is_cut: bool,
    /// The first sync, feed by feed, most urgent first.
    pub first_sync: Vec<FeedStatus>,
    /// The first sync as a whole, 0 to 100; 100 only when every feed is complete.
    pub percent: u8,
    /// Rises with every acknowledgement booked: the outbox has changed.
    pub acknowledged_revision: u64,
    /// How often a feed's rows did not add up to central's, since the start of the program.
    pub divergences: u64,
}

impl SyncStatus {
    /// Whether every feed has its snapshot.
    pub fn is_first_sync_done(&self) -> bool {
        !self.first_sync.is_empty() && self.first_sync.iter().all(|feed| feed.is_complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_kebab_case_and_unique() {
        let codes: BTreeSet<_> = SyncProblem::ALL.iter().map(|problem| problem.code()).collect();
        assert_eq!(codes.len(), SyncProblem::ALL.len());
        let is_kebab = |code: &str| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(codes.iter().all(|code| is_kebab(code)));
    }

    #[test]
    fn a_problem_has_one_nature() {
        for problem in SyncProblem::ALL {
            let natures = [problem.is_refusal(), problem.is_silence(), problem.is_local()];
            assert!(natures.iter().filter(|is| **is).count() <= 1, "{problem:?}");
        }
    }
}
