//! Quadrangles: the hull of a figure reduced to four sides, and the unit square seen as one.

use crate::frame::{Outline, Point};

/// The unit square seen in perspective (P. Heckbert, "Fundamentals of texture mapping", 1989).
pub struct Perspective([f32; 8]);

impl Perspective {
    /// The square whose corners lie there, clockwise from the upper left one.
    pub fn onto(quad: &Outline) -> Self {
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
    pub fn module(&self, (rows, columns): (usize, usize), row: usize, column: usize) -> Point {
        let u = (column as f32 + 0.5) / columns as f32;
        let v = (row as f32 + 0.5) / rows as f32;
        self.at(u, v)
    }

    /// Where a point of the unit square lies.
    pub fn at(&self, u: f32, v: f32) -> Point {
        let [a, b, c, d, e, f, g, h] = self.0;
        let w = (g * u + h * v + 1.0).max(1e-3);
        Point::new((a * u + b * v + c) / w, (d * u + e * v + f) / w)
    }
}

/// The convex hull of points, clockwise on the screen.
pub fn hull(mut points: Vec<Point>) -> Vec<Point> {
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

/// How far a point lies before a line, where the inside of a hull is: below 0 behind it.
pub fn distance_from((a, b): (Point, Point), point: Point) -> f32 {
    cross(a, b, point) / a.distance(b).max(1.0)
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

/// The hull without the sides that are the picture's edge: what is beside them goes on beyond it.
pub fn uncut(mut hull: Vec<Point>, size: (usize, usize)) -> Vec<Point> {
    /// The most of a hull that lies beyond the edge, in shares of its area.
    const BEYOND_MAX: f32 = 0.1;
    let far = (size.0 as f32, size.1 as f32);
    let is_cut = |a: Point, b: Point| {
        let both = |x: f32, y: f32, edge: f32| (x - edge).abs() < 0.5 && (y - edge).abs() < 0.5;
        both(a.x, b.x, 0.0) || both(a.y, b.y, 0.0) || both(a.x, b.x, far.0) || both(a.y, b.y, far.1)
    };
    let area: f32 =
        (1..hull.len().max(2) - 1).map(|k| cross(hull[0], hull[k], hull[k + 1]).abs()).sum();
    let mut index = 0;
    while index < hull.len() && hull.len() > 4 {
        let count = hull.len();
        let at = |index: usize| hull[index % count];
        let corner = is_cut(at(index), at(index + 1))
            .then(|| meeting(at(index + count - 1), at(index), at(index + 1), at(index + 2)))
            .flatten()
            .filter(|corner| cross(at(index), *corner, at(index + 1)).abs() < BEYOND_MAX * area);
        match corner {
            Some(corner) => {
                hull[index] = corner;
                hull.remove((index + 1) % count);
            }
            None => index += 1,
        }
    }
    hull
}

/// The hull with sides taken out, those first that add least area, until four are left.
pub fn quadrangle(mut hull: Vec<Point>) -> Option<Outline> {
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
