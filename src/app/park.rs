//! Baskets put aside: a person takes the code along, on paper or on a picture of the screen, and goes on by scanning
//! it.
//!
//! A basket waits in the memory of one terminal and is taken up there. The code names it by its identity and is
//! sealed, so that nobody makes one up; where the chain has no key there is no code, and baskets are taken up from
//! the list alone. That the printer fails must never keep a basket from being put aside: it is on disk before.

use super::intent::Language;
use super::screen::{Message, ParkedRow};
use super::terminal::Terminal;
use domain::basket::Basket;
use domain::code::{OwnCode, OwnKind};
use domain::id::BasketId;
use domain::money::Money;
use domain::pricing::line_total;
use store::{ParkedBasket, StoreError};
use sync::seal::HmacSeal;

/// What goes to the printer for a basket put aside: text that is formatted already. It names no customer, because it
/// is carried through the shop.
#[derive(Clone, Debug, PartialEq)]
pub struct SlipJob {
    /// Which basket it stands for.
    pub basket: BasketId,
    /// Name of the store.
    pub store: String,
    /// Name of the terminal where the basket waits.
    pub terminal: String,
    /// The basket as in the list.
    pub row: ParkedRow,
    /// Date and time.
    pub time: String,
    /// Language of the fixed words.
    pub language: Language,
}

impl Terminal {
    pub(super) fn park(&mut self) -> Result<(), StoreError> {
        let Some(basket) = self.sell.basket.clone().filter(|basket| !basket.is_empty()) else {
            self.say(Message::warning("nothing-to-park", &[]));
            return Ok(());
        };
        self.parts.store.park(&basket, self.now())?;
        self.sell.parked = self.parts.store.parked()?;
        self.start_basket();
        self.say(Message::success("basket-parked", &[]));
        self.print_slip(basket.id);
        Ok(())
    }

    /// Whether a basket was put aside here.
    pub(super) fn is_parked(&self, id: BasketId) -> bool {
        self.sell.parked.iter().any(|parked| parked.basket.id == id)
    }

    pub(super) fn resume(&mut self, id: BasketId) -> Result<(), StoreError> {
        // A basket in work is put aside first: nothing is ever lost by taking another one up.
        if let Some(basket) = self.sell.basket.clone().filter(|basket| !basket.is_empty()) {
            self.parts.store.park(&basket, self.now())?;
        } else {
            self.parts.store.clear_draft()?;
        }
        if let Some(basket) = self.parts.store.resume(id)? {
            self.take_up(basket);
            self.say(Message::success("basket-resumed", &[]));
        } else {
            self.start_basket();
        }
        self.sell.parked = self.parts.store.parked()?;
        self.read_customer_name()?;
        self.home();
        Ok(())
    }

    fn take_up(&mut self, basket: Basket) {
        self.sell.basket = Some(basket);
        self.forget_undo();
    }

    /// Prints the code of a basket where there is a printer; a slip without a code would be of no use.
    fn print_slip(&self, id: BasketId) {
        let parked = self.sell.parked.iter().find(|parked| parked.basket.id == id);
        let Some(parked) = parked.filter(|_| self.parts.printer.is_configured()) else {
            return;
        };
        let row = self.parked_row(parked);
        if row.code.is_empty() {
            return;
        }
        self.parts.printer.print_slip(SlipJob {
            basket: id,
            store: self.config.as_ref().map(|config| config.name.clone()).unwrap_or_default(),
            terminal: self.identity.as_ref().map(|id| id.name.clone()).unwrap_or_default(),
            row,
            time: self.formatter.date_time(self.shown_ms(parked.parked_at)),
            language: self.language,
        });
    }

    /// The printer's answer. A basket that was taken up meanwhile needs no slip any more.
    pub(super) fn slip_printed(&mut self, basket: BasketId, answer: Result<(), String>) {
        if answer.is_err() && self.is_parked(basket) {
            self.say(Message::warning("slip-failed", &[]));
        }
    }

    /// What the code of a basket says; empty where there is no key to seal it with.
    fn basket_code(&self, id: BasketId) -> String {
        let key = self.config.as_ref().and_then(|config| config.code_keys.first());
        let subject = id.uuid().simple().to_string().to_uppercase();
        key.and_then(|key| OwnCode::text(OwnKind::Basket, &subject, key, &HmacSeal))
            .unwrap_or_default()
    }

    pub(super) fn parked_row(&self, parked: &ParkedBasket) -> ParkedRow {
        let basket = &parked.basket;
        let total = Money::sum(
            basket.currency,
            basket.lines.iter().filter_map(|line| line_total(line.unit_price, line.quantity).ok()),
        );
        ParkedRow {
            id: basket.id.to_string(),
            title: basket.lines.last().map(|line| line.name.clone()).unwrap_or_default(),
            line_count: basket.lines.len() as u32,
            total: total.map(|total| self.formatter.money(total)).unwrap_or_default(),
            time: self.formatter.time(self.shown_ms(parked.parked_at)),
            code: self.basket_code(basket.id),
        }
    }
}
