//! Days, amounts, prices and counts in codes.

use super::*;
use crate::{Currency, Money, Quantity, Unit};
use jiff::civil::{date, datetime};

fn elements(text: &str) -> ElementString {
    ElementString::parse(text).unwrap()
}

/// One line, one case: this year, two digits, year meant. GS1 General Specifications, 7.12.
#[test]
fn the_century_is_near_today() {
    for (this_year, two_digits, year) in [
        (2026, 26, 2026),
        (2026, 0, 2000),
        (2026, 76, 2076),
        (2026, 77, 1977),
        (2026, 99, 1999),
        (2049, 0, 2000),
        (2050, 0, 2100),
        (2051, 1, 2101),
        (2051, 2, 2002),
        (2099, 49, 2149),
        (2099, 50, 2050),
        (1998, 48, 2048),
        (1998, 49, 1949),
    ] {
        assert_eq!(year_in_window(two_digits, this_year), year, "{two_digits} in {this_year}");
    }
}

/// One line, one case: digits, this year, day, whether it is the month only.
#[test]
fn days_are_read() {
    for (digits, this_year, day) in [
        ("261231", 2026, Some((date(2026, 12, 31), false))),
        ("260200", 2026, Some((date(2026, 2, 28), true))),
        ("280200", 2026, Some((date(2028, 2, 29), true))),
        ("261200", 2026, Some((date(2026, 12, 31), true))),
        ("000229", 2026, Some((date(2000, 2, 29), false))),
        ("000229", 2060, None),
        ("991231", 2026, Some((date(1999, 12, 31), false))),
        ("260230", 2026, None),
        ("261301", 2026, None),
        ("26123", 2026, None),
        ("26123x", 2026, None),
    ] {
        let expected = day.map(|(date, is_month)| Day { date, is_month });
        assert_eq!(Day::parse(digits, this_year), expected, "{digits} in {this_year}");
    }
}

#[test]
fn dates_of_a_pack_are_found() {
    let pack = elements("(01)09521234543213(15)261100(10)L1(21)S1");
    let november = Day { date: date(2026, 11, 30), is_month: true };
    assert_eq!(pack.best_before(2026), Some(november));
    assert_eq!((pack.expiry(2026), pack.lot(), pack.serial()), (None, Some("L1"), Some("S1")));
    let timed = elements("(01)09521234543213(7003)2612312359");
    assert_eq!(timed.expiry(2026).map(|day| day.date), Some(date(2026, 12, 31)));
    let moment = timed.elements()[1].meaning(2026);
    assert_eq!(moment, Value::Moment(datetime(2026, 12, 31, 23, 59, 0, 0)));
    let produced = elements("(01)09521234543213(8008)26010207");
    let moment = produced.elements()[1].meaning(2026);
    assert_eq!(moment, Value::Moment(datetime(2026, 1, 2, 7, 0, 0, 0)));
}

/// One line, one case: what the code says beside its GTIN, the quantity of the till.
#[test]
fn amounts_are_exact_or_nothing() {
    let gram = |amount| Some(Quantity::new(amount, Unit::Gram));
    let millilitre = |amount| Some(Quantity::new(amount, Unit::Millilitre));
    let millimetre = |amount| Some(Quantity::new(amount, Unit::Millimetre));
    for (text, quantity) in [
        ("(3103)001750", gram(1750)),
        ("(3102)000175", gram(1750)),
        ("(3100)000002", gram(2000)),
        ("(3100)999999", gram(999_999_000)),
        ("(3104)017505", None),
        ("(3105)175000", gram(1750)),
        ("(3103)000000", gram(0)),
        ("(3202)000100", None),
        ("(3200)100000", gram(45_359_237)),
        ("(3150)000002", millilitre(2000)),
        ("(3153)000330", millilitre(330)),
        ("(3163)000001", millilitre(1000)),
        ("(3610)000001", None),
        ("(3111)000015", millimetre(1500)),
        ("(3210)000010", millimetre(254)),
        ("(3211)000001", None),
        ("(3220)000005", millimetre(1524)),
        ("(30)12", Some(Quantity::pieces(12))),
        ("(30)00000012", Some(Quantity::pieces(12))),
        ("(3303)001750", None),
        ("(3311)000015", None),
        ("(3121)000015", None),
        ("(3103)001750(30)3", gram(1750)),
        ("(3103)001750(3150)000002", None),
        ("(3103)001750(3202)000386", None),
        ("(10)A", None),
    ] {
        let found = elements(&format!("(01)09521234543213{text}")).quantity();
        assert_eq!(found, quantity, "{text}");
    }
}

