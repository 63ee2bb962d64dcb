//! Dice that always fall the same way: each thing that is made has its own, thrown from (seed, kind, number), so
//! that anything can be made again alone, in any order, and an interrupted seed goes on where it stopped.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// What the dice are thrown for. The numbers are part of the result: never reorder.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One article.
    Article = 1,
    /// A block of customers that is divided into households.
    Block = 2,
    /// One household: name, address, habits.
    Household = 3,
    /// One customer.
    Customer = 4,
    /// The orders of one customer.
    Orders = 5,
    /// The stock of one article in one store.
    Stock = 6,
    /// A member of staff.
    Staff = 7,
    /// A store.
    Store = 8,
}

/// A generator for one thing.
pub struct Dice(Pcg64Mcg);

impl Dice {
    /// The dice of one thing.
    pub fn of(seed: u64, kind: Kind, number: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"crossroads seed 1");
        hash.update(seed.to_be_bytes());
        hash.update([kind as u8]);
        hash.update(number.to_be_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let mut state = [0; 16];
        state.copy_from_slice(&digest[..16]);
        Self(Pcg64Mcg::from_seed(state))
    }

    /// A number from 0 to `end` - 1; `end` must not be 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // Multiply and shift: fixed here, so that no other crate's version changes what is made.
        ((u128::from(self.0.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// A number from `low` to `high`, both possible.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    /// True in `percent` of all throws.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them; the slice must not be empty.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// A number below `end` that is small much more often than large: the fourth power of an even throw, which is
    /// near to how sales fall on articles.
    pub fn popular(&mut self, end: u64) -> u64 {
        let throw = u128::from(self.0.next_u64() >> 32);
        let squared = (throw * throw) >> 32;
        let fourth = (squared * squared) >> 32;
        ((fourth * u128::from(end)) >> 32) as u64
    }

    /// Ten random bytes, for an identity.
    pub fn id_bytes(&mut self) -> [u8; 10] {
        let mut bytes = [0; 10];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_gets_the_same_dice_and_another_thing_others() {
        let throw = |seed, kind, number| Dice::of(seed, kind, number).below(u64::MAX);
        assert_eq!(throw(1, Kind::Article, 5), throw(1, Kind::Article, 5));
        assert_ne!(throw(1, Kind::Article, 5), throw(2, Kind::Article, 5));
        assert_ne!(throw(1, Kind::Article, 5), throw(1, Kind::Stock, 5));
        // Pinned: another number here is another chain for everybody.
        assert_eq!(throw(7, Kind::Article, 1), 7_998_118_386_548_659_041);
    }

    #[test]
    fn popular_numbers_are_small_and_in_range() {
        let mut dice = Dice::of(1, Kind::Orders, 1);
        let throws: Vec<u64> = (0..10_000).map(|_| dice.popular(1000)).collect();
        assert!(throws.iter().all(|throw| *throw < 1000));
        let small = throws.iter().filter(|throw| **throw < 63).count();
        assert!((4500..5500).contains(&small), "half of them below a sixteenth: {small}");
    }
}
