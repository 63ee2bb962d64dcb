//! What a code rings at a till: which article, how much of it, at what price, or why nothing.
//!
//! ```text
//! code -> ring(code, rules) -> Rung { numbers to look up, quantity, price } | NotRung (why)
//! ```
//! The same answer for camera, hand scanner and keyboard, at checkout and on the floor. What is
//! rung is what the code says, exactly: a weight that is not a whole number of grams is not rounded,
//! a price in another currency is not converted, goods past their last day of use are not sold.
//! Pure: time, currency and the retailer's layouts come in.

use super::ai::Ai;
use super::element::ElementString;
use super::restricted::{RestrictedMeasure, VariableMeasureTemplate, interpret_restricted};
use super::retail::RetailCoupon;
use super::value::{Day, Dimension};
use super::{Code, Gs1Error, Meaning, is_unknown_own, is_web_address};
use crate::gtin::Gtin;
use crate::{Currency, Money, Quantity};
use jiff::civil;

/// What decides besides the code.
#[derive(Clone, Copy, Debug)]
pub struct RingRules<'a> {
    /// The retailer's layouts, the first that fits reads a number.
    pub layouts: &'a [VariableMeasureTemplate],
    /// The money of the shop.
    pub currency: Currency,
    /// The time in the shop.
    pub now: civil::DateTime,
}

/// What a code rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The number on the code: what goes on the line.
    pub gtin: Gtin,
    /// Numbers under which the catalogue may have the article, the likeliest first.
    pub numbers: Vec<Gtin>,
    /// How much of it, if the code says so.
    pub quantity: Option<Quantity>,
    /// What it costs, if the code says so.
    pub price: Option<Money>,
    /// The best before date, if it is over: it may be sold, and somebody should look.
    pub best_before: Option<Day>,
}

/// Why a code rings nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRung {
    /// Nothing is known about it.
    Unknown,
    /// It claims to be of GS1 and is broken.
    Broken(Box<Gs1Error>),
    /// A web address that names no article.
    Advertisement,
    /// A coupon.
    Coupon,
    /// A receipt for returned goods.
    RefundReceipt,
    /// GS1 data about something else than one article: a pallet, a place, a document.
    NoArticle(Ai),
    /// A label of a scale or shop, and no layout of this retailer reads it.
    NoLayout,
    /// A label that says no weight, no price, no pieces.
    Empty,
    /// The last day of use is over.
    Expired(Day),
    /// A price in another currency.
    OtherCurrency,
    /// A measure that is no whole gram, millilitre, millimetre or minor unit, or two of them.
    Inexact,
    /// A customer's payment code: it is not for the basket, and never shown.
    PaymentCode,
    /// One of our own codes, of a version that this terminal does not know.
    NewerOwn,
    /// One of our own codes: it opens something and rings nothing.
    Own,
}

/// What `code` rings.
///
/// # Errors
/// Why it rings nothing.
pub fn ring(code: &Code, rules: &RingRules<'_>) -> Result<Rung, NotRung> {
    match &code.meaning {
        Meaning::Gtin(gtin) => Ok(plain(*gtin)),
        Meaning::Restricted(gtin) => labelled(*gtin, rules),
        Meaning::Coupon(gtin) => Err(match RetailCoupon::of(*gtin) {
            Some(RetailCoupon::RefundReceipt) => NotRung::RefundReceipt,
            _ => NotRung::Coupon,
        }),
        Meaning::Gs1(elements) => measured(elements, rules),
        Meaning::Own(_) | Meaning::Enrolment { .. } => Err(NotRung::Own),
        Meaning::Unknown => Err(unknown(code)),
    }
}

fn unknown(code: &Code) -> NotRung {
    match &code.fault {
        Some(fault) => NotRung::Broken(fault.clone()),
        None if is_payment_code(&code.text) => NotRung::PaymentCode,
        None if is_unknown_own(&code.text) => NotRung::NewerOwn,
        None if is_web_address(&code.text) => NotRung::Advertisement,
        None => NotRung::Unknown,
    }
}

fn plain(gtin: Gtin) -> Rung {
    Rung { gtin, numbers: vec![gtin], quantity: None, price: None, best_before: None }
}

