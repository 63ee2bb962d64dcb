//! Data Matrix codes whose borders rxing loses: found as a quadrangle, straightened, read by rxing.
//!
//! ```text
//! threshold -> large dark figures, each with what lies within its box -> convex hull -> quadrangle
//!   -> for each way up and each size of the standard: do the borders look right?
//!   -> corners moved until they look best -> modules drawn clean -> rxing corrects and decodes
//!   -> where nothing else reads: the same with a grid that bends, borders between regions included
//! ```
//! Two sides of a Data Matrix are solid and two dotted (ISO/IEC 16022, 5.2), so that a wrong size is
//! seen at the border; Reed–Solomon judges the rest. Meant for stills: one code, tried once.

use super::clock::Clock;
use super::grid::{Grid, Print, SHARPENED};
use super::luma_source::LumaSource;
use crate::frame::{Frame, Luma, Outline, Point};
use rxing::common::GlobalHistogramBinarizer;
use rxing::datamatrix::DataMatrixReader;
use rxing::{BinaryBitmap, DecodeHints, RXingResult, Reader};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Rows and columns of all symbols, DMRE left out.
const SIZES: [(usize, usize); 30] = [
    (10, 10),
    (12, 12),
    (14, 14),
    (16, 16),
    (18, 18),
    (20, 20),
    (22, 22),
    (24, 24),
    (26, 26),
    (32, 32),
    (36, 36),
    (40, 40),
    (44, 44),
    (48, 48),
    (52, 52),
    (64, 64),
    (72, 72),
    (80, 80),
    (88, 88),
    (96, 96),
    (104, 104),
    (120, 120),
    (132, 132),
    (144, 144),
    (8, 18),
    (8, 32),
    (12, 26),
    (12, 36),
    (16, 36),
    (16, 48),
];
/// The share of the border that must look right before corners are moved, and after.
const ROUGH_MIN: f32 = 0.70;
const FINE_MIN: f32 = 0.88;
/// Sizes that are tried to the end.
const TRIES: usize = 4;
/// Figures that are looked at, the largest first: beside a code may be a bottle, a phone, a table.
pub const FIGURES: usize = 4;
/// Fits that are bent.
const BENT: usize = 2;
/// The share of the solid sides that must be right before dotted ones are counted.
const SOLID_MIN: f32 = 0.8;
/// Fewer dark pixels than this are a speck, and no corner of a code: a module has more.
const SPECK: usize = 4;
/// Fewer dark pixels than this are no code.
const PIXELS_MIN: usize = 60;

/// Marks of dark pixels: seen, of the figure that is looked at, of another.
const TAKEN: u8 = 2;
const CHOSEN: u8 = 3;
const FOREIGN: u8 = 4;

/// Finds and straightens; keeps its memory.
#[derive(Default)]
pub struct DotReader {
    /// 0 light, 1 dark, or one of the three below.
    marks: Vec<u8>,
    open: Vec<usize>,
    clean: Frame,
    clock: Clock,
}

/// Pixels from `left`, `top` up to `right`, `bottom`.
#[derive(Clone, Copy, Default)]
struct Area {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

/// One way of laying a symbol over the quadrangle.
#[derive(Clone, Copy)]
struct Fit {
    quad: Outline,
    rows: usize,
    columns: usize,
    share: f32,
}

impl DotReader {
    /// Reads the code of which most is seen, one of the `figures` largest figures; its text as rxing
    /// gives it, and its corners.
    pub fn read(
        &mut self,
        luma: &Luma<'_>,
        is_inverted: bool,
        figures: usize,
    ) -> Option<(RXingResult, Outline)> {
        let (threshold, quads) = self.quads(luma, is_inverted, figures);
        let shade = Shade { luma, threshold, is_inverted };
        quads.into_iter().flatten().find_map(|quad| {
            rough_fits(&shade, &quad).into_iter().find_map(|fit| {
                let fit = shade.settled(fit);
                let read = (fit.share >= FINE_MIN).then(|| self.decode(&shade, &fit))?;
                read.map(|read| (read, fit.quad))
            })
        })
    }

