//! What is said of broken codes: which identifier, which character, what is wrong.

use super::*;

fn words(text: &str) -> String {
    let text = text.replace('|', "\u{1d}");
    match ElementString::parse(&text) {
        Ok(elements) => panic!("{text:?} was read as {}", elements.to_brackets()),
        Err(fault) => fault.to_string(),
    }
}

/// One line, one case: text (`|` for FNC1), what is said.
#[test]
fn faults_of_element_strings() {
    for (text, said) in [
        ("", "at character 1: there is nothing to read"),
        ("|", "at character 1: there is nothing to read"),
        ("]d2", "at character 1: there is nothing to read"),
        ("0109521234543210", "(01) at character 16: the check digit should be 3"),
        ("]C10109521234543210", "(01) at character 19: the check digit should be 3"),
        ("(01)09521234543210", "(01) at character 18: the check digit should be 3"),
        (
            "010952123454321",
            "(01) at character 16: the data ends too soon, 14 characters are wanted",
        ),
        ("0109521234543X13", "(01) at character 14: a digit is wanted here"),
        ("010952123454321317261301", "(17) at character 21: there is no such month"),
        ("010952123454321317260231", "(17) at character 23: the month has no such day"),
        ("010952123454321314261231", "at character 17: no Application Identifier stands here"),
        ("0109521234543213||10A", "at character 18: no Application Identifier stands here"),
        (
            "010952123454321310",
            "(10) at character 19: the data ends too soon, 1 characters are wanted",
        ),
        (
            "010952123454321310|17261231",
            "(10) at character 19: the data ends too soon, 1 characters are wanted",
        ),
        (
            "010952123454321310ABCDEFGHIJ1234567890X",
            "(10) at character 39: the data is longer than 20 characters",
        ),
        (
            "010952123454321310A B",
            "(10) at character 20: the character is not of GS1 character set 82",
        ),
        (
            "010952123454321310Ä",
            "(10) at character 19: the character is not of GS1 character set 82",
        ),
        ("0109521234543213422999", "(422) at character 20: no country of ISO 3166"),
        (
            "010952123454321342275610A",
            "(422) at character 23: the data is longer than 3 characters",
        ),
        ("0109521234543213393200019995", "(3932) at character 21: no currency of ISO 4217"),
        ("01095212345432133106001750", "at character 17: no Application Identifier stands here"),
        (
            "01095212345432130119521234543210",
            "(01) at character 17: it stands twice with different data",
        ),
        ("01095212345432133710", "(01) at character 1: it must not stand together with (37)"),
        (
            "(02)09521234543213(01)09521234543213",
            "(02) at character 2: it must not stand together with (01)",
        ),
        (
            "2559521234543213|0109521234543213",
            "(255) at character 1: it must not stand together with (01)",
        ),
        ("(01)09521234543213(10", "at character 19: a bracket is out of place"),
        ("(01)09521234543213(10)A(B)", "at character 24: a bracket is out of place"),
        ("(01)09521234543213(14)A", "(14) at character 20: no Application Identifier stands here"),
        (
            "(01)09521234543213(10)",
            "(10) at character 23: the data ends too soon, 1 characters are wanted",
        ),
        ("(1)09521234543213", "at character 1: a bracket is out of place"),
        (
            "01095212345432138110012345612345601110123",
            "(8110) at character 34: the save value of the coupon cannot be this",
        ),
        ("01095212345432137040A", "(7040) at character 21: a digit is wanted here"),
        ("https://a.b/01/09521234543213", "at character 1: no Application Identifier stands here"),
    ] {
        assert_eq!(words(text), said, "{text}");
    }
}

#[test]
fn two_measures_of_one_kind_contradict_each_other() {
    let said = words("01095212345432133103001750310200017517261231");
    assert_eq!(said, "(3103) at character 17: it must not stand together with (3102)");
}

