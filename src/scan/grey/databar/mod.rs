//! GS1 DataBar Omnidirectional, also stacked, from grey values, in the manner of the EAN reader beside it.
//!
//! ```text
//! profile -> ends -> finder patterns (gate) -> best characters <-> light, place, blur (fit)
//!         -> best and second best number (assign) -> both refitted: is the best far better, and
//!            do the upper and the lower rows say the same by themselves?
//! ```
//! Sources: ISO/IEC 24724:2011, section 5; E. Tekin, J. Coughlan, "A Bayesian algorithm for reading
//! 1D barcodes", CRV 2009; O. Gallo, R. Manduchi, "Reading 1D barcodes with mobile phones using
//! deformable templates", IEEE PAMI 33(9), 2011. Must never report a number that only fits best.

mod assign;
mod fit;
mod gate;
mod stack;
mod symbol;
#[cfg(test)]
mod tests;
mod waveform;

use super::GreyRead;
use super::bundle::Bundle;
use super::fit::Pose;
use super::margin::{Between, MarginFinder};
use super::symbol::Text;
use super::template::{BLURS, COARSE, blur_modules, is_near};
use crate::decode::databar::element_string;
use crate::frame::Outline;
use assign::{Assignment, Decoded};
use domain::code::Symbology;
use fit::{Fitter, Hypothesis};
use gate::{Gate, Spot};
use symbol::{Layout, ROW};
use waveform::Look;

pub(super) use stack::StackReader;

/// Places that are fitted.
const SPOTS_MAX: usize = 4;
/// Of those, the ones that are fitted to the end.
const FINALISTS: usize = 2;
/// Unexplained share of the variance at the coarse look, beyond which nothing is fitted.
const GLANCE_MAX: f32 = 0.35;
/// The same after the first rounds.
const FIRST_MAX: f32 = 0.12;
/// The same after the last, before the checksum says which of like characters are meant.
const FINAL_MAX: f32 = 0.06;
/// The same of a number that is believed. A character has more ways to explain noise than a digit
/// of EAN, so that this and the margins are stricter than there.
const UNEXPLAINED_MAX: f32 = 0.03;
/// Margin of all rows that is demanded, in nats.
const MARGIN_MIN: f32 = 32.0;
/// Margin of half of the rows.
const HALF_MARGIN_MIN: f32 = 16.0;
/// Deviation of the blur in modules, beyond which the next of the list may be meant or none of it,
/// and a number that is drawn with too little blur wins by the error of the drawing.
const BLUR_MAX: f32 = 1.2;

/// Profiles of one symbol.
#[derive(Clone, Copy)]
struct Sight<'a> {
    all: &'a [f32],
    /// The same backwards.
    mirrored: &'a [f32],
    /// Of the upper and the lower rows.
    halves: [&'a [f32]; 2],
    /// Pixels between two samples.
    step: f32,
}

impl Sight<'_> {
    const fn profile(&self, is_mirrored: bool) -> &[f32] {
        if is_mirrored { self.mirrored } else { self.all }
    }
}

/// A number, and what speaks for it.
struct Judged {
    fitted: Hypothesis,
    margin: f32,
    half_margin: f32,
}

/// What reading needs and keeps: about 2 MB.
pub(super) struct Reader {
    fitter: Fitter,
    gate: Gate,
    spots: Vec<(Spot, bool)>,
    survivors: Vec<Hypothesis>,
    half: Vec<f32>,
}

impl Reader {
    /// Draws all waveforms: some milliseconds, once.
    pub(super) fn new() -> Self {
        Self::of(&ROW)
    }

    fn of(layout: &'static Layout) -> Self {
        let fitter = Fitter::new(layout);
        let gate = Gate::new(&fitter.assigner.bank, layout);
        Self { fitter, gate, spots: Vec::new(), survivors: Vec::new(), half: Vec::new() }
    }

    /// Reads the profiles of one candidate, `mirrored` being all rows backwards; `None` unless a
    /// number is believed. What cannot be believed any more is left at once.
    pub(super) fn read(
        &mut self,
        bundle: &Bundle,
        margins: &mut MarginFinder,
        mirrored: &[f32],
    ) -> Option<GreyRead> {
        self.find_spots(bundle, margins, mirrored);
        let halves = [&bundle.halves[0][..], &bundle.halves[1][..]];
        let sight = Sight { all: &bundle.all, mirrored, halves, step: bundle.step };
        let judged = self.read_spots(&sight)?;
        let Judged { fitted, .. } = &judged;
        self.report(&judged, &sight, bundle.outline(&fitted.view.pose, fitted.is_mirrored))
    }

