//! The feed lanes: snapshot in chunks, then changes by cursor with long polls.
//!
//! ```text
//! Read ─no cursor─> NeedPlan ─manifest─> Begin ─> Fetch ─last chunk─> Read ─cursor─> Poll
//!  └──snapshot begun earlier────────────────────> │                                   │
//!                     chunk gone: NeedPlan <──────┘    410, stuck, damaged: Reset ────┘─> NeedPlan
//! ```
//! The cursor lives in the storage, with the rows (invariant 5). The lane keeps a copy, and reads
//! it again whenever the storage says that it has another one.

use super::lane::{Busy, Lane, Pace, judge};
use super::token::Tokens;
use super::work::{StoreDone, StoreWork};
use super::{Ask, Gate, Moment, Turn};
use crate::call::{Fault, Reply, Request, Token};
use crate::ports::{Applied, FeedProgress};
use crate::protocol::feed::{ChangesPage, Feed, Included, PAGE_MAX, WAIT_MAX_S};
use crate::protocol::problem::code;
use crate::protocol::snapshot::FeedSnapshot;
use crate::status::{FeedStatus, SyncProblem};

/// So many answers at the same cursor that promise more, and the feed counts as stuck.
const STUCK_MAX: u32 = 5;
/// So many damaged pages or chunks in a row, and the feed starts again.
const DAMAGED_MAX: u32 = 3;
/// Empty answers come no faster than this, even if central does not wait as asked.
const EMPTY_GAP_MS: u64 = 2_000;
/// News come no faster than this: a busy feed is read in pages, not row by row.
const NEWS_GAP_MS: u64 = 200;
/// A feed whose rows do not add up is loaded anew at most so often.
const RELOAD_MS: u64 = 60 * 60 * 1_000;
/// The longest cursor accepted, bytes; it goes into an address.
pub const CURSOR_LENGTH_MAX: usize = 1024;

#[derive(Clone, Debug, Default)]
enum Step {
    /// Learn from the storage how far we are.
    #[default]
    Read,
    /// Wait for a manifest.
    NeedPlan,
    /// Hand the plan to the storage.
    Begin(FeedSnapshot),
    /// Fetch and apply chunk by chunk.
    Fetch { plan: FeedSnapshot, next: usize, rows_done: u64 },
    /// Follow the changes.
    Poll { cursor: String, wait_s: u32, applying: Option<Applying> },
    /// Begin again from a snapshot.
    Reset,
}

/// A page that the storage is applying.
#[derive(Clone, Debug)]
struct Applying {
    next: String,
    more: bool,
    included: Vec<Included>,
    has_checkpoint: bool,
    has_rows: bool,
}

/// Follows one feed.
#[derive(Clone, Debug)]
pub struct FeedLane {
    pub lane: Lane,
    feed: Feed,
    step: Step,
    stuck: u32,
    damaged: u32,
    missing: u32,
    /// The cursor was refused as too old, and no page has come since.
    is_compacted: bool,
    has_fallen_back: bool,
    included: Vec<Included>,
    /// Its rows do not add up to central's checkpoint.
    has_diverged: bool,
    /// How often that was found.
    divergences: u64,
    /// When it may be loaded anew for that reason (monotonic).
    reload_after_ms: u64,
    has_plan_failed: bool,
    rows_done: u64,
    rows_total: Option<u64>,
    revision: u64,
}

impl FeedLane {
    /// A feed of which nothing is known.
    pub fn new(feed: Feed) -> Self {
        Self {
            lane: Lane::default(),
            feed,
            step: Step::Read,
            stuck: 0,
            damaged: 0,
            missing: 0,
            is_compacted: false,
            has_fallen_back: false,
            included: Vec::new(),
            has_diverged: false,
            divergences: 0,
            reload_after_ms: 0,
            has_plan_failed: false,
            rows_done: 0,
            rows_total: None,
            revision: 0,
        }
    }

