//! Former lives: which of them is next, and when central is believed never to take it.
//!
//! What a device was before is pushed with the key that it had then, one life after the other, beside
//! the current one. A life whose key central refuses for good is closed: its events go as strays.

use super::lives::{LivesLane, Wish};
use super::push::PushLane;
use super::token::{REFUSALS_MAX, Tokens};
use super::{Ask, Gate, Moment, Turn};
use crate::ports::{Life, LifeId, LifeStanding};
use std::collections::BTreeSet;

/// The former life that is next: one with something to send or to compare, the oldest first, but not
/// one whose token is in a pause while another has work.
pub fn next<'a>(
    lives: &'a LivesLane,
    doubted: &BTreeSet<LifeId>,
    tokens: &Tokens,
    now: Moment,
) -> Option<&'a Life> {
    let (_, former) = lives.all().split_last()?;
    let is_open = |life: &&Life| {
        let is_known = !matches!(life.standing, LifeStanding::Unregistered { .. });
        is_known && (life.waiting > 0 || doubted.contains(&life.id()))
    };
    let open = || former.iter().filter(is_open);
    open().find(|life| !tokens.is_resting(life.id(), now)).or_else(|| open().next())
}

/// Starts what can start for it.
pub fn pump(former: &mut PushLane, turn: &mut Turn<'_>, gate: &mut Gate<'_>, next: Option<&Life>) {
    if former.lane.busy.is_some() {
        return;
    }
    let Some(next) = next else { return former.turn_to(turn, None) };
    let id = next.id();
    if gate.knows_lives && gate.tokens.refusals(id) >= REFUSALS_MAX {
        // Central does not know this life and never will: what it lacks goes as strays.
        if next.standing != LifeStanding::Closed {
            turn.asks.push(Ask::Lives(Wish::Close(id)));
        }
        return turn.asks.push(Ask::FormerDone(id));
    }
    if !former.lane.is_resting(turn.now) {
        former.turn_to(turn, Some(id));
    }
    former.pump(turn, gate, &next.identity);
}
