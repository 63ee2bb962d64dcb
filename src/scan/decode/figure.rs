//! Dark figures of a picture that may be a Data Matrix, and the quadrangles around them.
//!
//! ```text
//! threshold -> large dark figures -> two solid sides of the figure alone
//!   -> what else lies within its box and not beyond them -> convex hull -> quadrangle
//! ```
//! The solid sides of a code hang together and are its figure; its dots are figures of their own. Of a
//! code that leans away, the near side is often cut by the edge of the picture: its corners lie where
//! the sides meet beyond.

use super::dot_border::otsu;
use super::quadrangle::{distance_from, hull, quadrangle, uncut};
use crate::frame::{Luma, Outline, Point};

/// Figures that are looked at, the largest first: beside a code may be a bottle, a phone, a table.
pub const FIGURES: usize = 4;
/// The same of those that the picture's edge cuts.
const CUT: usize = 2;
/// The picture's edge may cut through so much of a figure, in parts of its width and height.
const CUT_MAX: usize = 2;
/// The share of a side that is dark where it is solid.
const SOLID_SIDE_MIN: f32 = 0.9;
/// Pixels beside a side that are still of it.
const BESIDE_MAX: f32 = 1.5;
/// Fewer dark pixels than this are a speck, and no corner of a code: a module has more.
const SPECK: usize = 4;
/// Fewer dark pixels than this are no code.
const PIXELS_MIN: usize = 60;

/// Marks of dark pixels: seen, of another figure than that which is looked at, within its box, of it.
const TAKEN: u8 = 2;
const FOREIGN: u8 = 3;
const CHOSEN: u8 = 4;
const OWN: u8 = 5;

/// What parts dark from light, and how far apart both are.
pub type Levels = (f32, f32);

/// Finds them; keeps its memory.
#[derive(Default)]
pub struct FigureFinder {
    /// 0 light, 1 dark, or one of the four above.
    marks: Vec<u8>,
    open: Vec<usize>,
}

/// Pixels from `left`, `top` up to `right`, `bottom`.
#[derive(Clone, Copy, Default)]
struct Area {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
    /// The first pixel of the figure, by row and column.
    seed: usize,
    /// Its pixels at the edge of the picture.
    cut: usize,
}

impl FigureFinder {
    /// The levels, and the quadrangles around the largest `figures`; those that the picture's edge cuts
    /// only where all are wanted.
    pub fn quads(
        &mut self,
        luma: &Luma<'_>,
        is_inverted: bool,
        figures: usize,
    ) -> (Levels, [Option<Outline>; FIGURES + CUT]) {
        let levels = otsu(luma);
        self.mark(luma, levels.0, is_inverted);
        let size = (luma.width(), luma.height());
        let mut areas = self.large_figures(size.0, size.1);
        if figures < FIGURES {
            areas.iter_mut().skip(figures).for_each(|area| *area = None);
        }
        let quads = areas.map(|area| {
            let solid = self.solid_sides(area?, size);
            self.choose(area?, size);
            let is_before = |side: &(Point, Point), x: usize, y: usize| {
                distance_from(*side, Point::new(x as f32 + 0.5, y as f32 + 0.5)) > -BESIDE_MAX
            };
            let around = hull(self.rims(size.0, area?, |mark, x, y| {
                mark >= CHOSEN && solid.iter().flatten().all(|side| is_before(side, x, y))
            }));
            self.marks.iter_mut().for_each(|mark| *mark = (*mark).min(TAKEN));
            quadrangle(uncut(around, size))
        });
        (levels, quads)
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

    /// The two sides of the figure alone that are solid, where there are two: what else lies in its
    /// box, as print beneath a code that leans, must not lie beyond them.
    fn solid_sides(&mut self, area: Area, size: (usize, usize)) -> Option<[(Point, Point); 2]> {
        self.fill(area.seed, size, (TAKEN, OWN));
        let own = hull(self.rims(size.0, area, |mark, _, _| mark == OWN));
        let quad = quadrangle(uncut(own, size));
        let shares = quad.map(|quad| {
            std::array::from_fn(|k| self.solid_share((quad[k], quad[(k + 1) % 4]), size))
        });
        let (quad, shares): (Outline, [f32; 4]) = (quad?, shares?);
        let both = |k: usize| shares[k].min(shares[(k + 1) % 4]);
        let best = (0..4).max_by(|a, b| both(*a).total_cmp(&both(*b)))?;
        let side = |k: usize| (quad[k % 4], quad[(k + 1) % 4]);
        (both(best) >= SOLID_SIDE_MIN).then(|| [side(best), side(best + 1)])
    }

    /// The share of a side within the picture, looked at just inside of it, that is of the figure.
    fn solid_share(&self, side: (Point, Point), size: (usize, usize)) -> f32 {
        const PLACES: usize = 48;
        let (a, b) = side;
        let length = a.distance(b).max(1.0);
        let (inward_x, inward_y) =
            ((a.y - b.y) / length * BESIDE_MAX, (b.x - a.x) / length * BESIDE_MAX);
        let (mut seen, mut own) = (0, 0);
        for place in 0..PLACES {
            let t = (place as f32 + 0.5) / PLACES as f32;
            let (x, y) = (a.x + t * (b.x - a.x) + inward_x, a.y + t * (b.y - a.y) + inward_y);
            if x >= 0.0 && y >= 0.0 && (x as usize) < size.0 && (y as usize) < size.1 {
                seen += 1;
                own += usize::from(self.marks[y as usize * size.0 + x as usize] == OWN);
            }
        }
        if 2 * seen < PLACES { 0.0 } else { own as f32 / seen as f32 }
    }

    /// Both ends, in each row of an area, of the pixels that are wanted by mark and place.
    fn rims(
        &self,
        width: usize,
        area: Area,
        is_wanted: impl Fn(u8, usize, usize) -> bool,
    ) -> Vec<Point> {
        let mut points = Vec::new();
        for y in area.top..area.bottom {
            let row = &self.marks[y * width..(y + 1) * width];
            let mut wanted = (area.left..area.right).filter(|x| is_wanted(row[*x], *x, y));
            let Some(first) = wanted.next() else { continue };
            let last = wanted.next_back().unwrap_or(first);
            for (x, y) in [(first, y), (first, y + 1), (last + 1, y), (last + 1, y + 1)] {
                points.push(Point::new(x as f32, y as f32));
            }
        }
        points
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
        let mut area = Area { left: x, top: y, right: x + 1, bottom: y + 1, seed, cut: 0 };
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
            let is_cut = x == 0 || y == 0 || x + 1 == width || y + 1 == height;
            area.cut += usize::from(is_cut);
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

    /// Boxes of the largest figures, first those that do not touch the edge of the picture.
    fn large_figures(&mut self, width: usize, height: usize) -> [Option<Area>; FIGURES + CUT] {
        let mut best = [(Area::default(), 0); FIGURES + CUT];
        for seed in 0..self.marks.len() {
            if self.marks[seed] != 1 {
                continue;
            }
            let (area, count) = self.fill(seed, (width, height), (1, TAKEN));
            if count < SPECK {
                self.fill(seed, (width, height), (TAKEN, 0));
                continue;
            }
            // Grounds and shadows end at the edge too, but along much of it.
            if CUT_MAX * area.cut > area.right - area.left + area.bottom - area.top {
                continue;
            }
            let best = if area.cut == 0 { &mut best[..FIGURES] } else { &mut best[FIGURES..] };
            let last = best.len() - 1;
            if count > best[last].1 {
                best[last] = (area, count);
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
                ..area
            })
        })
    }
}
