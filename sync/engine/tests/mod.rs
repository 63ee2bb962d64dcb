//! The engine's decisions as tables: what happened, and what it must do next.
//!
//! The bench performs work of the storage at once, on the storage in memory. Calls stay open until
//! a test serves them (from the model of central), fails them, or lets time pass.
#![allow(clippy::unwrap_used)]

use super::lane::{PAUSE_MS_MAX, PAUSE_MS_MIN, ceiling_ms};
use super::work::perform;
use super::*;
use crate::memory::{MemoryStore, ModelCentral, sample};
use crate::ports::SyncStore;
use crate::protocol::feed::ChangesPage;
use crate::protocol::problem::{Problem, Retry, code};
use crate::protocol::push::{EVENTS_MAX, PushResponse, Watermark};
use crate::status::Line;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeMap;

mod decisions;
mod lives;

const WALL: i64 = 1_800_000_000_000;

struct Bench {
    engine: Engine,
    rng: StdRng,
    now_ms: u64,
    timer_ms: Option<u64>,
    store: MemoryStore,
    central: ModelCentral,
    open: BTreeMap<Ticket, (Option<Token>, Request)>,
    /// When long polls end.
    polls: BTreeMap<Ticket, u64>,
    /// Requests for the contract are served at once, and nobody speaks of them.
    is_contract_served: bool,
    /// Central waits before it says that there is nothing new.
    is_waiting_as_asked: bool,
    status: SyncStatus,
    published: usize,
    sent: Vec<&'static str>,
    stored: Vec<&'static str>,
}

impl Bench {
    /// An enrolled terminal with `events` in its outbox; central knows it and has a few rows in
    /// every feed.
    fn new(events: u64) -> Self {
        let identity = sample::identity(1);
        let store = MemoryStore::default();
        store.enrol(&identity, "crossroads/test", DeviceTime(WALL)).unwrap();
        (1..events).for_each(|n| {
            store.append(&sample::event(n), DeviceTime(WALL));
        });
        let mut central = ModelCentral::default();
        central.admit(&identity);
        for feed in Feed::ALL {
            (0..6).for_each(|n| central.put(feed, n, 1));
        }
        Self {
            engine: Engine::new(),
            rng: StdRng::seed_from_u64(1),
            now_ms: 0,
            timer_ms: None,
            store,
            central,
            open: BTreeMap::new(),
            polls: BTreeMap::new(),
            is_contract_served: true,
            is_waiting_as_asked: true,
            status: SyncStatus::default(),
            published: 0,
            sent: Vec::new(),
            stored: Vec::new(),
        }
    }

    /// The same, after everything is settled and the outbox is empty.
    fn settled(events: u64) -> Self {
        let mut bench = Self::new(events);
        bench.input(Input::Start);
        bench.settle();
        assert_eq!(bench.store.outbox_len(), 0);
        assert_eq!(bench.open(), ["changes"; 5], "every feed waits for news");
        assert_eq!(bench.status.line, Line::Online);
        bench.sent.clear();
        bench.stored.clear();
        bench
    }

    fn input(&mut self, input: Input) {
        let wall = DeviceTime(WALL + self.now_ms as i64);
        let now = Moment { monotonic_ms: self.now_ms, wall };
        let (mut works, mut contracts) = (Vec::new(), Vec::new());
        for effect in self.engine.step(now, input, &mut self.rng) {
            match effect {
                Effect::Send { ticket, request: Request::Contract, .. }
                    if self.is_contract_served =>
                {
                    contracts.push(ticket);
                }
                Effect::Send { ticket, token, request } => {
                    self.sent.push(request.name());
                    if let Request::Changes { wait_s, .. } = request
                        && wait_s > 0
                        && self.is_waiting_as_asked
                    {
                        self.polls.insert(ticket, self.now_ms + u64::from(wait_s) * 1_000);
                    }
                    self.open.insert(ticket, (token, request));
                }
                Effect::Abort { ticket } => {
                    self.open.remove(&ticket);
                }
                Effect::Store { ticket, work } => {
                    if !matches!(work, StoreWork::Lives) {
                        self.stored.push(work.name());
                    }
                    works.push((ticket, work));
                }
                Effect::SetTimer { at_ms } => self.timer_ms = Some(at_ms),
                Effect::Publish(status) => {
                    assert_ne!(*status, self.status, "published without a change");
                    self.published += 1;
                    self.status = *status;
                }
            }
        }
        for (ticket, work) in works {
            let done = perform(&self.store, work).unwrap();
            self.input(Input::Stored { ticket, done });
        }
        for ticket in contracts {
            let result = self.central.handle(WALL + self.now_ms as i64, None, &Request::Contract);
            self.input(Input::Answered { ticket, result });
        }
        let has_next = self.timer_ms.is_some() || !self.open.is_empty() || self.status.is_cut;
        assert!(has_next, "no state without a next automatic action (invariant 10)");
    }

