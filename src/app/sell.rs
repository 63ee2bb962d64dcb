//! Scanning into the basket and changing it; putting it aside is in [`super::park`].
//!
//! Every change is on disk before it is on the screen; after a power cut the basket is as it was.

use super::intent::{Intent, Role, View};
use super::screen::{
    ArticleRow, ArticlesScreen, LineRow, Message, ScanOutcome, SellScreen, TaxRow,
};
use super::terminal::Terminal;
use domain::article::Article;
use domain::basket::{Added, Basket, BasketError, Line};
use domain::code::Code;
use domain::gtin::Gtin;
use domain::id::LineId;
use domain::money::Money;
use domain::order::Fulfilment;
use domain::pricing::{Priced, line_total, price};
use domain::quantity::{Quantity, Unit};
use domain::tax::{PriceTreatment, TaxAmount};
use store::{ParkedBasket, StoreError};

/// How many steps can be taken back.
const UNDO_MAX: usize = 50;
/// How many articles a search shows.
const ARTICLES_MAX: usize = 40;

/// State of the sell view.
#[derive(Default)]
pub struct SellState {
    pub(super) basket: Option<Basket>,
    undo: Vec<Basket>,
    pub(super) parked: Vec<ParkedBasket>,
    fresh: Option<LineId>,
    outcome: ScanOutcome,
    outcome_serial: u32,
    pub(super) last_code: String,
    pub(super) customer_name: String,
}

/// State of the article search.
#[derive(Default)]
pub struct ArticlesState {
    query: String,
    rows: Vec<(Article, Option<i64>)>,
    has_more: bool,
}

impl Terminal {
    /// The first configuration makes baskets possible (it names the currency).
    pub(super) fn sell_config_changed(&mut self) -> Result<(), StoreError> {
        if self.config.is_some() && self.sell.basket.is_none() {
            self.sell.parked = self.parts.store.parked()?;
            match self.parts.store.draft()? {
                Some(basket) => {
                    self.sell.basket = Some(basket);
                    self.read_customer_name()?;
                }
                None => self.start_basket(),
            }
        }
        Ok(())
    }

    pub(super) fn start_basket(&mut self) {
        if let Some(config) = &self.config {
            self.sell.basket = Some(Basket::new(config.currency, self.parts.ids.as_mut()));
        }
        self.sell.undo.clear();
        self.sell.fresh = None;
        self.sell.customer_name.clear();
    }

    pub(super) fn read_customer_name(&mut self) -> Result<(), StoreError> {
        let customer = self.sell.basket.as_ref().and_then(|basket| basket.customer);
        self.sell.customer_name = match customer {
            Some(id) => self.parts.store.customer(id)?.map(|found| found.name).unwrap_or_default(),
            None => String::new(),
        };
        Ok(())
    }

    /// Lines added from now on reach the customer in the way of the role.
    fn fulfilment(&self) -> Fulfilment {
        match self.role {
            Role::Customer => Fulfilment::Deliver,
            Role::Associate | Role::Cashier => Fulfilment::Carry,
        }
    }

    /// A basket follows the terminal from hand to hand: its lines reach the customer in the new role's way.
    pub(super) fn role_changed(&mut self) -> Result<(), StoreError> {
        let fulfilment = self.fulfilment();
        self.set_fulfilment(fulfilment)
    }

    pub(super) fn set_fulfilment(&mut self, fulfilment: Fulfilment) -> Result<(), StoreError> {
        let Some(basket) = &mut self.sell.basket else {
            return Ok(());
        };
        if basket.lines.iter().all(|line| line.fulfilment == fulfilment) {
            return Ok(());
        }
        let mut changed = basket.clone();
        changed.lines.iter_mut().for_each(|line| line.fulfilment = fulfilment);
        self.parts.store.save_draft(&changed)?;
        *basket = changed;
        Ok(())
    }

