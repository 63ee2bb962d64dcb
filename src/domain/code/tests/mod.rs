//! Whole codes: what each class of them means, by tables and by properties.

// A test that was skipped must say so.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod dictionary;
mod elements;
mod faults;
mod links;
mod lints;
mod rings;
mod round_trip;
mod values;

use super::*;
use proptest::prelude::*;
use std::path::PathBuf;

/// A file of the corpora beside the project; `None`, and a message, if it is not there.
fn corpus(path: &str) -> Option<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let text = std::fs::read_to_string(root.join(path)).ok();
    if text.is_none() {
        println!("SKIPPED: the corpora are not beside the project, {path} was not read");
    }
    text
}

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
        (DataBarLimited, "(01)09521234543213", "gtin", Some("09521234543213")),
        (Ean13, "2112345678900", "restricted", Some("02112345678900")),
        (UpcA, "512345678504", "coupon", Some("00512345678504")),
        (Ean13, "9912345678909", "coupon", Some("09912345678909")),
        (Ean13, "9812345678902", "coupon", Some("09812345678902")),
        (Ean13, "978014300723451299", "gtin", Some("09780143007234")),
        (UpcA, "61414199999606", "gtin", Some("00614141999996")),
        (Ean13, "9780143007234512", "unknown", None),
        (Code128, "9521234543213", "unknown", None),
        (Code128, "0109521234543213", "unknown", None),
        (Gs1128, "0109521234543213", "gs1", Some("09521234543213")),
        (Gs1128, "8521234543213", "unknown", None),
        (Gs1DataMatrix, "010952123454321310ABC", "gs1", Some("09521234543213")),
        (Gs1DataMatrix, "]d2010952123454321310ABC", "gs1", Some("09521234543213")),
        (Gs1QrCode, "\u{1d}0109521234543213", "gs1", Some("09521234543213")),
        (DataBarExpanded, "(01)09521234543213(3103)001750", "gs1", Some("09521234543213")),
        (Gs1128, "00006141411234567890", "gs1", None),
        (DataMatrix, "0109521234543213", "unknown", None),
        (DataMatrix, "]d20109521234543213", "gs1", Some("09521234543213")),
        (QrCode, "(01)09521234543213(17)261231", "gs1", Some("09521234543213")),
        (QrCode, "(044) 123 45 67", "unknown", None),
        (QrCode, "(21)5551234", "unknown", None),
        (QrCode, "https://example.org/win", "unknown", None),
        (QrCode, "https://example.org/01/09521234543213", "gs1", Some("09521234543213")),
        (QrCode, "HTTPS://EXAMPLE.ORG/01/09521234543213", "gs1", Some("09521234543213")),
        (DataMatrix, "http://a.b/gtin/9521234543213?x=1", "gs1", Some("09521234543213")),
        (QrCode, "https://example.org/01/09521234543210", "unknown", None),
        (QrCode, "https://example.org/8003/09521234543213A1", "gs1", None),
        (Gs1QrCode, "https://example.org/01/09521234543213", "unknown", None),
        (QrCode, "XR1:E:http://127.0.0.1:8080|ABCD-EFGH", "enrolment", None),
        (QrCode, "XR1:E:javascript|ABCD", "unknown", None),
        (QrCode, "XR1:R:S001-T01-0-000007", "receipt", None),
        (Typed, "9521234543213", "gtin", Some("09521234543213")),
        (Typed, "(01)09521234543213(10)ABC", "gs1", Some("09521234543213")),
        (Typed, "müsli", "unknown", None),
        (Unspecified, "]C1010952123454321310A", "gs1", Some("09521234543213")),
        (Unspecified, "010952123454321310A", "gs1", Some("09521234543213")),
        (Unspecified, "010952123454321010A", "unknown", None),
        (Unspecified, "10A\u{1d}0109521234543213", "gs1", Some("09521234543213")),
        (Unspecified, "https://a.b/01/09521234543213", "gs1", Some("09521234543213")),
    ] {
        let code = Code::new(symbology, text);
        assert_eq!(code.meaning.kind(), kind, "{} {text}", symbology.name());
        let found = code.gtin().map(Gtin::to_gtin14);
        assert_eq!(found.as_deref(), gtin, "{} {text}", symbology.name());
    }
}

