//! All codes that a camera sees: a shelf that is counted, a box that is received.
//!
//! A frame has time for a few places. Those where a code was read lately are passed over for a moment, the others come
//! in turn, so that every place is looked at within some frames. A code that stays in view is told again before a guard
//! thinks that it left.

use super::stream::{BARS_MAX, THOROUGH_SIDE_MAX, window};
use super::{Decoder, Shot, View, grey_place};
use crate::confirm::Read;
use crate::evidence::Strategy;
use crate::frame::Point;
use crate::grey::Effort;
use crate::locate::{Bars, Patch};
use crate::outline::{contains, middle};

/// How long a place where a code was read is passed over: a third of what a guard waits.
const KNOWN_MS: u64 = 400;
/// More of them are not remembered.
const KNOWN_MAX: usize = 64;
/// Patches that are looked at in a frame.
const PATCHES_MAX: usize = 3;
/// Places by which frames go on: fewer than are looked at, so that no place keeps step with what changes from frame to
/// frame.
const STEP: usize = 2;
/// Dear strategies for one kind of place, taken in turn.
const DEAR: usize = 4;

impl Decoder {
    /// Remembers where codes were read.
    pub(super) fn note_known(&mut self, shot: &Shot<'_>, reads: &[Read]) {
        if self.options.view == View::Aimed {
            return;
        }
        let known = &mut self.stream.known;
        known.retain(|(_, seen_ms)| shot.now_ms.saturating_sub(*seen_ms) < KNOWN_MS);
        for read in reads {
            let middle = middle(&read.outline);
            if known.len() < KNOWN_MAX
                && !known.iter().any(|(outline, _)| contains(outline, middle))
            {
                known.push((read.outline, shot.now_ms));
            }
        }
    }

    /// Whether a code was read lately at that place of the picture.
    fn is_known(&self, shot: &Shot<'_>, at: Point) -> bool {
        let at = at.scaled(shot.scale);
        self.stream.known.iter().any(|(outline, _)| contains(outline, at))
    }

    /// Whether one of these codes lies where none was read lately.
    pub(super) fn has_new(&self, shot: &Shot<'_>, reads: &[Read]) -> bool {
        let down = 1.0 / shot.scale;
        reads.iter().any(|read| !self.is_known(shot, middle(&read.outline).scaled(down)))
    }

    /// Indices of the bars that this frame looks at; the list goes back to `stream.order`.
    pub(super) fn bars_of_this_frame(&mut self, shot: &Shot<'_>) -> Vec<usize> {
        let mut order = std::mem::take(&mut self.stream.order);
        order.clear();
        order.extend(0..self.locator.bars().len());
        if self.options.view == View::All {
            order.retain(|index| !self.is_known(shot, self.locator.bars()[*index].middle));
            turn_by(&mut order, self.stream.turn * STEP);
        }
        order.truncate(BARS_MAX);
        order
    }

    /// The same for patches, where all codes in view count.
    pub(super) fn patches_of_this_frame(&mut self, shot: &Shot<'_>) -> Vec<usize> {
        let mut order = std::mem::take(&mut self.stream.order);
        order.clear();
        order.extend(0..self.locator.patches().len());
        order.retain(|index| !self.is_known(shot, self.locator.patches()[*index].middle()));
        turn_by(&mut order, self.stream.turn * STEP);
        order.truncate(PATCHES_MAX);
        order
    }

    /// One dear strategy for a place that is not read: bars and patches in turn. False every fourth time, and where
    /// there is no such place, for what is found by other means.
    pub(super) fn look_dearly_at_another(
        &mut self,
        shot: &Shot<'_>,
        reads: &mut Vec<Read>,
    ) -> bool {
        self.stream.others += 1;
        let (turn, step) = (self.stream.others / 4, self.stream.others % 4);
        let is_open = |at: Point| !self.is_known(shot, at);
        match step {
            0 | 1 => {
                let is_bars = |bars: &&Bars| is_open(bars.middle);
                let count = self.locator.bars().iter().filter(is_bars).count();
                let at = (2 * turn + step).checked_rem(count).unwrap_or(0);
                let Some(bars) = self.locator.bars().iter().filter(is_bars).nth(at).copied() else {
                    return false;
                };
                match (2 * turn + step) / count % DEAR {
                    1 => self.read_averaged(shot, &bars),
                    3 if self.options.wants_code128() => {
                        self.read_grey(shot, &grey_place(&bars), Effort::QuickText);
                    }
                    round => self.read_grey(shot, &grey_place(&bars), Effort::Quick(round)),
                }
            }
            2 if self.options.wants_matrix() => {
                let is_patch = |patch: &&Patch| is_open(patch.middle());
                let count = self.locator.patches().iter().filter(is_patch).count();
                let at = turn.checked_rem(count).unwrap_or(0);
                let found = self.locator.patches().iter().filter(is_patch).nth(at).copied();
                let Some(patch) = found else { return false };
                let part = window(&patch, patch.heart, shot, THOROUGH_SIDE_MAX);
                match turn / count % DEAR {
                    0 => self.patch_dearly(shot, &part, (false, true), Strategy::Patch, reads),
                    1 => self.patch_dearly(shot, &part, (true, false), Strategy::Patch, reads),
                    2 => self.patch_leaning(shot, &patch, reads),
                    _ => self.patch_dearly(shot, &part, (false, true), Strategy::Evened, reads),
                }
            }
            _ => return false,
        }
        self.elect(shot, reads);
        true
    }
}

/// Moves so many of the first, counted round and round, to the end.
fn turn_by(order: &mut [usize], count: usize) {
    if !order.is_empty() {
        order.rotate_left(count % order.len());
    }
}
