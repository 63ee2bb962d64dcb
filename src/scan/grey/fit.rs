//! One hypothesis about a profile (where the symbol lies, how the light falls, how it is blurred),
//! and making it better by least squares.
//!
//! Light and perspective change slowly along a symbol, so white level, contrast and place are low
//! polynomials; their corrections are linear once the digits are guessed, and a guess with a few
//! wrong digits is good enough to correct by. Guess and correction take turns.

use super::symbol::{CHARACTER_MODULES, LAYOUTS, Layout};
use super::template::{BLURS, Bank, ENTRIES, SAMPLES, is_near};
use super::trellis::{Characters, MARGIN, Path, SAMPLES_MAX, Trellis, draw, sample_count};

/// Curves of tone that are tried: 0 is linear light, 0.9 is near the sRGB curve of cameras, behind
/// which a blurred bar looks narrower than it is.
pub(super) const TONES: [f32; 3] = [0.45, 0.0, 0.9];
/// Unknowns of light: three of the white level and three of the contrast.
pub(super) const LIGHT: usize = 6;
/// With four of the place.
pub(super) const UNKNOWNS: usize = 10;
/// The mean share of dark modules in a symbol.
const DARK_SHARE: f32 = 0.48;
/// Grey levels between white and black below which there is nothing to read.
pub(super) const CONTRAST_MIN: f32 = 7.0;

/// Where a symbol lies on a profile: sample of the profile as a cubic of place, -1 at the first bar
/// and 1 at the last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pose {
    pub(super) terms: [f32; 4],
}

impl Pose {
    pub(super) fn between(start: f32, end: f32) -> Self {
        Self { terms: [(start + end) / 2.0, (end - start) / 2.0, 0.0, 0.0] }
    }

    /// The same between the same ends, with modules that grow along it: its middle moves back by
    /// that share of half its length.
    pub(super) fn bent(&self, share: f32) -> Self {
        let [a, b, c, d] = self.terms;
        Self { terms: [a - share * b, b, c + share * b, d] }
    }

    pub(super) fn at(&self, t: f32) -> f32 {
        let [a, b, c, d] = self.terms;
        a + t * (b + t * (c + t * d))
    }

    /// Samples of the profile in a module, on the mean.
    pub(super) fn module(&self, layout: &Layout) -> f32 {
        (self.at(1.0) - self.at(-1.0)) / layout.modules as f32
    }

    /// Whether the scale changes less along the symbol than perspective of 60° would make it.
    pub(super) fn is_sane(&self) -> bool {
        let [_, b, c, d] = self.terms;
        b > 0.0 && c.abs() < 0.12 * b && d.abs() < 0.08 * b
    }
}

/// A guess at everything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hypothesis {
    /// Index into the layouts.
    pub(super) layout: usize,
    /// Whether the symbol is read from the far end of the profile.
    pub(super) is_mirrored: bool,
    pub(super) pose: Pose,
    /// White level as a line over place, and contrast, from the margins.
    pub(super) light: [f32; 3],
    /// Corrections of both, in units of the contrast.
    pub(super) shading: [f32; LIGHT],
    pub(super) entry: usize,
    pub(super) tone: f32,
    pub(super) characters: Characters,
    /// The share of the profile's variance that is left unexplained.
    pub(super) unexplained: f32,
}

impl Hypothesis {
    pub(super) const fn layout(&self) -> &'static Layout {
        &LAYOUTS[self.layout]
    }
}

/// Which blurs are tried while the rest is corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlurChoice {
    /// None but the present one.
    Keep,
    /// Those that look much the same.
    Near,
    /// All.
    Wide,
}

/// Buffers for fitting.
pub(super) struct Fitter {
    raw: [f32; SAMPLES_MAX],
    dark: [f32; SAMPLES_MAX],
    clean: [f32; SAMPLES_MAX],
    drawn: [f32; SAMPLES_MAX],
    /// Places of the samples of each kind.
    places: [Vec<f32>; LAYOUTS.len()],
    pub(super) trellis: Trellis,
}

