//! Enrolment and tokens. A device makes its own Ed25519 key pair (RFC 8032); the private key never
//! leaves it.
//!
//! ```text
//! POST /v1/enrol        one-time code + public key  -> terminal, epoch, store
//! POST /v1/token/nonce  terminal                    -> nonce (valid for a minute, used once)
//! POST /v1/token        terminal, nonce, signature  -> bearer token (15 minutes)
//! ```
//! The nonce is central's, so a terminal with an absurd clock can still prove who it is.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// `POST /v1/enrol`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolRequest {
    /// One-time code shown by central; letters in any case, hyphens and spaces ignored.
    pub code: String,
    /// Ed25519 public key, 32 bytes, base64 (RFC 4648 section 4).
    pub public_key: String,
    /// Name and version of the terminal's software.
    pub software: String,
    /// The newest epoch of each terminal that this device's database already holds a life of. The
    /// epoch given out is above those of the same terminal, and of the same name in the same store,
    /// so that no place and no receipt number is given out twice, not even by a central that was
    /// restored from a backup of before the terminal was there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<KnownLife>,
}

/// A life that a device's database holds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KnownLife {
    /// Identity it had.
    pub terminal_id: Uuid,
    /// Which life; 31 bits.
    pub epoch: u32,
    /// Short name that its receipt numbers carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal_name: Option<String>,
    /// Store that they carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_id: Option<Uuid>,
}

impl KnownLife {
    /// Whether its receipts carry this store and this name.
    pub fn is_named(&self, store_id: Uuid, terminal_name: &str) -> bool {
        self.store_id == Some(store_id) && self.terminal_name.as_deref() == Some(terminal_name)
    }
}

/// Answer to [`EnrolRequest`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolResponse {
    /// Identity of the device.
    pub terminal_id: Uuid,
    /// New at each enrolment of the same place; the journal starts at seq 1 in it.
    pub epoch: u32,
    /// Short name in receipt numbers, such as `T03`.
    pub terminal_name: String,
    /// Store it belongs to.
    pub store_id: Uuid,
    /// Name over the door.
    pub store_name: String,
    /// Six digits, equal on both sides: see [`confirmation_digits`].
    pub confirmation: String,
    /// Central's clock, milliseconds since 1970 UTC.
    pub server_time_ms: i64,
}

/// `POST /v1/token/nonce`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NonceRequest {
    /// Who asks.
    pub terminal_id: Uuid,
}

/// Answer to [`NonceRequest`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NonceResponse {
    /// To be signed; see [`token_message`].
    pub nonce: String,
}

/// `POST /v1/token`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenRequest {
    /// Who asks.
    pub terminal_id: Uuid,
    /// The nonce received.
    pub nonce: String,
    /// Ed25519 signature of [`token_message`], 64 bytes, base64, by the key of that epoch.
    pub signature: String,
    /// Which life asks; absent: the current one. Central knows the key of every life for ever. An
    /// epoch of which it knows no key is [`super::problem::code::UNKNOWN_EPOCH`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u32>,
}

/// How central regards the life that a token was given to.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Standing {
    /// It is the terminal's newest life.
    #[default]
    Current,
    /// A newer life exists: only push, watermark, renewals and strays are allowed.
    Replaced,
    /// The terminal was revoked: as replaced, and what is pushed is held in quarantine.
    Revoked,
}

/// Answer to [`TokenRequest`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenResponse {
    /// Sent as `Authorization: Bearer …`.
    pub token: String,
    /// Seconds it lasts.
    pub expires_in_s: u32,
    /// What may be done with it. Absent (contract 1): current.
    #[serde(default)]
    pub standing: Standing,
    /// Central's clock, milliseconds since 1970 UTC.
    pub server_time_ms: i64,
}

/// The bytes that a terminal signs to get a token. The prefix keeps the signature from meaning
/// anything else.
pub fn token_message(terminal: Uuid, nonce: &str) -> Vec<u8> {
    format!("crossroads-token-v1\n{terminal}\n{nonce}").into_bytes()
}

/// Six digits from the device's public key, shown on the device and in the back office, so that a
/// person sees that the right device was enrolled.
pub fn confirmation_digits(public_key: &[u8]) -> String {
    let digest = Sha256::digest(public_key);
    let number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    format!("{:06}", number % 1_000_000)
}

/// The form in which one-time codes are compared: capitals and digits only.
pub fn normalised_code(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}
