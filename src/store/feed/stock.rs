//! Stock of the stock feed: staged, and made visible by the page that completes the stage (see the schema).

use super::FeedState;
use super::sum::{Before, digest_at};
use crate::error::StoreError;
use rusqlite::{Connection, OptionalExtension, params};
use sync::digest::RowDigest;
use sync::protocol::feed::StockRow;
use uuid::Uuid;

/// Puts what is on hand.
pub(super) fn put(
    db: &Connection,
    row: &StockRow,
    digest: RowDigest,
    feed: &FeedState,
) -> Result<Before, StoreError> {
    stage(db, row.article, Some((row.on_hand, digest)), feed)
}

/// Deletes a row.
pub(super) fn delete(
    db: &Connection,
    article: Uuid,
    feed: &FeedState,
) -> Result<Before, StoreError> {
    stage(db, article, None, feed)
}

/// What is known of an article: the newest number with its digest, the one before it, their stage.
struct Known {
    latest: Option<i64>,
    before: Option<i64>,
    stage: i64,
    digest: Option<RowDigest>,
}

fn stage(
    db: &Connection,
    article: Uuid,
    new: Option<(i64, RowDigest)>,
    feed: &FeedState,
) -> Result<Before, StoreError> {
    let known: Option<Known> = db
        .prepare_cached("SELECT on_hand, before, stage, digest FROM base_stock WHERE article = ?1")?
        .query_row([article.as_bytes()], |row| {
            let (latest, before, stage) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Known { latest, before, stage, digest: digest_at(row, 3)? })
        })
        .optional()?;
    let before = known.as_ref().and_then(|known| match known.stage <= feed.visible_stage {
        true => known.latest,
        false => known.before,
    });
    db.prepare_cached(
        "INSERT OR REPLACE INTO base_stock (article, on_hand, before, stage, generation, digest) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        article.as_bytes(),
        new.map(|(on_hand, _)| on_hand),
        before,
        feed.visible_stage + 1,
        feed.generation,
        new.map(|(_, digest)| digest.to_bytes()),
    ])?;
    Ok(match known {
        Some(Known { latest: Some(_), digest, .. }) => Before::Present(digest),
        _ => Before::Absent,
    })
}

/// Stages the end of what a snapshot did not renew.
pub(super) fn sweep(db: &Connection, feed: &FeedState) -> Result<Vec<Before>, StoreError> {
    let swept = db
        .prepare_cached(
            "SELECT digest FROM base_stock WHERE generation <> ?1 AND on_hand IS NOT NULL",
        )?
        .query_map([feed.generation], |row| digest_at(row, 0).map(Before::Present))?
        .collect::<Result<Vec<_>, _>>()?;
    db.prepare_cached(
        "UPDATE base_stock SET before = CASE WHEN stage <= ?1 THEN on_hand ELSE before END, \
         on_hand = NULL, stage = ?1 + 1, generation = ?2, digest = NULL \
         WHERE generation <> ?2 AND on_hand IS NOT NULL",
    )?
    .execute(params![feed.visible_stage, feed.generation])?;
    // Ends that have been visible for a whole generation are of no more use.
    db.prepare_cached(
        "DELETE FROM base_stock WHERE on_hand IS NULL AND stage <= ?1 AND generation <> ?2",
    )?
    .execute(params![feed.visible_stage, feed.generation])?;
    Ok(swept)
}
