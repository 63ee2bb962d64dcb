//! Interleaved 2 of 5 (ITF-14 and others) from the widths of bars and spaces along one line.
//!
//! Symbol structure and character set: ISO/IEC 16390:2007, section 4 and table 1. Bars are compared
//! with bars and spaces with spaces, so that ink spread does not matter, and each digit is the pair
//! of runs that stand out from its five. Every two digits have six narrow and four wide runs and so
//! one length, by which a label that leans away is straightened. The symbology has no check of its
//! own over a part of a symbol: what is reported begins after light, ends before light, and has runs
//! of two clearly different widths from end to end; only the number of a case, which its check digit
//! confirms, may lean far or be cut out tightly. How often it must be seen is decided in `confirm`.

use super::walk::Walk;
use domain::gtin::Gtin;

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
/// The same beside the number of a case on a side where the picture ends, as labels are cut out. Of a
/// longer symbol that the picture cuts off within a wide space, that looks like a start, and of whose
/// last fourteen digits the check digit fits, a part would be read: one pair of digits in seventeen
/// and one check digit in ten would have to meet at just that pixel.
const CUT_NARROW: f32 = 2.5;
/// How much longer or shorter two digits may be than the two before them.
const STEP_MAX: f32 = 1.35;
/// How far two digits may be off a steady growth along the label: perspective, and no other print.
const UNSTEADY_MAX: f32 = 1.1;
/// How much larger one end may be than the other.
const GROWTH_MAX: f32 = 1.5;
/// The same for the number of a case.
const CASE_GROWTH_MAX: f32 = 4.0;
/// The narrowest wide run over the widest narrow one, within a digit.
const GAP_MIN: f32 = 1.2;
/// Runs of a kind may differ from their mean by this factor along a straightened symbol.
const LIKE_MAX: f32 = 1.45;
/// By how many pixels the width of a run is known no better: pixels are squares.
const WIDTH_ERROR: f32 = 0.1;
/// Wide over narrow, on the mean; the standard has 2 to 3, print spreads.
const RATIOS: std::ops::Range<f32> = 1.6..4.5;

/// Which of the five runs of a digit are wide.
pub(crate) fn wide_runs(digit: usize) -> [bool; 5] {
    let target = if digit == 0 { 11 } else { digit };
    let pairs = (0..5).flat_map(|a| (a + 1..5).map(move |b| (a, b)));
    let is_pair = |(a, b): &(usize, usize)| WEIGHTS[*a] + WEIGHTS[*b] == target;
    let (a, b) = pairs.into_iter().find(is_pair).unwrap_or_default();
    std::array::from_fn(|k| k == a || k == b)
}

/// Widths of one kind of run (wide or narrow, bars or spaces) along a symbol.
#[derive(Clone, Copy, Default)]
struct Kind {
    sum: f32,
    count: f32,
    low: f32,
    high: f32,
}

impl Kind {
    /// Adds a run that is as wide as this, give or take the error.
    fn add(&mut self, width: f32, error: f32) {
        let high = width + error;
        self.low = if self.count == 0.0 { high } else { self.low.min(high) };
        self.high = self.high.max(width - error);
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
        && walk.light(first.checked_sub(1)) > CUT_NARROW * narrow;
    if !is_start {
        return None;
    }
    let mut text = String::with_capacity(16);
    let mut extents = [0.0; DIGITS_MAX / 2];
    let mut wide = [false; 10 * (DIGITS_MAX / 2)];
    let mut at = first + 4;
    // Six narrow and four wide runs.
    let mut likely = 10.0 * narrow..24.0 * narrow;
    while at + 10 <= walk.len() && text.len() < DIGITS_MAX {
        let extent = walk.extent(at, at + 10);
        let place = at - first - 4;
        let digits = likely.contains(&extent).then(|| pair_at(walk, at, &mut wide[place..]));
        let Some(digits) = digits.flatten() else { break };
        extents[text.len() / 2] = extent;
        text.extend(digits);
        likely = extent / STEP_MAX..extent * STEP_MAX;
        at += 10;
    }
    let end = at + 3;
    let is_whole = (DIGITS_MIN..=DIGITS_MAX).contains(&text.len()) && end <= walk.len();
    if !is_whole {
        return None;
    }
    let pairs = text.len() / 2;
    let growth = Growth::of(&extents[..pairs])?;
    let is_case = is_case(&text);
    let growth_max = if is_case { CASE_GROWTH_MAX } else { GROWTH_MAX };
    // The stop pattern: a wide bar, a narrow space, a narrow bar.
    let is_wide = |run: usize| match run.checked_sub(4) {
        Some(place) if place < 10 * pairs => wide[place],
        Some(place) => place == 10 * pairs,
        None => false,
    };
    // Narrow and wide bars, narrow and wide spaces.
    let mut kinds = [[Kind::default(); 2]; 2];
    for run in 0..end - first {
        let scale = growth.scale(run);
        kinds[run % 2][usize::from(is_wide(run))]
            .add(walk.width(first + run) / scale, WIDTH_ERROR / scale);
    }
    let is_even = kinds.iter().all(|[narrow, wide]| {
        narrow.is_alike() && wide.is_alike() && RATIOS.contains(&(wide.mean() / narrow.mean()))
    });
    let narrow = (kinds[0][0].mean() + kinds[1][0].mean()) / 2.0;
    let is_quiet = |index: Option<usize>, narrow: f32| {
        let is_cut = is_case && index.is_some_and(|index| index == 0 || index + 1 == walk.len());
        walk.light(index) > if is_cut { CUT_NARROW } else { QUIET_NARROW } * narrow
    };
    let is_closed = is_quiet(first.checked_sub(1), narrow * growth.scale(0))
        && is_quiet(Some(end), narrow * growth.scale(end - first));
    let is_read = is_even && is_closed && growth.whole(pairs) < growth_max;
    is_read.then(|| (ItfRead { text, span: walk.span(first, end) }, end))
}

/// Whether this is the number of a case: fourteen digits, of which the last confirms the others.
pub fn is_case(text: &str) -> bool {
    text.len() == 14 && Gtin::parse(text).is_ok()
}

/// How the size of runs grows along a symbol: by the same factor from run to run.
struct Growth {
    /// The logarithm of that factor, for ten runs.
    slope: f32,
    /// Ten runs there, from the first two digits on, have the mean size.
    middle: f32,
}

impl Growth {
    /// From the lengths of all pairs of digits; `None` where they do not grow steadily.
    fn of(extents: &[f32]) -> Option<Self> {
        let count = extents.len() as f32;
        let middle = (count - 1.0) / 2.0;
        let mean = extents.iter().map(|extent| extent.ln()).sum::<f32>() / count;
        let (mut square, mut product) = (1e-6, 0.0);
        for (index, extent) in extents.iter().enumerate() {
            let t = index as f32 - middle;
            square += t * t;
            product += t * (extent.ln() - mean);
        }
        let slope: f32 = product / square;
        let is_steady = extents.iter().enumerate().all(|(index, extent)| {
            let expected = mean + slope * (index as f32 - middle);
            (extent.ln() - expected).abs() < UNSTEADY_MAX.ln()
        });
        is_steady.then_some(Self { slope, middle })
    }

