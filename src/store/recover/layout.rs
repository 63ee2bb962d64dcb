//! Which column is which: asked of SQLite itself, by the statement that made the table.
//!
//! A damaged file tells its own statements as long as its first page is whole; if not, those of this version are
//! taken, and rows are known by their shape: how many columns, of which types.

use rusqlite::Connection;
use salvage::{Row, Storage, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Integer,
    Text,
    Blob,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    kind: Kind,
    is_required: bool,
    /// `INTEGER PRIMARY KEY`: its value is the rowid.
    is_rowid: bool,
}

/// The columns of a table in the order of storage.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// How rows are kept.
    pub storage: Storage,
    columns: Vec<Column>,
}

impl Layout {
    /// The layout that a `CREATE TABLE` statement makes; `None` if SQLite does not understand it.
    pub fn made_by(sql: &str, table: &str) -> Option<Self> {
        let db = Connection::open_in_memory().ok()?;
        db.execute_batch(sql).ok()?;
        Self::in_database(&db, table)
    }

    /// The layout of a table of an open database.
    pub fn in_database(db: &Connection, table: &str) -> Option<Self> {
        let sql: String = db
            .query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [table], |row| row.get(0))
            .ok()?;
        let is_keyed = sql.to_ascii_uppercase().contains("WITHOUT ROWID");
        let mut statement = db
            .prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1) ORDER BY cid")
            .ok()?;
        let rows = statement.query_map([table], |row| {
            let kind: String = row.get(1)?;
            Ok((row.get::<_, String>(0)?, kind, row.get::<_, bool>(2)?, row.get::<_, i64>(3)?))
        });
        let mut columns: Vec<(i64, Column)> = Vec::new();
        for row in rows.ok()? {
            let (name, kind, is_not_null, key) = row.ok()?;
            let is_rowid = !is_keyed && key > 0 && kind == "INTEGER";
            let kind = match kind.as_str() {
                "INTEGER" => Kind::Integer,
                "TEXT" => Kind::Text,
                "BLOB" => Kind::Blob,
                _ => return None,
            };
            let is_required = is_not_null || (is_keyed && key > 0);
            columns.push((key, Column { name, kind, is_required, is_rowid }));
        }
        if is_keyed {
            // The key first, in its own order, then the others in theirs: the sort is stable.
            columns.sort_by_key(|(key, _)| if *key == 0 { i64::MAX } else { *key });
        }
        let storage = if is_keyed { Storage::Key } else { Storage::Rowid };
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        Some(Self { storage, columns })
    }

    /// How many columns a row can have: one written before the last ones were added has fewer.
    pub fn widths(&self) -> std::ops::RangeInclusive<usize> {
        let least = self.columns.iter().rposition(|column| column.is_required || column.is_rowid);
        least.map_or(1, |last| last + 1)..=self.columns.len()
    }

    /// Whether a row can be one of this table.
    pub fn fits(&self, row: &Row) -> bool {
        (self.storage == Storage::Rowid) == row.rowid.is_some()
            && self.widths().contains(&row.values.len())
            && row.values.iter().zip(&self.columns).all(|(value, column)| {
                matches!(
                    (value, column.kind),
                    (Value::Integer(_), Kind::Integer)
                        | (Value::Text(_), Kind::Text)
                        | (Value::Blob(_), Kind::Blob)
                ) || (*value == Value::Null && (!column.is_required || column.is_rowid))
            })
    }

    /// The columns of a row by their names.
    pub fn record<'a>(&'a self, row: &'a Row) -> Record<'a> {
        Record { layout: self, row }
    }
}

/// A row whose columns have names.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    layout: &'a Layout,
    /// The row.
    pub row: &'a Row,
}

impl Record<'_> {
    fn value(&self, name: &str) -> Option<&Value> {
        let at = self.layout.columns.iter().position(|column| column.name == name)?;
        self.row.values.get(at)
    }

    /// A number; of the column that stands for it, the rowid.
    pub fn integer(&self, name: &str) -> Option<i64> {
        let is_rowid =
            self.layout.columns.iter().any(|column| column.is_rowid && column.name == name);
        if is_rowid { self.row.rowid } else { self.value(name)?.as_integer() }
    }

    /// A count: no negative number.
    pub fn count(&self, name: &str) -> Option<u64> {
        u64::try_from(self.integer(name)?).ok()
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_text()
    }

    /// Bytes of a known length.
    pub fn bytes<const N: usize>(&self, name: &str) -> Option<[u8; N]> {
        self.value(name)?.as_blob()?.try_into().ok()
    }

    /// Bytes of any length.
    pub fn blob(&self, name: &str) -> Option<&[u8]> {
        self.value(name)?.as_blob()
    }

    /// An identity.
    pub fn uuid(&self, name: &str) -> Option<uuid::Uuid> {
        Some(uuid::Uuid::from_bytes(self.bytes(name)?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_table_that_is_read_has_a_layout() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(crate::schema::SCHEMA).unwrap();
        for table in super::super::source::TABLES {
            let layout = Layout::in_database(&db, table).unwrap();
            assert!(*layout.widths().end() > 1, "{table}");
        }
        let journal = Layout::in_database(&db, "journal").unwrap();
        assert!(journal.columns[0].is_rowid && journal.columns[1].kind == Kind::Text);
    }

    #[test]
    fn the_key_of_a_table_without_rowid_comes_first() {
        let sql = "CREATE TABLE t (a TEXT, b INTEGER, c BLOB, PRIMARY KEY (c, b)) WITHOUT ROWID";
        let layout = Layout::made_by(sql, "t").unwrap();
        let names: Vec<_> = layout.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["c", "b", "a"]);
        assert_eq!(layout.storage, Storage::Key);
    }
}
