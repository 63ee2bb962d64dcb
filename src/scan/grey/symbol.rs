//! The build of EAN-13, UPC-A, EAN-8 and UPC-E symbols in modules, and what their digits must obey.
//!
//! Guards: ISO/IEC 15420:2009, section 4. Parity and check digit are not looked at after reading: they
//! are listed here as *plans*, the only sequences that the reader may consider at all.

use crate::ean_pattern::{DIGIT_WIDTHS, LEADING_SETS, leading_of, upc_e_of, upc_e_sets};
use domain::code::Symbology;
use domain::gtin::{Gtin, expand_upc_e};

/// Digits that a symbol shows as bars at most (the first of an EAN-13 is parity).
pub(super) const DIGITS_MAX: usize = 12;
/// Characters of the three sets: A 0-9, B 10-19, C 20-29.
pub(super) const CHARACTERS: usize = 30;
/// Modules of a character.
pub(super) const CHARACTER_MODULES: usize = 7;

/// The dark runs of a character, as (from, to) in modules from its left edge.
pub(super) fn dark_runs(character: usize) -> [(u8, u8); 2] {
    let [a, b, c, d] = DIGIT_WIDTHS[character % 10];
    match character / 10 {
        0 => [(a, a + b), (a + b + c, 7)],
        1 => [(d, d + c), (d + c + b, 7)],
        _ => [(0, a), (a + b, a + b + c)],
    }
}

/// One kind of symbol.
pub(super) struct Layout {
    /// What it is called; UPC-A is an EAN-13 that begins with 0.
    pub(super) symbology: Symbology,
    /// Modules from the first bar to the last.
    pub(super) modules: usize,
    /// Digits left of the middle guard: sets A and B.
    pub(super) left: usize,
    /// Digits right of it: set C.
    pub(super) right: usize,
    /// Modules of the guards that are dark.
    pub(super) guards: &'static [u8],
    /// Light margin that must be seen on both sides, in modules; the standard asks for 7 to 11.
    pub(super) quiet_modules: f32,
}

/// The three builds.
pub(super) const LAYOUTS: [Layout; 3] = [
    Layout {
        symbology: Symbology::Ean13,
        modules: 95,
        left: 6,
        right: 6,
        guards: &[0, 2, 46, 48, 92, 94],
        quiet_modules: 3.0,
    },
    Layout {
        symbology: Symbology::Ean8,
        modules: 67,
        left: 4,
        right: 4,
        guards: &[0, 2, 32, 34, 64, 66],
        quiet_modules: 4.0,
    },
    Layout {
        symbology: Symbology::UpcE,
        modules: 51,
        left: 6,
        right: 0,
        guards: &[0, 2, 46, 48, 50],
        quiet_modules: 4.5,
    },
];

impl Layout {
    /// How many digits are drawn as bars.
    pub(super) const fn digits(&self) -> usize {
        self.left + self.right
    }

    /// The first module of digit `position`.
    pub(super) const fn digit_start(&self, position: usize) -> usize {
        let middle = if position < self.left { 0 } else { 5 };
        3 + CHARACTER_MODULES * position + middle
    }

    /// The characters that may stand at `position`.
    pub(super) const fn characters(&self, position: usize) -> (usize, usize) {
        match (position < self.left, self.left == 4) {
            (true, true) => (0, 10),
            (true, false) => (0, 20),
            (false, _) => (20, 30),
        }
    }

    /// How many plans there are of this kind.
    pub(super) const fn plan_count(&self) -> usize {
        match self.symbology {
            Symbology::Ean8 => 1,
            Symbology::UpcE => 20 * UPC_E_EXPANSIONS.len(),
            _ => LEADING_SETS.len(),
        }
    }

    /// Plan `index` of this kind.
    pub(super) fn plan(&self, index: usize) -> Plan {
        const ALTERNATING: [u8; DIGITS_MAX] = [3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1];
        let any = Plan { sets: 0, sum: 0, weights: ALTERNATING, last: 0x3ff };
        match self.symbology {
            Symbology::Ean8 => any,
            Symbology::UpcE => {
                // The check digit is that of the expanded number, where the last digit says which
                // places the others take (GS1 General Specifications, 5.2.2.4.2).
                let (family, expansion) =
                    (index / UPC_E_EXPANSIONS.len(), index % UPC_E_EXPANSIONS.len());
                let (check, system) = ((family / 2) as u8, (family % 2) as u8);
                let sets = upc_e_sets(system, check);
                let (shown, last) = UPC_E_EXPANSIONS[expansion];
                let mut weights = [0; DIGITS_MAX];
                weights[..6].copy_from_slice(&shown);
                Plan { sets, sum: (3 * system + check) % 10, weights, last }
            }
            _ => Plan { sets: LEADING_SETS[index], sum: index as u8, ..any },
        }
    }