    fn open(&self) -> Vec<&'static str> {
        self.open.values().map(|(_, request)| request.name()).collect()
    }

    fn ticket(&self, name: &str) -> Ticket {
        let found = self.open.iter().find(|(_, (_, request))| request.name() == name);
        *found.unwrap_or_else(|| panic!("no open {name}, but {:?}", self.open())).0
    }

    fn answer(&mut self, name: &str, result: Result<Reply, Fault>) {
        let ticket = self.ticket(name);
        self.open.remove(&ticket);
        self.input(Input::Answered { ticket, result });
    }

    fn fail(&mut self, name: &str, fault: Fault) {
        self.answer(name, Err(fault));
    }

    fn refuse(&mut self, name: &str, status: u16, code: &str, retry: Retry) {
        self.fail(name, refusal(status, code, retry, None));
    }

    fn serve(&mut self, ticket: Ticket) {
        let (token, request) = self.open.remove(&ticket).unwrap();
        let now = WALL + self.now_ms as i64;
        let result = self.central.handle(now, token.as_ref(), &request);
        self.input(Input::Answered { ticket, result });
    }

    /// A call that central would answer now.
    fn ready(&self) -> Option<Ticket> {
        let is_ready = |request: &Request| match request {
            Request::Changes { feed, after, wait_s, .. } => {
                *wait_s == 0 || self.central.has_news(*feed, after)
            }
            _ => true,
        };
        self.open.iter().find(|(_, (_, request))| is_ready(request)).map(|(ticket, _)| *ticket)
    }

    /// The poll of a feed.
    fn poll_of(&self, feed: Feed) -> Option<Ticket> {
        let is_of_it = |request: &Request| matches!(request, Request::Changes { feed: asked, .. } if *asked == feed);
        self.open.iter().find(|(_, (_, request))| is_of_it(request)).map(|(ticket, _)| *ticket)
    }

    /// Serves open calls until only long polls without news are left.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            let Some(ticket) = self.ready() else { return };
            self.serve(ticket);
        }
        panic!("does not settle");
    }

    /// Lets time pass, ticking whenever the engine wants it and answering long polls when they end.
    fn pass(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        loop {
            let poll = self.polls.iter().map(|(ticket, at_ms)| (*at_ms, *ticket)).min();
            let poll_ms = poll.map_or(u64::MAX, |(at_ms, _)| at_ms);
            let next_ms = self.timer_ms.unwrap_or(u64::MAX).min(poll_ms);
            if next_ms > end_ms {
                break;
            }
            self.now_ms = self.now_ms.max(next_ms);
            match poll {
                Some((at_ms, ticket)) if at_ms == next_ms => {
                    self.polls.remove(&ticket);
                    if self.open.contains_key(&ticket) {
                        self.serve(ticket);
                    }
                }
                _ => {
                    self.timer_ms = None;
                    self.input(Input::Tick);
                }
            }
        }
        self.now_ms = end_ms;
    }

    /// Events in the push that is open.
    fn push_size(&self) -> usize {
        match &self.open[&self.ticket("push")].1 {
            Request::Push { body, .. } => body.events.len(),
            _ => unreachable!(),
        }
    }

    fn sell(&mut self) {
        self.store.append(&sample::event(self.now_ms + 1_000), DeviceTime(WALL));
        self.input(Input::Nudge);
    }

    fn problem(&self) -> Option<&'static str> {
        self.status.problem.map(SyncProblem::code)
    }
}

fn refusal(status: u16, code: &str, retry: Retry, retry_after_s: Option<u32>) -> Fault {
    let (kind, title) = ("about:blank".into(), "refused".into());
    let problem = Problem { kind, title, status, detail: None, code: code.into(), retry };
    Fault::Problem { problem, retry_after_s }
}

fn html() -> Fault {
    Fault::Garbage { content_type: "text/html".into() }
}

#[test]
fn first_start_fetches_in_the_order_of_priority_while_pushing() {
    let mut bench = Bench::new(3);
    bench.input(Input::Start);
    assert_eq!(bench.open(), ["nonce"], "nothing goes out before we have proved who we are");
    bench.serve(bench.ticket("nonce"));
    bench.serve(bench.ticket("token"));
    assert_eq!(bench.open(), ["watermark", "snapshot"], "the most urgent feed first");
    bench.serve(bench.ticket("snapshot"));
    assert_eq!(bench.open(), ["watermark", "snapshot", "chunk"], "the next plan meanwhile");
    for _ in 0..4 {
        bench.serve(bench.ticket("snapshot"));
    }
    assert_eq!(bench.open(), ["watermark", "chunk"], "one feed's chunks at a time");
    let mut totals = bench.status.first_sync.iter().map(|feed| feed.rows_total);
    assert!(totals.all(|total| total == Some(6)), "the whole way is known early");
    let mut order = Vec::new();
    for _ in 0..10 {
        let busy = bench.status.first_sync.iter().find(|feed| !feed.is_complete);
        order.push(busy.map(|feed| feed.feed));
        assert!(bench.status.percent < 100);
        bench.serve(bench.ticket("chunk"));
    }
    let twice = |feed: &Feed| [Some(*feed), Some(*feed)];
    assert_eq!(order, Feed::ALL.iter().flat_map(twice).collect::<Vec<_>>());
    assert_eq!(bench.status.percent, 100);
    assert!(bench.open().contains(&"watermark"), "pull did not wait for push (invariant 5)");
    bench.settle();
    assert_eq!(bench.store.outbox_len(), 0);
    assert_eq!(bench.status.line, Line::Online);
    assert_eq!(bench.status.problem, None);
    assert!(!bench.status.is_busy);
}

