//! What the model of central holds of each terminal: its lives, and in each the events by number.

use super::central::problem;
use crate::call::Fault;
use crate::protocol::event::{Envelope, EventHash};
use crate::protocol::problem::{Retry, code};
use crate::protocol::push::{DamagedEvent, Outcome, PushResult, held_code};
use ed25519_dalek::VerifyingKey;
use std::collections::BTreeMap;

/// One number of a life.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub hash: EventHash,
    /// `None`: a placeholder of a damaged event.
    pub bytes: Option<String>,
    /// Why it is in quarantine, if it is.
    pub code: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(super) struct ModelLife {
    pub key: VerifyingKey,
    pub events: Vec<Held>,
}

#[derive(Clone, Debug)]
pub(super) struct ModelTerminal {
    pub epoch: u32,
    /// Every life, for ever.
    pub lives: BTreeMap<u32, ModelLife>,
    pub is_revoked: bool,
}

impl ModelTerminal {
    pub fn life(&self, epoch: u32) -> Result<&ModelLife, Fault> {
        self.lives.get(&epoch).ok_or_else(|| problem(404, code::NOT_FOUND, Retry::Human))
    }

    pub fn life_mut(&mut self, epoch: u32) -> Result<&mut ModelLife, Fault> {
        self.lives.get_mut(&epoch).ok_or_else(|| problem(404, code::NOT_FOUND, Retry::Human))
    }
}

/// What became of an event, and why it is in quarantine.
pub(super) type Taken = (Outcome, Option<&'static str>);

impl ModelLife {
    pub fn last_hash(&self) -> EventHash {
        self.events.last().map_or(EventHash::GENESIS, |held| held.hash)
    }

    pub fn held_back(&self) -> Vec<PushResult> {
        let result = |(held, seq): (&Held, u64)| {
            let code = Some(held.code?.to_owned());
            Some(PushResult { seq, outcome: Outcome::Quarantined, code })
        };
        self.events.iter().zip(1..).filter_map(result).collect()
    }

    /// Whether the number is the next one. A number held already is a duplicate or a fork.
    pub fn is_next(&self, seq: u64, hash: EventHash) -> Result<bool, Fault> {
        let held = self.events.len() as u64;
        if seq == 0 || seq > held + 1 {
            return Err(problem(409, code::GAP, Retry::Later));
        }
        if seq <= held && self.events[seq as usize - 1].hash != hash {
            return Err(problem(409, code::FORKED_HISTORY, Retry::Human));
        }
        Ok(seq > held)
    }

    /// Takes one event, or says why not; what was taken before stays.
    pub fn take(
        &mut self,
        seq: u64,
        bytes: &str,
        quarantine: Option<&'static str>,
    ) -> Result<Taken, Fault> {
        let hash = EventHash::of(bytes.as_bytes());
        if !self.is_next(seq, hash)? {
            let is_healed = self.events[seq as usize - 1].heal(bytes);
            return Ok((if is_healed { Outcome::Applied } else { Outcome::Duplicate }, None));
        }
        let broken = || problem(409, code::BROKEN_CHAIN, Retry::Human);
        let envelope = Envelope::parse(bytes).ok().ok_or_else(broken)?;
        let prev = envelope.prev_hash().ok().ok_or_else(broken)?;
        if prev != self.last_hash() || envelope.seq != seq {
            return Err(broken());
        }
        self.events.push(Held { hash, bytes: Some(bytes.to_owned()), code: quarantine });
        let outcome = if quarantine.is_some() { Outcome::Quarantined } else { Outcome::Applied };
        Ok((outcome, quarantine))
    }

    pub fn take_damaged(&mut self, seq: u64, damaged: &DamagedEvent) -> Result<Taken, Fault> {
        let invalid = || problem(400, code::INVALID_REQUEST, Retry::Never);
        let hash: EventHash = damaged.hash.parse().ok().ok_or_else(invalid)?;
        let prev: EventHash = damaged.prev.parse().ok().ok_or_else(invalid)?;
        if damaged.seq != seq {
            return Err(invalid());
        }
        if !self.is_next(seq, hash)? {
            return Ok((Outcome::Duplicate, None));
        }
        if prev != self.last_hash() {
            return Err(problem(409, code::BROKEN_CHAIN, Retry::Human));
        }
        let code = Some(held_code::DAMAGED_EVENT);
        self.events.push(Held { hash, bytes: None, code });
        Ok((Outcome::Quarantined, code))
    }
}

impl Held {
    /// The true bytes of a placeholder have come.
    pub fn heal(&mut self, bytes: &str) -> bool {
        let is_placeholder = self.bytes.is_none();
        if is_placeholder {
            self.bytes = Some(bytes.to_owned());
            self.code = None;
        }
        is_placeholder
    }
}
