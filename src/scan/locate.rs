//! Where in a frame a code may be: the bars of a linear code and their angle, the dots of a matrix
//! code, and how sharp and bright the frame is.
//!
//! ```text
//! pixels -> gradients -> cells of 8x8 (structure tensor) -> means of 3x3 cells
//!   one direction prevails   -> regions of like angle -> Bars: middle, angle, length, height
//!   no direction prevails    -> cells of 16x16, blobs -> Patch: a box for the 2D readers
//! ```
//! Gradients are taken from every pixel of every second row, not from a small copy of the frame:
//! in a quarter-size copy the bars of a distant label are gone. What a cell tells are the three
//! sums of the structure tensor (Bigun and Granlund 1987), from which angle and coherence follow
//! without a threshold on any single gradient. Nothing is decoded here; a candidate proves nothing.

use crate::frame::{Luma, Point};

/// Pixels along a side of a cell.
pub const CELL: usize = 8;
/// Mean squared gradient (of two pixels' distance) below which a cell is sensor noise: six grey
/// steps, twice the noise of a phone camera in a lit room.
const ENERGY_MIN: f32 = 36.0;
/// How much one direction must prevail in bars: 1 is only one, 0 is none.
const COHERENCE_BARS: f32 = 0.55;
/// Dots have less of it.
const COHERENCE_DOTS: f32 = 0.75;
/// Neighbouring cells whose angles differ by more than this belong to different codes: cosine of
/// the doubled angle, 12.5 degrees.
const LIKE_NEIGHBOUR: f32 = 0.906;
/// The same against the mean of the region, 22 degrees: a label on a bottle bends that far.
const LIKE_REGION: f32 = 0.72;
/// The shortest and the lowest region worth a look, in pixels.
const LENGTH_MIN: f32 = 40.0;
const HEIGHT_MIN: f32 = 8.0;
/// More candidates than this are not kept.
const CANDIDATES_MAX: usize = 64;

/// Bars of a linear code, perhaps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bars {
    /// Their middle, in pixels.
    pub middle: Point,
    /// The direction across the bars, along which they are read, in degrees, 0 to 180.
    pub degrees: f32,
    /// Extent across the bars, in pixels.
    pub length: f32,
    /// Extent along the bars, in pixels.
    pub height: f32,
    /// Larger is looked at sooner.
    pub score: f32,
}

impl Bars {
    /// The same in a picture that is so many times as large.
    pub fn scaled(&self, factor: f32) -> Self {
        let Self { middle, length, height, .. } = *self;
        let (length, height) = (length * factor, height * factor);
        Self { middle: middle.scaled(factor), length, height, ..*self }
    }

    /// Whether `point` lies on them.
    pub fn contains(&self, point: Point) -> bool {
        let (dx, dy) = (point.x - self.middle.x, point.y - self.middle.y);
        let (sin, cos) = self.degrees.to_radians().sin_cos();
        (dx * cos + dy * sin).abs() <= self.length / 2.0
            && (dy * cos - dx * sin).abs() <= self.height / 2.0
    }
}

/// A box that may hold a matrix code.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Patch {
    /// Its left edge, in pixels.
    pub left: usize,
    /// Its upper edge.
    pub top: usize,
    /// Its width.
    pub width: usize,
    /// Its height.
    pub height: usize,
    /// Where dots are densest in it.
    pub heart: Point,
    /// Larger is looked at sooner.
    pub score: f32,
}

impl Patch {
    /// All of a picture.
    pub const fn whole(width: usize, height: usize) -> Self {
        let heart = Point::new(width as f32 / 2.0, height as f32 / 2.0);
        Self { left: 0, top: 0, width, height, heart, score: 0.0 }
    }

    /// Its middle, in pixels.
    pub fn middle(&self) -> Point {
        let half = |size: usize| size as f32 / 2.0;
        Point::new(self.left as f32 + half(self.width), self.top as f32 + half(self.height))
    }

