//! The pages of a b-tree. <https://www.sqlite.org/fileformat2.html#b_tree_pages>
//!
//! ```text
//! type 1 | first free 2 | cells 2 | content 2 | fragments 1 | right child 4, inner pages only | cell pointers 2 each
//! ```
//! Only what the pointers name is read: what lies in the gaps was deleted.

use crate::record::varint;

/// Page 1 begins with the header of the file.
const FILE_HEADER_BYTES: usize = 100;
const TABLE_LEAF: u8 = 0x0d;
const TABLE_INNER: u8 = 0x05;
const INDEX_LEAF: u8 = 0x0a;
const INDEX_INNER: u8 = 0x02;

/// What a page is in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    TableLeaf,
    TableInner,
    IndexLeaf,
    IndexInner,
}

impl Kind {
    pub const fn is_table(self) -> bool {
        matches!(self, Self::TableLeaf | Self::TableInner)
    }
}

/// A row, or as much of it as its page holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Only of tables that have one.
    pub rowid: Option<i64>,
    /// Bytes of the whole record.
    pub payload_bytes: u64,
    /// Those on this page.
    pub local: Vec<u8>,
    /// Where the others begin.
    pub overflow: Option<u32>,
}

/// A page, read.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub kind: Kind,
    pub children: Vec<u32>,
    pub cells: Vec<Cell>,
    /// Every cell that the page counts was read.
    pub is_whole: bool,
}

/// The kind of a decrypted page; `None` if it is no page of a tree.
pub(crate) fn kind(number: u32, page: &[u8]) -> Option<Kind> {
    match *page.get(header_at(number))? {
        TABLE_LEAF => Some(Kind::TableLeaf),
        TABLE_INNER => Some(Kind::TableInner),
        INDEX_LEAF => Some(Kind::IndexLeaf),
        INDEX_INNER => Some(Kind::IndexInner),
        _ => None,
    }
}

const fn header_at(number: u32) -> usize {
    if number == 1 { FILE_HEADER_BYTES } else { 0 }
}

/// Reads a decrypted page; `None` if it is no page of a tree.
pub(crate) fn node(number: u32, page: &[u8]) -> Option<Node> {
    let kind = kind(number, page)?;
    let header = header_at(number);
    let is_inner = matches!(kind, Kind::TableInner | Kind::IndexInner);
    let count = usize::from(u16_at(page, header + 3)?);
    let mut node = Node { kind, children: Vec::new(), cells: Vec::new(), is_whole: true };
    let pointers = header + if is_inner { 12 } else { 8 };
    for position in 0..count {
        let cell = u16_at(page, pointers + 2 * position)
            .and_then(|at| page.get(usize::from(at)..))
            .filter(|cell| !cell.is_empty());
        let read = cell.and_then(|cell| read_cell(&mut node, cell, page.len()));
        node.is_whole &= read.is_some();
    }
    if is_inner {
        match u32_at(page, header + 8) {
            Some(child) => node.children.push(child),
            None => node.is_whole = false,
        }
    }
    Some(node)
}

/// Where the last cell ends that is wholly on a page; `None` if there is none.
pub(crate) fn end(number: u32, page: &[u8]) -> Option<usize> {
    let kind = kind(number, page).filter(|kind| *kind == Kind::TableLeaf)?;
    let header = header_at(number);
    let count = usize::from(u16_at(page, header + 3)?);
    let ends = (0..count).filter_map(|position| {
        let at = usize::from(u16_at(page, header + 8 + 2 * position)?);
        let (payload_bytes, rest) = varint(page.get(at..)?)?;
        let (_, rest) = varint(rest)?;
        let is_local = local_bytes(kind, payload_bytes, page.len())? as u64 == payload_bytes;
        let end = page.len() - rest.len() + usize::try_from(payload_bytes).ok()?;
        (is_local && end <= page.len()).then_some(end)
    });
    ends.max()
}

fn read_cell(node: &mut Node, mut cell: &[u8], usable: usize) -> Option<()> {
    if matches!(node.kind, Kind::TableInner | Kind::IndexInner) {
        node.children.push(u32_at(cell, 0)?);
        cell = cell.get(4..)?;
    }
    if node.kind == Kind::TableInner {
        return Some(());
    }
    let (payload_bytes, rest) = varint(cell)?;
    let (rowid, rest) = if node.kind == Kind::TableLeaf {
        let (rowid, rest) = varint(rest)?;
        (Some(rowid.cast_signed()), rest)
    } else {
        (None, rest)
    };
    let local_bytes = local_bytes(node.kind, payload_bytes, usable)?;
    let (local, rest) = rest.split_at_checked(local_bytes)?;
    let is_all = local_bytes as u64 == payload_bytes;
    let overflow = if is_all { None } else { Some(u32_at(rest, 0)?) };
    node.cells.push(Cell { rowid, payload_bytes, local: local.to_vec(), overflow });
    Some(())
}

/// How much of a record is kept on the page itself: the rule of the file format, to the letter.
fn local_bytes(kind: Kind, payload_bytes: u64, usable: usize) -> Option<usize> {
    let max = if kind.is_table() { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
    let whole = usize::try_from(payload_bytes).ok();
    if let Some(whole) = whole.filter(|whole| *whole <= max) {
        return Some(whole);
    }
    let min = (usable - 12) * 32 / 255 - 23;
    let excess = payload_bytes.checked_sub(min as u64)? % (usable as u64 - 4);
    let local = min + usize::try_from(excess).ok()?;
    Some(if local <= max { local } else { min })
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*two))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*four))
}