    /// Its snapshot is in, and changes are followed.
    pub fn is_complete(&self) -> bool {
        matches!(self.step, Step::Poll { .. })
    }

    /// What is wrong with it.
    pub fn problem(&self) -> Option<SyncProblem> {
        let diverged = self.has_diverged.then_some(SyncProblem::FeedDiverged(self.feed));
        self.lane.problem.or(diverged)
    }

    /// How often its rows did not add up.
    pub fn divergences(&self) -> u64 {
        self.divergences
    }

    /// Another life is current: its feeds may be others. Begins by asking the storage.
    pub fn restart(&mut self, turn: &mut Turn<'_>) {
        self.lane.abandon_call(turn);
        *self = Self {
            revision: self.revision + 1,
            divergences: self.divergences,
            ..Self::new(self.feed)
        };
    }

    /// Which feed it follows.
    pub fn feed(&self) -> Feed {
        self.feed
    }

    /// It can do nothing before it has a plan.
    pub fn needs_plan(&self) -> bool {
        matches!(self.step, Step::NeedPlan)
    }

    /// The storage is just being asked how far it is.
    pub fn is_unknown(&self) -> bool {
        matches!(self.step, Step::Read) && self.lane.busy.is_some()
    }

    /// For people.
    pub fn status(&self) -> FeedStatus {
        FeedStatus {
            feed: self.feed,
            rows_done: self.rows_done,
            rows_total: self.rows_total,
            is_complete: self.is_complete(),
            revision: self.revision,
        }
    }

    /// Starts what can start. `is_turn`: no feed of higher priority has chunks to fetch.
    pub fn pump(&mut self, turn: &mut Turn<'_>, gate: &mut Gate<'_>, is_turn: bool) {
        if gate.is_cut || !self.lane.is_free(turn.now) {
            return;
        }
        if let Step::Poll { .. } = self.step {
            self.reload_if_due(turn);
        }
        if !gate.may_pull() && !matches!(self.step, Step::Read) {
            return;
        }
        let feed = self.feed;
        match &self.step {
            Step::Read => self.lane.store(turn, StoreWork::Progress(feed)),
            Step::Begin(plan) => self.lane.store(turn, StoreWork::BeginSnapshot(plan.clone())),
            Step::Reset => self.lane.store(turn, StoreWork::ResetFeed(feed)),
            Step::Fetch { plan, next, .. } if is_turn => match plan.chunks.get(*next) {
                Some(chunk) => {
                    let sha256 = chunk.sha256.clone();
                    if let Some(token) = gate.pull_token(turn) {
                        self.lane.send(turn, Some(token), Request::Chunk { sha256 });
                    }
                }
                // All chunks are in, but there is no cursor: the storage knows better.
                None => self.lane.store(turn, StoreWork::Progress(feed)),
            },
            Step::Poll { cursor, wait_s, .. } => {
                let (after, wait_s) = (cursor.clone(), *wait_s);
                if let Some(token) = gate.pull_token(turn) {
                    let request = Request::Changes { feed, after, limit: PAGE_MAX, wait_s };
                    self.lane.send(turn, Some(token), request);
                }
            }
            Step::NeedPlan | Step::Fetch { .. } => {}
        }
    }

    /// Takes the answer to a chunk or changes request.
    pub fn answered(
        &mut self,
        turn: &mut Turn<'_>,
        busy: &Busy,
        result: Result<Reply, Fault>,
        tokens: &mut Tokens,
    ) {
        let fault = match (result, &self.step) {
            (Ok(Reply::Chunk(bytes)), Step::Fetch { plan, next, .. }) => {
                let Some(chunk) = plan.chunks.get(*next) else {
                    self.step = Step::Read;
                    return;
                };
                let (feed, sha256, at) = (self.feed, chunk.sha256.clone(), turn.now.wall);
                self.lane.store(turn, StoreWork::ApplyChunk { feed, sha256, bytes, at });
                return;
            }
            (Ok(Reply::Changes(page)), Step::Poll { cursor, .. }) => {
                let after = cursor.clone();
                return self.take_page(turn, busy.began, after, page);
            }
            (Ok(_), _) => Fault::wrong_reply(),
            (Err(fault), _) => fault,
        };
        self.failed(turn, &fault, (tokens, busy.token.as_ref()));
    }