    /// The same for a code that is stretched or not flat: the grid bends before it is read. Dear, so
    /// that only what has two solid sides and two that count as a size of the standard is tried.
    pub fn read_bent(
        &mut self,
        luma: &Luma<'_>,
        is_inverted: bool,
        is_late: &dyn Fn() -> bool,
    ) -> Option<(RXingResult, Outline)> {
        let (threshold, quads) = self.quads(luma, is_inverted, FIGURES);
        let shade = Shade { luma, threshold, is_inverted };
        let print = Print { luma: *luma, is_inverted };
        let counted =
            quads.into_iter().flatten().flat_map(|quad| self.counted(&print, &shade, &quad));
        let mut grids: Vec<(Fit, Grid)> = counted.take(BENT).collect();
        grids.extend(quads.into_iter().flatten().flat_map(|quad| fitted(&shade, &quad)).take(BENT));
        grids.into_iter().find_map(|(fit, grid)| {
            let fixed = |row: usize, column: usize| fixed(&fit, row, column);
            let grid = grid.settled(&print, &fixed, is_late);
            if is_late() || grid.share(&print, &fixed) < FINE_MIN {
                return None;
            }
            let read = SHARPENED.into_iter().find_map(|sharpened| {
                grid.draw(&print, sharpened, &mut self.clean);
                decode_clean(self.clean.view()?)
            })?;
            Some((read, grid.outline()))
        })
    }

    /// Sizes whose dotted sides alternate as often as they should, with their modules where they do.
    fn counted(
        &mut self,
        print: &Print<'_>,
        shade: &Shade<'_>,
        quad: &Outline,
    ) -> Vec<(Fit, Grid)> {
        /// How deep in the outermost row the side is looked at, in modules: it may be bent.
        const DEPTHS: [f32; 3] = [0.5, 0.3, 0.8];
        let mut found = Vec::new();
        for turn in 0..4 {
            let turned: Outline = std::array::from_fn(|index| quad[(index + turn) % 4]);
            let map = Perspective::onto(&turned);
            for (rows, columns) in SIZES {
                let fit = Fit { quad: turned, rows, columns, share: 0.0 };
                if shade.borders(&fit).0 < SOLID_MIN {
                    continue;
                }
                let across = DEPTHS.into_iter().find_map(|depth| {
                    let v = depth / rows as f32;
                    self.clock.middles(columns, |t| print.value(map.at(t, v)))
                });
                let Some(across) = across else { continue };
                let down = DEPTHS.into_iter().find_map(|depth| {
                    let u = 1.0 - depth / columns as f32;
                    self.clock.middles(rows, |t| print.value(map.at(u, 1.0 - t)))
                });
                let Some(down) = down else { continue };
                let down = down.into_iter().rev().map(|t| 1.0 - t).collect();
                let grid = Grid::over(rows, columns, |u, v| map.at(u, v));
                found.push((fit, grid.spaced(across, down)));
            }
        }
        found
    }

    /// The threshold, and the quadrangles around the largest figures.
    fn quads(
        &mut self,
        luma: &Luma<'_>,
        is_inverted: bool,
        figures: usize,
    ) -> (f32, [Option<Outline>; FIGURES]) {
        let threshold = otsu(luma);
        self.mark(luma, threshold, is_inverted);
        let size = (luma.width(), luma.height());
        let mut areas = self.large_figures(size.0, size.1);
        areas.iter_mut().skip(figures).for_each(|area| *area = None);
        let quads = areas.map(|area| {
            self.choose(area?, size);
            let around = hull(&self.marks, size.0, area?);
            self.marks.iter_mut().for_each(|mark| *mark = (*mark).min(TAKEN));
            quadrangle(around)
        });
        (threshold, quads)
    }

