//! The world of a run: devices, network and central, and the queue of what happens next.
//!
//! ```text
//! queue: (time, order) -> Act | Tick | Arrive | Answer | Work | ...
//!            |
//!          happen ---> store, engine, central: the real ones, in this thread
//!            |
//!          checks ---> a violation ends the run
//! ```
//! Everything that could differ between two runs of a seed is drawn from it, each sort of dice from a stream of its
//! own: leaving a fault out does not shift the dice of all others.

mod damage;
mod device;
mod office;
mod person;
mod till;
mod traffic;

pub(crate) use device::describe;

use crate::Settings;
use crate::breakage::Breakage;
use crate::central_side::{CentralSide, Version};
use crate::class::Class;
use crate::device::Device;
use crate::ledger::Ledger;
use crate::network::Network;
use crate::plan::{Act, Plan};
use crate::tally::Tally;
use crate::template::{DEVICES, Scratch, Template, customers};
use crate::violation::{Check, Invariant};
use central::feed::EVERYBODY;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use sync::call::{Fault, Reply};
use sync::engine::Ticket;
use sync::engine::work::StoreWork;
use traffic::Call;

/// After the faults, so long may it take until all is at rest.
const CALM_MS: u64 = 3 * 60 * 60 * 1_000;
/// Steps of a run; more means that something spins.
const STEPS_MAX: u64 = 100_000;
/// Looks in which everything that is due by itself has come: a long poll ends after 25 seconds, what is held back is
/// asked for after five minutes at the latest. Nobody restarts anything meanwhile.
const PAGES_MAX: u64 = 20;
/// What comes to light after a week (a clone that was silent) may need another.
const WEEKS_MAX: u64 = 3;
/// More than a week, also by a clock that runs too slow.
const WEEK_MS: u64 = 10 * 24 * 60 * 60 * 1_000;
/// How often somebody looks whether all is at rest, and acts if not.
const LOOK_MS: u64 = 20_000;

/// What happens at a time.
enum Happening {
    Act(Act),
    Tick { device: usize, boot: u32, at_ms: u64 },
    Arrive(Box<Call>),
    Answer { device: usize, boot: u32, ticket: Ticket, result: Box<Result<Reply, Fault>> },
    GiveUp { device: usize, boot: u32, ticket: Ticket },
    Work { device: usize, boot: u32, ticket: Ticket, work: Box<StoreWork> },
    Space { device: usize },
    PowerBack { device: usize },
    VersionEnds,
    Heal,
    Look,
}

/// A run under way.
pub struct World {
    pub(crate) settings: Settings,
    pub(crate) now_ms: u64,
    order: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    pub(crate) network: Network,
    /// Dice of the engines, for pauses.
    dice: StdRng,
    /// Dice of everything else that happens while it runs.
    chance: StdRng,
    pub(crate) devices: Vec<Device>,
    pub(crate) central: CentralSide,
    /// Long polls that wait for news.
    parked: Vec<Call>,
    pub(crate) ledger: Ledger,
    pub(crate) tally: Tally,
    pub(crate) is_healed: bool,
    heal_ms: u64,
    steps: u64,
    trace: DefaultHasher,
    /// Lines of the trace, if somebody wants to read them.
    pub(crate) lines: Vec<String>,
    occasions: Arc<AtomicU64>,
    scratch: Scratch,
    /// Looks since the faults ended.
    looks: u64,
    /// Central was put back to an older state, and nobody told it.
    pub(crate) is_doubtful: bool,
    /// When every device has asked a central that was put back without a word where it stands.
    pub(crate) doubt_until_ms: u64,
    /// Looks at which nothing waited.
    rests: u64,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Hash of everything that happened, in order.
    pub trace: u64,
    /// How many things happened.
    pub steps: u64,
    /// Acts of the plan.
    pub acts: usize,
    /// Simulated time, milliseconds.
    pub simulated_ms: u64,
    /// What was injected and what came of it.
    pub tally: Tally,
    /// Everything that happened, if it was kept.
    pub lines: Vec<String>,
}

impl World {
    /// The world of a seed, before anything has happened.
    pub fn new(settings: &Settings, scratch: Scratch) -> Check<(Self, usize)> {
        let mut rng = StdRng::seed_from_u64(settings.seed);
        let mut plan = Plan::draw(settings.profile, &mut rng);
        plan.reduce(settings.classes, settings.steps);
        let template = Template::shared();
        let mut world = Self::bare(settings, &plan, template, scratch)?;
        for number in 0..plan.devices {
            let is_stranger = number < plan.strangers;
            world.add_device((!is_stranger).then(|| &template.devices[number]));
        }
        let acts = plan.length();
        for planned in plan.acts {
            world.at(planned.at_ms, Happening::Act(planned.act));
        }
        world.at(world.heal_ms, Happening::Heal);
        Ok((world, acts))
    }

