//! The record format: a header of serial types, then the values.
//! <https://www.sqlite.org/fileformat2.html#record_format>

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL; also what an `INTEGER PRIMARY KEY` shows: its value is the rowid.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number with a point.
    Real(f64),
    /// Text; bytes that are not UTF-8 come as [`Value::Blob`].
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// The number, if it is one.
    pub const fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if it is a blob.
    pub fn as_blob(&self) -> Option<&[u8]> {
        match self {
            Self::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// SQLite's own limit on columns.
const COLUMNS_MAX: usize = 32_767;

/// Reads a variable-length integer: seven bits a byte, big-endian, the ninth byte whole. Gives the
/// bytes that follow.
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (position, byte) in bytes.iter().take(9).enumerate() {
        if position == 8 {
            return Some((value << 8 | u64::from(*byte), &bytes[9..]));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[position + 1..]));
        }
    }
    None
}

/// Reads a whole record; `None` if its header and its length do not agree to the byte.
pub(crate) fn record(payload: &[u8]) -> Option<Vec<Value>> {
    let (header_bytes, after) = varint(payload)?;
    let header_bytes = usize::try_from(header_bytes).ok()?;
    let length_bytes = payload.len() - after.len();
    let mut types = payload.get(length_bytes..header_bytes)?;
    let mut body = payload.get(header_bytes..)?;
    let mut values = Vec::new();
    while !types.is_empty() {
        let (kind, rest) = varint(types)?;
        types = rest;
        if values.len() == COLUMNS_MAX {
            return None;
        }
        let (value, rest) = value(kind, body)?;
        body = rest;
        values.push(value);
    }
    body.is_empty().then_some(values)
}

fn value(kind: u64, body: &[u8]) -> Option<(Value, &[u8])> {
    let length = match kind {
        0 | 8 | 9 => 0,
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 | 7 => 8,
        10 | 11 => return None,
        text_or_blob => usize::try_from((text_or_blob - 12) / 2).ok()?,
    };
    let (bytes, rest) = body.split_at_checked(length)?;
    let value = match kind {
        0 => Value::Null,
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        1..=6 => Value::Integer(integer(bytes)),
        7 => Value::Real(f64::from_bits(integer(bytes).cast_unsigned())),
        even if even % 2 == 0 => Value::Blob(bytes.to_vec()),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Blob(bytes.to_vec()),
        },
    };
    Some((value, rest))
}

/// Two's complement, big-endian, of one to eight bytes.
fn integer(bytes: &[u8]) -> i64 {
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let start = if is_negative { -1 } else { 0 };
    bytes.iter().fold(start, |value, byte| value << 8 | i64::from(*byte))
}
