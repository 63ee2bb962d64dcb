//! What really happened: every event that was ever found in a journal, and the orders that follow from them.
//!
//! It is filled from the journals of the devices, right after each change and after each power cut, and never from
//! what central says. What a device's journal must hold is kept beside it, and goes where the disk goes: into
//! copies, backups, and back.

use domain::event::Event;
use domain::id::{ArticleId, CustomerId, OrderId, ShiftId};
use std::collections::{BTreeMap, BTreeSet};
use sync::ports::LifeId;
use sync::protocol::event::{Envelope, EventHash, Place};

/// One event.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Device in whose journal it was first seen.
    pub device: usize,
    /// Its place.
    pub place: Place,
    /// The order it is about, if any.
    pub order: Option<OrderId>,
    /// The only copies of it were on a disk that was thrown away before central got it.
    pub is_gone: bool,
    /// Central has held it at some time; it may have lost it since, when it was put back.
    pub was_held: bool,
    /// Its bytes were damaged on the disk before central got it.
    pub is_damaged: bool,
}

/// One order.
#[derive(Clone, Debug)]
pub struct Sale {
    /// Device on which it was made.
    pub device: usize,
    /// Who bought.
    pub customer: Option<CustomerId>,
    /// In which shift.
    pub shift: ShiftId,
    /// What it comes to.
    pub total_minor: i64,
    /// What was kept of the tenders; `None` if it was not paid.
    pub kept_minor: Option<i64>,
    /// Articles and amounts.
    pub lines: Vec<(ArticleId, i64)>,
    /// `order.placed`.
    pub placed: EventHash,
    /// `order.paid`.
    pub paid: Option<EventHash>,
}

impl Sale {
    /// Central must refuse it: no such amount can be sold.
    pub fn is_poison(&self) -> bool {
        self.lines.iter().any(|(_, amount)| *amount <= 0)
    }
}

/// The end of a life's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the last event.
    pub seq: u64,
    /// Its hash.
    pub hash: EventHash,
    /// Receipt numbers given.
    pub receipts: u64,
}

/// What a device's journal must hold.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// The end of each life.
    pub heads: BTreeMap<LifeId, Head>,
    /// All hashes, in the order in which they were seen.
    pub hashes: Vec<EventHash>,
    /// Numbers of all receipts given: one place in one store never gives one twice, whoever is central.
    pub receipts: BTreeSet<String>,
    /// Numbers whose events damage has taken.
    pub missing: u64,
    /// Events that are on the disk beside the journal, after a recovery.
    pub beside: Vec<EventHash>,
}

impl Journal {
    /// Whether an event is on the disk.
    pub fn has(&self, hash: &EventHash) -> bool {
        self.hashes.contains(hash) || self.beside.contains(hash)
    }

    /// All events on the disk.
    pub fn all(&self) -> Vec<EventHash> {
        self.hashes.iter().chain(&self.beside).copied().collect()
    }
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// All events, by hash.
    pub facts: BTreeMap<EventHash, Fact>,
    /// All orders.
    pub sales: BTreeMap<OrderId, Sale>,
}

/// An event as a journal shows it.
pub struct Written<'a> {
    /// Where.
    pub place: Place,
    /// Its hash.
    pub hash: EventHash,
    /// Its bytes; `None` if the disk has damaged them.
    pub bytes: Option<&'a str>,
}

impl Ledger {
    /// Books an event at the end of a device's journal. Says in words what is wrong with it.
    pub fn book(
        &mut self,
        device: usize,
        journal: &mut Journal,
        written: &Written<'_>,
    ) -> Result<(), String> {
        let Written { place, hash, bytes } = written;
        let genesis = Head { seq: 0, hash: EventHash::GENESIS, receipts: 0 };
        let head = journal.heads.entry(place.life()).or_insert(genesis);
        if place.seq != head.seq + 1 {
            return Err(format!("event {} follows event {}", place.seq, head.seq));
        }
        let before = std::mem::replace(&mut head.hash, *hash);
        head.seq = place.seq;
        journal.hashes.push(*hash);
        let Some(bytes) = bytes else { return Ok(()) };
        let envelope = Envelope::parse(bytes).map_err(|error| format!("unreadable: {error}"))?;
        if !envelope.prev_hash().is_ok_and(|prev| prev == before) {
            return Err(format!("event {} does not name the event before", place.seq));
        }
        if EventHash::of(bytes.as_bytes()) != *hash {
            return Err(format!("event {} has not the hash of its bytes", place.seq));
        }
        let event = envelope.event().map_err(|error| format!("unreadable: {error}"))?;
        if let Event::OrderPlaced(order) = &event {
            head.receipts += 1;
            let given = &order.number;
            if !given.ends_with(&format!("-{:06}", head.receipts)) {
                return Err(format!("receipt {given} is the {}. of its life", head.receipts));
            }
            if !journal.receipts.insert(given.clone()) {
                return Err(format!("receipt {given} was given by this device before"));
            }
        }
        self.note(device, *place, *hash, event);
        Ok(())
    }

    fn note(&mut self, device: usize, place: Place, hash: EventHash, event: Event) {
        let order = match &event {
            Event::OrderPlaced(order) => Some(order.id),
            Event::OrderPaid { order, .. } => Some(*order),
            _ => None,
        };
        let (is_gone, was_held, is_damaged) = (false, false, false);
        let fact = Fact { device, place, order, is_gone, was_held, is_damaged };
        self.facts.entry(hash).or_insert(fact).is_gone = false;
        match event {
            Event::OrderPlaced(order) => {
                let lines = order.lines.iter().map(|line| (line.article, line.quantity.amount));
                self.sales.entry(order.id).or_insert(Sale {
                    device,
                    customer: order.customer,
                    shift: order.shift,
                    total_minor: order.total.minor(),
                    kept_minor: None,
                    lines: lines.collect(),
                    placed: hash,
                    paid: None,
                });
            }
            Event::OrderPaid { order, tenders, .. } => {
                if let Some(sale) = self.sales.get_mut(&order) {
                    let kept = tenders.iter().filter_map(|tender| tender.kept().ok());
                    sale.kept_minor = Some(kept.map(|money| money.minor()).sum());
                    sale.paid = Some(hash);
                }
            }
            _ => {}
        }
    }

    /// Whether central must have an event when all is at rest.
    pub fn is_owed(&self, hash: &EventHash) -> bool {
        self.facts.get(hash).is_some_and(|fact| !fact.is_gone && !fact.is_damaged)
    }

    /// Whether central must have an order booked when all is at rest.
    pub fn is_sale_owed(&self, sale: &Sale) -> bool {
        !sale.is_poison() && self.is_owed(&sale.placed)
    }
}
