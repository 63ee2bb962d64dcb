//! Kinds of difficulty, one a class: what is asked of a still picture, and the pictures of a seed.
//!
//! Each class turns one screw and leaves the others at what a careful hand does. Measures are in modules, so that a
//! class is equally hard at every distance.

use crate::camera::{Glare, Shadow, Shot};
use crate::chance::Chance;
use crate::label::{Print, Scene};
use crate::pose::Curve;
use crate::symbol::{Kind, Symbol};
use scan::Frame;
use std::f32::consts::PI;

/// A difficulty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// As from a scanner's manual.
    Plain,
    /// Turned by any angle.
    Turned,
    /// At 45 degrees, with low bars that no row crosses whole.
    Diagonal,
    /// 1.3 pixels to a module; 1.9 for matrix codes.
    Small,
    /// Two modules of motion along the row; one for matrix codes.
    Motion,
    /// A Gaussian of 0.8 modules; 0.45 for matrix codes.
    Defocus,
    /// Light on dark.
    Inverted,
    /// Few photons, smoothed and dark.
    LowLight,
    /// Leant by 30 to 50 degrees.
    Perspective,
    /// On a bottle or a can.
    Curved,
    /// A lamp mirrored beside or upon the code.
    Glare,
    /// The edge of a shadow across the code.
    Shadow,
    /// Grain.
    Noise,
    /// Quality 12 to 30.
    Jpeg,
    /// Scratched and stained.
    Damaged,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 15] = [
        Self::Plain,
        Self::Turned,
        Self::Diagonal,
        Self::Small,
        Self::Motion,
        Self::Defocus,
        Self::Inverted,
        Self::LowLight,
        Self::Perspective,
        Self::Curved,
        Self::Glare,
        Self::Shadow,
        Self::Noise,
        Self::Jpeg,
        Self::Damaged,
    ];

    /// Those of which an EAN-13 must be read in nine of twelve pictures.
    pub const BARRED: [Self; 6] =
        [Self::Diagonal, Self::Small, Self::Motion, Self::Defocus, Self::Inverted, Self::LowLight];

    /// As it is named in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Turned => "turned",
            Self::Diagonal => "45 degrees",
            Self::Small => "1.3 px/module",
            Self::Motion => "motion 2 modules",
            Self::Defocus => "defocus 0.8",
            Self::Inverted => "inverted",
            Self::LowLight => "low light",
            Self::Perspective => "perspective",
            Self::Curved => "curved",
            Self::Glare => "glare",
            Self::Shadow => "shadow",
            Self::Noise => "noise",
            Self::Jpeg => "jpeg",
            Self::Damaged => "damaged",
        }
    }
}

/// A picture with what is printed in it.
pub struct Picture {
    /// The code.
    pub symbol: Symbol,
    /// The label.
    pub scene: Scene,
    /// How it is taken.
    pub shot: Shot,
    noise: Chance,
}

impl Picture {
    /// The picture of a seed.
    pub fn of(class: Class, kind: Kind, seed: u64) -> Self {
        let (symbol, print, shot) = plan(class, kind, seed);
        let chance = chance_of(kind, seed);
        let scene = Scene::of(&symbol, &print, &mut chance.branch(100));
        Self { symbol, scene, shot, noise: chance.branch(101) }
    }

    /// Takes it.
    pub fn frame(&self) -> Frame {
        self.shot.take(&self.scene, &mut self.noise.clone())
    }
}

/// The class is no part of it: all classes show the same labels, so that they can be compared.
fn chance_of(kind: Kind, seed: u64) -> Chance {
    Chance::new(seed.wrapping_mul(0x1_0001).wrapping_add(kind as u64 + 1))
}

fn plan(class: Class, kind: Kind, seed: u64) -> (Symbol, Print, Shot) {
    let chance = chance_of(kind, seed);
    let symbol = Symbol::invented(kind, &mut chance.branch(1));
    let (mut print, mut shot) = (Print::default(), Shot::default());
    let mut knobs = chance.branch(2 + class as u64);
    careful(&mut print, &mut shot, &mut knobs);
    class.apply(&symbol, &mut print, &mut shot, &mut knobs);
    // Long codes are held further away, so that they are whole at any angle.
    let scale_max = 530.0 / symbol.columns as f32;
    shot.pose.pixels_per_module = shot.pose.pixels_per_module.min(scale_max);
    (symbol, print, shot)
}

/// What differs from picture to picture even where nothing is difficult.
fn careful(print: &mut Print, shot: &mut Shot, chance: &mut Chance) {
    print.bar_height = chance.between(35.0, 70.0);
    print.spread = chance.between(-0.1, 0.15);
    print.paper = chance.between(0.7, 0.88);
    print.ink = chance.between(0.03, 0.09);
    shot.pose.pixels_per_module = chance.between(2.2, 3.6);
    shot.pose.place = (chance.between(-60.0, 60.0), chance.between(-50.0, 50.0));
    shot.pose.roll = chance.between(-0.14, 0.14);
    shot.pose.tilt = chance.between(0.0, 0.2);
    shot.pose.tilt_axis = chance.between(0.0, 2.0 * PI);
    shot.blur.defocus = chance.between(0.1, 0.3);
    shot.light.slope = (chance.between(-0.15, 0.15), chance.between(-0.15, 0.15));
    shot.light.vignette = chance.between(0.0, 0.15);
    shot.sensor.exposure = chance.between(0.75, 1.05);
    shot.sensor.photons = chance.between(1500.0, 8000.0);
    shot.sensor.sharpen = chance.between(0.0, 0.3);
    shot.sensor.jpeg = Some(70 + chance.below(25) as u8);
    if chance.is(25) {
        shot.pose.roll += PI;
    }
}