/// A label of the retailer's own. A catalogue that has the very number means the very article; one
/// that has the number with a measure of zero means it with every measure.
fn labelled(gtin: Gtin, rules: &RingRules<'_>) -> Result<Rung, NotRung> {
    let Some(item) = interpret_restricted(gtin, rules.layouts) else {
        // An article of the shop's own without a measure needs no layout, if the catalogue has it.
        return Ok(plain(gtin));
    };
    let measure = item.measure;
    let (quantity, price) = match measure {
        RestrictedMeasure::Nothing => (None, None),
        RestrictedMeasure::Price { .. } => (None, measure.to_money(rules.currency)),
        RestrictedMeasure::Weight { .. } | RestrictedMeasure::Count(_) => {
            (measure.to_quantity(), None)
        }
    };
    let is_said = measure == RestrictedMeasure::Nothing || quantity.is_some() || price.is_some();
    if !is_said {
        return Err(NotRung::Inexact);
    }
    let rung = Rung { quantity, price, numbers: vec![item.base], ..plain(gtin) };
    sellable(rung)
}

fn sellable(rung: Rung) -> Result<Rung, NotRung> {
    let is_nothing = rung.quantity.is_some_and(|quantity| quantity.amount <= 0)
        || rung.price.is_some_and(|price| price.minor() <= 0);
    if is_nothing { Err(NotRung::Empty) } else { Ok(rung) }
}

/// Element strings and Digital Links.
fn measured(elements: &ElementString, rules: &RingRules<'_>) -> Result<Rung, NotRung> {
    let coupons = [Ai::COUPON, Ai::COUPON_POSITIVE, Ai::COUPON_NUMBER];
    if coupons.into_iter().any(|ai| elements.value(ai).is_some()) {
        return Err(NotRung::Coupon);
    }
    let Some(gtin) = elements.gtin() else {
        let first = elements.elements().first().map_or(Ai::GTIN, |element| element.ai());
        return Err(NotRung::NoArticle(first));
    };
    if let Some(day) = expired(elements, rules.now) {
        return Err(NotRung::Expired(day));
    }
    // A label of the shop's own may be carried by any symbol.
    let base = if gtin.is_restricted() { labelled(gtin, rules)? } else { plain(gtin) };
    let price = match elements.item_price() {
        None => base.price,
        Some(price)
            if price.currency_number.is_some_and(|_| price.currency() != Some(rules.currency)) =>
        {
            return Err(NotRung::OtherCurrency);
        }
        Some(price) => Some(price.to_money(rules.currency).ok_or(NotRung::Inexact)?),
    };
    let is_net = |dimension| {
        matches!(dimension, Dimension::NetWeight | Dimension::NetVolume | Dimension::Length)
    };
    let says_measure = elements.value(Ai::VARIABLE_COUNT).is_some()
        || elements.measures().any(|m| !m.is_logistic && is_net(m.dimension));
    let quantity = elements.quantity().or(base.quantity);
    if says_measure && quantity.is_none() && price.is_none() {
        return Err(NotRung::Inexact);
    }
    let this_year = rules.now.year();
    let best_before = elements.best_before(this_year).filter(|day| day.date < rules.now.date());
    sellable(Rung { quantity, price, best_before, ..base })
}

/// The last day of use (AI 17), or the moment (AI 7003), if it is over.
fn expired(elements: &ElementString, now: civil::DateTime) -> Option<Day> {
    let day = elements.expiry(now.year())?;
    let last = match elements.value(Ai::EXPIRY).is_none() {
        // YYMMDDHHMM: until that minute is over.
        true => {
            let digits = elements.value(Ai::EXPIRY_TIME).unwrap_or_default();
            let part = |from: usize| digits.get(from..from + 2)?.parse::<i8>().ok();
            let (hour, minute) = part(6).zip(part(8)).unwrap_or((23, 59));
            day.date.at(hour, minute, 59, 0)
        }
        false => day.date.at(23, 59, 59, 0),
    };
    (last < now).then_some(day)
}

/// Payment codes that customers show: WeChat Pay (18 digits from 10 to 15), Alipay and Alipay+ (16
/// to 24 digits from 25 to 30), as their merchant documents give them. Whoever reads one can charge
/// it, so it is neither shown nor logged.
pub fn is_payment_code(text: &str) -> bool {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let beginning = text.get(..2).and_then(|two| two.parse::<u8>().ok());
    let is_payment =
        matches!((beginning, text.len()), (Some(10..=15), 18) | (Some(25..=30), 16..=24));
    is_number && is_payment
}
