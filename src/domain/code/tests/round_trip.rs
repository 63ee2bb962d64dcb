//! Everything that we encode we decode, in each of the three forms.

use super::*;
use crate::gtin::check_digit;

/// Random numbers that a seed repeats; the quality of a hash is not needed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(*self.pick(alphabet))).collect()
    }
}

const SET82: &[u8] =
    b"!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// A text of a component that has a check, where a random one would hardly pass.
fn special(dice: &mut Dice, lint: Lint, length: usize) -> Option<String> {
    let list: &[&str] = match lint {
        Lint::YyMmD0 | Lint::YyMmDd => &["261231", "280229", "000101", "990630"],
        Lint::YyyyMmDd => &["20261231", "19480229"],
        Lint::HhMi => &["0000", "2359"],
        Lint::Hh => &["00", "23"],
        Lint::Mi | Lint::Ss => &["00", "59"],
        Lint::Iso3166 | Lint::Iso3166Or999 => &["756", "040", "008"],
        Lint::Iso3166Alpha2 => &["CH", "ZW"],
        Lint::Iso4217 => &["756", "978", "008"],
        Lint::Iso5218 => &["0", "9"],
        Lint::Iban => &["CH5604835012345678009", "BE71096123456769"],
        Lint::Latitude | Lint::Longitude => &["0279085848", "1800000000"],
        Lint::MediaType => &["01", "99"],
        Lint::PackageType => &["PA", "8", "X11"],
        Lint::PieceOfTotal => &["0102", "9999"],
        Lint::PosInSeqSlash => &["1/3", "2/2"],
        Lint::Winding => &["0", "9"],
        Lint::YesNo => &["0", "1"],
        Lint::Zero => &["0"],
        Lint::Hyphen => &["-"],
        Lint::ImporterIdx => &["-", "z"],
        Lint::CsumAlpha => &["1987654Ad4X4bL5ttr2310c2K", "95212349521234R9"],
        Lint::CouponCode => &["012345612345611110123", "0123456123456111101233200229"],
        Lint::CouponPosOffer => &["001234561234560123456"],
        Lint::PcEnc => &["A", "ABC%20D", "100%25"],
        Lint::Csum => {
            let body = dice.text(b"0123456789", length - 1);
            return Some(format!("{body}{}", check_digit(&body).unwrap()));
        }
        _ => return None,
    };
    Some((*dice.pick(list)).to_owned())
}

fn part(dice: &mut Dice, component: &Component) -> String {
    let length = component.length_min + dice.below(component.length_max - component.length_min + 1);
    if let Some(text) =
        component.lints.iter().find_map(|lint| special(dice, *lint, component.length_max))
    {
        return text;
    }
    let alphabet: &[u8] = match component.charset {
        Charset::Numeric => b"0123456789",
        Charset::Set82 => SET82,
        Charset::Set39 => b"#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        Charset::Set64 => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    };
    // Company prefixes are digits in front; the rest may be anything.
    let head = dice.text(b"123456789", length.min(5));
    match component.lints.is_empty() {
        true => dice.text(alphabet, length),
        false => head.clone() + &dice.text(alphabet, length - head.len()),
    }
}

/// Data of an identifier; `None` if the dice do not hit what the checks want.
fn sample(dice: &mut Dice, ai: Ai) -> Option<Element> {
    let entry = ai.entry()?;
    for _ in 0..16 {
        let mut value = String::new();
        for component in &entry.components {
            if component.is_optional && dice.below(2) == 0 {
                break;
            }
            value += &part(dice, component);
        }
        if let Ok(element) = Element::new(ai, &value) {
            return Some(element);
        }
    }
    None
}

#[test]
fn data_is_found_for_every_identifier() {
    let mut dice = Dice(42);
    for ai in table().iter().flat_map(Entry::ais) {
        let element = sample(&mut dice, ai).unwrap_or_else(|| panic!("no data for ({ai})"));
        let alone = ElementString::new([element]).unwrap();
        assert_eq!(ElementString::parse(&alone.to_symbol()).as_ref(), Ok(&alone), "{ai}");
        assert_eq!(ElementString::parse(&alone.to_brackets()).as_ref(), Ok(&alone), "{ai}");
    }
}

/// Up to eight elements that may stand together.
fn strings() -> impl Strategy<Value = ElementString> {
    (1u64.., 1usize..9).prop_map(|(seed, count)| {
        let ais: Vec<Ai> = table().iter().flat_map(Entry::ais).collect();
        let mut dice = Dice(seed);
        let begin = match dice.below(2) {
            0 => Ai::GTIN,
            _ => *dice.pick(&ais),
        };
        let mut elements: Vec<Element> = sample(&mut dice, begin).into_iter().collect();
        while elements.len() < count {
            let ai = *dice.pick(&ais);
            let mut more = elements.clone();
            more.extend(sample(&mut dice, ai));
            let is_new = more.len() > elements.len() && elements.iter().all(|one| one.ai() != ai);
            elements =
                if is_new && ElementString::new(more.clone()).is_ok() { more } else { elements };
            if dice.below(20) == 0 {
                break;
            }
        }
        ElementString::new(elements).unwrap()
    })
}

/// In one order, for forms that have an order of their own.
fn sorted(string: &ElementString) -> Vec<(Ai, String)> {
    let pair = |element: &Element| (element.ai(), element.value().to_owned());
    let mut pairs: Vec<_> = string.elements().iter().map(pair).collect();
    pairs.sort();
    pairs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn symbols_round_trip(string in strings()) {
        let symbol = string.to_symbol();
        let read = ElementString::parse(&symbol);
        prop_assert_eq!(read.as_ref(), Ok(&string));
        for (symbology, prefix) in [
            (Symbology::Gs1128, "]C1"),
            (Symbology::Gs1DataMatrix, "\u{1d}"),
            (Symbology::Gs1QrCode, ""),
        ] {
            let code = Code::new(symbology, format!("{prefix}{symbol}"));
            prop_assert_eq!(code.meaning, Meaning::Gs1(Box::new(string.clone())));
        }
    }

    #[test]
    fn what_people_read_round_trips(string in strings()) {
        let brackets = string.to_brackets();
        let read = ElementString::parse(&brackets);
        prop_assert_eq!(read.as_ref(), Ok(&string), "{}", brackets);
    }

    #[test]
    fn links_round_trip(
        string in strings(), stem in "https?://[a-z]{1,8}\\.example(/[a-z]{1,5})?",
    ) {
        if let Ok(link) = string.to_link(&stem) {
            let read = ElementString::parse_link(&link);
            prop_assert_eq!(read.as_ref().map(sorted), Ok(sorted(&string)), "{}", link);
            let code = Code::new(Symbology::QrCode, link);
            prop_assert_eq!(code.gtin(), string.gtin());
        }
    }

    #[test]
    fn one_wrong_digit_of_a_gtin_is_never_read(
        body in "[0-9]{13}", at in 0usize..14, step in 1u8..10,
    ) {
        let mut digits = format!("{body}{}", check_digit(&body).unwrap()).into_bytes();
        digits[at] = b'0' + (digits[at] - b'0' + step) % 10;
        let wrong = String::from_utf8(digits).unwrap();
        let forms = ["01", "(01)", "https://a.b/01/"].map(|before| format!("{before}{wrong}"));
        for text in &forms {
            for (symbology, _) in Symbology::ALL {
                prop_assert_eq!(Code::new(symbology, text.as_str()).gtin(), None, "{}", text);
            }
        }
    }
}
