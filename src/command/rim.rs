//! The rims of the program: the only clock, dice, sync runtime and printer thread, as the ports want them.
//!
//! Everything behind the ports is deterministic; what is not is here and in `main.rs` (invariant 11).

use argon2::password_hash::PasswordVerifier;
use crossroads::app::count_print::CountJob;
use crossroads::app::park::SlipJob;
use crossroads::app::ports::{
    CameraPort, EnrolRefusal, Enrolment, LineStatus, PinVerifier, PrinterPort, SyncPort,
};
use crossroads::app::receipt::PrintJob;
use crossroads::app::runner::Inputs;
use crossroads::app::screen::Line;
use crossroads::app::terminal::Input;
use domain::id::IdSource;
use domain::time::{Clock, DeviceTime};
use rand::Rng;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use store::Store;
use sync::enrol::EnrolFailure;
use sync::http::HttpCentral;
use sync::ports::TerminalIdentity;
use sync::runner::{RunnerHandle, RunnerPorts};
use sync::status::{SyncProblem, SyncStatus};
use tokio::runtime::Handle;
use uuid::Uuid;

/// The clocks of this machine.
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts counting.
    #[allow(clippy::disallowed_methods, reason = "this is the rim where time comes in")]
    pub fn start() -> Arc<Self> {
        Arc::new(Self { start: Instant::now() })
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the rim where time comes in")]
    fn now(&self) -> DeviceTime {
        let now = SystemTime::now();
        // A clock before 1970 is a negative number, not an error.
        let ms = match now.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()),
            Err(before) => i64::try_from(before.duration().as_millis()).map(|ms| -ms),
        };
        DeviceTime(ms.unwrap_or(i64::MAX))
    }
    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Version 7 UUIDs from the clock and the operating system's dice.
pub struct RandomIds(pub Arc<dyn Clock>);

impl IdSource for RandomIds {
    #[allow(clippy::disallowed_methods, reason = "this is the rim where dice come in")]
    fn next_uuid(&mut self) -> Uuid {
        let ms = u64::try_from(self.0.now().0).unwrap_or(0);
        let mut random = [0u8; 10];
        rand::rng().fill_bytes(&mut random);
        uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid()
    }
}

/// The secret half of a new device key.
#[allow(clippy::disallowed_methods, reason = "this is the rim where dice come in")]
pub fn fresh_device_key() -> sync::ports::DeviceKey {
    let mut seed = [0u8; 32];
    rand::rng().fill_bytes(&mut seed);
    sync::ports::DeviceKey(seed)
}

/// Argon2id, with the parameters that the verifier names.
pub struct ArgonPins;

impl PinVerifier for ArgonPins {
    fn verify(&self, pin: &str, verifier: &str) -> bool {
        let Ok(hash) = argon2::password_hash::phc::PasswordHash::new(verifier) else {
            return false;
        };
        argon2::Argon2::default().verify_password(pin.as_bytes(), &hash).is_ok()
    }
}

/// Sync on a tokio runtime.
pub struct SyncRim {
    runtime: Handle,
    store: Store,
    clock: Arc<dyn Clock>,
    inputs: Inputs,
    software: String,
    runner: Mutex<Option<RunnerHandle>>,
    trying: Arc<Mutex<Option<Trying>>>,
}

/// A code that was tried, and the key it was tried with: the answer may have got lost, and central answers again only
/// to the same key.
struct Trying {
    central: String,
    code: String,
    key: sync::ports::DeviceKey,
}

impl SyncRim {
    /// A rim that starts to work when the terminal is enrolled.
    pub fn new(
        runtime: Handle,
        store: Store,
        clock: Arc<dyn Clock>,
        inputs: Inputs,
        software: &str,
    ) -> Self {
        let software = software.to_owned();
        let (runner, trying) = (Mutex::default(), Arc::default());
        Self { runtime, store, clock, inputs, software, runner, trying }
    }

