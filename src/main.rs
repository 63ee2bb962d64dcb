//! The composition root: reads the command line and puts the parts together. The rims (clock, dice, threads) are
//! in `command/rim.rs`; nothing else in the program names a concrete one.

mod command;

use clap::{Parser, Subcommand};
use command::session::SessionArguments;
use std::path::PathBuf;
use std::process::ExitCode;

/// The in-store terminal of a shop that sells through every channel at once.
#[derive(Parser)]
#[command(name = "crossroads", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Opens the terminal's window.
    Run(command::run::RunArguments),
    /// Operates the terminal without a window: JSON lines in, JSON lines out (docs/DRIVE.md).
    Drive(SessionArguments),
    /// Plays the demo against a central of its own and leaves pictures and a summary.
    Demo(command::demo::DemoArguments),
    /// Reads codes from pictures and clips; one JSON line a file with --json.
    Scan {
        /// One JSON object a line instead of text.
        #[arg(long)]
        json: bool,
        /// Pictures (PNG, JPEG, WebP, PGM), clips (Y4M, MJPEG) and folders of them.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Lists hand scanners and shows what they send, to try and to set them up (docs/SCANNERS.md).
    Scanners(command::scanners::TryArguments),
    /// Checks database, journal, clock, disk, camera, central and printer; the exit status tells.
    Doctor(command::doctor::DoctorArguments),
    /// Checks the journal, writes it out, or reads what is left of a damaged database.
    Journal(command::journal::JournalArguments),
    /// Paints every view in every language, theme and size into a folder.
    ContactSheet {
        /// Where the pictures go.
        #[arg(long, default_value = "target/contact-sheet")]
        out: PathBuf,
        /// One language and theme a size, for a quick look.
        #[arg(long)]
        quick: bool,
        /// Only views whose name begins with this; may be given often.
        #[arg(long)]
        only: Vec<String>,
    },
}

fn main() -> ExitCode {
    command::memory::keep_small();
    let arguments = Arguments::parse();
    start_log();
    let outcome = match arguments.command {
        Command::Run(run) => command::run::run(&run),
        Command::Drive(session) => command::drive::drive(&session),
        Command::Demo(demo) => command::demo::demo(&demo),
        Command::Scan { json, paths } => Ok(command::scan::scan(&paths, json)),
        Command::Doctor(doctor) => Ok(command::doctor::doctor(&doctor)),
        Command::Scanners(scanners) => command::scanners::try_out(&scanners),
        Command::Journal(journal) => command::journal::journal(&journal),
        Command::ContactSheet { out, quick, only } => command::contact_sheet(&out, quick, only),
    };
    match outcome {
        // Whoever asked did not get the answer: a full disk, or a reader that went away.
        Ok(_) if command::is_answer_lost() => ExitCode::FAILURE,
        Ok(code) => code,
        Err(error) => {
            command::tell_error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Logs go to standard error, warnings and worse unless `RUST_LOG` says otherwise. A log that cannot be written must
/// not end a sale: by default tracing tells it on standard error, in a way that panics when that is what is full or
/// closed. (The panic hook of `std` ignores such errors by itself.)
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    log.with_writer(std::io::stderr).init();
}
