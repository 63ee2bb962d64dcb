//! Lives: forks, restored backups, replaced and revoked terminals, strays, damage, contracts.

use super::*;
use crate::ports::{DeviceKey, LifeId, TerminalIdentity};
use crate::protocol::event::{Envelope, SealedEvent};
use domain::event::{Event, RenewalReason};

const HOUR_MS: u64 = 3_600_000;

fn id() -> uuid::Uuid {
    sample::identity(1).id.uuid()
}

fn life(epoch: u32) -> LifeId {
    LifeId { epoch, ..sample::identity(1).life() }
}

impl Bench {
    /// A device with the same disk, such as one that was set up from a backup. Its central is empty;
    /// [`Self::at_central_of`] lends it one.
    fn cloned(&self, store: MemoryStore) -> Self {
        let mut bench = Self::new(1);
        bench.store = store;
        bench.central = ModelCentral::default();
        bench.now_ms = self.now_ms;
        bench
    }

    /// Lets this device speak with another one's central.
    fn at_central_of(&mut self, other: &mut Self, then: impl FnOnce(&mut Self)) {
        std::mem::swap(&mut self.central, &mut other.central);
        then(self);
        std::mem::swap(&mut self.central, &mut other.central);
    }

    /// Sells, and serves what comes of it for as long as anything rests.
    fn sell_and_rest(&mut self) {
        self.sell();
        self.rest();
    }

    fn rest(&mut self) {
        for _ in 0..30 {
            self.settle();
            self.pass(PAUSE_MS_MAX / 10);
        }
        self.settle();
    }

    /// Every event that this device has ever written is at central, by number or as a stray.
    fn assert_all_held(&self) {
        let mut held = self.central.strays();
        for terminal in self.store.lives().unwrap() {
            held.extend(self.central.events(terminal.identity.id.uuid()));
        }
        for event in self.store.journal() {
            let count = held.iter().filter(|bytes| **bytes == event.bytes).count();
            assert!(count >= 1, "{:?} is nowhere", event.place);
        }
        assert_eq!(self.store.outbox_len(), 0);
    }

    fn renewals(&self) -> Vec<RenewalReason> {
        let reason = |event: SealedEvent| match Envelope::parse(&event.bytes).unwrap().event() {
            Ok(Event::TerminalRenewed { reason, .. }) => Some(reason),
            _ => None,
        };
        self.store.journal().into_iter().filter_map(reason).collect()
    }

    fn is_online(&self) -> bool {
        (self.status.line, self.problem()) == (Line::Online, None)
    }
}

#[test]
fn of_two_clones_one_goes_on_and_the_other_is_told() {
    let mut first = Bench::settled(3);
    let mut second = first.cloned(first.store.copy());
    first.sell_and_rest();
    // The second sells too, under numbers that are taken.
    second.at_central_of(&mut first, |second| {
        second.store.append(&sample::event(99), DeviceTime(WALL));
        second.input(Input::Start);
        second.rest();
        assert!(second.is_online(), "{:?}", second.problem());
        second.assert_all_held();
        assert_eq!(second.renewals(), [RenewalReason::Forked]);
        assert_eq!(second.central.strays().len(), 1, "the forked tail");
        assert_eq!(second.central.epoch(id()), Some(2));
        second.sell_and_rest();
        assert_eq!(second.central.newest(id(), 2).0, 2);
    });
    // What the first sells goes up all the same, and a person is told what to do.
    first.sent.clear();
    first.sell_and_rest();
    first.assert_all_held();
    assert!(first.renewals().is_empty());
    assert_eq!((first.status.line, first.problem()), (Line::Refused, Some("epoch-outdated")));
    first.sent.clear();
    first.central.put(Feed::Stock, 1, 77);
    first.pass(HOUR_MS);
    first.rest();
    assert!(!first.sent.contains(&"changes"), "feeds are not for a replaced life");
    assert!(first.sent.contains(&"watermark"), "and yet it looks whether that is still so");
}

/// The token of the old life was still on its way when central entered the next one.
#[test]
fn a_feed_refused_while_the_next_life_was_registered_rests_for_seconds() {
    let mut bench = Bench::settled(1);
    bench.central.put(Feed::Stock, 1, 77);
    bench.refuse("changes", 409, code::OLD_EPOCH, Retry::Human);
    assert_eq!(bench.problem(), Some("epoch-outdated"));
    // A fresh token says that the life is the current one.
    bench.settle();
    bench.pass(PAUSE_MS_MIN);
    bench.settle();
    assert!(bench.is_online(), "{:?}", bench.problem());
    assert_eq!(bench.store.rows(Feed::Stock), bench.central.rows(Feed::Stock));
}

