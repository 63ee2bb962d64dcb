//! EAN-13, UPC-A, EAN-8, UPC-E, DataBar, Code 128 and ITF-14 from grey values, where blur leaves no
//! edges to measure.
//!
//! Nothing is cut into black and white. A number is *drawn* as the lens would show it, for every
//! blur of a list, and the number whose drawing lies nearest to the profile wins, provided that it
//! wins clearly:
//! ```text
//! rows -> one profile and two that share no pixel (bundle)
//!      -> light margins (margin) -> coarse looks: place x blur x direction
//!      -> guess digits <-> correct place, light, blur (fit) -> best and second best number (trellis)
//!      -> both refitted: is the best far better, and do both halves say the same by themselves?
//! ```
//! Sources: E. Tekin, J. Coughlan, "A Bayesian algorithm for reading 1D barcodes", CRV 2009 (the
//! symbol as a chain of digits under unknown geometry); O. Gallo, R. Manduchi, "Reading 1D barcodes
//! with mobile phones using deformable templates", IEEE PAMI 33(9), 2011 (whole digits as templates,
//! no binarisation). Must never report a number that only fits best: see [`GreyRead::is_believed`].

mod bundle;
mod chain;
mod code128;
mod databar;
mod find;
mod fit;
mod itf;
mod margin;
mod sheet;
mod symbol;
mod template;
#[cfg(test)]
mod tests;
mod trellis;

pub use symbol::Text;

use crate::frame::{Luma, Outline, Point};
use bundle::Bundle;
use chain::Patience;
use code128::Code128;
use domain::code::Symbology;
use find::Finder;
use fit::{BlurChoice, Fitter, Hypothesis, Pose};
use itf::Itf14;
use margin::{MarginFinder, Pair};
use symbol::{DIGITS_MAX, LAYOUTS};
use template::{Bank, COARSE};
use trellis::Path;

/// A place where a code may be: a box turned by an angle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The middle, in pixels of the picture.
    pub centre: Point,
    /// The direction across the bars against the rows, in degrees, clockwise on the screen. Up to
    /// 5° of error are corrected.
    pub degrees: f32,
    /// Half the length along the code in pixels, light margins included; too long does not harm.
    pub half_length: f32,
    /// Half the height along the bars in pixels; too high does not harm either, print is left out.
    pub half_height: f32,
}

impl Candidate {
    /// The whole, then bands of less than half its height: the middle, the upper and the lower one.
    /// What lies above or beside the bars (print, glare, a thumb) spoils a band and not all. Each is
    /// a candidate of its own, to be read until one yields a number.
    pub fn bands(&self) -> [Self; 4] {
        let radians = self.degrees.to_radians();
        let band = |shift: f32, share: f32| {
            let across = self.half_height * shift;
            let centre = Point::new(
                self.centre.x - radians.sin() * across,
                self.centre.y + radians.cos() * across,
            );
            Self { centre, half_height: self.half_height * share, ..*self }
        };
        [*self, band(0.0, 0.4), band(-0.5, 0.4), band(0.5, 0.4)]
    }

    /// The same place in a picture that is `factor` times as large.
    pub fn scaled(&self, factor: f32) -> Self {
        Self {
            centre: self.centre.scaled(factor),
            half_length: self.half_length * factor,
            half_height: self.half_height * factor,
            ..*self
        }
    }

    /// Whether both show about the same bars.
    pub fn is_like(&self, other: &Self) -> bool {
        let near = 0.2 * self.half_length.min(other.half_length);
        let turn = (self.degrees - other.degrees).rem_euclid(180.0);
        let ratio = self.half_length / other.half_length;
        self.centre.distance(other.centre) < near
            && turn.min(180.0 - turn) < 4.0
            && (0.75..1.33).contains(&ratio)
    }
}

