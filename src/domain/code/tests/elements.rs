//! Element strings: what symbols carry, and what people read.

use super::*;

/// The elements of a text in brackets, which every form comes down to.
fn brackets(text: &str) -> Result<String, Gs1Error> {
    ElementString::parse(text).map(|elements| elements.to_brackets())
}

/// One line, one case: as a symbol carries it (`|` for FNC1), as people read it.
#[test]
fn symbols_are_read() {
    for (text, expected) in [
        ("0109521234543213", "(01)09521234543213"),
        ("]C10109521234543213", "(01)09521234543213"),
        ("]e00109521234543213", "(01)09521234543213"),
        ("]d20109521234543213", "(01)09521234543213"),
        ("]Q30109521234543213", "(01)09521234543213"),
        ("|0109521234543213", "(01)09521234543213"),
        ("]d2|0109521234543213", "(01)09521234543213"),
        ("0109521234543213|", "(01)09521234543213"),
        ("0109521234543213|10ABC", "(01)09521234543213(10)ABC"),
        ("010952123454321310ABC", "(01)09521234543213(10)ABC"),
        ("010952123454321310ABC|17261231", "(01)09521234543213(10)ABC(17)261231"),
        ("01095212345432131726123110ABC", "(01)09521234543213(17)261231(10)ABC"),
        ("010952123454321310ABC17261231", "(01)09521234543213(10)ABC17261231"),
        ("10ABC|0109521234543213", "(10)ABC(01)09521234543213"),
        ("01095212345432133103001750", "(01)09521234543213(3103)001750"),
        ("010952123454321330012|3922995", "(01)09521234543213(30)012(3922)995"),
        ("0109521234543213393275619995", "(01)09521234543213(3932)75619995"),
        ("01095212345432133953001250|15261200", "(01)09521234543213(3953)001250(15)261200"),
        ("010952123454321370032612312359", "(01)09521234543213(7003)2612312359"),
        ("01095212345432138005000199", "(01)09521234543213(8005)000199"),
        ("0109521234543213800826123112|21A", "(01)09521234543213(8008)26123112(21)A"),
        ("010952123454321380082612311230|21A", "(01)09521234543213(8008)2612311230(21)A"),
        ("01095212345432138008261231123045|21A", "(01)09521234543213(8008)261231123045(21)A"),
        ("00006141411234567890", "(00)006141411234567890"),
        ("0000614141123456789002095212345432133710", NEST),
        ("25595212345432131234|3900100", "(255)95212345432131234(3900)100"),
        ("2559521234543213", "(255)9521234543213"),
        ("8112001234561234560123456", "(8112)001234561234560123456"),
        ("8110012345612345611110123", "(8110)012345612345611110123"),
        ("0109521234543213422756|424276", "(01)09521234543213(422)756(424)276"),
        ("0109521234543213423756276040", "(01)09521234543213(423)756276040"),
        ("010952123454321390INTERNAL|91x", "(01)09521234543213(90)INTERNAL(91)x"),
        ("0109521234543213010952123454321310A", "(01)09521234543213(10)A"),
        ("010952123454321310A(B)", "(01)09521234543213(10)A\\(B)"),
        // The Data Matrix of figure 4.15.1-2 of the General Specifications.
        ("01095040000591012112345678p901|101234567p|171411208200http://www.gs1.org/", FIGURE),
    ] {
        let text = text.replace('|', "\u{1d}");
        assert_eq!(brackets(&text).as_deref(), Ok(expected), "{text:?}");
        assert_eq!(brackets(expected).as_deref(), Ok(expected));
    }
}

const FIGURE: &str =
    "(01)09504000059101(21)12345678p901(10)1234567p(17)141120(8200)http://www.gs1.org/";

/// A logistic unit, what is in it, and how many.
const NEST: &str = "(00)006141411234567890(02)09521234543213(37)10";

/// GTINs come only from AI 01; what is in a pallet is not what is sold.
#[test]
fn only_ai_01_is_sold() {
    for (text, gtin) in [
        ("(01)09521234543213", Some("09521234543213")),
        ("(10)A(01)19521234543210", Some("19521234543210")),
        (NEST, None),
        ("(03)09521234543213(10)A", None),
        ("(8006)095212345432130102", None),
        ("(255)9521234543213", None),
        ("(01)00000000000000", None),
    ] {
        let elements = ElementString::parse(text).unwrap();
        assert_eq!(elements.gtin().map(Gtin::to_gtin14).as_deref(), gtin, "{text}");
    }
}

const PRICED: &str = "(3922) 17 (01) with (30) or (01) with (31nn) or (01) with (32nn) or (01) \
                      with (35nn) or (01) with (36nn)";
const SECOND_SERIAL: &str = "(250) 17 (01) with (21) or (03) with (21) or (8006) with (21)";

/// One line, one case: text; identifier, position and what is missing beside it.
#[test]
fn missing_companions_are_told_and_forgiven() {
    for (text, missing) in [
        ("(01)09521234543213(10)A", None),
        ("(10)A", Some("(10) 1 (01) or (02) or (03) or (8006) or (8026)")),
        ("(01)09521234543213(3922)995", Some(PRICED)),
        ("(01)09521234543213(3922)995(3103)000500", None),
        ("(02)09521234543213", Some("(02) 1 (37)")),
        (NEST, None),
        ("(01)09521234543213(250)S2", Some(SECOND_SERIAL)),
        ("(01)09521234543213(21)S1(250)S2", None),
        ("(255)9521234543213(17)261231", None),
    ] {
        let elements = ElementString::parse(text).unwrap();
        let found = elements.missing_companion();
        let expected = missing.map(|words| {
            let (ai, rest) = words.split_once(' ').unwrap();
            let (position, needs) = rest.split_once(' ').unwrap();
            format!("{ai} at character {position}: it needs {needs} on the same item")
        });
        assert_eq!(found.map(|fault| fault.to_string()), expected, "{text}");
    }
    // On a scan the position is that in the text as read, brackets and prefix counted.
    let code = Code::new(Symbology::Gs1128, "]C1(01)09521234543213(250)S2");
    assert_eq!(code.fault.map(|fault| fault.position), Some(23));
    assert_eq!(code.meaning.kind(), "gs1");
}

#[test]
fn strings_are_made_of_checked_elements_only() {
    let element = |ai: &str, value: &str| Element::new(Ai::parse(ai).unwrap(), value);
    let gtin = element("01", "09521234543213").unwrap();
    let lot = element("10", "ABC").unwrap();
    let string = ElementString::new([lot.clone(), gtin.clone()]).unwrap();
    assert_eq!(string.to_symbol(), "10ABC\u{1d}0109521234543213");
    assert_eq!(string.elements(), [lot, gtin.clone()]);
    assert_eq!(string.value(Ai::LOT), Some("ABC"));
    let error = element("17", "261301").unwrap_err();
    assert_eq!((error.ai, error.position), (Some(Ai::EXPIRY), 3));
    assert_eq!(element("14", "1").unwrap_err().fault, Gs1Fault::UnknownAi);
    let other = element("01", "19521234543210").unwrap();
    let fault = ElementString::new([gtin.clone(), other]).unwrap_err().fault;
    assert_eq!(fault, Gs1Fault::Contradiction);
    let content = element("37", "12").unwrap();
    let fault = ElementString::new([gtin, content]).unwrap_err().fault;
    assert_eq!(fault, Gs1Fault::Excluded(Ai::COUNT));
    assert_eq!(ElementString::new([]).unwrap_err().fault, Gs1Fault::Empty);
}
