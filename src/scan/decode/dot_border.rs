//! The borders of a Data Matrix: which sizes there are, and how well one lies on a quadrangle.
//!
//! Two sides are solid, two alternate from the corner of a solid side to a light corner (ISO/IEC 16022,
//! 5.2), so that a wrong size or a wrong way up is seen there. What lies beyond the edge of the picture
//! says nothing: a code that leans away is cut there, and its border is judged by the rest.

use super::grid::Grid;
use super::quadrangle::Perspective;
use crate::frame::{Luma, Outline, Point};

/// Rows and columns of all symbols: ISO/IEC 16022, and the longer ones of ISO/IEC 21471.
const SIZES: [(usize, usize); 48] = [
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
    (8, 48),
    (8, 64),
    (8, 80),
    (8, 96),
    (8, 120),
    (8, 144),
    (12, 64),
    (12, 88),
    (16, 64),
    (20, 36),
    (20, 44),
    (20, 64),
    (22, 48),
    (24, 48),
    (24, 64),
    (26, 40),
    (26, 48),
    (26, 64),
];
/// The share of the border that must look right before corners are moved, and after.
const ROUGH_MIN: f32 = 0.70;
pub const FINE_MIN: f32 = 0.88;
/// The same after corners were moved farthest.
const PROMISING_MIN: f32 = 0.76;
/// Symbols of fewer rows and columns together are small: 14 by 14 is the largest square one.
const SMALL: usize = 30;
/// What must look right of theirs.
const SMALL_MIN: f32 = 0.94;
/// The share of the border that must lie within the picture.
const SEEN_MIN: f32 = 0.6;
/// The share of the solid sides below which dotted ones are not looked at.
const SOLID_MIN: f32 = 0.6;
/// Pixels of a module, across and down.
const MODULE_MIN: f32 = 1.1;
/// A module is at most so many times as high as wide, or as wide: as seen from 67 degrees beside.
const OBLONG_MAX: f32 = 2.6;
/// Sizes that are tried to the end.
const TRIES: usize = 10;
/// What part of the contrast of the picture a dot must be darker than the gaps beside it.
const DOT_MIN: f32 = 0.06;

/// What clearness counts for beside the share.
const CLEAR: f32 = 0.5;
/// How far corners are moved, in modules.
const STEPS: [f32; 4] = [1.6, 0.8, 0.4, 0.2];

/// One way of laying a symbol over the quadrangle.
#[derive(Clone, Copy)]
pub struct Fit {
    /// Where it lies: the solid sides end in the last corner.
    pub quad: Outline,
    /// Its size in modules.
    pub rows: usize,
    /// The same across.
    pub columns: usize,
    /// The share of its border that looks right.
    pub share: f32,
    /// The same with how clearly it does, for comparing.
    score: f32,
}

impl Fit {
    /// A symbol of that size, of which nothing is known yet.
    pub fn new(quad: Outline, (rows, columns): (usize, usize)) -> Self {
        Self { quad, rows, columns, share: 0.0, score: 0.0 }
    }

    /// The share that must be right before it is read: small symbols have few words to correct errors
    /// with, and little border to be seen.
    fn fine_min(&self) -> f32 {
        if self.rows + self.columns < SMALL { SMALL_MIN } else { FINE_MIN }
    }
}

/// The sizes and turns whose borders look best, moved until they look best.
pub fn settled_fits(shade: &Shade<'_>, quad: &Outline) -> Vec<Fit> {
    let mut fits = Vec::with_capacity(4 * SIZES.len());
    for turn in 0..4 {
        let turned: Outline = std::array::from_fn(|index| quad[(index + turn) % 4]);
        let sizes = likely_sizes(&turned).map(|size| shade.judged(Fit::new(turned, size)));
        fits.extend(sizes.filter(|fit| fit.share >= ROUGH_MIN));
    }
    fits.sort_by(|a, b| b.score.total_cmp(&a.score));
    fits.truncate(TRIES);
    let mut fits: Vec<Fit> = fits.into_iter().map(|fit| shade.settled(fit)).collect();
    fits.retain(|fit| fit.share >= fit.fine_min());
    fits.sort_by(|a, b| b.score.total_cmp(&a.score));
    fits
}

