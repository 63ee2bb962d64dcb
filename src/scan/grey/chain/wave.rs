//! What each character of a code looks like behind each blur, with the products of neighbours.
//!
//! As for the digits of EAN (`grey::template`), whose kernels and brush are used; a look is drawn
//! when it is first asked for.

use super::code::{Bar, Code};
use crate::grey::template::{BLURS, Brush, ENTRIES, SAMPLES, dot};
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// Modules beside a character that its blur reaches: also the margin that is compared, so that the
/// waveform of the first bar begins with the samples.
pub(in crate::grey) const TAIL: usize = 4;
/// The same in samples.
pub(in crate::grey) const LEAD: usize = TAIL * SAMPLES;
/// Looks that are kept, 80 kB each.
const KEPT_MAX: usize = 64;

/// Everything about one look: a blur, how much ink has spread, and a way to print.
pub(in crate::grey) struct Entry {
    /// Waveforms of all values one behind the other, each from four modules before to four modules
    /// behind the character.
    waves: Vec<f32>,
    /// Samples of a waveform.
    pub(in crate::grey) span: usize,
    /// Samples of a character.
    pub(in crate::grey) stride: usize,
    /// Their sums of squares.
    pub(in crate::grey) energy: Vec<f32>,
    /// The waveform of what stands before the first character, and its samples without tails.
    head: (Vec<f32>, usize),
    /// The waveform of what stands behind the last.
    pub(in crate::grey) stop: Vec<f32>,
    /// Twice the scalar product of a value with its right neighbour, by left · data + right.
    pub(in crate::grey) pairs: Vec<f32>,
    /// The greatest of them.
    pub(in crate::grey) pair_max: f32,
}

/// Bars behind a blur, `length` samples and both tails long.
fn draw(brush: &Brush, bars: &[Bar], length: usize) -> Vec<f32> {
    let samples = 0..length + 2 * LEAD;
    samples.map(|at| bars.iter().map(|bar| brush.bar_at(at, LEAD, *bar)).sum()).collect()
}

impl Entry {
    fn new<C: Code>(style: usize, look: usize) -> Self {
        let brush = Brush::new(look % BLURS, look / BLURS);
        let stride = C::stride(style);
        let span = stride + 2 * LEAD;
        let mut waves = Vec::with_capacity(C::VALUES * span);
        for value in 0..C::VALUES {
            waves.extend(draw(&brush, &C::bars(style, value), stride));
        }
        let mut pairs = vec![0.0; C::VALUES * C::DATA];
        for (left, row) in waves.chunks_exact(span).zip(pairs.chunks_exact_mut(C::DATA)) {
            for (right, pair) in waves.chunks_exact(span).zip(row) {
                *pair = 2.0 * dot(&left[stride..], &right[..span - stride]);
            }
        }
        let (bars, length) = C::head();
        let stop = C::stop(style);
        let stop_length = stop.last().map_or(0, |bar| bar.1 as usize).div_ceil(2);
        Self {
            energy: waves.chunks_exact(span).map(|wave| dot(wave, wave)).collect(),
            head: (draw(&brush, &bars, length), length),
            stop: draw(&brush, &stop, stop_length),
            pair_max: pairs.iter().copied().fold(0.0, f32::max),
            waves,
            span,
            stride,
            pairs,
        }
    }

    /// The waveform of a value.
    pub(in crate::grey) fn wave(&self, value: usize) -> &[f32] {
        &self.waves[value * self.span..][..self.span]
    }

    /// The sample with which the waveform of the character at `position` begins.
    pub(in crate::grey) const fn start(&self, position: usize) -> usize {
        self.head.1 + position * self.stride
    }

    /// Draws the symbol: 0 is light, 1 is dark.
    pub(in crate::grey) fn draw(&self, values: &[u8], out: &mut [f32]) {
        self.draw_ends(values.len(), out);
        for (position, value) in values.iter().enumerate() {
            let wave = self.wave(usize::from(*value));
            let out = &mut out[self.start(position)..];
            out.iter_mut().zip(wave).for_each(|(sum, value)| *sum += value);
        }
    }

    /// Draws what stands before and behind so many characters.
    pub(in crate::grey) fn draw_ends(&self, count: usize, out: &mut [f32]) {
        out.fill(0.0);
        out[self.start(count)..][..self.stop.len()].copy_from_slice(&self.stop);
        if self.head.1 > 0 {
            out.iter_mut().zip(&self.head.0).for_each(|(sum, value)| *sum += value);
        }
    }
}

/// Looks that were asked for.
pub(in crate::grey) struct Bank<C> {
    entries: BTreeMap<(usize, usize), Box<Entry>>,
    code: PhantomData<C>,
}

impl<C: Code> Bank<C> {
    pub(in crate::grey) const fn new() -> Self {
        Self { entries: BTreeMap::new(), code: PhantomData }
    }

    /// A way to print, and a blur and a spread of ink as the entries of the bank of EAN count them.
    pub(in crate::grey) fn entry(&mut self, style: usize, look: usize) -> &Entry {
        debug_assert!(style < C::STYLES && look < ENTRIES);
        if self.entries.len() >= KEPT_MAX && !self.entries.contains_key(&(style, look)) {
            self.entries.clear();
        }
        self.entries.entry((style, look)).or_insert_with(|| Box::new(Entry::new::<C>(style, look)))
    }
}
