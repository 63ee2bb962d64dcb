//! The push lanes: what is in the outbox goes to central, in order, until the outbox is empty. One is
//! for the current life, one for former lives, one after the other.
//!
//! ```text
//! Reconcile ──watermark fits──> Read ──events──> Send ──acknowledged──> Read ──nothing──> Idle
//!   │ ^                          any failure: rest, then ask where central stands    │
//!   │ └──────────────────────────────────────────────────────────────────────────────┘
//!   └──another history, twice──> the current life is renewed, a former one is closed
//! ```
//! The condition is "the outbox has unacknowledged events", looked at again after every
//! acknowledgement, nudge and pause (level-triggered). Only transport, authentication and
//! corruption can stop it (invariant 4), and another history at central only this life: the terminal
//! goes on in the next one.

use super::lane::{Busy, Lane, Pace, judge};
use super::lives::Wish;
use super::token::Tokens;
use super::work::{Comparison, StoreDone, StoreWork};
use super::{Ask, Gate, Turn};
use crate::call::{Fault, Reply, Request, Token};
use crate::ports::{LifeId, OutboxItem, TerminalIdentity};
use crate::protocol::event::EventHash;
use crate::protocol::problem::code;
use crate::protocol::push::{
    BYTES_MAX, DamagedEvent, EVENTS_MAX, Outcome, PushItem, PushRequest, PushResponse, PushResult,
    Watermark,
};
use crate::status::SyncProblem;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::event::RenewalReason;

/// An idle outbox is looked at so often even without a nudge: a forgotten nudge costs seconds, not
/// sales.
const RECHECK_MS: u64 = 10_000;
/// An idle line asks central where it stands so often: a restored central shows even when nothing
/// is sold.
const WATERMARK_MS: u64 = 5 * 60 * 1_000;
/// While something is held back, rows that have moved make it ask again, but no faster than this.
const HELD_BACK_GAP_MS: u64 = 2_000;
/// So many answers in a row that do not move us on, before we rest.
const STALLS_MAX: u32 = 3;
/// So many watermarks of another history in a row are believed: one might be a fault.
const DOUBTS_MAX: u32 = 2;
/// So many refusals in a row of events whose watermark fits, and this life leads nowhere.
const CONTRADICTIONS_MAX: u32 = 3;

/// Which lives a push lane is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// The one that goes on.
    #[default]
    Current,
    /// One that has ended.
    Former,
}

#[derive(Clone, Debug, Default)]
enum Step {
    /// Ask central where it stands, then compare.
    #[default]
    Reconcile,
    /// Look at the outbox.
    Read,
    /// Send these.
    Send(Vec<OutboxItem>),
    /// Nothing waits.
    Idle { recheck_ms: u64 },
}

/// Sends the outbox of a life.
#[derive(Clone, Debug)]
pub struct PushLane {
    pub lane: Lane,
    /// Rises with every acknowledgement booked.
    pub revision: u64,
    role: Role,
    step: Step,
    life: Option<LifeId>,
    batch_max: usize,
    stalls: u32,
    doubts: u32,
    contradictions: u32,
    is_nudged: bool,
    watermark_due_ms: u64,
    /// When the watermark was asked for last (monotonic).
    asked_ms: u64,
    /// Central has said that it holds something of this life back.
    is_holding_back: bool,
    /// Since it was asked for last, a person may have let something count that was held back.
    is_held_back_doubted: bool,
}

impl PushLane {
    /// A lane that has no life yet.
    pub fn new(role: Role) -> Self {
        Self {
            lane: Lane::default(),
            revision: 0,
            role,
            step: Step::default(),
            life: None,
            batch_max: EVENTS_MAX,
            stalls: 0,
            doubts: 0,
            contradictions: 0,
            is_nudged: false,
            watermark_due_ms: 0,
            asked_ms: 0,
            is_holding_back: false,
            is_held_back_doubted: false,
        }
    }

    /// Turns to a life, from the start. What is under way for another one is nobody's.
    pub fn turn_to(&mut self, turn: &mut Turn<'_>, life: Option<LifeId>) {
        if self.life != life {
            self.lane.abandon_call(turn);
            *self = Self { revision: self.revision, life, ..Self::new(self.role) };
        }
    }

