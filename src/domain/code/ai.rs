//! Application Identifiers: the numbers that say what the digits after them are, with the table
//! of all of them that GS1 has given out.
//!
//! The table is data (`ai_table.txt`), read once; a test compares it with the dictionary of GS1
//! when that lies beside the project. A new identifier is a new line there, never new code here.

use super::lint::Lint;
use std::fmt;
use std::sync::LazyLock;

/// A GS1 Application Identifier: two to four digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ai {
    number: u16,
    digits: u8,
}

impl Ai {
    /// Serial Shipping Container Code.
    pub const SSCC: Self = Self::new(0, 2);
    /// Global Trade Item Number.
    pub const GTIN: Self = Self::new(1, 2);
    /// GTIN of what a logistic unit contains.
    pub const CONTENT: Self = Self::new(2, 2);
    /// Batch or lot.
    pub const LOT: Self = Self::new(10, 2);
    /// Best before.
    pub const BEST_BEFORE: Self = Self::new(15, 2);
    /// Sell by.
    pub const SELL_BY: Self = Self::new(16, 2);
    /// Use by, or the end of a coupon.
    pub const EXPIRY: Self = Self::new(17, 2);
    /// Serial number.
    pub const SERIAL: Self = Self::new(21, 2);
    /// Count of pieces in a variable measure trade item.
    pub const VARIABLE_COUNT: Self = Self::new(30, 2);
    /// Count of trade items in a logistic unit.
    pub const COUNT: Self = Self::new(37, 2);
    /// Global Coupon Number.
    pub const COUPON_NUMBER: Self = Self::new(255, 3);
    /// Use by, with the time of day.
    pub const EXPIRY_TIME: Self = Self::new(7003, 4);
    /// Price per unit of measure.
    pub const PRICE_PER_UNIT: Self = Self::new(8005, 4);
    /// North American coupon.
    pub const COUPON: Self = Self::new(8110, 4);
    /// North American coupon of a positive offer file.
    pub const COUPON_POSITIVE: Self = Self::new(8112, 4);

    const fn new(number: u16, digits: u8) -> Self {
        Self { number, digits }
    }

    /// Two to four digits, whether or not GS1 has given them out.
    pub fn parse(text: &str) -> Option<Self> {
        let is_ai = (2..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        is_ai.then(|| Self::new(text.parse().unwrap_or_default(), text.len() as u8))
    }

    /// Its digits as a number: 10 for `(10)`, 1 for `(01)`.
    pub const fn number(self) -> u16 {
        self.number
    }

    /// How many digits it has.
    pub const fn digits(self) -> usize {
        self.digits as usize
    }

    /// The last digit, which in measures and prices is the number of decimals.
    pub const fn last_digit(self) -> u8 {
        (self.number % 10) as u8
    }

    /// What GS1 says of it; `None` if the number is not given out.
    pub fn entry(self) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.holds(self))
    }
}

impl fmt::Display for Ai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:01$}", self.number, self.digits())
    }
}
impl fmt::Debug for Ai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({self})")
    }
}

/// The characters that a component may hold (GS1 General Specifications, section 7.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// N: digits.
    Numeric,
    /// X: character set 82.
    Set82,
    /// Y: character set 39.
    Set39,
    /// Z: character set 64, base64 for files and addresses.
    Set64,
}

/// One part of the data of an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// What it may be written with.
    pub charset: Charset,
    /// The fewest characters, 1 if the length varies.
    pub length_min: usize,
    /// The most characters.
    pub length_max: usize,
    /// It may be absent if the data ends before it.
    pub is_optional: bool,
    /// What its content must fulfil.
    pub lints: Vec<Lint>,
}

impl Component {
    fn parse(word: &str) -> Option<Self> {
        let (is_optional, word) = match word.strip_prefix('?') {
            Some(rest) => (true, rest),
            None => (false, word),
        };
        let mut parts = word.split(':');
        let format = parts.next()?;
        let charset = match format.get(..1)? {
            "N" => Charset::Numeric,
            "X" => Charset::Set82,
            "Y" => Charset::Set39,
            "Z" => Charset::Set64,
            _ => return None,
        };
        let (length_min, length_max) = match format.get(1..)?.strip_prefix("..") {
            Some(most) => (1, most.parse().ok()?),
            None => (format.get(1..)?.parse().ok()?, format.get(1..)?.parse().ok()?),
        };
        let lints = parts.map(Lint::from_name).collect::<Option<_>>()?;
        Some(Self { charset, length_min, length_max, is_optional, lints })
    }

