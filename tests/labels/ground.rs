//! What lies around a label, and what a camera sees when there is no code: packs, cloth, wood, print, fences of bars.
//!
//! Nothing painted here is a code: what looks like one has widths drawn by lot or is cut off where a reader needs it.

use crate::canvas::{Area, Canvas};
use crate::chance::{Chance, sin, sin_cos};
use crate::symbol::{Kind, Symbol};

/// What is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Artwork of a pack: blocks, a band, large and small print.
    Pack,
    /// Boards with grain.
    Wood,
    /// Woven cloth.
    Fabric,
    /// Packs side by side, with price tags that carry no code.
    Shelf,
    /// Clouds of every size.
    Noise,
    /// A page of print.
    Text,
    /// Letters that are nearly bars.
    Sticks,
    /// Even stripes.
    Stripes,
    /// Bars of random widths with digits below.
    Bars,
    /// Two fine grids, one upon the other.
    Moire,
    /// Random squares without finder patterns.
    Squares,
    /// A real code of which an end is covered.
    CutCode,
    /// Ticks and numbers.
    Ruler,
    /// Discs that overlap.
    Spots,
}

impl Ground {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Pack,
        Self::Wood,
        Self::Fabric,
        Self::Shelf,
        Self::Noise,
        Self::Text,
        Self::Sticks,
        Self::Stripes,
        Self::Bars,
        Self::Moire,
        Self::Squares,
        Self::CutCode,
        Self::Ruler,
        Self::Spots,
    ];

    /// Those on which labels stick.
    pub const UNDER_LABELS: [Self; 5] =
        [Self::Pack, Self::Wood, Self::Fabric, Self::Shelf, Self::Noise];

    /// Paints it.
    pub fn paint(self, area: Area, texels: f32, chance: &mut Chance) -> Canvas {
        let mut canvas = Canvas::new(area, texels, chance.between(0.3, 0.8));
        match self {
            Self::Pack => pack(&mut canvas, area, chance),
            Self::Wood => wood(&mut canvas, chance),
            Self::Fabric => fabric(&mut canvas, chance),
            Self::Shelf => shelf(&mut canvas, area, chance),
            Self::Noise => clouds(&mut canvas, chance),
            Self::Text => text(&mut canvas, area, chance),
            Self::Sticks => sticks(&mut canvas, area, chance),
            Self::Stripes => stripes(&mut canvas, chance),
            Self::Bars => bars(&mut canvas, area, chance),
            Self::Moire => moire(&mut canvas, chance),
            Self::Squares => squares(&mut canvas, chance),
            Self::CutCode => cut_code(&mut canvas, chance),
            Self::Ruler => ruler(&mut canvas, area, chance),
            Self::Spots => spots(&mut canvas, area, chance),
        }
        canvas
    }
}

/// Smooth noise between 0 and 1 with a hill about every unit.
fn hills(x: f32, y: f32, seed: u32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let (fx, fy) = (fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy));
    let corner = |dx: i32, dy: i32| {
        let (x, y) = ((left as i32 + dx) as u32, (top as i32 + dy) as u32);
        let mut mixed = x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77) ^ seed;
        mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x2c1b_3c6d);
        mixed = (mixed ^ (mixed >> 12)).wrapping_mul(0x297a_2d39);
        ((mixed ^ (mixed >> 15)) >> 8) as f32 / (1u32 << 24) as f32
    };
    let above = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * fx;
    let below = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * fx;
    above + (below - above) * fy
}

/// A square wave of a phase in turns, with soft flanks; `duty` is the dark share.
fn wave(phase: f32, duty: f32, softness: f32) -> f32 {
    let within = phase - phase.floor();
    let distance = (within - 0.5).abs() - duty / 2.0;
    (distance / softness + 0.5).clamp(0.0, 1.0)
}

fn two_shades(chance: &mut Chance) -> (f32, f32) {
    (chance.between(0.02, 0.2), chance.between(0.4, 0.9))
}

