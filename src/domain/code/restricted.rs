//! Numbers of restricted circulation, read by the retailer's own layouts.
//!
//! A scale prints an EAN-13 that begins with 02 or 20 to 29 and holds an item number and a price,
//! a weight or a count. What stands where is decided in each country and each shop, so that a
//! layout is configuration and never code:
//!
//! ```text
//! 21IIIIIVPPPPC   item of five digits, check digit of the price, price of four digits
//! 28IIIIIWWWWWC   item of five digits, weight of five digits
//! 2IIIIIVPPPPC    the same in twelve digits, as UPC-A of number system 2
//! ```
//!
//! Rules: GS1 General Specifications, section 2.1.14 (structures) and 7.9.2 to 7.9.4 (check digits
//! of prices and weights). A number that fits no layout has no price and no weight: it is never
//! guessed.

use crate::gtin::{Gtin, check_digit};
use crate::{Currency, Money, Quantity, Unit};

/// The digits of every pattern once zeros are put in front: those of a GTIN-14.
const LENGTH: usize = 14;
/// More decimals than a field has digits would be a slip.
const DECIMALS_MAX: u8 = 5;

/// What a layout is refused for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Not 8, 12 or 13 characters.
    #[error("a layout has 8, 12 or 13 characters, not {0}")]
    Length(usize),
    /// A character that stands for nothing.
    #[error("character {0} is none of 0-9, I, P, W, N, V, X, C")]
    Character(usize),
    /// The check digit is not the last, or missing.
    #[error("C stands once, in the last place")]
    CheckDigit,
    /// No item, or one in two places.
    #[error("the item (I) stands in one place")]
    Item,
    /// Price, weight and count exclude each other, and stand in one place.
    #[error("the price (P), weight (W) or count (N) stands in one place")]
    Measure,
    /// A check digit of the measure needs four or five digits to check.
    #[error("V stands once, beside a price, weight or count of four or five digits")]
    MeasureCheck,
    /// More decimals than digits.
    #[error("{0} decimals are more than the digits have")]
    Decimals(u8),
    /// The pattern is not of numbers that a retailer may use so.
    #[error("a layout begins with 02, 04 or 2")]
    Prefix,
}

/// What the measure of a layout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Field {
    Price,
    Weight,
    Count,
    Nothing,
}

/// One layout of a retailer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VariableMeasureTemplate {
    /// Fourteen characters.
    pattern: String,
    field: Field,
    decimals: u8,
}

/// What a number of restricted circulation says besides its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestrictedMeasure {
    /// A price, `number / 10^decimals` of the money of the shop.
    Price {
        /// The digits.
        number: u32,
        /// How many of them are decimals.
        decimals: u8,
    },
    /// A weight, in kilograms with `decimals`.
    Weight {
        /// The digits.
        number: u32,
        /// How many of them are decimals of a kilogram.
        decimals: u8,
    },
    /// Pieces.
    Count(u32),
    /// The layout has an item only.
    Nothing,
}

impl RestrictedMeasure {
    /// The price in `local`, the money of the shop; `None` if it is no price, or finer than the
    /// minor unit.
    pub fn to_money(self, local: Currency) -> Option<Money> {
        let Self::Price { number, decimals } = self else { return None };
        let minor = i64::from(number) * 10i64.pow(local.exponent());
        let divisor = 10i64.pow(decimals.into());
        (minor % divisor == 0).then(|| Money::new(minor / divisor, local))
    }

    /// The weight in grams, if it is a whole number of them, or the count.
    pub fn to_quantity(self) -> Option<Quantity> {
        match self {
            Self::Weight { number, decimals } => {
                let thousandths = i64::from(number) * 1000;
                let divisor = 10i64.pow(decimals.into());
                let is_whole = thousandths % divisor == 0;
                is_whole.then(|| Quantity::new(thousandths / divisor, Unit::Gram))
            }
            Self::Count(count) => Some(Quantity::pieces(count.into())),
            Self::Price { .. } | Self::Nothing => None,
        }
    }
}

/// A number of restricted circulation, read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RestrictedItem {
    /// The digits of the item, zeros in front kept.
    pub item: String,
    /// The same number with the measure zero and its check digits right: what a catalogue that
    /// keeps such articles by GTIN has on file.
    pub base: Gtin,
    /// Price, weight or count.
    pub measure: RestrictedMeasure,
}

