//! Matrix codes that lie aslant in a still: their patch is set upright before it is looked at.
//!
//! rxing's finders take rows and columns: at 38 degrees they lose codes of many modules, of several
//! regions or seen from the side that they read upright. The sides of all modules are of two
//! directions, which are the two that prevail among the gradients; seen from the side they are at no
//! right angle. A copy whose rows and columns follow them is upright, and what perspective is left in
//! it the finders know how to take. They do not take modules that are half as wide again as high, as
//! on a pack that leans away: what is upright is stretched across, and down. Nothing is decoded here.

use super::matrix::STILL_PATTERNS_MAX;
use super::{Decoder, Look, MatrixRead, Shot};
use crate::confirm::Read;
use crate::evidence::{Evidence, Strategy};
use crate::frame::{Frame, Luma, Point};
use crate::locate::Patch;
use domain::code::Symbology;

const LOOK: Look = Look { is_inverted: false, is_thorough: true, patterns_max: STILL_PATTERNS_MAX };
/// Patches that are worth it, the whole picture left out.
const PATCHES_MAX: usize = 2;
/// The longest side that is set upright as it is; larger ones are shrunk before.
const SIDE_MAX: usize = 700;
/// Parts whose sides are all shorter are also made twice as large, since turning blurs.
const DOUBLED_MAX: usize = 500;
/// What is upright is made so many times as wide and as high: seen from 50 degrees beside, it is 1.6
/// times as high as wide.
const STRETCHES: [(f32, f32); 2] = [(1.6, 1.0), (1.0, 1.6)];
/// The longest side of a copy.
const COPY_SIDE_MAX: f32 = 1400.0;
/// Gradients below this are noise: six grey steps over two pixels, times Scharr's weights.
const GRADIENT_MIN: i32 = 6 * 16;
/// Angles of gradients are counted in so many parts of half a turn.
const PARTS: usize = 90;
/// Degrees of a part.
const PART: f32 = 180.0 / PARTS as f32;
/// Parts beside one that count as the same direction.
const NEAR: usize = 2;
/// The share of all gradients that have a direction which prevails: twice what an even spread has.
const SHARE_MIN: f32 = 2.0 * (2 * NEAR + 1) as f32 / PARTS as f32;
/// The share that the second direction must have of the first one's.
const SECOND_MIN: f32 = 0.4;
/// A patch that has more of the picture than this is seen in the whole of it.
const PATCH_SHARE_MAX: f32 = 0.6;
/// Degrees between the two at least: a square seen from lower than 20 degrees is not read.
const BETWEEN_MIN: f32 = 30.0;
/// Nearer to rows and columns than this, in degrees, is upright for all readers.
const UPRIGHT_MAX: f32 = 5.0;

/// A part of a picture drawn anew, its rows and columns along two directions.
struct Copy {
    /// A pixel of the copy to the right and one down, in pixels of the part.
    right: Point,
    down: Point,
    /// Where in the part the copy begins.
    start: Point,
    width: usize,
    height: usize,
}

impl Copy {
    /// A copy that holds all of a part of that size, so many times as wide and as high; the directions
    /// are those of the gradients across columns and across rows, in degrees.
    fn of(size: (usize, usize), (first, second): (f32, f32), scale: (f32, f32)) -> Option<Self> {
        let direction = |degrees: f32, scale: f32| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            Point::new(cos * scale, sin * scale)
        };
        let (a, b) = (direction(first, scale.0), direction(second, scale.1));
        let turn = a.x * b.y - a.y * b.x;
        let (right, down) =
            (Point::new(b.y / turn, -b.x / turn), Point::new(-a.y / turn, a.x / turn));
        let (width, height) = (size.0 as f32, size.1 as f32);
        let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)];
        let span = |across: Point| {
            let at = corners.map(|(x, y)| x * across.x + y * across.y);
            let low = at.into_iter().fold(f32::INFINITY, f32::min);
            (low, at.into_iter().fold(f32::NEG_INFINITY, f32::max) - low)
        };
        let ((left, width), (top, height)) = (span(a), span(b));
        let start = Point::new(left * right.x + top * down.x, left * right.y + top * down.y);
        let (width, height) = (width.ceil(), height.ceil());
        (width.max(height) <= COPY_SIDE_MAX).then_some(Self {
            right,
            down,
            start,
            width: width as usize,
            height: height as usize,
        })
    }

    /// Where in the part a place of the copy lies.
    fn place(&self, at: Point) -> Point {
        Point::new(
            self.start.x + at.x * self.right.x + at.y * self.down.x,
            self.start.y + at.x * self.right.y + at.y * self.down.y,
        )
    }

    fn draw(&self, luma: &Luma<'_>) -> Frame {
        let mut frame = Frame::filled(self.width, self.height, 0);
        for (index, pixel) in frame.luma.iter_mut().enumerate() {
            let (x, y) = (index % self.width, index / self.width);
            let at = self.place(Point::new(x as f32 + 0.5, y as f32 + 0.5));
            *pixel = luma.sample(at.x - 0.5, at.y - 0.5) as u8;
        }
        frame
    }
}

