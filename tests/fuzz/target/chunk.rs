//! Chunks of snapshots: whatever the bytes say of themselves, memory stays bounded, and a chunk that unpacks packs
//! again to the same lines.

use sync::protocol::snapshot::CHUNK_UNPACKED_MAX;
use sync::snapshot::{inflate, pack, sha256_hex, unpack, verify};

/// Bytes as a chunk; and what is text, packed into one.
pub fn run(bytes: &[u8]) {
    one(bytes);
    // The decompressor is a wall that few inputs get over, so the same bytes are tried behind it.
    if let Ok(packed) = zstd::bulk::compress(bytes, 1) {
        one(&packed);
    }
}

fn one(bytes: &[u8]) {
    let address = sha256_hex(bytes);
    assert!(verify(bytes, &address).is_ok() && verify(bytes, &address[1..]).is_err());
    let Ok(text) = inflate(bytes) else {
        assert!(unpack(bytes).is_err());
        return;
    };
    assert!(text.len() <= CHUNK_UNPACKED_MAX);
    let Ok(lines) = unpack(bytes) else { return };
    let Ok(packed) = pack(&lines) else { return };
    let again = unpack(&packed.bytes).expect("what is packed unpacks");
    let texts = |lines: &[sync::protocol::snapshot::SnapshotLine]| -> Vec<String> {
        lines.iter().map(|line| serde_json::to_string(line).expect("a line is JSON")).collect()
    };
    assert_eq!(texts(&again), texts(&lines));
    assert_eq!(packed.info.rows, lines.len() as u64);
    assert!(verify(&packed.bytes, &packed.info.sha256).is_ok());
}
