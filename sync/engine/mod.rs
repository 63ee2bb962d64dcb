//! The engine: a pure state machine that decides what to send, store and wait for next.
//!
//! ```text
//!              inputs                                   effects
//!   Start Tick Nudge Cut ─┐                        ┌─> Send / Abort    to central
//!   Answered (call)  ─────┼─> step(now, in, rng) ──┼─> Store           to the terminal's storage
//!   Stored   (work)  ─────┘                        └─> SetTimer, Publish
//!
//!   lanes:  token │ push │ manifest │ feed config │ catalogue │ stock │ customers │ history
//! ```
//! Every lane is *level-triggered*: after each input the engine looks at all of them and starts
//! what can start. A lost or repeated wake-up therefore cannot lose work. It reads no clock, rolls
//! no die of its own and does no IO (invariant 11); whoever runs it executes the effects and hands
//! the results back, in any order.

mod feed;
mod lane;
mod push;
mod token;
pub mod work;

#[cfg(test)]
mod tests;

use crate::call::{Fault, Reply, Request, Token};
use crate::ports::TerminalIdentity;
use crate::protocol::feed::Feed;
use crate::status::{Line, SyncProblem, SyncStatus};
use domain::time::DeviceTime;
use feed::{FeedLane, ManifestLane};
use lane::{Lane, Pace};
use push::PushLane;
use rand::Rng;
use token::TokenLane;
use work::{StoreDone, StoreWork};

/// A moment by both clocks of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds of this run; never goes back. All pauses and deadlines are measured by it.
    pub monotonic_ms: u64,
    /// The wall clock, which may be wrong. Only noted, never compared.
    pub wall: DeviceTime,
}

/// Number of a piece of work, never used twice by one engine.
pub type Ticket = u64;

/// What happens to the engine.
#[derive(Clone, Debug)]
pub enum Input {
    /// The program has started.
    Start,
    /// The time of the last [`Effect::SetTimer`] has come. Harmless at any other time.
    Tick,
    /// There is a reason to try now: a new event, the manual button, the network is up.
    Nudge,
    /// Cuts the line on purpose, or restores it.
    Cut(bool),
    /// A call has ended.
    Answered {
        /// Which.
        ticket: Ticket,
        /// How.
        result: Result<Reply, Fault>,
    },
    /// Work of the storage has ended.
    Stored {
        /// Which.
        ticket: Ticket,
        /// How.
        done: StoreDone,
    },
}

/// What is to be done, in this order.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Ask central.
    Send {
        /// For the answer.
        ticket: Ticket,
        /// Proof of identity, where the request needs it.
        token: Option<Token>,
        /// What.
        request: Request,
    },
    /// Abandon a call; its answer is no longer wanted.
    Abort {
        /// Which.
        ticket: Ticket,
    },
    /// Ask the storage.
    Store {
        /// For the result.
        ticket: Ticket,
        /// What.
        work: StoreWork,
    },
    /// Come back at that time; replaces the time set before.
    SetTimer {
        /// Monotonic time.
        at_ms: u64,
    },
    /// Tell people.
    Publish(Box<SyncStatus>),
}

/// One step of the engine: its inputs and what it has decided so far.
struct Turn<'a> {
    now: Moment,
    rng: &'a mut dyn Rng,
    tickets: &'a mut Ticket,
    effects: Vec<Effect>,
}

impl Turn<'_> {
    fn next_ticket(&mut self) -> Ticket {
        *self.tickets += 1;
        *self.tickets
    }
}

/// After so long without an identity, the storage is asked again. Enrolment usually nudges before.
const IDENTITY_RECHECK_MS: u64 = 30_000;
/// An answer that took longer tells nothing about the clock.
const CLOCK_SAMPLE_MS_MAX: u64 = 5_000;
/// A sample that differs more than this from the estimate replaces it: somebody set a clock.
const CLOCK_JUMP_MS: i64 = 2_000;

/// What is known of the line.
#[derive(Clone, Debug, Default)]
struct Contact {
    /// The last call brought an answer of some kind. `None` before the first, and after a cut.
    is_up: Option<bool>,
    last_contact: Option<DeviceTime>,
    clock_offset_ms: Option<i64>,
}