    /// Prices the basket, with the delivery chosen so far; `None` (and a message) if the configuration lacks
    /// something.
    pub(super) fn priced(&self) -> Option<Priced> {
        let (basket, config) = (self.sell.basket.as_ref()?, self.config.as_ref()?);
        match price(basket, None, &config.taxes) {
            Ok(priced) => Some(priced),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no price");
                None
            }
        }
    }

    pub(super) fn outcome(&mut self, outcome: ScanOutcome) {
        self.sell.outcome = outcome;
        self.sell.outcome_serial = self.sell.outcome_serial.wrapping_add(1);
    }

    /// What could be undone belongs to the person who did it.
    pub(super) fn forget_undo(&mut self) {
        self.sell.undo.clear();
    }

    pub(super) fn typed(&mut self, text: &str) -> Result<(), StoreError> {
        self.scanned(&Code::typed(text))
    }

    pub(super) fn add(&mut self, article: &Article, gtin: Option<Gtin>) -> Result<(), StoreError> {
        self.add_labelled(article, gtin, (None, None)).map(|_| ())
    }

    /// Adds an article with the quantity and the price that its label says; tells whether it is in the basket.
    pub(super) fn add_labelled(
        &mut self,
        article: &Article,
        gtin: Option<Gtin>,
        label: (Option<Quantity>, Option<Money>),
    ) -> Result<bool, StoreError> {
        let fulfilment = self.fulfilment();
        let Some(mut basket) = self.sell.basket.clone() else {
            self.say(Message::warning("no-staff-yet", &[]));
            return Ok(false);
        };
        // An article whose taxes are not configured must not enter: it would make the whole basket unsellable.
        let is_taxable = self.config.as_ref().is_some_and(|config| {
            config.taxes.groups.iter().any(|group| group.key == article.tax_group)
        });
        if !is_taxable {
            self.outcome(ScanOutcome::Refused);
            self.say(Message::error("article-untaxed", &[&article.name]));
            return Ok(false);
        }
        let ids = self.parts.ids.as_mut();
        let added = match gtin {
            Some(gtin) => basket.add_labelled(article, gtin, label, fulfilment, ids),
            None => basket.add(article, None, fulfilment, ids),
        };
        match added {
            Ok(added) => {
                self.change(basket)?;
                let (line, outcome) = match added {
                    Added::Line(line) => (line, ScanOutcome::Added),
                    Added::Again(line) => (line, ScanOutcome::Again),
                };
                self.sell.fresh = Some(line);
                self.outcome(outcome);
                self.hush();
                if !matches!(self.view, View::Sell | View::Articles | View::Customer) {
                    self.home();
                }
                Ok(true)
            }
            Err(error) => {
                self.outcome(ScanOutcome::Refused);
                self.say(of_basket_error(&error));
                Ok(false)
            }
        }
    }

    /// Puts a changed basket on disk, then on the screen, and remembers the one before.
    fn change(&mut self, basket: Basket) -> Result<(), StoreError> {
        self.parts.store.save_draft(&basket)?;
        if let Some(before) = self.sell.basket.replace(basket) {
            if self.sell.undo.len() == UNDO_MAX {
                self.sell.undo.remove(0);
            }
            self.sell.undo.push(before);
        }
        Ok(())
    }

    pub(super) fn change_customer(
        &mut self,
        customer: Option<domain::id::CustomerId>,
    ) -> Result<(), StoreError> {
        if let Some(mut basket) = self.sell.basket.clone() {
            basket.customer = customer;
            self.change(basket)?;
            self.read_customer_name()?;
        }
        Ok(())
    }

    pub(super) fn sell_intent(&mut self, intent: Intent) -> Result<(), StoreError> {
        match intent {
            Intent::ArticleQuery(query) => self.search_articles(&query),
            Intent::AddArticle(id) => match self.parts.store.article(id)? {
                Some(article) => self.add(&article, None),
                None => {
                    self.say(Message::error("article-gone", &[]));
                    Ok(())
                }
            },
            Intent::SetQuantity(line, amount) => {
                self.edit(line, |basket| basket.set_quantity(line, amount))
            }
            Intent::StepQuantity(line, step) => self.step(line, step),
            Intent::RemoveLine(line) => self.remove(line),
            Intent::Undo => self.undo(),
            Intent::Park => self.park(),
            Intent::Resume(id) => self.resume(id),
            Intent::ClearBasket => self.clear(),
            _ => Ok(()),
        }
    }

    fn edit(
        &mut self,
        line: LineId,
        edit: impl FnOnce(&mut Basket) -> Result<(), BasketError>,
    ) -> Result<(), StoreError> {
        let Some(mut basket) = self.sell.basket.clone() else {
            return Ok(());
        };
        match edit(&mut basket) {
            Ok(()) => {
                self.change(basket)?;
                self.sell.fresh = Some(line);
                self.hush();
            }
            Err(error) => self.say(of_basket_error(&error)),
        }
        Ok(())
    }

    fn step(&mut self, line: LineId, step: i64) -> Result<(), StoreError> {
        let current = self
            .sell
            .basket
            .as_ref()
            .and_then(|basket| basket.lines.iter().find(|row| row.id == line))
            .map(|row| row.quantity.amount);
        match current.and_then(|amount| amount.checked_add(step)) {
            Some(0) => self.remove(line),
            Some(amount) => self.edit(line, |basket| basket.set_quantity(line, amount)),
            None => Ok(()),
        }
    }

    fn remove(&mut self, line: LineId) -> Result<(), StoreError> {
        let name = self
            .sell
            .basket
            .as_ref()
            .and_then(|basket| basket.lines.iter().find(|row| row.id == line))
            .map(|row| row.name.clone());
        self.edit(line, |basket| basket.remove(line).map(|_| ()))?;
        if let Some(name) = name {
            self.say(Message::information("line-removed", &[&name]));
        }
        Ok(())
    }

    fn undo(&mut self) -> Result<(), StoreError> {
        let Some(before) = self.sell.undo.last().cloned() else {
            return Ok(());
        };
        self.parts.store.save_draft(&before)?;
        self.sell.undo.pop();
        self.sell.basket = Some(before);
        self.sell.fresh = None;
        self.read_customer_name()?;
        self.say(Message::information("undo-done", &[]));
        Ok(())
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        if let Some(basket) = &self.sell.basket {
            let mut empty = basket.clone();
            empty.lines.clear();
            empty.customer = None;
            self.change(empty)?;
            self.read_customer_name()?;
            self.sell.fresh = None;
        }
        Ok(())
    }

    pub(super) fn search_articles(&mut self, query: &str) -> Result<(), StoreError> {
        let mut found = self.parts.store.search_articles(query, ARTICLES_MAX + 1)?;
        self.articles.has_more = found.len() > ARTICLES_MAX;
        found.truncate(ARTICLES_MAX);
        let mut rows = Vec::with_capacity(found.len());
        for article in found {
            let stock = self.parts.store.stock(article.id)?;
            rows.push((article, stock));
        }
        self.articles.rows = rows;
        self.articles.query = query.to_owned();
        Ok(())
    }

    pub(super) fn sell_screen(&self) -> SellScreen {
        let state = &self.sell;
        let Some(basket) = &state.basket else {
            return SellScreen::default();
        };
        let priced = self.priced();
        // Lines are priced one by one, so that a basket that cannot be sold can still be seen and mended.
        let totals: Vec<Money> = basket.lines.iter().map(total_of).collect();
        let mut lines: Vec<LineRow> = basket
            .lines
            .iter()
            .zip(&totals)
            .map(|(line, total)| self.line_row(line, *total))
            .collect();
        lines.reverse();
        let total = priced.as_ref().map_or(Money::zero(basket.currency), |priced| priced.total);
        let last = basket.lines.iter().zip(&totals).find(|(line, _)| Some(line.id) == state.fresh);
        SellScreen {
            lines,
            item_count: u32::try_from(basket.piece_count()).unwrap_or(u32::MAX),
            total: self.formatter.money(total),
            total_amount: self.formatter.amount(total),
            currency: self.formatter.currency(basket.currency),
            taxes: priced.as_ref().map(|p| self.tax_rows(&p.taxes)).unwrap_or_default(),
            customer: state.customer_name.clone(),
            customer_id: basket.customer.map(|id| id.to_string()).unwrap_or_default(),
            can_undo: !state.undo.is_empty(),
            parked: state.parked.iter().rev().map(|parked| self.parked_row(parked)).collect(),
            outcome: state.outcome,
            outcome_serial: state.outcome_serial,
            last_name: last.map(|(line, _)| line.name.clone()).unwrap_or_default(),
            last_total: last.map(|(_, total)| self.formatter.money(*total)).unwrap_or_default(),
            last_code: state.last_code.clone(),
        }
    }

    fn line_row(&self, line: &Line, total: Money) -> LineRow {
        LineRow {
            id: line.id.to_string(),
            name: line.name.clone(),
            code: line.gtin.map(Gtin::display_digits).unwrap_or_default(),
            quantity: self.formatter.quantity(line.quantity),
            quantity_value: line.quantity.amount,
            is_countable: line.quantity.unit == Unit::Piece,
            unit_price: self.formatter.unit_price(line.unit_price, line.quantity.unit),
            total: self.formatter.amount(total),
            is_fresh: self.sell.fresh == Some(line.id),
        }
    }

    pub(super) fn tax_rows(&self, taxes: &[TaxAmount]) -> Vec<TaxRow> {
        let is_included = self
            .config
            .as_ref()
            .is_none_or(|config| config.taxes.treatment == PriceTreatment::Inclusive);
        let row = |tax: &TaxAmount| TaxRow {
            name: format!("{} {}", tax.rate.name, self.formatter.percent(tax.rate.rate_ppm)),
            base: self.formatter.amount(tax.base),
            amount: self.formatter.amount(tax.amount),
            is_included,
        };
        taxes.iter().map(row).collect()
    }

    pub(super) fn articles_screen(&self) -> ArticlesScreen {
        let row = |(article, stock): &(Article, Option<i64>)| ArticleRow {
            id: article.id.to_string(),
            name: article.name.clone(),
            detail: article.detail.clone(),
            price: self.formatter.unit_price(article.price.amount, article.price.unit),
            // Stock of what is weighed or measured is told in whole kilograms, litres, metres.
            stock: stock.map(|stock| stock.div_euclid(article.price.unit.per_trade_unit())),
        };
        ArticlesScreen {
            query: self.articles.query.clone(),
            rows: self.articles.rows.iter().map(row).collect(),
            has_more: self.articles.has_more,
        }
    }
}

/// The price of a line as shown; one that does not fit any amount shows nothing.
fn total_of(line: &Line) -> Money {
    let nothing = Money::zero(line.unit_price.currency());
    line_total(line.unit_price, line.quantity).unwrap_or(nothing)
}

fn of_basket_error(error: &BasketError) -> Message {
    match error {
        BasketError::Quantity(amount) => Message::error("quantity-invalid", &[&amount.to_string()]),
        BasketError::UnknownLine => Message::error("line-gone", &[]),
        BasketError::Currency(..) => Message::error("article-currency", &[]),
        BasketError::Unit(_) => Message::error("label-unit", &[]),
        BasketError::Full => Message::error("basket-full", &[]),
    }
}
