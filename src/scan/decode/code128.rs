//! Code 128 from the widths of bars and spaces along one line.
//!
//! Symbol structure, character set and check character: ISO/IEC 15417:2007, sections 4.2 and 4.3,
//! table 1 and annex A; GS1-128: GS1 General Specifications, 5.4. Every character is the one whose
//! widths are nearest, ink spread taken out. The symbol must begin after light and end in the stop
//! pattern before light, its check character must be right *and is never data*, and all characters
//! must be of one size: what merely fits here and there is no read.

use super::walk::Walk;

/// A symbol on one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Code128Read {
    /// FNC1 as GS; without a leading one.
    pub text: String,
    /// Whether FNC1 stands first: GS1-128.
    pub is_gs1: bool,
    /// From the first bar to the last, in pixels from the start of the line.
    pub span: (f32, f32),
}

/// Widths of bar-space-bar-space-bar-space by symbol character value (ISO/IEC 15417, table 1); 103
/// to 105 start. The stop character begins like a 106th.
#[rustfmt::skip]
const PATTERNS: [u32; 107] = [
    212222, 222122, 222221, 121223, 121322, 131222, 122213, 122312, 132212, 221213, 221312, 231212,
    112232, 122132, 122231, 113222, 123122, 123221, 223211, 221132, 221231, 213212, 223112, 312131,
    311222, 321122, 321221, 312212, 322112, 322211, 212123, 212321, 232121, 111323, 131123, 131321,
    112313, 132113, 132311, 211313, 231113, 231311, 112133, 112331, 132131, 113123, 113321, 133121,
    313121, 211331, 231131, 213113, 213311, 213131, 311123, 311321, 331121, 312113, 312311, 332111,
    314111, 221411, 431111, 111224, 111422, 121124, 121421, 141122, 141221, 112214, 112412, 122114,
    122411, 142112, 142211, 241211, 221114, 413111, 241112, 134111, 111242, 121142, 121241, 114212,
    124112, 124211, 411212, 421112, 421211, 212141, 214121, 412121, 111143, 111341, 131141, 114113,
    114311, 411113, 411311, 113141, 114131, 311141, 411131, 211412, 211214, 211232,
    233111,
];
const STOP: usize = 106;
/// The last bar of the stop character, in modules.
const STOP_BAR: f32 = 2.0;
const CHECK_MODULUS: usize = 103;

/// Light demanded on both sides, in modules; the standard demands 10.
const QUIET_MODULES: f32 = 4.5;
/// The largest mean squared deviation of a run from its nominal width, in modules².
const DEVIATION_MAX: f32 = 0.09;
/// The same for one character.
const CHARACTER_DEVIATION_MAX: f32 = 0.2;
/// How much smaller or larger a character may be than the one before: perspective, not another
/// kind of print.
const GROWTH_MAX: f32 = 1.25;
/// Below this many pixels a module, edges are closer than the sampling can hold apart.
const MODULE_MIN: f32 = 0.75;
/// The longest GS1-128 has 48 characters of data; half as many again are in use elsewhere.
const CHARACTERS_MAX: usize = 80;

/// Widths of all patterns, unpacked.
pub(crate) fn widths_of(value: usize) -> [f32; 6] {
    let mut rest = PATTERNS[value];
    let mut widths = [0.0; 6];
    for width in widths.iter_mut().rev() {
        *width = (rest % 10) as f32;
        rest /= 10;
    }
    widths
}

/// Reads lines; keeps its tables.
pub struct Code128Reader {
    patterns: Vec<[f32; 6]>,
    values: Vec<usize>,
}

impl Default for Code128Reader {
    fn default() -> Self {
        Self { patterns: (0..=STOP).map(widths_of).collect(), values: Vec::new() }
    }
}

/// What one pass over a symbol found.
struct Pass {
    /// One past the last run.
    end: usize,
    /// Mean squared deviation.
    deviation: f32,
    /// By how many modules bars are wider than nominal.
    spread: f32,
}

impl Code128Reader {
    /// Appends all symbols that the walk meets.
    pub fn read(&mut self, walk: &Walk<'_>, found: &mut Vec<Code128Read>) {
        /// Start, one character, check and stop.
        const RUNS_MIN: usize = 6 * 3 + 7;
        let mut first = 0;
        while first + RUNS_MIN <= walk.len() {
            match self.read_at(walk, first) {
                Some((read, end)) => {
                    found.push(read);
                    first = end;
                }
                None => first += 1,
            }
        }
    }

    fn read_at(&mut self, walk: &Walk<'_>, first: usize) -> Option<(Code128Read, usize)> {
        if !looks_like_start(walk, first) {
            return None;
        }
        let first_try = self.pass(walk, first, None)?;
        let pass = self.pass(walk, first, Some(first_try.spread))?;
        if pass.deviation > DEVIATION_MAX {
            return None;
        }
        let (text, is_gs1) = text_of(&self.values)?;
        Some((Code128Read { text, is_gs1, span: walk.span(first, pass.end) }, pass.end))
    }

