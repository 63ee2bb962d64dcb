//! The add-on of two or five digits beside an EAN-13, UPC-A or UPC-E, on a line that read the number.
//!
//! ```text
//!   number | 7 to 12 modules of light | 1,1,2 | digit | 1,1 | digit ... | 5 modules of light
//! ```
//! Structure: ISO/IEC 15420:2009, section 4.3.3, and GS1 General Specifications, section 5.2. An
//! add-on has no check digit, only a pattern of number sets that its value demands: one in four
//! groups of two digits passes by chance. So nothing is asked of it that the number beside does not
//! answer first: where it begins, how wide a module is, and how far ink has spread. It never has a
//! say in what the number is.

use super::ean::{EanRead, nearest};
use super::profile::Runs;
use crate::add_on::Beside;
use crate::ean_pattern::add_on_sets;
use domain::code::{AddOn, Symbology};

/// From the last bar of the number to the end of what must be seen behind it, in modules: the light
/// between, five digits, the light behind, all of them a quarter larger than they are printed.
pub const REACH_MODULES: f32 = 80.0;

/// Light between number and add-on: 7 to 12 modules are demanded, and labels are curved and leaned.
const GAP_MODULES: std::ops::Range<f32> = 5.0..14.5;
/// Light behind five digits, after which nothing goes on.
const LIGHT_MODULES_CUT: f32 = 2.5;
/// Light behind two digits that something wide ends: the standard demands five modules.
const LIGHT_MODULES: f32 = 4.5;
/// Light behind two digits, whatever ends it: of five, a blur that hides the narrow bar behind the
/// second shows one module before it, its own, and four of a digit like six.
const LIGHT_MODULES_SURE: f32 = 7.0;
/// Runs of the start guard, of a digit, and of a digit with the separator behind it.
const GUARD_RUNS: usize = 3;
const DIGIT_RUNS: usize = 4;
const STEP_RUNS: usize = 6;
/// Runs in a row, none of them wide, that look like more than a letter.
const UNCLEAR_RUNS_MIN: usize = 9;
/// How much wider or narrower a module may be here than in the number.
const MODULE_RATIO: std::ops::Range<f32> = 0.75..1.33;
/// The same of seven modules of a digit within the add-on.
const DIGIT_RATIO: std::ops::Range<f32> = 0.84..1.19;
/// How far two modules of a separator, and three at the end of the guard, may be off, in modules.
const OFF_MAX: f32 = 0.7;
/// Squared distance of one digit from its nominal widths, and how much farther the next digit must be.
const DIGIT_COST_MAX: f32 = 0.7;
const DIGIT_MARGIN_MIN: f32 = 0.2;
/// The same of one of two, whose number sets say too little: on a can three lines saw 08 in 01.
const DIGIT_OF_TWO_MARGIN_MIN: f32 = 1.0;
/// The mean of the digits' distances.
const MEAN_COST_MAX: f32 = 0.4;

const TWO_RUNS: usize = runs_of(2);
const FIVE_RUNS: usize = runs_of(5);

const fn runs_of(digits: usize) -> usize {
    GUARD_RUNS + STEP_RUNS * digits - 2
}

/// Looks behind a number that was read in `runs`; `is_edge` says that the picture ends with them.
pub fn read(runs: &Runs, main: &EanRead, is_edge: bool) -> Beside {
    if main.symbology == Symbology::Ean8 {
        return Beside::Nothing;
    }
    let end = runs.len();
    let modules = |index: usize| runs.width(index) / main.module;
    if main.end + 1 >= end {
        let is_open = !is_edge && modules(main.end) < GAP_MODULES.end;
        return if is_open { Beside::CutOff } else { Beside::Nothing };
    }
    if !GAP_MODULES.contains(&modules(main.end)) {
        return Beside::Nothing;
    }
    let first = main.end + 1;
    // No add-on has more digits than five: those need no more light behind them than a number does.
    let light = first + FIVE_RUNS;
    if light < end
        && modules(light) >= LIGHT_MODULES_CUT
        && let Some(add_on) = digits(runs, first, 5, main)
    {
        return Beside::Digits(add_on);
    }
    let is_narrow = |index: usize| modules(index) < LIGHT_MODULES;
    let count = (first..end.min(light + 1)).take_while(|at| is_narrow(*at)).count();
    // The last run of a line is as wide as the line is long, not as the bar or the light is.
    let is_cut = first + count == end;
    let light = first + count;
    let is_sure = !is_cut && modules(light) >= LIGHT_MODULES_SURE;
    let is_last = !is_cut && light + 1 == end && !is_sure;
    if (is_cut || is_last) && !is_edge {
        return Beside::CutOff;
    }
    let is_ended = is_sure || (light + 1 < end && modules(light + 1) >= LIGHT_MODULES);
    let is_two = count == TWO_RUNS && !is_cut && is_ended;
    let digits = if is_two { digits(runs, first, 2, main) } else { None };
    match digits {
        Some(add_on) => Beside::Digits(add_on),
        None if count >= UNCLEAR_RUNS_MIN && has_guard(runs, first, main.module, main.spread) => {
            Beside::Unclear
        }
        None => Beside::Nothing,
    }
}

