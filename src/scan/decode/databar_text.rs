//! The element string of a DataBar Expanded, from the bits of its data characters.
//!
//! ISO/IEC 24724:2011, 7.2.5: an encodation method that the first bits name holds a GTIN, a weight,
//! a price or a date in few bits; what else there is follows in a field of digits, capitals or
//! ISO/IEC 646. FNC1 is told as GS. What breaks a rule is no text at all.

use domain::gtin::check_digit;

/// FNC1 between two elements.
const GS: char = '\u{1d}';

/// Bits from first to last.
struct Bits<'a> {
    values: &'a [u32],
    at: usize,
}

impl Bits<'_> {
    /// Twelve bits a character.
    const PER_VALUE: usize = 12;

    fn left(&self) -> usize {
        (self.values.len() * Self::PER_VALUE).saturating_sub(self.at)
    }

    /// The next `count` bits as a number, if there are so many.
    fn peek(&self, count: usize) -> Option<u32> {
        (count <= self.left()).then(|| {
            (self.at..self.at + count).fold(0, |number, at| {
                let value = self.values[at / Self::PER_VALUE];
                number << 1 | (value >> (Self::PER_VALUE - 1 - at % Self::PER_VALUE)) & 1
            })
        })
    }

    fn skip(&mut self, count: usize) {
        self.at += count;
    }

    fn take(&mut self, count: usize) -> Option<u32> {
        let number = self.peek(count)?;
        self.skip(count);
        Some(number)
    }
}

/// The element string of the data characters, in their order.
pub fn element_string(values: &[u32]) -> Option<String> {
    let mut bits = Bits { values, at: 0 };
    let mut text = String::new();
    // The linkage flag tells of a two-dimensional part above, which is another symbol.
    bits.skip(1);
    if bits.peek(1)? == 1 {
        // The method, and two bits about the size of the symbol.
        bits.skip(3);
        let first = bits.take(4)?;
        push_gtin(&mut text, first, &mut bits)?;
        push_general(&mut text, &mut bits)?;
    } else if bits.peek(2)? == 0 {
        bits.skip(4);
        push_general(&mut text, &mut bits)?;
    } else if let method @ 4..=5 = bits.peek(4)? {
        bits.skip(4);
        push_gtin(&mut text, 9, &mut bits)?;
        let weight = bits.take(15)?;
        text += &match (method, weight) {
            (4, weight) => format!("3103{weight:06}"),
            (_, 0..10_000) => format!("3202{weight:06}"),
            _ => format!("3203{:06}", weight - 10_000),
        };
    } else if let method @ 12..=13 = bits.peek(5)? {
        bits.skip(7);
        push_gtin(&mut text, 9, &mut bits)?;
        let places = bits.take(2)?;
        match method {
            12 => text += &format!("392{places}"),
            _ => text += &format!("393{places}{:03}", bits.take(10).filter(|code| *code < 1000)?),
        }
        push_general(&mut text, &mut bits)?;
    } else {
        let method = bits.take(7).filter(|method| (56..64).contains(method))?;
        push_gtin(&mut text, 9, &mut bits)?;
        push_weight_and_date(&mut text, method, &mut bits)?;
    }
    let text = text.trim_end_matches(GS);
    (!text.is_empty()).then(|| text.to_owned())
}

/// `01` and a GTIN: its first digit, four times three digits, and the check digit, which is left out
/// of the symbol (7.2.5.4.1).
fn push_gtin(text: &mut String, first: u32, bits: &mut Bits<'_>) -> Option<()> {
    let mut gtin = char::from_digit(first, 10)?.to_string();
    for _ in 0..4 {
        gtin += &format!("{:03}", bits.take(10).filter(|three| *three < 1000)?);
    }
    let check = check_digit(&gtin)?;
    *text += &format!("01{gtin}{check}");
    Some(())
}

/// Methods 0111000 to 0111111: kilograms or pounds with the place of the point, and a date.
fn push_weight_and_date(text: &mut String, method: u32, bits: &mut Bits<'_>) -> Option<()> {
    /// Stands for no date.
    const NONE: u32 = 38_400;
    let (unit, kind) = (method % 2, (method - 56) / 2);
    let (weight, date) = (bits.take(20)?, bits.take(16)?);
    let (places, weight) = (weight / 100_000, weight % 100_000);
    if places > 9 {
        return None;
    }
    *text += &format!("3{}0{places}{weight:06}", unit + 1);
    if date == NONE {
        return Some(());
    }
    let (day, month, year) = (date % 32, date / 32 % 12 + 1, date / 32 / 12);
    if year > 99 {
        return None;
    }
    let ai = [11, 13, 15, 17][kind as usize];
    *text += &format!("{ai}{year:02}{month:02}{day:02}");
    Some(())
}

/// How the general purpose field is read at present (7.2.5.5).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Numeric,
    Alphanumeric,
    Iso646,
}

/// Everything up to the end of the symbol.
fn push_general(text: &mut String, bits: &mut Bits<'_>) -> Option<()> {
    let mut mode = Mode::Numeric;
    loop {
        // Less than this is padding: the beginning of a latch that nothing follows.
        let least = if mode == Mode::Numeric { 4 } else { 5 };
        if bits.left() < least {
            return Some(());
        }
        mode = match mode {
            Mode::Numeric => push_numeric(text, bits)?,
            mode => push_character(text, mode, bits)?,
        };
    }
}

