//! Frames without a code, thousands of them: each scene is seen a few times by an unsteady hand.
//!
//! A false number of a stream needs lines that agree across frames, so a scene that is seen once asks too little.

use crate::camera::Shot;
use crate::chance::Chance;
use crate::ground::Ground;
use crate::label::Scene;
use scan::Frame;
use std::f32::consts::PI;

/// One scene.
pub struct Empty {
    /// What is seen.
    pub ground: Ground,
    scene: Scene,
    base: Shot,
    chance: Chance,
}

impl Empty {
    /// Frames that each scene is seen in: as many as a stream has dear strategies to take in turn.
    pub const FRAMES: usize = 8;

    /// The scene of a seed.
    pub fn of(seed: u64) -> Self {
        let chance = Chance::new(seed.wrapping_mul(0x5_0001).wrapping_add(991));
        let ground = Ground::ALL[seed as usize % Ground::ALL.len()];
        let area = [-130.0, -98.0, 130.0, 98.0];
        let scene = Scene::empty(ground.paint(area, 3.0, &mut chance.branch(1)));
        let mut knobs = chance.branch(2);
        // Every eighth is as large as a camera's best mode.
        let size = if seed % 8 == 7 { (1280, 720) } else { (640, 480) };
        let mut base = Shot { size, ..Shot::default() };
        base.pose.pixels_per_module = knobs.between(1.2, 5.0) * size.1 as f32 / 480.0;
        base.pose.roll = match knobs.below(3) {
            0 => knobs.between(0.0, 2.0 * PI),
            _ => knobs.between(-0.15, 0.15),
        };
        base.pose.tilt = knobs.between(0.0, 0.8);
        base.pose.tilt_axis = knobs.between(0.0, 2.0 * PI);
        if knobs.is(40) {
            base.blur.defocus = knobs.between(0.0, 1.0);
        }
        if knobs.is(25) {
            base.blur.motion = knobs.between(0.3, 3.0);
            base.blur.direction = knobs.between(0.0, PI);
        }
        base.light.slope = (knobs.between(-0.3, 0.3), knobs.between(-0.3, 0.3));
        base.sensor.exposure = if knobs.is(15) { 0.15 } else { knobs.between(0.5, 1.2) };
        base.sensor.photons = knobs.between(150.0, 5000.0);
        base.sensor.sharpen = knobs.between(0.0, 0.4);
        base.sensor.jpeg = knobs.is(20).then(|| 15 + knobs.below(70) as u8);
        Self { ground, scene, base, chance: chance.branch(3) }
    }

    /// Takes frame `index` of it.
    pub fn frame(&self, index: usize) -> Frame {
        let mut chance = self.chance.branch(index as u64);
        let mut shot = self.base;
        shot.pose.place = (chance.between(-15.0, 15.0), chance.between(-15.0, 15.0));
        shot.pose.roll += chance.between(-0.02, 0.02);
        shot.pose.pixels_per_module *= chance.between(0.98, 1.02);
        shot.take(&self.scene, &mut chance)
    }
}
