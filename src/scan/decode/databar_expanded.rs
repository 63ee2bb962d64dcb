//! DataBar Expanded put together from its pairs: in one row, or in several over the lines of a
//! sweep.
//!
//! ISO/IEC 24724:2011, 7.2: the finder patterns of a symbol follow one of ten sequences in which no
//! pattern occurs twice the same way around, so that a pattern says where its pair belongs. Pairs
//! count as rows: side by side on a line, in the order of the sequence. Rows that fit one another
//! are put together in whatever order they were seen. The check character counts the characters and
//! weighs every element.

use super::databar::{LINES_MIN, Pair, Place, Seen};
use super::databar_text::element_string;

/// Finder patterns A to F from the outer end, their last element (1) left out (table 15).
pub const FINDERS: [[u8; 4]; 6] =
    [[1, 8, 4, 1], [3, 6, 4, 1], [3, 4, 6, 1], [3, 2, 8, 1], [2, 6, 5, 1], [2, 2, 9, 1]];

/// Sequences of finder patterns, every second of them backwards (table 16).
const SEQUENCES: [&[u8]; 10] = [
    &[0, 0],
    &[0, 1, 1],
    &[0, 2, 1, 3],
    &[0, 4, 1, 3, 2],
    &[0, 4, 1, 3, 3, 5],
    &[0, 4, 1, 3, 4, 5, 5],
    &[0, 0, 1, 1, 2, 2, 3, 3],
    &[0, 0, 1, 1, 2, 2, 3, 4, 4],
    &[0, 0, 1, 1, 2, 2, 3, 4, 5, 5],
    &[0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 5],
];
/// Numbers above carry no data.
const VALUES: u32 = 4096;
/// More different rows than this are not kept of a sweep.
const ROWS_MAX: usize = 48;

/// Pairs that lie side by side on a line, in reading order.
struct Row {
    pairs: Vec<Pair>,
    seen: Seen,
}

impl Row {
    /// Where on its line, and pixels in a module.
    fn extent(&self) -> ((f32, f32), f32) {
        let (from, to) = (self.pairs.first(), self.pairs.last());
        let spans = from.zip(to).map(|(a, b)| (a.span.0.min(b.span.0), a.span.1.max(b.span.1)));
        (spans.unwrap_or_default(), from.map_or(1.0, |pair| pair.module))
    }

    /// Whether its finder patterns are those of the sequence from `at` on.
    fn fits(&self, sequence: &[u8], at: usize) -> bool {
        fits(&self.pairs, sequence, at)
    }
}

/// The rows of a sweep.
#[derive(Default)]
pub struct Gathered {
    rows: Vec<Row>,
}

impl Gathered {
    /// Forgets them.
    pub fn clear(&mut self) {
        self.rows.clear();
    }

    /// Whether one of them was seen on two lines.
    pub fn has_rows(&self) -> bool {
        self.rows.iter().any(|row| row.seen.lines >= LINES_MIN)
    }

    /// Adds the pairs of a line; the text of a symbol that lies on it or that it completes, and
    /// where on the line.
    pub fn add(&mut self, line: &mut [Pair], place: Place) -> Option<(String, (f32, f32))> {
        line.sort_by(|a, b| a.span.0.total_cmp(&b.span.0));
        let mut found = None;
        for chain in line.chunk_by_mut(is_beside) {
            if !is_upright(&chain[0]) {
                chain.reverse();
            }
            let text = whole(chain).or_else(|| {
                let row = self.count(chain, place)?;
                SEQUENCES.iter().find_map(|sequence| {
                    let mut chosen = Vec::new();
                    self.stack(sequence, 0, row, &mut chosen)
                })
            });
            let span = chain.iter().fold((f32::INFINITY, 0.0f32), |(low, high), pair| {
                (low.min(pair.span.0), high.max(pair.span.1))
            });
            found = found.or(text.map(|text| (text, span)));
        }
        found
    }

    /// Counts a row; which it is, once it was seen often enough.
    fn count(&mut self, chain: &[Pair], place: Place) -> Option<usize> {
        let same = |a: &Pair, b: &Pair| {
            a.finder == b.finder && a.is_second == b.is_second && a.values() == b.values()
        };
        let is_same = |row: &Row| {
            row.pairs.len() == chain.len() && row.pairs.iter().zip(chain).all(|(a, b)| same(a, b))
        };
        let Some(index) = self.rows.iter().position(is_same) else {
            if self.rows.len() < ROWS_MAX {
                self.rows.push(Row { pairs: chain.to_vec(), seen: Seen::at(place) });
            }
            return None;
        };
        let row = &mut self.rows[index];
        row.pairs.copy_from_slice(chain);
        row.seen.again(place);
        (row.seen.lines >= LINES_MIN).then_some(index)
    }

