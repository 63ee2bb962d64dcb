//! The checks of content: every vector that GS1 accepts, and our own that must be refused.

use super::*;

#[test]
fn every_accepting_vector_is_accepted() {
    let Some(vectors) = corpus("gs1/linters_accept.jsonl") else { return };
    let mut count = 0;
    for line in vectors.lines() {
        let vector: serde_json::Value = serde_json::from_str(line).unwrap();
        let (name, data) = (vector["linter"].as_str().unwrap(), vector["data"].as_str().unwrap());
        let lint = Lint::from_name(name).unwrap_or_else(|| panic!("no check is called {name}"));
        assert_eq!(lint.check(data), Ok(()), "{name} {data:?}");
        count += 1;
    }
    assert!(count >= 2013, "{count} vectors");
}

/// One line, one case: check, text, offset of the first wrong character, fault.
#[test]
fn what_is_wrong_is_refused() {
    use LintFault as Fault;
    for (name, text, offset, fault) in [
        ("cset39", "ABCa", 3, Fault::NotInSet(39)),
        ("cset39", "A B", 1, Fault::NotInSet(39)),
        ("cset64", "AB+C", 2, Fault::NotInSet(64)),
        ("cset64", "123=", 3, Fault::Padding),
        ("cset64", "===", 0, Fault::Padding),
        ("cset82", "AB C", 2, Fault::NotInSet(82)),
        ("cset82", "#", 0, Fault::NotInSet(82)),
        ("cset82", "Äpfel", 0, Fault::NotInSet(82)),
        ("csetnumeric", "12A", 2, Fault::NotADigit),
        ("csum", "09521234543210", 13, Fault::CheckDigit(3)),
        ("csum", "", 0, Fault::TooShort),
        ("csum", "0952123454321X", 13, Fault::NotADigit),
        ("csumalpha", "1987654Ad4X4bL5ttr2310cXK", 23, Fault::CheckPair),
        ("csumalpha", "1987654Ad4X4bL5ttr2310c2I", 24, Fault::NotInSet(32)),
        ("csumalpha", "19876 4Ad4X4bL5ttr2310c2K", 5, Fault::NotInSet(82)),
        ("csumalpha", "2", 0, Fault::TooShort),
        ("gcppos1", "12A4567", 2, Fault::CompanyPrefix),
        ("gcppos1", "123", 0, Fault::TooShort),
        ("gcppos2", "A12B4567", 3, Fault::CompanyPrefix),
        ("gcppos2", "1234", 0, Fault::TooShort),
        ("hasnondigit", "12345", 0, Fault::OnlyDigits),
        ("hasnondigit", "", 0, Fault::OnlyDigits),
        ("hh", "24", 0, Fault::Hour),
        ("hh", "1", 0, Fault::Length),
        ("hhmi", "2400", 0, Fault::Hour),
        ("hhmi", "2360", 2, Fault::Minute),
        ("hhmi", "9999", 0, Fault::Hour),
        ("hyphen", "-A", 1, Fault::Hyphen),
        ("iban", "BE71096123456760", 2, Fault::BankAccount),
        ("iban", "XX361234567890", 0, Fault::Country),
        ("iban", "BE71", 0, Fault::TooShort),
        ("iban", "LC14BOSLxx3456789012345678901230", 8, Fault::NotInSet(39)),
        ("importeridx", "", 0, Fault::ImporterIndex),
        ("importeridx", "AB", 0, Fault::ImporterIndex),
        ("importeridx", "+", 0, Fault::ImporterIndex),
        ("iso3166", "000", 0, Fault::Country),
        ("iso3166", "999", 0, Fault::Country),
        ("iso3166", "75", 0, Fault::Country),
        ("iso3166", "756 ", 0, Fault::Country),
        ("iso3166999", "998", 0, Fault::Country),
        ("iso3166alpha2", "ch", 0, Fault::Country),
        ("iso3166alpha2", "XX", 0, Fault::Country),
        ("iso4217", "000", 0, Fault::Currency),
        ("iso4217", "CHF", 0, Fault::Currency),
        ("iso5218", "3", 0, Fault::Sex),
        ("latitude", "1800000001", 0, Fault::Globe),
        ("latitude", "180000000", 0, Fault::Length),
        ("longitude", "3600000001", 0, Fault::Globe),
        ("mediatype", "00", 0, Fault::MediaType),
        ("mediatype", "11", 0, Fault::MediaType),
        ("mediatype", "79", 0, Fault::MediaType),
        ("mi", "60", 0, Fault::Minute),
        ("nonzero", "000", 0, Fault::AllZero),
        ("nonzero", "", 0, Fault::AllZero),
        ("nozeroprefix", "0", 0, Fault::LeadingZero),
        ("nozeroprefix", "012", 0, Fault::LeadingZero),
        ("packagetype", "XX", 0, Fault::PackageType),
        ("packagetype", "pa", 0, Fault::PackageType),
        ("pcenc", "A%2", 1, Fault::PercentCode),
        ("pcenc", "A%2G", 1, Fault::PercentCode),
        ("pcenc", "%", 0, Fault::PercentCode),
        ("pieceoftotal", "0001", 0, Fault::Piece),
        ("pieceoftotal", "0100", 0, Fault::Piece),
        ("pieceoftotal", "0302", 0, Fault::Piece),
        ("pieceoftotal", "123", 0, Fault::Length),
        ("pieceoftotal", "", 0, Fault::Length),
        ("posinseqslash", "2/1", 0, Fault::Sequence),
        ("posinseqslash", "0/1", 0, Fault::Sequence),
        ("posinseqslash", "01/2", 0, Fault::Sequence),
        ("posinseqslash", "1/", 0, Fault::Sequence),
        ("posinseqslash", "9/10/11", 0, Fault::Sequence),
        ("posinseqslash", "10/9", 0, Fault::Sequence),
        ("ss", "60", 0, Fault::Second),
        ("winding", "2", 0, Fault::Winding),
        ("yesno", "2", 0, Fault::YesNo),
        ("yymmd0", "261301", 2, Fault::Month),
        ("yymmd0", "260001", 2, Fault::Month),
        ("yymmd0", "260631", 4, Fault::Day),
        ("yymmd0", "260229", 4, Fault::Day),
        ("yymmd0", "26123", 0, Fault::Length),
        ("yymmdd", "260600", 4, Fault::Day),
        ("yymmdd", "2606A0", 4, Fault::NotADigit),
        ("yyyymmd0", "21000229", 6, Fault::Day),
        ("yyyymmdd", "20260600", 6, Fault::Day),
        ("yyyymmdd", "20261301", 4, Fault::Month),
        ("zero", "01", 1, Fault::NotZero),
        ("zero", "A", 0, Fault::NotADigit),
    ] {
        let error = LintError { offset, fault };
        assert_eq!(Lint::from_name(name).unwrap().check(text), Err(error), "{name} {text:?}");
    }
}

