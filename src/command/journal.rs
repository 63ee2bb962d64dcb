//! `crossroads journal`: checks the journal, writes it out, and reads what is left of a damaged database.

use super::rim::{SystemClock, fresh_device_key};
use super::say;
use super::session;
use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use domain::time::Clock;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use store::examine::{self, StoredEvent};
use store::{FileKeyStore, Inspection, OpenError, Recovery, StoreOptions};
use sync::protocol::event::Envelope;

/// What to do with the journal.
#[derive(Args, Clone, Debug)]
pub struct JournalArguments {
    #[command(subcommand)]
    action: Action,
    /// Folder of the terminal's database and key.
    #[arg(long, global = true, env = "CROSSROADS_DATA", default_value_os_t = session::default_data())]
    data: PathBuf,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Reads every event and checks the chain; the exit status tells. The terminal may be running.
    Verify,
    /// Writes every event as one JSON line, as it was written, with its hash. The terminal may be running.
    Export {
        /// The file; standard output without it.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Only number, time and total of each receipt, and nothing else.
        #[arg(long)]
        receipts: bool,
    },
    /// Reads what is left of a damaged database that was kept aside, and hands its events to this terminal, to be sent
    /// to central as strays. The terminal must be closed.
    Recover {
        /// The damaged database, `crossroads.db.damaged-1`; its log is looked for beside it.
        file: PathBuf,
        /// Writes a new database into this empty folder instead, with a copy of the key.
        #[arg(long)]
        into: Option<PathBuf>,
        /// Only tells what would be found.
        #[arg(long, conflicts_with = "into")]
        dry_run: bool,
    },
}

/// Runs one of them.
pub fn journal(arguments: &JournalArguments) -> anyhow::Result<ExitCode> {
    let data = &arguments.data;
    match &arguments.action {
        Action::Verify => verify(data),
        Action::Export { out, receipts } => export(data, out.as_deref(), *receipts),
        Action::Recover { file, dry_run: true, .. } => inspect(data, file),
        Action::Recover { file, into: Some(into), .. } => recover_into(data, file, into),
        Action::Recover { file, .. } => hand_over(data, file),
    }
}

fn ports(data: &Path) -> (StoreOptions, FileKeyStore) {
    (StoreOptions::in_directory(data), FileKeyStore::in_directory(data))
}

fn verify(data: &Path) -> anyhow::Result<ExitCode> {
    let (options, keys) = ports(data);
    let report = match examine::verify(&options, &keys) {
        Ok(report) => report,
        Err(OpenError::Damaged { detail, .. }) => return Ok(tell_damage(&detail)),
        Err(other) => return Err(other.into()),
    };
    let missing = match report.missing {
        0 => String::new(),
        missing => format!(", {missing} known to be missing since a recovery"),
    };
    let Some(fault) = report.fault else {
        say(&format!("{} events, the chain holds{missing}", report.events));
        say(&format!("last hash {}", report.last_hash));
        return Ok(ExitCode::SUCCESS);
    };
    let epoch = fault.life.map(|life| format!(" of epoch {}", life.epoch)).unwrap_or_default();
    say(&format!("event {}{epoch} does not fit: {}", fault.seq, fault.what));
    say(&format!("{} events before it are sound{missing}", report.events));
    Ok(ExitCode::FAILURE)
}

fn tell_damage(detail: &str) -> ExitCode {
    say(&format!("the database is damaged: {detail}"));
    say(&format!("nothing was changed. {}", session::AT_NEXT_START));
    ExitCode::FAILURE
}

fn export(data: &Path, out: Option<&Path>, is_receipts: bool) -> anyhow::Result<ExitCode> {
    let (options, keys) = ports(data);
    let mut writer: Box<dyn Write> = match out {
        None => Box::new(io::stdout().lock()),
        Some(path) => {
            let file = fs::File::create_new(path);
            Box::new(file.with_context(|| format!("cannot create {}", path.display()))?)
        }
    };
    let mut writer = BufWriter::new(&mut writer);
    let mut written = Ok(());
    let looked = examine::export(&options, &keys, &mut |event| {
        let line = if is_receipts { receipt_line(&event) } else { Some(event_line(&event)) };
        if let Some(line) = line {
            written = writeln!(writer, "{line}");
        }
        written.is_ok()
    });
    match looked {
        Ok(()) => {}
        Err(OpenError::Damaged { detail, .. }) => {
            // Standard output is for events.
            tracing::error!(detail, "the database is damaged");
            anyhow::bail!("the database is damaged. {}", session::AT_NEXT_START);
        }
        Err(other) => return Err(other.into()),
    }
    match written.and_then(|()| writer.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        other => other.context("the export could not be written")?,
    }
    Ok(ExitCode::SUCCESS)
}

