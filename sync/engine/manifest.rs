//! The manifest lane: asks central for snapshots, feed by feed, while chunks of earlier ones are fetched.
//!
//! Each feed by itself, so that the small and urgent ones do not wait for central to build the large
//! ones, and so that a plan that central cannot give is the trouble of one feed only.

use super::feed::{CURSOR_LENGTH_MAX, FeedLane};
use super::lane::{Busy, Lane, Pace, judge};
use super::token::Tokens;
use super::{Ask, Gate, Turn};
use crate::call::{Fault, Reply, Request};
use crate::protocol::event::EventHash;
use crate::protocol::feed::Feed;
use crate::protocol::problem::code;
use crate::protocol::snapshot::{
    CHUNK_BYTES_MAX, ChunkInfo, FeedSnapshot, Manifest, SnapshotRequest,
};
use crate::status::SyncProblem;

/// Asks for snapshots, feed by feed, while chunks of earlier ones are fetched.
///
/// A plan that central cannot give now (it fails, takes too long, makes no sense) is the trouble of
/// that feed: its lane rests, and the others get theirs. What concerns the line or the terminal as
/// a whole rests this lane.
#[derive(Clone, Debug, Default)]
pub struct ManifestLane {
    pub lane: Lane,
    asked: Option<Feed>,
}

impl ManifestLane {
    /// Starts what can start.
    pub fn pump(&mut self, turn: &mut Turn<'_>, gate: &mut Gate<'_>, feeds: &[FeedLane]) {
        if !gate.may_pull() || !self.lane.is_free(turn.now) {
            return;
        }
        let needs_plan = |feed: &&FeedLane| feed.needs_plan() && feed.lane.is_free(turn.now);
        // The most urgent first, and each by itself: central may take long to build a large one,
        // and selling waits for the first two only.
        let Some(wanted) = feeds.iter().find(needs_plan).map(FeedLane::feed) else { return };
        if feeds.iter().any(|feed| feed.feed() < wanted && feed.is_unknown()) {
            return;
        }
        if let Some(token) = gate.pull_token(turn) {
            self.asked = Some(wanted);
            let request = Request::Snapshot(SnapshotRequest { feeds: vec![wanted] });
            self.lane.send(turn, Some(token), request);
        }
    }

    /// Another life is current: nothing is asked for.
    pub fn restart(&mut self, turn: &mut Turn<'_>) {
        self.lane.abandon_call(turn);
        *self = Self::default();
    }

    /// Takes the answer to a snapshot request.
    pub fn answered(
        &mut self,
        turn: &mut Turn<'_>,
        busy: &Busy,
        result: Result<Reply, Fault>,
        tokens: &mut Tokens,
        feeds: &mut [FeedLane],
    ) {
        let fault = match result {
            Ok(Reply::Manifest(manifest)) => return self.hand_out(turn, manifest, feeds),
            Ok(_) => Fault::wrong_reply(),
            Err(fault) => fault,
        };
        if fault.code() == Some(code::UNAUTHENTICATED) {
            let is_current = tokens.forget(busy.token.as_ref());
            self.lane.token_refused(turn, is_current);
            return;
        }
        if let Some(code::OLD_EPOCH | code::TERMINAL_REVOKED) = fault.code()
            && !tokens.forget(busy.token.as_ref())
        {
            // A token that is not ours any more says nothing.
            return;
        }
        let (problem, pace) = judge(&fault);
        if problem == SyncProblem::UpgradeNeeded {
            turn.asks.push(Ask::LookAtContract);
        }
        let is_of_all = problem.is_refusal()
            || matches!(
                problem,
                SyncProblem::Unreachable | SyncProblem::Throttled | SyncProblem::Unauthenticated
            );
        match self.waiting(feeds) {
            Some(feed) if !is_of_all => {
                self.lane.succeed();
                feed.plan_failed(turn, problem, pace);
            }
            _ => self.lane.fail(turn, problem, pace),
        }
    }

    /// The feed that was asked for, if it still waits for its plan.
    fn waiting<'a>(&mut self, feeds: &'a mut [FeedLane]) -> Option<&'a mut FeedLane> {
        let asked = self.asked.take()?;
        feeds.iter_mut().find(|lane| lane.feed() == asked && lane.needs_plan())
    }

    fn hand_out(&mut self, turn: &mut Turn<'_>, manifest: Manifest, feeds: &mut [FeedLane]) {
        self.lane.succeed();
        let Some(feed) = self.waiting(feeds) else { return };
        let is_asked = |plan: &FeedSnapshot| plan.feed == feed.feed() && is_sound(plan);
        match manifest.feeds.into_iter().find(is_asked) {
            Some(plan) => feed.take_plan(plan),
            None => feed.plan_failed(turn, SyncProblem::UnexpectedAnswer, Pace::Soon),
        }
    }
}

/// Whether a plan can be carried out: its addresses go into paths and its sizes into memory.
fn is_sound(plan: &FeedSnapshot) -> bool {
    let rows = plan.chunks.iter().map(|chunk| chunk.rows).fold(0, u64::saturating_add);
    let is_chunk_sound = |chunk: &ChunkInfo| {
        chunk.sha256.parse::<EventHash>().is_ok() && chunk.bytes <= CHUNK_BYTES_MAX as u64
    };
    rows == plan.rows
        && plan.cursor.len() <= CURSOR_LENGTH_MAX
        && plan.chunks.iter().all(is_chunk_sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_carried_out_only_if_it_can_be() {
        let chunk =
            |sha256: &str, bytes: u64, rows: u64| ChunkInfo { sha256: sha256.into(), bytes, rows };
        let (hash, max) = ("0".repeat(64), CHUNK_BYTES_MAX as u64);
        for (chunks, rows, cursor, sound) in [
            (vec![], 0, "c", true),
            (vec![], 1, "c", false),
            (vec![chunk(&hash, max, 3)], 3, "c", true),
            (vec![chunk(&hash, max, 3), chunk(&hash, 1, 4)], 7, "c", true),
            (vec![chunk(&hash, max, 3), chunk(&hash, 1, 4)], 3, "c", false),
            (vec![chunk(&hash, max + 1, 3)], 3, "c", false),
            (vec![chunk("../../passwd", 9, 3)], 3, "c", false),
            (vec![chunk(&hash, 9, u64::MAX), chunk(&hash, 9, 1)], 0, "c", false),
            (vec![], 0, &*"c".repeat(CURSOR_LENGTH_MAX), true),
            (vec![], 0, &*"c".repeat(CURSOR_LENGTH_MAX + 1), false),
        ] {
            let cursor = cursor.to_owned();
            let plan = FeedSnapshot { feed: Feed::Stock, cursor, rows, chunks, checkpoint: None };
            assert_eq!(is_sound(&plan), sound, "{plan:?}");
        }
    }
}
