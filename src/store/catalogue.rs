//! Articles: found by number in two descents of a tree, and by words as they are typed, best sellers first.

use crate::error::StoreError;
use crate::search::{Term, any_of, clip_query, expression, terms};
use domain::article::{Article, Pack, UnitPrice};
use domain::gtin::Gtin;
use domain::id::ArticleId;
use domain::money::{Currency, Money};
use domain::quantity::Unit;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The most results of one search.
pub(crate) const RESULTS_MAX: usize = 200;
/// Numbers looked at when digits fit many: the best sellers among more are found by walking in their order.
const NUMBERS_MAX: usize = 500;
/// Best sellers walked through when digits fit more numbers than that.
const WALK_MAX: usize = 5_000;

const COLUMNS: &str = "a.id, a.gtins, a.name, a.detail, a.category, a.price_minor, a.currency, a.unit, \
                       a.tax_group, a.price_version, a.place";

struct Raw {
    id: [u8; 16],
    gtins: Vec<u8>,
    currency: String,
    unit: String,
    article: Article,
    place: i64,
}

fn read_raw(row: &Row<'_>) -> Result<Raw, rusqlite::Error> {
    let (currency, unit): (String, String) = (row.get(6)?, row.get(7)?);
    // The price is completed by `finish`, where a wrong currency is an error of ours and not of SQLite.
    let amount = Money::new(row.get(5)?, Currency::CHF);
    Ok(Raw {
        id: row.get(0)?,
        gtins: row.get(1)?,
        currency,
        unit,
        article: Article {
            id: ArticleId::from_uuid(Uuid::nil()),
            gtins: Vec::new(),
            packs: Vec::new(),
            name: row.get(2)?,
            detail: row.get(3)?,
            category: row.get(4)?,
            price: UnitPrice { amount, unit: Unit::Piece },
            tax_group: row.get(8)?,
            price_version: row.get(9)?,
        },
        place: row.get(10)?,
    })
}

fn finish(raw: Raw) -> Result<Article, StoreError> {
    let damaged = |what: &str| StoreError::damaged(format!("the {what} of an article"));
    let currency: Currency = raw.currency.parse().map_err(|_| damaged("currency"))?;
    let unit: Unit = raw.unit.parse().map_err(|_| damaged("unit"))?;
    let gtins = unpack_gtins(&raw.gtins).ok_or_else(|| damaged("numbers"))?;
    let packs = unpack_packs(&raw.gtins).ok_or_else(|| damaged("packs"))?;
    let amount = Money::new(raw.article.price.amount.minor(), currency);
    let id = ArticleId::from_uuid(Uuid::from_bytes(raw.id));
    Ok(Article { id, gtins, packs, price: UnitPrice { amount, unit }, ..raw.article })
}

/// A GTIN fills 47 bits of its eight bytes; how many pieces it stands for is in those above, 0 where that is one.
const PIECES_SHIFT: u32 = 48;
const NUMBER_MASK: u64 = (1 << PIECES_SHIFT) - 1;

/// Numbers as one blob: eight bytes each, big-endian.
pub(crate) fn pack_gtins(gtins: &[Gtin], packs: &[Pack]) -> Vec<u8> {
    let pieces =
        |gtin: &Gtin| packs.iter().find(|pack| pack.gtin == *gtin).map_or(0, |pack| pack.pieces);
    let word = |gtin: &Gtin| u64::from(pieces(gtin)) << PIECES_SHIFT | gtin.number();
    gtins.iter().flat_map(|gtin| word(gtin).to_be_bytes()).collect()
}

fn words(blob: &[u8]) -> impl Iterator<Item = Option<u64>> {
    blob.chunks(8).map(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)))
}

/// The numbers of a blob; `None` if it was not made by [`pack_gtins`].
pub(crate) fn unpack_gtins(blob: &[u8]) -> Option<Vec<Gtin>> {
    words(blob).map(|word| Gtin::from_number(word? & NUMBER_MASK).ok()).collect()
}

/// Which numbers of such a blob stand for several pieces.
pub(crate) fn unpack_packs(blob: &[u8]) -> Option<Vec<Pack>> {
    let packs = words(blob).map(|word| {
        let word = word?;
        let gtin = Gtin::from_number(word & NUMBER_MASK).ok()?;
        Some((word >> PIECES_SHIFT, gtin))
    });
    let packs = packs.filter(|pack| pack.is_none_or(|(pieces, _)| pieces > 0));
    packs.map(|pack| pack.and_then(|(pieces, gtin)| Pack::new(gtin, pieces))).collect()
}

pub(crate) fn by_gtin(db: &Connection, gtin: Gtin) -> Result<Option<Article>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM base_gtin JOIN base_article AS a ON a.place = base_gtin.article \
         WHERE base_gtin.number = ?1"
    );
    let raw = db.prepare_cached(&sql)?.query_row([gtin.number()], read_raw).optional()?;
    raw.map(finish).transpose()
}

