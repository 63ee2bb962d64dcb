//! Our grey pictures as rxing wants to see them, without the `image` crate between.

use crate::frame::Luma;
use rxing::LuminanceSource;
use std::borrow::Cow;

/// A grey picture, as it is or inverted.
pub struct LumaSource<'a> {
    luma: Luma<'a>,
    is_inverted: bool,
}

impl<'a> LumaSource<'a> {
    /// Borrows a picture; `is_inverted` exchanges black and white.
    pub const fn new(luma: Luma<'a>, is_inverted: bool) -> Self {
        Self { luma, is_inverted }
    }

    fn shade(&self, value: u8) -> u8 {
        if self.is_inverted { 255 - value } else { value }
    }
}

impl LuminanceSource for LumaSource<'_> {
    fn get_row(&self, y: usize) -> Option<Cow<'_, [u8]>> {
        let row = (y < self.luma.height()).then(|| self.luma.row(y))?;
        Some(if self.is_inverted {
            Cow::Owned(row.iter().map(|value| 255 - value).collect())
        } else {
            Cow::Borrowed(row)
        })
    }

    fn get_column(&self, x: usize) -> Cow<'_, [u8]> {
        let column = (0..self.luma.height()).map(|y| self.get_luma8_point(x, y)).collect();
        Cow::Owned(column)
    }

    fn get_matrix(&self) -> Cow<'_, [u8]> {
        let mut matrix = Vec::with_capacity(self.luma.width() * self.luma.height());
        for y in 0..self.luma.height() {
            matrix.extend(self.luma.row(y).iter().map(|value| self.shade(*value)));
        }
        Cow::Owned(matrix)
    }

    fn get_width(&self) -> usize {
        self.luma.width()
    }

    fn get_height(&self) -> usize {
        self.luma.height()
    }

    fn invert(&mut self) {
        self.is_inverted = !self.is_inverted;
    }

    fn get_luma8_point(&self, x: usize, y: usize) -> u8 {
        let is_inside = x < self.luma.width() && y < self.luma.height();
        if is_inside { self.shade(self.luma.row(y)[x]) } else { 255 }
    }
}
