//! Recovery: what can be read of a damaged database goes into a new one, and the terminal goes on selling.
//!
//! ```text
//! crossroads.db ──damage──> crossroads.db.damaged-1        open.rs moves it aside and says so
//!                               │ read page by page (salvage), never written, never deleted
//!                               v
//!                 crossroads.db.recovering                 built aside: journal, lives, baskets, prices
//!                               │ flushed, then renamed: this is the moment at which it counts
//!                               v
//!                 crossroads.db                            a new life (terminal.renewed, reason "recovered")
//! ```
//! No database but one moved aside means that a recovery is due ([`pending`]), so one that was interrupted begins
//! again from the same file. Receipt numbers never repeat: they carry the epoch, and the epoch is new. Events that
//! central has by their numbers are known there by their hashes, those behind holes go as strays; none is sent as
//! another than it was.

mod build;
mod carry;
mod copy;
mod find;
pub(crate) mod fold;
mod layout;
mod source;

pub(crate) use copy::{keep_copies, keep_copy};

use crate::connection::{Purpose, connect};
use crate::disk::Reserve;
use crate::error::{OpenError, StoreError};
use crate::files::DatabaseFiles;
use crate::head;
use crate::key::{DatabaseKey, KeyStore};
use crate::life::Life;
use crate::open::{self, aside};
use crate::{Store, StoreOptions, config, schema};
use domain::time::DeviceTime;
use find::Findings;
use rusqlite::Connection;
use salvage::{Format, RawKey, Salt};
use serde::{Deserialize, Serialize};
use source::{Files, Source};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use sync::ports::DeviceKey;

/// Setting that keeps what the person is told, as JSON.
const SETTING: &str = "recovery";
/// The new database while it is written.
const DRAFT_SUFFIX: &str = ".recovering";
/// The salt of the database, beside it: with it, damage to the first bytes costs nothing.
const SALT_SUFFIX: &str = ".salt";
/// Numbers of databases moved aside that may be missing in a row.
const GAP_MAX: u32 = 16;
/// Damaged databases that are read, the newest first: an older one may still have what the newest has lost.
const SOURCES_MAX: usize = 3;

/// What became of a damaged database. Holds no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Where the damaged database is kept.
    pub file: PathBuf,
    /// When it was recovered, milliseconds since 1970 UTC by this device's clock.
    pub at_ms: i64,
    /// Orders found.
    pub orders: u64,
    /// Events found.
    pub events: u64,
    /// Events found that central has not acknowledged, strays included.
    pub waiting: u64,
    /// Events that central may lack and that could not be read.
    pub missing: u64,
    /// The log was damaged or cut: the last events may be missing too, and nobody can tell how many.
    #[serde(default)]
    pub has_open_end: bool,
    /// Articles that can be sold before central is reached.
    pub articles: u64,
    /// Customers known before central is reached.
    pub customers: u64,
    /// The device knows which terminal it is. If not it must be enrolled again, and the file handed over after that.
    pub is_enrolled: bool,
    /// The key of the last life is lost: central will not register the new one, and the device must be enrolled
    /// again. Sales go on meanwhile.
    pub needs_enrolment: bool,
    /// A person has read this.
    pub is_acknowledged: bool,
}

/// What a damaged database holds; nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Pages that the file ought to have.
    pub pages: u32,
    /// Those that are whole.
    pub whole_pages: u32,
    /// The salt was found: what is whole is proven to be.
    pub is_proven: bool,
    /// The lives found, oldest first.
    pub lives: Vec<InspectedLife>,
}

/// A life in a damaged database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectedLife {
    /// Name of the terminal; empty if only events are left.
    pub name: String,
    /// Which life.
    pub epoch: u32,
    /// Its key was found.
    pub has_key: bool,
    /// Number of the last event that anything speaks of.
    pub last_seq: u64,
    /// Number of the last event acknowledged.
    pub acked_seq: u64,
    /// Events found under their numbers.
    pub events: u64,
    /// Events found beside them.
    pub strays: u64,
    /// Numbers without an event, first and last of each run.
    pub missing: Vec<(u64, u64)>,
}

