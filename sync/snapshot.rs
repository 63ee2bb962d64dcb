//! Chunks: packing and unpacking JSON lines in a zstd frame (RFC 8878), within fixed bounds.
//!
//! A chunk comes from outside. Unpacking must never panic and never use more memory than
//! [`CHUNK_UNPACKED_MAX`], whatever the bytes say about themselves.

use crate::protocol::snapshot::{CHUNK_BYTES_MAX, CHUNK_UNPACKED_MAX, ChunkInfo, SnapshotLine};
use sha2::{Digest, Sha256};
use std::io::Read;

/// Level of compression: chunks are packed once and read by every terminal.
const LEVEL: i32 = 9;
/// The largest window that the decoder accepts, as a power of two: 16 MiB, the most a chunk may
/// unpack to.
const WINDOW_LOG_MAX: u32 = 24;

/// Why bytes are no chunk.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// Larger than [`CHUNK_BYTES_MAX`].
    #[error("the chunk is larger than {CHUNK_BYTES_MAX} bytes")]
    TooLarge,
    /// Unpacks to more than [`CHUNK_UNPACKED_MAX`].
    #[error("the chunk unpacks to more than {CHUNK_UNPACKED_MAX} bytes")]
    UnpacksTooLarge,
    /// The hash is not the one promised.
    #[error("the chunk's hash is not the one promised")]
    Hash,
    /// No zstd frame, or cut short.
    #[error("the chunk is not a whole zstd frame")]
    Zstd(#[source] std::io::Error),
    /// A line is not UTF-8 JSON of the right form.
    #[error("line {line} of the chunk makes no sense")]
    Line {
        /// Counted from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// A chunk with its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedChunk {
    /// What the manifest says of it.
    pub info: ChunkInfo,
    /// The compressed bytes.
    pub bytes: Vec<u8>,
}

/// SHA-256 of bytes as 64 hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    crate::protocol::event::EventHash::of(bytes).to_string()
}

/// Packs lines into a chunk.
///
/// # Errors
/// [`ChunkError::UnpacksTooLarge`] or [`ChunkError::TooLarge`]: give it fewer lines.
pub fn pack(lines: &[SnapshotLine]) -> Result<PackedChunk, ChunkError> {
    let mut text = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        serde_json::to_writer(&mut text, line)
            .map_err(|source| ChunkError::Line { line: index + 1, source })?;
        text.push(b'\n');
        if text.len() > CHUNK_UNPACKED_MAX {
            return Err(ChunkError::UnpacksTooLarge);
        }
    }
    let bytes = zstd::bulk::compress(&text, LEVEL).map_err(ChunkError::Zstd)?;
    if bytes.len() > CHUNK_BYTES_MAX {
        return Err(ChunkError::TooLarge);
    }
    let sha256 = sha256_hex(&bytes);
    let info = ChunkInfo { sha256, bytes: bytes.len() as u64, rows: lines.len() as u64 };
    Ok(PackedChunk { info, bytes })
}

/// Checks that bytes are those that `sha256` (hexadecimal) addresses.
///
/// # Errors
/// [`ChunkError::Hash`], [`ChunkError::TooLarge`].
pub fn verify(bytes: &[u8], sha256: &str) -> Result<(), ChunkError> {
    if bytes.len() > CHUNK_BYTES_MAX {
        return Err(ChunkError::TooLarge);
    }
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    match sha256.parse::<crate::protocol::event::EventHash>() {
        Ok(promised) if promised.0 == digest => Ok(()),
        _ => Err(ChunkError::Hash),
    }
}

/// Unpacks a chunk into its lines, all or nothing.
///
/// # Errors
/// See [`ChunkError`]. Does not check the hash: [`verify`] does.
pub fn unpack(bytes: &[u8]) -> Result<Vec<SnapshotLine>, ChunkError> {
    if bytes.len() > CHUNK_BYTES_MAX {
        return Err(ChunkError::TooLarge);
    }
    let text = inflate(bytes)?;
    let mut lines = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let read = serde_json::from_slice(line);
        lines.push(read.map_err(|source| ChunkError::Line { line: index + 1, source })?);
    }
    Ok(lines)
}

