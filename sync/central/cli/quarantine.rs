//! `quarantine`: what is held back, and what a person does about it. Works beside a running server.

use super::admin::open;
use super::progress::Progress;
use super::{note, say};
use anyhow::{Context, Result, bail};
use central::bulk::Bulk;
use central::held::{self, Held, LIST_MAX, Which};
use central::quarantine::{self, Amendment, Released, WORDS_MAX};
use central::{Central, enrol};
use clap::{ArgGroup, Args};
use std::path::PathBuf;
use std::process::ExitCode;
use uuid::Uuid;

/// Which events, and what about them.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("act").args(
    ["retry", "retry_all", "amend", "dismiss", "dismiss_all", "reopen", "dismissed"]))]
#[command(group = ArgGroup::new("all").args(["retry_all", "dismiss_all"]))]
pub struct QuarantineArguments {
    /// Data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Try this event again, and those that wait behind it
    #[arg(long, value_name = "ID")]
    retry: Option<i64>,
    /// Try all again, in the order of their numbers; with --code or --terminal only those
    #[arg(long)]
    retry_all: bool,
    /// Correct this event: the body of --body counts in its place, the original is kept
    #[arg(long, value_name = "ID", requires_all = ["body", "by", "why"])]
    amend: Option<i64>,
    /// Decide that this event will not count; its bytes stay
    #[arg(long, value_name = "ID")]
    dismiss: Option<i64>,
    /// Decide that all of one --code will not count, but for orders that were paid and count nowhere
    #[arg(long, requires_all = ["code", "by", "why"])]
    dismiss_all: bool,
    /// Take the dismissal of this event back: it waits again, both decisions stay on record
    #[arg(long, value_name = "ID")]
    reopen: Option<i64>,
    /// List what was dismissed
    #[arg(long)]
    dismissed: bool,
    /// Of --retry-all and --dismiss-all: only what is held for this reason, such as STRAY
    #[arg(long, value_name = "CODE", requires = "all")]
    code: Option<String>,
    /// Of --retry-all and --dismiss-all: only what this terminal wrote, by its ID or as S001-T02
    #[arg(long, value_name = "TERMINAL", requires = "all")]
    terminal: Option<String>,
    /// File with the JSON of the corrected event's body; - for standard input
    #[arg(long, value_name = "FILE", requires = "amend")]
    body: Option<PathBuf>,
    /// Type of the corrected event, such as order.paid; as it was if absent
    #[arg(long = "type", value_name = "TYPE", requires = "amend")]
    kind: Option<String>,
    /// Who decides
    #[arg(long, value_name = "NAME", default_value = "administrator")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "not said")]
    why: String,
    /// One JSON value
    #[arg(long)]
    json: bool,
}

fn amendment(arguments: &QuarantineArguments) -> Result<Amendment> {
    let Some(path) = &arguments.body else { bail!("--amend needs --body") };
    let text = if path.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin().lock()).context("cannot read standard input")?
    } else {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
    };
    let value: serde_json::Value = serde_json::from_str(&text).context("the body is not JSON")?;
    if !value.is_object() {
        bail!("the body of an event is a JSON object");
    }
    Ok(Amendment {
        by: arguments.by.clone(),
        why: arguments.why.clone(),
        kind: arguments.kind.clone(),
        v: None,
        body: serde_json::value::to_raw_value(&value)?,
    })
}

/// Lists what is held back, or does something about it.
pub fn quarantine(arguments: &QuarantineArguments) -> Result<ExitCode> {
    let central = open(&arguments.data)?;
    let (by, why) = (arguments.by.clone(), arguments.why.clone());
    if [&by, &why].iter().any(|text| text.is_empty() || text.chars().count() > WORDS_MAX) {
        bail!("--by and --why say something, in {WORDS_MAX} characters at most");
    }
    let (writer, now_ms) = (central.database().writer(), central.rim().now_ms());
    let (id, done) = if let Some(id) = arguments.retry {
        (id, writer.run(move |c| quarantine::retry(c, id))?)
    } else if let Some(id) = arguments.amend {
        let amendment = amendment(arguments)?;
        (id, writer.run(move |c| quarantine::amend(c, id, &amendment, now_ms))?)
    } else if let Some(id) = arguments.dismiss {
        (id, writer.run(move |c| quarantine::dismiss(c, id, (&by, &why), now_ms))?)
    } else if let Some(id) = arguments.reopen {
        let reopened = writer.run(move |c| quarantine::reopen(c, id, (&by, &why), now_ms))?;
        if reopened.is_none() {
            bail!("event {id} is not dismissed");
        }
        say(&format!("event {id} waits again"))?;
        return Ok(ExitCode::SUCCESS);
    } else if arguments.retry_all || arguments.dismiss_all {
        return for_all(&central, arguments);
    } else {
        return list(&central, arguments);
    };
    match done {
        None => bail!("event {id} is not quarantined"),
        Some(released) => tell(id, &released, arguments.json),
    }
}

