//! The writer: one thread owns the one connection that writes, and takes jobs from a bounded queue.
//!
//! Nobody waits for a lock, because there is nobody to wait for; a sale waits for at most one job before it. A job
//! that fails or panics is rolled back and the thread goes on. Checkpoints run after the answer was given, so that
//! their flush is not part of a sale. A simulation has the jobs run in its own thread ([`Writing::Caller`]), where
//! what follows what does not depend on a scheduler (invariant 11).

use crate::Failure;
use crate::connection::{Door, Purpose};
use crate::error::StoreError;
use crate::head::Note;
use domain::id::IdSource;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Jobs that may wait; more would only hide that the disk is too slow.
const QUEUE_MAX: usize = 64;
/// Pages in the write-ahead log (4 MiB) after which it is copied back.
const CHECKPOINT_PAGES: u32 = 1_000;

/// Where the jobs that write run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Writing {
    /// In a thread of the store: what a program wants.
    #[default]
    Thread,
    /// In the thread that asks, checkpoints too: what a simulation wants, which must do the same again.
    Caller {
        /// Pages in the write-ahead log after which it is copied back.
        checkpoint_pages: u32,
    },
}

impl Writing {
    /// Connections that read: one for the screen, one for sync, one for tools; more would only use memory. A
    /// single thread needs one.
    pub(crate) const fn readers(self) -> usize {
        match self {
            Self::Thread => 3,
            Self::Caller { .. } => 1,
        }
    }
}

/// What a job works with.
pub(crate) struct Session {
    pub connection: Connection,
    /// The job before failed so that the connection may be of no use any more.
    is_spoilt: bool,
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

/// The handle of the writer.
pub(crate) struct Writer(Way);

enum Way {
    Thread {
        queue: SyncSender<Message>,
        waiting: Arc<AtomicUsize>,
        thread: Mutex<Option<JoinHandle<()>>>,
    },
    /// `None` when it was stopped.
    Caller(Box<Mutex<Option<Desk>>>),
}

impl Writer {
    /// Gets ready, and starts the thread if there is to be one.
    pub fn start(
        connection: Connection,
        door: Door,
        ids: Box<dyn IdSource + Send>,
        writing: Writing,
    ) -> Result<Self, std::io::Error> {
        let waiting = Arc::new(AtomicUsize::new(0));
        let session = Session { connection, is_spoilt: false, ids, waiting: Arc::clone(&waiting) };
        if let Writing::Caller { checkpoint_pages } = writing {
            let desk = Desk::new(session, door, checkpoint_pages);
            return Ok(Self(Way::Caller(Box::new(Mutex::new(Some(desk))))));
        }
        let (queue, jobs) = sync_channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(Desk::new(session, door, CHECKPOINT_PAGES), &jobs))?;
        Ok(Self(Way::Thread { queue, waiting, thread: Mutex::new(Some(thread)) }))
    }

