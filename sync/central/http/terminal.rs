//! What terminals do: enrol, get a token, push events, ask for their watermark.

use super::caller::Caller;
use super::problem::{ApiError, Body};
use super::{App, blocking};
use crate::enrol::{self, Applicant};
use crate::push::{self, Refusal, Taken};
use crate::session::{Brake, Holder, TOKEN_MS};
use axum::Json;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::VerifyingKey;
use std::net::SocketAddr;
use std::sync::Arc;
use sync::protocol::auth::{
    EnrolRequest, EnrolResponse, NonceRequest, NonceResponse, TokenRequest, TokenResponse,
    confirmation_digits,
};
use sync::protocol::problem::{Problem, Retry, code};
use sync::protocol::push::{EVENTS_MAX, PushRequest, PushResponse, Watermark};

/// Longest text that a device may say about its software.
const SOFTWARE_MAX: usize = 200;

/// Makes a device a terminal.
#[utoipa::path(post, path = "/v1/enrol", tag = "terminal", request_body = EnrolRequest,
    responses((status = OK, description = "The device is a terminal now", body = EnrolResponse),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn enrol(
    State(app): State<Arc<App>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Body(request): Body<EnrolRequest>,
) -> Result<Json<EnrolResponse>, ApiError> {
    let who = Brake::Enrol(address.ip());
    let wait_ms = app.central.sessions().wait_ms(app.central.rim(), who);
    if wait_ms > 0 {
        return Err(ApiError::too_many(wait_ms));
    }
    let key = STANDARD.decode(&request.public_key).ok();
    let key: Option<[u8; 32]> = key.and_then(|bytes| bytes.try_into().ok());
    let is_key =
        |key: &[u8; 32]| VerifyingKey::from_bytes(key).is_ok_and(|verifying| !verifying.is_weak());
    let Some(public_key) = key.filter(is_key) else {
        let title = "the public key is not 32 bytes of Ed25519 in base64";
        return Err(ApiError::invalid(StatusCode::UNPROCESSABLE_ENTITY, title));
    };
    let software: String = request.software.chars().take(SOFTWARE_MAX).collect();
    let code = request.code;
    let enrolled = blocking(&app, move |central| {
        let (fresh_id, now_ms) = (central.rim().new_id()?, central.rim().now_ms());
        central.database().writer().run(move |connection| {
            let applicant = Applicant { code: &code, public_key, software: &software, fresh_id };
            enrol::enrol(connection, &applicant, now_ms)
        })
    })
    .await?;
    let Some(enrolled) = enrolled else {
        app.central.sessions().failed(app.central.rim(), who);
        let title = "the code is unknown, used or expired";
        let status = StatusCode::FORBIDDEN;
        return Err(ApiError::new(status, code::ENROLMENT_REFUSED, Retry::Human, title));
    };
    tracing::info!(terminal = %enrolled.terminal, epoch = enrolled.epoch, "enrolled");
    Ok(Json(EnrolResponse {
        terminal_id: enrolled.terminal,
        epoch: enrolled.epoch,
        terminal_name: enrolled.name,
        store_id: enrolled.store,
        store_name: enrolled.store_name,
        confirmation: confirmation_digits(&public_key),
        server_time_ms: app.central.rim().now_ms(),
    }))
}

/// Gives a nonce to sign.
#[utoipa::path(post, path = "/v1/token/nonce", tag = "terminal", request_body = NonceRequest,
    responses((status = OK, description = "Sign it within a minute", body = NonceResponse),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn nonce(
    State(app): State<Arc<App>>,
    Body(request): Body<NonceRequest>,
) -> Result<Json<NonceResponse>, ApiError> {
    // Whether the terminal exists is not told here: the answer is the same.
    let terminal = request.terminal_id;
    let nonce = blocking(&app, move |central| {
        let known = central.database().read(|connection| enrol::known(connection, terminal))?;
        central.sessions().nonce(central.rim(), terminal, known.is_some())
    });
    Ok(Json(NonceResponse { nonce: nonce.await? }))
}

/// Gives a bearer token for a signed nonce.
#[utoipa::path(post, path = "/v1/token", tag = "terminal", request_body = TokenRequest,
    responses((status = OK, description = "A token for 15 minutes", body = TokenResponse),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn token(
    State(app): State<Arc<App>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Body(request): Body<TokenRequest>,
) -> Result<Json<TokenResponse>, ApiError> {
    let central = &app.central;
    let terminal = request.terminal_id;
    // By address alone: a stranger's failures must not keep the real terminal out, and the ids that strangers make
    // up must not fill the memory.
    let who = Brake::Token(address.ip());
    let wait_ms = central.sessions().wait_ms(central.rim(), who);
    if wait_ms > 0 {
        return Err(ApiError::too_many(wait_ms));
    }
    let known = blocking(&app, move |central| {
        central.database().read(|connection| enrol::known(connection, terminal))
    })
    .await?;
    let proved = known.filter(|known| {
        let device = (terminal, &known.public_key);
        central.sessions().proves(central.rim(), device, &request.nonce, &request.signature)
    });
    let Some(known) = proved else {
        central.sessions().failed(central.rim(), who);
        return Err(ApiError::unauthenticated());
    };
    if known.is_revoked {
        return Err(ApiError::revoked());
    }
    let holder = Holder { terminal, epoch: known.epoch };
    Ok(Json(TokenResponse {
        token: central.sessions().token(central.rim(), holder)?,
        expires_in_s: (TOKEN_MS / 1000) as u32,
        server_time_ms: central.rim().now_ms(),
    }))
}

/// Takes in events. An acknowledgement means durably held, not accepted by business rules.
#[utoipa::path(post, path = "/v1/terminals/{terminal}/events", tag = "terminal",
    params(("terminal" = String, Path, description = "The terminal's id")),
    request_body = PushRequest, security(("terminal" = [])),
    responses((status = OK, description = "All events are held", body = PushResponse),
        (status = CONFLICT, description = "GAP, FORKED_HISTORY, OLD_EPOCH or BROKEN_CHAIN; what \
            came before in the batch is held", body = Problem,
            content_type = "application/problem+json"),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn push(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<String>,
    Body(request): Body<PushRequest>,
) -> Result<Json<PushResponse>, ApiError> {
    let sender = caller.must_be(&path)?;
    if request.events.len() > EVENTS_MAX {
        let title = "too many events in one request";
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Err(ApiError::new(status, code::TOO_LARGE, Retry::Never, title));
    }
    let taken = blocking(&app, move |central| {
        let now_ms = central.rim().now_ms();
        let from_seq = request.from_seq;
        let taken = central
            .database()
            .writer()
            .run(move |connection| push::take_in(connection, sender, &request, now_ms))?;
        // It believes that central holds more than it does.
        if matches!(taken.refusal, Some(Refusal::Gap { expected }) if from_seq > expected) {
            central.seems_restored("a terminal is ahead of its watermark")?;
        }
        Ok(taken)
    })
    .await?;
    answer(taken, app.central.rim().now_ms())
}

fn answer(taken: Taken, server_time_ms: i64) -> Result<Json<PushResponse>, ApiError> {
    let conflict = |code: &str, retry: Retry, title: &str, detail: String| {
        Err(ApiError::new(StatusCode::CONFLICT, code, retry, title).with_detail(detail))
    };
    match taken.refusal {
        None => Ok(Json(PushResponse {
            acked_seq: taken.acked_seq,
            acked_hash: taken.acked_hash.to_string(),
            results: taken.results,
            server_time_ms,
        })),
        Some(Refusal::OldEpoch { current }) => conflict(
            code::OLD_EPOCH,
            Retry::Human,
            "the terminal was enrolled again since",
            format!("current epoch {current}"),
        ),
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
        Some(Refusal::Contradiction { seq }) => Err(ApiError::invalid(
            StatusCode::UNPROCESSABLE_ENTITY,
            "the batch and its events name different places",
        )
        .with_detail(format!("seq {seq}"))),
    }
}

/// What central holds of a terminal, and which of its events are held back.
#[utoipa::path(get, path = "/v1/terminals/{terminal}/watermark", tag = "terminal",
    params(("terminal" = String, Path, description = "The terminal's id")),
    security(("terminal" = [])),
    responses((status = OK, description = "How far central is", body = Watermark),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn watermark(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<String>,
) -> Result<Json<Watermark>, ApiError> {
    let sender = caller.must_be(&path)?;
    let watermark = blocking(&app, move |central| {
        let server_time_ms = central.rim().now_ms();
        central.database().read(|connection| {
            let (terminal, epoch) = (sender.terminal, sender.epoch);
            let (acked_seq, acked_hash) = push::watermark(connection, terminal, epoch)?;
            let held_back = push::held_back(connection, terminal, epoch)?;
            let acked_hash = acked_hash.to_string();
            Ok(Watermark { epoch, acked_seq, acked_hash, held_back, server_time_ms })
        })
    });
    Ok(Json(watermark.await?))
}
