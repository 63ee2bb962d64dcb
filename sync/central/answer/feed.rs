//! What terminals read: pages of changes, snapshots, chunks.

use super::Caller;
use crate::error::CentralError;
use crate::feed::{self, Stand, scope_of};
use crate::push::{self, Sender};
use crate::refused::Refused;
use crate::{Central, chunk, snapshot};
use sync::protocol::feed::{ChangesPage, Feed, PAGE_MAX};
use sync::protocol::problem::{Retry, code};
use sync::protocol::snapshot::{Manifest, SnapshotRequest};

/// A page is closed when its rows have grown to so many bytes.
const PAGE_BYTES_AIM: usize = 2 * 1024 * 1024;

/// Changes of a feed after a cursor.
pub(super) fn changes(
    central: &Central,
    caller: Caller,
    feed: Feed,
    after: &str,
    limit: u32,
) -> Result<ChangesPage, Refused> {
    let now_ms = central.rim().now_ms();
    let limit = limit.clamp(1, PAGE_MAX);
    let read = |c: &_| read_page(c, caller.sender, feed, after, limit, now_ms);
    let page = central.database().read(read)?;
    match &page {
        Ok(read) => {
            let (terminal, feed) = (caller.sender.terminal, feed::feed_number(feed));
            central.passed().note(terminal, feed, read.pos, now_ms);
        }
        Err(Stand::Future) => central.seems_restored("a cursor from the future")?,
        Err(_) => {}
    }
    page.map(|read| read.page).map_err(|_| {
        let title = "the cursor is not of this feed any more: take a snapshot";
        Refused::new(410, code::CURSOR_COMPACTED, Retry::Never, title)
    })
}

/// A page, and the position of the cursor that asked for it.
struct Read {
    page: ChangesPage,
    pos: i64,
}

/// A page and how far the terminal's own events are in it, read at one moment; or where the cursor stands instead.
fn read_page(
    connection: &rusqlite::Connection,
    sender: Sender,
    feed: Feed,
    after: &str,
    limit: u32,
    now_ms: i64,
) -> Result<Result<Read, Stand>, CentralError> {
    let epoch = feed::epoch(connection)?;
    let scope = scope_of(feed, sender.store_no);
    let pos = match feed::position(connection, &epoch, (feed, scope), after)? {
        Stand::At(pos) => pos,
        elsewhere => return Ok(Err(elsewhere)),
    };
    let page = feed::page(connection, (feed, scope), pos, limit, PAGE_BYTES_AIM)?;
    let (mut included, mut checkpoint) = (Vec::new(), None);
    if !page.more {
        included = push::included(connection, sender.terminal)?;
        checkpoint = Some(feed::checkpoint(connection, feed, scope)?);
    }
    let next = feed::cursor(&epoch, page.next);
    let (changes, more, server_time_ms) = (page.changes, page.more, now_ms);
    let page = ChangesPage { changes, next, more, included, checkpoint, server_time_ms };
    Ok(Ok(Read { page, pos }))
}

/// Manifests of snapshots to start from.
pub(super) fn snapshots(
    central: &Central,
    caller: Caller,
    request: &SnapshotRequest,
) -> Result<Manifest, Refused> {
    let mut wanted = request.feeds.clone();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return Err(Refused::invalid(422, "at least one feed must be named"));
    }
    let mut feeds = Vec::new();
    for feed in wanted {
        let scope = scope_of(feed, caller.sender.store_no);
        let built = central.snapshot(feed, scope, |_| !central.is_closing())?;
        feeds.push(built.ok_or(CentralError::Stopped)?);
    }
    let server_time_ms = central.rim().now_ms();
    let expires_at_ms = server_time_ms.saturating_add(snapshot::LIFETIME_MS);
    Ok(Manifest { feeds, expires_at_ms, server_time_ms })
}

/// One chunk of a snapshot.
pub(super) fn chunk(central: &Central, sha256: &str) -> Result<Vec<u8>, Refused> {
    let missing = || Refused::not_found("there is no such chunk");
    if !chunk::is_chunk_name(sha256) {
        return Err(missing());
    }
    central.chunk(sha256)?.ok_or_else(missing)
}
