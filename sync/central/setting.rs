//! What a chain decides about its codes: layouts of labels, and the key that seals receipts, baskets and badges.
//!
//! Both stand in the row of each store, because terminals read that first and need nothing else to read a code.

use crate::error::CentralError;
use crate::feed::{self, Put};
use crate::rim::Rim;
use domain::code::{CodeKey, VariableMeasureTemplate};
use rusqlite::Connection;
use std::fmt::Write;
use sync::protocol::feed::{Feed, LabelLayoutRow, StaffRow, StoreRow};
use uuid::Uuid;

/// Older keys that still prove what was printed with them.
const FORMER_KEYS_MAX: usize = 3;
/// More layouts than this are a slip.
pub const LAYOUTS_MAX: usize = 32;

/// The rows of all stores, or of the one with that code, with their numbers.
pub fn stores(
    connection: &Connection,
    code: Option<&str>,
) -> Result<Vec<(i64, StoreRow)>, CentralError> {
    let sql = "SELECT no, id FROM store WHERE ?1 IS NULL OR code = ?1 ORDER BY no";
    let found: Vec<(i64, Uuid)> = connection
        .prepare(sql)?
        .query_map([code], |row| Ok((row.get(0)?, crate::db::id(row, 1)?)))?
        .collect::<Result<_, _>>()?;
    let mut stores = Vec::new();
    for (no, id) in found {
        if let Some((row, _)) = feed::get::<StoreRow>(connection, Feed::Config, no, id)? {
            stores.push((no, row));
        }
    }
    Ok(stores)
}

/// Changes the row of each of these stores. Returns how many there are.
pub fn change(
    connection: &Connection,
    code: Option<&str>,
    edit: impl Fn(&mut StoreRow),
) -> Result<usize, CentralError> {
    let stores = stores(connection, code)?;
    for (no, known) in &stores {
        let mut row = known.clone();
        edit(&mut row);
        let rank = feed::get::<StoreRow>(connection, Feed::Config, *no, row.id)?
            .map_or(0, |(_, rank)| rank);
        if row != *known {
            let at = Put { feed: Feed::Config, scope: *no, table: "store", key: row.id, rank };
            feed::put(connection, &at, &row)?;
        }
    }
    Ok(stores.len())
}

/// Whether somebody in the chain has this staff number.
pub fn is_staff(connection: &Connection, number: &str) -> Result<bool, CentralError> {
    let sql = "SELECT row FROM feed_row WHERE tbl = 'staff' AND row IS NOT NULL";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        let person = serde_json::from_str::<StaffRow>(&text);
        if person.is_ok_and(|person| person.number == number) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads layouts as people write them: `21IIIIIVPPPPC:2`, the decimals after the colon.
///
/// # Errors
/// In words, with the layout that is wrong.
pub fn parse_layouts(texts: &[String]) -> Result<Vec<LabelLayoutRow>, String> {
    if texts.len() > LAYOUTS_MAX {
        return Err(format!("more than {LAYOUTS_MAX} layouts"));
    }
    let layout = |text: &String| {
        let (pattern, decimals) = text.split_once(':').unwrap_or((text, "0"));
        let decimals = decimals.parse().map_err(|_| format!("{text}: `{decimals}` decimals"))?;
        VariableMeasureTemplate::new(pattern, decimals)
            .map_err(|error| format!("{text}: {error}"))?;
        Ok(LabelLayoutRow { pattern: pattern.to_owned(), decimals })
    };
    texts.iter().map(layout).collect()
}

/// Draws a new key, in the form of the row.
pub fn draw_key(rim: &dyn Rim) -> Result<String, CentralError> {
    let mut key = [0; 32];
    rim.fill_random(&mut key)?;
    let mut text = String::with_capacity(64);
    for byte in key {
        write!(text, "{byte:02x}").expect("a string takes what is written");
    }
    Ok(text)
}

/// A new key seals from now on; the former ones still prove.
pub fn add_key(row: &mut StoreRow, key: &str) {
    row.code_keys.insert(0, key.to_owned());
    row.code_keys.truncate(1 + FORMER_KEYS_MAX);
}

/// The key that seals in these stores; `None` if one of them has none, or another.
pub fn common_key(stores: &[(i64, StoreRow)]) -> Option<CodeKey> {
    let mut keys = stores.iter().map(|(_, row)| row.code_keys.first());
    let first = keys.next()??;
    keys.all(|key| key == Some(first)).then(|| CodeKey::parse(first)).flatten()
}
