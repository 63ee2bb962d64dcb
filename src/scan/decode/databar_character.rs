//! Characters of DataBar: eight widths that stand for a number, told by the nearest.
//!
//! ISO/IEC 24724:2011, 5.2.2, 6.2.3 and 7.2.3 (tables of the subsets) and annex B (numbers as
//! widths): the odd and the even elements of a character are numbered apart, in the order of their
//! widths, so that all tables follow from a few totals. The odd and the even elements that lie
//! nearest are found apart too: their errors add up.

/// Widths of four elements of one colour.
type Four = [u8; 4];

/// The characters with one sum of odd elements.
struct Subset {
    odd: Vec<Four>,
    even: Vec<Four>,
    /// The first number of the subset.
    base: u32,
}

/// One of the three sets of characters.
pub struct Characters {
    /// Modules of a character.
    pub modules: u8,
    subsets: Vec<Subset>,
    /// Whether the odd elements count the even ones, or the other way round.
    is_odd_major: bool,
}

/// A character as told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Character {
    /// Its number.
    pub value: u32,
    /// Nominal widths of its elements, from the outer end toward the finder.
    pub widths: [u8; 8],
    /// The sum of squared deviations from them, in modules².
    pub squares: f32,
}

/// All widths of four elements with a sum, in the order of annex B; the first is at most
/// `first_widest`.
fn fours(sum: u8, (first_widest, widest): (u8, u8), has_narrow: bool) -> Vec<Four> {
    let mut all = Vec::new();
    for a in 1..=first_widest.min(widest) {
        for b in 1..=widest {
            for c in 1..=widest {
                let rest = sum.checked_sub(a + b + c).filter(|d| (1..=widest).contains(d));
                let Some(d) = rest else { continue };
                if !has_narrow || [a, b, c, d].contains(&1) {
                    all.push([a, b, c, d]);
                }
            }
        }
    }
    all
}

/// How the subsets of a set of characters are built.
struct Build {
    modules: u8,
    /// Sum and widest of the odd elements, by subset; the widest even element is 9 less that.
    odd: &'static [(u8, u8)],
    is_odd_major: bool,
    /// Whether the odd or the even elements have one of a single module.
    is_odd_narrow: bool,
    /// The widest first element: the totals of the inner and
    /// of the expanded characters leave out what begins wider.
    first_widest: u8,
}

impl Build {
    fn characters(&self) -> Characters {
        let mut base = 0;
        let mut subsets = Vec::with_capacity(self.odd.len());
        for &(sum, widest) in self.odd {
            let odd = fours(sum, (self.first_widest, widest), self.is_odd_narrow);
            let even = fours(self.modules - sum, (9, 9 - widest), !self.is_odd_narrow);
            let count = (odd.len() * even.len()) as u32;
            subsets.push(Subset { odd, even, base });
            base += count;
        }
        Characters { modules: self.modules, subsets, is_odd_major: self.is_odd_major }
    }
}

impl Characters {
    /// Outer characters of DataBar Omnidirectional: 16 modules, 2,841 numbers.
    pub fn outer() -> Self {
        let odd = &[(12, 8), (10, 6), (8, 4), (6, 3), (4, 1)];
        let build =
            Build { modules: 16, odd, is_odd_major: true, is_odd_narrow: false, first_widest: 9 };
        build.characters()
    }

    /// Inner characters of DataBar Omnidirectional: 15 modules, 1,597 numbers.
    pub fn inner() -> Self {
        let odd = &[(5, 2), (7, 4), (9, 6), (11, 8)];
        let build =
            Build { modules: 15, odd, is_odd_major: false, is_odd_narrow: true, first_widest: 4 };
        build.characters()
    }

    /// Characters of DataBar Expanded: 17 modules, 4,192 numbers, of which 4,096 carry data.
    pub fn expanded() -> Self {
        let odd = &[(12, 7), (10, 5), (8, 4), (6, 3), (4, 1)];
        let build =
            Build { modules: 17, odd, is_odd_major: true, is_odd_narrow: true, first_widest: 4 };
        build.characters()
    }

    /// The character whose widths are nearest to `widths`, given in modules.
    pub fn nearest(&self, widths: &[f32; 8]) -> Option<Character> {
        let mut best: Option<Character> = None;
        for subset in &self.subsets {
            let (odd, odd_squares) = nearest_four(&subset.odd, widths, 0)?;
            let (even, even_squares) = nearest_four(&subset.even, widths, 1)?;
            let squares = odd_squares + even_squares;
            if best.is_some_and(|known| known.squares <= squares) {
                continue;
            }
            let inner = match self.is_odd_major {
                true => odd * subset.even.len() + even,
                false => even * subset.odd.len() + odd,
            };
            let widths = std::array::from_fn(|k| match k % 2 {
                0 => subset.odd[odd][k / 2],
                _ => subset.even[even][k / 2],
            });
            best = Some(Character { value: subset.base + inner as u32, widths, squares });
        }
        best
    }

    /// How many numbers there are.
    pub fn count(&self) -> u32 {
        let count = |subset: &Subset| (subset.odd.len() * subset.even.len()) as u32;
        self.subsets.iter().map(count).sum()
    }

    /// The widths of a number.
    pub fn widths(&self, value: u32) -> [u8; 8] {
        let subset = self.subsets.iter().rev().find(|subset| subset.base <= value);
        let subset = subset.expect("the first subset begins with zero");
        let inner = (value - subset.base) as usize;
        let (odd, even) = match self.is_odd_major {
            true => (inner / subset.even.len(), inner % subset.even.len()),
            false => (inner % subset.odd.len(), inner / subset.odd.len()),
        };
        std::array::from_fn(|k| match k % 2 {
            0 => subset.odd[odd][k / 2],
            _ => subset.even[even][k / 2],
        })
    }
}

/// Which of the fours lies nearest to every second of the widths, and how near.
fn nearest_four(fours: &[Four], widths: &[f32; 8], offset: usize) -> Option<(usize, f32)> {
    let mut best = None::<(usize, f32)>;
    for (index, four) in fours.iter().enumerate() {
        let squares: f32 =
            (0..4).map(|k| (widths[2 * k + offset] - f32::from(four[k])).powi(2)).sum();
        if best.is_none_or(|known| squares < known.1) {
            best = Some((index, squares));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The totals that ISO/IEC 24724 prints in its tables 2, 3 and 9.
    #[test]
    fn the_tables_are_those_of_the_standard() {
        for (characters, count, bases) in [
            (Characters::outer(), 2841, vec![0, 161, 961, 2015, 2715]),
            (Characters::inner(), 1597, vec![0, 336, 1036, 1516]),
            (Characters::expanded(), 4192, vec![0, 348, 1388, 2948, 3988]),
        ] {
            assert_eq!(characters.count(), count);
            let found: Vec<u32> = characters.subsets.iter().map(|subset| subset.base).collect();
            assert_eq!(found, bases);
        }
    }

    #[test]
    fn every_character_is_its_own_nearest() {
        for characters in [Characters::outer(), Characters::inner(), Characters::expanded()] {
            for value in 0..characters.count() {
                let widths = characters.widths(value).map(f32::from);
                let off: [f32; 8] =
                    std::array::from_fn(|k| widths[k] + if k % 3 == 0 { 0.2 } else { -0.1 });
                let read = characters.nearest(&off).unwrap();
                assert_eq!(read.value, value);
                assert_eq!(read.widths.map(f32::from), widths);
            }
        }
    }
}
