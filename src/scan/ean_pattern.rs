//! How digits of EAN and UPC are drawn, and how number sets tell a digit that has no bars: the tables
//! of ISO/IEC 15420:2009 (section 4 and tables 1 to 4), written once for all readers of them.
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
}
