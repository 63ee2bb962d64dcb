//! A flat thing with something printed on it: reflectance on a grid of texels, several to a module.
//!
//! Places are in modules from the middle of the code, shades are linear (0 absorbs all light, 1 reflects it all).

use crate::chance::Chance;
use crate::font;

/// A printed area.
#[derive(Clone, Debug)]
pub struct Canvas {
    shades: Vec<f32>,
    columns: usize,
    rows: usize,
    /// Texels to a module.
    texels: f32,
    /// Its left upper corner, in modules.
    corner: (f32, f32),
}

/// A rectangle in modules: left, top, right, bottom.
pub type Area = [f32; 4];

impl Canvas {
    /// An empty one.
    pub fn new(area: Area, texels: f32, shade: f32) -> Self {
        let columns = (((area[2] - area[0]) * texels) as usize).max(2);
        let rows = (((area[3] - area[1]) * texels) as usize).max(2);
        let shades = vec![shade; columns * rows];
        Self { shades, columns, rows, texels, corner: (area[0], area[1]) }
    }

    /// Texels to a module.
    pub const fn texels(&self) -> f32 {
        self.texels
    }

    /// What it covers.
    pub fn area(&self) -> Area {
        let (left, top) = self.corner;
        let (width, height) = (self.columns as f32 / self.texels, self.rows as f32 / self.texels);
        [left, top, left + width, top + height]
    }

    /// The shade there, between the texels by bilinear interpolation; outside it is mirrored.
    #[inline]
    pub fn sample(&self, u: f32, v: f32) -> f32 {
        let x = mirrored((u - self.corner.0) * self.texels - 0.5, self.columns);
        let y = mirrored((v - self.corner.1) * self.texels - 0.5, self.rows);
        let (left, top) = (x as usize, y as usize);
        let (fx, fy) = (x - left as f32, y - top as f32);
        let at = top * self.columns + left;
        let upper = &self.shades[at..at + 2];
        let lower = &self.shades[at + self.columns..at + self.columns + 2];
        let above = upper[0] + (upper[1] - upper[0]) * fx;
        let below = lower[0] + (lower[1] - lower[0]) * fx;
        above + (below - above) * fy
    }

    /// Gives every texel a new shade by its place and its old shade.
    pub fn repaint(&mut self, mut shade: impl FnMut(f32, f32, f32) -> f32) {
        for (index, old) in self.shades.iter_mut().enumerate() {
            let (x, y) = ((index % self.columns) as f32, (index / self.columns) as f32);
            let u = self.corner.0 + (x + 0.5) / self.texels;
            let v = self.corner.1 + (y + 0.5) / self.texels;
            *old = shade(u, v, *old);
        }
    }

    /// Fills a rectangle; texels that it half covers are half filled.
    pub fn fill(&mut self, area: Area, shade: f32) {
        let to_x = |u: f32| ((u - self.corner.0) * self.texels).clamp(0.0, self.columns as f32);
        let to_y = |v: f32| ((v - self.corner.1) * self.texels).clamp(0.0, self.rows as f32);
        let (left, right) = (to_x(area[0]), to_x(area[2]));
        let (top, bottom) = (to_y(area[1]), to_y(area[3]));
        let cover = |low: f32, high: f32, cell: usize| {
            (high.min(cell as f32 + 1.0) - low.max(cell as f32)).clamp(0.0, 1.0)
        };
        for y in top as usize..(bottom.ceil() as usize).min(self.rows) {
            let down = cover(top, bottom, y);
            for x in left as usize..(right.ceil() as usize).min(self.columns) {
                let texel = &mut self.shades[y * self.columns + x];
                *texel += (shade - *texel) * down * cover(left, right, x);
            }
        }
    }

    /// Fills an ellipse.
    pub fn spot(&mut self, middle: (f32, f32), radii: (f32, f32), shade: f32) {
        let edge = 1.5 / (self.texels * radii.0.min(radii.1));
        self.stroke_box(middle, (radii.0 * 1.1, radii.1 * 1.1), |u, v, old| {
            let (x, y) = ((u - middle.0) / radii.0, (v - middle.1) / radii.1);
            let inside = ((1.0 - (x * x + y * y)) / edge + 0.5).clamp(0.0, 1.0);
            old + (shade - old) * inside
        });
    }

    /// Draws a straight stroke of the given width.
    pub fn stroke(&mut self, from: (f32, f32), to: (f32, f32), width: f32, shade: f32) {
        let along = (to.0 - from.0, to.1 - from.1);
        let square = (along.0 * along.0 + along.1 * along.1).max(1e-6);
        let texels = self.texels;
        let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
        let reach = (along.0.abs() / 2.0 + width, along.1.abs() / 2.0 + width);
        self.stroke_box(middle, reach, |u, v, old| {
            let (x, y) = (u - from.0, v - from.1);
            let t = ((x * along.0 + y * along.1) / square).clamp(0.0, 1.0);
            let (dx, dy) = (x - t * along.0, y - t * along.1);
            let distance = (dx * dx + dy * dy).sqrt();
            let inside = ((width / 2.0 - distance) * texels + 0.5).clamp(0.0, 1.0);
            old + (shade - old) * inside
        });
    }

