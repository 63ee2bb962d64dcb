//! The engine: a pure state machine that decides what to send, store and wait for next.
//!
//! ```text
//!              inputs                                   effects
//!   Start Tick Nudge Cut ─┐                        ┌─> Send / Abort    to central
//!   Answered (call)  ─────┼─> step(now, in, rng) ──┼─> Store           to the terminal's storage
//!   Stored   (work)  ─────┘                        └─> SetTimer, Publish
//!
//!   lanes:  lives │ tokens │ contract │ clock │ register │ push │ former │ strays
//!           manifest │ feed config │ catalogue │ stock │ customers │ history
//! ```
//! Every lane is *level-triggered*: after each input the engine looks at all of them and starts
//! what can start. A lost or repeated wake-up therefore cannot lose work. It reads no clock, rolls
//! no die of its own and does no IO (invariant 11); whoever runs it executes the effects and hands
//! the results back, in any order.

mod contact;
mod contract;
mod feed;
mod former;
mod gate;
mod lane;
mod lives;
mod manifest;
mod push;
mod register;
mod strays;
mod summary;
mod token;
pub mod work;

#[cfg(test)]
mod tests;

use crate::call::{Fault, Reply, Request, Token};
use crate::ports::{Life, LifeId, LifeStanding};
use crate::protocol::feed::Feed;
use crate::status::{SyncProblem, SyncStatus};
use contact::{ClockLane, Contact};
use contract::ContractLane;
use domain::time::DeviceTime;
use feed::FeedLane;
use gate::{Gate, pulling};
use lane::Lane;
use lives::{Change, LivesLane, Wish};
use manifest::ManifestLane;
use push::{PushLane, Role};
use rand::CryptoRng;
use register::RegisterLane;
use std::collections::BTreeSet;
use strays::StraysLane;
use token::Tokens;
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

/// What one lane asks of others; done at the end of the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    /// Change lives.
    Lives(Wish),
    /// Lives may have changed.
    LookAtLives,
    /// Central says that we are too old.
    LookAtContract,
    /// Central may have lost what it held: compare former lives again, send strays again.
    CentralRestored,
    /// What is on hand has changed: an event that was held back may be among the reasons.
    StockMoved,
    /// Nothing of this former life waits to go by number.
    FormerDone(LifeId),
    /// No strays of this life wait.
    StraysDone(LifeId),
}

/// One step of the engine: its inputs and what it has decided so far.
struct Turn<'a> {
    now: Moment,
    rng: &'a mut dyn CryptoRng,
    tickets: &'a mut Ticket,
    effects: Vec<Effect>,
    asks: Vec<Ask>,
}

impl Turn<'_> {
    fn next_ticket(&mut self) -> Ticket {
        *self.tickets += 1;
        *self.tickets
    }
}

/// So many former lives are compared with central's watermark when it may have lost something; older
/// ones are believed to be held.
const FORMER_MAX: usize = 8;