/// Sizes whose modules would be neither too small to be seen nor too oblong.
pub fn likely_sizes(quad: &Outline) -> impl Iterator<Item = (usize, usize)> {
    let mean = |k: usize| {
        (quad[k].distance(quad[k + 1]) + quad[(k + 2) % 4].distance(quad[(k + 3) % 4])) / 2.0
    };
    let (width, height) = (mean(0), mean(1));
    SIZES.into_iter().filter(move |(rows, columns)| {
        let (across, down) = (width / *columns as f32, height / *rows as f32);
        across.min(down) >= MODULE_MIN && across.max(down) < OBLONG_MAX * across.min(down)
    })
}

/// A fit with the grid that lies on it.
pub fn with_grid(fit: Fit) -> (Fit, Grid) {
    let map = Perspective::onto(&fit.quad);
    (fit, Grid::over(fit.rows, fit.columns, |u, v| map.at(u, v)))
}

/// Grey values against the threshold.
pub struct Shade<'a> {
    luma: &'a Luma<'a>,
    threshold: f32,
    /// Between what is light and what is dark on the mean.
    contrast: f32,
    is_inverted: bool,
}

/// What the modules of some sides look like.
#[derive(Clone, Copy, Default)]
struct Side {
    modules: usize,
    /// Those within the picture.
    seen: usize,
    right: usize,
    /// How clearly they are right, each from -1 to 1.
    clear: f32,
}

impl Side {
    fn add(&mut self, clear: f32, least: f32) {
        self.seen += 1;
        self.right += usize::from(clear > least);
        self.clear += clear.clamp(-1.0, 1.0);
    }

    fn share(&self) -> f32 {
        self.right as f32 / self.seen.max(1) as f32
    }
}

impl<'a> Shade<'a> {
    /// Of a picture whose [`otsu`] levels these are.
    pub fn new(luma: &'a Luma<'a>, (threshold, contrast): (f32, f32), is_inverted: bool) -> Self {
        Self { luma, threshold, contrast, is_inverted }
    }

    /// Whether a place is dark.
    pub fn is_dark(&self, at: Point) -> bool {
        self.darkness(at) > 0.0
    }

    /// How much darker than the threshold a place is; light codes on dark count as dark on light.
    fn darkness(&self, at: Point) -> f32 {
        let darker = self.threshold - self.luma.sample(at.x - 0.5, at.y - 0.5);
        if self.is_inverted { -darker } else { darker }
    }

    /// Whether a place is within the picture.
    pub fn is_inside(&self, at: Point) -> bool {
        let (width, height) = (self.luma.width() as f32, self.luma.height() as f32);
        (0.0..=width).contains(&at.x) && (0.0..=height).contains(&at.y)
    }

    /// The share of the two solid sides that is right.
    pub fn solid_share(&self, fit: &Fit) -> f32 {
        self.solid(fit).share()
    }

    fn solid(&self, fit: &Fit) -> Side {
        let map = Perspective::onto(&fit.quad);
        let size = (fit.rows, fit.columns);
        let down = (0..fit.rows).map(|row| (row, 0));
        let across = (1..fit.columns).map(|column| (fit.rows - 1, column));
        let mut side = Side::default();
        for (row, column) in down.chain(across) {
            side.modules += 1;
            let at = map.module(size, row, column);
            if self.is_inside(at) {
                side.add(2.0 * self.darkness(at) / self.contrast, 0.0);
            }
        }
        side
    }