/// One line, one case: price, currency of the shop, minor units.
#[test]
fn prices_are_exact_or_nothing() {
    for (text, local, minor) in [
        ("(3922)995", "CHF", Some(995)),
        ("(3921)995", "CHF", Some(9950)),
        ("(3920)995", "CHF", Some(99_500)),
        ("(3923)9955", "CHF", None),
        ("(3923)9950", "CHF", Some(995)),
        ("(3923)9955", "KWD", Some(9955)),
        ("(3920)995", "JPY", Some(995)),
        ("(3922)995", "JPY", None),
        ("(3932)756995", "CHF", Some(995)),
        ("(3932)978995", "CHF", None),
        ("(3932)978995", "EUR", Some(995)),
        ("(3932)959995", "EUR", None),
        ("(3929)999999999999999", "CHF", None),
        ("(3920)999999999999999", "CHF", Some(99_999_999_999_999_900)),
        ("(3952)000995", "CHF", None),
    ] {
        let local: Currency = local.parse().unwrap();
        let pack = elements(&format!("(01)09521234543213(30)1{text}"));
        let found = pack.item_price().and_then(|price| price.to_money(local));
        assert_eq!(found, minor.map(|minor| Money::new(minor, local)), "{text} in {local}");
    }
}

/// One line, one case: element, what it means.
#[test]
fn elements_have_meanings() {
    let price = |kind, number, decimals, currency_number| {
        Value::Price(Price { kind, number, decimals, currency_number })
    };
    for (text, expected) in [
        ("(02)09521234543213", Value::Gtin(Gtin::parse("9521234543213").unwrap())),
        ("(00)006141411234567890", Value::Text("006141411234567890".into())),
        ("(37)10", Value::Count(10)),
        ("(3941)0125", Value::Percent { number: 125, decimals: 1 }),
        ("(8005)000199", price(PriceKind::PerUnit, 199, None, None)),
        ("(3953)001250", price(PriceKind::PerUnit, 1250, Some(3), None)),
        ("(3902)100", price(PriceKind::Amount, 100, Some(2), None)),
        ("(3912)756100", price(PriceKind::AmountInCurrency, 100, Some(2), Some(756))),
        ("(3932)756995", price(PriceKind::ItemInCurrency, 995, Some(2), Some(756))),
        (
            "(3372)000350",
            Value::Measure(Measure {
                dimension: Dimension::Density,
                unit: MeasureUnit::KilogramPerSquareMetre,
                number: 350,
                decimals: 2,
                is_logistic: false,
            }),
        ),
        ("(17)260200", Value::Day(Day { date: date(2026, 2, 28), is_month: true })),
        ("(414)9521234543213", Value::Text("9521234543213".into())),
        ("(255)9521234543213", Value::Text("9521234543213".into())),
    ] {
        assert_eq!(elements(text).elements()[0].meaning(2026), expected, "{text}");
    }
    let coupon = elements("(8110)012345612345611110123").elements()[0].meaning(2026);
    assert!(matches!(coupon, Value::Coupon(coupon) if coupon.save_value == 1));
    let offer = elements("(8112)001234561234560123456").elements()[0].meaning(2026);
    assert!(matches!(offer, Value::PositiveOffer(offer) if offer.serial == "123456"));
}

/// Every measure that the dictionary has is one that is understood.
#[test]
fn every_measure_of_the_table_is_known() {
    for ai in table().iter().flat_map(Entry::ais) {
        let is_measure = (3100..3700).contains(&ai.number()) && ai.digits() == 4;
        let value = is_measure.then(|| Element::new(ai, "000001").unwrap().meaning(2026));
        let is_known = value.as_ref().is_none_or(|value| matches!(value, Value::Measure(_)));
        assert!(is_known, "{ai}: {value:?}");
    }
}