/// The state machine. See the module's description.
#[derive(Clone, Debug)]
pub struct Engine {
    is_started: bool,
    is_cut: bool,
    lives: LivesLane,
    tokens: Tokens,
    contract: ContractLane,
    clock: ClockLane,
    register: RegisterLane,
    push: PushLane,
    former: PushLane,
    /// Former lives that are to be compared with central's watermark.
    doubted: BTreeSet<LifeId>,
    strays: StraysLane,
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
            is_started: false,
            is_cut: false,
            lives: LivesLane::default(),
            tokens: Tokens::default(),
            contract: ContractLane::default(),
            clock: ClockLane::default(),
            register: RegisterLane::default(),
            push: PushLane::new(Role::Current),
            former: PushLane::new(Role::Former),
            doubted: BTreeSet::new(),
            strays: StraysLane::default(),
            manifest: ManifestLane::default(),
            feeds: Feed::ALL.map(FeedLane::new),
            contact: Contact::default(),
            tickets: 0,
            timer_ms: None,
            published: None,
        }
    }

    /// Takes an input and decides what to do. The dice make pauses and, when a life ends, the key of
    /// the next one.
    pub fn step(&mut self, now: Moment, input: Input, rng: &mut dyn CryptoRng) -> Vec<Effect> {
        let mut tickets = self.tickets;
        let (effects, asks) = (Vec::new(), Vec::new());
        let mut turn = Turn { now, rng, tickets: &mut tickets, effects, asks };
        match input {
            Input::Start => self.is_started = true,
            Input::Tick => self.timer_ms = None,
            Input::Nudge => self.nudge(now),
            Input::Cut(is_cut) => self.cut(&mut turn, is_cut),
            Input::Answered { ticket, result } => self.answered(&mut turn, ticket, result),
            Input::Stored { ticket, done } => self.stored(&mut turn, ticket, done),
        }
        self.abandon_overdue(&mut turn);
        self.do_asks(&mut turn);
        if self.is_started {
            self.pump(&mut turn);
            // What a lane has found out while it looked for work.
            self.do_asks(&mut turn);
            self.lives.pump(&mut turn);
            self.set_timer(&mut turn);
            self.publish(&mut turn);
        }
        let effects = turn.effects;
        self.tickets = tickets;
        effects
    }

    fn lanes(&self) -> Vec<&Lane> {
        let mut lanes = vec![&self.lives.lane, &self.contract.lane, &self.clock.lane];
        lanes.extend(self.tokens.lanes().map(|(_, lane)| lane));
        lanes.extend([&self.register.lane, &self.push.lane, &self.former.lane, &self.strays.lane]);
        lanes.push(&self.manifest.lane);
        lanes.extend(self.feeds.iter().map(|feed| &feed.lane));
        lanes
    }

    fn lanes_mut(&mut self) -> Vec<&mut Lane> {
        let mut lanes = vec![&mut self.lives.lane, &mut self.contract.lane, &mut self.clock.lane];
        lanes.extend(self.tokens.lanes_mut());
        lanes.extend([&mut self.register.lane, &mut self.push.lane, &mut self.former.lane]);
        lanes.extend([&mut self.strays.lane, &mut self.manifest.lane]);
        lanes.extend(self.feeds.iter_mut().map(|feed| &mut feed.lane));
        lanes
    }

    fn nudge(&mut self, now: Moment) {
        self.lanes_mut().into_iter().for_each(|lane| lane.wake(now));
        self.lives.look();
        self.contract.nudge();
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
            for push in [&mut self.push, &mut self.former] {
                if push.lane.busy.is_none() {
                    push.reconcile();
                }
            }
        }
    }

    fn abandon_calls(&mut self, turn: &mut Turn<'_>) {
        self.tokens.abandon_calls(turn);
        if self.contract.lane.abandon_call(turn) {
            self.contract.begin_again();
        }
        self.register.lane.abandon_call(turn);
        for push in [&mut self.push, &mut self.former] {
            if push.lane.abandon_call(turn) {
                // The events may have arrived: ask before sending them again.
                push.reconcile();
            }
        }
        self.strays.abandon_call(turn);
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
        if let Some((index, began)) = self.tokens.take(ticket) {
            self.note_contact(turn, began, &result);
            self.tokens.answered(turn, (index, began), result);
        } else if let Some(busy) = self.contract.lane.take(ticket) {
            self.note_contact(turn, busy.began, &result);
            self.contract.answered(turn, result);
        } else if let Some(busy) = self.register.lane.take(ticket) {
            self.note_contact(turn, busy.began, &result);
            self.register.answered(turn, &busy, result, &mut self.tokens);
        } else if let Some(busy) = self.push.lane.take(ticket) {
            self.note_contact(turn, busy.began, &result);
            self.push.answered(turn, &busy, result, &mut self.tokens);
        } else if let Some(busy) = self.former.lane.take(ticket) {
            self.note_contact(turn, busy.began, &result);
            self.former.answered(turn, &busy, result, &mut self.tokens);
        } else if let Some(busy) = self.strays.lane.take(ticket) {
            self.note_contact(turn, busy.began, &result);
            self.strays.answered(turn, &busy, result, &mut self.tokens);
        } else if let Some(busy) = self.manifest.lane.take(ticket) {
            self.note_contact(turn, busy.began, &result);
            self.manifest.answered(turn, &busy, result, &mut self.tokens, &mut self.feeds);
        } else {
            for index in 0..self.feeds.len() {
                if let Some(busy) = self.feeds[index].lane.take(ticket) {
                    self.note_contact(turn, busy.began, &result);
                    self.feeds[index].answered(turn, &busy, result, &mut self.tokens);
                    return;
                }
            }
        }
    }

    fn stored(&mut self, turn: &mut Turn<'_>, ticket: Ticket, done: StoreDone) {
        if let Some(busy) = self.lives.lane.take(ticket) {
            let change = self.lives.stored(turn, !busy.is_waiting, done);
            if change == Change::Another {
                self.feeds.iter_mut().for_each(|feed| feed.restart(turn));
                self.manifest.restart(turn);
            }
            if change != Change::Nothing {
                self.doubt_former();
                // A device that was refused reads no feeds, and so cannot see that central was
                // restored from a backup: once it is enrolled again, its strays go once more.
                let is_fresh =
                    |life: &Life| life.standing == LifeStanding::Registered && life.acked_seq == 0;
                if self.lives.current().is_some_and(is_fresh) {
                    self.strays.rewind();
                }
            }
            self.tokens.keep(self.lives.all());
            self.clock.learn(self.lives.current().and_then(|life| life.clock_offset_ms));
            let current = self.lives.current().map(Life::id);
            self.push.turn_to(turn, current);
        } else if self.clock.lane.take(ticket).is_some() {
            self.clock.stored(turn, &done);
        } else if self.push.lane.take(ticket).is_some() {
            self.push.stored(turn, done);
        } else if self.former.lane.take(ticket).is_some() {
            self.former.stored(turn, done);
        } else if self.strays.lane.take(ticket).is_some() {
            self.strays.stored(turn, done);
        } else {
            for feed in &mut self.feeds {
                if feed.lane.take(ticket).is_some() {
                    feed.stored(turn, done);
                    return;
                }
            }
        }
    }

    /// Central may hold less of former lives than we think: look, the newest first.
    fn doubt_former(&mut self) {
        let Some((_, former)) = self.lives.all().split_last() else { return };
        let was_pushed = |life: &&Life| match life.standing {
            LifeStanding::Registered => true,
            LifeStanding::Closed => life.acked_seq > 0,
            LifeStanding::Unregistered { .. } => false,
        };
        let ids = former.iter().rev().filter(was_pushed).map(Life::id);
        self.doubted.extend(ids.take(FORMER_MAX));
    }

    fn do_asks(&mut self, turn: &mut Turn<'_>) {
        for ask in std::mem::take(&mut turn.asks) {
            match ask {
                Ask::Lives(wish) => self.lives.wish(wish),
                Ask::LookAtLives => self.lives.look(),
                Ask::LookAtContract => self.contract.look(),
                Ask::CentralRestored => {
                    self.push.doubt_watermark();
                    self.doubt_former();
                    self.strays.rewind();
                }
                Ask::StockMoved => self.push.doubt_held_back(),
                Ask::FormerDone(life) => {
                    self.doubted.remove(&life);
                    self.lives.note_pushed(life);
                    self.former.turn_to(turn, None);
                }
                Ask::StraysDone(life) => self.lives.note_no_strays(life),
            }
        }
    }

    /// Starts whatever can start.
    fn pump(&mut self, turn: &mut Turn<'_>) {
        self.lives.pump(turn);
        self.clock.pump(turn, self.contact.clock_offset_ms, &self.lives);
        let Some(current) = self.lives.current() else { return };
        self.contract.pump(turn, self.is_cut);
        let is_registered = current.standing == LifeStanding::Registered
            && !self.tokens.is_epoch_unknown(current.id());
        let pulling = pulling(&self.lives, &self.tokens);
        // Asked lazily: a token is fetched only when somebody has something to send.
        let mut gate = Gate {
            is_cut: self.is_cut,
            is_contract_kept: self.contract.allows_pull(),
            knows_lives: self.contract.knows_lives(),
            pulling,
            tokens: &mut self.tokens,
        };
        self.register.pump(turn, &mut gate, &self.lives);
        if !self.lives.is_changing() {
            if is_registered {
                self.push.pump(turn, &mut gate, &current.identity);
            }
            let next = former::next(&self.lives, &self.doubted, gate.tokens, turn.now);
            former::pump(&mut self.former, turn, &mut gate, next);
        }
        self.strays.pump(turn, &mut gate, &self.lives);
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
        let own = [self.push.alarm_ms(), self.former.alarm_ms(), Some(self.lives.alarm_ms())];
        let contract = self.lives.current().map(|_| self.contract.alarm_ms());
        let alarms = self.lanes().into_iter().map(Lane::alarm_ms);
        let alarms = alarms.chain(own.into_iter().flatten()).chain(contract);
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