    /// Puts rows together from the `at`th pair of the sequence on; the text if `needed` is one of
    /// them and the check character is right.
    fn stack(
        &self,
        sequence: &[u8],
        at: usize,
        needed: usize,
        chosen: &mut Vec<usize>,
    ) -> Option<String> {
        if at == sequence.len() {
            if !chosen.contains(&needed) {
                return None;
            }
            let pairs: Vec<Pair> =
                chosen.iter().flat_map(|index| self.rows[*index].pairs.iter().copied()).collect();
            return element_string(&values_of(&pairs)?);
        }
        for (index, row) in self.rows.iter().enumerate() {
            let is_next = |last: &usize| {
                let last = &self.rows[*last];
                row.seen.is_above(row.extent(), &last.seen, last.extent())
            };
            let is_fitting = row.fits(sequence, at)
                && row.seen.lines >= LINES_MIN
                && chosen.last().is_none_or(is_next)
                && self.is_alone(index);
            if is_fitting {
                chosen.push(index);
                let text = self.stack(sequence, at + row.pairs.len(), needed, chosen);
                if text.is_some() {
                    return text;
                }
                chosen.pop();
            }
        }
        None
    }

    /// Whether rows with the same finder patterns that say something else were seen on less than
    /// half as many lines.
    fn is_alone(&self, index: usize) -> bool {
        let row = &self.rows[index];
        let is_like = |other: &&Row| {
            let pairs = other.pairs.iter().zip(&row.pairs);
            other.pairs.len() == row.pairs.len()
                && pairs
                    .into_iter()
                    .all(|(a, b)| (a.finder, a.is_second) == (b.finder, b.is_second))
        };
        let all: u32 = self.rows.iter().filter(is_like).map(|other| other.seen.lines).sum();
        row.seen.lines >= 2 * (all - row.seen.lines)
    }
}

/// Whether two pairs touch, are of one size and of one way up.
fn is_beside(left: &Pair, right: &Pair) -> bool {
    (right.span.0 - left.span.1).abs() < 0.5 * left.module
        && (0.8..1.25).contains(&(left.module / right.module))
        && is_upright(left) == is_upright(right)
}

/// Whether a pair is read from left to right: the others are met from their other end.
const fn is_upright(pair: &Pair) -> bool {
    pair.is_back == pair.is_second
}

fn fits(pairs: &[Pair], sequence: &[u8], at: usize) -> bool {
    sequence.get(at..at + pairs.len()).is_some_and(|part| {
        let is_at = |(k, (pair, finder)): (usize, (&Pair, &u8))| {
            pair.finder == *finder && pair.is_second == ((at + k) % 2 == 1)
        };
        pairs.iter().zip(part).enumerate().all(is_at)
    })
}

/// The text of a symbol of one row.
fn whole(chain: &[Pair]) -> Option<String> {
    let is_whole =
        SEQUENCES.iter().any(|sequence| sequence.len() == chain.len() && fits(chain, sequence, 0));
    if !is_whole {
        return None;
    }
    element_string(&values_of(chain)?)
}

/// The numbers of the data characters; `None` unless the check character is right.
fn values_of(pairs: &[Pair]) -> Option<Vec<u32>> {
    const MODULUS: u32 = 211;
    let first = pairs.first()?;
    let mut values = Vec::with_capacity(2 * pairs.len());
    let mut sum = 0;
    for (index, pair) in pairs.iter().enumerate() {
        // In reading order: the outer character of a pair that is printed backwards comes last.
        let is_second = index % 2 == 1;
        let characters = match is_second {
            false => [pair.outer, pair.inner],
            true => [pair.inner, pair.outer],
        };
        for (side, character) in characters.into_iter().enumerate() {
            let is_check = index == 0 && side == 0;
            let is_last = index + 1 == pairs.len() && side == 1;
            let Some(character) = character else {
                // Only the last character may be left out.
                if is_last { continue } else { return None }
            };
            if is_check {
                continue;
            }
            let row = 4 * u32::from(pair.finder) + 2 * u32::from(is_second) + side as u32 - 1;
            let mut weight = (0..8 * row).fold(1, |power, _| power * 3 % MODULUS);
            for width in character.widths {
                sum = (sum + weight * u32::from(width)) % MODULUS;
                weight = weight * 3 % MODULUS;
            }
            values.push(character.value);
        }
    }
    let count = values.len() as u32 + 1;
    let is_right = count >= 4 && first.outer?.value == MODULUS * (count - 4) + sum;
    (is_right && values.iter().all(|value| *value < VALUES)).then_some(values)
}
