//! Where a symbol may lie on a profile, and of how many characters: between two light margins, with
//! a start character behind the one and the stop character before the other.
//!
//! How wide a module is nobody says: for every number of characters it is another, and only with the
//! right one do both ends look as they must. Start and stop are four patterns with the margin beside
//! them, so that all numbers are tried, and whatever has none of them costs nothing more.

use super::symbol::{CHARACTER, CHARACTERS_MIN, DATA, STOP_MODULES, VALUES, modules_of};
use crate::grey::chain::code::{CHARACTERS_MAX, Code, Gate};
use crate::grey::chain::ends::{self, Spot};
use crate::grey::chain::wave::{Bank, Entry, LEAD, TAIL};
use crate::grey::fit::{Pose, TONES};
use crate::grey::margin::{Between, MarginFinder};
use crate::grey::template::{COARSE, SAMPLES, dot};

/// Samples of a character.
const STRIDE: usize = CHARACTER * SAMPLES;

/// Modules of the margin that belong to a pattern.
const QUIET: usize = 2;
/// Samples of the start character and of the stop character with their margins.
const START_SPAN: usize = STRIDE + QUIET * SAMPLES;
const STOP_SPAN: usize = (STOP_MODULES + QUIET) * SAMPLES;
/// How far from its place by the margins a pattern is looked for, in samples: what a blurred bar at
/// the end may be taken for less or more.
const SHIFT_MAX: usize = SAMPLES + SAMPLES / 2;
/// Correlation with a pattern below which it is none.
const LIKENESS_MIN: f32 = 0.91;
/// The same while perspective is not regarded.
const FIRST_LIKENESS_MIN: f32 = 0.75;
/// How large the first modules are against the mean; the last are as much smaller or larger.
const SLANTS: [f32; 4] = [0.92, 1.08, 0.84, 1.16];
/// The narrower margin in modules.
const QUIET_MODULES_MIN: f32 = 4.0;
/// Ups and downs of the profile, in contrasts, for a character: three bars that are seen whole, with noise, and what is
/// left of them behind the heaviest blur.
const VARIATION_OF_CHARACTER: std::ops::Range<f32> = 0.4..7.0;
/// The smallest module, in pixels.
const MODULE_PIXELS_MIN: f32 = 0.9;
/// The widest module, in pixels: of a wider one the edges are seen behind any blur.
const MODULE_PIXELS_MAX: f32 = 12.0;

/// A pattern behind one blur, of mean zero and length one.
struct Template<const N: usize> {
    wave: [f32; N],
    /// Its length before, for the contrast.
    length: f32,
    look: usize,
}

/// The best place of a pattern.
#[derive(Clone, Copy)]
struct Match {
    likeness: f32,
    /// Samples from where it was looked for.
    shift: f32,
    look: usize,
    /// Its contrast in the units of the window.
    contrast: f32,
}

/// Finds symbols by their ends; keeps its templates.
#[derive(Default)]
pub(in crate::grey) struct PatternGate {
    starts: Vec<Template<START_SPAN>>,
    stops: Vec<Template<STOP_SPAN>>,
    ends: Vec<Between>,
}

impl Gate for PatternGate {
    fn find<C: Code>(
        &mut self,
        bank: &mut Bank<C>,
        margins: &mut MarginFinder,
        profiles: [&[f32]; 2],
        samples_per_pixel: f32,
        spots: &mut Vec<Spot>,
    ) {
        let shortest = modules_of(CHARACTERS_MIN) as f32 * MODULE_PIXELS_MIN * samples_per_pixel;
        ends::find(margins, profiles[0], samples_per_pixel, shortest, &mut self.ends);
        if self.ends.is_empty() {
            return;
        }
        if self.starts.is_empty() {
            self.fill(bank);
        }
        for index in 0..self.ends.len() {
            for is_mirrored in [false, true] {
                let profile = profiles[usize::from(is_mirrored)];
                self.look_between(profile, self.ends[index], is_mirrored, samples_per_pixel, spots);
            }
        }
    }
}

impl PatternGate {
    /// Draws the patterns: not before they are needed.
    fn fill<C: Code>(&mut self, bank: &mut Bank<C>) {
        for look in COARSE {
            let entry = bank.entry(0, look);
            for value in DATA..VALUES {
                self.starts.push(Template::new(look, &start_of(entry, value)));
            }
            self.stops.push(Template::new(look, &stop_of(entry)));
        }
    }

    /// All numbers of characters between two ends.
    fn look_between(
        &self,
        profile: &[f32],
        ends: Between,
        is_mirrored: bool,
        samples_per_pixel: f32,
        spots: &mut Vec<Spot>,
    ) {
        let (from, to) = ends.on(profile.len(), is_mirrored);
        for characters in CHARACTERS_MIN..=CHARACTERS_MAX {
            let module = (to - from) / modules_of(characters) as f32;
            if module < MODULE_PIXELS_MIN * samples_per_pixel {
                break;
            }
            if module > MODULE_PIXELS_MAX * samples_per_pixel
                || ends.quiet < QUIET_MODULES_MIN * module
                || !VARIATION_OF_CHARACTER.contains(&(ends.variation / characters as f32))
            {
                continue;
            }
            if let Some(spot) = self.look(profile, (from, to), characters) {
                let spot = Spot { is_mirrored, ..spot };
                let module =
                    (spot.pose.at(1.0) - spot.pose.at(-1.0)) / modules_of(characters) as f32;
                ends::keep(spots, spot, module);
            }
        }
    }

