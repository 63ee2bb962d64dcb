//! Keyboard-wedge scanners: a burst of keys that ends in Enter is a scan, typing never is.
//!
//! USB and Bluetooth scanners in keyboard mode type faster than any person: a few milliseconds a
//! key, and a Bluetooth radio stretches that to 30. So a burst is what stays below [`GAP_MS_MAX`]
//! from key to key, has at least [`LENGTH_MIN`] characters, and ends in Enter just as fast. The
//! machine decides by the time stamps that it is given and reads no clock.
//!
//! A scanner may be set to send the AIM symbology identifier first (ISO/IEC 15424: `]E0`, `]C1`);
//! that names the symbology. Without it the code is called what its digits prove and nothing more.

use domain::code::{Code, Symbology, split_add_on};
use domain::gtin::Gtin;

/// The longest pause between two keys of a scanner, in milliseconds.
pub const GAP_MS_MAX: u64 = 35;
/// The shortest scan, in characters.
pub const LENGTH_MIN: usize = 4;
/// The longest scan; what is longer is dropped as a whole.
pub const LENGTH_MAX: usize = 4096;

/// One key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Character(char),
    /// Enter or Return.
    Enter,
    /// Any other key; it breaks a burst.
    Other,
}

/// What a key press led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It may be part of a scan or of typing; a text field should show it as it comes.
    Pending,
    /// A scan is complete. Whoever showed its characters in a field takes back `characters` of
    /// them.
    Scan {
        /// What was scanned.
        code: Code,
        /// Characters that came before Enter.
        characters: usize,
    },
    /// Enter after slow keys: a person pressed it.
    Typed,
}

/// Tells scans from typing.
#[derive(Debug, Default)]
pub struct Wedge {
    burst: String,
    characters: usize,
    last_ms: Option<u64>,
}

impl Wedge {
    /// Takes one key pressed at `now_ms`.
    pub fn press(&mut self, key: Key, now_ms: u64) -> Outcome {
        // A clock that ran backwards is a pause.
        let is_quick = self.last_ms.is_some_and(|last_ms| {
            now_ms.checked_sub(last_ms).is_some_and(|gap| gap <= GAP_MS_MAX)
        });
        if !is_quick {
            self.forget();
        }
        match key {
            Key::Character(character) => {
                self.last_ms = Some(now_ms);
                self.characters += 1;
                if self.characters <= LENGTH_MAX {
                    self.burst.push(character);
                }
                Outcome::Pending
            }
            Key::Enter => {
                let is_scan = (LENGTH_MIN..=LENGTH_MAX).contains(&self.characters);
                let (burst, characters) = (std::mem::take(&mut self.burst), self.characters);
                self.forget();
                match read(&burst) {
                    Some(code) if is_scan => Outcome::Scan { code, characters },
                    _ => Outcome::Typed,
                }
            }
            Key::Other => {
                self.forget();
                Outcome::Pending
            }
        }
    }

    fn forget(&mut self) {
        self.burst.clear();
        self.characters = 0;
        self.last_ms = None;
    }
}

/// What a scanner's text means; `None` for an empty one.
pub fn read(text: &str) -> Option<Code> {
    let text = text.trim_end_matches(['\r', '\n', '\t']);
    let (symbology, text) = identified(text).unwrap_or_else(|| (guessed(text), text));
    let text = text.strip_prefix('\u{1d}').unwrap_or(text);
    (!text.is_empty()).then(|| Code::new(symbology, text))
}

