//! Small administrative acts. They work beside a running server, on the same database.

use super::{note, qr, say};
use anyhow::{Context, Result, bail};
use central::{Central, enrol, life, price};
use clap::Args;
use domain::code::enrolment_text;
use domain::gtin::Gtin;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How often `--wait` looks whether the code was used.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// For which place.
#[derive(Args, Debug)]
pub struct EnrolCodeArguments {
    /// Data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Store that the terminal will belong to
    #[arg(long, value_name = "CODE")]
    store: String,
    /// Name of the terminal, such as T03; the next free one if absent. An existing name replaces the device
    #[arg(long, value_name = "NAME")]
    terminal: Option<String>,
    /// Seconds for which the code works
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    ttl: u32,
    /// Address of central as the device will reach it, for the text of the QR code
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8700")]
    central: String,
    /// Wait until the code is used, then show the device's confirmation digits
    #[arg(long)]
    wait: bool,
    /// Also draw the QR code, to scan it from this screen
    #[arg(long, conflicts_with = "json")]
    qr: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Opens a chain that is there; only a seed makes one.
pub fn open(data: &Path) -> Result<Arc<Central>> {
    Central::open_existing(data).with_context(|| format!("cannot open {}", data.display()))
}

/// Prints a one-time code: words on standard error, the code alone on the last line of standard output.
pub fn enrol_code(arguments: &EnrolCodeArguments) -> Result<ExitCode> {
    let central = open(&arguments.data)?;
    let store = arguments.store.clone();
    let found = central.database().read(|c| enrol::store_by_code(c, &store))?;
    let Some(store_no) = found else { bail!("there is no store {}", arguments.store) };
    if let Some(name) = &arguments.terminal {
        let is_name = (1..=8).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !is_name {
            bail!("a terminal's name has one to eight capitals and digits, such as T03");
        }
    }
    let code = enrol::draw_code(central.rim())?;
    let (name, hash) = (arguments.terminal.clone(), code.hash);
    let life = (central.rim().now_ms(), i64::from(arguments.ttl) * 1000);
    central
        .database()
        .writer()
        .run(move |c| enrol::store_code(c, hash, store_no, name.as_deref(), life))?;
    let text = enrolment_text(&arguments.central, &code.code);
    if arguments.json {
        let answer = serde_json::json!({
            "code": code.code, "qr": text, "store": arguments.store,
            "terminal": arguments.terminal, "ttl_s": arguments.ttl,
        });
        say(&answer.to_string())?;
    } else {
        note(&format!("for store {}, works once, for {} s", arguments.store, arguments.ttl));
        say(&text)?;
        if arguments.qr {
            say(&qr::drawn(&text)?)?;
        }
        say(&code.code)?;
    }
    if arguments.wait { wait_for_use(&central, hash, arguments.ttl) } else { Ok(ExitCode::SUCCESS) }
}

fn wait_for_use(central: &Central, hash: [u8; 32], ttl: u32) -> Result<ExitCode> {
    for _ in 0..u128::from(ttl) * 1000 / LOOK_EVERY.as_millis() {
        if let Some((digits, terminal)) = central.database().read(|c| enrol::used_by(c, &hash))? {
            say(&format!("enrolled {terminal}; the device must show {digits}"))?;
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    bail!("nobody used the code")
}

/// Which price.
#[derive(Args, Debug)]
pub struct SetPriceArguments {
    /// Data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Number under which the article is scanned
    #[arg(long, value_name = "GTIN")]
    gtin: String,
    /// Price of a piece, kg, l or m in minor units
    #[arg(long, value_name = "MINOR", value_parser = clap::value_parser!(i64).range(1..=100_000_000))]
    price_minor: i64,
}

/// Sets a price; terminals hear of it at once.
pub fn set_price(arguments: &SetPriceArguments) -> Result<ExitCode> {
    let central = open(&arguments.data)?;
    let gtin =
        Gtin::parse(&arguments.gtin).with_context(|| format!("`{}` is no GTIN", arguments.gtin))?;
    let price_minor = arguments.price_minor;
    let row = central.database().writer().run(move |c| price::set_price(c, gtin, price_minor))?;
    let Some(row) = row else { bail!("no article has the number {gtin}") };
    let price = domain::Money::new(row.price_minor, row.currency.parse()?);
    say(&format!("{} {}: {price} (price list {})", gtin, row.name, row.price_version))?;
    Ok(ExitCode::SUCCESS)
}

/// Which terminals.
#[derive(Args, Debug)]
pub struct TerminalsArguments {
    /// Data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Take this terminal out of service: it reads nothing any more, and what it pushes waits for a person
    #[arg(long, value_name = "ID")]
    revoke: Option<uuid::Uuid>,
    /// Take a revocation back; what it pushed meanwhile still waits for a person
    #[arg(long, value_name = "ID", conflicts_with = "revoke")]
    reinstate: Option<uuid::Uuid>,
    /// One JSON array
    #[arg(long)]
    json: bool,
}

/// Lists terminals, or changes what one may do.
pub fn terminals(arguments: &TerminalsArguments) -> Result<ExitCode> {
    let central = open(&arguments.data)?;
    if let Some(terminal) = arguments.revoke {
        let now_ms = central.rim().now_ms();
        let known = central.database().writer().run(move |c| life::revoke(c, terminal, now_ms))?;
        if !known {
            bail!("there is no terminal {terminal}");
        }
    }
    if let Some(terminal) = arguments.reinstate {
        let known = central.database().writer().run(move |c| life::reinstate(c, terminal))?;
        if !known {
            bail!("there is no terminal {terminal}");
        }
    }
    let terminals = central.database().read(enrol::terminals)?;
    if arguments.json {
        say(&serde_json::to_string(&terminals)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if terminals.is_empty() {
        note("none");
    }
    for row in terminals {
        let state = if row.revoked { "revoked" } else { "active" };
        let skew = row
            .skew_ms
            .map_or(String::new(), |skew_ms| format!(", its clock is off by {} s", skew_ms / 1000));
        let begun = if row.begun == "enrolled" { "" } else { row.begun.as_str() };
        say(&format!(
            "{} {}-{} epoch {} {begun}{}{state}, shows {}, {} events, {} held back, {}{skew}",
            row.id,
            row.store,
            row.name,
            row.epoch,
            if begun.is_empty() { "" } else { ", " },
            row.confirmation,
            row.acked_seq,
            row.held_back,
            row.software
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Which central.
#[derive(Args, Debug)]
pub struct CompactArguments {
    /// Data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Forgets deletions that everybody has passed.
pub fn compact(arguments: &CompactArguments) -> Result<ExitCode> {
    let removed = open(&arguments.data)?.compact()?;
    say(&format!("{removed} deletions of more than 90 days ago are forgotten"))?;
    Ok(ExitCode::SUCCESS)
}

/// Which central.
#[derive(Args, Debug)]
pub struct RestoredArguments {
    /// Data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Makes a database that came from a backup fit to serve again.
pub fn restored(arguments: &RestoredArguments) -> Result<ExitCode> {
    let renewed = open(&arguments.data)?.restored()?;
    say(&format!(
        "feed epoch {}: all older cursors are refused, terminals read their feeds anew\n\
         {} snapshots dropped: they are built again when asked for\n\
         events that this database does not hold are sent again by the terminals that have them",
        renewed.epoch, renewed.snapshots
    ))?;
    Ok(ExitCode::SUCCESS)
}
