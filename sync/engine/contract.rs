//! The contract lane: asks what central supports, at the start, every hour and whenever central
//! says that this software is too old.
//!
//! A contract that is too old rests the pull. Push never asks for it: what happened in the shop is
//! accepted from any version, for ever.

use super::Turn;
use super::lane::{Lane, judge};
use crate::call::{Fault, Reply, Request};
use crate::protocol::CONTRACT;
use crate::protocol::Contract;

/// The contract is asked for so often.
const RECHECK_MS: u64 = 60 * 60 * 1_000;
/// A person who presses the button is answered, but not more often than this.
const AGAIN_MS: u64 = 60_000;

/// Knows what central supports.
#[derive(Clone, Debug, Default)]
pub struct ContractLane {
    pub lane: Lane,
    known: Option<Contract>,
    asked_ms: u64,
    due_ms: u64,
}

impl ContractLane {
    /// Whether feeds may be read; so it is until central says otherwise.
    pub fn allows_pull(&self) -> bool {
        self.known.as_ref().is_none_or(|known| known.oldest <= CONTRACT)
    }

    /// Whether central is known to understand lives (contract 2).
    pub fn knows_lives(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.current >= 2)
    }

    /// Central says that we are too old: look what it supports.
    pub fn look(&mut self) {
        self.due_ms = 0;
    }

    /// Somebody wants to know whether it is still so.
    pub fn nudge(&mut self) {
        if !self.allows_pull() {
            self.due_ms = self.due_ms.min(self.asked_ms.saturating_add(AGAIN_MS));
        }
    }

    /// When to ask without a reason.
    pub fn alarm_ms(&self) -> u64 {
        self.due_ms
    }

    /// Starts what can start.
    pub fn pump(&mut self, turn: &mut Turn<'_>, is_cut: bool) {
        let now_ms = turn.now.monotonic_ms;
        if is_cut || now_ms < self.due_ms || !self.lane.is_free(turn.now) {
            return;
        }
        self.asked_ms = now_ms;
        self.due_ms = now_ms.saturating_add(RECHECK_MS);
        self.lane.send(turn, None, Request::Contract);
    }

    /// Takes the answer.
    pub fn answered(&mut self, turn: &mut Turn<'_>, result: Result<Reply, Fault>) {
        let fault = match result {
            Ok(Reply::Contract(contract)) => {
                self.lane.succeed();
                self.known = Some(contract);
                return;
            }
            Ok(_) => Fault::wrong_reply(),
            Err(fault) => fault,
        };
        let (problem, pace) = judge(&fault);
        self.lane.fail(turn, problem, pace);
        self.due_ms = 0;
    }

    /// The call was abandoned: ask again.
    pub fn begin_again(&mut self) {
        self.due_ms = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lane that asked at 10 s and was told this.
    fn told(oldest: u32, current: u32) -> ContractLane {
        let known = Contract { current, oldest, software: String::new(), server_time_ms: 0 };
        let (asked_ms, due_ms) = (10_000, 10_000 + RECHECK_MS);
        ContractLane { known: Some(known), asked_ms, due_ms, ..ContractLane::default() }
    }

    #[test]
    fn only_who_is_refused_is_answered_before_the_hour_is_over() {
        let mut refused = told(CONTRACT + 1, CONTRACT + 1);
        assert!(!refused.allows_pull());
        refused.nudge();
        assert_eq!(refused.alarm_ms(), 10_000 + AGAIN_MS);
        let mut welcome = told(CONTRACT, CONTRACT);
        assert!(welcome.allows_pull());
        welcome.nudge();
        assert_eq!(welcome.alarm_ms(), 10_000 + RECHECK_MS);
    }

    #[test]
    fn lives_are_known_from_the_second_contract_on() {
        assert!(!ContractLane::default().knows_lives());
        assert!(!told(1, 1).knows_lives());
        assert!(told(1, 2).knows_lives());
        assert!(told(1, 3).knows_lives());
    }
}
