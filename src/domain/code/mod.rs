//! Codes: what a scan yields. Symbology, text as read, and what the text means.
//!
//! A meaning is claimed only when the rule behind it holds; everything else stays an honest
//! [`Meaning::Unknown`] and is shown as it is, with what can be done about it. Nothing here asks
//! anybody: an address in a code is read and never fetched. The rules, in tables: `docs/CODES.md`.

mod ai;
mod code_list;
mod compressed;
mod coupon;
mod element;
mod fault;
mod link;
mod lint;
mod own;
mod restricted;
mod retail;
mod ring;
mod symbology;
#[cfg(test)]
mod tests;
mod value;

pub use ai::{Ai, Charset, Component, Entry, Pattern, table};
pub use coupon::{Coupon, CouponError, CouponField, PositiveOffer, Purchase};
pub use element::{Element, ElementString, SEPARATOR};
pub use fault::{Gs1Error, Gs1Fault};
pub use link::is_web_address;
pub use lint::{Lint, LintError, LintFault};
pub use own::{CodeKey, OwnCode, OwnKind, Proof, SEAL_BYTES, Seal, is_unknown_own};
pub use restricted::{
    RestrictedItem, RestrictedMeasure, TemplateError, VariableMeasureTemplate,
    interpret_restricted, price_check_digit,
};
pub use retail::{AddOn, Publication, RetailCoupon, issn, split_add_on};
pub use ring::{NotRung, RingRules, Rung, is_payment_code, ring};
pub use symbology::{Symbology, strip_gs1_identifier};
pub use value::{Day, Dimension, Measure, MeasureUnit, Price, PriceKind, Value, year_in_window};

use crate::gtin::{Gtin, expand_upc_e};

/// What a text means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// A trade item.
    Gtin(Gtin),
    /// A number of restricted circulation: the retailer's own, not a maker's. Its layout is
    /// configuration, see [`interpret_restricted`].
    Restricted(Gtin),
    /// A coupon or refund receipt in the form of a GTIN, see [`RetailCoupon`].
    Coupon(Gtin),
    /// GS1 element strings, or a GS1 Digital Link.
    Gs1(Box<ElementString>),
    /// One of our own enrolment codes: address of central and one-time code.
    Enrolment {
        /// Base address of central.
        central: String,
        /// One-time code.
        code: String,
    },
    /// Another of our own codes: a receipt, a basket, a badge.
    Own(Box<OwnCode>),
    /// Nothing that we can vouch for.
    Unknown,
}

impl Meaning {
    /// The kind in files and on the wire.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Gtin(_) => "gtin",
            Self::Restricted(_) => "restricted",
            Self::Coupon(_) => "coupon",
            Self::Gs1(_) => "gs1",
            Self::Enrolment { .. } => "enrolment",
            Self::Own(own) => own.kind.name(),
            Self::Unknown => "unknown",
        }
    }
}

/// The first letters of the codes that Crossroads itself prints.
pub const OWN_PREFIX: &str = "XR1:";

/// What a scan yields.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Code {
    /// How it was carried.
    pub symbology: Symbology,
    /// The text as read, without the digits of an add-on.
    pub text: String,
    /// The digits printed beside an EAN or UPC. They say more of the same article: codes that
    /// differ in nothing else are one code seen twice.
    pub add_on: Option<AddOn>,
    /// What it means.
    pub meaning: Meaning,
    /// Why a GS1 code means nothing, or what it should have beside it. A code that never claimed
    /// to be of GS1 has no fault.
    pub fault: Option<Box<Gs1Error>>,
}

impl Code {
    /// The longest text that is looked at; a QR code of version 40 holds 7,089 digits.
    pub const TEXT_MAX: usize = 8192;

    /// Gives a text its meaning. An add-on that a scanner sends behind the number goes to its own
    /// place.
    pub fn new(symbology: Symbology, text: impl Into<String>) -> Self {
        let mut text = text.into();
        let add_on = split_add_on(symbology, &text).map(|(_, add_on)| add_on);
        if add_on.is_some() {
            text.truncate(if symbology == Symbology::UpcA { 12 } else { 13 });
        }
        let Read { meaning, fault } = interpret(symbology, &text);
        Self { symbology, text, add_on, meaning, fault: fault.map(Box::new) }
    }

    /// The same with the digits beside it that a reader saw for itself.
    pub fn beside(self, add_on: Option<AddOn>) -> Self {
        Self { add_on, ..self }
    }

    /// A code typed by a person.
    pub fn typed(text: &str) -> Self {
        Self::new(Symbology::Typed, text.trim())
    }

    /// Which issue of a periodical this is, as printed: two digits beside an ISSN, or beside a UPC-A,
    /// where other goods that carry two digits have `00`.
    pub fn issue(&self) -> Option<String> {
        let Some(AddOn::Issue(number)) = self.add_on else { return None };
        let gtin = self.gtin()?;
        let is_periodical = Publication::of(gtin) == Some(Publication::Periodical);
        // A scanner may send the UPC-A as an EAN-13; no other EAN-13 begins with a zero.
        let is_upc_a = matches!(self.symbology, Symbology::UpcA | Symbology::Ean13)
            && gtin.number() < 1_000_000_000_000;
        (is_periodical || (is_upc_a && number > 0)).then(|| AddOn::Issue(number).to_string())
    }