/// The lines of a chunk as they stand, for those who read them one by one.
///
/// # Errors
/// [`ChunkError::TooLarge`], [`ChunkError::UnpacksTooLarge`], [`ChunkError::Zstd`].
pub fn inflate(bytes: &[u8]) -> Result<Vec<u8>, ChunkError> {
    if bytes.len() > CHUNK_BYTES_MAX {
        return Err(ChunkError::TooLarge);
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(ChunkError::Zstd)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(ChunkError::Zstd)?;
    let mut text = Vec::new();
    // One byte more than allowed tells a full chunk from one that is too large.
    let limit = CHUNK_UNPACKED_MAX as u64 + 1;
    decoder.take(limit).read_to_end(&mut text).map_err(ChunkError::Zstd)?;
    if text.len() > CHUNK_UNPACKED_MAX {
        return Err(ChunkError::UnpacksTooLarge);
    }
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    fn line(key: &str) -> SnapshotLine {
        let row = RawValue::from_string(format!("{{\"name\":\"{key}\"}}")).unwrap();
        SnapshotLine { table: "article".into(), key: key.into(), row }
    }

    #[test]
    fn what_is_packed_unpacks_to_the_same_text() {
        let lines: Vec<_> = ["a", "Müsli", "米"].into_iter().map(line).collect();
        let chunk = pack(&lines).unwrap();
        verify(&chunk.bytes, &chunk.info.sha256).unwrap();
        assert_eq!(chunk.info.rows, 3);
        assert_eq!(chunk.info.bytes, chunk.bytes.len() as u64);
        let unpacked = unpack(&chunk.bytes).unwrap();
        assert_eq!(unpacked[1].key, "Müsli");
        assert_eq!(unpacked[2].row.get(), lines[2].row.get());
        assert_eq!(unpack(&pack(&[]).unwrap().bytes).unwrap().len(), 0);
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_memory() {
        let bomb = zstd::bulk::compress(&vec![b' '; 4 * CHUNK_UNPACKED_MAX], 19).unwrap();
        assert!(bomb.len() < CHUNK_BYTES_MAX, "the bomb must pass the first gate");
        assert!(matches!(unpack(&bomb), Err(ChunkError::UnpacksTooLarge)));
        let huge = vec![0; CHUNK_BYTES_MAX + 1];
        assert!(matches!(unpack(&huge), Err(ChunkError::TooLarge)));
        assert!(matches!(verify(&huge, ""), Err(ChunkError::TooLarge)));
    }

    #[test]
    fn hostile_bytes_are_errors() {
        let good = pack(&[line("a"), line("b")]).unwrap();
        let cut = &good.bytes[..good.bytes.len() - 3];
        assert!(matches!(unpack(cut), Err(ChunkError::Zstd(_))));
        assert!(matches!(unpack(b"<html>"), Err(ChunkError::Zstd(_))));
        let text = |text: &[u8]| zstd::bulk::compress(text, 1).unwrap();
        let second = b"{\"table\":\"a\",\"key\":\"b\",\"row\":{}}\n{\"table\":1}\n";
        assert!(matches!(unpack(&text(second)), Err(ChunkError::Line { line: 2, .. })));
        assert!(matches!(unpack(&text(b"\xff\xfe\n")), Err(ChunkError::Line { line: 1, .. })));
        let deep = "[".repeat(100_000);
        assert!(matches!(unpack(&text(deep.as_bytes())), Err(ChunkError::Line { .. })));
        assert!(matches!(verify(cut, &good.info.sha256), Err(ChunkError::Hash)));
        assert!(matches!(verify(&good.bytes, "no digest"), Err(ChunkError::Hash)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
            let _ = unpack(&bytes);
            let framed = zstd::bulk::compress(&bytes, 1).unwrap();
            let _ = unpack(&framed);
        }

        #[test]
        fn no_damage_panics(at in 0usize..400, flip in 1u8..=255) {
            let lines: Vec<_> = (0..40).map(|n| line(&format!("k{n}"))).collect();
            let mut chunk = pack(&lines).unwrap();
            let at = at % chunk.bytes.len();
            chunk.bytes[at] ^= flip;
            prop_assert!(verify(&chunk.bytes, &chunk.info.sha256).is_err());
            let _ = unpack(&chunk.bytes);
        }
    }
}
