//! The key of the database: 32 random bytes, never a passphrase, held by a [`KeyStore`].
//!
//! A PIN or passphrase would have to be stretched at each start and could be guessed offline; a random key needs
//! neither, it needs a place that a thief of the disk does not get with it. [`FileKeyStore`] is the plain one, a
//! file for its owner only; a TPM or a kernel keyring can take its place behind the same trait.

use rand::TryRng;
use rand::rngs::SysRng;
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// 32 random bytes; does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseKey([u8; 32]);

impl DatabaseKey {
    /// Takes the bytes of a key.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn bytes(&self) -> [u8; 32] {
        self.0
    }

    pub(crate) fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Tells this key from others without telling the key (it is random, so its hash cannot be searched).
    pub(crate) fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"crossroads-database-key-v1");
        hash.update(self.0);
        hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
impl std::fmt::Debug for DatabaseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseKey(..)")
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Others than its owner may read the file.
    #[error(
        "others can read the key file `{path}` (mode {mode:03o}); run `chmod 600 '{path}'`, and think of the \
         data as read"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not 64 hexadecimal digits.
    #[error("the key file `{0}` does not hold a key; restore it from a backup")]
    Malformed(PathBuf),
    /// The operating system refused the file.
    #[error("cannot {action} the key file `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The operating system has no random numbers.
    #[error("the operating system gave no random numbers")]
    Random(#[source] rand::rngs::SysError),
}

/// Where the key of the database is held.
pub trait KeyStore: Send + Sync {
    /// The key, if one was made.
    fn existing_key(&self) -> Result<Option<DatabaseKey>, KeyError>;

    /// Makes a random key and keeps it durably before it returns; an existing one is an error.
    fn create_key(&self) -> Result<DatabaseKey, KeyError>;

    /// The key; made on first use.
    fn database_key(&self) -> Result<DatabaseKey, KeyError> {
        match self.existing_key()? {
            Some(key) => Ok(key),
            None => self.create_key(),
        }
    }
}

/// A key in a file that only its owner can read: 64 hexadecimal digits.
#[derive(Clone, Debug)]
pub struct FileKeyStore {
    path: PathBuf,
}

impl FileKeyStore {
    /// The name of the key file in the store's directory.
    pub const FILE_NAME: &'static str = "crossroads.key";

    /// Keeps the key in the file `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Keeps the key beside the database.
    pub fn in_directory(directory: &Path) -> Self {
        Self::new(directory.join(Self::FILE_NAME))
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> KeyError {
        let path = self.path.clone();
        move |source| KeyError::Io { action, path, source }
    }
}

impl KeyStore for FileKeyStore {
    fn existing_key(&self) -> Result<Option<DatabaseKey>, KeyError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("open")(error)),
        };
        // The opened file is asked, not the path: nobody can swap it in between.
        let mode = file.metadata().map_err(self.failed("examine"))?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: self.path.clone(), mode });
        }
        let mut text = String::new();
        let read = file.take(100).read_to_string(&mut text);
        let malformed = || KeyError::Malformed(self.path.clone());
        match read {
            Ok(_) => parse_hex(text.trim_end()).map(Some).ok_or_else(malformed),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(malformed()),
            Err(error) => Err(self.failed("read")(error)),
        }
    }

    /// Written under another name first, then linked: the name appears with the whole key on disk or not at all,
    /// and never replaces a key that is there.
    fn create_key(&self) -> Result<DatabaseKey, KeyError> {
        let mut bytes = [0u8; 32];
        SysRng.try_fill_bytes(&mut bytes).map_err(KeyError::Random)?;
        let key = DatabaseKey(bytes);
        let mut draft = self.path.clone().into_os_string();
        draft.push(".new");
        let draft = PathBuf::from(draft);
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(self.failed("clear the way for")(error));
            }
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .map_err(self.failed("create"))?;
        file.write_all(key.to_hex().as_bytes()).map_err(self.failed("write"))?;
        file.sync_all().map_err(self.failed("flush"))?;
        fs::hard_link(&draft, &self.path).map_err(self.failed("create"))?;
        fs::remove_file(&draft).map_err(self.failed("tidy up beside"))?;
        sync_parent(&self.path).map_err(self.failed("flush the directory of"))?;
        Ok(key)
    }
}

fn parse_hex(text: &str) -> Option<DatabaseKey> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0u8; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = (high * 16 + low) as u8;
    }
    Some(DatabaseKey(bytes))
}

/// Makes names in the directory of `path` durable.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let keys = FileKeyStore::in_directory(directory.path());
        assert_eq!(keys.existing_key().unwrap(), None);
        let key = keys.database_key().unwrap();
        assert_eq!(keys.database_key().unwrap(), key);
        let mode = fs::metadata(&keys.path).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert!(matches!(keys.create_key(), Err(KeyError::Io { action: "create", .. })));
        assert_eq!(keys.database_key().unwrap(), key, "an existing key is never replaced");
        let other = tempfile::tempdir().unwrap();
        assert_ne!(FileKeyStore::in_directory(other.path()).database_key().unwrap(), key);
    }

    #[test]
    fn an_exposed_or_broken_key_is_refused_with_advice() {
        let directory = tempfile::tempdir().unwrap();
        let keys = FileKeyStore::in_directory(directory.path());
        keys.database_key().unwrap();
        fs::set_permissions(&keys.path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = keys.database_key().unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
        fs::set_permissions(&keys.path, fs::Permissions::from_mode(0o600)).unwrap();
        for content in ["", "short", &"g".repeat(64), &"a".repeat(65)] {
            fs::write(&keys.path, content).unwrap();
            assert!(matches!(keys.database_key(), Err(KeyError::Malformed(_))), "{content}");
        }
    }

    #[test]
    fn a_key_does_not_print_itself() {
        assert_eq!(format!("{:?}", DatabaseKey([0x5a; 32])), "DatabaseKey(..)");
        assert_ne!(DatabaseKey([1; 32]).fingerprint(), DatabaseKey([2; 32]).fingerprint());
    }
}