    /// Marks what belongs to the figure of that box: not what only reaches into it, as the rim of a
    /// screen or a line of the label does.
    fn choose(&mut self, area: Area, size: (usize, usize)) {
        for y in area.top..area.bottom {
            for seed in y * size.0 + area.left..y * size.0 + area.right {
                if self.marks[seed] != TAKEN {
                    continue;
                }
                let (own, _) = self.fill(seed, size, (TAKEN, CHOSEN));
                if own.right - own.left > area.right - area.left
                    || own.bottom - own.top > area.bottom - area.top
                {
                    self.fill(seed, size, (CHOSEN, FOREIGN));
                }
            }
        }
    }

    fn mark(&mut self, luma: &Luma<'_>, threshold: f32, is_inverted: bool) {
        self.marks.clear();
        for y in 0..luma.height() {
            let row = luma.row(y);
            self.marks.extend(
                row.iter().map(|value| u8::from((f32::from(*value) < threshold) != is_inverted)),
            );
        }
    }

    /// Marks one figure anew, neighbours at corners included; its box and the number of its pixels.
    fn fill(
        &mut self,
        seed: usize,
        (width, height): (usize, usize),
        (old, new): (u8, u8),
    ) -> (Area, usize) {
        let (x, y) = (seed % width, seed / width);
        let mut area = Area { left: x, top: y, right: x + 1, bottom: y + 1 };
        let mut count = 0;
        self.open.clear();
        self.open.push(seed);
        self.marks[seed] = new;
        while let Some(index) = self.open.pop() {
            count += 1;
            let (x, y) = (index % width, index / width);
            area.left = area.left.min(x);
            area.top = area.top.min(y);
            area.right = area.right.max(x + 1);
            area.bottom = area.bottom.max(y + 1);
            for next_y in y.saturating_sub(1)..(y + 2).min(height) {
                for next_x in x.saturating_sub(1)..(x + 2).min(width) {
                    let next = next_y * width + next_x;
                    if self.marks[next] == old {
                        self.marks[next] = new;
                        self.open.push(next);
                    }
                }
            }
        }
        (area, count)
    }

    /// Boxes of the largest figures that do not touch the edge of the picture.
    fn large_figures(&mut self, width: usize, height: usize) -> [Option<Area>; FIGURES] {
        let mut best = [(Area::default(), 0); FIGURES];
        for seed in 0..self.marks.len() {
            if self.marks[seed] != 1 {
                continue;
            }
            let (area, count) = self.fill(seed, (width, height), (1, TAKEN));
            if count < SPECK {
                self.fill(seed, (width, height), (TAKEN, 0));
                continue;
            }
            let is_inside =
                area.left > 0 && area.top > 0 && area.right < width && area.bottom < height;
            if is_inside && count > best[FIGURES - 1].1 {
                best[FIGURES - 1] = (area, count);
                best.sort_by_key(|place| std::cmp::Reverse(place.1));
            }
        }
        best.map(|(area, count)| {
            // The dotted sides lie within the box of the solid ones, or hardly beside it.
            let slack = (area.right - area.left).max(area.bottom - area.top) / 24 + 1;
            (count >= PIXELS_MIN).then(|| Area {
                left: area.left.saturating_sub(slack),
                top: area.top.saturating_sub(slack),
                right: (area.right + slack).min(width),
                bottom: (area.bottom + slack).min(height),
            })
        })
    }

