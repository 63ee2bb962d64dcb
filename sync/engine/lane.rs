//! Lanes: each thing that the engine does in parallel has one, with at most one piece of work under
//! way.
//!
//! A lane that fails rests for a while, drawn with full jitter from a ceiling that doubles from a
//! second to five minutes, and then goes on by itself: there is no failure after which a lane stays
//! silent (invariant 10).

use super::{Effect, Moment, Ticket, Turn};
use crate::call::{Fault, Request, Token};
use crate::engine::work::StoreWork;
use crate::protocol::problem::{Retry, code};
use crate::status::SyncProblem;

/// The first ceiling of a pause.
pub const PAUSE_MS_MIN: u64 = 1_000;
/// The last ceiling of a pause.
pub const PAUSE_MS_MAX: u64 = 5 * 60 * 1_000;
/// No pause is shorter: jitter must not become a spin.
const PAUSE_MS_FLOOR: u64 = 100;
/// Central may ask for a longer pause than ours, but not for a longer one than this.
const RETRY_AFTER_MS_MAX: u64 = 15 * 60 * 1_000;
/// A call without an answer for so long is abandoned, whatever the client's own timeouts do.
const CALL_DEADLINE_MS: u64 = 120_000;

/// How soon to try again after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// After a pause that grows with each failure.
    Soon,
    /// Somebody must do something first; looking often does not help.
    Slow,
    /// Not before central's `Retry-After`, seconds.
    After(u32),
}

/// Work under way.
#[derive(Clone, Debug)]
pub struct Busy {
    /// Its number.
    pub ticket: Ticket,
    /// When it began.
    pub began: Moment,
    /// Whether it is a call to central; if not, it is work of the storage.
    pub is_call: bool,
    /// Waits for news only; nobody needs to be told that we are busy.
    pub is_waiting: bool,
    /// The token that the call was sent with.
    pub token: Option<Token>,
}

/// One strand of work.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    /// What is under way.
    pub busy: Option<Busy>,
    /// Our own pause ends then (monotonic).
    pub not_before_ms: u64,
    /// Central's pause ends then (monotonic); a nudge does not shorten it.
    pub closed_until_ms: u64,
    /// Failures in a row.
    pub attempts: u32,
    /// When it last failed (monotonic).
    pub failed_at_ms: Option<u64>,
    /// Refusals of fresh tokens in a row.
    pub refused_tokens: u32,
    /// What is wrong, until the next success.
    pub problem: Option<SyncProblem>,
}

impl Lane {
    /// Nothing under way and no pause.
    pub fn is_free(&self, now: Moment) -> bool {
        self.busy.is_none() && self.opens_at_ms() <= now.monotonic_ms
    }

    /// In a pause after a failure.
    pub fn is_resting(&self, now: Moment) -> bool {
        self.busy.is_none() && self.opens_at_ms() > now.monotonic_ms
    }

    /// End of both pauses.
    pub fn opens_at_ms(&self) -> u64 {
        self.not_before_ms.max(self.closed_until_ms)
    }

    /// When the lane must be looked at again, if nothing comes before.
    pub fn alarm_ms(&self) -> u64 {
        match &self.busy {
            Some(busy) if busy.is_call => busy.began.monotonic_ms.saturating_add(CALL_DEADLINE_MS),
            Some(_) => u64::MAX,
            None => self.opens_at_ms(),
        }
    }

    /// Whether a call is overdue.
    pub fn is_overdue(&self, now: Moment) -> bool {
        self.busy.as_ref().is_some_and(|busy| busy.is_call) && self.alarm_ms() <= now.monotonic_ms
    }

    /// Whether the ticket is this lane's; if so, the work is no longer under way.
    pub fn take(&mut self, ticket: Ticket) -> Option<Busy> {
        self.busy.take_if(|busy| busy.ticket == ticket)
    }

    /// Sends a request.
    pub fn send(&mut self, turn: &mut Turn<'_>, token: Option<Token>, request: Request) {
        let is_waiting = matches!(request, Request::Changes { wait_s, .. } if wait_s > 0);
        let ticket = self.begin(turn, true, is_waiting, token.clone());
        turn.effects.push(Effect::Send { ticket, token, request });
    }

    /// Gives work to the storage.
    pub fn store(&mut self, turn: &mut Turn<'_>, work: StoreWork) {
        // Looks that repeat for ever are not worth a person's attention.
        let is_waiting = matches!(work, StoreWork::Outbox { .. } | StoreWork::Lives);
        let ticket = self.begin(turn, false, is_waiting, None);
        turn.effects.push(Effect::Store { ticket, work });
    }

    fn begin(
        &mut self,
        turn: &mut Turn<'_>,
        is_call: bool,
        is_waiting: bool,
        token: Option<Token>,
    ) -> Ticket {
        debug_assert!(self.busy.is_none(), "a lane does one thing at a time");
        let ticket = turn.next_ticket();
        self.busy = Some(Busy { ticket, began: turn.now, is_call, is_waiting, token });
        ticket
    }

    /// Abandons a call under way; work of the storage goes on.
    pub fn abandon_call(&mut self, turn: &mut Turn<'_>) -> bool {
        match self.busy.take_if(|busy| busy.is_call) {
            Some(busy) => {
                turn.effects.push(Effect::Abort { ticket: busy.ticket });
                true
            }
            None => false,
        }
    }

