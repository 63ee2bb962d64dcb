//! Money: integer minor units with an ISO 4217 currency (invariant 7). No float, no silent overflow, and every
//! division names how it rounds.

use std::fmt;
use std::str::FromStr;

/// Currencies of ISO 4217:2015 (list one) that a shop can take; funds and metals are left out.
const CURRENCIES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD \
BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP \
GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP \
LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK \
PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND \
TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG";
/// Currencies without minor units (ISO 4217, column "Minor unit" 0).
const NO_MINOR_UNIT: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
/// Currencies with a thousandth (ISO 4217, column "Minor unit" 3).
const THREE_DIGITS: &str = "BHD IQD JOD KWD LYD OMR TND";

/// A currency of ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Swiss franc.
    pub const CHF: Self = Self(*b"CHF");
    /// Euro.
    pub const EUR: Self = Self(*b"EUR");
    /// Canadian dollar.
    pub const CAD: Self = Self(*b"CAD");

    /// The three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency code is ASCII by construction")
    }

    /// Decimal digits of the minor unit: 2 for CHF, 0 for JPY, 3 for KWD.
    pub fn exponent(&self) -> u32 {
        let listed = |list: &str| list.split(' ').any(|code| code.as_bytes() == self.0);
        match () {
            () if listed(NO_MINOR_UNIT) => 0,
            () if listed(THREE_DIGITS) => 3,
            () => 2,
        }
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let code: [u8; 3] =
            text.as_bytes().try_into().map_err(|_| MoneyError::UnknownCurrency(text.into()))?;
        if CURRENCIES.split(' ').any(|known| known == text) {
            Ok(Self(code))
        } else {
            Err(MoneyError::UnknownCurrency(text.into()))
        }
    }
}
impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What can go wrong when amounts meet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a code of ISO 4217.
    #[error("`{0}` is not a currency of ISO 4217")]
    UnknownCurrency(String),
    /// Amounts of different currencies do not add.
    #[error("cannot combine {0} with {1}")]
    CurrencyMismatch(Currency, Currency),
    /// The result does not fit 64 bits.
    #[error("the amount is too large")]
    Overflow,
    /// A ratio with denominator zero.
    #[error("division by zero")]
    DivisionByZero,
}

/// How the last digit is decided when a division leaves a rest. Ties and direction are meant on the magnitude,
/// so that a refund rounds as the sale did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, ties away from zero: commercial rounding (DIN 1333, and most tax laws).
    HalfUp,
    /// To the nearest, ties to the even neighbour (IEEE 754 roundTiesToEven).
    HalfEven,
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
}

/// Divides with the named rounding; `denominator` must be positive.
pub(crate) fn divide(numerator: i128, denominator: i128, rounding: Rounding) -> i128 {
    debug_assert!(denominator > 0);
    let (sign, magnitude) = (numerator.signum(), numerator.abs());
    let (quotient, rest) = (magnitude / denominator, magnitude % denominator);
    let up = match rounding {
        Rounding::Down => false,
        Rounding::Up => rest > 0,
        Rounding::HalfUp => rest * 2 >= denominator,
        Rounding::HalfEven => {
            rest * 2 > denominator || (rest * 2 == denominator && quotient % 2 == 1)
        }
    };
    sign * (quotient + i128::from(up))
}

/// An amount in minor units of one currency. May be negative (change, refunds).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// `minor` units (cents, Rappen, yen) of `currency`.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }
    /// Nothing of `currency`.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }
    /// Minor units.
    pub const fn minor(self) -> i64 {
        self.minor
    }
    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }
    /// Exactly nothing.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    fn same(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch(self.currency, other.currency))
        }
    }

    /// Sum of two amounts of one currency.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }

    /// Difference of two amounts of one currency.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        let minor = self.minor.checked_sub(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }

    /// `self * numerator / denominator`, computed in 128 bits and rounded once.
    pub fn checked_ratio(
        self,
        numerator: i64,
        denominator: i64,
        rounding: Rounding,
    ) -> Result<Self, MoneyError> {
        if denominator == 0 {
            return Err(MoneyError::DivisionByZero);
        }
        let sign = i128::from(denominator.signum());
        let product = i128::from(self.minor) * i128::from(numerator) * sign;
        let minor = divide(product, i128::from(denominator).abs(), rounding);
        Ok(Self::new(i64::try_from(minor).map_err(|_| MoneyError::Overflow)?, self.currency))
    }

    /// The nearest multiple of `step_minor` (cash without small coins: 5 in CHF and CAD, 1 leaves it as it is).
    pub fn rounded_to_step(self, step_minor: i64, rounding: Rounding) -> Result<Self, MoneyError> {
        if step_minor <= 0 {
            return Err(MoneyError::DivisionByZero);
        }
        let steps = divide(i128::from(self.minor), i128::from(step_minor), rounding);
        let minor =
            i64::try_from(steps * i128::from(step_minor)).map_err(|_| MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }

    /// Sum of many amounts; `currency` names that of an empty sum.
    pub fn sum(
        currency: Currency,
        amounts: impl IntoIterator<Item = Self>,
    ) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::checked_add)
    }
}

