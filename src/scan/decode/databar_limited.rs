//! DataBar Limited from the widths of bars and spaces: two data characters, the check character
//! between them.
//!
//! ISO/IEC 24724:2011, section 6. Modules, and runs in brackets:
//! ```text
//!  1 1 (2)  |  left 26 (14)  |  check 18 (14)  |  right 26 (14)  |  1 1 (2)  |  light 5
//! ```
//! There is no finder pattern, and two of five rows of whole widths are data characters, so that bars
//! of anything else come near soon. What is reported therefore has the light behind it that the
//! edition of 2011 demands (older symbols have none and are not read), three characters of one size,
//! the check character that its data demand (one of 89), runs near to their nominal widths (see
//! `DEVIATION_MAX`), and three lines that agree (`confirm`).

use super::databar::{DataBarRead, spread_of};
use super::profile::Runs;
use super::walk::Walk;
use domain::code::Symbology;
use domain::gtin::check_digit;

/// Elements of a character, spaces and bars in turn.
const ELEMENTS: usize = 14;
/// Runs from the bar of the left guard to the bar of the right one.
const RUNS: usize = 1 + 3 * ELEMENTS + 2;
/// Modules of the characters, left to right.
const MODULES: [u8; 3] = [26, 18, 26];
/// Runs of one module in every symbol: guards and the end of the check character.
const ONES: [usize; 5] = [0, 27, 28, 43, 44];
/// Numbers of a data character.
const COUNT: u64 = 2_013_571;
/// Symbols with a two-dimensional part above them count from here (6.2.3).
const LINKED: u64 = 2_015_133_531_096;
/// The first digit is 0 or 1.
const NUMBER_MAX: u64 = 1_999_999_999_999;
/// Light demanded behind the symbol and before it, in modules; the standard has 5 and 1, print
/// spreads.
const QUIET: (f32, f32) = (0.6, 4.4);
/// How much the module of a character may differ from the mean: perspective.
const GROWTH_MAX: f32 = 1.12;
/// Below this many pixels a module, edges are closer than the sampling can hold apart.
const MODULE_MIN: f32 = 0.9;
/// The largest mean squared deviation of a run from its nominal width, in modules².
///
/// Widths of no symbol at all that have the sizes of one are off by 0.1 on the mean. One in a
/// thousand of them comes below with all three characters (test `bars_of_nothing_are_rarely_near`),
/// before the check character, which one in 89 passes, and other lines are asked.
const DEVIATION_MAX: f32 = 0.06;

/// Sums and widest of the spaces of a data character, by subset: the bars have what is left of 26
/// modules and of 9, and one of them is a single module.
const SUBSETS: [(u8, u8); 7] = [(17, 6), (13, 5), (9, 3), (15, 5), (11, 4), (19, 8), (7, 1)];

/// Check characters: widths of six spaces, and which of the 21 rows of widths that six bars of 8
/// modules may have (in their order) follow with them. A space and a bar of one module end all.
const CHECKS: [([u8; 6], u32); 8] = [
    ([1, 1, 1, 1, 1, 3], 0x1f_ffff),
    ([1, 1, 1, 1, 2, 2], 0x1f_ffff),
    ([1, 1, 1, 1, 3, 1], 0x00_840b),
    ([1, 1, 1, 2, 1, 2], 0x09_fc0f),
    ([1, 1, 2, 1, 1, 2], 0x1f_805f),
    ([1, 2, 1, 1, 1, 2], 0x00_04ff),
    ([2, 1, 1, 1, 1, 2], 0x00_09be),
    ([2, 1, 1, 1, 2, 1], 0x00_0002),
];

/// Widths of the elements of one colour.
type Seven = [u8; 7];
/// Ways to fill some elements (first index) with some modules (second).
type Ways = [[u32; 20]; 8];

fn ways(narrowest: usize, widest: usize) -> Ways {
    let mut ways = [[0; 20]; 8];
    ways[0][0] = 1;
    for elements in 1..8 {
        for sum in 0..20usize {
            ways[elements][sum] =
                (narrowest..=widest.min(sum)).map(|width| ways[elements - 1][sum - width]).sum();
        }
    }
    ways
}

/// All widths of seven elements with a sum, numbered in the order of annex B.
struct Sevens {
    sum: u8,
    widest: u8,
    /// Whether one of them must be of a single module.
    has_narrow: bool,
    any: Ways,
    wide: Ways,
}

impl Sevens {
    fn new(sum: u8, widest: u8, has_narrow: bool) -> Self {
        let most = usize::from(widest);
        Self { sum, widest, has_narrow, any: ways(1, most), wide: ways(2, most) }
    }

    /// How many ways the last `elements` can have `sum` modules; `is_open`: no single one so far.
    fn ways(&self, elements: usize, sum: u8, is_open: bool) -> u32 {
        let at = |ways: &Ways| ways[elements][usize::from(sum)];
        at(&self.any) - if is_open { at(&self.wide) } else { 0 }
    }

    fn count(&self) -> u32 {
        self.ways(7, self.sum, self.has_narrow)
    }

