//! From a scene to the grey picture of it: light, lens, motion, sensor, tone curve, JPEG, in the order of nature.
//!
//! Light is linear until the tone curve. A pixel gathers what its whole area sees, so that modules of hardly more than
//! a pixel look as they do on a sensor, not as on a screen.

use crate::chance::{Bell, Chance, ramp, sin_cos};
use crate::label::Scene;
use crate::pose::{Lens, Pose};
use jpeg_encoder::{ColorType, Encoder};
use scan::Frame;
use scan::image::jpeg;

/// What takes sharpness, in modules of the code.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Blur {
    /// Deviation of the Gaussian that the lens draws a point as.
    pub defocus: f32,
    /// Length of the way during the exposure.
    pub motion: f32,
    /// Its direction in the picture, in radians.
    pub direction: f32,
}

/// A bright reflection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glare {
    /// Its middle, in halves of the picture from the picture's middle.
    pub place: (f32, f32),
    /// Its size, in the same measure.
    pub radii: (f32, f32),
    /// Light added in its middle; 1 is what white paper reflects.
    pub strength: f32,
}

/// The edge of a shadow, straight across the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shadow {
    /// Direction of its edge, in radians.
    pub angle: f32,
    /// Where it falls, in halves of the picture.
    pub offset: f32,
    /// How wide the edge is, in the same measure.
    pub softness: f32,
    /// The light left in it.
    pub light: f32,
}

/// Light on the scene.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Light {
    /// Change from the middle to the right and to the lower edge, as a share.
    pub slope: (f32, f32),
    /// Loss in the corners.
    pub vignette: f32,
    /// A reflection.
    pub glare: Option<Glare>,
    /// A shadow.
    pub shadow: Option<Shadow>,
}

/// What the camera makes of the light.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensor {
    /// How white becomes white; 0.5 is a stop too dark.
    pub exposure: f32,
    /// Photons that a white pixel gathers: fewer are noisier.
    pub photons: f32,
    /// Noise of reading, as a share of white.
    pub read: f32,
    /// Light that strays over the whole picture, as a share of white.
    pub haze: f32,
    /// Share of smoothing against noise, 0 to 1.
    pub denoise: f32,
    /// Sharpening, as cameras do it: 0.5 is much.
    pub sharpen: f32,
    /// Quality of the JPEG in between, if it was one.
    pub jpeg: Option<u8>,
}

impl Default for Sensor {
    fn default() -> Self {
        Self {
            exposure: 1.0,
            photons: 6000.0,
            read: 0.004,
            haze: 0.01,
            denoise: 0.0,
            sharpen: 0.15,
            jpeg: None,
        }
    }
}

/// All of one picture but what it shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shot {
    /// Pixels across and down.
    pub size: (usize, usize),
    /// Where the camera stands.
    pub pose: Pose,
    /// What takes sharpness.
    pub blur: Blur,
    /// The light.
    pub light: Light,
    /// The camera.
    pub sensor: Sensor,
}

impl Default for Shot {
    fn default() -> Self {
        Self {
            size: (960, 720),
            pose: Pose::default(),
            blur: Blur::default(),
            light: Light::default(),
            sensor: Sensor::default(),
        }
    }
}

/// Light values with a border, which the blur eats.
struct Field {
    values: Vec<f32>,
    width: usize,
    height: usize,
    border: usize,
}

/// A weighted neighbour: pixels right, pixels down, weight.
type Tap = (isize, isize, f32);

