//! Hand scanners: `crossroads scanners` lists them and shows what they send, `run` sells with them, `doctor` says what
//! stands in their way.

use super::say;
use clap::Args;
use crossroads::app::runner::Inputs;
use crossroads::app::terminal::Input;
use crossroads::app::visible::masked;
use scan::source::hand::{
    Access, Found, HandEvent, HandScanners, HandSettings, HandState, SystemBus, survey,
};
use scan::{Clock, Scanner};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

/// Which hand scanners are read.
#[derive(Args, Clone, Debug)]
pub struct ScannerArguments {
    /// Hand scanners, `;` between: `auto`, `none`, `evdev:…`, `serial:…` (docs/SCANNERS.md).
    #[arg(long, env = "CROSSROADS_SCANNERS", default_value = "auto")]
    pub scanners: HandSettings,
}

/// What to try.
#[derive(Args, Clone, Debug)]
pub struct TryArguments {
    #[command(flatten)]
    scanners: ScannerArguments,
    /// Lists them and ends, without waiting for a code.
    #[arg(long)]
    list: bool,
    /// One JSON object a line instead of text.
    #[arg(long)]
    json: bool,
}

/// Texts that wait at most to be written.
const EVENTS_MAX: usize = 64;

/// Sells with them: codes take the way of the camera's, so that one pack rings once.
pub fn start(
    arguments: &ScannerArguments,
    clock: Arc<dyn Clock>,
    scanner: Arc<Scanner>,
    inputs: Inputs,
) -> std::io::Result<HandScanners> {
    let words = move |code: &str, name: String| inputs.send(Input::Scanner(code.into(), name));
    HandScanners::start(arguments.scanners.clone(), SystemBus::default(), clock, move |event| {
        match event {
            HandEvent::Code { code, at_ms } => scanner.inject(code, at_ms),
            HandEvent::Garbled { name } => words("scanner-garbled", name),
            HandEvent::State { name, state, .. } => match state {
                HandState::Ready => {}
                HandState::Gone => words("scanner-gone", name),
                HandState::Forbidden | HandState::Busy | HandState::Failed => {
                    words("scanner-unusable", name);
                }
            },
        }
    })
}

/// Lists the scanners, then prints every code until somebody ends it.
pub fn try_out(arguments: &TryArguments) -> anyhow::Result<ExitCode> {
    let settings = &arguments.scanners.scanners;
    let all = survey(settings, &SystemBus::default());
    let is_one_used = all.iter().any(|found| matches!(found.access, Access::Usable));
    for found in all {
        let (state, advice) = state_of(&found);
        if arguments.json {
            let path = found.path.display().to_string();
            let line = serde_json::json!({ "scanner": found.name, "path": path, "state": state });
            say(&line.to_string());
        } else {
            say(&format!("{:<10} {}", state, title(&found)));
            if !advice.is_empty() {
                say(&format!("           -> {advice}"));
            }
        }
    }
    if arguments.list {
        return Ok(ExitCode::SUCCESS);
    }
    let (sender, events) = sync_channel(EVENTS_MAX);
    let clock: Arc<dyn Clock> = Arc::new(scan::MonotonicClock::start());
    // Nobody listening any more ends the program; then nothing is lost.
    let tell = move |event| drop(sender.send(event));
    let _scanners = HandScanners::start(settings.clone(), SystemBus::default(), clock, tell)?;
    if !arguments.json {
        say(match is_one_used {
            true => "scan something; Ctrl-C ends",
            false => {
                "no scanner is used: plug one in, or name it (docs/SCANNERS.md); it is read as soon as it is there; \
                 Ctrl-C ends"
            }
        });
    }
    for event in events {
        say(&match arguments.json {
            true => json(&event).to_string(),
            false => words(&event),
        });
    }
    Ok(ExitCode::SUCCESS)
}

