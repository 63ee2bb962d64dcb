//! Renewal: a terminal that had to begin a new life by itself makes its key known: `POST
//! /v1/terminals/{terminal}/renewals`, with a token of the life before.
//!
//! ```text
//! epoch == former_epoch + 1, current epoch == former_epoch    the key is noted, epoch is current
//! current epoch == epoch, the same key                        the same answer again
//! anything else                                               409 EPOCH_TAKEN
//! ```
//! Until it is registered, nothing of the new life is pushed. The former life stays known for ever.

use domain::event::RenewalReason as Reason;
use serde::{Deserialize, Serialize};

/// Why a life was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RenewalReason {
    /// Central holds another history under the same numbers.
    Forked,
    /// Central holds more than the journal: it was restored from a backup.
    Restored,
    /// The database was damaged and recovered.
    Recovered,
}

impl From<Reason> for RenewalReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Forked => Self::Forked,
            Reason::Restored => Self::Restored,
            Reason::Recovered => Self::Recovered,
        }
    }
}
impl From<RenewalReason> for Reason {
    fn from(reason: RenewalReason) -> Self {
        match reason {
            RenewalReason::Forked => Self::Forked,
            RenewalReason::Restored => Self::Restored,
            RenewalReason::Recovered => Self::Recovered,
        }
    }
}

/// `POST /v1/terminals/{terminal}/renewals`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RenewalRequest {
    /// The life that ends; must be that of the token.
    pub former_epoch: u32,
    /// The life that begins: `former_epoch + 1`.
    pub epoch: u32,
    /// Ed25519 public key of the new life, 32 bytes, base64 (RFC 4648 section 4).
    pub public_key: String,
    /// Why.
    pub reason: RenewalReason,
    /// Name and version of the terminal's software.
    pub software: String,
}

/// Answer to a [`RenewalRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RenewalResponse {
    /// The epoch that is current now.
    pub epoch: u32,
    /// Central's clock, milliseconds since 1970 UTC.
    pub server_time_ms: i64,
}
