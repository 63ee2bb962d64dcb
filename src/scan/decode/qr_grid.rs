//! QR Codes on cloth, on curved labels and on packs that lean away: three finder patterns, a grid that
//! bends, rxing's decoder.
//!
//! ISO/IEC 18004:2015, 6.3 (function patterns) and annex E (places of the alignment patterns, here
//! by the rule that makes that table). Meant for what rxing finds but cannot decode; a few
//! tries a picture, with Reed–Solomon as the judge.

use super::finder::Pattern;
use super::grid::{Grid, Print, SHARPENED, listed};
use super::luma_source::LumaSource;
use crate::frame::{Frame, Luma, Outline, Point};
use rxing::common::GlobalHistogramBinarizer;
use rxing::qrcode::QRCodeReader;
use rxing::{BinaryBitmap, DecodeHints, RXingResult, Reader};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Larger codes than this are printed in no shop.
const VERSION_MAX: usize = 20;

/// How much is tried.
#[derive(Clone, Copy)]
pub struct Care {
    /// Larger codes take too long.
    version_max: usize,
    /// Threes of patterns that are tried, those that lie best first.
    tries: usize,
    /// The share of timing and alignment patterns that must look right before a grid is bent: half
    /// of them do by chance.
    between_min: f32,
    /// By how many modules control points are moved, one after the other.
    steps: &'static [f32],
}

/// In a still, where nothing else read.
pub const STILL: Care = Care {
    version_max: VERSION_MAX,
    tries: 6,
    between_min: 0.62,
    steps: &[1.2, 0.8, 0.4, 0.8, 0.4, 0.2],
};
/// In a stream, where the next frame comes anyway.
pub const STREAM: Care =
    Care { version_max: 10, tries: 4, between_min: 0.7, steps: &[1.0, 0.5, 0.25] };
/// The share of function modules that must look right.
const SHARE_MIN: f32 = 0.85;
/// More finder patterns than this are print.
const PATTERNS_MAX: usize = 16;
/// The largest logarithm of the ratio of two sides, or of modules: 1.6 to 1.
const UNEVEN_MAX: f32 = 0.47;

/// Middles of alignment patterns along a side.
fn alignments(version: usize) -> Vec<usize> {
    if version < 2 {
        return Vec::new();
    }
    let count = version / 7 + 2;
    let step = (version * 4 + count * 2 + 1) / (count * 2 - 2) * 2;
    let last = 4 * version + 10;
    let mut all: Vec<usize> = (0..count - 1).map(|k| last - k * step).collect();
    all.push(6);
    all
}

/// What the standard fixes of a module.
fn fixed(size: usize, alignments: &[usize], row: usize, column: usize) -> Option<bool> {
    let ring = |r: usize, c: usize| row.abs_diff(r).max(column.abs_diff(c));
    for (r, c) in [(3, 3), (3, size - 4), (size - 4, 3)] {
        let ring = ring(r, c);
        if ring <= 4 {
            return Some(ring != 2 && ring != 4);
        }
    }
    let last = size - 7;
    for &r in alignments {
        for &c in alignments {
            let is_finder = matches!((r, c), (6, 6)) || (r, c) == (6, last) || (r, c) == (last, 6);
            if !is_finder && ring(r, c) <= 2 {
                return Some(ring(r, c) != 1);
            }
        }
    }
    (row == 6 || column == 6).then(|| (row + column).is_multiple_of(2))
}

/// Three finder patterns as those of one code.
#[derive(Clone, Copy)]
struct Corners {
    top: Point,
    right: Point,
    low: Point,
    /// Modules between the middles of the patterns, on the mean of both sides.
    between: f32,
    /// By how much farther away the right and the low pattern are than the upper left one, in shares
    /// of its distance: what makes modules smaller over there.
    depth: (f32, f32),
    /// How far they are from three corners of a square with equal modules; 0 is none.
    fault: f32,
}

