//! Long work: `seed` and `import`.

use super::progress::Progress;
use super::{note, say};
use anyhow::{Context, Result, bail};
use central::Central;
use central::seed::{self, Plan, STAFF, Seeded};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// What to make. Without `--demo` the chain is empty but for its stores, staff and one customer.
#[derive(Args, Debug)]
pub struct SeedArguments {
    /// Data directory; made if it is not there
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Articles, GTIN-13 under GS1's demo prefix 952; the first 24 are those of the demo frames
    #[arg(long, value_name = "N")]
    articles: Option<u64>,
    /// Customers; the first is Marie Blanc, who is always there
    #[arg(long, value_name = "M")]
    customers: Option<u64>,
    /// Past orders of the customers on all channels; Marie always has 14
    #[arg(long, value_name = "K")]
    orders: Option<u64>,
    /// The same seed and numbers make the same chain
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Stores, S001 and on
    #[arg(long, value_name = "N", default_value_t = 3)]
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
