//! The line to central: what waits, what was refused, what is kept here.

use super::Send;
use super::model::sync_rows;
use super::shell_adapter::{map_message, small};
use crate::app::intent::Intent;
use crate::app::screen::{FeedRow, RefusedRow, SyncScreen};
use crossroads_ui::{App, FeedData, RefusedData, SyncAdapter};
use slint::ComponentHandle;

pub fn connect(app: &App, send: &Send) {
    let sync = app.global::<SyncAdapter>();
    let now = Send::clone(send);
    sync.on_sync_now(move || now(Intent::SyncNow));
    let cut = Send::clone(send);
    sync.on_cut(move |is_cut| cut(Intent::CutLine(is_cut)));
    let back = Send::clone(send);
    sync.on_back(move || back(Intent::Back));
}

pub fn show(app: &App, screen: &SyncScreen) {
    let sync = app.global::<SyncAdapter>();
    sync.set_central(screen.central.as_str().into());
    sync.set_last_contact(screen.last_contact.as_str().into());
    sync.set_waiting(small(screen.waiting));
    sync.set_oldest_minutes(small(screen.oldest_minutes));
    sync.set_acknowledged(screen.acknowledged.as_str().into());
    sync.set_problem(map_message(screen.problem.as_ref()));
    sync.set_clock(map_message(screen.clock.as_ref()));
    sync.set_is_busy(screen.is_busy);
    sync.set_is_cut(screen.is_cut);
    if let Some(model) = sync_rows(&sync.get_feeds(), screen.feeds.iter().map(map_feed).collect()) {
        sync.set_feeds(model);
    }
    let refused = screen.refused.iter().map(map_refused).collect();
    if let Some(model) = sync_rows(&sync.get_refused(), refused) {
        sync.set_refused(model);
    }
}

fn map_feed(row: &FeedRow) -> FeedData {
    FeedData {
        feed: row.feed.as_str().into(),
        rows: row.rows.as_str().into(),
        percent: small(row.percent),
        as_of: row.as_of.as_str().into(),
    }
}

fn map_refused(row: &RefusedRow) -> RefusedData {
    RefusedData {
        title: row.title.as_str().into(),
        reason: row.reason.as_str().into(),
        time: row.time.as_str().into(),
    }
}