/// The state machine. See the module's description.
#[derive(Clone, Debug)]
pub struct Engine {
    identity: Option<Box<TerminalIdentity>>,
    identity_lane: Lane,
    is_started: bool,
    is_cut: bool,
    token: TokenLane,
    push: PushLane,
    manifest: ManifestLane,
    feeds: [FeedLane; 5],
    contact: Contact,
    tickets: Ticket,
    timer_ms: Option<u64>,
    published: Option<SyncStatus>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// An engine that knows nothing; [`Input::Start`] sets it going.
    pub fn new() -> Self {
        Self {
            identity: None,
            identity_lane: Lane::default(),
            is_started: false,
            is_cut: false,
            token: TokenLane::default(),
            push: PushLane::default(),
            manifest: ManifestLane::default(),
            feeds: Feed::ALL.map(FeedLane::new),
            contact: Contact::default(),
            tickets: 0,
            timer_ms: None,
            published: None,
        }
    }

    /// Takes an input and decides what to do.
    pub fn step(&mut self, now: Moment, input: Input, rng: &mut dyn Rng) -> Vec<Effect> {
        let mut tickets = self.tickets;
        let mut turn = Turn { now, rng, tickets: &mut tickets, effects: Vec::new() };
        match input {
            Input::Start => self.is_started = true,
            Input::Tick => self.timer_ms = None,
            Input::Nudge => self.nudge(now),
            Input::Cut(is_cut) => self.cut(&mut turn, is_cut),
            Input::Answered { ticket, result } => self.answered(&mut turn, ticket, result),
            Input::Stored { ticket, done } => self.stored(&mut turn, ticket, done),
        }
        self.abandon_overdue(&mut turn);
        if self.is_started {
            self.pump(&mut turn);
            self.set_timer(&mut turn);
            self.publish(&mut turn);
        }
        let effects = turn.effects;
        self.tickets = tickets;
        effects
    }

    /// How things stand; the same as last published.
    pub fn status(&self) -> SyncStatus {
        let feeds: Vec<_> = self.feeds.iter().map(FeedLane::status).collect();
        let problems = || self.lanes().into_iter().filter_map(|lane| lane.problem);
        let refusal = problems().find(|problem| problem.is_refusal());
        let is_up = self.contact.is_up;
        let silence = problems().find(|problem| problem.is_silence());
        let trouble = problems().find(|problem| !problem.is_silence() && !problem.is_local());
        let local = problems().find(|problem| problem.is_local());
        let line = match (refusal, is_up) {
            _ if self.is_cut => Line::Offline,
            (Some(_), _) => Line::Refused,
            (None, None) => Line::Unknown,
            (None, Some(false)) => Line::Offline,
            (None, Some(true)) if trouble.is_some() => Line::Troubled,
            (None, Some(true)) => Line::Online,
        };
        let quiet_problem = local.or(trouble).or(silence);
        let problem = match line {
            _ if self.is_cut => local,
            Line::Offline => local.or(silence).or(trouble),
            _ => refusal.or(quiet_problem),
        };
        SyncStatus {
            line,
            last_contact: self.contact.last_contact,
            clock_offset_ms: self.contact.clock_offset_ms,
            problem,
            is_busy: self.lanes().into_iter().any(is_at_work),
            is_cut: self.is_cut,
            percent: percent(&feeds),
            first_sync: feeds,
            acknowledged_revision: self.push.revision,
        }
    }

    fn lanes(&self) -> Vec<&Lane> {
        let mut lanes = vec![&self.identity_lane, &self.token.lane, &self.push.lane];
        lanes.push(&self.manifest.lane);
        lanes.extend(self.feeds.iter().map(|feed| &feed.lane));
        lanes
    }

    fn lanes_mut(&mut self) -> Vec<&mut Lane> {
        let mut lanes = vec![&mut self.identity_lane, &mut self.token.lane, &mut self.push.lane];
        lanes.push(&mut self.manifest.lane);
        lanes.extend(self.feeds.iter_mut().map(|feed| &mut feed.lane));
        lanes
    }

    fn nudge(&mut self, now: Moment) {
        self.lanes_mut().into_iter().for_each(|lane| lane.wake(now));
        if self.identity.is_none() && self.identity_lane.busy.is_none() {
            self.identity_lane.not_before_ms = 0;
        }
        self.push.nudge();
    }

