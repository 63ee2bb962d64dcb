//! The basket: what is being collected. A draft until it is placed; the terminal keeps it on disk all the same.

use crate::article::{Article, UnitPrice};
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
    /// The label counts what the article is not sold by: pieces of what is weighed.
    #[error("the label counts in {}, the article is sold by another unit", .0.name())]
    Unit(Unit),
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
                && price.unit == Unit::Piece
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

    /// Adds an article with what its label says. A weight, volume, length or count takes the place
    /// of the one unit that [`Self::add`] adds; a price takes the place of the catalogue's, so that
    /// the customer pays what stands on the pack: as the catalogue's price of the quantity where both
    /// agree, else as one piece of that price, because a weight that nobody weighed must not be on
    /// the receipt.
    pub fn add_labelled(
        &mut self,
        article: &Article,
        gtin: Gtin,
        (quantity, price): (Option<Quantity>, Option<Money>),
        fulfilment: Fulfilment,
        ids: &mut dyn IdSource,
    ) -> Result<Added, BasketError> {
        if let Some(price) = price.filter(|price| price.currency() != self.currency) {
            return Err(BasketError::Currency(price.currency(), self.currency));
        }
        if (quantity, price) == (None, None) {
            return self.add(article, Some(gtin), fulfilment, ids);
        }
        let (quantity, price) = labelled(article, (quantity, price))?;
        if !quantity.is_sellable() {
            return Err(BasketError::Quantity(quantity.amount));
        }
        let amount = price.unwrap_or(article.price.amount);
        let priced = UnitPrice { amount, unit: quantity.unit };
        let labelled = Article { price: priced, ..article.clone() };
        let mut changed = self.clone();
        let added = changed.add(&labelled, Some(gtin), fulfilment, ids)?;
        let line = changed.lines.last_mut().expect("what was added is the newest line");
        match added {
            Added::Line(_) => line.quantity = quantity,
            // One of them is added already.
            Added::Again(_) => {
                let amount = line.quantity.amount.saturating_add(quantity.amount - 1);
                if amount > Quantity::AMOUNT_MAX {
                    return Err(BasketError::Quantity(amount));
                }
                line.quantity.amount = amount;
            }
        }
        *self = changed;
        Ok(added)
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

/// How much of an article its label stands for, and the price where that is not the catalogue's: what
/// [`Basket::add_labelled`] sells and a count counts. Without a label it is one trade unit.
pub fn labelled(
    article: &Article,
    (quantity, price): (Option<Quantity>, Option<Money>),
) -> Result<(Quantity, Option<Money>), BasketError> {
    let unit = article.price.unit;
    let is_catalogues = |quantity: Quantity, price| {
        quantity.unit == unit && article.price.of(quantity).is_ok_and(|total| total == price)
    };
    match (quantity, price) {
        (None, None) => Ok((Quantity::new(unit.per_trade_unit(), unit), None)),
        (Some(quantity), Some(price)) if is_catalogues(quantity, price) => Ok((quantity, None)),
        (_, Some(price)) => Ok((Quantity::pieces(1), Some(price))),
        (Some(quantity), None) if quantity.unit == unit => Ok((quantity, None)),
        // The weight of what is sold by the piece is good to know and changes nothing.
        (Some(_), None) if unit == Unit::Piece => Ok((Quantity::pieces(1), None)),
        (Some(quantity), None) => Err(BasketError::Unit(quantity.unit)),
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
            packs: vec![],
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

    /// Reading guide: unit and price of the article, quantity and price on the label, then the line:
    /// quantity, price of one unit, total.
    #[test]
    fn labels_ring_what_they_say() {
        use Unit::{Gram, Piece};
        let chf = |minor| Money::new(minor, Currency::CHF);
        let grams = |amount| Quantity::new(amount, Gram);
        for (unit, minor, quantity, price, line, unit_price, total) in [
            (Gram, 2690, Some(grams(356)), None, grams(356), 2690, 958),
            (Gram, 2690, Some(grams(356)), Some(958), grams(356), 2690, 958),
            (Gram, 2690, Some(grams(356)), Some(900), Quantity::pieces(1), 900, 900),
            (Gram, 2690, None, Some(2875), Quantity::pieces(1), 2875, 2875),
            (Piece, 500, None, Some(2875), Quantity::pieces(1), 2875, 2875),
            (Piece, 500, Some(grams(356)), None, Quantity::pieces(1), 500, 500),
            (Piece, 500, Some(Quantity::pieces(6)), None, Quantity::pieces(6), 500, 3000),
            (Piece, 500, Some(Quantity::pieces(6)), Some(3000), Quantity::pieces(6), 500, 3000),
            (Piece, 500, None, None, Quantity::pieces(1), 500, 500),
        ] {
            let mut ids = Counter(0);
            let mut basket = Basket::new(Currency::CHF, &mut ids);
            let article = article(1, minor, unit, "a");
            let gtin = Gtin::parse("2112345928753").unwrap();
            let said = (quantity, price.map(chf));
            for count in 1..=2 {
                let carry = Fulfilment::Carry;
                basket.add_labelled(&article, gtin, said, carry, &mut ids).unwrap();
                let newest = basket.lines.last().unwrap();
                assert_eq!(newest.unit_price, chf(unit_price), "{said:?}");
                let (amount, paid) = match line.unit {
                    Piece => (line.amount * count, total * count),
                    _ => (line.amount, total),
                };
                assert_eq!(newest.quantity, Quantity::new(amount, line.unit), "{said:?}");
                let sum = crate::pricing::line_total(newest.unit_price, newest.quantity);
                assert_eq!(sum, Ok(chf(paid)), "{said:?}");
            }
        }
    }

    #[test]
    fn labels_that_do_not_fit_are_refused() {
        let mut ids = Counter(0);
        let mut basket = Basket::new(Currency::CHF, &mut ids);
        let (cheese, gtin) = (article(1, 2690, Unit::Gram, "a"), Gtin::parse("95050003").unwrap());
        let euros = Money::new(100, "EUR".parse().unwrap());
        for (said, error) in [
            ((Some(Quantity::pieces(3)), None), BasketError::Unit(Unit::Piece)),
            ((Some(Quantity::new(0, Unit::Gram)), None), BasketError::Quantity(0)),
            ((None, Some(euros)), BasketError::Currency(euros.currency(), Currency::CHF)),
        ] {
            let added = basket.add_labelled(&cheese, gtin, said, Fulfilment::Carry, &mut ids);
            assert_eq!(added, Err(error));
        }
        assert!(basket.is_empty());
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
