//! Decisions one by one, each of which another part would make good in the end: later, or at somebody's cost.

use super::*;
use crate::engine::feed::CURSOR_LENGTH_MAX;
use crate::engine::lane::{Lane, Pace, judge};
use crate::engine::push::batch_length;
use crate::ports::{DeviceKey, LifeId, OutboxItem, TerminalIdentity};
use crate::protocol::auth::{Standing, TokenResponse};
use crate::protocol::event::{EventHash, Place};
use crate::protocol::push::{BYTES_MAX, Outcome};
use crate::protocol::renewal::RenewalResponse;

/// What a refusal means, and how soon it is worth asking again.
#[test]
fn every_refusal_has_its_meaning_and_its_pace() {
    let (later, human) = (Retry::Later, Retry::Human);
    let table = [
        ((401, code::UNAUTHENTICATED, later, None), SyncProblem::Unauthenticated, Pace::Soon),
        ((403, code::TERMINAL_REVOKED, human, None), SyncProblem::TerminalRevoked, Pace::Slow),
        ((403, code::WRONG_TERMINAL, human, None), SyncProblem::TerminalUnknown, Pace::Slow),
        ((409, code::OLD_EPOCH, human, None), SyncProblem::EpochOutdated, Pace::Soon),
        ((409, code::FORKED_HISTORY, human, None), SyncProblem::HistoryForked, Pace::Slow),
        ((409, code::BROKEN_CHAIN, human, None), SyncProblem::ChainBroken, Pace::Slow),
        ((403, code::TOO_MANY_ATTEMPTS, later, None), SyncProblem::Throttled, Pace::Soon),
        ((429, "OTHER", later, Some(7)), SyncProblem::Throttled, Pace::After(7)),
        ((426, "OTHER", Retry::AfterUpgrade, None), SyncProblem::UpgradeNeeded, Pace::Slow),
        ((503, "OTHER", later, Some(9)), SyncProblem::CentralFailing, Pace::After(9)),
        ((500, "OTHER", later, None), SyncProblem::CentralFailing, Pace::Soon),
        ((418, "OTHER", later, Some(3)), SyncProblem::UnexpectedAnswer, Pace::After(3)),
        ((418, "OTHER", Retry::Never, None), SyncProblem::UnexpectedAnswer, Pace::Slow),
    ];
    for ((status, code, retry, after), problem, pace) in table {
        let judged = judge(&refusal(status, code, retry, after));
        assert_eq!(judged, (problem, pace), "{status} {code} {retry:?}");
    }
    let bare = |status, retry_after_s| judge(&Fault::Status { status, retry_after_s });
    assert_eq!(bare(429, Some(4)), (SyncProblem::Throttled, Pace::After(4)));
    assert_eq!(bare(599, None), (SyncProblem::CentralFailing, Pace::Soon));
    assert_eq!(bare(600, None), (SyncProblem::NotCentral, Pace::Soon));
    assert_eq!(bare(401, None), (SyncProblem::Unauthenticated, Pace::Soon));
    assert_eq!(bare(426, None), (SyncProblem::UpgradeNeeded, Pace::Slow));
}

fn item(epoch: u32, seq: u64, size: usize) -> OutboxItem {
    let life = LifeId { epoch, ..sample::identity(1).life() };
    let place = Place { terminal: life.terminal, epoch: life.epoch, seq };
    let (hash, prev) = (EventHash::GENESIS, EventHash::GENESIS);
    OutboxItem::Damaged { place, hash, prev, raw: vec![b'x'; size] }
}

