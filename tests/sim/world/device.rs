//! Devices in the world: switching on and off, losing power, doing what the engine wants, being copied and restored.

use super::{Happening, World};
use crate::breakage::{Breakage, Broken};
use crate::class::Class;
use crate::device::{Copy, Device, Running};
use crate::disk::FixedKey;
use crate::ledger::Written;
use crate::plan::Act;
use crate::violation::{Check, Invariant};
use rand::RngExt;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{OpenError, Store};
use sync::engine::work::{StoreDone, StoreWork, perform};
use sync::engine::{Effect, Engine, Input, Moment, Ticket};
use sync::ports::{Applied, LifeId, OutboxItem, SyncStore};
use sync::status::SyncStatus;

/// Somebody tries a copy of a device for so long; at the end of a run it is switched on again.
const TWIN_ON_MS: u64 = 3 * 60_000;
/// When a device does not start, somebody tries again after so long.
const RETRY_MS: u64 = 15_000;

/// An error with its causes, for the trace.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl World {
    /// Adds a device, with a copy of a disk or with an empty one.
    pub(crate) fn add_device(&mut self, copy: Option<&Copy>) -> usize {
        let number = self.devices.len();
        let mut device = Device::new(number, self.scratch.directory(number));
        if let Some(copy) = copy {
            device.disk.load(&copy.image);
            device.journal = copy.journal.clone();
            device.confirmed = copy.confirmed.clone();
            device.is_enrolled = true;
        }
        if self.is_broken_by(Breakage::DiskForgetsSync) {
            device.disk.lie();
        }
        self.devices.push(device);
        number
    }

    /// Somebody switches a device on, or the power comes back (`is_wish` false: only if it should be on).
    pub(super) fn switch_on(&mut self, number: usize, is_wish: bool) -> Check {
        let device = &mut self.devices[number];
        device.is_wanted |= is_wish;
        if device.running.is_some() || !device.is_wanted {
            return Ok(());
        }
        device.boot += 1;
        let ids = Box::new(device.ids(1, 0));
        let opened = Store::open(&device.disk.options(), &FixedKey, ids);
        if device.disk.is_off() {
            drop(opened);
            self.lose_power(number);
            return Ok(());
        }
        match opened {
            Ok(store) => self.start(number, store),
            Err(error) => self.cannot_open(number, &error),
        }
    }

    fn start(&mut self, number: usize, store: Store) -> Check {
        self.devices[number].disk.forget_grace();
        self.devices[number].running = Some(Running {
            store,
            engine: Engine::new(),
            status: SyncStatus::default(),
            open: BTreeSet::new(),
            timer_ms: None,
        });
        self.tally.note("device: started");
        // What was committed is there: an honest disk has kept it (invariant I1).
        self.observe(number)?;
        self.check_journal(number)?;
        self.input(number, Input::Start)
    }

    fn cannot_open(&mut self, number: usize, error: &OpenError) -> Check {
        let device = &self.devices[number];
        let is_excused = device.disk.is_suspect() && !matches!(error, OpenError::Damaged { .. });
        // Where it lies on this machine differs from run to run; a trace must not.
        let cause = device.disk.without_place(&describe(error));
        let what = format!("device {number} does not start: {cause}");
        Invariant::ExactlyOnce.require(is_excused, || what.clone())?;
        self.note(|| what);
        self.tally.note("device: did not start, tried again");
        self.after(RETRY_MS, Happening::PowerBack { device: number });
        Ok(())
    }

    /// Somebody closes the program, or pulls the plug.
    pub(super) fn switch_off(&mut self, number: usize, is_plug_pulled: bool) -> Check {
        self.devices[number].is_wanted = false;
        if is_plug_pulled && self.has(Class::PowerCut) {
            self.lose_power(number);
            return Ok(());
        }
        self.close(number);
        Ok(())
    }

    /// A copy of a device's disk; the program is closed for it.
    pub(super) fn copy_of(&mut self, number: usize) -> Copy {
        self.close(number);
        self.devices[number].copied()
    }

    pub(super) fn close(&mut self, number: usize) {
        let device = &mut self.devices[number];
        device.boot += 1;
        if let Some(running) = device.running.take() {
            running.store.close();
        }
        if device.disk.is_off() {
            // The power went while it was closing.
            let draw = device.cut_draw;
            device.disk.cut(draw);
            self.tally.note("power: cut while closing");
        }
    }

    pub(super) fn restart(&mut self, number: usize) -> Check {
        if self.devices[number].running.is_none() {
            return Ok(());
        }
        self.tally.note("device: restarted");
        self.close(number);
        self.switch_on(number, false)
    }

    pub(super) fn arm_cut(&mut self, number: usize, after: u32, off_ms: u64, draw: u64) -> Check {
        let device = &mut self.devices[number];
        if device.running.is_none() {
            return Ok(());
        }
        (device.cut_draw, device.cut_off_ms) = (draw, off_ms);
        device.disk.arm(after);
        if after == 0 {
            // Between two operations.
            self.lose_power(number);
        }
        Ok(())
    }

    /// The power is gone: what was not synced is lost, torn or reordered.
    fn lose_power(&mut self, number: usize) {
        let device = &mut self.devices[number];
        let pending = device.disk.cut(device.cut_draw);
        let was_running = device.running.take().is_some();
        device.boot += 1;
        if was_running {
            let off_ms = device.cut_off_ms;
            self.after(off_ms, Happening::PowerBack { device: number });
        } else if device.is_wanted {
            self.after(RETRY_MS, Happening::PowerBack { device: number });
            self.tally.note("power: cut while starting");
        }
        self.note(|| format!("{number} loses power, {pending} writes unsynced"));
        self.tally.note("power: cut");
        if pending > 0 {
            self.tally.note("power: cut with unsynced writes");
            self.tally.add("power: unsynced writes at risk", pending as u64);
        }
    }

    /// After anything that touched the disk: if the power went meanwhile, everything stops here.
    pub(crate) fn has_lost_power(&mut self, number: usize) -> bool {
        if self.devices[number].disk.is_off() {
            self.lose_power(number);
            return true;
        }
        false
    }

    pub(super) fn tick(&mut self, number: usize, boot: u32, at_ms: u64) -> Check {
        let device = &mut self.devices[number];
        let Some(running) = device.running.as_mut().filter(|_| device.boot == boot) else {
            return Ok(());
        };
        if running.timer_ms != Some(at_ms) {
            return Ok(());
        }
        running.timer_ms = None;
        self.input(number, Input::Tick)
    }

    pub(super) fn cut_line(&mut self, number: usize, is_cut: bool) -> Check {
        if self.devices[number].running.is_none() {
            return Ok(());
        }
        self.tally.note("line: cut or restored on purpose");
        self.input(number, Input::Cut(is_cut))
    }

    /// Gives the engine an input and does what it wants.
    pub(super) fn input(&mut self, number: usize, input: Input) -> Check {
        let device = &mut self.devices[number];
        let Some(running) = device.running.as_mut() else { return Ok(()) };
        let now = Moment { monotonic_ms: self.now_ms, wall: device.clock.at(self.now_ms) };
        let effects = running.engine.step(now, input, &mut self.dice);
        for effect in effects {
            self.execute(number, effect);
        }
        Ok(())
    }

    fn execute(&mut self, number: usize, effect: Effect) {
        let (now_ms, boot) = (self.now_ms, self.devices[number].boot);
        let does_lose_timer = self.is_broken_by(Breakage::TimerLost);
        let Some(running) = self.devices[number].running.as_mut() else { return };
        match effect {
            Effect::Send { ticket, token, request } => {
                running.open.insert(ticket);
                self.send(number, ticket, token, request);
            }
            Effect::Abort { ticket } => {
                running.open.remove(&ticket);
            }
            Effect::Store { ticket, work } => {
                running.open.insert(ticket);
                let ms = self.chance.random_range(0..30);
                let work = Box::new(work);
                self.after(ms, Happening::Work { device: number, boot, ticket, work });
            }
            Effect::SetTimer { at_ms } => {
                if does_lose_timer && at_ms % 5 == 0 {
                    return;
                }
                running.timer_ms = Some(at_ms);
                self.at(at_ms.max(now_ms), Happening::Tick { device: number, boot, at_ms });
            }
            Effect::Publish(status) => {
                let problem = status.problem;
                running.status = *status;
                if let Some(problem) = problem {
                    self.note(|| format!("{number} tells: {}", problem.code()));
                }
            }
        }
    }

    /// Work of the storage is done.
    pub(super) fn work(
        &mut self,
        number: usize,
        boot: u32,
        ticket: Ticket,
        work: StoreWork,
    ) -> Check {
        let breakage = self.settings.breakage;
        let occasions = Arc::clone(&self.occasions);
        let device = &mut self.devices[number];
        let Some(running) = device.running.as_mut().filter(|_| device.boot == boot) else {
            return Ok(());
        };
        if !running.open.remove(&ticket) {
            return Invariant::NoSilentStop.broken("the engine has abandoned work of the storage");
        }
        let name = work.name();
        let appends = matches!(work, StoreWork::Renew { .. });
        let store = Broken { store: &running.store, breakage, occasions };
        let result = perform(&store, work);
        if self.has_lost_power(number) {
            return Ok(());
        }
        let done = match result {
            Ok(done) => done,
            Err(error) => {
                let cause = describe(error.0.as_ref());
                self.excuse(number, name, &cause)?;
                StoreDone::Failed
            }
        };
        if matches!(done, StoreDone::Applied(Applied::Diverged)) {
            self.tally.note("feed: diverged");
            // A central that was put back without a word gives positions twice: then the sums are the last resort.
            Invariant::Replicas.require(self.is_doubtful, || {
                format!("device {number}: a feed does not add up to what central has")
            })?;
        }
        if self.devices[number].is_unobserved {
            // Before the engine sends what nobody could look at.
            self.observe(number)?;
        }
        if appends {
            self.tally.note("life: renewed");
            self.observe(number)?;
        }
        self.input(number, Input::Stored { ticket, done })
    }

    /// An error of the storage is only in order when the disk had a fault.
    pub(crate) fn excuse(&mut self, number: usize, doing: &str, cause: &str) -> Check {
        let is_suspect = self.devices[number].disk.excuses();
        self.note(|| format!("{number}: {doing} failed: {cause}"));
        self.tally.note("disk: work of the store failed");
        Invariant::AlwaysSell.require(is_suspect, || {
            format!("device {number}: {doing} failed on a sound disk: {cause}")
        })
    }

    /// Books what was added to a device's journal.
    pub(crate) fn observe(&mut self, number: usize) -> Check {
        if self.devices[number].running.is_none() {
            return Ok(());
        }
        self.devices[number].is_unobserved = false;
        let lives = {
            let running = self.devices[number].running.as_ref().expect("it was just seen running");
            match running.store.lives() {
                Ok(lives) => lives,
                Err(error) => return self.not_observed(number, &describe(error.0.as_ref())),
            }
        };
        for life in &lives {
            let known = self.devices[number].journal.heads.get(&life.id()).map_or(0, |h| h.seq);
            if life.last_seq > known {
                self.observe_life(number, life.id(), known)?;
            }
        }
        Ok(())
    }

    fn not_observed(&mut self, number: usize, cause: &str) -> Check {
        self.devices[number].is_unobserved = true;
        if self.has_lost_power(number) {
            return Ok(());
        }
        self.excuse(number, "reading the journal", cause)
    }

    /// New events wait: they are in the outbox, or among the strays.
    fn observe_life(&mut self, number: usize, life: LifeId, known: u64) -> Check {
        let device = &mut self.devices[number];
        let Some(running) = device.running.as_ref() else { return Ok(()) };
        let read = || -> Result<Vec<OutboxItem>, sync::ports::StorageError> {
            let mut items = running.store.outbox(life, 10_000, usize::MAX)?;
            items.extend(running.store.strays(life, 10_000, usize::MAX)?);
            Ok(items)
        };
        let items = match read() {
            Ok(items) => items,
            Err(error) => return self.not_observed(number, &describe(error.0.as_ref())),
        };
        for item in items.iter().filter(|item| item.place().seq > known) {
            let bytes = item.sealed().map(|event| event.bytes.as_str());
            let written = Written { place: item.place(), hash: item.hash(), bytes };
            let booked = self.ledger.book(number, &mut device.journal, &written);
            let in_words = |what| format!("device {number}: {what}");
            booked.or_else(|what| Invariant::Gapless.broken(in_words(what)))?;
            if let Some(bytes) = bytes {
                crate::check::secret(bytes)?;
            }
        }
        Ok(())
    }

    /// The disk is copied to a new device; the one that it is copied from is off for that moment.
    pub(super) fn clone_device(&mut self, number: usize, draw: u64) -> Check {
        if !self.devices[number].is_enrolled || self.devices.len() > 8 {
            return Ok(());
        }
        self.tally.note("device: cloned");
        let was_on = self.devices[number].running.is_some();
        self.close(number);
        let device = &self.devices[number];
        let copy = device.copied();
        let (clock, store_no) = (device.clock, device.store_no);
        let twin = self.add_device(Some(&copy));
        for member in [number, twin] {
            self.devices[member].is_twin = true;
        }
        (self.devices[twin].clock, self.devices[twin].store_no) = (clock, store_no);
        self.note(|| format!("{twin} is a clone of {number}"));
        if was_on {
            self.switch_on(number, false)?;
        }
        let mut at_ms = self.now_ms + 1_000 + draw % 60_000;
        self.at(at_ms, Happening::Act(Act::On(twin)));
        self.at(at_ms + TWIN_ON_MS, Happening::Act(Act::Off(twin, draw.is_multiple_of(3))));
        for sale in 0..draw % 4 {
            at_ms += 1_000 + (draw >> (8 * sale)) % 60_000;
            self.at(at_ms, Happening::Act(Act::Sell(twin, draw.rotate_left(7 + sale as u32))));
        }
        Ok(())
    }

    pub(super) fn back_up_device(&mut self, number: usize) -> Check {
        let was_on = self.devices[number].running.is_some();
        self.close(number);
        let device = &mut self.devices[number];
        if device.is_enrolled {
            device.copy = Some(device.copied());
            self.tally.note("device: backed up");
        }
        if was_on { self.switch_on(number, false) } else { Ok(()) }
    }

    /// The disk is replaced by the copy. What only the replaced disk had is gone for good.
    pub(super) fn restore_device(&mut self, number: usize) -> Check {
        let Some(copy) = self.devices[number].copy.clone() else { return Ok(()) };
        let was_on = self.devices[number].running.is_some();
        self.close(number);
        let device = &mut self.devices[number];
        device.disk.load(&copy.image);
        let before = std::mem::replace(&mut device.journal, copy.journal);
        device.confirmed = copy.confirmed;
        device.pending = None;
        device.bought.clear();
        // A copy is of a device that knew who it was.
        (device.damaged, device.is_enrolled) = (None, true);
        let (before, now) = (before.all(), &device.journal);
        let behind = before.iter().filter(|hash| !now.has(hash)).count();
        self.note(|| format!("{number} is restored, {behind} events back"));
        self.tally.note("device: restored");
        if behind > 0 {
            self.tally.note("device: restored to an older state");
        }
        self.forget_what_is_gone(&before)?;
        if was_on { self.switch_on(number, false) } else { Ok(()) }
    }

    /// Of these events those that nobody has any more: no device, not central, and nothing on its way to it.
    pub(super) fn forget_what_is_gone(
        &mut self,
        hashes: &[sync::protocol::event::EventHash],
    ) -> Check {
        for hash in hashes {
            let is_on_a_device = self.devices.iter().any(|d| d.journal.has(hash));
            if is_on_a_device || self.central.seen.held.contains(hash) {
                continue;
            }
            if let Some(fact) = self.ledger.facts.get_mut(hash) {
                fact.is_gone = true;
                self.tally.note("events: gone with a disk");
            }
        }
        Ok(())
    }
}
