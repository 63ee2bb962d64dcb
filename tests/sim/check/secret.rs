//! I9: nothing that looks like a card number.

use crate::violation::{Check, Invariant};

/// Lengths of card numbers in use (ISO/IEC 7812-1 allows up to 19 digits; 13 are no longer given out).
const LENGTHS: std::ops::RangeInclusive<usize> = 14..=19;

/// Looks for a card number. Digits beside letters are parts of hashes and identities; a leading 0 or 1 is no bank's.
pub(crate) fn secret(text: &str) -> Check {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    for word in words.filter(|word| LENGTHS.contains(&word.len())) {
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && !word.starts_with(['0', '1']) && passes_luhn(word) {
            return Invariant::NoSecrets.broken("an event holds what looks like a card number");
        }
    }
    Ok(())
}

/// The check digit of card numbers (ISO/IEC 7812-1, annex B).
fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .map(|byte| u32::from(byte - b'0'))
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => digit,
            (_, doubled) => doubled / 10 + doubled % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line, one case: text, whether there is a card number in it.
    #[test]
    fn card_numbers_are_told_from_other_numbers() {
        for (text, expected) in [
            ("\"name\":\"Gift 4111111111111111\"", true),
            ("378282246310005", true),
            ("4111111111111112", false),
            ("\"gtin\":\"09520000000011\"", false),
            ("\"at_ms\":1800000000000", false),
            ("a4111111111111111f", false),
            ("00000000-0000-0000-0000-411111111111", false),
        ] {
            assert_eq!(secret(text).is_err(), expected, "{text}");
        }
    }
}
