//! Changing a price: a small administrative act that becomes a change of the catalogue feed.

use crate::db::{blob, meta, set_meta};
use crate::error::CentralError;
use crate::feed::{self, EVERYBODY, Put};
use domain::gtin::Gtin;
use rusqlite::{Connection, OptionalExtension};
use sync::protocol::feed::{ArticleRow, Feed};
use uuid::Uuid;

const VERSION_KEY: &str = "price_version";

/// The newest version of the price list; 0 before there is one.
pub fn version(connection: &Connection) -> Result<u64, CentralError> {
    let text = meta(connection, VERSION_KEY)?.unwrap_or_else(|| "0".into());
    text.parse().map_err(|_| CentralError::DamagedRow("price version"))
}

/// Begins the next version of the price list.
pub fn next_version(connection: &Connection) -> Result<u64, CentralError> {
    let next = version(connection)? + 1;
    set_meta(connection, VERSION_KEY, &next.to_string())?;
    Ok(next)
}

/// The article that is scanned under a number.
pub fn article_of(connection: &Connection, gtin: Gtin) -> Result<Option<Uuid>, CentralError> {
    let sql = "SELECT article FROM gtin WHERE number = ?1";
    let found = connection
        .prepare_cached(sql)?
        .query_row([gtin.number() as i64], |row| crate::db::id(row, 0));
    Ok(found.optional()?)
}

/// Publishes an article and the numbers under which it is scanned. A number that belonged to another article
/// belongs to this one from now on.
pub fn put_article(connection: &Connection, row: &ArticleRow) -> Result<(), CentralError> {
    let sql = "INSERT INTO gtin (number, article) VALUES (?1, ?2)
               ON CONFLICT (number) DO UPDATE SET article = excluded.article";
    for digits in &row.gtins {
        let gtin = Gtin::parse(digits).map_err(|_| CentralError::DamagedRow("article"))?;
        let values = rusqlite::params![gtin.number() as i64, blob(row.id)];
        connection.prepare_cached(sql)?.execute(values)?;
    }
    let rank = i64::from(row.rank);
    let at = Put { feed: Feed::Catalogue, scope: EVERYBODY, table: "article", key: row.id, rank };
    feed::put(connection, &at, row)
}

/// Sets the price of an article under a new version of the price list. Returns the row as published, `None` if
/// no article has that number.
pub fn set_price(
    connection: &Connection,
    gtin: Gtin,
    price_minor: i64,
) -> Result<Option<ArticleRow>, CentralError> {
    let Some(article) = article_of(connection, gtin)? else { return Ok(None) };
    let known = feed::get::<ArticleRow>(connection, Feed::Catalogue, EVERYBODY, article)?;
    let Some((mut row, _)) = known else { return Ok(None) };
    row.price_minor = price_minor;
    row.price_version = next_version(connection)?;
    put_article(connection, &row)?;
    Ok(Some(row))
}
