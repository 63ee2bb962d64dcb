//! Clips: a hand brings a label before a camera that still looks for its focus and its exposure.
//!
//! A clip is a plan; its frames are taken one by one, in any order. For each frame it says whether the code can be read
//! in it, by a rule that looks at nothing but the plan, never at a reader.

use crate::camera::{Blur, Shot};
use crate::chance::{Chance, decay, sin};
use crate::label::{Print, Scene};
use crate::pose::Lens;
use crate::symbol::{Kind, Symbol};
use scan::Frame;
use std::f32::consts::PI;

/// From one frame to the next: a camera of 30 frames a second.
pub const FRAME_MS: u64 = 33;
/// A second and a half.
const FRAMES: usize = 45;

/// How the label comes before the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    /// From afar.
    Approach,
    /// From the side.
    Slide,
    /// It is there, and the focus looks for it.
    Hunt,
    /// It is there, and it is far too bright or too dark.
    Settle,
    /// From afar, with focus and exposure still on their way.
    All,
}

const ARRIVALS: [Arrival; 5] =
    [Arrival::Approach, Arrival::Slide, Arrival::Hunt, Arrival::Settle, Arrival::All];

/// A till sees mostly these.
const KINDS: [Kind; 12] = [
    Kind::Ean13,
    Kind::UpcA,
    Kind::Ean13,
    Kind::Qr,
    Kind::Ean13,
    Kind::Code128,
    Kind::Ean8,
    Kind::Ean13,
    Kind::DataMatrix,
    Kind::Ean13,
    Kind::Itf14,
    Kind::UpcE,
];

/// A swing of the hand: pixels, turns a second, where it starts.
#[derive(Clone, Copy, Debug)]
struct Swing {
    reach: f32,
    frequency: f32,
    phase: f32,
}

impl Swing {
    fn at(&self, seconds: f32) -> f32 {
        self.reach * sin(2.0 * PI * (self.frequency * seconds + self.phase))
    }
}

/// One clip.
pub struct Clip {
    /// What is printed on the label.
    pub symbol: Symbol,
    scene: Scene,
    base: Shot,
    arrival: Arrival,
    sway: [[Swing; 3]; 2],
    wobble: Swing,
    /// Pixels to a module at the start, as a share of those at the end.
    start_scale: f32,
    /// Where the label slides in from, in pixels.
    start_place: (f32, f32),
    arrival_seconds: f32,
    hunt: Swing,
    start_exposure: f32,
    settle_seconds: f32,
    shutter_seconds: f32,
    noise: Chance,
}

/// One frame of a clip as planned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// How it is taken.
    pub shot: Shot,
    /// Whether the code can be read in it.
    pub is_readable: bool,
}

impl Clip {
    /// The clip of a seed.
    pub fn of(seed: u64) -> Self {
        let chance = Chance::new(seed.wrapping_mul(0x3_0001).wrapping_add(77));
        let kind = KINDS[seed as usize % KINDS.len()];
        let arrival = ARRIVALS[seed as usize % ARRIVALS.len()];
        let symbol = Symbol::invented(kind, &mut chance.branch(1));
        let mut knobs = chance.branch(2);
        let print = Print {
            bar_height: knobs.between(40.0, 70.0),
            spread: knobs.between(-0.1, 0.15),
            ..Print::default()
        };
        let scene = Scene::of(&symbol, &print, &mut chance.branch(3));
        let swing = |knobs: &mut Chance, reach: f32, low: f32, high: f32| Swing {
            reach: knobs.between(0.4, 1.0) * reach,
            frequency: knobs.between(low, high),
            phase: knobs.between(0.0, 1.0),
        };
        // Slow drift, the hand's tremor of eight to eleven a second, and what lies between.
        let mut sway = || {
            [
                swing(&mut knobs, 12.0, 0.5, 1.5),
                swing(&mut knobs, 3.0, 3.0, 6.0),
                swing(&mut knobs, 0.8, 8.0, 11.0),
            ]
        };
        let sway = [sway(), sway()];
        let wobble = swing(&mut knobs, 0.03, 0.6, 3.0);
        let hunt = swing(&mut knobs, 2.0, 1.2, 2.5);
        let from = knobs.between(0.0, 2.0 * PI);
        let (from_y, from_x) = crate::chance::sin_cos(from);
        Self {
            base: base(&symbol, &mut knobs),
            arrival,
            sway,
            wobble,
            start_scale: knobs.between(0.3, 0.5),
            start_place: (from_x * 900.0, from_y * 600.0),
            arrival_seconds: knobs.between(0.3, 0.7),
            hunt,
            start_exposure: if knobs.is(50) { 0.04 } else { 6.0 },
            settle_seconds: knobs.between(0.08, 0.2),
            shutter_seconds: knobs.between(0.004, 0.016),
            noise: chance.branch(4),
            symbol,
            scene,
        }
    }

    /// How many frames it has.
    pub const fn frames(&self) -> usize {
        FRAMES
    }

    /// Takes frame `index`.
    pub fn frame(&self, index: usize) -> Frame {
        let mut noise = self.noise.branch(index as u64);
        let frame = self.moment(index).shot.take(&self.scene, &mut noise);
        // A camera's first frame is not taken at 0, which readers may take for "no time".
        Frame { taken_ms: (index as u64 + 1) * FRAME_MS, ..frame }
    }

