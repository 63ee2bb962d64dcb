//! Numbers that look random, and the few curves that pictures need: a seed gives the same picture on every machine.
//!
//! The curves are made of the four operations and the root only, which IEEE 754 rounds in one way; `f32::sin` asks the
//! C library, which every system has its own of.

use dice::Dice;

/// A sequence of numbers that a seed decides.
#[derive(Clone, Debug)]
pub struct Chance(Dice);

impl Chance {
    /// Starts the sequence of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(Dice::new(seed))
    }

    /// A sequence of its own for one purpose, so that one more number drawn here does not change what is drawn there.
    pub const fn branch(&self, purpose: u64) -> Self {
        Self(self.0.branch(purpose))
    }

    /// The next number.
    #[inline]
    pub const fn roll(&mut self) -> u64 {
        self.0.roll()
    }

    /// A number below `end`; 0 if `end` is 0.
    pub const fn below(&mut self, end: usize) -> usize {
        self.0.index(end)
    }

    /// A number from `low` to `high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (self.roll() >> 40) as f32 / (1u32 << 24) as f32 * (high - low)
    }

    /// True in `percent` of 100 rolls.
    pub fn is(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// 1 or -1.
    pub fn sign(&mut self) -> f32 {
        if self.is(50) { 1.0 } else { -1.0 }
    }

    /// One of them.
    ///
    /// # Panics
    /// Where there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// `count` decimal digits.
    pub fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }
}

/// Normally distributed numbers by the handful, for noise: mean 0, deviation 1.
pub struct Bell(Vec<f32>);

impl Default for Bell {
    /// The sum of twelve even numbers is normal enough up to three deviations (Irwin and Hall).
    fn default() -> Self {
        let mut chance = Chance::new(12);
        let sum = |_| (0..12).map(|_| chance.between(0.0, 1.0)).sum::<f32>() - 6.0;
        Self((0..4096).map(sum).collect())
    }
}

impl Bell {
    /// One of them, by twelve bits.
    #[inline]
    pub fn at(&self, bits: u64) -> f32 {
        self.0[(bits & 0xfff) as usize]
    }
}

/// Sine and cosine of an angle in radians.
pub fn sin_cos(angle: f32) -> (f32, f32) {
    use std::f64::consts::FRAC_PI_2;
    let turns = (f64::from(angle) / FRAC_PI_2).round();
    let x = f64::from(angle) - turns * FRAC_PI_2;
    // Taylor: on an eighth of the circle the first term left out is below 1e-9.
    let square = x * x;
    let sin = x * (1.0 - square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0)));
    let cos =
        1.0 - square / 2.0 * (1.0 - square / 12.0 * (1.0 - square / 30.0 * (1.0 - square / 56.0)));
    let (sin, cos) = match (turns as i64).rem_euclid(4) {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    };
    (sin as f32, cos as f32)
}

/// Sine of an angle in radians.
pub fn sin(angle: f32) -> f32 {
    sin_cos(angle).0
}

/// The angle of a tangent, in radians.
pub fn atan(tangent: f32) -> f32 {
    let mut t = f64::from(tangent);
    // Halved three times, the angle is below 0.2 and the series ends soon.
    for _ in 0..3 {
        t /= 1.0 + (1.0 + t * t).sqrt();
    }
    let square = t * t;
    let series = 1.0 - square * (1.0 / 3.0 - square * (0.2 - square * (1.0 / 7.0 - square / 9.0)));
    (8.0 * t * series) as f32
}

/// `e` to the power of a number that is not above 0.
pub fn decay(power: f32) -> f32 {
    // (1 + x/1024)^1024 by ten squarings, the small x corrected by its own square.
    let x = f64::from(power.clamp(-80.0, 0.0)) / 1024.0;
    let mut value = 1.0 + x * (1.0 + x / 2.0 * (1.0 + x / 3.0));
    for _ in 0..10 {
        value *= value;
    }
    value as f32
}

/// 0 below `low`, 1 above `high`, smooth between.
pub fn ramp(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curves_are_those_of_the_books() {
        for step in -400..400 {
            let x = step as f32 / 37.0;
            let (sin, cos) = sin_cos(x);
            assert!((sin - x.sin()).abs() < 2e-6 && (cos - x.cos()).abs() < 2e-6, "{x}");
            assert!((atan(x) - x.atan()).abs() < 2e-6, "{x}");
            assert!((decay(-x.abs()) - (-x.abs()).exp()).abs() < 2e-6, "{x}");
        }
    }

    #[test]
    fn a_seed_is_the_same_for_ever() {
        let mut chance = Chance::new(7);
        assert_eq!(chance.roll(), 0x63cb_e1e4_5932_0dd7);
        assert_eq!(chance.branch(1).roll(), chance.branch(1).roll());
        let bell = Bell::default();
        let square: f32 = (0..4096).map(|bits| bell.at(bits) * bell.at(bits)).sum();
        assert!((square / 4096.0 - 1.0).abs() < 0.05);
    }
}
