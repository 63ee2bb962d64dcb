//! Long work: `seed` and `import`.

use super::admin::open;
use super::progress::Progress;
use super::{note, say};
use anyhow::{Context, Result, bail};
use central::Central;
use central::import::{self, Form, Mapping, Refused, What};
use central::seed::{self, Plan, STAFF, Seeded};
use clap::{Args, ValueEnum};
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// What to make. Without `--demo` the chain is empty but for its stores, staff and one customer.
#[derive(Args, Debug)]
pub struct SeedArguments {
    /// Data directory; made if it is not there
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Articles, GTIN-13 under GS1's demo prefix 952; the first 24 are those of the demo frames
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(24..=5_000_000))]
    articles: Option<u64>,
    /// Customers; the first is Marie Blanc, who is always there
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    customers: Option<u64>,
    /// Past orders of the customers on all channels; Marie always has 14
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(0..=50_000_000))]
    orders: Option<u64>,
    /// The same seed and numbers make the same chain
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Stores, S001 and on
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=50))]
    stores: u64,
    /// A chain to show: 20,000 articles, 2,000 customers, 10,000 orders where no number is given
    #[arg(long)]
    demo: bool,
    /// The last past order is before this day (UTC); the day is part of what makes the chain
    #[arg(long, value_name = "YYYY-MM-DD", default_value = "2026-11-01")]
    until: String,
}

fn day_ms(text: &str) -> Result<i64> {
    let date: jiff::civil::Date =
        text.parse().with_context(|| format!("`{text}` is not a day such as 2026-11-01"))?;
    Ok(date.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp().as_millisecond())
}

