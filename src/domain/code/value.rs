//! What the data of elements means: days, amounts, prices, counts.
//!
//! Rules: GS1 General Specifications, section 3 (each identifier) and 7.12 (the century of a
//! year). Everything is an integer with its number of decimals, as the code has it; a conversion
//! is made only where it is exact, because a rounded gram is a gram that nobody weighed.

use super::ai::Ai;
use super::code_list::currency_of_number;
use super::coupon::{Coupon, PositiveOffer};
use super::element::{Element, ElementString};
use crate::gtin::Gtin;
use crate::{Currency, Money, Quantity, Unit};
use jiff::civil;

/// A day, or a month if the code does not say the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Day {
    /// The day; the last of the month if the code does not say it (section 3.4.2).
    pub date: civil::Date,
    /// The code says the month only.
    pub is_month: bool,
}

impl Day {
    /// Reads YYMMDD. `this_year` is the year of today, which decides the century.
    pub fn parse(text: &str, this_year: i16) -> Option<Self> {
        if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: u32 = text.parse().ok()?;
        let part = |divisor: u32| (number / divisor % 100) as i8;
        let year = year_in_window(part(10_000).into(), this_year);
        let first = civil::Date::new(year, part(100), 1).ok()?;
        match part(1) {
            0 => Some(Self { date: first.last_of_month(), is_month: true }),
            day => {
                let date = civil::Date::new(year, part(100), day).ok()?;
                Some(Self { date, is_month: false })
            }
        }
    }
}

/// The year that two digits mean in `this_year`: from 49 years back to 50 years ahead (section
/// 7.12).
pub fn year_in_window(two_digits: i16, this_year: i16) -> i16 {
    let (century, now) = (this_year.div_euclid(100) * 100, this_year.rem_euclid(100));
    match two_digits - now {
        51.. => century - 100 + two_digits,
        ..=-50 => century + 100 + two_digits,
        _ => century + two_digits,
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Weight of the goods.
    NetWeight,
    /// Weight with packaging.
    GrossWeight,
    /// Length, or first dimension.
    Length,
    /// Width, diameter, or second dimension.
    Width,
    /// Depth, thickness, height, or third dimension.
    Height,
    /// Area.
    Area,
    /// Volume of the goods.
    NetVolume,
    /// Volume with packaging.
    GrossVolume,
    /// Kilograms per square metre.
    Density,
}

/// The unit in which a code measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MeasureUnit {
    /// Kilograms.
    Kilogram,
    /// Metres.
    Metre,
    /// Square metres.
    SquareMetre,
    /// Litres.
    Litre,
    /// Cubic metres.
    CubicMetre,
    /// Kilograms per square metre.
    KilogramPerSquareMetre,
    /// Pounds.
    Pound,
    /// Troy ounces.
    TroyOunce,
    /// Inches.
    Inch,
    /// Feet.
    Foot,
    /// Yards.
    Yard,
    /// Square inches.
    SquareInch,
    /// Square feet.
    SquareFoot,
    /// Square yards.
    SquareYard,
    /// Fluid ounces (US).
    FluidOunce,
    /// Quarts (US).
    Quart,
    /// Gallons (US).
    Gallon,
    /// Cubic inches.
    CubicInch,
    /// Cubic feet.
    CubicFoot,
    /// Cubic yards.
    CubicYard,
}

