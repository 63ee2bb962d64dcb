//! Where an ITF-14 may lie on a profile, whatever the blur: between two light margins, in seven parts
//! of one length that are equally dark.
//!
//! Two digits always have five bars and five spaces, three of either narrow and two wide: half of
//! what they take is dark, print and blur move as much ink into a part as out of it, and seven times
//! the same is rare among other bars. What lies there costs the fits; whatever fails costs a sum.

use super::{HEAD_RUNS, Itf14, PAIRS};
use crate::grey::chain::code::{Code, Gate};
use crate::grey::chain::ends::{self, Spot};
use crate::grey::chain::wave::Bank;
use crate::grey::fit::{CONTRAST_MIN, Pose};
use crate::grey::margin::{Between, MarginFinder};
use crate::grey::template::SAMPLES;

/// By how much the darkness of a part may be off those around it, in contrasts: a bar of one module
/// in sixteen that lies on the wrong side of its end.
const UNEVEN_MAX: f32 = 0.07;
/// By how much the first and the last part may differ on the whole: light falls unevenly.
const SLOPE_MAX: f32 = 0.3;
/// The narrower margin in modules.
const QUIET_MODULES_MIN: f32 = 4.0;
/// Modules beside the bars of which light is taken.
const LIGHT_MODULES: f32 = 3.0;
/// Ups and downs of the profile, in contrasts: of 39 bars blur leaves the wide ones.
const VARIATION: std::ops::Range<f32> = 8.0..95.0;
/// The smallest and the widest module, in pixels: of a wider one the edges are seen behind any blur.
const MODULE_PIXELS: std::ops::Range<f32> = 0.9..12.0;
/// Ways to print that are begun with; the fit moves on to those between.
const STYLES: [usize; 2] = [1, 3];
/// The blur that is begun with: the middle of those that are believed.
const LOOK: usize = 2;

/// Finds symbols by their parts; keeps its memory.
#[derive(Default)]
pub(in crate::grey) struct PeriodGate {
    ends: Vec<Between>,
    /// Sums of the grey values before each sample.
    sums: Vec<f32>,
}

impl Gate for PeriodGate {
    fn find<C: Code>(
        &mut self,
        _bank: &mut Bank<C>,
        margins: &mut MarginFinder,
        profiles: [&[f32]; 2],
        samples_per_pixel: f32,
        spots: &mut Vec<Spot>,
    ) {
        let shortest = modules(0) * MODULE_PIXELS.start * samples_per_pixel;
        ends::find(margins, profiles[0], samples_per_pixel, shortest, &mut self.ends);
        for index in 0..self.ends.len() {
            let ends = self.ends[index];
            let module = (ends.end - ends.start) / modules(STYLES[0]);
            if !MODULE_PIXELS.contains(&(module / samples_per_pixel))
                || ends.quiet < QUIET_MODULES_MIN * module
                || !VARIATION.contains(&ends.variation)
            {
                continue;
            }
            for is_mirrored in [false, true] {
                let profile = profiles[usize::from(is_mirrored)];
                self.add_up(profile);
                let (from, to) = ends.on(profile.len(), is_mirrored);
                for style in STYLES {
                    let Some((likeness, contrast)) = self.look((from, to), style) else { continue };
                    let spot = Spot {
                        pose: Pose::between(from, to),
                        style,
                        count: PAIRS,
                        is_mirrored,
                        likeness,
                        look: LOOK,
                        slant: 1.0,
                        contrast,
                    };
                    ends::keep(spots, spot, module);
                }
            }
        }
    }
}

/// Modules from the first bar to the last.
fn modules(style: usize) -> f32 {
    Itf14::eighths(style, PAIRS) as f32 / 8.0
}

impl PeriodGate {
    fn add_up(&mut self, profile: &[f32]) {
        self.sums.clear();
        self.sums.push(0.0);
        let mut sum = 0.0;
        self.sums.extend(profile.iter().map(|value| {
            sum += value;
            sum
        }));
    }

    /// The mean grey value between two places of the profile.
    fn mean(&self, from: f32, to: f32) -> f32 {
        let at = |place: f32| {
            let last = self.sums.len() - 1;
            // A sample reaches half a sample to both sides.
            let place = (place + 0.5).clamp(0.0, last as f32);
            let index = (place as usize).min(last - 1);
            self.sums[index] + (self.sums[index + 1] - self.sums[index]) * (place - index as f32)
        };
        (at(to) - at(from)) / (to - from)
    }

    /// How even the parts between two ends are, 1 being as even as can be, and the contrast; `None`
    /// where they are not.
    fn look(&self, (from, to): (f32, f32), style: usize) -> Option<(f32, f32)> {
        let module = (to - from) / modules(style);
        let light = LIGHT_MODULES * module;
        let before = self.mean(from - light - module, from - module);
        let behind = self.mean(to + module, to + module + light);
        let length = Itf14::stride(style) as f32 / SAMPLES as f32 * module;
        let first = from + HEAD_RUNS as f32 * module;
        let mut dark = [0.0f32; PAIRS];
        for (index, dark) in dark.iter_mut().enumerate() {
            let at = first + index as f32 * length;
            let share = (at + length / 2.0 - from) / (to - from);
            *dark = before + (behind - before) * share - self.mean(at, at + length);
        }
        // Half of all is dark.
        let contrast = 2.0 * dark.iter().sum::<f32>() / PAIRS as f32;
        if contrast < CONTRAST_MIN {
            return None;
        }
        let middle = (PAIRS - 1) as f32 / 2.0;
        let places = || (0..PAIRS).map(|index| index as f32 - middle);
        let square: f32 = places().map(|t| t * t).sum();
        let slope = places().zip(&dark).map(|(t, dark)| t * dark / contrast).sum::<f32>() / square;
        let worst = places()
            .zip(&dark)
            .map(|(t, dark)| (dark / contrast - 0.5 - slope * t).abs())
            .fold(0.0, f32::max);
        let is_even = worst < UNEVEN_MAX && (slope * 2.0 * middle).abs() < SLOPE_MAX;
        is_even.then_some((1.0 - worst, contrast))
    }
}
