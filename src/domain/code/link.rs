//! GS1 Digital Link: a web address that holds a GS1 key.
//!
//! ```text
//! https://any.host/any/stem/01/09521234543213/10/ABC?17=261231
//!                           key               qualifier  attribute
//! ```
//!
//! Rules: GS1 Digital Link Standard, "URI Syntax". Any host is as good as another: the address is
//! read and never fetched. An address without a key is somebody's advertisement. Short names
//! (`/gtin/`) and GTINs of fewer than fourteen digits were of the first editions and are still on
//! packs, so that both are read; they are never written.

use super::ai::{Ai, Entry};
use super::compressed::{self, Refusal};
use super::element::{Element, ElementString, Parsed};
use super::fault::{Gs1Error, Gs1Fault};

/// The names that editions 1.0 and 1.1 of the standard allowed instead of digits.
const SHORT_NAMES: [(&str, &str); 24] = [
    ("cpid", "8010"),
    ("cpsn", "8011"),
    ("cpv", "22"),
    ("exp", "17"),
    ("expdt", "7003"),
    ("gcn", "255"),
    ("gdti", "253"),
    ("giai", "8004"),
    ("ginc", "401"),
    ("gln", "414"),
    ("glnx", "254"),
    ("gmn", "8013"),
    ("grai", "8003"),
    ("gsin", "402"),
    ("gsrn", "8018"),
    ("gsrnp", "8017"),
    ("gtin", "01"),
    ("itip", "8006"),
    ("lot", "10"),
    ("party", "417"),
    ("refno", "8020"),
    ("ser", "21"),
    ("srin", "8019"),
    ("sscc", "00"),
];

/// A part of the address and its offset in it.
#[derive(Clone, Copy)]
struct Part<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Part<'a> {
    fn split(self, at: char) -> impl Iterator<Item = Part<'a>> {
        let mut offset = self.offset;
        self.text.split(at).map(move |text| {
            let part = Part { text, offset };
            offset += text.len() + at.len_utf8();
            part
        })
    }

    fn ai(self) -> Option<(Ai, &'static Entry)> {
        let named = SHORT_NAMES.iter().find(|row| row.0 == self.text).map(|row| row.1);
        let ai = Ai::parse(named.unwrap_or(self.text))?;
        Some((ai, ai.entry()?))
    }
}

/// What follows the scheme of a web address, with its offset; `None` if it is none.
fn after_scheme(text: &str) -> Option<Part<'_>> {
    ["https://", "http://"].iter().find_map(|scheme| {
        let is_here = text.get(..scheme.len())?.eq_ignore_ascii_case(scheme);
        is_here.then(|| Part { text: &text[scheme.len()..], offset: scheme.len() })
    })
}

/// Whether a text is a web address at all.
pub fn is_web_address(text: &str) -> bool {
    after_scheme(text).is_some()
}

/// Path and query of the address; the fragment is nobody's.
fn path_and_query(text: &str) -> Result<(Part<'_>, Option<Part<'_>>), Gs1Error> {
    let broken = |offset| Gs1Error::new(None, offset, Gs1Fault::Address);
    let Part { text: rest, offset } = after_scheme(text).ok_or_else(|| broken(0))?;
    if let Some(at) = text.bytes().position(|byte| !byte.is_ascii_graphic()) {
        return Err(broken(text[..at].chars().count()));
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_host) {
        return Err(broken(offset));
    }
    let offset = offset + host.len();
    Ok(match path.split_once('?') {
        Some((path, query)) => {
            let query = Part { text: query, offset: offset + path.len() + 1 };
            (Part { text: path, offset }, Some(query))
        }
        None => (Part { text: path, offset }, None),
    })
}

/// Takes the percent-encoding off: the text, and the offset of each of its characters.
fn decoded(part: Part<'_>, is_query: bool) -> Result<(String, Vec<usize>), Gs1Error> {
    let bytes = part.text.as_bytes();
    let (mut text, mut offsets) = (String::new(), Vec::new());
    let mut index = 0;
    while let Some(byte) = bytes.get(index) {
        let place = part.offset + index;
        let character = match byte {
            b'%' => {
                let broken = || Gs1Error::new(None, place, Gs1Fault::Percent);
                let code = part.text.get(index + 1..index + 3).ok_or_else(broken)?;
                if !code.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return Err(broken());
                }
                index += 2;
                let code = u8::from_str_radix(code, 16).ok().filter(u8::is_ascii_graphic);
                code.ok_or_else(broken)?
            }
            // A form would write a space so, and no data of GS1 has one; left as a space it
            // fails the character set, where a plus would be invented data.
            b'+' if is_query => b' ',
            byte => *byte,
        };
        text.push(char::from(character));
        offsets.push(place);
        index += 1;
    }
    Ok((text, offsets))
}

