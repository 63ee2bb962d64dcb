//! Codes as modules: what is printed, with its text.
//!
//! EAN and UPC are drawn from the tables of ISO/IEC 15420:2009 as bits, not from the widths that the reader holds: a
//! wrong digit in either is found. The others are drawn by rxing's writers.

use crate::chance::Chance;
use domain::code::Symbology;
use domain::gtin::{check_digit, expand_upc_e};
use rxing::{BarcodeFormat, MultiFormatWriter, Writer};

/// What can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Thirteen digits.
    Ean13,
    /// Twelve digits.
    UpcA,
    /// Eight digits.
    Ean8,
    /// Eight digits that stand for twelve.
    UpcE,
    /// Any text.
    Code128,
    /// Fourteen digits on a case.
    Itf14,
    /// QR Code.
    Qr,
    /// Data Matrix.
    DataMatrix,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Ean13,
        Self::UpcA,
        Self::Ean8,
        Self::UpcE,
        Self::Code128,
        Self::Itf14,
        Self::Qr,
        Self::DataMatrix,
    ];

    /// Whether it is made of squares and not of bars.
    pub const fn is_matrix(self) -> bool {
        matches!(self, Self::Qr | Self::DataMatrix)
    }

    /// The light margins that the standards demand left and right, in modules.
    pub const fn quiet_modules(self) -> (usize, usize) {
        match self {
            Self::Ean13 => (11, 7),
            Self::UpcA => (9, 9),
            Self::Ean8 => (7, 7),
            Self::UpcE => (9, 7),
            Self::Code128 | Self::Itf14 => (10, 10),
            Self::Qr => (4, 4),
            // One is demanded; printers give more.
            Self::DataMatrix => (2, 2),
        }
    }
}

/// One code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// What was drawn.
    pub kind: Kind,
    /// What a reader names it.
    pub symbology: Symbology,
    /// What a reader says.
    pub text: String,
    /// Modules in a row.
    pub columns: usize,
    /// Rows of modules; 1 for bars.
    pub rows: usize,
    /// Row by row, dark ones `true`.
    pub modules: Vec<bool>,
}

/// Left digits of odd parity (set A); set C is the complement, set B is that backwards.
const SET_A: [&str; 10] = [
    "0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011",
    "0110111", "0001011",
];
/// Sets of the six left digits of an EAN-13, by the leading digit.
const LEADING: [&str; 10] = [
    "AAAAAA", "AABABB", "AABBAB", "AABBBA", "ABAABB", "ABBAAB", "ABBBAA", "ABABAB", "ABABBA",
    "ABBABA",
];
/// Sets of the six digits of a UPC-E of number system 0, by the check digit.
const UPC_E: [&str; 10] = [
    "BBBAAA", "BBABAA", "BBAABA", "BBAAAB", "BABBAA", "BAABBA", "BAAABB", "BABABA", "BABAAB",
    "BAABAB",
];

fn push(modules: &mut Vec<bool>, bits: &str) {
    modules.extend(bits.bytes().map(|bit| bit == b'1'));
}

fn push_digit(modules: &mut Vec<bool>, digit: u8, set: u8) {
    let bits = SET_A[usize::from(digit - b'0')].bytes().map(|bit| bit == b'1');
    match set {
        b'A' => modules.extend(bits),
        b'B' => modules.extend(bits.rev().map(|is_dark| !is_dark)),
        _ => modules.extend(bits.map(|is_dark| !is_dark)),
    }
}

fn ean_modules(left: &[u8], sets: &str, right: &[u8]) -> Vec<bool> {
    let mut modules = Vec::with_capacity(95);
    push(&mut modules, "101");
    left.iter().zip(sets.bytes()).for_each(|(digit, set)| push_digit(&mut modules, *digit, set));
    push(&mut modules, "01010");
    right.iter().for_each(|digit| push_digit(&mut modules, *digit, b'C'));
    push(&mut modules, "101");
    modules
}