/// A number, and how well it explains what is seen.
#[derive(Clone, Copy, Debug)]
pub struct GreyRead {
    /// UPC-A for an EAN-13 that begins with 0.
    pub symbology: Symbology,
    /// The digits.
    pub text: Text,
    /// The corners of the bars, in pixels of the picture.
    pub outline: Outline,
    /// Log-likelihood of the number over that of the next best valid number, in nats, with place,
    /// light and blur fitted to each: how clearly it wins. Less where a part is hidden.
    pub margin: f32,
    /// The smaller of the margins within the upper and the lower rows alone; 0 if they disagree.
    pub half_margin: f32,
    /// Share of the variance of the profile that the number does not explain.
    pub unexplained: f32,
    /// Pixels in a module.
    pub module_px: f32,
    /// Standard deviation of the blur in modules.
    pub blur_modules: f32,
}

/// How much is tried on a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Fewer places are tried, others in each turn: for a frame of a camera, after which comes the
    /// next. Articles only.
    Quick(usize),
    /// The same for Code 128 only, which has a frame of its own.
    QuickText,
    /// All places are tried.
    Thorough,
    /// And what may be two rows is read as such: of a whole code, not of a band of it.
    Whole,
}

/// Margin of all rows that is demanded of twelve digits.
const MARGIN_MIN: f32 = 14.0;
/// Margin of half of the rows.
const HALF_MARGIN_MIN: f32 = 6.0;
/// From this blur on, standard deviation in modules, bars and spaces of one module keep less than a
/// hundredth of their contrast (`exp(-2 (pi sigma / 2)^2)`): what is left is so smooth that a wrong
/// number explains it to a few hundredths.
const HEAVY_BLUR: f32 = 1.0;
/// Unexplained variance with which a number can still be meant behind such a blur. Photographs that
/// were read left 0.016 at most. Of 2,600 rendered numbers behind 0.7 to 1.5 modules that were read
/// before there were these two bounds, 14 were others; five of them left 0.03 to 0.07.
const HEAVY_UNEXPLAINED_MAX: f32 = 0.025;
/// The heaviest blur behind which a number is believed: the last Gaussian and the last disc have no
/// heavier kernel beside them to lose against. The other nine were read so.
const BLUR_MAX: f32 = 1.35;
/// The same for the short symbols: behind 1.15 modules a UPC-E was once seen in half of an EAN-13,
/// whose bars behind the middle guard were as pale as light.
const SHORT_BLUR_MAX: f32 = 1.0;
/// What two digits leave unexplained, in shares of the variance of all, where glare or print hides
/// them. Margins count on what is unexplained being spread evenly; where most of it lies there, those
/// digits are told apart by as much less, and the check digit must not say what they are.
const HIDDEN_SHARE: f32 = 0.12;
/// What the short symbols need more: they fit by chance in more places.
const SHORT_FACTOR: f32 = 2.0;
/// Unexplained variance with which a number can still be meant.
const UNEXPLAINED_MAX: f32 = 0.08;

/// How many times more than of twelve digits is demanded of a kind of symbol, and the heaviest blur
/// that it is believed behind.
const fn demands(symbology: Symbology) -> (f32, f32) {
    match symbology {
        Symbology::Ean13 | Symbology::UpcA => (1.0, BLUR_MAX),
        Symbology::Ean8 | Symbology::UpcE => (SHORT_FACTOR, SHORT_BLUR_MAX),
        _ => (SHORT_FACTOR, BLUR_MAX),
    }
}

impl GreyRead {
    /// Whether the number may be reported.
    pub fn is_believed(&self) -> bool {
        if matches!(self.symbology, Symbology::Code128 | Symbology::Gs1128 | Symbology::Itf14) {
            return chain::is_believed(self);
        }
        let (factor, blur_max) = demands(self.symbology);
        let unexplained_max = match self.blur_modules < HEAVY_BLUR {
            true => UNEXPLAINED_MAX,
            false => HEAVY_UNEXPLAINED_MAX,
        };
        self.blur_modules < blur_max
            && self.unexplained < unexplained_max / factor
            && self.margin > MARGIN_MIN * factor
            && self.half_margin > HALF_MARGIN_MIN * factor
    }
}

