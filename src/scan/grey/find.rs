//! Where bars may stand: patches of the picture whose gradients all point one way.
//!
//! A cheap search by the structure tensor, good enough for a picture that nothing else could read:
//! gradients are summed over cells of eight pixels, cells with one clear direction grow together
//! into a region, and a region has a centre, an angle, a length and a height.

use super::Candidate;
use crate::frame::{Luma, Point};

/// Pixels along the side of a cell.
const CELL: usize = 8;
/// Mean squared gradient (over two pixels) below which there is nothing but noise.
const ENERGY_MIN: f32 = 12.0;
/// Share of the energy that points one way; text has half of that.
const COHERENCE_MIN: f32 = 0.6;
/// Cosine of twice the angle by which neighbours may differ: 15°.
const COSINE_MIN: f32 = 0.866;
/// Cells of the smallest region: an EAN-8 of one pixel a module, 16 pixels high.
const CELLS_MIN: usize = 10;
/// Regions that are handed out.
const CANDIDATES_MAX: usize = 6;

#[derive(Clone, Copy, Default)]
struct Cell {
    /// Energy, and its direction as a vector of twice the angle.
    energy: f32,
    cosine: f32,
    sine: f32,
}

impl Cell {
    fn strength(&self) -> f32 {
        self.cosine.hypot(self.sine)
    }
}

/// Finds candidates; keeps its memory.
#[derive(Default)]
pub(super) struct Finder {
    cells: Vec<Cell>,
    smooth: Vec<Cell>,
    is_taken: Vec<bool>,
    open: Vec<usize>,
    region: Vec<usize>,
    ranked: Vec<(f32, Candidate)>,
}

impl Finder {
    /// Appends what may be codes, the most striking first.
    pub(super) fn find(&mut self, luma: &Luma<'_>, found: &mut Vec<Candidate>) {
        let (columns, rows) = (luma.width() / CELL, luma.height() / CELL);
        if columns < 3 || rows < 3 {
            return;
        }
        self.measure(luma, columns, rows);
        self.smoothen(columns, rows);
        self.is_taken.clear();
        self.is_taken.resize(self.smooth.len(), false);
        self.ranked.clear();
        for seed in 0..self.smooth.len() {
            if !self.is_taken[seed] && is_striped(&self.smooth[seed]) {
                self.grow(seed, columns, rows);
                if self.region.len() >= CELLS_MIN {
                    self.rank(columns);
                }
            }
        }
        self.ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.extend(self.ranked.iter().take(CANDIDATES_MAX).map(|ranked| ranked.1));
    }

    fn measure(&mut self, luma: &Luma<'_>, columns: usize, rows: usize) {
        self.cells.clear();
        self.cells.resize(columns * rows, Cell::default());
        for y in 1..(rows * CELL).min(luma.height() - 1) {
            let (above, row, below) = (luma.row(y - 1), luma.row(y), luma.row(y + 1));
            let cells = &mut self.cells[y / CELL * columns..][..columns];
            for x in 1..(columns * CELL).min(luma.width() - 1) {
                let dx = f32::from(row[x + 1]) - f32::from(row[x - 1]);
                let dy = f32::from(below[x]) - f32::from(above[x]);
                let cell = &mut cells[x / CELL];
                cell.energy += dx * dx + dy * dy;
                cell.cosine += dx * dx - dy * dy;
                cell.sine += 2.0 * dx * dy;
            }
        }
    }

    fn smoothen(&mut self, columns: usize, rows: usize) {
        self.smooth.clear();
        self.smooth.resize(columns * rows, Cell::default());
        for y in 0..rows {
            for x in 0..columns {
                let sum = &mut self.smooth[y * columns + x];
                let mut count = 0.0;
                for v in y.saturating_sub(1)..(y + 2).min(rows) {
                    for u in x.saturating_sub(1)..(x + 2).min(columns) {
                        let cell = &self.cells[v * columns + u];
                        sum.energy += cell.energy;
                        sum.cosine += cell.cosine;
                        sum.sine += cell.sine;
                        count += (CELL * CELL) as f32;
                    }
                }
                sum.energy /= count;
                sum.cosine /= count;
                sum.sine /= count;
            }
        }
    }

    /// All striped cells of the seed's direction that touch it, directly or through others.
    fn grow(&mut self, seed: usize, columns: usize, rows: usize) {
        self.region.clear();
        self.open.clear();
        self.open.push(seed);
        self.is_taken[seed] = true;
        let (mut cosine, mut sine) = (0.0, 0.0);
        while let Some(index) = self.open.pop() {
            self.region.push(index);
            let cell = self.smooth[index];
            (cosine, sine) = (cosine + cell.cosine, sine + cell.sine);
            let length = cosine.hypot(sine).max(1e-6);
            let (x, y) = (index % columns, index / columns);
            for v in y.saturating_sub(1)..(y + 2).min(rows) {
                for u in x.saturating_sub(1)..(x + 2).min(columns) {
                    let next = v * columns + u;
                    let cell = &self.smooth[next];
                    if self.is_taken[next] || !is_striped(cell) {
                        continue;
                    }
                    let turn = (cell.cosine * cosine + cell.sine * sine) / cell.strength() / length;
                    if turn > COSINE_MIN {
                        self.is_taken[next] = true;
                        self.open.push(next);
                    }
                }
            }
        }
    }

    /// The region as a box along its direction, worth its area times its contrast.
    fn rank(&mut self, columns: usize) {
        let middle = |index: usize| {
            let half = CELL as f32 / 2.0;
            let at = |cell: usize| cell as f32 * CELL as f32 + half;
            Point::new(at(index % columns), at(index / columns))
        };
        let (mut cosine, mut sine) = (0.0, 0.0);
        for index in &self.region {
            cosine += self.smooth[*index].cosine;
            sine += self.smooth[*index].sine;
        }
        let angle = sine.atan2(cosine) / 2.0;
        let along = Point::new(angle.cos(), angle.sin());
        let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
        for index in &self.region {
            let point = middle(*index);
            let places =
                [point.x * along.x + point.y * along.y, point.y * along.x - point.x * along.y];
            for axis in 0..2 {
                low[axis] = low[axis].min(places[axis]);
                high[axis] = high[axis].max(places[axis]);
            }
        }
        let half = [(high[0] - low[0]) / 2.0, (high[1] - low[1]) / 2.0];
        let (u, v) = (low[0] + half[0], low[1] + half[1]);
        let cell = CELL as f32;
        let candidate = Candidate {
            centre: Point::new(along.x * u - along.y * v, along.y * u + along.x * v),
            degrees: angle.to_degrees(),
            // Margins of 11 modules of 95 on both sides, and as much again for a blurred edge.
            half_length: half[0] * 1.3 + 2.0 * cell,
            half_height: (half[1] - cell / 2.0).max(cell / 2.0),
        };
        let contrast = (cosine.hypot(sine) / self.region.len() as f32).sqrt();
        self.ranked.push((contrast * self.region.len() as f32, candidate));
    }
}

fn is_striped(cell: &Cell) -> bool {
    cell.energy > ENERGY_MIN && cell.strength() > COHERENCE_MIN * cell.energy
}