impl MeasureUnit {
    /// The sign that people write.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Kilogram => "kg",
            Self::Metre => "m",
            Self::SquareMetre => "m²",
            Self::Litre => "l",
            Self::CubicMetre => "m³",
            Self::KilogramPerSquareMetre => "kg/m²",
            Self::Pound => "lb",
            Self::TroyOunce => "oz t",
            Self::Inch => "in",
            Self::Foot => "ft",
            Self::Yard => "yd",
            Self::SquareInch => "in²",
            Self::SquareFoot => "ft²",
            Self::SquareYard => "yd²",
            Self::FluidOunce => "fl oz",
            Self::Quart => "qt",
            Self::Gallon => "gal",
            Self::CubicInch => "in³",
            Self::CubicFoot => "ft³",
            Self::CubicYard => "yd³",
        }
    }

    /// Our unit, and how many of it one is, as a fraction; exact by definition of the units (NIST
    /// Handbook 44, appendix C). `None` for what a till does not count.
    const fn in_till_units(self) -> Option<(Unit, i128, i128)> {
        Some(match self {
            Self::Kilogram => (Unit::Gram, 1000, 1),
            Self::Pound => (Unit::Gram, 45_359_237, 100_000),
            Self::TroyOunce => (Unit::Gram, 311_034_768, 10_000_000),
            Self::Litre => (Unit::Millilitre, 1000, 1),
            Self::CubicMetre => (Unit::Millilitre, 1_000_000, 1),
            Self::FluidOunce => (Unit::Millilitre, 295_735_295_625, 10_000_000_000),
            Self::Quart => (Unit::Millilitre, 946_352_946, 1_000_000),
            Self::Gallon => (Unit::Millilitre, 3_785_411_784, 1_000_000),
            Self::CubicInch => (Unit::Millilitre, 16_387_064, 1_000_000),
            Self::CubicFoot => (Unit::Millilitre, 28_316_846_592, 1_000_000),
            Self::CubicYard => (Unit::Millilitre, 764_554_857_984, 1_000_000),
            Self::Metre => (Unit::Millimetre, 1000, 1),
            Self::Inch => (Unit::Millimetre, 254, 10),
            Self::Foot => (Unit::Millimetre, 3048, 10),
            Self::Yard => (Unit::Millimetre, 9144, 10),
            _ => return None,
        })
    }
}

/// A measure, `number / 10^decimals` of its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Measure {
    /// What is measured.
    pub dimension: Dimension,
    /// In which unit.
    pub unit: MeasureUnit,
    /// The digits.
    pub number: u32,
    /// How many of them are decimals.
    pub decimals: u8,
    /// It is of the packed unit as it travels, not of the goods.
    pub is_logistic: bool,
}

impl Measure {
    /// The measure of identifiers 310n to 369n.
    fn of(ai: Ai, value: &str) -> Option<Self> {
        if ai.digits() != 4 || value.len() != 6 || ai.last_digit() > 5 {
            return None;
        }
        let family = ai.number() / 10;
        let (dimension, unit) = measured(family)?;
        let is_logistic = matches!(family, 330..=336 | 340..=349 | 353..=355 | 362 | 363 | 367..);
        let (number, decimals) = (value.parse().ok()?, ai.last_digit());
        Some(Self { dimension, unit, number, decimals, is_logistic })
    }

    /// The same in grams, millilitres or millimetres, if it is a whole number of them.
    pub fn to_quantity(self) -> Option<Quantity> {
        let (unit, count, per) = self.unit.in_till_units()?;
        let divisor = per * 10i128.pow(self.decimals.into());
        let product = i128::from(self.number) * count;
        let amount = (product % divisor == 0).then_some(product / divisor)?;
        Some(Quantity::new(i64::try_from(amount).ok()?, unit))
    }
}

/// What the first three digits of a measure say (section 3.6).
fn measured(family: u16) -> Option<(Dimension, MeasureUnit)> {
    use Dimension as D;
    use MeasureUnit as U;
    Some(match family {
        310 => (D::NetWeight, U::Kilogram),
        311 | 331 => (D::Length, U::Metre),
        312 | 332 => (D::Width, U::Metre),
        313 | 333 => (D::Height, U::Metre),
        314 | 334 => (D::Area, U::SquareMetre),
        315 => (D::NetVolume, U::Litre),
        316 => (D::NetVolume, U::CubicMetre),
        320 => (D::NetWeight, U::Pound),
        321 | 341 => (D::Length, U::Inch),
        322 | 342 => (D::Length, U::Foot),
        323 | 343 => (D::Length, U::Yard),
        324 | 344 => (D::Width, U::Inch),
        325 | 345 => (D::Width, U::Foot),
        326 | 346 => (D::Width, U::Yard),
        327 | 347 => (D::Height, U::Inch),
        328 | 348 => (D::Height, U::Foot),
        329 | 349 => (D::Height, U::Yard),
        330 => (D::GrossWeight, U::Kilogram),
        335 => (D::GrossVolume, U::Litre),
        336 => (D::GrossVolume, U::CubicMetre),
        337 => (D::Density, U::KilogramPerSquareMetre),
        340 => (D::GrossWeight, U::Pound),
        350 | 353 => (D::Area, U::SquareInch),
        351 | 354 => (D::Area, U::SquareFoot),
        352 | 355 => (D::Area, U::SquareYard),
        356 => (D::NetWeight, U::TroyOunce),
        357 => (D::NetVolume, U::FluidOunce),
        360 => (D::NetVolume, U::Quart),
        361 => (D::NetVolume, U::Gallon),
        362 => (D::GrossVolume, U::Quart),
        363 => (D::GrossVolume, U::Gallon),
        364 => (D::NetVolume, U::CubicInch),
        365 => (D::NetVolume, U::CubicFoot),
        366 => (D::NetVolume, U::CubicYard),
        367 => (D::GrossVolume, U::CubicInch),
        368 => (D::GrossVolume, U::CubicFoot),
        369 => (D::GrossVolume, U::CubicYard),
        _ => return None,
    })
}