fn event_line(event: &StoredEvent) -> serde_json::Value {
    serde_json::json!({
        "terminal": event.life.terminal.uuid(),
        "epoch": event.life.epoch,
        "seq": event.seq,
        "hash": event.hash.to_string(),
        "event": event.bytes,
    })
}

fn receipt_line(event: &StoredEvent) -> Option<serde_json::Value> {
    let envelope = Envelope::parse(&event.bytes).ok()?;
    let domain::event::Event::OrderPlaced(order) = envelope.event().ok()? else { return None };
    Some(serde_json::json!({
        "number": order.number,
        "placed_at": order.placed_at.to_string(),
        "total_minor": order.total.minor(),
        "currency": order.total.currency().code(),
    }))
}

/// Of a database that lost its file the log is all there is.
fn is_there(file: &Path) -> bool {
    file.exists() || log_of(file).exists()
}

fn log_of(file: &Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", file.display()))
}

fn inspect(data: &Path, file: &Path) -> anyhow::Result<ExitCode> {
    ensure!(is_there(file), "there is no file {}", file.display());
    let (_, keys) = ports(data);
    tell_inspection(&store::inspect(file, &keys)?);
    Ok(ExitCode::SUCCESS)
}

fn tell_inspection(found: &Inspection) {
    say(&format!("{} of {} pages are whole", found.whole_pages, found.pages));
    if !found.is_proven {
        say("no page can be proven with this key: another key, or a file of something else");
    }
    if found.lives.is_empty() {
        say("no events were found");
    }
    for life in &found.lives {
        let name = if life.name.is_empty() { "unknown terminal" } else { &life.name };
        let key = if life.has_key { "" } else { ", its key is lost" };
        say(&format!(
            "{name}, epoch {}{key}: {} of {} events under their numbers, {} beside them, central \
             has acknowledged {}",
            life.epoch, life.events, life.last_seq, life.strays, life.acked_seq
        ));
        for (first, last) in &life.missing {
            let held = if *last <= life.acked_seq { " (central has them)" } else { "" };
            say(&format!("  missing: {first} to {last}{held}"));
        }
    }
}

fn recover_into(data: &Path, file: &Path, into: &Path) -> anyhow::Result<ExitCode> {
    ensure!(is_there(file), "there is no file {}", file.display());
    let is_empty = match fs::read_dir(into) {
        Ok(mut rows) => rows.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).context(format!("cannot read {}", into.display())),
    };
    ensure!(is_empty, "{} is not empty", into.display());
    copy_beside(data, file, into).context("the damaged database could not be copied")?;
    let clock: Arc<dyn Clock> = SystemClock::start();
    let (options, keys) = ports(into);
    let recovered = store::recover(&options, &keys, &fresh_device_key(), clock.now())?;
    tell_recovery(&recovered.context("nothing was recovered")?);
    Ok(ExitCode::SUCCESS)
}

/// Lays the damaged database and the key where a recovery looks for them; the originals stay as they are.
fn copy_beside(data: &Path, file: &Path, into: &Path) -> io::Result<()> {
    fs::create_dir_all(into)?;
    for (from, to) in [
        (file.to_owned(), "crossroads.db.damaged-1"),
        (log_of(file), "crossroads.db.damaged-1-wal"),
    ] {
        if from.exists() {
            fs::copy(from, into.join(to))?;
        }
    }
    let salt = data.join("crossroads.db.salt");
    if salt.exists() {
        fs::copy(salt, into.join("crossroads.db.salt"))?;
    }
    for name in [FileKeyStore::FILE_NAME, "crossroads.db.key-fingerprint"] {
        if data.join(name).exists() {
            fs::copy(data.join(name), into.join(name))?;
        }
    }
    Ok(())
}

fn tell_recovery(found: &Recovery) {
    say(&format!(
        "{} orders in {} events; {} wait to be sent, {} could not be read",
        found.orders, found.events, found.waiting, found.missing
    ));
    say(&format!("{} articles and {} customers", found.articles, found.customers));
    if !found.is_enrolled {
        say(
            "which terminal it was could not be read: enrol it again, then hand the file over with \
             `crossroads journal recover`",
        );
    } else if found.needs_enrolment {
        say("the key of its last life could not be read: enrol it again from the line's view");
    }
}

fn hand_over(data: &Path, file: &Path) -> anyhow::Result<ExitCode> {
    ensure!(is_there(file), "there is no file {}", file.display());
    inspect(data, file)?;
    let clock: Arc<dyn Clock> = SystemClock::start();
    let store = session::open_store(data, &clock)?;
    let (_, keys) = ports(data);
    ensure!(
        store.terminal()?.is_some(),
        "this terminal is not enrolled yet; enrol it first, then hand the file over"
    );
    let count = store.hand_over(file, &keys)?;
    store.close();
    say(&format!("{count} events were taken over; they go to central with the next contact"));
    Ok(ExitCode::SUCCESS)
}