    fn take_page(&mut self, turn: &mut Turn<'_>, began: Moment, after: String, page: ChangesPage) {
        let moves = page.next != after;
        // The first poll does not wait, and must not delay the one that does.
        let has_waited = matches!(self.step, Step::Poll { wait_s, .. } if wait_s > 0);
        let gap_ms = match (has_waited, moves) {
            (false, _) => 0,
            (true, true) => NEWS_GAP_MS,
            (true, false) => EMPTY_GAP_MS,
        };
        if page.next.len() > CURSOR_LENGTH_MAX {
            return self.lane.fail(turn, SyncProblem::UnexpectedAnswer, Pace::Slow);
        }
        if page.more && !moves {
            self.stuck += 1;
            if self.stuck > STUCK_MAX {
                self.give_up(turn, SyncProblem::FeedStuck(self.feed));
            }
            return;
        }
        self.stuck = 0;
        self.is_compacted = false;
        let is_news = moves || !page.changes.is_empty() || page.included != self.included;
        if !is_news {
            // Nothing to write: an idle terminal does not wear out its disk.
            self.lane.succeed();
            self.follow(began, gap_ms);
            return;
        }
        let (next, more, included) = (page.next.clone(), page.more, page.included.clone());
        let (has_checkpoint, has_rows) = (page.checkpoint.is_some(), !page.changes.is_empty());
        if let Step::Poll { applying, .. } = &mut self.step {
            *applying = Some(Applying { next, more, included, has_checkpoint, has_rows });
        }
        let (feed, at) = (self.feed, turn.now.wall);
        // The gap between two polls counts from the moment when this one began.
        if !page.more {
            self.lane.not_before_ms = began.monotonic_ms.saturating_add(gap_ms);
        }
        self.lane.store(turn, StoreWork::ApplyPage { feed, after, page: Box::new(page), at });
    }

    /// Up to date: the next poll waits for news.
    fn follow(&mut self, began: Moment, gap_ms: u64) {
        if let Step::Poll { wait_s, applying, .. } = &mut self.step {
            *wait_s = WAIT_MAX_S;
            *applying = None;
        }
        self.lane.not_before_ms = began.monotonic_ms.saturating_add(gap_ms);
    }

    /// The feed does not work as it is: once from a snapshot, then with long pauses.
    fn give_up(&mut self, turn: &mut Turn<'_>, problem: SyncProblem) {
        if self.has_fallen_back {
            self.lane.fail(turn, problem, Pace::Slow);
        } else {
            self.has_fallen_back = true;
            self.lane.fail(turn, problem, Pace::Soon);
            self.step = Step::Reset;
        }
        self.stuck = 0;
        self.damaged = 0;
    }

    fn failed(
        &mut self,
        turn: &mut Turn<'_>,
        fault: &Fault,
        (tokens, used): (&mut Tokens, Option<&Token>),
    ) {
        let is_fetching = matches!(self.step, Step::Fetch { .. });
        match fault.code() {
            Some(code::UNAUTHENTICATED) => {
                let is_current = tokens.forget(used);
                self.lane.token_refused(turn, is_current);
            }
            Some(code::OLD_EPOCH | code::TERMINAL_REVOKED) => {
                // The next token will say how central regards this life. A token that is not ours
                // any more says nothing.
                if tokens.forget(used) {
                    self.fail(turn, fault);
                }
            }
            Some(code::CURSOR_COMPACTED) if !is_fetching => {
                // Or central was restored from a backup.
                turn.asks.push(Ask::CentralRestored);
                // Normal after a long silence; a central that says so of the cursor of a fresh snapshot is not, and
                // would have us load the whole feed over and over.
                if self.is_compacted {
                    self.lane.fail(turn, SyncProblem::FeedDamaged(self.feed), Pace::Slow);
                }
                self.is_compacted = true;
                self.step = Step::Reset;
            }
            Some(code::NOT_FOUND) if is_fetching => {
                // The manifest has expired. A new one that misses chunks too is a fault.
                if self.missing > 0 {
                    self.lane.fail(turn, SyncProblem::FeedDamaged(self.feed), Pace::Soon);
                }
                self.missing += 1;
                self.step = Step::NeedPlan;
            }
            _ => self.fail(turn, fault),
        }
    }

