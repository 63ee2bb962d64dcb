//! What the engine tells people: one line, the most serious problem, and how far the first sync is.

use super::token::REFUSALS_MAX;
use super::{Engine, Lane};
use crate::ports::{Life, LifeStanding};
use crate::protocol::auth::Standing;
use crate::status::{FeedStatus, Line, SyncProblem, SyncStatus};

impl Engine {
    /// How things stand; the same as last published.
    pub fn status(&self) -> SyncStatus {
        let feeds: Vec<_> = self.feeds.iter().map(|feed| feed.status()).collect();
        let found = self.problems();
        let problems = || found.iter().copied();
        let refusal = problems().find(|problem| problem.is_refusal());
        let is_up = self.contact.is_up;
        let silence = problems().find(|problem| problem.is_silence());
        let is_trouble = |problem: &SyncProblem| {
            !problem.is_silence() && !problem.is_local() && !problem.is_refusal()
        };
        let trouble = problems().find(is_trouble);
        let local = problems().find(|problem| problem.is_local());
        let line = match (refusal, is_up) {
            _ if self.is_cut => Line::Offline,
            (Some(_), _) => Line::Refused,
            (None, None) => Line::Unknown,
            (None, Some(false)) => Line::Offline,
            (None, Some(true)) if trouble.is_some() => Line::Troubled,
            (None, Some(true)) => Line::Online,
        };
        let problem = match line {
            _ if self.is_cut => local,
            Line::Offline => local.or(silence).or(trouble),
            _ => refusal.or(local).or(trouble).or(silence),
        };
        SyncStatus {
            line,
            last_contact: self.contact.last_contact,
            clock_offset_ms: self.contact.clock_offset_ms,
            problem,
            is_busy: self.lanes().into_iter().any(is_at_work),
            is_cut: self.is_cut,
            percent: percent(&feeds),
            first_sync: feeds,
            acknowledged_revision: self.push.revision + self.former.revision + self.strays.revision,
            divergences: self.feeds.iter().map(|feed| feed.divergences()).sum(),
        }
    }

    /// Everything that is wrong, in no order that matters.
    fn problems(&self) -> Vec<SyncProblem> {
        let mut found = Vec::new();
        if let Some(current) = self.lives.current() {
            found.extend(self.problem_of(current));
        }
        if !self.contract.allows_pull() {
            found.push(SyncProblem::UpgradeNeeded);
        }
        let own = [&self.lives.lane, &self.contract.lane, &self.clock.lane, &self.register.lane];
        let more = [&self.push.lane, &self.strays.lane, &self.manifest.lane];
        found.extend(own.into_iter().chain(more).filter_map(|lane| lane.problem));
        found.extend(self.feeds.iter().filter_map(|feed| feed.problem()));
        // What goes wrong with former lives goes another way by itself: nobody needs to act.
        let vouching = super::pulling(&self.lives, &self.tokens).map(|who| who.life());
        let current = self.lives.current().map(Life::id);
        for (life, lane) in self.tokens.lanes() {
            let counts = Some(life) == current || Some(life) == vouching;
            found.extend(lane.problem.filter(|_| counts));
        }
        found.extend(self.former.lane.problem.filter(|problem| !problem.is_refusal()));
        found
    }

    /// What a person must do because of how central regards the current life.
    fn problem_of(&self, current: &Life) -> Option<SyncProblem> {
        if current.standing == LifeStanding::Closed {
            return Some(SyncProblem::EnrolAgain);
        }
        // In the life that we speak in: if central refuses the proof for good, nothing goes at all.
        let speaking = super::pulling(&self.lives, &self.tokens).map(|who| who.life());
        if speaking.is_some_and(|life| self.tokens.refusals(life) >= REFUSALS_MAX) {
            return Some(SyncProblem::EnrolAgain);
        }
        match self.tokens.standing(current.id()) {
            Some(Standing::Replaced) => Some(SyncProblem::EpochOutdated),
            Some(Standing::Revoked) => Some(SyncProblem::TerminalRevoked),
            Some(Standing::Current) | None => None,
        }
    }
}

/// Under way, and not merely waiting for news.
fn is_at_work(lane: &Lane) -> bool {
    lane.busy.as_ref().is_some_and(|busy| !busy.is_waiting)
}

fn percent(feeds: &[FeedStatus]) -> u8 {
    if feeds.iter().all(|feed| feed.is_complete) {
        return 100;
    }
    let known = || feeds.iter().filter_map(|feed| Some((feed, feed.rows_total?)));
    let total: u64 = known().map(|(_, total)| total).fold(0, u64::saturating_add);
    let done: u64 =
        known().map(|(feed, total)| feed.rows_done.min(total)).fold(0, u64::saturating_add);
    // While a feed is open it is never said to be all.
    let percent = (u128::from(done) * 100).checked_div(u128::from(total)).unwrap_or(0).min(99);
    percent as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::feed::Feed;

    /// Rows done, rows in all where known, complete -> percent.
    #[test]
    fn a_hundred_percent_is_all_of_every_feed_and_nothing_else() {
        type Row = (u64, Option<u64>, bool);
        let table: [(&[Row], u8); 9] = [
            (&[], 100),
            (&[(0, None, false)], 0),
            (&[(0, Some(0), false)], 0),
            (&[(5, Some(5), true)], 100),
            (&[(5, Some(5), false)], 99),
            (&[(9, Some(5), false)], 99),
            (&[(50, Some(50), true), (25, Some(50), false)], 75),
            (&[(50, Some(50), true), (0, None, false)], 99),
            (&[(u64::MAX, Some(u64::MAX), true), (0, Some(u64::MAX), false)], 99),
        ];
        for (rows, expected) in table {
            let feed = |(rows_done, rows_total, is_complete): &Row| FeedStatus {
                feed: Feed::Stock,
                rows_done: *rows_done,
                rows_total: *rows_total,
                is_complete: *is_complete,
                revision: 0,
            };
            let feeds: Vec<FeedStatus> = rows.iter().map(feed).collect();
            assert_eq!(percent(&feeds), expected, "{rows:?}");
        }
    }
}
