//! What `run`, `drive` and `demo` share: opening the database and giving the view-models their ports.

use super::rim::{
    ArgonPins, CameraRim, PrinterRim, RandomIds, SyncRim, SystemClock, fresh_device_key,
};
use anyhow::Context;
use clap::Args;
use crossroads::app::ports::{Parts, SyncPort};
use crossroads::app::runner::{self, Inputs};
use crossroads::app::terminal::Input;
use domain::time::Clock;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use store::{FileKeyStore, OpenError, Store, StoreOptions};
use tokio::runtime::Runtime;

/// Name and version told to central.
pub const SOFTWARE: &str = concat!("crossroads ", env!("CARGO_PKG_VERSION"));

/// Where the terminal lives and what hangs on it.
#[derive(Args, Clone, Debug)]
pub struct SessionArguments {
    /// Folder of the terminal's database, key and lock; made when missing.
    #[arg(long, env = "CROSSROADS_DATA", default_value_os_t = default_data())]
    pub data: PathBuf,
    /// Receipt printer: `tcp://host:9100`, `file:/dev/usb/lp0`, `simulated:DIR` or `none`.
    #[arg(long, env = "CROSSROADS_PRINTER", default_value = "none")]
    pub printer: String,
}

/// `$XDG_DATA_HOME/crossroads`, as the XDG Base Directory Specification has it.
pub fn default_data() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let base = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    base.unwrap_or_else(|| home().join(".local/share")).join("crossroads")
}

/// A session that is ready to run.
pub struct Session {
    /// For the view-models.
    pub parts: Parts,
    /// Where everything is sent to.
    pub inputs: Inputs,
    /// Where the view-models listen.
    pub received: Receiver<Input>,
    /// Where the camera is hung in, once there is one.
    pub camera: CameraRim,
    /// The device's clock.
    pub clock: Arc<dyn Clock>,
    /// Kept alive as long as the session.
    pub runtime: Runtime,
}

/// Opens the store with its key, as it is: a damaged one is an error, and is moved aside.
pub fn open_store(data: &std::path::Path, clock: &Arc<dyn Clock>) -> Result<Store, OpenError> {
    let ids = Box::new(RandomIds(Arc::clone(clock)));
    Store::open(&StoreOptions::in_directory(data), &FileKeyStore::in_directory(data), ids)
}

/// Opens the store to sell with it. What is damaged is moved aside and recovered; so is what a recovery that was cut
/// off has left, before an empty database could take its place.
fn open_or_recover(data: &std::path::Path, clock: &Arc<dyn Clock>) -> Result<Store, OpenError> {
    let recover = || {
        let (options, keys) = (StoreOptions::in_directory(data), FileKeyStore::in_directory(data));
        store::recover(&options, &keys, &fresh_device_key(), clock.now())
    };
    recover()?;
    match open_store(data, clock) {
        Err(OpenError::Damaged { quarantined_to: Some(aside), detail }) => {
            tracing::error!(detail, aside = %aside.display(), "the database is damaged");
            recover()?;
            open_store(data, clock)
        }
        other => other,
    }
}

/// Opens everything; sync starts at once where the device is enrolled.
pub fn open(arguments: &SessionArguments) -> anyhow::Result<Session> {
    let clock: Arc<dyn Clock> = SystemClock::start();
    let store = open_or_recover(&arguments.data, &clock)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("sync")
        .enable_all()
        .build()
        .context("the system gives no threads for sync")?;
    let (inputs, received) = runner::channel();
    let printer = devices::open(&arguments.printer).context("the printer cannot be used")?;
    let sync = SyncRim::new(
        runtime.handle().clone(),
        store.clone(),
        Arc::clone(&clock),
        inputs.clone(),
        SOFTWARE,
    );
    if let Some(identity) = store.terminal().context("the terminal's identity cannot be read")? {
        sync.start(&identity);
    }
    let camera = CameraRim::default();
    let parts = Parts {
        store,
        clock: Arc::clone(&clock),
        ids: Box::new(RandomIds(Arc::clone(&clock))),
        sync: Box::new(sync),
        pins: Box::new(ArgonPins),
        printer: Box::new(PrinterRim::start(printer, inputs.clone())),
        camera: Box::new(camera.clone()),
        software: SOFTWARE.to_owned(),
    };
    Ok(Session { parts, inputs, received, camera, clock, runtime })
}

/// What a person can do about damage that was only looked at.
pub const AT_NEXT_START: &str = "Start the terminal (`crossroads run`): what can be read of it is recovered into a new \
                                 database, and selling goes on. Nothing is deleted.";

/// What a person can do about a database that does not open.
pub fn advice(error: &OpenError) -> Option<String> {
    Some(match error {
        OpenError::Locked => {
            "Close the other window first; two tills on one journal would sell twice.".into()
        }
        OpenError::Newer { .. } => {
            "Install the newer version again; nothing was changed. Sales are safe in it.".into()
        }
        OpenError::Damaged { quarantined_to: Some(path), .. } => format!(
            "It was kept as {}. Start the terminal (`crossroads run`): what can be read of it is \
             recovered into a new database, and selling goes on.",
            path.display()
        ),
        OpenError::Damaged { quarantined_to: None, .. } => {
            "It could not be moved aside. Copy the whole data folder to a safe place, then call \
             support: sales that central has not got are in it."
                .into()
        }
        OpenError::KeyMissing | OpenError::WrongKey => {
            "Put the key file back from your backup. Without it nobody can read the database; do \
             not delete either."
                .into()
        }
        OpenError::Older { .. } => {
            "Start the terminal once (`crossroads run`): it keeps a copy and brings the database up. \
             Nothing was changed."
                .into()
        }
        OpenError::Missing(_) => {
            "Check --data. A new terminal makes its database when it is started.".into()
        }
        OpenError::Unrecovered(_) => {
            "Nothing was changed and nothing is lost: the damaged database is kept beside the others \
             in the data folder. Copy the whole folder to a safe place, then call support."
                .into()
        }
        OpenError::DiskFull(_) => {
            "Make room on the disk (at least 100 MB), then start again. Nothing was lost.".into()
        }
        _ => return None,
    })
}
