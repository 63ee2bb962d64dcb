//! Claims: one live claim at any time, no scan is lost, no unit counts for two people; in every small schedule.
#![allow(clippy::unwrap_used)]

use super::super::tests::{assert_laws, event, joined};
use super::*;
use proptest::prelude::*;
use uuid::Uuid;

fn holder(terminal: u8) -> Holder {
    Holder { terminal: event(terminal, 0).terminal, epoch: 0 }
}

fn line() -> LineId {
    LineId::from_uuid(Uuid::from_u128(1))
}

fn scan(token: Token, at_ms: i64) -> Scan {
    Scan { token, line: line(), units: 1, at_ms }
}

#[test]
fn one_holder_at_a_time_and_the_next_gets_the_next_number() {
    let mut claims = Claims::default();
    assert_eq!(
        (claims.newest(), claims.live(0), claims.check(1)),
        (None, None, Err(NotYours::Unknown))
    );
    assert_eq!(claims.claim(holder(1), 100, 50), Ok(1));
    // The answer was lost: the same again. Another device waits.
    assert_eq!(claims.claim(holder(1), 149, 50), Ok(1));
    assert_eq!(claims.claim(holder(2), 149, 50), Err(NotYours::Held { until_ms: 150 }));
    assert_eq!((claims.live(149).is_some(), claims.live(150)), (true, None));
    assert_eq!(claims.claim(holder(2), 150, 50), Ok(2));
    assert_eq!(claims.live(150), Some((2, Lease { holder: holder(2), from_ms: 150 })));
    assert_eq!(claims.check(1), Err(NotYours::Superseded { newest: 2 }));
    assert_eq!(claims.renew(1, 151, 50), Err(NotYours::Superseded { newest: 2 }));
    assert_eq!((claims.check(2), claims.check(3)), (Ok(()), Err(NotYours::Unknown)));
    assert_eq!(claims.check(0), Err(NotYours::Unknown));
}

#[test]
fn a_lease_is_prolonged_even_after_its_end_but_not_shortened() {
    let mut claims = Claims::default();
    claims.claim(holder(1), 0, 100).unwrap();
    assert_eq!(claims.renew(1, 50, 10), Ok(100));
    assert_eq!(claims.renew(1, 500, 10), Ok(510));
    assert!(claims.live(509).is_some() && claims.live(510).is_none());
    claims.release(1);
    claims.release(1);
    claims.release(9);
    assert_eq!((claims.live(505), claims.renew(1, 505, 10)), (None, Err(NotYours::Released)));
    assert_eq!(claims.claim(holder(1), 505, 10), Ok(2));
    assert_eq!((claims.until(2), claims.until(7)), (515, i64::MIN));
}

#[test]
fn a_supervisor_takes_over_and_fences_the_other_off() {
    let mut claims = Claims::default();
    claims.claim(holder(1), 0, 100).unwrap();
    assert_eq!(claims.steal(holder(3), 10, 100), 2);
    assert_eq!(claims.check(1), Err(NotYours::Superseded { newest: 2 }));
    assert_eq!(claims.claim(holder(1), 20, 100), Err(NotYours::Held { until_ms: 110 }));
}

#[test]
fn clocks_at_the_ends_do_no_harm() {
    let mut claims = Claims::default();
    assert_eq!(claims.claim(holder(1), i64::MAX, u32::MAX), Ok(1));
    assert_eq!(claims.until(1), i64::MAX);
    assert_eq!(claims.claim(holder(2), i64::MIN, 1), Err(NotYours::Held { until_ms: i64::MAX }));
}

/// One line, one case: token and time of a scan; whether it arrives before the takeover; what it is worth. Claim 1
/// lives from 0 to 100, claim 2 from 200 to 300.
#[test]
fn what_a_scan_is_worth() {
    for (token, at_ms, is_before, worth) in [
        (1, 50, true, Worth::Counted),
        (1, 99, true, Worth::Counted),
        (1, 100, true, Worth::Late),
        (1, 50, false, Worth::Superseded),
        (1, 150, false, Worth::Superseded),
        (2, 250, false, Worth::Counted),
        (2, 300, false, Worth::Late),
        (3, 250, false, Worth::Unknown),
    ] {
        let mut task = PickTask::default();
        task.claim(holder(1), 0, 100).unwrap();
        if is_before {
            task.scan(event(1, 1), scan(token, at_ms));
        }
        task.claim(holder(2), 200, 100).unwrap();
        task.scan(event(1, 1), scan(token, at_ms));
        // The holder's second question must not turn what came late into what it was shown.
        task.claim(holder(2), 201, 100).unwrap();
        assert_eq!(task.worth(event(1, 1)), Some(worth), "token {token} at {at_ms}");
        assert_eq!(task.worth(event(1, 2)), None);
        let units = |is: bool| if is { BTreeMap::from([(line(), 1)]) } else { BTreeMap::new() };
        assert_eq!(task.picked(), units(matches!(worth, Worth::Counted | Worth::Late)));
        assert_eq!(task.over_picked(), units(worth == Worth::Superseded));
    }
}

#[test]
fn units_of_a_line_add_up() {
    let mut task = PickTask::default();
    task.claim(holder(1), 0, 100).unwrap();
    task.scan(event(1, 1), Scan { units: 2, ..scan(1, 5) });
    task.scan(event(1, 2), Scan { units: 3, ..scan(1, 105) });
    task.scan(event(1, 2), Scan { units: 3, ..scan(1, 105) });
    assert_eq!(task.picked(), BTreeMap::from([(line(), 5)]));
    assert_eq!(task.renew(1, 100, 50), Ok(150));
    task.release(1);
    assert_eq!(task.claims().live(120), None);
}

