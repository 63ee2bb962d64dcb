//! `crossroads doctor`: looks at everything that a sale needs and says what to do about each fault.

use super::say;
use super::session::{AT_NEXT_START, SessionArguments, advice};
use clap::Args;
use crossroads::app::clock::{SKEW_MAX_MS, is_absurd};
use domain::time::Clock;
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use store::examine::{self, Examination};
use store::{ChainReport, DiskGauge, FileKeyStore, OpenError, StoreOptions, SystemDisk};
use sync::call::{Central, Reply, Request};
use sync::http::HttpCentral;
use sync::ports::TerminalIdentity;

/// What to examine.
#[derive(Args, Clone, Debug)]
pub struct DoctorArguments {
    #[command(flatten)]
    session: SessionArguments,
    #[command(flatten)]
    scanners: super::scanners::ScannerArguments,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Ok,
    /// Selling works; somebody should look at it.
    Warning,
    /// Selling does not work, or sales do not reach central.
    Fault,
}

#[derive(Clone, Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    detail: String,
    /// What to do; empty when nothing.
    advice: String,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, state: State::Ok, detail: detail.into(), advice: String::new() }
    }
    fn warning(name: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, state: State::Warning, detail: detail.into(), advice: advice.into() }
    }
    fn fault(name: &'static str, detail: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, state: State::Fault, detail: detail.into(), advice: advice.into() }
    }
}

/// Below this the disk is nearly full.
const DISK_MIN: u64 = 200 * 1024 * 1024;

