//! Articles of the catalogue feed: the row, its identity, its numbers, its words.
//!
//! A million identities and numbers come in random order and do not fit the cache. What is keyed by them is read
//! and written in the order of the keys, once a transaction, so that each page is touched once.

use super::row::ParsedArticle;
use super::sum::{Before, digest_at};
use super::text_index::TextIndex;
use crate::catalogue::{LISTED_WORD_CHARS_MIN, endings, unpack_gtins};
use crate::error::StoreError;
use crate::search::index_line;
use domain::gtin::Gtin;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use sync::digest::RowDigest;
use uuid::Uuid;

/// Places kept for each rank: as many ties stand together, later ones go to the end.
const PLACES_A_RANK: i64 = 4;

/// What is collected within a transaction, to be written in order.
#[derive(Debug)]
pub(super) struct Pending {
    text: TextIndex,
    endings: TextIndex,
    gtins: Vec<(u64, i64)>,
    /// Identities put in this transaction and not yet written.
    ids: BTreeMap<Uuid, i64>,
    /// Places of identities that were looked up ahead; `None`: there is no such article.
    ahead: HashMap<Uuid, Option<i64>>,
    /// The last place of all, once it was asked for.
    last_place: Option<i64>,
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            text: TextIndex::articles(),
            endings: TextIndex::endings(),
            gtins: Vec::new(),
            ids: BTreeMap::new(),
            ahead: HashMap::new(),
            last_place: None,
        }
    }
}

/// What is stored of an article that is about to change.
struct Known {
    id: Uuid,
    place: i64,
    placed_rank: u32,
    packed_gtins: Vec<u8>,
    name: String,
    detail: String,
    digest: Option<RowDigest>,
}

impl Known {
    fn words(&self) -> String {
        words(&self.name, &self.detail)
    }

    fn gtins(&self) -> Result<Vec<Gtin>, StoreError> {
        unpack_gtins(&self.packed_gtins)
            .ok_or_else(|| StoreError::damaged("the numbers of an article"))
    }
}

fn words(name: &str, detail: &str) -> String {
    index_line([name, detail])
}

fn place_of(db: &Connection, id: Uuid) -> Result<Option<i64>, StoreError> {
    let mut statement = db.prepare_cached("SELECT place FROM base_article_id WHERE id = ?1")?;
    Ok(statement.query_row([id.as_bytes()], |row| row.get(0)).optional()?)
}

/// A place in the order of popularity costs writing the words anew, so small moves are let be: results may be in
/// an order that is off by a factor of two, and nobody sees a difference between rank 4,000 and 5,000.
fn moved_much(placed: u32, rank: u32) -> bool {
    let (low, high) = (u64::from(placed.min(rank)), u64::from(placed.max(rank)));
    high > low * 2
}

