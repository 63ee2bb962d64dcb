//! A camera that may hang, break, vanish and come back without harming the terminal.
//!
//! ```text
//! owner thread: open -> choose mode -> start -> picture -> luma -> mailbox ...   (may block for
//! ever) supervisor:   take from mailbox; silent for 1 s -> let go of the thread; retry 0.5 s .. 5
//! s later
//! ```
//! The driver is asked in a thread of its own because a wedged sensor blocks for ever and cannot be
//! interrupted. Panics of the driver's binding end in that thread. All but the system calls is here
//! and tested on a camera made of code; they are in `v4l2`.

use super::format::{FormatError, Mode, choose, take_luma};
use super::{FrameSource, Next, SourceState};
use crate::clock::Clock;
use crate::frame::Frame;
use crate::mailbox::{Mailbox, Taken};
use std::borrow::Cow;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Why a camera delivers nothing. All of them are retried.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// No camera is plugged in, or not the one that was asked for.
    #[error("no camera is connected")]
    Absent,
    /// Another program has it.
    #[error("the camera is in use by another program")]
    Busy,
    /// This user may not open it.
    #[error("no permission to open the camera: add the user to the group `video`")]
    Forbidden,
    /// None of its modes can be used.
    #[error("the camera offers no picture format that can be used")]
    NoMode,
    /// It was unplugged.
    #[error("the camera was unplugged")]
    Unplugged,
    /// It or its driver failed otherwise.
    #[error("the camera failed: {0}")]
    Failed(String),
    /// Too many pictures in a row were damaged.
    #[error("the camera delivers damaged pictures")]
    Damaged(#[source] FormatError),
    /// The driver's binding panicked.
    #[error("the camera driver's binding panicked")]
    Panicked,
}

/// A camera that is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// `/dev/videoN`; changes from plug to plug.
    pub path: PathBuf,
    /// What the camera calls itself.
    pub name: String,
    /// Where it is plugged in (`/dev/v4l/by-path/…`), which stays.
    pub port: Option<PathBuf>,
}

/// Where cameras are found.
pub trait Bus: Clone + Send + 'static {
    /// Cameras that are plugged in now, metadata and codec nodes left out.
    fn nodes(&self) -> Vec<Node>;

    /// Opens one. Called in the thread that will own it; may block.
    fn open(&self, node: &Node) -> Result<Box<dyn Device>, CameraError>;
}

/// An opened camera. Every call may block for ever.
pub trait Device {
    /// The modes that it offers and we understand.
    fn modes(&mut self) -> Result<Vec<Mode>, CameraError>;

    /// Starts delivery in exactly this mode; returns the bytes from row to row.
    fn start(&mut self, mode: Mode) -> Result<usize, CameraError>;

    /// Lends the next picture as it lies in the driver's buffer.
    fn picture(&mut self) -> Result<Cow<'_, [u8]>, CameraError>;
}

/// How long a camera may be silent, and when to try again.
#[derive(Clone, Debug)]
pub struct Watch {
    silence_ms_max: u64,
    opening_ms_max: u64,
    backoff_ms: u64,
    backoff_ms_min: u64,
    backoff_ms_max: u64,
    alive_ms: u64,
    has_delivered: bool,
    retry_ms: u64,
}

impl Watch {
    /// A second of silence; opening may take five; retries after 0.5 s, doubling up to 5 s.
    pub const fn new() -> Self {
        Self {
            silence_ms_max: 1000,
            opening_ms_max: 5000,
            backoff_ms: 500,
            backoff_ms_min: 500,
            backoff_ms_max: 5000,
            alive_ms: 0,
            has_delivered: false,
            retry_ms: 0,
        }
    }

    /// All times divided by `factor`, for tests.
    #[cfg(test)]
    fn hurried(factor: u64) -> Self {
        let mut watch = Self::new();
        watch.silence_ms_max /= factor;
        watch.opening_ms_max /= factor;
        watch.backoff_ms /= factor;
        watch.backoff_ms_min /= factor;
        watch.backoff_ms_max /= factor;
        watch
    }

    fn opened(&mut self, now_ms: u64) {
        (self.alive_ms, self.has_delivered) = (now_ms, false);
    }

    fn delivered(&mut self, now_ms: u64) {
        (self.alive_ms, self.has_delivered) = (now_ms, true);
        self.backoff_ms = self.backoff_ms_min;
    }

