//! When a read is believed: votes over lines and frames, weighed by symbology and catalogue.
//!
//! A check digit lets one wrong number in ten through. So a bar code counts when two lines of a
//! frame, or of two frames, say the same; three where the symbol is short; and one more where the
//! caller's catalogue says that there is no such article. A catalogue never lowers what is
//! demanded: it can delay, not invent. Nothing here reads a clock.

use crate::add_on::{AddOnBallot, Beside};
use crate::evidence::{Evidence, Strategy};
use crate::frame::{Outline, Point};
use crate::outline::{contains, middle};
use crate::trace::{Claim, Standing};
use domain::code::{AddOn, Code, Symbology};
use std::sync::Arc;

/// What the caller knows about articles.
///
/// Asked once for each text that is weighed, from the thread that decodes: the answer must be at
/// hand, not fetched.
pub trait Catalogue: Send + Sync {
    /// Whether `text` is an article here; `None` where that cannot be said.
    fn knows(&self, symbology: Symbology, text: &str) -> Option<bool>;
}

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
    /// What follows the number.
    pub beside: Beside,
}

impl Sighting {
    pub(crate) fn middle(&self) -> Point {
        self.from.middle(self.to)
    }

    /// How far `point` lies beside the line, in pixels.
    pub(crate) fn distance(&self, point: Point) -> f32 {
        beside((self.from, self.to), point)
    }
}

/// How far `point` lies beside the line through two others, in pixels.
fn beside((from, to): (Point, Point), point: Point) -> f32 {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let cross = (point.x - from.x) * dy - (point.y - from.y) * dx;
    cross.abs() / dx.hypot(dy).max(1e-3)
}

/// A code that is believed.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// As named by the reader.
    pub symbology: Symbology,
    /// The text.
    pub text: String,
    /// The digits beside it, where they are believed too.
    pub add_on: Option<AddOn>,
    /// Where it was seen, in frame coordinates.
    pub outline: Outline,
    /// What it rests on.
    pub evidence: Evidence,
}

impl Read {
    /// The code with its meaning.
    pub fn into_code(self) -> Code {
        Code::new(self.symbology, self.text).beside(self.add_on)
    }
}

/// Lines closer than this look at the same pixels and are one vote, in pixels of what was looked at.
pub const VOTE_SPACING: f32 = 1.9;
/// Votes are forgotten after this time without another.
pub(crate) const VOTE_LIFE_MS: u64 = 500;
/// Places that were seen longer ago than so many frames are not looked for in the present one: the camera moves.
const FRAMES_APART_MAX: u64 = 3;
/// More texts than this are not weighed at a time.
const CANDIDATES_MAX: usize = 64;
/// More lines than this are not kept for one text.
const LINES_MAX: usize = 96;

/// How many lines must agree, whatever a catalogue says.
pub fn quorum(symbology: Symbology, text: &str) -> u32 {
    match symbology {
        Symbology::Ean13 | Symbology::UpcA | Symbology::Itf14 => 2,
        Symbology::Code128 | Symbology::Gs1128 => 2,
        Symbology::DataBar | Symbology::DataBarExpanded => 2,
        Symbology::Ean8 | Symbology::UpcE => 3,
        // Bars of anything come near to its characters: see its reader.
        Symbology::DataBarLimited => 3,
        // No check digit of its own, and a slanted line through a long code reads as a short one.
        Symbology::Itf if text.len() < 10 => 5,
        Symbology::Itf => 3,
        Symbology::Code39 | Symbology::Code93 | Symbology::Codabar => 3,
        _ => 1,
    }
}

/// How far apart the outermost of the parallel lines must lie that saw a short code, in modules, if
/// they ran along the bars; for others times the sine of how far they lean.
///
/// The left half of an EAN-13 and its middle guard are those of a UPC-E of number system 1, and an
/// even number of digits of an ITF is one. Only what follows tells them apart, and a line that
/// leaves the bars at their lower end just then sees light follow. Lines that leave within the same
/// bar and space lie no farther apart than these, five modules, times that sine.
const SPREAD_MODULES_MIN: f32 = 6.0;