    /// The outbox may have grown.
    pub fn nudge(&mut self) {
        if let Step::Idle { .. } = self.step {
            self.step = Step::Read;
        } else {
            // A look at the outbox that is under way may have missed it.
            self.is_nudged = true;
        }
    }

    /// Somebody may have replaced central's data: ask soon.
    pub fn doubt_watermark(&mut self) {
        self.watermark_due_ms = 0;
    }

    /// The rows have moved. If something of ours is held back, a person may have let it count: as long as we do not
    /// know, we take it off what is on hand a second time.
    pub fn doubt_held_back(&mut self) {
        self.is_held_back_doubted |= self.is_holding_back;
    }

    /// When to ask what is held back still.
    fn held_back_due_ms(&self) -> u64 {
        let soon_ms = self.asked_ms.saturating_add(HELD_BACK_GAP_MS);
        if self.is_held_back_doubted { soon_ms } else { u64::MAX }
    }

    /// Compare with central before anything else is sent.
    pub fn reconcile(&mut self) {
        self.step = Step::Reconcile;
    }

    /// When an idle outbox is to be looked at.
    pub fn alarm_ms(&self) -> Option<u64> {
        match self.step {
            Step::Idle { recheck_ms } if self.life.is_some() => {
                Some(recheck_ms.min(self.held_back_due_ms()))
            }
            _ => None,
        }
    }

    /// Starts what can start for the life that it has turned to.
    pub fn pump(&mut self, turn: &mut Turn<'_>, gate: &mut Gate<'_>, who: &TerminalIdentity) {
        if gate.is_cut || self.life != Some(who.life()) || !self.lane.is_free(turn.now) {
            return;
        }
        let now_ms = turn.now.monotonic_ms;
        if let Step::Idle { recheck_ms } = self.step {
            if now_ms >= self.watermark_due_ms.min(self.held_back_due_ms()) {
                self.step = Step::Reconcile;
            } else if now_ms >= recheck_ms {
                self.step = Step::Read;
            }
        }
        let (life, terminal) = (who.life(), who.id.uuid());
        match &self.step {
            Step::Reconcile => {
                if let Some(token) = gate.token(turn, who) {
                    self.asked_ms = now_ms;
                    self.is_held_back_doubted = false;
                    self.lane.send(turn, Some(token), Request::Watermark { terminal });
                }
            }
            Step::Read => {
                self.is_nudged = false;
                let count_max = self.batch_max;
                self.lane.store(turn, StoreWork::Outbox { life, count_max, bytes_max: BYTES_MAX });
            }
            Step::Send(events) => {
                if let Some(token) = gate.token(turn, who) {
                    let request = Request::Push { terminal, body: body_of(life, events) };
                    self.lane.send(turn, Some(token), request);
                }
            }
            Step::Idle { .. } => {}
        }
    }

    /// Takes the answer to a watermark or push request.
    pub fn answered(
        &mut self,
        turn: &mut Turn<'_>,
        busy: &Busy,
        result: Result<Reply, Fault>,
        tokens: &mut Tokens,
    ) {
        match (std::mem::take(&mut self.step), result) {
            (Step::Reconcile, Ok(Reply::Watermark(mark))) => {
                let current = mark.current_epoch.unwrap_or(mark.epoch);
                if self.role == Role::Current && self.life.is_some_and(|l| l.epoch < current) {
                    // Replaced since: the next token will say so.
                    tokens.forget(busy.token.as_ref());
                }
                self.compare(turn, mark);
            }
            (Step::Send(events), Ok(Reply::Pushed(reply))) => self.book(turn, &events, reply),
            (_, Ok(_)) => self.rest(turn, SyncProblem::NotCentral, Pace::Soon),
            (step, Err(fault)) => self.failed(turn, step, &fault, (tokens, busy.token.as_ref())),
        }
    }

