//! The words of the chain: read from two tables beside this file, combined into a million and more names.

use std::collections::HashMap;
use std::sync::LazyLock;

/// One family of goods.
pub struct Family {
    /// Brands in the family's language.
    brands: &'static [String],
    /// Category path.
    pub category: &'static str,
    /// Tax group.
    pub tax_group: &'static str,
    /// Unit as on the wire.
    pub unit: &'static str,
    /// Months in which it sells, 1 to 12; empty for all.
    pub months: Vec<u8>,
    /// Prices, minor units.
    pub price_minor: (i64, i64),
    products: Vec<&'static str>,
    varieties: Vec<&'static str>,
    /// Sizes.
    pub sizes: Vec<&'static str>,
    /// First number of the names of this family.
    start: u64,
}

impl Family {
    fn names(&self) -> u64 {
        (self.brands.len() * self.products.len() * self.varieties.len()) as u64
    }
}

/// All words.
pub struct Vocabulary {
    families: Vec<Family>,
    names: u64,
    words: HashMap<&'static str, Vec<&'static str>>,
}

fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split('|').collect())
}

fn words(field: &'static str) -> Vec<&'static str> {
    field.split(';').collect()
}

/// `5-9` or `10-2,12`: months from one to the other, over the end of the year if need be.
fn months(text: &str) -> Vec<u8> {
    let mut months = Vec::new();
    for span in text.split(',').filter(|span| *span != "-") {
        let (first, last) = span.split_once('-').unwrap_or((span, span));
        let parse = |text: &str| text.parse::<u8>().expect("the table of goods has right months");
        let (mut month, last) = (parse(first), parse(last));
        loop {
            months.push(month);
            if month == last {
                break;
            }
            month = month % 12 + 1;
        }
    }
    months
}

static BRANDS: LazyLock<HashMap<&'static str, Vec<String>>> = LazyLock::new(|| {
    let words: HashMap<_, _> = rows(include_str!("words.txt"))
        .map(|fields| (fields[0], fields[1].split(';').collect::<Vec<_>>()))
        .collect();
    let combine = |language: &'static str| {
        let (first, second) =
            (&words[&*format!("brand.{language}.1")], &words[&*format!("brand.{language}.2")]);
        let gap = if matches!(language, "de" | "zh") { "" } else { " " };
        let pairs = first.iter().flat_map(|a| second.iter().map(move |b| format!("{a}{gap}{b}")));
        (language, pairs.collect())
    };
    ["de", "fr", "en", "zh"].map(combine).into_iter().collect()
});

static ALL: LazyLock<Vocabulary> = LazyLock::new(|| {
    let mut families = Vec::new();
    let mut start = 0;
    for fields in rows(include_str!("goods.txt")) {
        let (from, to) = fields[5].split_once('-').expect("the table of goods has prices");
        let price = |text: &str| text.parse().expect("the table of goods has right prices");
        let family = Family {
            brands: &BRANDS[fields[0]],
            category: fields[1],
            tax_group: fields[2],
            unit: fields[3],
            months: months(fields[4]),
            price_minor: (price(from), price(to)),
            products: words(fields[6]),
            varieties: words(fields[7]),
            sizes: words(fields[8]),
            start,
        };
        start += family.names();
        families.push(family);
    }
    let words = rows(include_str!("words.txt")).map(|fields| (fields[0], words(fields[1])));
    Vocabulary { families, names: start, words: words.collect() }
});

impl Vocabulary {
    /// The words of this program.
    pub fn get() -> &'static Self {
        &ALL
    }

    /// How many distinct names there are.
    pub const fn names(&self) -> u64 {
        self.names
    }

    /// The family of that number.
    pub fn family(&self, number: u64) -> &Family {
        let position = self.families.partition_point(|family| family.start <= number) - 1;
        &self.families[position]
    }

    /// The name of that number and its family; each number below [`Self::names`] has another name.
    pub fn name(&self, number: u64) -> (&Family, String) {
        let family = self.family(number);
        let rest = (number - family.start) as usize;
        let (rest, variety) = (rest / family.varieties.len(), rest % family.varieties.len());
        let (brand, product) = (rest / family.products.len(), rest % family.products.len());
        let words = [&family.brands[brand], family.products[product], family.varieties[variety]];
        (family, words.join(" "))
    }

    /// A list of words.
    pub fn words(&self, key: &str) -> &[&'static str] {
        self.words.get(key).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::HashSet;
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    #[test]
    fn there_are_names_for_a_million_articles_and_no_two_are_alike() {
        let all = Vocabulary::get();
        assert!(all.names() > 1_000_000, "{}", all.names());
        // Hashes instead of two million texts: a collision by chance is one in ten million such tests.
        let hash =
            |number| BuildHasherDefault::<DefaultHasher>::default().hash_one(all.name(number).1);
        let names: HashSet<u64> = (0..all.names()).map(hash).collect();
        assert_eq!(names.len() as u64, all.names());
    }

    #[test]
    fn every_family_is_one_that_a_till_can_sell() {
        for family in &Vocabulary::get().families {
            assert!(family.unit.parse::<domain::Unit>().is_ok(), "{}", family.category);
            assert!(matches!(family.tax_group, "food" | "standard"), "{}", family.category);
            assert!(family.price_minor.0 > 0 && family.price_minor.0 < family.price_minor.1);
            assert!(family.months.iter().all(|month| (1..=12).contains(month)));
        }
    }

    #[test]
    fn seasons_go_over_new_year() {
        assert_eq!(months("10-2"), [10, 11, 12, 1, 2]);
        assert_eq!(months("1-2,9-10"), [1, 2, 9, 10]);
        assert!(months("-").is_empty());
    }
}