/// Where a letter stands; `None` if it stands in two places.
fn place(pattern: &str, letter: char) -> Option<std::ops::Range<usize>> {
    let Some(begin) = pattern.find(letter) else { return Some(0..0) };
    let end = pattern.rfind(letter).map_or(begin, |last| last + 1);
    pattern[begin..end].chars().all(|each| each == letter).then_some(begin..end)
}

impl VariableMeasureTemplate {
    /// A layout of 13 characters, or 12 (UPC-A) or 8 (EAN-8): digits for themselves, `I` item, `P`
    /// price, `W` weight, `N` count, `V` check digit of price, weight or count, `X` anything, `C`
    /// check digit. `decimals` of the price in the money of the shop, or of the weight in
    /// kilograms: 3 are grams.
    pub fn new(pattern: &str, decimals: u8) -> Result<Self, TemplateError> {
        let length = pattern.chars().count();
        if let Some(wrong) = pattern.chars().position(|each| !"0123456789IPWNVXC".contains(each)) {
            return Err(TemplateError::Character(wrong + 1));
        }
        if !matches!(length, 8 | 12 | 13) {
            return Err(TemplateError::Length(length));
        }
        if pattern.find('C') != Some(length - 1) {
            return Err(TemplateError::CheckDigit);
        }
        let is_retailers = match length {
            13 => ["02", "04", "2"].iter().any(|prefix| pattern.starts_with(prefix)),
            12 => pattern.starts_with(['2', '4']),
            _ => pattern.starts_with(['0', '2']),
        };
        if !is_retailers {
            return Err(TemplateError::Prefix);
        }
        let pattern = format!("{pattern:0>LENGTH$}");
        if place(&pattern, 'I').is_none_or(|item| item.is_empty()) {
            return Err(TemplateError::Item);
        }
        let (field, digits) = measure_field(&pattern)?;
        let is_check = place(&pattern, 'V').ok_or(TemplateError::MeasureCheck)?.len();
        if is_check > 1 || (is_check == 1 && !matches!(digits, 4 | 5)) {
            return Err(TemplateError::MeasureCheck);
        }
        match decimals > DECIMALS_MAX || (decimals > 0 && usize::from(decimals) > digits) {
            true => Err(TemplateError::Decimals(decimals)),
            false => Ok(Self { pattern, field, decimals }),
        }
    }

    /// The digits of `gtin` where the pattern has `letter`.
    fn digits<'a>(&self, letter: char, digits: &'a str) -> &'a str {
        place(&self.pattern, letter).and_then(|range| digits.get(range)).unwrap_or_default()
    }

    fn measure_letter(&self) -> char {
        match self.field {
            Field::Price => 'P',
            Field::Weight => 'W',
            Field::Count => 'N',
            Field::Nothing => '-',
        }
    }

    /// Reads a number by this layout; `None` if it does not fit, or the check digit of the measure
    /// is wrong.
    pub fn read(&self, gtin: Gtin) -> Option<RestrictedItem> {
        let digits = gtin.to_gtin14();
        let is_literal =
            |(wanted, found): (char, char)| !wanted.is_ascii_digit() || wanted == found;
        if !self.pattern.chars().zip(digits.chars()).all(is_literal) {
            return None;
        }
        let number = self.digits(self.measure_letter(), &digits);
        let check = self.digits('V', &digits);
        if !check.is_empty() && price_check_digit(number)?.to_string() != check {
            return None;
        }
        let decimals = self.decimals;
        let measure = match self.field {
            Field::Price => RestrictedMeasure::Price { number: number.parse().ok()?, decimals },
            Field::Weight => RestrictedMeasure::Weight { number: number.parse().ok()?, decimals },
            Field::Count => RestrictedMeasure::Count(number.parse().ok()?),
            Field::Nothing => RestrictedMeasure::Nothing,
        };
        let item = self.digits('I', &digits).to_owned();
        Some(RestrictedItem { item, base: self.base(&digits)?, measure })
    }

    /// The number with a measure of zero.
    fn base(&self, digits: &str) -> Option<Gtin> {
        let zeros = "0".repeat(self.digits(self.measure_letter(), digits).len());
        let check = price_check_digit(&zeros).unwrap_or(0);
        let zeroed = self.pattern.chars().zip(digits.chars()).map(|(place, digit)| match place {
            'P' | 'W' | 'N' => '0',
            'V' => char::from(b'0' + check),
            _ => digit,
        });
        let body: String = zeroed.take(LENGTH - 1).collect();
        Gtin::parse(&format!("{body}{}", check_digit(&body)?)).ok()
    }
}