    fn compare(&mut self, turn: &mut Turn<'_>, mark: Watermark) {
        let Some(life) = self.life else { return };
        if mark.epoch != life.epoch {
            // A central that knows no lives speaks of the newest one only.
            return self.rest(turn, SyncProblem::EpochOutdated, Pace::Slow);
        }
        let Ok(hash) = mark.acked_hash.parse::<EventHash>() else {
            return self.rest(turn, SyncProblem::UnexpectedAnswer, Pace::Soon);
        };
        self.watermark_due_ms = turn.now.monotonic_ms.saturating_add(WATERMARK_MS);
        self.is_holding_back = !mark.held_back.is_empty();
        let (seq, held_back, at) = (mark.acked_seq, mark.held_back, turn.now.wall);
        self.lane.store(turn, StoreWork::Reconcile { life, seq, hash, held_back, at });
    }

    fn book(&mut self, turn: &mut Turn<'_>, events: &[OutboxItem], reply: PushResponse) {
        let Some(life) = self.life else { return };
        let first = events.first().map_or(0, |event| event.place().seq);
        if reply.acked_seq < first {
            // Central holds less than we thought (restored from a backup), or took nothing.
            return self.stall(turn);
        }
        let Ok(hash) = reply.acked_hash.parse::<EventHash>() else {
            return self.rest(turn, SyncProblem::UnexpectedAnswer, Pace::Soon);
        };
        // Kept, so that the storage's answer is known to be about these.
        self.step = Step::Send(Vec::new());
        let (seq, results, at) = (reply.acked_seq, reply.results, turn.now.wall);
        let is_held_back =
            |result: &PushResult| matches!(result.outcome, Outcome::Quarantined | Outcome::Parked);
        self.is_holding_back |= results.iter().any(is_held_back);
        self.lane.store(turn, StoreWork::Acknowledge { life, seq, hash, results, at });
    }

    /// Not a failure, but no way forward either: ask where central stands, at first at once.
    fn stall(&mut self, turn: &mut Turn<'_>) {
        self.stalls += 1;
        if self.stalls > STALLS_MAX {
            self.rest(turn, SyncProblem::UnexpectedAnswer, Pace::Soon);
        }
        self.step = Step::Reconcile;
    }

    fn rest(&mut self, turn: &mut Turn<'_>, problem: SyncProblem, pace: Pace) {
        self.lane.fail(turn, problem, pace);
        self.step = Step::Reconcile;
    }

    /// This life and central's history of it have parted: nothing more of it goes by number.
    fn part(&mut self, turn: &mut Turn<'_>, reason: RenewalReason) {
        let Some(life) = self.life else { return };
        self.doubts = 0;
        self.contradictions = 0;
        self.rest(turn, SyncProblem::HistoryForked, Pace::Soon);
        match self.role {
            Role::Current => {
                turn.asks.push(Ask::Lives(Wish::Renew { former: life, reason }));
            }
            Role::Former => {
                turn.asks.push(Ask::Lives(Wish::Close(life)));
                turn.asks.push(Ask::FormerDone(life));
            }
        }
    }

    fn failed(
        &mut self,
        turn: &mut Turn<'_>,
        step: Step,
        fault: &Fault,
        (tokens, used): (&mut Tokens, Option<&Token>),
    ) {
        let sent = if let Step::Send(events) = &step { events.len() } else { 0 };
        let is_too_large = sent > 0 && fault.status() == Some(413);
        if is_too_large || (sent > 0 && *fault == Fault::TimedOut) {
            self.batch_max = (sent / 2).max(1);
        }
        match fault.code() {
            _ if is_too_large && sent > 1 => self.step = Step::Read,
            _ if is_too_large => self.rest(turn, SyncProblem::EventTooLarge, Pace::Slow),
            Some(code::UNAUTHENTICATED) => {
                let is_current = tokens.forget(used);
                let is_resting = self.lane.token_refused(turn, is_current);
                self.step = if is_resting { Step::Reconcile } else { step };
            }
            Some(code::GAP) => self.stall(turn),
            Some(code::FORKED_HISTORY | code::BROKEN_CHAIN) if sent > 0 => {
                // The watermark will tell; if it keeps saying that all is well, it is wrong.
                self.contradictions += 1;
                if self.contradictions >= CONTRADICTIONS_MAX {
                    return self.part(turn, RenewalReason::Forked);
                }
                let (problem, _) = judge(fault);
                self.rest(turn, problem, Pace::Soon);
            }
            _ => {
                let (problem, pace) = judge(fault);
                self.rest(turn, problem, pace);
            }
        }
    }