    /// Reads characters up to the stop pattern into `values`.
    fn pass(&mut self, walk: &Walk<'_>, first: usize, spread: Option<f32>) -> Option<Pass> {
        self.values.clear();
        let (mut squares, mut excess, mut at) = (0.0, 0.0, first);
        let mut last_sum = walk.extent(first, first + 6);
        // Until it is known, ink spread is learned on the way.
        let mut learned = 0.0;
        loop {
            if at + 6 > walk.len() || self.values.len() > CHARACTERS_MAX {
                return None;
            }
            let sum = walk.extent(at, at + 6);
            if !(last_sum / GROWTH_MAX..last_sum * GROWTH_MAX).contains(&sum) {
                return None;
            }
            last_sum = sum;
            let widths: [f32; 6] = std::array::from_fn(|k| walk.width(at + k) * 11.0 / sum);
            let is_first = at == first;
            let used = match spread {
                Some(spread) => spread,
                None if is_first => start_spread(&widths),
                None => learned,
            };
            let (value, deviation) = self.nearest(&widths, used, is_first)?;
            let pattern = &self.patterns[value];
            excess += (0..6)
                .map(|k| (widths[k] - pattern[k]) * if k % 2 == 0 { 1.0 } else { -1.0 })
                .sum::<f32>();
            squares += deviation;
            at += 6;
            learned = excess / (at - first) as f32;
            if value == STOP {
                break;
            }
            self.values.push(value);
        }
        let module = last_sum / 11.0;
        let is_closed = at < walk.len()
            && (walk.width(at) / module - STOP_BAR).abs() < 0.8
            && walk.margin(Some(at + 1)) > QUIET_MODULES * module;
        let count = (at - first) as f32;
        is_closed.then_some(Pass { end: at + 1, deviation: squares / count, spread: learned })
    }

    /// The character whose widths are nearest, and the sum of squared deviations.
    fn nearest(&self, widths: &[f32; 6], spread: f32, is_start: bool) -> Option<(usize, f32)> {
        let true_widths: [f32; 6] =
            std::array::from_fn(|k| widths[k] - if k % 2 == 0 { spread } else { -spread });
        let values = if is_start { 103..STOP } else { 0..STOP + 1 };
        let mut best = (0, f32::INFINITY);
        for value in values {
            let pattern = &self.patterns[value];
            let squares: f32 = (0..6).map(|k| (true_widths[k] - pattern[k]).powi(2)).sum();
            if squares < best.1 {
                best = (value, squares);
            }
        }
        let is_other_start = !is_start && (103..STOP).contains(&best.0);
        (best.1 < 6.0 * CHARACTER_DEVIATION_MAX && !is_other_start).then_some(best)
    }
}

/// All three start characters have a bar of two modules, a space of one and a bar of one; sums of
/// a bar and a space do not depend on ink spread.
fn looks_like_start(walk: &Walk<'_>, first: usize) -> bool {
    if !walk.is_dark(first) || first + 6 > walk.len() {
        return false;
    }
    let module = walk.extent(first, first + 6) / 11.0;
    let in_modules = |from: usize| walk.extent(first + from, first + from + 2) / module;
    module >= MODULE_MIN
        && (2.3..3.7).contains(&in_modules(0))
        && (1.3..2.7).contains(&in_modules(1))
        && walk.margin(first.checked_sub(1)) > QUIET_MODULES * module
}

/// Ink spread from the first three runs, which are alike in all start characters.
fn start_spread(widths: &[f32; 6]) -> f32 {
    ((widths[0] - 2.0 - (widths[1] - 1.0) + widths[2] - 1.0) / 3.0).clamp(-0.6, 0.6)
}

/// Which characters a value stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    A,
    B,
    C,
}

