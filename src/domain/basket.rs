//! The basket: what is being collected. A draft until it is placed; the terminal keeps it on disk all the same.

use crate::article::Article;
use crate::gtin::Gtin;
use crate::id::{ArticleId, BasketId, CustomerId, IdSource, LineId};
use crate::money::{Currency, Money};
use crate::order::Fulfilment;
use crate::quantity::{Quantity, Unit};

/// One article in a basket, with the price as it was when it was scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Identity.
    pub id: LineId,
    /// The article.
    pub article: ArticleId,
    /// The number that was scanned, if it was scanned.
    pub gtin: Option<Gtin>,
    /// Name on the receipt.
    pub name: String,
    /// How much.
    pub quantity: Quantity,
    /// Price of one trade unit.
    pub unit_price: Money,
    /// Key of the tax group.
    pub tax_group: String,
    /// Price list version.
    pub price_version: u64,
    /// How it reaches the customer.
    pub fulfilment: Fulfilment,
}

/// What is being collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basket {
    /// Identity.
    pub id: BasketId,
    /// All amounts are in this currency.
    pub currency: Currency,
    /// In the order of their last change; the newest is last.
    pub lines: Vec<Line>,
    /// Whose it is.
    pub customer: Option<CustomerId>,
}

/// Why a basket cannot do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BasketError {
    /// No such line.
    #[error("there is no such line in the basket")]
    UnknownLine,
    /// Zero, negative or beyond [`Quantity::AMOUNT_MAX`].
    #[error("the quantity {0} cannot be sold")]
    Quantity(i64),
    /// The article's price is in another currency.
    #[error("the article is priced in {0}, the basket is in {1}")]
    Currency(Currency, Currency),
    /// More than [`Basket::LINES_MAX`] lines.
    #[error("a basket holds at most {} lines", Basket::LINES_MAX)]
    Full,
}

/// What adding an article did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// A new line.
    Line(LineId),
    /// The same article again: one more.
    Again(LineId),
}

impl Basket {
    /// A full week's shopping of a canteen has some hundred lines.
    pub const LINES_MAX: usize = 1000;

    /// An empty basket.
    pub fn new(currency: Currency, ids: &mut dyn IdSource) -> Self {
        Self { id: BasketId::mint(ids), currency, lines: Vec::new(), customer: None }
    }

    /// Nothing in it.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Pieces in it; anything weighed counts one.
    pub fn piece_count(&self) -> i64 {
        self.lines.iter().map(|line| line.quantity.piece_count()).sum()
    }

    /// Adds one trade unit of an article, or one more if the line exists at the same price; it becomes the newest.
    pub fn add(
        &mut self,
        article: &Article,
        gtin: Option<Gtin>,
        fulfilment: Fulfilment,
        ids: &mut dyn IdSource,
    ) -> Result<Added, BasketError> {
        let price = article.price;
        if price.amount.currency() != self.currency {
            return Err(BasketError::Currency(price.amount.currency(), self.currency));
        }
        let again = self.lines.iter().position(|line| {
            line.article == article.id
                && line.unit_price == price.amount
                && line.quantity.unit == Unit::Piece
                && line.fulfilment == fulfilment
        });
        if let Some(position) = again {
            let quantity = Quantity::pieces(self.lines[position].quantity.amount + 1);
            if !quantity.is_sellable() {
                return Err(BasketError::Quantity(quantity.amount));
            }
            let mut line = self.lines.remove(position);
            line.quantity = quantity;
            let id = line.id;
            self.lines.push(line);
            return Ok(Added::Again(id));
        }
        if self.lines.len() >= Self::LINES_MAX {
            return Err(BasketError::Full);
        }
        let id = LineId::mint(ids);
        self.lines.push(Line {
            id,
            article: article.id,
            gtin,
            name: article.name.clone(),
            quantity: Quantity::new(price.unit.per_trade_unit(), price.unit),
            unit_price: price.amount,
            tax_group: article.tax_group.clone(),
            price_version: article.price_version,
            fulfilment,
        });
        Ok(Added::Line(id))
    }

