//! The register lane: makes lives known to central that this device has begun by itself, the oldest
//! first, each vouched for by the key of the life before.
//!
//! It also registers a life again that central has forgotten, because it was restored from a backup.

use super::lane::{Busy, Lane, Pace, judge};
use super::lives::{LivesLane, Wish};
use super::token::{REFUSALS_MAX, Tokens};
use super::{Ask, Gate, Turn};
use crate::call::{Fault, Reply, Request};
use crate::ports::{Life, LifeId, LifeStanding};
use crate::protocol::problem::code;
use crate::protocol::renewal::RenewalRequest;
use crate::status::SyncProblem;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::event::RenewalReason;
use ed25519_dalek::SigningKey;

/// Name and version of this software, as central shows it.
const SOFTWARE: &str = concat!("crossroads ", env!("CARGO_PKG_VERSION"));

/// Registers lives.
#[derive(Clone, Debug, Default)]
pub struct RegisterLane {
    pub lane: Lane,
    asked: Option<LifeId>,
}

/// Whether central should be told of a life: the life that vouches for it, and why it was begun.
fn is_due(life: &Life, tokens: &Tokens) -> Option<(LifeId, RenewalReason)> {
    let vouching = |epoch| LifeId { epoch, ..life.id() };
    match life.standing {
        LifeStanding::Unregistered { former_epoch, reason } => {
            Some((vouching(former_epoch), reason))
        }
        // Also one that is closed: the lives after it are vouched for by its key.
        _ if tokens.is_epoch_unknown(life.id()) => {
            Some((vouching(life.identity.epoch.checked_sub(1)?), RenewalReason::Restored))
        }
        _ => None,
    }
}

impl RegisterLane {
    /// Starts what can start.
    pub fn pump(&mut self, turn: &mut Turn<'_>, gate: &mut Gate<'_>, lives: &LivesLane) {
        if gate.is_cut || lives.is_changing() || !self.lane.is_free(turn.now) {
            return;
        }
        for life in lives.all() {
            let Some((vouching, reason)) = is_due(life, gate.tokens) else { continue };
            let is_new = matches!(life.standing, LifeStanding::Unregistered { .. });
            let Some(former) = lives.get(vouching) else {
                if is_new {
                    // Nobody can vouch for it: what happened in it goes as strays.
                    turn.asks.push(Ask::Lives(Wish::Close(life.id())));
                }
                continue;
            };
            // The same, once the device is somebody else.
            let is_former = lives.current().map(Life::id) != Some(life.id());
            let is_refused = gate.tokens.refusals(vouching) >= REFUSALS_MAX;
            if is_new && is_former && is_refused && gate.knows_lives {
                turn.asks.push(Ask::Lives(Wish::Close(life.id())));
                continue;
            }
            // One that is itself forgotten or not yet known has its turn before.
            if is_due(former, gate.tokens).is_some() {
                continue;
            }
            let Some(token) = gate.token(turn, &former.identity) else { continue };
            self.asked = Some(life.id());
            let key = SigningKey::from_bytes(&life.identity.device_key.0).verifying_key();
            let body = RenewalRequest {
                former_epoch: former.identity.epoch,
                epoch: life.identity.epoch,
                public_key: BASE64.encode(key.to_bytes()),
                reason: reason.into(),
                software: SOFTWARE.into(),
            };
            let terminal = life.identity.id.uuid();
            return self.lane.send(turn, Some(token), Request::Renew { terminal, body });
        }
        if !lives.all().iter().any(|life| is_due(life, gate.tokens).is_some()) {
            self.lane.is_done(turn.now);
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
        let Some(asked) = self.asked.take() else { return };
        let fault = match result {
            Ok(Reply::Renewed(reply)) if reply.epoch == asked.epoch => {
                self.lane.succeed();
                tokens.is_registered(asked);
                // The token of the life that vouched was given to a current life.
                tokens.forget(busy.token.as_ref());
                return turn.asks.push(Ask::Lives(Wish::Registered(asked)));
            }
            Ok(_) => Fault::wrong_reply(),
            Err(fault) => fault,
        };
        match fault.code() {
            Some(code::UNAUTHENTICATED) => {
                let is_current = tokens.forget(busy.token.as_ref());
                self.lane.token_refused(turn, is_current);
            }
            Some(code::EPOCH_TAKEN) => {
                self.lane.succeed();
                tokens.is_taken(asked);
                turn.asks.push(Ask::Lives(Wish::Close(asked)));
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
}