/// The length of a short code in modules, first bar to last; `None` where a line cannot end too
/// early. Of an ITF, whose wide bars are two to three modules wide, the fewest.
fn short_modules(symbology: Symbology, text: &str) -> Option<f32> {
    match symbology {
        Symbology::Ean8 => Some(67.0),
        Symbology::UpcE => Some(51.0),
        Symbology::Itf => Some(7.0 * text.len() as f32 + 8.0),
        _ => None,
    }
}

/// The corners that the outermost of parallel lines make; of lines over several equal labels side by side, those over
/// the first.
pub(crate) fn outline_of(lines: &[Sighting]) -> Outline {
    let Some(base) = lines.first() else { return [Point::default(); 4] };
    let (dx, dy) = (base.to.x - base.from.x, base.to.y - base.from.y);
    let at = base.middle();
    let is_same = |line: &&Sighting| {
        let along = (line.middle().x - at.x) * dx + (line.middle().y - at.y) * dy;
        along.abs() <= 0.5 * (dx * dx + dy * dy)
    };
    let beside = |line: &Sighting| line.middle().y * dx - line.middle().x * dy;
    let by_side = |a: &&Sighting, b: &&Sighting| beside(a).total_cmp(&beside(b));
    let first = lines.iter().filter(is_same).min_by(by_side).unwrap_or(base);
    let last = lines.iter().filter(is_same).max_by(by_side).unwrap_or(base);
    [first.from, first.to, last.to, last.from]
}

/// Whether the outermost lines over a code of so many modules lie as far apart as they lean: see
/// [`SPREAD_MODULES_MIN`].
pub(crate) fn lies_apart(outline: &Outline, modules: f32, scale: f32) -> bool {
    let [from, to, last_to, last_from] = *outline;
    let height = beside((from, to), last_from.middle(last_to));
    let length = from.distance(to).max(1e-3);
    // A bar runs from an end of one line to that of the other; where lines leave the bars, none does.
    let lean = |(one, other): (Point, Point)| {
        let ahead = (other.x - one.x) * (to.x - from.x) + (other.y - one.y) * (to.y - from.y);
        ahead.abs() / (length * one.distance(other).max(1e-3))
    };
    let lean = lean((from, last_from)).max(lean((to, last_to)));
    height >= VOTE_SPACING * scale && height >= SPREAD_MODULES_MIN * lean * length / modules
}

/// The lines of one sweep: they are parallel, or nearly.
#[derive(Clone, Copy, Debug)]
pub struct Sweeping {
    /// Counts frames.
    pub frame: u64,
    /// Counts sweeps: an outline is made of the lines of one.
    pub sweep: u64,
    /// What the sweep was.
    pub strategy: Strategy,
    /// When the frame was taken.
    pub now_ms: u64,
    /// How many pixels of the frame one of what was looked at is wide.
    pub scale: f32,
}

struct Candidate {
    symbology: Symbology,
    text: String,
    /// What the catalogue said.
    is_known: Option<bool>,
    /// Lines that count.
    votes: Vec<Sighting>,
    /// Of the smallest copy of the frame that one was laid on.
    scale: f32,
    frames: u32,
    frame: u64,
    /// Lines of the last sweep, for the outline.
    lines: Vec<Sighting>,
    /// Whether the lines of a sweep lay far enough apart.
    is_spread: bool,
    sweep: u64,
    strategy: Strategy,
    seen_ms: u64,
}

/// A text that was believed.
struct Settled {
    symbology: Symbology,
    text: String,
    outline: Outline,
    votes: usize,
    frame: u64,
    seen_ms: u64,
}

/// What a text has to beat in its place.
struct Rival<'a> {
    symbology: Symbology,
    text: &'a str,
    outline: Outline,
    votes: usize,
    frame: u64,
}