    /// Draws the modules without blur and slant, and lets rxing read them.
    fn decode(&mut self, shade: &Shade<'_>, fit: &Fit) -> Option<RXingResult> {
        const MODULE: usize = 4;
        let (width, height) = ((fit.columns + 2) * MODULE, (fit.rows + 2) * MODULE);
        self.clean.luma.clear();
        self.clean.luma.resize(width * height, 255);
        (self.clean.width, self.clean.height, self.clean.stride) = (width, height, width);
        let map = Perspective::onto(&fit.quad);
        for row in 0..fit.rows {
            for column in 0..fit.columns {
                if shade.is_dark(map.module(fit, row, column)) {
                    for y in (row + 1) * MODULE..(row + 2) * MODULE {
                        let from = y * width + (column + 1) * MODULE;
                        self.clean.luma[from..from + MODULE].fill(0);
                    }
                }
            }
        }
        decode_clean(self.clean.view()?)
    }
}

fn decode_clean(luma: Luma<'_>) -> Option<RXingResult> {
    let hints = DecodeHints { PureBarcode: Some(true), ..DecodeHints::default() };
    let read = || {
        let source = LumaSource::new(luma, false);
        let mut bitmap = BinaryBitmap::new(GlobalHistogramBinarizer::new(source));
        DataMatrixReader.decode_with_hints(&mut bitmap, &hints).ok()
    };
    catch_unwind(AssertUnwindSafe(read)).ok().flatten()
}

/// The sizes and turns whose borders look best.
fn rough_fits(shade: &Shade<'_>, quad: &Outline) -> Vec<Fit> {
    let mut fits = Vec::with_capacity(4 * SIZES.len());
    for turn in 0..4 {
        let turned: Outline = std::array::from_fn(|index| quad[(index + turn) % 4]);
        for (rows, columns) in SIZES {
            let fit = Fit { quad: turned, rows, columns, share: 0.0 };
            let share = shade.border(&fit);
            if share >= ROUGH_MIN {
                fits.push(Fit { share, ..fit });
            }
        }
    }
    fits.sort_by(|a, b| b.share.total_cmp(&a.share));
    fits.truncate(TRIES);
    fits
}

/// Sizes whose borders look right where they lie, whatever is printed within.
fn fitted(shade: &Shade<'_>, quad: &Outline) -> Vec<(Fit, Grid)> {
    let fits = rough_fits(shade, quad).into_iter().map(|fit| shade.settled(fit));
    fits.filter(|fit| fit.share >= FINE_MIN)
        .map(|fit| {
            let map = Perspective::onto(&fit.quad);
            (fit, Grid::over(fit.rows, fit.columns, |u, v| map.at(u, v)))
        })
        .collect()
}

/// Data regions down and across (ISO/IEC 16022, table 7).
const fn regions(rows: usize, columns: usize) -> (usize, usize) {
    match (rows, columns) {
        (120.., _) => (6, 6),
        (64.., _) => (4, 4),
        (32.., _) => (2, 2),
        (..=16, 32..) => (1, 2),
        _ => (1, 1),
    }
}

/// The borders of all regions: two sides solid, two dotted.
fn fixed(fit: &Fit, row: usize, column: usize) -> Option<bool> {
    let (down, across) = regions(fit.rows, fit.columns);
    let (rows, columns) = (fit.rows / down, fit.columns / across);
    let (row, column) = (row % rows, column % columns);
    match (row, column) {
        (_, 0) => Some(true),
        (row, _) if row == rows - 1 => Some(true),
        (0, column) => Some(column % 2 == 0),
        (row, column) if column == columns - 1 => Some((rows - 1 - row) % 2 == 0),
        _ => None,
    }
}

/// Grey values against the threshold.
struct Shade<'a> {
    luma: &'a Luma<'a>,
    threshold: f32,
    is_inverted: bool,
}