fn json(event: &HandEvent) -> serde_json::Value {
    match event {
        HandEvent::Code { code, at_ms } => serde_json::json!({
            "symbology": code.symbology.name(),
            "text": masked(code).unwrap_or_else(|| code.text.clone()),
            "add_on": code.add_on.map(|add_on| add_on.to_string()), "kind": code.meaning.kind(),
            "gtin": code.gtin().map(|gtin| gtin.to_gtin14()),
            "fault": code.fault.as_ref().map(ToString::to_string), "at_ms": at_ms,
        }),
        HandEvent::State { name, path, state } => serde_json::json!({
            "scanner": name, "path": path.display().to_string(),
            "state": format!("{state:?}").to_lowercase(),
        }),
        HandEvent::Garbled { name } => serde_json::json!({ "scanner": name, "state": "garbled" }),
    }
}

fn words(event: &HandEvent) -> String {
    match event {
        HandEvent::Code { code, .. } => {
            let fault = code.fault.as_ref().map(|fault| format!("  ({fault})"));
            // GS and its like are shown, not sent to the terminal of whoever looks.
            let text = masked(code).unwrap_or_else(|| code.text.escape_debug().to_string());
            let beside = code.add_on.map(|add_on| format!(" +{add_on}")).unwrap_or_default();
            let (symbology, kind) = (code.symbology.name(), code.meaning.kind());
            let fault = fault.unwrap_or_default();
            format!("{symbology:<16} {kind:<10} {text}{beside}{fault}")
        }
        HandEvent::State { name, path, state } => {
            format!("{state:?}: {name} ({})", path.display())
        }
        HandEvent::Garbled { name } => {
            format!("{name}: what came is no whole code (speed, end or layout?), it was dropped")
        }
    }
}

fn title(found: &Found) -> String {
    match found.path.as_os_str().is_empty() {
        true => found.name.clone(),
        false => format!("{} ({})", found.name, found.path.display()),
    }
}

/// A word for the state of a device, and what to do about it.
pub fn state_of(found: &Found) -> (&'static str, String) {
    match &found.access {
        Access::Usable => ("used", String::new()),
        Access::Unnamed => ("not used", String::new()),
        Access::Absent => {
            ("absent", "Plug it in, or correct the line of the configuration that names it.".into())
        }
        Access::Forbidden { group: Some(group) } => (
            "forbidden",
            format!(
                "Let the terminal's user use it: usermod --append --groups {group} USER, then \
                 start the service again (docs/SCANNERS.md)."
            ),
        ),
        Access::Forbidden { group: None } => (
            "forbidden",
            "Its node belongs to root alone: give it a group by a udev rule (docs/SCANNERS.md)."
                .into(),
        ),
    }
}

/// What the doctor says: a fault never (the camera and typing still work), a warning where a scanner is there and
/// cannot be used. Returns what was found and what to do; no advice where all is well.
pub fn examine(arguments: &ScannerArguments) -> (String, String) {
    let all = survey(&arguments.scanners, &SystemBus::default());
    let described = |found: &Found| format!("{}: {}", title(found), state_of(found).0);
    let detail = match all.is_empty() {
        true => "no hand scanner found".to_owned(),
        false => all.iter().map(described).collect::<Vec<_>>().join(", "),
    };
    let advice = all.iter().map(|found| state_of(found).1).find(|advice| !advice.is_empty());
    (detail, advice.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::code::{Code, Symbology};

    #[test]
    fn a_payment_code_is_tried_out_without_being_shown() {
        const PAYMENT: &str = "284712345678901234";
        let event =
            |text: &str| HandEvent::Code { code: Code::new(Symbology::QrCode, text), at_ms: 7 };
        for told in [json(&event(PAYMENT)).to_string(), words(&event(PAYMENT))] {
            assert!(!told.contains(PAYMENT) && told.contains("••••••••••••••••••"), "{told}");
        }
        for told in [json(&event("ABC-1")).to_string(), words(&event("ABC-1"))] {
            assert!(told.contains("ABC-1"), "{told}");
        }
    }
}
