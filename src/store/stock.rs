//! Stock on hand: what central last said (base) and what this terminal did since (overlay).
//!
//! ```text
//! on hand = base as of the visible stage + own deltas behind included_position
//!                                        + own deltas of events that central holds back now
//! ```
//! What central says to include is its watermark, and that covers events that it holds but has not applied
//! (quarantined or parked): without the last term goods that were sold would be on the shelf again. Once central
//! applies one, it counts twice until the next push or watermark says so: for that while too little is shown,
//! never too much.
//!
//! Both sides of the sum move in one transaction, when a page is complete, so no sale is ever counted twice or
//! forgotten, whatever the order of sales, acknowledgements and pages.

use crate::error::StoreError;
use crate::feed::FeedState;
use crate::life::Life;
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
    Ok(Some(base.saturating_add(own).saturating_add(held_back(db, article, &feed)?)))
}

/// What events that central holds back did to an article, of those that it says are included. Only of this life:
/// nobody tells what becomes of an earlier one's.
fn held_back(db: &Connection, article: ArticleId, feed: &FeedState) -> Result<i64, StoreError> {
    let Some(life) = Life::current(db)? else { return Ok(0) };
    // CROSS JOIN: from the few events held back to the article, never through all of its sales.
    let mut statement = db.prepare_cached(
        "SELECT coalesce(sum(delta), 0) FROM held_back CROSS JOIN own_stock USING (position) \
         WHERE article = ?1 AND held_back.position > ?2 AND held_back.position <= ?3",
    )?;
    let key = article.uuid();
    let bounds = params![key.as_bytes(), life.base_position, feed.included_position];
    Ok(statement.query_row(bounds, |row| row.get(0))?)
}