/// What every coupon has: company, offer, value, purchase.
const BASE: &str = "012345612345611110123";

/// One line, one case: digits, offset, fault. `+` stands for the base.
#[test]
fn broken_coupons_are_refused() {
    use CouponError::{EndsBeforeStart, Excess, Invalid, NotADigit, Truncated};
    use CouponField as Field;
    for (text, offset, error) in [
        ("", 0, Truncated(Field::Company)),
        ("a12345612345611110123", 0, NotADigit),
        ("71234567890123", 0, Invalid(Field::Company)),
        ("012345", 1, Truncated(Field::Company)),
        ("01234561234", 7, Truncated(Field::Offer)),
        ("01234561234560", 13, Invalid(Field::SaveValue)),
        ("012345612345621", 14, Truncated(Field::SaveValue)),
        ("0123456123456110", 15, Invalid(Field::Requirement)),
        ("012345612345611115123", 17, Invalid(Field::RequirementCode)),
        ("01234561234561111012", 18, Truncated(Field::Family)),
        ("+14", 22, Invalid(Field::Rules)),
        ("+1011012370123456", 29, Invalid(Field::Company)),
        ("+1", 22, Truncated(Field::Rules)),
        ("+21101238", 28, Invalid(Field::Company)),
        ("+326060", 22, Truncated(Field::Expiry)),
        ("+3260600", 22, Invalid(Field::Expiry)),
        ("+4", 22, Truncated(Field::Start)),
        ("+32601014260201", 21, EndsBeforeStart),
        ("+5012345", 23, Truncated(Field::Serial)),
        ("+60123456", 22, Invalid(Field::Retailer)),
        ("+68", 22, Invalid(Field::Retailer)),
        ("+9300", 22, Invalid(Field::SaveValueCode)),
        ("+9030", 23, Invalid(Field::AppliesTo)),
        ("+900", 24, Truncated(Field::StoreCoupon)),
        ("+90002", 25, Invalid(Field::DontMultiply)),
        ("+7", 21, Excess),
        ("+42602013260101", 28, Excess),
    ] {
        let text = text.replace('+', BASE);
        assert_eq!(Coupon::parse(&text), Err((offset, error)), "{text}");
    }
    for (text, offset, error) in [
        ("", 0, Truncated(Field::Format)),
        ("2", 0, Invalid(Field::Format)),
        ("07", 1, Invalid(Field::Company)),
        ("0012345", 2, Truncated(Field::Company)),
        ("0012345612345", 8, Truncated(Field::Offer)),
        ("00123456123456", 14, Truncated(Field::Serial)),
        ("0012345612345601234567", 21, Excess),
    ] {
        assert_eq!(PositiveOffer::parse(text), Err((offset, error)), "{text}");
    }
}

#[test]
fn coupons_are_read_field_by_field() {
    let text = [
        "11234567",
        "654321",
        "3150",
        "2110012",
        "12",
        "1513450987654",
        "21296789",
        "3261231",
        "4260101",
        "50123456",
        "617654321",
        "95101",
    ];
    let purchase = |requirement, requirement_code, family: &str, company: Option<&str>| Purchase {
        requirement,
        requirement_code,
        family: family.into(),
        company: company.map(str::to_owned),
    };
    let expected = Coupon {
        company: "1234567".into(),
        offer: "654321".into(),
        save_value: 150,
        first: purchase(11, 0, "012", None),
        rules: Some(2),
        second: Some(purchase(5, 1, "345", Some("987654"))),
        third: Some(purchase(2, 9, "678", None)),
        expiry: Some("261231".into()),
        start: Some("260101".into()),
        serial: Some("123456".into()),
        retailer: Some("7654321".into()),
        save_value_code: 5,
        applies_to: 1,
        store_coupon: 0,
        is_multiplied_never: true,
    };
    assert_eq!(Coupon::parse(&text.concat()), Ok(expected));
    let offer = PositiveOffer {
        format: 0,
        funder: "123456789012".into(),
        offer: "123456".into(),
        serial: "123456789012345".into(),
    };
    assert_eq!(PositiveOffer::parse("061234567890121234569123456789012345"), Ok(offer));
}