#[test]
fn without_an_identity_nothing_goes_out_until_there_is_one() {
    let mut bench = Bench::new(1);
    let enrolled = std::mem::take(&mut bench.store);
    bench.input(Input::Start);
    assert_eq!((bench.open().len(), bench.status.line), (0, Line::Unknown));
    bench.pass(120_000);
    assert!(bench.stored.len() <= 6, "looked {} times", bench.stored.len());
    bench.store = enrolled;
    bench.input(Input::Nudge);
    assert_eq!(bench.open(), ["nonce"], "enrolment nudges");
}

#[test]
fn a_sale_is_sent_at_once_and_leaves_the_outbox_when_acknowledged() {
    let mut bench = Bench::settled(1);
    let revision = bench.status.acknowledged_revision;
    bench.sell();
    assert_eq!(bench.sent, ["push"]);
    // Two more while the first is under way: no second request before the answer.
    bench.sell();
    bench.sell();
    assert_eq!(bench.sent, ["push"]);
    bench.settle();
    assert_eq!(bench.sent, ["push", "push"], "the rest goes in one batch");
    assert_eq!(bench.store.outbox_len(), 0);
    assert_eq!(bench.status.acknowledged_revision, revision + 2);
}

#[test]
fn a_forgotten_nudge_costs_seconds() {
    let mut bench = Bench::settled(1);
    bench.store.append(&sample::event(7), DeviceTime(WALL));
    bench.pass(10_000);
    assert!(bench.open().contains(&"push"));
}

#[test]
fn after_a_lost_acknowledgement_central_is_asked_where_it_stands() {
    let mut bench = Bench::settled(1);
    bench.sell();
    let (token, request) = bench.open[&bench.ticket("push")].clone();
    bench.central.handle(WALL, token.as_ref(), &request).unwrap();
    bench.fail("push", Fault::TimedOut);
    assert_eq!((bench.status.line, bench.problem()), (Line::Offline, Some("timed-out")));
    bench.sent.clear();
    bench.pass(PAUSE_MS_MIN);
    assert_eq!(bench.sent, ["watermark"]);
    bench.settle();
    assert_eq!(bench.sent, ["watermark"], "what central holds is not sent again");
    assert_eq!(bench.store.outbox_len(), 0);
    assert_eq!((bench.status.line, bench.problem()), (Line::Online, None));
}

#[test]
fn batches_halve_down_to_one_and_grow_again() {
    let mut bench = Bench::new(40);
    bench.input(Input::Start);
    for name in ["nonce", "token", "watermark"] {
        bench.serve(bench.ticket(name));
    }
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(bench.push_size());
        bench.fail("push", Fault::Status { status: 413, retry_after_s: None });
    }
    assert_eq!(seen, [40, 20, 10, 5, 2, 1]);
    assert_eq!(bench.problem(), Some("event-too-large"));
    assert!(!bench.open().contains(&"push"), "a single event that is too large is not hurried");
    bench.pass(PAUSE_MS_MAX);
    let mut grown = Vec::new();
    for _ in 0..20 {
        let open = bench.open();
        let name = open.iter().find(|name| matches!(**name, "push" | "watermark" | "nonce"));
        let Some(name) = name else { break };
        if *name == "push" {
            grown.push(bench.push_size());
        }
        bench.serve(bench.ticket(name));
    }
    assert_eq!(grown, [1, 2, 4, 8, 16, 9], "and grows with every success");
    bench.pass(PAUSE_MS_MIN);
    bench.settle();
    assert_eq!(bench.problem(), None);
}

#[test]
fn a_batch_never_exceeds_the_limits() {
    let mut bench = Bench::new(1_200);
    bench.input(Input::Start);
    bench.settle();
    assert_eq!(bench.sent.iter().filter(|name| **name == "push").count(), 3, "500, 500, 200");
    assert_eq!(bench.store.outbox_len(), 0);
    const { assert!(EVENTS_MAX == 500) };
}

#[test]
fn a_restored_central_gets_again_what_it_lost() {
    let mut bench = Bench::settled(1);
    let backup = bench.central.clone();
    (0..5).for_each(|_| {
        bench.sell();
        bench.settle();
    });
    bench.central = backup;
    bench.central.after_restore(1);
    bench.sell();
    bench.settle();
    let journal: Vec<_> = bench.store.journal().into_iter().map(|event| event.bytes).collect();
    assert_eq!(bench.central.events(sample::identity(1).id.uuid()), journal);
    assert_eq!(bench.store.outbox_len(), 0);
}

/// Its feeds begin a new epoch: that is reason enough to ask where it stands, long before the five
/// minutes of an idle line are over.
#[test]
fn a_restored_central_gets_at_once_what_it_lost_though_nothing_is_sold() {
    let mut bench = Bench::settled(1);
    let backup = bench.central.clone();
    (0..5).for_each(|_| {
        bench.sell();
        bench.settle();
    });
    bench.central = backup;
    bench.central.after_restore(1);
    bench.settle();
    bench.pass(1_000);
    bench.settle();
    let journal: Vec<_> = bench.store.journal().into_iter().map(|event| event.bytes).collect();
    assert_eq!(bench.central.events(sample::identity(1).id.uuid()), journal);
}

