//! What lies around a code in the world: print, boxes, grids, lines and fabric, drawn.
//!
//! A code rarely fills the picture. What finds it has to pass over much that has edges, bars and dots like a code and
//! is none; the same seed draws the same on every machine.

use dice::Dice;
use scan::Frame;

/// What a cell of the ground shows.
#[derive(Clone, Copy)]
enum Kind {
    Plain,
    /// Lines of print, with letters so high.
    Print(usize),
    /// Upright lines of many widths.
    Lines,
    /// Boxes of a table.
    Boxes(usize),
    Fabric,
}

/// A ground of that size, in cells like the labels, shelves and packs of a shop.
pub fn ground(width: usize, height: usize, seed: u64) -> Frame {
    let mut dice = Dice::new(seed);
    let mut frame = Frame::filled(width, height, 0);
    let cell = (width.min(height) / 5).clamp(60, 420);
    for top in (0..height).step_by(cell) {
        for left in (0..width).step_by(cell) {
            let size = (cell.min(width - left), cell.min(height - top));
            draw(&mut frame, (left, top), size, &mut dice);
        }
    }
    frame
}

fn draw(
    frame: &mut Frame,
    (left, top): (usize, usize),
    (width, height): (usize, usize),
    dice: &mut Dice,
) {
    let mut below = |limit: u64| (dice.roll() % limit) as usize;
    let kind = match below(6) {
        0 => Kind::Plain,
        1 | 2 => Kind::Print(7 + below(18)),
        3 => Kind::Lines,
        4 => Kind::Boxes(9 + below(30)),
        _ => Kind::Fabric,
    };
    let (paper, ink) = (150 + below(100) as u8, 10 + below(70) as u8);
    let is_light = below(4) == 0;
    let edges = edges(width, &mut below);
    let letters: Vec<u64> = (0..64).map(|_| dice.roll()).collect();
    let is_inked = |x: usize, y: usize| match kind {
        Kind::Plain => false,
        Kind::Print(size) => {
            // Letters of three by five strokes, words apart, lines apart.
            let (row, column) = (y / (size * 2), x / size);
            let letter = letters[(row * 31 + column) % letters.len()];
            let (across, down) = (x % size * 4 / size, y % (size * 2) * 10 / (size * 2));
            let is_gap = letter.is_multiple_of(6) || across == 3 || !(2..7).contains(&down);
            !is_gap && letter >> (8 + (down - 2) * 3 + across) & 1 == 1
        }
        Kind::Lines => edges.partition_point(|edge| *edge <= x) % 2 == 1,
        Kind::Boxes(size) => x % size < 2 || y % size < 2,
        Kind::Fabric => (x / 2 + y / 3) % 5 < 2,
    };
    for y in 0..height {
        for x in 0..width {
            let value = if is_inked(x, y) != is_light { ink } else { paper };
            frame.luma[(top + y) * frame.stride + left + x] = value;
        }
    }
}

/// Where lines begin and end: widths that no symbology has.
fn edges(width: usize, below: &mut impl FnMut(u64) -> usize) -> Vec<usize> {
    let mut edges = vec![];
    let mut at = 0;
    while at < width {
        at += 2 + below(23);
        edges.push(at);
    }
    edges
}
