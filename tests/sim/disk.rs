//! The disk of a simulated device: a fault disk in memory for the database, and a directory of the machine for the
//! few ordinary files beside it (lock and fingerprint).

use fault::{Damage, Disk, Failure, Fault, Image, Kinds, Lasts, Stop};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::{
    DatabaseFiles, DatabaseKey, DiskGauge, DiskSpace, KeyError, KeyStore, StoreOptions,
    SystemFiles, Writing,
};

/// The log is copied back often, so that small worlds see it.
const CHECKPOINT_PAGES: u32 = 24;

/// The key of all simulated databases: what it protects does not exist.
const KEY: [u8; 32] = [0x5a; 32];

/// The same, as SQLCipher reads it.
pub fn key_in_hex() -> String {
    KEY.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How to open a store on ordinary files of the machine.
pub fn options_in(directory: &Path) -> StoreOptions {
    StoreOptions {
        directory: directory.to_owned(),
        disk: Arc::new(Gauge::default()),
        files: Arc::new(SystemFiles),
        writing: Writing::Caller { checkpoint_pages: CHECKPOINT_PAGES },
    }
}

/// A key that is always there.
pub struct FixedKey;

impl KeyStore for FixedKey {
    fn existing_key(&self) -> Result<Option<DatabaseKey>, KeyError> {
        Ok(Some(DatabaseKey::from_bytes(KEY)))
    }

    fn create_key(&self) -> Result<DatabaseKey, KeyError> {
        Ok(DatabaseKey::from_bytes(KEY))
    }
}

/// The database's files on the fault disk.
struct Files(Disk);

impl DatabaseFiles for Files {
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

/// Says that the disk is nearly full when it is to be; else that nobody knows, so that no reserve of real bytes is
/// kept for each of thousands of simulated devices.
#[derive(Default)]
struct Gauge(AtomicBool);

impl DiskGauge for Gauge {
    fn space(&self) -> io::Result<DiskSpace> {
        if self.0.load(Ordering::Relaxed) {
            return Ok(DiskSpace { free_bytes: 0, total_bytes: 1 << 34 });
        }
        Err(io::Error::new(io::ErrorKind::Unsupported, "simulated"))
    }
}

/// The files of a database, wherever they lie: their names begin with a stroke.
#[derive(Clone, Default)]
pub struct DiskImage(Vec<(String, fault::Content)>);

impl DiskImage {
    /// All of them.
    pub fn files(&self) -> impl Iterator<Item = (&str, &fault::Content)> {
        self.0.iter().map(|(name, content)| (name.as_str(), content))
    }

    /// One more.
    pub fn insert(&mut self, name: &str, bytes: &[u8]) {
        self.0.push((format!("/{name}"), fault::Content::of(bytes)));
    }
}

/// A device's disk.
pub struct DeviceDisk {
    disk: Disk,
    directory: PathBuf,
    gauge: Arc<Gauge>,
    /// Something was refused or may be refused soon.
    is_suspect: bool,
    /// Failures that are still in order after the disk was repaired.
    grace: u32,
}

/// What a fault spoils: a connection that reads and one that writes. Each says so once, and is replaced.
const CONNECTIONS: u32 = 2;

impl DeviceDisk {
    /// An empty disk; `directory` is this device's alone.
    pub fn new(directory: PathBuf) -> Self {
        Self { disk: Disk::new(), directory, gauge: Arc::default(), is_suspect: false, grace: 0 }
    }

    /// How to open the store on it.
    pub fn options(&self) -> StoreOptions {
        StoreOptions {
            directory: self.directory.clone(),
            disk: Arc::clone(&self.gauge) as Arc<dyn DiskGauge>,
            files: Arc::new(Files(self.disk.clone())),
            writing: Writing::Caller { checkpoint_pages: CHECKPOINT_PAGES },
        }
    }

    /// A text without the directory of this run in it.
    pub fn without_place(&self, text: &str) -> String {
        text.replace(&*self.directory.to_string_lossy(), "disk")
    }

    /// Whether the power is gone: what is under way failed for it.
    pub fn is_off(&self) -> bool {
        self.disk.is_off()
    }

    /// Whether errors are to be expected: faults are on their way, or have struck since [`Self::repair`].
    pub const fn is_suspect(&self) -> bool {
        self.is_suspect
    }

    /// Whether what is read may fail now.
    pub const fn is_doubtful(&self) -> bool {
        self.is_suspect || self.grace > 0
    }

    /// Whether a failure is in order now. After a repair each connection may fail once more.
    pub fn excuses(&mut self) -> bool {
        let is_excused = self.is_suspect || self.grace > 0;
        if !self.is_suspect {
            self.grace = self.grace.saturating_sub(1);
        }
        is_excused
    }

    /// The program was started: its connections are new.
    pub fn forget_grace(&mut self) {
        self.grace = 0;
    }

    /// The power will go at a write or sync from now.
    pub fn arm(&self, after_writes: u32) {
        self.disk.stop_at(Stop { kinds: Kinds::CUTS, number: u64::from(after_writes) + 1 });
    }

    /// The power goes, or is gone; `seed` decides what of the unsynced is found afterwards. Returns how many
    /// changes were pending.
    pub fn cut(&self, seed: u64) -> usize {
        let pending = self.disk.snapshot().pending();
        self.disk.crash(&Damage::of_seed(seed, pending));
        pending
    }

    /// Some operations will fail.
    pub fn fail(&mut self, after: u32, count: u32) {
        let lasts = Lasts::Times(u64::from(count));
        let fault = Fault::new(Failure::Io, u64::from(after) + 1, lasts);
        // A lock that fails is another machine's trouble: nobody else has this file.
        self.disk.inject(fault.on(Kinds::of(&[
            fault::Kind::Read,
            fault::Kind::Write,
            fault::Kind::Sync,
            fault::Kind::Truncate,
        ])));
        self.is_suspect = true;
    }

    /// The disk is full.
    pub fn fill(&mut self) {
        self.disk.inject(Fault::new(Failure::Full, 1, Lasts::UntilHealed));
        self.gauge.0.store(true, Ordering::Relaxed);
        self.is_suspect = true;
    }

    /// All faults end. Returns how many operations they hit.
    pub fn repair(&mut self) -> u64 {
        self.gauge.0.store(false, Ordering::Relaxed);
        self.is_suspect = false;
        let hits = self.disk.heal();
        if hits > 0 {
            self.grace = CONNECTIONS;
        }
        hits
    }

    /// From now on the disk lies about syncs.
    pub fn lie(&self) {
        self.disk.lie_about_syncs();
    }

    /// What is durable now; nobody has it open.
    pub fn image(&self) -> DiskImage {
        let image = self.disk.snapshot().crash(&Damage::None);
        let prefix = self.directory.to_string_lossy().into_owned();
        let file = |name: &str| {
            let content = image.file(name).cloned().unwrap_or_default();
            (name.trim_start_matches(&prefix).to_owned(), content)
        };
        DiskImage(image.names().map(file).collect())
    }

    /// Puts this in the place of everything.
    pub fn load(&self, image: &DiskImage) {
        let mut placed = Image::default();
        for (name, content) in &image.0 {
            placed.insert(format!("{}{name}", self.directory.to_string_lossy()), content.clone());
        }
        self.disk.load(&placed);
    }
}
