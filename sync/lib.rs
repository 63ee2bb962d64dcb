//! How a terminal and central agree: wire types, a pure engine, ports, the HTTP client and the
//! runner.
//!
//! ```text
//! protocol/  what goes over the wire          engine/  (state, input) -> effects, no IO
//! ports      what the engine's runner needs   call     what central may be asked, and its faults
//! http       central over HTTP                runner   executes effects
//! enrol      makes a device a terminal        status   how things stand, for people
//! snapshot   packs and unpacks chunks         sim/     seeded runs of all of it under faults
//! digest     whether two sides hold the same rows
//! seal       proves the codes that are printed
//! ```
//! The crate knows no SQL and no screen. `store` implements [`ports`], `central` speaks
//! [`protocol`]. With the feature `conformance` it also carries `conformance`, the tests that
//! every storage must pass, and `memory`, doubles of storage and central for the tests of others.

pub mod call;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod digest;
pub mod engine;
pub mod enrol;
pub mod http;
#[cfg(any(test, feature = "conformance"))]
pub mod memory;
pub mod ports;
pub mod protocol;
pub mod runner;
pub mod seal;
pub mod snapshot;
pub mod status;

#[cfg(test)]
mod sim;
