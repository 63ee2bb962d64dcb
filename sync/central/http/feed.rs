//! What terminals read: pages of changes, snapshots, chunks.

use super::caller::Caller;
use super::problem::{ApiError, Asked, Body};
use super::{App, blocking};
use crate::error::CentralError;
use crate::feed::{self, Stand, scope_of};
use crate::push;
use crate::snapshot;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;
use sync::protocol::feed::{ChangesPage, Feed, PAGE_MAX, WAIT_MAX_S};
use sync::protocol::problem::{Problem, Retry, code};
use sync::protocol::snapshot::{Manifest, SnapshotRequest};

/// Changes of a page when the terminal does not say.
const PAGE_DEFAULT: u32 = 500;
/// A page is closed when its rows have grown to so many bytes.
const PAGE_BYTES_AIM: usize = 2 * 1024 * 1024;

/// Which changes.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// Cursor of the last page; empty for the beginning.
    #[serde(default)]
    after: String,
    /// The most changes, at most 2000; 500 if absent.
    limit: Option<u32>,
    /// Seconds to wait for a change if there is none, at most 25.
    #[serde(default)]
    wait: u32,
}

/// Changes of a feed after a cursor. Waits for one if asked to.
#[utoipa::path(get, path = "/v1/feeds/{feed}/changes", tag = "feeds",
    params(("feed" = Feed, Path, description = "Which feed"), ChangesQuery),
    security(("terminal" = [])),
    responses((status = OK, description = "A page of changes", body = ChangesPage),
        (status = GONE, description = "CURSOR_COMPACTED: take a snapshot", body = Problem,
            content_type = "application/problem+json"),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn changes(
    State(app): State<Arc<App>>,
    Caller(sender): Caller,
    Path(name): Path<String>,
    Asked(query): Asked<ChangesQuery>,
) -> Result<Json<ChangesPage>, ApiError> {
    let feed: Feed = name.parse().map_err(|_| ApiError::not_found("there is no such feed"))?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let after: Arc<str> = query.after.into();
    let patience = tokio::time::sleep(Duration::from_secs(query.wait.min(WAIT_MAX_S).into()));
    tokio::pin!(patience);
    let mut commits = app.central.database().writer().commits();
    let mut closing = app.closing.clone();
    loop {
        // Marked before reading: a commit between reading and waiting wakes at once.
        commits.mark_unchanged();
        let after = Arc::clone(&after);
        let page = blocking(&app, move |central| {
            let now_ms = central.rim().now_ms();
            let page =
                central.database().read(|c| read_page(c, sender, feed, &after, limit, now_ms))?;
            if matches!(page, Err(Stand::Future)) {
                central.seems_restored("a cursor from the future")?;
            }
            Ok(page)
        });
        let Ok(page) = page.await? else {
            let title = "the cursor is not of this feed any more: take a snapshot";
            let status = StatusCode::GONE;
            return Err(ApiError::new(status, code::CURSOR_COMPACTED, Retry::Later, title));
        };
        if !page.changes.is_empty() || query.wait == 0 || *closing.borrow() {
            return Ok(Json(page));
        }
        tokio::select! {
            () = &mut patience => return Ok(Json(page)),
            _ = commits.changed() => {}
            _ = closing.changed() => {}
        }
    }
}

/// A page and how far the terminal's own events are in it, read at one moment; or where the cursor stands instead.
fn read_page(
    connection: &rusqlite::Connection,
    sender: push::Sender,
    feed: Feed,
    after: &str,
    limit: u32,
    now_ms: i64,
) -> Result<Result<ChangesPage, Stand>, CentralError> {
    let epoch = feed::epoch(connection)?;
    let pos = match feed::position(connection, &epoch, after)? {
        Stand::At(pos) => pos,
        elsewhere => return Ok(Err(elsewhere)),
    };
    let scope = scope_of(feed, sender.store_no);
    let page = feed::page(connection, (feed, scope), pos, limit, PAGE_BYTES_AIM)?;
    let included_seq = if page.more {
        None
    } else {
        Some(push::watermark(connection, sender.terminal, sender.epoch)?.0)
    };
    Ok(Ok(ChangesPage {
        changes: page.changes,
        next: feed::cursor(&epoch, page.next),
        more: page.more,
        included_seq,
        server_time_ms: now_ms,
    }))
}

/// Manifests of snapshots to start from.
#[utoipa::path(post, path = "/v1/snapshots", tag = "feeds", request_body = SnapshotRequest,
    security(("terminal" = [])),
    responses((status = OK, description = "Chunks to fetch, and cursors for the rest",
            body = Manifest),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn snapshots(
    State(app): State<Arc<App>>,
    Caller(sender): Caller,
    Body(request): Body<SnapshotRequest>,
) -> Result<Json<Manifest>, ApiError> {
    let mut wanted = request.feeds;
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        let title = "at least one feed must be named";
        return Err(ApiError::invalid(StatusCode::UNPROCESSABLE_ENTITY, title));
    }
    let closing = app.closing.clone();
    let manifest = blocking(&app, move |central| {
        let mut feeds = Vec::new();
        for feed in wanted {
            let scope = scope_of(feed, sender.store_no);
            let built = central.snapshot(feed, scope, |_| !*closing.borrow())?;
            feeds.push(built.ok_or(CentralError::Stopped)?);
        }
        let server_time_ms = central.rim().now_ms();
        let expires_at_ms = server_time_ms.saturating_add(snapshot::LIFETIME_MS);
        Ok(Manifest { feeds, expires_at_ms, server_time_ms })
    });
    Ok(Json(manifest.await?))
}

/// One chunk of a snapshot; immutable, named by its hash.
#[utoipa::path(get, path = "/v1/chunks/{sha256}", tag = "feeds",
    params(("sha256" = String, Path, description = "SHA-256 of the bytes, hexadecimal"),
        ("range" = Option<String>, Header, description = "One range of bytes (RFC 9110)")),
    security(("terminal" = [])),
    responses((status = OK, description = "A zstd frame of JSON lines", body = Vec<u8>,
            content_type = "application/zstd"),
        (status = PARTIAL_CONTENT, description = "A part of it", body = Vec<u8>,
            content_type = "application/zstd"),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json")))]
pub async fn chunk(
    State(app): State<Arc<App>>,
    _caller: Caller,
    Path(sha256): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let missing = || ApiError::not_found("there is no such chunk");
    if !snapshot::is_chunk_name(&sha256) {
        return Err(missing());
    }
    let bytes = blocking(&app, move |central| central.chunk(&sha256));
    let bytes = bytes.await?.ok_or_else(missing)?;
    let fixed = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/zstd")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable")),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
    ];
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some(range) = range.and_then(|text| text.strip_prefix("bytes=")) else {
        return Ok((fixed, bytes).into_response());
    };
    let Some((start, end)) = byte_range(range, bytes.len()) else {
        let title = "the range does not fit";
        return Err(ApiError::invalid(StatusCode::RANGE_NOT_SATISFIABLE, title));
    };
    let content_range = format!("bytes {start}-{}/{}", end - 1, bytes.len());
    let part = bytes[start..end].to_vec();
    let named = [(header::CONTENT_RANGE, content_range)];
    Ok((StatusCode::PARTIAL_CONTENT, fixed, named, part).into_response())
}

/// Start and end (exclusive) of a single range such as `0-99`, `100-` or `-50`.
fn byte_range(text: &str, length: usize) -> Option<(usize, usize)> {
    let (first, last) = text.split_once('-')?;
    let (start, end) = match (first.is_empty(), last.is_empty()) {
        (true, false) => (length.checked_sub(last.parse().ok()?)?, length),
        (false, true) => (first.parse().ok()?, length),
        (false, false) => {
            let last: usize = last.parse().ok()?;
            (first.parse().ok()?, last.checked_add(1)?.min(length))
        }
        (true, true) => return None,
    };
    (start < end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::byte_range;

    /// One line, one case: range of 100 bytes, what is sent.
    #[test]
    fn ranges() {
        for (text, expected) in [
            ("0-9", Some((0, 10))),
            ("90-", Some((90, 100))),
            ("-5", Some((95, 100))),
            ("50-1000", Some((50, 100))),
            ("100-", None),
            ("9-3", None),
            ("-101", None),
            ("-", None),
            ("a-b", None),
            ("0-18446744073709551615", None),
        ] {
            assert_eq!(byte_range(text, 100), expected, "{text}");
        }
    }
}
