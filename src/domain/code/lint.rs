//! The checks of content that the GS1 Barcode Syntax Dictionary names ("linters"), as pure
//! functions.
//!
//! Each takes the text of one component and says where it is wrong and why. Rules: GS1 General
//! Specifications, section 3 (each identifier), 7.9 (check digits), 7.11 (character sets), and the
//! standards named at the check. None of them asks anybody: a company prefix is looked at only for
//! its form.

use super::code_list::{
    COUNTRIES_ALPHA2, COUNTRIES_NUMERIC, PACKAGE_TYPES, is_currency_number, is_listed,
};
use super::coupon::{Coupon, CouponError, PositiveOffer};
use crate::gtin::check_digit;

/// The shortest GS1 Company Prefix in use.
const COMPANY_PREFIX_MIN: usize = 4;
/// More than the longest data of any identifier (99) less the two check characters.
const CHECK_PAIR_DATA_MAX: usize = 97;
/// No IBAN is shorter (ISO 13616-1: Norway has 15).
const IBAN_MIN: usize = 11;
/// Character set 32, in which check character pairs are written (section 7.9.5).
const SET32: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Character set 82, in the order of its values (figure 7.11-1).
const SET82: &[u8; 82] =
    b"!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// A check of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lint {
    /// North American coupon, AI 8110.
    CouponCode,
    /// North American coupon of a positive offer file, AI 8112.
    CouponPosOffer,
    /// Character set 39.
    Cset39,
    /// Character set 64, with or without padding.
    Cset64,
    /// Character set 82.
    Cset82,
    /// Digits.
    CsetNumeric,
    /// The last digit is the check digit.
    Csum,
    /// The last two characters are the check character pair.
    CsumAlpha,
    /// Begins with a company prefix.
    GcpPos1,
    /// A company prefix from the second character.
    GcpPos2,
    /// Not of digits alone.
    HasNonDigit,
    /// Hour.
    Hh,
    /// Hour and minute.
    HhMi,
    /// Hyphens.
    Hyphen,
    /// International Bank Account Number.
    Iban,
    /// Importer index.
    ImporterIdx,
    /// Country, three digits.
    Iso3166,
    /// Country, three digits, or 999 for several.
    Iso3166Or999,
    /// Country, two letters.
    Iso3166Alpha2,
    /// Currency, three digits.
    Iso4217,
    /// Sex.
    Iso5218,
    /// Degrees from the south pole.
    Latitude,
    /// Degrees east.
    Longitude,
    /// AIDC media type.
    MediaType,
    /// Minute.
    Mi,
    /// Not all zeros.
    NonZero,
    /// No leading zero.
    NoZeroPrefix,
    /// UN/ECE package type.
    PackageType,
    /// Percent-encoded text.
    PcEnc,
    /// Number of a piece and how many there are, in two halves.
    PieceOfTotal,
    /// Position and end of a sequence: `1/3`.
    PosInSeqSlash,
    /// Second.
    Ss,
    /// Winding direction.
    Winding,
    /// 0 or 1.
    YesNo,
    /// Date whose day may be 00.
    YyMmD0,
    /// Date.
    YyMmDd,
    /// Date with a year of four digits whose day may be 00.
    YyyyMmD0,
    /// Date with a year of four digits.
    YyyyMmDd,
    /// All zeros.
    Zero,
}