    /// The trade item, if it is one.
    pub fn gtin(&self) -> Option<Gtin> {
        match &self.meaning {
            Meaning::Gtin(gtin) | Meaning::Restricted(gtin) | Meaning::Coupon(gtin) => Some(*gtin),
            Meaning::Gs1(elements) => elements.gtin(),
            _ => None,
        }
    }
}

/// A meaning with what is wrong.
struct Read {
    meaning: Meaning,
    fault: Option<Gs1Error>,
}

impl From<Meaning> for Read {
    fn from(meaning: Meaning) -> Self {
        Self { meaning, fault: None }
    }
}

impl From<Result<element::Parsed, Gs1Error>> for Read {
    fn from(parsed: Result<element::Parsed, Gs1Error>) -> Self {
        match parsed.and_then(element::Parsed::finish) {
            Ok((elements, fault)) => Self { meaning: Meaning::Gs1(Box::new(elements)), fault },
            Err(fault) => Self { meaning: Meaning::Unknown, fault: Some(fault) },
        }
    }
}

fn from_gtin(gtin: Gtin) -> Meaning {
    match () {
        () if RetailCoupon::of(gtin).is_some() => Meaning::Coupon(gtin),
        () if gtin.is_restricted() => Meaning::Restricted(gtin),
        () => Meaning::Gtin(gtin),
    }
}

fn gtin_meaning(digits: &str) -> Meaning {
    Gtin::parse(digits).map_or(Meaning::Unknown, from_gtin)
}

fn interpret(symbology: Symbology, text: &str) -> Read {
    if text.len() > Code::TEXT_MAX {
        return Meaning::Unknown.into();
    }
    match symbology {
        Symbology::Ean13 | Symbology::UpcA | Symbology::Ean8 | Symbology::Itf14 => {
            gtin_meaning(text).into()
        }
        Symbology::UpcE => {
            expand_upc_e(text).map_or(Meaning::Unknown, |long| gtin_meaning(&long)).into()
        }
        Symbology::DataBar | Symbology::DataBarLimited => {
            gtin_meaning(text.strip_prefix("(01)").or(text.strip_prefix("01")).unwrap_or(text))
                .into()
        }
        Symbology::Gs1128
        | Symbology::Gs1DataMatrix
        | Symbology::Gs1QrCode
        | Symbology::DataBarExpanded => element::parse(text).into(),
        Symbology::Typed | Symbology::Unspecified => interpret_unsaid(text),
        _ => own_code(text).map_or_else(|| interpret_claim(text), Read::from),
    }
}

/// Text whose carrier nobody names: digits are a GTIN if they can be; element strings need a
/// separator, or a GTIN in front, or brackets.
fn interpret_unsaid(text: &str) -> Read {
    let meaning = own_code(text).unwrap_or_else(|| gtin_meaning(text));
    if meaning != Meaning::Unknown {
        return meaning.into();
    }
    let has_gtin = text.strip_prefix("01").and_then(|rest| rest.get(..14)).map(Gtin::parse);
    if text.contains(SEPARATOR) || matches!(has_gtin, Some(Ok(_))) {
        let read = Read::from(element::parse(text));
        // Without a separator nothing but success says that it was meant.
        let is_meant = read.meaning != Meaning::Unknown || text.contains(SEPARATOR);
        return if is_meant { read } else { Meaning::Unknown.into() };
    }
    interpret_claim(text)
}

/// Text of a symbol for any use, which must say itself that it is of GS1: an AIM identifier that
/// was left on, the form for people, or an address with a key.
fn interpret_claim(text: &str) -> Read {
    if strip_gs1_identifier(text).is_some() || begins_with_key_in_brackets(text) {
        return element::parse(text).into();
    }
    if is_web_address(text) {
        let read = Read::from(link::parse(text));
        // An address without a key is an advertisement, and nothing is wrong with it.
        let is_none = |fault: &Gs1Error| {
            fault.ai.is_none() && matches!(fault.fault, Gs1Fault::NoKey | Gs1Fault::Address)
        };
        let fault = read.fault.filter(|fault| !is_none(fault));
        return Read { fault, ..read };
    }
    Meaning::Unknown.into()
}

/// `(01)`, but not `(21)`: telephone numbers are written so too.
fn begins_with_key_in_brackets(text: &str) -> bool {
    let ai = text.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(ai, _)| ai);
    let ai = ai.and_then(Ai::parse);
    let is_key = |entry: &Entry| entry.key.is_some();
    ai.is_some_and(|ai| {
        matches!(ai, Ai::COUPON | Ai::COUPON_POSITIVE) || ai.entry().is_some_and(is_key)
    })
}

/// `XR1:E:<central>|<code>` enrols; the others are in [`own`].
fn own_code(text: &str) -> Option<Meaning> {
    if let Some(own) = OwnCode::parse(text) {
        return Some(Meaning::Own(Box::new(own)));
    }
    let (central, code) = text.strip_prefix(OWN_PREFIX)?.strip_prefix("E:")?.rsplit_once('|')?;
    let is_address = central.starts_with("http://") || central.starts_with("https://");
    (is_address && !code.is_empty())
        .then(|| Meaning::Enrolment { central: central.into(), code: code.into() })
}

/// The text of an enrolment code.
pub fn enrolment_text(central: &str, code: &str) -> String {
    format!("{OWN_PREFIX}E:{central}|{code}")
}

/// The text of the code printed on a receipt where no key is known to seal it with.
pub fn receipt_text(number: &str) -> String {
    format!("{OWN_PREFIX}R:{number}")
}
