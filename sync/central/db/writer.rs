//! The writer: the only place of this process that writes. A thread, or the caller's own when there is one connection.
//!
//! ```text
//! job, job, job --channel--> BEGIN IMMEDIATE; (SAVEPOINT; job; RELEASE | ROLLBACK TO)*; COMMIT --> answers
//! ```

use super::{Single, lock};
use crate::error::CentralError;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::sync::{oneshot, watch};

/// Jobs that may wait; beyond it callers wait to hand theirs over.
const WAITING_MAX: usize = 256;
/// Jobs of one transaction.
const GROUP_MAX: usize = 64;

type Shared = Arc<rusqlite::Error>;
/// Delivers a job's answer once the commit is known.
type Deliver = Box<dyn FnOnce(Result<(), Shared>) + Send>;
type Job = Box<dyn FnOnce(Result<&Connection, Shared>) -> Option<Deliver> + Send>;

/// Handle of the writer; dropping it ends the thread after the jobs that wait.
pub struct Writer {
    way: Way,
    commits: watch::Sender<u64>,
    /// SQLite said of something that it is damaged.
    has_met_damage: AtomicBool,
    /// The disk refused something, and nobody has seen since that it takes again.
    was_refused: AtomicBool,
}

enum Way {
    Thread { jobs: Option<SyncSender<Job>>, thread: Option<std::thread::JoinHandle<()>> },
    Single(Single),
}

impl Writer {
    /// Starts the thread on its connection.
    pub fn start(connection: Connection) -> Self {
        let (sender, receiver) = sync_channel::<Job>(WAITING_MAX);
        let (commits, _) = watch::channel(0);
        let told = commits.clone();
        let thread = std::thread::Builder::new()
            .name("central-writer".into())
            .spawn(move || work(&connection, &receiver, &told))
            .expect("a process can start one thread");
        let way = Way::Thread { jobs: Some(sender), thread: Some(thread) };
        Self::new(way, commits)
    }

    fn new(way: Way, commits: watch::Sender<u64>) -> Self {
        let (has_met_damage, was_refused) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { way, commits, has_met_damage, was_refused }
    }

    /// Writes in the caller's thread.
    pub(super) fn single(connection: Single) -> Self {
        Self::new(Way::Single(connection), watch::channel(0).0)
    }

