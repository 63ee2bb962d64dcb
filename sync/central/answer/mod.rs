//! Every request of the protocol and its answer, without anything of how they travel.
//!
//! The HTTP handlers and [`crate::in_process::InProcess`] both end here, so that a simulation meets the very
//! judgement that a shop meets. Nothing waits: a long poll is asked again by whoever holds the line. Blocks on the
//! database.

mod caller;
mod feed;
mod terminal;

use crate::Central;
use crate::refused::Refused;
pub(crate) use caller::Caller;
use std::net::IpAddr;
use sync::call::{Reply, Request};
use sync::protocol::{CONTRACT, Contract};

/// Who asks, as far as the transport can tell.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Where the request comes from; guessing is slowed down by it.
    pub address: IpAddr,
    /// The version of the contract that it says it speaks.
    pub contract: Option<u32>,
    /// Its bearer token.
    pub token: Option<&'a str>,
}

/// Name and version of this software.
pub fn software() -> String {
    format!("crossroads-central {}", env!("CARGO_PKG_VERSION"))
}

/// Answers a request with what there is now.
///
/// # Errors
/// The refusals of the protocol; central's own failure is one of them.
pub fn answer(central: &Central, asker: Asker<'_>, request: &Request) -> Result<Reply, Refused> {
    match request {
        Request::Contract => Ok(Reply::Contract(contract(central))),
        Request::Enrol(body) => terminal::enrol(central, asker, body).map(Reply::Enrolled),
        Request::Nonce(body) => terminal::nonce(central, body).map(Reply::Nonce),
        Request::Token(body) => terminal::token(central, asker, body).map(Reply::Token),
        Request::Watermark { terminal } => {
            let caller = Caller::of(central, asker)?.must_be(*terminal)?;
            terminal::watermark(central, caller).map(Reply::Watermark)
        }
        Request::Push { terminal, body } => {
            let caller = Caller::of(central, asker)?.must_be(*terminal)?;
            terminal::push(central, caller, body).map(Reply::Pushed)
        }
        Request::Renew { terminal, body } => {
            let caller = Caller::of(central, asker)?.must_be(*terminal)?;
            terminal::renew(central, caller, body).map(Reply::Renewed)
        }
        Request::Strays { terminal, body } => {
            let caller = Caller::of(central, asker)?.must_be(*terminal)?;
            terminal::strays(central, caller, body).map(Reply::StraysHeld)
        }
        Request::Snapshot(body) => {
            let caller = Caller::of(central, asker)?.may_read(central, asker)?;
            feed::snapshots(central, caller, body).map(Reply::Manifest)
        }
        Request::Chunk { sha256 } => {
            Caller::of(central, asker)?.may_read(central, asker)?;
            feed::chunk(central, sha256).map(Reply::Chunk)
        }
        Request::Changes { feed, after, limit, .. } => {
            let caller = Caller::of(central, asker)?.may_read(central, asker)?;
            feed::changes(central, caller, *feed, after, *limit).map(Reply::Changes)
        }
    }
}

/// Which versions of the contract central speaks.
fn contract(central: &Central) -> Contract {
    Contract {
        current: CONTRACT,
        oldest: central.oldest_contract(),
        software: software(),
        server_time_ms: central.rim().now_ms(),
    }
}