/// Events that wait -> how many make a batch by number, and as strays.
#[test]
fn a_batch_is_of_one_life_within_the_limit_and_by_number_without_holes() {
    let half = BYTES_MAX / 2;
    let table = [
        (vec![], 0, 0),
        (vec![item(1, 1, 9)], 1, 1),
        (vec![item(1, 1, 9), item(1, 2, 9), item(1, 3, 9)], 3, 3),
        (vec![item(1, 1, 9), item(1, 3, 9), item(1, 4, 9)], 1, 3),
        (vec![item(1, 2, 9), item(1, 1, 9)], 1, 1),
        (vec![item(1, 1, 9), item(1, 1, 9)], 1, 1),
        (vec![item(1, 1, 9), item(2, 2, 9)], 1, 1),
        (vec![item(1, 1, 9), item(2, 5, 9)], 1, 1),
        (vec![item(1, 1, BYTES_MAX * 2), item(1, 2, 9)], 1, 1),
        (vec![item(1, 1, half), item(1, 2, half), item(1, 3, 9)], 1, 1),
        (vec![item(1, 1, half), item(1, 2, 9), item(1, 3, half)], 2, 2),
    ];
    for (number, (events, by_number, as_strays)) in table.into_iter().enumerate() {
        let lengths = (batch_length(&events, false), batch_length(&events, true));
        assert_eq!(lengths, (by_number, as_strays), "row {number}");
    }
}

/// Something that a person must mend is not asked about again at once, whatever the dice say.
#[test]
fn a_refusal_that_will_not_pass_by_itself_rests_for_long() {
    for seed in 0..30 {
        let mut bench = Bench::settled(1);
        bench.rng = StdRng::seed_from_u64(seed);
        bench.sell();
        bench.refuse("push", 418, "TEAPOT", Retry::Never);
        bench.sent.clear();
        bench.pass(PAUSE_MS_MAX / 2 - 1);
        assert!(!bench.sent.contains(&"watermark"), "seed {seed}: {:?}", bench.sent);
        bench.pass(PAUSE_MS_MAX / 2 + 2);
        assert!(bench.sent.contains(&"watermark"), "seed {seed}");
    }
}

/// A page without rows, as an answer to the poll of a feed.
fn answer_without_rows(bench: &mut Bench, feed: Feed, next: impl FnOnce(&str) -> String, seq: u64) {
    let ticket = bench.poll_of(feed).unwrap();
    let Some((_, Request::Changes { after, .. })) = bench.open.remove(&ticket) else {
        unreachable!()
    };
    let mut included = bench.store.included(feed);
    included.iter_mut().for_each(|told| told.seq += seq);
    let page = ChangesPage {
        changes: Vec::new(),
        next: next(&after),
        more: false,
        included,
        checkpoint: None,
        server_time_ms: WALL,
    };
    bench.input(Input::Answered { ticket, result: Ok(Reply::Changes(page)) });
}

/// A page without rows moves the cursor all the same, or central would be asked the same for ever.
#[test]
fn a_page_that_only_moves_the_cursor_is_noted() {
    let mut bench = Bench::settled(1);
    answer_without_rows(&mut bench, Feed::Stock, |_| "elsewhere".into(), 0);
    assert_eq!(bench.stored, ["page"]);
    let progress = bench.store.feed_progress(Feed::Stock).unwrap();
    assert_eq!(progress.cursor.as_deref(), Some("elsewhere"));
}

/// That central has counted one of our events by now is news, though no row has changed; no news is written nowhere.
#[test]
fn a_page_that_only_includes_more_is_noted() {
    let mut bench = Bench::settled(2);
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    bench.stored.clear();
    answer_without_rows(&mut bench, Feed::Stock, str::to_owned, 0);
    assert!(!bench.stored.contains(&"page"), "{:?}", bench.stored);
    bench.pass(10_000);
    bench.stored.clear();
    assert!(!bench.store.included(Feed::Stock).is_empty());
    answer_without_rows(&mut bench, Feed::Stock, str::to_owned, 1);
    assert!(bench.stored.contains(&"page"), "{:?}", bench.stored);
}