    fn cut(&mut self, turn: &mut Turn<'_>, is_cut: bool) {
        if self.is_cut == is_cut {
            return;
        }
        self.is_cut = is_cut;
        self.contact.is_up = None;
        if is_cut {
            self.abandon_calls(turn);
        } else {
            // The line was good before it was cut: old pauses mean nothing, but what central asked
            // for does.
            for lane in self.lanes_mut() {
                lane.not_before_ms = 0;
                lane.attempts = 0;
            }
            if self.push.lane.busy.is_none() {
                self.push.reconcile();
            }
        }
    }

    fn abandon_calls(&mut self, turn: &mut Turn<'_>) {
        if self.token.lane.abandon_call(turn) {
            self.token.begin_again();
        }
        if self.push.lane.abandon_call(turn) {
            // The events may have arrived: ask before sending them again.
            self.push.reconcile();
        }
        self.manifest.lane.abandon_call(turn);
        for feed in &mut self.feeds {
            feed.lane.abandon_call(turn);
        }
    }

    /// A call that never ends must not hold its lane for ever, even if the client has a fault.
    fn abandon_overdue(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        let overdue = |lane: &&Lane| lane.is_overdue(now);
        let tickets: Vec<Ticket> = self
            .lanes()
            .into_iter()
            .filter(overdue)
            .filter_map(|lane| lane.busy.as_ref().map(|busy| busy.ticket))
            .collect();
        for ticket in tickets {
            turn.effects.push(Effect::Abort { ticket });
            self.answered(turn, ticket, Err(Fault::TimedOut));
        }
    }

    fn answered(&mut self, turn: &mut Turn<'_>, ticket: Ticket, result: Result<Reply, Fault>) {
        // Answers to abandoned calls are nobody's.
        if let Some(busy) = self.token.lane.take(ticket) {
            self.note_contact(turn, busy.began, &result);
            self.token.answered(turn, busy.began, result, self.identity.as_deref());
        } else if let Some(busy) = self.push.lane.take(ticket) {
            self.note_contact(turn, busy.began, &result);
            self.push.answered(turn, &busy, result, &mut self.token);
        } else if let Some(busy) = self.manifest.lane.take(ticket) {
            self.note_contact(turn, busy.began, &result);
            self.manifest.answered(turn, &busy, result, &mut self.token, &mut self.feeds);
        } else {
            for index in 0..self.feeds.len() {
                if let Some(busy) = self.feeds[index].lane.take(ticket) {
                    self.note_contact(turn, busy.began, &result);
                    self.feeds[index].answered(turn, &busy, result, &mut self.token);
                    return;
                }
            }
        }
    }

    fn stored(&mut self, turn: &mut Turn<'_>, ticket: Ticket, done: StoreDone) {
        if self.identity_lane.take(ticket).is_some() {
            self.learn_identity(turn, done);
        } else if self.push.lane.take(ticket).is_some() {
            self.push.stored(turn, done);
        } else {
            for feed in &mut self.feeds {
                if feed.lane.take(ticket).is_some() {
                    feed.stored(turn, done);
                    return;
                }
            }
        }
    }

    fn learn_identity(&mut self, turn: &mut Turn<'_>, done: StoreDone) {
        match done {
            StoreDone::Lives(mut lives) if !lives.is_empty() => {
                self.identity_lane.succeed();
                self.identity = lives.pop().map(|life| Box::new(life.identity));
            }
            StoreDone::Lives(_) => {
                self.identity_lane.succeed();
                let recheck = turn.now.monotonic_ms.saturating_add(IDENTITY_RECHECK_MS);
                self.identity_lane.not_before_ms = recheck;
            }
            _ => self.identity_lane.fail(turn, SyncProblem::StorageFailed, Pace::Soon),
        }
    }

    /// Starts whatever can start.
    fn pump(&mut self, turn: &mut Turn<'_>) {
        let Some(identity) = self.identity.as_deref() else {
            if self.identity_lane.is_free(turn.now) {
                self.identity_lane.store(turn, StoreWork::Lives);
            }
            return;
        };
        // Asked lazily: a token is fetched only when somebody has something to send.
        let mut gate =
            Gate { is_cut: self.is_cut, token: &mut self.token, terminal: identity.id.uuid() };
        self.push.pump(turn, &mut gate, identity);
        self.manifest.pump(turn, &mut gate, &self.feeds);
        let mut is_first_sync_turn = true;
        for feed in &mut self.feeds {
            feed.pump(turn, &mut gate, is_first_sync_turn);
            // Chunks are fetched one feed after the other, but a feed in trouble lets the next one
            // pass.
            is_first_sync_turn &= feed.is_complete() || feed.lane.is_resting(turn.now);
        }
    }

