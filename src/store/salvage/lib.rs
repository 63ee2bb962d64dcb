//! Reads rows out of a damaged encrypted SQLite database (SQLCipher 4), page by page, without
//! SQLite.
//!
//! ```text
//! bytes of file and WAL --cipher--> authentic pages --btree--> cells --record--> rows
//!                          HMAC        walk: from a table's root down, as SQLite would
//!                       (a page is     scan: every leaf page there is, by its shape alone
//!                        right or not)
//! ```
//! SQLite gives up at the first page that does not fit. Orders that central has not got must not go
//! with it, so this reads what is left. Each page carries a message authentication code made with
//! the database's key: a page whose code holds is what the terminal once wrote, byte for byte, if
//! perhaps not the last that it wrote there. Rows say which ([`Standing`], [`Row::is_certain`]);
//! whoever books them decides what that is worth.
//!
//! Nothing here writes, and no bytes whatever make it panic.

mod btree;
mod bytes;
mod cipher;
mod pages;
mod record;
mod table;
pub mod wal;

#[cfg(test)]
mod tests;

pub use bytes::{Bytes, Nothing};
pub use cipher::{Format, Mac, RawKey, SALT_BYTES, Salt};
pub use pages::{Found, Origin, Salvage};
pub use record::Value;
pub use table::{Row, Standing, Storage, Table, Walked};
