//! The main job, end to end: a real terminal process against a real central process over HTTP, killed at will.
//!
//! The tests are long for tests (about two minutes together) because they are the ones that count: a sale that
//! was confirmed is at central exactly once, whatever happened in between (invariants 1, 2 and 3).
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod bad_input;
mod codes;
mod count;
mod damage;
mod kill;
mod ledger;
mod output;
mod process;
mod script;
