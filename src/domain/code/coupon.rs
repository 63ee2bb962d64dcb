//! North American coupons in GS1 DataBar: their digits, field by field.
//!
//! Rules: GS1 US, "North American Coupon Application Guideline Using GS1 DataBar Expanded
//! Symbols" (AI 8110) and "GS1 AI (8112) Coupon Data Specification". Most fields begin with a
//! digit that says how long they are. What a coupon is worth is for the shop to decide; here it
//! is only read.

use super::lint::Lint;

/// A field of a coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CouponField {
    /// Who issues it.
    Company,
    /// The offer.
    Offer,
    /// What is saved.
    SaveValue,
    /// How much must be bought.
    Requirement,
    /// What the requirement counts.
    RequirementCode,
    /// The family of articles.
    Family,
    /// How the purchases go together.
    Rules,
    /// The day it ends.
    Expiry,
    /// The day it begins.
    Start,
    /// Its serial number.
    Serial,
    /// The shop that may take it.
    Retailer,
    /// What the saved value means.
    SaveValueCode,
    /// Which purchase the value applies to.
    AppliesTo,
    /// Store coupon.
    StoreCoupon,
    /// Whether it may be multiplied.
    DontMultiply,
    /// Which of the formats it has.
    Format,
}

impl CouponField {
    const fn name(self) -> &'static str {
        match self {
            Self::Company => "company",
            Self::Offer => "offer",
            Self::SaveValue => "save value",
            Self::Requirement => "purchase requirement",
            Self::RequirementCode => "purchase requirement code",
            Self::Family => "family",
            Self::Rules => "additional purchase rules",
            Self::Expiry => "expiration date",
            Self::Start => "start date",
            Self::Serial => "serial number",
            Self::Retailer => "retailer",
            Self::SaveValueCode => "save value code",
            Self::AppliesTo => "applies-to item",
            Self::StoreCoupon => "store coupon",
            Self::DontMultiply => "do-not-multiply",
            Self::Format => "format",
        }
    }
}

/// Why digits are no coupon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CouponError {
    /// Something other than 0-9.
    #[error("a digit is wanted here")]
    NotADigit,
    /// It ends within or before a field.
    #[error("the coupon ends before its {} does", .0.name())]
    Truncated(CouponField),
    /// A field says what it cannot.
    #[error("the {} of the coupon cannot be this", .0.name())]
    Invalid(CouponField),
    /// It would end before it begins.
    #[error("the coupon ends before it begins")]
    EndsBeforeStart,
    /// Digits that belong to no field.
    #[error("digits that belong to no field of the coupon")]
    Excess,
}

/// A fault and the offset of its first digit.
type Fault = (usize, CouponError);

/// What must be bought.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Purchase {
    /// How much.
    pub requirement: u32,
    /// What that counts, by the table of the guideline (0 to 4 and 9).
    pub requirement_code: u8,
    /// The family of articles, three digits.
    pub family: String,
    /// The company, if it is not the one of the coupon.
    pub company: Option<String>,
}

/// A coupon of AI 8110.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Coupon {
    /// GS1 Company Prefix of who issues it.
    pub company: String,
    /// Offer code, six digits.
    pub offer: String,
    /// What is saved; `save_value_code` says of what.
    pub save_value: u32,
    /// What must be bought.
    pub first: Purchase,
    /// How the purchases go together, by the table of the guideline (0 to 3).
    pub rules: Option<u8>,
    /// What else must be bought.
    pub second: Option<Purchase>,
    /// And what else.
    pub third: Option<Purchase>,
    /// Last day, YYMMDD.
    pub expiry: Option<String>,
    /// First day, YYMMDD.
    pub start: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// GS1 Company Prefix or GLN of the shop that may take it.
    pub retailer: Option<String>,
    /// What the saved value counts, by the table of the guideline (0 to 2, 5, 6).
    pub save_value_code: u8,
    /// Which purchase the value applies to, 0 to 2.
    pub applies_to: u8,
    /// The flag of a store coupon, as it stands.
    pub store_coupon: u8,
    /// It must not be multiplied.
    pub is_multiplied_never: bool,
}

/// A coupon of AI 8112, whose value is in a file of offers and not on the coupon.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PositiveOffer {
    /// The format that the rest follows, 0 or 1.
    pub format: u8,
    /// Who pays, six to twelve digits.
    pub funder: String,
    /// Offer code, six digits.
    pub offer: String,
    /// Serial number, six to fifteen digits.
    pub serial: String,
}

