//! A workbench: a directory of the machine, on which the files of a device's database lie while they are damaged and
//! recovered, since recovery reads ordinary files.
//!
//! Which pages are damaged is drawn by their numbers. What is in a page is the same in every run of a seed, its
//! encrypted bytes are not: nothing here may look at them. The directory's name has the same length in every run,
//! since the store keeps it in the database.

use crate::disk::{self, DiskImage, FixedKey};
use crate::template::Scratch;
use domain::id::TerminalId;
use rand::RngExt;
use rand::rngs::StdRng;
use rusqlite::Connection;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use store::{OpenError, Store, StoreOptions};
use sync::ports::LifeId;
use sync::protocol::event::EventHash;
use uuid::Uuid;

/// The database's name; the names of all its files begin with it.
const DATABASE: &str = "crossroads.db";
/// Bytes of a page.
const PAGE: usize = 4_096;

/// What lies on it is removed with it.
pub struct Bench(PathBuf);

/// A journal as it stands in a database, read past the store.
pub struct Kept {
    /// Lives, oldest first, with the number of the last event.
    pub lives: Vec<(LifeId, u64)>,
    /// Events of the journal, in order.
    pub journal: Vec<EventHash>,
    /// Events beside it.
    pub strays: Vec<EventHash>,
}

impl Bench {
    /// The workbench of a device, with its database on it.
    pub fn new(scratch: &Scratch, number: usize, image: &DiskImage) -> Result<Self, String> {
        let bench = Self(scratch.bench(number));
        bench.clear().map_err(|error| error.to_string())?;
        // An empty database leaves the fingerprint of the key, by which damage is told from a wrong key.
        bench.open(0).map_err(|error| bench.in_words(&error))?.close();
        for path in bench.files().map_err(|error| error.to_string())? {
            fs::remove_file(path).map_err(|error| error.to_string())?;
        }
        for (name, content) in image.files() {
            let path = bench.0.join(name.trim_start_matches('/'));
            fs::write(path, content.to_vec()).map_err(|error| error.to_string())?;
        }
        Ok(bench)
    }

    fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::create_dir_all(&self.0),
        }
    }

    /// How the store is opened here.
    pub fn options(&self) -> StoreOptions {
        disk::options_in(&self.0)
    }

    /// Opens the store as a device would that has started so often.
    pub fn open(&self, boot: u32) -> Result<Store, OpenError> {
        let first = (0xBE << 112) | (u128::from(boot) << 64);
        Store::open(&self.options(), &FixedKey, Box::new(crate::device::Counter::from(first)))
    }

    /// A file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// An error with its causes; where it happened differs from run to run, and is left out.
    pub fn in_words(&self, error: &dyn std::error::Error) -> String {
        let text = crate::world::describe(error);
        text.replace(&*self.0.to_string_lossy(), "bench")
    }

    /// The files of databases, in the order of their names.
    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_memory = name.ends_with("-shm") || name.ends_with(".key-fingerprint");
            if name.starts_with(DATABASE) && !is_memory {
                files.push(path);
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// The files of databases as they lie here now.
    pub fn image(&self) -> Result<DiskImage, String> {
        let read = || -> io::Result<DiskImage> {
            let mut image = DiskImage::default();
            for path in self.files()? {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                image.insert(&name, &fs::read(&path)?);
            }
            Ok(image)
        };
        read().map_err(|error| error.to_string())
    }

    /// Damages pages of the database. Says what it did.
    pub fn damage(&self, rng: &mut StdRng) -> Result<&'static str, String> {
        let path = self.path(DATABASE);
        let mut bytes = fs::read(&path).map_err(|error| error.to_string())?;
        let pages = bytes.len() / PAGE;
        let mut spoil = |page: usize| {
            if let Some(byte) = bytes.get_mut(page * PAGE + PAGE / 2) {
                *byte ^= 0x20;
            }
        };
        let done = match rng.random_range(0..8) {
            0 => {
                spoil(rng.random_range(0..pages.max(1)));
                "damage: one page"
            }
            1..=2 => {
                (0..rng.random_range(2..8)).for_each(|_| spoil(rng.random_range(0..pages.max(1))));
                "damage: some pages"
            }
            3..=4 => {
                // As a worn block of a memory card does it.
                let first = rng.random_range(0..pages.max(1));
                (first..first + rng.random_range(4..40)).for_each(spoil);
                "damage: a run of pages"
            }
            5..=6 => {
                let count = rng.random_range(1..40).min(pages);
                (pages - count..pages).for_each(spoil);
                "damage: the last pages"
            }
            _ => {
                bytes.truncate(rng.random_range(pages / 4..pages.max(1)) * PAGE);
                "damage: the end is missing"
            }
        };
        fs::write(&path, bytes).map_err(|error| error.to_string())?;
        Ok(done)
    }

    /// Reads the journal of the database that lies here now.
    pub fn kept(&self) -> Result<Kept, String> {
        read_kept(&self.path(DATABASE)).map_err(|error| error.to_string())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // The next one begins with clearing it; the scratch removes it at last.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn read_kept(path: &Path) -> Result<Kept, rusqlite::Error> {
    let db = Connection::open(path)?;
    db.execute_batch(&format!(
        "PRAGMA cipher_default_hmac_algorithm = HMAC_SHA256;
         PRAGMA key = \"x'{}'\";
         PRAGMA cipher_page_size = 4096;
         PRAGMA cipher_hmac_algorithm = HMAC_SHA256;",
        disk::key_in_hex()
    ))?;
    let hashes = |sql: &str| -> Result<Vec<EventHash>, rusqlite::Error> {
        let mut statement = db.prepare(sql)?;
        let rows = statement.query_map([], |row| row.get(0).map(EventHash))?;
        rows.collect()
    };
    let mut statement = db.prepare("SELECT terminal, epoch, last_seq FROM life ORDER BY number")?;
    let lives = statement.query_map([], |row| {
        let terminal = TerminalId::from_uuid(Uuid::from_bytes(row.get(0)?));
        Ok((LifeId { terminal, epoch: row.get(1)? }, row.get::<_, i64>(2)? as u64))
    })?;
    Ok(Kept {
        lives: lives.collect::<Result<_, _>>()?,
        journal: hashes("SELECT hash FROM journal ORDER BY position")?,
        strays: hashes("SELECT hash FROM stray ORDER BY hash")?,
    })
}
