//! `quarantine`: what is held back, and what a person does about it. Works beside a running server.

use super::admin::open;
use super::{note, say};
use anyhow::{Context, Result, bail};
use central::quarantine::{self, Amendment, Released, WORDS_MAX};
use clap::{ArgGroup, Args};
use std::path::PathBuf;
use std::process::ExitCode;

/// Which events.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("act").args(["retry", "amend", "dismiss"]))]
pub struct QuarantineArguments {
    /// Data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Try this event again, and those that wait behind it
    #[arg(long, value_name = "ID")]
    retry: Option<i64>,
    /// Correct this event: the body of --body counts in its place, the original is kept
    #[arg(long, value_name = "ID", requires_all = ["body", "by", "why"])]
    amend: Option<i64>,
    /// Decide that this event will not count; its bytes stay
    #[arg(long, value_name = "ID")]
    dismiss: Option<i64>,
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

/// Lists what is held back, or does something about one of them.
pub fn quarantine(arguments: &QuarantineArguments) -> Result<ExitCode> {
    let central = open(&arguments.data)?;
    let (by, why) = (arguments.by.clone(), arguments.why.clone());
    if [&by, &why].iter().any(|text| text.is_empty() || text.chars().count() > WORDS_MAX) {
        bail!("--by and --why say something, in {WORDS_MAX} characters at most");
    }
    let (writer, now_ms) = (central.database().writer(), central.rim().now_ms());
    let done = if let Some(id) = arguments.retry {
        (id, writer.run(move |c| quarantine::retry(c, id))?)
    } else if let Some(id) = arguments.amend {
        let amendment = amendment(arguments)?;
        (id, writer.run(move |c| quarantine::amend(c, id, &amendment, now_ms))?)
    } else if let Some(id) = arguments.dismiss {
        (id, writer.run(move |c| quarantine::dismiss(c, id, (&by, &why), now_ms))?)
    } else {
        return list(&central, arguments.json);
    };
    match done {
        (id, None) => bail!("event {id} is not quarantined"),
        (_, Some(released)) => tell(&released, arguments.json),
    }
}

/// Status 2 when the event is quarantined still.
fn tell(released: &Released, as_json: bool) -> Result<ExitCode> {
    if as_json {
        say(&serde_json::to_string(released)?)?;
    } else {
        let code = released.code.as_deref().unwrap_or_default();
        say(&format!("{} events are applied now; {} {code}", released.applied, released.state))?;
    }
    let is_held = released.state == "quarantined";
    Ok(if is_held { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

fn list(central: &central::Central, as_json: bool) -> Result<ExitCode> {
    let mut after = 0;
    let mut all = Vec::new();
    loop {
        let page = move |c: &_| quarantine::list(c, after, quarantine::LIST_MAX);
        let page = central.database().read(page)?;
        let Some(last) = page.last() else { break };
        after = i64::try_from(last.id).context("an entry has an impossible number")?;
        all.extend(page);
    }
    if as_json {
        say(&serde_json::to_string(&all)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if all.is_empty() {
        note("none");
    }
    for row in all {
        let code = row.code.unwrap_or_default();
        let stray = row.stray_of.map_or(String::new(), |by| format!(" handed in by {by}"));
        say(&format!(
            "{} {} epoch {} seq {} {} {} {code}{stray}",
            row.id, row.terminal, row.epoch, row.seq, row.kind, row.state
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
