//! `report`: counts and totals of what central holds.

use super::admin::open;
use super::say;
use anyhow::Result;
use central::report;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// In which form.
#[derive(Args, Debug)]
pub struct ReportArguments {
    /// Data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Prints the report.
pub fn run(arguments: &ReportArguments) -> Result<ExitCode> {
    let central = open(&arguments.data)?;
    let report = central.database().read(report::read)?;
    let text =
        if arguments.json { serde_json::to_string(&report)? } else { report::in_words(&report) };
    say(text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
