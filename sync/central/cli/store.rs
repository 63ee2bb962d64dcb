//! `stores` and `badge`: what codes mean in this chain, and the badges of its people.

use super::admin::open;
use super::{note, qr, say};
use anyhow::{Result, bail};
use central::setting;
use clap::Args;
use domain::code::{OwnCode, OwnKind};
use std::path::PathBuf;
use std::process::ExitCode;
use sync::seal::HmacSeal;

/// Which stores, and what changes in them.
#[derive(Args, Debug)]
pub struct StoresArguments {
    /// Data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Only this store; all of them if absent
    #[arg(long, value_name = "CODE")]
    store: Option<String>,
    /// How labels of scales are read, such as 21IIIIIVPPPPC:2 (docs/CODES.md); replaces all there were
    #[arg(
        long,
        value_name = "PATTERN:DECIMALS",
        value_delimiter = ',',
        conflicts_with = "no_label_layouts"
    )]
    label_layout: Vec<String>,
    /// Labels of scales are not read any more
    #[arg(long)]
    no_label_layouts: bool,
    /// Draw a new key for receipts, baskets and badges of all stores; what the last three sealed stays valid
    #[arg(long, conflicts_with = "store")]
    new_code_key: bool,
    /// One JSON array
    #[arg(long)]
    json: bool,
}

/// Lists stores, or changes how they read codes.
pub fn stores(arguments: &StoresArguments) -> Result<ExitCode> {
    let central = open(&arguments.data)?;
    let layouts = match setting::parse_layouts(&arguments.label_layout) {
        Ok(layouts) => layouts,
        Err(words) => bail!("{words}"),
    };
    let key = match arguments.new_code_key {
        true => Some(setting::draw_key(central.rim())?),
        false => None,
    };
    let (is_layouts, code) =
        (!layouts.is_empty() || arguments.no_label_layouts, arguments.store.clone());
    let count = central.database().writer().run(move |c| {
        setting::change(c, code.as_deref(), |row| {
            if is_layouts {
                row.label_layouts.clone_from(&layouts);
            }
            if let Some(key) = &key {
                setting::add_key(row, key);
            }
        })
    })?;
    if count == 0 {
        bail!("there is no store {}", arguments.store.as_deref().unwrap_or("at all"));
    }
    let code = arguments.store.clone();
    let stores = central.database().read(move |c| setting::stores(c, code.as_deref()))?;
    let mut lines = Vec::new();
    for (_, row) in stores {
        // The keys stay here: whoever reads one can print badges.
        let layouts: Vec<String> = row
            .label_layouts
            .iter()
            .map(|layout| format!("{}:{}", layout.pattern, layout.decimals))
            .collect();
        let keys = row.code_keys.len();
        if arguments.json {
            lines.push(serde_json::json!({
                "code": row.code, "name": row.name, "label_layouts": layouts, "code_keys": keys,
            }));
        } else {
            say(&format!(
                "{} {}: {} keys, labels {}",
                row.code,
                row.name,
                keys,
                layouts.join(" ")
            ))?;
        }
    }
    if arguments.json {
        say(&serde_json::Value::Array(lines).to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whose badge.
#[derive(Args, Debug)]
pub struct BadgeArguments {
    /// Data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Staff number
    #[arg(long, value_name = "NUMBER")]
    staff: String,
    /// Also draw the QR code
    #[arg(long)]
    qr: bool,
}

/// Prints the text of a badge's QR code.
pub fn badge(arguments: &BadgeArguments) -> Result<ExitCode> {
    let central = open(&arguments.data)?;
    let stores = central.database().read(|c| setting::stores(c, None))?;
    let Some(key) = setting::common_key(&stores) else {
        bail!("the stores have no common key yet: `crossroads-central stores --new-code-key`");
    };
    let number = arguments.staff.clone();
    if !central.database().read(move |c| setting::is_staff(c, &number))? {
        bail!("nobody has the staff number {}", arguments.staff);
    }
    let text = OwnCode::text(OwnKind::Badge, &arguments.staff, &key, &HmacSeal);
    let Some(text) = text else { bail!("this staff number cannot stand in a code") };
    note(
        "print it as a QR code; at the till it chooses the person, and the PIN is asked all the same",
    );
    say(&text)?;
    if arguments.qr {
        say(&qr::drawn(&text)?)?;
    }
    Ok(ExitCode::SUCCESS)
}
