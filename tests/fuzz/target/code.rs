//! What scanners read: GTIN, GS1 element strings, Digital Links, coupons, own codes, and keys of a keyboard wedge.

use super::choice;
use domain::Currency;
use domain::code::{
    Code, Coupon, ElementString, Meaning, PositiveOffer, RetailCoupon, Symbology,
    VariableMeasureTemplate, interpret_restricted, is_web_address, issn, price_check_digit,
    split_add_on, strip_gs1_identifier,
};
use domain::gtin::{check_digit, expand_upc_e};
use scan::wedge::{Key, Outcome, Wedge, read};

/// Parts of codes.
pub const WORDS: &[&str] = &[
    "(01)",
    "01",
    "(10)",
    "(21)",
    "(8110)",
    "(3103)",
    "(17)",
    "\u{1d}",
    "]C1",
    "]d2",
    "]Q3",
    "https://id.gs1.org/01/",
    "https://example.com/01/09520123456788/10/ABC?17=261231",
    "https://",
    "%2F",
    "%",
    "?",
    "XR1:E:http://a|",
    "XR1:R:",
    "09520123456788",
    "9520123456788",
    "2001234012345",
    "977",
];

const SYMBOLOGIES: [&str; 23] = [
    "EAN-13",
    "EAN-8",
    "UPC-A",
    "UPC-E",
    "Code 128",
    "GS1-128",
    "Code 39",
    "Code 93",
    "Codabar",
    "ITF",
    "ITF-14",
    "GS1 DataBar",
    "GS1 DataBar Limited",
    "GS1 DataBar Expanded",
    "QR Code",
    "GS1 QR Code",
    "Data Matrix",
    "GS1 DataMatrix",
    "PDF417",
    "Aztec Code",
    "typed",
    "unspecified",
    "no such symbology",
];

/// The first byte chooses the symbology, the rest is the text.
pub fn run(bytes: &[u8]) {
    let Some((choice, rest)) = choice(bytes) else { return };
    let text = String::from_utf8_lossy(rest);
    let name = SYMBOLOGIES[choice % SYMBOLOGIES.len()];
    let symbology = Symbology::from_name(name).unwrap_or(Symbology::Unspecified);
    let code = Code::new(symbology, text.as_ref());
    // An add-on has a place of its own, and nothing but a mark may have stood between the two.
    let beside = code.add_on.map(|add_on| add_on.to_string());
    let rest = text.strip_prefix(&code.text).expect("the text begins with the number");
    assert!(rest.len() <= 8 && rest.ends_with(beside.as_deref().unwrap_or(rest)));
    assert_eq!(rest.is_empty(), beside.is_none());
    assert_eq!(Code::new(symbology, text.as_ref()), code);
    check(&code);
    check(&Code::typed(&text));
    parts(symbology, &text);
}

fn check(code: &Code) {
    if let Some(fault) = &code.fault {
        assert!(!fault.to_string().is_empty());
    }
    if let Some(gtin) = code.gtin() {
        let _ = (RetailCoupon::of(gtin), issn(gtin));
        restricted(gtin);
    }
    if let Meaning::Gs1(elements) = &code.meaning {
        known(elements);
    }
}

/// What is understood is written in both forms and understood as the same.
fn known(elements: &ElementString) {
    let (symbol, brackets) = (elements.to_symbol(), elements.to_brackets());
    let from_symbol = ElementString::parse(&symbol);
    assert_eq!(from_symbol.as_ref(), Ok(elements), "`{symbol:?}`");
    assert_eq!(ElementString::parse(&brackets).as_ref(), Ok(elements), "`{brackets}`");
    for element in elements.elements() {
        let _ = element.meaning(2026);
    }
    let _ = (elements.gtin(), elements.expiry(2026), elements.best_before(2026));
    let _ = (elements.lot(), elements.serial(), elements.missing_companion());
    let _ = elements.measures().map(domain::code::Measure::to_quantity).count();
    let money = elements.item_price().and_then(|price| price.to_money(Currency::CHF));
    let _ = (money, elements.quantity());
    if let Ok(link) = elements.to_link("https://example.com") {
        let read = ElementString::parse_link(&link);
        let sorted = |elements: &ElementString| {
            let mut pairs: Vec<(u16, String)> = elements
                .elements()
                .iter()
                .map(|element| (element.ai().number(), element.value().to_owned()))
                .collect();
            pairs.sort();
            pairs
        };
        // A link has an order of its own.
        assert_eq!(read.as_ref().map(sorted), Ok(sorted(elements)), "`{link}`");
    }
}

fn restricted(gtin: domain::gtin::Gtin) {
    for (pattern, decimals) in [("02IIIIIVPPPPC", 2), ("2IIIIIIPPPPPC", 3), ("20IIIIIWWWWWC", 3)] {
        if let Ok(template) = VariableMeasureTemplate::new(pattern, decimals) {
            let _ = template.read(gtin);
            let _ = interpret_restricted(gtin, &[template]);
        }
    }
}

fn parts(symbology: Symbology, text: &str) {
    let _ = (is_web_address(text), strip_gs1_identifier(text));
    let _ = split_add_on(symbology, text).map(|(_, add_on)| add_on.price());
    let _ = (expand_upc_e(text), check_digit(text), price_check_digit(text));
    let _ = (Coupon::parse(text).is_ok(), PositiveOffer::parse(text).is_ok());
    let _ = VariableMeasureTemplate::new(text, 2).map(|template| {
        domain::gtin::Gtin::from_number(2_001_234_012_342).map(|gtin| template.read(gtin))
    });
}

/// Keys of a keyboard wedge: a zero byte is Enter, 1 another key, 2 to 9 a pause; the rest are characters.
pub fn wedge(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = read(&text);
    let mut wedge = Wedge::default();
    let mut now_ms: u64 = 0;
    let mut since_enter = 0;
    for character in text.chars() {
        let key = match character {
            '\0' => Key::Enter,
            '\u{1}' => Key::Other,
            '\u{2}'..='\u{8}' => {
                now_ms = now_ms.wrapping_add(u64::MAX / (character as u64 * character as u64));
                continue;
            }
            character => Key::Character(character),
        };
        now_ms = now_ms.wrapping_add(3);
        since_enter += 1;
        if let Outcome::Scan { code, characters } = wedge.press(key, now_ms) {
            assert!(characters < since_enter && !code.text.is_empty());
            check(&code);
        }
        if key == Key::Enter {
            since_enter = 0;
        }
    }
}
