//! GS1 element strings: identifiers and their data, as symbols carry them and as people read them.
//!
//! ```text
//! symbol   0109521234543213 10ABC <GS> 17261231        FNC1 is GS (0x1D)
//! people   (01)09521234543213(10)ABC(17)261231
//! ```
//!
//! Rules: GS1 General Specifications, section 7.8 (processing), 3 (each identifier), 4.14
//! (companions). Data is taken as it stands or not at all: nothing is guessed, trimmed or mended,
//! because half a code read right is a whole code read wrong.

use super::ai::{Ai, Charset, Component, Entry, leading_ai};
use super::fault::{Gs1Error, Gs1Fault};
use super::lint::Lint;
use super::symbology::strip_gs1_identifier;
use crate::gtin::Gtin;

/// FNC1 between elements, as scanners send it.
pub const SEPARATOR: char = '\u{1d}';
/// More elements than this are in no symbol: the largest holds 7,089 digits.
const ELEMENTS_MAX: usize = 1024;

/// One identifier and its data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Element {
    ai: Ai,
    value: String,
}

impl Element {
    /// An element whose data fits its identifier. The position of an error counts in the data.
    pub fn new(ai: Ai, value: &str) -> Result<Self, Gs1Error> {
        let entry = ai.entry().ok_or_else(|| Gs1Error::new(ai, 0, Gs1Fault::UnknownAi))?;
        check(entry, value).map_err(|(offset, fault)| Gs1Error::new(ai, offset, fault))?;
        Ok(Self { ai, value: value.to_owned() })
    }

    /// The identifier.
    pub const fn ai(&self) -> Ai {
        self.ai
    }

    /// The data.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What GS1 says of the identifier.
    pub fn entry(&self) -> &'static Entry {
        self.ai.entry().expect("an element is made with a known identifier only")
    }
}

/// What the symbol says, in its order, each identifier once.
///
/// Invariant: every element fits its identifier, and none excludes another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ElementString {
    elements: Vec<Element>,
}

/// Elements as they come, each with the offset of its identifier in the text as read.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    elements: Vec<Element>,
    offsets: Vec<usize>,
}

impl Parsed {
    /// Adds an element. `at` gives the offset in the text of an offset in the data.
    pub(super) fn push(
        &mut self,
        ai: Ai,
        value: &str,
        ai_offset: usize,
        at: impl Fn(usize) -> usize,
    ) -> Result<(), Gs1Error> {
        let element = Element::new(ai, value)
            .map_err(|error| Gs1Error::new(ai, at(error.position - 1), error.fault))?;
        match self.elements.iter().find(|known| known.ai == ai) {
            // The standard has every occurrence carry the same value; once is enough to know it.
            Some(known) if known.value == value => return Ok(()),
            Some(_) => return Err(Gs1Error::new(ai, ai_offset, Gs1Fault::Contradiction)),
            None if self.elements.len() >= ELEMENTS_MAX => {
                return Err(Gs1Error::new(ai, ai_offset, Gs1Fault::TooLong(ELEMENTS_MAX)));
            }
            None => {}
        }
        self.elements.push(element);
        self.offsets.push(ai_offset);
        Ok(())
    }

    pub(super) fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The string, and what it misses on the same item.
    pub(super) fn finish(self) -> Result<(ElementString, Option<Gs1Error>), Gs1Error> {
        if self.elements.is_empty() {
            return Err(Gs1Error::new(None, 0, Gs1Fault::Empty));
        }
        for (element, offset) in self.elements.iter().zip(&self.offsets) {
            for pattern in &element.entry().excludes {
                let other =
                    self.elements.iter().find(|other| pattern.holds(other.ai) && *other != element);
                if let Some(other) = other {
                    let fault = Gs1Fault::Excluded(other.ai);
                    return Err(Gs1Error::new(element.ai, *offset, fault));
                }
            }
        }
        let string = ElementString { elements: self.elements };
        let missing = string.missing(&self.offsets);
        Ok((string, missing))
    }
}

