//! Central: the commerce API that all channels share, with an embedded SQLite database.
//!
//! ```text
//! answer/    every request of the protocol       in_process  the same without a network, for simulations
//! http/      paths, bodies, OpenAPI, waiting     cli/     commands
//! push       checks numbers and hashes           judge    holds events, then judges them
//! apply      what a fact means                   clock    when it counts as having happened
//! stray      what no number can book             quarantine  what people do about held events
//! held       the list of them                    bulk     one decision for many
//! life       keys and standing of terminals      compact  when deletions can be forgotten
//! feed       what terminals read                snapshot the same, as files
//! enrol      codes and terminals                session  nonces, tokens, the brake on guessing
//! seed/      a chain that does not exist        import   catalogues and customers of one that does
//! db/        one writer, many readers           report   counts and totals
//! check      whether all of it is well              pulse   whether it can write
//! ```
//! An acknowledged event is on disk (invariant 1) and stays there; nothing a terminal sends is ever rewritten.
//! [`Central`] is the whole of it without the network, [`http::serve`] puts it on a socket.

pub mod answer;
mod apply;
pub mod bulk;
pub mod check;
pub mod chunk;
mod clock;
pub mod compact;
mod customer;
pub mod db;
pub mod enrol;
mod error;
pub mod feed;
mod folder;
pub mod held;
pub mod http;
pub mod import;
pub mod in_process;
mod judge;
pub mod life;
pub mod price;
mod pulse;
pub mod push;
pub mod quarantine;
mod refused;
pub mod report;
mod rim;
pub mod seed;
mod session;
pub mod setting;
pub mod snapshot;
pub mod stray;
pub mod task;

use chunk::ChunkStore;
use compact::Passed;
use db::{Database, Purpose};
pub use error::CentralError;
pub use folder::{admin_token_path, database_path};
pub use http::{Fault, ServeOptions, serve};
use pulse::Pulse;
pub use refused::Refused;
pub use rim::{Rim, SystemRim, id_at};
use session::Sessions;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use sync::protocol::feed::Feed;
use sync::protocol::snapshot::FeedSnapshot;

/// Central on a data directory, or in memory. Several processes may open the same directory.
pub struct Central {
    dir: PathBuf,
    database: Database,
    chunks: ChunkStore,
    rim: Arc<dyn Rim>,
    sessions: Sessions,
    passed: Passed,
    pulse: Pulse,
    admin_hash: [u8; 32],
    /// One build at a time: the second terminal that asks gets the first one's snapshot.
    building: Mutex<()>,
    /// The feed epoch was renewed since this process opened the database: what was restored before is dealt with.
    has_renewed: AtomicBool,
    /// The oldest version of the contract that may read feeds.
    oldest: AtomicU32,
    /// It is shutting down: who waits or builds ends soon.
    closing: AtomicBool,
}

/// The oldest version of the contract that may read feeds. Pushing is accepted from any version for ever.
const OLDEST_CONTRACT: u32 = 1;

/// Key in `meta` of the software that last judged what was unknown.
const JUDGED_BY_KEY: &str = "judged_by";
/// Key in `meta` of the time of the last compaction.
const COMPACTED_KEY: &str = "compacted_ms";
const DAY_MS: i64 = 86_400_000;

/// How often a manifest is tried when its snapshot is dropped while it is being written.
const MANIFEST_TRIES_MAX: u32 = 3;

/// What a restore needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// The new feed epoch: all older cursors are refused.
    pub epoch: String,
    /// Snapshots that were dropped.
    pub snapshots: usize,
}