    /// Whether `point` lies in it.
    pub fn contains(&self, point: Point) -> bool {
        let is_within =
            |from: usize, size: usize, at: f32| (from as f32..=(from + size) as f32).contains(&at);
        is_within(self.left, self.width, point.x) && is_within(self.top, self.height, point.y)
    }
}

/// What the whole frame is like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measure {
    /// Mean grey value.
    pub brightness: f32,
    /// Mean squared gradient of the strongest hundredth of all cells.
    pub sharpness: f32,
}

/// The structure tensor of a cell.
#[derive(Clone, Copy, Debug, Default)]
struct Tensor {
    xx: f32,
    yy: f32,
    xy: f32,
}

impl Tensor {
    fn energy(self) -> f32 {
        self.xx + self.yy
    }

    /// The prevailing direction as a vector of twice its angle, as long as it prevails.
    fn doubled(self) -> (f32, f32) {
        let energy = self.energy().max(1e-3);
        ((self.xx - self.yy) / energy, 2.0 * self.xy / energy)
    }

    /// How much it prevails: 0 is not at all, 1 is alone.
    fn coherence(self) -> f32 {
        let (x, y) = self.doubled();
        (x * x + y * y).sqrt()
    }

    fn add(&mut self, other: Self) {
        self.xx += other.xx;
        self.yy += other.yy;
        self.xy += other.xy;
    }
}

/// Finds candidates; keeps its memory from frame to frame.
#[derive(Default)]
pub struct Locator {
    columns: usize,
    rows: usize,
    raw: Vec<Tensor>,
    smooth: Vec<Tensor>,
    coarse: Vec<Tensor>,
    /// How much of the energy of a coarse cell has no direction.
    density: Vec<f32>,
    is_taken: Vec<bool>,
    open: Vec<usize>,
    members: Vec<usize>,
    order: Vec<usize>,
    bars: Vec<Bars>,
    patches: Vec<Patch>,
    measure: Measure,
}

impl Locator {
    /// Looks over a frame; candidates near `aim` come first.
    pub fn survey(&mut self, luma: &Luma<'_>, aim: Point) {
        self.bars.clear();
        self.patches.clear();
        self.measure = Measure::default();
        self.columns = luma.width() / CELL;
        self.rows = luma.height() / CELL;
        if self.columns < 3 || self.rows < 1 {
            return;
        }
        self.take_gradients(luma);
        self.take_means();
        self.take_measure(luma);
        let reach = (luma.width() as f32).hypot(luma.height() as f32);
        // Twice as far from the aim as the frame is wide counts half.
        let nearness = |at: Point| 1.0 / (1.0 + 2.0 * at.distance(aim) / reach);
        self.find_bars(&nearness);
        self.find_patches(luma, &nearness);
    }

    /// Candidates for linear codes, the best first.
    pub fn bars(&self) -> &[Bars] {
        &self.bars
    }

    /// Candidates for matrix codes, the best first.
    pub fn patches(&self) -> &[Patch] {
        &self.patches
    }

    /// What the frame is like.
    pub const fn measure(&self) -> Measure {
        self.measure
    }

    fn take_gradients(&mut self, luma: &Luma<'_>) {
        self.raw.clear();
        self.raw.resize(self.columns * self.rows, Tensor::default());
        for row in 0..self.rows {
            let cells = &mut self.raw[row * self.columns..(row + 1) * self.columns];
            let mut count = 0;
            for y in (row * CELL + 1..(row + 1) * CELL).step_by(2) {
                if y + 1 >= luma.height() {
                    continue;
                }
                count += 1;
                add_row(luma.row(y - 1), luma.row(y), luma.row(y + 1), cells);
            }
            let share = 1.0 / (count.max(1) * CELL) as f32;
            for cell in cells {
                *cell = Tensor { xx: cell.xx * share, yy: cell.yy * share, xy: cell.xy * share };
            }
        }
    }

