//! What terminals read: pages of changes, snapshots, chunks. Here are the waiting of long polls and the ranges of
//! chunks; everything else is [`crate::answer`].

use super::caller::Holder;
use super::problem::{Asked, Body, Count, Named};
use super::{App, ask, unexpected};
use crate::refused::Refused;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;
use sync::call::{Reply, Request};
use sync::protocol::feed::{ChangesPage, Feed, PAGE_MAX, WAIT_MAX_S};
use sync::protocol::problem::Problem;
use sync::protocol::snapshot::{Manifest, SnapshotRequest};

/// Changes of a page when the terminal does not say.
const fn page_default() -> Count {
    Count(500)
}

/// Which changes.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// Cursor of the last page; empty for the beginning.
    #[serde(default)]
    after: String,
    /// The most changes, at most 2000; 500 if absent.
    #[serde(default = "page_default")]
    #[param(value_type = Option<u64>)]
    limit: Count,
    /// Seconds to wait for a change if there is none, at most 25.
    #[serde(default)]
    #[param(value_type = Option<u64>)]
    wait: Count,
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
    Holder(stranger): Holder,
    Named(feed): Named<Feed>,
    Asked(query): Asked<ChangesQuery>,
) -> Result<Json<ChangesPage>, Refused> {
    let (limit, wait_s) = (query.limit.at_most(PAGE_MAX), query.wait.at_most(WAIT_MAX_S));
    let request = Request::Changes { feed, after: query.after, limit, wait_s };
    let patience = tokio::time::sleep(Duration::from_secs(wait_s.into()));
    tokio::pin!(patience);
    let mut commits = app.central.database().writer().commits();
    let mut closing = app.closing.clone();
    loop {
        // Marked before reading: a commit between reading and waiting wakes at once.
        commits.mark_unchanged();
        let Reply::Changes(page) = ask(&app, stranger.clone(), request.clone()).await? else {
            return Err(unexpected());
        };
        if !page.changes.is_empty() || wait_s == 0 || *closing.borrow() {
            return Ok(Json(page));
        }
        tokio::select! {
            () = &mut patience => return Ok(Json(page)),
            _ = commits.changed() => {}
            _ = closing.changed() => {}
        }
    }
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
    Holder(stranger): Holder,
    Body(body): Body<SnapshotRequest>,
) -> Result<Json<Manifest>, Refused> {
    match ask(&app, stranger, Request::Snapshot(body)).await? {
        Reply::Manifest(manifest) => Ok(Json(manifest)),
        _ => Err(unexpected()),
    }
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
    Holder(stranger): Holder,
    Named(sha256): Named<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let Reply::Chunk(bytes) = ask(&app, stranger, Request::Chunk { sha256 }).await? else {
        return Err(unexpected());
    };
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
        return Err(Refused::invalid(416, "the range does not fit"));
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
