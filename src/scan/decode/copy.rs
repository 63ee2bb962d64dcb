//! Copies of a part of the frame that matrix readers see better: smaller, larger, of even contrast.

use super::MatrixLook;
use crate::evidence::Strategy;
use crate::frame::{Frame, Luma};

/// The part as it is looked at, and how many times as large the original is.
pub fn prepare<'a>(part: &Luma<'a>, how: MatrixLook, copy: &'a mut Frame) -> (Luma<'a>, f32) {
    let side = part.width().max(part.height());
    let factor = side.div_ceil(how.side_max).max(1);
    match how.strategy {
        Strategy::Doubled if factor == 1 && 2 * side <= how.side_max => {
            part.doubled_into(copy);
            copy.view().map_or((*part, 1.0), |view| (view, 0.5))
        }
        Strategy::Evened => {
            part.shrunk_into(factor, copy);
            even_out(copy);
            copy.view().map_or((*part, 1.0), |view| (view, factor as f32))
        }
        _ if factor > 1 => {
            part.shrunk_into(factor, copy);
            copy.view().map_or((*part, 1.0), |view| (view, factor as f32))
        }
        _ => (*part, 1.0),
    }
}

/// Stretches every neighbourhood to the full range of greys: shadows and veils of light go, faint
/// modules stay.
fn even_out(frame: &mut Frame) {
    /// Along a side of the frame; a code that fills it has some modules of both colours in each.
    const TILES: usize = 6;
    /// Less contrast than this is an even surface.
    const CONTRAST_MIN: f32 = 24.0;
    let (width, height) = (frame.width, frame.height);
    let mut lows = [[255u8; TILES]; TILES];
    let mut highs = [[0u8; TILES]; TILES];
    let tile_of = |at: usize, size: usize| (at * TILES / size.max(1)).min(TILES - 1);
    for y in 0..height {
        let row = &frame.luma[y * width..(y + 1) * width];
        let tile_y = tile_of(y, height);
        for (x, value) in row.iter().enumerate() {
            let tile_x = tile_of(x, width);
            lows[tile_y][tile_x] = lows[tile_y][tile_x].min(*value);
            highs[tile_y][tile_x] = highs[tile_y][tile_x].max(*value);
        }
    }
    // Between the middles of the tiles, their extremes are blended.
    let blend = |map: &[[u8; TILES]; TILES], x: f32, y: f32| {
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(TILES - 1), (top + 1).min(TILES - 1));
        let (fx, fy) = (x - left as f32, y - top as f32);
        let at = |y: usize, x: usize| f32::from(map[y][x]);
        let above = at(top, left) * (1.0 - fx) + at(top, right) * fx;
        let below = at(bottom, left) * (1.0 - fx) + at(bottom, right) * fx;
        above * (1.0 - fy) + below * fy
    };
    let last = (TILES - 1) as f32;
    for y in 0..height {
        let tile_y = ((y as f32 + 0.5) * TILES as f32 / height as f32 - 0.5).clamp(0.0, last);
        for x in 0..width {
            let tile_x = ((x as f32 + 0.5) * TILES as f32 / width as f32 - 0.5).clamp(0.0, last);
            let (low, high) = (blend(&lows, tile_x, tile_y), blend(&highs, tile_x, tile_y));
            let value = &mut frame.luma[y * width + x];
            let share = (f32::from(*value) - low) / (high - low).max(CONTRAST_MIN);
            *value = (share * 255.0).clamp(0.0, 255.0) as u8;
        }
    }
}