    fn take_means(&mut self) {
        let (columns, rows) = (self.columns, self.rows);
        self.smooth.clear();
        for row in 0..rows {
            for column in 0..columns {
                let mut sum = Tensor::default();
                let (mut count, last) = (0.0, (column + 2).min(columns));
                for y in row.saturating_sub(1)..(row + 2).min(rows) {
                    for x in column.saturating_sub(1)..last {
                        sum.add(self.raw[y * columns + x]);
                        count += 1.0;
                    }
                }
                let share = |value: f32| value / count;
                let (xx, yy, xy) = (share(sum.xx), share(sum.yy), share(sum.xy));
                self.smooth.push(Tensor { xx, yy, xy });
            }
        }
    }

    fn take_measure(&mut self, luma: &Luma<'_>) {
        let (mut sum, mut count) = (0u64, 0u64);
        for y in (0..luma.height()).step_by(16) {
            let row = luma.row(y);
            sum += row.iter().map(|value| u64::from(*value)).sum::<u64>();
            count += row.len() as u64;
        }
        self.measure.brightness = sum as f32 / count.max(1) as f32;
        let best = self.raw.len() / 100 + 1;
        self.order.clear();
        self.order.extend(0..self.raw.len());
        let raw = &self.raw;
        let by_energy = |a: &usize, b: &usize| {
            raw[*b].energy().total_cmp(&raw[*a].energy()).then_with(|| a.cmp(b))
        };
        self.order.select_nth_unstable_by(best - 1, by_energy);
        let energy: f32 = self.order[..best].iter().map(|index| raw[*index].energy()).sum();
        self.measure.sharpness = energy / best as f32;
    }

    fn find_bars(&mut self, nearness: &dyn Fn(Point) -> f32) {
        self.is_taken.clear();
        self.is_taken.resize(self.smooth.len(), false);
        for seed in 0..self.smooth.len() {
            if !self.is_taken[seed] && is_bars(self.smooth[seed]) {
                let (x, y) = self.grow(seed);
                if let Some(bars) = self.measure_bars(x, y, nearness) {
                    keep_best(&mut self.bars, bars, |bars| bars.score);
                }
            }
        }
    }

    /// Gathers the cells of one region into `members`; returns the sum of their directions.
    fn grow(&mut self, seed: usize) -> (f32, f32) {
        let (columns, rows) = (self.columns, self.rows);
        self.members.clear();
        self.open.clear();
        self.open.push(seed);
        self.is_taken[seed] = true;
        let mut sum = (0.0, 0.0);
        while let Some(index) = self.open.pop() {
            let own = self.smooth[index].doubled();
            sum = (sum.0 + own.0, sum.1 + own.1);
            self.members.push(index);
            let (column, row) = (index % columns, index / columns);
            for y in row.saturating_sub(1)..(row + 2).min(rows) {
                for x in column.saturating_sub(1)..(column + 2).min(columns) {
                    let next = y * columns + x;
                    if self.is_taken[next] || !is_bars(self.smooth[next]) {
                        continue;
                    }
                    let other = self.smooth[next].doubled();
                    if alike(own, other) > LIKE_NEIGHBOUR && alike(sum, other) > LIKE_REGION {
                        self.is_taken[next] = true;
                        self.open.push(next);
                    }
                }
            }
        }
        sum
    }