    fn key_to_try(&self, central: &str, code: &str) -> sync::ports::DeviceKey {
        let mut trying = self.trying.lock().unwrap_or_else(PoisonError::into_inner);
        let tried = trying.as_ref().filter(|last| last.central == central && last.code == code);
        let key = tried.map_or_else(fresh_device_key, |last| last.key.clone());
        *trying = Some(Trying { central: central.into(), code: code.into(), key: key.clone() });
        key
    }

    fn with_runner<R>(&self, use_it: impl FnOnce(&RunnerHandle) -> R) -> Option<R> {
        let runner = self.runner.lock().unwrap_or_else(PoisonError::into_inner);
        runner.as_ref().map(use_it)
    }
}

/// What a problem is called on the screen.
fn problem_code(problem: SyncProblem) -> &'static str {
    match problem {
        SyncProblem::Unreachable | SyncProblem::TimedOut => "central-unreachable",
        SyncProblem::NotCentral => "central-garbage",
        SyncProblem::DiskLow => "disk-low",
        SyncProblem::StorageFailed => "internal",
        SyncProblem::UpgradeNeeded => "upgrade-required",
        SyncProblem::EnrolAgain | SyncProblem::EpochOutdated => "enrol-again",
        SyncProblem::CentralOutdated => "central-outdated",
        refusal if refusal.is_refusal() => "central-refuses-terminal",
        _ => "central-error",
    }
}

fn line_status(status: &SyncStatus) -> LineStatus {
    use sync::status::Line as SyncLine;
    LineStatus {
        line: match status.line {
            SyncLine::Unknown => Line::Unknown,
            SyncLine::Online => Line::Online,
            SyncLine::Offline => Line::Offline,
            SyncLine::Troubled => Line::Troubled,
            SyncLine::Refused => Line::Refused,
        },
        last_contact: status.last_contact,
        clock_offset_ms: status.clock_offset_ms,
        problem: status
            .problem
            .map(|problem| (problem_code(problem).to_owned(), problem.code().to_owned())),
        is_busy: status.is_busy,
        is_cut: status.is_cut,
        first_sync_percent: u32::from(status.percent),
    }
}

fn enrol_code(failure: &EnrolFailure) -> &'static str {
    match failure {
        EnrolFailure::Refused => "enrol-refused",
        EnrolFailure::Unreachable => "enrol-unreachable",
        EnrolFailure::Garbage => "central-garbage",
        EnrolFailure::TooManyAttempts { .. } => "too-many-attempts",
        EnrolFailure::CentralTrouble { .. } => "central-error",
    }
}

impl SyncPort for SyncRim {
    fn nudge(&self) {
        self.with_runner(RunnerHandle::nudge);
    }

    fn cut(&self, is_cut: bool) {
        self.with_runner(|runner| runner.cut(is_cut));
    }

    fn status(&self) -> LineStatus {
        self.with_runner(|runner| line_status(&runner.status().borrow())).unwrap_or_default()
    }

    #[allow(clippy::disallowed_methods, reason = "this is the rim where dice come in")]
    fn start(&self, identity: &TerminalIdentity) {
        let central = match HttpCentral::new(&identity.central) {
            Ok(central) => Arc::new(central),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no address of central");
                return;
            }
        };
        let ports = RunnerPorts {
            store: Arc::new(self.store.clone()),
            central,
            clock: Arc::clone(&self.clock),
            rng: Box::new(rand::rngs::StdRng::from_rng(&mut rand::rng())),
        };
        let runner = sync::runner::spawn(ports, &self.runtime);
        let (mut status, inputs) = (runner.status(), self.inputs.clone());
        self.runtime.spawn(async move {
            while status.changed().await.is_ok() {
                inputs.send(Input::SyncMoved);
                // Rows can move faster than eyes; ten times a second is enough.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        });
        runner.nudge();
        *self.runner.lock().unwrap_or_else(PoisonError::into_inner) = Some(runner);
    }

    fn enrol(&self, central: &str, code: &str) {
        let (inputs, software) = (self.inputs.clone(), self.software.clone());
        let known = sync::enrol::known_lives(&self.store).unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "former lives are unknown");
            Vec::new()
        });
        let (central, code) = (central.to_owned(), code.to_owned());
        let (key, trying) = (self.key_to_try(&central, &code), Arc::clone(&self.trying));
        self.runtime.spawn(async move {
            let answer = match HttpCentral::new(&central) {
                Ok(central) => sync::enrol::enrol(&central, &code, &software, &known, key).await,
                Err(_) => Err(EnrolFailure::Unreachable),
            };
            if answer.is_ok() {
                // A key is of one life.
                *trying.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            inputs.send(Input::Enrolled(match answer {
                Ok(done) => {
                    Ok(Enrolment { identity: done.identity, confirmation: done.confirmation })
                }
                Err(failure) => Err(EnrolRefusal { code: enrol_code(&failure).to_owned() }),
            }));
        });
    }
}

