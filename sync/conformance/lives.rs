//! Lives: what a storage promises when one ends and the next begins.

use super::feeds::{chunk, load, stand};
use super::*;
use crate::ports::{DeviceKey, Life, LifeStanding, TerminalIdentity};
use crate::protocol::feed::Feed;
use domain::event::{Event, RenewalReason};

const KEY: DeviceKey = DeviceKey([0x5e; 32]);

fn lives(subject: &dyn Subject) -> Vec<Life> {
    let lives = subject.store().lives().unwrap();
    let current = lives.last().map(|life| life.identity.clone());
    assert_eq!(subject.store().identity().unwrap(), current, "the last one is current");
    lives
}

fn known(subject: &dyn Subject, life: LifeId) -> Life {
    lives(subject).into_iter().find(|known| known.id() == life).expect("no life is forgotten")
}

fn strays(subject: &dyn Subject, life: LifeId) -> Vec<SealedEvent> {
    sealed(subject.store().strays(life, usize::MAX, usize::MAX).unwrap())
}

fn renew(subject: &mut dyn Subject, reason: RenewalReason) {
    assert!(subject.store().renew(life(), reason, &KEY, AT).unwrap());
}

fn acknowledge(subject: &dyn Subject, event: &SealedEvent) {
    let (life, seq) = (event.place.life(), event.place.seq);
    assert!(subject.store().acknowledge(life, seq, event.hash, &[], AT).unwrap());
}

pub(super) fn renewal_closes(subject: &mut dyn Subject) {
    let events = with_events(subject, 4);
    let last = events.last().unwrap();
    acknowledge(subject, &events[1]);
    let before = known(subject, life());
    assert_eq!(before.standing, LifeStanding::Registered);
    assert_eq!((before.acked_seq, before.last_seq), (2, last.place.seq));
    assert_eq!((before.waiting, before.strays), (last.place.seq - 2, 0));
    renew(subject, RenewalReason::Forked);
    subject.reopen();
    let now = lives(subject);
    assert_eq!(now.len(), 2);
    assert_eq!((now[0].id(), now[0].standing), (life(), LifeStanding::Closed));
    assert_eq!((now[0].waiting, now[0].strays), (0, last.place.seq - 2));
    assert!(waiting(subject).is_empty());
    assert_eq!(strays(subject, life()), events[2..], "the same bytes as before");
    let identity = &now[1].identity;
    let expected = TerminalIdentity { epoch: 2, device_key: KEY, ..sample::identity(1) };
    assert_eq!(*identity, expected);
    let reason = RenewalReason::Forked;
    assert_eq!(now[1].standing, LifeStanding::Unregistered { former_epoch: 1, reason });
    assert_eq!((now[1].acked_seq, now[1].last_seq, now[1].waiting, now[1].strays), (0, 1, 1, 0));
    let first = waiting_of(subject, next_life());
    let envelope = Envelope::parse(&first[0].bytes).unwrap();
    assert_eq!(
        (envelope.place(), envelope.prev_hash().unwrap()),
        (next_life().place(1), EventHash::GENESIS)
    );
    let Event::TerminalRenewed { former_epoch, reason, last_seq, last_hash, missing } =
        envelope.event().unwrap()
    else {
        panic!("the first event of a renewed life is {}", envelope.kind);
    };
    assert_eq!((former_epoch, reason), (1, RenewalReason::Forked));
    assert_eq!((last_seq, EventHash(last_hash)), (last.place.seq, last.hash));
    assert!(missing.is_empty());
    // Sales go on in the new life; the same renewal again finds another one current.
    subject.append();
    assert_eq!(waiting_of(subject, next_life())[1].place.seq, 2);
    assert!(!subject.store().renew(life(), RenewalReason::Forked, &KEY, AT).unwrap());
    assert_eq!(lives(subject).len(), 2);
}

pub(super) fn recovery_goes_on(subject: &mut dyn Subject) {
    let events = with_events(subject, 3);
    renew(subject, RenewalReason::Recovered);
    assert_eq!(known(subject, life()).standing, LifeStanding::Registered);
    assert_eq!(waiting(subject), events, "a journal without a hole is pushed by number");
    assert!(strays(subject, life()).is_empty());
    acknowledge(subject, events.last().unwrap());
    assert!(waiting(subject).is_empty());
}

