//! Customers and what they bought, across all channels.

use crate::id::{ArticleId, CustomerId, OrderId};
use crate::money::Money;
use crate::order::{Address, Channel};
use crate::quantity::Quantity;
use crate::time::CentralTime;

/// A person or household that buys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Identity.
    pub id: CustomerId,
    /// Name as they want to be called.
    pub name: String,
    /// Phone numbers, E.164 where known.
    pub phones: Vec<String>,
    /// E-mail addresses.
    pub emails: Vec<String>,
    /// Card numbers, as scanned.
    pub cards: Vec<String>,
    /// Addresses, the usual one first.
    pub addresses: Vec<Address>,
    /// First seen.
    pub since: CentralTime,
}

/// One article of a past order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastLine {
    /// The article, if it is known.
    pub article: Option<ArticleId>,
    /// Its name then.
    pub name: String,
    /// How much; negative when returned.
    pub quantity: Quantity,
    /// What was paid for the line.
    pub total: Money,
}

/// One order of a customer's history, on any channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastOrder {
    /// Identity.
    pub id: OrderId,
    /// Whose.
    pub customer: CustomerId,
    /// Channel.
    pub channel: Channel,
    /// Where, in words; empty for web and phone.
    pub place: String,
    /// Number on the receipt or in the confirmation.
    pub number: String,
    /// When.
    pub at: CentralTime,
    /// What.
    pub lines: Vec<PastLine>,
    /// What it came to.
    pub total: Money,
}

/// Shows only what tells a person which phone it is: `+41 79 *** ** 67`.
pub fn masked_phone(phone: &str) -> String {
    let characters: Vec<char> = phone.chars().collect();
    let digits = characters.iter().filter(|c| c.is_ascii_digit()).count();
    let mut seen = 0;
    let mask = |c: &char| {
        if !c.is_ascii_digit() {
            return *c;
        }
        seen += 1;
        if seen <= digits.min(4).min(digits.saturating_sub(4)) || seen + 2 > digits {
            *c
        } else {
            '*'
        }
    };
    characters.iter().map(mask).collect()
}

/// Shows only what tells a person which address it is: `m***@example.org`.
pub fn masked_email(email: &str) -> String {
    match email.split_once('@') {
        Some((local, host)) => {
            let first = local.chars().next().map(String::from).unwrap_or_default();
            format!("{first}***@{host}")
        }
        None => "***".into(),
    }
}

/// One or two letters for a chip: first and last word's, or the first character of a Chinese name.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().next());
    let first = words.next();
    let last = words.next_back();
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_is_masked_but_recognisable() {
        assert_eq!(masked_phone("+41 79 123 45 67"), "+41 79 *** ** 67");
        assert_eq!(masked_phone("117"), "*17");
        assert_eq!(masked_email("marie.blanc@example.org"), "m***@example.org");
        assert_eq!(masked_email("nonsense"), "***");
    }

    #[test]
    fn initials_of_all_the_world() {
        for (name, expected) in
            [("Marie Blanc", "MB"), ("Jean-Luc de la Tour", "JT"), ("王小明", "王"), ("", "")]
        {
            assert_eq!(initials(name), expected);
        }
    }
}