    fn is_silent(&self, now_ms: u64) -> bool {
        let limit_ms = if self.has_delivered { self.silence_ms_max } else { self.opening_ms_max };
        now_ms.saturating_sub(self.alive_ms) > limit_ms
    }

    fn failed(&mut self, now_ms: u64) {
        self.retry_ms = now_ms + self.backoff_ms;
        self.backoff_ms = (self.backoff_ms * 2).min(self.backoff_ms_max);
    }

    const fn wait_ms(&self, now_ms: u64) -> u64 {
        self.retry_ms.saturating_sub(now_ms)
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

/// Damaged pictures in a row after which the camera is reopened.
const DAMAGED_MAX: u32 = 30;
/// Threads that hang in a driver before no more are started.
const HANGING_MAX: usize = 3;

/// The camera to open of those that are there: the one asked for, and after that the one that was
/// open before, by the port it was plugged into.
fn pick<'a>(nodes: &'a [Node], wanted: Option<&Path>, last: Option<&Node>) -> Option<&'a Node> {
    let by_port = |node: &&Node| last.is_some_and(|l| l.port.is_some() && l.port == node.port);
    match wanted {
        None => nodes.iter().find(by_port).or(nodes.first()),
        Some(path) => nodes
            .iter()
            .find(|node| node.port.as_deref() == Some(path))
            .or_else(|| nodes.iter().find(by_port))
            .or_else(|| nodes.iter().find(|node| last.is_none() && node.path == path)),
    }
}

#[derive(Default)]
struct Report {
    name: String,
    mode: Option<Mode>,
    error: Option<CameraError>,
}

struct Owner {
    mailbox: Arc<Mailbox>,
    report: Arc<Mutex<Report>>,
}

/// A camera under supervision.
pub struct CameraSource<B: Bus> {
    bus: B,
    wanted: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    watch: Watch,
    owner: Option<Owner>,
    last: Option<Node>,
    alive: Arc<AtomicUsize>,
    state: SourceState,
}

impl<B: Bus> CameraSource<B> {
    /// Supervises `wanted`, or the first camera there is. Opens nothing yet.
    pub fn new(bus: B, wanted: Option<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        let state = SourceState::Lost { reason: "the camera is being opened".into() };
        let (watch, alive) = (Watch::new(), Arc::default());
        Self { bus, wanted, clock, watch, owner: None, last: None, alive, state }
    }

    fn lose(&mut self, error: &CameraError) -> Next {
        if let Some(owner) = self.owner.take() {
            // The thread ends when the driver lets go of it.
            owner.mailbox.close();
        }
        self.watch.failed(self.clock.now_ms());
        let reason = match error {
            CameraError::Damaged(inner) => format!("{error}: {inner}"),
            _ => error.to_string(),
        };
        let state = SourceState::Lost { reason };
        if self.state != state {
            tracing::warn!(%error, "camera lost");
            self.state = state;
        }
        Next::Gone
    }

    fn start(&mut self) -> Result<Owner, CameraError> {
        if self.alive.load(Ordering::Acquire) >= HANGING_MAX {
            return Err(CameraError::Failed("its driver hangs; plug it in again".into()));
        }
        let nodes = catch_unwind(AssertUnwindSafe(|| self.bus.nodes()))
            .map_err(|_| CameraError::Panicked)?;
        let node = pick(&nodes, self.wanted.as_deref(), self.last.as_ref())
            .ok_or(CameraError::Absent)?
            .clone();
        self.last = Some(node.clone());
        let mailbox = Arc::new(Mailbox::default());
        let report = Arc::new(Mutex::new(Report { name: node.name.clone(), ..Report::default() }));
        let owner = Owner { mailbox: mailbox.clone(), report: report.clone() };
        let (bus, clock, alive) = (self.bus.clone(), self.clock.clone(), self.alive.clone());
        alive.fetch_add(1, Ordering::AcqRel);
        let counted = alive.clone();
        let spawned = std::thread::Builder::new().name("camera".into()).spawn(move || {
            let error = own(&bus, &node, &*clock, (&mailbox, &report)).err();
            report.lock().unwrap_or_else(PoisonError::into_inner).error = error;
            mailbox.close();
            counted.fetch_sub(1, Ordering::AcqRel);
        });
        if let Err(error) = spawned {
            alive.fetch_sub(1, Ordering::AcqRel);
            return Err(CameraError::Failed(error.to_string()));
        }
        Ok(owner)
    }
}