    /// Repaints only the texels within `reach` of `middle`.
    fn stroke_box(
        &mut self,
        middle: (f32, f32),
        reach: (f32, f32),
        shade: impl Fn(f32, f32, f32) -> f32,
    ) {
        let to_x = |u: f32| ((u - self.corner.0) * self.texels).clamp(0.0, self.columns as f32);
        let to_y = |v: f32| ((v - self.corner.1) * self.texels).clamp(0.0, self.rows as f32);
        let (left, right) = (to_x(middle.0 - reach.0), to_x(middle.0 + reach.0));
        let (top, bottom) = (to_y(middle.1 - reach.1), to_y(middle.1 + reach.1));
        for y in top as usize..(bottom.ceil() as usize).min(self.rows) {
            let v = self.corner.1 + (y as f32 + 0.5) / self.texels;
            for x in left as usize..(right.ceil() as usize).min(self.columns) {
                let u = self.corner.0 + (x as f32 + 0.5) / self.texels;
                let texel = &mut self.shades[y * self.columns + x];
                *texel = shade(u, v, *texel);
            }
        }
    }

    /// Writes a line of text, capitals `height` modules high, its left upper corner at `place`.
    pub fn write(&mut self, text: &str, place: (f32, f32), height: f32, shade: f32) {
        let dot = height / 7.0;
        let texels = self.texels;
        for (index, letter) in text.chars().enumerate() {
            let left = place.0 + index as f32 * dot * 6.0;
            let middle = (left + 2.5 * dot, place.1 + 4.0 * dot);
            self.stroke_box(middle, (3.5 * dot, 5.0 * dot), |u, v, old| {
                let ink = font::ink(letter, (u - left) / dot, (v - place.1) / dot);
                // The edge of the ink is as sharp as the texels allow.
                let inside = ((ink - 0.5) * dot * texels + 0.5).clamp(0.0, 1.0);
                old + (shade - old) * inside
            });
        }
    }

    /// Writes lines of invented words into an area.
    pub fn write_lines(&mut self, area: Area, height: f32, shade: f32, chance: &mut Chance) {
        let fits = ((area[2] - area[0]) / (height / 7.0 * 6.0)) as usize;
        let mut top = area[1];
        while top + height < area[3] {
            let length = fits - (fits as f32 * chance.between(0.0, 0.35)) as usize;
            let mut line = String::new();
            while line.len() < length {
                line.push_str(font::word(chance));
                line.push(' ');
            }
            let line: String = line.chars().take(length).collect();
            self.write(&line, (area[0], top), height, shade);
            top += height * 1.7;
        }
    }

    /// How wide a text becomes.
    pub fn text_width(text: &str, height: f32) -> f32 {
        text.chars().count() as f32 * height / 7.0 * 6.0
    }
}

/// A coordinate folded into `0..count - 1`, so that it and its right neighbour exist.
#[inline]
fn mirrored(at: f32, count: usize) -> f32 {
    let last = (count - 1) as f32;
    let inside = if (0.0..last).contains(&at) {
        at
    } else {
        let period = 2.0 * last;
        let folded = at - (at / period).floor() * period;
        if folded > last { period - folded } else { folded }
    };
    inside.clamp(0.0, last - 0.01)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_modules_and_outside_is_mirrored() {
        let mut canvas = Canvas::new([-5.0, -5.0, 5.0, 5.0], 8.0, 1.0);
        canvas.fill([-1.0, -1.0, 1.0, 1.0], 0.0);
        assert!(canvas.sample(0.0, 0.0) < 0.01 && canvas.sample(2.0, 0.0) > 0.99);
        assert!((canvas.sample(1.0, 0.0) - 0.5).abs() < 0.01, "the edge lies on the module");
        assert!(canvas.sample(10.0, 0.0) < 0.01, "mirrored at 5");
        assert!(canvas.sample(-1e6, 1e6).is_finite());
        canvas.fill([-90.0, 2.0, 90.0, 2.5], 0.2);
        assert!((canvas.sample(4.0, 2.25) - 0.2).abs() < 0.01);
    }

    #[test]
    fn text_has_ink_and_air() {
        let mut canvas = Canvas::new([0.0, 0.0, 60.0, 12.0], 6.0, 1.0);
        canvas.write("Milch 1,09", (1.0, 1.0), 7.0, 0.0);
        let dark = canvas.shades.iter().filter(|shade| **shade < 0.5).count();
        let share = dark as f32 / canvas.shades.len() as f32;
        assert!((0.08..0.5).contains(&share), "{share}");
    }
}