impl Shot {
    /// Takes the picture; `chance` decides the noise only.
    pub fn take(&self, scene: &Scene, chance: &mut Chance) -> Frame {
        let scale = self.pose.pixels_per_module;
        let kernels = [
            gaussian(self.blur.defocus * scale, false),
            gaussian(self.blur.defocus * scale, true),
            streak(self.blur.motion * scale, self.blur.direction),
        ];
        let reach = |taps: &Vec<Tap>| {
            taps.iter().map(|(x, y, _)| x.unsigned_abs().max(y.unsigned_abs())).max().unwrap_or(0)
        };
        let border = 2 + kernels.iter().map(reach).sum::<usize>();
        let mut field = self.gather(scene, border);
        self.light(&mut field);
        for taps in kernels.iter().filter(|taps| taps.len() > 1) {
            field.convolve(taps);
        }
        self.expose(&mut field, chance);
        let finish = finish(self.sensor.denoise, self.sensor.sharpen);
        if finish.len() > 1 {
            field.convolve(&finish);
        }
        let frame = field.to_frame();
        match self.sensor.jpeg {
            Some(quality) => packed(&frame, quality),
            None => frame,
        }
    }

    /// What each pixel's area sees, as reflectance.
    fn gather(&self, scene: &Scene, border: usize) -> Field {
        /// Where nothing is, it is dark.
        const BEYOND: f32 = 0.06;
        let lens = Lens::new(&self.pose, self.size);
        let (width, height) = (self.size.0 + 2 * border, self.size.1 + 2 * border);
        let mut values = Vec::with_capacity(width * height);
        let row = |y: usize| -> Vec<(f32, f32)> {
            let y = y as f32 - border as f32;
            (0..=width).map(|x| lens.place(x as f32 - border as f32, y)).collect()
        };
        let mut upper = row(0);
        for y in 0..height {
            let lower = row(y + 1);
            for x in 0..width {
                let (corner, right, below) = (upper[x], upper[x + 1], lower[x]);
                let across = (right.0 - corner.0, right.1 - corner.1);
                let down = (below.0 - corner.0, below.1 - corner.1);
                let reach = across.0.abs().max(across.1.abs()).max(down.0.abs().max(down.1.abs()));
                // `max` passes over what is not a number, so the sum is asked.
                let sum = corner.0 + corner.1 + across.0 + across.1 + down.0 + down.1;
                if !sum.is_finite() {
                    values.push(BEYOND);
                    continue;
                }
                // Samples lie closer than the texels' own smoothness reaches.
                let texels = reach * scene.texels_at(corner.0, corner.1);
                let count = (texels / 1.5).ceil().clamp(1.0, 6.0);
                let mut sum = 0.0;
                for j in 0..count as usize {
                    let t = (j as f32 + 0.5) / count;
                    let (u, v) = (corner.0 + down.0 * t, corner.1 + down.1 * t);
                    for i in 0..count as usize {
                        let s = (i as f32 + 0.5) / count;
                        sum += scene.sample(u + across.0 * s, v + across.1 * s);
                    }
                }
                values.push(sum / (count * count));
            }
            upper = lower;
        }
        Field { values, width, height, border }
    }

    fn light(&self, field: &mut Field) {
        let Light { slope, vignette, glare, shadow } = self.light;
        let (half_x, half_y) = (self.size.0 as f32 / 2.0, self.size.1 as f32 / 2.0);
        let edge = shadow.map(|shadow| (sin_cos(shadow.angle), shadow));
        for (index, value) in field.values.iter_mut().enumerate() {
            let x = ((index % field.width) as f32 - field.border as f32) / half_x - 1.0;
            let y = ((index / field.width) as f32 - field.border as f32) / half_y - 1.0;
            let mut light = 1.0 + slope.0 * x + slope.1 * y - vignette * (x * x + y * y);
            if let Some(((sin, cos), shadow)) = edge {
                let across = x * cos + y * sin - shadow.offset;
                let lit = ramp(-shadow.softness, shadow.softness, across);
                light *= shadow.light + (1.0 - shadow.light) * lit;
            }
            *value *= light.max(0.02);
            if let Some(Glare { place, radii, strength }) = glare {
                let (dx, dy) = ((x - place.0) / radii.0, (y - place.1) / radii.1);
                let fall = 1.0 / (1.0 + dx * dx + dy * dy);
                *value += strength * fall * fall;
            }
        }
    }

