//! A disk in memory that loses, tears and refuses what was written: a file system for SQLite, for tests.
//!
//! ```text
//!  SQLite --open "x.db" on VFS disk.vfs()--> Disk
//!                                             |   every operation is counted, may be refused (Fault) or be the
//!                                             |   last before the power goes (stop_at)
//!         names, files as programs see them <-+-> pending: writes, truncations, names, in order
//!                                             |            |            |
//!                                       snapshot()       xSync       power goes
//!                                             |            |            |
//!                                         Snapshot     durable      Damage: which of the pending survive
//!                                             |                         |
//!                                             +--- crash(damage) ---> Image --- load() ---> Disk
//! ```
//! What is written lies in `pending` until the file is synced; names (created, renamed, removed) until their
//! directory is, which SQLite asks for with its flags. When the power goes, a [`Damage`] says what of it is found
//! afterwards. Nothing here draws randomness or asks a clock: the same calls leave the same disk. (SQLCipher draws
//! nonces and SQLite salts from the machine, so encrypted bytes differ between runs; which operations are made
//! does not.)
//!
//! What the model promises SQLite is what SQLite's own file system for Linux promises it: sectors of 4,096 bytes,
//! and that a write changes no byte beside it (`POWERSAFE_OVERWRITE`). A tear happens between sectors of 512 or
//! 4,096 bytes, as cards do it: within a sector there is the old or the new. Names of one directory survive in
//! the order in which they were made, as file systems with a journal keep them.

mod content;
mod damage;
mod disk;
mod image;
mod lock;
mod refusal;
mod state;
#[cfg(test)]
mod tests;
mod vfs;
mod view;

pub use content::{Content, Fingerprint};
pub use damage::{Damage, Sector};
pub use dice::Dice;
pub use disk::Disk;
pub use image::{Image, Snapshot};
pub use refusal::{Failure, Fault, Kind, Kinds, Lasts};
pub use state::{Moment, Stop};
pub use vfs::do_not_count_memory;
pub use view::View;
