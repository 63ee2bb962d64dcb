//! A symbol of any length laid out module by module: its samples under a guess at place and light,
//! and the least-squares corrections of both.
//!
//! What stands in the symbol is the caller's business, who draws it into [`Sheet::drawn`]. The
//! unknowns are those of the reader of EAN: white level and contrast as parabolas of place, place as
//! a cubic.

use super::fit::{
    CONTRAST_MIN, LIGHT, Pose, System, TONES, UNKNOWNS, light_system, variance, worst_share,
};
use super::template::SAMPLES;

/// A guess at place, light and tone.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Where the symbol lies: -1 is the start of the first bar, 1 the end of the last.
    pub(super) pose: Pose,
    /// White level as a line over place, and contrast.
    pub(super) light: [f32; 3],
    /// Corrections of both, in units of the contrast.
    pub(super) shading: [f32; LIGHT],
    pub(super) tone: f32,
}

impl View {
    /// Without corrections.
    pub(super) fn new(pose: Pose, light: [f32; 3]) -> Self {
        Self { pose, light, shading: [0.0, 0.0, 0.0, 1.0, 0.0, 0.0], tone: TONES[0] }
    }
}

/// Samples of one symbol; keeps its memory.
pub(super) struct Sheet {
    /// Eighths of a module from the first bar to the last.
    eighths: usize,
    /// Modules beside the symbol that are compared.
    margin: usize,
    /// Places of the samples, from -1 at the first bar to 1 at the last.
    places: Vec<f32>,
    raw: Vec<f32>,
    /// Darkness by the first light and the tone: 0 is white, 1 is black.
    pub(super) dark: Vec<f32>,
    /// The same with the corrections of the light taken out.
    pub(super) clean: Vec<f32>,
    /// The symbol as it is guessed.
    pub(super) drawn: Vec<f32>,
}

impl Sheet {
    /// For symbols beside which `margin` modules are compared.
    pub(super) fn new(margin: usize) -> Self {
        Self {
            eighths: 0,
            margin,
            places: Vec::new(),
            raw: Vec::new(),
            dark: Vec::new(),
            clean: Vec::new(),
            drawn: Vec::new(),
        }
    }

    /// Makes room for a symbol of so many eighths of a module.
    pub(super) fn resize(&mut self, eighths: usize) {
        const IN_SAMPLE: usize = 8 / SAMPLES;
        if self.eighths == eighths {
            return;
        }
        self.eighths = eighths;
        let count = eighths.div_ceil(IN_SAMPLE) + 2 * self.margin * SAMPLES;
        let place = |k: usize| {
            let module = (k as f32 + 0.5) / SAMPLES as f32 - self.margin as f32;
            module * 16.0 / eighths as f32 - 1.0
        };
        self.places.clear();
        self.places.extend((0..count).map(place));
        for buffer in [&mut self.raw, &mut self.dark, &mut self.clean, &mut self.drawn] {
            buffer.clear();
            buffer.resize(count, 0.0);
        }
    }

    /// White level and slope from the margins of a symbol, and its darkest twentieth as black;
    /// `None` without contrast.
    pub(super) fn first_light(&mut self, profile: &[f32], pose: &Pose) -> Option<[f32; 3]> {
        self.sample(profile, pose);
        let count = self.raw.len();
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
        let edge = (self.margin - 1) * SAMPLES;
        let (left, right) = (mean(&self.raw[..edge]), mean(&self.raw[count - edge..]));
        let white = (left + right) / 2.0;
        self.clean.copy_from_slice(&self.raw);
        self.clean.sort_unstable_by(f32::total_cmp);
        let contrast = white - mean(&self.clean[..count / 20]);
        (contrast > CONTRAST_MIN).then_some([white, (right - left) / 2.0, contrast])
    }

    fn sample(&mut self, profile: &[f32], pose: &Pose) {
        let last = profile.len() - 1;
        for (value, t) in self.raw.iter_mut().zip(&self.places) {
            let x = pose.at(*t).clamp(0.0, last as f32);
            let at = (x as usize).min(last - 1);
            *value = profile[at] + (profile[at + 1] - profile[at]) * (x - at as f32);
        }
    }

    /// Darkness of what was sampled last.
    pub(super) fn darken(&mut self, view: &View, tone: f32) {
        let [white, slope, contrast] = view.light;
        for ((dark, raw), t) in self.dark.iter_mut().zip(&self.raw).zip(&self.places) {
            let z = (white + slope * t - raw) / contrast;
            let inside = z.clamp(0.0, 1.0);
            *dark = z + tone * inside * (1.0 - inside);
        }
    }

    /// Takes the samples of a view, up to their darkness.
    pub(super) fn take(&mut self, profile: &[f32], view: &View) {
        self.sample(profile, &view.pose);
        self.darken(view, view.tone);
    }

    /// The same, up to what is clean.
    pub(super) fn prepare(&mut self, profile: &[f32], view: &View) {
        self.take(profile, view);
        let [a, b, c, d, e, f] = view.shading;
        for ((clean, dark), t) in self.clean.iter_mut().zip(&self.dark).zip(&self.places) {
            let gain = (d + t * (e + t * f)).clamp(0.4, 2.5);
            *clean = (dark - a - t * (b + t * c)) / gain;
        }
    }

    /// One Gauss-Newton step for light and place, by what is drawn; what is left unexplained.
    pub(super) fn correct(&mut self, profile: &[f32], view: &mut View) -> Option<f32> {
        self.take(profile, view);
        let (count, drawn) = (self.drawn.len(), &self.drawn);
        let mut system = System::<UNKNOWNS>::new();
        for (k, (t, dark)) in self.places.iter().zip(&self.dark).enumerate() {
            let b = drawn[k];
            let slope = (drawn[(k + 1).min(count - 1)] - drawn[k.saturating_sub(1)])
                * (SAMPLES as f32 / 2.0);
            let (bt, st) = (b * t, slope * t);
            let row = [1.0, *t, t * t, b, bt, bt * t, slope, st, st * t, st * t * t];
            system.add(&row, *dark);
        }
        let solution = system.solve()?;
        view.shading.copy_from_slice(&solution[..LIGHT]);
        let module = (view.pose.at(1.0) - view.pose.at(-1.0)) * 8.0 / self.eighths as f32;
        let mut pose = view.pose;
        for (term, shift) in pose.terms.iter_mut().zip(&solution[LIGHT..]) {
            // The profile shows at its place what the model has a little further on.
            *term -= (shift / solution[3].max(0.3)).clamp(-0.5, 0.5) * module;
        }
        if pose.is_sane() {
            view.pose = pose;
        }
        Some(system.rest(&solution) / variance(&self.dark).max(1e-6))
    }

    /// What is left unexplained of the present darkness by what is drawn with the best light, and
    /// that light.
    pub(super) fn light(&self) -> Option<(f32, [f32; LIGHT])> {
        let system = light_system(&self.places, &self.drawn, &self.dark);
        let solution = system.solve()?;
        let total = variance(&self.dark).max(1e-6);
        (solution[3] > 0.2).then(|| (system.rest(&solution) / total, solution))
    }

    /// The same as [`Self::light`] for the part of the samples that deviates most: what is cleaned
    /// and drawn is compared over `span` samples at every `stride`, in shares of the variance.
    pub(super) fn worst_share(&self, span: usize, stride: usize) -> f32 {
        worst_share(&self.clean, &self.drawn, span, stride)
    }
}
