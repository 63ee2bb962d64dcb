//! What codes do at checkout, on the floor, in a customer's hand: one line, one case.

use super::*;
use domain::code::{CodeKey, OwnCode, OwnKind, VariableMeasureTemplate};
use sync::seal::HmacSeal;

pub(super) fn body(body: &str) -> String {
    format!("{body}{}", check_digit(body).unwrap())
}

pub(super) const KEY: [u8; 32] = [9; 32];

fn own(kind: OwnKind, subject: &str, key: [u8; 32]) -> Intent {
    let text = OwnCode::text(kind, subject, &CodeKey(key), &HmacSeal).unwrap();
    Intent::Scanned(Code::new(Symbology::QrCode, text))
}

/// A shop with layouts, a key, and cheese under a number of its own scales.
pub(super) fn shop(directory: &Path) -> Shop {
    let mut shop = Shop::open(directory);
    let mut rows = rows(Feed::Catalogue);
    let cheese = json!({
        "id": Uuid::from_u128(104), "gtins": [format!("0{}", body("210004200000"))],
        "name": "Appenzeller", "unit": "g", "price_minor": 2450, "currency": "CHF",
        "tax_group": "food", "price_version": 1, "rank": 4,
    });
    rows.push(("article", Uuid::from_u128(104), cheese));
    let magazine = json!({
        "id": Uuid::from_u128(105), "gtins": ["09772049363002"],
        "name": "The Grocer", "unit": "piece", "price_minor": 650, "currency": "CHF",
        "tax_group": "food", "price_version": 1, "rank": 5,
    });
    rows.push(("article", Uuid::from_u128(105), magazine));
    // Tea in pieces and cases, water that is sold by the case alone, and juice in bottles and sixes.
    let six = body("1952000000108");
    for (number, name, gtins, packs) in [
        (106, "Tea", vec![format!("0{}", body("952000000106")), body("1952000000106")], json!([])),
        (107, "Water", vec![body("1952000000107")], json!([])),
        (
            108,
            "Juice",
            vec![format!("0{}", body("952000000108")), six.clone()],
            json!([{"gtin": six, "pieces": 6}]),
        ),
    ] {
        let row = json!({
            "id": Uuid::from_u128(number), "gtins": gtins, "packs": packs, "name": name,
            "unit": "piece", "price_minor": 500, "currency": "CHF", "tax_group": "food",
            "price_version": 1, "rank": number,
        });
        rows.push(("article", Uuid::from_u128(number), row));
    }
    load_rows(shop.terminal.store(), Feed::Catalogue, &rows);
    shop.terminal.handle(Input::Tick);
    let config = shop.terminal.config.as_mut().unwrap();
    let layout = |pattern| VariableMeasureTemplate::new(pattern, 2).unwrap();
    config.label_layouts = vec![layout("21IIIIIVPPPPC")];
    config.code_keys = vec![CodeKey(KEY)];
    shop
}

/// Reading guide: symbology, text, name and quantity and total of the line, what is said.
#[test]
fn labels_ring_with_their_weight_price_and_count() {
    use Symbology::*;
    let label = body("210004292875");
    let (milk, cheese) = (gtin(1), gtin(2));
    for (symbology, text, line, said) in [
        (Ean13, label, ("Appenzeller", "1", "28.75"), ""),
        (Gs1DataMatrix, format!("010{cheese}3103000356"), ("Gruyère", "0.356 kg", "9.58"), ""),
        (Gs1DataMatrix, format!("010{cheese}3922995"), ("Gruyère", "1", "9.95"), ""),
        (Gs1DataMatrix, format!("010{milk}306"), ("Milk", "6", "11.58"), ""),
        (QrCode, format!("https://x.example/01/0{milk}/10/A"), ("Milk", "1", "1.93"), ""),
        (Gs1DataMatrix, format!("010{milk}15261120"), ("Milk", "1", "1.93"), "best-before-over"),
        (Unspecified, format!("]d2010{milk}17261121"), ("Milk", "1", "1.93"), ""),
        (Ean13, "9772049363002".into(), ("The Grocer", "1", "6.50"), ""),
        (Ean13, "977204936300206".into(), ("The Grocer", "1", "6.50"), "issue-added"),
    ] {
        for role in [Role::Cashier, Role::Associate, Role::Customer] {
            let directory = tempfile::tempdir().unwrap();
            let mut shop = shop(directory.path());
            shop.pin("1234");
            shop.tap(Intent::SetRole(role));
            let screen = shop.tap(Intent::Scanned(Code::new(symbology, text.as_str())));
            let row = &screen.sell.lines[0];
            let found = (row.name.as_str(), row.quantity.as_str(), row.total.as_str());
            assert_eq!((found, shop.said().as_str()), (line, said), "{text} {role:?}");
        }
    }
}

