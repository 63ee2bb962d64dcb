//! Escrow: table tests, convergence, and every schedule of two devices: nobody spends more than credit plus floors.
#![allow(clippy::unwrap_used)]

use super::super::tests::{assert_converges, deliveries, event, joined};
use super::*;
use proptest::prelude::*;

fn holder(terminal: u8) -> Holder {
    Holder { terminal: event(terminal, 0).terminal, epoch: 0 }
}

fn right(terminal: u8, amount: u64) -> Grant {
    Grant { holder: holder(terminal), amount, expires_ms: 1000 }
}

fn of(grants: &[(EventId, u64)], from_floor: u64) -> Spend {
    Spend { from_grants: grants.iter().copied().collect(), from_floor }
}

#[test]
fn only_what_is_available_is_granted_and_asking_twice_is_asking_once() {
    let mut account = Account::default();
    let refused = account.grant(event(1, 1), right(1, 1));
    assert_eq!(refused, Err(NotCovered { wanted: 1, available: 0 }));
    account.credit(event(9, 1), 100);
    account.credit(event(9, 1), 100);
    assert_eq!(account.grant(event(1, 1), right(1, 60)), Ok(right(1, 60)));
    assert_eq!(account.grant(event(1, 1), right(1, 60)), Ok(right(1, 60)));
    let refused = account.grant(event(2, 1), right(2, 41));
    assert_eq!(refused, Err(NotCovered { wanted: 41, available: 40 }));
    assert_eq!(account.grant(event(2, 2), right(2, 40)), Ok(right(2, 40)));
    assert_eq!((account.available(), account.overdraft(), account.credited()), (0, 0, 100));
}

/// One line, one case: units spent of a grant of 60 as central knows; what a closing says was spent, if it was closed;
/// what is available of 100.
#[test]
fn a_grant_is_charged_until_it_is_closed() {
    for (spent, closed, available) in [
        (0, None, 40),
        (20, None, 40),
        // All of it, and no more than that.
        (60, None, 40),
        // Cloned: more was spent than allowed.
        (70, None, 30),
        (20, Some(20), 80),
        (0, Some(20), 80),
        // Declared lost by a person, and then its sales arrive.
        (50, Some(20), 50),
        (20, Some(0), 80),
        (0, Some(0), 100),
    ] {
        let mut account = Account::default();
        account.credit(event(9, 1), 100);
        account.grant(event(1, 1), right(1, 60)).unwrap();
        account.spend(event(1, 2), of(&[(event(1, 1), spent)], 0));
        if let Some(closed) = closed {
            account.close(event(1, 1), closed);
        }
        assert_eq!(account.available(), available, "spent {spent}, closed {closed:?}");
        assert_eq!(account.spent(), spent);
        assert_eq!(account.overspent().contains(&event(1, 1)), spent > 60);
        // A second closing that knows less frees nothing.
        let before = account.available();
        account.close(event(1, 1), 0);
        assert!(closed.is_none() || account.available() == before);
    }
}

#[test]
fn a_spend_of_a_grant_that_was_never_given_is_kept_and_shown() {
    let mut account = Account::default();
    account.credit(event(9, 1), 5);
    account.spend(event(1, 2), of(&[(event(1, 1), 8)], 0));
    assert_eq!((account.available(), account.overdraft(), account.spent()), (0, 3, 8));
    assert_eq!(account.overspent(), BTreeSet::from([event(1, 1)]));
    assert_eq!(account.covered(), BTreeSet::new());
}

#[test]
fn a_floor_comes_back_when_central_covers_what_it_gave() {
    let mut floor = Floor::new(10, 15);
    let mut purse = Purse::new(holder(1));
    assert_eq!((floor.room(&'a'), floor.room(&'b')), (10, 10));
    let refused = purse.pay(11, floor.room(&'a'), 0);
    assert_eq!(refused, Err(NotCovered { wanted: 11, available: 10 }));
    let spend = purse.pay(10, floor.room(&'a'), 0).unwrap();
    assert_eq!((spend.clone(), spend.total()), (of(&[], 10), 10));
    floor.take(event(1, 1), 'a', &spend);
    let before = floor.clone();
    floor.take(event(1, 2), 'a', &of(&[(event(1, 9), 3)], 0));
    assert_eq!(floor, before, "a payment out of rights takes nothing of the floor");
    assert_eq!((floor.room(&'a'), floor.room(&'b')), (0, 5));
    let mut account = Account::default();
    account.credit(event(9, 1), 9);
    account.spend(event(1, 1), spend);
    account.spend(event(1, 2), of(&[], 0));
    assert_eq!((account.overdraft(), account.covered()), (1, BTreeSet::new()));
    floor.release(&account.covered());
    assert_eq!(floor.room(&'a'), 0);
    account.credit(event(9, 2), 1);
    assert_eq!(account.covered(), BTreeSet::from([event(1, 1)]));
    floor.release(&account.covered());
    assert_eq!((floor.room(&'a'), floor.room(&'b')), (10, 10));
}

