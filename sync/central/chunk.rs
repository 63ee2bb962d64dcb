//! Where the chunks of snapshots are kept: files of the data directory, or memory for simulations.
//!
//! A chunk is named by the SHA-256 of its bytes and never changes. What is returned is what the name says, or
//! nothing: a damaged file is as good as none.

use crate::db::lock;
use crate::error::CentralError;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What Linux says about a sector that cannot be read; `std` has no name for it.
const EIO: i32 = 5;
/// A chunk that nothing promises stays so long: a build may be under way.
const UNPROMISED_MS: i64 = 86_400_000;

/// The chunks.
pub enum ChunkStore {
    /// Files in a folder.
    Folder(PathBuf),
    /// Bytes by name.
    Memory(Mutex<BTreeMap<String, Vec<u8>>>),
}

/// The name of a chunk with these bytes.
pub fn name_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a text can be the address of a chunk; nothing else ever becomes part of a path.
pub fn is_chunk_name(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl ChunkStore {
    /// The files of a data directory.
    pub fn in_folder(dir: &Path) -> Self {
        Self::Folder(dir.join("chunks"))
    }

    /// Nothing yet, in memory.
    pub const fn in_memory() -> Self {
        Self::Memory(Mutex::new(BTreeMap::new()))
    }

    /// Whether a chunk lies where it should, with its booked size: the database may have been restored without its
    /// files. What is inside is checked when it is read.
    pub(crate) fn has(&self, sha256: &str, bytes: u64) -> bool {
        match self {
            Self::Folder(folder) => fs::metadata(folder.join(sha256))
                .is_ok_and(|found| found.is_file() && found.len() == bytes),
            Self::Memory(chunks) => {
                lock(chunks).get(sha256).is_some_and(|found| found.len() as u64 == bytes)
            }
        }
    }

    /// The bytes of a chunk; `None` when they are not there, or no longer what their name says.
    pub(crate) fn get(&self, sha256: &str) -> Result<Option<Vec<u8>>, CentralError> {
        let folder = match self {
            Self::Folder(folder) => folder,
            Self::Memory(chunks) => return Ok(lock(chunks).get(sha256).cloned()),
        };
        let path = folder.join(sha256);
        let is_gone = |error: &std::io::Error| {
            error.kind() == std::io::ErrorKind::NotFound || error.raw_os_error() == Some(EIO)
        };
        match fs::read(&path) {
            Ok(bytes) => Ok((name_of(&bytes) == sha256).then_some(bytes)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(CentralError::file("read", &path)(error)),
        }
    }

    /// Makes the place where chunks are kept.
    pub(crate) fn prepare(&self) -> Result<(), CentralError> {
        match self {
            Self::Folder(folder) => {
                fs::create_dir_all(folder).map_err(CentralError::file("create", folder))
            }
            Self::Memory(_) => Ok(()),
        }
    }

    /// Keeps bytes under their name, and returns it. Written under a name that means nothing, then renamed: a file
    /// of a chunk's name is always whole.
    pub(crate) fn put(&self, bytes: Vec<u8>) -> Result<String, CentralError> {
        let sha256 = name_of(&bytes);
        let folder = match self {
            Self::Folder(folder) => folder,
            Self::Memory(chunks) => {
                lock(chunks).insert(sha256.clone(), bytes);
                return Ok(sha256);
            }
        };
        let path = folder.join(&sha256);
        // Also when it exists: a fresh file is not swept before the build is booked.
        let part = folder.join(format!("{sha256}.{}", std::process::id()));
        let mut file = fs::File::create(&part).map_err(CentralError::file("create", &part))?;
        file.write_all(&bytes).map_err(CentralError::file("write", &part))?;
        file.sync_all().map_err(CentralError::file("write", &part))?;
        fs::rename(&part, &path).map_err(CentralError::file("rename", &part))?;
        Ok(sha256)
    }

    /// Removes chunks that no snapshot promises; files only when they are older than a day.
    pub(crate) fn sweep(
        &self,
        promised: &HashSet<String>,
        now_ms: i64,
    ) -> Result<u64, CentralError> {
        let folder = match self {
            Self::Folder(folder) => folder,
            Self::Memory(chunks) => {
                let mut chunks = lock(chunks);
                let before = chunks.len();
                chunks.retain(|name, _| promised.contains(name));
                return Ok((before - chunks.len()) as u64);
            }
        };
        let Ok(entries) = fs::read_dir(folder) else { return Ok(0) };
        let mut removed = 0;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_promised = name.to_str().is_some_and(|name| promised.contains(name));
            let modified_ms = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .ok()
                .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
                .map_or(now_ms, |since| since.as_millis() as i64);
            if !is_promised && now_ms - modified_ms > UNPROMISED_MS {
                fs::remove_file(entry.path()).map_err(CentralError::file("remove", folder))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Forgets all chunks, as a restore without files does. For tests and simulations.
    pub fn clear(&self) -> Result<(), CentralError> {
        match self {
            Self::Folder(folder) if folder.exists() => {
                fs::remove_dir_all(folder).map_err(CentralError::file("remove", folder))
            }
            Self::Folder(_) => Ok(()),
            Self::Memory(chunks) => {
                lock(chunks).clear();
                Ok(())
            }
        }
    }
}