/// Reading guide: symbology, text, what is said, with which words.
#[test]
fn what_does_not_ring_is_said_and_changes_nothing() {
    use Symbology::*;
    let directory = tempfile::tempdir().unwrap();
    let mut shop = shop(directory.path());
    shop.pin("1234");
    let (milk, cheese) = (gtin(1), gtin(2));
    for (symbology, text, said, words) in [
        (Gs1DataMatrix, format!("010{milk}17261120"), "expired", vec!["20 Nov 2026"]),
        (Gs1DataMatrix, format!("010{milk}17261332"), "gs1-date", vec!["17", "21"]),
        (Gs1DataMatrix, "0109520000000012".into(), "gs1-check", vec!["01", "16"]),
        (Gs1DataMatrix, format!("010{milk}9A"), "gs1-structure", vec!["", "17"]),
        (Gs1DataMatrix, format!("010{cheese}306"), "label-unit", vec![]),
        (Gs1DataMatrix, format!("010{cheese}3202000125"), "label-inexact", vec![]),
        (Gs1DataMatrix, format!("010{milk}3932978100"), "article-currency", vec![]),
        (Ean13, body("210004200000"), "label-empty", vec![]),
        (Ean13, body("270004212345"), "label-unknown", vec!["2700042123458"]),
        (Itf14, body("1952000000001"), "case-unknown", vec!["19520000000018"]),
        (QrCode, "https://win.example/holiday".into(), "code-advertisement", vec![]),
        (UpcA, body("51234567850"), "code-coupon", vec![]),
        (Ean13, body("980123456789"), "code-refund", vec![]),
        (Gs1128, format!("00{}", body("19521234567890123")), "code-logistic", vec!["00"]),
        (QrCode, "284712345678901234".into(), "code-payment", vec![]),
        (QrCode, "XR9:R:1:ABC".into(), "own-code-newer", vec![]),
        (QrCode, "XR1:E:https://c.example|K7".into(), "enrol-elsewhere", vec![]),
        (Code128, "12345".into(), "unknown-code", vec!["12345"]),
    ] {
        let screen = shop.tap(Intent::Scanned(Code::new(symbology, text.as_str())));
        let message = screen.message.unwrap();
        assert_eq!(message.code, said, "{text}");
        if said != "label-unknown" && said != "case-unknown" {
            assert_eq!(message.arguments, words, "{text}");
        }
        assert!(screen.sell.lines.is_empty(), "{text}");
        let outcome = screen.sell.outcome;
        assert!(matches!(outcome, ScanOutcome::Unknown | ScanOutcome::Refused), "{text}");
        assert!(!serde_json::to_string(&shop.screen()).unwrap().contains("284712345678901234"));
    }
    shop.tap(Intent::SetRole(Role::Customer));
    let old = Code::new(Gs1DataMatrix, format!("010{milk}17261120"));
    shop.tap(Intent::Scanned(old));
    assert_eq!(shop.said(), "expired-customer");
}

/// The number of a pack rang from its bars; its dots, which carry the date, came a moment later.
#[test]
fn a_date_beside_a_number_that_rang_is_told() {
    use Symbology::{Ean13, Gs1DataMatrix};
    let directory = tempfile::tempdir().unwrap();
    let mut shop = shop(directory.path());
    shop.pin("1234");
    let milk = gtin(1);
    for (dates, role, said) in [
        ("17261120", Role::Cashier, "expired-same-pack"),
        ("15261120", Role::Cashier, "best-before-over"),
        ("17270120", Role::Cashier, ""),
        ("17261120", Role::Customer, "expired-same-pack-customer"),
    ] {
        shop.tap(Intent::SetRole(role));
        let rung = shop.tap(Intent::Scanned(Code::new(Ean13, milk.as_str())));
        shop.tap(Intent::DismissMessage);
        let beside = Code::new(Gs1DataMatrix, format!("010{milk}{dates}"));
        let screen = shop.tap(Intent::ScannedSamePack(beside));
        assert_eq!(screen.message.map_or(String::new(), |message| message.code), said, "{dates}");
        let quantities = |screen: &super::super::screen::SellScreen| {
            screen.lines.iter().map(|line| line.quantity.clone()).collect::<Vec<_>>()
        };
        assert_eq!(quantities(&screen.sell), quantities(&rung.sell), "it rings nothing: {dates}");
    }
}