impl Shade<'_> {
    fn is_dark(&self, at: Point) -> bool {
        (self.luma.sample(at.x - 0.5, at.y - 0.5) < self.threshold) != self.is_inverted
    }

    /// The share of border modules that are as the standard wants them.
    fn border(&self, fit: &Fit) -> f32 {
        let (solid, dotted) = self.borders(fit);
        (solid + dotted) / 2.0
    }

    /// The shares of the two solid and of the two dotted sides that are right.
    fn borders(&self, fit: &Fit) -> (f32, f32) {
        let map = Perspective::onto(&fit.quad);
        let is_right = |row: usize, column: usize, is_dark: bool| {
            usize::from(self.is_dark(map.module(fit, row, column)) == is_dark)
        };
        let (last_row, last_column) = (fit.rows - 1, fit.columns - 1);
        let (mut solid, mut dotted) = (0, 0);
        for row in 0..fit.rows {
            solid += is_right(row, 0, true);
            dotted += is_right(row, last_column, (last_row - row) % 2 == 0);
        }
        for column in 0..fit.columns {
            solid += is_right(last_row, column, true);
            dotted += is_right(0, column, column % 2 == 0);
        }
        let count = (fit.rows + fit.columns) as f32;
        (solid as f32 / count, dotted as f32 / count)
    }

    /// Corners moved, one after the other, as long as the border looks better.
    fn settled(&self, mut fit: Fit) -> Fit {
        let module = fit.quad[0].distance(fit.quad[2]) / (fit.rows + fit.columns) as f32 * 1.4;
        for step in [0.8, 0.4, 0.2] {
            for corner in (0..4).chain(0..4) {
                for (dx, dy) in [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)] {
                    let mut moved = fit;
                    moved.quad[corner].x += dx * step * module;
                    moved.quad[corner].y += dy * step * module;
                    moved.share = self.border(&moved);
                    if moved.share > fit.share {
                        fit = moved;
                    }
                }
            }
        }
        fit
    }
}

/// The unit square seen in perspective (P. Heckbert, "Fundamentals of texture mapping", 1989).
struct Perspective([f32; 8]);

impl Perspective {
    fn onto(quad: &Outline) -> Self {
        let [a, b, c, d] = *quad;
        let (x3, y3) = (a.x - b.x + c.x - d.x, a.y - b.y + c.y - d.y);
        let (x1, y1, x2, y2) = (b.x - c.x, b.y - c.y, d.x - c.x, d.y - c.y);
        let scale = x1 * y2 - x2 * y1;
        let (g, h) = match scale.abs() > 1e-6 {
            true => ((x3 * y2 - x2 * y3) / scale, (x1 * y3 - x3 * y1) / scale),
            false => (0.0, 0.0),
        };
        let (across, down) = (b.x - a.x + g * b.x, d.x - a.x + h * d.x);
        let (across_y, down_y) = (b.y - a.y + g * b.y, d.y - a.y + h * d.y);
        Self([across, down, a.x, across_y, down_y, a.y, g, h])
    }

    /// Where the middle of a module lies.
    fn module(&self, fit: &Fit, row: usize, column: usize) -> Point {
        let u = (column as f32 + 0.5) / fit.columns as f32;
        let v = (row as f32 + 0.5) / fit.rows as f32;
        self.at(u, v)
    }

    /// Where a point of the unit square lies.
    fn at(&self, u: f32, v: f32) -> Point {
        let [a, b, c, d, e, f, g, h] = self.0;
        let w = (g * u + h * v + 1.0).max(1e-3);
        Point::new((a * u + b * v + c) / w, (d * u + e * v + f) / w)
    }
}

/// The grey value that parts dark from light best (N. Otsu, IEEE SMC 9(1), 1979): in the middle
/// between both, since where no pixel is grey every value between parts them, and what is sampled
/// between pixels is grey.
fn otsu(luma: &Luma<'_>) -> f32 {
    let mut counts = [0u32; 256];
    for y in 0..luma.height() {
        luma.row(y).iter().for_each(|value| counts[usize::from(*value)] += 1);
    }
    let total: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let sum: f64 = counts.iter().enumerate().map(|(v, count)| v as f64 * f64::from(*count)).sum();
    let (mut dark, mut dark_sum, mut best) = (0.0, 0.0, (0.0, 128.0));
    for (value, count) in counts.iter().enumerate() {
        dark += f64::from(*count);
        dark_sum += value as f64 * f64::from(*count);
        let light = total - dark;
        if dark == 0.0 || light == 0.0 {
            continue;
        }
        let (low, high) = (dark_sum / dark, (sum - dark_sum) / light);
        let between = dark * light * (low - high).powi(2);
        if between > best.0 {
            best = (between, (low + high) / 2.0);
        }
    }
    best.1 as f32
}