    fn fail(&mut self, turn: &mut Turn<'_>, fault: &Fault) {
        let (problem, pace) = judge(fault);
        if problem == SyncProblem::UpgradeNeeded {
            turn.asks.push(Ask::LookAtContract);
        }
        self.lane.fail(turn, problem, pace);
        // The next poll does not wait, so that it soon shows whether the problem is over.
        if let Step::Poll { wait_s, .. } = &mut self.step {
            *wait_s = 0;
        }
    }

    /// Takes the result of work of the storage.
    pub fn stored(&mut self, turn: &mut Turn<'_>, done: StoreDone) {
        match (std::mem::take(&mut self.step), done) {
            (_, StoreDone::Progress(progress)) => self.learn(progress),
            (Step::Fetch { plan, next, rows_done }, StoreDone::Applied(applied)) => {
                self.chunk_applied(turn, plan, next, rows_done, applied);
            }
            (Step::Poll { cursor, wait_s, applying: Some(page) }, StoreDone::Applied(applied)) => {
                self.page_applied(turn, (cursor, wait_s), page, applied);
            }
            (step, _) => {
                self.step = match step {
                    // What it was doing is done again.
                    Step::Poll { cursor, wait_s, .. } => {
                        Step::Poll { cursor, wait_s, applying: None }
                    }
                    other => other,
                };
                self.lane.fail(turn, SyncProblem::StorageFailed, Pace::Soon);
            }
        }
    }

    fn learn(&mut self, progress: FeedProgress) {
        self.included = Vec::new();
        let FeedProgress { cursor, snapshot, rows, .. } = progress;
        self.step = match (snapshot, cursor) {
            (Some(begun), _) => {
                self.rows_done = begun.rows_applied;
                self.rows_total = Some(begun.plan.rows);
                let (plan, next) = (begun.plan, begun.chunks_applied);
                Step::Fetch { plan, next, rows_done: begun.rows_applied }
            }
            (None, Some(cursor)) => {
                self.rows_done = rows;
                self.rows_total = Some(rows);
                // The first poll does not wait, so that we soon know whether we are up to date.
                Step::Poll { cursor, wait_s: 0, applying: None }
            }
            (None, None) => {
                self.rows_done = 0;
                self.rows_total = None;
                Step::NeedPlan
            }
        };
    }

    fn chunk_applied(
        &mut self,
        turn: &mut Turn<'_>,
        plan: FeedSnapshot,
        next: usize,
        rows_done: u64,
        applied: Applied,
    ) {
        match applied {
            Applied::Committed | Applied::Diverged => {
                self.lane.succeed();
                self.damaged = 0;
                self.revision += 1;
                let has_checkpoint = plan.checkpoint.is_some();
                let rows = plan.chunks.get(next).map_or(0, |chunk| chunk.rows);
                let rows_done = rows_done.saturating_add(rows);
                self.rows_done = rows_done;
                let next = next + 1;
                // After the last one the storage has the cursor.
                let is_last = next >= plan.chunks.len();
                self.step =
                    if is_last { Step::Read } else { Step::Fetch { plan, next, rows_done } };
                if is_last {
                    self.missing = 0;
                    self.compared(turn, has_checkpoint, applied);
                }
            }
            Applied::Stale => self.stale(turn),
            Applied::Damaged => {
                self.step = Step::Fetch { plan, next, rows_done };
                self.is_damaged(turn);
            }
            Applied::DiskLow => {
                self.step = Step::Fetch { plan, next, rows_done };
                self.lane.fail(turn, SyncProblem::DiskLow, Pace::Soon);
            }
        }
    }

