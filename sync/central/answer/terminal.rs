//! What terminals do: enrol, get a token, push events, ask for their watermark.

use super::{Asker, Caller};
use crate::Central;
use crate::enrol::{self, Applicant};
use crate::life::{self, Lookup, NewLife};
use crate::push::{self, Refusal, Taken};
use crate::refused::Refused;
use crate::session::{Brake, Holder, TOKEN_MS};
use crate::stray;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::event::RenewalReason;
use ed25519_dalek::VerifyingKey;
use sync::protocol::auth::{
    EnrolRequest, EnrolResponse, KnownLife, NonceRequest, NonceResponse, TokenRequest,
    TokenResponse, confirmation_digits,
};
use sync::protocol::problem::{Retry, code};
use sync::protocol::push::{EVENTS_MAX, PushItem, PushRequest, PushResponse, Watermark};
use sync::protocol::renewal::{RenewalRequest, RenewalResponse};
use sync::protocol::strays::{StraysRequest, StraysResponse};

/// Longest text that a device may say about its software.
const SOFTWARE_MAX: usize = 200;
/// Lives that a device may say it holds.
const KNOWN_MAX: usize = 64;

/// Refuses while there were too many failures.
fn braked(central: &Central, who: Brake) -> Result<(), Refused> {
    match central.sessions().wait_ms(central.rim(), who) {
        0 => Ok(()),
        wait_ms => Err(Refused::too_many(wait_ms)),
    }
}

/// The public key of a device.
fn public_key(text: &str) -> Result<[u8; 32], Refused> {
    let key = STANDARD.decode(text).ok();
    let key: Option<[u8; 32]> = key.and_then(|bytes| bytes.try_into().ok());
    let is_key =
        |key: &[u8; 32]| VerifyingKey::from_bytes(key).is_ok_and(|verifying| !verifying.is_weak());
    key.filter(is_key)
        .ok_or_else(|| Refused::invalid(422, "the public key is not 32 bytes of Ed25519 in base64"))
}

/// Makes a device a terminal.
pub(super) fn enrol(
    central: &Central,
    asker: Asker<'_>,
    request: &EnrolRequest,
) -> Result<EnrolResponse, Refused> {
    let who = Brake::Enrol(asker.address);
    braked(central, who)?;
    let public_key = public_key(&request.public_key)?;
    let software: String = request.software.chars().take(SOFTWARE_MAX).collect();
    let code = request.code.clone();
    let known: Vec<KnownLife> = request.known.iter().take(KNOWN_MAX).cloned().collect();
    // The next one after each must be an epoch too.
    if known.iter().any(|life| !has_31_bits(life.epoch.saturating_add(1))) {
        return Err(Refused::invalid(422, "an epoch has 31 bits"));
    }
    let (fresh_id, now_ms) = (central.rim().new_id()?, central.rim().now_ms());
    let enrolled = central.database().writer().run(move |connection| {
        let (software, known) = (software.as_str(), known.as_slice());
        let applicant = Applicant { code: &code, public_key, software, fresh_id, known };
        enrol::enrol(connection, &applicant, now_ms)
    })?;
    let Some(enrolled) = enrolled else {
        central.sessions().failed(central.rim(), who);
        let title = "the code is unknown, used or expired";
        return Err(Refused::new(403, code::ENROLMENT_REFUSED, Retry::Human, title));
    };
    tracing::info!(terminal = %enrolled.terminal, epoch = enrolled.epoch, "enrolled");
    Ok(EnrolResponse {
        terminal_id: enrolled.terminal,
        epoch: enrolled.epoch,
        terminal_name: enrolled.name,
        store_id: enrolled.store,
        store_name: enrolled.store_name,
        confirmation: confirmation_digits(&public_key),
        server_time_ms: central.rim().now_ms(),
    })
}

