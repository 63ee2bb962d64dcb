//! Articles of the catalogue feed: the row, its numbers, its words.

use super::row::ParsedArticle;
use super::text_index::TextIndex;
use crate::catalogue::unpack_gtins;
use crate::error::StoreError;
use crate::search::index_line;
use domain::gtin::Gtin;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

/// Places kept for each rank: as many ties stand together, later ones go to the end.
const PLACES_A_RANK: i64 = 4;

/// What is collected within a transaction, to be written in order.
#[derive(Debug)]
pub(super) struct Pending {
    text: TextIndex,
    gtins: Vec<(u64, i64)>,
}

impl Default for Pending {
    fn default() -> Self {
        Self { text: TextIndex::articles(), gtins: Vec::new() }
    }
}

/// What is stored of an article that is about to change.
struct Known {
    place: i64,
    placed_rank: u32,
    packed_gtins: Vec<u8>,
    name: String,
    detail: String,
}

impl Known {
    fn words(&self) -> String {
        words(&self.name, &self.detail)
    }
}

fn words(name: &str, detail: &str) -> String {
    index_line([name, detail])
}

fn known(db: &Connection, id: Uuid) -> Result<Option<Known>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT place, placed_rank, gtins, name, detail FROM base_article WHERE id = ?1",
    )?;
    let known = statement.query_row([id.as_bytes()], |row| {
        Ok(Known {
            place: row.get(0)?,
            placed_rank: row.get(1)?,
            packed_gtins: row.get(2)?,
            name: row.get(3)?,
            detail: row.get(4)?,
        })
    });
    Ok(known.optional()?)
}

/// A place in the order of popularity costs writing the words anew, so small moves are let be: results may be in
/// an order that is off by a factor of two, and nobody sees a difference between rank 4,000 and 5,000.
fn moved_much(placed: u32, rank: u32) -> bool {
    let (low, high) = (u64::from(placed.min(rank)), u64::from(placed.max(rank)));
    high > low * 2
}

/// A free place for a rank.
fn free_place(db: &Connection, rank: u32) -> Result<i64, StoreError> {
    let low = i64::from(rank.max(1)) * PLACES_A_RANK;
    let high = low + PLACES_A_RANK - 1;
    let last: Option<i64> = db
        .prepare_cached("SELECT max(place) FROM base_article WHERE place BETWEEN ?1 AND ?2")?
        .query_row([low, high], |row| row.get(0))?;
    match last {
        None => Ok(low),
        Some(last) if last < high => Ok(last + 1),
        Some(_) => {
            let end: i64 = db
                .prepare_cached("SELECT max(place) FROM base_article")?
                .query_row([], |row| row.get(0))?;
            Ok(end + 1)
        }
    }
}

impl Pending {
    /// Puts an article; returns by how many the rows changed.
    pub fn put(
        &mut self,
        db: &Connection,
        article: &ParsedArticle,
        generation: i64,
    ) -> Result<i64, StoreError> {
        let Some(known) = known(db, article.row.id)? else {
            self.insert(db, article, generation)?;
            return Ok(1);
        };
        if self.text.is_pending(known.place) {
            self.flush(db)?;
        }
        if moved_much(known.placed_rank, article.row.rank) {
            self.remove(db, &known)?;
            self.insert(db, article, generation)?;
        } else {
            self.update(db, &known, article, generation)?;
        }
        Ok(0)
    }

    /// Deletes an article; returns by how many the rows changed.
    pub fn delete(&mut self, db: &Connection, id: Uuid) -> Result<i64, StoreError> {
        let Some(known) = known(db, id)? else { return Ok(0) };
        if self.text.is_pending(known.place) {
            self.flush(db)?;
        }
        self.remove(db, &known)?;
        Ok(-1)
    }

    fn insert(
        &mut self,
        db: &Connection,
        article: &ParsedArticle,
        generation: i64,
    ) -> Result<(), StoreError> {
        let row = &article.row;
        let mut place = free_place(db, row.rank)?;
        if self.text.is_pending(place) {
            // An article left this place a moment ago; its words must go before new ones come.
            self.flush(db)?;
            place = free_place(db, row.rank)?;
        }
        db.prepare_cached(
            "INSERT INTO base_article (place, id, placed_rank, generation, price_minor, price_version, \
             currency, unit, tax_group, gtins, name, detail, category) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
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
        ])?;
        self.gtins.extend(article.gtins.iter().map(|gtin| (gtin.number(), place)));
        self.text.insert(place, words(&row.name, &row.detail));
        Ok(())
    }

    fn update(
        &mut self,
        db: &Connection,
        known: &Known,
        article: &ParsedArticle,
        generation: i64,
    ) -> Result<(), StoreError> {
        let row = &article.row;
        db.prepare_cached(
            "UPDATE base_article SET generation = ?2, price_minor = ?3, price_version = ?4, currency = ?5, \
             unit = ?6, tax_group = ?7, gtins = ?8, name = ?9, detail = ?10, category = ?11 \
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
        ])?;
        if known.packed_gtins != article.packed_gtins {
            remove_gtins(db, known)?;
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
        // Numbers that were put in this transaction must be there to be taken away.
        self.flush_gtins(db)?;
        remove_gtins(db, known)?;
        db.prepare_cached("DELETE FROM base_article WHERE place = ?1")?.execute([known.place])?;
        self.text.delete(known.place, known.words());
        Ok(())
    }

    /// Deletes what a snapshot did not renew; returns by how many the rows changed.
    pub fn sweep(&mut self, db: &Connection, generation: i64) -> Result<i64, StoreError> {
        self.flush(db)?;
        let mut statement =
            db.prepare_cached("SELECT id FROM base_article WHERE generation <> ?1")?;
        let stale = statement
            .query_map([generation], |row| row.get::<_, [u8; 16]>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        let mut change = 0;
        for id in stale {
            change += self.delete(db, Uuid::from_bytes(id))?;
        }
        self.flush(db)?;
        Ok(change)
    }

    pub fn flush(&mut self, db: &Connection) -> Result<(), StoreError> {
        self.flush_gtins(db)?;
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
    let gtins: Vec<Gtin> = unpack_gtins(&known.packed_gtins)
        .ok_or_else(|| StoreError::damaged("the numbers of an article"))?;
    let mut statement =
        db.prepare_cached("DELETE FROM base_gtin WHERE number = ?1 AND article = ?2")?;
    for gtin in gtins {
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