    fn measure_bars(&self, x: f32, y: f32, nearness: &dyn Fn(Point) -> f32) -> Option<Bars> {
        let radians = y.atan2(x) / 2.0;
        let (along, across) = (Point::new(radians.cos(), radians.sin()), radians + HALF_TURN / 2.0);
        let across = Point::new(across.cos(), across.sin());
        let (mut low, mut high) = ((f32::MAX, f32::MAX), (f32::MIN, f32::MIN));
        let mut weight = 0.0;
        for index in &self.members {
            let at = self.middle_of(*index);
            let (u, v) = (at.x * along.x + at.y * along.y, at.x * across.x + at.y * across.y);
            low = (low.0.min(u), low.1.min(v));
            high = (high.0.max(u), high.1.max(v));
            weight += self.raw[*index].energy().sqrt();
        }
        let (length, height) = (high.0 - low.0 + CELL as f32, high.1 - low.1 + CELL as f32);
        if length < LENGTH_MIN || height < HEIGHT_MIN {
            return None;
        }
        let (u, v) = ((low.0 + high.0) / 2.0, (low.1 + high.1) / 2.0);
        let middle = Point::new(u * along.x + v * across.x, u * along.y + v * across.y);
        let degrees = radians.to_degrees().rem_euclid(180.0);
        Some(Bars { middle, degrees, length, height, score: weight * nearness(middle) })
    }

    fn middle_of(&self, index: usize) -> Point {
        let half = CELL as f32 / 2.0;
        let (column, row) = (index % self.columns, index / self.columns);
        Point::new((column * CELL) as f32 + half, (row * CELL) as f32 + half)
    }

    fn find_patches(&mut self, luma: &Luma<'_>, nearness: &dyn Fn(Point) -> f32) {
        let (columns, rows) = (self.columns.div_ceil(2), self.rows.div_ceil(2));
        self.coarse.clear();
        for row in 0..rows {
            for column in 0..columns {
                // The strongest of the four: a cell inside a large module is empty.
                let mut sum = Tensor::default();
                for y in row * 2..(row * 2 + 2).min(self.rows) {
                    for x in column * 2..(column * 2 + 2).min(self.columns) {
                        sum.add(self.smooth[y * self.columns + x]);
                    }
                }
                self.coarse.push(sum);
            }
        }
        self.density.clear();
        self.density
            .extend(self.coarse.iter().map(|cell| cell.energy().sqrt() * (1.0 - cell.coherence())));
        self.is_taken.clear();
        self.is_taken.resize(columns * rows, false);
        for seed in 0..self.coarse.len() {
            if self.is_taken[seed] || !is_dots(self.coarse[seed]) {
                continue;
            }
            if let Some(patch) = self.measure_patch(seed, columns, rows, luma, nearness) {
                keep_best(&mut self.patches, patch, |patch| patch.score);
            }
        }
    }

    fn measure_patch(
        &mut self,
        seed: usize,
        columns: usize,
        rows: usize,
        luma: &Luma<'_>,
        nearness: &dyn Fn(Point) -> f32,
    ) -> Option<Patch> {
        const SIDE: usize = 2 * CELL;
        self.open.clear();
        self.open.push(seed);
        self.is_taken[seed] = true;
        let (mut low, mut high) = ((columns, rows), (0, 0));
        let mut weight = 0.0;
        while let Some(index) = self.open.pop() {
            let (column, row) = (index % columns, index / columns);
            low = (low.0.min(column), low.1.min(row));
            high = (high.0.max(column), high.1.max(row));
            weight += self.coarse[index].energy().sqrt();
            for y in row.saturating_sub(1)..(row + 2).min(rows) {
                for x in column.saturating_sub(1)..(column + 2).min(columns) {
                    let next = y * columns + x;
                    if !self.is_taken[next] && is_dots(self.coarse[next]) {
                        self.is_taken[next] = true;
                        self.open.push(next);
                    }
                }
            }
        }
        let (width, height) = (high.0 - low.0 + 1, high.1 - low.1 + 1);
        // The smallest codes, 8 modules of 2 pixels, still spread over two cells with their means.
        if width < 2 || height < 2 {
            return None;
        }
        // One cell more on every side: the light margin belongs to the code.
        let (left, top) = (low.0.saturating_sub(1) * SIDE, low.1.saturating_sub(1) * SIDE);
        let right = ((high.0 + 2) * SIDE).min(luma.width());
        let bottom = ((high.1 + 2) * SIDE).min(luma.height());
        let middle = Point::new((left + right) as f32 / 2.0, (top + bottom) as f32 / 2.0);
        // A long band is a line of print.
        let shape = (width.min(height) as f32 / width.max(height) as f32).max(0.1);
        let score = weight * nearness(middle) * shape;
        let heart = self.heart((low, high), columns);
        Some(Patch { left, top, width: right - left, height: bottom - top, heart, score })
    }

