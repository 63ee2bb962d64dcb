//! EAN-13, UPC-A, EAN-8 and UPC-E from the widths of bars and spaces along one line.
//!
//! Symbol structure and character sets: ISO/IEC 15420:2009, section 4 and tables 1 to 4. Every
//! start guard of the line is tried, so that print left of the code does not hide it. Ink spread
//! (all bars too wide or too narrow alike) is estimated from the guards, then from the whole
//! symbol, and taken out before digits are told apart. What does not fit well enough is no read: a
//! wrong article costs more than a second try.

use super::profile::Runs;
use crate::ean_pattern::{DIGIT_WIDTHS, LEADING_SETS, leading_of, upc_e_of};
use domain::code::Symbology;
use domain::gtin::{Gtin, check_digit, expand_upc_e};

/// A symbol on one line.
#[derive(Clone, Debug, PartialEq)]
pub struct EanRead {
    /// Which of the four.
    pub symbology: Symbology,
    /// 13, 12 or 8 digits.
    pub text: String,
    /// From the first bar to the last, in pixels along the line.
    pub span: (f32, f32),
    /// Mean squared deviation of a run from its nominal width, in modules².
    pub deviation: f32,
    /// The run of light behind the last bar.
    pub end: usize,
    /// The width of a module in pixels.
    pub module: f32,
    /// By how many modules bars are wider than nominal.
    pub spread: f32,
}

/// The build of one kind of symbol, counted in runs from its first bar.
struct Layout {
    symbology: Symbology,
    modules: f32,
    left_digits: usize,
    right_digits: usize,
    /// Runs of the guard between the halves, 0 for none.
    middle_runs: usize,
    end_runs: usize,
    /// Light margin demanded on both sides, in modules; the standard demands 7 to 11.
    quiet_modules: f32,
    /// The same where the line ends: labels are cut out tightly.
    quiet_modules_cut: f32,
    deviation_max: f32,
}

const LAYOUTS: [Layout; 3] = [
    Layout {
        symbology: Symbology::Ean13,
        modules: 95.0,
        left_digits: 6,
        right_digits: 6,
        middle_runs: 5,
        end_runs: 3,
        quiet_modules: 2.5,
        quiet_modules_cut: 2.5,
        deviation_max: 0.14,
    },
    Layout {
        symbology: Symbology::Ean8,
        modules: 67.0,
        left_digits: 4,
        right_digits: 4,
        middle_runs: 5,
        end_runs: 3,
        quiet_modules: 4.0,
        quiet_modules_cut: 2.5,
        deviation_max: 0.09,
    },
    Layout {
        symbology: Symbology::UpcE,
        modules: 51.0,
        left_digits: 6,
        right_digits: 0,
        middle_runs: 0,
        end_runs: 6,
        quiet_modules: 4.5,
        quiet_modules_cut: 4.5,
        deviation_max: 0.09,
    },
];

/// The longest symbol, EAN-13, has 59 runs; the shortest, UPC-E, has 33.
const RUNS_MIN: usize = 33;

impl Layout {
    const fn runs(&self) -> usize {
        3 + 4 * (self.left_digits + self.right_digits) + self.middle_runs + self.end_runs
    }
}

/// All symbols that the line holds from left to right, of the kinds that `wanted` allows.
pub fn read(runs: &Runs, wanted: impl Fn(Symbology) -> bool, found: &mut Vec<EanRead>) {
    let mut first = usize::from(!runs.is_dark(0));
    while first + RUNS_MIN <= runs.len() {
        let read = looks_like_guard(runs, first).then(|| {
            let mut layouts = LAYOUTS.iter().filter(|layout| match layout.symbology {
                Symbology::Ean13 => wanted(Symbology::Ean13) || wanted(Symbology::UpcA),
                other => wanted(other),
            });
            layouts.find_map(|layout| read_at(runs, first, layout).map(|read| (layout, read)))
        });
        if let Some((layout, read)) = read.flatten() {
            if wanted(read.symbology) {
                found.push(read);
            }
            first += layout.runs() - 1;
        } else {
            first += 2;
        }
    }
}

/// Three runs of about one width: a quick no for nearly all places.
fn looks_like_guard(runs: &Runs, first: usize) -> bool {
    let widths = [runs.width(first), runs.width(first + 1), runs.width(first + 2)];
    let low = widths.iter().copied().fold(f32::INFINITY, f32::min);
    let high = widths.iter().copied().fold(0.0, f32::max);
    high < low * 5.0 && first > 0 && runs.width(first - 1) > high * 1.0
}

