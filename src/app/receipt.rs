//! The proof of an order: on the screen, on paper, and as a code that can be scanned again.

use super::clock::corrected_ms;
use super::intent::{Language, View};
use super::qr;
use super::screen::{Message, ReceiptLine, ReceiptScreen};
use super::terminal::Terminal;
use domain::code::{OwnCode, OwnKind, receipt_text};
use domain::id::OrderId;
use domain::order::{Order, OrderLine};
use domain::quantity::{Quantity, Unit};
use store::{CommittedOrder, Payment, StoreError, StoredOrder};
use sync::seal::HmacSeal;

/// The setting that remembers which receipt a person has put away.
const SEEN: &str = "receipt-seen";

/// State of the receipt view.
#[derive(Default)]
pub struct ReceiptState {
    order: Option<(Order, Option<Payment>)>,
    /// When it was placed, as people are told: the same whenever the receipt is shown again.
    placed_ms: i64,
    customer: String,
    served_by: String,
    is_printed: bool,
    /// Taken now, not looked up: only then the drawer opens and paper comes by itself.
    is_fresh: bool,
    rows: Vec<String>,
}

impl ReceiptState {
    pub(super) const fn is_set(&self) -> bool {
        self.order.is_some()
    }

    /// Looking up an old receipt must not mark the newest one as unseen again.
    fn is_fresh_or_last(&self, store: &store::Store, order: &Order) -> bool {
        let is_last =
            || store.last_order().is_ok_and(|last| last.is_some_and(|l| l.order.id == order.id));
        self.is_fresh || is_last()
    }
}

/// What goes to the printer: text that is formatted already.
#[derive(Clone, Debug, PartialEq)]
pub struct PrintJob {
    /// Which order it proves.
    pub order: OrderId,
    /// The receipt as shown.
    pub receipt: ReceiptScreen,
    /// Language of the fixed words.
    pub language: Language,
    /// Cash was taken: the drawer opens.
    pub opens_drawer: bool,
}

impl Terminal {
    /// Shows the receipt of an order that was taken now, and prints it where there is a printer.
    pub(super) fn show_receipt(
        &mut self,
        committed: CommittedOrder,
        payment: Option<Payment>,
    ) -> Result<(), StoreError> {
        self.lay_out_receipt(committed.order, committed.clock_offset_ms, payment)?;
        self.receipt.is_fresh = true;
        if self.parts.printer.is_configured() {
            self.print_receipt();
        }
        Ok(())
    }

    /// Shows the receipt of an earlier order: no drawer opens and no paper comes unless somebody asks.
    pub(super) fn show_again(&mut self, stored: StoredOrder) -> Result<(), StoreError> {
        self.lay_out_receipt(stored.order, stored.clock_offset_ms, stored.payment)
    }

    fn lay_out_receipt(
        &mut self,
        order: Order,
        clock_offset_ms: Option<i64>,
        payment: Option<Payment>,
    ) -> Result<(), StoreError> {
        let customer = match order.customer {
            Some(id) => self.parts.store.customer(id)?.map(|found| found.name),
            None => None,
        };
        let staff = self.parts.store.staff()?;
        let served_by = staff.into_iter().find(|person| person.id == order.staff);
        self.receipt = ReceiptState {
            rows: qr::rows(&self.receipt_code(&order.number)),
            customer: customer.unwrap_or_default(),
            served_by: served_by.map(|person| person.name).unwrap_or_default(),
            placed_ms: corrected_ms(order.placed_at.0, clock_offset_ms),
            order: Some((order, payment)),
            ..ReceiptState::default()
        };
        self.back.clear();
        self.view = View::Receipt;
        Ok(())
    }

    /// After a power cut between commit and receipt: the person sees that it *was* sold.
    pub(super) fn resume_unseen_receipt(&mut self) -> Result<(), StoreError> {
        let Some(last) = self.parts.store.last_order()? else {
            return Ok(());
        };
        if self.parts.store.setting(SEEN)?.as_deref() == Some(&last.order.id.to_string()) {
            return Ok(());
        }
        self.show_again(last)?;
        self.say(Message::information("receipt-after-restart", &[]));
        Ok(())
    }

    /// Remembers that the receipt on show was seen, and takes it off the screen.
    pub(super) fn put_receipt_away(&mut self) {
        if let Some((order, _)) = &self.receipt.order
            && self.receipt.is_fresh_or_last(&self.parts.store, order)
            && let Err(error) = self.parts.store.set_setting(SEEN, &order.id.to_string())
        {
            // A full disk must not stop the next sale; the receipt is merely shown once more after a restart.
            tracing::warn!(error = &error as &dyn std::error::Error, "a receipt stays unseen");
        }
        self.receipt = ReceiptState::default();
    }