    /// Runs a job and waits for its answer.
    pub fn call<T, E>(
        &self,
        name: &'static str,
        job: impl FnOnce(&mut Session) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Failure + Send + 'static,
    {
        let (answer, answered) = sync_channel(1);
        let job = Box::new(move |session: &mut Session| {
            let done = job(session);
            session.is_spoilt = done.as_ref().is_err_and(Failure::spoils_connection);
            // The caller may have gone; the work is done all the same.
            let _ = answer.send(done);
        });
        match &self.0 {
            Way::Thread { queue, waiting, .. } => {
                waiting.fetch_add(1, Ordering::Relaxed);
                if queue.send(Message::Run { name, job }).is_err() {
                    waiting.fetch_sub(1, Ordering::Relaxed);
                    return Err(E::from(StoreError::Closed));
                }
            }
            Way::Caller(desk) => {
                let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
                desk.as_mut().ok_or(StoreError::Closed)?.perform(name, job);
            }
        }
        answered.recv().unwrap_or_else(|_| Err(E::from(StoreError::Closed)))
    }

    /// Lets the thread finish what is queued, copies the log back and closes the connection.
    pub fn stop(&self) {
        match &self.0 {
            Way::Thread { queue, thread, .. } => {
                let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(thread) = thread {
                    let _ = queue.send(Message::Stop);
                    let _ = thread.join();
                }
            }
            Way::Caller(desk) => {
                let desk = desk.lock().unwrap_or_else(PoisonError::into_inner).take();
                desk.into_iter().for_each(Desk::leave);
            }
        }
    }
}

/// Where jobs are performed, one after the other.
struct Desk {
    session: Session,
    door: Door,
    /// Pages in the log after the last commit.
    pages: Arc<AtomicU32>,
    /// Something was committed since the last note.
    has_news: Arc<AtomicBool>,
    note: Option<Note>,
    checkpoint_pages: u32,
}

impl Desk {
    fn new(session: Session, door: Door, checkpoint_pages: u32) -> Self {
        let (pages, has_news) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(true)));
        let note = Note::open(door.files.as_ref(), &door.path);
        let mut desk = Self { session, door, pages, has_news, note, checkpoint_pages };
        desk.watch_log();
        desk.take_note();
        desk
    }

    /// Has SQLite tell how long the log is after each commit.
    fn watch_log(&mut self) {
        let (counter, has_news) = (Arc::clone(&self.pages), Arc::clone(&self.has_news));
        let hook = move |_: &mut Wal, in_log: i32| {
            has_news.store(true, Ordering::Relaxed);
            counter.store(u32::try_from(in_log).unwrap_or(u32::MAX), Ordering::Relaxed);
            Ok(())
        };
        if let Err(error) = self.session.connection.wal_hook(Some(hook)) {
            tracing::error!(%error, "checkpoints fall back to SQLite's own");
        }
    }

    /// Notes how far the journal is.
    fn take_note(&mut self) {
        if let Some(note) = &mut self.note
            && self.has_news.swap(false, Ordering::Relaxed)
        {
            note.keep(&self.session.connection);
        }
    }

    /// Takes another connection in place of one that may be of no use any more; if there is none, the next job that
    /// fails tries again. The terminal goes on selling without being started again.
    fn reconnect(&mut self) {
        self.session.is_spoilt = false;
        match self.door.connect(Purpose::Write) {
            Ok(connection) => {
                tracing::warn!("a job failed in a way that may spoil a connection: took another");
                self.session.connection = connection;
                self.watch_log();
            }
            Err(error) => tracing::warn!(%error, "no other connection could be opened"),
        }
    }

    fn perform(&mut self, name: &'static str, job: Box<dyn FnOnce(&mut Session) + Send>) {
        // The job's transaction is rolled back while the panic passes through it, so the session is sound.
        let session = &mut self.session;
        if std::panic::catch_unwind(AssertUnwindSafe(|| job(session))).is_err() {
            tracing::error!(job = name, "a job of the store panicked and was rolled back");
        }
        if self.session.is_spoilt {
            self.reconnect();
        }
        self.take_note();
        if self.pages.load(Ordering::Relaxed) >= self.checkpoint_pages {
            self.pages.store(0, Ordering::Relaxed);
            checkpoint(&self.session.connection, "PASSIVE");
        }
    }

    fn leave(self) {
        checkpoint(&self.session.connection, "TRUNCATE");
    }
}

fn run(mut desk: Desk, jobs: &Receiver<Message>) {
    while let Ok(Message::Run { name, job }) = jobs.recv() {
        desk.session.waiting.fetch_sub(1, Ordering::Relaxed);
        desk.perform(name, job);
    }
    desk.leave();
}

/// Copies the log back as far as readers allow; true if all of it was.
pub(crate) fn copy_back(session: &mut Session) -> bool {
    checkpoint(&session.connection, "PASSIVE")
}

/// True if the whole log is in the file.
fn checkpoint(connection: &Connection, mode: &str) -> bool {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    let copied = connection.query_row(&sql, [], |row| {
        let (is_busy, in_log, copied): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(!is_busy && in_log == copied)
    });
    // Failing is harmless: the log stays as it is and the next checkpoint tries again.
    copied.unwrap_or_else(|error| {
        tracing::warn!(%error, "a checkpoint did not finish");
        false
    })
}
