//! Calls between devices and central: sent, lost, doubled, answered, or parked as a long poll.

use super::{Happening, World};
use crate::network::Fate;
use crate::violation::{Check, Invariant};
use rand::RngExt;
use sync::call::{Fault, Reply, Request, Token};
use sync::engine::{Input, Ticket};
use sync::protocol::feed::Feed;

/// The client gives up after so long, besides what it lets central wait.
const CLIENT_TIMEOUT_MS: u64 = 30_000;

/// A call on its way.
#[derive(Clone)]
pub(super) struct Call {
    pub device: usize,
    boot: u32,
    ticket: Ticket,
    token: Option<Token>,
    request: Request,
    waits_until_ms: u64,
    back_ms: Option<u64>,
    instead: Option<Fault>,
    damages: bool,
}

impl Call {
    /// Name of the request.
    pub fn name(&self) -> &'static str {
        self.request.name()
    }

    fn feed(&self) -> Option<Feed> {
        match self.request {
            Request::Changes { feed, .. } => Some(feed),
            _ => None,
        }
    }
}

impl World {
    pub(super) fn send(
        &mut self,
        device: usize,
        ticket: Ticket,
        token: Option<Token>,
        request: Request,
    ) {
        let boot = self.devices[device].boot;
        let wait_ms = match request {
            Request::Changes { wait_s, .. } => u64::from(wait_s) * 1_000,
            _ => 0,
        };
        self.note(|| format!("{device} sends {ticket} {}", request.name()));
        self.after(CLIENT_TIMEOUT_MS + wait_ms, Happening::GiveUp { device, boot, ticket });
        match self.network.fate(device, self.now_ms, &mut self.tally) {
            Fate::Swallowed => {}
            Fate::Refused { after_ms, fault } => {
                let result = Box::new(Err(fault));
                self.after(after_ms, Happening::Answer { device, boot, ticket, result });
            }
            Fate::Arrives { there_ms, again_ms, back_ms, instead, damages } => {
                let waits_until_ms = self.now_ms + there_ms + wait_ms;
                let call = Call {
                    device,
                    boot,
                    ticket,
                    token,
                    request,
                    waits_until_ms,
                    back_ms,
                    instead,
                    damages,
                };
                if let Some(again_ms) = again_ms {
                    self.after(again_ms, Happening::Arrive(Box::new(call.clone())));
                }
                self.after(there_ms, Happening::Arrive(Box::new(call)));
            }
        }
    }

    /// A call reaches central.
    pub(super) fn arrive(&mut self, call: Call) -> Check {
        let is_parked = |parked: &Call| {
            (parked.device, parked.boot, parked.ticket) == (call.device, call.boot, call.ticket)
        };
        self.parked.retain(|parked| !is_parked(parked));
        let mut result = self.central.ask(call.token.as_ref(), &call.request);
        let is_quiet =
            matches!(&result, Ok(Reply::Changes(page)) if page.changes.is_empty() && !page.more);
        if is_quiet && self.now_ms < call.waits_until_ms {
            self.at(call.waits_until_ms, Happening::Arrive(Box::new(call.clone())));
            self.parked.push(call);
            return Ok(());
        }
        self.tally_answer(&call, &result);
        self.check_answer(&result)?;
        self.check_central(&call.request)?;
        self.wake_polls()?;
        if call.damages {
            match &mut result {
                Ok(Reply::Chunk(bytes)) if !bytes.is_empty() => {
                    let at = self.chance.random_range(0..bytes.len());
                    bytes[at] ^= 0x40;
                }
                _ => result = Err(Fault::Garbage { content_type: "application/json".into() }),
            }
        }
        if let Some(instead) = call.instead {
            result = Err(instead);
        }
        if let Some(back_ms) = call.back_ms {
            let Call { device, boot, ticket, .. } = call;
            let result = Box::new(result);
            self.after(back_ms, Happening::Answer { device, boot, ticket, result });
        }
        Ok(())
    }

    fn tally_answer(&mut self, call: &Call, result: &Result<Reply, Fault>) {
        let name = match (&call.request, result) {
            (_, Err(Fault::Problem { problem, .. })) => {
                let code = problem.code.clone();
                self.note(|| format!("central refuses: {code}"));
                match problem.code.as_str() {
                    "FORKED_HISTORY" => "refused: forked history",
                    "BROKEN_CHAIN" => "refused: broken chain",
                    "GAP" => "refused: gap",
                    "EPOCH_TAKEN" => "refused: epoch taken",
                    "UNKNOWN_EPOCH" => "refused: unknown epoch",
                    "OLD_EPOCH" => "refused: old epoch",
                    "TERMINAL_REVOKED" => "refused: revoked",
                    "CURSOR_COMPACTED" => "refused: cursor compacted",
                    "UPGRADE_REQUIRED" => "refused: upgrade required",
                    "UNAUTHENTICATED" => "refused: unauthenticated",
                    "NOT_FOUND" => "refused: not found",
                    _ => "refused: other",
                }
            }
            (Request::Push { .. }, Ok(_)) => "answered: push",
            (Request::Renew { .. }, Ok(_)) => "answered: renewal",
            (Request::Strays { .. }, Ok(_)) => "answered: strays",
            (Request::Chunk { .. }, Ok(_)) => "answered: chunk",
            (Request::Changes { .. }, Ok(_)) => "answered: changes",
            _ => return,
        };
        self.tally.note(name);
    }

    /// The client has waited long enough, if it still waits.
    pub(super) fn give_up(&mut self, device: usize, boot: u32, ticket: Ticket) -> Check {
        let state = &self.devices[device];
        let waits = state.running.as_ref().is_some_and(|running| running.open.contains(&ticket));
        if state.boot != boot || !waits {
            return Ok(());
        }
        self.tally.note("call: gave up");
        self.note(|| format!("{device} gives up {ticket}"));
        self.answer(device, boot, ticket, Err(Fault::TimedOut))
    }

    /// Whatever came of the call is told to the device, if it still waits for it.
    pub(super) fn answer(
        &mut self,
        device: usize,
        boot: u32,
        ticket: Ticket,
        result: Result<Reply, Fault>,
    ) -> Check {
        let state = &mut self.devices[device];
        if state.boot != boot {
            return Ok(());
        }
        let is_open = state.running.as_mut().is_some_and(|running| running.open.remove(&ticket));
        if is_open { self.input(device, Input::Answered { ticket, result }) } else { Ok(()) }
    }

    /// Long polls of feeds that have changed are looked at again.
    pub(super) fn wake_polls(&mut self) -> Check {
        let changed = self.central.changed_feeds();
        let changed = changed.or_else(|what| Invariant::NoPanic.broken(what))?;
        if changed.is_empty() {
            return Ok(());
        }
        for call in std::mem::take(&mut self.parked) {
            if call.feed().is_some_and(|feed| changed.contains(&feed)) {
                self.after(1, Happening::Arrive(Box::new(call)));
            } else {
                self.parked.push(call);
            }
        }
        Ok(())
    }
}