impl Pending {
    /// Looks identities up in their order, before their rows come in another.
    pub fn look_ahead(&mut self, db: &Connection, ids: &[Uuid]) -> Result<(), StoreError> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        self.ahead.clear();
        for id in ids {
            self.ahead.insert(id, place_of(db, id)?);
        }
        Ok(())
    }

    /// Whether words or endings of a place are not written yet: they must be before they change again.
    fn is_pending(&self, place: i64) -> bool {
        self.text.is_pending(place) || self.endings.is_pending(place)
    }

    fn known(&self, db: &Connection, id: Uuid) -> Result<Option<Known>, StoreError> {
        let place = match (self.ids.get(&id), self.ahead.get(&id)) {
            (Some(place), _) => Some(*place),
            (None, Some(looked_up)) => *looked_up,
            (None, None) => place_of(db, id)?,
        };
        let Some(place) = place else { return Ok(None) };
        let mut statement = db.prepare_cached(
            "SELECT placed_rank, gtins, name, detail, digest FROM base_article WHERE place = ?1",
        )?;
        let known = statement.query_row([place], |row| {
            Ok(Known {
                id,
                place,
                placed_rank: row.get(0)?,
                packed_gtins: row.get(1)?,
                name: row.get(2)?,
                detail: row.get(3)?,
                digest: digest_at(row, 4)?,
            })
        });
        Ok(Some(known?))
    }

    /// Puts an article.
    pub fn put(
        &mut self,
        db: &Connection,
        article: &ParsedArticle,
        digest: RowDigest,
        generation: i64,
    ) -> Result<Before, StoreError> {
        let Some(known) = self.known(db, article.row.id)? else {
            self.insert(db, article, digest, generation)?;
            return Ok(Before::Absent);
        };
        if self.is_pending(known.place) {
            self.flush(db)?;
        }
        if moved_much(known.placed_rank, article.row.rank) {
            self.remove(db, &known)?;
            self.insert(db, article, digest, generation)?;
        } else {
            self.update(db, &known, article, digest, generation)?;
        }
        Ok(Before::Present(known.digest))
    }

    /// Deletes an article.
    pub fn delete(&mut self, db: &Connection, id: Uuid) -> Result<Before, StoreError> {
        let Some(known) = self.known(db, id)? else { return Ok(Before::Absent) };
        if self.is_pending(known.place) {
            self.flush(db)?;
        }
        self.remove(db, &known)?;
        Ok(Before::Present(known.digest))
    }

    /// A free place for a rank. A catalogue comes best sellers first, so it is nearly always behind the last one.
    fn free_place(&mut self, db: &Connection, rank: u32) -> Result<i64, StoreError> {
        let low = i64::from(rank.max(1)) * PLACES_A_RANK;
        let high = low + PLACES_A_RANK - 1;
        let last = match self.last_place {
            Some(last) => last,
            None => db
                .prepare_cached("SELECT coalesce(max(place), 0) FROM base_article")?
                .query_row([], |row| row.get(0))?,
        };
        let place = if low > last {
            low
        } else {
            let taken: Option<i64> = db
                .prepare_cached(
                    "SELECT max(place) FROM base_article WHERE place BETWEEN ?1 AND ?2",
                )?
                .query_row([low, high], |row| row.get(0))?;
            match taken {
                None => low,
                Some(taken) if taken < high => taken + 1,
                Some(_) => last + 1,
            }
        };
        self.last_place = Some(last.max(place));
        Ok(place)
    }

    fn insert(
        &mut self,
        db: &Connection,
        article: &ParsedArticle,
        digest: RowDigest,
        generation: i64,
    ) -> Result<(), StoreError> {
        let row = &article.row;
        let place = self.free_place(db, row.rank)?;
        if self.is_pending(place) {
            // An article left this place a moment ago; its words must go before new ones come.
            self.flush(db)?;
        }
        db.prepare_cached(
            "INSERT INTO base_article (place, id, placed_rank, generation, price_minor, price_version, \
             currency, unit, tax_group, gtins, name, detail, category, digest) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            place,
            row.id.as_bytes(),
            row.rank,
            generation,
            row.price_minor,
            row.price_version,
            row.currency,
            row.unit,
            row.tax_group,
            article.packed_gtins,
            row.name,
            row.detail,
            row.category,
            digest.to_bytes(),
        ])?;
        self.ids.insert(row.id, place);
        self.gtins.extend(article.gtins.iter().map(|gtin| (gtin.number(), place)));
        self.text.insert(place, words(&row.name, &row.detail));
        self.endings.insert(place, endings(&article.gtins));
        Ok(())
    }

    fn update(
        &mut self,
        db: &Connection,
        known: &Known,
        article: &ParsedArticle,
        digest: RowDigest,
        generation: i64,
    ) -> Result<(), StoreError> {
        let row = &article.row;
        db.prepare_cached(
            "UPDATE base_article SET generation = ?2, price_minor = ?3, price_version = ?4, currency = ?5, \
             unit = ?6, tax_group = ?7, gtins = ?8, name = ?9, detail = ?10, category = ?11, digest = ?12 \
             WHERE place = ?1",
        )?
        .execute(params![
            known.place,
            generation,
            row.price_minor,
            row.price_version,
            row.currency,
            row.unit,
            row.tax_group,
            article.packed_gtins,
            row.name,
            row.detail,
            row.category,
            digest.to_bytes(),
        ])?;
        if known.packed_gtins != article.packed_gtins {
            self.flush_gtins(db)?;
            remove_gtins(db, known)?;
            self.endings.delete(known.place, endings(&known.gtins()?));
            self.endings.insert(known.place, endings(&article.gtins));
        }
        // Written even if they are the same: another article may have claimed one meanwhile.
        self.gtins.extend(article.gtins.iter().map(|gtin| (gtin.number(), known.place)));
        if known.name != row.name || known.detail != row.detail {
            self.text.delete(known.place, known.words());
            self.text.insert(known.place, words(&row.name, &row.detail));
        }
        Ok(())
    }

    fn remove(&mut self, db: &Connection, known: &Known) -> Result<(), StoreError> {
        // What was put in this transaction must be there to be taken away.
        self.flush_gtins(db)?;
        remove_gtins(db, known)?;
        db.prepare_cached("DELETE FROM base_article WHERE place = ?1")?.execute([known.place])?;
        db.prepare_cached("DELETE FROM base_article_id WHERE id = ?1")?
            .execute([known.id.as_bytes()])?;
        self.ids.remove(&known.id);
        self.ahead.insert(known.id, None);
        self.last_place = None;
        self.text.delete(known.place, known.words());
        self.endings.delete(known.place, endings(&known.gtins()?));
        Ok(())
    }

    /// Deletes what a snapshot did not renew.
    pub fn sweep(&mut self, db: &Connection, generation: i64) -> Result<Vec<Before>, StoreError> {
        self.flush(db)?;
        let mut statement =
            db.prepare_cached("SELECT id FROM base_article WHERE generation <> ?1")?;
        let stale = statement
            .query_map([generation], |row| row.get::<_, [u8; 16]>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        let gone: Result<Vec<Before>, StoreError> =
            stale.into_iter().map(|id| self.delete(db, Uuid::from_bytes(id))).collect();
        self.flush(db)?;
        gone
    }

    pub fn flush(&mut self, db: &Connection) -> Result<(), StoreError> {
        let mut insert =
            db.prepare_cached("INSERT INTO base_article_id (id, place) VALUES (?1, ?2)")?;
        for (id, place) in std::mem::take(&mut self.ids) {
            insert.execute(params![id.as_bytes(), place])?;
            self.ahead.insert(id, Some(place));
        }
        let long = |word: &&str| word.chars().count() >= LISTED_WORD_CHARS_MIN;
        let words: BTreeSet<&str> = self.text.new_words().filter(long).collect();
        let mut insert =
            db.prepare_cached("INSERT OR IGNORE INTO article_word (word) VALUES (?1)")?;
        for word in words {
            insert.execute([word])?;
        }
        self.flush_gtins(db)?;
        self.endings.flush(db)?;
        self.text.flush(db)
    }

    /// In the order of numbers, which is the order of pages; of two articles with a number the later one has it.
    fn flush_gtins(&mut self, db: &Connection) -> Result<(), StoreError> {
        self.gtins.sort_by_key(|(number, _)| *number);
        let mut statement = db.prepare_cached(
            "INSERT INTO base_gtin (number, article) VALUES (?1, ?2) \
             ON CONFLICT (number) DO UPDATE SET article = ?2 WHERE article <> ?2",
        )?;
        for (number, place) in self.gtins.drain(..) {
            statement.execute(params![number, place])?;
        }
        Ok(())
    }
}

fn remove_gtins(db: &Connection, known: &Known) -> Result<(), StoreError> {
    let mut statement =
        db.prepare_cached("DELETE FROM base_gtin WHERE number = ?1 AND article = ?2")?;
    for gtin in known.gtins()? {
        statement.execute(params![gtin.number(), known.place])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_moves_are_let_be() {
        for (placed, rank, moved) in [
            (100, 150, false),
            (100, 200, false),
            (100, 201, true),
            (100, 49, true),
            (1, 2, false),
            (1, 3, true),
            (0, 0, false),
            (u32::MAX, u32::MAX - 1, false),
        ] {
            assert_eq!(moved_much(placed, rank), moved, "{placed} -> {rank}");
        }
    }
}
