//! A grid of modules laid over a picture, bent until it lies on what is printed there.
//!
//! Labels are curved, cloth has folds, and four corners do not say so. The grid is a biquadratic
//! patch: nine control points that move, one after the other, as long as the modules that the
//! standard fixes look more like they should and all modules look more decided. Its modules are then
//! drawn clean for a reader that corrects and decodes. Error correction judges; nothing here does.

use crate::frame::{Frame, Luma, Outline, Point};

/// Control points along a side.
const SIDE: usize = 3;
/// Pixels of a module in a clean drawing, and light modules around.
const MODULE: usize = 4;
const QUIET: usize = 2;
/// Modules on both sides that tell dark from light.
const NEAR: usize = 4;
/// What a fixed module counts against one that may be either.
const FIXED_WEIGHT: f32 = 3.0;
/// How much drawings are sharpened, one after the other; error correction says which was right.
pub const SHARPENED: [f32; 2] = [0.0, 0.4];
/// Grey values between light and dark below which nothing is told.
const CONTRAST_MIN: f32 = 12.0;

/// Dark, light or free: what a standard says of a module by row and column.
pub type Fixed<'a> = &'a dyn Fn(usize, usize) -> Option<bool>;

/// A module that the standard fixes.
#[derive(Clone, Copy)]
pub struct FixedModule {
    row: usize,
    column: usize,
    is_dark: bool,
}

/// All fixed modules of a symbol of so many rows and columns.
pub fn listed((rows, columns): (usize, usize), fixed: Fixed<'_>) -> Vec<FixedModule> {
    let module = |k: usize| {
        let (row, column) = (k / columns, k % columns);
        fixed(row, column).map(|is_dark| FixedModule { row, column, is_dark })
    };
    (0..rows * columns).filter_map(module).collect()
}

/// The grid as it lies.
#[derive(Clone)]
pub struct Grid {
    rows: usize,
    columns: usize,
    /// Middles of columns and of rows in parts of the sides.
    across: Vec<f32>,
    down: Vec<f32>,
    points: [Point; SIDE * SIDE],
}

/// A picture, and which of its colours is dark.
#[derive(Clone, Copy)]
pub struct Print<'a> {
    /// The picture.
    pub luma: Luma<'a>,
    /// Whether light and dark are exchanged.
    pub is_inverted: bool,
}

/// What the neighbourhood of a module says is dark and light: the middle, and half the range.
pub struct Levels(Vec<(f32, f32)>);

impl Grid {
    /// A grid whose place is given by a function of the unit square: across, down.
    pub fn over(rows: usize, columns: usize, place: impl Fn(f32, f32) -> Point) -> Self {
        let half = (SIDE - 1) as f32;
        let points =
            std::array::from_fn(|k| place((k % SIDE) as f32 / half, (k / SIDE) as f32 / half));
        let even = |count: usize| (0..count).map(|k| (k as f32 + 0.5) / count as f32).collect();
        Self { rows, columns, across: even(columns), down: even(rows), points }
    }

    /// The same with columns and rows that are not even: their middles in parts of the sides.
    pub fn spaced(self, across: Vec<f32>, down: Vec<f32>) -> Self {
        Self { across, down, ..self }
    }

    /// The corners: upper left, upper right, lower right, lower left.
    pub fn outline(&self) -> Outline {
        let last = SIDE * SIDE - 1;
        [self.points[0], self.points[SIDE - 1], self.points[last], self.points[last + 1 - SIDE]]
    }

    /// The middle of a module, or a place beside it by parts of a module down and across.
    fn at(&self, row: usize, column: usize, (aside_down, aside_across): (f32, f32)) -> Point {
        let step = |middles: &[f32], k: usize| {
            let (from, to) = (k.saturating_sub(1), (k + 1).min(middles.len() - 1));
            (middles[to] - middles[from]) / (to - from).max(1) as f32
        };
        let weights =
            |t: f32| [(2.0 * t - 1.0) * (t - 1.0), 4.0 * t * (1.0 - t), t * (2.0 * t - 1.0)];
        let across = weights(self.across[column] + aside_across * step(&self.across, column));
        let down = weights(self.down[row] + aside_down * step(&self.down, row));
        let mut at = Point::default();
        for (k, point) in self.points.iter().enumerate() {
            let weight = across[k % SIDE] * down[k / SIDE];
            at.x += weight * point.x;
            at.y += weight * point.y;
        }
        at
    }

    /// The length of a module, on the mean.
    fn module(&self) -> f32 {
        let [a, _, c, _] = self.outline();
        a.distance(c) / (self.rows as f32).hypot(self.columns as f32)
    }

