//! Where the camera stands: from places on the label to pixels and back.
//!
//! A pinhole before a plane or a cylinder. The label's middle appears at `place`; moving it there shifts the picture as
//! a whole, which for a label that is small against its distance is what moving the camera does.

use crate::chance::{atan, sin_cos};

/// A label on a bottle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    /// Radius of the cylinder in modules.
    pub radius: f32,
    /// Bars lie around the cylinder like the rungs of a ladder; otherwise they stand along its axis.
    pub is_ladder: bool,
}

/// How the label lies before the camera.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// Pixels from the middle of the picture to the middle of the code, right and down.
    pub place: (f32, f32),
    /// Turned in the picture, in radians.
    pub roll: f32,
    /// Leant away from the camera, in radians.
    pub tilt: f32,
    /// The line that it leans about, as an angle in the picture.
    pub tilt_axis: f32,
    /// Pixels to a module in the middle, before it leans.
    pub pixels_per_module: f32,
    /// Bent, if it is.
    pub curve: Option<Curve>,
}

impl Default for Pose {
    fn default() -> Self {
        Self {
            place: (0.0, 0.0),
            roll: 0.0,
            tilt: 0.0,
            tilt_axis: 0.0,
            pixels_per_module: 3.0,
            curve: None,
        }
    }
}

/// A pose with its numbers worked out for one size of picture.
#[derive(Clone, Copy, Debug)]
pub struct Lens {
    /// Rows: the label's axes as the camera sees them; the third points away from it.
    turn: [[f32; 3]; 3],
    distance: f32,
    focal: f32,
    middle: (f32, f32),
    curve: Option<Curve>,
}

/// Focal length in widths of the picture: about what phones and webcams have.
const FOCAL_WIDTHS: f32 = 0.85;

impl Lens {
    /// Of a pose and the size of the picture.
    pub fn new(pose: &Pose, size: (usize, usize)) -> Self {
        let (width, height) = (size.0 as f32, size.1 as f32);
        let focal = width * FOCAL_WIDTHS;
        let (sin, cos) = sin_cos(pose.roll);
        let rolled = [[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]];
        // Rodrigues: a turn by `tilt` about an axis that lies in the picture.
        let (y, x) = sin_cos(pose.tilt_axis);
        let (s, c) = sin_cos(pose.tilt);
        let k = 1.0 - c;
        let lean = [
            [c + x * x * k, x * y * k, y * s],
            [x * y * k, c + y * y * k, -x * s],
            [-y * s, x * s, c],
        ];
        let mut turn = [[0.0; 3]; 3];
        for (row, out) in lean.iter().zip(&mut turn) {
            for (column, value) in out.iter_mut().enumerate() {
                *value = (0..3).map(|i| row[i] * rolled[i][column]).sum();
            }
        }
        Self {
            turn,
            distance: focal / pose.pixels_per_module,
            focal,
            middle: (width / 2.0 + pose.place.0, height / 2.0 + pose.place.1),
            curve: pose.curve,
        }
    }

    /// The pixel of a place on the label.
    pub fn pixel(&self, u: f32, v: f32) -> (f32, f32) {
        let [x, y, z] = match self.curve {
            None => [u, v, 0.0],
            Some(Curve { radius, is_ladder: false }) => {
                let (sin, cos) = sin_cos(u / radius);
                [radius * sin, v, radius * (1.0 - cos)]
            }
            Some(Curve { radius, is_ladder: true }) => {
                let (sin, cos) = sin_cos(v / radius);
                [u, radius * sin, radius * (1.0 - cos)]
            }
        };
        let seen = self.turn.map(|row| row[0] * x + row[1] * y + row[2] * z);
        let scale = self.focal / (seen[2] + self.distance).max(1e-3);
        (self.middle.0 + seen[0] * scale, self.middle.1 + seen[1] * scale)
    }

