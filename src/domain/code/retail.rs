//! Meanings within GTINs that a till wants to know: books, music, periodicals and their add-ons,
//! coupons and refund receipts.
//!
//! Rules: GS1 General Specifications, section 1.4 (prefixes), 2.1.11 and 2.1.13 (publications and
//! add-ons), 2.6 (coupons); GS1 US on number system 5. All of these stay GTINs, are sold as such
//! if the catalogue has them, and only say more.

use super::symbology::Symbology;
use crate::Currency;
use crate::gtin::Gtin;
use std::fmt;

/// A publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Publication {
    /// ISBN: prefixes 978 and 979.
    Book,
    /// ISMN: prefix 9790.
    Music,
    /// ISSN: prefix 977.
    Periodical,
}

impl Publication {
    /// The kind of publication that a GTIN names, if any.
    pub const fn of(gtin: Gtin) -> Option<Self> {
        match gtin.number() / 1_000_000_000 {
            9790 => Some(Self::Music),
            9780..=9799 => Some(Self::Book),
            9770..=9779 => Some(Self::Periodical),
            _ => None,
        }
    }
}

/// The ISSN of a periodical's GTIN, with its own check character: `2049-3630`.
pub fn issn(gtin: Gtin) -> Option<String> {
    if Publication::of(gtin) != Some(Publication::Periodical) {
        return None;
    }
    let seven = gtin.number() / 1000 % 10_000_000;
    let digits = format!("{seven:07}");
    let weighted = digits.bytes().zip((2..=8).rev());
    let sum: u32 = weighted.map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    let check = match (11 - sum % 11) % 11 {
        10 => "X".to_owned(),
        digit => digit.to_string(),
    };
    Some(format!("{}-{}{check}", &digits[..4], &digits[4..]))
}

/// The two or five digits beside an EAN-13, UPC-A or UPC-E; as text, the digits as printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddOn {
    /// Two digits: the issue of a periodical.
    Issue(u8),
    /// Five digits: on books a recommended price, see [`AddOn::price`].
    Five(u32),
}

impl AddOn {
    /// The add-on of two or five digits; `None` for anything else.
    pub fn parse(digits: &str) -> Option<Self> {
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        match digits.len() {
            2 if is_number => digits.parse().ok().map(Self::Issue),
            5 if is_number => digits.parse().ok().map(Self::Five),
            _ => None,
        }
    }

    /// The price in minor units that the book trade prints in five digits, with its currency
    /// (Book Industry Study Group, "Bar-coding guidelines"); 90000 and its like say no price.
    pub fn price(self) -> Option<(u32, Currency)> {
        let Self::Five(number) = self else { return None };
        let currency = match number / 10_000 {
            0 | 1 => "GBP",
            3 => "AUD",
            4 => "NZD",
            5 => "USD",
            6 => "CAD",
            _ => return None,
        };
        // Pounds run from 00000 to 19999; the other currencies have four digits.
        let minor = if currency == "GBP" { number } else { number % 10_000 };
        Some((minor, currency.parse().ok()?))
    }
}

impl fmt::Display for AddOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Issue(number) => write!(f, "{number:02}"),
            Self::Five(number) => write!(f, "{number:05}"),
        }
    }
}

/// Splits what a scanner sends for an EAN-13 or UPC-A with an add-on: the number and the digits
/// beside it. Between them may be nothing, a space, a `+`, or the identifier of an add-on by
/// itself, `]E1` or `]E2` (ISO/IEC 15424). `None` for other symbologies: eight digits with
/// five more would be an EAN-13.
pub fn split_add_on(symbology: Symbology, text: &str) -> Option<(Gtin, AddOn)> {
    let length = match symbology {
        Symbology::Ean13 => 13,
        Symbology::UpcA => 12,
        _ => return None,
    };
    // Twelve digits padded to the fourteen that are stored.
    if text.len() == 14 && text.starts_with("00") && Gtin::parse(text).is_ok() {
        return None;
    }
    let (number, rest) = text.split_at_checked(length)?;
    let gtin = Gtin::parse(number).ok()?;
    let between = [" ", "+", "]E1", "]E2"];
    let digits = between.iter().find_map(|between| rest.strip_prefix(between)).unwrap_or(rest);
    Some((gtin, AddOn::parse(digits)?))
}