impl Class {
    fn apply(self, symbol: &Symbol, print: &mut Print, shot: &mut Shot, chance: &mut Chance) {
        let is_matrix = symbol.kind.is_matrix();
        match self {
            Self::Plain => {}
            Self::Turned => shot.pose.roll = chance.between(0.0, 2.0 * PI),
            Self::Diagonal => {
                shot.pose.roll = (45.0 + chance.between(-4.0, 4.0)).to_radians() * chance.sign();
                print.bar_height = chance.between(20.0, 40.0);
                shot.pose.pixels_per_module = chance.between(2.0, 3.0);
            }
            Self::Small => {
                shot.pose.pixels_per_module = if is_matrix { 1.9 } else { 1.3 };
                shot.pose.tilt = 0.0;
                shot.blur.defocus = chance.between(0.1, 0.25);
            }
            Self::Motion => {
                shot.blur.motion = if is_matrix { 1.0 } else { 2.0 };
                shot.blur.direction = shot.pose.roll + chance.between(-0.25, 0.25);
                shot.blur.defocus = chance.between(0.05, 0.2);
            }
            Self::Defocus => shot.blur.defocus = if is_matrix { 0.45 } else { 0.8 },
            Self::Inverted => print.is_inverted = true,
            Self::LowLight => low_light(shot, chance),
            Self::Perspective => {
                shot.pose.tilt = chance.between(30.0, 50.0).to_radians();
                shot.pose.pixels_per_module = chance.between(2.6, 4.0);
            }
            Self::Curved => {
                // The code's ends look 30 to 50 degrees away from the camera.
                let end = chance.between(30.0, 50.0).to_radians();
                let is_ladder = !is_matrix && chance.is(25);
                let half =
                    if is_ladder { print.bar_height / 2.0 } else { symbol.columns as f32 / 2.0 };
                shot.pose.curve = Some(Curve { radius: half / end, is_ladder });
                shot.pose.pixels_per_module = chance.between(2.6, 4.0);
            }
            Self::Glare => glare(shot, chance),
            Self::Shadow => {
                let (angle, offset) = (chance.between(0.0, 2.0 * PI), chance.between(-0.2, 0.2));
                let (softness, light) = (chance.between(0.01, 0.2), chance.between(0.12, 0.35));
                shot.light.shadow = Some(Shadow { angle, offset, softness, light });
            }
            Self::Noise => {
                shot.sensor.photons = chance.between(60.0, 150.0);
                shot.sensor.read = 0.02;
            }
            Self::Jpeg => shot.sensor.jpeg = Some(12 + chance.below(19) as u8),
            Self::Damaged => print.is_damaged = true,
        }
    }
}

fn low_light(shot: &mut Shot, chance: &mut Chance) {
    shot.sensor.exposure = chance.between(0.08, 0.2);
    shot.sensor.photons = chance.between(90.0, 200.0);
    shot.sensor.read = 0.012;
    shot.sensor.denoise = chance.between(0.2, 0.6);
    shot.sensor.haze = 0.02;
    shot.light.vignette = chance.between(0.1, 0.3);
    shot.blur.motion = chance.between(0.2, 0.6);
    shot.blur.direction = chance.between(0.0, PI);
}

/// On the label, beside the middle of the code: a lamp washes a part of the bars out, some lines stay.
fn glare(shot: &mut Shot, chance: &mut Chance) {
    let (half_x, half_y) = (shot.size.0 as f32 / 2.0, shot.size.1 as f32 / 2.0);
    let scale = shot.pose.pixels_per_module;
    let (x, y) = (chance.between(-40.0, 40.0) * scale, chance.sign() * 22.0 * scale);
    shot.light.glare = Some(Glare {
        place: ((shot.pose.place.0 + x) / half_x, (shot.pose.place.1 + y) / half_y),
        radii: (chance.between(14.0, 30.0) * scale / half_x, 8.0 * scale / half_y),
        strength: chance.between(1.0, 3.0),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pose::Lens;

    #[test]
    fn every_label_is_whole_in_its_picture() {
        for class in Class::ALL {
            for kind in Kind::ALL {
                for seed in 0..100 {
                    let (symbol, print, shot) = plan(class, kind, seed);
                    let lens = Lens::new(&shot.pose, shot.size);
                    let (x, y) = print.half_size(&symbol);
                    for (u, v) in [(-x, -y), (x, -y), (x, y), (-x, y)] {
                        let (x, y) = lens.pixel(u * 1.04, v);
                        let is_inside = (0.0..960.0).contains(&x) && (0.0..720.0).contains(&y);
                        assert!(is_inside, "{class:?} {kind:?} {seed} {x} {y}");
                    }
                }
            }
        }
    }
}
