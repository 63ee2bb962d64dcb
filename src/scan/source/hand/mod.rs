//! Hand scanners that the terminal reads itself: keyboards of the kernel (`evdev`), grabbed, and
//! serial lines (USB CDC, RS-232).
//!
//! ```text
//! bus -> device that is named or looks like a scanner -> port (one thread each) -> keys -> text
//!   text without end, lost keys, garbage -> dropped      whole text -> code -> the scanner's guard
//! ```
//! What a hand scanner sends is taken whole or not at all: half a number can be another number. A
//! person's keyboard is never opened, because a grabbed keyboard is dead for everybody else. Ports
//! come and go; a lost one is looked for again. Nothing here reads a clock but through [`Clock`].

mod assemble;
mod bus;
mod keyboard;
mod keymap;
mod likeness;
mod serial;
mod setting;
mod survey;
#[cfg(test)]
mod tests;

pub use assemble::LENGTH_MAX;
pub use bus::SystemBus;
pub use keymap::Layout;
pub use setting::{Ending, HandSetting, HandSettingError, HandSettings, Which};
pub use survey::{Access, Found, survey};

use crate::clock::Clock;
use assemble::{Assembler, Told};
use domain::code::Code;
use keyboard::Keyboard;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it is looked whether a scanner was plugged in.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a thread waits for a port before it looks at the clock.
const PATIENCE: Duration = Duration::from_millis(20);
/// More scanners at one till than this are a fault of the configuration.
const PORTS_MAX: usize = 8;

/// How a device speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It types.
    Keys,
    /// It sends characters over a serial line.
    Serial,
}

/// A device that may be a scanner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// How it speaks.
    pub kind: Kind,
    /// Its node, such as `/dev/input/event7`.
    pub path: PathBuf,
    /// What it calls itself.
    pub name: String,
    /// Vendor and product, if it hangs at USB or Bluetooth.
    pub usb: Option<(u16, u16)>,
    /// It can type numbers and Enter, and cannot point.
    pub is_keyboard: bool,
}

/// What comes from a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A character of a serial line.
    Byte(u8),
    /// A key, by the kernel's number.
    Key {
        /// `KEY_…` of `linux/input-event-codes.h`.
        code: u16,
        /// Pressed, or let go.
        is_down: bool,
    },
    /// Something was lost here.
    Lost,
}

/// An open scanner.
pub trait Port: Send {
    /// Adds what came, waiting at most `patience` for it; nothing came in time is no error.
    ///
    /// # Errors
    /// When the device is gone. The port is dropped then.
    fn read(&mut self, patience: Duration, signals: &mut Vec<Signal>) -> io::Result<()>;
}

/// Where scanners are found and opened: the machine, or a test's own.
pub trait Bus: Send + 'static {
    /// What is plugged in now and may be a scanner. Nothing is opened for it.
    fn devices(&self) -> Vec<Device>;

    /// Opens a device for this program alone.
    ///
    /// # Errors
    /// As the system says; `PermissionDenied` and `ResourceBusy` have advice of their own.
    fn open(&self, device: &Device, setting: &HandSetting) -> io::Result<Box<dyn Port>>;
}

/// How a scanner fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandState {
    /// It is read.
    Ready,
    /// It was unplugged; it is read again when it comes back.
    Gone,
    /// The system lets this user not open it.
    Forbidden,
    /// Another program has it for itself.
    Busy,
    /// It does not open for another reason, which is in the log.
    Failed,
}

/// What hand scanners tell.
#[derive(Clone, Debug, PartialEq)]
pub enum HandEvent {
    /// A whole code.
    Code {
        /// Symbology, text and meaning.
        code: Code,
        /// When its last character came.
        at_ms: u64,
    },
    /// A scanner came, went, or cannot be used. Told when it changes.
    State {
        /// What the device calls itself.
        name: String,
        /// Its node.
        path: PathBuf,
        /// How it fares.
        state: HandState,
    },
    /// Something came that is no code: half of one, or characters that no code has. It was dropped.
    Garbled {
        /// What the device calls itself.
        name: String,
    },
}

type Tell = dyn Fn(HandEvent) + Send + Sync;

struct Shared {
    clock: Arc<dyn Clock>,
    tell: Box<Tell>,
    is_over: AtomicBool,
    /// Nodes that are open.
    open: Mutex<Vec<PathBuf>>,
}

