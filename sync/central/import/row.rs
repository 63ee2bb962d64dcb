//! From fields to rows: what a column means, and the sentence that says why a record is refused.

use super::table::Fields;
use domain::article::Pack;
use domain::gtin::Gtin;
use domain::{Currency, Unit};
use sync::protocol::feed::AddressRow;

/// Columns of articles.
pub const ARTICLE_COLUMNS: [&str; 12] = [
    "gtin",
    "gtins",
    "packs",
    "name",
    "detail",
    "category",
    "unit",
    "price",
    "price_minor",
    "currency",
    "tax_group",
    "rank",
];
/// Columns of customers.
pub const CUSTOMER_COLUMNS: [&str; 12] = [
    "external_id",
    "name",
    "email",
    "emails",
    "phone",
    "phones",
    "card",
    "cards",
    "street",
    "postal_code",
    "city",
    "country",
];

/// The longest name.
const NAME_MAX: usize = 200;
/// The longest of any other text.
const TEXT_MAX: usize = 500;
/// The most numbers, phones, addresses or cards of one record.
const LIST_MAX: usize = 20;
/// The dearest article, in minor units.
const PRICE_MINOR_MAX: i64 = 100_000_000;

/// An article as a file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArticleRecord {
    /// Numbers, at least one.
    pub gtins: Vec<Gtin>,
    /// Those of them that stand for several pieces.
    pub packs: Vec<Pack>,
    /// Name.
    pub name: String,
    /// Size, brand or variety.
    pub detail: Option<String>,
    /// Category path.
    pub category: Option<String>,
    /// Unit.
    pub unit: Option<Unit>,
    /// Price in minor units.
    pub price_minor: Option<i64>,
    /// Currency.
    pub currency: Option<Currency>,
    /// Tax group.
    pub tax_group: Option<String>,
    /// Place among the best sellers.
    pub rank: Option<u32>,
}

/// A customer as a file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerRecord {
    /// Identity in the other system.
    pub external_id: String,
    /// Name.
    pub name: String,
    /// Phones.
    pub phones: Vec<String>,
    /// E-mails.
    pub emails: Vec<String>,
    /// Cards.
    pub cards: Vec<String>,
    /// Address, if there is one.
    pub address: Option<AddressRow>,
}

fn text(fields: &Fields, name: &str, max: usize) -> Result<Option<String>, String> {
    let Some(value) = fields.get(name) else { return Ok(None) };
    // Line breaks and tabs inside a field are white space like any other.
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if value.is_empty() {
        return Ok(None);
    }
    if value.chars().count() > max {
        return Err(format!("`{name}` is longer than {max} characters"));
    }
    if value.chars().any(char::is_control) {
        return Err(format!("`{name}` has control characters in it"));
    }
    Ok(Some(value))
}

fn required(fields: &Fields, name: &str, max: usize) -> Result<String, String> {
    text(fields, name, max)?.ok_or_else(|| format!("`{name}` is missing"))
}

fn list(fields: &Fields, names: [&str; 2]) -> Result<Vec<String>, String> {
    let mut items = Vec::new();
    for name in names {
        let value = text(fields, name, TEXT_MAX)?.unwrap_or_default();
        let parts = value.split([';', '|']).map(str::trim).filter(|part| !part.is_empty());
        items.extend(parts.map(str::to_owned));
    }
    if items.len() > LIST_MAX {
        return Err(format!("`{}` has more than {LIST_MAX} entries", names[0]));
    }
    Ok(items)
}

/// A decimal such as `12.50` or `12,5` in minor units; more digits than the currency has are refused.
fn minor_units(decimal: &str, currency: Currency) -> Option<i64> {
    let (whole, part) = decimal.split_once(['.', ',']).unwrap_or((decimal, ""));
    let digits = currency.exponent() as usize;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let part = part.trim_end_matches('0');
    if whole.is_empty() || !is_number(whole) || !is_number(part) || part.len() > digits {
        return None;
    }
    format!("{whole}{part:0<digits$}").parse().ok()
}

fn price(fields: &Fields, currency: Currency) -> Result<Option<i64>, String> {
    let minor = match (text(fields, "price_minor", 20)?, text(fields, "price", 20)?) {
        (Some(minor), _) => {
            minor.parse().map_err(|_| format!("`price_minor` is not a number: `{minor}`"))?
        }
        (None, Some(decimal)) => minor_units(&decimal, currency)
            .ok_or_else(|| format!("`price` is not an amount of {currency}: `{decimal}`"))?,
        (None, None) => return Ok(None),
    };
    if (0..=PRICE_MINOR_MAX).contains(&minor) {
        Ok(Some(minor))
    } else {
        Err(format!("the price {minor} is out of bounds"))
    }
}

