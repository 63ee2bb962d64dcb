//! What can happen to a message on its way: chances that hold for a whole run, and windows of bad weather.
//!
//! Every die is rolled even if its class of faults is switched off, so that leaving a class out while shrinking
//! changes as little else as possible.

use crate::class::{Class, Classes};
use crate::tally::Tally;
use rand::RngExt;
use rand::rngs::StdRng;
use sync::call::Fault;

/// How bad the line is: chances in a thousand, for a whole run.
#[derive(Clone, Debug)]
pub struct Weather {
    chances: [(Class, u32); 7],
}

/// What happens to every message for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spell {
    /// Requests get nowhere, and nobody says so.
    NoRequests,
    /// Central gets requests, the answers get lost.
    NoAnswers,
    /// There is no connection, and one knows at once.
    NoLine,
    /// A login page answers.
    Portal,
    /// Whatever stands before central answers with this status.
    Down {
        /// HTTP status.
        status: u16,
        /// `Retry-After`, seconds.
        retry_after_s: Option<u32>,
    },
    /// Everything takes up to this many milliseconds longer.
    Slow(u64),
}

impl Spell {
    const fn class(self) -> Class {
        match self {
            Self::NoRequests | Self::NoAnswers | Self::NoLine => Class::Partition,
            Self::Portal => Class::Portal,
            Self::Down { status: 429, .. } => Class::Throttle,
            Self::Down { .. } => Class::Failing,
            Self::Slow(_) => Class::Delay,
        }
    }
}

/// A spell with its time and whom it concerns.
#[derive(Clone, Copy, Debug)]
struct Window {
    device: Option<usize>,
    until_ms: u64,
    spell: Spell,
}

/// What becomes of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Never reaches central; this is what the terminal hears.
    Refused {
        /// When.
        after_ms: u64,
        /// What.
        fault: Fault,
    },
    /// Reaches central.
    Arrives {
        /// After so long.
        there_ms: u64,
        /// And once more.
        again_ms: Option<u64>,
        /// The answer takes so long; `None` if it gets lost.
        back_ms: Option<u64>,
        /// What the terminal hears instead of the answer.
        instead: Option<Fault>,
        /// The bytes of a chunk change on the way.
        damages: bool,
    },
    /// Nothing arrives; only the terminal's own timeout ends it.
    Swallowed,
}

/// The network between all devices and central.
pub struct Network {
    weather: Weather,
    classes: Classes,
    windows: Vec<Window>,
    rng: StdRng,
    is_calm: bool,
}

impl Weather {
    /// Draws a run's weather: some runs are calm, some are dreadful.
    pub fn draw(rng: &mut StdRng) -> Self {
        let storm = [0, 20, 60, 150][rng.random_range(0..4)];
        let mut chance = |class, share: u32| (class, rng.random_range(0..=storm * share / 4));
        Self {
            chances: [
                chance(Class::Loss, 3),
                chance(Class::Duplicate, 3),
                chance(Class::Delay, 3),
                chance(Class::CutBody, 2),
                chance(Class::LostAnswer, 4),
                chance(Class::Failing, 2),
                chance(Class::Throttle, 1),
            ],
        }
    }

    fn chance(&self, class: Class) -> u32 {
        self.chances.iter().find(|(of, _)| *of == class).map_or(0, |(_, chance)| *chance)
    }
}

impl Network {
    /// A network with its weather.
    pub fn new(weather: Weather, classes: Classes, rng: StdRng) -> Self {
        Self { weather, classes, windows: Vec::new(), rng, is_calm: false }
    }

    /// A spell begins, for one device or all.
    pub fn begin(&mut self, device: Option<usize>, spell: Spell, until_ms: u64, tally: &mut Tally) {
        if self.classes.has(spell.class()) && !self.is_calm {
            tally.note(match spell {
                Spell::NoRequests => "spell: requests lost",
                Spell::NoAnswers => "spell: answers lost",
                Spell::NoLine => "spell: no line",
                Spell::Portal => "spell: login page",
                Spell::Down { status: 429, .. } => "spell: throttled",
                Spell::Down { .. } => "spell: central down",
                Spell::Slow(_) => "spell: slow",
            });
            self.windows.push(Window { device, until_ms, spell });
        }
    }

    /// No faults any more.
    pub fn calm(&mut self) {
        self.is_calm = true;
        self.windows.clear();
    }

    fn strikes(&mut self, class: Class, tally: &mut Tally, name: &'static str) -> bool {
        let strikes = self.rng.random_range(0..1_000) < self.weather.chance(class);
        let counts = strikes && !self.is_calm && self.classes.has(class);
        if counts {
            tally.note(name);
        }
        counts
    }

    fn spells(&self, device: usize, now_ms: u64) -> Vec<Spell> {
        let holds = |window: &&Window| {
            window.until_ms > now_ms && window.device.is_none_or(|of| of == device)
        };
        self.windows.iter().filter(holds).map(|window| window.spell).collect()
    }