/// What an amount of money is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PriceKind {
    /// 390n: value of a coupon, or amount to pay of a payment slip.
    Amount,
    /// 391n: the same with its currency.
    AmountInCurrency,
    /// 392n: price of this item.
    Item,
    /// 393n: the same with its currency.
    ItemInCurrency,
    /// 395n, 8005: price per unit of measure.
    PerUnit,
}

/// An amount of money, `number / 10^decimals` of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Price {
    /// What it is for.
    pub kind: PriceKind,
    /// The digits.
    pub number: u64,
    /// How many of them are decimals; `None` for AI 8005, which leaves that to its users.
    pub decimals: Option<u8>,
    /// The ISO 4217 number that the code carries (391n, 393n); the others mean the local money.
    pub currency_number: Option<u16>,
}

impl Price {
    fn of(ai: Ai, value: &str) -> Option<Self> {
        let plain = |kind| Some((kind, None, value));
        let with_currency = |kind| Some((kind, Some(value.get(..3)?), value.get(3..)?));
        let (kind, currency, number) = match (ai.digits(), ai.number() / 10) {
            (4, 390) => plain(PriceKind::Amount),
            (4, 391) => with_currency(PriceKind::AmountInCurrency),
            (4, 392) => plain(PriceKind::Item),
            (4, 393) => with_currency(PriceKind::ItemInCurrency),
            (4, 395) => plain(PriceKind::PerUnit),
            _ if ai == Ai::PRICE_PER_UNIT => plain(PriceKind::PerUnit),
            _ => None,
        }?;
        let currency_number = match currency {
            Some(number) => Some(number.parse().ok()?),
            None => None,
        };
        let decimals = (ai != Ai::PRICE_PER_UNIT).then_some(ai.last_digit());
        Some(Self { kind, number: number.parse().ok()?, decimals, currency_number })
    }

    /// The currency that the code carries, if it is one that a till can count in.
    pub fn currency(self) -> Option<Currency> {
        currency_of_number(&format!("{:03}", self.currency_number?))
    }

    /// The amount in minor units of `local`, the money of the shop; `None` if the code says
    /// another currency, or something finer than the minor unit.
    pub fn to_money(self, local: Currency) -> Option<Money> {
        if self.currency_number.is_some() && self.currency() != Some(local) {
            return None;
        }
        let minor = i128::from(self.number) * 10i128.pow(local.exponent());
        let divisor = 10i128.pow(self.decimals?.into());
        let minor = (minor % divisor == 0).then_some(minor / divisor)?;
        Some(Money::new(i64::try_from(minor).ok()?, local))
    }
}

/// What the data of an element means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// A trade item: 01, 02, 03.
    Gtin(Gtin),
    /// A day: 11 to 17, 4326, 7006.
    Day(Day),
    /// A moment in local time: 4324, 4325, 7003, 7011, 8008; the flag of the day says nothing.
    Moment(civil::DateTime),
    /// A measure: 310n to 369n.
    Measure(Measure),
    /// Money: 390n to 393n, 395n, 8005.
    Price(Price),
    /// Percent off, `number / 10^decimals`: 394n.
    Percent {
        /// The digits.
        number: u32,
        /// How many of them are decimals.
        decimals: u8,
    },
    /// Pieces: 30, 37.
    Count(u32),
    /// A coupon: 8110.
    Coupon(Box<Coupon>),
    /// A coupon whose value is in a file: 8112.
    PositiveOffer(Box<PositiveOffer>),
    /// A key, lot, serial number or anything else: the data as it stands.
    Text(String),
}

