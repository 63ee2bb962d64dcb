//! Rows: of a table by its name, and of every leaf page there is.

use crate::btree::{self, Cell, Node};
use crate::pages::{Origin, Salvage, Version};
use crate::record::{Value, record};
use std::collections::BTreeSet;

/// The page of the schema.
const SCHEMA_PAGE: u32 = 1;
/// Trees of SQLite are never deeper; a damaged one must not be followed for ever.
const DEPTH_MAX: usize = 32;

/// What a row is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// On the newest committed version of its page that is left.
    Current,
    /// On an older version of its page, or on a page that was given free: it was so once.
    Former,
    /// Written, but no commit is known (or only that of a log long gone): it may never have come to
    /// be.
    Unconfirmed,
}

/// How a table keeps its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// By rowid.
    Rowid,
    /// By primary key (`WITHOUT ROWID`), the columns of the key first. Indices are kept the same
    /// way.
    Key,
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number; `None` in tables without.
    pub rowid: Option<i64>,
    /// Its columns in the order of storage; later ones may be missing where a column was added by a
    /// migration.
    pub values: Vec<Value>,
    /// What it is worth.
    pub standing: Standing,
    /// All of it is proven, and was written together. If not (its parts are from pages of different
    /// times, or the salt is lost), it counts only if it proves itself, as an event does by its
    /// hash.
    pub is_certain: bool,
    /// The pages it was read from; the first is the one that its table's tree leads to.
    pub origin: Vec<Origin>,
}

/// An entry of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// `table` or `index`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// First page of its tree.
    pub root: u32,
    /// How it was made; empty for what SQLite made itself.
    pub sql: String,
}

/// How far a walk came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Rows given.
    pub rows: u64,
    /// Every page below the root was the newest, and whole: there are no other rows. If not,
    /// [`Salvage::scan`] may find more.
    pub is_complete: bool,
}

impl Salvage<'_> {
    /// The schema, as far as its pages are left.
    pub fn tables(&self) -> Vec<Table> {
        let mut tables = Vec::new();
        self.walk_tree(SCHEMA_PAGE, &mut |row| tables.extend(table_of(&row.values)));
        tables
    }

    /// Visits the rows of a table; `None` if the schema does not tell where it is.
    pub fn walk(&self, table: &str, visit: &mut dyn FnMut(Row)) -> Option<Walked> {
        let tables = self.tables();
        let found = tables.iter().find(|entry| entry.kind == "table" && entry.name == table)?;
        Some(self.walk_tree(found.root, visit))
    }

    /// Visits the rows of every leaf page, of every version that is left of it, that have `columns`
    /// columns (with the rowid counted, where it stands for one). Rows may come often: once for
    /// each version of their page.
    pub fn scan(&self, storage: Storage, columns: usize, visit: &mut dyn FnMut(Row)) {
        for number in 1..self.page_end() {
            for version in self.versions(number) {
                let Some(node) = btree::node(number, &version.bytes) else { continue };
                if node.kind.is_table() != (storage == Storage::Rowid) {
                    continue;
                }
                let rows = node.cells.iter().filter_map(|cell| self.row(cell, &version));
                rows.filter(|row| row.values.len() == columns).for_each(&mut *visit);
            }
        }
    }

    fn walk_tree(&self, root: u32, visit: &mut dyn FnMut(Row)) -> Walked {
        let mut walked = Walked { rows: 0, is_complete: !self.has_gaps() };
        let mut seen = BTreeSet::new();
        let mut open = vec![(root, 0)];
        while let Some((number, depth)) = open.pop() {
            let version = self.best(number);
            let node = version.as_ref().and_then(|page| btree::node(number, &page.bytes));
            let (Some(version), Some(node)) = (version, node) else {
                walked.is_complete = false;
                continue;
            };
            if !seen.insert(number) || depth > DEPTH_MAX {
                walked.is_complete = false;
                continue;
            }
            walked.is_complete &= node.is_whole && version.is_newest;
            self.visit_cells(&node, &version, &mut walked, visit);
            open.extend(node.children.iter().rev().map(|child| (*child, depth + 1)));
        }
        walked
    }

    fn visit_cells(
        &self,
        node: &Node,
        version: &Version,
        walked: &mut Walked,
        visit: &mut dyn FnMut(Row),
    ) {
        for cell in &node.cells {
            match self.row(cell, version) {
                Some(row) => {
                    walked.is_complete &= row.is_certain;
                    walked.rows += 1;
                    visit(row);
                }
                None => walked.is_complete = false,
            }
        }
    }

    /// Puts a row together; `None` if a part is missing or the parts do not make a record.
    fn row(&self, cell: &Cell, version: &Version) -> Option<Row> {
        let mut row = Row {
            rowid: cell.rowid,
            values: Vec::new(),
            standing: version.standing,
            is_certain: self.cipher.has_proof(),
            origin: vec![version.origin],
        };
        row.values = match cell.overflow {
            None => record(&cell.local)?,
            Some(first) => record(&self.overflow(cell, first, version, &mut row)?)?,
        };
        Some(row)
    }

    /// Follows a chain of overflow pages: `next page 4 | bytes`. The parts belong together for
    /// certain only where the row and all of them are the newest version of their page.
    fn overflow(
        &self,
        cell: &Cell,
        first: u32,
        version: &Version,
        row: &mut Row,
    ) -> Option<Vec<u8>> {
        let mut payload = cell.local.clone();
        row.is_certain &= version.is_newest && version.standing == Standing::Current;
        let mut next = first;
        let mut seen = BTreeSet::new();
        while (payload.len() as u64) < cell.payload_bytes {
            if next == 0 || !seen.insert(next) {
                return None;
            }
            let page = if version.standing == Standing::Unconfirmed {
                self.unconfirmed(next)?
            } else {
                self.best(next)?
            };
            row.is_certain &= page.is_newest;
            row.origin.push(page.origin);
            next = btree::u32_at(&page.bytes, 0)?;
            let missing = cell.payload_bytes - payload.len() as u64;
            let take = usize::try_from(missing).unwrap_or(usize::MAX).min(self.usable() - 4);
            payload.extend_from_slice(page.bytes.get(4..4 + take)?);
        }
        Some(payload)
    }
}

fn table_of(values: &[Value]) -> Option<Table> {
    let [kind, name, _, root, sql] = values else { return None };
    Some(Table {
        kind: kind.as_text()?.to_owned(),
        name: name.as_text()?.to_owned(),
        root: u32::try_from(root.as_integer()?).ok()?,
        sql: sql.as_text().unwrap_or_default().to_owned(),
    })
}