impl Settled {
    fn as_rival(&self) -> Rival<'_> {
        let Self { symbology, outline, votes, frame, .. } = *self;
        Rival { symbology, text: &self.text, outline, votes, frame }
    }
}

impl Candidate {
    fn as_rival(&self) -> Rival<'_> {
        let (symbology, votes) = (self.symbology, self.votes.len());
        Rival { symbology, text: &self.text, outline: self.outline(), votes, frame: self.frame }
    }

    fn middle(&self) -> Point {
        middle(&self.outline())
    }

    /// From the outermost lines of the last sweep that saw it.
    fn outline(&self) -> Outline {
        outline_of(&self.lines)
    }

    /// Whether the lines of the last sweep lie as far apart as a short code demands.
    fn lies_apart(&self) -> bool {
        let modules = short_modules(self.symbology, &self.text);
        modules.is_none_or(|modules| lies_apart(&self.outline(), modules, self.scale))
    }

    fn standing(&self) -> Standing {
        Standing {
            symbology: self.symbology,
            text: self.text.clone(),
            votes: self.votes.len() as u32,
            demanded: self.demand(),
            frames: self.frames,
            is_known: self.is_known,
            strategy: self.strategy,
        }
    }

    fn demand(&self) -> u32 {
        let quorum = quorum(self.symbology, &self.text);
        quorum + u32::from(self.is_known == Some(false))
    }

    /// A line where one already voted adds nothing, in another frame neither: before a camera that
    /// stands still, noise of print reads the same again and again.
    fn is_new(&self, sighting: &Sighting) -> bool {
        let middle = sighting.middle();
        let spacing = VOTE_SPACING * self.scale;
        self.votes.iter().all(|vote| vote.distance(middle) >= spacing)
    }
}

/// A text that was seen and is not yet believed.
#[derive(Clone, Debug, PartialEq)]
pub struct NearMiss {
    /// Where: the longest line that saw it.
    pub from: Point,
    /// Its other end.
    pub to: Point,
    /// Whether the catalogue has such an article.
    pub is_known: Option<bool>,
    /// Whether it is a symbol that a part of a longer one may look like.
    pub is_short: bool,
    /// The time of the frame.
    pub seen_ms: u64,
}

/// Gathers votes until a text has enough of them.
#[derive(Default)]
pub struct Ballot {
    candidates: Vec<Candidate>,
    /// What was believed lately.
    settled: Vec<Settled>,
    /// The frame and the time of what was counted last.
    frame: u64,
    now_ms: u64,
    add_ons: AddOnBallot,
    catalogue: Option<Arc<dyn Catalogue>>,
    /// What lines said, where somebody watches; it decides nothing.
    log: Option<Vec<Claim>>,
}

impl Ballot {
    /// Asks `catalogue` from now on.
    pub fn ask(&mut self, catalogue: Arc<dyn Catalogue>) {
        self.catalogue = Some(catalogue);
    }

    /// Begins to write down what lines say, or stops.
    pub fn keep_log(&mut self, is_kept: bool) {
        self.log = is_kept.then(Vec::new);
    }

    /// What lines said since the log was begun.
    pub fn take_log(&mut self) -> Vec<Claim> {
        self.log.take().unwrap_or_default()
    }

    /// The texts that are weighed at present, the nearest to being believed first.
    pub fn standing(&self) -> Vec<Standing> {
        let mut standing: Vec<Standing> = self.candidates.iter().map(Candidate::standing).collect();
        standing.sort_by_key(|row| {
            std::cmp::Reverse((row.is_known == Some(true), row.votes, row.frames))
        });
        standing
    }

    fn write_down(&mut self, sweeping: Sweeping, sighting: &Sighting) {
        if let Some(log) = &mut self.log
            && log.len() < LINES_MAX
        {
            log.push(Claim {
                strategy: sweeping.strategy,
                symbology: sighting.symbology,
                text: sighting.text.clone(),
                from: sighting.from,
                to: sighting.to,
            });
        }
    }

