//! ITF-14 as a code of characters in a row, for reading the numbers of cases from grey values.
//!
//! Source: ISO/IEC 16390:2007; GS1 General Specifications 5.3 for ITF-14 (fourteen digits, the last
//! of which confirms the others, wide runs of 2.25 to 3 narrow ones). Two digits make a character:
//! one is printed as five bars, the other as the spaces between. Other numbers of digits have no
//! check digit that must be there, and are never read behind blur.

mod gate;
#[cfg(test)]
mod tests;

use super::chain::code::{Bar, Code};
use super::template::SAMPLES;
use crate::decode::itf::{is_case, wide_runs};
use domain::code::Symbology;
use gate::PeriodGate;
use std::ops::Range;

/// Pairs of digits.
const PAIRS: usize = 7;
/// Eighths of a module, which is a narrow run.
const NARROW: i32 = 8;
/// Narrow runs before the first pair.
const HEAD_RUNS: usize = 4;

/// The code; its ways to print are how wide wide runs are: 2 to 3 narrow ones, in quarters.
pub(super) struct Itf14;

const fn wide(style: usize) -> i32 {
    2 * NARROW + 2 * style as i32
}

impl Code for Itf14 {
    const VALUES: usize = 100;
    const DATA: usize = 100;
    const MODULUS: usize = 10;
    const STYLES: usize = 5;
    type Gate = PeriodGate;

    fn first() -> Range<usize> {
        0..Self::VALUES
    }

    fn stride(style: usize) -> usize {
        (6 * NARROW + 4 * wide(style)) as usize * SAMPLES / 8
    }

    fn bars(style: usize, value: usize) -> Vec<Bar> {
        let widths = [value / 10, value % 10]
            .map(|digit| wide_runs(digit).map(|it| if it { wide(style) } else { NARROW }));
        let mut at = 0;
        let bars = widths[0].iter().zip(&widths[1]).map(|(bar, space)| {
            let from = at;
            at += bar + space;
            (from, from + bar)
        });
        bars.collect()
    }

    fn head() -> (Vec<Bar>, usize) {
        (vec![(0, NARROW), (2 * NARROW, 3 * NARROW)], HEAD_RUNS * SAMPLES)
    }

    fn stop(style: usize) -> Vec<Bar> {
        let wide = wide(style);
        vec![(0, wide), (wide + NARROW, wide + 2 * NARROW)]
    }

    fn remainder(_position: usize, _count: usize, value: usize) -> usize {
        (3 * (value / 10) + value % 10) % Self::MODULUS
    }

    fn text(values: &[u8]) -> Option<(Symbology, String)> {
        let text: String = values.iter().map(|value| format!("{value:02}")).collect();
        is_case(&text).then_some((Symbology::Itf14, text))
    }
}
