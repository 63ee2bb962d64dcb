//! Straight lines laid over a frame at an angle, and the grey values along them.
//!
//! Bars are read along lines and not by turning the picture, since a line at any angle costs the
//! same as a row, and what was found lies in frame coordinates from the start.

use crate::frame::{Luma, Point};

/// A straight line over a frame, with the way across it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Where it enters the frame.
    pub start: Point,
    /// One pixel along it.
    pub along: Point,
    /// One pixel across it.
    pub across: Point,
    /// Its length in pixels.
    pub length: f32,
}

impl Line {
    /// The point `distance` pixels from the start.
    pub fn at(&self, distance: f32) -> Point {
        Point::new(self.start.x + self.along.x * distance, self.start.y + self.along.y * distance)
    }

    /// The same line with `before` pixels more in front and `behind` more at its end, as far as a
    /// frame of that size goes.
    pub fn longer(&self, before: f32, behind: f32, (width, height): (usize, usize)) -> Self {
        let offset = self.start.x * self.across.x + self.start.y * self.across.y;
        let edges = ((width - 1) as f32, (height - 1) as f32);
        let Some(whole) = clip(offset, self.along, self.across, edges.0, edges.1) else {
            return *self;
        };
        let (dx, dy) = (self.start.x - whole.start.x, self.start.y - whole.start.y);
        let at = dx * self.along.x + dy * self.along.y;
        let from = (at - before).max(0.0);
        let to = (at + self.length + behind).min(whole.length);
        Self { start: whole.at(from), length: to - from, ..*self }
    }
}

/// A family of parallel lines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sweep {
    /// The angle of the lines against the rows, in degrees, clockwise on the screen.
    pub degrees: f32,
    /// Pixels between two lines.
    pub spacing: f32,
}

/// Lines shorter than this hold no code: an EAN-8 has 67 modules.
const LENGTH_MIN: f32 = 60.0;
/// More lines than this are never laid in one sweep.
const LINES_MAX: usize = 512;

impl Sweep {
    /// The lines of the sweep in order across the frame.
    pub fn lines(self, width: usize, height: usize) -> impl Iterator<Item = Line> {
        let radians = self.degrees.to_radians();
        let along = Point::new(radians.cos(), radians.sin());
        let across = Point::new(-along.y, along.x);
        let (right, bottom) = ((width - 1) as f32, (height - 1) as f32);
        let project = |x: f32, y: f32| x * across.x + y * across.y;
        let corners = [project(0.0, 0.0), project(right, 0.0), project(0.0, bottom)];
        let far = project(right, bottom);
        let low = corners.iter().copied().fold(far, f32::min);
        let high = corners.iter().copied().fold(far, f32::max);
        let spacing = self.spacing.max((high - low) / LINES_MAX as f32).max(0.5);
        let count = ((high - low) / spacing) as usize;
        let first = low + ((high - low) - count as f32 * spacing) / 2.0;
        (0..=count).filter_map(move |index| {
            clip(first + index as f32 * spacing, along, across, right, bottom)
        })
    }
}

/// The line through `middle` at `degrees`, cut `reach` pixels before and behind it and at the edges
/// of the frame; `None` where too little of it is left.
pub fn through(
    middle: Point,
    degrees: f32,
    reach: f32,
    (width, height): (usize, usize),
) -> Option<Line> {
    let radians = degrees.to_radians();
    let along = Point::new(radians.cos(), radians.sin());
    let across = Point::new(-along.y, along.x);
    let offset = middle.x * across.x + middle.y * across.y;
    let whole = clip(offset, along, across, (width - 1) as f32, (height - 1) as f32)?;
    let at = (middle.x - whole.start.x) * along.x + (middle.y - whole.start.y) * along.y;
    let (from, to) = ((at - reach).max(0.0), (at + reach).min(whole.length));
    let length = to - from;
    (length >= LENGTH_MIN).then_some(Line { start: whole.at(from), length, ..whole })
}

/// The part of the line at `offset` that lies inside the frame.
fn clip(offset: f32, along: Point, across: Point, right: f32, bottom: f32) -> Option<Line> {
    let base = Point::new(across.x * offset, across.y * offset);
    let (mut enter, mut leave) = (f32::NEG_INFINITY, f32::INFINITY);
    for (from, step, end) in [(base.x, along.x, right), (base.y, along.y, bottom)] {
        if step.abs() < 1e-6 {
            if from < -0.01 || from > end + 0.01 {
                return None;
            }
            continue;
        }
        let (a, b) = (-from / step, (end - from) / step);
        enter = enter.max(a.min(b));
        leave = leave.min(a.max(b));
    }
    let length = leave - enter;
    let start = Point::new(base.x + along.x * enter, base.y + along.y * enter);
    (length >= LENGTH_MIN).then_some(Line { start, along, across, length })
}

