//! Whether two places are two symbols: between them bars end, and others begin.
//!
//! Two texts that lines saw in one place are rivals, since one of them is a misreading. Labels of parcels and of
//! telephones carry several symbols one above the other, hardly a millimetre apart, and they are none. Two things tell
//! the cases apart. Who walks along the bars of one symbol stays on them, and who goes over to another crosses the
//! light between; but so does a scratch. And the bars beyond it are others; but nearly the same where numbers follow
//! one another. Both are asked, and what cannot be told is one symbol.

use crate::frame::{Luma, Outline, Point};
use crate::outline::{lie_together, middle};
use domain::code::Symbology;

/// Points along a line of which each dark one is walked from.
const POINTS: usize = 96;
/// The share of the walks from dark points that must meet light.
const SHARE_MIN: f32 = 0.8;
/// Light that is crossed is at least so wide, in pixels and in lengths of the symbol: a module of a long one.
const GAP_MIN: f32 = 2.5;
const GAP_SHARE_MIN: f32 = 1.0 / 150.0;
/// Two lines of one symbol that are nearer to one another do not tell how its bars run, in pixels.
const HEIGHT_MIN: f32 = 3.0;
/// Nor do they far beyond the height that was seen, or beyond so many pixels.
const REACH_PER_HEIGHT_MAX: f32 = 6.0;
const REACH_MAX: f32 = 300.0;
/// Lines of two labels of one place are parallel: the sine of 12 degrees.
const SINE_MAX: f32 = 0.2;
/// The least contrast of bars, in grey values.
const CONTRAST_MIN: f32 = 16.0;
/// Bars are dark below this share of the range of their line, light is met above that one.
const DARK: f32 = 0.35;
const LIGHT: f32 = 0.6;
/// Profiles that are more alike than this, as a correlation, are those of the same bars. Code 128 of fifteen digits
/// that differ in two have 0.88; texts of fourteen characters that differ in one have 0.94, and silence each other.
const ALIKE: f32 = 0.93;
/// Points of a profile, and how far one may lie beside the other, in pixels.
const PROFILE: usize = 240;
const SHIFT_MAX: i32 = 4;

/// Whether the symbols that two outlines lie on are two. False where that cannot be told: their lines cross, are too
/// near to one another or too far apart.
pub(crate) fn are_apart(luma: &Luma<'_>, one: &Outline, other: &Outline) -> bool {
    let (way, back) = (Way::between_near(one, other), Way::between_near(other, one));
    let (Some(way), Some(back)) = (way, back) else { return false };
    way.crosses_light(luma, way.gap_min())
        && back.crosses_light(luma, back.gap_min())
        && !way.leads_to_the_same(luma)
}

/// What lies farther apart than bars are high is not one symbol. In lengths of the symbol: as EAN and UPC have them by
/// the GS1 General Specifications, section 5.2; of short texts in Code 128 they may be as high as the symbol is long.
const fn height_per_length(symbology: Symbology) -> f32 {
    match symbology {
        Symbology::UpcE => 1.3,
        Symbology::Code128 | Symbology::Code39 | Symbology::Code93 | Symbology::Codabar => 1.2,
        Symbology::Ean8 => 0.8,
        _ => 0.7,
    }
}

/// Light between two labels of one text is at least so wide, in lengths of them: a reflection on one seldom is.
const LABEL_GAP_MIN: f32 = 0.15;

/// Whether two outlines on which the same text was read are those of one symbol. Of what cannot be told, yes: who
/// counts packs sees in the picture which was left out.
pub(crate) fn is_one(
    luma: &Luma<'_>,
    symbology: Symbology,
    one: &Outline,
    other: &Outline,
) -> bool {
    if lie_together(one, other) {
        return true;
    }
    let (from, to) = (one[0].middle(one[3]), one[1].middle(one[2]));
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let length = dx.hypot(dy).max(1.0);
    let (from, to) = (middle(one), middle(other));
    let (x, y) = (to.x - from.x, to.y - from.y);
    let (along, across) = ((x * dx + y * dy).abs() / length, (x * dy - y * dx).abs() / length);
    if along > length / 2.0 || across > height_per_length(symbology) * length {
        return false;
    }
    let Some(way) = Way::between(one, other) else { return true };
    !way.crosses_light(luma, LABEL_GAP_MIN * length)
}