    fn place(&self, seconds: f32) -> (f32, f32) {
        let sway = |axis: usize| self.sway[axis].iter().map(|swing| swing.at(seconds)).sum::<f32>();
        let left = match self.arrival {
            Arrival::Slide => self.left(seconds),
            _ => 0.0,
        };
        let (x, y) = self.base.pose.place;
        (x + sway(0) + left * self.start_place.0, y + sway(1) + left * self.start_place.1)
    }

    /// The share of the way that is still before it: quick first, then slower.
    fn left(&self, seconds: f32) -> f32 {
        let left = 1.0 - (seconds / self.arrival_seconds).min(1.0);
        left * left * left
    }

    /// Frame `index` as planned.
    pub fn moment(&self, index: usize) -> Moment {
        let seconds = index as f32 * FRAME_MS as f32 / 1000.0;
        let mut shot = self.base;
        let (comes, hunts, settles) = match self.arrival {
            Arrival::Approach => (true, false, false),
            Arrival::Slide => (false, false, false),
            Arrival::Hunt => (false, true, false),
            Arrival::Settle => (false, false, true),
            Arrival::All => (true, true, true),
        };
        if comes {
            shot.pose.pixels_per_module *=
                self.start_scale + (1.0 - self.start_scale) * (1.0 - self.left(seconds));
        }
        let scale = shot.pose.pixels_per_module;
        shot.pose.place = self.place(seconds);
        shot.pose.roll += self.wobble.at(seconds);
        if hunts {
            let swing = self.hunt.at(seconds).abs();
            shot.blur.defocus += swing * decay(-seconds / 0.3);
        }
        if settles {
            let left = decay(-seconds / self.settle_seconds);
            shot.sensor.exposure *= 1.0 + (self.start_exposure - 1.0) * left;
        }
        // What the hand does while the shutter is open.
        let half = self.shutter_seconds / 2.0;
        let (from, to) = (self.place(seconds - half), self.place(seconds + half));
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = (dx * dx + dy * dy).sqrt();
        let direction = if dx.abs() < 1e-6 { PI / 2.0 } else { crate::chance::atan(dy / dx) };
        shot.blur = Blur { motion: length / scale, direction, ..shot.blur };
        Moment { shot, is_readable: self.is_readable(&shot) }
    }

    /// The rule: the code is whole in the picture, its modules wide enough, and neither blur nor exposure takes what
    /// tells them apart. Well inside of what is asked of stills, since a till must be quick only where reading is easy.
    fn is_readable(&self, shot: &Shot) -> bool {
        let is_matrix = self.symbol.kind.is_matrix();
        let (module_min, defocus_max, motion_max) =
            if is_matrix { (2.0, 0.4, 0.7) } else { (1.5, 0.5, 1.0) };
        let lens = Lens::new(&shot.pose, shot.size);
        let (x, y) = self.scene.code;
        let quiet = self.symbol.kind.quiet_modules();
        let (left, right) = (-x - quiet.0 as f32, x + quiet.1 as f32);
        let is_whole = [(left, -y), (right, -y), (right, y), (left, y)].iter().all(|(u, v)| {
            let (x, y) = lens.pixel(*u, *v);
            (0.0..shot.size.0 as f32).contains(&x) && (0.0..shot.size.1 as f32).contains(&y)
        });
        let (across, down) = lens.module_pixels(self.scene.code);
        let module = if is_matrix { across.min(down) } else { across };
        let exposure = shot.sensor.exposure;
        is_whole
            && module >= module_min
            && shot.blur.defocus <= defocus_max
            && shot.blur.motion <= motion_max
            && (0.15..=1.4).contains(&exposure)
    }
}

/// The shot that the clip ends with.
fn base(symbol: &Symbol, chance: &mut Chance) -> Shot {
    let mut shot = Shot { size: (1280, 720), ..Shot::default() };
    let wide = if symbol.kind.is_matrix() { 1.5 } else { 1.0 };
    shot.pose.pixels_per_module = chance.between(2.2, 3.4) * wide;
    shot.pose.place = (chance.between(-120.0, 120.0), chance.between(-60.0, 60.0));
    shot.pose.roll = chance.between(-0.3, 0.3);
    if chance.is(20) {
        shot.pose.roll += PI / 2.0 * chance.sign();
    } else if chance.is(20) {
        shot.pose.roll += PI;
    }
    shot.pose.tilt = chance.between(0.0, 0.4);
    shot.pose.tilt_axis = chance.between(0.0, 2.0 * PI);
    shot.blur.defocus = chance.between(0.1, 0.25);
    shot.light.slope = (chance.between(-0.15, 0.15), chance.between(-0.15, 0.15));
    shot.light.vignette = chance.between(0.0, 0.15);
    shot.sensor.exposure = chance.between(0.5, 1.0);
    shot.sensor.photons = chance.between(500.0, 4000.0);
    shot.sensor.read = 0.006;
    shot.sensor.sharpen = chance.between(0.0, 0.3);
    shot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clip_becomes_readable_and_ends_so() {
        let mut late = 0;
        for seed in 0..120 {
            let clip = Clip::of(seed);
            let readable: Vec<bool> =
                (0..clip.frames()).map(|index| clip.moment(index).is_readable).collect();
            let first = readable.iter().position(|is| *is);
            assert!(first.is_some_and(|first| first < 35), "{seed} {:?} {first:?}", clip.arrival);
            assert!(readable[FRAMES - 1], "{seed} {:?}", clip.arrival);
            late += usize::from(first > Some(2));
        }
        assert!(late > 50, "many start before they can be read: {late}");
    }
}
