//! Publishing a customer, and the cards by which they are found: a card belongs to one customer.

use crate::db::{blob, id};
use crate::error::CentralError;
use crate::feed::{self, EVERYBODY, Put};
use rusqlite::{Connection, OptionalExtension, params};
use sync::protocol::feed::{CustomerRow, Feed};
use uuid::Uuid;

/// Whose card it is.
pub fn holder_of(connection: &Connection, card: &str) -> Result<Option<Uuid>, CentralError> {
    let sql = "SELECT customer FROM card WHERE number = ?1";
    let found = connection.prepare_cached(sql)?.query_row([card], |row| id(row, 0));
    Ok(found.optional()?)
}

/// Publishes a customer. Cards that are somebody's already stay theirs: the caller has looked.
pub fn put(connection: &Connection, row: &CustomerRow, rank: i64) -> Result<(), CentralError> {
    let sql = "INSERT INTO card (number, customer) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    for card in &row.cards {
        connection.prepare_cached(sql)?.execute(params![card, blob(row.id)])?;
    }
    let at = Put { feed: Feed::Customers, scope: EVERYBODY, table: "customer", key: row.id, rank };
    feed::put(connection, &at, row)
}