/// From the line of one symbol that is nearest to another, along its bars, to the nearest line of that one.
struct Way {
    from: Point,
    to: Point,
    /// Along the bars at both ends of the line: a pixel each, or more where bars lean.
    steps: (Point, Point),
    /// Steps to the other line.
    reach: f32,
}

impl Way {
    fn between(one: &Outline, other: &Outline) -> Option<Self> {
        let [from, to, last_to, last_from] = *one;
        let aim = other[0].middle(other[2]);
        let (first, last) = (from.middle(to), last_from.middle(last_to));
        let height = first.distance(last);
        if height < HEIGHT_MIN || !are_parallel(one, other) {
            return None;
        }
        let is_last = aim.distance(last) < aim.distance(first);
        let sign = if is_last { 1.0 } else { -1.0 } / height;
        let step =
            |from: Point, to: Point| Point::new((to.x - from.x) * sign, (to.y - from.y) * sign);
        let steps = (step(from, last_from), step(to, last_to));
        let (from, to) = if is_last { (last_from, last_to) } else { (from, to) };
        let along = step(first, last);
        let middle = from.middle(to);
        // On both sides of the other, or behind it: they interleave.
        let one = steps_to(middle, along, (other[0], other[1]))?;
        let another = steps_to(middle, along, (other[3], other[2]))?;
        let reach = one.min(another);
        Some(Self { from, to, steps, reach })
    }

    /// The same, where what was seen of the one tells how bars run as far as the other.
    fn between_near(one: &Outline, other: &Outline) -> Option<Self> {
        let height = one[0].middle(one[1]).distance(one[3].middle(one[2]));
        let is_near = |way: &Self| way.reach <= REACH_MAX.min(REACH_PER_HEIGHT_MAX * height);
        Self::between(one, other).filter(is_near)
    }

    /// So many steps along the bar that stands at that share of the line.
    fn at(&self, share: f32, steps: f32) -> Point {
        let mix = |a: f32, b: f32| a + share * (b - a);
        let x = mix(self.from.x, self.to.x) + steps * mix(self.steps.0.x, self.steps.1.x);
        let y = mix(self.from.y, self.to.y) + steps * mix(self.steps.0.y, self.steps.1.y);
        Point::new(x, y)
    }

    /// What light between two texts is at least, in steps.
    fn gap_min(&self) -> f32 {
        GAP_MIN.max(self.from.distance(self.to) * GAP_SHARE_MIN)
    }

    /// Whether nearly all dark bars of the line end in light of so many steps on the way.
    fn crosses_light(&self, luma: &Luma<'_>, gap_min: f32) -> bool {
        let value = |share: f32, steps: f32| {
            let at = self.at(share, steps);
            luma.sample(at.x, at.y)
        };
        let shares = (0..POINTS).map(|index| (index as f32 + 0.5) / POINTS as f32);
        let line = shares.clone().map(|share| value(share, 0.0));
        let (low, high) =
            line.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)));
        if high - low < CONTRAST_MIN {
            return false;
        }
        let (dark, light) = (low + DARK * (high - low), low + LIGHT * (high - low));
        let meets_light = |share: f32| {
            let mut run = 0;
            (1..self.reach as usize).any(|step| {
                run = if value(share, step as f32) > light { run + 1 } else { 0 };
                run >= gap_min as usize
            })
        };
        let (mut walks, mut ends) = (0, 0);
        for share in shares.filter(|share| value(*share, 0.0) < dark) {
            walks += 1;
            ends += usize::from(meets_light(share));
        }
        walks > 0 && ends as f32 >= SHARE_MIN * walks as f32
    }

    /// Whether the bars where the way ends are those where it begins.
    fn leads_to_the_same(&self, luma: &Luma<'_>) -> bool {
        let length = self.from.distance(self.to).max(1.0);
        let profile = |steps: f32, shift: i32| -> [f32; PROFILE] {
            std::array::from_fn(|index| {
                let share = (index as f32 + 0.5) / PROFILE as f32 + shift as f32 / length;
                let at = self.at(share, steps);
                luma.sample(at.x, at.y)
            })
        };
        let here = profile(0.0, 0);
        (-SHIFT_MAX..=SHIFT_MAX)
            .any(|shift| correlation(&here, &profile(self.reach, shift)) > ALIKE)
    }
}

