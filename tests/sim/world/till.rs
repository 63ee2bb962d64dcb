//! The till: what cashiers do, and what they must see at once.

use super::World;
use super::device::describe;
use crate::breakage::Breakage;
use crate::class::Class;
use crate::template::Template;
use crate::violation::{Check, Invariant};
use domain::article::Article;
use domain::basket::Basket;
use domain::id::{ArticleId, CustomerId, TenderId};
use domain::money::Money;
use domain::order::Fulfilment;
use domain::pricing::{self, Priced};
use domain::quantity::Unit;
use domain::store::StoreConfig;
use domain::tender::{Tender, TenderKind, cash_due};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use store::{CommitError, CommittedOrder, NewOrder, Payment, Store, StoreError};
use sync::engine::Input;

/// A card number that belongs to nobody (the payment industry's test number).
const TEST_CARD: &str = "4111111111111111";

/// What is on hand of an article, `None` where nobody knows.
type OnHand = (ArticleId, Option<i64>);

/// Articles that a cashier chooses from.
const RANGE: usize = 20;

impl World {
    /// The cashier sells something, or taps again where the outcome of the last sale is not known.
    pub(super) fn sell(&mut self, number: usize, draw: u64) -> Check {
        let device = &mut self.devices[number];
        let Some(running) = device.running.as_ref() else { return Ok(()) };
        let store = running.store.clone();
        let mut rng = StdRng::seed_from_u64(draw);
        let at = device.clock.at(self.now_ms);
        let pending = device.pending.take();
        device.baskets += 1;
        let mut ids = device.ids(2, device.baskets);
        let customers = &Template::shared_or_none().map(|template| &template.customers);
        let customers = customers.map_or(&[][..], Vec::as_slice);
        let may_be_poison = self.settings.classes.has(Class::Poison);
        let is_enrolled = device.is_enrolled;
        let collected = (|| -> Result<Option<NewOrder>, StoreError> {
            // A device that does not know who it is shows nothing but the enrolment. That a terminal forgets it
            // without damage is a defect, and shows as one further down.
            if !is_enrolled && store.terminal()?.is_none() {
                return Ok(None);
            }
            let Some(config) = store.store_config()? else { return Ok(None) };
            let Some(staff) = store.staff()?.first().map(|person| person.id) else {
                return Ok(None);
            };
            let shift = store.open_shift(staff, at)?;
            if let Some(mut pending) = pending.clone() {
                pending.shift = shift.id;
                return Ok(Some(pending));
            }
            let articles = store.search_articles("", RANGE)?;
            let customer = choose_customer(&store, customers, &mut rng)?;
            let basket = collect((&config, &articles), customer, may_be_poison, &mut rng, &mut ids);
            let Some(basket) = basket else { return Ok(None) };
            let priced = pricing::price(&basket, None, &config.taxes);
            let Ok(priced) = priced else { return Ok(None) };
            let payment = pay(&config, &priced, &mut rng, &mut ids);
            let (shift, store) = (shift.id, config.id);
            let delivery = None;
            Ok(Some(NewOrder {
                basket,
                priced,
                delivery,
                payment,
                shift,
                staff,
                store,
                placed_at: at,
            }))
        })();
        let order = match collected {
            Ok(Some(order)) => order,
            Ok(None) => return self.after_till(number),
            Err(error) => {
                self.devices[number].pending = pending;
                return self.till_failed(number, "preparing a sale", &error);
            }
        };
        self.commit(number, &store, order)
    }

    fn commit(&mut self, number: usize, store: &Store, mut order: NewOrder) -> Check {
        if self.is_broken_by(Breakage::CardNumber) {
            order.basket.lines[0].name = format!("Gift {TEST_CARD}");
        }
        let before = self.stock_of(store, &order);
        let is_overlay_forgotten = self.is_broken_by(Breakage::OverlayForgotten);
        match store.commit_order(order.clone()) {
            Ok(committed) => {
                // Confirmed is confirmed, also if the power goes before anybody could look.
                self.devices[number].confirmed.push(committed.order.id);
                if self.has_lost_power(number) {
                    return Ok(());
                }
                let is_again = self.ledger.sales.contains_key(&committed.order.id);
                self.observe(number)?;
                if self.devices[number].running.is_none() || self.devices[number].is_unobserved {
                    return Ok(());
                }
                self.tally.note(if is_again { "sale: tapped again" } else { "sale: made" });
                let after = if is_overlay_forgotten {
                    before.clone()
                } else {
                    self.stock_of(store, &order)
                };
                self.check_sold(number, store, &order, &committed, is_again, (&before, &after))?;
                self.nudge(number)
            }
            Err(error) => {
                self.devices[number].pending = Some(order);
                self.commit_failed(number, &error)
            }
        }
    }

    fn commit_failed(&mut self, number: usize, error: &CommitError) -> Check {
        if self.has_lost_power(number) {
            return Ok(());
        }
        self.excuse(number, "a sale", &describe(error))?;
        self.observe(number)
    }

    fn till_failed(&mut self, number: usize, doing: &str, error: &StoreError) -> Check {
        if self.has_lost_power(number) {
            return Ok(());
        }
        self.excuse(number, doing, &describe(error))?;
        self.observe(number)
    }

