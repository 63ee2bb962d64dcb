//! QR Codes on cloth and on curved labels: three finder patterns, a grid that bends, rxing's decoder.
//!
//! ISO/IEC 18004:2015, 6.3 (function patterns) and annex E (places of the alignment patterns, here
//! by the rule that makes that table). Meant for what rxing finds but cannot decode; one try a
//! picture, with Reed–Solomon as the judge.

use super::grid::{Grid, Print, SHARPENED};
use super::luma_source::LumaSource;
use crate::frame::{Frame, Luma, Outline, Point};
use rxing::common::GlobalHistogramBinarizer;
use rxing::qrcode::QRCodeReader;
use rxing::{BinaryBitmap, DecodeHints, RXingResult, Reader};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Larger codes than this are printed in no shop.
const VERSION_MAX: usize = 20;
/// The share of timing and alignment patterns that must look right before a grid is bent: half of
/// them do by chance.
const BETWEEN_MIN: f32 = 0.62;
/// The share of function modules that must look right.
const SHARE_MIN: f32 = 0.85;
/// More finder patterns than this are print.
const PATTERNS_MAX: usize = 16;
/// Threes of them that are tried, those that lie best first.
const TRIES: usize = 2;
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
    /// The mean of their modules, in pixels.
    module: f32,
    /// How far they are from three corners of a square with equal modules; 0 is none.
    fault: f32,
}

impl Corners {
    /// `None` where they cannot be of one code.
    fn of([a, b, c]: [(f32, f32, f32); 3]) -> Option<Self> {
        let point = |p: (f32, f32, f32)| Point::new(p.0, p.1);
        let turns = [(a, b, c), (b, c, a), (c, a, b)];
        let (top, mut right, mut low) = turns
            .map(|(p, q, r)| (point(p), point(q), point(r)))
            .into_iter()
            .max_by(|x, y| x.1.distance(x.2).total_cmp(&y.1.distance(y.2)))?;
        let cross =
            |p: Point, q: Point| (p.x - top.x) * (q.y - top.y) - (p.y - top.y) * (q.x - top.x);
        if cross(right, low) < 0.0 {
            (right, low) = (low, right);
        }
        let (across, down) = (top.distance(right), top.distance(low));
        let sine = cross(right, low) / (across * down).max(1.0);
        let module = (a.2 + b.2 + c.2) / 3.0;
        let uneven = |ratio: f32| ratio.ln().abs();
        let modules = [a.2, b.2, c.2].map(|m| uneven(m / module)).into_iter().fold(0.0, f32::max);
        let sides = uneven(across / down.max(1.0));
        let size = (across + down) / 2.0 / module;
        let is_one = sine > 0.8
            && modules < UNEVEN_MAX
            && sides < UNEVEN_MAX
            && (12.0..(4 * VERSION_MAX + 14) as f32).contains(&size);
        let fault = modules + sides + 1.0 - sine;
        is_one.then_some(Self { top, right, low, module, fault })
    }
}

/// Reads the code of the finder patterns (middle and module each): rxing's result and the corners.
pub fn read(
    print: &Print<'_>,
    patterns: &[(f32, f32, f32)],
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
    corners.iter().take(TRIES).find_map(|corners| read_at(print, corners, clean, is_late))
}

fn read_at(
    print: &Print<'_>,
    &Corners { top, right, low, module, .. }: &Corners,
    clean: &mut Frame,
    is_late: &dyn Fn() -> bool,
) -> Option<(RXingResult, Outline)> {
    let modules = (top.distance(right) + top.distance(low)) / 2.0 / module + 7.0;
    let nearest = (((modules - 17.0) / 4.0).round().max(1.0) as usize).min(VERSION_MAX);
    let versions = nearest.saturating_sub(1).max(1)..=(nearest + 1).min(VERSION_MAX);
    let mut best = None::<(f32, usize, Grid)>;
    for version in versions {
        let size = 17 + 4 * version;
        let places = alignments(version);
        let is_fixed = |row: usize, column: usize| fixed(size, &places, row, column);
        let between = (size - 7) as f32;
        let straight = Grid::over(size, size, |u, v| {
            let (u, v) = ((u * size as f32 - 3.5) / between, (v * size as f32 - 3.5) / between);
            Point::new(
                top.x + u * (right.x - top.x) + v * (low.x - top.x),
                top.y + u * (right.y - top.y) + v * (low.y - top.y),
            )
        });
        let levels = straight.levels(print);
        for shift in 0..49 {
            let part = |k: i32| (k - 3) as f32 / size as f32;
            let grid = straight.with_far_corner(part(shift % 7), part(shift / 7));
            let share = grid.share_at(print, &levels, &is_fixed);
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
    if grid.share(print, &is_between) < BETWEEN_MIN {
        return None;
    }
    let grid = grid.settled(print, &is_fixed, is_late);
    if grid.share(print, &is_fixed) < SHARE_MIN {
        return None;
    }
    let read = SHARPENED.into_iter().find_map(|sharpened| {
        grid.draw(print, sharpened, clean);
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

    /// A code on a fold: its columns are bent by three modules.
    #[test]
    fn a_code_on_a_fold_is_read() {
        let text = "a receipt on a crumpled piece of paper, number 4711, with some more to say";
        let bits = MultiFormatWriter.encode(text, &BarcodeFormat::QR_CODE, 1, 1).unwrap();
        let size = bits.getWidth() as usize;
        let mut frame = Frame::filled(420, 420, 210);
        for y in 0..420 {
            for x in 0..420 {
                let (u, v) = ((x as f32 - 60.0) / 300.0, (y as f32 - 60.0) / 300.0);
                let bent = v + 0.25 * u * (1.0 - u) * v;
                let (column, row) = ((u * size as f32).floor(), (bent * size as f32).floor());
                let is_inside = |k: f32| (0.0..size as f32).contains(&k);
                if is_inside(column) && is_inside(row) && bits.get(column as u32, row as u32) {
                    frame.luma[y * 420 + x] = 40;
                }
            }
        }
        let luma = frame.view().unwrap();
        let mut finder = PatternFinder::default();
        assert!(finder.count(&luma, false, 20) >= 3);
        let print = Print { luma, is_inverted: false };
        let read = read(&print, finder.found(), &mut Frame::default(), &|| false);
        assert_eq!(read.unwrap().0.getText(), text);
    }
}