/// Central forgets the second's new life, and with it the strays that came with it (seed 2052709).
#[test]
fn a_central_that_forgot_a_life_gets_its_strays_again() {
    let mut first = Bench::settled(3);
    let mut second = first.cloned(first.store.copy());
    first.sell_and_rest();
    let backup = first.central.clone();
    second.at_central_of(&mut first, |second| {
        second.store.append(&sample::event(99), DeviceTime(WALL));
        second.input(Input::Start);
        // Nothing of the new life gets there by number: it has no token yet.
        for _ in 0..200 {
            let is_of_new = |request: &Request| matches!(request, Request::Token(proof) if proof.epoch == Some(2));
            let next = second.open.iter().find(|(_, (_, request))| request.name() != "changes");
            match next.map(|(ticket, (_, request))| (*ticket, is_of_new(request))) {
                Some((_, true)) => second.refuse("token", 503, "BUSY", Retry::Later),
                Some((ticket, false)) => second.serve(ticket),
                None => second.pass(100),
            }
        }
        assert_eq!(second.central.strays().len(), 1, "the forked tail");
        assert_eq!(second.central.newest(id(), 2).0, 0);
    });
    first.central = backup;
    second.at_central_of(&mut first, |second| {
        second.rest();
        assert_eq!(second.central.strays().len(), 1, "once more");
        second.assert_all_held();
    });
}

#[test]
fn a_restored_backup_begins_the_next_life_before_it_sells() {
    let mut bench = Bench::settled(3);
    let backup = bench.store.copy();
    bench.sell_and_rest();
    let mut restored = bench.cloned(backup);
    restored.at_central_of(&mut bench, |restored| {
        restored.input(Input::Start);
        restored.rest();
        assert!(restored.is_online(), "{:?}", restored.problem());
        assert_eq!(restored.renewals(), [RenewalReason::Restored]);
        restored.sell_and_rest();
        restored.assert_all_held();
        assert!(restored.central.strays().is_empty(), "all of it was held by number");
    });
}

#[test]
fn one_wrong_watermark_is_not_believed() {
    let mut bench = Bench::settled(3);
    bench.sell();
    bench.fail("push", Fault::TimedOut);
    bench.pass(PAUSE_MS_MIN);
    let mark = Watermark {
        epoch: 1,
        current_epoch: Some(1),
        acked_seq: 2,
        acked_hash: "ab".repeat(32),
        held_back: Vec::new(),
        server_time_ms: WALL,
    };
    bench.answer("watermark", Ok(Reply::Watermark(mark.clone())));
    assert_eq!((bench.status.line, bench.problem()), (Line::Troubled, Some("history-forked")));
    bench.rest();
    assert!(bench.is_online() && bench.renewals().is_empty());
    // A central that speaks of another life than the one asked about is not believed either.
    bench.sell();
    bench.fail("push", Fault::TimedOut);
    bench.pass(PAUSE_MS_MIN);
    bench.answer("watermark", Ok(Reply::Watermark(Watermark { epoch: 2, ..mark })));
    assert_eq!(bench.problem(), Some("epoch-outdated"));
    bench.rest();
    assert!(bench.is_online() && bench.renewals().is_empty());
    bench.assert_all_held();
}

#[test]
fn a_central_that_refuses_what_fits_is_left_behind() {
    for refused in [code::BROKEN_CHAIN, code::FORKED_HISTORY] {
        let mut bench = Bench::settled(3);
        bench.sell();
        for _ in 0..3 {
            for _ in 0..100 {
                if bench.open().contains(&"push") {
                    break;
                }
                bench.settle_but_push();
                bench.pass(1_000);
            }
            bench.refuse("push", 409, refused, Retry::Human);
        }
        bench.rest();
        assert!(bench.is_online(), "{:?}", bench.problem());
        assert_eq!(bench.renewals(), [RenewalReason::Forked]);
        bench.assert_all_held();
    }
}

impl Bench {
    fn settle_but_push(&mut self) {
        while let Some(name) = self.open().into_iter().find(|name| *name == "watermark") {
            self.serve(self.ticket(name));
        }
    }
}

