//! What people at central do over HTTP: look at terminals and at what is held back, retry, amend, dismiss
//! or reopen it.

use super::caller::Admin;
use super::problem::{Asked, Body, Count, Named};
use super::{App, blocking};
use crate::Central;
use crate::enrol::{self, TerminalInfo};
use crate::error::CentralError;
use crate::quarantine::{self, Amendment, Held, LIST_MAX, Released, WORDS_MAX};
use crate::refused::Refused;
use axum::Json;
use axum::extract::State;
use rusqlite::Connection;
use std::sync::Arc;
use sync::protocol::problem::Problem;

/// Which entries.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Entries with a higher id.
    #[serde(default)]
    #[param(value_type = Option<u64>)]
    after: Count,
    /// The most entries, at most 1000; 100 if absent.
    #[serde(default = "list_default")]
    #[param(value_type = Option<u64>)]
    limit: Count,
}

/// Entries of a listing when the caller does not say.
const fn list_default() -> Count {
    Count(100)
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

/// Who dismisses an event or takes that back, and why.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
pub struct Dismissal {
    /// Who.
    #[schema(min_length = 1, max_length = 500)]
    by: String,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    why: String,
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
    let (after, limit) = (query.after.0, query.limit.at_most(LIST_MAX));
    let events = blocking(&app, move |central| {
        central.database().read(|c| quarantine::list(c, after, limit))
    });
    Ok(Json(HeldList { events: events.await? }))
}

/// Something done to an entry.
async fn act(
    app: &Arc<App>,
    act: impl FnOnce(&Connection, i64) -> Result<Option<Released>, CentralError> + Send + 'static,
) -> Result<Json<Released>, Refused> {
    let run = |central: &Central| {
        let now_ms = central.rim().now_ms();
        central.database().writer().run(move |connection| act(connection, now_ms))
    };
    let missing = || Refused::not_found("no such event is held so");
    Ok(Json(blocking(app, run).await?.ok_or_else(missing)?))
}

/// Refuses words that say nothing, or too much.
fn check_words(words: [&str; 2]) -> Result<(), Refused> {
    let is_good = |text: &str| !text.trim().is_empty() && text.chars().count() <= WORDS_MAX;
    if words.into_iter().all(is_good) {
        return Ok(());
    }
    let title = "`by` and `why` must say something, in 500 characters at most";
    Err(Refused::invalid(422, title))
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
    act(&app, move |connection, _| quarantine::retry(connection, id)).await
}

/// Corrects a quarantined event: what is sent is judged in its place, and the original is kept for ever. If it is
/// refused nothing changes, and the answer says why.
#[utoipa::path(post, path = "/v1/quarantine/{id}/amend", tag = "admin",
    params(("id" = u64, Path, description = "Number of the entry")),
    request_body = Amendment, security(("admin" = [])),
    responses((status = OK, description = "What is applied now", body = Released),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn amend(
    State(app): State<Arc<App>>,
    _admin: Admin,
    Named(id): Named<i64>,
    Body(body): Body<Amendment>,
) -> Result<Json<Released>, Refused> {
    check_words([&body.by, &body.why])?;
    act(&app, move |connection, now_ms| quarantine::amend(connection, id, &body, now_ms)).await
}

/// Decides that a quarantined event will not count; its bytes stay.
#[utoipa::path(post, path = "/v1/quarantine/{id}/dismiss", tag = "admin",
    params(("id" = u64, Path, description = "Number of the entry")),
    request_body = Dismissal, security(("admin" = [])),
    responses((status = OK, description = "What is applied now", body = Released),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn dismiss(
    State(app): State<Arc<App>>,
    _admin: Admin,
    Named(id): Named<i64>,
    Body(body): Body<Dismissal>,
) -> Result<Json<Released>, Refused> {
    check_words([&body.by, &body.why])?;
    let dismiss = move |connection: &_, now_ms| {
        quarantine::dismiss(connection, id, (&body.by, &body.why), now_ms)
    };
    act(&app, dismiss).await
}

/// Takes a dismissal back: the event waits again, and both decisions stay on record.
#[utoipa::path(post, path = "/v1/quarantine/{id}/reopen", tag = "admin",
    params(("id" = u64, Path, description = "Number of the entry")),
    request_body = Dismissal, security(("admin" = [])),
    responses((status = OK, description = "It is quarantined again", body = Released),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn reopen(
    State(app): State<Arc<App>>,
    _admin: Admin,
    Named(id): Named<i64>,
    Body(body): Body<Dismissal>,
) -> Result<Json<Released>, Refused> {
    check_words([&body.by, &body.why])?;
    let reopen = move |connection: &_, now_ms| {
        quarantine::reopen(connection, id, (&body.by, &body.why), now_ms)
    };
    act(&app, reopen).await
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