    /// The best number at any of the spots; `None` unless it is believed.
    fn read_spots(&mut self, sight: &Sight<'_>) -> Option<Judged> {
        self.survivors.clear();
        for index in 0..self.spots.len() {
            let (spot, is_mirrored) = self.spots[index];
            let profile = sight.profile(is_mirrored);
            let Some(mut hypothesis) = self.fitter.begin(profile, spot.pose) else { continue };
            hypothesis.is_mirrored = is_mirrored;
            self.fitter.glance(profile, &mut hypothesis, &spot.finders, &COARSE);
            if hypothesis.unexplained < GLANCE_MAX {
                self.survivors.push(hypothesis);
            }
        }
        for (rounds, limit) in [(2, FIRST_MAX), (6, FINAL_MAX)] {
            for hypothesis in &mut self.survivors {
                let profile = sight.profile(hypothesis.is_mirrored);
                self.fitter.refine(profile, hypothesis, rounds, rounds == 2);
            }
            self.survivors.sort_by(|a, b| a.unexplained.total_cmp(&b.unexplained));
            self.survivors.retain(|hypothesis| hypothesis.unexplained < limit);
            self.survivors.truncate(FINALISTS);
        }
        let best = *self.survivors.first()?;
        self.judge(sight, best)
    }

    fn report(&self, judged: &Judged, sight: &Sight<'_>, outline: Outline) -> Option<GreyRead> {
        let Judged { fitted, margin, half_margin } = judged;
        let pairs = fitted.readings.map(|it| [u32::from(it.outer), u32::from(it.inner)]);
        Some(GreyRead {
            symbology: Symbology::DataBar,
            text: Text::new(&element_string(pairs)?),
            outline,
            margin: *margin,
            half_margin: *half_margin,
            unexplained: fitted.unexplained,
            module_px: self.fitter.module(fitted) * sight.step,
            blur_modules: blur_modules(fitted.look.blur),
        })
    }

    /// Fills the spots with the likeliest places of both directions.
    fn find_spots(&mut self, bundle: &Bundle, margins: &mut MarginFinder, mirrored: &[f32]) {
        self.spots.clear();
        gate::find_ends(margins, &bundle.all, 1.0 / bundle.step, ROW.modules, &mut self.gate.ends);
        let last = (bundle.all.len() - 1) as f32;
        for index in 0..self.gate.ends.len() {
            let Between { start, end, .. } = self.gate.ends[index];
            for is_mirrored in [false, true] {
                let (profile, pose) = match is_mirrored {
                    true => (mirrored, Pose::between(last - end, last - start)),
                    false => (&bundle.all[..], Pose::between(start, end)),
                };
                let begun = self.fitter.begin(profile, pose);
                let Some(hypothesis) = begun else { continue };
                let darkness = self.fitter.darkness(profile, &hypothesis);
                if let Some(spot) = self.gate.look(&pose, darkness) {
                    keep(&mut self.spots, spot, is_mirrored, ROW.modules);
                }
            }
        }
    }

    /// The best number near the hypothesis, with its margins; `None` where they are too narrow.
    fn judge(&mut self, sight: &Sight<'_>, best: Hypothesis) -> Option<Judged> {
        let (profile, step) = (sight.profile(best.is_mirrored), sight.step);
        let (fitted, margin) = self.weigh(profile, best, step)?;
        let margin = margin.min(self.margin_at_other_blurs(profile, &fitted, step));
        if fitted.unexplained > UNEXPLAINED_MAX
            || margin < MARGIN_MIN
            || blur_modules(fitted.look.blur) > BLUR_MAX
        {
            return None;
        }
        let mut half = std::mem::take(&mut self.half);
        let mut half_margin = f32::INFINITY;
        for rows in sight.halves {
            half.clear();
            half.extend_from_slice(rows);
            if best.is_mirrored {
                half.reverse();
            }
            let mut alone = fitted;
            // Half of the rows may have another contrast, where they reach beyond the bars.
            self.fitter.settle(&half, &mut alone, true);
            self.fitter.refine(&half, &mut alone, 2, false);
            half_margin = half_margin.min(match self.weigh(&half, alone, step) {
                Some((other, margin)) if other.readings == fitted.readings => margin,
                _ => 0.0,
            });
        }
        self.half = half;
        (half_margin >= HALF_MARGIN_MIN).then_some(Judged { fitted, margin, half_margin })
    }

