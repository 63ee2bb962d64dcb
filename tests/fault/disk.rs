//! The disk as tests hold it: power, faults, snapshots, and the files on it without SQLite.

use crate::content::Content;
use crate::damage::Damage;
use crate::image::{Image, Snapshot};
use crate::refusal::{Armed, Failure, Fault, Kind, Kinds};
use crate::state::{Moment, Refusal, State, Stop};
use crate::vfs::Slot;
use crate::view::View;
use std::io;
use std::path::Path;
use std::sync::{Arc, MutexGuard};

/// A disk in memory, and a VFS of SQLite that stores on it. Clones are the same disk; names of files are absolute
/// paths, and no directory needs to be made.
///
/// ```
/// use fault::{Damage, Disk};
/// let disk = Disk::new();
/// let flags = rusqlite::OpenFlags::default();
/// let open = || rusqlite::Connection::open_with_flags_and_vfs("/a.db", flags, disk.vfs());
/// let database = open().unwrap();
/// database.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1);").unwrap();
/// disk.crash(&Damage::Everything); // what was committed is durable
/// assert!(database.execute_batch("INSERT INTO t VALUES (2)").is_err());
/// let sum: i64 = open().unwrap().query_row("SELECT sum(x) FROM t", [], |row| row.get(0)).unwrap();
/// assert_eq!(sum, 1);
/// ```
#[derive(Clone)]
pub struct Disk(Arc<Lease>);

/// A slot of the pool, given back by the last clone.
struct Lease(&'static Slot);

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Disk({})", self.vfs())
    }
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Self {
        Self(Arc::new(Lease(Slot::take())))
    }

    /// The name under which SQLite knows it.
    pub fn vfs(&self) -> &str {
        self.0.0.name()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.state()
    }
}

/// Counting and recording.
impl Disk {
    /// How many operations there were since the disk was made, of all kinds.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// How many there were of these kinds.
    pub fn count(&self, kinds: Kinds) -> u64 {
        let state = self.state();
        KINDS.iter().filter(|kind| kinds.has(**kind)).map(|k| state.counts[*k as usize]).sum()
    }

    /// Keeps the disk as it is before each operation of these kinds, until [`Self::recording`].
    pub fn record(&self, kinds: Kinds) {
        self.state().recording = Some((kinds, Vec::new()));
    }

    /// Ends the recording and gives what was recorded.
    pub fn recording(&self) -> Vec<Moment> {
        self.state().recording.take().map(|(_, moments)| moments).unwrap_or_default()
    }

    /// The disk now. Taking it is no operation and works without power.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.state().platter)
    }

    /// What a reader of the database `name` sees, while somebody has it open: the same for the same content,
    /// whichever of it still lies in the log. Only while no transaction is being written.
    pub fn view(&self, name: &str) -> Option<View> {
        let mut guard = self.state();
        let state = &mut *guard;
        let file = state.platter.names.get(name)?;
        let database = state.platter.live(*file)?;
        let log = state.platter.names.get(&format!("{name}-wal"));
        let log = log.and_then(|file| state.platter.live(*file));
        let index = state.memory.get(file).and_then(|memory| memory.header());
        Some(state.views.of(database, log, index))
    }
}

/// Power.
impl Disk {
    /// From the next operation of `stop` on, everything fails until [`Self::crash`] or [`Self::load`].
    pub fn stop_at(&self, stop: Stop) {
        self.state().stop = Some((stop, 0));
    }

    /// Everything fails from now on.
    pub fn power_off(&self) {
        self.state().is_off = true;
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// The power goes (if it is not gone yet), the damage is done, and the power comes back. Files that were open
    /// stay useless; faults stay as they are, a stop is over.
    pub fn crash(&self, damage: &Damage) {
        let mut state = self.state();
        let image = crate::damage::crash(&state.platter, damage);
        state.replace(image.platter());
    }

    /// Puts this in the place of everything on the disk, as after a crash.
    pub fn load(&self, image: &Image) {
        self.state().replace(image.platter());
    }

    /// Goes back to a moment, with what was pending then: a clone of a machine, or a backup of one.
    pub fn restore(&self, snapshot: &Snapshot) {
        self.state().replace(snapshot.platter().clone());
    }
}

/// Faults.
impl Disk {
    /// Adds a fault; several may be on their way.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push(Armed { fault, met: 0, hit: 0 });
    }

    /// How many operations faults have hit since the last [`Self::heal`].
    pub fn hits(&self) -> u64 {
        self.state().faults.iter().map(|armed| armed.hit).sum()
    }

