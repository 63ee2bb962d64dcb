//! What is left of the journal: which lives there were, which events, and which of several under one number is the
//! one that was committed.
//!
//! ```text
//! number   5        6        7            an event proves itself: its bytes have its hash
//! found    a        b  b'    c            its place is proven by the chain: c names b, so b' never was,
//! chain         a <-- b <----- c          and what no one names and no commit covers may never have been
//! ```
//! Rows come from pages of all ages. What is certain (the newest committed version of its page) counts as it is; what
//! is not must be named by an event that counts.

use super::copy;
use super::layout::Record;
use super::source::Source;
use crate::head::Head;
use crate::life::Life;
use domain::event::RenewalReason;
use domain::hlc::Hlc;
use domain::id::{StoreId, TerminalId};
use domain::time::DeviceTime;
use salvage::Standing;
use std::collections::{BTreeMap, HashMap};
use sync::ports::{DeviceKey, LifeStanding, TerminalIdentity};
use sync::protocol::event::{Envelope, EventHash};
use uuid::Uuid;

/// A life by terminal and epoch.
pub(super) type LifeKey = (Uuid, u32);

/// What a row of the journal is, besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    link: Link,
    /// It was committed, for certain.
    is_confirmed: bool,
}

/// An event in its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub hash: EventHash,
    pub prev: EventHash,
}

/// How far stock and strays were; kept beside [`Life`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub included_seq: u64,
    pub promised_seq: u64,
    pub acked_at_ms: Option<i64>,
    pub strayed_at_ms: Option<i64>,
}

/// A life that was found.
#[derive(Clone, Debug)]
pub(super) struct FoundLife {
    pub life: Life,
    pub marks: Marks,
    /// Its row is the newest: no event is known to be behind its last.
    pub is_newest: bool,
    /// Its key was found; without it only strays can be handed over, by another life.
    pub has_key: bool,
    /// By number, the event that counts.
    pub events: BTreeMap<u64, Link>,
    /// Events of this life that do not count, and must not be lost: somebody else has their number, or nobody knows
    /// whether they were committed.
    pub strays: HashMap<EventHash, u64>,
    candidates: BTreeMap<u64, Vec<Candidate>>,
}

/// All that was found of the journal.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Oldest first.
    pub lives: Vec<FoundLife>,
}

