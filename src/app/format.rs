//! Money, quantities, dates and numbers as people of a place write them, by CLDR data through ICU4X.
//!
//! The language is the person's, the country is the store's: a German speaker in Bern reads `CHF 1’234.50`.
//! Nothing here parses: text goes to the screen and never comes back as an amount (invariant 7).

use super::intent::Language;
use domain::money::{Currency, Money};
use domain::quantity::{Quantity, Unit};
use fixed_decimal::Decimal;
use icu_calendar::Gregorian;
use icu_datetime::fieldsets::{M, T, YMD, YMDE, YMDT};
use icu_datetime::input::{Date, DateTime, Time};
use icu_datetime::{FixedCalendarDateTimeFormatter, NoCalendarFormatter};
use icu_decimal::DecimalFormatter;
use icu_experimental::dimension::currency::CurrencyType;
use icu_experimental::dimension::currency::formatter::CurrencyFormatter;
use icu_experimental::dimension::percent::formatter::PercentFormatter;
use icu_locale_core::Locale;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::sync::Mutex;

type DateFormatter<F> = FixedCalendarDateTimeFormatter<Gregorian, F>;

/// Formats for one language in one country and time zone. Made once a language switch; formatting is cheap.
pub struct Formatter {
    locale: Locale,
    time_zone: TimeZone,
    decimal: DecimalFormatter,
    percent: PercentFormatter<DecimalFormatter>,
    date: DateFormatter<YMD>,
    date_time: DateFormatter<YMDT>,
    day: DateFormatter<YMDE>,
    month: DateFormatter<M>,
    time: NoCalendarFormatter<T>,
    currencies: Mutex<HashMap<Currency, CurrencyFormatter<DecimalFormatter>>>,
}

const COMPILED_DATA: &str = "the compiled CLDR data falls back to the root locale";

/// The BCP 47 tag of a language in a country; Chinese goes by script, its country would choose another one.
fn locale_of(language: Language, country: &str) -> Locale {
    let tag = match language {
        Language::English => format!("en-{country}"),
        Language::French => format!("fr-{country}"),
        Language::German => format!("de-{country}"),
        Language::SimplifiedChinese => "zh-Hans".into(),
        Language::TraditionalChinese => "zh-Hant".into(),
    };
    tag.parse().unwrap_or(Locale::UNKNOWN)
}

impl Formatter {
    /// A formatter for `language` in `country` (ISO 3166-1 alpha-2) and `time_zone` (IANA; unknown is UTC).
    pub fn new(language: Language, country: &str, time_zone: &str) -> Self {
        let locale = locale_of(language, country);
        Self {
            time_zone: TimeZone::get(time_zone).unwrap_or(TimeZone::UTC),
            decimal: DecimalFormatter::try_new((&locale).into(), Default::default())
                .expect(COMPILED_DATA),
            percent: PercentFormatter::try_new((&locale).into(), Default::default())
                .expect(COMPILED_DATA),
            date: DateFormatter::try_new((&locale).into(), YMD::medium()).expect(COMPILED_DATA),
            date_time: DateFormatter::try_new((&locale).into(), YMD::medium().with_time_hm())
                .expect(COMPILED_DATA),
            day: DateFormatter::try_new((&locale).into(), YMDE::medium()).expect(COMPILED_DATA),
            month: DateFormatter::try_new((&locale).into(), M::short()).expect(COMPILED_DATA),
            time: NoCalendarFormatter::try_new((&locale).into(), T::hm()).expect(COMPILED_DATA),
            currencies: Mutex::default(),
            locale,
        }
    }

    fn decimal_of(money: Money) -> Decimal {
        let mut decimal = Decimal::from(money.minor());
        decimal.multiply_pow10(-(money.currency().exponent() as i16));
        decimal
    }

    /// With currency: `CHF 1’234.50`, `1.234,50 €`.
    pub fn money(&self, money: Money) -> String {
        let mut cache = self.currencies.lock().expect("formatting does not panic");
        let formatter = cache.entry(money.currency()).or_insert_with(|| {
            let code = CurrencyType::try_from_str(&money.currency().code().to_ascii_lowercase())
                .expect("ISO 4217 codes have three letters");
            CurrencyFormatter::try_new_symbol((&self.locale).into(), code, Default::default())
                .expect(COMPILED_DATA)
        });
        formatter.format_fixed_decimal(&Self::decimal_of(money)).to_string()
    }

    /// Without currency: `1’234.50`.
    pub fn amount(&self, money: Money) -> String {
        self.decimal.format(&Self::decimal_of(money)).to_string()
    }

    /// The currency's sign or code alone, as this locale writes it.
    pub fn currency(&self, currency: Currency) -> String {
        let zero = self.money(Money::zero(currency));
        zero.chars()
            .filter(|c| !c.is_ascii_digit() && !matches!(c, '.' | ','))
            .collect::<String>()
            .trim_matches(|c: char| c.is_whitespace())
            .to_owned()
    }

    /// A whole number with grouping.
    pub fn count(&self, count: u64) -> String {
        self.decimal.format(&Decimal::from(count)).to_string()
    }