#[test]
fn a_recovered_journal_goes_on_offline_and_is_made_known_later() {
    let mut bench = Bench::new(6);
    bench.store.recover(3..5, &DeviceKey([9; 32]), DeviceTime(WALL));
    bench.input(Input::Start);
    bench.input(Input::Cut(true));
    bench.sell();
    assert_eq!(bench.status.problem, None, "selling does not wait for central");
    bench.input(Input::Cut(false));
    bench.rest();
    assert!(bench.is_online(), "{:?}", bench.problem());
    bench.assert_all_held();
    assert_eq!(bench.central.newest(id(), 1).0, 2, "up to the hole by number");
    assert_eq!(bench.central.strays().len(), 2, "and behind it as strays");
    assert_eq!(bench.central.newest(id(), 2).0, 2);
    let renewed = bench.store.event_at(life(2), 1).unwrap();
    let event = Envelope::parse(&renewed.bytes).unwrap().event().unwrap();
    let Event::TerminalRenewed { missing, last_seq, .. } = event else { panic!("{event:?}") };
    assert_eq!((missing, last_seq), (vec![(3, 4)], 6));
}

#[test]
fn lives_begun_one_after_the_other_are_registered_in_order() {
    let mut bench = Bench::new(3);
    for n in 1..4 {
        bench.store.recover(0..0, &DeviceKey([10 + n; 32]), DeviceTime(WALL));
        bench.store.append(&sample::event(u64::from(n)), DeviceTime(WALL));
    }
    bench.input(Input::Start);
    bench.rest();
    assert!(bench.is_online(), "{:?}", bench.problem());
    assert_eq!(bench.central.epoch(id()), Some(4));
    assert_eq!(bench.sent.iter().filter(|name| **name == "renew").count(), 3);
    bench.assert_all_held();
    assert!(bench.central.strays().is_empty());
}

/// A lost answer to a registration is no reason to lose the life.
#[test]
fn registering_twice_is_registering_once() {
    let mut bench = Bench::new(2);
    bench.store.recover(0..0, &DeviceKey([9; 32]), DeviceTime(WALL));
    bench.input(Input::Start);
    for _ in 0..20 {
        if bench.open().contains(&"renew") {
            break;
        }
        let name = *bench.open().iter().find(|name| matches!(**name, "nonce" | "token")).unwrap();
        bench.serve(bench.ticket(name));
    }
    let (token, request) = bench.open[&bench.ticket("renew")].clone();
    bench.central.handle(WALL, token.as_ref(), &request).unwrap();
    bench.fail("renew", Fault::TimedOut);
    bench.rest();
    assert!(bench.is_online(), "{:?}", bench.problem());
    assert_eq!(bench.central.epoch(id()), Some(2));
    bench.assert_all_held();
}

#[test]
fn a_taken_epoch_asks_for_a_person_while_sales_go_up_as_strays() {
    let mut bench = Bench::new(3);
    bench.store.recover(0..0, &DeviceKey([9; 32]), DeviceTime(WALL));
    // The place was given to another device meanwhile.
    let other =
        TerminalIdentity { epoch: 2, device_key: DeviceKey([7; 32]), ..sample::identity(1) };
    bench.central.admit(&other);
    bench.input(Input::Start);
    bench.rest();
    bench.sell_and_rest();
    assert_eq!((bench.status.line, bench.problem()), (Line::Refused, Some("enrol-again")));
    bench.assert_all_held();
    assert_eq!(bench.central.newest(id(), 1).0, 3, "the former life goes up by number");
    assert_eq!(bench.central.newest(id(), 2).0, 0, "nothing of ours in the other's life");
    assert_eq!(bench.central.strays().len(), 2);
    // A person enrols it again, at another place.
    let again = TerminalIdentity { epoch: 5, ..sample::identity(2) };
    bench.central.admit(&again);
    bench.store.enrol(&again, "crossroads/test", DeviceTime(WALL)).unwrap();
    bench.input(Input::Nudge);
    bench.rest();
    bench.sell_and_rest();
    assert!(bench.is_online(), "{:?}", bench.problem());
    bench.assert_all_held();
    for feed in Feed::ALL {
        assert_eq!(bench.store.rows(feed), bench.central.rows(feed));
    }
}