impl Corners {
    /// `None` where they cannot be of one code.
    fn of([a, b, c]: [Pattern; 3]) -> Option<Self> {
        let point = |p: &Pattern| Point::new(p.x, p.y);
        let turns = [(a, b, c), (b, c, a), (c, a, b)];
        let (top, mut right, mut low) = turns.into_iter().max_by(|x, y| {
            let side = |turn: &(Pattern, Pattern, Pattern)| point(&turn.1).distance(point(&turn.2));
            side(x).total_cmp(&side(y))
        })?;
        let cross = |p: &Pattern, q: &Pattern| {
            (p.x - top.x) * (q.y - top.y) - (p.y - top.y) * (q.x - top.x)
        };
        if cross(&right, &low) < 0.0 {
            (right, low) = (low, right);
        }
        let (across, down) =
            (point(&top).distance(point(&right)), point(&top).distance(point(&low)));
        let sine = cross(&right, &low) / (across * down).max(1.0);
        let uneven = |ratio: f32| ratio.ln().abs();
        let size = |pattern: &Pattern| (pattern.module * pattern.tall).sqrt();
        let mean = (size(&a) + size(&b) + size(&c)) / 3.0;
        let modules = [a, b, c].map(|p| uneven(size(&p) / mean)).into_iter().fold(0.0, f32::max);
        let (across, down) = (modules_between(&top, &right), modules_between(&top, &low));
        let sides = uneven(across / down.max(1.0));
        let between = (across + down) / 2.0;
        let is_one = sine > 0.8
            && modules < UNEVEN_MAX
            && sides < UNEVEN_MAX
            && (12.0..(4 * VERSION_MAX + 14) as f32).contains(&between);
        let fault = modules + sides + 1.0 - sine;
        // An area goes with the distance to the power of -3 (the determinant of a homography).
        let depth = |other: &Pattern| (size(&top) / size(other)).powf(2.0 / 3.0) - 1.0;
        is_one.then_some(Self {
            top: point(&top),
            right: point(&right),
            low: point(&low),
            between,
            depth: (depth(&right), depth(&low)),
            fault,
        })
    }

    /// The grid of a code of so many modules a side, as it lies where its depth is this.
    fn grid(&self, size: usize, (g, h): (f32, f32)) -> Grid {
        let Self { top, right, low, .. } = self;
        let between = (size - 7) as f32;
        Grid::over(size, size, |u, v| {
            let (u, v) = ((u * size as f32 - 3.5) / between, (v * size as f32 - 3.5) / between);
            let distance = (1.0 + g * u + h * v).max(0.2);
            let place = |top: f32, right: f32, low: f32| {
                let (across, down) = (right - top + g * (right - top), low - top + h * (low - top));
                top + (u * across + v * down) / distance
            };
            Point::new(place(top.x, right.x, low.x), place(top.y, right.y, low.y))
        })
    }
}

/// Modules between the middles of two patterns, counted with theirs along the line between them: rows
/// and columns cut an upright square along its sides and one aslant over a longer way.
fn modules_between(from: &Pattern, to: &Pattern) -> f32 {
    let (dx, dy) = ((to.x - from.x).abs(), (to.y - from.y).abs());
    let module = match dx > dy {
        true => (from.module + to.module) / 2.0,
        false => (from.tall + to.tall) / 2.0,
    };
    let length = dx.hypot(dy).max(1.0);
    length / (module * dx.max(dy) / length)
}

