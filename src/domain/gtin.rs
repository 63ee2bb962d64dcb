//! Global Trade Item Numbers: GTIN-8, -12, -13 and -14, check digits, and one form to compare them all.
//!
//! Rules: GS1 General Specifications, section 7.9 (check digit: weights 3 and 1 from the right, modulo 10) and
//! section 2.1 (a GTIN is stored as fourteen digits, padded with zeros on the left). UPC-E expansion: section
//! 5.2.2.4.2, table "zero-suppressed".

use std::fmt;

/// A valid GTIN in the fourteen-digit form, whatever symbol carried it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gtin(u64);

/// Why digits are no GTIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GtinError {
    /// Only 8, 12, 13 or 14 digits can be a GTIN.
    #[error("a GTIN has 8, 12, 13 or 14 digits, not {0}")]
    Length(usize),
    /// Something other than 0-9.
    #[error("character {0} is not a digit")]
    NotADigit(usize),
    /// The last digit does not fit the others.
    #[error("the check digit is {found}, it should be {expected}")]
    CheckDigit {
        /// The digit that the others demand.
        expected: u8,
        /// The digit that stands there.
        found: u8,
    },
    /// All zeros is nobody's article.
    #[error("all digits are zero")]
    Zero,
}

/// The check digit for `body` (digits without the check digit), or `None` if a character is no digit.
pub fn check_digit(body: &str) -> Option<u8> {
    let mut sum = 0u32;
    for (position, byte) in body.bytes().rev().enumerate() {
        let digit = u32::from(byte.checked_sub(b'0').filter(|digit| *digit <= 9)?);
        sum += digit * if position % 2 == 0 { 3 } else { 1 };
    }
    Some(((10 - sum % 10) % 10) as u8)
}

impl Gtin {
    /// Reads 8, 12, 13 or 14 digits with a right check digit.
    pub fn parse(digits: &str) -> Result<Self, GtinError> {
        if !matches!(digits.len(), 8 | 12 | 13 | 14) {
            return Err(GtinError::Length(digits.chars().count()));
        }
        if let Some(position) = digits.bytes().position(|byte| !byte.is_ascii_digit()) {
            return Err(GtinError::NotADigit(position + 1));
        }
        let (body, last) = digits.split_at(digits.len() - 1);
        let found = last.as_bytes()[0] - b'0';
        let expected = check_digit(body).ok_or(GtinError::NotADigit(1))?;
        if expected != found {
            return Err(GtinError::CheckDigit { expected, found });
        }
        match digits.parse() {
            Ok(0) | Err(_) => Err(GtinError::Zero),
            Ok(number) => Ok(Self(number)),
        }
    }

    /// Takes the number of a GTIN that was checked before it was stored.
    pub fn from_number(number: u64) -> Result<Self, GtinError> {
        if number > 99_999_999_999_999 {
            return Err(GtinError::Length(15));
        }
        Self::parse(&format!("{number:014}"))
    }

    /// The GTIN as a number: what indexes compare.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The first of the fourteen digits: 0 for a piece, 1 to 8 for a case of pieces, 9 for what is weighed (GS1 General
    /// Specifications, section 2.1.2).
    pub const fn indicator(self) -> u8 {
        (self.0 / 10_000_000_000_000) as u8
    }

    /// The number of a case, or of another grouping of like pieces.
    pub const fn is_case(self) -> bool {
        matches!(self.indicator(), 1..=8)
    }

    /// Fourteen digits.
    pub fn to_gtin14(self) -> String {
        format!("{:014}", self.0)
    }

    /// The way it is printed under the bars: 8 digits if they suffice (GTIN-8), else 13, else 14.
    pub fn display_digits(self) -> String {
        match self.0 {
            0..=99_999_999 => format!("{:08}", self.0),
            100_000_000..=9_999_999_999_999 => format!("{:013}", self.0),
            _ => self.to_gtin14(),
        }
    }

    /// Numbers that are not for worldwide trade: restricted circulation (GTIN-13 prefixes 02, 04 and 20-29,
    /// GTIN-8 prefixes 0 and 2) and coupons (05, 98, 99). The retailer defines what they mean.
    pub const fn is_restricted(self) -> bool {
        match self.0 {
            0..=99_999_999 => matches!(self.0 / 10_000_000, 0 | 2),
            100_000_000..=9_999_999_999_999 => {
                matches!(self.0 / 100_000_000_000, 2 | 4 | 5 | 20..=29 | 98 | 99)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display_digits())
    }
}
impl fmt::Debug for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gtin({:014})", self.0)
    }
}

