//! What a digit looks like through a lens out of focus or in motion: waveforms for every blur.
//!
//! Blur is linear, so the waveform of a symbol is the sum of the waveforms of its digits and guards.
//! Each blur of a fixed list is drawn once, with the products of neighbouring digits, and a decode
//! then needs nothing but scalar products. Kernels are those of optics: Gaussian (a little of
//! everything), disc (defocus), box (motion); discs and boxes turn fine bars into their negative,
//! which no sharpening undoes but a template knows.
//!
//! Templates of whole digits and fitting them in closed form: O. Gallo, R. Manduchi, "Reading 1D
//! barcodes with mobile phones using deformable templates", IEEE PAMI 33(9), 2011.

use super::symbol::{CHARACTER_MODULES, CHARACTERS, dark_runs};

/// Samples in a module.
pub(super) const SAMPLES: usize = 4;
/// A digit reaches to the middle of its neighbours.
pub(super) const REACH: usize = CHARACTER_MODULES * SAMPLES;
/// Samples of half a digit with its tail.
pub(super) const HALF: usize = REACH;
/// Samples of a digit with both tails.
pub(super) const SPAN: usize = 2 * HALF;
/// Samples from the start of a digit to the start of its waveform.
pub(super) const LEAD: usize = HALF / 2;
/// Samples of a guard bar with both tails.
pub(super) const BAR: usize = SAMPLES * 9;
/// Samples from the start of a guard bar to the start of its waveform.
pub(super) const BAR_LEAD: usize = SAMPLES * 4;

/// The form of a blur; the number is its scale in modules.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kernel {
    /// Standard deviation.
    Gaussian(f32),
    /// Radius of the circle of confusion.
    Disc(f32),
    /// Length of the motion.
    Box(f32),
}

/// Blurs that are tried. Beyond the last of each kind neighbouring numbers look alike.
const KERNELS: [Kernel; 16] = [
    Kernel::Gaussian(0.3),
    Kernel::Gaussian(0.5),
    Kernel::Gaussian(0.7),
    Kernel::Gaussian(0.9),
    Kernel::Gaussian(1.15),
    Kernel::Gaussian(1.4),
    Kernel::Disc(1.0),
    Kernel::Disc(1.4),
    Kernel::Disc(1.8),
    Kernel::Disc(2.2),
    Kernel::Disc(2.6),
    Kernel::Disc(3.0),
    Kernel::Box(1.6),
    Kernel::Box(2.2),
    Kernel::Box(2.8),
    Kernel::Box(3.4),
];

/// By how much bars are printed too wide on each side, in modules.
const SPREADS: [f32; 3] = [0.0, 0.12, -0.12];

/// Blurs of the first, coarse look: one of each kind and size that decodes its neighbours too.
pub(super) const COARSE: [usize; 4] = [1, 8, 10, 13];

/// How many entries the bank has.
pub(super) const ENTRIES: usize = KERNELS.len() * SPREADS.len();
/// Blurs without regard to ink.
pub(super) const BLURS: usize = KERNELS.len();

/// The share of a point's light that falls left of `t`.
fn cumulative(kernel: Kernel, t: f32) -> f32 {
    match kernel {
        Kernel::Gaussian(deviation) => normal(t / deviation),
        Kernel::Disc(radius) => {
            let x = (t / radius).clamp(-1.0, 1.0);
            0.5 + (x * (1.0 - x * x).sqrt() + x.asin()) / std::f32::consts::PI
        }
        Kernel::Box(length) => (t / length + 0.5).clamp(0.0, 1.0),
    }
}

/// The normal distribution function (Abramowitz and Stegun 7.1.26, error below 2e-7).
fn normal(t: f32) -> f32 {
    let x = t.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let k = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly = k
        * (0.254_829_6
            + k * (-0.284_496_7 + k * (1.421_413_8 + k * (-1.453_152_1 + k * 1.061_405_4))));
    let half = 0.5 * poly * (-x * x).exp();
    if t > 0.0 { 1.0 - half } else { half }
}

/// The same after the blur that every lens and pixel adds, a deviation of 0.25 modules, by
/// three-point Gauss-Hermite quadrature.
fn softened(kernel: Kernel, t: f32) -> f32 {
    let step = 0.25 * 3f32.sqrt();
    (cumulative(kernel, t - step) + 4.0 * cumulative(kernel, t) + cumulative(kernel, t + step))
        / 6.0
}

/// The share of a point's light that falls left of `t` behind blur `index`: an edge, in modules.
pub(super) fn step_of(index: usize, t: f32) -> f32 {
    softened(KERNELS[index], t)
}

/// A bar behind one blur: what all waveforms are sums of.
pub(super) struct Brush {
    /// The edge from light to dark, by eighths of a module.
    rise: Vec<f32>,
    /// From dark to light.
    fall: Vec<f32>,
}

impl Brush {
    /// Samples lie in the middle of quarter modules, edges at whole ones: a table by eighths.
    const EIGHTHS: i32 = 8 * 20;

    /// Of a blur and a spread of ink, by their numbers.
    pub(super) fn new(blur: usize, spread: usize) -> Self {
        Self::of(KERNELS[blur], SPREADS[spread])
    }

    fn of(kernel: Kernel, spread: f32) -> Self {
        let table = |shift: f32| -> Vec<f32> {
            let places = -Self::EIGHTHS..=Self::EIGHTHS;
            places.map(|at| softened(kernel, at as f32 / 8.0 + shift)).collect()
        };
        Self { rise: table(spread), fall: table(-spread) }
    }