#[test]
fn an_idle_terminal_notices_a_restored_central() {
    let mut bench = Bench::settled(4);
    bench.central = ModelCentral::default();
    bench.central.admit(&sample::identity(1));
    for _ in 0..12 {
        bench.pass(25_000);
        bench.settle();
    }
    bench.pass(60_000);
    bench.settle();
    assert_eq!(bench.central.events(sample::identity(1).id.uuid()).len(), 4);
}

/// Fault of a first call -> line, problem.
#[test]
fn faults_are_told_in_words_that_help() {
    let status = |status| Fault::Status { status, retry_after_s: None };
    let table = [
        (Fault::Unreachable, Line::Offline, "unreachable"),
        (Fault::TimedOut, Line::Offline, "timed-out"),
        (html(), Line::Troubled, "not-central"),
        (status(404), Line::Troubled, "not-central"),
        (status(500), Line::Troubled, "central-failing"),
        (status(502), Line::Troubled, "central-failing"),
        (status(429), Line::Troubled, "throttled"),
        (status(426), Line::Refused, "upgrade-required"),
        (Fault::AnswerTooLarge, Line::Troubled, "answer-too-large"),
        (refusal(500, code::INTERNAL, Retry::Later, None), Line::Troubled, "central-failing"),
        (refusal(429, code::TOO_MANY_ATTEMPTS, Retry::Later, None), Line::Troubled, "throttled"),
        (refusal(404, code::NOT_FOUND, Retry::Human, None), Line::Refused, "terminal-unknown"),
        (
            refusal(403, code::TERMINAL_REVOKED, Retry::Human, None),
            Line::Refused,
            "terminal-revoked",
        ),
        (refusal(418, "TEAPOT", Retry::Never, None), Line::Troubled, "unexpected-answer"),
    ];
    for (fault, line, problem) in table {
        let mut bench = Bench::new(2);
        bench.input(Input::Start);
        bench.fail("nonce", fault.clone());
        assert_eq!((bench.status.line, bench.problem()), (line, Some(problem)), "{fault:?}");
        bench.pass(PAUSE_MS_MAX + 1);
        bench.settle();
        assert_eq!((bench.status.line, bench.problem()), (Line::Online, None), "{fault:?}");
        assert_eq!(bench.store.outbox_len(), 0, "{fault:?}");
    }
}

#[test]
fn answers_to_another_question_are_garbage() {
    let mut bench = Bench::new(2);
    bench.input(Input::Start);
    bench.answer("nonce", Ok(Reply::Chunk(Vec::new())));
    assert_eq!(bench.problem(), Some("not-central"));
    let mut bench = Bench::settled(1);
    bench.sell();
    bench.answer("push", Ok(Reply::Chunk(Vec::new())));
    assert_eq!(bench.problem(), Some("not-central"));
    let hostile = PushResponse {
        acked_seq: u64::MAX,
        acked_hash: "ff".repeat(32),
        results: vec![],
        server_time_ms: i64::MIN,
    };
    bench.pass(PAUSE_MS_MAX);
    bench.serve(bench.ticket("watermark"));
    bench.answer("push", Ok(Reply::Pushed(hostile)));
    assert_eq!(bench.store.outbox_len(), 1, "nobody's acknowledgement is booked");
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    assert_eq!(bench.store.outbox_len(), 0);
}

#[test]
fn a_central_that_never_moves_on_is_not_hammered() {
    let mut bench = Bench::settled(1);
    bench.sell();
    bench.sent.clear();
    for _ in 0..200 {
        let Some(name) = ["push", "watermark"].into_iter().find(|n| bench.open().contains(n))
        else {
            break;
        };
        match name {
            "push" => bench.refuse("push", 409, code::GAP, Retry::Later),
            _ => bench.serve(bench.ticket("watermark")),
        }
    }
    assert!(bench.sent.len() <= 8, "sent {:?} without a pause", bench.sent);
    assert_eq!(bench.problem(), Some("unexpected-answer"));
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    assert_eq!(bench.problem(), None);
}

#[test]
fn an_expired_token_is_renewed_and_the_same_request_repeated() {
    let mut bench = Bench::settled(1);
    bench.central.forget_sessions();
    bench.sell();
    bench.serve(bench.ticket("push"));
    assert_eq!(bench.sent, ["push", "nonce"]);
    bench.settle();
    assert_eq!(bench.sent, ["push", "nonce", "token", "push"]);
    assert_eq!((bench.store.outbox_len(), bench.problem()), (0, None));
    // Before it expires it is renewed without anybody's refusal.
    bench.sent.clear();
    for _ in 0..60 {
        bench.pass(15_000);
        bench.settle();
        assert_eq!(bench.problem(), None);
    }
    let renewals = bench.sent.iter().filter(|name| **name == "token").count();
    assert_eq!(renewals, 1, "not once for every call that was under way");
}