#[test]
fn a_revoked_terminal_pushes_into_quarantine_and_reads_nothing() {
    let mut bench = Bench::settled(2);
    bench.central.set_revoked(id(), true);
    bench.central.put(Feed::Catalogue, 1, 9);
    bench.sell_and_rest();
    bench.assert_all_held();
    assert_eq!((bench.status.line, bench.problem()), (Line::Refused, Some("terminal-revoked")));
    assert_ne!(bench.store.rows(Feed::Catalogue), bench.central.rows(Feed::Catalogue));
    assert_eq!(bench.store.held_back().len(), 1, "{:?}", bench.store.held_back());
    bench.central.set_revoked(id(), false);
    bench.rest();
    assert!(bench.is_online(), "{:?}", bench.problem());
    assert_eq!(bench.store.rows(Feed::Catalogue), bench.central.rows(Feed::Catalogue));
}

#[test]
fn what_a_device_was_before_goes_on_to_be_pushed() {
    let mut bench = Bench::settled(2);
    bench.input(Input::Cut(true));
    bench.sell();
    let again = sample::identity(2);
    bench.central.admit(&again);
    bench.store.enrol(&again, "crossroads/test", DeviceTime(WALL)).unwrap();
    bench.input(Input::Cut(false));
    bench.rest();
    assert!(bench.is_online(), "{:?}", bench.problem());
    bench.assert_all_held();
    assert!(bench.central.strays().is_empty(), "each with its own key, by number");
}

#[test]
fn what_central_knows_nothing_of_goes_as_strays() {
    let mut bench = Bench::new(4);
    // A new central, or one that was lost for good: the person enrols anew.
    bench.central = ModelCentral::default();
    bench.input(Input::Start);
    bench.rest();
    assert_eq!(bench.status.line, Line::Refused);
    bench.pass(HOUR_MS);
    bench.settle();
    assert_eq!((bench.status.line, bench.problem()), (Line::Refused, Some("enrol-again")));
    let again = TerminalIdentity { epoch: 2, ..sample::identity(1) };
    let again = TerminalIdentity { device_key: DeviceKey([8; 32]), ..again };
    bench.central.admit(&again);
    bench.store.enrol(&again, "crossroads/test", DeviceTime(WALL)).unwrap();
    bench.input(Input::Nudge);
    for _ in 0..4 {
        bench.rest();
    }
    assert!(bench.is_online(), "{:?}", bench.problem());
    bench.assert_all_held();
    assert_eq!(bench.central.strays().len(), 4);
}

#[test]
fn a_central_restored_to_before_the_renewal_learns_it_again() {
    let mut bench = Bench::settled(3);
    bench.sell_and_rest();
    let backup = bench.central.clone();
    bench.sell_and_rest();
    bench.store.recover(0..0, &DeviceKey([9; 32]), DeviceTime(WALL));
    bench.sell_and_rest();
    bench.store.close_life(life(2)).unwrap();
    bench.sell_and_rest();
    assert_eq!(bench.problem(), Some("enrol-again"));
    assert!(!bench.central.strays().is_empty());
    let again = TerminalIdentity { epoch: 3, ..sample::identity(1) };
    bench.central.admit(&again);
    bench.store.enrol(&again, "crossroads/test", DeviceTime(WALL)).unwrap();
    bench.sell_and_rest();
    assert!(bench.is_online(), "{:?}", bench.problem());
    bench.assert_all_held();
    // Central loses lives 2 and 3, the end of life 1, and the strays.
    bench.central = backup;
    bench.central.after_restore(1);
    for _ in 0..4 {
        bench.rest();
    }
    assert!(bench.is_online(), "{:?}", bench.problem());
    bench.assert_all_held();
    assert_eq!(bench.central.epoch(id()), Some(3));
    bench.sell_and_rest();
    bench.assert_all_held();
}

#[test]
fn a_damaged_event_goes_as_a_placeholder_and_holds_up_nothing() {
    let mut bench = Bench::new(5);
    bench.store.damage(3);
    bench.input(Input::Start);
    bench.settle();
    assert!(bench.is_online(), "{:?}", bench.problem());
    assert_eq!(bench.store.outbox_len(), 0);
    assert_eq!((bench.central.newest(id(), 1).0, bench.central.placeholders()), (5, 1));
    bench.sell_and_rest();
    let held = bench.store.held_back();
    assert_eq!((held.len(), held[0].seq), (1, 3), "a person at central sees it");
}

