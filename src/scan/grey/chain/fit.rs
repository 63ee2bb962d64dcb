//! One hypothesis about a profile with characters in a row, and making it better: characters are
//! guessed, and place, light and blur corrected by them, in turns.

use super::code::{CHARACTERS_MAX, Code, Values};
use super::paths::{Chain, Decoded};
use super::wave::{Bank, TAIL};
use crate::grey::fit::{TONES, variance};
use crate::grey::sheet::{Sheet, View};
use crate::grey::template::{BLURS, ENTRIES, SAMPLES, is_near};

/// Samples of a stretch that must be explained by itself: a character of Code 128, or a digit of
/// ITF, and what blur moves out of it.
const STRETCH: usize = 19 * SAMPLES;
/// Samples from one to the next.
const STRETCH_STEP: usize = 11 * SAMPLES;

/// A guess at everything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hypothesis {
    /// Whether the symbol is read from the far end of the profile.
    pub(super) is_mirrored: bool,
    /// The way to print.
    pub(super) style: usize,
    /// Characters.
    pub(super) count: usize,
    /// Modules from the first bar to the last.
    pub(super) modules: f32,
    pub(super) view: View,
    /// Blur and ink.
    pub(super) look: usize,
    pub(super) values: Values,
    /// The share of the profile's variance that is left unexplained.
    pub(super) unexplained: f32,
}

impl Hypothesis {
    pub(super) fn new<C: Code>(view: View, style: usize, count: usize, look: usize) -> Self {
        Self {
            is_mirrored: false,
            style,
            count,
            modules: C::eighths(style, count) as f32 / 8.0,
            view,
            look,
            values: [0; CHARACTERS_MAX],
            unexplained: 1.0,
        }
    }

    /// Samples of the profile in a module.
    pub(super) fn module(&self) -> f32 {
        (self.view.pose.at(1.0) - self.view.pose.at(-1.0)) / self.modules
    }

    /// The characters.
    pub(super) fn body(&self) -> &[u8] {
        &self.values[..self.count]
    }
}

/// The ways to print that look most like one.
pub(super) fn styles_beside<C: Code>(style: usize) -> impl Iterator<Item = usize> {
    let beside = [style.checked_sub(1), Some(style + 1)];
    beside.into_iter().flatten().filter(|style| *style < C::STYLES)
}

/// Buffers for fitting.
pub(super) struct Fitter<C> {
    pub(super) bank: Bank<C>,
    pub(super) sheet: Sheet,
    chain: Chain<C>,
}

impl<C: Code> Fitter<C> {
    pub(super) fn new() -> Self {
        Self { bank: Bank::new(), sheet: Sheet::new(TAIL), chain: Chain::new() }
    }

    /// Makes room for a symbol.
    pub(super) fn lay_out(&mut self, style: usize, count: usize) {
        self.sheet.resize(C::eighths(style, count));
    }

    fn prepare(&mut self, profile: &[f32], hypothesis: &Hypothesis) {
        self.lay_out(hypothesis.style, hypothesis.count);
        self.sheet.prepare(profile, &hypothesis.view);
        let entry = self.bank.entry(hypothesis.style, hypothesis.look);
        self.chain.load(entry, hypothesis.count, &self.sheet.clean);
    }

    /// Guesses characters without any correction; what they leave unexplained.
    pub(super) fn glance(&mut self, profile: &[f32], hypothesis: &mut Hypothesis) {
        self.prepare(profile, hypothesis);
        let path = self.chain.free(self.bank.entry(hypothesis.style, hypothesis.look));
        let total = variance(&self.sheet.clean).max(1e-6);
        hypothesis.values = path.values;
        hypothesis.unexplained = path.cost / total;
    }

    /// Guesses characters, corrects everything else by them, `rounds` times; the first time all
    /// blurs are tried.
    pub(super) fn refine(
        &mut self,
        profile: &[f32],
        hypothesis: &mut Hypothesis,
        rounds: usize,
        is_first: bool,
    ) {
        for round in 0..rounds {
            self.prepare(profile, hypothesis);
            let entry = self.bank.entry(hypothesis.style, hypothesis.look);
            hypothesis.values = self.chain.free(entry).values;
            self.correct(profile, hypothesis);
            if round % 2 == 0 {
                self.choose_look(profile, hypothesis, is_first);
                self.choose_style(profile, hypothesis);
            }
        }
    }