pub(super) fn registering_concerns_one_life(subject: &mut dyn Subject) {
    enrol(subject);
    subject.store().book_registered(life()).unwrap();
    renew(subject, RenewalReason::Restored);
    let stranger = LifeId { epoch: 9, ..life() };
    subject.store().book_registered(stranger).unwrap();
    subject.store().book_registered(life()).unwrap();
    let standing =
        |subject: &dyn Subject| lives(subject).iter().map(|l| l.standing).collect::<Vec<_>>();
    let reason = RenewalReason::Restored;
    let unregistered = LifeStanding::Unregistered { former_epoch: 1, reason };
    assert_eq!(standing(subject), [LifeStanding::Closed, unregistered], "closed stays closed");
    subject.store().book_registered(next_life()).unwrap();
    subject.store().book_registered(next_life()).unwrap();
    subject.reopen();
    assert_eq!(standing(subject), [LifeStanding::Closed, LifeStanding::Registered]);
}

pub(super) fn closed_life_has_strays(subject: &mut dyn Subject) {
    let events = with_events(subject, 3);
    acknowledge(subject, &events[0]);
    subject.store().close_life(life()).unwrap();
    subject.append();
    subject.store().close_life(life()).unwrap();
    assert!(waiting(subject).is_empty());
    let all = strays(subject, life());
    assert_eq!(all[..events.len() - 1], events[1..]);
    assert!(all.len() > events.len() - 1, "what is written now is a stray too");
    let told = known(subject, life());
    assert_eq!((told.standing, told.strays), (LifeStanding::Closed, all.len() as u64));
    assert_eq!(strays(subject, LifeId { epoch: 9, ..life() }), [], "nobody's strays");
}

pub(super) fn strays_are_booked(subject: &mut dyn Subject) {
    let events = with_events(subject, 6);
    acknowledge(subject, &events[1]);
    subject.store().close_life(life()).unwrap();
    let two = sealed(subject.store().strays(life(), 2, usize::MAX).unwrap());
    assert_eq!(two, events[2..4]);
    assert_eq!(sealed(subject.store().strays(life(), 500, 1).unwrap()), events[2..3]);
    subject.store().book_strays(life(), two[1].place.seq).unwrap();
    // Late news does not take anything back.
    subject.store().book_strays(life(), two[0].place.seq).unwrap();
    subject.reopen();
    assert_eq!(strays(subject, life()), events[4..]);
    subject.store().book_strays(life(), u64::MAX).unwrap();
    assert!(strays(subject, life()).is_empty());
    subject.append();
    assert!(!strays(subject, life()).is_empty(), "an absurd number covers nothing to come");
    subject.store().rewind_strays().unwrap();
    assert_eq!(strays(subject, life())[..events.len() - 2], events[2..]);
    // A restored central lacks acknowledged ones too: they go by number, up to where it was closed.
    assert_eq!(subject.store().rewind(life(), 1, events[0].hash).unwrap(), Rewound::Again);
    assert_eq!(waiting(subject), events[1..2]);
    assert_eq!(strays(subject, life())[..1], events[2..3]);
    subject.store().book_strays(life(), u64::MAX).unwrap();
    assert!(strays(subject, life()).is_empty());
    // It does not take them either: they become strays, and none is forgotten.
    subject.store().close_life(life()).unwrap();
    assert!(waiting(subject).is_empty());
    assert_eq!(strays(subject, life())[..2], events[1..3]);
    let told = known(subject, life());
    assert_eq!((told.acked_seq, told.strays), (1, told.last_seq - 1));
}

pub(super) fn books_are_apart(subject: &mut dyn Subject) {
    let events = with_events(subject, 3);
    renew(subject, RenewalReason::Recovered);
    subject.append();
    let fresh = waiting_of(subject, next_life());
    let store = subject.store();
    let crossed = store.acknowledge(life(), 1, fresh[0].hash, &[], AT).unwrap();
    assert!(!crossed, "the hash is of the other life");
    acknowledge(subject, &fresh[1]);
    assert_eq!(waiting(subject), events);
    acknowledge(subject, &events[2]);
    assert_eq!(subject.store().rewind(life(), 1, events[0].hash).unwrap(), Rewound::Again);
    assert_eq!(waiting(subject), events[1..]);
    assert_eq!(waiting_of(subject, next_life()), fresh[2..]);
    let quarantined = results(&events[..1], Outcome::Quarantined);
    subject.store().set_held_back(life(), &quarantined).unwrap();
    subject.store().set_held_back(next_life(), &[]).unwrap();
    subject.store().set_held_back(LifeId { epoch: 9, ..life() }, &quarantined).unwrap();
}