/// Whether the rows of a symbol begin and end in the picture. Beyond its edge a row goes on as the last pixel there, so
/// that digits which are cut off would be told from nothing, or from what the edge shows elsewhere.
fn is_in_view(luma: &Luma<'_>, outline: &Outline) -> bool {
    /// A symbol may end with the picture, and its place is known to half a pixel.
    const SLACK_PX: f32 = 1.5;
    let (right, low) = (luma.width() as f32 + SLACK_PX, luma.height() as f32 + SLACK_PX);
    let is_inside =
        |at: Point| (-SLACK_PX..right).contains(&at.x) && (-SLACK_PX..low).contains(&at.y);
    // Above and below, rows may leave the picture: they show what the last one there does.
    let [top_from, top_to, low_to, low_from] = *outline;
    let middles = [top_from.middle(low_from), top_to.middle(low_to)];
    let quarters = [
        (top_from, middles[0]),
        (middles[0], low_from),
        (top_to, middles[1]),
        (middles[1], low_to),
    ];
    middles.into_iter().chain(quarters.map(|(one, other)| one.middle(other))).all(is_inside)
}

/// Hypotheses of each kind of symbol that survive the coarse look.
const SURVIVORS: [usize; LAYOUTS.len()] = [12, 3, 3];
/// Of those, the ones that are fitted to the end.
const FINALISTS: [usize; LAYOUTS.len()] = [3, 1, 1];
/// Ends of the symbol are tried this far from where the margins end, in modules.
const JITTER: [f32; 5] = [0.0, -0.5, 0.5, -1.0, 1.0];
/// The same for a look that must be over soon.
const QUICK_JITTER: [f32; 3] = [0.0, -0.7, 0.7];
/// How modules grow along a symbol that leans away: the bend of a pose over half its length, in
/// steps that move the middle of an EAN-13 by one module, between the ends that margins show.
const BENDS: [f32; 9] = [0.0, -0.02, 0.02, -0.04, 0.04, -0.06, 0.06, -0.08, 0.08];
/// The same for looks that must be over soon, in turn.
const QUICK_BENDS: [[f32; 3]; 4] =
    [[0.0, -0.04, 0.04], [0.0, -0.02, 0.02], [0.0, -0.04, 0.04], [0.0, -0.07, 0.07]];
/// Beyond this after the first rounds of fitting, nothing becomes a code any more.
const HOPELESS: f32 = 0.35;

/// Where a symbol is tried between two margins.
#[derive(Clone, Copy)]
struct Places {
    jitter: &'static [f32],
    bends: &'static [f32],
}

impl Places {
    const ALL: Self = Self { jitter: &JITTER, bends: &BENDS };

    const fn quick(turn: usize) -> Self {
        Self { jitter: &QUICK_JITTER, bends: &QUICK_BENDS[turn % QUICK_BENDS.len()] }
    }

    /// Poses of a symbol of so many modules about these ends.
    fn between(self, start: f32, end: f32, modules: f32) -> impl Iterator<Item = Pose> {
        let Self { jitter, bends } = self;
        let module = (end - start) / modules;
        let ends = jitter.iter().flat_map(move |before| jitter.iter().map(move |it| (before, it)));
        ends.flat_map(move |(before, after)| {
            let pose = Pose::between(start + before * module, end + after * module);
            bends.iter().map(move |bend| pose.bent(*bend))
        })
    }
}

/// What reading needs and keeps: about 0.6 MB. One for each thread.
pub struct Workspace {
    bank: Bank,
    fitter: Fitter,
    bundle: Bundle,
    margins: MarginFinder,
    finder: Finder,
    mirrored: Vec<f32>,
    survivors: Vec<Hypothesis>,
    /// Made when it is first needed.
    databar: Option<Box<databar::Reader>>,
    /// The same.
    stack: Option<Box<databar::StackReader>>,
    /// The same.
    code128: Option<Box<chain::Reader<Code128>>>,
    /// The same.
    itf: Option<Box<chain::Reader<Itf14>>>,
    /// How long these two may try.
    patience: Patience,
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

impl Workspace {
    /// Draws all waveforms: some milliseconds, once.
    pub fn new() -> Self {
        Self {
            bank: Bank::new(),
            fitter: Fitter::new(),
            bundle: Bundle::default(),
            margins: MarginFinder::default(),
            finder: Finder::default(),
            mirrored: Vec::new(),
            survivors: Vec::with_capacity(SURVIVORS.iter().sum::<usize>() + 1),
            databar: None,
            stack: None,
            code128: None,
            itf: None,
            patience: Patience::STILL,
        }
    }