    /// What is on hand of each article of an order, `None` where nobody knows.
    fn stock_of(&self, store: &Store, order: &NewOrder) -> Vec<OnHand> {
        let mut stock: Vec<OnHand> = Vec::new();
        for line in &order.basket.lines {
            if stock.iter().all(|(known, _)| *known != line.article) {
                stock.push((line.article, store.stock(line.article).ok().flatten()));
            }
        }
        stock
    }

    /// I7: what was sold is seen at once.
    fn check_sold(
        &mut self,
        number: usize,
        store: &Store,
        order: &NewOrder,
        committed: &CommittedOrder,
        is_again: bool,
        (before, after): (&[OnHand], &[OnHand]),
    ) -> Check {
        let id = committed.order.id;
        let booked = self.ledger.sales.get(&id);
        Invariant::ExactlyOnce.require(booked.is_some_and(|sale| sale.device == number), || {
            format!("device {number}: a sale was confirmed that its journal does not hold")
        })?;
        let total = order.priced.total.minor();
        Invariant::Money.require(booked.is_some_and(|sale| sale.total_minor == total), || {
            format!("device {number}: sold for {total}, the journal says otherwise")
        })?;
        if self.devices[number].disk.is_doubtful() {
            return Ok(());
        }
        let found = store.order(id).ok().flatten();
        Invariant::OwnWrites.require(found.is_some_and(|found| found.order.id == id), || {
            format!("device {number}: the order just committed is not found")
        })?;
        for ((article, before), (_, after)) in before.iter().zip(after) {
            let lines = order.basket.lines.iter().filter(|line| line.article == *article);
            let sold: i64 = lines.map(|line| line.quantity.amount).sum();
            let expected = before.map(|before| if is_again { before } else { before - sold });
            Invariant::OwnWrites.require(before.is_none() || *after == expected, || {
                format!("device {number}: stock was {before:?}, {sold} sold, is {after:?}")
            })?;
        }
        if let Some(customer) = order.basket.customer {
            self.devices[number].bought.push((customer, id));
            self.check_history(number)?;
        }
        Ok(())
    }

    /// Tells the engine that there is something new; now and then somebody forgets to.
    fn nudge(&mut self, number: usize) -> Check {
        if self.chance.random_range(0..5) == 0 {
            return Ok(());
        }
        self.input(number, Input::Nudge)
    }

    fn after_till(&mut self, number: usize) -> Check {
        if self.has_lost_power(number) {
            return Ok(());
        }
        self.observe(number)
    }

    pub(super) fn end_shift(&mut self, number: usize) -> Check {
        let device = &self.devices[number];
        let Some(running) = device.running.as_ref() else { return Ok(()) };
        let at = device.clock.at(self.now_ms);
        match running.store.close_shift(at) {
            Ok(()) => {
                self.tally.note("shift: ended");
                self.after_till(number)
            }
            // Damage took the store's row and every order; until central sends the row again nobody knows in which
            // currency to count, the program says so, and the shift stays open.
            Err(StoreError::NotConfigured) if device.was_damaged => {
                self.tally.note("shift: cannot be ended yet");
                self.after_till(number)
            }
            Err(error) => self.till_failed(number, "ending a shift", &error),
        }
    }
}

fn choose_customer(
    store: &Store,
    customers: &[CustomerId],
    rng: &mut StdRng,
) -> Result<Option<CustomerId>, StoreError> {
    if customers.is_empty() || rng.random_range(0..10) > 3 {
        return Ok(None);
    }
    let customer = customers[rng.random_range(0..customers.len())];
    Ok(store.customer(customer)?.map(|known| known.id))
}

/// One to three articles; now and then an amount that nobody can sell, as a defect of the screen would do it.
fn collect(
    (config, articles): (&StoreConfig, &[Article]),
    customer: Option<CustomerId>,
    may_be_poison: bool,
    rng: &mut StdRng,
    ids: &mut dyn domain::id::IdSource,
) -> Option<Basket> {
    let mut basket = Basket::new(config.currency, ids);
    basket.customer = customer;
    let is_poison = rng.random_range(0..40) == 0;
    for _ in 0..rng.random_range(1..=3) {
        let article = articles.get(rng.random_range(0..articles.len().max(1)))?;
        basket.add(article, None, Fulfilment::Carry, ids).ok()?;
        let line = basket.lines.last_mut()?;
        if line.quantity.unit == Unit::Piece {
            line.quantity.amount = rng.random_range(1..4);
        }
    }
    if is_poison && may_be_poison {
        basket.lines.first_mut()?.quantity.amount = 0;
    }
    Some(basket)
}

fn pay(
    config: &StoreConfig,
    priced: &Priced,
    rng: &mut StdRng,
    ids: &mut dyn domain::id::IdSource,
) -> Option<Payment> {
    if rng.random_range(0..12) == 0 {
        return None;
    }
    let due = cash_due(priced.total, config.smallest_coin_minor).ok()?;
    let extra = Money::new(rng.random_range(0..3) * 1_000, config.currency);
    let given = due.amount.checked_add(extra).ok()?;
    let tender = Tender { id: TenderId::mint(ids), kind: TenderKind::Cash, given, change: extra };
    Some(Payment { due: priced.total, rounding: due.rounding, tenders: vec![tender] })
}
