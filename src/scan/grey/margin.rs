//! Where a symbol may begin and end on a profile: between two light margins.
//!
//! A code without margins is no code (ISO/IEC 15420 asks for 7 to 11 modules), and they are what a
//! blur leaves intact. So they are what is looked for first; everything in between is left to the
//! likelihood.

use super::symbol::LAYOUTS;

/// Pairs of margins that are kept for one kind of symbol.
pub(super) const PAIRS_MAX: usize = 3;
/// Darkness, of the contrast around, at which a margin ends. A lone bar of one module reaches 0.38
/// behind a Gaussian blur of one module.
const LEVEL: f32 = 0.3;
/// The widest light within a symbol, as seen at that level: four modules, and a bar that blur ate.
const LIGHT_MODULES_MAX: f32 = 7.0;
/// How often the profile goes up and down between margins, in contrasts: an EAN-13 has thirty bars,
/// of which a heavy blur leaves some of the wide ones.
const VARIATION_MIN: f32 = 3.0;
/// The contrast around counts as at least this share of the greatest: shading is no bar.
const CONTRAST_SHARE: f32 = 0.4;
/// Levels at which a symbol may begin whose ends are looked for at several: a lone bar of one module
/// reaches half of what it does above behind a blur of two.
const LEVELS: [f32; 2] = [LEVEL, 0.15];
/// Runs that are looked at on one profile.
const RUNS_MAX: usize = 160;

/// Two margins and what lies between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) layout: usize,
    pub(super) start: f32,
    pub(super) end: f32,
    /// Modules of the narrower margin.
    pub(super) quiet: f32,
}

/// What lies between two light margins, in samples of the profile.
#[derive(Clone, Copy)]
pub(super) struct Between {
    pub(super) start: f32,
    pub(super) end: f32,
    /// The narrower margin.
    pub(super) quiet: f32,
    /// The widest light within.
    pub(super) light: f32,
    /// Ups and downs within, in contrasts.
    pub(super) variation: f32,
}

impl Between {
    /// Where it lies on a profile with so many samples that may be read backwards.
    pub(super) fn on(&self, length: usize, is_mirrored: bool) -> (f32, f32) {
        let last = (length - 1) as f32;
        if is_mirrored { (last - self.end, last - self.start) } else { (self.start, self.end) }
    }
}

/// Finds margins; keeps its memory.
#[derive(Default)]
pub(super) struct MarginFinder {
    /// Boundaries of runs; even runs are light.
    edges: Vec<f32>,
    /// Ups and downs before each boundary, in contrasts.
    variation: Vec<f32>,
    pub(super) pairs: Vec<Pair>,
}

impl MarginFinder {
    /// Fills `pairs` with what may be symbols, the best of each kind first. `window` is half the
    /// stretch over which contrast is taken, `samples_per_pixel` the density of the profile.
    pub(super) fn find(&mut self, profile: &[f32], window: usize, samples_per_pixel: f32) {
        self.pairs.clear();
        self.split(profile, window, LEVEL);
        let count = self.edges.len() - 1;
        for (layout, build) in LAYOUTS.iter().enumerate() {
            let mut best = [None::<Pair>; PAIRS_MAX];
            for left in (0..count).step_by(2) {
                for right in (left + 2..count).step_by(2) {
                    let (start, end) = (self.edges[left + 1], self.edges[right]);
                    let module = (end - start) / build.modules as f32;
                    if module < samples_per_pixel || !self.is_even(left, right, module) {
                        continue;
                    }
                    let quiet = (self.width(left)).min(self.width(right)) / module;
                    if quiet < build.quiet_modules {
                        continue;
                    }
                    insert(&mut best, Pair { layout, start, end, quiet: quiet.min(9.0) });
                }
            }
            self.pairs.extend(best.into_iter().flatten());
        }
    }