/// A cursor is kept if it is of a bounded length.
#[test]
fn a_cursor_without_end_is_refused() {
    for (length, is_taken) in [(CURSOR_LENGTH_MAX, true), (CURSOR_LENGTH_MAX + 1, false)] {
        let mut bench = Bench::settled(1);
        answer_without_rows(&mut bench, Feed::Stock, |_| "c".repeat(length), 0);
        assert_eq!(bench.stored == ["page"], is_taken, "{length}");
        assert_eq!(bench.problem().is_none(), is_taken, "{length}");
    }
}

/// A chunk that stays damaged ends in another snapshot, not in the same request for ever.
#[test]
fn a_chunk_that_stays_damaged_is_given_up() {
    let mut bench = Bench::new(1);
    bench.input(Input::Start);
    let mut damaged = 0;
    for _ in 0..200 {
        let open = bench.open();
        if bench.stored.contains(&"reset") {
            break;
        }
        match open.iter().find(|name| **name != "changes") {
            Some(&"chunk") => {
                damaged += 1;
                bench.answer("chunk", Ok(Reply::Chunk(b"<html>".to_vec())));
            }
            Some(name) => bench.serve(bench.ticket(name)),
            None => bench.pass(PAUSE_MS_MIN),
        }
    }
    // A damaged chunk is fetched again twice: the line may have spoiled it.
    assert_eq!((damaged, bench.stored.contains(&"reset")), (3 * Feed::ALL.len(), true));
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    assert_eq!((bench.problem(), bench.status.percent), (None, 100));
}

/// How often rows did not add up, and how often what is on the screen has changed, is counted on when this device
/// begins another life.
#[test]
fn divergences_and_revisions_are_counted_over_lives() {
    let mut bench = Bench::settled(1);
    bench.store.lose_row(Feed::Customers);
    bench.central.put(Feed::Customers, 5, 2);
    bench.settle();
    assert_eq!(bench.status.divergences, 1);
    let revisions = |bench: &Bench| {
        bench.status.first_sync.iter().map(|feed| feed.revision).collect::<Vec<_>>()
    };
    let before = revisions(&bench);
    let again = sample::identity(2);
    bench.central.admit(&again);
    bench.store.enrol(&again, "crossroads/test", DeviceTime(WALL)).unwrap();
    bench.input(Input::Nudge);
    bench.settle();
    assert_eq!(bench.status.divergences, 1);
    let after = revisions(&bench);
    assert!(
        before.iter().zip(&after).all(|(before, after)| before < after),
        "{before:?} {after:?}"
    );
}

/// A person at central may have let a sale count that was held back: until the terminal knows, it takes it off the
/// stock twice. So rows that have moved make it ask what is held back still, but only while something is.
#[test]
fn stock_that_moves_while_something_is_held_back_asks_what_still_is() {
    for (outcome, asks) in
        [(Outcome::Applied, false), (Outcome::Quarantined, true), (Outcome::Parked, true)]
    {
        let mut bench = Bench::settled(1);
        bench.pass(5_000);
        bench.sell();
        let ticket = bench.ticket("push");
        let (token, request) = bench.open.remove(&ticket).unwrap();
        let pushed = bench.central.handle(WALL, token.as_ref(), &request);
        let Ok(Reply::Pushed(mut reply)) = pushed else { panic!("{pushed:?}") };
        reply.results[0].outcome = outcome;
        bench.input(Input::Answered { ticket, result: Ok(Reply::Pushed(reply)) });
        bench.settle();
        let asked = |bench: &mut Bench, feed| {
            bench.sent.clear();
            bench.central.put(feed, 1, bench.now_ms);
            bench.settle();
            std::mem::take(&mut bench.sent).contains(&"watermark")
        };
        assert!(!asked(&mut bench, Feed::Catalogue), "{outcome:?}: prices hold nothing back");
        assert_eq!(asked(&mut bench, Feed::Stock), asks, "{outcome:?}");
        // Central has said that nothing is: no reason to ask again.
        bench.pass(5_000);
        assert!(!asked(&mut bench, Feed::Stock), "{outcome:?}");
    }
}