    /// Appends up to six places where bars may stand to `found`; about 3 ns a pixel.
    pub fn find(&mut self, luma: &Luma<'_>, found: &mut Vec<Candidate>) {
        self.finder.find(luma, found);
    }

    /// Reads one candidate for the symbologies that are `wanted`; `None` unless a number is
    /// believed. What cannot be believed any more is left at once.
    pub fn read(
        &mut self,
        luma: &Luma<'_>,
        candidate: &Candidate,
        effort: Effort,
        wanted: &dyn Fn(Symbology) -> bool,
    ) -> Option<GreyRead> {
        let places = match effort {
            Effort::Quick(turn) => Places::quick(turn),
            Effort::QuickText => Places::quick(0),
            Effort::Thorough | Effort::Whole => Places::ALL,
        };
        // Among some thousand characters for each place, a DataBar takes the time of a still; an ITF,
        // whose number of characters is known, is read there too.
        let wanted = |symbology| {
            let is_text = matches!(symbology, Symbology::Code128 | Symbology::Gs1128);
            let is_in_time = match effort {
                Effort::Quick(_) => {
                    !is_text && !matches!(symbology, Symbology::DataBar | Symbology::Itf14)
                }
                Effort::QuickText => is_text,
                Effort::Thorough | Effort::Whole => true,
            };
            is_in_time && wanted(symbology)
        };
        self.patience = match effort {
            Effort::Thorough | Effort::Whole => Patience::STILL,
            _ => Patience::FRAME,
        };
        let is_believed = |read: &GreyRead| read.is_believed() && is_in_view(luma, &read.outline);
        let read = self.seek(luma, candidate, (places, true), &wanted).filter(is_believed);
        let is_stack = effort == Effort::Whole
            && wanted(Symbology::DataBar)
            && self.bundle.may_be_two(candidate);
        if read.is_some() || !is_stack {
            return read;
        }
        let stack = self.stack.get_or_insert_with(Box::default);
        stack.read(luma, candidate, &mut self.margins).filter(is_believed)
    }

    /// The number that explains the candidate best, believed or not: for measuring and for the
    /// diagnostics view, never for a basket.
    pub fn consider(&mut self, luma: &Luma<'_>, candidate: &Candidate) -> Option<GreyRead> {
        self.patience = Patience::ENDLESS;
        self.seek(luma, candidate, (Places::ALL, false), &|_| true)
    }

    fn seek(
        &mut self,
        luma: &Luma<'_>,
        candidate: &Candidate,
        (places, is_impatient): (Places, bool),
        wanted: &dyn Fn(Symbology) -> bool,
    ) -> Option<GreyRead> {
        if !self.bundle.take(luma, candidate) {
            return None;
        }
        let window = self.bundle.all.len() / 6;
        self.margins.find(&self.bundle.all, window, 1.0 / self.bundle.step);
        self.mirrored.clone_from(&self.bundle.all);
        self.mirrored.reverse();
        // The short symbols have fewer digits to go wrong and so always explain more by chance: the
        // long one is heard first, and the others only where it does not convince.
        let mut best = None::<GreyRead>;
        for (layout, build) in LAYOUTS.iter().enumerate() {
            let is_wanted = wanted(build.symbology)
                || (build.symbology == Symbology::Ean13 && wanted(Symbology::UpcA));
            if !is_wanted {
                continue;
            }
            self.look_coarsely(layout, places);
            let enough = match is_impatient {
                true => UNEXPLAINED_MAX / demands(build.symbology).0,
                false => 1.0,
            };
            self.fit_survivors(layout, enough);
            let Some(read) = self.survivors.first().copied().and_then(|it| self.judge(it, enough))
            else {
                continue;
            };
            if read.is_believed() {
                return Some(read);
            }
            if best.is_none_or(|known| known.margin < read.margin) {
                best = Some(read);
            }
        }
        let databar = self.read_databar(wanted);
        let code128 = self.read_code128(wanted);
        let itf = self.read_itf(wanted);
        let others = databar.into_iter().chain(code128).chain(itf);
        best.into_iter().chain(others).max_by(|a, b| a.margin.total_cmp(&b.margin))
    }