/// Why a text fails a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum LintFault {
    /// A digit is wanted.
    #[error("a digit is wanted here")]
    NotADigit,
    /// The character is not of the character set.
    #[error("the character is not of GS1 character set {0}")]
    NotInSet(u8),
    /// Padding of base64 at the wrong place.
    #[error("the padding does not fit")]
    Padding,
    /// The check digit does not fit.
    #[error("the check digit should be {0}")]
    CheckDigit(u8),
    /// The check character pair does not fit.
    #[error("the check characters do not fit")]
    CheckPair,
    /// The check digits of the bank account do not fit.
    #[error("the check digits of the bank account do not fit")]
    BankAccount,
    /// Fewer characters than the rule needs.
    #[error("it is too short")]
    TooShort,
    /// More or fewer characters than the rule has.
    #[error("it has the wrong length")]
    Length,
    /// Not of ISO 3166.
    #[error("no country of ISO 3166")]
    Country,
    /// Not of ISO 4217.
    #[error("no currency of ISO 4217")]
    Currency,
    /// Not 01 to 12.
    #[error("there is no such month")]
    Month,
    /// The month does not have it.
    #[error("the month has no such day")]
    Day,
    /// Not 00 to 23.
    #[error("there is no such hour")]
    Hour,
    /// Not 00 to 59.
    #[error("there is no such minute")]
    Minute,
    /// Not 00 to 59.
    #[error("there is no such second")]
    Second,
    /// Not 0, 1, 2, 9.
    #[error("no code of ISO 5218")]
    Sex,
    /// Beyond the pole or the full circle.
    #[error("beyond the globe")]
    Globe,
    /// No AIDC media type.
    #[error("no media type")]
    MediaType,
    /// All zeros.
    #[error("it must not be zero")]
    AllZero,
    /// Not zero.
    #[error("it must be zero")]
    NotZero,
    /// A zero in front.
    #[error("it must not begin with zero")]
    LeadingZero,
    /// Not of the list of packages.
    #[error("no package type of the United Nations")]
    PackageType,
    /// `%` without two hexadecimal digits.
    #[error("% without two hexadecimal digits")]
    PercentCode,
    /// A piece beyond the total, or zero.
    #[error("the piece is none of the total")]
    Piece,
    /// No `position/end`, or beyond the end.
    #[error("no place in a sequence")]
    Sequence,
    /// Something else than hyphens.
    #[error("a hyphen is wanted here")]
    Hyphen,
    /// No winding direction.
    #[error("no winding direction (0, 1, 9)")]
    Winding,
    /// Neither 0 nor 1.
    #[error("0 or 1 is wanted here")]
    YesNo,
    /// Of digits alone.
    #[error("of digits alone")]
    OnlyDigits,
    /// Not one of the 64 characters of an importer index.
    #[error("no importer index")]
    ImporterIndex,
    /// No company prefix can begin so.
    #[error("no GS1 company prefix")]
    CompanyPrefix,
    /// A coupon that does not follow its structure.
    #[error(transparent)]
    Coupon(CouponError),
}

/// Where a text fails a check, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LintError {
    /// Offset of the first wrong character, from 0.
    pub offset: usize,
    /// What is wrong.
    pub fault: LintFault,
}

type Outcome = Result<(), LintError>;

fn fail(offset: usize, fault: LintFault) -> Outcome {
    Err(LintError { offset, fault })
}

fn demand(is_right: bool, fault: LintFault) -> Outcome {
    if is_right { Ok(()) } else { fail(0, fault) }
}

/// Fails at the first character that is not `allowed`.
fn only(text: &str, fault: LintFault, allowed: impl Fn(u8) -> bool) -> Outcome {
    text.bytes().position(|byte| !allowed(byte)).map_or(Ok(()), |offset| fail(offset, fault))
}

fn digits(text: &str) -> Outcome {
    only(text, LintFault::NotADigit, |byte| byte.is_ascii_digit())
}

/// Exactly `length` digits as a number.
fn number(text: &str, length: usize) -> Result<u64, LintError> {
    digits(text)?;
    if text.len() != length {
        return Err(LintError { offset: 0, fault: LintFault::Length });
    }
    Ok(text.bytes().fold(0, |sum, byte| sum * 10 + u64::from(byte - b'0')))
}