pub(crate) fn by_id(db: &Connection, id: ArticleId) -> Result<Option<Article>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM base_article_id JOIN base_article AS a USING (place) \
         WHERE base_article_id.id = ?1"
    );
    let raw = db.prepare_cached(&sql)?.query_row([id.uuid().as_bytes()], read_raw).optional()?;
    raw.map(finish).transpose()
}

pub(crate) fn search(
    db: &Connection,
    query: &str,
    limit: usize,
) -> Result<Vec<Article>, StoreError> {
    let limit = limit.min(RESULTS_MAX);
    let query = clip_query(query).trim();
    if query.is_empty() {
        return best_sellers(db, limit);
    }
    let mut found = Found { places: BTreeSet::new(), articles: Vec::new(), limit };
    let digits: String = query.chars().filter(|c| !c.is_whitespace()).collect();
    if (3..=14).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        by_digits(db, &digits, &mut found)?;
    }
    if found.articles.len() < limit
        && let Some(expression) = article_expression(db, query)?
    {
        let sql = format!(
            "SELECT {COLUMNS} FROM article_text AS t CROSS JOIN base_article AS a \
             ON a.place = t.rowid WHERE article_text MATCH ?1 ORDER BY t.rowid LIMIT ?2"
        );
        found.read(db, &sql, params![expression, limit])?;
    }
    Ok(found.articles)
}

/// Words from this length on are in `article_word`; shorter beginnings have lists of their own in the index.
pub(crate) const LISTED_WORD_CHARS_MIN: usize = 6;
/// Words asked for in place of their beginning. Each is one seek; more than that share six letters only in
/// catalogues of one kind of goods, and there FTS5 merges them itself.
const LISTED_WORDS_MAX: usize = 128;

/// The expression for `MATCH`; `None` if the query has no words, or one that no article has.
fn article_expression(db: &Connection, query: &str) -> Result<Option<String>, StoreError> {
    let mut parts = Vec::new();
    for term in terms(query) {
        let Term::Beginning(beginning) = &term else {
            parts.push(expression(&term));
            continue;
        };
        if beginning.chars().count() < LISTED_WORD_CHARS_MIN {
            parts.push(expression(&term));
            continue;
        }
        let mut statement = db.prepare_cached(
            "SELECT word FROM article_word WHERE word >= ?1 AND word < ?2 ORDER BY word LIMIT ?3",
        )?;
        let end = format!("{beginning}\u{10ffff}");
        let words = statement
            .query_map(params![beginning, end, LISTED_WORDS_MAX + 1], |row| row.get(0))?
            .collect::<Result<Vec<String>, _>>()?;
        match words.len() {
            0 => return Ok(None),
            1..=LISTED_WORDS_MAX => parts.push(any_of(&words)),
            _ => parts.push(expression(&term)),
        }
    }
    Ok((!parts.is_empty()).then(|| parts.join(" AND ")))
}

/// Results so far, each article once.
struct Found {
    places: BTreeSet<i64>,
    articles: Vec<Article>,
    limit: usize,
}

impl Found {
    fn add(&mut self, raw: Raw) -> Result<(), StoreError> {
        if self.articles.len() < self.limit && self.places.insert(raw.place) {
            self.articles.push(finish(raw)?);
        }
        Ok(())
    }

    fn read(
        &mut self,
        db: &Connection,
        sql: &str,
        parameters: impl rusqlite::Params,
    ) -> Result<(), StoreError> {
        let mut statement = db.prepare_cached(sql)?;
        let mut rows = statement.query(parameters)?;
        while let Some(row) = rows.next()? {
            self.add(read_raw(row)?)?;
        }
        Ok(())
    }
}

fn best_sellers(db: &Connection, limit: usize) -> Result<Vec<Article>, StoreError> {
    let mut found = Found { places: BTreeSet::new(), articles: Vec::new(), limit };
    let sql = format!("SELECT {COLUMNS} FROM base_article AS a ORDER BY a.place LIMIT ?1");
    found.read(db, &sql, [limit])?;
    Ok(found.articles)
}