fn upc_e_modules(text: &[u8]) -> Vec<bool> {
    let mut modules = Vec::with_capacity(51);
    push(&mut modules, "101");
    let flip = text[0] == b'1';
    for (digit, set) in text[1..7].iter().zip(UPC_E[usize::from(text[7] - b'0')].bytes()) {
        let is_b = (set == b'B') != flip;
        push_digit(&mut modules, *digit, if is_b { b'B' } else { b'A' });
    }
    push(&mut modules, "010101");
    modules
}

fn with_check_digit(body: &str) -> String {
    let check = check_digit(body).expect("the body is made of digits");
    format!("{body}{check}")
}

/// A zero-suppressed number with its check digit, of number system 0.
fn upc_e_text(chance: &mut Chance) -> String {
    // Bodies whose expansion could be shortened otherwise are not valid, so ask for a valid one.
    loop {
        let body = format!("0{}", chance.digits(6));
        for check in 0..10 {
            let text = format!("{body}{check}");
            if expand_upc_e(&text).is_some_and(|long| with_check_digit(&long[..11]) == long) {
                return text;
            }
        }
    }
}

impl Symbol {
    /// A code of that kind with an invented number or text.
    pub fn invented(kind: Kind, chance: &mut Chance) -> Self {
        let text = match kind {
            Kind::Ean13 => {
                let prefix =
                    *chance.pick(&["400", "401", "310", "541", "500", "760", "871", "952", "978"]);
                with_check_digit(&format!("{prefix}{}", chance.digits(9)))
            }
            Kind::UpcA => {
                let system = *chance.pick(&["0", "1", "6", "7", "8"]);
                with_check_digit(&format!("{system}{}", chance.digits(10)))
            }
            Kind::Ean8 => {
                let prefix = *chance.pick(&["40", "42", "50", "54", "96"]);
                with_check_digit(&format!("{prefix}{}", chance.digits(5)))
            }
            Kind::UpcE => upc_e_text(chance),
            Kind::Itf14 => {
                let indicator = 1 + chance.below(8);
                with_check_digit(&format!("{indicator}40{}", chance.digits(10)))
            }
            Kind::Code128 => {
                let (shelf, lot) = (chance.digits(3), chance.digits(5));
                format!("{}-{shelf}/{lot}", chance.pick(&["LOT", "Box", "SN", "Regal"]))
            }
            Kind::Qr => {
                // A GS1 Digital Link: other addresses are advertisements, which wait before they ring.
                let article = with_check_digit(&format!("0400{}", chance.digits(9)));
                format!("https://example.com/01/{article}")
            }
            Kind::DataMatrix => format!("LOT {} / {}", chance.digits(4), chance.digits(6)),
        };
        Self::of(kind, &text)
    }

    /// The code of a text.
    ///
    /// # Panics
    /// Where such a code cannot hold the text.
    pub fn of(kind: Kind, text: &str) -> Self {
        let bytes = text.as_bytes();
        let bars = |modules: Vec<bool>| (modules.len(), 1, modules);
        let (symbology, (columns, rows, modules)) = match kind {
            Kind::Ean13 => {
                let sets = LEADING[usize::from(bytes[0] - b'0')];
                (Symbology::Ean13, bars(ean_modules(&bytes[1..7], sets, &bytes[7..])))
            }
            Kind::UpcA => {
                (Symbology::UpcA, bars(ean_modules(&bytes[..6], LEADING[0], &bytes[6..])))
            }
            Kind::Ean8 => (Symbology::Ean8, bars(ean_modules(&bytes[..4], "AAAA", &bytes[4..]))),
            Kind::UpcE => (Symbology::UpcE, bars(upc_e_modules(bytes))),
            Kind::Code128 => (Symbology::Code128, written(BarcodeFormat::CODE_128, text)),
            Kind::Itf14 => (Symbology::Itf14, written(BarcodeFormat::ITF, text)),
            Kind::Qr => (Symbology::QrCode, written(BarcodeFormat::QR_CODE, text)),
            Kind::DataMatrix => (Symbology::DataMatrix, written(BarcodeFormat::DATA_MATRIX, text)),
        };
        Self { kind, symbology, text: text.to_owned(), columns, rows, modules }
    }

