//! How digits of EAN and UPC are drawn, and how number sets tell a digit that has no bars or prove
//! those that have: the tables of ISO/IEC 15420:2009 (section 4 and tables 1 to 6), written once for
//! all readers of them.
//!
//! Data only. How much a reader believes of what it sees is not decided here.

/// Number set A as widths space-bar-space-bar in modules; B is the same mirrored, C the same with
/// the colours exchanged.
pub const DIGIT_WIDTHS: [[u8; 4]; 10] = [
    [3, 2, 1, 1],
    [2, 2, 2, 1],
    [2, 1, 2, 2],
    [1, 4, 1, 1],
    [1, 1, 3, 2],
    [1, 2, 3, 1],
    [1, 1, 1, 4],
    [1, 3, 1, 2],
    [1, 2, 1, 3],
    [3, 1, 1, 2],
];

/// Which of the six left digits of an EAN-13 are of set B, by the leading digit; bit 5 is the first
/// digit.
pub const LEADING_SETS: [u8; 10] = [
    0b000000, 0b001011, 0b001101, 0b001110, 0b010011, 0b011001, 0b011100, 0b010101, 0b010110,
    0b011010,
];

/// The same of a UPC-E of number system 0, by the check digit; system 1 has the complement.
const UPC_E_SETS: [u8; 10] = [
    0b111000, 0b110100, 0b110010, 0b110001, 0b101100, 0b100110, 0b100011, 0b101010, 0b101001,
    0b100101,
];

/// Which digits of a UPC-E of a number `system` (0 or 1) are of set B, by its check digit.
pub const fn upc_e_sets(system: u8, check: u8) -> u8 {
    UPC_E_SETS[check as usize] ^ if system == 0 { 0 } else { 0b11_1111 }
}

/// The leading digit of an EAN-13 whose left digits are of these sets.
pub fn leading_of(sets: u8) -> Option<u8> {
    (0..10).find(|digit| LEADING_SETS[usize::from(*digit)] == sets)
}

/// Number system and check digit of a UPC-E whose digits are of these sets.
pub fn upc_e_of(sets: u8) -> Option<(u8, u8)> {
    let pairs = (0..2).flat_map(|system| (0..10).map(move |check| (system, check)));
    pairs.into_iter().find(|(system, check)| upc_e_sets(*system, *check) == sets)
}

/// Which of the five digits of an add-on are of set B, by its check value; bit 4 is the first digit.
const FIVE_SETS: [u8; 10] =
    [0b11000, 0b10100, 0b10010, 0b10001, 0b01100, 0b00110, 0b00011, 0b01010, 0b01001, 0b00101];

/// Which digits of an add-on of two or five digits are of set B, the first one the highest bit; `None`
/// for any other number of digits, which no add-on has (ISO/IEC 15420:2009, section 4.3.3).
pub fn add_on_sets(digits: &[u8]) -> Option<u8> {
    let number = |digit: &u8| usize::from(*digit);
    match digits {
        [tens, ones] => Some((10 * tens + ones) % 4),
        [a, b, c, d, e] => {
            let sum = 3 * (number(a) + number(c) + number(e)) + 9 * (number(b) + number(d));
            Some(FIVE_SETS[sum % 10])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_seven_modules_and_sets_are_told_apart() {
        assert!(DIGIT_WIDTHS.iter().all(|widths| widths.iter().sum::<u8>() == 7));
        for digit in 0..10 {
            assert_eq!(leading_of(LEADING_SETS[usize::from(digit)]), Some(digit));
            for system in 0..2 {
                let sets = upc_e_sets(system, digit);
                assert_eq!(upc_e_of(sets), Some((system, digit)));
                assert_eq!(sets.count_ones(), 3, "three of six digits are of set B");
            }
        }
        assert_eq!((leading_of(0b111111), upc_e_of(0)), (None, None));
    }

    /// One line, one case: the digits, which of them are of set B. Those of five are the examples
    /// of the GS1 General Specifications and of books in print.
    #[test]
    fn sets_of_add_ons_follow_their_value() {
        for (digits, sets) in [
            (&[0, 0][..], Some(0b00)),
            (&[0, 5], Some(0b01)),
            (&[3, 4], Some(0b10)),
            (&[9, 9], Some(0b11)),
            // 3 * (5 + 2 + 9) + 9 * (1 + 9) = 138
            (&[5, 1, 2, 9, 9], Some(0b01001)),
            (&[9, 0, 0, 0, 0], Some(0b01010)),
            (&[0, 0, 0, 0, 0], Some(0b11000)),
            (&[8, 6, 1, 0, 4], Some(0b10001)),
            (&[1], None),
            (&[1, 2, 3], None),
        ] {
            assert_eq!(add_on_sets(digits), sets, "{digits:?}");
        }
        // No two check values share a pattern, and each has two digits of set B.
        for (index, sets) in FIVE_SETS.iter().enumerate() {
            assert_eq!(sets.count_ones(), 2);
            assert!(!FIVE_SETS[..index].contains(sets));
        }
    }
}