fn pack(canvas: &mut Canvas, area: Area, chance: &mut Chance) {
    for _ in 0..4 {
        let middle = (chance.between(area[0], area[2]), chance.between(area[1], area[3]));
        let radii = (chance.between(15.0, 80.0), chance.between(15.0, 60.0));
        canvas.spot(middle, radii, chance.between(0.1, 0.9));
    }
    for _ in 0..3 {
        let (left, top) = (chance.between(area[0], area[2]), chance.between(area[1], area[3]));
        let size = (chance.between(20.0, 160.0), chance.between(6.0, 40.0));
        canvas.fill([left, top, left + size.0, top + size.1], chance.between(0.05, 0.95));
    }
    for _ in 0..3 {
        let place = (chance.between(area[0], area[2]), chance.between(area[1], area[3]));
        let height = chance.between(12.0, 40.0);
        canvas.write(crate::font::word(chance), place, height, chance.between(0.0, 1.0));
    }
    for _ in 0..3 {
        let (left, top) = (chance.between(area[0], area[2]), chance.between(area[1], area[3]));
        let block = [left, top, left + 90.0, top + 40.0];
        canvas.write_lines(block, chance.between(3.5, 7.0), chance.between(0.0, 0.2), chance);
    }
}

fn wood(canvas: &mut Canvas, chance: &mut Chance) {
    let seed = chance.roll() as u32;
    let (board, dark) = (chance.between(30.0, 70.0), chance.between(0.15, 0.4));
    canvas.repaint(|u, v, _| {
        let plank = (v / board).floor();
        let bend = hills(u / 60.0, v / 9.0 + plank * 7.0, seed) * 8.0;
        let grain = hills(u / 90.0, v * 0.7 + bend, seed ^ 5) * 0.3;
        let joint = if v - plank * board < 0.8 { 0.3 } else { 1.0 };
        (dark + grain + 0.05 * hills(plank, 0.0, seed)) * joint
    });
}

fn fabric(canvas: &mut Canvas, chance: &mut Chance) {
    let (seed, pitch) = (chance.roll() as u32, chance.between(1.2, 5.0));
    let (dark, light) = (chance.between(0.03, 0.3), chance.between(0.3, 0.8));
    let twill = if chance.is(50) { chance.between(0.2, 1.0) } else { 0.0 };
    let plaid = chance.between(0.0, 0.5);
    canvas.repaint(|u, v, _| {
        let (x, y) = (u / pitch, v / pitch + twill * u / pitch);
        let over = (x.floor() as i32 + y.floor() as i32).rem_euclid(2) == 0;
        let along = if over { x - x.floor() } else { y - y.floor() };
        let round = 1.0 - (2.0 * along - 1.0) * (2.0 * along - 1.0);
        let tint = plaid * wave(u / 37.0, 0.3, 0.01) * wave(v / 41.0, 0.3, 0.01);
        let fibre = 0.75 + 0.5 * hills(u * 1.5, v * 1.5, seed);
        (dark + (light - dark) * round * (1.0 - tint)) * fibre
    });
}

fn shelf(canvas: &mut Canvas, area: Area, chance: &mut Chance) {
    canvas.fill(area, 0.1);
    let mut top = area[1];
    while top < area[3] {
        let height = chance.between(50.0, 90.0);
        let mut left = area[0] - chance.between(0.0, 20.0);
        while left < area[2] {
            let right = left + chance.between(20.0, 55.0);
            let head = top + chance.between(0.0, 15.0);
            canvas.fill([left, head, right, top + height], chance.between(0.1, 0.9));
            canvas.fill([left, head + 18.0, right, head + 30.0], chance.between(0.1, 0.9));
            let ink = chance.between(0.0, 1.0);
            canvas.write(crate::font::word(chance), (left + 2.0, head + 20.0), 6.0, ink);
            canvas.write_lines([left + 2.0, head + 34.0, right, top + height], 3.0, 0.1, chance);
            left = right + chance.between(0.0, 2.0);
        }
        canvas.fill([area[0], top + height, area[2], top + height + 18.0], 0.55);
        let mut tag = area[0] + chance.between(0.0, 30.0);
        while tag < area[2] {
            canvas.fill([tag, top + height + 2.0, tag + 38.0, top + height + 16.0], 0.85);
            let price = format!("{},{}9", chance.below(20), chance.below(10));
            canvas.write(&price, (tag + 3.0, top + height + 5.0), 8.0, 0.04);
            tag += 40.0 + chance.between(0.0, 40.0);
        }
        top += height + 18.0;
    }
}

