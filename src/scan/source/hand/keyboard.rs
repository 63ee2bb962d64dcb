//! Keys that go down and up into characters: Shift, AltGr, control characters, and numbers typed
//! with Alt held.
//!
//! GS (0x1D), which separates GS1 elements, is no key. Scanners send it as Ctrl with `]`, or as Alt
//! with its number on the number pad; both are understood. Caps Lock is not: a grabbed keyboard has
//! no lamp, and scanners assume that it is off.

use super::keymap::{self, Layout};

const LEFT_CTRL: u16 = 29;
const RIGHT_CTRL: u16 = 97;
const LEFT_SHIFT: u16 = 42;
const RIGHT_SHIFT: u16 = 54;
const LEFT_ALT: u16 = 56;
const ALT_GR: u16 = 100;
/// A character beyond this is not sent as a number by any scanner.
const NUMBER_MAX: u32 = 255;

/// The state of one keyboard.
#[derive(Debug)]
pub(super) struct Keyboard {
    layout: Layout,
    shift: u8,
    ctrl: u8,
    alt_gr: bool,
    /// Held, with the number typed so far.
    alt: Option<Option<u32>>,
    /// The last character is a dead key: a space after it only makes it stand alone.
    was_dead: bool,
}

/// Which of the two keys on a keyboard.
const fn side(code: u16) -> u8 {
    match code {
        LEFT_SHIFT | LEFT_CTRL => 1,
        _ => 2,
    }
}

fn hold(held: &mut u8, code: u16, is_down: bool) {
    match is_down {
        true => *held |= side(code),
        false => *held &= !side(code),
    }
}

impl Keyboard {
    pub(super) const fn new(layout: Layout) -> Self {
        Self { layout, shift: 0, ctrl: 0, alt_gr: false, alt: None, was_dead: false }
    }

    /// The character that a key makes, if any.
    pub(super) fn key(&mut self, code: u16, is_down: bool) -> Option<char> {
        match code {
            LEFT_SHIFT | RIGHT_SHIFT => hold(&mut self.shift, code, is_down),
            LEFT_CTRL | RIGHT_CTRL => hold(&mut self.ctrl, code, is_down),
            ALT_GR => self.alt_gr = is_down,
            LEFT_ALT if is_down => self.alt = Some(None),
            LEFT_ALT => return self.numbered(),
            _ if is_down => return self.pressed(code),
            _ => {}
        }
        None
    }

    fn numbered(&mut self) -> Option<char> {
        let number = self.alt.take().flatten()?;
        // A number that no character has must spoil the text, not vanish from it.
        Some(char::from(u8::try_from(number).unwrap_or(0)))
    }

    fn pressed(&mut self, code: u16) -> Option<char> {
        let character = keymap::character(self.layout, code, self.shift != 0, self.alt_gr)?;
        if let Some(number) = &mut self.alt {
            let digit = character.to_digit(10)?;
            let so_far = number.unwrap_or(0);
            *number = Some((so_far * 10 + digit).min(NUMBER_MAX + 1));
            return None;
        }
        if self.ctrl != 0 {
            // ASCII: a control character is its letter without the two upper bits.
            let upper = character.to_ascii_uppercase();
            return ('@'..='_').contains(&upper).then(|| char::from(upper as u8 & 0x1f));
        }
        let stands_alone = std::mem::take(&mut self.was_dead) && character == ' ';
        self.was_dead = keymap::is_dead(self.layout, character);
        (!stands_alone).then_some(character)
    }
}