    /// The middle of the square of five coarse cells that has most energy without a direction: a
    /// code among print.
    fn heart(&self, (low, high): ((usize, usize), (usize, usize)), columns: usize) -> Point {
        const SIDE: usize = 2 * CELL;
        const REACH: usize = 2;
        let mut best = (f32::MIN, (low.0 + high.0) / 2, (low.1 + high.1) / 2);
        for row in low.1..=high.1 {
            for column in low.0..=high.0 {
                let mut sum = 0.0;
                for y in row.saturating_sub(REACH).max(low.1)..=(row + REACH).min(high.1) {
                    for x in column.saturating_sub(REACH).max(low.0)..=(column + REACH).min(high.0)
                    {
                        sum += self.density[y * columns + x];
                    }
                }
                if sum > best.0 {
                    best = (sum, column, row);
                }
            }
        }
        let middle = |cell: usize| (cell * SIDE + CELL) as f32;
        Point::new(middle(best.1), middle(best.2))
    }
}

const HALF_TURN: f32 = std::f32::consts::PI;

fn is_bars(tensor: Tensor) -> bool {
    tensor.energy() > ENERGY_MIN && tensor.coherence() > COHERENCE_BARS
}

fn is_dots(tensor: Tensor) -> bool {
    tensor.energy() > 4.0 * ENERGY_MIN && tensor.coherence() < COHERENCE_DOTS
}

/// The cosine of the angle between two doubled directions.
fn alike(a: (f32, f32), b: (f32, f32)) -> f32 {
    let squares = (a.0 * a.0 + a.1 * a.1) * (b.0 * b.0 + b.1 * b.1);
    (a.0 * b.0 + a.1 * b.1) / squares.sqrt().max(1e-6)
}

/// Adds the gradients along one row of pixels to its row of cells.
fn add_row(above: &[u8], row: &[u8], below: &[u8], cells: &mut [Tensor]) {
    let width = row.len();
    for (column, cell) in cells.iter_mut().enumerate() {
        // The outermost pixels have no neighbour; their cell does with one pixel shifted inward.
        let from = (column * CELL).clamp(1, width.saturating_sub(CELL + 1).max(1));
        let to = (from + CELL).min(width - 1);
        let reach = from - 1..to + 1;
        let (up, here, down) = (&above[reach.clone()], &row[reach.clone()], &below[reach]);
        let (mut xx, mut yy, mut xy) = (0i32, 0i32, 0i32);
        for ((up, here), down) in up.windows(3).zip(here.windows(3)).zip(down.windows(3)) {
            let step = |from: u8, to: u8| i32::from(to) - i32::from(from);
            // Scharr's weights: with plain differences, fine bars at 15 degrees look like 21.
            let outer = (step(up[0], down[2]), step(up[2], down[0]));
            let dx = 3 * (outer.0 - outer.1) + 10 * step(here[0], here[2]);
            let dy = 3 * (outer.0 + outer.1) + 10 * step(up[1], down[1]);
            xx += dx * dx;
            yy += dy * dy;
            xy += dx * dy;
        }
        let share = |sum: i32| sum as f32 / 256.0;
        cell.add(Tensor { xx: share(xx), yy: share(yy), xy: share(xy) });
    }
}

