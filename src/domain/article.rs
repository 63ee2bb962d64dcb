//! Articles: what is sold, under which numbers, at what price.

use crate::gtin::Gtin;
use crate::id::ArticleId;
use crate::money::{Money, MoneyError, Rounding};
use crate::quantity::{Quantity, Unit};

/// The price of one trade unit: a piece, a kilogram, a litre, a metre.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitPrice {
    /// Amount for one trade unit.
    pub amount: Money,
    /// Unit in which quantities are counted.
    pub unit: Unit,
}

impl UnitPrice {
    /// The price of `quantity`, rounded commercially once.
    pub fn of(&self, quantity: Quantity) -> Result<Money, MoneyError> {
        self.amount.checked_ratio(quantity.amount, self.unit.per_trade_unit(), Rounding::HalfUp)
    }
}

/// A sellable thing as the catalogue says it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Article {
    /// Identity.
    pub id: ArticleId,
    /// Every GTIN under which it is scanned; the first is the one printed.
    pub gtins: Vec<Gtin>,
    /// Name on shelf and receipt.
    pub name: String,
    /// Size, brand or variety, for lists.
    pub detail: String,
    /// Category path, for browsing.
    pub category: String,
    /// Price today.
    pub price: UnitPrice,
    /// Key of its tax group.
    pub tax_group: String,
    /// Version of the price list that said so (invariant 8).
    pub price_version: u64,
}

impl Article {
    /// Whether `scanned` is the number of a case while pieces have a number of their own. How many pieces a case holds
    /// is said nowhere, so one is no answer. An article that has numbers of cases alone is sold by the case.
    pub fn is_case_of_pieces(&self, scanned: Gtin) -> bool {
        scanned.is_case() && self.gtins.iter().any(|gtin| gtin.indicator() == 0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::money::Currency;
    use uuid::Uuid;

    const PIECE: &str = "5901234123457";
    const SHORT: &str = "95050003";
    const CASE: &str = "15901234123454";
    const BIG_CASE: &str = "85901234123453";
    const WEIGHED: &str = "95901234123450";

    /// One line, one case: numbers of the article, what is scanned, whether it is a case of pieces.
    #[test]
    fn a_case_is_not_a_piece() {
        for (gtins, scanned, is_case) in [
            (&[PIECE, CASE][..], PIECE, false),
            (&[PIECE, CASE], CASE, true),
            (&[CASE, PIECE], CASE, true),
            (&[PIECE, CASE, BIG_CASE], BIG_CASE, true),
            (&[SHORT, CASE], CASE, true),
            (&[CASE], CASE, false),
            (&[CASE, BIG_CASE], BIG_CASE, false),
            (&[PIECE, WEIGHED], WEIGHED, false),
            (&[WEIGHED, CASE], CASE, false),
            (&[PIECE], PIECE, false),
        ] {
            let read = |digits: &&str| Gtin::parse(digits).unwrap();
            let article = Article {
                id: ArticleId::from_uuid(Uuid::from_u128(1)),
                gtins: gtins.iter().map(read).collect(),
                name: "Tea".into(),
                detail: String::new(),
                category: String::new(),
                price: UnitPrice { amount: Money::new(100, Currency::CHF), unit: Unit::Piece },
                tax_group: "food".into(),
                price_version: 1,
            };
            assert_eq!(article.is_case_of_pieces(read(&scanned)), is_case, "{gtins:?} {scanned}");
        }
    }
}
