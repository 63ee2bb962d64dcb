//! Digests: what the rows of a table add up to, so that two sides see whether they hold the same.
//!
//! ```text
//! row    = first 16 bytes, big-endian, of SHA-256(table 0x00 key 0x00 row)
//! table  = sum of its rows modulo 2^128
//! ```
//! A sum does not care for the order of its rows, so both sides keep it as rows come and go instead
//! of reading the table again. It tells accidents, not attacks: whoever may write rows can make
//! any sum. `row` is the JSON text as it was sent, to the letter.

use crate::protocol::feed::{Checkpoint, TableSum};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// The digest of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowDigest(pub u128);

impl RowDigest {
    /// The digest of a row by its table, key and JSON text.
    pub fn of(table: &str, key: &str, row: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [table, "\0", key, "\0", row] {
            hash.update(part.as_bytes());
        }
        let digest = hash.finalize();
        let mut first = [0u8; 16];
        first.copy_from_slice(&digest[..16]);
        Self(u128::from_be_bytes(first))
    }

    /// For a BLOB column: sixteen bytes, big-endian.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// From a BLOB column.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

/// What the rows of a table add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct TableDigest {
    /// How many rows.
    pub rows: u64,
    /// Sum of their digests modulo 2^128.
    pub sum: u128,
}

impl TableDigest {
    /// A row has come.
    pub const fn add(&mut self, row: RowDigest) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(row.0);
    }

    /// A row has gone. It must have been added before.
    pub const fn remove(&mut self, row: RowDigest) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(row.0);
    }

    /// The same for the wire.
    pub fn to_wire(self, table: &str) -> TableSum {
        TableSum { table: table.into(), rows: self.rows, digest: self.to_string() }
    }

    /// Reads the one of the wire; `None` if the digest is not 32 hexadecimal digits.
    pub fn from_wire(sum: &TableSum) -> Option<Self> {
        let read: Self = sum.digest.parse().ok()?;
        Some(Self { rows: sum.rows, ..read })
    }
}

/// 32 hexadecimal digits of the sum; the number of rows is not in it.
impl fmt::Display for TableDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.sum)
    }
}

/// The text is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest must be 32 hexadecimal digits in lower case")]
pub struct DigestTextError;

impl FromStr for TableDigest {
    type Err = DigestTextError;
    /// Reads the sum; `rows` is 0.
    fn from_str(text: &str) -> Result<Self, DigestTextError> {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.as_bytes().iter().all(is_digit) {
            return Err(DigestTextError);
        }
        let sum = u128::from_str_radix(text, 16).map_err(|_| DigestTextError)?;
        Ok(Self { rows: 0, sum })
    }
}

/// One table that two sides do not hold alike.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "table `{table}`: {} rows with digest {ours} here, {} with {theirs} at central",
    ours.rows, theirs.rows
)]
pub struct Difference {
    /// Which.
    pub table: String,
    /// What this side has.
    pub ours: TableDigest,
    /// What the checkpoint says.
    pub theirs: TableDigest,
}

/// Compares a checkpoint with what this side has. `ours` says what a table adds up to, or `None`
/// for a table that this side does not keep; digests that do not read are compared as zero, and so
/// differ.
pub fn differences(
    checkpoint: &Checkpoint,
    mut ours: impl FnMut(&str) -> Option<TableDigest>,
) -> Vec<Difference> {
    let mut found = Vec::new();
    for sum in &checkpoint.tables {
        let Some(ours) = ours(&sum.table) else { continue };
        let theirs = TableDigest::from_wire(sum);
        if theirs != Some(ours) {
            let theirs = theirs.unwrap_or(TableDigest { rows: sum.rows, sum: 0 });
            found.push(Difference { table: sum.table.clone(), ours, theirs });
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_row_has_the_digest_of_the_document() {
        // echo -n 'stock\0a\0{"on_hand":1}' | sha256sum
        let digest = RowDigest::of("stock", "a", "{\"on_hand\":1}");
        let whole = Sha256::digest(b"stock\0a\0{\"on_hand\":1}");
        assert_eq!(digest.to_bytes()[..], whole[..16]);
        assert_eq!(RowDigest::from_bytes(digest.to_bytes()), digest);
        // The parts do not run into each other.
        assert_ne!(RowDigest::of("ab", "c", ""), RowDigest::of("a", "bc", ""));
    }

    #[test]
    fn checkpoints_are_compared_by_table() {
        let mut stock = TableDigest::default();
        stock.add(RowDigest::of("stock", "a", "1"));
        let checkpoint =
            |sum: TableSum| Checkpoint { tables: vec![sum, TableDigest::default().to_wire("new")] };
        let ours = |table: &str| (table == "stock").then_some(stock);
        assert_eq!(differences(&checkpoint(stock.to_wire("stock")), ours), []);
        let mut more = stock;
        more.add(RowDigest::of("stock", "b", "1"));
        let found = differences(&checkpoint(more.to_wire("stock")), ours);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].ours, found[0].theirs), (stock, more));
        let rows_only = TableSum { rows: 2, ..stock.to_wire("stock") };
        assert_eq!(differences(&checkpoint(rows_only), ours).len(), 1);
        let strange = TableSum { digest: "no digest".into(), ..stock.to_wire("stock") };
        assert_eq!(differences(&checkpoint(strange), ours).len(), 1);
    }

    #[test]
    fn texts_round_trip() {
        for sum in [0, 1, u128::MAX] {
            let digest = TableDigest { rows: 0, sum };
            assert_eq!(digest.to_string().parse(), Ok(digest));
        }
        for wrong in ["", "0", &"0".repeat(33), &"G".repeat(32), &"A".repeat(32), &"é".repeat(16)]
        {
            assert_eq!(wrong.parse::<TableDigest>(), Err(DigestTextError));
        }
    }

    proptest! {
        /// The order of rows does not matter, and what goes leaves no trace.
        #[test]
        fn sums_do_not_care_for_order(rows in proptest::collection::vec((0u8..9, 0u8..9), 0..40)) {
            let digest = |(key, row): &(u8, u8)| {
                RowDigest::of("t", &key.to_string(), &row.to_string())
            };
            let mut there = TableDigest::default();
            rows.iter().for_each(|row| there.add(digest(row)));
            let mut back = TableDigest::default();
            rows.iter().rev().for_each(|row| back.add(digest(row)));
            prop_assert_eq!(there, back);
            rows.iter().for_each(|row| back.remove(digest(row)));
            prop_assert_eq!(back, TableDigest::default());
        }
    }
}