/// Somebody whose event waits for days does not ask with every row that is sold beside it.
#[test]
fn what_is_held_back_is_not_asked_with_every_row_that_moves() {
    let mut bench = Bench::settled(1);
    bench.central.set_revoked(sample::identity(1).id.uuid(), true);
    bench.sell();
    bench.settle();
    bench.central.set_revoked(sample::identity(1).id.uuid(), false);
    bench.pass(10_000);
    bench.settle();
    bench.sent.clear();
    for version in 2..52 {
        bench.central.put(Feed::Stock, 1, version);
        bench.settle();
        bench.pass(200);
        bench.settle();
    }
    let asked = bench.sent.iter().filter(|name| **name == "watermark").count();
    assert!((4..=6).contains(&asked), "{asked} times in ten seconds");
}

/// A batch that takes too long is sent again as two.
#[test]
fn a_batch_that_times_out_is_halved() {
    let mut bench = Bench::new(40);
    bench.input(Input::Start);
    for name in ["nonce", "token", "watermark"] {
        bench.serve(bench.ticket(name));
    }
    assert_eq!(bench.push_size(), 40);
    bench.fail("push", Fault::TimedOut);
    bench.pass(PAUSE_MS_MIN);
    // A question that times out says nothing of batches.
    bench.fail("watermark", Fault::TimedOut);
    bench.pass(2 * PAUSE_MS_MIN);
    bench.serve(bench.ticket("watermark"));
    assert_eq!(bench.push_size(), 20);
}

/// Central says in passing that another life is the current one: whether we may read is asked at once.
#[test]
fn a_watermark_of_a_later_life_renews_the_token() {
    for (current_epoch, is_renewed) in [(None, false), (Some(1), false), (Some(2), true)] {
        let mut bench = Bench::new(2);
        bench.input(Input::Start);
        bench.serve(bench.ticket("nonce"));
        bench.serve(bench.ticket("token"));
        let mark = Watermark {
            epoch: 1,
            current_epoch,
            acked_seq: 0,
            acked_hash: EventHash::GENESIS.to_string(),
            held_back: vec![],
            server_time_ms: WALL,
        };
        bench.sent.clear();
        bench.answer("watermark", Ok(Reply::Watermark(mark)));
        assert_eq!(bench.sent.contains(&"nonce"), is_renewed, "{current_epoch:?}");
    }
}

/// A token that central has forgotten does not keep the next life from being made known.
#[test]
fn a_refused_token_is_renewed_before_the_next_life_is_made_known() {
    let mut bench = Bench::settled(3);
    bench.store.recover(0..0, &DeviceKey([9; 32]), DeviceTime(WALL));
    bench.central.forget_sessions();
    bench.input(Input::Nudge);
    bench.pass(RECHECK_MS);
    for _ in 0..20 {
        if bench.sent.contains(&"renew") {
            break;
        }
        bench.settle();
        bench.pass(PAUSE_MS_MIN);
    }
    bench.settle();
    bench.pass(PAUSE_MS_MIN);
    bench.settle();
    assert_eq!(bench.central.epoch(sample::identity(1).id.uuid()), Some(2));
    assert_eq!(bench.problem(), None);
}

/// Lives are looked at without a reason at least so often.
const RECHECK_MS: u64 = 60_000;

/// A bench whose 40 events wait as strays.
fn with_strays() -> Bench {
    let mut bench = Bench::new(40);
    bench.store.close_life(sample::identity(1).life()).unwrap();
    let again = TerminalIdentity { epoch: 2, ..sample::identity(1) };
    let again = TerminalIdentity { device_key: DeviceKey([8; 32]), ..again };
    bench.central = ModelCentral::default();
    bench.central.admit(&again);
    bench.store.enrol(&again, "crossroads/test", DeviceTime(WALL)).unwrap();
    bench.input(Input::Start);
    bench.serve(bench.ticket("nonce"));
    bench.serve(bench.ticket("token"));
    bench
}

