//! Quantities: integers with a unit. Weight is counted in grams, volume in millilitres, length in millimetres,
//! so that no scale reading and no cut of cloth ever needs a float.

use std::fmt;
use std::str::FromStr;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Unit {
    /// Pieces.
    #[default]
    Piece,
    /// Grams; prices are shown per kilogram.
    Gram,
    /// Millilitres; prices are shown per litre.
    Millilitre,
    /// Millimetres; prices are shown per metre.
    Millimetre,
}

impl Unit {
    /// The name in files, SQL and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Piece => "piece",
            Self::Gram => "g",
            Self::Millilitre => "ml",
            Self::Millimetre => "mm",
        }
    }
    /// The unit in which people speak of prices and amounts: kg, l, m; a piece needs no sign.
    pub const fn trade_symbol(self) -> &'static str {
        match self {
            Self::Piece => "",
            Self::Gram => "kg",
            Self::Millilitre => "l",
            Self::Millimetre => "m",
        }
    }
    /// How many counted units make one trade unit: 1000 g are 1 kg.
    pub const fn per_trade_unit(self) -> i64 {
        match self {
            Self::Piece => 1,
            _ => 1000,
        }
    }
}

/// The text is no unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a unit (piece, g, ml, mm)")]
pub struct UnknownUnit(pub String);

impl FromStr for Unit {
    type Err = UnknownUnit;
    fn from_str(text: &str) -> Result<Self, UnknownUnit> {
        [Self::Piece, Self::Gram, Self::Millilitre, Self::Millimetre]
            .into_iter()
            .find(|unit| unit.name() == text)
            .ok_or_else(|| UnknownUnit(text.into()))
    }
}

/// A number of units; negative only in returns.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quantity {
    /// Integer count of `unit`.
    pub amount: i64,
    /// What is counted.
    pub unit: Unit,
}

impl Quantity {
    /// The largest amount of one line: ten tonnes, ten kilometres, ten million pieces. Beyond it is a slip.
    pub const AMOUNT_MAX: i64 = 10_000_000;

    /// `amount` of `unit`.
    pub const fn new(amount: i64, unit: Unit) -> Self {
        Self { amount, unit }
    }
    /// That many pieces.
    pub const fn pieces(amount: i64) -> Self {
        Self::new(amount, Unit::Piece)
    }
    /// Whether a line may carry it: more than nothing, no more than [`Self::AMOUNT_MAX`].
    pub const fn is_sellable(self) -> bool {
        self.amount > 0 && self.amount <= Self::AMOUNT_MAX
    }
    /// How many things a person would count: pieces, or one bag of anything weighed or measured.
    pub const fn piece_count(self) -> i64 {
        match self.unit {
            Unit::Piece => self.amount,
            _ => 1,
        }
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.unit.name())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_round_trip() {
        for unit in [Unit::Piece, Unit::Gram, Unit::Millilitre, Unit::Millimetre] {
            assert_eq!(unit.name().parse::<Unit>().unwrap(), unit);
        }
        assert!("pound".parse::<Unit>().is_err());
    }

    #[test]
    fn slips_are_not_sellable() {
        assert!(Quantity::pieces(1).is_sellable());
        assert!(!Quantity::pieces(0).is_sellable());
        assert!(!Quantity::pieces(-1).is_sellable());
        assert!(!Quantity::new(Quantity::AMOUNT_MAX + 1, Unit::Gram).is_sellable());
    }
}