/// Runs all checks; success means that nothing is at fault.
pub fn doctor(arguments: &DoctorArguments) -> ExitCode {
    let clock: Arc<dyn Clock> = super::rim::SystemClock::start();
    let data = &arguments.session.data;
    // A doctor examines; it makes, mends and moves nothing, and a terminal at work goes on.
    let (options, keys) = (StoreOptions::in_directory(data), FileKeyStore::in_directory(data));
    let examined = examine::examine(&options, &keys);
    let mut checks = vec![database(&examined)];
    let is_missing = matches!(examined, Err(OpenError::Missing(_)));
    let examined = examined.as_ref().ok();
    checks.extend(examined.map(|found| journal(&found.chain)));
    checks.push(disk(data));
    let (central, server_time_ms) = match examined.map(|found| found.terminal.as_ref()) {
        None if !is_missing => (central_unknown(), None),
        terminal => central(terminal.flatten()),
    };
    checks.push(clock_check(clock.now().0, server_time_ms));
    checks.push(central);
    checks.push(camera());
    checks.push(scanners(&arguments.scanners));
    checks.push(printer(&arguments.session.printer));
    report(&checks, arguments.json);
    let is_ill = checks.iter().any(|check| check.state == State::Fault);
    if is_ill { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn report(checks: &[Check], json: bool) {
    if json {
        say(&serde_json::json!({ "checks": checks }).to_string());
        return;
    }
    for check in checks {
        let sign = match check.state {
            State::Ok => "ok     ",
            State::Warning => "warning",
            State::Fault => "FAULT  ",
        };
        say(&format!("{sign}  {:<9} {}", check.name, check.detail));
        if !check.advice.is_empty() {
            say(&format!("                   -> {}", check.advice));
        }
    }
}

fn database(examined: &Result<Examination, OpenError>) -> Check {
    const NAME: &str = "database";
    match examined {
        Ok(found) if found.faults.is_empty() => Check::ok(NAME, "opens, encrypted, and is whole"),
        Ok(found) => Check::fault(
            NAME,
            format!("{} pages or rows are damaged", found.faults.len()),
            "Copy the data folder to a safe place now, then call support.",
        ),
        Err(error @ OpenError::Missing(_)) => {
            Check::warning(NAME, error.to_string(), advice(error).unwrap_or_default())
        }
        Err(OpenError::Damaged { detail, .. }) => {
            Check::fault(NAME, format!("damaged: {detail}"), AT_NEXT_START)
        }
        Err(error) => {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
            let detail = format!("{error}{}", cause.unwrap_or_default());
            let otherwise =
                || "Check that the folder exists and belongs to the terminal's user.".into();
            Check::fault(NAME, detail, advice(error).unwrap_or_else(otherwise))
        }
    }
}

fn journal(chain: &ChainReport) -> Check {
    const NAME: &str = "journal";
    match &chain.fault {
        None => Check::ok(NAME, format!("{} events, the chain holds", chain.events)),
        Some(fault) => Check::fault(
            NAME,
            format!("event {} does not fit: {}", fault.seq, fault.what),
            "Somebody or something changed the journal. Keep the data folder, call support.",
        ),
    }
}

fn disk(data: &Path) -> Check {
    const NAME: &str = "disk";
    // The folder may not be made yet; its file system is that of the first parent which is there.
    let existing = data.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    match SystemDisk::new(existing).space() {
        Ok(space) => {
            let free = format!("{} MB free", space.free_bytes / 1_000_000);
            if space.free_bytes < DISK_MIN {
                Check::fault(NAME, free, "Make room: sales stop when the disk is full.")
            } else if space.is_low() {
                Check::warning(NAME, free, "Make room soon: the catalogue is no longer updated.")
            } else {
                Check::ok(NAME, free)
            }
        }
        Err(error) => Check::fault(NAME, error.to_string(), "Check that the data folder exists."),
    }
}

fn clock_check(now_ms: i64, server_time_ms: Option<i64>) -> Check {
    const NAME: &str = "clock";
    const ADVICE: &str = "Set date and time of this device (timedatectl set-ntp true).";
    let shown = domain::time::DeviceTime(now_ms).to_string();
    if is_absurd(now_ms) {
        return Check::fault(NAME, format!("says {shown}"), ADVICE);
    }
    match server_time_ms.map(|server| server - now_ms) {
        Some(skew) if skew.abs() > SKEW_MAX_MS => {
            let detail = format!("{} s off central's", skew / 1000);
            Check::warning(NAME, detail, ADVICE)
        }
        Some(skew) => Check::ok(NAME, format!("says {shown}, {skew} ms off central's")),
        None => Check::warning(
            NAME,
            format!("says {shown}; central could not be asked"),
            "Compare it with another clock.",
        ),
    }
}

/// The address of central stands in the database, which does not open: that says nothing about an enrolment.
fn central_unknown() -> Check {
    let detail = "not asked: its address stands in the database";
    Check::warning("central", detail, "First see to the database, above.")
}

/// How central is, and what time it has.
fn central(identity: Option<&TerminalIdentity>) -> (Check, Option<i64>) {
    const NAME: &str = "central";
    let Some(identity) = identity else {
        let check = Check::warning(
            NAME,
            "this device is not enrolled",
            "Start the terminal and enrol it with a code from central.",
        );
        return (check, None);
    };
    let advice = "Sales go on and wait here. Check the network, then that central runs.";
    let unreachable = |detail: String| (Check::fault(NAME, detail, advice), None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (Ok(runtime), Ok(central)) = (runtime, HttpCentral::new(&identity.central)) else {
        return unreachable(format!("{} is no address", identity.central));
    };
    let answer = runtime.block_on(async {
        let call = central.call(None, &Request::Contract);
        tokio::time::timeout(Duration::from_secs(10), call).await
    });
    match answer {
        Ok(Ok(Reply::Contract(contract))) => {
            let detail = format!("{} at {}", contract.software, identity.central);
            (Check::ok(NAME, detail), Some(contract.server_time_ms))
        }
        Ok(Ok(_)) => unreachable(format!("{} answers nonsense", identity.central)),
        Ok(Err(fault)) => unreachable(format!("{}: {fault}", identity.central)),
        Err(_) => unreachable(format!("{} does not answer", identity.central)),
    }
}

fn camera() -> Check {
    const NAME: &str = "camera";
    let cameras = scan::source::camera_names();
    if cameras.is_empty() {
        Check::warning(
            NAME,
            "none found",
            "Plug one in, or use a scanner that types; check membership in the group `video`.",
        )
    } else {
        Check::ok(NAME, cameras.join(", "))
    }
}

fn scanners(arguments: &super::scanners::ScannerArguments) -> Check {
    const NAME: &str = "scanners";
    match super::scanners::examine(arguments) {
        (detail, advice) if advice.is_empty() => Check::ok(NAME, detail),
        (detail, advice) => Check::warning(NAME, detail, advice),
    }
}

fn printer(name: &str) -> Check {
    const NAME: &str = "printer";
    match devices::open(name) {
        Ok(None) => Check::ok(NAME, "none configured"),
        Ok(Some(mut printer)) => match printer.status() {
            Ok(status) => Check::ok(NAME, format!("{name}: {status:?}")),
            Err(error) => Check::fault(
                NAME,
                format!("{name}: {error}"),
                "Check power, cable and paper; receipts stay on the screen meanwhile.",
            ),
        },
        Err(error) => Check::fault(NAME, error.to_string(), "Check --printer."),
    }
}