/// Whether data fits an identifier; else the offset in the data and what is wrong.
fn check(entry: &Entry, value: &str) -> Result<(), (usize, Gs1Fault)> {
    let (length_min, length_max) = entry.length();
    let mut offset = 0;
    for component in &entry.components {
        let rest = value.get(offset..).unwrap_or_default();
        if component.is_optional && rest.is_empty() {
            break;
        }
        // Characters beyond ASCII fail the character set at their first byte.
        let end = rest.len().min(component.length_max);
        let end = (end..=rest.len()).find(|end| rest.is_char_boundary(*end)).unwrap_or(end);
        let part = &rest[..end];
        check_component(component, part).map_err(|(at, fault)| (offset + at, fault))?;
        if part.len() < component.length_min {
            return Err((value.len(), Gs1Fault::TooShort(length_min)));
        }
        for lint in &component.lints {
            lint.check(part)
                .map_err(|error| (offset + error.offset, Gs1Fault::Content(error.fault)))?;
        }
        offset += part.len();
    }
    match offset < value.len() {
        true => Err((offset, Gs1Fault::TooLong(length_max))),
        false => Ok(()),
    }
}

fn check_component(component: &Component, part: &str) -> Result<(), (usize, Gs1Fault)> {
    let lint = match component.charset {
        Charset::Numeric => Lint::CsetNumeric,
        Charset::Set82 => Lint::Cset82,
        Charset::Set39 => Lint::Cset39,
        Charset::Set64 => Lint::Cset64,
    };
    lint.check(part).map_err(|error| (error.offset, Gs1Fault::Content(error.fault)))
}

/// Reads what a symbol carries, or what people read.
pub(super) fn parse(text: &str) -> Result<Parsed, Gs1Error> {
    let data = strip_gs1_identifier(text).unwrap_or(text);
    let begin = text.len() - data.len();
    match data.starts_with('(') {
        true => parse_brackets(data, begin),
        false => parse_symbol(data, begin),
    }
}

/// Offsets in bytes are offsets in characters: whatever is not ASCII is refused where it stands.
fn parse_symbol(data: &str, begin: usize) -> Result<Parsed, Gs1Error> {
    let mut parsed = Parsed::default();
    // FNC1 in first position says what the symbol is and is no data; a last one ends nothing.
    let mut rest = data.strip_prefix(SEPARATOR).unwrap_or(data);
    while !rest.is_empty() {
        let offset = begin + data.len() - rest.len();
        let (ai, entry) =
            leading_ai(rest).ok_or_else(|| Gs1Error::new(None, offset, Gs1Fault::UnknownAi))?;
        let after = &rest[ai.digits()..];
        let field = after.find(SEPARATOR).map_or(after, |end| &after[..end]);
        let value = match entry.is_predefined_length {
            true => field.get(..entry.length().1).unwrap_or(field),
            false => field,
        };
        parsed.push(ai, value, offset, |at| offset + ai.digits() + at)?;
        let after = &after[value.len()..];
        rest = after.strip_prefix(SEPARATOR).unwrap_or(after);
    }
    Ok(parsed)
}

fn parse_brackets(data: &str, begin: usize) -> Result<Parsed, Gs1Error> {
    let mut parsed = Parsed::default();
    let mut rest = data;
    while !rest.is_empty() {
        let offset = begin + data.len() - rest.len();
        let stray = || Gs1Error::new(None, offset, Gs1Fault::Bracket);
        let (digits, after) =
            rest.strip_prefix('(').and_then(|inner| inner.split_once(')')).ok_or_else(stray)?;
        let ai = Ai::parse(digits).ok_or_else(stray)?;
        if ai.entry().is_none() {
            return Err(Gs1Error::new(ai, offset + 1, Gs1Fault::UnknownAi));
        }
        let (value, places, length) = unescaped(after);
        let value_offset = offset + digits.len() + 2;
        let at = |at: usize| value_offset + places.get(at).copied().unwrap_or(length);
        parsed.push(ai, &value, offset + 1, at)?;
        rest = &after[length..];
    }
    Ok(parsed)
}

