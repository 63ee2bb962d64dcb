//! Several codes in one still: a shelf, a delivery, the back of a telephone's box.
//!
//! What lies within the outline of a code that was read is known. Other places are looked at as if nothing had been
//! read: cheaply wherever something may be, and with dear strategies where it is about as large as what was read, since
//! codes that somebody took one picture of are of about one size, and print beside them is smaller.

use super::matrix::{CODES_MAX, Look, MatrixRead, MatrixReader, STILL_PATTERNS_MAX};
use super::{Bundle, Decoder, LEVELS, Manner, MatrixLook, Shot, grey_place, is_dots, manner};
use crate::confirm::Read;
use crate::evidence::Strategy;
use crate::frame::{Frame, Luma, Outline, Point};
use crate::grey::Effort;
use crate::locate::{Bars, Patch};
use crate::outline::{area, encloses, lie_together, middle};
use domain::code::Symbology;

/// Bars and dots of at least this share of the area of the largest code that was read are worth dear strategies.
const SIZE_SHARE_MIN: f32 = 0.2;
/// Places of each kind that are.
const DEAR_MAX: usize = 16;

/// Whether a code that was read lies at that place of the frame; what lies beside it, however near, may be another.
pub(super) fn is_known(reads: &[Read], at: Point) -> bool {
    reads.iter().any(|read| encloses(&read.outline, at))
}

/// Whether bars hold more than the codes that were read of them: several, one above the other, are found as one place,
/// and its angle is hardly exact enough for low ones.
pub(super) fn is_stack(bars: &Bars, reads: &[Read]) -> bool {
    const OPEN_MIN: f32 = 0.4;
    let outlines = reads.iter().map(|read| &read.outline);
    let read: f32 = outlines.filter(|outline| bars.contains(middle(outline))).map(area).sum();
    read > 0.0 && read < (1.0 - OPEN_MIN) * bars.length * bars.height
}

impl Decoder {
    /// Bars and dots at the full size of the frame, where the rest is looked at smaller.
    pub(super) fn study_finely(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        if shot.scale <= 1.0 {
            return;
        }
        let fine = shot.at_full_size();
        self.locator.survey(&fine.picture, fine.aim());
        if self.options.wants_matrix() {
            self.study_patches(&fine, reads);
        }
        self.study_bars(&fine, reads);
    }

    /// Dear strategies for what lies beside codes that were read.
    pub(super) fn study_others(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        let largest = reads.iter().map(|read| area(&read.outline)).fold(0.0, f32::max);
        if largest == 0.0 || shot.is_late() {
            return;
        }
        let fine = shot.at_full_size();
        if shot.scale > 1.0 {
            self.locator.survey(&fine.picture, fine.aim());
        }
        let is_large = |area: f32| area >= SIZE_SHARE_MIN * largest;
        let is_open = |bars: &&Bars| {
            is_large(bars.length * bars.height)
                && !reads.iter().any(|read| bars.contains(middle(&read.outline)))
                && !reads.iter().any(|read| encloses(&prolonged(&read.outline), bars.middle))
        };
        let bars = self.locator.bars().iter().filter(is_open);
        let bars: Vec<Bars> = bars.take(DEAR_MAX).copied().collect();
        for bars in &bars {
            self.study_other_bars(&fine, bars, reads);
            if shot.is_late() {
                return;
            }
        }
        if !self.options.wants_matrix() {
            return;
        }
        let is_open = |patch: &&Patch| {
            is_large((patch.width * patch.height) as f32)
                && !reads.iter().any(|read| patch.contains(middle(&read.outline)))
        };
        let patches = self.locator.patches().iter().filter(is_open);
        let patches: Vec<Patch> = patches.take(DEAR_MAX).copied().collect();
        for patch in &patches {
            self.study_other_patch(&fine, patch, reads);
            if shot.is_late() {
                return;
            }
        }
    }

    fn study_other_bars(&mut self, shot: &Shot<'_>, bars: &Bars, reads: &mut Vec<Read>) {
        for level in LEVELS {
            if is_known(reads, bars.middle) {
                return;
            }
            let manner = Manner { is_inverted: true, ..manner(level, 0.0) };
            let strategy = Strategy::Inverted;
            self.read_bars(shot, bars, Bundle { lines: 24, manner, turn: 0.0, strategy });
            self.elect_copies(shot, reads);
        }
        let place = grey_place(bars);
        for (band, part) in place.bands().into_iter().enumerate() {
            if is_known(reads, bars.middle) || shot.is_late() {
                return;
            }
            let effort = if band == 0 { Effort::Whole } else { Effort::Thorough };
            self.read_grey(shot, &part, effort);
            self.elect_copies(shot, reads);
        }
    }