fn strays_open(bench: &Bench) -> Option<usize> {
    bench.open.values().find_map(|(_, request)| match request {
        Request::Strays { body, .. } => Some(body.events.len()),
        _ => None,
    })
}

#[test]
fn strays_halve_down_to_one_and_grow_again() {
    let mut bench = with_strays();
    let mut seen = Vec::new();
    while let Some(size) = strays_open(&bench) {
        seen.push(size);
        bench.fail("strays", Fault::Status { status: 413, retry_after_s: None });
    }
    assert_eq!(seen, [40, 20, 10, 5, 2, 1], "each at once, but one that is too large");
    assert_eq!(bench.problem(), Some("event-too-large"));
    let revision = bench.status.acknowledged_revision;
    bench.pass(PAUSE_MS_MAX);
    let mut grown = Vec::new();
    for _ in 0..60 {
        if let Some(size) = strays_open(&bench) {
            grown.push(size);
            bench.serve(bench.ticket("strays"));
            continue;
        }
        match bench.open().into_iter().find(|name| *name != "changes") {
            Some(name) => bench.serve(bench.ticket(name)),
            None => break,
        }
    }
    assert_eq!(grown, [1, 2, 4, 8, 16, 9]);
    assert!(bench.status.acknowledged_revision > revision, "the screen is told");
    assert_eq!((bench.central.strays().len(), bench.problem()), (40, None));
}

#[test]
fn strays_that_time_out_go_again_in_halves() {
    let mut bench = with_strays();
    assert_eq!(strays_open(&bench), Some(40));
    bench.fail("strays", Fault::TimedOut);
    assert_eq!(strays_open(&bench), None, "after a pause");
    bench.pass(PAUSE_MS_MIN);
    assert_eq!(strays_open(&bench), Some(20));
}

/// A token that would end the header, or that was not asked for, is not one.
#[test]
fn only_a_token_that_was_asked_for_and_fits_a_header_is_used() {
    let token = |text: &str| {
        Ok(Reply::Token(TokenResponse {
            token: text.into(),
            expires_in_s: 600,
            standing: Standing::Current,
            server_time_ms: WALL,
        }))
    };
    let mut bench = Bench::new(2);
    bench.input(Input::Start);
    bench.answer("nonce", token("early"));
    assert_eq!(bench.problem(), Some("not-central"));
    let mut bench = Bench::new(2);
    bench.input(Input::Start);
    bench.serve(bench.ticket("nonce"));
    bench.answer("token", token("two\nlines"));
    assert_eq!(bench.problem(), Some("not-central"));
}

/// A token is used until shortly before it ends: a minute, or a fifth of a short life; and for ten seconds at least.
#[test]
fn a_token_is_renewed_shortly_before_it_ends() {
    for (expires_in_s, until_ms) in [(600, 540_000), (100, 80_000), (1, 10_000)] {
        let mut bench = Bench::new(1);
        bench.input(Input::Start);
        bench.serve(bench.ticket("nonce"));
        let (_, request) = bench.open[&bench.ticket("token")].clone();
        let Ok(Reply::Token(given)) = bench.central.handle(WALL, None, &request) else {
            unreachable!()
        };
        bench.answer("token", Ok(Reply::Token(TokenResponse { expires_in_s, ..given })));
        bench.settle();
        bench.sent.clear();
        bench.now_ms = until_ms - 1;
        bench.sell();
        bench.settle();
        assert!(!bench.sent.contains(&"nonce"), "{expires_in_s} s: {:?}", bench.sent);
        bench.now_ms = until_ms;
        bench.sell();
        assert_eq!(bench.sent.last(), Some(&"nonce"), "{expires_in_s} s: {:?}", bench.sent);
    }
}