    /// The number of widths that are among them.
    fn number(&self, widths: &Seven) -> u32 {
        let (mut number, mut rest, mut is_open) = (0, self.sum, self.has_narrow);
        for (index, &width) in widths.iter().enumerate() {
            let smaller = (1..width).filter(|smaller| *smaller <= rest);
            number += smaller
                .map(|smaller| self.ways(6 - index, rest - smaller, is_open && smaller > 1))
                .sum::<u32>();
            rest -= width;
            is_open &= width > 1;
        }
        number
    }

    /// Those that lie nearest to `targets`, and their sum of squared deviations.
    fn nearest(&self, targets: &[f32; 7]) -> (Seven, f32) {
        let free = self.filled(targets, None);
        if !self.has_narrow || free.0.contains(&1) {
            return free;
        }
        let fixed = (0..7).map(|narrow| self.filled(targets, Some(narrow)));
        fixed.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(free)
    }

    /// Module after module goes to the element that lacks most of one: since squares are convex, no
    /// other way comes nearer. `narrow` keeps its one.
    fn filled(&self, targets: &[f32; 7], narrow: Option<usize>) -> (Seven, f32) {
        let mut widths = [1u8; 7];
        for _ in 7..self.sum {
            let lack = |k: &usize| targets[*k] - f32::from(widths[*k]);
            let open = (0..7).filter(|k| widths[*k] < self.widest && narrow != Some(*k));
            match open.max_by(|a, b| lack(a).total_cmp(&lack(b))) {
                Some(most) => widths[most] += 1,
                None => return (widths, f32::INFINITY),
            }
        }
        let squares = (0..7).map(|k| (targets[k] - f32::from(widths[k])).powi(2)).sum();
        (widths, squares)
    }
}

/// A character as told.
struct Told {
    number: u32,
    widths: [u8; ELEMENTS],
    /// The sum of squared deviations, in modules².
    squares: f32,
}

/// Reads lines; keeps its tables.
pub struct LimitedReader {
    /// Spaces and bars of the subsets, and the first number of each.
    subsets: Vec<(Sevens, Sevens, u32)>,
    /// Widths of the check characters in order.
    checks: Vec<[u8; ELEMENTS]>,
}

impl Default for LimitedReader {
    fn default() -> Self {
        let mut base = 0;
        let subset = |(sum, widest): (u8, u8)| {
            let spaces = Sevens::new(sum, widest, false);
            let bars = Sevens::new(MODULES[0] - sum, 9 - widest, true);
            let first = base;
            base += spaces.count() * bars.count();
            (spaces, bars, first)
        };
        Self { subsets: SUBSETS.into_iter().map(subset).collect(), checks: check_characters() }
    }
}

fn check_characters() -> Vec<[u8; ELEMENTS]> {
    // Six widths of 8 modules: one of them has two more, or two of them one.
    let mut bars: Vec<[u8; 6]> = (0..6)
        .flat_map(|a| (a..6).map(move |b| (a, b)))
        .map(|(a, b)| std::array::from_fn(|k| 1 + u8::from(k == a) + u8::from(k == b)))
        .collect();
    bars.sort_unstable();
    let mut checks = Vec::with_capacity(89);
    for (spaces, followers) in CHECKS {
        for (index, bars) in bars.iter().enumerate() {
            if followers >> index & 1 == 1 {
                checks.push(std::array::from_fn(|k| {
                    let row = if k % 2 == 0 { &spaces } else { bars };
                    row.get(k / 2).copied().unwrap_or(1)
                }));
            }
        }
    }
    checks
}

impl LimitedReader {
    /// Appends what the line holds, walked both ways. A few symbols are one both ways, and nobody can say which is
    /// right, since there is no finder pattern: they are not told.
    pub fn read(&self, runs: &Runs, found: &mut Vec<DataBarRead>) {
        let symbology = Symbology::DataBarLimited;
        let known = found.len();
        for is_back in [false, true] {
            let walk = Walk::new(runs, is_back);
            let mut first = 1;
            while first + RUNS < walk.len() {
                match self.read_at(&walk, first) {
                    Some(text) => {
                        let span = walk.span(first, first + RUNS);
                        found.push(DataBarRead { symbology, text, span });
                        first += RUNS;
                    }
                    None => first += 1,
                }
            }
        }
        let meets = |a: &DataBarRead, b: &DataBarRead| a.span.0 < b.span.1 && b.span.0 < a.span.1;
        let is_other = |a: &DataBarRead, b: &DataBarRead| meets(a, b) && a.text != b.text;
        let has_other = |index: usize| found[known..].iter().any(|b| is_other(&found[index], b));
        if (known..found.len()).any(has_other) {
            found.truncate(known);
        }
    }