    fn study_other_patch(&mut self, shot: &Shot<'_>, patch: &Patch, reads: &mut Vec<Read>) {
        const SIDE_MAX: usize = 700;
        let look =
            |is_inverted| Look { is_inverted, is_thorough: true, patterns_max: STILL_PATTERNS_MAX };
        let mut more = Vec::new();
        for how in [
            MatrixLook::flat(look(true), SIDE_MAX, Strategy::Patch),
            MatrixLook::flat(look(false), SIDE_MAX, Strategy::Evened),
            MatrixLook::bent(look(false), SIDE_MAX, Strategy::Patch),
        ] {
            if is_known(reads, patch.middle()) || shot.is_late() {
                return;
            }
            self.read_matrix(shot, patch, how, reads);
        }
        for is_bent in [false, true] {
            if is_known(reads, patch.middle()) || shot.is_late() {
                return;
            }
            self.read_turned(shot, patch, is_bent, &mut more);
            let is_new = |read: &Read| {
                reads.iter().all(|known| {
                    known.symbology != read.symbology
                        || known.text != read.text
                        || !lie_together(&known.outline, &read.outline)
                })
            };
            more.retain(is_new);
            reads.append(&mut more);
        }
    }
}

/// Data Matrix codes beside one that was found: rxing's reader tells one of them. What was read is painted over, until
/// nothing more is.
pub(super) fn read_further(
    matrix: &mut MatrixReader,
    luma: Luma<'_>,
    look: Look,
    wanted: impl Fn(Symbology) -> bool,
    is_late: &dyn Fn() -> bool,
    found: &mut Vec<MatrixRead>,
) {
    let mut last = found.len();
    let Some(first) = found.iter().find(|read| is_dots(read.symbology)) else { return };
    let mut rest = luma.to_frame();
    paint_over(&mut rest, &first.outline);
    while found.len() < CODES_MAX && !is_late() {
        let Some(view) = rest.view() else { return };
        let wanted = |symbology| is_dots(symbology) && wanted(symbology);
        found.extend(matrix.read(view, look, wanted, is_late));
        let Some(read) = found.get(last) else { return };
        // What could not be painted over is found again and again.
        let is_again = |known: &MatrixRead| {
            known.text == read.text && known.outline[0].distance(read.outline[0]) < 2.0
        };
        if found[..last].iter().any(is_again) {
            found.truncate(last);
            return;
        }
        paint_over(&mut rest, &read.outline);
        last = found.len();
    }
}

/// Fills an outline, and a tenth around it, with the lightest of what lies at its corners.
fn paint_over(frame: &mut Frame, outline: &Outline) {
    const AROUND: f32 = 1.1;
    let middle = middle(outline);
    let corners = outline.map(|corner| {
        let (dx, dy) = (corner.x - middle.x, corner.y - middle.y);
        Point::new(middle.x + dx * AROUND, middle.y + dy * AROUND)
    });
    let Some(luma) = frame.view() else { return };
    let light = corners.iter().map(|at| luma.sample(at.x, at.y)).fold(0.0, f32::max) as u8;
    let ys = corners.map(|corner| corner.y);
    let (top, bottom) = (
        ys.into_iter().fold(f32::INFINITY, f32::min).max(0.0) as usize,
        ys.into_iter().fold(0.0, f32::max).min(frame.height as f32) as usize,
    );
    for y in top..bottom {
        let at = y as f32 + 0.5;
        let crossings = (0..4).filter_map(|side| {
            let (from, to) = (corners[side], corners[(side + 1) % 4]);
            let is_crossed = (from.y <= at) != (to.y <= at);
            is_crossed.then(|| from.x + (at - from.y) / (to.y - from.y) * (to.x - from.x))
        });
        let (left, right) =
            crossings.fold((f32::INFINITY, 0.0f32), |(low, high), x| (low.min(x), high.max(x)));
        let (left, right) = (left.max(0.0) as usize, right.min(frame.width as f32) as usize);
        if left < right {
            frame.luma[y * frame.stride + left..y * frame.stride + right].fill(light);
        }
    }
}

/// The outline of a code as it may go on beyond the lines that saw it: a third of its length up and down its bars.
fn prolonged(outline: &Outline) -> Outline {
    let [from, to, last_to, last_from] = *outline;
    let (dx, dy) = ((to.x - from.x) / 3.0, (to.y - from.y) / 3.0);
    let moved = |at: Point, sign: f32| Point::new(at.x - sign * dy, at.y + sign * dx);
    // Down the bars is a quarter turn from along the line, on the side where the last line lies.
    let side = (to.x - from.x) * (last_from.y - from.y) - (to.y - from.y) * (last_from.x - from.x);
    let sign = if side < 0.0 { -1.0 } else { 1.0 };
    [moved(from, -sign), moved(to, -sign), moved(last_to, sign), moved(last_from, sign)]
}