/// Reads the code of the finder patterns: rxing's result and the corners.
pub fn read(
    print: &Print<'_>,
    patterns: &[Pattern],
    care: Care,
    clean: &mut Frame,
    is_late: &dyn Fn() -> bool,
) -> Option<(RXingResult, Outline)> {
    if patterns.len() > PATTERNS_MAX {
        return None;
    }
    let mut corners = Vec::new();
    for (index, a) in patterns.iter().enumerate() {
        for (next, b) in patterns.iter().enumerate().skip(index + 1) {
            let rest = patterns.iter().skip(next + 1);
            corners.extend(rest.filter_map(|c| Corners::of([*a, *b, *c])));
        }
    }
    corners.sort_by(|a, b| a.fault.total_cmp(&b.fault));
    let mut tried = corners.iter().take(care.tries);
    tried.find_map(|corners| read_at(print, corners, care, clean, is_late))
}

fn read_at(
    print: &Print<'_>,
    corners: &Corners,
    care: Care,
    clean: &mut Frame,
    is_late: &dyn Fn() -> bool,
) -> Option<(RXingResult, Outline)> {
    /// Depths are tried so many modules of the far corner beside, in both directions.
    const BESIDE: i32 = 3;
    let nearest =
        (((corners.between + 7.0 - 17.0) / 4.0).round().max(1.0) as usize).min(VERSION_MAX);
    let versions = nearest.saturating_sub(1).max(1)..=(nearest + 1).min(care.version_max);
    let mut best = None::<(f32, usize, Grid)>;
    for version in versions {
        let size = 17 + 4 * version;
        let places = alignments(version);
        let is_fixed = |row: usize, column: usize| fixed(size, &places, row, column);
        let levels = corners.grid(size, corners.depth).levels(print);
        let modules = listed((size, size), &is_fixed);
        // What the sizes of the patterns say of the depth is rough, and a label may be bent.
        for index in 0..(2 * BESIDE + 1).pow(2) {
            let part = |k: i32| (k - BESIDE) as f32 / size as f32;
            let beside = (part(index % (2 * BESIDE + 1)), part(index / (2 * BESIDE + 1)));
            let grid = corners.grid(size, (corners.depth.0 + beside.0, corners.depth.1 + beside.1));
            let share = grid.share_at(print, &levels, &modules);
            if best.as_ref().is_none_or(|known| share > known.0) {
                best = Some((share, version, grid));
            }
        }
        if is_late() {
            return None;
        }
    }
    let (_, version, grid) = best?;
    let (size, places) = (17 + 4 * version, alignments(version));
    let is_fixed = |row: usize, column: usize| fixed(size, &places, row, column);
    // Three patterns were seen before; what lies between them tells whether they are of one code.
    let is_between = |row: usize, column: usize| {
        let is_near = |at: usize| at < 9 || at + 9 > size;
        is_fixed(row, column).filter(|_| !(is_near(row) && is_near(column)))
    };
    if grid.share(print, &is_between) < care.between_min {
        return None;
    }
    let grid = grid.settled_by(care.steps, print, &is_fixed, is_late);
    if grid.share(print, &is_fixed) < SHARE_MIN {
        return None;
    }
    let read = SHARPENED.into_iter().find_map(|sharpened| {
        grid.draw(print, sharpened, &is_fixed, clean);
        decode(clean.view()?)
    })?;
    Some((read, grid.outline()))
}