    /// Changes with every commit of this process, and when [`Self::note_commit`] is told of another's.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// Another process committed: wakes who waits for changes.
    pub fn note_commit(&self) {
        self.commits.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn submit<T: Send + 'static>(
        jobs: Option<&SyncSender<Job>>,
        work: impl FnOnce(&Connection) -> Result<T, CentralError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, CentralError>>, CentralError> {
        let (answer, receiver) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let connection = match connection {
                Ok(connection) => connection,
                Err(error) => {
                    // Nobody may be waiting any more; that is not the writer's concern.
                    let _ = answer.send(Err(CentralError::Commit(error)));
                    return None;
                }
            };
            match in_savepoint(connection, work) {
                Ok(value) => Some(Box::new(move |committed| {
                    let _ = answer.send(committed.map(|()| value).map_err(CentralError::Commit));
                })),
                Err(error) => {
                    let _ = answer.send(Err(error));
                    None
                }
            }
        });
        let jobs = jobs.ok_or(CentralError::Stopped)?;
        jobs.send(job).map_err(|_| CentralError::Stopped)?;
        Ok(receiver)
    }

    /// Runs `work` in a savepoint of the next transaction; returns after the commit. Blocks.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, CentralError> + Send + 'static,
    ) -> Result<T, CentralError> {
        self.noting(match &self.way {
            Way::Thread { jobs, .. } => {
                let answer = Self::submit(jobs.as_ref(), work)?;
                answer.blocking_recv().map_err(|_| CentralError::Stopped)?
            }
            Way::Single(connection) => self.run_here(&lock(connection), work),
        })
    }

    /// Whether something that was read or written met a damaged page.
    pub(super) fn has_met_damage(&self) -> bool {
        self.has_met_damage.load(Ordering::Relaxed)
    }

    /// Whether the disk refused something that was read or written, since [`Self::forget_refusal`].
    pub(crate) fn was_refused(&self) -> bool {
        self.was_refused.load(Ordering::Relaxed)
    }

    /// Somebody has seen that the disk takes again.
    pub(crate) fn forget_refusal(&self) {
        self.was_refused.store(false, Ordering::Relaxed);
    }

    /// Remembers it if the disk refused, or if the file itself is damaged, and says the latter once.
    pub(super) fn noting<T>(&self, result: Result<T, CentralError>) -> Result<T, CentralError> {
        if result.as_ref().is_err_and(CentralError::is_refusal_of_disk) {
            self.was_refused.store(true, Ordering::Relaxed);
        }
        let is_damage = result.as_ref().is_err_and(CentralError::is_damaged_file);
        if is_damage && !self.has_met_damage.swap(true, Ordering::Relaxed) {
            tracing::error!("the database is damaged: run `crossroads-central check`");
        }
        result
    }

    fn run_here<T>(
        &self,
        connection: &Connection,
        work: impl FnOnce(&Connection) -> Result<T, CentralError>,
    ) -> Result<T, CentralError> {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let changes_before = connection.total_changes();
        let result = in_savepoint(connection, work);
        if let Err(error) = connection.execute_batch("COMMIT") {
            if !connection.is_autocommit() {
                // What is left of the transaction must not leak into the next one.
                let _ = connection.execute_batch("ROLLBACK");
            }
            return Err(CentralError::Commit(Arc::new(error)));
        }
        if connection.total_changes() != changes_before {
            self.note_commit();
        }
        result
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Way::Thread { jobs, thread } = &mut self.way else { return };
        *jobs = None;
        if let Some(thread) = thread.take() {
            // A panic of the thread was reported when it happened.
            let _ = thread.join();
        }
    }
}

/// Runs `work` between SAVEPOINT and RELEASE; an error or a panic rolls back to where it began. A panic must not end
/// the only thread that writes, and ends at the innermost savepoint, whose name is not unique.
pub fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, CentralError>,
) -> Result<T, CentralError> {
    connection.execute_batch("SAVEPOINT job")?;
    // What a panic can leave half changed is the transaction, and that is rolled back; the panic hook has told it.
    let result = catch_unwind(AssertUnwindSafe(|| work(connection)));
    let result = result.unwrap_or(Err(CentralError::Panicked));
    let end = if result.is_ok() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
    connection.execute_batch(end)?;
    result
}

fn work(connection: &Connection, jobs: &Receiver<Job>, told: &watch::Sender<u64>) {
    while let Ok(first) = jobs.recv() {
        if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
            first(Err(Arc::new(error)));
            continue;
        }
        let changes_before = connection.total_changes();
        let mut delivers: Vec<Deliver> = first(Ok(connection)).into_iter().collect();
        for _ in 1..GROUP_MAX {
            // SQLite rolls everything back by itself when the disk is full: then nobody may be told yes.
            if connection.is_autocommit() {
                break;
            }
            let Ok(job) = jobs.try_recv() else { break };
            delivers.extend(job(Ok(connection)));
        }
        let committed = connection.execute_batch("COMMIT").map_err(Arc::new);
        if committed.is_err() && !connection.is_autocommit() {
            // What is left of the transaction must not leak into the next one.
            let _ = connection.execute_batch("ROLLBACK");
        }
        // Who only asks whether the writer lives does not wake all long polls.
        if committed.is_ok() && connection.total_changes() != changes_before {
            told.send_modify(|count| *count = count.wrapping_add(1));
        }
        for deliver in delivers {
            deliver(committed.clone());
        }
    }
}