    /// The darkness at a sample of a bar between two modules of a character that begins `lead`
    /// samples later than its waveform.
    pub(super) fn bar(&self, sample: usize, lead: usize, from: u8, to: u8) -> f32 {
        self.bar_at(sample, lead, (8 * i32::from(from), 8 * i32::from(to)))
    }

    /// The same for a bar between two eighths of a module.
    pub(super) fn bar_at(&self, sample: usize, lead: usize, (from, to): (i32, i32)) -> f32 {
        let at = (2 * sample + 1) as i32 - 2 * lead as i32;
        let index = |edge: i32| (at - edge).clamp(-Self::EIGHTHS, Self::EIGHTHS) + Self::EIGHTHS;
        self.rise[index(from) as usize] - self.fall[index(to) as usize]
    }
}

/// Everything about one blur.
pub(super) struct Entry {
    /// Waveforms of the characters, from 3.5 modules before to 3.5 modules behind them.
    pub(super) characters: [[f32; SPAN]; CHARACTERS],
    /// Their sums of squares.
    pub(super) energy: [f32; CHARACTERS],
    /// Twice the scalar product of a character with its right neighbour, by left · 30 + right.
    pub(super) pairs: Vec<f32>,
    /// The same across the middle guard.
    pub(super) middle_pairs: Vec<f32>,
    /// The waveform of a bar of one module.
    pub(super) bar: [f32; BAR],
}

impl Entry {
    fn new(kernel: Kernel, spread: f32) -> Self {
        let brush = Brush::of(kernel, spread);
        let waveform =
            |sample: usize, lead: usize, from: u8, to: u8| brush.bar(sample, lead, from, to);
        let mut entry = Self {
            characters: [[0.0; SPAN]; CHARACTERS],
            energy: [0.0; CHARACTERS],
            pairs: vec![0.0; CHARACTERS * CHARACTERS],
            middle_pairs: vec![0.0; CHARACTERS * CHARACTERS],
            bar: std::array::from_fn(|sample| waveform(sample, BAR_LEAD, 0, 1)),
        };
        for (character, wave) in entry.characters.iter_mut().enumerate() {
            for (sample, value) in wave.iter_mut().enumerate() {
                let runs = dark_runs(character);
                *value = runs.iter().map(|run| waveform(sample, LEAD, run.0, run.1)).sum();
            }
            entry.energy[character] = wave.iter().map(|value| value * value).sum();
        }
        let middle = 5 * SAMPLES;
        for left in 0..CHARACTERS {
            for right in 0..CHARACTERS {
                let (a, b) = (&entry.characters[left], &entry.characters[right]);
                entry.pairs[left * CHARACTERS + right] = 2.0 * dot(&a[REACH..], &b[..SPAN - REACH]);
                entry.middle_pairs[left * CHARACTERS + right] =
                    2.0 * dot(&a[REACH + middle..], &b[..SPAN - REACH - middle]);
            }
        }
        entry
    }
}

/// The sum of products, in eight strands that the compiler can keep in one register.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (mut left, mut right) = (a.chunks_exact(8), b.chunks_exact(8));
    for (x, y) in (&mut left).zip(&mut right) {
        for index in 0..8 {
            sums[index] += x[index] * y[index];
        }
    }
    let rest: f32 = left.remainder().iter().zip(right.remainder()).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

/// All waveforms: drawn once, about 0.4 MB.
pub(super) struct Bank {
    entries: Vec<Entry>,
}

impl Bank {
    pub(super) fn new() -> Self {
        let with = |spread: f32| KERNELS.map(|kernel| Entry::new(kernel, spread));
        Self { entries: SPREADS.iter().flat_map(|spread| with(*spread)).collect() }
    }

    pub(super) fn entry(&self, index: usize) -> &Entry {
        &self.entries[index]
    }
}

/// The deviation of the blur of an entry, in modules.
pub(super) fn blur_modules(index: usize) -> f32 {
    match KERNELS[index % KERNELS.len()] {
        Kernel::Gaussian(deviation) => deviation,
        Kernel::Disc(radius) => radius / 2.0,
        Kernel::Box(length) => length / 12f32.sqrt(),
    }
}

/// Whether two blurs look much the same: of like deviation, or next to each other in their family.
pub(super) fn is_near(a: usize, b: usize) -> bool {
    /// Modules; the families are listed in steps of a little less.
    const NEAR: f32 = 0.26;
    (blur_modules(a) - blur_modules(b)).abs() < NEAR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_moves_ink_about_and_loses_none() {
        let bank = Bank::new();
        for (index, kernel) in KERNELS.iter().enumerate() {
            let entry = bank.entry(index);
            let ink = |wave: &[f32]| wave.iter().sum::<f32>() / SAMPLES as f32;
            assert!((ink(&entry.bar) - 1.0).abs() < 0.02, "{kernel:?}");
            for (character, wave) in entry.characters.iter().enumerate() {
                let runs = dark_runs(character);
                let dark: u8 = runs.iter().map(|run| run.1 - run.0).sum();
                assert!((ink(wave) - f32::from(dark)).abs() < 0.05, "{kernel:?}");
            }
        }
    }

    #[test]
    fn a_disc_turns_fine_bars_into_their_negative() {
        // Bars and spaces of one module through a disc of radius 1.5: the transfer function is
        // negative there, so the middle of a bar is lighter than the middle of a space.
        let at = |radius: f32, t: f32| -> f32 {
            let disc = Kernel::Disc(radius);
            (-8..8)
                .map(|bar| {
                    let from = 2.0 * bar as f32;
                    cumulative(disc, t - from) - cumulative(disc, t - from - 1.0)
                })
                .sum()
        };
        assert!(at(1.5, 0.5) < at(1.5, 1.5) - 0.05);
        assert!(at(0.8, 0.5) > at(0.8, 1.5) + 0.1);
    }
}