    /// Whether every value has the same length.
    pub const fn is_fixed(&self) -> bool {
        self.length_min == self.length_max
    }
}

/// One identifier, or ten of them: `310n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    number: u16,
    digits: u8,
    wild: u8,
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.trim_end_matches('n');
        let wild = u8::try_from(text.len() - digits.len()).ok()?;
        Some(Self { number: digits.parse().ok()?, digits: text.len() as u8, wild })
    }

    /// Whether `ai` is meant.
    pub fn holds(self, ai: Ai) -> bool {
        self.digits == ai.digits && ai.number / 10u16.pow(self.wild.into()) == self.number
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, wild) = (usize::from(self.digits - self.wild), usize::from(self.wild));
        write!(f, "{:0width$}{:n<wild$}", self.number, "")
    }
}

/// What GS1 says of an identifier.
#[derive(Debug)]
pub struct Entry {
    first: u16,
    last: u16,
    digits: u8,
    /// Its length is fixed for all time: no separator follows (General Specifications, figure
    /// 7.8.5-2).
    pub is_predefined_length: bool,
    /// It may stand in the query of a Digital Link.
    pub is_attribute: bool,
    /// Its data, part by part.
    pub components: Vec<Component>,
    /// One of these groups must be on the same item; empty if it stands alone.
    pub needs: Vec<Vec<Pattern>>,
    /// None of these may be in the same string.
    pub excludes: Vec<Pattern>,
    /// If it is a primary key of Digital Links: the sequences of qualifiers, in order.
    pub key: Option<Vec<Vec<Ai>>>,
    /// The data title of the standard, which people read: `BATCH/LOT`.
    pub title: &'static str,
}

impl Entry {
    fn parse(row: &'static str) -> Option<Self> {
        let mut columns = row.splitn(7, '|');
        let mut column = || columns.next();
        let (first, last) = ai_range(column()?)?;
        let marks = column()?;
        let components =
            column()?.split_whitespace().map(Component::parse).collect::<Option<_>>()?;
        let group = |word: &str| word.split('+').map(Pattern::parse).collect::<Option<_>>();
        let needs = column()?.split_whitespace().map(group).collect::<Option<_>>()?;
        let excludes = column()?.split_whitespace().map(Pattern::parse).collect::<Option<_>>()?;
        let sequence = |word: &str| word.split('>').map(Ai::parse).collect::<Option<_>>();
        let key = match column()? {
            "" => None,
            "*" => Some(Vec::new()),
            words => Some(words.split_whitespace().map(sequence).collect::<Option<_>>()?),
        };
        Some(Self {
            first: first.number,
            last: last.number,
            digits: first.digits,
            is_predefined_length: marks.contains('f'),
            is_attribute: marks.contains('a'),
            components,
            needs,
            excludes,
            key,
            title: column()?,
        })
    }

    fn holds(&self, ai: Ai) -> bool {
        self.digits == ai.digits && (self.first..=self.last).contains(&ai.number)
    }

    /// The identifiers of this row.
    pub fn ais(&self) -> impl Iterator<Item = Ai> {
        let digits = self.digits;
        (self.first..=self.last).map(move |number| Ai::new(number, digits))
    }

    /// The fewest and the most characters of its data.
    pub fn length(&self) -> (usize, usize) {
        let must = self.components.iter().filter(|component| !component.is_optional);
        let most = self.components.iter().map(|component| component.length_max).sum();
        (must.map(|component| component.length_min).sum(), most)
    }
}

/// `310[0-5]` or `01`.
fn ai_range(text: &str) -> Option<(Ai, Ai)> {
    let Some((stem, range)) = text.split_once('[') else {
        return Ai::parse(text).map(|ai| (ai, ai));
    };
    let (first, last) = range.strip_suffix(']')?.split_once('-')?;
    Some((Ai::parse(&format!("{stem}{first}"))?, Ai::parse(&format!("{stem}{last}"))?))
}

static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let rows = include_str!("ai_table.txt").lines().filter(|row| !row.starts_with('#'));
    rows.map(|row| Entry::parse(row).expect("the rows of our own table are tested")).collect()
});

/// Every row of the table, in the order of the identifiers.
pub fn table() -> &'static [Entry] {
    &TABLE
}

/// The identifier at the start of `text`. No identifier is the beginning of another, so that
/// there is at most one.
pub fn leading_ai(text: &str) -> Option<(Ai, &'static Entry)> {
    (2..=4).find_map(|digits| {
        let ai = Ai::parse(text.get(..digits)?)?;
        Some((ai, ai.entry()?))
    })
}