fn are_parallel(one: &Outline, other: &Outline) -> bool {
    let along = |outline: &Outline| {
        let (dx, dy) = (outline[1].x - outline[0].x, outline[1].y - outline[0].y);
        (dx, dy, dx.hypot(dy))
    };
    let ((ax, ay, a), (bx, by, b)) = (along(one), along(other));
    (ax * by - ay * bx).abs() < SINE_MAX * a * b
}

/// How many steps it is from a point to a line.
fn steps_to(from: Point, step: Point, (start, end): (Point, Point)) -> Option<f32> {
    let (dx, dy) = (end.x - start.x, end.y - start.y);
    let facing = step.x * dy - step.y * dx;
    let steps = ((start.x - from.x) * dy - (start.y - from.y) * dx) / facing;
    (steps.is_finite() && steps > 0.0).then_some(steps)
}

fn correlation(one: &[f32; PROFILE], other: &[f32; PROFILE]) -> f32 {
    let mean = |values: &[f32; PROFILE]| values.iter().sum::<f32>() / PROFILE as f32;
    let (a, b) = (mean(one), mean(other));
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    for (x, y) in one.iter().zip(other) {
        both += (x - a) * (y - b);
        first += (x - a) * (x - a);
        second += (y - b) * (y - b);
    }
    both / (first * second).sqrt().max(1e-3)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::frame::Frame;
    use proptest::prelude::*;

    const BITS: u64 = 0x9d3_5ac6_b4e1_97a5;

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

    /// Reading guide: rows of bars, whether what lies at 15 to 30 and at 50 to 62 are two symbols.
    #[test]
    fn light_between_other_bars_makes_two_symbols() {
        // The last two of ten characters differ.
        let next = BITS ^ 0b11_0110_1101_1011;
        for (rows, is_apart) in [
            (vec![(10, 40, BITS), (43, 70, next)], true),
            (vec![(10, 40, BITS), (43, 70, !BITS >> 9)], true),
            (vec![(10, 70, BITS)], false),
            // A scratch across all bars, thin or wide, and other bars without light between.
            (vec![(10, 40, BITS), (41, 70, BITS)], false),
            (vec![(10, 38, BITS), (44, 70, BITS)], false),
            (vec![(10, 42, BITS), (42, 70, next)], false),
        ] {
            let frame = drawn(&rows);
            let luma = frame.view().unwrap();
            let (upper, lower) = (outline(15.0, 30.0), outline(50.0, 62.0));
            assert_eq!(are_apart(&luma, &upper, &lower), is_apart, "{rows:?}");
            assert_eq!(are_apart(&luma, &lower, &upper), is_apart, "{rows:?}");
            // Lines that interleave saw the same bars; one line, or two that nearly touch, do not tell how bars run.
            assert!(!are_apart(&luma, &outline(15.0, 55.0), &outline(30.0, 62.0)));
            assert!(!are_apart(&luma, &outline(15.0, 15.0), &lower));
            assert!(!are_apart(&luma, &outline(28.0, 30.0), &lower));
        }
    }

    proptest! {
        /// One undamaged symbol is one, whatever lines of it saw how much of it, a little beside where they are.
        #[test]
        fn one_symbol_is_never_two(
            at in prop::array::uniform4(11.0f32..69.0),
            off in prop::array::uniform16(-0.4f32..0.4),
        ) {
            let frame = drawn(&[(8, 72, BITS)]);
            let mut rest = off.into_iter();
            let mut noisy = |outline: Outline| {
                outline.map(|p| {
                    let (dx, dy) = (rest.next().unwrap(), rest.next().unwrap());
                    Point::new(p.x + dx, p.y + dy)
                })
            };
            let one = noisy(outline(at[0].min(at[1]), at[0].max(at[1])));
            let other = noisy(outline(at[2].min(at[3]), at[2].max(at[3])));
            prop_assert!(!are_apart(&frame.view().unwrap(), &one, &other));
        }

        /// Whatever the outlines, it ends and nothing panics.
        #[test]
        fn any_outlines_are_weighed(at in prop::array::uniform16(-300.0f32..500.0)) {
            let point = |index: usize| Point::new(at[index], at[index + 1]);
            let one = [point(0), point(2), point(4), point(6)];
            let other = [point(8), point(10), point(12), point(14)];
            let frame = drawn(&[(10, 70, BITS)]);
            are_apart(&frame.view().unwrap(), &one, &other);
        }
    }
}
