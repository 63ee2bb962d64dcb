//! What runs begin with: a small chain at central and devices that are terminals of it already, made once by the
//! simulation itself in calm weather, then copied.

use crate::central_side::{Seen, SimRim};
use crate::class::Classes;
use crate::device::Copy;
use crate::ledger::Ledger;
use crate::network::Weather;
use crate::plan::Plan;
use crate::world::World;
use crate::{Profile, Settings};
use central::in_process;
use domain::id::CustomerId;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use uuid::Uuid;

/// The most devices of a run, clones apart.
pub const DEVICES: usize = 6;
/// Articles, customers, past orders.
const ROWS: (u64, u64, u64) = (12, 5, 20);
/// Shops.
const STORES: u64 = 2;
/// Its seed. Another one is another world for all seeds.
const SEED: u64 = 1;

static SHARED: OnceLock<Template> = OnceLock::new();

/// The beginning of a run.
pub struct Template {
    /// Central's database.
    pub central: in_process::Template,
    /// What is known of it.
    pub seen: Seen,
    /// What has happened.
    pub ledger: Ledger,
    /// Disks of terminals that have read everything.
    pub devices: Vec<Copy>,
    /// Customers of the chain.
    pub customers: Vec<CustomerId>,
}

impl Template {
    /// The one of this process; made at the first call.
    pub fn shared() -> &'static Self {
        SHARED.get_or_init(Self::make)
    }

    /// The one of this process, if it is made already.
    pub fn shared_or_none() -> Option<&'static Self> {
        SHARED.get()
    }

    fn make() -> Self {
        fault::do_not_count_memory();
        let settings = Settings::new(SEED, Profile::Storm);
        let scratch = Scratch::new();
        let rim = Arc::new(SimRim::new(SEED));
        let chain = central::seed::Plan::new(ROWS, STORES, SEED, central::seed::UNTIL_MS);
        let central = in_process::Template::seeded(&chain, rim).expect("a small chain can be made");
        let (ledger, devices, customers) = (Ledger::default(), Vec::new(), Vec::new());
        let bare = Self { central, seen: Seen::default(), ledger, devices, customers };
        let plan = Plan {
            devices: 0,
            strangers: 0,
            weather: Weather::draw(&mut StdRng::seed_from_u64(SEED)),
            acts: Vec::new(),
            heal_ms: 0,
        };
        let calm = Settings { classes: Classes::NONE, ..settings };
        let made = World::bare(&calm, &plan, &bare, scratch).and_then(World::into_template);
        made.unwrap_or_else(|violation| panic!("a calm world comes to rest: {violation}"))
    }
}

/// Directories for the few ordinary files of devices; one scratch serves one run at a time.
#[derive(Clone)]
pub struct Scratch(Arc<tempfile::TempDir>);

/// Bytes in the name of a workbench.
const BENCH_LENGTH: usize = 120;

/// In memory where the system has such a place: thousands of locks a second are no work for a disk.
const SHARED_MEMORY: &str = "/dev/shm";

impl Scratch {
    /// A new one, removed when the last clone goes.
    pub fn new() -> Self {
        let memory = Path::new(SHARED_MEMORY);
        let made = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        Self(Arc::new(made.expect("a directory for locks can be made")))
    }

    /// A device's directory.
    pub fn directory(&self, number: usize) -> PathBuf {
        self.0.path().join(format!("d{number}"))
    }

    /// The place of a device's workbench; as long on every machine.
    pub fn bench(&self, number: usize) -> PathBuf {
        let path = self.0.path();
        let length = path.as_os_str().len();
        path.join(format!("{number:0>width$}", width = BENCH_LENGTH.saturating_sub(length).max(2)))
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// Keys of a table, as customers.
pub(crate) fn customers(keys: Vec<Uuid>) -> Vec<CustomerId> {
    keys.into_iter().map(CustomerId::from_uuid).collect()
}
