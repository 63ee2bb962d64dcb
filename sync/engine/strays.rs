//! The strays lane: what cannot be booked by number goes to central all the same, life by life.
//!
//! ```text
//! Rest ──a life has strays──> Read ──events──> Send ──held──> Book ──> Read ──nothing──> Rest
//! ```
//! Any token of ours will do: the bytes say whose they are. Central tells them apart by their hash,
//! so sending them twice adds nothing.

use super::lane::{Busy, Lane, Pace, judge};
use super::lives::LivesLane;
use super::push::{batch_length, items_of};
use super::token::Tokens;
use super::work::{StoreDone, StoreWork};
use super::{Ask, Gate, Turn};
use crate::call::{Fault, Reply, Request};
use crate::ports::{Life, LifeId, LifeStanding, OutboxItem, TerminalIdentity};
use crate::protocol::problem::code;
use crate::protocol::push::{BYTES_MAX, EVENTS_MAX};
use crate::protocol::strays::{StraysRequest, StraysResponse};
use crate::status::SyncProblem;
use std::cmp::Reverse;

#[derive(Clone, Debug, Default)]
enum Step {
    /// Nothing is known to wait.
    #[default]
    Rest,
    /// Look what waits of this life.
    Read(LifeId),
    /// Send these.
    Send(LifeId, Vec<OutboxItem>),
    /// Central holds them up to this number.
    Book(LifeId, u64),
}

/// Sends strays.
#[derive(Clone, Debug)]
pub struct StraysLane {
    pub lane: Lane,
    /// Rises with every booking.
    pub revision: u64,
    step: Step,
    batch_max: usize,
    is_rewind_due: bool,
    /// The storage is rewinding; what it says next is about that.
    is_rewinding: bool,
}

impl Default for StraysLane {
    fn default() -> Self {
        Self {
            lane: Lane::default(),
            revision: 0,
            step: Step::Rest,
            batch_max: EVENTS_MAX,
            is_rewind_due: false,
            is_rewinding: false,
        }
    }
}

impl StraysLane {
    /// Central may have lost strays: they wait again.
    pub fn rewind(&mut self) {
        self.is_rewind_due = true;
    }

    /// Starts what can start.
    pub fn pump(&mut self, turn: &mut Turn<'_>, gate: &mut Gate<'_>, lives: &LivesLane) {
        if gate.is_cut || lives.is_changing() || !self.lane.is_free(turn.now) {
            return;
        }
        if self.is_rewind_due {
            // Whoever asks once more from now on means that it is to be done once more.
            self.is_rewind_due = false;
            self.is_rewinding = true;
            self.step = Step::Rest;
            return self.lane.store(turn, StoreWork::RewindStrays);
        }
        if let Step::Rest = self.step {
            let has_strays = lives.all().iter().find(|life| life.strays > 0);
            let Some(life) = has_strays else { return self.lane.is_done(turn.now) };
            self.step = Step::Read(life.id());
        }
        match &self.step {
            Step::Read(life) => {
                let (life, count_max) = (*life, self.batch_max);
                self.lane.store(turn, StoreWork::Strays { life, count_max, bytes_max: BYTES_MAX });
            }
            Step::Send(life, events) => {
                let Some(caller) = caller(lives.all(), gate.tokens) else { return };
                let Some(token) = gate.token(turn, caller) else { return };
                let body = StraysRequest {
                    terminal: life.terminal.uuid(),
                    epoch: life.epoch,
                    events: items_of(events),
                };
                let terminal = caller.id.uuid();
                self.lane.send(turn, Some(token), Request::Strays { terminal, body });
            }
            Step::Book(life, seq) => {
                self.lane.store(turn, StoreWork::BookStrays { life: *life, seq: *seq });
            }
            Step::Rest => {}
        }
    }

