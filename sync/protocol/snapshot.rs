//! Snapshots: the first sync in immutable, content-addressed chunks: `POST /v1/snapshots`, `GET
//! /v1/chunks/{sha256}`.
//!
//! A chunk is a zstd frame (RFC 8878) of JSON lines, each a [`SnapshotLine`]. Chunks of one feed
//! come most wanted first (articles: best sellers), so that selling starts before the rest is in.

use super::feed::{Checkpoint, Feed};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The most bytes of a compressed chunk.
pub const CHUNK_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The most bytes that a chunk may unpack to; more is an attack or a fault.
pub const CHUNK_UNPACKED_MAX: usize = 16 * 1024 * 1024;

/// `POST /v1/snapshots`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SnapshotRequest {
    /// Which feeds.
    pub feeds: Vec<Feed>,
}

/// One chunk of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChunkInfo {
    /// SHA-256 of the compressed bytes, hexadecimal; also its address.
    pub sha256: String,
    /// Compressed bytes.
    pub bytes: u64,
    /// Rows in it.
    pub rows: u64,
}

/// One feed of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FeedSnapshot {
    /// Which feed.
    pub feed: Feed,
    /// Changes after the snapshot are read from here.
    pub cursor: String,
    /// Rows in all chunks.
    pub rows: u64,
    /// In the order in which they are to be applied.
    pub chunks: Vec<ChunkInfo>,
    /// What the tables add up to as of `cursor`. Absent in contract 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
}

/// Answer to a [`SnapshotRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Manifest {
    /// Feeds in the order of their priority.
    pub feeds: Vec<FeedSnapshot>,
    /// Chunks can be fetched until then at least, milliseconds since 1970 UTC.
    pub expires_at_ms: i64,
    /// Central's clock, milliseconds since 1970 UTC.
    pub server_time_ms: i64,
}

/// One line of a chunk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SnapshotLine {
    /// Table.
    pub table: String,
    /// Key.
    pub key: String,
    /// Row, as in [`super::feed::Change`].
    pub row: Box<RawValue>,
}