impl Shared {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    fn with_open<R>(&self, use_it: impl FnOnce(&mut Vec<PathBuf>) -> R) -> R {
        use_it(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Hand scanners that are being read; all are let go when this is dropped.
pub struct HandScanners {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl HandScanners {
    /// Starts to look for the scanners of `settings` and to read them.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        settings: HandSettings,
        bus: impl Bus,
        clock: Arc<dyn Clock>,
        tell: impl Fn(HandEvent) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let (tell, is_over) = (Box::new(tell), AtomicBool::new(false));
        let shared = Arc::new(Shared { clock, tell, is_over, open: Mutex::default() });
        let watching = Arc::clone(&shared);
        let work = move || watch(&watching, &settings, &bus);
        let thread = std::thread::Builder::new().name("scanners".into()).spawn(work)?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl Drop for HandScanners {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Looks for scanners again and again, and gives each a thread.
fn watch(shared: &Arc<Shared>, settings: &HandSettings, bus: &impl Bus) {
    let mut told: HashMap<PathBuf, HandState> = HashMap::new();
    let mut readers: Vec<JoinHandle<()>> = Vec::new();
    while !shared.is_over() {
        let devices = bus.devices();
        told.retain(|path, state| {
            *state == HandState::Ready || devices.iter().any(|device| device.path == *path)
        });
        for (device, setting) in settings.choose(&devices) {
            let count = shared.with_open(|open| match open.contains(&device.path) {
                true => None,
                false => Some(open.len()),
            });
            if count.is_none_or(|count| count >= PORTS_MAX) {
                continue;
            }
            let state = match begin(shared, &device, setting, bus) {
                Ok(reader) => {
                    readers.push(reader);
                    HandState::Ready
                }
                Err(error) => state_of(&device, &error),
            };
            // A scanner that was read and is opened again is news each time.
            let old = told.insert(device.path.clone(), state);
            if state == HandState::Ready || old != Some(state) {
                let Device { name, path, .. } = device;
                (shared.tell)(HandEvent::State { name, path, state });
            }
        }
        readers.retain(|reader| !reader.is_finished());
        std::thread::sleep(LOOK_EVERY);
    }
    for reader in readers {
        let _ = reader.join();
    }
}

fn state_of(device: &Device, error: &io::Error) -> HandState {
    let path = device.path.display();
    tracing::warn!(%path, error = error as &dyn std::error::Error, "a scanner does not open");
    match error.kind() {
        io::ErrorKind::PermissionDenied => HandState::Forbidden,
        io::ErrorKind::ResourceBusy => HandState::Busy,
        io::ErrorKind::NotFound => HandState::Gone,
        _ => HandState::Failed,
    }
}

/// Opens a device and reads it on a thread of its own.
fn begin(
    shared: &Arc<Shared>,
    device: &Device,
    setting: &HandSetting,
    bus: &impl Bus,
) -> io::Result<JoinHandle<()>> {
    let mut port = bus.open(device, setting)?;
    let (shared, device, setting) = (Arc::clone(shared), device.clone(), setting.clone());
    shared.with_open(|open| open.push(device.path.clone()));
    let path = device.path.clone();
    let reading = Arc::clone(&shared);
    let work = move || read(&reading, port.as_mut(), &device, &setting);
    let thread = std::thread::Builder::new().name("scanner".into()).spawn(work);
    if thread.is_err() {
        close(&shared, &path);
    }
    thread
}

fn close(shared: &Shared, path: &Path) {
    shared.with_open(|open| open.retain(|known| known != path));
}

/// Reads one port until it is gone.
fn read(shared: &Shared, port: &mut dyn Port, device: &Device, setting: &HandSetting) {
    let mut assembler = Assembler::new(setting.ending, setting.idle_ms(), shared.clock.now_ms());
    let mut keyboard = Keyboard::new(setting.layout);
    let mut signals = Vec::new();
    while !shared.is_over() {
        signals.clear();
        let read = port.read(PATIENCE, &mut signals);
        let now_ms = shared.clock.now_ms();
        let mut told: Vec<Told> = assembler.tick(now_ms).into_iter().collect();
        for signal in &signals {
            match *signal {
                Signal::Byte(byte) => told.extend(assembler.byte(byte, now_ms)),
                Signal::Key { code, is_down } => {
                    if let Some(character) = keyboard.key(code, is_down) {
                        told.extend(assembler.character(character, now_ms));
                    }
                }
                Signal::Lost => {
                    keyboard = Keyboard::new(setting.layout);
                    assembler.lost(now_ms);
                }
            }
        }
        for told in told {
            tell(shared, device, told, now_ms);
        }
        if let Err(error) = read {
            let path = device.path.display();
            tracing::info!(%path, error = &error as &dyn std::error::Error, "a scanner is gone");
            let (name, path) = (device.name.clone(), device.path.clone());
            close(shared, &path);
            (shared.tell)(HandEvent::State { name, path, state: HandState::Gone });
            return;
        }
    }
    close(shared, &device.path);
}

fn tell(shared: &Shared, device: &Device, told: Told, at_ms: u64) {
    match told {
        Told::Text(text) => {
            if let Some(code) = crate::wedge::read(&text) {
                (shared.tell)(HandEvent::Code { code, at_ms });
            }
        }
        Told::Garbled => {
            // The characters may be a customer's: they are not logged.
            tracing::warn!(path = %device.path.display(), "a scanner sent what is no code");
            (shared.tell)(HandEvent::Garbled { name: device.name.clone() });
        }
    }
}
