//! One hypothesis about a profile with a DataBar, and making it better by least squares: as the
//! reader of EAN does it, from which the unknowns of light and place are taken over.

use super::super::fit::{
    CONTRAST_MIN, LIGHT, Pose, System, TONES, UNKNOWNS, light_system, variance,
};
use super::super::template::{BLURS, SAMPLES, is_near};
use super::assign::{Assigner, COUNT, Decoded, MARGIN, Readings};
use super::symbol::MODULES;
use super::waveform::{Look, SPREADS};

/// A guess at everything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hypothesis {
    /// Whether the symbol is read from the far end of the profile.
    pub(super) is_mirrored: bool,
    /// Where it lies: -1 is the start of the first bar, 1 the end of the last.
    pub(super) pose: Pose,
    /// White level as a line over place, and contrast.
    pub(super) light: [f32; 3],
    /// Corrections of both, in units of the contrast.
    pub(super) shading: [f32; LIGHT],
    pub(super) look: Look,
    pub(super) tone: f32,
    pub(super) readings: Readings,
    /// Whether there are readings yet.
    pub(super) has_guess: bool,
    /// The share of the profile's variance that is left unexplained.
    pub(super) unexplained: f32,
}

impl Hypothesis {
    /// Samples of the profile in a module.
    pub(super) fn module(&self) -> f32 {
        (self.pose.at(1.0) - self.pose.at(-1.0)) / MODULES as f32
    }
}

/// Buffers for fitting.
pub(super) struct Fitter {
    raw: [f32; COUNT],
    dark: [f32; COUNT],
    clean: [f32; COUNT],
    drawn: [f32; COUNT],
    /// Places of the samples.
    places: [f32; COUNT],
    pub(super) assigner: Assigner,
}

/// Place of sample `k`, from -1 at the first bar to 1 at the last.
fn place(k: usize) -> f32 {
    let module = (k as f32 + 0.5) / SAMPLES as f32 - MARGIN as f32;
    module * 2.0 / MODULES as f32 - 1.0
}

impl Fitter {
    pub(super) fn new() -> Self {
        Self {
            raw: [0.0; COUNT],
            dark: [0.0; COUNT],
            clean: [0.0; COUNT],
            drawn: [0.0; COUNT],
            places: std::array::from_fn(place),
            assigner: Assigner::new(),
        }
    }

