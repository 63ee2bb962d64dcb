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

/// A number under which several pieces are scanned at once: a case, a multipack (GS1 General Specifications, section
/// 2.1.2: a trade item grouping, with the quantity of what it holds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pack {
    /// The number on the pack, one of the article's.
    pub gtin: Gtin,
    /// Pieces of the article in it, 2 to [`Pack::PIECES_MAX`].
    pub pieces: u16,
}

impl Pack {
    /// No case holds more.
    pub const PIECES_MAX: u16 = 9_999;

    /// Nothing where no case holds so many.
    pub fn new(gtin: Gtin, pieces: u64) -> Option<Self> {
        let pieces = u16::try_from(pieces).ok()?;
        (2..=Self::PIECES_MAX).contains(&pieces).then_some(Self { gtin, pieces })
    }
}

/// A sellable thing as the catalogue says it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Article {
    /// Identity.
    pub id: ArticleId,
    /// Every GTIN under which it is scanned; the first is the one printed.
    pub gtins: Vec<Gtin>,
    /// Those of them that stand for several pieces. Only what is sold by the piece has any.
    pub packs: Vec<Pack>,
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
    /// Pieces for which a number stands, where the catalogue says so.
    pub fn pieces_of(&self, scanned: Gtin) -> Option<u16> {
        let pack = self.packs.iter().find(|pack| pack.gtin == scanned);
        pack.filter(|_| self.price.unit == Unit::Piece).map(|pack| pack.pieces)
    }

    /// Whether `scanned` stands for several pieces: by the catalogue, or because it is the number of a case while
    /// pieces have a number of their own. One is no answer then. An article that has numbers of cases alone is sold by
    /// the case.
    pub fn is_several(&self, scanned: Gtin) -> bool {
        let has_pieces = || self.gtins.iter().any(|gtin| gtin.indicator() == 0);
        self.pieces_of(scanned).is_some() || (scanned.is_case() && has_pieces())
    }

    /// The number that is printed on a piece, or on whatever it is sold by.
    pub fn piece_gtin(&self) -> Option<Gtin> {
        let is_pack = |gtin: &Gtin| self.packs.iter().any(|pack| pack.gtin == *gtin);
        self.gtins
            .iter()
            .find(|gtin| !gtin.is_case() && !is_pack(gtin))
            .or(self.gtins.first())
            .copied()
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
                packs: Vec::new(),
                name: "Tea".into(),
                detail: String::new(),
                category: String::new(),
                price: UnitPrice { amount: Money::new(100, Currency::CHF), unit: Unit::Piece },
                tax_group: "food".into(),
                price_version: 1,
            };
            assert_eq!(article.is_several(read(&scanned)), is_case, "{gtins:?} {scanned}");
        }
    }
    /// One line, one case: unit, packs of the article, what is scanned, pieces.
    #[test]
    fn a_case_counts_its_pieces_where_the_catalogue_says_how_many() {
        let read = |digits: &str| Gtin::parse(digits).unwrap();
        let pack = |digits: &str, pieces: u64| Pack::new(read(digits), pieces).unwrap();
        for (unit, packs, scanned, pieces) in [
            (Unit::Piece, vec![pack(CASE, 12)], CASE, Some(12)),
            (Unit::Piece, vec![pack(CASE, 12), pack(BIG_CASE, 144)], BIG_CASE, Some(144)),
            // A multipack has a number of its own like any article.
            (Unit::Piece, vec![pack(SHORT, 6)], SHORT, Some(6)),
            (Unit::Piece, vec![pack(CASE, 12)], PIECE, None),
            (Unit::Piece, vec![], CASE, None),
            (Unit::Gram, vec![pack(CASE, 12)], CASE, None),
        ] {
            let article = Article {
                id: ArticleId::from_uuid(Uuid::from_u128(1)),
                gtins: [CASE, PIECE, BIG_CASE, SHORT].map(read).into(),
                packs,
                name: "Tea".into(),
                detail: String::new(),
                category: String::new(),
                price: UnitPrice { amount: Money::new(100, Currency::CHF), unit },
                tax_group: "food".into(),
                price_version: 1,
            };
            let said = article.pieces_of(read(scanned));
            assert_eq!(said, pieces, "{scanned}");
            let is_several = read(scanned).is_case() || pieces.is_some();
            assert_eq!(article.is_several(read(scanned)), is_several, "{scanned}");
            assert_eq!(article.piece_gtin(), Some(read(PIECE)));
        }
        for pieces in [0, 1, 10_000, 65_536 + 2] {
            assert_eq!(Pack::new(read(CASE), pieces), None, "{pieces}");
        }
    }
}