    /// The element string of the symbol whose left guard bar is run `first`.
    fn read_at(&self, walk: &Walk<'_>, first: usize) -> Option<String> {
        let starts = [0, 1, 2].map(|k| first + 1 + k * ELEMENTS);
        let modules = MODULES.iter().map(|count| f32::from(*count)).sum::<f32>();
        let module = walk.extent(first + 1, first + 1 + 3 * ELEMENTS) / modules;
        let is_quiet = walk.light(first.checked_sub(1)) >= QUIET.0 * module
            && walk.light(Some(first + RUNS)) >= QUIET.1 * module;
        if !walk.is_dark(first) || module < MODULE_MIN || !is_quiet {
            return None;
        }
        let ones = ONES.map(|k| walk.width(first + k) / module);
        if ones.iter().any(|one| !(0.3..2.0).contains(one)) {
            return None;
        }
        let mut characters = [[0.0; ELEMENTS]; 3];
        for ((start, count), widths) in starts.into_iter().zip(MODULES).zip(&mut characters) {
            let own = walk.extent(start, start + ELEMENTS) / f32::from(count);
            if !(1.0 / GROWTH_MAX..GROWTH_MAX).contains(&(own / module)) {
                return None;
            }
            *widths = std::array::from_fn(|k| walk.width(start + k) / own);
        }
        let [left, check, right] = self.tell(&characters, &ones)?;
        if check.number != check_of(&left.widths, &right.widths) {
            return None;
        }
        element_string(left.number, right.number)
    }

    /// The characters nearest to these widths in modules, if they are near, ink spread taken out.
    fn tell(&self, characters: &[[f32; ELEMENTS]; 3], ones: &[f32; 5]) -> Option<[Told; 3]> {
        let [bar_a, space_a, bar_b, space_b, bar_c] = ones;
        // Bars are wider by it than they should be.
        let mut spread = ((bar_a + bar_b + bar_c) / 3.0 - (space_a + space_b) / 2.0) / 2.0;
        let mut told = None;
        for _ in 0..2 {
            let [left, check, right] = characters.map(|widths| clean(&widths, spread));
            let all = [self.data(&left), self.check(&check), self.data(&right)];
            let of = |k: usize| spread_of(&characters[k], &all[k].widths.map(f32::from));
            // Spaces come first.
            spread = -(of(0) + of(1) + of(2)) / 3.0;
            told = Some(all);
        }
        let told = told?;
        let guards = [bar_a - spread, space_b + spread, bar_c - spread];
        let squares = told.iter().map(|character| character.squares).sum::<f32>()
            + guards.iter().map(|width| (width - 1.0).powi(2)).sum::<f32>();
        let mean = squares / RUNS as f32;
        let is_near = |character: &Told| character.squares < 1.5 * DEVIATION_MAX * ELEMENTS as f32;
        (mean < DEVIATION_MAX && told.iter().all(is_near)).then_some(told)
    }

    fn data(&self, widths: &[f32; ELEMENTS]) -> Told {
        let of = |colour: usize| std::array::from_fn::<f32, 7, _>(|k| widths[2 * k + colour]);
        let (spaces, bars) = (of(0), of(1));
        let mut best = Told { number: 0, widths: [1; ELEMENTS], squares: f32::INFINITY };
        for (space_kind, bar_kind, base) in &self.subsets {
            let (near_spaces, space_squares) = space_kind.nearest(&spaces);
            let (near_bars, bar_squares) = bar_kind.nearest(&bars);
            let squares = space_squares + bar_squares;
            if squares < best.squares {
                let inner = space_kind.number(&near_spaces) * bar_kind.count();
                let number = base + inner + bar_kind.number(&near_bars);
                let widths = std::array::from_fn(|k| match k % 2 {
                    0 => near_spaces[k / 2],
                    _ => near_bars[k / 2],
                });
                best = Told { number, widths, squares };
            }
        }
        best
    }

    fn check(&self, widths: &[f32; ELEMENTS]) -> Told {
        let mut best = Told { number: 0, widths: [1; ELEMENTS], squares: f32::INFINITY };
        for (number, check) in self.checks.iter().enumerate() {
            let square = |(width, own): (&f32, &u8)| (width - f32::from(*own)).powi(2);
            let squares: f32 = widths.iter().zip(check).map(square).sum();
            if squares < best.squares {
                best = Told { number: number as u32, widths: *check, squares };
            }
        }
        best
    }
}

/// Widths without ink spread; spaces come first.
fn clean(widths: &[f32; ELEMENTS], spread: f32) -> [f32; ELEMENTS] {
    std::array::from_fn(|k| widths[k] + if k.is_multiple_of(2) { spread } else { -spread })
}

/// Which check character these data characters demand: elements weigh powers of 3.
fn check_of(left: &[u8; ELEMENTS], right: &[u8; ELEMENTS]) -> u32 {
    let (sum, _) = left.iter().chain(right).fold((0, 1), |(sum, weight), width| {
        ((sum + weight * u32::from(*width)) % 89, weight * 3 % 89)
    });
    sum
}

/// The element string of two data characters; `None` where they are no GTIN.
fn element_string(left: u32, right: u32) -> Option<String> {
    let value = u64::from(left) * COUNT + u64::from(right);
    let number = if value >= LINKED { value - LINKED } else { value };
    let digits = format!("{number:013}");
    let last = check_digit(&digits)?;
    (number <= NUMBER_MAX).then(|| format!("01{digits}{last}"))
}

#[cfg(test)]
mod tests;
