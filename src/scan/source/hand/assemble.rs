//! Characters one by one into whole texts, or nothing.
//!
//! ```text
//! open   -> skip until the line was silent once: the tail of a scan under way is no scan
//! text   -> end character: told        silence: told if silence is the end, else half a code: dropped
//! garbage, lost keys, too long         -> the whole text is dropped, up to its end
//! silence in the middle of a text      -> what comes right after it is its tail: dropped too
//! ```
//! Invariant: a text that is told has every character that came between two ends, in order. Pure:
//! time comes as a number.

use super::setting::Ending;
use crate::wedge::LENGTH_MIN;

/// The longest text; the largest QR code holds 7,089 digits, and what is longer is no code.
pub const LENGTH_MAX: usize = 7200;

const STX: u8 = 0x02;
const ETX: u8 = 0x03;

/// What the characters came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A whole text, without its end.
    Text(String),
    /// Something came that is no text, and was dropped.
    Garbled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing of it is believed until the line is silent.
    Skipping,
    /// Characters are collected.
    Sound,
    /// Characters of the text under way were bad or lost: it is dropped at its end.
    Bad,
    /// A text broke off; what comes within the time of a silence is its tail.
    Broken {
        /// When it broke off.
        at_ms: u64,
    },
}

/// The machine.
#[derive(Debug)]
pub struct Assembler {
    ending: Ending,
    idle_ms: u64,
    state: State,
    bytes: Vec<u8>,
    last_ms: u64,
}

impl Assembler {
    /// For a port that was opened at `now_ms`; `idle_ms` without a character is silence.
    pub fn new(ending: Ending, idle_ms: u64, now_ms: u64) -> Self {
        Self { ending, idle_ms, state: State::Skipping, bytes: Vec::new(), last_ms: now_ms }
    }

    /// Time has passed.
    pub fn tick(&mut self, now_ms: u64) -> Option<Told> {
        // A clock that ran backwards is a silence.
        let is_silent =
            now_ms.checked_sub(self.last_ms).is_none_or(|silence| silence > self.idle_ms);
        if !is_silent {
            return None;
        }
        self.last_ms = self.last_ms.min(now_ms);
        match self.state {
            State::Skipping => {
                self.state = State::Sound;
                self.bytes.clear();
                None
            }
            State::Sound if self.bytes.is_empty() => None,
            State::Sound if self.ending == Ending::Silence => self.end(),
            State::Sound | State::Bad => {
                self.bytes.clear();
                self.state = State::Broken { at_ms: now_ms };
                Some(Told::Garbled)
            }
            State::Broken { at_ms } => {
                // Whatever began within that time was dropped; a silence after it ends the matter.
                if now_ms.checked_sub(at_ms).is_none_or(|passed| passed > self.idle_ms) {
                    self.state = State::Sound;
                    self.bytes.clear();
                }
                None
            }
        }
    }

    /// A character of the keyboard.
    pub fn character(&mut self, character: char, now_ms: u64) -> Option<Told> {
        let mut buffer = [0; 4];
        let bytes = character.encode_utf8(&mut buffer).as_bytes();
        let mut told = None;
        for byte in bytes {
            told = told.or(self.byte(*byte, now_ms));
        }
        told
    }

    /// A character of the line.
    pub fn byte(&mut self, byte: u8, now_ms: u64) -> Option<Told> {
        let silence = self.tick(now_ms);
        let begins = self.bytes.is_empty();
        self.last_ms = now_ms;
        let ends = match (self.ending, byte) {
            (Ending::Line, b'\r' | b'\n') | (Ending::Cr, b'\r') | (Ending::Lf, b'\n') => true,
            (Ending::CrLf, b'\n') => self.bytes.last() == Some(&b'\r'),
            (Ending::Tab, b'\t') => true,
            _ => false,
        };
        if ends {
            return silence.or(self.end());
        }
        match byte {
            // The other half of an end, or a frame that some scanners put around.
            b'\r' | b'\n' | STX if begins => {}
            b'\t' | b'\r' | b'\n' | STX | ETX | 0x04 | 0x1c..=0x1f | b' '..=b'~' | 0x80.. => {
                if self.state == State::Sound {
                    match self.bytes.len() < LENGTH_MAX {
                        true => self.bytes.push(byte),
                        false => self.spoil(),
                    }
                }
            }
            _ => self.spoil(),
        }
        silence
    }

    /// Characters were lost here: what is under way, or begins now, is not whole.
    pub fn lost(&mut self, now_ms: u64) {
        self.last_ms = now_ms;
        self.spoil();
    }

    fn spoil(&mut self) {
        if self.state == State::Sound {
            self.state = State::Bad;
            self.bytes.clear();
        }
    }

    /// An end came.
    fn end(&mut self) -> Option<Told> {
        let bytes = std::mem::take(&mut self.bytes);
        match std::mem::replace(&mut self.state, State::Sound) {
            State::Sound => {
                let trimmed = trimmed(&bytes);
                match (trimmed.is_empty(), trimmed.len() < LENGTH_MIN) {
                    (true, _) => None,
                    (false, true) => Some(Told::Garbled),
                    (false, false) => Some(text(trimmed)),
                }
            }
            State::Bad => Some(Told::Garbled),
            // The tail of a scan that was under way, or that broke off.
            State::Skipping | State::Broken { .. } => None,
        }
    }
}

/// Without what scanners put around a text. A GS at the end belongs to no text either, but one in
/// front says something and stays.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let is_frame = |byte: &u8| matches!(*byte, b'\r' | b'\n' | b'\t' | STX | ETX);
    let begin = bytes.iter().position(|byte| !is_frame(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !is_frame(byte)).map_or(begin, |last| last + 1);
    &bytes[begin..end]
}

/// UTF-8 if it is, else ISO 8859-1, which QR codes are in where they say nothing. A frame in the
/// middle means that two texts ran together.
fn text(bytes: &[u8]) -> Told {
    if bytes.iter().any(|byte| matches!(*byte, STX | ETX)) {
        return Told::Garbled;
    }
    Told::Text(match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    })
}
