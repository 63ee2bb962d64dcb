//! Codes of characters in a row (Code 128, ITF) from grey values, in the manner of the EAN reader
//! beside it.
//!
//! ```text
//! profile -> margins -> what begins and ends a symbol of that code (its gate)
//!         -> best characters <-> light, place, blur (fit)
//!         -> best and second best sequence (paths) -> both refitted: is the best far better, do the
//!            upper and the lower rows say the same by themselves, would a printer make it?
//! ```
//! Sources: E. Tekin, J. Coughlan, "A Bayesian algorithm for reading 1D barcodes", CRV 2009;
//! O. Gallo, R. Manduchi, "Reading 1D barcodes with mobile phones using deformable templates", IEEE
//! PAMI 33(9), 2011. Must never report a text that only fits best: a character is one of a hundred
//! and there may be forty of them, so that noise is explained in more ways than by the digits of an
//! EAN, and of some codes nobody knows beforehand how many there are.

pub(super) mod code;
pub(super) mod ends;
mod fit;
mod paths;
pub(super) mod wave;

use super::GreyRead;
use super::bundle::Bundle;
use super::margin::MarginFinder;
use super::sheet::View;
use super::symbol::Text;
use super::template::{BLURS, blur_modules, is_near};
use code::{Code, Gate};
use ends::{SPOTS_MAX, Spot};
use fit::{Fitter, Hypothesis, styles_beside};
use paths::Path;

/// Of the places, the ones that are fitted to the end.
const FINALISTS: usize = 2;
/// How closely the place of the middle is tried, in modules.
const BEND_STEP: f32 = 0.7;
/// How far the size of the first modules may lie from what the gate says.
const SLANT_ERROR: f32 = 0.05;
/// Unexplained share of the variance at the coarse look, beyond which nothing is fitted.
const GLANCE_MAX: f32 = 0.35;
/// The same after the first rounds.
const FIRST_MAX: f32 = 0.12;
/// The same after the last.
const FINAL_MAX: f32 = 0.05;
/// The same of a text that is believed.
const UNEXPLAINED_MAX: f32 = 0.03;
/// Margin of all rows that is demanded, in nats.
const MARGIN_MIN: f32 = 40.0;
/// Margin of half of the rows.
const HALF_MARGIN_MIN: f32 = 20.0;
/// Deviation of the blur in modules, beyond which the next of the list may be meant or none of it,
/// and a text that is drawn with too little blur wins by the error of the drawing.
const BLUR_MAX: f32 = 1.2;
/// What the worst stretch may leave unexplained, in shares of the variance of all: where print or
/// glare hides a character, the checksum must not say what it is.
const WORST_SHARE_MAX: f32 = 0.12;

/// What reading needs and keeps: about 1 MB, and up to 5 MB of looks.
pub(super) struct Reader<C: Code> {
    fitter: Fitter<C>,
    gate: C::Gate,
    spots: Vec<Spot>,
    survivors: Vec<Hypothesis>,
    half: Vec<f32>,
}

/// How much is tried.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// Whether what cannot be believed any more is left at once.
    is_impatient: bool,
    /// Places that are looked at.
    spots_max: usize,
}

impl Patience {
    /// For a frame of a camera.
    pub(super) const FRAME: Self = Self { is_impatient: true, spots_max: 2 };
    /// For a still.
    pub(super) const STILL: Self = Self { is_impatient: true, spots_max: SPOTS_MAX };
    /// For measuring.
    pub(super) const ENDLESS: Self = Self { is_impatient: false, spots_max: SPOTS_MAX };
}

/// A text, and what speaks for it.
struct Judged {
    fitted: Hypothesis,
    margin: f32,
    half_margin: f32,
}

impl<C: Code> Reader<C> {
    pub(super) fn new() -> Self {
        let (fitter, gate) = (Fitter::new(), C::Gate::default());
        Self { fitter, gate, spots: Vec::new(), survivors: Vec::new(), half: Vec::new() }
    }