/// Reading guide: symbology, text, pieces and price, what is said.
#[test]
fn a_case_rings_the_pieces_that_the_catalogue_names() {
    use Symbology::*;
    let (bottle, six) = (body("952000000108"), body("1952000000108"));
    for (symbology, text, pieces, total, said) in [
        (Ean13, bottle.clone(), "1", "5.00", ""),
        (Itf14, six.clone(), "6", "30.00", "case-added"),
        (Gs1128, format!("01{six}10A"), "6", "30.00", "case-added"),
        (Typed, six.clone(), "6", "30.00", "case-added"),
        // What a case weighs does not say how many there are, and what it costs not what a piece does.
        (Gs1128, format!("01{six}3103009000"), "6", "30.00", "case-added"),
        // A label that says how many knows better than the catalogue.
        (Gs1128, format!("01{six}3012"), "12", "60.00", ""),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut shop = shop(directory.path());
        shop.pin("1234");
        let screen = match symbology {
            Typed => shop.tap(Intent::Typed(text.clone())),
            _ => shop.tap(Intent::Scanned(Code::new(symbology, text.as_str()))),
        };
        let row = screen.sell.lines.first().unwrap();
        let shown = (row.quantity.as_str(), plain(&row.total));
        assert_eq!((shown, shop.said().as_str()), ((pieces, total.into()), said), "{text}");
        if said == "case-added" {
            assert_eq!(row.code, bottle, "the line is of bottles: {text}");
            assert_eq!(screen.message.unwrap().arguments, ["Juice", "6"], "{text}");
        }
    }
    // A case beside a bottle of the same is one line.
    let directory = tempfile::tempdir().unwrap();
    let mut shop = shop(directory.path());
    shop.pin("1234");
    shop.tap(Intent::Scanned(Code::new(Ean13, bottle.as_str())));
    let screen = shop.tap(Intent::Scanned(Code::new(Itf14, six.as_str())));
    assert_eq!(screen.sell.lines.len(), 1);
    assert_eq!(screen.sell.lines[0].quantity, "7");
}

/// Reading guide: symbology, text, line (name and quantity), what is said.
#[test]
fn a_case_is_not_rung_as_a_piece() {
    use Symbology::*;
    let (piece, case, water) = (body("952000000106"), body("1952000000106"), body("1952000000107"));
    for (symbology, text, line, said) in [
        (Ean13, piece.clone(), Some(("Tea", "1")), ""),
        (Itf14, case.clone(), None, "case-of-pieces"),
        (Gs1128, format!("01{case}10A"), None, "case-of-pieces"),
        (QrCode, format!("https://x.example/01/{case}"), None, "case-of-pieces"),
        (Typed, case.clone(), None, "case-of-pieces"),
        // A label that says how many leaves nothing to guess.
        (Gs1128, format!("01{case}3012"), Some(("Tea", "12")), ""),
        (Itf14, water.clone(), Some(("Water", "1")), ""),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut shop = shop(directory.path());
        shop.pin("1234");
        let screen = match symbology {
            Typed => shop.tap(Intent::Typed(text.clone())),
            _ => shop.tap(Intent::Scanned(Code::new(symbology, text.as_str()))),
        };
        let row = screen.sell.lines.first();
        let found = row.map(|row| (row.name.as_str(), row.quantity.as_str()));
        assert_eq!((found, shop.said().as_str()), (line, said), "{text}");
        if line.is_none() {
            assert_eq!(screen.sell.outcome, ScanOutcome::Refused, "{text}");
            assert_eq!(screen.message.unwrap().arguments, ["Tea"], "{text}");
        }
    }
}

