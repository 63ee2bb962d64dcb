//! When a read is believed: votes over lines and frames, and a guard against reading twice.
//!
//! A check digit lets one wrong number in ten through. So a bar code counts when two lines of a
//! frame, or of two frames, say the same; three where the symbol is short. Nothing here reads a
//! clock.

use crate::frame::{Outline, Point};
use domain::code::Symbology;

/// What one line saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// As named by the reader.
    pub symbology: Symbology,
    /// The text.
    pub text: String,
    /// The first bar, in frame coordinates.
    pub from: Point,
    /// The last bar.
    pub to: Point,
    /// The line's distance from the frame's origin, measured across it, in pixels.
    pub offset: f32,
}

/// A code that is believed.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// As named by the reader.
    pub symbology: Symbology,
    /// The text.
    pub text: String,
    /// Where it was seen, in frame coordinates.
    pub outline: Outline,
    /// Lines that said so; 1 for a matrix code, which corrects its own errors.
    pub votes: u32,
}

/// Lines closer than this look at the same pixels and are one vote.
const VOTE_SPACING: f32 = 1.9;
/// Votes are forgotten after this time without another.
const VOTE_LIFE_MS: u64 = 500;
/// More texts than this are not weighed at a time.
const CANDIDATES_MAX: usize = 32;
/// More lines than this are not kept for one text.
const LINES_MAX: usize = 96;

/// How many lines must agree.
pub fn quorum(symbology: Symbology, text: &str) -> u32 {
    match symbology {
        Symbology::Ean13 | Symbology::UpcA | Symbology::Itf14 => 2,
        Symbology::Code128 | Symbology::Gs1128 => 2,
        Symbology::DataBar | Symbology::DataBarExpanded => 2,
        Symbology::Ean8 | Symbology::UpcE => 3,
        // No check digit of its own, and a slanted line through a long code reads as a short one.
        Symbology::Itf if text.len() < 10 => 5,
        Symbology::Itf => 3,
        Symbology::Code39 | Symbology::Code93 | Symbology::Codabar => 3,
        _ => 1,
    }
}

struct Candidate {
    symbology: Symbology,
    text: String,
    /// Sweep and line of every vote.
    votes: Vec<(u64, f32)>,
    /// Lines of the sweep with most of them, for the outline.
    lines: Vec<Sighting>,
    lines_sweep: u64,
    seen_ms: u64,
}

impl Candidate {
    fn middle(&self) -> Point {
        let outline = self.outline();
        outline[0].middle(outline[2])
    }

    /// From the outermost lines that saw it.
    fn outline(&self) -> Outline {
        let by_offset = |a: &&Sighting, b: &&Sighting| a.offset.total_cmp(&b.offset);
        let first = self.lines.iter().min_by(by_offset);
        let last = self.lines.iter().max_by(by_offset);
        match (first, last) {
            (Some(first), Some(last)) => [first.from, first.to, last.to, last.from],
            _ => [Point::default(); 4],
        }
    }
}

/// Gathers votes until a text has enough of them.
#[derive(Default)]
pub struct Ballot {
    candidates: Vec<Candidate>,
}

impl Ballot {
    /// Counts the sightings of one sweep (a number never used again for other lines).
    pub fn count(&mut self, sweep: u64, now_ms: u64, sightings: &mut Vec<Sighting>) {
        for sighting in sightings.drain(..) {
            let known = self.candidates.iter_mut().position(|candidate| {
                candidate.symbology == sighting.symbology && candidate.text == sighting.text
            });
            let index = known.unwrap_or_else(|| {
                if self.candidates.len() == CANDIDATES_MAX {
                    self.drop_weakest();
                }
                self.candidates.push(Candidate {
                    symbology: sighting.symbology,
                    text: sighting.text.clone(),
                    votes: Vec::new(),
                    lines: Vec::new(),
                    lines_sweep: sweep,
                    seen_ms: now_ms,
                });
                self.candidates.len() - 1
            });
            let candidate = &mut self.candidates[index];
            candidate.seen_ms = now_ms;
            let is_new = candidate.votes.iter().all(|(voter, offset)| {
                *voter != sweep || (offset - sighting.offset).abs() >= VOTE_SPACING
            });
            if is_new && candidate.votes.len() < LINES_MAX {
                candidate.votes.push((sweep, sighting.offset));
            }
            if candidate.lines_sweep != sweep {
                candidate.lines.clear();
                candidate.lines_sweep = sweep;
            }
            if candidate.lines.len() < LINES_MAX {
                candidate.lines.push(sighting);
            }
        }
    }

