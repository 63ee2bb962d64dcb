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
    pub events: Vec<PushItem>,
}

/// What stands at one number of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PushItem {
    /// The bytes of an event.
    Sealed(String),
    /// An event whose bytes do not have their hash any more: the disk has changed them.
    Damaged {
        /// What is left of it.
        damaged: DamagedEvent,
    },
}

impl From<String> for PushItem {
    fn from(bytes: String) -> Self {
        Self::Sealed(bytes)
    }
}

impl PushItem {
    /// Bytes that count towards [`BYTES_MAX`].
    pub fn len(&self) -> usize {
        match self {
            Self::Sealed(bytes) => bytes.len(),
            Self::Damaged { damaged } => damaged.raw.len(),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The place of an event that is damaged in the terminal's own journal. Central holds it in
/// quarantine ([`held_code::DAMAGED_EVENT`]), takes the declared hash as that of the number, and
/// goes on; the true bytes of that hash replace it if they ever come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DamagedEvent {
    /// Its number.
    pub seq: u64,
    /// The hash that its bytes had when they were written, hexadecimal.
    pub hash: String,
    /// The hash of the event before, hexadecimal.
    pub prev: String,
    /// What is stored now, base64 (RFC 4648 section 4); may be empty.
    pub raw: String,
}

/// Stable codes of [`PushResult::code`] that the protocol itself gives; business rules have more.
pub mod held_code {
    /// A type or version that central does not know yet; judged again after an upgrade.
    pub const UNKNOWN_TYPE: &str = "UNKNOWN_TYPE";
    /// Only a placeholder is held.
    pub const DAMAGED_EVENT: &str = "DAMAGED_EVENT";
    /// It came as a stray.
    pub const STRAY: &str = "STRAY";
    /// The terminal was revoked when it came.
    pub const TERMINAL_REVOKED: &str = "TERMINAL_REVOKED";
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

/// What central holds of a life (that of the token), and what became of what it could not apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Watermark {
    /// The life that this is about: the token's.
    pub epoch: u32,
    /// The terminal's current epoch; more than `epoch` when this life was replaced. Absent in
    /// contract 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_epoch: Option<u32>,
    /// Highest number held without a gap; 0 when none.
    pub acked_seq: u64,
    /// Its hash, hexadecimal; zeros when none.
    pub acked_hash: String,
    /// Events of this epoch that are quarantined or parked now.
    pub held_back: Vec<PushResult>,
    /// Central's clock, milliseconds since 1970 UTC.
    pub server_time_ms: i64,
}