/// Articles with a number that begins or ends with the digits: the exact number first, then best sellers first.
fn by_digits(db: &Connection, digits: &str, found: &mut Found) -> Result<(), StoreError> {
    if let Ok(gtin) = Gtin::parse(digits) {
        let sql = format!(
            "SELECT {COLUMNS} FROM base_gtin AS g JOIN base_article AS a ON a.place = g.article \
             WHERE g.number = ?1"
        );
        found.read(db, &sql, [gtin.number()])?;
    }
    let mut places = BTreeSet::new();
    let mut is_wide = false;
    for (low, high) in prefix_ranges(digits) {
        let mut statement = db.prepare_cached(
            "SELECT article FROM base_gtin WHERE number BETWEEN ?1 AND ?2 LIMIT ?3",
        )?;
        let mut rows = statement.query(params![low, high, NUMBERS_MAX + 1])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            places.insert(row.get::<_, i64>(0)?);
            count += 1;
        }
        is_wide |= count > NUMBERS_MAX;
    }
    if digits.len() >= 4 {
        let mut statement = db.prepare_cached(
            "SELECT place, gtins FROM article_ending_text AS t CROSS JOIN base_article \
             ON place = t.rowid WHERE article_ending_text MATCH ?1 ORDER BY t.rowid LIMIT ?2",
        )?;
        let ending = expression(&Term::Whole(digits[digits.len() - 4..].to_owned()));
        let mut rows = statement.query(params![ending, NUMBERS_MAX])?;
        while let Some(row) = rows.next()? {
            if shows(&row.get::<_, Vec<u8>>(1)?, |shown| shown.ends_with(digits)) {
                places.insert(row.get::<_, i64>(0)?);
            }
        }
    }
    if is_wide {
        return walk_best_sellers(db, digits, found);
    }
    let sql = format!("SELECT {COLUMNS} FROM base_article AS a WHERE a.place = ?1");
    for place in places {
        if found.articles.len() >= found.limit {
            break;
        }
        found.read(db, &sql, [place])?;
    }
    Ok(())
}

/// Whether one of an article's numbers, as it is printed, fits.
fn shows(packed: &[u8], fits: impl Fn(&str) -> bool) -> bool {
    unpack_gtins(packed).is_some_and(|gtins| gtins.iter().any(|gtin| fits(&gtin.display_digits())))
}

/// The last four digits of each number, as they are indexed.
pub(crate) fn endings(gtins: &[Gtin]) -> String {
    let endings: BTreeSet<String> =
        gtins.iter().map(|gtin| format!("{:04}", gtin.number() % 10_000)).collect();
    endings.into_iter().collect::<Vec<_>>().join(" ")
}

/// Numbers that are shown beginning with the digits: as eight, thirteen or fourteen.
fn prefix_ranges(digits: &str) -> Vec<(u64, u64)> {
    let Ok(value) = digits.parse::<u64>() else { return Vec::new() };
    let range = |shown: usize| {
        let open = 10u64.pow(u32::try_from(shown.checked_sub(digits.len())?).ok()?);
        Some((value * open, value * open + (open - 1)))
    };
    // Fourteen digits are shown only when the first is not zero; a twelve-digit UPC is shown with a zero.
    let shown = if digits.starts_with('0') { &[8, 13][..] } else { &[8, 12, 13, 14] };
    shown.iter().filter_map(|shown| range(*shown)).collect()
}

/// When digits fit very many numbers, the best sellers among them come soon in the order of best sellers.
fn walk_best_sellers(db: &Connection, digits: &str, found: &mut Found) -> Result<(), StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM base_article AS a ORDER BY a.place LIMIT ?1");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([WALK_MAX])?;
    while let Some(row) = rows.next()? {
        if found.articles.len() >= found.limit {
            break;
        }
        let raw = read_raw(row)?;
        let fits = shows(&raw.gtins, |shown| shown.starts_with(digits) || shown.ends_with(digits));
        if fits {
            found.add(raw)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_survive_packing() {
        let gtins: Vec<Gtin> =
            ["95050003", "9521234543213"].map(|digits| Gtin::parse(digits).unwrap()).into();
        let case = Pack::new(gtins[1], 9_999).unwrap();
        for packs in [vec![], vec![case]] {
            let packed = pack_gtins(&gtins, &packs);
            assert_eq!(unpack_gtins(&packed).as_ref(), Some(&gtins));
            assert_eq!(unpack_packs(&packed), Some(packs));
        }
        // One piece is none that is said; more than any case holds are damage.
        assert_eq!(unpack_packs(&(1 << PIECES_SHIFT | gtins[0].number()).to_be_bytes()), None);
        assert_eq!(unpack_packs(&[1, 2, 3]), None);
        assert_eq!(unpack_gtins(&[1, 2, 3]), None);
        assert_eq!(unpack_gtins(&[]), Some(Vec::new()));
    }

    #[test]
    fn a_prefix_is_a_range_of_numbers() {
        assert_eq!(
            prefix_ranges("0952"),
            [(9_520_000, 9_529_999), (952_000_000_000, 952_999_999_999)]
        );
        assert!(prefix_ranges("95212345").contains(&(9_521_234_500_000, 9_521_234_599_999)));
        assert!(prefix_ranges("95212345").contains(&(95_212_345, 95_212_345)));
    }
}
