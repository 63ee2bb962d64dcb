//! Where codes lie: what an outline holds, and how much.

use crate::frame::{Outline, Point};

/// Where the diagonal from its first corner has its middle.
pub(crate) fn middle(outline: &Outline) -> Point {
    outline[0].middle(outline[2])
}

/// Whether `point` lies in the box around `outline`, or within a tenth of its size beside it.
pub(crate) fn contains(outline: &Outline, point: Point) -> bool {
    let xs = outline.map(|corner| corner.x);
    let ys = outline.map(|corner| corner.y);
    let low = |values: [f32; 4]| values.into_iter().fold(f32::INFINITY, f32::min);
    let high = |values: [f32; 4]| values.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let (left, right, top, bottom) = (low(xs), high(xs), low(ys), high(ys));
    let slack = 0.1 * (right - left).max(bottom - top) + 2.0;
    (left - slack..=right + slack).contains(&point.x)
        && (top - slack..=bottom + slack).contains(&point.y)
}

/// Whether the middle of one lies in the box around the other.
pub(crate) fn lie_together(one: &Outline, other: &Outline) -> bool {
    contains(one, middle(other)) || contains(other, middle(one))
}

/// Whether a point lies within the four sides of an outline.
pub(crate) fn encloses(outline: &Outline, at: Point) -> bool {
    let sides = (0..4).map(|side| {
        let (from, to) = (outline[side], outline[(side + 1) % 4]);
        (to.x - from.x) * (at.y - from.y) - (to.y - from.y) * (at.x - from.x)
    });
    let (low, high) =
        sides.fold((0.0f32, 0.0f32), |(low, high), turn| (low.min(turn), high.max(turn)));
    // An outline of nothing encloses nothing.
    (low == 0.0) != (high == 0.0)
}

/// In square pixels.
pub(crate) fn area(outline: &Outline) -> f32 {
    let cross = (0..4).map(|side| {
        let (from, to) = (outline[side], outline[(side + 1) % 4]);
        from.x * to.y - to.x * from.y
    });
    cross.sum::<f32>().abs() / 2.0
}