/// The text of start, data and check character; `None` where the check fails or nothing is said.
pub(crate) fn text_of(values: &[usize]) -> Option<(String, bool)> {
    let (&check, body) = values.split_last()?;
    let (&start, data) = body.split_first()?;
    let weighted: usize = data.iter().enumerate().map(|(index, value)| (index + 1) * value).sum();
    if (start + weighted) % CHECK_MODULUS != check {
        return None;
    }
    let mut set = match start {
        103 => Set::A,
        104 => Set::B,
        _ => Set::C,
    };
    let mut text = String::with_capacity(2 * data.len());
    let (mut shifted, mut is_high, mut is_high_next) = (None, false, false);
    let mut is_gs1 = false;
    for (index, &value) in data.iter().enumerate() {
        let now = shifted.take().unwrap_or(set);
        match (now, value) {
            (_, 102) if index == 0 => is_gs1 = true,
            (_, 102) => text.push('\u{1d}'),
            (Set::C, 0..100) => {
                text.push(char::from(b'0' + (value / 10) as u8));
                text.push(char::from(b'0' + (value % 10) as u8));
            }
            (Set::A, 101) | (Set::B, 100) => {
                // FNC4 once: the next character lies 128 higher; twice: all until the next two.
                is_high ^= is_high_next;
                is_high_next = !is_high_next;
            }
            (_, 100) => set = Set::B,
            (_, 101) => set = Set::A,
            (_, 99) => set = Set::C,
            (_, 98) => shifted = Some(if now == Set::A { Set::B } else { Set::A }),
            // FNC2 and FNC3 speak to the scanner.
            (_, 96 | 97) => {}
            (_, value) => {
                let plain = match (now, value) {
                    (Set::A, 64..96) => value - 64,
                    _ => value + 32,
                };
                let high = if is_high ^ is_high_next { 128 } else { 0 };
                is_high_next = false;
                text.push(char::from((plain + high) as u8));
            }
        }
    }
    (!text.is_empty()).then_some((text, is_gs1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::decode::profile::Runs;

    /// Runs of a symbol, `module` pixels a module, bars wider by `spread` modules.
    fn drawn(values: &[usize], module: f32, spread: f32) -> Runs {
        let mut edges = vec![0.0, 12.0 * module];
        let mut add = |width: f32, is_bar: bool| {
            let wider = if is_bar { spread } else { -spread };
            let last = *edges.last().unwrap();
            edges.push(last + (width + wider) * module);
        };
        for value in values.iter().chain([&STOP]) {
            let widths = widths_of(*value);
            widths.iter().enumerate().for_each(|(k, width)| add(*width, k % 2 == 0));
        }
        add(STOP_BAR, true);
        add(12.0, false);
        Runs { edges, is_first_dark: false }
    }

    fn checked(mut values: Vec<usize>) -> Vec<usize> {
        let sum: usize = values.iter().enumerate().map(|(k, value)| k.max(1) * value).sum();
        values.push(sum % CHECK_MODULUS);
        values
    }

    fn read(runs: &Runs) -> Vec<(String, bool)> {
        let mut found = Vec::new();
        let mut reader = Code128Reader::default();
        for is_back in [false, true] {
            reader.read(&Walk::new(runs, is_back), &mut found);
        }
        found.into_iter().map(|read| (read.text, read.is_gs1)).collect()
    }

    #[test]
    fn all_patterns_have_eleven_modules_and_differ() {
        for value in 0..=STOP {
            let widths = widths_of(value);
            assert_eq!(widths.iter().sum::<f32>(), 11.0, "{value}");
            // ISO/IEC 15417, 4.2: bars together are an even number of modules.
            let bars = widths[0] + widths[2] + widths[4];
            assert!(value == STOP || bars % 2.0 == 0.0, "{value}");
            assert!((0..value).all(|other| widths_of(other) != widths), "{value}");
        }
    }

    /// A check character of 102 looks like FNC1 and is no data: rxing 0.9.3 appends a separator.
    #[test]
    fn a_check_character_that_looks_like_fnc1_is_no_data() {
        let values = (0..10_000)
            .map(|number| checked(vec![105, 1, 2, number / 100, number % 100]))
            .find(|values| values.last() == Some(&102))
            .unwrap();
        let text = format!("0102{:02}{:02}", values[3], values[4]);
        for spread in [0.0, 0.3, -0.3] {
            assert_eq!(read(&drawn(&values, 2.0, spread)), [(text.clone(), false)]);
        }
    }

    #[test]
    fn gs1_shift_and_high_characters_are_told() {
        let gs1 = checked(vec![105, 102, 10, 12, 102, 21, 34]);
        assert_eq!(read(&drawn(&gs1, 1.5, 0.2)), [("1012\u{1d}2134".to_owned(), true)]);
        let shifted = checked(vec![104, 33, 98, 65, 34]);
        assert_eq!(read(&drawn(&shifted, 3.0, 0.0)), [("A\u{1}B".to_owned(), false)]);
        let high = checked(vec![104, 100, 68, 65]);
        assert_eq!(read(&drawn(&high, 3.0, 0.0)), [("äa".to_owned(), false)]);
        let latched = checked(vec![104, 100, 100, 68, 68, 100, 100, 65]);
        assert_eq!(read(&drawn(&latched, 3.0, 0.0)), [("ääa".to_owned(), false)]);
    }

    #[test]
    fn what_is_cut_off_or_altered_is_not_read() {
        let values = checked(vec![104, 33, 34, 35, 36, 37]);
        let whole = drawn(&values, 2.0, 0.0);
        assert_eq!(read(&whole).len(), 1);
        for cut in 1..whole.len() - 1 {
            let edges = whole.edges[cut + 1..].to_vec();
            assert!(read(&Runs { edges, is_first_dark: cut % 2 == 0 }).is_empty(), "{cut}");
        }
        for index in 1..values.len() {
            let mut altered = values.clone();
            altered[index] = (altered[index] + 7) % 96;
            assert!(read(&drawn(&altered, 2.0, 0.0)).is_empty(), "{index}");
        }
    }
}
