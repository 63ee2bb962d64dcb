//! `check`: whether all that central holds is well.

use super::progress::Progress;
use super::{note, say};
use anyhow::{Context, Result};
use central::check;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Of which central.
#[derive(Args, Debug)]
pub struct CheckArguments {
    /// Data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Status 0: all is well. 1: it is not, or it could not be opened. 130: interrupted.
pub fn run(arguments: &CheckArguments) -> Result<ExitCode> {
    let mut progress = Progress::new();
    let checked = check::check(&arguments.data, &mut progress)
        .with_context(|| format!("cannot check {}", arguments.data.display()))?;
    progress.finish();
    if checked.is_stopped {
        note("interrupted");
        return Ok(ExitCode::from(130));
    }
    let text =
        if arguments.json { serde_json::to_string(&checked)? } else { check::in_words(&checked) };
    say(&text)?;
    if checked.is_well() {
        return Ok(ExitCode::SUCCESS);
    }
    note("what to do: docs/OPERATIONS.md, \"Is it well?\"");
    Ok(ExitCode::FAILURE)
}