    /// A world without devices and plans.
    pub(crate) fn bare(
        settings: &Settings,
        plan: &Plan,
        template: &Template,
        scratch: Scratch,
    ) -> Check<Self> {
        let stream = |name: u64| StdRng::seed_from_u64(settings.seed ^ (name << 48));
        let (begun, seen) = (&template.central, &template.seen);
        let central = CentralSide::new((begun, seen), settings.seed, settings.breakage);
        let central = central.or_else(|error| Invariant::NoPanic.broken(error.to_string()))?;
        Ok(Self {
            settings: settings.clone(),
            now_ms: 0,
            order: 0,
            queue: BTreeMap::new(),
            network: Network::new(plan.weather.clone(), settings.classes, stream(0x4E)),
            dice: stream(0xD1),
            chance: stream(0xC4),
            devices: Vec::new(),
            central,
            parked: Vec::new(),
            ledger: template.ledger.clone(),
            tally: Tally::default(),
            is_healed: false,
            heal_ms: plan.heal_ms,
            steps: 0,
            trace: DefaultHasher::new(),
            lines: Vec::new(),
            occasions: Arc::new(AtomicU64::new(0)),
            scratch,
            looks: 0,
            is_doubtful: false,
            doubt_until_ms: 0,
            rests: 0,
        })
    }

    fn at(&mut self, at_ms: u64, happening: Happening) {
        self.order += 1;
        self.queue.insert((at_ms, self.order), happening);
    }

    fn after(&mut self, ms: u64, happening: Happening) {
        self.at(self.now_ms.saturating_add(ms), happening);
    }

    pub(crate) fn is_broken_by(&self, breakage: Breakage) -> bool {
        self.settings.breakage == Some(breakage)
    }

    /// Runs to the end, checking all the time.
    pub fn run(&mut self) -> Check<Run> {
        while let Some(((at_ms, _), happening)) = self.queue.pop_first() {
            self.now_ms = at_ms;
            self.central.set_time(at_ms);
            self.steps += 1;
            Invariant::Liveness.require(self.steps < STEPS_MAX, || {
                format!("{STEPS_MAX} steps: something spins")
            })?;
            self.note_happening(&happening);
            let is_look = matches!(happening, Happening::Look);
            self.happen(happening)?;
            self.check_step()?;
            if is_look && self.is_at_rest()? && self.is_over()? {
                return Ok(self.outcome());
            }
            if self.now_ms > self.heal_ms + CALM_MS {
                return Invariant::Liveness.broken(self.unrest());
            }
        }
        Invariant::NoSilentStop.broken("nothing will ever happen again")
    }

    /// Nothing waits: everything must be equal now. What a device shows may lag for the time of a page, and for a
    /// week where strays were taken in (`store`, stock): that time is given, once each, and no more.
    fn is_over(&mut self) -> Check<bool> {
        self.rests += 1;
        match self.check_end() {
            Err(violation) if violation.invariant == Invariant::Replicas => {
                if self.rests > WEEKS_MAX * PAGES_MAX {
                    return Err(violation);
                }
                if self.rests.is_multiple_of(PAGES_MAX) {
                    self.note(|| violation.what);
                    self.let_a_week_pass()?;
                }
                Ok(false)
            }
            Err(violation) => Err(violation),
            Ok(()) => Ok(true),
        }
    }

    /// The shops are closed; devices are off.
    fn let_a_week_pass(&mut self) -> Check {
        self.tally.note("end: a week passes");
        self.note(|| "a week passes".into());
        self.queue.clear();
        self.parked.clear();
        for number in 0..self.devices.len() {
            self.switch_off(number, false)?;
        }
        self.heal_ms += WEEK_MS;
        self.after(WEEK_MS, Happening::Look);
        Ok(())
    }

    fn outcome(&mut self) -> Run {
        self.tally.add("events", self.ledger.facts.len() as u64);
        self.tally.add("orders", self.ledger.sales.len() as u64);
        let trace = self.trace.finish();
        let tally = self.tally.clone();
        let simulated_ms = self.now_ms;
        let lines = std::mem::take(&mut self.lines);
        Run { trace, steps: self.steps, acts: 0, simulated_ms, tally, lines }
    }

    /// A beginning for other runs: devices are enrolled, everything is read, nothing waits.
    pub(crate) fn into_template(mut self) -> Check<Template> {
        self.central.learn_stock().or_else(|what| Invariant::NoPanic.broken(what))?;
        for _ in 0..DEVICES {
            self.add_device(None);
        }
        self.at(0, Happening::Heal);
        self.run()?;
        let customers = customers(self.keys("customer", EVERYBODY)?);
        let devices = (0..self.devices.len()).map(|number| self.copy_of(number)).collect();
        let (ledger, central) = (self.ledger, self.central);
        let (central, seen) =
            central.into_template().or_else(|what| Invariant::NoPanic.broken(what))?;
        Ok(Template { central, seen, ledger, devices, customers })
    }

