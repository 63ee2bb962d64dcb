//! The bytes of a file, in pages that are shared between copies until one of them changes.
//!
//! A crash test makes thousands of copies of a disk that differ in a few pages; a copy costs one reference a page,
//! and so does its fingerprint, since each page remembers its own.

use sha2::block_api::compress256;
use std::sync::{Arc, LazyLock, OnceLock};

/// Bytes of a page of a file.
pub(crate) const PAGE: usize = 4096;

/// Tells contents apart: the first half of a SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

/// The first words of SHA-256 (FIPS 180-4, 5.3.3).
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

impl Fingerprint {
    /// SHA-256 by its inner function: the comfortable one is generic, so it is built without optimisation in
    /// tests, and costs more there than the hash itself.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut state = START;
        let (blocks, rest) = bytes.as_chunks::<64>();
        compress256(&mut state, blocks);
        let mut end = [0; 128];
        end[..rest.len()].copy_from_slice(rest);
        end[rest.len()] = 0x80;
        let used = if rest.len() < 56 { 64 } else { 128 };
        end[used - 8..used].copy_from_slice(&(bytes.len() as u64 * 8).to_be_bytes());
        compress256(&mut state, end[..used].as_chunks::<64>().0);
        let mut half = [0; 16];
        for (bytes, word) in half.chunks_exact_mut(4).zip(state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        Self(half)
    }
}

struct Page {
    bytes: [u8; PAGE],
    fingerprint: OnceLock<Fingerprint>,
}

impl Clone for Page {
    /// A page is copied in order to be changed: the fingerprint does not go with it.
    fn clone(&self) -> Self {
        Self { bytes: self.bytes, fingerprint: OnceLock::new() }
    }
}

impl Page {
    fn fingerprint(&self) -> Fingerprint {
        *self.fingerprint.get_or_init(|| Fingerprint::of(&self.bytes))
    }
}

static ZEROS: LazyLock<Arc<Page>> =
    LazyLock::new(|| Arc::new(Page { bytes: [0; PAGE], fingerprint: OnceLock::new() }));

/// The bytes of a file. Clones are cheap.
#[derive(Clone, Default)]
pub struct Content {
    len: usize,
    /// Invariant: `len` bytes rounded up to whole pages; what is behind `len` is zero.
    pages: Vec<Arc<Page>>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Content({} bytes)", self.len)
    }
}

impl Content {
    /// A file of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut content = Self::default();
        content.write(0, bytes);
        content
    }

    /// Bytes in the file.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `into` from `offset`; returns how many bytes there were, the rest is zeroed.
    pub fn read(&self, offset: usize, into: &mut [u8]) -> usize {
        let there = self.len.saturating_sub(offset).min(into.len());
        let mut done = 0;
        while done < there {
            let (page, within) = ((offset + done) / PAGE, (offset + done) % PAGE);
            let part = (PAGE - within).min(there - done);
            let bytes = &self.pages[page].bytes[within..within + part];
            into[done..done + part].copy_from_slice(bytes);
            done += part;
        }
        into[there..].fill(0);
        there
    }

    /// All bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        self.read(0, &mut bytes);
        bytes
    }

    /// Puts bytes at `offset`; a gap before them is zero.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.grow(offset + bytes.len());
        let mut done = 0;
        while done < bytes.len() {
            let (page, within) = ((offset + done) / PAGE, (offset + done) % PAGE);
            let part = (PAGE - within).min(bytes.len() - done);
            let target = &mut self.change(page)[within..within + part];
            target.copy_from_slice(&bytes[done..done + part]);
            done += part;
        }
    }

    /// Makes the file at least `len` long, with zeros.
    pub fn grow(&mut self, len: usize) {
        if len > self.len {
            self.pages.resize_with(len.div_ceil(PAGE), || Arc::clone(&ZEROS));
            self.len = len;
        }
    }

    /// Cuts the file, or makes it longer with zeros.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return self.grow(len);
        }
        self.pages.truncate(len.div_ceil(PAGE));
        if !len.is_multiple_of(PAGE) {
            self.change(len / PAGE)[len % PAGE..].fill(0);
        }
        self.len = len;
    }

    /// Tells this content from others.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut all = Vec::with_capacity(8 + 16 * self.pages.len());
        all.extend_from_slice(&self.len.to_le_bytes());
        for page in &self.pages {
            all.extend_from_slice(&page.fingerprint().0);
        }
        Fingerprint::of(&all)
    }

    /// The fingerprint of one whole page.
    pub(crate) fn page_fingerprint(&self, page: usize) -> Option<Fingerprint> {
        self.pages.get(page).map(|page| page.fingerprint())
    }

    fn change(&mut self, page: usize) -> &mut [u8; PAGE] {
        let page = Arc::make_mut(&mut self.pages[page]);
        page.fingerprint = OnceLock::new();
        &mut page.bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn a_fingerprint_is_half_a_sha_256() {
        let bytes: Vec<u8> = (0..5_000u32).map(|number| (number * 31) as u8).collect();
        for len in [0, 1, 55, 56, 63, 64, 65, 119, 120, 4_096, 5_000] {
            let whole = Sha256::digest(&bytes[..len]);
            assert_eq!(Fingerprint::of(&bytes[..len]).0, whole[..16], "{len}");
        }
    }
}