/// Status 2 when the event is quarantined still.
fn tell(id: i64, released: &Released, as_json: bool) -> Result<ExitCode> {
    if as_json {
        say(&serde_json::to_string(released)?)?;
    } else {
        let code = released.code.as_deref().unwrap_or_default();
        say(&format!("{} events are applied now; {} {code}", released.applied, released.state))?;
    }
    if !released.payments.is_empty() {
        note(&format!(
            "WARNING: this order was paid (event {:?} says so) and counts nowhere now: money was taken for it. \
             `--reopen {id}` takes the dismissal back",
            released.payments
        ));
    }
    let is_held = released.state == "quarantined";
    Ok(if is_held { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

/// The terminal of a name such as `S001-T02`, or of an identity.
fn terminal_of(central: &Central, text: &str) -> Result<Uuid> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let terminals = central.database().read(enrol::terminals)?;
    let found = terminals.iter().find(|row| format!("{}-{}", row.store, row.name) == text);
    let Some(row) = found else { bail!("there is no terminal {text}; `terminals` lists them") };
    Ok(row.id)
}

/// Status 2 when some are quarantined still, 130 when it was interrupted.
fn for_all(central: &Central, arguments: &QuarantineArguments) -> Result<ExitCode> {
    let terminal =
        arguments.terminal.as_deref().map(|text| terminal_of(central, text)).transpose()?;
    let which = Which { code: arguments.code.clone(), terminal };
    let mut progress = Progress::new();
    let bulk = if arguments.retry_all {
        central.retry_all(&which, &mut progress)?
    } else {
        central.dismiss_all(&which, (&arguments.by, &arguments.why), &mut progress)?
    };
    progress.finish();
    if arguments.json {
        say(&serde_json::to_string(&bulk)?)?;
    } else {
        say(&in_words(&bulk))?;
    }
    if bulk.is_stopped {
        note("interrupted; the same command goes on from here");
        return Ok(ExitCode::from(130));
    }
    Ok(if bulk.quarantined.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn in_words(bulk: &Bulk) -> String {
    let Bulk { entries, applied, dismissed, .. } = bulk;
    let mut text =
        format!("of {entries} entries: {applied} events are applied now, {dismissed} dismissed");
    for (code, count) in &bulk.quarantined {
        text.push_str(&format!("\n{count} quarantined: {code}"));
    }
    if !bulk.paid.is_empty() {
        let count = bulk.paid.len();
        text.push_str(&format!(
            "\n{count} were left, of orders that were paid and count nowhere; look at each: {:?}",
            bulk.paid
        ));
    }
    text
}

fn list(central: &Central, arguments: &QuarantineArguments) -> Result<ExitCode> {
    let mut after = 0;
    let mut all = Vec::new();
    let read = if arguments.dismissed { held::dismissed } else { held::list };
    loop {
        let page = central.database().read(|c| read(c, after, LIST_MAX))?;
        let Some(last) = page.last() else { break };
        after = i64::try_from(last.id).context("an entry has an impossible number")?;
        all.extend(page);
    }
    if arguments.json {
        say(&serde_json::to_string(&all)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if all.is_empty() {
        note("none");
    }
    for row in &all {
        say(&line(row))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// One entry on one line: number, where it was written, what it is, and what stands on the slip.
fn line(row: &Held) -> String {
    let terminal = row.terminal_name.clone().unwrap_or_else(|| row.terminal.to_string());
    let mut words =
        vec![format!("{} {terminal} epoch {} seq {} {}", row.id, row.epoch, row.seq, row.kind)];
    words.push(row.state.clone());
    words.extend(row.code.clone());
    words.extend(row.receipt.clone());
    if let (Some(minor), Some(currency)) = (row.total_minor, &row.currency) {
        words.push(match currency.parse::<domain::Currency>() {
            Ok(currency) => domain::Money::new(minor, currency).to_string(),
            Err(_) => format!("{minor} {currency}"),
        });
    }
    if let Ok(time) = jiff::Timestamp::from_millisecond(row.business_ms) {
        words.push(format!("{time:.0}"));
    }
    words.extend(row.stray_of.map(|by| format!("handed in by {by}")));
    words.join(" ")
}