    fn happen(&mut self, happening: Happening) -> Check {
        match happening {
            Happening::Act(act) => self.act(act),
            Happening::Tick { device, boot, at_ms } => self.tick(device, boot, at_ms),
            Happening::Arrive(call) => self.arrive(*call),
            Happening::Answer { device, boot, ticket, result } => {
                self.answer(device, boot, ticket, *result)
            }
            Happening::Work { device, boot, ticket, work } => {
                self.work(device, boot, ticket, *work)
            }
            Happening::GiveUp { device, boot, ticket } => self.give_up(device, boot, ticket),
            Happening::Space { device } => {
                let hits = self.devices[device].disk.repair();
                self.tally.add("disk: operations refused", hits);
                Ok(())
            }
            Happening::PowerBack { device } => self.switch_on(device, false),
            Happening::VersionEnds => {
                self.central.set_version(Version::Same);
                Ok(())
            }
            Happening::Heal => self.heal(),
            Happening::Look => self.look(),
        }
    }

    fn act(&mut self, act: Act) -> Check {
        // A plan knows nothing of the devices that came later, and acts on those that are there.
        match act {
            Act::On(device) => self.switch_on(device, true),
            Act::Off(device, is_plug_pulled) => self.switch_off(device, is_plug_pulled),
            Act::Sell(device, draw) => self.sell(device, draw),
            Act::EndShift(device) => self.end_shift(device),
            Act::PowerCut { device, after_writes, off_ms, draw } => {
                self.arm_cut(device, after_writes, off_ms, draw)
            }
            Act::Restart(device) => self.restart(device),
            Act::FailDisk { device, after, count } => {
                self.devices[device].disk.fail(after, count);
                self.after(60_000, Happening::Space { device });
                Ok(())
            }
            Act::FillDisk { device, for_ms } => {
                self.tally.note("disk: full");
                self.devices[device].disk.fill();
                self.after(for_ms, Happening::Space { device });
                Ok(())
            }
            Act::SetClock(device, offset_ms) => {
                self.tally.note("clock: set");
                let now_ms = self.now_ms;
                self.devices[device].clock.set(now_ms, offset_ms);
                Ok(())
            }
            Act::Drift(device, ppm) => {
                self.tally.note("clock: drifts");
                let now_ms = self.now_ms;
                self.devices[device].clock.drift(now_ms, ppm);
                Ok(())
            }
            Act::Weather { device, spell, for_ms } => {
                let until_ms = self.now_ms + for_ms;
                self.network.begin(device, spell, until_ms, &mut self.tally);
                Ok(())
            }
            Act::Cut(device, is_cut) => self.cut_line(device, is_cut),
            Act::Clone { device, draw } => self.clone_device(device, draw),
            Act::Backup(device) => self.back_up_device(device),
            Act::Restore(device) => self.restore_device(device),
            Act::Attend(device, draw) => self.attend(device, draw),
            Act::Damage(device, draw) => self.damage(device, draw),
            other => self.office(&other),
        }
    }

    /// Whether a class of faults is on.
    pub(crate) fn has(&self, class: Class) -> bool {
        self.settings.classes.has(class)
    }

    fn note_happening(&mut self, happening: &Happening) {
        let brief = match happening {
            Happening::Act(act) => format!("{act:?}"),
            Happening::Tick { device, .. } => format!("{device} tick"),
            Happening::Arrive(call) => format!("{} {} arrives", call.device, call.name()),
            Happening::Answer { device, ticket, result, .. } => match result.as_ref() {
                Ok(_) => format!("{device} answer {ticket}"),
                Err(fault) => format!("{device} answer {ticket}: {fault}"),
            },
            Happening::Work { device, ticket, work, .. } => {
                format!("{device} {} {ticket}", work.name())
            }
            // Told only when it means something: each call has one.
            Happening::GiveUp { .. } => return,
            Happening::Space { device } => format!("{device} disk in order"),
            Happening::PowerBack { device } => format!("{device} has power again"),
            Happening::VersionEnds => "central is of our version again".into(),
            Happening::Heal => "the faults end".into(),
            Happening::Look => "somebody looks".into(),
        };
        self.note(|| brief);
    }

    /// Adds a line to the trace.
    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        let line = line();
        (self.now_ms, &line).hash(&mut self.trace);
        if self.settings.is_traced {
            let seconds = self.now_ms / 1_000;
            let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
            let ms = self.now_ms % 60_000;
            self.lines.push(format!("{hours:>4}:{minutes:02}:{:06.3} {line}", ms as f64 / 1_000.0));
        }
    }
}
