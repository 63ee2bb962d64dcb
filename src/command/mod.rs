//! The subcommands, one file each, and the rims they share.

pub mod demo;
pub mod doctor;
pub mod drive;
pub mod driver;
pub mod journal;
pub mod memory;
pub mod paper;
pub mod rim;
pub mod run;
pub mod scan;
pub mod session;

use std::path::Path;
use std::process::ExitCode;

/// What a start-up error means and what to do now, on standard error.
#[allow(clippy::print_stderr, reason = "the program ends with these words to a person")]
pub fn tell_error(error: &anyhow::Error) {
    eprintln!("crossroads: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
    if let Some(advice) = error.downcast_ref::<store::OpenError>().and_then(session::advice) {
        eprintln!("{advice}");
    }
}

/// Paints all views.
pub fn contact_sheet(out: &Path, quick: bool, only: Vec<String>) -> anyhow::Result<ExitCode> {
    use crossroads::view::contact_sheet::{Selection, paint_all};
    let selection = if quick { Selection::quick() } else { Selection::all() };
    let selection = Selection { names: only, ..selection };
    let count = paint_all(out, &selection, |done, total| {
        if done % 50 == 0 || done == total {
            say(&format!("{done} of {total} pictures"));
        }
        true
    })?;
    say(&format!("{count} pictures in {}", out.display()));
    Ok(ExitCode::SUCCESS)
}

/// One line to the person who typed the command.
#[allow(clippy::print_stdout, reason = "this is what the command was asked for")]
pub fn say(line: &str) {
    println!("{line}");
}
