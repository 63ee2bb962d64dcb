//! Central as terminals see it: over HTTP, in process, with a clock that the tests set.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "tests measure real waiting")]

mod adopt;
mod bulk;
mod checkpoint;
mod command;
mod disk;
mod enrol;
mod feed;
mod import;
mod in_process;
mod lives;
mod poison;
mod power;
mod problem;
mod push;
mod quarantine;
mod report;
mod row_rule;
mod seed;
mod snapshot;
mod upgrade;
mod world;
