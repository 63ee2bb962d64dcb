//! Push: `POST /v1/terminals/{terminal}/events` and `GET /v1/terminals/{terminal}/watermark`.
//!
//! An acknowledgement means *durably held*, not *accepted by business rules*: nothing but
//! transport, authentication or corruption can stop the queue (invariant 4).

use serde::{Deserialize, Serialize};

/// The most events of one request.
pub const EVENTS_MAX: usize = 500;
/// The most bytes of events in one request.
pub const BYTES_MAX: usize = 1024 * 1024;

/// A batch of events in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushRequest {
    /// Epoch of all of them.
    pub epoch: u32,
    /// Number of the first.
    pub from_seq: u64,
    /// Each event's bytes as a JSON string, exactly as they are in the journal.
    pub events: Vec<String>,
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Outcome {
    /// Held and applied.
    Applied,
    /// Was held already; the hash is the same.
    Duplicate,
    /// Held, but business rules refuse it; a person at central must look.
    Quarantined,
    /// Held, and waits behind a quarantined event of the same thing.
    Parked,
}

/// Result for one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushResult {
    /// Which.
    pub seq: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// Stable reason when quarantined, such as `UNKNOWN_TYPE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Answer to a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushResponse {
    /// Highest number held without a gap.
    pub acked_seq: u64,
    /// Hash of that event, hexadecimal.
    pub acked_hash: String,
    /// One result an event.
    pub results: Vec<PushResult>,
    /// Central's clock, milliseconds since 1970 UTC.
    pub server_time_ms: i64,
}

/// What central holds of a terminal, and what became of what it could not apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Watermark {
    /// The terminal's current epoch.
    pub epoch: u32,
    /// Highest number held without a gap; 0 when none.
    pub acked_seq: u64,
    /// Its hash, hexadecimal; zeros when none.
    pub acked_hash: String,
    /// Events of this epoch that are quarantined or parked now.
    pub held_back: Vec<PushResult>,
    /// Central's clock, milliseconds since 1970 UTC.
    pub server_time_ms: i64,
}
