//! Small texts: identities, hashes, clocks, numbers of articles, units, and what search makes of words.

use super::choice;
use domain::Currency;
use domain::customer::{initials, masked_email, masked_phone};
use domain::gtin::Gtin;
use domain::hlc::Hlc;
use domain::id::OrderId;
use domain::quantity::Unit;
use domain::text::{fold, fold_to_line, phone_digits};
use std::fmt::Debug;
use std::str::FromStr;
use sync::protocol::auth::{confirmation_digits, normalised_code};
use sync::protocol::event::EventHash;
use sync::protocol::feed::Feed;

/// Beginnings of such texts.
pub const WORDS: &[&str] = &[
    "0000000000010002",
    "CHF",
    "catalogue",
    "9520000000011",
    "+41 79 123 45 67",
    "maria@example.org",
    "e\u{301}",
    "ß",
    "\u{200d}",
    "米",
];

/// What reads has a text that reads as the same, and that text is stable.
fn again<T: FromStr + PartialEq + Debug>(text: &str, write: impl Fn(&T) -> String) {
    let Ok(read) = text.parse::<T>() else { return };
    let written = write(&read);
    assert_eq!(written.parse::<T>().ok().as_ref(), Some(&read), "`{text}` became `{written}`");
}

/// The first byte chooses.
pub fn run(bytes: &[u8]) {
    let Some((choice, rest)) = choice(bytes) else { return };
    let text = String::from_utf8_lossy(rest);
    match choice % 4 {
        0 => {
            again::<Hlc>(&text, Hlc::to_string);
            again::<EventHash>(&text, EventHash::to_string);
            again::<OrderId>(&text, OrderId::to_string);
            again::<Unit>(&text, |unit| unit.name().into());
            again::<Feed>(&text, |feed| feed.name().into());
            again::<Currency>(&text, |currency| currency.code().into());
        }
        1 => {
            let Ok(gtin) = Gtin::parse(&text) else { return };
            assert_eq!(Gtin::parse(&gtin.to_gtin14()), Ok(gtin));
            assert_eq!(Gtin::parse(&gtin.display_digits()), Ok(gtin));
            assert_eq!(Gtin::from_number(gtin.number()), Ok(gtin));
        }
        2 => {
            let folded = fold_to_line(&text);
            assert_eq!(fold_to_line(&folded), folded, "folding twice is folding once");
            assert!(folded.len() <= text.len().saturating_mul(20) + 20);
            let _ = fold(&text);
            assert!(phone_digits(&text).len() <= text.len());
        }
        _ => {
            let masked = masked_phone(&text);
            assert_eq!(masked.chars().count(), text.chars().count());
            let _ = (masked_email(&text), initials(&text), confirmation_digits(rest));
            let code = normalised_code(&text);
            assert_eq!(normalised_code(&code), code);
        }
    }
}
