//! The terminal's storage: an encrypted SQLite database that holds the journal, what is projected from it, and
//! what central has sent. Implements the ports of `sync`.
//!
//! ```text
//! callers --jobs--> writer thread (1 connection) --> crossroads.db   journal, own_*   append and project
//!         --reads-> pool (3 connections)         <--                 base_*           feeds of central
//! ```
//! Invariant 1: a call that writes returns after the commit is on disk. Invariant 11: no clock is read here and
//! no identity is rolled; both come in.

mod catalogue;
mod config;
mod connection;
mod count;
mod customer;
mod disk;
mod draft;
mod error;
pub mod examine;
mod feed;
mod files;
mod head;
mod history;
mod journal;
mod key;
mod life;
mod open;
mod order;
mod outbox;
mod phone;
mod ports;
mod reader;
mod recover;
mod schema;
mod search;
mod shift;
mod standing;
mod status;
mod stock;
mod writer;

#[cfg(test)]
mod tests;

pub use count::{CountHead, KeptCount};
pub use disk::{DiskGauge, DiskSpace, RESERVE_BYTES, SystemDisk};
pub use draft::ParkedBasket;
pub use error::{CommitError, OpenError, StoreError};
pub use files::{DatabaseFiles, SystemFiles};
pub use history::{Favourite, HistoryOrder, HistorySummary};
pub use journal::{ChainFault, ChainReport};
pub use key::{DatabaseKey, FileKeyStore, KeyError, KeyStore};
pub use life::CLOCK_BACK_MS_MAX;
pub use order::{CommittedOrder, NewOrder, Payment, StoredOrder};
pub use recover::{InspectedLife, Inspection, Recovery, inspect, pending, recover};
pub use shift::OpenShift;
pub use status::{RefusedEvent, SyncStatus, Totals};
pub use writer::Writing;

use domain::article::Article;
use domain::basket::Basket;
use domain::count::CountChange;
use domain::customer::Customer;
use domain::gtin::Gtin;
use domain::id::{ArticleId, BasketId, CustomerId, IdSource, OrderId, StaffId};
use domain::staff::{PinAttempts, Staff};
use domain::store::StoreConfig;
use domain::time::{CentralTime, DeviceTime};
use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use sync::ports::TerminalIdentity;
use sync::protocol::event::EventHash;
use writer::Session;

/// Where the data lies, and who watches the disk.
#[derive(Clone)]
pub struct StoreOptions {
    /// Holds the database, its lock and, with [`FileKeyStore::in_directory`], its key.
    pub directory: PathBuf,
    /// Tells how much room there is.
    pub disk: Arc<dyn DiskGauge>,
    /// Where the files of the database lie; their names are paths in `directory` all the same.
    pub files: Arc<dyn DatabaseFiles>,
    /// In which thread jobs that write run.
    pub writing: Writing,
}

impl StoreOptions {
    /// Data in `directory`, watched by its own file system.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        let disk = Arc::new(SystemDisk::new(&directory));
        Self { directory, disk, files: Arc::new(SystemFiles), writing: Writing::Thread }
    }
}

/// How often the seals of pages are looked at when somebody writes at the same time.
const SEAL_CHECKS_MAX: usize = 5;

/// The open database. Clones share it; the last one to go closes it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    writer: writer::Writer,
    readers: reader::Readers,
    reserve: disk::Reserve,
    disk: Arc<dyn DiskGauge>,
    lock: Mutex<Option<File>>,
}

impl Inner {
    fn close(&self) {
        self.readers.close();
        self.writer.stop();
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store(..)")
    }
}

/// Opening and closing.
impl Store {
    /// Opens the database, or makes a new one. See [`OpenError`] for what can be in the way.
    pub fn open(
        options: &StoreOptions,
        keys: &dyn KeyStore,
        ids: Box<dyn IdSource + Send>,
    ) -> Result<Self, OpenError> {
        Self::start(open::open(options, keys)?, options, ids)
    }

    fn start(
        opened: open::Opened,
        options: &StoreOptions,
        ids: Box<dyn IdSource + Send>,
    ) -> Result<Self, OpenError> {
        let writer = writer::Writer::start(opened.connection, opened.door, ids, options.writing)
            .map_err(OpenError::io("start the writer of", &options.directory))?;
        Ok(Self(Arc::new(Inner {
            writer,
            readers: opened.readers,
            reserve: opened.reserve,
            disk: Arc::clone(&options.disk),
            lock: Mutex::new(Some(opened.lock)),
        })))
    }