    /// `2`, `0.356 kg`, `1.5 l`: at most three decimals, trailing zeros left out.
    pub fn quantity(&self, quantity: Quantity) -> String {
        let mut decimal = Decimal::from(quantity.amount);
        if quantity.unit == Unit::Piece {
            return self.decimal.format(&decimal).to_string();
        }
        decimal.multiply_pow10(-3);
        decimal.absolute.trim_end();
        format!("{} {}", self.decimal.format(&decimal), quantity.unit.trade_symbol())
    }

    /// `CHF 2.40` for a piece, `CHF 24.90 / kg` for what is weighed or measured.
    pub fn unit_price(&self, price: Money, unit: Unit) -> String {
        match unit {
            Unit::Piece => self.money(price),
            _ => format!("{} / {}", self.money(price), unit.trade_symbol()),
        }
    }

    /// A rate in parts per million: `8.1%`, `8,1 %`.
    pub fn percent(&self, ppm: u32) -> String {
        let mut decimal = Decimal::from(ppm);
        decimal.multiply_pow10(-4);
        decimal.absolute.trim_end();
        self.percent.format(&decimal).to_string()
    }

    fn local(&self, ms: i64) -> Option<DateTime<Gregorian>> {
        let zoned = jiff::Timestamp::from_millisecond(ms).ok()?.to_zoned(self.time_zone.clone());
        let (month, day) = (zoned.month() as u8, zoned.day() as u8);
        let date = Date::try_new_gregorian(zoned.year().into(), month, day).ok()?;
        let (hour, minute, second) = (zoned.hour(), zoned.minute(), zoned.second());
        let time = Time::try_new(hour as u8, minute as u8, second as u8, 0).ok()?;
        Some(DateTime { date, time })
    }

    /// `21 Nov 2026`; a clock beyond all calendars gives an em dash.
    pub fn date(&self, ms: i64) -> String {
        self.local(ms).map_or_else(absent, |at| self.date.format(&at.date).to_string())
    }

    /// `21 Nov 2026, 14:05`.
    pub fn date_time(&self, ms: i64) -> String {
        self.local(ms).map_or_else(absent, |at| self.date_time.format(&at).to_string())
    }

    /// `Sat, 21 Nov 2026`.
    pub fn day(&self, ms: i64) -> String {
        self.local(ms).map_or_else(absent, |at| self.day.format(&at.date).to_string())
    }

    /// `14:05`.
    pub fn time(&self, ms: i64) -> String {
        self.local(ms).map_or_else(absent, |at| self.time.format(&at.time).to_string())
    }

    /// `Nov`, as short as the locale writes a month.
    pub fn month(&self, year: i16, month: i8) -> String {
        Date::try_new_gregorian(year.into(), month as u8, 1)
            .map_or_else(|_| absent(), |date| self.month.format(&date).to_string())
    }

    /// The time zone in which all of this is said.
    pub const fn time_zone(&self) -> &TimeZone {
        &self.time_zone
    }
}

fn absent() -> String {
    "—".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Language; 5] = [
        Language::English,
        Language::French,
        Language::German,
        Language::SimplifiedChinese,
        Language::TraditionalChinese,
    ];

    /// CLDR keeps amounts together with no-break spaces; here they are plain ones, to be read.
    fn plain(text: &str) -> String {
        text.replace(['\u{a0}', '\u{202f}'], " ")
    }

    #[test]
    fn money_in_all_languages() {
        let price = Money::new(123_450, Currency::CHF);
        let shown = ALL
            .map(|language| plain(&Formatter::new(language, "CH", "Europe/Zurich").money(price)));
        assert_eq!(
            shown,
            ["CHF 1'234.50", "1'234,50 CHF", "CHF 1'234.50", "CHF 1,234.50", "CHF 1,234.50"]
                .map(String::from)
        );
    }

    #[test]
    fn the_country_decides_the_signs() {
        let german = Formatter::new(Language::German, "DE", "Europe/Berlin");
        assert_eq!(plain(&german.money(Money::new(123_450, Currency::EUR))), "1.234,50 €");
        assert_eq!(german.currency(Currency::EUR), "€");
        assert_eq!(plain(&german.percent(81_000)), "8,1 %");
        let japan: Currency = "JPY".parse().expect("known");
        assert!(german.money(Money::new(500, japan)).starts_with("500"));
    }

    #[test]
    fn quantities_and_prices() {
        let english = Formatter::new(Language::English, "CH", "Europe/Zurich");
        assert_eq!(english.quantity(Quantity::pieces(12)), "12");
        assert_eq!(english.quantity(Quantity::new(356, Unit::Gram)), "0.356 kg");
        assert_eq!(english.quantity(Quantity::new(1500, Unit::Millilitre)), "1.5 l");
        let price = english.unit_price(Money::new(2490, Currency::CHF), Unit::Gram);
        assert_eq!(plain(&price), "CHF 24.90 / kg");
    }

    #[test]
    fn dates_are_local_and_absurd_ones_do_not_panic() {
        let german = Formatter::new(Language::German, "CH", "Europe/Zurich");
        // 2026-07-01T22:30:00Z is already the second of July in Zurich.
        assert_eq!(german.date_time(1_782_945_000_000), "02.07.2026, 00:30");
        assert_eq!(german.date(i64::MAX), "—");
        assert_eq!(german.month(2026, 13), "—");
        let nowhere = Formatter::new(Language::English, "ZZ", "Mars/Olympus");
        assert_eq!(plain(&nowhere.time(0)), "12:00 AM");
    }
}
