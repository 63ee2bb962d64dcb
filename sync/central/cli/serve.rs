//! `serve`: answers terminals over HTTP.

use super::admin::open;
use super::progress::stop_asked;
use anyhow::{Context, Result, bail};
use central::{Fault, ServeOptions, seed};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// How to serve.
#[derive(Args, Debug)]
pub struct ServeArguments {
    /// Data directory; `seed` makes one
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8700")]
    listen: String,
    /// Print the address as a URL on standard output once it listens
    #[arg(long)]
    print_address: bool,
    /// For training and tests only: none, http500, html, slow, drop-reply or drop-reply:PERCENT
    #[arg(long, value_name = "FAULT", default_value = "none")]
    fault: Fault,
    /// For tests only: refuse feeds to terminals that speak an older version of the contract
    #[arg(long, value_name = "VERSION", hide = true)]
    oldest_contract: Option<u32>,
}

/// Serves until Ctrl-C or SIGTERM.
pub fn run(arguments: &ServeArguments) -> Result<ExitCode> {
    let data = &arguments.data;
    let central = open(data)?;
    let Some(_sole) = central.claim()? else {
        bail!("another central serves {} already", data.display());
    };
    if !seed::is_whole(&central)? {
        tracing::warn!("the seed of this chain was interrupted: run the same seed command again");
    }
    if let Some(oldest) = arguments.oldest_contract {
        central.set_oldest_contract(oldest);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = Arc::clone(&central);
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(&arguments.listen)
            .await
            .with_context(|| format!("cannot listen on {}", arguments.listen))?;
        let address = listener.local_addr()?;
        if arguments.print_address {
            super::say(&format!("http://{address}"))?;
        }
        tracing::info!(%address, data = %data.display(), "central listens");
        if arguments.fault != Fault::None {
            tracing::warn!(fault = ?arguments.fault, "faults on purpose: not for a real shop");
        }
        let options = ServeOptions { fault: arguments.fault };
        central::serve(listener, served, options, stop_asked()).await?;
        anyhow::Ok(())
    })?;
    // Who copies the file alone after a clean stop has everything.
    match central.database().checkpoint() {
        Ok(true) => {}
        Ok(false) => tracing::warn!("somebody else uses the database: its log stays beside it"),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the log stays beside it");
        }
    }
    tracing::info!("central ended");
    Ok(ExitCode::SUCCESS)
}
