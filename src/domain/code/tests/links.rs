//! GS1 Digital Links, compressed or not.

use super::*;

fn brackets(text: &str) -> String {
    ElementString::parse_link(text)
        .map_or_else(|fault| fault.to_string(), |link| link.to_brackets())
}

/// One line, one case: address, elements.
#[test]
fn links_are_read() {
    for (text, expected) in [
        ("https://id.gs1.org/01/09521234543213", "(01)09521234543213"),
        ("http://id.gs1.org/01/09521234543213", "(01)09521234543213"),
        ("HTTPS://ID.GS1.ORG/01/09521234543213", "(01)09521234543213"),
        ("https://id.gs1.org/01/09521234543213/", "(01)09521234543213"),
        ("https://shop.example:8443/any/stem/01/09521234543213", "(01)09521234543213"),
        ("https://[2001:db8::1]/01/09521234543213", "(01)09521234543213"),
        ("https://a.b/00/faux/01/09521234543213", "(01)09521234543213"),
        ("https://a.b/01/09521234543213#top", "(01)09521234543213"),
        ("https://a.b/01/09521234543213?", "(01)09521234543213"),
        ("https://a.b/01/09521234543213?lang=de&utm=x", "(01)09521234543213"),
        ("https://a.b/01/09521234543213?flag", "(01)09521234543213"),
        ("https://a.b/01/9521234543213", "(01)09521234543213"),
        ("https://a.b/01/614141999996", "(01)00614141999996"),
        ("https://a.b/01/95050003", "(01)00000095050003"),
        ("https://a.b/gtin/9521234543213/lot/A/ser/B", "(01)09521234543213(10)A(21)B"),
        ("https://a.b/01/09521234543213?exp=261231", "(01)09521234543213(17)261231"),
        ("https://a.b/01/09521234543213/22/C/10/A/21/B", "(01)09521234543213(22)C(10)A(21)B"),
        ("https://a.b/01/09521234543213/22/C/21/B", "(01)09521234543213(22)C(21)B"),
        ("https://a.b/01/09521234543213/235/T", "(01)09521234543213(235)T"),
        ("https://a.b/01/09521234543213/10/A%2FB%2b", "(01)09521234543213(10)A/B+"),
        ("https://a.b/01/09521234543213/10/01", "(01)09521234543213(10)01"),
        (
            "https://a.b/01/09521234543213/10/A?17=261231&3103=000500&3922=995",
            "(01)09521234543213(10)A(17)261231(3103)000500(3922)995",
        ),
        (
            "https://a.b/01/09521234543213?17=261231;15=261101",
            "(01)09521234543213(17)261231(15)261101",
        ),
        ("https://a.b/01/09521234543213?&17=261231&", "(01)09521234543213(17)261231"),
        ("https://a.b/01/09521234543213?01=09521234543213", "(01)09521234543213"),
        ("https://a.b/01/09521234543213?240=A=B", "(01)09521234543213(240)A=B"),
        (
            "https://a.b/00/006141411234567890?02=09521234543213&37=10",
            "(00)006141411234567890(02)09521234543213(37)10",
        ),
        ("https://a.b/414/9521234543213/254/X1", "(414)9521234543213(254)X1"),
        ("https://a.b/255/9521234543213000001?3900=100", "(255)9521234543213000001(3900)100"),
        ("https://a.b/8006/095212345432130102/21/S", "(8006)095212345432130102(21)S"),
        ("https://a.b/8010/9521ABC%23-1/8011/7", "(8010)9521ABC#-1(8011)7"),
    ] {
        assert_eq!(brackets(text), expected, "{text}");
    }
}

/// Packs numbers of so many bits, as the standard writes them.
fn packed(fields: &[(u64, usize)]) -> String {
    let one = |(value, count): &(u64, usize)| format!("{value:0count$b}");
    let mut bits: String = fields.iter().map(one).collect();
    bits += &"0".repeat(bits.len().next_multiple_of(6) - bits.len());
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let sextets = bits.as_bytes().chunks(6).map(|six| std::str::from_utf8(six).unwrap());
    sextets.map(|six| char::from(alphabet[usize::from_str_radix(six, 2).unwrap()])).collect()
}

/// The worked example that GS1 published with its tools.
#[test]
fn the_published_example_is_unpacked() {
    let text = "http://example.org/AQnYUc1gmiERBhQ0ytiyZuAGOLc1TQ";
    assert_eq!(brackets(text), "(01)05412345000013(10)ABC&+123(7003)1903061658");
}

