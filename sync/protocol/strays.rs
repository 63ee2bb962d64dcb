//! Strays: what cannot be booked by number: `POST /v1/terminals/{terminal}/strays`.
//!
//! A forked tail, events behind a hole of a recovered journal, a life that central does not accept:
//! they happened in the shop, so central holds them for ever (invariant 6), each once, told apart
//! by the SHA-256 of their bytes. They stand in the quarantine with
//! [`super::push::held_code::STRAY`] until a person has judged them.

use super::push::PushItem;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `POST /v1/terminals/{terminal}/strays`, with any valid token of the path's terminal. The limits
/// are those of a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StraysRequest {
    /// Whose journal they were written in; may be another terminal that the same device once was.
    pub terminal: Uuid,
    /// In which life.
    pub epoch: u32,
    /// In the order of their numbers; holes are allowed.
    pub events: Vec<PushItem>,
}

/// Answer to a [`StraysRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StraysResponse {
    /// How many of the events are held now, from the first on; those held before count.
    pub held: u32,
    /// Central's clock, milliseconds since 1970 UTC.
    pub server_time_ms: i64,
}