/// GTIN-8, -12 and -13 as the fourteen digits of AI 01.
fn padded(ai: Ai, value: &str) -> String {
    match value.len() {
        8 | 12 | 13 if ai == Ai::GTIN || ai == Ai::CONTENT => format!("{value:0>14}"),
        _ => value.to_owned(),
    }
}

fn push(
    parsed: &mut Parsed,
    ai: Ai,
    name: Part<'_>,
    value: Part<'_>,
    is_query: bool,
) -> Result<(), Gs1Error> {
    let (text, offsets) =
        decoded(value, is_query).map_err(|error| Gs1Error { ai: Some(ai), ..error })?;
    let text = padded(ai, &text);
    let padding = text.len() - offsets.len();
    let at = |at: usize| {
        let end = value.offset + value.text.len();
        offsets.get(at.saturating_sub(padding)).copied().unwrap_or(end)
    };
    parsed.push(ai, &text, name.offset, at)
}

/// Whether `used` comes in the order of one of the sequences.
fn is_in_order(sequences: &[Vec<Ai>], used: &[Ai]) -> bool {
    let fits = |sequence: &Vec<Ai>| {
        let mut rest = sequence.iter();
        used.iter().all(|ai| rest.any(|known| known == ai))
    };
    used.is_empty() || sequences.iter().any(fits)
}

/// The qualifiers of a key, in every sequence that it may have.
fn sequences(key: Ai) -> &'static [Vec<Ai>] {
    key.entry().and_then(|entry| entry.key.as_deref()).unwrap_or_default()
}

/// An identifier in the path, the part that names it, and the part with its data.
type Pair<'a> = (Ai, Part<'a>, Part<'a>);

/// The pairs from the last key on, if the path ends in `key/value/qualifier/value…`.
fn key_pairs<'a>(parts: &[Part<'a>]) -> Option<Vec<Pair<'a>>> {
    let mut pairs = Vec::new();
    for pair in parts.rchunks_exact(2) {
        let (ai, entry) = pair[0].ai()?;
        pairs.push((ai, pair[0], pair[1]));
        if entry.key.is_some() {
            pairs.reverse();
            return Some(pairs);
        }
    }
    None
}

/// Whether `ai` could stand in the path beside `used`.
fn belongs_in_path(sequences: &[Vec<Ai>], used: &[Ai], ai: Ai) -> bool {
    let holds = |sequence: &Vec<Ai>| {
        sequence.contains(&ai) && used.iter().all(|other| sequence.contains(other))
    };
    sequences.iter().any(holds)
}

/// Reads a web address.
pub(super) fn parse(text: &str) -> Result<Parsed, Gs1Error> {
    let (path, query) = path_and_query(text)?;
    let mut parts: Vec<Part<'_>> = path.split('/').skip(1).collect();
    if parts.last().is_some_and(|part| part.text.is_empty()) {
        parts.pop();
    }
    let mut parsed = Parsed::default();
    match (key_pairs(&parts), parts.split_last()) {
        (Some(pairs), _) => push_path(&mut parsed, &pairs)?,
        (None, Some((last, before))) => unpack(&mut parsed, before, *last)?,
        (None, None) => return Err(Gs1Error::new(None, 0, Gs1Fault::NoKey)),
    }
    let path_ais: Vec<Ai> = parsed.elements().iter().map(Element::ai).collect();
    for pair in query.iter().flat_map(|query| query.split('&')).flat_map(|part| part.split(';')) {
        push_attribute(&mut parsed, &path_ais, pair)?;
    }
    Ok(parsed)
}