    /// Corrects everything else for characters that are held.
    pub(super) fn settle(&mut self, profile: &[f32], hypothesis: &mut Hypothesis, has_look: bool) {
        self.lay_out(hypothesis.style, hypothesis.count);
        self.correct(profile, hypothesis);
        if !has_look {
            self.choose_look(profile, hypothesis, false);
        }
    }

    /// The best sequences, with everything else as the hypothesis has it.
    pub(super) fn decode(&mut self, profile: &[f32], hypothesis: &Hypothesis) -> Decoded {
        self.prepare(profile, hypothesis);
        self.chain.decode(self.bank.entry(hypothesis.style, hypothesis.look))
    }

    /// What the stretch that is explained worst leaves unexplained, in shares of the variance.
    pub(super) fn worst_share(&mut self, profile: &[f32], hypothesis: &Hypothesis) -> f32 {
        self.prepare(profile, hypothesis);
        let entry = self.bank.entry(hypothesis.style, hypothesis.look);
        entry.draw(hypothesis.body(), &mut self.sheet.drawn);
        self.sheet.worst_share(STRETCH, STRETCH_STEP)
    }

    fn draw(&mut self, hypothesis: &Hypothesis, look: usize) {
        let entry = self.bank.entry(hypothesis.style, look);
        entry.draw(hypothesis.body(), &mut self.sheet.drawn);
    }

    fn correct(&mut self, profile: &[f32], hypothesis: &mut Hypothesis) {
        self.draw(hypothesis, hypothesis.look);
        if let Some(unexplained) = self.sheet.correct(profile, &mut hypothesis.view) {
            hypothesis.unexplained = unexplained;
        }
    }

    /// The blur, then ink and tone, that explain most for these characters. A wide choice takes all
    /// blurs into account, any other only those that look much the same.
    fn choose_look(&mut self, profile: &[f32], hypothesis: &mut Hypothesis, is_wide: bool) {
        self.sheet.take(profile, &hypothesis.view);
        let now = hypothesis.look;
        let mut best = (f32::INFINITY, now, hypothesis.view.tone);
        for blur in 0..BLURS {
            if is_wide || is_near(blur, now % BLURS) {
                let look = now / BLURS * BLURS + blur;
                best = self.compare(hypothesis, look, hypothesis.view.tone, best);
            }
        }
        for look in (best.1 % BLURS..ENTRIES).step_by(BLURS) {
            best = self.compare(hypothesis, look, hypothesis.view.tone, best);
        }
        let look = best.1;
        for tone in TONES {
            self.sheet.darken(&hypothesis.view, tone);
            best = self.compare(hypothesis, look, tone, best);
        }
        (hypothesis.unexplained, hypothesis.look, hypothesis.view.tone) = best;
        self.sheet.darken(&hypothesis.view, hypothesis.view.tone);
        self.draw(hypothesis, hypothesis.look);
        if let Some((_, light)) = self.sheet.light() {
            hypothesis.view.shading = light;
        }
    }

    /// The way to print, of those beside the present one, that explains most.
    fn choose_style(&mut self, profile: &[f32], hypothesis: &mut Hypothesis) {
        for style in styles_beside::<C>(hypothesis.style) {
            let modules = C::eighths(style, hypothesis.count) as f32 / 8.0;
            let other = Hypothesis { style, modules, ..*hypothesis };
            self.lay_out(style, other.count);
            self.sheet.take(profile, &other.view);
            self.draw(&other, other.look);
            if let Some((unexplained, shading)) = self.sheet.light()
                && unexplained < hypothesis.unexplained
            {
                let view = View { shading, ..other.view };
                *hypothesis = Hypothesis { unexplained, view, ..other };
            }
        }
    }

    fn compare(
        &mut self,
        hypothesis: &Hypothesis,
        look: usize,
        tone: f32,
        best: (f32, usize, f32),
    ) -> (f32, usize, f32) {
        self.draw(hypothesis, look);
        match self.sheet.light() {
            Some((unexplained, _)) if unexplained < best.0 => (unexplained, look, tone),
            _ => best,
        }
    }
}
