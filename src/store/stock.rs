//! Stock on hand: what central last said (base) and what this device did since (overlay).
//!
//! ```text
//! on hand = base as of the visible stage
//!         + own deltas that those rows lack: of every life in this store, the events behind its included_seq
//!         + own deltas of events that central says are included, and holds back now
//! ```
//! How far a life is included is said anew with every complete page, in the transaction that makes the rows of the
//! page visible, so no sale is ever counted twice or forgotten, whatever the order of sales, acknowledgements, pages
//! and renewals:
//!
//! - **Lives of the terminal that asks**: central says it, life by life. Never more than goes by number: behind a
//!   fork the same numbers are other events, of another device, and ours are not in the rows.
//! - **Lives of another terminal that this device was, in the same store**: nobody says it. What was acknowledged
//!   when the page *before* came is in the rows of this one, since it was asked for after that. Until then such a
//!   sale may count twice: too little is shown for the time of one page, never too much.
//! - **Strays**: central holds them in quarantine, and nobody tells when a person has applied one. They count here
//!   until central has had them for [`STRAY_COUNTED_MS`]; from then on its rows are believed. Too little may be shown
//!   meanwhile, of articles of which somebody is looking after a fork anyway.
//! - **A life that a fork ends after central was restored to before it**: what the rows hold of it is no longer known
//!   by number. It counts until the next complete page: too little for that while, never too much.
//! - **Other stores**: what this device did elsewhere does not change the shelves here.
//!
//! Events that are quarantined or parked are included by number without being in the rows, hence the third term:
//! without it goods that were sold would be on the shelf again. Once central applies one, it counts twice until the
//! next push or watermark says so: too little for that while, never too much. What a former life that is drained
//! had held back no longer counts, since nobody asks what becomes of it.

use crate::error::StoreError;
use crate::feed::FeedState;
use crate::life::Life;
use domain::id::ArticleId;
use domain::merge::stock::{after_move, taken_by};
use domain::order::Order;
use domain::time::DeviceTime;
use rusqlite::{Connection, OptionalExtension, params};
use sync::protocol::feed::{Feed, INCLUDED_MAX, Included};

/// How long strays count after central has taken them all, milliseconds by the device's clock: a week, in which
/// somebody has looked at the quarantine.
pub(crate) const STRAY_COUNTED_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Books what an order takes: the same moves that central books, by the same function.
pub(crate) fn book(db: &Connection, order: &Order, position: i64) -> Result<(), StoreError> {
    let mut insert =
        db.prepare_cached("INSERT INTO own_stock (article, position, delta) VALUES (?1, ?2, ?3)")?;
    for (article, delta) in taken_by(order) {
        insert.execute(params![article.uuid().as_bytes(), position, delta])?;
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
    // CROSS JOIN: from the few lives, or events held back, to the article, never through all of its sales.
    let own: i64 = db
        .prepare_cached(
            "SELECT coalesce(sum(delta), 0) FROM life CROSS JOIN own_stock \
             ON own_stock.article = ?1 AND position > base_position + included_seq \
             AND position <= base_position + last_seq \
             WHERE store = (SELECT store FROM life ORDER BY number DESC LIMIT 1) \
             AND included_seq < last_seq",
        )?
        .query_row([key.as_bytes()], |row| row.get(0))?;
    let held_back: i64 = db
        .prepare_cached(
            "SELECT coalesce(sum(delta), 0) FROM life CROSS JOIN held_back \
             ON held_back.position > base_position \
             AND held_back.position <= base_position + included_seq \
             CROSS JOIN own_stock USING (position) WHERE article = ?1 \
             AND store = (SELECT store FROM life ORDER BY number DESC LIMIT 1) \
             AND (number = (SELECT max(number) FROM life) \
                  OR acked_seq < coalesce(numbered_seq, last_seq))",
        )?
        .query_row([key.as_bytes()], |row| row.get(0))?;
    Ok(Some(after_move(after_move(base, own), held_back)))
}

/// Notes what the rows that become visible now include of each life.
pub(crate) fn include(
    db: &Connection,
    included: &[Included],
    at: DeviceTime,
) -> Result<(), StoreError> {
    let lives = Life::all(db)?;
    let Some(current) = lives.last().map(|life| life.identity.id) else { return Ok(()) };
    let mut read = db.prepare_cached(
        "SELECT included_seq, promised_seq, strayed_at_ms FROM life WHERE number = ?1",
    )?;
    let mut save = db.prepare_cached(
        "UPDATE life SET included_seq = ?2, promised_seq = ?3, strayed_at_ms = ?4 WHERE number = ?1",
    )?;
    for life in &lives {
        let known: (u64, u64, Option<i64>) =
            read.query_row([life.number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let (before, promised, strayed_at_ms) = known;
        let told = included.iter().find(|told| told.epoch == life.identity.epoch);
        let seq = match told {
            _ if life.identity.id != current => promised,
            Some(told) => told.seq,
            // Central tells of its newest lives only; of one that it leaves out of a shorter list it has nothing.
            None if included.len() < INCLUDED_MAX => 0,
            None => before,
        };
        // A week begins with the first complete page after central has taken the last of them.
        let has_strayed = life.numbered_until() < life.last_seq && life.strays_after().is_none();
        // A clock that was set back by years must not make the week last for years.
        let strayed_at_ms = has_strayed.then(|| strayed_at_ms.unwrap_or(at.0).min(at.0));
        let is_believed =
            strayed_at_ms.is_some_and(|since| at.0.saturating_sub(since) > STRAY_COUNTED_MS);
        let seq = if is_believed { life.last_seq } else { seq.min(life.numbered_until()) };
        let now = (seq, life.acked_seq, strayed_at_ms);
        if now != known {
            save.execute(params![life.number, now.0, now.1, now.2])?;
        }
    }
    Ok(())
}