fn polls(bench: &Bench) -> usize {
    bench.open().iter().filter(|name| **name == "changes").count()
}

/// Two polls were under way with a token of a life that central has replaced: the first refusal rests its feed and
/// asks for another token, the second says nothing that is not known.
#[test]
fn a_token_that_is_gone_already_rests_one_feed_and_not_all() {
    for refused in [code::OLD_EPOCH, code::TERMINAL_REVOKED] {
        let mut bench = Bench::settled(1);
        bench.refuse("changes", 409, refused, Retry::Human);
        bench.refuse("changes", 409, refused, Retry::Human);
        bench.settle();
        assert_eq!(polls(&bench), 4, "{refused}");
    }
}

/// Served with everything but the polls of one feed, which are refused; returns how many snapshots that feed asked
/// for within a minute.
fn snapshots_in_a_minute(bench: &mut Bench, feed: Feed, refuse: impl Fn(&mut Bench)) -> usize {
    let mut snapshots = 0;
    let end_ms = bench.now_ms + 60_000;
    for _ in 0..2_000 {
        if bench.poll_of(feed).is_some() {
            refuse(bench);
            continue;
        }
        match bench.open().into_iter().find(|name| *name != "changes") {
            Some(name) => {
                snapshots += usize::from(name == "snapshot");
                bench.serve(bench.ticket(name));
            }
            None if bench.now_ms >= end_ms => return snapshots,
            None => bench.pass(1_000),
        }
    }
    panic!("no end after {snapshots} snapshots");
}

/// A cursor that is too old is normal after a long silence; one of a fresh snapshot would make us load it for ever.
#[test]
fn a_central_that_refuses_every_cursor_does_not_get_the_feed_loaded_over_and_over() {
    let mut bench = Bench::settled(1);
    let feed = Feed::Stock;
    let refuse = |bench: &mut Bench| {
        let ticket = bench.poll_of(Feed::Stock).unwrap();
        bench.open.remove(&ticket);
        let fault = refusal(410, code::CURSOR_COMPACTED, Retry::Later, None);
        bench.input(Input::Answered { ticket, result: Err(fault) });
    };
    refuse(&mut bench);
    assert_eq!(bench.problem(), None, "the first time is nobody's fault");
    let snapshots = snapshots_in_a_minute(&mut bench, feed, refuse);
    assert!((1..=2).contains(&snapshots), "{snapshots} in a minute");
    assert_eq!(bench.problem(), Some("feed-damaged"));
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    assert_eq!(bench.problem(), None);
    // And the next one after a good page is normal again, also when the line was down before.
    bench.central.put(feed, 9, 2);
    bench.settle();
    bench.pass(1_000);
    refuse(&mut bench);
    assert_eq!(bench.problem(), None);
}

/// Chunks that central has not any more: a new plan, once without a pause.
#[test]
fn plans_that_expire_again_and_again_are_asked_for_with_pauses() {
    let mut bench = Bench::new(1);
    bench.input(Input::Start);
    for name in ["nonce", "token", "snapshot"] {
        bench.serve(bench.ticket(name));
    }
    let lost = |bench: &mut Bench| bench.refuse("chunk", 404, code::NOT_FOUND, Retry::Later);
    lost(&mut bench);
    assert_eq!(bench.problem(), None);
    let mut asked = 0;
    for _ in 0..100 {
        match bench.open().into_iter().find(|name| *name != "changes") {
            Some("chunk") => lost(&mut bench),
            Some(name) => {
                asked += usize::from(name == "snapshot");
                bench.serve(bench.ticket(name));
            }
            None => break,
        }
    }
    assert!(asked <= 2 * Feed::ALL.len(), "{asked} plans without a pause");
    assert_eq!(bench.problem(), Some("feed-damaged"));
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    assert_eq!((bench.problem(), bench.status.percent), (None, 100));
}