/// Owns a camera until it fails or nobody wants its pictures.
///
/// The binding's `Drop` may panic, and a panic during a panic aborts: the device is dropped apart.
fn own<B: Bus>(
    bus: &B,
    node: &Node,
    clock: &dyn Clock,
    (mailbox, report): (&Mailbox, &Mutex<Report>),
) -> Result<(), CameraError> {
    let opened = catch_unwind(AssertUnwindSafe(|| bus.open(node)));
    let mut device = ManuallyDrop::new(opened.map_err(|_| CameraError::Panicked)??);
    let outcome =
        catch_unwind(AssertUnwindSafe(|| deliver(&mut **device, clock, (mailbox, report))));
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(ManuallyDrop::into_inner(device))));
    match (outcome, dropped) {
        (Ok(outcome), Ok(())) => outcome,
        (Ok(Err(error)), Err(_)) => Err(error),
        _ => Err(CameraError::Panicked),
    }
}

fn deliver(
    device: &mut dyn Device,
    clock: &dyn Clock,
    (mailbox, report): (&Mailbox, &Mutex<Report>),
) -> Result<(), CameraError> {
    let mode = choose(&device.modes()?).ok_or(CameraError::NoMode)?;
    let stride = device.start(mode)?;
    tracing::info!(?mode, "camera started");
    report.lock().unwrap_or_else(PoisonError::into_inner).mode = Some(mode);
    let mut frame = Frame::default();
    let mut damaged = 0;
    while !mailbox.is_closed() {
        let raw = device.picture()?;
        match take_luma(mode, stride, &raw, &mut frame) {
            Ok(()) => {
                damaged = 0;
                frame.taken_ms = clock.now_ms();
                drop(raw);
                frame = mailbox.put(frame);
            }
            Err(error) => {
                damaged += 1;
                if damaged >= DAMAGED_MAX {
                    return Err(CameraError::Damaged(error));
                }
            }
        }
    }
    Ok(())
}

impl<B: Bus> FrameSource for CameraSource<B> {
    fn next(&mut self, frame: &mut Frame, patience: Duration) -> Next {
        let now_ms = self.clock.now_ms();
        if self.owner.is_none() {
            let wait = Duration::from_millis(self.watch.wait_ms(now_ms));
            if !wait.is_zero() {
                std::thread::sleep(wait.min(patience));
                return Next::Gone;
            }
            match self.start() {
                Ok(owner) => self.owner = Some(owner),
                Err(error) => return self.lose(&error),
            }
            self.watch.opened(now_ms);
        }
        let Some(owner) = &self.owner else { return Next::Gone };
        match owner.mailbox.take(patience) {
            Taken::Frame(taken) => {
                let old = std::mem::replace(frame, taken);
                owner.mailbox.give_back(old);
                self.watch.delivered(self.clock.now_ms());
                if !matches!(self.state, SourceState::Camera { .. }) {
                    let report = owner.report.lock().unwrap_or_else(PoisonError::into_inner);
                    self.state = SourceState::Camera { name: report.name.clone() };
                }
                Next::Frame
            }
            Taken::Timeout if self.watch.is_silent(self.clock.now_ms()) => {
                self.lose(&CameraError::Failed("no picture comes".into()))
            }
            Taken::Timeout => Next::Timeout,
            Taken::Closed => {
                let mut report = owner.report.lock().unwrap_or_else(PoisonError::into_inner);
                let error = report.error.take().unwrap_or(CameraError::Unplugged);
                drop(report);
                self.lose(&error)
            }
        }
    }

    fn state(&self) -> SourceState {
        self.state.clone()
    }

    fn mode(&self) -> Option<Mode> {
        let owner = self.owner.as_ref()?;
        owner.report.lock().unwrap_or_else(PoisonError::into_inner).mode
    }
}

impl<B: Bus> Drop for CameraSource<B> {
    fn drop(&mut self) {
        if let Some(owner) = &self.owner {
            owner.mailbox.close();
        }
    }
}

#[cfg(test)]
#[path = "camera_test.rs"]
mod tests;