impl Lint {
    const ALL: [(Self, &'static str); 39] = [
        (Self::CouponCode, "couponcode"),
        (Self::CouponPosOffer, "couponposoffer"),
        (Self::Cset39, "cset39"),
        (Self::Cset64, "cset64"),
        (Self::Cset82, "cset82"),
        (Self::CsetNumeric, "csetnumeric"),
        (Self::Csum, "csum"),
        (Self::CsumAlpha, "csumalpha"),
        (Self::GcpPos1, "gcppos1"),
        (Self::GcpPos2, "gcppos2"),
        (Self::HasNonDigit, "hasnondigit"),
        (Self::Hh, "hh"),
        (Self::HhMi, "hhmi"),
        (Self::Hyphen, "hyphen"),
        (Self::Iban, "iban"),
        (Self::ImporterIdx, "importeridx"),
        (Self::Iso3166, "iso3166"),
        (Self::Iso3166Or999, "iso3166999"),
        (Self::Iso3166Alpha2, "iso3166alpha2"),
        (Self::Iso4217, "iso4217"),
        (Self::Iso5218, "iso5218"),
        (Self::Latitude, "latitude"),
        (Self::Longitude, "longitude"),
        (Self::MediaType, "mediatype"),
        (Self::Mi, "mi"),
        (Self::NonZero, "nonzero"),
        (Self::NoZeroPrefix, "nozeroprefix"),
        (Self::PackageType, "packagetype"),
        (Self::PcEnc, "pcenc"),
        (Self::PieceOfTotal, "pieceoftotal"),
        (Self::PosInSeqSlash, "posinseqslash"),
        (Self::Ss, "ss"),
        (Self::Winding, "winding"),
        (Self::YesNo, "yesno"),
        (Self::YyMmD0, "yymmd0"),
        (Self::YyMmDd, "yymmdd"),
        (Self::YyyyMmD0, "yyyymmd0"),
        (Self::YyyyMmDd, "yyyymmdd"),
        (Self::Zero, "zero"),
    ];

    /// The name in the dictionary.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// The check of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// Checks a text.
    pub fn check(self, text: &str) -> Outcome {
        use LintFault as Fault;
        match self {
            Self::CouponCode => coupon(Coupon::parse(text).map(drop)),
            Self::CouponPosOffer => coupon(PositiveOffer::parse(text).map(drop)),
            Self::Cset39 => only(text, Fault::NotInSet(39), is_in_set39),
            Self::Cset64 => set64(text),
            Self::Cset82 => only(text, Fault::NotInSet(82), |byte| SET82.contains(&byte)),
            Self::CsetNumeric => digits(text),
            Self::Csum => csum(text),
            Self::CsumAlpha => csum_alpha(text),
            Self::GcpPos1 => company_prefix(text, 0),
            Self::GcpPos2 => company_prefix(text, 1),
            Self::HasNonDigit => {
                demand(text.bytes().any(|byte| !byte.is_ascii_digit()), Fault::OnlyDigits)
            }
            Self::Hyphen => only(text, Fault::Hyphen, |byte| byte == b'-'),
            Self::Iban => iban(text),
            Self::ImporterIdx => {
                demand(text.len() == 1 && text.bytes().all(is_in_alphabet64), Fault::ImporterIndex)
            }
            Self::Iso3166 => demand(is_listed(COUNTRIES_NUMERIC, text), Fault::Country),
            Self::Iso3166Or999 => {
                demand(text == "999" || is_listed(COUNTRIES_NUMERIC, text), Fault::Country)
            }
            Self::Iso3166Alpha2 => demand(is_listed(COUNTRIES_ALPHA2, text), Fault::Country),
            Self::Iso4217 => demand(is_currency_number(text), Fault::Currency),
            Self::Iso5218 => demand(matches!(text, "0" | "1" | "2" | "9"), Fault::Sex),
            // Ten-millionths of a degree, from the south pole and from the antimeridian.
            Self::Latitude => demand(number(text, 10)? <= 1_800_000_000, Fault::Globe),
            Self::Longitude => demand(number(text, 10)? <= 3_600_000_000, Fault::Globe),
            Self::MediaType => {
                demand(matches!(number(text, 2)?, 1..=10 | 80..=99), Fault::MediaType)
            }
            Self::PackageType => demand(is_listed(PACKAGE_TYPES, text), Fault::PackageType),
            Self::PcEnc => percent_code(text),
            Self::PieceOfTotal => piece_of_total(text),
            Self::PosInSeqSlash => position_in_sequence(text),
            Self::Winding => demand(matches!(text, "0" | "1" | "9"), Fault::Winding),
            Self::YesNo => demand(matches!(text, "0" | "1"), Fault::YesNo),
            _ => self.check_number(text),
        }
    }

    /// The checks of plain numbers, dates and times.
    fn check_number(self, text: &str) -> Outcome {
        use LintFault as Fault;
        match self {
            Self::Hh => demand(number(text, 2)? < 24, Fault::Hour),
            Self::Mi => demand(number(text, 2)? < 60, Fault::Minute),
            Self::Ss => demand(number(text, 2)? < 60, Fault::Second),
            Self::HhMi => {
                let time = number(text, 4)?;
                demand(time / 100 < 24, Fault::Hour)?;
                if time % 100 < 60 { Ok(()) } else { fail(2, Fault::Minute) }
            }
            Self::YyMmD0 => date(text, 2, true),
            Self::YyMmDd => date(text, 2, false),
            Self::YyyyMmD0 => date(text, 4, true),
            Self::YyyyMmDd => date(text, 4, false),
            Self::NonZero => {
                digits(text)?;
                demand(text.bytes().any(|byte| byte != b'0'), Fault::AllZero)
            }
            Self::Zero => {
                digits(text)?;
                only(text, Fault::NotZero, |byte| byte == b'0')
            }
            Self::NoZeroPrefix => {
                digits(text)?;
                demand(!text.starts_with('0'), Fault::LeadingZero)
            }
            _ => Ok(()),
        }
    }
}

fn coupon(outcome: Result<(), (usize, CouponError)>) -> Outcome {
    outcome.map_err(|(offset, error)| LintError { offset, fault: LintFault::Coupon(error) })
}

fn is_in_set39(byte: u8) -> bool {
    matches!(byte, b'#' | b'-' | b'/' | b'0'..=b'9' | b'A'..=b'Z')
}

fn is_in_alphabet64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Figure 7.11-3. Padding makes the length a multiple of three, if it is there.
fn set64(text: &str) -> Outcome {
    let data = text.trim_end_matches('=');
    let padding = text.len() - data.len();
    if padding > 2 || (padding > 0 && !text.len().is_multiple_of(3)) {
        return fail(data.len(), LintFault::Padding);
    }
    only(data, LintFault::NotInSet(64), is_in_alphabet64)
}

/// Section 7.9.1.
fn csum(text: &str) -> Outcome {
    digits(text)?;
    let Some(body_length) = text.len().checked_sub(1) else {
        return fail(0, LintFault::TooShort);
    };
    match check_digit(&text[..body_length]) {
        Some(expected) if expected == text.as_bytes()[body_length] - b'0' => Ok(()),
        Some(expected) => fail(body_length, LintFault::CheckDigit(expected)),
        None => fail(0, LintFault::NotADigit),
    }
}

/// The next prime after `number`; small numbers only.
fn next_prime(number: u32) -> u32 {
    let is_prime =
        |candidate: u32| (2..candidate).all(|divisor| !candidate.is_multiple_of(divisor));
    (number + 1..).find(|candidate| is_prime(*candidate)).unwrap_or(u32::MAX)
}

/// Section 7.9.5: values of character set 82, weighted with the primes from the right, modulo
/// 1021, written in two characters of set 32.
fn csum_alpha(text: &str) -> Outcome {
    let Some(data_length) = text.len().checked_sub(2) else {
        return fail(0, LintFault::TooShort);
    };
    if data_length > CHECK_PAIR_DATA_MAX {
        return fail(0, LintFault::Length);
    }
    let bytes = text.as_bytes();
    let (data, pair) = bytes.split_at(data_length);
    let (mut sum, mut prime) = (0u32, 2u32);
    for (offset, byte) in data.iter().enumerate().rev() {
        let Some(value) = SET82.iter().position(|known| known == byte) else {
            return fail(offset, LintFault::NotInSet(82));
        };
        sum = (sum + value as u32 * prime) % 1021;
        prime = next_prime(prime);
    }
    if let Some(offset) = pair.iter().position(|byte| !SET32.contains(byte)) {
        return fail(data_length + offset, LintFault::NotInSet(32));
    }
    let expected = [SET32[(sum >> 5) as usize], SET32[(sum & 31) as usize]];
    if pair == expected { Ok(()) } else { fail(data_length, LintFault::CheckPair) }
}

/// Whether a prefix is given out is nobody's knowledge but GS1's: only the form is looked at.
fn company_prefix(text: &str, from: usize) -> Outcome {
    let prefix = text.as_bytes().get(from..).unwrap_or_default();
    if prefix.len() < COMPANY_PREFIX_MIN {
        return fail(0, LintFault::TooShort);
    }
    match prefix[..COMPANY_PREFIX_MIN].iter().position(|byte| !byte.is_ascii_digit()) {
        Some(offset) => fail(from + offset, LintFault::CompanyPrefix),
        None => Ok(()),
    }
}

/// ISO 13616-1: the country, two check digits, the account; read as a number from the fifth
/// character round, letters as 10 to 35, it leaves 1 modulo 97.
fn iban(text: &str) -> Outcome {
    if text.len() < IBAN_MIN {
        return fail(0, LintFault::TooShort);
    }
    if !text.get(..2).is_some_and(|country| is_listed(COUNTRIES_ALPHA2, country)) {
        return fail(0, LintFault::Country);
    }
    let bytes = text.as_bytes();
    let mut rest = 0u32;
    for (offset, byte) in bytes.iter().enumerate().cycle().skip(4).take(bytes.len()) {
        rest = match byte {
            b'0'..=b'9' => rest * 10 + u32::from(byte - b'0'),
            b'A'..=b'Z' => rest * 100 + u32::from(byte - b'A') + 10,
            _ => return fail(offset, LintFault::NotInSet(39)),
        } % 97;
    }
    if rest == 1 { Ok(()) } else { fail(2, LintFault::BankAccount) }
}

fn percent_code(text: &str) -> Outcome {
    let bytes = text.as_bytes();
    for (offset, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        let code = bytes.get(offset + 1..offset + 3);
        if !code.is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit)) {
            return fail(offset, LintFault::PercentCode);
        }
    }
    Ok(())
}