/// Numbers of cases with their pieces, such as `15901234123454=12`.
fn packs(fields: &Fields) -> Result<Vec<Pack>, String> {
    let pack = |entry: String| {
        let Some((digits, pieces)) = entry.split_once('=') else {
            return Err(format!("`packs` has `{entry}`: it is a number, `=` and the pieces in it"));
        };
        let digits = digits.trim();
        let gtin = Gtin::parse(digits).map_err(|error| format!("`{digits}`: {error}"))?;
        let pack = pieces.trim().parse().ok().and_then(|pieces| Pack::new(gtin, pieces));
        pack.ok_or_else(|| {
            format!("`packs` has `{entry}`: a pack holds 2 to {} pieces", Pack::PIECES_MAX)
        })
    };
    list(fields, ["packs", "pack"])?.into_iter().map(pack).collect()
}

/// Reads an article.
pub fn article(fields: &Fields) -> Result<ArticleRecord, String> {
    let mut gtins = Vec::new();
    for digits in list(fields, ["gtin", "gtins"])? {
        let gtin = Gtin::parse(&digits).map_err(|error| format!("`{digits}`: {error}"))?;
        if !gtins.contains(&gtin) {
            gtins.push(gtin);
        }
    }
    if gtins.is_empty() {
        return Err("`gtin` is missing".into());
    }
    let packs = packs(fields)?;
    if gtins.iter().all(|gtin| packs.iter().any(|pack| pack.gtin == *gtin)) {
        return Err(
            "`packs` has the article's only `gtin`: a piece needs a number of its own".into()
        );
    }
    for pack in &packs {
        if !gtins.contains(&pack.gtin) {
            gtins.push(pack.gtin);
        }
    }
    let currency: Option<Currency> = text(fields, "currency", 3)?
        .map(|code| code.parse().map_err(|error| format!("{error}")))
        .transpose()?;
    let unit = text(fields, "unit", 10)?;
    let unit = unit.map(|unit| unit.parse().map_err(|error| format!("{error}"))).transpose()?;
    let rank = text(fields, "rank", 10)?;
    let rank =
        rank.map(|rank| rank.parse().map_err(|_| format!("`rank` is not a number: `{rank}`")));
    Ok(ArticleRecord {
        gtins,
        packs,
        name: required(fields, "name", NAME_MAX)?,
        detail: text(fields, "detail", NAME_MAX)?,
        category: text(fields, "category", NAME_MAX)?,
        unit,
        price_minor: price(fields, currency.unwrap_or(Currency::CHF))?,
        currency,
        tax_group: text(fields, "tax_group", 40)?,
        rank: rank.transpose()?,
    })
}

/// Reads a customer.
pub fn customer(fields: &Fields) -> Result<CustomerRecord, String> {
    let name = required(fields, "name", NAME_MAX)?;
    let emails = list(fields, ["email", "emails"])?;
    let is_email = |email: &String| {
        email.split_once('@').is_some_and(|(local, host)| !local.is_empty() && !host.is_empty())
    };
    if !emails.iter().all(is_email) {
        // The address itself is personal and stays out of the report.
        return Err("`email` has no @ where one must be".into());
    }
    let phones = list(fields, ["phone", "phones"])?;
    let digits = |phone: &String| domain::text::phone_digits(phone).len();
    if !phones.iter().all(|phone| (3..=15).contains(&digits(phone))) {
        return Err("`phone` must have 3 to 15 digits".into());
    }
    let street = text(fields, "street", NAME_MAX)?;
    let postal_code = text(fields, "postal_code", 20)?;
    let city = text(fields, "city", NAME_MAX)?;
    let country = text(fields, "country", 2)?.unwrap_or_else(|| "CH".into()).to_uppercase();
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err("`country` must be two letters".into());
    }
    let address = match (street, postal_code, city) {
        (None, None, None) => None,
        (street, postal_code, city) => Some(AddressRow {
            name: name.clone(),
            street: street.unwrap_or_default(),
            postal_code: postal_code.unwrap_or_default(),
            city: city.unwrap_or_default(),
            country,
        }),
    };
    Ok(CustomerRecord {
        external_id: required(fields, "external_id", 100)?,
        name,
        phones,
        emails,
        cards: list(fields, ["card", "cards"])?,
        address,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// One line, one case: decimal, minor units of CHF.
    #[test]
    fn decimals_become_minor_units_without_floats() {
        for (decimal, minor) in [
            ("12.50", Some(1250)),
            ("12,5", Some(1250)),
            ("12", Some(1200)),
            ("0.05", Some(5)),
            ("12.500", Some(1250)),
            ("12.505", None),
            ("-1", None),
            (".5", None),
            ("1e3", None),
            ("12'000", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(minor_units(decimal, Currency::CHF), minor, "{decimal}");
        }
        let yen: Currency = "JPY".parse().unwrap();
        assert_eq!((minor_units("120", yen), minor_units("1.5", yen)), (Some(120), None));
    }

    proptest! {
        #[test]
        fn hostile_fields_never_panic(
            values in proptest::collection::vec("\\PC{0,30}", 12),
        ) {
            let names = ["gtin", "name", "price", "price_minor", "currency", "unit", "rank",
                "external_id", "email", "phone", "country", "street"];
            let fields: Fields =
                names.iter().map(|name| (*name).to_owned()).zip(values).collect();
            let _ = (article(&fields), customer(&fields));
        }
    }
}
