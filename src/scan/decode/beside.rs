//! What is printed beside a number that was read: a few more lines where an add-on may be, and how
//! long a stream waits for one.
//!
//! ```text
//! number read -> lines above and below -> no line saw digits     told at once
//!                                      -> some did               lines close by -> believed: told with them
//!                                                                               -> not yet: waits, then told without
//! ```
//! Bars of an add-on are shorter than those of the number and begin lower, so that not every line
//! over the number sees them. The number itself is settled before anything here is tried.

use super::{Decoder, LEVELS, Manner, Shot, manner};
use crate::confirm::Read;
use crate::evidence::Strategy;
use crate::frame::Point;
use crate::line::through;
use domain::code::Symbology;

/// How long a number waits for an add-on that a line saw: four frames of a camera.
const WAIT_MS: u64 = 150;
/// A number that was not seen for so long is looked beside anew.
const SEEN_LIFE_MS: u64 = 500;
/// More numbers than this are not remembered.
const SEEN_MAX: usize = 64;
/// Lines that look whether there is anything, in lengths of the number above and below its middle.
const PROBES: [f32; 6] = [0.06, -0.06, 0.14, -0.14, 0.24, -0.24];
/// Lines close to one that saw digits, in pixels.
const NEAR: [f32; 8] = [2.2, -2.2, 4.5, -4.5, 8.0, -8.0, 13.0, -13.0];
/// Lines of a still on each side of one that saw bars.
const STILL_LINES: i32 = 12;

/// A number that was read lately.
pub(super) struct Seen {
    symbology: Symbology,
    text: String,
    /// What waits for its add-on; `None` when it was told.
    waiting: Option<Read>,
    since_ms: u64,
    seen_ms: u64,
}

/// Whether an add-on may stand beside such a symbol (GS1 General Specifications, section 5.2).
const fn may_have_add_on(symbology: Symbology) -> bool {
    matches!(symbology, Symbology::Ean13 | Symbology::UpcA | Symbology::UpcE)
}

impl Decoder {
    /// Adds what stands beside the numbers of a frame, and keeps back for a moment those whose add-on
    /// was seen and is not believed yet.
    pub(super) fn complete(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        let now_ms = shot.now_ms;
        let mut seen = std::mem::take(&mut self.stream.seen);
        seen.retain(|number| now_ms < number.seen_ms + SEEN_LIFE_MS);
        reads.retain_mut(|read| {
            if !may_have_add_on(read.symbology) {
                return true;
            }
            let is_same =
                |known: &Seen| known.symbology == read.symbology && known.text == read.text;
            if let Some(known) = seen.iter_mut().find(|known| is_same(known)) {
                known.seen_ms = now_ms;
                if known.waiting.is_some() {
                    known.waiting = Some(read.clone());
                }
                return known.waiting.is_none();
            }
            if read.add_on.is_none()
                && !self.ballot.add_ons().has_digits(read.symbology, &read.text)
            {
                self.probe(shot, read);
            }
            if seen.len() == SEEN_MAX {
                seen.remove(0);
            }
            let (symbology, text) = (read.symbology, read.text.clone());
            let (since_ms, seen_ms) = (now_ms, now_ms);
            seen.push(Seen { symbology, text, waiting: Some(read.clone()), since_ms, seen_ms });
            false
        });
        for number in &mut seen {
            let Some(mut read) = number.waiting.take() else { continue };
            let has_digits = self.ballot.add_ons().has_digits(read.symbology, &read.text);
            if has_digits && self.ballot.add_ons().elected(read.symbology, &read.text).is_none() {
                self.look_near(shot, &read);
            }
            read.add_on = self.ballot.add_ons().elected(read.symbology, &read.text);
            let is_over = now_ms.saturating_sub(number.since_ms) >= WAIT_MS;
            if read.add_on.is_some() || !has_digits || is_over {
                reads.push(read);
            } else {
                number.waiting = Some(read);
            }
        }
        self.stream.seen = seen;
    }

    /// Lines above and below the middle of a number.
    fn probe(&mut self, shot: &Shot<'_>, read: &Read) {
        let [from, to, last_to, last_from] = read.outline;
        let ends = (from.middle(last_from), to.middle(last_to));
        let asides = PROBES.map(|share| share * ends.0.distance(ends.1) / shot.scale);
        let manner = Manner { is_ean_only: true, ..manner(self.level(), 0.0) };
        self.read_aside(shot, ends, &asides, manner);
    }

    /// Lines close to the one that saw digits.
    fn look_near(&mut self, shot: &Shot<'_>, read: &Read) {
        let Some(line) = self.ballot.add_ons().best_line(read.symbology, &read.text) else {
            return;
        };
        let ends = (line.from, line.to);
        // The next frame looks at other pixels.
        let shift = (self.stream.turn % 3) as f32 - 1.0;
        let manner = Manner { is_ean_only: true, ..manner(self.level(), 0.0) };
        self.read_aside(shot, ends, &NEAR.map(|aside| aside + shift), manner);
    }

    /// Adds what stands beside the numbers of a still. Where bars are and no digits are believed,
    /// lines of all manners are laid over them.
    pub(super) fn study_beside(&mut self, shot: &Shot<'_>, reads: &mut [Read]) {
        for read in reads.iter_mut().filter(|read| may_have_add_on(read.symbology)) {
            for thickness in [0.0, 1.0, 2.0] {
                let add_ons = self.ballot.add_ons();
                let line = add_ons.best_line(read.symbology, &read.text);
                let Some(line) = line.filter(|_| !shot.is_late()) else { break };
                if add_ons.elected(read.symbology, &read.text).is_some() {
                    break;
                }
                let ends = (line.from, line.to);
                let spacing = (ends.0.distance(ends.1) / shot.scale * 0.012).max(2.0);
                let asides: Vec<f32> =
                    (-STILL_LINES..=STILL_LINES).map(|index| index as f32 * spacing).collect();
                for level in LEVELS {
                    let manner = Manner { is_ean_only: true, ..manner(level, thickness) };
                    self.read_aside(shot, ends, &asides, manner);
                }
            }
            read.add_on = self.ballot.add_ons().elected(read.symbology, &read.text);
        }
    }

    /// Lines beside the one between two points of the frame, so many pixels of the picture aside.
    fn read_aside(
        &mut self,
        shot: &Shot<'_>,
        (from, to): (Point, Point),
        asides: &[f32],
        manner: Manner,
    ) {
        let down = 1.0 / shot.scale;
        let (from, to) = (from.scaled(down), to.scaled(down));
        let (dx, dy) = (to.x - from.x, to.y - from.y);
        let length = dx.hypot(dy).max(1.0);
        let (across, middle) = (Point::new(-dy / length, dx / length), from.middle(to));
        let size = (shot.picture.width(), shot.picture.height());
        let sweeping = self.begin_sweep(shot, Strategy::Located);
        for aside in asides {
            if shot.is_late() {
                break;
            }
            let at = Point::new(middle.x + across.x * aside, middle.y + across.y * aside);
            // Where something follows the number, the reader itself makes the line longer.
            let line = through(at, dy.atan2(dx).to_degrees(), length * 0.75, size);
            if let Some(line) = line {
                self.read_line(shot, &line, manner);
            }
        }
        self.ballot.count_beside(sweeping, &mut self.sightings);
    }
}