    /// Ends all faults and the lying; returns how many operations they had hit.
    pub fn heal(&self) -> u64 {
        let mut state = self.state();
        state.is_lying = false;
        state.faults.drain(..).map(|armed| armed.hit).sum()
    }

    /// From now on a sync says that it has synced and does nothing, as some cards do, until [`Self::heal`].
    pub fn lie_about_syncs(&self) {
        self.state().is_lying = true;
    }
}

/// Files without SQLite: what the program itself does to them. These are operations too, counted and refused.
impl Disk {
    /// Bytes in a file; `None` if there is none of this name.
    pub fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        let (mut state, name) = (self.state(), name_of(path));
        state.admit(Kind::Size, &name).map_err(|refusal| io_error(refusal, Kind::Size))?;
        let file = state.platter.names.get(&name);
        Ok(file.and_then(|file| state.platter.live(*file)).map(|content| content.len() as u64))
    }

    /// Makes an empty file where there is none.
    pub fn create(&self, path: &Path) -> io::Result<()> {
        let created = self.state().create(&name_of(path));
        created.map_err(|refusal| io_error(refusal, Kind::Create))
    }

    /// Gives a file another name.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let renamed = self.state().rename(&name_of(from), &name_of(to));
        renamed.map_err(|refusal| io_error(refusal, Kind::Rename))
    }

    /// Removes a file.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = self.state().delete(&name_of(path), false);
        removed.map_err(|refusal| io_error(refusal, Kind::Delete))
    }

    /// Makes the content of a file, its name and the names beside it durable.
    pub fn flush(&self, path: &Path) -> io::Result<()> {
        let flushed = self.state().flush(&name_of(path));
        flushed.map_err(|refusal| io_error(refusal, Kind::Sync))
    }

    /// Reads all of a file, if there is one: an operation, but nobody gets the bytes.
    pub fn read_through(&self, path: &Path) -> io::Result<()> {
        let admitted = self.state().admit(Kind::Read, &name_of(path));
        admitted.map_err(|refusal| io_error(refusal, Kind::Read))
    }

    /// Writes the bytes of a file over themselves and makes them durable.
    pub fn rewrite(&self, path: &Path) -> io::Result<()> {
        let rewritten = self.state().rewrite(&name_of(path));
        rewritten.map_err(|refusal| io_error(refusal, Kind::Write))
    }

    /// The bytes of a file, for tests: no operation.
    pub fn read(&self, path: &Path) -> Option<Content> {
        let state = self.state();
        let file = state.platter.names.get(&name_of(path))?;
        state.platter.live(*file).cloned()
    }

    /// Changes the bytes of a file behind everybody's back, durably, for tests: no operation. Makes it if it is
    /// not there.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Content)) {
        let (mut state, name) = (self.state(), name_of(path));
        let platter = &mut state.platter;
        let file = match platter.names.get(&name) {
            Some(file) => *file,
            None => platter.create(&name),
        };
        platter.sync_file(file);
        platter.sync_directory(crate::state::directory_of(&name));
        if let Some(file) = platter.files.get_mut(&file) {
            let file = Arc::make_mut(file);
            change(&mut file.live);
            file.durable = file.live.clone();
        }
    }

    /// All names, sorted: no operation.
    pub fn names(&self) -> Vec<String> {
        self.state().platter.names.keys().cloned().collect()
    }
}

const KINDS: [Kind; 13] = [
    Kind::Open,
    Kind::Create,
    Kind::Read,
    Kind::Write,
    Kind::Truncate,
    Kind::Sync,
    Kind::Size,
    Kind::Delete,
    Kind::Rename,
    Kind::Access,
    Kind::Lock,
    Kind::ShmMap,
    Kind::ShmLock,
];

fn name_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn io_error(refusal: Refusal, kind: Kind) -> io::Error {
    let (error, text) = match refusal {
        Refusal::Off => (io::ErrorKind::Other, "the power is off"),
        Refusal::NotFound => (io::ErrorKind::NotFound, "there is no such file"),
        Refusal::Exists => (io::ErrorKind::AlreadyExists, "there is such a file"),
        Refusal::Fault(Failure::Full) => (io::ErrorKind::StorageFull, "no room is left"),
        Refusal::Fault(Failure::ReadOnly) => (io::ErrorKind::ReadOnlyFilesystem, "read-only"),
        Refusal::Fault(Failure::Busy) => (io::ErrorKind::ResourceBusy, "busy"),
        Refusal::Fault(Failure::Io | Failure::Short) => (io::ErrorKind::Other, "input/output"),
    };
    io::Error::new(error, format!("{text} ({kind:?})"))
}