/// Makes the demo chain.
pub fn seed(arguments: &SeedArguments) -> Result<ExitCode> {
    let central = Central::open(&arguments.data)
        .with_context(|| format!("cannot open {}", arguments.data.display()))?;
    let or = |given: Option<u64>, demo: u64, bare: u64| {
        given.unwrap_or(if arguments.demo { demo } else { bare })
    };
    let counts = (
        or(arguments.articles, 20_000, 24),
        or(arguments.customers, 2_000, 1),
        or(arguments.orders, 10_000, 14),
    );
    let until_ms = day_ms(&arguments.until)?;
    let plan = Plan::new(counts, arguments.stores, arguments.seed, until_ms);
    let mut progress = Progress::new();
    let seeded = seed::run(&central, &plan, &mut progress)?;
    progress.finish();
    match seeded {
        Seeded::Whole => {
            for (number, name, role, pin) in STAFF {
                say(&format!("staff {number} {name} ({role}): PIN {pin}"))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Seeded::Stopped => {
            note("interrupted; the same command goes on from here");
            Ok(ExitCode::from(130))
        }
        Seeded::Occupied => bail!(
            "{} holds another chain already; give an empty directory, or the same numbers again",
            arguments.data.display()
        ),
    }
}

/// What a file holds.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// gtin (or gtins), name, and optionally packs, price or price_minor, currency, unit, detail, category, tax_group,
    /// rank
    Articles,
    /// external_id, name, and optionally phone(s), email(s), card(s), street, postal_code, city, country
    Customers,
}

const COLUMNS: &str = "Columns of articles:
  gtin, gtins   8, 12, 13 or 14 digits with a right check digit; several separated by `;`. Required.
  packs         cases and multipacks: a number, `=` and the pieces in it; several separated by `;`. They name no
                article: that does gtin
  name          up to 200 characters. Required.
  price         decimal, such as 12.50; or price_minor: integer minor units. Required for new articles.
  currency      ISO 4217; CHF if absent          unit       piece, g, ml or mm; piece if absent
  detail        size, brand or variety           category   path, ` / ` between levels
  tax_group     key in the stores' taxes; standard if absent
  rank          place among the best sellers, 1 sells most
Columns of customers:
  external_id   identity in the other system. Required.
  name          Required.
  phone(s), email(s), card(s)   several separated by `;`
  street, postal_code, city, country   two letters; CH if absent
Articles are known by any of their GTINs, customers by external_id: what is known is updated, columns that are
missing or empty change nothing. JSON lines have the same names as keys; lists may be arrays.
Status 0: all imported. 1: nothing done. 2: some records refused, the rest imported. 130: interrupted.";

/// Which file.
#[derive(Args, Debug)]
#[command(after_long_help = COLUMNS)]
pub struct ImportArguments {
    /// Data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// What the file holds
    kind: Kind,
    /// CSV with a header (comma, semicolon or tab), or JSON lines; UTF-8, not compressed
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Columns under other names: `--map name=product_name,price=vk`
    #[arg(long, value_name = "COLUMN=NAME", value_delimiter = ',', value_parser = pair)]
    map: Vec<(String, String)>,
    /// Values for columns that the file lacks or leaves empty: `--set price=1.00,tax_group=food`
    #[arg(long, value_name = "COLUMN=VALUE", value_delimiter = ',', value_parser = pair)]
    set: Vec<(String, String)>,
    /// Also write refused records to this file, one JSON object a line: line, reason
    #[arg(long, value_name = "FILE.jsonl")]
    report: Option<PathBuf>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write COLUMN=VALUE")?;
    Ok((name.trim().to_lowercase(), value.to_owned()))
}

/// Imports a file.
pub fn import(arguments: &ImportArguments) -> Result<ExitCode> {
    let central = open(&arguments.data)?;
    let path = &arguments.file;
    let form = Form::of(&path.to_string_lossy())
        .with_context(|| format!("{} ends neither in .csv nor in .jsonl", path.display()))?;
    let file =
        std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let to_map = |pairs: &[(String, String)]| pairs.iter().cloned().collect::<HashMap<_, _>>();
    let mapping = Mapping { columns: to_map(&arguments.map), constants: to_map(&arguments.set) };
    let what = match arguments.kind {
        Kind::Articles => What::Articles,
        Kind::Customers => What::Customers,
    };
    let named = arguments.map.iter().chain(&arguments.set).map(|(name, _)| name);
    if let Some(unknown) = named.into_iter().find(|name| !what.columns().contains(&name.as_str())) {
        bail!("there is no column `{unknown}`; there are {}", what.columns().join(", "));
    }
    let is_same = |report: &PathBuf| {
        let places = (report.canonicalize(), path.canonicalize());
        matches!(places, (Ok(a), Ok(b)) if a == b)
    };
    if arguments.report.as_ref().is_some_and(is_same) {
        bail!("--report names the file that is imported; choose another one");
    }
    let mut report = match &arguments.report {
        Some(path) => Some(std::io::BufWriter::new(
            std::fs::File::create(path)
                .with_context(|| format!("cannot create {}", path.display()))?,
        )),
        None => None,
    };
    let mut report_failed = None;
    let mut refuse = |refused: &Refused| {
        note(&format!("line {}: {}", refused.line, refused.reason));
        if let Some(report) = &mut report {
            let line = serde_json::to_string(refused).map_err(std::io::Error::from);
            if let Err(error) = line.and_then(|line| writeln!(report, "{line}")) {
                report_failed = Some(error);
            }
        }
    };
    let mut progress = Progress::new();
    let imported = import::run(&central, what, (file, form), &mapping, &mut progress, &mut refuse)?;
    progress.finish();
    if let Some(mut report) = report {
        report_failed = report_failed.or(report.flush().err());
    }
    say(&format!(
        "{} added, {} changed, {} unchanged, {} refused",
        imported.added, imported.changed, imported.unchanged, imported.refused
    ))?;
    if let Some(error) = report_failed {
        return Err(error).context("the report could not be written; the import itself is done");
    }
    let is_nothing = imported.added + imported.changed + imported.unchanged == 0;
    Ok(match (imported.is_stopped, imported.refused, is_nothing) {
        (true, _, _) => {
            note("interrupted; the same command goes over the file again and goes on");
            ExitCode::from(130)
        }
        (false, 0, _) => ExitCode::SUCCESS,
        (false, _, true) => ExitCode::FAILURE,
        (false, _, false) => ExitCode::from(2),
    })
}