/// Gives a nonce to sign. Whether the terminal exists is not told: the answer is the same.
pub(super) fn nonce(central: &Central, request: &NonceRequest) -> Result<NonceResponse, Refused> {
    let terminal = request.terminal_id;
    let found = central.database().read(|connection| life::find(connection, terminal, None))?;
    let is_known = found != Lookup::UnknownTerminal;
    let nonce = central.sessions().nonce(central.rim(), terminal, is_known)?;
    Ok(NonceResponse { nonce })
}

/// Gives a bearer token for a signed nonce.
pub(super) fn token(
    central: &Central,
    asker: Asker<'_>,
    request: &TokenRequest,
) -> Result<TokenResponse, Refused> {
    let terminal = request.terminal_id;
    // By address alone: a stranger's failures must not keep the real terminal out, and the ids that strangers make
    // up must not fill the memory.
    let who = Brake::Token(asker.address);
    braked(central, who)?;
    let epoch = request.epoch;
    let life = match central.database().read(|c| life::find(c, terminal, epoch))? {
        Lookup::Life(life) => Some(life),
        Lookup::UnknownEpoch => {
            // Whoever has the key of that life must register it, with the key of the one before.
            let title = "no key of this epoch is known";
            return Err(Refused::new(404, code::UNKNOWN_EPOCH, Retry::Later, title));
        }
        Lookup::UnknownTerminal => None,
    };
    let proved = life.filter(|life| {
        let device = (terminal, &life.public_key);
        central.sessions().proves(central.rim(), device, &request.nonce, &request.signature)
    });
    let Some(life) = proved else {
        central.sessions().failed(central.rim(), who);
        return Err(Refused::unauthenticated());
    };
    let server_time_ms = central.rim().now_ms();
    central.passed().saw(terminal, server_time_ms);
    let holder = Holder { terminal, epoch: life.epoch };
    Ok(TokenResponse {
        token: central.sessions().token(central.rim(), holder)?,
        expires_in_s: (TOKEN_MS / 1000) as u32,
        standing: life.standing,
        server_time_ms,
    })
}

/// Makes a life known that the terminal has begun by itself.
pub(super) fn renew(
    central: &Central,
    caller: Caller,
    request: &RenewalRequest,
) -> Result<RenewalResponse, Refused> {
    let public_key = public_key(&request.public_key)?;
    let follows = request.former_epoch.checked_add(1) == Some(request.epoch);
    if caller.sender.epoch != request.former_epoch || !follows {
        return Err(Refused::invalid(422, "a life is renewed by the one before it"));
    }
    let software: String = request.software.chars().take(SOFTWARE_MAX).collect();
    let (terminal, epoch, former) = (caller.sender.terminal, request.epoch, request.former_epoch);
    let begun = RenewalReason::from(request.reason).name();
    let now_ms = central.rim().now_ms();
    let renewed = central.database().writer().run(move |connection| {
        let software = software.as_str();
        let life = NewLife { terminal, epoch, public_key, begun, software };
        life::renew(connection, former, &life, now_ms)
    })?;
    if !renewed {
        let title = "another device is this terminal now";
        return Err(Refused::new(409, code::EPOCH_TAKEN, Retry::Human, title));
    }
    tracing::info!(%terminal, epoch, begun, "a terminal began a new life");
    Ok(RenewalResponse { epoch, server_time_ms: now_ms })
}

/// Holds what no number can book.
pub(super) fn strays(
    central: &Central,
    caller: Caller,
    request: &StraysRequest,
) -> Result<StraysResponse, Refused> {
    if request.events.len() > EVENTS_MAX {
        return Err(Refused::too_large("too many events in one request"));
    }
    check_numbers(request.epoch, 0, &request.events)?;
    let (sender, now_ms, batch) = (caller.sender, central.rim().now_ms(), request.clone());
    let take = move |connection: &_| stray::take_in(connection, sender, &batch, now_ms);
    let fresh = central.database().writer().run(take)?;
    if fresh > 0 {
        tracing::warn!(terminal = %sender.terminal, fresh, "strays are held for a person");
    }
    Ok(StraysResponse { held: request.events.len() as u32, server_time_ms: now_ms })
}

