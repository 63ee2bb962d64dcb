//! What terminals do: enrol, get a token, push events, ask for their watermark. Judged in [`crate::answer`].

use super::caller::{Holder, Stranger};
use super::problem::{Body, Named};
use super::{App, ask, unexpected};
use crate::refused::Refused;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;
use sync::call::{Reply, Request};
use sync::protocol::auth::{
    EnrolRequest, EnrolResponse, NonceRequest, NonceResponse, TokenRequest, TokenResponse,
};
use sync::protocol::problem::Problem;
use sync::protocol::push::{PushRequest, PushResponse, Watermark};
use sync::protocol::renewal::{RenewalRequest, RenewalResponse};
use sync::protocol::strays::{StraysRequest, StraysResponse};
use uuid::Uuid;

/// Makes a device a terminal.
#[utoipa::path(post, path = "/v1/enrol", tag = "terminal", request_body = EnrolRequest,
    responses((status = OK, description = "The device is a terminal now", body = EnrolResponse),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn enrol(
    State(app): State<Arc<App>>,
    stranger: Stranger,
    Body(body): Body<EnrolRequest>,
) -> Result<Json<EnrolResponse>, Refused> {
    match ask(&app, stranger, Request::Enrol(body)).await? {
        Reply::Enrolled(answer) => Ok(Json(answer)),
        _ => Err(unexpected()),
    }
}

/// Gives a nonce to sign.
#[utoipa::path(post, path = "/v1/token/nonce", tag = "terminal", request_body = NonceRequest,
    responses((status = OK, description = "Sign it within a minute", body = NonceResponse),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn nonce(
    State(app): State<Arc<App>>,
    stranger: Stranger,
    Body(body): Body<NonceRequest>,
) -> Result<Json<NonceResponse>, Refused> {
    match ask(&app, stranger, Request::Nonce(body)).await? {
        Reply::Nonce(answer) => Ok(Json(answer)),
        _ => Err(unexpected()),
    }
}

/// Gives a bearer token for a signed nonce.
#[utoipa::path(post, path = "/v1/token", tag = "terminal", request_body = TokenRequest,
    responses((status = OK, description = "A token for 15 minutes", body = TokenResponse),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn token(
    State(app): State<Arc<App>>,
    stranger: Stranger,
    Body(body): Body<TokenRequest>,
) -> Result<Json<TokenResponse>, Refused> {
    match ask(&app, stranger, Request::Token(body)).await? {
        Reply::Token(answer) => Ok(Json(answer)),
        _ => Err(unexpected()),
    }
}

/// Takes in events. An acknowledgement means durably held, not accepted by business rules.
#[utoipa::path(post, path = "/v1/terminals/{terminal}/events", tag = "terminal",
    params(("terminal" = Uuid, Path, description = "The terminal's id")),
    request_body = PushRequest, security(("terminal" = [])),
    responses((status = OK, description = "All events are held", body = PushResponse),
        (status = CONFLICT, description = "GAP, FORKED_HISTORY or BROKEN_CHAIN; what \
            came before in the batch is held", body = Problem,
            content_type = "application/problem+json"),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn push(
    State(app): State<Arc<App>>,
    Holder(stranger): Holder,
    Named(terminal): Named<Uuid>,
    Body(body): Body<PushRequest>,
) -> Result<Json<PushResponse>, Refused> {
    match ask(&app, stranger, Request::Push { terminal, body }).await? {
        Reply::Pushed(answer) => Ok(Json(answer)),
        _ => Err(unexpected()),
    }
}

/// Makes a life known that the terminal has begun by itself; with a token of the life before.
#[utoipa::path(post, path = "/v1/terminals/{terminal}/renewals", tag = "terminal",
    params(("terminal" = Uuid, Path, description = "The terminal's id")),
    request_body = RenewalRequest, security(("terminal" = [])),
    responses((status = OK, description = "The life is current now", body = RenewalResponse),
        (status = CONFLICT, description = "EPOCH_TAKEN: another device is this terminal now",
            body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn renew(
    State(app): State<Arc<App>>,
    Holder(stranger): Holder,
    Named(terminal): Named<Uuid>,
    Body(body): Body<RenewalRequest>,
) -> Result<Json<RenewalResponse>, Refused> {
    match ask(&app, stranger, Request::Renew { terminal, body }).await? {
        Reply::Renewed(answer) => Ok(Json(answer)),
        _ => Err(unexpected()),
    }
}

/// Holds events that cannot be booked by number, for a person to judge.
#[utoipa::path(post, path = "/v1/terminals/{terminal}/strays", tag = "terminal",
    params(("terminal" = Uuid, Path, description = "The terminal's id")),
    request_body = StraysRequest, security(("terminal" = [])),
    responses((status = OK, description = "All of them are held", body = StraysResponse),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn strays(
    State(app): State<Arc<App>>,
    Holder(stranger): Holder,
    Named(terminal): Named<Uuid>,
    Body(body): Body<StraysRequest>,
) -> Result<Json<StraysResponse>, Refused> {
    match ask(&app, stranger, Request::Strays { terminal, body }).await? {
        Reply::StraysHeld(answer) => Ok(Json(answer)),
        _ => Err(unexpected()),
    }
}

/// What central holds of a life of a terminal, and which of its events are held back.
#[utoipa::path(get, path = "/v1/terminals/{terminal}/watermark", tag = "terminal",
    params(("terminal" = Uuid, Path, description = "The terminal's id")),
    security(("terminal" = [])),
    responses((status = OK, description = "How far central is", body = Watermark),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn watermark(
    State(app): State<Arc<App>>,
    Holder(stranger): Holder,
    Named(terminal): Named<Uuid>,
) -> Result<Json<Watermark>, Refused> {
    match ask(&app, stranger, Request::Watermark { terminal }).await? {
        Reply::Watermark(answer) => Ok(Json(answer)),
        _ => Err(unexpected()),
    }
}