/// The two directions that prevail among the gradients, in degrees: the first within 45 of the rows,
/// the second clockwise of it. `None` where none prevails.
fn directions(luma: &Luma<'_>) -> Option<(f32, f32)> {
    let counts = gradients(luma);
    let total: f32 = counts.iter().sum();
    let around = |at: usize| (0..=2 * NEAR).map(move |k| (at + PARTS + k - NEAR) % PARTS);
    let near = |at: usize| around(at).map(|part| counts[part]).sum::<f32>();
    let apart = |a: usize, b: usize| {
        let parts = a.abs_diff(b);
        parts.min(PARTS - parts) as f32 * PART
    };
    let best = (0..PARTS).max_by(|a, b| near(*a).total_cmp(&near(*b)))?;
    let others = (0..PARTS).filter(|part| apart(*part, best) >= BETWEEN_MIN);
    let next = others.max_by(|a, b| near(*a).total_cmp(&near(*b)))?;
    // Bars have one direction, print and fabric two that are often upright.
    let is_prevailing = near(best) > SHARE_MIN * total && near(next) > SECOND_MIN * near(best);
    if !is_prevailing {
        return None;
    }
    // The mean of the parts, since one is wider than the angle may be off; then of those around it.
    let shift = |at: usize| {
        let moment = |(k, part): (usize, usize)| counts[part] * (k as f32 - NEAR as f32);
        around(at).enumerate().map(moment).sum::<f32>() / near(at).max(1.0)
    };
    let mean = |at: usize| {
        let at = (at as f32 + shift(at).round() + PARTS as f32) as usize % PARTS;
        (at as f32 + 0.5 + shift(at)) * PART
    };
    let (first, second) = (mean(best), mean(next));
    // The one nearer to the rows, from -45 to 45 or 135 to 225, is that across columns.
    let slant = |degrees: f32| (degrees + 90.0).rem_euclid(180.0) - 90.0;
    let (first, second) = match slant(first).abs() <= slant(second).abs() {
        true => (slant(first), second),
        false => (slant(second), first),
    };
    Some((first, first + (second - first).rem_euclid(180.0)))
}

fn is_upright((first, second): (f32, f32)) -> bool {
    first.abs() < UPRIGHT_MAX && (second - 90.0).abs() < UPRIGHT_MAX
}

/// How much gradient there is in each part of half a turn.
fn gradients(luma: &Luma<'_>) -> [f32; PARTS] {
    let mut counts = [0.0; PARTS];
    for row in (1..luma.height().saturating_sub(1)).step_by(2) {
        let (above, here, below) = (luma.row(row - 1), luma.row(row), luma.row(row + 1));
        let rows = above.windows(3).zip(here.windows(3)).zip(below.windows(3));
        for ((up, here), down) in rows {
            let step = |from: u8, to: u8| i32::from(to) - i32::from(from);
            // Scharr's weights, as in the locator: plain differences pull angles to the diagonal.
            let outer = (step(up[0], down[2]), step(up[2], down[0]));
            let dx = 3 * (outer.0 - outer.1) + 10 * step(here[0], here[2]);
            let dy = 3 * (outer.0 + outer.1) + 10 * step(up[1], down[1]);
            if dx * dx + dy * dy > GRADIENT_MIN * GRADIENT_MIN {
                let (dx, dy) = (dx as f32, dy as f32);
                let degrees = dy.atan2(dx).to_degrees().rem_euclid(180.0);
                counts[(degrees / PART) as usize % PARTS] += dx * dx + dy * dy;
            }
        }
    }
    counts
}

impl Decoder {
    /// Matrix codes aslant, in the whole picture and where dots are.
    pub(super) fn study_turned(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        self.study_upright_copies(shot, false, reads);
    }

    /// The same for those that are not flat either.
    pub(super) fn study_turned_bent(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        self.study_upright_copies(shot, true, reads);
    }