/// Which of price, weight and count the pattern has, and how many digits.
fn measure_field(pattern: &str) -> Result<(Field, usize), TemplateError> {
    let fields = [('P', Field::Price), ('W', Field::Weight), ('N', Field::Count)];
    let mut found = (Field::Nothing, 0);
    for (letter, field) in fields {
        let digits = place(pattern, letter).ok_or(TemplateError::Measure)?.len();
        match (digits, found.1) {
            (0, _) => {}
            (_, 0) => found = (field, digits),
            _ => return Err(TemplateError::Measure),
        }
    }
    Ok(found)
}

/// Reads a number of restricted circulation by the first layout that fits it.
pub fn interpret_restricted(
    gtin: Gtin,
    templates: &[VariableMeasureTemplate],
) -> Option<RestrictedItem> {
    templates.iter().find_map(|template| template.read(gtin))
}

/// The check digit of a price or weight of four or five digits (GS1 General Specifications,
/// section 7.9.2 to 7.9.4): 9 for 2875, 6 for 14685. `None` for anything else.
pub fn price_check_digit(digits: &str) -> Option<u8> {
    // A weighting factor with a sign: the product, less or plus its own tens, in one digit.
    let three = |digit: u32| digit * 3 % 10;
    let two_minus = |digit: u32| (digit * 2 - digit * 2 / 10) % 10;
    let five_plus = |digit: u32| (digit * 5 + digit * 5 / 10) % 10;
    let five_minus = |digit: u32| (digit * 5 - digit * 5 / 10) % 10;
    let digits: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(10)).collect();
    let check = match digits?[..] {
        [a, b, c, d] => (two_minus(a) + two_minus(b) + three(c) + five_minus(d)) * 3 % 10,
        [a, b, c, d, e] => {
            let sum = five_plus(a) + two_minus(b) + five_minus(c) + five_plus(d) + two_minus(e);
            let wanted = (10 - sum % 10) % 10;
            (0..10).find(|digit| five_minus(*digit) == wanted)?
        }
        _ => return None,
    };
    u8::try_from(check).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn gtin(body: &str) -> Gtin {
        Gtin::parse(&format!("{body}{}", check_digit(body).unwrap())).unwrap()
    }

    /// The two examples of the standard; 0 is 0.
    #[test]
    fn price_check_digits_of_the_standard() {
        for (digits, check) in [
            ("2875", Some(9)),
            ("14685", Some(6)),
            ("0000", Some(0)),
            ("00000", Some(0)),
            ("123", None),
            ("123456", None),
            ("12a4", None),
        ] {
            assert_eq!(price_check_digit(digits), check, "{digits}");
        }
    }

    /// One line, one case: layout, decimals, digits without the check digit, item, measure.
    #[test]
    fn layouts_are_read() {
        use RestrictedMeasure::{Count, Nothing, Price, Weight};
        for (pattern, decimals, body, item, measure) in [
            ("21IIIIIVPPPPC", 2, "211234592875", "12345", Price { number: 2875, decimals: 2 }),
            ("2IIIIIVPPPPC", 2, "21234592875", "12345", Price { number: 2875, decimals: 2 }),
            ("22IIIIVPPPPPC", 2, "220042614685", "0042", Price { number: 14685, decimals: 2 }),
            ("28IIIIIWWWWWC", 3, "280004201250", "00042", Weight { number: 1250, decimals: 3 }),
            ("23IIIIIWWWWWC", 3, "231234500000", "12345", Weight { number: 0, decimals: 3 }),
            ("02IIIIIXNNNNC", 0, "021234570012", "12345", Count(12)),
            ("2IIIIIIC", 0, "2123456", "123456", Nothing),
        ] {
            let template = VariableMeasureTemplate::new(pattern, decimals).unwrap();
            let read = interpret_restricted(gtin(body), &[template]).unwrap();
            assert_eq!((read.item.as_str(), read.measure), (item, measure), "{pattern}");
        }
    }

    #[test]
    fn what_does_not_fit_is_not_read() {
        let price = VariableMeasureTemplate::new("21IIIIIVPPPPC", 2).unwrap();
        for body in ["221234592875", "211234582875", "952123454321", "21123450000"] {
            assert_eq!(price.read(gtin(body)), None, "{body}");
        }
        assert_eq!(interpret_restricted(gtin("211234592875"), &[]), None);
        let weight = VariableMeasureTemplate::new("21IIIIIWWWWWC", 3).unwrap();
        let both = [price, weight];
        let second = interpret_restricted(gtin("211234582875"), &both).unwrap();
        assert_eq!(second.measure, RestrictedMeasure::Weight { number: 82_875, decimals: 3 });
    }

    #[test]
    fn the_base_number_is_the_same_for_every_measure() {
        let template = VariableMeasureTemplate::new("21IIIIIVPPPPC", 2).unwrap();
        let bases = ["211234592875", "211234500000"].map(|body| template.read(gtin(body)));
        let bases = bases.map(|read| read.unwrap().base);
        assert_eq!(bases, [gtin("211234500000"); 2]);
    }

    #[test]
    fn measures_convert_only_exactly() {
        let chf = Currency::CHF;
        let price = |number, decimals| RestrictedMeasure::Price { number, decimals };
        assert_eq!(price(2875, 2).to_money(chf), Some(Money::new(2875, chf)));
        assert_eq!(price(2875, 1).to_money(chf), Some(Money::new(28_750, chf)));
        assert_eq!(price(2875, 3).to_money(chf), None);
        assert_eq!(price(2875, 0).to_money("JPY".parse().unwrap()).unwrap().minor(), 2875);
        let weight = |number, decimals| RestrictedMeasure::Weight { number, decimals };
        assert_eq!(weight(1250, 3).to_quantity(), Some(Quantity::new(1250, Unit::Gram)));
        assert_eq!(weight(125, 2).to_quantity(), Some(Quantity::new(1250, Unit::Gram)));
        assert_eq!(weight(12_505, 4).to_quantity(), None);
        assert_eq!(RestrictedMeasure::Count(3).to_quantity(), Some(Quantity::pieces(3)));
    }

    #[test]
    fn slips_in_layouts_are_told() {
        use TemplateError as Error;
        for (pattern, decimals, error) in [
            ("21IIIIIVPPPP", 2, Error::CheckDigit),
            ("21IIIIIVPPPPCC", 2, Error::Length(14)),
            ("21IIIIIVPPPQC", 2, Error::Character(12)),
            ("21IIPPPPIIIIC", 2, Error::Item),
            ("2100000VPPPPC", 2, Error::Item),
            ("21IIIIIPPWWWC", 2, Error::Measure),
            ("21IIIIPPIPPPC", 2, Error::Item),
            ("21IIIIIPPXPPC", 2, Error::Measure),
            ("21IIIIIIVPPPC", 2, Error::MeasureCheck),
            ("21IIIIVVPPPPC", 2, Error::MeasureCheck),
            ("21IIIIIVPPPPC", 6, Error::Decimals(6)),
            ("21IIIIIVPPPPC", 5, Error::Decimals(5)),
            ("95IIIIIVPPPPC", 2, Error::Prefix),
            ("IIIIIIIIPPPPC", 2, Error::Prefix),
        ] {
            assert_eq!(VariableMeasureTemplate::new(pattern, decimals), Err(error), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn every_wrong_digit_of_a_price_is_caught(
            digits in "[0-9]{4,5}", at in 0usize..4, step in 1u8..10,
        ) {
            let check = price_check_digit(&digits).unwrap();
            let mut other = digits.into_bytes();
            other[at] = b'0' + (other[at] - b'0' + step) % 10;
            let other = String::from_utf8(other).unwrap();
            prop_assert_ne!(price_check_digit(&other).unwrap(), check);
        }
        #[test]
        fn any_layout_and_number_is_safe(pattern in "[0-9IPWNVXC]{0,15}|\\PC{0,15}",
            decimals in 0u8..9, number in 1u64..10_000_000_000_000)
        {
            let body = format!("{number:013}");
            if let Ok(template) = VariableMeasureTemplate::new(&pattern, decimals)
                && let Some(read) = template.read(gtin(&body))
            {
                prop_assert!(read.base.is_restricted());
                let _ = (read.measure.to_money(Currency::CHF), read.measure.to_quantity());
            }
        }
    }
}