    /// The digits as they are printed, if they are a number that can be somebody's article.
    pub(super) fn text(&self, characters: &[u8]) -> Option<(Symbology, Text)> {
        let mut digits = [0u8; 13];
        let body = &characters[..self.digits()];
        let sets = body[..self.left].iter().fold(0, |sets, c| sets << 1 | u8::from(*c / 10 == 1));
        let place = |digits: &mut [u8]| {
            digits.iter_mut().zip(body).for_each(|(digit, character)| *digit = character % 10);
        };
        let (symbology, from, length) = match self.symbology {
            Symbology::Ean8 => {
                place(&mut digits);
                (Symbology::Ean8, 0, 8)
            }
            Symbology::UpcE => {
                let (system, check) = upc_e_of(sets)?;
                place(&mut digits[1..]);
                (digits[0], digits[7]) = (system, check);
                (Symbology::UpcE, 0, 8)
            }
            _ => {
                place(&mut digits[1..]);
                digits[0] = leading_of(sets)?;
                if digits[0] == 0 { (Symbology::UpcA, 1, 12) } else { (Symbology::Ean13, 0, 13) }
            }
        };
        let mut text = Text { bytes: [0; TEXT_MAX], length };
        for (byte, digit) in text.bytes.iter_mut().zip(&digits[from..]).take(length) {
            *byte = b'0' + digit;
        }
        let is_number = match symbology {
            Symbology::UpcE => {
                expand_upc_e(text.as_str()).is_some_and(|long| Gtin::parse(&long).is_ok())
            }
            _ => Gtin::parse(text.as_str()).is_ok(),
        };
        is_number.then_some((symbology, text))
    }
}

/// Weights of the six digits of a UPC-E in the sum of its expansion, and the last digits (a bit for
/// each) for which they hold.
const UPC_E_EXPANSIONS: [([u8; 6], u16); 4] = [
    ([1, 3, 3, 1, 3, 1], 0b00_0000_0111),
    ([1, 3, 1, 1, 3, 0], 0b00_0000_1000),
    ([1, 3, 1, 3, 3, 0], 0b00_0001_0000),
    ([1, 3, 1, 3, 1, 3], 0b11_1110_0000),
];

/// One family of sequences that are allowed: a parity pattern and a checksum.
pub(super) struct Plan {
    /// Left digits of set B; the last left digit is bit 0.
    pub(super) sets: u8,
    /// What the digits that are not drawn add to the checksum.
    pub(super) sum: u8,
    /// Weights of the drawn digits; the total must be a multiple of ten.
    pub(super) weights: [u8; DIGITS_MAX],
    /// Digits that may stand last, a bit for each.
    pub(super) last: u16,
}

impl Plan {
    /// The first character of the set in which the digit at `position` is drawn.
    pub(super) fn set(&self, layout: &Layout, position: usize) -> usize {
        match position < layout.left {
            true => usize::from(self.sets >> (layout.left - 1 - position) & 1) * 10,
            false => 20,
        }
    }
}

/// Bytes of the longest text.
const TEXT_MAX: usize = 96;

/// A text without memory of its own on the heap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text {
    bytes: [u8; TEXT_MAX],
    length: usize,
}

impl Text {
    /// What is too long is cut off; no symbol here holds as much.
    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; TEXT_MAX];
        let length = text.len().min(bytes.len());
        bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
        Self { bytes, length }
    }

    /// The digits: 13, 12 or 8, the element string of a DataBar, or what a Code 128 says.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn characters_have_two_bars_in_seven_modules() {
        for character in 0..CHARACTERS {
            let [(a, b), (c, d)] = dark_runs(character);
            assert!(a < b && b < c && c < d && d <= 7, "{character}");
            let dark = b - a + d - c;
            // Odd parity is what set A is, even what B and C are.
            assert_eq!(dark % 2 == 1, character < 10, "{character}");
        }
    }

    #[test]
    fn plans_hold_for_known_numbers() {
        let check = |layout: &Layout, characters: &[u8], expected: &str| {
            let (_, text) = layout.text(characters).unwrap();
            assert_eq!(text.as_str(), expected);
            let mut is_planned = false;
            for plan in (0..layout.plan_count()).map(|index| layout.plan(index)) {
                let sets =
                    characters[..layout.left].iter().fold(0, |s, c| s << 1 | u8::from(c / 10 == 1));
                let sum: u32 = characters
                    .iter()
                    .zip(plan.weights)
                    .map(|(c, weight)| u32::from(c % 10) * u32::from(weight))
                    .sum();
                let last = characters[characters.len() - 1] % 10;
                is_planned |= sets == plan.sets
                    && (sum + u32::from(plan.sum)).is_multiple_of(10)
                    && plan.last >> last & 1 == 1;
            }
            assert!(is_planned, "{expected}");
        };
        check(&LAYOUTS[0], &[0, 10, 6, 3, 18, 11, 23, 23, 23, 29, 23, 21], "4006381333931");
        check(&LAYOUTS[1], &[9, 5, 0, 5, 20, 20, 20, 23], "95050003");
        check(&LAYOUTS[2], &[11, 2, 3, 14, 15, 0], "01234505");
    }
}