    /// A Code 128 on the profiles that were taken last.
    fn read_code128(&mut self, wanted: &dyn Fn(Symbology) -> bool) -> Option<GreyRead> {
        if !wanted(Symbology::Code128) && !wanted(Symbology::Gs1128) {
            return None;
        }
        let Self { code128, bundle, margins, mirrored, patience, .. } = self;
        let reader = code128.get_or_insert_with(|| Box::new(chain::Reader::new()));
        reader.read(bundle, margins, mirrored, *patience)
    }

    /// An ITF-14 on the profiles that were taken last.
    fn read_itf(&mut self, wanted: &dyn Fn(Symbology) -> bool) -> Option<GreyRead> {
        if !wanted(Symbology::Itf14) {
            return None;
        }
        let Self { itf, bundle, margins, mirrored, patience, .. } = self;
        let reader = itf.get_or_insert_with(|| Box::new(chain::Reader::new()));
        reader.read(bundle, margins, mirrored, *patience)
    }

    /// A DataBar on the profiles that were taken last.
    fn read_databar(&mut self, wanted: &dyn Fn(Symbology) -> bool) -> Option<GreyRead> {
        if !wanted(Symbology::DataBar) {
            return None;
        }
        let Self { databar, bundle, margins, mirrored, .. } = self;
        let reader = databar.get_or_insert_with(|| Box::new(databar::Reader::new()));
        reader.read(bundle, margins, mirrored)
    }

    /// Fills the survivors with the best of all places, directions and blurs for one kind.
    fn look_coarsely(&mut self, layout: usize, places: Places) {
        self.survivors.clear();
        for index in 0..self.margins.pairs.len() {
            let pair = self.margins.pairs[index];
            if pair.layout == layout {
                for is_mirrored in [false, true] {
                    self.look_at(pair, is_mirrored, places);
                }
            }
        }
    }

    fn look_at(&mut self, pair: Pair, is_mirrored: bool, places: Places) {
        let last = (self.bundle.all.len() - 1) as f32;
        let profile = if is_mirrored { &self.mirrored } else { &self.bundle.all };
        let (start, end) = match is_mirrored {
            true => (last - pair.end, last - pair.start),
            false => (pair.start, pair.end),
        };
        for pose in places.between(start, end, LAYOUTS[pair.layout].modules as f32) {
            let Some(mut hypothesis) = self.fitter.begin(profile, pair.layout, pose) else {
                continue;
            };
            hypothesis.is_mirrored = is_mirrored;
            self.fitter.glance(&self.bank, &mut hypothesis, &COARSE);
            keep(&mut self.survivors, hypothesis);
        }
    }

    /// Fits all survivors a little and the best to the end; the best come first. Those that explain
    /// less than they must are dropped.
    fn fit_survivors(&mut self, layout: usize, unexplained_max: f32) {
        for (rounds, limit) in [(2, HOPELESS), (6, unexplained_max)] {
            for hypothesis in &mut self.survivors {
                let profile = match hypothesis.is_mirrored {
                    true => &self.mirrored,
                    false => &self.bundle.all,
                };
                self.fitter.refine(profile, &self.bank, hypothesis, rounds, rounds == 2);
            }
            self.survivors.sort_by(|a, b| a.unexplained.total_cmp(&b.unexplained));
            self.survivors.retain(|hypothesis| hypothesis.unexplained < limit);
            self.survivors.truncate(FINALISTS[layout]);
        }
    }

