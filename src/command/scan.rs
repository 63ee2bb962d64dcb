//! `crossroads scan`: reads codes from pictures and clips with the same code as the camera.

use scan::still::{Report, run_cli};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Reads every path; the exit status tells whether all of them could be read.
pub fn scan(paths: &[PathBuf], json: bool) -> ExitCode {
    let clock = scan::MonotonicClock::start();
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    let report = Report { is_json: json, has_progress: std::io::stderr().is_terminal() };
    let options = scan::Options::default();
    let status = run_cli(paths, report, &options, &clock, &mut out, &mut err);
    ExitCode::from(status)
}
