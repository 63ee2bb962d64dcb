//! Phone numbers as people know them: `+41 79 123 45 67`, `0041 79…`, `079 123 45 67`, or the last digits.
//!
//! Country codes are those of ITU-T E.164 (list of assigned codes, 2016): one digit in zones 1 and 7, two where
//! listed below, three elsewhere. It is a property of the code alone, so no table of national plans is needed.

use domain::text::phone_digits;

/// Country codes of two digits.
const TWO_DIGITS: [&str; 44] = [
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47",
    "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65",
    "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];

/// The digits behind the country code of an international number.
fn behind_country(international: &str) -> &str {
    let length = match international.as_bytes() {
        [b'1' | b'7', ..] => 1,
        [_, _, ..] if TWO_DIGITS.contains(&&international[..2]) => 2,
        _ => 3,
    };
    international.get(length..).unwrap_or("")
}

/// What is known of a stored number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PhoneForms {
    /// With country code, without `+`; absent if the number was stored without.
    pub international: Option<String>,
    /// Without country code and without the leading zero.
    pub national: String,
}

/// Reads a stored number; `None` if it has no digits.
pub(crate) fn forms(phone: &str) -> Option<PhoneForms> {
    let digits = phone_digits(phone);
    if digits.is_empty() {
        return None;
    }
    let international = match phone.trim_start().starts_with('+') {
        true => Some(digits.as_str()),
        false => digits.strip_prefix("00"),
    };
    Some(match international {
        Some(international) => PhoneForms {
            international: Some(international.into()),
            national: behind_country(international).trim_start_matches('0').into(),
        },
        None => PhoneForms { international: None, national: digits.trim_start_matches('0').into() },
    })
}

/// Where in the key table a typed number is looked for: beginnings of keys.
pub(crate) fn query_keys(query: &str) -> Vec<String> {
    let digits = phone_digits(query);
    let international = if query.trim_start().starts_with('+') {
        Some(digits.as_str())
    } else {
        digits.strip_prefix("00")
    };
    if let Some(international) = international {
        // A number stored without a country code is still found by what is behind it.
        let local = behind_country(international).trim_start_matches('0');
        let keys = [format!("i{international}"), format!("l{local}")];
        return keys.into_iter().filter(|key| key.len() > 1).collect();
    }
    if let Some(national) = digits.strip_prefix('0') {
        let national = national.trim_start_matches('0');
        return if national.is_empty() { Vec::new() } else { vec![format!("n{national}")] };
    }
    let mut keys = vec![format!("i{digits}"), format!("n{digits}")];
    if digits.len() >= SUFFIX_DIGITS_MIN {
        keys.insert(0, format!("r{}", digits.chars().rev().collect::<String>()));
    }
    keys
}

/// Fewer last digits fit a tenth of everybody.
const SUFFIX_DIGITS_MIN: usize = 3;

/// Whether a query is a number and not a name: digits and what people write between them.
pub(crate) fn looks_like_phone(query: &str) -> bool {
    let digits = query.chars().filter(char::is_ascii_digit).count();
    digits >= 3 && query.chars().all(|c| c.is_ascii_digit() || " +-./()\u{a0}\u{202f}".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line, one case: stored number, international digits, national digits.
    #[test]
    fn stored_numbers_of_many_countries() {
        for (phone, international, national) in [
            ("+41 79 123 45 67", Some("41791234567"), "791234567"),
            ("0041 79 123 45 67", Some("41791234567"), "791234567"),
            ("079 123 45 67", None, "791234567"),
            ("+1 (514) 555-0199", Some("15145550199"), "5145550199"),
            ("+352 621 123 456", Some("352621123456"), "621123456"),
            ("+39 06 6982", Some("39066982"), "66982"),
            ("+86 138 0000 0000", Some("8613800000000"), "13800000000"),
            ("+4", Some("4"), ""),
        ] {
            let expected = PhoneForms {
                international: international.map(Into::into),
                national: national.into(),
            };
            assert_eq!(forms(phone), Some(expected), "{phone}");
        }
        assert_eq!(forms("unknown"), None);
    }

    /// One line, one case: typed text, keys looked for.
    #[test]
    fn typed_numbers() {
        for (query, keys) in [
            ("+41 79", &["i4179", "l79"][..]),
            ("+41", &["i41"]),
            ("0041791", &["i41791", "l791"]),
            ("079 12", &["n7912"]),
            ("4567", &["r7654", "i4567", "n4567"]),
            ("00", &[]),
            ("0", &[]),
        ] {
            assert_eq!(query_keys(query), keys, "{query}");
        }
    }

    #[test]
    fn names_are_no_numbers() {
        assert!(looks_like_phone("079 123") && looks_like_phone("+41(0)79.123-45"));
        assert!(!looks_like_phone("12") && !looks_like_phone("Marie 079") && !looks_like_phone(""));
    }
}
