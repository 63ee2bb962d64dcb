//! Locks of a database file and of its shared memory, between the connections of one process.
//!
//! The rules are those of SQLite's documents (`lockingv3.html`, `walformat.html`): a refused lock is BUSY and
//! changes nothing, but one who waits for EXCLUSIVE keeps PENDING, which lets no new reader in.

use rusqlite::ffi;
use std::collections::BTreeMap;

/// Names an open file.
pub(crate) type HandleId = u64;

/// Locks of one file: who holds which level.
#[derive(Debug, Default)]
pub(crate) struct FileLocks {
    held: BTreeMap<HandleId, i32>,
}

impl FileLocks {
    /// Takes a lock; false if others are in the way.
    pub fn take(&mut self, who: HandleId, level: i32) -> bool {
        let own = self.held.get(&who).copied().unwrap_or(ffi::SQLITE_LOCK_NONE);
        if own >= level {
            return true;
        }
        let others = self.held.iter().filter(|(handle, _)| **handle != who);
        let highest = others.map(|(_, level)| *level).max().unwrap_or(ffi::SQLITE_LOCK_NONE);
        let is_free = match level {
            ffi::SQLITE_LOCK_SHARED => highest < ffi::SQLITE_LOCK_PENDING,
            ffi::SQLITE_LOCK_RESERVED => highest < ffi::SQLITE_LOCK_RESERVED,
            _ => highest < ffi::SQLITE_LOCK_SHARED,
        };
        if is_free {
            self.held.insert(who, level);
        } else if level == ffi::SQLITE_LOCK_EXCLUSIVE && highest == ffi::SQLITE_LOCK_SHARED {
            self.held.insert(who, ffi::SQLITE_LOCK_PENDING);
        }
        is_free
    }

    /// Goes down to a level.
    pub fn lower(&mut self, who: HandleId, level: i32) {
        if level <= ffi::SQLITE_LOCK_NONE {
            self.held.remove(&who);
        } else if let Some(held) = self.held.get_mut(&who) {
            *held = level.min(*held);
        }
    }

    /// Whether anybody means to write.
    pub fn is_reserved(&self) -> bool {
        self.held.values().any(|level| *level >= ffi::SQLITE_LOCK_RESERVED)
    }
}

/// Slots of locks in the shared memory of a write-ahead log.
const SLOTS: usize = ffi::SQLITE_SHM_NLOCK as usize;

/// Shared memory of one write-ahead log. The regions are read and written by SQLite without asking, under its own
/// locks; here they are only allocated and freed.
#[derive(Default)]
pub(crate) struct SharedMemory {
    regions: Vec<Region>,
    /// Slots held, by handle: bit `n` of the first is shared, of the second exclusive.
    held: BTreeMap<HandleId, (u16, u16)>,
}

struct Region {
    start: *mut u8,
    layout: std::alloc::Layout,
}

// SAFETY: the pointer owns its allocation; what goes on in it is SQLite's, which takes its own locks.
unsafe impl Send for Region {}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: allocated in `map` with this layout, freed once.
        unsafe { std::alloc::dealloc(self.start, self.layout) };
    }
}

impl SharedMemory {
    /// A handle uses the memory from now on.
    pub fn join(&mut self, who: HandleId) {
        self.held.entry(who).or_default();
    }

    /// A handle goes; true if it was the last.
    pub fn leave(&mut self, who: HandleId) -> bool {
        self.held.remove(&who);
        self.held.is_empty()
    }

    /// The address of a region; null if there is none and none is to be made.
    pub fn map(&mut self, region: usize, bytes: usize, may_extend: bool) -> *mut u8 {
        while self.regions.len() <= region {
            if !may_extend {
                return std::ptr::null_mut();
            }
            let layout =
                std::alloc::Layout::from_size_align(bytes.max(1), 64).expect("regions are 32 KiB");
            // SAFETY: the layout is not empty.
            let start = unsafe { std::alloc::alloc_zeroed(layout) };
            assert!(!start.is_null(), "memory for a region of 32 KiB");
            self.regions.push(Region { start, layout });
        }
        self.regions[region].start
    }

    /// A copy of the first bytes: the header of the index of the log.
    pub fn header(&self) -> Option<[u8; 48]> {
        let region = self.regions.first()?;
        let mut header = [0; 48];
        assert!(region.layout.size() >= header.len(), "regions are 32 KiB");
        // SAFETY: inside the allocation; a writer at the same moment is excluded by the callers, who ask when no
        // transaction runs.
        unsafe { std::ptr::copy_nonoverlapping(region.start, header.as_mut_ptr(), header.len()) };
        Some(header)
    }

    /// Takes or lets go slots; false if others are in the way.
    pub fn lock(&mut self, who: HandleId, offset: usize, count: usize, flags: i32) -> bool {
        assert!(offset + count <= SLOTS, "SQLite has eight slots");
        let mask = ((1u16 << count) - 1) << offset;
        let others = self.held.iter().filter(|(handle, _)| **handle != who);
        let (shared, exclusive) =
            others.fold((0, 0), |all, (_, held)| (all.0 | held.0, all.1 | held.1));
        let own = self.held.entry(who).or_default();
        if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
            *own = (own.0 & !mask, own.1 & !mask);
            return true;
        }
        if flags & ffi::SQLITE_SHM_SHARED != 0 {
            if exclusive & mask != 0 {
                return false;
            }
            own.0 |= mask;
            return true;
        }
        if (shared | exclusive) & mask != 0 {
            return false;
        }
        own.1 |= mask;
        true
    }
}