/// Reads lives and events from damaged databases, the newest first, and settles which events count. `noted` is how far
/// the journal is known to have been.
pub(super) fn find(sources: &[Source<'_>], noted: Option<Head>) -> Findings {
    let mut lives: BTreeMap<LifeKey, FoundLife> = BTreeMap::new();
    for (age, source) in sources.iter().enumerate() {
        // A frame of the log that is damaged may have held a newer row.
        let may_be_newest = age == 0 && !source.has_damaged_log();
        source.visit("life", &mut |record| note_life(&mut lives, record, may_be_newest));
    }
    for source in sources {
        source.visit("setting", &mut |record| note_copy(&mut lives, record));
    }
    if let Some(head) = noted {
        note_head(&mut lives, head);
    }
    let mut is_log_sound = true;
    for source in sources {
        is_log_sound &= !source.has_damaged_log();
        source.visit("journal", &mut |record| note_event(&mut lives, record));
        source.visit("stray", &mut |record| note_stray(&mut lives, record));
    }
    for life in lives.values_mut() {
        life.settle(is_log_sound);
    }
    let mut lives: Vec<FoundLife> = lives.into_values().collect();
    place_lives_without_row(&mut lives);
    // A device may have been several terminals; what is known of their order is the order of their rows.
    lives.sort_by_key(|found| (found.life.number, found.life.identity.epoch));
    Findings { lives }
}

/// A life of which only events are left stands before the next one of its terminal; if there is none it was the
/// last. A terminal of which nothing else is left comes before all others.
fn place_lives_without_row(lives: &mut [FoundLife]) {
    let known: Vec<Life> =
        lives.iter().filter(|found| found.has_key).map(|found| found.life.clone()).collect();
    for found in lives.iter_mut().filter(|found| !found.has_key) {
        let id = found.life.id();
        let mut same = known.iter().filter(|life| life.identity.id == id.terminal);
        let Some(first) = same.clone().next() else {
            found.life.number = i64::MIN;
            continue;
        };
        let next = same.find(|life| life.identity.epoch > id.epoch);
        found.life.number = next.map_or(i64::MAX, |next| next.number);
        let device_key = found.life.identity.device_key.clone();
        found.life.identity =
            TerminalIdentity { epoch: id.epoch, device_key, ..first.identity.clone() };
    }
}

fn note_life(lives: &mut BTreeMap<LifeKey, FoundLife>, record: Record<'_>, may_be_newest: bool) {
    let is_newest =
        may_be_newest && record.row.is_certain && record.row.standing == Standing::Current;
    let Some((life, marks)) = life_of(record) else { return };
    let key = (life.identity.id.uuid(), life.identity.epoch);
    let found = FoundLife { marks, is_newest, ..FoundLife::new(life) };
    match lives.get_mut(&key) {
        None => {
            lives.insert(key, found);
        }
        // Older versions of the row: further is later, and no row is newer than the newest.
        Some(known) if !known.is_newest => {
            let is_further = (found.is_newest, found.life.last_seq, found.life.acked_seq)
                > (known.is_newest, known.life.last_seq, known.life.acked_seq);
            if is_further {
                *known = found;
            }
        }
        Some(_) => {}
    }
}

/// What was committed behind the last row that is left is missing, under numbers that are known.
fn note_head(lives: &mut BTreeMap<LifeKey, FoundLife>, head: Head) {
    let key = (head.terminal, head.epoch);
    let found = lives.entry(key).or_insert_with(|| FoundLife::without_row(key, 0));
    if found.life.last_seq < head.seq {
        (found.life.last_seq, found.life.last_hash) = (head.seq, EventHash::GENESIS);
        found.is_newest = false;
    }
}

/// A copy counts where no row of the life is left.
fn note_copy(lives: &mut BTreeMap<LifeKey, FoundLife>, record: Record<'_>) {
    let is_copy = record.text("key").is_some_and(|key| key.starts_with(copy::PREFIX));
    let Some(json) = record.text("value").filter(|_| is_copy) else { return };
    let Some(life) = copy::life_in_copy(json) else { return };
    lives.entry((life.identity.id.uuid(), life.identity.epoch)).or_insert(FoundLife::new(life));
}

fn life_of(record: Record<'_>) -> Option<(Life, Marks)> {
    let former_epoch = record.count("former_epoch").and_then(|epoch| u32::try_from(epoch).ok());
    let reason = record.text("reason");
    let reason = RenewalReason::ALL.into_iter().find(|known| Some(known.name()) == reason);
    let renewal = former_epoch.zip(reason);
    let standing = match (record.text("standing"), renewal) {
        (Some("unregistered"), Some((former_epoch, reason))) => {
            LifeStanding::Unregistered { former_epoch, reason }
        }
        (Some("closed"), _) => LifeStanding::Closed,
        _ => LifeStanding::Registered,
    };
    let identity = TerminalIdentity {
        id: TerminalId::from_uuid(record.uuid("terminal")?),
        epoch: u32::try_from(record.integer("epoch")?).ok()?,
        name: record.text("name")?.to_owned(),
        store: StoreId::from_uuid(record.uuid("store")?),
        store_name: record.text("store_name")?.to_owned(),
        central: record.text("central")?.to_owned(),
        device_key: DeviceKey(record.bytes("device_key")?),
    };
    let hash = |name: &str| record.bytes(name).map_or(EventHash::GENESIS, EventHash);
    let life = Life {
        number: record.integer("number")?,
        identity,
        standing,
        renewal,
        base_position: record.integer("base_position")?,
        last_seq: record.count("last_seq")?,
        last_hash: hash("last_hash"),
        last_at: DeviceTime(record.integer("last_at_ms")?),
        last_hlc: Hlc::from_packed(record.integer("last_hlc").unwrap_or(0).cast_unsigned()),
        clock_offset_ms: record.integer("clock_offset_ms"),
        receipt_counter: record.count("receipt_counter")?,
        acked_seq: record.count("acked_seq")?,
        acked_hash: hash("acked_hash"),
        numbered_seq: record.count("numbered_seq"),
        strayed_seq: record.count("strayed_seq").unwrap_or(0),
    };
    let marks = Marks {
        included_seq: record.count("included_seq").unwrap_or(0),
        promised_seq: record.count("promised_seq").unwrap_or(0),
        acked_at_ms: record.integer("acked_at_ms"),
        strayed_at_ms: record.integer("strayed_at_ms"),
    };
    Some((life, marks))
}

/// An event whose bytes have the stored hash: its place, its hash, the one that it names.
pub(super) fn sound_event(record: Record<'_>) -> Option<(LifeKey, u64, EventHash, Envelope)> {
    let bytes = record.text("bytes")?;
    let hash = EventHash::of(bytes.as_bytes());
    if record.bytes("hash") != Some(hash.0) {
        return None;
    }
    let envelope = Envelope::parse(bytes).ok()?;
    envelope.prev_hash().ok()?;
    Some(((envelope.terminal, envelope.epoch), envelope.seq, hash, envelope))
}

fn note_event(lives: &mut BTreeMap<LifeKey, FoundLife>, record: Record<'_>) {
    let Some((key, seq, hash, envelope)) = sound_event(record) else { return };
    let Ok(prev) = envelope.prev_hash() else { return };
    if seq == 0 || seq >= SEQ_END {
        return;
    }
    // Bytes that have their hash need no proof that their parts belong together, only that they were committed.
    let is_confirmed = record.row.standing != Standing::Unconfirmed;
    let life = lives.entry(key).or_insert_with(|| FoundLife::without_row(key, envelope.at_ms));
    let candidates = life.candidates.entry(seq).or_default();
    match candidates.iter_mut().find(|known| known.link.hash == hash) {
        Some(known) => known.is_confirmed |= is_confirmed,
        None => candidates.push(Candidate { link: Link { hash, prev }, is_confirmed }),
    }
}

/// No journal is longer; a number behind it is no number.
const SEQ_END: u64 = 1 << 40;

fn note_stray(lives: &mut BTreeMap<LifeKey, FoundLife>, record: Record<'_>) {
    let is_known =
        record.row.standing == Standing::Current && record.integer("is_booked") == Some(0);
    let Some((key, seq, hash, envelope)) = sound_event(record).filter(|_| is_known) else { return };
    let life = lives.entry(key).or_insert_with(|| FoundLife::without_row(key, envelope.at_ms));
    life.strays.insert(hash, seq);
}

impl FoundLife {
    fn new(life: Life) -> Self {
        Self {
            life,
            marks: Marks::default(),
            is_newest: false,
            has_key: true,
            events: BTreeMap::new(),
            strays: HashMap::new(),
            candidates: BTreeMap::new(),
        }
    }

    /// A life of which only events are left.
    pub fn without_row((terminal, epoch): LifeKey, at_ms: i64) -> Self {
        let identity = TerminalIdentity {
            id: TerminalId::from_uuid(terminal),
            epoch,
            name: String::new(),
            store: StoreId::from_uuid(Uuid::nil()),
            store_name: String::new(),
            central: String::new(),
            device_key: DeviceKey([0; 32]),
        };
        let mut life = Life::new(identity, None, DeviceTime(at_ms));
        life.standing = LifeStanding::Closed;
        Self { has_key: false, ..Self::new(life) }
    }

    /// Decides, from the last number down, which event each number has.
    fn settle(&mut self, is_log_sound: bool) {
        let candidates = std::mem::take(&mut self.candidates);
        let mut above: Option<(u64, EventHash)> = None;
        for (seq, found) in candidates.into_iter().rev() {
            let by_next = above.and_then(|(above, prev)| (above == seq + 1).then_some(prev));
            let named = self.named(seq).or(by_next);
            let chosen = match named {
                Some(named) => found.iter().find(|event| event.link.hash == named),
                None => found.iter().find(|event| event.is_confirmed),
            };
            if let Some(event) = chosen {
                self.events.insert(seq, event.link);
                above = Some((seq, event.link.prev));
            }
            for other in &found {
                // Behind the last committed event, or under a number that another has, in a log that is whole:
                // it was taken back before it was committed.
                let is_over = chosen.is_some() || (self.is_newest && seq > self.life.last_seq);
                let never_was = !other.is_confirmed && is_log_sound && is_over;
                if !never_was {
                    self.strays.insert(other.link.hash, seq);
                }
            }
        }
        self.cut_where_central_disagrees();
        self.end();
        self.strays.retain(|hash, seq| self.events.get(seq).is_none_or(|it| it.hash != *hash));
    }

    /// What hash a number has for certain: central has confirmed it, or the head of the journal says it.
    fn named(&self, seq: u64) -> Option<EventHash> {
        let life = &self.life;
        let is_acked = seq == life.acked_seq && life.acked_hash != EventHash::GENESIS;
        let is_last = self.is_newest && seq == life.last_seq;
        is_acked.then_some(life.acked_hash).or(is_last.then_some(life.last_hash))
    }

    /// What does not continue what central holds cannot go by its number.
    fn cut_where_central_disagrees(&mut self) {
        let acked = (self.life.acked_seq, self.life.acked_hash);
        let next = self.events.get(&(acked.0 + 1));
        if acked.1 == EventHash::GENESIS || next.is_none_or(|next| next.prev == acked.1) {
            return;
        }
        for (seq, link) in self.events.split_off(&(acked.0 + 1)) {
            self.strays.insert(link.hash, seq);
        }
        (self.life.last_seq, self.life.last_hash) = acked;
    }

    /// The end of the journal: the last number that anything speaks of.
    fn end(&mut self) {
        let life = &mut self.life;
        let last_found = self.events.last_key_value().map(|(seq, link)| (*seq, link.hash));
        if let Some((seq, hash)) = last_found
            && seq >= life.last_seq
        {
            (life.last_seq, life.last_hash) = (seq, hash);
        }
        if life.acked_seq > life.last_seq {
            (life.last_seq, life.last_hash) = (life.acked_seq, life.acked_hash);
        }
    }

    /// The last number behind what central holds that can go as such; `None`: all can. One missing event is bridged
    /// by a placeholder, since the event after it tells its hash; behind a run of missing ones nobody knows it.
    pub fn numbered_until(&self) -> Option<u64> {
        if !self.has_key {
            return Some(0);
        }
        let is_bridged = |first: u64, last: u64| {
            let is_told = last < self.life.last_seq || self.life.last_hash != EventHash::GENESIS;
            first == last && is_told
        };
        let acked = self.life.acked_seq;
        let broken = self.missing().into_iter().find_map(|(first, last)| {
            let first = first.max(acked + 1);
            (first <= last && !is_bridged(first, last)).then_some(first - 1)
        });
        match (self.life.numbered_seq, broken) {
            (Some(known), Some(broken)) => Some(known.min(broken)),
            (known, broken) => known.or(broken),
        }
    }

    /// Numbers that no event was found for, as runs, rising.
    pub fn missing(&self) -> Vec<(u64, u64)> {
        let mut missing = Vec::new();
        let mut next = 1;
        let last = self.life.last_seq;
        for seq in self.events.keys().copied().chain([last + 1]) {
            if seq > next {
                missing.push((next, seq - 1));
            }
            next = seq + 1;
        }
        missing
    }

    /// Events found that central has not acknowledged.
    pub fn unsent(&self) -> u64 {
        self.events.range(self.life.acked_seq + 1..).count() as u64
    }
}
