//! Codes: what a scan yields. Symbology, text as read, and what the text means.
//!
//! A meaning is claimed only when the rule behind it holds; everything else stays an honest [`Meaning::Unknown`]
//! and is shown as it is, with what can be done about it.

use crate::gtin::{Gtin, expand_upc_e};

/// How a code was carried, by the names of the ISO and AIM standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Symbology {
    /// ISO/IEC 15420, thirteen digits.
    Ean13,
    /// ISO/IEC 15420, eight digits.
    Ean8,
    /// ISO/IEC 15420, twelve digits.
    UpcA,
    /// ISO/IEC 15420, zero-suppressed.
    UpcE,
    /// ISO/IEC 15417.
    Code128,
    /// ISO/IEC 15417 with FNC1 in first position.
    Gs1128,
    /// ISO/IEC 16388.
    Code39,
    /// AIM BC5.
    Code93,
    /// ANSI/AIM BC3, used by libraries.
    Codabar,
    /// ISO/IEC 16390, any length.
    Itf,
    /// ISO/IEC 16390 with fourteen digits and a GTIN's check digit.
    Itf14,
    /// ISO/IEC 24724, omnidirectional, truncated or stacked.
    DataBar,
    /// ISO/IEC 24724 Limited.
    DataBarLimited,
    /// ISO/IEC 24724 Expanded, also stacked.
    DataBarExpanded,
    /// ISO/IEC 18004.
    QrCode,
    /// ISO/IEC 18004 with FNC1.
    Gs1QrCode,
    /// ISO/IEC 16022.
    DataMatrix,
    /// ISO/IEC 16022 with FNC1.
    Gs1DataMatrix,
    /// ISO/IEC 15438.
    Pdf417,
    /// ISO/IEC 24778.
    Aztec,
    /// Typed by a person.
    Typed,
    /// Sent by a scanner that does not say.
    Unspecified,
}

impl Symbology {
    const ALL: [(Self, &'static str); 22] = [
        (Self::Ean13, "EAN-13"),
        (Self::Ean8, "EAN-8"),
        (Self::UpcA, "UPC-A"),
        (Self::UpcE, "UPC-E"),
        (Self::Code128, "Code 128"),
        (Self::Gs1128, "GS1-128"),
        (Self::Code39, "Code 39"),
        (Self::Code93, "Code 93"),
        (Self::Codabar, "Codabar"),
        (Self::Itf, "ITF"),
        (Self::Itf14, "ITF-14"),
        (Self::DataBar, "GS1 DataBar"),
        (Self::DataBarLimited, "GS1 DataBar Limited"),
        (Self::DataBarExpanded, "GS1 DataBar Expanded"),
        (Self::QrCode, "QR Code"),
        (Self::Gs1QrCode, "GS1 QR Code"),
        (Self::DataMatrix, "Data Matrix"),
        (Self::Gs1DataMatrix, "GS1 DataMatrix"),
        (Self::Pdf417, "PDF417"),
        (Self::Aztec, "Aztec Code"),
        (Self::Typed, "typed"),
        (Self::Unspecified, "unspecified"),
    ];

    /// The name in the standard.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(symbology, _)| *symbology == self)
            .map_or("unspecified", |row| row.1)
    }

    /// The symbology of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

/// What a text means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// A trade item.
    Gtin(Gtin),
    /// A number of restricted circulation: the retailer's own, not a maker's.
    Restricted(Gtin),
    /// One of our own enrolment codes: address of central and one-time code.
    Enrolment {
        /// Base address of central.
        central: String,
        /// One-time code.
        code: String,
    },
    /// Our own receipt code: the receipt number it proves.
    Receipt(String),
    /// Nothing that we can vouch for.
    Unknown,
}

impl Meaning {
    /// The kind in files and on the wire.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Gtin(_) => "gtin",
            Self::Restricted(_) => "restricted",
            Self::Enrolment { .. } => "enrolment",
            Self::Receipt(_) => "receipt",
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
    /// The text as read.
    pub text: String,
    /// What it means.
    pub meaning: Meaning,
}

impl Code {
    /// The longest text that is looked at; a QR code of version 40 holds 7,089 digits.
    pub const TEXT_MAX: usize = 8192;

    /// Gives a text its meaning.
    pub fn new(symbology: Symbology, text: impl Into<String>) -> Self {
        let text = text.into();
        let meaning = interpret(symbology, &text);
        Self { symbology, text, meaning }
    }

    /// A code typed by a person.
    pub fn typed(text: &str) -> Self {
        Self::new(Symbology::Typed, text.trim())
    }

    /// The trade item, if it is one.
    pub fn gtin(&self) -> Option<Gtin> {
        match self.meaning {
            Meaning::Gtin(gtin) | Meaning::Restricted(gtin) => Some(gtin),
            _ => None,
        }
    }
}