/// Place of sample `k`, from -1 at the first bar to 1 at the last.
fn place(layout: &Layout, k: usize) -> f32 {
    let module = (k as f32 + 0.5) / SAMPLES as f32 - MARGIN as f32;
    module * 2.0 / layout.modules as f32 - 1.0
}

impl Fitter {
    pub(super) fn new() -> Self {
        Self {
            raw: [0.0; SAMPLES_MAX],
            dark: [0.0; SAMPLES_MAX],
            clean: [0.0; SAMPLES_MAX],
            drawn: [0.0; SAMPLES_MAX],
            places: LAYOUTS
                .each_ref()
                .map(|layout| (0..sample_count(layout)).map(|k| place(layout, k)).collect()),
            trellis: Trellis::new(),
        }
    }

    /// A first guess for a symbol between two places, light included; `None` without contrast.
    pub(super) fn begin(
        &mut self,
        profile: &[f32],
        layout: usize,
        pose: Pose,
    ) -> Option<Hypothesis> {
        let build = &LAYOUTS[layout];
        self.sample(profile, build, &pose);
        let count = sample_count(build);
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
        let edge = (MARGIN - 1) * SAMPLES;
        let left = mean(&self.raw[..edge]);
        let right = mean(&self.raw[count - edge..count]);
        let margin = MARGIN * SAMPLES;
        let white = (left + right) / 2.0;
        let contrast = (white - mean(&self.raw[margin..count - margin])) / DARK_SHARE;
        (contrast > CONTRAST_MIN).then_some(Hypothesis {
            layout,
            is_mirrored: false,
            pose,
            light: [white, (right - left) / 2.0, contrast],
            shading: [0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
            entry: 0,
            tone: TONES[0],
            characters: [0; super::symbol::DIGITS_MAX],
            unexplained: 1.0,
        })
    }

    fn sample(&mut self, profile: &[f32], layout: &Layout, pose: &Pose) {
        let last = profile.len() - 1;
        for k in 0..sample_count(layout) {
            let x = pose.at(place(layout, k)).clamp(0.0, last as f32);
            let at = (x as usize).min(last - 1);
            self.raw[k] = profile[at] + (profile[at + 1] - profile[at]) * (x - at as f32);
        }
    }

    /// Darkness by the first light and the tone: 0 is white, 1 is black.
    fn darken(&mut self, hypothesis: &Hypothesis, tone: f32) {
        let layout = hypothesis.layout();
        let [white, slope, contrast] = hypothesis.light;
        for k in 0..sample_count(layout) {
            let z = (white + slope * place(layout, k) - self.raw[k]) / contrast;
            let inside = z.clamp(0.0, 1.0);
            self.dark[k] = z + tone * inside * (1.0 - inside);
        }
    }

    /// Darkness with the corrections of the light taken out.
    fn clear(&mut self, hypothesis: &Hypothesis) {
        let layout = hypothesis.layout();
        let [a, b, c, d, e, f] = hypothesis.shading;
        for k in 0..sample_count(layout) {
            let t = place(layout, k);
            let gain = (d + t * (e + t * f)).clamp(0.4, 2.5);
            self.clean[k] = (self.dark[k] - a - t * (b + t * c)) / gain;
        }
    }

    /// The unexplained share if digits are free, without any correction: the coarse look.
    pub(super) fn glance(&mut self, bank: &Bank, hypothesis: &mut Hypothesis, entries: &[usize]) {
        self.darken(hypothesis, hypothesis.tone);
        let layout = hypothesis.layout();
        let dark = &self.dark[..sample_count(layout)];
        let total = variance(dark);
        for entry in entries {
            self.trellis.load(layout, bank.entry(*entry), dark);
            let path = self.trellis.free(layout, bank.entry(*entry));
            let unexplained = path.cost / total;
            if unexplained < hypothesis.unexplained {
                hypothesis.unexplained = unexplained;
                hypothesis.entry = *entry;
                hypothesis.characters = path.characters;
            }
        }
    }

    /// Guesses digits, corrects light, place and blur by them, `rounds` times; the first time all
    /// blurs are tried.
    pub(super) fn refine(
        &mut self,
        profile: &[f32],
        bank: &Bank,
        hypothesis: &mut Hypothesis,
        rounds: usize,
        is_first: bool,
    ) {
        for round in 0..rounds {
            self.prepare(profile, hypothesis);
            let entry = bank.entry(hypothesis.entry);
            let layout = hypothesis.layout();
            self.trellis.load(layout, entry, &self.clean[..sample_count(layout)]);
            hypothesis.characters = self.trellis.free(layout, entry).characters;
            let blur = match (round % 2, is_first) {
                (1, _) => BlurChoice::Keep,
                (_, true) => BlurChoice::Wide,
                (_, false) => BlurChoice::Near,
            };
            self.settle(profile, bank, hypothesis, blur);
        }
    }

    /// Corrects everything else for digits that are held.
    pub(super) fn settle(
        &mut self,
        profile: &[f32],
        bank: &Bank,
        hypothesis: &mut Hypothesis,
        blur: BlurChoice,
    ) {
        self.correct(profile, bank, hypothesis);
        if blur != BlurChoice::Keep {
            self.choose_blur(profile, bank, hypothesis, blur == BlurChoice::Wide);
        }
    }

    fn prepare(&mut self, profile: &[f32], hypothesis: &Hypothesis) {
        self.sample(profile, hypothesis.layout(), &hypothesis.pose);
        self.darken(hypothesis, hypothesis.tone);
        self.clear(hypothesis);
    }

    /// The two best sequences that are allowed, with everything else as the hypothesis has it.
    pub(super) fn allowed(
        &mut self,
        profile: &[f32],
        bank: &Bank,
        hypothesis: &Hypothesis,
    ) -> [Path; 2] {
        self.prepare(profile, hypothesis);
        let (layout, entry) = (hypothesis.layout(), bank.entry(hypothesis.entry));
        self.trellis.load(layout, entry, &self.clean[..sample_count(layout)]);
        self.trellis.allowed(layout, entry)
    }

    /// What the two digits that are explained worst leave unexplained, in shares of the variance.
    pub(super) fn worst_share(
        &mut self,
        profile: &[f32],
        bank: &Bank,
        hypothesis: &Hypothesis,
    ) -> f32 {
        const STRETCH: usize = 2 * CHARACTER_MODULES * SAMPLES;
        self.prepare(profile, hypothesis);
        let layout = hypothesis.layout();
        let count = sample_count(layout);
        draw(
            layout,
            bank.entry(hypothesis.entry),
            &hypothesis.characters,
            &mut self.drawn[..count],
        );
        worst_share(&self.clean[..count], &self.drawn[..count], STRETCH, SAMPLES)
    }

    /// One Gauss-Newton step for light and place.
    fn correct(&mut self, profile: &[f32], bank: &Bank, hypothesis: &mut Hypothesis) {
        let layout = hypothesis.layout();
        self.sample(profile, layout, &hypothesis.pose);
        self.darken(hypothesis, hypothesis.tone);
        let count = sample_count(layout);
        let drawn = &mut self.drawn[..count];
        draw(layout, bank.entry(hypothesis.entry), &hypothesis.characters, drawn);
        let mut system = System::<UNKNOWNS>::new();
        for k in 0..count {
            let (t, b) = (place(layout, k), drawn[k]);
            let slope = (drawn[(k + 1).min(count - 1)] - drawn[k.saturating_sub(1)])
                * (SAMPLES as f32 / 2.0);
            let (bt, st) = (b * t, slope * t);
            let row = [1.0, t, t * t, b, bt, bt * t, slope, st, st * t, st * t * t];
            system.add(&row, self.dark[k]);
        }
        let Some(solution) = system.solve() else { return };
        hypothesis.shading.copy_from_slice(&solution[..LIGHT]);
        hypothesis.unexplained = system.rest(&solution) / variance(&self.dark[..count]).max(1e-6);
        let module = hypothesis.pose.module(layout);
        let mut pose = hypothesis.pose;
        for (term, shift) in pose.terms.iter_mut().zip(&solution[LIGHT..]) {
            // The profile shows at its place what the model has a little further on.
            *term -= (shift / solution[3].max(0.3)).clamp(-0.5, 0.5) * module;
        }
        if pose.is_sane() {
            hypothesis.pose = pose;
        }
    }

    /// The blur, then ink and tone, that explain most for these digits.
    /// A wide choice takes all blurs into account, any other only those that look much the same.
    fn choose_blur(
        &mut self,
        profile: &[f32],
        bank: &Bank,
        hypothesis: &mut Hypothesis,
        is_wide: bool,
    ) {
        self.sample(profile, hypothesis.layout(), &hypothesis.pose);
        let mut best = (f32::INFINITY, hypothesis.entry, hypothesis.tone);
        self.darken(hypothesis, hypothesis.tone);
        let ink = hypothesis.entry / BLURS * BLURS;
        for blur in 0..BLURS {
            if is_wide || is_near(blur, hypothesis.entry % BLURS) {
                best = self.compare(bank, hypothesis, ink + blur, hypothesis.tone, best);
            }
        }
        for entry in (best.1 % BLURS..ENTRIES).step_by(BLURS) {
            best = self.compare(bank, hypothesis, entry, hypothesis.tone, best);
        }
        let entry = best.1;
        for tone in TONES {
            self.darken(hypothesis, tone);
            best = self.compare(bank, hypothesis, entry, tone, best);
        }
        (hypothesis.unexplained, hypothesis.entry, hypothesis.tone) = best;
        self.darken(hypothesis, hypothesis.tone);
        if let Some((_, light)) = self.light(bank, hypothesis, hypothesis.entry) {
            hypothesis.shading = light;
        }
    }

    fn compare(
        &mut self,
        bank: &Bank,
        hypothesis: &Hypothesis,
        entry: usize,
        tone: f32,
        best: (f32, usize, f32),
    ) -> (f32, usize, f32) {
        match self.light(bank, hypothesis, entry) {
            Some((unexplained, _)) if unexplained < best.0 => (unexplained, entry, tone),
            _ => best,
        }
    }

    /// What is left unexplained with the best light, and that light.
    fn light(
        &mut self,
        bank: &Bank,
        hypothesis: &Hypothesis,
        entry: usize,
    ) -> Option<(f32, [f32; LIGHT])> {
        let layout = hypothesis.layout();
        let count = sample_count(layout);
        let drawn = &mut self.drawn[..count];
        draw(layout, bank.entry(entry), &hypothesis.characters, drawn);
        let places = &self.places[hypothesis.layout][..count];
        let system = light_system(places, drawn, &self.dark[..count]);
        let solution = system.solve()?;
        let total = variance(&self.dark[..count]).max(1e-6);
        (solution[3] > 0.2).then(|| (system.rest(&solution) / total, solution))
    }
}

/// What the part that is explained worst leaves unexplained: what is seen and what is drawn are compared over `span`
/// samples at every `stride`, in shares of the variance of all.
pub(super) fn worst_share(seen: &[f32], drawn: &[f32], span: usize, stride: usize) -> f32 {
    let total = variance(seen).max(1e-6) / seen.len() as f32;
    let pairs = seen.windows(span).zip(drawn.windows(span)).step_by(stride);
    let square = |(seen, drawn): (&[f32], &[f32])| {
        seen.iter().zip(drawn).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / span as f32
    };
    pairs.map(square).fold(0.0, f32::max) / total
}

/// The normal equations of the light: rows of (1, t, t², b, bt, bt²). Most products occur many times
/// in the matrix, so the moments are summed and not the rows.
pub(super) fn light_system(places: &[f32], drawn: &[f32], dark: &[f32]) -> System<LIGHT> {
    const LANES: usize = 4;
    /// Powers 0 to 4 of the place times 1, b and b²; powers 0 to 2 times d and bd; d².
    const SUMS: usize = 5 + 5 + 5 + 3 + 3 + 1;
    let mut sums = [[0.0f32; LANES]; SUMS];
    let chunks = places.chunks_exact(LANES).zip(drawn.chunks_exact(LANES));
    for ((t, b), d) in chunks.zip(dark.chunks_exact(LANES)) {
        for lane in 0..LANES {
            let (t, b, d) = (t[lane], b[lane], d[lane]);
            let (mut one, mut bar, mut square) = (1.0, b, b * b);
            for power in 0..5 {
                sums[power][lane] += one;
                sums[5 + power][lane] += bar;
                sums[10 + power][lane] += square;
                if power < 3 {
                    sums[15 + power][lane] += one * d;
                    sums[18 + power][lane] += bar * d;
                }
                (one, bar, square) = (one * t, bar * t, square * t);
            }
            sums[21][lane] += d * d;
        }
    }
    let sum = sums.map(|lanes| lanes.iter().sum::<f32>());
    let mut system = System::<LIGHT>::new();
    for i in 0..LIGHT {
        for j in 0..LIGHT {
            let bars = i / 3 + j / 3;
            system.matrix[i][j] = sum[5 * bars + i % 3 + j % 3];
        }
        system.vector[i] = sum[15 + i];
    }
    system.square = sum[21];
    system
}

/// Of the samples of a symbol, how many tell something by themselves: what lies closer than a
/// sample or a pixel does not.
pub(super) fn independent(modules: f32, module_px: f32) -> f32 {
    modules * module_px.min(SAMPLES as f32)
}

/// The sum of squared deviations from the mean.
pub(super) fn variance(values: &[f32]) -> f32 {
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    values.iter().map(|value| (value - mean).powi(2)).sum()
}

/// Normal equations of a least-squares problem with `N` unknowns.
pub(super) struct System<const N: usize> {
    matrix: [[f32; N]; N],
    vector: [f32; N],
    square: f32,
}

impl<const N: usize> System<N> {
    pub(super) const fn new() -> Self {
        Self { matrix: [[0.0; N]; N], vector: [0.0; N], square: 0.0 }
    }