/// Plain decimal notation for logs, tests and files (`12.05 CHF`); the screen formats by locale.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.exponent() as usize;
        let magnitude = self.minor.unsigned_abs();
        let sign = if self.minor < 0 { "-" } else { "" };
        let unit = 10u64.pow(digits as u32);
        if digits == 0 {
            write!(f, "{sign}{magnitude} {}", self.currency)
        } else {
            let (whole, part) = (magnitude / unit, magnitude % unit);
            write!(f, "{sign}{whole}.{part:0digits$} {}", self.currency)
        }
    }
}
impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn chf(minor: i64) -> Money {
        Money::new(minor, Currency::CHF)
    }

    /// One line, one case: numerator over 10, then HalfUp, HalfEven, Down, Up.
    #[test]
    fn rounding_is_named() {
        for (numerator, expected) in [
            (24, [2, 2, 2, 3]),
            (25, [3, 2, 2, 3]),
            (35, [4, 4, 3, 4]),
            (-25, [-3, -2, -2, -3]),
            (20, [2, 2, 2, 2]),
            (0, [0, 0, 0, 0]),
        ] {
            let modes = [Rounding::HalfUp, Rounding::HalfEven, Rounding::Down, Rounding::Up];
            let got = modes.map(|mode| chf(numerator).checked_ratio(1, 10, mode).unwrap().minor());
            assert_eq!(got, expected, "{numerator}/10");
        }
    }

    #[test]
    fn minor_units_follow_iso_4217() {
        for (code, exponent, shown) in
            [("CHF", 2, "12.34 CHF"), ("JPY", 0, "1234 JPY"), ("KWD", 3, "1.234 KWD")]
        {
            let currency: Currency = code.parse().unwrap();
            assert_eq!(currency.exponent(), exponent);
            assert_eq!(Money::new(1234, currency).to_string(), shown);
        }
        assert!("XXX".parse::<Currency>().is_err() && "chf".parse::<Currency>().is_err());
    }

    #[test]
    fn swiss_cash_goes_to_five_rappen() {
        for (minor, rounded) in [(1232, 1230), (1233, 1235), (1238, 1240), (-1233, -1235)] {
            assert_eq!(chf(minor).rounded_to_step(5, Rounding::HalfUp).unwrap(), chf(rounded));
        }
    }

    #[test]
    fn currencies_do_not_mix_and_nothing_wraps() {
        let mixed = chf(1).checked_add(Money::new(1, Currency::EUR));
        assert!(matches!(mixed, Err(MoneyError::CurrencyMismatch(..))));
        assert_eq!(chf(i64::MAX).checked_add(chf(1)), Err(MoneyError::Overflow));
        assert_eq!(chf(i64::MIN).checked_sub(chf(1)), Err(MoneyError::Overflow));
        assert_eq!(chf(1).checked_ratio(1, 0, Rounding::Up), Err(MoneyError::DivisionByZero));
        assert_eq!(chf(i64::MAX).checked_ratio(3, 1, Rounding::Up), Err(MoneyError::Overflow));
    }

    proptest! {
        #[test]
        fn rounding_is_within_one_unit(minor in any::<i32>(), num in -9999i64..9999, den in 1i64..9999) {
            let exact = i128::from(minor) * i128::from(num);
            for mode in [Rounding::HalfUp, Rounding::HalfEven, Rounding::Down, Rounding::Up] {
                let got = chf(minor.into()).checked_ratio(num, den, mode).unwrap().minor();
                let error = (i128::from(got) * i128::from(den) - exact).abs();
                prop_assert!(error < i128::from(den));
                if matches!(mode, Rounding::HalfUp | Rounding::HalfEven) {
                    prop_assert!(error * 2 <= i128::from(den));
                }
            }
        }
        #[test]
        fn a_refund_rounds_as_the_sale(minor in any::<i32>(), num in 1i64..9999, den in 1i64..9999) {
            for mode in [Rounding::HalfUp, Rounding::HalfEven, Rounding::Down, Rounding::Up] {
                let sale = chf(minor.into()).checked_ratio(num, den, mode).unwrap().minor();
                let refund = chf(-i64::from(minor)).checked_ratio(num, den, mode).unwrap().minor();
                prop_assert_eq!(sale, -refund);
            }
        }
    }
}
