//! What keys mean: the layouts that scanners can be set to type in.
//!
//! A scanner in keyboard mode sends key numbers, not characters, and is set to a country so that
//! the computer of that country understands it. Leave it at the United States' unless the same
//! scanner also serves a computer with another layout. The tables are those of xkeyboard-config,
//! restricted to what labels hold.

use std::str::FromStr;

/// A layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layout {
    /// United States; what scanners are delivered with.
    #[default]
    Us,
    /// United Kingdom.
    Gb,
    /// Germany, Austria.
    De,
    /// Switzerland, German.
    Ch,
    /// France.
    Fr,
}

impl Layout {
    /// All, with the names that the configuration uses.
    pub const ALL: [(Self, &'static str); 5] =
        [(Self::Us, "us"), (Self::Gb, "gb"), (Self::De, "de"), (Self::Ch, "ch"), (Self::Fr, "fr")];
}

impl FromStr for Layout {
    type Err = ();
    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(layout, _)| layout).ok_or(())
    }
}

/// Nothing is on this key.
const NONE: char = '\u{2400}';

/// The four rows of a keyboard: plain, with Shift, with AltGr.
struct Rows {
    plain: [&'static str; 4],
    shift: [&'static str; 4],
    alt: [&'static str; 4],
    /// Keys that wait for the next one; a space after them makes them stand alone.
    dead: &'static str,
}

const EMPTY: &str = "";

const US: Rows = Rows {
    plain: ["`1234567890-=", "qwertyuiop[]", "asdfghjkl;'\\", "<zxcvbnm,./"],
    shift: ["~!@#$%^&*()_+", "QWERTYUIOP{}", "ASDFGHJKL:\"|", ">ZXCVBNM<>?"],
    alt: [EMPTY; 4],
    dead: EMPTY,
};
const GB: Rows = Rows {
    plain: ["`1234567890-=", "qwertyuiop[]", "asdfghjkl;'#", "\\zxcvbnm,./"],
    shift: ["¬!\"£$%^&*()_+", "QWERTYUIOP{}", "ASDFGHJKL:@~", "|ZXCVBNM<>?"],
    alt: ["¦␀␀␀€", EMPTY, EMPTY, EMPTY],
    dead: EMPTY,
};
const DE: Rows = Rows {
    plain: ["^1234567890ß´", "qwertzuiopü+", "asdfghjklöä#", "<yxcvbnm,.-"],
    shift: ["°!\"§$%&/()=?`", "QWERTZUIOPÜ*", "ASDFGHJKLÖÄ'", ">YXCVBNM;:_"],
    alt: ["␀␀²³␀␀␀{[]}\\", "@␀€␀␀␀␀␀␀␀␀~", EMPTY, "|␀␀␀␀␀␀µ"],
    dead: "^´`",
};
const CH: Rows = Rows {
    plain: ["§1234567890'^", "qwertzuiopü¨", "asdfghjklöä$", "<yxcvbnm,.-"],
    shift: ["°+\"*ç%&/()=?`", "QWERTZUIOPè!", "ASDFGHJKLéà£", ">YXCVBNM;:_"],
    alt: ["␀¦@#°§¬|¢␀␀´~", "␀␀€␀␀␀␀␀␀␀[]", "␀␀␀␀␀␀␀␀␀␀{}", "\\"],
    dead: "^¨`´~",
};
const FR: Rows = Rows {
    plain: ["²&é\"'(-è_çà)=", "azertyuiop^$", "qsdfghjklmù*", "<wxcvbn,;:!"],
    shift: ["␀1234567890°+", "AZERTYUIOP¨£", "QSDFGHJKLM%µ", ">WXCVBN?./§"],
    alt: ["␀␀~#{[|`\\^@]}", "␀␀€␀␀␀␀␀␀␀␀¤", EMPTY, EMPTY],
    dead: "^¨~`",
};

const fn rows(layout: Layout) -> &'static Rows {
    match layout {
        Layout::Us => &US,
        Layout::Gb => &GB,
        Layout::De => &DE,
        Layout::Ch => &CH,
        Layout::Fr => &FR,
    }
}

/// Row and column of a key number (`linux/input-event-codes.h`).
fn place(code: u16) -> Option<(usize, usize)> {
    let at = |row: usize, column: u16| Some((row, usize::from(column)));
    match code {
        41 => at(0, 0),
        2..=13 => at(0, code - 1),
        16..=27 => at(1, code - 16),
        30..=40 => at(2, code - 30),
        43 => at(2, 11),
        86 => at(3, 0),
        44..=53 => at(3, code - 43),
        _ => None,
    }
}

/// The character of a key with Shift and AltGr held or not.
pub(super) fn character(layout: Layout, code: u16, shift: bool, alt: bool) -> Option<char> {
    if let Some(character) = everywhere(code) {
        return Some(character);
    }
    let (row, column) = place(code)?;
    let rows = rows(layout);
    let table = match (alt, shift) {
        (true, _) => &rows.alt,
        (false, true) => &rows.shift,
        (false, false) => &rows.plain,
    };
    table[row].chars().nth(column).filter(|character| *character != NONE)
}

/// Whether a character waits for the next one in this layout.
pub(super) fn is_dead(layout: Layout, character: char) -> bool {
    rows(layout).dead.contains(character)
}

/// The number pad and the keys that are the same everywhere.
fn everywhere(code: u16) -> Option<char> {
    Some(match code {
        28 | 96 => '\r',
        15 => '\t',
        57 => ' ',
        55 => '*',
        74 => '-',
        78 => '+',
        83 => '.',
        98 => '/',
        71..=73 => char::from(b'7' + (code - 71) as u8),
        75..=77 => char::from(b'4' + (code - 75) as u8),
        79..=81 => char::from(b'1' + (code - 79) as u8),
        82 => '0',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Reading guide: layout, key, Shift, AltGr, character.
    #[test]
    fn keys_mean_what_is_printed_on_them() {
        for (layout, code, shift, alt, character_on_it) in [
            (Layout::Us, 2, false, false, Some('1')),
            (Layout::Us, 11, false, false, Some('0')),
            (Layout::Us, 27, false, false, Some(']')),
            (Layout::Us, 43, true, false, Some('|')),
            (Layout::Us, 53, true, false, Some('?')),
            (Layout::Us, 39, true, false, Some(':')),
            (Layout::Gb, 40, true, false, Some('@')),
            (Layout::Gb, 43, false, false, Some('#')),
            (Layout::De, 21, false, false, Some('z')),
            (Layout::De, 44, true, false, Some('Y')),
            (Layout::De, 8, true, false, Some('/')),
            (Layout::De, 9, false, true, Some('[')),
            (Layout::De, 10, false, true, Some(']')),
            (Layout::De, 52, true, false, Some(':')),
            (Layout::De, 16, false, true, Some('@')),
            (Layout::Ch, 26, false, true, Some('[')),
            (Layout::Ch, 27, false, true, Some(']')),
            (Layout::Ch, 2, true, false, Some('+')),
            (Layout::Ch, 86, false, true, Some('\\')),
            (Layout::Fr, 2, true, false, Some('1')),
            (Layout::Fr, 2, false, false, Some('&')),
            (Layout::Fr, 12, false, true, Some(']')),
            (Layout::Fr, 16, false, false, Some('a')),
            (Layout::Fr, 52, true, false, Some('/')),
            (Layout::Fr, 30, false, true, None),
            (Layout::Fr, 79, false, false, Some('1')),
            (Layout::De, 1, false, false, None),
        ] {
            let found = character(layout, code, shift, alt);
            assert_eq!(found, character_on_it, "{layout:?} {code} {shift} {alt}");
        }
    }

    #[test]
    fn rows_have_a_character_for_every_key() {
        for (layout, name) in Layout::ALL {
            for table in [&rows(layout).plain, &rows(layout).shift] {
                let lengths = table.map(|row| row.chars().count());
                assert_eq!(lengths, [13, 12, 12, 11], "{name}");
            }
            for (row, length) in rows(layout).alt.iter().zip([13, 12, 12, 11]) {
                assert!(row.chars().count() <= length, "{name} {row}");
            }
            assert_eq!(name.parse(), Ok(layout));
        }
        assert!("qwerty".parse::<Layout>().is_err());
    }

    /// Every digit and every letter can be typed in every layout.
    #[test]
    fn numbers_and_letters_are_on_every_keyboard() {
        for (layout, name) in Layout::ALL {
            for wanted in ('0'..='9').chain('a'..='z').chain('A'..='Z').chain("/:.-?=&%".chars()) {
                let is_typed = (0..128).any(|code| {
                    [(false, false), (true, false), (false, true)]
                        .into_iter()
                        .any(|(shift, alt)| character(layout, code, shift, alt) == Some(wanted))
                });
                assert!(is_typed, "{name} {wanted}");
            }
        }
    }
}