/// The file beside another, by what its name ends with.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The damaged databases that wait to be recovered, the newest first; empty if none does. Finishes a move aside that
/// was interrupted.
pub fn pending(options: &StoreOptions) -> Result<Vec<PathBuf>, OpenError> {
    let path = options.directory.join(open::DATABASE);
    let files = options.files.as_ref();
    finish_move(files, &path)?;
    due(files, &path)
}

/// The same, and changes nothing.
pub(crate) fn due(files: &dyn DatabaseFiles, path: &Path) -> Result<Vec<PathBuf>, OpenError> {
    if is_there(files, path)? {
        return Ok(Vec::new());
    }
    let numbers = set_aside(files, path).map_err(OpenError::io("examine", path))?;
    let newest = numbers.into_iter().rev().take(SOURCES_MAX);
    Ok(newest.map(|number| aside(path, number, "")).collect())
}

/// Moves a database after its log, where that went aside alone before the power did: a database without its log may
/// look sound and lack what was sold last. Tells where it is.
pub(crate) fn finish_move(
    files: &dyn DatabaseFiles,
    path: &Path,
) -> Result<Option<PathBuf>, OpenError> {
    let numbers = set_aside(files, path).map_err(OpenError::io("examine", path))?;
    let Some(newest) = numbers.last().map(|number| aside(path, *number, "")) else {
        return Ok(None);
    };
    // An empty file counts: its log may be all that there is.
    let exists = |path: &Path| files.len(path).map_err(OpenError::io("examine", path));
    if exists(&newest)?.is_some() || exists(path)?.is_none() {
        return Ok(None);
    }
    files.rename(path, &newest).map_err(OpenError::io("move aside", path))?;
    files.flush(&newest).map_err(OpenError::io("flush", &newest))?;
    Ok(Some(newest))
}

pub(crate) fn is_there(files: &dyn DatabaseFiles, path: &Path) -> Result<bool, OpenError> {
    let bytes = files.len(path).map_err(OpenError::io("examine", path))?;
    Ok(bytes.is_some_and(|bytes| bytes > 0))
}

/// The numbers of databases that were moved aside, rising: the last is the newest.
pub(crate) fn set_aside(files: &dyn DatabaseFiles, path: &Path) -> io::Result<Vec<u32>> {
    let (mut numbers, mut next) = (Vec::new(), 1);
    // Somebody may have taken some of them away.
    while next <= numbers.last().unwrap_or(&0) + GAP_MAX {
        let is_there = |suffix| files.len(&aside(path, next, suffix)).map(|bytes| bytes.is_some());
        if is_there("")? || is_there("-wal")? {
            numbers.push(next);
        }
        next += 1;
    }
    Ok(numbers)
}

