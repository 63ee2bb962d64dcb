//! What codes ring: one line, one case.

use super::*;
use crate::code::value::Day;
use crate::{Currency, Money, Quantity, Unit};
use jiff::civil::{DateTime, date};

fn layouts() -> Vec<VariableMeasureTemplate> {
    [("21IIIIIVPPPPC", 2), ("28IIIIIWWWWWC", 3), ("24IIIIINNNNNC", 0), ("2IIIIIIC", 0)]
        .map(|(pattern, decimals)| VariableMeasureTemplate::new(pattern, decimals).unwrap())
        .into()
}

fn now() -> DateTime {
    date(2026, 11, 22).at(9, 30, 0, 0)
}

fn rung(symbology: Symbology, text: &str) -> Result<Rung, NotRung> {
    let layouts = layouts();
    let rules = RingRules { layouts: &layouts, currency: Currency::CHF, now: now() };
    ring(&Code::new(symbology, text), &rules)
}

fn ean(body: &str) -> String {
    format!("{body}{}", crate::gtin::check_digit(body).unwrap())
}

/// Reading guide: symbology, text, number looked up, quantity, price.
#[test]
fn articles_ring_with_what_their_label_says() {
    use Symbology::*;
    let grams = |amount| Some(Quantity::new(amount, Unit::Gram));
    let chf = |minor| Some(Money::new(minor, Currency::CHF));
    let (price, weight) = (ean("211234592875"), ean("280004201250"));
    let (count, plain) = (ean("241234500012"), ean("291234500012"));
    for (symbology, text, number, quantity, money) in [
        (Ean13, "9521234543213", "9521234543213", None, None),
        (UpcA, "614141999996", "0614141999996", None, None),
        (Itf14, "19521234543210", "19521234543210", None, None),
        (Ean13, "9780143007234 51299", "9780143007234", None, None),
        (Ean13, &price, &ean("211234500000"), None, chf(2875)),
        (Ean13, &weight, &ean("280004200000"), grams(1250), None),
        (Ean13, &count, &ean("241234500000"), Some(Quantity::pieces(12)), None),
        (Ean13, &plain, &plain, None, None),
        (Ean8, "21234569", "21234569", None, None),
        (Gs1DataMatrix, "0109521234543213310300125017261122", "9521234543213", grams(1250), None),
        (Gs1DataMatrix, "01095212345432133922995", "9521234543213", None, chf(995)),
        (
            DataBarExpanded,
            "019952123454321631030012503922995\u{1d}10A",
            "99521234543216",
            grams(1250),
            chf(995),
        ),
        (Gs1128, "0109521234543213392075617", "9521234543213", None, chf(7_561_700)),
        (Gs1DataMatrix, "0109521234543213393275629955", "9521234543213", None, chf(29_955)),
        (
            Gs1DataMatrix,
            "0109521234543213306\u{1d}10A",
            "9521234543213",
            Some(Quantity::pieces(6)),
            None,
        ),
        (
            QrCode,
            "https://shop.example/01/09521234543213/10/A?3103=000500",
            "9521234543213",
            grams(500),
            None,
        ),
        (QrCode, "https://shop.example/01/09521234543213?17=261122", "9521234543213", None, None),
        (Typed, "(01)09521234543213(3103)000500", "9521234543213", grams(500), None),
        // A hundredth of a pound is no whole gram, but the price is said too.
        (Gs1DataMatrix, "010952123454321332020001253922995", "9521234543213", None, chf(995)),
    ] {
        let found = rung(symbology, text);
        let Ok(found) = found else { panic!("{text}: {found:?}") };
        let numbers: Vec<String> = found.numbers.iter().map(|gtin| gtin.to_string()).collect();
        assert_eq!(numbers, [number.to_owned()], "{text}");
        assert_eq!((found.quantity, found.price), (quantity, money), "{text}");
    }
}

/// Reading guide: symbology, text, why it rings nothing.
#[test]
fn what_does_not_ring_says_why() {
    use Symbology::*;
    let day = |year, month, day| Day { date: date(year, month, day), is_month: false };
    let month = Day { date: date(2026, 10, 31), is_month: true };
    let (zero, upc_coupon) = (ean("280004200000"), ean("51234567850"));
    let (pallet, refund) = (format!("00{}", ean("19521234567890123")), ean("980123456789"));
    for (symbology, text, why) in [
        (Gs1DataMatrix, "010952123454321317261121", NotRung::Expired(day(2026, 11, 21))),
        (Gs1DataMatrix, "010952123454321317261000", NotRung::Expired(month)),
        (Gs1DataMatrix, "010952123454321370032611220929", NotRung::Expired(day(2026, 11, 22))),
        (Gs1DataMatrix, "01095212345432133932978100", NotRung::OtherCurrency),
        (Gs1DataMatrix, "01095212345432133923995", NotRung::Inexact),
        (Gs1DataMatrix, "01095212345432133202000125", NotRung::Inexact),
        (Gs1DataMatrix, "01095212345432133103000000", NotRung::Empty),
        (Ean13, &zero, NotRung::Empty),
        (Gs1128, &pallet, NotRung::NoArticle(Ai::SSCC)),
        (Gs1128, "02095212345432133724", NotRung::NoArticle(Ai::CONTENT)),
        (UpcA, &upc_coupon, NotRung::Coupon),
        (Gs1DataMatrix, "2559521234543213", NotRung::Coupon),
        (Ean13, &refund, NotRung::RefundReceipt),
        (QrCode, "https://win.example/holiday", NotRung::Advertisement),
        (QrCode, "284712345678901234", NotRung::PaymentCode),
        (Code128, "134712345678901234", NotRung::PaymentCode),
        (QrCode, "XR3:B:101:ABC", NotRung::NewerOwn),
        (QrCode, "XR1:R:S001-T01-0-000007", NotRung::Own),
        (QrCode, "a customer's card", NotRung::Unknown),
        (Code128, "12345", NotRung::Unknown),
    ] {
        assert_eq!(rung(symbology, text), Err(why), "{text}");
    }
    let Err(NotRung::Broken(fault)) = rung(Gs1DataMatrix, "010952123454321317261332") else {
        panic!("there is no month 13")
    };
    assert_eq!((fault.ai, fault.position), (Some(Ai::EXPIRY), 21));
}

#[test]
fn the_best_before_date_asks_and_the_last_day_of_use_refuses() {
    let over = rung(Symbology::Gs1DataMatrix, "010952123454321315261121").unwrap();
    assert_eq!(over.best_before.map(|day| day.date), Some(date(2026, 11, 21)));
    let today = rung(Symbology::Gs1DataMatrix, "010952123454321315261122").unwrap();
    assert_eq!(today.best_before, None);
    // The minute is still running.
    assert!(rung(Symbology::Gs1DataMatrix, "010952123454321370032611220930").is_ok());
}

proptest! {
    /// Whatever is scanned, nothing rings for nothing, for no money, or in another currency.
    #[test]
    fn what_rings_can_be_sold(text in hostile(), choice in 0usize..20) {
        let symbology = Symbology::ALL[choice].0;
        if let Ok(found) = rung(symbology, &text) {
            prop_assert!(found.quantity.is_none_or(|quantity| quantity.amount > 0));
            prop_assert!(found.price.is_none_or(|price| price.minor() > 0));
            prop_assert!(found.price.is_none_or(|price| price.currency() == Currency::CHF));
            prop_assert!(!found.numbers.is_empty());
        }
    }
}