#[test]
fn rights_are_spent_soonest_ending_first_and_never_after_their_end() {
    let mut purse = Purse::new(holder(1));
    let ending = |amount, expires_ms| Grant { expires_ms, ..right(1, amount) };
    purse.receive(event(1, 1), ending(5, 200));
    purse.receive(event(1, 2), ending(5, 100));
    purse.receive(event(1, 2), ending(50, 100));
    purse.receive(event(2, 1), right(2, 99));
    assert_eq!((purse.rights(99), purse.rights(100), purse.rights(200)), (10, 5, 0));
    let spend = purse.pay(7, 0, 99).unwrap();
    assert_eq!(spend, of(&[(event(1, 2), 5), (event(1, 1), 2)], 0));
    let before = purse.clone();
    assert_eq!(purse.pay(5, 1, 99), Err(NotCovered { wanted: 5, available: 4 }));
    assert_eq!(purse, before);
    assert_eq!(purse.pay(4, 1, 99), Ok(of(&[(event(1, 1), 3)], 1)));
    assert_eq!(purse.pay(0, 0, 99), Ok(Spend::default()));
}

#[test]
fn a_right_given_back_does_not_come_back_with_a_late_answer() {
    let mut purse = Purse::new(holder(1));
    purse.receive(event(1, 1), right(1, 5));
    purse.pay(2, 0, 0).unwrap();
    assert_eq!(purse.give_back(event(1, 1)), Some(2));
    purse.receive(event(1, 1), right(1, 5));
    assert_eq!((purse.rights(0), purse.give_back(event(1, 1))), (0, None));
}

// ---- every schedule of a small model --------------------------------------------------------------------------

/// A device's message to central: a fact that may arrive at any time, in any order, and twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Message {
    Spent(EventId, Spend),
    GaveBack(EventId, u64),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Device {
    purse: Purse,
    floor: Floor<()>,
    asked: u64,
    paid: u64,
    said: BTreeSet<Message>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    account: Account,
    devices: [Device; 2],
    is_expired: bool,
    topped_up: bool,
}

impl World {
    fn new(floors: [u64; 2]) -> Self {
        let device = |terminal: u8| Device {
            purse: Purse::new(holder(terminal)),
            floor: Floor::new(9, floors[usize::from(terminal)]),
            asked: 0,
            paid: 0,
            said: BTreeSet::new(),
        };
        let mut account = Account::default();
        account.credit(event(9, 1), 1);
        Self { account, devices: [device(0), device(1)], is_expired: false, topped_up: false }
    }

    /// All that can happen next.
    fn next(&self) -> Vec<Self> {
        let mut worlds = Vec::new();
        let mut then = |change: &dyn Fn(&mut Self)| {
            let mut world = self.clone();
            change(&mut world);
            worlds.push(world);
        };
        then(&|world| world.is_expired = true);
        then(&|world| {
            world.topped_up = true;
            world.account.credit(event(9, 2), 1);
        });
        for device in 0..2u8 {
            let index = usize::from(device);
            then(&|world| world.ask(device, true));
            then(&|world| world.ask(device, false));
            then(&|world| world.pay(device));
            then(&|world| {
                if let Some(spent) = world.devices[index].purse.give_back(event(device, 100)) {
                    let said = Message::GaveBack(event(device, 100), spent);
                    world.devices[index].said.insert(said);
                }
            });
            then(&|world| world.devices[index].floor.release(&world.account.covered()));
            for message in &self.devices[index].said {
                then(&|world| match message {
                    Message::Spent(id, spend) => world.account.spend(*id, spend.clone()),
                    Message::GaveBack(grant, spent) => world.account.close(*grant, *spent),
                });
            }
        }
        worlds
    }

    /// Asks for a right to 1; the answer may be lost, and the same is asked again then.
    fn ask(&mut self, device: u8, is_answered: bool) {
        let id = event(device, 100);
        let granted = self.account.grant(id, right(device, 1));
        let device = &mut self.devices[usize::from(device)];
        device.asked = 1;
        if let (Ok(grant), true) = (granted, is_answered) {
            device.purse.receive(id, grant);
        }
    }