    /// The place on the label that a pixel sees; not a number where it sees past it.
    #[inline]
    pub fn place(&self, x: f32, y: f32) -> (f32, f32) {
        let ray = [(x - self.middle.0) / self.focal, (y - self.middle.1) / self.focal, 1.0];
        // The transposed turn takes camera directions back to the label's.
        let back = |axis: usize| {
            self.turn[0][axis] * ray[0] + self.turn[1][axis] * ray[1] + self.turn[2][axis] * ray[2]
        };
        let along = [back(0), back(1), back(2)];
        let from = [0, 1, 2].map(|axis| -self.turn[2][axis] * self.distance);
        match self.curve {
            None => {
                let reach = -from[2] / along[2];
                if reach <= 0.0 {
                    return (f32::NAN, f32::NAN);
                }
                (from[0] + along[0] * reach, from[1] + along[1] * reach)
            }
            Some(Curve { radius, is_ladder }) => {
                let round = usize::from(is_ladder);
                let straight = 1 - round;
                let (p, q) = (from[round], from[2] - radius);
                let (a, b) = (along[round], along[2]);
                let (square, half) = (a * a + b * b, p * a + q * b);
                let inside = half * half - square * (p * p + q * q - radius * radius);
                // Past the cylinder the root is not a number, and so is all that follows.
                let reach = (-half - inside.sqrt()) / square;
                let (sine, depth) = (p + a * reach, q + b * reach);
                if depth >= -0.02 * radius {
                    return (f32::NAN, f32::NAN);
                }
                let bent = radius * atan(sine / -depth);
                let flat = from[straight] + along[straight] * reach;
                if is_ladder { (flat, bent) } else { (bent, flat) }
            }
        }
    }

    /// The narrowest module across `half` of the code to each side, in pixels along the row and down.
    pub fn module_pixels(&self, half: (f32, f32)) -> (f32, f32) {
        let step = |from: (f32, f32), to: (f32, f32)| {
            let (a, b) = (self.pixel(from.0, from.1), self.pixel(to.0, to.1));
            ((a.0 - b.0) * (a.0 - b.0) + (a.1 - b.1) * (a.1 - b.1)).sqrt()
        };
        let mut narrowest = (f32::INFINITY, f32::INFINITY);
        for across in [-1.0, -0.5, 0.0, 0.5, 1.0] {
            for down in [-1.0, 0.0, 1.0] {
                let (u, v) = (half.0 * across, half.1 * down);
                narrowest.0 = narrowest.0.min(step((u - 0.5, v), (u + 0.5, v)));
                narrowest.1 = narrowest.1.min(step((u, v - 0.5), (u, v + 0.5)));
            }
        }
        narrowest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_the_same_place() {
        for curve in [
            None,
            Some(Curve { radius: 70.0, is_ladder: false }),
            Some(Curve { radius: 70.0, is_ladder: true }),
        ] {
            let pose = Pose {
                place: (40.0, -25.0),
                roll: 0.7,
                tilt: 0.4,
                tilt_axis: 2.0,
                pixels_per_module: 2.5,
                curve,
            };
            let lens = Lens::new(&pose, (640, 480));
            for (u, v) in [(0.0, 0.0), (30.0, -20.0), (-40.0, 15.0)] {
                let (x, y) = lens.pixel(u, v);
                let (back_u, back_v) = lens.place(x, y);
                assert!((back_u - u).abs() < 0.02 && (back_v - v).abs() < 0.02, "{curve:?} {u}");
            }
            let (x, y) = lens.pixel(0.0, 0.0);
            assert!((x - 360.0).abs() < 0.01 && (y - 215.0).abs() < 0.01);
        }
        let flat = Lens::new(&Pose::default(), (640, 480)).module_pixels((47.5, 25.0));
        assert!((flat.0 - 3.0).abs() < 0.01 && (flat.1 - 3.0).abs() < 0.01);
        let bottle =
            Pose { curve: Some(Curve { radius: 20.0, is_ladder: false }), ..Pose::default() };
        assert!(Lens::new(&bottle, (640, 480)).place(0.0, 240.0).0.is_nan(), "past the bottle");
    }
}