    /// Fits the best number and the next best, each with all freedom; the first, and by how many
    /// nats it is the likelier one.
    fn weigh(
        &mut self,
        profile: &[f32],
        start: Hypothesis,
        step: f32,
    ) -> Option<(Hypothesis, f32)> {
        let decoded = self.fitter.decode(profile, &start, 2);
        let (mut held, mut ways) = self.hold(profile, &start, decoded.allowed[0])?;
        if ways[0].readings != held.readings {
            // Holding the best number moves the rest a little, and then another may be the best.
            (held, ways) = self.hold(profile, &held, ways[0])?;
        }
        let is_other = |way: &Assignment| way.readings != held.readings;
        let rival = ways.into_iter().find(is_other)?;
        let (rival, _) = self.hold(profile, &held, rival)?;
        let margin = self.margin_over(&held, &rival, step);
        (margin > 0.0).then_some((held, margin))
    }

    /// The margin over what is best at this blur and at all that look much the same, be it a number
    /// or not.
    ///
    /// The checksum may confirm what the bars say, but must not choose what they do not: where
    /// characters that are no number fit better, the symbol is damaged, or it is none. And with too
    /// little blur a wrong number may win by the error of the drawing.
    fn margin_at_other_blurs(&mut self, profile: &[f32], fitted: &Hypothesis, step: f32) -> f32 {
        let mut margin = f32::INFINITY;
        for blur in (0..BLURS).filter(|blur| is_near(*blur, fitted.look.blur)) {
            let look = Look { blur, ..fitted.look };
            let other = Hypothesis { look, ..*fitted };
            let Decoded { free, allowed } = self.fitter.decode(profile, &other, 2);
            for way in [free, allowed[0]].iter().filter(|it| it.readings != fitted.readings) {
                if let Some((rival, _)) = self.hold(profile, &other, *way) {
                    margin = margin.min(self.margin_over(fitted, &rival, step));
                }
            }
        }
        margin
    }

    /// Fits everything else to readings, and what would be best then.
    fn hold(
        &mut self,
        profile: &[f32],
        from: &Hypothesis,
        way: Assignment,
    ) -> Option<(Hypothesis, [Assignment; 2])> {
        if !way.cost.is_finite() {
            return None;
        }
        let mut held = Hypothesis { readings: way.readings, ..*from };
        for round in 0..3 {
            self.fitter.settle(profile, &mut held, round != 1);
        }
        let allowed = self.fitter.decode(profile, &held, 2).allowed;
        Some((held, allowed))
    }

    /// By how many nats readings are likelier than others.
    fn margin_over(&self, held: &Hypothesis, rival: &Hypothesis, step: f32) -> f32 {
        let modules = self.fitter.assigner.layout.printed as f32;
        let independent = super::fit::independent(modules, self.fitter.module(held) * step);
        independent / 2.0 * (rival.unexplained / held.unexplained).ln()
    }
}

/// Inserts by likeness, one for each place.
fn keep(spots: &mut Vec<(Spot, bool)>, spot: Spot, is_mirrored: bool, modules: i32) {
    let module = (spot.pose.at(1.0) - spot.pose.at(-1.0)) / modules as f32;
    let is_twin = |known: &(Spot, bool)| {
        known.1 == is_mirrored
            && (known.0.pose.at(-1.0) - spot.pose.at(-1.0)).abs() < module
            && (known.0.pose.at(1.0) - spot.pose.at(1.0)).abs() < module
    };
    if let Some(twin) = spots.iter().position(is_twin) {
        if spots[twin].0.likeness >= spot.likeness {
            return;
        }
        spots.remove(twin);
    }
    let at = spots.partition_point(|known| known.0.likeness >= spot.likeness);
    spots.insert(at, (spot, is_mirrored));
    spots.truncate(SPOTS_MAX);
}
