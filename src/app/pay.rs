//! Taking cash. "Paid" is said after the commit is on disk, not before (invariant 1).

use super::intent::{Intent, View};
use super::screen::{Message, PayScreen};
use super::terminal::Terminal;
use domain::id::TenderId;
use domain::money::Money;
use domain::order::{Delivery, Fulfilment};
use domain::pricing::Priced;
use domain::tender::{CashDue, Tender, TenderKind, cash_due, quick_amounts};
use store::{CommitError, CommittedOrder, NewOrder, Payment, StoreError};

/// How many amounts are offered as one touch.
const QUICK_MAX: usize = 4;
/// Ten million units is more than any drawer gives change for.
const GIVEN_MINOR_MAX: i64 = 1_000_000_000;

/// State of the pay view.
#[derive(Default)]
pub struct PayState {
    given_minor: i64,
}

impl Terminal {
    fn due(&self) -> Option<(Priced, CashDue)> {
        let priced = self.priced()?;
        let coin = self.config.as_ref()?.smallest_coin_minor;
        let due = cash_due(priced.total, coin).ok()?;
        Some((priced, due))
    }

    pub(super) fn pay_intent(&mut self, intent: Intent) -> Result<(), StoreError> {
        if intent == Intent::Pay {
            return self.start_paying();
        }
        if intent == Intent::CancelPay {
            self.pay = PayState::default();
            if self.view == View::Pay {
                self.home();
            }
            return Ok(());
        }
        if self.view != View::Pay {
            self.say(Message::error("nothing-to-pay", &[]));
            return Ok(());
        }
        let push = |given: i64, factor: i64, digit: i64| {
            let next = given.saturating_mul(factor).saturating_add(digit);
            if next > GIVEN_MINOR_MAX { given } else { next }
        };
        match intent {
            Intent::CashDigit(digit) if digit <= 9 => {
                self.pay.given_minor = push(self.pay.given_minor, 10, digit.into());
            }
            Intent::CashDoubleZero => self.pay.given_minor = push(self.pay.given_minor, 100, 0),
            Intent::CashErase => self.pay.given_minor /= 10,
            Intent::CashQuick(position) => {
                if let Some(amount) = self.quick().get(position) {
                    return self.take_cash(amount.minor());
                }
            }
            Intent::TakeCash => return self.take_cash(self.pay.given_minor),
            Intent::Cash(minor) => return self.take_cash(minor),
            _ => {}
        }
        Ok(())
    }

    fn start_paying(&mut self) -> Result<(), StoreError> {
        let is_empty = self.sell.basket.as_ref().is_none_or(|basket| basket.is_empty());
        if is_empty {
            self.say(Message::warning("nothing-to-pay", &[]));
            return Ok(());
        }
        self.set_fulfilment(Fulfilment::Carry)?;
        if self.due().is_none() {
            self.say(Message::error("no-price", &[]));
            return Ok(());
        }
        self.hush();
        self.pay = PayState::default();
        self.go(View::Pay);
        Ok(())
    }

    fn quick(&self) -> Vec<Money> {
        let notes = self.config.as_ref().map(|config| config.notes_minor.as_slice()).unwrap_or(&[]);
        self.due().map(|(_, due)| quick_amounts(due.amount, notes, QUICK_MAX)).unwrap_or_default()
    }

    fn take_cash(&mut self, given_minor: i64) -> Result<(), StoreError> {
        let Some((priced, due)) = self.due() else {
            return Ok(());
        };
        let given = Money::new(given_minor, due.amount.currency());
        let change = given.checked_sub(due.amount);
        let Some(change) = change.ok().filter(|change| change.minor() >= 0) else {
            let open = due.amount.checked_sub(given).unwrap_or(due.amount);
            self.say(Message::warning("cash-not-enough", &[&self.formatter.money(open)]));
            return Ok(());
        };
        if given_minor > GIVEN_MINOR_MAX {
            self.say(Message::error("quantity-invalid", &[&given_minor.to_string()]));
            return Ok(());
        }
        let id = TenderId::mint(self.parts.ids.as_mut());
        let tender = Tender { id, kind: TenderKind::Cash, given, change };
        let payment = Payment { due: priced.total, rounding: due.rounding, tenders: vec![tender] };
        let committed = self.commit(priced, None, Some(payment.clone()))?;
        if let Some(committed) = committed {
            self.pay = PayState::default();
            let total = self.formatter.money(committed.order.total);
            self.show_receipt(committed, Some(payment))?;
            self.say(Message::success("order-paid", &[&total]));
        }
        Ok(())
    }

    /// Commits the basket as an order. `None` (and a message) if it was refused; the basket is still there then.
    pub(super) fn commit(
        &mut self,
        priced: Priced,
        delivery: Option<Delivery>,
        payment: Option<Payment>,
    ) -> Result<Option<CommittedOrder>, StoreError> {
        let (Some(basket), Some(config), Some(shift), Some(person)) =
            (&self.sell.basket, &self.config, &self.shift, &self.person)
        else {
            self.say(Message::error("sign-in-first", &[]));
            return Ok(None);
        };
        let order = NewOrder {
            basket: basket.clone(),
            priced,
            delivery,
            payment,
            shift: shift.id,
            staff: person.id,
            store: config.id,
            placed_at: self.now(),
        };
        match self.parts.store.commit_order(order) {
            Ok(committed) => {
                self.start_basket();
                self.parts.sync.nudge();
                Ok(Some(committed))
            }
            Err(CommitError::Store(error)) => Err(error),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "not committed");
                self.say(Message::error("internal", &[]));
                Ok(None)
            }
        }
    }

    pub(super) fn pay_screen(&self) -> PayScreen {
        if self.view != View::Pay {
            return PayScreen::default();
        }
        let Some((priced, due)) = self.due() else {
            return PayScreen::default();
        };
        let given = Money::new(self.pay.given_minor, due.amount.currency());
        let change = given.checked_sub(due.amount).ok().filter(|change| change.minor() >= 0);
        let open = due.amount.checked_sub(given).ok().filter(|open| open.minor() > 0);
        let has_given = self.pay.given_minor > 0;
        let shown = |money: Option<Money>| {
            money.filter(|_| has_given).map(|money| self.formatter.money(money)).unwrap_or_default()
        };
        PayScreen {
            due: self.formatter.money(priced.total),
            due_rounded: if due.rounding.is_zero() {
                String::new()
            } else {
                self.formatter.money(due.amount)
            },
            given: if has_given { self.formatter.money(given) } else { String::new() },
            open: shown(open),
            change: shown(change),
            quick: self.quick().into_iter().map(|money| self.formatter.money(money)).collect(),
            is_covered: has_given && change.is_some(),
            is_busy: false,
        }
    }
}
