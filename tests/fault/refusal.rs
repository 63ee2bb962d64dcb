//! Operations by kind, and refusing them: input/output errors, a full disk, locks that are taken, a disk that was
//! set read-only, reads that end too early.
//!
//! ```text
//!  failure    refuses                            as SQLite sees it (what its own file system makes of errno)
//!  Io         all but locks let go and closing   IOERR_READ, IOERR_WRITE, IOERR_FSYNC, CANTOPEN, ... (EIO)
//!  Full       writing, creating, syncing         FULL after half the bytes, CANTOPEN, IOERR_FSYNC (ENOSPC)
//!  Busy       taking locks                       BUSY
//!  ReadOnly   writing, creating, removing        IOERR_WRITE, CANTOPEN; existing files open for reading (EROFS)
//!  Short      reading                            IOERR_SHORT_READ, the rest zeros
//! ```

/// What is done to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A file that exists is opened.
    Open,
    /// A file is created.
    Create,
    /// Bytes are read.
    Read,
    /// Bytes are written.
    Write,
    /// A file is cut.
    Truncate,
    /// A file is synced, maybe with its directory.
    Sync,
    /// The size of a file is asked.
    Size,
    /// A name is removed.
    Delete,
    /// A name is changed.
    Rename,
    /// It is asked whether a name exists.
    Access,
    /// A lock of the database file is taken.
    Lock,
    /// Shared memory of the write-ahead log is mapped, maybe made longer.
    ShmMap,
    /// A lock in the shared memory is taken.
    ShmLock,
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kinds(u16);

impl Kinds {
    /// Every kind.
    pub const ANY: Self = Self(u16::MAX);
    /// What changes the disk, apart from syncing.
    pub const WRITES: Self =
        Self::of(&[Kind::Create, Kind::Write, Kind::Truncate, Kind::Delete, Kind::Rename]);
    /// Syncing.
    pub const SYNCS: Self = Self::of(&[Kind::Sync]);
    /// Moments between which the content of the disk changes: those where a power cut makes a difference.
    pub const CUTS: Self = Self(Self::WRITES.0 | Self::SYNCS.0);
    /// What reads.
    pub const READS: Self = Self::of(&[Kind::Open, Kind::Read, Kind::Size, Kind::Access]);
    /// What takes locks.
    pub const LOCKS: Self = Self::of(&[Kind::Lock, Kind::ShmLock]);

    /// These kinds.
    pub const fn of(kinds: &[Kind]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < kinds.len() {
            set |= 1 << kinds[at] as u16;
            at += 1;
        }
        Self(set)
    }

    /// Whether a kind is among them.
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The device does not answer (`EIO`). A sync that fails so forgets what it should have made durable: the next
    /// sync does not try again, as Linux does it.
    Io,
    /// No room is left (`ENOSPC`).
    Full,
    /// Somebody else holds the lock.
    Busy,
    /// The file system was set read-only after an error (`EROFS`).
    ReadOnly,
    /// The read ends in the middle.
    Short,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Io, Self::Full, Self::Busy, Self::ReadOnly, Self::Short];

    /// The kinds of operations that can fail so.
    pub const fn kinds(self) -> Kinds {
        match self {
            Self::Io => Kinds::ANY,
            Self::Full => Kinds::of(&[Kind::Create, Kind::Write, Kind::Sync, Kind::ShmMap]),
            Self::Busy => Kinds::LOCKS,
            Self::ReadOnly => {
                Kinds::of(&[Kind::Open, Kind::Create, Kind::Write, Kind::Truncate, Kind::Delete])
            }
            Self::Short => Kinds::of(&[Kind::Read]),
        }
    }
}

/// How long a fault stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lasts {
    /// It hits one operation.
    Once,
    /// It hits so many operations in a row.
    Times(u64),
    /// Until [`crate::Disk::heal`].
    UntilHealed,
}

/// Operations that will be refused.
#[derive(Clone, Debug)]
pub struct Fault {
    /// How they fail.
    pub failure: Failure,
    /// Which kinds may be hit; those that cannot fail so are left out and not counted.
    pub kinds: Kinds,
    /// Only files whose name ends so, if given (`"-wal"`).
    pub name_ends: Option<String>,
    /// The first that is hit, counted from 1 over those that can be.
    pub first: u64,
    /// How many are hit.
    pub lasts: Lasts,
}

impl Fault {
    /// The `first`-th operation that can fail so fails, of any kind on any file.
    pub fn new(failure: Failure, first: u64, lasts: Lasts) -> Self {
        Self { failure, kinds: Kinds::ANY, name_ends: None, first, lasts }
    }

    /// Hits only these kinds.
    pub fn on(mut self, kinds: Kinds) -> Self {
        self.kinds = kinds;
        self
    }

    /// Hits only files whose name ends so.
    pub fn of_files_ending(mut self, ending: &str) -> Self {
        self.name_ends = Some(ending.to_owned());
        self
    }

    pub(crate) fn meets(&self, kind: Kind, name: &str) -> bool {
        self.kinds.has(kind)
            && self.failure.kinds().has(kind)
            && self.name_ends.as_deref().is_none_or(|ending| name.ends_with(ending))
    }
}

/// A fault on its way.
#[derive(Clone, Debug)]
pub(crate) struct Armed {
    pub fault: Fault,
    pub met: u64,
    pub hit: u64,
}

impl Armed {
    /// Counts an operation; tells whether it is hit.
    pub fn strikes(&mut self, kind: Kind, name: &str) -> bool {
        if !self.fault.meets(kind, name) {
            return false;
        }
        self.met += 1;
        let last = match self.fault.lasts {
            Lasts::Once => self.fault.first,
            Lasts::Times(0) => return false,
            Lasts::Times(times) => self.fault.first.saturating_add(times - 1),
            Lasts::UntilHealed => u64::MAX,
        };
        let is_hit = (self.fault.first..=last).contains(&self.met);
        self.hit += u64::from(is_hit);
        is_hit
    }
}