/// Recovers what [`pending`] names into a new database and begins the next life with `device_key`, at `at`. Returns
/// what was found, or `None` if nothing is due. Writes nothing to the damaged files; a failure changes nothing, and
/// the next call begins again.
pub fn recover(
    options: &StoreOptions,
    keys: &dyn KeyStore,
    device_key: &DeviceKey,
    at: DeviceTime,
) -> Result<Option<Recovery>, OpenError> {
    if !options.directory.exists() {
        return Ok(None);
    }
    let _lock = open::take_lock(&options.directory)?;
    let damaged = pending(options)?;
    let path = options.directory.join(open::DATABASE);
    let existing = keys.existing_key().map_err(OpenError::Key)?;
    let (newest, key) = match (damaged.first().cloned(), existing) {
        (Some(newest), Some(key)) => (newest, key),
        (Some(_), None) => return Err(OpenError::KeyMissing),
        // Nothing is left to read, and yet a person must be told that there was something.
        (None, Some(key)) if is_gone(options.files.as_ref(), &path)? => (path.clone(), key),
        (None, _) => return Ok(None),
    };
    keep_salt_of(&newest, &path);
    let opened: Vec<Files> =
        damaged.iter().map(|path| Files::open(path)).collect::<Result<_, _>>()?;
    let sources: Vec<Source<'_>> = opened
        .iter()
        .zip(&damaged)
        .map(|(files, path)| Source::new(files, &key, salt_of(path)))
        .collect();
    let noted = head::noted(options.files.as_ref(), &path);
    let mut findings = find::find(&sources, noted);
    let write = |findings: &mut Findings| {
        write_draft(options, &key, &sources, findings, (device_key, at, &newest))
    };
    let recovery = match write(&mut findings) {
        Err(OpenError::DiskFull(_)) if Reserve::new(&options.directory).release() => {
            tracing::warn!("the disk is full; the reserve for sales was released");
            write(&mut find::find(&sources, noted))
        }
        other => other,
    }?;
    let draft = beside(&path, DRAFT_SUFFIX);
    options.files.rename(&draft, &path).map_err(OpenError::io("put in place", &draft))?;
    options.files.flush(&path).map_err(OpenError::io("flush", &path))?;
    head::forget(&path);
    tracing::error!(
        orders = recovery.orders,
        events = recovery.events,
        waiting = recovery.waiting,
        missing = recovery.missing,
        "a damaged database was recovered"
    );
    Ok(Some(recovery))
}

/// There was a database here that opened, and now there is neither it nor its log.
fn is_gone(files: &dyn DatabaseFiles, path: &Path) -> Result<bool, OpenError> {
    let is_known = files.vfs().is_none() && remembered_salt(path).is_some();
    Ok(is_known && !is_there(files, path)? && open::orphaned_log(files, path)?.is_none())
}