/// Keeps the list in order, the best first, and no longer than its bound.
fn keep_best<T>(list: &mut Vec<T>, item: T, score: impl Fn(&T) -> f32) {
    let at = list.iter().position(|known| score(known) < score(&item)).unwrap_or(list.len());
    if at < CANDIDATES_MAX {
        if list.len() == CANDIDATES_MAX {
            list.pop();
        }
        list.insert(at, item);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::frame::Frame;
    use proptest::prelude::*;

    /// Bars, 240 pixels across and 80 high, turned around their middle.
    fn bars_at(degrees: f32) -> Frame {
        let mut frame = Frame::filled(640, 480, 220);
        let (sin, cos) = degrees.to_radians().sin_cos();
        for y in 0..480 {
            for x in 0..640 {
                let (dx, dy) = (x as f32 - 400.0, y as f32 - 200.0);
                let (u, v) = (dx * cos + dy * sin, dy * cos - dx * sin);
                // Fine, soft bars: four pixels from one to the next.
                if u.abs() < 120.0 && v.abs() < 40.0 {
                    let wave = (u * std::f32::consts::FRAC_PI_2).cos();
                    frame.luma[y * 640 + x] = (125.0 + 90.0 * wave) as u8;
                }
            }
        }
        frame
    }

    #[test]
    fn bars_are_found_with_their_angle() {
        let mut locator = Locator::default();
        for degrees in (0..180).step_by(15) {
            let frame = bars_at(degrees as f32);
            locator.survey(&frame.view().unwrap(), Point::new(320.0, 240.0));
            let best = locator.bars()[0];
            let off = (best.degrees - degrees as f32 + 90.0).rem_euclid(180.0) - 90.0;
            assert!(off.abs() < 2.0, "{degrees}: {best:?}");
            assert!(best.middle.distance(Point::new(400.0, 200.0)) < 10.0, "{degrees}: {best:?}");
            assert!((230.0..290.0).contains(&best.length), "{degrees}: {best:?}");
            assert!((75.0..125.0).contains(&best.height), "{degrees}: {best:?}");
        }
    }

    #[test]
    fn dots_are_found_and_an_even_frame_holds_nothing() {
        let mut frame = Frame::filled(640, 480, 220);
        let mut locator = Locator::default();
        locator.survey(&frame.view().unwrap(), Point::default());
        assert!(locator.bars().is_empty() && locator.patches().is_empty());
        assert_eq!(locator.measure(), Measure { brightness: 220.0, sharpness: 0.0 });
        for y in 0..100 {
            for x in 0..100 {
                if (x / 5 * 7 + y / 5 * 13 + x * y / 60) % 3 == 0 {
                    frame.luma[(y + 300) * 640 + x + 60] = 20;
                }
            }
        }
        locator.survey(&frame.view().unwrap(), Point::default());
        let patch = locator.patches()[0];
        assert!(patch.left <= 60 && patch.left + patch.width >= 160, "{patch:?}");
        assert!(patch.top <= 300 && patch.top + patch.height >= 400, "{patch:?}");
        assert!(patch.width < 200 && patch.height < 200, "{patch:?}");
    }

    proptest! {
        /// Whatever the size and the pixels: candidates lie inside, their number is bounded.
        #[test]
        fn candidates_stay_inside(
            width in 1usize..200, height in 1usize..200, seed in any::<u32>(),
        ) {
            let mut state = seed | 1;
            let mut frame = Frame::filled(width, height, 0);
            for value in &mut frame.luma {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                *value = (state >> 8) as u8;
            }
            let mut locator = Locator::default();
            locator.survey(&frame.view().unwrap(), Point::default());
            prop_assert!(locator.bars().len() <= CANDIDATES_MAX);
            for patch in locator.patches() {
                prop_assert!(patch.left + patch.width <= width);
                prop_assert!(patch.top + patch.height <= height);
            }
            for bars in locator.bars() {
                prop_assert!(bars.middle.x.is_finite() && bars.degrees.is_finite());
                prop_assert!((-1.0..=width as f32 + 1.0).contains(&bars.middle.x));
            }
        }
    }
}
