//! One life in the storage in memory: its journal, and how much of it central holds.

use crate::ports::{LifeStanding, OutboxItem, TerminalIdentity};
use crate::protocol::event::{Envelope, EventHash, SealedEvent};
use crate::protocol::push::PushResult;
use std::collections::BTreeMap;

/// One life and its journal.
#[derive(Clone, Debug)]
pub(super) struct LifeState {
    pub identity: TerminalIdentity,
    pub standing: LifeStanding,
    /// In order; recovered journals have holes.
    pub journal: Vec<SealedEvent>,
    /// What the disk has made of some of them.
    pub damaged: BTreeMap<u64, Vec<u8>>,
    pub last_seq: u64,
    pub last_hash: EventHash,
    pub acked_seq: u64,
    /// Events after this number go as strays.
    pub numbered_until: u64,
    pub strays_held: u64,
    pub held_back: Vec<PushResult>,
}

impl LifeState {
    pub fn new(identity: TerminalIdentity, standing: LifeStanding) -> Self {
        Self {
            identity,
            standing,
            journal: Vec::new(),
            damaged: BTreeMap::new(),
            last_seq: 0,
            last_hash: EventHash::GENESIS,
            acked_seq: 0,
            numbered_until: u64::MAX,
            strays_held: 0,
            held_back: Vec::new(),
        }
    }

    pub fn event(&self, seq: u64) -> Option<&SealedEvent> {
        self.journal.iter().find(|event| event.place.seq == seq)
    }

    /// Whether number and hash are in the journal; number 0 stands for nothing.
    pub fn fits(&self, seq: u64, hash: EventHash) -> bool {
        match seq {
            0 => hash == EventHash::GENESIS,
            _ => self.event(seq).is_some_and(|event| event.hash == hash),
        }
    }

    pub fn waiting(&self) -> impl Iterator<Item = &SealedEvent> {
        let numbers = self.acked_seq + 1..=self.numbered_until.min(self.last_seq);
        self.journal.iter().filter(move |event| numbers.contains(&event.place.seq))
    }

    pub fn strays(&self) -> impl Iterator<Item = &SealedEvent> {
        let held = self.numbered_until.max(self.strays_held).max(self.acked_seq);
        self.journal.iter().filter(move |event| event.place.seq > held)
    }

    pub fn item(&self, event: &SealedEvent) -> OutboxItem {
        match self.damaged.get(&event.place.seq) {
            None => OutboxItem::Sealed(event.clone()),
            Some(raw) => {
                let envelope = Envelope::parse(&event.bytes).expect("written by this store");
                let prev = envelope.prev_hash().expect("written by this store");
                OutboxItem::Damaged { place: event.place, hash: event.hash, prev, raw: raw.clone() }
            }
        }
    }

    pub fn close(&mut self) {
        self.standing = LifeStanding::Closed;
        if self.acked_seq < self.numbered_until {
            self.numbered_until = self.acked_seq;
            self.strays_held = 0;
        }
    }

    /// Numbers below the last one that the journal does not have.
    pub fn missing(&self) -> Vec<(u64, u64)> {
        let mut runs = Vec::new();
        let mut next = 1;
        for event in &self.journal {
            if event.place.seq > next {
                runs.push((next, event.place.seq - 1));
            }
            next = event.place.seq + 1;
        }
        runs
    }
}

/// As many as fit, but at least one, or else a large one would stop the queue.
pub(super) fn bounded(
    items: impl Iterator<Item = OutboxItem>,
    count_max: usize,
    bytes_max: usize,
) -> Vec<OutboxItem> {
    let mut bytes = 0;
    let mut taken: Vec<OutboxItem> = Vec::new();
    for item in items {
        bytes += item.size();
        if taken.len() >= count_max || (!taken.is_empty() && bytes > bytes_max) {
            break;
        }
        taken.push(item);
    }
    taken
}
