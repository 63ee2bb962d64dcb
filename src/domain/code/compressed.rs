//! Compressed GS1 Digital Links: identifiers and data as bits, written in base64 for addresses.
//!
//! Rules: GS1 Digital Link Standard, "Compression and decompression", as first published: digits
//! of an identifier in four bits each, or one byte for a usual combination; numbers in as many
//! bits as their digits need; text with an encoding and a length. What no table explains without
//! doubt is refused. Nearly every word in an address could be read as bits, so that the whole must
//! come out even, begin with a key, and fulfil every check of its elements.

use super::ai::{Ai, Charset, Entry, leading_ai};
use super::element::Element;

/// The alphabet of base64 in file names and addresses (RFC 4648, section 5).
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// The longest packed text that is looked at: 512 characters hold more than any symbol's worth of
/// elements.
const PACKED_MAX: usize = 512;
/// The most digits that are packed as one number here; 38 fit 128 bits.
const DIGITS_MAX: usize = 38;
/// Identifiers whose bits the tables give otherwise than today's formats do, or not at all: what
/// they would say is not certain.
const UNCERTAIN: [&str; 20] = [
    "03", "235", "425", "7011", "7040", "7041", "7241", "7242", "7250", "7251", "7252", "7253",
    "7254", "7255", "7256", "7257", "7258", "7259", "8007", "8030",
];

/// Why a text is not unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is a word like any other.
    NotPacked,
    /// It begins as packed data does, and goes on in a way that is not understood.
    Unclear,
}

struct Bits<'a> {
    text: &'a [u8],
    offset: usize,
}

impl Bits<'_> {
    fn left(&self) -> usize {
        self.text.len() * 6 - self.offset
    }

    fn take(&mut self, count: usize) -> Option<u128> {
        if count > self.left() || count > 128 {
            return None;
        }
        let mut value = 0;
        for _ in 0..count {
            let byte = self.text[self.offset / 6];
            let sextet = ALPHABET.iter().position(|known| *known == byte)?;
            value = value << 1 | (sextet >> (5 - self.offset % 6) & 1) as u128;
            self.offset += 1;
        }
        Some(value)
    }

    /// A number of that many digits.
    fn number(&mut self, digits: usize) -> Option<String> {
        if digits > DIGITS_MAX {
            return None;
        }
        let text = format!("{:0digits$}", self.take(number_bits(digits))?);
        (text.len() == digits.max(1)).then(|| if digits == 0 { String::new() } else { text })
    }

    /// A text: its encoding in three bits, its length unless it is fixed, its characters.
    fn text(&mut self, length_max: usize, is_fixed: bool) -> Option<String> {
        let encoding = self.take(3)?;
        let length = match is_fixed {
            true => length_max,
            false => self.take(length_bits(length_max))? as usize,
        };
        let (bits, alphabet): (usize, &[u8]) = match encoding {
            0 => return self.number(length),
            1 => (4, b"0123456789abcdef"),
            2 => (4, b"0123456789ABCDEF"),
            3 => (6, ALPHABET),
            4 => (7, b""),
            _ => return None,
        };
        let mut text = String::with_capacity(length);
        for _ in 0..length {
            let index = self.take(bits)? as u8;
            text.push(char::from(alphabet.get(usize::from(index)).copied().unwrap_or(index)));
        }
        Some(text)
    }
}

/// Bits of a number of that many digits: `digits · log2 10 + 0.01`, rounded up, in integers.
const fn number_bits(digits: usize) -> usize {
    (digits * 332_192_810 + 1_000_000).div_ceil(100_000_000)
}

/// Bits of a length up to that.
const fn length_bits(length_max: usize) -> usize {
    (usize::BITS - length_max.leading_zeros()) as usize
}

/// The usual combinations that have a byte of their own. Two more (`1A` and `9D`) are left out:
/// the published tables and tools differ on the order within them.
fn combination(byte: u8) -> Option<Vec<Ai>> {
    let words = |words: &str| words.split(' ').map(Ai::parse).collect();
    let digit = byte & 0xF;
    match byte {
        0x0A => words("01 22"),
        0x0B => words("01 10"),
        0x0C => words("01 21"),
        0x0D => words("01 17"),
        0x0E => words("01 7003"),
        0x0F => words("01 30"),
        0x1B => words("01 15"),
        0x1C => words("01 11"),
        0x1D => words("01 16"),
        0x1E => words("01 91"),
        0x1F => words("01 10 15"),
        0x2A..=0x2F => words(&format!("01 310{}", digit - 0xA)),
        0x3A..=0x3F => words(&format!("01 320{}", digit - 0xA)),
        0x9A => words("8010 8011"),
        0x9B => words("8017 8019"),
        0x9C => words("8018 8019"),
        0xA0..=0xA9 => words(&format!("01 392{digit}")),
        0xC0..=0xC9 => words(&format!("255 390{digit}")),
        0xCA..=0xCD => words(&format!("255 394{}", digit - 0xA)),
        _ => None,
    }
}

