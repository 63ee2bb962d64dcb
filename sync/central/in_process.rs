//! Central without a network: the port of the sync engine, answered in the caller's own thread.
//!
//! ```text
//! Template --clone of pages--> InProcess --answer()--> the judgement that the HTTP handlers ask too
//! ```
//! For simulations and tests: with the same rim and the same calls it gives the same answers, bit for bit. It has no
//! threads, every future is ready at once, and a long poll is answered with what there is. It must never judge by
//! rules of its own.

use crate::answer::{Asker, answer};
use crate::chunk::ChunkStore;
use crate::db::{self, Database, Single, lock};
use crate::error::CentralError;
use crate::rim::Rim;
use crate::seed::{self, Plan, Seeded};
use crate::task::Unwatched;
use crate::{Central, database_path, enrol};
use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use sync::call::{CallFuture, Fault, Reply, Request, Token};
use sync::protocol::CONTRACT;

/// The administrator's token of a central in memory: nobody but its owner can reach it.
const ADMIN_TOKEN: &str = "in-process";

/// How much a file is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Every commit waits for the disk.
    Full,
    /// Commits are atomic for this process, but a power cut may take anything.
    None,
}

/// A database and its chunks at one moment: a world to start from, or a backup.
pub struct Template {
    pages: Mutex<Connection>,
    chunks: BTreeMap<String, Vec<u8>>,
}

/// Copies all pages. Takes the time of a memory copy: a small world has some three hundred kilobytes.
fn copy(from: &Connection, to: &mut Connection) -> Result<(), CentralError> {
    to.flush_prepared_statement_cache();
    Backup::new(from, to)?.step(-1)?;
    Ok(())
}

fn in_memory() -> Result<Connection, CentralError> {
    let connection = Connection::open_in_memory()?;
    db::configure_any(&connection)?;
    Ok(connection)
}

impl Template {
    /// A chain that does not exist, with its snapshots built. Takes a while: PINs are hashed.
    pub fn seeded(plan: &Plan, rim: Arc<dyn Rim>) -> Result<Self, CentralError> {
        let world = InProcess::new(rim)?;
        match seed::run(&world.central, plan, &mut Unwatched)? {
            Seeded::Whole => world.backup(),
            Seeded::Stopped | Seeded::Occupied => Err(CentralError::Stopped),
        }
    }

    fn chunks(&self) -> ChunkStore {
        ChunkStore::Memory(Mutex::new(self.chunks.clone()))
    }
}

/// Central in this process. Clones are the same central.
#[derive(Clone)]
pub struct InProcess {
    central: Arc<Central>,
    connection: Option<Single>,
    address: String,
    from: IpAddr,
    contract: u32,
}

impl InProcess {
    /// An empty central in memory.
    pub fn new(rim: Arc<dyn Rim>) -> Result<Self, CentralError> {
        let mut connection = in_memory()?;
        db::migrate(&mut connection)?;
        Self::of(connection, PathBuf::new(), ChunkStore::in_memory(), rim)
    }

    /// A central in memory that begins as a copy. Well under a millisecond for a small world.
    pub fn from_template(template: &Template, rim: Arc<dyn Rim>) -> Result<Self, CentralError> {
        let mut connection = in_memory()?;
        copy(&lock(&template.pages), &mut connection)?;
        Self::of(connection, PathBuf::new(), template.chunks(), rim)
    }