    pub(super) fn add(&mut self, row: &[f32; N], value: f32) {
        for (i, a) in row.iter().enumerate() {
            for (j, b) in row.iter().enumerate() {
                // The whole square: what branches less is vectorised.
                self.matrix[i][j] += a * b;
            }
            self.vector[i] += a * value;
        }
        self.square += value * value;
    }

    /// Cholesky's way, with a ridge that keeps what the data do not tell at rest.
    pub(super) fn solve(&self) -> Option<[f32; N]> {
        let mut low = [[0.0f32; N]; N];
        for i in 0..N {
            for j in 0..=i {
                let ridge = if i == j { self.matrix[i][i] * 1e-4 + 1e-4 } else { 0.0 };
                let dot: f32 = (0..j).map(|k| low[i][k] * low[j][k]).sum();
                let rest = self.matrix[i][j] + ridge - dot;
                low[i][j] =
                    if i == j { (rest > 0.0).then(|| rest.sqrt())? } else { rest / low[j][j] };
            }
        }
        let mut x = self.vector;
        for i in 0..N {
            let dot: f32 = (0..i).map(|k| low[i][k] * x[k]).sum();
            x[i] = (x[i] - dot) / low[i][i];
        }
        for i in (0..N).rev() {
            let dot: f32 = (i + 1..N).map(|k| low[k][i] * x[k]).sum();
            x[i] = (x[i] - dot) / low[i][i];
        }
        x.iter().all(|value| value.is_finite()).then_some(x)
    }

    /// The sum of squares that the solution leaves.
    pub(super) fn rest(&self, x: &[f32; N]) -> f32 {
        let mut rest = self.square;
        for i in 0..N {
            let row: f32 = (0..N).map(|j| self.matrix[i][j] * x[j]).sum();
            rest += x[i] * (row - 2.0 * self.vector[i]);
        }
        rest.max(1e-6)
    }
}