fn read_at(runs: &Runs, first: usize, layout: &Layout) -> Option<EanRead> {
    let last = first + layout.runs();
    if last > runs.len() {
        return None;
    }
    let (from, to) = (runs.edges[first], runs.edges[last]);
    let module = (to - from) / layout.modules;
    // Below this, edges are closer than the sampling can hold apart.
    if module < 0.75 {
        return None;
    }
    if first == 0 || last == runs.len() {
        return None;
    }
    let is_cut = [first == 1, last + 1 == runs.len()];
    let lights = [runs.width(first - 1), runs.width(last)];
    // Print cut off on both sides may be anything.
    let is_quiet = |(light, is_cut): (f32, bool)| {
        let is_lenient = is_cut && lights.iter().any(|l| *l >= layout.quiet_modules * module);
        let modules = if is_lenient { layout.quiet_modules_cut } else { layout.quiet_modules };
        light >= modules * module
    };
    if !lights.into_iter().zip(is_cut).all(is_quiet) {
        return None;
    }
    let spread = guard_spread(runs, first, layout, module)?;
    let first_try = classify(runs, first, layout, spread)?;
    let read = classify(runs, first, layout, first_try.spread)?;
    let (symbology, text) = layout.text(&read)?;
    (read.deviation <= layout.deviation_max).then_some(EanRead {
        symbology,
        text,
        span: (from, to),
        deviation: read.deviation,
        end: last,
        module,
        spread: read.spread,
    })
}

/// By how many modules bars are wider than nominal, from the guards; `None` if they are no guards.
fn guard_spread(runs: &Runs, first: usize, layout: &Layout, module: f32) -> Option<f32> {
    let middle = first + 3 + 4 * layout.left_digits;
    let end = first + layout.runs() - layout.end_runs;
    let guards = [(first, 3), (middle, layout.middle_runs), (end, layout.end_runs)];
    let (mut bars, mut spaces, mut bar_count, mut space_count) = (0.0, 0.0, 0.0, 0.0);
    for (start, count) in guards {
        for index in start..start + count {
            let width = runs.width(index) / module;
            if !(0.15..2.5).contains(&width) {
                return None;
            }
            if runs.is_dark(index) {
                bars += width;
                bar_count += 1.0;
            } else {
                spaces += width;
                space_count += 1.0;
            }
        }
    }
    Some(((bars / bar_count - spaces / space_count) / 2.0f32).clamp(-0.6, 0.6))
}

#[derive(Default)]
struct Classified {
    digits: [u8; 12],
    /// Bit set where the left digit is of set B; the first digit is the highest bit used.
    set_b: u8,
    deviation: f32,
    spread: f32,
}

/// Tells every digit by its nearest nominal widths, `spread` taken out.
fn classify(runs: &Runs, first: usize, layout: &Layout, spread: f32) -> Option<Classified> {
    let mut read = Classified::default();
    let (mut squares, mut bar_excess, mut count) = (0.0, 0.0, 0.0);
    let right_start = first + 3 + 4 * layout.left_digits + layout.middle_runs;
    let module = (runs.edges[first + layout.runs()] - runs.edges[first]) / layout.modules;
    for position in 0..layout.left_digits + layout.right_digits {
        let is_left = position < layout.left_digits;
        let start = if is_left {
            first + 3 + 4 * position
        } else {
            right_start + 4 * (position - layout.left_digits)
        };
        let sum = runs.edges[start + 4] - runs.edges[start];
        if !(0.65..1.45).contains(&(sum / (7.0 * module))) {
            return None;
        }
        // Left digits start with a space, right digits with a bar.
        let sign = if is_left { 1.0 } else { -1.0 };
        let mut raw = [0.0f32; 4];
        for (index, width) in raw.iter_mut().enumerate() {
            *width = runs.width(start + index) * 7.0 / sum;
        }
        let shift = [spread * sign, -spread * sign, spread * sign, -spread * sign];
        let widths = std::array::from_fn(|index| raw[index] + shift[index]);
        let Nearest { digit, is_set_b, cost, margin } = nearest(&widths, is_left);
        if cost >= DISTANCE_MAX || margin <= MARGIN_MIN {
            return None;
        }
        let nominal = nominal(digit, is_set_b);
        bar_excess += (raw[1] - nominal[1] + raw[3] - nominal[3]) * sign;
        count += 2.0;
        squares += cost;
        read.digits[position] = digit as u8;
        if is_left {
            read.set_b = read.set_b << 1 | u8::from(is_set_b);
        }
    }
    read.deviation = squares / (2.0 * count);
    read.spread = (bar_excess / count).clamp(-0.7, 0.7);
    Some(read)
}

/// The widths of a digit of set A or B, space first.
pub(super) fn nominal(digit: usize, is_set_b: bool) -> [f32; 4] {
    let [a, b, c, d] = DIGIT_WIDTHS[digit].map(f32::from);
    if is_set_b { [d, c, b, a] } else { [a, b, c, d] }
}

