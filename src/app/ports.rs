//! What the view-models need of the world besides the store: ports, implemented in the composition root and by
//! doubles in tests. None of these calls may block: answers come back as [`super::terminal::Input`].

use domain::id::IdSource;
use domain::time::{Clock, DeviceTime};
use std::sync::Arc;
use sync::ports::TerminalIdentity;

use super::screen::Line;

/// What the sync runner says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineStatus {
    /// How the line is.
    pub line: Line,
    /// When central last answered, by this device's clock.
    pub last_contact: Option<DeviceTime>,
    /// Central's clock minus this device's, in milliseconds, once known.
    pub clock_offset_ms: Option<i64>,
    /// Message code of the last problem, and a value that its sentence names.
    pub problem: Option<(String, String)>,
    /// A request is under way.
    pub is_busy: bool,
    /// Traffic is cut on purpose.
    pub is_cut: bool,
    /// Progress of the first sync in percent, as far as the runner knows.
    pub first_sync_percent: u32,
}

/// The sync runner.
pub trait SyncPort: Send {
    /// Something is waiting: try now.
    fn nudge(&self);
    /// Cuts or mends the line on purpose.
    fn cut(&self, is_cut: bool);
    /// What it is doing.
    fn status(&self) -> LineStatus;
    /// Starts to work for a terminal that was just enrolled.
    fn start(&self, identity: &TerminalIdentity);
    /// Asks central to enrol this device; the answer comes as `Input::Enrolled`.
    fn enrol(&self, central: &str, code: &str);
}

/// A device that was just accepted by central.
#[derive(Clone, Debug, PartialEq)]
pub struct Enrolment {
    /// Who this device is now.
    pub identity: TerminalIdentity,
    /// Six digits, equal here and in the back office.
    pub confirmation: String,
}

/// Why central did not accept this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolRefusal {
    /// Message code, such as `enrol-refused`.
    pub code: String,
}

/// Checks PINs. Slow on purpose (Argon2id), so it is called once a try.
pub trait PinVerifier: Send {
    /// Whether `pin` fits `verifier` (PHC string).
    fn verify(&self, pin: &str, verifier: &str) -> bool;
}

/// The receipt printer.
pub trait PrinterPort: Send {
    /// Whether one is configured.
    fn is_configured(&self) -> bool;
    /// Prints in the background; the answer comes as `Input::Printed`.
    fn print(&self, receipt: super::receipt::PrintJob);
    /// Prints the code of a basket put aside; the answer comes as `Input::SlipPrinted`.
    fn print_slip(&self, slip: super::park::SlipJob);
    /// Prints a counted list; the answer comes as `Input::CountPrinted`.
    fn print_count(&self, count: super::count_print::CountJob);
}

/// The camera.
pub trait CameraPort: Send {
    /// Looks at everything in view; what was read comes as `Input::Picture`.
    fn take_picture(&self);
}

/// Everything the view-models are given.
pub struct Parts {
    /// The terminal's database.
    pub store: store::Store,
    /// The device's clock.
    pub clock: Arc<dyn Clock>,
    /// Identities of baskets, lines, orders.
    pub ids: Box<dyn IdSource + Send>,
    /// Sync.
    pub sync: Box<dyn SyncPort>,
    /// PINs.
    pub pins: Box<dyn PinVerifier>,
    /// Printer.
    pub printer: Box<dyn PrinterPort>,
    /// Camera.
    pub camera: Box<dyn CameraPort>,
    /// Name and version of this software, sent at enrolment.
    pub software: String,
}
