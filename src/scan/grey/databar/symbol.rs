//! The builds of DataBar Omnidirectional in modules from the first bar, and all characters as bars.
//!
//! ISO/IEC 24724:2011, section 5. The right pair of characters is the left one printed backwards
//! with colours exchanged, so that both are described from their outer end toward their finder
//! pattern.

use crate::decode::databar::FINDERS;
use crate::decode::databar_character::Characters;

/// Remainders of the checksum.
pub(super) const REMAINDERS: usize = 79;
/// Modules of a finder pattern.
pub(super) const FINDER_MODULES: i32 = 15;
/// Bars of a character.
pub(super) const BARS: usize = 4;

/// Where something lies: its outer end, and whether it is counted to the left from there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) at: i32,
    pub(super) is_back: bool,
}

impl Place {
    const fn new(at: i32, is_back: bool) -> Self {
        Self { at, is_back }
    }

    /// Modules of the symbol between which lies what is between two modules from the outer end.
    pub(super) const fn bar(self, (from, to): (u8, u8)) -> (i32, i32) {
        match self.is_back {
            true => (self.at - to as i32, self.at - from as i32),
            false => (self.at + from as i32, self.at + to as i32),
        }
    }
}

/// One finder pattern with its two characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    /// Whether colours are exchanged.
    pub(super) is_second: bool,
    pub(super) outer: Place,
    pub(super) finder: Place,
    pub(super) inner: Place,
}

/// Where everything lies.
#[derive(Debug)]
pub(super) struct Layout {
    /// Modules from the first bar to the last; the light module of a guard outside is not told from
    /// the margin.
    pub(super) modules: i32,
    /// Of these, the ones that are a part of the symbol.
    pub(super) printed: i32,
    /// Bars that are always there.
    pub(super) guards: &'static [(i32, i32)],
    /// The left and the right pair.
    pub(super) sides: [Side; 2],
}

const fn side(is_second: bool, outer: Place, finder: Place, inner: Place) -> Side {
    Side { is_second, outer, finder, inner }
}

/// One row (5.2).
pub(super) static ROW: Layout = Layout {
    modules: 95,
    printed: 95,
    guards: &[(0, 1), (94, 95)],
    sides: [
        side(false, Place::new(1, false), Place::new(17, false), Place::new(47, true)),
        side(true, Place::new(93, true), Place::new(77, true), Place::new(47, false)),
    ],
};
/// Modules of the upper and of the lower row of a stacked symbol (5.3).
pub(super) const ROWS: [i32; 2] = [48, 50];
/// Light that is laid between both rows, so that no blur reaches across.
pub(super) const GAP: i32 = 16;
/// Both rows of a stacked symbol, one behind the other.
pub(super) static STACK: Layout = Layout {
    modules: ROWS[0] + GAP + ROWS[1],
    printed: ROWS[0] + ROWS[1],
    guards: &[(0, 1), (47, 48), (64, 65), (113, 114)],
    sides: [
        side(false, Place::new(1, false), Place::new(17, false), Place::new(47, true)),
        side(true, Place::new(112, true), Place::new(96, true), Place::new(66, false)),
    ],
};

/// Bars of a finder pattern from its outer end; the last is empty in a first pair.
pub(super) fn finder_bars(finder: usize, is_second: bool) -> [(u8, u8); 3] {
    let [a, b, c, d] = FINDERS[finder];
    let ends = [0, a, a + b, a + b + c, a + b + c + d, FINDER_MODULES as u8];
    match is_second {
        true => [(ends[0], ends[1]), (ends[2], ends[3]), (ends[4], ends[5])],
        false => [(ends[1], ends[2]), (ends[3], ends[4]), (ends[5], ends[5])],
    }
}

/// All characters of one set.
pub(super) struct Alphabet {
    /// Bars in the first and in the second pair, by number, from the outer end.
    bars: [Vec<[(u8, u8); BARS]>; 2],
    /// What each adds to the checksum in the first and in the second pair.
    remainders: [Vec<u8>; 2],
    pub(super) modules: usize,
}

impl Alphabet {
    fn new(characters: &Characters, first_weight: usize) -> Self {
        let widths: Vec<[u8; 8]> =
            (0..characters.count()).map(|it| characters.widths(it)).collect();
        let bars = |widths: &[u8; 8], first: usize| -> [(u8, u8); BARS] {
            let mut ends = [0; 9];
            for (k, width) in widths.iter().enumerate() {
                ends[k + 1] = ends[k] + width;
            }
            std::array::from_fn(|bar| (ends[2 * bar + first], ends[2 * bar + first + 1]))
        };
        let remainder = |widths: &[u8; 8], is_second: usize| -> u8 {
            let from = first_weight + 16 * is_second;
            let weighted =
                widths.iter().enumerate().map(|(k, w)| weight(from + k) * usize::from(*w));
            (weighted.sum::<usize>() % REMAINDERS) as u8
        };
        let of = |second: usize| widths.iter().map(|it| remainder(it, second)).collect();
        Self {
            bars: [1, 0].map(|first| widths.iter().map(|it| bars(it, first)).collect()),
            remainders: [of(0), of(1)],
            modules: usize::from(characters.modules),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.bars[0].len()
    }

    pub(super) fn remainder(&self, number: usize, is_second: bool) -> usize {
        usize::from(self.remainders[usize::from(is_second)][number])
    }

    /// Bars of a character from its outer end.
    pub(super) fn bars(&self, number: usize, is_second: bool) -> [(u8, u8); BARS] {
        self.bars[usize::from(is_second)][number]
    }

    /// Bars of all characters.
    pub(super) fn all(&self, is_second: bool) -> &[[(u8, u8); BARS]] {
        &self.bars[usize::from(is_second)]
    }
}

/// The weight of the n-th element: powers of three (5.2.4).
fn weight(element: usize) -> usize {
    (0..element).fold(1, |weight, _| weight * 3 % REMAINDERS)
}

/// Both sets.
pub(super) struct Alphabets {
    pub(super) outer: Alphabet,
    pub(super) inner: Alphabet,
}

impl Alphabets {
    pub(super) fn new() -> Self {
        Self {
            outer: Alphabet::new(&Characters::outer(), 0),
            inner: Alphabet::new(&Characters::inner(), 8),
        }
    }
}

/// The checksum that a pair of finder patterns stands for (5.2.4); two pairs that look alike when
/// turned around are not used.
pub(super) fn checksum(left: usize, right: usize) -> Option<usize> {
    match 9 * left + right {
        8 | 72 => None,
        shown @ 0..8 => Some(shown),
        shown @ 9..72 => Some(shown - 1),
        shown => Some(shown - 2),
    }
}
