//! Room on the disk: a gauge, a guard for feeds, and a reserve for sales.
//!
//! A full disk must stop catalogues, not the till. Feeds stop while there is still room
//! ([`DiskSpace::is_low`]); a file of [`RESERVE_BYTES`] is kept for the sales that come after, and deleted when the
//! first of them finds no room.

use fs4::FileExt;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Bytes free and in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// What this program may still write.
    pub free_bytes: u64,
    /// Size of the file system.
    pub total_bytes: u64,
}

impl DiskSpace {
    /// Below this, feeds stop on any disk.
    pub const FREE_BYTES_MIN: u64 = 200 * 1024 * 1024;
    /// Below this share, feeds stop...
    pub const FREE_PERCENT_MIN: u64 = 15;
    /// ...unless there are still so many bytes: 15 % of a large disk is no shortage.
    pub const FREE_BYTES_PLENTY: u64 = 4 * 1024 * 1024 * 1024;

    /// Whether feeds must stop.
    pub fn is_low(&self) -> bool {
        let share = self.total_bytes / 100 * Self::FREE_PERCENT_MIN;
        self.free_bytes < share.clamp(Self::FREE_BYTES_MIN, Self::FREE_BYTES_PLENTY)
    }
}

/// Tells how much room there is: a port, so that tests can fill a disk.
pub trait DiskGauge: Send + Sync {
    /// The space now.
    fn space(&self) -> io::Result<DiskSpace>;
}

/// The file system that holds a directory.
#[derive(Clone, Debug)]
pub struct SystemDisk {
    directory: PathBuf,
}

impl SystemDisk {
    /// Watches the file system of `directory`.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }
}

impl DiskGauge for SystemDisk {
    fn space(&self) -> io::Result<DiskSpace> {
        let stats = fs4::statvfs(&self.directory)?;
        Ok(DiskSpace { free_bytes: stats.available_space(), total_bytes: stats.total_space() })
    }
}

/// Room for 1,000 sales of five lines: about 6 KiB each in the database, and the write-ahead log on top of it
/// (a test measures it).
pub const RESERVE_BYTES: u64 = 24 * 1024 * 1024;

/// The preallocated file.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    pub(crate) fn new(directory: &Path) -> Self {
        Self { path: directory.join("crossroads.reserve") }
    }

    /// Allocates the file if it is not there in full; the blocks are real, not a hole.
    pub(crate) fn keep(&self) -> io::Result<()> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&self.path)?;
        if file.allocated_size()? < RESERVE_BYTES {
            file.allocate(RESERVE_BYTES)?;
            file.sync_all()?;
        }
        Ok(())
    }

    /// Gives the room to sales. Returns false if there was nothing left to give.
    pub(crate) fn release(&self) -> bool {
        fs::remove_file(&self.path).is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn low_is_a_share_of_small_disks_and_an_amount_of_large_ones() {
        const GIB: u64 = 1024 * 1024 * 1024;
        let space = |free_bytes, total_bytes| DiskSpace { free_bytes, total_bytes };
        assert!(!space(2 * GIB, 8 * GIB).is_low());
        assert!(space(GIB, 8 * GIB).is_low());
        assert!(!space(5 * GIB, 1000 * GIB).is_low());
        assert!(space(3 * GIB, 1000 * GIB).is_low());
        assert!(space(100 * 1024 * 1024, 500 * 1024 * 1024).is_low());
    }

    #[test]
    fn the_reserve_takes_real_blocks_and_gives_them_once() {
        let directory = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(directory.path());
        reserve.keep().unwrap();
        reserve.keep().unwrap();
        let file = fs::File::open(&reserve.path).unwrap();
        assert!(file.allocated_size().unwrap() >= RESERVE_BYTES);
        assert!(reserve.release());
        assert!(!reserve.release());
    }

    #[test]
    fn the_system_disk_has_a_size() {
        let space = SystemDisk::new(std::env::temp_dir()).space().unwrap();
        assert!(space.total_bytes >= space.free_bytes && space.total_bytes > 0);
    }
}
