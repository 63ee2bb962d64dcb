//! Where a symbol may lie on a profile: between two light places, with a finder pattern on either
//! side of the middle.
//!
//! Finder patterns have the widest elements of all, which blur leaves visible, and nine waveforms
//! are few. So they are looked for first, with what surrounds them taken as grey, and they tell
//! place and width of a module better than the ends do; whatever has none costs nothing more.

use super::super::fit::Pose;
use super::super::margin::{Between, MarginFinder};
use super::super::template::{COARSE, SAMPLES, dot};
use super::assign::MARGIN;
use super::symbol::{FINDER_MODULES, Layout, finder_bars};
use super::waveform::{Bank, Look};

/// Samples of a finder pattern.
const SPAN: usize = FINDER_MODULES as usize * SAMPLES;
/// How far from its place by the ends of the symbol a finder pattern is looked for, in samples: two
/// modules, by which a blurred guard bar may be missed or taken for more.
const SHIFT_MAX: usize = 2 * SAMPLES;
/// Correlation with a finder pattern below which it is none.
const LIKENESS_MIN: f32 = 0.92;
/// The widest light within a symbol: nine modules, and beside them bars that blur ate.
const LIGHT_MODULES_MAX: f32 = 16.0;
/// Light beside the symbol, in modules.
const QUIET_MIN: f32 = 1.5;
/// Ups and downs of the profile from end to end, in contrasts: a symbol in one row has some twenty bars, of
/// which a heavy blur leaves the wide ones.
const VARIATION_MIN: f32 = 5.0;
/// Pairs of ends that are looked at.
const ENDS_MAX: usize = 48;

/// Finder patterns behind some blurs, of mean zero and length one.
struct Template {
    finder: u8,
    is_second: bool,
    wave: [f32; SPAN],
}

/// Finds symbols by their finder patterns; keeps its templates.
pub(super) struct Gate {
    layout: &'static Layout,
    templates: Vec<Template>,
    /// Where symbols may begin and end, with the narrower margin in modules.
    pub(super) ends: Vec<Between>,
}

/// A place where both finder patterns were seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) pose: Pose,
    /// The likeliest two patterns on either side.
    pub(super) finders: [[u8; 2]; 2],
    pub(super) likeness: f32,
}

/// The best place of one finder pattern.
#[derive(Clone, Copy)]
struct Match {
    likeness: f32,
    finder: u8,
    /// The best of the others.
    second: (f32, u8),
    /// Where its middle was seen, in samples of the symbol.
    middle: f32,
}

impl Gate {
    pub(super) fn new(bank: &Bank, layout: &'static Layout) -> Self {
        let mut templates = Vec::new();
        for blur in COARSE {
            for is_second in [false, true] {
                for finder in 0..9u8 {
                    let wave = draw(bank, blur, usize::from(finder), is_second);
                    templates.push(Template { finder, is_second, wave });
                }
            }
        }
        Self { layout, templates, ends: Vec::new() }
    }

    /// The finder patterns in the darkness of a symbol that was sampled at `pose`; `None` without.
    pub(super) fn look(&self, pose: &Pose, darkness: &[f32]) -> Option<Spot> {
        let mut found = [None::<Match>; 2];
        let Layout { modules, sides, .. } = self.layout;
        let start = |side: usize| sides[side].finder.bar((0, FINDER_MODULES as u8)).0;
        for (index, side) in sides.iter().enumerate() {
            let first = (start(index) + MARGIN) as usize * SAMPLES;
            let best = self.seek(side.is_second, first, darkness)?;
            found[index] = (best.likeness > LIKENESS_MIN).then_some(best);
            found[index]?;
        }
        let (left, right) = (found[0]?, found[1]?);
        let seen = |it: &Match| {
            let module = it.middle / SAMPLES as f32 - MARGIN as f32;
            pose.at(module * 2.0 / *modules as f32 - 1.0)
        };
        let module = (seen(&right) - seen(&left)) / (start(1) - start(0)) as f32;
        let first = seen(&left) - (start(0) as f32 + FINDER_MODULES as f32 / 2.0) * module;
        (module > 0.0).then(|| Spot {
            pose: Pose::between(first, first + module * *modules as f32),
            finders: [left, right].map(|it| [it.finder, it.second.1]),
            likeness: left.likeness.min(right.likeness),
        })
    }