    fn drop_weakest(&mut self) {
        let weakest = self.candidates.iter().enumerate().min_by_key(|(_, c)| c.votes.len());
        if let Some((index, _)) = weakest {
            self.candidates.swap_remove(index);
        }
    }

    /// Texts that have their votes and no rival in the same place; they must be voted for anew.
    pub fn take_elected(&mut self) -> Vec<Read> {
        let is_elected: Vec<bool> =
            (0..self.candidates.len()).map(|index| self.is_elected(index)).collect();
        let mut flags = is_elected.iter();
        let mut reads = Vec::new();
        self.candidates.retain(|candidate| {
            let is_elected = flags.next().copied().unwrap_or(false);
            if is_elected {
                reads.push(Read {
                    symbology: candidate.symbology,
                    text: candidate.text.clone(),
                    outline: candidate.outline(),
                    votes: candidate.votes.len() as u32,
                });
            }
            !is_elected
        });
        // What lies where a code was just read is a misreading of it.
        self.candidates
            .retain(|rival| !reads.iter().any(|read| contains(&read.outline, rival.middle())));
        reads
    }

    fn is_elected(&self, index: usize) -> bool {
        let candidate = &self.candidates[index];
        let votes = candidate.votes.len() as u32;
        if votes < quorum(candidate.symbology, &candidate.text) {
            return false;
        }
        let outline = candidate.outline();
        self.candidates.iter().enumerate().all(|(other, rival)| {
            let is_near = || {
                contains(&outline, rival.middle()) || contains(&rival.outline(), candidate.middle())
            };
            other == index || votes as usize >= 2 * rival.votes.len() || !is_near()
        })
    }

    /// Forgets votes that nobody repeated for a while.
    pub fn expire(&mut self, now_ms: u64) {
        self.candidates.retain(|candidate| now_ms < candidate.seen_ms + VOTE_LIFE_MS);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.candidates.clear();
    }
}

/// Whether `point` lies in the box around `outline`, or within a tenth of its size beside it.
pub fn contains(outline: &Outline, point: Point) -> bool {
    let xs = outline.map(|corner| corner.x);
    let ys = outline.map(|corner| corner.y);
    let low = |values: [f32; 4]| values.into_iter().fold(f32::INFINITY, f32::min);
    let high = |values: [f32; 4]| values.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let (left, right, top, bottom) = (low(xs), high(xs), low(ys), high(ys));
    let slack = 0.1 * (right - left).max(bottom - top) + 2.0;
    (left - slack..=right + slack).contains(&point.x)
        && (top - slack..=bottom + slack).contains(&point.y)
}

/// Lets a code through once while it stays before the camera.
///
/// The same text within `window_ms` of its last sighting is silent; after that it counts again.
#[derive(Debug)]
pub struct RepeatFilter {
    window_ms: u64,
    seen: Vec<(Symbology, String, u64)>,
}

/// Texts that are remembered at a time: as many as one picture shows.
const SEEN_MAX: usize = 16;

impl RepeatFilter {
    /// The usual guard against ringing an article twice.
    pub const WINDOW_MS: u64 = 1200;

    /// A filter with its own window.
    pub const fn new(window_ms: u64) -> Self {
        Self { window_ms, seen: Vec::new() }
    }

    /// Whether this read counts. A read that does not count prolongs the silence.
    pub fn admits(&mut self, symbology: Symbology, text: &str, now_ms: u64) -> bool {
        self.admits_after(symbology, text, now_ms, self.window_ms)
    }

    /// The same with another window for this one read, not longer than the filter's own.
    pub fn admits_after(
        &mut self,
        symbology: Symbology,
        text: &str,
        now_ms: u64,
        window_ms: u64,
    ) -> bool {
        // A clock that ran backwards makes an old sighting of a new one, never a long silence.
        let life_ms = self.window_ms;
        self.seen.retain(|(_, _, seen_ms)| *seen_ms <= now_ms && now_ms - seen_ms < life_ms);
        let known = self.seen.iter_mut().find(|(s, t, _)| *s == symbology && t == text);
        if let Some((_, _, seen_ms)) = known {
            let is_repeat = now_ms - *seen_ms < window_ms;
            *seen_ms = now_ms;
            return !is_repeat;
        }
        if self.seen.len() == SEEN_MAX {
            self.seen.remove(0);
        }
        self.seen.push((symbology, text.to_owned(), now_ms));
        true
    }
}