    pub(super) fn new_sale(&mut self) -> Result<(), StoreError> {
        self.put_receipt_away();
        self.hush();
        self.home();
        Ok(())
    }

    pub(super) fn print_receipt(&mut self) {
        let Some((order, payment)) = &self.receipt.order else {
            return;
        };
        if !self.parts.printer.is_configured() {
            self.say(Message::warning("printer-missing", &[]));
            return;
        }
        let is_first = self.receipt.is_fresh && !self.receipt.is_printed;
        let opens_drawer = payment.is_some() && is_first;
        let (order, receipt, language) = (order.id, self.receipt_screen(), self.language);
        self.parts.printer.print(PrintJob { order, receipt, language, opens_drawer });
    }

    pub(super) fn printed(&mut self, order: OrderId, answer: Result<(), String>) {
        let is_on_show = self.receipt.order.as_ref().is_some_and(|(shown, _)| shown.id == order);
        match answer {
            Ok(()) if is_on_show => self.receipt.is_printed = true,
            Ok(()) => {}
            Err(code) => self.say(Message::warning(&code, &[])),
        }
    }

    pub(super) fn receipt_screen(&self) -> ReceiptScreen {
        let Some((order, payment)) = &self.receipt.order else {
            return ReceiptScreen::default();
        };
        let format = &self.formatter;
        let tender = payment.as_ref().and_then(|payment| payment.tenders.first());
        let change = tender.map(|tender| tender.change).filter(|change| !change.is_zero());
        let rounding = payment.as_ref().map(|p| p.rounding).filter(|rounding| !rounding.is_zero());
        let delivery = order.delivery.as_ref();
        let mut lines: Vec<ReceiptLine> =
            order.lines.iter().map(|line| self.receipt_line(line)).collect();
        if let Some(delivery) = delivery.filter(|delivery| !delivery.fee.is_zero()) {
            // The view names the line: an empty name is the delivery fee.
            lines.push(ReceiptLine { total: format.amount(delivery.fee), ..Default::default() });
        }
        ReceiptScreen {
            number: order.number.clone(),
            store: self.config.as_ref().map(|config| config.name.clone()).unwrap_or_default(),
            store_address: self.config.as_ref().map(|c| c.address.clone()).unwrap_or_default(),
            time: format.date_time(self.receipt.placed_ms),
            served_by: self.receipt.served_by.clone(),
            customer: self.receipt.customer.clone(),
            lines,
            total: format.money(order.total),
            taxes: self.tax_rows(&order.taxes),
            cash_given: tender.map(|tender| format.money(tender.given)).unwrap_or_default(),
            rounding: rounding.map(|rounding| format.amount(rounding)).unwrap_or_default(),
            change: change.map(|change| format.money(change)).unwrap_or_default(),
            is_due_on_delivery: payment.is_none(),
            delivery: delivery
                .map(|delivery| {
                    let address = &delivery.address;
                    let town = format!("{} {}", address.postal_code, address.city);
                    vec![address.name.clone(), address.street.clone(), town]
                })
                .unwrap_or_default(),
            slot: delivery.map(|delivery| self.slot_text(&delivery.slot)).unwrap_or_default(),
            code_text: self.receipt_code(&order.number),
            code_rows: self.receipt.rows.clone(),
            is_printed: self.receipt.is_printed,
        }
    }

    /// What the code on a receipt says: sealed, if the chain has a key.
    fn receipt_code(&self, number: &str) -> String {
        let key = self.config.as_ref().and_then(|config| config.code_keys.first());
        key.and_then(|key| OwnCode::text(OwnKind::Receipt, number, key, &HmacSeal))
            .unwrap_or_else(|| receipt_text(number))
    }

    fn receipt_line(&self, line: &OrderLine) -> ReceiptLine {
        let quantity = self.formatter.quantity(line.quantity);
        let price = match line.quantity.unit {
            Unit::Piece => self.formatter.amount(line.unit_price),
            unit => self.formatter.unit_price(line.unit_price, unit),
        };
        let is_single = line.quantity == Quantity::pieces(1);
        ReceiptLine {
            name: line.name.clone(),
            detail: if is_single { String::new() } else { format!("{quantity} × {price}") },
            total: self.formatter.amount(line.total),
        }
    }
}
