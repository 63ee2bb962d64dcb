//! What can happen to a message on its way.

use crate::call::Fault;
use rand::RngExt;
use rand::rngs::StdRng;

/// How bad the world is: chances in a thousand, drawn once for each seed, so that some runs are
/// calm.
#[derive(Clone, Debug)]
pub struct Weather {
    unreachable: u32,
    lost_request: u32,
    lost_answer: u32,
    doubled: u32,
    late: u32,
    garbage: u32,
    failing: u32,
    throttled: u32,
    pub damaged_chunk: u32,
    pub failing_disk: u32,
}

/// What becomes of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Never reaches central; this is what the terminal hears.
    Refused { after_ms: u64, fault: Fault },
    /// Reaches central after `there_ms`, perhaps once more after `again_ms`; the answer after
    /// `back_ms`, if at all.
    Arrives { there_ms: u64, again_ms: Option<u64>, back_ms: Option<u64>, instead: Option<Fault> },
    /// Nothing arrives; only the terminal's own timeout ends it.
    Swallowed,
}

impl Weather {
    pub fn draw(rng: &mut StdRng) -> Self {
        let storm = [0, 20, 80, 200][rng.random_range(0..4)];
        let mut chance = |share: u32| rng.random_range(0..=storm * share / 4);
        Self {
            unreachable: chance(4),
            lost_request: chance(3),
            lost_answer: chance(4),
            doubled: chance(3),
            late: chance(3),
            garbage: chance(2),
            failing: chance(3),
            throttled: chance(1),
            damaged_chunk: chance(2),
            failing_disk: chance(1),
        }
    }

    /// No faults any more.
    pub fn calm() -> Self {
        Self {
            unreachable: 0,
            lost_request: 0,
            lost_answer: 0,
            doubled: 0,
            late: 0,
            garbage: 0,
            failing: 0,
            throttled: 0,
            damaged_chunk: 0,
            failing_disk: 0,
        }
    }

    pub fn fate(&self, rng: &mut StdRng) -> Fate {
        let happens = |rng: &mut StdRng, chance: u32| rng.random_range(0..1_000) < chance;
        let after_ms = rng.random_range(1..200);
        let refused = |fault| Fate::Refused { after_ms, fault };
        if happens(rng, self.unreachable) {
            return refused(Fault::Unreachable);
        }
        if happens(rng, self.garbage) {
            return refused(Fault::Garbage { content_type: "text/html".into() });
        }
        if happens(rng, self.throttled) {
            let retry_after_s = Some(rng.random_range(1..60));
            return refused(Fault::Status { status: 429, retry_after_s });
        }
        if happens(rng, self.lost_request) {
            return Fate::Swallowed;
        }
        let failing = Fault::Status { status: 502, retry_after_s: None };
        // Before central has done anything, or after it has done everything.
        if happens(rng, self.failing) && rng.random_bool(0.5) {
            return refused(failing);
        }
        let slow = happens(rng, self.late);
        let there_ms = if slow { rng.random_range(1_000..90_000) } else { rng.random_range(1..50) };
        let doubled = happens(rng, self.doubled);
        let again_ms = doubled.then(|| there_ms + rng.random_range(0..120_000));
        let is_answer_lost = happens(rng, self.lost_answer);
        let back_ms = rng.random_range(1..50);
        let instead = happens(rng, self.failing).then_some(failing);
        let back_ms = (!is_answer_lost).then_some(back_ms);
        Fate::Arrives { there_ms, again_ms, back_ms, instead }
    }

    pub fn strikes(&self, rng: &mut StdRng, chance: u32) -> bool {
        rng.random_range(0..1_000) < chance
    }
}
