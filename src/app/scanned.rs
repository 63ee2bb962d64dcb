//! A code from any scanner: does the right thing for what it means and for where the person is, and says why
//! where nothing can be done.
//!
//! ```text
//! own code    receipt, basket, badge, enrolment -> opens it, if its seal is right and the person may
//! rings       article with weight, price, count of its label -> basket
//! otherwise   a customer's card, else one sentence: what it is, that nothing was added, what to do
//! ```
//! What a code means is decided in [`domain::code`]; here is what the till does with it. A payment code is neither
//! shown nor logged.

use super::intent::{Intent, Role, View};
use super::screen::{Message, ScanOutcome};
use super::terminal::Terminal;
use super::visible::visible;
use domain::article::Article;
use domain::code::{
    Code, Day, Gs1Error, Gs1Fault, LintFault, Meaning, NotRung, OwnCode, OwnKind, Proof, RingRules,
    Rung, Symbology, ring,
};
use domain::gtin::{Gtin, GtinError, expand_upc_e};
use domain::id::BasketId;
use domain::money::Money;
use domain::quantity::{Quantity, Unit};
use domain::staff::StaffRole;
use jiff::civil;
use jiff::tz::TimeZone;
use store::StoreError;
use sync::seal::HmacSeal;

/// So many characters of a code are shown.
const SHOWN_MAX: usize = 64;

impl Terminal {
    /// Takes a code.
    pub(super) fn scanned(&mut self, code: &Code) -> Result<(), StoreError> {
        if self.identity.is_none() {
            self.enrolment_scanned(code);
            return Ok(());
        }
        if self.view == View::Count && self.person.is_some() {
            return self.count_scanned(code);
        }
        if let Meaning::Own(own) = &code.meaning
            && own.kind == OwnKind::Badge
        {
            return self.badge_scanned(own);
        }
        if self.person.is_none() {
            self.refuse(Message::error("scan-before-sign-in", &[]));
            return Ok(());
        }
        if self.view == View::SignIn {
            self.refuse(Message::error("scan-before-pin", &[]));
            return Ok(());
        }
        if self.view == View::Enrol {
            self.enrolment_scanned(code);
            return Ok(());
        }
        if self.view == View::Receipt {
            self.new_sale()?;
        }
        self.sell.last_code = shown(code);
        if self.sell.last_code.is_empty() {
            self.unknown(Message::error("code-empty", &[]));
            return Ok(());
        }
        match &code.meaning {
            Meaning::Own(own) => self.own_scanned(own),
            Meaning::Enrolment { .. } => {
                self.refuse(Message::error("enrol-elsewhere", &[]));
                Ok(())
            }
            _ => self.rung(code),
        }
    }

