//! One hypothesis about a profile with a Code 128, and making it better: characters are guessed, and
//! place, light and blur corrected by them, in turns.

use super::super::fit::TONES;
use super::super::sheet::{Sheet, View};
use super::super::template::{BLURS, ENTRIES, is_near};
use super::chain::{Chain, Decoded};
use super::symbol::{CHARACTERS_MAX, Values, modules_of};
use super::wave::{Bank, SPAN, STRIDE, TAIL};

/// A guess at everything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hypothesis {
    /// Whether the symbol is read from the far end of the profile.
    pub(super) is_mirrored: bool,
    /// Characters with the stop.
    pub(super) characters: usize,
    pub(super) view: View,
    /// Blur and ink.
    pub(super) look: usize,
    pub(super) values: Values,
    /// The share of the profile's variance that is left unexplained.
    pub(super) unexplained: f32,
}

impl Hypothesis {
    pub(super) fn new(view: View, characters: usize, is_mirrored: bool, look: usize) -> Self {
        let values = [0; CHARACTERS_MAX];
        Self { is_mirrored, characters, view, look, values, unexplained: 1.0 }
    }

    pub(super) const fn modules(&self) -> usize {
        modules_of(self.characters)
    }

    /// Samples of the profile in a module.
    pub(super) fn module(&self) -> f32 {
        (self.view.pose.at(1.0) - self.view.pose.at(-1.0)) / self.modules() as f32
    }

    /// Start, data and check character.
    pub(super) fn body(&self) -> &[u8] {
        &self.values[..self.characters - 1]
    }
}

/// Buffers for fitting.
pub(super) struct Fitter {
    pub(super) bank: Bank,
    pub(super) sheet: Sheet,
    chain: Chain,
}

impl Fitter {
    pub(super) fn new() -> Self {
        Self { bank: Bank::new(), sheet: Sheet::new(TAIL), chain: Chain::new() }
    }

    fn prepare(&mut self, profile: &[f32], hypothesis: &Hypothesis) {
        self.sheet.resize(hypothesis.modules());
        self.sheet.prepare(profile, &hypothesis.view);
        let entry = self.bank.entry(hypothesis.look);
        self.chain.load(entry, hypothesis.characters - 1, &self.sheet.clean);
    }

    /// Guesses characters without any correction; what they leave unexplained.
    pub(super) fn glance(&mut self, profile: &[f32], hypothesis: &mut Hypothesis) {
        self.prepare(profile, hypothesis);
        let path = self.chain.free(self.bank.entry(hypothesis.look));
        let total = super::super::fit::variance(&self.sheet.clean).max(1e-6);
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
            hypothesis.values = self.chain.free(self.bank.entry(hypothesis.look)).values;
            self.correct(profile, hypothesis);
            if round % 2 == 0 {
                self.choose_look(profile, hypothesis, is_first);
            }
        }
    }

    /// Corrects everything else for characters that are held.
    pub(super) fn settle(&mut self, profile: &[f32], hypothesis: &mut Hypothesis, has_look: bool) {
        self.sheet.resize(hypothesis.modules());
        self.correct(profile, hypothesis);
        if !has_look {
            self.choose_look(profile, hypothesis, false);
        }
    }

    /// The best sequences, with everything else as the hypothesis has it.
    pub(super) fn decode(&mut self, profile: &[f32], hypothesis: &Hypothesis) -> Decoded {
        self.prepare(profile, hypothesis);
        self.chain.decode(self.bank.entry(hypothesis.look))
    }

    /// What the character that is explained worst leaves unexplained, in shares of the variance.
    pub(super) fn worst_share(&mut self, profile: &[f32], hypothesis: &Hypothesis) -> f32 {
        self.prepare(profile, hypothesis);
        self.bank.entry(hypothesis.look).draw(hypothesis.body(), &mut self.sheet.drawn);
        self.sheet.worst_share(SPAN, STRIDE)
    }

    fn correct(&mut self, profile: &[f32], hypothesis: &mut Hypothesis) {
        self.bank.entry(hypothesis.look).draw(hypothesis.body(), &mut self.sheet.drawn);
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
        self.bank.entry(hypothesis.look).draw(hypothesis.body(), &mut self.sheet.drawn);
        if let Some((_, light)) = self.sheet.light() {
            hypothesis.view.shading = light;
        }
    }

    fn compare(
        &mut self,
        hypothesis: &Hypothesis,
        look: usize,
        tone: f32,
        best: (f32, usize, f32),
    ) -> (f32, usize, f32) {
        self.bank.entry(look).draw(hypothesis.body(), &mut self.sheet.drawn);
        match self.sheet.light() {
            Some((unexplained, _)) if unexplained < best.0 => (unexplained, look, tone),
            _ => best,
        }
    }
}
