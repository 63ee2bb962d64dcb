//! Customers of the demo chain: people of many cultures, in households that share name, address and habits.

use super::dice::{Dice, Kind};
use super::vocabulary::Vocabulary;
use crate::rim::id_at;
use domain::gtin::check_digit;
use sync::protocol::feed::{AddressRow, CustomerRow};

/// Marie Blanc, whom the demo looks up, is customer 0; customer 1 shares her household.
pub const MARIE: u64 = 0;
/// Customers of one block, which is divided into households.
const BLOCK: u64 = 4;
/// How a block is divided, and how often.
const DIVISIONS: [(&[u64], u64); 5] =
    [(&[1, 1, 1, 1], 30), (&[2, 1, 1], 30), (&[2, 2], 15), (&[3, 1], 10), (&[4], 15)];
/// Cultures and how often they are met in a Swiss town.
const CULTURES: [(&str, u64); 10] = [
    ("de", 42),
    ("fr", 22),
    ("it", 7),
    ("en", 5),
    ("es", 6),
    ("tr", 4),
    ("sr", 6),
    ("zh", 4),
    ("ta", 2),
    ("pl", 2),
];
/// The oldest customers are known since 2019-01-01.
const SINCE_MS: i64 = 1_546_300_800_000;
const DAY_MS: i64 = 86_400_000;

/// One customer of a household.
pub struct Customer {
    /// As published.
    pub row: CustomerRow,
    /// Number of the household: habits come from it.
    pub household: u64,
}

fn weighted<T: Copy>(dice: &mut Dice, table: &[(T, u64)]) -> T {
    let total: u64 = table.iter().map(|(_, weight)| weight).sum();
    let mut throw = dice.below(total);
    for (value, weight) in table {
        if throw < *weight {
            return *value;
        }
        throw -= weight;
    }
    unreachable!("the throw is below the sum of the weights")
}

/// The household of a customer: a number that its members share.
fn household(seed: u64, number: u64) -> u64 {
    if number <= 1 {
        return 0;
    }
    let (block, place) = (number / BLOCK, number % BLOCK);
    let mut dice = Dice::of(seed, Kind::Block, block);
    let mut first = 0;
    for size in weighted(&mut dice, &DIVISIONS) {
        if place < first + size {
            // Marie's block keeps her household apart.
            return (block * BLOCK + first).max(if block == 0 { 2 } else { 0 });
        }
        first += size;
    }
    number
}

fn card(number: u64) -> String {
    // Restricted circulation (prefix 29): the retailer's own numbers, never an article's.
    let body = format!("2952{number:08}");
    let check = check_digit(&body).expect("a body of digits has a check digit");
    format!("{body}{check}")
}

fn phone(number: u64) -> String {
    // One to one on 076 to 079 and seven digits: numbers look thrown, and no two customers share one by accident.
    let digits = (number * 48_271 + 5_550_123) % 40_000_000;
    let (operator, rest) = (6 + digits / 10_000_000, digits % 10_000_000);
    format!("+41 7{operator} {:03} {:02} {:02}", rest / 10_000, rest / 100 % 100, rest % 100)
}

/// Letters of a name as they stand in an e-mail address.
fn letters(text: &str) -> String {
    domain::text::fold_to_line(text).chars().filter(char::is_ascii_alphanumeric).collect()
}

fn marie(id: uuid::Uuid) -> CustomerRow {
    CustomerRow {
        id,
        name: "Marie Blanc".into(),
        phones: vec!["+41 79 555 01 23".into()],
        emails: vec!["marie.blanc@example.org".into()],
        cards: vec![card(MARIE)],
        addresses: vec![AddressRow {
            name: "Marie Blanc".into(),
            street: "Marktgasse 1".into(),
            postal_code: "3011".into(),
            city: "Bern".into(),
            country: "CH".into(),
        }],
        since_ms: SINCE_MS + 100 * DAY_MS,
    }
}

struct Home {
    culture: &'static str,
    family: &'static str,
    address: AddressRow,
    shares_card: bool,
}