    /// What is dark and light around each module.
    pub fn levels(&self, print: &Print<'_>) -> Levels {
        let values: Vec<f32> = (0..self.rows * self.columns)
            .map(|k| print.value(self.at(k / self.columns, k % self.columns, (0.0, 0.0))))
            .collect();
        // First along the rows, then along the columns: the same extremes as of the whole square.
        let extremes = |line: &mut dyn Iterator<Item = (f32, f32)>| {
            line.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), (least, most)| {
                (low.min(least), high.max(most))
            })
        };
        let near = |at: usize, count: usize| at.saturating_sub(NEAR)..(at + NEAR + 1).min(count);
        let in_rows: Vec<(f32, f32)> = (0..values.len())
            .map(|k| {
                let first = k - k % self.columns;
                let mut row = near(k % self.columns, self.columns).map(|c| values[first + c]);
                extremes(&mut row.by_ref().map(|value| (value, value)))
            })
            .collect();
        let level = |k: usize| {
            let column = k % self.columns;
            let mut lines = near(k / self.columns, self.rows);
            let (low, high) =
                extremes(&mut lines.by_ref().map(|r| in_rows[r * self.columns + column]));
            ((low + high) / 2.0, ((high - low) / 2.0).max(CONTRAST_MIN))
        };
        Levels((0..values.len()).map(level).collect())
    }

    /// From -1 (light) to 1 (dark).
    fn darkness(&self, print: &Print<'_>, levels: &Levels, row: usize, column: usize) -> f32 {
        let (middle, half) = levels.0[row * self.columns + column];
        let value = print.value(self.at(row, column, (0.0, 0.0)));
        ((middle - value) / half).clamp(-1.0, 1.0)
    }

    /// How well it lies: 1 where all fixed modules are right and all others decided.
    fn score(&self, print: &Print<'_>, levels: &Levels, fixed: Fixed<'_>) -> f32 {
        let (mut sum, mut weight) = (0.0, 0.0);
        for row in 0..self.rows {
            for column in 0..self.columns {
                let darkness = self.darkness(print, levels, row, column);
                match fixed(row, column) {
                    Some(is_dark) => {
                        sum += FIXED_WEIGHT * if is_dark { darkness } else { -darkness };
                        weight += FIXED_WEIGHT;
                    }
                    None => {
                        sum += darkness.abs();
                        weight += 1.0;
                    }
                }
            }
        }
        sum / weight
    }

    /// The share of fixed modules that are right.
    pub fn share(&self, print: &Print<'_>, fixed: Fixed<'_>) -> f32 {
        self.share_at(print, &self.levels(print), &listed((self.rows, self.columns), fixed))
    }

    /// The same of listed modules, with the levels of a grid that lies nearly so: for many grids.
    pub fn share_at(&self, print: &Print<'_>, levels: &Levels, fixed: &[FixedModule]) -> f32 {
        let is_right = |module: &&FixedModule| {
            (self.darkness(print, levels, module.row, module.column) > 0.0) == module.is_dark
        };
        fixed.iter().filter(is_right).count() as f32 / fixed.len().max(1) as f32
    }

    /// The grid bent until it lies best; `is_late` is asked between steps.
    pub fn settled(&self, print: &Print<'_>, fixed: Fixed<'_>, is_late: &dyn Fn() -> bool) -> Self {
        self.settled_by(&[1.2, 0.8, 0.4, 0.8, 0.4, 0.2], print, fixed, is_late)
    }

    /// The same with control points moved by so many modules, one after the other.
    pub fn settled_by(
        &self,
        steps: &[f32],
        print: &Print<'_>,
        fixed: Fixed<'_>,
        is_late: &dyn Fn() -> bool,
    ) -> Self {
        let mut best = self.clone();
        let mut levels = best.levels(print);
        let mut score = best.score(print, &levels, fixed);
        for step in steps {
            let reach = step * self.module();
            for k in 0..SIDE * SIDE {
                if is_late() {
                    return best;
                }
                for (dx, dy) in [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)] {
                    let mut moved = best.clone();
                    moved.points[k].x += dx * reach;
                    moved.points[k].y += dy * reach;
                    let other = moved.score(print, &levels, fixed);
                    if other > score {
                        (best, score) = (moved, other);
                    }
                }
            }
            levels = best.levels(print);
            score = best.score(print, &levels, fixed);
        }
        best
    }

    /// Draws the modules black on white, without blur and slant. What is `sharpened` has this many
    /// times the difference to the modules beside it added: blur mixes them. What is `fixed` is drawn
    /// as it should be.
    pub fn draw(&self, print: &Print<'_>, sharpened: f32, fixed: Fixed<'_>, clean: &mut Frame) {
        let levels = self.levels(print);
        let around = [(0.0, 0.0), (0.2, 0.0), (-0.2, 0.0), (0.0, 0.2), (0.0, -0.2)];
        let value = |row: usize, column: usize| {
            around.map(|aside| print.value(self.at(row, column, aside))).iter().sum::<f32>() / 5.0
        };
        let (rows, columns) = (self.rows, self.columns);
        let values: Vec<f32> =
            (0..rows * columns).map(|k| value(k / columns, k % columns)).collect();
        let (width, height) = ((columns + 2 * QUIET) * MODULE, (rows + 2 * QUIET) * MODULE);
        clean.luma.clear();
        clean.luma.resize(width * height, 255);
        (clean.width, clean.height, clean.stride) = (width, height, width);
        for row in 0..rows {
            for column in 0..columns {
                let at = row * columns + column;
                let (middle, half) = levels.0[at];
                // Light lies around a symbol.
                let beside = |is_inside: bool, index: usize| match is_inside {
                    true => values[index],
                    false => middle + half,
                };
                let mean = (beside(row > 0, at.wrapping_sub(columns))
                    + beside(row + 1 < rows, at + columns)
                    + beside(column > 0, at.wrapping_sub(1))
                    + beside(column + 1 < columns, at + 1))
                    / 4.0;
                let is_dark = values[at] + sharpened * (values[at] - mean) < middle;
                if fixed(row, column).unwrap_or(is_dark) {
                    for y in (row + QUIET) * MODULE..(row + QUIET + 1) * MODULE {
                        let from = y * width + (column + QUIET) * MODULE;
                        clean.luma[from..from + MODULE].fill(0);
                    }
                }
            }
        }
    }
}

impl Print<'_> {
    /// The grey value of a place, as if dark were dark.
    pub fn value(&self, at: Point) -> f32 {
        let value = self.luma.sample(at.x - 0.5, at.y - 0.5);
        if self.is_inverted { 255.0 - value } else { value }
    }
}
