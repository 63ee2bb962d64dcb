//! Symbols drawn for tests as a camera sees them: turned, between pixels, on a light or dark ground.

use crate::frame::{Frame, Point};

/// A symbol of square modules.
pub struct Drawing<'a> {
    /// Columns and rows of modules.
    pub size: (usize, usize),
    /// Pixels in a module.
    pub module: f32,
    /// What lies around the symbol.
    pub ground: u8,
    /// Whether a module is dark, by column and row.
    pub is_dark: &'a dyn Fn(usize, usize) -> bool,
}

impl Drawing<'_> {
    /// A picture of it turned clockwise, in its middle; each pixel is the mean of nine places.
    pub fn turned(&self, degrees: f32) -> Frame {
        const PLACES: usize = 3;
        const MARGIN: f32 = 24.0;
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (columns, rows) = (self.size.0 as f32, self.size.1 as f32);
        let across = (columns * cos.abs() + rows * sin.abs()) * self.module + 2.0 * MARGIN;
        let down = (columns * sin.abs() + rows * cos.abs()) * self.module + 2.0 * MARGIN;
        let mut frame = Frame::filled(across as usize, down as usize, self.ground);
        let middle = Point::new(across / 2.0, down / 2.0);
        let shade = |at: Point| {
            let (dx, dy) = ((at.x - middle.x) / self.module, (at.y - middle.y) / self.module);
            let (u, v) = (dx * cos + dy * sin + columns / 2.0, dy * cos - dx * sin + rows / 2.0);
            let is_inside = (0.0..columns).contains(&u) && (0.0..rows).contains(&v);
            match is_inside {
                true if (self.is_dark)(u as usize, v as usize) => 30,
                true => 225,
                false => usize::from(self.ground),
            }
        };
        let step = |k: usize| (k as f32 + 0.5) / PLACES as f32;
        for (index, pixel) in frame.luma.iter_mut().enumerate() {
            let (x, y) = ((index % frame.width) as f32, (index / frame.width) as f32);
            let places = (0..PLACES * PLACES)
                .map(|k| shade(Point::new(x + step(k % PLACES), y + step(k / PLACES))));
            *pixel = (places.sum::<usize>() / (PLACES * PLACES)) as u8;
        }
        frame
    }
}