    /// Takes the result of work of the storage.
    pub fn stored(&mut self, turn: &mut Turn<'_>, done: StoreDone) {
        match (std::mem::take(&mut self.step), done) {
            (Step::Reconcile, StoreDone::Compared(Comparison::Fits { is_rewound })) => {
                self.doubts = 0;
                if is_rewound {
                    turn.asks.push(Ask::CentralRestored);
                }
                // Failures and stalls go on counting until something is acknowledged: a central
                // that tells its watermark but takes no events must not be asked every second for
                // ever.
                self.step = Step::Read;
            }
            (Step::Reconcile, StoreDone::Compared(differs)) => {
                self.doubts += 1;
                match differs {
                    _ if self.doubts < DOUBTS_MAX => {
                        self.rest(turn, SyncProblem::HistoryForked, Pace::Soon);
                    }
                    Comparison::Ahead => self.part(turn, RenewalReason::Restored),
                    _ => self.part(turn, RenewalReason::Forked),
                }
            }
            (Step::Send(_), StoreDone::Fits(true)) => {
                self.lane.succeed();
                self.stalls = 0;
                self.contradictions = 0;
                self.batch_max = (self.batch_max * 2).min(EVENTS_MAX);
                self.revision += 1;
                self.step = Step::Read;
            }
            // The answer may be damaged or not ours; the watermark will tell whether it is a fork.
            (Step::Send(_), StoreDone::Fits(false)) => self.stall(turn),
            (Step::Read, StoreDone::Outbox(events)) => self.take_outbox(turn, events),
            _ => self.rest(turn, SyncProblem::StorageFailed, Pace::Soon),
        }
    }

    fn take_outbox(&mut self, turn: &mut Turn<'_>, mut events: Vec<OutboxItem>) {
        events.truncate(batch_length(&events, false).min(self.batch_max));
        if !events.is_empty() {
            self.step = Step::Send(events);
            return;
        }
        self.lane.succeed();
        self.stalls = 0;
        let recheck_ms = turn.now.monotonic_ms.saturating_add(RECHECK_MS);
        self.step = if self.is_nudged { Step::Read } else { Step::Idle { recheck_ms } };
        if let (Role::Former, Some(life)) = (self.role, self.life) {
            turn.asks.push(Ask::FormerDone(life));
        }
    }
}

/// How many events from the first on make a batch: of one life, within the limit of bytes, and
/// without a hole unless `has_holes`. One event is always tried, however large.
pub fn batch_length(events: &[OutboxItem], has_holes: bool) -> usize {
    let mut length = 0;
    let mut bytes = 0;
    for event in events {
        bytes += event.size();
        let place = event.place();
        let follows = match length {
            0 => true,
            _ => {
                let before = events[length - 1].place();
                let is_next = before.seq.checked_add(1) == Some(place.seq);
                before.life() == place.life()
                    && (is_next || (has_holes && before.seq < place.seq))
                    && bytes <= BYTES_MAX
            }
        };
        if !follows {
            break;
        }
        length += 1;
    }
    length
}

fn item_of(item: &OutboxItem) -> PushItem {
    match item {
        OutboxItem::Sealed(event) => PushItem::Sealed(event.bytes.clone()),
        OutboxItem::Damaged { place, hash, prev, raw } => PushItem::Damaged {
            damaged: DamagedEvent {
                seq: place.seq,
                hash: hash.to_string(),
                prev: prev.to_string(),
                raw: BASE64.encode(raw),
            },
        },
    }
}

/// The same for the wire.
pub fn items_of(items: &[OutboxItem]) -> Vec<PushItem> {
    items.iter().map(item_of).collect()
}

fn body_of(life: LifeId, events: &[OutboxItem]) -> PushRequest {
    PushRequest {
        epoch: life.epoch,
        from_seq: events.first().map_or(0, |event| event.place().seq),
        events: items_of(events),
    }
}