// ---- every schedule of a small model --------------------------------------------------------------------------

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    task: PickTask,
    now_ms: i64,
    /// The token that each device believes to hold, and the scans that it made.
    devices: [(Option<Token>, BTreeMap<EventId, Scan>); 2],
}

const TTL_MS: u32 = 2;
const END_MS: i64 = 3;

impl World {
    fn next(&self) -> Vec<Self> {
        let mut worlds = Vec::new();
        let mut then = |change: &dyn Fn(&mut Self)| {
            let mut world = self.clone();
            change(&mut world);
            worlds.push(world);
        };
        then(&|world| world.now_ms = (world.now_ms + 1).min(END_MS));
        for device in 0..2u8 {
            let index = usize::from(device);
            for is_answered in [true, false] {
                then(&|world| {
                    let claimed = world.task.claim(holder(device), world.now_ms, TTL_MS);
                    if let (Ok(token), true) = (claimed, is_answered) {
                        world.devices[index].0 = Some(token);
                    }
                });
            }
            // One supervisor: device 1.
            then(&|world| {
                if device == 1 && world.task.claims().newest().is_none_or(|(token, _)| token < 2) {
                    let token = world.task.steal(holder(device), world.now_ms, TTL_MS);
                    world.devices[index].0 = Some(token);
                }
            });
            then(&|world| {
                if let Some(token) = world.devices[index].0.take() {
                    world.task.release(token);
                }
            });
            then(&|world| {
                let (held, scans) = &mut world.devices[index];
                if let Some(token) = *held
                    && scans.is_empty()
                {
                    scans.insert(event(device, 1), scan(token, world.now_ms));
                }
            });
            for (id, made) in &self.devices[index].1 {
                then(&|world| world.task.scan(*id, *made));
            }
        }
        worlds
    }

    fn check(&self) {
        let claims = self.task.claims();
        let believers = self
            .devices
            .iter()
            .filter(|(token, _)| token.is_some_and(|token| claims.check(token).is_ok()));
        assert!(believers.count() <= 1, "two devices pass the gate");
        let arrived = self.task.scans.len() as u64;
        let counted = self.task.picked().get(&line()).copied().unwrap_or(0);
        let over = self.task.over_picked().get(&line()).copied().unwrap_or(0);
        assert_eq!(counted + over, arrived, "a scan is lost");
        // What counts under an older claim was known to whoever took over from it.
        for (id, made) in self.task.scans.iter() {
            let worth = self.task.worth(*id);
            let next = self.task.shown.iter().find(|(token, _)| **token > made.token);
            let was_told = next.is_none_or(|(_, shown)| shown.contains(id));
            assert_eq!(matches!(worth, Some(Worth::Counted | Worth::Late)), was_told);
        }
    }
}

#[test]
fn in_every_schedule_one_device_passes_and_every_scan_is_kept() {
    let start = World { task: PickTask::default(), now_ms: 0, devices: Default::default() };
    let mut seen = BTreeSet::from([start.clone()]);
    let mut open = vec![start];
    let (mut late, mut superseded) = (0, 0);
    while let Some(world) = open.pop() {
        world.check();
        for (id, _) in world.task.scans.iter() {
            late += usize::from(world.task.worth(*id) == Some(Worth::Late));
            superseded += usize::from(world.task.worth(*id) == Some(Worth::Superseded));
        }
        let claims = world.task.claims().newest().map_or(0, |(token, _)| token);
        for next in world.next().into_iter().filter(|_| claims < 3) {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    assert!(seen.len() > 1000, "only {} worlds", seen.len());
    assert!(late > 0 && superseded > 0, "the model does not reach the interesting cases");
}

#[derive(Clone, Debug)]
enum Act {
    Claim(u8),
    Steal(u8),
    Renew(Token),
    Release(Token),
    Scan(u8, u64),
    Wait(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0u8..3).prop_map(Act::Claim),
        (0u8..3).prop_map(Act::Steal),
        (0u64..5).prop_map(Act::Renew),
        (0u64..5).prop_map(Act::Release),
        (0u8..3, 0u64..9).prop_map(|(device, seq)| Act::Scan(device, seq)),
        (0i64..60).prop_map(Act::Wait),
    ]
}

proptest! {
    /// Central's history and copies of it from any earlier moment join to central's state; old tokens stay refused.
    #[test]
    fn copies_converge_and_tokens_only_grow(acts in proptest::collection::vec(act(), 0..30)) {
        let (mut task, mut now_ms) = (PickTask::default(), 0);
        let mut copies = vec![task.clone()];
        for act in acts {
            let newest = task.claims().newest().map_or(0, |(token, _)| token);
            match act {
                Act::Claim(device) => drop(task.claim(holder(device), now_ms, 50)),
                Act::Steal(device) => prop_assert_eq!(task.steal(holder(device), now_ms, 50), newest + 1),
                Act::Renew(token) => {
                    let is_renewed = task.renew(token, now_ms, 50).is_ok();
                    prop_assert!(!is_renewed || token == newest);
                }
                Act::Release(token) => task.release(token),
                // The contents follow from the identity: a fact is never given twice with other contents.
                Act::Scan(device, seq) => task.scan(event(device, seq), scan(seq % 4, seq as i64 * 9)),
                Act::Wait(ms) => now_ms += ms,
            }
            prop_assert!((1..newest).all(|old| task.claims().check(old).is_err()));
            copies.push(task.clone());
        }
        let [first, middle] = [&copies[copies.len() / 3], &copies[copies.len() / 2]];
        assert_laws(first, middle, &task);
        prop_assert_eq!(joined(first, &task), task.clone());
        prop_assert_eq!(joined(middle, first), middle.clone());
    }
}
