//! What sets one code of characters in a row apart from another.
//!
//! The likelihood, its exact search, the fit and the margins are the same for all; a code says how
//! its characters look, which may stand where, and what confirms them.

use super::ends::Spot;
use super::wave::Bank;
use crate::grey::margin::MarginFinder;
use domain::code::Symbology;

/// Characters of a symbol at most, start, check and stop of a Code 128 among them. A GS1-128 has 48
/// characters of data at most, but a picture that holds so many has no module of a pixel.
pub(in crate::grey) const CHARACTERS_MAX: usize = 42;
/// Values of a character at most.
pub(in crate::grey) const VALUES_MAX: usize = 106;
/// Remainders of a checksum at most.
pub(in crate::grey) const MODULUS_MAX: usize = 103;

/// Values of the characters of a symbol.
pub(in crate::grey) type Values = [u8; CHARACTERS_MAX];
/// A bar from one place to another, in eighths of a module.
pub(in crate::grey) type Bar = (i32, i32);

/// A code of characters that all have one length. What begins and what ends a symbol is the same in
/// all of them, or a character like the others.
pub(in crate::grey) trait Code {
    /// Values there are.
    const VALUES: usize;
    /// Values below which all may stand at any place but the first.
    const DATA: usize;
    /// What the checksum is divided by.
    const MODULUS: usize;
    /// Ways to print, which differ in the length of a character.
    const STYLES: usize;
    /// Finds places.
    type Gate: Gate;

    /// Values that may stand first.
    fn first() -> std::ops::Range<usize>;
    /// Samples of a character.
    fn stride(style: usize) -> usize;
    /// Bars of a character, from its start.
    fn bars(style: usize, value: usize) -> Vec<Bar>;
    /// Bars before the first character, and samples from the first bar to it.
    fn head() -> (Vec<Bar>, usize);
    /// Bars behind the last character, from its end; the last bar is the last of the symbol.
    fn stop(style: usize) -> Vec<Bar>;
    /// What a value adds to the checksum, which comes out as 0.
    fn remainder(position: usize, count: usize, value: usize) -> usize;
    /// What characters say; `None` where nobody would print them.
    fn text(values: &[u8]) -> Option<(Symbology, String)>;

    /// Eighths of a module from the first bar to the last of a symbol of so many characters.
    fn eighths(style: usize, count: usize) -> usize {
        let stop = Self::stop(style).last().map_or(0, |bar| bar.1);
        2 * (Self::head().1 + count * Self::stride(style)) + stop as usize
    }
}

/// Finds where symbols may lie; keeps its memory.
pub(in crate::grey) trait Gate: Default {
    /// Fills the spots with the likeliest places on a profile and on the same read backwards, the
    /// best first.
    fn find<C: Code>(
        &mut self,
        bank: &mut Bank<C>,
        margins: &mut MarginFinder,
        profiles: [&[f32]; 2],
        samples_per_pixel: f32,
        spots: &mut Vec<Spot>,
    );
}
