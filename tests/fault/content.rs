//! The bytes of a file, in pages that are shared between copies until one of them changes.
//!
//! A crash test makes thousands of copies of a disk that differ in a few pages; a copy costs one reference a page,
//! and so does its fingerprint, since each page remembers its own.

use sha2::{Digest, Sha256};
use std::sync::{Arc, LazyLock, OnceLock};

/// Bytes of a page of a file.
pub(crate) const PAGE: usize = 4096;

/// Tells contents apart: the first half of a SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// Hashes all at once: without optimisation, feeding the hash bit by bit costs more than the hash.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&Sha256::digest(bytes)[..16]);
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
