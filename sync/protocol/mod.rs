//! The wire: JSON over HTTP, version [`CONTRACT`]. Described for others in `docs/PROTOCOL.md`.
//!
//! Wire types are plain and separate from the domain's: they are converted by hand, so that a
//! change of a rule cannot change a message by accident. Fields that this version does not know are
//! ignored; required ones that are missing make the message invalid.

pub mod auth;
pub mod event;
pub mod feed;
pub mod order;
pub mod problem;
pub mod push;
pub mod renewal;
pub mod snapshot;
pub mod strays;

#[cfg(test)]
mod golden;

/// The version of the contract that this build speaks; sent as `X-Contract`.
pub const CONTRACT: u32 = 2;

/// The oldest version that feeds of this build's central serve. Pushing has no such bound.
pub const CONTRACT_OLDEST: u32 = 1;

/// Name of the header that carries [`CONTRACT`].
pub const CONTRACT_HEADER: &str = "x-contract";

/// What central supports: `GET /v1/contract`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Contract {
    /// Newest version.
    pub current: u32,
    /// Oldest version that may still pull. Pushing is accepted from any version for ever.
    pub oldest: u32,
    /// Name and version of the software.
    pub software: String,
    /// Central's clock, milliseconds since 1970 UTC.
    pub server_time_ms: i64,
}