impl Element {
    /// What the data means. `this_year` is the year of today. Data that fits its checks and still
    /// means nothing (29 February 2100) is left as text.
    pub fn meaning(&self, this_year: i16) -> Value {
        self.known_meaning(this_year).unwrap_or_else(|| Value::Text(self.value().to_owned()))
    }

    fn known_meaning(&self, this_year: i16) -> Option<Value> {
        let (ai, value) = (self.ai(), self.value());
        match (ai.digits(), ai.number()) {
            (2, 1..=3) => Gtin::parse(value).ok().map(Value::Gtin),
            (2, 11..=17) | (4, 4326 | 7006) => Day::parse(value, this_year).map(Value::Day),
            (4, 4324 | 4325 | 7003 | 7011 | 8008) => moment(value, this_year),
            (2, 30 | 37) => value.parse().ok().map(Value::Count),
            (4, 3940..=3943) => {
                Some(Value::Percent { number: value.parse().ok()?, decimals: ai.last_digit() })
            }
            (4, 8110) => Coupon::parse(value).ok().map(|coupon| Value::Coupon(coupon.into())),
            (4, 8112) => {
                PositiveOffer::parse(value).ok().map(|offer| Value::PositiveOffer(offer.into()))
            }
            _ => Measure::of(ai, value)
                .map(Value::Measure)
                .or_else(|| Price::of(ai, value).map(Value::Price)),
        }
    }
}

/// YYMMDD and as much of HHMMSS as there is.
fn moment(value: &str, this_year: i16) -> Option<Value> {
    let day = Day::parse(value.get(..6)?, this_year)?;
    let part = |at: usize| value.get(at..at + 2).map_or(Some(0), |digits| digits.parse().ok());
    let moment = civil::DateTime::new(
        day.date.year(),
        day.date.month(),
        day.date.day(),
        part(6)?,
        part(8)?,
        part(10)?,
        0,
    );
    moment.ok().map(Value::Moment)
}

impl ElementString {
    fn day(&self, ai: Ai, this_year: i16) -> Option<Day> {
        Day::parse(self.value(ai)?.get(..6)?, this_year)
    }

    /// The last day of use: AI 17, else the day of AI 7003. `this_year` is the year of today.
    pub fn expiry(&self, this_year: i16) -> Option<Day> {
        self.day(Ai::EXPIRY, this_year).or_else(|| self.day(Ai::EXPIRY_TIME, this_year))
    }

    /// Best before, AI 15.
    pub fn best_before(&self, this_year: i16) -> Option<Day> {
        self.day(Ai::BEST_BEFORE, this_year)
    }

    /// The batch or lot, AI 10.
    pub fn lot(&self) -> Option<&str> {
        self.value(Ai::LOT)
    }

    /// The serial number, AI 21.
    pub fn serial(&self) -> Option<&str> {
        self.value(Ai::SERIAL)
    }

    /// The measures, in the order of the code.
    pub fn measures(&self) -> impl Iterator<Item = Measure> + '_ {
        self.elements().iter().filter_map(|element| Measure::of(element.ai(), element.value()))
    }

    /// How much of the trade item this is: its net weight, net volume or length, or its count (AI
    /// 30). `None` if the code does not say, says it twice, or in no whole gram, millilitre or
    /// millimetre.
    pub fn quantity(&self) -> Option<Quantity> {
        let is_net = |measure: &Measure| {
            use Dimension::{Length, NetVolume, NetWeight};
            !measure.is_logistic && matches!(measure.dimension, NetWeight | NetVolume | Length)
        };
        let mut amounts = self.measures().filter(is_net);
        match (amounts.next(), amounts.next()) {
            (Some(only), None) => only.to_quantity(),
            (Some(_), Some(_)) => None,
            (None, _) => Some(Quantity::pieces(self.value(Ai::VARIABLE_COUNT)?.parse().ok()?)),
        }
    }

    /// The price of this item, AI 392n or 393n.
    pub fn item_price(&self) -> Option<Price> {
        let prices =
            self.elements().iter().filter_map(|element| Price::of(element.ai(), element.value()));
        let is_item =
            |price: &Price| matches!(price.kind, PriceKind::Item | PriceKind::ItemInCurrency);
        prices.into_iter().find(is_item)
    }
}