    /// Reads the profiles of one candidate, `mirrored` being all rows backwards.
    pub(super) fn read(
        &mut self,
        bundle: &Bundle,
        margins: &mut MarginFinder,
        mirrored: &[f32],
        patience: Patience,
    ) -> Option<GreyRead> {
        let profiles = [&bundle.all[..], mirrored];
        let Self { gate, fitter, spots, .. } = self;
        spots.clear();
        gate.find(&mut fitter.bank, margins, profiles, 1.0 / bundle.step, spots);
        self.survivors.clear();
        for index in 0..self.spots.len().min(patience.spots_max) {
            self.glance(self.spots[index], profiles);
        }
        for (rounds, limit) in [(2, FIRST_MAX), (6, FINAL_MAX)] {
            for hypothesis in &mut self.survivors {
                let profile = profiles[usize::from(hypothesis.is_mirrored)];
                self.fitter.refine(profile, hypothesis, rounds, rounds == 2);
            }
            self.survivors.sort_by(|a, b| a.unexplained.total_cmp(&b.unexplained));
            self.survivors.retain(|hypothesis| hypothesis.unexplained < limit);
            self.survivors.truncate(FINALISTS);
        }
        let best = *self.survivors.first()?;
        let judged = self.judge(bundle, mirrored, best, patience.is_impatient)?;
        report::<C>(bundle, &judged)
    }

    /// The best way to lay a symbol through a place, if it explains enough.
    fn glance(&mut self, spot: Spot, profiles: [&[f32]; 2]) {
        let profile = profiles[usize::from(spot.is_mirrored)];
        let mut best = None::<Hypothesis>;
        let light = View::new(spot.pose, [0.0, 0.0, 1.0]);
        let begun = Hypothesis::new::<C>(light, spot.style, spot.count, spot.look);
        let begun = Hypothesis { is_mirrored: spot.is_mirrored, ..begun };
        self.fitter.lay_out(spot.style, spot.count);
        let half = begun.modules / 2.0;
        let steps = (SLANT_ERROR * half / 2.0 / BEND_STEP).ceil() as i32;
        for step in -steps..=steps {
            // The ends stay, the middle moves.
            let bend = (1.0 - spot.slant) * half / 2.0 + step as f32 * BEND_STEP;
            let mut pose = spot.pose;
            pose.terms[0] -= bend * begun.module();
            pose.terms[2] = bend * begun.module();
            if !pose.is_sane() {
                continue;
            }
            let Some(light) = self.fitter.sheet.first_light(profile, &pose) else { continue };
            let light = [light[0], light[1], spot.contrast.max(1.0)];
            let mut hypothesis = Hypothesis { view: View::new(pose, light), ..begun };
            self.fitter.glance(profile, &mut hypothesis);
            if best.is_none_or(|known| known.unexplained > hypothesis.unexplained) {
                best = Some(hypothesis);
            }
        }
        self.survivors.extend(best.filter(|best| best.unexplained < GLANCE_MAX));
    }

    /// The best text near the hypothesis, with its margins.
    fn judge(
        &mut self,
        bundle: &Bundle,
        mirrored: &[f32],
        best: Hypothesis,
        is_impatient: bool,
    ) -> Option<Judged> {
        let profile = if best.is_mirrored { mirrored } else { &bundle.all };
        let (fitted, margin) = self.weigh(profile, best, bundle.step)?;
        let is_hopeless = fitted.unexplained > UNEXPLAINED_MAX
            || margin < MARGIN_MIN
            || blur_modules(fitted.look) > BLUR_MAX
            || self.fitter.worst_share(profile, &fitted) > WORST_SHARE_MAX;
        if is_hopeless && is_impatient {
            return None;
        }
        let margin = margin.min(self.margin_at_other_blurs(profile, &fitted, bundle.step));
        let mut half = std::mem::take(&mut self.half);
        let mut half_margin = f32::INFINITY;
        for rows in &bundle.halves {
            half.clone_from(rows);
            if best.is_mirrored {
                half.reverse();
            }
            let mut alone = fitted;
            // Half of the rows may have another contrast, where they reach beyond the bars.
            self.fitter.settle(&half, &mut alone, true);
            self.fitter.refine(&half, &mut alone, 2, false);
            half_margin = half_margin.min(match self.weigh(&half, alone, bundle.step) {
                Some((other, margin)) if other.body() == fitted.body() => margin,
                _ => 0.0,
            });
        }
        self.half = half;
        Some(Judged { fitted, margin, half_margin })
    }

