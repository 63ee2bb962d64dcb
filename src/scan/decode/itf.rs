//! Interleaved 2 of 5 (ITF-14 and others) from the widths of bars and spaces along one line.
//!
//! Symbol structure and character set: ISO/IEC 16390:2007, section 4 and table 1. Bars are compared
//! with bars and spaces with spaces, so that ink spread does not matter, and each digit is the pair
//! of runs that stand out from its five. The symbology has no check of its own over a part of a
//! symbol: what is reported begins after light, ends before light, and has runs of two clearly
//! different widths from end to end. How often it must be seen is decided in `confirm`.

use super::walk::Walk;

/// A symbol on one line.
#[derive(Clone, Debug, PartialEq)]
pub struct ItfRead {
    /// An even number of digits.
    pub text: String,
    /// From the first bar to the last, in pixels from the start of the line.
    pub span: (f32, f32),
}

/// Which two of five runs are wide, by digit; the weights of the places are 1, 2, 4, 7 and, for
/// parity, 0, and 11 stands for 0.
const WEIGHTS: [usize; 5] = [1, 2, 4, 7, 0];
/// Fewer digits say too little.
const DIGITS_MIN: usize = 6;
/// More are in no use.
const DIGITS_MAX: usize = 60;
/// Light demanded on both sides, in narrow runs; the standard demands 10.
const QUIET_NARROW: f32 = 5.0;
/// The narrowest wide run over the widest narrow one, within a digit.
const GAP_MIN: f32 = 1.2;
/// Runs of a kind may differ from their mean by this factor along a symbol.
const LIKE_MAX: f32 = 1.45;
/// Wide over narrow, on the mean; the standard has 2 to 3, print spreads.
const RATIOS: std::ops::Range<f32> = 1.6..4.5;

/// Widths of one kind of run (wide or narrow, bars or spaces) along a symbol.
#[derive(Clone, Copy, Default)]
struct Kind {
    sum: f32,
    count: f32,
    low: f32,
    high: f32,
}

impl Kind {
    fn add(&mut self, width: f32) {
        self.low = if self.count == 0.0 { width } else { self.low.min(width) };
        self.high = self.high.max(width);
        self.sum += width;
        self.count += 1.0;
    }

    fn mean(&self) -> f32 {
        self.sum / self.count.max(1.0)
    }

    fn is_alike(&self) -> bool {
        self.high < LIKE_MAX * self.mean() && self.low > self.mean() / LIKE_MAX
    }
}

/// Appends all symbols that the walk meets.
pub fn read(walk: &Walk<'_>, found: &mut Vec<ItfRead>) {
    let runs_min = 4 + 5 * DIGITS_MIN + 3;
    let mut first = 0;
    while first + runs_min <= walk.len() {
        match read_at(walk, first) {
            Some((read, end)) => {
                found.push(read);
                first = end;
            }
            None => first += 1,
        }
    }
}

fn read_at(walk: &Walk<'_>, first: usize) -> Option<(ItfRead, usize)> {
    let narrow = walk.extent(first, first + 4) / 4.0;
    let is_start = walk.is_dark(first)
        && narrow >= 0.75
        && (0..4).all(|k| (0.4..1.7).contains(&(walk.width(first + k) / narrow)))
        && walk.light(first.checked_sub(1)) > QUIET_NARROW * narrow;
    if !is_start {
        return None;
    }
    // Narrow and wide bars, narrow and wide spaces.
    let mut kinds = [[Kind::default(); 2]; 2];
    for k in 0..4 {
        kinds[k % 2][0].add(walk.width(first + k));
    }
    let mut text = String::with_capacity(16);
    let mut at = first + 4;
    while at + 10 <= walk.len() && text.len() <= DIGITS_MAX {
        let Some(digits) = pair_at(walk, at, narrow, &mut kinds) else { break };
        text.extend(digits);
        at += 10;
    }
    let end = at + 3;
    let is_whole = (DIGITS_MIN..=DIGITS_MAX).contains(&text.len()) && end <= walk.len();
    if !is_whole {
        return None;
    }
    // The stop pattern: a wide bar, a narrow space, a narrow bar.
    kinds[0][1].add(walk.width(at));
    kinds[1][0].add(walk.width(at + 1));
    kinds[0][0].add(walk.width(at + 2));
    let is_even = kinds.iter().all(|[narrow, wide]| {
        narrow.is_alike() && wide.is_alike() && RATIOS.contains(&(wide.mean() / narrow.mean()))
    });
    let is_closed = walk.light(Some(end)) > QUIET_NARROW * narrow;
    (is_even && is_closed).then(|| (ItfRead { text, span: walk.span(first, end) }, end))
}

