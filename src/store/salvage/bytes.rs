//! Where bytes come from: a file, or memory. What cannot be read is missing, and never an error: a
//! disk that fails in one sector must not hide the others.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bytes that can be read at any place.
pub trait Bytes {
    /// How many there are.
    fn size(&self) -> u64;

    /// Fills `into` with the bytes from `offset` on; false if not all of them can be read.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> bool;
}

impl Bytes for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> bool {
        let Ok(start) = usize::try_from(offset) else { return false };
        let found = start.checked_add(into.len()).and_then(|end| self.get(start..end));
        if let Some(found) = found {
            into.copy_from_slice(found);
        }
        found.is_some()
    }
}

impl Bytes for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> bool {
        Bytes::read_at(&self.as_slice(), offset, into)
    }
}

impl Bytes for File {
    fn size(&self) -> u64 {
        self.metadata().map_or(0, |file| file.len())
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> bool {
        self.read_exact_at(into, offset).is_ok()
    }
}

/// A file that is not there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Bytes for Nothing {
    fn size(&self) -> u64 {
        0
    }
    fn read_at(&self, _: u64, into: &mut [u8]) -> bool {
        into.is_empty()
    }
}