#[test]
fn a_contract_that_is_too_old_rests_the_pull_but_never_the_push() {
    let mut bench = Bench::settled(1);
    bench.central.oldest = crate::protocol::CONTRACT + 1;
    bench.central.put(Feed::Catalogue, 1, 9);
    bench.sell_and_rest();
    assert_eq!(bench.store.outbox_len(), 0);
    assert_eq!((bench.status.line, bench.problem()), (Line::Refused, Some("upgrade-required")));
    bench.sent.clear();
    bench.pass(30 * 60_000);
    bench.settle();
    assert!(!bench.sent.contains(&"changes"), "feeds are not asked in vain: {:?}", bench.sent);
    bench.sell_and_rest();
    assert_eq!(bench.store.outbox_len(), 0);
    // The other side was rolled back: seen within the hour, or when somebody asks.
    bench.central.oldest = 1;
    bench.pass(HOUR_MS);
    bench.rest();
    assert!(bench.is_online(), "{:?}", bench.problem());
    assert_eq!(bench.store.rows(Feed::Catalogue), bench.central.rows(Feed::Catalogue));
}

#[test]
fn a_central_that_knows_no_lives_is_told_of_and_asked_again() {
    let mut bench = Bench::new(3);
    bench.central.is_old = true;
    bench.store.recover(0..0, &DeviceKey([9; 32]), DeviceTime(WALL));
    bench.input(Input::Start);
    bench.rest();
    assert_eq!((bench.status.line, bench.problem()), (Line::Troubled, Some("central-outdated")));
    assert_eq!(bench.central.newest(id(), 1).0, 3, "what it knows goes up");
    assert_eq!(bench.status.percent, 100, "and feeds are read with the key that it knows");
    bench.central.is_old = false;
    bench.rest();
    assert!(bench.is_online(), "{:?}", bench.problem());
    bench.assert_all_held();
}

#[test]
fn the_clock_is_noted_when_it_has_moved() {
    let mut bench = Bench::settled(1);
    let noted = |bench: &Bench| bench.store.lives().unwrap()[0].clock_offset_ms;
    assert_eq!(noted(&bench), Some(0));
    let answer = |bench: &mut Bench, ahead_ms: i64| {
        bench.sell();
        let (token, request) = bench.open[&bench.ticket("push")].clone();
        let central_ms = WALL + bench.now_ms as i64 + ahead_ms;
        let reply = bench.central.handle(central_ms, token.as_ref(), &request);
        bench.answer("push", reply);
    };
    bench.stored.clear();
    answer(&mut bench, 900);
    assert!(!bench.stored.contains(&"clock"), "a little is not worth a write");
    answer(&mut bench, 40_000);
    assert_eq!(noted(&bench), Some(40_000));
    bench.stored.clear();
    answer(&mut bench, 40_500);
    assert!(!bench.stored.contains(&"clock"));
    let last = bench.store.journal().pop().unwrap();
    let envelope = Envelope::parse(&last.bytes).unwrap();
    assert_eq!(envelope.offset_ms, Some(40_000), "events know it");
    assert!(envelope.hlc().unwrap().physical_ms() >= WALL + 40_000);
}

#[test]
fn rows_that_do_not_add_up_are_loaded_anew_but_not_over_and_over() {
    let mut bench = Bench::settled(1);
    let feed = Feed::Customers;
    bench.store.lose_row(feed);
    bench.central.put(feed, 5, 2);
    bench.settle();
    assert_eq!((bench.status.divergences, bench.problem()), (1, Some("feed-diverged")));
    bench.pass(1_000);
    bench.settle();
    assert!(bench.sent.contains(&"snapshot"));
    assert_eq!(bench.store.rows(feed), bench.central.rows(feed));
    assert!(bench.is_online(), "{:?}", bench.problem());
    // Once more within the hour: it is told, and used as it is.
    bench.store.lose_row(feed);
    bench.central.put(feed, 5, 3);
    bench.pass(1_000);
    bench.sent.clear();
    bench.settle();
    assert_eq!((bench.status.divergences, bench.problem()), (2, Some("feed-diverged")));
    bench.pass(HOUR_MS / 2);
    bench.settle();
    assert!(!bench.sent.contains(&"snapshot"));
    for _ in 0..40 {
        bench.pass(60_000);
        bench.settle();
    }
    assert!(bench.is_online(), "{:?}", bench.problem());
    assert_eq!(bench.store.rows(feed), bench.central.rows(feed));
}
