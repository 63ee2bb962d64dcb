//! A store on a fault disk: the bench of `power_cut` and `io_fault`.
//!
//! ```text
//! Scene = a prepared disk + calls          scene.rs    what is done
//! Till  = a store on a disk                mod.rs      who does it
//! inspect(store)                           inspect.rs  what must be true afterwards, whatever happened
//! ```
//! A call may be made again on a copy of the same disk any number of times, and does the same each time: identities
//! come from counters that start where the till was opened. Only SQLCipher's nonces differ.

pub(crate) mod inspect;
pub(crate) mod scene;

use super::*;
use crate::{DatabaseFiles, Writing};
use fault::{Disk, Image};
use std::io;
use std::path::Path;

/// The fault disk as the store's file system.
pub(crate) struct Card(pub Disk);

impl DatabaseFiles for Card {
    fn vfs(&self) -> Option<&str> {
        Some(self.0.vfs())
    }
    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        self.0.len(path)
    }
    fn create(&self, path: &Path) -> io::Result<()> {
        self.0.create(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
    fn flush(&self, path: &Path) -> io::Result<()> {
        self.0.flush(path)
    }
    fn read_through(&self, path: &Path) -> io::Result<()> {
        self.0.read_through(path)
    }

    fn rewrite(&self, path: &Path) -> io::Result<()> {
        self.0.rewrite(path)
    }
}

/// A terminal: its disk, its directory for what is not the database, and the store while it is open.
pub(crate) struct Till {
    pub shop: Shop,
    pub disk: Disk,
    pub store: Option<Store>,
    /// Where the store's own identities begin at the next opening.
    pub next_id: u128,
}

/// Pages in the log after which it is copied back: few, so that scenes of some calls have it happen.
const CHECKPOINT_PAGES: u32 = 1_000;

impl Till {
    pub fn new() -> Self {
        let shop = Shop::new();
        Self { shop, disk: Disk::new(), store: None, next_id: 0xbbbb_0000_0000 }
    }

    pub fn options(&self) -> StoreOptions {
        StoreOptions {
            files: Arc::new(Card(self.disk.clone())),
            writing: Writing::Caller { checkpoint_pages: CHECKPOINT_PAGES },
            ..self.shop.options()
        }
    }

    /// The name of the database on the disk.
    pub fn name(&self) -> String {
        self.shop.path().to_string_lossy().into_owned()
    }

    pub fn open(&mut self) -> Result<(), OpenError> {
        self.store = None;
        self.next_id += 0x1_0000_0000;
        let ids = Box::new(Counter(self.next_id));
        self.store = Some(Store::open(&self.options(), &self.shop.keys(), ids)?);
        Ok(())
    }

    pub fn store(&self) -> &Store {
        self.store.as_ref().expect("the call before opened it")
    }

    pub fn close(&mut self) {
        if let Some(store) = self.store.take() {
            store.close();
        }
    }

    /// The power goes: the store is dropped without being able to write, and the disk is what is given.
    pub fn wake_on(&mut self, image: &Image) {
        self.disk.power_off();
        self.store = None;
        self.disk.load(image);
    }
}
