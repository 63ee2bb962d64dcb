//! Articles of the demo chain: GTINs under GS1's demo prefix 952, believable names, prices as shops write them.

use super::dice::{Dice, Kind};
use super::vocabulary::Vocabulary;
use crate::rim::id_at;
use domain::gtin::check_digit;
use std::sync::LazyLock;
use sync::protocol::feed::{ArticleRow, PackRow};

/// Articles have identities of this day on (2024-01-01), one millisecond each: their order is their number's.
const FIRST_ID_MS: i64 = 1_704_067_200_000;
/// The most articles: nine digits of the GTIN.
pub const ARTICLES_MAX: u64 = 999_999_999;

/// Name, size, category, unit, price, tax group.
type Fixed = (&'static str, &'static str, &'static str, &'static str, i64, &'static str);

/// The articles that the demo frames show, from number 1. Numbers, names and prices are quoted elsewhere.
const DEMO: [Fixed; 24] = [
    ("Bio Vollmilch", "1 l", "Milch & Eier / Milch und Rahm", "piece", 195, "food"),
    ("Ruchbrot vom Holzofen", "500 g", "Brot & Backwaren / Brot", "piece", 290, "food"),
    ("Freilandeier", "6 Stück", "Milch & Eier / Eier", "piece", 495, "food"),
    ("Tafelbutter", "250 g", "Milch & Eier / Milch und Rahm", "piece", 395, "food"),
    (
        "Knuspermüsli Früchte & Nüsse",
        "750 g",
        "Frühstück / Müsli und Flocken",
        "piece",
        690,
        "food",
    ),
    ("Crème entière", "2.5 dl", "Crèmerie / Crème", "piece", 320, "food"),
    ("Äpfel Gala", "1.5 kg", "Früchte & Gemüse / Früchte", "piece", 480, "food"),
    ("Gruyère AOP 12 mois", "kg", "Fromages / À la coupe", "g", 2690, "food"),
    ("Spaghetti", "500 g", "Vorrat / Teigwaren und Reis", "piece", 190, "food"),
    ("Passata di pomodoro", "690 g", "Vorrat / Saucen", "piece", 235, "food"),
    ("Confiture d'abricots", "350 g", "Épicerie / Confitures et miels", "piece", 460, "food"),
    ("Thé vert Sencha", "80 g", "Boissons / Thés et tisanes", "piece", 750, "food"),
    ("有机酱油", "500 ml", "世界食品 / 酱料", "piece", 580, "food"),
    ("高山乌龙茶", "100 g", "茶 / 散茶", "piece", 890, "food"),
    ("香辣豆豉", "210 g", "世界食品 / 酱料", "piece", 450, "food"),
    ("Basmati Reis", "1 kg", "Vorrat / Teigwaren und Reis", "piece", 420, "food"),
    ("Zartbitterschokolade 72 %", "100 g", "Süsses / Schokolade", "piece", 295, "food"),
    (
        "Mineralwasser mit Kohlensäure",
        "6 × 1.5 l",
        "Getränke / Säfte und Wasser",
        "piece",
        480,
        "food",
    ),
    ("Apfelschorle naturtrüb", "1.5 l", "Getränke / Säfte und Wasser", "piece", 210, "food"),
    ("Espresso Beans Dark Roast", "500 g", "Drinks / Coffee", "piece", 1190, "food"),
    ("Zahnpasta Kräuter", "75 ml", "Körperpflege / Zahnpflege", "piece", 395, "standard"),
    ("Geschirrspülmittel Zitrone", "750 ml", "Haushalt / Reinigung", "piece", 425, "standard"),
    ("Notizbuch A5 kariert", "1 Stück", "Papeterie / Écriture", "piece", 980, "standard"),
    ("LED Bulb E27 Warm White", "8 W", "Home / Electrics and tools", "piece", 790, "standard"),
];

/// The GTIN-13 of an article, from 1.
pub fn gtin13(number: u64) -> String {
    let body = format!("952{number:09}");
    let check = check_digit(&body).expect("a body of digits has a check digit");
    format!("{body}{check}")
}

/// Months in which an article sells; empty for all.
pub fn months(seed: u64, number: u64) -> &'static [u8] {
    if number as usize <= DEMO.len() {
        return &[];
    }
    &Vocabulary::get().family(shuffled(seed, number)).months
}