fn decode(luma: Luma<'_>) -> Option<RXingResult> {
    let hints = DecodeHints { PureBarcode: Some(true), ..DecodeHints::default() };
    let decode = || {
        let source = LumaSource::new(luma, false);
        let mut bitmap = BinaryBitmap::new(GlobalHistogramBinarizer::new(source));
        QRCodeReader.decode_with_hints(&mut bitmap, &hints).ok()
    };
    catch_unwind(AssertUnwindSafe(decode)).ok().flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::decode::finder::PatternFinder;
    use crate::decode::{Decoder, Options};
    use crate::evidence::Strategy;
    use rxing::{BarcodeFormat, MultiFormatWriter, Writer};

    /// Annex E prints these.
    #[test]
    fn alignment_patterns_lie_where_the_standard_says() {
        for (version, places) in [
            (1, vec![]),
            (2, vec![18, 6]),
            (7, vec![38, 22, 6]),
            (14, vec![66, 46, 26, 6]),
            (20, vec![90, 62, 34, 6]),
        ] {
            assert_eq!(alignments(version), places, "{version}");
        }
    }

    /// A code of which `place` says where a pixel lies in it: across and down, from 0 to 1.
    fn drawn(text: &str, place: impl Fn(f32, f32) -> (f32, f32)) -> Frame {
        const SIDE: usize = 420;
        let bits = MultiFormatWriter.encode(text, &BarcodeFormat::QR_CODE, 1, 1).unwrap();
        let size = bits.getWidth() as f32;
        let mut frame = Frame::filled(SIDE, SIDE, 210);
        for (index, pixel) in frame.luma.iter_mut().enumerate() {
            let (u, v) = place((index % SIDE) as f32, (index / SIDE) as f32);
            let (column, row) = ((u * size).floor(), (v * size).floor());
            let is_inside = |k: f32| (0.0..size).contains(&k);
            if is_inside(column) && is_inside(row) && bits.get(column as u32, row as u32) {
                *pixel = 40;
            }
        }
        frame
    }

    fn text_in(frame: &Frame) -> Option<String> {
        let luma = frame.view().unwrap();
        let mut finder = PatternFinder::default();
        assert!(finder.count(&luma, false, 20) >= 3);
        let print = Print { luma, is_inverted: false };
        let read = read(&print, finder.found(), STILL, &mut Frame::default(), &|| false);
        read.map(|read| read.0.getText().to_owned())
    }

    /// A code on a fold: its columns are bent by three modules.
    #[test]
    fn a_code_on_a_fold_is_read() {
        let text = "a receipt on a crumpled piece of paper, number 4711, with some more to say";
        let frame = drawn(text, |x, y| {
            let (u, v) = ((x - 60.0) / 300.0, (y - 60.0) / 300.0);
            (u, v + 0.25 * u * (1.0 - u) * v)
        });
        assert_eq!(text_in(&frame).as_deref(), Some(text));
    }

    const LINK: &str = "https://shop.example/01/09521234543213/10/ABC?17=261231&a=more-to-say";

    /// On a pack that leans away by 55 degrees, to the side and backward, seen from three times its
    /// width: its far side is three quarters as high as its near one, and its modules are half as
    /// wide as high.
    fn leaning_away(degrees: f32, away: f32) -> [Frame; 2] {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let leaning = |dx: f32, dy: f32| {
            let along = dx * away / (away * cos - dx * sin);
            (along + 0.5, dy * (away + along * sin) / away + 0.5)
        };
        let middle = |at: f32| (at - 210.0) / 300.0;
        let to_the_side = drawn(LINK, |x, y| leaning(middle(x), middle(y)));
        let backward = drawn(LINK, |x, y| {
            let (down, across) = leaning(middle(y), middle(x));
            (across, down)
        });
        [to_the_side, backward]
    }

    #[test]
    fn a_code_that_leans_away_is_read() {
        for frame in leaning_away(55.0, 3.0) {
            assert_eq!(text_in(&frame).as_deref(), Some(LINK));
        }
    }

    /// Held before a camera it is read within a second, although no frame has time for all.
    #[test]
    fn a_stream_reads_a_code_that_leans_away() {
        for frame in leaning_away(60.0, 3.0) {
            let mut decoder = Decoder::new(Options::default());
            let luma = frame.view().unwrap();
            let read = (0..30)
                .find_map(|look| decoder.look(luma, 1 + 33 * look, &|| false).into_iter().next());
            let read = read.unwrap();
            assert_eq!((read.text.as_str(), read.evidence.strategy), (LINK, Strategy::Leaning));
            let middle = read.outline[0].middle(read.outline[2]);
            assert!(middle.distance(Point::new(210.0, 210.0)) < 20.0, "{:?}", read.outline);
        }
    }
}
