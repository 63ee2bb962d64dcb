//! Claims on work that one device at a time should do: pick tasks, the checkout of a shared basket.
//!
//! Source: leases (Gray, Cheriton 1989) with fencing tokens (Kleppmann, *How to do distributed locking*, 2016): each
//! claim gets the next number, and who comes with an older one is *superseded*, however sure it is of its lease. No
//! clock of a device decides; a lease only says when someone else may be given the work.
//!
//! What was done is never refused (invariant 6): a scan under an old token is kept and shown as done twice
//! (over-picked), unless the next holder was told of it when it took over. A lease that ends without a successor ends
//! nothing: the work is finished *late*.

use super::escrow::Holder;
use super::{EventId, Facts, Join, sum_unsigned};
use crate::id::LineId;
use std::collections::{BTreeMap, BTreeSet};

/// Number of a claim; the greater one is the newer one.
pub type Token = u64;

/// Who was given the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease {
    /// To whom.
    pub holder: Holder,
    /// From when, milliseconds since 1970 by central's clock.
    pub from_ms: i64,
}

/// A claim is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotYours {
    /// Someone else has it.
    #[error("another device has it until {until_ms} ms")]
    Held {
        /// When its lease ends.
        until_ms: i64,
    },
    /// A newer claim was given.
    #[error("claim {newest} is newer")]
    Superseded {
        /// The newest.
        newest: Token,
    },
    /// It was given up before.
    #[error("it was given up")]
    Released,
    /// No such claim was ever given.
    #[error("no such claim was given")]
    Unknown,
}

/// All claims on one thing. Given in one place (central), one after the other; a set of facts everywhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claims {
    given: Facts<Token, Lease>,
    /// When each lease ends; a renewal only makes it later, so the greatest holds.
    until_ms: Facts<Token, i64>,
    released: BTreeSet<Token>,
}

impl Claims {
    /// The newest claim, live or not.
    pub fn newest(&self) -> Option<(Token, Lease)> {
        self.given.last().map(|(token, lease)| (*token, *lease))
    }

    /// The one claim that is live at `now_ms` by central's clock, if any.
    pub fn live(&self, now_ms: i64) -> Option<(Token, Lease)> {
        let is_live = |token: Token| self.until(token) > now_ms && !self.released.contains(&token);
        self.newest().filter(|(token, _)| is_live(*token))
    }

    /// When a lease ends; of an unknown one, always over.
    pub fn until(&self, token: Token) -> i64 {
        self.until_ms.get(&token).copied().unwrap_or(i64::MIN)
    }

    /// Claims the thing for `ttl_ms`. A holder that asks again while its lease lives (the answer was lost) gets the
    /// same token.
    pub fn claim(&mut self, holder: Holder, now_ms: i64, ttl_ms: u32) -> Result<Token, NotYours> {
        match self.live(now_ms) {
            Some((token, lease)) if lease.holder == holder => Ok(token),
            Some((token, _)) => Err(NotYours::Held { until_ms: self.until(token) }),
            None => Ok(self.give(holder, now_ms, ttl_ms)),
        }
    }

    /// Takes the thing from whoever has it: for a supervisor.
    pub fn steal(&mut self, holder: Holder, now_ms: i64, ttl_ms: u32) -> Token {
        self.give(holder, now_ms, ttl_ms)
    }

    /// Prolongs a lease to `now_ms + ttl_ms`, also one that has ended, as long as nobody else was given the thing.
    pub fn renew(&mut self, token: Token, now_ms: i64, ttl_ms: u32) -> Result<i64, NotYours> {
        self.check(token)?;
        if self.released.contains(&token) {
            return Err(NotYours::Released);
        }
        self.until_ms.insert(token, now_ms.saturating_add(ttl_ms.into()));
        Ok(self.until(token))
    }

    /// Gives the thing up. A second time changes nothing.
    pub fn release(&mut self, token: Token) {
        if self.given.contains(&token) {
            self.released.insert(token);
        }
    }

    /// The gate in front of what the claim protects: only the newest token passes, live or ended.
    pub fn check(&self, token: Token) -> Result<(), NotYours> {
        match self.newest() {
            Some((newest, _)) if newest == token => Ok(()),
            Some((newest, _)) if self.given.contains(&token) => {
                Err(NotYours::Superseded { newest })
            }
            _ => Err(NotYours::Unknown),
        }
    }