    /// Takes the answer.
    pub fn answered(
        &mut self,
        turn: &mut Turn<'_>,
        busy: &Busy,
        result: Result<Reply, Fault>,
        tokens: &mut Tokens,
    ) {
        let Step::Send(life, events) = std::mem::take(&mut self.step) else { return };
        let fault = match result {
            Ok(Reply::StraysHeld(reply)) => return self.held(turn, life, &events, &reply),
            Ok(_) => Fault::wrong_reply(),
            Err(fault) => fault,
        };
        let sent = events.len();
        let is_too_large = fault.status() == Some(413);
        if is_too_large || fault == Fault::TimedOut {
            self.batch_max = (sent / 2).max(1);
        }
        self.step = Step::Read(life);
        match fault.code() {
            _ if is_too_large && sent > 1 => {}
            _ if is_too_large => self.lane.fail(turn, SyncProblem::EventTooLarge, Pace::Slow),
            Some(code::UNAUTHENTICATED) => {
                let is_current = tokens.forget(busy.token.as_ref());
                self.lane.token_refused(turn, is_current);
            }
            Some(code::NOT_FOUND) => {
                self.lane.fail(turn, SyncProblem::CentralOutdated, Pace::Slow);
            }
            _ => {
                let (problem, pace) = judge(&fault);
                self.lane.fail(turn, problem, pace);
            }
        }
    }

    fn held(
        &mut self,
        turn: &mut Turn<'_>,
        life: LifeId,
        events: &[OutboxItem],
        reply: &StraysResponse,
    ) {
        let held = usize::try_from(reply.held).unwrap_or(usize::MAX).min(events.len());
        match held.checked_sub(1).and_then(|last| events.get(last)) {
            Some(last) => self.step = Step::Book(life, last.place().seq),
            None => {
                self.step = Step::Read(life);
                self.lane.fail(turn, SyncProblem::UnexpectedAnswer, Pace::Soon);
            }
        }
    }

    /// Takes the result of work of the storage.
    pub fn stored(&mut self, turn: &mut Turn<'_>, done: StoreDone) {
        if std::mem::take(&mut self.is_rewinding) {
            if let StoreDone::Booked = done {
                return turn.asks.push(Ask::LookAtLives);
            }
            self.is_rewind_due = true;
            return self.lane.fail(turn, SyncProblem::StorageFailed, Pace::Soon);
        }
        match (std::mem::take(&mut self.step), done) {
            (Step::Read(life), StoreDone::Outbox(mut events)) => {
                events.truncate(batch_length(&events, true).min(self.batch_max));
                if events.is_empty() {
                    self.lane.succeed();
                    turn.asks.push(Ask::StraysDone(life));
                    turn.asks.push(Ask::LookAtLives);
                } else {
                    self.step = Step::Send(life, events);
                }
            }
            (Step::Book(life, _), StoreDone::Booked) => {
                self.lane.succeed();
                self.batch_max = (self.batch_max * 2).min(EVENTS_MAX);
                self.revision += 1;
                self.step = Step::Read(life);
            }
            (step, _) => {
                self.step = step;
                self.lane.fail(turn, SyncProblem::StorageFailed, Pace::Soon);
            }
        }
    }

    /// Abandons a call under way: the strays are read again.
    pub fn abandon_call(&mut self, turn: &mut Turn<'_>) {
        if self.lane.abandon_call(turn)
            && let Step::Send(life, _) = self.step
        {
            self.step = Step::Read(life);
        }
    }
}

/// In which life to speak: the newest that central knows and has not refused.
fn caller<'a>(lives: &'a [Life], tokens: &Tokens) -> Option<&'a TerminalIdentity> {
    let is_known = |life: &&Life| !matches!(life.standing, LifeStanding::Unregistered { .. });
    let age = lives.iter().rev().enumerate().filter(|(_, life)| is_known(life));
    let best = age.min_by_key(|(age, life)| {
        let is_registered = life.standing == LifeStanding::Registered;
        (tokens.refusals(life.id()).min(1), Reverse(is_registered), *age)
    });
    best.map(|(_, life)| &life.identity)
}