/// One line, one case: address, what is said.
#[test]
fn faults_of_digital_links() {
    let no_key = "the address holds no GS1 key";
    for (text, said) in [
        ("https://a.b/01/09521234543210", "(01) at character 29: the check digit should be 3"),
        (
            "https://a.b/01/09521234543",
            "(01) at character 27: the data ends too soon, 14 characters are wanted",
        ),
        ("https://a.b/01/9521234543210", "(01) at character 28: the check digit should be 3"),
        (
            "https://a.b/01/09521234543213/21/A/10/B",
            "(10) at character 36: it is no qualifier of the key, or out of order",
        ),
        (
            "https://a.b/01/09521234543213/10/B/22/A",
            "(22) at character 36: it is no qualifier of the key, or out of order",
        ),
        (
            "https://a.b/01/09521234543213/10/B/10/B",
            "(10) at character 36: it is no qualifier of the key, or out of order",
        ),
        (
            "https://a.b/01/09521234543213/235/A/21/B",
            "(21) at character 37: it is no qualifier of the key, or out of order",
        ),
        (
            "https://a.b/01/09521234543213/17/261231",
            "(17) at character 31: it is no qualifier of the key, or out of order",
        ),
        (
            "https://a.b/01/09521234543213/info",
            "at character 31: it is no qualifier of the key, or out of order",
        ),
        (
            "https://a.b/01/09521234543213?10=A",
            "(10) at character 31: it must not stand in the query of the address",
        ),
        (
            "https://a.b/01/09521234543213?21=A",
            "(21) at character 31: it must not stand in the query of the address",
        ),
        (
            "https://a.b/01/09521234543213?99999=A",
            "at character 31: no Application Identifier stands here",
        ),
        (
            "https://a.b/01/09521234543213?14=A",
            "at character 31: no Application Identifier stands here",
        ),
        ("https://a.b/01/09521234543213?17=261301", "(17) at character 36: there is no such month"),
        (
            "https://a.b/01/09521234543213?17=",
            "(17) at character 34: the data ends too soon, 6 characters are wanted",
        ),
        (
            "https://a.b/01/09521234543213/10/A%2",
            "(10) at character 35: the percent-encoding is broken",
        ),
        (
            "https://a.b/01/09521234543213/10/A%00",
            "(10) at character 35: the percent-encoding is broken",
        ),
        (
            "https://a.b/01/09521234543213/10/A%C3%84",
            "(10) at character 35: the percent-encoding is broken",
        ),
        (
            "https://a.b/01/09521234543213/10/A%23B",
            "(10) at character 35: the character is not of GS1 character set 82",
        ),
        (
            "https://a.b/01/09521234543213?240=A+B",
            "(240) at character 36: the character is not of GS1 character set 82",
        ),
        (
            "https://a.b/01/09521234543213?01=19521234543210",
            "(01) at character 31: it stands twice with different data",
        ),
        (
            "https://a.b/01/09521234543213?37=5",
            "(01) at character 13: it must not stand together with (37)",
        ),
        ("https://a.b", no_key),
        ("https://a.b/", no_key),
        ("https://a.b/01", no_key),
        ("https://01/09521234543213", no_key),
        ("https://a.b/10/ABC", no_key),
        ("https://a.b/?01=09521234543213", no_key),
        ("https://a.b/win/big", no_key),
        ("https://a.b/#/01/09521234543213", no_key),
        ("ftp://a.b/01/09521234543213", "at character 1: the address is not well-formed"),
        ("https:///01/09521234543213", "at character 9: the address is not well-formed"),
        ("https://u@a.b/01/09521234543213", "at character 9: the address is not well-formed"),
        ("https://a b/01/09521234543213", "at character 10: the address is not well-formed"),
        ("https://ä.b/01/09521234543213", "at character 9: the address is not well-formed"),
    ] {
        let fault = ElementString::parse_link(text).map(|link| link.to_brackets()).unwrap_err();
        let found = fault.to_string();
        let is_said = if said == no_key { fault.fault == Gs1Fault::NoKey } else { found == said };
        assert!(is_said, "{text}\n found: {found}\nwanted: {said}");
    }
}