    /// What becomes of a call that is sent now.
    pub fn fate(&mut self, device: usize, now_ms: u64, tally: &mut Tally) -> Fate {
        let after_ms = self.rng.random_range(1..200);
        let extra_ms = self.rng.random_range(0..1_000);
        let spells = self.spells(device, now_ms);
        let by_chance = self.by_chance(after_ms, tally);
        for spell in &spells {
            let fault = match spell {
                Spell::NoRequests => return Fate::Swallowed,
                Spell::NoLine => Fault::Unreachable,
                Spell::Portal => Fault::Garbage { content_type: "text/html".into() },
                Spell::Down { status, retry_after_s } => {
                    Fault::Status { status: *status, retry_after_s: *retry_after_s }
                }
                Spell::NoAnswers | Spell::Slow(_) => continue,
            };
            return Fate::Refused { after_ms, fault };
        }
        let Fate::Arrives { mut there_ms, again_ms, mut back_ms, instead, damages } = by_chance
        else {
            return by_chance;
        };
        for spell in &spells {
            match spell {
                Spell::NoAnswers => back_ms = None,
                Spell::Slow(ms) => there_ms += ms * extra_ms / 1_000,
                _ => {}
            }
        }
        Fate::Arrives { there_ms, again_ms, back_ms, instead, damages }
    }

    fn by_chance(&mut self, after_ms: u64, tally: &mut Tally) -> Fate {
        let refused = |fault| Fate::Refused { after_ms, fault };
        let seconds = self.rng.random_range(1..60);
        let is_throttled = self.strikes(Class::Throttle, tally, "answer: 429");
        let is_lost = self.strikes(Class::Loss, tally, "request: lost");
        let is_early = self.rng.random_bool(0.5);
        let is_failing = self.strikes(Class::Failing, tally, "answer: 502");
        let is_slow = self.strikes(Class::Delay, tally, "request: late");
        let (late_ms, soon_ms) =
            (self.rng.random_range(1_000..90_000), self.rng.random_range(1..50));
        let there_ms = if is_slow { late_ms } else { soon_ms };
        let is_doubled = self.strikes(Class::Duplicate, tally, "request: doubled");
        let again_ms = there_ms + self.rng.random_range(0..120_000);
        let is_answer_lost = self.strikes(Class::LostAnswer, tally, "answer: lost");
        let is_answer_late = self.strikes(Class::Delay, tally, "answer: late");
        let back_ms = match is_answer_late {
            true => self.rng.random_range(500..40_000),
            false => self.rng.random_range(1..50),
        };
        let damages = self.rng.random_bool(0.5);
        let is_cut = self.strikes(Class::CutBody, tally, "answer: cut or damaged");
        let failing = Fault::Status { status: 502, retry_after_s: None };
        if is_throttled {
            return refused(Fault::Status { status: 429, retry_after_s: Some(seconds) });
        }
        if is_lost {
            return Fate::Swallowed;
        }
        if is_failing && is_early {
            return refused(failing);
        }
        let cut = match is_early {
            // What the HTTP client makes of a body that breaks off, and of one that is no JSON any more.
            true => Fault::Unreachable,
            false => Fault::Garbage { content_type: "application/json".into() },
        };
        let instead = match (is_failing, is_cut) {
            (true, _) => Some(failing),
            (false, true) if !damages => Some(cut),
            _ => None,
        };
        Fate::Arrives {
            there_ms,
            again_ms: is_doubled.then_some(again_ms),
            back_ms: (!is_answer_lost).then_some(back_ms),
            instead,
            damages: is_cut && damages,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn network(classes: Classes) -> Network {
        let mut rng = StdRng::seed_from_u64(3);
        let weather = std::iter::repeat_with(|| Weather::draw(&mut rng))
            .find(|weather| weather.chances.iter().all(|(_, chance)| *chance > 0));
        Network::new(weather.expect("some weather is bad"), classes, rng)
    }

    #[test]
    fn without_classes_everything_arrives() {
        let mut tally = Tally::default();
        let mut network = network(Classes::NONE);
        network.begin(None, Spell::NoLine, 1_000, &mut tally);
        for _ in 0..500 {
            let fate = network.fate(0, 0, &mut tally);
            let Fate::Arrives { again_ms: None, back_ms: Some(_), instead: None, .. } = fate else {
                panic!("{fate:?}");
            };
        }
        assert_eq!(tally, Tally::default());
    }

    #[test]
    fn spells_concern_their_device_and_their_time() {
        let mut tally = Tally::default();
        let mut network = network(Classes::NONE.with(Class::Partition).with(Class::Portal));
        network.begin(Some(1), Spell::NoLine, 1_000, &mut tally);
        network.begin(None, Spell::Portal, 500, &mut tally);
        let heard = |network: &mut Network, device, now_ms| match network.fate(
            device,
            now_ms,
            &mut Tally::default(),
        ) {
            Fate::Refused { fault, .. } => Some(fault),
            _ => None,
        };
        assert_eq!(heard(&mut network, 1, 700), Some(Fault::Unreachable));
        assert_eq!(heard(&mut network, 0, 700), None);
        assert!(matches!(heard(&mut network, 0, 100), Some(Fault::Garbage { .. })));
        assert_eq!(heard(&mut network, 1, 1_000), None);
        network.calm();
        assert_eq!(heard(&mut network, 0, 100), None);
    }
}