/// How far the widths of a digit may be off, and how much farther the next digit must be.
const DISTANCE_MAX: f32 = 1.5;
const MARGIN_MIN: f32 = 0.05;

/// The digit whose nominal widths are nearest.
pub(super) struct Nearest {
    pub digit: usize,
    pub is_set_b: bool,
    /// Its squared distance, in modules².
    pub cost: f32,
    /// How much more that of the next one is.
    pub margin: f32,
}

/// The digit nearest to four widths of seven modules together.
pub(super) fn nearest(widths: &[f32; 4], is_left: bool) -> Nearest {
    let (mut best, mut second) = ((0, false, f32::INFINITY), f32::INFINITY);
    for is_set_b in [false, true] {
        if is_set_b && !is_left {
            break;
        }
        for digit in 0..10 {
            let nominal = nominal(digit, is_set_b);
            // Distances between like edges do not depend on ink spread, so they weigh more.
            let off: [f32; 4] = std::array::from_fn(|index| widths[index] - nominal[index]);
            let like = (off[0] + off[1]).powi(2) + (off[1] + off[2]).powi(2);
            let cost = off.iter().map(|d| d * d).sum::<f32>() * 0.6 + like * 0.4;
            if cost < best.2 {
                second = best.2;
                best = (digit, is_set_b, cost);
            } else if cost < second {
                second = cost;
            }
        }
    }
    let (digit, is_set_b, cost) = best;
    Nearest { digit, is_set_b, cost, margin: second - cost }
}

impl Layout {
    /// The digits in words of the standard, if parity and check digit hold.
    fn text(&self, read: &Classified) -> Option<(Symbology, String)> {
        let digit = |value: u8| char::from(b'0' + value);
        let body = || read.digits[..self.left_digits + self.right_digits].iter().copied();
        match self.symbology {
            Symbology::Ean13 => {
                let leading = leading_of(read.set_b)?;
                let text: String = std::iter::once(leading).chain(body()).map(digit).collect();
                let is_right = has_check_digit(&text) && text.bytes().any(|byte| byte != b'0');
                is_right.then(|| match leading {
                    0 => (Symbology::UpcA, text[1..].to_owned()),
                    _ => (Symbology::Ean13, text),
                })
            }
            Symbology::Ean8 => {
                let text: String = body().map(digit).collect();
                (read.set_b == 0 && has_check_digit(&text) && Gtin::parse(&text).is_ok())
                    .then_some((Symbology::Ean8, text))
            }
            _ => {
                let (system, check) = upc_e_of(read.set_b)?;
                let text: String =
                    std::iter::once(system).chain(body()).chain([check]).map(digit).collect();
                let is_right = expand_upc_e(&text).is_some_and(|long| Gtin::parse(&long).is_ok());
                is_right.then_some((Symbology::UpcE, text))
            }
        }
    }
}

fn has_check_digit(text: &str) -> bool {
    let (body, last) = text.split_at(text.len() - 1);
    check_digit(body).is_some_and(|expected| last.as_bytes()[0] == b'0' + expected)
}