    /// Whether the module is dark; those outside are not.
    pub fn is_dark(&self, column: usize, row: usize) -> bool {
        column < self.columns && self.modules.get(row * self.columns + column) == Some(&true)
    }

    /// Whether a read says what is printed. EAN-13 with a leading zero is a UPC-A.
    pub fn is_read_as(&self, symbology: Symbology, text: &str) -> bool {
        let plain = |symbology: Symbology, text: &str| match (symbology, text.strip_prefix('0')) {
            (Symbology::Ean13, Some(rest)) => (Symbology::UpcA, rest.to_owned()),
            _ => (symbology, text.to_owned()),
        };
        plain(self.symbology, &self.text) == plain(symbology, text)
    }
}

/// What rxing draws, without its margins.
fn written(format: BarcodeFormat, text: &str) -> (usize, usize, Vec<bool>) {
    let bits = MultiFormatWriter.encode(text, &format, 1, 1).expect("the text fits the code");
    let (width, height) = (bits.getWidth(), bits.getHeight());
    let is_matrix = matches!(format, BarcodeFormat::QR_CODE | BarcodeFormat::DATA_MATRIX);
    let height = if is_matrix { height } else { 1 };
    let inked = |x: u32| (0..height).any(|y| bits.get(x, y));
    let lined = |y: u32| (0..width).any(|x| bits.get(x, y));
    let left = (0..width).find(|x| inked(*x)).expect("a code has dark modules");
    let right = (0..width).rfind(|x| inked(*x)).expect("a code has dark modules") + 1;
    let top = (0..height).find(|y| lined(*y)).expect("a code has dark modules");
    let bottom = (0..height).rfind(|y| lined(*y)).expect("a code has dark modules") + 1;
    let modules =
        (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y))).map(|(x, y)| bits.get(x, y));
    ((right - left) as usize, (bottom - top) as usize, modules.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two hands draw the same bars: ours from the tables, rxing's writers from theirs.
    #[test]
    fn our_bars_are_those_of_another_writer() {
        let mut chance = Chance::new(1);
        for kind in [Kind::Ean13, Kind::UpcA, Kind::Ean8, Kind::UpcE] {
            let format = match kind {
                Kind::Ean13 => BarcodeFormat::EAN_13,
                Kind::UpcA => BarcodeFormat::UPC_A,
                Kind::Ean8 => BarcodeFormat::EAN_8,
                _ => BarcodeFormat::UPC_E,
            };
            for _ in 0..100 {
                let symbol = Symbol::invented(kind, &mut chance);
                let (columns, _, modules) = written(format, &symbol.text);
                assert_eq!((symbol.columns, &symbol.modules), (columns, &modules), "{symbol:?}");
            }
        }
    }

    #[test]
    fn reads_are_compared_as_numbers() {
        let symbol = Symbol::of(Kind::UpcA, "614141999996");
        assert!(symbol.is_read_as(Symbology::UpcA, "614141999996"));
        assert!(symbol.is_read_as(Symbology::Ean13, "0614141999996"));
        assert!(!symbol.is_read_as(Symbology::Ean13, "614141999996"));
        assert!(!symbol.is_read_as(Symbology::Code128, "614141999996"));
    }

    #[test]
    fn every_kind_can_be_invented() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            let symbol = Symbol::invented(kind, &mut Chance::new(index as u64));
            assert_eq!(symbol.modules.len(), symbol.columns * symbol.rows);
            assert_eq!(symbol.rows > 1, kind.is_matrix(), "{kind:?}");
            assert!(symbol.is_dark(0, 0) && !symbol.is_dark(symbol.columns, 0));
        }
    }
}