    /// Both patterns at the ends of a symbol of so many characters; `None` without.
    fn look(&self, profile: &[f32], ends: (f32, f32), characters: usize) -> Option<Spot> {
        let mut best = self.look_slanted(profile, ends, characters, 1.0)?;
        if best.likeness < FIRST_LIKENESS_MIN {
            return None;
        }
        for slant in SLANTS {
            if let Some(spot) = self.look_slanted(profile, ends, characters, slant) {
                best = if spot.likeness > best.likeness { spot } else { best };
            }
        }
        (best.likeness > LIKENESS_MIN).then_some(best)
    }

    fn look_slanted(
        &self,
        profile: &[f32],
        (from, to): (f32, f32),
        characters: usize,
        slant: f32,
    ) -> Option<Spot> {
        let module = (to - from) / modules_of(characters) as f32;
        let (first, last) = (module * slant, module * (2.0 - slant));
        let mut window = [0.0; STOP_SPAN + 2 * SHIFT_MAX];
        sample(profile, to - STOP_MODULES as f32 * last, last, 0, &mut window);
        let stop = seek(&self.stops, &window)?;
        if stop.likeness < FIRST_LIKENESS_MIN {
            return None;
        }
        let mut window = [0.0; START_SPAN + 2 * SHIFT_MAX];
        sample(profile, from, first, QUIET, &mut window);
        let start = seek(&self.starts, &window)?;
        let pitch = 1.0 / SAMPLES as f32;
        let seen = (from + start.shift * first * pitch, to + stop.shift * last * pitch);
        let better = if stop.likeness > start.likeness { stop } else { start };
        Some(Spot {
            pose: Pose::between(seen.0, seen.1),
            style: 0,
            count: characters - 1,
            is_mirrored: false,
            likeness: start.likeness.min(stop.likeness),
            look: better.look,
            slant,
            contrast: (start.contrast + stop.contrast) / 2.0,
        })
    }
}

/// Samples around a pattern whose first bar begins at `from`, `lead` modules and the greatest shift
/// before it.
fn sample(profile: &[f32], from: f32, module: f32, lead: usize, window: &mut [f32]) {
    let last = profile.len() - 1;
    let pitch = module / SAMPLES as f32;
    let first = from + (0.5 - (lead * SAMPLES + SHIFT_MAX) as f32) * pitch;
    for (k, value) in window.iter_mut().enumerate() {
        let x = (first + k as f32 * pitch).clamp(0.0, last as f32);
        let at = (x as usize).min(last - 1);
        *value = profile[at] + (profile[at + 1] - profile[at]) * (x - at as f32);
    }
}

/// The best of all templates and shifts, on a grid of half a module, then beside its best.
fn seek<const N: usize>(templates: &[Template<N>], window: &[f32]) -> Option<Match> {
    let mut best = None::<Match>;
    let compare = |at: usize, best: &mut Option<Match>| {
        let part = &window[at..at + N];
        let mean = part.iter().sum::<f32>() / N as f32;
        let square = dot(part, part) - mean * mean * N as f32;
        let length = square.max(1.0).sqrt();
        for template in templates {
            // Grey values are dark where they are low.
            let product = -dot(part, &template.wave);
            let likeness = product / length;
            if best.is_none_or(|known| known.likeness < likeness) {
                *best = Some(Match {
                    likeness,
                    shift: at as f32 - SHIFT_MAX as f32,
                    look: template.look,
                    contrast: product / template.length,
                });
            }
        }
    };
    for at in (0..=2 * SHIFT_MAX).step_by(2) {
        compare(at, &mut best);
    }
    let middle = (best?.shift + SHIFT_MAX as f32) as usize;
    for at in [middle.saturating_sub(1), (middle + 1).min(2 * SHIFT_MAX)] {
        compare(at, &mut best);
    }
    best
}

impl<const N: usize> Template<N> {
    fn new(look: usize, wave: &[f32; N]) -> Self {
        let wave = wave.map(as_seen);
        let mean = wave.iter().sum::<f32>() / N as f32;
        let length = wave.iter().map(|value| (value - mean).powi(2)).sum::<f32>().sqrt();
        Self { wave: wave.map(|value| (value - mean) / length), length, look }
    }
}

/// Darkness behind the usual curve of tone, which fitting takes out.
fn as_seen(darkness: f32) -> f32 {
    let tone = TONES[0];
    let half = (1.0 + tone) / 2.0;
    (half - (half * half - tone * darkness.min(1.0)).sqrt()) / tone
}

/// The mean of all characters of data: what stands beside a pattern is not known.
fn any_character(entry: &Entry, sample: usize) -> f32 {
    (0..DATA).filter_map(|value| entry.wave(value).get(sample)).sum::<f32>() / DATA as f32
}

/// A start character behind its margin and before any character.
fn start_of(entry: &Entry, value: usize) -> [f32; START_SPAN] {
    let lead = (TAIL - QUIET) * SAMPLES;
    std::array::from_fn(|k| {
        let at = k + lead;
        let next = at.checked_sub(STRIDE).map_or(0.0, |at| any_character(entry, at));
        entry.wave(value)[at] + next
    })
}

/// The stop character behind any character and before its margin.
fn stop_of(entry: &Entry) -> [f32; STOP_SPAN] {
    std::array::from_fn(|k| {
        let at = k + LEAD;
        entry.stop[at] + any_character(entry, at + STRIDE)
    })
}