    /// Fills `found` with what lies between any two margins and has a rank, the highest first, at most
    /// `count_max`. Of those whose ends both lie `near` the same places only the first is kept.
    pub(super) fn between(
        &mut self,
        profile: &[f32],
        count_max: usize,
        rank: impl Fn(&Between) -> Option<f32>,
        near: impl Fn(&Between) -> f32,
        found: &mut Vec<Between>,
    ) {
        found.clear();
        for level in LEVELS {
            self.split(profile, profile.len() / 6, level);
            let runs = self.edges.len() - 1;
            for left in (0..runs).step_by(2) {
                let mut light = 0.0f32;
                for right in (left + 2..runs).step_by(2) {
                    if right > left + 2 {
                        light = light.max(self.width(right - 2));
                    }
                    let between = Between {
                        start: self.edges[left + 1],
                        end: self.edges[right],
                        quiet: self.width(left).min(self.width(right)),
                        light,
                        variation: self.variation[right] - self.variation[left + 1],
                    };
                    found.extend(rank(&between).is_some().then_some(between));
                }
            }
        }
        found.sort_by(|a, b| rank(b).unwrap_or(0.0).total_cmp(&rank(a).unwrap_or(0.0)));
        let mut kept = 0;
        for index in 0..found.len() {
            let it = found[index];
            let is_near = |a: f32, b: f32| (a - b).abs() < near(&it);
            let is_twin =
                |known: &Between| is_near(known.start, it.start) && is_near(known.end, it.end);
            if kept < count_max && !found[..kept].iter().any(is_twin) {
                found[kept] = it;
                kept += 1;
            }
        }
        found.truncate(kept);
    }

    /// The width of a run.
    fn width(&self, run: usize) -> f32 {
        self.edges[run + 1] - self.edges[run]
    }

    /// Whether there are bars between two margins, and no light wider than a symbol can have.
    fn is_even(&self, left: usize, right: usize, module: f32) -> bool {
        self.variation[right] - self.variation[left + 1] > VARIATION_MIN
            && (left + 2..right).step_by(2).all(|run| self.width(run) < LIGHT_MODULES_MAX * module)
    }

    /// Fills the edges and ups and downs of the profile, with runs told apart at a level of darkness.
    fn split(&mut self, profile: &[f32], window: usize, level: f32) {
        self.edges.clear();
        self.edges.push(0.0);
        self.variation.clear();
        self.variation.push(0.0);
        let mut variation = 0.0f32;
        let block = (window / 4).max(1);
        let mut before = 0.0f32;
        let (mut low, mut high) = (0.0, 0.0);
        let all_low = profile.iter().copied().fold(f32::INFINITY, f32::min);
        let all_high = profile.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let contrast_min = (CONTRAST_SHARE * (all_high - all_low)).max(6.0);
        for (index, value) in profile.iter().enumerate() {
            if index % block == 0 {
                let around = &profile
                    [index.saturating_sub(window)..(index + window + block).min(profile.len())];
                low = around.iter().copied().fold(f32::INFINITY, f32::min);
                high = around.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            }
            let dark = (high - value) / (high - low).max(contrast_min);
            let is_light_run = self.edges.len() % 2 == 1;
            if (dark > level) == is_light_run && self.edges.len() < RUNS_MAX {
                let share = ((level - before) / (dark - before)).clamp(0.0, 1.0);
                let at = if index == 0 { 0.0 } else { index as f32 - 1.0 + share };
                self.edges.push(at);
                self.variation.push(variation);
            }
            variation += (dark - before).abs();
            before = dark;
        }
        self.edges.push(profile.len() as f32);
        self.variation.push(variation);
    }
}

fn insert(best: &mut [Option<Pair>; PAIRS_MAX], pair: Pair) {
    let mut pair = pair;
    for place in best {
        match place {
            Some(known) if known.quiet >= pair.quiet => {}
            Some(known) => std::mem::swap(known, &mut pair),
            None => {
                *place = Some(pair);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_lies_between_its_margins() {
        let mut profile = vec![200.0; 60];
        for bar in 0..30 {
            profile.extend([40.0; 3]);
            profile.extend(vec![200.0; if bar == 29 { 60 } else { 4 }]);
        }
        let mut finder = MarginFinder::default();
        finder.find(&profile, 100, 1.0);
        let pair = finder.pairs.iter().find(|pair| pair.layout == 0);
        assert!(pair.is_some_and(|p| (p.start - 59.5).abs() < 1.0 && (p.end - 266.0).abs() < 1.5));
        finder.find(&[100.0; 300], 100, 1.0);
        assert!(finder.pairs.is_empty());
    }
}