    /// Sets a line's quantity, in its unit.
    pub fn set_quantity(&mut self, line: LineId, amount: i64) -> Result<(), BasketError> {
        let line =
            self.lines.iter_mut().find(|row| row.id == line).ok_or(BasketError::UnknownLine)?;
        let quantity = Quantity::new(amount, line.quantity.unit);
        if !quantity.is_sellable() {
            return Err(BasketError::Quantity(amount));
        }
        line.quantity = quantity;
        Ok(())
    }

    /// Takes a line out.
    pub fn remove(&mut self, line: LineId) -> Result<Line, BasketError> {
        let position =
            self.lines.iter().position(|row| row.id == line).ok_or(BasketError::UnknownLine)?;
        Ok(self.lines.remove(position))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::article::UnitPrice;
    use uuid::Uuid;

    /// Counts up, for tests.
    pub(crate) struct Counter(pub u128);
    impl IdSource for Counter {
        fn next_uuid(&mut self) -> Uuid {
            self.0 += 1;
            Uuid::from_u128(self.0)
        }
    }

    pub(crate) fn article(number: u128, minor: i64, unit: Unit, tax_group: &str) -> Article {
        Article {
            id: ArticleId::from_uuid(Uuid::from_u128(number)),
            gtins: vec![],
            name: format!("Article {number}"),
            detail: String::new(),
            category: String::new(),
            price: UnitPrice { amount: Money::new(minor, Currency::CHF), unit },
            tax_group: tax_group.into(),
            price_version: 1,
        }
    }

    #[test]
    fn the_same_article_again_is_one_more_and_newest() {
        let mut ids = Counter(0);
        let mut basket = Basket::new(Currency::CHF, &mut ids);
        let (a, b) = (article(1, 240, Unit::Piece, "a"), article(2, 100, Unit::Piece, "a"));
        let first = basket.add(&a, None, Fulfilment::Carry, &mut ids).unwrap();
        basket.add(&b, None, Fulfilment::Carry, &mut ids).unwrap();
        let Added::Line(line) = first else { panic!("a new line") };
        let again = basket.add(&a, None, Fulfilment::Carry, &mut ids).unwrap();
        assert_eq!(again, Added::Again(line));
        assert_eq!(basket.lines.last().unwrap().quantity, Quantity::pieces(2));
        assert_eq!(basket.piece_count(), 3);
    }

    #[test]
    fn a_weighed_article_makes_a_line_of_its_own_each_time() {
        let mut ids = Counter(0);
        let mut basket = Basket::new(Currency::CHF, &mut ids);
        let cheese = article(1, 2400, Unit::Gram, "a");
        basket.add(&cheese, None, Fulfilment::Carry, &mut ids).unwrap();
        basket.add(&cheese, None, Fulfilment::Carry, &mut ids).unwrap();
        assert_eq!(basket.lines.len(), 2);
        assert_eq!(basket.piece_count(), 2);
    }

    #[test]
    fn slips_are_refused_and_change_nothing() {
        let mut ids = Counter(0);
        let mut basket = Basket::new(Currency::CHF, &mut ids);
        let a = article(1, 240, Unit::Piece, "a");
        let Added::Line(line) = basket.add(&a, None, Fulfilment::Carry, &mut ids).unwrap() else {
            panic!("a new line")
        };
        let before = basket.clone();
        for amount in [0, -1, Quantity::AMOUNT_MAX + 1, i64::MAX] {
            assert_eq!(basket.set_quantity(line, amount), Err(BasketError::Quantity(amount)));
        }
        let stranger = LineId::from_uuid(Uuid::from_u128(999));
        assert_eq!(basket.remove(stranger), Err(BasketError::UnknownLine));
        assert_eq!(basket, before);
    }
}