    /// The best valid number near the hypothesis, with its margins.
    fn judge(&mut self, best: Hypothesis, unexplained_max: f32) -> Option<GreyRead> {
        let layout = best.layout();
        let profile = match best.is_mirrored {
            true => &self.mirrored,
            false => &self.bundle.all,
        };
        let (fitted, margin) =
            weigh(&mut self.fitter, &self.bank, profile, best, self.bundle.step)?;
        if fitted.unexplained > unexplained_max {
            return None;
        }
        let (symbology, text) = layout.text(&fitted.characters)?;
        let worst = self.fitter.worst_share(profile, &self.bank, &fitted);
        let trust = if worst > HIDDEN_SHARE { fitted.unexplained / worst } else { 1.0 };
        let mut half_margin = f32::INFINITY;
        for index in 0..2 {
            let half = &mut self.bundle.halves[index];
            if best.is_mirrored {
                half.reverse();
            }
            let mut alone = fitted;
            self.fitter.refine(half, &self.bank, &mut alone, 2, false);
            let weighed = weigh(&mut self.fitter, &self.bank, half, alone, self.bundle.step);
            let is_same = |other: &Hypothesis| {
                other.characters[..layout.digits()] == fitted.characters[..layout.digits()]
            };
            half_margin = half_margin.min(match weighed {
                Some((other, margin)) if is_same(&other) => margin,
                _ => 0.0,
            });
            if best.is_mirrored {
                half.reverse();
            }
        }
        Some(GreyRead {
            symbology,
            text,
            outline: self.bundle.outline(&fitted.pose, fitted.is_mirrored),
            margin: margin * trust,
            half_margin: half_margin * trust,
            unexplained: fitted.unexplained,
            module_px: fitted.pose.module(layout) * self.bundle.step,
            blur_modules: template::blur_modules(fitted.entry),
        })
    }
}

/// Inserts by the unexplained share, one for each place: neighbours in place, kind and direction
/// lead to the same end.
fn keep(survivors: &mut Vec<Hypothesis>, hypothesis: Hypothesis) {
    let is_twin = |known: &Hypothesis| {
        known.is_mirrored == hypothesis.is_mirrored
            && known.characters[..DIGITS_MAX] == hypothesis.characters[..DIGITS_MAX]
    };
    if let Some(twin) = survivors.iter().position(is_twin) {
        if survivors[twin].unexplained <= hypothesis.unexplained {
            return;
        }
        survivors.remove(twin);
    }
    let at = survivors.partition_point(|known| known.unexplained <= hypothesis.unexplained);
    survivors.insert(at, hypothesis);
    survivors.truncate(SURVIVORS[hypothesis.layout]);
}

/// Fits the best valid number and the next best, each with all freedom; the first, and by how many
/// nats it is the likelier one.
fn weigh(
    fitter: &mut Fitter,
    bank: &Bank,
    profile: &[f32],
    start: Hypothesis,
    step: f32,
) -> Option<(Hypothesis, f32)> {
    let mut hold = |characters: [u8; DIGITS_MAX], from: &Hypothesis| {
        let mut held = Hypothesis { characters, ..*from };
        for round in 0..3 {
            let blur = if round == 1 { BlurChoice::Near } else { BlurChoice::Keep };
            fitter.settle(profile, bank, &mut held, blur);
        }
        let [first, second] = fitter.allowed(profile, bank, &held);
        (held, first, second)
    };
    let layout = start.layout();
    let is_other = |path: &Path, held: &Hypothesis| {
        path.cost.is_finite()
            && path.characters[..layout.digits()] != held.characters[..layout.digits()]
    };
    // Holding the best valid number moves the rest a little, and then another may be the best.
    let (_, first, _) = hold(start.characters, &start);
    let (mut held, mut first, mut second) = hold(first.characters, &start);
    if is_other(&first, &held) {
        (held, first, second) = hold(first.characters, &held);
    }
    let rival = [first, second].into_iter().find(|path| is_other(path, &held))?;
    let (rival, _, _) = hold(rival.characters, &held);
    let pixels = held.pose.module(layout) * step;
    let independent = fit::independent(layout.modules as f32, pixels);
    let margin = independent / 2.0 * (rival.unexplained / held.unexplained).ln();
    (margin > 0.0).then_some((held, margin))
}
