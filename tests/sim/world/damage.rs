//! Damage: pages of a device's database change, the store finds it and recovers what is left, and the device goes on
//! in its next life.
//!
//! ```text
//! fault disk -> workbench: opened once, pages spoilt, opened again -> not noticed ---------> fault disk
//!                                                                  -> moved aside, recovered -> fault disk
//!                                                                     no identity left: enrolled again, handed over
//! ```
//! What may be lost is what was on the spoilt pages: the ledger forgets events that neither this disk nor another
//! nor central has, and only if the recovery says that something is missing. Nothing may appear that never was.

use super::World;
use super::office::done;
use crate::bench::{Bench, Kept};
use crate::breakage::Breakage;
use crate::device::Damaged;
use crate::disk::FixedKey;
use crate::ledger::{Head, Journal};
use crate::violation::{Check, Invariant};
use domain::id::OrderId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use store::{OpenError, Recovery};
use sync::engine::Input;
use sync::ports::{DeviceKey, OutboxItem, StorageError, SyncStore};
use sync::protocol::event::EventHash;

impl World {
    /// The disk damages pages while the program is closed for it. Nothing happens to a device that is off, or whose
    /// journal nobody could look at: what it holds is not known well enough to say what was lost.
    pub(super) fn damage(&mut self, number: usize, draw: u64) -> Check {
        let device = &self.devices[number];
        let is_known = device.is_enrolled && !device.is_unobserved && !device.disk.is_doubtful();
        if device.running.is_none() || !is_known {
            return Ok(());
        }
        self.close(number);
        let image = self.devices[number].disk.image();
        let bench = done(Bench::new(&self.scratch, number, &image))?;
        // As at every start: the store lays the salt of the file beside it, and the log is copied back.
        match bench.open(1) {
            Ok(store) => store.close(),
            Err(error) => return self.not_recovered(number, &bench, &error),
        }
        let mut rng = StdRng::seed_from_u64(draw);
        self.tally.note(done(bench.damage(&mut rng))?);
        match bench.open(2) {
            Ok(store) => {
                store.close();
                self.tally.note("damage: not noticed, nothing was on it");
                let image = done(bench.image())?;
                self.devices[number].disk.load(&image);
            }
            Err(OpenError::Damaged { quarantined_to: Some(_), .. }) => {
                self.recover(number, &bench, &mut rng)?;
            }
            Err(error) => return self.not_recovered(number, &bench, &error),
        }
        self.switch_on(number, false)
    }

    fn not_recovered(&self, number: usize, bench: &Bench, error: &OpenError) -> Check {
        let cause = bench.in_words(error);
        Invariant::AlwaysSell.broken(format!("device {number}, its disk damaged: {cause}"))
    }

    /// What the program does at the start where the database is damaged.
    fn recover(&mut self, number: usize, bench: &Bench, rng: &mut StdRng) -> Check {
        let key = DeviceKey(rng.random());
        let at = self.devices[number].clock.at(self.now_ms);
        let recovery = match store::recover(&bench.options(), &FixedKey, &key, at) {
            Ok(Some(recovery)) => recovery,
            Ok(None) => return Invariant::AlwaysSell.broken("a damaged database is not noticed"),
            Err(error) => return self.not_recovered(number, bench, &error),
        };
        match bench.open(3) {
            Ok(store) => store.close(),
            Err(error) => return self.not_recovered(number, bench, &error),
        }
        let mut kept = done(bench.kept())?;
        self.break_recovery(&mut kept);
        let image = done(bench.image())?;
        self.devices[number].disk.load(&image);
        self.devices[number].was_damaged = true;
        self.tally.note("damage: recovered");
        self.note(|| {
            let Recovery { orders, events, missing, is_enrolled, .. } = &recovery;
            format!(
                "{number} is recovered: {orders} orders, {events} events, {missing} missing, \
                 enrolled: {is_enrolled}"
            )
        });
        if recovery.is_enrolled {
            return self.adopt(number, kept, &recovery);
        }
        self.tally.note("damage: no identity left");
        let name = recovery.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let device = &mut self.devices[number];
        device.damaged = Some(Damaged { image, name });
        device.is_enrolled = false;
        // Its events are in the file that was moved aside, as far as they are anywhere.
        device.journal = Journal { beside: device.journal.all(), ..Journal::default() };
        self.forget_promises(number);
        self.require_nothing_new(number, kept.journal.iter().chain(&kept.strays))
    }

    /// What a defect of the recovery would have left.
    fn break_recovery(&self, kept: &mut Kept) {
        if self.is_broken_by(Breakage::RecoveryInvents) {
            kept.strays.push(EventHash::of(b"nobody wrote this"));
        }
        if self.is_broken_by(Breakage::RecoveryForgets) {
            let (held, facts) = (&self.central.seen.held, &self.ledger.facts);
            kept.journal.retain(|hash| held.contains(hash) || !facts.contains_key(hash));
        }
    }

