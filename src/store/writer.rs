//! The writer: one thread owns the one connection that writes, and takes jobs from a bounded queue.
//!
//! Nobody waits for a lock, because there is nobody to wait for; a sale waits for at most one job before it. A job
//! that fails or panics is rolled back and the thread goes on. Checkpoints run after the answer was given, so that
//! their flush is not part of a sale.

use crate::error::StoreError;
use domain::id::IdSource;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Jobs that may wait; more would only hide that the disk is too slow.
const QUEUE_MAX: usize = 64;
/// Pages in the write-ahead log (4 MiB) after which it is copied back.
const CHECKPOINT_PAGES: u32 = 1_000;

/// What a job works with.
pub(crate) struct Session {
    pub connection: Connection,
    pub ids: Box<dyn IdSource + Send>,
    waiting: Arc<AtomicUsize>,
}

impl Session {
    /// Begins a transaction that takes the write lock at once, with the source of identities beside it.
    pub fn begin(&mut self) -> Result<(Transaction<'_>, &mut dyn IdSource), StoreError> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok((tx, self.ids.as_mut()))
    }

    /// Counts the jobs that wait: long jobs commit what they have and queue again when somebody is waiting.
    pub fn queue(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.waiting)
    }
}

enum Message {
    Run { name: &'static str, job: Box<dyn FnOnce(&mut Session) + Send> },
    Stop,
}

/// The handle of the thread.
pub(crate) struct Writer {
    queue: SyncSender<Message>,
    waiting: Arc<AtomicUsize>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(
        connection: Connection,
        ids: Box<dyn IdSource + Send>,
    ) -> Result<Self, std::io::Error> {
        let (queue, jobs) = sync_channel(QUEUE_MAX);
        let waiting = Arc::new(AtomicUsize::new(0));
        let session = Session { connection, ids, waiting: Arc::clone(&waiting) };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(session, &jobs))?;
        Ok(Self { queue, waiting, thread: Mutex::new(Some(thread)) })
    }

    /// Runs a job on the thread and waits for its answer.
    pub fn call<T, E>(
        &self,
        name: &'static str,
        job: impl FnOnce(&mut Session) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = sync_channel(1);
        let job = Box::new(move |session: &mut Session| {
            // The caller may have gone; the work is done all the same.
            let _ = answer.send(job(session));
        });
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = self.queue.send(Message::Run { name, job });
        if sent.is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(E::from(StoreError::Closed));
        }
        answered.recv().unwrap_or_else(|_| Err(E::from(StoreError::Closed)))
    }

    /// Lets the thread finish what is queued, copy the log back and close the connection.
    pub fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = self.queue.send(Message::Stop);
            let _ = thread.join();
        }
    }
}

fn run(mut session: Session, jobs: &Receiver<Message>) {
    let pages = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&pages);
    let hook = move |_: &mut Wal, in_log: i32| {
        counter.store(u32::try_from(in_log).unwrap_or(u32::MAX), Ordering::Relaxed);
        Ok(())
    };
    if let Err(error) = session.connection.wal_hook(Some(hook)) {
        tracing::error!(%error, "checkpoints fall back to SQLite's own");
    }
    while let Ok(Message::Run { name, job }) = jobs.recv() {
        session.waiting.fetch_sub(1, Ordering::Relaxed);
        // The job's transaction is rolled back while the panic passes through it, so the session is sound.
        if std::panic::catch_unwind(AssertUnwindSafe(|| job(&mut session))).is_err() {
            tracing::error!(job = name, "a job of the store panicked and was rolled back");
        }
        if pages.load(Ordering::Relaxed) >= CHECKPOINT_PAGES {
            pages.store(0, Ordering::Relaxed);
            checkpoint(&session.connection, "PASSIVE");
        }
    }
    checkpoint(&session.connection, "TRUNCATE");
}

fn checkpoint(connection: &Connection, mode: &str) {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    // Failing is harmless: the log stays as it is and the next checkpoint tries again.
    if let Err(error) = connection.query_row(&sql, [], |_| Ok(())) {
        tracing::warn!(%error, "a checkpoint did not finish");
    }
}
