//! What people at central do over HTTP: look at terminals and at what is held back, retry it, dismiss it.

use super::caller::Admin;
use super::problem::{Asked, Named};
use super::{App, blocking};
use crate::enrol::{self, TerminalInfo};
use crate::push;
use crate::quarantine::{self, Held};
use crate::refused::Refused;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;
use sync::protocol::problem::Problem;

/// Which entries.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Entries with a higher id.
    #[serde(default)]
    after: u32,
    /// The most entries, at most 1000; 100 if absent.
    limit: Option<u32>,
}

/// Held events, oldest first.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct HeldList {
    /// Entries.
    pub events: Vec<Held>,
}

/// Terminals.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct TerminalList {
    /// By store and name.
    pub terminals: Vec<TerminalInfo>,
}

/// What a retry or dismissal did.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Released {
    /// Events that are applied now, with those that waited behind.
    pub applied: u64,
}

/// Events that are quarantined, and those parked behind them.
#[utoipa::path(get, path = "/v1/quarantine", tag = "admin", params(ListQuery),
    security(("admin" = [])),
    responses((status = OK, description = "Held events", body = HeldList),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn list(
    State(app): State<Arc<App>>,
    _admin: Admin,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<HeldList>, Refused> {
    let (after, limit) = (i64::from(query.after), query.limit.unwrap_or(100));
    let events = blocking(&app, move |central| {
        central.database().read(|c| quarantine::list(c, after, limit))
    });
    Ok(Json(HeldList { events: events.await? }))
}

type Release = fn(&rusqlite::Connection, i64) -> Result<Option<u64>, crate::CentralError>;

async fn release(app: &Arc<App>, id: i64, how: Release) -> Result<Json<Released>, Refused> {
    let missing = || Refused::not_found("no such event is quarantined");
    let applied =
        blocking(app, move |central| central.database().writer().run(move |c| how(c, id)));
    Ok(Json(Released { applied: applied.await?.ok_or_else(missing)? }))
}

/// Tries a quarantined event again.
#[utoipa::path(post, path = "/v1/quarantine/{id}/retry", tag = "admin",
    params(("id" = u64, Path, description = "Number of the entry")), security(("admin" = [])),
    responses((status = OK, description = "What is applied now", body = Released),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn retry(
    State(app): State<Arc<App>>,
    _admin: Admin,
    Named(id): Named<i64>,
) -> Result<Json<Released>, Refused> {
    release(&app, id, push::retry).await
}

/// Decides that a quarantined event will not count; its bytes stay.
#[utoipa::path(post, path = "/v1/quarantine/{id}/dismiss", tag = "admin",
    params(("id" = u64, Path, description = "Number of the entry")), security(("admin" = [])),
    responses((status = OK, description = "What is applied now", body = Released),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn dismiss(
    State(app): State<Arc<App>>,
    _admin: Admin,
    Named(id): Named<i64>,
) -> Result<Json<Released>, Refused> {
    release(&app, id, push::dismiss).await
}

/// All terminals.
#[utoipa::path(get, path = "/v1/terminals", tag = "admin", security(("admin" = [])),
    responses((status = OK, description = "Terminals", body = TerminalList),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn terminals(
    State(app): State<Arc<App>>,
    _admin: Admin,
) -> Result<Json<TerminalList>, Refused> {
    let terminals = blocking(&app, |central| central.database().read(enrol::terminals)).await?;
    Ok(Json(TerminalList { terminals }))
}
