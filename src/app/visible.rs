//! What of somebody else's text may reach a screen: codes say whatever their printer wanted.
//!
//! Control characters, direction overrides, zero-width and other ignorable characters change how the text around them
//! is shown, or hide that something is there. They are known by Unicode's own properties, not by a list of ours.

use domain::code::{Code, Meaning, is_payment_code};
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Whether a character shows as itself, or is a plain gap between such.
pub fn is_visible(character: char) -> bool {
    use GeneralCategory::{
        Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned,
    };
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    let is_ignored = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character);
    let is_bare = matches!(
        category,
        Control | Format | LineSeparator | ParagraphSeparator | PrivateUse | Surrogate | Unassigned
    );
    // The blank pattern of Braille is the one symbol that shows nothing.
    !(is_bare || is_ignored || character == '\u{2800}')
}

/// At most `length_max` visible characters of a text, without gaps at its ends; empty if nothing can be seen.
pub fn visible(text: &str, length_max: usize) -> String {
    let seen: String = text.chars().filter(|c| is_visible(*c)).take(length_max).collect();
    seen.trim().to_owned()
}

/// What is shown in place of a payment code, whoever reads which can charge it: how long it is. `None` for any other.
pub fn masked(code: &Code) -> Option<String> {
    let is_meant = code.meaning == Meaning::Unknown && code.fault.is_none();
    (is_meant && is_payment_code(&code.text)).then(|| "•".repeat(code.text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::code::Symbology;
    use proptest::prelude::*;

    /// One line, one case: a text, what is seen of it.
    #[test]
    fn what_cannot_be_seen_is_left_out() {
        for (text, seen) in [
            ("9520000000011", "9520000000011"),
            ("Müsli 4,90 €", "Müsli 4,90 €"),
            ("米 · 牛奶", "米 · 牛奶"),
            ("abc\u{202e}cba\u{202c}", "abccba"),
            ("a\u{2066}b\u{2069}c\u{200f}d", "abcd"),
            ("1\u{200b}2\u{200c}3\u{200d}4\u{2060}5\u{feff}6\u{ad}7", "1234567"),
            ("x\u{e0041}\u{fe0f}\u{34f}\u{180e}\u{3164}y", "xy"),
            ("one\u{2028}two\u{2029}three", "onetwothree"),
            ("\u{1b}[31mred\u{7}\u{1d}", "[31mred"),
            ("\u{e000}\u{f0000}\u{10ffff}p", "p"),
            ("  \u{200b}\u{a0} \u{3000}", ""),
            ("\u{202e}\u{feff}", ""),
            ("", ""),
        ] {
            assert_eq!(visible(text, 64), seen, "{text:?}");
        }
        assert_eq!(visible("\u{200b}abc", 2), "ab", "what is left out takes no room");
    }

    /// One line, one case: symbology, text, whether it is kept from eyes.
    #[test]
    fn payment_codes_are_masked_and_nothing_else() {
        for (symbology, text, is_masked) in [
            (Symbology::QrCode, "134712345678901234", true),
            (Symbology::QrCode, "284712345678901234", true),
            (Symbology::Unspecified, "284712345678901234", true),
            (Symbology::Ean13, "9520000000011", false),
            (Symbology::Code128, "12345", false),
            (Symbology::QrCode, "https://x.example/", false),
            (Symbology::Gs1128, "109520000000011ABC", false),
        ] {
            let masked = masked(&Code::new(symbology, text));
            assert_eq!(masked, is_masked.then(|| "•".repeat(text.len())), "{text}");
        }
    }

    proptest! {
        /// Whatever a code says, nothing that is asked for by name gets through.
        #[test]
        fn nothing_hidden_gets_through(text in any::<String>()) {
            let banned = |c: char| c.is_control() || matches!(c,
                '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}' | '\u{feff}');
            let seen = visible(&text, 64);
            prop_assert!(!seen.chars().any(banned) && seen.chars().count() <= 64);
        }

        #[test]
        fn plain_text_stays_as_it_is(text in "[!-~äöüß€米-龥]{0,64}") {
            prop_assert_eq!(visible(&text, 64), text);
        }
    }
}