/// Every scan has an answer, also where nothing can be sold.
#[test]
fn no_scan_is_dropped_in_silence() {
    let directory = tempfile::tempdir().unwrap();
    let enrolment = "XR1:E:https://c.example|K7";
    // One line, one case: what is scanned, what is said.
    let answers = |shop: &mut Shop, cases: &[(&str, &str)]| {
        for (text, said) in cases {
            shop.tap(Intent::DismissMessage);
            let view = shop.screen().view;
            let screen = shop.tap(Intent::Scanned(Code::new(Symbology::Unspecified, *text)));
            assert_eq!((shop.said().as_str(), screen.view), (*said, view), "{text:?}");
            let is_error = screen.message.is_some_and(|m| m.severity == Severity::Error);
            assert!(is_error && screen.sell.lines.is_empty(), "{text:?}");
        }
    };
    let mut new = Shop::start(directory.path(), 1 << 64);
    let junk = "no-enrolment-code";
    let milk = gtin(1);
    answers(
        &mut new,
        &[("XR1:E:junk", junk), (&milk, junk), ("", junk), ("XR2:B:101:ABCDEFGHIJKLMNOP", junk)],
    );
    new.tap(Intent::Scanned(Code::new(Symbology::QrCode, enrolment)));
    assert!(new.screen().enrol.is_busy && new.said().is_empty());
    answers(&mut new, &[(enrolment, "enrol-busy"), (&milk, junk)]);
    drop(new);
    let mut shop = shop(directory.path());
    let signed_out = "scan-before-sign-in";
    answers(
        &mut shop,
        &[(&milk, signed_out), ("XR1:R:S001-T01-0-000001", signed_out), (enrolment, signed_out)],
    );
    shop.tap(Intent::Typed(milk.clone()));
    assert_eq!(shop.said(), signed_out);
    shop.pin("1234");
    shop.tap(Intent::SetRole(Role::Customer));
    shop.tap(Intent::SetRole(Role::Cashier));
    assert_eq!(shop.screen().view, View::SignIn);
    answers(&mut shop, &[(&milk, "scan-before-pin"), ("junk", "scan-before-pin")]);
    // The basket is where it was.
    shop.tap(Intent::Back);
    assert_eq!(shop.scan(1).sell.lines.len(), 1);
}

/// One line, one case: what is typed, what is said.
#[test]
fn a_digit_mistyped_is_told_from_an_unknown_number() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = shop(directory.path());
    shop.pin("1234");
    let known = gtin(1);
    for (typed, said) in [
        ("9520000000012", "digit-wrong"),
        (" 9520000000012 ", "digit-wrong"),
        ("952000000001", "digit-wrong"),
        ("95050004", "digit-wrong"),
        ("19520000000012", "digit-wrong"),
        // A right number that nobody sells, and numbers of other lengths.
        ("4006381333931", "unknown-code"),
        ("952000000", "unknown-code"),
        ("0000000000000", "unknown-code"),
        // Under the bars of a UPC-E: its check digit is that of the long number.
        ("01234505", "unknown-code"),
        ("95200000000X2", "unknown-code"),
        (known.as_str(), ""),
    ] {
        let screen = shop.tap(Intent::Typed(typed.to_owned()));
        assert_eq!(shop.said(), said, "{typed}");
        if said == "digit-wrong" {
            assert_eq!(screen.message.unwrap().arguments, [typed.trim()], "{typed}");
            assert_eq!(screen.sell.outcome, ScanOutcome::Unknown, "{typed}");
        }
    }
    // A scanner does not mistype: there, such digits are some other code.
    shop.tap(Intent::Scanned(Code::new(Symbology::Code128, "9520000000012")));
    assert_eq!(shop.said(), "unknown-code");
    // Whose number somebody has, right or wrong, is found.
    shop.tap(Intent::Typed("2952000000000".into()));
    assert_eq!(
        (shop.said().as_str(), shop.screen().sell.customer.as_str()),
        ("customer-attached", "Marie Blanc")
    );
}

/// One line, one case: what the code says, what is said, with which words.
#[test]
fn what_cannot_be_seen_does_not_reach_the_screen() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = shop(directory.path());
    shop.pin("1234");
    for (text, said, words) in [
        ("abc\u{202e}321\u{202c}", "unknown-code", vec!["abc321"]),
        ("\u{feff}95\u{200b}2\u{ad}", "unknown-code", vec!["952"]),
        ("XR1:R:S1\u{202e}\u{2066}7", "receipt-elsewhere", vec!["S17"]),
        ("\u{202e}\u{200b}", "code-empty", vec![]),
        (" \u{2060} ", "code-empty", vec![]),
        ("\u{1d}", "code-empty", vec![]),
        ("", "code-empty", vec![]),
    ] {
        for intent in
            [Intent::Scanned(Code::new(Symbology::QrCode, text)), Intent::Typed(text.to_owned())]
        {
            let screen = shop.tap(intent);
            let message = screen.message.clone().unwrap();
            assert_eq!(
                (message.code.as_str(), message.arguments),
                (said, words.clone().iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()),
                "{text:?}"
            );
            assert!(screen.sell.lines.is_empty(), "{text:?}");
            let hidden = ['\u{202e}', '\u{202c}', '\u{200b}', '\u{2066}', '\u{ad}', '\u{feff}'];
            assert!(!serde_json::to_string(&screen).unwrap().contains(hidden), "{text:?}");
        }
    }
}