    /// Fits the best text and the next best, each with all freedom; the first, and by how many nats
    /// it is the likelier one.
    ///
    /// The checksum may confirm what the bars say, but must not choose what they do not: where
    /// characters that it does not confirm fit better, there is no margin, and where they fit
    /// nearly as well it is narrow. A rival that it confirms differs in two characters, one that it
    /// does not in one, which is half as clear.
    fn weigh(
        &mut self,
        profile: &[f32],
        start: Hypothesis,
        step: f32,
    ) -> Option<(Hypothesis, f32)> {
        let first = self.fitter.decode(profile, &start).allowed[0];
        let mut held = self.hold(profile, &start, &first)?;
        let mut decoded = self.fitter.decode(profile, &held);
        if !is_same(&decoded.allowed[0], &held) {
            // Holding the best text moves the rest a little, and then another may be the best.
            held = self.hold(profile, &held, &decoded.allowed[0])?;
            decoded = self.fitter.decode(profile, &held);
        }
        if !is_same(&decoded.allowed[0], &held) || !is_same(&decoded.free, &held) {
            return None;
        }
        let margin = match self.hold(profile, &held, &decoded.allowed[1]) {
            Some(rival) => margin_over(&held, &rival, step),
            // Among the characters that are near there is no other text; those that are not cost
            // at least so much.
            None => {
                let ratio = (decoded.bound / decoded.free.cost.max(1e-3)).max(1.0);
                independent(&held, step) / 2.0 * ratio.ln()
            }
        };
        let free_rival = self.hold(profile, &held, &decoded.free_rival)?;
        let margin = margin.min(2.0 * margin_over(&held, &free_rival, step));
        (margin > 0.0).then_some((held, margin))
    }

    /// The margin over what is best at this blur and at all that look much the same, and printed
    /// another way, be it a text or not.
    fn margin_at_other_blurs(&mut self, profile: &[f32], fitted: &Hypothesis, step: f32) -> f32 {
        let mut margin = f32::INFINITY;
        let blurs = (0..BLURS).filter(|blur| is_near(*blur, fitted.look % BLURS));
        let looks = blurs.map(|blur| (fitted.style, fitted.look / BLURS * BLURS + blur));
        let styles = styles_beside::<C>(fitted.style).map(|style| (style, fitted.look));
        for (style, look) in looks.chain(styles) {
            let modules = C::eighths(style, fitted.count) as f32 / 8.0;
            let other = Hypothesis { style, modules, look, ..*fitted };
            let decoded = self.fitter.decode(profile, &other);
            for way in [decoded.free, decoded.allowed[0]] {
                if is_same(&way, fitted) {
                    continue;
                }
                if let Some(rival) = self.hold(profile, &other, &way) {
                    margin = margin.min(margin_over(fitted, &rival, step));
                }
            }
        }
        margin
    }

    /// Fits everything else to a text.
    fn hold(&mut self, profile: &[f32], from: &Hypothesis, way: &Path) -> Option<Hypothesis> {
        if !way.cost.is_finite() {
            return None;
        }
        let mut held = Hypothesis { values: way.values, ..*from };
        for round in 0..3 {
            self.fitter.settle(profile, &mut held, round != 1);
        }
        Some(held)
    }
}

/// Whether a text may be reported.
pub(super) fn is_believed(read: &GreyRead) -> bool {
    read.unexplained < UNEXPLAINED_MAX
        && read.margin > MARGIN_MIN
        && read.half_margin > HALF_MARGIN_MIN
        && read.blur_modules < BLUR_MAX
}

fn report<C: Code>(bundle: &Bundle, judged: &Judged) -> Option<GreyRead> {
    let Judged { fitted, margin, half_margin } = judged;
    let (symbology, text) = C::text(fitted.body())?;
    Some(GreyRead {
        symbology,
        text: Text::new(&text),
        outline: bundle.outline(&fitted.view.pose, fitted.is_mirrored),
        margin: *margin,
        half_margin: *half_margin,
        unexplained: fitted.unexplained,
        module_px: fitted.module() * bundle.step,
        blur_modules: blur_modules(fitted.look),
    })
}

fn is_same(path: &Path, hypothesis: &Hypothesis) -> bool {
    path.values[..hypothesis.count] == *hypothesis.body()
}

fn independent(hypothesis: &Hypothesis, step: f32) -> f32 {
    super::fit::independent(hypothesis.modules, hypothesis.module() * step)
}

/// By how many nats a text is likelier than another.
fn margin_over(held: &Hypothesis, rival: &Hypothesis, step: f32) -> f32 {
    independent(held, step) / 2.0 * (rival.unexplained / held.unexplained).ln()
}