/// The data up to the next bracket, where each of its bytes stood, and how far it went. A bracket
/// within the data is written `\(`, which is unambiguous because no data holds a backslash.
fn unescaped(text: &str) -> (String, Vec<usize>, usize) {
    let (mut value, mut places) = (String::new(), Vec::new());
    let mut characters = text.char_indices().peekable();
    while let Some((offset, character)) = characters.next() {
        let is_escaped = character == '\\' && matches!(characters.peek(), Some((_, '(')));
        match character {
            '(' => return (value, places, offset),
            _ if is_escaped => {
                value.push('(');
                places.push(offset);
                characters.next();
            }
            _ => {
                value.push(character);
                places.extend((0..character.len_utf8()).map(|byte| offset + byte));
            }
        }
    }
    (value, places, text.len())
}

impl ElementString {
    /// Reads what a symbol carries (FNC1 as GS, with or without an AIM identifier in front) or
    /// what people read (`(01)…(10)…`). Companions that are missing are no fault of the string:
    /// they may be in another symbol on the same item, see [`Self::missing_companion`].
    pub fn parse(text: &str) -> Result<Self, Gs1Error> {
        Ok(parse(text)?.finish()?.0)
    }

    /// Puts elements together; refuses what cannot stand together. The position of an error
    /// counts in the form of the symbol.
    pub fn new(elements: impl IntoIterator<Item = Element>) -> Result<Self, Gs1Error> {
        let mut parsed = Parsed::default();
        let mut offset = 0;
        for Element { ai, value } in elements {
            parsed.push(ai, &value, offset, |at| at)?;
            offset += ai.digits() + value.len() + 1;
        }
        Ok(parsed.finish()?.0)
    }

    /// In the order of the symbol.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The data of an identifier.
    pub fn value(&self, ai: Ai) -> Option<&str> {
        self.elements.iter().find(|element| element.ai == ai).map(Element::value)
    }

    /// The trade item, AI 01.
    pub fn gtin(&self) -> Option<Gtin> {
        Gtin::parse(self.value(Ai::GTIN)?).ok()
    }

    /// What GS1 wants on the same item and this string does not hold. The position counts in the
    /// form of the symbol.
    pub fn missing_companion(&self) -> Option<Gs1Error> {
        let mut offset = 0;
        let offsets = self.elements.iter().map(|element| {
            let separator = usize::from(!element.entry().is_predefined_length);
            let this = offset;
            offset += element.ai.digits() + element.value.len() + separator;
            this
        });
        let offsets: Vec<usize> = offsets.collect();
        self.missing(&offsets)
    }

    fn missing(&self, offsets: &[usize]) -> Option<Gs1Error> {
        let is_here = |group: &Vec<_>| {
            group.iter().all(|pattern: &super::ai::Pattern| {
                self.elements.iter().any(|element| pattern.holds(element.ai))
            })
        };
        let (element, offset) = self.elements.iter().zip(offsets).find(|(element, _)| {
            let needs = &element.entry().needs;
            !needs.is_empty() && !needs.iter().any(is_here)
        })?;
        let group = |group: &Vec<super::ai::Pattern>| {
            group.iter().map(|pattern| format!("({pattern})")).collect::<Vec<_>>().join(" with ")
        };
        let words: Vec<String> = element.entry().needs.iter().map(group).collect();
        Some(Gs1Error::new(element.ai, *offset, Gs1Fault::Needs(words.join(" or "))))
    }

    /// As a symbol carries it: GS where a separator is needed, none in front.
    pub fn to_symbol(&self) -> String {
        let mut text = String::new();
        for (index, element) in self.elements.iter().enumerate() {
            text += &format!("{}{}", element.ai, element.value);
            let is_last = index + 1 == self.elements.len();
            if !is_last && !element.entry().is_predefined_length {
                text.push(SEPARATOR);
            }
        }
        text
    }

    /// As people read it: `(01)09521234543213(10)ABC`.
    pub fn to_brackets(&self) -> String {
        let element =
            |element: &Element| format!("({}){}", element.ai, element.value.replace('(', "\\("));
        self.elements.iter().map(element).collect()
    }
}