fn home(seed: u64, household: u64) -> Home {
    let words = Vocabulary::get();
    let mut dice = Dice::of(seed, Kind::Household, household);
    let culture = weighted(&mut dice, &CULTURES);
    let family = *dice.pick(words.words(&format!("family.{culture}")));
    let region = match culture {
        "fr" => "fr",
        "de" => "de",
        _ => *dice.pick(&["de", "de", "fr"]),
    };
    let street = *dice.pick(words.words(&format!("street.{region}")));
    let house = 1 + dice.below(120);
    let town = *dice.pick(words.words(&format!("town.{region}")));
    let (postal_code, city) = town.split_once(' ').expect("towns have a postal code");
    let address = AddressRow {
        name: String::new(),
        street: format!("{street} {house}"),
        postal_code: postal_code.into(),
        city: city.into(),
        country: "CH".into(),
    };
    Home { culture, family, address, shares_card: dice.chance(40) }
}

/// The customer of that number, from 0.
pub fn customer(seed: u64, number: u64) -> Customer {
    let mut dice = Dice::of(seed, Kind::Customer, number);
    let since_ms = SINCE_MS + dice.between(0, 2000) * DAY_MS + dice.between(0, DAY_MS - 1);
    let household = household(seed, number);
    let id_bytes = dice.id_bytes();
    if number == MARIE {
        let row = marie(id_at(SINCE_MS + 100 * DAY_MS, &id_bytes));
        return Customer { row, household };
    }
    let mut home = home(seed, household);
    let words = Vocabulary::get();
    if household == 0 {
        let hers = marie(uuid::Uuid::nil()).addresses;
        home =
            Home { culture: "fr", family: "Blanc", address: hers[0].clone(), shares_card: false };
    }
    let given = *dice.pick(words.words(&format!("given.{}", home.culture)));
    let name = match home.culture {
        // The family name comes first, without a space; some also write it in Latin letters.
        "zh" => format!("{}{given}", home.family),
        _ => format!("{given} {}", home.family),
    };
    let local = match (letters(given), letters(home.family)) {
        (given, family) if given.is_empty() || family.is_empty() => format!("kunde{number}"),
        (given, family) => format!("{given}.{family}{number}"),
    };
    let phones = if dice.chance(85) { vec![phone(number)] } else { Vec::new() };
    let emails = if dice.chance(75) { vec![format!("{local}@example.org")] } else { Vec::new() };
    let cards = match (home.shares_card && household != number, dice.chance(70)) {
        // A family card: the first member's number is on all of them.
        (true, _) => vec![card(household)],
        (false, true) => vec![card(number)],
        (false, false) => Vec::new(),
    };
    let addresses = if dice.chance(80) || household == 0 {
        vec![AddressRow { name: name.clone(), ..home.address }]
    } else {
        Vec::new()
    };
    let id = id_at(since_ms, &id_bytes);
    let row = CustomerRow { id, name, phones, emails, cards, addresses, since_ms };
    Customer { row, household }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use domain::gtin::Gtin;
    use std::collections::{HashMap, HashSet};

    #[test]
    fn marie_is_always_there() {
        for seed in [0, 7, u64::MAX] {
            let row = customer(seed, MARIE).row;
            assert_eq!(row.name, "Marie Blanc");
            assert_eq!(row.phones, ["+41 79 555 01 23"]);
            assert!(Gtin::parse(&row.cards[0]).unwrap().is_restricted());
        }
        let partner = customer(7, 1).row;
        assert!(partner.name.ends_with(" Blanc"), "{}", partner.name);
        assert_eq!(partner.addresses[0].street, "Marktgasse 1");
    }

    #[test]
    fn people_are_many_and_households_share_an_address() {
        let all: Vec<Customer> = (0..4000).map(|number| customer(7, number)).collect();
        let mut phones = HashSet::new();
        let mut emails = HashSet::new();
        let mut homes: HashMap<u64, Vec<&CustomerRow>> = HashMap::new();
        for customer in &all {
            assert!(customer.row.phones.iter().all(|phone| phones.insert(phone.clone())));
            assert!(customer.row.emails.iter().all(|email| emails.insert(email.clone())));
            assert!(customer.row.emails.iter().all(|email| email.is_ascii()));
            homes.entry(customer.household).or_default().push(&customer.row);
        }
        let chinese = all.iter().filter(|c| !c.row.name.contains(' ')).count();
        assert!(chinese > 50, "{chinese}");
        let shared = homes.values().filter(|members| members.len() > 1).count();
        assert!(shared > 500, "{shared}");
        for members in homes.values() {
            let streets: HashSet<_> =
                members.iter().flat_map(|row| &row.addresses).map(|a| &a.street).collect();
            assert!(streets.len() <= 1, "{streets:?}");
        }
    }
}