    /// Central refuses the token. The first time in a row the lane goes on at once, with a new one.
    pub fn token_refused(&mut self, turn: &mut Turn<'_>, is_current: bool) -> bool {
        // Calls that were under way when the token was renewed are refused once more; that says
        // nothing.
        if is_current {
            self.refused_tokens += 1;
        }
        if self.refused_tokens > 1 {
            self.fail(turn, SyncProblem::Unauthenticated, Pace::Soon);
            return true;
        }
        false
    }

    /// Notes a success.
    pub fn succeed(&mut self) {
        self.attempts = 0;
        self.refused_tokens = 0;
        self.failed_at_ms = None;
        self.problem = None;
        self.not_before_ms = 0;
        self.closed_until_ms = 0;
    }

    /// There is nothing to do any more: what went wrong before is over, once the pause has ended.
    pub fn is_done(&mut self, now: Moment) {
        if self.problem.is_some() && self.is_free(now) {
            self.succeed();
        }
    }

    /// Notes a failure and rests.
    pub fn fail(&mut self, turn: &mut Turn<'_>, problem: SyncProblem, pace: Pace) {
        let now_ms = turn.now.monotonic_ms;
        let ceiling = match pace {
            Pace::Slow => PAUSE_MS_MAX,
            Pace::Soon | Pace::After(_) => ceiling_ms(self.attempts),
        };
        // A slow pace has no short pauses, or else a refusal would be asked about again at once.
        let floor = if pace == Pace::Slow { PAUSE_MS_MAX / 2 } else { PAUSE_MS_FLOOR };
        let pause = floor + turn.rng.next_u64() % (ceiling - floor + 1);
        self.not_before_ms = now_ms.saturating_add(pause);
        if let Pace::After(seconds) = pace {
            let asked = (u64::from(seconds) * 1_000).min(RETRY_AFTER_MS_MAX);
            self.closed_until_ms = now_ms.saturating_add(asked);
        }
        self.attempts = self.attempts.saturating_add(1);
        self.failed_at_ms = Some(now_ms);
        self.problem = Some(problem);
    }

    /// Somebody gives us reason to hope: rest no longer than a second since the failure.
    pub fn wake(&mut self, now: Moment) {
        if let Some(failed_at_ms) = self.failed_at_ms {
            let earliest = failed_at_ms.saturating_add(PAUSE_MS_MIN);
            self.not_before_ms = self.not_before_ms.min(earliest).max(now.monotonic_ms);
        }
    }
}

/// The longest pause after so many failures in a row.
pub fn ceiling_ms(attempts: u32) -> u64 {
    let doubled = PAUSE_MS_MIN.checked_shl(attempts.min(20)).unwrap_or(PAUSE_MS_MAX);
    doubled.min(PAUSE_MS_MAX)
}

/// What a failed call means and how soon to repeat it. Lanes handle first what means more to them.
pub fn judge(fault: &Fault) -> (SyncProblem, Pace) {
    let after = |seconds: Option<u32>| seconds.map_or(Pace::Soon, Pace::After);
    match fault {
        Fault::Unreachable => (SyncProblem::Unreachable, Pace::Soon),
        Fault::TimedOut => (SyncProblem::TimedOut, Pace::Soon),
        Fault::Garbage { .. } => (SyncProblem::NotCentral, Pace::Soon),
        Fault::AnswerTooLarge => (SyncProblem::AnswerTooLarge, Pace::Slow),
        Fault::Status { status, retry_after_s } => match status {
            426 => (SyncProblem::UpgradeNeeded, Pace::Slow),
            429 => (SyncProblem::Throttled, after(*retry_after_s)),
            500..=599 => (SyncProblem::CentralFailing, after(*retry_after_s)),
            401 | 403 => (SyncProblem::Unauthenticated, Pace::Soon),
            // Central explains its refusals; a bare 404 comes from somebody else.
            _ => (SyncProblem::NotCentral, Pace::Soon),
        },
        Fault::Problem { problem, retry_after_s } => {
            let pace = match problem.retry {
                Retry::Later => after(*retry_after_s),
                Retry::Never | Retry::AfterUpgrade | Retry::Human => Pace::Slow,
            };
            match (problem.code.as_str(), problem.status) {
                (code::UNAUTHENTICATED, _) => (SyncProblem::Unauthenticated, Pace::Soon),
                (code::TERMINAL_REVOKED, _) => (SyncProblem::TerminalRevoked, Pace::Slow),
                (code::WRONG_TERMINAL, _) => (SyncProblem::TerminalUnknown, Pace::Slow),
                // Met when a call was under way while the next life was registered; who was really
                // replaced learns it with the next token, and then reads no feeds.
                (code::OLD_EPOCH, _) => (SyncProblem::EpochOutdated, Pace::Soon),
                (code::FORKED_HISTORY, _) => (SyncProblem::HistoryForked, Pace::Slow),
                (code::BROKEN_CHAIN, _) => (SyncProblem::ChainBroken, Pace::Slow),
                (code::TOO_MANY_ATTEMPTS, _) | (_, 429) => {
                    (SyncProblem::Throttled, after(*retry_after_s))
                }
                (_, 426) => (SyncProblem::UpgradeNeeded, Pace::Slow),
                (_, 500..=599) => (SyncProblem::CentralFailing, after(*retry_after_s)),
                _ => (SyncProblem::UnexpectedAnswer, pace),
            }
        }
    }
}
