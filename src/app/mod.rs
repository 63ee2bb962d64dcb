//! View-models: intents and events in, plain structs out. No Slint, no SQL, no HTTP.
//!
//! ```text
//! Intent, scan, answers --> Terminal::handle --> store (committed) --> Terminal::screen --> window or drive
//! ```
//! [`terminal::Terminal`] owns the state of the person's session; what must survive a power cut is in the store
//! before the screen shows it (invariant 1). It runs on a thread of its own ([`runner`]), never on the UI thread.

pub mod clock;
pub mod count;
pub mod count_picture;
pub mod count_print;
mod count_scan;
pub mod customer;
pub mod delivery;
pub mod enrol;
pub mod format;
pub mod intent;
pub mod message;
pub mod park;
pub mod pay;
pub mod ports;
pub mod qr;
pub mod receipt;
mod recovery;
pub mod runner;
mod scanned;
pub mod screen;
pub mod sell;
pub mod sign_in;
pub mod sync_status;
pub mod terminal;
pub mod viewfinder;
pub mod visible;

#[cfg(test)]
mod tests;