#[test]
fn fresh_tokens_that_are_refused_do_not_make_us_spin() {
    let mut bench = Bench::settled(1);
    bench.sell();
    for _ in 0..100 {
        let name = ["push", "watermark"].into_iter().find(|name| bench.open().contains(name));
        match name {
            Some(name) => bench.refuse(name, 401, code::UNAUTHENTICATED, Retry::Later),
            None if bench.open().contains(&"nonce") => bench.serve(bench.ticket("nonce")),
            None if bench.open().contains(&"token") => bench.serve(bench.ticket("token")),
            None => break,
        }
    }
    assert!(bench.sent.len() <= 6, "sent {:?} without a pause", bench.sent);
    assert_eq!(bench.problem(), Some("unauthenticated"));
}

#[test]
fn retry_after_is_honoured_even_against_a_nudge() {
    let mut bench = Bench::settled(1);
    bench.sell();
    bench.fail("push", refusal(503, code::INTERNAL, Retry::Later, Some(60)));
    bench.sent.clear();
    for _ in 0..58 {
        bench.pass(1_000);
        bench.sell();
    }
    assert!(!bench.sent.contains(&"watermark"));
    bench.pass(3_000);
    assert!(bench.sent.contains(&"watermark"));
    // But not for ever: a year is a quarter of an hour.
    bench.fail("watermark", refusal(503, code::INTERNAL, Retry::Later, Some(u32::MAX)));
    bench.sent.clear();
    bench.pass(15 * 60_000 - 2_000);
    bench.settle();
    assert!(!bench.sent.contains(&"watermark"));
    bench.pass(2_001);
    bench.settle();
    assert!(bench.sent.contains(&"watermark"));
}

#[test]
fn pauses_grow_and_a_nudge_ends_them() {
    let ceilings: Vec<_> = (0..11).map(ceiling_ms).collect();
    let doubled: Vec<_> = (0..9).map(|n| 1_000 << n).chain([PAUSE_MS_MAX; 2]).collect();
    assert_eq!(ceilings, doubled);
    assert_eq!(ceiling_ms(u32::MAX), PAUSE_MS_MAX);
    let mut bench = Bench::new(1);
    bench.input(Input::Start);
    for attempt in 0..12 {
        bench.fail("nonce", Fault::Unreachable);
        assert!(bench.open().is_empty());
        let failed_ms = bench.now_ms;
        while bench.open().is_empty() {
            bench.pass(1_000);
        }
        assert!(bench.now_ms - failed_ms <= ceiling_ms(attempt) + 1_000);
    }
    bench.fail("nonce", Fault::Unreachable);
    bench.pass(1_000);
    if bench.open().is_empty() {
        bench.input(Input::Nudge);
    }
    assert_eq!(bench.open(), ["nonce"], "at once, after a second at most");
}

#[test]
fn nudges_without_end_do_not_hammer_a_dead_line() {
    let mut bench = Bench::new(1);
    bench.input(Input::Start);
    for _ in 0..6_000 {
        if bench.open().contains(&"nonce") {
            bench.fail("nonce", Fault::Unreachable);
        }
        bench.input(Input::Nudge);
        bench.pass(10);
    }
    assert!(bench.sent.len() <= 70, "{} tries in a minute", bench.sent.len());
    assert!(bench.sent.len() >= 30, "a nudge is worth a try");
}

#[test]
fn the_line_coming_back_wakes_everybody() {
    let mut bench = Bench::settled(1);
    for _ in 0..5 {
        bench.fail("changes", Fault::Unreachable);
    }
    bench.sell();
    bench.fail("push", Fault::Unreachable);
    for _ in 0..40 {
        bench.pass(10_000);
        for name in bench.open() {
            bench.fail(name, Fault::Unreachable);
        }
    }
    assert_eq!(bench.status.line, Line::Offline);
    bench.pass(2_000);
    bench.input(Input::Nudge);
    bench.settle();
    assert_eq!((bench.status.line, bench.problem()), (Line::Online, None));
    assert_eq!(bench.store.outbox_len(), 0);
}

#[test]
fn a_cut_line_is_silent_and_a_restored_one_goes_on() {
    let mut bench = Bench::settled(1);
    bench.sell();
    bench.input(Input::Cut(true));
    assert!(bench.open().is_empty(), "calls are abandoned");
    assert_eq!((bench.status.line, bench.status.is_cut), (Line::Offline, true));
    bench.sent.clear();
    for _ in 0..50 {
        bench.sell();
        bench.pass(30_000);
    }
    assert_eq!(bench.sent, [""; 0]);
    bench.input(Input::Cut(false));
    bench.settle();
    assert_eq!(bench.store.outbox_len(), 0);
    assert_eq!((bench.status.line, bench.status.is_cut), (Line::Online, false));
}

#[test]
fn news_are_on_the_screen_within_one_answer() {
    let mut bench = Bench::settled(1);
    bench.pass(5_000);
    let revision = bench.status.first_sync[1].revision;
    bench.central.put(Feed::Catalogue, 3, 9);
    bench.settle();
    assert_eq!(bench.store.rows(Feed::Catalogue), bench.central.rows(Feed::Catalogue));
    assert_eq!(bench.status.first_sync[1].revision, revision + 1);
    bench.pass(1_000);
    assert_eq!(bench.open(), ["changes"; 5], "and waits for the next");
}

