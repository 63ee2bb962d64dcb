//! A simulated device: its disk, its clock, and, while it is on, the real store and the real engine.

use crate::clock::DeviceClock;
use crate::disk::{DeviceDisk, DiskImage};
use crate::ledger::Journal;
use domain::id::{CustomerId, IdSource, OrderId};
use std::collections::BTreeSet;
use std::path::PathBuf;
use store::{NewOrder, Store};
use sync::engine::{Engine, Ticket};
use sync::status::SyncStatus;
use uuid::Uuid;

/// The program while it runs.
pub struct Running {
    /// The real store.
    pub store: Store,
    /// The real engine.
    pub engine: Engine,
    /// What it last told people.
    pub status: SyncStatus,
    /// What is under way.
    pub open: BTreeSet<Ticket>,
    /// When the engine wants to be woken.
    pub timer_ms: Option<u64>,
}

/// A copy of a device's disk, with what must be on it.
#[derive(Clone)]
pub struct Copy {
    /// The files.
    pub image: DiskImage,
    /// The journal in them.
    pub journal: Journal,
    /// Orders that were confirmed.
    pub confirmed: Vec<OrderId>,
}

/// A damaged database that was moved aside.
#[derive(Clone)]
pub struct Damaged {
    /// It and the files beside it.
    pub image: DiskImage,
    /// Its name.
    pub name: String,
}

/// A device.
pub struct Device {
    /// Its place in the world's list.
    pub number: usize,
    /// What lasts.
    pub disk: DeviceDisk,
    /// What it takes for the time.
    pub clock: DeviceClock,
    /// `None` while it is off.
    pub running: Option<Running>,
    /// Counts the times it was switched on; what belongs to an earlier time is void.
    pub boot: u32,
    /// What must be in the journal.
    pub journal: Journal,
    /// A sale that was begun and whose outcome nobody knows: the cashier taps again.
    pub pending: Option<NewOrder>,
    /// Orders that the store has confirmed on this disk: they must be in the journal.
    pub confirmed: Vec<OrderId>,
    /// A copy that was made earlier.
    pub copy: Option<Copy>,
    /// A damaged database in which no identity was left: its events are handed over once there is another.
    pub damaged: Option<Damaged>,
    /// Its database was damaged and recovered at some time.
    pub was_damaged: bool,
    /// Another device has, or once had, the same identity.
    pub is_twin: bool,
    /// It was made a terminal at some time.
    pub is_enrolled: bool,
    /// Store in which it stands.
    pub store_no: i64,
    /// Customers to whom it sold last, with the orders.
    pub bought: Vec<(CustomerId, OrderId)>,
    /// Kills the power with this draw when the disk stops.
    pub cut_draw: u64,
    /// It stays off so long after a cut.
    pub cut_off_ms: u64,
    /// Baskets begun, ever.
    pub baskets: u32,
    /// Its journal could not be looked at when something was added.
    pub is_unobserved: bool,
    /// It should be on now, as far as its people are concerned.
    pub is_wanted: bool,
}

impl Device {
    /// A new device that has never been on.
    pub fn new(number: usize, directory: PathBuf) -> Self {
        Self {
            number,
            disk: DeviceDisk::new(directory),
            clock: DeviceClock::default(),
            running: None,
            boot: 0,
            journal: Journal::default(),
            pending: None,
            confirmed: Vec::new(),
            copy: None,
            damaged: None,
            was_damaged: false,
            is_twin: false,
            is_enrolled: false,
            store_no: 1 + (number as i64) % 2,
            bought: Vec::new(),
            cut_draw: 0,
            cut_off_ms: 5_000,
            baskets: 0,
            is_unobserved: false,
            is_wanted: false,
        }
    }

    /// A copy of its disk as it is; nobody has it open.
    pub fn copied(&self) -> Copy {
        let (journal, confirmed) = (self.journal.clone(), self.confirmed.clone());
        Copy { image: self.disk.image(), journal, confirmed }
    }

    /// The source of identities of this boot: none is ever given twice, on no device.
    pub fn ids(&self, purpose: u8, turn: u32) -> Counter {
        let device = 0x51AA_0000 + self.number as u128;
        let (purpose, boot) = (u128::from(purpose), u128::from(self.boot));
        Counter((device << 96) | (boot << 64) | (purpose << 56) | (u128::from(turn) << 24))
    }
}

/// Identities that count up.
pub struct Counter(u128);

impl From<u128> for Counter {
    fn from(first: u128) -> Self {
        Self(first)
    }
}

impl IdSource for Counter {
    fn next_uuid(&mut self) -> Uuid {
        self.0 += 1;
        Uuid::from_u128(self.0)
    }
}
