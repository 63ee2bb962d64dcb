//! The simulated world: a queue of things that will happen, and virtual clocks.

use super::network::{Fate, Weather};
use crate::call::{Fault, Reply, Request, Token};
use crate::engine::work::{StoreDone, StoreWork, perform};
use crate::engine::{Effect, Engine, Input, Moment, Ticket};
use crate::memory::{MemoryStore, ModelCentral, sample};
use crate::ports::{DeviceKey, SyncStore, TerminalIdentity};
use crate::protocol::feed::Feed;
use crate::status::{SyncProblem, SyncStatus};
use domain::time::DeviceTime;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Faults happen for so long.
const STORM_MS: u64 = 25 * 60_000;
/// After that everything must be in order within so long.
pub const CALM_MS: u64 = 25 * 60_000;
/// A terminal's HTTP client gives up after so long, besides the wait of a long poll.
const CLIENT_TIMEOUT_MS: u64 = 20_000;
/// More steps than that mean that something spins.
const STEPS_MAX: u64 = 200_000;
/// Central's clock at the start.
const CENTRAL_MS: i64 = 1_800_000_000_000;

/// What a run was, to compare runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub steps: u64,
    pub trace: u64,
    pub events: usize,
}

/// A terminal: what survives a restart (storage), and what does not (the rest).
pub struct Till {
    pub identity: TerminalIdentity,
    pub store: MemoryStore,
    backup: Option<MemoryStore>,
    pub engine: Engine,
    pub status: SyncStatus,
    /// Counts restarts; what belongs to an earlier life is dropped.
    life: u32,
    /// Calls and works that will be answered in this life.
    pub open: BTreeSet<Ticket>,
    pub timer_ms: Option<u64>,
    clock_skew_ms: i64,
    sales: u64,
}

#[derive(Clone, Debug)]
struct Call {
    till: usize,
    life: u32,
    ticket: Ticket,
    token: Option<Token>,
    request: Request,
    waits_until_ms: u64,
    back_ms: Option<u64>,
    instead: Option<Fault>,
}

#[derive(Clone, Debug)]
enum Happening {
    Tick {
        till: usize,
        life: u32,
        at_ms: u64,
    },
    Arrive(Box<Call>),
    Answer {
        till: usize,
        life: u32,
        ticket: Ticket,
        result: Result<Reply, Fault>,
    },
    Work {
        till: usize,
        life: u32,
        ticket: Ticket,
        work: Box<StoreWork>,
    },
    Sale {
        till: usize,
    },
    Restart {
        till: usize,
    },
    /// The disk is copied, and a copy comes back.
    DiskBackup {
        till: usize,
    },
    DiskRestore {
        till: usize,
    },
    /// The database is damaged and recovered, with or without a hole.
    Recover {
        till: usize,
    },
    Cut {
        till: usize,
        is_cut: bool,
    },
    SetClock {
        till: usize,
    },
    DiskLow {
        till: usize,
        is_low: bool,
    },
    Publish,
    Compact,
    ExpireManifests,
    ForgetSessions,
    Backup,
    Restore,
    Heal,
}

impl Happening {
    /// One line of the trace, without the bytes of chunks.
    fn brief(&self) -> String {
        match self {
            Self::Arrive(call) => {
                let Call { till, ticket, request, .. } = call.as_ref();
                format!("{till} arrives {ticket} {}", request.name())
            }
            Self::Answer { till, ticket, result: Err(fault), .. } => {
                format!("{till} answer {ticket} {fault}")
            }
            Self::Answer { till, ticket, .. } => format!("{till} answer {ticket} ok"),
            Self::Work { till, ticket, work, .. } => {
                format!("{till} work {ticket} {}", work.name())
            }
            other => format!("{other:?}"),
        }
    }
}

pub struct World {
    rng: StdRng,
    dice: StdRng,
    weather: Weather,
    is_loud: bool,
    pub now_ms: u64,
    order: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    /// Long polls that wait for news.
    parked: Vec<Call>,
    pub central: ModelCentral,
    backup: Option<ModelCentral>,
    restores: u32,
    pub tills: Vec<Till>,
    /// Everything that any till ever wrote.
    pub written: BTreeSet<[u8; 32]>,
    keys: u8,
    pub is_healed: bool,
    look_ms: u64,
    steps: u64,
    trace: DefaultHasher,
}