    /// Finishes queued writes, copies the log back and releases the lock. Clones answer
    /// [`StoreError::Closed`] from now on.
    pub fn close(self) {
        self.0.close();
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.0.readers.read(read)
    }

    fn write<T, E>(
        &self,
        name: &'static str,
        job: impl FnOnce(&mut Session) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Failure + Send + 'static,
    {
        self.0.writer.call(name, job)
    }

    /// A write that selling needs: if the disk is full, the reserve is released and it is tried once more.
    fn write_for_sale<T, E>(
        &self,
        name: &'static str,
        job: impl FnOnce(&mut Session) -> Result<T, E> + Clone + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Failure + Send + 'static,
    {
        match self.write(name, job.clone()) {
            Err(error) if error.is_full() && self.0.reserve.release() => {
                tracing::warn!(job = name, "the disk is full; the reserve for sales was released");
                self.write(name, job)
            }
            other => other,
        }
    }
}

/// Errors that may mean a full disk, or a connection that is of no use any more.
trait Failure {
    fn is_full(&self) -> bool;
    fn spoils_connection(&self) -> bool;
}
impl Failure for StoreError {
    fn is_full(&self) -> bool {
        self.is_disk_full()
    }
    fn spoils_connection(&self) -> bool {
        self.spoils_connection()
    }
}
impl Failure for CommitError {
    fn is_full(&self) -> bool {
        self.is_disk_full()
    }
    fn spoils_connection(&self) -> bool {
        matches!(self, Self::Store(error) if error.spoils_connection())
    }
}

/// Who this is, and what central and the device have set.
impl Store {
    /// The terminal that this device is; `None` before enrolment.
    pub fn terminal(&self) -> Result<Option<TerminalIdentity>, StoreError> {
        self.read(|db| Ok(life::Life::current(db)?.map(|life| life.identity)))
    }

    /// Central's clock minus this device's in milliseconds, as last noted ([`sync::ports::SyncStore::note_clock`]);
    /// it may be of an earlier run, and the clock may have been set since.
    pub fn clock_offset_ms(&self) -> Result<Option<i64>, StoreError> {
        self.read(|db| Ok(life::Life::current(db)?.and_then(|life| life.clock_offset_ms)))
    }

    /// The store, once the config feed has said so.
    pub fn store_config(&self) -> Result<Option<StoreConfig>, StoreError> {
        self.read(config::store_config)
    }

    /// Who may sign in; the last users come first, then by name.
    pub fn staff(&self) -> Result<Vec<Staff>, StoreError> {
        self.read(config::staff)
    }

    /// Failed tries of a person's PIN.
    pub fn pin_attempts(&self, staff: StaffId) -> Result<PinAttempts, StoreError> {
        self.read(move |db| config::pin_attempts(db, staff))
    }

    /// Books failed tries; durable before it returns, so that pulling the plug wins nothing.
    pub fn set_pin_attempts(&self, staff: StaffId, tried: PinAttempts) -> Result<(), StoreError> {
        self.write_for_sale("set_pin_attempts", move |session| {
            config::set_pin_attempts(session, staff, tried)
        })
    }

    /// A setting of this device.
    pub fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.read(|db| config::setting(db, key))
    }

    /// Keeps a setting of this device.
    pub fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.write("set_setting", move |session| config::set_setting(session, &key, &value))
    }
}

/// Shifts.
impl Store {
    /// Opens a shift (`shift.opened`). Goes on with the open one if it is the same person's; one left open by
    /// another person is closed first, in the same transaction.
    pub fn open_shift(&self, staff: StaffId, at: DeviceTime) -> Result<OpenShift, StoreError> {
        self.write_for_sale("open_shift", move |session| shift::open(session, staff, at))
    }

    /// The open shift.
    pub fn current_shift(&self) -> Result<Option<OpenShift>, StoreError> {
        self.read(shift::current)
    }

    /// Closes the open shift (`shift.closed`, with the counts of the projections); does nothing if none is open.
    pub fn close_shift(&self, at: DeviceTime) -> Result<(), StoreError> {
        self.write_for_sale("close_shift", move |session| shift::close(session, at))
    }
}