    fn set_timer(&mut self, turn: &mut Turn<'_>) {
        let now_ms = turn.now.monotonic_ms;
        let alarms = self.lanes().into_iter().map(Lane::alarm_ms).chain(self.push.alarm_ms());
        let next = alarms.filter(|at_ms| *at_ms > now_ms && *at_ms < u64::MAX).min();
        if let Some(at_ms) = next
            && self.timer_ms != Some(at_ms)
        {
            self.timer_ms = Some(at_ms);
            turn.effects.push(Effect::SetTimer { at_ms });
        }
    }

    fn publish(&mut self, turn: &mut Turn<'_>) {
        let status = self.status();
        if self.published.as_ref() != Some(&status) {
            self.published = Some(status.clone());
            turn.effects.push(Effect::Publish(Box::new(status)));
        }
    }

    fn note_contact(&mut self, turn: &Turn<'_>, began: Moment, result: &Result<Reply, Fault>) {
        let was_up = self.contact.is_up;
        let is_up = !matches!(result, Err(Fault::Unreachable | Fault::TimedOut));
        self.contact.is_up = Some(is_up);
        if matches!(result, Ok(_) | Err(Fault::Problem { .. })) {
            self.contact.last_contact = Some(turn.now.wall);
        }
        if let Ok(reply) = result
            && let Some(server_time_ms) = reply.server_time_ms()
        {
            self.contact.sample_clock(began, turn.now, server_time_ms);
        }
        if is_up && was_up != Some(true) {
            self.push.doubt_watermark();
            // The line is up again: whoever rests because nobody answered goes on.
            let silent = |lane: &&mut Lane| lane.problem.is_some_and(SyncProblem::is_silence);
            self.lanes_mut().into_iter().filter(silent).for_each(|lane| lane.wake(turn.now));
        }
    }
}

impl Contact {
    /// Central's clock at the middle of the exchange, compared with ours, smoothed.
    fn sample_clock(&mut self, began: Moment, now: Moment, server_time_ms: i64) {
        let took_ms = now.monotonic_ms.saturating_sub(began.monotonic_ms);
        if took_ms > CLOCK_SAMPLE_MS_MAX {
            return;
        }
        let middle_ms = now.wall.0.saturating_sub(took_ms as i64 / 2);
        let sample = server_time_ms.saturating_sub(middle_ms);
        self.clock_offset_ms = Some(match self.clock_offset_ms {
            Some(old) if sample.saturating_sub(old).saturating_abs() <= CLOCK_JUMP_MS => {
                old + (sample - old) / 8
            }
            _ => sample,
        });
    }
}

/// The way out to central: closed while the line is cut or there is no token.
struct Gate<'a> {
    is_cut: bool,
    token: &'a mut TokenLane,
    terminal: uuid::Uuid,
}

impl Gate<'_> {
    /// A token to send with, now; asks for one if there is none.
    fn token(&mut self, turn: &mut Turn<'_>) -> Option<Token> {
        if self.is_cut {
            return None;
        }
        self.token.valid_or_ask(turn, self.terminal)
    }
}

/// Under way, and not merely waiting for news.
fn is_at_work(lane: &Lane) -> bool {
    lane.busy.as_ref().is_some_and(|busy| !busy.is_waiting)
}

fn percent(feeds: &[crate::status::FeedStatus]) -> u8 {
    if feeds.iter().all(|feed| feed.is_complete) {
        return 100;
    }
    let known = || feeds.iter().filter_map(|feed| Some((feed, feed.rows_total?)));
    let total: u64 = known().map(|(_, total)| total).fold(0, u64::saturating_add);
    let done: u64 =
        known().map(|(feed, total)| feed.rows_done.min(total)).fold(0, u64::saturating_add);
    // While a feed is open it is never said to be all.
    let percent = (u128::from(done) * 100).checked_div(u128::from(total)).unwrap_or(0).min(99);
    percent as u8
}
