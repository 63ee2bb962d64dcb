//! One hypothesis about a profile with a DataBar, and making it better by least squares: as the
//! reader of EAN does it, from which the unknowns of light and place are taken over.

use super::super::fit::{Pose, TONES, variance};
use super::super::sheet::{Sheet, View};
use super::super::template::{BLURS, is_near};
use super::assign::{Assigner, Decoded, MARGIN, Readings};
use super::symbol::Layout;
use super::waveform::{Look, SPREADS};

/// A guess at everything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hypothesis {
    /// Whether the symbol is read from the far end of the profile.
    pub(super) is_mirrored: bool,
    pub(super) view: View,
    pub(super) look: Look,
    pub(super) readings: Readings,
    /// Whether there are readings yet.
    pub(super) has_guess: bool,
    /// The share of the profile's variance that is left unexplained.
    pub(super) unexplained: f32,
}

/// Buffers for fitting.
pub(super) struct Fitter {
    sheet: Sheet,
    pub(super) assigner: Assigner,
}

impl Fitter {
    pub(super) fn new(layout: &'static Layout) -> Self {
        let mut sheet = Sheet::new(MARGIN as usize);
        sheet.resize(8 * layout.modules as usize);
        Self { sheet, assigner: Assigner::new(layout) }
    }

    /// Samples of the profile in a module.
    pub(super) fn module(&self, hypothesis: &Hypothesis) -> f32 {
        let pose = &hypothesis.view.pose;
        (pose.at(1.0) - pose.at(-1.0)) / self.assigner.layout.modules as f32
    }

    /// A first guess for a symbol between two places, light included; `None` without contrast.
    /// Finder patterns have elements that are wide enough to be black behind any blur here.
    pub(super) fn begin(&mut self, profile: &[f32], pose: Pose) -> Option<Hypothesis> {
        let light = self.sheet.first_light(profile, &pose)?;
        Some(Hypothesis {
            is_mirrored: false,
            view: View::new(pose, light),
            look: Look { blur: 0, spread: 0 },
            readings: Readings::default(),
            has_guess: false,
            unexplained: 1.0,
        })
    }

    /// The darkness of all samples, before any correction.
    pub(super) fn darkness(&mut self, profile: &[f32], hypothesis: &Hypothesis) -> &[f32] {
        self.sheet.take(profile, &hypothesis.view);
        &self.sheet.dark
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
        self.sheet.prepare(profile, &hypothesis.view);
        let clean = &self.sheet.clean;
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
        self.sheet.prepare(profile, &hypothesis.view);
        let Hypothesis { look, readings, .. } = hypothesis;
        let clean = &self.sheet.clean;
        let finders = self.assigner.finders(*look, clean, readings);
        self.assigner.decode(*look, clean, &finders, ranks, Some(readings))
    }

    fn correct(&mut self, profile: &[f32], hypothesis: &mut Hypothesis) {
        self.draw(hypothesis.look, &hypothesis.readings);
        if let Some(unexplained) = self.sheet.correct(profile, &mut hypothesis.view) {
            hypothesis.unexplained = unexplained;
        }
    }

    fn draw(&mut self, look: Look, readings: &Readings) {
        self.assigner.draw(look, readings, &mut self.sheet.drawn);
    }

    /// The blur, then ink and tone, that explain most for these characters. A wide choice takes all
    /// blurs into account, any other only those that look much the same.
    fn choose_look(&mut self, profile: &[f32], hypothesis: &mut Hypothesis, is_wide: bool) {
        self.sheet.take(profile, &hypothesis.view);
        let tone = hypothesis.view.tone;
        let mut best = (f32::INFINITY, hypothesis.look, tone);
        for blur in 0..BLURS {
            if is_wide || is_near(blur, hypothesis.look.blur) {
                let look = Look { blur, ..hypothesis.look };
                best = self.compare(hypothesis, look, tone, best);
            }
        }
        for spread in 0..SPREADS.len() {
            let look = Look { spread, ..best.1 };
            best = self.compare(hypothesis, look, tone, best);
        }
        let look = best.1;
        for tone in TONES {
            self.sheet.darken(&hypothesis.view, tone);
            best = self.compare(hypothesis, look, tone, best);
        }
        (hypothesis.unexplained, hypothesis.look, hypothesis.view.tone) = best;
        self.sheet.darken(&hypothesis.view, hypothesis.view.tone);
        self.draw(hypothesis.look, &hypothesis.readings);
        if let Some((_, light)) = self.sheet.light() {
            hypothesis.view.shading = light;
        }
    }

    fn compare(
        &mut self,
        hypothesis: &Hypothesis,
        look: Look,
        tone: f32,
        best: (f32, Look, f32),
    ) -> (f32, Look, f32) {
        self.draw(look, &hypothesis.readings);
        match self.sheet.light() {
            Some((unexplained, _)) if unexplained < best.0 => (unexplained, look, tone),
            _ => best,
        }
    }
}