/// Takes the AIM symbology identifier off, if there is one (ISO/IEC 15424, table 1).
fn identified(text: &str) -> Option<(Symbology, &str)> {
    let (identifier, data) = text.split_at_checked(3)?;
    let mut characters = identifier.chars();
    if characters.next() != Some(']') {
        return None;
    }
    let (kind, modifier) = (characters.next()?, characters.next()?);
    let symbology = match (kind, modifier) {
        ('E', '4') => Symbology::Ean8,
        ('E', '0' | '3') => ean_of(data),
        ('C', '1') => Symbology::Gs1128,
        ('C', '0' | '2' | '4') => Symbology::Code128,
        ('I', '0' | '1' | '3') => match Gtin::parse(data) {
            Ok(_) if data.len() == 14 => Symbology::Itf14,
            _ => Symbology::Itf,
        },
        // GS1 DataBar, of all kinds: a lone GTIN is what the two small ones carry.
        ('e', '0') => match data.strip_prefix("01").map(Gtin::parse) {
            Some(Ok(_)) if data.len() == 16 => Symbology::DataBar,
            _ => Symbology::DataBarExpanded,
        },
        ('Q', '3' | '4') => Symbology::Gs1QrCode,
        ('Q', '0'..='6') => Symbology::QrCode,
        ('d', '2' | '5') => Symbology::Gs1DataMatrix,
        ('d', '0'..='6') => Symbology::DataMatrix,
        ('A', '0'..='7') => Symbology::Code39,
        ('G', '0'..='9') => Symbology::Code93,
        ('F', '0'..='4') => Symbology::Codabar,
        ('L', '0'..='5') => Symbology::Pdf417,
        ('z', '0'..='9' | 'A'..='C') => Symbology::Aztec,
        _ => return None,
    };
    Some((symbology, data))
}

/// `]E0` covers EAN-13, UPC-A and UPC-E, mostly sent as thirteen digits; `]E3` the same with the
/// digits of an add-on behind them.
fn ean_of(data: &str) -> Symbology {
    match data.len() {
        12 => Symbology::UpcA,
        _ if split_add_on(Symbology::UpcA, data).is_some() => Symbology::UpcA,
        8 => Symbology::UpcE,
        _ => Symbology::Ean13,
    }
}

