//! How a terminal and central agree: wire types, a pure engine, ports, the HTTP client and the runner.
//!
//! ```text
//! protocol/  what goes over the wire          engine/  (state, event) -> (state, effects), no IO
//! ports      what the engine's runner needs   http     central over HTTP     runner   executes effects
//! ```
//! The crate knows no SQL and no screen. `store` implements [`ports`], `central` speaks [`protocol`].

pub mod ports;
pub mod protocol;