    /// The recovered journal takes the place of the one that was.
    fn adopt(&mut self, number: usize, mut kept: Kept, recovery: &Recovery) -> Check {
        // The beginning of the new life is seen when the device starts.
        let (renewed, newest) = (kept.journal.pop(), kept.lives.pop());
        let begins = newest.is_some_and(|(_, last_seq)| last_seq == 1)
            && renewed.is_some_and(|hash| !self.ledger.facts.contains_key(&hash));
        Invariant::Chain.require(begins, || format!("device {number}: no new life begins"))?;
        self.require_nothing_new(number, kept.journal.iter().chain(&kept.strays))?;
        let numbers: u64 = kept.lives.iter().map(|(_, last_seq)| last_seq).sum();
        // Nothing is added to a former life: nobody will ask for its last hash and its receipts.
        let head = |seq| Head { seq, hash: EventHash::GENESIS, receipts: 0 };
        let journal = Journal {
            heads: kept.lives.iter().map(|(life, last_seq)| (*life, head(*last_seq))).collect(),
            missing: numbers.saturating_sub(kept.journal.len() as u64),
            hashes: kept.journal,
            beside: kept.strays,
            receipts: std::mem::take(&mut self.devices[number].journal.receipts),
        };
        let before = std::mem::replace(&mut self.devices[number].journal, journal).all();
        self.forget_promises(number);
        let gone = self.gone(&before);
        // What central once confirmed and lost itself, when it was put back, no recovery can know of.
        let was_held = |hash: &EventHash| self.ledger.facts.get(hash).is_some_and(|it| it.was_held);
        let gone = gone.iter().filter(|hash| !was_held(hash)).count();
        let is_said = gone == 0 || recovery.missing > 0 || recovery.has_open_end;
        Invariant::ExactlyOnce.require(is_said, || {
            format!("device {number}: {gone} events are lost, and the recovery does not say so")
        })?;
        if gone > 0 {
            self.tally.note("damage: recovered with a loss");
        }
        self.forget_what_is_gone(&before)
    }

    /// What was promised goes by the events that are left.
    fn forget_promises(&mut self, number: usize) {
        let sales = &self.ledger.sales;
        let device = &mut self.devices[number];
        device.pending = None;
        let hashes = &device.journal.hashes;
        let is_left =
            |order: &OrderId| sales.get(order).is_some_and(|sale| hashes.contains(&sale.placed));
        device.confirmed.retain(is_left);
        device.bought.retain(|(_, order)| is_left(order));
    }

    /// Those of these events that nobody has any more.
    fn gone(&self, hashes: &[EventHash]) -> Vec<EventHash> {
        let is_gone = |hash: &&EventHash| {
            let is_on_a_device = self.devices.iter().any(|device| device.journal.has(hash));
            !is_on_a_device && !self.central.seen.held.contains(*hash)
        };
        hashes.iter().filter(is_gone).copied().collect()
    }

    fn require_nothing_new<'a>(
        &self,
        number: usize,
        found: impl Iterator<Item = &'a EventHash>,
    ) -> Check {
        let invented = found.filter(|hash| !self.ledger.facts.contains_key(*hash)).count();
        Invariant::ExactlyOnce.require(invented == 0, || {
            format!("device {number}: recovery found {invented} events that nobody wrote")
        })
    }

    /// A person hands over what is left in a damaged database in which no identity was found, once there is another.
    pub(super) fn hand_over(&mut self, number: usize) -> Check {
        let device = &self.devices[number];
        let Some((damaged, running)) = device.damaged.clone().zip(device.running.as_ref()) else {
            return Ok(());
        };
        let store = running.store.clone();
        let bench = done(Bench::new(&self.scratch, number, &damaged.image))?;
        let handed = store.hand_over(&bench.path(&damaged.name), &FixedKey);
        if self.has_lost_power(number) {
            return Ok(());
        }
        if let Err(error) = handed {
            let cause = bench.in_words(&error);
            return self.excuse(number, "handing over", &cause);
        }
        let strays = || -> Result<Vec<EventHash>, StorageError> {
            let mut strays = Vec::new();
            for life in store.lives()? {
                let found = store.strays(life.id(), 10_000, usize::MAX)?;
                strays.extend(found.iter().map(OutboxItem::hash));
            }
            Ok(strays)
        };
        let strays = match strays() {
            Ok(strays) => strays,
            Err(_) if self.has_lost_power(number) => return Ok(()),
            Err(error) => {
                let cause = super::describe(error.0.as_ref());
                return self.excuse(number, "looking at what was handed over", &cause);
            }
        };
        self.require_nothing_new(number, strays.iter())?;
        self.tally.note("damage: handed over after an enrolment");
        let device = &mut self.devices[number];
        device.damaged = None;
        let before = std::mem::replace(&mut device.journal.beside, strays);
        self.forget_what_is_gone(&before)?;
        self.input(number, Input::Nudge)
    }
}
