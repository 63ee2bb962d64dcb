//! What was sent, what waits, what was refused: the sync view.

use super::intent::View;
use super::screen::{FeedRow, Message, RefusedRow, SyncScreen};
use super::terminal::Terminal;
use store::RefusedEvent;
use sync::ports::FeedProgress;
use sync::protocol::feed::Feed;

impl Terminal {
    pub(super) fn sync_screen(&self) -> SyncScreen {
        if self.view != View::Sync {
            return SyncScreen::default();
        }
        let (status, line, format) = (&self.sync_status, &self.line, &self.formatter);
        let oldest = status.oldest_waiting_at.map_or(0, |at| self.now().0.saturating_sub(at.0));
        let clock = self.clock_message();
        let refused = |event: &RefusedEvent| RefusedRow {
            title: event.title.clone(),
            reason: event.code.clone(),
            time: format.date_time(self.shown_ms(event.at)),
        };
        SyncScreen {
            central: self.identity.as_ref().map(|id| id.central.clone()).unwrap_or_default(),
            last_contact: line
                .last_contact
                .map(|at| format.date_time(self.shown_ms(at)))
                .unwrap_or_default(),
            waiting: u32::try_from(status.waiting).unwrap_or(u32::MAX),
            oldest_minutes: u32::try_from((oldest / 60_000).max(0)).unwrap_or(u32::MAX),
            acknowledged: format.count(status.acknowledged),
            problem: line
                .problem
                .as_ref()
                .map(|(code, argument)| Message::warning(code, &[argument.as_str()]))
                .or_else(|| clock.clone()),
            clock,
            feeds: status.feeds.iter().map(|row| self.feed_row(row)).collect(),
            refused: status.refused.iter().map(refused).collect(),
            is_busy: line.is_busy,
            is_cut: line.is_cut,
        }
    }

    fn feed_row(&self, (feed, progress): &(Feed, FeedProgress)) -> FeedRow {
        let percent = match (&progress.cursor, &progress.snapshot) {
            (Some(_), _) => 100,
            (None, Some(snapshot)) => {
                let all = snapshot.plan.rows.max(1);
                u32::try_from(snapshot.rows_applied * 100 / all).unwrap_or(0).min(99)
            }
            (None, None) => 0,
        };
        let moved = progress.moved_at.map(|at| self.formatter.date_time(self.shown_ms(at)));
        FeedRow {
            feed: feed.name().to_owned(),
            rows: self.formatter.count(progress.rows),
            percent,
            as_of: moved.unwrap_or_default(),
        }
    }
}
