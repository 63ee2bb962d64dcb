//! Seeded runs: terminals, their storage and a model of central, under every fault we could think
//! of.
//!
//! One seed decides everything: who sells what and when, which messages get lost, doubled, late or
//! damaged, when programs and disks stop, when central or a till is restored from a backup, when a
//! database is damaged and recovered. First the *safety* phase with faults, where central may hold
//! nothing but what a till wrote under that number; then everything heals, a person does what the
//! screen asks, and within the time allowed every event must be at central, every outbox empty and
//! every feed equal (*liveness*).
//!
//! It is small and fast, on doubles in memory; `tests/sim` runs the same engine on the real storage
//! and the real central.
//!
//! Replay one seed with its trace: `SIM_SEED=17 cargo test -p crossroads-sync sim -- --nocapture`.
//! More seeds than usual: `SIM_SEEDS=100000 cargo test -p crossroads-sync sim`.

mod check;
mod network;
mod world;

use world::World;

/// Seeds of an ordinary test run; about ten seconds of a core in a debug build.
const SEEDS: u64 = 120;
/// Seeds that once found a fault.
const REGRESSIONS: [u64; 3] = [60, 251, 332];

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_seed_keeps_every_event_exactly_once() {
    if let Some(seed) = from_environment("SIM_SEED") {
        World::new(seed, true).run();
        return;
    }
    let count = from_environment("SIM_SEEDS").unwrap_or(SEEDS);
    let mut steps = 0;
    for seed in REGRESSIONS.into_iter().chain(0..count) {
        let run = std::panic::catch_unwind(|| World::new(seed, false).run());
        match run {
            Ok(run) => steps += run.steps,
            Err(_) => panic!(
                "seed {seed} fails; replay: \
                 SIM_SEED={seed} cargo test -p crossroads-sync sim -- --nocapture"
            ),
        }
    }
    assert!(steps > count * 500, "the runs do something: {steps} steps");
}

#[test]
fn a_seed_replays_bit_for_bit() {
    for seed in 0..10 {
        assert_eq!(World::new(seed, false).run(), World::new(seed, false).run(), "seed {seed}");
    }
}