fn from_gtin(gtin: Gtin) -> Meaning {
    if gtin.is_restricted() { Meaning::Restricted(gtin) } else { Meaning::Gtin(gtin) }
}

fn gtin_meaning(digits: &str) -> Meaning {
    Gtin::parse(digits).map_or(Meaning::Unknown, from_gtin)
}

fn interpret(symbology: Symbology, text: &str) -> Meaning {
    if text.len() > Code::TEXT_MAX {
        return Meaning::Unknown;
    }
    match symbology {
        Symbology::Ean13 | Symbology::Ean8 | Symbology::UpcA | Symbology::Itf14 => {
            gtin_meaning(text)
        }
        Symbology::UpcE => expand_upc_e(text).map_or(Meaning::Unknown, |long| gtin_meaning(&long)),
        Symbology::DataBar | Symbology::DataBarLimited => {
            gtin_meaning(text.strip_prefix("(01)").or(text.strip_prefix("01")).unwrap_or(text))
        }
        Symbology::Typed | Symbology::Unspecified => {
            own_code(text).unwrap_or_else(|| gtin_meaning(text))
        }
        _ => own_code(text).unwrap_or(Meaning::Unknown),
    }
}

/// `XR1:E:<central>|<code>` enrols, `XR1:R:<number>` is a receipt.
fn own_code(text: &str) -> Option<Meaning> {
    let (kind, rest) = text.strip_prefix(OWN_PREFIX)?.split_once(':')?;
    match kind {
        "E" => {
            let (central, code) = rest.rsplit_once('|')?;
            let is_address = central.starts_with("http://") || central.starts_with("https://");
            (is_address && !code.is_empty())
                .then(|| Meaning::Enrolment { central: central.into(), code: code.into() })
        }
        "R" if !rest.is_empty() => Some(Meaning::Receipt(rest.into())),
        _ => None,
    }
}

/// The text of an enrolment code.
pub fn enrolment_text(central: &str, code: &str) -> String {
    format!("{OWN_PREFIX}E:{central}|{code}")
}

/// The text of the code printed on a receipt.
pub fn receipt_text(number: &str) -> String {
    format!("{OWN_PREFIX}R:{number}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// One line, one case: symbology, text, kind of meaning, GTIN-14 if any.
    #[test]
    fn meaning_is_claimed_only_when_it_holds() {
        use Symbology::*;
        for (symbology, text, kind, gtin) in [
            (Ean13, "9521234543213", "gtin", Some("09521234543213")),
            (Ean13, "9521234543210", "unknown", None),
            (Ean8, "95050003", "gtin", Some("00000095050003")),
            (UpcA, "614141999996", "gtin", Some("00614141999996")),
            (UpcE, "01234505", "gtin", Some("00012000003455")),
            (Itf14, "19521234543210", "gtin", Some("19521234543210")),
            (DataBar, "0109521234543213", "gtin", Some("09521234543213")),
            (Ean13, "2112345678900", "restricted", Some("02112345678900")),
            (Code128, "9521234543213", "unknown", None),
            (QrCode, "https://example.org/win", "unknown", None),
            (QrCode, "XR1:E:http://127.0.0.1:8080|ABCD-EFGH", "enrolment", None),
            (QrCode, "XR1:E:javascript|ABCD", "unknown", None),
            (QrCode, "XR1:R:S001-T01-0-000007", "receipt", None),
            (Typed, "9521234543213", "gtin", Some("09521234543213")),
            (Typed, "müsli", "unknown", None),
        ] {
            let code = Code::new(symbology, text);
            assert_eq!(code.meaning.kind(), kind, "{} {text}", symbology.name());
            assert_eq!(code.gtin().map(Gtin::to_gtin14).as_deref(), gtin);
        }
    }

    #[test]
    fn own_codes_round_trip() {
        let enrolment = Code::new(Symbology::QrCode, enrolment_text("https://c.example", "K7"));
        let expected =
            Meaning::Enrolment { central: "https://c.example".into(), code: "K7".into() };
        assert_eq!(enrolment.meaning, expected);
        let receipt = Code::new(Symbology::QrCode, receipt_text("S1-T1-0-000001"));
        assert_eq!(receipt.meaning, Meaning::Receipt("S1-T1-0-000001".into()));
    }

    #[test]
    fn names_are_unique_and_round_trip() {
        for (symbology, name) in Symbology::ALL {
            assert_eq!(Symbology::from_name(name), Some(symbology));
        }
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(text in "\\PC{0,64}", which in 0usize..22) {
            let _ = Code::new(Symbology::ALL[which].0, text);
        }
    }
}