/// The basket in work, and those put aside: local state, no events.
impl Store {
    /// Keeps the basket in work; durable before it returns.
    pub fn save_draft(&self, basket: &Basket) -> Result<(), StoreError> {
        let basket = basket.clone();
        self.write_for_sale("save_draft", move |session| draft::save(session, &basket))
    }

    /// The basket in work. One that cannot be read back is moved aside and none is in work: a spoilt basket is
    /// an annoyance, a terminal that does not start is a closed shop.
    pub fn draft(&self) -> Result<Option<Basket>, StoreError> {
        Ok(self.without_unreadable(self.read(draft::current)?))
    }

    /// Drops the basket in work.
    pub fn clear_draft(&self) -> Result<(), StoreError> {
        self.write_for_sale("clear_draft", draft::clear)
    }

    /// Puts a basket aside; if it is the one in work, that one is gone, in the same transaction.
    pub fn park(&self, basket: &Basket, at: DeviceTime) -> Result<(), StoreError> {
        let basket = basket.clone();
        self.write_for_sale("park", move |session| draft::park(session, &basket, at))
    }

    /// Takes a basket that was put aside back in work, in one transaction; `None` if there is no such basket, or
    /// none that can be read back.
    /// Refuses with [`StoreError::DraftInTheWay`] while another basket with lines is in work.
    pub fn resume(&self, id: BasketId) -> Result<Option<Basket>, StoreError> {
        self.write_for_sale("resume", move |session| draft::resume(session, id))
    }

    /// Baskets put aside, oldest first. Those that cannot be read back are moved aside, as with the draft.
    pub fn parked(&self) -> Result<Vec<ParkedBasket>, StoreError> {
        Ok(self.without_unreadable(self.read(draft::parked)?))
    }

    /// What could be read; the rest is moved aside. If that fails it stays where it is, for the next time.
    fn without_unreadable<T>(&self, found: draft::Found<T>) -> T {
        if found.has_unreadable
            && let Err(error) = self.write_for_sale("move_aside", draft::move_aside)
        {
            tracing::warn!(%error, "a basket that cannot be read could not be moved aside");
        }
        found.sound
    }
}

/// The counted list: local state, no event.
impl Store {
    /// The list that somebody has begun.
    pub fn count(&self) -> Result<Option<KeptCount>, StoreError> {
        self.read(count::current)
    }

    /// Keeps the lines that changed; durable before it returns. `head` counts for the first of them.
    pub fn save_count(&self, head: &CountHead, changes: &[CountChange]) -> Result<(), StoreError> {
        let (head, changes) = (head.clone(), changes.to_vec());
        self.write("save_count", move |session| count::save(session, &head, &changes))
    }

    /// Drops the list.
    pub fn clear_count(&self) -> Result<(), StoreError> {
        self.write("clear_count", count::clear)
    }

    /// Stock of many articles as of one moment, see [`Store::stock`]; what is not known is not in it.
    pub fn stock_of(&self, articles: &[ArticleId]) -> Result<HashMap<ArticleId, i64>, StoreError> {
        self.read(|db| count::stock_of(db, articles))
    }
}

/// Orders.
impl Store {
    /// Commits an order: receipt number, events, projections, stock and the end of the draft in one transaction
    /// that is on disk before this returns (invariant 1). The same basket again gives the order committed first:
    /// a tap repeated after a crash does not sell twice.
    pub fn commit_order(&self, order: NewOrder) -> Result<CommittedOrder, CommitError> {
        self.write_for_sale("commit_order", move |session| order::commit(session, &order))
    }

    /// An order of this terminal.
    pub fn order(&self, id: OrderId) -> Result<Option<StoredOrder>, StoreError> {
        self.read(|db| order::by_id(db, id))
    }

    /// An order of this terminal by the number on its receipt.
    pub fn order_by_number(&self, number: &str) -> Result<Option<StoredOrder>, StoreError> {
        self.read(|db| order::by_number(db, number))
    }

    /// The order committed last.
    pub fn last_order(&self) -> Result<Option<StoredOrder>, StoreError> {
        self.read(order::last)
    }

    /// The order that a basket became.
    pub fn order_of_basket(&self, id: BasketId) -> Result<Option<StoredOrder>, StoreError> {
        self.read(|db| order::of_basket(db, id))
    }
}