/// Takes the grey values along `line`, one a pixel, into `profile`.
pub fn take_profile(luma: &Luma<'_>, line: &Line, thickness: f32, profile: &mut Vec<f32>) {
    profile.clear();
    let count = line.length as usize + 1;
    let is_row = line.along.y.abs() < 1e-6 && line.along.x > 0.0;
    let is_whole = line.start.x.abs() < 1e-3;
    if is_row && is_whole && thickness == 0.0 {
        let row = luma.row((line.start.y.max(0.0).round() as usize).min(luma.height() - 1));
        profile.extend(row.iter().take(count).map(|value| f32::from(*value)));
        return;
    }
    for index in 0..count {
        let point = line.at(index as f32);
        let mut value = luma.sample(point.x, point.y);
        if thickness > 0.0 {
            let (dx, dy) = (line.across.x * thickness, line.across.y * thickness);
            value += luma.sample(point.x + dx, point.y + dy);
            value += luma.sample(point.x - dx, point.y - dy);
            value /= 3.0;
        }
        profile.push(value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_rows() {
        let sweep = Sweep { degrees: 0.0, spacing: 10.0 };
        let lines: Vec<Line> = sweep.lines(100, 41).collect();
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().all(|line| line.start.x == 0.0 && line.length == 99.0));
        let bytes: Vec<u8> = (0..100 * 41).map(|index| (index / 100) as u8).collect();
        let luma = Luma::new(&bytes, 100, 41, 100).unwrap();
        let mut profile = Vec::new();
        take_profile(&luma, &lines[2], 0.0, &mut profile);
        assert_eq!(profile, vec![20.0; 100]);
    }

    #[test]
    fn a_line_through_a_point_is_cut_at_its_reach_and_at_the_edge() {
        let line = through(Point::new(150.0, 100.0), 0.0, 80.0, (200, 200)).unwrap();
        assert!((line.start.x - 70.0).abs() < 0.01 && (line.start.y - 100.0).abs() < 0.01);
        assert!((line.length - 129.0).abs() < 0.01);
        assert!(through(Point::new(190.0, 100.0), 90.0, 20.0, (200, 200)).is_none(), "too short");
        assert!(through(Point::new(250.0, 100.0), 90.0, 90.0, (200, 200)).is_none(), "outside");
    }

    #[test]
    fn a_line_is_made_longer_as_far_as_the_frame_goes() {
        let line = through(Point::new(100.0, 100.0), 0.0, 40.0, (300, 200)).unwrap();
        for (before, behind, start, length) in
            [(0.0, 0.0, 60.0, 80.0), (10.0, 20.0, 50.0, 110.0), (90.0, 900.0, 0.0, 299.0)]
        {
            let longer = line.longer(before, behind, (300, 200));
            assert!((longer.start.x - start).abs() < 0.01, "{longer:?}");
            assert!((longer.length - length).abs() < 0.01, "{longer:?}");
        }
    }

    /// A row that begins in the middle of the frame has the grey values from there on.
    #[test]
    fn a_part_of_a_row_is_that_part() {
        let bytes: Vec<u8> = (0..200 * 3).map(|index| (index % 200) as u8).collect();
        let luma = Luma::new(&bytes, 200, 3, 200).unwrap();
        let line = through(Point::new(100.0, 1.0), 0.0, 40.0, (200, 3)).unwrap();
        let mut profile = Vec::new();
        take_profile(&luma, &line, 0.0, &mut profile);
        assert_eq!((profile.len(), profile[0], profile[80]), (81, 60.0, 140.0));
    }

    proptest! {
        /// Every line stays inside, whatever the frame and the angle.
        #[test]
        fn lines_stay_inside(
            width in 8usize..900, height in 8usize..900, degrees in -400f32..400.0,
            spacing in 0.1f32..90.0,
        ) {
            let sweep = Sweep { degrees, spacing };
            let mut count = 0;
            for line in sweep.lines(width, height) {
                count += 1;
                for point in [line.start, line.at(line.length)] {
                    prop_assert!(point.x > -0.5 && point.x < width as f32 - 0.5);
                    prop_assert!(point.y > -0.5 && point.y < height as f32 - 0.5);
                }
            }
            prop_assert!(count <= LINES_MAX + 1);
        }
    }
}