/// The identifier or combination that stands next.
fn next_ais(bits: &mut Bits<'_>) -> Option<Vec<Ai>> {
    let byte = bits.take(8)? as u8;
    let (high, low) = (byte >> 4, byte & 0xF);
    if high > 9 || low > 9 {
        return combination(byte);
    }
    let mut digits = format!("{high}{low}");
    while leading_ai(&digits).is_none() && digits.len() < 4 {
        let digit = bits.take(4).filter(|digit| *digit <= 9)?;
        digits += &digit.to_string();
    }
    Some(vec![leading_ai(&digits)?.0])
}

/// The data of an identifier. Neighbouring components of one kind are packed as one.
fn value(bits: &mut Bits<'_>, entry: &Entry) -> Option<String> {
    let mut text = String::new();
    let mut components = entry.components.iter().peekable();
    while let Some(component) = components.next() {
        let is_number = component.charset == Charset::Numeric;
        let mut length_max = component.length_max;
        let mut is_fixed = component.is_fixed() && !component.is_optional;
        let goes_on = |next: &&super::ai::Component, is_fixed: bool| {
            let is_same = (next.charset == Charset::Numeric) == is_number;
            // A fixed number ends before a varying one; texts and optional parts run on.
            is_same && (!is_number || is_fixed == (next.is_fixed() && !next.is_optional))
        };
        while let Some(next) = components.next_if(|next| goes_on(next, is_fixed)) {
            length_max += next.length_max;
            is_fixed &= next.is_fixed() && !next.is_optional;
        }
        text += &match (is_number, is_fixed) {
            (true, true) => bits.number(length_max)?,
            (true, false) => {
                let digits = bits.take(length_bits(length_max))? as usize;
                bits.number(digits)?
            }
            (false, _) => bits.text(length_max, is_fixed)?,
        };
    }
    Some(text)
}

fn next_element(bits: &mut Bits<'_>, ai: Ai) -> Option<Element> {
    let is_uncertain = UNCERTAIN.contains(&ai.to_string().as_str());
    let entry = ai.entry().filter(|_| !is_uncertain)?;
    Element::new(ai, &value(bits, entry)?).ok()
}

fn next_elements(bits: &mut Bits<'_>) -> Option<Vec<Element>> {
    next_ais(bits)?.into_iter().map(|ai| next_element(bits, ai)).collect()
}

/// Unpacks the compressed part of an address.
pub(super) fn unpack(text: &str) -> Result<Vec<Element>, Refusal> {
    let is_packed = text.len() <= PACKED_MAX && text.bytes().all(|byte| ALPHABET.contains(&byte));
    if !is_packed {
        return Err(Refusal::NotPacked);
    }
    let mut bits = Bits { text: text.as_bytes(), offset: 0 };
    let mut elements: Vec<Element> = Vec::new();
    // Less than a byte can be left, and is zero: it fills up the last character.
    while bits.left() >= 8 {
        match next_elements(&mut bits) {
            Some(next) => elements.extend(next),
            None => return Err(refusal(&elements)),
        }
    }
    // A key of zeros is nobody's, and what a word of many A comes to.
    let is_zero = |element: &Element| element.value().bytes().all(|byte| byte == b'0');
    if elements.first().is_none_or(is_zero) {
        return Err(Refusal::NotPacked);
    }
    let left = bits.left();
    let is_even = left < 6 && bits.take(left) == Some(0);
    if is_even { Ok(elements) } else { Err(refusal(&elements)) }
}

/// A key with a right check digit in front is no accident.
fn refusal(elements: &[Element]) -> Refusal {
    let is_key = elements.first().is_some_and(|element| {
        element.entry().key.is_some() && element.value().bytes().any(|byte| byte != b'0')
    });
    if is_key { Refusal::Unclear } else { Refusal::NotPacked }
}