fn clouds(canvas: &mut Canvas, chance: &mut Chance) {
    let (seed, size) = (chance.roll() as u32, chance.between(2.0, 40.0));
    let contrast = chance.between(0.2, 1.0);
    canvas.repaint(|u, v, _| {
        let (x, y) = (u / size, v / size);
        let sum = 0.55 * hills(x, y, seed)
            + 0.3 * hills(x * 2.7, y * 2.7, seed ^ 1)
            + 0.15 * hills(x * 7.1, y * 7.1, seed ^ 2);
        (0.45 + (sum - 0.5) * 1.6 * contrast).clamp(0.02, 0.95)
    });
}

fn text(canvas: &mut Canvas, area: Area, chance: &mut Chance) {
    canvas.fill(area, 0.85);
    let middle = chance.between(area[0] + 30.0, area[2] - 30.0);
    let height = chance.between(2.5, 9.0);
    canvas.write_lines([area[0], area[1], middle - 4.0, area[3]], height, 0.04, chance);
    let height = chance.between(2.5, 14.0);
    canvas.write_lines([middle, area[1], area[2], area[3]], height, 0.04, chance);
}

fn sticks(canvas: &mut Canvas, area: Area, chance: &mut Chance) {
    canvas.fill(area, 0.8);
    let height = chance.between(6.0, 30.0);
    let mut top = area[1] + 2.0;
    while top + height < area[3] {
        let count = ((area[2] - area[0]) / (height / 7.0 * 6.0)) as usize;
        let line: String =
            (0..count).map(|_| *chance.pick(&['I', 'l', 'i', '1', 'H', 'N', ' '])).collect();
        canvas.write(&line, (area[0] + 2.0, top), height, 0.05);
        top += height * 1.3;
    }
}

fn stripes(canvas: &mut Canvas, chance: &mut Chance) {
    let (dark, light) = two_shades(chance);
    let (period, duty) = (chance.between(1.6, 12.0), chance.between(0.25, 0.75));
    let angle = if chance.is(60) { 0.0 } else { chance.between(0.0, 3.2) };
    let (sin, cos) = sin_cos(angle);
    let (bend, slats) = (chance.between(0.0, 3.0), chance.is(40));
    canvas.repaint(|u, v, _| {
        let across = u * cos + v * sin + bend * self::sin(v / 40.0);
        let phase = across / period;
        let bar = wave(phase, duty, 0.3 / period);
        let shade = if slats { 0.4 + 0.6 * (phase - phase.floor()) } else { 1.0 };
        (dark + (light - dark) * bar) * shade
    });
}

fn bars(canvas: &mut Canvas, area: Area, chance: &mut Chance) {
    canvas.fill(area, 0.82);
    let mut top = area[1] + chance.between(0.0, 10.0);
    while top + 20.0 < area[3] {
        let height = chance.between(12.0, 60.0);
        let mut left = area[0] + chance.between(5.0, 40.0);
        while left + 40.0 < area[2] {
            let count = 12 + chance.below(30);
            let first = left;
            for _ in 0..count {
                let width = (1 + chance.below(4)) as f32;
                canvas.fill([left, top, left + width, top + height], 0.04);
                left += width + (1 + chance.below(4)) as f32;
            }
            let digits = chance.digits(12);
            canvas.write(&digits, (first, top + height + 1.0), 6.0, 0.04);
            left += chance.between(8.0, 40.0);
        }
        top += height + chance.between(10.0, 30.0);
    }
}