impl Default for RepeatFilter {
    fn default() -> Self {
        Self::new(Self::WINDOW_MS)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn seen(symbology: Symbology, text: &str, offset: f32) -> Sighting {
        let (from, to) = (Point::new(10.0, offset), Point::new(110.0, offset));
        Sighting { symbology, text: text.into(), from, to, offset }
    }

    /// One line, one case: symbology, offsets of the lines that saw it, believed or not.
    #[test]
    fn votes_make_a_read() {
        use Symbology::*;
        for (symbology, offsets, is_believed) in [
            (Ean13, &[10.0][..], false),
            (Ean13, &[10.0, 11.0], false),
            (Ean13, &[10.0, 14.0], true),
            (Ean8, &[10.0, 14.0], false),
            (Ean8, &[10.0, 14.0, 18.0], true),
            (UpcE, &[10.0, 14.0], false),
            (Itf, &[10.0, 14.0, 18.0, 22.0], false),
        ] {
            let mut ballot = Ballot::default();
            let mut lines = offsets.iter().map(|offset| seen(symbology, "1234", *offset)).collect();
            ballot.count(1, 0, &mut lines);
            let reads = ballot.take_elected();
            assert_eq!(reads.len(), usize::from(is_believed), "{symbology:?} {offsets:?}");
            assert!(ballot.take_elected().is_empty(), "elected once");
            if let [read] = &reads[..] {
                assert_eq!(read.outline[0], Point::new(10.0, 10.0));
                assert_eq!(read.outline[2], Point::new(110.0, *offsets.last().unwrap()));
            }
        }
    }

    #[test]
    fn two_frames_vote_together_unless_too_far_apart() {
        for (second_ms, is_believed) in [(400, true), (501, false)] {
            let mut ballot = Ballot::default();
            ballot.count(1, 0, &mut vec![seen(Symbology::Ean13, "1", 10.0)]);
            ballot.expire(second_ms);
            ballot.count(2, second_ms, &mut vec![seen(Symbology::Ean13, "1", 10.0)]);
            assert_eq!(ballot.take_elected().len(), usize::from(is_believed), "{second_ms}");
        }
    }

    #[test]
    fn rivals_in_one_place_silence_each_other() {
        let mut ballot = Ballot::default();
        let mut lines: Vec<Sighting> =
            [10.0, 14.0].map(|offset| seen(Symbology::Ean13, "1", offset)).into();
        lines.extend([18.0, 22.0].map(|offset| seen(Symbology::Ean13, "2", offset)));
        ballot.count(1, 0, &mut lines);
        assert!(ballot.take_elected().is_empty());
        let mut more: Vec<Sighting> =
            [26.0, 30.0].map(|offset| seen(Symbology::Ean13, "1", offset)).into();
        ballot.count(1, 0, &mut more);
        assert_eq!(ballot.take_elected().len(), 1, "four against two");
        assert!(ballot.candidates.is_empty(), "the rival was a misreading");
    }

    /// One line, one case: text, time, counts or not.
    #[test]
    fn a_code_counts_once_while_it_stays() {
        let mut filter = RepeatFilter::default();
        for (text, now_ms, counts) in [
            ("a", 0, true),
            ("a", 300, false),
            ("b", 400, true),
            ("a", 1400, false),
            ("a", 2599, false),
            ("a", 3799, true),
            ("a", 100, true),
        ] {
            assert_eq!(filter.admits(Symbology::Ean13, text, now_ms), counts, "{text} {now_ms}");
        }
        assert!(filter.admits(Symbology::QrCode, "a", 100), "another symbol");
    }

    proptest! {
        /// Never twice within the window of the last sighting, always again after it.
        #[test]
        fn the_guard_holds(gaps in prop::collection::vec(0u64..3000, 1..50)) {
            let mut filter = RepeatFilter::default();
            let mut now_ms = 0;
            prop_assert!(filter.admits(Symbology::Ean13, "x", now_ms));
            for gap in gaps {
                now_ms += gap;
                let counts = filter.admits(Symbology::Ean13, "x", now_ms);
                prop_assert_eq!(counts, gap >= RepeatFilter::WINDOW_MS);
            }
        }

        #[test]
        fn the_ballot_is_bounded(texts in prop::collection::vec(0u32..200, 0..300)) {
            let mut ballot = Ballot::default();
            for (index, text) in texts.iter().enumerate() {
                let line = seen(Symbology::Code128, &text.to_string(), index as f32);
                ballot.count(index as u64, 0, &mut vec![line]);
            }
            prop_assert!(ballot.candidates.len() <= CANDIDATES_MAX);
        }
    }
}