#[test]
fn a_compacted_cursor_leads_to_a_snapshot() {
    let mut bench = Bench::settled(1);
    bench.central.del(Feed::Stock, 2);
    bench.central.put(Feed::Stock, 9, 2);
    bench.central.compact(Feed::Stock);
    bench.settle();
    assert_eq!(bench.store.rows(Feed::Stock), bench.central.rows(Feed::Stock));
    assert!(bench.stored.contains(&"reset"));
    assert_eq!(bench.sent.iter().filter(|name| **name == "snapshot").count(), 1);
}

#[test]
fn a_snapshot_goes_on_after_a_restart_and_after_its_manifest_expired() {
    let mut bench = Bench::new(1);
    bench.input(Input::Start);
    for name in ["nonce", "token", "snapshot", "chunk"] {
        bench.serve(bench.ticket(name));
    }
    for _ in 0..4 {
        bench.serve(bench.ticket("snapshot"));
    }
    // The program starts again: engine and calls are gone, the storage is not.
    bench.engine = Engine::new();
    bench.open.clear();
    bench.timer_ms = None;
    bench.sent.clear();
    bench.input(Input::Start);
    bench.serve(bench.ticket("nonce"));
    bench.serve(bench.ticket("token"));
    assert!(bench.open().contains(&"chunk"), "no new manifest: {:?}", bench.open());
    assert!(!bench.sent.contains(&"snapshot"));
    bench.central.expire_manifests();
    bench.settle();
    assert!(bench.sent.contains(&"snapshot"), "the old chunks are gone");
    for feed in Feed::ALL {
        assert_eq!(bench.store.rows(feed), bench.central.rows(feed));
    }
}

#[test]
fn a_stuck_feed_backs_off() {
    let mut bench = Bench::settled(1);
    bench.central.put(Feed::Config, 8, 8);
    bench.sent.clear();
    let mut answers = 0;
    for _ in 0..100 {
        let open = bench.open.iter().find_map(|(ticket, (_, request))| match request {
            Request::Changes { feed: Feed::Config, after, .. } => Some((*ticket, after.clone())),
            _ => None,
        });
        let Some((ticket, next)) = open else { break };
        bench.open.remove(&ticket);
        let page = ChangesPage {
            changes: vec![sample::put(Feed::Config, 1, 1, 1)],
            next,
            more: true,
            included: Vec::new(),
            checkpoint: None,
            server_time_ms: WALL,
        };
        bench.input(Input::Answered { ticket, result: Ok(Reply::Changes(page)) });
        answers += 1;
    }
    assert_eq!(answers, 6, "more than five answers at one cursor");
    assert_eq!(bench.problem(), Some("feed-stuck"));
    assert_eq!(bench.status.problem.and_then(SyncProblem::feed), Some(Feed::Config));
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    assert_eq!(bench.problem(), None, "from a snapshot it works");
    assert_eq!(bench.store.rows(Feed::Config), bench.central.rows(Feed::Config));
}

/// A terminal that is recovered begins its feeds anew, also while an answer is on its way.
#[test]
fn an_answer_to_a_cursor_that_is_gone_is_not_applied() {
    let mut bench = Bench::settled(1);
    bench.store.reset_feed(Feed::Config).unwrap();
    bench.central.put(Feed::Config, 8, 8);
    bench.settle();
    bench.pass(1_000);
    bench.settle();
    assert_eq!(bench.store.rows(Feed::Config), bench.central.rows(Feed::Config));
    assert_eq!(bench.problem(), None);
    bench.pass(1_000);
    assert_eq!(bench.open(), ["changes"; 5], "every feed waits for news");
}

#[test]
fn a_storage_that_forgets_again_and_again_is_told_and_not_hammered() {
    let mut bench = Bench::settled(1);
    bench.central.put(Feed::Config, 8, 8);
    let mut served = 0;
    for _ in 0..50 {
        if bench.problem().is_some() {
            break;
        }
        bench.store.reset_feed(Feed::Config).unwrap();
        match bench.ready() {
            Some(ticket) => {
                served += 1;
                bench.serve(ticket);
            }
            None => bench.pass(100),
        }
    }
    assert!(served > 5, "{served} answers were not applied");
    assert_eq!(bench.problem(), Some("feed-stuck"));
    assert_eq!(bench.status.problem.and_then(SyncProblem::feed), Some(Feed::Config));
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    assert_eq!(bench.problem(), None);
    assert_eq!(bench.store.rows(Feed::Config), bench.central.rows(Feed::Config));
}

#[test]
fn damaged_chunks_are_fetched_again() {
    let mut bench = Bench::new(1);
    bench.input(Input::Start);
    for name in ["nonce", "token", "snapshot", "snapshot"] {
        bench.serve(bench.ticket(name));
    }
    bench.answer("chunk", Ok(Reply::Chunk(b"<html>".to_vec())));
    assert_eq!(bench.problem(), Some("feed-damaged"));
    // While config rests, the next feed may pass.
    assert!(bench.open().contains(&"chunk"));
    bench.settle();
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    assert_eq!((bench.problem(), bench.status.percent), (None, 100));
}