/// One line, one case: numbers with their bits, elements.
#[test]
fn compressed_links_are_unpacked() {
    const GTIN: (u64, usize) = (9_521_234_543_213, 47);
    for (fields, expected) in [
        (vec![(0x01, 8), GTIN], "(01)09521234543213"),
        (vec![(0x0D, 8), GTIN, (261_231, 20)], "(01)09521234543213(17)261231"),
        (vec![(0x2D, 8), GTIN, (1750, 20)], "(01)09521234543213(3103)001750"),
        (vec![(0x3F, 8), GTIN, (7, 20)], "(01)09521234543213(3205)000007"),
        (vec![(0xA2, 8), GTIN, (3, 4), (995, 10)], "(01)09521234543213(3922)995"),
        (vec![(0x0F, 8), GTIN, (2, 4), (7, 7)], "(01)09521234543213(30)07"),
        // Lots: digits with a zero in front, hexadecimal digits, base64, ASCII.
        (vec![(0x0B, 8), GTIN, (0, 3), (3, 5), (12, 10)], "(01)09521234543213(10)012"),
        (vec![(0x0B, 8), GTIN, (1, 3), (2, 5), (0xAF, 8)], "(01)09521234543213(10)af"),
        (vec![(0x0B, 8), GTIN, (2, 3), (2, 5), (0xAF, 8)], "(01)09521234543213(10)AF"),
        (vec![(0x0B, 8), GTIN, (3, 3), (2, 5), (62, 6), (63, 6)], "(01)09521234543213(10)-_"),
        (vec![(0x0B, 8), GTIN, (4, 3), (2, 5), (b'A'.into(), 7), (b'/'.into(), 7)], SLASH),
        (
            vec![
                (0x01, 8),
                GTIN,
                (0x21, 8),
                (0, 3),
                (1, 5),
                (5, 4),
                (0x70, 8),
                (0x03, 8),
                (2_612_312_359, 34),
            ],
            "(01)09521234543213(21)5(7003)2612312359",
        ),
        (vec![(0x00, 8), (6_141_411_234_567_890, 60)], "(00)006141411234567890"),
        (
            vec![(0xCA, 8), (9_521_234_543_213, 44), (0, 4), (0, 1), (25, 14)],
            "(255)9521234543213(3940)0025",
        ),
    ] {
        let text = format!("https://a.b/stem/{}", packed(&fields));
        assert_eq!(brackets(&text), expected, "{text}");
    }
}

const SLASH: &str = "(01)09521234543213(10)A/";

/// The key as it is, the rest packed.
#[test]
fn partly_compressed_links_are_unpacked() {
    let rest = packed(&[(0x17, 8), (261_231, 20), (0x10, 8), (0, 3), (2, 5), (12, 7)]);
    let text = format!("https://a.b/01/09521234543213/{rest}?15=261101");
    assert_eq!(brackets(&text), "(01)09521234543213(17)261231(10)12(15)261101");
    let wrong = packed(&[(0x25, 8), (4, 4), (0, 3), (2, 5), (12, 7)]);
    let fault = ElementString::parse_link(&format!("https://a.b/01/09521234543213/{wrong}"));
    assert_eq!(fault.unwrap_err().fault, Gs1Fault::Qualifier);
}

/// Words of addresses are no packed data, and packed data that is damaged is said to be so.
#[test]
fn what_looks_packed_is_not_taken_for_it() {
    for (text, fault) in [
        ("https://a.b/index", Gs1Fault::NoKey),
        ("https://a.b/AQ", Gs1Fault::NoKey),
        ("https://a.b/AQnYUc1gmh", Gs1Fault::Compressed),
        ("https://a.b/AQnYUc1gmA", Gs1Fault::NoKey),
        ("https://a.b/AAAAAAAAAAAAAAAA", Gs1Fault::NoKey),
        ("https://a.b/AAAAAAAAAAAA", Gs1Fault::NoKey),
        ("https://a.b/AQnYUc1gmiERBhQ0ytiyZuAGOLc1TR", Gs1Fault::Compressed),
        ("https://a.b/AQnYUc1gmiERBhQ0ytiyZuAGOLc1", Gs1Fault::Compressed),
        ("https://a.b/AQnYUc1gmv__", Gs1Fault::Compressed),
    ] {
        let found = ElementString::parse_link(text).map(|link| link.to_brackets());
        assert_eq!(found.map_err(|error| error.fault), Err(fault), "{text}");
    }
}

/// Elements, the link they become.
#[test]
fn links_are_written() {
    for (text, expected) in [
        ("(01)09521234543213", Some("https://id.gs1.org/01/09521234543213")),
        (
            "(17)261231(21)B(10)A/B(01)09521234543213",
            Some("https://id.gs1.org/01/09521234543213/10/A%2FB/21/B?17=261231"),
        ),
        ("(01)09521234543213(235)T", Some("https://id.gs1.org/01/09521234543213/235/T")),
        ("(255)9521234543213(3900)100", Some("https://id.gs1.org/255/9521234543213?3900=100")),
        ("(10)A", None),
        ("(01)09521234543213(7040)1ABC", None),
    ] {
        let elements = ElementString::parse(text).unwrap();
        let link = elements.to_link("https://id.gs1.org/").ok();
        assert_eq!(link.as_deref(), expected, "{text}");
    }
}

/// Random words do not become articles: one word in a million may begin like a key, and then its
/// check digit, its length and its last bits must fit as well.
#[test]
fn random_words_are_no_keys() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut taken = 0;
    for _ in 0..20_000 {
        let word: String = (0..11)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                char::from(
                    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                        [(state >> 32) as usize % 64],
                )
            })
            .collect();
        taken += usize::from(ElementString::parse_link(&format!("https://a.b/{word}")).is_ok());
    }
    assert!(taken <= 2, "{taken} of 20000 random words were read as keys");
}