/// A coupon or receipt in the form of a GTIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetailCoupon {
    /// UPC-A of number system 5: who issues it, on what, and a code for the value.
    Upc {
        /// Five digits of the company.
        company: u32,
        /// Family of articles, three digits.
        family: u16,
        /// What it is worth, by the table of GS1 US.
        value_code: u8,
    },
    /// 981 to 984: worth money in a common currency area; the country gives the layout.
    CommonCurrency,
    /// 99: the country gives the layout.
    National,
    /// 980: a receipt for returned goods.
    RefundReceipt,
}

impl RetailCoupon {
    /// The coupon that a GTIN is, if it is one.
    pub const fn of(gtin: Gtin) -> Option<Self> {
        let number = gtin.number();
        match number / 10_000_000_000 {
            980 => Some(Self::RefundReceipt),
            981..=984 => Some(Self::CommonCurrency),
            990..=999 => Some(Self::National),
            50..=59 => Some(Self::Upc {
                company: (number / 1_000_000 % 100_000) as u32,
                family: (number / 1000 % 1000) as u16,
                value_code: (number / 10 % 100) as u8,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::gtin::check_digit;

    fn gtin(body: &str) -> Gtin {
        Gtin::parse(&format!("{body}{}", check_digit(body).unwrap())).unwrap()
    }

    #[test]
    fn publications_are_known() {
        for (body, kind) in [
            ("978014300723", Some(Publication::Book)),
            ("979126000000", Some(Publication::Book)),
            ("979000000000", Some(Publication::Music)),
            ("977204936300", Some(Publication::Periodical)),
            ("952123454321", None),
            ("061414199999", None),
            ("1977204936300", None),
        ] {
            assert_eq!(Publication::of(gtin(body)), kind, "{body}");
        }
        // The example of ISO 3297, and one whose check character is X.
        assert_eq!(issn(gtin("977204936300")).as_deref(), Some("2049-3630"));
        assert_eq!(issn(gtin("977243456100")).as_deref(), Some("2434-561X"));
        assert_eq!(issn(gtin("978014300723")), None);
    }

    /// One line, one case: symbology, text, digits beside it, price in minor units with currency.
    #[test]
    fn add_ons_are_split_off() {
        use Symbology::{Ean8, Ean13, UpcA};
        for (symbology, text, add_on, price) in [
            (Ean13, "978014300723451299", Some(AddOn::Five(51_299)), Some((1299, "USD"))),
            (Ean13, "9780143007234 51299", Some(AddOn::Five(51_299)), Some((1299, "USD"))),
            (Ean13, "9780143007234+00899", Some(AddOn::Five(899)), Some((899, "GBP"))),
            (Ean13, "9780143007234 61500", Some(AddOn::Five(61_500)), Some((1500, "CAD"))),
            (Ean13, "978014300723490000", Some(AddOn::Five(90_000)), None),
            (Ean13, "977204936300206", Some(AddOn::Issue(6)), None),
            (UpcA, "61414199999606", Some(AddOn::Issue(6)), None),
            (UpcA, "614141999996 06", Some(AddOn::Issue(6)), None),
            (UpcA, "614141999996]E106", Some(AddOn::Issue(6)), None),
            (Ean13, "9780143007234]E251299", Some(AddOn::Five(51_299)), Some((1299, "USD"))),
            (Ean13, "9780143007234]E051299", None, None),
            (Ean13, "61414199999606", None, None),
            (Ean8, "9505000306", None, None),
            (Ean13, "9780143007234", None, None),
            (Ean13, "97801430072345", None, None),
            (Ean13, "97801430072341 2", None, None),
            (Ean13, "978014300723551299", None, None),
            (Ean13, "978014300723é", None, None),
        ] {
            let read = split_add_on(symbology, text).map(|read| read.1);
            assert_eq!(read, add_on, "{text}");
            let expected = price.map(|(minor, currency)| (minor, currency.parse().unwrap()));
            assert_eq!(read.and_then(AddOn::price), expected, "{text}");
            let printed = add_on.map(|add_on| add_on.to_string());
            assert!(printed.is_none_or(|digits| text.ends_with(&digits)), "{text}");
        }
    }

    #[test]
    fn coupons_are_known() {
        let upc = RetailCoupon::Upc { company: 12_345, family: 678, value_code: 50 };
        for (body, coupon) in [
            ("51234567850", Some(upc)),
            ("980123456789", Some(RetailCoupon::RefundReceipt)),
            ("981123456789", Some(RetailCoupon::CommonCurrency)),
            ("991234567890", Some(RetailCoupon::National)),
            ("985123456789", None),
            ("211234567890", None),
            ("9901234567890", None),
        ] {
            assert_eq!(RetailCoupon::of(gtin(body)), coupon, "{body}");
        }
    }
}