/// The feed whose plan is being asked for.
fn planned(bench: &Bench) -> Feed {
    match &bench.open[&bench.ticket("snapshot")].1 {
        Request::Snapshot(body) => body.feeds[0],
        _ => unreachable!(),
    }
}

/// Lets time pass until a plan is asked for; all else is served.
fn wait_for_plan(bench: &mut Bench) {
    for _ in 0..1_000 {
        if bench.open().contains(&"snapshot") {
            return;
        }
        match bench.open().into_iter().find(|name| *name != "changes") {
            Some(name) => bench.serve(bench.ticket(name)),
            None => bench.pass(1_000),
        }
    }
    panic!("no plan is asked for, but {:?}", bench.open());
}

/// How central fails to give one plan -> what is said of it.
#[test]
fn a_feed_without_a_plan_does_not_keep_the_others_from_theirs() {
    let table = [
        (refusal(500, code::INTERNAL, Retry::Later, None), "central-failing"),
        (refusal(503, code::INTERNAL, Retry::Later, Some(600)), "central-failing"),
        (refusal(418, "TEAPOT", Retry::Never, None), "unexpected-answer"),
        (Fault::TimedOut, "timed-out"),
        (Fault::AnswerTooLarge, "answer-too-large"),
    ];
    for (fault, problem) in table {
        let mut bench = Bench::new(1);
        bench.input(Input::Start);
        bench.serve(bench.ticket("nonce"));
        bench.serve(bench.ticket("token"));
        assert_eq!(planned(&bench), Feed::Config);
        bench.fail("snapshot", fault.clone());
        assert_eq!(bench.problem(), Some(problem));
        assert_eq!(planned(&bench), Feed::Catalogue, "the next one at once: {fault:?}");
        bench.settle();
        for feed in &Feed::ALL[1..] {
            assert_eq!(bench.store.rows(*feed), bench.central.rows(*feed), "{fault:?}");
        }
        assert!(bench.store.rows(Feed::Config).is_empty(), "it rests: {fault:?}");
        assert_eq!(bench.problem(), Some(problem), "and says why");
        // Central goes on failing: the pauses grow, and the rest stays in order.
        bench.sent.clear();
        for _ in 0..3 {
            wait_for_plan(&mut bench);
            bench.fail("snapshot", fault.clone());
        }
        assert_eq!(bench.sent.iter().filter(|name| **name == "snapshot").count(), 3);
        wait_for_plan(&mut bench);
        bench.settle();
        assert_eq!((bench.problem(), bench.status.percent), (None, 100), "{fault:?}");
        assert_eq!(bench.store.rows(Feed::Config), bench.central.rows(Feed::Config));
    }
}

#[test]
fn a_plan_that_makes_no_sense_is_that_feeds_trouble() {
    let mut bench = Bench::new(1);
    bench.input(Input::Start);
    bench.serve(bench.ticket("nonce"));
    bench.serve(bench.ticket("token"));
    let manifest =
        crate::protocol::snapshot::Manifest { feeds: vec![], expires_at_ms: 0, server_time_ms: 0 };
    bench.answer("snapshot", Ok(Reply::Manifest(manifest)));
    assert_eq!((bench.problem(), planned(&bench)), (Some("unexpected-answer"), Feed::Catalogue));
    bench.settle();
    wait_for_plan(&mut bench);
    bench.settle();
    assert_eq!((bench.problem(), bench.status.percent), (None, 100));
}

/// What concerns every feed is not asked five times.
#[test]
fn without_a_line_one_plan_is_asked_for_and_not_five() {
    for fault in [
        Fault::Unreachable,
        refusal(429, code::TOO_MANY_ATTEMPTS, Retry::Later, Some(30)),
        refusal(403, code::TERMINAL_REVOKED, Retry::Human, None),
    ] {
        let mut bench = Bench::new(1);
        bench.input(Input::Start);
        bench.serve(bench.ticket("nonce"));
        bench.serve(bench.ticket("token"));
        bench.fail("snapshot", fault.clone());
        assert!(!bench.open().contains(&"snapshot"), "{fault:?}");
        bench.settle();
        wait_for_plan(&mut bench);
        assert_eq!(planned(&bench), Feed::Config, "{fault:?}");
        bench.settle();
        assert_eq!((bench.problem(), bench.status.percent), (None, 100), "{fault:?}");
    }
}

#[test]
fn a_full_disk_stops_feeds_but_not_sales() {
    let mut bench = Bench::settled(1);
    bench.store.set_disk_low(true);
    bench.central.put(Feed::Catalogue, 1, 5);
    bench.settle();
    assert_eq!((bench.status.line, bench.problem()), (Line::Online, Some("disk-low")));
    bench.sell();
    bench.settle();
    assert_eq!(bench.store.outbox_len(), 0);
    bench.store.set_disk_low(false);
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    assert_eq!(bench.problem(), None);
    assert_eq!(bench.store.rows(Feed::Catalogue), bench.central.rows(Feed::Catalogue));
}

