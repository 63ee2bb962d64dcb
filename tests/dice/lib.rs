//! Numbers that look random and are the same for the same seed for ever: SplitMix64 (Steele, Lea and Flood 2014).
//!
//! Its own, because a seed in a committed regression must mean the same after every update of a crate.

/// A sequence of numbers that a seed decides.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Starts the sequence of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    #[inline]
    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A sequence of its own for one purpose, so that one more number drawn here does not change what is drawn there.
    pub const fn branch(&self, purpose: u64) -> Self {
        let mut branch = Self(self.0 ^ purpose.wrapping_mul(0xd134_2543_de82_ef95));
        branch.roll();
        branch
    }

    /// A number below `end`; 0 if `end` is 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.roll() % end }
    }

    /// A place in a list of `length`; 0 if it is empty.
    pub const fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// True in `percent` of 100 rolls.
    pub const fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Fills a buffer.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.roll().to_le_bytes()[..part.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_for_ever() {
        // The reference implementation's first numbers for seed 1234567 (prng.di.unimi.it/splitmix64.c).
        let mut dice = Dice::new(1_234_567);
        let numbers = [dice.roll(), dice.roll(), dice.roll()];
        let expected =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(numbers, expected);
        assert_eq!((dice.below(0), dice.index(0)), (0, 0));
        assert!(!dice.chance(0) && dice.chance(100));
    }
}