pub(super) fn enrolment_again(subject: &mut dyn Subject) {
    let events = with_events(subject, 3);
    load(subject, Feed::Stock, "1.0", &[chunk(Feed::Stock, 0..2)]);
    // The answer to the first try was lost: nothing happens.
    enrol(subject);
    assert_eq!(waiting(subject), events);
    let thief = TerminalIdentity { device_key: KEY, ..sample::identity(1) };
    assert!(subject.store().enrol(&thief, "crossroads/test", AT).is_err(), "another key");
    let other = TerminalIdentity { epoch: 4, ..sample::identity(2) };
    subject.store().enrol(&other, "crossroads/test", AT).unwrap();
    subject.reopen();
    assert_eq!(subject.store().identity().unwrap(), Some(other.clone()));
    let former = known(subject, life());
    assert_eq!(former.standing, LifeStanding::Registered);
    assert_eq!(former.waiting, waiting(subject).len() as u64);
    assert_eq!(waiting(subject)[..events.len()], events, "they go on to wait");
    let fresh = waiting_of(subject, other.life());
    assert_eq!(Envelope::parse(&fresh[0].bytes).unwrap().kind, "terminal.enrolled");
    assert_eq!((fresh[0].place.seq, stand(subject, Feed::Stock).0), (1, None));
}

pub(super) fn clock_is_stamped(subject: &mut dyn Subject) {
    let events = with_events(subject, 2);
    let read = |event: &SealedEvent| Envelope::parse(&event.bytes).unwrap();
    assert_eq!(read(&events[0]).offset_ms, None, "nothing was noted yet");
    subject.store().note_clock(-90_000).unwrap();
    subject.store().note_clock(-90_500).unwrap();
    subject.reopen();
    assert_eq!(known(subject, life()).clock_offset_ms, Some(-90_500));
    subject.append();
    renew(subject, RenewalReason::Forked);
    let mut all = strays(subject, life());
    all.extend(waiting_of(subject, next_life()));
    let envelopes: Vec<_> = all.iter().map(read).collect();
    let (before, after) = envelopes.split_at(events.len());
    assert!(before.iter().all(|envelope| envelope.offset_ms.is_none()));
    assert!(after.iter().all(|envelope| envelope.offset_ms == Some(-90_500)));
    assert_eq!(known(subject, next_life()).clock_offset_ms, Some(-90_500), "it is the device's");
    let stamps: Vec<_> =
        envelopes.iter().map(|envelope| envelope.hlc().expect("stamped")).collect();
    assert!(stamps.is_sorted_by(|a, b| a < b), "{stamps:?}");
    let first = &envelopes[0];
    assert!(first.hlc().unwrap().physical_ms() >= first.at_ms);
}

pub(super) fn damage_is_told(subject: &mut dyn Subject) {
    let events = with_events(subject, 4);
    if !subject.damage(2) {
        return;
    }
    let read =
        |subject: &dyn Subject| subject.store().outbox(life(), usize::MAX, usize::MAX).unwrap();
    let items = read(subject);
    assert_eq!(items.len(), events.len(), "nothing is held up");
    let OutboxItem::Damaged { place, hash, prev, .. } = &items[1] else {
        panic!("the damage is not seen: {:?}", items[1]);
    };
    assert_eq!((*place, *hash, *prev), (events[1].place, events[1].hash, events[0].hash));
    assert!(items.iter().enumerate().all(|(n, item)| n == 1 || item.sealed() == Some(&events[n])));
    acknowledge(subject, &events[2]);
    assert_eq!(sealed(read(subject)), events[3..]);
    subject.store().rewind(life(), 1, events[0].hash).unwrap();
    subject.store().close_life(life()).unwrap();
    let strays = subject.store().strays(life(), usize::MAX, usize::MAX).unwrap();
    assert_eq!(strays, items[1..], "and as a stray it is told too");
}