#[test]
fn a_badge_chooses_the_person_and_the_pin_signs_in() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = shop(directory.path());
    // A forged badge, one of nobody, one of the first version: none is taken.
    shop.tap(own(OwnKind::Badge, "102", [8; 32]));
    assert_eq!(shop.said(), "badge-refused");
    shop.tap(own(OwnKind::Badge, "999", KEY));
    assert_eq!(shop.said(), "unknown-staff");
    let screen = shop.tap(own(OwnKind::Badge, "102", KEY));
    assert_eq!(shop.said(), "badge-pin");
    assert_eq!(screen.sign_in.staff.iter().find(|chip| chip.is_chosen).unwrap().number, "102");
    assert_eq!(screen.view, View::SignIn, "a badge alone opens nothing");
    shop.pin("2345");
    assert_eq!((shop.screen().view, shop.screen().role), (View::Sell, Role::Associate));
    shop.tap(own(OwnKind::Badge, "101", KEY));
    assert_eq!(shop.said(), "badge-signed-in");
    // In a customer's hand it asks for the PIN that takes the terminal back.
    shop.tap(Intent::SetRole(Role::Customer));
    let screen = shop.tap(own(OwnKind::Badge, "101", KEY));
    assert!(screen.sign_in.is_leaving_customer_role && screen.view == View::SignIn);
    shop.pin("1234");
    assert_eq!(shop.screen().role, Role::Cashier);
    // Without a key nothing proves a badge.
    shop.tap(Intent::SignOut);
    shop.terminal.config.as_mut().unwrap().code_keys.clear();
    shop.tap(own(OwnKind::Badge, "101", KEY));
    assert_eq!(shop.said(), "badge-refused");
}

#[test]
fn receipts_and_baskets_are_opened_by_their_codes() {
    let directory = tempfile::tempdir().unwrap();
    let mut shop = shop(directory.path());
    shop.pin("1234");
    shop.scan(1);
    shop.tap(Intent::Pay);
    let receipt = shop.tap(Intent::CashQuick(0)).receipt;
    assert!(receipt.code_text.starts_with("XR2:R:S001-T01-0-000001:"), "{}", receipt.code_text);
    shop.tap(Intent::NewSale);
    for text in [receipt.code_text.as_str(), "XR1:R:S001-T01-0-000001"] {
        let screen = shop.tap(Intent::Scanned(Code::new(Symbology::QrCode, text)));
        assert_eq!(
            (screen.view, screen.receipt.number.as_str()),
            (View::Receipt, receipt.number.as_str())
        );
        shop.tap(Intent::NewSale);
    }
    shop.tap(own(OwnKind::Receipt, "S001-T01-0-000001", [8; 32]));
    assert_eq!((shop.screen().view, shop.said().as_str()), (View::Sell, "own-code-forged"));
    shop.tap(own(OwnKind::Receipt, "S009-T01-0-000001", KEY));
    assert_eq!(shop.said(), "receipt-elsewhere");
    shop.scan(2);
    let id = shop.terminal.sell.basket.as_ref().unwrap().id;
    shop.tap(Intent::Park);
    let basket = id.uuid().simple().to_string().to_uppercase();
    shop.tap(Intent::SetRole(Role::Customer));
    shop.tap(own(OwnKind::Basket, &basket, KEY));
    assert_eq!(shop.said(), "own-code-staff");
    shop.tap(own(OwnKind::Badge, "101", KEY));
    shop.pin("1234");
    let screen = shop.tap(own(OwnKind::Basket, &basket, KEY));
    assert_eq!(shop.said(), "basket-resumed");
    assert_eq!(screen.sell.lines[0].name, "Gruyère");
    shop.tap(own(OwnKind::Basket, &basket, KEY));
    assert_eq!(shop.said(), "basket-elsewhere");
}