    /// Adds a dotted side, whose modules are dark and light in turn from the first on. Each is
    /// compared with those beside it: shade and blur are the same there.
    fn add_dotted(&self, side: &mut Side, count: usize, place: impl Fn(usize) -> Point) {
        let value = |index: usize| {
            let at = place(index);
            self.is_inside(at).then(|| self.darkness(at))
        };
        side.modules += count;
        let mut before = None;
        let mut here = value(0);
        for index in 0..count {
            let after = if index + 1 < count { value(index + 1) } else { None };
            let beside = match (before, after) {
                (Some(a), Some(b)) => Some((a + b) / 2.0),
                (one, other) => one.or(other),
            };
            if let (Some(here), Some(beside)) = (here, beside) {
                let darker = if index % 2 == 0 { here - beside } else { beside - here };
                side.add(darker / self.contrast, DOT_MIN);
            }
            (before, here) = (here, after);
        }
    }

    /// The fit with what its border looks like.
    fn judged(&self, fit: Fit) -> Fit {
        let solid = self.solid(&fit);
        if solid.share() < SOLID_MIN {
            return Fit { share: 0.0, score: 0.0, ..fit };
        }
        let map = Perspective::onto(&fit.quad);
        let size = (fit.rows, fit.columns);
        let mut dotted = Side::default();
        self.add_dotted(&mut dotted, fit.columns, |column| map.module(size, 0, column));
        let last = (fit.rows - 1, fit.columns - 1);
        self.add_dotted(&mut dotted, fit.rows, |row| map.module(size, last.0 - row, last.1));
        let seen = (solid.seen + dotted.seen) as f32;
        if seen < SEEN_MIN * (solid.modules + dotted.modules) as f32 {
            return Fit { share: 0.0, score: 0.0, ..fit };
        }
        let share = (solid.share() + dotted.share()) / 2.0;
        Fit { share, score: share + CLEAR * (solid.clear + dotted.clear) / seen, ..fit }
    }

    /// Corners moved, one after the other, as long as the border looks better.
    fn settled(&self, mut fit: Fit) -> Fit {
        let module = fit.quad[0].distance(fit.quad[2]) / (fit.rows + fit.columns) as f32 * 1.4;
        for step in STEPS {
            for corner in (0..4).chain(0..4) {
                for (dx, dy) in [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)] {
                    let mut moved = fit;
                    moved.quad[corner].x += dx * step * module;
                    moved.quad[corner].y += dy * step * module;
                    let moved = self.judged(moved);
                    if moved.score > fit.score {
                        fit = moved;
                    }
                }
            }
            if fit.share < PROMISING_MIN {
                break;
            }
        }
        fit
    }
}

/// Data regions along a side of so many modules (ISO/IEC 16022, table 7; ISO/IEC 21471, table 1).
const fn regions(modules: usize) -> usize {
    match modules {
        120.. => 6,
        64.. => 4,
        32.. => 2,
        _ => 1,
    }
}

/// The borders of all regions: two sides solid, two dotted.
pub fn border((rows, columns): (usize, usize), row: usize, column: usize) -> Option<bool> {
    let (down, across) = (regions(rows), regions(columns));
    let (rows, columns) = (rows / down, columns / across);
    let (row, column) = (row % rows, column % columns);
    match (row, column) {
        (_, 0) => Some(true),
        (row, _) if row == rows - 1 => Some(true),
        (0, column) => Some(column % 2 == 0),
        (row, column) if column == columns - 1 => Some((rows - 1 - row) % 2 == 0),
        _ => None,
    }
}

/// The grey value that parts dark from light best (N. Otsu, IEEE SMC 9(1), 1979): in the middle
/// between both, since where no pixel is grey every value between parts them, and what is sampled
/// between pixels is grey. And how far apart both are.
pub fn otsu(luma: &Luma<'_>) -> (f32, f32) {
    let mut counts = [0u32; 256];
    for y in 0..luma.height() {
        luma.row(y).iter().for_each(|value| counts[usize::from(*value)] += 1);
    }
    let total: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let sum: f64 = counts.iter().enumerate().map(|(v, count)| v as f64 * f64::from(*count)).sum();
    let (mut dark, mut dark_sum, mut best) = (0.0, 0.0, (0.0, 128.0, 255.0));
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
            best = (between, (low + high) / 2.0, high - low);
        }
    }
    (best.1 as f32, best.2 as f32)
}
