//! Draws codes into frames of tests.

#![allow(clippy::unwrap_used)]

use rxing::{BarcodeFormat, MultiFormatWriter, Writer};
use scan::Frame;

/// Draws a code, its upper left corner there: bars so many pixels high, matrix codes as high as they are.
pub fn draw(
    frame: &mut Frame,
    format: BarcodeFormat,
    text: &str,
    at: (usize, usize),
    height: usize,
) {
    const MODULE: usize = 3;
    let bits = MultiFormatWriter.encode(text, &format, 1, 1).unwrap();
    let is_matrix = bits.getHeight() > 1;
    let rows = if is_matrix { bits.getHeight() as usize * MODULE } else { height };
    for y in 0..rows {
        for x in 0..bits.getWidth() as usize * MODULE {
            let row = if is_matrix { y / MODULE } else { 0 };
            if bits.get((x / MODULE) as u32, row as u32) {
                frame.luma[(at.1 + y) * frame.stride + at.0 + x] = 30;
            }
        }
    }
}