    fn give(&mut self, holder: Holder, now_ms: i64, ttl_ms: u32) -> Token {
        let token = self.newest().map_or(1, |(newest, _)| newest.saturating_add(1));
        self.given.insert(token, Lease { holder, from_ms: now_ms });
        self.until_ms.insert(token, now_ms.saturating_add(ttl_ms.into()));
        token
    }
}

impl Join for Claims {
    fn join(&mut self, other: &Self) {
        self.given.join(&other.given);
        self.until_ms.join(&other.until_ms);
        self.released.extend(&other.released);
    }
}

/// Something that was picked under a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scan {
    /// The claim that the device believed to hold.
    pub token: Token,
    /// For which line.
    pub line: LineId,
    /// Units.
    pub units: u64,
    /// When, by business time, milliseconds since 1970.
    pub at_ms: i64,
}

/// What a scan is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worth {
    /// It counts.
    Counted,
    /// It counts, and was made after the lease had ended.
    Late,
    /// The work had gone to someone else who did not know of it: the units are picked twice; a task for a person.
    Superseded,
    /// Nobody has heard of that claim (yet).
    Unknown,
}

/// A pick task: its claims and all that was scanned for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PickTask {
    claims: Claims,
    scans: Facts<EventId, Scan>,
    /// What was known when a claim was given, and so was shown to its holder as done.
    shown: Facts<Token, BTreeSet<EventId>>,
}

impl PickTask {
    /// Its claims.
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// As [`Claims::claim`]; remembers what the new holder is shown.
    pub fn claim(&mut self, holder: Holder, now_ms: i64, ttl_ms: u32) -> Result<Token, NotYours> {
        let token = self.claims.claim(holder, now_ms, ttl_ms)?;
        self.show(token);
        Ok(token)
    }

    /// As [`Claims::steal`]; remembers what the new holder is shown.
    pub fn steal(&mut self, holder: Holder, now_ms: i64, ttl_ms: u32) -> Token {
        let token = self.claims.steal(holder, now_ms, ttl_ms);
        self.show(token);
        token
    }

    /// As [`Claims::renew`].
    pub fn renew(&mut self, token: Token, now_ms: i64, ttl_ms: u32) -> Result<i64, NotYours> {
        self.claims.renew(token, now_ms, ttl_ms)
    }

    /// As [`Claims::release`].
    pub fn release(&mut self, token: Token) {
        self.claims.release(token);
    }

    /// Takes in a scan, under whatever claim.
    pub fn scan(&mut self, id: EventId, scan: Scan) {
        self.scans.insert(id, scan);
    }

    /// What a scan is worth; `None` when there is no such scan.
    pub fn worth(&self, id: EventId) -> Option<Worth> {
        let scan = self.scans.get(&id)?;
        let next =
            self.claims.given.iter().map(|(token, _)| *token).find(|token| *token > scan.token);
        let was_shown = |token| self.shown.get(&token).is_some_and(|shown| shown.contains(&id));
        Some(if !self.claims.given.contains(&scan.token) {
            Worth::Unknown
        } else if next.is_some_and(|token| !was_shown(token)) {
            Worth::Superseded
        } else if scan.at_ms >= self.claims.until(scan.token) {
            Worth::Late
        } else {
            Worth::Counted
        })
    }

    /// Units picked, by line.
    pub fn picked(&self) -> BTreeMap<LineId, u64> {
        self.units(|worth| matches!(worth, Worth::Counted | Worth::Late))
    }

    /// Units picked by someone who was superseded, by line: to be put back or handed over, by a person.
    pub fn over_picked(&self) -> BTreeMap<LineId, u64> {
        self.units(|worth| worth == Worth::Superseded)
    }

    fn units(&self, is_wanted: impl Fn(Worth) -> bool) -> BTreeMap<LineId, u64> {
        let mut units = BTreeMap::new();
        for (id, scan) in self.scans.iter() {
            if self.worth(*id).is_some_and(&is_wanted) {
                let of_line: &mut u64 = units.entry(scan.line).or_default();
                *of_line = sum_unsigned([*of_line, scan.units]);
            }
        }
        units
    }

    /// Only once for each claim: asking again does not show more.
    fn show(&mut self, token: Token) {
        if !self.shown.contains(&token) {
            self.shown.insert(token, self.scans.iter().map(|(id, _)| *id).collect());
        }
    }
}

impl Join for PickTask {
    fn join(&mut self, other: &Self) {
        self.claims.join(&other.claims);
        self.scans.join(&other.scans);
        self.shown.join(&other.shown);
    }
}

#[cfg(test)]
#[path = "tests/claim.rs"]
mod tests;