/// A number of a name for an article's number: a walk over all names that takes each once.
fn shuffled(seed: u64, number: u64) -> u64 {
    // Golden ratio: neighbours on the walk are far apart in the vocabulary. A stride without a common divisor
    // visits every name before it comes back.
    static STRIDE: LazyLock<u64> = LazyLock::new(|| {
        let names = Vocabulary::get().names();
        let stride = (names * 618 / 1000..).find(|stride| gcd(*stride, names) == 1);
        stride.expect("numbers without a common divisor are everywhere")
    });
    let names = Vocabulary::get().names();
    // The seed moves the start; mixing its bits makes near seeds start far apart.
    let offset = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) % names;
    let step = u128::from(number) * u128::from(*STRIDE) + u128::from(offset);
    (step % u128::from(names)) as u64
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A price as shops write it: multiples of five, most of them just below something.
fn price_point(dice: &mut Dice, (low, high): (i64, i64)) -> i64 {
    let span = (high - low) as u64;
    // Two throws, the smaller counts: cheap goods are more than dear ones.
    let raw = low + dice.below(span + 1).min(dice.below(span + 1)) as i64;
    let ending = match dice.below(10) {
        0..=4 => 95,
        5..=6 => 90,
        7 => 50,
        8 => 20,
        _ => raw.rem_euclid(100) / 5 * 5,
    };
    let price = raw / 100 * 100 + ending;
    if price < low { price + 100 } else { price }
}

/// Demo articles that come in cases, too: their number, the pieces in a case.
const CASES: [(u64, u64); 2] = [(9, 20), (19, 6)];

/// The case of an article, under the number of the piece with a 1 before it.
fn case_of(number: u64) -> Option<PackRow> {
    let (_, pieces) = CASES.into_iter().find(|(article, _)| *article == number)?;
    let piece = gtin13(number);
    let body = format!("1{}", &piece[..12]);
    let check = check_digit(&body)?;
    Some(PackRow { gtin: format!("{body}{check}"), pieces })
}

/// The article of that number, from 1.
pub fn article(seed: u64, number: u64) -> ArticleRow {
    let mut dice = Dice::of(seed, Kind::Article, number);
    let id = id_at(FIRST_ID_MS + number as i64, &dice.id_bytes());
    let (name, detail, category, unit, price_minor, tax_group) =
        match DEMO.get((number - 1) as usize) {
            Some((name, detail, category, unit, price, tax)) => {
                ((*name).to_owned(), *detail, *category, *unit, *price, *tax)
            }
            None => {
                let (family, name) = Vocabulary::get().name(shuffled(seed, number));
                // When the names are used up, the next round takes another size.
                let round = number / Vocabulary::get().names();
                let size = (dice.below(family.sizes.len() as u64) + round) as usize;
                let size = family.sizes[size % family.sizes.len()];
                let price = price_point(&mut dice, family.price_minor);
                (name, size, family.category, family.unit, price, family.tax_group)
            }
        };
    let mut gtins = vec![format!("0{}", gtin13(number))];
    let packs: Vec<PackRow> = case_of(number).into_iter().collect();
    gtins.extend(packs.iter().map(|pack| pack.gtin.clone()));
    ArticleRow {
        id,
        gtins,
        packs,
        name,
        detail: detail.into(),
        category: category.into(),
        unit: unit.into(),
        price_minor,
        currency: "CHF".into(),
        tax_group: tax_group.into(),
        price_version: 1,
        rank: u32::try_from(number).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use domain::gtin::Gtin;
    use std::collections::HashSet;

    #[test]
    fn numbers_are_gtins_of_the_demo_prefix() {
        for number in [1, 24, 25, 1000, 1_000_000, ARTICLES_MAX] {
            let gtin = gtin13(number);
            assert!(gtin.starts_with("952") && gtin.len() == 13);
            assert!(!Gtin::parse(&gtin).unwrap().is_restricted());
        }
        assert_eq!(article(7, 1).name, "Bio Vollmilch");
        assert_eq!(article(7, 1).gtins, ["09520000000011".to_owned()]);
        // A case of six bottles, by its own number.
        let bottle = article(7, 19);
        assert_eq!(bottle.gtins, ["09520000000196".to_owned(), "19520000000193".to_owned()]);
        assert_eq!((bottle.packs[0].gtin.as_str(), bottle.packs[0].pieces), ("19520000000193", 6));
        assert!(Gtin::parse(&bottle.packs[0].gtin).unwrap().is_case());
    }

    #[test]
    fn articles_are_distinct_believable_and_repeatable() {
        let mut seen = HashSet::new();
        for number in 1..5000 {
            let row = article(7, number);
            assert_eq!(row, article(7, number));
            assert!(row.price_minor > 0 && row.price_minor % 5 == 0, "{row:?}");
            assert!(row.unit.parse::<domain::Unit>().is_ok());
            assert!(seen.insert(row.name.clone()), "{} twice", row.name);
        }
        assert_ne!(article(7, 100).name, article(8, 100).name);
    }
}