    /// Counts what the lines of one sweep saw.
    pub fn count(&mut self, sweeping: Sweeping, sightings: &mut Vec<Sighting>) {
        (self.frame, self.now_ms) = (sweeping.frame, sweeping.now_ms);
        for sighting in sightings.drain(..) {
            self.write_down(sweeping, &sighting);
            self.add_ons.count(sweeping, &sighting);
            let index = self.index_of(&sighting, sweeping);
            let candidate = &mut self.candidates[index];
            candidate.seen_ms = sweeping.now_ms;
            candidate.strategy = sweeping.strategy;
            candidate.scale = candidate.scale.max(sweeping.scale);
            if candidate.frame != sweeping.frame {
                candidate.frame = sweeping.frame;
                candidate.frames += 1;
            }
            if candidate.votes.len() < LINES_MAX && candidate.is_new(&sighting) {
                candidate.votes.push(sighting.clone());
            }
            if candidate.sweep != sweeping.sweep {
                candidate.lines.clear();
                candidate.sweep = sweeping.sweep;
            }
            if candidate.lines.len() < LINES_MAX {
                candidate.lines.push(sighting);
            }
            candidate.is_spread = candidate.is_spread || candidate.lies_apart();
        }
    }

    /// Counts what lines saw beside a number that is believed already, and nothing else of them.
    pub fn count_beside(&mut self, sweeping: Sweeping, sightings: &mut Vec<Sighting>) {
        for sighting in sightings.drain(..) {
            self.write_down(sweeping, &sighting);
            self.add_ons.count(sweeping, &sighting);
        }
    }

    /// What is known of the digits beside numbers.
    pub const fn add_ons(&self) -> &AddOnBallot {
        &self.add_ons
    }

    fn index_of(&mut self, sighting: &Sighting, sweeping: Sweeping) -> usize {
        let Sighting { symbology, text, .. } = sighting;
        let is_same = |known: &Candidate| known.symbology == *symbology && known.text == *text;
        if let Some(index) = self.candidates.iter().position(is_same) {
            return index;
        }
        if self.candidates.len() == CANDIDATES_MAX {
            self.drop_weakest();
        }
        let is_known = self.catalogue.as_ref().and_then(|known| known.knows(*symbology, text));
        self.candidates.push(Candidate {
            symbology: *symbology,
            text: text.clone(),
            is_known,
            votes: Vec::new(),
            scale: sweeping.scale,
            frames: 1,
            frame: sweeping.frame,
            lines: Vec::new(),
            is_spread: false,
            sweep: sweeping.sweep,
            strategy: sweeping.strategy,
            seen_ms: sweeping.now_ms,
        });
        self.candidates.len() - 1
    }

    fn drop_weakest(&mut self) {
        let weakest = self.candidates.iter().enumerate().min_by_key(|(_, c)| c.votes.len());
        if let Some((index, _)) = weakest {
            self.candidates.swap_remove(index);
        }
    }

    /// Texts that have their votes and no rival in the same place; they must be voted for anew.
    /// `are_apart` says of two outlines in one place whether they are two symbols all the same.
    pub fn take_elected(&mut self, are_apart: &dyn Fn(&Outline, &Outline) -> bool) -> Vec<Read> {
        let is_elected: Vec<bool> =
            (0..self.candidates.len()).map(|index| self.is_elected(index, are_apart)).collect();
        let mut flags = is_elected.iter();
        let mut reads = Vec::new();
        self.candidates.retain(|candidate| {
            let is_elected = flags.next().copied().unwrap_or(false);
            if is_elected {
                reads.push(Read {
                    symbology: candidate.symbology,
                    text: candidate.text.clone(),
                    add_on: self.add_ons.elected(candidate.symbology, &candidate.text),
                    outline: candidate.outline(),
                    evidence: Evidence {
                        strategy: candidate.strategy,
                        votes: candidate.votes.len() as u32,
                        frames: candidate.frames,
                        is_known: candidate.is_known,
                    },
                });
            }
            !is_elected
        });
        // What lies where a code was just read is a misreading of it.
        self.candidates.retain(|rival| {
            let is_of = |read: &Read| {
                contains(&read.outline, rival.middle())
                    && !are_apart(&read.outline, &rival.outline())
            };
            !reads.iter().any(is_of)
        });
        self.settle(&reads);
        reads
    }