    fn page_applied(
        &mut self,
        turn: &mut Turn<'_>,
        (cursor, wait_s): (String, u32),
        page: Applying,
        applied: Applied,
    ) {
        match applied {
            Applied::Committed | Applied::Diverged => {
                let gap_ends_ms = self.lane.not_before_ms;
                self.lane.succeed();
                self.lane.not_before_ms = gap_ends_ms;
                self.damaged = 0;
                self.missing = 0;
                self.has_fallen_back = false;
                if !page.more {
                    self.included = page.included;
                }
                if page.has_rows && self.feed == Feed::Stock {
                    turn.asks.push(Ask::StockMoved);
                }
                // An empty page may still tell that an event of ours is included now.
                self.revision += 1;
                let wait_s = if page.more { 0 } else { WAIT_MAX_S };
                self.step = Step::Poll { cursor: page.next, wait_s, applying: None };
                self.compared(turn, page.has_checkpoint && !page.more, applied);
            }
            Applied::Stale => self.stale(turn),
            Applied::Damaged => {
                self.step = Step::Poll { cursor, wait_s, applying: None };
                self.is_damaged(turn);
            }
            Applied::DiskLow => {
                self.step = Step::Poll { cursor, wait_s, applying: None };
                self.lane.fail(turn, SyncProblem::DiskLow, Pace::Soon);
            }
        }
    }

    /// The storage has compared the rows with central's checkpoint, if there was one. Rows that do
    /// not add up are loaded anew, but not over and over: until then they are used as they are.
    fn compared(&mut self, turn: &mut Turn<'_>, has_checkpoint: bool, applied: Applied) {
        match applied {
            Applied::Diverged => {
                self.has_diverged = true;
                self.divergences += 1;
                self.reload_if_due(turn);
            }
            _ if has_checkpoint => self.has_diverged = false,
            _ => {}
        }
    }

    fn reload_if_due(&mut self, turn: &Turn<'_>) {
        let now_ms = turn.now.monotonic_ms;
        if self.has_diverged && now_ms >= self.reload_after_ms {
            self.reload_after_ms = now_ms.saturating_add(RELOAD_MS);
            self.step = Step::Reset;
        }
    }

    /// Takes the plan that it waits for.
    pub fn take_plan(&mut self, plan: FeedSnapshot) {
        if std::mem::take(&mut self.has_plan_failed) {
            self.lane.succeed();
        }
        self.rows_total = Some(plan.rows);
        self.step = Step::Begin(plan);
    }

    /// There is no plan for this feed now: it rests, and the next one is asked for.
    pub fn plan_failed(&mut self, turn: &mut Turn<'_>, problem: SyncProblem, pace: Pace) {
        self.has_plan_failed = true;
        self.lane.fail(turn, problem, pace);
    }

    /// The storage stands elsewhere than we thought: ask it.
    fn stale(&mut self, turn: &mut Turn<'_>) {
        self.stuck += 1;
        if self.stuck > STUCK_MAX {
            self.lane.fail(turn, SyncProblem::FeedStuck(self.feed), Pace::Soon);
        }
        self.step = Step::Read;
    }

    fn is_damaged(&mut self, turn: &mut Turn<'_>) {
        self.damaged += 1;
        let problem = SyncProblem::FeedDamaged(self.feed);
        if self.damaged >= DAMAGED_MAX {
            self.give_up(turn, problem);
        } else {
            self.lane.fail(turn, problem, Pace::Soon);
        }
    }
}