    /// Another symbol of the pack that was just scanned. The number rang already; what this one says of the last day
    /// counts all the same.
    pub(super) fn scanned_same_pack(&mut self, code: &Code) -> Result<(), StoreError> {
        if self.view == View::Count {
            return self.count_same_pack(code);
        }
        let Some(found) = self.ring(code) else { return Ok(()) };
        match found {
            Err(NotRung::Expired(day)) => {
                let is_customer = self.role == Role::Customer;
                let words =
                    if is_customer { "expired-same-pack-customer" } else { "expired-same-pack" };
                let day = self.day(day);
                self.tell(ScanOutcome::TakeOut, Message::error(words, &[&day]));
            }
            Ok(rung) => {
                if let (Some(day), Some((article, _))) = (rung.best_before, self.article_of(&rung)?)
                {
                    let day = self.day(day);
                    self.say(Message::warning("best-before-over", &[&article.name, &day]));
                }
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// What a code rings by the rules of the shop; nothing before they are known.
    pub(super) fn ring(&self, code: &Code) -> Option<Result<Rung, NotRung>> {
        let config = self.config.as_ref()?;
        let (layouts, currency, now) = (&config.label_layouts, config.currency, self.shop_time());
        Some(ring(code, &RingRules { layouts, currency, now }))
    }

    /// Where a device is enrolled, one kind of code does something, and the others are told apart from a bad picture.
    fn enrolment_scanned(&mut self, code: &Code) {
        if let Meaning::Enrolment { central, code } = &code.meaning {
            self.start_enrolment(central, code);
        } else {
            self.refuse(Message::error("no-enrolment-code", &[]));
        }
    }

    /// The time on the wall of the shop.
    fn shop_time(&self) -> civil::DateTime {
        let zone = self.config.as_ref().map(|config| config.time_zone.as_str());
        let zone = zone.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
        let now = jiff::Timestamp::from_millisecond(self.central_now().0).unwrap_or_default();
        now.to_zoned(zone).datetime()
    }

    fn rung(&mut self, code: &Code) -> Result<(), StoreError> {
        let Some(found) = self.ring(code) else {
            self.refuse(Message::error("no-staff-yet", &[]));
            return Ok(());
        };
        if let Ok(rung) = &found
            && let Some((article, is_labelled)) = self.article_of(rung)?
        {
            return self.add_rung(&article, rung, is_labelled, code.issue());
        }
        if let Some(customer) = self.parts.store.customer_by_card(code.text.trim())?
            && self.may_attach_card(code, customer)
        {
            return self.card_scanned(customer);
        }
        match found {
            Ok(rung) => self.not_known(code, rung.gtin),
            Err(NotRung::Unknown) if is_mistyped(code) => {
                let typed = self.sell.last_code.clone();
                self.unknown(Message::error("digit-wrong", &[&typed]));
            }
            Err(why) => self.not_rung(why),
        }
        Ok(())
    }

    /// The article of a label. A catalogue that has the very number means that article as it is; what the label
    /// says besides counts for the number without it.
    pub(super) fn article_of(&self, rung: &Rung) -> Result<Option<(Article, bool)>, StoreError> {
        if !rung.numbers.contains(&rung.gtin)
            && let Some(article) = self.parts.store.article_by_gtin(rung.gtin)?
        {
            return Ok(Some((article, false)));
        }
        for number in &rung.numbers {
            if let Some(article) = self.parts.store.article_by_gtin(*number)? {
                return Ok(Some((article, true)));
            }
        }
        Ok(None)
    }

    fn add_rung(
        &mut self,
        article: &Article,
        rung: &Rung,
        is_labelled: bool,
        issue: Option<String>,
    ) -> Result<(), StoreError> {
        let (label, pieces) = label_of(article, rung, is_labelled);
        if label.0.is_none() && article.is_several(rung.gtin) {
            self.refuse(Message::error("case-of-pieces", &[&article.name]));
            return Ok(());
        }
        // The line is of pieces, under the number that pieces have.
        let printed = article.piece_gtin().filter(|_| article.is_several(rung.gtin));
        let is_added = self.add_labelled(article, printed.or(Some(rung.gtin)), label)?;
        if let Some(day) = rung.best_before.filter(|_| is_added) {
            let day = self.day(day);
            self.say(Message::warning("best-before-over", &[&article.name, &day]));
        } else if let Some(pieces) = pieces.filter(|_| is_added) {
            self.say(Message::information("case-added", &[&article.name, &pieces.to_string()]));
        } else if let Some(issue) = issue.filter(|_| is_added) {
            self.say(Message::information("issue-added", &[&article.name, &issue]));
        }
        Ok(())
    }

    /// A number that the catalogue does not have.
    fn not_known(&mut self, code: &Code, gtin: Gtin) {
        let shown = self.sell.last_code.clone();
        let percent = self.first_sync_percent();
        // A shop without layouts has no labels: there, such a number is like any other.
        let has_layouts = self.config.as_ref().is_some_and(|c| !c.label_layouts.is_empty());
        self.unknown(if percent < 100 {
            Message::warning("unknown-code-loading", &[&shown, &percent.to_string()])
        } else if has_layouts && matches!(code.meaning, Meaning::Restricted(_)) {
            Message::error("label-unknown", &[&shown])
        } else if gtin.is_case() {
            Message::error("case-unknown", &[&shown])
        } else {
            Message::error("unknown-code", &[&shown])
        });
    }

    fn not_rung(&mut self, why: NotRung) {
        let percent = self.first_sync_percent();
        let shown = self.sell.last_code.clone();
        let is_customer = self.role == Role::Customer;
        match why {
            NotRung::Unknown if percent < 100 => self
                .unknown(Message::warning("unknown-code-loading", &[&shown, &percent.to_string()])),
            NotRung::Unknown => self.unknown(Message::error("unknown-code", &[&shown])),
            NotRung::Advertisement => self.unknown(Message::warning("code-advertisement", &[])),
            NotRung::Broken(fault) => self.refuse(of_fault(&fault)),
            NotRung::Coupon => self.refuse(Message::warning("code-coupon", &[])),
            NotRung::RefundReceipt => self.refuse(Message::warning("code-refund", &[])),
            NotRung::NoArticle(ai) => {
                self.refuse(Message::warning("code-logistic", &[&ai.to_string()]));
            }
            NotRung::NoLayout => self.unknown(Message::error("label-unknown", &[&shown])),
            NotRung::Empty => self.refuse(Message::error("label-empty", &[])),
            NotRung::Expired(day) => {
                let words = if is_customer { "expired-customer" } else { "expired" };
                let day = self.day(day);
                self.refuse(Message::error(words, &[&day]));
            }
            NotRung::OtherCurrency => self.refuse(Message::error("article-currency", &[])),
            NotRung::Inexact => self.refuse(Message::error("label-inexact", &[])),
            NotRung::PaymentCode => {
                self.sell.last_code.clear();
                self.refuse(Message::warning("code-payment", &[]));
            }
            NotRung::NewerOwn => self.refuse(Message::error("own-code-newer", &[])),
            NotRung::Own => self.refuse(Message::error("own-code-forged", &[])),
        }
    }

    /// Read, but nothing here knows it.
    fn unknown(&mut self, message: Message) {
        self.tell(ScanOutcome::Unknown, message);
    }

    /// Understood, and not done.
    fn refuse(&mut self, message: Message) {
        self.tell(ScanOutcome::Refused, message);
    }

    fn tell(&mut self, outcome: ScanOutcome, message: Message) {
        self.outcome(outcome);
        if matches!(self.view, View::Pay | View::Customer | View::Customers | View::Articles) {
            self.go(View::Sell);
        }
        self.say(message);
    }

    pub(super) fn day(&self, day: Day) -> String {
        let noon = day.date.at(12, 0, 0, 0).to_zoned(self.formatter.time_zone().clone());
        noon.map(|noon| self.formatter.date(noon.timestamp().as_millisecond())).unwrap_or_default()
    }

    /// Card numbers can be guessed. Who holds the terminal as a customer shows the card to the scanner; typing a
    /// number, or a second card, would open other people's addresses.
    fn may_attach_card(&self, code: &Code, customer: domain::id::CustomerId) -> bool {
        let attached = self.sell.basket.as_ref().and_then(|basket| basket.customer);
        self.role != Role::Customer
            || (code.symbology != Symbology::Typed
                && attached.is_none_or(|known| known == customer))
    }

    fn proof(&self, own: &OwnCode) -> Proof {
        let keys = self.config.as_ref().map_or(&[][..], |config| &config.code_keys);
        own.proof(keys, &HmacSeal)
    }

    /// A receipt or a basket. Neither gives a right that its number, typed, would not give; so one without a seal,
    /// of the first version, is good enough to look up, and one with a wrong seal is somebody's play.
    fn own_scanned(&mut self, own: &OwnCode) -> Result<(), StoreError> {
        if self.role == Role::Customer {
            self.refuse(Message::warning("own-code-staff", &[]));
            return Ok(());
        }
        if self.proof(own) == Proof::Wrong {
            self.refuse(Message::error("own-code-forged", &[]));
            return Ok(());
        }
        match own.kind {
            OwnKind::Receipt => match self.parts.store.order_by_number(&own.subject)? {
                Some(stored) => return self.show_again(stored),
                None => {
                    let number = visible(&own.subject, SHOWN_MAX);
                    self.refuse(Message::warning("receipt-elsewhere", &[&number]));
                }
            },
            OwnKind::Basket => {
                let id = uuid::Uuid::try_parse(&own.subject).map(BasketId::from_uuid);
                match id {
                    Ok(id) if self.is_parked(id) => return self.resume(id),
                    _ => self.refuse(Message::warning("basket-elsewhere", &[])),
                }
            }
            OwnKind::Badge => {}
        }
        Ok(())
    }

    /// A badge says who somebody is; that they are the one is for the PIN to say, because a badge can be
    /// photographed.
    fn badge_scanned(&mut self, own: &OwnCode) -> Result<(), StoreError> {
        if self.proof(own) != Proof::Right {
            self.refuse(Message::error("badge-refused", &[]));
            return Ok(());
        }
        let staff = self.parts.store.staff()?;
        let Some(holder) = staff.into_iter().find(|person| person.number == own.subject) else {
            self.refuse(Message::error("unknown-staff", &[&own.subject]));
            return Ok(());
        };
        let is_leaving = self.role == Role::Customer;
        if let Some(person) = self.person.as_ref().filter(|_| !is_leaving) {
            let name = person.name.clone();
            self.say(Message::information("badge-signed-in", &[&name]));
            return Ok(());
        }
        if is_leaving && self.person.is_some() && self.view != View::SignIn {
            let role = match holder.role {
                StaffRole::Associate => Role::Associate,
                StaffRole::Cashier | StaffRole::Manager => Role::Cashier,
            };
            self.set_role(role)?;
        }
        self.refresh_staff()?;
        self.sign_in_intent(Intent::ChooseStaff(holder.id))?;
        self.say(Message::information("badge-pin", &[&holder.name]));
        Ok(())
    }
}

/// What the label of a pack says of quantity and price; where it says neither, the pieces of a case that the catalogue
/// knows.
pub(super) fn label_of(article: &Article, rung: &Rung, is_labelled: bool) -> (Label, Option<u16>) {
    let (quantity, price) = if is_labelled { (rung.quantity, rung.price) } else { (None, None) };
    // What pieces weigh does not say how many there are.
    let is_by_piece = article.price.unit == Unit::Piece;
    let quantity = quantity.filter(|quantity| !is_by_piece || quantity.unit == Unit::Piece);
    let pieces = article.pieces_of(rung.gtin).filter(|_| (quantity, price) == (None, None));
    (((quantity.or(pieces.map(|pieces| Quantity::pieces(pieces.into())))), price), pieces)
}

/// Quantity and price of a label.
pub(super) type Label = (Option<Quantity>, Option<Money>);

/// What of a code is shown: the number of an article as it is printed, else the text without what cannot be seen.
pub(super) fn shown(code: &Code) -> String {
    match code.gtin() {
        Some(gtin) => gtin.display_digits(),
        None => visible(&code.text, SHOWN_MAX),
    }
}

/// Digits of the length of a number whose check digit does not fit. Those of a UPC-E are checked in another way, and a
/// scanner has checked what it sends.
pub(super) fn is_mistyped(code: &Code) -> bool {
    code.symbology == Symbology::Typed
        && matches!(Gtin::parse(&code.text), Err(GtinError::CheckDigit { .. }))
        && expand_upc_e(&code.text).is_none()
}

/// What is wrong with a label, for a cashier: which field, at which character.
fn of_fault(error: &Gs1Error) -> Message {
    let words = match &error.fault {
        Gs1Fault::Content(LintFault::CheckDigit(_) | LintFault::CheckPair) => "gs1-check",
        Gs1Fault::Content(
            LintFault::Month | LintFault::Day | LintFault::Hour | LintFault::Minute,
        ) => "gs1-date",
        Gs1Fault::Content(LintFault::NotADigit | LintFault::NotInSet(_)) => "gs1-character",
        Gs1Fault::Content(_) => "gs1-content",
        Gs1Fault::TooShort(_) | Gs1Fault::TooLong(_) => "gs1-length",
        Gs1Fault::Contradiction => "gs1-twice",
        Gs1Fault::Excluded(_) | Gs1Fault::Needs(_) => "gs1-together",
        _ => "gs1-structure",
    };
    let ai = error.ai.map(|ai| ai.to_string()).unwrap_or_default();
    Message::error(words, &[&ai, &error.position.to_string()])
}