    fn study_upright_copies(&mut self, shot: &Shot<'_>, is_bent: bool, reads: &mut Vec<Read>) {
        if !self.options.wants_matrix() {
            return;
        }
        let whole = Patch::whole(shot.picture.width(), shot.picture.height());
        let area = |patch: &Patch| (patch.width * patch.height) as f32;
        let is_part = |patch: &&Patch| area(patch) < PATCH_SHARE_MAX * area(&whole);
        let mut places = vec![whole];
        places.extend(self.locator.patches().iter().filter(is_part).take(PATCHES_MAX));
        for patch in places {
            if !reads.is_empty() || shot.is_late() {
                return;
            }
            self.read_turned(shot, &patch, is_bent, reads);
        }
    }

    pub(super) fn read_turned(
        &mut self,
        shot: &Shot<'_>,
        patch: &Patch,
        is_bent: bool,
        reads: &mut Vec<Read>,
    ) {
        let Some((left, top, part)) = shot.part(patch) else { return };
        let factor = part.width().max(part.height()).div_ceil(SIDE_MAX);
        let smaller = (factor > 1).then(|| part.shrunk(factor));
        let part = smaller.as_ref().and_then(Frame::view).unwrap_or(part);
        let Some(directions) = directions(&part) else { return };
        let size = (part.width(), part.height());
        let scales = match (is_upright(directions), is_bent) {
            (true, true) => return,
            (true, false) => &STRETCHES[..],
            (false, false) if size.0.max(size.1) <= DOUBLED_MAX => &[(1.0, 1.0), (2.0, 2.0)],
            (false, _) => &[(1.0, 1.0)],
        };
        let Self { options, matrix, .. } = self;
        let wanted = |symbology: Symbology| options.wants(symbology);
        for scale in scales {
            let Some(copy) = Copy::of(size, directions, *scale) else { return };
            let upright = copy.draw(&part);
            let Some(view) = upright.view() else { return };
            let found: Vec<MatrixRead> = match is_bent {
                true => matrix.read_bent(view, false, wanted, shot.is_late).into_iter().collect(),
                false => matrix.read(view, LOOK, wanted, shot.is_late),
            };
            for MatrixRead { symbology, text, outline } in found {
                let outline = outline.map(|corner| {
                    let corner = copy.place(corner).scaled(factor as f32);
                    Point::new(corner.x + left as f32, corner.y + top as f32)
                });
                let strategy = Strategy::Turned;
                let evidence = Evidence { strategy, votes: 1, frames: 1, is_known: None };
                reads.push(Read { symbology, text, add_on: None, outline, evidence });
            }
            if !reads.is_empty() || shot.is_late() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::decode::Options;
    use crate::decode::drawing::Drawing;
    use rxing::common::BitMatrix;
    use rxing::{BarcodeFormat, MultiFormatWriter, Writer};

    const TEXT: &str =
        "01095212345432131721061510ABC123-lot-of-the-second-week-2112345678901234567890";

    /// The modules of a code without the light around it.
    fn modules(format: BarcodeFormat) -> BitMatrix {
        let bits = MultiFormatWriter.encode(TEXT, &format, 1, 1).unwrap();
        let [left, top, width, height]: [u32; 4] = bits.getEnclosingRectangle().unwrap();
        let mut inner = BitMatrix::new(width, height).unwrap();
        for x in 0..width {
            for y in 0..height {
                if bits.get(left + x, top + y) {
                    inner.set(x, y);
                }
            }
        }
        inner
    }

    fn turned(format: BarcodeFormat, module: f32, ground: u8, degrees: f32) -> Frame {
        let bits = modules(format);
        let size = (bits.getWidth() as usize, bits.getHeight() as usize);
        let is_dark = |column: usize, row: usize| bits.get(column as u32, row as u32);
        Drawing { size, module, ground, is_dark: &is_dark }.turned(degrees)
    }

    /// As seen from below: lower by that factor.
    fn squashed(frame: &Frame, factor: f32) -> Frame {
        let luma = frame.view().unwrap();
        let height = (frame.height as f32 * factor) as usize;
        let mut lower = Frame::filled(frame.width, height, 0);
        for (index, pixel) in lower.luma.iter_mut().enumerate() {
            let (x, y) = (index % frame.width, index / frame.width);
            *pixel = luma.sample(x as f32, (y as f32 + 0.5) / factor - 0.5) as u8;
        }
        lower
    }

    #[test]
    fn both_directions_are_told_also_from_the_side() {
        for degrees in [-40.0, -17.0, 8.0, 30.0, 44.0f32] {
            let frame = turned(BarcodeFormat::QR_CODE, 3.0, 225, degrees);
            let (first, second) = directions(&frame.view().unwrap()).unwrap();
            assert!((first - degrees).abs() < 2.5, "{degrees}: {first}");
            assert!((second - degrees - 90.0).abs() < 2.5, "{degrees}: {second}");
        }
        // Every row begins a little further to the right: columns lean, rows do not.
        let upright = turned(BarcodeFormat::QR_CODE, 3.0, 225, 0.0);
        let mut leaning = upright.clone();
        let luma = upright.view().unwrap();
        for (index, pixel) in leaning.luma.iter_mut().enumerate() {
            let (x, y) = (index % luma.width(), index / luma.width());
            *pixel = luma.sample(x as f32 - 0.3 * (y as f32 - 60.0), y as f32) as u8;
        }
        let (first, second) = directions(&leaning.view().unwrap()).unwrap();
        assert!((first + 0.3f32.atan().to_degrees()).abs() < 1.5, "{first}");
        assert!((second - 90.0).abs() < 1.5, "{second}");
    }

    #[test]
    fn what_is_empty_or_bars_has_no_two_directions() {
        let upright = turned(BarcodeFormat::QR_CODE, 3.0, 225, 0.0);
        assert!(is_upright(directions(&upright.view().unwrap()).unwrap()));
        assert_eq!(directions(&Frame::filled(90, 90, 200).view().unwrap()), None);
        let is_dark = |column: usize, _: usize| column * column % 7 < 3;
        let bars = Drawing { size: (95, 60), module: 2.0, ground: 225, is_dark: &is_dark };
        assert_eq!(directions(&bars.turned(30.0).view().unwrap()), None);
    }

    /// Turned by as much as a hand turns them, and with an outline that lies on them.
    #[test]
    fn codes_are_read_however_they_are_turned() {
        for format in [BarcodeFormat::QR_CODE, BarcodeFormat::DATA_MATRIX] {
            for degrees in [10.0, 17.0, 25.0, 38.0, 45.0, 60.0, 117.0, 203.0, 321.0] {
                for module in [2.0, 3.0] {
                    let frame = turned(format, module, 225, degrees);
                    let mut decoder = Decoder::new(Options::default());
                    let reads = decoder.study(frame.view().unwrap(), &|| false);
                    let texts: Vec<&str> = reads.iter().map(|read| read.text.as_str()).collect();
                    assert_eq!(texts, [TEXT], "{format} {degrees} {module}");
                    let middle = reads[0].outline[0].middle(reads[0].outline[2]);
                    let drawn = Point::new(frame.width as f32 / 2.0, frame.height as f32 / 2.0);
                    assert!(
                        middle.distance(drawn) < 6.0 * module,
                        "{format} {degrees}: {middle:?}"
                    );
                }
            }
        }
    }

    /// What rxing's finders lose, upright in its copy: diamonds that lie on a counter.
    #[test]
    fn codes_aslant_are_read_from_the_side() {
        for degrees in [30.0, 45.0, 60.0] {
            for factor in [0.35, 0.5] {
                let frame = squashed(&turned(BarcodeFormat::QR_CODE, 8.0, 225, degrees), factor);
                let mut decoder = Decoder::new(Options::default());
                let reads = decoder.study(frame.view().unwrap(), &|| false);
                let texts: Vec<&str> = reads.iter().map(|read| read.text.as_str()).collect();
                assert_eq!(texts, [TEXT], "{degrees} {factor}");
                assert_eq!(reads[0].evidence.strategy, Strategy::Turned, "{degrees} {factor}");
                let middle = reads[0].outline[0].middle(reads[0].outline[2]);
                let drawn = Point::new(frame.width as f32 / 2.0, frame.height as f32 / 2.0);
                assert!(middle.distance(drawn) < 30.0, "{degrees} {factor}: {middle:?}");
            }
        }
    }

    #[test]
    fn codes_are_read_from_the_side() {
        for factor in [0.4, 0.5, 0.64] {
            let frame = squashed(&turned(BarcodeFormat::QR_CODE, 6.0, 225, 0.0), factor);
            let mut decoder = Decoder::new(Options::default());
            let reads = decoder.study(frame.view().unwrap(), &|| false);
            let texts: Vec<&str> = reads.iter().map(|read| read.text.as_str()).collect();
            assert_eq!(texts, [TEXT], "{factor}");
        }
    }

    /// A sticker that is cut out tightly: no light around the code, and its rings run into the ground.
    #[test]
    fn a_qr_code_without_a_light_margin_is_read() {
        for degrees in [0.0, 17.0, 38.0] {
            let frame = turned(BarcodeFormat::QR_CODE, 3.0, 30, degrees);
            let mut decoder = Decoder::new(Options::default());
            let reads = decoder.study(frame.view().unwrap(), &|| false);
            let texts: Vec<&str> = reads.iter().map(|read| read.text.as_str()).collect();
            assert_eq!(texts, [TEXT], "{degrees}");
        }
    }
}