fn has_31_bits(epoch: u32) -> bool {
    i32::try_from(epoch).is_ok()
}

/// Epochs have 31 bits and numbers of events 63, so that every language and database can hold them.
fn check_numbers(epoch: u32, from_seq: u64, items: &[PushItem]) -> Result<(), Refused> {
    let fits = |seq: u64| i64::try_from(seq).is_ok();
    let all_fit = items.iter().all(|item| match item {
        PushItem::Sealed(_) => true,
        PushItem::Damaged { damaged } => fits(damaged.seq),
    });
    if has_31_bits(epoch) && fits(from_seq) && all_fit {
        return Ok(());
    }
    Err(Refused::invalid(422, "an epoch has 31 bits, a number 63"))
}

/// Takes in events. An acknowledgement means durably held, not accepted by business rules.
pub(super) fn push(
    central: &Central,
    caller: Caller,
    request: &PushRequest,
) -> Result<PushResponse, Refused> {
    if request.events.len() > EVENTS_MAX {
        return Err(Refused::too_large("too many events in one request"));
    }
    check_numbers(request.epoch, request.from_seq, &request.events)?;
    let (sender, from_seq) = (caller.sender, request.from_seq);
    let now_ms = central.rim().now_ms();
    let batch = request.clone();
    let taken = central
        .database()
        .writer()
        .run(move |connection| push::take_in(connection, sender, &batch, now_ms))?;
    // It believes that central holds more than it does.
    if matches!(taken.refusal, Some(Refusal::Gap { expected }) if from_seq > expected) {
        central.seems_restored("a terminal is ahead of its watermark")?;
    }
    answer(taken, now_ms)
}

fn answer(taken: Taken, server_time_ms: i64) -> Result<PushResponse, Refused> {
    let conflict = |code: &str, retry: Retry, title: &str, detail: String| {
        Err(Refused::new(409, code, retry, title).with_detail(detail))
    };
    match taken.refusal {
        None => Ok(PushResponse {
            acked_seq: taken.acked_seq,
            acked_hash: taken.acked_hash.to_string(),
            results: taken.results,
            server_time_ms,
        }),
        Some(Refusal::OtherEpoch { expected }) => {
            Err(Refused::invalid(422, "the batch is of another life than the token")
                .with_detail(format!("epoch {expected}")))
        }
        Some(Refusal::Gap { expected }) => {
            conflict(code::GAP, Retry::Later, "events are missing", format!("expected {expected}"))
        }
        Some(Refusal::Forked { seq }) => conflict(
            code::FORKED_HISTORY,
            Retry::Human,
            "another event has this number",
            format!("seq {seq}"),
        ),
        Some(Refusal::BrokenChain { seq }) => conflict(
            code::BROKEN_CHAIN,
            Retry::Human,
            "the event does not follow the one before",
            format!("seq {seq}"),
        ),
        Some(Refusal::Contradiction { seq }) => conflict(
            code::BROKEN_CHAIN,
            Retry::Human,
            "the batch and its events name different places",
            format!("seq {seq}"),
        ),
    }
}

/// What central holds of a terminal, and which of its events are held back.
pub(super) fn watermark(central: &Central, caller: Caller) -> Result<Watermark, Refused> {
    let server_time_ms = central.rim().now_ms();
    let (sender, current_epoch) = (caller.sender, Some(caller.life.current_epoch));
    Ok(central.database().read(|connection| {
        let (terminal, epoch) = (sender.terminal, sender.epoch);
        let (acked_seq, acked_hash) = push::watermark(connection, terminal, epoch)?;
        let held_back = push::held_back(connection, terminal, epoch)?;
        let acked_hash = acked_hash.to_string();
        Ok(Watermark { epoch, current_epoch, acked_seq, acked_hash, held_back, server_time_ms })
    })?)
}