/// Two digits, one of bars and one of the spaces between; widths are added to their kinds.
fn pair_at(
    walk: &Walk<'_>,
    at: usize,
    narrow: f32,
    kinds: &mut [[Kind; 2]; 2],
) -> Option<[char; 2]> {
    let in_narrow = walk.extent(at, at + 10) / narrow;
    // Six narrow and four wide runs.
    if !(10.0..24.0).contains(&in_narrow) {
        return None;
    }
    let mut digits = ['0'; 2];
    let mut seen = *kinds;
    for (colour, digit) in digits.iter_mut().enumerate() {
        let widths: [f32; 5] = std::array::from_fn(|k| walk.width(at + 2 * k + colour));
        let mut order = widths;
        order.sort_by(f32::total_cmp);
        if order[3] < GAP_MIN * order[2] {
            return None;
        }
        let is_wide = |k: usize| widths[k] >= order[3];
        let sum: usize = (0..5).filter(|k| is_wide(*k)).map(|k| WEIGHTS[k]).sum();
        let value = if sum == 11 { 0 } else { sum };
        *digit = char::from_digit(value as u32, 10)?;
        (0..5).for_each(|k| seen[colour][usize::from(is_wide(k))].add(widths[k]));
    }
    *kinds = seen;
    Some(digits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::decode::profile::Runs;

    /// Wide runs of a digit, by the rule of weights, written another way than it is read.
    fn wide(digit: usize) -> [bool; 5] {
        let target = if digit == 0 { 11 } else { digit };
        let pairs = (0..5).flat_map(|a| (a + 1..5).map(move |b| (a, b)));
        let (a, b) = pairs.into_iter().find(|(a, b)| WEIGHTS[*a] + WEIGHTS[*b] == target).unwrap();
        std::array::from_fn(|k| k == a || k == b)
    }

    fn drawn(text: &str, ratio: f32, spread: f32) -> Runs {
        let mut widths = vec![1.0; 4];
        let digits: Vec<usize> = text.bytes().map(|byte| usize::from(byte - b'0')).collect();
        for pair in digits.chunks(2) {
            for k in 0..5 {
                widths.extend(pair.iter().map(|d| if wide(*d)[k] { ratio } else { 1.0 }));
            }
        }
        widths.extend([ratio, 1.0, 1.0]);
        let mut edges = vec![0.0, 20.0];
        for (k, width) in widths.iter().enumerate() {
            let width = width + if k % 2 == 0 { spread } else { -spread };
            edges.push(edges.last().unwrap() + 2.0 * width);
        }
        edges.push(edges.last().unwrap() + 20.0);
        Runs { edges, is_first_dark: false }
    }

    fn read_all(runs: &Runs) -> Vec<String> {
        let mut found = Vec::new();
        for is_back in [false, true] {
            read(&Walk::new(runs, is_back), &mut found);
        }
        found.into_iter().map(|read| read.text).collect()
    }

    #[test]
    fn every_digit_is_read_with_and_without_ink_spread() {
        for (ratio, spread) in [(2.0, 0.0), (2.5, 0.3), (3.0, -0.4)] {
            for text in ["19520000000018", "0123456789", "987654"] {
                assert_eq!(read_all(&drawn(text, ratio, spread)), [text], "{ratio} {spread}");
            }
        }
    }

    #[test]
    fn a_part_and_a_texture_are_not_read() {
        let whole = drawn("19520000000018", 2.5, 0.0);
        for cut in 1..whole.len() - 1 {
            let edges = whole.edges[cut + 1..].to_vec();
            assert!(read_all(&Runs { edges, is_first_dark: cut % 2 == 0 }).is_empty(), "{cut}");
        }
        let edges = (0..120).map(|k| k as f32 * 3.0 + if k % 3 == 0 { 0.5 } else { 0.0 }).collect();
        assert!(read_all(&Runs { edges, is_first_dark: false }).is_empty());
    }
}
