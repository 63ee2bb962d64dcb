//! The data directory: what lies where, the administrator's token, and the right to serve it.

use crate::error::CentralError;
use crate::rim::Rim;
use std::fs::{DirBuilder, File, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Makes the directory. Customers' data lies in it: a new one is the owner's alone.
pub(crate) fn make(dir: &Path) -> Result<(), CentralError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(dir).map_err(CentralError::file("create", dir))
}

/// The right to serve the directory, for as long as the file is open; `None` if another process has it.
pub(crate) fn claim(dir: &Path) -> Result<Option<File>, CentralError> {
    let path = dir.join("serve.lock");
    let file = File::create(&path).map_err(CentralError::file("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(CentralError::file("lock", &path)(error)),
    }
}

/// Where the database of a data directory lies.
pub fn database_path(dir: &Path) -> PathBuf {
    dir.join("central.db")
}

/// Reads the administrator's token, or makes it: a file that only the owner can read.
pub(crate) fn admin_token(dir: &Path, rim: &dyn Rim) -> Result<String, CentralError> {
    let path = admin_token_path(dir);
    let mut random = [0; 32];
    rim.fill_random(&mut random)?;
    let fresh: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    match opened {
        Ok(mut file) => {
            writeln!(file, "{fresh}").map_err(CentralError::file("write", &path))?;
            Ok(fresh)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let text = std::fs::read_to_string(&path).map_err(CentralError::file("read", &path))?;
            let text = text.trim();
            // A process that was killed between creating and writing left it empty.
            if text.is_empty() {
                std::fs::write(&path, format!("{fresh}\n"))
                    .map_err(CentralError::file("write", &path))?;
                return Ok(fresh);
            }
            Ok(text.into())
        }
        Err(error) => Err(CentralError::file("create", &path)(error)),
    }
}

/// Where the administrator's token lies.
pub fn admin_token_path(dir: &Path) -> PathBuf {
    dir.join("admin.token")
}
