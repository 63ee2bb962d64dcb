//! Stock of the stock feed: staged, and made visible by the page that completes the stage (see the schema).

use super::FeedState;
use crate::error::StoreError;
use rusqlite::{Connection, OptionalExtension, params};
use sync::protocol::feed::StockRow;
use uuid::Uuid;

/// Puts what is on hand; returns by how many the rows changed.
pub(super) fn put(db: &Connection, row: &StockRow, feed: &FeedState) -> Result<i64, StoreError> {
    stage(db, row.article, Some(row.on_hand), feed)
}

/// Deletes a row; returns by how many the rows changed.
pub(super) fn delete(db: &Connection, article: Uuid, feed: &FeedState) -> Result<i64, StoreError> {
    stage(db, article, None, feed)
}

fn stage(
    db: &Connection,
    article: Uuid,
    on_hand: Option<i64>,
    feed: &FeedState,
) -> Result<i64, StoreError> {
    let known: Option<(Option<i64>, Option<i64>, i64)> = db
        .prepare_cached("SELECT on_hand, before, stage FROM base_stock WHERE article = ?1")?
        .query_row([article.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let (latest, before) = match known {
        Some((latest, _, stage)) if stage <= feed.visible_stage => (latest, latest),
        Some((latest, before, _)) => (latest, before),
        None => (None, None),
    };
    db.prepare_cached(
        "INSERT OR REPLACE INTO base_stock (article, on_hand, before, stage, generation) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        article.as_bytes(),
        on_hand,
        before,
        feed.visible_stage + 1,
        feed.generation
    ])?;
    Ok(i64::from(on_hand.is_some()) - i64::from(latest.is_some()))
}

/// Stages the end of what a snapshot did not renew; returns by how many the rows changed.
pub(super) fn sweep(db: &Connection, feed: &FeedState) -> Result<i64, StoreError> {
    let swept = db
        .prepare_cached(
            "UPDATE base_stock SET before = CASE WHEN stage <= ?1 THEN on_hand ELSE before END, \
             on_hand = NULL, stage = ?1 + 1, generation = ?2 \
             WHERE generation <> ?2 AND on_hand IS NOT NULL",
        )?
        .execute(params![feed.visible_stage, feed.generation])?;
    // Ends that have been visible for a whole generation are of no more use.
    db.prepare_cached(
        "DELETE FROM base_stock WHERE on_hand IS NULL AND stage <= ?1 AND generation <> ?2",
    )?
    .execute(params![feed.visible_stage, feed.generation])?;
    Ok(-(swept as i64))
}