/// A fault is told where a GS1 code was promised, and nowhere else.
#[test]
fn codes_that_claim_nothing_have_no_fault() {
    use Symbology::*;
    for (symbology, text, has_fault) in [
        (Gs1DataMatrix, "0109521234543210", true),
        (Gs1DataMatrix, "", true),
        (Gs1128, "no GS1 at all", true),
        (Gs1DataMatrix, "010952123454321317261231", false),
        (Gs1DataMatrix, "10ABC", true),
        (QrCode, "https://example.org/win", false),
        (QrCode, "https://example.org", false),
        (QrCode, "https://example.org/01/09521234543210", true),
        (QrCode, "https://example.org/01/09521234543213/info", true),
        (QrCode, "https://user@example.org/01/09521234543213", false),
        (QrCode, "WIFI:S:shop;;", false),
        (Ean13, "9521234543210", false),
        (Unspecified, "010952123454321010A", false),
        (Typed, "01095212345432", false),
    ] {
        let code = Code::new(symbology, text);
        assert_eq!(code.fault.is_some(), has_fault, "{text}: {:?}", code.fault);
    }
}

#[test]
fn own_codes_round_trip() {
    let enrolment = Code::new(Symbology::QrCode, enrolment_text("https://c.example", "K7"));
    let expected = Meaning::Enrolment { central: "https://c.example".into(), code: "K7".into() };
    assert_eq!(enrolment.meaning, expected);
    let receipt = Code::new(Symbology::QrCode, receipt_text("S1-T1-0-000001"));
    let Meaning::Own(own) = receipt.meaning else { panic!("one of ours") };
    assert_eq!((own.kind, own.subject.as_str()), (OwnKind::Receipt, "S1-T1-0-000001"));
}

#[test]
fn more_than_any_symbol_holds_is_not_looked_at() {
    let long = format!("0109521234543213{}", "90A\u{1d}".repeat(3000));
    assert_eq!(Code::new(Symbology::Gs1DataMatrix, long).meaning, Meaning::Unknown);
}

/// Text that is nearly right, which is what breaks readers.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,12}",
        "[0-9]{0,20}",
        Just("0109521234543213".to_owned()),
        Just("(01)09521234543213".to_owned()),
        Just("\u{1d}".to_owned()),
        Just("/01/09521234543213".to_owned()),
        Just("https://a.b/".to_owned()),
        Just("8110".to_owned()),
        Just("?17=".to_owned()),
        Just("%".to_owned()),
        Just("\\(".to_owned()),
        Just("]d2".to_owned()),
        Just("é".to_owned()),
        "[A-Za-z0-9_-]{0,60}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn hostile_text_never_panics(text in hostile(), which in 0usize..22) {
        let code = Code::new(Symbology::ALL[which].0, text.as_str());
        // A position is one that a person can count to.
        if let Some(fault) = &code.fault {
            prop_assert!((1..=text.chars().count() + 1).contains(&fault.position), "{fault}");
            prop_assert!(!fault.to_string().is_empty());
        }
        if let Meaning::Gs1(elements) = &code.meaning {
            for element in elements.elements() {
                let _ = element.meaning(2026);
            }
            let _ = (elements.quantity(), elements.item_price(), elements.expiry(2026));
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for (symbology, _) in Symbology::ALL {
            let _ = Code::new(symbology, text.as_str());
        }
        let _ = (ElementString::parse(&text), ElementString::parse_link(&text));
        for lint in table().iter().flat_map(|entry| &entry.components).flat_map(|part| &part.lints)
        {
            if let Err(error) = lint.check(&text) {
                prop_assert!(error.offset <= text.len());
            }
        }
    }
}

/// One line, one case: symbology, text, what is beside the number, which issue that says.
#[test]
fn add_ons_have_a_place_of_their_own() {
    use Symbology::*;
    for (symbology, text, main, add_on, issue) in [
        (Ean13, "977204936300206", "9772049363002", Some("06"), Some("06")),
        (Ean13, "977204936300200", "9772049363002", Some("00"), Some("00")),
        (Ean13, "977204936300200020", "9772049363002", Some("00020"), None),
        (Ean13, "9780143007234 51299", "9780143007234", Some("51299"), None),
        (Ean13, "978014300723406", "9780143007234", Some("06"), None),
        (UpcA, "61414199999606", "614141999996", Some("06"), Some("06")),
        (Ean13, "061414199999606", "0614141999996", Some("06"), Some("06")),
        (UpcA, "61414199999600", "614141999996", Some("00"), None),
        (UpcA, "00614141999996", "00614141999996", None, None),
        (Ean13, "9772049363002", "9772049363002", None, None),
        (Typed, "977204936300206", "977204936300206", None, None),
    ] {
        let code = Code::new(symbology, text);
        let digits = code.add_on.map(|add_on| add_on.to_string());
        assert_eq!((code.text.as_str(), digits.as_deref()), (main, add_on), "{text}");
        assert_eq!(code.issue().as_deref(), issue, "{text}");
        let seen = Code::new(symbology, main).beside(code.add_on);
        assert_eq!(seen, code, "a reader that sees both by themselves: {text}");
    }
}