    /// A first guess for a symbol between two places, light included; `None` without contrast.
    pub(super) fn begin(&mut self, profile: &[f32], pose: Pose) -> Option<Hypothesis> {
        self.sample(profile, &pose);
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
        let edge = (MARGIN - 1) as usize * SAMPLES;
        let (left, right) = (mean(&self.raw[..edge]), mean(&self.raw[COUNT - edge..]));
        let white = (left + right) / 2.0;
        // Finder patterns have elements that are wide enough to be black behind any blur here.
        let mut sorted = self.raw;
        sorted.sort_unstable_by(f32::total_cmp);
        let contrast = white - mean(&sorted[..COUNT / 20]);
        (contrast > CONTRAST_MIN).then_some(Hypothesis {
            is_mirrored: false,
            pose,
            light: [white, (right - left) / 2.0, contrast],
            shading: [0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
            look: Look { blur: 0, spread: 0 },
            tone: TONES[0],
            readings: Readings::default(),
            has_guess: false,
            unexplained: 1.0,
        })
    }

    /// The darkness of all samples, before any correction.
    pub(super) fn darkness(&mut self, profile: &[f32], hypothesis: &Hypothesis) -> &[f32] {
        self.sample(profile, &hypothesis.pose);
        self.darken(hypothesis, hypothesis.tone);
        &self.dark
    }

    fn sample(&mut self, profile: &[f32], pose: &Pose) {
        let last = profile.len() - 1;
        for k in 0..COUNT {
            let x = pose.at(place(k)).clamp(0.0, last as f32);
            let at = (x as usize).min(last - 1);
            self.raw[k] = profile[at] + (profile[at + 1] - profile[at]) * (x - at as f32);
        }
    }

    /// Darkness by the first light and the tone: 0 is white, 1 is black.
    fn darken(&mut self, hypothesis: &Hypothesis, tone: f32) {
        let [white, slope, contrast] = hypothesis.light;
        for k in 0..COUNT {
            let z = (white + slope * place(k) - self.raw[k]) / contrast;
            let inside = z.clamp(0.0, 1.0);
            self.dark[k] = z + tone * inside * (1.0 - inside);
        }
    }

    fn prepare(&mut self, profile: &[f32], hypothesis: &Hypothesis) {
        self.sample(profile, &hypothesis.pose);
        self.darken(hypothesis, hypothesis.tone);
        let [a, b, c, d, e, f] = hypothesis.shading;
        for k in 0..COUNT {
            let t = place(k);
            let gain = (d + t * (e + t * f)).clamp(0.4, 2.5);
            self.clean[k] = (self.dark[k] - a - t * (b + t * c)) / gain;
        }
    }

    /// The unexplained share if characters are free, without any correction, for the best of some
    /// blurs: the coarse look, with the finder patterns given.
    pub(super) fn glance(
        &mut self,
        profile: &[f32],
        hypothesis: &mut Hypothesis,
        finders: &[[u8; 2]; 2],
        blurs: &[usize],
    ) {
        self.prepare(profile, hypothesis);
        let clean = &self.clean;
        let total = variance(clean);
        for blur in blurs {
            let look = Look { blur: *blur, spread: 0 };
            let decoded = self.assigner.decode(look, clean, finders, 2, None);
            let unexplained = decoded.free.cost / total;
            if unexplained < hypothesis.unexplained {
                hypothesis.unexplained = unexplained;
                hypothesis.look = look;
                hypothesis.readings = decoded.free.readings;
                hypothesis.has_guess = true;
            }
        }
    }

    /// Guesses characters, corrects light, place and blur by them, `rounds` times; the first time
    /// all blurs are tried.
    pub(super) fn refine(
        &mut self,
        profile: &[f32],
        hypothesis: &mut Hypothesis,
        rounds: usize,
        is_first: bool,
    ) {
        for round in 0..rounds {
            if !hypothesis.has_guess {
                return;
            }
            hypothesis.readings = self.decode(profile, hypothesis, 1).free.readings;
            self.correct(profile, hypothesis);
            if round % 2 == 0 {
                self.choose_look(profile, hypothesis, is_first);
            }
        }
    }

    /// Corrects everything else for characters that are held.
    pub(super) fn settle(&mut self, profile: &[f32], hypothesis: &mut Hypothesis, has_look: bool) {
        self.correct(profile, hypothesis);
        if !has_look {
            self.choose_look(profile, hypothesis, false);
        }
    }

    /// The best readings, with everything else as the hypothesis has it.
    pub(super) fn decode(
        &mut self,
        profile: &[f32],
        hypothesis: &Hypothesis,
        ranks: usize,
    ) -> Decoded {
        self.prepare(profile, hypothesis);
        let Hypothesis { look, readings, .. } = hypothesis;
        let clean = &self.clean;
        let finders = self.assigner.finders(*look, clean, readings);
        self.assigner.decode(*look, clean, &finders, ranks, Some(readings))
    }

    /// One Gauss-Newton step for light and place.
    fn correct(&mut self, profile: &[f32], hypothesis: &mut Hypothesis) {
        self.sample(profile, &hypothesis.pose);
        self.darken(hypothesis, hypothesis.tone);
        let drawn = &mut self.drawn;
        self.assigner.draw(hypothesis.look, &hypothesis.readings, drawn);
        let mut system = System::<UNKNOWNS>::new();
        for k in 0..COUNT {
            let (t, b) = (place(k), drawn[k]);
            let slope = (drawn[(k + 1).min(COUNT - 1)] - drawn[k.saturating_sub(1)])
                * (SAMPLES as f32 / 2.0);
            let (bt, st) = (b * t, slope * t);
            let row = [1.0, t, t * t, b, bt, bt * t, slope, st, st * t, st * t * t];
            system.add(&row, self.dark[k]);
        }
        let Some(solution) = system.solve() else { return };
        hypothesis.shading.copy_from_slice(&solution[..LIGHT]);
        hypothesis.unexplained = system.rest(&solution) / variance(&self.dark).max(1e-6);
        let module = hypothesis.module();
        let mut pose = hypothesis.pose;
        for (term, shift) in pose.terms.iter_mut().zip(&solution[LIGHT..]) {
            // The profile shows at its place what the model has a little further on.
            *term -= (shift / solution[3].max(0.3)).clamp(-0.5, 0.5) * module;
        }
        if pose.is_sane() {
            hypothesis.pose = pose;
        }
    }

    /// The blur, then ink and tone, that explain most for these characters. A wide choice takes all
    /// blurs into account, any other only those that look much the same.
    fn choose_look(&mut self, profile: &[f32], hypothesis: &mut Hypothesis, is_wide: bool) {
        self.sample(profile, &hypothesis.pose);
        let mut best = (f32::INFINITY, hypothesis.look, hypothesis.tone);
        self.darken(hypothesis, hypothesis.tone);
        for blur in 0..BLURS {
            if is_wide || is_near(blur, hypothesis.look.blur) {
                let look = Look { blur, ..hypothesis.look };
                best = self.compare(hypothesis, look, hypothesis.tone, best);
            }
        }
        for spread in 0..SPREADS.len() {
            let look = Look { spread, ..best.1 };
            best = self.compare(hypothesis, look, hypothesis.tone, best);
        }
        let look = best.1;
        for tone in TONES {
            self.darken(hypothesis, tone);
            best = self.compare(hypothesis, look, tone, best);
        }
        (hypothesis.unexplained, hypothesis.look, hypothesis.tone) = best;
        self.darken(hypothesis, hypothesis.tone);
        if let Some((_, light)) = self.light(hypothesis, hypothesis.look) {
            hypothesis.shading = light;
        }
    }

    fn compare(
        &mut self,
        hypothesis: &Hypothesis,
        look: Look,
        tone: f32,
        best: (f32, Look, f32),
    ) -> (f32, Look, f32) {
        match self.light(hypothesis, look) {
            Some((unexplained, _)) if unexplained < best.0 => (unexplained, look, tone),
            _ => best,
        }
    }

    /// What is left unexplained with the best light, and that light.
    fn light(&mut self, hypothesis: &Hypothesis, look: Look) -> Option<(f32, [f32; LIGHT])> {
        let drawn = &mut self.drawn;
        self.assigner.draw(look, &hypothesis.readings, drawn);
        let system = light_system(&self.places, drawn, &self.dark);
        let solution = system.solve()?;
        let total = variance(&self.dark).max(1e-6);
        (solution[3] > 0.2).then(|| (system.rest(&solution) / total, solution))
    }
}