    fn pay(&mut self, number: u8) {
        let now_ms = if self.is_expired { 1000 } else { 999 };
        let device = &mut self.devices[usize::from(number)];
        if device.paid == 2 {
            return;
        }
        let Ok(spend) = device.purse.pay(1, device.floor.room(&()), now_ms) else { return };
        device.paid += 1;
        let id = event(number, device.paid);
        device.floor.take(id, (), &spend);
        device.said.insert(Message::Spent(id, spend));
    }

    /// What is left of the credit once everything is known.
    fn balance(&self) -> i64 {
        let credited = self.account.credited() as i64;
        let paid: u64 = self.devices.iter().map(|device| device.paid).sum();
        credited - paid as i64
    }
}

/// Visits all worlds that can be reached; how many there are, and the lowest balance in any of them.
fn explore(floors: [u64; 2]) -> (usize, i64) {
    let mut seen = BTreeSet::from([World::new(floors)]);
    let mut open: Vec<World> = seen.iter().cloned().collect();
    let mut lowest = i64::MAX;
    while let Some(world) = open.pop() {
        lowest = lowest.min(world.balance());
        let floor: u64 = floors.iter().sum();
        assert!(world.balance() >= -(floor as i64), "overdraft beyond the floors");
        assert!(world.account.overdraft() <= floor);
        assert!(world.account.overspent().is_empty());
        for next in world.next() {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    (seen.len(), lowest)
}

/// One line, one case: the floors of two devices; the lowest balance that any schedule reaches: exactly the bound, so
/// the model does go to the edge.
#[test]
fn in_every_schedule_the_overdraft_is_bounded_by_the_floors() {
    for (floors, lowest) in [([0, 0], 0), ([1, 0], -1), ([1, 1], -2)] {
        let (worlds, reached) = explore(floors);
        assert_eq!(reached, lowest, "floors {floors:?}, {worlds} worlds");
        assert!(worlds > 300, "only {worlds} worlds");
    }
}

#[derive(Clone, Debug)]
enum Op {
    Credit(EventId, u64),
    Spend(EventId, Spend),
    Close(EventId, u64),
}

fn apply(account: &mut Account, op: &Op) {
    match op {
        Op::Credit(id, amount) => account.credit(*id, *amount),
        Op::Spend(id, spend) => account.spend(*id, spend.clone()),
        Op::Close(grant, spent) => account.close(*grant, *spent),
    }
}

fn op() -> impl Strategy<Value = Op> {
    let id = || (0u8..3, 0u64..5).prop_map(|(terminal, seq)| event(terminal, seq));
    prop_oneof![
        id().prop_map(|id| Op::Credit(id, id.seq * 7)),
        id().prop_map(|id| Op::Spend(id, of(&[(event(1, id.seq % 3), id.seq)], id.seq % 2))),
        (id(), 0u64..9).prop_map(|(id, spent)| Op::Close(id, spent)),
    ]
}

proptest! {
    #[test]
    fn accounts_converge_and_units_are_conserved(
        (history, deliveries) in deliveries(proptest::collection::vec(op(), 0..20)),
    ) {
        let account = assert_converges(&history, &deliveries, apply);
        let mut credits = BTreeMap::new();
        let mut spends = BTreeMap::new();
        for op in &history {
            match op {
                Op::Credit(id, amount) => drop(credits.insert(*id, *amount)),
                Op::Spend(id, spend) => drop(spends.insert(*id, spend.total())),
                Op::Close(..) => {}
            }
        }
        prop_assert_eq!(account.credited(), credits.values().sum::<u64>());
        prop_assert_eq!(account.spent(), spends.values().sum::<u64>());
        prop_assert!(account.available() == 0 || account.overdraft() == 0);
    }

    /// Central alone never grants more than it has, whatever it is asked and told.
    #[test]
    fn grants_never_exceed_credit(
        asked in proptest::collection::vec((0u8..3, 0u64..40), 1..20), credit in 0u64..100,
    ) {
        let mut account = Account::default();
        account.credit(event(9, 1), credit);
        let mut granted = 0;
        for (seq, (terminal, amount)) in asked.into_iter().enumerate() {
            if account.grant(event(terminal, seq as u64), right(terminal, amount)).is_ok() {
                granted += amount;
            }
            prop_assert!(granted <= credit);
            prop_assert_eq!(account.available(), credit - granted);
            let other = joined(&account, &Account::default());
            prop_assert_eq!(other.available(), account.available());
        }
    }
}