/// The module pattern of an EAN-13 (bars `true`), quiet zones included, for labels and tests.
pub fn ean13_modules(digits: &str) -> Option<Vec<bool>> {
    let values: Vec<usize> =
        digits.bytes().map(|byte| usize::from(byte.wrapping_sub(b'0'))).collect();
    if values.len() != 13 || values.iter().any(|value| *value > 9) || !has_check_digit(digits) {
        return None;
    }
    let mut modules = Vec::with_capacity(113);
    let mut run = |width: usize, is_dark: bool| modules.extend(std::iter::repeat_n(is_dark, width));
    run(11, false);
    [true, false, true].into_iter().for_each(|is_dark| run(1, is_dark));
    for position in 0..6 {
        let is_set_b = LEADING_SETS[values[0]] >> (5 - position) & 1 == 1;
        for (index, width) in nominal(values[position + 1], is_set_b).into_iter().enumerate() {
            run(width as usize, index % 2 == 1);
        }
    }
    [false, true, false, true, false].into_iter().for_each(|is_dark| run(1, is_dark));
    for value in &values[7..] {
        for (index, width) in nominal(*value, false).into_iter().enumerate() {
            run(width as usize, index % 2 == 0);
        }
    }
    [true, false, true].into_iter().for_each(|is_dark| run(1, is_dark));
    run(7, false);
    Some(modules)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::decode::profile::{EdgeFinder, Level};
    use proptest::prelude::*;

    fn read_modules(modules: &[bool], pixels: f32) -> Vec<EanRead> {
        let count = (modules.len() as f32 * pixels) as usize;
        let profile: Vec<f32> = (0..count * 4)
            .map(|x| modules[((x as f32 / 4.0 / pixels) as usize).min(modules.len() - 1)])
            .map(|is_dark| if is_dark { 30.0 } else { 220.0 })
            .collect::<Vec<f32>>()
            .chunks(4)
            .map(|samples| samples.iter().sum::<f32>() / 4.0)
            .collect();
        let mut runs = Runs::default();
        EdgeFinder::default().find(&profile, 0.25, Level::Envelope, &mut runs);
        let mut found = Vec::new();
        read(&runs, |_| true, &mut found);
        found
    }

    #[test]
    fn a_printed_ean_is_read_at_many_sizes() {
        let modules = ean13_modules("4006381333931").unwrap();
        for pixels in [1.6, 2.0, 2.5, 3.3, 7.0] {
            let found = read_modules(&modules, pixels);
            assert_eq!(found.len(), 1, "{pixels}");
            assert_eq!(found[0].text, "4006381333931");
            assert!((found[0].span.0 - 11.0 * pixels).abs() < 1.0);
        }
    }

    /// An EAN-8 cut out tightly on one side, at 2.5 modules of light; on both sides it is no code.
    #[test]
    fn a_short_code_may_be_cut_out_tightly_on_one_side() {
        let mut modules = vec![false; 7];
        let mut run = |width: usize, is_dark: bool| {
            modules.extend(std::iter::repeat_n(is_dark, width));
        };
        [true, false, true].into_iter().for_each(|is_dark| run(1, is_dark));
        for (position, digit) in [5, 5, 1, 2, 3, 4, 5, 7].into_iter().enumerate() {
            if position == 4 {
                (0..5).for_each(|index| run(1, index % 2 == 1));
            }
            for (index, width) in nominal(digit, false).into_iter().enumerate() {
                run(width as usize, (index % 2 == 1) == (position < 4));
            }
        }
        [true, false, true].into_iter().for_each(|is_dark| run(1, is_dark));
        run(7, false);
        let count = modules.len();
        for (left, right, is_read) in
            [(7, 7, true), (3, 7, true), (7, 3, true), (3, 3, false), (2, 7, false), (7, 2, false)]
        {
            let found = read_modules(&modules[7 - left..count - 7 + right], 3.0);
            assert_eq!(found.len(), usize::from(is_read), "{left} {right}");
            assert!(found.iter().all(|read| read.text == "55123457"));
        }
    }

    /// The end of a frame through a code: what is left of it is no shorter code.
    #[test]
    fn a_part_of_a_long_code_is_no_short_one() {
        let mut number = 400_638_133_393u64;
        for _ in 0..1500 {
            number = (number * 6_364_137 + 1_442_695_041) % 1_000_000_000_000;
            let body = format!("{number:012}");
            let text = format!("{body}{}", check_digit(&body).unwrap());
            let modules = ean13_modules(&text).unwrap();
            let mut edges = vec![0.0];
            for at in 1..modules.len() {
                if modules[at] != modules[at - 1] {
                    edges.push(at as f32 * 2.0);
                }
            }
            edges.push(modules.len() as f32 * 2.0);
            let count = edges.len();
            for cut in (2..count - RUNS_MIN).step_by(2) {
                for edges in [&edges[cut..], &edges[..count - cut]] {
                    let runs = Runs { edges: edges.to_vec(), is_first_dark: false };
                    let mut found = Vec::new();
                    read(&runs, |_| true, &mut found);
                    assert!(found.is_empty(), "{text} {cut}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn a_code_without_a_quiet_zone_is_no_code() {
        let modules = ean13_modules("4006381333931").unwrap();
        assert!(read_modules(&modules[10..], 3.0).is_empty());
        assert!(read_modules(&modules[..modules.len() - 30], 3.0).is_empty(), "cut off");
    }

    proptest! {
        #[test]
        fn every_article_number_survives_print_and_reading(number in 0u64..999_999_999_999) {
            let body = format!("{number:012}");
            let text = format!("{body}{}", check_digit(&body).unwrap());
            let found = read_modules(&ean13_modules(&text).unwrap(), 2.3);
            if number == 0 {
                prop_assert!(found.is_empty());
            } else {
                prop_assert_eq!(found.len(), 1);
                prop_assert_eq!(format!("{:0>13}", found[0].text), text);
            }
        }

        #[test]
        fn noise_is_hardly_ever_a_code(bytes in prop::collection::vec(any::<u8>(), 300)) {
            let profile: Vec<f32> = bytes.iter().map(|byte| f32::from(*byte)).collect();
            let mut runs = Runs::default();
            EdgeFinder::default().find(&profile, 0.25, Level::Envelope, &mut runs);
            let mut found = Vec::new();
            read(&runs, |_| true, &mut found);
            prop_assert!(found.is_empty(), "{:?}", found);
        }
    }
}
