//! The dotted sides of a Data Matrix: how many modules there are, and where each of them lies.
//!
//! Along a dotted side dark and light alternate from the corner of a solid side to a light corner
//! (ISO/IEC 16022, 5.2). Counting what alternates tells the size of the symbol from the picture and
//! not from a guess, and where print is stretched or wound around a bottle, the runs say by how much
//! each column is. A side that does not alternate exactly as often as a size of the standard wants is
//! none.

use super::profile::{EdgeFinder, Level, Runs};

/// The share of the neighbourhood's contrast that makes an edge.
const SENSITIVITY: f32 = 0.25;
/// Samples of a module.
const SAMPLES: usize = 6;
/// Modules that are looked at beyond both ends: corners are not found better than that.
const BEYOND: usize = 1;
/// A module is at most so many times as wide as the one two before: print is stretched gradually.
const STRETCH_MAX: f32 = 1.7;

/// Counts along a side; keeps its memory.
#[derive(Default)]
pub struct Clock {
    finder: EdgeFinder,
    profile: Vec<f32>,
    runs: Runs,
}

impl Clock {
    /// Middles of `count` modules, in parts of the side, from its dark end on; `None` where not so
    /// many alternate. `value` is the grey value of a place on the side.
    pub fn middles(&mut self, count: usize, value: impl Fn(f32) -> f32) -> Option<Vec<f32>> {
        let samples = (count + 2 * BEYOND) * SAMPLES;
        let part = |sample: f32| (sample / SAMPLES as f32 - BEYOND as f32) / count as f32;
        self.profile.clear();
        self.profile.extend((0..samples).map(|k| value(part(k as f32 + 0.5))));
        self.finder.find(&self.profile, SENSITIVITY, Level::Midpoint, &mut self.runs);
        let runs = &self.runs;
        let first = usize::from(!runs.is_dark(0));
        // From the first dark module to the last, which a light one follows.
        let last = (0..runs.len()).rev().find(|index| runs.is_dark(*index))?;
        if first == 0 || last + 1 == runs.len() || last + 2 != first + count {
            return None;
        }
        let is_even = (first + 2..=last).all(|index| {
            let ratio = runs.width(index) / runs.width(index - 2);
            (1.0 / STRETCH_MAX..STRETCH_MAX).contains(&ratio)
        });
        let mut middles: Vec<f32> =
            (first..=last).map(|k| part((runs.edges[k] + runs.edges[k + 1]) / 2.0)).collect();
        let pair = middles[count - 2] - middles[count - 4];
        middles.push(middles[count - 2] + pair / 2.0);
        is_even.then_some(middles)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A dotted side of `count` modules, the last of them twice as wide as the first.
    fn stretched(count: usize) -> impl Fn(f32) -> f32 {
        move |t| {
            // Where 0 to 1 are squeezed to; the derivative runs from 4/3 to 2/3.
            let module = count as f32 * (4.0 * t - t * t) / 3.0;
            let is_dark =
                (0.0..count as f32).contains(&module) && (module as usize).is_multiple_of(2);
            if is_dark { 40.0 } else { 200.0 }
        }
    }

    #[test]
    fn modules_are_counted_and_found_where_print_is_stretched() {
        let mut clock = Clock::default();
        for count in [10, 16, 26] {
            let middles = clock.middles(count, stretched(count)).unwrap();
            assert_eq!(middles.len(), count);
            for (module, t) in middles.iter().enumerate().take(count - 1) {
                let found = count as f32 * (4.0 * t - t * t) / 3.0;
                assert!((found - module as f32 - 0.5).abs() < 0.25, "{count} {module} {found}");
            }
            for other in [count - 2, count + 2] {
                assert!(clock.middles(other, stretched(count)).is_none(), "{count} {other}");
            }
        }
        assert!(clock.middles(12, |_| 90.0).is_none(), "an even surface");
    }
}