fn moire(canvas: &mut Canvas, chance: &mut Chance) {
    let (pitch, ratio) = (chance.between(0.8, 2.2), chance.between(0.85, 1.15));
    let (one, other) = (chance.between(-0.4, 0.4), chance.between(-0.4, 0.4));
    let (one, other) = (sin_cos(one), sin_cos(other));
    let is_grid = chance.is(50);
    canvas.repaint(|u, v, _| {
        let first = wave((u * one.1 + v * one.0) / pitch, 0.5, 0.3);
        let second = wave((u * other.1 + v * other.0) / (pitch * ratio), 0.5, 0.3);
        let third = if is_grid { wave(v / pitch, 0.3, 0.3) } else { 1.0 };
        0.08 + 0.75 * first * second * third
    });
}

fn squares(canvas: &mut Canvas, chance: &mut Chance) {
    let (seed, side) = (chance.roll() as u32, chance.between(1.5, 6.0));
    let (dark, light) = two_shades(chance);
    let share = chance.between(0.3, 0.7);
    canvas.repaint(|u, v, _| {
        let is_dark = hills((u / side).floor(), (v / side).floor(), seed) < share;
        if is_dark { dark } else { light }
    });
}

/// A code of which a third to two thirds are covered: whatever is read there is invented.
fn cut_code(canvas: &mut Canvas, chance: &mut Chance) {
    let kind = *chance.pick(&[Kind::Ean13, Kind::UpcA, Kind::Code128]);
    let symbol = Symbol::invented(kind, chance);
    let paper = chance.between(0.7, 0.9);
    let (width, height) = (symbol.columns as f32, chance.between(30.0, 70.0));
    let left = -width / 2.0;
    let (top, bottom) = (-height / 2.0, height / 2.0);
    canvas.fill([left - 14.0, top - 10.0, -left + 14.0, bottom + 14.0], paper);
    for column in (0..symbol.columns).filter(|column| symbol.is_dark(*column, 0)) {
        let from = left + column as f32;
        canvas.fill([from, top, from + 1.0, bottom], 0.04);
    }
    canvas.write(&symbol.text, (left, bottom + 2.0), 7.0, 0.04);
    let covered = width * chance.between(0.33, 0.66);
    let (from, to) =
        if chance.is(50) { (left - 20.0, left + covered) } else { (-left - covered, -left + 20.0) };
    let cover = if chance.is(50) { paper } else { chance.between(0.05, 0.6) };
    canvas.fill([from, top - 20.0, to, bottom + 20.0], cover);
}

fn ruler(canvas: &mut Canvas, area: Area, chance: &mut Chance) {
    canvas.fill(area, 0.75);
    let pitch = chance.between(1.8, 5.0);
    let mut top = area[1] + 6.0;
    while top + 30.0 < area[3] {
        let count = ((area[2] - area[0]) / pitch) as usize;
        for tick in 0..count {
            let left = area[0] + tick as f32 * pitch;
            let length = match tick % 10 {
                0 => 16.0,
                5 => 12.0,
                _ => 8.0,
            };
            canvas.fill([left, top, left + pitch * 0.35, top + length], 0.05);
            if tick % 10 == 0 {
                canvas.write(&(tick / 10).to_string(), (left + 1.0, top + 17.0), 7.0, 0.05);
            }
        }
        top += chance.between(30.0, 60.0);
    }
}

fn spots(canvas: &mut Canvas, area: Area, chance: &mut Chance) {
    for _ in 0..120 {
        let middle = (chance.between(area[0], area[2]), chance.between(area[1], area[3]));
        let size = chance.between(2.0, 22.0);
        let radii = (size, size * chance.between(0.4, 1.0));
        canvas.spot(middle, radii, chance.between(0.02, 0.95));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ground_has_light_and_dark() {
        let area = [-60.0, -45.0, 60.0, 45.0];
        for ground in Ground::ALL {
            let canvas = ground.paint(area, 3.0, &mut Chance::new(3));
            let shades: Vec<f32> = (0..2000)
                .map(|i| canvas.sample((i % 50) as f32 * 2.3 - 57.0, (i / 50) as f32 * 2.1 - 42.0))
                .collect();
            let low = shades.iter().copied().fold(f32::INFINITY, f32::min);
            let high = shades.iter().copied().fold(0.0, f32::max);
            assert!(low >= 0.0 && high <= 1.0 && high - low > 0.1, "{ground:?} {low} {high}");
        }
    }
}