/// A storage that stands elsewhere each time is asked with pauses, for as long as that lasts.
#[test]
fn a_storage_that_keeps_forgetting_is_asked_with_pauses_for_ever() {
    let mut bench = Bench::settled(1);
    bench.central.put(Feed::Config, 8, 8);
    let end_ms = bench.now_ms + 60_000;
    let mut served = 0;
    while bench.now_ms < end_ms && served < 500 {
        bench.store.reset_feed(Feed::Config).unwrap();
        match bench.ready() {
            Some(ticket) => {
                served += 1;
                bench.serve(ticket);
            }
            None => bench.pass(100),
        }
    }
    assert!((10..200).contains(&served), "{served} calls in a minute");
}

/// Each chunk is worth looking at: the first rows can be sold.
#[test]
fn the_screen_is_told_of_every_chunk() {
    let mut bench = Bench::new(1);
    bench.input(Input::Start);
    for name in ["nonce", "token", "snapshot"] {
        bench.serve(bench.ticket(name));
    }
    let revision = |bench: &Bench| {
        bench.status.first_sync.iter().find(|feed| feed.feed == Feed::Config).unwrap().revision
    };
    let before = revision(&bench);
    bench.serve(bench.ticket("chunk"));
    assert_eq!(revision(&bench), before + 1);
}

/// Rows that did not add up are so until they have been compared again.
#[test]
fn a_page_without_a_checkpoint_does_not_clear_a_divergence() {
    let mut bench = Bench::settled(1);
    let feed = Feed::Customers;
    for version in [2, 3] {
        // The second time within the hour they are used as they are.
        bench.store.lose_row(feed);
        bench.central.put(feed, 5, version);
        bench.settle();
        bench.pass(1_000);
        bench.settle();
    }
    assert_eq!(bench.problem(), Some("feed-diverged"));
    answer_without_rows(&mut bench, feed, |_| "elsewhere".into(), 0);
    assert_eq!(bench.problem(), Some("feed-diverged"));
}

/// A manifest may bring more than was asked for: each feed takes its own plan.
#[test]
fn of_several_plans_the_one_that_was_asked_for_is_taken() {
    let mut bench = Bench::new(1);
    bench.input(Input::Start);
    bench.serve(bench.ticket("nonce"));
    bench.serve(bench.ticket("token"));
    let (token, request) = bench.open[&bench.ticket("snapshot")].clone();
    let Request::Snapshot(mut body) = request else { unreachable!() };
    assert_eq!(body.feeds, [Feed::Config]);
    body.feeds = vec![Feed::Catalogue, Feed::Config];
    let both = bench.central.handle(WALL, token.as_ref(), &Request::Snapshot(body));
    let Ok(Reply::Manifest(manifest)) = &both else { unreachable!() };
    assert_eq!(manifest.feeds[0].feed, Feed::Catalogue);
    bench.answer("snapshot", both);
    let has_begun = |feed| bench.store.feed_progress(feed).unwrap().snapshot.is_some();
    assert!(has_begun(Feed::Config) && !has_begun(Feed::Catalogue));
}

/// What was asked when the line was cut is asked again when it is back.
#[test]
fn a_contract_that_was_on_its_way_is_asked_for_again() {
    let mut bench = Bench::new(1);
    bench.is_contract_served = false;
    bench.input(Input::Start);
    assert!(bench.open().contains(&"contract"), "{:?}", bench.open());
    bench.input(Input::Cut(true));
    assert!(bench.open().is_empty());
    bench.input(Input::Cut(false));
    assert!(bench.open().contains(&"contract"), "{:?}", bench.open());
}

/// What was booked of the former life is not forgotten on the screen when another one begins.
#[test]
fn acknowledgements_are_counted_on_over_lives() {
    let mut bench = Bench::settled(3);
    let before = bench.status.acknowledged_revision;
    assert!(before > 0);
    let again = sample::identity(2);
    bench.central.admit(&again);
    bench.store.enrol(&again, "crossroads/test", DeviceTime(WALL)).unwrap();
    bench.input(Input::Nudge);
    bench.settle();
    assert!(bench.status.acknowledged_revision > before);
}