/// The convex hull of the chosen pixels of an area, clockwise on the screen.
fn hull(marks: &[u8], width: usize, area: Area) -> Vec<Point> {
    let mut points = Vec::new();
    for y in area.top..area.bottom {
        let row = &marks[y * width + area.left..y * width + area.right];
        let ends =
            row.iter().position(|m| *m == CHOSEN).zip(row.iter().rposition(|m| *m == CHOSEN));
        let Some((first, last)) = ends else { continue };
        for (x, y) in [(first, y), (first, y + 1), (last + 1, y), (last + 1, y + 1)] {
            points.push(Point::new((area.left + x) as f32, y as f32));
        }
    }
    points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    let half = |points: &mut dyn Iterator<Item = Point>| {
        let mut chain: Vec<Point> = Vec::new();
        for point in points {
            while chain.len() > 1
                && cross(chain[chain.len() - 2], chain[chain.len() - 1], point) <= 0.0
            {
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut around = half(&mut points.iter().copied());
    around.extend(half(&mut points.iter().rev().copied()));
    around
}

fn cross(a: Point, b: Point, c: Point) -> f32 {
    (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
}

/// Where the lines through `a`, `b` and through `c`, `d` meet behind `b` and before `c`.
fn meeting(a: Point, b: Point, c: Point, d: Point) -> Option<Point> {
    let (x1, y1, x2, y2) = (b.x - a.x, b.y - a.y, d.x - c.x, d.y - c.y);
    let scale = x1 * y2 - y1 * x2;
    (scale > 1e-4).then(|| {
        let t = ((c.x - a.x) * y2 - (c.y - a.y) * x2) / scale;
        Point::new(a.x + t * x1, a.y + t * y1)
    })
}

/// The hull with sides taken out, those first that add least area, until four are left.
fn quadrangle(mut hull: Vec<Point>) -> Option<Outline> {
    while hull.len() > 4 {
        let count = hull.len();
        let at = |index: usize| hull[index % count];
        let added = |index: usize| {
            let corner = meeting(at(index + count - 1), at(index), at(index + 1), at(index + 2))?;
            Some((cross(at(index), corner, at(index + 1)).abs(), index, corner))
        };
        let least = (0..count).filter_map(added).min_by(|a, b| a.0.total_cmp(&b.0))?;
        let (_, index, corner) = least;
        hull[index] = corner;
        hull.remove((index + 1) % count);
    }
    <Outline>::try_from(hull).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rxing::{BarcodeFormat, MultiFormatWriter, Writer};

    const TEXT: &str = "Lot 42, to be used before the summer of next year";
    /// A code seen from the side: its corners are those of a kite.
    const KITE: [(f32, f32); 4] = [(40.0, 30.0), (230.0, 50.0), (250.0, 240.0), (20.0, 200.0)];

    /// The code between those corners; `bend` moves what lies within, in parts of the sides.
    fn drawn(bend: impl Fn(f32, f32) -> (f32, f32)) -> (Frame, Outline) {
        let bits = MultiFormatWriter.encode(TEXT, &BarcodeFormat::DATA_MATRIX, 1, 1).unwrap();
        let (columns, rows) = (bits.getWidth() as usize, bits.getHeight() as usize);
        let quad = KITE.map(|(x, y)| Point::new(x, y));
        let map = Perspective::onto(&quad);
        let mut frame = Frame::filled(280, 280, 220);
        for row in 0..rows * 12 {
            for column in 0..columns * 12 {
                if bits.get(column as u32 / 12, row as u32 / 12) {
                    let part = |at: usize, count: usize| (at as f32 + 0.5) / (count * 12) as f32;
                    let (u, v) = bend(part(column, columns), part(row, rows));
                    let at = map.at(u, v);
                    frame.luma[at.y as usize * 280 + at.x as usize] = 30;
                }
            }
        }
        (frame, quad)
    }

    fn assert_read(frame: &Frame, quad: &Outline) {
        let (read, outline) = DotReader::default().read(&frame.view().unwrap(), false, 1).unwrap();
        assert_eq!(read.getText(), TEXT);
        for (found, drawn) in outline.iter().zip(quad) {
            assert!(found.distance(*drawn) < 8.0, "{outline:?}");
        }
    }

    #[test]
    fn a_code_in_perspective_is_straightened() {
        let (frame, quad) = drawn(|u, v| (u, v));
        assert_read(&frame, &quad);
    }

    /// On the screen of a telephone, say: the rim reaches into the box of the code.
    #[test]
    fn a_rim_around_a_code_is_not_of_it() {
        let (mut frame, quad) = drawn(|u, v| (u, v));
        let rim = [(30.0, 12.0), (250.0, 34.0), (272.0, 262.0), (5.0, 216.0)];
        for side in 0..4 {
            let ((ax, ay), (bx, by)) = (rim[side], rim[(side + 1) % 4]);
            for step in 0..1000 {
                let t = step as f32 / 1000.0;
                let (x, y) = (ax + t * (bx - ax), ay + t * (by - ay));
                for index in [0, 1, 280, 281] {
                    frame.luma[y as usize * 280 + x as usize + index] = 30;
                }
            }
        }
        let mut reader = DotReader::default();
        let (_, quads) = reader.quads(&frame.view().unwrap(), false, FIGURES);
        let is_drawn = |found: &Outline| {
            quad.iter().all(|corner| found.iter().any(|at| at.distance(*corner) < 8.0))
        };
        assert!(quads.iter().flatten().any(is_drawn), "{quads:?}");
        let read = reader.read(&frame.view().unwrap(), false, FIGURES);
        assert_eq!(read.unwrap().0.getText(), TEXT);
    }

    /// Straight sides around what swells, as on a cushion: the borders fit, the modules do not. A
    /// blot lies on a dotted side, which cannot be counted then.
    #[test]
    fn what_swells_between_straight_sides_is_bent() {
        let (mut frame, quad) = drawn(|u, v| {
            let swell = 16.0 * u * (1.0 - u) * v * (1.0 - v);
            (u + 0.06 * swell, v + 0.04 * swell)
        });
        let map = Perspective::onto(&quad);
        for step in 0..100 * 25 {
            let at = map.at(0.3 + (step % 100) as f32 * 0.002, (step / 100) as f32 * 0.0018);
            frame.luma[at.y as usize * 280 + at.x as usize] = 30;
        }
        let view = frame.view().unwrap();
        assert!(DotReader::default().read(&view, false, 1).is_none(), "flat");
        let read = DotReader::default().read_bent(&view, false, &|| false).unwrap().0;
        assert_eq!(read.getText(), TEXT);
    }

    /// No pixel is grey, and yet what lies between two is.
    #[test]
    fn a_picture_of_two_colours_is_parted_in_the_middle() {
        let mut frame = Frame::filled(40, 40, 255);
        frame.luma[..600].fill(0);
        assert_eq!(otsu(&frame.view().unwrap()), 127.5);
        frame.luma[0] = 90;
        assert!((100.0..150.0).contains(&otsu(&frame.view().unwrap())));
    }

    #[test]
    fn an_empty_picture_and_a_bar_hold_no_code() {
        let mut frame = Frame::filled(60, 60, 200);
        assert!(DotReader::default().read(&frame.view().unwrap(), false, 1).is_none());
        (20..40).for_each(|y| frame.luma[y * 60 + 10..y * 60 + 50].fill(10));
        assert!(DotReader::default().read(&frame.view().unwrap(), false, 1).is_none());
    }
}