/// The catalogue.
impl Store {
    /// The article that is scanned under a number.
    pub fn article_by_gtin(&self, gtin: Gtin) -> Result<Option<Article>, StoreError> {
        self.read(|db| catalogue::by_gtin(db, gtin))
    }

    /// An article.
    pub fn article(&self, id: ArticleId) -> Result<Option<Article>, StoreError> {
        self.read(|db| catalogue::by_id(db, id))
    }

    /// Articles that have words beginning with all words of the query, best sellers first. Digits also find
    /// numbers that begin or end with them; an empty query finds the best sellers.
    pub fn search_articles(&self, query: &str, limit: usize) -> Result<Vec<Article>, StoreError> {
        self.read(|db| catalogue::search(db, query, limit))
    }

    /// On hand in this store: what central said, and what this terminal did since. `None` if central said nothing.
    pub fn stock(&self, article: ArticleId) -> Result<Option<i64>, StoreError> {
        self.read(|db| stock::on_hand(db, article))
    }
}

/// Customers.
impl Store {
    /// A customer.
    pub fn customer(&self, id: CustomerId) -> Result<Option<Customer>, StoreError> {
        self.read(|db| customer::by_id(db, id))
    }

    /// Whose card this is.
    pub fn customer_by_card(&self, card: &str) -> Result<Option<CustomerId>, StoreError> {
        self.read(|db| customer::by_card(db, card))
    }

    /// Customers by name (any order, partial words), phone (any form, or the last digits), e-mail or card.
    pub fn search_customers(&self, query: &str, limit: usize) -> Result<Vec<Customer>, StoreError> {
        self.read(|db| customer::search(db, query, limit))
    }

    /// What a customer bought on all channels, newest first: central's orders, and own ones that central's
    /// lack. No order is in it twice.
    pub fn history(
        &self,
        customer: CustomerId,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<HistoryOrder>, StoreError> {
        self.read(|db| history::page(db, customer, offset, limit))
    }

    /// The history in figures; months are those of the time zone.
    pub fn history_summary(
        &self,
        customer: CustomerId,
        now: CentralTime,
        time_zone: &str,
    ) -> Result<HistorySummary, StoreError> {
        self.read(|db| history::summary(db, customer, now, time_zone))
    }
}

/// Status and trust.
impl Store {
    /// How far sync is; a few rows by key, however long the journal.
    pub fn sync_status(&self) -> Result<SyncStatus, StoreError> {
        self.read(status::sync_status)
    }

    /// Counts and sums over all orders of this terminal; reads them all.
    pub fn totals(&self) -> Result<Totals, StoreError> {
        self.read(status::totals)
    }

    /// Reads the whole journal and checks the chain.
    pub fn verify_journal(&self) -> Result<ChainReport, StoreError> {
        self.read(journal::verify)
    }

    /// Checks every page and index; returns the faults in words, none if all is well. Slow on a large database.
    pub fn check_database(&self) -> Result<Vec<String>, StoreError> {
        let mut faults = self.read(status::check_trees)?;
        faults.extend(self.check_seals()?);
        Ok(faults)
    }

    /// The seals of the pages in the file. A page whose newer copy lies in the log may be half written there, by
    /// a checkpoint that runs or by one that a power cut ended: the log is copied back first, and what is found
    /// counts only when it is found again.
    fn check_seals(&self) -> Result<Vec<String>, StoreError> {
        let copy_back = || -> Result<bool, StoreError> {
            self.write("checkpoint", |session| Ok::<_, StoreError>(writer::copy_back(session)))
        };
        for _ in 0..SEAL_CHECKS_MAX {
            let was_copied = copy_back()?;
            let faults = self.read(status::check_seals)?;
            if faults.is_empty() {
                return Ok(faults);
            }
            if was_copied && copy_back()? && self.read(status::check_seals)? == faults {
                return Ok(faults);
            }
        }
        tracing::warn!("the seals of the pages cannot be told while the database is in use");
        Ok(Vec::new())
    }

    /// Visits the events of the current life after `after_seq` in order (number, bytes, hash), until `visit` returns
    /// false. For tools: they see bytes as they were written.
    pub fn read_journal(
        &self,
        after_seq: u64,
        visit: &mut dyn FnMut(u64, &str, EventHash) -> bool,
    ) -> Result<(), StoreError> {
        self.read(|db| journal::visit(db, after_seq, visit))
    }
}
