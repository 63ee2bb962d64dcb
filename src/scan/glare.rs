//! Whether a reflection lies on bars: a stretch without contrast where bars must be.
//!
//! In no linear code of retail is a light space wider than a twentieth of the symbol: four of the
//! 95 modules of an EAN-13, four of the 67 of an EAN-8. A saturated run much longer than that,
//! between bars on both sides, is light that hides bars. It is only asked after frames in a row
//! were not read, so that a bright label that reads is never called glaring.

use crate::frame::{Luma, Point};
use crate::locate::Bars;

/// Grey values from here on are as bright as the sensor can tell.
const SATURATED: f32 = 250.0;
/// A run of saturated pixels longer than this share of the bars hides some of them.
const SHARE_MIN: f32 = 0.12;
/// Lines across the bars that are looked at, and how many of them must say so.
const LINES: i32 = 5;
const LINES_MIN: usize = 2;
/// The middle part of the length: at the ends the light margin begins.
const PART: f32 = 0.86;

/// Whether light hides a part of `bars`.
pub(crate) fn hides(luma: &Luma<'_>, bars: &Bars) -> bool {
    let radians = bars.degrees.to_radians();
    let (cosine, sine) = (radians.cos(), radians.sin());
    let half = bars.length * PART / 2.0;
    let steps = (2.0 * half).min(4096.0) as i32;
    let is_hidden = |line: &i32| {
        let aside = bars.height * 0.7 * (*line as f32 / (LINES - 1) as f32 - 0.5);
        let middle = Point::new(bars.middle.x - sine * aside, bars.middle.y + cosine * aside);
        let is_bright = |step: i32| {
            let along = step as f32 - half;
            luma.sample(middle.x + cosine * along, middle.y + sine * along) >= SATURATED
        };
        longest_run((0..steps).map(is_bright)) as f32 > bars.length * SHARE_MIN
    };
    (0..LINES).filter(is_hidden).count() >= LINES_MIN
}

/// The longest run of `true` that has `false` on both sides.
fn longest_run(values: impl Iterator<Item = bool>) -> usize {
    let (mut longest, mut run, mut has_begun) = (0, 0, false);
    for value in values {
        if value {
            run += 1;
        } else {
            longest = if has_begun { longest.max(run) } else { longest };
            (run, has_begun) = (0, true);
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::frame::Frame;

    fn stripes(glare: std::ops::Range<usize>) -> Frame {
        let mut frame = Frame::filled(300, 120, 255);
        for row in frame.luma.chunks_mut(300) {
            for (x, pixel) in row.iter_mut().enumerate() {
                let is_dark = (50..250).contains(&x) && (x / 4) % 2 == 0;
                if is_dark && !glare.contains(&x) {
                    *pixel = 30;
                }
            }
        }
        frame
    }

    #[test]
    fn light_on_bars_is_told_from_light_paper() {
        let middle = Point::new(150.0, 60.0);
        let bars = Bars { middle, degrees: 0.0, length: 200.0, height: 80.0, score: 1.0 };
        // One line, one case: where the light lies, whether it hides bars.
        for (glare, is_hidden) in
            [(0..0, false), (100..115, false), (100..150, true), (0..90, false)]
        {
            let frame = stripes(glare.clone());
            assert_eq!(hides(&frame.view().unwrap(), &bars), is_hidden, "{glare:?}");
        }
    }
}
