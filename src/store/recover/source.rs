//! A damaged database as a source of rows with names: walked from its tables' roots, and where that is not the
//! whole, every page that is left.

use super::layout::{Layout, Record};
use crate::error::OpenError;
use crate::key::DatabaseKey;
use crate::schema;
use rusqlite::Connection;
use salvage::{Bytes, Found, Nothing, RawKey, Row, Salt, Salvage, Standing};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

/// The tables that are read.
pub(super) const TABLES: [&str; 18] = [
    "life",
    "journal",
    "hole",
    "stray",
    "setting",
    "staff_memory",
    "draft",
    "parked",
    "unreadable_basket",
    "stock_count",
    "stock_count_line",
    "feed",
    "spare_config",
    "base_store",
    "base_staff",
    "base_article",
    "base_stock",
    "base_customer",
];

/// The files of one damaged database, open.
pub(super) struct Files {
    database: Box<dyn Bytes>,
    log: Box<dyn Bytes>,
}

impl Files {
    /// Opens a file and the log beside it. A missing log is none; a missing file, where there is a log, is read as
    /// empty.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let open = |path: &Path| -> Result<Box<dyn Bytes>, OpenError> {
            match File::open(path) {
                Ok(file) => Ok(Box::new(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Box::new(Nothing)),
                Err(error) => Err(OpenError::io("read", path)(error)),
            }
        };
        Ok(Self { database: open(path)?, log: open(&super::beside(path, "-wal"))? })
    }
}

/// One damaged database.
pub(super) struct Source<'a> {
    salvage: Salvage<'a>,
    layouts: BTreeMap<&'static str, Layout>,
}

impl<'a> Source<'a> {
    pub fn new(files: &'a Files, key: &DatabaseKey, salt: Option<Salt>) -> Self {
        let key = RawKey::new(key.bytes());
        let salvage = Salvage::open(&key, files.database.as_ref(), files.log.as_ref(), salt);
        let layouts = layouts(&salvage);
        Self { salvage, layouts }
    }

    /// What is whole of it.
    pub fn found(&self) -> Found {
        self.salvage.found()
    }

    /// Whether the log lacks something: what no commit is known of may have been committed.
    pub fn has_damaged_log(&self) -> bool {
        self.salvage.has_damaged_log()
    }

    /// Whether more may have been written last than is left: how much, nobody can tell.
    pub fn has_open_end(&self) -> bool {
        self.salvage.has_open_end()
    }

    /// Visits the rows of a table. Those of the newest state come first; if that is not complete, rows of other
    /// pages that look like it follow, older versions too. Returns whether it was complete.
    pub fn visit(&self, table: &'static str, visit: &mut dyn FnMut(Record<'_>)) -> bool {
        let Some(layout) = self.layouts.get(table) else { return false };
        let mut show = |row: Row| {
            if layout.fits(&row) {
                visit(layout.record(&row));
            }
        };
        let walked = self.salvage.walk(table, &mut show);
        if walked.is_some_and(|walked| walked.is_complete) {
            return true;
        }
        for columns in layout.widths() {
            self.salvage.scan(layout.storage, columns, &mut show);
        }
        false
    }

    /// Visits rows of the newest state only, that are certain.
    pub fn visit_current(&self, table: &'static str, visit: &mut dyn FnMut(Record<'_>)) {
        self.visit(table, &mut |record| {
            if record.row.is_certain && record.row.standing == Standing::Current {
                visit(record);
            }
        });
    }
}

/// How the tables of this file are laid out: as it says itself, or else as this version makes them.
fn layouts(salvage: &Salvage<'_>) -> BTreeMap<&'static str, Layout> {
    let told = salvage.tables();
    let ours = Connection::open_in_memory().and_then(|db| {
        db.execute_batch(schema::SCHEMA)?;
        Ok(db)
    });
    let layout = |table: &'static str| {
        let entry = told.iter().find(|entry| entry.kind == "table" && entry.name == table);
        let told = entry.and_then(|entry| Layout::made_by(&entry.sql, table));
        told.or_else(|| Layout::in_database(ours.as_ref().ok()?, table))
    };
    TABLES.into_iter().filter_map(|table| Some((table, layout(table)?))).collect()
}
