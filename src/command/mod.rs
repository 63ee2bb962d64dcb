//! The subcommands, one file each, and the rims they share.

pub mod catalogue;
pub mod demo;
pub mod desk;
pub mod doctor;
pub mod drive;
pub mod driver;
pub mod forward;
pub mod journal;
pub mod keep;
pub mod memory;
pub mod paper;
pub mod paper_count;
pub mod probe;
pub mod rim;
pub mod run;
pub mod scan;
pub mod scanners;
pub mod session;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Something that was said could not be written.
static IS_ANSWER_LOST: AtomicBool = AtomicBool::new(false);

/// What a start-up error means and what to do now, on standard error. If that is full or closed nobody reads it; the
/// exit status still tells.
pub fn tell_error(error: &anyhow::Error) {
    let mut words = format!("crossroads: {error}\n");
    for cause in error.chain().skip(1) {
        words.push_str(&format!("  because: {cause}\n"));
    }
    if let Some(advice) = error.downcast_ref::<store::OpenError>().and_then(session::advice) {
        words.push_str(&format!("{advice}\n"));
    }
    let _ = std::io::stderr().lock().write_all(words.as_bytes());
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

/// One line to the person who typed the command. A full disk or a reader that went away is no reason to stop in the
/// middle of what is being done; [`is_answer_lost`] tells it at the end.
pub fn say(line: &str) {
    if writeln!(std::io::stdout().lock(), "{line}").is_err() {
        IS_ANSWER_LOST.store(true, Ordering::Relaxed);
    }
}

/// Whether something that was said could not be written: then the command has not done what it was asked for.
pub fn is_answer_lost() -> bool {
    IS_ANSWER_LOST.load(Ordering::Relaxed)
}