/// Whether a start guard begins with run `first`: one bar, one space, two of bar, ink taken out.
fn has_guard(runs: &Runs, first: usize, module: f32, spread: f32) -> bool {
    let modules = |from: usize, to: usize| (runs.edges[to] - runs.edges[from]) / module;
    let is_bar_narrow = (0.35..1.75).contains(&(modules(first, first + 1) - spread));
    let is_space_narrow = (0.35..1.75).contains(&(modules(first + 1, first + 2) + spread));
    // From the end of a bar to the end of the next, so that ink does not matter.
    is_bar_narrow && is_space_narrow && (modules(first + 1, first + 3) - 3.0).abs() < OFF_MAX
}

/// The digits that begin with the guard at run `first`, if their number sets are what they demand.
fn digits(runs: &Runs, first: usize, count: usize, main: &EanRead) -> Option<AddOn> {
    let last = first + runs_of(count);
    let spread = main.spread;
    let margin_min = if count == 2 { DIGIT_OF_TWO_MARGIN_MIN } else { DIGIT_MARGIN_MIN };
    // Both ends are ends of bars, which ink moves outward.
    let nominal = (2 + 9 * count) as f32 + spread;
    let module = (runs.edges[last] - runs.edges[first]) / nominal;
    if !MODULE_RATIO.contains(&(module / main.module)) || !has_guard(runs, first, module, spread) {
        return None;
    }
    let modules = |from: usize, to: usize| (runs.edges[to] - runs.edges[from]) / module;
    let (mut values, mut sets, mut costs) = ([0u8; 5], 0u8, 0.0);
    for (index, value) in values[..count].iter_mut().enumerate() {
        let at = first + GUARD_RUNS + STEP_RUNS * index;
        let wide = modules(at, at + DIGIT_RUNS);
        if !DIGIT_RATIO.contains(&(wide / 7.0)) {
            return None;
        }
        let widths = std::array::from_fn(|run| {
            let ink = if run % 2 == 0 { spread } else { -spread };
            runs.width(at + run) / module * 7.0 / wide + ink
        });
        let near = nearest(&widths, true);
        if near.cost > DIGIT_COST_MAX || near.margin < margin_min {
            return None;
        }
        *value = near.digit as u8;
        sets = sets << 1 | u8::from(near.is_set_b);
        costs += near.cost;
        let separator = at + DIGIT_RUNS;
        if index + 1 < count && !is_separator(runs, separator, module, spread) {
            return None;
        }
    }
    let values = &values[..count];
    if costs / count as f32 > MEAN_COST_MAX || add_on_sets(values) != Some(sets) {
        return None;
    }
    let number = values.iter().fold(0, |number, value| 10 * number + u32::from(*value));
    Some(match count {
        2 => AddOn::Issue(number as u8),
        _ => AddOn::Five(number),
    })
}

/// One space, one bar.
fn is_separator(runs: &Runs, at: usize, module: f32, spread: f32) -> bool {
    let (space, bar) = (runs.width(at) / module + spread, runs.width(at + 1) / module - spread);
    let narrow = 0.35..1.75;
    narrow.contains(&space) && narrow.contains(&bar) && (space + bar - 2.0).abs() < OFF_MAX
}

/// The modules of an add-on (bars `true`) with seven modules of light before it and five behind, for
/// labels and tests; `None` for other than two or five digits.
pub fn add_on_modules(add_on: &str) -> Option<Vec<bool>> {
    let digits: Vec<u8> = add_on.bytes().map(|byte| byte.wrapping_sub(b'0')).collect();
    if digits.iter().any(|digit| *digit > 9) {
        return None;
    }
    let sets = add_on_sets(&digits)?;
    let mut modules = Vec::with_capacity(59);
    let mut run = |width: u8, is_dark: bool| {
        modules.extend(std::iter::repeat_n(is_dark, usize::from(width)));
    };
    run(7, false);
    [(1, true), (1, false), (2, true)].into_iter().for_each(|(width, is_dark)| run(width, is_dark));
    for (index, digit) in digits.iter().enumerate() {
        if index > 0 {
            [(1, false), (1, true)].into_iter().for_each(|(width, is_dark)| run(width, is_dark));
        }
        let is_set_b = sets >> (digits.len() - 1 - index) & 1 == 1;
        for (run_index, width) in
            super::ean::nominal(usize::from(*digit), is_set_b).into_iter().enumerate()
        {
            run(width as u8, run_index % 2 == 1);
        }
    }
    run(5, false);
    Some(modules)
}

#[cfg(test)]
mod tests;