/// Expands the eight digits of a UPC-E symbol (number system 0 or 1, six digits, check digit) to the twelve of
/// UPC-A; `None` if they are no UPC-E.
pub fn expand_upc_e(digits: &str) -> Option<String> {
    if digits.len() != 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (system, six, check) = (&digits[..1], &digits[1..7], &digits[7..]);
    if system != "0" && system != "1" {
        return None;
    }
    let body = match six.as_bytes()[5] {
        last @ b'0'..=b'2' => {
            format!("{system}{}{}0000{}", &six[..2], char::from(last), &six[2..5])
        }
        b'3' => format!("{system}{}00000{}", &six[..3], &six[3..5]),
        b'4' => format!("{system}{}00000{}", &six[..4], &six[4..5]),
        last => format!("{system}{}0000{}", &six[..5], char::from(last)),
    };
    let expanded = format!("{body}{check}");
    Gtin::parse(&expanded).is_ok().then_some(expanded)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// One line, one case: digits, fourteen digits, digits shown. Examples from GS1 General Specifications.
    #[test]
    fn every_length_is_one_number() {
        for (digits, fourteen, shown) in [
            ("95050003", "00000095050003", "95050003"),
            ("614141999996", "00614141999996", "0614141999996"),
            ("9521234543213", "09521234543213", "9521234543213"),
            ("09521234543213", "09521234543213", "9521234543213"),
            ("19521234543210", "19521234543210", "19521234543210"),
        ] {
            let gtin = Gtin::parse(digits).unwrap();
            assert_eq!((gtin.to_gtin14().as_str(), gtin.to_string().as_str()), (fourteen, shown));
        }
    }

    /// One line, one case: digits, indicator, whether it is a case.
    #[test]
    fn the_first_digit_tells_cases_from_pieces() {
        for (digits, indicator, is_case) in [
            ("95050003", 0, false),
            ("9521234543213", 0, false),
            ("19521234543210", 1, true),
            ("89521234543219", 8, true),
            ("99521234543216", 9, false),
        ] {
            let gtin = Gtin::parse(digits).unwrap();
            assert_eq!((gtin.indicator(), gtin.is_case()), (indicator, is_case), "{digits}");
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        for (digits, error) in [
            ("9521234543210", GtinError::CheckDigit { expected: 3, found: 0 }),
            ("952123454321", GtinError::CheckDigit { expected: 4, found: 1 }),
            ("95212345X3213", GtinError::NotADigit(9)),
            ("95212", GtinError::Length(5)),
            ("0000000000000", GtinError::Zero),
        ] {
            assert_eq!(Gtin::parse(digits), Err(error), "{digits}");
        }
    }

    #[test]
    fn upc_e_expands_in_its_four_ways() {
        for (short, long) in [
            ("01234505", "012000003455"),
            ("01234531", "012300000451"),
            ("01234543", "012340000053"),
            ("01234558", "012345000058"),
        ] {
            assert_eq!(expand_upc_e(short).as_deref(), Some(long), "{short}");
        }
        assert_eq!(expand_upc_e("21234505"), None);
        assert_eq!(expand_upc_e("01234506"), None);
    }

    #[test]
    fn restricted_numbers_are_known() {
        for (digits, restricted) in [
            ("2112345678900", true),
            ("0212345678909", true),
            ("9521234543213", false),
            ("0614141999996", false),
            ("9912345678906", true),
        ] {
            let body = &digits[..12];
            let fixed = format!("{body}{}", check_digit(body).unwrap());
            assert_eq!(Gtin::parse(&fixed).unwrap().is_restricted(), restricted, "{fixed}");
        }
    }

    proptest! {
        #[test]
        fn any_single_wrong_digit_is_caught(body in "[0-9]{12}", position in 0usize..13, step in 1u8..10) {
            let mut digits = format!("{body}{}", check_digit(&body).unwrap()).into_bytes();
            digits[position] = b'0' + (digits[position] - b'0' + step) % 10;
            prop_assert!(Gtin::parse(std::str::from_utf8(&digits).unwrap()).is_err());
        }
        #[test]
        fn hostile_text_never_panics(text in "\\PC{0,20}") {
            let _ = (Gtin::parse(&text), expand_upc_e(&text), check_digit(&text));
        }
    }
}
