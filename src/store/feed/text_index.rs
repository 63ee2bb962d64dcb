//! Changes of a full-text index, collected and written in the order of rowids.
//!
//! FTS5 ends a segment whenever a rowid goes back; a page in any other order would make a segment a row. The
//! tables are contentless: to delete, the old words are told again, made by the same folding as before.

use crate::error::StoreError;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(super) struct TextIndex {
    insert: &'static str,
    delete: &'static str,
    /// By rowid: words to take out, words to put in.
    changes: BTreeMap<i64, (Option<String>, Option<String>)>,
}

impl TextIndex {
    pub fn articles() -> Self {
        Self {
            insert: "INSERT INTO article_text (rowid, words) VALUES (?1, ?2)",
            delete: "INSERT INTO article_text (article_text, rowid, words) VALUES ('delete', ?1, ?2)",
            changes: BTreeMap::new(),
        }
    }

    pub fn endings() -> Self {
        Self {
            insert: "INSERT INTO article_ending_text (rowid, words) VALUES (?1, ?2)",
            delete: "INSERT INTO article_ending_text (article_ending_text, rowid, words) \
                     VALUES ('delete', ?1, ?2)",
            changes: BTreeMap::new(),
        }
    }

    pub fn customers() -> Self {
        Self {
            insert: "INSERT INTO customer_text (rowid, words) VALUES (?1, ?2)",
            delete: "INSERT INTO customer_text (customer_text, rowid, words) VALUES ('delete', ?1, ?2)",
            changes: BTreeMap::new(),
        }
    }

    /// Whether a row has changes that are not written yet.
    pub fn is_pending(&self, rowid: i64) -> bool {
        self.changes.contains_key(&rowid)
    }

    /// Puts words in. The row has none.
    pub fn insert(&mut self, rowid: i64, words: String) {
        self.changes.entry(rowid).or_default().1 = Some(words);
    }

    /// Takes words out. No change of the row may be pending.
    pub fn delete(&mut self, rowid: i64, words: String) {
        debug_assert!(!self.is_pending(rowid));
        self.changes.entry(rowid).or_default().0 = Some(words);
    }

    /// The words about to be put in.
    pub fn new_words(&self) -> impl Iterator<Item = &str> {
        let lines = self.changes.values().filter_map(|(_, new)| new.as_deref());
        lines.flat_map(|line| line.split(' '))
    }

    pub fn flush(&mut self, db: &Connection) -> Result<(), StoreError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let mut insert = db.prepare_cached(self.insert)?;
        let mut delete = db.prepare_cached(self.delete)?;
        for (rowid, (old, new)) in std::mem::take(&mut self.changes) {
            if let Some(old) = old {
                delete.execute(params![rowid, old])?;
            }
            if let Some(new) = new {
                insert.execute(params![rowid, new])?;
            }
        }
        Ok(())
    }
}