#[test]
fn failing_storage_is_told_and_tried_again() {
    let mut bench = Bench::settled(1);
    let effects = {
        bench.now_ms += 10_001;
        let now = Moment { monotonic_ms: bench.now_ms, wall: DeviceTime(WALL) };
        bench.engine.step(now, Input::Nudge, &mut bench.rng)
    };
    let Some(Effect::Store { ticket, .. }) = effects.first() else { panic!("{effects:?}") };
    bench.input(Input::Stored { ticket: *ticket, done: StoreDone::Failed });
    assert_eq!((bench.status.line, bench.problem()), (Line::Online, Some("storage-failed")));
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    assert_eq!(bench.problem(), None);
}

/// The idle engine, against a central that waits as asked and against one that does not.
#[test]
fn an_idle_engine_does_not_spin() {
    for waits in [true, false] {
        let mut bench = Bench::settled(1);
        bench.is_waiting_as_asked = waits;
        let (minutes, published) = (10, bench.published);
        for _ in 0..minutes * 120 {
            bench.pass(500);
            if !waits {
                bench.polls.clear();
                let open: Vec<_> = bench.open.keys().copied().collect();
                open.into_iter().for_each(|ticket| bench.serve(ticket));
            }
            bench.settle();
        }
        let per_minute = bench.sent.len() as u64 / minutes;
        let limit = if waits { 13 } else { 160 };
        assert!(per_minute <= limit, "{per_minute} requests a minute, waits: {waits}");
        let writes = bench.stored.iter().filter(|work| **work == "page").count();
        assert_eq!(writes, 0, "an idle terminal does not write");
        let looks = bench.stored.iter().filter(|work| **work == "outbox").count() as u64;
        assert!(looks <= minutes * 7, "{looks} looks at the outbox");
        assert!(bench.published - published <= bench.sent.len() + 2);
        assert!(!bench.status.is_busy);
    }
}

#[test]
fn a_call_without_any_end_is_abandoned() {
    let mut bench = Bench::new(1);
    bench.input(Input::Start);
    let ticket = bench.ticket("nonce");
    bench.pass(200_000);
    assert!(!bench.open.contains_key(&ticket), "given up, and another one begun");
    bench.settle();
    bench.pass(1_000);
    bench.settle();
    assert_eq!(bench.store.outbox_len(), 0);
}

#[test]
fn the_clock_offset_is_estimated() {
    let mut bench = Bench::new(1);
    bench.input(Input::Start);
    bench.serve(bench.ticket("nonce"));
    bench.now_ms += 400;
    let (token, request) = bench.open[&bench.ticket("token")].clone();
    // Central is 90 s ahead; the answer was made in the middle of the 400 ms.
    let central_ms = WALL + bench.now_ms as i64 - 200 + 90_000;
    let reply = bench.central.handle(central_ms, token.as_ref(), &request);
    bench.answer("token", reply);
    assert_eq!(bench.status.clock_offset_ms, Some(90_000));
    assert!(bench.status.last_contact.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(200)
    })]
    /// Whatever comes in whatever order: no panic, no number that overflows.
    #[test]
    fn no_input_breaks_the_engine(
        steps in proptest::collection::vec(
            (0u8..12, any::<u64>(), any::<i64>(), 0u64..400_000),
            1..120,
        )
    ) {
        let mut bench = Bench::new(9);
        bench.input(Input::Start);
        for (kind, number, time, pass) in steps {
            let first = bench.open.keys().next().copied();
            let hash = if number % 2 == 0 { "0".repeat(64) } else { "x".into() };
            let reply = match kind {
                0 => Err(Fault::TimedOut),
                1 => Err(html()),
                2 => Err(refusal(number as u16, code::GAP, Retry::Later, Some(number as u32))),
                3 => Err(refusal(401, code::UNAUTHENTICATED, Retry::Later, None)),
                4 => Ok(Reply::Watermark(Watermark {
                    epoch: 1, current_epoch: None, acked_seq: number, acked_hash: hash,
                    held_back: vec![], server_time_ms: time,
                })),
                5 => Ok(Reply::Pushed(PushResponse {
                    acked_seq: number, acked_hash: hash, results: vec![], server_time_ms: time,
                })),
                6 => Ok(Reply::Changes(ChangesPage {
                    changes: vec![], next: number.to_string(), more: number % 3 == 0,
                    included: vec![], checkpoint: None, server_time_ms: time,
                })),
                7 => Err(refusal(410, code::CURSOR_COMPACTED, Retry::Never, None)),
                8 => Err(refusal(404, code::NOT_FOUND, Retry::Never, None)),
                9 => { bench.input(Input::Cut(number % 2 == 0)); Err(Fault::Unreachable) }
                _ => {
                    if let Some(ticket) = first { bench.serve(ticket); }
                    Err(Fault::Unreachable)
                }
            };
            if let Some(ticket) = first
                && bench.open.remove(&ticket).is_some()
            {
                bench.input(Input::Answered { ticket, result: reply });
            }
            bench.input(Input::Answered { ticket: number, result: Err(Fault::TimedOut) });
            bench.pass(pass);
        }
        bench.input(Input::Cut(false));
        for _ in 0..100 {
            bench.pass(20_000);
            bench.settle();
        }
        prop_assert_eq!(bench.store.outbox_len(), 0);
        prop_assert_eq!(bench.status.line, Line::Online);
        for feed in Feed::ALL {
            prop_assert_eq!(bench.store.rows(feed), bench.central.rows(feed));
        }
    }
}
