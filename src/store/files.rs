//! The file system that holds the database: a port, so that tests can lose, tear and refuse what was written.
//!
//! Only what is asked about the database goes through it: SQLite's own files by the name of a VFS, and the few
//! things done to them without SQLite. The lock, the key, its fingerprint and the reserve are ordinary files.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A file system on which the database lies.
pub trait DatabaseFiles: Send + Sync {
    /// The name under which SQLite knows it; `None` is the one of the operating system.
    fn vfs(&self) -> Option<&str>;

    /// Bytes in a file; `None` if there is no such file.
    fn len(&self, path: &Path) -> io::Result<Option<u64>>;

    /// Makes an empty file where there is none; what is there stays.
    fn create(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name in the same directory, atomically; durable only after [`Self::flush`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; durable only when its directory is flushed.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the content of a file, its name and all names beside it durable.
    fn flush(&self, path: &Path) -> io::Result<()>;

    /// Reads all of a file, if it is there: an error means that the disk does not answer, whatever SQLite makes
    /// of it (SQLCipher takes a page that could not be read for one with a broken seal).
    fn read_through(&self, path: &Path) -> io::Result<()>;

    /// Writes what a file holds over itself and makes it durable. After a sync that failed, systems show bytes that
    /// they will never write: a later sync says "done" without them, unless they are written anew.
    fn rewrite(&self, path: &Path) -> io::Result<()>;
}

/// The files of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

impl DatabaseFiles for SystemFiles {
    fn vfs(&self) -> Option<&str> {
        None
    }

    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        match fs::metadata(path) {
            Ok(file) => Ok(Some(file.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&self, path: &Path) -> io::Result<()> {
        File::options().create(true).append(true).mode(0o600).open(path).map(|_| ())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn flush(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()?;
        crate::key::sync_parent(path)
    }

    fn read_through(&self, path: &Path) -> io::Result<()> {
        match File::open(path) {
            Ok(mut file) => io::copy(&mut file, &mut io::sink()).map(|_| ()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn rewrite(&self, path: &Path) -> io::Result<()> {
        let mut file = File::options().read(true).write(true).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        file.rewind()?;
        file.write_all(&bytes)?;
        drop(file);
        self.flush(path)
    }
}