struct Reader<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Result<Self, Fault> {
        match text.bytes().position(|byte| !byte.is_ascii_digit()) {
            Some(offset) => Err((offset, CouponError::NotADigit)),
            None => Ok(Self { text, offset: 0 }),
        }
    }

    /// One digit, if it is one of `allowed`.
    fn digit(&mut self, field: CouponField, allowed: impl Fn(u8) -> bool) -> Result<u8, Fault> {
        let Some(byte) = self.text.as_bytes().get(self.offset) else {
            return Err((self.offset, CouponError::Truncated(field)));
        };
        let digit = byte - b'0';
        if !allowed(digit) {
            return Err((self.offset, CouponError::Invalid(field)));
        }
        self.offset += 1;
        Ok(digit)
    }

    fn take(&mut self, field: CouponField, length: usize) -> Result<&'a str, Fault> {
        let taken = self.text.get(self.offset..self.offset + length);
        let taken = taken.ok_or((self.offset, CouponError::Truncated(field)))?;
        self.offset += length;
        Ok(taken)
    }

    /// A field of one to five digits that begins with its length.
    fn amount(&mut self, field: CouponField) -> Result<u32, Fault> {
        let length = self.digit(field, |digit| (1..=5).contains(&digit))?;
        Ok(self.take(field, length.into())?.parse().unwrap_or_default())
    }

    /// A field whose length, less six, is its first digit.
    fn long(&mut self, field: CouponField, allowed: impl Fn(u8) -> bool) -> Result<String, Fault> {
        let length = self.digit(field, allowed)?;
        Ok(self.take(field, usize::from(length) + 6)?.to_owned())
    }

    fn purchase(&mut self, has_company: bool) -> Result<Purchase, Fault> {
        let requirement = self.amount(CouponField::Requirement)?;
        let code = CouponField::RequirementCode;
        let requirement_code = self.digit(code, |digit| matches!(digit, 0..=4 | 9))?;
        let family = self.take(CouponField::Family, 3)?.to_owned();
        let company = match has_company {
            true if self.is_next(b'9') => None,
            true => Some(self.long(CouponField::Company, |digit| digit <= 6)?),
            false => None,
        };
        Ok(Purchase { requirement, requirement_code, family, company })
    }

    fn date(&mut self, field: CouponField) -> Result<Option<String>, Fault> {
        let offset = self.offset;
        let date = self.take(field, 6)?;
        match Lint::YyMmDd.check(date) {
            Ok(()) => Ok(Some(date.to_owned())),
            Err(_) => Err((offset, CouponError::Invalid(field))),
        }
    }

    /// Passes over the mark of an optional field, if it stands next.
    fn is_next(&mut self, mark: u8) -> bool {
        let is_next = self.text.as_bytes().get(self.offset) == Some(&mark);
        self.offset += usize::from(is_next);
        is_next
    }

    fn end(&self) -> Result<(), Fault> {
        match self.offset == self.text.len() {
            true => Ok(()),
            false => Err((self.offset, CouponError::Excess)),
        }
    }
}

impl Coupon {
    /// Reads the data of AI 8110.
    pub fn parse(text: &str) -> Result<Self, (usize, CouponError)> {
        let mut reader = Reader::new(text)?;
        let mut coupon = Self {
            company: reader.long(CouponField::Company, |digit| digit <= 6)?,
            offer: reader.take(CouponField::Offer, 6)?.to_owned(),
            save_value: reader.amount(CouponField::SaveValue)?,
            first: reader.purchase(false)?,
            rules: None,
            second: None,
            third: None,
            expiry: None,
            start: None,
            serial: None,
            retailer: None,
            save_value_code: 0,
            applies_to: 0,
            store_coupon: 0,
            is_multiplied_never: false,
        };
        if reader.is_next(b'1') {
            coupon.rules = Some(reader.digit(CouponField::Rules, |digit| digit <= 3)?);
            coupon.second = Some(reader.purchase(true)?);
        }
        if reader.is_next(b'2') {
            coupon.third = Some(reader.purchase(true)?);
        }
        coupon.read_rest(&mut reader)?;
        reader.end()?;
        Ok(coupon)
    }

    fn read_rest(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let dates_offset = reader.offset;
        if reader.is_next(b'3') {
            self.expiry = reader.date(CouponField::Expiry)?;
        }
        if reader.is_next(b'4') {
            self.start = reader.date(CouponField::Start)?;
        }
        if self.expiry.is_some() && self.start > self.expiry {
            return Err((dates_offset, CouponError::EndsBeforeStart));
        }
        if reader.is_next(b'5') {
            self.serial = Some(reader.long(CouponField::Serial, |_| true)?);
        }
        if reader.is_next(b'6') {
            self.retailer =
                Some(reader.long(CouponField::Retailer, |digit| (1..=7).contains(&digit))?);
        }
        if reader.is_next(b'9') {
            let is_code = |digit| matches!(digit, 0..=2 | 5 | 6);
            self.save_value_code = reader.digit(CouponField::SaveValueCode, is_code)?;
            self.applies_to = reader.digit(CouponField::AppliesTo, |digit| digit <= 2)?;
            self.store_coupon = reader.digit(CouponField::StoreCoupon, |_| true)?;
            self.is_multiplied_never =
                reader.digit(CouponField::DontMultiply, |digit| digit <= 1)? == 1;
        }
        Ok(())
    }
}

impl PositiveOffer {
    /// Reads the data of AI 8112.
    pub fn parse(text: &str) -> Result<Self, (usize, CouponError)> {
        let mut reader = Reader::new(text)?;
        let offer = Self {
            format: reader.digit(CouponField::Format, |digit| digit <= 1)?,
            funder: reader.long(CouponField::Company, |digit| digit <= 6)?,
            offer: reader.take(CouponField::Offer, 6)?.to_owned(),
            serial: reader.long(CouponField::Serial, |_| true)?,
        };
        reader.end()?;
        Ok(offer)
    }
}
