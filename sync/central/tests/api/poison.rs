//! Poison: events that cannot be applied, at many places, delay no other by more than a round trip.

use crate::in_process::{SMALL, token};
use crate::world::TestRim;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use central::in_process::InProcess;
use domain::event::Event;
use domain::id::{ShiftId, StaffId, TerminalId};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde_json::{Value, json};
use sync::call::{Reply, Request};
use sync::protocol::auth::EnrolRequest;
use sync::protocol::event::{EventHash, Place, SealedEvent, Stamp, seal};
use sync::protocol::push::{Outcome, PushItem, PushRequest};
use uuid::Uuid;

/// Ways in which an event can be wrong.
const POISONS: usize = 6;

struct Journal {
    terminal: Uuid,
    head: (u64, EventHash),
}

impl Journal {
    fn place(&self) -> Place {
        Place { terminal: TerminalId::from_uuid(self.terminal), epoch: 0, seq: self.head.0 + 1 }
    }

    fn note(&mut self, event: SealedEvent) -> SealedEvent {
        self.head = (event.place.seq, event.hash);
        event
    }

    fn valid(&mut self) -> PushItem {
        let shift = ShiftId::from_uuid(Uuid::from_u128(u128::from(self.head.0) << 8 | 1));
        let event = Event::ShiftOpened { shift, staff: StaffId::from_uuid(Uuid::nil()) };
        let sealed = seal(self.place(), self.head.1, Stamp::bare(1_800_000_000_000), &event);
        PushItem::Sealed(self.note(sealed).bytes)
    }

    fn poison(&mut self, way: usize) -> PushItem {
        let (place, fresh) = (self.place(), Uuid::from_u128(u128::from(self.head.0) << 8 | 2));
        let (kind, version, body) = match way {
            0 => ("weather.seen", 1, json!({"sun": true})),
            1 => ("order.placed", 1, json!({"order": "no id"})),
            2 => (
                "order.paid",
                1,
                json!({"order": fresh, "currency": "CHF", "due_minor": 5,
                "rounding_minor": 0, "tenders": []}),
            ),
            3 => (
                "shift.closed",
                1,
                json!({"shift": fresh, "order_count": 1, "cash_minor": 1,
                "currency": "CHF"}),
            ),
            4 => ("shift.opened", 9, Value::Null),
            _ => {
                let lost = EventHash::of(fresh.as_bytes());
                let damaged = json!({"damaged": {"seq": place.seq, "hash": lost.to_string(),
                    "prev": self.head.1.to_string(), "raw": ""}});
                self.head = (place.seq, lost);
                return serde_json::from_value(damaged).unwrap();
            }
        };
        let bytes = json!({"terminal": self.terminal, "epoch": 0, "seq": place.seq,
            "prev": self.head.1.to_string(), "at_ms": 5, "type": kind, "v": version, "body": body});
        let bytes = bytes.to_string();
        let hash = EventHash::of(bytes.as_bytes());
        PushItem::Sealed(self.note(SealedEvent { place, hash, bytes }).bytes)
    }
}

fn central() -> (InProcess, Uuid) {
    let central = InProcess::from_template(&SMALL, TestRim::new()).unwrap();
    let code = central.enrol_code(1, None, 600_000).unwrap();
    let key = SigningKey::from_bytes(&[1; 32]);
    let public_key = STANDARD.encode(key.verifying_key().as_bytes());
    let request = EnrolRequest { code, public_key, software: "t".into(), known: Vec::new() };
    let enrolled = central.ask(None, &Request::Enrol(request));
    let Ok(Reply::Enrolled(enrolled)) = enrolled else { panic!("{enrolled:?}") };
    (central, enrolled.terminal_id)
}

/// Pushes `count` events of which those are poison that `is_poison` says, in batches of `batch`. Every batch must be
/// held whole at the first try, with every valid event applied in it: no round trip is lost.
fn push_all(count: u64, batch: u64, mut is_poison: impl FnMut(u64) -> Option<usize>) {
    let (central, terminal) = central();
    let token = token(&central, terminal);
    let mut journal = Journal { terminal, head: (0, EventHash::GENESIS) };
    let (mut round_trips, mut poisoned) = (0, 0);
    while journal.head.0 < count {
        let from_seq = journal.head.0 + 1;
        let mut expected = Vec::new();
        let mut events = Vec::new();
        for seq in from_seq..=count.min(journal.head.0 + batch) {
            let way = is_poison(seq);
            poisoned += u64::from(way.is_some());
            expected.push(way.map_or(Outcome::Applied, |_| Outcome::Quarantined));
            events.push(match way {
                Some(way) => journal.poison(way),
                None => journal.valid(),
            });
        }
        round_trips += 1;
        let body = PushRequest { epoch: 0, from_seq, events };
        let pushed = central.ask(Some(&token), &Request::Push { terminal, body });
        let Ok(Reply::Pushed(pushed)) = pushed else { panic!("{pushed:?}") };
        assert_eq!(pushed.acked_seq, journal.head.0);
        assert_eq!(pushed.acked_hash, journal.head.1.to_string());
        assert_eq!(pushed.results.iter().map(|one| one.outcome).collect::<Vec<_>>(), expected);
    }
    assert_eq!(round_trips, count.div_ceil(batch));
    let counts = |sql: &str| {
        let read = |c: &rusqlite::Connection| Ok(c.query_row(sql, [], |row| row.get::<_, u64>(0))?);
        central.central().database().read(read).unwrap()
    };
    assert_eq!(counts("SELECT count(*) FROM inbox"), count);
    assert_eq!(counts("SELECT count(*) FROM inbox WHERE state = 'applied'"), count - poisoned);
    assert_eq!(counts("SELECT count(*) FROM shift"), count - poisoned);
}

/// One line, one case: percent of poison among ten thousand events.
#[test]
fn ten_thousand_events_with_poison_among_them() {
    for percent in [1, 10, 50] {
        // A fixed sequence of the right density: the low bits of a hash of the number.
        push_all(10_000, 500, |seq| {
            let dice = EventHash::of(&(seq ^ (percent << 32)).to_be_bytes()).0;
            let is_poison = u64::from(dice[0]) * 256 + u64::from(dice[1]) < percent * 65_536 / 100;
            is_poison.then_some(usize::from(dice[2]) % POISONS)
        });
    }
}

/// One poison event, at every sort of place, of every sort.
#[test]
fn one_poison_event_delays_nothing() {
    for way in 0..POISONS {
        for place in [1, 2, 250, 499, 500, 501, 1000] {
            push_all(1000, 500, |seq| (seq == place).then_some(way));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    /// Any places, any sorts, any batch.
    #[test]
    fn random_placements(
        poison in proptest::collection::vec(proptest::option::weighted(0.3, 0..POISONS), 1..200),
        batch in 1u64..60,
    ) {
        push_all(poison.len() as u64, batch, |seq| poison[seq as usize - 1]);
    }
}