    /// A central in a directory, on the machine's file system or on one that is registered with SQLite as `vfs`.
    /// Chunks stay in memory: they can be built again.
    pub fn in_directory(
        dir: &Path,
        vfs: Option<&str>,
        durability: Durability,
        rim: Arc<dyn Rim>,
    ) -> Result<Self, CentralError> {
        let path = database_path(dir);
        let flags = OpenFlags::default();
        let mut connection = match vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs)?,
            None => Connection::open_with_flags(path, flags)?,
        };
        // One connection: the index of the log can stay in its own memory, so that the file system needs none.
        connection.pragma_update(None, "locking_mode", "exclusive")?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        let synchronous = if durability == Durability::Full { "full" } else { "off" };
        connection.pragma_update(None, "synchronous", synchronous)?;
        db::configure_any(&connection)?;
        db::migrate(&mut connection)?;
        Self::of(connection, dir.into(), ChunkStore::in_memory(), rim)
    }

    fn of(
        connection: Connection,
        dir: PathBuf,
        chunks: ChunkStore,
        rim: Arc<dyn Rim>,
    ) -> Result<Self, CentralError> {
        let connection = Arc::new(Mutex::new(connection));
        let database = Database::single(Arc::clone(&connection));
        let central = Central::assemble(dir, database, chunks, rim, ADMIN_TOKEN)?;
        Ok(Self { connection: Some(connection), ..Self::on(central) })
    }

    /// The port on any central of this process.
    pub fn on(central: Arc<Central>) -> Self {
        Self {
            central,
            connection: None,
            address: "http://central.invalid".into(),
            from: IpAddr::V4(Ipv4Addr::LOCALHOST),
            contract: CONTRACT,
        }
    }

    /// The same central as seen from another address: guessing is slowed down by it.
    #[must_use]
    pub fn seen_from(&self, from: IpAddr) -> Self {
        Self { from, ..self.clone() }
    }

    /// The same central, asked by a client that speaks another version of the contract.
    #[must_use]
    pub fn speaking(&self, contract: u32) -> Self {
        Self { contract, ..self.clone() }
    }

    /// The central itself: its database, its rim, what people do to it.
    pub const fn central(&self) -> &Arc<Central> {
        &self.central
    }

    /// Answers a request now.
    ///
    /// # Errors
    /// The refusals of the protocol, as [`Fault::Problem`].
    pub fn ask(&self, token: Option<&Token>, request: &Request) -> Result<Reply, Fault> {
        let token = token.map(|token| token.0.as_str());
        let asker = Asker { address: self.from, contract: Some(self.contract), token };
        answer(&self.central, asker, request).map_err(|refused| Fault::Problem {
            problem: *refused.problem,
            retry_after_s: refused.retry_after_s,
        })
    }

    /// Gives out a one-time code for a terminal of a store; the next free name if none is given.
    pub fn enrol_code(
        &self,
        store_no: i64,
        terminal_name: Option<&str>,
        ttl_ms: i64,
    ) -> Result<String, CentralError> {
        let code = enrol::draw_code(self.central.rim())?;
        let (name, hash) = (terminal_name.map(str::to_owned), code.hash);
        let life = (self.central.rim().now_ms(), ttl_ms);
        let keep = move |c: &_| enrol::store_code(c, hash, store_no, name.as_deref(), life);
        self.central.database().writer().run(keep)?;
        Ok(code.code)
    }

    /// The process ends and starts again: nonces, tokens and failures are forgotten.
    pub fn restart(&self) {
        self.central.forget_sessions();
    }

    /// All that is held now. `None` of it is shared with this central afterwards.
    pub fn backup(&self) -> Result<Template, CentralError> {
        let mut pages = Connection::open_in_memory()?;
        match &self.connection {
            Some(connection) => copy(&lock(connection), &mut pages)?,
            None => self.central.database().read(|connection| copy(connection, &mut pages))?,
        }
        let chunks = match self.central.chunks() {
            ChunkStore::Memory(chunks) => lock(chunks).clone(),
            ChunkStore::Folder(_) => BTreeMap::new(),
        };
        Ok(Template { pages: Mutex::new(pages), chunks })
    }

    /// Puts a backup in place of what is held, and starts again. Nobody tells the restored central of it: call
    /// [`Central::restored`] to play the person who does. False for a central that this did not open.
    pub fn restore(&self, template: &Template) -> Result<bool, CentralError> {
        let Some(connection) = &self.connection else { return Ok(false) };
        copy(&lock(&template.pages), &mut lock(connection))?;
        if let ChunkStore::Memory(chunks) = self.central.chunks() {
            *lock(chunks) = template.chunks.clone();
        }
        self.restart();
        Ok(true)
    }
}

impl sync::call::Central for InProcess {
    fn address(&self) -> &str {
        &self.address
    }

    fn call<'a>(&'a self, token: Option<&'a Token>, request: &'a Request) -> CallFuture<'a> {
        Box::pin(std::future::ready(self.ask(token, request)))
    }
}