impl World {
    pub fn new(seed: u64, is_loud: bool) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let weather = Weather::draw(&mut rng);
        let mut central = ModelCentral::default();
        for feed in Feed::ALL {
            (0..rng.random_range(0..30)).for_each(|n| central.put(feed, n, 1));
        }
        let tills = (0..rng.random_range(1..=3)).map(|n| Till::new(n, &mut central)).collect();
        let dice = StdRng::seed_from_u64(seed ^ 0xD1CE);
        let mut world = Self {
            rng,
            dice,
            weather,
            is_loud,
            now_ms: 0,
            order: 0,
            queue: BTreeMap::new(),
            parked: Vec::new(),
            central,
            backup: None,
            restores: 0,
            tills,
            written: BTreeSet::new(),
            keys: 100,
            is_healed: false,
            look_ms: 0,
            steps: 0,
            trace: DefaultHasher::new(),
        };
        world.plan();
        world
    }

    /// Writes the whole run's outside events into the queue.
    fn plan(&mut self) {
        for till in 0..self.tills.len() {
            for _ in 0..self.rng.random_range(0..60) {
                self.sometime(Happening::Sale { till });
            }
            for _ in 0..self.rng.random_range(0..4) {
                self.sometime(Happening::Restart { till });
            }
            if self.rng.random_range(0..3) == 0 {
                self.sometime(Happening::DiskBackup { till });
                self.sometime(Happening::DiskRestore { till });
                self.sometime(Happening::Recover { till });
            }
            for _ in 0..self.rng.random_range(0..3) {
                self.sometime(Happening::Cut { till, is_cut: true });
                self.sometime(Happening::Cut { till, is_cut: false });
                self.sometime(Happening::DiskLow { till, is_low: true });
                self.sometime(Happening::DiskLow { till, is_low: false });
                self.sometime(Happening::SetClock { till });
            }
        }
        for _ in 0..self.rng.random_range(0..80) {
            self.sometime(Happening::Publish);
        }
        for rare in [
            Happening::Compact,
            Happening::ExpireManifests,
            Happening::ForgetSessions,
            Happening::Backup,
            Happening::Restore,
        ] {
            for _ in 0..self.rng.random_range(0..4) {
                self.sometime(rare.clone());
            }
        }
        self.at(STORM_MS, Happening::Heal);
    }

    fn sometime(&mut self, happening: Happening) {
        let at_ms = self.rng.random_range(0..STORM_MS);
        self.at(at_ms, happening);
    }

    fn at(&mut self, at_ms: u64, happening: Happening) {
        self.order += 1;
        self.queue.insert((at_ms, self.order), happening);
    }

    fn after(&mut self, ms: u64, happening: Happening) {
        self.at(self.now_ms + ms, happening);
    }

    /// Runs to the end, checking all the time.
    pub fn run(mut self) -> Run {
        for till in 0..self.tills.len() {
            self.note_written(till);
            self.input(till, Input::Start);
        }
        while let Some(((at_ms, _), happening)) = self.queue.pop_first() {
            self.now_ms = at_ms;
            self.steps += 1;
            assert!(self.steps < STEPS_MAX, "something spins");
            self.note(&happening);
            self.happen(happening);
            self.check_safety();
            if self.is_healed && self.is_time_to_look() {
                if self.is_at_rest() {
                    break;
                }
                (0..self.tills.len()).for_each(|till| self.act_as_person(till));
            }
            if at_ms > STORM_MS + CALM_MS {
                break;
            }
        }
        self.check_liveness();
        let events = self.tills.iter().map(|till| till.store.journal().len()).sum();
        Run { steps: self.steps, trace: self.trace.finish(), events }
    }

    /// Comparing everything is slow: every ten simulated seconds.
    fn is_time_to_look(&mut self) -> bool {
        let is_time = self.now_ms >= self.look_ms;
        if is_time {
            self.look_ms = self.now_ms + 10_000;
        }
        is_time
    }

    fn note(&mut self, happening: &Happening) {
        self.now_ms.hash(&mut self.trace);
        happening.brief().hash(&mut self.trace);
        if self.is_loud {
            #[allow(clippy::print_stderr)]
            // The trace of a replayed seed is for the person who asked.
            {
                eprintln!("{:>8} {}", self.now_ms, happening.brief());
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Tick { till, life, at_ms } => {
                let state = &mut self.tills[till];
                if state.life == life && state.timer_ms == Some(at_ms) {
                    state.timer_ms = None;
                    self.input(till, Input::Tick);
                }
            }
            Happening::Arrive(call) => self.arrive(*call),
            Happening::Answer { till, life, ticket, result } => {
                if self.tills[till].life == life {
                    self.tills[till].open.remove(&ticket);
                    self.input(till, Input::Answered { ticket, result });
                }
            }
            Happening::Work { till, life, ticket, work } => self.work(till, life, ticket, *work),
            Happening::Sale { till } => self.sell(till),
            Happening::Restart { till } => self.restart(till),
            Happening::DiskBackup { till } => {
                self.tills[till].backup = Some(self.tills[till].store.copy());
            }
            Happening::DiskRestore { till } => {
                if let Some(backup) = self.tills[till].backup.take() {
                    self.tills[till].store = backup;
                    self.restart(till);
                }
            }
            Happening::Recover { till } => self.recover(till),
            Happening::Cut { till, is_cut } => self.input(till, Input::Cut(is_cut)),
            Happening::SetClock { till } => {
                self.tills[till].clock_skew_ms =
                    self.rng.random_range(-300_000_000_000..2_000_000_000_000);
            }
            Happening::DiskLow { till, is_low } => self.tills[till].store.set_disk_low(is_low),
            Happening::Heal => self.heal(),
            _ => self.change_central(&happening),
        }
    }

    fn change_central(&mut self, happening: &Happening) {
        let feed = Feed::ALL[self.rng.random_range(0..5)];
        match happening {
            Happening::Publish => {
                let (n, version) = (self.rng.random_range(0..30), self.rng.random_range(2..1_000));
                match self.rng.random_range(0..4) {
                    0 => self.central.del(feed, n),
                    _ => self.central.put(feed, n, version),
                }
            }
            Happening::Compact => self.central.compact(feed),
            Happening::ExpireManifests => self.central.expire_manifests(),
            Happening::ForgetSessions => self.central.forget_sessions(),
            Happening::Backup => self.backup = Some(self.central.clone()),
            Happening::Restore => {
                if let Some(backup) = &self.backup {
                    self.central = backup.clone();
                    self.restores += 1;
                    self.central.after_restore(self.restores);
                }
            }
            _ => {}
        }
        self.wake_polls();
    }

    fn heal(&mut self) {
        self.is_healed = true;
        self.weather = Weather::calm();
        for till in 0..self.tills.len() {
            self.tills[till].store.set_disk_low(false);
            self.input(till, Input::Cut(false));
        }
    }

    fn sell(&mut self, till: usize) {
        let state = &mut self.tills[till];
        state.sales += 1;
        let event = sample::event(state.sales);
        state.store.append(&event, DeviceTime(self.now_ms as i64));
        self.note_written(till);
        // Now and then the nudge is forgotten: the engine must find out by itself.
        if !self.rng.random_range(0..5u8).is_multiple_of(5) {
            self.input(till, Input::Nudge);
        }
    }

    fn note_written(&mut self, till: usize) {
        let newest = self.tills[till].store.journal().pop();
        self.written.extend(newest.map(|event| event.hash.0));
    }

    fn next_key(&mut self) -> DeviceKey {
        self.keys = self.keys.wrapping_add(1);
        DeviceKey([self.keys; 32])
    }

    fn recover(&mut self, till: usize) {
        let first = self.rng.random_range(1..20);
        let lost = first..first + self.rng.random_range(0..4);
        let key = self.next_key();
        self.tills[till].store.recover(lost, &key, DeviceTime(self.now_ms as i64));
        self.note_written(till);
        self.restart(till);
    }

    /// What the screen asks of a person is done: the device is enrolled again.
    fn act_as_person(&mut self, till: usize) {
        let code = self.tills[till].status.problem.map(SyncProblem::code);
        if !matches!(code, Some("enrol-again" | "epoch-outdated" | "terminal-unknown")) {
            return;
        }
        let device_key = self.next_key();
        let store = &self.tills[till].store;
        let lives = store.lives().expect("memory does not fail");
        let own = lives.iter().map(|life| life.identity.epoch);
        let above = own.chain(self.central.epoch(self.tills[till].identity.id.uuid())).max();
        let epoch = above.map_or(1, |above| above + 1);
        let identity = TerminalIdentity { epoch, device_key, ..self.tills[till].identity.clone() };
        self.central.admit(&identity);
        store.enrol(&identity, "crossroads/sim", DeviceTime(0)).expect("memory does not fail");
        self.note_written(till);
        self.input(till, Input::Nudge);
    }

    fn restart(&mut self, till: usize) {
        let state = &mut self.tills[till];
        state.life += 1;
        state.engine = Engine::new();
        state.status = SyncStatus::default();
        state.open.clear();
        state.timer_ms = None;
        self.input(till, Input::Start);
    }

    fn work(&mut self, till: usize, life: u32, ticket: Ticket, work: StoreWork) {
        // A restart stops the program between two transactions; what is not done is never done.
        if self.tills[till].life != life {
            return;
        }
        let chance = self.weather.failing_disk;
        let done = if self.weather.strikes(&mut self.rng, chance) {
            StoreDone::Failed
        } else {
            perform(&self.tills[till].store, work).expect("memory does not fail")
        };
        if let StoreDone::Lives(_) = done {
            self.note_written(till);
        }
        self.tills[till].open.remove(&ticket);
        self.input(till, Input::Stored { ticket, done });
    }

    fn input(&mut self, till: usize, input: Input) {
        let state = &mut self.tills[till];
        let wall = DeviceTime(CENTRAL_MS + self.now_ms as i64 + state.clock_skew_ms);
        let now = Moment { monotonic_ms: self.now_ms, wall };
        let effects = state.engine.step(now, input, &mut self.dice);
        for effect in effects {
            self.execute(till, effect);
        }
    }

    fn execute(&mut self, till: usize, effect: Effect) {
        let life = self.tills[till].life;
        match effect {
            Effect::Send { ticket, token, request } => {
                self.tills[till].open.insert(ticket);
                self.send(till, ticket, token, request);
            }
            Effect::Abort { ticket } => {
                self.tills[till].open.remove(&ticket);
            }
            Effect::Store { ticket, work } => {
                self.tills[till].open.insert(ticket);
                let ms = self.rng.random_range(0..30);
                self.after(ms, Happening::Work { till, life, ticket, work: Box::new(work) });
            }
            Effect::SetTimer { at_ms } => {
                self.tills[till].timer_ms = Some(at_ms);
                self.at(at_ms.max(self.now_ms), Happening::Tick { till, life, at_ms });
            }
            Effect::Publish(status) => self.tills[till].status = *status,
        }
    }

    fn send(&mut self, till: usize, ticket: Ticket, token: Option<Token>, request: Request) {
        let life = self.tills[till].life;
        let wait_ms = match request {
            Request::Changes { wait_s, .. } => u64::from(wait_s) * 1_000,
            _ => 0,
        };
        let timeout = Happening::Answer { till, life, ticket, result: Err(Fault::TimedOut) };
        self.after(CLIENT_TIMEOUT_MS + wait_ms, timeout);
        match self.weather.fate(&mut self.rng) {
            Fate::Swallowed => {}
            Fate::Refused { after_ms, fault } => {
                self.after(after_ms, Happening::Answer { till, life, ticket, result: Err(fault) });
            }
            Fate::Arrives { there_ms, again_ms, back_ms, instead } => {
                let waits_until_ms = self.now_ms + there_ms + wait_ms;
                let call =
                    Call { till, life, ticket, token, request, waits_until_ms, back_ms, instead };
                if let Some(again_ms) = again_ms {
                    self.after(again_ms, Happening::Arrive(Box::new(call.clone())));
                }
                self.after(there_ms, Happening::Arrive(Box::new(call)));
            }
        }
    }

    fn arrive(&mut self, call: Call) {
        if let Request::Changes { feed, after, .. } = &call.request
            && self.now_ms < call.waits_until_ms
            && !self.central.has_news(*feed, after)
        {
            self.at(call.waits_until_ms, Happening::Arrive(Box::new(call.clone())));
            self.parked.push(call);
            return;
        }
        self.parked.retain(|parked| (parked.till, parked.ticket) != (call.till, call.ticket));
        let now = CENTRAL_MS + self.now_ms as i64;
        let mut result = self.central.handle(now, call.token.as_ref(), &call.request);
        let chance = self.weather.damaged_chunk;
        if let Ok(Reply::Chunk(bytes)) = &mut result
            && self.weather.strikes(&mut self.rng, chance)
        {
            let at = self.rng.next_u64() as usize % bytes.len();
            bytes[at] ^= 0x40;
        }
        if let Some(instead) = call.instead {
            result = Err(instead);
        }
        if let Some(back_ms) = call.back_ms {
            let Call { till, life, ticket, .. } = call;
            self.after(back_ms, Happening::Answer { till, life, ticket, result });
        }
    }

    fn wake_polls(&mut self) {
        for call in std::mem::take(&mut self.parked) {
            let Request::Changes { feed, after, .. } = &call.request else { continue };
            if self.central.has_news(*feed, after) {
                self.after(1, Happening::Arrive(Box::new(call)));
            } else {
                self.parked.push(call);
            }
        }
    }
}

impl Till {
    fn new(n: u8, central: &mut ModelCentral) -> Self {
        let identity = sample::identity(n + 1);
        central.admit(&identity);
        let store = MemoryStore::default();
        store.enrol(&identity, "crossroads/sim", DeviceTime(0)).expect("memory does not fail");
        Self {
            identity,
            store,
            backup: None,
            engine: Engine::new(),
            status: SyncStatus::default(),
            life: 0,
            open: BTreeSet::new(),
            timer_ms: None,
            clock_skew_ms: 0,
            sales: 0,
        }
    }
}