/// Without an identifier: only lengths that one symbology alone has, with a right check digit.
fn guessed(text: &str) -> Symbology {
    match (text.len(), Gtin::parse(text)) {
        (13, Ok(_)) => Symbology::Ean13,
        (12, Ok(_)) => Symbology::UpcA,
        (8, Ok(_)) => Symbology::Ean8,
        _ => Symbology::Unspecified,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn type_in(wedge: &mut Wedge, text: &str, gap_ms: u64, start_ms: u64) -> Outcome {
        let mut now_ms = start_ms;
        for character in text.chars() {
            wedge.press(Key::Character(character), now_ms);
            now_ms += gap_ms;
        }
        wedge.press(Key::Enter, now_ms)
    }

    /// One line, one case: what the scanner sends, the symbology, the text.
    #[test]
    fn scanners_say_what_they_read() {
        for (sent, symbology, text) in [
            ("9520000000012", Symbology::Unspecified, "9520000000012"),
            ("9521234543213", Symbology::Ean13, "9521234543213"),
            ("]E09521234543213", Symbology::Ean13, "9521234543213"),
            ("]E495050003", Symbology::Ean8, "95050003"),
            ("614141999996", Symbology::UpcA, "614141999996"),
            ("]C10109521234543213\u{1d}10A", Symbology::Gs1128, "0109521234543213\u{1d}10A"),
            ("]C0ABC-1", Symbology::Code128, "ABC-1"),
            ("]d2\u{1d}0109521234543213", Symbology::Gs1DataMatrix, "0109521234543213"),
            ("]Q3https", Symbology::Gs1QrCode, "https"),
            ("]e00109521234543213", Symbology::DataBar, "0109521234543213"),
            ("]I119521234543210", Symbology::Itf14, "19521234543210"),
            ("]?0what", Symbology::Unspecified, "]?0what"),
            ("]\u{e9}0what", Symbology::Unspecified, "]\u{e9}0what"),
        ] {
            let outcome = type_in(&mut Wedge::default(), sent, 4, 1000);
            let Outcome::Scan { code, characters } = outcome else { panic!("{sent}") };
            assert_eq!((code.symbology, code.text.as_str()), (symbology, text), "{sent}");
            assert_eq!(characters, sent.chars().count());
        }
    }

    /// One line, one case: what the scanner sends, symbology and text of the number, the add-on.
    #[test]
    fn add_ons_that_scanners_send_go_to_their_own_place() {
        for (sent, symbology, text, add_on) in [
            ("]E3978014300723451299", Symbology::Ean13, "9780143007234", Some("51299")),
            ("]E3977204936300206", Symbology::Ean13, "9772049363002", Some("06")),
            ("]E3061414199999606", Symbology::Ean13, "0614141999996", Some("06")),
            ("]E361414199999606", Symbology::UpcA, "614141999996", Some("06")),
            ("]E09772049363002]E106", Symbology::Ean13, "9772049363002", Some("06")),
            ("]E0614141999996]E251299", Symbology::UpcA, "614141999996", Some("51299")),
            ("]E09780143007234", Symbology::Ean13, "9780143007234", None),
            ("]E39780143007234", Symbology::Ean13, "9780143007234", None),
            // Nobody says what it is: an add-on may be, and so may anything of that length.
            ("978014300723451299", Symbology::Unspecified, "978014300723451299", None),
        ] {
            let code = read(sent).unwrap();
            assert_eq!((code.symbology, code.text.as_str()), (symbology, text), "{sent}");
            assert_eq!(code.add_on.map(|add_on| add_on.to_string()).as_deref(), add_on, "{sent}");
        }
    }

    #[test]
    fn what_is_typed_before_a_scan_is_no_part_of_it() {
        let mut wedge = Wedge::default();
        wedge.press(Key::Character('7'), 0);
        let outcome = type_in(&mut wedge, "9521234543213", 5, 400);
        let Outcome::Scan { code, .. } = outcome else { panic!("the burst is a scan") };
        assert_eq!(code.text, "9521234543213");
        assert_eq!(wedge.press(Key::Enter, 500), Outcome::Typed);
    }

    #[test]
    fn short_broken_and_endless_bursts_are_no_scans() {
        assert_eq!(type_in(&mut Wedge::default(), "123", 4, 0), Outcome::Typed);
        let endless = "1".repeat(LENGTH_MAX + 1);
        assert_eq!(type_in(&mut Wedge::default(), &endless, 1, 0), Outcome::Typed);
        let mut wedge = Wedge::default();
        for (key, now_ms) in [('1', 0), ('2', 5), ('3', 10), ('4', 15)] {
            wedge.press(Key::Character(key), now_ms);
        }
        wedge.press(Key::Other, 20);
        assert_eq!(wedge.press(Key::Enter, 25), Outcome::Typed);
        let mut wedge = Wedge::default();
        assert_eq!(type_in(&mut wedge, "1234", 0, u64::MAX), type_in(&mut wedge, "1234", 0, 0));
    }

    proptest! {
        /// A person never presses four keys and Enter all within the gap of a scanner.
        #[test]
        fn typing_never_becomes_a_scan(
            keys in prop::collection::vec((any::<char>(), 0u64..400), 0..40),
            enter_gap_ms in GAP_MS_MAX + 1..1000,
        ) {
            let mut wedge = Wedge::default();
            let mut now_ms = 0;
            for (character, gap_ms) in keys {
                now_ms += gap_ms;
                prop_assert_eq!(wedge.press(Key::Character(character), now_ms), Outcome::Pending);
            }
            prop_assert_eq!(wedge.press(Key::Enter, now_ms + enter_gap_ms), Outcome::Typed);
        }

        #[test]
        fn slow_keys_never_become_a_scan(
            text in "[ -~]{4,40}", gap_ms in GAP_MS_MAX + 1..500,
        ) {
            prop_assert_eq!(type_in(&mut Wedge::default(), &text, gap_ms, 0), Outcome::Typed);
        }

        #[test]
        fn every_burst_comes_through_whole(text in "[A-Za-z0-9 -]{4,99}", gap_ms in 0..=GAP_MS_MAX) {
            let outcome = type_in(&mut Wedge::default(), &text, gap_ms, 7);
            let Outcome::Scan { code, .. } = outcome else { panic!("{text}") };
            prop_assert_eq!(code.text, text);
        }
    }
}
