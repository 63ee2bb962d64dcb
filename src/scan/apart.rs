//! Whether two places are two symbols: between them bars end.
//!
//! Two texts that lines saw in one place are rivals, since one of them is a misreading. Labels of parcels and of
//! telephones carry several symbols one above the other, hardly a millimetre apart, and they are none. What tells the two
//! cases apart is what lies between the lines: who walks along the bars of one symbol stays on them, and who goes over to
//! another crosses the light between. That also holds for symbols whose texts are nearly the same.

use crate::frame::{Luma, Outline, Point};

/// Points along a line of which each dark one is walked from.
const POINTS: usize = 96;
/// The share of the walks from dark points that must meet light.
const SHARE_MIN: f32 = 0.8;
/// Lines of one symbol that are nearer to one another do not tell how its bars run, in pixels.
const HEIGHT_MIN: f32 = 3.0;
/// The least contrast of bars, in grey values.
const CONTRAST_MIN: f32 = 16.0;
/// Bars are dark below this share of the range of their line, light is met above that one.
const DARK: f32 = 0.35;
const LIGHT: f32 = 0.6;

/// Whether light separates the bars of the symbols that two outlines lie on. False where that cannot be told: their
/// outermost lines are too near to one another, or cross.
pub(crate) fn are_apart(luma: &Luma<'_>, one: &Outline, other: &Outline) -> bool {
    ends_before(luma, one, other) && ends_before(luma, other, one)
}

/// Whether the bars of one symbol end on the way to the other.
fn ends_before(luma: &Luma<'_>, one: &Outline, other: &Outline) -> bool {
    let [from, to, last_to, last_from] = *one;
    let (start, end) = (from.middle(to), last_from.middle(last_to));
    let aim = middle(other);
    let height = start.distance(end);
    if height < HEIGHT_MIN {
        return false;
    }
    // From the outermost line on the side of the other.
    let is_last = aim.distance(end) < aim.distance(start);
    let (from, to) = if is_last { (last_from, last_to) } else { (from, to) };
    let sign = if is_last { 1.0 } else { -1.0 } / height;
    let along = Point::new((end.x - start.x) * sign, (end.y - start.y) * sign);
    let Some(reach) = nearest(other, from.middle(to), along) else { return false };
    let at =
        |share: f32| Point::new(from.x + share * (to.x - from.x), from.y + share * (to.y - from.y));
    let value = |at: Point| luma.sample(at.x, at.y);
    let points = (0..POINTS).map(|index| at((index as f32 + 0.5) / POINTS as f32));
    let (low, high) = points
        .clone()
        .map(value)
        .fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)));
    if high - low < CONTRAST_MIN {
        return false;
    }
    let (dark, light) = (low + DARK * (high - low), low + LIGHT * (high - low));
    let (mut walks, mut ends) = (0, 0);
    for point in points.filter(|point| value(*point) < dark) {
        walks += 1;
        let steps = 1..reach as usize;
        let mut way = steps.map(|step| {
            let step = step as f32;
            value(Point::new(point.x + along.x * step, point.y + along.y * step))
        });
        ends += usize::from(way.any(|value| value > light));
    }
    walks > 0 && ends as f32 >= SHARE_MIN * walks as f32
}

fn middle(outline: &Outline) -> Point {
    outline[0].middle(outline[2])
}

/// How far it is from a point to the nearer of the two outermost lines of a symbol, in that direction.
fn nearest(outline: &Outline, from: Point, along: Point) -> Option<f32> {
    let [a, b, c, d] = *outline;
    let to_line = |(start, end): (Point, Point)| {
        let (dx, dy) = (end.x - start.x, end.y - start.y);
        let facing = along.x * dy - along.y * dx;
        let distance = ((start.x - from.x) * dy - (start.y - from.y) * dx) / facing;
        (distance.is_finite() && distance > 0.0).then_some(distance)
    };
    match (to_line((a, b)), to_line((d, c))) {
        (Some(one), Some(other)) => Some(one.min(other)),
        // On both sides, or behind: they interleave.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;

    /// Rows of bars of a module of two pixels, dark where a bit of the number is set.
    fn drawn(rows: &[(usize, usize, u64)]) -> Frame {
        let mut frame = Frame::filled(200, 120, 210);
        for &(top, bottom, bits) in rows {
            for y in top..bottom {
                for x in 0..120 {
                    if bits >> (x / 2) & 1 == 1 {
                        frame.luma[y * 200 + 40 + x] = 40;
                    }
                }
            }
        }
        frame
    }

    fn outline(top: f32, bottom: f32) -> Outline {
        let at = Point::new;
        [at(40.0, top), at(160.0, top), at(160.0, bottom), at(40.0, bottom)]
    }

    #[test]
    fn light_between_bars_makes_two_symbols_of_them() {
        const BITS: u64 = 0x9d3_5ac6_b4e1_97a5;
        let two = drawn(&[(10, 40, BITS), (43, 70, BITS ^ 0b1_1000_0000)]);
        let one = drawn(&[(10, 70, BITS)]);
        for (frame, is_apart) in [(&two, true), (&one, false)] {
            let Some(luma) = frame.view() else { panic!("it was just drawn") };
            let (upper, lower) = (outline(15.0, 30.0), outline(50.0, 62.0));
            assert_eq!(are_apart(&luma, &upper, &lower), is_apart);
            assert_eq!(are_apart(&luma, &lower, &upper), is_apart, "either way");
            // Lines that interleave saw the same bars.
            assert!(!are_apart(&luma, &outline(15.0, 55.0), &outline(30.0, 62.0)));
            // One line does not tell how bars run.
            assert!(!are_apart(&luma, &outline(15.0, 15.0), &lower));
        }
    }
}
