//! Code 128 and GS1-128 as a code of characters in a row, for reading them from grey values.
//!
//! Source: ISO/IEC 15417:2007; annex A for the check character. How many characters there are nobody
//! says: the gate tries all numbers.

mod gate;
mod symbol;
#[cfg(test)]
mod tests;

use super::chain::code::{Bar, Code};
use super::template::SAMPLES;
use domain::code::Symbology;
use gate::PatternGate;
use std::ops::Range;
use symbol::{CHARACTER, DATA, VALUES, bars_of, stop_bars, text};

/// The code: start, data and check character are its characters, the stop is what always ends it.
pub(super) struct Code128;

fn in_eighths((from, to): (u8, u8)) -> Bar {
    (8 * i32::from(from), 8 * i32::from(to))
}

impl Code for Code128 {
    const VALUES: usize = VALUES;
    const DATA: usize = DATA;
    const MODULUS: usize = 103;
    const STYLES: usize = 1;
    type Gate = PatternGate;

    fn first() -> Range<usize> {
        DATA..VALUES
    }

    fn stride(_style: usize) -> usize {
        CHARACTER * SAMPLES
    }

    fn bars(_style: usize, value: usize) -> Vec<Bar> {
        bars_of(value).map(in_eighths).to_vec()
    }

    fn head() -> (Vec<Bar>, usize) {
        (Vec::new(), 0)
    }

    fn stop(_style: usize) -> Vec<Bar> {
        stop_bars().map(in_eighths).to_vec()
    }

    fn remainder(position: usize, count: usize, value: usize) -> usize {
        match position + 1 == count {
            true => (Self::MODULUS - value) % Self::MODULUS,
            false => position.max(1) * value % Self::MODULUS,
        }
    }

    fn text(values: &[u8]) -> Option<(Symbology, String)> {
        let (text, is_gs1) = text(values)?;
        Some((if is_gs1 { Symbology::Gs1128 } else { Symbology::Code128 }, text))
    }
}
