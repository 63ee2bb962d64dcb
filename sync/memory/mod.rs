//! Doubles for tests: a storage in memory, a model of central, and rows to fill both with.
//!
//! They are small enough to be read as the specification of the ports. Compiled only for tests
//! (feature `conformance`); no program may link them.

mod central;
mod journal;
mod life;
pub mod sample;
mod scripted;
mod store;

#[cfg(test)]
pub(crate) use central::problem;
pub use central::{ModelCentral, ROWS_PER_CHUNK};
pub use scripted::{Behaviour, ScriptedCentral};
pub use store::MemoryStore;
