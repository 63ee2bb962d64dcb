//! The command line: what it can be asked, and how long work shows itself.

mod admin;
mod bulk;
mod check;
mod dev_token;
mod progress;
mod qr;
mod quarantine;
mod report;
mod serve;
mod store;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// The commerce API that all channels share.
#[derive(Parser, Debug)]
#[command(name = "crossroads-central", version, about, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Answers terminals over HTTP until it is told to stop
    Serve(serve::ServeArguments),
    /// Fills an empty data directory with a chain that does not exist, the same for the same numbers
    #[command(visible_alias = "init")]
    Seed(bulk::SeedArguments),
    /// Reads articles or customers from a file; broken records are told and the rest is imported
    Import(bulk::ImportArguments),
    /// Prints counts and totals by terminal, shift, tender and channel
    Report(report::ReportArguments),
    /// Prints a one-time code by which a device becomes a terminal
    EnrolCode(admin::EnrolCodeArguments),
    /// Prints the OpenAPI 3.1 document
    Openapi,
    /// Changes the price of an article
    SetPrice(admin::SetPriceArguments),
    /// Lists stores, tells them how to read labels, or draws a new key for receipts and badges
    Stores(store::StoresArguments),
    /// Prints the text of a person's badge
    Badge(store::BadgeArguments),
    /// Lists terminals, takes one out of service, or takes that back
    Terminals(admin::TerminalsArguments),
    /// Reads everything and tells whether it is well: pages, chains of events, orders, feeds. Changes nothing
    Check(check::CheckArguments),
    /// Lists events that are held back, tries them again, corrects, dismisses or reopens them
    Quarantine(quarantine::QuarantineArguments),
    /// For development: enrols a test terminal at a running central and prints its bearer token
    DevToken(dev_token::DevTokenArguments),
    /// Forgets deletions that all terminals have passed; `serve` does it daily
    Compact(admin::CompactArguments),
    /// Run once after central.db was restored from a backup: all terminals read their feeds anew
    Restored(admin::RestoredArguments),
}

/// Writes to standard output; a reader that went away is no failure.
fn say(text: &str) -> Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Writes to standard error: words beside the answer.
fn note(text: &str) {
    // Nobody reads along: nothing to be done about it.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Seed(arguments) => bulk::seed(&arguments),
        Command::Import(arguments) => bulk::import(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::EnrolCode(arguments) => admin::enrol_code(&arguments),
        Command::Openapi => {
            say(&central::http::openapi().to_pretty_json()?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::SetPrice(arguments) => admin::set_price(&arguments),
        Command::Stores(arguments) => store::stores(&arguments),
        Command::Badge(arguments) => store::badge(&arguments),
        Command::Terminals(arguments) => admin::terminals(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Quarantine(arguments) => quarantine::quarantine(&arguments),
        Command::DevToken(arguments) => dev_token::run(&arguments),
        Command::Compact(arguments) => admin::compact(&arguments),
        Command::Restored(arguments) => admin::restored(&arguments),
    }
}

/// Reads the command line and does what it says. Status 0: done. 1: nothing done. 2: done in part, or a wrong
/// command line. 130: interrupted.
pub fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "warn,central=info".into());
    // What cannot be logged is not: by default tracing tells it on standard error, in a way that panics when that is
    // what is full or closed. (The panic hook of `std` ignores such errors by itself.)
    let log = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    log.with_writer(std::io::stderr).init();
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            note(&format!("crossroads-central: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