    /// Light becomes numbers: noise, then a tone curve of the root, which is near that of cameras.
    fn expose(&self, field: &mut Field, chance: &mut Chance) {
        let Sensor { exposure, photons, read, haze, .. } = self.sensor;
        let bell = Bell::default();
        for values in field.values.chunks_mut(5) {
            let mut bits = chance.roll();
            for value in values {
                let seen = (*value + haze) * exposure;
                let noise = (seen / photons + read * read).sqrt() * bell.at(bits);
                bits >>= 12;
                *value = 255.0 * (seen + noise).clamp(0.0, 1.0).sqrt();
            }
        }
    }
}

impl Field {
    fn convolve(&mut self, taps: &[Tap]) {
        let mut out = vec![0.0f32; self.values.len()];
        let reach_x = taps.iter().map(|tap| tap.0.unsigned_abs()).max().unwrap_or(0);
        let reach_y = taps.iter().map(|tap| tap.1.unsigned_abs()).max().unwrap_or(0);
        let length = self.width - 2 * reach_x;
        for y in reach_y..self.height - reach_y {
            let row = &mut out[y * self.width + reach_x..][..length];
            for (dx, dy, weight) in taps {
                let start = (y as isize + dy) * self.width as isize + reach_x as isize + dx;
                let from = &self.values[start as usize..][..length];
                row.iter_mut().zip(from).for_each(|(sum, value)| *sum += value * weight);
            }
        }
        self.values = out;
    }

    fn to_frame(&self) -> Frame {
        let (width, height) = (self.width - 2 * self.border, self.height - 2 * self.border);
        let mut frame = Frame::filled(width, height, 0);
        for y in 0..height {
            let from = &self.values[(y + self.border) * self.width + self.border..][..width];
            let row = &mut frame.luma[y * width..][..width];
            row.iter_mut().zip(from).for_each(|(pixel, value)| *pixel = (value + 0.5) as u8);
        }
        frame
    }
}

/// A row or a column of a Gaussian; one tap where it is sharp.
fn gaussian(sigma: f32, is_column: bool) -> Vec<Tap> {
    if sigma < 0.15 {
        return vec![(0, 0, 1.0)];
    }
    let reach = (3.0 * sigma).ceil() as isize;
    let weight = |at: isize| crate::chance::decay(-(at * at) as f32 / (2.0 * sigma * sigma));
    let sum: f32 = (-reach..=reach).map(weight).sum();
    let tap = |at: isize| match is_column {
        true => (0, at, weight(at) / sum),
        false => (at, 0, weight(at) / sum),
    };
    (-reach..=reach).map(tap).collect()
}

/// An even streak; its points are shared among the four pixels around them.
fn streak(length: f32, direction: f32) -> Vec<Tap> {
    if length < 0.2 {
        return vec![(0, 0, 1.0)];
    }
    let (sin, cos) = sin_cos(direction);
    let count = (length * 3.0).ceil() as usize + 1;
    let mut taps: Vec<Tap> = Vec::new();
    for index in 0..count {
        let t = ((index as f32 + 0.5) / count as f32 - 0.5) * length;
        let (x, y) = (t * cos, t * sin);
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = (x - left, y - top);
        for (dx, dy, share) in [
            (0, 0, (1.0 - fx) * (1.0 - fy)),
            (1, 0, fx * (1.0 - fy)),
            (0, 1, (1.0 - fx) * fy),
            (1, 1, fx * fy),
        ] {
            let (dx, dy) = (left as isize + dx, top as isize + dy);
            let share = share / count as f32;
            match taps.iter_mut().find(|tap| (tap.0, tap.1) == (dx, dy)) {
                Some(tap) => tap.2 += share,
                None => taps.push((dx, dy, share)),
            }
        }
    }
    taps.retain(|tap| tap.2 > 1e-6);
    taps
}