/// Writes the new database under the draft's name, whole and flushed.
fn write_draft(
    options: &StoreOptions,
    key: &DatabaseKey,
    sources: &[Source<'_>],
    findings: &mut Findings,
    (device_key, at, newest): (&DeviceKey, DeviceTime, &Path),
) -> Result<Recovery, OpenError> {
    let files = options.files.as_ref();
    let draft = beside(&options.directory.join(open::DATABASE), DRAFT_SUFFIX);
    for suffix in ["", "-wal", "-shm"] {
        match files.remove(&beside(&draft, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(OpenError::io("clear the way for", &draft)(error));
            }
            _ => {}
        }
    }
    let failed = |during| move |source| sqlite_failed(during, source);
    let mut db =
        connect(files, &draft, key, Purpose::Write).map_err(failed("making the new database"))?;
    schema::bring_up(&mut db, files, &draft, schema::SCHEMA, schema::MIGRATIONS, schema::VERSION)?;
    let built = build::build(&mut db, sources, findings, device_key, at).map_err(store_failed)?;
    let recovery = report(sources, findings, &built, (newest, at));
    save(&db, &recovery).map_err(store_failed)?;
    // The log is copied back and emptied: the file alone is the database when it gets its name.
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .map_err(failed("flushing the new database"))?;
    db.close().map_err(|(_, source)| sqlite_failed("closing the new database", source))?;
    files.flush(&draft).map_err(OpenError::io("flush", &draft))?;
    Ok(recovery)
}

fn report(
    sources: &[Source<'_>],
    findings: &Findings,
    built: &build::Built,
    (newest, at): (&Path, DeviceTime),
) -> Recovery {
    let lives = &findings.lives;
    let behind =
        |acked: u64, (first, last): (u64, u64)| (last + 1).saturating_sub(first.max(acked + 1));
    // Of a life of which nothing is left but its name nobody knows what central has.
    let is_known = |found: &&find::FoundLife| found.has_key || !found.events.is_empty();
    let missing = lives.iter().filter(is_known).flat_map(|found| {
        let acked = found.life.acked_seq;
        found.missing().into_iter().map(move |run| behind(acked, run))
    });
    Recovery {
        file: newest.to_owned(),
        at_ms: at.0,
        orders: built.orders,
        events: lives.iter().map(|found| (found.events.len() + found.strays.len()) as u64).sum(),
        waiting: lives.iter().map(|found| found.unsent() + found.strays.len() as u64).sum(),
        missing: missing.sum(),
        has_open_end: sources.first().is_some_and(Source::has_open_end)
            || lives.last().is_none_or(|found| !found.is_newest),
        articles: built.articles,
        customers: built.customers,
        is_enrolled: lives.iter().any(|found| found.has_key),
        needs_enrolment: lives.iter().any(|found| found.has_key)
            && lives.last().is_some_and(|found| !found.has_key),
        is_acknowledged: false,
    }
}

/// Reads a damaged database, or one in good order that nobody uses, and tells what it holds.
pub fn inspect(path: &Path, keys: &dyn KeyStore) -> Result<Inspection, OpenError> {
    let key = keys.existing_key().map_err(OpenError::Key)?.ok_or(OpenError::KeyMissing)?;
    let files = Files::open(path)?;
    let sources = [Source::new(&files, &key, salt_of(path))];
    let found = sources[0].found();
    let lives = find::find(&sources, None).lives.into_iter().map(|found| InspectedLife {
        missing: found.missing(),
        name: found.life.identity.name,
        epoch: found.life.identity.epoch,
        has_key: found.has_key,
        last_seq: found.life.last_seq,
        acked_seq: found.life.acked_seq,
        events: found.events.len() as u64,
        strays: found.strays.len() as u64,
    });
    Ok(Inspection {
        pages: found.pages,
        whole_pages: found.whole,
        is_proven: found.is_proven,
        lives: lives.collect(),
    })
}

/// The name that a database had before it was moved aside.
fn original(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    let end = text.find(".damaged-").unwrap_or(text.len());
    PathBuf::from(&text[..end])
}

/// The first 16 bytes of the database, as they were when it was last opened.
fn remembered_salt(path: &Path) -> Option<Salt> {
    std::fs::read(beside(path, SALT_SUFFIX)).ok()?.try_into().ok()
}

/// The same of a database that may have been moved aside.
fn salt_of(path: &Path) -> Option<Salt> {
    remembered_salt(path).or_else(|| remembered_salt(&original(path)))
}

/// Lays the salt beside a database that was moved aside: the one that takes its place has another.
fn keep_salt_of(aside: &Path, path: &Path) {
    if let (None, Some(salt)) = (remembered_salt(aside), remembered_salt(path))
        && let Err(error) = std::fs::write(beside(aside, SALT_SUFFIX), salt)
    {
        tracing::warn!(%error, "the salt of the damaged database could not be kept");
    }
}

fn read_salt(path: &Path) -> io::Result<Salt> {
    let mut salt: Salt = [0; 16];
    std::fs::File::open(path)?.read_exact(&mut salt)?;
    Ok(salt)
}

/// Keeps the salt of a database that opened, if it is another than is kept. It is no secret, and without it nothing
/// in a file can be proven; that it could not be kept is no reason not to sell.
pub(crate) fn remember_salt(files: &dyn DatabaseFiles, path: &Path) {
    // On another file system than the machine's own nobody could read it back.
    if files.vfs().is_some() {
        return;
    }
    let Ok(salt) = read_salt(path) else { return };
    if remembered_salt(path) != Some(salt)
        && let Err(error) = std::fs::write(beside(path, SALT_SUFFIX), salt)
    {
        tracing::warn!(%error, "the salt of the database could not be kept");
    }
}

/// What SQLite would write over without a word: commits behind a damaged part of the log. Asked before it opens the
/// database; `None` if there is nothing of the kind.
pub(crate) fn hidden_commits(
    files: &dyn DatabaseFiles,
    path: &Path,
    key: &DatabaseKey,
) -> Option<String> {
    if files.vfs().is_some() {
        return None;
    }
    let database = std::fs::File::open(path).ok()?;
    let log = std::fs::File::open(beside(path, "-wal")).ok()?;
    let key = RawKey::new(key.bytes());
    let examine =
        |salt: &Salt| salvage::wal::examine(&database, &log, &key, Some(salt), Format::KNOWN[0]);
    let health = examine(&read_salt(path).ok()?);
    if health.frames > 0 && health.damaged == health.frames {
        // With the salt that the file has now nothing is whole: is it with the one that it had?
        let remembered = remembered_salt(path).map(|salt| examine(&salt));
        if remembered.is_some_and(|then| then.damaged < then.frames) {
            return Some("its first bytes are not what they were".into());
        }
    }
    health.is_losing_commits.then(|| {
        let hidden = health.hidden_commits;
        format!("{hidden} commits stand behind a damaged part of the write-ahead log")
    })
}

fn save(db: &Connection, recovery: &Recovery) -> Result<(), StoreError> {
    let json = serde_json::to_string(recovery).expect("plain fields always serialise");
    db.execute(
        "INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
        [SETTING, &json],
    )?;
    Ok(())
}

fn store_failed(error: StoreError) -> OpenError {
    match error {
        StoreError::DiskFull(source) => OpenError::DiskFull(Box::new(source)),
        StoreError::Sqlite(source) | StoreError::Busy(source) => {
            OpenError::Sqlite { during: "recovering the damaged one", source }
        }
        other => OpenError::Unrecovered(Box::new(other)),
    }
}

fn sqlite_failed(during: &'static str, source: rusqlite::Error) -> OpenError {
    match StoreError::from(source) {
        StoreError::Sqlite(source) | StoreError::Busy(source) => {
            OpenError::Sqlite { during, source }
        }
        other => store_failed(other),
    }
}

/// What a recovery found.
impl Store {
    /// What became of a damaged database that this one was recovered from; `None` if it never was.
    pub fn recovery(&self) -> Result<Option<Recovery>, StoreError> {
        let (json, life) =
            self.read(|db| Ok((config::setting(db, SETTING)?, Life::current(db)?)))?;
        // Words for a person: if they cannot be read back, nothing else may suffer.
        let known = json.and_then(|json| serde_json::from_str::<Recovery>(&json).ok());
        // A life that was enrolled, not renewed, began after it.
        let is_renewed = life.is_some_and(|life| life.renewal.is_some());
        Ok(known.map(|known| Recovery {
            needs_enrolment: known.needs_enrolment && is_renewed,
            ..known
        }))
    }

    /// A person has read what became of the damaged database.
    pub fn acknowledge_recovery(&self) -> Result<(), StoreError> {
        self.write_for_sale("acknowledge_recovery", |session| {
            let json = config::setting(&session.connection, SETTING)?;
            let known = json.and_then(|json| serde_json::from_str::<Recovery>(&json).ok());
            match known {
                Some(known) => {
                    save(&session.connection, &Recovery { is_acknowledged: true, ..known })
                }
                None => Ok(()),
            }
        })
    }

    /// Hands over the events of a database that was kept aside, as strays, if they are not here already. For a
    /// device that was enrolled again after its identity was lost. Returns how many are new.
    pub fn hand_over(&self, path: &Path, keys: &dyn KeyStore) -> Result<u64, OpenError> {
        let key = keys.existing_key().map_err(OpenError::Key)?.ok_or(OpenError::KeyMissing)?;
        let (file, salt) = (path.to_owned(), salt_of(path));
        self.write("hand_over", move |session| -> Result<u64, StoreError> {
            let files = Files::open(&file).map_err(|error| StoreError::Damaged(Box::new(error)))?;
            let (tx, _) = session.begin()?;
            let count = build::hand_over(&tx, &[Source::new(&files, &key, salt)])?;
            tx.commit()?;
            Ok(count)
        })
        .map_err(store_failed)
    }
}
