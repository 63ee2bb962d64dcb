//! Customers: found by name, phone, e-mail or card. Each is kept as the JSON that central sent.

use crate::config::from_json;
use crate::error::StoreError;
use crate::phone;
use crate::search::{clip_query, index_line, match_expression};
use domain::customer::Customer;
use domain::id::CustomerId;
use domain::order::Address;
use domain::time::CentralTime;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeSet;
use sync::protocol::feed::{AddressRow, CustomerRow};
use uuid::Uuid;

/// Letters of a card number that narrow enough to search by its beginning.
const CARD_PREFIX_MIN: usize = 3;

fn customer_from(row: CustomerRow) -> Customer {
    let address = |address: AddressRow| Address {
        name: address.name,
        street: address.street,
        postal_code: address.postal_code,
        city: address.city,
        country: address.country,
    };
    Customer {
        id: CustomerId::from_uuid(row.id),
        name: row.name,
        phones: row.phones,
        emails: row.emails,
        cards: row.cards,
        addresses: row.addresses.into_iter().map(address).collect(),
        since: CentralTime(row.since_ms),
    }
}

/// Words that a customer is found by: the name, and what stands before the @.
pub(crate) fn index_words(row: &CustomerRow) -> String {
    let locals = row.emails.iter().filter_map(|email| email.split('@').next());
    index_line(std::iter::once(row.name.as_str()).chain(locals))
}

fn email_key(email: &str) -> String {
    format!("e{}", email.trim().to_lowercase())
}

fn card_key(card: &str) -> String {
    let compact: String = card.chars().filter(|c| !c.is_whitespace()).collect();
    format!("c{}", compact.to_uppercase())
}

/// Keys that a customer is found by; see the schema for the letters.
pub(crate) fn index_keys(row: &CustomerRow) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    keys.extend(row.cards.iter().map(|card| card_key(card)));
    keys.extend(row.emails.iter().map(|email| email_key(email)));
    for forms in row.phones.iter().filter_map(|phone| phone::forms(phone)) {
        keys.insert(format!("r{}", forms.national.chars().rev().collect::<String>()));
        keys.insert(format!("n{}", forms.national));
        keys.insert(match forms.international {
            Some(digits) => format!("i{digits}"),
            None => format!("l{}", forms.national),
        });
    }
    keys.retain(|key| key.chars().count() > 1);
    keys
}

pub(crate) fn by_id(db: &Connection, id: CustomerId) -> Result<Option<Customer>, StoreError> {
    let mut statement = db.prepare_cached("SELECT row FROM base_customer WHERE id = ?1")?;
    let json: Option<String> =
        statement.query_row([id.uuid().as_bytes()], |row| row.get(0)).optional()?;
    json.map(|json| from_json(&json).map(customer_from)).transpose()
}

pub(crate) fn by_card(db: &Connection, card: &str) -> Result<Option<CustomerId>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id FROM base_customer_key JOIN base_customer ON number = customer WHERE key = ?1 \
         ORDER BY customer LIMIT 1",
    )?;
    let id: Option<[u8; 16]> =
        statement.query_row([card_key(card)], |row| row.get(0)).optional()?;
    Ok(id.map(|id| CustomerId::from_uuid(Uuid::from_bytes(id))))
}

pub(crate) fn search(
    db: &Connection,
    query: &str,
    limit: usize,
) -> Result<Vec<Customer>, StoreError> {
    let limit = limit.min(crate::catalogue::RESULTS_MAX);
    let query = clip_query(query).trim();
    let mut found: Vec<i64> = Vec::new();
    if query.is_empty() || limit == 0 {
        return Ok(Vec::new());
    }
    // A card, an address or a number says more than a name: they come first.
    let mut beginnings = Vec::new();
    if card_key(query).chars().count() > CARD_PREFIX_MIN {
        beginnings.push(card_key(query));
    }
    if query.chars().count() >= 2 && !query.contains(char::is_whitespace) {
        beginnings.push(email_key(query));
    }
    if phone::looks_like_phone(query) {
        beginnings.extend(phone::query_keys(query));
    }
    for beginning in beginnings {
        add_by_beginning(db, &beginning, limit, &mut found)?;
    }
    // What stands before an @ was taken in above; behind it there is no name.
    if found.len() < limit
        && !query.contains('@')
        && let Some(expression) = match_expression(query)
    {
        let mut statement = db.prepare_cached(
            "SELECT rowid FROM customer_text WHERE customer_text MATCH ?1 ORDER BY rowid LIMIT ?2",
        )?;
        let mut rows = statement.query(params![expression, limit])?;
        while let Some(row) = rows.next()? {
            add(row.get(0)?, limit, &mut found);
        }
    }
    let mut statement = db.prepare_cached("SELECT row FROM base_customer WHERE number = ?1")?;
    let mut customers = Vec::with_capacity(found.len());
    for number in found {
        let json: Option<String> = statement.query_row([number], |row| row.get(0)).optional()?;
        let json = json.ok_or_else(|| StoreError::damaged("the index of customers"))?;
        customers.push(customer_from(from_json(&json)?));
    }
    Ok(customers)
}

fn add(number: i64, limit: usize, found: &mut Vec<i64>) {
    if found.len() < limit && !found.contains(&number) {
        found.push(number);
    }
}

fn add_by_beginning(
    db: &Connection,
    beginning: &str,
    limit: usize,
    found: &mut Vec<i64>,
) -> Result<(), StoreError> {
    // The last character of Unicode follows everything that begins with the same letters.
    let end = format!("{beginning}\u{10ffff}");
    let mut statement = db.prepare_cached(
        "SELECT customer FROM base_customer_key WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3",
    )?;
    // A customer may have several keys in the range; twice the limit leaves room for that.
    let mut rows = statement.query(params![beginning, end, limit * 2])?;
    while let Some(row) = rows.next()? {
        add(row.get(0)?, limit, found);
    }
    Ok(())
}