    /// The size of a run, counted from the first of the start pattern, against the mean.
    fn scale(&self, run: usize) -> f32 {
        (self.slope * ((run as f32 - 8.5) / 10.0 - self.middle)).exp()
    }

    /// From one end of so many pairs to the other.
    fn whole(&self, pairs: usize) -> f32 {
        (self.slope.abs() * pairs as f32).exp()
    }
}

/// Two digits, one of bars and one of the spaces between; which of their ten runs are wide.
fn pair_at(walk: &Walk<'_>, at: usize, wide: &mut [bool]) -> Option<[char; 2]> {
    let mut digits = ['0'; 2];
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
        (0..5).for_each(|k| wide[2 * k + colour] = is_wide(k));
    }
    Some(digits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::decode::profile::Runs;

    fn drawn(text: &str, ratio: f32, spread: f32) -> Runs {
        leaning(text, ratio, spread, 1.0)
    }

    /// Drawn `growth` times as large at the last bar as at the first.
    fn leaning(text: &str, ratio: f32, spread: f32, growth: f32) -> Runs {
        let mut widths = vec![1.0; 4];
        let digits: Vec<usize> = text.bytes().map(|byte| usize::from(byte - b'0')).collect();
        for pair in digits.chunks(2) {
            for k in 0..5 {
                widths.extend(pair.iter().map(|d| if wide_runs(*d)[k] { ratio } else { 1.0 }));
            }
        }
        widths.extend([ratio, 1.0, 1.0]);
        let mut edges = vec![0.0, 20.0];
        let length: f32 = widths.iter().sum();
        let mut place = 0.0;
        for (k, width) in widths.iter().enumerate() {
            // As perspective does it: the picture of a straight line is x / (1 - c x).
            let c = 1.0 - growth.powf(-0.5);
            let seen = |place: f32| place / (1.0 - c * place / length);
            let spread = if k % 2 == 0 { spread } else { -spread };
            let extent = seen(place + width) - seen(place);
            place += width;
            edges.push(edges.last().unwrap() + 2.0 * extent * (1.0 + spread / width));
        }
        edges.push(edges.last().unwrap() + 20.0 * growth);
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
    fn a_case_that_leans_away_is_read_and_no_other_number() {
        for (text, growth, is_read) in [
            ("30712345000010", 2.0, true),
            ("30712345000010", 3.5, true),
            ("30712345000010", 6.0, false),
            ("30712345000011", 1.3, true),
            ("30712345000011", 2.0, false),
            ("0123456789", 1.3, true),
            ("0123456789", 2.0, false),
        ] {
            let expected: &[&str] = if is_read { &[text] } else { &[] };
            assert_eq!(read_all(&leaning(text, 2.5, 0.2, growth)), expected, "{text} {growth}");
        }
    }

    /// Text, light before the first bar in narrow runs, whether the picture ends there.
    #[test]
    fn a_case_may_be_cut_out_tightly() {
        for (text, light, is_end, is_read) in [
            ("30712345000010", 3.0, true, true),
            ("30712345000010", 2.0, true, false),
            ("30712345000010", 3.0, false, false),
            ("30712345000011", 3.0, true, false),
            ("0123456789", 3.0, true, false),
        ] {
            let mut runs = drawn(text, 2.5, 0.0);
            runs.edges[0] = 20.0 - 2.0 * light;
            if !is_end {
                runs.edges.insert(0, runs.edges[0] - 6.0);
                runs.is_first_dark = true;
            }
            let start = runs.edges[0];
            runs.edges.iter_mut().for_each(|edge| *edge -= start);
            assert_eq!(!read_all(&runs).is_empty(), is_read, "{text} {light} {is_end}");
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
