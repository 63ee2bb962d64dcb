//! Stock on hand: what central last said (base) and what this terminal did since (overlay).
//!
//! ```text
//! on hand = base as of the visible stage + own deltas behind included_position
//! ```
//! Both sides of the sum move in one transaction, when a page is complete, so no sale is ever counted twice or
//! forgotten, whatever the order of sales, acknowledgements and pages.

use crate::error::StoreError;
use crate::feed::FeedState;
use domain::id::ArticleId;
use domain::order::Order;
use rusqlite::{Connection, OptionalExtension, params};
use sync::protocol::feed::Feed;

/// Books what an order takes. Every line counts, however it reaches the customer, as central counts it: what is
/// promised is no longer there to be sold.
pub(crate) fn book(db: &Connection, order: &Order, position: i64) -> Result<(), StoreError> {
    let mut insert = db.prepare_cached(
        "INSERT INTO own_stock (article, position, delta) VALUES (?1, ?2, ?3) \
         ON CONFLICT (article, position) DO UPDATE SET delta = delta + excluded.delta",
    )?;
    for line in &order.lines {
        let delta = line.quantity.amount.saturating_neg();
        insert.execute(params![line.article.uuid().as_bytes(), position, delta])?;
    }
    Ok(())
}

pub(crate) fn on_hand(db: &Connection, article: ArticleId) -> Result<Option<i64>, StoreError> {
    let feed = FeedState::load(db, Feed::Stock)?;
    let key = article.uuid();
    let base: Option<Option<i64>> = db
        .prepare_cached(
            "SELECT CASE WHEN stage <= ?2 THEN on_hand ELSE before END FROM base_stock \
             WHERE article = ?1",
        )?
        .query_row(params![key.as_bytes(), feed.visible_stage], |row| row.get(0))
        .optional()?;
    let Some(Some(base)) = base else { return Ok(None) };
    let own: i64 = db
        .prepare_cached(
            "SELECT coalesce(sum(delta), 0) FROM own_stock WHERE article = ?1 AND position > ?2",
        )?
        .query_row(params![key.as_bytes(), feed.included_position], |row| row.get(0))?;
    Ok(Some(base.saturating_add(own)))
}
