//! What each character of Code 128 looks like behind each blur, with the products of neighbours.
//!
//! As for the digits of EAN (`grey::template`), whose kernels and brush are used; a look is drawn
//! when it is first asked for.

use super::super::template::{BLURS, Brush, ENTRIES, SAMPLES, dot};
use super::symbol::{CHARACTER, DATA, STOP_MODULES, VALUES, bars_of, stop_bars};

/// Modules beside a character that its blur reaches: also the margin that is compared, so that the
/// waveform of the first character begins with the samples.
pub(super) const TAIL: usize = 4;
const LEAD: usize = TAIL * SAMPLES;
/// Samples of a character.
pub(super) const STRIDE: usize = CHARACTER * SAMPLES;
/// Samples of a character with both tails.
pub(super) const SPAN: usize = STRIDE + 2 * LEAD;
/// Samples of the stop character with both tails.
pub(super) const STOP_SPAN: usize = STOP_MODULES * SAMPLES + 2 * LEAD;

/// Everything about one look: a blur, and how much ink has spread.
pub(super) struct Entry {
    /// Waveforms of all values, from four modules before to four modules behind them.
    pub(super) waves: Vec<[f32; SPAN]>,
    /// Their sums of squares.
    pub(super) energy: [f32; VALUES],
    /// The waveform of the stop character.
    pub(super) stop: [f32; STOP_SPAN],
    /// Twice the scalar product of a value with its right neighbour, by left · 103 + right.
    pub(super) pairs: Vec<f32>,
    /// The greatest of them.
    pub(super) pair_max: f32,
}

impl Entry {
    fn new(look: usize) -> Self {
        let brush = Brush::new(look % BLURS, look / BLURS);
        let wave = |sample: usize, bars: &[(u8, u8)]| -> f32 {
            bars.iter().map(|bar| brush.bar(sample, LEAD, bar.0, bar.1)).sum()
        };
        let waves: Vec<[f32; SPAN]> = (0..VALUES)
            .map(|value| {
                let bars = bars_of(value);
                std::array::from_fn(|sample| wave(sample, &bars))
            })
            .collect();
        let bars = stop_bars();
        let mut pairs = vec![0.0; VALUES * DATA];
        for (left, row) in waves.iter().zip(pairs.chunks_exact_mut(DATA)) {
            for (right, pair) in waves.iter().zip(row) {
                *pair = 2.0 * dot(&left[STRIDE..], &right[..SPAN - STRIDE]);
            }
        }
        Self {
            energy: std::array::from_fn(|value| dot(&waves[value], &waves[value])),
            stop: std::array::from_fn(|sample| wave(sample, &bars)),
            pair_max: pairs.iter().copied().fold(0.0, f32::max),
            waves,
            pairs,
        }
    }

    /// Draws the symbol: 0 is light, 1 is dark.
    pub(super) fn draw(&self, values: &[u8], out: &mut [f32]) {
        self.draw_stop(values.len(), out);
        for (position, value) in values.iter().enumerate() {
            let wave = &self.waves[usize::from(*value)];
            let out = &mut out[position * STRIDE..];
            out.iter_mut().zip(wave).for_each(|(sum, value)| *sum += value);
        }
    }

    /// Draws the stop character behind so many others.
    pub(super) fn draw_stop(&self, count: usize, out: &mut [f32]) {
        out.fill(0.0);
        out[count * STRIDE..][..STOP_SPAN].copy_from_slice(&self.stop);
    }
}

/// All looks; 80 kB each.
pub(super) struct Bank {
    entries: Vec<Option<Box<Entry>>>,
}

impl Bank {
    pub(super) fn new() -> Self {
        Self { entries: (0..ENTRIES).map(|_| None).collect() }
    }

    /// A blur and a spread of ink, as the entries of the bank of EAN count them.
    pub(super) fn entry(&mut self, look: usize) -> &Entry {
        self.entries[look].get_or_insert_with(|| Box::new(Entry::new(look)))
    }
}