/// A central that takes nothing, and says so politely, is asked with pauses for as long as that lasts.
#[test]
fn a_central_that_takes_nothing_is_asked_with_pauses_for_ever() {
    let mut bench = Bench::settled(1);
    bench.sell();
    let end_ms = bench.now_ms + 60_000;
    let mut pushes = 0;
    while bench.now_ms < end_ms && pushes < 500 {
        match bench.open().into_iter().find(|name| *name != "changes") {
            Some("push") => {
                pushes += 1;
                let nothing = PushResponse {
                    acked_seq: 0,
                    acked_hash: EventHash::GENESIS.to_string(),
                    results: vec![],
                    server_time_ms: WALL,
                };
                bench.answer("push", Ok(Reply::Pushed(nothing)));
            }
            Some(name) => bench.serve(bench.ticket(name)),
            None => bench.pass(100),
        }
    }
    assert!((3..60).contains(&pushes), "{pushes} in a minute");
    assert_eq!(bench.store.outbox_len(), 1);
}

/// A poll that finds nothing is no manifest that has expired.
#[test]
fn a_poll_that_is_not_found_keeps_its_cursor() {
    let mut bench = Bench::settled(1);
    bench.refuse("changes", 404, code::NOT_FOUND, Retry::Human);
    assert_eq!(bench.problem(), Some("unexpected-answer"));
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    assert!(!bench.sent.contains(&"snapshot"), "{:?}", bench.sent);
    assert_eq!(bench.problem(), None);
}

/// The line is down: that is what a person can do something about, whatever central said before.
#[test]
fn a_line_that_is_down_is_told_before_what_central_said() {
    let mut bench = Bench::settled(1);
    bench.fail("changes", Fault::Status { status: 500, retry_after_s: None });
    assert_eq!((bench.status.line, bench.problem()), (Line::Troubled, Some("central-failing")));
    bench.fail("changes", Fault::Unreachable);
    assert_eq!((bench.status.line, bench.problem()), (Line::Offline, Some("unreachable")));
}

/// An answer that names another epoch makes no life known.
#[test]
fn a_renewal_of_another_life_is_not_booked() {
    let mut bench = Bench::settled(3);
    bench.store.recover(0..0, &DeviceKey([9; 32]), DeviceTime(WALL));
    bench.input(Input::Nudge);
    bench.pass(RECHECK_MS);
    for _ in 0..20 {
        match bench.open().into_iter().find(|name| *name != "changes") {
            Some("renew") => break,
            Some(name) => bench.serve(bench.ticket(name)),
            None => bench.pass(PAUSE_MS_MIN),
        }
    }
    let other = RenewalResponse { epoch: 7, server_time_ms: WALL };
    bench.stored.clear();
    bench.answer("renew", Ok(Reply::Renewed(other)));
    assert!(!bench.stored.contains(&"registered"), "{:?}", bench.stored);
    bench.pass(PAUSE_MS_MAX);
    bench.settle();
    assert!(bench.stored.contains(&"registered"), "{:?}", bench.stored);
}

/// A pause is kept even if there is nothing to do any more; then the trouble is over.
#[test]
fn a_lane_without_work_forgets_its_trouble_after_the_pause() {
    let at = |monotonic_ms| Moment { monotonic_ms, wall: DeviceTime(WALL) };
    let rested =
        Lane { not_before_ms: 500, problem: Some(SyncProblem::TimedOut), ..Lane::default() };
    let mut lane = rested.clone();
    lane.is_done(at(499));
    assert!(lane.problem.is_some() && lane.is_resting(at(499)));
    lane.is_done(at(500));
    assert!(lane.problem.is_none() && !lane.is_resting(at(500)));
}