fn piece_of_total(text: &str) -> Outcome {
    digits(text)?;
    if text.is_empty() || !text.len().is_multiple_of(2) {
        return fail(0, LintFault::Length);
    }
    // Both halves have one length, so that text compares as numbers do.
    let (piece, total) = text.split_at(text.len() / 2);
    let is_zero = |digits: &str| digits.bytes().all(|byte| byte == b'0');
    demand(!is_zero(piece) && !is_zero(total) && piece <= total, LintFault::Piece)
}

fn position_in_sequence(text: &str) -> Outcome {
    let is_number = |digits: &str| {
        !digits.is_empty()
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_place = text.split_once('/').is_some_and(|(position, end)| {
        let order = (position.len(), position) <= (end.len(), end);
        is_number(position) && is_number(end) && order
    });
    demand(is_place, LintFault::Sequence)
}

/// Days of a month; a year of two digits is a leap year if it divides by four, since whichever
/// century it falls in, 2100 is beyond every window but one.
fn days_in(year: u64, month: u64, has_century: bool) -> u64 {
    let is_leap = year.is_multiple_of(4)
        && (!has_century || !year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 31,
    }
}

fn date(text: &str, year_digits: usize, may_lack_day: bool) -> Outcome {
    let number = number(text, year_digits + 4)?;
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    if !(1..=12).contains(&month) {
        return fail(year_digits, LintFault::Month);
    }
    let is_day = (1..=days_in(year, month, year_digits == 4)).contains(&day);
    let is_right = is_day || (may_lack_day && day == 0);
    if is_right { Ok(()) } else { fail(year_digits + 2, LintFault::Day) }
}