/// Two digits in seven bits, one in the last four, or the latch to alphanumeric.
fn push_numeric(text: &mut String, bits: &mut Bits<'_>) -> Option<Mode> {
    if bits.peek(4)? == 0 {
        bits.skip(4);
        return Some(Mode::Alphanumeric);
    }
    if bits.left() < 7 {
        let digit = bits.peek(4)? - 1;
        bits.skip(bits.left());
        text.push(char::from_digit(digit, 10)?);
        return Some(Mode::Numeric);
    }
    let pair = bits.take(7)? - 8;
    for digit in [pair / 11, pair % 11] {
        text.push(char::from_digit(digit, 10).unwrap_or(GS));
    }
    Some(Mode::Numeric)
}

/// A character of 5 to 8 bits, or a latch.
fn push_character(text: &mut String, mode: Mode, bits: &mut Bits<'_>) -> Option<Mode> {
    const MORE: &[u8; 21] = b"!\"%&'()*+,-./:;<=>?_ ";
    let five = bits.peek(5)?;
    match five {
        0..4 => {
            bits.skip(3);
            return Some(Mode::Numeric);
        }
        4 => {
            bits.skip(5);
            let is_capital = mode == Mode::Alphanumeric;
            return Some(if is_capital { Mode::Iso646 } else { Mode::Alphanumeric });
        }
        5..15 => {
            bits.skip(5);
            text.push(char::from_digit(five - 5, 10)?);
            return Some(mode);
        }
        15 => {
            // FNC1 latches to numeric (7.2.5.5.3). Printers of the years before print that latch
            // too; as digits, its zeros would be none.
            bits.skip(5);
            text.push(GS);
            if bits.peek(7).is_some_and(|seven| seven < 8) {
                bits.skip(3);
            }
            return Some(Mode::Numeric);
        }
        _ => {}
    }
    let byte = if mode == Mode::Alphanumeric {
        match bits.take(6)? {
            six @ 32..58 => six as u8 - 32 + b'A',
            six @ 58..63 => b"*,-./"[six as usize - 58],
            _ => return None,
        }
    } else {
        match bits.peek(7)? {
            seven @ 64..90 => {
                bits.skip(7);
                seven as u8 - 64 + b'A'
            }
            seven @ 90..116 => {
                bits.skip(7);
                seven as u8 - 90 + b'a'
            }
            _ => MORE[(bits.take(8)?).checked_sub(232).filter(|index| *index < 21)? as usize],
        }
    };
    text.push(char::from(byte));
    Some(mode)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Bits, filled up with the padding of the standard, as numbers of twelve bits.
    fn values(bits: &str) -> Vec<u32> {
        let bits: Vec<u32> = bits.bytes().filter_map(|bit| char::from(bit).to_digit(2)).collect();
        assert!(bits.len().is_multiple_of(12), "{} bits", bits.len());
        bits.chunks(12).map(|twelve| twelve.iter().fold(0, |n, bit| n << 1 | bit)).collect()
    }

    /// One line, one case: bits, element string. The longer ones are printed symbols.
    #[test]
    fn every_method_is_told() {
        let gtin = "1110111010 0000101011 0100101011 1000001001";
        for (bits, text) in [
            (format!("0 0100 {gtin} 000011011010110"), "01995004330055503103001750"),
            (format!("0 0101 {gtin} 000011011010110"), "01995004330055503202001750"),
            (format!("0 0101 {gtin} 010011100010001"), "01995004330055503203000001"),
        ] {
            let found = element_string(&values(&bits)).unwrap();
            assert_eq!(found[16..], text[16..]);
            assert!(found.starts_with("019") && found.len() == text.len(), "{found}");
        }
        for (bits, text) in [
            (
                "000000010011 001010101011 011000101000 010000000110 001110100001 001100000011 \
                 110011000111 010000101010 101010000000",
                "10123456A1234A\u{1d}15991231",
            ),
            (
                "010110011101 111001110110 110010000111 110011010010 001100011101 000010101010 \
                 101001010100 001011000100 000110100111 111001001100 101010000100 000011110110 \
                 110001111101 000011111000 001010001000 010111001101 010001101100 101001001010 \
                 101011011000 101101110111 010110011101",
                "0198898765432106159912313103001750\
                 1012A\u{1d}422123\u{1d}21123456\u{1d}423012345678901",
            ),
        ] {
            assert_eq!(element_string(&values(bits)).as_deref(), Some(text));
        }
    }

    #[test]
    fn weights_with_dates_and_prices_are_told() {
        let gtin = "0000000000 0000000001 0000000010 0000000011";
        // 12.34 kg, best before 2007-10-31: 7 years, 9 months, 31 days.
        let date = format!("{:016b}", (7 * 12 + 9) * 32 + 31);
        let weight = format!("{:020b}", 2 * 100_000 + 1234);
        let bits = format!("0 0111100 {gtin} {weight} {date}");
        let text = element_string(&values(&bits)).unwrap();
        assert_eq!(&text[16..], "310200123415071031");
        // 7.95 of currency 978: three digits in numeric, the last of them alone.
        let currency = format!("{:010b}", 978);
        let price = format!("{:07b} {:04b}", 7 * 11 + 9 + 8, 5 + 1);
        let bits = format!("0 01101 00 {gtin} 10 {currency} {price} 0");
        let text = element_string(&values(&bits)).unwrap();
        assert_eq!(&text[16..], "3932978795");
    }

    proptest! {
        #[test]
        fn whatever_the_bits_nothing_panics(values in prop::collection::vec(0u32..4096, 0..22)) {
            let text = element_string(&values);
            prop_assert!(text.is_none_or(|text| text.is_ascii() && !text.is_empty()));
        }
    }
}