/// Smoothing and sharpening in one: a mean of nine, and what differs from the four neighbours.
fn finish(denoise: f32, sharpen: f32) -> Vec<Tap> {
    let mut taps = Vec::new();
    for y in -1isize..=1 {
        for x in -1isize..=1 {
            let mean = denoise / 9.0;
            let weight = match x.abs() + y.abs() {
                0 => 1.0 - denoise + mean + 4.0 * sharpen,
                1 => mean - sharpen,
                _ => mean,
            };
            if weight != 0.0 {
                taps.push((x, y, weight));
            }
        }
    }
    taps
}

/// Through the encoder and the decoder that the terminal uses.
fn packed(frame: &Frame, quality: u8) -> Frame {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, quality)
        .encode(&frame.luma, frame.width as u16, frame.height as u16, ColorType::Luma)
        .expect("a picture of this size is a JPEG");
    jpeg(&bytes).expect("what was just encoded is decoded")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::Canvas;

    fn half_dark() -> Scene {
        let mut ground = Canvas::new([-50.0, -50.0, 50.0, 50.0], 4.0, 0.81);
        ground.fill([-60.0, -60.0, 0.0, 60.0], 0.01);
        Scene::empty(ground)
    }

    fn still() -> Shot {
        let sensor =
            Sensor { photons: 1e9, read: 0.0, haze: 0.0, sharpen: 0.0, ..Sensor::default() };
        Shot { size: (80, 60), sensor, ..Shot::default() }
    }

    #[test]
    fn light_becomes_grey_by_the_root() {
        let frame = still().take(&half_dark(), &mut Chance::new(1));
        let row = frame.view().expect("rows are there").row(30);
        // A tenth and nine tenths of 255.
        assert!(row[10].abs_diff(26) <= 1 && row[70].abs_diff(230) <= 1, "{} {}", row[10], row[70]);
    }

    /// The width of the edge grows as asked: 10 to 90 % of a Gaussian are 2.56 deviations.
    #[test]
    fn blur_is_as_wide_as_asked() {
        for (blur, expected) in [
            (Blur { defocus: 1.0, ..Blur::default() }, 2.56 * 3.0),
            (Blur { motion: 4.0, ..Blur::default() }, 0.8 * 12.0),
            (Blur { motion: 4.0, direction: std::f32::consts::FRAC_PI_2, ..Blur::default() }, 0.6),
        ] {
            let frame = Shot { blur, ..still() }.take(&half_dark(), &mut Chance::new(1));
            let row = frame.view().expect("rows are there").row(30);
            let linear = |value: u8| f32::from(value) / 255.0 * f32::from(value) / 255.0;
            let inside = |value: &&u8| (0.09..0.73).contains(&linear(**value));
            let width = row.iter().filter(inside).count() as f32;
            assert!((width - expected).abs() <= 2.0, "{blur:?} {width} {expected}");
        }
    }

    #[test]
    fn few_photons_are_noisy_and_a_seed_is_the_same_picture() {
        let deviation = |photons: f32| {
            let sensor = Sensor { photons, ..still().sensor };
            let shot = Shot { sensor, ..still() };
            let frame = shot.take(&half_dark(), &mut Chance::new(5));
            assert_eq!(frame, shot.take(&half_dark(), &mut Chance::new(5)));
            let white: Vec<f32> = (0..60)
                .flat_map(|y| &frame.luma[y * 80 + 50..y * 80 + 80])
                .map(|v| f32::from(*v))
                .collect();
            let mean = white.iter().sum::<f32>() / white.len() as f32;
            (white.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / white.len() as f32).sqrt()
        };
        // The root halves relative noise: 255 / 2 / sqrt(photons).
        assert!((deviation(400.0) - 6.4).abs() < 0.7, "{}", deviation(400.0));
        assert!(deviation(40_000.0) < 1.0);
    }
}