/// The key and its qualifiers.
fn push_path(parsed: &mut Parsed, pairs: &[Pair<'_>]) -> Result<(), Gs1Error> {
    let sequences = pairs.first().map(|(key, ..)| sequences(*key)).unwrap_or_default();
    let mut used = Vec::new();
    for (index, (ai, name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            used.push(*ai);
        }
        if !is_in_order(sequences, &used) {
            return Err(Gs1Error::new(*ai, name.offset, Gs1Fault::Qualifier));
        }
        push(parsed, *ai, *name, *value, false)?;
    }
    Ok(())
}

/// The compressed forms: everything in the last part of the path, or everything but the key.
fn unpack(parsed: &mut Parsed, before: &[Part<'_>], last: Part<'_>) -> Result<(), Gs1Error> {
    let key = key_pairs(before).filter(|pairs| pairs.len() == 1);
    let elements = compressed::unpack(last.text).map_err(|refusal| {
        let fault = match (refusal, &key) {
            (Refusal::Unclear, _) => Gs1Fault::Compressed,
            // Any word in an address may look like packed data: only a good one is a claim.
            (Refusal::NotPacked, None) => Gs1Fault::NoKey,
            (Refusal::NotPacked, Some(_)) => Gs1Fault::Qualifier,
        };
        Gs1Error::new(None, last.offset, fault)
    })?;
    push_path(parsed, key.as_deref().unwrap_or_default())?;
    for element in &elements {
        parsed.push(element.ai(), element.value(), last.offset, |_| last.offset)?;
    }
    // Packed elements come in no particular order.
    let Some(key) = parsed.elements().iter().find(|element| element.entry().key.is_some()) else {
        return Err(Gs1Error::new(None, last.offset, Gs1Fault::NoKey));
    };
    let sequences = sequences(key.ai());
    let others = || parsed.elements().iter().filter(|element| element.ai() != key.ai());
    let used: Vec<Ai> = others()
        .map(Element::ai)
        .filter(|ai| sequences.iter().flatten().any(|qualifier| qualifier == ai))
        .collect();
    let is_wrong = |element: &&Element| match used.contains(&element.ai()) {
        true => !belongs_in_path(sequences, &used, element.ai()),
        false => !element.entry().is_attribute,
    };
    match others().find(is_wrong) {
        Some(wrong) => Err(Gs1Error::new(wrong.ai(), last.offset, Gs1Fault::Qualifier)),
        None => Ok(()),
    }
}

fn push_attribute(parsed: &mut Parsed, path_ais: &[Ai], pair: Part<'_>) -> Result<(), Gs1Error> {
    let mut sides = pair.split('=');
    let (Some(name), Some(value)) = (sides.next(), sides.next()) else { return Ok(()) };
    let Some((ai, entry)) = name.ai() else {
        // Names of others are theirs; numbers are GS1's.
        let is_number = !name.text.is_empty() && name.text.bytes().all(|b| b.is_ascii_digit());
        return match is_number {
            true => Err(Gs1Error::new(None, name.offset, Gs1Fault::UnknownAi)),
            false => Ok(()),
        };
    };
    let (key, used) =
        path_ais.split_first().map_or((None, path_ais), |(key, used)| (Some(*key), used));
    let is_in_wrong_place = key.is_some_and(|key| belongs_in_path(sequences(key), used, ai));
    if !entry.is_attribute || is_in_wrong_place {
        return Err(Gs1Error::new(ai, name.offset, Gs1Fault::NotAnAttribute));
    }
    // A value may hold `=`, which then is data.
    let text = &pair.text[name.text.len() + 1..];
    push(parsed, ai, name, Part { text, offset: value.offset }, true)
}

/// Percent-encodes everything but the unreserved characters (RFC 3986, section 2.3).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => out += &format!("%{byte:02X}"),
        }
    }
    out
}

impl ElementString {
    /// Reads a GS1 Digital Link, compressed or not.
    pub fn parse_link(address: &str) -> Result<Self, Gs1Error> {
        Ok(parse(address)?.finish()?.0)
    }

    /// As a GS1 Digital Link on `stem` (`https://id.gs1.org`): the first key, its qualifiers in
    /// order, the rest as attributes. An error says which element cannot be in a link; its
    /// position is that of the element, from 1.
    pub fn to_link(&self, stem: &str) -> Result<String, Gs1Error> {
        let no_key = || Gs1Error::new(None, 0, Gs1Fault::NoKey);
        let key = self.elements().iter().find(|element| element.entry().key.is_some());
        let key = key.ok_or_else(no_key)?;
        let sequences = sequences(key.ai());
        let held =
            |sequence: &&Vec<Ai>| sequence.iter().filter(|ai| self.value(**ai).is_some()).count();
        let sequence = sequences.iter().rev().max_by_key(held);
        let mut link =
            format!("{}/{}/{}", stem.trim_end_matches('/'), key.ai(), encoded(key.value()));
        for ai in sequence.into_iter().flatten() {
            if let Some(value) = self.value(*ai) {
                link += &format!("/{ai}/{}", encoded(value));
            }
        }
        let is_in_path = |ai: Ai| ai == key.ai() || sequence.is_some_and(|all| all.contains(&ai));
        let used: Vec<Ai> = self
            .elements()
            .iter()
            .map(Element::ai)
            .filter(|ai| sequence.is_some_and(|all| all.contains(ai)))
            .collect();
        let mut mark = '?';
        for (index, element) in self.elements().iter().enumerate() {
            let ai = element.ai();
            if is_in_path(ai) {
                continue;
            }
            if !element.entry().is_attribute || belongs_in_path(sequences, &used, ai) {
                return Err(Gs1Error::new(ai, index, Gs1Fault::NotAnAttribute));
            }
            link += &format!("{mark}{ai}={}", encoded(element.value()));
            mark = '&';
        }
        Ok(link)
    }
}