use rand::SeedableRng;

/// The printer on a thread of its own: paper may take seconds, the next sale may not.
pub struct PrinterRim {
    jobs: Option<SyncSender<Paper>>,
    inputs: Inputs,
}

/// What is printed.
enum Paper {
    Receipt(PrintJob),
    Slip(SlipJob),
    Count(Box<CountJob>),
}

impl Paper {
    /// What the terminal hears of it.
    fn answer(&self, printed: Result<(), String>) -> Input {
        match self {
            Self::Receipt(job) => Input::Printed(job.order, printed),
            Self::Slip(job) => Input::SlipPrinted(job.basket, printed),
            Self::Count(_) => Input::CountPrinted(printed),
        }
    }
}

impl PrinterRim {
    /// More receipts than this waiting means that nobody looks at the printer.
    const JOBS_MAX: usize = 32;

    /// Starts the thread for a configured printer.
    pub fn start(printer: Option<Box<dyn devices::Printer + Send>>, inputs: Inputs) -> Self {
        let Some(mut printer) = printer else {
            return Self { jobs: None, inputs };
        };
        let (jobs, queue) = sync_channel::<Paper>(Self::JOBS_MAX);
        let answers = inputs.clone();
        let work = move || {
            for job in queue {
                let printed = match &job {
                    Paper::Receipt(job) => super::paper::print(printer.as_mut(), job),
                    Paper::Slip(job) => super::paper::print_slip(printer.as_mut(), job),
                    Paper::Count(job) => super::paper_count::print(printer.as_mut(), job),
                };
                let printed = printed.map_err(|error| {
                    tracing::warn!(error = &error as &dyn std::error::Error, "not printed");
                    "printer-failed".to_owned()
                });
                answers.send(job.answer(printed));
            }
        };
        std::thread::Builder::new()
            .name("printer".into())
            .spawn(work)
            .expect("the system can start one thread");
        Self { jobs: Some(jobs), inputs }
    }

    fn give(&self, job: Paper) {
        let Some(jobs) = &self.jobs else { return };
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) = jobs.try_send(job) {
            self.inputs.send(job.answer(Err("printer-failed".to_owned())));
        }
    }
}

impl PrinterPort for PrinterRim {
    fn is_configured(&self) -> bool {
        self.jobs.is_some()
    }
    fn print(&self, receipt: PrintJob) {
        self.give(Paper::Receipt(receipt));
    }
    fn print_slip(&self, slip: SlipJob) {
        self.give(Paper::Slip(slip));
    }
    fn print_count(&self, count: CountJob) {
        self.give(Paper::Count(Box::new(count)));
    }
}

/// The camera's shutter. The view-models are made before the window and the camera are, so it is hung in later; until
/// then nothing comes.
#[derive(Clone, Default)]
pub struct CameraRim(Arc<std::sync::OnceLock<Arc<scan::Scanner>>>);

impl CameraRim {
    /// From now on pictures are taken by this one.
    pub fn connect(&self, scanner: Arc<scan::Scanner>) {
        let _ = self.0.set(scanner);
    }
}

impl CameraPort for CameraRim {
    fn take_picture(&self) {
        if let Some(scanner) = self.0.get() {
            scanner.take_picture();
        }
    }
}