    /// The best place near `start`: on a grid of half a module, then beside its best.
    fn seek(&self, is_second: bool, start: usize, darkness: &[f32]) -> Option<Match> {
        let first = start.saturating_sub(SHIFT_MAX);
        let last = (start + SHIFT_MAX).min(darkness.len() - SPAN);
        let mut best = (None::<Match>, first);
        for at in (first..=last).step_by(2) {
            self.compare(is_second, at, darkness, &mut best);
        }
        let middle = best.1;
        for at in [middle.saturating_sub(1), middle + 1] {
            if (first..=last).contains(&at) {
                self.compare(is_second, at, darkness, &mut best);
            }
        }
        best.0
    }

    fn compare(
        &self,
        is_second: bool,
        at: usize,
        darkness: &[f32],
        best: &mut (Option<Match>, usize),
    ) {
        let window = &darkness[at..at + SPAN];
        let mean = window.iter().sum::<f32>() / SPAN as f32;
        let square = dot(window, window) - mean * mean * SPAN as f32;
        let length = square.max(1e-4).sqrt();
        for template in self.templates.iter().filter(|it| it.is_second == is_second) {
            let likeness = dot(window, &template.wave) / length;
            let finder = template.finder;
            let middle = at as f32 + SPAN as f32 / 2.0;
            match &mut best.0 {
                Some(known) if known.likeness >= likeness => {
                    if finder != known.finder && known.second.0 < likeness {
                        known.second = (likeness, finder);
                    }
                }
                Some(known) => {
                    if known.finder != finder {
                        known.second = (known.likeness, known.finder);
                    }
                    (known.likeness, known.finder, known.middle) = (likeness, finder, middle);
                    best.1 = at;
                }
                none => {
                    let second = (-1.0, (finder + 1) % 9);
                    *none = Some(Match { likeness, finder, second, middle });
                    best.1 = at;
                }
            }
        }
    }
}

/// Fills `found` with where symbols, or rows of so many modules, may begin and end, those with
/// the widest margins first.
pub(super) fn find_ends(
    margins: &mut MarginFinder,
    profile: &[f32],
    samples_per_pixel: f32,
    modules: i32,
    found: &mut Vec<Between>,
) {
    let variation_min = VARIATION_MIN * modules as f32 / 95.0;
    let module = |it: &Between| (it.end - it.start) / modules as f32;
    let rank = |it: &Between| {
        let (module, quiet) = (module(it), it.quiet / module(it));
        let is_worth = module > 0.8 * samples_per_pixel
            && it.light < LIGHT_MODULES_MAX * module
            && quiet > QUIET_MIN
            && it.variation > variation_min;
        is_worth.then_some(quiet.min(12.0))
    };
    margins.between(profile, ENDS_MAX, rank, |it| 0.5 * module(it), found);
}

/// The waveform of a finder pattern among grey.
fn draw(bank: &Bank, blur: usize, finder: usize, is_second: bool) -> [f32; SPAN] {
    const AROUND: i32 = 8;
    const GREY: f32 = 0.45;
    let look = Look { blur, spread: 0 };
    let mut samples = vec![0.0; (FINDER_MODULES + 2 * AROUND) as usize * SAMPLES];
    // A second pair is printed backwards.
    let placed = |(from, to): (u8, u8)| match is_second {
        true => {
            (AROUND + FINDER_MODULES - i32::from(to), AROUND + FINDER_MODULES - i32::from(from))
        }
        false => (AROUND + i32::from(from), AROUND + i32::from(to)),
    };
    bank.add_bar(look, (0, AROUND), GREY, &mut samples);
    bank.add_bar(look, (AROUND + FINDER_MODULES, 2 * AROUND + FINDER_MODULES), GREY, &mut samples);
    for bar in finder_bars(finder, is_second).into_iter().filter(|bar| bar.0 < bar.1) {
        bank.add_bar(look, placed(bar), 1.0, &mut samples);
    }
    let window = &samples[AROUND as usize * SAMPLES..][..SPAN];
    let mean = window.iter().sum::<f32>() / SPAN as f32;
    let length = window.iter().map(|value| (value - mean).powi(2)).sum::<f32>().sqrt();
    std::array::from_fn(|k| (window[k] - mean) / length)
}