fn fresh_epoch(rim: &dyn Rim) -> Result<String, CentralError> {
    let mut epoch = [0; 8];
    rim.fill_random(&mut epoch)?;
    Ok(epoch.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Central {
    /// Opens or creates the data directory with the machine's clock and random source: for who makes a chain.
    pub fn open(dir: &Path) -> Result<Arc<Self>, CentralError> {
        Self::open_with(dir, Arc::new(SystemRim::new()))
    }

    /// Opens a data directory that holds a chain: a mistyped one must not become an empty chain, nor one whose
    /// database is gone.
    pub fn open_existing(dir: &Path) -> Result<Arc<Self>, CentralError> {
        Self::open_for(dir, Purpose::Use, Arc::new(SystemRim::new()))
    }

    /// Opens or creates the data directory.
    pub fn open_with(dir: &Path, rim: Arc<dyn Rim>) -> Result<Arc<Self>, CentralError> {
        folder::make(dir)?;
        Self::open_for(dir, Purpose::Create, rim)
    }

    fn open_for(
        dir: &Path,
        purpose: Purpose,
        rim: Arc<dyn Rim>,
    ) -> Result<Arc<Self>, CentralError> {
        let database = Database::open(&database_path(dir), purpose)?;
        let token = folder::admin_token(dir, rim.as_ref())?;
        Self::assemble(dir.into(), database, ChunkStore::in_folder(dir), rim, &token)
    }

    fn assemble(
        dir: PathBuf,
        database: Database,
        chunks: ChunkStore,
        rim: Arc<dyn Rim>,
        admin_token: &str,
    ) -> Result<Arc<Self>, CentralError> {
        let epoch = fresh_epoch(rim.as_ref())?;
        database.writer().run(move |connection| {
            let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING";
            connection.execute(sql, [feed::EPOCH_KEY, &epoch])?;
            Ok(())
        })?;
        Ok(Arc::new(Self {
            dir,
            database,
            chunks,
            rim,
            sessions: Sessions::default(),
            passed: Passed::default(),
            pulse: Pulse::default(),
            admin_hash: Sha256::digest(admin_token).into(),
            building: Mutex::new(()),
            has_renewed: AtomicBool::new(false),
            oldest: AtomicU32::new(OLDEST_CONTRACT),
            closing: AtomicBool::new(false),
        }))
    }

    /// The data directory; empty when there is none.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The database.
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// The chunks of snapshots.
    pub const fn chunks(&self) -> &ChunkStore {
        &self.chunks
    }

    /// The oldest version of the contract that may read feeds.
    pub fn oldest_contract(&self) -> u32 {
        self.oldest.load(Ordering::Relaxed)
    }

    /// Refuses feeds to terminals that speak an older version; for tests, and for the day when one is given up.
    pub fn set_oldest_contract(&self, oldest: u32) {
        self.oldest.store(oldest, Ordering::Relaxed);
    }

    /// Whether it is shutting down.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    pub(crate) fn set_closing(&self, is_closing: bool) {
        self.closing.store(is_closing, Ordering::Relaxed);
    }

    /// What a restart of the process forgets: nonces, tokens, failures.
    pub(crate) fn forget_sessions(&self) {
        self.sessions.clear();
        self.has_renewed.store(false, Ordering::SeqCst);
    }

    /// Clock and randomness.
    pub fn rim(&self) -> &dyn Rim {
        self.rim.as_ref()
    }

    pub(crate) const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    pub(crate) const fn passed(&self) -> &Passed {
        &self.passed
    }

    pub(crate) const fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Books how far terminals have read and when they were last heard of. Called now and then; losing it is harmless.
    pub fn book_passed(&self) -> Result<(), CentralError> {
        let passed = self.passed.take();
        if passed.is_empty() {
            return Ok(());
        }
        self.database.writer().run(move |c| compact::book(c, &passed))
    }

    /// After an upgrade, judges again what the version before did not know. Returns how many events are applied now.
    pub fn retry_after_upgrade(&self) -> Result<u64, CentralError> {
        let now = answer::software();
        if self.database.read(|c| db::meta(c, JUDGED_BY_KEY))?.as_deref() == Some(&now) {
            return Ok(0);
        }
        let mut applied = 0;
        for inbox_id in self.database.read(quarantine::of_unknown_type)? {
            let retry = move |c: &_| quarantine::retry(c, inbox_id);
            let released = self.database.writer().run(retry)?;
            applied += released.map_or(0, |released| released.applied);
        }
        self.database.writer().run(move |c| db::set_meta(c, JUDGED_BY_KEY, &now))?;
        Ok(applied)
    }

    /// Compacts if that was a day ago or more.
    pub(crate) fn compact_daily(&self) -> Result<(), CentralError> {
        let now_ms = self.rim.now_ms();
        let last = self.database.read(|c| db::meta(c, COMPACTED_KEY))?;
        let last_ms: i64 = last.and_then(|text| text.parse().ok()).unwrap_or(0);
        // A clock that was set back must not stop it for years.
        if (0..DAY_MS).contains(&now_ms.saturating_sub(last_ms)) {
            return Ok(());
        }
        let removed = self.compact()?;
        tracing::info!(removed, "compacted");
        let book = move |c: &_| db::set_meta(c, COMPACTED_KEY, &now_ms.to_string());
        self.database.writer().run(book)
    }

    /// The right to serve this data directory, for as long as the answer lives; `None` if another process has it.
    /// Commands do not need it.
    pub fn claim(&self) -> Result<Option<std::fs::File>, CentralError> {
        folder::claim(&self.dir)
    }

    /// Forgets deletions that everybody has passed and that are old enough. Returns how many.
    pub fn compact(&self) -> Result<u64, CentralError> {
        self.book_passed()?;
        let now_ms = self.rim.now_ms();
        self.database.writer().run(move |c| compact::compact(c, now_ms))
    }

    /// Whether a bearer token is the administrator's.
    pub(crate) fn is_admin(&self, token: &str) -> bool {
        let hash: [u8; 32] = Sha256::digest(token).into();
        // Comparing hashes tells a guesser nothing about the token.
        hash == self.admin_hash
    }

    /// The lock guards no data: a build that panicked leaves nothing half done in memory.
    fn one_at_a_time(&self) -> MutexGuard<'_, ()> {
        self.building.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A snapshot of a feed that is good to start from; builds one if there is none. Blocks, for seconds at a
    /// million rows. `None` if `progress` stopped it.
    pub fn snapshot(
        &self,
        feed: Feed,
        scope: i64,
        mut progress: impl FnMut(u64) -> bool,
    ) -> Result<Option<FeedSnapshot>, CentralError> {
        let _one_at_a_time = self.one_at_a_time();
        for _ in 0..MANIFEST_TRIES_MAX {
            let now_ms = self.rim.now_ms();
            let usable = |c: &_| snapshot::usable(c, &self.chunks, (feed, scope), now_ms);
            let built = match self.database.read(usable)? {
                Some(built) => built,
                None => match self.build(feed, scope, &mut progress)? {
                    Some(built) => built,
                    None => return Ok(None),
                },
            };
            let described = self.database.writer().run(move |c| {
                let is_kept = snapshot::keep(c, &built, now_ms)?;
                is_kept.then(|| snapshot::describe(c, feed, &built)).transpose()
            })?;
            if described.is_some() {
                return Ok(described);
            }
        }
        Err(CentralError::DamagedRow("snapshot"))
    }

    fn build(
        &self,
        feed: Feed,
        scope: i64,
        progress: impl FnMut(u64) -> bool,
    ) -> Result<Option<snapshot::Built>, CentralError> {
        let now_ms = self.rim.now_ms();
        let build = |c: &_| snapshot::build(c, &self.chunks, (feed, scope), progress);
        let chunks = self.database.read(build)?;
        let Some(chunks) = chunks else { return Ok(None) };
        let book = move |c: &_| snapshot::book(c, (feed, scope), &chunks, now_ms);
        let built = self.database.writer().run(book)?;
        // Each build leaves an older one behind; a server that runs for years must not fill the disk with them.
        if let Err(error) = self.sweep_alone() {
            tracing::warn!(error = &error as &dyn std::error::Error, "old chunks stay");
        }
        Ok(Some(built))
    }

    /// The bytes of a chunk. `None` if there is none, or if it is damaged: then the snapshots that name it are
    /// dropped, so that the next manifest is of files that can be served.
    pub fn chunk(&self, sha256: &str) -> Result<Option<Vec<u8>>, CentralError> {
        if let Some(bytes) = self.chunks.get(sha256)? {
            return Ok(Some(bytes));
        }
        if self.database.read(|c| snapshot::is_named(c, sha256))? {
            let name = sha256.to_owned();
            let dropped = self.database.writer().run(move |c| snapshot::drop_naming(c, &name))?;
            tracing::warn!(sha256, dropped, "a chunk is missing or damaged: building anew");
        }
        Ok(None)
    }

    /// Forgets expired snapshots and removes their files.
    pub fn sweep(&self) -> Result<u64, CentralError> {
        let _one_at_a_time = self.one_at_a_time();
        self.sweep_alone()
    }

    /// The caller holds the lock: no build of this process is under way.
    fn sweep_alone(&self) -> Result<u64, CentralError> {
        let now_ms = self.rim.now_ms();
        let promised = self.database.writer().run(move |c| snapshot::forget_expired(c, now_ms))?;
        self.chunks.sweep(&promised, now_ms)
    }

    /// The database was restored from a backup: positions are given out a second time, so every older cursor must
    /// be refused, and the snapshots' files may be of another time.
    pub fn restored(&self) -> Result<Renewed, CentralError> {
        let epoch = fresh_epoch(self.rim())?;
        // What was read under the old epoch says nothing about the new one.
        drop(self.passed.take());
        let renewed = self.database.writer().run(move |c| {
            c.execute("DELETE FROM feed_passed", [])?;
            db::set_meta(c, feed::EPOCH_KEY, &epoch)?;
            Ok(Renewed { epoch, snapshots: snapshot::drop_all(c)? })
        })?;
        self.has_renewed.store(true, Ordering::SeqCst);
        Ok(renewed)
    }

    /// A terminal knows what this database has not given out yet: it was restored and nobody said so. Once per
    /// process: a database is restored while central stands still, and a terminal that is merely wrong must not
    /// make all others start over again and again.
    pub(crate) fn seems_restored(&self, sign: &str) -> Result<(), CentralError> {
        if self.has_renewed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        match self.restored() {
            Ok(renewed) => {
                let epoch = renewed.epoch;
                tracing::warn!(sign, epoch, "restored from a backup, it seems: new feed epoch");
                Ok(())
            }
            Err(error) => {
                self.has_renewed.store(false, Ordering::SeqCst);
                Err(error)
            }
        }
    }
}