    fn is_elected(&self, index: usize, are_apart: &dyn Fn(&Outline, &Outline) -> bool) -> bool {
        let candidate = &self.candidates[index];
        let votes = candidate.votes.len() as u32;
        if votes < candidate.demand() || !candidate.is_spread {
            return false;
        }
        let outline = candidate.outline();
        // Beside light that may be a scratch, one vote more is demanded.
        let has_more = votes > candidate.demand();
        let beats = |rival: &Rival<'_>| {
            let is_same = rival.symbology == candidate.symbology && rival.text == candidate.text;
            if is_same || votes as usize >= 2 * rival.votes {
                return true;
            }
            let is_met = contains(&outline, middle(&rival.outline))
                || contains(&rival.outline, middle(&outline));
            let is_seen_now = |frame: u64| self.frame - frame.min(self.frame) <= FRAMES_APART_MAX;
            let can_be_told = is_seen_now(candidate.frame) && is_seen_now(rival.frame);
            !is_met || (has_more && can_be_told && are_apart(&outline, &rival.outline))
        };
        self.candidates.iter().map(Candidate::as_rival).all(|rival| beats(&rival))
            && self.settled.iter().map(Settled::as_rival).all(|rival| beats(&rival))
    }

    /// Remembers for a while what was believed, so that a misreading of the same bars has to beat it too.
    fn settle(&mut self, reads: &[Read]) {
        for read in reads {
            let is_same =
                |known: &Settled| known.symbology == read.symbology && known.text == read.text;
            let votes = read.evidence.votes as usize;
            let seen_ms = self.now_ms;
            if let Some(known) = self.settled.iter_mut().find(|known| is_same(known)) {
                let votes = known.votes.max(votes);
                (known.votes, known.outline) = (votes, read.outline);
                (known.frame, known.seen_ms) = (self.frame, seen_ms);
            } else if self.settled.len() < CANDIDATES_MAX {
                let (symbology, text) = (read.symbology, read.text.clone());
                let (outline, frame) = (read.outline, self.frame);
                self.settled.push(Settled { symbology, text, outline, votes, frame, seen_ms });
            }
        }
    }

    /// What came nearest to being believed: known articles first, then by votes.
    pub fn near_miss(&self) -> Option<NearMiss> {
        let weight = |candidate: &&Candidate| {
            (candidate.is_known == Some(true), candidate.votes.len(), candidate.seen_ms)
        };
        let best = self.candidates.iter().max_by_key(weight)?;
        let by_length =
            |a: &&Sighting, b: &&Sighting| a.from.distance(a.to).total_cmp(&b.from.distance(b.to));
        let line = best.lines.iter().max_by(by_length)?;
        let Candidate { is_known, seen_ms, .. } = *best;
        let is_short = short_modules(best.symbology, &best.text).is_some();
        Some(NearMiss { from: line.from, to: line.to, is_known, is_short, seen_ms })
    }

    /// Forgets votes that nobody repeated for a while.
    pub fn expire(&mut self, now_ms: u64) {
        self.candidates.retain(|candidate| now_ms < candidate.seen_ms + VOTE_LIFE_MS);
        self.settled.retain(|known| now_ms < known.seen_ms + VOTE_LIFE_MS);
        self.add_ons.expire(now_ms);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.candidates.clear();
        self.settled.clear();
        self.add_ons.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::evidence::Strategy;
    use proptest::prelude::*;

    fn seen(symbology: Symbology, text: &str, offset: f32) -> Sighting {
        let (from, to) = (Point::new(10.0, offset), Point::new(110.0, offset));
        Sighting { symbology, text: text.into(), from, to, beside: Beside::Nothing }
    }

    fn at(frame: u64, now_ms: u64) -> Sweeping {
        Sweeping { frame, sweep: frame, strategy: Strategy::AimRows, now_ms, scale: 1.0 }
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
            (UpcE, &[10.0, 13.0, 16.0], true),
            (Itf, &[10.0, 14.0, 18.0, 22.0], false),
        ] {
            let mut ballot = Ballot::default();
            let mut lines = offsets.iter().map(|offset| seen(symbology, "1234", *offset)).collect();
            ballot.count(at(1, 0), &mut lines);
            let reads = ballot.take_elected(&|_, _| false);
            assert_eq!(reads.len(), usize::from(is_believed), "{symbology:?} {offsets:?}");
            assert!(ballot.take_elected(&|_, _| false).is_empty(), "elected once");
            if let [read] = &reads[..] {
                assert_eq!(read.outline[0], Point::new(10.0, 10.0));
                assert_eq!(read.outline[2], Point::new(110.0, *offsets.last().unwrap()));
            }
        }
    }

    /// Frame after frame of a camera that moves: lines at 45 degrees that leave a long code's bars at their lower end,
    /// with the true ends of bars on the other side; and lines across bars.
    #[test]
    fn a_short_code_that_slanted_lines_see_at_one_end_only_is_not_believed() {
        for (leans, is_believed) in [((1.0, 0.0), false), ((0.0, 1.0), false), ((0.1, 0.1), true)] {
            let mut ballot = Ballot::default();
            let mut is_read = false;
            for frame in 0..20 {
                let line = |beside: f32| {
                    let line = seen(Symbology::UpcE, "15600703", frame as f32 * 4.0 + beside);
                    let ahead = |at: Point, lean: f32| Point::new(at.x + lean * beside, at.y);
                    let (from, to) = (ahead(line.from, leans.0), ahead(line.to, leans.1));
                    Sighting { from, to, ..line }
                };
                ballot.count(at(frame, frame), &mut vec![line(0.0), line(3.0), line(6.0)]);
                is_read |= !ballot.take_elected(&|_, _| false).is_empty();
            }
            assert_eq!(is_read, is_believed, "{leans:?}");
        }
    }

    #[test]
    fn two_frames_vote_together_unless_too_far_apart() {
        for (second_ms, is_believed) in [(400, true), (501, false)] {
            let mut ballot = Ballot::default();
            ballot.count(at(1, 0), &mut vec![seen(Symbology::Ean13, "1", 10.0)]);
            ballot.expire(second_ms);
            ballot.count(at(2, second_ms), &mut vec![seen(Symbology::Ean13, "1", 13.0)]);
            assert_eq!(
                ballot.take_elected(&|_, _| false).len(),
                usize::from(is_believed),
                "{second_ms}"
            );
        }
    }

    /// A label that stays in view for long: every few seconds two of its lines are misread alike. Two symbols between
    /// which there is light are both right.
    #[test]
    fn what_was_believed_silences_a_misreading_of_the_same_bars() {
        for is_apart in [false, true] {
            let mut ballot = Ballot::default();
            let lines = |text: &str, offsets: &[f32]| -> Vec<Sighting> {
                offsets.iter().map(|offset| seen(Symbology::Ean13, text, *offset)).collect()
            };
            ballot.count(at(1, 1000), &mut lines("1", &[10.0, 14.0, 18.0, 22.0]));
            assert_eq!(ballot.take_elected(&|_, _| is_apart).len(), 1);
            ballot.expire(1300);
            // Light between them may be a scratch, so that a vote more is demanded.
            ballot.count(at(2, 1300), &mut lines("2", &[12.0, 16.0]));
            assert!(ballot.take_elected(&|_, _| is_apart).is_empty());
            ballot.count(at(2, 1300), &mut lines("2", &[20.0]));
            assert_eq!(ballot.take_elected(&|_, _| is_apart).len(), usize::from(is_apart));
            // Half a second after it was seen last it is another pack's turn.
            for (now_ms, is_over) in [(1499, false), (1800, true)] {
                ballot.expire(now_ms);
                let mut other = lines("3", &[12.0, 16.0]);
                ballot.count(at(now_ms, now_ms), &mut other);
                let is_read = !ballot.take_elected(&|_, _| false).is_empty();
                assert_eq!(is_read, is_over, "{now_ms}");
            }
        }
    }

    #[test]
    fn rivals_in_one_place_silence_each_other() {
        let mut ballot = Ballot::default();
        let mut lines: Vec<Sighting> =
            [10.0, 14.0].map(|offset| seen(Symbology::Ean13, "1", offset)).into();
        lines.extend([18.0, 22.0].map(|offset| seen(Symbology::Ean13, "2", offset)));
        ballot.count(at(1, 0), &mut lines);
        assert!(ballot.take_elected(&|_, _| false).is_empty());
        let mut more: Vec<Sighting> =
            [26.0, 30.0].map(|offset| seen(Symbology::Ean13, "1", offset)).into();
        ballot.count(at(1, 0), &mut more);
        assert_eq!(ballot.take_elected(&|_, _| false).len(), 1, "four against two");
        assert!(ballot.candidates.is_empty(), "the rival was a misreading");
    }

    struct Known(&'static str);

    impl Catalogue for Known {
        fn knows(&self, _symbology: Symbology, text: &str) -> Option<bool> {
            (text != "not sold by number").then_some(text == self.0)
        }
    }

    /// One line, one case: text, lines that saw it, believed or not, an article being "known".
    #[test]
    fn a_catalogue_delays_what_it_does_not_have_and_never_hastens() {
        for (text, lines, is_believed) in [
            ("known", 1, false),
            ("known", 2, true),
            ("unknown", 2, false),
            ("unknown", 3, true),
            ("not sold by number", 2, true),
        ] {
            let mut ballot = Ballot::default();
            ballot.ask(Arc::new(Known("known")));
            let line = |index| seen(Symbology::Ean13, text, index as f32 * 4.0);
            ballot.count(at(1, 0), &mut (0..lines).map(line).collect());
            let near = ballot.near_miss().unwrap();
            assert_eq!(near.is_known == Some(true), text == "known");
            assert_eq!(
                ballot.take_elected(&|_, _| false).len(),
                usize::from(is_believed),
                "{text} {lines}"
            );
        }
    }

    #[test]
    fn the_same_line_of_a_still_scene_is_one_vote_however_often_it_is_seen() {
        let mut ballot = Ballot::default();
        for frame in 1..9 {
            ballot.count(at(frame, frame), &mut vec![seen(Symbology::Ean13, "1", 10.0)]);
            assert!(ballot.take_elected(&|_, _| false).is_empty(), "{frame}");
        }
    }

    #[test]
    fn lines_that_cross_within_a_code_are_one_vote() {
        let mut ballot = Ballot::default();
        let slanted = Sighting {
            from: Point::new(10.0, 0.0),
            to: Point::new(110.0, 20.0),
            ..seen(Symbology::Ean13, "1", 10.0)
        };
        ballot.count(at(1, 0), &mut vec![seen(Symbology::Ean13, "1", 10.0), slanted]);
        assert!(ballot.take_elected(&|_, _| false).is_empty());
    }

    proptest! {
        #[test]
        fn the_ballot_is_bounded(texts in prop::collection::vec(0u32..200, 0..300)) {
            let mut ballot = Ballot::default();
            for (index, text) in texts.iter().enumerate() {
                let line = seen(Symbology::Code128, &text.to_string(), index as f32);
                ballot.count(at(index as u64, 0), &mut vec![line]);
            }
            prop_assert!(ballot.candidates.len() <= CANDIDATES_MAX);
        }
    }
}
